//! How good the warnings were: what technicians found, by failure mode and by rule, how early they came, and which failures
//! no warning preceded.

use super::service::finished_at;
use super::{Durations, Share, Span};
use crate::record::AlarmRecord;
use crate::ticket::{Outcome, TicketRecord};
use domain::{AlarmId, DeviceKey, FailureModeId, Millis};
use serde::Serialize;
use std::collections::BTreeMap;

/// What became of warnings.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct WarningFigures {
    /// Machines found at fault, of tickets from warnings whose outcome says whether they were.
    pub precision: Share,
    /// The same by failure mode: there a different fault speaks against the warning.
    pub by_mode: BTreeMap<String, Share>,
    /// The same, by the rule that spoke first.
    pub by_rule: BTreeMap<String, Share>,
    /// The same, by the version of the model.
    pub by_model: BTreeMap<String, Share>,
    /// From the warning until the work on the confirmed fault was over: how early it came at least.
    pub ahead_of_repair: Durations,
    /// Faults that the machine told by itself after a warning, of all that it told by itself: the recall on failures that are
    /// known.
    pub told_failures_warned: Share,
    /// Faults that a machine told by itself and no warning preceded.
    pub without_warning: Vec<AlarmId>,
}

/// Counts what became of warnings. `tickets`: those closed in the span; `alarms`: theirs, and all raised in the span or up
/// to `warned_within` before. `told`: the failure mode under which machines tell faults by themselves.
pub fn warning_figures(
    tickets: &[TicketRecord],
    alarms: &[AlarmRecord],
    told: &FailureModeId,
    span: Span,
    warned_within: Millis,
) -> WarningFigures {
    let mut figures = WarningFigures::default();
    let by_id: BTreeMap<_, _> = alarms.iter().map(|alarm| (&alarm.id, alarm)).collect();
    let mut ahead = Vec::new();
    for ticket in tickets {
        let Some(alarm) = ticket.alarm.as_ref().and_then(|id| by_id.get(id)) else {
            continue;
        };
        let at = finished_at(ticket).filter(|at| span.contains(*at));
        let (Some(at), Some((is_right, is_right_mode))) = (at, ticket.outcome().and_then(was_there)) else {
            continue;
        };
        if alarm.failure_mode == *told {
            continue; // the machine said so itself; no model warned
        }
        let rule = alarm.evidence.first().map(|e| e.rule.to_string()).unwrap_or_default();
        figures.precision.count(is_right);
        for (by, key, is_right) in [
            (&mut figures.by_mode, alarm.failure_mode.to_string(), is_right_mode),
            (&mut figures.by_rule, rule, is_right),
            (&mut figures.by_model, alarm.model.to_string(), is_right),
        ] {
            by.entry(key).or_default().count(is_right);
        }
        if is_right {
            ahead.push(at - alarm.opened_at);
        }
    }
    figures.ahead_of_repair = Durations::of(ahead);
    for failure in alarms
        .iter()
        .filter(|a| a.failure_mode == *told && span.contains(a.opened_at))
    {
        let is_warned = warned_before(&failure.device, failure, alarms, told, warned_within);
        figures.told_failures_warned.count(is_warned);
        if !is_warned {
            figures.without_warning.push(failure.id.clone());
        }
    }
    figures
}

/// Whether the machine was at fault, and whether in the way that was warned of; not known of other outcomes.
pub(super) fn was_there(outcome: &Outcome) -> Option<(bool, bool)> {
    match outcome {
        Outcome::FaultConfirmed(_) | Outcome::Prevented(_) => Some((true, true)),
        Outcome::DifferentFault { .. } => Some((true, false)),
        Outcome::NoFaultFound => Some((false, false)),
        Outcome::Other { .. } => None,
    }
}

fn warned_before(
    device: &DeviceKey,
    failure: &AlarmRecord,
    alarms: &[AlarmRecord],
    told: &FailureModeId,
    within: Millis,
) -> bool {
    alarms.iter().any(|alarm| {
        alarm.device == *device
            && alarm.failure_mode != *told
            && alarm.opened_at < failure.opened_at
            && failure.opened_at - alarm.opened_at <= within
    })
}
