//! The pages. Each is a function from a view to markup; the frame around them is here.
//!
//! Everything works without script: forms post and lists are links. `app.js` adds live updates, plots and countdowns.
//! Nothing is inline (script, style, handler), so that the content security policy can forbid it.

mod access;
mod alarms;
mod api;
mod device;
mod dispatch;
mod drift;
mod drills;
mod fleet;
mod follow_up;
mod incidents;
mod knowledge;
mod messages;
mod on_call;
mod parts;
mod quarantine;
mod report;
mod review;
mod rules;
mod similar;
mod stock;
mod system;
mod ticket;
mod tickets;
mod topology;
mod windows;
mod work;

pub use access::{AccessWords, account, audit, set_up, users};
pub use alarms::{AlarmFilter, AlarmShow, alarm, alarms};
pub use api::{Endpoint, api};
pub use device::{PlotRange, device};
pub use fleet::{FleetFilter, fleet};
pub use knowledge::{KnowledgeFilter, entry, knowledge};
pub use messages::{login, problem};
pub use on_call::on_call;
pub use quarantine::quarantine;
pub use report::report;
pub use review::{ReviewFilter, review, review_report};
pub use stock::stock;
pub use system::{Outbound, system};
pub use ticket::ticket;
pub use tickets::tickets;
pub use topology::{site_tree as topology_of_site, sites as topology_sites};
pub use windows::windows;

use crate::assets;
use crate::words::Word as W;
use domain::text::{Language, Text};
use domain::{DeviceKey, SiteName, Timestamp};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// What a person may do; pages leave out what they may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rights {
    /// Acknowledge, shelve, assign, comment.
    pub may_operate: bool,
    /// Move tickets on, close them.
    pub may_work: bool,
    /// Say who is on call instead of somebody; rotations serve every site, so only without limits.
    pub may_swap: bool,
    /// Write drafts of the knowledge base, say whether an entry helped.
    pub may_write_knowledge: bool,
    /// Release, change and retire its entries.
    pub may_release_knowledge: bool,
    /// Count, receive and move spare parts.
    pub may_book_stock: bool,
    /// Replay and discard quarantined packets, test receivers.
    pub may_tune: bool,
    /// See what is about the gateway as a whole.
    pub may_see_system: bool,
    /// See the audit trail.
    pub may_read_audit: bool,
    /// Create and change users.
    pub may_manage_users: bool,
}

/// What every page needs to know.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The person's language.
    pub language: Language,
    /// Now, on the gateway's clock.
    pub now: Timestamp,
    /// How much faster than real time that clock runs: 1, but more in a demo.
    pub speed: f64,
    /// Into how many grades the site folds the five levels of risk; 5: not at all.
    pub risk_grades: u8,
    /// Who is here; none: the local operator.
    pub user: Option<String>,
    /// What they may do.
    pub rights: Rights,
    /// Path and query of this page, for the way back.
    pub here: String,
    /// Sites with more alarms than one person can answer.
    pub flooded: Vec<SiteName>,
}

impl Frame {
    /// Of a file that is kept: nobody's, and nowhere.
    fn of_report(language: Language, now: Timestamp) -> Frame {
        Frame {
            language,
            now,
            speed: 1.0,
            risk_grades: 5,
            user: None,
            rights: Rights::default(),
            here: String::new(),
            flooded: Vec::new(),
        }
    }

    fn t(&self, word: W) -> &'static str {
        word.text(self.language)
    }

    fn say<'a>(&self, text: &'a Text) -> &'a str {
        text.get(self.language)
    }

    /// Whether the way to a part is shown; what somebody may not see is not offered.
    fn shows(&self, place: Place) -> bool {
        match place {
            Place::Quarantine | Place::System => self.rights.may_see_system,
            Place::Users => self.rights.may_manage_users,
            Place::Audit => self.rights.may_read_audit,
            Place::Fleet
            | Place::Alarms
            | Place::Tickets
            | Place::Parts
            | Place::Windows
            | Place::OnCall
            | Place::Knowledge
            | Place::Review
            | Place::Api
            | Place::Nowhere => true,
        }
    }

    /// This page in the other language.
    fn other_language(&self) -> String {
        let lang = match self.language {
            Language::En => "zh",
            Language::Zh => "en",
        };
        let (path, query) = self.here.split_once('?').unwrap_or((&self.here, ""));
        let kept: Vec<&str> = query
            .split('&')
            .filter(|p| !p.is_empty() && !p.starts_with("lang="))
            .collect();
        let with = |rest: &[&str]| [rest, &[&format!("lang={lang}")]].concat().join("&");
        format!("{path}?{}", with(&kept))
    }
}

