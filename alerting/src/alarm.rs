//! The life of an alarm after ISA-18.2: one chain of episodes for each (device, failure mode).
//!
//! A pure state machine: no clock, no I/O. The condition is tracked in every state, shelved or not. Who has seen the alarm is
//! the state; how bad it is and whether it is shelved are facts beside it.

use domain::{Millis, Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// Who did something, by name.
pub type PersonName = String;

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

/// A change and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmTransition {
    /// Why.
    pub reason: AlarmReason,
    /// What follows, in the order to be done.
    pub effects: Vec<AlarmEffect>,
}

/// The state machine of one (device, failure mode).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmLife {
    /// Who has seen what.
    pub state: AlarmState,
    /// How bad; the last known where the condition is gone.
    pub severity: Severity,
    /// Whether it is shelved.
    pub shelving: Option<Shelving>,
    /// How many episodes there were, this one counted; from 1.
    pub episode: u32,
}

/// What the policy says about one alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlarmRules {
    /// Stays until a person resets it.
    pub is_latched: bool,
    /// The longest shelving.
    pub shelving_limit: Millis,
}

impl AlarmLife {
    /// Before anything happened, with the number of earlier episodes.
    pub fn before_episode(earlier: u32) -> Self {
        AlarmLife {
            state: AlarmState::Normal,
            severity: Severity::Advisory,
            shelving: None,
            episode: earlier,
        }
    }

    /// Whether there is anything to remember: neither normal nor shelved means no.
    pub fn is_live(&self) -> bool {
        self.state != AlarmState::Normal || self.shelving.is_some()
    }

    /// Takes one input.
    ///
    /// # Errors
    /// Why nothing changed; the state is as before.
    pub fn step(
        &mut self,
        input: AlarmInput,
        rules: AlarmRules,
        now: Timestamp,
    ) -> Result<AlarmTransition, AlarmRefusal> {
        let reason = self.advance(input, rules, now)?;
        let effects = self.effects(&reason);
        Ok(AlarmTransition { reason, effects })
    }

    fn advance(&mut self, input: AlarmInput, rules: AlarmRules, now: Timestamp) -> Result<AlarmReason, AlarmRefusal> {
        match input {
            AlarmInput::ConditionRaised { severity } => self.raise(severity),
            AlarmInput::SeverityChanged { severity } => self.change_severity(severity),
            AlarmInput::ConditionCleared => self.clear(rules.is_latched),
            AlarmInput::Acknowledge { by, note } => self.acknowledge(by, note, now),
            AlarmInput::Shelve { by, reason, until } => self.shelve(by, reason, until, rules.shelving_limit, now),
            AlarmInput::Unshelve { by } => match self.shelving {
                None => Err(AlarmRefusal::NotShelved),
                Some(_) => {
                    self.end_shelving();
                    Ok(AlarmReason::Unshelved { by })
                }
            },
            AlarmInput::ShelvingExpired => match &self.shelving {
                None => Err(AlarmRefusal::NotShelved),
                Some(Shelving { until, .. }) if *until > now => Err(AlarmRefusal::NotExpired { until: *until }),
                Some(_) => {
                    self.end_shelving();
                    Ok(AlarmReason::ShelvingExpired)
                }
            },
            AlarmInput::Reset { by } => self.reset(by),
        }
    }

    fn raise(&mut self, severity: Severity) -> Result<AlarmReason, AlarmRefusal> {
        match self.state {
            AlarmState::Normal => {
                self.state = AlarmState::Unacknowledged;
                self.severity = severity;
                self.episode = self.episode.saturating_add(1);
                Ok(AlarmReason::Raised { severity })
            }
            AlarmState::ReturnedUnacknowledged | AlarmState::Latched { .. } => {
                self.state = AlarmState::Unacknowledged;
                self.severity = severity;
                Ok(AlarmReason::RaisedAgain { severity })
            }
            AlarmState::Unacknowledged | AlarmState::Acknowledged { .. } if severity == self.severity => {
                Err(AlarmRefusal::AlreadyActive)
            }
            AlarmState::Unacknowledged | AlarmState::Acknowledged { .. } => self.change_severity(severity),
        }
    }

    fn change_severity(&mut self, to: Severity) -> Result<AlarmReason, AlarmRefusal> {
        match self.state {
            AlarmState::Unacknowledged | AlarmState::Acknowledged { .. } => {
                let from = std::mem::replace(&mut self.severity, to);
                match to.cmp(&from) {
                    std::cmp::Ordering::Equal => Err(AlarmRefusal::AlreadyActive),
                    std::cmp::Ordering::Less => Ok(AlarmReason::Eased { from, to }),
                    std::cmp::Ordering::Greater => {
                        // Who saw a warning has not seen that it is critical now.
                        self.state = AlarmState::Unacknowledged;
                        Ok(AlarmReason::Escalated { from, to })
                    }
                }
            }
            AlarmState::Normal | AlarmState::ReturnedUnacknowledged | AlarmState::Latched { .. } => {
                Err(AlarmRefusal::NotActive)
            }
        }
    }

