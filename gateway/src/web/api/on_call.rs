//! Who is on call.

use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, Right};
use crate::web::extract::{Asked, State};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::StatusCode;
use dashboards::view::OnCall;
use domain::Millis;
use serde::Deserialize;
use utoipa::IntoParams;

/// The longest look ahead.
const MOST_DAYS: u32 = 62;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OnCallQuery {
    /// How many days ahead, 1 to 62; default 14.
    days: Option<u32>,
}

/// Who is on call now and who comes next, by rotation
#[utoipa::path(get, path = "/api/v1/on-call", tag = "Tickets", params(OnCallQuery),
    responses((status = 200, description = "The rotations of the configuration", body = [OnCall]), Problems))]
pub async fn list<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Asked(query): Asked<OnCallQuery>,
) -> Result<axum::Json<Vec<OnCall>>, Problem> {
    who.needs(Right::View)?;
    let days = query.days.unwrap_or(14);
    if !(1..=MOST_DAYS).contains(&days) {
        let detail = format!("is not 1 to {MOST_DAYS}");
        return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "?days", detail));
    }
    Ok(axum::Json(app.backend.on_call(Millis::days(i64::from(days)))))
}
