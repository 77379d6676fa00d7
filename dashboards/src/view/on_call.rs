//! Who is on call.

use super::At;
use serde::Serialize;
use utoipa::ToSchema;

/// A rotation of people.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct OnCall {
    /// Its name; levels of an escalation say `on_call:NAME`.
    pub name: String,
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
    /// Since then, or since now.
    pub from: At,
    /// Before then, or until the end of what was asked for.
    pub until: At,
}
