//! Topics: `forewarn/{site}/{device}/{channel}`. Identity comes from here, never from the payload.

use super::Rejection;
use crate::{DeviceKey, DeviceName, IdError, SensorName, SiteName};

/// The first level of every topic of ours.
pub const PREFIX: &str = "forewarn";

/// What a device sends on a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Channel {
    /// Readings as JSON.
    Telemetry,
    /// A snapshot of fast samples of one sensor.
    Waveform(SensorName),
    /// The device's own fault codes.
    Event,
    /// Online or offline, retained, and the will.
    Status,
}

/// A topic that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Who sends.
    pub device: DeviceKey,
    /// What.
    pub channel: Channel,
}

/// Reads a topic of an incoming message.
pub fn parse_topic(topic: &str) -> Result<Topic, Rejection> {
    let unknown = || Rejection::UnknownTopic {
        topic: topic.chars().take(super::MAX_TEXT_BYTES).collect(),
    };
    let mut levels = topic.split('/');
    let (Some(PREFIX), Some(site), Some(device), Some(channel)) =
        (levels.next(), levels.next(), levels.next(), levels.next())
    else {
        return Err(unknown());
    };
    let bad = |level: &str, error: IdError| Rejection::BadName {
        level: level.chars().take(super::MAX_TEXT_BYTES).collect(),
        problem: error.to_string(),
    };
    let channel = match (channel, levels.next()) {
        ("telemetry", None) => Channel::Telemetry,
        ("event", None) => Channel::Event,
        ("status", None) => Channel::Status,
        ("waveform", Some(sensor)) => Channel::Waveform(SensorName::new(sensor).map_err(|e| bad(sensor, e))?),
        _ => return Err(unknown()),
    };
    if levels.next().is_some() {
        return Err(unknown());
    }
    Ok(Topic {
        device: DeviceKey {
            site: SiteName::new(site).map_err(|e| bad(site, e))?,
            device: DeviceName::new(device).map_err(|e| bad(device, e))?,
        },
        channel,
    })
}

/// The topic on which a device's channel is published.
pub fn device_topic(device: &DeviceKey, channel: &str) -> String {
    format!("{PREFIX}/{}/{}/{channel}", device.site, device.device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_channel_come_from_the_topic() {
        let topic = parse_topic("forewarn/north/pump-1/waveform/drive_end").expect("fine");
        assert_eq!(topic.device, DeviceKey::new("north", "pump-1").expect("fine"));
        assert_eq!(
            topic.channel,
            Channel::Waveform(SensorName::new("drive_end").expect("fine"))
        );
    }

    #[test]
    fn foreign_and_malformed_topics_are_refused_with_their_reason() {
        for (topic, reason) in [
            ("", "unknown_topic"),
            ("forewarn/a/b", "unknown_topic"),
            ("forewarn/a/b/telemetry/x", "unknown_topic"),
            ("forewarn/a/b/waveform", "unknown_topic"),
            ("forewarn/a/b/waveform/s/t", "unknown_topic"),
            ("other/a/b/telemetry", "unknown_topic"),
            ("forewarn//b/telemetry", "bad_name"),
            ("forewarn/a/+/telemetry", "bad_name"),
            ("forewarn/#/b/telemetry", "bad_name"),
            ("forewarn/a/$b/telemetry", "bad_name"),
            ("forewarn/a/b/waveform/s p", "bad_name"),
        ] {
            assert_eq!(parse_topic(topic).expect_err(topic).reason(), reason, "{topic}");
        }
    }
}
