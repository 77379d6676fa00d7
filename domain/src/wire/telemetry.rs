//! Telemetry: a JSON object, or an array of them, read straight into samples without an allocation per reading.
//!
//! The fast reader only knows *that* something is wrong. A payload that it refuses is read once more, slowly, to say *what*.

use super::{MAX_JSON_DEPTH, Rejection, check_timestamp, json_depth};
use crate::{Boot, MetricIndex, MetricName, Sample, Timestamp};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::ops::Range;

/// Most messages in one packet.
pub const MAX_MESSAGES: usize = 1_000;
/// Most metrics in one message.
pub const MAX_METRICS: usize = 200;

/// One message without its samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TelemetryHead {
    /// Device time; none if the device did not say.
    pub measured_at: Option<Timestamp>,
    /// The device's count.
    pub seq: Option<u64>,
    /// The run of the firmware that counts; `Boot::from_text("")` if the device did not say.
    pub boot: Boot,
    /// Where its samples stand in the parser's list.
    pub samples: Range<usize>,
}

/// Reads telemetry payloads; keep one per connection, its buffers are reused.
#[derive(Debug, Default)]
pub struct TelemetryParser {
    heads: Vec<TelemetryHead>,
    samples: Vec<Sample>,
}

impl TelemetryParser {
    /// Reads one payload. `resolve` turns a metric name into its index; the number it is given is the metric's position
    /// in the message, so that a caller can guess from the message before. It returns none for what is not a metric name.
    ///
    /// # Errors
    /// The whole packet is refused for its first mistake; nothing of it remains.
    pub fn parse(
        &mut self,
        payload: &[u8],
        resolve: &mut dyn FnMut(&str, usize) -> Option<MetricIndex>,
    ) -> Result<(), Rejection> {
        self.heads.clear();
        self.samples.clear();
        if let Err(error) = self.read(payload, resolve) {
            self.heads.clear();
            self.samples.clear();
            return Err(diagnose(payload, &error));
        }
        Ok(())
    }

    /// The messages of the payload read last.
    pub fn heads(&self) -> &[TelemetryHead] {
        &self.heads
    }

    /// The samples of one of its messages.
    pub fn samples(&self, head: &TelemetryHead) -> &[Sample] {
        &self.samples[head.samples.clone()]
    }

    fn read(
        &mut self,
        payload: &[u8],
        resolve: &mut dyn FnMut(&str, usize) -> Option<MetricIndex>,
    ) -> Result<(), serde_json::Error> {
        // serde_json checks only the strings it hands out; skipped ones must be UTF-8 too
        let text = std::str::from_utf8(payload).map_err(serde_json::Error::custom)?;
        let mut json = serde_json::Deserializer::from_str(text);
        Packet {
            heads: &mut self.heads,
            samples: &mut self.samples,
            resolve,
        }
        .deserialize(&mut json)?;
        json.end()?;
        if self.heads.is_empty() {
            Err(serde_json::Error::custom("no messages"))
        } else {
            Ok(())
        }
    }
}

struct Packet<'a> {
    heads: &'a mut Vec<TelemetryHead>,
    samples: &'a mut Vec<Sample>,
    resolve: &'a mut dyn FnMut(&str, usize) -> Option<MetricIndex>,
}

