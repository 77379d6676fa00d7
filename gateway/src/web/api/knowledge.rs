//! The knowledge base: searching, writing, releasing, and what tickets and alarms have to do with it.

use super::alarms::{AlarmPath, EmptyBody, LONGEST_REASON};
use super::tickets::{LONGEST_NAME, ReasonBody};
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, EntryText, KnowledgeOrder, KnowledgeQuery, Order, Right};
use crate::web::extract::{Asked, IfMatch, InPath, Json, NoQuery, State, etag, needed, text, ticket_id};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::{HeaderName, StatusCode, header, request::Parts};
use dashboards::view::{Entry, EntryList, EntryState};
use domain::FailureModeId;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Longest search text, in characters.
pub const LONGEST_SEARCH: usize = 256;
/// Longest text of an entry, in characters.
const LONGEST_TEXT: usize = alerting::knowledge::MAX_CHARACTERS;
/// Longest title, in characters.
const LONGEST_TITLE: usize = alerting::knowledge::MAX_TITLE_CHARACTERS;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EntriesQuery {
    /// Words in title, symptoms, cause or solution, or a fault code; at most 256 characters.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    pub q: String,
    /// Only about this class of machine.
    pub profile: Option<String>,
    /// Only about this failure mode.
    #[param(value_type = Option<String>)]
    pub failure_mode: Option<FailureModeId>,
    /// Only with this fault code.
    pub fault_code: Option<String>,
    /// Only in this state; default: all but retired ones.
    pub state: Option<EntryState>,
    /// `true`: only drafts that should be released.
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    pub suggested: bool,
}

impl EntriesQuery {
    /// Checked.
    ///
    /// # Errors
    /// A text that is too long.
    pub fn read(self) -> Result<KnowledgeQuery, Problem> {
        let asked = |text: Option<String>| text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
        Ok(KnowledgeQuery {
            text: text("?q", &self.q, LONGEST_SEARCH)?,
            profile: asked(self.profile),
            failure_mode: self.failure_mode,
            fault_code: asked(self.fault_code),
            state: self.state,
            only_suggested: self.suggested,
        })
    }
}

/// What an entry says.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryBody {
    /// In a few words, at most 256 characters.
    pub title: String,
    /// Classes of machines: the names of their profiles, at most 50; empty: any.
    #[serde(default)]
    pub profiles: Vec<String>,
    /// Fault codes of the machines, at most 50.
    #[serde(default)]
    pub fault_codes: Vec<String>,
    /// How it shows, at most 4000 characters.
    #[serde(default)]
    pub symptoms: String,
    /// How the machine fails, by the name that its profile gives it.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub failure_mode: Option<FailureModeId>,
    /// The part that fails, at most 128 characters.
    #[serde(default)]
    pub part: String,
    /// What it likely comes from, at most 4000 characters.
    pub cause: String,
    /// What ends it, at most 4000 characters.
    pub solution: String,
    /// Parts to bring, at most 50.
    #[serde(default)]
    pub parts: Vec<String>,
    /// What to mind, at most 4000 characters.
    #[serde(default)]
    pub safety_note: String,
}

fn names(pointer: &str, all: &[String]) -> Result<Vec<String>, Problem> {
    let most = alerting::knowledge::MAX_NAMES;
    if all.len() > most {
        let detail = format!("at most {most} names");
        return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, detail));
    }
    let named = |(i, name): (usize, &String)| needed(&format!("{pointer}/{i}"), name, LONGEST_NAME);
    all.iter().enumerate().map(named).collect()
}

