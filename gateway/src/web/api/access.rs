//! Users, their tokens, roles.

use crate::access::accounts::MOST_LIMITS;
use crate::access::orders::{AccountChange, NewAccount};
use crate::access::rights::TABLE;
use crate::access::{
    AccessOrder, AccessToken, Account, Accounts, Limits, Right, Role, hex, new_secret, passwords, sha256,
};
use crate::web::App;
use crate::web::auth::{Who, hash_password};
use crate::web::backend::{Actor, Backend};
use crate::web::extract::{Asked, IfMatch, InPath, Json, NoQuery, State, etag, needed};
use crate::web::openapi::Problems;
use crate::web::problem::Problem;
use axum::http::{HeaderName, StatusCode};
use dashboards::view::{NewToken, Own, RightMeaning, RoleRights, Token, User};
use domain::{Millis, SiteName, Timestamp};
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

const LONGEST_NAME: usize = 64;
const LONGEST_LABEL: usize = 64;
/// The longest life of a token, in days.
const MOST_DAYS: u32 = 3_660;

pub(super) fn unprocessable(pointer: &str, detail: impl Into<String>) -> Problem {
    Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, detail)
}

fn token_view(token: &AccessToken, now: Timestamp) -> Token {
    Token {
        id: token.id,
        label: token.label.clone(),
        scopes: token.scopes.iter().map(|r| r.as_str().to_owned()).collect(),
        created_at: token.created_at.into(),
        expires_at: token.expires_at.into(),
        revoked_at: token.revoked_at.map(Into::into),
        in_force: token.is_in_force(now),
    }
}

fn user_view(account: &Account, accounts: &Accounts, now: Timestamp) -> User {
    User {
        name: account.name.clone(),
        role: account.role.as_str().to_owned(),
        sites: account.limits.sites.iter().map(ToString::to_string).collect(),
        customers: account.limits.customers.iter().cloned().collect(),
        disabled: account.is_disabled,
        has_password: !account.password.is_empty(),
        locale: account.locale.clone(),
        created_at: account.created_at.into(),
        revision: account.revision,
        tokens: accounts.tokens_of(&account.name).map(|t| token_view(t, now)).collect(),
    }
}

/// All users, for page and API.
pub fn users<B: Backend>(backend: &B) -> Vec<User> {
    let (accounts, now) = (backend.accounts(), backend.now());
    accounts.all().map(|a| user_view(a, &accounts, now)).collect()
}

/// One of them.
pub fn user<B: Backend>(backend: &B, name: &str) -> Result<User, Problem> {
    let (accounts, now) = (backend.accounts(), backend.now());
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no user {name}"));
    let account = accounts.get(name).ok_or_else(missing)?;
    Ok(user_view(account, &accounts, now))
}

/// Whoever asks, for page and API.
pub fn own<B: Backend>(backend: &B, actor: &Actor) -> Own {
    Own {
        name: actor.name.clone(),
        role: actor.role.as_str().to_owned(),
        rights: Right::ALL
            .into_iter()
            .filter(|r| actor.may(*r))
            .map(|r| r.as_str().to_owned())
            .collect(),
        user: user(backend, &actor.name).ok(),
    }
}

pub(super) type Tagged = ([(HeaderName, String); 1], axum::Json<User>);

pub(super) fn tagged(user: User) -> Tagged {
    (etag(user.revision), axum::Json(user))
}

/// A name that can stand in the audit trail and in an address.
pub(super) fn name_of(pointer: &str, name: &str) -> Result<String, Problem> {
    let name = needed(pointer, name, LONGEST_NAME)?;
    match name
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@'))
    {
        true => Ok(name),
        false => Err(unprocessable(pointer, "letters, digits and . _ - @ only")),
    }
}

fn limits_of(sites: Option<Vec<String>>, customers: Option<Vec<String>>, before: &Limits) -> Result<Limits, Problem> {
    let sites = match sites {
        None => before.sites.clone(),
        Some(names) => {
            let read = names.iter().enumerate().map(|(place, name)| {
                SiteName::new(name).map_err(|error| unprocessable(&format!("/sites/{place}"), error.to_string()))
            });
            read.collect::<Result<BTreeSet<_>, _>>()?
        }
    };
    let customers = match customers {
        None => before.customers.clone(),
        Some(names) => {
            let read = names.iter().enumerate();
            let read = read.map(|(place, name)| needed(&format!("/customers/{place}"), name, 256));
            read.collect::<Result<BTreeSet<_>, _>>()?
        }
    };
    for (pointer, count) in [("/sites", sites.len()), ("/customers", customers.len())] {
        if count > MOST_LIMITS {
            return Err(unprocessable(pointer, format!("at most {MOST_LIMITS}")));
        }
    }
    Ok(Limits { sites, customers })
}

