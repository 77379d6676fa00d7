//! Working hours as written in the configuration.

use crate::calendar::{Calendar, Window, parse_time_of_day, parse_zone};
use domain::checked::Problem;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Working hours. Default: 09:00 to 18:00 from Monday to Friday, UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CalendarConfig {
    /// `UTC`, an offset such as `+08:00`, a name such as `Europe/Berlin`, or a POSIX rule such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    pub time_zone: String,
    /// Working days.
    pub days: Vec<Day>,
    /// Local time of opening, `09:00`.
    pub from: String,
    /// Local time of closing, `18:00`; `24:00` is the end of the day.
    pub until: String,
    /// Further hours, such as those after a break, or of a Saturday.
    pub further: Vec<FurtherHours>,
    /// Days without work, `2026-10-01`.
    pub holidays: Vec<String>,
    /// Days worked though the weekday is free, `2026-10-10`: with the hours of the first of `days`.
    pub workdays: Vec<String>,
}

/// Hours beside the usual ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherHours {
    /// On these weekdays.
    pub days: Vec<Day>,
    /// Local time of opening, `13:00`.
    pub from: String,
    /// Local time of closing, `17:00`; `24:00` is the end of the day.
    pub until: String,
}

impl Default for CalendarConfig {
    fn default() -> Self {
        CalendarConfig {
            time_zone: "UTC".into(),
            days: vec![Day::Monday, Day::Tuesday, Day::Wednesday, Day::Thursday, Day::Friday],
            from: "09:00".into(),
            until: "18:00".into(),
            further: Vec::new(),
            holidays: Vec::new(),
            workdays: Vec::new(),
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
    /// As the calendar has it.
    pub fn weekday(self) -> Weekday {
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

    fn place(self) -> usize {
        self.weekday().to_monday_zero_offset() as usize
    }
}

impl CalendarConfig {
    /// Makes the calendar; what is wrong goes to `problems`, below `path`.
    pub fn check(&self, path: &str, problems: &mut Vec<Problem>) -> Option<Calendar> {
        let before = problems.len();
        let mut take = |key: &str, message: String| problems.push(Problem::at(format!("{path}.{key}"), message));
        let zone = parse_zone(&self.time_zone);
        if zone.is_none() {
            let expected = "`UTC`, an offset such as `+08:00`, a name such as `Europe/Berlin` or a POSIX rule such as \
                            `CET-1CEST,M3.5.0,M10.5.0/3`";
            let message = format!("{:?} is no time zone; {expected} is expected", self.time_zone);
            take("time_zone", message);
        }
        let usual = window(&self.from, &self.until, "", &mut take);
        if self.days.is_empty() {
            take("days", "no working days; at least one is expected".into());
        }
        let mut week: [Vec<Window>; 7] = Default::default();
        let mut add = |days: &[Day], window: Option<Window>| {
            for (day, window) in days.iter().zip(std::iter::repeat(window)) {
                week[day.place()].extend(window);
            }
        };
        add(&self.days, usual);
        for (i, further) in self.further.iter().enumerate() {
            let key = format!("further[{i}]");
            if further.days.is_empty() {
                take(&format!("{key}.days"), "at least one day is expected".into());
            }
            add(
                &further.days,
                window(&further.from, &further.until, &format!("{key}."), &mut take),
            );
        }
        let as_worked = self.days.first().map_or_else(Vec::new, |day| week[day.place()].clone());
        let mut special: BTreeMap<Date, Vec<Window>> = BTreeMap::new();
        for (key, texts, windows) in [
            ("workdays", &self.workdays, as_worked),
            ("holidays", &self.holidays, Vec::new()),
        ] {
            for (i, text) in texts.iter().enumerate() {
                let key = format!("{key}[{i}]");
                match text.parse::<Date>() {
                    Ok(date) if special.contains_key(&date) => take(&key, format!("{text} stands twice")),
                    Ok(date) => {
                        special.insert(date, windows.clone());
                    }
                    Err(_) => take(
                        &key,
                        format!("{text:?} is no date; one such as `2026-10-01` is expected"),
                    ),
                }
            }
        }
        if problems.len() > before {
            return None;
        }
        let calendar = Calendar::new(zone?, week, special);
        if calendar.is_none() {
            problems.push(Problem::at(path, "nothing would ever count as working time"));
        }
        calendar
    }
}

fn window(from: &str, until: &str, prefix: &str, take: &mut impl FnMut(&str, String)) -> Option<Window> {
    let mut time = |key: &str, text: &str| {
        let found = parse_time_of_day(text);
        if found.is_none() {
            take(
                &format!("{prefix}{key}"),
                format!("{text:?} is no time of day; one such as `09:00` is expected"),
            );
        }
        found
    };
    let (opens, closes) = (time("from", from), time("until", until));
    let (opens, closes) = (opens?, closes?);
    if opens >= closes {
        take(&format!("{prefix}until"), format!("{until} is not later than {from}"));
        return None;
    }
    Some(Window {
        from: opens,
        until: closes,
    })
}
