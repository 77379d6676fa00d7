//! Pages of users, of one's own account, of the audit trail, and of set-up.

use super::App;
use super::api::access::{NewUserBody, TokenBody, UserBody, add_token, change, create, own, revoke, users};
use super::api::account::{PasswordBody, by_password, change_password, set_up};
use super::auth::{Address, Who};
use super::backend::{AuditQuery, Backend, Right, Role};
use super::extract::{Form, InPath, State};
use super::pages::{Page, Visit, first};
use super::problem::Problem;
use super::window_pages::instant;
use axum::extract::Query;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use dashboards::page;
use dashboards::view::NewToken;
use domain::Timestamp;
use serde::Deserialize;

const LINES: usize = 100;

/// Words between commas.
fn words(text: &str) -> Vec<String> {
    let words = text
        .split([',', '，', '、', '\n'])
        .map(str::trim)
        .filter(|w| !w.is_empty());
    words.map(str::to_owned).collect()
}

fn word_of<T: serde::de::DeserializeOwned>(pointer: &str, word: &str) -> Result<T, Problem> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|_| Problem::field(StatusCode::UNPROCESSABLE_ENTITY, pointer, format!("there is no {word}")))
}

fn all_words() -> page::AccessWords {
    page::AccessWords {
        roles: crate::access::rights::TABLE
            .iter()
            .map(|(role, _)| role.as_str())
            .collect(),
        rights: Right::ALL.iter().map(|r| (r.as_str(), r.meaning())).collect(),
    }
}

pub(super) async fn list<B: Backend>(State(app): State<App<B>>, visit: Visit) -> Page {
    visit.show(page::users(&visit.frame, &users(&app.backend), &all_words(), None))
}

#[derive(Deserialize)]
pub(super) struct UserForm {
    #[serde(default)]
    name: String,
    role: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    sites: String,
    #[serde(default)]
    customers: String,
    #[serde(default)]
    locale: String,
    disabled: Option<String>,
    revision: Option<u64>,
}

pub(super) async fn add<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    Form(form): Form<UserForm>,
) -> Result<Redirect, Problem> {
    let body = NewUserBody {
        name: form.name,
        role: word_of::<Role>("/role", &form.role)?,
        password: Some(form.password),
        sites: words(&form.sites),
        customers: words(&form.customers),
        locale: form.locale,
    };
    create(&app, &who.0, body).await?;
    Ok(Redirect::to("/users"))
}

pub(super) async fn edit<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(name): InPath<String>,
    Form(form): Form<UserForm>,
) -> Result<Redirect, Problem> {
    let body = UserBody {
        role: Some(word_of::<Role>("/role", &form.role)?),
        password: Some(form.password),
        sites: Some(words(&form.sites)),
        customers: Some(words(&form.customers)),
        disabled: Some(form.disabled.is_some()),
        locale: Some(form.locale),
    };
    change(&app, &who.0, &name, form.revision, body).await?;
    Ok(Redirect::to("/users"))
}

#[derive(Deserialize)]
pub(super) struct TokenForm {
    label: String,
    days: u32,
    #[serde(default)]
    scopes: String,
}

impl TokenForm {
    fn body(self) -> Result<TokenBody, Problem> {
        let scopes = words(&self.scopes.replace(' ', ","));
        Ok(TokenBody {
            label: self.label,
            days: self.days,
            scopes: scopes.iter().map(|w| word_of("/scopes", w)).collect::<Result<_, _>>()?,
        })
    }
}

/// The token's page is the answer itself: its secret must stand in no address and in no history.
pub(super) async fn token<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    who: Who,
    InPath(name): InPath<String>,
    Form(form): Form<TokenForm>,
) -> Result<Page, Problem> {
    let made: NewToken = add_token(&app, &who.0, &name, form.body()?).await?;
    Ok(visit.show(page::users(
        &visit.frame,
        &users(&app.backend),
        &all_words(),
        Some((&name, &made)),
    )))
}

