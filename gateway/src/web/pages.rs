//! The pages: asks the backend, hands views to `dashboards`.

use super::api::account::enter;
use super::api::alarms::AlarmPath;
use super::api::follow_up;
use super::api::review::at_site;
use super::auth::Address;
use super::auth::{Via, Who};
use super::backend::{Actor, AlarmQuery, AuditQuery, Backend, DeviceQuery, IncidentQuery, Right, Slice, TicketQuery};
use super::extract::{DevicePath, Form, InPath, cookie, incident_id, ticket_id};
use super::forms::{self, local};
use super::openapi;
use super::problem::Problem;
use super::{App, Whole, access_pages, knowledge_pages, on_call_pages, stock_pages, topology_pages, window_pages};
use crate::access::notes::Note;
use crate::web::extract::State;
use axum::Router;
use axum::extract::{FromRequestParts, Query};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use dashboards::page::{self, AlarmFilter, AlarmShow, FleetFilter, Frame, PlotRange, Rights};
use dashboards::view::Incident;
use domain::text::Language;
use domain::{Millis, Severity, SiteName};
use maud::Markup;
use serde::Deserialize;

/// Rows of a page.
pub(super) const ROWS: usize = 100;
/// Open tickets on the board; more are reached through the API.
const BOARD_OPEN: usize = 300;
/// Final tickets on the board, the newest.
const BOARD_FINAL: usize = 20;
/// Incidents above the alarms, the newest; more are reached through the API.
const INCIDENTS: usize = 20;
const PACKETS: usize = 25;
/// Deliveries that were given up, on the system page.
const DEAD_LETTERS: usize = 20;
const AUDIT_LINES: usize = 20;
/// A year, in seconds.
const LANGUAGE_LASTS: u32 = 31_536_000;

pub(super) fn routes<B: Backend>() -> Router<Whole<B>> {
    Router::new()
        .route("/", get(fleet::<B>))
        .route("/devices/{site}/{device}", get(device::<B>))
        .route("/alarms", get(alarms::<B>))
        .route("/alarms/{site}/{device}/{mode}/{episode}", get(alarm::<B>))
        .route(
            "/alarms/{site}/{device}/{mode}/{episode}/{action}",
            post(forms::alarm::<B>),
        )
        .route("/tickets", get(tickets::<B>).post(forms::report::<B>))
        .route("/tickets/{ticket}", get(ticket::<B>))
        .route("/tickets/{ticket}/report", get(report::<B>))
        .route("/tickets/{ticket}/follow-up", post(follow_up::form::<B>))
        .route("/tickets/{ticket}/work", post(forms::work::<B>))
        .route("/tickets/{ticket}/reservations", post(stock_pages::reserve::<B>))
        .route("/tickets/{ticket}/{action}", post(forms::ticket::<B>))
        .route("/incidents/{incident}/{action}", post(forms::incident::<B>))
        .route("/topology", get(topology_pages::sites::<B>))
        .route("/topology/{site}", get(topology_pages::site::<B>))
        .route("/parts", get(stock_pages::list::<B>))
        .route("/parts/movements", post(stock_pages::book::<B>))
        .route("/windows", get(window_pages::list::<B>).post(window_pages::plan::<B>))
        .route("/windows/{window}/end", post(window_pages::end::<B>))
        .route("/on-call", get(on_call_pages::list::<B>))
        .route("/on-call/overrides", post(on_call_pages::swap::<B>))
        .route("/on-call/overrides/{id}/end", post(on_call_pages::end::<B>))
        .route(
            "/knowledge",
            get(knowledge_pages::search::<B>).post(knowledge_pages::draft::<B>),
        )
        .route("/knowledge/from-ticket", post(knowledge_pages::from_ticket::<B>))
        .route("/knowledge/{entry}", get(knowledge_pages::one::<B>))
        .route("/knowledge/{entry}/edit", post(knowledge_pages::edit::<B>))
        .route("/knowledge/{entry}/release", post(knowledge_pages::release::<B>))
        .route("/knowledge/{entry}/retire", post(knowledge_pages::retire::<B>))
        .route("/knowledge/{entry}/feedback", post(knowledge_pages::feedback::<B>))
        .route("/review", get(review::<B>))
        .route("/quarantine", get(quarantine::<B>))
        .route("/quarantine/replay", post(forms::replay_all::<B>))
        .route("/quarantine/{packet}/{action}", post(forms::packet::<B>))
        .route("/system", get(system::<B>))
        .route("/system/receivers/{name}/test", post(forms::receiver::<B>))
        .route("/system/dead/{id}/resend", post(forms::dead_letter::<B>))
        .route("/users", get(access_pages::list::<B>).post(access_pages::add::<B>))
        .route("/users/{name}", post(access_pages::edit::<B>))
        .route("/users/{name}/tokens", post(access_pages::token::<B>))
        .route(
            "/users/{name}/tokens/{id}/revoke",
            post(access_pages::revoke_token::<B>),
        )
        .route("/account", get(access_pages::account::<B>))
        .route("/account/password", post(access_pages::password::<B>))
        .route("/account/tokens", post(access_pages::own_token::<B>))
        .route("/account/tokens/{id}/revoke", post(access_pages::revoke_own::<B>))
        .route("/audit", get(access_pages::audit::<B>))
        .route(
            "/setup",
            get(access_pages::set_up_page::<B>).post(access_pages::finish_set_up::<B>),
        )
        .route("/api", get(api::<B>))
        .route("/login", get(login_page::<B>).post(log_in::<B>))
        .route("/logout", post(log_out::<B>))
}

