//! What is known of one alarm and of the machine it is about: complete values, stored as one row each.
//!
//! No clock, no I/O. A record carries what the profile said when the alarm was raised, so that it can be read, and its ticket
//! opened, without the profile.

use crate::alarm::{AlarmLife, AlarmState};
use crate::episode::SimilarEpisode;
use crate::habit::Habit;
use crate::impact::ImpactReason;
use crate::policy::Rationale;
use crate::risk::RiskAssessment;
use crate::storm::IncidentId;
use domain::profile::{FailureMode, Service};
use domain::text::Text;
use domain::{
    AlarmId, DeviceKey, Evidence, EvidenceReason, FailureModeId, Health, Impact, ModelVersion, Profile, Prognosis,
    RiskLevel, Severity, TicketId, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What the registry says about a machine beside its profile.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Asset {
    /// The maker's serial number.
    pub serial_number: String,
    /// Where it stands, for people.
    pub location: String,
    /// Whose it is.
    pub customer: String,
    /// How many people depend on it, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_served: Option<u32>,
    /// The last day of the maker's warranty, `2027-03-31`; empty if nobody knows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub warranty_until: String,
    /// The region of its site, by which parts near it are found; empty: the registry does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub region: String,
}

impl Asset {
    /// Whether the maker's warranty holds on the day (UTC) of an instant; none if nobody knows.
    pub fn in_warranty(&self, at: Timestamp) -> Option<bool> {
        let last: jiff::civil::Date = self.warranty_until.parse().ok()?;
        let day = jiff::Timestamp::from_millisecond(at.0).ok()?;
        Some(day.to_zoned(jiff::tz::TimeZone::UTC).date() <= last)
    }
}

/// A machine as the book needs it. The profile is the device's own, with its overrides.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceFacts {
    /// Which machine.
    pub key: DeviceKey,
    /// What it is.
    pub profile: Arc<Profile>,
    /// The version of the model that the profile belongs to.
    pub model: ModelVersion,
    /// What the registry says.
    pub asset: Asset,
}

/// What the profile says about a failure mode, as far as alarms and tickets need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeFacts {
    /// For people.
    pub title: Text,
    /// The part that fails.
    pub part: String,
    /// What to do.
    pub action: Text,
    /// Parts to bring.
    pub parts: Vec<String>,
    /// Skills needed.
    pub skills: Vec<String>,
    /// Whether people may be harmed.
    pub is_safety: bool,
    /// Stays until a person resets it.
    pub is_latched: bool,
    /// What the failure costs.
    pub impact: Impact,
    /// What decided that.
    #[serde(default)]
    pub impact_reason: ImpactReason,
    /// The severity from which a ticket opens; none: never by itself.
    pub ticket_from: Option<Severity>,
    /// What the device itself said, where a fault code spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<CodeFacts>,
    /// Why there is this alarm and what to do, where the site has written it down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<Rationale>,
}

/// A fault code of the device's own, and what its profile says about it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CodeFacts {
    /// The code.
    pub code: String,
    /// What it says, in English.
    pub text: String,
    /// The service that it calls for at least.
    #[serde(default)]
    pub service: Option<Service>,
    /// What it likely comes from; empty if nobody knows.
    #[serde(default)]
    pub cause: Text,
}

impl CodeFacts {
    /// A code and the maker's words, with what the profile says about it.
    pub fn said(code: &str, text: &str, profile: &Profile) -> CodeFacts {
        let known = profile.fault_codes.get(code);
        CodeFacts {
            code: code.to_owned(),
            text: text.to_owned(),
            service: known.and_then(|k| k.service),
            cause: known.map(|k| k.cause.clone()).unwrap_or_default(),
        }
    }

    /// The first fault code among what speaks for a condition.
    pub fn of(evidence: &[Evidence], profile: &Profile) -> Option<CodeFacts> {
        evidence.iter().find_map(|e| match &e.reason {
            EvidenceReason::FaultCode { code, text } => Some(CodeFacts::said(code, text, profile)),
            EvidenceReason::AboveLimit { .. }
            | EvidenceReason::BelowLimit { .. }
            | EvidenceReason::TooFast { .. }
            | EvidenceReason::OutsideBaseline { .. }
            | EvidenceReason::UnusualCombination { .. }
            | EvidenceReason::VibrationFault { .. }
            | EvidenceReason::LearnedClass { .. }
            | EvidenceReason::Stuck { .. }
            | EvidenceReason::OutsidePhysicalRange { .. }
            | EvidenceReason::Silent { .. } => None,
        })
    }
}

