//! Windows by the calendar, against a clock on the wall.

use super::*;
use crate::calendar::tests::{CHANGES, ZONES, at};
use jiff::civil::Weekday;
use proptest::prelude::*;

fn window(schedule: Schedule, now: Timestamp) -> WindowRecord {
    let mut window = WindowRecord {
        id: WindowId(1),
        purpose: Purpose::Maintenance,
        covers: Scope::default(),
        schedule,
        by: "li".into(),
        reason: "overhaul".into(),
        created_at: now,
        changed_at: now,
        state: WindowState::Waiting { opens_at: now },
        ended: None,
    };
    window.pass_time(now);
    window
}

fn weekly(days: &[Day], from: &str, minutes: u32, zone: &str) -> Schedule {
    Schedule::Weekly {
        days: days.to_vec(),
        from: from.into(),
        minutes,
        time_zone: zone.into(),
    }
}

#[test]
fn once_opens_closes_and_is_over() {
    let (from, until) = (Timestamp(100), Timestamp(200));
    let mut once = window(Schedule::Once { from, until }, Timestamp(0));
    assert_eq!(once.next_deadline(), Some(from));
    assert!(!once.pass_time(Timestamp(99)) && once.pass_time(from) && once.is_open());
    assert!(!once.pass_time(Timestamp(199)) && once.pass_time(until) && !once.is_live());
    assert_eq!(once.next_deadline(), None);
}

#[test]
fn a_window_that_was_slept_through_is_over() {
    let (from, until) = (Timestamp(100), Timestamp(200));
    let mut once = window(Schedule::Once { from, until }, Timestamp(0));
    assert!(once.pass_time(Timestamp(1000)) && !once.is_live());
}

#[test]
fn a_weekly_window_goes_over_midnight_and_comes_again() {
    // Monday 2026-11-23, 12:00 in Shanghai.
    let schedule = weekly(&[Day::Monday], "22:00", 240, "Asia/Shanghai");
    let mut nightly = window(schedule, at("2026-11-23T12:00:00+08:00"));
    assert_eq!(nightly.next_deadline(), Some(at("2026-11-23T22:00:00+08:00")));
    nightly.pass_time(at("2026-11-24T01:59:59+08:00"));
    assert!(nightly.is_open());
    nightly.pass_time(at("2026-11-24T02:00:00+08:00"));
    assert_eq!(nightly.next_deadline(), Some(at("2026-11-30T22:00:00+08:00")));
}

#[test]
fn openings_that_meet_are_one_so_nothing_comes_up_between_them() {
    let days = [Day::Monday, Day::Tuesday, Day::Wednesday];
    let schedule = weekly(&days, "00:00", 24 * 60, "UTC");
    let window = window(schedule, at("2026-11-23T12:00:00Z"));
    assert_eq!(window.next_deadline(), Some(at("2026-11-26T00:00:00Z")));
}

#[test]
fn a_schedule_that_cannot_be_followed_is_refused_with_its_reason() {
    let check = |schedule: Schedule, expected: Option<ScheduleRefusal>| {
        assert_eq!(schedule.check(Timestamp(1_000)).err(), expected, "{schedule:?}");
    };
    let once = |from, until| Schedule::Once {
        from: Timestamp(from),
        until: Timestamp(until),
    };
    check(Schedule::UntilEnded, None);
    check(once(0, 2_000), None);
    check(once(0, 1_000), Some(ScheduleRefusal::EndsTooEarly));
    check(once(3_000, 2_000), Some(ScheduleRefusal::EndsTooEarly));
    let limit_minutes = MOST_MINUTES;
    check(once(0, i64::MAX), Some(ScheduleRefusal::WrongLength { limit_minutes }));
    check(weekly(&[Day::Friday], "22:00", 60, "Europe/Berlin"), None);
    check(weekly(&[], "22:00", 60, "UTC"), Some(ScheduleRefusal::NoDays));
    let limit_minutes = MOST_RECURRING_MINUTES;
    let wrong = Some(ScheduleRefusal::WrongLength { limit_minutes });
    check(weekly(&[Day::Friday], "22:00", 0, "UTC"), wrong);
    let text = "24:00".to_owned();
    check(
        weekly(&[Day::Friday], "24:00", 5, "UTC"),
        Some(ScheduleRefusal::NoTime { text }),
    );
    let text = "Atlantis".to_owned();
    check(
        weekly(&[Day::Friday], "22:00", 5, "Atlantis"),
        Some(ScheduleRefusal::NoZone { text }),
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_weekly_window_is_open_for_its_length_after_each_time_the_wall_clock_shows_its_beginning(
        zone in prop::sample::select(&ZONES[..]),
        change in prop::sample::select(&CHANGES[..]),
        hour in 4..23u16,
        minutes in 1..2000u32,
        steps in prop::collection::vec(1..700i64, 1..20),
    ) {
        let made_at = at(change);
        let schedule = weekly(&[Day::Saturday, Day::Sunday], &format!("{hour:02}:00"), minutes, zone);
        let mut window = window(schedule, made_at);
        let zone = parse_zone(zone).unwrap();
        let begins = |at: Timestamp| {
            let local = zone.to_datetime(jiff::Timestamp::from_millisecond(at.0).unwrap());
            let is_day = matches!(local.weekday(), Weekday::Saturday | Weekday::Sunday);
            is_day && (local.hour(), local.minute()) == (hour as i8, 0)
        };
        let minute = |n: i64| made_at + Millis::minutes(n);
        let mut passed = 0;
        for step in steps {
            passed += step;
            window.pass_time(minute(passed));
            let since = passed - i64::from(minutes);
            let is_open = (since + 1..=passed).any(|n| begins(minute(n)));
            prop_assert_eq!(window.is_open(), is_open);
            let next = window.next_deadline().unwrap();
            prop_assert!(next > minute(passed), "a deadline lies ahead");
        }
    }
}
