//! On the page of a ticket: the machine, the visit, what was written down of the work, and the forms for it.

use super::Frame;
use super::parts::{class_word, form_fields, when};
use super::ticket::ticket_link;
use crate::phrase;
use crate::view::{LinkKind, Machine, Malfunction, Ticket, TicketClass, Work};
use crate::words::Word as W;
use domain::Millis;
use maud::{Markup, html};

/// One fact of a list.
fn fact(frame: &Frame, word: W, value: &Markup) -> Markup {
    html! { div { dt { (frame.t(word)) } dd { (value) } } }
}

fn said(frame: &Frame, word: W, value: &str) -> Markup {
    html! { @if !value.is_empty() { (fact(frame, word, &html! { (value) })) } }
}

/// What the registry knows of the machine.
pub(super) fn machine_facts(frame: &Frame, machine: &Machine) -> Markup {
    html! {
        (said(frame, W::SerialNumber, &machine.serial_number))
        (said(frame, W::Location, &machine.location))
        (said(frame, W::Customer, &machine.customer))
        @if let Some(warranty) = &machine.warranty {
            (fact(frame, W::Warranty, &html! {
                (frame.t(if warranty.covers { W::WarrantyHolds } else { W::WarrantyOver })) " " (warranty.until)
            }))
        }
    }
}

/// How the fault showed.
pub(super) fn malfunction_facts(frame: &Frame, malfunction: &Malfunction) -> Markup {
    html! {
        (said(frame, W::FaultCode, &malfunction.fault_code))
        (said(frame, W::Symptom, &malfunction.symptom))
        @if let Some(is_breakdown) = malfunction.is_breakdown {
            (fact(frame, W::Breakdown, &html! { (frame.t(if is_breakdown { W::Yes } else { W::No })) }))
        }
        @if let Some(at) = malfunction.began_at { (said(frame, W::Began, &phrase::clock_time(at.0))) }
        @if let Some(at) = malfunction.ended_at { (said(frame, W::Ended, &phrase::clock_time(at.0))) }
    }
}

/// For the list under the title.
pub(super) fn facts(frame: &Frame, ticket: &Ticket) -> Markup {
    html! {
        (machine_facts(frame, &ticket.machine))
        @if let Some(report) = &ticket.report { (said(frame, W::ReportedBy, &report.by)) }
        (malfunction_facts(frame, &ticket.work.malfunction))
        (said(frame, W::LikelyCause, frame.say(&ticket.likely_cause)))
        @if let Some(at) = ticket.scheduled_for { (fact(frame, W::VisitAgreed, &when(frame, at))) }
        @if let Some(visit) = &ticket.visit {
            (fact(frame, W::VisitDue, &when(frame, visit.due)))
            (fact(frame, W::InTimeUntil, &when(frame, visit.until)))
            @if let Some(at) = visit.proposed { (fact(frame, W::VisitProposed, &when(frame, at))) }
        }
        @if let Some(into) = &ticket.merged_into { (fact(frame, W::StepMergedInto, &ticket_link(into))) }
        div { dt { (frame.t(W::ServiceReport)) } dd { a href=(format!("/tickets/{}/report", ticket.summary.id)) { (ticket.summary.id) } } }
    }
}

fn link_word(kind: LinkKind) -> W {
    match kind {
        LinkKind::Relates => W::LinkRelates,
        LinkKind::Parent => W::LinkParent,
        LinkKind::Child => W::LinkChild,
    }
}

/// Hundredths of the site's currency as a number with two decimals.
pub(super) fn cents(cents: u64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}

fn span(frame: &Frame, seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / 1000);
    phrase::span(frame.language, Millis::seconds(seconds))
}

/// Labour and parts, as lists.
pub(super) fn labour_and_parts(frame: &Frame, work: &Work) -> Markup {
    html! {
        @if !work.labour.is_empty() {
            h2 { (frame.t(W::WroteLabour)) }
            ul.panel.list {
                @for l in &work.labour {
                    li { b { (l.who) } " · " (phrase::clock_time(l.start.0)) " · " (span(frame, u64::from(l.seconds)))
                        @if let Some(cost) = l.cost_cents { " · " (cents(cost)) } }
                }
                li { (frame.t(W::LabourTotal)) " " b { (span(frame, work.labour_seconds)) }
                    @if let Some(cost) = work.labour_cents { " · " b { (cents(cost)) } } }
            }
        }
        @if !work.parts.is_empty() {
            h2 { (frame.t(W::WrotePart)) }
            ul.panel.list { @for p in &work.parts { li { (p.quantity) " × " (p.part) } } }
        }
    }
}

