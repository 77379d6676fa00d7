//! Model versions: added, run in shadow, promoted, rolled back.

use super::alarms::{EmptyBody, LONGEST_REASON};
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, ModelCommand};
use crate::web::extract::State;
use crate::web::extract::{Asked, FileBody, InPath, Json, NoQuery, needed, text};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use dashboards::view::{Model, ModelDetail};
use domain::ModelVersion;
use serde::Deserialize;
use utoipa::ToSchema;

/// Longest name of a person, in characters.
const LONGEST_NAME: usize = 64;

/// Who stands for a change of what judges.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseBody {
    /// The person who stands for it, at most 64 characters; for a promotion not the one who added the model.
    pub approved_by: String,
    /// Why, at most 256 characters.
    #[serde(default)]
    pub reason: String,
}

impl ReleaseBody {
    fn checked(&self) -> Result<(String, String), Problem> {
        let approved_by = needed("/approved_by", &self.approved_by, LONGEST_NAME)?;
        Ok((approved_by, text("/reason", &self.reason, LONGEST_REASON)?))
    }
}

/// Model versions: in force, in shadow, candidates, retired
#[utoipa::path(get, path = "/api/v1/models", tag = "Models",
    responses((status = 200, description = "Those in force first", body = [Model]), Problems))]
pub async fn list<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Vec<Model>>, Problem> {
    Ok(axum::Json(app.backend.models().await?))
}

/// One version, with how it differs from the one in force
#[utoipa::path(get, path = "/api/v1/models/{version}", tag = "Models", params(("version" = String, Path)),
    responses((status = 200, description = "The version", body = ModelDetail), Problems))]
pub async fn one<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(version): InPath<String>,
    _: Asked<NoQuery>,
) -> Result<axum::Json<ModelDetail>, Problem> {
    Ok(axum::Json(app.backend.model(ModelVersion::from_text(&version)).await?))
}

/// Adds a version, which does nothing yet: the TOML of a profile, or a bundle with one; every mistake is named with line and field
#[utoipa::path(post, path = "/api/v1/models", tag = "Models",
    request_body(content((String = "application/toml"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 200, description = "The version", body = ModelDetail), Problems))]
pub async fn add<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    _: Asked<NoQuery>,
    FileBody(content): FileBody,
) -> Result<axum::Json<ModelDetail>, Problem> {
    let actor = who.0;
    Ok(axum::Json(app.backend.add_model(actor, content).await?))
}

/// Runs it beside the version in force; nobody is told what it says
#[utoipa::path(post, path = "/api/v1/models/{version}/shadow", tag = "Models", params(("version" = String, Path)),
    request_body = EmptyBody, responses((status = 200, description = "The version", body = ModelDetail), Problems))]
pub async fn shadow<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(version): InPath<String>,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<axum::Json<ModelDetail>, Problem> {
    let actor = who.0;
    let version = ModelVersion::from_text(&version);
    Ok(axum::Json(
        app.backend.command_model(actor, version, ModelCommand::Shadow).await?,
    ))
}

/// Lets it judge, after it ran in shadow; not for who added it or let it run in shadow, if somebody else may; with a person who stands for it
#[utoipa::path(post, path = "/api/v1/models/{version}/promote", tag = "Models", params(("version" = String, Path)),
    request_body = ReleaseBody, responses((status = 200, description = "The version", body = ModelDetail), Problems))]
pub async fn promote<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(version): InPath<String>,
    _: Asked<NoQuery>,
    Json(body): Json<ReleaseBody>,
) -> Result<axum::Json<ModelDetail>, Problem> {
    let actor = who.0;
    let (approved_by, reason) = body.checked()?;
    let command = ModelCommand::Promote { approved_by, reason };
    let version = ModelVersion::from_text(&version);
    Ok(axum::Json(app.backend.command_model(actor, version, command).await?))
}

/// Lets judge again what judged before it
#[utoipa::path(post, path = "/api/v1/models/{version}/rollback", tag = "Models", params(("version" = String, Path)),
    request_body = ReleaseBody, responses((status = 200, description = "The version", body = ModelDetail), Problems))]
pub async fn rollback<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(version): InPath<String>,
    _: Asked<NoQuery>,
    Json(body): Json<ReleaseBody>,
) -> Result<axum::Json<ModelDetail>, Problem> {
    let actor = who.0;
    let (approved_by, reason) = body.checked()?;
    let command = ModelCommand::Rollback { approved_by, reason };
    let version = ModelVersion::from_text(&version);
    Ok(axum::Json(app.backend.command_model(actor, version, command).await?))
}

/// Sets a candidate aside, or ends its shadow
#[utoipa::path(post, path = "/api/v1/models/{version}/discard", tag = "Models", params(("version" = String, Path)),
    request_body = EmptyBody, responses((status = 200, description = "The version", body = ModelDetail), Problems))]
pub async fn discard<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(version): InPath<String>,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<axum::Json<ModelDetail>, Problem> {
    let actor = who.0;
    let version = ModelVersion::from_text(&version);
    Ok(axum::Json(
        app.backend.command_model(actor, version, ModelCommand::Discard).await?,
    ))
}
