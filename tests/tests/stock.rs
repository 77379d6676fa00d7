//! Spare parts over the HTTP API and over kills: a pump degrades, its bearing is foretold, kept back for its ticket where the engineer
//! finds it, and booked out once when it was used.

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::api::Api;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::publisher::{publish_all, telemetry};
use tests::receiver::{Answer, Receiver};
use tests::wait::wait_for;

const CONFIG: &str = "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nauto_register = false\n\
                      [dispatch]\nengineers = \"engineers.toml\"\nparts = \"parts.toml\"\n";
const REGISTRY: &str = "[[site]]\nname = \"north\"\nregion = \"berlin\"\n\
                        [[device]]\nsite = \"north\"\ndevice = \"pump-1\"\nprofile = \"pump\"\n";
const ENGINEERS: &str = "[[engineer]]\nname = \"near\"\nskills = [\"mechanical\"]\nregion = \"berlin\"\n\
                         van = { \"bearing 6205-2RS\" = 1 }\n[[engineer]]\nname = \"far\"\nskills = [\"mechanical\"]\n";
const PARTS: &str = "[[part]]\nnumber = \"bearing 6205-2RS\"\nreorder_point = 4\nlead_time_days = 14\ncentral = 2\n\
                     regions = { berlin = 1 }\n[[part]]\nnumber = \"grease\"\nlead_time_days = 3\n";
const BEARING: &str = "bearing 6205-2RS";
const START: i64 = 1_760_000_000_000;

async fn started(setup: &GatewaySetup) -> (RunningGateway, Api) {
    let gateway = setup.start();
    let api = Api::new(gateway.http.expect("it has pages"));
    (gateway, api)
}

/// Counts of the bearing: place, on hand, kept back.
async fn bearings(api: &Api) -> Vec<(String, u64, u64)> {
    let found = api
        .get(&format!("stock?part={}", BEARING.replace(' ', "%20")))
        .await
        .ok();
    let counts = found["items"].as_array().expect("a list").iter();
    let count = |level: &Value, key: &str| level[key].as_u64().expect("a number");
    counts
        .map(|l| {
            let place = l["location"].as_str().expect("a place").to_owned();
            (place, count(l, "on_hand"), count(l, "reserved"))
        })
        .collect()
}

fn counts(expected: [(&str, u64, u64); 3]) -> Vec<(String, u64, u64)> {
    expected
        .map(|(place, on_hand, reserved)| (place.to_owned(), on_hand, reserved))
        .to_vec()
}

async fn forecast_of(api: &Api, part: &str) -> Value {
    let found = api.get("stock/forecast").await.ok();
    let mut all = found["items"].as_array().expect("a list").iter();
    all.find(|f| f["part"] == part).expect("kept in stock").clone()
}

fn said(proposals: &Value, who: &str) -> Vec<String> {
    let mut all = proposals.as_array().expect("a list").iter();
    let own = all.find(|p| p["engineer"] == who).expect("proposed");
    let reasons = own["reasons"].as_array().expect("a list");
    reasons
        .iter()
        .filter_map(|r| r["en"].as_str().map(str::to_owned))
        .collect()
}

fn part_of<'a>(ticket: &'a Value, part: &str) -> &'a Value {
    let mut lines = ticket["stock"].as_array().expect("a list").iter();
    lines.find(|line| line["part"] == part).expect("needed")
}

