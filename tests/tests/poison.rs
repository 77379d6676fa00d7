//! Everything a device can send that is wrong: each is kept in quarantine or refused with its reason, the next good message of
//! the same device is taken, and nobody else notices.

#[path = "poison/corpus.rs"]
mod corpus;

use corpus::*;
use domain::Timestamp;
use domain::wire::{Encoding, Waveform};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tests::gateway::GatewaySetup;
use tests::http::{Balance, get_json, request};
use tests::inside::{self, Quarantined};
use tests::outside::{self, Mosquitto, free_port};
use tests::publisher::{Outgoing, publish_all};
use tests::raw::{Heard, PUBACK, RawLink, connect_packet, publish_packet};
use tests::wait::wait_for;

const SOON: Duration = Duration::from_secs(10);

fn ack(packet_id: u8) -> Heard {
    Heard::Packet(PUBACK, vec![0, packet_id])
}

fn publish_good(link: &mut RawLink, device: &str, packet_id: u16, what: &str) {
    let topic = format!("forewarn/lab/{device}/telemetry");
    assert!(
        link.publish(topic.as_bytes(), br#"{"metrics":{"ok":1}}"#, packet_id),
        "{what}"
    );
    assert_eq!(
        link.hear(SOON),
        ack(packet_id as u8),
        "the good message after {what:?} is acknowledged"
    );
}

/// A device that goes on all the while, on one link; returns how many of its readings were acknowledged.
fn bystander(port: u16, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut link = RawLink::connect(port, "bystander", 30);
        let mut count = 0u64;
        while !stop.load(Ordering::Acquire) {
            let payload = format!(r#"{{"seq":{count},"boot":"b","metrics":{{"a":1}}}}"#);
            assert!(link.publish(b"forewarn/lab/bystander/telemetry", payload.as_bytes(), 7));
            assert_eq!(link.hear(SOON), ack(7), "the bystander is served");
            count += 1;
        }
        count
    })
}

#[test]
fn each_poison_has_its_reason_and_harms_nobody() {
    let setup = GatewaySetup::new("[listener]\nbind = \"127.0.0.1:0\"\nconnect_timeout_s = 2\n");
    let gateway = setup.start();
    let port = gateway.mqtt_port();
    let stop = Arc::new(AtomicBool::new(false));
    let bystander = bystander(port, stop.clone());
    let cases = corpus();
    for (number, case) in cases.iter().enumerate() {
        let mut link = RawLink::connect(port, &device(number), 30);
        let was_sent = link.send(&publish_packet(&case.topic, &case.payload, case.qos, 1));
        match case.fate {
            Kept(_) => {
                assert!(was_sent, "{}", case.name);
                assert_eq!(link.hear(SOON), ack(1), "{:?} is acknowledged", case.name);
            }
            Refused(_) => {
                assert_eq!(link.hear(SOON), Heard::Closed, "{:?} closes its link", case.name);
                link = RawLink::connect(port, &device(number), 30);
            }
        }
        publish_good(&mut link, &device(number), 2, &case.name);
    }
    broken_links(port);
    stop.store(true, Ordering::Release);
    let served = bystander.join().expect("the bystander was never disturbed");
    assert!(served > 20, "{served}");

    let balance = Balance::scrape(gateway.http.expect("it has pages"));
    assert_eq!(balance.spooled, 0, "everything acknowledged is settled");
    assert_eq!(balance.outcome("stored"), served + cases.len() as u64);
    let reasons = |outcome: &str| {
        let mut counts = BTreeMap::new();
        for case in &cases {
            match case.fate {
                Kept(reason) if outcome == "quarantined" => *counts.entry(reason.to_owned()).or_insert(0u64) += 1,
                Refused(reason) if outcome == "rejected" => *counts.entry(reason.to_owned()).or_insert(0u64) += 1,
                Kept(_) | Refused(_) => {}
            }
        }
        counts
    };
    assert_eq!(balance.by_reason("quarantined"), reasons("quarantined"));
    assert_eq!(balance.by_reason("rejected"), reasons("rejected"));
    let listed = get_json(gateway.http.expect("it has pages"), "/api/v1/quarantine?limit=1000");
    assert_eq!(
        listed["items"].as_array().map(Vec::len),
        Some(reasons("quarantined").values().sum::<u64>() as usize)
    );

    gateway.stop();
    let kept = inside::quarantine(&setup.data());
    let expected = |case: &Case| {
        let Kept(reason) = case.fate else { return None };
        let topic = String::from_utf8(case.topic.clone()).expect("only text is kept");
        let is_cut = case.payload.len() > 65_536 || topic.chars().count() > 256;
        let topic = topic.chars().take(256).collect();
        let payload = case.payload[..case.payload.len().min(65_536)].to_vec();
        Some(Quarantined {
            topic,
            payload,
            is_cut,
            reason: reason.to_owned(),
        })
    };
    for (case, found) in cases.iter().filter_map(|c| Some((c, expected(c)?))).zip(&kept) {
        let (case, expected) = case;
        assert_eq!(
            (&found.topic, found.reason.as_str(), found.is_cut),
            (&expected.topic, expected.reason.as_str(), expected.is_cut),
            "{}",
            case.name
        );
        assert!(found.payload == expected.payload, "{}: the bytes are kept", case.name);
    }
    assert_eq!(kept.len(), cases.iter().filter(|c| expected(c).is_some()).count());
    let count = |arguments: &[&str]| {
        setup
            .output(&[&["history", "count", "--total"], arguments].concat())
            .trim()
            .to_owned()
    };
    assert_eq!(
        count(&["--metric", "ok"]),
        cases.len().to_string(),
        "every good message after a poison is recorded"
    );
    assert_eq!(count(&["--device", "bystander"]), served.to_string());
}

