//! Alarms, and what speaks for them.

use super::{At, SimilarEpisode, schema};
use crate::phrase;
use domain::text::Text;
use domain::{
    AlarmId, DeviceName, Evidence, EvidenceReason, FailureModeId, MetricName, RiskLevel, RuleId, Severity, SiteName,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// ISA-18.2 state of an alarm. Shelving, suppression and out of service vary independently and are fields of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlarmState {
    /// Condition gone, seen: over.
    Normal,
    /// Condition stands, nobody has seen it.
    Unacknowledged,
    /// Condition stands, somebody has seen it.
    Acknowledged,
    /// Condition gone, nobody has seen it.
    ReturnedUnacknowledged,
    /// Condition gone, waits for a reset.
    Latched,
}

/// Somebody did something at a time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Act {
    /// Who.
    pub by: String,
    /// When, our time.
    pub at: At,
}

/// An alarm put aside by a person.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Shelving {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// It comes back by itself then.
    pub until: At,
}

/// An alarm that is out of service for work on the machine.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OutOfService {
    /// Who answers for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: At,
    /// By which maintenance window, such as `W-000042`; none: a person took this alarm alone, and brings it back.
    pub window: Option<String>,
}

/// A bad habit of an alarm: its rule should be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It comes and goes.
    Chattering,
    /// It was gone before anybody could have acted, at least once.
    Fleeting,
    /// It has stood for too long.
    Stale,
}

/// Why there is the alarm, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Rationale {
    /// What makes it show.
    pub cause: String,
    /// What happens if nobody acts.
    pub consequence: String,
    /// What to do.
    pub response: String,
    /// Within what time, minutes.
    pub time_to_respond_min: u32,
}

/// One alarm of one episode.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Alarm {
    /// `site/device/failure_mode/episode`.
    #[schema(value_type = String)]
    pub id: AlarmId,
    /// Grows with every change; the ETag.
    pub revision: u64,
    /// The place.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// The machine.
    #[schema(value_type = String)]
    pub device: DeviceName,
    /// How it fails.
    #[schema(value_type = String)]
    pub failure_mode: FailureModeId,
    /// How it fails, for people.
    #[schema(value_type = schema::Text)]
    pub title: Text,
    /// How bad.
    #[schema(value_type = schema::Severity)]
    pub severity: Severity,
    /// ISA-18.2 state.
    pub state: AlarmState,
    /// Whether the condition stands now.
    pub is_active: bool,
    /// Put aside by a person.
    pub shelved: Option<Shelving>,
    /// Put aside by logic: why.
    #[schema(value_type = Option<schema::Text>)]
    pub suppressed: Option<Text>,
    /// Put aside for work on the machine.
    pub out_of_service: Option<OutOfService>,
    /// Bad habits found.
    pub findings: Vec<Finding>,
    /// Why there is this alarm and what to do, where the site has written it down.
    pub rationale: Option<Rationale>,
    /// The matrix's answer.
    #[schema(value_type = schema::RiskLevel)]
    pub risk: RiskLevel,
    /// The same where the site counts fewer levels, such as `1/3`; 1 is the worst.
    pub risk_grade: Option<String>,
    /// Why it is so high: probability and impact, each with what decided it.
    #[schema(value_type = schema::Text)]
    pub risk_reason: Text,
    /// Raised, device time.
    pub raised_at: At,
    /// In this state since, device time.
    pub since: At,
    /// Who has seen it.
    pub acknowledged: Option<Act>,
    /// What speaks for it, the strongest first.
    pub evidence: Vec<EvidenceView>,
    /// Earlier episodes like it: those of the same machine first, then the most alike. In lists as they were known when it
    /// was raised, for one alarm as they are known now.
    pub similar: Vec<SimilarEpisode>,
    /// Its ticket, such as `T-000042`.
    pub ticket: Option<String>,
    /// The incident that it is part of, such as `I-000042`.
    pub incident: Option<String>,
    /// The version of the model that decided its latest change, such as `pump@3`; empty if nobody wrote it down.
    pub model: String,
}

/// Evidence in words and numbers.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EvidenceView {
    /// The rule that spoke.
    #[schema(value_type = String)]
    pub rule: RuleId,
    /// The metric judged.
    #[schema(value_type = Option<String>)]
    pub metric: Option<MetricName>,
    /// The value that spoke.
    pub value: Option<f64>,
    /// The metric's unit.
    pub unit: String,
    /// What was compared, such as `above_limit`.
    pub kind: String,
    /// The limit passed, where there is one.
    pub limit: Option<f64>,
    /// The range left, where there is one.
    pub range: Option<super::Range>,
    /// One sentence with value and limit.
    #[schema(value_type = schema::Text)]
    pub sentence: Text,
}

impl EvidenceView {
    /// From what a rule said. `metric_title` is the profile's; where it is empty the metric's name stands in.
    pub fn new(evidence: &Evidence, metric_title: &Text, unit: &str) -> EvidenceView {
        let range = |low: &f64, high: &f64| Some(super::Range { low: *low, high: *high });
        let (kind, limit, range) = match &evidence.reason {
            EvidenceReason::AboveLimit { limit, source: _ } => ("above_limit", Some(*limit), None),
            EvidenceReason::BelowLimit { limit, source: _ } => ("below_limit", Some(*limit), None),
            EvidenceReason::TooFast {
                per_hour: _,
                limit_per_hour,
            } => ("too_fast", Some(*limit_per_hour), None),
            EvidenceReason::OutsideBaseline {
                low,
                high,
                score: _,
                aspect: _,
                readings: _,
                operating_mode: _,
            } => ("outside_baseline", None, range(low, high)),
            EvidenceReason::UnusualCombination { score: _ } => ("unusual_combination", None, None),
            EvidenceReason::VibrationFault {
                fault: _,
                confidence: _,
                says: _,
            } => ("vibration_fault", None, None),
            EvidenceReason::LearnedClass {
                class: _,
                probability: _,
                model: _,
            } => ("learned_class", None, None),
            EvidenceReason::Stuck { since: _ } => ("stuck", None, None),
            EvidenceReason::OutsidePhysicalRange { min, max } => ("outside_physical_range", None, range(min, max)),
            EvidenceReason::Silent { last_received_at: _ } => ("silent", None, None),
            EvidenceReason::FaultCode { code: _, text: _ } => ("fault_code", None, None),
        };
        EvidenceView {
            rule: evidence.rule.clone(),
            metric: evidence.metric.clone(),
            value: evidence.value,
            unit: unit.to_owned(),
            kind: kind.to_owned(),
            limit,
            range,
            sentence: phrase::evidence(evidence, metric_title, unit),
        }
    }
}
