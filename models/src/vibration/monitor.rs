//! Watches the snapshots of one bearing: learns what is normal from the first ones, then says how far later ones are worse.
//! One-sided, because a machine that runs quieter than when it was new is no fault. Two things count: more energy, and more
//! impacts at high frequency, which come before the energy when a bearing begins to fail. Pure, bounded, serialisable.

use super::comb::median;
use super::snapshot::{BANDS, SnapshotFeatures};
use serde::{Deserialize, Serialize};

/// What may be set. All rises are natural logarithms of amplitude ratios.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MonitorSettings {
    /// Snapshots from which normal is learned.
    pub learning: u32,
    /// Snapshots, the learned ones included, in which a new bearing beds in: lubricant spreads and surfaces smooth each
    /// other, with bursts of impacts that mean nothing. Only energy alarms in this time.
    pub run_in: u32,
    /// Rise of energy that alarms when it lasts: 0.4 is half as much vibration again, 3.5 dB.
    pub energy_rise: f64,
    /// Rise of impacts at high frequency that alarms when it lasts.
    pub impact_rise: f64,
    /// An alarm needs at least so many standard deviations of the learned snapshots.
    pub sigmas: f64,
    /// Snapshots over which the judgement is averaged, exponentially.
    pub persistence: f64,
    /// Snapshots over which normal follows slow change while all is well.
    pub adaptation: f64,
    /// An alarm ends below this share of what begins it.
    pub hysteresis: f64,
}

impl Default for MonitorSettings {
    fn default() -> Self {
        Self {
            learning: 60,
            run_in: 300,
            energy_rise: 0.4,
            impact_rise: 0.6,
            sigmas: 4.0,
            persistence: 10.0,
            adaptation: 1_000.0,
            hysteresis: 0.6,
        }
    }
}

impl MonitorSettings {
    /// The same settings with every field in the range that the monitor can keep.
    fn bounded(self) -> Self {
        let or = |value: f64, low: f64, high: f64, default: f64| {
            if value.is_finite() {
                value.clamp(low, high)
            } else {
                default
            }
        };
        let default = Self::default();
        Self {
            learning: self.learning.clamp(8, MOST_LEARNING),
            run_in: self.run_in,
            energy_rise: or(self.energy_rise, 0.05, 5.0, default.energy_rise),
            impact_rise: or(self.impact_rise, 0.05, 5.0, default.impact_rise),
            sigmas: or(self.sigmas, 0.0, 100.0, default.sigmas),
            persistence: or(self.persistence, 1.0, 1e4, default.persistence),
            adaptation: or(self.adaptation, 10.0, 1e9, default.adaptation),
            hysteresis: or(self.hysteresis, 0.0, 1.0, default.hysteresis),
        }
    }
}

/// Most snapshots that are kept to learn from: 512 × 7 numbers, 28 KiB, given back when learned.
const MOST_LEARNING: u32 = 512;
/// A single snapshot counts at most so many times what alarms.
const MOST_ONCE: f64 = 3.0;
/// Kurtosis adds to the energy at this weight …
const IMPACT_WEIGHT: f64 = 0.5;
/// … and at most this share of what alarms: bursts of impacts alone are common and harmless.
const MOST_IMPACT_SHARE: f64 = 0.5;
/// Nothing is learned while the judgement is above this share of what alarms.
const LEARNS_BELOW: f64 = 0.75;
/// Impacts must also exceed what running-in showed by so much.
const ABOVE_RUN_IN: f64 = 1.25;
/// 1.4826: MAD to standard deviation, normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;

/// How far the monitor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stage")]
pub enum Stage {
    /// Learns; judges nothing yet.
    Learning {
        /// Snapshots seen.
        seen: u32,
        /// Snapshots needed.
        needed: u32,
    },
    /// Judges energy; impacts are still those of running-in.
    RunningIn,
    /// Judges all.
    Watching,
}

/// What speaks for an alarm, each as a share of what alarms.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Contributions {
    /// Lasting rise of energy, with what impacts add to it.
    pub energy: f64,
    /// Lasting rise of impacts at high frequency.
    pub impacts: f64,
}

/// The judgement of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// 0 as learned, 0.5 where the alarm begins, towards 1 beyond.
    pub score: f64,
    /// Whether the alarm stands.
    pub is_alerting: bool,
    /// How far the monitor is.
    pub stage: Stage,
    /// What speaks for it.
    pub contributions: Contributions,
}

/// What a bearing usually looks like. Rises are natural logarithms of ratios.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// The middle of what was learned.
    pub normal: SnapshotFeatures,
    /// Lasting rise of energy that alarms.
    pub energy_unit: f64,
    /// Lasting rise of impacts that alarms.
    pub impact_unit: f64,
}

