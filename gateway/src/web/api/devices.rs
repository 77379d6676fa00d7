//! Devices and their history.

use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, DeviceQuery, HistoryQuery};
use crate::web::extract::State;
use crate::web::extract::{Asked, DevicePath, InPath, NoQuery, slice};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use dashboards::view::{At, Device, DeviceSummary, FleetCounts, History, Page};
use domain::{MetricName, SiteName};
use serde::Deserialize;
use utoipa::IntoParams;

/// Points of a history where nothing is asked for.
const DEFAULT_POINTS: u32 = 500;
const MOST_POINTS: u32 = 5000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DevicesQuery {
    /// Only this site.
    #[param(value_type = Option<String>)]
    site: Option<SiteName>,
    /// Only with this in site, name, profile or title.
    q: Option<String>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    limit: Option<u32>,
}

/// Devices, the one that needs attention first
#[utoipa::path(get, path = "/api/v1/devices", tag = "Devices", params(DevicesQuery),
    responses((status = 200, description = "A page of devices", body = Page<DeviceSummary>), Problems))]
pub async fn list<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<DevicesQuery>,
) -> Result<Json<Page<DeviceSummary>>, Problem> {
    let query = DeviceQuery {
        site: query.site,
        text: query.q.unwrap_or_default(),
        slice: slice(query.cursor, query.limit)?,
    };
    Ok(Json(app.backend.devices(query).await?))
}

/// One device: metrics with limits and expected ranges, failure modes, alarms, tickets
#[utoipa::path(get, path = "/api/v1/devices/{site}/{device}", tag = "Devices",
    params(("site" = String, Path), ("device" = String, Path)),
    responses((status = 200, description = "The device", body = Device), Problems))]
pub async fn one<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(path): InPath<DevicePath>,
    _: Asked<NoQuery>,
) -> Result<Json<Device>, Problem> {
    Ok(Json(app.backend.device(path.key()?).await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryParams {
    /// The metric.
    #[param(value_type = String)]
    metric: MetricName,
    /// Start, RFC 3339; default: the oldest there is.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<At>,
    /// End, RFC 3339, not included; default: now.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<At>,
    /// Rolled up until no more than this many points are left; 2 to 5000, default 500.
    max_points: Option<u32>,
}

/// A metric over time, rolled up as needed, and the device's alarms in that time
#[utoipa::path(get, path = "/api/v1/devices/{site}/{device}/history", tag = "Devices",
    params(("site" = String, Path), ("device" = String, Path), HistoryParams),
    responses((status = 200, description = "The history", body = History), Problems))]
pub async fn history<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(path): InPath<DevicePath>,
    Asked(query): Asked<HistoryParams>,
) -> Result<Json<History>, Problem> {
    let max_points = query.max_points.unwrap_or(DEFAULT_POINTS);
    if !(2..=MOST_POINTS).contains(&max_points) {
        let detail = format!("a number from 2 to {MOST_POINTS}");
        return Err(Problem::field(StatusCode::BAD_REQUEST, "?max_points", detail));
    }
    if let (Some(from), Some(to)) = (query.from, query.to)
        && from >= to
    {
        return Err(Problem::field(StatusCode::BAD_REQUEST, "?from", "must lie before `to`"));
    }
    let query = HistoryQuery {
        device: path.key()?,
        metric: query.metric,
        from: query.from.map(|at| at.0),
        to: query.to.map(|at| at.0),
        max_points: max_points as usize,
    };
    Ok(Json(app.backend.history(query).await?))
}

/// The counters of the fleet
#[utoipa::path(get, path = "/api/v1/fleet", tag = "Devices",
    responses((status = 200, description = "The counters", body = FleetCounts), Problems))]
pub async fn counts<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    _: Asked<NoQuery>,
) -> Result<Json<FleetCounts>, Problem> {
    Ok(Json(app.backend.counts().await?))
}