impl EntryBody {
    /// Checked; shared by API and pages.
    ///
    /// # Errors
    /// The first field that is missing or too long.
    pub fn read(self) -> Result<EntryText, Problem> {
        Ok(EntryText {
            title: needed("/title", &self.title, LONGEST_TITLE)?,
            profiles: names("/profiles", &self.profiles)?,
            fault_codes: names("/fault_codes", &self.fault_codes)?,
            symptoms: text("/symptoms", &self.symptoms, LONGEST_TEXT)?,
            failure_mode: self.failure_mode,
            part: text("/part", &self.part, LONGEST_NAME)?,
            cause: needed("/cause", &self.cause, LONGEST_TEXT)?,
            solution: needed("/solution", &self.solution, LONGEST_TEXT)?,
            parts: names("/parts", &self.parts)?,
            safety_note: text("/safety_note", &self.safety_note, LONGEST_TEXT)?,
        })
    }
}

/// Whether an entry helped.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeedbackBody {
    /// With which ticket: `T-000042` or `42`.
    pub ticket: String,
    /// Whether it did.
    pub helped: bool,
}

/// An edit names what it saw: a revision must be given.
pub struct SeenRevision(Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for SeenRevision {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        if !parts.headers.contains_key(header::IF_MATCH) {
            let detail = "give the revision that you saw: If-Match with the ETag of the entry";
            return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail));
        }
        IfMatch::from_request_parts(parts, state)
            .await
            .map(|IfMatch(seen)| SeenRevision(seen))
    }
}

/// An entry with its revision as ETag.
pub type Tagged = ([(HeaderName, String); 1], axum::Json<Entry>);

fn tagged(entry: Entry) -> Tagged {
    (etag(entry.revision), axum::Json(entry))
}

/// The number of an entry such as `K-000042` or `42`.
///
/// # Errors
/// It is none.
pub fn entry_id(text: &str) -> Result<u64, Problem> {
    let digits = text.strip_prefix("K-").unwrap_or(text);
    match digits.parse() {
        Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        Ok(_) | Err(_) => Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no entry {text}"))),
    }
}

async fn carry_out<B: Backend>(
    app: &App<B>,
    who: Who,
    right: Right,
    if_revision: Option<u64>,
    order: KnowledgeOrder,
) -> Result<Entry, Problem> {
    let actor = who.needs(right)?;
    let by = Order { actor, if_revision };
    Ok(app.backend.change_knowledge(by, order).await?)
}

/// What is known of faults: the best entries for a question, those of the machines' makers among them
#[utoipa::path(get, path = "/api/v1/knowledge", tag = "Knowledge", params(EntriesQuery),
    responses((status = 200, description = "The best entries, at most 50", body = EntryList), Problems))]
pub async fn search<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<EntriesQuery>,
) -> Result<axum::Json<EntryList>, Problem> {
    Ok(axum::Json(app.backend.search_knowledge(query.read()?).await?))
}

/// A new draft
#[utoipa::path(post, path = "/api/v1/knowledge", tag = "Knowledge", request_body = EntryBody,
    responses((status = 201, description = "The entry; ETag is its revision", body = Entry), Problems))]
pub async fn draft<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    _: Asked<NoQuery>,
    Json(body): Json<EntryBody>,
) -> Result<(StatusCode, Tagged), Problem> {
    let order = KnowledgeOrder::Draft(Box::new(body.read()?));
    let entry = carry_out(&app, who, Right::WriteKnowledge, None, order).await?;
    Ok((StatusCode::CREATED, tagged(entry)))
}

/// One entry, with its tickets
#[utoipa::path(get, path = "/api/v1/knowledge/{entry}", tag = "Knowledge",
    params(("entry" = String, Path, description = "`K-000042` or `42`")),
    responses((status = 200, description = "The entry; ETag is its revision", body = Entry), Problems))]
pub async fn one<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(id): InPath<String>,
    _: Asked<NoQuery>,
) -> Result<Tagged, Problem> {
    Ok(tagged(app.backend.entry(entry_id(&id)?).await?))
}

/// Another text; a released entry changes only by who may release
#[utoipa::path(put, path = "/api/v1/knowledge/{entry}", tag = "Knowledge", params(("entry" = String, Path)),
    request_body = EntryBody, responses((status = 200, description = "The entry; 428 without If-Match", body = Entry), Problems))]