/// What was written down so far.
pub(super) fn written(frame: &Frame, ticket: &Ticket) -> Markup {
    let (work, id) = (&ticket.work, &ticket.summary.id);
    let may_tick = frame.rights.may_work;
    html! {
        @if let Some(report) = &ticket.report {
            @if !report.description.is_empty() { h2 { (frame.t(W::WhatIsWrong)) } blockquote.panel.pad { (report.description) } }
        }
        @if !work.checklist.is_empty() {
            h2 { (frame.t(W::Checklist)) }
            ul.panel.list {
                @for check in &work.checklist {
                    li {
                        @match &check.done {
                            Some(act) => { "✓ " (frame.say(&check.text)) span.mute.small.block { (act.by) " · " (when(frame, act.at)) } },
                            None => { (frame.say(&check.text)) },
                        }
                        @if may_tick {
                            form method="post" action=(format!("/tickets/{id}/work")) data-action {
                                (form_fields(frame, None))
                                input type="hidden" name="write" value="tick";
                                input type="hidden" name="entry" value=(check.entry);
                                input type="hidden" name="is_done" value=(check.done.is_none());
                                button.quiet type="submit" { (frame.t(if check.done.is_none() { W::TickOff } else { W::TakeBack })) }
                            }
                        }
                    }
                }
            }
        }
        (labour_and_parts(frame, work))
        @if !work.files.is_empty() {
            h2 { (frame.t(W::Files)) }
            ul.panel.list {
                @for file in &work.files {
                    li { a href=(format!("/api/v1/tickets/{id}/files/{}", file.entry)) download=(file.name) { (file.name) }
                        span.mute.small.block { (file.bytes.div_ceil(1024)) " KiB · " (file.act.by) " · " (when(frame, file.act.at)) } }
                }
            }
        }
        @if !work.links.is_empty() || !ticket.linked.is_empty() {
            h2 { (frame.t(W::LinkedTickets)) }
            ul.panel.list {
                @for link in &work.links { li { (frame.t(link_word(link.kind))) " " (ticket_link(&link.ticket)) } }
                @for other in &ticket.linked { li { (frame.t(W::StepLinked)) " " (ticket_link(other)) } }
            }
        }
        @if !ticket.absorbed.is_empty() {
            h2 { (frame.t(W::MergedTickets)) }
            ul.panel.list { @for part in &ticket.absorbed { li { (ticket_link(part)) } } }
        }
        @if let Some(call) = &work.call_back {
            h2 { (frame.t(W::WroteCallBack)) }
            div.panel.pad {
                @if let Some(rating) = call.rating { p { (frame.t(W::Rating)) ": " b { (rating) } } }
                @if !call.text.is_empty() { blockquote { (call.text) } }
                p.small.mute { (call.act.by) " · " (when(frame, call.act.at)) }
            }
        }
    }
}

/// A form that writes something down.
fn writing(frame: &Frame, id: &str, write: &str, word: W, fields: &Markup) -> Markup {
    html! {
        details { summary { (frame.t(word)) }
            form.stack.field method="post" action=(format!("/tickets/{id}/work")) data-action data-leave {
                (form_fields(frame, None))
                input type="hidden" name="write" value=(write);
                (fields)
                button type="submit" { (frame.t(W::Remember)) }
            }
        }
    }
}

fn text_field(frame: &Frame, name: &str, word: W, most: u32, is_needed: bool) -> Markup {
    html! { label { span { (frame.t(word)) } input type="text" name=(name) maxlength=(most) required[is_needed] autocomplete="off"; } }
}

fn number_field(frame: &Frame, name: &str, word: W, from: u32, to: u32, is_needed: bool) -> Markup {
    html! { label { span { (frame.t(word)) } input type="number" name=(name) min=(from) max=(to) required[is_needed]; } }
}

