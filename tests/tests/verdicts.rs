//! Each verdict of a technician does what docs/service-desk.md says: in the review, in the learned state of the machine and in the
//! labels for training.

use gateway::store::codec::{EntryReader, Record};
use gateway::store::{FILE_NAME, Reader};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tests::api::Api;
use tests::gateway::GatewaySetup;
use tests::publisher::{publish_all, telemetry};
use tests::wait::wait_for;

const START: i64 = 1_760_000_000_000;
const PUMPS: [&str; 5] = ["pump-1", "pump-2", "pump-3", "pump-4", "pump-5"];

fn setup() -> GatewaySetup {
    let config = "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nauto_register = false\n\
                  [alerting.storms]\ncommon_cause_machines = 0\nnotices = 0\n";
    let setup = GatewaySetup::new(config);
    let device = |name: &&str| format!("[[device]]\nsite = \"north\"\ndevice = \"{name}\"\nprofile = \"pump\"\n");
    let registry: String = PUMPS.iter().map(device).collect();
    std::fs::write(setup.folder().join("registry.toml"), registry).expect("written");
    setup
}

/// Machine and failure mode of every repair in the journal.
fn repairs(setup: &GatewaySetup) -> BTreeSet<(String, String)> {
    let reader = Reader::open(&setup.data().join(FILE_NAME)).expect("opens");
    let devices = reader.devices().expect("reads");
    let name = |index| {
        devices
            .iter()
            .find(|d| d.index == index)
            .map(|d| d.key.device.to_string())
    };
    let mut found = BTreeSet::new();
    for (_, entry) in reader.journal_after(0, usize::MAX).expect("reads") {
        let mut records = EntryReader::new(&entry).expect("whole");
        while let Some(record) = records.next().expect("whole") {
            if let Record::Repaired {
                device, failure_mode, ..
            } = record
            {
                found.insert((name(device).expect("known"), failure_mode.to_owned()));
            }
        }
    }
    found
}

#[tokio::test]
async fn each_verdict_counts_repairs_and_labels_as_it_is_documented() {
    let setup = setup();
    let gateway = setup.start();
    let api = Api::new(gateway.http.expect("it has pages"));
    for pump in PUMPS {
        let velocity = |i: i64| if i < 100 { 1.2 } else { 6.0 };
        let message = |i: i64| {
            let at = START + i * 2_000;
            telemetry("north", pump, at, i as u64, "vibration_rms_mm_s", velocity(i))
        };
        let messages: Vec<_> = (0..300).map(message).collect();
        publish_all(pump, &messages, 50, || Some(gateway.mqtt_port()), |_| {}).await;
    }
    let all = |list: &Value| list["items"].as_array().is_some_and(|all| all.len() == PUMPS.len());
    let tickets = api.wait_for("tickets", all).await;
    let found = json!({"cause": "no grease", "remedy": "new bearing"});
    let verdicts = [
        ("pump-1", json!({"outcome": "fault_confirmed"})),
        ("pump-2", json!({"outcome": "prevented"})),
        (
            "pump-3",
            json!({"outcome": "different_fault", "failure_mode": "cavitation"}),
        ),
        ("pump-4", json!({"outcome": "no_fault_found"})),
        ("pump-5", json!({"outcome": "other", "note": "sold"})),
    ];
    for (pump, mut body) in verdicts {
        let items = tickets["items"].as_array().expect("a list");
        let ticket = items.iter().find(|t| t["device"] == pump).expect("its ticket");
        let id = ticket["id"].as_str().expect("an id");
        if ["pump-1", "pump-2", "pump-3"].contains(&pump) {
            body["cause"] = found["cause"].clone();
            body["remedy"] = found["remedy"].clone();
        }
        api.post(&format!("tickets/{id}/close"), body).await.ok();
        let taught = api.post(&format!("tickets/{id}/knowledge"), json!({})).await.status;
        let is_fault = !["pump-4", "pump-5"].contains(&pump);
        assert_eq!(taught, if is_fault { 200 } else { 409 }, "{pump}");
    }
    // confirmed and prevented say the same and are one entry; the other fault has its own
    let entries = api.get("knowledge?state=draft").await.ok();
    let mut proofs: Vec<_> = entries["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|e| {
            (
                e["failure_mode"].as_str().expect("a mode"),
                e["ticket_count"].as_u64().expect("a count"),
            )
        })
        .collect();
    proofs.sort_unstable();
    assert_eq!(proofs, [("bearing_wear", 2), ("cavitation", 1)]);

    // a right warning, a right warning, right for the machine and wrong for the mode, a false alarm, neither
    let review = api.get("review").await.ok();
    let figure = |key: &str| {
        let all = review["figures"].as_array().expect("a list");
        let figure = all.iter().find(|f| f["key"] == key).expect("the figure");
        (figure["part"].clone(), figure["of"].clone())
    };
    assert_eq!(figure("warning_precision"), (json!(3), json!(4)));
    let by_mode = json!([{"of_what": "bearing_wear", "part": 2, "of": 4}]);
    assert_eq!(review["by_mode"], by_mode);
    let table = api.get("review/rules").await.ok();
    let [rule] = &table["rules"].as_array().expect("a list")[..] else {
        panic!("{table}")
    };
    let counts = [
        "warnings",
        "judged",
        "right",
        "right_mode",
        "false_alarms",
        "failures",
        "failures_warned",
    ];
    let counted: Vec<u64> = counts.iter().map(|key| rule[key].as_u64().expect("a count")).collect();
    assert_eq!(
        (counted, &rule["rule"]),
        (vec![5, 4, 3, 2, 1, 2, 2], &json!("vibration_zone"))
    );
    assert!(rule["is_too_few"] == true && rule["precision_low"].as_f64() < Some(0.75));

    // the machine forgets what it learned before a repair, and only then
    let mended = [
        ("pump-1", "bearing_wear"),
        ("pump-2", "bearing_wear"),
        ("pump-3", "cavitation"),
    ];
    let mended: BTreeSet<_> = mended.iter().map(|(d, m)| ((*d).to_owned(), (*m).to_owned())).collect();
    let patience = Duration::from_secs(30);
    wait_for("three repairs in the journal", patience, || {
        (repairs(&setup).len() >= 3).then_some(())
    });
    assert_eq!(repairs(&setup), mended);
    gateway.stop();

    // labels for training are the faults that were there, each under its own name
    let labels = setup.output(&["history", "labels", "--data", "data"]);
    let mut lines = labels.lines();
    assert_eq!(lines.next(), Some("device,from,to,failure_mode"));
    let labelled: BTreeSet<_> = lines
        .map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            assert!(cells[1] < cells[2], "{line}");
            (
                cells[0].rsplit('/').next().expect("a name").to_owned(),
                cells[3].to_owned(),
            )
        })
        .collect();
    assert_eq!(labelled, mended);
}
