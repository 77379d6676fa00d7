//! The service desk: faults reported by people, visits, tickets that are one trouble, the archive, the report of a service.

use super::alarms::EmptyBody;
use super::tickets::{LONGEST_NAME, LONGEST_NOTE, Tagged, command, tagged};
use super::work::MalfunctionBody;
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, Order, Report, Right, SplitOff, TicketCommand};
use crate::web::extract::{Asked, IfMatch, InPath, Json, NoQuery, State, needed, text, ticket_id};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use alerting::ticket;
use axum::http::StatusCode;
use dashboards::view::{At, ServiceReport, Ticket, TicketClass, TicketKind};
use domain::{AlarmId, DeviceKey, DeviceName, FailureModeId, SiteName};
use serde::Deserialize;
use utoipa::ToSchema;

/// A fault that a person reports.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportBody {
    /// The place.
    #[schema(value_type = String)]
    pub site: SiteName,
    /// The machine.
    #[schema(value_type = String)]
    pub device: DeviceName,
    /// How it fails, by the name that the machine's profile gives it; one of this and `title` is needed.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub failure_mode: Option<FailureModeId>,
    /// What is wrong, at most 128 characters.
    #[serde(default)]
    pub title: String,
    /// Which service; default by the class.
    #[serde(default)]
    pub kind: Option<TicketKind>,
    /// Which clocks run; default `ordinary`.
    #[serde(default)]
    pub class: Option<TicketClass>,
    /// What was seen and heard, at most 4096 characters.
    #[serde(default)]
    pub description: String,
    /// Who told it, at most 128 characters; default: who asks.
    #[serde(default)]
    pub reporter: String,
    /// How the fault showed.
    #[serde(default)]
    pub malfunction: MalfunctionBody,
}

/// What a report says, checked; shared by API and pages.
pub fn report_of(body: &ReportBody) -> Result<(DeviceKey, Report), Problem> {
    let title = match body.failure_mode {
        None => needed("/title", &body.title, LONGEST_NAME)?,
        Some(_) => text("/title", &body.title, LONGEST_NAME)?,
    };
    let device = DeviceKey {
        site: body.site.clone(),
        device: body.device.clone(),
    };
    let kind = body.kind.map(|kind| match kind {
        TicketKind::MaintenanceReminder => ticket::TicketKind::MaintenanceReminder,
        TicketKind::OnSiteInspection => ticket::TicketKind::OnSiteInspection,
        TicketKind::Emergency => ticket::TicketKind::Emergency,
    });
    let class = body.class.map(|class| match class {
        TicketClass::Emergency => ticket::TicketClass::Emergency,
        TicketClass::Key => ticket::TicketClass::Key,
        TicketClass::Ordinary => ticket::TicketClass::Ordinary,
        TicketClass::Planned => ticket::TicketClass::Planned,
    });
    let report = Report {
        failure_mode: body.failure_mode.clone(),
        title,
        kind,
        class,
        description: text("/description", &body.description, LONGEST_NOTE)?,
        reporter: text("/reporter", &body.reporter, LONGEST_NAME)?,
        malfunction: body.malfunction.read()?,
    };
    Ok((device, report))
}

/// A fault is reported: a ticket opens, unless one is about it already (409 names it)
#[utoipa::path(post, path = "/api/v1/tickets", tag = "Tickets", request_body = ReportBody,
    responses((status = 201, description = "The ticket", body = Ticket), Problems))]
pub async fn open<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    _: Asked<NoQuery>,
    Json(body): Json<ReportBody>,
) -> Result<(StatusCode, Tagged), Problem> {
    let order = Order {
        actor: who.needs(Right::AssignTickets)?,
        if_revision: None,
    };
    let (device, report) = report_of(&body)?;
    let opened = app.backend.report_fault(order, device, report).await?;
    Ok((StatusCode::CREATED, tagged(opened)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleBody {
    /// When somebody goes.
    pub at: At,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeBody {
    /// The ticket that goes on: `T-000042` or `42`.
    pub into: String,
}

/// What is split off: one of both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitBody {
    /// A ticket that was merged into this one; it goes on where it was.
    #[serde(default)]
    pub ticket: Option<String>,
    /// An alarm that was merged into this one; it gets a ticket of its own.
    #[serde(default)]
    pub alarm: Option<String>,
}

/// Checked commands from requests, shared by API and pages.
pub mod checked {
    use super::{AlarmId, Problem, SplitBody, SplitOff, StatusCode, TicketCommand, ticket_id};

    fn wrong(pointer: &str, detail: &str) -> Problem {
        Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, detail)
    }

    pub fn merge(into: &str) -> Result<TicketCommand, Problem> {
        let into = ticket_id(into.trim()).map_err(|_| wrong("/into", "is no ticket"))?;
        Ok(TicketCommand::Merge { into })
    }

    pub fn split(body: &SplitBody) -> Result<TicketCommand, Problem> {
        let off = match (&body.ticket, &body.alarm) {
            (Some(ticket), None) => SplitOff::Ticket {
                ticket: ticket_id(ticket).map_err(|_| wrong("/ticket", "is no ticket"))?,
            },
            (None, Some(alarm)) => SplitOff::Alarm {
                alarm: AlarmId(alarm.as_str().into()),
            },
            (Some(_), Some(_)) | (None, None) => return Err(wrong("/ticket", "give either ticket or alarm")),
        };
        Ok(TicketCommand::Split(off))
    }
}

/// A visit is agreed; planned work that goes along is proposed for the same time
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/schedule", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = ScheduleBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn schedule<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<ScheduleBody>,
) -> Result<Tagged, Problem> {
    let schedule = TicketCommand::Schedule { at: body.at.0 };
    command(&app, who, Right::AssignTickets, revision, &id, Ok(schedule)).await
}

/// The same trouble as another ticket: that one takes over its alarms and comments, and this one ends
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/merge", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = MergeBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn merge<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<MergeBody>,
) -> Result<Tagged, Problem> {
    let merge = checked::merge(&body.into);
    command(&app, who, Right::AssignTickets, revision, &id, merge).await
}

/// Not the same trouble after all: a merged ticket goes on by itself, or a merged alarm gets a ticket of its own
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/split", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = SplitBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn split<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<SplitBody>,
) -> Result<Tagged, Problem> {
    let split = checked::split(&body);
    command(&app, who, Right::AssignTickets, revision, &id, split).await
}

/// Over for good; by itself some time after the closing or the call-back
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/archive", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = EmptyBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn archive<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    _: Json<EmptyBody>,
) -> Result<Tagged, Problem> {
    command(&app, who, Right::WorkTickets, revision, &id, Ok(TicketCommand::Archive)).await
}

/// The report of the service: machine, history, likely cause, clocks, cause, solution, parts, labour, advice
#[utoipa::path(get, path = "/api/v1/tickets/{ticket}/report", tag = "Tickets", params(("ticket" = String, Path)),
    responses((status = 200, description = "The report as of now; the page is at /tickets/{ticket}/report", body = ServiceReport), Problems))]
pub async fn report<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    _: Asked<NoQuery>,
) -> Result<axum::Json<ServiceReport>, Problem> {
    who.needs(Right::View)?;
    Ok(axum::Json(app.backend.service_report(ticket_id(&id)?).await?))
}
