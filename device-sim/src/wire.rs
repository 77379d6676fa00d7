//! What goes over the wire: topics and payloads of wire v1 (`domain::wire`) as a device writes them. Encodes only.

use std::sync::Arc;

use bytes::Bytes;
use domain::Timestamp;
use domain::wire::{Connectivity, DeviceEvent, DeviceStatus, Encoding, EventState, Waveform};
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
    json(&Telemetry {
        ts: ts_ms,
        seq,
        boot,
        metrics: Metrics(metrics),
    })
}

/// A fault code of the device itself.
#[must_use]
pub fn event(ts_ms: i64, code: &str, is_raised: bool, text: &str) -> Bytes {
    let state = if is_raised {
        EventState::Raised
    } else {
        EventState::Cleared
    };
    json(&DeviceEvent {
        ts: Some(Timestamp(ts_ms)),
        code: code.to_owned(),
        state,
        text: text.to_owned(),
    })
}

/// Presence of a device. A will carries no time: the gateway stamps it on arrival.
#[must_use]
pub fn status(ts_ms: Option<i64>, is_online: bool) -> Bytes {
    let state = if is_online {
        Connectivity::Online
    } else {
        Connectivity::Offline
    };
    json(&DeviceStatus {
        state,
        ts: ts_ms.map(Timestamp),
    })
}

/// A waveform snapshot of one axis as `FWV1` with 16-bit samples; the scale uses the whole range.
#[must_use]
pub fn waveform(ts_ms: i64, sample_rate_hz: f64, rpm: f64, signal: &[f64]) -> Bytes {
    let peak = signal.iter().fold(0.0f64, |peak, value| peak.max(value.abs()));
    let scale = if peak > 0.0 {
        (peak / f64::from(i16::MAX)) as f32
    } else {
        1.0
    };
    let waveform = Waveform {
        measured_at: Some(Timestamp(ts_ms)),
        sample_rate_hz: sample_rate_hz as f32,
        rpm: Some(rpm as f32),
        axes: vec![signal.iter().map(|value| *value as f32).collect()],
    };
    Bytes::from(waveform.encode(Encoding::I16, scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::wire::{parse_event, parse_status, parse_topic, parse_waveform};

    #[test]
    fn telemetry_is_the_documented_json() {
        let bytes = telemetry(
            1_732_250_000_000,
            17,
            "b3",
            &[("vibration_rms_mm_s", 1.42), ("temperature_c", 41.5)],
        );
        assert_eq!(
            std::str::from_utf8(&bytes).unwrap(),
            r#"{"ts":1732250000000,"seq":17,"boot":"b3","metrics":{"vibration_rms_mm_s":1.42,"temperature_c":41.5}}"#
        );
    }

    #[test]
    fn event_and_status_are_read_back_by_the_gateways_parsers() {
        let event = parse_event(&event(1_732_250_000_000, "E47", true, "brake")).unwrap();
        assert_eq!(
            (event.code.as_str(), event.state, event.ts.unwrap().0),
            ("E47", EventState::Raised, 1_732_250_000_000)
        );
        let online = parse_status(&status(Some(1_732_250_000_000), true)).unwrap();
        assert_eq!(
            (online.state, online.ts),
            (Connectivity::Online, Some(Timestamp(1_732_250_000_000)))
        );
        let will = parse_status(&status(None, false)).unwrap();
        assert_eq!((will.state, will.ts), (Connectivity::Offline, None));
    }

    #[test]
    fn a_waveform_is_read_back_within_half_a_step() {
        let signal = [0.5, -1.0, 0.25];
        let read = parse_waveform(&waveform(1_732_250_000_000, 12_800.0, 1480.0, &signal)).unwrap();
        assert_eq!((read.sample_rate_hz, read.rpm), (12_800.0, Some(1480.0)));
        for (value, expected) in read.axes[0].iter().zip(signal) {
            assert!((f64::from(*value) - expected).abs() <= 0.51 / f64::from(i16::MAX));
        }
    }

    #[test]
    fn topics_are_read_back_as_the_device() {
        let topics = Topics::new("plant", "pump-001");
        for topic in [&topics.telemetry, &topics.waveform, &topics.event, &topics.status] {
            assert_eq!(parse_topic(topic).unwrap().device.to_string(), "plant/pump-001");
        }
    }
}
