//! A bad rating that is followed up, by page and API.

use super::*;

async fn rated(door: &Door) {
    let call = json!({"write": "call_back", "rating": 1, "text": "it drips again"});
    let written = door.post(&format!("{TICKET}/work"), call).await;
    assert_eq!(written.status, StatusCode::OK, "{written:?}");
}

#[tokio::test]
async fn a_bad_rating_is_answered_by_the_api_and_found_by_the_filter_of_the_list() {
    let door = Door::open();
    let path = format!("{TICKET}/follow-up");
    let answer = |settled: bool| json!({"agreed": "a new seal on Monday", "settled": settled});
    let early = door.post(&path, answer(true)).await;
    assert_eq!(early.status, StatusCode::CONFLICT, "{early:?}");
    rated(&door).await;
    let listed = door.get("/api/v1/tickets?follow_up=true").await.json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    assert_eq!(listed["items"][0]["follow_up"]["step"], "agent");
    let higher = door.post(&path, answer(false)).await.json();
    assert_eq!(higher["follow_up"]["step"], "supervisor");
    let silent = door.post(&path, json!({"agreed": " ", "settled": true})).await;
    check_problem(&silent, StatusCode::UNPROCESSABLE_ENTITY, &["/agreed"]);
    let stale = door.post_with(&path, &[("if-match", "\"1\"")], answer(true)).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{stale:?}");
    let settled = door.post(&path, answer(true)).await.json();
    assert_eq!(settled["follow_up"], Value::Null);
    assert_eq!(settled["follow_ups"][0]["answers"][1]["agreed"], "a new seal on Monday");
    let listed = door.get("/api/v1/tickets?follow_up=true").await.json();
    assert_eq!(listed["items"], json!([]));
}

#[tokio::test]
async fn the_page_has_the_form_while_somebody_has_to_see_to_it_and_the_board_shows_only_such_tickets_when_asked() {
    let door = Door::with(
        WebConfig::default(),
        &[
            ("host", "localhost"),
            ("sec-fetch-site", "same-origin"),
            ("x-forewarn", "1"),
        ],
    );
    let html = [("accept", "text/html")];
    let before = door.send(Method::GET, "/tickets/T-000042", &html, "").await.body;
    assert!(!before.contains("/tickets/T-000042/follow-up"), "{before}");
    rated(&door).await;
    let page = door.send(Method::GET, "/tickets/T-000042", &html, "").await.body;
    assert!(page.contains("/tickets/T-000042/follow-up"), "{page}");
    let board = door.send(Method::GET, "/tickets?follow_up=true", &html, "").await.body;
    assert!(board.contains("T-000042") && !board.contains("T-000038"), "{board}");
    let sent = "back=/tickets/T-000042&agreed=a+new+seal&settled=true";
    let sent = door.form("/tickets/T-000042/follow-up", &[], sent).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{sent:?}");
    let chinese = [("accept", "text/html"), ("accept-language", "zh")];
    let page = door.send(Method::GET, "/tickets/T-000042", &chinese, "").await.body;
    assert!(page.contains("已解决") && page.contains("a new seal"), "{page}");
    assert!(!page.contains("name=\"agreed\""), "{page}");
}
