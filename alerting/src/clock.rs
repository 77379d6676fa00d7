//! The clocks of a ticket: how long until the first answer, the visit, the solution, and what is left of it.
//!
//! Pausing keeps the elapsed time, a change of class keeps it too, and a clock never runs backwards, even where `now` does.
//! Time that does not count by the calendar is never counted, so a pause over the night takes nothing off twice. All times
//! are ours; a device's clock has no say. A clock reports its next deadline as data; nothing here waits.

use crate::calendar::{Calendar, Hours};
use domain::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// What a clock measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockKind {
    /// Until somebody takes it up.
    FirstResponse,
    /// Until work on site begins.
    OnSite,
    /// Until the cause is known, or a good guess.
    Diagnosis,
    /// From the diagnosis until time, parts and cost are agreed.
    Plan,
    /// Until the work is done.
    Resolution,
}

impl ClockKind {
    /// All of them, in the order in which they usually end.
    pub const ALL: [ClockKind; 5] = [
        ClockKind::FirstResponse,
        ClockKind::OnSite,
        ClockKind::Diagnosis,
        ClockKind::Plan,
        ClockKind::Resolution,
    ];

    /// The word of the wire and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ClockKind::FirstResponse => "first_response",
            ClockKind::OnSite => "on_site",
            ClockKind::Diagnosis => "diagnosis",
            ClockKind::Plan => "plan",
            ClockKind::Resolution => "resolution",
        }
    }
}

/// When a clock is breached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Target {
    /// After so much counted time.
    Within {
        /// The time allowed.
        budget: Millis,
        /// Warned when so much of it is used.
        warn_after: Millis,
        /// Which time counts.
        hours: Hours,
    },
    /// At an instant; pausing does not move it.
    By {
        /// The due date.
        due_at: Timestamp,
        /// Warned from here on.
        warn_at: Timestamp,
    },
}

/// Whether a clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
enum Run {
    Running { since: Timestamp },
    Paused,
    Met { at: Timestamp },
}

/// What has been told about a clock. Nothing is told twice, not even after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// Nothing yet.
    Nothing,
    /// That time runs short.
    Warning,
    /// That time is over.
    Breach,
}

/// What a clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum ClockState {
    /// Time passes.
    Running {
        /// The instant of the breach, if nothing pauses it.
        due_at: Timestamp,
        /// Counted time left.
        remaining: Millis,
    },
    /// On hold.
    Paused {
        /// Counted time left.
        remaining: Millis,
    },
    /// Done.
    Met {
        /// When.
        at: Timestamp,
        /// Whether in time.
        in_time: bool,
    },
    /// Too late, and not done yet.
    Breached {
        /// Since when.
        due_at: Timestamp,
    },
}

/// One clock. See the module's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// When it is breached.
    target: Target,
    /// Counted time before the present run.
    elapsed: Millis,
    /// Since when it was too late, as far as found out when it last stopped.
    overdue_since: Option<Timestamp>,
    run: Run,
    /// What has been told.
    told: Told,
}

impl Clock {
    /// A clock that runs from `now`.
    pub fn start(target: Target, now: Timestamp) -> Self {
        Clock {
            target,
            elapsed: Millis::ZERO,
            overdue_since: None,
            run: Run::Running { since: now },
            told: Told::Nothing,
        }
    }

    /// Counted time until `now`, without pauses.
    pub fn elapsed(&self, calendar: &Calendar, now: Timestamp) -> Millis {
        match self.run {
            Run::Running { since } => self.elapsed + calendar.elapsed(self.hours(), since, now),
            Run::Paused | Run::Met { .. } => self.elapsed,
        }
    }

    /// What it shows at `now`.
    pub fn state(&self, calendar: &Calendar, now: Timestamp) -> ClockState {
        match self.run {
            Run::Met { at } => ClockState::Met {
                at,
                in_time: self.overdue_since.is_none(),
            },
            Run::Paused => match self.overdue_at(now) {
                Some(due_at) => ClockState::Breached { due_at },
                None => ClockState::Paused {
                    remaining: self.remaining(calendar, now),
                },
            },
            Run::Running { since } => match self.due(calendar, since) {
                due_at if due_at <= now => ClockState::Breached { due_at },
                due_at => ClockState::Running {
                    due_at,
                    remaining: self.remaining(calendar, now),
                },
            },
        }
    }

    /// Since when it is too late at `now`, whether or not it was met afterwards; none if in time.
    pub fn breached_at(&self, calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
        match self.run {
            Run::Running { since } => Some(self.due(calendar, since)).filter(|due_at| *due_at <= now),
            Run::Paused => self.overdue_at(now),
            Run::Met { .. } => self.overdue_since,
        }
    }

    /// The due date, if it has one instead of a budget.
    pub fn due_date(&self) -> Option<Timestamp> {
        match self.target {
            Target::Within { .. } => None,
            Target::By { due_at, .. } => Some(due_at),
        }
    }

    /// When what was to be done was done.
    pub fn met_at(&self) -> Option<Timestamp> {
        match self.run {
            Run::Met { at } => Some(at),
            Run::Running { .. } | Run::Paused => None,
        }
    }

    /// When it will be or was breached; none while paused in time, or met.
    pub fn due_at(&self, calendar: &Calendar) -> Option<Timestamp> {
        match self.run {
            Run::Running { since } => Some(self.due(calendar, since)),
            Run::Paused => self.overdue_since,
            Run::Met { .. } => None,
        }
    }

    /// Stops counting. Nothing happens if it does not run.
    pub fn pause(&mut self, calendar: &Calendar, now: Timestamp) {
        self.stop(calendar, now, Run::Paused);
    }

