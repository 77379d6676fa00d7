//! Who is on call: the next two weeks of each rotation, a form that gives somebody the call for a time, and what was made so.

use super::parts::{button_form, form_fields, when};
use super::{Frame, Listens, Place, layout};
use crate::phrase::clock_time;
use crate::view::{OnCall, OnCallOverride, OverrideState};
use crate::words::Word as W;
use maud::{Markup, html};

/// Shifts shown of each rotation.
const SHIFTS: usize = 60;

/// The page of who is on call.
pub fn on_call(frame: &Frame, rotations: &[OnCall], overrides: &[OnCallOverride]) -> Markup {
    let body = html! {
        h1 { (frame.t(W::OnCall)) }
        p.mute { (frame.t(W::OnCallIntro)) }
        @if rotations.is_empty() { p.empty { (frame.t(W::OnCallNone)) } }
        @for rotation in rotations { (turns(frame, rotation)) }
        @if frame.rights.may_swap && !rotations.is_empty() { (swap_form(frame, rotations)) }
        @if !overrides.is_empty() {
            h2 { (frame.t(W::Overrides)) }
            p.mute.small { (frame.t(W::OverridesHelp)) }
            div.panel { table.cards {
                tbody { @for taken in overrides { (one(frame, taken)) } }
            } }
        }
    };
    layout(frame, Place::OnCall, frame.t(W::OnCall), &Listens::Nothing, &body)
}

/// Who is on call and who comes next.
fn turns(frame: &Frame, rotation: &OnCall) -> Markup {
    let person = |name: &Option<String>| name.clone().unwrap_or_else(|| frame.t(W::NobodyOnCall).to_owned());
    html! {
        h2 { (rotation.name) " " span.tag.stage { (person(&rotation.now)) } " " span.mute.small { (rotation.time_zone) } }
        div.panel { table.cards {
            tbody { @for shift in rotation.shifts.iter().take(SHIFTS) {
                tr {
                    th.lead scope="row" {
                        (person(&shift.person))
                        @if shift.is_override { " " span.tag { (frame.t(W::OverrideMark)) } }
                    }
                    td { (shift.from_local) " – " (shift.until_local) }
                    td.mute { (when(frame, shift.from)) }
                }
            } }
        } }
    }
}

fn one(frame: &Frame, taken: &OnCallOverride) -> Markup {
    let (word, is_over) = match taken.state {
        OverrideState::Waiting => (W::OverrideWaiting, false),
        OverrideState::Holds => (W::OverrideHolds, false),
        OverrideState::Over => (W::WindowOver, true),
    };
    html! {
        tr {
            th.lead scope="row" { (taken.id) " " (taken.person) " " span.tag { (frame.t(word)) } }
            td { (taken.rotation) }
            td { (clock_time(taken.from.0)) " – " (clock_time(taken.until.0)) }
            td { (taken.reason) " (" (taken.by) ")" }
            td {
                @if let Some(by) = &taken.ended_by { (frame.t(W::OverrideEndedBy)) " " (by) }
                @if !is_over && frame.rights.may_swap {
                    (button_form(frame, &format!("/on-call/overrides/{}/end", taken.id), None, W::OverrideEnd, "quiet"))
                }
            }
        }
    }
}

fn swap_form(frame: &Frame, rotations: &[OnCall]) -> Markup {
    html! {
        h2 { (frame.t(W::OverrideMake)) }
        form.panel.pad.stack #swap method="post" action="/on-call/overrides" data-action {
            (form_fields(frame, None))
            label { span { (frame.t(W::Rotation)) }
                select name="rotation" { @for rotation in rotations { option value=(rotation.name) { (rotation.name) } } }
            }
            label { span { (frame.t(W::OverridePerson)) } input type="text" name="person" required maxlength="128" autocomplete="off"; }
            label { span { (frame.t(W::OverrideFrom)) } input type="text" name="from" placeholder="2026-12-05T08:00:00Z" maxlength="64" autocomplete="off"; }
            label { span { (frame.t(W::OverrideUntil)) } input type="text" name="until" required placeholder="2026-12-07T08:00:00Z" maxlength="64" autocomplete="off"; }
            label { span { (frame.t(W::Reason)) } input type="text" name="reason" required maxlength="256" autocomplete="off"; }
            button.primary type="submit" { (frame.t(W::OverrideMake)) }
        }
    }
}
