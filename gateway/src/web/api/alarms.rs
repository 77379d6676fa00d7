//! Alarms and what people do to them.

use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Actor, AlarmCommand, AlarmQuery, Backend, Order};
use crate::web::extract::State;
use crate::web::extract::{Asked, IfMatch, InPath, Json, NoQuery, etag, incident_id, needed, slice, text};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::{HeaderName, StatusCode};
use dashboards::view::{Alarm, AlarmState, At, Page, schema};
use domain::{AlarmId, DeviceKey, DeviceName, FailureModeId, Millis, Severity, SiteName, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Longest remark of a person, in characters (DOMAIN 13).
pub const LONGEST_REASON: usize = 256;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AlarmsQuery {
    /// Only this site.
    #[param(value_type = Option<String>)]
    site: Option<SiteName>,
    /// Only this device.
    #[param(value_type = Option<String>)]
    device: Option<DeviceName>,
    /// Only in this state; `normal` lists those that are over.
    state: Option<AlarmState>,
    /// Only this severity.
    #[param(value_type = Option<schema::Severity>)]
    severity: Option<Severity>,
    /// `true`: the condition stands; `false`: it is gone.
    active: Option<bool>,
    /// `true`: put aside by a person; `false`: not.
    shelved: Option<bool>,
    /// Only members of this incident, `I-000042` or `42`; also those that are over or have left it.
    incident: Option<String>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    limit: Option<u32>,
}

/// Site, device, failure mode and episode: the parts of an alarm's id.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AlarmPath {
    /// The place.
    pub site: String,
    /// The machine.
    pub device: String,
    /// The failure mode.
    pub mode: String,
    /// Counts from 1.
    pub episode: u32,
}

impl AlarmPath {
    pub fn id(&self) -> Result<AlarmId, Problem> {
        let parts = DeviceKey::new(&self.site, &self.device).and_then(|key| Ok((key, FailureModeId::new(&self.mode)?)));
        match parts {
            Ok((device, mode)) => Ok(AlarmId::new(&device, &mode, self.episode)),
            Err(_) => Err(Problem::new(StatusCode::NOT_FOUND, "there is no such alarm")),
        }
    }
}

/// An alarm with its revision as ETag.
type Tagged = ([(HeaderName, String); 1], axum::Json<Alarm>);

fn tagged(alarm: Alarm) -> Tagged {
    (etag(alarm.revision), axum::Json(alarm))
}

/// Alarms, newest change first; those that are over only if asked for by `state`
#[utoipa::path(get, path = "/api/v1/alarms", tag = "Alarms", params(AlarmsQuery),
    responses((status = 200, description = "A page of alarms", body = Page<Alarm>), Problems))]
pub async fn list<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<AlarmsQuery>,
) -> Result<axum::Json<Page<Alarm>>, Problem> {
    let wrong = |_| Problem::field(StatusCode::BAD_REQUEST, "?incident", "must be such as I-000042 or 42");
    let incident = query.incident.as_deref().map(incident_id).transpose().map_err(wrong)?;
    let query = AlarmQuery {
        site: query.site,
        device: query.device,
        state: query.state,
        severity: query.severity,
        is_active: query.active,
        is_shelved: query.shelved,
        with_normal: incident.is_some(),
        incident,
        slice: slice(query.cursor, query.limit)?,
    };
    Ok(axum::Json(app.backend.alarms(query).await?))
}

/// One alarm with its evidence
#[utoipa::path(get, path = "/api/v1/alarms/{site}/{device}/{mode}/{episode}", tag = "Alarms", params(AlarmPath),
    responses((status = 200, description = "The alarm; ETag is its revision", body = Alarm), Problems))]
