//! How a fault grows: a plan with onset and failure time, and a law that turns time into damage between 0 and 1.
//! Pure functions of time: no randomness, no clock.

use crate::catalogue::Fault;

/// How damage grows with the fraction x of the way from onset to failure. Every law is 0 at x = 0 and 1 at x = 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GrowthLaw {
    /// Damage = x.
    Linear,
    /// Damage = x to this power; above 1 it accelerates.
    Power {
        /// Exponent, above 0.
        exponent: f64,
    },
    /// Damage = (e^(rate·x) − 1) / (e^rate − 1): a symptom of size 1 + (e^rate − 1)·damage grows exactly exponentially.
    Exponential {
        /// Growth over the whole way in natural units.
        rate: f64,
    },
}

impl GrowthLaw {
    /// Damage 0..1 at the fraction `x` of the way; held at the ends outside 0..1.
    #[must_use]
    pub fn damage(self, x: f64) -> f64 {
        let x = x.clamp(0.0, 1.0);
        match self {
            GrowthLaw::Linear => x,
            GrowthLaw::Power { exponent } => x.powf(exponent),
            GrowthLaw::Exponential { rate } => (rate * x).exp_m1() / rate.exp_m1(),
        }
    }

    /// For people.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            GrowthLaw::Linear => "linear".to_owned(),
            GrowthLaw::Power { exponent } => format!("power {exponent}"),
            GrowthLaw::Exponential { rate } => format!("exponential, x{:.1} from onset to failure", rate.exp()),
        }
    }
}

/// One fault of one device: when it can first be detected, when the machine stops working, when it is repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultPlan {
    /// What breaks.
    pub fault: Fault,
    /// Machine time of the first sign, ms since 1970.
    pub onset_ms: i64,
    /// Machine time of functional failure; later than the onset.
    pub failure_ms: i64,
    /// Machine time from which it is repaired, if ever; not before the failure.
    pub repaired_ms: Option<i64>,
}

/// Where a fault stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Nothing to see yet, or repaired.
    Absent,
    /// Growing; the machine still works.
    Growing {
        /// 0..1.
        damage: f64,
    },
    /// The machine has stopped.
    Failed,
}

impl FaultPlan {
    /// Where it stands at `now_ms`.
    #[must_use]
    pub fn stage(&self, now_ms: i64) -> Stage {
        if now_ms < self.onset_ms || self.repaired_ms.is_some_and(|repaired| now_ms >= repaired) {
            return Stage::Absent;
        }
        if now_ms >= self.failure_ms {
            return Stage::Failed;
        }
        let way = (now_ms - self.onset_ms) as f64 / (self.failure_ms - self.onset_ms) as f64;
        Stage::Growing {
            damage: self.fault.spec().growth.damage(way),
        }
    }
}

/// The state of health of one machine at one moment, as its physics need it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    damages: Vec<(Fault, f64)>,
    failed: Option<Fault>,
}

impl Condition {
    /// Condition under these plans at `now_ms`.
    #[must_use]
    pub fn at(plans: &[FaultPlan], now_ms: i64) -> Condition {
        let mut condition = Condition::default();
        for plan in plans {
            match plan.stage(now_ms) {
                Stage::Absent => {}
                Stage::Growing { damage } => condition.damages.push((plan.fault, damage)),
                Stage::Failed => condition.failed = condition.failed.or(Some(plan.fault)),
            }
        }
        condition
    }

    /// Condition with one fault at this damage.
    #[must_use]
    pub fn with(fault: Fault, damage: f64) -> Condition {
        Condition {
            damages: vec![(fault, damage)],
            failed: None,
        }
    }

    /// Damage 0..1 of one fault.
    #[must_use]
    pub fn damage(&self, fault: Fault) -> f64 {
        self.damages
            .iter()
            .filter(|(present, _)| *present == fault)
            .map(|(_, damage)| *damage)
            .fold(0.0, f64::max)
    }

    /// The fault that stopped the machine, if it is stopped.
    #[must_use]
    pub fn failed(&self) -> Option<Fault> {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn damage_never_falls_and_stays_between_zero_and_one(a in -0.5f64..1.5, b in -0.5f64..1.5, fault in 0usize..9) {
            let law = Fault::ALL[fault].spec().growth;
            let (low, high) = (law.damage(a.min(b)), law.damage(a.max(b)));
            prop_assert!(low <= high);
            prop_assert!((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high));
        }
    }

    #[test]
    fn a_plan_is_absent_then_growing_then_failed_then_repaired() {
        let plan = FaultPlan {
            fault: Fault::SealLeak,
            onset_ms: 100,
            failure_ms: 200,
            repaired_ms: Some(300),
        };
        assert_eq!(plan.stage(99), Stage::Absent);
        assert_eq!(plan.stage(100), Stage::Growing { damage: 0.0 });
        assert_eq!(plan.stage(150), Stage::Growing { damage: 0.25 });
        assert_eq!(plan.stage(200), Stage::Failed);
        assert_eq!(plan.stage(299), Stage::Failed);
        assert_eq!(plan.stage(300), Stage::Absent);
    }

    #[test]
    fn the_exponential_law_makes_symptoms_grow_by_equal_factors() {
        let law = GrowthLaw::Exponential { rate: 2.2 };
        let symptom = |x: f64| 1.0 + 2.2f64.exp_m1() * law.damage(x);
        assert!((symptom(0.5) / symptom(0.25) - symptom(0.75) / symptom(0.5)).abs() < 1e-9);
    }
}
