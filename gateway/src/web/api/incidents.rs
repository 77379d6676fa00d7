//! Incidents and floods: many alarms at once.

use super::alarms::LONGEST_REASON;
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, IncidentCommand, IncidentQuery, Order};
use crate::web::extract::State;
use crate::web::extract::{Asked, IfMatch, InPath, Json, NoQuery, incident_id, needed, slice, text};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use dashboards::view::{Incident, Page, SiteStorms};
use domain::SiteName;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

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

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RespondBody {
    /// A remark; at most 256 characters.
    #[serde(default)]
    note: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HandleBody {
    /// What was done; at most 256 characters.
    note: String,
}

/// Somebody answers for an incident: the response of its level of event has begun
#[utoipa::path(post, path = "/api/v1/incidents/{incident}/respond", tag = "Incidents",
    params(("incident" = String, Path, description = "`I-000042` or `42`")), request_body = RespondBody,
    responses((status = 200, description = "The incident", body = Incident), Problems))]
pub async fn respond<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(if_revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<RespondBody>,
) -> Result<axum::Json<Incident>, Problem> {
    let note = text("/note", &body.note, LONGEST_REASON)?;
    let order = Order {
        actor: who.0,
        if_revision,
    };
    let command = IncidentCommand::Respond { note };
    Ok(axum::Json(
        app.backend.command_incident(order, incident_id(&id)?, command).await?,
    ))
}

/// An incident was dealt with for the first time
#[utoipa::path(post, path = "/api/v1/incidents/{incident}/handle", tag = "Incidents",
    params(("incident" = String, Path, description = "`I-000042` or `42`")), request_body = HandleBody,
    responses((status = 200, description = "The incident", body = Incident), Problems))]
pub async fn handle<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(if_revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<HandleBody>,
) -> Result<axum::Json<Incident>, Problem> {
    let note = needed("/note", &body.note, LONGEST_REASON)?;
    let order = Order {
        actor: who.0,
        if_revision,
    };
    let command = IncidentCommand::Handle { note };
    Ok(axum::Json(
        app.backend.command_incident(order, incident_id(&id)?, command).await?,
    ))
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
