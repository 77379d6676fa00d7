//! The pages of the knowledge base, and what their forms send.

use super::App;
use super::api::alarms::LONGEST_REASON;
use super::api::knowledge::{EntriesQuery, EntryBody, entry_id};
use super::auth::Who;
use super::backend::{Backend, KnowledgeOrder, Order, Right};
use super::extract::{Form, InPath, State, needed, ticket_id};
use super::forms::{local, optional_mode};
use super::pages::{Page, Visit};
use super::problem::Problem;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Redirect;
use dashboards::page::{self, KnowledgeFilter};
use dashboards::view::EntryState;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct SearchParams {
    #[serde(default)]
    q: String,
    #[serde(default)]
    profile: String,
    #[serde(default)]
    failure_mode: String,
    #[serde(default)]
    fault_code: String,
    #[serde(default)]
    state: String,
}

pub(super) async fn search<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    Query(params): Query<SearchParams>,
) -> Result<Page, Problem> {
    let state = match params.state.as_str() {
        "draft" => Some(EntryState::Draft),
        "released" => Some(EntryState::Released),
        "retired" => Some(EntryState::Retired),
        "maker" => Some(EntryState::Maker),
        _ => None,
    };
    let filter = KnowledgeFilter {
        text: params.q,
        profile: params.profile,
        failure_mode: params.failure_mode,
        fault_code: params.fault_code,
        state,
        only_suggested: params.state == "suggested",
    };
    let query = EntriesQuery {
        q: filter.text.clone(),
        profile: Some(filter.profile.clone()),
        failure_mode: optional_mode(&filter.failure_mode)?,
        fault_code: Some(filter.fault_code.clone()),
        state,
        suggested: filter.only_suggested,
    };
    let list = app.backend.search_knowledge(query.read()?).await?;
    Ok(visit.show(page::knowledge(&visit.frame, &filter, &list)))
}

pub(super) async fn one<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    InPath(id): InPath<String>,
) -> Result<Page, Problem> {
    let entry = app.backend.entry(entry_id(&id)?).await?;
    Ok(visit.show(page::entry(&visit.frame, &entry)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EntryForm {
    revision: Option<u64>,
    title: String,
    profiles: String,
    fault_codes: String,
    symptoms: String,
    failure_mode: String,
    part: String,
    cause: String,
    solution: String,
    parts: String,
    safety_note: String,
}

fn names(text: &str) -> Vec<String> {
    let names = text.split([',', '，', '、']).map(str::trim);
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

impl EntryForm {
    fn body(self) -> Result<EntryBody, Problem> {
        Ok(EntryBody {
            title: self.title,
            profiles: names(&self.profiles),
            fault_codes: names(&self.fault_codes),
            symptoms: self.symptoms,
            failure_mode: optional_mode(&self.failure_mode)?,
            part: self.part,
            cause: self.cause,
            solution: self.solution,
            parts: names(&self.parts),
            safety_note: self.safety_note,
        })
    }
}

async fn carry_out<B: Backend>(
    app: &App<B>,
    who: Who,
    right: Right,
    if_revision: Option<u64>,
    wish: KnowledgeOrder,
) -> Result<Redirect, Problem> {
    let actor = who.needs(right)?;
    let order = Order { actor, if_revision };
    let entry = app.backend.change_knowledge(order, wish).await?;
    Ok(Redirect::to(&format!("/knowledge/{}", entry.id)))
}

pub(super) async fn draft<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Form(form): Form<EntryForm>,
) -> Result<Redirect, Problem> {
    let wish = KnowledgeOrder::Draft(Box::new(form.body()?.read()?));
    carry_out(&app, who, Right::WriteKnowledge, None, wish).await
}

pub(super) async fn edit<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    Form(form): Form<EntryForm>,
) -> Result<Redirect, Problem> {
    let revision = form.revision;
    let wish = KnowledgeOrder::Edit(entry_id(&id)?, Box::new(form.body()?.read()?));
    carry_out(&app, who, Right::WriteKnowledge, revision, wish).await
}

#[derive(Debug, Deserialize)]
pub(super) struct TicketForm {
    ticket: String,
}

fn ticket_of(text: &str) -> Result<domain::TicketId, Problem> {
    ticket_id(text.trim()).map_err(|_| Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/ticket", "is no ticket"))
}

pub(super) async fn from_ticket<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Form(form): Form<TicketForm>,
) -> Result<Redirect, Problem> {
    let wish = KnowledgeOrder::FromTicket(ticket_of(&form.ticket)?);
    carry_out(&app, who, Right::WriteKnowledge, None, wish).await
}

#[derive(Debug, Deserialize)]
pub(super) struct LifeForm {
    revision: Option<u64>,
    #[serde(default)]
    reason: String,
}

pub(super) async fn release<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    Form(form): Form<LifeForm>,
) -> Result<Redirect, Problem> {
    let wish = KnowledgeOrder::Release(entry_id(&id)?);
    carry_out(&app, who, Right::ReleaseKnowledge, form.revision, wish).await
}

pub(super) async fn retire<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    Form(form): Form<LifeForm>,
) -> Result<Redirect, Problem> {
    let reason = needed("/reason", &form.reason, LONGEST_REASON)?;
    let wish = KnowledgeOrder::Retire(entry_id(&id)?, reason);
    carry_out(&app, who, Right::ReleaseKnowledge, form.revision, wish).await
}

#[derive(Debug, Deserialize)]
pub(super) struct FeedbackForm {
    #[serde(default)]
    back: String,
    ticket: String,
    helped: bool,
}

pub(super) async fn feedback<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    Form(form): Form<FeedbackForm>,
) -> Result<Redirect, Problem> {
    let wish = KnowledgeOrder::Rate(entry_id(&id)?, ticket_of(&form.ticket)?, form.helped);
    let order = Order {
        actor: who.needs(Right::WriteKnowledge)?,
        if_revision: None,
    };
    app.backend.change_knowledge(order, wish).await?;
    Ok(Redirect::to(&local(&form.back)))
}
