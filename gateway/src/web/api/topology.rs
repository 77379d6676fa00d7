//! What hangs on what.

use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::Backend;
use crate::web::extract::State;
use crate::web::extract::{Asked, InPath, NoQuery, slice};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use dashboards::view::{Page, SiteNode, TreeNode};
use domain::SiteName;
use serde::Deserialize;
use utoipa::IntoParams;

/// The sites, each with what stands there
#[utoipa::path(get, path = "/api/v1/topology", tag = "Devices",
    responses((status = 200, description = "Every site with a machine", body = Vec<SiteNode>), Problems))]
pub async fn sites<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    _: Asked<NoQuery>,
) -> Result<Json<Vec<SiteNode>>, Problem> {
    Ok(Json(app.backend.topology().await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TreeQuery {
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    limit: Option<u32>,
}

/// The machines of a site as a tree, each before what hangs on it, with their parts
#[utoipa::path(get, path = "/api/v1/topology/{site}", tag = "Devices",
    params(("site" = String, Path), TreeQuery),
    responses((status = 200, description = "A page of machines", body = Page<TreeNode>), Problems))]
pub async fn site<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(site): InPath<String>,
    Asked(query): Asked<TreeQuery>,
) -> Result<Json<Page<TreeNode>>, Problem> {
    let slice = slice(query.cursor, query.limit)?;
    Ok(Json(app.backend.site_topology(site_in_path(&site)?, slice).await?))
}

/// The site of a path; what cannot be a name is nowhere.
pub fn site_in_path(text: &str) -> Result<SiteName, Problem> {
    SiteName::new(text).map_err(|_| Problem::new(StatusCode::NOT_FOUND, format!("there is no site {text}")))
}
