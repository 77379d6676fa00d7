//! Spare parts: those that are low first, what lies where, what will be needed and why; forms for movements, and the parts of a
//! ticket.

use super::parts::{encode, form_fields, next_page, when};
use super::{Frame, Listens, Place, layout};
use crate::view::{DemandCause, Page, PartForecast, StockLevel, Ticket, TicketPart};
use crate::words::Word as W;
use maud::{Markup, html};

/// Machines shown behind a forecast; the API has more.
const CAUSES: usize = 10;

/// The page of parts.
pub fn stock(frame: &Frame, found: &Page<PartForecast>, only_low: bool) -> Markup {
    let body = html! {
        h1 { (frame.t(W::SpareParts)) }
        p.mute { (frame.t(W::SparePartsIntro)) " "
            @if only_low { a href="/parts" { (frame.t(W::PartsAll)) } } @else { a href="/parts?low=yes" { (frame.t(W::PartsOnlyLow)) } }
        }
        // the forecast reads a year: it is made when somebody looks
        section {
            @if found.items.is_empty() { p.empty { (frame.t(W::PartsNone)) } }
            @for part in &found.items { (one(frame, part)) }
        }
        (next_page(frame, found.next.as_deref()))
        @if frame.rights.may_book_stock { (movement_form(frame)) }
    };
    layout(frame, Place::Parts, frame.t(W::SpareParts), &Listens::Nothing, &body)
}

/// One decimal: more would say what nobody knows.
fn pieces(count: f64) -> String {
    format!("{count:.1}")
}

fn one(frame: &Frame, found: &PartForecast) -> Markup {
    let part = &found.part;
    html! {
        article.panel.pad id=(encode(&part.part)) {
            h2 { (part.part) @let name = frame.say(&part.name); @if !name.is_empty() { " " span.mute { (name) } } }
            p.line {
                @if found.is_low { span.tag.stage { (frame.t(W::PartLow)) } }
                @if let Some(by) = found.order_by {
                    b { (frame.t(W::OrderQuantity)) " " (found.order_quantity) } " · " (frame.t(W::OrderBy)) " " (when(frame, by))
                }
            }
            dl.facts {
                @for (word, value) in [
                    (W::OnHand, part.on_hand.to_string()), (W::Reserved, part.reserved.to_string()),
                    (W::Foretold, pieces(found.foretold)), (W::Unforeseen, pieces(found.unforeseen)),
                    (W::Projected, pieces(found.projected)), (W::ReorderPoint, part.reorder_point.to_string()),
                    (W::LeadTimeDays, part.lead_time_days.to_string()),
                ] { div { dt { (frame.t(word)) } dd { (value) } } }
            }
            (places(frame, &found.levels))
            (causes(frame, found))
        }
    }
}

fn places(frame: &Frame, levels: &[StockLevel]) -> Markup {
    html! {
        @if !levels.is_empty() {
            p.small { (frame.t(W::StockPlaces)) ": "
                @for (i, level) in levels.iter().enumerate() {
                    @if i > 0 { " · " }
                    (place_name(frame, &level.location)) " " b { (level.on_hand) }
                    @if level.reserved > 0 { " (" (frame.t(W::Reserved)) " " (level.reserved) ")" }
                }
            }
        }
    }
}

/// A place in words: the centre, a region, somebody's van.
fn place_name(frame: &Frame, location: &str) -> String {
    match location.split_once('/') {
        Some(("region", name)) => format!("{} {name}", frame.t(W::StockRegion)),
        Some(("van", who)) => format!("{} {who}", frame.t(W::StockVan)),
        Some(_) | None => frame.t(W::StockCentral).to_owned(),
    }
}

fn causes(frame: &Frame, found: &PartForecast) -> Markup {
    html! {
        @if !found.causes.is_empty() {
            details open[found.is_low] {
                summary { (frame.t(W::DemandCauses)) " (" (found.cause_count) ")" }
                ul.small { @for cause in found.causes.iter().take(CAUSES) { li { (cause_line(frame, cause)) } } }
            }
        }
    }
}

