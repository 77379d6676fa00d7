//! The service desk over the HTTP API, over restarts and a backup: a fault told by telephone, the work on it with its files,
//! two tickets that are one, and the sheet for the customer.

use serde_json::{Value, json};
use std::process::Stdio;
use tests::api::Api;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::publisher::{publish_all, telemetry};

const CONFIG: &str =
    "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nauto_register = false\n";
const REGISTRY: &str = "[[device]]\nsite = \"north\"\ndevice = \"pump-1\"\nprofile = \"pump\"\nserial_number = \"SN-77\"\n\
                        customer = \"Waterworks\"\nwarranty_until = \"2020-12-31\"\n[[device]]\nsite = \"north\"\ndevice = \"pump-2\"\nprofile = \"pump\"\n";
const START: i64 = 1_760_000_000_000;

async fn started(setup: &GatewaySetup) -> (RunningGateway, Api) {
    let gateway = setup.start();
    let api = Api::new(gateway.http.expect("it has pages"));
    (gateway, api)
}

/// A bearing that wears out opens T-000001.
async fn worn_pump() -> (GatewaySetup, RunningGateway, Api) {
    let setup = GatewaySetup::new(CONFIG);
    std::fs::write(setup.folder().join("registry.toml"), REGISTRY).expect("written");
    let (gateway, api) = started(&setup).await;
    let velocity = |i: i64| if i < 100 { 1.2 } else { 6.0 };
    let messages: Vec<_> = (0..300)
        .map(|i| {
            let at = START + i * 2_000;
            telemetry("north", "pump-1", at, i as u64, "vibration_rms_mm_s", velocity(i))
        })
        .collect();
    publish_all("pump-1", &messages, 50, || Some(gateway.mqtt_port()), |_| {}).await;
    api.wait_for("tickets", |list| list["items"][0]["id"] == "T-000001")
        .await;
    (setup, gateway, api)
}

async fn file(api_address: std::net::SocketAddr, path: &str) -> (Vec<u8>, String) {
    let url = format!("http://{api_address}/api/v1/{path}");
    let answer = reqwest::get(url).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200);
    let kind = answer.headers()["content-disposition"]
        .to_str()
        .expect("text")
        .to_owned();
    (answer.bytes().await.expect("a body").to_vec(), kind)
}

