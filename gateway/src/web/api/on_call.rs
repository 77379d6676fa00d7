//! Who is on call, and overrides: somebody takes the call for a time.

use super::alarms::LONGEST_REASON;
use super::tickets::LONGEST_NAME;
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, Order, OverridePlan, Right};
use crate::web::extract::{Asked, InPath, Json, NoQuery, State, needed};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::StatusCode;
use dashboards::view::{At, OnCall, OnCallOverride};
use domain::Millis;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

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
    responses((status = 200, description = "The rotations of the configuration, with overrides", body = [OnCall]), Problems))]
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
    Ok(axum::Json(app.backend.on_call(Millis::days(i64::from(days))).await?))
}

/// Overrides that stand, and those that were over within 30 days, the newest first
#[utoipa::path(get, path = "/api/v1/on-call/overrides", tag = "Tickets",
    responses((status = 200, description = "The overrides; at most 2000", body = [OnCallOverride]), Problems))]
pub async fn overrides<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Vec<OnCallOverride>>, Problem> {
    Ok(axum::Json(app.backend.overrides().await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideBody {
    /// Who takes the call; at most 128 characters.
    person: String,
    /// Since then, not in the past and within 366 days; left out: from now on.
    from: Option<At>,
    /// Before then; at most 62 days after it begins.
    until: At,
    /// Why; at most 256 characters.
    reason: String,
}

/// Somebody takes the call of a rotation for a time; of several that hold, the one made last counts
#[utoipa::path(post, path = "/api/v1/on-call/{rotation}/overrides", tag = "Tickets",
    params(("rotation" = String, Path, description = "The rotation's name")), request_body = OverrideBody,
    responses((status = 200, description = "The override", body = OnCallOverride), Problems))]
pub async fn take_over<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(rotation): InPath<String>,
    _: Asked<NoQuery>,
    Json(body): Json<OverrideBody>,
) -> Result<axum::Json<OnCallOverride>, Problem> {
    let order = Order {
        actor: who.0,
        if_revision: None,
    };
    let plan = OverridePlan {
        rotation,
        person: needed("/person", &body.person, LONGEST_NAME)?,
        from: body.from.map(|at| at.0),
        until: body.until.0,
        reason: needed("/reason", &body.reason, LONGEST_REASON)?,
    };
    Ok(axum::Json(app.backend.make_override(order, plan).await?))
}

/// A number such as `O-000042` or `42`.
pub fn override_id(text: &str) -> Result<u64, Problem> {
    let digits = text.strip_prefix("O-").unwrap_or(text);
    match digits.parse() {
        Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        Ok(_) | Err(_) => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("there is no on-call override {text}"),
        )),
    }
}

/// Ended before its time: the rotation has its turn again, and the override stays in the list
#[utoipa::path(delete, path = "/api/v1/on-call/overrides/{id}", tag = "Tickets",
    params(("id" = String, Path, description = "`O-000042` or `42`")),
    responses((status = 200, description = "The override", body = OnCallOverride), Problems))]
pub async fn end_override<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    _: Asked<NoQuery>,
) -> Result<axum::Json<OnCallOverride>, Problem> {
    let order = Order {
        actor: who.0,
        if_revision: None,
    };
    Ok(axum::Json(app.backend.end_override(order, override_id(&id)?).await?))
}
