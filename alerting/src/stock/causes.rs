//! What will take parts: open tickets by their dates, and alarms that stand without one by their prognosis. An alarm whose ticket was
//! closed with a verdict is on its way out.

use super::forecast::{Cause, Likelihood};
use super::parts::Parts;
use super::place::PartNumber;
use super::shelf::Stock;
use super::ticket::{TicketParts, needs};
use crate::record::AlarmRecord;
use crate::ticket::TicketRecord;
use domain::{Prognosis, RemainingLife, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What stands and takes parts, those that are kept back and those beyond. Drills take nothing.
pub fn causes<'a>(
    parts: &Parts,
    stock: &Stock,
    tickets: impl Iterator<Item = &'a TicketRecord>,
    alarms: impl Iterator<Item = &'a AlarmRecord>,
    now: Timestamp,
) -> Vec<Cause> {
    let mut served = BTreeSet::new();
    let mut found = Vec::new();
    for ticket in tickets.filter(|t| !t.device.site.is_drill()) {
        // somebody was there: an alarm that stands on for a while foretells nothing more
        if ticket.state.is_open() || ticket.outcome().is_some() {
            served.insert(ticket.id);
        }
        if !ticket.state.is_open() {
            continue;
        }
        found.push(Cause {
            device: ticket.device.clone(),
            failure_mode: ticket.failure_mode.clone(),
            alarm: ticket.alarm.clone(),
            ticket: Some(ticket.id),
            needs: needs_beyond(parts, &ticket.parts, stock.ticket(ticket.id)),
            held: stock.ticket(ticket.id).map(TicketParts::held).unwrap_or_default(),
            likelihood: Likelihood::By(ticket.scheduled_for.or(ticket.due_at).unwrap_or(now)),
        });
    }
    for alarm in alarms.filter(|a| a.life.state.is_active() && !a.device.site.is_drill()) {
        if alarm.ticket.is_none_or(|id| !served.contains(&id)) {
            found.push(Cause {
                device: alarm.device.clone(),
                failure_mode: alarm.failure_mode.clone(),
                alarm: Some(alarm.id.clone()),
                ticket: None,
                needs: needs_beyond(parts, &alarm.facts.parts, None),
                held: BTreeMap::new(),
                likelihood: likelihood_of(alarm),
            });
        }
    }
    found.retain(|cause| !cause.needs.is_empty() || !cause.held.is_empty());
    found
}

/// What a list of parts takes beyond what is kept back or used already.
fn needs_beyond(parts: &Parts, named: &[String], own: Option<&TicketParts>) -> BTreeMap<PartNumber, u32> {
    let needs = needs(parts, named).into_iter().map(|need| {
        let has = own.map_or(0, |own| {
            own.used(&need.part).saturating_add(own.reserved.of(&need.part))
        });
        (need.part, need.quantity.saturating_sub(has))
    });
    needs.filter(|(_, quantity)| *quantity > 0).collect()
}

/// Its prognosis on our clock: made as long after the alarm's raising as by the machine's clock.
fn likelihood_of(alarm: &AlarmRecord) -> Likelihood {
    match alarm.prognosis {
        Prognosis::NotYetKnown => Likelihood::Severity(alarm.life.severity),
        Prognosis::Known(life) => Likelihood::Prognosis(Prognosis::Known(RemainingLife {
            made_at: life.made_at + (alarm.opened_at - alarm.raised_at),
            ..life
        })),
    }
}
