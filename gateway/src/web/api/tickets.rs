//! Tickets and their steps.

use super::alarms::{EmptyBody, LONGEST_REASON};
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, Order, Right, TicketCommand, TicketQuery};
use crate::web::extract::State;
use crate::web::extract::{Asked, IfMatch, InPath, Json, NoQuery, etag, needed, slice, text, ticket_id};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::{HeaderName, StatusCode};
use dashboards::view::{HoldCause, Outcome, Page, Proposal, Ticket, TicketClass, TicketState, TicketSummary};
use domain::{DeviceName, FailureModeId, SiteName};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Longest note of a technician, in characters.
pub const LONGEST_NOTE: usize = 4096;
/// Longest name of a person or a part, in characters.
pub const LONGEST_NAME: usize = 128;
const MOST_PARTS: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TicketsQuery {
    /// Only this site.
    #[param(value_type = Option<String>)]
    site: Option<SiteName>,
    /// Only this device.
    #[param(value_type = Option<String>)]
    device: Option<DeviceName>,
    /// Only in this state.
    state: Option<TicketState>,
    /// `true`: neither closed nor cancelled; `false`: closed or cancelled.
    open: Option<bool>,
    /// `true`: a bad rating is being followed up; `false`: none is.
    follow_up: Option<bool>,
    /// What the page before gave as `next`.
    cursor: Option<String>,
    /// Items at most; 1 to 1000, default 100.
    limit: Option<u32>,
}

/// A ticket with its revision as ETag.
pub type Tagged = ([(HeaderName, String); 1], axum::Json<Ticket>);

pub fn tagged(ticket: Ticket) -> Tagged {
    (etag(ticket.summary.revision), axum::Json(ticket))
}

/// Tickets: emergencies first, then the one whose clock runs out first
#[utoipa::path(get, path = "/api/v1/tickets", tag = "Tickets", params(TicketsQuery),
    responses((status = 200, description = "A page of tickets", body = Page<TicketSummary>), Problems))]
pub async fn list<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    Asked(query): Asked<TicketsQuery>,
) -> Result<axum::Json<Page<TicketSummary>>, Problem> {
    let query = TicketQuery {
        site: query.site,
        device: query.device,
        state: query.state,
        is_open: query.open,
        follow_up: query.follow_up,
        slice: slice(query.cursor, query.limit)?,
    };
    Ok(axum::Json(app.backend.tickets(query).await?))
}

/// One ticket: evidence, clocks, everything that happened
#[utoipa::path(get, path = "/api/v1/tickets/{ticket}", tag = "Tickets",
    params(("ticket" = String, Path, description = "`T-000042` or `42`")),
    responses((status = 200, description = "The ticket; ETag is its revision", body = Ticket), Problems))]
