//! The ticket board: columns by state, cards with running clocks.

use super::parts::{class_word, clock, kind_word, risk, severity, ticket_state_word};
use super::{Frame, Listens, Place, layout};
use crate::view::{FleetCounts, TicketClass, TicketState, TicketSummary};
use crate::words::Word as W;
use maud::{Markup, html};

/// The board. `tickets` in the order in which they shall stand in their columns; `bad_ratings_only`: those with a bad rating
/// that somebody has to see to.
pub fn tickets(frame: &Frame, counts: &FleetCounts, tickets: &[TicketSummary], bad_ratings_only: bool) -> Markup {
    let column = |state: TicketState| tickets.iter().filter(move |t| t.state == state);
    // Cancelled and merged tickets are rare, and few have a bad rating: then a column shows only when it has something to show.
    let is_rare = |s: &TicketState| matches!(s, TicketState::Cancelled | TicketState::Merged);
    let states = TicketState::ALL
        .into_iter()
        .filter(|s| !(bad_ratings_only || is_rare(s)) || column(*s).next().is_some());
    let body = html! {
        section #live data-live="ticket" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            div.bar {
                h1 { (frame.t(W::Tickets)) }
                p { b { (counts.open_tickets) } " " span.mute { (frame.t(W::OpenTickets)) }
                    " · " @if bad_ratings_only { a href="/tickets" { (frame.t(W::FollowUpAllTickets)) } }
                    @else { a href="/tickets?follow_up=true" { (frame.t(W::FollowUpFilter)) } }
                    @if counts.breached_clocks > 0 { " · " span.breached { (counts.breached_clocks) " " (frame.t(W::BreachedClocks)) } } }
            }
            @if tickets.is_empty() { p.empty { (frame.t(W::NoTickets)) } }
            @else {
                div.board #board tabindex="0" role="region" aria-label=(frame.t(W::Tickets)) {
                    @for state in states {
                        section.column class=[column(state).next().is_none().then_some("bare")] {
                            h2 { (frame.t(ticket_state_word(state))) " " span.mute { (column(state).count()) } }
                            @for ticket in column(state) { (card(frame, ticket)) }
                        }
                    }
                }
            }
        }
        @if frame.rights.may_operate { (super::work::report_form(frame)) }
    };
    layout(frame, Place::Tickets, frame.t(W::Tickets), &Listens::Changes, &body)
}

fn card(frame: &Frame, ticket: &TicketSummary) -> Markup {
    let is_emergency = ticket.class == TicketClass::Emergency;
    html! {
        article.card class=[is_emergency.then_some("emergency")] {
            p.line.small { a.id href=(format!("/tickets/{}", ticket.id)) { (ticket.id) } span.mute { (ticket.priority) } }
            h3 { (frame.say(&ticket.title)) }
            p.small { a.mute href=(format!("/devices/{}/{}", ticket.site, ticket.device)) { (ticket.site) " / " (ticket.device) } }
            p.small.class title=(frame.t(kind_word(ticket.kind))) { (frame.t(class_word(ticket.class))) }
            @if let Some(now) = &ticket.follow_up { (super::follow_up::tag(frame, now)) }
            @if ticket.on_hold.is_some() { p { span.tag { (frame.t(W::OnHold)) } } }
            p.line.small { @if let Some(s) = ticket.severity { (severity(frame, s)) } @if ticket.risk.is_some() { (risk(frame, ticket.risk)) } }
            @if !ticket.state.is_final() { @for c in &ticket.clocks { (clock(frame, c)) } }
            p.small.mute { @match &ticket.assignee { Some(who) => (who), None => (frame.t(W::NobodyAssigned)) } }
        }
    }
}
