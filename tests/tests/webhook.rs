//! What leaves: each change reaches each receiver whatever the receiver does, under one id; what stays on a topic is the latest
//! word; tokens stay secret.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tests::gateway::GatewaySetup;
use tests::load::{Load, Sending};
use tests::outcome::{Outcome, deliveries};
use tests::outside::{Mosquitto, free_port, is_installed};
use tests::receiver::{Answer, Received, Receiver, check_events};
use tests::wait::wait_for;
use tests::watcher::{Heard, Watcher};

const DEADLINE: Duration = Duration::from_secs(60);
const MESSAGES: usize = 800;
const TOPICS: [&str; 2] = ["forewarn/+/+/alarm", "forewarn/+/+/service"];

fn setup(config: &str) -> GatewaySetup {
    // every change is told, however many there are
    let common = "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n\
                  [alerting.storms]\nnotices = 0\n";
    let setup = GatewaySetup::new(&format!("{common}{config}"));
    Load::write_profiles(setup.folder());
    setup
}

fn webhook(name: &str, url: &str, more: &str) -> String {
    format!("[[outbound.webhook]]\nname = \"{name}\"\nurl = \"{url}\"\nwants_everything = true\n{more}\n")
}

/// Sends the whole load to a gateway.
fn send(port: u16) {
    let sending = Sending::start(&Load::new(7, MESSAGES), 20);
    sending.connect_to(port);
    sending.finish(DEADLINE);
}

fn ids(received: &[Received]) -> BTreeSet<String> {
    received.iter().map(|r| r.id().to_owned()).collect()
}

fn accepted(received: &[Received]) -> Vec<Received> {
    let is_accepted = |r: &&Received| r.answer == Answer::Status(204);
    received.iter().filter(is_accepted).cloned().collect()
}

fn wait_until_delivered(setup: &GatewaySetup) {
    wait_for("everything to be delivered", DEADLINE, || {
        deliveries(setup, "waiting").is_empty().then_some(())
    });
}

#[test]
fn every_change_arrives_whatever_a_receiver_does_and_tokens_stay_secret() {
    let tried_before = |event: &Value, before: &[Received]| before.iter().any(|r| r.event["id"] == event["id"]);
    let failing = Receiver::start(0, move |event, before| {
        Answer::Status(if tried_before(event, before) { 204 } else { 500 })
    });
    let busy = Receiver::start(0, |_, before| match before.is_empty() {
        true => Answer::TooMany(3),
        false => Answer::Status(204),
    });
    let picky = Receiver::start(0, |_, before| {
        Answer::Status([410, 400].get(before.len()).copied().unwrap_or(204))
    });
    let hanging = Receiver::start(0, |_, before| match before.len() {
        0 | 1 => Answer::Hang(Duration::from_secs(5)),
        _ => Answer::Status(204),
    });
    let late_port = free_port();
    let late_url = format!("http://127.0.0.1:{late_port}/hook");
    let token = "token = \"Zk7-secret-token\"";
    let config = [
        webhook("failing", &failing.url(), token),
        webhook("busy", &busy.url(), ""),
        webhook("picky", &picky.url(), ""),
        webhook("hanging", &hanging.url(), "timeout_ms = 300"),
        webhook("late", &late_url, token),
    ];
    let mut setup = setup(&config.concat());
    setup.set("FOREWARN_LOG", "trace");
    let gateway = setup.start();
    send(gateway.mqtt_port());
    wait_for("the receiver that is down to be tried", DEADLINE, || {
        let database = rusqlite::Connection::open(setup.data().join("forewarn.db")).expect("opens");
        let tried = "SELECT count(*) FROM outbox WHERE target = 'webhook:late' AND attempts > 0";
        let tried: i64 = database.query_row(tried, [], |row| row.get(0)).expect("counts");
        (tried > 0).then_some(())
    });
    let late = Receiver::start(late_port, |_, _| Answer::Status(204));
    wait_until_delivered(&setup);
    let dead = deliveries(&setup, "dead");
    gateway.stop();

    let outcome = Outcome::read(&setup);
    let all = ids(&failing.received());
    let (services, changes): (BTreeSet<String>, BTreeSet<String>) =
        all.iter().cloned().partition(|id| id.ends_with("/service"));
    assert_eq!(changes, outcome.event_ids());
    assert!(
        services.len() >= outcome.tickets.len(),
        "each ticket begins a service: {services:?}"
    );
    for receiver in [&failing, &busy, &picky, &hanging, &late] {
        let received = receiver.received();
        check_events(&received);
        let accepted = accepted(&received);
        assert_eq!(
            accepted.len(),
            ids(&accepted).len(),
            "what was accepted is not sent again"
        );
        if !std::ptr::eq(receiver, &picky) {
            assert_eq!(ids(&accepted), all);
        }
    }
    let tries = failing.received();
    assert_eq!(tries.len(), 2 * all.len(), "each failed once and arrived once");
    assert!(
        tries
            .iter()
            .chain(&late.received())
            .all(|r| r.authorization.as_deref() == Some("Bearer Zk7-secret-token"))
    );
    let tries = busy.received();
    let again = tries
        .iter()
        .skip(1)
        .find(|r| r.id() == tries[0].id())
        .expect("it came again");
    assert!(
        again.at - tries[0].at > Duration::from_millis(2_500),
        "after {:?}, not 3 s",
        again.at - tries[0].at
    );
    assert!(busy.received().iter().all(|r| r.authorization.is_none()));
    let refused: BTreeSet<String> = picky.received()[..2].iter().map(|r| r.id().to_owned()).collect();
    assert_eq!(refused.len(), 2);
    assert_eq!(
        ids(&accepted(&picky.received())),
        all.difference(&refused).cloned().collect()
    );
    let dead: BTreeSet<(String, String)> = dead.into_iter().collect();
    assert_eq!(
        dead,
        refused.into_iter().map(|id| ("webhook:picky".to_owned(), id)).collect()
    );
    let log = setup.log();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is detailed");
    assert!(!log.contains("Zk7-secret-token"), "the token is in the log");
}

