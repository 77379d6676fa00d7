//! What hangs on what: the sites, and the machines of one as a tree.

use super::parts::{connectivity, health, next_page, severity};
use super::{Frame, Listens, Place, layout};
use crate::phrase;
use crate::view::{Page, PartNode, SiteNode, TreeNode};
use crate::words::Word as W;
use domain::SiteName;
use maud::{Markup, html};

/// All sites.
pub fn sites(frame: &Frame, sites: &[SiteNode]) -> Markup {
    let body = html! {
        h1 { (frame.t(W::Topology)) }
        p.mute { (frame.t(W::TopologyHelp)) }
        section #live data-live="fleet,alarm,ticket" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            @if sites.is_empty() { p.empty { (frame.t(W::NoDevicesYet)) } }
            @else { (site_table(frame, sites)) }
        }
    };
    layout(frame, Place::Fleet, frame.t(W::Topology), &Listens::Changes, &body)
}

fn site_table(frame: &Frame, sites: &[SiteNode]) -> Markup {
    let heads = [W::Site, W::Severity, W::Online, W::Carriers, W::Alarms, W::Tickets];
    html! {
        div.panel { table.cards.three {
            thead { tr { @for head in heads { th scope="col" { (frame.t(head)) } } } }
            tbody { @for node in sites { tr {
                th.lead scope="row" {
                    a href=(format!("/topology/{}", node.site)) { (node.site) }
                    @let about = [node.customer.as_str(), node.region.as_str()];
                    @for text in about.into_iter().filter(|t| !t.is_empty()) { span.mute.small.block { (text) } }
                }
                td data-label=(frame.t(W::Severity)) { (worst(frame, node.severity)) }
                td data-label=(frame.t(W::Online)) { (phrase::part_of(frame.language, node.online, node.devices)) }
                td data-label=(frame.t(W::Carriers)) { (node.carriers) }
                td data-label=(frame.t(W::Alarms)) { (node.open_alarms) }
                td data-label=(frame.t(W::Tickets)) { (node.open_tickets) }
            } } }
        } }
    }
}

fn worst(frame: &Frame, of: Option<domain::Severity>) -> Markup {
    match of {
        Some(worst) => severity(frame, worst),
        None => html! { span.mute { "–" } },
    }
}

/// The machines of a site.
pub fn site_tree(frame: &Frame, site: &SiteName, tree: &Page<TreeNode>) -> Markup {
    let body = html! {
        p.crumbs { a href="/topology" { (frame.t(W::Topology)) } }
        h1 { (site) }
        p.mute { (frame.t(W::TreeHelp)) }
        section #live data-live="fleet,alarm,ticket" hx-get=(frame.here) hx-select="#live" hx-select-oob="#flood" hx-swap="outerHTML" hx-trigger="forewarn:refresh" {
            @if tree.items.is_empty() { p.empty { (frame.t(W::NoMatch)) } }
            @else { (tree_table(frame, &tree.items)) }
            (next_page(frame, tree.next.as_deref()))
        }
    };
    layout(frame, Place::Fleet, site.as_str(), &Listens::Changes, &body)
}

fn tree_table(frame: &Frame, nodes: &[TreeNode]) -> Markup {
    let heads = [W::Device, W::State, W::Health, W::Alarms, W::HangOnIt, W::Components];
    html! {
        div.panel { table.cards.three.tree {
            thead { tr { @for head in heads { th scope="col" { (frame.t(head)) } } } }
            tbody { @for node in nodes { (tree_row(frame, node)) } }
        } }
    }
}

fn tree_row(frame: &Frame, node: &TreeNode) -> Markup {
    let d = &node.summary;
    html! {
        tr {
            th.lead scope="row" {
                span class=(format!("level level-{}", node.level.min(8))) {
                    @if node.level > 0 { span.branch aria-hidden="true" { "└ " } }
                    // one that was never heard has no page
                    @if d.profile.is_empty() { (d.device) } @else { a href=(format!("/devices/{}/{}", d.site, d.device)) { (d.device) } }
                    span.mute.small.block { (frame.say(&d.title)) }
                }
            }
            td data-label=(frame.t(W::State)) { (connectivity(frame, d.connectivity)) }
            td data-label=(frame.t(W::Health)) { (health(frame, d.health)) }
            td data-label=(frame.t(W::Alarms)) {
                @match d.severity {
                    Some(own) => { (severity(frame, own)) @if d.open_alarms > 1 { " " span.mute { "×" (d.open_alarms) } } }
                    None => span.mute { "–" },
                }
            }
            td data-label=(frame.t(W::HangOnIt)) {
                @if node.below == 0 { span.mute { "–" } }
                @else {
                    (phrase::below(frame.language, node.below, node.below_away))
                    @if let Some(below) = node.worst.filter(|w| Some(*w) > d.severity) { " " (severity(frame, below)) }
                }
            }
            td data-label=(frame.t(W::Components)) {
                @if node.parts.is_empty() { span.mute { "–" } }
                @for part in &node.parts { (part_chip(frame, part)) " " }
            }
        }
    }
}

fn part_chip(frame: &Frame, part: &PartNode) -> Markup {
    html! {
        span.tag {
            (part.part)
            @if let Some(worst) = part.severity { " " (severity(frame, worst)) }
        }
    }
}
