//! What each route needs: the one table, and the middleware that holds every request to it. A route that does not stand here is
//! refused, whoever asks. Reads of single things, and refusals, are noted for the audit trail.

use super::Whole;
use super::backend::{Actor, Backend, Right};
use super::problem::Problem;
use crate::access::notes::Note;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: anybody may ask.
    Nothing,
    /// To have shown who one is.
    Login,
    /// A right.
    Right(Right),
}

use Needs::{Login, Nothing};

const VIEW: Needs = Needs::Right(Right::View);
const SYSTEM: Needs = Needs::Right(Right::ReadSystem);
const OPERATE: Needs = Needs::Right(Right::OperateAlarms);
const PLAN: Needs = Needs::Right(Right::PlanWork);
const WORK: Needs = Needs::Right(Right::WorkTickets);
const ASSIGN: Needs = Needs::Right(Right::AssignTickets);
const COMMENT: Needs = Needs::Right(Right::CommentTickets);
const STOCK: Needs = Needs::Right(Right::BookStock);
const QUARANTINE: Needs = Needs::Right(Right::HandleQuarantine);
const TUNE: Needs = Needs::Right(Right::TuneModels);
const RELEASE: Needs = Needs::Right(Right::ReleaseModels);
const WRITE: Needs = Needs::Right(Right::WriteKnowledge);
const PUBLISH: Needs = Needs::Right(Right::ReleaseKnowledge);
const TEST: Needs = Needs::Right(Right::TestReceivers);
const RESEND: Needs = Needs::Right(Right::ResendMessages);
const AUDIT: Needs = Needs::Right(Right::ReadAudit);
const USERS: Needs = Needs::Right(Right::ManageUsers);

