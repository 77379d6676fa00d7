//! A profile prepared for the engine: rules resolved to dense lists per metric, places in the device's state handed out.
//! Immutable; shared by all devices of the profile.

use crate::ewma::EwmaSettings;
use crate::learned::Budget;
use crate::operation::OperationPlan;
use crate::trees::Forest;
use crate::watching::WatchPlan;
use domain::profile::{Direction, Level, MetricSet, ModeMask, Role, RuleKind, Telling, Wear};
use domain::{MetricIndex, MetricName, Millis, ModeIndex, Profile, Severity};

/// Buckets of a trend over a P-F interval at its widest.
const TREND_BUCKETS_PER_PF: i64 = 48;
/// Where the profile tells no P-F interval.
const DEFAULT_PF: Millis = Millis::days(30);

/// One rule applied to one metric.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    /// Place of the rule in the profile.
    pub rule: usize,
    /// Place in [`crate::state::DeviceState::speaking`].
    pub place: usize,
    /// Operating modes in which it is judged; none: in all.
    pub in_modes: Option<ModeMask>,
    pub test: Test,
}

/// What is computed, with the place of its memory in the arenas of the device's state.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Limit {
        direction: Direction,
        levels: Vec<Level>,
        deadband: f64,
        at: usize,
    },
    Rate {
        direction: Direction,
        limit_per_hour: f64,
        window: Millis,
        severity: Severity,
        at: usize,
    },
    Stuck {
        after: Millis,
        at: usize,
    },
    Ewma {
        settings: EwmaSettings,
        severity: Severity,
        at: usize,
    },
}

/// A rule that learns what is usual for the device.
#[derive(Debug, Clone)]
pub(crate) struct LearnedPlan {
    pub rule: usize,
    pub place: usize,
    pub severity: Severity,
    pub per_month: f64,
    pub warm_up: u32,
    /// The declared metrics that it watches; unknown ones come after them, in the order in which they were first seen.
    pub declared: Vec<MetricName>,
    pub watches_unknown: bool,
    pub modes: u64,
    /// Operating modes that share the memory of a series.
    pub sharers: usize,
}

impl LearnedPlan {
    /// With the number of series that share the budget.
    pub fn budget(&self, series: usize) -> Budget {
        Budget {
            per_month: self.per_month,
            series,
            warm_up: self.warm_up,
        }
    }
}

/// The physical range of a metric.
#[derive(Debug, Clone)]
pub(crate) struct RangeCheck {
    pub rule: usize,
    pub place: usize,
    pub min: f64,
    pub max: f64,
}

/// All that happens to the samples of one declared metric.
#[derive(Debug, Clone)]
pub(crate) struct MetricPlan {
    pub metric: MetricIndex,
    pub name: MetricName,
    pub range: Option<RangeCheck>,
    pub checks: Vec<Check>,
    /// Modes that this metric has a say in.
    pub modes: u64,
    pub trends: Vec<usize>,
    /// Plan, every, lead.
    pub counters: Vec<(usize, f64, f64)>,
    /// Forest and dimension.
    pub dimensions: Vec<(usize, usize)>,
    /// Learned rule and column.
    pub columns: Vec<(usize, usize)>,
    /// Whether it tells the running hours by which a failure mode ages.
    pub tells_age: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct TreesPlan {
    pub rule: usize,
    pub place: usize,
    pub forest: Forest,
    pub threshold: Option<f64>,
    pub severity: Severity,
    pub record_as: Option<MetricIndex>,
    pub modes: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct TrendPlan {
    pub metric: MetricName,
    /// Operating modes in which it is followed; none: in all.
    pub in_modes: Option<ModeMask>,
    pub max_width: Millis,
}

impl TrendPlan {
    fn is_of(&self, wear: &Wear) -> bool {
        self.metric == wear.metric && self.in_modes == wear.in_modes
    }
}

/// Device-wide absence.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AbsenceCheck {
    pub rule: usize,
    pub place: usize,
    pub after: Millis,
}

/// How much memory of each sort a fresh device needs.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sizes {
    pub places: usize,
    pub limits: usize,
    pub rates: usize,
    pub stucks: usize,
    pub ewmas: usize,
}

