//! One machine: what it is, how it does, what it measures, how it may fail, and what is being done about it.

use super::parts::{
    clock, connectivity, health, risk, severity, ticket_state_word, time_left_bar, time_left_short, when,
};
use super::{Frame, Listens, Place, alarms, drift, layout};
use crate::phrase;
use crate::view::{Device, FailureModeStatus, Metric, TicketSummary};
use crate::words::Word as W;
use domain::profile::Role;
use domain::{DeviceKey, Quality};
use maud::{Markup, html};

/// How much time the plots show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlotRange {
    /// The last 15 minutes.
    #[default]
    QuarterHour,
    /// The last hour.
    Hour,
    /// The last day.
    Day,
    /// The last week.
    Week,
    /// All there is.
    All,
}

impl PlotRange {
    /// Every range, shortest first.
    pub const ALL: [PlotRange; 5] = [
        PlotRange::QuarterHour,
        PlotRange::Hour,
        PlotRange::Day,
        PlotRange::Week,
        PlotRange::All,
    ];

    /// Its word in the URL.
    pub fn as_str(self) -> &'static str {
        match self {
            PlotRange::QuarterHour => "15m",
            PlotRange::Hour => "1h",
            PlotRange::Day => "1d",
            PlotRange::Week => "7d",
            PlotRange::All => "all",
        }
    }

    /// From the word in the URL.
    pub fn parse(text: &str) -> Option<PlotRange> {
        PlotRange::ALL.into_iter().find(|r| r.as_str() == text)
    }

    fn seconds(self) -> u64 {
        match self {
            PlotRange::QuarterHour => 900,
            PlotRange::Hour => 3_600,
            PlotRange::Day => 86_400,
            PlotRange::Week => 604_800,
            PlotRange::All => 0,
        }
    }

    fn word(self) -> W {
        match self {
            PlotRange::QuarterHour => W::Range15Min,
            PlotRange::Hour => W::Range1H,
            PlotRange::Day => W::Range1D,
            PlotRange::Week => W::Range7D,
            PlotRange::All => W::RangeAll,
        }
    }
}

/// The page of one machine.
pub fn device(frame: &Frame, device: &Device, range: PlotRange) -> Markup {
    let s = &device.summary;
    let key = DeviceKey {
        site: s.site.clone(),
        device: s.device.clone(),
    };
    // What is watched most closely first: conditions with limits, other conditions, then counters and context.
    let mut metrics: Vec<&Metric> = device.metrics.iter().collect();
    metrics.sort_by_key(|m| (m.role != Role::Condition, m.limits.is_empty()));
    let body = html! {
        section #live data-live="alarm,ticket,fleet" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            (head(frame, device))
            @if !device.alarms.is_empty() {
                h2 { (frame.t(W::Alarms)) }
                (alarms::table(frame, &device.alarms, false))
            }
            div.columns {
                div {
                    h2 { (frame.t(W::FailureModes)) }
                    (failure_modes(frame, &device.failure_modes))
                }
                div {
                    h2 { (frame.t(W::Tickets)) }
                    (tickets(frame, &device.tickets))
                }
            }
            (drift::drifts(frame, device))
        }
        div.bar {
            h2 { (frame.t(W::Measurements)) }
            nav.ranges aria-label=(frame.t(W::TimeRange)) {
                @for r in PlotRange::ALL {
                    a href=(format!("/devices/{}/{}?range={}", s.site, s.device, r.as_str())) aria-current=[(r == range).then_some("true")] {
                        (frame.t(r.word()))
                    }
                }
            }
        }
        noscript { p.note { (frame.t(W::NeedsScript)) } }
        @if device.metrics.is_empty() { p.empty { (frame.t(W::NoMetrics)) } }
        div.plots data-range-s=(range.seconds()) {
            @for metric in metrics { (plot(frame, &key, metric)) }
        }
    };
    layout(frame, Place::Fleet, &key.to_string(), &Listens::Device(&key), &body)
}

fn head(frame: &Frame, device: &Device) -> Markup {
    let s = &device.summary;
    let facts = [
        (W::Serial, &device.serial_number),
        (W::Location, &device.location),
        (W::Customer, &device.customer),
    ];
    html! {
        div.panel.identity {
            div {
                p.crumbs { a href="/" { (frame.t(W::Fleet)) } " / " a href=(format!("/?site={}", s.site)) { (s.site) } }
                h1 { (s.device) }
                p { (frame.say(&s.title)) }
                p.line { (connectivity(frame, s.connectivity)) " "
                    @if let Some(at) = s.last_seen { span.mute { (when(frame, at)) } } }
                dl.facts {
                    div { dt { (frame.t(W::Profile)) } dd { (frame.say(&device.profile_title)) span.mute { " v" (device.profile_version) } } }
                    div { dt { (frame.t(W::JudgedBy)) } dd { (device.model) } }
                    @if let Some(mode) = &device.operating_mode { div { dt { (frame.t(W::OperatingMode)) } dd { (mode) } } }
                    @for (word, value) in facts {
                        @if !value.is_empty() { div { dt { (frame.t(word)) } dd { (value) } } }
                    }
                    @if let Some(parent) = &device.parent {
                        div { dt { (frame.t(W::HangsOn)) } dd { a href=(format!("/topology/{}", s.site)) { (parent) } } }
                    }
                    @if device.carries > 0 {
                        div { dt { (frame.t(W::HangOnIt)) } dd { a href=(format!("/topology/{}", s.site)) { (device.carries) } } }
                    }
                }
            }
            div.figures {
                div { h2 { (frame.t(W::Health)) } div.big { (health(frame, s.health)) } }
                div { h2 { (frame.t(W::Risk)) } div.big { (risk(frame, s.risk)) } }
                div.wide { h2 { (frame.t(W::TimeLeft)) }
                    @match &s.time_left { Some(left) => (time_left_bar(frame, left)), None => p.mute { (frame.t(W::NotYetKnown)) } } }
            }
        }
    }
}

