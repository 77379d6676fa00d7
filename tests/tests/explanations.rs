//! What a person is told beside an alarm: earlier episodes like it, and that what a model holds for normal has itself moved.
//! On the real program, over power cuts.

use serde_json::{Value, json};
use tests::api::Api;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::publisher::{Outgoing, publish_all, telemetry};

/// Device time of the first reading.
const START_MS: i64 = 1_760_000_000_000;
const DAY_ROWS: i64 = 144;

/// Pumps without delays, and machines of which nothing is known.
fn setup() -> GatewaySetup {
    let setup = GatewaySetup::new(
        "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n\
         [store]\ncheckpoint_every_ms = 200\n",
    );
    let text = domain::profile::shipped::TEXTS.iter().find(|(name, _)| *name == "pump");
    let text = text.expect("shipped").1;
    let text = text.replace("raise_after = 5", "raise_after = 1");
    let text = text.replace("clear_after = 10", "clear_after = 1");
    let text = text.replace("on_delay_ms = 20000", "on_delay_ms = 0");
    let text = text.replace("off_delay_ms = 1800000", "off_delay_ms = 0");
    std::fs::create_dir_all(setup.folder().join("profiles")).expect("a folder");
    std::fs::write(setup.folder().join("profiles/pump.toml"), text).expect("written");
    let registry = "[[assign]]\ndevice = \"pump-*\"\nprofile = \"pump\"\n";
    std::fs::write(setup.folder().join("registry.toml"), registry).expect("written");
    setup
}

async fn publish(gateway: &RunningGateway, device: &str, messages: &[Outgoing]) {
    let port = gateway.mqtt_port();
    publish_all(device, messages, 50, || Some(port), |_| {}).await;
}

fn api(gateway: &RunningGateway) -> Api {
    Api::new(gateway.http.expect("it has pages"))
}

/// Ten readings at each vibration.
fn pump(device: &str, vibrations: &[f64]) -> Vec<Outgoing> {
    let all = vibrations.iter().flat_map(|v| std::iter::repeat_n(*v, 10)).enumerate();
    let reading = |(i, value): (usize, f64)| {
        let at = START_MS + i as i64 * 2_000;
        let value = value + (i % 7) as f64 * 0.01;
        telemetry("west", device, at, i as u64, "vibration_rms_mm_s", value)
    };
    all.map(reading).collect()
}

#[tokio::test]
async fn the_next_alarm_names_the_repair_of_another_machine_after_a_power_cut_too() {
    let setup = setup();
    let gateway = setup.start();
    publish(&gateway, "pump-1", &pump("pump-1", &[1.0, 5.0, 1.0])).await;
    let first = "alarms/west/pump-1/bearing_wear/1";
    let alarm = api(&gateway).wait_for(first, |a| a["is_active"] == false).await;
    assert_eq!(alarm["similar"], json!([]), "it was the first");
    let ticket = alarm["ticket"].as_str().expect("opened").to_owned();
    let outcome = json!({"outcome": "fault_confirmed", "cause": "inner race", "remedy": "changed", "note": "done"});
    api(&gateway)
        .post(&format!("tickets/{ticket}/close"), outcome)
        .await
        .ok();
    gateway.kill();

    let gateway = setup.start();
    publish(&gateway, "pump-2", &pump("pump-2", &[1.0, 5.1])).await;
    let path = "alarms/west/pump-2/bearing_wear/1";
    let alarm = api(&gateway).wait_for(path, |a| a["is_active"] == true).await;
    let similar = &alarm["similar"][0];
    assert_eq!(
        [&similar["device"], &similar["ticket"], &similar["verdict"]],
        [&json!("pump-1"), &json!(ticket), &json!("fault_confirmed")],
        "{alarm}"
    );
    assert!(similar["likeness"].as_f64() > Some(0.9), "{similar}");
    let own = alarm["ticket"].as_str().expect("opened");
    let shown = api(&gateway).get(&format!("tickets/{own}")).await.ok();
    assert_eq!(shown["similar"], alarm["similar"]);
    gateway.stop();
}