/// Method, path and need of every route. Forms whose last part is an action need more, which they say themselves.
const TABLE: &[(&str, &str, Needs)] = &[
    ("GET", "/api/v1/devices", VIEW),
    ("GET", "/api/v1/devices/{site}/{device}", VIEW),
    ("GET", "/api/v1/devices/{site}/{device}/history", VIEW),
    ("GET", "/api/v1/fleet", VIEW),
    ("GET", "/api/v1/topology", VIEW),
    ("GET", "/api/v1/topology/{site}", VIEW),
    ("GET", "/api/v1/alarms", VIEW),
    ("GET", "/api/v1/alarms/{site}/{device}/{mode}/{episode}", VIEW),
    (
        "POST",
        "/api/v1/alarms/{site}/{device}/{mode}/{episode}/acknowledge",
        OPERATE,
    ),
    (
        "POST",
        "/api/v1/alarms/{site}/{device}/{mode}/{episode}/shelve",
        OPERATE,
    ),
    (
        "POST",
        "/api/v1/alarms/{site}/{device}/{mode}/{episode}/unshelve",
        OPERATE,
    ),
    ("POST", "/api/v1/alarms/{site}/{device}/{mode}/{episode}/reset", OPERATE),
    (
        "POST",
        "/api/v1/alarms/{site}/{device}/{mode}/{episode}/out-of-service",
        PLAN,
    ),
    (
        "POST",
        "/api/v1/alarms/{site}/{device}/{mode}/{episode}/return-to-service",
        PLAN,
    ),
    ("GET", "/api/v1/incidents", VIEW),
    ("GET", "/api/v1/incidents/{incident}", VIEW),
    ("POST", "/api/v1/incidents/{incident}/respond", OPERATE),
    ("POST", "/api/v1/incidents/{incident}/handle", OPERATE),
    ("GET", "/api/v1/review", VIEW),
    ("GET", "/api/v1/review.csv", VIEW),
    ("GET", "/api/v1/review/rules", VIEW),
    ("GET", "/api/v1/on-call", VIEW),
    ("GET", "/api/v1/breaches", VIEW),
    ("GET", "/api/v1/reports", VIEW),
    ("GET", "/api/v1/reports/{file}", VIEW),
    ("GET", "/api/v1/floods", VIEW),
    ("GET", "/api/v1/on-call/overrides", VIEW),
    ("POST", "/api/v1/on-call/{rotation}/overrides", PLAN),
    ("DELETE", "/api/v1/on-call/overrides/{id}", PLAN),
    ("POST", "/api/v1/tickets/{ticket}/follow-up", WORK),
    ("GET", "/api/v1/drills", VIEW),
    ("GET", "/api/v1/drills/notices", VIEW),
    ("POST", "/api/v1/drills", PLAN),
    ("GET", "/api/v1/windows", VIEW),
    ("POST", "/api/v1/windows", PLAN),
    ("POST", "/api/v1/windows/{window}/end", PLAN),
    ("GET", "/api/v1/alarms/{site}/{device}/{mode}/{episode}/knowledge", VIEW),
    ("GET", "/api/v1/knowledge", VIEW),
    ("POST", "/api/v1/knowledge", WRITE),
    ("GET", "/api/v1/knowledge/{entry}", VIEW),
    // a released entry needs more, which the backend says
    ("PUT", "/api/v1/knowledge/{entry}", WRITE),
    ("POST", "/api/v1/knowledge/{entry}/release", PUBLISH),
    ("POST", "/api/v1/knowledge/{entry}/retire", PUBLISH),
    ("POST", "/api/v1/knowledge/{entry}/feedback", WRITE),
    ("GET", "/api/v1/tickets/{ticket}/knowledge", VIEW),
    ("POST", "/api/v1/tickets/{ticket}/knowledge", WRITE),
    ("GET", "/api/v1/tickets", VIEW),
    ("GET", "/api/v1/tickets/{ticket}", VIEW),
    ("POST", "/api/v1/tickets", ASSIGN),
    ("GET", "/api/v1/tickets/{ticket}/report", VIEW),
    ("POST", "/api/v1/tickets/{ticket}/schedule", ASSIGN),
    ("POST", "/api/v1/tickets/{ticket}/merge", ASSIGN),
    ("POST", "/api/v1/tickets/{ticket}/split", ASSIGN),
    ("POST", "/api/v1/tickets/{ticket}/archive", WORK),
    // what belongs to the work needs more, which it says itself
    ("POST", "/api/v1/tickets/{ticket}/work", COMMENT),
    ("POST", "/api/v1/tickets/{ticket}/files", WORK),
    ("GET", "/api/v1/tickets/{ticket}/files/{entry}", VIEW),
    ("POST", "/api/v1/tickets/{ticket}/step", WORK),
    ("GET", "/api/v1/tickets/{ticket}/dispatch", VIEW),
    ("POST", "/api/v1/tickets/{ticket}/assign", ASSIGN),
    ("POST", "/api/v1/tickets/{ticket}/hold", WORK),
    ("POST", "/api/v1/tickets/{ticket}/resume", WORK),
    ("POST", "/api/v1/tickets/{ticket}/reclass", WORK),
    ("POST", "/api/v1/tickets/{ticket}/comment", COMMENT),
    ("POST", "/api/v1/tickets/{ticket}/close", WORK),
    ("POST", "/api/v1/tickets/{ticket}/cancel", WORK),
    ("POST", "/api/v1/tickets/{ticket}/reopen", WORK),
    ("GET", "/api/v1/parts", VIEW),
    ("GET", "/api/v1/stock", VIEW),
    ("GET", "/api/v1/stock/forecast", VIEW),
    ("POST", "/api/v1/stock/movements", STOCK),
    ("POST", "/api/v1/tickets/{ticket}/reservations", ASSIGN),
    ("POST", "/api/v1/tickets/{ticket}/reservations/release", ASSIGN),
    ("GET", "/api/v1/quarantine", SYSTEM),
    ("POST", "/api/v1/quarantine/replay", QUARANTINE),
    ("GET", "/api/v1/quarantine/{packet}", SYSTEM),
    ("POST", "/api/v1/quarantine/{packet}/replay", QUARANTINE),
    ("POST", "/api/v1/quarantine/{packet}/discard", QUARANTINE),
    ("GET", "/api/v1/models", VIEW),
    ("POST", "/api/v1/models", TUNE),
    ("GET", "/api/v1/models/{version}", VIEW),
    ("POST", "/api/v1/models/{version}/shadow", TUNE),
    ("POST", "/api/v1/models/{version}/promote", RELEASE),
    ("POST", "/api/v1/models/{version}/rollback", RELEASE),
    ("POST", "/api/v1/models/{version}/discard", TUNE),
    ("GET", "/api/v1/outbound/receivers", SYSTEM),
    ("POST", "/api/v1/outbound/receivers/{name}/test", TEST),
    ("GET", "/api/v1/outbound/dead", SYSTEM),
    ("POST", "/api/v1/outbound/dead/{id}/resend", RESEND),
    // shows a secret of its own
    ("POST", "/api/v1/outbound/inbound/{receiver}", Nothing),
    ("GET", "/api/v1/health", SYSTEM),
    ("GET", "/api/v1/audit", AUDIT),
    ("GET", "/api/v1/stream", VIEW),
    ("GET", "/api/v1/openapi.json", Login),
    ("GET", "/api/v1/roles", Login),
    ("GET", "/api/v1/users", USERS),
    ("POST", "/api/v1/users", USERS),
    ("GET", "/api/v1/users/{name}", USERS),
    ("POST", "/api/v1/users/{name}", USERS),
    ("POST", "/api/v1/users/{name}/tokens", USERS),
    ("POST", "/api/v1/users/{name}/tokens/{id}/revoke", USERS),
    ("GET", "/api/v1/account", Login),
    ("POST", "/api/v1/account/password", Login),
    ("POST", "/api/v1/account/tokens", Login),
    ("POST", "/api/v1/account/tokens/{id}/revoke", Login),
    ("POST", "/api/v1/login", Nothing),
    ("POST", "/api/v1/setup", Nothing),
    ("GET", "/healthz", Nothing),
    ("GET", "/readyz", Nothing),
    ("GET", "/metrics", SYSTEM),
    ("GET", "/", VIEW),
    ("GET", "/devices/{site}/{device}", VIEW),
    ("GET", "/alarms", VIEW),
    ("GET", "/alarms/{site}/{device}/{mode}/{episode}", VIEW),
    ("POST", "/alarms/{site}/{device}/{mode}/{episode}/{action}", VIEW),
    ("GET", "/tickets", VIEW),
    ("GET", "/tickets/{ticket}", VIEW),
    ("POST", "/tickets", ASSIGN),
    ("GET", "/tickets/{ticket}/report", VIEW),
    ("POST", "/tickets/{ticket}/work", COMMENT),
    ("POST", "/tickets/{ticket}/{action}", VIEW),
    ("POST", "/incidents/{incident}/{action}", OPERATE),
    ("GET", "/topology", VIEW),
    ("GET", "/topology/{site}", VIEW),
    ("GET", "/on-call", VIEW),
    ("POST", "/on-call/overrides", PLAN),
    ("POST", "/on-call/overrides/{id}/end", PLAN),
    ("POST", "/tickets/{ticket}/follow-up", WORK),
    ("POST", "/tickets/{ticket}/reservations", ASSIGN),
    ("GET", "/parts", VIEW),
    ("POST", "/parts/movements", STOCK),
    ("GET", "/windows", VIEW),
    ("POST", "/windows", PLAN),
    ("POST", "/windows/{window}/end", PLAN),
    ("GET", "/knowledge", VIEW),
    ("POST", "/knowledge", WRITE),
    ("POST", "/knowledge/from-ticket", WRITE),
    ("GET", "/knowledge/{entry}", VIEW),
    ("POST", "/knowledge/{entry}/edit", WRITE),
    ("POST", "/knowledge/{entry}/release", PUBLISH),
    ("POST", "/knowledge/{entry}/retire", PUBLISH),
    ("POST", "/knowledge/{entry}/feedback", WRITE),
    ("GET", "/review", VIEW),
    ("GET", "/quarantine", SYSTEM),
    ("POST", "/quarantine/replay", QUARANTINE),
    ("POST", "/quarantine/{packet}/{action}", QUARANTINE),
    ("GET", "/system", SYSTEM),
    ("POST", "/system/receivers/{name}/test", TEST),
    ("POST", "/system/dead/{id}/resend", RESEND),
    ("GET", "/users", USERS),
    ("POST", "/users", USERS),
    ("POST", "/users/{name}", USERS),
    ("POST", "/users/{name}/tokens", USERS),
    ("POST", "/users/{name}/tokens/{id}/revoke", USERS),
    ("GET", "/account", Login),
    ("POST", "/account/password", Login),
    ("POST", "/account/tokens", Login),
    ("POST", "/account/tokens/{id}/revoke", Login),
    ("GET", "/audit", AUDIT),
    ("GET", "/api", Login),
    ("GET", "/login", Nothing),
    ("POST", "/login", Nothing),
    ("POST", "/logout", Login),
    ("GET", "/setup", Nothing),
    ("POST", "/setup", Nothing),
    ("GET", "/assets/{hash}/{name}", Nothing),
];

