//! A gateway dies, and with it everything behind it falls silent: one incident of the gateway, seen in the tree of the site.

use serde_json::{Value, json};
use std::time::Duration;
use tests::api::Api;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::publisher::{Outgoing, publish_all};

const PRESSES: usize = 6;

/// Silent for three seconds is silent.
const PROFILE: &str = r#"
profile = "press"
title = { en = "Press", zh = "压力机" }
expected_interval_ms = 500

[absence]
after_ms = 3000

[metrics.supply_v]
unit = "V"

[[limit]]
id = "supply_low"
metric = "supply_v"
direction = "below"
warning = 180.0
source = "the maker's handbook"

[[failure_mode]]
id = "supply_lost"
title = { en = "Supply lost", zh = "失电" }
any_of = ["supply_low"]
part = "feeder"
"#;

const REGISTRY: &str = r#"
[[site]]
name = "hall"
region = "east"

[[device]]
site = "hall"
device = "box-1"
profile = "press"
parent = "router"

[[assign]]
device = "press-*"
profile = "press"
parent = "box-1"

[[assign]]
profile = "press"
"#;

fn setup(registry: &str) -> GatewaySetup {
    let config =
        "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n";
    let setup = GatewaySetup::new(config);
    std::fs::create_dir(setup.folder().join("profiles")).expect("folder made");
    std::fs::write(setup.folder().join("profiles/press.toml"), PROFILE).expect("profile written");
    std::fs::write(setup.folder().join("registry.toml"), registry).expect("registry written");
    setup
}

/// One reading without a time of its own, so that it is as of its arrival.
fn heard(device: &str) -> Outgoing {
    Outgoing {
        topic: format!("forewarn/hall/{device}/telemetry"),
        payload: json!({ "metrics": { "supply_v": 230.0 } }).to_string().into_bytes(),
    }
}

async fn publish(gateway: &RunningGateway, messages: &[Outgoing]) {
    let port = gateway.mqtt_port();
    publish_all("feeder", messages, 50, || Some(port), |_| {}).await;
}

fn api(gateway: &RunningGateway) -> Api {
    Api::new(gateway.http.expect("it has pages"))
}

/// Names, levels and how many hang on each, from the top.
fn shape(tree: &Value) -> Vec<(String, u64, u64)> {
    let items = tree["items"].as_array().expect("a page").iter();
    items
        .map(|n| {
            let number = |key: &str| n[key].as_u64().expect("a number");
            (
                n["device"].as_str().expect("a name").to_owned(),
                number("level"),
                number("below"),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_dead_gateway_is_one_incident_and_stands_in_the_tree_above_what_hangs_on_it() {
    let setup = setup(REGISTRY);
    let gateway = setup.start();
    let presses: Vec<String> = (0..PRESSES).map(|i| format!("press-{i}")).collect();
    let mut all: Vec<Outgoing> = presses.iter().map(|p| heard(p)).collect();
    all.extend([heard("box-1"), heard("lone")]);
    publish(&gateway, &all).await;

    let api = api(&gateway);
    let tree = api.get("topology/hall").await.ok();
    let mut expected = vec![
        ("lone".to_owned(), 0, 0),
        ("router".to_owned(), 0, PRESSES as u64 + 1),
        ("box-1".to_owned(), 1, PRESSES as u64),
    ];
    expected.extend(presses.iter().map(|p| (p.clone(), 2, 0)));
    assert_eq!(shape(&tree), expected);
    assert_eq!(
        tree["items"][1]["connectivity"], "unknown",
        "the router never sent anything"
    );
    assert_eq!(tree["items"][2]["parts"][0]["part"], "feeder");
    let sites = api.get("topology").await.ok();
    assert_eq!(
        (&sites[0]["site"], &sites[0]["region"]),
        (&json!("hall"), &json!("east"))
    );
    assert_eq!(sites[0]["devices"], json!(PRESSES + 2));

    // all but one are silent from now on
    let mut incident = Value::Null;
    for _ in 0..120 {
        publish(&gateway, &[heard("lone")]).await;
        tokio::time::sleep(Duration::from_millis(250)).await;
        let page = api.get("incidents").await.ok();
        incident = page["items"][0].clone();
        if incident["cause"]["is"] == "parent_down" && incident["standing"].as_u64() >= Some(PRESSES as u64) {
            assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "{page:#}");
            break;
        }
    }
    assert_eq!(
        incident["cause"],
        json!({ "is": "parent_down", "parent": "hall/box-1" }),
        "{incident:#}"
    );
    let press = api.get("devices/hall/press-3").await.ok();
    assert_eq!(press["parent"], "box-1");
    let hidden = &press["alarms"][0]["suppressed"]["en"];
    assert_eq!(hidden, "hall/box-1 is down, and this hangs on it");
    let box_1 = api.get("devices/hall/box-1").await.ok();
    assert_eq!(
        (&box_1["parent"], &box_1["carries"]),
        (&json!("router"), &json!(PRESSES))
    );
    let tree = api.get("topology/hall?limit=1").await.ok();
    assert_eq!(tree["items"][0]["device"], "router", "what is wrong comes first");
    assert_eq!(tree["items"][0]["below_away"], json!(PRESSES + 1));

    gateway.kill();
    let gateway = setup.start();
    let after = Api::new(gateway.http.expect("it has pages"))
        .get("incidents")
        .await
        .ok();
    assert_eq!(after["items"][0]["id"], incident["id"]);
    assert_eq!(after["items"][0]["cause"], incident["cause"]);
    gateway.stop();
}

#[tokio::test]
async fn a_circle_in_the_registry_is_refused_with_its_line() {
    let setup = setup(
        "[[device]]\nsite = \"hall\"\ndevice = \"a\"\nprofile = \"press\"\nparent = \"b\"\n\n[[device]]\nsite = \"hall\"\ndevice = \"b\"\nprofile = \"press\"\nparent = \"a\"\n",
    );
    let checked = setup
        .command(&["check", "--config", "forewarn.toml"])
        .output()
        .expect("it runs");
    assert!(!checked.status.success());
    let refused = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        refused.contains("registry.toml") && refused.contains("5:") && refused.contains("hangs on itself"),
        "{refused}"
    );
}
