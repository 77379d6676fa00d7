//! What the engine can say about a device: evidence for a failure mode, health, time left, expected ranges.
//! Called when something changed or a page is drawn; may allocate, changes nothing.

use crate::engine::{Engine, StepOutput};
use crate::learned::Stage;
use crate::learned::drift::{Normal, Shift};
use crate::life::time_left;
use crate::plan::{Check, LearnedPlan, Test};
use crate::state::{DeviceState, Slot, Watch};
use domain::profile::{Level, RuleKind, Wear};
use domain::{
    Aspect, Evidence, EvidenceReason, FailureModeId, Health, MetricIndex, MetricName, ModeIndex, ModelDrift, Names,
    Prognosis, Quality, Severity, Timestamp,
};

/// Most pieces of evidence per failure mode.
pub const MAX_EVIDENCE: usize = 4;

/// Why a failure mode shows, and how far it has gone.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// How bad; none if it does not show.
    pub severity: Option<Severity>,
    /// What speaks for it, the strongest first; at most [`MAX_EVIDENCE`].
    pub evidence: Vec<Evidence>,
    /// Of this failure mode.
    pub health: Health,
    /// Time left, if it can be told.
    pub prognosis: Prognosis,
}

/// A device at one moment, for pages.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSnapshot {
    /// The least of all modes.
    pub health: Health,
    /// In which way it is working, where that makes a difference and is known.
    pub operating_mode: Option<String>,
    /// Every failure mode of the profile, in its order.
    pub modes: Vec<ModeSnapshot>,
    /// Every metric seen, in the order of first sight.
    pub metrics: Vec<MetricSnapshot>,
}

/// One failure mode of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct ModeSnapshot {
    /// Its place in the profile.
    pub mode: ModeIndex,
    /// Its name.
    pub failure_mode: FailureModeId,
    /// How bad; none if it does not show.
    pub severity: Option<Severity>,
    /// 100 as new, 0 failed.
    pub health: Health,
    /// Time left, if it can be told.
    pub prognosis: Prognosis,
}

/// One metric of a device.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSnapshot {
    /// Which.
    pub metric: MetricIndex,
    /// The last value that could be believed; none if there was none.
    pub value: Option<f64>,
    /// When it was measured, device time.
    pub measured_at: Timestamp,
    /// Quality of the last sample, which may be newer than the value.
    pub quality: Quality,
    /// The range that is usual for it, if it has been learned.
    pub expected: Option<(f64, f64)>,
    /// How far learning has come.
    pub learning: Learning,
}

/// How far the learning of one metric has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Learning {
    /// Not judged yet.
    Learning {
        /// 0 to 1.
        share: f64,
    },
    /// Judged with reserve: what is usual is known from few days. Opens no ticket.
    Provisional,
    /// Judged.
    Active,
    /// No learned rule watches it.
    NotLearned,
}

/// Evidence with what it is sorted by.
struct Weighed {
    severity: Severity,
    ratio: f64,
    evidence: Evidence,
}

impl Engine {
    /// Why a failure mode shows or does not, and how far it has gone.
    pub fn explain(&self, state: &DeviceState, mode: ModeIndex, names: &dyn Names) -> Explanation {
        Explanation {
            severity: state.modes.get(usize::from(mode.0)).copied().flatten(),
            evidence: self.evidence(state, mode, names),
            health: self.mode_health(state, mode),
            prognosis: self.prognosis(state, mode),
        }
    }

    /// The device as a whole.
    pub fn snapshot(&self, state: &DeviceState) -> DeviceSnapshot {
        let modes: Vec<ModeSnapshot> = self
            .profile()
            .modes
            .iter()
            .enumerate()
            .map(|(place, mode)| {
                let index = ModeIndex(place as u16);
                ModeSnapshot {
                    mode: index,
                    failure_mode: mode.id.clone(),
                    severity: state.modes[place],
                    health: self.mode_health(state, index),
                    prognosis: self.prognosis(state, index),
                }
            })
            .collect();
        DeviceSnapshot {
            health: self.health(state),
            operating_mode: self.operating_mode(state),
            modes,
            metrics: state
                .slots
                .iter()
                .map(|slot| self.metric_snapshot(state, slot))
                .collect(),
        }
    }

    /// Health of the device: the least of its failure modes. Cheap enough for a list of thousands.
    pub fn health(&self, state: &DeviceState) -> Health {
        let worst = (0..state.modes.len()).map(|place| self.mode_health(state, ModeIndex(place as u16)).percent());
        Health::new(worst.fold(100.0, f64::min))
    }