pub(super) async fn revoke_token<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath((name, id)): InPath<(String, u64)>,
) -> Result<Redirect, Problem> {
    revoke(&app, &who.0, &name, id).await?;
    Ok(Redirect::to("/users"))
}

pub(super) async fn account<B: Backend>(State(app): State<App<B>>, visit: Visit, who: Who) -> Page {
    let own = own(&app.backend, &who.0);
    visit.show(page::account(&visit.frame, &own, who.0.has_shown_password, None))
}

#[derive(Deserialize)]
pub(super) struct PasswordForm {
    current: String,
    new: String,
    again: String,
}

pub(super) async fn password<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    address: Address,
    Form(form): Form<PasswordForm>,
) -> Result<Response, Problem> {
    let actor = by_password(who)?;
    same(&form.new, &form.again)?;
    let body = PasswordBody {
        current: form.current,
        new: form.new,
    };
    let cookie = change_password(&app, &actor, &address.0, body).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/account")).into_response())
}

fn same(password: &str, again: &str) -> Result<(), Problem> {
    match password == again {
        true => Ok(()),
        false => {
            let detail = "the two passwords are not the same";
            Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "/again", detail))
        }
    }
}

pub(super) async fn own_token<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    who: Who,
    Form(form): Form<TokenForm>,
) -> Result<Page, Problem> {
    let actor = by_password(who)?;
    let made = add_token(&app, &actor, &actor.name, form.body()?).await?;
    Ok(visit.show(page::account(
        &visit.frame,
        &own(&app.backend, &actor),
        true,
        Some(&made),
    )))
}

pub(super) async fn revoke_own<B: Backend>(
    State(app): State<App<B>>,
    who: Who,
    InPath(id): InPath<u64>,
) -> Result<Redirect, Problem> {
    let actor = by_password(who)?;
    revoke(&app, &actor, &actor.name, id).await?;
    Ok(Redirect::to("/account"))
}

#[derive(Debug, Deserialize)]
pub(super) struct AuditForm {
    cursor: Option<String>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    actor: String,
    #[serde(default)]
    subject: String,
}

/// A field of a filter that may be empty.
fn said(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn time(pointer: &str, text: &str) -> Result<Option<Timestamp>, Problem> {
    said(text)
        .map(|text| instant(pointer, &text).map(|at| at.0))
        .transpose()
}

pub(super) async fn audit<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    Query(form): Query<AuditForm>,
) -> Result<Page, Problem> {
    let query = AuditQuery {
        from: time("?from", &form.from)?,
        to: time("?to", &form.to)?,
        actor: said(&form.actor),
        subject: said(&form.subject),
        slice: first(form.cursor, LINES),
    };
    let lines = app.backend.audit(query).await?;
    let shown = [&form.from, &form.to, &form.actor, &form.subject];
    Ok(visit.show(page::audit(&visit.frame, &lines, shown.map(String::as_str))))
}

#[derive(Debug, Deserialize)]
pub(super) struct SetUpQuery {
    #[serde(default)]
    key: String,
}

pub(super) async fn set_up_page<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    Query(query): Query<SetUpQuery>,
) -> Result<Page, Problem> {
    if !app.backend.accounts().is_link(&query.key, app.backend.now()) {
        let detail = "this set-up link is not valid; restart the gateway for a new one";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(visit.show(page::set_up(&visit.frame, &query.key)))
}

#[derive(Deserialize)]
pub(super) struct SetUpForm {
    key: String,
    name: String,
    password: String,
    again: String,
}

pub(super) async fn finish_set_up<B: Backend>(
    State(app): State<App<B>>,
    Form(form): Form<SetUpForm>,
) -> Result<Redirect, Problem> {
    same(&form.password, &form.again)?;
    set_up(&app, &form.key, form.name.trim(), form.password).await?;
    Ok(Redirect::to("/login"))
}
