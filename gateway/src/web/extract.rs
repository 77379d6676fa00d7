//! Parsing at the door: queries that refuse what they do not know, bodies whose every mistake is named, revisions.

use super::backend::{Actor, Backend, Slice};
use super::problem::{FieldError, Problem};
use super::{App, Whole};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Query, Request};
use axum::http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};
use domain::checked::from_tree;
use domain::{DeviceKey, TicketId};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Items of a list page where nothing is asked for.
const DEFAULT_LIMIT: u32 = 100;
/// Most items of a list page.
pub const MOST_ITEMS: u32 = 1000;

/// The application, of which whoever asks sees only what they may.
pub struct State<T>(pub T);

impl<B: Backend> FromRequestParts<Whole<B>> for State<App<B>> {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, whole: &Whole<B>) -> Result<Self, Self::Rejection> {
        let limits = parts.extensions.get::<Actor>().map(|actor| &*actor.limits);
        Ok(State(whole.seen_by(limits)))
    }
}

/// A query string; `T` denies unknown fields, and so does this.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Asked(query)),
            Err(rejection) => Err(query_problem(&rejection.body_text())),
        }
    }
}

/// The text is `Failed to deserialize query string: limit: invalid digit …` or `…: unknown field `x`, expected …`.
fn query_problem(text: &str) -> Problem {
    let said = text.split_once("query string: ").map_or(text, |(_, said)| said);
    let (path, said) = match said.split_once(": ") {
        Some((path, rest)) if path.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => (path, rest),
        Some(_) | None => ("", said),
    };
    let quoted = said.split('`').nth(1).unwrap_or_default();
    let name = if path.is_empty() { quoted } else { path };
    let detail = said
        .replace("unknown field", "unknown query parameter")
        .replace(", expected one of", "; known are")
        .replace(", expected `", "; known is `")
        .replace(", there are no fields", "; there are none here");
    Problem::field(StatusCode::BAD_REQUEST, format!("?{name}"), detail)
}

/// For what takes no query.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoQuery {}

/// Path parameters.
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(InPath(path)),
            // What cannot be a name cannot be there.
            Err(_) => Err(Problem::new(StatusCode::NOT_FOUND, "there is nothing at this address")),
        }
    }
}

/// A JSON body; none is read as `{}`.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let body = bytes(request, state).await?;
        if body.is_empty() {
            return checked(serde_json::json!({}));
        }
        let is_json = content_type.as_ref().and_then(|v| v.to_str().ok()).is_some_and(|t| {
            t.split(';')
                .next()
                .is_some_and(|t| t.trim().eq_ignore_ascii_case("application/json"))
        });
        if !is_json {
            let detail = "the body must be application/json";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let tree = serde_json::from_slice(&body)
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}")))?;
        checked(tree)
    }
}

/// A body that is a file: TOML text, or bytes of a format that says itself what it is.
pub struct FileBody(pub Vec<u8>);

impl<S: Send + Sync> FromRequest<S> for FileBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let named = content_type.as_ref().and_then(|v| v.to_str().ok());
        let kind = named
            .and_then(|t| t.split(';').next())
            .map(|t| t.trim().to_ascii_lowercase());
        match kind.as_deref() {
            None | Some("application/toml" | "text/plain" | "application/octet-stream") => {}
            Some(_) => {
                let detail = "the body must be application/toml or application/octet-stream";
                return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
            }
        }
        let mut request = request;
        DefaultBodyLimit::max(super::FILE_LIMIT).apply(&mut request);
        let body = bytes(request, state).await.map_err(|problem| match problem.status {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(super::FILE_LIMIT),
            _ => problem,
        })?;
        Ok(FileBody(body.to_vec()))
    }
}

/// A body of any kind of content, and not empty.
pub struct NotEmptyBody {
    pub content_type: String,
    pub content: Vec<u8>,
}

impl<S: Send + Sync> FromRequest<S> for NotEmptyBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let content_type = request.headers().get(header::CONTENT_TYPE).cloned();
        let named = content_type.as_ref().and_then(|v| v.to_str().ok());
        let kind = named.and_then(|t| t.split(';').next()).map(str::trim);
        let kind = kind.filter(|t| !t.is_empty()).unwrap_or("application/octet-stream");
        let content_type = kind.to_ascii_lowercase();
        let content = bytes(request, state).await?.to_vec();
        if content.is_empty() {
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "the body is empty"));
        }
        Ok(NotEmptyBody { content_type, content })
    }
}

/// A form body.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::extract::Form::<T>::from_request(request, state).await {
            Ok(axum::extract::Form(form)) => Ok(Form(form)),
            Err(rejection) => Err(Problem::new(rejection.status(), rejection.body_text())),
        }
    }
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let status = rejection.status();
        match status {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(super::BODY_LIMIT),
            _ => Problem::new(status, rejection.body_text()),
        }
    })
}

