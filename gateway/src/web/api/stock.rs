//! Spare parts: what is kept, what lies where, what will be needed; movements, and what tickets keep back.

use super::alarms::LONGEST_REASON;
use super::tickets::{LONGEST_NAME, Tagged, tagged};
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, Location, Movement, Order, PartsQuery, Reservation, Right, StockQuery};
use crate::web::extract::{Asked, IfMatch, InPath, Json, NoQuery, State, needed, slice, ticket_id};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::StatusCode;
use dashboards::view::{MovementKind, Page, PartForecast, StockLevel, StockPart, Ticket};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PartsListQuery {
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ForecastQuery {
    /// `true`: only parts that are low.
    low: Option<bool>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LevelsQuery {
    /// Only of this part, whatever the case of its letters.
    part: Option<String>,
    /// Only at this place: `central`, `region/NAME` or `van/NAME`.
    location: Option<String>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    limit: Option<u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MovementBody {
    /// What is booked.
    pub kind: MovementKind,
    /// Which part.
    pub part: String,
    /// Where; for `move`, from where: `central`, `region/NAME` or `van/NAME`.
    pub location: String,
    /// To where; for `move` only.
    #[serde(default)]
    pub to: Option<String>,
    /// How many.
    pub quantity: u32,
    /// Why, at most 256 characters.
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReserveBody {
    /// Which part.
    pub part: String,
    /// Where; without it the nearest place where so many are free: the van of whoever has the ticket, the region of its site, the
    /// centre.
    #[serde(default)]
    pub location: Option<String>,
    /// How many.
    pub quantity: u32,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseBody {
    /// Which part.
    pub part: String,
    /// Where it is kept back.
    pub location: String,
    /// How many.
    pub quantity: u32,
}

/// A place of stock, or which field is none.
pub fn place(pointer: &str, text: &str) -> Result<Location, Problem> {
    let place = text.trim().parse::<Location>();
    place.map_err(|error| Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, error.to_string()))
}

impl MovementBody {
    /// What is booked and why, checked; shared by API and pages.
    pub fn read(&self) -> Result<(Movement, String), Problem> {
        let part = needed("/part", &self.part, LONGEST_NAME)?;
        let (location, quantity) = (place("/location", &self.location)?, self.quantity);
        let to = self.to.as_deref().map(str::trim).filter(|to| !to.is_empty());
        let movement = match (self.kind, to) {
            (MovementKind::Move, None) => {
                let detail = "say to which place";
                return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/to", detail));
            }
            (MovementKind::Count | MovementKind::Receive | MovementKind::Issue, Some(_)) => {
                let detail = "only a move goes to another place";
                return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/to", detail));
            }
            (MovementKind::Move, Some(to)) => Movement::Move {
                part,
                from: location,
                to: place("/to", to)?,
                quantity,
            },
            (MovementKind::Count, None) => Movement::Count {
                part,
                location,
                on_hand: quantity,
            },
            (MovementKind::Receive, None) => Movement::Receive {
                part,
                location,
                quantity,
            },
            (MovementKind::Issue, None) => Movement::Issue {
                part,
                location,
                quantity,
            },
        };
        Ok((movement, needed("/reason", &self.reason, LONGEST_REASON)?))
    }
}

/// Parts that are kept in stock, by number
#[utoipa::path(get, path = "/api/v1/parts", tag = "Parts", params(PartsListQuery),
    responses((status = 200, description = "A page of parts", body = Page<StockPart>), Problems))]
pub async fn parts<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<PartsListQuery>,
) -> Result<axum::Json<Page<StockPart>>, Problem> {
    let query = PartsQuery {
        only_low: false,
        slice: slice(query.cursor, query.limit)?,
    };
    Ok(axum::Json(app.backend.parts(query).await?))
}

/// How many of each part are where
#[utoipa::path(get, path = "/api/v1/stock", tag = "Parts", params(LevelsQuery),
    responses((status = 200, description = "A page of counts, by part and place", body = Page<StockLevel>), Problems))]
pub async fn levels<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<LevelsQuery>,
) -> Result<axum::Json<Page<StockLevel>>, Problem> {
    let location = query.location.as_deref().map(str::parse::<Location>).transpose();
    let query = StockQuery {
        part: query.part,
        location: location.map_err(|error| Problem::field(StatusCode::BAD_REQUEST, "?location", error.to_string()))?,
        slice: slice(query.cursor, query.limit)?,
    };
    Ok(axum::Json(app.backend.stock(query).await?))
}

/// What will be needed of each part within its lead time, those that are low first
#[utoipa::path(get, path = "/api/v1/stock/forecast", tag = "Parts", params(ForecastQuery),
    responses((status = 200, description = "A page of forecasts", body = Page<PartForecast>), Problems))]
pub async fn forecast<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<ForecastQuery>,
) -> Result<axum::Json<Page<PartForecast>>, Problem> {
    let query = PartsQuery {
        only_low: query.low.unwrap_or(false),
        slice: slice(query.cursor, query.limit)?,
    };
    Ok(axum::Json(app.backend.stock_forecast(query).await?))
}

/// Parts were counted, came in, went to another place, or left
#[utoipa::path(post, path = "/api/v1/stock/movements", tag = "Parts", request_body = MovementBody,
    responses((status = 200, description = "The counts of the part, by place", body = Vec<StockLevel>), Problems))]
pub async fn book<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    _: Asked<NoQuery>,
    Json(body): Json<MovementBody>,
) -> Result<axum::Json<Vec<StockLevel>>, Problem> {
    let order = Order {
        actor: who.needs(Right::BookStock)?,
        if_revision: None,
    };
    let (movement, reason) = body.read()?;
    Ok(axum::Json(app.backend.book_stock(order, movement, reason).await?))
}

/// Parts are kept back for a ticket
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/reservations", tag = "Parts", params(("ticket" = String, Path)),
    request_body = ReserveBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn reserve<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(if_revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<ReserveBody>,
) -> Result<Tagged, Problem> {
    let order = Order {
        actor: who.needs(Right::AssignTickets)?,
        if_revision,
    };
    let reservation = Reservation::Keep {
        part: needed("/part", &body.part, LONGEST_NAME)?,
        location: body
            .location
            .as_deref()
            .map(|text| place("/location", text))
            .transpose()?,
        quantity: body.quantity,
    };
    let ticket = app.backend.reserve_parts(order, ticket_id(&id)?, reservation);
    Ok(tagged(ticket.await?))
}

/// Parts are not kept back for a ticket any longer
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/reservations/release", tag = "Parts", params(("ticket" = String, Path)),
    request_body = ReleaseBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn release<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(if_revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<ReleaseBody>,
) -> Result<Tagged, Problem> {
    let order = Order {
        actor: who.needs(Right::AssignTickets)?,
        if_revision,
    };
    let reservation = Reservation::LetGo {
        part: needed("/part", &body.part, LONGEST_NAME)?,
        location: place("/location", &body.location)?,
        quantity: body.quantity,
    };
    let ticket = app.backend.reserve_parts(order, ticket_id(&id)?, reservation);
    Ok(tagged(ticket.await?))
}
