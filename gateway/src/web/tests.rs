//! The whole door, asked over HTTP with a backend that keeps everything in memory.

use super::backend::Role;
use super::fake::Fake;
use super::{BODY_LIMIT, StreamEvent, TokenConfig, WebConfig, api, openapi, router};
use crate::secret::Secret;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use dashboards::view::{Component, ComponentState, Preview};
use domain::text::Text;
use domain::{DeviceKey, Timestamp};
use futures::StreamExt;
use serde_json::{Value, json};
use tower::ServiceExt;

#[path = "access_tests.rs"]
mod access_tests;
#[path = "desk_tests.rs"]
mod desk_tests;
#[path = "duty_tests.rs"]
mod duty_tests;
#[path = "outbound_tests.rs"]
mod outbound_tests;
#[path = "page_tests.rs"]
mod page_tests;

const NOW: Timestamp = Timestamp(1_790_000_000_000);
const PUMP: &str = "/api/v1/devices/hangzhou-plant/pump-101";
const ALARM: &str = "/api/v1/alarms/riverside-mall/elevator-a/brake_wear/1";
const TICKET: &str = "/api/v1/tickets/T-000042";

/// A gateway, its configuration, and headers that every request carries.
struct Door {
    fake: Fake,
    config: WebConfig,
    headers: Vec<(&'static str, String)>,
    router: axum::Router,
}

#[derive(Debug)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

fn token(name: &str, role: Role) -> TokenConfig {
    TokenConfig {
        name: name.into(),
        token: Secret::new(format!("{name}-0123456789abcdef")),
        role,
    }
}

impl Door {
    fn with(config: WebConfig, headers: &[(&'static str, &str)]) -> Door {
        let fake = Fake::new(|| NOW);
        Door {
            router: router(fake.clone(), config.clone()),
            fake,
            config,
            headers: headers.iter().map(|(n, v)| (*n, (*v).to_owned())).collect(),
        }
    }

    /// No tokens; a program that says so.
    fn open() -> Door {
        Door::with(WebConfig::default(), &[("host", "localhost:8080"), ("x-forewarn", "1")])
    }

    /// Four people with a token each, and nobody logged in.
    fn guarded() -> Door {
        let roles = [
            ("vera", Role::Viewer),
            ("otto", Role::Operator),
            ("tina", Role::Technician),
            ("erik", Role::Engineer),
        ];
        let config = WebConfig {
            tokens: roles.map(|(name, role)| token(name, role)).to_vec(),
            ..WebConfig::default()
        };
        Door::with(config, &[("host", "localhost")])
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            if !headers.iter().any(|(n, _)| n == name) {
                request = request.header(*name, value);
            }
        }
        for (name, value) in headers.iter().filter(|(_, v)| !v.is_empty()) {
            request = request.header(*name, *value);
        }
        let response = self
            .router
            .clone()
            .oneshot(request.body(body.into()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Got {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    async fn get(&self, path: &str) -> Got {
        self.send(Method::GET, path, &[], "").await
    }

    async fn post(&self, path: &str, body: Value) -> Got {
        self.post_with(path, &[], body).await
    }

    async fn post_with(&self, path: &str, headers: &[(&str, &str)], body: Value) -> Got {
        let headers: Vec<_> = [&[("content-type", "application/json")][..], headers].concat();
        self.send(Method::POST, path, &headers, body.to_string()).await
    }

    async fn form(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let headers: Vec<_> = [&[("content-type", "application/x-www-form-urlencoded")][..], headers].concat();
        self.send(Method::POST, path, &headers, body.to_owned()).await
    }
}

fn check_problem(got: &Got, status: StatusCode, pointers: &[&str]) {
    assert_eq!(got.status, status, "{got:?}");
    assert_eq!(got.header("content-type"), "application/problem+json");
    let problem = got.json();
    assert_eq!(problem["status"], status.as_u16());
    for field in ["type", "title", "detail", "instance"] {
        assert!(problem[field].is_string(), "{field}: {problem}");
    }
    let found: Vec<_> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|e| e["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(found, pointers, "{problem}");
}

// ---- REST ----

#[tokio::test]
async fn every_question_of_the_api_is_answered() {
    let door = Door::open();
    let history = format!(
        "{PUMP}/history?metric=vibration_rms_mm_s&from=2026-09-21T10:00:00Z&to=2026-09-21T11:00:00%2B00:00&max_points=50"
    );
    let questions = [
        ("/api/v1/devices", "/items/0/device", json!("elevator-a")),
        (
            "/api/v1/devices?site=hotel-lotus&q=ROOF&limit=1",
            "/items/0/device",
            json!("ac-roof-1"),
        ),
        (PUMP, "/metrics/0/name", json!("bearing_temperature_c")),
        (&history, "/level", json!("minute")),
        ("/api/v1/fleet", "/devices", json!(14)),
        (
            "/api/v1/alarms?active=true&severity=critical&limit=1",
            "/items/0/failure_mode",
            json!("brake_wear"),
        ),
        (
            "/api/v1/alarms?state=normal",
            "/items/0/failure_mode",
            json!("cavitation"),
        ),
        ("/api/v1/alarms?shelved=true", "/items/0/device", json!("laundry-1")),
        ("/api/v1/alarms?incident=3", "/items/0/device", json!("ac-roof-2")),
        ("/api/v1/incidents", "/items/0/id", json!("I-000003")),
        (
            "/api/v1/incidents?open=false&limit=1",
            "/items/0/state/is",
            json!("over"),
        ),
        ("/api/v1/incidents/I-000003", "/cause/failure_mode", json!("no_data")),
        ("/api/v1/incidents/2", "/id", json!("I-000002")),
        ("/api/v1/floods", "/0/notices/held/count", json!(4)),
        (ALARM, "/id", json!("riverside-mall/elevator-a/brake_wear/1")),
        ("/api/v1/tickets?open=true", "/items/0/id", json!("T-000043")),
        ("/api/v1/tickets?state=closed", "/items/0/id", json!("T-000038")),
        (TICKET, "/history/0/what/is", json!("opened")),
        ("/api/v1/tickets/42", "/id", json!("T-000042")),
        ("/api/v1/quarantine", "/items/0/reason", json!("not_json")),
        ("/api/v1/quarantine/1", "/preview/is", json!("hex")),
        ("/api/v1/models", "/0/profile", json!("generic")),
        ("/api/v1/health", "/ready", json!(true)),
        ("/api/v1/audit", "/items/0/action", json!("ticket.step")),
        ("/api/v1/openapi.json", "/info/title", json!("Forewarn")),
    ];
    for (path, pointer, expected) in questions {
        let got = door.get(path).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {got:?}");
        assert_eq!(got.header("content-type"), "application/json");
        assert_eq!(
            got.json().pointer(pointer).cloned().unwrap_or_default(),
            expected,
            "{path}"
        );
    }
    assert_eq!(door.get(PUMP).await.json()["last_seen"], "2026-09-21T14:13:19.000Z");
    assert_eq!(door.get("/healthz").await.body, "ok\n");
    assert_eq!(door.get("/readyz").await.status, StatusCode::OK);
    door.fake.with(|s| s.ready = false);
    assert_eq!(door.get("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let metrics = door.get("/metrics").await;
    assert_eq!(
        metrics.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    assert!(metrics.body.contains("forewarn_messages_total"));
}

#[tokio::test]
async fn every_command_answers_with_the_changed_thing_and_its_revision() {
    let door = Door::open();
    let drum = "/api/v1/alarms/hotel-lotus/laundry-1/imbalance/1";
    let latched = "/api/v1/alarms/riverside-mall/elevator-c/door_fault/1";
    let commands = [
        (
            format!("{ALARM}/acknowledge"),
            json!({"note": "on my way"}),
            "/state",
            json!("acknowledged"),
        ),
        (
            format!("{ALARM}/shelve"),
            json!({"reason": "test", "minutes": 30}),
            "/shelved/until",
            json!("2026-09-21T14:43:20.000Z"),
        ),
        (format!("{drum}/unshelve"), json!({}), "/shelved", Value::Null),
        (
            format!("{drum}/shelve"),
            json!({"reason": "test", "until": "2026-09-21T20:00:00Z"}),
            "/shelved/by",
            json!("local operator"),
        ),
        (format!("{latched}/reset"), json!({}), "/state", json!("normal")),
        (
            format!("{TICKET}/step"),
            json!({"to": "in_progress"}),
            "/state",
            json!("in_progress"),
        ),
        (
            format!("{TICKET}/assign"),
            json!({"assignee": "周敏"}),
            "/assignee",
            json!("周敏"),
        ),
        (
            format!("{TICKET}/hold"),
            json!({"reason": "part ordered"}),
            "/on_hold/reason",
            json!("part ordered"),
        ),
        (format!("{TICKET}/resume"), json!({}), "/on_hold", Value::Null),
        (
            format!("{TICKET}/comment"),
            json!({"text": "line 1\nline 2"}),
            "/revision",
            json!(8),
        ),
        (
            format!("{TICKET}/close"),
            json!({"outcome": "fault_confirmed", "cause": "wear", "parts": ["6205"]}),
            "/closing/parts/0",
            json!("6205"),
        ),
        (
            format!("{TICKET}/reopen"),
            json!({"reason": "noise is back"}),
            "/state",
            json!("diagnosed"),
        ),
        (
            format!("{TICKET}/cancel"),
            json!({"reason": "pump replaced"}),
            "/state",
            json!("cancelled"),
        ),
    ];
    for (path, body, pointer, expected) in commands {
        let got = door.post(&path, body).await;
        assert_eq!(got.status, StatusCode::OK, "{path}: {got:?}");
        assert_eq!(
            got.json().pointer(pointer).cloned().unwrap_or_default(),
            expected,
            "{path}"
        );
        assert_eq!(got.header("etag"), format!("\"{}\"", got.json()["revision"]), "{path}");
    }
    let replayed = door.post("/api/v1/quarantine/replay", json!({})).await;
    assert_eq!(replayed.json(), json!({"accepted": 1, "refused": 2}));
    assert_eq!(
        door.post("/api/v1/quarantine/3/replay", json!({})).await.json(),
        json!({"accepted": 0, "refused": 1})
    );
    assert_eq!(
        door.post("/api/v1/quarantine/3/discard", json!({})).await.json()["id"],
        3
    );
    check_problem(&door.get("/api/v1/quarantine/3").await, StatusCode::NOT_FOUND, &[]);
    // No body stands for an empty one.
    let none = door.send(Method::POST, "/api/v1/quarantine/replay", &[], "").await;
    assert_eq!(none.status, StatusCode::OK);
}

#[tokio::test]
async fn every_mistake_is_a_problem_document_that_names_it() {
    let door = Door::open();
    let questions = [
        ("/api/v1/nothing", StatusCode::NOT_FOUND, &[][..]),
        ("/api/v1/devices?colour=red", StatusCode::BAD_REQUEST, &["?colour"]),
        ("/api/v1/fleet?x=1", StatusCode::BAD_REQUEST, &["?x"]),
        ("/api/v1/devices?limit=0", StatusCode::BAD_REQUEST, &["?limit"]),
        ("/api/v1/devices?limit=1001", StatusCode::BAD_REQUEST, &["?limit"]),
        ("/api/v1/devices?limit=many", StatusCode::BAD_REQUEST, &["?limit"]),
        ("/api/v1/devices?site=a/b", StatusCode::BAD_REQUEST, &["?site"]),
        ("/api/v1/alarms?state=loud", StatusCode::BAD_REQUEST, &["?state"]),
        ("/api/v1/devices/hangzhou-plant/nobody", StatusCode::NOT_FOUND, &[]),
        ("/api/v1/devices/hangzhou-plant/%00", StatusCode::NOT_FOUND, &[]),
        ("/api/v1/devices/a/b/history", StatusCode::BAD_REQUEST, &["?metric"]),
        (
            "/api/v1/devices/a/b/history?metric=m&from=yesterday",
            StatusCode::BAD_REQUEST,
            &["?from"],
        ),
        (
            "/api/v1/devices/a/b/history?metric=m&max_points=9999",
            StatusCode::BAD_REQUEST,
            &["?max_points"],
        ),
        (
            "/api/v1/devices/a/b/history?metric=m&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z",
            StatusCode::BAD_REQUEST,
            &["?from"],
        ),
        ("/api/v1/alarms?incident=T-1", StatusCode::BAD_REQUEST, &["?incident"]),
        ("/api/v1/incidents?open=perhaps", StatusCode::BAD_REQUEST, &["?open"]),
        ("/api/v1/incidents/I-x", StatusCode::NOT_FOUND, &[]),
        ("/api/v1/incidents/9", StatusCode::NOT_FOUND, &[]),
        ("/api/v1/alarms/a/b/c/x", StatusCode::NOT_FOUND, &[]),
        ("/api/v1/alarms/a/b/c/1", StatusCode::NOT_FOUND, &[]),
        ("/api/v1/tickets/T-0x", StatusCode::NOT_FOUND, &[]),
        ("/api/v1/tickets/9", StatusCode::NOT_FOUND, &[]),
        ("/api/v1/stream?device=nowhere", StatusCode::BAD_REQUEST, &["?device"]),
        ("/api/v1/tickets/42/close", StatusCode::METHOD_NOT_ALLOWED, &[]),
    ];
    for (path, status, pointers) in questions {
        println!("{path}");
        check_problem(&door.get(path).await, status, pointers);
    }
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    let commands = [
        (
            format!("{ALARM}/shelve"),
            json!({"reason": 3, "minutes": "x", "colour": 1}),
            unprocessable,
            &["/colour", "/minutes", "/reason"][..],
        ),
        (
            format!("{ALARM}/shelve"),
            json!({"minutes": 5}),
            unprocessable,
            &["/reason"],
        ),
        (
            format!("{ALARM}/shelve"),
            json!({"reason": " ", "minutes": 5}),
            unprocessable,
            &["/reason"],
        ),
        (
            format!("{ALARM}/shelve"),
            json!({"reason": "x"}),
            unprocessable,
            &["/minutes"],
        ),
        (
            format!("{ALARM}/shelve"),
            json!({"reason": "x", "minutes": 0}),
            unprocessable,
            &["/minutes"],
        ),
        (
            format!("{ALARM}/shelve"),
            json!({"reason": "x", "minutes": 2000}),
            unprocessable,
            &["/minutes"],
        ),
        (
            format!("{ALARM}/shelve"),
            json!({"reason": "x", "until": "2020-01-01T00:00:00Z"}),
            unprocessable,
            &["/until"],
        ),
        (format!("{ALARM}/reset"), json!({}), StatusCode::CONFLICT, &[]),
        (
            format!("{TICKET}/step"),
            json!({"to": "closed"}),
            unprocessable,
            &["/to"],
        ),
        (
            format!("{TICKET}/step"),
            json!({"to": "reported"}),
            StatusCode::CONFLICT,
            &[],
        ),
        (
            format!("{TICKET}/assign"),
            json!({"assignee": "x".repeat(129)}),
            unprocessable,
            &["/assignee"],
        ),
        (
            format!("{TICKET}/comment"),
            json!({"text": "bell \u{7}"}),
            unprocessable,
            &["/text"],
        ),
        (
            format!("{TICKET}/close"),
            json!({"outcome": "fine"}),
            unprocessable,
            &["/outcome"],
        ),
        (
            format!("{TICKET}/close"),
            json!({"outcome": "other", "parts": ["a", " "]}),
            unprocessable,
            &["/parts/1"],
        ),
    ];
    for (path, body, status, pointers) in commands {
        println!("{path} {body}");
        let mut got = door.post(&path, body).await;
        // Their order is that of the keys met, which is not promised.
        let mut problem = got.json();
        if let Some(errors) = problem["errors"].as_array_mut() {
            errors.sort_by_key(|e| e["pointer"].to_string());
        }
        got.body = problem.to_string();
        check_problem(&got, status, pointers);
    }
    let plain = door
        .send(
            Method::POST,
            &format!("{TICKET}/hold"),
            &[("content-type", "text/plain")],
            "x",
        )
        .await;
    check_problem(&plain, StatusCode::UNSUPPORTED_MEDIA_TYPE, &[]);
    let broken = door
        .send(
            Method::POST,
            &format!("{TICKET}/hold"),
            &[("content-type", "application/json")],
            "{",
        )
        .await;
    check_problem(&broken, StatusCode::BAD_REQUEST, &[]);
    for key in ["", "k"] {
        let big = door
            .post_with(
                &format!("{TICKET}/comment"),
                &[("idempotency-key", key)],
                json!({"text": "x".repeat(BODY_LIMIT)}),
            )
            .await;
        check_problem(&big, StatusCode::PAYLOAD_TOO_LARGE, &[]);
    }
    assert_eq!(door.fake.with(|s| s.commands), 0, "nothing was done");
}

#[tokio::test]
async fn lists_are_walked_by_cursor_and_meet_everything_once() {
    let door = Door::open();
    for (list, key, count) in [
        ("devices?limit=3", "device", 14),
        ("alarms?limit=3", "id", 8),
        ("tickets?limit=3", "id", 7),
        ("incidents?limit=1&open=false", "id", 2),
        ("quarantine?limit=3", "id", 3),
    ] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = door.get(&format!("/api/v1/{list}&cursor={cursor}")).await.json();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 3);
            seen.extend(items.iter().map(|i| i[key].to_string()));
            match page["next"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), distinct.len()), (count, count), "{list}");
    }
}

#[test]
fn the_document_and_the_routes_are_the_same() {
    let document = openapi::document();
    let mut documented: Vec<_> = openapi::operations(&document)
        .into_iter()
        .map(|(m, p, _)| (m, p.to_owned()))
        .collect();
    let mut registered: Vec<_> = api::routes::<Fake>()
        .list
        .into_iter()
        .map(|(m, p)| (m, p.to_owned()))
        .collect();
    documented.sort();
    registered.sort();
    assert_eq!(documented, registered);
    for (method, path, operation) in openapi::operations(&document) {
        assert!(
            operation.summary.as_ref().is_some_and(|s| !s.is_empty()),
            "{method} {path} has no summary"
        );
    }
    let words = |name: &str| {
        let schema = serde_json::to_value(&document.components.as_ref().unwrap().schemas[name]).unwrap();
        schema["enum"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    use domain::{RiskLevel::*, Severity::*};
    assert_eq!(words("Severity"), [Advisory, Warning, Critical].map(|s| s.as_str()));
    assert_eq!(
        words("RiskLevel"),
        [VeryLow, Low, Medium, High, VeryHigh].map(|r| r.as_str())
    );
    // Every reference leads somewhere.
    let text = serde_json::to_string(&document).unwrap();
    for reference in text
        .split("#/components/schemas/")
        .skip(1)
        .map(|r| r.split('"').next().unwrap())
    {
        assert!(
            document.components.as_ref().unwrap().schemas.contains_key(reference),
            "{reference}"
        );
    }
}

#[tokio::test]
async fn a_model_is_added_runs_in_shadow_and_judges_once_somebody_stands_for_it() {
    let door = Door::open();
    let text = domain::profile::shipped::TEXTS
        .iter()
        .find(|(name, _)| *name == "pump")
        .expect("shipped")
        .1;
    let own = [("x-forewarn", "1"), ("content-type", "application/toml")];
    let add = |body: String| door.send(Method::POST, "/api/v1/models", &own, body);
    let added = add(text.to_owned()).await;
    assert_eq!(
        (added.status, &added.json()["state"]),
        (StatusCode::OK, &json!("candidate"))
    );
    let path = format!("/api/v1/models/{}", added.json()["model"].as_str().expect("a name"));
    let shadow = door.post(&format!("{path}/shadow"), json!({})).await;
    assert_eq!(shadow.json()["state"], "shadow");
    check_problem(
        &door.post(&format!("{path}/promote"), json!({})).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        &["/approved_by"],
    );
    check_problem(
        &door.post(&format!("{path}/promote"), json!({"approved_by": " "})).await,
        StatusCode::UNPROCESSABLE_ENTITY,
        &["/approved_by"],
    );
    let promoted = door
        .post(&format!("{path}/promote"), json!({"approved_by": "周敏"}))
        .await;
    assert_eq!(promoted.json()["approved_by"], "周敏");
    assert_eq!(door.get(&path).await.json()["state"], "in_force");
    let wrong = add(text.replacen("expected_interval_ms", "expected_interval_mss", 1)).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let detail = wrong.json()["detail"].as_str().unwrap_or_default().to_owned();
    assert!(
        detail.contains("line ") && detail.contains("expected_interval_mss"),
        "{detail}"
    );
    let json = [("x-forewarn", "1"), ("content-type", "application/json")];
    let refused = door.send(Method::POST, "/api/v1/models", &json, "{}").await;
    check_problem(&refused, StatusCode::UNSUPPORTED_MEDIA_TYPE, &[]);
    check_problem(&door.get("/api/v1/models/pump@77").await, StatusCode::NOT_FOUND, &[]);
}

// ---- Doing things once, and only if unchanged ----

#[tokio::test]
async fn a_post_with_the_same_key_is_done_once() {
    let door = Door::open();
    let (path, key) = (format!("{TICKET}/comment"), [("idempotency-key", "k-1")]);
    let first = door.post_with(&path, &key, json!({"text": "a"})).await;
    let again = door.post_with(&path, &key, json!({"text": "a"})).await;
    assert_eq!(
        (first.status, &first.body, first.header("etag")),
        (again.status, &again.body, again.header("etag"))
    );
    assert_eq!(door.fake.with(|s| s.commands), 1);
    let other = door.post_with(&path, &key, json!({"text": "b"})).await;
    check_problem(&other, StatusCode::UNPROCESSABLE_ENTITY, &[]);
    // Another thing with the same key is another request.
    let elsewhere = door
        .post_with(&format!("{TICKET}/hold"), &key, json!({"reason": "a"}))
        .await;
    assert_eq!(elsewhere.status, StatusCode::OK);
    // A refusal is remembered too, as the document it was.
    let (reset, key) = (format!("{ALARM}/reset"), [("idempotency-key", "k-2")]);
    for _ in 0..2 {
        check_problem(
            &door.post_with(&reset, &key, json!({})).await,
            StatusCode::CONFLICT,
            &[],
        );
    }
    let long = "x".repeat(300);
    check_problem(
        &door.post_with(&path, &[("idempotency-key", &long)], json!({})).await,
        StatusCode::BAD_REQUEST,
        &[],
    );
}

#[tokio::test]
async fn a_post_whose_twin_still_runs_is_refused() {
    let door = Door::open();
    let (path, key) = (format!("{TICKET}/comment"), [("idempotency-key", "k")]);
    let guard = door.fake.hold_commands().await;
    let mut slow = Box::pin(door.post_with(&path, &key, json!({"text": "a"})));
    // Polled once, it reaches the command that is held up.
    tokio::select! { biased; _ = &mut slow => panic!("held up"), () = std::future::ready(()) => {} }
    check_problem(
        &door.post_with(&path, &key, json!({"text": "a"})).await,
        StatusCode::CONFLICT,
        &[],
    );
    drop(guard);
    assert_eq!(slow.await.status, StatusCode::OK);
    assert_eq!(door.fake.with(|s| s.commands), 1);
}

#[tokio::test]
async fn an_edit_of_something_changed_meanwhile_is_refused() {
    let door = Door::open();
    let seen = door.get(TICKET).await.header("etag").to_owned();
    let edit = |tag: String| {
        let door = &door;
        async move {
            door.post_with(
                &format!("{TICKET}/comment"),
                &[("if-match", &tag)],
                json!({"text": "a"}),
            )
            .await
        }
    };
    assert_eq!(edit(seen.clone()).await.status, StatusCode::OK);
    check_problem(&edit(seen).await, StatusCode::PRECONDITION_FAILED, &[]);
    check_problem(&edit("W/\"1\"".into()).await, StatusCode::PRECONDITION_FAILED, &[]);
    assert_eq!(edit("*".into()).await.status, StatusCode::OK);
    let stale = door
        .form("/tickets/T-000042/comment", &[], "text=b&revision=3&back=/tickets")
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
}

// ---- Who may ----

#[tokio::test]
async fn without_a_token_only_life_signs_and_the_login_are_seen() {
    let door = Door::guarded();
    for path in ["/healthz", "/readyz", "/login"] {
        assert_eq!(door.get(path).await.status, StatusCode::OK, "{path}");
    }
    for asset in dashboards::assets::all() {
        let got = door.get(&asset.url).await;
        assert_eq!(
            (got.status, got.header("content-type")),
            (StatusCode::OK, asset.content_type)
        );
        assert!(got.header("cache-control").contains("immutable"));
    }
    for path in api::routes::<Fake>()
        .list
        .iter()
        .filter(|(m, p)| *m == "get" && !p.ends_with('z'))
        .map(|(_, p)| p)
    {
        let got = door.get(path).await;
        check_problem(&got, StatusCode::UNAUTHORIZED, &[]);
        assert!(got.header("www-authenticate").starts_with("Bearer"));
    }
    let page = door
        .send(Method::GET, "/tickets?a=b", &[("accept", "text/html")], "")
        .await;
    assert_eq!(page.status, StatusCode::SEE_OTHER);
    assert!(page.header("location").starts_with("/login?back=%2F%74"));
    let wrong = [("authorization", "Bearer vera-0123456789abcdeF")];
    assert_eq!(
        door.send(Method::GET, PUMP, &wrong, "").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn each_role_may_what_it_may_and_no_more() {
    let door = Door::guarded();
    let asked = [
        ("GET", "/api/v1/alarms".to_owned(), json!(null), [200, 200, 200, 200]),
        ("POST", format!("{ALARM}/acknowledge"), json!({}), [403, 200, 409, 409]),
        (
            "POST",
            format!("{TICKET}/comment"),
            json!({"text": "a"}),
            [403, 200, 200, 200],
        ),
        (
            "POST",
            format!("{TICKET}/step"),
            json!({"to": "planned"}),
            [403, 403, 200, 409],
        ),
        (
            "POST",
            "/api/v1/quarantine/replay".to_owned(),
            json!({}),
            [403, 403, 403, 200],
        ),
        ("GET", "/api/v1/audit".to_owned(), json!(null), [403, 403, 403, 403]),
        ("GET", "/api/v1/models".to_owned(), json!(null), [200, 200, 200, 200]),
        (
            "POST",
            "/api/v1/models/pump@1/shadow".to_owned(),
            json!({}),
            [403, 403, 403, 409],
        ),
        (
            "POST",
            "/api/v1/models/pump@1/promote".to_owned(),
            json!({"approved_by": "Erik"}),
            [403, 403, 403, 409],
        ),
    ];
    for (method, path, body, statuses) in asked {
        for (name, status) in ["vera", "otto", "tina", "erik"].into_iter().zip(statuses) {
            let token = format!("Bearer {name}-0123456789abcdef");
            let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
            let got = door
                .send(method.parse().unwrap(), &path, &headers, body.to_string())
                .await;
            assert_eq!(got.status.as_u16(), status, "{name} {method} {path}: {}", got.body);
        }
    }
    // The same over the pages, and the forms that one may not send are not shown.
    let otto = [
        ("authorization", "Bearer otto-0123456789abcdef"),
        ("accept", "text/html"),
    ];
    let refused = door.form("/tickets/T-000041/step", &otto, "to=planned").await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let page = door.send(Method::GET, "/tickets/T-000041", &otto, "").await.body;
    assert!(page.contains("/tickets/T-000041/comment") && !page.contains("/tickets/T-000041/step"));
    assert!(
        !door
            .send(Method::GET, "/system", &otto, "")
            .await
            .body
            .contains("Audit trail")
    );
}

#[tokio::test]
async fn a_browser_logs_in_works_and_logs_out() {
    let door = Door::guarded();
    let own = ("sec-fetch-site", "same-origin");
    let wrong = door
        .form(
            "/login",
            &[own, ("accept", "text/html")],
            "token=nonsense&back=/tickets",
        )
        .await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.body.contains("are not right"));
    let right = door
        .form("/login", &[own], "token=otto-0123456789abcdef&back=//evil.example")
        .await;
    assert_eq!((right.status, right.header("location")), (StatusCode::SEE_OTHER, "/"));
    let cookie = right.header("set-cookie").split(';').next().unwrap().to_owned();
    assert!(right.header("set-cookie").contains("HttpOnly; SameSite=Strict"));
    let inside = [("cookie", cookie.as_str()), own];
    let acknowledge = ALARM.replace("/api/v1", "") + "/acknowledge";
    let cross = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    assert_eq!(
        door.form(&acknowledge, &cross, "back=/alarms").await.status,
        StatusCode::FORBIDDEN
    );
    let done = door.form(&acknowledge, &inside, "back=/alarms").await;
    assert_eq!(
        (done.status, done.header("location")),
        (StatusCode::SEE_OTHER, "/alarms")
    );
    assert_eq!(door.fake.with(|s| s.audit.last().unwrap().act.by.clone()), "otto");
    assert!(door.send(Method::GET, "/", &inside, "").await.body.contains("otto"));
    assert_eq!(door.form("/logout", &inside, "").await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        door.send(Method::GET, PUMP, &inside, "").await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn what_another_site_sends_is_refused() {
    let door = Door::with(WebConfig::default(), &[("host", "localhost:8080")]);
    let path = "/tickets/T-000042/comment";
    let cases: [(&[(&str, &str)], bool); 8] = [
        (&[], false),
        (&[("sec-fetch-site", "same-origin")], true),
        (&[("sec-fetch-site", "none")], true),
        (&[("sec-fetch-site", "same-site")], false),
        (&[("sec-fetch-site", "cross-site"), ("x-forewarn", "1")], false),
        (&[("x-forewarn", "1")], true),
        (&[("origin", "http://localhost:8080")], true),
        (&[("origin", "http://localhost:9999")], false),
    ];
    for (headers, is_taken) in cases {
        let got = door.form(path, headers, "text=a&back=/").await;
        let expected = if is_taken {
            StatusCode::SEE_OTHER
        } else {
            StatusCode::FORBIDDEN
        };
        assert_eq!(got.status, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn only_our_own_host_names_are_served() {
    let mut config = WebConfig::default();
    config.allowed_hosts.push("forewarn.example".into());
    let door = Door::with(config.clone(), &[]);
    for host in [
        "localhost",
        "localhost:8080",
        "127.0.0.1:1",
        "[::1]:8080",
        "Forewarn.Example:443",
    ] {
        assert_eq!(
            door.send(Method::GET, "/healthz", &[("host", host)], "").await.status,
            StatusCode::OK,
            "{host}"
        );
    }
    for host in ["evil.example", "localhost.evil.example", "192.168.1.5"] {
        let got = door.send(Method::GET, "/api/v1/fleet", &[("host", host)], "").await;
        check_problem(&got, StatusCode::MISDIRECTED_REQUEST, &[]);
    }
    assert_eq!(door.get("/api/v1/fleet").await.status, StatusCode::BAD_REQUEST);
    // Bound to the network and with no names given, any name is.
    config.bind = "0.0.0.0:80".into();
    config.allowed_hosts.clear();
    config.tokens.push(token("vera", Role::Viewer));
    let door = Door::with(config, &[("host", "gateway.lan")]);
    assert_eq!(door.get("/healthz").await.status, StatusCode::OK);
    assert!(door.config.problems().is_empty());
}