/// What is not even MQTT.
fn broken_links(port: u16) {
    let mut bad_text = publish_packet(b"forewarn/lab/\xff\xfe/telemetry", b"{}", 1, 1);
    let mut no_id = publish_packet(b"forewarn/lab/x/telemetry", b"{}", 1, 0);
    let mut qos3 = publish_packet(b"forewarn/lab/x/telemetry", b"{}", 1, 1);
    qos3[0] |= 0x06;
    let mut lying_length = publish_packet(b"forewarn/lab/x/telemetry", b"", 0, 0);
    lying_length[3] = 0xFF;
    for (name, bytes) in [
        ("a topic that is no text", &mut bad_text),
        ("packet id 0", &mut no_id),
        ("QoS 3", &mut qos3),
        ("a topic longer than its packet", &mut lying_length),
        ("a second CONNECT", &mut connect_packet("x", 10)),
        ("an endless length", &mut vec![0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        ("a packet for clients", &mut vec![0x20, 2, 0, 0]),
    ] {
        let mut link = RawLink::connect(port, "broken", 30);
        link.send(bytes);
        assert_eq!(link.hear(SOON), Heard::Closed, "{name}");
    }
    for (name, bytes) in [
        ("HTTP", b"GET /api/v1/devices HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        (
            "noise",
            (0..4_096u32)
                .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
                .collect(),
        ),
        (
            "PUBLISH before CONNECT",
            publish_packet(b"forewarn/lab/x/telemetry", b"{}", 1, 1),
        ),
        ("half a CONNECT", connect_packet("half", 10)[..9].to_vec()),
        ("nothing at all", Vec::new()),
    ] {
        let mut link = RawLink::open(port);
        link.send(&bytes);
        let began = Instant::now();
        let heard = link.hear(SOON);
        // MQTT 3.1.1 lets a server say why before it closes
        let heard = if matches!(heard, Heard::Packet(0x20, _)) {
            link.hear(SOON)
        } else {
            heard
        };
        assert_eq!(heard, Heard::Closed, "{name}");
        assert!(began.elapsed() < Duration::from_secs(5), "{name}");
    }
    let mut link = RawLink::connect(port, "half", 1);
    let whole = publish_packet(b"forewarn/lab/x/telemetry", &[b' '; 200], 1, 1);
    link.send(&whole[..100]);
    assert_eq!(
        link.hear(Duration::from_secs(5)),
        Heard::Closed,
        "half a packet and then silence"
    );
}

#[test]
fn strange_but_valid_readings_are_recorded_and_nothing_breaks() {
    let setup = GatewaySetup::new("[listener]\nbind = \"127.0.0.1:0\"\n");
    let gateway = setup.start();
    let mut link = RawLink::connect(gateway.mqtt_port(), "strange", 30);
    let mut id = 0u16;
    let mut publish = |link: &mut RawLink, payload: String| {
        id += 1;
        assert!(link.publish(b"forewarn/lab/strange/telemetry", payload.as_bytes(), id));
        assert_eq!(
            link.hear(SOON),
            Heard::Packet(PUBACK, id.to_be_bytes().to_vec()),
            "{payload}"
        );
    };
    let values = [
        "1.7976931348623157e308",
        "-1.7976931348623157e308",
        "5e-324",
        "-0.0",
        "9007199254740993",
        "18446744073709551615",
        "true",
        "1e-400",
    ];
    for (i, value) in values.iter().enumerate() {
        publish(
            &mut link,
            format!(r#"{{"seq":{i},"boot":"a","metrics":{{"v":{value},"w":1}}}}"#),
        );
    }
    // numbers at the end of their range, on several runs of the firmware
    for boot in ["b", "c", "d", "e", "f", "g"] {
        for seq in [0, u64::MAX, u64::MAX - 1, 1, 5, 3] {
            publish(
                &mut link,
                format!(r#"{{"seq":{seq},"boot":"{boot}","metrics":{{"v":1,"w":1}}}}"#),
            );
        }
    }
    // keys that nobody knows, a time with a point, 200 metrics, 1,000 messages
    publish(
        &mut link,
        format!(r#"{{"ts":{}.5,"unit":{{"a":[1,2]}},"metrics":{{"w":1}}}}"#, now_ms()),
    );
    let metrics: Vec<String> = (0..200).map(|i| format!("\"m{i}\":{i}")).collect();
    publish(&mut link, format!("{{\"metrics\":{{{}}}}}", metrics.join(",")));
    let messages: Vec<String> = (0..1_000)
        .map(|i| format!("{{\"ts\":{},\"metrics\":{{\"x\":1}}}}", now_ms() - 1_000 + i))
        .collect();
    publish(&mut link, format!("[{}]", messages.join(",")));
    gateway.stop();
    assert_eq!(inside::quarantine(&setup.data()), []);
    let count = |metric: &str| {
        setup
            .output(&["history", "count", "--total", "--metric", metric])
            .trim()
            .to_owned()
    };
    let numbered = values.len() + 6 * 6;
    assert_eq!(
        (count("v"), count("w"), count("m199"), count("x")),
        (
            numbered.to_string(),
            (numbered + 1).to_string(),
            "1".into(),
            "1000".into()
        )
    );
}

#[test]
fn poison_uses_up_no_metric_names() {
    let setup = GatewaySetup::new("[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nmetric_names = 50\n");
    let gateway = setup.start();
    let mut link = RawLink::connect(gateway.mqtt_port(), "greedy", 30);
    let ahead = now_ms() + 1_200_000;
    for (i, payload) in [
        many_metrics(300),
        many_metrics(60),
        "{\"metrics\":{\"n1\":1,\"n2\":1,\"n3\":null}}".to_owned(),
        format!("{{\"ts\":{ahead},\"metrics\":{{\"o1\":1,\"o2\":1}}}}"),
    ]
    .iter()
    .enumerate()
    {
        assert!(link.publish(b"forewarn/lab/greedy/telemetry", payload.as_bytes(), i as u16 + 1));
        assert_eq!(link.hear(SOON), ack(i as u8 + 1));
    }
    let reasons: Vec<String> = inside::quarantine(&setup.data())
        .into_iter()
        .map(|q| q.reason)
        .collect();
    assert_eq!(
        reasons,
        ["too_many_metrics", "metric_limit", "wrong_type", "timestamp_in_future"]
    );
    // somebody else still finds room
    let topic = b"forewarn/lab/modest/telemetry";
    assert!(link.publish(topic, b"{\"metrics\":{\"p1\":1,\"p2\":1}}", 9));
    assert_eq!(link.hear(SOON), ack(9));
    gateway.stop();
    assert_eq!(
        setup
            .output(&["history", "count", "--total", "--device", "modest"])
            .trim(),
        "2"
    );
    assert_eq!(
        inside::number(
            &setup.data(),
            "SELECT count(*) FROM metric WHERE name GLOB '[mno][0-9]*'"
        ),
        0
    );
}

#[tokio::test]
async fn poison_through_a_broker_is_acknowledged_and_kept_too() {
    if !outside::is_installed("mosquitto") {
        return;
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let broker = Mosquitto::start(folder.path(), free_port(), false, "");
    let config = format!(
        "[broker]\nport = {}\ntopics = [\"forewarn/#\", \"other/#\"]\nmax_packet_bytes = 262144\n",
        broker.port
    );
    let setup = GatewaySetup::new(&config);
    let gateway = setup.start();
    wait_for("the gateway to be connected", SOON, || {
        setup.log().contains("connected to the broker").then_some(())
    });
    let cases = corpus();
    let is_for_brokers = |c: &&Case| match c.fate {
        Kept(_) => true,
        Refused(reason) => matches!(reason, "packet_too_large" | "acl_denied") && !c.topic.starts_with(b"$"),
    };
    let mut messages = Vec::new();
    let mut reasons = Vec::new();
    for (number, case) in cases.iter().enumerate().filter(|(_, c)| is_for_brokers(c)) {
        let topic = String::from_utf8(case.topic.clone()).expect("only text passes a broker");
        // Mosquitto takes no control characters in topics
        if topic.contains('\u{1}') {
            continue;
        }
        messages.push(Outgoing {
            topic,
            payload: case.payload.clone(),
        });
        messages.push(Outgoing {
            topic: format!("forewarn/lab/{}/telemetry", device(number)),
            payload: br#"{"metrics":{"ok":1}}"#.to_vec(),
        });
        match case.fate {
            Kept(reason) => reasons.push(reason),
            Refused("acl_denied") => reasons.push("unknown_topic"),
            Refused(_) => {}
        }
    }
    publish_all("poisoner", &messages, 10, || Some(broker.port), |_| {}).await;
    wait_for("all to be in quarantine", SOON, || {
        let found: Vec<String> = inside::quarantine(&setup.data())
            .into_iter()
            .map(|q| q.reason)
            .collect();
        (found.len() >= reasons.len()).then(|| assert_eq!(found, reasons))
    });
    gateway.stop();
    assert_eq!(
        setup.output(&["history", "count", "--total", "--metric", "ok"]).trim(),
        (messages.len() / 2).to_string()
    );
}

#[test]
fn what_waited_for_a_person_is_read_again_after_the_fix() {
    let setup = GatewaySetup::new(
        "[listener]\nbind = \"127.0.0.1:0\"\n[devices]\nauto_register = false\nregistry = \"registry.toml\"\n",
    );
    let registry = setup.folder().join("registry.toml");
    let entry = |device: &str| format!("[[device]]\nsite = \"lab\"\ndevice = \"{device}\"\nprofile = \"generic\"\n");
    std::fs::write(&registry, entry("known")).expect("written");
    let gateway = setup.start();
    let mut link = RawLink::connect(gateway.mqtt_port(), "new", 30);
    for i in 0..5u8 {
        let payload = format!(
            r#"{{"ts":{},"seq":{i},"boot":"a","metrics":{{"v":{i}}}}}"#,
            now_ms() + i64::from(i)
        );
        assert!(link.publish(b"forewarn/lab/new/telemetry", payload.as_bytes(), u16::from(i) + 1));
        assert_eq!(link.hear(SOON), ack(i + 1));
    }
    // one that no registry will ever mend
    assert!(link.publish(b"forewarn/lab/known/telemetry", b"{}", 9));
    assert_eq!(link.hear(SOON), ack(9));
    let http = gateway.http.expect("it has pages");
    let expected = BTreeMap::from([("missing_field".to_owned(), 1), ("not_registered".to_owned(), 5)]);
    assert_eq!(Balance::scrape(http).by_reason("quarantined"), expected);
    let (status, answer) = request(http, "POST", "/api/v1/quarantine/replay", Some("{}"));
    assert_eq!(
        (status, answer.as_str()),
        (200, r#"{"accepted":0,"refused":6}"#),
        "nothing has changed yet"
    );
    gateway.stop();

    std::fs::write(&registry, entry("known") + &entry("new")).expect("written");
    let gateway = setup.start();
    let http = gateway.http.expect("it has pages");
    let (status, answer) = request(http, "POST", "/api/v1/quarantine/replay", Some("{}"));
    assert_eq!((status, answer.as_str()), (200, r#"{"accepted":5,"refused":1}"#));
    let balance = Balance::scrape(http);
    assert_eq!((balance.outcome("stored"), balance.received), (5, 5));
    gateway.stop();
    assert_eq!(
        setup.output(&["history", "count", "--total", "--device", "new"]).trim(),
        "5"
    );
    let left: Vec<String> = inside::quarantine(&setup.data())
        .into_iter()
        .map(|q| q.reason)
        .collect();
    assert_eq!(left, ["missing_field"]);
}
