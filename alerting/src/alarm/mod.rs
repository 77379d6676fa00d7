//! The life of an alarm after ISA-18.2: one chain of episodes for each (device, failure mode).
//!
//! A pure state machine: no clock, no I/O. The condition is tracked in every state, in sight or not. Who has seen the alarm is
//! the state; how bad it is, and whether it is shelved, suppressed or out of service, are facts beside it.

mod hiding;
mod words;

#[cfg(test)]
mod tests;

pub use hiding::{OutOfService, Shelving, Suppression, SuppressionCause};
pub use words::*;

use crate::window::WindowId;
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
    /// Whether it is suppressed by design.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppression: Option<Suppression>,
    /// Whether it is out of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_service: Option<OutOfService>,
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
    /// Shown once more when it has stood for so long since it was last announced; none: never.
    pub re_alarm_after: Option<Millis>,
    /// Found stale when it has stood for so long; none: never.
    pub stale_after: Option<Millis>,
}

impl AlarmLife {
    /// Before anything happened, with the number of earlier episodes.
    pub fn before_episode(earlier: u32) -> Self {
        AlarmLife {
            state: AlarmState::Normal,
            severity: Severity::Advisory,
            shelving: None,
            suppression: None,
            out_of_service: None,
            episode: earlier,
        }
    }

    /// Whether there is anything to remember: a normal alarm only if a person put it aside. What a window or logic hides is
    /// found out anew when it is raised.
    pub fn is_live(&self) -> bool {
        let by_person = self.out_of_service.as_ref().is_some_and(|out| out.window.is_none());
        self.state != AlarmState::Normal || self.shelving.is_some() || by_person
    }

    /// Whether it is out of sight, in whatever way.
    pub fn is_hidden(&self) -> bool {
        self.shelving.is_some() || self.suppression.is_some() || self.out_of_service.is_some()
    }

    /// Its state as the standard counts them. Work on the machine counts before a shelving, that before logic.
    pub fn isa_state(&self) -> IsaState {
        if self.out_of_service.is_some() {
            return IsaState::OutOfService;
        }
        if self.shelving.is_some() {
            return IsaState::Shelved;
        }
        if self.suppression.is_some() {
            return IsaState::SuppressedByDesign;
        }
        match self.state {
            AlarmState::Normal => IsaState::Normal,
            AlarmState::Unacknowledged => IsaState::Unacknowledged,
            AlarmState::Acknowledged { .. } => IsaState::Acknowledged,
            AlarmState::ReturnedUnacknowledged | AlarmState::Latched { is_acknowledged: false } => {
                IsaState::ReturnedUnacknowledged
            }
            AlarmState::Latched { is_acknowledged: true } => IsaState::Latched,
        }
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
        let was_hidden = self.is_hidden();
        let reason = self.advance(input, rules, now)?;
        let effects = self.effects(&reason, was_hidden);
        Ok(AlarmTransition { reason, effects })
    }