/// What a route needs; none: it does not stand in the table.
pub fn needs(method: &Method, path: &str) -> Option<Needs> {
    let method = match *method {
        Method::HEAD => "GET",
        _ => method.as_str(),
    };
    let found = TABLE.iter().find(|(m, p, _)| *m == method && *p == path);
    found.map(|(_, _, needs)| *needs)
}

/// 403, with what is missing.
pub fn refusal(actor: &Actor, right: Right) -> Problem {
    let why = match actor.role.may(right) {
        false => format!("; {} has the role {}", actor.name, actor.role.as_str()),
        true if !actor.scopes.is_empty() && !actor.scopes.contains(&right) => {
            "; the token is not scoped to it".to_owned()
        }
        true => "; it is about the whole gateway, and you are limited to sites or customers".to_owned(),
    };
    let detail = format!("this needs the right {}: {}{why}", right.as_str(), right.meaning());
    Problem::new(StatusCode::FORBIDDEN, detail)
}

/// Whether what is read is customer data: one device, alarm, ticket, entry or packet, a history, a review, the audit trail.
fn is_customer_data(path: &str) -> bool {
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    let of_one = [
        "/devices/",
        "/alarms/",
        "/tickets/",
        "/incidents/",
        "/knowledge/",
        "/quarantine/",
        "/users/",
    ];
    of_one.iter().any(|start| path.starts_with(start))
        || path.starts_with("/review")
        || path.starts_with("/reports/")
        || path == "/audit"
}

