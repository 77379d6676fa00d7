//! Earlier episodes like an alarm, with what became of them.

use super::At;
use domain::{AlarmId, DeviceName, FailureModeId, SiteName};
use serde::Serialize;
use utoipa::ToSchema;

/// What became of an episode's ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
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
    /// The fault was mended before it stopped the machine.
    Prevented,
    /// The technician looked and all was well.
    NoFaultFound,
    /// It ended in another way.
    Other,
    /// No work was done.
    Cancelled,
}

/// An earlier episode of the same failure mode, on the same machine or on another of its profile.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SimilarEpisode {
    /// Its alarm.
    #[schema(value_type = String)]
    pub alarm: AlarmId,
    /// The place.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// The machine.
    #[schema(value_type = String)]
    pub device: DeviceName,
    /// How alike what spoke for it is, 0 to 1: 1 for the same metrics, as far out, in the same way.
    pub likeness: f64,
    /// Raised, device time.
    pub raised_at: At,
    /// Condition gone, device time.
    pub cleared_at: At,
    /// Its ticket, such as `T-000042`.
    pub ticket: Option<String>,
    /// What became of that.
    pub verdict: Verdict,
    /// The fault that it was, where it was a different one.
    #[schema(value_type = Option<String>)]
    pub found: Option<FailureModeId>,
}