/// Whether what speaks now is what spoke before, and all of it learned. A learned rule has one severity and shows milder only
/// in its first days; so if such an alarm gets worse, only these days are over.
pub fn is_stage_alone(before: &[Evidence], now: &[Evidence]) -> bool {
    let is_learned = |e: &Evidence| match &e.reason {
        EvidenceReason::OutsideBaseline { .. } => true,
        EvidenceReason::UnusualCombination { .. }
        | EvidenceReason::AboveLimit { .. }
        | EvidenceReason::BelowLimit { .. }
        | EvidenceReason::TooFast { .. }
        | EvidenceReason::VibrationFault { .. }
        | EvidenceReason::LearnedClass { .. }
        | EvidenceReason::Stuck { .. }
        | EvidenceReason::OutsidePhysicalRange { .. }
        | EvidenceReason::Silent { .. }
        | EvidenceReason::FaultCode { .. } => false,
    };
    let spoke_before = |e: &Evidence| before.iter().any(|b| b.rule == e.rule);
    !now.is_empty() && now.iter().all(|e| is_learned(e) && spoke_before(e))
}

impl From<&FailureMode> for ModeFacts {
    fn from(mode: &FailureMode) -> Self {
        ModeFacts {
            title: mode.title.clone(),
            part: mode.part.clone(),
            action: mode.action.clone(),
            parts: mode.parts.clone(),
            skills: mode.skills.clone(),
            is_safety: mode.is_safety,
            is_latched: mode.policy.is_latched,
            impact: mode.impact,
            impact_reason: ImpactReason::Criticality,
            ticket_from: mode.ticket_from,
            code: None,
            rationale: None,
        }
    }
}

impl ModeFacts {
    /// For a failure mode that the profile does not know (any more): not understood is not the same as fine.
    pub fn unknown(mode: &FailureModeId, impact: Impact) -> Self {
        ModeFacts {
            title: Text {
                en: mode.to_string(),
                zh: String::new(),
            },
            part: String::new(),
            action: Text::default(),
            parts: Vec::new(),
            skills: Vec::new(),
            is_safety: false,
            is_latched: false,
            impact,
            impact_reason: ImpactReason::Criticality,
            ticket_from: Some(Severity::Warning),
            code: None,
            rationale: None,
        }
    }
}

/// One alarm: one episode of one failure mode of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmRecord {
    /// Its id, the same for its whole life.
    pub id: AlarmId,
    /// Which machine.
    pub device: DeviceKey,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// State, severity, shelving and episode number.
    pub life: AlarmLife,
    /// The matrix's answer and why.
    pub risk: RiskAssessment,
    /// The highest risk of the episode so far; rows of the first versions do not tell.
    #[serde(default)]
    pub peak_risk: Option<RiskLevel>,
    /// What speaks for it; of the latest change that had any.
    pub evidence: Vec<Evidence>,
    /// Earlier episodes like it; of the latest change that had evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub similar: Vec<SimilarEpisode>,
    /// The evidence in words.
    pub reason: Text,
    /// Health at the latest change of the condition.
    pub health: Health,
    /// Time left at the latest change of the condition.
    pub prognosis: Prognosis,
    /// Device time of the reading that raised it.
    pub raised_at: Timestamp,
    /// Device time of the reading that decided the latest change of the condition.
    pub measured_at: Timestamp,
    /// Our time of the raising.
    pub opened_at: Timestamp,
    /// Our time of the latest change.
    pub changed_at: Timestamp,
    /// How many changes there were, this one counted; from 1.
    pub transitions: u32,
    /// The ticket that it opened or was merged into.
    pub ticket: Option<TicketId>,
    /// The profile by which it was raised.
    pub profile: String,
    /// Its version.
    pub profile_version: u32,
    /// The model that decided the latest change of the condition.
    #[serde(default)]
    pub model: ModelVersion,
    /// What the profile says about the failure mode.
    pub facts: ModeFacts,
    /// What the registry says about the machine.
    pub asset: Asset,
    /// Our time since when the condition stands, or stood last.
    #[serde(default)]
    pub active_since: Option<Timestamp>,
    /// Our time at which a person first acknowledged this episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged_at: Option<Timestamp>,
    /// Our time at which it was last announced to people.
    #[serde(default)]
    pub announced_at: Option<Timestamp>,
    /// It shows as it did as an advisory; only the model has left its first days. For tickets it is still an advisory.
    #[serde(default)]
    pub is_stage_alone: bool,
    /// Bad habits found.
    #[serde(default)]
    pub habit: Habit,
    /// The incident that it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
    /// When the condition began to show, by the clock that machines are compared by: the machine's, and ours for silence.
    #[serde(default = "long_ago")]
    pub showed_at: Timestamp,
}

fn long_ago() -> Timestamp {
    Timestamp(0)
}

impl AlarmRecord {
    /// Whether the book must remember it: anything but normal and not put aside by a person.
    pub fn is_live(&self) -> bool {
        self.life.is_live()
    }

    /// Whether it is anything but normal.
    pub fn stands(&self) -> bool {
        self.life.state != AlarmState::Normal
    }

    /// Our time since when the condition stands, or stood last; rows of the first version do not tell.
    pub fn standing_since(&self) -> Timestamp {
        self.active_since.unwrap_or(self.opened_at)
    }

    /// Whether a person took it out of sight.
    pub fn is_shelved(&self) -> bool {
        self.life.shelving.is_some()
    }
}
