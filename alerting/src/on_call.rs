//! Who is on call: a rotation of people with its hand-over at a local time of day, hours in which it holds, and overrides.
//!
//! Pure. A hand-over keeps its place on the wall clock through changes of daylight-saving time.

pub mod overrides;

use crate::alarm::PersonName;
use crate::calendar::{DAY_MIN, parse_time_of_day, parse_zone};
use domain::checked::Problem;
use domain::{Millis, Timestamp};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use overrides::{OverrideId, OverrideRecord};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// People of a rotation at most.
const MAX_PEOPLE: usize = 100;
/// Overrides of a rotation at most.
const MAX_OVERRIDES: usize = 1_000;

/// A rotation as written in the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnCallConfig {
    /// Its name; levels of an escalation say `on_call:NAME`.
    pub name: String,
    /// `UTC`, an offset such as `+08:00`, or a name such as `Europe/Berlin`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// In the order in which they follow one another.
    pub people: Vec<PersonName>,
    /// Local date on which the first of them begins, `2026-11-02`.
    pub begins: String,
    /// Local time of the hand-over, `09:00`.
    #[serde(default = "nine")]
    pub handover: String,
    /// How many days a shift lasts.
    #[serde(default = "week")]
    pub shift_days: u32,
    /// Only from this local time, `18:00`; not given: day and night.
    #[serde(default)]
    pub from: Option<String>,
    /// Only until this local time, `06:00`; may be the next morning.
    #[serde(default)]
    pub until: Option<String>,
    /// Somebody else for a time; the last that holds counts.
    #[serde(default)]
    pub overrides: Vec<Override>,
}

/// Somebody takes the call in place of whose turn it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Who.
    pub person: PersonName,
    /// Since then.
    #[serde(with = "domain::time::rfc3339")]
    pub from: Timestamp,
    /// Before then.
    #[serde(with = "domain::time::rfc3339")]
    pub until: Timestamp,
}

fn utc() -> String {
    "UTC".into()
}

fn nine() -> String {
    "09:00".into()
}

fn week() -> u32 {
    7
}

/// A rotation, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct OnCall {
    /// Its name.
    pub name: String,
    /// Its time zone as written in the configuration.
    pub time_zone: String,
    zone: TimeZone,
    people: Vec<PersonName>,
    begins: Date,
    /// Minutes after local midnight.
    handover: u16,
    shift_days: i64,
    /// Minutes after local midnight; the second may be before the first, on the next day.
    hours: Option<(u16, u16)>,
    overrides: Vec<Override>,
    /// Those made while the gateway runs, as far as they are not over.
    standing: BTreeMap<OverrideId, OverrideRecord>,
}

impl OnCall {
    /// Who is on call at `now`; nobody outside the hours of the rotation, unless an override says so.
    pub fn who(&self, now: Timestamp) -> Option<&PersonName> {
        self.overridden(now).or_else(|| self.turn(now))
    }

    /// Who has taken the call at `now`. Of those made while the gateway runs the last that holds counts, then of the
    /// configuration's.
    fn overridden(&self, now: Timestamp) -> Option<&PersonName> {
        let standing = self.standing.values().rev().find(|o| o.holds(now));
        if let Some(taken) = standing {
            return Some(&taken.person);
        }
        let holds = |o: &&Override| o.from <= now && now < o.until;
        self.overrides.iter().rev().find(holds).map(|taken| &taken.person)
    }

    /// Whose turn it is at `now`, were there no overrides.
    fn turn(&self, now: Timestamp) -> Option<&PersonName> {
        let local = self.zone.to_datetime(jiff::Timestamp::from_millisecond(now.0).ok()?);
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).ok()?;
        if self.hours.is_some_and(|hours| !is_within(hours, minute)) {
            return None;
        }
        // Before the hand-over the shift of the day before lasts.
        let days = days_between(self.begins, local.date()) - i64::from(minute < self.handover);
        let turn = days.div_euclid(self.shift_days).rem_euclid(self.people.len() as i64);
        self.people.get(turn as usize)
    }
}

/// A stretch of time with the same person on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift<'a> {
    /// Who; none: nobody is, outside the hours of the rotation.
    pub person: Option<&'a PersonName>,
    /// Whether they have it by an override.
    pub is_override: bool,
    /// Since then, or since the beginning of what was asked for.
    pub from: Timestamp,
    /// Before then, or until the end of what was asked for.
    pub until: Timestamp,
}

/// The longest stretch that is looked ahead.
const MOST_AHEAD: Millis = Millis::days(62);

impl OnCall {
    /// An instant on the wall clock of the rotation, `2026-11-02 09:00`; empty beyond the calendar.
    pub fn local(&self, at: Timestamp) -> String {
        let local = jiff::Timestamp::from_millisecond(at.0).map(|at| self.zone.to_datetime(at));
        local.map_or_else(|_| String::new(), |local| local.strftime("%Y-%m-%d %H:%M").to_string())
    }

