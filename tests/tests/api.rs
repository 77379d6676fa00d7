//! A worn bearing over the HTTP API: from the reading to the alarm, the ticket, the repair, and who did what. And what the
//! API says when it is asked for the wrong thing.

use serde_json::{Value, json};
use tests::api::{Api, is_balanced};
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::publisher::{Outgoing, publish_all, telemetry};

const CONFIG: &str =
    "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nauto_register = false\n";
const REGISTRY: &str = "[[device]]\nsite = \"north\"\ndevice = \"pump-1\"\nprofile = \"pump\"\nlocation = \"hall 2\"\n";
const START: i64 = 1_760_000_000_000;
const ALARM: &str = "alarms/north/pump-1/bearing_wear/1";

fn setup() -> GatewaySetup {
    let setup = GatewaySetup::new(CONFIG);
    std::fs::write(setup.folder().join("registry.toml"), REGISTRY).expect("written");
    setup
}

fn api(gateway: &RunningGateway) -> Api {
    Api::new(gateway.http.expect("it has pages"))
}

async fn publish(gateway: &RunningGateway, messages: &[Outgoing]) {
    let port = gateway.mqtt_port();
    publish_all("pump-1", messages, 50, || Some(port), |_| {}).await;
}

/// The vibration of a bearing that wears out.
fn wear() -> Vec<Outgoing> {
    let velocity = |i: i64| if i < 300 { 1.2 } else { 1.2 + (i - 300) as f64 * 0.02 };
    let message = |i: i64| {
        telemetry(
            "north",
            "pump-1",
            START + i * 2_000,
            i as u64,
            "vibration_rms_mm_s",
            velocity(i),
        )
    };
    (0..600).map(message).collect()
}

