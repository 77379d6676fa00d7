//! The small pieces that pages share. Shape and word say everything that colour says.

use super::Frame;
use crate::phrase;
use crate::view::{
    AlarmState, At, Clock, ClockKind, ClockState, ComponentState, Connectivity, FleetCounts, HoldCause, ModelState,
    Outcome, TicketClass, TicketKind, TicketState, TimeLeft,
};
use crate::words::Word as W;
use domain::{RiskLevel, Severity};
use maud::{Markup, PreEscaped, html};

pub(super) fn severity_word(severity: Severity) -> W {
    match severity {
        Severity::Advisory => W::Advisory,
        Severity::Warning => W::Warning,
        Severity::Critical => W::Critical,
    }
}

/// Circle, triangle, octagon: told apart without colour.
pub(super) fn severity(frame: &Frame, severity: Severity) -> Markup {
    let shape = match severity {
        Severity::Advisory => r#"<circle cx="8" cy="8" r="6.5"/><path class="in" d="M8 7.5v4M8 4.800v.1"/>"#,
        Severity::Warning => r#"<path d="M8 1 15.5 14.5H.5z"/><path class="in" d="M8 6v4M8 12.200v.1"/>"#,
        Severity::Critical => {
            r#"<path d="M5 .8h6L15.200 5v6L11 15.200H5L.8 11V5z"/><path class="in" d="M8 4v5M8 11.800v.1"/>"#
        }
    };
    html! {
        span class=(format!("sev {}", severity.as_str())) {
            svg viewBox="0 0 16 16" aria-hidden="true" { (PreEscaped(shape)) }
            span { (frame.t(severity_word(severity))) }
        }
    }
}

fn risk_word(risk: RiskLevel) -> W {
    match risk {
        RiskLevel::VeryLow => W::RiskVeryLow,
        RiskLevel::Low => W::RiskLow,
        RiskLevel::Medium => W::RiskMedium,
        RiskLevel::High => W::RiskHigh,
        RiskLevel::VeryHigh => W::RiskVeryHigh,
    }
}

/// One to five blocks filled, and the word.
pub(super) fn risk(frame: &Frame, level: Option<RiskLevel>) -> Markup {
    let filled = match level {
        None => 0,
        Some(RiskLevel::VeryLow) => 1,
        Some(RiskLevel::Low) => 2,
        Some(RiskLevel::Medium) => 3,
        Some(RiskLevel::High) => 4,
        Some(RiskLevel::VeryHigh) => 5,
    };
    html! {
        span class=(format!("risk r{filled}")) {
            svg viewBox="0 0 28 10" aria-hidden="true" {
                @for i in 0..5 {
                    rect class=[(i < filled).then_some("on")] x=(i * 6) y=(8 - i * 2) width="4" height=(2 + i * 2) {}
                }
            }
            span { @match level { Some(level) => { (frame.t(risk_word(level))) @if let Some(grade) = level.folded(frame.risk_grades) { " · " (grade) } }, None => (frame.t(W::None)) } }
        }
    }
}

/// Disc, ring, half disc, dashed ring; and the word.
pub(super) fn connectivity(frame: &Frame, state: Connectivity) -> Markup {
    let (class, word, shape) = match state {
        Connectivity::Online => (
            "online",
            W::ConnectivityOnline,
            r#"<circle class="full" cx="6" cy="6" r="4.5"/>"#,
        ),
        Connectivity::Offline => ("offline", W::ConnectivityOffline, r#"<circle cx="6" cy="6" r="4"/>"#),
        Connectivity::Silent => (
            "silent",
            W::ConnectivitySilent,
            r#"<circle cx="6" cy="6" r="4"/><path class="full" d="M6 2a4 4 0 0 1 0 8z"/>"#,
        ),
        Connectivity::Unknown => (
            "unknown",
            W::ConnectivityUnknown,
            r#"<circle cx="6" cy="6" r="4" stroke-dasharray="2 2"/>"#,
        ),
    };
    html! {
        span class=(format!("conn {class}")) {
            svg viewBox="0 0 12 12" aria-hidden="true" { (PreEscaped(shape)) }
            span { (frame.t(word)) }
        }
    }
}

/// A bar from 0 to 100 with its number.
pub(super) fn health(frame: &Frame, health: Option<f64>) -> Markup {
    html! {
        @match health {
            Some(percent) => {
                @let class = match percent { p if p >= 80.0 => "good", p if p >= 50.0 => "fair", _ => "poor" };
                span class=(format!("health {class}")) {
                    svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                        rect.track width="100" height="8" {}
                        rect.fill width=(format!("{percent:.0}")) height="8" {}
                    }
                    b { (format!("{percent:.0}")) }
                }
            }
            None => span.mute { (frame.t(W::NotAssessed)) },
        }
    }
}

