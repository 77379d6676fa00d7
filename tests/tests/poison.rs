//! Everything a device can send that is wrong: each is kept in quarantine or refused with its reason, the next good message of
//! the same device is taken, and nobody else notices.

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

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Acknowledged, and kept under this reason.
    Quarantined(&'static str),
    /// The link is closed; it is counted as refused under this reason.
    Refused(&'static str),
}
use Fate::{Quarantined as Kept, Refused};

struct Case {
    name: String,
    topic: Vec<u8>,
    payload: Vec<u8>,
    qos: u8,
    fate: Fate,
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_millis() as i64
}

fn device(number: usize) -> String {
    format!("poison-{number}")
}

/// A telemetry payload with one metric, at this time.
fn at(ts: &str) -> String {
    format!(r#"{{"ts":{ts},"metrics":{{"a":1}}}}"#)
}

fn value(text: &str) -> String {
    format!(r#"{{"metrics":{{"a":{text}}}}}"#)
}

fn many_metrics(count: usize) -> String {
    let metrics: Vec<String> = (0..count).map(|i| format!("\"m{i}\":1")).collect();
    format!("{{\"metrics\":{{{}}}}}", metrics.join(","))
}

fn waveform() -> Vec<u8> {
    let waveform = Waveform {
        measured_at: Some(Timestamp(now_ms())),
        sample_rate_hz: 1_000.0,
        rpm: None,
        axes: vec![vec![0.5; 64]],
    };
    waveform.encode(Encoding::F32, 1.0)
}

/// A good waveform with some bytes overwritten.
fn lie(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut lie = waveform();
    lie[at..at + bytes.len()].copy_from_slice(bytes);
    lie
}

/// All that is wrong with payloads: each as (name, channel, payload, reason).
fn payloads() -> Vec<(&'static str, &'static str, Vec<u8>, &'static str)> {
    let long = "x".repeat(300);
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let text = |s: &str| s.as_bytes().to_vec();
    vec![
        ("nothing", "telemetry", text(""), "empty"),
        ("only spaces", "telemetry", text("  \n"), "empty"),
        ("not JSON", "telemetry", text("vibration=3"), "not_json"),
        ("JSON cut off", "telemetry", text("{\"metrics\":{\"a\":1"), "not_json"),
        (
            "a comma too many",
            "telemetry",
            text("{\"metrics\":{\"a\":1,}}"),
            "not_json",
        ),
        (
            "two documents",
            "telemetry",
            text("{\"metrics\":{\"a\":1}}{\"metrics\":{\"a\":1}}"),
            "not_json",
        ),
        (
            "a byte order mark",
            "telemetry",
            text("\u{feff}{\"metrics\":{\"a\":1}}"),
            "not_json",
        ),
        ("NaN", "telemetry", text(&value("NaN")), "not_json"),
        ("Infinity", "telemetry", text(&value("-Infinity")), "not_json"),
        ("a number beyond floats", "telemetry", text(&value("1e999")), "not_json"),
        ("NaN as text", "telemetry", text(&value("\"NaN\"")), "wrong_type"),
        ("a number as text", "telemetry", text(&value("\"1.5\"")), "wrong_type"),
        ("null", "telemetry", text(&value("null")), "wrong_type"),
        (
            "an object as value",
            "telemetry",
            text(&value("{\"b\":1}")),
            "wrong_type",
        ),
        ("a bare number", "telemetry", text("5"), "wrong_type"),
        ("a list of numbers", "telemetry", text("[1,2,3]"), "wrong_type"),
        ("metrics as list", "telemetry", text("{\"metrics\":[1]}"), "wrong_type"),
        (
            "seq below zero",
            "telemetry",
            text("{\"seq\":-1,\"metrics\":{\"a\":1}}"),
            "wrong_type",
        ),
        (
            "seq with a point",
            "telemetry",
            text("{\"seq\":1.5,\"metrics\":{\"a\":1}}"),
            "wrong_type",
        ),
        (
            "boot as number",
            "telemetry",
            text("{\"boot\":7,\"metrics\":{\"a\":1}}"),
            "wrong_type",
        ),
        (
            "ts as text",
            "telemetry",
            text(&at("\"2026-01-01T00:00:00Z\"")),
            "wrong_type",
        ),
        ("no metrics", "telemetry", text("{}"), "missing_field"),
        ("empty metrics", "telemetry", text("{\"metrics\":{}}"), "no_metrics"),
        ("an empty list", "telemetry", text("[]"), "no_metrics"),
        (
            "one of three is bad",
            "telemetry",
            text("[{\"metrics\":{\"a\":1}},{\"metrics\":{}},{\"metrics\":{\"a\":2}}]"),
            "no_metrics",
        ),
        (
            "a long boot",
            "telemetry",
            text(&format!("{{\"boot\":\"{long}\",\"metrics\":{{\"a\":1}}}}")),
            "text_too_long",
        ),
        ("depth 100", "telemetry", text(&value(&nested(100))), "too_deep"),
        ("depth bomb", "telemetry", text(&nested(100_000)), "too_deep"),
        (
            "depth bomb without end",
            "telemetry",
            "[".repeat(250_000).into_bytes(),
            "too_deep",
        ),
        (
            "bytes that are no text",
            "telemetry",
            b"\xff\xfe\x00\x01".to_vec(),
            "not_utf8",
        ),
        (
            "bad text in a value",
            "telemetry",
            b"{\"note\":\"\xc3\x28\",\"metrics\":{\"a\":1}}".to_vec(),
            "not_utf8",
        ),
        (
            "a key twice",
            "telemetry",
            text("{\"metrics\":{\"a\":1,\"a\":2}}"),
            "metric_twice",
        ),
        (
            "metrics twice",
            "telemetry",
            text("{\"metrics\":{\"a\":1},\"metrics\":{\"a\":2}}"),
            "not_json",
        ),
        ("201 metrics", "telemetry", text(&many_metrics(201)), "too_many_metrics"),
        (
            "10,000 metrics",
            "telemetry",
            text(&many_metrics(10_000)),
            "too_many_metrics",
        ),
        (
            "1,001 messages",
            "telemetry",
            text(&format!("[{}]", vec!["{\"metrics\":{\"a\":1}}"; 1_001].join(","))),
            "too_many_messages",
        ),
        (
            "100,000 nothings",
            "telemetry",
            text(&format!("[{}1]", "1,".repeat(100_000))),
            "too_many_messages",
        ),
        (
            "a wildcard metric",
            "telemetry",
            text("{\"metrics\":{\"a+\":1}}"),
            "bad_metric_name",
        ),
        (
            "a metric with a control",
            "telemetry",
            text("{\"metrics\":{\"a\\u0000\":1}}"),
            "bad_metric_name",
        ),
        (
            "a metric without name",
            "telemetry",
            text("{\"metrics\":{\"\":1}}"),
            "bad_metric_name",
        ),
        (
            "a long metric",
            "telemetry",
            text(&format!("{{\"metrics\":{{\"{long}\":1}}}}")),
            "bad_metric_name",
        ),
        ("ts 0", "telemetry", text(&at("0")), "timestamp_not_positive"),
        (
            "ts below 0",
            "telemetry",
            text(&at("-1732250000000")),
            "timestamp_not_positive",
        ),
        (
            "ts in seconds",
            "telemetry",
            text(&at(&(now_ms() / 1_000).to_string())),
            "timestamp_too_early",
        ),
        (
            "ts in microseconds",
            "telemetry",
            text(&at(&(now_ms() * 1_000).to_string())),
            "timestamp_too_late",
        ),
        (
            "ts in nanoseconds",
            "telemetry",
            text(&at(&(now_ms() * 1_000_000).to_string())),
            "timestamp_too_late",
        ),
        (
            "year 2262",
            "telemetry",
            text(&at("9223372036854")),
            "timestamp_too_late",
        ),
        (
            "ts beyond 64 bits",
            "telemetry",
            text(&at("99999999999999999999999")),
            "timestamp_too_late",
        ),
        (
            "20 min ahead",
            "telemetry",
            text(&at(&(now_ms() + 1_200_000).to_string())),
            "timestamp_in_future",
        ),
        (
            "one of two is ahead",
            "telemetry",
            text(&format!(
                "[{},{}]",
                at(&now_ms().to_string()),
                at(&(now_ms() + 1_200_000).to_string())
            )),
            "timestamp_in_future",
        ),
        (
            "event without code",
            "event",
            text("{\"state\":\"raised\"}"),
            "not_json",
        ),
        (
            "event with an empty code",
            "event",
            text("{\"code\":\"\",\"state\":\"raised\"}"),
            "missing_field",
        ),
        (
            "event in no known state",
            "event",
            text("{\"code\":\"E1\",\"state\":\"maybe\"}"),
            "not_json",
        ),
        (
            "event with a long text",
            "event",
            text(&format!("{{\"code\":\"E1\",\"state\":\"raised\",\"text\":\"{long}\"}}")),
            "text_too_long",
        ),
        (
            "event ahead",
            "event",
            text(&format!(
                "{{\"ts\":{},\"code\":\"E1\",\"state\":\"raised\"}}",
                now_ms() + 1_200_000
            )),
            "timestamp_in_future",
        ),
        ("event depth bomb", "event", text(&nested(100_000)), "too_deep"),
        (
            "status of no known state",
            "status",
            text("{\"state\":\"gone\"}"),
            "not_json",
        ),
        (
            "status of ts 0",
            "status",
            text("{\"state\":\"online\",\"ts\":0}"),
            "timestamp_not_positive",
        ),
        ("waveform of nothing", "waveform/de", text(""), "empty"),
        (
            "waveform of another kind",
            "waveform/de",
            lie(0, b"RIFF"),
            "bad_waveform",
        ),
        (
            "waveform cut in its header",
            "waveform/de",
            waveform()[..20].to_vec(),
            "bad_waveform",
        ),
        (
            "waveform that promises more",
            "waveform/de",
            lie(28, &65u32.to_le_bytes()),
            "bad_waveform",
        ),
        (
            "waveform that promises 4 billion",
            "waveform/de",
            lie(28, &u32::MAX.to_le_bytes()),
            "bad_waveform",
        ),
        ("waveform without axes", "waveform/de", lie(5, &[0]), "bad_waveform"),
        (
            "waveform of unknown encoding",
            "waveform/de",
            lie(4, &[7]),
            "bad_waveform",
        ),
        (
            "waveform at 0 Hz",
            "waveform/de",
            lie(12, &0f32.to_le_bytes()),
            "bad_waveform",
        ),
        (
            "waveform at NaN Hz",
            "waveform/de",
            lie(12, &f32::NAN.to_le_bytes()),
            "bad_waveform",
        ),
        (
            "waveform with an infinite sample",
            "waveform/de",
            lie(32, &f32::INFINITY.to_le_bytes()),
            "bad_waveform",
        ),
        (
            "waveform of ts 0",
            "waveform/de",
            lie(20, &0i64.to_le_bytes()),
            "timestamp_not_positive",
        ),
        (
            "waveform ahead",
            "waveform/de",
            lie(20, &(now_ms() + 1_200_000).to_le_bytes()),
            "timestamp_in_future",
        ),
        (
            "waveform as JSON without samples",
            "waveform/de",
            text("{\"sample_rate_hz\":100,\"samples\":[]}"),
            "bad_waveform",
        ),
    ]
}

/// All that is wrong with topics, for a client that may publish below `forewarn/` only.
fn topics() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let topic = |s: &str| s.as_bytes().to_vec();
    vec![
        (
            "unknown channel",
            topic("forewarn/lab/x/telemtry"),
            Kept("unknown_topic"),
        ),
        ("our own channel", topic("forewarn/lab/x/alarm"), Kept("unknown_topic")),
        (
            "a level too many",
            topic("forewarn/lab/x/telemetry/y"),
            Kept("unknown_topic"),
        ),
        (
            "a level too few",
            topic("forewarn/lab/telemetry"),
            Kept("unknown_topic"),
        ),
        ("a site without name", topic("forewarn//x/telemetry"), Kept("bad_name")),
        ("a device with $", topic("forewarn/lab/$x/telemetry"), Kept("bad_name")),
        (
            "a device with a control",
            topic("forewarn/lab/x\u{1}/telemetry"),
            Kept("bad_name"),
        ),
        (
            "a device with a space",
            topic("forewarn/lab/x y/telemetry"),
            Kept("bad_name"),
        ),
        (
            "a device in Chinese",
            topic("forewarn/lab/泵/telemetry"),
            Kept("bad_name"),
        ),
        (
            "a device of 65 characters",
            topic(&format!("forewarn/lab/{}/telemetry", "x".repeat(65))),
            Kept("bad_name"),
        ),
        (
            "a path upwards",
            topic("forewarn/../../etc/passwd"),
            Kept("unknown_topic"),
        ),
        (
            "a topic of 60,000 characters",
            topic(&format!("forewarn/lab/{}/telemetry", "x".repeat(60_000))),
            Kept("bad_name"),
        ),
        (
            "a device +",
            topic("forewarn/lab/+/telemetry"),
            Refused("topic_invalid"),
        ),
        ("a device #", topic("forewarn/lab/#"), Refused("topic_invalid")),
        (
            "a device with NUL",
            topic("forewarn/lab/x\0/telemetry"),
            Refused("topic_invalid"),
        ),
        ("no topic", topic(""), Refused("topic_invalid")),
        (
            "somebody else's topic",
            topic("other/lab/x/telemetry"),
            Refused("acl_denied"),
        ),
        (
            "the broker's own topic",
            topic("$SYS/broker/uptime"),
            Refused("acl_denied"),
        ),
    ]
}

fn corpus() -> Vec<Case> {
    let good = br#"{"metrics":{"a":1}}"#;
    let payloads = payloads().into_iter().map(|(name, channel, payload, reason)| {
        (
            name,
            format!("forewarn/lab/DEVICE/{channel}").into_bytes(),
            payload,
            1,
            Kept(reason),
        )
    });
    let topics = topics()
        .into_iter()
        .map(|(name, topic, fate)| (name, topic, good.to_vec(), 1, fate));
    let others = [
        (
            "QoS 2",
            b"forewarn/lab/DEVICE/telemetry".to_vec(),
            good.to_vec(),
            2,
            Refused("qos2_refused"),
        ),
        (
            "300 KiB",
            b"forewarn/lab/DEVICE/telemetry".to_vec(),
            vec![b' '; 300 * 1024],
            1,
            Refused("packet_too_large"),
        ),
    ];
    let all = payloads.chain(topics).chain(others).enumerate();
    type Line = (&'static str, Vec<u8>, Vec<u8>, u8, Fate);
    let fill = |(number, (name, topic, payload, qos, fate)): (usize, Line)| {
        let topic = match String::from_utf8(topic) {
            Ok(text) => text.replace("DEVICE", &device(number)).into_bytes(),
            Err(bytes) => bytes.into_bytes(),
        };
        Case {
            name: name.to_owned(),
            topic,
            payload,
            qos,
            fate,
        }
    };
    all.map(fill).collect()
}

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