    /// Who is on call when, from one instant to another, to the minute; exactly where an override begins or ends. At most two
    /// months.
    pub fn shifts(&self, from: Timestamp, until: Timestamp) -> Vec<Shift<'_>> {
        let until = until.min(from + MOST_AHEAD);
        let configured = self.overrides.iter().map(|o| (o.from, o.until));
        let standing = self.standing.values().map(|o| (o.from, o.until));
        let edges: BTreeSet<Timestamp> = configured
            .chain(standing)
            .flat_map(|(from, until)| [from, until])
            .collect();
        let mut shifts: Vec<Shift<'_>> = Vec::new();
        let mut at = from;
        while at < until {
            let taken = self.overridden(at);
            let (person, is_override) = (taken.or_else(|| self.turn(at)), taken.is_some());
            let edge = edges.range((Bound::Excluded(at), Bound::Unbounded)).next();
            let minute = Timestamp((at.0.div_euclid(MINUTE_MS) + 1) * MINUTE_MS);
            let next = edge.map_or(minute, |edge| minute.min(*edge)).min(until);
            match shifts.last_mut() {
                Some(last) if last.person == person && last.is_override == is_override => last.until = next,
                Some(_) | None => shifts.push(Shift {
                    person,
                    is_override,
                    from: at,
                    until: next,
                }),
            }
            at = next;
        }
        shifts
    }

    /// Takes an override that stands, or drops one that is over.
    pub fn put_override(&mut self, record: &OverrideRecord) {
        match record.over_at {
            None => self.standing.insert(record.id, record.clone()),
            Some(_) => self.standing.remove(&record.id),
        };
    }
}

const MINUTE_MS: i64 = 60_000;

