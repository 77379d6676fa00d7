//! The alarm list, as ISA-18.2 knows it, and one alarm.

use super::parts::{alarm_state_word, button_form, form_fields, next_page, risk, severity, severity_word, when};
use super::similar::similar;
use super::{Frame, Listens, Place, incidents, knowledge, layout};
use crate::phrase;
use crate::view::{Alarm, AlarmState, Entry, Finding, Incident, Page};
use crate::words::Word as W;
use domain::{Severity, SiteName};
use maud::{Markup, html};

/// Which alarms are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlarmShow {
    /// All that are not over.
    #[default]
    Open,
    /// Those whose condition stands.
    Active,
    /// Those that nobody has acknowledged.
    Unacknowledged,
    /// Those put aside.
    Shelved,
    /// Also those that are over.
    All,
}

impl AlarmShow {
    /// Every choice.
    pub const ALL: [AlarmShow; 5] = [
        AlarmShow::Open,
        AlarmShow::Active,
        AlarmShow::Unacknowledged,
        AlarmShow::Shelved,
        AlarmShow::All,
    ];

    /// Its word in the URL.
    pub fn as_str(self) -> &'static str {
        match self {
            AlarmShow::Open => "open",
            AlarmShow::Active => "active",
            AlarmShow::Unacknowledged => "unacknowledged",
            AlarmShow::Shelved => "shelved",
            AlarmShow::All => "all",
        }
    }

    /// From the word in the URL.
    pub fn parse(text: &str) -> Option<AlarmShow> {
        AlarmShow::ALL.into_iter().find(|s| s.as_str() == text)
    }

    fn word(self) -> W {
        match self {
            AlarmShow::Open => W::OpenAndRecent,
            AlarmShow::Active => W::OnlyActive,
            AlarmShow::Unacknowledged => W::Unacknowledged,
            AlarmShow::Shelved => W::Shelve,
            AlarmShow::All => W::All,
        }
    }
}

/// What the list is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmFilter {
    /// Only this site.
    pub site: Option<SiteName>,
    /// Only this severity.
    pub severity: Option<Severity>,
    /// Which.
    pub show: AlarmShow,
    /// Only the members of this incident, such as `I-000042`.
    pub incident: Option<String>,
}

/// The alarm list. Above it the incidents: those that are not over, or the one whose members are listed.
pub fn alarms(
    frame: &Frame,
    sites: &[SiteName],
    filter: &AlarmFilter,
    incidents: &[Incident],
    list: &Page<Alarm>,
) -> Markup {
    let body = html! {
        h1 { (frame.t(W::Alarms)) }
        form.filter method="get" action="/alarms" hx-get="/alarms" hx-target="#live" hx-select="#live" hx-swap="outerHTML"
            hx-push-url="true" hx-trigger="change, submit" {
            label { span { (frame.t(W::ShowAlarms)) }
                select name="show" {
                    @for show in AlarmShow::ALL {
                        option value=(show.as_str()) selected[filter.show == show] { (frame.t(show.word())) }
                    }
                }
            }
            label { span { (frame.t(W::Severity)) }
                select name="severity" {
                    option value="" { (frame.t(W::All)) }
                    @for s in [Severity::Critical, Severity::Warning, Severity::Advisory] {
                        option value=(s.as_str()) selected[filter.severity == Some(s)] { (frame.t(severity_word(s))) }
                    }
                }
            }
            label { span { (frame.t(W::Site)) }
                select name="site" {
                    option value="" { (frame.t(W::All)) }
                    @for site in sites { option value=(site) selected[filter.site.as_ref() == Some(site)] { (site) } }
                }
            }
            @if let Some(incident) = &filter.incident { input type="hidden" name="incident" value=(incident); }
            button type="submit" { (frame.t(W::Apply)) }
        }
        section #live data-live="alarm,incident" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            (incidents::table(frame, incidents))
            @if filter.incident.is_some() {
                div.bar { h2 { (frame.t(W::Alarms)) } a.button href="/alarms" { (frame.t(W::AllAlarms)) } }
            } @else if !incidents.is_empty() { h2 { (frame.t(W::Alarms)) } }
            @if list.items.is_empty() {
                p.empty { (frame.t(if *filter == AlarmFilter::default() { W::NoAlarms } else { W::NoMatch })) }
            } @else { (table(frame, &list.items, true)) }
            (next_page(frame, list.next.as_deref()))
        }
    };
    layout(frame, Place::Alarms, frame.t(W::Alarms), &Listens::Changes, &body)
}

