//! Pages of the tree of sites and machines.

use super::App;
use super::api::topology::site_in_path;
use super::backend::Backend;
use super::extract::{InPath, State};
use super::pages::{Page, ROWS, Visit, first};
use super::problem::Problem;
use axum::extract::Query;
use dashboards::page;
use serde::Deserialize;

pub(super) async fn sites<B: Backend>(State(app): State<App<B>>, visit: Visit) -> Result<Page, Problem> {
    let sites = app.backend.topology().await?;
    Ok(visit.show(page::topology_sites(&visit.frame, &sites)))
}

#[derive(Debug, Deserialize)]
pub(super) struct TreeQuery {
    cursor: Option<String>,
}

pub(super) async fn site<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    InPath(site): InPath<String>,
    Query(query): Query<TreeQuery>,
) -> Result<Page, Problem> {
    let site = site_in_path(&site)?;
    let tree = app
        .backend
        .site_topology(site.clone(), first(query.cursor, ROWS))
        .await?;
    Ok(visit.show(page::topology_of_site(&visit.frame, &site, &tree)))
}
