//! How well the service worked: reaction, repair, first-time fix, repeat repair, clocks.

use super::{Durations, Share, Span};
use crate::clock::ClockKind;
use crate::ledger::{ServiceLevel, service_levels};
use crate::policy::Policy;
use crate::ticket::{Actor, TicketChange, TicketClass, TicketRecord, TicketState, WorkStep};
use domain::{DeviceKey, FailureModeId, Millis, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// What the tickets of a span came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ServiceFigures {
    /// Opened in the span.
    pub opened: u64,
    /// Closed in the span (the last time, where one was reopened).
    pub closed: u64,
    /// Not over at the end of the span.
    pub backlog: u64,
    /// From the opening until a person first did something; tickets opened in the span.
    pub first_reaction: Durations,
    /// From the opening until it was closed with a fault found; tickets closed in the span.
    pub repair: Durations,
    /// Closed with a fault found after one visit and not opened again, of those closed with a fault found.
    pub first_time_fix: Share,
    /// Repairs of a fault that the same machine had been repaired of within the policy's days, of all repairs.
    pub repeat_repair: Share,
    /// Given to somebody other than the first that was proposed, of all that were given to somebody after a proposal.
    pub overrides: Share,
    /// Maintenance by plan, of all tickets opened.
    pub planned: Share,
    /// Clocks in time and late, of tickets opened in the span, by class and clock.
    pub clocks: Vec<(TicketClass, ClockKind, ServiceLevel)>,
}

/// Counts what tickets came to. `tickets`: all that were opened, or closed, or open in the span, and those closed up to
/// `repeat_within` before it.
pub fn service_figures(
    tickets: &[TicketRecord],
    policy: &Policy,
    span: Span,
    repeat_within: Millis,
    now: Timestamp,
) -> ServiceFigures {
    let mut figures = ServiceFigures::default();
    let (mut reactions, mut repairs) = (Vec::new(), Vec::new());
    let opened: Vec<_> = tickets.iter().filter(|t| span.contains(t.opened_at)).collect();
    for ticket in &opened {
        figures.planned.count(ticket.grade.class == TicketClass::Planned);
        reactions.extend(first_reaction(ticket).map(|at| at - ticket.opened_at));
    }
    figures.opened = opened.len() as u64;
    let repaired = repairs_by_fault(tickets);
    for ticket in tickets {
        for step in ticket.history.iter().filter(|step| span.contains(step.at)) {
            if let TicketChange::Assigned {
                to: Some(to),
                dispatched: Some(told),
                ..
            } = &step.what
            {
                figures.overrides.count(*to != told.proposed);
            }
        }
        let closed_at = finished_at(ticket);
        figures.backlog += u64::from(ticket.opened_at < span.until && closed_at.is_none_or(|at| at >= span.until));
        let Some(at) = closed_at.filter(|at| span.contains(*at)) else {
            continue;
        };
        // its work is counted with the ticket that it was merged into
        if ticket.merged_into().is_some() {
            continue;
        }
        figures.closed += 1;
        let Some((fault, _)) = ticket.mended() else { continue };
        repairs.push(at - ticket.opened_at);
        figures
            .first_time_fix
            .count(visits(ticket) <= 1 && !was_reopened(ticket));
        let earlier = repaired.get(&(&ticket.device, fault)).into_iter().flatten();
        let is_repeat = |earlier: &Timestamp| *earlier < at && at - *earlier <= repeat_within;
        figures
            .repeat_repair
            .count(earlier.copied().any(|earlier| is_repeat(&earlier)));
    }
    figures.first_reaction = Durations::of(reactions);
    figures.repair = Durations::of(repairs);
    let levels = service_levels(opened, policy, now);
    figures.clocks = levels
        .into_iter()
        .map(|((class, clock), level)| (class, clock, level))
        .collect();
    figures
}

fn repairs_by_fault(tickets: &[TicketRecord]) -> BTreeMap<(&DeviceKey, &FailureModeId), Vec<Timestamp>> {
    let mut found: BTreeMap<_, Vec<Timestamp>> = BTreeMap::new();
    for (ticket, (fault, _)) in tickets.iter().filter_map(|t| t.mended().map(|mended| (t, mended))) {
        let key = (&ticket.device, fault);
        found.entry(key).or_default().extend(finished_at(ticket));
    }
    found
}

/// When a person first did something about it.
pub(super) fn first_reaction(ticket: &TicketRecord) -> Option<Timestamp> {
    let by_person = |by: &Actor| match by {
        Actor::Person { .. } => true,
        Actor::System => false,
    };
    ticket
        .history
        .iter()
        .find(|entry| by_person(&entry.by))
        .map(|entry| entry.at)
}

/// When its work ended; none while there is work.
pub(super) fn finished_at(ticket: &TicketRecord) -> Option<Timestamp> {
    match &ticket.state {
        TicketState::Open { .. } | TicketState::OnHold { .. } => None,
        TicketState::Finished { at, .. } => Some(*at),
        TicketState::Archived { .. } => {
            let ends = |what: &TicketChange| {
                matches!(
                    what,
                    TicketChange::Closed { .. } | TicketChange::Cancelled { .. } | TicketChange::MergedInto { .. }
                )
            };
            ticket.history.iter().rev().find(|e| ends(&e.what)).map(|e| e.at)
        }
    }
}

fn visits(ticket: &TicketRecord) -> usize {
    let begins = |what: &TicketChange| {
        matches!(
            what,
            TicketChange::Stepped {
                to: WorkStep::InProgress,
                ..
            }
        )
    };
    ticket.history.iter().filter(|e| begins(&e.what)).count()
}

fn was_reopened(ticket: &TicketRecord) -> bool {
    let reopens = |what: &TicketChange| matches!(what, TicketChange::Reopened { .. });
    ticket.history.iter().any(|e| reopens(&e.what))
}
