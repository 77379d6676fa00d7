//! How much the alarms asked of people, after EEMUA 191 and ISA-18.2.

use super::{Durations, Share, Span};
use crate::record::AlarmRecord;
use crate::storm::SiteNotices;
use domain::{Millis, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// The span in which a peak is counted.
const PEAK: Millis = Millis::minutes(10);
/// How many of the most frequent alarms are named.
const MOST_FREQUENT: usize = 10;

/// What the alarms of a span came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct AlarmLoad {
    /// Episodes raised in the span.
    pub raised: u64,
    /// The same, each day of 24 h on average; none for an empty span.
    pub each_day: Option<f64>,
    /// The most within any ten minutes.
    pub peak: u64,
    /// From the raise until a person acknowledged it.
    pub acknowledged_after: Durations,
    /// Share of the ten most frequent (machine, failure mode) in all; good is below 1 %, 5 % the limit.
    pub most_frequent_share: Share,
    /// The most frequent, with how many times each.
    pub most_frequent: Vec<(String, u64)>,
    /// Episodes found to come and go.
    pub chattering: u64,
    /// Episodes that were gone before anybody could have acted.
    pub fleeting: u64,
    /// Episodes that stood for too long.
    pub stale: u64,
    /// Share of the span in flood, in milliseconds, over all sites; good is below 1 %.
    pub in_flood: Share,
}

/// Counts what alarms asked of people. `alarms`: all whose episode began in the span; `notices`: of each site.
pub fn alarm_load(alarms: &[AlarmRecord], notices: &[SiteNotices], span: Span, now: Timestamp) -> AlarmLoad {
    let mut raised: Vec<_> = alarms.iter().filter(|a| span.contains(a.opened_at)).collect();
    raised.sort_by_key(|a| a.opened_at);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for alarm in &raised {
        *counts
            .entry(format!("{}/{}", alarm.device, alarm.failure_mode))
            .or_default() += 1;
    }
    let mut most_frequent: Vec<_> = counts.into_iter().collect();
    most_frequent.sort_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
    most_frequent.truncate(MOST_FREQUENT);
    let days = span.length().0 as f64 / 86_400_000.0;
    let count = raised.len() as u64;
    let habit = |is: fn(&AlarmRecord) -> bool| raised.iter().filter(|a| is(a)).count() as u64;
    AlarmLoad {
        raised: count,
        each_day: (days > 0.0).then(|| count as f64 / days),
        peak: peak(&raised),
        acknowledged_after: Durations::of(
            raised
                .iter()
                .filter_map(|a| a.acknowledged_at.map(|at| at - a.opened_at))
                .collect(),
        ),
        most_frequent_share: Share {
            part: most_frequent.iter().map(|(_, n)| n).sum(),
            of: count,
        },
        most_frequent,
        chattering: habit(|a| a.habit.is_chattering),
        fleeting: habit(|a| a.habit.fleeting > 0),
        stale: habit(|a| a.habit.is_stale),
        in_flood: in_flood(notices, span, now),
    }
}

fn peak(raised: &[&AlarmRecord]) -> u64 {
    let mut first = 0;
    let mut most = 0;
    for (last, alarm) in raised.iter().enumerate() {
        while alarm.opened_at - raised[first].opened_at >= PEAK {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most as u64
}

fn in_flood(notices: &[SiteNotices], span: Span, now: Timestamp) -> Share {
    let until = span.until.min(now);
    let floods = notices.iter().flat_map(|site| &site.floods);
    let in_span = floods.map(|f| f.until.unwrap_or(now).min(until) - f.from.max(span.from));
    let length = (until - span.from).0.max(0) as u64;
    Share {
        part: in_span.map(|m| m.0.max(0) as u64).sum(),
        of: length * notices.len() as u64,
    }
}
