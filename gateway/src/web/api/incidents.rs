//! Incidents and floods: many alarms at once.

use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, IncidentQuery};
use crate::web::extract::State;
use crate::web::extract::{Asked, InPath, NoQuery, incident_id, slice};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use dashboards::view::{Incident, Page, SiteStorms};
use domain::SiteName;
use serde::Deserialize;
use utoipa::IntoParams;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncidentsQuery {
    /// Only this site.
    #[param(value_type = Option<String>)]
    site: Option<SiteName>,
    /// `true`, as without it: those that last; `false`: those that are over.
    open: Option<bool>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    limit: Option<u32>,
}

/// Incidents, the newest first; those that are over only if asked for by `open`
#[utoipa::path(get, path = "/api/v1/incidents", tag = "Incidents", params(IncidentsQuery),
    responses((status = 200, description = "A page of incidents", body = Page<Incident>), Problems))]
pub async fn list<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<IncidentsQuery>,
) -> Result<axum::Json<Page<Incident>>, Problem> {
    let query = IncidentQuery {
        site: query.site,
        is_open: query.open.unwrap_or(true),
        slice: slice(query.cursor, query.limit)?,
    };
    Ok(axum::Json(app.backend.incidents(query).await?))
}

/// One incident; its members are the alarms with `incident`
#[utoipa::path(get, path = "/api/v1/incidents/{incident}", tag = "Incidents",
    params(("incident" = String, Path, description = "`I-000042` or `42`")),
    responses((status = 200, description = "The incident", body = Incident), Problems))]
pub async fn one<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(id): InPath<String>,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Incident>, Problem> {
    Ok(axum::Json(app.backend.incident(incident_id(&id)?).await?))
}

/// Floods of alarms and the limit of notices, by site
#[utoipa::path(get, path = "/api/v1/floods", tag = "Incidents",
    responses((status = 200, description = "Every site of which an alarm was ever announced", body = Vec<SiteStorms>), Problems))]
pub async fn floods<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Vec<SiteStorms>>, Problem> {
    Ok(axum::Json(app.backend.floods().await?))
}
