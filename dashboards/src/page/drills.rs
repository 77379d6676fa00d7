//! Which drills were held and what is due, on the page of the system.

use super::parts::when;
use super::{Frame, W};
use crate::phrase::clock_time;
use crate::view::{DrillKind, Drills};
use maud::{Markup, html};

/// Drills shown below the kinds, the newest.
const NEWEST: usize = 5;

/// The section.
pub(super) fn section(frame: &Frame, drills: &Drills) -> Markup {
    html! {
        h2 { (frame.t(W::Drills)) " "
            span.tag.stage[drills.is_due] { (frame.t(if drills.is_due { W::DrillDue } else { W::DrillNext })) ": " (drills.next) }
            " " span.mute.small { (frame.t(W::DrillBefore)) " " (clock_time(drills.due_by.0)) }
        }
        ul.panel.list {
            @for kind in &drills.kinds { li { b { (kind.scenario) } " " span.mute { (kind.kind) } " · " (last(frame, kind)) } }
            @for held in drills.held.iter().take(NEWEST).filter(|held| !held.is_good) {
                li.small { (held.scenario) " · " (when(frame, held.at)) " · " (held.by) ": " (held.conclusion) }
            }
        }
    }
}

fn last(frame: &Frame, kind: &DrillKind) -> Markup {
    html! {
        @match kind.last_at {
            None => (frame.t(W::DrillNever)),
            Some(at) => {
                (frame.t(W::DrillLast)) " " (when(frame, at)) " "
                @if kind.was_good == Some(false) { span.breached { (frame.t(W::DrillFindings)) } }
            }
        }
    }
}
