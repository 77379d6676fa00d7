//! Followed sensors in the rule engine: the features of each snapshot go through the sensor's [`VibrationMonitor`], and what
//! the diagnosis of an alarm names makes its rule speak. The waveform itself never gets here, only what the journal holds: a
//! replay gives the same judgements.

use crate::engine::{Engine, StepOutput};
use crate::learned::Stage;
use crate::plan::mode_bit;
use crate::state::DeviceState;
use crate::vibration::snapshot::{BANDS, SnapshotFeatures};
use crate::vibration::{Finding, VibrationMonitor, monitor};
use crate::waveform::OCTAVES;
use domain::profile::RuleKind;
use domain::vibration::{VibrationFault, VibrationWatch};
use domain::{
    Aspect, EvidenceReason, MetricIndex, MetricName, Profile, Quality, Reading, Sample, SensorName, Severity,
};
use serde::{Deserialize, Serialize};

/// Features that a monitor looks at: rms, kurtosis, octaves.
const FEATURES: usize = 2 + BANDS;
/// While an alarm stands, a diagnosis is repeated after so many snapshots.
pub const DIAGNOSE_EVERY: u32 = 20;
/// An alarm waits for its first diagnosis for at most so many snapshots; then it has no name.
pub const WAIT_FOR_DIAGNOSIS: u32 = 10;
/// Snapshots are kept for a diagnosis from this score on, a third of what alarms.
const CONSPICUOUS_SCORE: f64 = 0.25;
/// A feature belongs to the evidence if it has risen by this share of what alarms.
const RISEN: f64 = 0.5;

/// A followed sensor, resolved.
#[derive(Debug, Clone)]
pub(crate) struct WatchPlan {
    /// Rule and place of each [`VibrationFault`], in the order of [`VibrationFault::ALL`].
    pub rules: Vec<(VibrationFault, usize, usize)>,
    pub names: Vec<MetricName>,
    pub metrics: Vec<MetricIndex>,
    pub severity: Severity,
    pub modes: u64,
}

/// What is remembered of a followed sensor.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Watched {
    monitor: VibrationMonitor,
    /// The last snapshot that could be judged.
    latest: Option<SnapshotFeatures>,
    /// What the last diagnosis of the standing alarm named.
    finding: Option<Finding>,
    /// Snapshots since then, or since the alarm began.
    since: u32,
}

impl WatchPlan {
    /// All of a profile; `place` hands out the places of rules.
    pub(crate) fn all(
        profile: &Profile,
        intern: &mut dyn FnMut(&MetricName) -> MetricIndex,
        place: &mut dyn FnMut(usize) -> usize,
    ) -> Vec<WatchPlan> {
        let plan = |(number, watch): (usize, &VibrationWatch)| {
            let rules: Vec<(VibrationFault, usize, usize)> = profile
                .rules
                .iter()
                .enumerate()
                .filter_map(|(rule, r)| match r.kind {
                    RuleKind::Vibration { watch, fault } => (watch == number).then(|| (fault, rule, place(rule))),
                    RuleKind::Limit { .. }
                    | RuleKind::Rate { .. }
                    | RuleKind::Baseline { .. }
                    | RuleKind::EwmaZ { .. }
                    | RuleKind::HalfSpaceTrees { .. }
                    | RuleKind::Stuck { .. }
                    | RuleKind::PhysicalRange { .. }
                    | RuleKind::Absence { .. } => None,
                })
                .collect();
            let names = feature_names(&watch.sensor);
            WatchPlan {
                modes: rules
                    .iter()
                    .flat_map(|(_, rule, _)| &profile.rules[*rule].modes)
                    .fold(0, |mask, mode| mask | mode_bit(*mode)),
                rules,
                metrics: names.iter().map(&mut *intern).collect(),
                names,
                severity: watch.severity,
            }
        };
        profile.vibration.iter().enumerate().map(plan).collect()
    }

    /// The snapshot in a reading; none if the reading is something else, or could not be judged.
    fn snapshot(&self, samples: &[Sample]) -> Option<SnapshotFeatures> {
        let mut values = [0.0; FEATURES];
        for (value, metric) in values.iter_mut().zip(&self.metrics) {
            *value = samples.iter().find(|s| s.metric == *metric)?.value;
        }
        let [rms, kurtosis, octaves @ ..] = values;
        Some(SnapshotFeatures::of(rms, kurtosis, octaves))
    }
}

