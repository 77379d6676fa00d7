//! The clocks of a ticket: how long until the first answer, the visit, the solution, and what is left of it.
//!
//! Pausing keeps the elapsed time, a change of class keeps it too, and a clock never runs backwards, even where `now` does.
//! A clock reports its next deadline as data; nothing here waits.

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
    /// Until the work is done.
    Resolution,
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
            Run::Paused => match self.overdue_since {
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
            Run::Paused => self.run = Run::Met { at: now },
            Run::Met { .. } => {}
        }
    }

    /// Another target, from `now` on; the elapsed time is kept. What the new target makes late is late from `now`.
    pub fn retarget(&mut self, target: Target, calendar: &Calendar, now: Timestamp) {
        let run = self.run;
        self.stop(calendar, now, Run::Paused);
        self.target = target;
        match run {
            Run::Running { since } => {
                self.run = Run::Running { since: since.max(now) };
                self.judge(now);
            }
            Run::Paused => self.judge(now),
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

    fn hours(&self) -> Hours {
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

    /// Whether it is too late by the banked time: since when is kept, or is `now`.
    fn judge(&mut self, now: Timestamp) {
        let is_late = match self.target {
            Target::Within { budget, .. } => self.elapsed >= budget,
            Target::By { due_at, .. } => due_at <= now,
        };
        self.overdue_since = self.overdue_since.or(Some(now)).filter(|_| is_late);
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
mod tests {
    use super::*;
    use crate::calendar::parse_zone;
    use jiff::civil::Weekday;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const MINUTE: i64 = 60_000;

    fn calendar(zone: &str, from: u16, until: u16) -> Calendar {
        let days = [Weekday::Monday, Weekday::Wednesday, Weekday::Saturday, Weekday::Sunday];
        // The day after the clocks change in Europe in autumn 2026.
        let holidays = BTreeSet::from(["2026-10-26".parse().unwrap()]);
        Calendar::new(parse_zone(zone).unwrap(), &days, from, until, holidays).unwrap()
    }

    fn always() -> Calendar {
        calendar("UTC", 0, 1440)
    }

    fn within(minutes: i64, hours: Hours) -> Target {
        Target::Within {
            budget: Millis(minutes * MINUTE),
            warn_after: Millis(minutes * MINUTE * 3 / 4),
            hours,
        }
    }

    fn minute(m: i64) -> Timestamp {
        Timestamp(m * MINUTE)
    }

    #[derive(Debug, Clone, Copy)]
    enum Act {
        Pause,
        Resume,
        Meet,
        Retarget(i64, Hours),
        Look,
    }

    /// Counts minute by minute, with nothing but the wall clock.
    struct Model {
        budget: i64,
        hours: Hours,
        used: i64,
        runs: bool,
        met: Option<Timestamp>,
        late_since: Option<Timestamp>,
    }

    impl Model {
        fn pass_minute(&mut self, calendar: &Calendar, at: Timestamp) {
            if self.runs && calendar.counts_minute(self.hours, at) {
                self.used += 1;
                self.judge(at + Millis(MINUTE));
            }
        }

        fn judge(&mut self, now: Timestamp) {
            if self.used >= self.budget {
                self.late_since = self.late_since.or(Some(now));
            } else {
                self.late_since = None;
            }
        }

        fn act(&mut self, act: Act, now: Timestamp) {
            match act {
                Act::Pause => self.runs = false,
                Act::Resume => {
                    (self.runs, self.met) = (true, None);
                    self.judge(now);
                }
                Act::Meet => (self.runs, self.met) = (false, self.met.or(Some(now))),
                Act::Retarget(budget, hours) => {
                    (self.budget, self.hours) = (budget, hours);
                    if self.met.is_none() {
                        self.judge(now);
                    }
                }
                Act::Look => {}
            }
        }
    }

    fn act() -> impl Strategy<Value = Act> {
        let hours = prop_oneof![Just(Hours::Always), Just(Hours::Working)];
        prop_oneof![
            Just(Act::Pause),
            Just(Act::Resume),
            Just(Act::Resume),
            Just(Act::Meet),
            (1..3000i64, hours).prop_map(|(m, h)| Act::Retarget(m, h)),
            Just(Act::Look),
            Just(Act::Look),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        #[test]
        fn equals_a_model_that_counts_minutes_across_clock_changes(
            zone in prop_oneof![Just("UTC"), Just("+08:00"), Just("-03:30"), Just("CET-1CEST,M3.5.0,M10.5.0/3")],
            spring in any::<bool>(),
            (from, until) in prop_oneof![Just((540, 1080)), Just((0, 1440)), Just((370, 1333)), Just((0, 60))],
            budget in 1..4000i64,
            working in any::<bool>(),
            acts in prop::collection::vec((0..1500i64, act()), 1..9),
        ) {
            let calendar = calendar(zone, from, until);
            let hours = if working { Hours::Working } else { Hours::Always };
            // A Friday before the clocks change: 2026-03-27 or 2026-10-23.
            let mut now = if spring { 29_575_500 } else { 29_877_900 };
            let mut clock = Clock::start(within(budget, hours), minute(now));
            let mut model = Model { budget, hours, used: 0, runs: true, met: None, late_since: None };
            for (wait, act) in acts {
                for m in now..now + wait {
                    model.pass_minute(&calendar, minute(m));
                }
                now += wait;
                let at = minute(now);
                match act {
                    Act::Pause => clock.pause(&calendar, at),
                    Act::Resume => clock.resume(at),
                    Act::Meet => clock.meet(&calendar, at),
                    Act::Retarget(budget, hours) => clock.retarget(within(budget, hours), &calendar, at),
                    Act::Look => {}
                }
                model.act(act, at);
                prop_assert_eq!(clock.elapsed(&calendar, at), Millis(model.used * MINUTE));
                let remaining = Millis((model.budget - model.used).max(0) * MINUTE);
                match clock.state(&calendar, at) {
                    ClockState::Running { due_at, remaining: left } => {
                        prop_assert!(model.runs && model.late_since.is_none() && due_at > at);
                        prop_assert_eq!(left, remaining);
                    }
                    ClockState::Paused { remaining: left } => {
                        prop_assert!(!model.runs && model.met.is_none() && model.late_since.is_none());
                        prop_assert_eq!(left, remaining);
                    }
                    ClockState::Met { at, in_time } => {
                        prop_assert_eq!(Some(at), model.met);
                        prop_assert_eq!(in_time, model.late_since.is_none());
                    }
                    ClockState::Breached { due_at } => {
                        prop_assert!(model.met.is_none());
                        prop_assert_eq!(Some(due_at), model.late_since);
                    }
                }
            }
            // Left alone, it is breached in the very minute in which the model's budget is used up.
            clock.resume(minute(now));
            model.act(Act::Resume, minute(now));
            let due_at = clock.due_at(&calendar).unwrap();
            while model.late_since.is_none() {
                model.pass_minute(&calendar, minute(now));
                now += 1;
            }
            prop_assert_eq!(Some(due_at), model.late_since);
        }
    }

    #[test]
    fn what_stopped_running_reports_no_deadline() {
        let calendar = always();
        let mut clock = Clock::start(within(60, Hours::Always), minute(0));
        assert_eq!(clock.next_deadline(&calendar), Some(minute(45)));
        clock.pause(&calendar, minute(30));
        assert_eq!(clock.next_deadline(&calendar), None);
        clock.resume(minute(100));
        assert_eq!(clock.next_deadline(&calendar), Some(minute(115)));
        clock.meet(&calendar, minute(110));
        assert_eq!(clock.next_deadline(&calendar), None);
    }

    #[test]
    fn each_deadline_is_told_once_even_across_a_pause() {
        let calendar = always();
        let mut clock = Clock::start(within(60, Hours::Always), minute(0));
        assert_eq!(clock.tell(&calendar, minute(44)), None);
        assert_eq!(clock.tell(&calendar, minute(45)), Some(Told::Warning));
        assert_eq!(clock.tell(&calendar, minute(50)), None);
        clock.pause(&calendar, minute(50));
        clock.resume(minute(1000));
        assert_eq!(clock.tell(&calendar, minute(1009)), None);
        assert_eq!(clock.tell(&calendar, minute(1010)), Some(Told::Breach));
        assert_eq!(clock.tell(&calendar, minute(9999)), None);
    }

    #[test]
    fn after_a_long_sleep_only_the_breach_is_told() {
        let mut clock = Clock::start(within(60, Hours::Always), minute(0));
        assert_eq!(clock.tell(&always(), minute(600)), Some(Told::Breach));
    }

    #[test]
    fn a_clock_never_runs_backwards_where_now_does() {
        let calendar = always();
        let mut clock = Clock::start(within(60, Hours::Always), minute(100));
        assert_eq!(clock.elapsed(&calendar, minute(50)), Millis::ZERO);
        clock.pause(&calendar, minute(50));
        clock.resume(minute(60));
        assert_eq!(clock.elapsed(&calendar, minute(70)), Millis::minutes(10));
    }

    #[test]
    fn a_due_date_is_not_moved_by_a_pause() {
        let calendar = always();
        let target = Target::By {
            due_at: minute(100),
            warn_at: minute(80),
        };
        let mut clock = Clock::start(target, minute(0));
        clock.pause(&calendar, minute(10));
        clock.resume(minute(90));
        assert_eq!(clock.due_at(&calendar), Some(minute(100)));
        assert_eq!(clock.tell(&calendar, minute(90)), Some(Told::Warning));
        assert_eq!(
            clock.state(&calendar, minute(120)),
            ClockState::Breached { due_at: minute(100) }
        );
    }
}
