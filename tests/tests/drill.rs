//! A drill against a running gateway, as its user runs it: marked machines over real MQTT, every step timed, the real receiver
//! silent, no figure changed, and nothing left behind.

use serde_json::{Value, json};
use std::process::Command;
use tests::gateway::program;
use tests::hall::Hall;
use tests::outcome::deliveries;

fn drill(hall: &Hall, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program("forewarn"))
        .args(["drill", "--gateway", &hall.pages(), "--mqtt", &hall.mqtt()])
        .args(arguments)
        .output()
        .expect("it starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout) + &text(&output.stderr))
}

fn step<'r>(report: &'r Value, what: &str) -> &'r Value {
    let mut steps = report["steps"].as_array().expect("steps").iter();
    let found = steps.find(|step| step["what"].as_str().is_some_and(|said| said.contains(what)));
    found.unwrap_or_else(|| panic!("no step {what}: {report}"))
}

#[tokio::test]
async fn a_worn_bearing_is_rehearsed_and_nobody_is_told_and_nothing_is_counted_or_left() {
    let hall =
        Hall::open("[[outbound.webhook]]\nname = \"trainer\"\nurl = \"http://127.0.0.1:9/drills\"\ndrills = true\n");
    let page = hall.setup.folder().join("drill.html");
    let report = page.to_str().expect("a path");
    let (is_good, said) = drill(&hall, &["--scenario", "device_fault", "--json", "--report", report]);
    let json = said
        .split_once("}\n")
        .map_or(said.as_str(), |_| &said[..said.rfind("\n}\n").expect("JSON") + 2]);
    let report: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert!(is_good, "{said}");
    assert_eq!(step(&report, "every reading is acknowledged")["verdict"], "in_time");
    assert!(
        step(&report, "an alarm bearing_wear")["detail"]
            .as_str()
            .is_some_and(|d| d.contains("2.8") || d.contains("4.5")),
        "{report}"
    );
    assert!(
        step(&report, "a ticket about")["detail"]
            .as_str()
            .is_some_and(|d| d.contains("DRILL")),
        "{report}"
    );
    step(&report, "after the repair all alarms return");
    // the first notice is timed, though nobody is told; the next level is an hour away and left out
    let notice = step(&report, "the first notice about bearing_wear");
    assert_eq!(notice["verdict"], "in_time", "{notice}");
    let said_to = notice["detail"].as_str().expect("a sentence");
    assert!(
        said_to.contains("webhook:desk") && said_to.contains("webhook:trainer"),
        "{notice}"
    );
    assert_eq!(step(&report, "the next level")["verdict"], "not_tried");
    let phases = ["prepare", "prevent", "respond", "recover"];
    let steps = report["steps"].as_array().expect("steps");
    assert!(
        phases
            .iter()
            .all(|phase| steps.iter().any(|step| step["phase"] == *phase)),
        "{report}"
    );
    // it is written down, and says what is due
    let drills = hall.api().get("drills").await.ok();
    let held = (
        &drills["held"][0]["scenario"],
        &drills["held"][0]["is_good"],
        &drills["is_due"],
        &drills["next"],
    );
    assert_eq!(
        held,
        (&json!("device_fault"), &json!(true), &json!(false), &json!("bad_link"))
    );
    let (_, listed) = drill(&hall, &["--list"]);
    assert!(
        listed.contains("last drilled: 20") && listed.contains("next: bad_link, before"),
        "{listed}"
    );
    assert!(
        std::fs::read_to_string(page)
            .expect("written")
            .contains("All went as it should.")
    );

    // the real receiver heard nothing, the one for drills has its messages
    assert_eq!(hall.told.received().len(), 0);
    let waiting = deliveries(&hall.setup, "waiting");
    assert!(
        waiting.iter().any(|(target, _)| target == "webhook:trainer"),
        "{waiting:?}"
    );
    assert!(
        waiting.iter().all(|(target, _)| target != "webhook:desk"),
        "{waiting:?}"
    );
    // no figure counts it
    let review = hall.api().get("review").await.ok();
    for figure in review["figures"].as_array().expect("figures") {
        if ["tickets_opened", "tickets_closed", "alarms_raised"].contains(&figure["key"].as_str().expect("a key")) {
            assert_eq!(figure["value"], json!(0.0), "{figure}");
        }
    }
    // nothing is left open
    assert_eq!(hall.list("tickets?open=true").await, Vec::<Value>::new());
    let active = hall.list("alarms").await;
    assert!(
        active.iter().all(|alarm| alarm["failure_mode"] != "bearing_wear"),
        "{active:?}"
    );
    hall.close();
}

#[tokio::test]
async fn a_bad_link_raises_nothing_and_what_cannot_be_done_is_said() {
    let hall = Hall::open("");
    let (is_good, said) = drill(&hall, &["--scenario", "bad_link"]);
    assert!(is_good && said.contains("All went as it should."), "{said}");
    let (_, listed) = drill(&hall, &["--list"]);
    assert!(listed.contains("last drilled: never"), "{listed}");
    assert!(
        ["device_fault", "bad_link", "mass_failure"]
            .iter()
            .all(|name| listed.contains(name)),
        "{listed}"
    );
    let (is_good, said) = drill(&hall, &["--scenario", "flood"]);
    assert!(
        !is_good && said.contains("neither a file nor one of device_fault"),
        "{said}"
    );
    let real = hall.setup.folder().join("real.toml");
    std::fs::write(&real, "name = \"x\"\nkind = \"x\"\ntitle = \"x\"\nshows = \"x\"\nminutes = 1\ncalm_minutes = 1\n[fleet]\nseed = 1\n[[fleet.site]]\nname = \"hall\"\npump = 1\n")
        .expect("written");
    let (is_good, said) = drill(&hall, &["--scenario", real.to_str().expect("a path")]);
    assert!(
        !is_good && said.contains("names of drills begin with `drill-`"),
        "{said}"
    );
    hall.close();
}

#[tokio::test]
async fn under_a_faster_clock_the_next_level_is_waited_for_and_timed() {
    let now = gateway::clock::Clock::System.now();
    let hall = Hall::open_at(
        "[[alerting.escalation]]\nname = \"service\"\nlevels = [\n\
         { tell = [\"person:zhao\"], answer_within_min = 5 },\n\
         { tell = [\"person:wang\"], answer_within_min = 60 },\n]\n",
        // a minute passes in two seconds
        Some(&format!("{now}*30")),
    );
    let (_, said) = drill(&hall, &["--scenario", "device_fault"]);
    let told = said
        .lines()
        .skip_while(|line| !line.contains("the next level is told when nobody answers"));
    let lines: Vec<&str> = told.take(2).collect();
    assert!(lines.len() == 2 && lines[0].contains("in time"), "{said}");
    assert!(lines[1].contains("wang"), "{said}");
    hall.close();
}