fn failure_modes(frame: &Frame, modes: &[FailureModeStatus]) -> Markup {
    html! {
        div.panel { table.cards.three {
            thead { tr { @for head in [W::FailureMode, W::State, W::Health, W::TimeLeft] { th scope="col" { (frame.t(head)) } } } }
            tbody {
                @for mode in modes {
                    tr {
                        th.lead scope="row" {
                            (title_or(frame, &mode.title, mode.id.as_str()))
                            @if mode.is_safety { " " span.tag { (frame.t(W::Safety)) } }
                            @if !mode.part.is_empty() { span.mute.small.block { (mode.part) } }
                        }
                        td data-label=(frame.t(W::State)) {
                            @match mode.active { Some(how_bad) => (severity(frame, how_bad)), None => span.mute { (frame.t(W::NotShowing)) } }
                        }
                        td data-label=(frame.t(W::Health)) { (health(frame, mode.health)) }
                        td data-label=(frame.t(W::TimeLeft)) { (time_left_short(frame, mode.time_left.as_ref())) }
                    }
                }
            }
        } }
    }
}

fn tickets(frame: &Frame, tickets: &[TicketSummary]) -> Markup {
    html! {
        @if tickets.is_empty() { p.empty { (frame.t(W::NoTickets)) } }
        @else { ul.panel.list {
            @for ticket in tickets {
                li {
                    div { a href=(format!("/tickets/{}", ticket.id)) { (ticket.id) } " " (frame.say(&ticket.title)) }
                    p { span.tag { (frame.t(ticket_state_word(ticket.state))) } }
                    @if !ticket.state.is_final() { @for c in &ticket.clocks { (clock(frame, c)) } }
                }
            }
        } }
    }
}

fn title_or<'a>(frame: &Frame, title: &'a domain::text::Text, name: &'a str) -> &'a str {
    match frame.say(title) {
        "" => name,
        title => title,
    }
}

/// A plot, drawn by script from these attributes; without script its numbers stand in words.
fn plot(frame: &Frame, key: &DeviceKey, metric: &Metric) -> Markup {
    let limits: Vec<(&str, f64)> = metric.limits.iter().map(|l| (l.severity.as_str(), l.value)).collect();
    let limits = serde_json::to_string(&limits).unwrap_or_default();
    let history = format!(
        "/api/v1/devices/{}/{}/history?metric={}",
        key.site, key.device, metric.name
    );
    let name = title_or(frame, &metric.title, metric.name.as_str());
    html! {
        article.panel.plot data-metric=(metric.name) data-history=(history) data-unit=(metric.unit) data-limits=(limits)
            data-low=[metric.expected.map(|e| e.low)] data-high=[metric.expected.map(|e| e.high)]
            data-word-limit=(frame.t(W::Limit)) data-word-mean=(frame.t(W::Mean)) data-word-empty=(frame.t(W::NoData))
        {
            header {
                h3 title=(metric.name) { (name) }
                p.now {
                    @match &metric.last {
                        Some(last) => {
                            b data-value { (phrase::number(last.value)) } " " (metric.unit)
                            @match last.quality {
                                Quality::Good => {},
                                Quality::Uncertain => { " " span.tag { (frame.t(W::QualityUncertain)) } }
                                Quality::Bad => { " " span.tag.bad { (frame.t(W::QualityBad)) } }
                            }
                        }
                        None => b.mute data-value { "–" },
                    }
                }
            }
            p.mute.small.legend {
                @if let Some(range) = metric.expected {
                    span.key.k-expected { (frame.t(W::Expected)) " " (phrase::number(range.low)) "–" (phrase::number(range.high)) }
                }
                @if let Some(share) = metric.learned && share < 1.0 {
                    span { (frame.t(W::Learning)) " " (format!("{:.0} %", share * 100.0)) }
                }
                @for limit in &metric.limits {
                    span class=(format!("key k-{}", limit.severity.as_str())) title=(limit.source) {
                        (frame.t(super::parts::severity_word(limit.severity))) " " (phrase::number(limit.value))
                    }
                }
            }
            div.canvas role="img" aria-label=(name) {}
        }
    }
}
