//! Slack's incoming webhooks, and what takes the same: Mattermost, Rocket.Chat. `text` holds everything, because not all
//! of them know `blocks`.

use super::exchange::{Answer, Request, Verdict};
use super::note::Note;
use super::words;
use serde_json::{Value, json};

/// Characters of a header block.
const HEADER_CHARS: usize = 150;
/// Characters of a section block.
const SECTION_CHARS: usize = 3_000;
/// Characters of `text`; Slack cuts beyond 40000.
const TEXT_CHARS: usize = 4_000;

/// The message.
pub fn request(url: &str, note: &Note) -> Request {
    Request::post(url, body(note))
}

fn body(note: &Note) -> Value {
    let facts = words::facts(note).into_iter();
    let facts: Vec<String> = facts
        .map(|(label, value)| format!("*{label}*{}{}", words::colon(note), escaped(&value)))
        .collect();
    let facts = facts.join("\n");
    let link = note
        .link
        .as_ref()
        .map(|link| format!("<{}|{}>", escaped(link), words::link_name(note)));
    let mut blocks = vec![
        json!({"type": "header", "text": {"type": "plain_text", "text": words::cut(&words::headline(note), HEADER_CHARS)}}),
        json!({"type": "section", "text": {"type": "mrkdwn", "text": words::cut(&facts, SECTION_CHARS)}}),
    ];
    let mut text = words::cut(&format!("*{}*\n{facts}", escaped(&words::headline(note))), TEXT_CHARS);
    if let Some(link) = link {
        blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": link}]}));
        text = format!("{text}\n{link}");
    }
    json!({"text": text, "blocks": blocks})
}

/// The three characters that mean something in Slack's text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The status says it all. An archived channel answers 410, a removed webhook 404 with `no_service`.
pub fn judge(answer: &Answer) -> Verdict {
    match answer.check() {
        Ok(()) => Verdict::done(words::cut(answer.body.trim(), 200)),
        Err(verdict) => match answer.body.trim() {
            "no_service" | "no_active_hooks" => Verdict::Gone {
                error: format!("the receiver answered {}: {}", answer.status, answer.body.trim()),
            },
            _ => verdict,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::alarm;
    use super::*;
    use domain::text::Language;

    #[test]
    fn an_alarm_is_text_and_blocks() {
        let mut note = alarm(Language::En);
        note.reason = "9 > 7 & <b>".into();
        let facts = "*Site*: harbour\n*Machine*: pump-1 (Hall 3, SN-77)\n*Customer*: Waterworks\n*Reason*: 9 &gt; 7 &amp; &lt;b&gt;\n\
                     *Severity*: Critical\n*Risk*: high\n*Ticket*: T-000007\n*To do*: Replace the bearing\n*Time*: 2026-10-01 08:00 UTC";
        let link = "<https://fw.example/alarms/harbour/pump-1/bearing_wear/1|Open in Forewarn>";
        assert_eq!(
            request("https://hooks.example/x", &note).body,
            Some(json!({
                "text": format!("*[Critical] Bearing wear — harbour/pump-1*\n{facts}\n{link}"),
                "blocks": [
                    {"type": "header", "text": {"type": "plain_text", "text": "[Critical] Bearing wear — harbour/pump-1"}},
                    {"type": "section", "text": {"type": "mrkdwn", "text": facts}},
                    {"type": "context", "elements": [{"type": "mrkdwn", "text": link}]},
                ],
            }))
        );
        let chinese = body(&alarm(Language::Zh));
        assert_eq!(
            chinese["blocks"][0]["text"]["text"],
            "【严重】轴承磨损 — harbour/pump-1"
        );
    }

    #[test]
    fn what_is_long_is_cut() {
        let mut note = alarm(Language::En);
        (note.title, note.reason) = ("t".repeat(400), "r".repeat(9_000));
        let body = body(&note);
        let chars = |value: &Value| value.as_str().map(|t| t.chars().count());
        assert_eq!(chars(&body["blocks"][0]["text"]["text"]), Some(150));
        assert_eq!(chars(&body["blocks"][1]["text"]["text"]), Some(3_000));
    }

    #[test]
    fn a_removed_webhook_is_gone() {
        let answer = |status, body: &str| Answer {
            status,
            retry_after: None,
            body: body.into(),
        };
        assert_eq!(judge(&answer(200, "ok")), Verdict::done("ok"));
        assert!(matches!(judge(&answer(404, "no_service")), Verdict::Gone { .. }));
        assert!(matches!(
            judge(&answer(410, "channel_is_archived")),
            Verdict::Gone { .. }
        ));
        assert!(matches!(
            judge(&answer(400, "invalid_payload")),
            Verdict::Refused { .. }
        ));
    }
}
