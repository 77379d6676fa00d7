//! REST under `/api/v1`. Every route is registered here and stands in the OpenAPI document; a test compares both.

pub mod access;
pub mod account;
pub mod alarms;
pub mod desk;
pub mod devices;
pub mod drills;
pub mod follow_up;
pub mod incidents;
pub mod knowledge;
pub mod models;
pub mod on_call;
pub mod outbound;
pub mod quarantine;
pub mod review;
pub mod stock;
pub mod system;
pub mod tickets;
pub mod topology;
pub mod windows;
pub mod work;

use super::backend::Backend;
use super::{Whole, openapi, stream};
use axum::Router;
use axum::handler::Handler;
use axum::routing::{delete, get, post, put};

/// Routes, and their list.
pub struct Routes<B> {
    pub router: Router<Whole<B>>,
    /// Method and path of each.
    pub list: Vec<(&'static str, &'static str)>,
}

impl<B: Backend> Routes<B> {
    fn get<H: Handler<T, Whole<B>>, T: 'static>(mut self, path: &'static str, handler: H) -> Self {
        self.list.push(("get", path));
        self.router = self.router.route(path, get(handler));
        self
    }

    fn post<H: Handler<T, Whole<B>>, T: 'static>(mut self, path: &'static str, handler: H) -> Self {
        self.list.push(("post", path));
        self.router = self.router.route(path, post(handler));
        self
    }

    fn delete<H: Handler<T, Whole<B>>, T: 'static>(mut self, path: &'static str, handler: H) -> Self {
        self.list.push(("delete", path));
        self.router = self.router.route(path, delete(handler));
        self
    }

    fn put<H: Handler<T, Whole<B>>, T: 'static>(mut self, path: &'static str, handler: H) -> Self {
        self.list.push(("put", path));
        self.router = self.router.route(path, put(handler));
        self
    }
}

