//! The knowledge base and the table of rules through the router, against the made-up backend.

use super::*;

#[tokio::test]
async fn an_entry_is_drafted_edited_at_the_revision_that_was_seen_released_and_retired() {
    let door = Door::open();
    let text = json!({"title": "seal dry", "cause": "dry run", "solution": "new seal", "parts": ["seal"]});
    let made = door.post("/api/v1/knowledge", text.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let id = made.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/knowledge/{id}");
    let own = ("x-forewarn", "1");
    let json_type = ("content-type", "application/json");
    let body = || text.to_string();
    let blind = door.send(Method::PUT, &path, &[own, json_type], body()).await;
    check_problem(&blind, StatusCode::PRECONDITION_REQUIRED, &[]);
    let stale = door
        .send(Method::PUT, &path, &[own, json_type, ("if-match", "\"7\"")], body())
        .await;
    check_problem(&stale, StatusCode::PRECONDITION_FAILED, &[]);
    let foreign = door
        .send(
            Method::PUT,
            &path,
            &[("sec-fetch-site", "cross-site"), json_type, ("if-match", "\"1\"")],
            body(),
        )
        .await;
    check_problem(&foreign, StatusCode::FORBIDDEN, &[]);
    let edited = door
        .send(Method::PUT, &path, &[own, json_type, ("if-match", "\"1\"")], body())
        .await;
    assert_eq!((edited.status, edited.header("etag")), (StatusCode::OK, "\"2\""));
    let released = door.post(&format!("{path}/release"), json!({})).await.json();
    assert_eq!(released["state"], "released");
    let without = door.post(&format!("{path}/retire"), json!({"reason": " "})).await;
    check_problem(&without, StatusCode::UNPROCESSABLE_ENTITY, &["/reason"]);
    let retired = door
        .post(&format!("{path}/retire"), json!({"reason": "wrong"}))
        .await
        .json();
    assert_eq!(retired["retired"]["reason"], "wrong");
}

#[tokio::test]
async fn what_is_wrong_with_an_entry_is_named() {
    let door = Door::open();
    for (body, pointer) in [
        (json!({"title": "x", "cause": "y", "solution": ""}), "/solution"),
        (
            json!({"title": "x", "cause": "因".repeat(4_001), "solution": "z"}),
            "/cause",
        ),
        (
            json!({"title": "x", "cause": "y", "solution": "z", "parts": [" "]}),
            "/parts/0",
        ),
        (
            json!({"title": "x", "cause": "y", "solution": "z", "colour": 1}),
            "/colour",
        ),
    ] {
        let got = door.post("/api/v1/knowledge", body).await;
        check_problem(&got, StatusCode::UNPROCESSABLE_ENTITY, &[pointer]);
    }
    let nobody = json!({"ticket": "pump", "helped": true});
    let got = door.post("/api/v1/knowledge/1/feedback", nobody).await;
    check_problem(&got, StatusCode::UNPROCESSABLE_ENTITY, &["/ticket"]);
    let nothing = door.get("/api/v1/knowledge/K-000099").await;
    check_problem(&nothing, StatusCode::NOT_FOUND, &[]);
    assert_eq!(
        door.get("/api/v1/knowledge?state=old").await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn tickets_alarms_and_the_sheet_show_what_is_known_and_a_maker_cannot_be_rated() {
    let door = Door::open();
    for page in [
        "/tickets/T-000041",
        "/tickets/T-000041/report",
        "/alarms/riverside-mall/elevator-a/brake_wear/1",
    ] {
        let got = door.send(Method::GET, page, &[("accept", "text/html")], "").await;
        assert!(
            got.body.contains("K-000001") && got.body.contains("Bearing seized"),
            "{page}"
        );
        assert_eq!(
            got.body.contains("/knowledge/K-000001/feedback"),
            page == "/tickets/T-000041",
            "{page}"
        );
        assert!(!got.body.contains("/knowledge/maker"), "{page}");
    }
    let form = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("x-forewarn", "1"),
    ];
    let said = "ticket=T-000041&helped=true&back=%2Ftickets%2FT-000041";
    let back = door
        .send(Method::POST, "/knowledge/K-000001/feedback", &form, said)
        .await;
    assert_eq!(
        (back.status, back.header("location")),
        (StatusCode::SEE_OTHER, "/tickets/T-000041")
    );
    let new = "title=seal+dry&cause=dry+run&solution=new+seal&profiles=pump%2C+fan";
    let made = door.send(Method::POST, "/knowledge", &form, new).await;
    assert_eq!(made.header("location"), "/knowledge/K-000003");
    assert_eq!(
        door.get("/api/v1/knowledge/3").await.json()["profiles"],
        json!(["pump", "fan"])
    );
}

#[tokio::test]
async fn rules_and_models_stand_in_one_table_with_their_meaning_on_page_api_and_csv() {
    let door = Door::open();
    let table = door.get("/api/v1/review/rules").await.json();
    let rule = &table["rules"][0];
    assert_eq!((&rule["precision"], &rule["is_too_few"]), (&json!(0.75), &json!(true)));
    let keys: Vec<&str> = table["definitions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|d| d["key"].as_str().expect("a key"))
        .collect();
    assert_eq!(keys.len(), 6);
    let csv = door.get("/api/v1/review.csv").await.body;
    for key in keys {
        assert!(
            csv.contains(&format!("rule_{key},pump/vibration_zone/pump@3-1f2e3d4c,")),
            "{key}: {csv}"
        );
    }
    assert!(csv.contains("rule_precision,pump/vibration_zone/pump@3-1f2e3d4c,0.75,3,4,"));
    assert!(csv.contains("faults_by_month,air_conditioner/compressor_wear/2026-07,5,"));
    let page = door
        .send(Method::GET, "/review", &[("accept", "text/html")], "")
        .await
        .body;
    for text in [
        "Rules and models",
        "too few",
        "30–95 %",
        "Wilson",
        "31.5 h",
        "rising",
        "most in 2026-07",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<rect").count(), 12, "months without any are shown too");
}
