//! Model versions: what judges, what runs in shadow, and how the two differ.

use super::{Act, At, schema};
use domain::profile::{MetricSet, Profile, Rule, RuleKind};
use domain::text::Text;
use domain::{DeviceName, FailureModeId, Severity, SiteName};
use serde::Serialize;
use utoipa::ToSchema;

/// How a model version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// Added, and doing nothing.
    Candidate,
    /// Runs beside the one in force; nobody is told what it says.
    Shadow,
    /// Judges.
    InForce,
    /// Judged or ran once, or was set aside, or is a profile file in whose place another judges.
    Retired,
}

/// Where a model version comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelOrigin {
    /// A profile file, shipped or from the folder of profiles.
    File,
    /// Added while the gateway ran.
    Added,
}

/// A model version.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Model {
    /// Its name, which alarms and tickets carry: `pump@3`, or `pump@3-1f0c9a77` if it was added.
    pub model: String,
    /// How it stands.
    pub state: ModelState,
    /// Where it comes from.
    pub origin: ModelOrigin,
    /// What it is made of.
    #[serde(flatten)]
    pub content: ModelInForce,
    /// Who added it, and when.
    pub added: Option<Act>,
    /// Since when it runs in shadow, or ran the last time.
    pub shadow_since: Option<At>,
    /// Who let it judge, and when.
    pub promoted: Option<Act>,
    /// Who stands for that.
    pub approved_by: Option<String>,
    /// What judged before it; none: the profile file.
    pub replaces: Option<String>,
    /// When it ceased to judge or was set aside.
    pub ended_at: Option<At>,
}

/// A model version with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelDetail {
    /// As in the list.
    #[serde(flatten)]
    pub model: Model,
    /// The text of its profile; none for a profile file.
    pub toml: Option<String>,
    /// Trained models that judge beside its rules, by name and content; empty if there are none.
    pub trained: Vec<String>,
    /// How it differs from the one that judges, if it ran in shadow.
    pub comparison: Option<Comparison>,
}

/// How many alarms, or tickets, two models had over the same readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tally {
    /// By the model that judges.
    pub live: u32,
    /// By the one in shadow.
    pub shadow: u32,
    /// Cases in which both had one at the same time.
    pub both: u32,
    /// By the one that judges alone.
    pub only_live: u32,
    /// By the one in shadow alone.
    pub only_shadow: u32,
}

/// The difference over one failure mode.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModeDifference {
    /// How it fails.
    #[schema(value_type = String)]
    pub failure_mode: FailureModeId,
    /// Alarms.
    pub alarms: Tally,
    /// Alarms that would open a ticket were there none.
    pub tickets: Tally,
    /// By how much the one in shadow raises earlier where both do: the median in milliseconds; negative: later.
    pub earlier_ms: Option<i64>,
}

/// An alarm that only one of two models raised.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DifferingAlarm {
    /// `live` or `shadow`: who raised it.
    pub only: String,
    /// The place.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// The machine.
    #[schema(value_type = String)]
    pub device: DeviceName,
    /// How it fails.
    #[schema(value_type = String)]
    pub failure_mode: FailureModeId,
    /// The worst so far.
    #[schema(value_type = schema::Severity)]
    pub severity: Severity,
    /// Device time.
    pub raised_at: At,
    /// Device time; none while it stands.
    pub cleared_at: Option<At>,
    /// Whether a ticket would open were there none.
    pub would_open_ticket: bool,
    /// Why, in English.
    pub reason: String,
}

/// How a model in shadow differs from the one that judges, over the readings that both saw. Compared is what holds through the
/// delays of each; the same failure mode of the same device at the same time is the same alarm.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Comparison {
    /// Since when both ran.
    pub since: At,
    /// Whether the oldest alarms had to make room, so that the figures leave them out.
    pub is_cut: bool,
    /// Alarms.
    pub alarms: Tally,
    /// Alarms that would open a ticket were there none.
    pub tickets: Tally,
    /// By failure mode.
    pub failure_modes: Vec<ModeDifference>,
    /// Alarms that only one of them raised, the newest first.
    pub examples: Vec<DifferingAlarm>,
}

/// What a profile has in force.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelInForce {
    /// The profile.
    pub profile: String,
    /// For people.
    #[schema(value_type = schema::Text)]
    pub title: Text,
    /// Its version.
    pub version: u32,
    /// Devices judged by it.
    pub devices: u32,
    /// Its rules.
    pub rules: Vec<RuleInForce>,
}

/// One rule in force.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RuleInForce {
    /// Its name.
    pub id: String,
    /// What it does, such as `limit` or `baseline`.
    pub kind: String,
    /// What it watches; empty: the whole device, `*`: every condition.
    pub metrics: Vec<String>,
    /// Failure modes that it speaks for.
    pub failure_modes: Vec<String>,
}

impl ModelInForce {
    /// Of a profile.
    pub fn of_profile(profile: &Profile, devices: u32) -> ModelInForce {
        ModelInForce {
            profile: profile.id.clone(),
            title: profile.title.clone(),
            version: profile.version,
            devices,
            rules: profile.rules.iter().map(|rule| rule_in_force(profile, rule)).collect(),
        }
    }
}

fn rule_in_force(profile: &Profile, rule: &Rule) -> RuleInForce {
    let (kind, metrics) = match &rule.kind {
        RuleKind::Limit { metric, .. } => ("limit", vec![metric.to_string()]),
        RuleKind::Rate { metric, .. } => ("rate", vec![metric.to_string()]),
        RuleKind::Baseline { metrics, .. } => (
            "baseline",
            match metrics {
                MetricSet::AllConditions => vec!["*".to_owned()],
                MetricSet::Listed(metrics) => metrics.iter().map(ToString::to_string).collect(),
            },
        ),
        RuleKind::EwmaZ { metrics, .. } => ("ewma_z", metrics.iter().map(ToString::to_string).collect()),
        RuleKind::HalfSpaceTrees { ranges, .. } => (
            "half_space_trees",
            ranges.iter().map(|(metric, _, _)| metric.to_string()).collect(),
        ),
        RuleKind::Vibration { watch, fault: _ } => {
            let sensor = profile.vibration.get(*watch).map(|w| format!("{}.*", w.sensor));
            ("vibration", sensor.into_iter().collect())
        }
        RuleKind::Stuck { metric, .. } => ("stuck", vec![metric.to_string()]),
        RuleKind::PhysicalRange { metric, .. } => ("physical_range", vec![metric.to_string()]),
        RuleKind::Absence { .. } => ("absence", Vec::new()),
    };
    RuleInForce {
        id: rule.id.to_string(),
        kind: kind.to_owned(),
        metrics,
        failure_modes: rule
            .modes
            .iter()
            .filter_map(|mode| profile.mode(*mode))
            .map(|mode| mode.id.to_string())
            .collect(),
    }
}