/// What a note is about: the same thing by page and by API.
fn subject(request_path: &str) -> String {
    let path = request_path.strip_prefix("/api/v1").unwrap_or(request_path);
    path.trim_start_matches('/').chars().take(256).collect()
}

/// Middleware: refuses what somebody has no right to, before anything of the request is looked at.
pub async fn hold<B: Backend>(State(whole): State<Whole<B>>, request: Request, next: Next) -> Response {
    // what matches no route is answered with 404 or 405, which tell nothing
    let Some(route) = request.extensions().get::<MatchedPath>().map(|m| m.as_str().to_owned()) else {
        return next.run(request).await;
    };
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let actor = request.extensions().get::<Actor>().cloned();
    let refused = match (needs(&method, &route), &actor) {
        (Some(Nothing), _) | (Some(Login), Some(_)) => None,
        (Some(Needs::Right(right)), Some(actor)) => (!actor.may(right)).then(|| refusal(actor, right)),
        (Some(Login | Needs::Right(_)), None) => Some(Problem::new(StatusCode::UNAUTHORIZED, "nobody is logged in")),
        // only where the route exists with this method it lacks an entry
        (None, _) => matches!(
            method,
            Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE
        )
        .then(|| Problem::new(StatusCode::FORBIDDEN, "nobody has a right to this")),
    };
    let response = match refused {
        // a method that the route does not take is answered as such
        Some(problem) if needs(&method, &route).is_none() && is_known(&route) => {
            drop(problem);
            next.run(request).await
        }
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    if let Some(actor) = actor {
        let action = match response.status() {
            StatusCode::FORBIDDEN => Some("refused"),
            status if status.is_success() && method == Method::GET && is_customer_data(&path) => Some("read"),
            _ => None,
        };
        if let Some(action) = action {
            whole.backend().note(Note {
                at: whole.backend().now(),
                actor: actor.name,
                action: action.to_owned(),
                subject: subject(&path),
                detail: if action == "refused" {
                    method.to_string()
                } else {
                    String::new()
                },
            });
        }
    }
    response
}

/// Whether the route is in the table with another method.
fn is_known(path: &str) -> bool {
    TABLE.iter().any(|(_, p, _)| *p == path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_of_the_api_stands_in_the_table_once() {
        let routes = super::super::api::routes::<super::super::fake::Fake>().list;
        for (method, path) in &routes {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
            assert!(
                needs(&method, path).is_some(),
                "{method} {path} needs a line in web/permit.rs"
            );
        }
        let once: BTreeSet<_> = TABLE.iter().map(|(m, p, _)| (m, p)).collect();
        assert_eq!(once.len(), TABLE.len());
        let in_api = TABLE.iter().filter(|(_, p, _)| p.starts_with("/api/")).count();
        assert_eq!(in_api + 3, routes.len(), "a line without a route");
    }

    #[test]
    fn what_changes_something_needs_more_than_to_look() {
        for (method, path, needs) in TABLE {
            let is_form = path.ends_with("{action}");
            assert!(*method == "GET" || *needs != VIEW || is_form, "{path}");
        }
    }
}
