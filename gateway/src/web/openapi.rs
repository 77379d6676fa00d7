//! The OpenAPI document.

use super::api::{
    access, account, alarms, desk, devices, drills, follow_up, incidents, knowledge, models, on_call, outbound,
    quarantine, review, stock, system, tickets, topology, windows, work,
};
use super::auth::Who;
use super::problem::{FieldError, Problem, ProblemDocument};
use super::stream;
use axum::Json;
use dashboards::page::Endpoint;
use std::collections::BTreeMap;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, OpenApi as Document, Ref, RefOr, ResponseBuilder, path::Operation, response::Response,
};
use utoipa::{IntoResponses, Modify, OpenApi};

/// Every error, as a problem document.
pub struct Problems;

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("ProblemDocument")))
            .build();
        let response = ResponseBuilder::new()
            .description("A problem document (RFC 9457)")
            .content("application/problem+json", content)
            .build();
        BTreeMap::from([("default".to_owned(), response.into())])
    }
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Forewarn", description = "Telemetry gateway for predictive maintenance",
         license(name = "Apache-2.0", identifier = "Apache-2.0")),
    paths(
        devices::list, devices::one, devices::history, devices::counts,
        topology::sites, topology::site,
        alarms::list, alarms::one, alarms::acknowledge, alarms::shelve, alarms::unshelve, alarms::reset,
        alarms::out_of_service, alarms::return_to_service, incidents::list, incidents::one, incidents::respond, incidents::handle,
        incidents::floods,
        review::review, review::csv, review::rules, drills::list, drills::notices, drills::record, on_call::list, on_call::overrides, on_call::take_over, on_call::end_override,
        review::breaches, review::reports, review::report,
        windows::list, windows::plan, windows::end,
        knowledge::search, knowledge::draft, knowledge::one, knowledge::edit, knowledge::release, knowledge::retire,
        knowledge::feedback, knowledge::of_ticket, knowledge::born, knowledge::of_alarm,
        tickets::list, tickets::one, tickets::step, tickets::assign, tickets::dispatch, tickets::hold, tickets::resume, tickets::reclass,
        tickets::comment,
        tickets::close, tickets::cancel, tickets::reopen, desk::open, desk::schedule, desk::merge, desk::split, desk::archive,
        desk::report, follow_up::answer, work::write, work::attach, work::file,
        stock::parts, stock::levels, stock::forecast, stock::book, stock::reserve, stock::release,
        quarantine::list, quarantine::one, quarantine::replay_all, quarantine::replay, quarantine::discard,
        models::list, models::one, models::add, models::shadow, models::promote, models::rollback, models::discard,
        outbound::receivers, outbound::test, outbound::dead, outbound::resend, outbound::inbound,
        system::health, system::audit, system::healthz, system::readyz, system::metrics,
        access::roles, access::list, access::add, access::one, access::edit, access::token, access::revoke_token,
        account::account, account::password, account::own_token, account::revoke_own, account::login, account::setup,
        stream::stream, serve,
    ),
    components(schemas(ProblemDocument, FieldError)),
    security((), ("token" = [])),
    modifiers(&Token),
)]
struct Api;

struct Token;

impl Modify for Token {
    fn modify(&self, document: &mut Document) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", scheme);
    }
}

/// The OpenAPI document of everything that programs may ask for.
pub fn document() -> Document {
    Api::openapi()
}

/// This document
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "System",
    responses((status = 200, description = "OpenAPI 3.1", body = Object), Problems))]
pub async fn serve(_: Who) -> Result<Json<Document>, Problem> {
    Ok(Json(document()))
}

/// Method, path and operation of everything in the document.
pub fn operations(document: &Document) -> Vec<(&'static str, &str, &Operation)> {
    let mut operations = Vec::new();
    for (path, item) in &document.paths.paths {
        let all = [
            ("get", &item.get),
            ("post", &item.post),
            ("put", &item.put),
            ("delete", &item.delete),
        ];
        for (method, operation) in all {
            operations.extend(operation.as_ref().map(|o| (method, path.as_str(), o)));
        }
    }
    operations
}

/// The same for people.
pub fn endpoints() -> Vec<Endpoint> {
    let document = document();
    operations(&document)
        .into_iter()
        .map(|(method, path, operation)| Endpoint {
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: operation.summary.clone().unwrap_or_default(),
            group: operation
                .tags
                .as_ref()
                .and_then(|t| t.first())
                .cloned()
                .unwrap_or_default(),
        })
        .collect()
}
