//! What the pages' forms send: the same commands as the API, answered by a way back.

use super::App;
use super::api::alarms::{AlarmPath, LONGEST_REASON, ShelveBody, shelving};
use super::api::desk::{self, ReportBody, SplitBody};
use super::api::tickets::{AssignBody, CloseBody, StepBody, checked};
use super::api::work::{self, MalfunctionBody, WorkBody};
use super::auth::Who;
use super::backend::{AlarmCommand, Backend, IncidentCommand, Order, Right, TicketCommand};
use super::extract::{Form, InPath, incident_id, needed, text, ticket_id};
use super::problem::Problem;
use crate::web::extract::State;
use axum::http::StatusCode;
use axum::response::Redirect;
use dashboards::view::{HoldCause, LinkKind, Outcome, TicketClass, TicketState};
use domain::{DeviceName, FailureModeId, SiteName, Timestamp};
use serde::Deserialize;
use std::str::FromStr;

/// A path on this site, never another one's.
pub fn local(back: &str) -> String {
    let is_local =
        back.starts_with('/') && !back.starts_with("//") && back.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if is_local { back.to_owned() } else { "/".to_owned() }
}

fn no_action(action: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is nothing called {action}"))
}

#[derive(Debug, Deserialize)]
pub struct IncidentForm {
    #[serde(default)]
    back: String,
    revision: Option<u64>,
    #[serde(default)]
    note: String,
}

/// What somebody does about an incident.
pub async fn incident<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath((incident, action)): InPath<(String, String)>,
    Form(form): Form<IncidentForm>,
) -> Result<Redirect, Problem> {
    let command = match action.as_str() {
        "respond" => IncidentCommand::Respond {
            note: text("/note", &form.note, LONGEST_REASON)?,
        },
        "handle" => IncidentCommand::Handle {
            note: needed("/note", &form.note, LONGEST_REASON)?,
        },
        other => return Err(no_action(other)),
    };
    let order = Order {
        actor: who.0,
        if_revision: form.revision,
    };
    app.backend
        .command_incident(order, incident_id(&incident)?, command)
        .await?;
    Ok(Redirect::to(&local(&form.back)))
}

#[derive(Debug, Deserialize)]
pub struct AlarmForm {
    #[serde(default)]
    back: String,
    revision: Option<u64>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    reason: String,
    minutes: Option<i64>,
}

pub async fn alarm<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath((site, device, mode, episode, action)): InPath<(String, String, String, u32, String)>,
    Form(form): Form<AlarmForm>,
) -> Result<Redirect, Problem> {
    let right = match action.as_str() {
        "out-of-service" | "return-to-service" => Right::PlanWork,
        _ => Right::OperateAlarms,
    };
    let actor = who.needs(right)?;
    let command = match action.as_str() {
        "acknowledge" => AlarmCommand::Acknowledge {
            note: text("/note", &form.note, LONGEST_REASON)?,
        },
        "shelve" => {
            let body = ShelveBody {
                reason: form.reason,
                minutes: form.minutes,
                until: None,
            };
            shelving(&body, app.backend.now())?
        }
        "unshelve" => AlarmCommand::Unshelve,
        "reset" => AlarmCommand::Reset,
        "out-of-service" => AlarmCommand::TakeOutOfService {
            reason: needed("/reason", &form.reason, LONGEST_REASON)?,
        },
        "return-to-service" => AlarmCommand::ReturnToService,
        other => return Err(no_action(other)),
    };
    let order = Order {
        actor,
        if_revision: form.revision,
    };
    let path = AlarmPath {
        site,
        device,
        mode,
        episode,
    };
    app.backend.command_alarm(order, path.id()?, command).await?;
    Ok(Redirect::to(&local(&form.back)))
}

#[derive(Debug, Deserialize)]
pub struct TicketForm {
    #[serde(default)]
    back: String,
    revision: Option<u64>,
    to: Option<TicketState>,
    class: Option<TicketClass>,
    outcome: Option<Outcome>,
    #[serde(default)]
    note: String,
    #[serde(default)]
    assignee: String,
    proposal_rank: Option<u32>,
    #[serde(default)]
    override_reason: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    waits_for: HoldCause,
    #[serde(default)]
    cause: String,
    #[serde(default)]
    at: String,
    #[serde(default)]
    into: String,
    #[serde(default)]
    ticket: String,
    #[serde(default)]
    failure_mode: String,
    #[serde(default)]
    part: String,
    #[serde(default)]
    damage: String,
    #[serde(default)]
    remedy: String,
    #[serde(default)]
    parts: String,
}