/// Learned normal, and what came since.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Watch {
    normal: SnapshotFeatures,
    /// What alarms, in nepers of energy.
    energy_unit: f64,
    /// Averages of the two contributions: energy in units, impacts in nepers.
    energy: f64,
    impacts: f64,
    /// Highest average of impacts while running in, nepers.
    run_in_impacts: f64,
    seen: u32,
    is_alerting: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum State {
    Learning(Vec<SnapshotFeatures>),
    Watching(Watch),
}

/// Monitors one bearing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VibrationMonitor {
    settings: MonitorSettings,
    state: State,
}

impl Default for VibrationMonitor {
    fn default() -> Self {
        Self::new(MonitorSettings::default())
    }
}

impl VibrationMonitor {
    /// A monitor that has learned nothing.
    pub fn new(settings: MonitorSettings) -> Self {
        Self {
            settings: settings.bounded(),
            state: State::Learning(Vec::new()),
        }
    }

    /// Takes the next snapshot. Features that are not finite change nothing and get the judgement that stands.
    pub fn step(&mut self, features: &SnapshotFeatures) -> Assessment {
        if features.is_finite() {
            match &mut self.state {
                State::Learning(seen) => {
                    seen.push(*features);
                    if seen.len() >= self.settings.learning as usize {
                        self.state = State::Watching(Watch::learned(seen, &self.settings));
                    }
                }
                State::Watching(watch) => watch.step(features, &self.settings),
            }
        }
        self.standing()
    }

    /// What is usual and what alarms, once learned.
    pub fn usual(&self) -> Option<Usual> {
        match &self.state {
            State::Learning(_) => None,
            State::Watching(watch) => Some(Usual {
                normal: watch.normal,
                energy_unit: watch.energy_unit,
                impact_unit: watch.impact_unit(&self.settings),
            }),
        }
    }

    /// The judgement that stands, for a snapshot that could not be judged.
    pub fn standing(&self) -> Assessment {
        match &self.state {
            State::Learning(seen) => Assessment {
                score: 0.0,
                is_alerting: false,
                stage: Stage::Learning {
                    seen: seen.len() as u32,
                    needed: self.settings.learning,
                },
                contributions: Contributions::default(),
            },
            State::Watching(watch) => {
                let contributions = watch.contributions(&self.settings);
                let share = contributions.energy.max(contributions.impacts);
                Assessment {
                    score: share / (1.0 + share),
                    is_alerting: watch.is_alerting,
                    stage: if watch.is_running_in(&self.settings) {
                        Stage::RunningIn
                    } else {
                        Stage::Watching
                    },
                    contributions,
                }
            }
        }
    }
}

impl Watch {
    fn learned(seen: &[SnapshotFeatures], settings: &MonitorSettings) -> Self {
        let of = |value: &dyn Fn(&SnapshotFeatures) -> f64| median(&mut seen.iter().map(value).collect::<Vec<_>>());
        let normal = SnapshotFeatures {
            log_rms: of(&|s| s.log_rms),
            log_kurtosis: of(&|s| s.log_kurtosis),
            log_bands: std::array::from_fn::<f64, BANDS, _>(|band| of(&|s| s.log_bands[band])),
        };
        let sigma = spread_without_trend(&seen.iter().map(|s| s.log_rms).collect::<Vec<_>>());
        Self {
            normal,
            energy_unit: settings.energy_rise.max(settings.sigmas * sigma),
            energy: 0.0,
            impacts: 0.0,
            run_in_impacts: 0.0,
            seen: seen.len() as u32,
            is_alerting: false,
        }
    }

    fn is_running_in(&self, settings: &MonitorSettings) -> bool {
        self.seen < settings.run_in
    }

