//! What Jira and ServiceNow tell us of their changes: which ticket, and whether it was closed or commented there. Pure.
//! What we wrote ourselves is recognised by our mark and left alone.

use super::config::Kind;
use super::jira::{OWN_MARK, key_of_label};
use super::words;
use serde_json::Value;

/// Characters of a comment that are taken.
const COMMENT_CHARS: usize = 2_000;

/// A change there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Our key of the ticket.
    pub ticket_key: String,
    /// What happened.
    pub change: There,
}

/// What happened there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// The work is done.
    Closed {
        /// In words, with its number there and who did it.
        text: String,
    },
    /// Somebody said something.
    Commented {
        /// In words, with its number there and who said it.
        text: String,
    },
    /// Nothing that matters here.
    Nothing,
}

/// What a webhook says.
///
/// # Errors
/// What is missing in it.
pub fn read(kind: Kind, body: &Value) -> Result<Told, String> {
    match kind {
        Kind::Jira => jira(body),
        Kind::Servicenow => servicenow(body),
        Kind::Pagerduty
        | Kind::Alertmanager
        | Kind::Email
        | Kind::Slack
        | Kind::Wecom
        | Kind::Dingtalk
        | Kind::Feishu => Err(format!("a receiver of the kind {} tells nothing", kind.as_str())),
    }
}

/// Jira's webhooks: `jira:issue_updated` with the issue and a changelog, `comment_created` with issue and comment.
fn jira(body: &Value) -> Result<Told, String> {
    let issue = &body["issue"];
    let labels = issue["fields"]["labels"]
        .as_array()
        .ok_or("issue.fields.labels is missing")?;
    let ours = labels.iter().find_map(|l| l.as_str().and_then(key_of_label));
    let ticket_key = ours.ok_or("the issue has no label of ours")?.to_owned();
    let key = issue["key"].as_str().ok_or("issue.key is missing")?;
    let name = |person: &Value| {
        let names = ["displayName", "name", "accountId"];
        let found = names.iter().find_map(|field| person[*field].as_str());
        words::cut(found.unwrap_or("somebody"), 100)
    };
    let event = body["webhookEvent"].as_str().unwrap_or_default();
    let comment = body["comment"]["body"].as_str();
    let has_moved = body["changelog"]["items"].as_array().is_some_and(|items| {
        items
            .iter()
            .any(|item| matches!(item["field"].as_str(), Some("status" | "resolution")))
    });
    let is_done = issue["fields"]["status"]["statusCategory"]["key"] == "done";
    let change = match (event, comment) {
        (_, Some(text)) if event != "comment_deleted" && text.contains(OWN_MARK) => There::Nothing,
        ("comment_created", Some(text)) => There::Commented {
            text: words::cut(
                &format!("{key}, {}: {text}", name(&body["comment"]["author"])),
                COMMENT_CHARS,
            ),
        },
        ("jira:issue_updated", _) if has_moved && is_done => There::Closed {
            text: format!("closed in Jira {key} by {}", name(&body["user"])),
        },
        (_, _) => There::Nothing,
    };
    Ok(Told { ticket_key, change })
}

/// A business rule's message: `{correlation_id, number, state, by, comment}`, as `docs/receivers.md` shows.
fn servicenow(body: &Value) -> Result<Told, String> {
    let text = |key: &str| body[key].as_str().ok_or_else(|| format!("{key} is missing"));
    let ticket_key = text("correlation_id")?.to_owned();
    let (number, by) = (
        text("number")?,
        words::cut(body["by"].as_str().unwrap_or("somebody"), 100),
    );
    let is_closed = match &body["state"] {
        Value::String(state) => matches!(state.as_str(), "6" | "7"),
        Value::Number(state) => matches!(state.as_u64(), Some(6 | 7)),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => false,
    };
    let comment = body["comment"].as_str().filter(|c| !c.trim().is_empty());
    let change = match (is_closed, comment) {
        (true, _) => There::Closed {
            text: format!("closed in ServiceNow {number} by {by}"),
        },
        (false, Some(comment)) => There::Commented {
            text: words::cut(&format!("{number}, {by}: {comment}"), COMMENT_CHARS),
        },
        (false, None) => There::Nothing,
    };
    Ok(Told { ticket_key, change })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn issue(category: &str) -> Value {
        json!({"key": "PUMPS-3", "fields": {"labels": ["forewarn", "forewarn:harbour/pump-1/bearing_wear/1"],
               "status": {"statusCategory": {"key": category}}}})
    }

    fn check(kind: Kind, body: Value, expected: There) {
        let expected = Told {
            ticket_key: "harbour/pump-1/bearing_wear/1".into(),
            change: expected,
        };
        assert_eq!(read(kind, &body), Ok(expected));
    }

    #[test]
    fn jira_closes_and_comments_and_our_own_words_do_not_come_back() {
        let moved = json!({"items": [{"field": "status", "toString": "Done"}]});
        let closed = There::Closed {
            text: "closed in Jira PUMPS-3 by Li Wei".into(),
        };
        let user = json!({"displayName": "Li Wei"});
        let update = |category: &str| json!({"webhookEvent": "jira:issue_updated", "user": user, "issue": issue(category), "changelog": moved});
        check(Kind::Jira, update("done"), closed);
        check(Kind::Jira, update("indeterminate"), There::Nothing);
        let comment = |body: &str| json!({"webhookEvent": "comment_created", "issue": issue("new"), "comment": {"author": {"displayName": "Li Wei"}, "body": body}});
        let said = There::Commented {
            text: "PUMPS-3, Li Wei: part ordered".into(),
        };
        check(Kind::Jira, comment("part ordered"), said);
        check(
            Kind::Jira,
            comment("Closed\n[forewarn ticket/T-000007/5]"),
            There::Nothing,
        );
        assert!(
            read(
                Kind::Jira,
                &json!({"issue": {"key": "X-1", "fields": {"labels": ["other"]}}})
            )
            .is_err()
        );
    }

    #[test]
    fn servicenow_closes_and_comments() {
        let told = |state: &str, comment: &str| json!({"correlation_id": "harbour/pump-1/bearing_wear/1", "number": "INC0010023", "state": state, "by": "Li Wei", "comment": comment});
        let closed = There::Closed {
            text: "closed in ServiceNow INC0010023 by Li Wei".into(),
        };
        check(Kind::Servicenow, told("6", ""), closed);
        let said = There::Commented {
            text: "INC0010023, Li Wei: part ordered".into(),
        };
        check(Kind::Servicenow, told("2", "part ordered"), said);
        check(Kind::Servicenow, told("2", " "), There::Nothing);
    }
}