    /// From 100 at the level at the beginning to 0 at the failure limit; without a wear trend, by severity.
    fn mode_health(&self, state: &DeviceState, mode: ModeIndex) -> Health {
        let by_severity = match state.modes.get(usize::from(mode.0)).copied().flatten() {
            None => 100.0,
            Some(Severity::Advisory) => 80.0,
            Some(Severity::Warning) => 50.0,
            Some(Severity::Critical) => 20.0,
        };
        let by_wear = self.wear(state, mode).and_then(|(wear, trend)| {
            let (reference, present) = (trend.reference()?, trend.present()?);
            let left = (wear.failure_limit - present) / (wear.failure_limit - reference);
            // a machine that began beyond its limit has no scale
            let is_sound = match wear.direction {
                domain::profile::Direction::Above => reference < wear.failure_limit,
                domain::profile::Direction::Below => reference > wear.failure_limit,
            };
            is_sound.then_some(left * 100.0)
        });
        // the worse of the two: a limit passed is a fact even where the trend is still short
        Health::new(by_wear.map_or(by_severity, |wear: f64| wear.min(by_severity)))
    }

    fn prognosis(&self, state: &DeviceState, mode: ModeIndex) -> Prognosis {
        if let Some(life) = self.time_left_by_model(state, mode) {
            return Prognosis::Known(life);
        }
        let by_trend = match (self.wear(state, mode), state.last_measured) {
            (Some((wear, trend)), Some(now)) => time_left(trend.points(), trend.reference(), wear, now),
            (Some(_) | None, Some(_) | None) => Prognosis::NotYetKnown,
        };
        self.with_age(state, mode, by_trend)
    }

