//! The audit trail with its filters, by page and API; drills that are written down.

use super::*;

#[tokio::test]
async fn the_audit_trail_is_filtered_by_time_actor_and_subject() {
    let door = Door::open();
    let all = door.get("/api/v1/audit").await.json();
    let lines = all["items"].as_array().expect("lines").clone();
    let last = lines.last().expect("a line");
    let (by, subject) = (
        last["by"].as_str().expect("a name"),
        last["subject"].as_str().expect("a thing"),
    );
    let path = format!("/api/v1/audit?actor={by}&subject={}", subject.replace('/', "%2F")).replace(' ', "+");
    let found = door.get(&path).await.json();
    let found = found["items"].as_array().expect("lines").clone();
    assert!(found.contains(last) && found.len() < lines.len(), "{path}: {found:?}");
    let at = last["at"].as_str().expect("a time");
    let before = door.get(&format!("/api/v1/audit?to={at}")).await.json();
    assert!(!before["items"].as_array().expect("lines").contains(last), "{before}");
    let since = door.get(&format!("/api/v1/audit?from={at}")).await.json();
    assert!(since["items"].as_array().expect("lines").contains(last), "{since}");
    let wrong = door.get(&format!("/api/v1/audit?from={at}&to={at}")).await;
    check_problem(&wrong, StatusCode::BAD_REQUEST, &["?from"]);
    let unknown = door.get("/api/v1/audit?who=li").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST, "{unknown:?}");
}

#[tokio::test]
async fn the_page_of_the_audit_trail_keeps_what_was_asked_for() {
    let door = Door::open();
    let html = [("accept", "text/html")];
    let page = door
        .send(
            Method::GET,
            "/audit?actor=nobody&from=&to=2026-12-01T00:00:00Z&subject=",
            &html,
            "",
        )
        .await;
    assert_eq!(page.status, StatusCode::OK, "{page:?}");
    assert!(page.body.contains("value=\"nobody\"") && page.body.contains("value=\"2026-12-01T00:00:00Z\""));
    let wrong = door.send(Method::GET, "/audit?from=noon", &html, "").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
}

#[tokio::test]
async fn a_drill_that_was_held_is_written_down_and_none_of_the_future() {
    let door = Door::open();
    let drill = |at: &str| json!({"scenario": "device_fault", "kind": "device fault", "began_at": at, "is_good": true, "conclusion": "All went as it should."});
    assert_eq!(door.get("/api/v1/drills").await.json()["is_due"], true);
    let late = door.post("/api/v1/drills", drill("2099-01-01T00:00:00Z")).await;
    check_problem(&late, StatusCode::UNPROCESSABLE_ENTITY, &["/began_at"]);
    let held = door.post("/api/v1/drills", drill("2026-01-01T00:00:00Z")).await.json();
    assert_eq!(held["by"], "local operator");
    let known = door.get("/api/v1/drills").await.json();
    let html = [("accept", "text/html"), ("accept-language", "zh")];
    let page = door.send(Method::GET, "/system", &html, "").await.body;
    assert!(page.contains("应急演练") && page.contains("上次演练"), "{page}");
    assert_eq!((&known["held"][0], &known["is_due"]), (&held, &json!(false)));
    assert_eq!(door.get("/api/v1/drills/notices").await.json(), json!([]));
}