fn locale_of(locale: &str) -> Result<String, Problem> {
    match locale {
        "" | "en" | "zh" => Ok(locale.to_owned()),
        _ => Err(unprocessable(
            "/locale",
            "en, zh, or empty for what the browser asks for",
        )),
    }
}

/// The hash of a password that is strong enough for this name.
pub(super) async fn hashed(pointer: &str, name: &str, password: String) -> Result<String, Problem> {
    match passwords::weakness(name, &password) {
        Some(weakness) => Err(unprocessable(pointer, weakness)),
        None => hash_password(password).await,
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    /// Stands in the audit trail and never changes; letters, digits and `. _ - @`, at most 64.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// At least 12 characters, without the name; without one they come in by a token only.
    #[serde(default)]
    pub password: Option<String>,
    /// Only devices of these sites; empty: no limit.
    #[serde(default)]
    pub sites: Vec<String>,
    /// Only devices that the registry says are these customers'; empty: no limit.
    #[serde(default)]
    pub customers: Vec<String>,
    /// Language of the pages, `en` or `zh`; empty: as the browser asks for.
    #[serde(default)]
    pub locale: String,
}

/// Creates a user.
pub async fn create<B: Backend>(app: &App<B>, actor: &Actor, body: NewUserBody) -> Result<User, Problem> {
    let name = name_of("/name", &body.name)?;
    let password = match body.password.filter(|p| !p.is_empty()) {
        Some(password) => hashed("/password", &name, password).await?,
        None => String::new(),
    };
    let new = NewAccount {
        role: body.role,
        limits: limits_of(Some(body.sites), Some(body.customers), &Limits::default())?,
        password,
        locale: locale_of(&body.locale)?,
        name: name.clone(),
    };
    let order = AccessOrder::Create(new);
    app.backend.change_access(actor.name.clone(), order).await?;
    user(&app.backend, &name)
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserBody {
    /// What they may do; absent: as it is.
    #[serde(default)]
    pub role: Option<Role>,
    /// A new password; sessions of the old one are over.
    #[serde(default)]
    pub password: Option<String>,
    /// Only devices of these sites; empty: no limit.
    #[serde(default)]
    pub sites: Option<Vec<String>>,
    /// Only devices of these customers; empty: no limit.
    #[serde(default)]
    pub customers: Option<Vec<String>>,
    /// `true`: they may come in no longer.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// Language of the pages.
    #[serde(default)]
    pub locale: Option<String>,
}

/// Changes a user.
pub async fn change<B: Backend>(
    app: &App<B>,
    actor: &Actor,
    name: &str,
    if_revision: Option<u64>,
    body: UserBody,
) -> Result<User, Problem> {
    let accounts = app.backend.accounts();
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("there is no user {name}"));
    let before = accounts.get(name).ok_or_else(missing)?;
    let password = match body.password.filter(|p| !p.is_empty()) {
        Some(password) => Some(hashed("/password", name, password).await?),
        None => None,
    };
    let are_limits_meant = body.sites.is_some() || body.customers.is_some();
    let limits = limits_of(body.sites, body.customers, &before.limits)?;
    let change = AccountChange {
        role: body.role,
        limits: are_limits_meant.then_some(limits),
        is_disabled: body.disabled,
        locale: body.locale.as_deref().map(locale_of).transpose()?,
        password,
    };
    let order = AccessOrder::Change {
        name: name.to_owned(),
        change,
        if_revision,
    };
    app.backend.change_access(actor.name.clone(), order).await?;
    user(&app.backend, name)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenBody {
    /// What it is for, at most 64 characters.
    pub label: String,
    /// For how many days it is good, 1 to 3660.
    pub days: u32,
    /// Only these of the user's rights; empty: all of them.
    #[serde(default)]
    pub scopes: Vec<Right>,
}

/// Makes a token; its secret is in the answer and nowhere else.
pub async fn add_token<B: Backend>(
    app: &App<B>,
    actor: &Actor,
    account: &str,
    body: TokenBody,
) -> Result<NewToken, Problem> {
    if !(1..=MOST_DAYS).contains(&body.days) {
        return Err(unprocessable("/days", format!("a number from 1 to {MOST_DAYS}")));
    }
    let (secret, expires_at) = (new_secret(), app.backend.now() + Millis::days(i64::from(body.days)));
    let order = AccessOrder::AddToken {
        account: account.to_owned(),
        label: needed("/label", &body.label, LONGEST_LABEL)?,
        hash: hex(&sha256(secret.as_bytes())),
        scopes: body.scopes.into_iter().collect(),
        expires_at,
    };
    let id = app.backend.change_access(actor.name.clone(), order).await?;
    Ok(NewToken {
        id: id.unwrap_or_default(),
        token: secret,
        expires_at: expires_at.into(),
    })
}

/// Revokes a token.
pub async fn revoke<B: Backend>(app: &App<B>, actor: &Actor, account: &str, id: u64) -> Result<User, Problem> {
    let order = AccessOrder::RevokeToken {
        account: account.to_owned(),
        id,
    };
    app.backend.change_access(actor.name.clone(), order).await?;
    user(&app.backend, account)
}

/// Roles and what each may do
#[utoipa::path(get, path = "/api/v1/roles", tag = "Users",
    responses((status = 200, description = "Every role", body = Vec<RoleRights>), Problems))]
