//! One ticket: what is known, what to do next, what happened.

use super::follow_up;
use super::parts::{
    button_form, class_word, clock, clock_word, form_fields, hold_word, kind_word, outcome_word, risk, severity,
    ticket_state_word, time_left_bar, when,
};
use super::similar::similar;
use super::{Frame, Listens, Place, dispatch, knowledge, layout, work};
use crate::view::{Chain, Entry, HoldCause, Outcome, Proposal, StepKind, Ticket, TicketClass, TicketStep, ToldBecause};
use crate::words::Word as W;
use maud::{Markup, html};

/// The page of one ticket, with whom to send for it and what is known of its fault.
pub fn ticket(frame: &Frame, ticket: &Ticket, proposals: &[Proposal], entries: &[Entry]) -> Markup {
    let s = &ticket.summary;
    let body = html! {
        section #live data-live="ticket" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            div.panel.identity {
                div {
                    p.crumbs { a href="/tickets" { (frame.t(W::Tickets)) } " / "
                        a href=(format!("/devices/{}/{}", s.site, s.device)) { (s.site) " / " (s.device) } }
                    h1 { (s.id) " " (frame.say(&s.title)) }
                    p.line {
                        span.tag.stage { (frame.t(ticket_state_word(s.state))) }
                        span.tag { (s.priority) }
                        @if s.on_hold.is_some() { span.tag { (frame.t(W::OnHold)) } }
                        @if ticket.is_safety { span.tag.bad { (frame.t(W::Safety)) } }
                        @if let Some(how_bad) = s.severity { (severity(frame, how_bad)) }
                        (risk(frame, s.risk))
                    }
                    dl.facts {
                        div { dt { (frame.t(W::Kind)) } dd { (frame.t(kind_word(s.kind))) " · " (frame.t(class_word(s.class))) } }
                        div { dt { (frame.t(W::Opened)) } dd { (when(frame, s.opened_at)) } }
                        div { dt { (frame.t(W::Assignee)) } dd { (s.assignee.as_deref().unwrap_or(frame.t(W::NobodyAssigned))) } }
                        (work::facts(frame, ticket))
                        @if !ticket.part.is_empty() { div { dt { (frame.t(W::Part)) } dd { (ticket.part) } } }
                        @if !ticket.model.is_empty() { div { dt { (frame.t(W::JudgedBy)) } dd { (ticket.model) } } }
                        @if let Some(hold) = &s.on_hold { div { dt { (frame.t(W::HoldWhy)) } dd { (frame.t(hold_word(hold.cause))) " · " (hold.reason) " · " (hold.act.by) } } }
                        @if let Some(contract) = &ticket.contract { div { dt { (frame.t(W::Contract)) } dd { (contract) } } }
                    }
                }
                div.figures {
                    @if !s.clocks.is_empty() { div.wide.clocks { @for c in &s.clocks { (clock(frame, c)) } } }
                    @if let Some(left) = &ticket.time_left { div.wide { h2 { (frame.t(W::TimeLeft)) } (time_left_bar(frame, left)) } }
                }
            }
            div.columns {
                div {
                    h2 { (frame.t(W::WhatToDo)) }
                    div.panel.pad { (to_do(frame, ticket)) }
                    h2 { (frame.t(W::WhyOpened)) }
                    ul.panel.list {
                        @for e in &ticket.evidence { li { (frame.say(&e.sentence)) } }
                        @for alarm in &ticket.alarms { li { (frame.t(W::Alarm)) " " a href=(format!("/alarms/{alarm}")) { (alarm) } } }
                    }
                    (knowledge::best(frame, entries, Some(&s.id)))
                    (dispatch::proposals(frame, ticket, proposals))
                    (similar(frame, &ticket.similar))
                    (work::written(frame, ticket))
                    @if let Some(closing) = &ticket.closing {
                        h2 { (frame.t(W::OutcomeLabel)) }
                        dl.panel.pad.facts {
                            div { dt { (frame.t(W::OutcomeLabel)) } dd { (frame.t(outcome_word(closing.outcome))) } }
                            @if let Some(mode) = &closing.failure_mode { div { dt { (frame.t(W::FaultFound)) } dd { (mode) } } }
                            @for (word, value) in [(W::PartFailed, &closing.part), (W::Damage, &closing.damage), (W::Cause, &closing.cause), (W::Remedy, &closing.remedy), (W::Note, &closing.note)] {
                                @if !value.is_empty() { div { dt { (frame.t(word)) } dd { (value) } } }
                            }
                            @if !closing.parts.is_empty() { div { dt { (frame.t(W::WrotePart)) } dd { (closing.parts.join(", ")) } } }
                        }
                        @if !closing.cause.is_empty() && !closing.remedy.is_empty() { (knowledge::from_ticket(frame, &s.id)) }
                    }
                }
                div {
                    (follow_up::section(frame, ticket))
                    @if !ticket.breaches.is_empty() {
                        h2 { (frame.t(W::Breaches)) }
                        ul.panel.list {
                            @for b in &ticket.breaches {
                                li { span.breached { (frame.t(clock_word(b.clock))) } " · " (frame.t(class_word(b.class))) " · " (when(frame, b.due_at)) " – "
                                    @if let Some(at) = b.ended_at { (when(frame, at)) } @else { (frame.t(W::BreachOpen)) } }
                            }
                        }
                    }
                    @if let Some(chain) = &ticket.chain { (told(frame, chain)) }
                    h2 { (frame.t(W::Timeline)) }
                    ol.panel.timeline { @for step in ticket.history.iter().rev() { (timeline_step(frame, step)) } }
                }
            }
        }
        (work::forms(frame, ticket))
        @if !s.state.is_final() { (actions(frame, ticket, proposals)) }
        @else if ticket.merged_into.is_none() && frame.rights.may_work {
            details.panel.pad { summary { (frame.t(W::Reopen)) }
                form.stack.field method="post" action=(format!("/tickets/{}/reopen", s.id)) data-action data-leave {
                    (form_fields(frame, Some(s.revision)))
                    label { span { (frame.t(W::ReopenWhy)) } input type="text" name="reason" required maxlength="256" autocomplete="off"; }
                    button type="submit" { (frame.t(W::Reopen)) }
                }
            }
        }
    };
    layout(frame, Place::Tickets, &s.id, &Listens::Changes, &body)
}