/// A page, with the language kept if it was chosen just now.
pub(super) struct Page {
    markup: Markup,
    chosen: Option<Language>,
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = Html(self.markup.into_string()).into_response();
        response
            .headers_mut()
            .insert(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
        if let Some(language) = self.chosen {
            let value = match language {
                Language::En => "en",
                Language::Zh => "zh",
            };
            let cookie = format!("lang={value}; Path=/; SameSite=Lax; Max-Age={LANGUAGE_LASTS}");
            let cookie = HeaderValue::from_str(&cookie).expect("fixed words are a header value");
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// A page that somebody looks at.
pub(super) struct Visit {
    pub(super) frame: Frame,
    chosen: Option<Language>,
    actor: Option<Actor>,
}

impl Visit {
    pub(super) fn show(&self, markup: Markup) -> Page {
        Page {
            markup,
            chosen: self.chosen,
        }
    }
}

impl<B: Backend> FromRequestParts<Whole<B>> for Visit {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, whole: &Whole<B>) -> Result<Self, Problem> {
        let actor = parts.extensions.get::<Actor>().cloned();
        let via = parts.extensions.get::<Via>().copied();
        let (asked, chosen) = language(&parts.uri, &parts.headers);
        let is_kept = chosen.is_some() || cookie(&parts.headers, "lang").is_some();
        let accounts = whole.backend().accounts();
        let own = actor
            .as_ref()
            .and_then(|a| accounts.get(&a.name))
            .map(|a| a.locale.as_str());
        let language = match own {
            Some("en") if !is_kept => Language::En,
            Some("zh") if !is_kept => Language::Zh,
            Some(_) | None => asked,
        };
        let may = |right| actor.as_ref().is_some_and(|a| a.may(right));
        let rights = Rights {
            may_operate: may(Right::OperateAlarms),
            may_work: may(Right::WorkTickets),
            may_swap: may(Right::PlanWork) && actor.as_ref().is_some_and(|a| a.limits.is_none()),
            may_write_knowledge: may(Right::WriteKnowledge),
            may_release_knowledge: may(Right::ReleaseKnowledge),
            may_book_stock: may(Right::BookStock),
            may_tune: may(Right::HandleQuarantine),
            may_see_system: may(Right::ReadSystem),
            may_read_audit: may(Right::ReadAudit),
            may_manage_users: may(Right::ManageUsers),
        };
        let user = match via {
            Some(Via::Session | Via::Bearer) => actor.as_ref().map(|a| a.name.clone()),
            Some(Via::Local) | None => None,
        };
        let mut frame = frame(whole.backend(), language, &parts.uri, user, rights);
        if may(Right::View) {
            let seen = whole.seen_by(actor.as_ref().map(|actor| &*actor.limits));
            frame.flooded = seen.backend.flooded().await;
        }
        Ok(Visit { frame, chosen, actor })
    }
}

fn frame<B: Backend>(backend: &B, language: Language, uri: &Uri, user: Option<String>, rights: Rights) -> Frame {
    // The language is in the cookie by then: links and forms need not carry it.
    let query: Vec<&str> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|p| !p.is_empty() && !p.starts_with("lang="))
        .collect();
    let here = match query.is_empty() {
        true => uri.path().to_owned(),
        false => format!("{}?{}", uri.path(), query.join("&")),
    };
    Frame {
        language,
        now: backend.now(),
        speed: backend.clock_speed(),
        risk_grades: backend.risk_grades(),
        user,
        rights,
        here,
        flooded: Vec::new(),
    }
}

/// From `?lang=`, else the cookie, else `Accept-Language`. The second is set if it was chosen just now.
fn language(uri: &Uri, headers: &HeaderMap) -> (Language, Option<Language>) {
    let known = |word: &str| match word {
        "en" => Some(Language::En),
        "zh" => Some(Language::Zh),
        _ => None,
    };
    let chosen = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .find_map(|p| known(p.strip_prefix("lang=")?));
    let accepted = || {
        let text = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
        let mut wanted: Vec<(Language, f32)> = text
            .split(',')
            .filter_map(|item| {
                let (tag, quality) = item.split_once(";q=").unwrap_or((item, "1"));
                let language = known(tag.trim().split('-').next()?.to_ascii_lowercase().as_str())?;
                Some((language, quality.trim().parse().unwrap_or(0.0)))
            })
            .collect();
        // Stable: of equals the first one written is meant.
        wanted.sort_by(|a, b| b.1.total_cmp(&a.1));
        wanted
            .first()
            .filter(|(_, quality)| *quality > 0.0)
            .map(|(language, _)| *language)
    };
    let language = chosen
        .or_else(|| known(cookie(headers, "lang")?))
        .or_else(accepted)
        .unwrap_or_default();
    (language, chosen)
}

/// What went wrong, as a page.
pub(super) fn problem_page<B: Backend>(backend: &B, uri: &Uri, headers: &HeaderMap, problem: &Problem) -> Markup {
    let (language, _) = language(uri, headers);
    let frame = frame(backend, language, uri, None, Rights::default());
    let back = headers
        .get(header::REFERER)
        .and_then(|r| r.to_str().ok()?.parse::<Uri>().ok())
        .map_or_else(
            || "/".to_owned(),
            |uri| local(uri.path_and_query().map_or("/", |p| p.as_str())),
        );
    page::problem(&frame, problem.status.as_u16(), &problem.detail, &back)
}

pub(super) fn first(cursor: Option<String>, limit: usize) -> Slice {
    Slice {
        cursor: cursor.filter(|c| !c.is_empty()),
        limit,
    }
}

/// A choice from a form: empty means all, and what cannot be a name fits nothing.
fn site_of(text: Option<&str>) -> Result<Option<SiteName>, Problem> {
    match text {
        None | Some("") => Ok(None),
        Some(text) => SiteName::new(text)
            .map(Some)
            .map_err(|error| Problem::field(StatusCode::BAD_REQUEST, "?site", error.to_string())),
    }
}

#[derive(Debug, Deserialize)]
struct FleetQuery {
    site: Option<String>,
    #[serde(default)]
    q: String,
    cursor: Option<String>,
}

async fn fleet<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    Query(query): Query<FleetQuery>,
) -> Result<Page, Problem> {
    let filter = FleetFilter {
        site: site_of(query.site.as_deref())?,
        text: query.q.chars().take(64).collect(),
    };
    let devices = app
        .backend
        .devices(DeviceQuery {
            site: filter.site.clone(),
            text: filter.text.clone(),
            slice: first(query.cursor, ROWS),
        })
        .await?;
    let (counts, sites) = (app.backend.counts().await?, app.backend.sites().await?);
    let mqtt = app.backend.mqtt_address();
    Ok(visit.show(page::fleet(
        &visit.frame,
        &counts,
        &sites,
        &filter,
        &devices,
        mqtt.as_deref(),
    )))
}