fn is_within((from, until): (u16, u16), minute: u16) -> bool {
    if from <= until {
        (from..until).contains(&minute)
    } else {
        minute >= from || minute < until
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    i64::from(to.duration_since(from).as_hours() as i32) / 24
}

impl OnCallConfig {
    /// Makes the rotation; what is wrong goes to `problems`, below `path`.
    pub(crate) fn check(&self, path: &str, problems: &mut Vec<Problem>) -> Option<OnCall> {
        let known = problems.len();
        let mut wrong = |key: &str, message: String| problems.push(Problem::at(format!("{path}.{key}"), message));
        let zone = parse_zone(&self.time_zone);
        if zone.is_none() {
            let message = format!(
                "{:?} is no time zone; one such as `Europe/Berlin` is expected",
                self.time_zone
            );
            wrong("time_zone", message);
        }
        let begins: Option<Date> = self.begins.parse().ok();
        if begins.is_none() {
            wrong(
                "begins",
                format!("{:?} is no date; one such as `2026-11-02` is expected", self.begins),
            );
        }
        let mut minute = |key: &str, text: &str| {
            let minute = parse_time_of_day(text).filter(|m| *m < DAY_MIN);
            if minute.is_none() {
                wrong(
                    key,
                    format!("{text:?} is no time of day; one such as `09:00` is expected"),
                );
            }
            minute
        };
        let handover = minute("handover", &self.handover);
        let hours = match (&self.from, &self.until) {
            (None, None) => None,
            (Some(from), Some(until)) => minute("from", from).zip(minute("until", until)),
            (Some(_), None) => {
                wrong("until", "expected too, since `from` is given".into());
                None
            }
            (None, Some(_)) => {
                wrong("from", "expected too, since `until` is given".into());
                None
            }
        };
        if self.name.trim().is_empty() {
            wrong("name", "a name is expected".into());
        }
        if self.people.is_empty() || self.people.len() > MAX_PEOPLE {
            let message = format!("{} people; 1 to {MAX_PEOPLE} are expected", self.people.len());
            wrong("people", message);
        }
        if let Some(i) = self.people.iter().position(|p| p.trim().is_empty()) {
            wrong(&format!("people[{i}]"), "a name is expected".into());
        }
        if self.shift_days == 0 || self.shift_days > 366 {
            wrong("shift_days", format!("{} days; 1 to 366 are expected", self.shift_days));
        }
        if self.overrides.len() > MAX_OVERRIDES {
            let message = format!("{}; at most {MAX_OVERRIDES} are expected", self.overrides.len());
            wrong("overrides", message);
        }
        for (i, o) in self.overrides.iter().enumerate() {
            if o.until <= o.from {
                wrong(
                    &format!("overrides[{i}].until"),
                    "a time after `from` is expected".into(),
                );
            }
        }
        if problems.len() > known {
            return None;
        }
        Some(OnCall {
            name: self.name.clone(),
            time_zone: self.time_zone.clone(),
            zone: zone?,
            people: self.people.clone(),
            begins: begins?,
            handover: handover?,
            shift_days: i64::from(self.shift_days),
            hours,
            overrides: self.overrides.clone(),
            standing: BTreeMap::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotation(change: impl FnOnce(&mut OnCallConfig)) -> OnCall {
        let mut config = OnCallConfig {
            name: "service".into(),
            time_zone: "Europe/Berlin".into(),
            people: vec!["li".into(), "wang".into(), "zhao".into()],
            begins: "2026-10-19".into(),
            handover: "09:00".into(),
            shift_days: 7,
            from: None,
            until: None,
            overrides: Vec::new(),
        };
        change(&mut config);
        let mut problems = Vec::new();
        let checked = config.check("on_call[0]", &mut problems);
        checked.unwrap_or_else(|| panic!("{problems:?}"))
    }

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().expect("a time").as_millisecond())
    }

    fn who(rotation: &OnCall, text: &str) -> String {
        rotation.who(at(text)).map_or_else(|| "nobody".into(), Clone::clone)
    }

    #[test]
    fn each_has_a_week_and_hands_over_at_nine_on_the_wall_clock_in_summer_and_in_winter() {
        let rotation = rotation(|_| {});
        for (time, person) in [
            ("2026-10-19T06:59:00Z", "zhao"), // 08:59 in summer time
            ("2026-10-19T07:00:00Z", "li"),
            ("2026-10-26T07:59:00Z", "li"), // 08:59 in winter time: the clocks were set back on the 25th
            ("2026-10-26T08:00:00Z", "wang"),
            ("2026-11-02T08:00:00Z", "zhao"),
            ("2026-11-09T08:00:00Z", "li"),
            ("2027-03-29T07:00:00Z", "zhao"), // 23 weeks on
        ] {
            assert_eq!(who(&rotation, time), person, "{time}");
        }
    }

    #[test]
    fn an_override_takes_the_call_for_its_time_and_not_longer() {
        let rotation = rotation(|config| {
            config.overrides.push(Override {
                person: "sun".into(),
                from: at("2026-10-20T12:00:00Z"),
                until: at("2026-10-21T12:00:00Z"),
            });
        });
        let people =
            ["2026-10-20T11:59:59Z", "2026-10-20T12:00:00Z", "2026-10-21T12:00:00Z"].map(|t| who(&rotation, t));
        assert_eq!(people, ["li", "sun", "li"]);
    }

    #[test]
    fn a_night_rotation_has_nobody_by_day() {
        let rotation = rotation(|config| {
            config.from = Some("18:00".into());
            config.until = Some("06:00".into());
            config.shift_days = 1;
        });
        // 17:59, 18:00, 05:59 (still the shift of the day before) and 06:00 in Berlin
        let times = [
            "2026-10-19T15:59:00Z",
            "2026-10-19T16:00:00Z",
            "2026-10-20T03:59:00Z",
            "2026-10-20T04:00:00Z",
        ];
        assert_eq!(times.map(|t| who(&rotation, t)), ["nobody", "li", "li", "nobody"]);
    }

    #[test]
    fn every_mistake_is_told_with_its_path() {
        let config = OnCallConfig {
            name: String::new(),
            time_zone: "Mars/Olympus".into(),
            people: Vec::new(),
            begins: "soon".into(),
            handover: "25:00".into(),
            shift_days: 0,
            from: Some("18:00".into()),
            until: None,
            overrides: Vec::new(),
        };
        let mut problems = Vec::new();
        assert!(config.check("on_call[0]", &mut problems).is_none());
        let mut paths: Vec<_> = problems.iter().map(|p| p.path.as_str()).collect();
        paths.sort_unstable();
        let expected = [
            "begins",
            "handover",
            "name",
            "people",
            "shift_days",
            "time_zone",
            "until",
        ]
        .map(|k| format!("on_call[0].{k}"));
        assert_eq!(paths, expected);
    }

    #[test]
    fn the_shifts_of_a_fortnight_follow_one_another_without_a_gap_over_a_change_of_clocks() {
        let people = rotation(|config| {
            config.overrides = vec![Override {
                person: "sun".into(),
                from: at("2026-10-27T12:00:30Z"),
                until: at("2026-10-28T12:00:00Z"),
            }];
        });
        let (from, until) = (at("2026-10-20T00:00:00Z"), at("2026-11-03T00:00:00Z"));
        let shifts = people.shifts(from, until);
        let who: Vec<&str> = shifts.iter().map(|s| s.person.map_or("-", String::as_str)).collect();
        assert_eq!(who, ["li", "wang", "sun", "wang", "zhao"]);
        assert!(shifts.windows(2).all(|pair| pair[0].until == pair[1].from));
        assert_eq!((shifts[0].from, shifts[4].until), (from, until));
        assert_eq!(people.local(shifts[1].from), "2026-10-26 09:00");
        assert_eq!(shifts[2].from, at("2026-10-27T12:00:30Z"));
        // 09:00 in Berlin is 07:00 UTC in summer and 08:00 in winter
        assert_eq!(shifts[0].until, at("2026-10-26T08:00:00Z"));
        let nights = rotation(|config| (config.from, config.until) = (Some("18:00".into()), Some("06:00".into())));
        let one_night = nights.shifts(at("2026-10-20T12:00:00Z"), at("2026-10-21T12:00:00Z"));
        let who: Vec<bool> = one_night.iter().map(|s| s.person.is_some()).collect();
        assert_eq!(who, [false, true, false]);
    }
}
