//! What goes over the wire: topics and payloads of wire v1 as a device writes them. Encodes only, never decodes.

use std::sync::Arc;

use bytes::Bytes;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A message on its way to the broker. Always QoS 1: what is published is confirmed, or sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Index of the sender in [`crate::fleet::Fleet::devices`]; 0 where there is only one.
    pub device: usize,
    /// Full topic.
    pub topic: Arc<str>,
    /// Payload bytes.
    pub payload: Bytes,
    /// Whether the broker keeps it as the last value.
    pub retain: bool,
}

/// The four topics of one device.
#[derive(Debug, Clone)]
pub struct Topics {
    /// `forewarn/{site}/{device}/telemetry`
    pub telemetry: Arc<str>,
    /// `forewarn/{site}/{device}/waveform/bearing`
    pub waveform: Arc<str>,
    /// `forewarn/{site}/{device}/event`
    pub event: Arc<str>,
    /// `forewarn/{site}/{device}/status`
    pub status: Arc<str>,
}

impl Topics {
    /// Topics of a device.
    #[must_use]
    pub fn new(site: &str, device: &str) -> Topics {
        let topic = |last: &str| Arc::from(format!("forewarn/{site}/{device}/{last}"));
        Topics {
            telemetry: topic("telemetry"),
            waveform: topic("waveform/bearing"),
            event: topic("event"),
            status: topic("status"),
        }
    }
}

/// Whether this may stand as a site or device id in a topic: `[A-Za-z0-9._-]{1,64}`.
#[must_use]
pub fn is_valid_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

struct Metrics<'a, N>(&'a [(N, f64)]);

impl<N: AsRef<str>> Serialize for Metrics<'_, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name.as_ref(), value)?;
        }
        map.end()
    }
}

fn json(value: &impl Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).expect("string keys and finite numbers always serialise"))
}

/// Telemetry: `{"ts","seq","boot","metrics"}`. Values must be finite.
#[must_use]
pub fn telemetry<N: AsRef<str>>(ts_ms: i64, seq: u64, boot: &str, metrics: &[(N, f64)]) -> Bytes {
    #[derive(Serialize)]
    #[serde(bound(serialize = ""))]
    struct Telemetry<'a, N: AsRef<str>> {
        ts: i64,
        seq: u64,
        boot: &'a str,
        metrics: Metrics<'a, N>,
    }
    json(&Telemetry { ts: ts_ms, seq, boot, metrics: Metrics(metrics) })
}

/// A fault code of the device itself.
#[must_use]
pub fn event(ts_ms: i64, code: &str, is_raised: bool, text: &str) -> Bytes {
    #[derive(Serialize)]
    struct Event<'a> {
        ts: i64,
        code: &'a str,
        state: &'a str,
        text: &'a str,
    }
    json(&Event { ts: ts_ms, code, state: if is_raised { "raised" } else { "cleared" }, text })
}

/// Presence of a device. A will carries no time: the gateway stamps it on arrival.
#[must_use]
pub fn status(ts_ms: Option<i64>, is_online: bool) -> Bytes {
    #[derive(Serialize)]
    struct Status<'a> {
        state: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        ts: Option<i64>,
    }
    json(&Status { state: if is_online { "online" } else { "offline" }, ts: ts_ms })
}

/// A waveform snapshot of one axis as `FWV1` with 16-bit samples; the scale uses the whole range.
#[must_use]
pub fn waveform(ts_ms: i64, sample_rate_hz: f64, rpm: f64, signal: &[f64]) -> Bytes {
    let peak = signal.iter().fold(0.0f64, |peak, value| peak.max(value.abs()));
    let scale = if peak > 0.0 { (peak / f64::from(i16::MAX)) as f32 } else { 1.0 };
    let samples = u32::try_from(signal.len()).expect("the spec bounds the length of a snapshot");
    let mut out = Vec::with_capacity(32 + 2 * signal.len());
    out.extend_from_slice(b"FWV1");
    // Encoding 1 is i16; one axis; two reserved bytes.
    out.extend_from_slice(&[1, 1, 0, 0]);
    out.extend_from_slice(&scale.to_le_bytes());
    out.extend_from_slice(&(sample_rate_hz as f32).to_le_bytes());
    out.extend_from_slice(&(rpm as f32).to_le_bytes());
    out.extend_from_slice(&ts_ms.to_le_bytes());
    out.extend_from_slice(&samples.to_le_bytes());
    for value in signal {
        // `as` saturates: rounding at the very peak cannot wrap round.
        out.extend_from_slice(&((value / f64::from(scale)).round() as i16).to_le_bytes());
    }
    Bytes::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_is_the_documented_json() {
        let bytes = telemetry(1_732_250_000_000, 17, "b3", &[("vibration_rms_mm_s", 1.42), ("temperature_c", 41.5)]);
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            r#"{"ts":1732250000000,"seq":17,"boot":"b3","metrics":{"vibration_rms_mm_s":1.42,"temperature_c":41.5}}"#
        );
    }

    #[test]
    fn event_and_status_are_the_documented_json() {
        assert_eq!(&event(5, "E47", true, "brake")[..], br#"{"ts":5,"code":"E47","state":"raised","text":"brake"}"#);
        assert_eq!(&status(Some(5), true)[..], br#"{"state":"online","ts":5}"#);
        assert_eq!(&status(None, false)[..], br#"{"state":"offline"}"#);
    }

    #[test]
    fn a_waveform_has_the_documented_header_and_samples_within_half_a_step() {
        let signal = [0.5, -1.0, 0.25];
        let bytes = waveform(7, 12_800.0, 1480.0, &signal);
        assert_eq!(&bytes[..8], b"FWV1\x01\x01\0\0");
        let f32_at = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((f32_at(12), f32_at(16)), (12_800.0, 1480.0));
        assert_eq!(i64::from_le_bytes(bytes[20..28].try_into().unwrap()), 7);
        assert_eq!(u32::from_le_bytes(bytes[28..32].try_into().unwrap()), 3);
        for (index, value) in signal.iter().enumerate() {
            let raw = i16::from_le_bytes(bytes[32 + 2 * index..34 + 2 * index].try_into().unwrap());
            assert!((f64::from(raw) * f64::from(f32_at(8)) - value).abs() <= 0.51 * f64::from(f32_at(8)));
        }
    }

    #[test]
    fn ids_with_wildcards_or_slashes_are_refused() {
        for id in ["", "a/b", "a+", "#", "a b", &"x".repeat(65)] {
            assert!(!is_valid_id(id), "{id}");
        }
        assert!(is_valid_id("pump-001") && is_valid_id("A.b_c"));
    }
}