/// 413, with the limit.
pub fn too_large(limit: usize) -> Problem {
    let detail = format!("the body has more than {limit} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

fn checked<T: DeserializeOwned>(tree: serde_json::Value) -> Result<Json<T>, Problem> {
    from_tree(tree).map(Json).map_err(|found| {
        let mut errors: Vec<FieldError> = Vec::new();
        for problem in found {
            let error = match problem
                .message
                .strip_prefix("missing field `")
                .and_then(|m| m.strip_suffix('`'))
            {
                Some(field) => FieldError {
                    pointer: format!("{}/{field}", pointer(&problem.path)),
                    detail: "is missing".to_owned(),
                },
                None => FieldError {
                    pointer: pointer(&problem.path),
                    detail: problem.message,
                },
            };
            // A field of a wrong type is met again as missing.
            if errors.iter().all(|e| e.pointer != error.pointer) {
                errors.push(error);
            }
        }
        let detail: Vec<String> = errors
            .iter()
            .map(|e| match e.pointer.as_str() {
                "" => e.detail.clone(),
                pointer => format!("{}: {}", &pointer[1..], e.detail),
            })
            .collect();
        Problem {
            errors,
            ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail.join("; "))
        }
    })
}

/// `parts[1].name` as a JSON pointer.
pub fn pointer(path: &str) -> String {
    match path {
        "" | "." => String::new(),
        path => format!("/{}", path.replace(['.', '['], "/").replace(']', "")),
    }
}

/// `If-Match: "7"`; `*` and absence mean any. A tag that is no revision of ours matches nothing.
pub struct IfMatch(pub Option<u64>);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(IfMatch(None));
        };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(IfMatch(None));
        }
        let revision = text
            .strip_prefix('"')
            .and_then(|t| t.strip_suffix('"'))
            .and_then(|t| t.parse().ok());
        match revision {
            Some(revision) => Ok(IfMatch(Some(revision))),
            None => Err(Problem::new(
                StatusCode::PRECONDITION_FAILED,
                "If-Match names no revision of this resource",
            )),
        }
    }
}

/// `ETag` of a revision.
pub fn etag(revision: u64) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{revision}\""))]
}

/// Site and device of a path.
#[derive(Debug, Deserialize)]
pub struct DevicePath {
    pub site: String,
    pub device: String,
}

impl DevicePath {
    pub fn key(&self) -> Result<DeviceKey, Problem> {
        DeviceKey::new(&self.site, &self.device).map_err(|_| {
            let detail = format!("there is no device {}/{}", self.site, self.device);
            Problem::new(StatusCode::NOT_FOUND, detail)
        })
    }
}

/// `T-000042` or `42`.
pub fn ticket_id(text: &str) -> Result<TicketId, Problem> {
    let digits = text.strip_prefix("T-").unwrap_or(text);
    match digits.parse() {
        Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(TicketId(number)),
        Ok(_) | Err(_) => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("there is no ticket {text}"),
        )),
    }
}

/// The number of an incident such as `I-000042` or `42`.
pub fn incident_id(text: &str) -> Result<u64, Problem> {
    let digits = text.strip_prefix("I-").unwrap_or(text);
    match digits.parse() {
        Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(number),
        Ok(_) | Err(_) => Err(Problem::new(
            StatusCode::NOT_FOUND,
            format!("there is no incident {text}"),
        )),
    }
}

/// Cursor and limit, checked.
pub fn slice(cursor: Option<String>, limit: Option<u32>) -> Result<Slice, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MOST_ITEMS).contains(&limit) {
        let detail = format!("a number from 1 to {MOST_ITEMS}");
        return Err(Problem::field(StatusCode::BAD_REQUEST, "?limit", detail));
    }
    Ok(Slice {
        cursor: cursor.filter(|c| !c.is_empty()),
        limit: limit as usize,
    })
}

/// A text from a person: trimmed, not too long, without control characters other than line ends.
pub fn text(pointer: &str, text: &str, most: usize) -> Result<String, Problem> {
    let text = text.trim();
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    if text.chars().count() > most || !text.chars().all(is_plain) {
        let detail = format!("at most {most} characters, none of them a control character");
        return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, detail));
    }
    Ok(text.to_owned())
}

/// The same, and not empty.
pub fn needed(pointer: &str, value: &str, most: usize) -> Result<String, Problem> {
    match text(pointer, value, most)? {
        empty if empty.is_empty() => Err(Problem::field(
            StatusCode::UNPROCESSABLE_ENTITY,
            pointer,
            "must not be empty",
        )),
        text => Ok(text),
    }
}

/// A cookie's value.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}
