//! A simulated pump at two speeds over MQTT: a leak that hides between the pressures of both speeds is found where each speed has
//! a normal of its own, after a power cut too, and the evidence names the speed.

use bytes::Bytes;
use device_sim::fleet::Fleet;
use device_sim::spec::FleetSpec;
use serde_json::Value;
use tests::gateway::GatewaySetup;
use tests::outcome::Outcome;
use tests::publisher::{Outgoing, publish_all};

const CONFIG: &str = "[listener]\nbind = \"127.0.0.1:0\"\n[ingest]\nmessages_per_second = 0\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n[store]\ncheckpoint_every_ms = 200\n";
const START_MS: i64 = 1_760_000_000_000;
const DAY_MS: i64 = 86_400_000;
const PROFILE: &str = r#"
profile = "two_speed_pump"
title = { en = "Pump" }
expected_interval_ms = 120000
[alarm]
raise_after = 3
clear_after = 10
[metrics.rpm]
unit = "1/min"
role = "context"
[metrics.discharge_pressure_bar]
unit = "bar"
[[baseline]]
id = "pressure"
"#;
const MODE: &str = r#"
[mode]
metric = "rpm"
settle_ms = 120000
bands = [
  { id = "low_speed", from = 300.0, below = 1250.0 },
  { id = "full_speed", from = 1250.0, below = 1600.0 },
]
"#;

/// Eight days of a pump whose shaft seal leaks from the sixth on.
fn messages() -> Vec<Outgoing> {
    let spec = "seed = 5\ninterval_s = { pump = 120 }\ntwo_speed = { low = 0.7, every_min = 90 }\n\n[[site]]\nname = \"plant\"\npump = 1\n\n\
                [[fault]]\nsite = \"plant\"\ndevice = \"pump-001\"\nmode = \"seal_leak\"\nonset_min = 8640\npf_min = 4320\n\n\
                [waveform]\nevery_min = 0.0\n";
    let mut spec = FleetSpec::from_toml(spec).expect("a sound spec");
    spec.start_ms = Some(START_MS);
    let mut fleet = Fleet::new(&spec).expect("a sound fleet");
    let mut out = Vec::new();
    fleet.step_until(START_MS + 8 * DAY_MS, &mut out);
    let outgoing = |topic: &str, payload: &Bytes| Outgoing {
        topic: topic.to_owned(),
        payload: payload.to_vec(),
    };
    out.iter().map(|m| outgoing(&m.topic, &m.payload)).collect()
}

/// The alarms of learned rules, with a power cut in the middle.
async fn alarms(profile: &str, messages: &[Outgoing]) -> Vec<Value> {
    let setup = GatewaySetup::new(CONFIG);
    std::fs::create_dir(setup.folder().join("profiles")).expect("makes");
    std::fs::write(setup.folder().join("profiles/two_speed_pump.toml"), profile).expect("written");
    let registry = "[[assign]]\nprofile = \"two_speed_pump\"\n";
    std::fs::write(setup.folder().join("registry.toml"), registry).expect("written");
    let (before, after) = messages.split_at(messages.len() * 2 / 3);
    for part in [before, after] {
        let gateway = setup.start();
        let port = gateway.mqtt_port();
        publish_all("plant", part, 50, || Some(port), |_| {}).await;
        gateway.kill();
    }
    setup.start().stop();
    let outcome = Outcome::read(&setup);
    let all = outcome.alarms.values();
    all.filter(|a| a["failure_mode"] == "abnormal_behaviour")
        .cloned()
        .collect()
}

#[tokio::test]
async fn a_leak_between_the_pressures_of_two_speeds_is_found_by_the_normal_of_the_speed() {
    let messages = messages();
    let found = alarms(&format!("{PROFILE}{MODE}"), &messages).await;
    let text = serde_json::to_string(&found).expect("JSON");
    assert!(!found.is_empty(), "nothing was found");
    assert!(
        text.contains("in mode full_speed") || text.contains("in mode low_speed"),
        "{text}"
    );
    let raised: Vec<i64> = found.iter().filter_map(|a| a["raised_at"].as_i64()).collect();
    let onset = START_MS + 6 * DAY_MS;
    assert!(
        raised.iter().all(|at| *at > onset),
        "healthy days are quiet: {raised:?}"
    );
    assert!(
        raised.iter().any(|at| *at < onset + 3 * DAY_MS / 2),
        "in the first half: {raised:?}"
    );

    // with one normal for both, the other speed at an unusual hour is an alarm of a sound machine
    let blind = alarms(PROFILE, &messages).await;
    assert!(blind.iter().any(|a| a["raised_at"].as_i64() < Some(onset)), "{blind:?}");
}