#[tokio::test]
async fn a_worn_bearing_from_the_reading_to_the_repair() {
    let setup = setup();
    let gateway = setup.start();
    let api = api(&gateway);
    let mut events = api.stream("").await;
    publish(&gateway, &wear()).await;

    // everybody who listens is told
    let told = events.next("alarm").await.expect("an alarm");
    assert_eq!(told["failure_mode"], "bearing_wear");
    events.next("ticket").await.expect("a ticket");

    let fleet = api.get("fleet").await.ok();
    assert_eq!(
        (
            &fleet["devices"],
            &fleet["unacknowledged_alarms"],
            &fleet["open_tickets"]
        ),
        (&json!(1), &json!(1), &json!(1))
    );
    let device = api.get("devices/north/pump-1").await.ok();
    assert_eq!(
        (&device["location"], &device["severity"]),
        (&json!("hall 2"), &json!("critical"))
    );
    let vibration = &device["metrics"][0];
    assert_eq!(
        (&vibration["name"], &vibration["unit"]),
        (&json!("vibration_rms_mm_s"), &json!("mm/s"))
    );
    assert_eq!(vibration["limits"].as_array().map(Vec::len), Some(3));
    let path = "devices/north/pump-1/history?metric=vibration_rms_mm_s&max_points=1000";
    let points = |history: &Value| history["points"].as_array().map_or(0, Vec::len);
    let history = api.wait_for(path, |h| points(h) == 600).await;
    assert_eq!(
        (
            &history["level"],
            &history["points"][0]["mean"],
            &history["alarm_spans"][0]["to"]
        ),
        (&json!("raw"), &json!(1.2), &Value::Null)
    );

    // the operator has seen it
    let alarms = api.get("alarms?state=unacknowledged").await.ok();
    assert_eq!(alarms["items"][0]["id"], "north/pump-1/bearing_wear/1");
    assert!(
        alarms["items"][0]["evidence"][0]["sentence"]["en"]
            .as_str()
            .is_some_and(|s| s.contains("mm/s"))
    );
    let seen = api
        .post(&format!("{ALARM}/acknowledge"), json!({"note": "on my way"}))
        .await
        .ok();
    assert_eq!(
        (&seen["state"], &seen["acknowledged"]["by"]),
        (&json!("acknowledged"), &json!("local operator"))
    );
    assert_eq!(api.get("fleet").await.ok()["unacknowledged_alarms"], 0);
    assert_eq!(api.post(&format!("{ALARM}/acknowledge"), json!({})).await.status, 409);
    let shelved = api
        .post(
            &format!("{ALARM}/shelve"),
            json!({"reason": "parts ordered", "minutes": 30}),
        )
        .await
        .ok();
    assert_eq!(shelved["shelved"]["reason"], "parts ordered");
    assert_eq!(
        api.get("alarms?shelved=true").await.ok()["items"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(
        api.post(&format!("{ALARM}/unshelve"), json!({})).await.ok()["shelved"],
        Value::Null
    );

    // the technician goes and repairs it
    let ticket = api.get("tickets?open=true").await.ok()["items"][0].clone();
    assert_eq!(
        (&ticket["id"], &ticket["state"]),
        (&json!("T-000001"), &json!("reported"))
    );
    let stale = ticket["revision"].as_u64().map(|r| r - 1);
    assert_eq!(
        api.post_if("tickets/1/comment", stale, json!({"text": "late"}))
            .await
            .status,
        412
    );
    for (action, body) in [
        ("assign", json!({"assignee": "Li Wei"})),
        ("comment", json!({"text": "can stop at eight"})),
        ("step", json!({"to": "diagnosed", "note": "outer race"})),
        ("hold", json!({"reason": "bearing ordered"})),
        ("resume", json!({})),
        ("step", json!({"to": "in_progress"})),
        ("step", json!({"to": "testing"})),
    ] {
        let revision = api.get("tickets/T-000001").await.ok()["revision"].as_u64();
        api.post_if(&format!("tickets/T-000001/{action}"), revision, body)
            .await
            .ok();
    }
    assert_eq!(
        api.get("tickets?state=testing").await.ok()["items"][0]["assignee"],
        "Li Wei"
    );
    let closing =
        json!({"outcome": "fault_confirmed", "cause": "no grease", "remedy": "new bearing", "parts": ["6205-2RS"]});
    let closed = api.post("tickets/T-000001/close", closing).await.ok();
    assert_eq!(
        (&closed["state"], &closed["closing"]["parts"][0]),
        (&json!("closed"), &json!("6205-2RS"))
    );
    assert_eq!(
        api.post("tickets/T-000001/step", json!({"to": "planned"})).await.status,
        409
    );
    assert_eq!(api.get("fleet").await.ok()["open_tickets"], 0);

    // who did what is on record
    let audit = api.get("audit?limit=100").await.ok();
    let by_person: Vec<&str> = (audit["items"].as_array().into_iter().flatten())
        .filter(|entry| entry["by"] == "local operator")
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    assert_eq!(
        by_person,
        [
            "ticket.closed",
            "ticket.stepped",
            "ticket.stepped",
            "ticket.resumed",
            "ticket.held",
            "ticket.stepped",
            "ticket.commented",
            "ticket.assigned",
            "alarm.unshelved",
            "alarm.shelved",
            "ticket.answered",
            "alarm.acknowledged"
        ]
    );
    assert!(is_balanced(&api.metrics().await));
    gateway.stop();
    assert_eq!(events.next("nothing").await, None, "streams end when the gateway stops");
}

#[tokio::test]
async fn work_on_a_machine_is_out_of_service_over_a_restart_and_back_by_name() {
    let setup = setup();
    let gateway = setup.start();
    publish(&gateway, &wear()).await;
    let before = api(&gateway);
    before
        .wait_for("alarms?active=true", |list| list["items"][0]["severity"] == "critical")
        .await;

    // a window for the site, and a mistake in one
    let plan = |schedule: Value| json!({"purpose": "maintenance", "covers": {"sites": ["nor*"]}, "schedule": schedule, "reason": "overhaul"});
    let weekly =
        |zone: &str| json!({"is": "weekly", "days": ["sunday"], "from": "02:00", "minutes": 90, "time_zone": zone});
    let wrong = before.post("windows", plan(weekly("Europe/Atlantis"))).await;
    assert_eq!(
        (wrong.status, &wrong.body["errors"][0]["pointer"]),
        (422, &json!("/schedule"))
    );
    let everything = json!({"purpose": "maintenance", "covers": {}, "schedule": {"is": "until_ended"}, "reason": "x"});
    assert_eq!(before.post("windows", everything).await.status, 422);
    let recurring = before.post("windows", plan(weekly("Europe/Berlin"))).await.ok();
    assert_eq!(recurring["id"], "W-000001");
    let open = before.post("windows", plan(json!({"is": "until_ended"}))).await.ok();
    assert_eq!(
        (&open["id"], &open["state"]["is"], &open["by"]),
        (&json!("W-000002"), &json!("open"), &json!("local operator"))
    );
    let alarm = before.get(ALARM).await.ok();
    assert_eq!(
        (&alarm["out_of_service"]["window"], &alarm["is_active"]),
        (&json!("W-000002"), &json!(true)),
        "the condition is tracked underneath"
    );
    let held = before
        .post("tickets/1/hold", json!({"cause": "parts", "reason": "bearing ordered"}))
        .await
        .ok();
    assert_eq!(held["on_hold"]["cause"], "parts");
    let judged = before
        .post(
            "tickets/1/reclass",
            json!({"class": "ordinary", "reason": "stand-by pump"}),
        )
        .await
        .ok();
    assert_eq!(judged["class"], "ordinary");
    gateway.kill();

    let gateway = setup.start();
    let api = api(&gateway);
    let windows = api.get("windows").await.ok();
    assert_eq!(windows.as_array().map(Vec::len), Some(2));
    assert_eq!(
        api.get(ALARM).await.ok()["revision"],
        alarm["revision"],
        "nothing fires again"
    );
    let by_person = api.post(&format!("{ALARM}/return-to-service"), json!({})).await;
    assert_eq!(by_person.status, 409, "a window took it, and a window brings it back");
    let ended = api.post("windows/W-000002/end", json!({"reason": "done"})).await.ok();
    assert_eq!(
        (&ended["state"]["is"], &ended["ended"]["reason"]),
        (&json!("over"), &json!("done"))
    );
    assert_eq!(api.post("windows/2/end", json!({"reason": "again"})).await.status, 404);
    let back = api.get(ALARM).await.ok();
    assert_eq!(
        (&back["out_of_service"], &back["state"]),
        (&Value::Null, &json!("unacknowledged"))
    );

    let taken = api
        .post(
            &format!("{ALARM}/out-of-service"),
            json!({"reason": "sensor is being changed"}),
        )
        .await
        .ok();
    assert_eq!(taken["out_of_service"]["by"], "local operator");
    let returned = api.post(&format!("{ALARM}/return-to-service"), json!({})).await.ok();
    assert_eq!(returned["out_of_service"], Value::Null);
    gateway.stop();
}

#[tokio::test]
async fn what_was_not_understood_can_be_read_again_after_a_fix() {
    let setup = setup();
    let gateway = setup.start();
    let stranger = telemetry("north", "pump-2", START, 1, "vibration_rms_mm_s", 1.5);
    let garbage = Outgoing {
        topic: stranger.topic.clone(),
        payload: b"not even JSON".to_vec(),
    };
    publish(
        &gateway,
        &[
            garbage,
            stranger,
            telemetry("north", "pump-1", START, 1, "vibration_rms_mm_s", 1.5),
        ],
    )
    .await;
    let before = api(&gateway);
    let metrics = before.metrics().await;
    assert!(is_balanced(&metrics), "{metrics:?}");
    assert_eq!(metrics["forewarn_messages_total{outcome=\"stored\",reason=\"\"}"], 1.0);
    let all = before.get("quarantine").await.ok();
    let reasons: Vec<_> = all["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|p| p["reason"].clone())
        .collect();
    assert_eq!(reasons, ["not_registered", "not_registered"]);
    assert_eq!(
        before.post("quarantine/replay", json!({})).await.ok(),
        json!({"accepted": 0, "refused": 2})
    );
    gateway.stop();

    let known = format!("{REGISTRY}[[device]]\nsite = \"north\"\ndevice = \"pump-2\"\nprofile = \"pump\"\n");
    std::fs::write(setup.folder().join("registry.toml"), known).expect("written");
    let gateway = setup.start();
    let api = api(&gateway);
    assert_eq!(
        api.post("quarantine/replay", json!({})).await.ok(),
        json!({"accepted": 1, "refused": 1})
    );
    let device = api.get("devices/north/pump-2").await.ok();
    assert_eq!(device["metrics"][0]["last"]["value"], 1.5);
    let left = api.get("quarantine").await.ok();
    assert_eq!(
        (&left["items"][0]["id"], left["items"].as_array().map(Vec::len)),
        (&json!(1), Some(1))
    );
    assert_eq!(
        api.post("quarantine/1/replay", json!({})).await.ok(),
        json!({"accepted": 0, "refused": 1})
    );
    assert_eq!(
        api.post("quarantine/1/discard", json!({})).await.ok()["preview"]["text"],
        "not even JSON"
    );
    assert_eq!(api.get("quarantine").await.ok()["items"], json!([]));
    assert!(is_balanced(&api.metrics().await));
    let actions: Vec<_> = (api.get("audit").await.ok()["items"].as_array().into_iter().flatten())
        .map(|e| e["action"].clone())
        .collect();
    assert_eq!(actions, ["quarantine.discarded", "quarantine.replayed"]);
}

#[tokio::test]
async fn wrong_questions_are_answered_with_what_is_wrong() {
    let setup = setup();
    let gateway = setup.start();
    publish(
        &gateway,
        &[telemetry("north", "pump-1", START, 1, "vibration_rms_mm_s", 1.5)],
    )
    .await;
    let api = api(&gateway);
    for (path, status) in [
        ("alarms/north/pump-1/bearing_wear/9", 404),
        ("alarms/north/pump-1/bearing_wear/x", 404),
        ("tickets/T-000099", 404),
        ("tickets/none", 404),
        ("devices/north/pump-9", 404),
        ("devices/north/pump-1/history?metric=nothing", 404),
        ("quarantine/7", 404),
        ("alarms?state=asleep", 400),
        ("alarms?limit=0", 400),
        ("nothing", 404),
    ] {
        let answer = api.get(path).await;
        assert_eq!(
            (answer.status, answer.kind.as_str()),
            (status, "application/problem+json"),
            "{path}: {answer:?}"
        );
        assert_eq!(answer.body["status"], status);
        assert!(answer.body["detail"].as_str().is_some_and(|d| !d.is_empty()), "{path}");
    }
    let wrong = api.post("tickets/1/close", json!({"outcome": "fine"})).await;
    assert_eq!(
        (wrong.status, wrong.body["errors"][0]["pointer"].clone()),
        (422, json!("/outcome"))
    );
    let health = api.get("health").await.ok();
    assert_eq!(
        (&health["ready"], &health["components"][0]["state"]),
        (&json!(true), &json!("ok"))
    );
    let models = api.get("models").await.ok();
    let pump = models
        .as_array()
        .into_iter()
        .flatten()
        .find(|m| m["profile"] == "pump")
        .expect("shipped");
    assert_eq!(pump["devices"], 1);
}
