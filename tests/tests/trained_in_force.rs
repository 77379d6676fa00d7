//! Models that `train` wrote judge live readings: run in shadow, promoted, over a power cut, rolled back; a damaged one changes
//! nothing.

use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::http::get_json;
use tests::publisher::{Outgoing, publish_all};

/// Device time of the first reading.
const START_MS: i64 = 1_760_000_000_000;
const HOUR_MS: i64 = 3_600_000;

fn setup() -> GatewaySetup {
    let setup = GatewaySetup::new(
        "[listener]\nbind = \"127.0.0.1:0\"\n[ingest]\nmessages_per_second = 0\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n",
    );
    let text = domain::profile::shipped::TEXTS.iter().find(|(name, _)| *name == "pump");
    let text = text.expect("shipped").1;
    let text = text.replace("raise_after = 5", "raise_after = 1");
    let text = text.replace("on_delay_ms = 20000", "on_delay_ms = 0");
    std::fs::create_dir_all(setup.folder().join("profiles")).expect("a folder");
    std::fs::write(setup.folder().join("profiles/pump.toml"), text).expect("written");
    let registry = "[[assign]]\ndevice = \"pump-*\"\nprofile = \"pump\"\n";
    std::fs::write(setup.folder().join("registry.toml"), registry).expect("written");
    setup
}

/// Vibration and bearing temperature of a pump that fails after so many hours; wear shows over the last sixty.
fn state(hour: i64, life: i64) -> (f64, f64) {
    let noise = |seed: i64| (hour * seed % 101) as f64 / 505.0;
    let wear = ((60 - (life - hour)) as f64 / 60.0).max(0.0);
    (1.0 + noise(7919) + 4.0 * wear, 50.0 + noise(6007) + 20.0 * wear)
}

/// What the models are trained with: pumps of known life, by the hour, and rows by what was found.
fn write_tables(folder: &Path) {
    let mut lives = "unit,hours,vibration_rms_mm_s,bearing_temperature_c\n".to_owned();
    let mut classes = "label,unit,vibration_rms_mm_s,bearing_temperature_c\n".to_owned();
    for (unit, life) in [110, 135, 160, 180, 220].into_iter().enumerate() {
        for hour in 0..=life {
            let (vibration, temperature) = state(hour, life);
            writeln!(lives, "{unit},{hour},{vibration},{temperature}").expect("a string");
            // an unbalanced rotor shakes as much and stays cool
            let label = if life - hour < 40 { "dry_bearing" } else { "healthy" };
            writeln!(classes, "{label},{unit},{vibration},{temperature}").expect("a string");
            if life - hour < 40 {
                writeln!(classes, "imbalance,{unit},{vibration},{}", 50.0 + vibration / 10.0).expect("a string");
            }
        }
    }
    std::fs::write(folder.join("lives.csv"), lives).expect("written");
    std::fs::write(folder.join("classes.csv"), classes).expect("written");
}

fn readings(device: &str, hours: std::ops::Range<i64>, life: i64) -> Vec<Outgoing> {
    let message = |hour: i64| {
        let (vibration, temperature) = state(hour, life);
        let payload = json!({
            "ts": START_MS + hour * HOUR_MS, "seq": hour, "boot": "x",
            "metrics": {"vibration_rms_mm_s": vibration, "bearing_temperature_c": temperature},
        });
        Outgoing {
            topic: format!("forewarn/west/{device}/telemetry"),
            payload: payload.to_string().into_bytes(),
        }
    };
    hours.map(message).collect()
}

async fn publish(gateway: &RunningGateway, device: &str, hours: std::ops::Range<i64>, life: i64) {
    let port = gateway.mqtt_port();
    publish_all(device, &readings(device, hours, life), 20, || Some(port), |_| {}).await;
}

fn api(gateway: &RunningGateway, path: &str) -> Value {
    get_json(gateway.http.expect("it has pages"), &format!("/api/v1/{path}"))
}

fn model(setup: &GatewaySetup, gateway: &RunningGateway, arguments: &[&str]) -> Value {
    let door = format!("http://{}", gateway.http.expect("it has pages"));
    let all = [&["model"], arguments, &["--json", "--gateway", &door]].concat();
    serde_json::from_str(&setup.output(&all)).expect("JSON")
}

/// A bundle is run in shadow and then judges; its version.
fn release(setup: &GatewaySetup, gateway: &RunningGateway, bundle: &str) -> String {
    let added = model(setup, gateway, &["shadow", bundle]);
    assert_eq!(added["state"], "shadow", "{added}");
    let version = added["model"].as_str().expect("a name").to_owned();
    let promoted = model(setup, gateway, &["promote", &version, "--approved-by", "Zhou Min"]);
    assert_eq!(promoted["state"], "in_force", "{promoted}");
    version
}