/// A band from the tenth to the ninetieth percentile with a mark at the middle, and the same in words.
pub(super) fn time_left_bar(frame: &Frame, left: &TimeLeft) -> Markup {
    let end = (left.p90_hours * 1.15).max(f64::MIN_POSITIVE);
    let x = |hours: f64| format!("{:.1}", (hours / end * 200.0).clamp(0.0, 200.0));
    let width = format!(
        "{:.1}",
        ((left.p90_hours - left.p10_hours) / end * 200.0).clamp(1.0, 200.0)
    );
    html! {
        div.rul {
            p {
                span.mute { (frame.t(W::MostLikely)) } " "
                b { (phrase::hours(frame.language, left.p50_hours)) } " "
                span.num { "(" (phrase::hours(frame.language, left.p10_hours)) " – " (phrase::hours(frame.language, left.p90_hours)) ")" }
            }
            svg viewBox="0 0 200 14" preserveAspectRatio="none" aria-hidden="true" {
                rect.track y="5" width="200" height="4" {}
                rect.band x=(x(left.p10_hours)) y="2" width=(width) height="10" {}
                rect.mid x=(x(left.p50_hours)) y="0" width="2" height="14" {}
            }
            @match left.basis { "age" => p.mute.small { (frame.t(W::ByAge)) }, "trend_and_age" => p.mute.small { (frame.t(W::ByTrendAndAge)) }, "learned" => p.mute.small { (frame.t(W::ByLearned)) }, _ => {} }
            p.mute.small { (frame.t(W::RangeMeaning)) " · " (frame.t(W::EstimateMade)) " " (when(frame, left.made_at)) }
        }
    }
}

/// `9 d (6 – 14 d)` on one line.
pub(super) fn time_left_short(frame: &Frame, left: Option<&TimeLeft>) -> Markup {
    html! {
        @match left {
            Some(left) => span.num {
                b { (phrase::hours(frame.language, left.p50_hours)) }
                span.mute.small.block { (phrase::hours(frame.language, left.p10_hours)) " – " (phrase::hours(frame.language, left.p90_hours)) }
            },
            None => span.mute { "–" },
        }
    }
}

/// How long ago, with the instant as title; the script keeps it fresh.
pub(super) fn when(frame: &Frame, at: At) -> Markup {
    html! {
        time datetime=(at.0) title=(phrase::clock_time(at.0)) data-ago { (phrase::ago(frame.language, frame.now, at.0)) }
    }
}

pub(super) fn alarm_state_word(state: AlarmState) -> W {
    match state {
        AlarmState::Normal => W::StateNormal,
        AlarmState::Unacknowledged => W::StateUnacknowledged,
        AlarmState::Acknowledged => W::StateAcknowledged,
        AlarmState::ReturnedUnacknowledged => W::StateReturned,
        AlarmState::Latched => W::StateLatched,
    }
}

pub(super) fn ticket_state_word(state: TicketState) -> W {
    match state {
        TicketState::Reported => W::StageReported,
        TicketState::Diagnosed => W::StageDiagnosis,
        TicketState::Planned => W::StagePlanned,
        TicketState::InProgress => W::StageExecution,
        TicketState::Testing => W::StageTesting,
        TicketState::AwaitingConfirmation => W::StageConfirmation,
        TicketState::Closed => W::StageClosed,
        TicketState::Merged => W::StateMerged,
        TicketState::Cancelled => W::StageCancelled,
    }
}

pub(super) fn kind_word(kind: TicketKind) -> W {
    match kind {
        TicketKind::MaintenanceReminder => W::KindReminder,
        TicketKind::OnSiteInspection => W::KindInspection,
        TicketKind::Emergency => W::KindEmergency,
    }
}

pub(super) fn class_word(class: TicketClass) -> W {
    match class {
        TicketClass::Emergency => W::ClassEmergency,
        TicketClass::Key => W::ClassKey,
        TicketClass::Ordinary => W::ClassOrdinary,
        TicketClass::Planned => W::ClassPlanned,
    }
}

pub(super) fn clock_word(kind: ClockKind) -> W {
    match kind {
        ClockKind::FirstResponse => W::ClockFirstResponse,
        ClockKind::OnSite => W::ClockOnSite,
        ClockKind::Diagnosis => W::ClockDiagnosis,
        ClockKind::Plan => W::ClockPlan,
        ClockKind::Resolution => W::ClockResolution,
    }
}