pub async fn one<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(path): InPath<AlarmPath>,
    _: Asked<NoQuery>,
) -> Result<Tagged, Problem> {
    Ok(tagged(app.backend.alarm(path.id()?).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeBody {
    /// Remark, at most 256 characters.
    #[serde(default)]
    pub note: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShelveBody {
    /// Why; at most 256 characters.
    pub reason: String,
    /// For so many minutes; either this or `until`.
    pub minutes: Option<i64>,
    /// Until then; either this or `minutes`.
    pub until: Option<At>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutOfServiceBody {
    /// What work is done; at most 256 characters.
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmptyBody {}

/// A checked command from a shelve request.
pub fn shelving(body: &ShelveBody, now: Timestamp) -> Result<AlarmCommand, Problem> {
    let wrong = |pointer: &str, detail: &str| Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, detail);
    let until = match (body.minutes, body.until) {
        (Some(minutes), None) if (1..=525_600).contains(&minutes) => now + Millis::minutes(minutes),
        (Some(_), None) => return Err(wrong("/minutes", "a number from 1 to 525600")),
        (None, Some(until)) if until.0 > now => until.0,
        (None, Some(_)) => return Err(wrong("/until", "must lie in the future")),
        (Some(_), Some(_)) | (None, None) => return Err(wrong("/minutes", "give either minutes or until")),
    };
    Ok(AlarmCommand::Shelve {
        reason: needed("/reason", &body.reason, LONGEST_REASON)?,
        until,
    })
}

async fn command<B: Backend>(
    app: &App<B>,
    actor: Actor,
    if_revision: Option<u64>,
    path: &AlarmPath,
    command: AlarmCommand,
) -> Result<Tagged, Problem> {
    let order = Order { actor, if_revision };
    Ok(tagged(app.backend.command_alarm(order, path.id()?, command).await?))
}

/// Seen by a person
#[utoipa::path(post, path = "/api/v1/alarms/{site}/{device}/{mode}/{episode}/acknowledge", tag = "Alarms", params(AlarmPath),
    request_body = AcknowledgeBody, responses((status = 200, description = "The alarm", body = Alarm), Problems))]
pub async fn acknowledge<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(path): InPath<AlarmPath>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<AcknowledgeBody>,
) -> Result<Tagged, Problem> {
    let actor = who.0;
    let note = text("/note", &body.note, LONGEST_REASON)?;
    command(&app, actor, revision, &path, AlarmCommand::Acknowledge { note }).await
}

/// Put aside by a person, for a time and a reason
#[utoipa::path(post, path = "/api/v1/alarms/{site}/{device}/{mode}/{episode}/shelve", tag = "Alarms", params(AlarmPath),
    request_body = ShelveBody, responses((status = 200, description = "The alarm", body = Alarm), Problems))]
pub async fn shelve<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(path): InPath<AlarmPath>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<ShelveBody>,
) -> Result<Tagged, Problem> {
    let actor = who.0;
    let shelve = shelving(&body, app.backend.now())?;
    command(&app, actor, revision, &path, shelve).await
}

/// Back on the list before its time
#[utoipa::path(post, path = "/api/v1/alarms/{site}/{device}/{mode}/{episode}/unshelve", tag = "Alarms", params(AlarmPath),
    request_body = EmptyBody, responses((status = 200, description = "The alarm", body = Alarm), Problems))]
pub async fn unshelve<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(path): InPath<AlarmPath>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<Tagged, Problem> {
    let actor = who.0;
    command(&app, actor, revision, &path, AlarmCommand::Unshelve).await
}

/// Lets a latched alarm go
#[utoipa::path(post, path = "/api/v1/alarms/{site}/{device}/{mode}/{episode}/reset", tag = "Alarms", params(AlarmPath),
    request_body = EmptyBody, responses((status = 200, description = "The alarm", body = Alarm), Problems))]
pub async fn reset<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(path): InPath<AlarmPath>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<Tagged, Problem> {
    let actor = who.0;
    command(&app, actor, revision, &path, AlarmCommand::Reset).await
}

/// Out of service for work on the machine, under the name of who asks; the condition is tracked underneath
#[utoipa::path(post, path = "/api/v1/alarms/{site}/{device}/{mode}/{episode}/out-of-service", tag = "Alarms", params(AlarmPath),
    request_body = OutOfServiceBody, responses((status = 200, description = "The alarm", body = Alarm), Problems))]
pub async fn out_of_service<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(path): InPath<AlarmPath>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<OutOfServiceBody>,
) -> Result<Tagged, Problem> {
    let actor = who.0;
    let reason = needed("/reason", &body.reason, LONGEST_REASON)?;
    command(&app, actor, revision, &path, AlarmCommand::TakeOutOfService { reason }).await
}

/// Back in service: it is unacknowledged if its condition stands
#[utoipa::path(post, path = "/api/v1/alarms/{site}/{device}/{mode}/{episode}/return-to-service", tag = "Alarms", params(AlarmPath),
    request_body = EmptyBody, responses((status = 200, description = "The alarm", body = Alarm), Problems))]
pub async fn return_to_service<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(path): InPath<AlarmPath>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<Tagged, Problem> {
    let actor = who.0;
    command(&app, actor, revision, &path, AlarmCommand::ReturnToService).await
}
