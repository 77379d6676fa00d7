//! What went wrong, as an RFC 9457 document for programs and as a page for people.

use super::backend::{Backend, BackendError};
use super::extract::pointer;
use super::{Whole, pages};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// One mistake in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body, such as `/minutes`, or `?name` for a query parameter.
    pub pointer: String,
    /// What would be right.
    pub detail: String,
}

/// Something was not done. Written down by [`write_down`], which knows who asked for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    pub detail: String,
    pub errors: Vec<FieldError>,
    /// Where a person may go instead; such as the login page.
    pub go_to: Option<String>,
    /// After how many seconds it may be tried again.
    pub retry_after: Option<i64>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        Problem {
            status,
            detail: detail.into(),
            errors: Vec::new(),
            go_to: None,
            retry_after: None,
        }
    }

    pub fn retry_after(self, seconds: i64) -> Problem {
        Problem {
            retry_after: Some(seconds),
            ..self
        }
    }

    pub fn field(status: StatusCode, pointer: impl Into<String>, detail: impl Into<String>) -> Problem {
        let (pointer, detail) = (pointer.into(), detail.into());
        Problem {
            detail: format!("{}: {detail}", pointer.trim_start_matches(['/', '?'])),
            errors: vec![FieldError { pointer, detail }],
            ..Problem::new(status, "")
        }
    }
}

impl From<BackendError> for Problem {
    fn from(error: BackendError) -> Problem {
        let status = match &error {
            BackendError::NotFound { .. } => StatusCode::NOT_FOUND,
            BackendError::Forbidden { .. } => StatusCode::FORBIDDEN,
            BackendError::Conflict { .. } => StatusCode::CONFLICT,
            BackendError::Changed { .. } => StatusCode::PRECONDITION_FAILED,
            BackendError::Invalid { .. } | BackendError::Wrong { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            BackendError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        let said = error.to_string();
        match error {
            BackendError::Invalid { pointer, detail } => Problem::field(status, pointer, detail),
            BackendError::Wrong { problems } => Problem {
                errors: problems
                    .into_iter()
                    .map(|problem| FieldError {
                        pointer: pointer(&problem.path),
                        detail: match problem.line {
                            Some(line) => format!("line {line}: {}", problem.message),
                            None => problem.message,
                        },
                    })
                    .collect(),
                ..Problem::new(status, said)
            },
            BackendError::NotFound { .. }
            | BackendError::Forbidden { .. }
            | BackendError::Conflict { .. }
            | BackendError::Changed { .. }
            | BackendError::Unavailable { .. } => Problem::new(status, said),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The document of RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemDocument {
    /// What kind; `about:blank`: the status says it.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// What was asked for.
    pub instance: String,
    /// Each mistake in the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// Middleware: writes a [`Problem`] in the form that the asker reads.
pub(super) async fn write_down<B: Backend>(State(whole): State<Whole<B>>, request: Request, next: Next) -> Response {
    let instance = request.uri().path().to_owned();
    let uri = request.uri().clone();
    let headers = request.headers().clone();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let mut written = if is_for_programs(&instance, &headers) {
        document(&problem, instance)
    } else if let Some(go_to) = &problem.go_to {
        axum::response::Redirect::to(go_to).into_response()
    } else {
        let page = pages::problem_page(whole.backend(), &uri, &headers, &problem);
        (problem.status, axum::response::Html(page.into_string())).into_response()
    };
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE && name != header::CONTENT_LENGTH && !written.headers().contains_key(name) {
            written.headers_mut().insert(name.clone(), value.clone());
        }
    }
    written
}

fn is_for_programs(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    path.starts_with("/api/v1") || accept.contains("json") || !accept.contains("text/html")
}

fn document(problem: &Problem, instance: String) -> Response {
    let document = ProblemDocument {
        kind: "about:blank".to_owned(),
        title: problem.status.canonical_reason().unwrap_or("Error").to_owned(),
        status: problem.status.as_u16(),
        detail: problem.detail.clone(),
        instance,
        errors: problem.errors.clone(),
    };
    let body = serde_json::to_vec(&document).expect("texts and numbers always serialise");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = problem.status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    response
}
