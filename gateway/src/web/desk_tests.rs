//! The service desk through the router, against the made-up backend.

use super::*;

#[path = "knowledge_tests.rs"]
mod knowledge_tests;

#[tokio::test]
async fn what_was_found_is_named_by_part_damage_cause_and_remedy() {
    let door = Door::open();
    let close = |body| door.post("/api/v1/tickets/T-000041/close", body);
    for (body, pointer) in [
        (json!({"outcome": "different_fault"}), "/failure_mode"),
        (
            json!({"outcome": "prevented", "failure_mode": "seal_leak"}),
            "/failure_mode",
        ),
        (
            json!({"outcome": "different_fault", "failure_mode": "a/b"}),
            "/failure_mode",
        ),
    ] {
        check_problem(&close(body).await, StatusCode::UNPROCESSABLE_ENTITY, &[pointer]);
    }
    let closed = close(json!({
        "outcome": "different_fault", "failure_mode": "cavitation", "part": "suction strainer", "damage": "clogged",
        "cause": "leaves", "remedy": "cleaned",
    }));
    let closing = closed.await.json()["closing"].clone();
    assert_eq!(closing["failure_mode"], "cavitation");
    assert_eq!(
        (&closing["part"], &closing["damage"]),
        (&json!("suction strainer"), &json!("clogged"))
    );
}