/// The forms for all that; nothing for who may not.
pub(super) fn forms(frame: &Frame, ticket: &Ticket) -> Markup {
    let s = &ticket.summary;
    let id = &s.id;
    let other = |action: &str, name: &str, word: W, button: W| {
        html! {
            form.stack.field method="post" action=(format!("/tickets/{id}/{action}")) data-action data-leave {
                (form_fields(frame, Some(s.revision)))
                (text_field(frame, name, word, 64, true))
                button type="submit" { (frame.t(button)) }
            }
        }
    };
    let malfunction = &ticket.work.malfunction;
    html! {
        @if frame.rights.may_work {
            details.panel.pad { summary { (frame.t(W::WorkDone)) }
                div.forms {
                    (writing(frame, id, "labour", W::WroteLabour, &html! {
                        (text_field(frame, "who", W::Who, 128, false))
                        (number_field(frame, "minutes", W::MinutesOfWork, 1, 10_080, true))
                        (number_field(frame, "rate_cents_per_hour", W::RatePerHour, 0, 100_000_000, false))
                    }))
                    (writing(frame, id, "part", W::WrotePart, &html! {
                        (text_field(frame, "part", W::Part, 128, true))
                        (number_field(frame, "quantity", W::Quantity, 1, 100_000, true))
                    }))
                    (writing(frame, id, "check", W::NewCheck, &text_field(frame, "text", W::NewCheck, 1024, true)))
                    (writing(frame, id, "malfunction", W::WroteMalfunction, &html! {
                        label { span { (frame.t(W::Symptom)) } input type="text" name="symptom" maxlength="1024" value=(malfunction.symptom) autocomplete="off"; }
                        label { span { (frame.t(W::FaultCode)) } input type="text" name="fault_code" maxlength="128" value=(malfunction.fault_code) autocomplete="off"; }
                        label { span { (frame.t(W::Breakdown)) } select name="is_breakdown" {
                            @for (value, word, is) in [("", W::NotSaid, None), ("true", W::Yes, Some(true)), ("false", W::No, Some(false))] {
                                option value=(value) selected[malfunction.is_breakdown == is] { (frame.t(word)) }
                            }
                        } }
                    }))
                    (writing(frame, id, "call_back", W::WroteCallBack, &html! {
                        (number_field(frame, "rating", W::Rating, 1, 5, false))
                        (text_field(frame, "text", W::Comment, 1024, false))
                    }))
                    (writing(frame, id, "link", W::WroteLink, &html! {
                        (text_field(frame, "ticket", W::LinkTo, 32, true))
                        select name="kind" aria-label=(frame.t(W::WroteLink)) {
                            @for (value, kind) in [("relates", LinkKind::Relates), ("parent", LinkKind::Parent), ("child", LinkKind::Child)] {
                                option value=(value) { (frame.t(link_word(kind))) }
                            }
                        }
                    }))
                    form.stack.field method="post" action=(format!("/api/v1/tickets/{id}/files")) data-upload {
                        label { span { (frame.t(W::ChooseFile)) } input type="file" name="file" required; }
                        button type="submit" { (frame.t(W::Attach)) }
                    }
                    @if !s.state.is_final() {
                        (other("schedule", "at", W::VisitTime, W::Schedule))
                        (other("merge", "into", W::MergeInto, W::MergeInto))
                        @for part in &ticket.absorbed {
                            form method="post" action=(format!("/tickets/{id}/split")) data-action {
                                (form_fields(frame, Some(s.revision)))
                                input type="hidden" name="ticket" value=(part);
                                button type="submit" { (frame.t(W::SplitTicket)) " " (part) }
                            }
                        }
                    } @else if ticket.merged_into.is_none() {
                        form method="post" action=(format!("/tickets/{id}/archive")) data-action {
                            (form_fields(frame, Some(s.revision)))
                            button type="submit" { (frame.t(W::Archive)) }
                        }
                    }
                }
            }
        }
    }
}

/// A fault is reported by hand.
pub(super) fn report_form(frame: &Frame) -> Markup {
    html! {
        details.panel.pad { summary { (frame.t(W::ReportTicket)) }
            form.stack.field method="post" action="/tickets" data-action data-leave {
                (form_fields(frame, None))
                (text_field(frame, "site", W::Site, 64, true))
                (text_field(frame, "device", W::Device, 64, true))
                (text_field(frame, "title", W::WhatIsWrong, 128, true))
                (text_field(frame, "description", W::Symptom, 1024, false))
                (text_field(frame, "reporter", W::ReportedBy, 128, false))
                label { span { (frame.t(W::Urgency)) } select name="class" {
                    @for (value, class) in [("ordinary", TicketClass::Ordinary), ("key", TicketClass::Key), ("emergency", TicketClass::Emergency), ("planned", TicketClass::Planned)] {
                        option value=(value) { (frame.t(class_word(class))) }
                    }
                } }
                button type="submit" { (frame.t(W::ReportTicket)) }
            }
        }
    }
}
