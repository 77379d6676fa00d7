//! Somebody has seen to a bad rating, by API and page.

use super::tickets::{LONGEST_NOTE, Tagged, command};
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, Order, Right, TicketCommand};
use crate::web::extract::{Asked, Form, IfMatch, InPath, Json, NoQuery, State, needed, ticket_id};
use crate::web::forms::local;
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::response::Redirect;
use dashboards::view::Ticket;
use serde::Deserialize;
use utoipa::ToSchema;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FollowUpBody {
    /// What was agreed with the customer; at most 4096 characters.
    agreed: String,
    /// Whether that is the end of it; else the next step is told at once.
    settled: bool,
}

fn checked(agreed: &str, is_settled: bool) -> Result<TicketCommand, Problem> {
    let agreed = needed("/agreed", agreed, LONGEST_NOTE)?;
    Ok(TicketCommand::FollowUp { agreed, is_settled })
}

/// A bad rating was seen to: settled, or the next step (agent, supervisor, management) has it
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/follow-up", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = FollowUpBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn answer<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<FollowUpBody>,
) -> Result<Tagged, Problem> {
    let answer = checked(&body.agreed, body.settled);
    command(&app, who, Right::WorkTickets, revision, &id, answer).await
}

#[derive(Debug, Deserialize)]
pub struct FollowUpForm {
    #[serde(default)]
    back: String,
    revision: Option<u64>,
    agreed: String,
    settled: bool,
}

/// The same by the form on the ticket's page.
pub async fn form<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    Form(form): Form<FollowUpForm>,
) -> Result<Redirect, Problem> {
    let order = Order {
        actor: who.needs(Right::WorkTickets)?,
        if_revision: form.revision,
    };
    let answer = checked(&form.agreed, form.settled)?;
    app.backend.command_ticket(order, ticket_id(&id)?, answer).await?;
    Ok(Redirect::to(&local(&form.back)))
}
