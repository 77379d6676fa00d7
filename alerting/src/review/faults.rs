//! Which faults which models of machine have, how often, and whether they become more: what goes back to design.

use super::Span;
use super::month::Month;
use super::service::finished_at;
use crate::ticket::TicketRecord;
use domain::Millis;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;

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
    /// The same in the span of the same length before.
    pub before: u64,
    /// The causes that technicians gave, with how many times each, the most frequent first.
    pub causes: Vec<(String, u64)>,
}

/// Counts the faults that were found by model and failure mode, the most frequent first. `tickets`: those closed in the year
/// that ends with the span, in the span, and in the one of the same length before.
pub fn fault_counts(tickets: &[TicketRecord], span: Span) -> Vec<FaultCount> {
    let before = Span {
        from: span.from - span.length(),
        until: span.from,
    };
    let mut counts: BTreeMap<(String, String), (FaultCount, BTreeMap<String, u64>)> = BTreeMap::new();
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
        let (count, causes) = counts.entry(key).or_insert_with_key(|(profile, mode)| {
            let count = FaultCount {
                profile: profile.clone(),
                failure_mode: mode.clone(),
                count: 0,
                by_month: BTreeMap::new(),
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
