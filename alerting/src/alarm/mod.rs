//! The life of an alarm after ISA-18.2: one chain of episodes for each (device, failure mode).
//!
//! A pure state machine: no clock, no I/O. The condition is tracked in every state, shelved or not. Who has seen the alarm is
//! the state; how bad it is and whether it is shelved are facts beside it.

mod words;

#[cfg(test)]
mod tests;

pub use words::*;

use domain::{Millis, Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// Who did something, by name.
pub type PersonName = String;

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