#[derive(Debug, Deserialize)]
pub struct WorkForm {
    #[serde(default)]
    back: String,
    write: String,
    #[serde(default)]
    who: String,
    #[serde(default)]
    minutes: String,
    #[serde(default)]
    rate_cents_per_hour: String,
    #[serde(default)]
    part: String,
    #[serde(default)]
    quantity: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    entry: String,
    #[serde(default)]
    is_done: String,
    #[serde(default)]
    ticket: String,
    kind: Option<LinkKind>,
    #[serde(default)]
    symptom: String,
    #[serde(default)]
    fault_code: String,
    #[serde(default)]
    is_breakdown: String,
    #[serde(default)]
    rating: String,
}

/// A field that may be left empty.
fn optional<T: FromStr>(pointer: &str, text: &str) -> Result<Option<T>, Problem> {
    let wrong = |_| {
        Problem::field(
            StatusCode::UNPROCESSABLE_ENTITY,
            pointer,
            "is not what is expected here",
        )
    };
    match text.trim() {
        "" => Ok(None),
        given => given.parse().map(Some).map_err(wrong),
    }
}

fn number<T: FromStr>(pointer: &str, text: &str) -> Result<T, Problem> {
    let missing = || Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, "is missing");
    optional(pointer, text)?.ok_or_else(missing)
}

/// Something of the work is written down.
pub async fn work<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    Form(form): Form<WorkForm>,
) -> Result<Redirect, Problem> {
    let body = match form.write.as_str() {
        "labour" => WorkBody::Labour {
            who: form.who,
            start: None,
            seconds: number::<u32>("/minutes", &form.minutes)?.saturating_mul(60),
            rate_cents_per_hour: optional("/rate_cents_per_hour", &form.rate_cents_per_hour)?,
        },
        "part" => WorkBody::Part {
            part: form.part,
            quantity: number("/quantity", &form.quantity)?,
        },
        "check" => WorkBody::Check { text: form.text },
        "tick" => WorkBody::Tick {
            entry: number("/entry", &form.entry)?,
            is_done: number("/is_done", &form.is_done)?,
        },
        "link" => WorkBody::Link {
            ticket: form.ticket,
            kind: form.kind.unwrap_or(LinkKind::Relates),
        },
        "malfunction" => {
            // the form does not show the times, so they stay
            let known = app.backend.ticket(ticket_id(&id)?).await?.work.malfunction;
            WorkBody::Malfunction(MalfunctionBody {
                symptom: form.symptom,
                fault_code: form.fault_code,
                is_breakdown: optional("/is_breakdown", &form.is_breakdown)?,
                began_at: known.began_at,
                ended_at: known.ended_at,
            })
        }
        "call_back" => WorkBody::CallBack {
            rating: optional("/rating", &form.rating)?,
            text: form.text,
        },
        other => return Err(no_action(other)),
    };
    let actor = who.needs(body.needs())?;
    let work = work::command(body, &actor.name, app.backend.now())?;
    let if_revision = None;
    let order = Order { actor, if_revision };
    let work = TicketCommand::Work(work);
    app.backend.command_ticket(order, ticket_id(&id)?, work).await?;
    Ok(Redirect::to(&local(&form.back)))
}

#[derive(Debug, Deserialize)]
pub struct ReportForm {
    site: SiteName,
    device: DeviceName,
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    reporter: String,
    class: Option<TicketClass>,
}

/// A fault is reported on the board of tickets.
pub async fn report<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Form(form): Form<ReportForm>,
) -> Result<Redirect, Problem> {
    let order = Order {
        actor: who.needs(Right::AssignTickets)?,
        if_revision: None,
    };
    let (device, report) = desk::report_of(&ReportBody {
        site: form.site,
        device: form.device,
        failure_mode: None,
        title: form.title,
        kind: None,
        class: form.class,
        description: form.description,
        reporter: form.reporter,
        malfunction: MalfunctionBody::default(),
    })?;
    let opened = app.backend.report_fault(order, device, report).await?;
    Ok(Redirect::to(&format!("/tickets/{}", opened.summary.id)))
}

/// The name of a failure mode in a field that may be empty.
pub(super) fn optional_mode(text: &str) -> Result<Option<FailureModeId>, Problem> {
    let wrong = |_| {
        Problem::field(
            StatusCode::UNPROCESSABLE_ENTITY,
            "/failure_mode",
            "is no name of a failure mode",
        )
    };
    match text.trim() {
        "" => Ok(None),
        name => FailureModeId::new(name).map(Some).map_err(wrong),
    }
}