pub async fn roles(_: Who, _: Asked<NoQuery>) -> axum::Json<Vec<RoleRights>> {
    let meaning = |right: &Right| RightMeaning {
        right: right.as_str().to_owned(),
        meaning: right.meaning().to_owned(),
        gateway_wide: right.is_gateway_wide(),
    };
    let roles = TABLE.iter().map(|(role, rights)| RoleRights {
        role: role.as_str().to_owned(),
        rights: rights.iter().map(meaning).collect(),
    });
    axum::Json(roles.collect())
}

/// Users, by name, each with its tokens
#[utoipa::path(get, path = "/api/v1/users", tag = "Users",
    responses((status = 200, description = "The users; at most 1000", body = Vec<User>), Problems))]
pub async fn list<B: Backend>(State(app): State<App<B>>, _: Who, _: Asked<NoQuery>) -> axum::Json<Vec<User>> {
    axum::Json(users(&app.backend))
}

/// A new user; there is no user and no password that was not made by somebody
#[utoipa::path(post, path = "/api/v1/users", tag = "Users", request_body = NewUserBody,
    responses((status = 200, description = "The user; ETag is its revision", body = User), Problems))]
pub async fn add<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    _: Asked<NoQuery>,
    Json(body): Json<NewUserBody>,
) -> Result<Tagged, Problem> {
    create(&app, &who.0, body).await.map(tagged)
}

/// One user
#[utoipa::path(get, path = "/api/v1/users/{name}", tag = "Users", params(("name" = String, Path)),
    responses((status = 200, description = "The user; ETag is its revision", body = User), Problems))]
pub async fn one<B: Backend>(
    State(app): State<App<B>>,
    _: Who,
    InPath(name): InPath<String>,
    _: Asked<NoQuery>,
) -> Result<Tagged, Problem> {
    user(&app.backend, &name).map(tagged)
}

/// Changes a user: role, limits, password, disabled, language; what is absent stays
#[utoipa::path(post, path = "/api/v1/users/{name}", tag = "Users", params(("name" = String, Path)),
    request_body = UserBody, responses((status = 200, description = "The user; ETag is its revision", body = User), Problems))]
pub async fn edit<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(name): InPath<String>,
    IfMatch(revision): IfMatch,
    _: Asked<NoQuery>,
    Json(body): Json<UserBody>,
) -> Result<Tagged, Problem> {
    change(&app, &who.0, &name, revision, body).await.map(tagged)
}

/// A token for a user; its secret is shown this once
#[utoipa::path(post, path = "/api/v1/users/{name}/tokens", tag = "Users", params(("name" = String, Path)),
    request_body = TokenBody, responses((status = 200, description = "The token", body = NewToken), Problems))]
pub async fn token<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(name): InPath<String>,
    _: Asked<NoQuery>,
    Json(body): Json<TokenBody>,
) -> Result<axum::Json<NewToken>, Problem> {
    add_token(&app, &who.0, &name, body).await.map(axum::Json)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NothingBody {}

/// From now on the token opens nothing
#[utoipa::path(post, path = "/api/v1/users/{name}/tokens/{id}/revoke", tag = "Users",
    params(("name" = String, Path), ("id" = u64, Path)), request_body = NothingBody,
    responses((status = 200, description = "The user", body = User), Problems))]
pub async fn revoke_token<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath((name, id)): InPath<(String, u64)>,
    _: Asked<NoQuery>,
    _: Json<NothingBody>,
) -> Result<Tagged, Problem> {
    revoke(&app, &who.0, &name, id).await.map(tagged)
}