/// Rows of alarms; with the device's name unless the page is about one device.
pub(super) fn table(frame: &Frame, alarms: &[Alarm], with_device: bool) -> Markup {
    html! {
        div.panel { table.cards.alarms {
            thead { tr {
                th scope="col" { (frame.t(W::Severity)) }
                th scope="col" { (frame.t(W::Alarm)) }
                th scope="col" { (frame.t(W::Reason)) }
                th scope="col" { (frame.t(W::State)) }
                th scope="col" { (frame.t(W::Since)) }
                th scope="col" { (frame.t(W::Risk)) }
                th scope="col" { (frame.t(W::Actions)) }
            } }
            tbody {
                @for alarm in alarms {
                    tr class=[is_new(alarm).then_some("new")] {
                        td data-label=(frame.t(W::Severity)) { (severity(frame, alarm.severity)) }
                        th.lead scope="row" {
                            a href=(format!("/alarms/{}", alarm.id)) { (title(frame, alarm)) }
                            @if with_device {
                                span.small.block { a.mute href=(format!("/devices/{}/{}", alarm.site, alarm.device)) { (alarm.site) " / " (alarm.device) } }
                            }
                        }
                        td.reason data-label=(frame.t(W::Reason)) {
                            @if let Some(first) = alarm.evidence.first() { (frame.say(&first.sentence)) }
                        }
                        td data-label=(frame.t(W::State)) { (state(frame, alarm))
                            @if let Some(incident) = &alarm.incident {
                                span.small.block { (frame.t(W::Incident)) " " (incidents::link(incident)) }
                            }
                        }
                        td data-label=(frame.t(W::Since)) { (when(frame, alarm.since)) }
                        td data-label=(frame.t(W::Risk)) { (risk(frame, Some(alarm.risk))) }
                        td.actions { (row_actions(frame, alarm)) }
                    }
                }
            }
        } }
    }
}

fn is_new(alarm: &Alarm) -> bool {
    !is_hidden(alarm) && may_acknowledge(alarm.state)
}

fn is_hidden(alarm: &Alarm) -> bool {
    alarm.shelved.is_some() || alarm.suppressed.is_some() || alarm.out_of_service.is_some()
}

fn finding_word(finding: Finding) -> W {
    match finding {
        Finding::Chattering => W::FoundChattering,
        Finding::Fleeting => W::FoundFleeting,
        Finding::Stale => W::FoundStale,
    }
}

fn may_acknowledge(state: AlarmState) -> bool {
    match state {
        AlarmState::Unacknowledged | AlarmState::ReturnedUnacknowledged => true,
        AlarmState::Normal | AlarmState::Acknowledged | AlarmState::Latched => false,
    }
}

fn title<'a>(frame: &Frame, alarm: &'a Alarm) -> &'a str {
    match frame.say(&alarm.title) {
        "" => alarm.failure_mode.as_str(),
        title => title,
    }
}

fn state(frame: &Frame, alarm: &Alarm) -> Markup {
    html! {
        span class=[is_new(alarm).then_some("strong")] { (frame.t(alarm_state_word(alarm.state))) }
        @if let Some(shelved) = &alarm.shelved {
            span.small.block { (frame.t(W::ShelvedUntil)) " " time datetime=(shelved.until.0) data-clock { (phrase::clock_time(shelved.until.0)) } }
        }
        @if let Some(why) = &alarm.suppressed {
            span.small.block { (frame.t(W::SuppressedBecause)) ": " (frame.say(why)) }
        }
        @if let Some(out) = &alarm.out_of_service {
            span.small.block { (frame.t(W::OutOfServiceBy)) " " (out.by) ": " (out.reason)
                @if let Some(window) = &out.window { " (" (window) ")" } }
        }
        @for finding in &alarm.findings { span.tag { (frame.t(finding_word(*finding))) } }
    }
}

fn row_actions(frame: &Frame, alarm: &Alarm) -> Markup {
    let path = format!("/alarms/{}", alarm.id);
    let revision = Some(alarm.revision);
    html! {
        @if frame.rights.may_operate {
            @if may_acknowledge(alarm.state) {
                (button_form(frame, &format!("{path}/acknowledge"), revision, W::Acknowledge, "primary"))
            }
            @if alarm.state == AlarmState::Latched {
                (button_form(frame, &format!("{path}/reset"), revision, W::Reset, "primary"))
            }
            @if alarm.shelved.is_some() {
                (button_form(frame, &format!("{path}/unshelve"), revision, W::Unshelve, ""))
            } @else if alarm.state != AlarmState::Normal {
                a.button href=(format!("{path}#shelve")) hx-get=(path) hx-select="#shelve" hx-target="#dialog-body" hx-swap="innerHTML" data-dialog {
                    (frame.t(W::Shelve))
                }
            }
        }
    }
}