    fn step(&mut self, features: &SnapshotFeatures, settings: &MonitorSettings) {
        let normal = &self.normal;
        let of_band = |band: usize| features.log_bands[band] - normal.log_bands[band];
        // one strong line may hide what all other bands do: their mean is heard as well
        let spectrum = (0..BANDS).map(of_band).sum::<f64>() / BANDS as f64;
        let rise = (features.log_rms - normal.log_rms).max(spectrum).max(0.0);
        let kurtosis = (features.log_kurtosis - normal.log_kurtosis).max(0.0);
        let high_frequency = of_band(BANDS - 1).max(0.0);

        let energy = (rise / self.energy_unit).min(MOST_ONCE)
            + (IMPACT_WEIGHT * kurtosis / self.energy_unit).min(MOST_IMPACT_SHARE);
        // both must rise: kurtosis alone is a knock, high frequency alone is a change of lubrication
        let impacts = (high_frequency * kurtosis).sqrt().min(MOST_ONCE * settings.impact_rise);
        self.energy += (energy - self.energy) / settings.persistence;
        self.impacts += (impacts - self.impacts) / settings.persistence;
        if self.is_running_in(settings) {
            self.run_in_impacts = self.run_in_impacts.max(self.impacts);
        }
        self.seen = self.seen.saturating_add(1);

        let contributions = self.contributions(settings);
        let share = contributions.energy.max(contributions.impacts);
        self.is_alerting = if self.is_alerting {
            share >= settings.hysteresis
        } else {
            share >= 1.0
        };
        if share < LEARNS_BELOW && !self.is_alerting {
            self.follow(features, 1.0 / settings.adaptation);
        }
    }

    fn impact_unit(&self, settings: &MonitorSettings) -> f64 {
        settings.impact_rise.max(ABOVE_RUN_IN * self.run_in_impacts)
    }

    fn contributions(&self, settings: &MonitorSettings) -> Contributions {
        Contributions {
            energy: self.energy,
            impacts: if self.is_running_in(settings) {
                0.0
            } else {
                self.impacts / self.impact_unit(settings)
            },
        }
    }

    fn follow(&mut self, features: &SnapshotFeatures, step: f64) {
        let normal = &mut self.normal;
        normal.log_rms += step * (features.log_rms - normal.log_rms);
        normal.log_kurtosis += step * (features.log_kurtosis - normal.log_kurtosis);
        for (normal, band) in normal.log_bands.iter_mut().zip(features.log_bands) {
            *normal += step * (band - *normal);
        }
    }
}

