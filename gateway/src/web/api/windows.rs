//! Maintenance windows: work on machines, planned, and ended by people.

use super::alarms::LONGEST_REASON;
use super::tickets::ReasonBody;
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, Order, WindowPlan};
use crate::web::extract::State;
use crate::web::extract::{Asked, InPath, Json, NoQuery, needed};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::StatusCode;
use dashboards::view::{Window, WindowCovers, WindowPurpose, WindowSchedule};
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowBody {
    /// What it is for.
    pub purpose: WindowPurpose,
    /// Which machines; at least one list must say something.
    pub covers: WindowCovers,
    /// When.
    pub schedule: WindowSchedule,
    /// Why; at most 256 characters.
    pub reason: String,
}

/// A number such as `W-000042` or `42`.
pub fn window_id(text: &str) -> Result<u64, Problem> {
    let digits = text.strip_prefix("W-").unwrap_or(text);
    match digits.parse() {
        Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        Ok(_) | Err(_) => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("there is no window {text}"),
        )),
    }
}

/// Maintenance windows that are not over, the oldest first
#[utoipa::path(get, path = "/api/v1/windows", tag = "Windows",
    responses((status = 200, description = "The windows; at most 1000", body = Vec<Window>), Problems))]
pub async fn list<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Vec<Window>>, Problem> {
    Ok(axum::Json(app.backend.windows().await?))
}

/// Work on machines: their alarms are out of service (or suppressed by design, for commissioning) while it is open
#[utoipa::path(post, path = "/api/v1/windows", tag = "Windows", request_body = WindowBody,
    responses((status = 200, description = "The window", body = Window), Problems))]
pub async fn plan<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    _: Asked<NoQuery>,
    Json(body): Json<WindowBody>,
) -> Result<axum::Json<Window>, Problem> {
    let order = Order {
        actor: who.0,
        if_revision: None,
    };
    let plan = WindowPlan {
        purpose: body.purpose,
        covers: body.covers,
        schedule: body.schedule,
        reason: needed("/reason", &body.reason, LONGEST_REASON)?,
    };
    Ok(axum::Json(app.backend.plan_window(order, plan).await?))
}

/// Ended before its time: the machines are back in service
#[utoipa::path(post, path = "/api/v1/windows/{window}/end", tag = "Windows",
    params(("window" = String, Path, description = "`W-000042` or `42`")), request_body = ReasonBody,
    responses((status = 200, description = "The window", body = Window), Problems))]
pub async fn end<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    _: Asked<NoQuery>,
    Json(body): Json<ReasonBody>,
) -> Result<axum::Json<Window>, Problem> {
    let order = Order {
        actor: who.0,
        if_revision: None,
    };
    let reason = needed("/reason", &body.reason, LONGEST_REASON)?;
    Ok(axum::Json(
        app.backend.end_window(order, window_id(&id)?, reason).await?,
    ))
}