    fn wear<'a>(&'a self, state: &'a DeviceState, mode: ModeIndex) -> Option<(&'a Wear, &'a crate::trend::Trend)> {
        let wear = self.profile().mode(mode)?.wear.as_ref()?;
        let trend = self.plan.trend_of_mode[usize::from(mode.0)]?;
        Some((wear, &state.trends[trend]))
    }

    fn evidence(&self, state: &DeviceState, mode: ModeIndex, names: &dyn Names) -> Vec<Evidence> {
        let Some(failure_mode) = self.profile().mode(mode) else {
            return Vec::new();
        };
        let mut weighed: Vec<Weighed> = self.evidence_of_codes(state, mode).collect();
        for rule in failure_mode.any_of.iter().chain(&failure_mode.all_of) {
            self.evidence_of_rule(state, *rule, names, &mut weighed);
        }
        let severity = state.modes.get(usize::from(mode.0)).copied().flatten();
        let class = severity.zip(self.evidence_of_class(state, mode));
        weighed.extend(class.map(|(severity, evidence)| Weighed {
            severity,
            // what it is comes before how far it has gone
            ratio: f64::INFINITY,
            evidence,
        }));
        weighed.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.ratio.total_cmp(&a.ratio)));
        weighed.truncate(MAX_EVIDENCE);
        weighed.into_iter().map(|w| w.evidence).collect()
    }

    fn evidence_of_codes<'a>(&'a self, state: &'a DeviceState, mode: ModeIndex) -> impl Iterator<Item = Weighed> + 'a {
        let standing = state.codes.iter().filter(move |c| c.mode == mode);
        standing.map(|code| Weighed {
            severity: code.severity,
            // the device knows itself best
            ratio: f64::INFINITY,
            evidence: Evidence {
                rule: domain::RuleId::new("fault_code").expect("a rule name"),
                metric: None,
                value: None,
                reason: EvidenceReason::FaultCode {
                    code: code.code.clone(),
                    text: if code.text.is_empty() {
                        let known = self.profile().fault_codes.get(&code.code);
                        known.map_or(String::new(), |k| k.text.en.clone())
                    } else {
                        code.text.clone()
                    },
                },
            },
        })
    }

    fn evidence_of_rule(&self, state: &DeviceState, rule: usize, names: &dyn Names, out: &mut Vec<Weighed>) {
        let mut add = |severity, metric: Option<MetricName>, value, (reason, ratio)| {
            out.push(Weighed {
                severity,
                ratio,
                evidence: Evidence {
                    rule: self.profile().rules[rule].id.clone(),
                    metric,
                    value,
                    reason,
                },
            });
        };
        for absence in self.plan.absences.iter().filter(|a| a.rule == rule) {
            if let (Some(severity), Some(last_received_at)) = (state.speaking[absence.place], state.last_received) {
                add(severity, None, None, (EvidenceReason::Silent { last_received_at }, 1.0));
            }
        }
        for (trees, masses) in self.plan.trees.iter().zip(&state.trees).filter(|(t, _)| t.rule == rule) {
            if let Some(severity) = state.speaking[trees.place] {
                let score = masses.score();
                add(
                    severity,
                    None,
                    None,
                    (EvidenceReason::UnusualCombination { score }, 1.0),
                );
            }
        }
        let operating_mode = self.operating_mode(state);
        let learned = self.plan.learned.iter().zip(&state.learned);
        for (plan, learned) in learned.filter(|(plan, _)| plan.rule == rule) {
            if let Some(severity) = state.speaking[plan.place] {
                for (column, finding) in learned.findings() {
                    let Some(slot) = self.slot_of_column(state, plan, column) else {
                        continue;
                    };
                    let reason = EvidenceReason::OutsideBaseline {
                        low: finding.low,
                        high: finding.high,
                        score: finding.score,
                        aspect: finding.aspect,
                        readings: finding.readings,
                        operating_mode: operating_mode.clone().filter(|_| !learned.has_reference()),
                    };
                    let because = (reason, finding.ratio);
                    let value = slot.has_value.then_some(slot.value);
                    add(severity, Some(names.metric(slot.metric)), value, because);
                }
            }
        }
        self.evidence_of_watch(state, rule, &mut add);
        for slot in &state.slots {
            let value = slot.has_value.then_some(slot.value);
            match slot.watch {
                Watch::Declared(place) => {
                    let plan = &self.plan.metrics[usize::from(place)];
                    if let Some(range) = plan.range.as_ref().filter(|r| r.rule == rule)
                        && let Some(severity) = state.speaking[range.place]
                    {
                        let (min, max) = (range.min, range.max);
                        let reason = EvidenceReason::OutsidePhysicalRange { min, max };
                        add(severity, Some(plan.name.clone()), None, (reason, 1.0));
                    }
                    for check in plan.checks.iter().filter(|c| c.rule == rule) {
                        if let Some(severity) = state.speaking[check.place] {
                            let because = self.because(state, check, slot.value);
                            add(severity, Some(plan.name.clone()), value, because);
                        }
                    }
                }
                Watch::Unknown(_) | Watch::Not => {}
            }
        }
    }

    /// What a speaking check compared, and how far beyond its limit the value is, as a ratio.
    fn because(&self, state: &DeviceState, check: &Check, value: f64) -> (EvidenceReason, f64) {
        match &check.test {
            Test::Limit {
                direction, levels, at, ..
            } => {
                let passed = usize::from(state.memory.limits[*at]).clamp(1, levels.len());
                let Level { limit, .. } = levels[passed - 1];
                let source = match &self.profile().rules[check.rule].kind {
                    RuleKind::Limit { source, .. } => source.clone(),
                    RuleKind::Rate { .. }
                    | RuleKind::Baseline { .. }
                    | RuleKind::EwmaZ { .. }
                    | RuleKind::HalfSpaceTrees { .. }
                    | RuleKind::Vibration { .. }
                    | RuleKind::Stuck { .. }
                    | RuleKind::PhysicalRange { .. }
                    | RuleKind::Absence { .. } => String::new(),
                };
                let ratio = 1.0 + ((value - limit) / limit).abs();
                match direction {
                    domain::profile::Direction::Above => (EvidenceReason::AboveLimit { limit, source }, ratio),
                    domain::profile::Direction::Below => (EvidenceReason::BelowLimit { limit, source }, ratio),
                }
            }
            Test::Rate { limit_per_hour, at, .. } => {
                let per_hour = state.memory.rates[*at].slope_per_hour().unwrap_or(0.0);
                let reason = EvidenceReason::TooFast {
                    per_hour,
                    limit_per_hour: *limit_per_hour,
                };
                (reason, (per_hour / limit_per_hour).abs())
            }
            Test::Stuck { at, .. } => {
                let since = state.memory.stucks[*at].since().unwrap_or(Timestamp(0));
                (EvidenceReason::Stuck { since }, 1.0)
            }
            Test::Ewma { settings, at, .. } => {
                let ewma = &state.memory.ewmas[*at];
                let (low, high) = ewma.expected(settings.z_limit);
                let score = ewma.score(value, settings.z_limit);
                let reason = EvidenceReason::OutsideBaseline {
                    low,
                    high,
                    score,
                    aspect: Aspect::Level,
                    readings: 1,
                    operating_mode: self.operating_mode(state),
                };
                (reason, score / (1.0 - score))
            }
        }
    }

    fn metric_snapshot(&self, state: &DeviceState, slot: &Slot) -> MetricSnapshot {
        let learned = match slot.watch {
            Watch::Declared(place) => {
                let plan = &self.plan.metrics[usize::from(place)];
                let by_rule = plan
                    .columns
                    .first()
                    .map(|(rule, column)| self.learned_range(state, *rule, *column));
                by_rule.or_else(|| self.ewma_range(state, &plan.checks))
            }
            Watch::Unknown(number) => {
                let rule = self.plan.learned.iter().position(|l| l.watches_unknown);
                rule.map(|rule| {
                    let column = self.plan.learned[rule].declared.len() + usize::from(number);
                    self.learned_range(state, rule, column)
                })
            }
            Watch::Not => self.watched_range(state, slot.metric),
        };
        let (expected, learning) = match learned {
            None => (None, Learning::NotLearned),
            Some((expected, Stage::Learning(share))) => (expected, Learning::Learning { share }),
            Some((expected, Stage::Provisional)) => (expected, Learning::Provisional),
            Some((expected, Stage::Active)) => (expected, Learning::Active),
        };
        MetricSnapshot {
            metric: slot.metric,
            value: slot.has_value.then_some(slot.value),
            measured_at: slot.measured_at,
            quality: slot.quality,
            expected,
            learning,
        }
    }

    /// The expected range of a metric by a learned rule, and how far its learning has come.
    fn learned_range(&self, state: &DeviceState, rule: usize, column: usize) -> (Option<(f64, f64)>, Stage) {
        let learned = &state.learned[rule];
        if self.is_in_unknown_mode(state) {
            return (None, Stage::Learning(0.0));
        }
        (learned.expected(column), learned.stage(column))
    }

    fn ewma_range(&self, state: &DeviceState, checks: &[Check]) -> Option<(Option<(f64, f64)>, Stage)> {
        checks.iter().find_map(|check| match &check.test {
            Test::Ewma { settings, at, .. } => {
                let ewma = &state.memory.ewmas[*at];
                let share = ewma.learned_share(settings.warm_up);
                Some(if share >= 1.0 {
                    (Some(ewma.expected(settings.z_limit)), Stage::Active)
                } else {
                    (None, Stage::Learning(share))
                })
            }
            Test::Limit { .. } | Test::Rate { .. } | Test::Stuck { .. } => None,
        })
    }

    /// What the device has taught of its metrics by itself; nothing of those that are still being learned.
    /// Nor of a machine with operating modes: one range would not be that of another's mode.
    pub fn normals(&self, state: &DeviceState) -> Vec<(MetricIndex, Normal)> {
        if self.plan.operation.is_some() {
            return Vec::new();
        }
        let of_slot = |slot: &Slot| {
            let (rule, column) = match slot.watch {
                Watch::Declared(place) => *self.plan.metrics[usize::from(place)].columns.first()?,
                Watch::Unknown(number) => {
                    let rule = self.plan.learned.iter().position(|l| l.watches_unknown)?;
                    (rule, self.plan.learned[rule].declared.len() + usize::from(number))
                }
                Watch::Not => return None,
            };
            Some((slot.metric, state.learned[rule].normal(column)?))
        };
        state.slots.iter().filter_map(of_slot).collect()
    }

    /// What the last call found to have moved of what is held for normal.
    pub fn drifts(
        &self,
        state: &DeviceState,
        out: &StepOutput,
        measured_at: Timestamp,
        names: &dyn Names,
    ) -> Vec<ModelDrift> {
        let named = |(number, column, shift): &(usize, usize, Shift)| {
            let plan = &self.plan.learned[*number];
            let rule = &self.profile().rules[plan.rule];
            let modes = rule.modes.iter().filter_map(|mode| self.profile().mode(*mode));
            Some(ModelDrift {
                rule: rule.id.clone(),
                failure_modes: modes.map(|mode| mode.id.clone()).collect(),
                metric: names.metric(self.slot_of_column(state, plan, *column)?.metric),
                cause: shift.cause,
                low: shift.low,
                high: shift.high,
                from: shift.from,
                to: shift.to,
                since: shift.since,
                measured_at,
                model: self.version().clone(),
            })
        };
        out.shifts.iter().filter_map(named).collect()
    }

    /// The metric behind a column of a learned rule; none if it was never seen.
    fn slot_of_column<'a>(&self, state: &'a DeviceState, plan: &LearnedPlan, column: usize) -> Option<&'a Slot> {
        state.slots.iter().find(|slot| match slot.watch {
            Watch::Declared(place) => plan.declared.get(column) == Some(&self.plan.metrics[usize::from(place)].name),
            Watch::Unknown(number) => plan.watches_unknown && column == plan.declared.len() + usize::from(number),
            Watch::Not => false,
        })
    }
}
