//! Which devices somebody may see: those of their sites, of their customers, or both.

use domain::{DeviceKey, SiteName};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// To which sites and customers somebody is limited. An empty set is no limit; both together: a device must fit both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Only devices of these sites.
    pub sites: BTreeSet<SiteName>,
    /// Only devices that the registry says are these customers'.
    pub customers: BTreeSet<String>,
}

impl Limits {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.sites.is_empty() && self.customers.is_empty()
    }
}

/// What somebody sees of the gateway. The default sees nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sight(Arc<Seen>);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Seen {
    #[default]
    Nothing,
    All,
    Sites(BTreeSet<SiteName>),
    Devices(BTreeSet<DeviceKey>),
}

impl Sight {
    /// Everything.
    pub fn all() -> Sight {
        Sight(Arc::new(Seen::All))
    }

    /// What the limits leave, given whose each device of the registry is.
    pub fn of(limits: &Limits, customers: &BTreeMap<DeviceKey, String>) -> Sight {
        let seen = match (limits.sites.is_empty(), limits.customers.is_empty()) {
            (true, true) => Seen::All,
            (false, true) => Seen::Sites(limits.sites.clone()),
            (_, false) => {
                let fits = |key: &DeviceKey, customer: &String| {
                    limits.customers.contains(customer) && (limits.sites.is_empty() || limits.sites.contains(&key.site))
                };
                let found = customers.iter().filter(|(key, customer)| fits(key, customer));
                Seen::Devices(found.map(|(key, _)| key.clone()).collect())
            }
        };
        Sight(Arc::new(seen))
    }

    /// Whether everything is seen.
    pub fn is_all(&self) -> bool {
        *self.0 == Seen::All
    }

    /// Whether a device is seen.
    pub fn sees(&self, device: &DeviceKey) -> bool {
        match &*self.0 {
            Seen::Nothing => false,
            Seen::All => true,
            Seen::Sites(sites) => sites.contains(&device.site),
            Seen::Devices(devices) => devices.contains(device),
        }
    }

    /// Whether all of a site is seen, so also what is said of it as a whole.
    pub fn sees_site(&self, site: &SiteName) -> bool {
        match &*self.0 {
            Seen::Nothing | Seen::Devices(_) => false,
            Seen::All => true,
            Seen::Sites(sites) => sites.contains(site),
        }
    }

    /// The sites that are seen as a whole; for a sight that does not see everything.
    pub fn sites(&self) -> impl Iterator<Item = &SiteName> {
        let sites = match &*self.0 {
            Seen::Sites(sites) => Some(sites),
            Seen::Nothing | Seen::All | Seen::Devices(_) => None,
        };
        sites.into_iter().flatten()
    }

    /// The devices that are seen one by one.
    pub fn devices(&self) -> impl Iterator<Item = &DeviceKey> {
        let devices = match &*self.0 {
            Seen::Devices(devices) => Some(devices),
            Seen::Nothing | Seen::All | Seen::Sites(_) => None,
        };
        devices.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> DeviceKey {
        let (site, device) = text.split_once('/').expect("site/device");
        DeviceKey::new(site, device).expect("names")
    }

    #[test]
    fn a_device_must_fit_each_limit_that_there_is() {
        let customers = [("a/1", "lotus"), ("a/2", "river"), ("b/1", "lotus")];
        let customers = customers.map(|(k, c)| (key(k), c.to_owned())).into_iter().collect();
        let all = ["a/1", "a/2", "a/3", "b/1", "b/2"];
        for (sites, whose, expected) in [
            (vec![], vec![], &all[..]),
            (vec!["a"], vec![], &["a/1", "a/2", "a/3"][..]),
            (vec![], vec!["lotus"], &["a/1", "b/1"]),
            (vec!["a"], vec!["lotus"], &["a/1"]),
            (vec!["b"], vec!["river"], &[]),
            (vec![], vec!["nobody"], &[]),
        ] {
            let limits = Limits {
                sites: sites.iter().map(|s| SiteName::new(s).expect("a name")).collect(),
                customers: whose.iter().map(|c| (*c).to_owned()).collect(),
            };
            let sight = Sight::of(&limits, &customers);
            let seen: Vec<&str> = all.into_iter().filter(|k| sight.sees(&key(k))).collect();
            assert_eq!(seen, expected, "{limits:?}");
            let sees_a = limits.customers.is_empty() && seen.contains(&"a/3");
            assert_eq!(sight.sees_site(&key("a/1").site), sees_a, "{limits:?}");
        }
        assert!(!Sight::default().sees(&key("a/1")), "who is not known sees nothing");
    }
}
