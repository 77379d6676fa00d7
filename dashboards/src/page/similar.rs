//! Earlier episodes like an alarm: a short list on the pages of alarms and tickets.

use super::Frame;
use super::parts::when;
use crate::phrase;
use crate::view::{SimilarEpisode, Verdict};
use crate::words::Word as W;
use domain::Millis;
use maud::{Markup, html};

fn verdict_word(verdict: Verdict) -> W {
    match verdict {
        Verdict::NoTicket => W::VerdictNoTicket,
        Verdict::Open => W::VerdictOpen,
        Verdict::FaultConfirmed => W::OutcomeConfirmed,
        Verdict::DifferentFault => W::OutcomeDifferent,
        Verdict::Prevented => W::OutcomePrevented,
        Verdict::NoFaultFound => W::OutcomeNoFault,
        Verdict::Other => W::OutcomeOther,
        Verdict::Cancelled => W::VerdictCancelled,
    }
}

/// Nothing where there are none.
pub(super) fn similar(frame: &Frame, episodes: &[SimilarEpisode]) -> Markup {
    let length = |e: &SimilarEpisode| -> Millis { e.cleared_at.0 - e.raised_at.0 };
    html! {
        @if !episodes.is_empty() {
            h2 { (frame.t(W::SimilarEpisodes)) }
            ul.panel.list {
                @for e in episodes {
                    li {
                        a href=(format!("/alarms/{}", e.alarm)) { (e.site) " / " (e.device) } " · "
                        b { (frame.t(verdict_word(e.verdict))) @if let Some(found) = &e.found { ": " (found) } }
                        @if let Some(ticket) = &e.ticket { " · " a href=(format!("/tickets/{ticket}")) { (ticket) } }
                        span.mute.small.block {
                            (when(frame, e.raised_at)) " · " (phrase::span(frame.language, length(e))) " · "
                            (frame.t(W::Likeness)) " " (format!("{:.0} %", e.likeness * 100.0))
                        }
                    }
                }
            }
        }
    }
}
