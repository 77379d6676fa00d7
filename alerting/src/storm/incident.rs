//! One incident: alarms of one site that have one cause.

use super::Response;
use crate::policy::StormSettings;
use domain::text::Text;
use domain::{AlarmId, DeviceKey, FailureModeId, RiskLevel, Severity, SiteName, TicketId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many members an incident names itself; the list of alarms has all.
pub const MAX_EXAMPLES: usize = 10;

/// The number of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub u64);

impl fmt::Display for IncidentId {
    /// `I-000042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "I-{:06}", self.0)
    }
}

/// What many alarms come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum IncidentCause {
    /// The machine that the others hang on is down.
    ParentDown {
        /// Which.
        parent: DeviceKey,
    },
    /// The same failure mode on many machines of a site within a short time: for silence the loss of power or network.
    CommonMode {
        /// Where.
        site: SiteName,
        /// How they fail.
        mode: FailureModeId,
    },
}

impl IncidentCause {
    /// The short name under which it is counted; bounded, fit for a metric label.
    pub fn as_str(&self) -> &'static str {
        match self {
            IncidentCause::ParentDown { .. } => "parent_down",
            IncidentCause::CommonMode { .. } => "common_mode",
        }
    }
}

/// How far an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum IncidentState {
    /// It lasts.
    Open,
    /// Half of its members are well again, or its parent is up: at this time it is over, and who is not well then has a
    /// trouble of its own.
    Easing {
        /// When.
        until: Timestamp,
    },
    /// It is over.
    Over {
        /// Since when.
        at: Timestamp,
    },
}

/// What people are told of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentEvent {
    /// There is one.
    Opened,
    /// It has more members than when it was told last.
    Grew,
    /// It lasts.
    Lasts,
    /// It is over.
    Over,
    /// Nobody has answered for it in time.
    ResponseLate,
    /// It was not dealt with in time.
    HandlingLate,
}

impl IncidentEvent {
    /// The word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            IncidentEvent::Opened => "opened",
            IncidentEvent::Grew => "grew",
            IncidentEvent::Lasts => "lasts",
            IncidentEvent::Over => "over",
            IncidentEvent::ResponseLate => "response_late",
            IncidentEvent::HandlingLate => "handling_late",
        }
    }
}

/// One incident. Its members are the alarms that name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncidentRecord {
    /// Its number.
    pub id: IncidentId,
    /// Where.
    pub site: SiteName,
    /// What its members come from.
    pub cause: IncidentCause,
    /// What it is, for people.
    pub title: Text,
    /// What every member so far hangs on, or is, by the registry; the nearest first. There the cause may lie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspects: Vec<DeviceKey>,
    /// How far it is.
    pub state: IncidentState,
    /// How many members it had so far.
    pub members: u32,
    /// How many of them stand.
    pub standing: u32,
    /// The first of them.
    pub first: Vec<AlarmId>,
    /// The worst severity so far.
    pub severity: Severity,
    /// The highest risk so far.
    pub risk: RiskLevel,
    /// The ticket that serves it, if one does.
    pub ticket: Option<TicketId>,
    /// The answer to it, if a level of event is meant for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Response>,
    /// Our time when it was found.
    pub opened_at: Timestamp,
    /// Time of the first member, by the clock that members are compared by.
    pub began_at: Timestamp,
    /// Time of the latest member, by the same clock.
    pub grew_at: Timestamp,
    /// Our time when people were told last, and of how many members.
    pub told: Option<(Timestamp, u32)>,
    /// Our time of the latest change.
    pub changed_at: Timestamp,
    /// How many times it has changed.
    pub revision: u32,
}

impl IncidentRecord {
    /// Whether it lasts.
    pub fn is_open(&self) -> bool {
        match self.state {
            IncidentState::Open | IncidentState::Easing { .. } => true,
            IncidentState::Over { .. } => false,
        }
    }

    /// The machine above all members in which the cause may lie; none once it is known.
    pub fn suspect(&self) -> Option<&DeviceKey> {
        match self.cause {
            IncidentCause::ParentDown { .. } => None,
            IncidentCause::CommonMode { .. } => self.suspects.first(),
        }
    }

    /// The title, with where the cause may lie.
    pub fn headline(&self) -> Text {
        let Some(suspect) = self.suspect() else {
            return self.title.clone();
        };
        Text {
            en: format!("{}, all behind {}", self.title.en, suspect.device),
            zh: format!("{}，均在{}之下", self.title.zh, suspect.device),
        }
    }

    /// Whether an alarm that shows at `at` may still come from it.
    pub fn takes_in(&self, at: Timestamp, settings: &StormSettings) -> bool {
        match self.cause {
            IncidentCause::ParentDown { .. } => self.is_open(),
            // Machines give up waiting at different times, so it grows for longer than it takes to be found.
            IncidentCause::CommonMode { .. } => {
                self.is_open() && at - self.grew_at <= settings.common_cause_within + settings.interval
            }
        }
    }

    /// What there is to tell at `now`.
    pub fn due(&self, settings: &StormSettings, now: Timestamp) -> Option<IncidentEvent> {
        let Some((at, members)) = self.told else {
            // Over before anybody was told: nobody is.
            return (self.is_open() && now >= self.opened_at + settings.wait).then_some(IncidentEvent::Opened);
        };
        if !self.is_open() {
            return Some(IncidentEvent::Over);
        }
        if self.members > members && now >= at + settings.interval {
            return Some(IncidentEvent::Grew);
        }
        (now >= at + settings.repeat).then_some(IncidentEvent::Lasts)
    }

    /// When it must be looked at next.
    pub fn next_deadline(&self, settings: &StormSettings) -> Option<Timestamp> {
        let told = match self.told {
            None => self.opened_at + settings.wait,
            Some((at, members)) if self.members > members => at + settings.interval.min(settings.repeat),
            Some((at, _)) => at + settings.repeat,
        };
        let late = self.response.as_ref().and_then(Response::next_deadline);
        let next = late.map_or(told, |late| told.min(late));
        match self.state {
            IncidentState::Open => Some(next),
            IncidentState::Easing { until } => Some(next.min(until)),
            IncidentState::Over { .. } => None,
        }
    }
}
