//! Storms: incidents, which are many alarms of one cause, and what the people of a site were told.

use super::{At, schema};
use domain::text::Text;
use domain::{DeviceKey, FailureModeId, RiskLevel, Severity, SiteName};
use serde::Serialize;
use utoipa::ToSchema;

/// What many alarms come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum IncidentCause {
    /// The machine that the others hang on is down.
    ParentDown {
        /// Which, `site/device`.
        #[schema(value_type = String)]
        #[serde(serialize_with = "as_text")]
        parent: DeviceKey,
    },
    /// The same failure mode on many machines of a site within a short time.
    CommonMode {
        /// How they fail.
        #[schema(value_type = String)]
        failure_mode: FailureModeId,
    },
}

fn as_text<S: serde::Serializer>(key: &DeviceKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

fn as_text_if_any<S: serde::Serializer>(key: &Option<DeviceKey>, serializer: S) -> Result<S::Ok, S::Error> {
    match key {
        Some(key) => as_text(key, serializer),
        None => serializer.serialize_none(),
    }
}

/// How far an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum IncidentState {
    /// It lasts.
    Open,
    /// Half of its members are well again, or its parent is up: it is over then.
    Easing {
        /// When.
        until: At,
    },
    /// It is over.
    Over {
        /// Since when.
        at: At,
    },
}

/// Alarms of one site that have one cause.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Incident {
    /// Such as `I-000042`.
    pub id: String,
    /// Grows with every change.
    pub revision: u64,
    /// The place.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// What its members come from.
    pub cause: IncidentCause,
    /// The machine, as `site/device`, that all its machines hang on, where the cause may lie; none: it is known, or there is
    /// no such machine.
    #[schema(value_type = Option<String>)]
    #[serde(serialize_with = "as_text_if_any")]
    pub suspect: Option<DeviceKey>,
    /// What it is, for people.
    #[schema(value_type = schema::Text)]
    pub title: Text,
    /// How far it is.
    pub state: IncidentState,
    /// How many alarms it had so far.
    pub members: u32,
    /// How many of them stand.
    pub standing: u32,
    /// The first of its alarms, at most ten; the list of alarms with `incident` has all.
    pub first: Vec<String>,
    /// The worst severity so far.
    #[schema(value_type = schema::Severity)]
    pub severity: Severity,
    /// The highest risk so far.
    #[schema(value_type = schema::RiskLevel)]
    pub risk: RiskLevel,
    /// The ticket that serves it, such as `T-000042`.
    pub ticket: Option<String>,
    /// The answer to it; none: no level of event is meant for it.
    pub response: Option<EventResponse>,
    /// When it was found, our time.
    pub opened_at: At,
    /// When the first of its alarms began to show; for silence our time, else the machine's.
    pub began_at: At,
    /// The same of the latest.
    pub grew_at: At,
    /// When people were told last, our time; none: not yet.
    pub told_at: Option<At>,
    /// The latest change, our time.
    pub changed_at: At,
}

/// What is done about an incident, and until when.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventResponse {
    /// The level of event, such as `major`.
    pub level: String,
    /// What is done, step by step.
    #[schema(value_type = Vec<schema::Text>)]
    pub plan: Vec<Text>,
    /// Whom to call.
    pub contacts: Vec<String>,
    /// Somebody answers until then.
    pub respond_by: At,
    /// It is dealt with until then.
    pub handle_by: At,
    /// Who answers for it; none: nobody yet.
    pub responded: Option<EventDone>,
    /// Who dealt with it; none: nobody yet.
    pub handled: Option<EventDone>,
}

/// What somebody did about an incident.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventDone {
    /// Who.
    pub by: String,
    /// When, our time.
    pub at: At,
    /// What they said; may be empty.
    pub note: String,
}

impl Incident {
    /// Whether it lasts.
    pub fn is_open(&self) -> bool {
        match self.state {
            IncidentState::Open | IncidentState::Easing { .. } => true,
            IncidentState::Over { .. } => false,
        }
    }
}

/// A flood: more alarms than one person can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Flood {
    /// It began, our time.
    pub from: At,
    /// It ended, our time; none: it lasts.
    pub until: Option<At>,
    /// Alarms that were announced in it.
    pub alarms: u32,
}

/// Notices that wait to be told as one summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeldNotices {
    /// Since the first of them, our time.
    pub since: At,
    /// How many.
    pub count: u32,
    /// The worst severity among them.
    #[schema(value_type = Option<schema::Severity>)]
    pub worst: Option<Severity>,
}

/// How much the people of a site may be told, and were told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NoticeBudget {
    /// Notices at most within the span; none: no limit.
    pub limit: Option<u32>,
    /// How many of them are kept for incidents, summaries and danger to people.
    pub kept: u32,
    /// The span, minutes.
    pub within_min: u32,
    /// Notices given within the span until now.
    pub given: u32,
    /// What waits for a summary.
    pub held: Option<HeldNotices>,
    /// How many summaries there were.
    pub summaries: u64,
}

/// The floods of a site, and how much its people are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SiteStorms {
    /// The place.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// Whether a flood lasts.
    pub is_flooded: bool,
    /// The newest first; at most 100.
    pub floods: Vec<Flood>,
    /// Notices.
    pub notices: NoticeBudget,
}
