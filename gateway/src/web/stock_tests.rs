//! Spare parts at the web door: who may book, what is refused and where, and the forms of the pages.

use super::super::*;

const MOVE: &str = r#"{"kind": "move", "part": "6205-2rs", "location": "central", "to": "region/south", "quantity": 2, "reason": "season"}"#;

#[tokio::test]
async fn everybody_sees_the_stock_and_only_who_dispatches_books() {
    let door = Door::guarded();
    let asked = [
        ("GET", "/api/v1/parts", "", [200, 200, 200, 200]),
        ("GET", "/api/v1/stock?location=central", "", [200, 200, 200, 200]),
        ("GET", "/api/v1/stock/forecast?low=true", "", [200, 200, 200, 200]),
        ("POST", "/api/v1/stock/movements", MOVE, [403, 403, 403, 403]),
    ];
    for (method, path, body, statuses) in asked {
        for (name, status) in ["vera", "otto", "tina", "erik"].into_iter().zip(statuses) {
            let token = format!("Bearer {name}-0123456789abcdef");
            let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
            let got = door
                .send(method.parse().unwrap(), path, &headers, body.to_owned())
                .await;
            assert_eq!(got.status.as_u16(), status, "{name} {method} {path}: {}", got.body);
        }
    }
}

#[tokio::test]
async fn a_movement_changes_two_counts_and_a_wrong_one_names_its_field() {
    let door = Door::open();
    let post = async |body: String| {
        let headers = [("content-type", "application/json")];
        door.send(Method::POST, "/api/v1/stock/movements", &headers, body).await
    };
    let moved = post(MOVE.to_owned()).await;
    assert_eq!(moved.status, StatusCode::OK, "{}", moved.body);
    let counts = moved.json();
    let told: Vec<_> = counts
        .as_array()
        .expect("a list")
        .iter()
        .map(|l| (&l["location"], &l["on_hand"]))
        .collect();
    assert_eq!(
        told,
        [(&json!("central"), &json!(1)), (&json!("region/south"), &json!(3))]
    );
    for (from, to, status, field) in [
        ("\"move\"", "\"receive\"", 422, "/to"),
        ("6205-2rs", "nothing", 422, "/part"),
        ("\"central\"", "\"cellar\"", 422, "/location"),
        ("\"season\"", "\"\"", 422, "/reason"),
        ("\"quantity\": 2", "\"quantity\": 9", 409, ""),
    ] {
        let refused = post(MOVE.replace(from, to)).await;
        assert_eq!(refused.status.as_u16(), status, "{to}: {}", refused.body);
        assert!(refused.body.contains(field), "{to}: {}", refused.body);
    }
    let wrong = door.get("/api/v1/stock?location=cellar").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_page_of_parts_shows_what_runs_low_and_books_and_a_ticket_keeps_parts_back() {
    let door = Door::with(
        WebConfig::default(),
        &[("host", "localhost"), ("sec-fetch-site", "same-origin")],
    );
    let form = "back=/parts&kind=receive&part=6205-2RS&location=central&to=&quantity=40&reason=delivered";
    let booked = door.form("/parts/movements", &[], form).await;
    assert_eq!(booked.status, StatusCode::SEE_OTHER, "{booked:?}");
    let page = door.get("/parts").await.body;
    for said in [
        "6205-2RS",
        "Deep-groove ball bearing",
        "<b>43</b>",
        "80 %",
        "strainer gasket",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let only_low = door.get("/parts?low=yes").await.body;
    assert!(only_low.contains("6205-2RS") && !only_low.contains("strainer gasket"));

    let ticket = "/tickets/T-000042";
    let page = door.get(ticket).await.body;
    assert!(
        page.contains("missing 1") && page.contains("not kept in stock"),
        "{page}"
    );
    let form = format!("back={ticket}&part=6205-2RS&quantity=1");
    let kept = door.form(&format!("{ticket}/reservations"), &[], &form).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{kept:?}");
    assert!(door.get(ticket).await.body.contains("Kept back 1, centre"));
    let form = format!("back={ticket}&part=6205-2RS&quantity=1&location=central&release=yes");
    let gone = door.form(&format!("{ticket}/reservations"), &[], &form).await;
    assert_eq!(gone.status, StatusCode::SEE_OTHER, "{gone:?}");
    assert!(!door.get(ticket).await.body.contains("Kept back 1, centre"));
}