impl Packet<'_> {
    fn reborrow(&mut self) -> Packet<'_> {
        Packet {
            heads: self.heads,
            samples: self.samples,
            resolve: self.resolve,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Packet<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Packet<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, or an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Message(self.reborrow()))?.is_some() {
            if self.heads.len() > MAX_MESSAGES {
                return Err(A::Error::custom("too many messages"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        Message(self).visit_map(map)
    }
}

struct Message<'a>(Packet<'a>);

enum Field {
    Ts,
    Seq,
    Boot,
    Metrics,
    Other,
}

struct FieldName;

impl<'de> DeserializeSeed<'de> for FieldName {
    type Value = Field;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Field, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName {
    type Value = Field;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, name: &str) -> Result<Field, E> {
        Ok(match name {
            "ts" => Field::Ts,
            "seq" => Field::Seq,
            "boot" => Field::Boot,
            "metrics" => Field::Metrics,
            _ => Field::Other,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with metrics")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let first = self.0.samples.len();
        let (mut ts, mut seq, mut boot, mut has_metrics) = (None::<f64>, None::<u64>, Boot::from_text(""), false);
        let mut exact_ts = None::<i64>;
        while let Some(field) = map.next_key_seed(FieldName)? {
            match field {
                Field::Ts => match map.next_value_seed(Number)? {
                    Num::Whole(ms) => exact_ts = Some(ms),
                    Num::Float(ms) => ts = Some(ms),
                },
                Field::Seq => seq = Some(map.next_value()?),
                Field::Boot => boot = map.next_value_seed(BootText)?,
                Field::Metrics => {
                    if has_metrics {
                        return Err(A::Error::custom("metrics twice"));
                    }
                    has_metrics = true;
                    map.next_value_seed(Metrics {
                        packet: self.0.reborrow(),
                        first,
                    })?;
                }
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if self.0.samples.len() == first {
            return Err(A::Error::custom("no metrics"));
        }
        let measured_at = match exact_ts.or(ts.map(|t| t as i64)) {
            Some(ms) => Some(check_timestamp(ms).map_err(A::Error::custom)?),
            None => None,
        };
        self.0.heads.push(TelemetryHead {
            measured_at,
            seq,
            boot,
            samples: first..self.0.samples.len(),
        });
        Ok(())
    }
}

struct Metrics<'a> {
    packet: Packet<'a>,
    first: usize,
}

impl<'de> DeserializeSeed<'de> for Metrics<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metrics<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of numbers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut position = 0;
        while let Some(found) = map.next_key_seed(MetricKey {
            position,
            resolve: self.packet.resolve,
        })? {
            let metric = found.ok_or_else(|| A::Error::custom("not a metric name"))?;
            let value = match map.next_value_seed(Number)? {
                Num::Whole(n) => n as f64,
                Num::Float(x) => x,
            };
            if position >= MAX_METRICS || self.packet.samples[self.first..].iter().any(|s| s.metric == metric) {
                return Err(A::Error::custom("metric twice, or too many"));
            }
            self.packet.samples.push(Sample { metric, value });
            position += 1;
        }
        Ok(())
    }
}

struct MetricKey<'a> {
    position: usize,
    resolve: &'a mut dyn FnMut(&str, usize) -> Option<MetricIndex>,
}

impl<'de> DeserializeSeed<'de> for MetricKey<'_> {
    type Value = Option<MetricIndex>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MetricKey<'_> {
    type Value = Option<MetricIndex>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a metric name")
    }
    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok((self.resolve)(name, self.position))
    }
}

/// A finite number, or a boolean as 0 or 1.
struct Number;

enum Num {
    Whole(i64),
    Float(f64),
}

impl<'de> DeserializeSeed<'de> for Number {
    type Value = Num;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Num, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Visitor<'_> for Number {
    type Value = Num;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number or a boolean")
    }
    fn visit_f64<E: serde::de::Error>(self, x: f64) -> Result<Num, E> {
        if x.is_finite() {
            Ok(Num::Float(x))
        } else {
            Err(E::custom("not finite"))
        }
    }
    fn visit_u64<E>(self, n: u64) -> Result<Num, E> {
        Ok(i64::try_from(n).map_or(Num::Float(n as f64), Num::Whole))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Num, E> {
        Ok(Num::Whole(n))
    }
    fn visit_bool<E>(self, b: bool) -> Result<Num, E> {
        Ok(Num::Whole(i64::from(b)))
    }
}

struct BootText;

impl<'de> DeserializeSeed<'de> for BootText {
    type Value = Boot;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Boot, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for BootText {
    type Value = Boot;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Boot, E> {
        if text.len() > super::MAX_TEXT_BYTES {
            return Err(E::custom("boot too long"));
        }
        Ok(Boot::from_text(text))
    }
}

/// Says what is wrong with a payload that the fast reader refused. Slow; every path ends in a rejection.
fn diagnose(payload: &[u8], error: &serde_json::Error) -> Rejection {
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Rejection::Empty;
    }
    if let Err(error) = std::str::from_utf8(payload) {
        return Rejection::NotUtf8 {
            at: error.valid_up_to(),
        };
    }
    let depth = json_depth(payload);
    if depth > MAX_JSON_DEPTH {
        return Rejection::TooDeep {
            depth,
            limit: MAX_JSON_DEPTH,
        };
    }
    let not_json = |problem: String| Rejection::NotJson { problem };
    let value: Value = match serde_json::from_slice(payload) {
        Ok(value) => value,
        Err(error) => return not_json(error.to_string()),
    };
    let messages = match &value {
        Value::Array(list) if list.is_empty() => return Rejection::NoMetrics,
        Value::Array(list) if list.len() > MAX_MESSAGES => {
            return Rejection::TooManyMessages {
                count: list.len(),
                limit: MAX_MESSAGES,
            };
        }
        Value::Array(list) => list.as_slice(),
        single => std::slice::from_ref(single),
    };
    // what a tree cannot show (a key twice) keeps the fast reader's words
    messages
        .iter()
        .find_map(|m| wrong_in(m).err())
        .unwrap_or_else(|| match error.to_string() {
            text if text.contains("metric twice") => Rejection::MetricTwice {
                metric: twice(payload).unwrap_or_default(),
            },
            text => not_json(text),
        })
}

