//! `train` from what a gateway has recorded, with what technicians confirmed as labels: nothing is exported by hand.

use serde_json::{Value, json};
use std::process::Command;
use std::time::SystemTime;
use tests::api::Api;
use tests::gateway::{GatewaySetup, program};
use tests::publisher::{Outgoing, publish_all};

/// Pumps that fail, each after so many running hours, and pumps that run on.
const FAILED: [u32; 8] = [420, 500, 560, 610, 655, 720, 790, 860];
const RUNNING: [u32; 4] = [300, 450, 650, 700];

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

/// A reading every six hours until now; the vibration of those that fail grows over the last hundred hours.
fn life(device: &str, hours: u32, fails: bool, now_ms: i64) -> Vec<Outgoing> {
    let reading = |number: u32| {
        let left = f64::from(hours - number * 6);
        let noise = f64::from(number * 7919 % 101) / 1010.0;
        let wear = if fails {
            4.5 * ((100.0 - left) / 100.0).max(0.0)
        } else {
            0.0
        };
        json!({
            "ts": now_ms - (f64::from(hours - number * 6) * 3_600_000.0) as i64, "seq": number, "boot": "x",
            "metrics": {"vibration_rms_mm_s": 1.0 + noise + wear, "runtime_hours": number * 6},
        })
    };
    let readings: Vec<Value> = (0..=hours / 6).map(reading).collect();
    let message = |part: &[Value]| Outgoing {
        topic: format!("forewarn/plant/{device}/telemetry"),
        payload: Value::from(part.to_vec()).to_string().into_bytes(),
    };
    readings.chunks(100).map(message).collect()
}

fn train(setup: &GatewaySetup, line: &str) -> Result<Value, String> {
    let output = Command::new(program("forewarn"))
        .current_dir(setup.folder())
        .args(line.split_whitespace())
        .output()
        .expect("forewarn starts");
    match output.status.success() {
        true => Ok(serde_json::from_slice(&output.stdout).expect("JSON")),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[tokio::test]
async fn models_are_learned_from_the_history_of_a_gateway_and_its_confirmed_tickets() {
    let setup = setup();
    let gateway = setup.start();
    let port = gateway.mqtt_port();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970");
    let pumps = FAILED
        .iter()
        .map(|hours| (*hours, true))
        .chain(RUNNING.iter().map(|hours| (*hours, false)));
    for (number, (hours, fails)) in pumps.enumerate() {
        let device = format!("pump-{number}");
        let messages = life(&device, hours, fails, now.as_millis() as i64);
        publish_all(&device, &messages, 20, || Some(port), |_| {}).await;
    }
    let api = Api::new(gateway.http.expect("it has pages"));
    for number in 0..FAILED.len() {
        let path = format!("alarms/plant/pump-{number}/bearing_wear/1");
        let alarm = api.wait_for(&path, |alarm| alarm["ticket"].is_string()).await;
        let ticket = alarm["ticket"].as_str().expect("opened").to_owned();
        let outcome = json!({"outcome": "fault_confirmed", "cause": "bearing", "remedy": "changed", "note": "done"});
        api.post(&format!("tickets/{ticket}/close"), outcome).await.ok();
    }
    gateway.stop();

    let data = setup.data();
    let data = data.to_str().expect("UTF-8");
    let from = format!("--data {data} --devices pump-");
    let ages = train(
        &setup,
        &format!("train ages {from} --failure-mode bearing_wear --out ages.model --json"),
    );
    let ages = ages.unwrap_or_else(|error| panic!("{error}"));
    let kind = &ages["kinds"][0];
    assert_eq!([&kind["failures"], &kind["running"]], [&json!(8), &json!(4)], "{ages}");
    let eta = kind["eta"]["value"].as_f64().expect("a number");
    assert!((600.0..900.0).contains(&eta), "{ages}");

    let classes = train(&setup, &format!("train classes {from} --out classes.model --json"));
    let classes = classes.unwrap_or_else(|error| panic!("{error}"));
    let table = std::fs::read_to_string(setup.folder().join("classes.model.csv")).expect("beside the model");
    assert!(
        table.contains("healthy,plant/pump-0") && table.contains("bearing_wear,plant/pump-0"),
        "{classes}"
    );
    assert!(!table.contains("bearing_wear,plant/pump-9"), "it never failed");

    let life = train(
        &setup,
        &format!("train life {from} --failure-mode bearing_wear --out life.model --json"),
    );
    let life = life.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(life["units"], json!(8), "{life}");

    let unknown = train(
        &setup,
        &format!("train life {from} --failure-mode cavitation --out x.model --json"),
    );
    assert!(unknown.is_err_and(|error| error.contains("no confirmed cavitation")));
    let unnamed = train(&setup, &format!("train ages {from} --out x.model"));
    assert!(unnamed.is_err_and(|error| error.contains("--failure-mode")));
}
