//! Wire format v1: what devices send and what we send, as checked types with a typed rejection for all that can be wrong.

pub mod alarm;
pub mod event;
pub mod rejection;
pub mod status;
pub mod telemetry;
pub mod topic;
pub mod waveform;

pub use alarm::{AlarmMessage, ServiceMessage};
pub use event::{DeviceEvent, EventState, parse_event};
pub use rejection::Rejection;
pub use status::{Connectivity, DeviceStatus, parse_status};
pub use telemetry::{TelemetryHead, TelemetryParser};
pub use topic::{Channel, Topic, parse_topic};
pub use waveform::{Encoding, Waveform, parse_waveform};

use crate::Timestamp;

/// The earliest device time accepted, 2000-01-01T00:00:00Z: what is earlier was sent in seconds or by an unset clock.
pub const EARLIEST: Timestamp = Timestamp(946_684_800_000);
/// The first device time refused, 2100-01-01T00:00:00Z: what is later was sent in micro- or nanoseconds.
pub const LATEST: Timestamp = Timestamp(4_102_444_800_000);
/// The longest text (fault text, boot name, unit) in bytes.
pub const MAX_TEXT_BYTES: usize = 256;
/// The deepest nesting of a JSON payload.
pub const MAX_JSON_DEPTH: usize = 16;

/// Accepts a device time in milliseconds, or says which unit or clock error it looks like.
pub fn check_timestamp(ms: i64) -> Result<Timestamp, Rejection> {
    let at = Timestamp(ms);
    if ms <= 0 {
        Err(Rejection::TimestampNotPositive { ts: ms })
    } else if at < EARLIEST {
        Err(Rejection::TimestampTooEarly { ts: ms })
    } else if at >= LATEST {
        Err(Rejection::TimestampTooLate { ts: ms })
    } else {
        Ok(at)
    }
}

/// Depth of the deepest array or object of a JSON text, without parsing it: strings are skipped, nothing else is checked.
pub(crate) fn json_depth(payload: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in payload {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (true, false, b'"') => in_string = false,
            (true, false, _) => {}
            (false, _, b'"') => in_string = true,
            (false, _, b'{' | b'[') => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            (false, _, b'}' | b']') => depth = depth.saturating_sub(1),
            (false, _, _) => {}
        }
    }
    deepest
}
