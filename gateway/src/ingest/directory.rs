//! Who is who: devices and metric names to dense indices and back, for the life of a data folder.
//!
//! Indices are handed out here when a name is first seen, and written by the commit that first uses them.

use crate::store::StoredDevice;
use domain::registry::Registry;
use domain::wire::Rejection;
use domain::{DeviceIndex, DeviceKey, MetricIndex, MetricName, Names, Sample, Timestamp};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

const DAY_MS: i64 = 86_400_000;

/// Who may come in.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DevicesConfig {
    /// The registry file; none: every device gets its profile by `assign` or is `generic`.
    pub registry: Option<std::path::PathBuf>,
    /// A folder with profiles (`*.toml`) beside the shipped ones; a profile of the same name replaces the shipped one.
    pub profiles: Option<std::path::PathBuf>,
    /// Whether a device that is not in the registry is taken in when it first speaks.
    pub auto_register: bool,
    /// How many devices may come in that way in a day; the rest waits in quarantine.
    pub new_devices_per_day: u64,
    /// How many different metric names there may be over all devices.
    pub metric_names: usize,
}

impl Default for DevicesConfig {
    fn default() -> Self {
        DevicesConfig {
            registry: None,
            profiles: None,
            auto_register: true,
            new_devices_per_day: 1_000,
            metric_names: 100_000,
        }
    }
}

/// The dictionaries, shared by all connections and shards.
#[derive(Debug)]
pub struct Directory {
    config: DevicesConfig,
    registry: Registry,
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    devices: Vec<StoredDevice>,
    by_key: HashMap<DeviceKey, DeviceIndex>,
    metrics: Vec<MetricName>,
    by_name: HashMap<MetricName, MetricIndex>,
    today: i64,
    new_today: u64,
}