    /// Counts again, also after it was met (work is taken up again); the elapsed time is kept.
    pub fn resume(&mut self, now: Timestamp) {
        match self.run {
            Run::Running { .. } => {}
            Run::Paused | Run::Met { .. } => {
                self.run = Run::Running { since: now };
                self.judge(now);
            }
        }
    }

    /// What was to be done is done. Nothing happens if it was met before.
    pub fn meet(&mut self, calendar: &Calendar, now: Timestamp) {
        match self.run {
            Run::Running { .. } => self.stop(calendar, now, Run::Met { at: now }),
            Run::Paused => {
                self.overdue_since = self.overdue_at(now);
                self.run = Run::Met { at: now };
            }
            Run::Met { .. } => {}
        }
    }

    /// Another target, from `now` on; the elapsed time is kept. What the new target makes late is late from `now`; a warning or
    /// breach of the old target that the new one has not reached will be told again when it comes.
    pub fn retarget(&mut self, target: Target, calendar: &Calendar, now: Timestamp) {
        let run = self.run;
        self.stop(calendar, now, Run::Paused);
        self.target = target;
        match run {
            Run::Running { since } => {
                self.run = Run::Running { since: since.max(now) };
                self.judge(now);
                self.told = self.told.min(self.reached(now));
            }
            Run::Paused => {
                self.judge(now);
                self.told = self.told.min(self.reached(now));
            }
            // What was met in time stays so.
            Run::Met { at } => self.run = Run::Met { at },
        }
    }

    /// What must be told at `now` and was not: the worse of warning and breach. It counts as told afterwards.
    pub fn tell(&mut self, calendar: &Calendar, now: Timestamp) -> Option<Told> {
        let (at, what) = self.next_telling(calendar)?;
        if at > now {
            return None;
        }
        self.told = what;
        // Both may have come due at once: only the worse is told.
        match self.next_telling(calendar) {
            Some((at, worse)) if at <= now => {
                self.told = worse;
                Some(worse)
            }
            Some(_) | None => Some(what),
        }
    }

    /// When something must be told next, if the clock is left alone.
    pub fn next_deadline(&self, calendar: &Calendar) -> Option<Timestamp> {
        self.next_telling(calendar).map(|(at, _)| at)
    }

    fn next_telling(&self, calendar: &Calendar) -> Option<(Timestamp, Told)> {
        match self.run {
            Run::Running { since } => {
                let breach = self.due(calendar, since);
                match self.told {
                    Told::Nothing => Some((self.warning(calendar, since).min(breach), Told::Warning)),
                    Told::Warning => Some((breach, Told::Breach)),
                    Told::Breach => None,
                }
            }
            Run::Paused | Run::Met { .. } => None,
        }
    }

    pub(crate) fn hours(&self) -> Hours {
        match self.target {
            Target::Within { hours, .. } => hours,
            Target::By { .. } => Hours::Always,
        }
    }

    fn due(&self, calendar: &Calendar, since: Timestamp) -> Timestamp {
        match (self.overdue_since, self.target) {
            (Some(at), Target::Within { .. } | Target::By { .. }) => at,
            (None, Target::Within { budget, hours, .. }) => calendar.due(hours, since, budget - self.elapsed),
            (None, Target::By { due_at, .. }) => due_at,
        }
    }

    fn warning(&self, calendar: &Calendar, since: Timestamp) -> Timestamp {
        match self.target {
            Target::Within { warn_after, hours, .. } => calendar.due(hours, since, warn_after - self.elapsed),
            Target::By { warn_at, .. } => warn_at,
        }
    }

    fn remaining(&self, calendar: &Calendar, now: Timestamp) -> Millis {
        let left = match self.target {
            Target::Within { budget, .. } => budget - self.elapsed(calendar, now),
            Target::By { due_at, .. } => due_at - now,
        };
        left.max(Millis::ZERO)
    }

    /// Whether it is too late by the banked time: since when is kept, or is `now`. A due date is passed when it is passed.
    fn judge(&mut self, now: Timestamp) {
        self.overdue_since = match self.target {
            Target::Within { budget, .. } if self.elapsed >= budget => self.overdue_since.or(Some(now)),
            Target::By { due_at, .. } if due_at <= now => self.overdue_since.or(Some(due_at)),
            Target::Within { .. } | Target::By { .. } => None,
        };
    }

    /// Since when it is too late while it does not run; a due date passes in a pause too.
    fn overdue_at(&self, now: Timestamp) -> Option<Timestamp> {
        match self.target {
            Target::Within { .. } => self.overdue_since,
            Target::By { due_at, .. } => self.overdue_since.or(Some(due_at).filter(|at| *at <= now)),
        }
    }

    /// What there is to tell by the banked time.
    fn reached(&self, now: Timestamp) -> Told {
        let (is_short, is_late) = match self.target {
            Target::Within { budget, warn_after, .. } => (self.elapsed >= warn_after, self.elapsed >= budget),
            Target::By { due_at, warn_at } => (warn_at <= now, due_at <= now),
        };
        match (is_late, is_short) {
            (true, true | false) => Told::Breach,
            (false, true) => Told::Warning,
            (false, false) => Told::Nothing,
        }
    }

    /// Ends the present run, if there is one: banks its time and notes whether it was too late.
    fn stop(&mut self, calendar: &Calendar, now: Timestamp, next: Run) {
        match self.run {
            Run::Running { since } => {
                let due_at = self.due(calendar, since);
                self.overdue_since = (due_at <= now).then_some(due_at);
                self.elapsed = self.elapsed(calendar, now);
                self.run = next;
            }
            Run::Paused | Run::Met { .. } => {}
        }
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod tests;