/// Everything that programs may ask for.
pub fn routes<B: Backend>() -> Routes<B> {
    let routes = Routes {
        router: Router::new(),
        list: Vec::new(),
    };
    routes
        .get("/api/v1/devices", devices::list::<B>)
        .get("/api/v1/devices/{site}/{device}", devices::one::<B>)
        .get("/api/v1/devices/{site}/{device}/history", devices::history::<B>)
        .get("/api/v1/fleet", devices::counts::<B>)
        .get("/api/v1/topology", topology::sites::<B>)
        .get("/api/v1/topology/{site}", topology::site::<B>)
        .get("/api/v1/alarms", alarms::list::<B>)
        .get("/api/v1/alarms/{site}/{device}/{mode}/{episode}", alarms::one::<B>)
        .post(
            "/api/v1/alarms/{site}/{device}/{mode}/{episode}/acknowledge",
            alarms::acknowledge::<B>,
        )
        .post(
            "/api/v1/alarms/{site}/{device}/{mode}/{episode}/shelve",
            alarms::shelve::<B>,
        )
        .post(
            "/api/v1/alarms/{site}/{device}/{mode}/{episode}/unshelve",
            alarms::unshelve::<B>,
        )
        .post(
            "/api/v1/alarms/{site}/{device}/{mode}/{episode}/reset",
            alarms::reset::<B>,
        )
        .post(
            "/api/v1/alarms/{site}/{device}/{mode}/{episode}/out-of-service",
            alarms::out_of_service::<B>,
        )
        .post(
            "/api/v1/alarms/{site}/{device}/{mode}/{episode}/return-to-service",
            alarms::return_to_service::<B>,
        )
        .get("/api/v1/incidents", incidents::list::<B>)
        .get("/api/v1/incidents/{incident}", incidents::one::<B>)
        .post("/api/v1/incidents/{incident}/respond", incidents::respond::<B>)
        .post("/api/v1/incidents/{incident}/handle", incidents::handle::<B>)
        .get("/api/v1/review", review::review::<B>)
        .get("/api/v1/review.csv", review::csv::<B>)
        .get("/api/v1/review/rules", review::rules::<B>)
        .get("/api/v1/on-call", on_call::list::<B>)
        .get("/api/v1/on-call/overrides", on_call::overrides::<B>)
        .post("/api/v1/on-call/{rotation}/overrides", on_call::take_over::<B>)
        .delete("/api/v1/on-call/overrides/{id}", on_call::end_override::<B>)
        .get("/api/v1/drills", drills::list::<B>)
        .get("/api/v1/drills/notices", drills::notices::<B>)
        .post("/api/v1/drills", drills::record::<B>)
        .get("/api/v1/breaches", review::breaches::<B>)
        .get("/api/v1/reports", review::reports::<B>)
        .get("/api/v1/reports/{file}", review::report::<B>)
        .get("/api/v1/floods", incidents::floods::<B>)
        .get("/api/v1/windows", windows::list::<B>)
        .post("/api/v1/windows", windows::plan::<B>)
        .post("/api/v1/windows/{window}/end", windows::end::<B>)
        .get(
            "/api/v1/alarms/{site}/{device}/{mode}/{episode}/knowledge",
            knowledge::of_alarm::<B>,
        )
        .get("/api/v1/knowledge", knowledge::search::<B>)
        .post("/api/v1/knowledge", knowledge::draft::<B>)
        .get("/api/v1/knowledge/{entry}", knowledge::one::<B>)
        .put("/api/v1/knowledge/{entry}", knowledge::edit::<B>)
        .post("/api/v1/knowledge/{entry}/release", knowledge::release::<B>)
        .post("/api/v1/knowledge/{entry}/retire", knowledge::retire::<B>)
        .post("/api/v1/knowledge/{entry}/feedback", knowledge::feedback::<B>)
        .get("/api/v1/tickets/{ticket}/knowledge", knowledge::of_ticket::<B>)
        .post("/api/v1/tickets/{ticket}/knowledge", knowledge::born::<B>)
        .get("/api/v1/tickets", tickets::list::<B>)
        .post("/api/v1/tickets", desk::open::<B>)
        .get("/api/v1/tickets/{ticket}", tickets::one::<B>)
        .get("/api/v1/tickets/{ticket}/report", desk::report::<B>)
        .post("/api/v1/tickets/{ticket}/schedule", desk::schedule::<B>)
        .post("/api/v1/tickets/{ticket}/merge", desk::merge::<B>)
        .post("/api/v1/tickets/{ticket}/split", desk::split::<B>)
        .post("/api/v1/tickets/{ticket}/archive", desk::archive::<B>)
        .post("/api/v1/tickets/{ticket}/follow-up", follow_up::answer::<B>)
        .post("/api/v1/tickets/{ticket}/work", work::write::<B>)
        .post("/api/v1/tickets/{ticket}/files", work::attach::<B>)
        .get("/api/v1/tickets/{ticket}/files/{entry}", work::file::<B>)
        .post("/api/v1/tickets/{ticket}/step", tickets::step::<B>)
        .get("/api/v1/tickets/{ticket}/dispatch", tickets::dispatch::<B>)
        .post("/api/v1/tickets/{ticket}/assign", tickets::assign::<B>)
        .post("/api/v1/tickets/{ticket}/hold", tickets::hold::<B>)
        .post("/api/v1/tickets/{ticket}/resume", tickets::resume::<B>)
        .post("/api/v1/tickets/{ticket}/reclass", tickets::reclass::<B>)
        .post("/api/v1/tickets/{ticket}/comment", tickets::comment::<B>)
        .post("/api/v1/tickets/{ticket}/close", tickets::close::<B>)
        .post("/api/v1/tickets/{ticket}/cancel", tickets::cancel::<B>)
        .post("/api/v1/tickets/{ticket}/reopen", tickets::reopen::<B>)
        .get("/api/v1/parts", stock::parts::<B>)
        .get("/api/v1/stock", stock::levels::<B>)
        .get("/api/v1/stock/forecast", stock::forecast::<B>)
        .post("/api/v1/stock/movements", stock::book::<B>)
        .post("/api/v1/tickets/{ticket}/reservations", stock::reserve::<B>)
        .post("/api/v1/tickets/{ticket}/reservations/release", stock::release::<B>)
        .get("/api/v1/quarantine", quarantine::list::<B>)
        .post("/api/v1/quarantine/replay", quarantine::replay_all::<B>)
        .get("/api/v1/quarantine/{packet}", quarantine::one::<B>)
        .post("/api/v1/quarantine/{packet}/replay", quarantine::replay::<B>)
        .post("/api/v1/quarantine/{packet}/discard", quarantine::discard::<B>)
        .get("/api/v1/models", models::list::<B>)
        .post("/api/v1/models", models::add::<B>)
        .get("/api/v1/models/{version}", models::one::<B>)
        .post("/api/v1/models/{version}/shadow", models::shadow::<B>)
        .post("/api/v1/models/{version}/promote", models::promote::<B>)
        .post("/api/v1/models/{version}/rollback", models::rollback::<B>)
        .post("/api/v1/models/{version}/discard", models::discard::<B>)
        .get("/api/v1/outbound/receivers", outbound::receivers::<B>)
        .post("/api/v1/outbound/receivers/{name}/test", outbound::test::<B>)
        .get("/api/v1/outbound/dead", outbound::dead::<B>)
        .post("/api/v1/outbound/dead/{id}/resend", outbound::resend::<B>)
        .post("/api/v1/outbound/inbound/{receiver}", outbound::inbound::<B>)
        .get("/api/v1/health", system::health::<B>)
        .get("/api/v1/audit", system::audit::<B>)
        .get("/api/v1/roles", access::roles)
        .get("/api/v1/users", access::list::<B>)
        .post("/api/v1/users", access::add::<B>)
        .get("/api/v1/users/{name}", access::one::<B>)
        .post("/api/v1/users/{name}", access::edit::<B>)
        .post("/api/v1/users/{name}/tokens", access::token::<B>)
        .post("/api/v1/users/{name}/tokens/{id}/revoke", access::revoke_token::<B>)
        .get("/api/v1/account", account::account::<B>)
        .post("/api/v1/account/password", account::password::<B>)
        .post("/api/v1/account/tokens", account::own_token::<B>)
        .post("/api/v1/account/tokens/{id}/revoke", account::revoke_own::<B>)
        .post("/api/v1/login", account::login::<B>)
        .post("/api/v1/setup", account::setup::<B>)
        .get("/api/v1/stream", stream::stream::<B>)
        .get("/api/v1/openapi.json", openapi::serve)
        .get("/healthz", system::healthz)
        .get("/readyz", system::readyz::<B>)
        .get("/metrics", system::metrics::<B>)
}