/// The parts of the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Fleet,
    Alarms,
    Tickets,
    Parts,
    Windows,
    OnCall,
    Knowledge,
    Review,
    Quarantine,
    System,
    Users,
    Audit,
    Api,
    Nowhere,
}

/// What a page listens to.
enum Listens<'a> {
    /// Changes of alarms, tickets and the fleet.
    Changes,
    /// These, and the readings of one device.
    Device(&'a DeviceKey),
    /// Nothing.
    Nothing,
}

fn tag(language: Language) -> &'static str {
    match language {
        Language::En => "en",
        Language::Zh => "zh-CN",
    }
}

fn layout(frame: &Frame, place: Place, title: &str, listens: &Listens<'_>, body: &Markup) -> Markup {
    let stream = match listens {
        Listens::Changes => Some("/api/v1/stream".to_owned()),
        Listens::Device(device) => Some(format!("/api/v1/stream?device={}/{}", device.site, device.device)),
        Listens::Nothing => None,
    };
    let nav = [
        (Place::Fleet, "/", W::Fleet, ICON_FLEET),
        (Place::Alarms, "/alarms", W::Alarms, ICON_ALARM),
        (Place::Tickets, "/tickets", W::Tickets, ICON_TICKET),
        (Place::Parts, "/parts", W::SpareParts, ICON_PARTS),
        (Place::Windows, "/windows", W::Windows, ICON_WINDOWS),
        (Place::OnCall, "/on-call", W::OnCall, ICON_ON_CALL),
        (Place::Knowledge, "/knowledge", W::Knowledge, ICON_KNOWLEDGE),
        (Place::Review, "/review", W::Review, ICON_REVIEW),
        (Place::Quarantine, "/quarantine", W::Quarantine, ICON_QUARANTINE),
        (Place::System, "/system", W::System, ICON_SYSTEM),
    ];
    let htmx = r#"{"allowEval":false,"includeIndicatorStyles":false,"historyCacheSize":0,"allowScriptTags":false}"#;
    html! {
        (DOCTYPE)
        html lang=(tag(frame.language)) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="htmx-config" content=(htmx);
                title { (title) " · Forewarn" }
                link rel="icon" type="image/svg+xml" href=(assets::url("favicon.svg"));
                @if let Listens::Device(_) = listens {
                    link rel="stylesheet" href=(assets::url("uplot.css"));
                }
                link rel="stylesheet" href=(assets::url("app.css"));
                script src=(assets::url("htmx.js")) defer {}
                @if let Listens::Device(_) = listens {
                    script src=(assets::url("uplot.js")) defer {}
                }
                script src=(assets::url("app.js")) defer {}
            }
            body data-stream=[stream] data-now=(frame.now.0) data-speed=(frame.speed) data-live=(frame.t(W::Live)) data-reconnecting=(frame.t(W::Reconnecting))
                data-done=(frame.t(W::Done)) data-not-done=(frame.t(W::NotDone))
                data-left=(frame.t(W::ClockLeft)) data-over=(frame.t(W::ClockOver))
            {
                a.skip href="#content" { (frame.t(W::SkipToContent)) }
                header.top {
                    a.brand href="/" { (PreEscaped(LOGO)) span { "Forewarn" } }
                    nav aria-label=(frame.t(W::MainNavigation)) {
                        @for (at, href, word, icon) in nav.into_iter().filter(|(at, ..)| frame.shows(*at)) {
                            a href=(href) aria-current=[(at == place).then_some("page")] {
                                (PreEscaped(icon)) span { (frame.t(word)) }
                            }
                        }
                    }
                    div.side {
                        @if !matches!(listens, Listens::Nothing) {
                            span #link.link role="status" hidden {}
                        }
                        a href=(frame.other_language()) hreflang=(match frame.language { Language::En => "zh-CN", Language::Zh => "en" }) {
                            (frame.t(W::OtherLanguage))
                        }
                        @match &frame.user {
                            Some(user) => form method="post" action="/logout" {
                                a.who href="/account" { (user) }
                                button.quiet type="submit" { (frame.t(W::LogOut)) }
                            },
                            None => span.who { (frame.t(W::LocalOperator)) },
                        }
                    }
                }
                (flood_banner(frame))
                main #content tabindex="-1" { (body) }
                footer {
                    a href="/api" { (frame.t(W::Api)) }
                    @if frame.rights.may_manage_users { " · " a href="/users" { (frame.t(W::Users)) } }
                    @if frame.rights.may_read_audit { " · " a href="/audit" { (frame.t(W::AuditTrail)) } }
                    @if place == Place::Api { " · " a href="/api/v1/openapi.json" { (frame.t(W::ApiDocument)) } }
                }
                dialog #dialog aria-label=(frame.t(W::Actions)) {
                    form.close method="dialog" {
                        button.quiet type="submit" { (frame.t(W::Close)) }
                    }
                    div #dialog-body {}
                }
                div #toasts role="status" aria-live="polite" {}
            }
        }
    }
}

