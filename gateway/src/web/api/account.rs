//! One's own account, log-in, and the set-up of the first administrator.

use super::access::{
    NothingBody, Tagged, TokenBody, add_token, hashed, name_of, own, revoke, tagged, unprocessable, user,
};
use crate::access::notes::Note;
use crate::access::orders::{AccountChange, NewAccount};
use crate::access::{AccessOrder, Limits, Role, hex, sha256};
use crate::web::App;
use crate::web::auth::{Address, Who};
use crate::web::backend::{Actor, Backend};
use crate::web::extract::{Asked, InPath, Json, NoQuery, State, text};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use dashboards::view::{NewToken, Own, User};
use serde::Deserialize;
use utoipa::ToSchema;

/// Their own account may be changed only by those who showed its password: a token must not make others, or outlive itself.
pub fn by_password(who: Who) -> Result<Actor, Problem> {
    match who.0.has_shown_password {
        true => Ok(who.0),
        false => {
            let detail = "log in with name and password first; a token changes nothing of an account";
            Err(Problem::new(StatusCode::FORBIDDEN, detail))
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    /// The one until now.
    pub current: String,
    /// The one from now on: at least 12 characters, without the name.
    pub new: String,
}

/// Changes one's own password.
pub async fn change_password<B: Backend>(
    app: &App<B>,
    actor: &Actor,
    address: &str,
    body: PasswordBody,
) -> Result<HeaderValue, Problem> {
    let login = |password: String| async move {
        let (accounts, now) = (app.backend.accounts(), app.backend.now());
        let login = app
            .auth
            .log_in_with_password(&actor.name, &password, address, &accounts, now);
        login.await
    };
    login(body.current).await.map_err(|problem| match problem.status {
        StatusCode::UNAUTHORIZED => unprocessable("/current", "is not your password"),
        _ => problem,
    })?;
    let change = AccountChange {
        password: Some(hashed("/new", &actor.name, body.new.clone()).await?),
        ..AccountChange::default()
    };
    let order = AccessOrder::Change {
        name: actor.name.clone(),
        change,
        if_revision: None,
    };
    app.backend.change_access(actor.name.clone(), order).await?;
    // every session of the old password is over, this one as well
    login(body.new).await
}

/// Logs in with name and password, and notes how that went.
pub async fn enter<B: Backend>(
    app: &App<B>,
    name: &str,
    password: &str,
    address: &str,
) -> Result<HeaderValue, Problem> {
    let (accounts, now) = (app.backend.accounts(), app.backend.now());
    let entered = app
        .auth
        .log_in_with_password(name, password, address, &accounts, now)
        .await;
    let (actor, action) = match &entered {
        Ok(_) => (name, "login"),
        // what was typed as a name may be a password
        Err(_) if accounts.get(name).is_some() => (name, "login.refused"),
        Err(_) => ("unknown", "login.refused"),
    };
    app.backend.note(Note {
        at: now,
        actor: actor.to_owned(),
        action: action.to_owned(),
        subject: address.to_owned(),
        detail: "by password".to_owned(),
    });
    entered
}

/// Sets up the first administrator by the link.
pub async fn set_up<B: Backend>(app: &App<B>, key: &str, name: &str, password: String) -> Result<String, Problem> {
    if !app.backend.accounts().is_link(key, app.backend.now()) {
        let detail = "this set-up link is not valid; restart the gateway for a new one";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let name = name_of("/name", name)?;
    let first = NewAccount {
        name: name.clone(),
        role: Role::Admin,
        limits: Limits::default(),
        password: hashed("/password", &name, password).await?,
        locale: String::new(),
    };
    let hash = hex(&sha256(key.as_bytes()));
    let order = AccessOrder::SetUp { hash, first };
    app.backend.change_access(name.clone(), order).await?;
    Ok(name)
}

/// Who asks, and what they may do
#[utoipa::path(get, path = "/api/v1/account", tag = "Users",
    responses((status = 200, description = "The asker", body = Own), Problems))]
pub async fn account<B: Backend>(State(app): State<App<B>>, who: Who, _: Asked<NoQuery>) -> axum::Json<Own> {
    axum::Json(own(&app.backend, &who.0))
}

/// Changes one's own password; all sessions of the old one are over
#[utoipa::path(post, path = "/api/v1/account/password", tag = "Users", request_body = PasswordBody,
    responses((status = 200, description = "The asker; a new session cookie is set", body = Own), Problems))]
pub async fn password<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    address: Address,
    _: Asked<NoQuery>,
    Json(body): Json<PasswordBody>,
) -> Result<([(HeaderName, HeaderValue); 1], axum::Json<Own>), Problem> {
    let actor = by_password(who)?;
    let cookie = change_password(&app, &actor, &address.0, body).await?;
    Ok(([(header::SET_COOKIE, cookie)], axum::Json(own(&app.backend, &actor))))
}

/// A token for oneself; its secret is shown this once
#[utoipa::path(post, path = "/api/v1/account/tokens", tag = "Users", request_body = TokenBody,
    responses((status = 200, description = "The token", body = NewToken), Problems))]
pub async fn own_token<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    _: Asked<NoQuery>,
    Json(body): Json<TokenBody>,
) -> Result<axum::Json<NewToken>, Problem> {
    let actor = by_password(who)?;
    add_token(&app, &actor, &actor.name, body).await.map(axum::Json)
}

/// One of one's own tokens opens nothing from now on
#[utoipa::path(post, path = "/api/v1/account/tokens/{id}/revoke", tag = "Users", params(("id" = u64, Path)),
    request_body = NothingBody, responses((status = 200, description = "The user", body = User), Problems))]
pub async fn revoke_own<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<u64>,
    _: Asked<NoQuery>,
    _: Json<NothingBody>,
) -> Result<Tagged, Problem> {
    let actor = by_password(who)?;
    revoke(&app, &actor, &actor.name, id).await.map(tagged)
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoginBody {
    /// Who.
    pub name: String,
    /// Their password.
    pub password: String,
}

/// Begins a session; needs no token. After several failures a name, and an address, has to wait
#[utoipa::path(post, path = "/api/v1/login", tag = "Users", request_body = LoginBody,
    responses((status = 200, description = "The session cookie is set", body = User), Problems))]
pub async fn login<B: Backend>(
    State(app): State<App<B>>,
    address: Address,
    _: Asked<NoQuery>,
    Json(body): Json<LoginBody>,
) -> Result<([(HeaderName, HeaderValue); 1], axum::Json<User>), Problem> {
    let cookie = enter(&app, &body.name, &body.password, &address.0).await?;
    Ok((
        [(header::SET_COOKIE, cookie)],
        axum::Json(user(&app.backend, &body.name)?),
    ))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUpBody {
    /// The secret of the link that the gateway printed.
    pub key: String,
    /// Name of the first administrator.
    pub name: String,
    /// At least 12 characters, without the name.
    pub password: String,
}

/// The first administrator, by the link that the gateway printed; it is used up by that
#[utoipa::path(post, path = "/api/v1/setup", tag = "Users", request_body = SetUpBody,
    responses((status = 200, description = "The first administrator", body = User), Problems))]
pub async fn setup<B: Backend>(
    State(app): State<App<B>>,
    _: Asked<NoQuery>,
    Json(body): Json<SetUpBody>,
) -> Result<axum::Json<User>, Problem> {
    let key = text("/key", &body.key, 256)?;
    let name = set_up(&app, &key, &body.name, body.password).await?;
    user(&app.backend, &name).map(axum::Json)
}
