//! What the people of a site are told in calm and in storm, minute by minute.

use super::*;
use crate::policy::{AlertingConfig, StormSettings};
use domain::{Millis, Severity, SiteName, Timestamp};

const MINUTE: i64 = 60_000;

fn settings() -> StormSettings {
    AlertingConfig::default().check().expect("sound").storms
}

fn site() -> SiteNotices {
    SiteNotices::new(SiteName::new("harbour").unwrap())
}

#[test]
fn on_a_calm_day_everything_is_told_one_by_one() {
    let (mut site, settings) = (site(), settings());
    for hour in 0..100 {
        let now = Timestamp(hour * 60 * MINUTE);
        assert!(site.may_give(NoticeWeight::Ordinary, &settings, now));
        assert!(!site.alarm(&settings, now));
    }
    assert_eq!(site.next_deadline(&settings), None);
    assert!(site.given.len() <= 10 && site.announced.len() <= 11, "it does not grow");
}

#[test]
fn in_a_storm_seven_are_told_and_three_are_kept_for_what_matters_more() {
    let (mut site, settings) = (site(), settings());
    let mut give = |weight| site.may_give(weight, &settings, Timestamp(0));
    let ordinary = (0..100).filter(|_| give(NoticeWeight::Ordinary)).count();
    let summaries = (0..100).filter(|_| give(NoticeWeight::Summary)).count();
    let emergencies = (0..100).filter(|_| give(NoticeWeight::Emergency)).count();
    assert_eq!((ordinary, summaries, emergencies), (7, 2, 1));
}

#[test]
fn what_was_held_comes_as_one_summary_after_a_while_and_then_at_intervals() {
    let (mut site, settings) = (site(), settings());
    let mut told = Vec::new();
    for second in 0..30 * 60 {
        let now = Timestamp(second * 1_000);
        if second < 20 * 60 && !site.may_give(NoticeWeight::Ordinary, &settings, now) {
            site.hold("harbour/pump-1/no_data/1", Some(Severity::Warning), now);
        }
        if let Some(summary) = site.sum_up(&settings, now) {
            assert_eq!(summary.held.worst, Some(Severity::Warning));
            told.push((second, summary.held.count));
        }
    }
    // Seven at once, then the wait of 30 s, then each 5 min, as far as ten within ten minutes allow it.
    assert_eq!(told.first(), Some(&(37, 31)));
    assert!(told.windows(2).all(|w| w[1].0 - w[0].0 >= 300), "{told:?}");
    let given_one_by_one = 20 * 60 - told.iter().map(|(_, count)| *count as usize).sum::<usize>();
    assert_eq!(site.held, None, "nothing is left out");
    assert!(given_one_by_one <= 21, "{given_one_by_one} in twenty minutes");
}

#[test]
fn a_flood_lasts_from_more_than_ten_alarms_in_ten_minutes_until_fewer_than_five() {
    let (mut site, settings) = (site(), settings());
    let begins: Vec<bool> = (0..12).map(|i| site.alarm(&settings, Timestamp(i * 30_000))).collect();
    assert_eq!(begins.iter().position(|b| *b), Some(10), "with the eleventh");
    let fifth_last = Timestamp(7 * 30_000);
    assert_eq!(site.next_deadline(&settings), Some(fifth_last + Millis::minutes(10)));
    assert_eq!(site.end_flood(&settings, Timestamp(0) + Millis::minutes(13)), None);
    let flood = site
        .end_flood(&settings, fifth_last + Millis::minutes(10))
        .expect("over");
    assert_eq!((flood.from, flood.alarms), (Timestamp(0), 12));
    assert!(!site.is_flooded());
}

#[test]
fn without_a_limit_everything_is_told() {
    let mut config = AlertingConfig::default();
    config.storms.notices = 0;
    let settings = config.check().expect("sound").storms;
    let mut site = site();
    assert!((0..1_000).all(|_| site.may_give(NoticeWeight::Ordinary, &settings, Timestamp(0))));
}

#[test]
fn settings_that_would_tell_nothing_are_refused_with_their_path() {
    let mut config = AlertingConfig::default();
    config.storms.notices_kept = 10;
    config.storms.common_cause_machines = 1;
    config.storms.flood_below = 11;
    config.storms.interval_min = 0;
    let paths: Vec<_> = config.problems().into_iter().map(|p| p.path).collect();
    let expected = [
        "storms.common_cause_machines",
        "storms.notices_kept",
        "storms.flood_below",
        "storms.interval_min",
    ];
    assert_eq!(paths, expected);
}
