//! The words of an alarm: its states, what happens to it, why it changed, what follows and why not.

use super::PersonName;
use super::hiding::SuppressionCause;
use crate::storm::IncidentId;
use crate::window::WindowId;
use domain::{Millis, RiskLevel, Severity, TicketId, Timestamp};
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

/// The state of an alarm as the standard counts them: out of sight before everything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IsaState {
    /// The condition is gone and seen, or never was.
    Normal,
    /// It stands unseen.
    Unacknowledged,
    /// It stands and was seen.
    Acknowledged,
    /// It is gone unseen; also a latched alarm that nobody has seen.
    ReturnedUnacknowledged,
    /// It is gone and was seen, and waits for its reset.
    Latched,
    /// A person put it aside for a time.
    Shelved,
    /// Logic hides it.
    SuppressedByDesign,
    /// There is work on the machine.
    OutOfService,
}

impl IsaState {
    /// The word of the wire and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            IsaState::Normal => "normal",
            IsaState::Unacknowledged => "unacknowledged",
            IsaState::Acknowledged => "acknowledged",
            IsaState::ReturnedUnacknowledged => "returned_unacknowledged",
            IsaState::Latched => "latched",
            IsaState::Shelved => "shelved",
            IsaState::SuppressedByDesign => "suppressed_by_design",
            IsaState::OutOfService => "out_of_service",
        }
    }
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
    /// Logic takes it out of sight, or another logic than before does.
    Suppress {
        /// Which.
        cause: SuppressionCause,
    },
    /// The logic's cause is gone; the alarm stays out of sight a little longer, so that its condition can go too.
    EndSuppressionAt {
        /// Until when.
        at: Timestamp,
    },
    /// The logic's cause is gone.
    EndSuppression,
    /// Work on the machine begins, or another maintenance window covers it than before.
    TakeOutOfService {
        /// Who answers for it.
        by: PersonName,
        /// Why.
        reason: String,
        /// By which maintenance window; none: a person takes this alarm alone.
        window: Option<WindowId>,
    },
    /// Work on the machine is over.
    ReturnToService {
        /// Who says so.
        by: PersonName,
        /// Whether the maintenance window ended; else a person brings back what a person took.
        by_window: bool,
    },
    /// It stands for long: it is to be seen once more.
    ReAlarm,
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
    /// The time left has changed, and the risk with it.
    Reassessed {
        /// Before.
        from: RiskLevel,
        /// Now.
        to: RiskLevel,
        /// Whether it was never so high in this episode.
        is_peak: bool,
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
    /// Logic took it out of sight.
    Suppressed {
        /// Which.
        cause: SuppressionCause,
    },
    /// The logic's cause is gone; it stays out of sight a little longer.
    SuppressionEnding {
        /// Until when.
        at: Timestamp,
    },
    /// The logic's cause was gone.
    SuppressionEnded,
    /// Work on the machine began.
    TakenOutOfService {
        /// Who answers for it.
        by: PersonName,
        /// Why.
        reason: String,
        /// By which maintenance window; none: by a person alone.
        window: Option<WindowId>,
    },
    /// Work on the machine was over.
    ReturnedToService {
        /// Who said so.
        by: PersonName,
    },
    /// It stood for long and is to be seen once more.
    ReAlarmed,
    /// Found: it stands for very long (a stale alarm).
    FoundStale {
        /// Since when, our time.
        since: Timestamp,
    },
    /// Found: it comes and goes (a chattering alarm).
    FoundChattering {
        /// How many times it was raised.
        raises: u32,
        /// Within what span.
        within: Millis,
    },
    /// Found: it was gone before anybody could have acted (a fleeting alarm).
    FoundFleeting {
        /// How long it stood.
        stood: Millis,
    },
    /// A person let a latched alarm go.
    Reset {
        /// Who.
        by: PersonName,
    },
    /// Found: it has one cause with others.
    JoinedIncident {
        /// Which incident.
        incident: IncidentId,
    },
    /// The incident is over and it stands: a trouble of its own.
    LeftIncident {
        /// Which incident.
        incident: IncidentId,
    },
    /// The machine itself says so too, by a fault code.
    DeviceSaid {
        /// Which.
        code: String,
    },
    /// A person merged or split tickets: another one serves it.
    TicketMoved {
        /// Which.
        to: TicketId,
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
            AlarmReason::Reassessed { .. } => "reassessed",
            AlarmReason::ReturnedToNormal => "returned_to_normal",
            AlarmReason::ReturnedUnseen => "returned_unseen",
            AlarmReason::StaysLatched => "stays_latched",
            AlarmReason::Acknowledged { .. } => "acknowledged",
            AlarmReason::Shelved { .. } => "shelved",
            AlarmReason::Unshelved { .. } => "unshelved",
            AlarmReason::ShelvingExpired => "shelving_expired",
            AlarmReason::Suppressed { .. } => "suppressed",
            AlarmReason::SuppressionEnding { .. } => "suppression_ending",
            AlarmReason::SuppressionEnded => "suppression_ended",
            AlarmReason::TakenOutOfService { .. } => "taken_out_of_service",
            AlarmReason::ReturnedToService { .. } => "returned_to_service",
            AlarmReason::ReAlarmed => "re_alarmed",
            AlarmReason::FoundStale { .. } => "found_stale",
            AlarmReason::FoundChattering { .. } => "found_chattering",
            AlarmReason::FoundFleeting { .. } => "found_fleeting",
            AlarmReason::Reset { .. } => "reset",
            AlarmReason::JoinedIncident { .. } => "joined_incident",
            AlarmReason::LeftIncident { .. } => "left_incident",
            AlarmReason::DeviceSaid { .. } => "device_said",
            AlarmReason::TicketMoved { .. } => "ticket_moved",
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
    /// Suppressed by the same logic already.
    #[error("the alarm is suppressed already")]
    AlreadySuppressed,
    /// No logic suppresses it.
    #[error("the alarm is not suppressed")]
    NotSuppressed,
    /// Out of service already.
    #[error("the alarm is out of service already")]
    AlreadyOutOfService,
    /// It is in service.
    #[error("the alarm is not out of service")]
    NotOutOfService,
    /// It is out of service by a maintenance window, and comes back with the window's end.
    #[error("the alarm is out of service by maintenance window {window}; end that")]
    ByWindow {
        /// Which.
        window: WindowId,
    },
    /// Nobody can see it, so it cannot be shown once more.
    #[error("the alarm is out of sight")]
    OutOfSight,
    /// Only a latched alarm can be reset.
    #[error("only a latched alarm whose condition is gone can be reset")]
    NotLatched,
}