/// The whole profile, resolved.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Sorted by metric index.
    pub metrics: Vec<MetricPlan>,
    pub learned: Vec<LearnedPlan>,
    pub watches_unknown: bool,
    pub trees: Vec<TreesPlan>,
    pub trends: Vec<TrendPlan>,
    /// Which trend tells each mode's wear.
    pub trend_of_mode: Vec<Option<usize>>,
    /// Followed sensors, in the order of the profile.
    pub watches: Vec<WatchPlan>,
    pub absences: Vec<AbsenceCheck>,
    pub absence_modes: u64,
    /// Plan, every ms, lead ms.
    pub calendars: Vec<(usize, i64, i64)>,
    /// What tells the operating mode.
    pub operation: Option<OperationPlan>,
    /// The rule behind each place that exists from the start.
    pub rule_of_place: Vec<usize>,
    pub sizes: Sizes,
    /// Differs where the memory of a device would mean something else.
    pub shape: u64,
}

impl Plan {
    pub(crate) fn new(profile: &Profile, intern: &mut dyn FnMut(&MetricName) -> MetricIndex) -> Plan {
        let mut builder = Builder {
            profile,
            sizes: Sizes::default(),
            rule_of_place: Vec::new(),
        };
        let trends = trends_of(profile);
        let mut trees = builder.trees(intern);
        let operation = profile.operation.as_ref().map(|modes| OperationPlan {
            metric: intern(&modes.metric),
            modes: modes.clone(),
        });
        let learned = builder.learned(operation.as_ref().map_or(1, OperationPlan::sharers));
        let mut metrics: Vec<MetricPlan> = profile
            .metrics
            .keys()
            .map(|name| builder.metric(name, intern(name), &trends, &learned))
            .collect();
        let absences = builder.absences();
        let absence_modes = modes_mask(profile, absences.iter().map(|a| a.rule));
        let watches = WatchPlan::all(profile, intern, &mut |rule| builder.place(rule));
        metrics.sort_by_key(|m| m.metric);
        for tree in &mut trees {
            tree.modes = modes_mask(profile, std::iter::once(tree.rule));
        }
        let trend_of_mode = profile
            .modes
            .iter()
            .map(|mode| {
                let wear = mode.wear.as_ref()?;
                trends.iter().position(|t| t.is_of(wear))
            })
            .collect();
        let calendars = profile
            .maintenance
            .iter()
            .enumerate()
            .filter_map(|(i, m)| crate::maintenance::calendar_of(&m.due).map(|(every, lead)| (i, every, lead)))
            .collect();
        Plan {
            metrics,
            watches_unknown: learned.iter().any(|l| l.watches_unknown),
            learned,
            trees,
            trends,
            trend_of_mode,
            watches,
            absences,
            absence_modes,
            calendars,
            operation,
            rule_of_place: builder.rule_of_place,
            sizes: builder.sizes,
            shape: shape_of(profile),
        }
    }

    /// Whether a followed sensor is judged by this metric: learned rules leave it alone.
    pub(crate) fn is_followed(&self, metric: MetricIndex) -> bool {
        self.watches.iter().any(|w| w.metrics.contains(&metric))
    }

    pub(crate) fn find(&self, metric: MetricIndex) -> Option<usize> {
        self.metrics.binary_search_by_key(&metric, |m| m.metric).ok()
    }
}

struct Builder<'a> {
    profile: &'a Profile,
    sizes: Sizes,
    rule_of_place: Vec<usize>,
}

fn take(count: &mut usize) -> usize {
    *count += 1;
    *count - 1
}

