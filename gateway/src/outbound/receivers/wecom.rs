//! A group robot of WeCom (企业微信): `https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…`. Markdown of at most 4096
//! bytes; 20 messages a minute.

use super::exchange::{Answer, Request, Verdict};
use super::note::{Note, Phase};
use super::robots::{Codes, judge as judge_robot, markdown};
use super::words;
use domain::Severity;
use serde_json::json;

/// Bytes of `content`.
const CONTENT_BYTES: usize = 4_096;
/// -1 busy, 45009 too often; 93000 the address is no longer valid or the robot was removed.
const CODES: Codes = Codes {
    code: "errcode",
    message: "errmsg",
    later: &[-1, 45_009, 45_033],
    gone: &[93_000],
};

/// The message.
pub fn request(url: &str, note: &Note) -> Request {
    let colour = match (note.phase, note.severity) {
        (Phase::Over, _) => "info",
        (_, Some(Severity::Critical)) => "warning",
        (_, Some(Severity::Warning | Severity::Advisory) | None) => "comment",
    };
    let head = format!("### <font color=\"{colour}\">{}</font>\n", words::headline(note));
    // the link comes last and is worth more than the end of a long reason
    let link = note.link.as_ref();
    let link = link.map_or_else(String::new, |link| format!("\n[{}]({link})", words::link_name(note)));
    let without_link = Note {
        link: None,
        ..note.clone()
    };
    let facts = markdown(&without_link, "\n");
    let room = CONTENT_BYTES.saturating_sub(head.len() + link.len());
    let content = format!("{head}{}{link}", words::cut_bytes(&facts, room));
    let body = json!({"msgtype": "markdown", "markdown": {"content": words::cut_bytes(&content, CONTENT_BYTES)}});
    Request::post(url, body)
}

/// What an answer means.
pub fn judge(answer: &Answer) -> Verdict {
    judge_robot(&CODES, answer)
}

#[cfg(test)]
mod tests {
    use super::super::samples::alarm;
    use super::*;
    use domain::text::Language;

    #[test]
    fn an_alarm_is_markdown_in_chinese() {
        let request = request(
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k",
            &alarm(Language::Zh),
        );
        let content = "### <font color=\"warning\">【严重】轴承磨损 — harbour/pump-1</font>\n**站点**：harbour\n\
                       **设备**：pump-1（Hall 3, SN-77）\n**客户**：Waterworks\n**原因**：振动 9.2 mm/s 超过限值 7.1 mm/s\n\
                       **严重程度**：严重\n**风险**：高\n**工单**：T-000007\n**建议措施**：更换轴承\n**时间**：2026-10-01 08:00 UTC\n\
                       [在 Forewarn 中查看](https://fw.example/alarms/harbour/pump-1/bearing_wear/1)";
        assert_eq!(
            request.body,
            Some(json!({"msgtype": "markdown", "markdown": {"content": content}}))
        );
    }

    #[test]
    fn a_long_reason_is_cut_and_the_link_stays() {
        let mut note = alarm(Language::Zh);
        note.reason = "振".repeat(3_000);
        let body = request("https://x/", &note).body.expect("a body");
        let content = body["markdown"]["content"].as_str().expect("text");
        assert!(
            content.len() <= 4_096 && content.ends_with("/1)") && content.contains('…'),
            "{}",
            content.len()
        );
    }

    #[test]
    fn its_codes_have_their_meaning() {
        let verdict = |code: i64| {
            judge(&Answer {
                status: 200,
                retry_after: None,
                body: json!({"errcode": code, "errmsg": "x"}).to_string(),
            })
        };
        assert!(matches!(verdict(0), Verdict::Done { .. }));
        assert!(matches!(verdict(45_009), Verdict::Retry { .. }));
        assert!(matches!(verdict(93_000), Verdict::Gone { .. }));
        assert!(matches!(verdict(40_058), Verdict::Refused { .. }));
    }
}
