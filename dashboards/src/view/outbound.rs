//! What leaves: receivers, deliveries that were given up, and what came of trying one.

use super::At;
use serde::Serialize;
use utoipa::ToSchema;

/// How a receiver stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverState {
    /// What was sent last arrived, or nothing was sent since the start.
    Ok,
    /// What was sent last did not arrive.
    Failing,
    /// It said that it is no more: nothing is sent until it is tried by hand, or the gateway starts again.
    Disabled,
}

/// A receiver of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Receiver {
    /// Its name in the configuration.
    pub name: String,
    /// What speaks there, such as `webhook` or `pagerduty`.
    pub kind: String,
    /// How it stands.
    pub state: ReceiverState,
    /// Deliveries that wait.
    pub waiting: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Why something failed last; empty if what was sent last arrived.
    pub last_error: String,
    /// When something arrived last, since the start.
    pub delivered_at: Option<At>,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Its number.
    pub id: u64,
    /// To whom: `webhook:NAME` or `receiver:NAME`.
    pub target: String,
    /// The message's key, the same on every try.
    pub key: String,
    /// What it is, such as `io.forewarn.ticket.changed.v1`.
    pub kind: String,
    /// What it is about: an alarm, a ticket, an incident.
    pub subject: String,
    /// When it was ordered.
    pub created_at: At,
    /// Tries.
    pub attempts: u32,
    /// Why the last one failed.
    pub error: String,
}

/// What came of trying a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tried {
    /// Whether the message arrived.
    pub arrived: bool,
    /// What the receiver said.
    pub said: String,
}

/// What came of a change that another system told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Heard {
    /// What was done here: `closed`, `commented` or `nothing`.
    pub done: String,
}