impl Builder<'_> {
    fn place(&mut self, rule: usize) -> usize {
        self.rule_of_place.push(rule);
        take(&mut self.sizes.places)
    }

    fn metric(
        &mut self,
        name: &MetricName,
        metric: MetricIndex,
        trends: &[TrendPlan],
        learned: &[LearnedPlan],
    ) -> MetricPlan {
        let (mut range, mut checks, mut dimensions) = (None, Vec::new(), Vec::new());
        let mut forests = 0;
        for (rule, r) in self.profile.rules.iter().enumerate() {
            let mut in_modes = None;
            let test = match &r.kind {
                RuleKind::Limit {
                    metric,
                    direction,
                    levels,
                    deadband,
                    source: _,
                    in_modes: only,
                } if metric == name => {
                    in_modes = *only;
                    Test::Limit {
                        direction: *direction,
                        levels: levels.clone(),
                        deadband: *deadband,
                        at: take(&mut self.sizes.limits),
                    }
                }
                RuleKind::Rate {
                    metric,
                    direction,
                    limit_per_hour,
                    window,
                    severity,
                } if metric == name => Test::Rate {
                    direction: *direction,
                    limit_per_hour: *limit_per_hour,
                    window: *window,
                    severity: *severity,
                    at: take(&mut self.sizes.rates),
                },
                RuleKind::Stuck { metric, after } if metric == name => Test::Stuck {
                    after: *after,
                    at: take(&mut self.sizes.stucks),
                },
                RuleKind::EwmaZ {
                    metrics,
                    alpha,
                    z_limit,
                    warm_up,
                    severity,
                } if metrics.contains(name) => Test::Ewma {
                    settings: EwmaSettings {
                        alpha: *alpha,
                        z_limit: *z_limit,
                        warm_up: *warm_up,
                    },
                    severity: *severity,
                    at: take(&mut self.sizes.ewmas),
                },
                RuleKind::PhysicalRange { metric, min, max } if metric == name => {
                    let place = self.place(rule);
                    range = Some(RangeCheck {
                        rule,
                        place,
                        min: *min,
                        max: *max,
                    });
                    continue;
                }
                RuleKind::HalfSpaceTrees { ranges, .. } => {
                    let dimension = ranges.iter().position(|(metric, _, _)| metric == name);
                    dimensions.extend(dimension.map(|d| (forests, d)));
                    forests += 1;
                    continue;
                }
                RuleKind::Limit { .. }
                | RuleKind::Rate { .. }
                | RuleKind::Stuck { .. }
                | RuleKind::EwmaZ { .. }
                | RuleKind::Baseline { .. }
                | RuleKind::Vibration { .. }
                | RuleKind::PhysicalRange { .. }
                | RuleKind::Absence { .. } => continue,
            };
            let place = self.place(rule);
            checks.push(Check {
                rule,
                place,
                in_modes,
                test,
            });
        }
        let rules = checks.iter().map(|c| c.rule).chain(range.as_ref().map(|r| r.rule));
        let counters = self.profile.maintenance.iter().enumerate();
        MetricPlan {
            metric,
            name: name.clone(),
            modes: modes_mask(self.profile, rules),
            range,
            checks,
            trends: trends
                .iter()
                .enumerate()
                .filter(|(_, t)| t.metric == *name)
                .map(|(i, _)| i)
                .collect(),
            counters: counters
                .filter_map(|(i, m)| match &m.due {
                    domain::profile::MaintenanceDue::Counter { metric, every, lead } if metric == name => {
                        Some((i, *every, *lead))
                    }
                    domain::profile::MaintenanceDue::Counter { .. }
                    | domain::profile::MaintenanceDue::Calendar { .. } => None,
                })
                .collect(),
            dimensions,
            tells_age: self
                .profile
                .modes
                .iter()
                .any(|m| m.life.as_ref().is_some_and(|l| l.metric == *name)),
            columns: learned
                .iter()
                .enumerate()
                .filter_map(|(i, l)| l.declared.iter().position(|d| d == name).map(|column| (i, column)))
                .collect(),
        }
    }

    fn trees(&mut self, intern: &mut dyn FnMut(&MetricName) -> MetricIndex) -> Vec<TreesPlan> {
        let mut plans = Vec::new();
        for (rule, r) in self.profile.rules.iter().enumerate() {
            if let RuleKind::HalfSpaceTrees {
                ranges,
                trees,
                height,
                window,
                seed,
                threshold,
                record_as,
                severity,
            } = &r.kind
            {
                let bounds: Vec<(f64, f64)> = ranges.iter().map(|(_, min, max)| (*min, *max)).collect();
                plans.push(TreesPlan {
                    rule,
                    place: self.place(rule),
                    forest: Forest::new(&bounds, *trees, *height, *window, *seed),
                    threshold: *threshold,
                    severity: *severity,
                    record_as: record_as.as_ref().map(&mut *intern),
                    modes: 0,
                });
            }
        }
        plans
    }

    fn absences(&mut self) -> Vec<AbsenceCheck> {
        let mut checks = Vec::new();
        for (rule, r) in self.profile.rules.iter().enumerate() {
            if let RuleKind::Absence { after } = &r.kind {
                let place = self.place(rule);
                checks.push(AbsenceCheck {
                    rule,
                    place,
                    after: *after,
                });
            }
        }
        checks
    }

    fn learned(&mut self, sharers: usize) -> Vec<LearnedPlan> {
        let mut plans = Vec::new();
        for (rule, r) in self.profile.rules.iter().enumerate() {
            if let RuleKind::Baseline {
                metrics,
                severity,
                false_alarms_per_month,
                warm_up,
            } = &r.kind
            {
                let watched = self
                    .profile
                    .metrics
                    .iter()
                    .filter(|(name, spec)| watches(metrics, name, spec.role));
                let watches_unknown = match metrics {
                    MetricSet::AllConditions => self.profile.learns_unknown_metrics,
                    MetricSet::Listed(_) => false,
                };
                plans.push(LearnedPlan {
                    rule,
                    place: self.place(rule),
                    severity: *severity,
                    per_month: *false_alarms_per_month,
                    warm_up: *warm_up,
                    declared: watched.map(|(name, _)| name.clone()).collect(),
                    watches_unknown,
                    sharers,
                    modes: modes_mask(self.profile, std::iter::once(rule)),
                });
            }
        }
        plans
    }
}

