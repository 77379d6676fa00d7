//! The fleet: all devices of a spec, moved on in time together. `step_until(now)` gives the messages that the devices
//! have sent up to then, in the order of sending; the same spec gives the same bytes however time is cut into steps.
//! No clock, no I/O.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::catalogue::{Fault, MachineKind};
use crate::fault::{Condition, FaultPlan};
use crate::machine::Machine;
use crate::noise::{fnv1a, rng_for};
use crate::spec::{FleetSpec, LinkSpec, SpecError, TwoSpeed, WaveformSpec};
use crate::truth::{Truth, TruthRecord};
use crate::waveform::{Sampling, bearing_snapshot};
use crate::wire::{self, Outgoing, Topics};

/// Position of the shaft speed in the pump's values, and of its vibration.
const PUMP_RPM: usize = 5;
const PUMP_VIBRATION: usize = 0;

/// Who a device is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceName {
    /// Site id.
    pub site: String,
    /// Device id.
    pub id: String,
    /// What it is.
    pub kind: MachineKind,
}

struct Device {
    topics: Topics,
    machine: Machine,
    machine_rng: ChaCha8Rng,
    sensor_rng: ChaCha8Rng,
    link_rng: ChaCha8Rng,
    plans: Vec<FaultPlan>,
    interval_ms: i64,
    waveform_due_ms: Option<i64>,
    seq: u64,
    reported: Option<Fault>,
}

/// A message that waits for its moment of sending. Ordered by moment, then by the order of making.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    send_ms: i64,
    order: u64,
    /// Index into the slots: keeps the payload out of the comparison's way.
    slot: usize,
}

/// All simulated devices.
pub struct Fleet {
    names: Vec<DeviceName>,
    devices: Vec<Device>,
    truth: Truth,
    boot: Arc<str>,
    link: LinkSpec,
    waveform: WaveformSpec,
    two_speed: Option<TwoSpeed>,
    start_ms: i64,
    speed: f64,
    due: BinaryHeap<Reverse<(i64, usize)>>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    slots: Vec<Option<Outgoing>>,
    free_slots: Vec<usize>,
    order: u64,
}

impl Fleet {
    /// Builds the fleet of a spec.
    ///
    /// # Errors
    /// [`SpecError::Invalid`] with everything that is wrong.
    pub fn new(spec: &FleetSpec) -> Result<Fleet, SpecError> {
        let problems = spec.problems();
        let start_ms = match spec.start_ms {
            Some(start_ms) if problems.is_empty() => start_ms,
            Some(_) | None => return Err(SpecError::Invalid(problems)),
        };
        let names: Vec<DeviceName> = spec
            .sites
            .iter()
            .flat_map(|site| {
                site.devices().map(|(id, kind)| DeviceName {
                    site: site.name.clone(),
                    id,
                    kind,
                })
            })
            .collect();
        let plans = plan_faults(spec, start_ms, &names);
        let boot = format!("{:08x}", fnv1a(format!("{}/{start_ms}", spec.seed).as_bytes()) as u32);
        let mut fleet = Fleet {
            truth: truth_of(spec.seed, start_ms, &names, &plans),
            devices: Vec::with_capacity(names.len()),
            names: Vec::new(),
            boot: Arc::from(boot),
            link: spec.link,
            waveform: spec.waveform,
            two_speed: spec.two_speed,
            start_ms,
            speed: spec.speed,
            due: BinaryHeap::new(),
            waiting: BinaryHeap::new(),
            slots: Vec::new(),
            free_slots: Vec::new(),
            order: 0,
        };
        for (index, (name, plans)) in names.iter().zip(plans).enumerate() {
            let interval_ms = (spec.interval_s.of(name.kind) * 1000.0).round() as i64;
            let device = fleet.new_device(spec.seed, name, plans, interval_ms);
            fleet.devices.push(device);
            let online = wire::status(Some(start_ms), true);
            fleet.enqueue(start_ms, index, |topics| topics.status.clone(), online, true);
            // Devices do not beat in step: spread over the first interval.
            let offset_ms = fleet.devices[index].sensor_rng.random_range(0..interval_ms);
            fleet.due.push(Reverse((start_ms + offset_ms, index)));
        }
        fleet.names = names;
        Ok(fleet)
    }

    /// All devices, in the order of [`Outgoing::device`].
    #[must_use]
    pub fn devices(&self) -> &[DeviceName] {
        &self.names
    }

