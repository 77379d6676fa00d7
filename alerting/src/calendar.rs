//! Working hours: how much of a span counts, and when a budget of counted time is used up.
//!
//! A minute counts if a clock on the wall of the site shows a time inside working hours in it: so the hour that comes twice in
//! autumn counts twice, and the one that is left out in spring not at all. No clock; the time zone data base is the one that
//! is compiled in, so the same configuration gives the same due dates on every machine.

use domain::{Millis, Timestamp};
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Days looked ahead before giving up: a hundred years. A budget that needs more is a mistake, not a plan.
const MOST_DAYS: i64 = 36_600;
/// Minutes of a day of 24 h.
pub(crate) const DAY_MIN: u16 = 24 * 60;
/// Milliseconds of a day of 24 h.
const DAY_MS: i64 = 86_400_000;
/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// Which time counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hours {
    /// Day and night.
    #[default]
    Always,
    /// The working hours of the site or the contract.
    Working,
}

/// A part of a day, in minutes after local midnight; the end does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// When work begins.
    pub from: u16,
    /// When it ends; 1440 is the end of the day.
    pub until: u16,
}

/// Working hours of a site.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    /// By weekday, Monday first; ascending and apart.
    week: [Vec<Window>; 7],
    /// Days that are not as their weekday, by days since 1970-01-01: none on a holiday.
    special: BTreeMap<i64, Vec<Window>>,
}

/// A time without a change of the clocks.
struct Steady {
    from: i64,
    until: i64,
    /// Local time minus UTC, in ms.
    ahead: i64,
}

impl Calendar {
    /// By weekday (Monday first), with days that are otherwise: a holiday has no windows. Windows of a day that touch or
    /// overlap become one. None if no weekday has working hours, or a window is empty or longer than the day.
    pub fn new(zone: TimeZone, week: [Vec<Window>; 7], special: BTreeMap<Date, Vec<Window>>) -> Option<Self> {
        let all = || week.iter().chain(special.values()).flatten();
        if week.iter().all(Vec::is_empty) || all().any(|w| w.from >= w.until || w.until > DAY_MIN) {
            return None;
        }
        let special = special
            .into_iter()
            .map(|(date, windows)| (day_of(date), joined(windows)));
        Some(Calendar {
            zone,
            special: special.collect(),
            week: week.map(joined),
        })
    }

    /// The zone whose clocks count.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
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

    /// The local day and minute of an instant; none where the calendar ends.
    #[cfg(test)]
    pub(crate) fn local(&self, at: Timestamp) -> Option<(Date, u16)> {
        let local = self
            .zone
            .to_datetime(jiff::Timestamp::from_millisecond(at.as_millis()).ok()?);
        Some((local.date(), local.hour() as u16 * 60 + local.minute() as u16))
    }

    /// Working time that ends after `from`, in order and without overlap.
    fn windows(&self, from: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let last = from.0.saturating_add(MOST_DAYS * DAY_MS);
        self.steady(from)
            .take_while(move |time| time.from < last)
            .flat_map(move |time| {
                let (first_day, last_day) = (
                    (time.from + time.ahead).div_euclid(DAY_MS),
                    (time.until.min(last) + time.ahead).div_euclid(DAY_MS),
                );
                (first_day..=last_day).flat_map(move |day| {
                    let midnight = day * DAY_MS - time.ahead;
                    let (start, end) = (time.from, time.until);
                    self.day(day).iter().filter_map(move |window| {
                        let open = (midnight + i64::from(window.from) * MINUTE_MS).max(start);
                        let close = (midnight + i64::from(window.until) * MINUTE_MS).min(end);
                        (open < close).then_some((Timestamp(open), Timestamp(close)))
                    })
                })
            })
    }

    /// The time from `from` on, cut where the clocks change.
    fn steady(&self, from: Timestamp) -> impl Iterator<Item = Steady> + '_ {
        let start = jiff::Timestamp::from_millisecond(from.as_millis()).ok();
        let changes = start.map(|start| {
            let rest = self
                .zone
                .following(start)
                .map(|change| (change.timestamp(), change.offset()));
            std::iter::once((start, self.zone.to_offset(start))).chain(rest)
        });
        let mut changes = changes.into_iter().flatten().peekable();
        std::iter::from_fn(move || {
            let (from, offset) = changes.next()?;
            let until = changes.peek().map_or(i64::MAX / 2, |(at, _)| at.as_millisecond());
            Some(Steady {
                from: from.as_millisecond(),
                until,
                ahead: i64::from(offset.seconds()) * 1_000,
            })
        })
    }

    fn day(&self, day: i64) -> &[Window] {
        // 1970-01-01 was a Thursday
        let weekday = (day + 3).rem_euclid(7) as usize;
        self.special.get(&day).unwrap_or(&self.week[weekday])
    }

    /// Asks the clock on the wall, minute by minute; for models in tests.
    #[cfg(test)]
    pub(crate) fn counts_minute(&self, hours: Hours, at: Timestamp) -> bool {
        match hours {
            Hours::Always => true,
            Hours::Working => {
                let (date, minute) = self.local(at).unwrap();
                let windows = match self.special.get(&day_of(date)) {
                    Some(windows) => windows,
                    None => &self.week[date.weekday().to_monday_zero_offset() as usize],
                };
                windows.iter().any(|w| (w.from..w.until).contains(&minute))
            }
        }
    }
}

/// Days since 1970-01-01.
fn day_of(date: Date) -> i64 {
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
    midnight.map_or(i64::MAX, |at| at.as_millisecond().div_euclid(DAY_MS))
}

fn joined(mut windows: Vec<Window>) -> Vec<Window> {
    windows.sort();
    let mut apart: Vec<Window> = Vec::with_capacity(windows.len());
    for window in windows {
        match apart.last_mut() {
            Some(last) if window.from <= last.until => last.until = last.until.max(window.until),
            Some(_) | None => apart.push(window),
        }
    }
    apart
}

/// Reads `UTC`, an offset such as `+08:00`, a name such as `Europe/Berlin`, or a POSIX rule such as
/// `CET-1CEST,M3.5.0,M10.5.0/3`.
pub(crate) fn parse_zone(text: &str) -> Option<TimeZone> {
    if text == "UTC" || text == "Z" {
        return Some(TimeZone::UTC);
    }
    let sign = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) | None => {
            let named = TimeZoneDatabase::bundled().get(text);
            return named.or_else(|_| TimeZone::posix(text)).ok();
        }
    };
    let minutes = i32::from(parse_time_of_day(&text[1..])?);
    Some(TimeZone::fixed(Offset::from_seconds(sign * minutes * 60).ok()?))
}

/// Reads `09:00` as minutes after midnight; `24:00` is the end of the day.
pub(crate) fn parse_time_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let is_number = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !is_number(hours) || !is_number(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= DAY_MIN).then_some(all)
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
pub(crate) mod tests;