#[test]
fn a_long_queue_for_a_receiver_that_hangs_does_not_hold_up_the_others() {
    let hanging = Receiver::start(0, |_, _| Answer::Hang(Duration::from_secs(20)));
    let prompt = Receiver::start(0, |_, _| Answer::Status(204));
    let setup = setup(
        &[
            webhook("hanging", &hanging.url(), ""),
            webhook("prompt", &prompt.url(), ""),
        ]
        .concat(),
    );
    setup.start().stop();
    let database = rusqlite::Connection::open(setup.data().join("forewarn.db")).expect("opens");
    let order = "INSERT INTO outbox (target, key, kind, subject, payload, created_at, next_attempt_at) VALUES (?, ?, 'k', 's', ?, 0, 0)";
    let targets = std::iter::repeat_n("webhook:hanging", 1_500).chain(["webhook:prompt"]);
    for (number, target) in targets.enumerate() {
        let payload = format!("{{\"id\":\"e{number}\"}}");
        database
            .execute(order, (target, format!("e{number}"), payload))
            .expect("inserts");
    }
    let _gateway = setup.start();
    wait_for("the prompt receiver", Duration::from_secs(8), || {
        (prompt.received().len() == 1).then_some(())
    });
}

/// The messages of a topic kind, by device.
fn by_topic(heard: &[Heard], kind: &str) -> BTreeMap<String, Vec<Value>> {
    let mut topics: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for one in heard.iter().filter(|h| h.topic.ends_with(kind)) {
        topics.entry(one.topic.clone()).or_default().push(one.message.clone());
    }
    topics
}

