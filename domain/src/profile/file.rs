//! The TOML form of a profile, and its check: every mistake at once, with line and path.

use super::{
    AlarmPolicy, BuiltIn, Direction, FailureMode, Level, MAX_MODES, MAX_RULES, MetricSet, MetricSpec, Profile, Role,
    Rule, RuleKind, Wear,
};
use crate::checked::{Problem, from_tree, locate, tree_of};
use crate::{FailureModeId, Impact, MetricName, Millis, ModeIndex, RuleId, Severity, text::Text};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[path = "file_life.rs"]
mod aged;
#[path = "file_vibration.rs"]
mod followed;
#[path = "file_operation.rs"]
mod operated;
#[path = "file_service.rs"]
mod served;

use aged::LifeFile;
use followed::VibrationFile;
use operated::OperationFile;
use served::{FaultCodeFile, MaintenanceFile};

/// Reads and checks a profile.
///
/// # Errors
/// Every mistake with its line, path and what would be right.
pub fn parse(text: &str) -> Result<Profile, Vec<Problem>> {
    let result = tree_of(text)
        .map_err(|p| vec![p])
        .and_then(from_tree::<File>)
        .and_then(Checker::check)
        .map(|profile| profile.read_from(text));
    result.map_err(|mut problems| {
        locate(text, &mut problems);
        problems.sort();
        problems
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    profile: String,
    #[serde(default = "one")]
    version: u32,
    title: Text,
    expected_interval_ms: i64,
    #[serde(default = "middle")]
    impact: Impact,
    #[serde(default)]
    learns_unknown_metrics: bool,
    #[serde(default)]
    absence: Option<AbsenceFile>,
    #[serde(default)]
    alarm: AlarmPolicy,
    #[serde(default)]
    metrics: BTreeMap<MetricName, MetricFile>,
    #[serde(default)]
    limit: Vec<LimitFile>,
    #[serde(default)]
    rate: Vec<RateFile>,
    #[serde(default)]
    baseline: Vec<BaselineFile>,
    #[serde(default)]
    ewma_z: Vec<EwmaFile>,
    #[serde(default)]
    half_space_trees: Vec<TreesFile>,
    #[serde(default)]
    vibration: Vec<VibrationFile>,
    #[serde(default)]
    failure_mode: Vec<ModeFile>,
    #[serde(default)]
    fault_code: Vec<FaultCodeFile>,
    #[serde(default)]
    maintenance: Vec<MaintenanceFile>,
    mode: Option<OperationFile>,
}

fn one() -> u32 {
    1
}

fn middle() -> Impact {
    Impact::new(3).expect("3 is a class")
}

fn warning() -> Severity {
    Severity::Warning
}

fn some_warning() -> Option<Severity> {
    Some(Severity::Warning)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AbsenceFile {
    after_ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricFile {
    unit: String,
    #[serde(default)]
    title: Text,
    #[serde(default)]
    role: Role,
    physical_min: Option<f64>,
    physical_max: Option<f64>,
    stuck_after_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitFile {
    id: RuleId,
    metric: MetricName,
    #[serde(default)]
    direction: Direction,
    advisory: Option<f64>,
    warning: Option<f64>,
    critical: Option<f64>,
    #[serde(default)]
    deadband: f64,
    source: String,
    in_modes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RateFile {
    id: RuleId,
    metric: MetricName,
    #[serde(default)]
    direction: Direction,
    limit_per_hour: f64,
    window_ms: i64,
    #[serde(default = "warning")]
    severity: Severity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineFile {
    id: RuleId,
    metrics: Option<Vec<MetricName>>,
    #[serde(default = "warning")]
    severity: Severity,
    #[serde(default = "one_a_month")]
    false_alarms_per_month: f64,
    #[serde(default = "default_warm_up")]
    warm_up: u32,
}

fn one_a_month() -> f64 {
    1.0
}

fn default_warm_up() -> u32 {
    300
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EwmaFile {
    id: RuleId,
    metrics: Vec<MetricName>,
    alpha: f64,
    z_limit: f64,
    warm_up: u32,
    #[serde(default = "warning")]
    severity: Severity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TreesFile {
    id: RuleId,
    ranges: Vec<RangeFile>,
    trees: u16,
    height: u8,
    window: u16,
    #[serde(default)]
    seed: u64,
    threshold: Option<f64>,
    record_as: Option<MetricName>,
    #[serde(default = "warning")]
    severity: Severity,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeFile {
    metric: MetricName,
    min: f64,
    max: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModeFile {
    id: FailureModeId,
    title: Text,
    #[serde(default)]
    any_of: Vec<String>,
    #[serde(default)]
    all_of: Vec<String>,
    #[serde(default)]
    none_of: Vec<String>,
    #[serde(default)]
    part: String,
    pf_interval_hours: Option<f64>,
    #[serde(default)]
    is_safety: bool,
    impact: Option<Impact>,
    #[serde(default)]
    action: Text,
    #[serde(default)]
    parts: Vec<String>,
    #[serde(default)]
    skills: Vec<String>,
    alarm: Option<AlarmPolicy>,
    #[serde(default = "some_warning")]
    ticket_from: Option<Severity>,
    #[serde(default)]
    never_opens_ticket: bool,
    wear: Option<WearFile>,
    life: Option<LifeFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WearFile {
    metric: MetricName,
    #[serde(default)]
    direction: Direction,
    failure_limit: f64,
    in_modes: Option<Vec<String>>,
}

#[derive(Default)]
struct Checker {
    problems: Vec<Problem>,
    rules: Vec<Rule>,
    modes: Vec<FailureMode>,
}

impl Checker {
    fn wrong(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem::at(path, message));
    }

    fn check(file: File) -> Result<Profile, Vec<Problem>> {
        let mut c = Checker::default();
        c.head(&file);
        let metrics = c.metrics(&file);
        let operation = c.operation(&file);
        c.rules_of(&file);
        let vibration = c.vibration(&file.vibration);
        c.names_are_unique();
        c.modes_of(&file);
        let built_in = c.built_in_modes(file.alarm, file.impact);
        let fault_codes = c.fault_codes(&file);
        let maintenance = c.maintenance(&file);
        c.link_rules();
        if c.rules.len() > MAX_RULES {
            c.wrong("", format!("{} rules, at most {MAX_RULES} are allowed", c.rules.len()));
        }
        if c.modes.len() > MAX_MODES {
            c.wrong(
                "failure_mode",
                format!(
                    "{} failure modes with the built-in ones, at most {MAX_MODES} are allowed",
                    c.modes.len()
                ),
            );
        }
        if !c.problems.is_empty() {
            return Err(c.problems);
        }
        Ok(Profile {
            id: file.profile,
            version: file.version,
            title: file.title,
            expected_interval: Millis(file.expected_interval_ms),
            impact: file.impact,
            metrics,
            learns_unknown_metrics: file.learns_unknown_metrics,
            rules: c.rules,
            vibration,
            modes: c.modes,
            built_in,
            fault_codes,
            maintenance,
            operation,
            text: "".into(),
        })
    }

    fn head(&mut self, file: &File) {
        if RuleId::new(&file.profile).is_err() {
            self.wrong("profile", "1 to 64 letters, digits, '.', '_' or '-' are expected");
        }
        if file.expected_interval_ms <= 0 {
            self.wrong("expected_interval_ms", "must be above 0, such as 2000");
        }
        self.policy("alarm", file.alarm);
    }

    fn policy(&mut self, path: &str, policy: AlarmPolicy) {
        if policy.raise_after == 0 || policy.clear_after == 0 {
            self.wrong(
                format!("{path}.raise_after"),
                "raise_after and clear_after count readings and start at 1",
            );
        }
        if policy.on_delay_ms < 0 || policy.off_delay_ms < 0 {
            self.wrong(
                format!("{path}.on_delay_ms"),
                "on_delay_ms and off_delay_ms must not be negative",
            );
        }
    }

    fn metrics(&mut self, file: &File) -> BTreeMap<MetricName, MetricSpec> {
        for (name, metric) in &file.metrics {
            let path = format!("metrics.{name}");
            let range = (
                metric.physical_min.unwrap_or(f64::NEG_INFINITY),
                metric.physical_max.unwrap_or(f64::INFINITY),
            );
            if range.0 >= range.1 {
                self.wrong(format!("{path}.physical_max"), "must be above physical_min");
            }
            if range.0.is_finite() || range.1.is_finite() {
                self.rule(
                    format!("range.{name}"),
                    RuleKind::PhysicalRange {
                        metric: name.clone(),
                        min: range.0,
                        max: range.1,
                    },
                );
            }
            match metric.stuck_after_ms {
                None => {}
                Some(after) if after > 0 => {
                    self.rule(
                        format!("stuck.{name}"),
                        RuleKind::Stuck {
                            metric: name.clone(),
                            after: Millis(after),
                        },
                    );
                }
                Some(_) => self.wrong(format!("{path}.stuck_after_ms"), "must be above 0"),
            }
        }
        let spec = |m: &MetricFile| MetricSpec {
            unit: m.unit.clone(),
            title: m.title.clone(),
            role: m.role,
        };
        file.metrics.iter().map(|(name, m)| (name.clone(), spec(m))).collect()
    }

    /// Built-in rule names are made of checked names, but may pass 64 bytes: those are cut.
    fn rule(&mut self, id: String, kind: RuleKind) {
        let short: String = id.chars().take(crate::ids::MAX_NAME_BYTES).collect();
        let id = RuleId::new(&short).expect("made of a checked name");
        self.rules.push(Rule {
            id,
            kind,
            modes: Vec::new(),
        });
    }

    fn known(&mut self, file: &File, path: String, metric: &MetricName) {
        if !file.metrics.contains_key(metric) {
            let names: Vec<&str> = file.metrics.keys().map(MetricName::as_str).collect();
            self.wrong(
                path,
                format!(
                    "metric {metric} is not declared under [metrics]; declared are {}",
                    names.join(", ")
                ),
            );
        }
    }

    fn positive(&mut self, path: String, value: f64) {
        if !(value.is_finite() && value > 0.0) {
            self.wrong(path, format!("{value} must be a number above 0"));
        }
    }

    fn rules_of(&mut self, file: &File) {
        let absence = file
            .absence
            .as_ref()
            .map_or(file.expected_interval_ms.saturating_mul(3).max(30_000), |a| a.after_ms);
        if absence <= 0 {
            self.wrong("absence.after_ms", "must be above 0");
        }
        self.rule("absence".into(), RuleKind::Absence { after: Millis(absence) });
        for (i, l) in file.limit.iter().enumerate() {
            self.limit(file, &format!("limit[{i}]"), l);
        }
        for (i, r) in file.rate.iter().enumerate() {
            self.known(file, format!("rate[{i}].metric"), &r.metric);
            self.positive(format!("rate[{i}].limit_per_hour"), r.limit_per_hour);
            self.positive(format!("rate[{i}].window_ms"), r.window_ms as f64);
            let kind = RuleKind::Rate {
                metric: r.metric.clone(),
                direction: r.direction,
                limit_per_hour: r.limit_per_hour,
                window: Millis(r.window_ms),
                severity: r.severity,
            };
            self.rules.push(Rule {
                id: r.id.clone(),
                kind,
                modes: Vec::new(),
            });
        }
        for (i, b) in file.baseline.iter().enumerate() {
            self.positive(
                format!("baseline[{i}].false_alarms_per_month"),
                b.false_alarms_per_month,
            );
            for metric in b.metrics.iter().flatten() {
                self.known(file, format!("baseline[{i}].metrics"), metric);
            }
            let metrics = b.metrics.clone().map_or(MetricSet::AllConditions, MetricSet::Listed);
            let kind = RuleKind::Baseline {
                metrics,
                severity: b.severity,
                false_alarms_per_month: b.false_alarms_per_month,
                warm_up: b.warm_up,
            };
            self.rules.push(Rule {
                id: b.id.clone(),
                kind,
                modes: Vec::new(),
            });
        }
        for (i, e) in file.ewma_z.iter().enumerate() {
            if !(e.alpha > 0.0 && e.alpha < 1.0) {
                self.wrong(format!("ewma_z[{i}].alpha"), "must lie between 0 and 1, such as 0.05");
            }
            self.positive(format!("ewma_z[{i}].z_limit"), e.z_limit);
            for metric in &e.metrics {
                self.known(file, format!("ewma_z[{i}].metrics"), metric);
            }
            let (metrics, alpha, z_limit, warm_up, severity) =
                (e.metrics.clone(), e.alpha, e.z_limit, e.warm_up, e.severity);
            let kind = RuleKind::EwmaZ {
                metrics,
                alpha,
                z_limit,
                warm_up,
                severity,
            };
            self.rules.push(Rule {
                id: e.id.clone(),
                kind,
                modes: Vec::new(),
            });
        }
        for (i, t) in file.half_space_trees.iter().enumerate() {
            self.trees(file, &format!("half_space_trees[{i}]"), t);
        }
    }

    fn limit(&mut self, file: &File, path: &str, l: &LimitFile) {
        self.known(file, format!("{path}.metric"), &l.metric);
        let levels: Vec<Level> = [
            (Severity::Advisory, l.advisory),
            (Severity::Warning, l.warning),
            (Severity::Critical, l.critical),
        ]
        .into_iter()
        .filter_map(|(severity, limit)| limit.map(|limit| Level { severity, limit }))
        .collect();
        if levels.is_empty() {
            self.wrong(path, "needs at least one of advisory, warning, critical");
        }
        let is_ordered = levels.windows(2).all(|w| match l.direction {
            Direction::Above => w[0].limit < w[1].limit,
            Direction::Below => w[0].limit > w[1].limit,
        });
        if !is_ordered {
            self.wrong(
                path,
                "a worse limit must lie further out: advisory, warning, critical in the direction of the rule",
            );
        }
        if !(l.deadband.is_finite() && l.deadband >= 0.0) {
            self.wrong(format!("{path}.deadband"), "must be 0 or above, in the metric's unit");
        }
        let kind = RuleKind::Limit {
            metric: l.metric.clone(),
            direction: l.direction,
            levels,
            deadband: l.deadband,
            source: l.source.clone(),
            in_modes: self.in_modes(file, format!("{path}.in_modes"), l.in_modes.as_deref()),
        };
        self.rules.push(Rule {
            id: l.id.clone(),
            kind,
            modes: Vec::new(),
        });
    }

    fn trees(&mut self, file: &File, path: &str, t: &TreesFile) {
        for range in &t.ranges {
            self.known(file, format!("{path}.ranges"), &range.metric);
            if range.min >= range.max {
                self.wrong(
                    format!("{path}.ranges"),
                    format!("range of {} must have min below max", range.metric),
                );
            }
        }
        for (field, ok, right) in [
            ("ranges", (1..=16).contains(&t.ranges.len()), "1 to 16 metrics"),
            ("trees", (1..=100).contains(&t.trees), "1 to 100"),
            ("height", (1..=10).contains(&t.height), "1 to 10"),
            ("window", (16..=10_000).contains(&t.window), "16 to 10000"),
        ] {
            if !ok {
                self.wrong(format!("{path}.{field}"), format!("{right} are allowed"));
            }
        }
        let kind = RuleKind::HalfSpaceTrees {
            ranges: t.ranges.iter().map(|r| (r.metric.clone(), r.min, r.max)).collect(),
            trees: t.trees,
            height: t.height,
            window: t.window,
            seed: t.seed,
            threshold: t.threshold,
            record_as: t.record_as.clone(),
            severity: t.severity,
        };
        self.rules.push(Rule {
            id: t.id.clone(),
            kind,
            modes: Vec::new(),
        });
    }

    fn names_are_unique(&mut self) {
        let mut seen = BTreeSet::new();
        let twice: Vec<RuleId> = self
            .rules
            .iter()
            .filter(|r| !seen.insert(&r.id))
            .map(|r| r.id.clone())
            .collect();
        for id in twice {
            self.wrong(
                "",
                format!("two rules are called {id}; each rule needs a name of its own"),
            );
        }
    }

    fn places(&mut self, path: &str, names: &[String]) -> Vec<usize> {
        let mut places = Vec::new();
        for name in names {
            match self.rules.iter().position(|r| r.id.as_str() == name) {
                Some(place) => places.push(place),
                None => {
                    let known: Vec<&str> = self.rules.iter().map(|r| r.id.as_str()).collect();
                    let message = format!("there is no rule {name:?}; known are {}", known.join(", "));
                    self.wrong(path, message);
                }
            }
        }
        places
    }

    fn modes_of(&mut self, file: &File) {
        let mut seen = BTreeSet::new();
        for (i, m) in file.failure_mode.iter().enumerate() {
            let path = format!("failure_mode[{i}]");
            if !seen.insert(&m.id) {
                self.wrong(format!("{path}.id"), format!("two failure modes are called {}", m.id));
            }
            if m.any_of.is_empty() && m.all_of.is_empty() && !file.fault_code.iter().any(|f| f.failure_mode == m.id) {
                self.wrong(
                    &path,
                    "needs any_of or all_of with rule names, or a fault_code, else nothing can show it",
                );
            }
            if let Some(policy) = m.alarm {
                self.policy(&format!("{path}.alarm"), policy);
            }
            if let Some(wear) = &m.wear {
                self.known(file, format!("{path}.wear.metric"), &wear.metric);
            }
            let any_of = self.places(&format!("{path}.any_of"), &m.any_of);
            let all_of = self.places(&format!("{path}.all_of"), &m.all_of);
            let none_of = self.places(&format!("{path}.none_of"), &m.none_of);
            let wear = m.wear.as_ref().map(|w| Wear {
                metric: w.metric.clone(),
                direction: w.direction,
                failure_limit: w.failure_limit,
                in_modes: self.in_modes(file, format!("{path}.wear.in_modes"), w.in_modes.as_deref()),
            });
            let life = self.life(file, &path, m.life.as_ref());
            self.modes.push(FailureMode {
                id: m.id.clone(),
                title: m.title.clone(),
                any_of,
                all_of,
                none_of,
                part: m.part.clone(),
                pf_interval: m.pf_interval_hours.map(Millis::from_hours),
                is_safety: m.is_safety,
                impact: m.impact.unwrap_or(file.impact),
                action: m.action.clone(),
                parts: m.parts.clone(),
                skills: m.skills.clone(),
                policy: m.alarm.unwrap_or(file.alarm),
                ticket_from: m.ticket_from.filter(|_| !m.never_opens_ticket),
                wear,
                life,
            });
        }
    }

    fn built_in_modes(&mut self, policy: AlarmPolicy, impact: Impact) -> BuiltIn {
        let used: BTreeSet<usize> = self
            .modes
            .iter()
            .flat_map(|m| [&m.any_of, &m.all_of, &m.none_of].into_iter().flatten().copied())
            .collect();
        let unused = |rules: &[Rule], wanted: fn(&RuleKind) -> bool| -> Vec<usize> {
            rules
                .iter()
                .enumerate()
                .filter(|(i, r)| wanted(&r.kind) && !used.contains(i))
                .map(|(i, _)| i)
                .collect()
        };
        let absence = unused(&self.rules, |k| matches!(k, RuleKind::Absence { .. }));
        let sensor = unused(&self.rules, |k| {
            matches!(k, RuleKind::Stuck { .. } | RuleKind::PhysicalRange { .. })
        });
        let learned = unused(&self.rules, |k| {
            matches!(
                k,
                RuleKind::Baseline { .. }
                    | RuleKind::EwmaZ { .. }
                    | RuleKind::HalfSpaceTrees { .. }
                    | RuleKind::Rate { .. }
                    | RuleKind::Limit { .. }
                    | RuleKind::Vibration { .. }
            )
        });
        let at_once = AlarmPolicy {
            raise_after: 1,
            clear_after: 1,
            ..AlarmPolicy::default()
        };
        BuiltIn {
            no_data: self.built_in(
                "no_data",
                "No data from the device",
                "设备无数据",
                absence,
                at_once,
                impact,
                None,
                [
                    "Check power and network of the device, then the device itself",
                    "检查设备的电源和网络，然后检查设备本身",
                ],
            ),
            sensor_fault: self.built_in(
                "sensor_fault",
                "Sensor fault",
                "传感器故障",
                sensor,
                policy,
                impact,
                None,
                [
                    "Check the sensor and its wiring; its values are not used meanwhile",
                    "检查传感器及其接线；在此期间不使用其数值",
                ],
            ),
            device_fault: self.built_in(
                "device_fault",
                "Fault reported by the device",
                "设备自报故障",
                Vec::new(),
                at_once,
                impact,
                Some(Severity::Warning),
                [
                    "Look up the fault code in the maker's manual",
                    "在制造商手册中查询故障代码",
                ],
            ),
            abnormal_behaviour: self.built_in(
                "abnormal_behaviour",
                "Abnormal behaviour",
                "异常行为",
                learned,
                policy,
                impact,
                Some(Severity::Warning),
                [
                    "Inspect the machine; compare the marked metrics with their usual range",
                    "检查机器；将标记的指标与其正常范围进行比较",
                ],
            ),
        }
    }

    #[allow(clippy::too_many_arguments)] // one call per built-in mode, each argument different
    fn built_in(
        &mut self,
        id: &str,
        en: &str,
        zh: &str,
        any_of: Vec<usize>,
        policy: AlarmPolicy,
        impact: Impact,
        ticket_from: Option<Severity>,
        action: [&str; 2],
    ) -> ModeIndex {
        if let Some(place) = self.modes.iter().position(|m| m.id.as_str() == id) {
            self.modes[place].any_of.extend(any_of);
            return ModeIndex(place as u16);
        }
        self.modes.push(FailureMode {
            id: FailureModeId::new(id).expect("a built-in name"),
            title: Text {
                en: en.into(),
                zh: zh.into(),
            },
            any_of,
            all_of: Vec::new(),
            none_of: Vec::new(),
            part: String::new(),
            pf_interval: None,
            is_safety: false,
            impact,
            action: Text {
                en: action[0].into(),
                zh: action[1].into(),
            },
            parts: Vec::new(),
            skills: Vec::new(),
            policy,
            ticket_from,
            wear: None,
            life: None,
        });
        ModeIndex((self.modes.len() - 1) as u16)
    }

    fn link_rules(&mut self) {
        for (place, mode) in self.modes.iter().enumerate() {
            for rule in [&mode.any_of, &mode.all_of, &mode.none_of].into_iter().flatten() {
                let modes = &mut self.rules[*rule].modes;
                let index = ModeIndex(place as u16);
                if !modes.contains(&index) {
                    modes.push(index);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