#[tokio::test]
async fn the_bearing_of_a_worn_pump_is_foretold_kept_back_and_booked_out_once_over_kills() {
    let setup = GatewaySetup::new(CONFIG);
    for (file, text) in [
        ("registry.toml", REGISTRY),
        ("engineers.toml", ENGINEERS),
        ("parts.toml", PARTS),
    ] {
        std::fs::write(setup.folder().join(file), text).expect("written");
    }
    let (gateway, api) = started(&setup).await;
    let at_first = [("central", 2, 0), ("region/berlin", 1, 0), ("van/near", 1, 0)];
    assert_eq!(bearings(&api).await, counts(at_first));
    let quiet = forecast_of(&api, BEARING).await;
    assert_eq!(
        (&quiet["is_low"], &quiet["order_quantity"]),
        (&json!(false), &json!(0)),
        "{quiet}"
    );

    // the pump wears out
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

    let foretold = forecast_of(&api, BEARING).await;
    assert_eq!(foretold["is_low"], true, "{foretold}");
    assert_eq!(
        (&foretold["foretold"], &foretold["order_quantity"]),
        (&json!(1.0), &json!(1))
    );
    assert_eq!(foretold["causes"][0]["device"], "pump-1", "{foretold}");
    assert_eq!(foretold["causes"][0]["ticket"], "T-000001", "{foretold}");
    let low = api.get("stock/forecast?low=true").await.ok();
    let first = low["items"][0]["part"].as_str();
    assert!(first == Some(BEARING) || first == Some("grease"), "{low}");

    // who has it on the van is known before anybody travels
    let proposals = api.get("tickets/T-000001/dispatch").await.ok();
    let on_van = said(&proposals, "near");
    assert!(on_van.contains(&format!("on the van: {BEARING}")), "{on_van:?}");
    assert!(
        on_van.contains(&"nowhere in reach, 3 days to order: grease".to_owned()),
        "{on_van:?}"
    );
    let other = said(&proposals, "far");
    assert!(
        other.contains(&format!("in the region's stock: {BEARING}")),
        "{other:?}"
    );

    let given = json!({"assignee": "near", "override_reason": "has the bearing"});
    let ticket = api.post("tickets/T-000001/assign", given).await.ok();
    let kept = json!([{"location": "van/near", "quantity": 1}]);
    assert_eq!(part_of(&ticket, BEARING)["reserved"], kept, "{ticket}");
    assert_eq!(part_of(&ticket, "grease")["missing"], 1, "{ticket}");
    let after = forecast_of(&api, BEARING).await;
    assert_eq!(
        (&after["foretold"], &after["projected"]),
        (&json!(0.0), &json!(3.0)),
        "{after}"
    );
    let holds = &after["causes"][0];
    assert_eq!(
        (&holds["ticket"], &holds["reserved"]),
        (&json!("T-000001"), &json!(1)),
        "{after}"
    );
    gateway.kill();

    let (gateway, api) = started(&setup).await;
    let on_van = [("central", 2, 0), ("region/berlin", 1, 0), ("van/near", 1, 1)];
    assert_eq!(bearings(&api).await, counts(on_van));
    let away = json!({"kind": "count", "part": BEARING, "location": "van/near", "quantity": 0, "reason": "lost"});
    let refused = api.post("stock/movements", away).await;
    assert_eq!(refused.status, 409, "{refused:?}");

    // somebody else goes after all, and takes it from the region
    let given = json!({"assignee": "far", "override_reason": "near is ill"});
    let ticket = api.post("tickets/T-000001/assign", given).await.ok();
    let kept = json!([{"location": "region/berlin", "quantity": 1}]);
    assert_eq!(part_of(&ticket, BEARING)["reserved"], kept, "{ticket}");
    let grease =
        json!({"kind": "receive", "part": "grease", "location": "central", "quantity": 2, "reason": "delivered"});
    api.post("stock/movements", grease).await.ok();
    let wanted = json!({"part": "Grease", "quantity": 1});
    let ticket = api.post("tickets/T-000001/reservations", wanted).await.ok();
    let grease = part_of(&ticket, "grease");
    assert_eq!(
        (&grease["reserved"][0]["location"], &grease["missing"]),
        (&json!("central"), &json!(0))
    );

    let done = json!({"outcome": "fault_confirmed", "cause": "worn", "parts": [BEARING]});
    let ticket = api.post("tickets/T-000001/close", done).await.ok();
    let used = [("central", 2, 0), ("region/berlin", 0, 0), ("van/near", 1, 0)];
    assert_eq!(bearings(&api).await, counts(used), "{ticket}");
    let let_go = api.get("stock?part=grease").await.ok();
    assert_eq!(
        (&let_go["items"][0]["on_hand"], &let_go["items"][0]["reserved"]),
        (&json!(2), &json!(0))
    );
    gateway.kill();

    // the same part, written down once more afterwards, is the same part
    let (gateway, api) = started(&setup).await;
    assert_eq!(bearings(&api).await, counts(used));
    let work = json!({"write": "part", "part": BEARING, "quantity": 1});
    let ticket = api.post("tickets/T-000001/work", work).await.ok();
    assert_eq!(part_of(&ticket, BEARING)["used"], 1, "{ticket}");
    assert_eq!(bearings(&api).await, counts(used));
    let rate = forecast_of(&api, BEARING).await;
    assert!(rate["unforeseen"].as_f64().is_some_and(|pieces| pieces > 0.0), "{rate}");

    let audit = api.get("audit?limit=1000").await.ok();
    let lines = audit["items"].as_array().expect("a list").iter();
    let of = |action: &str| lines.clone().filter(|line| line["action"] == action).count();
    assert_eq!(
        (of("stock.reserved"), of("stock.used"), of("stock.received")),
        (3, 1, 1),
        "{audit}"
    );
    gateway.kill();
}

#[tokio::test]
async fn a_part_that_is_low_is_told_once_however_often_the_gateway_is_killed() {
    let receiver = Receiver::start(0, |_, _| Answer::Status(204));
    let hook = format!(
        "[outbound]\n[[outbound.webhook]]\nname = \"buyers\"\nurl = \"{}\"\nevents = [\"parts\"]\n",
        receiver.url()
    );
    let setup = GatewaySetup::new(&format!("{CONFIG}{hook}"));
    let parts = PARTS.replace("reorder_point = 4", "reorder_point = 9");
    for (file, text) in [
        ("registry.toml", REGISTRY),
        ("engineers.toml", ENGINEERS),
        ("parts.toml", parts.as_str()),
    ] {
        std::fs::write(setup.folder().join(file), text).expect("written");
    }
    for _ in 0..3 {
        let (gateway, api) = started(&setup).await;
        wait_for("the notice", Duration::from_secs(30), || {
            (!receiver.received().is_empty()).then_some(())
        });
        let audit = api.get("audit?limit=1000").await.ok();
        let lines = audit["items"].as_array().expect("a list").iter();
        assert_eq!(lines.filter(|line| line["action"] == "stock.low").count(), 1, "{audit}");
        gateway.kill();
    }
    let told = receiver.received();
    let events: BTreeSet<&str> = told.iter().map(|r| r.id()).collect();
    assert_eq!(events.len(), 1, "{told:?}");
    let event = &told[0].event;
    assert_eq!(event["type"], "io.forewarn.parts.low.v1");
    let part = &event["data"]["parts"][0];
    assert_eq!(
        (&part["part"], &part["on_hand"], &part["order_quantity"]),
        (&json!(BEARING), &json!(4), &json!(5))
    );
}
