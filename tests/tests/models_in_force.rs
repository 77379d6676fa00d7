//! Another model judges while readings flow: run in shadow, compared, promoted, rolled back, over power cuts, and never lost sight
//! of.

use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::http::{Balance, get_json, request};
use tests::load::{Load, Sending};
use tests::outcome::Outcome;
use tests::publisher::{Outgoing, publish_all, telemetry};
use tests::wait::wait_for;

/// How long everything may take to be acknowledged.
const DRAIN: Duration = Duration::from_secs(120);
/// Device time of the first reading of pumps that are not of the load.
const START_MS: i64 = 1_760_000_000_000;

/// The vibration of a pump at each step.
type Course = fn(i64) -> f64;

fn setup(more: &str) -> GatewaySetup {
    let config = format!(
        "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n{more}"
    );
    let setup = GatewaySetup::new(&config);
    Load::write_profiles(setup.folder());
    setup
}

/// The pump's profile as it is in force, with another limit of vibration.
fn candidate(setup: &GatewaySetup, warning: &str) -> PathBuf {
    let text = std::fs::read_to_string(setup.folder().join("profiles/pump.toml")).expect("written before");
    let text = text.replace("profile = \"pump\"\n", "profile = \"pump\"\nversion = 2\n");
    let text = text.replace("warning = 2.8\n", &format!("warning = {warning}\n"));
    let path = setup.folder().join(format!("limit-{warning}.toml"));
    std::fs::write(&path, text).expect("written");
    path
}

/// `forewarn model …` on a running gateway; the answer.
fn model(setup: &GatewaySetup, gateway: &RunningGateway, arguments: &[&str]) -> Value {
    let door = format!("http://{}", gateway.http.expect("it has pages"));
    let mut all = vec!["model"];
    all.extend(arguments);
    all.extend(["--json", "--gateway", &door]);
    serde_json::from_str(&setup.output(&all)).expect("JSON")
}

/// A candidate begins to run in shadow; its version.
fn shadow(setup: &GatewaySetup, gateway: &RunningGateway, warning: &str) -> String {
    let path = candidate(setup, warning);
    let added = model(setup, gateway, &["shadow", path.to_str().expect("UTF-8")]);
    assert_eq!(added["state"], "shadow", "{added}");
    added["model"].as_str().expect("a name").to_owned()
}

/// Readings of a pump: the vibration at each step, never the same twice in a row.
fn pump(device: &str, steps: std::ops::Range<i64>, vibration: impl Fn(i64) -> f64) -> Vec<Outgoing> {
    let at = |i: i64| {
        let value = vibration(i) + (i % 7) as f64 * 0.01;
        telemetry(
            "west",
            device,
            START_MS + i * 2_000,
            i as u64,
            "vibration_rms_mm_s",
            value,
        )
    };
    steps.map(at).collect()
}

async fn publish(gateway: &RunningGateway, device: &str, messages: &[Outgoing]) {
    let port = gateway.mqtt_port();
    publish_all(device, messages, 50, || Some(port), |_| {}).await;
}

fn api(gateway: &RunningGateway, path: &str) -> Value {
    get_json(gateway.http.expect("it has pages"), &format!("/api/v1/{path}"))
}

fn judged_by(gateway: &RunningGateway, device: &str) -> String {
    let device = api(gateway, &format!("devices/{device}"));
    device["model"]
        .as_str()
        .expect("every device is judged by something")
        .to_owned()
}

fn tally(of: &Value) -> [u64; 5] {
    ["live", "shadow", "both", "only_live", "only_shadow"].map(|key| of[key].as_u64().expect("a count"))
}

