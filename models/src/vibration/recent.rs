//! The latest snapshots of a sensor that has become conspicuous, kept until they are diagnosed: one snapshot is often too
//! short to tell lines apart. Pure, bounded.

use super::spectrum::Plans;
use super::{Finding, Recording, Unjudged, diagnose};
use domain::vibration::VibrationWatch;
use std::collections::VecDeque;

/// Most samples that are kept: 256 KiB, and about 20 ms of one core to diagnose.
const MOST_SAMPLES: usize = 1 << 16;
/// A first diagnosis waits for so many revolutions: twice what can be judged at all.
const ENOUGH_REVOLUTIONS: f64 = 2.0 * super::diagnose::LEAST_REVOLUTIONS;
/// A rate or speed that differs by more than this share from that of the snapshots before begins anew: lines would smear.
const SAME: f64 = 0.015;

/// The latest snapshots of one sensor, all at one rate and speed.
#[derive(Debug, Clone, Default)]
pub struct Recent {
    snapshots: VecDeque<Vec<f32>>,
    samples: usize,
    sample_rate_hz: f64,
    rpm: f64,
}

impl Recent {
    /// Takes a snapshot in; the oldest ones give way. Without a speed, that of the watch holds.
    pub fn take(&mut self, watch: &VibrationWatch, samples: &[f32], sample_rate_hz: f64, rpm: Option<f64>) {
        let rpm = rpm.filter(|rpm| *rpm > 0.0).or(watch.rpm).unwrap_or(0.0);
        let is_same = |a: f64, b: f64| (a - b).abs() <= SAME * b;
        if !(is_same(sample_rate_hz, self.sample_rate_hz) && is_same(rpm, self.rpm)) {
            *self = Recent {
                sample_rate_hz,
                rpm,
                ..Recent::default()
            };
        }
        let latest = &samples[samples.len().saturating_sub(MOST_SAMPLES)..];
        self.samples += latest.len();
        self.snapshots.push_back(latest.to_vec());
        while self.samples > MOST_SAMPLES {
            match self.snapshots.pop_front() {
                Some(oldest) => self.samples -= oldest.len(),
                None => return,
            }
        }
    }

    /// Whether there are revolutions enough for a first diagnosis, or more will not help.
    pub fn is_enough(&self) -> bool {
        let revolutions = self.samples as f64 / self.sample_rate_hz * self.rpm / 60.0;
        self.rpm <= 0.0 || revolutions >= ENOUGH_REVOLUTIONS
    }

    /// Names the fault of what was kept.
    pub fn diagnose(&self, watch: &VibrationWatch, plans: &mut Plans) -> Finding {
        if self.rpm <= 0.0 {
            return Finding::of(Err(Unjudged::NotPositive { what: "the speed" }));
        }
        let snapshots: Vec<Vec<f32>> = self.snapshots.iter().cloned().collect();
        Finding::of(diagnose(
            plans,
            &Recording {
                snapshots: &snapshots,
                sample_rate_hz: self.sample_rate_hz,
                rpm: self.rpm,
                geometry: watch.bearing.geometry,
                gear_teeth: watch.gear_teeth,
                limits: watch.limits,
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::vibration::WatchedBearing;
    use domain::vibration::limits::DEFAULT_LIMITS;
    use domain::{RuleId, SensorName, Severity};

    fn watch(rpm: Option<f64>) -> VibrationWatch {
        VibrationWatch {
            id: RuleId::new("drive_end").unwrap(),
            sensor: SensorName::new("bearing").unwrap(),
            bearing: WatchedBearing::parse("6205").unwrap(),
            gear_teeth: None,
            limits: DEFAULT_LIMITS,
            rpm,
            severity: Severity::Warning,
        }
    }

    #[test]
    fn memory_is_bounded_and_a_new_speed_begins_anew() {
        let (watch, mut recent) = (watch(None), Recent::default());
        for _ in 0..100 {
            recent.take(&watch, &[0.5; 5_000], 12_800.0, Some(1_480.0));
        }
        assert_eq!((recent.samples, recent.snapshots.len()), (65_000, 13));
        recent.take(&watch, &[0.5; 200_000], 12_800.0, Some(1_475.0));
        assert_eq!((recent.samples, recent.snapshots.len()), (MOST_SAMPLES, 1));
        recent.take(&watch, &[0.5; 5_000], 12_800.0, Some(980.0));
        assert_eq!((recent.samples, recent.snapshots.len()), (5_000, 1));
    }

    #[test]
    fn what_cannot_be_diagnosed_says_why() {
        let says = |watch: &VibrationWatch, rpm| {
            let mut recent = Recent::default();
            recent.take(watch, &[0.5; 20_000], 12_800.0, rpm);
            let finding = recent.diagnose(watch, &mut Plans::default());
            assert_eq!(finding.class, None);
            finding.says.join(" ")
        };
        assert!(says(&watch(None), None).contains("the speed must be above 0"));
        assert!(says(&watch(None), Some(100.0)).contains("too few"));
        assert!(says(&watch(Some(1_480.0)), Some(0.0)).contains("does not move"));
    }
}