pub async fn one<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(id): InPath<String>,
    _: Asked<NoQuery>,
) -> Result<Tagged, Problem> {
    Ok(tagged(app.backend.ticket(ticket_id(&id)?).await?))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StepBody {
    /// Where to; one of the ticket's `next_states`.
    pub to: TicketState,
    /// Remark, at most 4096 characters.
    #[serde(default)]
    pub note: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignBody {
    /// Whom; at most 128 characters.
    pub assignee: String,
    /// Which proposal that is; refused if the proposals have changed since.
    #[serde(default)]
    pub proposal_rank: Option<u32>,
    /// Why not the first proposal; at most 256 characters, needed if somebody else is proposed first.
    #[serde(default)]
    pub override_reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// Why; at most 256 characters.
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldBody {
    /// For what it waits; whether its clocks stand still for that, the configuration says.
    #[serde(default)]
    pub cause: HoldCause,
    /// Why, in words; at most 256 characters.
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReclassBody {
    /// Which clocks run from now on. Time used so far is kept.
    pub class: TicketClass,
    /// Why; at most 256 characters.
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommentBody {
    /// At most 4096 characters.
    pub text: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CloseBody {
    /// How it ended.
    pub outcome: Outcome,
    /// The failure mode that it was; needed for a different fault, and for that only.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub failure_mode: Option<FailureModeId>,
    /// Which part failed, at most 128 characters.
    #[serde(default)]
    pub part: String,
    /// What was wrong with it.
    #[serde(default)]
    pub damage: String,
    /// Why it failed.
    #[serde(default)]
    pub cause: String,
    /// What was done.
    #[serde(default)]
    pub remedy: String,
    /// Parts used, at most 100.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Anything else.
    #[serde(default)]
    pub note: String,
}

/// Checked commands from requests, shared by API and pages.
pub mod checked {
    use super::{
        AssignBody, CloseBody, HoldCause, LONGEST_NAME, LONGEST_NOTE, LONGEST_REASON, MOST_PARTS, Outcome, StepBody,
        TicketClass,
    };
    use super::{Problem, StatusCode, TicketCommand, needed, text};

    pub fn step(body: &StepBody) -> Result<TicketCommand, Problem> {
        if body.to.is_final() {
            let detail = "use close or cancel for that";
            return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/to", detail));
        }
        Ok(TicketCommand::Step {
            to: body.to,
            note: text("/note", &body.note, LONGEST_NOTE)?,
        })
    }

    pub fn assign(body: &AssignBody) -> Result<TicketCommand, Problem> {
        Ok(TicketCommand::Assign {
            assignee: needed("/assignee", &body.assignee, LONGEST_NAME)?,
            proposal_rank: body.proposal_rank,
            override_reason: text("/override_reason", &body.override_reason, LONGEST_REASON)?,
        })
    }

    pub fn hold(cause: HoldCause, reason: &str) -> Result<TicketCommand, Problem> {
        let reason = needed("/reason", reason, LONGEST_REASON)?;
        Ok(TicketCommand::Hold { cause, reason })
    }

    pub fn reclass(class: TicketClass, reason: &str) -> Result<TicketCommand, Problem> {
        let reason = needed("/reason", reason, LONGEST_REASON)?;
        Ok(TicketCommand::Reclass { class, reason })
    }

    pub fn cancel(reason: &str) -> Result<TicketCommand, Problem> {
        let reason = needed("/reason", reason, LONGEST_REASON)?;
        Ok(TicketCommand::Cancel { reason })
    }

    pub fn reopen(reason: &str) -> Result<TicketCommand, Problem> {
        let reason = needed("/reason", reason, LONGEST_REASON)?;
        Ok(TicketCommand::Reopen { reason })
    }

    pub fn comment(said: &str) -> Result<TicketCommand, Problem> {
        let text = needed("/text", said, LONGEST_NOTE)?;
        Ok(TicketCommand::Comment { text })
    }

    pub fn close(body: &CloseBody) -> Result<TicketCommand, Problem> {
        if body.parts.len() > MOST_PARTS {
            let detail = format!("at most {MOST_PARTS} parts");
            return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/parts", detail));
        }
        let parts = body
            .parts
            .iter()
            .enumerate()
            .map(|(i, p)| needed(&format!("/parts/{i}"), p, LONGEST_NAME));
        let wrong = |detail: &str| Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/failure_mode", detail);
        match (body.outcome, &body.failure_mode) {
            (Outcome::DifferentFault, None) => return Err(wrong("say which fault it was")),
            (Outcome::DifferentFault, Some(_)) => {}
            (Outcome::FaultConfirmed | Outcome::Prevented | Outcome::NoFaultFound | Outcome::Other, Some(_)) => {
                return Err(wrong("is for a different fault only"));
            }
            (Outcome::FaultConfirmed | Outcome::Prevented | Outcome::NoFaultFound | Outcome::Other, None) => {}
        }
        Ok(TicketCommand::Close {
            outcome: body.outcome,
            failure_mode: body.failure_mode.clone(),
            part: text("/part", &body.part, LONGEST_NAME)?,
            damage: text("/damage", &body.damage, LONGEST_NOTE)?,
            cause: text("/cause", &body.cause, LONGEST_NOTE)?,
            remedy: text("/remedy", &body.remedy, LONGEST_NOTE)?,
            parts: parts.collect::<Result<_, _>>()?,
            note: text("/note", &body.note, LONGEST_NOTE)?,
        })
    }
}

pub async fn command<B: Backend>(
    app: &App<B>,
    who: Who,
    needs: Right,
    if_revision: Option<u64>,
    id: &str,
    command: Result<TicketCommand, Problem>,
) -> Result<Tagged, Problem> {
    let order = Order {
        actor: who.needs(needs)?,
        if_revision,
    };
    Ok(tagged(
        app.backend.command_ticket(order, ticket_id(id)?, command?).await?,
    ))
}

/// On to its next state
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/step", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = StepBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn step<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<StepBody>,
) -> Result<Tagged, Problem> {
    command(&app, who, Right::WorkTickets, revision, &id, checked::step(&body)).await
}

/// Whom to send: engineers ranked, with the reasons
#[utoipa::path(get, path = "/api/v1/tickets/{ticket}/dispatch", tag = "Tickets", params(("ticket" = String, Path)),
    responses((status = 200, description = "The best first; none if no engineers are configured or the ticket is over", body = Vec<Proposal>), Problems))]
pub async fn dispatch<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    _: Asked<NoQuery>,
) -> Result<axum::Json<Vec<Proposal>>, Problem> {
    who.needs(Right::View)?;
    Ok(axum::Json(app.backend.proposals(ticket_id(&id)?).await?))
}

/// Given to somebody
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/assign", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = AssignBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn assign<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<AssignBody>,
) -> Result<Tagged, Problem> {
    command(&app, who, Right::AssignTickets, revision, &id, checked::assign(&body)).await
}

/// Told to wait; its clocks pause
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/hold", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = HoldBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn hold<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<HoldBody>,
) -> Result<Tagged, Problem> {
    let hold = checked::hold(body.cause, &body.reason);
    command(&app, who, Right::WorkTickets, revision, &id, hold).await
}