fn to_do(frame: &Frame, ticket: &Ticket) -> Markup {
    html! {
        p { (frame.say(&ticket.action)) }
        dl.facts {
            @for (word, list) in [(W::PartsToBring, &ticket.parts), (W::SkillsNeeded, &ticket.skills)] {
                @if !list.is_empty() { div { dt { (frame.t(word)) } dd { (list.join(", ")) } } }
            }
        }
        (super::stock::of_ticket(frame, ticket))
    }
}

fn because_text(frame: &Frame, because: ToldBecause) -> Markup {
    match because {
        ToldBecause::Unanswered => html! { (frame.t(W::ToldUnanswered)) },
        ToldBecause::NobodyThere => html! { (frame.t(W::ToldNobodyThere)) },
        ToldBecause::ClockBreached { clock } => html! { (frame.t(W::StepBreached)) ": " (frame.t(clock_word(clock))) },
    }
}

fn told(frame: &Frame, chain: &Chain) -> Markup {
    html! {
        h2 { (frame.t(W::Told)) }
        dl.panel.pad.facts {
            div { dt { (frame.t(W::Told)) } dd { @if chain.people.is_empty() { (frame.t(W::Nobody)) } @else { (chain.people.join(", ")) } } }
            @if let Some(act) = &chain.answered {
                div { dt { (frame.t(W::AnsweredBy)) } dd { (act.by) " · " (when(frame, act.at)) } }
            }
            @if let Some(at) = chain.next_at {
                div { dt { (frame.t(W::NextLevel)) } dd { (when(frame, at)) } }
            }
        }
    }
}

