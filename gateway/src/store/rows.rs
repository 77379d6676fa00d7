//! Rows as the database keeps them: columns to find them by, and the whole record as JSON.

use domain::{DeviceIndex, DeviceKey, FailureModeId, Timestamp};

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
