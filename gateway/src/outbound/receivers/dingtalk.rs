//! A group robot of DingTalk (钉钉): `https://oapi.dingtalk.com/robot/send?access_token=…`, signed in the query. Markdown;
//! 20 messages a minute.

use super::exchange::{Answer, Request, Verdict, encoded};
use super::note::Note;
use super::robots::{Codes, judge as judge_robot, markdown, signature};
use super::words;
use domain::Timestamp;
use serde_json::json;

/// Bytes of `text`: the whole message may have 20000.
const TEXT_BYTES: usize = 18_000;
/// Characters of the title in the list of chats.
const TITLE_CHARS: usize = 100;
/// -1 busy, 130101 and 410100 too often; 300001 and 400101 unknown token, 400102 the robot was stopped.
const CODES: Codes = Codes {
    code: "errcode",
    message: "errmsg",
    later: &[-1, 130_101, 410_100],
    gone: &[300_001, 400_101, 400_102],
};

/// The message; `now` is signed with it and may be an hour off at most.
pub fn request(url: &str, secret: Option<&str>, note: &Note, now: Timestamp) -> Request {
    let url = match secret {
        Some(secret) => {
            let sign = encoded(&signature(secret, &format!("{}\n{secret}", now.0)));
            let joint = if url.contains('?') { '&' } else { '?' };
            format!("{url}{joint}timestamp={}&sign={sign}", now.0)
        }
        None => url.to_owned(),
    };
    let headline = words::headline(note);
    // a line ends with an empty one in DingTalk's markdown
    let text = format!("### {headline}\n\n{}", markdown(note, "\n\n"));
    let body = json!({
        "msgtype": "markdown",
        "markdown": {"title": words::cut(&headline, TITLE_CHARS), "text": words::cut_bytes(&text, TEXT_BYTES)},
        "at": {"isAtAll": false},
    });
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
    fn an_alarm_is_signed_markdown() {
        let url = "https://oapi.dingtalk.com/robot/send?access_token=t";
        let request = request(url, Some("SECabc"), &alarm(Language::En), AT);
        // computed apart from this program, with Python's hmac
        let sign = "Av8P2Zwm0iCKexTa%2FI6Son0dIt2vN7niBE7vjrom7w4%3D";
        assert_eq!(request.url, format!("{url}&timestamp=1790841600000&sign={sign}"));
        let text = "### [Critical] Bearing wear — harbour/pump-1\n\n**Site**: harbour\n\n**Machine**: pump-1 (Hall 3, SN-77)\n\n\
                    **Customer**: Waterworks\n\n**Reason**: vibration 9.2 mm/s is above the limit 7.1 mm/s\n\n\
                    **Severity**: Critical\n\n**Risk**: high\n\n**Ticket**: T-000007\n\n**To do**: Replace the bearing\n\n\
                    **Time**: 2026-10-01 08:00 UTC\n\n\
                    [Open in Forewarn](https://fw.example/alarms/harbour/pump-1/bearing_wear/1)";
        let title = "[Critical] Bearing wear — harbour/pump-1";
        assert_eq!(
            request.body,
            Some(json!({"msgtype": "markdown", "markdown": {"title": title, "text": text}, "at": {"isAtAll": false}}))
        );
    }
}
