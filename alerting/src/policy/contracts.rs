//! Contracts: other clocks, or other working hours, for some machines.

use super::clocks::{ClassClocks, Clocks, ClocksConfig};
use super::hours::CalendarConfig;
use crate::calendar::Calendar;
use crate::record::Asset;
use crate::scope::Scope;
use crate::ticket::HoldCause;
use domain::checked::Problem;
use domain::{DeviceKey, Impact};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A contract as written. What it does not say is as for the whole site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractConfig {
    /// Its name; tickets keep it.
    pub name: String,
    /// For which machines. The first contract that covers a machine holds for it.
    #[serde(default)]
    pub covers: Scope,
    /// The least impact of a failure under it, 1 to 5.
    #[serde(default)]
    pub impact_at_least: Option<Impact>,
    /// Its own working hours.
    #[serde(default)]
    pub calendar: Option<CalendarConfig>,
    /// Its own clocks.
    #[serde(default)]
    pub clocks: ContractClocks,
}

/// Clocks of a contract; what is not given is the site's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContractClocks {
    /// Danger to people.
    pub emergency: ClassClocks,
    /// The machine is down or soon will be.
    pub key: ClassClocks,
    /// An ordinary fault.
    pub ordinary: ClassClocks,
    /// Maintenance by plan.
    pub planned: ClassClocks,
    /// Warned when this share (0 to 1) of the time is used.
    pub warn_at_share: Option<f64>,
    /// For which causes of a hold the clocks stand still.
    pub pausing: Option<Vec<HoldCause>>,
}

/// Which clocks run and which hours count, for the whole site or for a contract.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// Working hours.
    pub calendar: Calendar,
    /// Clocks by class.
    pub clocks: Clocks,
}

/// A contract, checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contract {
    pub(super) name: String,
    pub(super) impact_at_least: Option<Impact>,
    covers: Scope,
    pub(super) terms: Terms,
}

impl Contract {
    pub(super) fn holds_for(&self, device: &DeviceKey, profile: &str, asset: &Asset) -> bool {
        self.covers.covers(device, profile, asset)
    }
}

/// Makes the contracts; what is wrong goes to `problems`. `site` is the calendar of the whole site.
pub(super) fn check(
    contracts: &[ContractConfig],
    clocks: &ClocksConfig,
    site: Option<&Calendar>,
    problems: &mut Vec<Problem>,
) -> Vec<Contract> {
    let (mut checked, mut names) = (Vec::new(), BTreeSet::new());
    for (i, contract) in contracts.iter().enumerate() {
        let path = format!("contracts[{i}]");
        if contract.name.trim().is_empty() {
            problems.push(Problem::at(format!("{path}.name"), "a name is expected"));
        } else if !names.insert(&contract.name) {
            let message = format!("{:?} stands twice", contract.name);
            problems.push(Problem::at(format!("{path}.name"), message));
        }
        problems.extend(contract.covers.problems(&format!("{path}.covers")));
        let ContractClocks {
            emergency,
            key,
            ordinary,
            planned,
            warn_at_share,
            pausing,
        } = &contract.clocks;
        let own = clocks.with(
            [*emergency, *key, *ordinary, *planned],
            *warn_at_share,
            pausing.as_deref(),
        );
        // a mistake of the site is told once, there
        let is_own = contract.clocks != ContractClocks::default();
        let mut found = Vec::new();
        let own = own.check(&format!("{path}.clocks"), &mut found);
        problems.extend(found.into_iter().filter(|_| is_own));
        let calendar = match &contract.calendar {
            Some(calendar) => calendar.check(&format!("{path}.calendar"), problems),
            None => site.cloned(),
        };
        if let Some(calendar) = calendar {
            checked.push(Contract {
                name: contract.name.clone(),
                impact_at_least: contract.impact_at_least,
                covers: contract.covers.clone(),
                terms: Terms { calendar, clocks: own },
            });
        }
    }
    checked
}