fn watches(metrics: &MetricSet, name: &MetricName, role: Role) -> bool {
    match metrics {
        MetricSet::AllConditions => match role {
            Role::Condition => true,
            Role::Counter | Role::Context => false,
        },
        MetricSet::Listed(names) => names.contains(name),
    }
}

/// One per metric that any mode wears by; as wide as the slowest of them needs.
fn trends_of(profile: &Profile) -> Vec<TrendPlan> {
    let mut trends: Vec<TrendPlan> = Vec::new();
    for mode in &profile.modes {
        let Some(wear) = &mode.wear else { continue };
        let pf = mode.pf_interval.unwrap_or(DEFAULT_PF);
        let max_width = Millis((pf.0 / TREND_BUCKETS_PER_PF).max(1));
        match trends.iter_mut().find(|t| t.is_of(wear)) {
            Some(trend) => trend.max_width = trend.max_width.max(max_width),
            None => trends.push(TrendPlan {
                metric: wear.metric.clone(),
                in_modes: wear.in_modes,
                max_width,
            }),
        }
    }
    trends
}

pub(crate) fn mode_bit(mode: ModeIndex) -> u64 {
    // profiles have at most 64 modes
    1u64.checked_shl(u32::from(mode.0)).unwrap_or(0)
}

fn modes_mask(profile: &Profile, rules: impl Iterator<Item = usize>) -> u64 {
    rules
        .flat_map(|rule| &profile.rules[rule].modes)
        .fold(0, |mask, mode| mask | mode_bit(*mode))
}

/// How the memory of a device is laid out. Another word where a field of it comes or goes: bytes of before are then not mistaken
/// for a memory of now.
const LAYOUT: &str = "with drift and priors\n";

/// Rules with what they watch, but not their figures: a limit may be tuned without forgetting what was learned.
fn shape_of(profile: &Profile) -> u64 {
    let mut text = LAYOUT.to_owned();
    for rule in &profile.rules {
        let subject = match &rule.kind {
            RuleKind::Limit { metric, levels, .. } => format!("limit {metric} {}", levels.len()),
            RuleKind::Rate { metric, .. } => format!("rate {metric}"),
            RuleKind::Baseline { metrics, .. } => format!("baseline {metrics:?}"),
            RuleKind::EwmaZ { metrics, .. } => format!("ewma {metrics:?}"),
            RuleKind::HalfSpaceTrees {
                ranges,
                trees,
                height,
                window,
                seed,
                ..
            } => format!("trees {ranges:?} {trees} {height} {window} {seed}"),
            RuleKind::Vibration { watch, fault } => {
                let sensor = profile.vibration.get(*watch).map(|w| w.sensor.as_str());
                format!("vibration {} {}", sensor.unwrap_or_default(), fault.as_str())
            }
            RuleKind::Stuck { metric, .. } => format!("stuck {metric}"),
            RuleKind::PhysicalRange { metric, .. } => format!("range {metric}"),
            RuleKind::Absence { .. } => "absence".to_owned(),
        };
        text.push_str(&format!("{} {subject}\n", rule.id));
    }
    for (name, spec) in &profile.metrics {
        text.push_str(&format!("{name} {:?}\n", spec.role));
    }
    for mode in &profile.modes {
        text.push_str(&format!("{} {:?}\n", mode.id, mode.wear.as_ref().map(|w| &w.metric)));
    }
    for plan in &profile.maintenance {
        text.push_str(&format!("{}\n", plan.id));
    }
    if let Some(operation) = &profile.operation {
        let names: Vec<&str> = match &operation.telling {
            Telling::Named(modes) => modes.iter().map(|m| m.id.as_str()).collect(),
            Telling::EachValue => Vec::new(),
        };
        text.push_str(&format!("operates by {} {names:?}\n", operation.metric));
    }
    text.push_str(if profile.learns_unknown_metrics { "unknown" } else { "" });
    // FNV-1a, 64 bit
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}