/// More or less urgent than it was taken for; other clocks run, the time used is kept
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/reclass", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = ReclassBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn reclass<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<ReclassBody>,
) -> Result<Tagged, Problem> {
    let reclass = checked::reclass(body.class, &body.reason);
    command(&app, who, Right::WorkTickets, revision, &id, reclass).await
}

/// Goes on after a hold
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/resume", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = EmptyBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn resume<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<Tagged, Problem> {
    command(&app, who, Right::WorkTickets, revision, &id, Ok(TicketCommand::Resume)).await
}

/// A remark in its history
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/comment", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = CommentBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn comment<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<CommentBody>,
) -> Result<Tagged, Problem> {
    command(
        &app,
        who,
        Right::CommentTickets,
        revision,
        &id,
        checked::comment(&body.text),
    )
    .await
}

/// Done, with an outcome
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/close", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = CloseBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn close<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<CloseBody>,
) -> Result<Tagged, Problem> {
    command(&app, who, Right::WorkTickets, revision, &id, checked::close(&body)).await
}

/// Given up, with a reason
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/cancel", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = ReasonBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn cancel<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<ReasonBody>,
) -> Result<Tagged, Problem> {
    command(
        &app,
        who,
        Right::WorkTickets,
        revision,
        &id,
        checked::cancel(&body.reason),
    )
    .await
}

/// Opened again: it was not over
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/reopen", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = ReasonBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn reopen<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<ReasonBody>,
) -> Result<Tagged, Problem> {
    command(
        &app,
        who,
        Right::WorkTickets,
        revision,
        &id,
        checked::reopen(&body.reason),
    )
    .await
}