fn judged_by(gateway: &RunningGateway, device: &str) -> String {
    let device = api(gateway, &format!("devices/west/{device}"));
    device["model"].as_str().expect("a version").to_owned()
}

/// What is told of the time left of a pump's bearing.
fn time_left(gateway: &RunningGateway, device: &str) -> Value {
    let device = api(gateway, &format!("devices/west/{device}"));
    let modes = device["failure_modes"].as_array().cloned().unwrap_or_default();
    let wear = modes.into_iter().find(|m| m["id"] == "bearing_wear");
    wear.unwrap_or_else(|| panic!("{device}"))["time_left"].clone()
}

#[tokio::test]
async fn trained_models_tell_the_time_left_and_the_class_of_live_alarms() {
    let setup = setup();
    write_tables(setup.folder());
    for line in [
        "train life --data lives.csv --profile pump --failure-mode bearing_wear --out life.model",
        "train classes --data classes.csv --label label --group unit --ignore unit --profile pump --out classes.model",
        "train classes --data classes.csv --label label --group unit --ignore unit --out nobody.model",
    ] {
        setup.output(&line.split_whitespace().collect::<Vec<_>>());
    }
    let bytes = std::fs::read(setup.folder().join("life.model")).expect("written");
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    std::fs::write(setup.folder().join("damaged.model"), damaged).expect("written");

    let gateway = setup.start();
    publish(&gateway, "pump-1", 0..100, 140).await;
    let door = format!("http://{}", gateway.http.expect("pages"));
    for (bundle, why) in [("damaged.model", "checksum"), ("nobody.model", "--profile")] {
        let refused = setup
            .command(&["model", "shadow", bundle, "--gateway", &door])
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains(why), "{said}");
    }
    assert_eq!(judged_by(&gateway, "pump-1"), "pump@1");

    let life = release(&setup, &gateway, "life.model");
    let both = release(&setup, &gateway, "classes.model");
    assert_ne!(life, both);
    let shown = model(&setup, &gateway, &["show", &both]);
    assert_eq!(shown["trained"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(judged_by(&gateway, "pump-1"), both);

    publish(&gateway, "pump-2", 0..130, 150).await;
    let left = time_left(&gateway, "pump-2");
    let hours = ["p10_hours", "p50_hours", "p90_hours"].map(|key| left[key].as_f64().expect("a number"));
    assert_eq!(left["basis"], "learned", "{left}");
    assert!(hours[0] <= hours[1] && hours[1] <= hours[2], "{hours:?}");
    assert!((10.0..32.0).contains(&hours[1]), "twenty hours are left: {hours:?}");
    let alarm = api(&gateway, "alarms/west/pump-2/bearing_wear/1");
    assert_eq!(
        (&alarm["model"], &alarm["is_active"]),
        (&json!(both), &json!(true)),
        "{alarm}"
    );
    let evidence = alarm["evidence"].as_array().expect("a list");
    let class = evidence.iter().find(|e| e["kind"] == "learned_class");
    let said = class.unwrap_or_else(|| panic!("{alarm}"))["sentence"].to_string();
    assert!(
        said.contains("dry_bearing") && said.contains('%') && said.contains("classes-"),
        "{said}"
    );

    // a power cut changes nothing of it, and readings go on where they were
    gateway.kill();
    let gateway = setup.start();
    assert_eq!(judged_by(&gateway, "pump-2"), both);
    assert_eq!(time_left(&gateway, "pump-2"), left);
    publish(&gateway, "pump-2", 130..140, 150).await;
    let later = time_left(&gateway, "pump-2");
    assert_eq!(later["basis"], "learned", "{later}");
    assert!(later["p50_hours"].as_f64() < left["p50_hours"].as_f64(), "{later}");

    model(&setup, &gateway, &["rollback", "pump", "--approved-by", "Zhou Min"]);
    assert_eq!(judged_by(&gateway, "pump-2"), life);
    model(&setup, &gateway, &["rollback", "pump", "--approved-by", "Zhou Min"]);
    assert_eq!(judged_by(&gateway, "pump-2"), "pump@1");
    assert_ne!(time_left(&gateway, "pump-2")["basis"], "learned");
    gateway.stop();

    // the same judge of a recording, under the same name
    let recorded = (0..140).map(|hour| (hour, state(hour, 150)));
    let mut table = "ts,vibration_rms_mm_s,bearing_temperature_c\n".to_owned();
    for (hour, (vibration, temperature)) in recorded {
        writeln!(table, "{},{vibration},{temperature}", START_MS + hour * HOUR_MS).expect("a string");
    }
    std::fs::write(setup.folder().join("recorded.csv"), table).expect("written");
    let line =
        "backtest --input recorded.csv --profile profiles/pump.toml --model life.model --model classes.model --json";
    let found: Value = serde_json::from_str(&setup.output(&line.split_whitespace().collect::<Vec<_>>())).expect("JSON");
    assert_eq!(found["model"], both.as_str(), "{found}");
}
