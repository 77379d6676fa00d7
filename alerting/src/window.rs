//! Maintenance windows: when work on which machines is done, so that their alarms are out of service; and commissioning, for
//! which they are suppressed by design. Once, recurring, or until a person says that it is over.
//!
//! Pure: `now` is an argument, and a window reports when it changes next.

use crate::alarm::PersonName;
use crate::calendar::{DAY_MIN, parse_time_of_day, parse_zone};
use crate::policy::Day;
use crate::scope::Scope;
use domain::{Millis, Timestamp};
use jiff::ToSpan;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Windows at most that are not over.
pub const MAX_WINDOWS: usize = 1_000;
/// The longest time of a window that ends by itself: a year.
const MOST_MINUTES: u32 = 366 * 24 * 60;
/// The longest recurring window: it must end before it begins again.
const MOST_RECURRING_MINUTES: u32 = 7 * 24 * 60;

/// The number of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowId(pub u64);

impl fmt::Display for WindowId {
    /// `W-000042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "W-{:06}", self.0)
    }
}

/// What a window is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Work on the machines: their alarms are out of service.
    Maintenance,
    /// The machines are being set up: their alarms are suppressed by design.
    Commissioning,
}

impl Purpose {
    /// The word of the wire and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Purpose::Maintenance => "maintenance",
            Purpose::Commissioning => "commissioning",
        }
    }
}

/// When a window is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is", deny_unknown_fields)]
pub enum Schedule {
    /// From now until a person ends it.
    UntilEnded,
    /// Once.
    Once {
        /// It opens.
        from: Timestamp,
        /// It closes.
        until: Timestamp,
    },
    /// On weekdays, until a person ends it.
    Weekly {
        /// On which.
        days: Vec<Day>,
        /// Local time of opening, `22:00`.
        from: String,
        /// How long it is open, in minutes; may go over midnight.
        minutes: u32,
        /// `UTC`, an offset such as `+08:00`, or a name such as `Europe/Berlin`.
        time_zone: String,
    },
}

/// Why a schedule is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)] // the texts say it
pub enum ScheduleRefusal {
    #[error("the window must end after it begins, and in the future")]
    EndsTooEarly,
    #[error("the window may be open for {limit_minutes} minutes at most, and for one at least")]
    WrongLength { limit_minutes: u32 },
    #[error("at least one weekday is expected")]
    NoDays,
    #[error("{text:?} is no time of day; one such as `22:00` is expected")]
    NoTime { text: String },
    #[error("{text:?} is no time zone; one such as `Europe/Berlin` is expected")]
    NoZone { text: String },
}

impl Schedule {
    /// Whether it can be followed.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, now: Timestamp) -> Result<(), ScheduleRefusal> {
        match self {
            Schedule::UntilEnded => Ok(()),
            Schedule::Once { from, until } => {
                if until <= from || *until <= now {
                    return Err(ScheduleRefusal::EndsTooEarly);
                }
                let limit_minutes = MOST_MINUTES;
                if *until - *from > Millis::minutes(i64::from(limit_minutes)) {
                    return Err(ScheduleRefusal::WrongLength { limit_minutes });
                }
                Ok(())
            }
            Schedule::Weekly {
                days,
                from,
                minutes,
                time_zone,
            } => {
                if days.is_empty() {
                    return Err(ScheduleRefusal::NoDays);
                }
                let limit_minutes = MOST_RECURRING_MINUTES;
                if !(1..=limit_minutes).contains(minutes) {
                    return Err(ScheduleRefusal::WrongLength { limit_minutes });
                }
                if parse_time_of_day(from).is_none_or(|minute| minute == DAY_MIN) {
                    let text = from.clone();
                    return Err(ScheduleRefusal::NoTime { text });
                }
                if parse_zone(time_zone).is_none() {
                    let text = time_zone.clone();
                    return Err(ScheduleRefusal::NoZone { text });
                }
                Ok(())
            }
        }
    }

    /// The opening that lasts at `now`, else the next one: from when until when. Openings that meet are one. None if there is
    /// none any more, and no end if only a person ends it.
    fn opening(&self, created_at: Timestamp, now: Timestamp) -> Option<Opening> {
        match self {
            Schedule::UntilEnded => Some(Opening {
                from: created_at,
                until: None,
            }),
            Schedule::Once { from, until } => {
                let (from, until) = (*from, Some(*until));
                until.filter(|until| *until > now).map(|_| Opening { from, until })
            }
            Schedule::Weekly {
                days,
                from,
                minutes,
                time_zone,
            } => {
                let (zone, minute) = (parse_zone(time_zone)?, parse_time_of_day(from)?);
                let openings = weekly(&zone, days, minute, Millis::minutes(i64::from(*minutes)), now);
                // A window does not reach back to before it was made.
                let later = openings
                    .into_iter()
                    .filter(|(_, until)| *until > now && *until > created_at);
                let mut all = later.map(|(from, until)| (from.max(created_at), until));
                let (from, mut until) = all.next()?;
                for (next_from, next_until) in all {
                    if next_from <= until {
                        until = until.max(next_until);
                    }
                }
                let until = Some(until);
                Some(Opening { from, until })
            }
        }
    }
}

