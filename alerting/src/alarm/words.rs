//! The words of an alarm: its states, what happens to it, why it changed, what follows and why not.

use super::PersonName;
use domain::{Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// ISA-18.2 state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum AlarmState {
    /// The condition is gone and a person has seen it, or it never was.
    Normal,
    /// The condition stands; nobody has said that they have seen it.
    Unacknowledged,
    /// The condition stands; a person has seen it.
    Acknowledged {
        /// Who.
        by: PersonName,
        /// When.
        at: Timestamp,
    },
    /// The condition is gone before anybody has seen it.
    ReturnedUnacknowledged,
    /// The condition is gone; the alarm stays until a person resets it.
    Latched {
        /// Whether a person has seen it.
        is_acknowledged: bool,
    },
}

impl AlarmState {
    /// The word of the wire and the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            AlarmState::Normal => "normal",
            AlarmState::Unacknowledged => "unacknowledged",
            AlarmState::Acknowledged { .. } => "acknowledged",
            AlarmState::ReturnedUnacknowledged => "returned_unacknowledged",
            AlarmState::Latched { .. } => "latched",
        }
    }

    /// Whether the condition stands.
    pub fn is_active(&self) -> bool {
        match self {
            AlarmState::Unacknowledged | AlarmState::Acknowledged { .. } => true,
            AlarmState::Normal | AlarmState::ReturnedUnacknowledged | AlarmState::Latched { .. } => false,
        }
    }

    /// Whether a person should look: not seen yet.
    pub fn needs_acknowledgement(&self) -> bool {
        match self {
            AlarmState::Unacknowledged | AlarmState::ReturnedUnacknowledged => true,
            AlarmState::Latched { is_acknowledged } => !is_acknowledged,
            AlarmState::Normal | AlarmState::Acknowledged { .. } => false,
        }
    }
}

/// Taken out of the operator's sight by a person, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelving {
    /// Who.
    pub by: PersonName,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// What happens to an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AlarmInput {
    /// The condition began to show.
    ConditionRaised {
        /// How badly.
        severity: Severity,
    },
    /// It shows worse or milder than before.
    SeverityChanged {
        /// Now.
        severity: Severity,
    },
    /// It no longer shows.
    ConditionCleared,
    /// A person has seen it.
    Acknowledge {
        /// Who.
        by: PersonName,
        /// A remark; may be empty.
        note: String,
    },
    /// A person takes it out of sight.
    Shelve {
        /// Who.
        by: PersonName,
        /// Why.
        reason: String,
        /// Until when.
        until: Timestamp,
    },
    /// A person brings it back before the time.
    Unshelve {
        /// Who.
        by: PersonName,
    },
    /// The time of the shelving is over.
    ShelvingExpired,
    /// A person lets a latched alarm go.
    Reset {
        /// Who.
        by: PersonName,
    },
}

/// Why an alarm changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AlarmReason {
    /// The condition began to show: a new episode.
    Raised {
        /// How badly.
        severity: Severity,
    },
    /// It shows again before the episode was over.
    RaisedAgain {
        /// How badly.
        severity: Severity,
    },
    /// It shows worse; who had seen the milder one has not seen this one.
    Escalated {
        /// Before.
        from: Severity,
        /// Now.
        to: Severity,
    },
    /// It shows milder.
    Eased {
        /// Before.
        from: Severity,
        /// Now.
        to: Severity,
    },
    /// It no longer shows, and a person had seen it: the episode is over.
    ReturnedToNormal,
    /// It no longer shows, and nobody had seen it.
    ReturnedUnseen,
    /// It no longer shows, and the alarm stays until it is reset.
    StaysLatched,
    /// A person has seen it.
    Acknowledged {
        /// Who.
        by: PersonName,
        /// A remark; may be empty.
        note: String,
    },
    /// A person took it out of sight.
    Shelved {
        /// Who.
        by: PersonName,
        /// Why.
        reason: String,
        /// Until when.
        until: Timestamp,
    },
    /// A person brought it back.
    Unshelved {
        /// Who.
        by: PersonName,
    },
    /// The time of the shelving was over.
    ShelvingExpired,
    /// A person let a latched alarm go.
    Reset {
        /// Who.
        by: PersonName,
    },
}

impl AlarmReason {
    /// The short name under which it is counted; bounded, fit for a metric label.
    pub fn as_str(&self) -> &'static str {
        match self {
            AlarmReason::Raised { .. } => "raised",
            AlarmReason::RaisedAgain { .. } => "raised_again",
            AlarmReason::Escalated { .. } => "escalated",
            AlarmReason::Eased { .. } => "eased",
            AlarmReason::ReturnedToNormal => "returned_to_normal",
            AlarmReason::ReturnedUnseen => "returned_unseen",
            AlarmReason::StaysLatched => "stays_latched",
            AlarmReason::Acknowledged { .. } => "acknowledged",
            AlarmReason::Shelved { .. } => "shelved",
            AlarmReason::Unshelved { .. } => "unshelved",
            AlarmReason::ShelvingExpired => "shelving_expired",
            AlarmReason::Reset { .. } => "reset",
        }
    }
}

/// What follows from a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmEffect {
    /// A new episode begins: a new alarm id.
    BeginEpisode,
    /// The change is shown to people and receivers.
    Publish,
    /// A person must be told: something new stands unseen.
    Announce,
    /// Somebody should decide whether a ticket is needed, or its urgency.
    AssessTicket,
}

/// Why an input changed nothing. From the condition these are ordinary (a replay after a restart); a person is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum AlarmRefusal {
    /// Raised while raised, with the same severity.
    #[error("the condition stands already")]
    AlreadyActive,
    /// Cleared or changed while not raised.
    #[error("the condition does not stand")]
    NotActive,
    /// Acknowledged before, or nothing to acknowledge.
    #[error("there is nothing to acknowledge")]
    NothingToAcknowledge,
    /// It is shelved already.
    #[error("the alarm is shelved already")]
    AlreadyShelved,
    /// It is not shelved.
    #[error("the alarm is not shelved")]
    NotShelved,
    /// The time of the shelving is not over.
    #[error("the shelving lasts until {until}")]
    NotExpired {
        /// Until when it lasts.
        until: Timestamp,
    },
    /// Shelving until a time that is past.
    #[error("shelving must end in the future")]
    ShelvingInThePast,
    /// Shelving beyond the longest time.
    #[error("shelving lasts until {latest} at most")]
    ShelvingTooLong {
        /// The latest end.
        latest: Timestamp,
    },
    /// Only a latched alarm can be reset.
    #[error("only a latched alarm whose condition is gone can be reset")]
    NotLatched,
}
