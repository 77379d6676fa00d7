//! How reliable the machines were, by what technicians wrote down of breakdowns: MTBF, downtime, availability, time to detect.
//!
//! Definitions as in ISO 22400 and EN 15341, with calendar time of all machines as operating time: running hours are not known
//! of every machine.

use super::{Durations, Share, Span};
use crate::record::AlarmRecord;
use crate::ticket::TicketRecord;
use domain::{AlarmId, Millis, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// What breakdowns came to in a span.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ReliabilityFigures {
    /// Machines that were known, and how long all of them together.
    pub operating: Millis,
    /// Breakdowns that began in the span.
    pub breakdowns: u64,
    /// Operating time / breakdowns; none without any.
    pub between_failures: Option<Millis>,
    /// From the beginning of a breakdown to its end, of those that are over.
    pub downtime: Durations,
    /// Time without a breakdown / operating time, in milliseconds; one that is not over counts until the end of the span.
    pub available: Share,
    /// From the beginning of the malfunction to the alarm, of malfunctions that an alarm told; 0 where it came before.
    pub detection: Durations,
}

/// Counts. `known_since`: when each machine was first heard.
pub fn reliability_figures(
    tickets: &[TicketRecord],
    alarms: &[AlarmRecord],
    known_since: &[Timestamp],
    span: Span,
    now: Timestamp,
) -> ReliabilityFigures {
    let until = span.until.min(now);
    let known = known_since.iter().map(|since| (until - span.from.max(*since)).0.max(0));
    let operating = Millis(known.sum());
    let raised: BTreeMap<&AlarmId, Timestamp> = alarms.iter().map(|a| (&a.id, a.opened_at)).collect();
    let (mut down, mut downtimes, mut detections, mut breakdowns) = (0, Vec::new(), Vec::new(), 0);
    for ticket in tickets.iter().filter(|t| t.merged_into().is_none()) {
        let malfunction = &ticket.work.malfunction;
        let Some(began) = malfunction.began_at.filter(|at| span.contains(*at)) else {
            continue;
        };
        if let Some(told) = ticket.alarm.as_ref().and_then(|id| raised.get(id)) {
            detections.push(Millis((*told - began).0.max(0)));
        }
        if malfunction.is_breakdown != Some(true) {
            continue;
        }
        breakdowns += 1;
        down += (malfunction.ended_at.unwrap_or(until).min(until) - began).0.max(0);
        downtimes.extend(malfunction.ended_at.map(|ended| ended - began));
    }
    let of = operating.0.max(0) as u64;
    ReliabilityFigures {
        operating,
        breakdowns,
        between_failures: (breakdowns > 0).then(|| Millis(operating.0 / breakdowns as i64)),
        downtime: Durations::of(downtimes),
        available: Share {
            part: of.saturating_sub(down as u64),
            of,
        },
        detection: Durations::of(detections),
    }
}
