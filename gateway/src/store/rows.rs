//! Rows as the database keeps them: columns to find them by, and the whole record as JSON.

use crate::pipeline::batch::Side;
use domain::{ConditionState, DeviceIndex, DeviceKey, FailureModeId, ModelVersion, Severity, Timestamp};
use std::sync::Arc;

/// An alarm's row.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmRow {
    /// Alarm id as text.
    pub id: String,
    /// Whose.
    pub device: DeviceKey,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// Which time.
    pub episode: u32,
    /// Whether it still needs a person or still stands.
    pub is_open: bool,
    /// ISA-18.2 state.
    pub state: String,
    /// Severity's word.
    pub severity: String,
    /// Risk level's word.
    pub risk: String,
    /// Device time of the raise.
    pub raised_at: Timestamp,
    /// Our time of the last change.
    pub changed_at: Timestamp,
    /// Counts changes.
    pub revision: u64,
    /// The whole record as JSON.
    pub record: String,
    /// The latest incident that it was a member of; a row without one keeps what it had.
    pub incident: Option<u64>,
}

/// An incident's row.
#[derive(Debug, Clone, PartialEq)]
pub struct IncidentRow {
    /// Its number.
    pub id: u64,
    /// Where.
    pub site: String,
    /// Whether it lasts.
    pub is_open: bool,
    /// Our time when it was found.
    pub opened_at: Timestamp,
    /// The whole record as JSON.
    pub record: String,
}

/// The row of what the people of a site were told.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticesRow {
    /// Which site.
    pub site: String,
    /// The whole record as JSON.
    pub record: String,
}

/// A maintenance window's row.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowRow {
    /// Its number.
    pub id: u64,
    /// Whether it is not over.
    pub is_open: bool,
    /// The whole record as JSON.
    pub record: String,
}

/// The row of an entry of the knowledge base.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryRow {
    /// Its number.
    pub id: u64,
    /// Its state's word.
    pub state: String,
    /// The whole record as JSON.
    pub record: String,
}

/// A ticket's row.
#[derive(Debug, Clone, PartialEq)]
pub struct TicketRow {
    /// Its number.
    pub id: u64,
    /// Whose.
    pub device: DeviceKey,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// Which time.
    pub episode: u32,
    /// Whether work is left.
    pub is_open: bool,
    /// Its state's word.
    pub state: String,
    /// Its kind's word.
    pub kind: String,
    /// When it was opened, our time.
    pub opened_at: Timestamp,
    /// By when, if a clock runs.
    pub due_at: Option<Timestamp>,
    /// Our time of the last change.
    pub changed_at: Timestamp,
    /// Counts changes.
    pub revision: u64,
    /// The whole record as JSON.
    pub record: String,
}

/// A line of the audit trail.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRow {
    /// Its number; 0 before it is stored.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Did what.
    pub action: String,
    /// To what.
    pub subject: String,
    /// In JSON.
    pub detail: String,
}

/// An order that must leave.
#[derive(Debug, Clone, PartialEq)]
pub struct OutboxRow {
    /// Its number; 0 before it is stored.
    pub id: u64,
    /// Receiver: `mqtt` or `webhook:NAME`.
    pub target: String,
    /// The same on every try.
    pub key: String,
    /// What it is: a CloudEvents type or an MQTT topic.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// JSON.
    pub payload: String,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// Tries so far.
    pub attempts: u32,
    /// Not before.
    pub next_attempt_at: Timestamp,
    /// Why the last try failed.
    pub last_error: String,
}

/// A packet that was not understood.
#[derive(Debug, Clone, PartialEq)]
pub struct QuarantineRow {
    /// Its number; 0 before it is stored.
    pub id: u64,
    /// When it came.
    pub received_at: Timestamp,
    /// Its topic, cut at 1 KiB.
    pub topic: String,
    /// Its bytes, cut at the limit.
    pub payload: Vec<u8>,
    /// Whether bytes are missing; such a packet cannot be replayed.
    pub is_cut: bool,
    /// The reason's short name.
    pub reason: String,
    /// The reason in a sentence.
    pub detail: String,
}

/// A raw waveform.
#[derive(Debug, Clone, PartialEq)]
pub struct WaveformRow {
    /// Whose.
    pub device: DeviceIndex,
    /// Which sensor.
    pub sensor: String,
    /// Device time.
    pub measured_at: Timestamp,
    /// As it came.
    pub payload: Vec<u8>,
}

/// How a model version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModelState {
    /// Added, and doing nothing.
    Candidate,
    /// Runs beside the one in force; nobody is told what it says.
    Shadow,
    /// Judges.
    InForce,
    /// Judged or ran once, or was set aside.
    Retired,
}

impl ModelState {
    /// Its word in the database and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ModelState::Candidate => "candidate",
            ModelState::Shadow => "shadow",
            ModelState::InForce => "in_force",
            ModelState::Retired => "retired",
        }
    }

    /// Every state.
    pub const ALL: [ModelState; 4] = [
        ModelState::Candidate,
        ModelState::Shadow,
        ModelState::InForce,
        ModelState::Retired,
    ];
}

/// Who let a model judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promotion {
    /// When, our time.
    pub at: Timestamp,
    /// Who did it.
    pub by: String,
    /// Who stands for it.
    pub approved_by: String,
}

/// A model version that was added beside the profile files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelRow {
    /// Its name.
    pub version: ModelVersion,
    /// The profile of whose devices it is.
    pub profile: String,
    /// How it stands.
    pub state: ModelState,
    /// The text of its profile.
    pub toml: Arc<str>,
    /// What it has learned elsewhere, if anything.
    pub learned: Option<Arc<[u8]>>,
    /// When it was added, our time.
    pub added_at: Timestamp,
    /// By whom.
    pub added_by: String,
    /// Since when it runs in shadow, or ran the last time.
    pub shadow_since: Option<Timestamp>,
    /// Who let it run there the last time; empty: nobody, or not known.
    pub shadow_by: String,
    /// Who let it judge, the last time.
    pub promoted: Option<Promotion>,
    /// What judged before it; none: the profile file.
    pub replaces: Option<ModelVersion>,
    /// When it ceased to judge or was set aside.
    pub ended_at: Option<Timestamp>,
}

/// What one of two compared models says of a failure mode.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedRow {
    /// The version in shadow.
    pub shadow: ModelVersion,
    /// Which of the two.
    pub side: Side,
    /// Whose.
    pub device: DeviceKey,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// Whether it shows from now on.
    pub state: ConditionState,
    /// Device time.
    pub measured_at: Timestamp,
    /// Whether a ticket would open were there none.
    pub would_open_ticket: bool,
    /// Why, in English.
    pub reason: String,
}

/// A failure mode that showed, by one of two compared models.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedAlarm {
    /// Which of the two.
    pub side: Side,
    /// Whose.
    pub device: DeviceKey,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// Device time.
    pub raised_at: Timestamp,
    /// Device time; none while it stands.
    pub cleared_at: Option<Timestamp>,
    /// The worst so far.
    pub severity: Severity,
    /// Whether a ticket would open were there none.
    pub would_open_ticket: bool,
    /// Why, in English.
    pub reason: String,
}

/// An episode that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpisodeRow {
    /// Its alarm.
    pub alarm: String,
    /// The machine's profile.
    pub profile: String,
    /// How it failed.
    pub failure_mode: FailureModeId,
    /// Our time.
    pub closed_at: Timestamp,
    /// The record whole, as JSON.
    pub record: String,
}
