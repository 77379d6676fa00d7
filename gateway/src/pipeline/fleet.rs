//! What the machines of a profile have learned, for those that are new. Shards report their devices when they write their
//! states down; a device that comes for the first time takes what is known then, and the journal keeps it with the device, so
//! that a replay gives it the same whatever the fleet has learned since.

use domain::{DeviceIndex, MetricIndex};
use models::MAX_METRICS;
use models::learned::drift::Normal;
use models::learned::prior::Prior;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// Machines heard of each profile: more would not move a median.
const MOST_DEVICES: usize = 64;

type Learned = BTreeMap<DeviceIndex, Vec<(MetricIndex, Normal)>>;

/// Shared by all shards.
#[derive(Debug, Default)]
pub struct Fleet(Mutex<BTreeMap<String, Learned>>);

impl Fleet {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Learned>> {
        // a panic elsewhere leaves whole values behind
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What a device holds for normal; nothing while it is learning.
    pub fn report(&self, profile: &str, device: DeviceIndex, normals: Vec<(MetricIndex, Normal)>) {
        let mut profiles = self.open();
        let known = profiles.entry(profile.to_owned()).or_default();
        if normals.is_empty() {
            known.remove(&device);
        } else if known.len() < MOST_DEVICES || known.contains_key(&device) {
            known.insert(device, normals);
        }
    }

    /// What a new device of the profile may go by.
    pub fn priors(&self, profile: &str) -> Vec<(MetricIndex, Prior)> {
        let profiles = self.open();
        let mut by_metric: BTreeMap<MetricIndex, Vec<Normal>> = BTreeMap::new();
        for (metric, normal) in profiles.get(profile).into_iter().flat_map(BTreeMap::values).flatten() {
            by_metric.entry(*metric).or_default().push(*normal);
        }
        let priors = by_metric.into_iter();
        let priors = priors.filter_map(|(metric, normals)| Some((metric, Prior::of_fleet(&normals)?)));
        priors.take(MAX_METRICS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normals(level: f64) -> Vec<(MetricIndex, Normal)> {
        let normal = Normal {
            low: level - 1.0,
            high: level + 1.0,
            centre: level,
            spread: 0.2,
        };
        vec![(MetricIndex(4), normal)]
    }

    #[test]
    fn a_profile_knows_its_own_machines_and_only_the_newest_word_of_each() {
        let fleet = Fleet::default();
        for (device, level) in [(0, 99.0), (0, 10.0), (1, 11.0), (2, 12.0)] {
            fleet.report("pump", DeviceIndex(device), normals(level));
        }
        let priors = fleet.priors("pump");
        assert_eq!(
            (priors.len(), priors[0].0, priors[0].1.level),
            (1, MetricIndex(4), 11.0)
        );
        assert_eq!(fleet.priors("fan"), []);
        fleet.report("pump", DeviceIndex(1), Vec::new());
        assert_eq!(fleet.priors("pump"), [], "two know nothing");
    }

    #[test]
    fn it_does_not_grow_with_the_fleet() {
        let fleet = Fleet::default();
        (0..10_000).for_each(|device| fleet.report("pump", DeviceIndex(device), normals(1.0)));
        assert_eq!(fleet.open()["pump"].len(), MOST_DEVICES);
    }
}
