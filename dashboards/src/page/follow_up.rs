//! What follows a bad rating, on the page of its ticket and on the board.

use super::parts::{form_fields, when};
use super::{Frame, W};
use crate::view::{FollowUp, FollowUpCause, FollowUpNow, FollowUpStep, Ticket};
use maud::{Markup, html};

fn step_word(step: FollowUpStep) -> W {
    match step {
        FollowUpStep::Agent => W::FollowUpAgent,
        FollowUpStep::Supervisor => W::FollowUpSupervisor,
        FollowUpStep::Management => W::FollowUpManagement,
    }
}

/// A tag on a card of the board.
pub(super) fn tag(frame: &Frame, now: &FollowUpNow) -> Markup {
    html! {
        p.small {
            span.tag { (frame.t(W::FollowUpOpen)) }
            @if let Some(step) = now.step { " " (frame.t(step_word(step))) }
            @if now.is_late { " " span.breached { (frame.t(W::StillLate)) } }
        }
    }
}

/// What came of each bad rating, and the form that answers for the last.
pub(super) fn section(frame: &Frame, ticket: &Ticket) -> Markup {
    html! {
        @for follow_up in ticket.follow_ups.iter().rev() { (one(frame, follow_up)) }
        @if frame.rights.may_work && ticket.summary.follow_up.is_some() { (form(frame, ticket)) }
    }
}

fn one(frame: &Frame, follow_up: &FollowUp) -> Markup {
    html! {
        h2 { (frame.t(W::FollowUpOf)) " " (follow_up.rating) " / 5 "
            @match follow_up.settled_at {
                Some(at) => { span.tag { (frame.t(W::FollowUpSettled)) } " " (when(frame, at)) },
                None => span.tag.stage { (frame.t(W::FollowUpOpen)) },
            }
            @if follow_up.is_late { " " span.breached { (frame.t(W::FollowUpWasLate)) } }
        }
        ul.panel.list {
            @for told in &follow_up.told {
                li { b { (frame.t(step_word(told.step))) } " " (told.people.join(", "))
                    span.small.mute.block { (when(frame, told.at)) " · " (frame.t(W::DueAt)) " " (when(frame, told.due_at)) } }
            }
            @for answer in &follow_up.answers {
                li { (frame.t(step_word(answer.step))) ": "
                    b { (frame.t(if answer.is_settled { W::FollowUpSettled } else { W::FollowUpNotSettled })) }
                    blockquote { (answer.agreed) }
                    span.small.mute.block { (answer.act.by) " · " (when(frame, answer.act.at)) } }
            }
        }
    }
}

fn form(frame: &Frame, ticket: &Ticket) -> Markup {
    let s = &ticket.summary;
    html! {
        form.panel.pad.stack #follow-up method="post" action=(format!("/tickets/{}/follow-up", s.id)) data-action data-leave {
            (form_fields(frame, Some(s.revision)))
            label { span { (frame.t(W::FollowUpAgreed)) } textarea name="agreed" rows="2" required maxlength="4096" {} }
            div.line {
                button.primary type="submit" name="settled" value="true" { (frame.t(W::FollowUpSettle)) }
                button type="submit" name="settled" value="false" { (frame.t(W::FollowUpHigher)) }
            }
        }
    }
}

/// A line of the timeline.
pub(super) fn told(frame: &Frame, step: FollowUpStep, people: &[String], because: FollowUpCause) -> Markup {
    html! {
        (frame.t(W::FollowUpOpen)) ": " b { (frame.t(step_word(step))) }
        @if !people.is_empty() { " (" (people.join(", ")) ")" }
        " – " @match because {
            FollowUpCause::BadRating { rating } => { (frame.t(W::FollowUpOf)) " " (rating) " / 5" },
            FollowUpCause::NotSettled => (frame.t(W::FollowUpNotSettled)),
            FollowUpCause::Late => (frame.t(W::FollowUpWasLate)),
        }
    }
}

/// A line of the timeline.
pub(super) fn answered(frame: &Frame, step: FollowUpStep, is_settled: bool) -> Markup {
    html! {
        (frame.t(W::FollowUpOpen)) ": " b { (frame.t(step_word(step))) } " – "
        (frame.t(if is_settled { W::FollowUpSettled } else { W::FollowUpNotSettled }))
    }
}