fn timeline_step(frame: &Frame, step: &TicketStep) -> Markup {
    let alarm = |id: &str| html! { a href=(format!("/alarms/{id}")) { (id) } };
    let what = match &step.what {
        StepKind::Opened => html! { (frame.t(W::StepOpened)) },
        StepKind::Stepped { to } => html! { (frame.t(W::StepMoved)) " " b { (frame.t(ticket_state_word(*to))) } },
        StepKind::Held { cause } => html! { (frame.t(W::StepHeld)) ": " (frame.t(hold_word(*cause))) },
        StepKind::Resumed => html! { (frame.t(W::StepResumed)) },
        StepKind::Assigned { to: Some(to) } => html! { (frame.t(W::StepAssigned)) " " b { (to) } },
        StepKind::Assigned { to: None } => html! { (frame.t(W::NobodyAssigned)) },
        StepKind::Scheduled { visit_at } => html! { (frame.t(W::StepScheduled)) " " b { (when(frame, *visit_at)) } },
        StepKind::Commented { from } => {
            html! { (frame.t(W::StepCommented)) @if let Some(from) = from { " (" (ticket_link(from)) ")" } }
        }
        StepKind::MergedInto { ticket } => html! { (frame.t(W::StepMergedInto)) " " (ticket_link(ticket)) },
        StepKind::Absorbed { ticket } => html! { (frame.t(W::StepAbsorbed)) " " (ticket_link(ticket)) },
        StepKind::SplitOff { ticket } => html! { (frame.t(W::StepSplitOff)) " " (ticket_link(ticket)) },
        StepKind::SplitFrom { ticket } => html! { (frame.t(W::StepSplitFrom)) " " (ticket_link(ticket)) },
        StepKind::Proposed { visit_at } => html! { (frame.t(W::VisitProposed)) " " b { (when(frame, *visit_at)) } },
        StepKind::Closed { outcome } => html! { (frame.t(W::StepClosed)) ": " b { (frame.t(outcome_word(*outcome))) } },
        StepKind::Cancelled => html! { (frame.t(W::StepCancelled)) },
        StepKind::Reopened => html! { (frame.t(W::StepReopened)) },
        StepKind::Archived => html! { (frame.t(W::StepArchived)) },
        StepKind::Told { people, because, .. } => html! {
            (frame.t(W::StepTold)) " " b { @if people.is_empty() { (frame.t(W::Nobody)) } @else { (people.join(", ")) } }
            " – " (because_text(frame, *because))
        },
        StepKind::Answered { alarm_id } => html! { (frame.t(W::StepAnswered)) " " (alarm(alarm_id)) },
        StepKind::Merged { alarm_id } => html! { (frame.t(W::StepMerged)) " " (alarm(alarm_id)) },
        StepKind::Worked { wrote } => html! { (frame.t(wrote_word(wrote))) },
        StepKind::DueAgain => html! { (frame.t(W::StepDueAgain)) },
        StepKind::Linked { ticket } => html! { (frame.t(W::StepLinked)) " " (ticket_link(ticket)) },
        StepKind::Upgraded => html! { (frame.t(W::StepUpgraded)) },
        StepKind::Reclassed { class } => html! { (frame.t(W::StepReclassed)) " " b { (frame.t(class_word(*class))) } },
        StepKind::FollowUpTold { step, people, because } => follow_up::told(frame, *step, people, *because),
        StepKind::FollowUpAnswered { step, is_settled } => follow_up::answered(frame, *step, *is_settled),
        StepKind::FollowUpLate => {
            html! { span.breached { (frame.t(W::FollowUpOpen)) ": " (frame.t(W::FollowUpWasLate)) } }
        }
        StepKind::ClockWarning { clock } => html! { (frame.t(W::StepClockWarning)) ": " (frame.t(clock_word(*clock))) },
        StepKind::ClockBreached { clock } => {
            html! { span.breached { (frame.t(W::StepBreached)) ": " (frame.t(clock_word(*clock))) } }
        }
    };
    html! {
        li {
            p { (what) }
            @if !step.note.is_empty() { blockquote { (step.note) } }
            p.small.mute { (step.act.by) " · " (when(frame, step.act.at)) }
        }
    }
}

fn actions(frame: &Frame, ticket: &Ticket, proposals: &[Proposal]) -> Markup {
    let s = &ticket.summary;
    let path = format!("/tickets/{}", s.id);
    let revision = Some(s.revision);
    let one_field = |action: &str, name: &str, label: W, button: W| {
        html! {
            form.stack.field method="post" action=(format!("{path}/{action}")) data-action data-leave {
                (form_fields(frame, revision))
                label { span { (frame.t(label)) } input type="text" name=(name) required maxlength="256" autocomplete="off"; }
                button type="submit" { (frame.t(button)) }
            }
        }
    };
    let steps: Vec<_> = ticket.next_states.iter().filter(|state| !state.is_final()).collect();
    html! {
        @if frame.rights.may_operate || frame.rights.may_work {
            h2 { (frame.t(W::NextStep)) }
            div.columns {
                div.panel.pad.forms {
                    @if frame.rights.may_work && !steps.is_empty() {
                        form.stack method="post" action=(format!("{path}/step")) data-action data-leave {
                            (form_fields(frame, revision))
                            label { span { (frame.t(W::Note)) } input type="text" name="note" maxlength="1024" autocomplete="off"; }
                            div.line {
                                @for (i, state) in steps.iter().enumerate() {
                                    button class=[(i == 0).then_some("primary")] type="submit" name="to" value=(word_of(state)) {
                                        (frame.t(W::MoveTo)) " " (frame.t(ticket_state_word(**state)))
                                    }
                                }
                            }
                        }
                    }
                    @if frame.rights.may_operate {
                        (dispatch::assign_form(frame, ticket, proposals))
                        (one_field("comment", "text", W::Comment, W::Comment))
                    }
                    @if frame.rights.may_work {
                        @if s.on_hold.is_some() { (button_form(frame, &format!("{path}/resume"), revision, W::Resume, "")) }
                        @else { (hold_form(frame, &path, revision)) }
                        (reclass_form(frame, &path, revision, s.class))
                    }
                }
                @if frame.rights.may_work {
                    div.panel.pad.forms {
                        (close_form(frame, &path, revision))
                        details { summary { (frame.t(W::CancelTicket)) } (one_field("cancel", "reason", W::CancelWhy, W::CancelTicket)) }
                    }
                }
            }
        }
    }
}