/// Metrics that a followed sensor is judged by. A name too long for a metric is no metric that could arrive.
fn feature_names(sensor: &SensorName) -> Vec<MetricName> {
    ["rms_g", "kurtosis"]
        .into_iter()
        .chain(OCTAVES)
        .filter_map(|suffix| MetricName::new(&format!("{sensor}.{suffix}")).ok())
        .collect()
}

impl Engine {
    /// The place of a followed sensor in [`Profile::vibration`].
    pub fn followed(&self, sensor: &SensorName) -> Option<usize> {
        self.profile().vibration.iter().position(|w| w.sensor == *sensor)
    }

    /// Whether snapshots of this sensor should be kept for a diagnosis that may be wanted soon.
    pub fn is_conspicuous(&self, state: &DeviceState, watch: usize) -> bool {
        let watched = state.watched.get(watch);
        watched.is_some_and(|w| w.monitor.standing().score >= CONSPICUOUS_SCORE)
    }

    /// Whether the alarm of this sensor waits for a diagnosis: when it begins, and every [`DIAGNOSE_EVERY`] snapshots.
    pub fn wants_diagnosis(&self, state: &DeviceState, watch: usize) -> bool {
        let is_due = |w: &Watched| w.finding.is_none() || w.since >= DIAGNOSE_EVERY;
        let watched = state.watched.get(watch);
        watched.is_some_and(|w| w.monitor.standing().is_alerting && is_due(w))
    }

    /// Whether the alarm of this sensor has waited long enough: it is diagnosed with what there is.
    pub fn has_waited(&self, state: &DeviceState, watch: usize) -> bool {
        let watched = state.watched.get(watch);
        watched.is_some_and(|w| w.finding.is_some() || w.since >= WAIT_FOR_DIAGNOSIS)
    }

    /// The alarm of a sensor was diagnosed.
    pub fn diagnosed(&self, state: &mut DeviceState, watch: usize, finding: Finding, out: &mut StepOutput) {
        out.clear();
        let mut has_changed = false;
        if let (Some(plan), Some(watched)) = (self.plan.watches.get(watch), state.watched.get_mut(watch)) {
            out.judged = plan.modes;
            (watched.finding, watched.since) = (Some(finding), 0);
            has_changed = speak(plan, watched, &mut state.speaking);
        }
        self.report(state, has_changed, out);
    }

    /// Snapshots in a reading, through their monitors. Whether a rule changed its mind.
    pub(crate) fn watch(&self, state: &mut DeviceState, reading: &Reading<'_>, out: &mut StepOutput) -> bool {
        let mut has_changed = false;
        for (plan, watched) in self.plan.watches.iter().zip(&mut state.watched) {
            let Some(features) = plan
                .snapshot(reading.samples)
                .filter(|_| reading.quality != Quality::Bad)
            else {
                continue;
            };
            let assessment = watched.monitor.step(&features);
            watched.latest = Some(features);
            if assessment.is_alerting {
                watched.since = watched.since.saturating_add(1);
            } else {
                (watched.finding, watched.since) = (None, 0);
            }
            out.judged |= plan.modes;
            has_changed |= speak(plan, watched, &mut state.speaking);
            out.score = Some(out.score.map_or(assessment.score, |score| score.max(assessment.score)));
        }
        has_changed
    }

    /// Forgets what sensors looked like whose rules concern a repair.
    pub(crate) fn forget_watched(&self, state: &mut DeviceState, concerns: impl Fn(usize) -> bool) {
        for (plan, watched) in self.plan.watches.iter().zip(&mut state.watched) {
            if plan.rules.iter().any(|(_, rule, _)| concerns(*rule)) {
                *watched = Watched::default();
                speak(plan, watched, &mut state.speaking);
            }
        }
    }

    /// Why a rule of a followed sensor speaks, each with how far beyond its limit it is: the diagnosis first, then what rose.
    pub(crate) fn evidence_of_watch(
        &self,
        state: &DeviceState,
        rule: usize,
        add: &mut dyn FnMut(Severity, Option<MetricName>, Option<f64>, (EvidenceReason, f64)),
    ) {
        for (plan, watched) in self.plan.watches.iter().zip(&state.watched) {
            let place = plan
                .rules
                .iter()
                .find(|(_, of, _)| *of == rule)
                .map(|(_, _, place)| *place);
            let Some(severity) = place.and_then(|place| state.speaking[place]) else {
                continue;
            };
            if let Some(finding) = &watched.finding {
                let reason = EvidenceReason::VibrationFault {
                    fault: finding.named(),
                    confidence: f64::from(finding.confidence_percent) / 100.0,
                    says: finding.says.clone(),
                };
                // what it is comes before how far it has gone
                add(severity, None, None, (reason, f64::INFINITY));
            }
            for (name, value, reason, ratio) in watched.risen(plan) {
                add(severity, Some(name), Some(value), (reason, ratio));
            }
        }
    }

