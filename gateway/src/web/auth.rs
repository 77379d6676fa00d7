//! Who asks: a token as bearer, a session cookie from the login page, or, where nobody can be told from anybody, the local operator.

use super::Whole;
use super::backend::{Actor, Backend, Right, Role};
use super::config::WebConfig;
use super::extract::cookie;
use super::problem::Problem;
use crate::access::notes::Note;
use crate::access::throttle::Throttle;
use crate::access::{AccessToken, Account, Accounts};
use crate::listener::passwords::Passwords;
use crate::secret::Secret;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::{Millis, Timestamp};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

const COOKIE: &str = "forewarn_session";
const SESSION_LASTS: Millis = Millis::hours(12);
/// Beyond that the session that ends first is dropped.
const MOST_SESSIONS: usize = 1000;

/// How somebody was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// There are neither tokens nor users.
    Local,
    /// A token with the request.
    Bearer,
    /// A session that began at the login page.
    Session,
}

/// With what a session began; it lasts no longer than that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Began {
    /// A token of the configuration.
    Configured(Box<Actor>),
    /// A user's password, the one after so many changes.
    Password { name: String, count: u32 },
    /// A user's token.
    Token { name: String, id: u64 },
}

/// What is known of an asker.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Known(Box<Actor>, Via),
    Nobody,
    /// Nobody can come in before somebody has set up the first user.
    SetUpFirst,
}

/// The tokens of the configuration, and the sessions.
#[derive(Debug)]
pub struct Auth {
    tokens: Vec<(Secret, Actor)>,
    is_loopback: bool,
    has_secure_cookie: bool,
    sessions: Mutex<BTreeMap<SessionId, (Began, Timestamp)>>,
    throttle: Mutex<Throttle>,
    passwords: Passwords,
    /// Verified where there is no such user, so that it takes as long.
    decoy: OnceLock<String>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SessionId(String);

impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A user who comes in by a password or a token.
fn actor_of(account: &Account, token: Option<&AccessToken>) -> Actor {
    Actor {
        limits: Arc::new(account.limits.clone()),
        scopes: token.map(|t| t.scopes.clone()).unwrap_or_default(),
        is_person: account.role != Role::Integration,
        has_shown_password: token.is_none(),
        ..Actor::with_role(account.name.clone(), account.role)
    }
}

impl Auth {
    pub fn new(config: &WebConfig) -> Auth {
        let tokens = config.tokens.iter();
        let tokens = tokens.map(|t| (t.token.clone(), Actor::with_role(t.name.clone(), t.role)));
        Auth {
            tokens: tokens.collect(),
            is_loopback: config.is_loopback(),
            has_secure_cookie: config.has_secure_cookie,
            sessions: Mutex::default(),
            throttle: Mutex::default(),
            passwords: Passwords::default(),
            decoy: OnceLock::new(),
        }
    }

    /// Whose token of the configuration it is. Every token is compared in full, so that time tells nothing.
    fn of_token(&self, given: &str) -> Option<Actor> {
        let mut found = None;
        for (token, actor) in &self.tokens {
            if is_same(token.expose().as_bytes(), given.as_bytes()) {
                found = Some(actor.clone());
            }
        }
        found
    }

    fn of_session(&self, id: &str, accounts: &Accounts, now: Timestamp) -> Option<Actor> {
        let began = {
            let sessions = self.sessions.lock().expect("nobody panics while holding the sessions");
            let (began, until) = sessions.get(&SessionId(id.to_owned()))?;
            (now < *until).then(|| began.clone())?
        };
        let enabled = |name: &str| accounts.get(name).filter(|a| !a.is_disabled);
        match began {
            Began::Configured(actor) => Some(*actor),
            Began::Password { name, count } => {
                let account = enabled(&name).filter(|a| a.password_count == count)?;
                Some(actor_of(account, None))
            }
            Began::Token { name, id } => {
                let token = accounts.tokens_of(&name).find(|t| t.id == id && t.is_in_force(now))?;
                Some(actor_of(enabled(&name)?, Some(token)))
            }
        }
    }

