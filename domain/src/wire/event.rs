//! Events: a device's own fault codes, raised and cleared.

use super::status::parse_small;
use super::{MAX_TEXT_BYTES, Rejection, check_timestamp};
use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether a fault code stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// The device reports the fault.
    Raised,
    /// The device takes it back.
    Cleared,
}

/// A fault code of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceEvent {
    /// Device time, if it said.
    pub ts: Option<Timestamp>,
    /// The maker's code, such as `E47`; 1 to 64 bytes.
    pub code: String,
    /// Raised or cleared.
    pub state: EventState,
    /// The maker's words.
    #[serde(default)]
    pub text: String,
}

/// Reads an event payload.
pub fn parse_event(payload: &[u8]) -> Result<DeviceEvent, Rejection> {
    let event: DeviceEvent = parse_small(payload)?;
    if let Some(ts) = event.ts {
        check_timestamp(ts.0)?;
    }
    if event.code.is_empty() {
        return Err(Rejection::Missing { field: "code".into() });
    }
    for (field, text, limit) in [("code", &event.code, 64), ("text", &event.text, MAX_TEXT_BYTES)] {
        if text.len() > limit {
            return Err(Rejection::TextTooLong {
                field: field.into(),
                bytes: text.len(),
                limit,
            });
        }
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_raised_and_cleared() {
        let event =
            parse_event(br#"{"ts":1732250000000,"code":"E47","state":"raised","text":"door blocked"}"#).expect("fine");
        assert_eq!((event.code.as_str(), event.state), ("E47", EventState::Raised));
        assert_eq!(
            parse_event(br#"{"code":"","state":"raised"}"#)
                .expect_err("no code")
                .reason(),
            "missing_field"
        );
        assert_eq!(
            parse_event(br#"{"ts":5,"code":"E","state":"raised"}"#)
                .expect_err("ts")
                .reason(),
            "timestamp_too_early"
        );
    }
}
