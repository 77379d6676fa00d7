//! The gateway itself: health, quarantine, audit.

use super::{Act, At, schema};
use domain::text::Text;
use serde::Serialize;
use utoipa::ToSchema;

/// How a part of the gateway stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComponentState {
    /// It does its work.
    Ok,
    /// It does its work late or in part.
    Degraded,
    /// It does not.
    Down,
    /// Not configured.
    Off,
}

/// A part of the gateway.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Component {
    /// Such as `listener`, `broker`, `journal`, `history`, `influx`, `outbox`.
    pub name: String,
    /// How it stands.
    pub state: ComponentState,
    /// What a person should know.
    #[schema(value_type = schema::Text)]
    pub detail: Text,
}

/// How the gateway does.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SystemHealth {
    /// Whether it takes readings.
    pub ready: bool,
    /// The program's version.
    pub version: String,
    /// When it was started.
    pub started_at: At,
    /// Position of the newest commit.
    pub journal_position: u64,
    /// How far the history store is behind the journal, in milliseconds.
    pub history_lag_ms: u64,
    /// Packets in quarantine.
    pub quarantined: u64,
    /// Its parts.
    pub components: Vec<Component>,
}

/// A packet that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QuarantinedPacket {
    /// Its number.
    pub id: u64,
    /// Our time.
    pub received_at: At,
    /// The topic, shown as text.
    pub topic: String,
    /// Why, in one word: the label of the metric.
    pub reason: String,
    /// Why, in a sentence.
    pub detail: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// The first bytes: as text where they are printable, else as hexadecimal.
    pub preview: Preview,
}

/// Bytes made safe to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Preview {
    /// Valid UTF-8 without control characters other than tab and line ends.
    Text {
        /// The text.
        text: String,
        /// Whether there is more.
        is_cut: bool,
    },
    /// Anything else.
    Hex {
        /// Pairs of hexadecimal digits, sixteen bytes a line.
        hex: String,
        /// Whether there is more.
        is_cut: bool,
    },
}

impl Preview {
    /// At most `cap` bytes of what arrived. A text is cut between characters.
    pub fn of(bytes: &[u8], cap: usize) -> Preview {
        let is_cut = bytes.len() > cap;
        let head = &bytes[..bytes.len().min(cap)];
        let valid = match std::str::from_utf8(head) {
            Ok(text) => Some(text),
            Err(error) if is_cut && error.error_len().is_none() => {
                std::str::from_utf8(&head[..error.valid_up_to()]).ok()
            }
            Err(_) => None,
        };
        let is_plain = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
        match valid {
            Some(text) if text.chars().all(is_plain) && !text.is_empty() => Preview::Text {
                text: text.to_owned(),
                is_cut,
            },
            Some(_) | None => {
                let lines: Vec<String> = head
                    .chunks(16)
                    .map(|line| {
                        let pairs: Vec<String> = line.iter().map(|b| format!("{b:02x}")).collect();
                        pairs.join(" ")
                    })
                    .collect();
                Preview::Hex {
                    hex: lines.join("\n"),
                    is_cut,
                }
            }
        }
    }
}

/// What came of replaying quarantined packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
pub struct Replayed {
    /// Understood now, and gone from quarantine.
    pub accepted: u64,
    /// Still not understood.
    pub refused: u64,
}

/// One line of the audit trail.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Its number, growing.
    pub id: u64,
    /// Who and when.
    #[serde(flatten)]
    pub act: Act,
    /// What was done, such as `alarm.acknowledge`.
    pub action: String,
    /// To what, such as an alarm or a ticket id.
    pub subject: String,
    /// Anything else; empty if there is nothing.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_text_only_where_it_is_safe_to_look_at() {
        let text = |t: &str, is_cut| Preview::Text {
            text: t.to_owned(),
            is_cut,
        };
        let hex = |t: &str, is_cut| Preview::Hex {
            hex: t.to_owned(),
            is_cut,
        };
        assert_eq!(Preview::of(b"{\"a\":1}", 100), text("{\"a\":1}", false));
        assert_eq!(Preview::of("温度温度".as_bytes(), 7), text("温度", true));
        assert_eq!(Preview::of(b"\xff\x00", 100), hex("ff 00", false));
        assert_eq!(Preview::of(b"a\x1b[2Jb", 3), hex("61 1b 5b", true));
        assert_eq!(Preview::of(b"", 3), hex("", false));
    }
}
