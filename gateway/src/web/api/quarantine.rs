//! Packets that could not be read.

use super::alarms::EmptyBody;
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::Backend;
use crate::web::extract::State;
use crate::web::extract::{Asked, InPath, Json, NoQuery, slice};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use dashboards::view::{Page, QuarantinedPacket, Replayed};
use serde::Deserialize;
use utoipa::IntoParams;

/// Where in a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// What the page before gave as `next`.
    pub cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    pub limit: Option<u32>,
}

/// Packets in quarantine, newest first
#[utoipa::path(get, path = "/api/v1/quarantine", tag = "Quarantine", params(PageQuery),
    responses((status = 200, description = "A page of packets", body = Page<QuarantinedPacket>), Problems))]
pub async fn list<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<PageQuery>,
) -> Result<axum::Json<Page<QuarantinedPacket>>, Problem> {
    Ok(axum::Json(
        app.backend.quarantine(slice(query.cursor, query.limit)?).await?,
    ))
}

/// One packet
#[utoipa::path(get, path = "/api/v1/quarantine/{packet}", tag = "Quarantine", params(("packet" = u64, Path)),
    responses((status = 200, description = "The packet", body = QuarantinedPacket), Problems))]
pub async fn one<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(id): InPath<u64>,
    _: Asked<NoQuery>,
) -> Result<axum::Json<QuarantinedPacket>, Problem> {
    Ok(axum::Json(app.backend.quarantined(id).await?))
}

/// Reads every packet again; those that are understood now leave quarantine
#[utoipa::path(post, path = "/api/v1/quarantine/replay", tag = "Quarantine", request_body = EmptyBody,
    responses((status = 200, description = "What came of it", body = Replayed), Problems))]
pub async fn replay_all<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<axum::Json<Replayed>, Problem> {
    let actor = who.0;
    Ok(axum::Json(app.backend.replay(actor, None).await?))
}

/// Reads one packet again
#[utoipa::path(post, path = "/api/v1/quarantine/{packet}/replay", tag = "Quarantine", params(("packet" = u64, Path)),
    request_body = EmptyBody, responses((status = 200, description = "What came of it", body = Replayed), Problems))]
pub async fn replay<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<u64>,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<axum::Json<Replayed>, Problem> {
    let actor = who.0;
    Ok(axum::Json(app.backend.replay(actor, Some(id)).await?))
}

/// Throws a packet away
#[utoipa::path(post, path = "/api/v1/quarantine/{packet}/discard", tag = "Quarantine", params(("packet" = u64, Path)),
    request_body = EmptyBody, responses((status = 200, description = "What is gone", body = QuarantinedPacket), Problems))]
pub async fn discard<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<u64>,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<axum::Json<QuarantinedPacket>, Problem> {
    let actor = who.0;
    Ok(axum::Json(app.backend.discard(actor, id).await?))
}
