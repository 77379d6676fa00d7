//! The gateway itself: health, audit trail, metrics.

use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{AuditQuery, Backend};
use crate::web::extract::State;
use crate::web::extract::{Asked, NoQuery, slice};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use dashboards::view::{At, AuditEntry, Page, SystemHealth};
use serde::Deserialize;
use utoipa::IntoParams;

/// How the gateway and its parts do
#[utoipa::path(get, path = "/api/v1/health", tag = "System",
    responses((status = 200, description = "Health", body = SystemHealth), Problems))]
pub async fn health<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    _: Asked<NoQuery>,
) -> Result<Json<SystemHealth>, Problem> {
    Ok(Json(app.backend.health().await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// Written then or later.
    from: Option<At>,
    /// Written before.
    to: Option<At>,
    /// What this actor did: a user's name, or `system`.
    actor: Option<String>,
    /// What was done to this, such as `T-000042`.
    subject: Option<String>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    limit: Option<u32>,
}

/// The audit trail, newest first; for auditors and administrators
#[utoipa::path(get, path = "/api/v1/audit", tag = "System", params(AuditParams),
    responses((status = 200, description = "A page of the audit trail", body = Page<AuditEntry>), Problems))]
pub async fn audit<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<AuditParams>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from >= to
    {
        return Err(Problem::field(StatusCode::BAD_REQUEST, "?from", "must lie before `to`"));
    }
    let query = AuditQuery {
        from: query.from.map(|at| at.0),
        to: query.to.map(|at| at.0),
        actor: query.actor,
        subject: query.subject,
        slice: slice(query.cursor, query.limit)?,
    };
    Ok(Json(app.backend.audit(query).await?))
}

/// Whether the program lives; needs no token
#[utoipa::path(get, path = "/healthz", tag = "System", responses((status = 200, description = "`ok`", body = String)))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the gateway takes readings; needs no token
#[utoipa::path(get, path = "/readyz", tag = "System",
    responses((status = 200, description = "`ready`", body = String), (status = 503, description = "`not ready`", body = String)))]
pub async fn readyz<B: Backend>(State(app): State<App<B>>) -> (StatusCode, &'static str) {
    match app.backend.health().await {
        Ok(health) if health.ready => (StatusCode::OK, "ready\n"),
        Ok(_) | Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}

/// Prometheus metrics
#[utoipa::path(get, path = "/metrics", tag = "System",
    responses((status = 200, description = "Text format 0.0.4", body = String), Problems))]
pub async fn metrics<B: Backend>(State(app): State<App<B>>, _: Who) -> Result<impl IntoResponse, Problem> {
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((headers, app.backend.metrics()))
}
