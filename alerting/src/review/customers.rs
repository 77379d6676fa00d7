//! What customers met with: whether somebody answered, whether they were called back, and what they said.

use super::service::{finished_at, first_reaction};
use super::{Share, Span};
use crate::policy::ReviewConfig;
use crate::ticket::{TicketClass, TicketEnd, TicketRecord, TicketState};
use serde::Serialize;

/// What customers met with in a span.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CustomerFigures {
    /// Tickets about which a person did something, of those opened; work by plan and tickets merged into others left out.
    pub answered: Share,
    /// Called back in time after the end of the work, of the tickets closed so long ago.
    pub called_back: Share,
    /// Good ratings, of all that customers gave in call-backs.
    pub satisfied: Share,
    /// Bad ratings settled with no step too late, of those settled or too late.
    pub complaints: Share,
}

/// Counts. `now`: until when there was time for a call-back.
pub fn customer_figures(
    tickets: &[TicketRecord],
    rules: &ReviewConfig,
    span: Span,
    now: domain::Timestamp,
) -> CustomerFigures {
    let called_back_within = rules.call_back_within();
    let mut figures = CustomerFigures::default();
    let own = tickets.iter().filter(|t| t.merged_into().is_none());
    for ticket in own {
        if span.contains(ticket.opened_at) && ticket.grade.class != TicketClass::Planned {
            figures.answered.count(first_reaction(ticket).is_some());
        }
        let call = ticket.work.call_back.as_ref();
        if let Some(at) = finished_at(ticket).filter(|at| span.contains(*at) && was_closed(ticket)) {
            let is_in_time = call.is_some_and(|call| call.at - at <= called_back_within);
            if is_in_time || now - at > called_back_within {
                figures.called_back.count(is_in_time);
            }
        }
        for complaint in ticket.follow_ups.iter().filter(|f| span.contains(f.opened_at)) {
            if complaint.is_late || !complaint.is_open() {
                figures.complaints.count(!complaint.is_late);
            }
        }
        if let Some(rating) = call.filter(|call| span.contains(call.at)).and_then(|call| call.rating) {
            figures.satisfied.count(rating >= rules.good_rating_from);
        }
    }
    figures
}

/// Work was done: nobody is called back about a ticket that was cancelled.
fn was_closed(ticket: &TicketRecord) -> bool {
    match &ticket.state {
        TicketState::Open { .. } | TicketState::OnHold { .. } => false,
        TicketState::Finished { end, .. } | TicketState::Archived { end, .. } => match end {
            TicketEnd::Closed { .. } => true,
            TicketEnd::Cancelled { .. } | TicketEnd::Merged { .. } => false,
        },
    }
}
