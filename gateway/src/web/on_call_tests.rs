//! Who is on call, and overrides, by page and API.

use super::*;

fn local_page() -> Door {
    Door::with(
        WebConfig::default(),
        &[("host", "localhost"), ("sec-fetch-site", "same-origin")],
    )
}

#[tokio::test]
async fn who_is_on_call_stands_on_the_page_and_in_the_api() {
    let door = Door::open();
    let page = door.get("/on-call").await.body;
    assert!(page.contains("service") && page.contains("Zhou Min"), "{page}");
    let shifts = door.get("/api/v1/on-call?days=3").await.json();
    assert_eq!(shifts[0]["now"], "Li Wei");
    assert_eq!(shifts[0]["shifts"][1]["person"], "Zhou Min");
    let far = door.get("/api/v1/on-call?days=63").await;
    assert_eq!(far.status, StatusCode::UNPROCESSABLE_ENTITY, "{far:?}");
}

#[tokio::test]
async fn a_swap_is_made_marked_and_ended_on_the_page_in_both_languages() {
    let door = local_page();
    let swap = "back=/on-call&rotation=service&person=Sun+Yi&from=&until=2027-01-01T08:00:00Z&reason=swap+with+Zhou";
    let made = door.form("/on-call/overrides", &[], swap).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER, "{made:?}");
    let chinese = [("accept", "text/html"), ("accept-language", "zh")];
    let page = door.send(Method::GET, "/on-call", &chinese, "").await.body;
    for said in ["O-000001", "Sun Yi", "swap with Zhou", "换班", "生效中"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    for (wrong, field) in [
        (
            "rotation=service&person=&until=2027-01-01T08:00:00Z&reason=x",
            "/person",
        ),
        ("rotation=service&person=a&until=soon&reason=x", "/until"),
        (
            "rotation=service&person=a&from=noon&until=2027-01-01T08:00:00Z&reason=x",
            "/from",
        ),
        (
            "rotation=service&person=a&until=2027-01-01T08:00:00Z&reason=",
            "/reason",
        ),
    ] {
        let refused = door.form("/on-call/overrides", &[], wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}: {refused:?}");
        assert!(refused.body.contains(field), "{wrong}: {refused:?}");
    }
    let ended = door.form("/on-call/overrides/O-000001/end", &[], "back=/on-call").await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER, "{ended:?}");
    let listed = door.get("/api/v1/on-call/overrides").await.json();
    assert_eq!(
        (&listed[0]["state"], &listed[0]["ended_by"]),
        (&json!("over"), &json!("local operator"))
    );
}

#[tokio::test]
async fn an_override_is_made_and_deleted_by_the_api_with_the_header_that_writing_needs() {
    let door = Door::open();
    let body = json!({"person": "Sun Yi", "until": "2027-01-01T08:00:00Z", "reason": "swap"});
    let made = door
        .post("/api/v1/on-call/service/overrides", body.clone())
        .await
        .json();
    assert_eq!((&made["id"], &made["state"]), (&json!("O-000001"), &json!("holds")));
    let nowhere = door.post("/api/v1/on-call/night/overrides", body).await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
    let nobody = json!({"person": "", "until": "2027-01-01T08:00:00Z", "reason": "swap"});
    let nobody = door.post("/api/v1/on-call/service/overrides", nobody).await;
    check_problem(&nobody, StatusCode::UNPROCESSABLE_ENTITY, &["/person"]);
    let path = "/api/v1/on-call/overrides/O-000001";
    let bare = door.send(Method::DELETE, path, &[("x-forewarn", "")], "").await;
    assert_eq!(bare.status, StatusCode::FORBIDDEN, "{bare:?}");
    let ended = door.send(Method::DELETE, path, &[], "").await;
    assert_eq!((ended.status, &ended.json()["state"]), (StatusCode::OK, &json!("over")));
    let again = door.send(Method::DELETE, path, &[], "").await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_who_plans_work_says_who_is_on_call() {
    let door = Door::guarded();
    let body = json!({"person": "Sun Yi", "until": "2027-01-01T08:00:00Z", "reason": "swap"});
    for (name, status) in [("otto", StatusCode::FORBIDDEN), ("tina", StatusCode::OK)] {
        let bearer = format!("Bearer {name}-0123456789abcdef");
        let headers = [("authorization", bearer.as_str())];
        let got = door
            .post_with("/api/v1/on-call/service/overrides", &headers, body.clone())
            .await;
        assert_eq!(got.status, status, "{name}: {got:?}");
    }
}