pub(super) fn hold_word(cause: HoldCause) -> W {
    match cause {
        HoldCause::Customer => W::HoldCustomer,
        HoldCause::Access => W::HoldAccess,
        HoldCause::Parts => W::HoldParts,
        HoldCause::Supplier => W::HoldSupplier,
        HoldCause::Approval => W::HoldApproval,
        HoldCause::Other => W::HoldOther,
    }
}

pub(super) fn outcome_word(outcome: Outcome) -> W {
    match outcome {
        Outcome::FaultConfirmed => W::OutcomeConfirmed,
        Outcome::DifferentFault => W::OutcomeDifferent,
        Outcome::Prevented => W::OutcomePrevented,
        Outcome::NoFaultFound => W::OutcomeNoFault,
        Outcome::Other => W::OutcomeOther,
    }
}

pub(super) fn component_word(state: ComponentState) -> W {
    match state {
        ComponentState::Ok => W::PartOk,
        ComponentState::Degraded => W::PartDegraded,
        ComponentState::Down => W::PartDown,
        ComponentState::Off => W::PartOff,
    }
}

pub(super) fn model_state_word(state: ModelState) -> W {
    match state {
        ModelState::Candidate => W::ModelCandidate,
        ModelState::Shadow => W::ModelShadow,
        ModelState::InForce => W::ModelInForce,
        ModelState::Retired => W::ModelRetired,
    }
}

/// A clock in words; a running one counts down by script.
pub(super) fn clock(frame: &Frame, clock: &Clock) -> Markup {
    let left = phrase::span(frame.language, domain::Millis(clock.remaining_ms));
    let (class, said, runs) = match clock.state {
        ClockState::Running => ("running", frame.t(W::ClockLeft).replace("{}", &left), true),
        ClockState::Paused => ("paused", format!("{} · {left}", frame.t(W::ClockPaused)), false),
        ClockState::Met { at: _ } => ("met", frame.t(W::ClockMet).to_owned(), false),
        ClockState::Breached { at } => {
            let over = phrase::span(frame.language, frame.now - at.0);
            ("breached", frame.t(W::ClockOver).replace("{}", &over), true)
        }
    };
    html! {
        div class=(format!("clock {class}")) {
            span { (frame.t(clock_word(clock.kind))) }
            @match clock.due_at {
                Some(due) => time datetime=(due.0) title=(phrase::clock_time(due.0)) data-countdown[runs] { (said) },
                None => b { (said) },
            }
        }
    }
}

/// The counters at the top.
pub(super) fn counters(frame: &Frame, counts: &FleetCounts) -> Markup {
    let tiles = [
        (W::Devices, counts.devices, "/", false),
        (W::Online, counts.online, "/", false),
        (
            W::ActiveAlarms,
            counts.active_alarms,
            "/alarms?show=active",
            counts.active_alarms > 0,
        ),
        (
            W::Unacknowledged,
            counts.unacknowledged_alarms,
            "/alarms",
            counts.unacknowledged_alarms > 0,
        ),
        (W::OpenTickets, counts.open_tickets, "/tickets", false),
        (
            W::BreachedClocks,
            counts.breached_clocks,
            "/tickets",
            counts.breached_clocks > 0,
        ),
    ];
    html! {
        div.counters {
            @for (word, count, href, is_hot) in tiles {
                a href=(href) class=[is_hot.then_some("hot")] { b { (count) } span { (frame.t(word)) } }
            }
        }
    }
}

/// Hidden fields of a form that changes something: where to go back to, and what was seen.
pub(super) fn form_fields(frame: &Frame, revision: Option<u64>) -> Markup {
    html! {
        input type="hidden" name="back" value=(frame.here);
        @if let Some(revision) = revision { input type="hidden" name="revision" value=(revision); }
    }
}

/// A form of one button.
pub(super) fn button_form(frame: &Frame, action: &str, revision: Option<u64>, word: W, class: &str) -> Markup {
    html! {
        form method="post" action=(action) data-action {
            (form_fields(frame, revision))
            button type="submit" class=(class) { (frame.t(word)) }
        }
    }
}

/// A link to the page after this one.
pub(super) fn next_page(frame: &Frame, next: Option<&str>) -> Markup {
    let (path, query) = frame.here.split_once('?').unwrap_or((&frame.here, ""));
    let kept: String = query
        .split('&')
        .filter(|p| !p.is_empty() && !p.starts_with("cursor="))
        .map(|p| format!("{p}&"))
        .collect();
    html! {
        @if let Some(next) = next {
            p.next { a.button href=(format!("{path}?{kept}cursor={}", encode(next))) { (frame.t(W::NextPage)) } }
        }
    }
}

/// Percent-encodes a value of a query.
pub(super) fn encode(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => encoded.push(byte.into()),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
