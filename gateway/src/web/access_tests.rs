//! Log-in, sessions, tokens and the pages of users, through the router, against the made-up backend.

use super::*;
use crate::access::orders::{AccountChange, NewAccount};
use crate::access::{AccessOrder, Limits, passwords};

const PASSWORD: &str = "a long way to the pump";

fn user(name: &str, role: Role, locale: &str) -> AccessOrder {
    AccessOrder::Create(NewAccount {
        name: name.to_owned(),
        role,
        limits: Limits::default(),
        password: passwords::hash(PASSWORD).unwrap(),
        locale: locale.to_owned(),
    })
}

/// Two users, and nobody logged in.
fn with_users() -> Door {
    let door = Door::with(WebConfig::default(), &[("host", "localhost"), ("x-forewarn", "1")]);
    for order in [user("ada", Role::Admin, ""), user("wei", Role::Technician, "zh")] {
        door.fake.with(|s| s.accounts.step(order, NOW)).unwrap();
    }
    door
}

fn change(door: &Door, name: &str, change: AccountChange) {
    let order = AccessOrder::Change {
        name: name.to_owned(),
        change,
        if_revision: None,
    };
    door.fake.with(|s| s.accounts.step(order, NOW)).unwrap();
}

async fn cookie_of(door: &Door, name: &str, password: &str) -> String {
    let got = door
        .form("/login", &[], &format!("name={name}&password={password}&back=/tickets"))
        .await;
    assert_eq!(
        (got.status, got.header("location")),
        (StatusCode::SEE_OTHER, "/tickets"),
        "{}",
        got.body
    );
    got.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn once_there_is_a_user_this_machine_logs_in_too() {
    let door = with_users();
    assert_eq!(door.get("/api/v1/devices").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(door.get("/healthz").await.status, StatusCode::OK);
    let cookie = cookie_of(&door, "wei", PASSWORD).await;
    let page = door
        .send(Method::GET, "/", &[("cookie", &cookie), ("accept", "text/html")], "")
        .await;
    assert!(
        page.body.contains("wei") && page.body.contains("<html lang=\"zh-CN\""),
        "in the user's language"
    );
    let users = door
        .send(
            Method::GET,
            "/users",
            &[("cookie", &cookie), ("accept", "text/html")],
            "",
        )
        .await;
    assert_eq!(users.status, StatusCode::FORBIDDEN);
    assert!(
        !page.body.contains("href=\"/users\""),
        "what one may not is not offered"
    );
    assert_eq!(
        door.fake.with(|s| s.notes.last().map(|n| n.action.clone())),
        Some("refused".to_owned())
    );
}

#[tokio::test]
async fn a_session_ends_with_its_user_and_with_its_password() {
    let door = with_users();
    let old = cookie_of(&door, "wei", PASSWORD).await;
    let inside = async |cookie: &str| {
        door.send(Method::GET, "/api/v1/account", &[("cookie", cookie)], "")
            .await
            .status
    };
    assert_eq!(inside(&old).await, StatusCode::OK);
    let body = json!({"current": PASSWORD, "new": "another long way to go"});
    let changed = door
        .post_with("/api/v1/account/password", &[("cookie", &old)], body)
        .await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.body);
    let new = changed.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(
        (inside(&old).await, inside(&new).await),
        (StatusCode::UNAUTHORIZED, StatusCode::OK)
    );
    let disabled = AccountChange {
        is_disabled: Some(true),
        ..AccountChange::default()
    };
    change(&door, "wei", disabled);
    assert_eq!(inside(&new).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn weak_passwords_and_wrong_ones_are_refused_each_at_its_field() {
    let door = with_users();
    let cookie = cookie_of(&door, "ada", PASSWORD).await;
    let inside = [("cookie", cookie.as_str())];
    for (path, body, pointer) in [
        (
            "/api/v1/account/password",
            json!({"current": PASSWORD, "new": "short"}),
            "/new",
        ),
        (
            "/api/v1/account/password",
            json!({"current": PASSWORD, "new": "my name is Ada, hello"}),
            "/new",
        ),
        (
            "/api/v1/account/password",
            json!({"current": "not this one", "new": "another long way"}),
            "/current",
        ),
        ("/api/v1/users", json!({"name": "a b", "role": "viewer"}), "/name"),
        ("/api/v1/users", json!({"name": "bob", "role": "king"}), "/role"),
        (
            "/api/v1/users",
            json!({"name": "bob", "role": "viewer", "sites": ["ok", "no/good"]}),
            "/sites/1",
        ),
        (
            "/api/v1/users",
            json!({"name": "bob", "role": "viewer", "locale": "fr"}),
            "/locale",
        ),
        ("/api/v1/users/ada/tokens", json!({"label": "x", "days": 0}), "/days"),
    ] {
        check_problem(
            &door.post_with(path, &inside, body).await,
            StatusCode::UNPROCESSABLE_ENTITY,
            &[pointer],
        );
    }
}

#[tokio::test]
async fn guessing_is_answered_the_same_for_every_name_and_ever_later() {
    let door = with_users();
    let mut answers = Vec::new();
    for name in ["ada", "nobody"] {
        let mut statuses = Vec::new();
        for _ in 0..7 {
            let got = door
                .post("/api/v1/login", json!({"name": name, "password": "wrong wrong wrong"}))
                .await;
            statuses.push((got.status, got.header("retry-after").to_owned()));
        }
        answers.push(statuses);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0][4].0, StatusCode::UNAUTHORIZED);
    assert_eq!(answers[0][6].0, StatusCode::TOO_MANY_REQUESTS);
    assert!(!answers[0][6].1.is_empty());
    let notes = door.fake.with(|s| s.notes.clone());
    assert!(notes.iter().any(|n| n.actor == "ada" && n.action == "login.refused"));
    assert!(
        notes.iter().all(|n| n.actor != "nobody"),
        "what was typed as a name may be a password"
    );
}

#[tokio::test]
async fn a_token_is_shown_once_and_makes_no_others() {
    let door = with_users();
    let cookie = cookie_of(&door, "ada", PASSWORD).await;
    let inside = [("cookie", cookie.as_str()), ("accept", "text/html")];
    let shown = door
        .form(
            "/users/wei/tokens",
            &inside,
            "label=robot&days=30&scopes=view work_tickets",
        )
        .await
        .body;
    let secret = shown
        .split("<code>")
        .find_map(|part| part.get(..64).filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit())));
    let secret = secret.expect("the token").to_owned();
    for page in ["/users", "/account", "/audit"] {
        assert!(
            !door.send(Method::GET, page, &inside, "").await.body.contains(&secret),
            "{page}"
        );
    }
    let bearer = format!("Bearer {secret}");
    let by_token = [("authorization", bearer.as_str())];
    assert_eq!(
        door.send(Method::GET, "/api/v1/devices", &by_token, "").await.status,
        StatusCode::OK
    );
    let acknowledged = door
        .post_with(&format!("{ALARM}/acknowledge"), &by_token, json!({}))
        .await;
    assert_eq!(acknowledged.status, StatusCode::FORBIDDEN, "it is not scoped to that");
    for (path, body) in [
        ("/api/v1/account/tokens", json!({"label": "more", "days": 9})),
        (
            "/api/v1/account/password",
            json!({"current": PASSWORD, "new": "another long way"}),
        ),
    ] {
        assert_eq!(
            door.post_with(path, &by_token, body).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    // a session that began with the token is no more than the token
    let entered = door.form("/login", &[], &format!("token={secret}")).await;
    let session = entered.header("set-cookie").split(';').next().unwrap().to_owned();
    let more = json!({"label": "more", "days": 9});
    let more = door
        .post_with("/api/v1/account/tokens", &[("cookie", &session)], more)
        .await;
    assert_eq!(more.status, StatusCode::FORBIDDEN);
    let revoked = door.form("/users/wei/tokens/1/revoke", &inside, "").await;
    assert_eq!(revoked.status, StatusCode::SEE_OTHER);
    for headers in [&by_token[..], &[("cookie", session.as_str())]] {
        assert_eq!(
            door.send(Method::GET, "/api/v1/devices", headers, "").await.status,
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn an_edit_of_what_was_seen_long_ago_is_refused_and_the_last_administrator_stays() {
    let door = with_users();
    let cookie = cookie_of(&door, "ada", PASSWORD).await;
    let inside = |tag: &'static str| [("cookie", cookie.clone()), ("if-match", tag.to_owned())];
    let edit = async |name: &str, tag: &'static str, body: Value| {
        let headers = inside(tag);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        door.post_with(&format!("/api/v1/users/{name}"), &headers, body).await
    };
    let done = edit("wei", "\"1\"", json!({"role": "dispatcher"})).await;
    assert_eq!((done.status, done.header("etag")), (StatusCode::OK, "\"2\""));
    assert_eq!(
        door.fake.with(|s| s.accounts.get("wei").unwrap().role),
        Role::Dispatcher
    );
    assert!(
        !edit("wei", "\"1\"", json!({"role": "viewer"}))
            .await
            .status
            .is_success()
    );
    assert_eq!(
        edit("ada", "*", json!({"disabled": true})).await.status,
        StatusCode::CONFLICT
    );
    assert_eq!(
        edit("ada", "*", json!({"sites": ["north"]})).await.status,
        StatusCode::CONFLICT
    );
}
