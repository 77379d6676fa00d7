//! The physics of the simulated equipment: state + time + condition -> the values of its metrics.
//! Pure: time and randomness are arguments.

mod air_conditioner;
mod elevator;
mod pump;

pub use air_conditioner::AirConditioner;
pub use elevator::Elevator;
pub use pump::Pump;

use rand_chacha::ChaCha8Rng;

use crate::catalogue::MachineKind;
use crate::fault::Condition;
use crate::spec::TwoSpeed;

/// Values in the order of [`MachineKind::metrics`].
pub type Values = [f64; 7];

/// One piece of equipment.
#[derive(Debug, Clone)]
pub enum Machine {
    /// A pump.
    Pump(Pump),
    /// An elevator.
    Elevator(Elevator),
    /// An air conditioner.
    AirConditioner(AirConditioner),
}

impl Machine {
    /// A healthy machine with the small differences that two machines of one model have.
    pub fn new(kind: MachineKind, now_ms: i64, rng: &mut ChaCha8Rng) -> Machine {
        match kind {
            MachineKind::Pump => Machine::Pump(Pump::new(rng)),
            MachineKind::Elevator => Machine::Elevator(Elevator::new(now_ms, rng)),
            MachineKind::AirConditioner => Machine::AirConditioner(AirConditioner::new(rng)),
        }
    }

    /// A pump that turns slower for a part of the time; others have one way of working.
    #[must_use]
    pub fn at_two_speeds(self, two_speed: Option<TwoSpeed>) -> Machine {
        match self {
            Machine::Pump(pump) => Machine::Pump(pump.at_two_speeds(two_speed)),
            Machine::Elevator(_) | Machine::AirConditioner(_) => self,
        }
    }

    /// Kind of this machine.
    #[must_use]
    pub fn kind(&self) -> MachineKind {
        match self {
            Machine::Pump(_) => MachineKind::Pump,
            Machine::Elevator(_) => MachineKind::Elevator,
            Machine::AirConditioner(_) => MachineKind::AirConditioner,
        }
    }

