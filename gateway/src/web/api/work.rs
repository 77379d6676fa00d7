//! What is written down of the work on a ticket, and its files.

use super::tickets::{LONGEST_NAME, LONGEST_NOTE, Tagged, tagged};
use crate::web::App;
use crate::web::auth::Who;
use crate::web::backend::{Backend, NewFile, Order, Right, TicketCommand, WorkCommand};
use crate::web::extract::{Asked, IfMatch, InPath, Json, NoQuery, NotEmptyBody, State, needed, text, ticket_id};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use alerting::ticket;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use dashboards::view::{At, LinkKind, Ticket};
use domain::Timestamp;
use domain::text::Text;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Kinds of content that are served as what they are; all others as bytes, so that no browser runs them.
const HARMLESS: [&str; 6] = [
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "application/pdf",
    "text/plain",
];

/// Something written down of the work.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "write", deny_unknown_fields)]
pub enum WorkBody {
    /// Somebody's time.
    Labour {
        /// Whose; default: who asks.
        #[serde(default)]
        who: String,
        /// When it began; default: so long before now.
        start: Option<At>,
        /// How long, 1 to 604800.
        seconds: u32,
        /// What an hour costs, in hundredths of the site's currency.
        rate_cents_per_hour: Option<u32>,
    },
    /// A part was used.
    Part {
        /// By name or number of the maker, at most 128 characters.
        part: String,
        /// How many, 1 to 100000.
        quantity: u32,
    },
    /// A further point of the checklist.
    Check {
        /// At most 4096 characters.
        text: String,
    },
    /// A point of the checklist is done, or is not done after all.
    Tick {
        /// Its `entry`.
        entry: u32,
        /// Whether it is done.
        is_done: bool,
    },
    /// An entry of labour, parts, checklist or files was wrong.
    Remove {
        /// Its `entry`.
        entry: u32,
    },
    /// It has to do with another ticket; the other one says so too.
    Link {
        /// `T-000042` or `42`.
        ticket: String,
        /// How.
        kind: LinkKind,
    },
    /// It has not, after all.
    Unlink {
        /// `T-000042` or `42`.
        ticket: String,
    },
    /// How the fault showed; in place of what was said before.
    Malfunction(MalfunctionBody),
    /// The customer was called after the work; the archive waits from then on.
    CallBack {
        /// From 1 (bad) to 5.
        rating: Option<u8>,
        /// In the customer's words, at most 4096 characters.
        #[serde(default)]
        text: String,
    },
}

/// How a fault showed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MalfunctionBody {
    /// What somebody saw or heard.
    pub symptom: String,
    /// The device's own fault code.
    pub fault_code: String,
    /// Whether the machine stood still.
    pub is_breakdown: Option<bool>,
    /// When it began.
    pub began_at: Option<At>,
    /// When it was over.
    pub ended_at: Option<At>,
}

impl MalfunctionBody {
    /// Checked.
    pub fn read(&self) -> Result<ticket::Malfunction, Problem> {
        Ok(ticket::Malfunction {
            symptom: text("/symptom", &self.symptom, LONGEST_NOTE)?,
            fault_code: text("/fault_code", &self.fault_code, LONGEST_NAME)?,
            is_breakdown: self.is_breakdown,
            began_at: self.began_at.map(|at| at.0),
            ended_at: self.ended_at.map(|at| at.0),
        })
    }
}

impl WorkBody {
    /// Who may write it: what belongs to the work, who works on tickets; what is said on the telephone, who writes into them.
    pub fn needs(&self) -> Right {
        match self {
            WorkBody::Labour { .. }
            | WorkBody::Part { .. }
            | WorkBody::Check { .. }
            | WorkBody::Tick { .. }
            | WorkBody::Remove { .. } => Right::WorkTickets,
            WorkBody::Link { .. } | WorkBody::Unlink { .. } | WorkBody::Malfunction(_) | WorkBody::CallBack { .. } => {
                Right::CommentTickets
            }
        }
    }
}