    /// The expected range of a followed sensor's feature, and how far learning has come.
    pub(crate) fn watched_range(
        &self,
        state: &DeviceState,
        metric: MetricIndex,
    ) -> Option<(Option<(f64, f64)>, Stage)> {
        self.plan
            .watches
            .iter()
            .zip(&state.watched)
            .find_map(|(plan, watched)| {
                let feature = plan.metrics.iter().position(|m| *m == metric)?;
                let range = watched.ranges().map(|ranges| (ranges[feature].0, ranges[feature].1));
                let stage = match watched.monitor.standing().stage {
                    monitor::Stage::Learning { seen, needed } => {
                        Stage::Learning(f64::from(seen) / f64::from(needed.max(1)))
                    }
                    monitor::Stage::RunningIn => Stage::Provisional,
                    monitor::Stage::Watching => Stage::Active,
                };
                Some((range, stage))
            })
    }
}

/// Lets the rule of what was named speak, and no other.
fn speak(plan: &WatchPlan, watched: &Watched, speaking: &mut [Option<Severity>]) -> bool {
    let named = watched.monitor.standing().is_alerting.then(|| match &watched.finding {
        Some(finding) => Some(finding.fault()),
        // features alone, as in a table, are never diagnosed
        None => (watched.since > WAIT_FOR_DIAGNOSIS).then_some(VibrationFault::Unnamed),
    });
    let mut has_changed = false;
    for (fault, _, place) in &plan.rules {
        let severity = match fault {
            // worse than it was, but nobody knows what: no reason for a ticket yet
            VibrationFault::Unnamed => plan.severity.min(Severity::Advisory),
            VibrationFault::Bearing
            | VibrationFault::Unbalance
            | VibrationFault::Misalignment
            | VibrationFault::Looseness
            | VibrationFault::Gear => plan.severity,
        };
        let says = (named.flatten() == Some(*fault)).then_some(severity);
        has_changed |= std::mem::replace(&mut speaking[*place], says) != says;
    }
    has_changed
}

impl Watched {
    /// Expected range of each feature and the rise, in nepers, that counts as one.
    fn ranges(&self) -> Option<[(f64, f64, f64); FEATURES]> {
        let usual = self.monitor.usual()?;
        let range = |log: f64, unit: f64| ((log - unit).exp(), (log + unit).exp(), unit);
        Some(std::array::from_fn(|feature| match feature {
            0 => range(usual.normal.log_rms, usual.energy_unit),
            1 => range(usual.normal.log_kurtosis, usual.impact_unit),
            band => range(usual.normal.log_bands[band - 2], usual.energy_unit),
        }))
    }

    /// Features that have risen: the level, the octave that rose most, and the kurtosis.
    fn risen(&self, plan: &WatchPlan) -> Vec<(MetricName, f64, EvidenceReason, f64)> {
        let (Some(latest), Some(ranges)) = (self.latest, self.ranges()) else {
            return Vec::new();
        };
        let value = |feature: usize| match feature {
            0 => latest.log_rms,
            1 => latest.log_kurtosis,
            band => latest.log_bands[band - 2],
        };
        let rise = |feature: usize| {
            let (_, high, unit) = ranges[feature];
            (value(feature) - (high.ln() - unit)) / unit
        };
        let octave = (2..FEATURES).max_by(|a, b| rise(*a).total_cmp(&rise(*b)));
        [Some(0), octave, Some(1)]
            .into_iter()
            .flatten()
            .filter(|feature| rise(*feature) >= RISEN)
            .filter_map(|feature| {
                let (low, high, _) = ranges[feature];
                let reason = EvidenceReason::OutsideBaseline {
                    low,
                    high,
                    score: rise(feature) / (1.0 + rise(feature)),
                    aspect: Aspect::Level,
                    readings: 1,
                    operating_mode: None,
                };
                let name = plan.names.get(feature)?.clone();
                Some((name, value(feature).exp(), reason, rise(feature)))
            })
            .collect()
    }
}