/// Standard deviation by MAD after a straight trend was taken off: a new bearing becomes quieter as it beds in, and that is
/// no reason to expect less of it later. The trend is the difference of the medians of both halves.
fn spread_without_trend(values: &[f64]) -> f64 {
    let half = values.len() / 2;
    let (first, second) = values.split_at(half);
    let step = (median(&mut second.to_vec()) - median(&mut first.to_vec())) / half.max(1) as f64;
    let mut level: Vec<f64> = values.iter().enumerate().map(|(i, v)| v - step * i as f64).collect();
    let middle = median(&mut level);
    let mut deviations: Vec<f64> = level.iter().map(|v| (v - middle).abs()).collect();
    MAD_TO_SIGMA * median(&mut deviations)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Snapshots around a level, with a spread that repeats.
    fn snapshot(i: u32, rise: f64, kurtosis: f64, high_frequency: f64) -> SnapshotFeatures {
        let spread = (f64::from(i * 37 % 17) - 8.0) / 8.0 * 0.05;
        let mut log_bands = [rise + spread; BANDS];
        log_bands[BANDS - 1] += high_frequency;
        SnapshotFeatures {
            log_rms: rise + spread,
            log_kurtosis: 3f64.ln() + kurtosis + spread,
            log_bands,
        }
    }

    fn alerts(rows: impl Iterator<Item = SnapshotFeatures>) -> Vec<bool> {
        let mut monitor = VibrationMonitor::default();
        rows.map(|row| monitor.step(&row).is_alerting).collect()
    }

    #[test]
    fn a_steady_machine_never_alarms_and_its_score_stays_low() {
        let mut monitor = VibrationMonitor::default();
        for i in 0..5_000 {
            let assessment = monitor.step(&snapshot(i, 0.0, 0.0, 0.0));
            assert!(!assessment.is_alerting && assessment.score < 0.3, "{i} {assessment:?}");
        }
    }

    #[test]
    fn a_lasting_rise_alarms_a_single_one_does_not_and_the_alarm_ends_below_the_hysteresis() {
        let rise = |i: u32| match i {
            500 => 3.0,
            1_000..1_200 => 0.8,
            _ => 0.0,
        };
        let alerts = alerts((0..1_400).map(|i| snapshot(i, rise(i), 0.0, 0.0)));
        assert!(alerts[..1_000].iter().all(|a| !a));
        let first = alerts.iter().position(|a| *a).expect("it alarms");
        assert!((1_003..1_020).contains(&first), "{first}");
        assert!(alerts[first..1_200].iter().all(|a| *a), "the alarm stands");
        let last = alerts.iter().rposition(|a| *a).expect("it alarms");
        assert!((1_203..1_230).contains(&last), "{last}");
    }

    #[test]
    fn a_machine_that_becomes_quieter_is_no_fault() {
        assert!(
            alerts((0..1_000).map(|i| snapshot(i, if i > 200 { -2.0 } else { 0.0 }, 0.0, 0.0)))
                .iter()
                .all(|a| !a)
        );
    }

    #[test]
    fn impacts_at_high_frequency_alarm_before_energy_does_but_not_while_running_in() {
        let late = alerts((0..1_000).map(|i| {
            if i > 600 {
                snapshot(i, 0.0, 1.0, 1.2)
            } else {
                snapshot(i, 0.0, 0.0, 0.0)
            }
        }));
        assert!((601..640).contains(&late.iter().position(|a| *a).expect("it alarms")));
        let early = |i: u32| {
            if (100..200).contains(&i) {
                snapshot(i, 0.0, 1.0, 0.6)
            } else {
                snapshot(i, 0.0, 0.0, 0.0)
            }
        };
        assert!(
            alerts((0..1_000).map(early)).iter().all(|a| !a),
            "a burst while running in"
        );
        let alone = |kurtosis, high| {
            alerts((0..900).map(move |i| {
                if i > 600 {
                    snapshot(i, 0.0, kurtosis, high)
                } else {
                    snapshot(i, 0.0, 0.0, 0.0)
                }
            }))
        };
        assert!(alone(1.5, 0.0).iter().all(|a| !a), "kurtosis alone");
    }

    #[test]
    fn slow_drift_is_followed_but_an_alarm_never_becomes_normal() {
        let drift = alerts((0..20_000).map(|i| snapshot(i, f64::from(i) / 20_000.0, 0.0, 0.0)));
        assert!(drift.iter().all(|a| !a), "5 % in a thousand snapshots");
        let step = alerts((0..20_000).map(|i| snapshot(i, if i < 500 { 0.0 } else { 0.8 }, 0.0, 0.0)));
        assert!(step[600..].iter().all(|a| *a));
    }

    #[test]
    fn what_is_not_finite_changes_nothing_and_learning_is_said() {
        let mut monitor = VibrationMonitor::default();
        let broken = SnapshotFeatures {
            log_rms: f64::NAN,
            ..snapshot(0, 0.0, 0.0, 0.0)
        };
        assert_eq!(monitor.step(&broken).stage, Stage::Learning { seen: 0, needed: 60 });
        for i in 0..60 {
            monitor.step(&snapshot(i, 0.0, 0.0, 0.0));
        }
        assert_eq!(monitor.standing().stage, Stage::RunningIn);
        let before = monitor.clone();
        monitor.step(&broken);
        assert_eq!(monitor, before);
    }

    #[test]
    fn a_monitor_comes_back_from_its_bytes_and_goes_on_equally() {
        for cut in [30, 100, 700] {
            let mut whole = VibrationMonitor::default();
            let mut first = VibrationMonitor::default();
            let row = |i: u32| snapshot(i, if i > 650 { 0.6 } else { 0.0 }, 0.1, 0.1);
            for i in 0..cut {
                whole.step(&row(i));
                first.step(&row(i));
            }
            let bytes = postcard::to_allocvec(&first).expect("plain data");
            assert!(bytes.len() < 16 * 1024, "{}", bytes.len());
            let mut second: VibrationMonitor = postcard::from_bytes(&bytes).expect("its own bytes");
            for i in cut..900 {
                assert_eq!(whole.step(&row(i)), second.step(&row(i)));
            }
        }
    }

    #[test]
    fn bedding_in_while_learning_does_not_dull_the_monitor() {
        let trend: Vec<f64> = (0..60)
            .map(|i| -f64::from(i) * 0.01 + f64::from(i % 3) * 0.02)
            .collect();
        assert!(spread_without_trend(&trend) < 0.05, "{}", spread_without_trend(&trend));
        let bedding_in = |i: u32| if i < 60 { -f64::from(i) * 0.01 } else { -0.6 };
        let alerts = alerts((0..400).map(|i| snapshot(i, if i < 300 { bedding_in(i) } else { 0.5 }, 0.0, 0.0)));
        assert!((301..330).contains(&alerts.iter().position(|a| *a).expect("it alarms")));
    }

    #[test]
    fn settings_out_of_range_are_brought_into_it() {
        let wild = MonitorSettings {
            learning: 0,
            persistence: 0.0,
            adaptation: f64::NAN,
            ..MonitorSettings::default()
        };
        let mut monitor = VibrationMonitor::new(wild);
        for i in 0..1_000 {
            assert!(monitor.step(&snapshot(i, 0.0, 0.0, 0.0)).score.is_finite());
        }
    }
}
