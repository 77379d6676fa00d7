//! Which faults which models of machine have, how often, and whether they become more: what goes back to design.

use super::month::Month;
use super::service::finished_at;
use super::{Share, Span};
use crate::ticket::TicketRecord;
use domain::Millis;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;

/// Half of the year over which faults are counted by month.
const HALF_A_YEAR: Millis = Millis::days(183);

/// Faults found of one kind of machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FaultCount {
    /// The profile: the model of machine.
    pub profile: String,
    /// How it failed.
    pub failure_mode: String,
    /// How many times in the span.
    pub count: u64,
    /// By month, `2026-11`, over the year that ends with the span, the earliest first; months without any are left out. So
    /// trend and season show.
    pub by_month: BTreeMap<String, u64>,
    /// Whether they become more: the second half of the year against the first.
    pub trend: Trend,
    /// The month of the year that had the most, `2026-07`; the later of two. None: there was none.
    pub busiest: Option<String>,
    /// The same in the span of the same length before.
    pub before: u64,
    /// The causes that technicians gave, with how many times each, the most frequent first.
    pub causes: Vec<(String, u64)>,
}

/// Whether faults become more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// More in the second half of the year, beyond chance.
    Rising,
    /// Fewer in the second half of the year, beyond chance.
    Falling,
    /// No more or fewer than chance explains.
    Steady,
}

impl Trend {
    /// If nothing had changed, each fault would lie in either half of the year with even chances; so the half is outside
    /// Wilson's interval ([`Share::wilson`]) of the share of the later ones only if something did, with 95 % certainty.
    fn of(earlier: u64, later: u64) -> Trend {
        let share = Share {
            part: later,
            of: earlier + later,
        };
        match share.wilson() {
            Some((low, _)) if low > 0.5 => Trend::Rising,
            Some((_, high)) if high < 0.5 => Trend::Falling,
            Some(_) | None => Trend::Steady,
        }
    }
}

/// Counts the faults that were found by model and failure mode, the most frequent first. `tickets`: those closed in the year
/// that ends with the span, in the span, and in the one of the same length before.
pub fn fault_counts(tickets: &[TicketRecord], span: Span) -> Vec<FaultCount> {
    let before = Span {
        from: span.from - span.length(),
        until: span.from,
    };
    let mut counts: BTreeMap<(String, String), (FaultCount, BTreeMap<String, u64>)> = BTreeMap::new();
    let mut halves: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for ticket in tickets {
        let Some(outcome) = ticket.outcome() else { continue };
        let mended = outcome.mended(&ticket.failure_mode).zip(outcome.finding());
        let (Some(at), Some((mode, finding))) = (finished_at(ticket), mended) else {
            continue;
        };
        let year = Span {
            from: span.until - Millis::days(366),
            until: span.until,
        };
        if !span.contains(at) && !before.contains(at) && !year.contains(at) {
            continue;
        }
        let key = (ticket.profile.clone(), mode.to_string());
        if year.contains(at) {
            let (earlier, later) = halves.entry(key.clone()).or_default();
            *(if span.until - at > HALF_A_YEAR { earlier } else { later }) += 1;
        }
        let (count, causes) = counts.entry(key).or_insert_with_key(|(profile, mode)| {
            let count = FaultCount {
                profile: profile.clone(),
                failure_mode: mode.clone(),
                count: 0,
                by_month: BTreeMap::new(),
                trend: Trend::Steady,
                busiest: None,
                before: 0,
                causes: Vec::new(),
            };
            (count, BTreeMap::new())
        });
        if year.contains(at) {
            *count
                .by_month
                .entry(Month::of(at, &TimeZone::UTC).to_string())
                .or_default() += 1;
        }
        count.before += u64::from(before.contains(at));
        if !span.contains(at) {
            continue;
        }
        count.count += 1;
        let cause = finding.cause.trim();
        if !cause.is_empty() {
            *causes.entry(cause.to_owned()).or_default() += 1;
        }
    }
    let mut found: Vec<_> = counts
        .into_values()
        .map(|(mut count, causes)| {
            let half = halves.get(&(count.profile.clone(), count.failure_mode.clone()));
            count.trend = half.map_or(Trend::Steady, |(earlier, later)| Trend::of(*earlier, *later));
            let most = count
                .by_month
                .iter()
                .max_by_key(|(month, number)| (**number, (*month).clone()));
            count.busiest = most.map(|(month, _)| month.clone());
            count.causes = causes.into_iter().collect();
            count.causes.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
            count
        })
        .collect();
    found.sort_by(|a, b| {
        b.count
            .cmp(&a.count)
            .then_with(|| (&a.profile, &a.failure_mode).cmp(&(&b.profile, &b.failure_mode)))
    });
    found
}
