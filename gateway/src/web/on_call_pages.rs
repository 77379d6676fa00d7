//! The page of who is on call, and what its forms send.

use super::App;
use super::api::alarms::LONGEST_REASON;
use super::api::on_call::override_id;
use super::api::tickets::LONGEST_NAME;
use super::auth::Who;
use super::backend::{Backend, Order, OverridePlan};
use super::extract::{Form, InPath, State, needed};
use super::forms::local;
use super::pages::{Page, Visit};
use super::problem::Problem;
use super::window_pages::instant;
use axum::response::Redirect;
use dashboards::page;
use domain::Millis;
use serde::Deserialize;

/// So far ahead the page shows who is on call.
const AHEAD: Millis = Millis::days(14);

pub(super) async fn list<B: Backend>(State(app): State<App<B>>, visit: Visit) -> Result<Page, Problem> {
    let rotations = app.backend.on_call(AHEAD).await?;
    let overrides = app.backend.overrides().await?;
    Ok(visit.show(page::on_call(&visit.frame, &rotations, &overrides)))
}

#[derive(Debug, Deserialize)]
pub(super) struct SwapForm {
    #[serde(default)]
    back: String,
    rotation: String,
    person: String,
    #[serde(default)]
    from: String,
    until: String,
    reason: String,
}

pub(super) async fn swap<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Form(form): Form<SwapForm>,
) -> Result<Redirect, Problem> {
    let plan = OverridePlan {
        rotation: form.rotation,
        person: needed("/person", &form.person, LONGEST_NAME)?,
        from: match form.from.trim() {
            "" => None,
            from => Some(instant("/from", from)?.0),
        },
        until: instant("/until", &form.until)?.0,
        reason: needed("/reason", &form.reason, LONGEST_REASON)?,
    };
    let order = Order {
        actor: who.0,
        if_revision: None,
    };
    app.backend.make_override(order, plan).await?;
    Ok(Redirect::to(&local(&form.back)))
}

#[derive(Debug, Deserialize)]
pub(super) struct EndForm {
    #[serde(default)]
    back: String,
}

pub(super) async fn end<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    Form(form): Form<EndForm>,
) -> Result<Redirect, Problem> {
    let order = Order {
        actor: who.0,
        if_revision: None,
    };
    app.backend.end_override(order, override_id(&id)?).await?;
    Ok(Redirect::to(&local(&form.back)))
}
