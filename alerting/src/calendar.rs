//! Working hours: how much of a span counts, and when a budget of counted time is used up.
//!
//! No clock, no time zone data base: a zone is `UTC`, an offset such as `+08:00`, or a POSIX rule such as
//! `CET-1CEST,M3.5.0,M10.5.0/3`, so the same configuration gives the same due dates on every machine.

use domain::{Millis, Timestamp};
use jiff::civil::{Date, Weekday};
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Days looked ahead before giving up; a calendar that is closed for ten years is a mistake, not a plan.
const MOST_DAYS: usize = 3_660;
/// Minutes of a day of 24 h.
const DAY_MIN: u16 = 24 * 60;

/// Which time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hours {
    /// Day and night.
    #[default]
    Always,
    /// The site's working hours.
    Working,
}

/// Working hours of a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    /// Monday first.
    is_working: [bool; 7],
    /// Minutes after local midnight.
    from: u16,
    /// Minutes after local midnight, up to 1440.
    until: u16,
    holidays: BTreeSet<Date>,
}

impl Calendar {
    /// From `from` to `until` (minutes after local midnight) on the given weekdays that are no holidays. None if nothing
    /// would ever count, or the day does not have those minutes.
    pub fn new(zone: TimeZone, weekdays: &[Weekday], from: u16, until: u16, holidays: BTreeSet<Date>) -> Option<Self> {
        let mut is_working = [false; 7];
        for day in weekdays {
            is_working[day.to_monday_zero_offset() as usize] = true;
        }
        (from < until && until <= DAY_MIN && !weekdays.is_empty()).then_some(Calendar {
            zone,
            is_working,
            from,
            until,
            holidays,
        })
    }

    /// How much of the span from `from` to `to` counts; nothing if `to` is not later.
    pub fn elapsed(&self, hours: Hours, from: Timestamp, to: Timestamp) -> Millis {
        if to <= from {
            return Millis::ZERO;
        }
        match hours {
            Hours::Always => to - from,
            Hours::Working => {
                let windows = self.windows(from).take_while(|(open, _)| *open < to);
                windows.fold(Millis::ZERO, |sum, (open, close)| {
                    sum + Millis((close.min(to) - open.max(from)).0.max(0))
                })
            }
        }
    }

    /// The first instant by which `budget` of counted time has passed since `start`.
    pub fn due(&self, hours: Hours, start: Timestamp, budget: Millis) -> Timestamp {
        if budget <= Millis::ZERO {
            return start;
        }
        match hours {
            Hours::Always => start + budget,
            Hours::Working => {
                let (mut left, mut last) = (budget, start);
                for (open, close) in self.windows(start) {
                    let begin = open.max(start);
                    if close <= begin {
                        continue;
                    }
                    if close - begin >= left {
                        return begin + left;
                    }
                    left = left - (close - begin);
                    last = close;
                }
                last
            }
        }
    }

    /// The working windows of the day of `from` and the days after it.
    fn windows(&self, from: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let first = jiff::Timestamp::from_millisecond(from.as_millis())
            .ok()
            .map(|at| self.zone.to_datetime(at).date());
        std::iter::successors(first, |date| date.tomorrow().ok())
            .take(MOST_DAYS)
            .filter(|date| self.is_open(*date))
            .filter_map(|date| Some((self.instant(date, self.from)?, self.instant(date, self.until)?)))
    }

    fn is_open(&self, date: Date) -> bool {
        self.is_working[date.weekday().to_monday_zero_offset() as usize] && !self.holidays.contains(&date)
    }

    /// A local time as an instant. A time that the clocks skip in spring means the same span later; of a time that comes
    /// twice in autumn the first is meant.
    fn instant(&self, date: Date, minutes: u16) -> Option<Timestamp> {
        let local = if minutes == DAY_MIN {
            date.tomorrow().ok()?.at(0, 0, 0, 0)
        } else {
            date.at((minutes / 60) as i8, (minutes % 60) as i8, 0, 0)
        };
        let instant = self.zone.to_timestamp(local).ok()?;
        Some(Timestamp(instant.as_millisecond()))
    }

    #[cfg(test)]
    pub(crate) fn counts_minute(&self, hours: Hours, at: Timestamp) -> bool {
        match hours {
            Hours::Always => true,
            Hours::Working => {
                let local = self.zone.to_datetime(jiff::Timestamp::from_millisecond(at.0).unwrap());
                let minute = local.hour() as u16 * 60 + local.minute() as u16;
                self.is_open(local.date()) && minute >= self.from && minute < self.until
            }
        }
    }
}

/// Reads `UTC`, an offset such as `+08:00`, or a POSIX rule.
pub(crate) fn parse_zone(text: &str) -> Option<TimeZone> {
    if text == "UTC" || text == "Z" {
        return Some(TimeZone::UTC);
    }
    let sign = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) | None => return TimeZone::posix(text).ok(),
    };
    let minutes = i32::from(parse_time_of_day(&text[1..])?);
    Some(TimeZone::fixed(Offset::from_seconds(sign * minutes * 60).ok()?))
}

/// Reads `09:00` as minutes after midnight; `24:00` is the end of the day.
pub(crate) fn parse_time_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY_MIN).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office(zone: &str) -> Calendar {
        let days = [
            Weekday::Monday,
            Weekday::Tuesday,
            Weekday::Wednesday,
            Weekday::Thursday,
            Weekday::Friday,
        ];
        let holidays = BTreeSet::from(["2026-10-01".parse().unwrap()]);
        Calendar::new(parse_zone(zone).unwrap(), &days, 9 * 60, 18 * 60, holidays).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_budget_goes_over_the_night_the_weekend_and_the_holiday() {
        let check = |start: &str, hours: i64, due: &str| {
            let found = office("+08:00").due(Hours::Working, at(start), Millis::hours(hours));
            assert_eq!(found, at(due), "{start} + {hours} h: {found}");
        };
        check("2026-09-29T16:00:00+08:00", 1, "2026-09-29T17:00:00+08:00");
        check("2026-09-29T16:00:00+08:00", 4, "2026-09-30T11:00:00+08:00");
        // Wednesday evening, Thursday is a holiday.
        check("2026-09-30T17:00:00+08:00", 2, "2026-10-02T10:00:00+08:00");
        // Friday evening.
        check("2026-10-02T20:00:00+08:00", 1, "2026-10-05T10:00:00+08:00");
        // Used up with the last minute of the day, not at the next opening.
        check("2026-09-29T16:00:00+08:00", 2, "2026-09-29T18:00:00+08:00");
    }

    #[test]
    fn zones_are_offsets_or_posix_rules() {
        assert!(parse_zone("CET-1CEST,M3.5.0,M10.5.0/3").is_some());
        assert!(parse_zone("-05:30").is_some());
        for bad in ["", "+8", "+25:00", "Asia/Shanghai", "+08:61"] {
            assert!(parse_zone(bad).is_none(), "{bad:?}");
        }
    }
}
