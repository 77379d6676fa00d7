//! Status: whether a device is there. Retained; also the will.

use super::{MAX_JSON_DEPTH, Rejection, check_timestamp, json_depth};
use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// Whether a device is there, by its own word or its will.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connectivity {
    /// It is there.
    Online,
    /// It is gone.
    Offline,
}

/// A status message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// There or gone.
    pub state: Connectivity,
    /// Device time; a will has none.
    pub ts: Option<Timestamp>,
}

/// Reads a status payload.
pub fn parse_status(payload: &[u8]) -> Result<DeviceStatus, Rejection> {
    let status: DeviceStatus = parse_small(payload)?;
    if let Some(ts) = status.ts {
        check_timestamp(ts.0)?;
    }
    Ok(status)
}

/// Reads a small JSON payload of fixed shape.
pub(super) fn parse_small<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, Rejection> {
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Err(Rejection::Empty);
    }
    let text = std::str::from_utf8(payload).map_err(|e| Rejection::NotUtf8 { at: e.valid_up_to() })?;
    let depth = json_depth(payload);
    if depth > MAX_JSON_DEPTH {
        return Err(Rejection::TooDeep {
            depth,
            limit: MAX_JSON_DEPTH,
        });
    }
    serde_json::from_str(text).map_err(|error| Rejection::NotJson {
        problem: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_will_needs_no_time() {
        let status = parse_status(br#"{"state":"offline"}"#).expect("fine");
        assert_eq!((status.state, status.ts), (Connectivity::Offline, None));
        assert_eq!(parse_status(b"").expect_err("empty").reason(), "empty");
        assert_eq!(
            parse_status(br#"{"state":"gone"}"#).expect_err("unknown").reason(),
            "not_json"
        );
    }
}