/// Days of a machine whose level creeps by a twentieth of its noise a day after four steady ones; a message for each day.
fn creeping(device: &str, days: std::ops::Range<i64>) -> Vec<Outgoing> {
    let reading = |row: i64| {
        let noise = (row * 7919 % 101) as f64 / 101.0;
        let creep = (row - 4 * DAY_ROWS).max(0) as f64 / DAY_ROWS as f64 * 0.05;
        json!({"ts": START_MS + row * 600_000, "seq": row, "boot": "t1", "metrics": {"oil_level_mm": 50.0 + noise + creep}})
    };
    let day = |day: i64| Outgoing {
        topic: format!("forewarn/west/{device}/telemetry"),
        payload: Value::from_iter((day * DAY_ROWS..(day + 1) * DAY_ROWS).map(reading))
            .to_string()
            .into_bytes(),
    };
    days.map(day).collect()
}

async fn drifts(gateway: &RunningGateway, device: &str) -> Vec<Value> {
    let device = api(gateway).get(&format!("devices/west/{device}")).await.ok();
    device["drifts"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn normal_that_moves_is_told_as_itself_and_neither_lost_nor_doubled_by_power_cuts() {
    let setup = setup();
    let gateway = setup.start();
    publish(&gateway, "tank-1", &creeping("tank-1", 0..90)).await;
    let unbroken = drifts(&gateway, "tank-1").await;
    assert!((1..=4).contains(&unbroken.len()), "{unbroken:?}");
    let moved = unbroken.iter().filter(|d| d["cause"] == "moved").count();
    assert!(moved >= 1, "{unbroken:?}");
    let counted = api(&gateway).metrics().await;
    assert_eq!(counted["forewarn_model_drifts_total{cause=\"moved\"}"], moved as f64);

    let mut gateway = gateway;
    for (from, to) in [(0, 12), (12, 31), (31, 33), (33, 60), (60, 90)] {
        publish(&gateway, "tank-2", &creeping("tank-2", from..to)).await;
        gateway.kill();
        gateway = setup.start();
    }
    assert_eq!(drifts(&gateway, "tank-2").await, unbroken);
    assert_eq!(drifts(&gateway, "tank-1").await, unbroken);
    gateway.stop();
}

/// A reading a minute around a level, in one message for each hour.
fn steady(device: &str, hours: i64, level: f64) -> Vec<Outgoing> {
    let reading = |minute: i64| {
        let value = level + (minute * 7919 % 101) as f64 / 101.0;
        json!({"ts": START_MS + minute * 60_000, "seq": minute, "boot": "t1", "metrics": {"oil_level_mm": value}})
    };
    let hour = |hour: i64| Outgoing {
        topic: format!("forewarn/west/{device}/telemetry"),
        payload: Value::from_iter((hour * 60..(hour + 1) * 60).map(reading))
            .to_string()
            .into_bytes(),
    };
    (0..hours).map(hour).collect()
}

/// How far the only metric of a device is learned, 0 to 1.
async fn learned(gateway: &RunningGateway, device: &str) -> f64 {
    let device = api(gateway).get(&format!("devices/west/{device}")).await.ok();
    device["metrics"][0]["learned"].as_f64().expect("a share")
}

#[tokio::test]
async fn a_new_machine_that_works_like_its_fleet_is_judged_sooner_and_the_same_after_a_power_cut() {
    let setup = setup();
    let gateway = setup.start();
    publish(&gateway, "early", &steady("early", 7, 50.0)).await;
    for tank in ["tank-1", "tank-2", "tank-3"] {
        publish(&gateway, tank, &steady(tank, 75, 50.0)).await;
    }
    // until the states are written down, which is when the fleet hears of them
    let mut number = 0;
    let began = std::time::Instant::now();
    let like_others = loop {
        let device = format!("new-{number}");
        publish(&gateway, &device, &steady(&device, 7, 50.4)).await;
        if learned(&gateway, &device).await == 1.0 {
            break device;
        }
        assert!(began.elapsed().as_secs() < 30, "no new machine has heard of the fleet");
        number += 1;
    };
    publish(&gateway, "odd", &steady("odd", 7, 90.0)).await;
    let early = learned(&gateway, "early").await;
    assert!(early < 0.5, "nobody was there to be compared with: {early}");
    assert_eq!(learned(&gateway, "odd").await, early, "it does not work like them");
    gateway.kill();
    let gateway = setup.start();
    assert_eq!(learned(&gateway, &like_others).await, 1.0);
    assert_eq!(learned(&gateway, "odd").await, early);
    gateway.stop();
}
