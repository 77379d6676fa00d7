//! Everything that a device may send wrongly, each with what must become of it.

use super::*;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Acknowledged, and kept under this reason.
    Quarantined(&'static str),
    /// The link is closed; it is counted as refused under this reason.
    Refused(&'static str),
}
pub(super) use Fate::{Quarantined as Kept, Refused};

pub(super) struct Case {
    pub(super) name: String,
    pub(super) topic: Vec<u8>,
    pub(super) payload: Vec<u8>,
    pub(super) qos: u8,
    pub(super) fate: Fate,
}

pub(super) fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_millis() as i64
}

pub(super) fn device(number: usize) -> String {
    format!("poison-{number}")
}

/// A telemetry payload with one metric, at this time.
pub(super) fn at(ts: &str) -> String {
    format!(r#"{{"ts":{ts},"metrics":{{"a":1}}}}"#)
}

pub(super) fn value(text: &str) -> String {
    format!(r#"{{"metrics":{{"a":{text}}}}}"#)
}

pub(super) fn many_metrics(count: usize) -> String {
    let metrics: Vec<String> = (0..count).map(|i| format!("\"m{i}\":1")).collect();
    format!("{{\"metrics\":{{{}}}}}", metrics.join(","))
}

pub(super) fn waveform() -> Vec<u8> {
    let waveform = Waveform {
        measured_at: Some(Timestamp(now_ms())),
        sample_rate_hz: 1_000.0,
        rpm: None,
        axes: vec![vec![0.5; 64]],
    };
    waveform.encode(Encoding::F32, 1.0)
}

/// A good waveform with some bytes overwritten.
pub(super) fn lie(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut lie = waveform();
    lie[at..at + bytes.len()].copy_from_slice(bytes);
    lie
}

/// All that is wrong with payloads: each as (name, channel, payload, reason).
pub(super) fn payloads() -> Vec<(&'static str, &'static str, Vec<u8>, &'static str)> {
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
pub(super) fn topics() -> Vec<(&'static str, Vec<u8>, Fate)> {
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

pub(super) fn corpus() -> Vec<Case> {
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
