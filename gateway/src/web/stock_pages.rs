//! The page of spare parts, and what its forms and those of a ticket send.

use super::App;
use super::api::stock::{MovementBody, place};
use super::api::tickets::LONGEST_NAME;
use super::auth::Who;
use super::backend::{Backend, Order, PartsQuery, Reservation, Right};
use super::extract::{Asked, Form, InPath, State, needed, slice, ticket_id};
use super::forms::local;
use super::pages::{Page, Visit};
use super::problem::Problem;
use axum::http::StatusCode;
use axum::response::Redirect;
use dashboards::page;
use dashboards::view::MovementKind;
use serde::Deserialize;

/// Parts on a page.
const PARTS: u32 = 50;

#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    cursor: Option<String>,
    #[serde(default)]
    low: Option<String>,
    #[allow(dead_code)] // read before the page
    lang: Option<String>,
}

pub(super) async fn list<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    Asked(query): Asked<ListQuery>,
) -> Result<Page, Problem> {
    let only_low = query.low.is_some();
    let query = PartsQuery {
        only_low,
        slice: slice(query.cursor, Some(PARTS))?,
    };
    let found = app.backend.stock_forecast(query).await?;
    Ok(visit.show(page::stock(&visit.frame, &found, only_low)))
}

#[derive(Debug, Deserialize)]
pub(super) struct MovementForm {
    #[serde(default)]
    back: String,
    kind: MovementKind,
    part: String,
    location: String,
    #[serde(default)]
    to: String,
    quantity: u32,
    reason: String,
}

pub(super) async fn book<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Form(form): Form<MovementForm>,
) -> Result<Redirect, Problem> {
    let body = MovementBody {
        kind: form.kind,
        part: form.part,
        location: form.location,
        to: Some(form.to),
        quantity: form.quantity,
        reason: form.reason,
    };
    let order = Order {
        actor: who.needs(Right::BookStock)?,
        if_revision: None,
    };
    let (movement, reason) = body.read()?;
    app.backend.book_stock(order, movement, reason).await?;
    Ok(Redirect::to(&local(&form.back)))
}

#[derive(Debug, Deserialize)]
pub(super) struct ReserveForm {
    #[serde(default)]
    back: String,
    revision: Option<u64>,
    part: String,
    #[serde(default)]
    location: String,
    quantity: u32,
    release: Option<String>,
}

pub(super) async fn reserve<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    Form(form): Form<ReserveForm>,
) -> Result<Redirect, Problem> {
    let order = Order {
        actor: who.needs(Right::AssignTickets)?,
        if_revision: form.revision,
    };
    let (part, quantity) = (needed("/part", &form.part, LONGEST_NAME)?, form.quantity);
    let reservation = match (form.release, form.location.trim()) {
        (Some(_), location) => Reservation::LetGo {
            part,
            location: place("/location", location)?,
            quantity,
        },
        (None, location) => Reservation::Keep {
            part,
            location: match location {
                "" => None,
                location => Some(place("/location", location)?),
            },
            quantity,
        },
    };
    let ticket = ticket_id(&id)?;
    if let Reservation::Keep { part, quantity, .. } = &reservation {
        // pressed twice is meant once; who wants more than the repair takes says so by the API
        let shown = app.backend.ticket(ticket).await?;
        let own = shown.stock.iter().find(|own| own.part == *part);
        let has = own.map_or(0, |own| {
            own.reserved.iter().map(|held| held.quantity).sum::<u32>() + own.used
        });
        if own.is_some_and(|own| has.saturating_add(*quantity) > own.needed) {
            let detail = format!("the ticket has {has} of {part} already");
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
    }
    app.backend.reserve_parts(order, ticket, reservation).await?;
    Ok(Redirect::to(&local(&form.back)))
}
