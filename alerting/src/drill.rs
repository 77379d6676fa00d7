//! Which kind of event is to be drilled next, and by when: one each quarter, or as the site says, the kinds in turn. Pure.

use domain::Timestamp;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A drill that was held: its kind and when.
pub type Held<'a> = (&'a str, Timestamp);

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Its place among the kinds.
    pub kind: usize,
    /// Before then.
    pub due_by: Timestamp,
    /// Whether this quarter, or other period, has had none.
    pub is_due: bool,
}

/// When a kind was last drilled.
pub fn last_of(kind: &str, held: &[Held<'_>]) -> Option<Timestamp> {
    let same = held.iter().filter(|(known, _)| *known == kind);
    same.map(|(_, at)| *at).max()
}

/// What comes next: of `kinds` the one never drilled, in their order, else the one drilled longest ago; in this quarter if it has
/// had no drill of whatever kind, else in the next. None without kinds.
pub fn next(kinds: &[&str], held: &[Held<'_>], every_months: u8, now: Timestamp, zone: &TimeZone) -> Option<Next> {
    let (kind, _) = kinds
        .iter()
        .enumerate()
        .min_by_key(|(place, kind)| (last_of(kind, held), *place))?;
    let begins = period_of(now, every_months, zone)?;
    let start_of = |date: Date| {
        let at = zone.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
        Some(Timestamp(at.as_millisecond()))
    };
    let this = start_of(begins)?;
    let is_due = !held.iter().any(|(_, at)| *at >= this);
    let months = i64::from(every_months) * if is_due { 1 } else { 2 };
    let due_by = start_of(begins.checked_add(months.months()).ok()?)?;
    Some(Next { kind, due_by, is_due })
}

/// The first day of the period of the year; a quarter has three months.
fn period_of(at: Timestamp, months: u8, zone: &TimeZone) -> Option<Date> {
    let months = i8::try_from(months).ok().filter(|months| *months > 0)?;
    let local = zone.to_datetime(jiff::Timestamp::from_millisecond(at.as_millis()).ok()?);
    Date::new(local.year(), (local.month() - 1) / months * months + 1, 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [&str; 3] = ["device fault", "system fault", "mass failure"];

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).expect("an instant")
    }

    fn check(held: &[(&str, &str)], now: &str, kind: &str, due_by: &str, is_due: bool) {
        let held: Vec<Held<'_>> = held.iter().map(|(kind, time)| (*kind, at(time))).collect();
        let zone = TimeZone::get("Asia/Shanghai").expect("known");
        let next = next(&KINDS, &held, 3, at(now), &zone).expect("there are kinds");
        let found = (KINDS[next.kind], next.due_by.to_string(), next.is_due);
        assert_eq!(found, (kind, at(due_by).to_string(), is_due), "{held:?} at {now}");
    }

    #[test]
    fn kinds_follow_in_turn_one_each_quarter_of_the_site() {
        let (first, second) = (
            ("device fault", "2026-02-01T00:00:00Z"),
            ("system fault", "2026-05-01T00:00:00Z"),
        );
        let end = "2026-06-30T16:00:00Z"; // midnight in Shanghai
        check(&[], "2026-05-05T00:00:00Z", "device fault", end, true);
        check(&[first], "2026-05-05T00:00:00Z", "system fault", end, true);
        let after = "2026-09-30T16:00:00Z";
        check(&[first, second], "2026-05-05T00:00:00Z", "mass failure", after, false);
        let third = ("mass failure", "2026-07-02T00:00:00Z");
        check(
            &[third, second, first],
            "2026-12-31T15:59:00Z",
            "device fault",
            "2026-12-31T16:00:00Z",
            true,
        );
        check(
            &[third, second, first],
            "2026-12-31T16:00:00Z",
            "device fault",
            "2027-03-31T16:00:00Z",
            true,
        );
        // an own kind serves the quarter, and is not in the row
        let own = ("fire", "2026-04-02T00:00:00Z");
        check(&[own], "2026-05-05T00:00:00Z", "device fault", after, false);
    }
}
