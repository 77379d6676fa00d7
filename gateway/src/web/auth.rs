//! Who asks: a token as bearer, a session cookie from the login page, or, where no tokens are set, the local operator.

use super::App;
use super::backend::{Actor, Backend, Role};
use super::config::WebConfig;
use super::extract::cookie;
use super::problem::Problem;
use crate::secret::Secret;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::Response;
use domain::{Millis, Timestamp};
use std::collections::BTreeMap;
use std::sync::Mutex;

const COOKIE: &str = "forewarn_session";
const SESSION_LASTS: Millis = Millis::hours(12);
/// Beyond that the session that ends first is dropped.
const MOST_SESSIONS: usize = 1000;

/// How somebody was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// No tokens are set.
    Local,
    /// A token with the request.
    Bearer,
    /// A session that began at the login page.
    Session,
}

/// The tokens, and the sessions that began with them.
#[derive(Debug)]
pub struct Auth {
    tokens: Vec<(Secret, Actor)>,
    has_secure_cookie: bool,
    sessions: Mutex<BTreeMap<SessionId, (Actor, Timestamp)>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SessionId(String);

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Auth {
    pub fn new(config: &WebConfig) -> Auth {
        let tokens = config.tokens.iter().map(|t| {
            let actor = Actor {
                name: t.name.clone(),
                role: t.role,
            };
            (t.token.clone(), actor)
        });
        Auth {
            tokens: tokens.collect(),
            has_secure_cookie: config.has_secure_cookie,
            sessions: Mutex::default(),
        }
    }

    fn is_open(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Whose token it is. Every token is compared in full, so that time tells nothing.
    fn of_token(&self, given: &str) -> Option<Actor> {
        let mut found = None;
        for (token, actor) in &self.tokens {
            if is_same(token.expose().as_bytes(), given.as_bytes()) {
                found = Some(actor.clone());
            }
        }
        found
    }

    fn of_session(&self, id: &str, now: Timestamp) -> Option<Actor> {
        let sessions = self.sessions.lock().expect("nobody panics while holding the sessions");
        let (actor, until) = sessions.get(&SessionId(id.to_owned()))?;
        (now < *until).then(|| actor.clone())
    }

    fn identify(&self, headers: &HeaderMap, now: Timestamp) -> Option<(Actor, Via)> {
        if self.is_open() {
            let actor = Actor {
                name: "local operator".to_owned(),
                role: Role::Admin,
            };
            return Some((actor, Via::Local));
        }
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(bearer);
        match bearer {
            Some(token) => self.of_token(token).map(|actor| (actor, Via::Bearer)),
            None => cookie(headers, COOKIE)
                .and_then(|id| self.of_session(id, now))
                .map(|actor| (actor, Via::Session)),
        }
    }

    /// Begins a session; the cookie to set, or none if the token is not known.
    pub fn log_in(&self, token: &str, now: Timestamp) -> Option<HeaderValue> {
        let actor = self.of_token(token)?;
        let id: String = rand::random::<[u8; 32]>().iter().map(|b| format!("{b:02x}")).collect();
        let mut sessions = self.sessions.lock().expect("nobody panics while holding the sessions");
        sessions.retain(|_, (_, until)| now < *until);
        if sessions.len() >= MOST_SESSIONS {
            let first = sessions
                .iter()
                .min_by_key(|(_, (_, until))| *until)
                .map(|(id, _)| id.clone());
            first.map(|id| sessions.remove(&id));
        }
        sessions.insert(SessionId(id.clone()), (actor, now + SESSION_LASTS));
        Some(self.set_cookie(&id, SESSION_LASTS.0 / 1000))
    }

    /// Ends a session; the cookie that forgets it.
    pub fn log_out(&self, headers: &HeaderMap) -> HeaderValue {
        if let Some(id) = cookie(headers, COOKIE) {
            let mut sessions = self.sessions.lock().expect("nobody panics while holding the sessions");
            sessions.remove(&SessionId(id.to_owned()));
        }
        self.set_cookie("", 0)
    }

    fn set_cookie(&self, value: &str, seconds: i64) -> HeaderValue {
        let secure = if self.has_secure_cookie { "; Secure" } else { "" };
        let text = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
        HeaderValue::from_str(&text).expect("hexadecimal digits and fixed words are a header value")
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Takes as long for a wrong text as for the right one of the same length.
pub fn is_same(expected: &[u8], given: &[u8]) -> bool {
    let mut difference = expected.len() ^ given.len();
    for (i, byte) in given.iter().enumerate() {
        let at = if expected.is_empty() {
            0
        } else {
            expected[i % expected.len()]
        };
        difference |= usize::from(at ^ byte);
    }
    std::hint::black_box(difference) == 0
}

/// Where other systems tell us of their changes; each shows a secret of its own there.
pub const INBOUND: &str = "/api/v1/outbound/inbound/";

/// What anybody may see: that the program lives, how to log in, and what the login page needs.
fn is_public(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/login")
        || path.starts_with(dashboards::assets::PREFIX)
        || path.starts_with(INBOUND)
}

/// Middleware: finds out who asks, or asks them.
pub async fn identify<B: Backend>(
    State(app): State<App<B>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Response> {
    use axum::response::IntoResponse;
    match app.auth.identify(request.headers(), app.backend.now()) {
        Some((actor, via)) => {
            request.extensions_mut().insert(actor);
            request.extensions_mut().insert(via);
            Ok(next.run(request).await)
        }
        None if is_public(request.uri().path()) => Ok(next.run(request).await),
        None => {
            let back = request.uri().path_and_query().map_or("/", |p| p.as_str());
            let back: String = back.bytes().map(|b| format!("%{b:02X}")).collect();
            let problem = Problem {
                go_to: Some(format!("/login?back={back}")),
                ..Problem::new(StatusCode::UNAUTHORIZED, "send a token: Authorization: Bearer …")
            };
            let mut response = problem.into_response();
            response.headers_mut().insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"forewarn\""),
            );
            Err(response)
        }
    }
}

/// Who asks, for handlers.
pub struct Who(pub Actor);

impl Who {
    /// Refuses those who may not.
    pub fn needs(self, role: Role) -> Result<Actor, Problem> {
        if self.0.role >= role {
            return Ok(self.0);
        }
        let word = serde_json::to_value(role)
            .ok()
            .and_then(|v| v.as_str().map(str::to_owned))
            .unwrap_or_default();
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            format!("this needs the role {word}"),
        ))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Who {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        match parts.extensions.get::<Actor>() {
            Some(actor) => Ok(Who(actor.clone())),
            None => Err(Problem::new(StatusCode::UNAUTHORIZED, "nobody is logged in")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_is_the_same() {
        assert!(is_same(b"secret", b"secret"));
        for other in [&b""[..], b"secre", b"secrets", b"Secret", b"secretsecret"] {
            assert!(!is_same(b"secret", other));
        }
    }

    #[test]
    fn a_session_ends() {
        let config = WebConfig {
            tokens: vec![super::super::TokenConfig {
                name: "ann".into(),
                token: Secret::new("0123456789abcdef0123456789"),
                role: Role::Viewer,
            }],
            ..WebConfig::default()
        };
        let auth = Auth::new(&config);
        assert!(auth.log_in("wrong", Timestamp(0)).is_none());
        let cookie = auth.log_in("0123456789abcdef0123456789", Timestamp(0)).expect("known");
        let cookie = cookie.to_str().expect("text");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
        let id = cookie.split([';', '=']).nth(1).expect("value");
        assert_eq!(auth.of_session(id, Timestamp(1)).map(|a| a.name), Some("ann".into()));
        assert_eq!(auth.of_session(id, Timestamp(0) + SESSION_LASTS), None);
        assert!(!format!("{auth:?}").contains(id));
    }
}