fn hold_form(frame: &Frame, path: &str, revision: Option<u64>) -> Markup {
    html! {
        form.stack.field method="post" action=(format!("{path}/hold")) data-action data-leave {
            (form_fields(frame, revision))
            label { span { (frame.t(W::HoldFor)) }
                select name="waits_for" { @for cause in HoldCause::ALL {
                    option value=(word_of(&cause)) selected[cause == HoldCause::Other] { (frame.t(hold_word(cause))) }
                } } }
            label { span { (frame.t(W::HoldWhy)) } input type="text" name="reason" required maxlength="256" autocomplete="off"; }
            button type="submit" { (frame.t(W::Hold)) }
        }
    }
}

fn reclass_form(frame: &Frame, path: &str, revision: Option<u64>, now: TicketClass) -> Markup {
    html! {
        details { summary { (frame.t(W::Reclass)) }
            form.stack.field method="post" action=(format!("{path}/reclass")) data-action data-leave {
                (form_fields(frame, revision))
                select name="class" aria-label=(frame.t(W::Reclass)) { @for class in TicketClass::ALL {
                    option value=(word_of(&class)) selected[class == now] { (frame.t(class_word(class))) }
                } }
                label { span { (frame.t(W::ReclassWhy)) } input type="text" name="reason" required maxlength="256" autocomplete="off"; }
                button type="submit" { (frame.t(W::Reclass)) }
            }
        }
    }
}

fn close_form(frame: &Frame, path: &str, revision: Option<u64>) -> Markup {
    html! {
        form.stack method="post" action=(format!("{path}/close")) data-action data-leave {
            (form_fields(frame, revision))
            fieldset {
                legend { (frame.t(W::OutcomeLabel)) }
                @for outcome in Outcome::ALL {
                    label.choice { input type="radio" name="outcome" value=(word_of(&outcome)) required; span { (frame.t(outcome_word(outcome))) } }
                }
            }
            label { span { (frame.t(W::FaultFound)) } input type="text" name="failure_mode" maxlength="64" autocomplete="off"; }
            label { span { (frame.t(W::PartFailed)) } input type="text" name="part" maxlength="128" autocomplete="off"; }
            label { span { (frame.t(W::Damage)) } input type="text" name="damage" maxlength="1024" autocomplete="off"; }
            label { span { (frame.t(W::Cause)) } input type="text" name="cause" maxlength="1024" autocomplete="off"; }
            label { span { (frame.t(W::Remedy)) } input type="text" name="remedy" maxlength="1024" autocomplete="off"; }
            label { span { (frame.t(W::PartsUsed)) } input type="text" name="parts" maxlength="1024" autocomplete="off"; }
            label { span { (frame.t(W::Note)) } textarea name="note" rows="2" maxlength="4096" {} }
            button.primary type="submit" { (frame.t(W::CloseTicket)) }
        }
    }
}

pub(super) fn ticket_link(ticket: &str) -> Markup {
    html! { a href=(format!("/tickets/{ticket}")) { (ticket) } }
}

fn wrote_word(wrote: &str) -> W {
    match wrote {
        "labour_logged" => W::WroteLabour,
        "part_used" => W::WrotePart,
        "check_added" | "check_ticked" => W::WroteCheck,
        "file_attached" => W::WroteFile,
        "linked" | "unlinked" => W::WroteLink,
        "described" => W::WroteMalfunction,
        "called_back" => W::WroteCallBack,
        _ => W::WroteRemoved,
    }
}

/// A word in forms and URLs: the one that the API uses.
fn word_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}