#[derive(Debug, Deserialize)]
struct DeviceParams {
    range: Option<String>,
}

async fn device<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    InPath(path): InPath<DevicePath>,
    Query(query): Query<DeviceParams>,
) -> Result<Page, Problem> {
    let device = app.backend.device(path.key()?).await?;
    // on a fast clock minutes pass at once
    let usual = if visit.frame.speed > 1.0 {
        PlotRange::All
    } else {
        PlotRange::default()
    };
    let range = query.range.as_deref().and_then(PlotRange::parse).unwrap_or(usual);
    Ok(visit.show(page::device(&visit.frame, &device, range)))
}

#[derive(Debug, Deserialize)]
struct AlarmParams {
    site: Option<String>,
    #[serde(default)]
    severity: String,
    #[serde(default)]
    show: String,
    #[serde(default)]
    incident: String,
    cursor: Option<String>,
}

async fn alarms<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    Query(query): Query<AlarmParams>,
) -> Result<Page, Problem> {
    let severities = [Severity::Advisory, Severity::Warning, Severity::Critical];
    let filter = AlarmFilter {
        site: site_of(query.site.as_deref())?,
        severity: severities.into_iter().find(|s| s.as_str() == query.severity),
        show: AlarmShow::parse(&query.show).unwrap_or_default(),
        incident: None,
    };
    let (incidents, members_of) = incidents_shown(&app.backend, &query.incident, filter.site.clone()).await?;
    let filter = AlarmFilter {
        incident: members_of.and(incidents.first()).map(|incident| incident.id.clone()),
        ..filter
    };
    let mut asked = AlarmQuery {
        site: filter.site.clone(),
        device: None,
        state: None,
        severity: filter.severity,
        is_active: None,
        is_shelved: None,
        with_normal: false,
        incident: members_of,
        slice: first(query.cursor, ROWS),
    };
    match filter.show {
        AlarmShow::Open => {}
        AlarmShow::Active => asked.is_active = Some(true),
        AlarmShow::Unacknowledged => asked.state = Some(dashboards::view::AlarmState::Unacknowledged),
        AlarmShow::Shelved => asked.is_shelved = Some(true),
        AlarmShow::All => asked.with_normal = true,
    }
    let (list, sites) = (app.backend.alarms(asked).await?, app.backend.sites().await?);
    Ok(visit.show(page::alarms(&visit.frame, &sites, &filter, &incidents, &list)))
}

