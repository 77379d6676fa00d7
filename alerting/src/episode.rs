//! Episodes that are over: what spoke for them and what a technician found, remembered so that the next one like it can be
//! read with its forerunners beside it. Values only; the memory is the book's.

use crate::likeness::Sign;
use crate::record::AlarmRecord;
use crate::ticket::{Outcome, TicketEnd, TicketState};
use domain::{AlarmId, DeviceKey, FailureModeId, Millis, TicketId, Timestamp};
use serde::{Deserialize, Serialize};

/// What became of an episode's ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It had none.
    NoTicket,
    /// Nobody has said yet.
    Open,
    /// The fault was there.
    FaultConfirmed,
    /// The machine was at fault, in another way.
    DifferentFault,
    /// The fault was there, and mended before it stopped the machine.
    Prevented,
    /// The technician looked and all was well.
    NoFaultFound,
    /// It ended in another way.
    Other,
    /// No work was done.
    Cancelled,
}

impl Verdict {
    /// What a ticket in this state says.
    pub fn of(state: &TicketState) -> Verdict {
        match state {
            TicketState::Open { .. } | TicketState::OnHold { .. } => Verdict::Open,
            TicketState::Finished { end, .. } | TicketState::Archived { end, .. } => match end {
                TicketEnd::Closed { outcome } => match outcome {
                    Outcome::FaultConfirmed(_) => Verdict::FaultConfirmed,
                    Outcome::DifferentFault { .. } => Verdict::DifferentFault,
                    Outcome::Prevented(_) => Verdict::Prevented,
                    Outcome::NoFaultFound => Verdict::NoFaultFound,
                    Outcome::Other { .. } => Verdict::Other,
                },
                TicketEnd::Cancelled { .. } => Verdict::Cancelled,
                // the other ticket will tell
                TicketEnd::Merged { .. } => Verdict::Open,
            },
        }
    }
}

/// An episode that is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastEpisode {
    /// Its alarm.
    pub alarm: AlarmId,
    /// On which machine.
    pub device: DeviceKey,
    /// The machine's profile.
    pub profile: String,
    /// How it failed.
    pub failure_mode: FailureModeId,
    /// What spoke for it.
    pub signs: Vec<Sign>,
    /// Device time.
    pub raised_at: Timestamp,
    /// Device time.
    pub cleared_at: Timestamp,
    /// Our time; the oldest make room.
    pub closed_at: Timestamp,
    /// Its ticket.
    pub ticket: Option<TicketId>,
    /// What became of that.
    pub verdict: Verdict,
    /// The fault that it was, where it was a different one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<FailureModeId>,
}

impl PastEpisode {
    /// Of an alarm whose condition has just ended.
    pub(crate) fn of(alarm: &AlarmRecord, verdict: Verdict, now: Timestamp) -> PastEpisode {
        PastEpisode {
            alarm: alarm.id.clone(),
            device: alarm.device.clone(),
            profile: alarm.profile.clone(),
            failure_mode: alarm.failure_mode.clone(),
            signs: alarm.evidence.iter().map(Sign::of).collect(),
            raised_at: alarm.raised_at,
            cleared_at: alarm.measured_at,
            closed_at: now,
            ticket: alarm.ticket,
            verdict,
            found: None,
        }
    }

    /// How long it went on.
    pub fn length(&self) -> Millis {
        (self.cleared_at - self.raised_at).max(Millis::ZERO)
    }
}

/// A forerunner of an alarm, as it was known when the alarm was raised or last changed in severity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimilarEpisode {
    /// Its alarm.
    pub alarm: AlarmId,
    /// On which machine.
    pub device: DeviceKey,
    /// 0 to 1: 1 for the same evidence.
    pub likeness: f64,
    /// Device time.
    pub raised_at: Timestamp,
    /// Device time.
    pub cleared_at: Timestamp,
    /// Its ticket.
    pub ticket: Option<TicketId>,
    /// What became of that.
    pub verdict: Verdict,
    /// The fault that it was, where it was a different one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<FailureModeId>,
}