    /// Moves on to `now_ms`, which is `dt_s` after the step before, and reads all sensors.
    pub fn step(&mut self, now_ms: i64, dt_s: f64, condition: &Condition, rng: &mut ChaCha8Rng) -> Values {
        match self {
            Machine::Pump(pump) => pump.step(now_ms, dt_s, condition, rng),
            Machine::Elevator(elevator) => elevator.step(now_ms, dt_s, condition, rng),
            Machine::AirConditioner(unit) => unit.step(now_ms, dt_s, condition, rng),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Fault, MetricSpec};
    use crate::fault::FaultPlan;
    use crate::noise::rng_for;

    /// 2026-01-05T08:00:00Z.
    const START_MS: i64 = 1_767_600_000_000;
    const HOUR_MS: i64 = 3_600_000;

    fn run(kind: MachineKind, seed: u64, hours: i64, plans: &[FaultPlan], mut look: impl FnMut(i64, &Values)) {
        let mut rng = rng_for(seed, "x");
        let mut machine = Machine::new(kind, START_MS, &mut rng);
        let mut now_ms = START_MS;
        while now_ms < START_MS + hours * HOUR_MS {
            now_ms += 10_000;
            let values = machine.step(now_ms, 10.0, &Condition::at(plans, now_ms), &mut rng);
            look(now_ms, &values);
        }
    }

    fn position(kind: MachineKind, name: &str) -> (usize, MetricSpec) {
        let found = kind
            .metrics()
            .iter()
            .enumerate()
            .find(|(_, metric)| metric.name == name);
        found.map(|(index, metric)| (index, *metric)).unwrap()
    }

    #[test]
    fn a_healthy_machine_stays_in_its_published_ranges_for_two_days() {
        for kind in MachineKind::ALL {
            for seed in 0..4 {
                run(kind, seed, 48, &[], |now_ms, values| {
                    for (metric, value) in kind.metrics().iter().zip(values) {
                        assert!(
                            (metric.low..=metric.high).contains(value),
                            "{} seed {seed} at +{} s: {} = {value}",
                            kind.id(),
                            (now_ms - START_MS) / 1000,
                            metric.name
                        );
                    }
                });
            }
        }
    }

    #[test]
    fn each_fault_drives_its_leading_metric_out_of_the_healthy_range_in_the_last_part_before_failure() {
        for fault in Fault::ALL {
            let kind = fault.machine();
            let (index, metric) = position(kind, fault.spec().leading_metric);
            let plan = FaultPlan {
                fault,
                onset_ms: START_MS + HOUR_MS,
                failure_ms: START_MS + 7 * HOUR_MS,
                repaired_ms: None,
            };
            let (mut outside, mut seen) = (0, 0);
            run(kind, 3, 7, &[plan], |now_ms, values| {
                if (plan.failure_ms - 40 * 60_000..plan.failure_ms).contains(&now_ms) {
                    seen += 1;
                    outside += i32::from(!(metric.low..=metric.high).contains(&values[index]));
                }
            });
            assert!(outside * 10 >= seen * 9, "{}: {outside} of {seen} outside", fault.id());
        }
    }

    #[test]
    fn bearing_wear_walks_the_vibration_through_the_iso_zones_before_the_pump_fails() {
        let plan = FaultPlan {
            fault: Fault::BearingWear,
            onset_ms: START_MS + HOUR_MS,
            failure_ms: START_MS + 11 * HOUR_MS,
            repaired_ms: None,
        };
        // ISO 10816-3 group 2, rigid: A/B 1.4, B/C 2.8, C/D 4.5 mm/s.
        let mut first_above = [None; 3];
        run(MachineKind::Pump, 5, 12, &[plan], |now_ms, values| {
            for (slot, limit) in first_above.iter_mut().zip([1.4, 2.8, 4.5]) {
                if values[0] > limit && slot.is_none() {
                    *slot = Some((now_ms - plan.onset_ms) as f64 / (plan.failure_ms - plan.onset_ms) as f64);
                }
            }
            if now_ms >= plan.failure_ms {
                assert!(
                    values[0] < 0.1 && values[5] == 0.0,
                    "a failed pump stands still: {values:?}"
                );
            }
        });
        let [a_b, b_c, c_d] = first_above.map(Option::unwrap);
        assert!(0.0 < a_b && a_b < b_c && b_c < c_d, "{first_above:?}");
        assert!(
            (0.3..0.65).contains(&b_c) && (0.5..0.85).contains(&c_d),
            "{first_above:?}"
        );
    }

    #[test]
    fn a_pump_at_two_speeds_follows_the_laws_of_similarity() {
        let mut rng = rng_for(4, "x");
        let two_speed = TwoSpeed {
            low: 0.7,
            every_min: 30.0,
        };
        let mut pump = Machine::new(MachineKind::Pump, START_MS, &mut rng).at_two_speeds(Some(two_speed));
        let (mut slow, mut fast) = (Vec::new(), Vec::new());
        for step in 1..=2 * 24 * 60 {
            let now_ms = START_MS + step * 60_000;
            let values = pump.step(now_ms, 60.0, &Condition::at(&[], now_ms), &mut rng);
            if values[5] < 1200.0 { &mut slow } else { &mut fast }.push(values);
        }
        assert!(slow.len() > 500 && fast.len() > 500, "{} {}", slow.len(), fast.len());
        let mean = |all: &[Values], place: usize| all.iter().map(|v| v[place]).sum::<f64>() / all.len() as f64;
        for (metric, power) in [(0, 2), (3, 2), (4, 1), (5, 1)] {
            let share = mean(&slow, metric) / mean(&fast, metric);
            assert!((share / 0.7f64.powi(power) - 1.0).abs() < 0.06, "{metric}: {share}");
        }
    }

    #[test]
    fn a_brake_that_drags_heats_the_motor_long_before_it_fails() {
        let plan = FaultPlan {
            fault: Fault::BrakeDrag,
            onset_ms: START_MS + HOUR_MS,
            failure_ms: START_MS + 9 * HOUR_MS,
            repaired_ms: None,
        };
        let (mut before, mut late) = (0.0f64, 0.0f64);
        run(MachineKind::Elevator, 5, 9, &[plan], |now_ms, values| {
            if now_ms < plan.onset_ms {
                before = before.max(values[3]);
            } else if now_ms < plan.failure_ms {
                late = late.max(values[3]);
            }
        });
        assert!(late > before + 25.0, "{before} -> {late}");
    }

    #[test]
    fn counters_never_go_back_and_stop_when_the_machine_has_failed() {
        for fault in [Fault::SealLeak, Fault::DoorWear, Fault::FilterClogged] {
            let plan = FaultPlan {
                fault,
                onset_ms: START_MS,
                failure_ms: START_MS + 2 * HOUR_MS,
                repaired_ms: Some(START_MS + 3 * HOUR_MS),
            };
            let mut last = f64::MIN;
            let (mut at_failure, mut at_repair, mut at_end) = (0.0, 0.0, 0.0);
            run(fault.machine(), 2, 5, &[plan], |now_ms, values| {
                assert!(values[6] >= last);
                last = values[6];
                match (now_ms - START_MS) / HOUR_MS {
                    0 | 1 => at_failure = last,
                    2 => at_repair = last,
                    _ => at_end = last,
                }
            });
            assert!(
                (at_repair - at_failure).abs() < 0.02,
                "{}: ran while failed",
                fault.id()
            );
            assert!(at_end > at_repair, "{}: runs again after the repair", fault.id());
        }
    }
}
