//! Which faults which models of machine have, how often, and whether they become more: what goes back to design.

use super::Span;
use super::service::finished_at;
use crate::ticket::TicketRecord;
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
    /// By month, `2026-11`, the earliest first; months without any are left out.
    pub by_month: BTreeMap<String, u64>,
    /// The same in the span of the same length before.
    pub before: u64,
    /// The causes that technicians gave, with how many times each, the most frequent first.
    pub causes: Vec<(String, u64)>,
}

/// Counts the faults that were found by model and failure mode, the most frequent first. `tickets`: those closed in the span, and in
/// the one of the same length before.
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
        if !span.contains(at) && !before.contains(at) {
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
        if before.contains(at) {
            count.before += 1;
            continue;
        }
        count.count += 1;
        *count.by_month.entry(month(at)).or_default() += 1;
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

fn month(at: domain::Timestamp) -> String {
    let local = jiff::Timestamp::from_millisecond(at.0).map(|t| t.to_zoned(TimeZone::UTC));
    local.map_or_else(|_| "unknown".into(), |t| t.strftime("%Y-%m").to_string())
}