    /// What breaks and when, known from the start.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Machine time at the start, ms since 1970.
    #[must_use]
    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// Machine seconds per real second that the spec asks for.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Machine time of the next message or measurement.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<i64> {
        let measured = self.due.peek().map(|Reverse((at, _))| *at);
        let sent = self.waiting.peek().map(|Reverse(waiting)| waiting.send_ms);
        [measured, sent].into_iter().flatten().min()
    }

    /// Appends everything that is sent up to and including `now_ms`. Time never goes back: an earlier `now_ms` adds nothing.
    pub fn step_until(&mut self, now_ms: i64, out: &mut Vec<Outgoing>) {
        loop {
            let measure_ms = self.due.peek().map_or(i64::MAX, |Reverse((at, _))| *at);
            let send_ms = self.waiting.peek().map_or(i64::MAX, |Reverse(waiting)| waiting.send_ms);
            if measure_ms.min(send_ms) > now_ms {
                return;
            }
            if send_ms <= measure_ms {
                out.extend(self.take_waiting());
            } else if let Some(Reverse((at_ms, index))) = self.due.pop() {
                self.measure(at_ms, index);
                self.due.push(Reverse((at_ms + self.devices[index].interval_ms, index)));
            }
        }
    }

    /// The farewell of every device, for an orderly end: status offline. What still waits on a slow link comes first.
    pub fn say_goodbye(&mut self, now_ms: i64, out: &mut Vec<Outgoing>) {
        while !self.waiting.is_empty() {
            out.extend(self.take_waiting());
        }
        for (index, device) in self.devices.iter().enumerate() {
            let payload = wire::status(Some(now_ms), false);
            out.push(Outgoing {
                device: index,
                topic: device.topics.status.clone(),
                payload,
                retain: true,
            });
        }
    }

    fn new_device(&self, seed: u64, name: &DeviceName, plans: Vec<FaultPlan>, interval_ms: i64) -> Device {
        let who = format!("{}/{}", name.site, name.id);
        let mut machine_rng = rng_for(seed, &who);
        let mut sensor_rng = rng_for(seed, &format!("{who}/sensor"));
        let every_ms = minutes_ms(self.waveform.every_min);
        let waveform_due_ms = match name.kind {
            MachineKind::Pump if every_ms > 0 => Some(self.start_ms + sensor_rng.random_range(0..every_ms)),
            MachineKind::Pump | MachineKind::Elevator | MachineKind::AirConditioner => None,
        };
        Device {
            topics: Topics::new(&name.site, &name.id),
            machine: Machine::new(name.kind, self.start_ms, &mut machine_rng).at_two_speeds(self.two_speed),
            machine_rng,
            sensor_rng,
            link_rng: rng_for(seed, &format!("{who}/link")),
            plans,
            interval_ms,
            waveform_due_ms,
            seq: 0,
            reported: None,
        }
    }

    fn measure(&mut self, at_ms: i64, index: usize) {
        let device = &mut self.devices[index];
        let condition = Condition::at(&device.plans, at_ms);
        let dt_s = device.interval_ms as f64 / 1000.0;
        let values = device.machine.step(at_ms, dt_s, &condition, &mut device.machine_rng);
        let kind = device.machine.kind();
        let metrics: Vec<(&str, f64)> = kind
            .metrics()
            .iter()
            .zip(values)
            .map(|(metric, value)| (metric.name, round3(value)))
            .collect();
        let telemetry = wire::telemetry(at_ms, device.seq, &self.boot, &metrics);
        device.seq += 1;

        let before = std::mem::replace(&mut device.reported, condition.failed());
        let snapshot = device.waveform_due_ms.filter(|due_ms| *due_ms <= at_ms).map(|_| {
            let sampling = Sampling {
                samples: self.waveform.samples as usize,
                sample_rate_hz: self.waveform.sample_rate_hz,
            };
            let wear = condition.damage(Fault::BearingWear);
            let rpm = values[PUMP_RPM];
            let signal = bearing_snapshot(&mut device.sensor_rng, sampling, rpm, values[PUMP_VIBRATION], wear);
            device.waveform_due_ms = Some(at_ms + minutes_ms(self.waveform.every_min));
            wire::waveform(at_ms, sampling.sample_rate_hz, rpm, &signal)
        });

        self.send_telemetry(at_ms, index, telemetry);
        if before != condition.failed() {
            for (fault, is_raised) in [(before, false), (condition.failed(), true)] {
                if let Some(fault) = fault {
                    let spec = fault.spec();
                    let payload = wire::event(at_ms, spec.code, is_raised, spec.text);
                    self.enqueue(at_ms, index, |topics| topics.event.clone(), payload, false);
                }
            }
        }
        if let Some(payload) = snapshot {
            self.enqueue(at_ms, index, |topics| topics.waveform.clone(), payload, false);
        }
    }

    /// The sensor's side of the link: loses, delays, reorders and repeats before anything is published.
    fn send_telemetry(&mut self, at_ms: i64, index: usize, payload: bytes::Bytes) {
        let link = self.link;
        let device = &mut self.devices[index];
        let rng = &mut device.link_rng;
        let [lost, repeated, reordered, delayed]: [f64; 4] = rng.random();
        if lost < link.lose {
            return;
        }
        let mut send_ms = at_ms;
        if reordered < link.reorder {
            // Later than the next message, earlier than the one after it.
            send_ms += device.interval_ms + device.interval_ms / 2;
        }
        let delay_ms_max = (link.delay_s_max * 1000.0) as i64;
        if delayed < link.delay && delay_ms_max > 0 {
            send_ms += rng.random_range(1..=delay_ms_max);
        }
        let repeat_ms = (repeated < link.repeat).then(|| send_ms + rng.random_range(0..=2 * device.interval_ms));
        self.enqueue(
            send_ms,
            index,
            |topics| topics.telemetry.clone(),
            payload.clone(),
            false,
        );
        if let Some(repeat_ms) = repeat_ms {
            self.enqueue(repeat_ms, index, |topics| topics.telemetry.clone(), payload, false);
        }
    }

    fn enqueue(
        &mut self,
        send_ms: i64,
        index: usize,
        topic: impl Fn(&Topics) -> Arc<str>,
        payload: bytes::Bytes,
        retain: bool,
    ) {
        let message = Outgoing {
            device: index,
            topic: topic(&self.devices[index].topics),
            payload,
            retain,
        };
        let slot = match self.free_slots.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        self.slots[slot] = Some(message);
        self.waiting.push(Reverse(Waiting {
            send_ms,
            order: self.order,
            slot,
        }));
        self.order += 1;
    }

    fn take_waiting(&mut self) -> Option<Outgoing> {
        let Reverse(waiting) = self.waiting.pop()?;
        self.free_slots.push(waiting.slot);
        self.slots[waiting.slot].take()
    }
}

