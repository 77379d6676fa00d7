//! Receivers at the web door: who may try one and send again, and how another system proves itself.

use super::*;

#[tokio::test]
async fn engineers_try_receivers_and_operators_send_again() {
    let door = Door::guarded();
    let asked = [
        ("GET", "/api/v1/outbound/receivers", json!(null), [200, 200, 200, 200]),
        ("GET", "/api/v1/outbound/dead", json!(null), [200, 200, 200, 200]),
        (
            "POST",
            "/api/v1/outbound/receivers/chat/test",
            json!({}),
            [403, 403, 403, 200],
        ),
        (
            "POST",
            "/api/v1/outbound/dead/12/resend",
            json!({}),
            [403, 200, 200, 200],
        ),
    ];
    for (method, path, body, statuses) in asked {
        for (name, status) in ["vera", "otto", "tina", "erik"].into_iter().zip(statuses) {
            let token = format!("Bearer {name}-0123456789abcdef");
            let headers = [("authorization", token.as_str()), ("content-type", "application/json")];
            let got = door
                .send(method.parse().unwrap(), path, &headers, body.to_string())
                .await;
            assert_eq!(got.status.as_u16(), status, "{name} {method} {path}: {}", got.body);
        }
    }
}

#[tokio::test]
async fn another_system_needs_its_secret_and_nothing_else() {
    let door = Door::guarded();
    let tell = async |path: &str, secret: &str| {
        let headers = [
            ("authorization", ""),
            ("x-forewarn", ""),
            ("content-type", "application/json"),
            ("x-forewarn-secret", secret),
        ];
        let got = door.send(Method::POST, path, &headers, "{}".to_owned()).await;
        (got.status.as_u16(), got.body)
    };
    let path = "/api/v1/outbound/inbound/jira";
    assert_eq!(tell(path, "a-secret-of-twenty-and-more").await.0, 200);
    assert_eq!(
        tell(&format!("{path}?secret=a-secret-of-twenty-and-more"), "").await.0,
        200
    );
    let wrong = tell(path, "a-secret-of-twenty-and-more!").await;
    let unknown = tell("/api/v1/outbound/inbound/nobody", "").await;
    assert_eq!((wrong.0, unknown.0), (404, 404));
    assert_eq!(
        tell("/api/v1/outbound/dead/12/resend", "a-secret-of-twenty-and-more")
            .await
            .0,
        401
    );
}

#[tokio::test]
async fn the_system_page_tries_receivers_and_sends_again() {
    let door = Door::open();
    let page = door.get("/system").await.body;
    assert!(page.contains("/system/receivers/chat/test") && page.contains("/system/dead/12/resend"));
    for path in ["/system/receivers/chat/test", "/system/dead/12/resend"] {
        let back = door
            .form(path, &[("sec-fetch-site", "same-origin")], "back=/system")
            .await;
        assert_eq!(back.status, StatusCode::SEE_OTHER, "{path}");
    }
}
