//! What follows a bad rating.

use super::{Act, At};
use serde::Serialize;
use utoipa::ToSchema;

/// Who sees to a bad rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FollowUpStep {
    /// Who had the ticket, and the service desk.
    Agent,
    /// Whom they report to.
    Supervisor,
    /// The last.
    Management,
}

/// Why a step was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum FollowUpCause {
    /// The customer's rating.
    BadRating {
        /// 1 to 5.
        rating: u8,
    },
    /// The step before has answered, and it is not settled.
    NotSettled,
    /// The clock of the step before ran out.
    Late,
}

/// A bad rating that somebody has to see to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FollowUpNow {
    /// 1 to 5.
    pub rating: u8,
    /// Who has it; none: they are being told.
    pub step: Option<FollowUpStep>,
    /// By when they shall settle it.
    pub due_at: Option<At>,
    /// Whether a clock has run out.
    pub is_late: bool,
}

/// A step that was told.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FollowUpTelling {
    /// Which.
    pub step: FollowUpStep,
    /// When.
    pub at: At,
    /// Whom: people, and groups as `group:NAME`.
    pub people: Vec<String>,
    /// By when it shall be settled.
    pub due_at: At,
}

/// What somebody answered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FollowUpAnswer {
    /// Who and when.
    #[serde(flatten)]
    pub act: Act,
    /// At which step.
    pub step: FollowUpStep,
    /// What was agreed with the customer.
    pub agreed: String,
    /// Whether that was the end of it.
    pub is_settled: bool,
}

/// The follow-up of one bad rating.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FollowUp {
    /// 1 to 5.
    pub rating: u8,
    /// When it was given.
    pub opened_at: At,
    /// When it was settled; none: it is not.
    pub settled_at: Option<At>,
    /// Whether a clock has run out.
    pub is_late: bool,
    /// Each step that was told, in their order.
    pub told: Vec<FollowUpTelling>,
    /// What was answered.
    pub answers: Vec<FollowUpAnswer>,
}