#[tokio::test]
async fn a_lower_limit_in_shadow_shows_what_it_would_have_done_and_tells_nobody() {
    let setup = setup("");
    let gateway = setup.start();
    let pumps: [(&str, Course); 3] = [
        ("pump-1", |i| if i < 60 { 1.2 } else { 2.5 }),
        ("pump-2", |i| 1.2 + (i - 60).clamp(0, 60) as f64 * 0.04),
        ("pump-3", |_| 1.2),
    ];
    for (device, vibration) in pumps {
        publish(&gateway, device, &pump(device, 0..60, vibration)).await;
    }
    let version = shadow(&setup, &gateway, "2.3");
    for (device, vibration) in pumps {
        publish(&gateway, device, &pump(device, 60..200, vibration)).await;
    }
    let shown = model(&setup, &gateway, &["show", &version]);
    let comparison = &shown["comparison"];
    let modes = comparison["failure_modes"].as_array().expect("a list");
    let wear = modes
        .iter()
        .find(|m| m["failure_mode"] == "bearing_wear")
        .expect("compared");
    assert_eq!(tally(&wear["alarms"]), [1, 2, 1, 0, 1], "{comparison}");
    assert_eq!(tally(&wear["tickets"]), [1, 2, 1, 0, 1], "{comparison}");
    assert!(wear["earlier_ms"].as_i64() > Some(0), "{wear}");
    let examples = comparison["examples"].as_array().expect("a list");
    let example = examples
        .iter()
        .find(|e| e["failure_mode"] == "bearing_wear")
        .expect("an example");
    assert_eq!(
        (&example["only"], &example["device"]),
        (&json!("shadow"), &json!("pump-1"))
    );
    assert!(
        example["reason"].as_str().is_some_and(|r| r.contains("2.3")),
        "{example}"
    );
    let text = setup.output(&[
        "model",
        "show",
        &version,
        "--gateway",
        &format!("http://{}", gateway.http.expect("pages")),
    ]);
    assert!(
        text.contains("bearing_wear, alarms") && text.contains("only shadow west/pump-1"),
        "{text}"
    );

    // whom it concerns: nobody
    let alarms = api(&gateway, "alarms?site=west");
    let of_wear: Vec<&Value> = alarms["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|a| a["failure_mode"] == "bearing_wear")
        .collect();
    assert_eq!(of_wear.len(), 1, "{alarms}");
    assert_eq!(
        (&of_wear[0]["device"], &of_wear[0]["model"]),
        (&json!("pump-2"), &json!("pump@1"))
    );
    assert_eq!(judged_by(&gateway, "west/pump-1"), "pump@1");

    // as one file it is the same version, at another gateway too
    let file = setup.folder().join("candidate.fwmodel");
    let file = file.to_str().expect("UTF-8");
    model(&setup, &gateway, &["show", &version, "--bundle", file]);
    assert_eq!(model(&setup, &gateway, &["shadow", file])["model"], version.as_str());

    let discarded = model(&setup, &gateway, &["discard", &version]);
    assert_eq!(discarded["state"], "retired");
    assert_eq!(
        tally(&discarded["comparison"]["failure_modes"][0]["alarms"]).len(),
        5,
        "it can still be looked at"
    );
    gateway.stop();
}

#[test]
fn another_model_judges_within_a_second_while_readings_flow_and_the_one_before_comes_back() {
    let setup = setup("");
    let gateway = setup.start();
    let http = gateway.http.expect("pages");
    let load = Load::new(7, 3_000);
    let sending = Sending::start(&load, 50);
    sending.connect_to(gateway.mqtt_port());
    sending.allow(usize::MAX);
    wait_for("the load to flow", DRAIN, || {
        (sending.acknowledged() > 500).then_some(())
    });
    let version = shadow(&setup, &gateway, "2.3");
    let before = sending.acknowledged();
    wait_for("the shadow to see readings", DRAIN, || {
        (sending.acknowledged() > before + 500).then_some(())
    });

    let began = Instant::now();
    let body = json!({"approved_by": "Zhou Min", "reason": "bearings were found late"}).to_string();
    let (status, answer) = request(http, "POST", &format!("/api/v1/models/{version}/promote"), Some(&body));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(judged_by(&gateway, "north/pump-1"), version);
    let took = began.elapsed();
    let under_way = sending.acknowledged();
    assert!(took < Duration::from_secs(1), "the swap took {took:?}");
    assert!(under_way < load.messages(), "readings were no longer flowing");
    eprintln!(
        "swapped in {took:?} with {under_way} of {} messages acknowledged",
        load.messages()
    );
    sending.finish(DRAIN);
    Balance::scrape(http);
    let kept = || Outcome::read(&setup).readings;
    wait_for("history to have everything", DRAIN, || {
        (kept().len() >= load.readings.len()).then_some(())
    });
    assert_eq!(kept(), load.readings, "every reading exactly once");

    // what it says carries its name, on disk and on the wire
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let high = |i: i64| if i < 20 { 1.2 } else { 2.5 };
    runtime.block_on(publish(&gateway, "pump-9", &pump("pump-9", 0..60, high)));
    let alarm = api(&gateway, "alarms/west/pump-9/bearing_wear/1");
    assert_eq!(
        (&alarm["model"], &alarm["is_active"]),
        (&json!(version), &json!(true)),
        "{alarm}"
    );
    let ticket = api(
        &gateway,
        &format!("tickets/{}", alarm["ticket"].as_str().expect("a ticket")),
    );
    assert_eq!(ticket["model"], version.as_str(), "{ticket}");
    let database = rusqlite::Connection::open(setup.data().join("forewarn.db")).expect("opens");
    let sql = "SELECT payload FROM retained WHERE topic = 'forewarn/west/pump-9/alarm'";
    let payload: Vec<u8> = database.query_row(sql, [], |row| row.get(0)).expect("retained");
    let message: Value = serde_json::from_slice(&payload).expect("JSON");
    assert_eq!(message["model"], version.as_str(), "{message}");
    let sql = "SELECT actor || ': ' || detail FROM audit WHERE action = 'model.promoted'";
    let line: String = database
        .query_row(sql, [], |row| row.get(0))
        .expect("in the audit trail");
    assert!(
        line.contains("local operator: approved by Zhou Min") && line.contains("only by this one"),
        "{line}"
    );

    // a power cut changes nothing of it
    gateway.kill();
    let gateway = setup.start();
    assert_eq!(judged_by(&gateway, "west/pump-9"), version);
    let models = model(&setup, &gateway, &["list"]);
    let states: Vec<(&str, &str)> = models
        .as_array()
        .into_iter()
        .flatten()
        .filter(|m| m["profile"] == "pump")
        .filter_map(|m| m["model"].as_str().zip(m["state"].as_str()))
        .collect();
    assert_eq!(states, [(version.as_str(), "in_force"), ("pump@1", "retired")]);

    let back = model(&setup, &gateway, &["rollback", "pump", "--approved-by", "Zhou Min"]);
    assert_eq!((&back["model"], &back["state"]), (&json!(version), &json!("retired")));
    assert_eq!(judged_by(&gateway, "west/pump-9"), "pump@1");
    let alarm = api(&gateway, "alarms/west/pump-9/bearing_wear/1");
    assert_eq!(
        alarm["is_active"], true,
        "it stands until the other model has judged it over"
    );
    runtime.block_on(publish(&gateway, "pump-9", &pump("pump-9", 60..120, high)));
    let alarm = api(&gateway, "alarms/west/pump-9/bearing_wear/1");
    assert_eq!(
        (&alarm["model"], &alarm["is_active"]),
        (&json!("pump@1"), &json!(false)),
        "{alarm}"
    );
    gateway.stop();
}

/// A life with shadow, promotion, another shadow and a rollback, each between readings; killed in the middle of each stretch of
/// readings and right after each change, or never. What came of it, and both comparisons.
fn live(checkpoint_every_ms: u64, is_killed: bool) -> (Outcome, Vec<Value>) {
    const MESSAGES: usize = 600;
    let setup = setup(&format!("[store]\ncheckpoint_every_ms = {checkpoint_every_ms}\n"));
    let load = Load::new(11, MESSAGES);
    let sending = Sending::start(&load, 20);
    let mut gateway = setup.start();
    sending.connect_to(gateway.mqtt_port());
    let revive = |gateway: RunningGateway| {
        if !is_killed {
            return gateway;
        }
        sending.connect_to(0);
        gateway.kill();
        let gateway = setup.start();
        sending.connect_to(gateway.mqtt_port());
        gateway
    };
    let acknowledged = |count: usize| {
        wait_for("acknowledgements", DRAIN, || {
            (sending.acknowledged() >= count).then_some(())
        });
    };
    let devices = load.devices.len();
    let stretch = |gateway: RunningGateway, from: usize, to: usize| {
        sending.allow(to);
        acknowledged((from + to) / 2 * devices);
        let gateway = revive(gateway);
        acknowledged(to * devices);
        gateway
    };
    gateway = stretch(gateway, 0, MESSAGES / 6);
    let first = shadow(&setup, &gateway, "2.3");
    gateway = revive(gateway);
    gateway = stretch(gateway, MESSAGES / 6, MESSAGES * 2 / 5);
    model(&setup, &gateway, &["promote", &first, "--approved-by", "Zhou Min"]);
    gateway = revive(gateway);
    gateway = stretch(gateway, MESSAGES * 2 / 5, MESSAGES / 2);
    let second = shadow(&setup, &gateway, "3.6");
    gateway = revive(gateway);
    gateway = stretch(gateway, MESSAGES / 2, MESSAGES * 3 / 4);
    model(&setup, &gateway, &["rollback", &first, "--approved-by", "Zhou Min"]);
    gateway = revive(gateway);
    gateway = stretch(gateway, MESSAGES * 3 / 4, MESSAGES);
    sending.finish(DRAIN);
    let comparisons = [&first, &second].map(|version| {
        let mut comparison = model(&setup, &gateway, &["show", version])["comparison"].take();
        comparison["since"] = Value::Null;
        comparison
    });
    gateway.stop();
    (Outcome::read(&setup), comparisons.to_vec())
}

#[test]
fn power_cuts_around_every_change_of_model_change_no_alarm_no_ticket_and_no_comparison() {
    let (unbroken, compared) = live(200, false);
    let by: Vec<&str> = unbroken.tickets.values().filter_map(|t| t["model"].as_str()).collect();
    assert!(
        by.contains(&"pump@1") && by.iter().any(|m| m.starts_with("pump@2-")),
        "{by:?}"
    );
    for comparison in &compared {
        assert!(
            tally(&comparison["alarms"])[1] > 0,
            "nothing was compared: {comparison}"
        );
    }
    // with checkpoints all the time, and with none, so that everything is played again
    for checkpoint_every_ms in [200, 3_600_000] {
        let (outcome, found) = live(checkpoint_every_ms, true);
        assert_eq!(found, compared, "checkpoints every {checkpoint_every_ms} ms");
        outcome.check_against(&unbroken.readings, &unbroken);
    }
}

#[test]
fn a_damaged_candidate_is_refused_with_line_and_field_and_changes_nothing() {
    let setup = setup("");
    let gateway = setup.start();
    let before = api(&gateway, "models");
    let sound = std::fs::read_to_string(candidate(&setup, "2.3")).expect("written");
    let door = format!("http://{}", gateway.http.expect("pages"));
    let cases: [(&str, Vec<u8>, &str); 5] = [
        (
            "field",
            sound.replacen("deadband", "dedband", 1).into_bytes(),
            "dedband",
        ),
        ("cut", sound.as_bytes()[..sound.len() * 2 / 3].to_vec(), "line "),
        ("bytes", [sound.as_bytes(), b"\xff\xfe"].concat(), "UTF-8"),
        (
            "kind",
            sound.replace("profile = \"pump\"", "profile = \"pomp\"").into_bytes(),
            "known are",
        ),
        ("size", vec![b'#'; 600 << 10], "at most"),
    ];
    for (name, content, expected) in cases {
        let path = setup.folder().join(format!("{name}.toml"));
        std::fs::write(&path, content).expect("written");
        let command = ["model", "shadow", path.to_str().expect("UTF-8"), "--gateway", &door];
        let output = setup.command(&command).output().expect("forewarn starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(expected), "{name}: {said}");
    }
    // who added a model does not release it alone, and nothing is released unseen
    let version = shadow(&setup, &gateway, "2.3");
    for (what, body, status) in [
        ("promote", json!({"approved_by": "Local Operator"}), 422),
        ("promote", json!({}), 422),
        ("rollback", json!({"approved_by": "Zhou Min"}), 409),
    ] {
        let path = format!("/api/v1/models/{version}/{what}");
        let (found, answer) = request(gateway.http.expect("pages"), "POST", &path, Some(&body.to_string()));
        assert_eq!(found, status, "{what}: {answer}");
    }
    model(&setup, &gateway, &["discard", &version]);
    let mut after = api(&gateway, "models");
    after
        .as_array_mut()
        .expect("a list")
        .retain(|m| m["model"] != version.as_str());
    assert_eq!(after, before);
    gateway.stop();
}