    fn advance(&mut self, input: AlarmInput, rules: AlarmRules, now: Timestamp) -> Result<AlarmReason, AlarmRefusal> {
        match input {
            AlarmInput::ConditionRaised { severity } => self.raise(severity),
            AlarmInput::SeverityChanged { severity } => self.change_severity(severity),
            AlarmInput::ConditionCleared => self.clear(rules.is_latched),
            AlarmInput::Acknowledge { by, note } => self.acknowledge(by, note, now),
            AlarmInput::Shelve { by, reason, until } => self.shelve(by, reason, until, rules.shelving_limit, now),
            AlarmInput::Unshelve { by } => {
                self.shelving.take().ok_or(AlarmRefusal::NotShelved)?;
                self.come_back();
                Ok(AlarmReason::Unshelved { by })
            }
            AlarmInput::ShelvingExpired => match &self.shelving {
                None => Err(AlarmRefusal::NotShelved),
                Some(Shelving { until, .. }) if *until > now => Err(AlarmRefusal::NotExpired { until: *until }),
                Some(_) => {
                    self.shelving = None;
                    self.come_back();
                    Ok(AlarmReason::ShelvingExpired)
                }
            },
            AlarmInput::Suppress { cause } => self.suppress(cause, now),
            AlarmInput::EndSuppressionAt { at } => match &mut self.suppression {
                None => Err(AlarmRefusal::NotSuppressed),
                Some(Suppression {
                    release_at: Some(until),
                    ..
                }) => Err(AlarmRefusal::NotExpired { until: *until }),
                Some(suppression) => {
                    suppression.release_at = Some(at);
                    Ok(AlarmReason::SuppressionEnding { at })
                }
            },
            AlarmInput::EndSuppression => {
                self.suppression.take().ok_or(AlarmRefusal::NotSuppressed)?;
                self.come_back();
                Ok(AlarmReason::SuppressionEnded)
            }
            AlarmInput::TakeOutOfService { by, reason, window } => self.take_out(by, reason, window, now),
            AlarmInput::ReturnToService { by, by_window } => self.return_to_service(by, by_window),
            AlarmInput::ReAlarm => self.re_alarm(),
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

    fn suppress(&mut self, cause: SuppressionCause, at: Timestamp) -> Result<AlarmReason, AlarmRefusal> {
        let is_known = |s: &Suppression| s.cause == cause && s.release_at.is_none();
        if self.suppression.as_ref().is_some_and(is_known) {
            return Err(AlarmRefusal::AlreadySuppressed);
        }
        self.suppression = Some(Suppression {
            cause: cause.clone(),
            at,
            release_at: None,
        });
        Ok(AlarmReason::Suppressed { cause })
    }

    /// A person's word counts before a window's: a window takes over from another one only.
    fn take_out(
        &mut self,
        by: PersonName,
        reason: String,
        window: Option<WindowId>,
        at: Timestamp,
    ) -> Result<AlarmReason, AlarmRefusal> {
        if let Some(known) = &self.out_of_service
            && (known.window.is_none() || known.window == window)
        {
            return Err(AlarmRefusal::AlreadyOutOfService);
        }
        self.out_of_service = Some(OutOfService {
            by: by.clone(),
            reason: reason.clone(),
            at,
            window,
        });
        Ok(AlarmReason::TakenOutOfService { by, reason, window })
    }

    fn return_to_service(&mut self, by: PersonName, by_window: bool) -> Result<AlarmReason, AlarmRefusal> {
        match (self.out_of_service.as_ref().map(|out| out.window), by_window) {
            (None, true | false) | (Some(None), true) => Err(AlarmRefusal::NotOutOfService),
            (Some(Some(window)), false) => Err(AlarmRefusal::ByWindow { window }),
            (Some(Some(_)), true) | (Some(None), false) => {
                self.out_of_service = None;
                self.come_back();
                Ok(AlarmReason::ReturnedToService { by })
            }
        }
    }

    /// It is to be seen once more, also by who has seen it.
    fn re_alarm(&mut self) -> Result<AlarmReason, AlarmRefusal> {
        if !self.state.is_active() {
            return Err(AlarmRefusal::NotActive);
        }
        if self.is_hidden() {
            return Err(AlarmRefusal::OutOfSight);
        }
        self.state = AlarmState::Unacknowledged;
        Ok(AlarmReason::ReAlarmed)
    }

    /// ISA-18.2: from out of sight to unacknowledged if the condition stands, else to normal. A latched alarm stays latched.
    /// Nothing yet while something else hides it.
    fn come_back(&mut self) {
        if self.is_hidden() {
            return;
        }
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

    /// What follows from a change of this alarm as it is now; `was_hidden`: whether it was out of sight before.
    pub(crate) fn effects(&self, reason: &AlarmReason, was_hidden: bool) -> Vec<AlarmEffect> {
        use AlarmEffect::{Announce, AssessTicket, BeginEpisode, Publish};
        let is_hidden = self.is_hidden();
        match reason {
            AlarmReason::Raised { .. } if is_hidden => vec![BeginEpisode, AssessTicket],
            AlarmReason::Raised { .. } => vec![BeginEpisode, Publish, Announce, AssessTicket],
            AlarmReason::RaisedAgain { .. } | AlarmReason::Escalated { .. } if is_hidden => vec![AssessTicket],
            AlarmReason::RaisedAgain { .. } | AlarmReason::Escalated { .. } => vec![Publish, Announce, AssessTicket],
            AlarmReason::ReAlarmed => vec![Publish, Announce],
            // Told once for each height that was not reached before.
            AlarmReason::Reassessed { is_peak: true, .. } if !is_hidden => vec![Publish, Announce, AssessTicket],
            AlarmReason::Reassessed { is_peak: true, .. } => vec![AssessTicket],
            AlarmReason::Reassessed { is_peak: false, .. } if is_hidden => vec![],
            AlarmReason::Reassessed { is_peak: false, .. } => vec![Publish],
            AlarmReason::Eased { .. }
            | AlarmReason::ReturnedToNormal
            | AlarmReason::ReturnedUnseen
            | AlarmReason::StaysLatched
            | AlarmReason::Acknowledged { .. }
            | AlarmReason::Reset { .. }
                if is_hidden =>
            {
                vec![]
            }
            AlarmReason::Eased { .. }
            | AlarmReason::ReturnedToNormal
            | AlarmReason::ReturnedUnseen
            | AlarmReason::StaysLatched
            | AlarmReason::Acknowledged { .. }
            | AlarmReason::Reset { .. } => vec![Publish],
            // That it goes out of sight is said once.
            AlarmReason::Shelved { .. } | AlarmReason::Suppressed { .. } | AlarmReason::TakenOutOfService { .. }
                if was_hidden =>
            {
                vec![]
            }
            AlarmReason::Shelved { .. } | AlarmReason::Suppressed { .. } | AlarmReason::TakenOutOfService { .. } => {
                vec![Publish]
            }
            AlarmReason::SuppressionEnding { .. }
            | AlarmReason::FoundStale { .. }
            | AlarmReason::FoundChattering { .. }
            | AlarmReason::FoundFleeting { .. }
            | AlarmReason::TicketMoved { .. }
            | AlarmReason::DeviceSaid { .. }
            | AlarmReason::JoinedIncident { .. } => vec![],
            AlarmReason::Unshelved { .. }
            | AlarmReason::ShelvingExpired
            | AlarmReason::SuppressionEnded
            | AlarmReason::ReturnedToService { .. }
            | AlarmReason::LeftIncident { .. } => {
                if is_hidden {
                    vec![]
                } else if self.state.is_active() {
                    vec![Publish, Announce, AssessTicket]
                } else if self.state.needs_acknowledgement() {
                    vec![Publish, Announce]
                } else {
                    vec![Publish]
                }
            }
        }
    }
}