    fn clear(&mut self, is_latched: bool) -> Result<AlarmReason, AlarmRefusal> {
        let (next, reason) = match &self.state {
            AlarmState::Unacknowledged if is_latched => (
                AlarmState::Latched { is_acknowledged: false },
                AlarmReason::StaysLatched,
            ),
            AlarmState::Acknowledged { .. } if is_latched => {
                (AlarmState::Latched { is_acknowledged: true }, AlarmReason::StaysLatched)
            }
            AlarmState::Unacknowledged => (AlarmState::ReturnedUnacknowledged, AlarmReason::ReturnedUnseen),
            AlarmState::Acknowledged { .. } => (AlarmState::Normal, AlarmReason::ReturnedToNormal),
            AlarmState::Normal | AlarmState::ReturnedUnacknowledged | AlarmState::Latched { .. } => {
                return Err(AlarmRefusal::NotActive);
            }
        };
        self.state = next;
        Ok(reason)
    }

    fn acknowledge(&mut self, by: PersonName, note: String, at: Timestamp) -> Result<AlarmReason, AlarmRefusal> {
        let next = match self.state {
            AlarmState::Unacknowledged => AlarmState::Acknowledged { by: by.clone(), at },
            AlarmState::ReturnedUnacknowledged => AlarmState::Normal,
            AlarmState::Latched { is_acknowledged: false } => AlarmState::Latched { is_acknowledged: true },
            AlarmState::Normal | AlarmState::Acknowledged { .. } | AlarmState::Latched { is_acknowledged: true } => {
                return Err(AlarmRefusal::NothingToAcknowledge);
            }
        };
        self.state = next;
        Ok(AlarmReason::Acknowledged { by, note })
    }

    fn shelve(
        &mut self,
        by: PersonName,
        reason: String,
        until: Timestamp,
        limit: Millis,
        now: Timestamp,
    ) -> Result<AlarmReason, AlarmRefusal> {
        let latest = now + limit;
        if self.shelving.is_some() {
            return Err(AlarmRefusal::AlreadyShelved);
        }
        if until <= now {
            return Err(AlarmRefusal::ShelvingInThePast);
        }
        if until > latest {
            return Err(AlarmRefusal::ShelvingTooLong { latest });
        }
        self.shelving = Some(Shelving {
            by: by.clone(),
            reason: reason.clone(),
            at: now,
            until,
        });
        Ok(AlarmReason::Shelved { by, reason, until })
    }

    /// ISA-18.2: from shelved to unacknowledged if the condition stands, else to normal. A latched alarm stays latched.
    fn end_shelving(&mut self) {
        self.shelving = None;
        match self.state {
            AlarmState::Unacknowledged | AlarmState::Acknowledged { .. } => self.state = AlarmState::Unacknowledged,
            AlarmState::ReturnedUnacknowledged | AlarmState::Normal => self.state = AlarmState::Normal,
            AlarmState::Latched { .. } => {}
        }
    }

    /// Who resets has seen it.
    fn reset(&mut self, by: PersonName) -> Result<AlarmReason, AlarmRefusal> {
        match self.state {
            AlarmState::Latched { .. } => {
                self.state = AlarmState::Normal;
                Ok(AlarmReason::Reset { by })
            }
            AlarmState::Normal
            | AlarmState::Unacknowledged
            | AlarmState::Acknowledged { .. }
            | AlarmState::ReturnedUnacknowledged => Err(AlarmRefusal::NotLatched),
        }
    }

    fn effects(&self, reason: &AlarmReason) -> Vec<AlarmEffect> {
        use AlarmEffect::{Announce, AssessTicket, BeginEpisode, Publish};
        let is_shelved = self.shelving.is_some();
        match reason {
            AlarmReason::Raised { .. } if is_shelved => vec![BeginEpisode, AssessTicket],
            AlarmReason::Raised { .. } => vec![BeginEpisode, Publish, Announce, AssessTicket],
            AlarmReason::RaisedAgain { .. } | AlarmReason::Escalated { .. } if is_shelved => vec![AssessTicket],
            AlarmReason::RaisedAgain { .. } | AlarmReason::Escalated { .. } => vec![Publish, Announce, AssessTicket],
            AlarmReason::Eased { .. }
            | AlarmReason::ReturnedToNormal
            | AlarmReason::ReturnedUnseen
            | AlarmReason::StaysLatched
            | AlarmReason::Acknowledged { .. }
            | AlarmReason::Reset { .. }
                if is_shelved =>
            {
                vec![]
            }
            AlarmReason::Eased { .. }
            | AlarmReason::ReturnedToNormal
            | AlarmReason::ReturnedUnseen
            | AlarmReason::StaysLatched
            | AlarmReason::Acknowledged { .. }
            | AlarmReason::Reset { .. }
            | AlarmReason::Shelved { .. } => vec![Publish],
            AlarmReason::Unshelved { .. } | AlarmReason::ShelvingExpired if self.state.is_active() => {
                vec![Publish, Announce, AssessTicket]
            }
            AlarmReason::Unshelved { .. } | AlarmReason::ShelvingExpired if self.state.needs_acknowledgement() => {
                vec![Publish, Announce]
            }
            AlarmReason::Unshelved { .. } | AlarmReason::ShelvingExpired => vec![Publish],
        }
    }
}

#[cfg(test)]
#[path = "alarm_tests.rs"]
mod tests;
