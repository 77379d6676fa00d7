//! Incidents above the alarm list: what many alarms come from.

use super::Frame;
use super::parts::{risk, severity, when};
use crate::phrase;
use crate::view::{Incident, IncidentState};
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
        }
    }
}