fn wrong_in(message: &Value) -> Result<(), Rejection> {
    let wrong = |field: &str, expected: &str, found: &Value| Rejection::WrongType {
        field: field.chars().take(super::MAX_TEXT_BYTES).collect(),
        expected: expected.to_owned(),
        found: kind_of(found).to_owned(),
    };
    let Value::Object(fields) = message else {
        return Err(wrong("message", "an object with metrics", message));
    };
    match fields.get("ts") {
        None => {}
        Some(Value::Number(ts)) => {
            let ms = ts
                .as_i64()
                .unwrap_or_else(|| ts.as_f64().map_or(i64::MAX, |t| t as i64));
            check_timestamp(ms)?;
        }
        Some(other) => return Err(wrong("ts", "milliseconds since 1970 as a number", other)),
    }
    match fields.get("seq") {
        None => {}
        Some(seq) if seq.is_u64() => {}
        Some(other) => return Err(wrong("seq", "a whole number from 0", other)),
    }
    match fields.get("boot") {
        None => {}
        Some(Value::String(text)) if text.len() <= super::MAX_TEXT_BYTES => {}
        Some(Value::String(text)) => {
            return Err(Rejection::TextTooLong {
                field: "boot".into(),
                bytes: text.len(),
                limit: super::MAX_TEXT_BYTES,
            });
        }
        Some(other) => return Err(wrong("boot", "a text", other)),
    }
    let metrics = match fields.get("metrics") {
        None => {
            return Err(Rejection::Missing {
                field: "metrics".into(),
            });
        }
        Some(Value::Object(metrics)) if metrics.is_empty() => return Err(Rejection::NoMetrics),
        Some(Value::Object(metrics)) => metrics,
        Some(other) => return Err(wrong("metrics", "an object of numbers", other)),
    };
    if metrics.len() > MAX_METRICS {
        return Err(Rejection::TooManyMetrics {
            count: metrics.len(),
            limit: MAX_METRICS,
        });
    }
    for (name, value) in metrics {
        let short: String = name.chars().take(super::MAX_TEXT_BYTES).collect();
        if let Err(error) = MetricName::new(name) {
            return Err(Rejection::BadMetricName {
                metric: short,
                problem: error.to_string(),
            });
        }
        match value {
            Value::Bool(_) => {}
            Value::Number(n) if n.as_f64().is_some_and(f64::is_finite) => {}
            Value::Number(_) => return Err(Rejection::NotFinite { metric: short }),
            Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                return Err(wrong(
                    &format!("metrics.{short}"),
                    "a finite number or a boolean",
                    value,
                ));
            }
        }
    }
    Ok(())
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The first metric that stands twice, found by reading with the fast reader's own eyes.
fn twice(payload: &[u8]) -> Option<String> {
    let mut seen: Vec<String> = Vec::new();
    let mut found = None;
    let mut parser = TelemetryParser::default();
    let mut resolve = |name: &str, position: usize| {
        if position == 0 {
            seen.clear();
        }
        if seen.iter().any(|s| s == name) && found.is_none() {
            found = Some(name.to_owned());
        }
        seen.push(name.to_owned());
        Some(MetricIndex(seen.len() as u32))
    };
    parser.read(payload, &mut resolve).ok();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_length(name: &str, _: usize) -> Option<MetricIndex> {
        MetricName::new(name).ok().map(|n| MetricIndex(n.as_str().len() as u32))
    }

    fn check_refused(payload: &[u8], reason: &str) {
        let mut parser = TelemetryParser::default();
        let rejection = parser.parse(payload, &mut by_length).expect_err("must be refused");
        assert_eq!(
            rejection.reason(),
            reason,
            "{}: {rejection}",
            String::from_utf8_lossy(payload)
        );
        assert!(parser.heads().is_empty());
    }

    #[test]
    fn one_message_and_many() {
        let mut parser = TelemetryParser::default();
        parser
            .parse(
                br#"{"ts":1732250000000,"seq":17,"boot":"b3","metrics":{"a":1.42,"bb":true,"ccc":-3}}"#,
                &mut by_length,
            )
            .expect("fine");
        let head = parser.heads()[0].clone();
        assert_eq!(
            (head.measured_at, head.seq, head.boot),
            (Some(Timestamp(1_732_250_000_000)), Some(17), Boot::from_text("b3"))
        );
        let values: Vec<_> = parser.samples(&head).iter().map(|s| (s.metric.0, s.value)).collect();
        assert_eq!(values, [(1, 1.42), (2, 1.0), (3, -3.0)]);

        parser
            .parse(
                br#"[{"metrics":{"a":1}},{"metrics":{"a":2},"later":{"x":[1]},"ts":1732250000000}]"#,
                &mut by_length,
            )
            .expect("fine");
        assert_eq!(parser.heads().len(), 2);
        assert_eq!(parser.heads()[0].measured_at, None);
    }

    #[test]
    fn each_mistake_has_its_reason() {
        check_refused(b"", "empty");
        check_refused(b"{\"metrics\":{\"a\":1}", "not_json");
        check_refused(b"{\"metrics\":{\"a\":NaN}}", "not_json");
        check_refused(b"{\"metrics\":{\"a\":1}} x", "not_json");
        check_refused(b"\xff\xfe", "not_utf8");
        check_refused(b"{\"note\":\"\xff\",\"metrics\":{\"a\":1}}", "not_utf8");
        check_refused(b"5", "wrong_type");
        check_refused(b"[5]", "wrong_type");
        check_refused(b"[]", "no_metrics");
        check_refused(b"{}", "missing_field");
        check_refused(b"{\"metrics\":{}}", "no_metrics");
        check_refused(b"{\"metrics\":[1]}", "wrong_type");
        check_refused(b"{\"metrics\":{\"a\":\"1\"}}", "wrong_type");
        check_refused(b"{\"metrics\":{\"a\":null}}", "wrong_type");
        check_refused(b"{\"metrics\":{\"a\":1e999}}", "not_json");
        check_refused(b"{\"metrics\":{\"a+\":1}}", "bad_metric_name");
        check_refused(b"{\"metrics\":{\"a\":1,\"a\":2}}", "metric_twice");
        check_refused(b"{\"seq\":-1,\"metrics\":{\"a\":1}}", "wrong_type");
        check_refused(b"{\"ts\":\"now\",\"metrics\":{\"a\":1}}", "wrong_type");
        check_refused(b"{\"ts\":0,\"metrics\":{\"a\":1}}", "timestamp_not_positive");
        check_refused(b"{\"ts\":-5,\"metrics\":{\"a\":1}}", "timestamp_not_positive");
        check_refused(b"{\"ts\":1732250000,\"metrics\":{\"a\":1}}", "timestamp_too_early");
        check_refused(
            b"{\"ts\":1732250000000000000,\"metrics\":{\"a\":1}}",
            "timestamp_too_late",
        );
        check_refused(
            b"{\"ts\":9223372036854775807,\"metrics\":{\"a\":1}}",
            "timestamp_too_late",
        );
        check_refused(
            format!("{{\"metrics\":{{\"a\":{}1{}}}}}", "[".repeat(100), "]".repeat(100)).as_bytes(),
            "too_deep",
        );
        let many: Vec<String> = (0..201).map(|i| format!("\"m{i}\":1")).collect();
        let mut parser = TelemetryParser::default();
        let mut fresh = |_: &str, position: usize| Some(MetricIndex(position as u32));
        let refused = parser
            .parse(format!("{{\"metrics\":{{{}}}}}", many.join(",")).as_bytes(), &mut fresh)
            .expect_err("201");
        assert_eq!(refused.reason(), "too_many_metrics");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(payload in proptest::collection::vec(any::<u8>(), 0..200)) {
            TelemetryParser::default().parse(&payload, &mut by_length).ok();
        }

        #[test]
        fn finite_values_come_back_bit_for_bit(values in proptest::collection::vec(any::<f64>().prop_filter("finite", |x| x.is_finite()), 1..20)) {
            let body: Vec<String> = values.iter().enumerate().map(|(i, v)| format!("\"{}\":{v:?}", "m".repeat(i + 1))).collect();
            let mut parser = TelemetryParser::default();
            parser.parse(format!("{{\"metrics\":{{{}}}}}", body.join(",")).as_bytes(), &mut by_length).expect("fine");
            let back: Vec<u64> = parser.samples(&parser.heads()[0].clone()).iter().map(|s| s.value.to_bits()).collect();
            prop_assert_eq!(back, values.iter().map(|v| v.to_bits()).collect::<Vec<_>>());
        }
    }
}