fn cause_line(frame: &Frame, cause: &DemandCause) -> Markup {
    html! {
        a href=(format!("/devices/{}/{}", cause.site, cause.device)) { (cause.site) " / " (cause.device) }
        " · " (cause.failure_mode)
        @if cause.quantity > 0 { " · " (format!("{:.0} %", 100.0 * cause.probability)) " × " (cause.quantity) }
        @if cause.reserved > 0 { " · " (frame.t(W::Reserved)) " " (cause.reserved) }
        @if let Some(ticket) = &cause.ticket { " · " a href=(format!("/tickets/{ticket}")) { (ticket) } }
        @else if let Some(alarm) = &cause.alarm { " · " a href=(format!("/alarms/{alarm}")) { (alarm) } }
    }
}

fn field(frame: &Frame, word: W, name: &str, hint: &str, is_required: bool) -> Markup {
    html! { label { span { (frame.t(word)) }
    input type="text" name=(name) placeholder=(hint) required[is_required] maxlength="256" autocomplete="off"; } }
}

fn movement_form(frame: &Frame) -> Markup {
    html! {
        form.panel.stack #movement method="post" action="/parts/movements" data-action {
            h2 { (frame.t(W::BookMovement)) }
            (form_fields(frame, None))
            label { span { (frame.t(W::What)) }
                select name="kind" {
                    option value="receive" { (frame.t(W::MovementReceive)) }
                    option value="move" { (frame.t(W::MovementMove)) }
                    option value="count" { (frame.t(W::MovementCount)) }
                    option value="issue" { (frame.t(W::MovementIssue)) }
                }
            }
            (field(frame, W::SparePart, "part", "6205-2RS", true))
            (field(frame, W::StockPlace, "location", "central / region/east / van/li", true))
            (field(frame, W::StockTo, "to", "van/li", false))
            label { span { (frame.t(W::Quantity)) } input type="number" name="quantity" min="0" max="10000000" required; }
            (field(frame, W::Reason, "reason", "", true))
            button.primary type="submit" { (frame.t(W::BookMovement)) }
        }
    }
}

/// The parts of a ticket: what is kept back and where, what was used, what has to be ordered. Nothing where no stock is kept.
pub(super) fn of_ticket(frame: &Frame, ticket: &Ticket) -> Markup {
    let s = &ticket.summary;
    let may_change = frame.rights.may_operate && !s.state.is_final();
    html! {
        @if !ticket.stock.is_empty() {
            h2 { (frame.t(W::SpareParts)) }
            ul.panel.list { @for part in &ticket.stock { li { (line(frame, ticket, part, may_change)) } } }
        }
    }
}

fn line(frame: &Frame, ticket: &Ticket, part: &TicketPart, may_change: bool) -> Markup {
    let action = format!("/tickets/{}/reservations", ticket.summary.id);
    let hidden = |name: &str, value: &str| html! { input type="hidden" name=(name) value=(value); };
    html! {
        b { (part.part) } " " span.mute { (frame.say(&part.name)) }
        " · " (frame.t(W::PartsNeeded)) " " (part.needed)
        @if part.used > 0 { " · " (frame.t(W::PartsTaken)) " " (part.used) }
        @if !part.is_kept { " · " (frame.t(W::PartNotKept)) }
        @if part.missing > 0 {
            " · " span.tag.stage { (frame.t(W::PartsMissing)) " " (part.missing) }
            @if let Some(days) = part.lead_time_days { " " (frame.t(W::LeadTimeDays)) " " (days) }
            " · " a href=(format!("/parts#{}", encode(&part.part))) { (frame.t(W::SpareParts)) }
        }
        @for held in &part.reserved {
            div.line.small {
                span { (frame.t(W::Reserved)) " " (held.quantity) ", " (place_name(frame, &held.location)) }
                @if may_change {
                    form method="post" action=(action) data-action {
                        (form_fields(frame, Some(ticket.summary.revision)))
                        (hidden("part", &part.part)) (hidden("location", &held.location))
                        (hidden("quantity", &held.quantity.to_string())) (hidden("release", "yes"))
                        button.quiet type="submit" { (frame.t(W::PartsRelease)) }
                    }
                }
            }
        }
        @let open = part.needed.saturating_sub(part.used).saturating_sub(part.reserved.iter().map(|held| held.quantity).sum());
        @if may_change && part.is_kept && open > 0 {
            form method="post" action=(action) data-action {
                (form_fields(frame, Some(ticket.summary.revision)))
                (hidden("part", &part.part)) (hidden("quantity", &open.to_string()))
                button type="submit" { (frame.t(W::PartsReserve)) }
            }
        }
    }
}
