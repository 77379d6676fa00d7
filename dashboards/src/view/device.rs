//! Devices: the fleet, one machine, its metrics and their history.

use super::{Alarm, At, TicketSummary, TimeLeft, schema};
use domain::profile::{Direction, MetricSpec, Profile, Role, RuleKind};
use domain::text::Text;
use domain::{
    DeviceName, DriftCause, FailureModeId, MetricName, ModelDrift, Quality, RiskLevel, RuleId, Severity, SiteName,
};
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a device is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connectivity {
    /// It sends.
    Online,
    /// It said goodbye, or its will did.
    Offline,
    /// It should send and does not.
    Silent,
    /// Never heard since the start.
    Unknown,
}

/// One machine in the fleet.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DeviceSummary {
    /// The place.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// The machine.
    #[schema(value_type = String)]
    pub device: DeviceName,
    /// Its profile, such as `pump`.
    pub profile: String,
    /// What it is, for people.
    #[schema(value_type = schema::Text)]
    pub title: Text,
    /// Whether it is there.
    pub connectivity: Connectivity,
    /// When it was last heard, our time.
    pub last_seen: Option<At>,
    /// 0 (failed) to 100 (as new); none: not yet assessed.
    pub health: Option<f64>,
    /// The worst severity of its active alarms.
    #[schema(value_type = Option<schema::Severity>)]
    pub severity: Option<Severity>,
    /// The highest risk of its alarms.
    #[schema(value_type = Option<schema::RiskLevel>)]
    pub risk: Option<RiskLevel>,
    /// Alarms that are not normal.
    pub open_alarms: u32,
    /// Tickets that are neither closed nor cancelled.
    pub open_tickets: u32,
    /// Time left, the shortest over its failure modes.
    pub time_left: Option<TimeLeft>,
}

impl DeviceSummary {
    /// The order of the fleet page: what needs attention first. Risk, then severity, then health, then the name.
    pub fn attention_order(&self, other: &Self) -> std::cmp::Ordering {
        let health = |d: &Self| d.health.unwrap_or(100.0);
        (other.risk, other.severity)
            .cmp(&(self.risk, self.severity))
            .then(health(self).total_cmp(&health(other)))
            .then_with(|| (&self.site, &self.device).cmp(&(&other.site, &other.device)))
    }
}

/// What the counters at the top say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct FleetCounts {
    /// Known devices.
    pub devices: u32,
    /// Devices that send.
    pub online: u32,
    /// Alarms whose condition stands now.
    pub active_alarms: u32,
    /// Alarms that nobody has acknowledged.
    pub unacknowledged_alarms: u32,
    /// Tickets that are neither closed nor cancelled.
    pub open_tickets: u32,
    /// Clocks of open tickets that ran out.
    pub breached_clocks: u32,
}

/// One machine with everything about it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Device {
    /// As in the fleet.
    #[serde(flatten)]
    pub summary: DeviceSummary,
    /// The kind of machine, for people.
    #[schema(value_type = schema::Text)]
    pub profile_title: Text,
    /// Version of the profile in force.
    pub profile_version: u32,
    /// The version of the model that judges it, such as `pump@3`.
    pub model: String,
    /// In which way it is working, where its profile tells modes apart and this one is known.
    pub operating_mode: Option<String>,
    /// The maker's serial number; empty if not known.
    pub serial_number: String,
    /// Where it stands; empty if not known.
    pub location: String,
    /// Whose it is; empty if not known.
    pub customer: String,
    /// The machine of the same site that it hangs on.
    #[schema(value_type = Option<String>)]
    pub parent: Option<DeviceName>,
    /// How many machines hang on it.
    pub carries: u32,
    /// What it measures.
    pub metrics: Vec<Metric>,
    /// How it can fail.
    pub failure_modes: Vec<FailureModeStatus>,
    /// Its alarms that are not normal.
    pub alarms: Vec<Alarm>,
    /// Its newest tickets, open ones first.
    pub tickets: Vec<TicketSummary>,
    /// When what its model holds for normal has itself moved, the newest first: no alarm, a fact about the model.
    pub drifts: Vec<Drift>,
}

/// What a learned rule holds for normal of a metric has moved. Values are in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Drift {
    /// Device time of the reading that decided.
    pub at: At,
    /// The metric.
    #[schema(value_type = String)]
    pub metric: MetricName,
    /// The rule of the profile.
    #[schema(value_type = String)]
    pub rule: RuleId,
    /// The failure modes that the rule speaks for.
    #[schema(value_type = Vec<String>)]
    pub failure_modes: Vec<FailureModeId>,
    /// How it came: `adopted`, a fault stood so long that it counts as normal; `moved`, the average left all that it was when
    /// learning ended; `outside`, many readings left the known normal stretch without an alarm.
    #[schema(value_type = schema::DriftCause)]
    pub cause: DriftCause,
    /// What was normal.
    pub normal: Range,
    /// The level within it.
    pub from: f64,
    /// The level now.
    pub to: f64,
    /// Since when the old normal was in force, device time.
    pub since: At,
    /// The version of the model.
    pub model: String,
}

impl From<ModelDrift> for Drift {
    fn from(drift: ModelDrift) -> Drift {
        Drift {
            at: drift.measured_at.into(),
            metric: drift.metric,
            rule: drift.rule,
            failure_modes: drift.failure_modes,
            cause: drift.cause,
            normal: Range {
                low: drift.low,
                high: drift.high,
            },
            from: drift.from,
            to: drift.to,
            since: drift.since.into(),
            model: drift.model.to_string(),
        }
    }
}

