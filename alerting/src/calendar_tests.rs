//! Working hours against a clock on the wall, asked minute by minute, wherever the clocks change.

use super::*;
use proptest::prelude::*;

/// Zones that change their clocks in many ways: not at all, by an hour, by half an hour, at midnight, and by a whole day.
pub(crate) const ZONES: [&str; 9] = [
    "UTC",
    "+08:00",
    "-03:30",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Havana",
    "Pacific/Apia",
];

/// Days around which clocks change in one zone or another.
pub(crate) const CHANGES: [&str; 8] = [
    "2026-03-27T00:00:00Z",
    "2026-10-23T00:00:00Z",
    "2026-03-06T00:00:00Z",
    "2026-10-30T00:00:00Z",
    "2026-04-03T00:00:00Z",
    "2026-10-02T00:00:00Z",
    // Samoa left out a whole Friday.
    "2011-12-28T00:00:00Z",
    "2026-07-01T00:00:00Z",
];

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

pub(crate) fn window(from: u16, until: u16) -> Window {
    Window { from, until }
}

/// The same windows on these weekdays (0 is Monday).
pub(crate) fn on_days(days: &[usize], windows: &[Window]) -> [Vec<Window>; 7] {
    std::array::from_fn(|day| if days.contains(&day) { windows.to_vec() } else { vec![] })
}

/// Monday to Friday, 09:00 to 18:00; the first of October is a holiday, the Saturday after it is worked.
pub(crate) fn office(zone: &str) -> Calendar {
    let nine_to_six = [window(9 * 60, 18 * 60)];
    let special = BTreeMap::from([
        ("2026-10-01".parse().unwrap(), vec![]),
        ("2026-10-10".parse().unwrap(), nine_to_six.to_vec()),
    ]);
    Calendar::new(
        parse_zone(zone).unwrap(),
        on_days(&[0, 1, 2, 3, 4], &nine_to_six),
        special,
    )
    .unwrap()
}

#[test]
fn a_budget_goes_over_the_night_the_weekend_and_the_holiday() {
    let check = |start: &str, hours: i64, due: &str| {
        for zone in ["+08:00", "Asia/Shanghai"] {
            let found = office(zone).due(Hours::Working, at(start), Millis::hours(hours));
            assert_eq!(found, at(due), "{start} + {hours} h: {found}");
        }
    };
    check("2026-09-29T16:00:00+08:00", 1, "2026-09-29T17:00:00+08:00");
    check("2026-09-29T16:00:00+08:00", 4, "2026-09-30T11:00:00+08:00");
    // Wednesday evening, Thursday is a holiday.
    check("2026-09-30T17:00:00+08:00", 2, "2026-10-02T10:00:00+08:00");
    // Friday evening.
    check("2026-10-02T20:00:00+08:00", 1, "2026-10-05T10:00:00+08:00");
    // Friday evening before a Saturday that is worked.
    check("2026-10-09T20:00:00+08:00", 1, "2026-10-10T10:00:00+08:00");
    // Used up with the last minute of the day, not at the next opening.
    check("2026-09-29T16:00:00+08:00", 2, "2026-09-29T18:00:00+08:00");
}

#[test]
fn a_night_watch_counts_the_hour_that_comes_twice_twice_and_the_one_left_out_not_at_all() {
    let night = on_days(&[6], &[window(0, 6 * 60)]);
    let berlin = Calendar::new(parse_zone("Europe/Berlin").unwrap(), night, BTreeMap::new()).unwrap();
    let counted = |from: &str, to: &str| berlin.elapsed(Hours::Working, at(from), at(to));
    let (spring, autumn) = (
        counted("2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"),
        counted("2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
    );
    assert_eq!((spring, autumn), (Millis::hours(5), Millis::hours(7)));
}

#[test]
fn zones_are_names_offsets_or_posix_rules() {
    for good in [
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "-05:30",
        "Asia/Shanghai",
        "Europe/Berlin",
        "EST5EDT",
    ] {
        assert!(parse_zone(good).is_some(), "{good:?}");
    }
    for bad in ["", "+8", "+25:00", "Mars", "Europe/Atlantis", "+08:61", "++1:00", "+:"] {
        assert!(parse_zone(bad).is_none(), "{bad:?}");
    }
}

#[test]
fn a_calendar_that_is_never_open_or_has_an_empty_window_is_refused() {
    let of = |week| Calendar::new(TimeZone::UTC, week, BTreeMap::new()).is_some();
    assert!(!of(on_days(&[], &[])));
    assert!(!of(on_days(&[1], &[window(60, 60)])));
    assert!(!of(on_days(&[1], &[window(60, 1441)])));
    assert!(of(on_days(&[1], &[window(0, 1440)])));
}

#[test]
fn an_instant_beyond_the_calendar_counts_nothing_and_does_not_hang() {
    let office = office("Europe/Berlin");
    let end = Timestamp(i64::MAX);
    assert_eq!(office.elapsed(Hours::Working, end - Millis(1), end), Millis::ZERO);
    assert_eq!(office.due(Hours::Working, end, Millis(5)), end);
}

/// Weekly hours, also with edges inside the hours in which clocks change, with a break, and with windows that overlap.
pub(crate) fn weeks() -> impl Strategy<Value = [Vec<Window>; 7]> {
    let windows = prop_oneof![
        Just(vec![window(540, 1080)]),
        Just(vec![window(0, 1440)]),
        Just(vec![window(0, 150)]),
        Just(vec![window(135, 1333)]),
        Just(vec![window(540, 720), window(780, 1080), window(1000, 1100)]),
        Just(vec![window(1380, 1440), window(0, 30), window(30, 61)]),
    ];
    let days = prop_oneof![
        Just(vec![0, 1, 2, 3, 4]),
        Just(vec![0, 1, 2, 3, 4, 5, 6]),
        Just(vec![4, 6])
    ];
    (windows, days).prop_map(|(windows, days)| on_days(&days, &windows))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn equals_a_clock_on_the_wall_asked_every_minute(
        zone in prop::sample::select(&ZONES[..]),
        change in prop::sample::select(&CHANGES[..]),
        week in weeks(),
        holiday in 0..6i64,
        skip in 0..4000i64,
        length in 0..6000i64,
    ) {
        let zone = parse_zone(zone).unwrap();
        let first = at(change) + Millis::minutes(skip);
        let holiday = zone.to_datetime(jiff::Timestamp::from_millisecond((first + Millis::days(holiday)).0).unwrap()).date();
        let calendar = Calendar::new(zone, week, BTreeMap::from([(holiday, vec![])])).unwrap();
        let minute = |n: i64| first + Millis::minutes(n);
        let counted = (0..length).filter(|n| calendar.counts_minute(Hours::Working, minute(*n))).count() as i64;
        prop_assert_eq!(calendar.elapsed(Hours::Working, first, minute(length)), Millis::minutes(counted));
        // Whatever was counted is due again when it is used up: at the end of the last minute that counted.
        let last = (0..length).rev().find(|n| calendar.counts_minute(Hours::Working, minute(*n)));
        let due = last.map_or(first, |n| minute(n + 1));
        prop_assert_eq!(calendar.due(Hours::Working, first, Millis::minutes(counted)), due);
    }
}
