//! The gateway itself: health, models in force, the newest lines of the audit trail.

use super::parts::{button_form, component_word, model_state_word, when};
use super::{Frame, Listens, Place, layout};
use crate::phrase;
use crate::view::{AuditEntry, DeadLetter, Drills, Model, Receiver, ReceiverState, SystemHealth};
use crate::words::Word as W;
use maud::{Markup, html};

/// What leaves, as the page shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outbound {
    /// Receivers.
    pub receivers: Vec<Receiver>,
    /// The newest deliveries that were given up.
    pub dead: Vec<DeadLetter>,
}

/// The system page. The audit trail is left out for those who may not see it.
pub fn system(
    frame: &Frame,
    health: &SystemHealth,
    models: &[Model],
    outbound: &Outbound,
    drills: &Drills,
    audit: Option<&[AuditEntry]>,
) -> Markup {
    let lag = phrase::span(frame.language, domain::Millis(health.history_lag_ms.cast_signed()));
    let body = html! {
        h1 { (frame.t(W::System)) }
        section #live data-live="fleet" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            div.counters {
                div class=[(!health.ready).then_some("hot")] { b { (frame.t(if health.ready { W::Ready } else { W::NotReady })) } span { (frame.t(W::State)) } }
                div { b { (health.version) } span { (frame.t(W::Version)) } }
                div { b { (when(frame, health.started_at)) } span { (frame.t(W::StartedAt)) } }
                div { b { (health.journal_position) } span { (frame.t(W::JournalPosition)) } }
                div { b { (lag) } span { (frame.t(W::HistoryLag)) } }
                a href="/quarantine" class=[(health.quarantined > 0).then_some("hot")] { b { (health.quarantined) } span { (frame.t(W::Quarantine)) } }
            }
            h2 { (frame.t(W::Parts)) }
            ul.panel.list.parts {
                @for part in &health.components {
                    li { b { (part.name) }
                        span class=(format!("part p-{}", frame_word(part.state))) { (frame.t(component_word(part.state))) }
                        span { (frame.say(&part.detail)) } }
                }
            }
        }
        (receivers(frame, outbound))
        (super::drills::section(frame, drills))
        h2 { (frame.t(W::Models)) }
        @for model in models {
            details.panel.pad {
                summary { b { (frame.say(&model.content.title)) } " " span.tag { (frame.t(model_state_word(model.state))) } " "
                    span.mute { (model.model) " · " (model.content.rules.len()) " " (frame.t(W::Rules)) " · "
                    (model.content.devices) " " (frame.t(W::DevicesJudged)) } }
                table.cards {
                    thead { tr { @for head in [W::Rule, W::Kind, W::Watches, W::SpeaksFor] { th scope="col" { (frame.t(head)) } } } }
                    tbody { @for rule in &model.content.rules { tr {
                        th.lead scope="row" { (rule.id) }
                        td data-label=(frame.t(W::Kind)) { (rule.kind) }
                        td data-label=(frame.t(W::Watches)) {
                            @match rule.metrics.as_slice() {
                                [] => (frame.t(W::WholeDevice)),
                                [one] if one == "*" => (frame.t(W::EveryCondition)),
                                metrics => (metrics.join(", ")),
                            }
                        }
                        td data-label=(frame.t(W::SpeaksFor)) { (rule.failure_modes.join(", ")) }
                    } } }
                }
            }
        }
        @if let Some(audit) = audit {
            h2 { (frame.t(W::AuditTrail)) }
            div.panel { table.cards {
                thead { tr { @for head in [W::When, W::Who, W::What] { th scope="col" { (frame.t(head)) } } } }
                tbody { @for entry in audit { tr {
                    td data-label=(frame.t(W::When)) { (when(frame, entry.act.at)) }
                    td data-label=(frame.t(W::Who)) { (entry.act.by) }
                    td data-label=(frame.t(W::What)) { span { (entry.action) " " (entry.subject)
                        @if !entry.detail.is_empty() { span.mute.small.block { (entry.detail) } } } }
                } } }
            } }
        }
    };
    layout(frame, Place::System, frame.t(W::System), &Listens::Changes, &body)
}

fn receivers(frame: &Frame, outbound: &Outbound) -> Markup {
    html! {
        h2 #receivers { (frame.t(W::Receivers)) }
        @if outbound.receivers.is_empty() { p.empty { (frame.t(W::NoReceivers)) } }
        @else { div.panel { table.cards {
            thead { tr { @for head in [W::ReceiverName, W::State, W::Waiting, W::GivenUp, W::LastError] { th scope="col" { (frame.t(head)) } } th {} } }
            tbody { @for receiver in &outbound.receivers { tr {
                th.lead scope="row" { (receiver.name) " " span.tag { (receiver.kind) } }
                td data-label=(frame.t(W::State)) { (frame.t(match receiver.state {
                    ReceiverState::Ok => W::ReceiverOk,
                    ReceiverState::Failing => W::ReceiverFailing,
                    ReceiverState::Disabled => W::ReceiverDisabled,
                })) }
                td data-label=(frame.t(W::Waiting)) { (receiver.waiting) }
                td data-label=(frame.t(W::GivenUp)) { (receiver.dead) }
                td data-label=(frame.t(W::LastError)) { (receiver.last_error) }
                td { @if frame.rights.may_tune {
                    (button_form(frame, &format!("/system/receivers/{}/test", receiver.name), None, W::SendTest, ""))
                } }
            } } }
        } } }
        @if !outbound.dead.is_empty() {
            h2 { (frame.t(W::GivenUp)) }
            ul.panel.list {
                @for letter in &outbound.dead { li {
                    b { (letter.target) } " " code { (letter.key) } " "
                    span.mute.small { (when(frame, letter.created_at)) " · " (letter.error) }
                    @if frame.rights.may_operate {
                        (button_form(frame, &format!("/system/dead/{}/resend", letter.id), None, W::Resend, ""))
                    }
                } }
            }
        }
    }
}

fn frame_word(state: crate::view::ComponentState) -> &'static str {
    use crate::view::ComponentState;
    match state {
        ComponentState::Ok => "ok",
        ComponentState::Degraded => "degraded",
        ComponentState::Down => "down",
        ComponentState::Off => "off",
    }
}