pub async fn ticket<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath((id, action)): InPath<(String, String)>,
    Form(form): Form<TicketForm>,
) -> Result<Redirect, Problem> {
    let missing = |pointer| Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, "is missing");
    let (right, command) = match action.as_str() {
        "step" => {
            let to = form.to.ok_or_else(|| missing("/to"))?;
            (Right::WorkTickets, checked::step(&StepBody { to, note: form.note })?)
        }
        "assign" => {
            let body = AssignBody {
                assignee: form.assignee,
                proposal_rank: form.proposal_rank,
                override_reason: form.override_reason,
            };
            (Right::AssignTickets, checked::assign(&body)?)
        }
        "hold" => (Right::WorkTickets, checked::hold(form.waits_for, &form.reason)?),
        "resume" => (Right::WorkTickets, TicketCommand::Resume),
        "reclass" => {
            let class = form.class.ok_or_else(|| missing("/class"))?;
            (Right::WorkTickets, checked::reclass(class, &form.reason)?)
        }
        "comment" => (Right::CommentTickets, checked::comment(&form.text)?),
        "cancel" => (Right::WorkTickets, checked::cancel(&form.reason)?),
        "reopen" => (Right::WorkTickets, checked::reopen(&form.reason)?),
        "close" => {
            let parts = form
                .parts
                .split([',', '，', '、'])
                .map(str::trim)
                .filter(|p| !p.is_empty());
            let body = CloseBody {
                outcome: form.outcome.ok_or_else(|| missing("/outcome"))?,
                failure_mode: optional_mode(&form.failure_mode)?,
                part: form.part,
                damage: form.damage,
                cause: form.cause,
                remedy: form.remedy,
                parts: parts.map(str::to_owned).collect(),
                note: form.note,
            };
            (Right::WorkTickets, checked::close(&body)?)
        }
        "schedule" => {
            let at = Timestamp::parse_rfc3339(&form.at).ok_or_else(|| {
                let detail = "is no time such as 2026-12-05T09:00:00Z";
                Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/at", detail)
            })?;
            (Right::AssignTickets, TicketCommand::Schedule { at })
        }
        "merge" => (Right::AssignTickets, desk::checked::merge(&form.into)?),
        "split" => {
            let (ticket, alarm) = (Some(form.ticket), None);
            (
                Right::AssignTickets,
                desk::checked::split(&SplitBody { ticket, alarm })?,
            )
        }
        "archive" => (Right::WorkTickets, TicketCommand::Archive),
        other => return Err(no_action(other)),
    };
    let order = Order {
        actor: who.needs(right)?,
        if_revision: form.revision,
    };
    app.backend.command_ticket(order, ticket_id(&id)?, command).await?;
    Ok(Redirect::to(&local(&form.back)))
}

#[derive(Debug, Deserialize)]
pub struct BackOnly {
    #[serde(default)]
    back: String,
}

pub async fn replay_all<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Form(form): Form<BackOnly>,
) -> Result<Redirect, Problem> {
    app.backend.replay(who.0, None).await?;
    Ok(Redirect::to(&local(&form.back)))
}

pub async fn packet<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath((id, action)): InPath<(u64, String)>,
    Form(form): Form<BackOnly>,
) -> Result<Redirect, Problem> {
    let actor = who.0;
    match action.as_str() {
        "replay" => {
            app.backend.replay(actor, Some(id)).await?;
        }
        "discard" => {
            app.backend.discard(actor, id).await?;
        }
        other => return Err(no_action(other)),
    }
    Ok(Redirect::to(&local(&form.back)))
}

/// Tries a receiver; its row on the page says what came of it.
pub async fn receiver<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(name): InPath<String>,
    Form(form): Form<BackOnly>,
) -> Result<Redirect, Problem> {
    app.backend.try_receiver(who.0, name).await?;
    Ok(Redirect::to(&local(&form.back)))
}

/// Tries a delivery again that was given up.
pub async fn dead_letter<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<u64>,
    Form(form): Form<BackOnly>,
) -> Result<Redirect, Problem> {
    app.backend.resend(who.0, id).await?;
    Ok(Redirect::to(&local(&form.back)))
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn the_way_back_stays_on_this_site() {
        for (asked, way) in [
            ("/tickets?x=1", "/tickets?x=1"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(asked), way);
        }
    }
}
