//! Receivers, deliveries that were given up, and what other systems tell of their changes.

use super::alarms::EmptyBody;
use super::quarantine::PageQuery;
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::Backend;
use crate::web::extract::State;
use crate::web::extract::{Asked, InPath, Json, NoQuery, slice};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::HeaderMap;
use dashboards::view::{DeadLetter, Heard, Page, Receiver, Tried};
use serde::Deserialize;
use utoipa::IntoParams;

/// The header by which another system shows its secret.
const SECRET_HEADER: &str = "x-forewarn-secret";

/// Receivers of messages: how they stand, what waits, what was given up
#[utoipa::path(get, path = "/api/v1/outbound/receivers", tag = "Receivers",
    responses((status = 200, description = "The receivers, by name", body = Vec<Receiver>), Problems))]
pub async fn receivers<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Vec<Receiver>>, Problem> {
    Ok(axum::Json(app.backend.receivers().await?))
}

/// Sends a marked test message now, and answers with what the receiver said
#[utoipa::path(post, path = "/api/v1/outbound/receivers/{name}/test", tag = "Receivers", params(("name" = String, Path)),
    request_body = EmptyBody, responses((status = 200, description = "What came of it", body = Tried), Problems))]
pub async fn test<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(name): InPath<String>,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<axum::Json<Tried>, Problem> {
    let actor = who.0;
    Ok(axum::Json(app.backend.try_receiver(actor, name).await?))
}

/// Deliveries that were given up, newest first
#[utoipa::path(get, path = "/api/v1/outbound/dead", tag = "Receivers", params(PageQuery),
    responses((status = 200, description = "A page of deliveries", body = Page<DeadLetter>), Problems))]
pub async fn dead<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<PageQuery>,
) -> Result<axum::Json<Page<DeadLetter>>, Problem> {
    let page = app.backend.dead_letters(slice(query.cursor, query.limit)?).await?;
    Ok(axum::Json(page))
}

/// Tries a delivery again that was given up
#[utoipa::path(post, path = "/api/v1/outbound/dead/{id}/resend", tag = "Receivers", params(("id" = u64, Path)),
    request_body = EmptyBody, responses((status = 200, description = "What waits again", body = DeadLetter), Problems))]
pub async fn resend<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<u64>,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<axum::Json<DeadLetter>, Problem> {
    let actor = who.0;
    Ok(axum::Json(app.backend.resend(actor, id).await?))
}

/// How another system shows its secret if it cannot send a header.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SecretQuery {
    /// The secret; better sent as the header `X-Forewarn-Secret`.
    secret: Option<String>,
}

/// What Jira or ServiceNow tell of their changes; needs the receiver's secret, no token
#[utoipa::path(post, path = "/api/v1/outbound/inbound/{receiver}", tag = "Receivers",
    params(("receiver" = String, Path), SecretQuery), request_body = Object,
    responses((status = 200, description = "What was done here", body = Heard), Problems))]
pub async fn inbound<B: Backend>(
    State(app): State<App<B>>,
    InPath(receiver): InPath<String>,
    Asked(query): Asked<SecretQuery>,
    headers: HeaderMap,
    Json(body): Json<serde_json::Value>,
) -> Result<axum::Json<Heard>, Problem> {
    let header = headers.get(SECRET_HEADER).and_then(|v| v.to_str().ok());
    let secret = header.map(str::to_owned).or(query.secret).unwrap_or_default();
    Ok(axum::Json(app.backend.hear(receiver, secret, body).await?))
}