/// Where more comes than one person can answer, on every page.
fn flood_banner(frame: &Frame) -> Markup {
    html! {
        div #flood {
            @if !frame.flooded.is_empty() {
                p.panel.pad.bad role="status" {
                    b { (frame.t(W::FloodBanner)) ": "
                        @for (i, site) in frame.flooded.iter().enumerate() {
                            @if i > 0 { ", " } a href=(format!("/alarms?site={site}")) { (site) }
                        }
                    }
                    " " (frame.t(W::FloodBannerHelp))
                }
            }
        }
    }
}

const LOGO: &str = r#"<svg class="logo" viewBox="0 0 24 24" aria-hidden="true"><path d="M2 13h4l2.5-7 4 13 3-9 1.5 3H22" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/></svg>"#;
const ICON_FLEET: &str = r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 3h6v6H3zM11 3h6v6h-6zM3 11h6v6H3zM11 11h6v6h-6z"/></svg>"#;
const ICON_ALARM: &str =
    r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M10 2.5 18.5 17h-17zM10 8v4.5M10 14.6v.2"/></svg>"#;
const ICON_TICKET: &str =
    r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M5 3h10v14H5zM8 7h4M8 10h4M8 13h2"/></svg>"#;
const ICON_PARTS: &str = r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 6.5 10 3l7 3.5v7L10 17l-7-3.5zM3 6.5 10 10l7-3.5M10 10v7"/></svg>"#;
const ICON_WINDOWS: &str =
    r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 5h14v12H3zM3 9h14M7 3v4M13 3v4"/></svg>"#;
const ICON_ON_CALL: &str =
    r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M4 11a6 6 0 0 1 12 0M3 11h3v5H3zM14 11h3v5h-3z"/></svg>"#;
const ICON_KNOWLEDGE: &str = r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M4 3h5a2 2 0 0 1 1 1 2 2 0 0 1 1-1h5v13h-5l-1 1-1-1H4zM10 4v13"/></svg>"#;
const ICON_REVIEW: &str =
    r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 17V9h3v8zM8.5 17V4h3v13zM14 17v-6h3v6z"/></svg>"#;
const ICON_QUARANTINE: &str =
    r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 5h14v4H3zM4.5 9v7h11V9M8 12h4"/></svg>"#;
const ICON_SYSTEM: &str =
    r#"<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 4h14v5H3zM3 11h14v5H3zM6 6.5h.1M6 13.5h.1"/></svg>"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_link_keeps_the_filter() {
        let frame = |here: &str, language| Frame {
            language,
            now: Timestamp(0),
            speed: 1.0,
            risk_grades: 5,
            user: None,
            rights: Rights::default(),
            here: here.into(),
            flooded: Vec::new(),
        };
        assert_eq!(frame("/", Language::En).other_language(), "/?lang=zh");
        assert_eq!(
            frame("/alarms?site=a&lang=zh&severity=critical", Language::Zh).other_language(),
            "/alarms?site=a&severity=critical&lang=en"
        );
    }
}