    fn identify(&self, headers: &HeaderMap, accounts: &Accounts, now: Timestamp) -> Found {
        if self.tokens.is_empty() && accounts.is_empty() {
            if !self.is_loopback {
                return Found::SetUpFirst;
            }
            let actor = Actor::with_role("local operator", Role::Admin);
            return Found::Known(Box::new(actor), Via::Local);
        }
        let bearer = headers
            .get(header::AUTHORIZATION)
            .and_then(|v| v.to_str().ok())
            .and_then(bearer);
        let found = match bearer {
            Some(token) => {
                let of_user = || accounts.by_secret(token, now).map(|(a, t)| actor_of(a, Some(t)));
                self.of_token(token).or_else(of_user).map(|actor| (actor, Via::Bearer))
            }
            None => cookie(headers, COOKIE)
                .and_then(|id| self.of_session(id, accounts, now))
                .map(|actor| (actor, Via::Session)),
        };
        found.map_or(Found::Nobody, |(actor, via)| Found::Known(Box::new(actor), via))
    }

    /// Begins a session; the cookie to set, or none if the token is not known.
    pub fn log_in(&self, token: &str, accounts: &Accounts, now: Timestamp) -> Option<(String, HeaderValue)> {
        let (name, began) = match self.of_token(token) {
            Some(actor) => (actor.name.clone(), Began::Configured(Box::new(actor))),
            None => {
                let (account, token) = accounts.by_secret(token, now)?;
                let (name, id) = (account.name.clone(), token.id);
                (name.clone(), Began::Token { name, id })
            }
        };
        Some((name, self.begin(began, now)))
    }

    /// Begins a session of a user with the right password.
    ///
    /// # Errors
    /// 429 with a time to wait after several failures; 401 if name or password are wrong, which is not told apart.
    pub async fn log_in_with_password(
        &self,
        name: &str,
        password: &str,
        address: &str,
        accounts: &Accounts,
        now: Timestamp,
    ) -> Result<HeaderValue, Problem> {
        let wait = self.throttle().wait(name, address, now);
        if let Some(wait) = wait {
            let seconds = wait.0.div_euclid(1000) + 1;
            let detail = format!("too many log-ins failed; try again in {seconds} s");
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(seconds));
        }
        let account = accounts.get(name).filter(|a| !a.is_disabled && !a.password.is_empty());
        let hash = match account {
            Some(account) => account.password.clone(),
            None => self.decoy().await,
        };
        // counted before it is known, so that many tries at once gain nothing
        self.throttle().failed(name, address, now);
        let is_right = self.passwords.verify(name, password.as_bytes(), hash, false).await;
        match account.filter(|_| is_right) {
            Some(account) => {
                self.throttle().succeeded(name, address);
                let (name, count) = (account.name.clone(), account.password_count);
                Ok(self.begin(Began::Password { name, count }, now))
            }
            None => Err(Problem::new(StatusCode::UNAUTHORIZED, "name or password is wrong")),
        }
    }