#[tokio::test]
async fn a_reported_fault_its_work_its_files_and_its_report_survive_restart_and_backup() {
    let (setup, gateway, api) = worn_pump().await;
    let report = json!({
        "site": "north", "device": "pump-1", "title": "drips at the flange", "class": "key", "reporter": "Ms Chen",
        "description": "a puddle since Monday", "malfunction": {"symptom": "drips", "is_breakdown": false},
    });
    let opened = api.post("tickets", report.clone()).await;
    assert_eq!(opened.status, 201);
    let opened = opened.ok();
    assert_eq!(
        (
            &opened["id"],
            &opened["report"]["by"],
            &opened["machine"]["warranty"]["covers"]
        ),
        (&json!("T-000002"), &json!("Ms Chen"), &json!(false))
    );
    let again = api.post("tickets", report).await;
    assert_eq!(again.status, 409);
    assert!(
        again.body["detail"].as_str().is_some_and(|d| d.contains("T-000002")),
        "{again:?}"
    );
    let known = json!({"site": "north", "device": "pump-1", "failure_mode": "bearing_wear"});
    let known = api.post("tickets", known).await;
    assert!(known.status == 409 && known.body["detail"].as_str().is_some_and(|d| d.contains("T-000001")));
    let nobody = json!({"site": "north", "device": "pump-9", "title": "hums"});
    assert_eq!(api.post("tickets", nobody).await.status, 422);
    let silent = json!({"site": "north", "device": "pump-2", "title": "does not start"});
    assert_eq!(
        api.post("tickets", silent).await.ok()["id"],
        "T-000003",
        "it never said a word"
    );

    for body in [
        json!({"write": "labour", "who": "Li Wei", "start": "2025-10-09T08:00:00Z", "seconds": 5400, "rate_cents_per_hour": 6000}),
        json!({"write": "part", "part": "gasket DN50", "quantity": 2}),
        json!({"write": "check", "text": "tighten crosswise"}),
        json!({"write": "tick", "entry": 3, "is_done": true}),
        json!({"write": "link", "ticket": "T-000001", "kind": "relates"}),
    ] {
        api.post("tickets/T-000002/work", body).await.ok();
    }
    let address = gateway.http.expect("it has pages");
    let photo = vec![0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3];
    let kept = reqwest::Client::new()
        .post(format!(
            "http://{address}/api/v1/tickets/T-000002/files?name=flange.jpg"
        ))
        .header("X-Forewarn", "1")
        .header("content-type", "image/jpeg")
        .body(photo.clone())
        .send()
        .await
        .expect("an answer");
    assert_eq!(kept.status().as_u16(), 200);
    gateway.kill();

    let (gateway, api) = started(&setup).await;
    let closing = json!({
        "outcome": "prevented", "part": "flange gasket", "damage": "aged", "cause": "ten years old", "remedy": "both changed",
    });
    api.post("tickets/T-000002/close", closing).await.ok();
    let call = json!({"write": "call_back", "rating": 5, "text": "dry again"});
    api.post("tickets/T-000002/work", call).await.ok();
    let sheet = api.get("tickets/T-000002/report").await.ok();
    assert_eq!(
        (
            &sheet["machine"]["serial_number"],
            &sheet["work"]["labour_cents"],
            &sheet["closing"]["damage"]
        ),
        (&json!("SN-77"), &json!(9_000), &json!("aged"))
    );
    assert_eq!(sheet["earlier"][0]["id"], "T-000001");
    assert_eq!(sheet["work"]["checklist"][0]["done"]["by"], "local operator");
    let (content, saved) = file(gateway.http.expect("it has pages"), "tickets/T-000002/files/4").await;
    assert_eq!(content, photo);
    assert!(saved.starts_with("attachment; filename=\"flange.jpg\""));

    // the other end of the link tells it too
    assert_eq!(
        api.get("tickets/T-000001").await.ok()["work"]["links"][0]["ticket"],
        "T-000002"
    );
    let archived = api.post("tickets/T-000002/archive", json!({})).await.ok();
    assert_eq!(
        archived["history"]
            .as_array()
            .and_then(|h| h.last())
            .map(|h| &h["what"]["is"]),
        Some(&json!("archived"))
    );
    gateway.stop();

    // a backup has the files as well
    let copy = setup.folder().join("copy");
    let done = setup
        .command(&["backup", "--to", "copy"])
        .stdout(Stdio::null())
        .status()
        .expect("it runs");
    assert!(done.success());
    let files: Vec<_> = std::fs::read_dir(copy.join("files")).expect("there").collect();
    assert_eq!(files.len(), 1);
}

#[tokio::test]
async fn two_tickets_that_are_one_trouble_are_merged_and_split_again_over_a_kill() {
    let (setup, gateway, api) = worn_pump().await;
    let report = json!({"site": "north", "device": "pump-1", "title": "it shakes", "class": "emergency"});
    api.post("tickets", report).await.ok();
    let alarms = |ticket: &Value| ticket["alarms"].as_array().map_or(0, Vec::len);
    api.post("tickets/T-000001/comment", json!({"text": "heard it too"}))
        .await
        .ok();
    let merged = api
        .post("tickets/T-000001/merge", json!({"into": "T-000002"}))
        .await
        .ok();
    assert_eq!(
        (&merged["state"], &merged["merged_into"]),
        (&json!("merged"), &json!("T-000002"))
    );
    assert_eq!(
        api.post("tickets/T-000001/reopen", json!({"reason": "no"}))
            .await
            .status,
        409
    );
    gateway.kill();

    let (gateway, api) = started(&setup).await;
    let whole = api.get("tickets/T-000002").await.ok();
    assert_eq!((alarms(&whole), &whole["absorbed"][0]), (1, &json!("T-000001")));
    let told = whole["history"].as_array().is_some_and(|all| {
        all.iter()
            .any(|step| step["note"] == "heard it too" && step["what"]["from"] == "T-000001")
    });
    assert!(told, "{whole}");
    let alarm = api.get("alarms/north/pump-1/bearing_wear/1").await.ok();
    assert_eq!(alarm["ticket"], "T-000002");
    let split = api
        .post("tickets/T-000002/split", json!({"ticket": "T-000001"}))
        .await
        .ok();
    assert_eq!((alarms(&split), &split["absorbed"]), (0, &json!([])));
    assert_eq!(api.get("tickets/T-000001").await.ok()["state"], "reported");
    let alarm = api.get("alarms/north/pump-1/bearing_wear/1").await.ok();
    assert_eq!(alarm["ticket"], "T-000001");
    gateway.stop();
}
