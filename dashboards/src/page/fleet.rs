//! The fleet: every machine, the one that needs attention first.

use super::parts::{connectivity, counters, health, next_page, risk, severity, time_left_short, when};
use super::{Frame, Listens, Place, layout};
use crate::view::{DeviceSummary, FleetCounts, Page};
use crate::words::Word as W;
use domain::SiteName;
use maud::{Markup, html};

/// What the list is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FleetFilter {
    /// Only this site.
    pub site: Option<SiteName>,
    /// Only devices with this in their name, kind or title.
    pub text: String,
}

/// The fleet page. `mqtt` is where devices connect, such as `127.0.0.1:1883`, for the text that helps newcomers.
pub fn fleet(
    frame: &Frame,
    counts: &FleetCounts,
    sites: &[SiteName],
    filter: &FleetFilter,
    devices: &Page<DeviceSummary>,
    mqtt: Option<&str>,
) -> Markup {
    let body = html! {
        h1.hidden { (frame.t(W::Fleet)) }
        @if counts.devices == 0 {
            section #live data-live="fleet,alarm,ticket" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
                (welcome(frame, mqtt))
            }
        } @else {
            form.filter method="get" action="/" hx-get="/" hx-target="#live" hx-select="#live" hx-swap="outerHTML"
                hx-push-url="true" hx-trigger="input changed delay:300ms from:#q, change, submit" {
                label { span { (frame.t(W::Search)) }
                    input #q type="search" name="q" value=(filter.text) maxlength="64" placeholder=(frame.t(W::SearchDevices)); }
                label { span { (frame.t(W::Site)) }
                    select name="site" {
                        option value="" { (frame.t(W::All)) }
                        @for site in sites {
                            option value=(site) selected[filter.site.as_ref() == Some(site)] { (site) }
                        }
                    }
                }
                button type="submit" { (frame.t(W::Apply)) }
                a.quiet href=(filter.site.as_ref().map_or("/topology".to_owned(), |site| format!("/topology/{site}"))) { (frame.t(W::Topology)) }
            }
            section #live data-live="fleet,alarm,ticket" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
                (counters(frame, counts))
                @if devices.items.is_empty() { p.empty { (frame.t(W::NoMatch)) } }
                @else { (table(frame, &devices.items)) }
                (next_page(frame, devices.next.as_deref()))
            }
        }
    };
    layout(frame, Place::Fleet, frame.t(W::Fleet), &Listens::Changes, &body)
}

fn table(frame: &Frame, devices: &[DeviceSummary]) -> Markup {
    let heads = [
        W::Device,
        W::Risk,
        W::State,
        W::Health,
        W::Alarms,
        W::Tickets,
        W::TimeLeft,
        W::LastSeen,
    ];
    html! {
        div.panel {
            table.cards.three {
                thead { tr { @for head in heads { th scope="col" { (frame.t(head)) } } } }
                tbody {
                    @for d in devices {
                        tr {
                            th.lead scope="row" {
                                a href=(format!("/devices/{}/{}", d.site, d.device)) { (d.device) }
                                span.mute.small.block { (d.site) " · " (frame.say(&d.title)) }
                            }
                            td data-label=(frame.t(W::Risk)) { (risk(frame, d.risk)) }
                            td data-label=(frame.t(W::State)) { (connectivity(frame, d.connectivity)) }
                            td data-label=(frame.t(W::Health)) { (health(frame, d.health)) }
                            td data-label=(frame.t(W::Alarms)) {
                                @match d.severity {
                                    Some(worst) => { (severity(frame, worst)) @if d.open_alarms > 1 { " " span.mute { "×" (d.open_alarms) } } }
                                    None if d.open_alarms > 0 => (d.open_alarms),
                                    None => span.mute { "–" },
                                }
                            }
                            td data-label=(frame.t(W::Tickets)) {
                                @if d.open_tickets > 0 { (d.open_tickets) } @else { span.mute { "–" } }
                            }
                            td data-label=(frame.t(W::TimeLeft)) { (time_left_short(frame, d.time_left.as_ref())) }
                            td data-label=(frame.t(W::LastSeen)) {
                                @match d.last_seen { Some(at) => (when(frame, at)), None => span.mute { (frame.t(W::Never)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Teaches how to connect a device.
fn welcome(frame: &Frame, mqtt: Option<&str>) -> Markup {
    let address = mqtt.unwrap_or("127.0.0.1:1883");
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "1883"));
    let payload = r#"{"metrics":{"vibration_rms_mm_s":1.42,"temperature_c":41.5}}"#;
    html! {
        div.panel.welcome {
            h2 { (frame.t(W::NoDevicesYet)) }
            h3 { (frame.t(W::ConnectTitle)) }
            p { (frame.t(W::ConnectIntro)) }
            pre tabindex="0" { code {
                "mosquitto_pub -h " (host) " -p " (port) " -q 1 \\\n  -t forewarn/plant-1/pump-1/telemetry \\\n  -m '" (payload) "'"
            } }
            p { (frame.t(W::ConnectProfile)) }
        }
    }
}