/// Faults of the spec, then the random ones, per device.
fn plan_faults(spec: &FleetSpec, start_ms: i64, names: &[DeviceName]) -> Vec<Vec<FaultPlan>> {
    let mut plans: Vec<Vec<FaultPlan>> = vec![Vec::new(); names.len()];
    for fault in &spec.faults {
        let place = names
            .iter()
            .position(|name| name.site == fault.site && name.id == fault.device);
        let onset_ms = start_ms + minutes_ms(fault.onset_min);
        let failure_ms = onset_ms + minutes_ms(fault.pf_min);
        let repaired_ms = fault.repair_after_min.map(|minutes| failure_ms + minutes_ms(minutes));
        let place = place.expect("the checks of the spec found the device");
        plans[place].push(FaultPlan {
            fault: fault.mode,
            onset_ms,
            failure_ms,
            repaired_ms,
        });
    }
    if let Some(random) = &spec.random_faults {
        let mut rng = rng_for(spec.seed, "random faults");
        let mut healthy: Vec<usize> = (0..names.len()).filter(|index| plans[*index].is_empty()).collect();
        healthy.shuffle(&mut rng);
        for index in healthy.into_iter().take(random.count as usize) {
            let faults = names[index].kind.faults();
            let fault = faults[rng.random_range(0..faults.len())];
            let onset_ms = start_ms + minutes_ms(rng.random_range(random.onset_min[0]..=random.onset_min[1]));
            let failure_ms = onset_ms + minutes_ms(rng.random_range(random.pf_min[0]..=random.pf_min[1]));
            plans[index].push(FaultPlan {
                fault,
                onset_ms,
                failure_ms,
                repaired_ms: None,
            });
        }
    }
    plans
}

fn truth_of(seed: u64, start_ms: i64, names: &[DeviceName], plans: &[Vec<FaultPlan>]) -> Truth {
    let mut faults: Vec<TruthRecord> = names
        .iter()
        .zip(plans)
        .flat_map(|(name, plans)| {
            plans.iter().map(|plan| TruthRecord {
                site: name.site.clone(),
                device: name.id.clone(),
                failure_mode: plan.fault.id().to_owned(),
                onset_ms: plan.onset_ms,
                failure_ms: plan.failure_ms,
            })
        })
        .collect();
    faults.sort_by(|a, b| (a.onset_ms, &a.site, &a.device).cmp(&(b.onset_ms, &b.site, &b.device)));
    Truth { seed, start_ms, faults }
}

