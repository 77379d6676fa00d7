//! Who is on call.

use super::At;
use serde::Serialize;
use utoipa::ToSchema;

/// A rotation of people.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OnCall {
    /// Its name; levels of an escalation say `on_call:NAME`.
    pub name: String,
    /// Its time zone, such as `Europe/Berlin`.
    pub time_zone: String,
    /// Who is on call now; none outside the hours of the rotation.
    pub now: Option<String>,
    /// Who is on call when, from now on, without a gap.
    pub shifts: Vec<Shift>,
}

/// A stretch of time with the same person on call.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Shift {
    /// Who; none: nobody is.
    pub person: Option<String>,
    /// Whether they have it by an override.
    pub is_override: bool,
    /// Since then, or since now.
    pub from: At,
    /// Before then, or until the end of what was asked for.
    pub until: At,
    /// `from` on the wall clock of the rotation, `2026-11-02 09:00`.
    pub from_local: String,
    /// `until` on the wall clock of the rotation.
    pub until_local: String,
}

/// Where an override is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverrideState {
    /// It begins later.
    Waiting,
    /// It holds.
    Holds,
    /// It is over, by itself or because somebody ended it.
    Over,
}

/// Somebody takes the call of a rotation for a time.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OnCallOverride {
    /// Such as `O-000042`.
    pub id: String,
    /// The name of the rotation.
    pub rotation: String,
    /// Who takes the call.
    pub person: String,
    /// Since then.
    pub from: At,
    /// Before then.
    pub until: At,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub by: String,
    /// When it was made.
    pub created_at: At,
    /// Where it is in its life.
    pub state: OverrideState,
    /// When it was over; none: it is not.
    pub over_at: Option<At>,
    /// Who ended it before its time.
    pub ended_by: Option<String>,
}