/// One alarm with all its evidence, what is known of its fault, and what can be done.
pub fn alarm(frame: &Frame, alarm: &Alarm, entries: &[Entry]) -> Markup {
    let path = format!("/alarms/{}", alarm.id);
    let body = html! {
        section #live data-live="alarm" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            div.panel.identity {
                div {
                    p.crumbs { a href="/alarms" { (frame.t(W::Alarms)) } " / "
                        a href=(format!("/devices/{}/{}", alarm.site, alarm.device)) { (alarm.site) " / " (alarm.device) } }
                    h1 { (title(frame, alarm)) }
                    p.line { (severity(frame, alarm.severity)) " " (state(frame, alarm)) }
                    dl.facts {
                        div { dt { (frame.t(W::Risk)) } dd { (risk(frame, Some(alarm.risk))) " " span.small { (frame.say(&alarm.risk_reason)) } } }
                        div { dt { (frame.t(W::Raised)) } dd { (when(frame, alarm.raised_at)) } }
                        div { dt { (frame.t(W::State)) } dd { (frame.t(if alarm.is_active { W::ConditionStands } else { W::ConditionGone })) } }
                        @if let Some(act) = &alarm.acknowledged {
                            div { dt { (frame.t(W::AcknowledgedBy)) } dd { (act.by) " · " (when(frame, act.at)) } }
                        }
                        @if !alarm.model.is_empty() { div { dt { (frame.t(W::JudgedBy)) } dd { (alarm.model) } } }
                        @if let Some(ticket) = &alarm.ticket {
                            div { dt { (frame.t(W::Ticket)) } dd { a href=(format!("/tickets/{ticket}")) { (ticket) } } }
                        }
                        @if let Some(incident) = &alarm.incident {
                            div { dt { (frame.t(W::Incident)) } dd { (incidents::link(incident)) } }
                        }
                    }
                    @if let Some(why) = &alarm.rationale {
                        dl.facts {
                            @for (word, text) in [(W::Cause, &why.cause), (W::Consequence, &why.consequence), (W::Response, &why.response)] {
                                div { dt { (frame.t(word)) } dd { (text) } }
                            }
                            div { dt { (frame.t(W::RespondWithin)) }
                                dd { (phrase::span(frame.language, domain::Millis::minutes(i64::from(why.time_to_respond_min)))) } }
                        }
                    }
                    div.line { (row_actions(frame, alarm)) }
                }
            }
            h2 { (frame.t(W::Evidence)) }
            ul.panel.list { @for e in &alarm.evidence { li { (frame.say(&e.sentence)) span.mute.small.block { (e.rule) } } } }
            (similar(frame, &alarm.similar))
            (knowledge::best(frame, entries, None))
        }
        @if frame.rights.may_operate && alarm.shelved.is_none() && alarm.state != AlarmState::Normal {
            form.panel.stack #shelve method="post" action=(format!("{path}/shelve")) data-action {
                h2 { (frame.t(W::Shelve)) ": " (title(frame, alarm)) }
                p.mute { (alarm.site) " / " (alarm.device) }
                (form_fields(frame, Some(alarm.revision)))
                label { span { (frame.t(W::ShelveFor)) }
                    select name="minutes" {
                        @for minutes in [30_i64, 60, 240, 480, 1440] {
                            option value=(minutes) selected[minutes == 60] { (phrase::span(frame.language, domain::Millis::minutes(minutes))) }
                        }
                    }
                }
                label { span { (frame.t(W::ShelveWhy)) } input type="text" name="reason" required maxlength="256" autocomplete="off"; }
                button.primary type="submit" { (frame.t(W::Shelve)) }
            }
        }
        @if frame.rights.may_work { (service_form(frame, alarm, &path)) }
    };
    layout(frame, Place::Alarms, title(frame, alarm), &Listens::Changes, &body)
}

/// Out of service and back; what a window took comes back with the window.
fn service_form(frame: &Frame, alarm: &Alarm, path: &str) -> Markup {
    let revision = Some(alarm.revision);
    match &alarm.out_of_service {
        Some(out) if out.window.is_some() => html! {},
        Some(_) => html! {
            div.panel.pad { (button_form(frame, &format!("{path}/return-to-service"), revision, W::ReturnToService, "primary")) }
        },
        None if alarm.state == AlarmState::Normal => html! {},
        None => html! {
            details.panel.pad { summary { (frame.t(W::TakeOutOfService)) }
                form.stack method="post" action=(format!("{path}/out-of-service")) data-action {
                    (form_fields(frame, revision))
                    label { span { (frame.t(W::OutOfServiceWhy)) } input type="text" name="reason" required maxlength="256" autocomplete="off"; }
                    button type="submit" { (frame.t(W::TakeOutOfService)) }
                }
            }
        },
    }
}
