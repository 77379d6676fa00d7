//! Which machines something is about: a contract, a maintenance window, a suppression.
//!
//! Pure. Every list that is not empty must have a pattern that fits; a scope without lists is about every machine.

use crate::record::Asset;
use domain::DeviceKey;
use domain::checked::Problem;
use domain::registry::matches;
use serde::{Deserialize, Serialize};

/// Patterns of one list at most.
const MAX_PATTERNS: usize = 1_000;
/// Bytes of a pattern: as long as the longest text of the registry.
const MAX_PATTERN_BYTES: usize = 256;

/// Patterns in which `*` stands for any characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Sites.
    pub sites: Vec<String>,
    /// Devices, by name.
    pub devices: Vec<String>,
    /// Classes of machines: the names of their profiles.
    pub profiles: Vec<String>,
    /// Customers, as the registry has them.
    pub customers: Vec<String>,
}

impl Scope {
    /// One machine.
    pub fn one(device: &DeviceKey) -> Self {
        Scope {
            sites: vec![device.site.to_string()],
            devices: vec![device.device.to_string()],
            ..Scope::default()
        }
    }

    /// Whether a machine belongs to it.
    pub fn covers(&self, device: &DeviceKey, profile: &str, asset: &Asset) -> bool {
        let fits = |patterns: &[String], text: &str| patterns.is_empty() || patterns.iter().any(|p| matches(p, text));
        fits(&self.sites, device.site.as_str())
            && fits(&self.devices, device.device.as_str())
            && fits(&self.profiles, profile)
            && fits(&self.customers, &asset.customer)
    }

    /// Whether it is about every machine.
    pub fn is_everything(&self) -> bool {
        let Scope {
            sites,
            devices,
            profiles,
            customers,
        } = self;
        [sites, devices, profiles, customers].iter().all(|list| list.is_empty())
    }

    /// What is wrong, below `path`.
    pub fn problems(&self, path: &str) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (name, list) in [
            ("sites", &self.sites),
            ("devices", &self.devices),
            ("profiles", &self.profiles),
            ("customers", &self.customers),
        ] {
            if list.len() > MAX_PATTERNS {
                let message = format!("{} patterns; at most {MAX_PATTERNS} are expected", list.len());
                problems.push(Problem::at(format!("{path}.{name}"), message));
            }
            for (i, pattern) in list.iter().enumerate() {
                if pattern.is_empty() || pattern.len() > MAX_PATTERN_BYTES {
                    let message = format!("a pattern of 1 to {MAX_PATTERN_BYTES} bytes is expected");
                    problems.push(Problem::at(format!("{path}.{name}[{i}]"), message));
                }
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_that_says_something_must_fit() {
        let pump = DeviceKey::new("harbour", "pump-1").unwrap();
        let asset = Asset {
            customer: "Waterworks North".into(),
            ..Asset::default()
        };
        let list = |text: &[&str]| text.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let check =
            |scope: Scope, expected: bool| assert_eq!(scope.covers(&pump, "pump", &asset), expected, "{scope:?}");
        check(Scope::default(), true);
        check(Scope::one(&pump), true);
        let sites = list(&["north", "har*"]);
        check(
            Scope {
                sites: sites.clone(),
                ..Scope::default()
            },
            true,
        );
        let profiles = list(&["elevator"]);
        check(
            Scope {
                sites,
                profiles,
                ..Scope::default()
            },
            false,
        );
        let customers = list(&["Waterworks*"]);
        check(
            Scope {
                customers,
                ..Scope::default()
            },
            true,
        );
        assert!(Scope::default().is_everything() && !Scope::one(&pump).is_everything());
    }
}
