//! Drills: which were held, and what is due.

use super::At;
use serde::Serialize;
use utoipa::ToSchema;

/// A kind of event that is drilled in turn with the others.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DrillKind {
    /// Such as `device fault`.
    pub kind: String,
    /// The scenario that rehearses it.
    pub scenario: String,
    /// When it was last drilled; none: never.
    pub last_at: Option<At>,
    /// Whether all went as it should then.
    pub was_good: Option<bool>,
}

/// A drill that was held.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DrillHeld {
    /// When it began.
    pub at: At,
    /// Which kind of event.
    pub kind: String,
    /// Which scenario.
    pub scenario: String,
    /// Whether all went as it should.
    pub is_good: bool,
    /// Who held it.
    pub by: String,
    /// What was slow or missed, in a sentence.
    pub conclusion: String,
}

/// What was drilled and what is due: one drill each quarter, the kinds of event in turn.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Drills {
    /// Now, on the gateway's clock.
    pub now: At,
    /// How much faster than real time that clock runs: 1, but more in a rehearsal.
    pub speed: f64,
    /// The kinds, in their order.
    pub kinds: Vec<DrillKind>,
    /// The scenario that is next.
    pub next: String,
    /// Before then.
    pub due_by: At,
    /// Whether this period has had no drill.
    pub is_due: bool,
    /// Those held, the newest first; at most 500.
    pub held: Vec<DrillHeld>,
}

/// A notice of a drill: decided as for a real event, and sent only to receivers that ask for drills.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DrillNotice {
    /// When.
    pub at: At,
    /// Of which site.
    pub site: String,
    /// About what: an alarm id, or the number of a ticket or incident.
    pub subject: String,
    /// Who would have been told at a real site: `webhook:NAME` and such; empty: no receiver takes it.
    pub receivers: Vec<String>,
}
