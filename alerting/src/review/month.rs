//! Months of a site's calendar: what a monthly review covers, and which one is to be made next.

use super::Span;
use domain::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Months that are made up for at most: who was away for longer looks at the review page.
const MOST_MADE_UP: i64 = 12;

/// A month, written `2026-11`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    /// Months since the year 0: plain to count with.
    number: i64,
}

impl Month {
    /// The month in which an instant lies; the first one there is for an instant beyond the calendar.
    pub fn of(at: Timestamp, zone: &TimeZone) -> Month {
        let local = jiff::Timestamp::from_millisecond(at.0).unwrap_or(jiff::Timestamp::MIN);
        let date = local.to_zoned(zone.clone()).date();
        Month {
            number: i64::from(date.year()) * 12 + i64::from(date.month()) - 1,
        }
    }

    /// From text like `2026-11`.
    pub fn parse(text: &str) -> Option<Month> {
        let (year, month) = text.split_once('-')?;
        let is_written_so = year.len() == 4 && month.len() == 2 && !text.contains('+');
        let (year, month): (i64, i64) = (year.parse().ok()?, month.parse().ok()?);
        let is_sound = is_written_so && (1..=9_998).contains(&year) && (1..=12).contains(&month);
        is_sound.then_some(Month {
            number: year * 12 + month - 1,
        })
    }

    /// The one after it.
    #[must_use]
    pub fn next(self) -> Month {
        Month {
            number: self.number + 1,
        }
    }

    /// From its first instant to that of the next, by the clocks of the zone.
    pub fn span(self, zone: &TimeZone) -> Span {
        Span {
            from: self.begins(zone),
            until: self.next().begins(zone),
        }
    }

    fn begins(self, zone: &TimeZone) -> Timestamp {
        let (year, month) = (self.number.div_euclid(12), self.number.rem_euclid(12) + 1);
        let first = Date::new(year as i16, month as i8, 1).expect("years are checked");
        // where midnight is left out by a change of clocks, the day begins at the first instant after it
        let begins = first.to_zoned(zone.clone()).expect("years are checked");
        Timestamp(begins.timestamp().as_millisecond())
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:04}-{:02}",
            self.number.div_euclid(12),
            self.number.rem_euclid(12) + 1
        )
    }
}

/// The month whose review is to be made next, if it is over: the one after the last that was made, or the first in which
/// there was anything. At most a year is made up for.
pub fn due(last_made: Option<Month>, since: Timestamp, now: Timestamp, zone: &TimeZone) -> Option<Month> {
    let present = Month::of(now, zone);
    let next = last_made.map_or_else(|| Month::of(since, zone), Month::next);
    let earliest = Month {
        number: present.number - MOST_MADE_UP,
    };
    Some(next.max(earliest)).filter(|month| *month < present)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Millis;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("an instant")
    }

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("known")
    }

    #[test]
    fn a_month_is_as_long_as_the_clocks_of_the_place_make_it() {
        let october = Month::parse("2026-10").expect("sound");
        let span = october.span(&berlin());
        assert_eq!(span.from, at("2026-09-30T22:00:00Z"));
        assert_eq!(span.length(), Millis::hours(31 * 24 + 1), "clocks go back in October");
        assert_eq!(october.to_string(), "2026-10");
        for wrong in [
            "", "2026", "2026-13", "2026-00", "26-10", "2026-1", "+026-10", "9999-12",
        ] {
            assert_eq!(Month::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_month_is_due_once_when_it_is_over_and_at_most_a_year_is_made_up_for() {
        let (zone, since) = (berlin(), at("2026-01-15T00:00:00Z"));
        let due_at = |last: Option<&str>, now| {
            let last = last.map(|text| Month::parse(text).expect("sound"));
            due(last, since, at(now), &zone).map(|month| month.to_string())
        };
        assert_eq!(due_at(None, "2026-01-31T22:59:59Z"), None);
        assert_eq!(due_at(None, "2026-01-31T23:00:00Z").as_deref(), Some("2026-01"));
        assert_eq!(due_at(Some("2026-01"), "2026-02-20T00:00:00Z"), None);
        assert_eq!(
            due_at(Some("2026-01"), "2026-04-01T00:00:00Z").as_deref(),
            Some("2026-02")
        );
        assert_eq!(
            due_at(Some("2026-01"), "2029-04-01T00:00:00Z").as_deref(),
            Some("2028-04")
        );
        assert_eq!(
            due_at(Some("2026-06"), "2026-04-01T00:00:00Z"),
            None,
            "a clock that was put back"
        );
    }

    proptest! {
        #[test]
        fn every_instant_lies_in_its_month(ms in 0i64..4_000_000_000_000, zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Shanghai", "Australia/Lord_Howe", "America/Santiago"])) {
            let zone = TimeZone::get(zone).expect("known");
            let month = Month::of(Timestamp(ms), &zone);
            prop_assert!(month.span(&zone).contains(Timestamp(ms)));
            prop_assert_eq!(Month::parse(&month.to_string()), Some(month));
        }
    }
}