/// The newest value of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct LastValue {
    /// In the metric's unit.
    pub value: f64,
    /// Device time.
    pub measured_at: At,
    /// Whether it may be believed.
    #[schema(value_type = schema::Quality)]
    pub quality: Quality,
}

/// From low to high, in the metric's unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct Range {
    /// Lower edge.
    pub low: f64,
    /// Upper edge.
    pub high: f64,
}

/// A limit of the profile.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MetricLimit {
    /// How bad it is to pass it.
    #[schema(value_type = schema::Severity)]
    pub severity: Severity,
    /// In the metric's unit.
    pub value: f64,
    /// Which way is wrong.
    #[schema(value_type = schema::Direction)]
    pub direction: Direction,
    /// Where it comes from.
    pub source: String,
}

/// What a machine measures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Metric {
    /// Its name.
    #[schema(value_type = String)]
    pub name: MetricName,
    /// For people; empty if the name says it.
    #[schema(value_type = schema::Text)]
    pub title: Text,
    /// Its unit as printed; empty if not known.
    pub unit: String,
    /// Whether it is a condition (watched), a counter or a context.
    #[schema(value_type = String)]
    pub role: Role,
    /// The newest value.
    pub last: Option<LastValue>,
    /// What the learned baseline expects now.
    pub expected: Option<Range>,
    /// How far the baseline has learned, 0 to 1; none where nothing is learned.
    pub learned: Option<f64>,
    /// The profile's limits, mildest first.
    pub limits: Vec<MetricLimit>,
}

impl Metric {
    /// A metric as its profile describes it, without values. Metrics that the profile does not declare get an empty
    /// title and unit.
    pub fn of_profile(profile: &Profile, name: &MetricName) -> Metric {
        let spec: Option<&MetricSpec> = profile.metrics.get(name);
        Metric {
            name: name.clone(),
            title: spec.map(|s| s.title.clone()).unwrap_or_default(),
            unit: spec.map(|s| s.unit.clone()).unwrap_or_default(),
            role: spec.map(|s| s.role).unwrap_or_default(),
            last: None,
            expected: None,
            learned: None,
            limits: limits_of(profile, name),
        }
    }
}

/// The limits that a profile sets on a metric, mildest first.
pub fn limits_of(profile: &Profile, name: &MetricName) -> Vec<MetricLimit> {
    let mut limits = Vec::new();
    for rule in &profile.rules {
        match &rule.kind {
            RuleKind::Limit {
                metric,
                direction,
                levels,
                deadband: _,
                source,
                in_modes: _,
            } if metric == name => limits.extend(levels.iter().map(|level| MetricLimit {
                severity: level.severity,
                value: level.limit,
                direction: *direction,
                source: source.clone(),
            })),
            RuleKind::Limit { .. }
            | RuleKind::Rate { .. }
            | RuleKind::Baseline { .. }
            | RuleKind::EwmaZ { .. }
            | RuleKind::HalfSpaceTrees { .. }
            | RuleKind::Vibration { .. }
            | RuleKind::Stuck { .. }
            | RuleKind::PhysicalRange { .. }
            | RuleKind::Absence { .. } => {}
        }
    }
    limits
}

/// How a machine can fail, and whether that shows.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FailureModeStatus {
    /// Its name.
    #[schema(value_type = String)]
    pub id: FailureModeId,
    /// For people.
    #[schema(value_type = schema::Text)]
    pub title: Text,
    /// How bad it is if it shows now.
    #[schema(value_type = Option<schema::Severity>)]
    pub active: Option<Severity>,
    /// Whether people may be harmed.
    pub is_safety: bool,
    /// The part that fails; empty if not known.
    pub part: String,
    /// 0 to 100; none: not yet assessed.
    pub health: Option<f64>,
    /// Time left until this failure.
    pub time_left: Option<TimeLeft>,
}

/// How finely a history answer is rolled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HistoryLevel {
    /// Every reading.
    Raw,
    /// One point per minute or more.
    Minute,
    /// One point per hour or more.
    Hour,
}

/// One point of a history.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct HistoryPoint {
    /// Device time, start of the bucket.
    pub at: At,
    /// Readings in the bucket.
    pub count: u64,
    /// Smallest.
    pub min: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Largest.
    pub max: f64,
}

/// When an alarm stood, to shade a plot.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AlarmSpan {
    /// Which alarm.
    pub alarm_id: String,
    /// How it fails.
    #[schema(value_type = String)]
    pub failure_mode: FailureModeId,
    /// How bad at worst.
    #[schema(value_type = schema::Severity)]
    pub severity: Severity,
    /// Raised, device time.
    pub from: At,
    /// Condition gone, device time; none: it stands.
    pub to: Option<At>,
}

/// A metric over time, in `[from, to)`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct History {
    /// The metric.
    #[schema(value_type = String)]
    pub metric: MetricName,
    /// Its unit.
    pub unit: String,
    /// Start of what was asked for.
    pub from: At,
    /// End of what was asked for, not included.
    pub to: At,
    /// How finely it is rolled up.
    pub level: HistoryLevel,
    /// Oldest first.
    pub points: Vec<HistoryPoint>,
    /// Alarms of the device in this time.
    pub alarm_spans: Vec<AlarmSpan>,
}