impl Directory {
    /// From what the store knows.
    pub fn new(
        config: DevicesConfig,
        registry: Registry,
        devices: Vec<StoredDevice>,
        metrics: Vec<(MetricIndex, MetricName)>,
    ) -> Self {
        let mut inner = Inner::default();
        for (place, mut device) in devices.into_iter().enumerate() {
            debug_assert_eq!(place, device.index.0 as usize, "indices are dense");
            device.profile = registry.profile_of(&device.key).to_owned();
            inner.by_key.insert(device.key.clone(), device.index);
            inner.devices.push(device);
        }
        for (index, name) in metrics {
            inner.by_name.insert(name.clone(), index);
            inner.metrics.push(name);
        }
        Directory {
            config,
            registry,
            inner: RwLock::new(inner),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The registry file.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The device's index; a device that is new is taken in, if it may.
    ///
    /// # Errors
    /// [`Rejection::NotRegistered`] or [`Rejection::DeviceLimit`].
    pub fn device_or_register(&self, key: &DeviceKey, now: Timestamp) -> Result<DeviceIndex, Rejection> {
        if let Some(index) = self.find(key) {
            return Ok(index);
        }
        let is_listed = self.registry.entry(key).is_some();
        if !is_listed && !self.config.auto_register {
            return Err(Rejection::NotRegistered {
                device: key.to_string(),
            });
        }
        let mut inner = self.write();
        if let Some(index) = inner.by_key.get(key) {
            return Ok(*index);
        }
        if inner.today != now.0.div_euclid(DAY_MS) {
            inner.today = now.0.div_euclid(DAY_MS);
            inner.new_today = 0;
        }
        if !is_listed {
            if inner.new_today >= self.config.new_devices_per_day {
                return Err(Rejection::DeviceLimit {
                    device: key.to_string(),
                    limit: self.config.new_devices_per_day,
                });
            }
            inner.new_today += 1;
        }
        let index = DeviceIndex(inner.devices.len() as u32);
        let profile = self.registry.profile_of(key).to_owned();
        inner.devices.push(StoredDevice {
            index,
            key: key.clone(),
            profile,
            first_seen: now,
        });
        inner.by_key.insert(key.clone(), index);
        Ok(index)
    }

    /// The device's index, if it is known.
    pub fn find(&self, key: &DeviceKey) -> Option<DeviceIndex> {
        self.read().by_key.get(key).copied()
    }

    /// The metric's index; a name that is new is taken in. None for what is no metric name, or one too many.
    pub fn metric_or_register(&self, name: &str) -> Option<MetricIndex> {
        let name = MetricName::new(name).ok()?;
        if let Some(index) = self.find_metric(&name) {
            return Some(index);
        }
        self.metrics_or_register(&[name]).ok()?.first().copied()
    }

    /// The indices of all these names, or of none: those that are new are taken in if there is room for them all.
    ///
    /// # Errors
    /// [`Rejection::MetricLimit`].
    pub fn metrics_or_register(&self, names: &[MetricName]) -> Result<Vec<MetricIndex>, Rejection> {
        let mut inner = self.write();
        let limit = self.config.metric_names;
        let room = limit.saturating_sub(inner.metrics.len());
        if let Some(name) = names.iter().filter(|name| !inner.by_name.contains_key(*name)).nth(room) {
            return Err(Rejection::MetricLimit {
                metric: name.to_string(),
                limit,
            });
        }
        let taken = names.iter().map(|name| {
            if let Some(index) = inner.by_name.get(name) {
                return *index;
            }
            let index = MetricIndex(inner.metrics.len() as u32);
            inner.metrics.push(name.clone());
            inner.by_name.insert(name.clone(), index);
            index
        });
        Ok(taken.collect())
    }

    /// The metric's index, if it is known.
    pub fn find_metric(&self, name: &MetricName) -> Option<MetricIndex> {
        self.read().by_name.get(name).copied()
    }

    /// Everything about a device.
    pub fn stored(&self, index: DeviceIndex) -> Option<StoredDevice> {
        self.read().devices.get(index.0 as usize).cloned()
    }

    /// How many devices and metric names there are.
    pub fn sizes(&self) -> (usize, usize) {
        let inner = self.read();
        (inner.devices.len(), inner.metrics.len())
    }

    /// Devices and metric names from these places on, for the commit that first uses them.
    pub fn since(&self, devices: usize, metrics: usize) -> (Vec<StoredDevice>, Vec<(MetricIndex, MetricName)>) {
        let inner = self.read();
        let new_metrics = inner.metrics.iter().enumerate().skip(metrics);
        (
            inner.devices.get(devices..).unwrap_or_default().to_vec(),
            new_metrics
                .map(|(i, name)| (MetricIndex(i as u32), name.clone()))
                .collect(),
        )
    }
}

impl Names for Directory {
    fn device(&self, index: DeviceIndex) -> DeviceKey {
        self.read()
            .devices
            .get(index.0 as usize)
            .expect("indices come from this directory")
            .key
            .clone()
    }

    fn metric(&self, index: MetricIndex) -> MetricName {
        self.read()
            .metrics
            .get(index.0 as usize)
            .expect("indices come from this directory")
            .clone()
    }
}

/// First index of names that are not in the directory yet. It lies beyond every index that a directory can hand out.
const FIRST_NEW: u32 = 1 << 31;

/// Metric names of one connection, found by their place in the message before: no hash for a steady stream.
///
/// Names that nobody has used before enter the directory only by [`MetricCache::admit_new`], once the packet they stand
/// in is known to be sound: packets that go to quarantine must not use up its room.
#[derive(Debug)]
pub struct MetricCache {
    directory: Arc<Directory>,
    by_position: Vec<(Box<str>, MetricIndex)>,
    by_name: HashMap<Box<str>, MetricIndex>,
    new: Vec<MetricName>,
    new_by_name: HashMap<MetricName, MetricIndex>,
}

impl MetricCache {
    /// An empty cache.
    pub fn new(directory: Arc<Directory>) -> Self {
        MetricCache {
            directory,
            by_position: Vec::new(),
            by_name: HashMap::new(),
            new: Vec::new(),
            new_by_name: HashMap::new(),
        }
    }

    /// The metric's index; that of a new name holds only until [`MetricCache::admit_new`]. None for what is no name.
    pub fn resolve(&mut self, name: &str, position: usize) -> Option<MetricIndex> {
        if let Some((cached, index)) = self.by_position.get(position)
            && **cached == *name
        {
            return Some(*index);
        }
        let index = match self.by_name.get(name) {
            Some(index) => *index,
            None => {
                let checked = MetricName::new(name).ok()?;
                let Some(index) = self.directory.find_metric(&checked) else {
                    return Some(self.provisional(checked));
                };
                if self.by_name.len() >= 10_000 {
                    self.by_name.clear();
                }
                self.by_name.insert(name.into(), index);
                index
            }
        };
        if position < self.by_position.len() {
            self.by_position[position] = (name.into(), index);
        } else if position == self.by_position.len() {
            self.by_position.push((name.into(), index));
        }
        Some(index)
    }

    fn provisional(&mut self, name: MetricName) -> MetricIndex {
        let next = MetricIndex(FIRST_NEW + self.new.len() as u32);
        *self.new_by_name.entry(name).or_insert_with_key(|name| {
            self.new.push(name.clone());
            next
        })
    }

    /// The packet was not sound: its new names are nobody's.
    pub fn forget_new(&mut self) {
        self.new.clear();
        self.new_by_name.clear();
    }

    /// The packet was sound: takes its new names in.
    ///
    /// # Errors
    /// [`Rejection::MetricLimit`]; then all of them are forgotten.
    pub fn admit_new(&mut self) -> Result<NewMetrics, Rejection> {
        if self.new.is_empty() {
            return Ok(NewMetrics(Vec::new()));
        }
        let admitted = self.directory.metrics_or_register(&self.new);
        self.forget_new();
        admitted.map(NewMetrics)
    }
}

/// The indices of names that were new in a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMetrics(Vec<MetricIndex>);

impl NewMetrics {
    /// Puts the indices that last in place of those that stood for new names.
    pub fn settle(&self, samples: &mut [Sample]) {
        if self.0.is_empty() {
            return;
        }
        for sample in samples.iter_mut().filter(|s| s.metric.0 >= FIRST_NEW) {
            sample.metric = self.0[(sample.metric.0 - FIRST_NEW) as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(device: &str) -> DeviceKey {
        DeviceKey::new("north", device).expect("fine")
    }

    #[test]
    fn new_devices_are_limited_by_the_day_but_listed_ones_always_come_in() {
        let registry =
            Registry::parse("[[device]]\nsite=\"north\"\ndevice=\"listed\"\nprofile=\"pump\"\n").expect("fine");
        let config = DevicesConfig {
            new_devices_per_day: 1,
            ..DevicesConfig::default()
        };
        let directory = Directory::new(config, registry, vec![], vec![]);
        let day = |n: i64| Timestamp(n * DAY_MS);
        assert_eq!(directory.device_or_register(&key("a"), day(1)), Ok(DeviceIndex(0)));
        assert_eq!(
            directory
                .device_or_register(&key("b"), day(1))
                .expect_err("limit")
                .reason(),
            "device_limit"
        );
        assert_eq!(directory.device_or_register(&key("listed"), day(1)), Ok(DeviceIndex(1)));
        assert_eq!(directory.device_or_register(&key("b"), day(2)), Ok(DeviceIndex(2)));
        assert_eq!(directory.device_or_register(&key("a"), day(2)), Ok(DeviceIndex(0)));
        assert_eq!(directory.stored(DeviceIndex(1)).expect("there").profile, "pump");
    }

    #[test]
    fn the_cache_follows_messages_whose_order_changes() {
        let directory = Arc::new(Directory::new(
            DevicesConfig::default(),
            Registry::default(),
            vec![],
            vec![],
        ));
        let mut cache = MetricCache::new(directory.clone());
        for names in [["a", "b", "c"], ["a", "b", "c"], ["c", "a", "b"]] {
            let resolve = |(position, name): (usize, &&str)| cache.resolve(name, position).expect("a name");
            let found: Vec<_> = names.iter().enumerate().map(resolve).collect();
            let mut samples: Vec<_> = found.into_iter().map(|metric| Sample { metric, value: 0.0 }).collect();
            cache.admit_new().expect("there is room").settle(&mut samples);
            let back: Vec<_> = samples.iter().map(|s| directory.metric(s.metric).to_string()).collect();
            assert_eq!(back, names);
        }
        assert_eq!(cache.resolve("not a name", 0), None);
    }

    #[test]
    fn names_of_a_packet_enter_together_or_not_at_all() {
        let config = DevicesConfig {
            metric_names: 3,
            ..DevicesConfig::default()
        };
        let directory = Arc::new(Directory::new(config, Registry::default(), vec![], vec![]));
        let mut cache = MetricCache::new(directory.clone());
        let mut packet = |names: &[&str]| {
            for (i, name) in names.iter().enumerate() {
                cache.resolve(name, i);
            }
            cache.admit_new().map(|new| new.0.len()).map_err(|r| r.reason())
        };
        assert_eq!(packet(&["a", "b", "a"]), Ok(2));
        assert_eq!(packet(&["a", "c", "d"]), Err("metric_limit"));
        assert_eq!(directory.sizes().1, 2);
        assert_eq!(packet(&["c", "b"]), Ok(1));
        assert_eq!(packet(&["a", "b", "c"]), Ok(0));
    }
}
