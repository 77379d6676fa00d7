//! What the group robots of WeCom, DingTalk and Feishu have in common: signatures, and answers whose status is 200 even
//! when they refuse.

use super::exchange::{Answer, ROBOT_PAUSE, Verdict};
use super::note::Note;
use super::words;
use base64::Engine;
use serde_json::Value;

/// Base64 of HMAC-SHA256.
pub fn signature(key: &str, message: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(ring::hmac::sign(&key, message.as_bytes()))
}

/// The facts as markdown, each on a line of its own; `gap` is what a robot takes for the end of a line.
pub fn markdown(note: &Note, gap: &str) -> String {
    let facts = words::facts(note).into_iter();
    let mut lines: Vec<String> = facts
        .map(|(label, value)| format!("**{label}**{}{}", words::colon(note), plain(&value)))
        .collect();
    if let Some(link) = &note.link {
        lines.push(format!("[{}]({link})", words::link_name(note)));
    }
    lines.join(gap)
}

/// Line ends would break the list.
fn plain(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

/// What a robot's own code in the body means.
#[derive(Debug, Clone, Copy)]
pub struct Codes {
    /// Where the code stands.
    pub code: &'static str,
    /// Where its explanation stands.
    pub message: &'static str,
    /// Codes that mean: later.
    pub later: &'static [i64],
    /// Codes that mean: this robot is no more.
    pub gone: &'static [i64],
}

/// What an answer means: the status first, then the code.
pub fn judge(codes: &Codes, answer: &Answer) -> Verdict {
    if let Err(verdict) = answer.check() {
        return verdict;
    }
    let body = answer.json();
    let text = words::cut(answer.body.trim(), 200);
    match body.get(codes.code).and_then(Value::as_i64) {
        Some(0) => Verdict::done(text),
        Some(code) => {
            let why = body.get(codes.message).and_then(Value::as_str).unwrap_or_default();
            let error = format!("the robot answered {code}: {}", words::cut(why, 200));
            match () {
                () if codes.later.contains(&code) => Verdict::Retry {
                    error,
                    after: Some(ROBOT_PAUSE),
                },
                () if codes.gone.contains(&code) => Verdict::Gone { error },
                () => Verdict::Refused { error },
            }
        }
        None => Verdict::refused(format!("the robot's answer has no {}: {text}", codes.code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standard() {
        // RFC 4231, test case 2
        assert_eq!(
            signature("Jefe", "what do ya want for nothing?"),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="
        );
    }

    #[test]
    fn a_status_of_200_is_not_enough() {
        let codes = Codes {
            code: "errcode",
            message: "errmsg",
            later: &[130101],
            gone: &[300001],
        };
        let check = |body: &str| {
            let answer = Answer {
                status: 200,
                retry_after: None,
                body: body.to_owned(),
            };
            judge(&codes, &answer)
        };
        assert!(matches!(check(r#"{"errcode":0,"errmsg":"ok"}"#), Verdict::Done { .. }));
        assert_eq!(
            check(r#"{"errcode":130101,"errmsg":"send too fast"}"#),
            Verdict::Retry {
                error: "the robot answered 130101: send too fast".into(),
                after: Some(ROBOT_PAUSE)
            }
        );
        assert!(matches!(
            check(r#"{"errcode":300001,"errmsg":"token is not exist"}"#),
            Verdict::Gone { .. }
        ));
        assert!(matches!(
            check(r#"{"errcode":310000,"errmsg":"sign not match"}"#),
            Verdict::Refused { .. }
        ));
        assert!(matches!(check("<html>"), Verdict::Refused { .. }));
    }
}
