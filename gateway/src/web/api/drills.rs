//! Drills: which were held, what is due, and whom the notices of one would have told.

use super::tickets::{LONGEST_NAME, LONGEST_NOTE};
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, DrillResult};
use crate::web::extract::{Asked, Json, NoQuery, State, needed};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::StatusCode;
use dashboards::view::{At, DrillHeld, DrillNotice, Drills};
use domain::SiteName;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which drills were held, and which is due: one each quarter, the kinds of event in turn
#[utoipa::path(get, path = "/api/v1/drills", tag = "System",
    responses((status = 200, description = "The drills", body = Drills), Problems))]
pub async fn list<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Drills>, Problem> {
    Ok(axum::Json(app.backend.drills().await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NoticesQuery {
    /// Only this site.
    #[param(value_type = Option<String>)]
    site: Option<SiteName>,
}

/// Whom the notices of drills would have told were their site a real one, the newest first
#[utoipa::path(get, path = "/api/v1/drills/notices", tag = "System", params(NoticesQuery),
    responses((status = 200, description = "The notices; at most 1000", body = [DrillNotice]), Problems))]
pub async fn notices<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<NoticesQuery>,
) -> Result<axum::Json<Vec<DrillNotice>>, Problem> {
    Ok(axum::Json(
        app.backend
            .drill_notices(query.site.map(|site| site.to_string()))
            .await?,
    ))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillBody {
    /// Which scenario; at most 128 characters.
    scenario: String,
    /// Which kind of event; at most 128 characters.
    kind: String,
    /// When it began; not in the future.
    began_at: At,
    /// Whether all went as it should.
    is_good: bool,
    /// What was slow or missed, in a sentence; at most 4096 characters.
    conclusion: String,
}

/// A drill was held; `forewarn drill` says so by itself
#[utoipa::path(post, path = "/api/v1/drills", tag = "System", request_body = DrillBody,
    responses((status = 200, description = "The drill", body = DrillHeld), Problems))]
pub async fn record<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    _: Asked<NoQuery>,
    Json(body): Json<DrillBody>,
) -> Result<axum::Json<DrillHeld>, Problem> {
    if body.began_at.0 > app.backend.now() {
        let detail = "is in the future";
        return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/began_at", detail));
    }
    let result = DrillResult {
        scenario: needed("/scenario", &body.scenario, LONGEST_NAME)?,
        kind: needed("/kind", &body.kind, LONGEST_NAME)?,
        began_at: body.began_at.0,
        is_good: body.is_good,
        conclusion: needed("/conclusion", &body.conclusion, LONGEST_NOTE)?,
    };
    Ok(axum::Json(app.backend.record_drill(who.0, result).await?))
}
