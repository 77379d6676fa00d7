//! What a failure would cost: the machine's criticality, lifted by danger to people, by how many it serves, by its contract.
//!
//! Only ever lifted: a contract or a small number of people never makes a failure cheaper. No clock, no I/O.

use domain::Impact;
use domain::checked::Problem;
use domain::text::Text;
use serde::{Deserialize, Serialize};

/// What lifts the impact above what profile and registry say; in the site's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImpactConfig {
    /// The least impact of a failure mode that may harm people.
    pub safety_at_least: Impact,
    /// Numbers of people that depend on a machine (ascending) from which the impact is at least 2, 3, 4 and 5.
    pub people_served_steps: [u32; 4],
}

impl Default for ImpactConfig {
    fn default() -> Self {
        ImpactConfig {
            safety_at_least: Impact::new(5).expect("5 is a class"),
            people_served_steps: [10, 50, 200, 1_000],
        }
    }
}

/// What decided the impact.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum ImpactReason {
    /// How critical the machine is, by its profile or the registry.
    #[default]
    Criticality,
    /// People may be harmed.
    Safety,
    /// Many people depend on it.
    PeopleServed {
        /// How many.
        people: u32,
    },
    /// Its contract asks for it.
    Contract {
        /// By name.
        name: String,
    },
}

impl ImpactReason {
    /// In a few words.
    pub fn text(&self) -> Text {
        let (en, zh) = match self {
            ImpactReason::Criticality => ("the machine's criticality".to_owned(), "设备重要程度".to_owned()),
            ImpactReason::Safety => ("people may be harmed".to_owned(), "可能危及人身安全".to_owned()),
            ImpactReason::PeopleServed { people } => (format!("serves {people} people"), format!("服务 {people} 人")),
            ImpactReason::Contract { name } => (format!("contract {name}"), format!("合同 {name}")),
        };
        Text { en, zh }
    }
}

impl ImpactConfig {
    /// The highest of all that speak, and which one it was; the machine's own criticality where another is no higher.
    pub fn assess(
        &self,
        criticality: Impact,
        is_safety: bool,
        people_served: Option<u32>,
        contract: Option<(&str, Impact)>,
    ) -> (Impact, ImpactReason) {
        let by_people = people_served.map(|people| {
            let steps = self.people_served_steps.iter().filter(|step| people >= **step);
            let class = Impact::new(1 + steps.count() as u8).expect("four steps make classes 1 to 5");
            (class, ImpactReason::PeopleServed { people })
        });
        let by_contract = contract.map(|(name, impact)| (impact, ImpactReason::Contract { name: name.to_owned() }));
        let by_safety = is_safety.then_some((self.safety_at_least, ImpactReason::Safety));
        let lifts = [by_safety, by_people, by_contract].into_iter().flatten();
        lifts.fold((criticality, ImpactReason::Criticality), |best, lift| {
            if lift.0 > best.0 { lift } else { best }
        })
    }

    /// What is wrong, below `path`.
    pub(crate) fn problems(&self, path: &str) -> Option<Problem> {
        let steps = &self.people_served_steps;
        let is_ascending = steps.windows(2).all(|w| w[0] <= w[1]);
        (!is_ascending).then(|| {
            let message = format!("{steps:?}; four ascending numbers of people are expected");
            Problem::at(format!("{path}.people_served_steps"), message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(n: u8) -> Impact {
        Impact::new(n).unwrap()
    }

    #[test]
    fn the_highest_reason_decides_and_nothing_makes_a_failure_cheaper() {
        let config = ImpactConfig::default();
        let assess = |own, is_safety, people, contract| config.assess(class(own), is_safety, people, contract);
        assert_eq!(assess(3, false, None, None), (class(3), ImpactReason::Criticality));
        assert_eq!(assess(3, false, Some(4), None), (class(3), ImpactReason::Criticality));
        assert_eq!(
            assess(3, false, Some(200), None),
            (class(4), ImpactReason::PeopleServed { people: 200 })
        );
        assert_eq!(assess(2, true, Some(200), None), (class(5), ImpactReason::Safety));
        let gold = Some(("gold", class(4)));
        assert_eq!(
            assess(2, false, Some(60), gold).1,
            ImpactReason::Contract { name: "gold".into() }
        );
        assert_eq!(assess(5, false, Some(60), gold), (class(5), ImpactReason::Criticality));
    }

    #[test]
    fn steps_that_fall_are_named() {
        let people_served_steps = [10, 5, 200, 1_000];
        let config = ImpactConfig {
            people_served_steps,
            ..ImpactConfig::default()
        };
        assert_eq!(
            config.problems("risk.impact").unwrap().path,
            "risk.impact.people_served_steps"
        );
    }
}