/// Openings around `now`, in order: from more than a week before to more than a week after.
fn weekly(zone: &TimeZone, days: &[Day], minute: u16, length: Millis, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let Ok(at) = jiff::Timestamp::from_millisecond(now.as_millis()) else {
        return Vec::new();
    };
    let today = zone.to_datetime(at).date();
    let mut openings: Vec<(Timestamp, Timestamp)> = (-8..=8i64)
        .filter_map(|offset| today.checked_add(offset.days()).ok())
        .filter(|date| days.iter().any(|day| day.weekday() == date.weekday()))
        .filter_map(|date| {
            let local = date.at((minute / 60) as i8, (minute % 60) as i8, 0, 0);
            let from = Timestamp(zone.to_timestamp(local).ok()?.as_millisecond());
            Some((from, from + length))
        })
        .collect();
    openings.sort();
    openings
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Opening {
    from: Timestamp,
    until: Option<Timestamp>,
}

/// Where a window is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum WindowState {
    /// It will open.
    Waiting {
        /// When.
        opens_at: Timestamp,
    },
    /// It is open.
    Open {
        /// Since when.
        since: Timestamp,
        /// Until when; none: until a person ends it.
        until: Option<Timestamp>,
    },
    /// It will not open any more.
    Over {
        /// Since when.
        at: Timestamp,
    },
}

/// A window, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowRecord {
    /// Its number.
    pub id: WindowId,
    /// What it is for.
    pub purpose: Purpose,
    /// Which machines.
    pub covers: Scope,
    /// When.
    pub schedule: Schedule,
    /// Who answers for it.
    pub by: PersonName,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its latest change.
    pub changed_at: Timestamp,
    /// Where it is in its life.
    pub state: WindowState,
    /// Who ended it before its time, and why; none: nobody.
    #[serde(default)]
    pub ended: Option<(PersonName, String)>,
}

impl WindowRecord {
    /// Whether it is open, as far as told.
    pub fn is_open(&self) -> bool {
        match self.state {
            WindowState::Open { .. } => true,
            WindowState::Waiting { .. } | WindowState::Over { .. } => false,
        }
    }

    /// Whether it may open again, or is open.
    pub fn is_live(&self) -> bool {
        match self.state {
            WindowState::Waiting { .. } | WindowState::Open { .. } => true,
            WindowState::Over { .. } => false,
        }
    }

    /// When its state changes next.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        match self.state {
            WindowState::Waiting { opens_at } => Some(opens_at),
            WindowState::Open { until, .. } => until,
            WindowState::Over { .. } => None,
        }
    }

    /// Its state at `now`; says whether it changed.
    pub(crate) fn pass_time(&mut self, now: Timestamp) -> bool {
        let next = match (self.state, self.schedule.opening(self.created_at, now)) {
            (WindowState::Over { at }, Some(_) | None) => WindowState::Over { at },
            (WindowState::Waiting { .. } | WindowState::Open { .. }, None) => WindowState::Over { at: now },
            (WindowState::Waiting { .. } | WindowState::Open { .. }, Some(Opening { from, .. })) if from > now => {
                WindowState::Waiting { opens_at: from }
            }
            (WindowState::Waiting { .. } | WindowState::Open { .. }, Some(Opening { from, until })) => {
                WindowState::Open { since: from, until }
            }
        };
        let is_changed = next != self.state;
        self.state = next;
        if is_changed {
            self.changed_at = now;
        }
        is_changed
    }
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
