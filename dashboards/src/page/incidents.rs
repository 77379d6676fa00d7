//! Incidents above the alarm list: what many alarms come from.

use super::Frame;
use super::parts::{form_fields, risk, severity, when};
use crate::phrase;
use crate::view::{At, EventDone, EventResponse, Incident, IncidentState};
use crate::words::Word as W;
use maud::{Markup, html};

/// Where the alarms of an incident are listed, also those that are over.
pub(super) fn members_path(id: &str) -> String {
    format!("/alarms?incident={id}&show=all")
}

/// An incident's number, leading to its alarms.
pub(super) fn link(id: &str) -> Markup {
    html! { a href=(members_path(id)) { (id) } }
}

/// Rows of incidents; nothing where there are none.
pub(super) fn table(frame: &Frame, incidents: &[Incident]) -> Markup {
    html! {
        @if !incidents.is_empty() {
            h2 #incidents { (frame.t(W::Incidents)) " " span.mute.small { (frame.t(W::IncidentsHelp)) } }
            div.panel { table.cards.incidents aria-labelledby="incidents" {
                thead { tr {
                    th scope="col" { (frame.t(W::Severity)) }
                    th scope="col" { (frame.t(W::Incident)) }
                    th scope="col" { (frame.t(W::StillStanding)) }
                    th scope="col" { (frame.t(W::Since)) }
                    th scope="col" { (frame.t(W::Risk)) }
                    th scope="col" { (frame.t(W::Ticket)) }
                    th scope="col" { (frame.t(W::EventLevel)) }
                } }
                tbody { @for incident in incidents { (row(frame, incident)) } }
            } }
        }
    }
}

fn row(frame: &Frame, incident: &Incident) -> Markup {
    html! {
        tr {
            td data-label=(frame.t(W::Severity)) { (severity(frame, incident.severity)) }
            th.lead scope="row" {
                a href=(members_path(&incident.id)) { (frame.say(&incident.title)) }
                span.small.block.mute { (incident.id) " · " (incident.site) }
            }
            td data-label=(frame.t(W::StillStanding)) {
                (phrase::part_of(frame.language, incident.standing, incident.members))
                @match incident.state {
                    IncidentState::Open => {}
                    IncidentState::Easing { .. } => { " " span.tag { (frame.t(W::IncidentEasing)) } }
                    IncidentState::Over { .. } => { " " span.tag { (frame.t(W::IncidentOver)) } }
                }
            }
            td data-label=(frame.t(W::Since)) { (when(frame, incident.opened_at)) }
            td data-label=(frame.t(W::Risk)) { (risk(frame, Some(incident.risk))) }
            td data-label=(frame.t(W::Ticket)) {
                @match &incident.ticket {
                    Some(ticket) => { a href=(format!("/tickets/{ticket}")) { (ticket) } }
                    None => { span.mute { (frame.t(W::None)) } }
                }
            }
            td data-label=(frame.t(W::EventLevel)) {
                @match &incident.response {
                    Some(answer) => (response(frame, incident, answer)),
                    None => { span.mute { (frame.t(W::None)) } }
                }
            }
        }
    }
}

/// How far the answer is: its level, who answers until when, the plan, and what to do next.
fn response(frame: &Frame, incident: &Incident, answer: &EventResponse) -> Markup {
    // what was over before it was due was never late
    let until = match incident.state {
        IncidentState::Over { at } => at.0,
        IncidentState::Open | IncidentState::Easing { .. } => frame.now,
    };
    let step = |done: &Option<EventDone>, by: At, due: W, done_by: W| {
        let is_late = done.as_ref().map_or(until, |done| done.at.0) > by.0;
        html! { span.small.block {
            @match done {
                Some(done) => { (frame.t(done_by)) " " b { (done.by) } ", " (when(frame, done.at)) @if !done.note.is_empty() { ": " (done.note) } }
                None => { (frame.t(due)) " " (when(frame, by)) }
            }
            @if is_late { " " span.tag.bad { (frame.t(W::EventLate)) } }
        } }
    };
    html! {
        span.tag.stage { (answer.level) }
        (step(&answer.responded, answer.respond_by, W::RespondBy, W::RespondedBy))
        (step(&answer.handled, answer.handle_by, W::HandleBy, W::HandledBy))
        @if !answer.plan.is_empty() || !answer.contacts.is_empty() {
            details.small { summary { (frame.t(W::ResponsePlan)) }
                ol { @for line in &answer.plan { li { (frame.say(line)) } } }
                @if !answer.contacts.is_empty() { ul { @for contact in &answer.contacts { li { (contact) } } } }
            }
        }
        @if frame.rights.may_operate && incident.is_open() && answer.handled.is_none() {
            @if answer.responded.is_none() {
                form method="post" action=(format!("/incidents/{}/respond", incident.id)) data-action {
                    (form_fields(frame, None))
                    button type="submit" { (frame.t(W::TakeCharge)) }
                }
            } @else {
                form.line method="post" action=(format!("/incidents/{}/handle", incident.id)) data-action {
                    (form_fields(frame, None))
                    label { span.hidden { (frame.t(W::WhatWasDone)) } input name="note" required maxlength="256" placeholder=(frame.t(W::WhatWasDone)); }
                    button type="submit" { (frame.t(W::DealtWith)) }
                }
            }
        }
    }
}
