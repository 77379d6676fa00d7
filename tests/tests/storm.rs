//! A storm: a whole hall loses its supply at once, and the gateway is killed in the middle of it. One incident, with all its
//! members in the list; a handful of webhooks; and nothing of it is lost or told twice.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::api::Api;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::publisher::{Outgoing, publish_all, telemetry};
use tests::receiver::{Answer, Receiver, check_events};
use tests::wait::wait_for;

const MACHINES: usize = 60;
const START_MS: i64 = 1_760_000_000_000;
/// The most that people may be told within ten minutes, as it is without a word in the configuration.
const NOTICES: usize = 10;

/// A machine that says how high its supply is.
const PROFILE: &str = r#"
profile = "press"
title = { en = "Press", zh = "压力机" }
expected_interval_ms = 1000
impact = 2

[absence]
after_ms = 86400000

[alarm]
raise_after = 1
clear_after = 1
on_delay_ms = 0
off_delay_ms = 0

[metrics.supply_v]
unit = "V"

[[limit]]
id = "supply_low"
metric = "supply_v"
direction = "below"
warning = 180.0
deadband = 10.0
source = "the maker's handbook"

[[failure_mode]]
id = "supply_lost"
title = { en = "Supply lost", zh = "失电" }
any_of = ["supply_low"]
ticket_from = "warning"
action = { en = "Look at the feeder", zh = "检查馈线" }
"#;

fn setup(webhook: &str) -> GatewaySetup {
    let config = format!(
        "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n\
         [alerting.storms]\nwait_s = 2\none_ticket_modes = [\"supply_*\"]\n\
         [[outbound.webhook]]\nname = \"desk\"\nurl = \"{webhook}\"\n\
         events = [\"alarm\", \"incident\", \"summary\"]\n"
    );
    let setup = GatewaySetup::new(&config);
    std::fs::create_dir(setup.folder().join("profiles")).expect("folder made");
    std::fs::write(setup.folder().join("profiles/press.toml"), PROFILE).expect("profile written");
    std::fs::write(
        setup.folder().join("registry.toml"),
        "[[assign]]\nprofile = \"press\"\n",
    )
    .expect("registry written");
    setup
}

/// The same voltage of some machines, a moment apart.
fn supply(machines: std::ops::Range<usize>, step: i64, volts: f64) -> Vec<Outgoing> {
    let at = |machine: usize| START_MS + step * 1_000 + machine as i64 * 10;
    let say = |machine: usize| {
        let device = format!("press-{machine}");
        telemetry("hall", &device, at(machine), step as u64, "supply_v", volts)
    };
    machines.map(say).collect()
}

async fn publish(gateway: &RunningGateway, messages: &[Outgoing]) {
    let port = gateway.mqtt_port();
    publish_all("feeder", messages, 50, || Some(port), |_| {}).await;
}

fn api(gateway: &RunningGateway) -> Api {
    Api::new(gateway.http.expect("it has pages"))
}

/// The machines in the list of an incident's alarms, walked by cursor.
async fn members(api: &Api, incident: &str) -> Vec<String> {
    let (mut members, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api
            .get(&format!("alarms?incident={incident}&limit=25&cursor={cursor}"))
            .await
            .ok();
        let items = page["items"].as_array().expect("a page");
        members.extend(items.iter().map(|a| a["device"].as_str().expect("a name").to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return members,
        }
    }
}

async fn check_members(api: &Api) {
    let members = members(api, "I-000001").await;
    let machines: BTreeSet<String> = (0..MACHINES).map(|machine| format!("press-{machine}")).collect();
    assert_eq!(members.len(), MACHINES, "each once");
    assert_eq!(BTreeSet::from_iter(members), machines);
}

/// What came is no more than a person is to be told; a power cut may have had it sent twice, under the same id.
fn check_few(desk: &Receiver) {
    let received = desk.received();
    check_events(&received);
    let ids: BTreeSet<&str> = received.iter().map(|r| r.id()).collect();
    assert!(ids.len() <= NOTICES, "{ids:#?}");
}

fn has_all(page: &Value) -> bool {
    page["items"][0]["members"] == json!(MACHINES)
}

#[tokio::test]
async fn a_hall_without_supply_is_one_incident_with_all_its_members_and_few_webhooks_over_a_power_cut() {
    let desk = Receiver::start(0, |_, _| Answer::Status(204));
    let setup = setup(&desk.url());
    let gateway = setup.start();
    publish(&gateway, &supply(0..MACHINES, 0, 230.0)).await;
    publish(&gateway, &supply(0..MACHINES / 2, 1, 0.0)).await;
    gateway.kill();

    let gateway = setup.start();
    publish(&gateway, &supply(MACHINES / 2..MACHINES, 1, 0.0)).await;
    let api = api(&gateway);
    let page = api.wait_for("incidents", has_all).await;
    let incident = &page["items"][0];
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "one cause: {page}");
    assert_eq!(
        (&incident["id"], &incident["standing"]),
        (&json!("I-000001"), &json!(MACHINES))
    );
    assert_eq!(incident["cause"]["failure_mode"], "supply_lost");
    check_members(&api).await;
    let alarms = api.get("fleet").await.ok();
    assert_eq!(alarms["active_alarms"], json!(MACHINES), "none is hidden");
    let flood = api.get("floods").await.ok();
    assert_eq!(flood[0]["is_flooded"], true, "{flood}");
    assert_eq!(api.metrics().await["forewarn_incidents_open"], 1.0);
    let tickets = api.get("tickets?open=true").await.ok();
    assert_eq!(tickets["items"].as_array().map(Vec::len), Some(1), "one visit mends it");
    assert_eq!(tickets["items"][0]["id"], incident["ticket"]);

    let is_incident = |event: &Value| event["type"] == "io.forewarn.incident.changed.v1";
    wait_for("the incident to be told", Duration::from_secs(30), || {
        desk.received().iter().any(|r| is_incident(&r.event)).then_some(())
    });
    check_few(&desk);

    // somebody takes charge, and that holds over another cut
    let level = &api.get("incidents/1").await.ok()["response"];
    assert_eq!(level["level"], "major", "{level}");
    api.post("incidents/1/respond", json!({ "note": "on my way" }))
        .await
        .ok();
    assert_eq!(
        api.post("incidents/1/respond", json!({})).await.status,
        409,
        "one is enough"
    );
    gateway.kill();
    let gateway = setup.start();
    let api = self::api(&gateway);
    let answered = &api.get("incidents/1").await.ok()["response"]["responded"];
    assert_eq!(answered["note"], "on my way", "{answered}");
    assert_eq!(
        api.post("incidents/1/handle", json!({})).await.status,
        422,
        "say what was done"
    );
    api.post("incidents/1/handle", json!({ "note": "feeder on" }))
        .await
        .ok();

    // the supply is back
    publish(&gateway, &supply(0..MACHINES, 2, 230.0)).await;
    let over = api.wait_for("incidents?open=false", has_all).await;
    assert_eq!(over["items"][0]["standing"], 0);
    assert_eq!(api.get("incidents").await.ok()["items"], json!([]));
    check_members(&api).await;
    gateway.kill();
    let gateway = setup.start();
    assert_eq!(
        self::api(&gateway).get("incidents/1").await.ok()["state"],
        over["items"][0]["state"]
    );
    gateway.stop();
    check_few(&desk);
}