/// The command behind a body.
pub fn command(body: WorkBody, by: &str, now: Timestamp) -> Result<WorkCommand, Problem> {
    let other = |name: &str| {
        let unknown = |_| Problem::field(axum::http::StatusCode::UNPROCESSABLE_ENTITY, "/ticket", "is no ticket");
        ticket_id(name).map_err(unknown)
    };
    match body {
        WorkBody::Labour {
            who,
            start,
            seconds,
            rate_cents_per_hour,
        } => {
            let who = text("/who", &who, LONGEST_NAME)?;
            Ok(WorkCommand::LogLabour {
                who: if who.is_empty() { by.to_owned() } else { who },
                start: start.map_or(now - domain::Millis::seconds(i64::from(seconds)), |at| at.0),
                seconds,
                rate_cents_per_hour,
            })
        }
        WorkBody::Part { part, quantity } => Ok(WorkCommand::UsePart {
            part: needed("/part", &part, LONGEST_NAME)?,
            quantity,
        }),
        WorkBody::Check { text: said } => Ok(WorkCommand::AddCheck {
            text: Text {
                en: needed("/text", &said, LONGEST_NOTE)?,
                zh: String::new(),
            },
        }),
        WorkBody::Tick { entry, is_done } => Ok(WorkCommand::TickCheck { entry, is_done }),
        WorkBody::Remove { entry } => Ok(WorkCommand::Remove { entry }),
        WorkBody::Link { ticket, kind } => {
            let kind = match kind {
                LinkKind::Relates => ticket::LinkKind::Relates,
                LinkKind::Parent => ticket::LinkKind::Parent,
                LinkKind::Child => ticket::LinkKind::Child,
            };
            let to = other(&ticket)?;
            Ok(WorkCommand::Link { to, kind })
        }
        WorkBody::Unlink { ticket } => {
            let to = other(&ticket)?;
            Ok(WorkCommand::Unlink { to })
        }
        WorkBody::Malfunction(body) => {
            let malfunction = body.read()?;
            Ok(WorkCommand::Describe { malfunction })
        }
        WorkBody::CallBack { rating, text: said } => {
            let text = text("/text", &said, LONGEST_NOTE)?;
            Ok(WorkCommand::CallBack { rating, text })
        }
    }
}

/// Labour, parts, checklist, links, how the fault showed, call-back: one entry is written down
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/work", tag = "Tickets", params(("ticket" = String, Path)),
    request_body = WorkBody, responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn write<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(if_revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<WorkBody>,
) -> Result<Tagged, Problem> {
    let actor = who.needs(body.needs())?;
    let work = command(body, &actor.name, app.backend.now())?;
    let order = Order { actor, if_revision };
    let changed = app
        .backend
        .command_ticket(order, ticket_id(&id)?, TicketCommand::Work(work));
    Ok(tagged(changed.await?))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FileQuery {
    /// What the file is called, at most 128 characters.
    name: String,
}

/// A file is kept for the ticket: the body is its content, at most 2 MiB; 20 files a ticket
#[utoipa::path(post, path = "/api/v1/tickets/{ticket}/files", tag = "Tickets", params(("ticket" = String, Path), FileQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "Any content type"),
    responses((status = 200, description = "The ticket", body = Ticket), Problems))]
pub async fn attach<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<String>,
    IfMatch(if_revision): IfMatch,
    Asked(query): Asked<FileQuery>,
    NotEmptyBody { content_type, content }: NotEmptyBody,
) -> Result<Tagged, Problem> {
    let actor = who.needs(Right::WorkTickets)?;
    let file = NewFile {
        name: needed("?name", &query.name, LONGEST_NAME)?,
        content_type: text("content-type", &content_type, LONGEST_NAME)?,
        content,
    };
    let order = Order { actor, if_revision };
    Ok(tagged(app.backend.attach(order, ticket_id(&id)?, file).await?))
}

/// A file of the ticket, to be saved
#[utoipa::path(get, path = "/api/v1/tickets/{ticket}/files/{entry}", tag = "Tickets",
    params(("ticket" = String, Path), ("entry" = u32, Path, description = "Its `entry`")),
    responses((status = 200, description = "Its content", body = Vec<u8>, content_type = "application/octet-stream"), Problems))]
pub async fn file<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath((id, entry)): InPath<(String, u32)>,
    _: Asked<NoQuery>,
) -> Result<Response, Problem> {
    who.needs(Right::View)?;
    let file = app.backend.file(ticket_id(&id)?, entry).await?;
    Ok((safe_headers(&file), file.content).into_response())
}

/// Never shown inside a page of ours: saved, under a name that is only letters of ours and an escaped one.
fn safe_headers(file: &NewFile) -> [(HeaderName, HeaderValue); 2] {
    let kind = HARMLESS.into_iter().find(|kind| *kind == file.content_type);
    let escaped: String = file.name.bytes().map(escape).collect();
    let plain: String = file.name.chars().map(plain).collect();
    let disposition = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{escaped}");
    [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static(kind.unwrap_or("application/octet-stream")),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ]
}

/// RFC 8187: what is no plain letter, digit or mark is written by its bytes.
fn escape(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    }
}

fn plain(letter: char) -> char {
    match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => letter,
        _ => '_',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str, content_type: &str) -> [String; 2] {
        let file = NewFile {
            name: name.into(),
            content_type: content_type.into(),
            content: Vec::new(),
        };
        safe_headers(&file).map(|(_, value)| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_file_is_saved_and_never_run_whatever_it_is_called() {
        let [kind, saved] = headers("轴承 1.jpg", "image/jpeg");
        assert_eq!(kind, "image/jpeg");
        assert_eq!(
            saved,
            "attachment; filename=\"___1.jpg\"; filename*=UTF-8''%E8%BD%B4%E6%89%BF%201.jpg"
        );
        let [kind, saved] = headers("a\"; x=\"/../b.html", "text/html");
        assert_eq!(kind, "application/octet-stream");
        assert!(
            saved.starts_with("attachment; filename=\"a___x___.._b.html\""),
            "{saved}"
        );
        assert_eq!(headers("x.svg", "image/svg+xml")[0], "application/octet-stream");
    }
}
