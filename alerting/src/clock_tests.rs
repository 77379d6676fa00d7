//! Clocks against a model that counts minute by minute, and their corner cases.

use super::*;
use crate::calendar::parse_zone;
use crate::calendar::tests::{CHANGES, ZONES, at, on_days, weeks, window};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MINUTE: i64 = 60_000;

fn always() -> Calendar {
    let week = on_days(&[0, 1, 2, 3, 4, 5, 6], &[window(0, 1440)]);
    Calendar::new(parse_zone("UTC").unwrap(), week, BTreeMap::new()).unwrap()
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
        zone in prop::sample::select(&ZONES[..]),
        change in prop::sample::select(&CHANGES[..]),
        week in weeks(),
        budget in 1..4000i64,
        working in any::<bool>(),
        acts in prop::collection::vec((0..1500i64, act()), 1..9),
    ) {
        let calendar = Calendar::new(parse_zone(zone).unwrap(), week, BTreeMap::new()).unwrap();
        let hours = if working { Hours::Working } else { Hours::Always };
        let mut now = at(change).0 / MINUTE + 300;
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
fn a_pause_over_the_night_takes_nothing_off_twice() {
    let calendar = crate::calendar::tests::office("Europe/Berlin");
    let mut clock = Clock::start(within(240, Hours::Working), at("2026-10-23T16:00:00+02:00"));
    // On hold from Friday afternoon over the weekend in which the clocks change, until Monday before noon.
    clock.pause(&calendar, at("2026-10-23T17:00:00+02:00"));
    clock.resume(at("2026-10-26T11:00:00+01:00"));
    let due_at = clock.due_at(&calendar);
    assert_eq!(
        due_at,
        Some(at("2026-10-26T14:00:00+01:00")),
        "one hour was used, three are left"
    );
    // And a hold of the night alone changes nothing at all.
    let mut other = Clock::start(within(240, Hours::Working), at("2026-10-26T16:00:00+01:00"));
    let before = other.due_at(&calendar);
    other.pause(&calendar, at("2026-10-26T18:00:00+01:00"));
    other.resume(at("2026-10-27T09:00:00+01:00"));
    assert_eq!(other.due_at(&calendar), before);
}

#[test]
fn a_longer_target_warns_again_and_a_shorter_one_tells_at_once() {
    let calendar = always();
    let mut clock = Clock::start(within(60, Hours::Always), minute(0));
    assert_eq!(clock.tell(&calendar, minute(60)), Some(Told::Breach));
    clock.retarget(within(240, Hours::Always), &calendar, minute(90));
    assert!(matches!(clock.state(&calendar, minute(90)), ClockState::Running { .. }));
    assert_eq!(clock.tell(&calendar, minute(179)), None);
    assert_eq!(clock.tell(&calendar, minute(180)), Some(Told::Warning));
    clock.retarget(within(100, Hours::Always), &calendar, minute(181));
    assert_eq!(clock.tell(&calendar, minute(181)), Some(Told::Breach));
    assert_eq!(
        clock.breached_at(&calendar, minute(200)),
        Some(minute(181)),
        "late from the change on"
    );
}

#[test]
fn a_due_date_that_passes_in_a_pause_was_passed() {
    let calendar = always();
    let target = Target::By {
        due_at: minute(100),
        warn_at: minute(80),
    };
    let mut clock = Clock::start(target, minute(0));
    clock.pause(&calendar, minute(10));
    let breached = ClockState::Breached { due_at: minute(100) };
    assert_eq!(clock.state(&calendar, minute(120)), breached);
    clock.resume(minute(150));
    assert_eq!(clock.state(&calendar, minute(150)), breached);
    clock.pause(&calendar, minute(160));
    clock.meet(&calendar, minute(170));
    let (at, in_time) = (minute(170), false);
    assert_eq!(clock.state(&calendar, minute(170)), ClockState::Met { at, in_time });
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
