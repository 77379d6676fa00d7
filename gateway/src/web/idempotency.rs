//! `Idempotency-Key`: a POST that is sent again with the same key gets the same answer, and is done once.
//!
//! In memory and bounded: it bridges a lost answer, not a restart.

use super::Whole;
use super::backend::{Actor, Backend};
use super::extract::too_large;
use super::problem::Problem;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex};

/// Answers kept; the oldest goes first.
const MOST_KEPT: usize = 1000;
/// Larger answers are not kept: they would be asked for again at no harm.
const LARGEST_KEPT: usize = 64 * 1024;
/// As long as a key may be.
const LONGEST_KEY: usize = 255;

type Key = (String, String, String);

#[derive(Debug)]
enum Kept {
    Running { request: u64 },
    Done { request: u64, answer: Box<Given> },
}

#[derive(Debug)]
struct Given {
    status: StatusCode,
    headers: HeaderMap,
    problem: Option<Problem>,
    body: Bytes,
}

/// The answers given, by who, what and key.
#[derive(Debug, Default)]
pub struct Answers {
    hasher: RandomState,
    state: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    kept: HashMap<Key, Kept>,
    order: VecDeque<Key>,
}

enum Before {
    New,
    Same(Response),
    Refused(Problem),
}

impl Answers {
    fn begin(&self, key: &Key, request: u64) -> Before {
        let mut book = self.state.lock().expect("nobody panics while holding the answers");
        match book.kept.entry(key.clone()) {
            Entry::Occupied(entry) => match entry.get() {
                Kept::Running { request: other } | Kept::Done { request: other, .. } if *other != request => {
                    Before::Refused(Problem::new(
                        StatusCode::UNPROCESSABLE_ENTITY,
                        "this Idempotency-Key was used with another body",
                    ))
                }
                Kept::Running { .. } => Before::Refused(Problem::new(
                    StatusCode::CONFLICT,
                    "the request with this Idempotency-Key is still running",
                )),
                Kept::Done { request: _, answer } => {
                    let mut response = Response::new(Body::from(answer.body.clone()));
                    *response.status_mut() = answer.status;
                    *response.headers_mut() = answer.headers.clone();
                    if let Some(problem) = &answer.problem {
                        response.extensions_mut().insert(problem.clone());
                    }
                    Before::Same(response)
                }
            },
            Entry::Vacant(entry) => {
                entry.insert(Kept::Running { request });
                book.order.push_back(key.clone());
                while book.order.len() > MOST_KEPT {
                    let oldest = book.order.pop_front();
                    oldest.map(|key| book.kept.remove(&key));
                }
                Before::New
            }
        }
    }

    fn end(&self, key: &Key, done: Option<Kept>) {
        let mut book = self.state.lock().expect("nobody panics while holding the answers");
        match done {
            Some(done) => {
                if let Some(kept) = book.kept.get_mut(key) {
                    *kept = done;
                }
            }
            None => {
                book.kept.remove(key);
                book.order.retain(|k| k != key);
            }
        }
    }
}

/// Forgets a key whose request was dropped half-way, because its asker went away.
struct Running {
    answers: Arc<Answers>,
    key: Option<Key>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.answers.end(&key, None);
        }
    }
}

/// Middleware.
pub async fn honour<B: Backend>(
    State(whole): State<Whole<B>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let given = request.headers().get("idempotency-key").cloned();
    let is_api = request.method() == Method::POST && request.uri().path().starts_with("/api/");
    let Some(given) = given.filter(|_| is_api) else {
        return Ok(next.run(request).await);
    };
    let given = match given.to_str() {
        Ok(text) if !text.is_empty() && text.len() <= LONGEST_KEY => text.to_owned(),
        Ok(_) | Err(_) => {
            let detail = format!("an Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters");
            return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
        }
    };
    let who = request
        .extensions()
        .get::<Actor>()
        .map(|a| a.name.clone())
        .unwrap_or_default();
    let key = (who, request.uri().to_string(), given);
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, super::BODY_LIMIT)
        .await
        .map_err(|_| too_large(super::BODY_LIMIT))?;
    let if_match = parts.headers.get(header::IF_MATCH).map(|v| v.as_bytes().to_vec());
    let hash = whole.idempotency().hasher.hash_one((&body, if_match));
    let idempotency = whole.idempotency();
    match idempotency.begin(&key, hash) {
        Before::Same(response) => return Ok(response),
        Before::Refused(problem) => return Err(problem),
        Before::New => {}
    }
    let mut running = Running {
        answers: idempotency.clone(),
        key: Some(key),
    };
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(_) => {
            let detail = "the answer broke off; ask again with the same Idempotency-Key";
            return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail));
        }
    };
    // What failed on our side may be tried again; everything else is answered the same for ever.
    if !parts.status.is_server_error()
        && body.len() <= LARGEST_KEPT
        && let Some(key) = running.key.take()
    {
        let answer = Box::new(Given {
            status: parts.status,
            headers: parts.headers.clone(),
            problem: parts.extensions.get::<Problem>().cloned(),
            body: body.clone(),
        });
        let done = Kept::Done { request: hash, answer };
        idempotency.end(&key, Some(done));
    }
    Ok(Response::from_parts(parts, Body::from(body)).into_response())
}