/// Alarm messages followed live are each change once, in order, and what stays is the last of them.
fn check_alarm_topics(live: &[Heard], retained: &[Heard], outcome: &Outcome) {
    let live = by_topic(live, "/alarm");
    let mut changes: BTreeMap<&str, u64> = BTreeMap::new();
    for messages in live.values() {
        let times: Vec<i64> = messages
            .iter()
            .map(|m| m["measured_at"].as_i64().expect("a time"))
            .collect();
        assert!(times.is_sorted(), "out of order: {messages:#?}");
        for message in messages {
            *changes.entry(message["alarm_id"].as_str().expect("an id")).or_default() += 1;
        }
        let different: BTreeSet<String> = messages.iter().map(Value::to_string).collect();
        assert_eq!(different.len(), messages.len(), "a change came twice: {messages:#?}");
    }
    let transitions = |record: &Value| record["transitions"].as_u64().expect("a count");
    let expected: BTreeMap<&str, u64> = outcome
        .alarms
        .iter()
        .map(|(id, r)| (id.as_str(), transitions(r)))
        .collect();
    assert_eq!(changes, expected);
    let retained = by_topic(retained, "/alarm");
    let last: BTreeMap<String, Vec<Value>> = live
        .into_iter()
        .map(|(topic, mut messages)| (topic, messages.split_off(messages.len() - 1)))
        .collect();
    assert_eq!(retained, last);
}

#[test]
fn alarms_and_services_are_told_on_their_topics_and_the_latest_alarm_stays() {
    let setup = setup("");
    let gateway = setup.start();
    let live = Watcher::start("live", gateway.mqtt_port(), false, &TOPICS);
    send(gateway.mqtt_port());
    wait_until_delivered(&setup);
    let count = |heard: &[Heard]| by_topic(heard, "/alarm").values().map(Vec::len).sum::<usize>();
    let told: u64 = Outcome::read(&setup)
        .alarms
        .values()
        .filter_map(|a| a["transitions"].as_u64())
        .sum();
    wait_for("the live watcher", DEADLINE, || {
        (count(&live.heard()) as u64 >= told).then_some(())
    });
    let heard = live.heard();
    assert!(heard.iter().all(|h| !h.is_retained));
    // one who comes later, and one who comes after a power cut
    let devices = by_topic(&heard, "/alarm").len();
    let comes_later = |port: u16| {
        let late = Watcher::start("late", port, false, &TOPICS);
        wait_for("what stays", DEADLINE, || (late.heard().len() >= devices).then_some(()));
        let heard = late.heard();
        assert!(
            heard.iter().all(|h| h.is_retained && h.topic.ends_with("/alarm")),
            "{heard:#?}"
        );
        heard
    };
    let later = comes_later(gateway.mqtt_port());
    gateway.kill();
    let gateway = setup.start();
    let after_power_cut = comes_later(gateway.mqtt_port());
    gateway.stop();

    let outcome = Outcome::read(&setup);
    check_alarm_topics(&heard, &later, &outcome);
    check_alarm_topics(&heard, &after_power_cut, &outcome);
    let services = by_topic(&heard, "/service");
    let tickets: BTreeSet<i64> = services
        .values()
        .flatten()
        .filter_map(|s| s["ticket"].as_i64())
        .collect();
    assert_eq!(tickets, outcome.ticket_numbers.values().copied().collect());
}

#[test]
fn changes_while_the_broker_is_away_come_in_order_when_it_is_back() {
    if !is_installed("mosquitto") {
        return;
    }
    let port = free_port();
    let pause = "reconnect_min_ms = 1000\nreconnect_max_ms = 2000";
    let setup = setup(&format!("[broker]\nport = {port}\n{pause}\n"));
    let broker = Mosquitto::start(setup.folder(), port, true, "");
    drop(Watcher::start("watcher", port, true, &TOPICS));
    broker.stop();
    let gateway = setup.start();
    send(gateway.mqtt_port());
    let _broker = Mosquitto::start(setup.folder(), port, true, "");
    wait_until_delivered(&setup);
    let live = Watcher::start("watcher", port, true, &[]);
    let outcome = Outcome::read(&setup);
    let told: u64 = outcome.alarms.values().filter_map(|a| a["transitions"].as_u64()).sum();
    wait_for("the queue of the watcher", DEADLINE, || {
        let heard = by_topic(&live.heard(), "/alarm");
        (heard.values().map(Vec::len).sum::<usize>() as u64 >= told).then_some(())
    });
    let late = Watcher::start("late", port, false, &TOPICS);
    let devices = by_topic(&live.heard(), "/alarm").len();
    wait_for("what stays", DEADLINE, || (late.heard().len() >= devices).then_some(()));
    check_alarm_topics(&live.heard(), &late.heard(), &outcome);
    gateway.stop();
}
