//! Working hours as written in the configuration.

use crate::calendar::{Calendar, parse_time_of_day, parse_zone};
use domain::checked::Problem;
use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Working hours. Default: 09:00 to 18:00 from Monday to Friday, UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarConfig {
    /// `UTC`, an offset such as `+08:00`, or a POSIX rule such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    pub time_zone: String,
    /// Working days.
    pub days: Vec<Day>,
    /// Local time of opening, `09:00`.
    pub from: String,
    /// Local time of closing, `18:00`; `24:00` is the end of the day.
    pub until: String,
    /// Days without work, `2026-10-01`.
    pub holidays: Vec<String>,
}

impl Default for CalendarConfig {
    fn default() -> Self {
        CalendarConfig {
            time_zone: "UTC".into(),
            days: vec![Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday],
            from: "09:00".into(),
            until: "18:00".into(),
            holidays: Vec::new(),
        }
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    fn weekday(self) -> Weekday {
        match self {
            Day::Monday => Weekday::Monday,
            Day::Tuesday => Weekday::Tuesday,
            Day::Wednesday => Weekday::Wednesday,
            Day::Thursday => Weekday::Thursday,
            Day::Friday => Weekday::Friday,
            Day::Saturday => Weekday::Saturday,
            Day::Sunday => Weekday::Sunday,
        }
    }
}

impl CalendarConfig {
    pub(super) fn check(&self) -> Result<Calendar, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut take = |path: &str, message: String| problems.push(Problem::at(format!("calendar.{path}"), message));
        let zone = parse_zone(&self.time_zone);
        if zone.is_none() {
            let expected = "`UTC`, an offset such as `+08:00` or a POSIX rule such as `CET-1CEST,M3.5.0,M10.5.0/3`";
            take(
                "time_zone",
                format!("{:?} is no time zone; {expected} is expected", self.time_zone),
            );
        }
        let time = |text: &str| parse_time_of_day(text);
        let (from, until) = (time(&self.from), time(&self.until));
        for (path, text, found) in [("from", &self.from, from), ("until", &self.until, until)] {
            if found.is_none() {
                take(
                    path,
                    format!("{text:?} is no time of day; one such as `09:00` is expected"),
                );
            }
        }
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            take("until", format!("{} is not later than {}", self.until, self.from));
        }
        if self.days.is_empty() {
            take("days", "no working days; at least one is expected".into());
        }
        let mut holidays = BTreeSet::new();
        for (i, text) in self.holidays.iter().enumerate() {
            match text.parse() {
                Ok(date) => {
                    holidays.insert(date);
                }
                Err(_) => take(
                    &format!("holidays[{i}]"),
                    format!("{text:?} is no date; one such as `2026-10-01` is expected"),
                ),
            }
        }
        let days: Vec<Weekday> = self.days.iter().map(|d| d.weekday()).collect();
        match (zone, from, until) {
            (Some(zone), Some(from), Some(until)) if problems.is_empty() => {
                Calendar::new(zone, &days, from, until, holidays)
                    .ok_or_else(|| vec![Problem::at("calendar", "nothing would ever count as working time")])
            }
            (Some(_) | None, Some(_) | None, Some(_) | None) => Err(problems),
        }
    }
}
