//! What a shard needs to look at waveforms: transforms that are prepared once, and the latest snapshots of sensors that have
//! become conspicuous. None of it outlives a restart: features and verdicts are in the journal.

use super::device::Device;
use domain::wire::Waveform;
use domain::{DeviceIndex, SensorName};
use models::vibration::spectrum::Plans;
use models::vibration::{Finding, Recent, SnapshotAnalyser};
use models::{WaveformFeature, followed_features, strongest_axis, waveform_features};
use std::collections::BTreeMap;

/// Most sensors of a shard whose snapshots are kept at the same time, 16 MiB in all. Beyond them a diagnosis has the last
/// snapshot only.
const MOST_KEPT: usize = 64;

/// Looks at waveforms.
#[derive(Default)]
pub(super) struct Analyst {
    analyser: SnapshotAnalyser,
    plans: Plans,
    kept: BTreeMap<(DeviceIndex, usize), Recent>,
}

impl Analyst {
    /// The features of a snapshot, with octaves for a sensor that is followed.
    pub fn features(&mut self, is_followed: bool, waveform: &Waveform) -> Vec<WaveformFeature> {
        match is_followed {
            true => followed_features(&mut self.analyser, waveform),
            false => waveform_features(waveform),
        }
    }

    /// After the features of a snapshot were judged: the diagnosis that the device waits for, if it does.
    pub fn diagnose(&mut self, device: &Device, sensor: &SensorName, waveform: &Waveform) -> Option<Finding> {
        let (engine, state) = (&device.engine, &device.memory.state);
        let number = engine.followed(sensor)?;
        let watch = engine.profile().vibration.get(number)?;
        let key = (device.index, number);
        if !engine.is_conspicuous(state, number) {
            self.kept.remove(&key);
            return None;
        }
        let has_room = self.kept.len() < MOST_KEPT || self.kept.contains_key(&key);
        let mut single = Recent::default();
        let recent = match has_room {
            true => self.kept.entry(key).or_default(),
            false => &mut single,
        };
        let rpm = waveform.rpm.map(f64::from);
        recent.take(
            watch,
            strongest_axis(waveform)?,
            f64::from(waveform.sample_rate_hz),
            rpm,
        );
        let is_ready = !has_room || recent.is_enough() || engine.has_waited(state, number);
        let is_wanted = engine.wants_diagnosis(state, number);
        (is_wanted && is_ready).then(|| recent.diagnose(watch, &mut self.plans))
    }
}
