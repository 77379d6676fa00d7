//! A group robot of Feishu (飞书) or Lark: `https://open.feishu.cn/open-apis/bot/v2/hook/…`, signed in the body. A card; at
//! most 20 kB, 100 messages a minute.

use super::exchange::{Answer, Request, Verdict};
use super::note::{Note, Phase};
use super::robots::{Codes, judge as judge_robot, markdown, signature};
use super::words;
use domain::{Severity, Timestamp};
use serde_json::json;

/// Bytes of the text, so that the whole body stays below 20 kB.
const TEXT_BYTES: usize = 15_000;
/// Characters of the title.
const TITLE_CHARS: usize = 100;
/// 11232 too often; 19001 unknown token.
const CODES: Codes = Codes {
    code: "code",
    message: "msg",
    later: &[11_232],
    gone: &[19_001],
};

/// The message; `now` is signed with it and may be an hour off at most.
pub fn request(url: &str, secret: Option<&str>, note: &Note, now: Timestamp) -> Request {
    let template = match (note.phase, note.severity) {
        (Phase::Over, _) => "green",
        (_, Some(Severity::Critical)) => "red",
        (_, Some(Severity::Warning)) => "orange",
        (_, Some(Severity::Advisory) | None) => "blue",
    };
    let without_link = Note {
        link: None,
        ..note.clone()
    };
    let text = words::cut_bytes(&markdown(&without_link, "\n"), TEXT_BYTES);
    let mut elements = vec![json!({"tag": "div", "text": {"tag": "lark_md", "content": text}})];
    if let Some(link) = &note.link {
        let name = json!({"tag": "plain_text", "content": words::link_name(note)});
        let button = json!({"tag": "button", "text": name, "url": link, "type": "default"});
        elements.push(json!({"tag": "action", "actions": [button]}));
    }
    let title = words::cut(&words::headline(note), TITLE_CHARS);
    let mut body = json!({
        "msg_type": "interactive",
        "card": {
            "config": {"wide_screen_mode": true},
            "header": {"template": template, "title": {"tag": "plain_text", "content": title}},
            "elements": elements,
        },
    });
    if let Some(secret) = secret {
        let seconds = now.0.div_euclid(1_000);
        body["timestamp"] = json!(seconds.to_string());
        // the text to sign is empty, time and secret are the key
        body["sign"] = json!(signature(&format!("{seconds}\n{secret}"), ""));
    }
    Request::post(url, body)
}

/// What an answer means.
pub fn judge(answer: &Answer) -> Verdict {
    judge_robot(&CODES, answer)
}

#[cfg(test)]
mod tests {
    use super::super::samples::{AT, alarm};
    use super::*;
    use domain::text::Language;

    #[test]
    fn an_alarm_is_a_signed_card() {
        let request = request(
            "https://open.feishu.cn/hook/x",
            Some("SECabc"),
            &alarm(Language::Zh),
            AT,
        );
        let text = "**站点**：harbour\n**设备**：pump-1（Hall 3, SN-77）\n**客户**：Waterworks\n\
                    **原因**：振动 9.2 mm/s 超过限值 7.1 mm/s\n**严重程度**：严重\n**风险**：高\n**工单**：T-000007\n\
                    **建议措施**：更换轴承\n**时间**：2026-10-01 08:00 UTC";
        assert_eq!(
            request.body,
            Some(json!({
                "timestamp": "1790841600",
                // computed apart from this program, with Python's hmac
                "sign": "OomTcymfk8ukH8SUhJu6ZRmTVetAM4x+QwBnFaZEczI=",
                "msg_type": "interactive",
                "card": {
                    "config": {"wide_screen_mode": true},
                    "header": {"template": "red", "title": {"tag": "plain_text", "content": "【严重】轴承磨损 — harbour/pump-1"}},
                    "elements": [
                        {"tag": "div", "text": {"tag": "lark_md", "content": text}},
                        {"tag": "action", "actions": [{
                            "tag": "button", "type": "default",
                            "text": {"tag": "plain_text", "content": "在 Forewarn 中查看"},
                            "url": "https://fw.example/alarms/harbour/pump-1/bearing_wear/1",
                        }]},
                    ],
                },
            }))
        );
    }

    #[test]
    fn its_codes_have_their_meaning() {
        let verdict = |code: i64| {
            judge(&Answer {
                status: 200,
                retry_after: None,
                body: json!({"code": code, "msg": "x"}).to_string(),
            })
        };
        assert!(matches!(verdict(0), Verdict::Done { .. }));
        assert!(matches!(verdict(11_232), Verdict::Retry { .. }));
        assert!(matches!(verdict(19_021), Verdict::Refused { .. }));
        assert!(matches!(verdict(19_001), Verdict::Gone { .. }));
    }
}
