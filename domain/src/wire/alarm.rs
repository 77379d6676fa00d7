//! What we publish: each change of an alarm, and each proactive service.

use crate::{AlarmId, DeviceName, FailureModeId, ModelVersion, RiskLevel, Severity, SiteName, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

/// The payload of `forewarn/{site}/{device}/alarm`, retained: the latest change of the device's alarms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmMessage {
    /// Which alarm; the same for its whole life.
    pub alarm_id: AlarmId,
    /// The place.
    pub site: SiteName,
    /// The machine.
    pub device: DeviceName,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// How bad.
    pub severity: Severity,
    /// ISA-18.2 state, such as `unacknowledged`.
    pub state: String,
    /// Whether a person took it out of sight for a time; its later changes are then not published until that ends.
    #[serde(default)]
    pub is_shelved: bool,
    /// Whether logic hides it; its later changes are then not published until that ends.
    #[serde(default)]
    pub is_suppressed: bool,
    /// Whether it is out of service for work on the machine; its later changes are then not published until that ends.
    #[serde(default)]
    pub is_out_of_service: bool,
    /// The matrix's answer.
    pub risk: RiskLevel,
    /// Device time (ms) of the reading that decided this change.
    pub measured_at: Timestamp,
    /// Device time (ms) of the reading that raised the alarm.
    pub raised_at: Timestamp,
    /// One sentence with value and limit.
    pub reason: String,
    /// The version of the model that decided the latest change of the condition, such as `pump@3`.
    #[serde(default)]
    pub model: ModelVersion,
}

/// The payload of `forewarn/{site}/{device}/service`: a proactive service for the device or its app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceMessage {
    /// The ticket behind it.
    pub ticket: TicketId,
    /// The place.
    pub site: SiteName,
    /// The machine.
    pub device: DeviceName,
    /// `maintenance_reminder`, `on_site_inspection` or `emergency`.
    pub service: String,
    /// How it fails.
    pub failure_mode: FailureModeId,
    /// What the owner should know, in English.
    pub text: String,
    /// When the ticket was opened (ms).
    pub opened_at: Timestamp,
    /// By when it shall be done (ms), if a clock runs.
    pub due_at: Option<Timestamp>,
}