    fn throttle(&self) -> std::sync::MutexGuard<'_, Throttle> {
        self.throttle.lock().expect("nobody panics while holding the throttle")
    }

    async fn decoy(&self) -> String {
        if let Some(decoy) = self.decoy.get() {
            return decoy.clone();
        }
        let made = hash_password(crate::access::new_secret()).await.unwrap_or_default();
        self.decoy.get_or_init(|| made).clone()
    }

    fn begin(&self, began: Began, now: Timestamp) -> HeaderValue {
        let id = crate::access::new_secret();
        let mut sessions = self.sessions.lock().expect("nobody panics while holding the sessions");
        sessions.retain(|_, (_, until)| now < *until);
        if sessions.len() >= MOST_SESSIONS {
            let first = sessions
                .iter()
                .min_by_key(|(_, (_, until))| *until)
                .map(|(id, _)| id.clone());
            first.map(|id| sessions.remove(&id));
        }
        sessions.insert(SessionId(id.clone()), (began, now + SESSION_LASTS));
        self.set_cookie(&id, SESSION_LASTS.0 / 1000)
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

/// Argon2id, off the threads that answer.
///
/// # Errors
/// 503 if it cannot be done now.
pub async fn hash_password(password: String) -> Result<String, Problem> {
    let unavailable = |detail: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail);
    tokio::task::spawn_blocking(move || crate::access::passwords::hash(&password))
        .await
        .map_err(|_| unavailable("the password could not be hashed".to_owned()))?
        .map_err(unavailable)
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
    matches!(
        path,
        "/healthz" | "/readyz" | "/login" | "/api/v1/login" | "/setup" | "/api/v1/setup"
    ) || path.starts_with(dashboards::assets::PREFIX)
        || path.starts_with(INBOUND)
}

/// What is there before the first user is.
fn is_before_set_up(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz" | "/setup" | "/api/v1/setup") || path.starts_with(dashboards::assets::PREFIX)
}

/// Middleware: finds out who asks, or asks them.
pub async fn identify<B: Backend>(
    State(whole): State<Whole<B>>,
    mut request: Request,
    next: Next,
) -> Result<Response, Response> {
    let backend = whole.backend();
    let (now, accounts) = (backend.now(), backend.accounts());
    let path = request.uri().path();
    match whole.auth().identify(request.headers(), &accounts, now) {
        Found::Known(actor, via) => {
            request.extensions_mut().insert(*actor);
            request.extensions_mut().insert(via);
            Ok(next.run(request).await)
        }
        Found::SetUpFirst if is_before_set_up(path) => Ok(next.run(request).await),
        Found::SetUpFirst => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "nobody is set up yet: open the set-up link that the gateway printed when it started",
        )
        .into_response()),
        Found::Nobody if is_public(path) => Ok(next.run(request).await),
        Found::Nobody => {
            if request.headers().contains_key(header::AUTHORIZATION) {
                backend.note(Note {
                    at: now,
                    actor: "unknown".to_owned(),
                    action: "login.refused".to_owned(),
                    subject: Address::of(request.extensions()).0,
                    detail: "a token that is not known".to_owned(),
                });
            }
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

/// Where a request comes from.
pub struct Address(pub String);

impl Address {
    fn of(extensions: &axum::http::Extensions) -> Address {
        let known = extensions.get::<ConnectInfo<SocketAddr>>();
        Address(known.map_or_else(|| "unknown".to_owned(), |c| c.0.ip().to_canonical().to_string()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        Ok(Address::of(&parts.extensions))
    }
}

/// Who asks, for handlers. That they may ask this is known by then: `web/permit.rs`.
pub struct Who(pub Actor);

impl Who {
    /// Refuses those who may not, where it depends on more than the route.
    pub fn needs(self, right: Right) -> Result<Actor, Problem> {
        match self.0.may(right) {
            true => Ok(self.0),
            false => Err(super::permit::refusal(&self.0, right)),
        }
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
        let (auth, accounts) = (Auth::new(&config), Accounts::default());
        assert!(auth.log_in("wrong", &accounts, Timestamp(0)).is_none());
        let (_, cookie) = auth
            .log_in("0123456789abcdef0123456789", &accounts, Timestamp(0))
            .expect("known");
        let cookie = cookie.to_str().expect("text");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
        let id = cookie.split([';', '=']).nth(1).expect("value");
        let of = |at| auth.of_session(id, &accounts, at).map(|a| a.name);
        assert_eq!(of(Timestamp(1)), Some("ann".into()));
        assert_eq!(of(Timestamp(0) + SESSION_LASTS), None);
        assert!(!format!("{auth:?}").contains(id));
    }
}
