//! The service report of a ticket: one sheet for the customer and for whoever comes next. Prints as it stands.

use super::parts::{class_word, clock, kind_word, outcome_word};
use super::ticket::ticket_link;
use super::work::{labour_and_parts, machine_facts, malfunction_facts};
use super::{Frame, Listens, Place, knowledge, layout};
use crate::phrase;
use crate::view::{Advice, ServiceReport};
use crate::words::Word as W;
use maud::{Markup, html};

/// The sheet.
pub fn report(frame: &Frame, report: &ServiceReport) -> Markup {
    let s = &report.ticket;
    let body = html! {
        section.report {
            div.panel.pad {
                p.crumbs { (ticket_link(&s.id)) " / " a href=(format!("/devices/{}/{}", s.site, s.device)) { (s.site) " / " (s.device) } }
                h1 { (frame.t(W::ServiceReport)) " " (s.id) }
                p { (frame.say(&s.title)) }
                p.mute.small { (phrase::clock_time(report.made_at.0)) " · " (frame.t(W::Print)) }
                dl.facts {
                    div { dt { (frame.t(W::Device)) } dd { (s.site) " / " (s.device) @if !report.machine.profile.is_empty() { " · " (report.machine.profile) } } }
                    (machine_facts(frame, &report.machine))
                    div { dt { (frame.t(W::Kind)) } dd { (frame.t(kind_word(s.kind))) " · " (frame.t(class_word(s.class))) " · " (s.priority) } }
                    div { dt { (frame.t(W::Opened)) } dd { (phrase::clock_time(s.opened_at.0)) } }
                    @if let Some(who) = &s.assignee { div { dt { (frame.t(W::Assignee)) } dd { (who) } } }
                    @if let Some(by) = &report.report { div { dt { (frame.t(W::ReportedBy)) } dd { (by.by) @if !by.description.is_empty() { ": " (by.description) } } } }
                    (malfunction_facts(frame, &report.malfunction))
                }
                @if !report.clocks.is_empty() { div.clocks { @for c in &report.clocks { (clock(frame, c)) } } }
            }
            h2 { (frame.t(W::WhyOpened)) }
            p.panel.pad { (frame.say(&report.reason)) }
            @if !frame.say(&report.likely_cause).is_empty() {
                h2 { (frame.t(W::LikelyCause)) }
                p.panel.pad { (frame.say(&report.likely_cause)) }
            }
            @if report.closing.is_none() { (knowledge::best(frame, &report.knowledge, None)) }
            @if !frame.say(&report.safety_note).is_empty() { p.panel.pad { b { (frame.t(W::Safety)) } " " (frame.say(&report.safety_note)) } }
            @if let Some(closing) = &report.closing {
                h2 { (frame.t(W::OutcomeLabel)) }
                dl.panel.pad.facts {
                    div { dt { (frame.t(W::OutcomeLabel)) } dd { (frame.t(outcome_word(closing.outcome))) @if let Some(mode) = &closing.failure_mode { ": " (mode) } } }
                    @for (word, value) in [(W::PartFailed, &closing.part), (W::Damage, &closing.damage), (W::Cause, &closing.cause), (W::Remedy, &closing.remedy), (W::Note, &closing.note)] {
                        @if !value.is_empty() { div { dt { (frame.t(word)) } dd { (value) } } }
                    }
                    @if !closing.parts.is_empty() { div { dt { (frame.t(W::WrotePart)) } dd { (closing.parts.join(", ")) } } }
                }
            }
            (labour_and_parts(frame, &report.work))
            @if !report.work.checklist.is_empty() {
                h2 { (frame.t(W::Checklist)) }
                ul.panel.list { @for check in &report.work.checklist {
                    li { (if check.done.is_some() { "☑ " } else { "☐ " }) (frame.say(&check.text))
                        @if let Some(act) = &check.done { " · " (act.by) " · " (phrase::clock_time(act.at.0)) } }
                } }
            }
            @if !report.advice.is_empty() {
                h2 { (frame.t(W::Advice)) }
                ul.panel.list { @for advice in &report.advice { li { (advice_text(frame, advice)) } } }
            }
            @if !report.earlier.is_empty() {
                h2 { (frame.t(W::EarlierTickets)) }
                ul.panel.list { @for earlier in &report.earlier {
                    li { (ticket_link(&earlier.summary.id)) " " (frame.say(&earlier.summary.title)) " · " (phrase::clock_time(earlier.summary.opened_at.0))
                        @if let Some(closing) = &earlier.closing {
                            span.mute.small.block { (frame.t(outcome_word(closing.outcome))) @if !closing.cause.is_empty() { ": " (closing.cause) } }
                        } }
                } }
            }
            @if let Some(call) = &report.work.call_back {
                h2 { (frame.t(W::WroteCallBack)) }
                p.panel.pad { @if let Some(rating) = call.rating { (rating) " / 5 " } (call.text) }
            }
            p.signature { (frame.t(W::Signature)) }
        }
    };
    layout(frame, Place::Tickets, &s.id, &Listens::Nothing, &body)
}

fn advice_text(frame: &Frame, advice: &Advice) -> Markup {
    match advice {
        Advice::AlarmStands => html! { (frame.t(W::AdviceAlarmStands)) },
        Advice::Repeated { times } => html! { (frame.t(W::AdviceRepeated)) " " (times) },
        Advice::ChecksOpen { count } => html! { (frame.t(W::AdviceChecksOpen)) " " (count) },
        Advice::RulesToReview { failure_mode } => html! { (frame.t(W::AdviceRulesToReview)) " " (failure_mode) },
        Advice::PlannedWork { ticket } => html! { (frame.t(W::AdvicePlannedWork)) " " (ticket_link(ticket)) },
    }
}