pub async fn edit<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    SeenRevision(revision): SeenRevision,
    _: Asked<NoQuery>,
    Json(body): Json<EntryBody>,
) -> Result<Tagged, Problem> {
    let order = KnowledgeOrder::Edit(entry_id(&id)?, Box::new(body.read()?));
    let entry = carry_out(&app, who, Right::WriteKnowledge, revision, order).await?;
    Ok(tagged(entry))
}

/// An engineer stands for it: from now on it is shown with tickets
#[utoipa::path(post, path = "/api/v1/knowledge/{entry}/release", tag = "Knowledge", params(("entry" = String, Path)),
    request_body = EmptyBody, responses((status = 200, description = "The entry", body = Entry), Problems))]
pub async fn release<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<Tagged, Problem> {
    let order = KnowledgeOrder::Release(entry_id(&id)?);
    let entry = carry_out(&app, who, Right::ReleaseKnowledge, revision, order).await?;
    Ok(tagged(entry))
}

/// It no longer holds
#[utoipa::path(post, path = "/api/v1/knowledge/{entry}/retire", tag = "Knowledge", params(("entry" = String, Path)),
    request_body = ReasonBody, responses((status = 200, description = "The entry", body = Entry), Problems))]
pub async fn retire<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<ReasonBody>,
) -> Result<Tagged, Problem> {
    let reason = needed("/reason", &body.reason, LONGEST_REASON)?;
    let order = KnowledgeOrder::Retire(entry_id(&id)?, reason);
    let entry = carry_out(&app, who, Right::ReleaseKnowledge, revision, order).await?;
    Ok(tagged(entry))
}

/// Whether it helped with a ticket; counts once for each ticket, the last word holds
#[utoipa::path(post, path = "/api/v1/knowledge/{entry}/feedback", tag = "Knowledge", params(("entry" = String, Path)),
    request_body = FeedbackBody, responses((status = 200, description = "The entry", body = Entry), Problems))]
pub async fn feedback<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<FeedbackBody>,
) -> Result<Tagged, Problem> {
    let ticket = ticket_id(body.ticket.trim())
        .map_err(|_| Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/ticket", "is no ticket"))?;
    let order = KnowledgeOrder::Rate(entry_id(&id)?, ticket, body.helped);
    let entry = carry_out(&app, who, Right::WriteKnowledge, revision, order).await?;
    Ok(tagged(entry))
}

/// The best entries for a ticket, by its fault codes, its failure mode and its machine
#[utoipa::path(get, path = "/api/v1/tickets/{ticket}/knowledge", tag = "Knowledge", params(("ticket" = String, Path)),
    responses((status = 200, description = "The best first; at most 5", body = [Entry]), Problems))]
pub async fn of_ticket<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(id): InPath<String>,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Vec<Entry>>, Problem> {
    Ok(axum::Json(app.backend.knowledge_of_ticket(ticket_id(&id)?).await?))
}

/// What a closed ticket found becomes a draft, or a further proof of the entry that says the same
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/knowledge", tag = "Knowledge", params(("ticket" = String, Path)),
    request_body = EmptyBody, responses((status = 200, description = "The entry; the same for a ticket that is in one", body = Entry), Problems))]
pub async fn born<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<Tagged, Problem> {
    let order = KnowledgeOrder::FromTicket(ticket_id(&id)?);
    let entry = carry_out(&app, who, Right::WriteKnowledge, None, order).await?;
    Ok(tagged(entry))
}

/// The best entries for an alarm
#[utoipa::path(get, path = "/api/v1/alarms/{site}/{device}/{mode}/{episode}/knowledge", tag = "Knowledge", params(AlarmPath),
    responses((status = 200, description = "The best first; at most 5", body = [Entry]), Problems))]
pub async fn of_alarm<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(path): InPath<AlarmPath>,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Vec<Entry>>, Problem> {
    Ok(axum::Json(app.backend.knowledge_of_alarm(path.id()?).await?))
}