/// The one that is asked for, with its number; else those that are not over.
async fn incidents_shown<B: Backend>(
    backend: &B,
    asked: &str,
    site: Option<SiteName>,
) -> Result<(Vec<Incident>, Option<u64>), Problem> {
    if !asked.is_empty() {
        let id = incident_id(asked)?;
        return Ok((vec![backend.incident(id).await?], Some(id)));
    }
    let query = IncidentQuery {
        site,
        is_open: true,
        slice: first(None, INCIDENTS),
    };
    Ok((backend.incidents(query).await?.items, None))
}

async fn alarm<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    InPath(path): InPath<AlarmPath>,
) -> Result<Page, Problem> {
    let id = path.id()?;
    let alarm = app.backend.alarm(id.clone()).await?;
    let entries = app.backend.knowledge_of_alarm(id).await?;
    Ok(visit.show(page::alarm(&visit.frame, &alarm, &entries)))
}

#[derive(Debug, Deserialize)]
struct BoardQuery {
    /// Only those with a bad rating that somebody has to see to.
    follow_up: Option<bool>,
}

async fn tickets<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    Query(query): Query<BoardQuery>,
) -> Result<Page, Problem> {
    let follow_up = query.follow_up.filter(|only| *only);
    let asked = |is_open, limit| TicketQuery {
        site: None,
        device: None,
        state: None,
        is_open: Some(is_open),
        follow_up,
        slice: first(None, limit),
    };
    let mut all = app.backend.tickets(asked(true, BOARD_OPEN)).await?.items;
    all.extend(app.backend.tickets(asked(false, BOARD_FINAL)).await?.items);
    let counts = app.backend.counts().await?;
    Ok(visit.show(page::tickets(&visit.frame, &counts, &all, follow_up.is_some())))
}

async fn ticket<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    InPath(id): InPath<String>,
) -> Result<Page, Problem> {
    let id = ticket_id(&id)?;
    let ticket = app.backend.ticket(id).await?;
    let proposals = app.backend.proposals(id).await?;
    let entries = app.backend.knowledge_of_ticket(id).await?;
    Ok(visit.show(page::ticket(&visit.frame, &ticket, &proposals, &entries)))
}

async fn report<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    InPath(id): InPath<String>,
) -> Result<Page, Problem> {
    let report = app.backend.service_report(ticket_id(&id)?).await?;
    Ok(visit.show(page::report(&visit.frame, &report)))
}

#[derive(Debug, Deserialize)]
struct CursorOnly {
    cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
struct ReviewQuery {
    /// How many days back.
    days: Option<u32>,
    /// Only this site.
    site: Option<String>,
}

async fn review<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    Query(query): Query<ReviewQuery>,
) -> Result<Page, Problem> {
    let days = query.days.unwrap_or(30).clamp(1, 3_660);
    let until = visit.frame.now;
    let from = until - Millis::days(i64::from(days));
    let (site, sites) = (site_of(query.site.as_deref())?, app.backend.sites().await?);
    let seen = match &visit.actor {
        Some(actor) => at_site(&app.backend, actor, site.as_ref())?,
        None => app.backend.clone(),
    };
    let review = seen.review(from, until).await?;
    let breaches = seen.breaches(from, until).await?;
    let reports = app.backend.reports().await?;
    let filter = page::ReviewFilter { days, site, sites };
    Ok(visit.show(page::review(&visit.frame, &review, &breaches, &reports, &filter)))
}