fn minutes_ms(minutes: f64) -> i64 {
    (minutes * 60_000.0).round() as i64
}

fn round3(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{FaultSpec, RandomFaults, SiteSpec};
    use proptest::prelude::*;

    const START_MS: i64 = 1_767_600_000_000;
    const MINUTE_MS: i64 = 60_000;

    fn spec() -> FleetSpec {
        let site = SiteSpec {
            name: "plant".to_owned(),
            pump: 2,
            elevator: 2,
            air_conditioner: 1,
        };
        let mut spec = FleetSpec::of_site(7, START_MS, site);
        spec.waveform.every_min = 3.0;
        spec
    }

    fn messages(spec: &FleetSpec, steps_ms: &[i64]) -> Vec<Outgoing> {
        let mut fleet = Fleet::new(spec).unwrap();
        let mut out = Vec::new();
        for step_ms in steps_ms {
            fleet.step_until(START_MS + step_ms, &mut out);
        }
        out
    }

    fn seqs(messages: &[Outgoing], device: usize) -> Vec<u64> {
        let telemetry = messages
            .iter()
            .filter(|m| m.device == device && m.topic.ends_with("telemetry"));
        let parsed = telemetry.map(|m| serde_json::from_slice::<serde_json::Value>(&m.payload).unwrap());
        parsed.map(|value| value["seq"].as_u64().unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_bytes_do_not_depend_on_how_time_is_cut(mut cuts in prop::collection::vec(0..4 * MINUTE_MS, 0..12)) {
            let mut spec = spec();
            spec.link = LinkSpec { lose: 0.1, repeat: 0.2, reorder: 0.2, delay: 0.1, delay_s_max: 30.0 };
            cuts.sort_unstable();
            cuts.push(4 * MINUTE_MS);
            prop_assert_eq!(messages(&spec, &cuts), messages(&spec, &[4 * MINUTE_MS]));
        }
    }

    #[test]
    fn another_seed_gives_other_bytes_and_another_device_changes_nothing_of_the_first() {
        let base = messages(&spec(), &[MINUTE_MS]);
        let mut other = spec();
        other.seed = 8;
        assert_ne!(base, messages(&other, &[MINUTE_MS]));
        let mut larger = spec();
        larger.sites[0].air_conditioner = 2;
        let first = |messages: Vec<Outgoing>| -> Vec<Outgoing> {
            messages.into_iter().filter(|message| message.device == 0).collect()
        };
        assert_eq!(first(base), first(messages(&larger, &[MINUTE_MS])));
    }

    #[test]
    fn a_clean_link_sends_every_number_once_in_order() {
        let out = messages(&spec(), &[10 * MINUTE_MS]);
        for device in 0..5 {
            let seqs = seqs(&out, device);
            assert_eq!(seqs, (0..seqs.len() as u64).collect::<Vec<_>>());
            assert!(seqs.len() == if device == 4 { 120 } else { 300 }, "{}", seqs.len());
        }
        let waveforms = out
            .iter()
            .filter(|message| message.topic.ends_with("waveform/bearing"))
            .count();
        assert!((6..=8).contains(&waveforms), "{waveforms}");
        assert_eq!(
            out.iter()
                .filter(|message| message.topic.ends_with("status") && message.retain)
                .count(),
            5
        );
    }

    #[test]
    fn a_bad_link_loses_repeats_and_reorders_as_told_and_only_that() {
        let mut spec = spec();
        spec.link.repeat = 0.2;
        spec.link.reorder = 0.2;
        let out = messages(&spec, &[20 * MINUTE_MS]);
        let got = seqs(&out, 0);
        let mut unique = got.clone();
        unique.sort_unstable();
        unique.dedup();
        assert!(
            got.len() > unique.len() + 60,
            "repeats: {} of {}",
            got.len() - unique.len(),
            unique.len()
        );
        assert!(got.windows(2).filter(|pair| pair[1] < pair[0]).count() > 60);
        // The last two may still be on their way.
        assert!(
            unique.len() >= 598 && unique[597] == 597,
            "nothing is lost: {}",
            unique.len()
        );
        spec.link = LinkSpec {
            lose: 0.3,
            ..LinkSpec::default()
        };
        let kept = seqs(&messages(&spec, &[20 * MINUTE_MS]), 0).len();
        assert!((360..480).contains(&kept), "{kept} of 600");
    }

    #[test]
    fn a_failure_raises_the_devices_own_code_and_a_repair_clears_it() {
        let mut spec = spec();
        spec.faults.push(FaultSpec {
            site: "plant".to_owned(),
            device: "elevator-002".to_owned(),
            mode: Fault::BrakeDrag,
            onset_min: 1.0,
            pf_min: 5.0,
            repair_after_min: Some(2.0),
        });
        let out = messages(&spec, &[10 * MINUTE_MS]);
        let events: Vec<serde_json::Value> = out
            .iter()
            .filter(|message| message.topic.ends_with("event"))
            .map(|message| serde_json::from_slice(&message.payload).unwrap())
            .collect();
        assert_eq!(events.len(), 2);
        assert_eq!(
            (&events[0]["code"], &events[0]["state"]),
            (&"E47".into(), &"raised".into())
        );
        assert_eq!(
            (&events[1]["code"], &events[1]["state"]),
            (&"E47".into(), &"cleared".into())
        );
        let raised_ms = events[0]["ts"].as_i64().unwrap() - START_MS;
        assert!(
            (6 * MINUTE_MS..6 * MINUTE_MS + 2_000).contains(&raised_ms),
            "{raised_ms}"
        );
    }

    #[test]
    fn random_faults_are_dealt_by_the_seed_within_their_bounds() {
        let mut spec = spec();
        spec.random_faults = Some(RandomFaults {
            count: 3,
            onset_min: [10.0, 20.0],
            pf_min: [30.0, 40.0],
        });
        let truth = Fleet::new(&spec).unwrap().truth().clone();
        assert_eq!(truth.faults.len(), 3);
        for fault in &truth.faults {
            assert!((10 * MINUTE_MS..=20 * MINUTE_MS).contains(&(fault.onset_ms - START_MS)));
            assert!((30 * MINUTE_MS..=40 * MINUTE_MS).contains(&(fault.failure_ms - fault.onset_ms)));
        }
        assert_eq!(&truth, Fleet::new(&spec).unwrap().truth());
    }

    #[test]
    fn a_fleet_that_does_not_hold_together_is_refused() {
        let mut spec = spec();
        spec.speed = -1.0;
        assert!(matches!(Fleet::new(&spec), Err(SpecError::Invalid(problems)) if problems.len() == 1));
    }

    /// Machine minute from which a metric of `site/device` is beyond something for a whole minute.
    fn minutes_until(out: &[Outgoing], device: &str, metric: &str, is_beyond: impl Fn(f64) -> bool) -> i64 {
        let mut run = 0;
        for message in out
            .iter()
            .filter(|message| message.topic.ends_with(&format!("{device}/telemetry")))
        {
            let value: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
            run = if is_beyond(value["metrics"][metric].as_f64().unwrap()) {
                run + 1
            } else {
                0
            };
            if run == 12 {
                return (value["ts"].as_i64().unwrap() - START_MS) / MINUTE_MS;
            }
        }
        i64::MAX
    }

    #[test]
    fn the_demo_shows_its_first_fault_within_a_minute_at_its_speed() {
        for seed in 0..2 {
            let mut spec = FleetSpec::demo(seed, START_MS);
            spec.waveform.every_min = 0.0;
            let mut out = Vec::new();
            Fleet::new(&spec)
                .unwrap()
                .step_until(START_MS + 140 * MINUTE_MS, &mut out);
            let check = |device: &str, metric: &str, limit: f64, is_upper: bool, expected: std::ops::Range<i64>| {
                let found = minutes_until(&out, device, metric, |value| (value > limit) == is_upper);
                assert!(expected.contains(&found), "seed {seed} {device} {metric}: {found}");
            };
            check("north-plant/pump-002", "vibration_rms_mm_s", 2.8, true, 24..45);
            check("harbour-tower/elevator-003", "door_close_time_s", 3.3, true, 15..55);
            check("harbour-tower/ac-002", "suction_pressure_bar", 7.6, false, 20..60);
            // Both signs of cavitation come at about the same time.
            check("north-plant/pump-005", "vibration_rms_mm_s", 2.8, true, 75..105);
            check("north-plant/pump-005", "discharge_pressure_bar", 3.2, false, 75..105);
            check("harbour-tower/elevator-005", "motor_current_a", 21.5, true, 60..140);
        }
    }
}
