//! Whom to send: the proposals of a ticket with a button each, and the form for somebody else.

use super::Frame;
use super::parts::form_fields;
use crate::view::{Proposal, Ticket};
use crate::words::Word as W;
use maud::{Markup, html};

/// Nothing where nobody is proposed.
pub(super) fn proposals(frame: &Frame, ticket: &Ticket, proposals: &[Proposal]) -> Markup {
    let s = &ticket.summary;
    html! {
        @if !proposals.is_empty() {
            h2 { (frame.t(W::WhomToSend)) }
            ol.panel.list {
                @for p in proposals {
                    li {
                        b { (p.engineer) } " · " (p.score) " / 100"
                        @if s.assignee.as_deref() == Some(p.engineer.as_str()) { " · " (frame.t(W::Assignee)) }
                        ul.small { @for reason in &p.reasons { li { (frame.say(reason)) } } }
                        @if frame.rights.may_operate && s.assignee.as_deref() != Some(p.engineer.as_str()) {
                            form.stack.field method="post" action=(format!("/tickets/{}/assign", s.id)) data-action data-leave {
                                (form_fields(frame, Some(s.revision)))
                                input type="hidden" name="assignee" value=(p.engineer);
                                input type="hidden" name="proposal_rank" value=(p.rank);
                                @if p.rank > 1 { (override_field(frame, true)) }
                                button class=[(p.rank == 1).then_some("primary")] type="submit" { (frame.t(W::Assign)) " " (p.engineer) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Given to somebody by name.
pub(super) fn assign_form(frame: &Frame, ticket: &Ticket, proposals: &[Proposal]) -> Markup {
    let s = &ticket.summary;
    html! {
        form.stack.field method="post" action=(format!("/tickets/{}/assign", s.id)) data-action data-leave {
            (form_fields(frame, Some(s.revision)))
            label { span { (frame.t(W::Assignee)) } input type="text" name="assignee" required maxlength="256" autocomplete="off"; }
            @if !proposals.is_empty() { (override_field(frame, false)) }
            button type="submit" { (frame.t(W::Assign)) }
        }
    }
}

fn override_field(frame: &Frame, is_required: bool) -> Markup {
    html! {
        label { span { (frame.t(W::OverrideWhy)) }
            input type="text" name="override_reason" required[is_required] maxlength="256" autocomplete="off"; }
    }
}