#[tokio::test]
async fn the_work_is_written_down_entry_by_entry() {
    let door = Door::open();
    let work = format!("{TICKET}/work");
    for (body, pointer, expected) in [
        (
            json!({"write": "labour", "seconds": 1800}),
            "/work/labour/1/who",
            json!("local operator"),
        ),
        (
            json!({"write": "part", "part": "grease", "quantity": 2}),
            "/work/parts/1/quantity",
            json!(2),
        ),
        (
            json!({"write": "check", "text": "grease both"}),
            "/work/checklist/2/text/en",
            json!("grease both"),
        ),
        (
            json!({"write": "tick", "entry": 4, "is_done": true}),
            "/work/checklist/1/done/by",
            json!("local operator"),
        ),
        (
            json!({"write": "call_back", "rating": 5, "text": "all well"}),
            "/work/call_back/rating",
            json!(5),
        ),
    ] {
        let got = door.post(&work, body).await;
        assert_eq!(got.status, StatusCode::OK, "{got:?}");
        assert_eq!(got.json().pointer(pointer), Some(&expected), "{pointer}");
    }
    for (body, pointer) in [
        (json!({"write": "part", "part": " ", "quantity": 2}), "/part"),
        (json!({"write": "link", "ticket": "soon", "kind": "relates"}), "/ticket"),
    ] {
        check_problem(
            &door.post(&work, body).await,
            StatusCode::UNPROCESSABLE_ENTITY,
            &[pointer],
        );
    }
    let unknown = door.post(&work, json!({"write": "poem"})).await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_file_comes_back_as_something_to_be_saved() {
    let door = Door::open();
    let path = format!("{TICKET}/files?name=%E5%A4%96%E5%9C%88.html");
    let kept = door
        .send(Method::POST, &path, &[("content-type", "text/html")], "<script>")
        .await;
    let file = kept.json()["work"]["files"][1].clone();
    assert_eq!((&file["name"], &file["bytes"]), (&json!("外圈.html"), &json!(8)));
    let got = door.get(&format!("{TICKET}/files/{}", file["entry"])).await;
    assert_eq!(got.header("content-type"), "application/octet-stream");
    assert!(
        got.header("content-disposition")
            .starts_with("attachment; filename=\"__.html\"")
    );
    assert_eq!(got.header("x-content-type-options"), "nosniff");
    let empty = door.send(Method::POST, &path, &[], "").await;
    check_problem(&empty, StatusCode::UNPROCESSABLE_ENTITY, &[]);
    let nameless = door.send(Method::POST, &format!("{TICKET}/files"), &[], "x").await;
    check_problem(&nameless, StatusCode::BAD_REQUEST, &["?name"]);
}

#[tokio::test]
async fn a_fault_is_reported_once() {
    let door = Door::open();
    let report =
        json!({"site": "hangzhou-plant", "device": "pump-101", "title": "the light is out", "reporter": "Ms Chen"});
    let opened = door.post("/api/v1/tickets", report.clone()).await;
    assert_eq!(opened.status, StatusCode::CREATED);
    assert_eq!(opened.json()["report"]["by"], "Ms Chen");
    let again = door.post("/api/v1/tickets", report).await;
    check_problem(&again, StatusCode::CONFLICT, &[]);
    let id = opened.json()["id"].as_str().unwrap().to_owned();
    assert!(again.body.contains(&id), "{}", again.body);
    let nothing = json!({"site": "hangzhou-plant", "device": "pump-101"});
    let wrong = door.post("/api/v1/tickets", nothing).await;
    check_problem(&wrong, StatusCode::UNPROCESSABLE_ENTITY, &["/title"]);
    // with the same key it is the same report
    let report = json!({"site": "hangzhou-plant", "device": "pump-101", "title": "the door sticks"});
    let key = [("idempotency-key", "call 17")];
    let first = door.post_with("/api/v1/tickets", &key, report.clone()).await;
    let second = door.post_with("/api/v1/tickets", &key, report).await;
    assert_eq!(first.json()["id"], second.json()["id"]);
}

#[tokio::test]
async fn what_is_split_off_is_either_a_ticket_or_an_alarm() {
    let door = Door::open();
    let split = format!("{TICKET}/split");
    for body in [json!({}), json!({"ticket": "T-000041", "alarm": "a/b/c/1"})] {
        check_problem(
            &door.post(&split, body).await,
            StatusCode::UNPROCESSABLE_ENTITY,
            &["/ticket"],
        );
    }
    let merged = door.post("/api/v1/tickets/41/merge", json!({"into": "T-000042"})).await;
    assert_eq!(
        (&merged.json()["state"], &merged.json()["merged_into"]),
        (&json!("merged"), &json!("T-000042"))
    );
    let page = door
        .send(Method::GET, "/tickets/T-000041", &[("accept", "text/html")], "")
        .await;
    assert!(page.body.contains("/tickets/T-000042"));
}

#[tokio::test]
async fn the_service_report_is_there_for_programs_and_as_a_sheet() {
    let door = Door::open();
    let report = door.get(&format!("{TICKET}/report")).await.json();
    assert_eq!(report["machine"]["warranty"]["covers"], true);
    assert_eq!(report["work"]["labour_cents"], 8_000);
    let sheet = door
        .send(Method::GET, "/tickets/T-000042/report", &[("accept", "text/html")], "")
        .await;
    for text in [
        "SN-2231",
        "80.00",
        "bearing 6205-2RS",
        "Isolate the pump",
        "the grease has aged",
        "Signature",
    ] {
        assert!(sheet.body.contains(text), "{text}");
    }
}

#[tokio::test]
async fn what_verdicts_suggest_is_in_the_review_its_page_and_its_table() {
    let door = Door::open();
    let review = door.get("/api/v1/review").await.json();
    let said = &review["suggestions"][0];
    assert_eq!(
        (&said["suggested_limit"], &said["spared"], &said["rule"]),
        (&json!(1.8), &json!(2), &json!("vibration_zone"))
    );
    let page = door.send(Method::GET, "/review", &[("accept", "text/html")], "").await;
    assert!(page.body.contains("What verdicts suggest") && page.body.contains("limit 1.6 → 1.8"));
    let table = door.get("/api/v1/review.csv").await.body;
    assert!(table.contains("suggestion,pump/vibration_zone,1.8,12,17,"), "{table}");
}

#[tokio::test]
async fn whom_to_send_is_proposed_with_reasons_and_somebody_else_needs_one() {
    let door = Door::open();
    let proposals = door.get("/api/v1/tickets/T-000041/dispatch").await.json();
    assert_eq!(
        (&proposals[0]["engineer"], &proposals[0]["rank"]),
        (&json!("Li Wei"), &json!(1))
    );
    assert_eq!(proposals[1]["reasons"][0]["en"], "lacks the skills: refrigeration");
    let none = door.get(&format!("{TICKET}/dispatch")).await.json();
    assert_eq!(none, json!([]), "nobody is proposed for it");
    let page = door
        .send(Method::GET, "/tickets/T-000041", &[("accept", "text/html")], "")
        .await;
    for text in [
        "Whom to send",
        "Li Wei",
        "name=\"proposal_rank\"",
        "name=\"override_reason\"",
    ] {
        assert!(page.body.contains(text), "{text}");
    }
    let assign = |body| door.post("/api/v1/tickets/T-000041/assign", body);
    check_problem(
        &assign(json!({"assignee": "Zhou Min"})).await,
        StatusCode::CONFLICT,
        &[],
    );
    let other = json!({"assignee": "Zhou Min", "proposal_rank": 2, "override_reason": "knows the house"});
    let given = assign(other).await.json();
    assert_eq!(given["assignee"], "Zhou Min");
    let history = given["history"].as_array().expect("a list");
    assert_eq!(history.last().expect("a step")["note"], "knows the house");
}