async fn quarantine<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    Query(query): Query<CursorOnly>,
) -> Result<Page, Problem> {
    let packets = app.backend.quarantine(first(query.cursor, PACKETS)).await?;
    Ok(visit.show(page::quarantine(&visit.frame, &packets)))
}

async fn system<B: Backend>(State(app): State<App<B>>, visit: Visit) -> Result<Page, Problem> {
    let (health, models) = (app.backend.health().await?, app.backend.models().await?);
    let audit = match visit.frame.rights.may_read_audit {
        true => Some(
            app.backend
                .audit(AuditQuery::all(first(None, AUDIT_LINES)))
                .await?
                .items,
        ),
        false => None,
    };
    let outbound = page::Outbound {
        receivers: app.backend.receivers().await?,
        dead: app.backend.dead_letters(first(None, DEAD_LETTERS)).await?.items,
    };
    let drills = app.backend.drills().await?;
    Ok(visit.show(page::system(
        &visit.frame,
        &health,
        &models,
        &outbound,
        &drills,
        audit.as_deref(),
    )))
}

async fn api<B: Backend>(State(_): State<App<B>>, visit: Visit) -> Page {
    let markup = page::api(&visit.frame, &openapi::endpoints());
    visit.show(markup)
}

#[derive(Debug, Deserialize)]
struct LoginQuery {
    #[serde(default)]
    back: String,
}

async fn login_page<B: Backend>(State(_): State<App<B>>, visit: Visit, Query(query): Query<LoginQuery>) -> Response {
    match visit.actor {
        Some(_) => Redirect::to(&local(&query.back)).into_response(),
        None => visit
            .show(page::login(&visit.frame, &local(&query.back), false))
            .into_response(),
    }
}

#[derive(Deserialize)]
struct LoginForm {
    #[serde(default)]
    token: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    back: String,
}

/// By a name and its password, else by a token.
async fn log_in<B: Backend>(
    State(app): State<App<B>>,
    visit: Visit,
    address: Address,
    Form(form): Form<LoginForm>,
) -> Result<Response, Problem> {
    let cookie = match form.name.trim() {
        "" => {
            let (accounts, now) = (app.backend.accounts(), app.backend.now());
            let entered = app.auth.log_in(form.token.trim(), &accounts, now);
            let (actor, action) = match &entered {
                Some((name, _)) => (name.clone(), "login"),
                None => ("unknown".to_owned(), "login.refused"),
            };
            app.backend.note(Note {
                at: now,
                actor,
                action: action.to_owned(),
                subject: address.0,
                detail: "by token".to_owned(),
            });
            entered.map(|(_, cookie)| cookie)
        }
        name => match enter(&app, name, &form.password, &address.0).await {
            Ok(cookie) => Some(cookie),
            Err(problem) if problem.status == StatusCode::UNAUTHORIZED => None,
            Err(problem) => return Err(problem),
        },
    };
    Ok(match cookie {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to(&local(&form.back))).into_response(),
        None => {
            let page = visit.show(page::login(&visit.frame, &local(&form.back), true));
            (StatusCode::UNAUTHORIZED, page).into_response()
        }
    })
}

async fn log_out<B: Backend>(State(app): State<App<B>>, _: Who, headers: HeaderMap) -> Response {
    (
        [(header::SET_COOKIE, app.auth.log_out(&headers))],
        Redirect::to("/login"),
    )
        .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_asked_for_in_three_ways() {
        let with = |uri: &str, cookie: &str, accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookie.parse().expect("header"));
            headers.insert(header::ACCEPT_LANGUAGE, accept.parse().expect("header"));
            language(&uri.parse().expect("uri"), &headers)
        };
        assert_eq!(with("/", "", ""), (Language::En, None));
        assert_eq!(with("/", "", "zh-CN,zh;q=0.9,en;q=0.8"), (Language::Zh, None));
        assert_eq!(with("/", "", "de,en;q=0.5,zh;q=0.4"), (Language::En, None));
        assert_eq!(with("/", "a=b; lang=en", "zh"), (Language::En, None));
        assert_eq!(
            with("/?q=1&lang=zh", "lang=en", "en"),
            (Language::Zh, Some(Language::Zh))
        );
        assert_eq!(with("/?lang=xx", "lang=zh", "en"), (Language::Zh, None));
    }
}
