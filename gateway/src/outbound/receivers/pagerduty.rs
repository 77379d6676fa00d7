//! PagerDuty Events API v2. The alarm's id is the `dedup_key`, so that a second try is the same event.

use super::exchange::{Answer, Request, Verdict};
use super::note::{About, Note, Phase};
use super::words;
use domain::Severity;
use serde_json::{Map, Value, json};

/// Characters of a summary.
const SUMMARY_CHARS: usize = 1_024;
/// Characters of a `dedup_key`.
const KEY_CHARS: usize = 255;

/// The event; none for a change that means nothing there.
pub fn request(url: &str, routing_key: &str, note: &Note) -> Option<Request> {
    let note = &note.apart();
    let action = match note.phase {
        // of what is chattering or told as one incident nobody is woken
        Phase::Open | Phase::Reopened | Phase::Changed if !note.is_told => return None,
        Phase::Open | Phase::Reopened | Phase::Changed => "trigger",
        Phase::Acknowledged | Phase::Hidden => "acknowledge",
        Phase::Over => "resolve",
    };
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": words::cut(&note.thread, KEY_CHARS),
    });
    if action == "trigger" {
        event["payload"] = payload(note);
        event["client"] = json!("Forewarn");
        if let Some(link) = &note.link {
            event["client_url"] = json!(link);
            event["links"] = json!([{"href": link, "text": words::link_name(note)}]);
        }
    }
    Some(Request::post(url, event))
}

/// Ends what a trial began.
pub fn end_of_trial(url: &str, routing_key: &str, note: &Note) -> Request {
    let event = json!({"routing_key": routing_key, "event_action": "resolve", "dedup_key": note.thread});
    Request::post(url, event)
}

fn payload(note: &Note) -> Value {
    let details: Map<String, Value> = words::facts(note)
        .into_iter()
        .map(|(label, value)| (label.to_owned(), Value::String(value)))
        .collect();
    let mut payload = json!({
        "summary": words::cut(&words::headline(note), SUMMARY_CHARS),
        "source": words::place(note),
        "severity": severity(note),
        "timestamp": note.at.to_string(),
        "group": note.site,
        "class": note.failure_mode,
        "custom_details": details,
    });
    if let Some(device) = &note.device {
        payload["component"] = json!(device.device);
    }
    if note.about == About::Incident {
        payload["class"] = json!("incident");
    }
    payload
}

fn severity(note: &Note) -> &'static str {
    match note.severity {
        _ if note.is_emergency => "critical",
        Some(Severity::Critical) => "critical",
        Some(Severity::Warning) => "warning",
        Some(Severity::Advisory) | None => "info",
    }
}

/// 202 is taken over. 400 means that the event is wrong, and stays wrong.
pub fn judge(answer: &Answer) -> Verdict {
    match answer.check() {
        Ok(()) => Verdict::done(words::cut(answer.body.trim(), 200)),
        Err(verdict) => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{alarm, alarm_in};
    use super::*;
    use domain::text::Language;

    const KEY: &str = "R0123456789abcdef0123456789abcdef";
    const DEDUP: &str = "harbour/pump-1/bearing_wear/1";

    #[test]
    fn an_alarm_triggers_with_everything() {
        let link = "https://fw.example/alarms/harbour/pump-1/bearing_wear/1";
        let request = request("https://pd.example/v2/enqueue", KEY, &alarm(Language::En)).expect("an event");
        assert_eq!(
            request.body,
            Some(json!({
                "routing_key": KEY,
                "event_action": "trigger",
                "dedup_key": DEDUP,
                "client": "Forewarn",
                "client_url": link,
                "links": [{"href": link, "text": "Open in Forewarn"}],
                "payload": {
                    "summary": "[Critical] Bearing wear — harbour/pump-1",
                    "source": "harbour/pump-1",
                    "severity": "critical",
                    "timestamp": "2026-10-01T08:00:00.000Z",
                    "component": "pump-1",
                    "group": "harbour",
                    "class": "bearing_wear",
                    "custom_details": {
                        "Site": "harbour",
                        "Machine": "pump-1 (Hall 3, SN-77)",
                        "Customer": "Waterworks",
                        "Reason": "vibration 9.2 mm/s is above the limit 7.1 mm/s",
                        "Severity": "Critical",
                        "Risk": "high",
                        "Ticket": "T-000007",
                        "To do": "Replace the bearing",
                        "Time": "2026-10-01 08:00 UTC",
                    },
                },
            }))
        );
    }

    #[test]
    fn later_changes_acknowledge_and_resolve_under_the_same_key() {
        for (state, action) in [
            ("acknowledged", "acknowledge"),
            ("returned_unacknowledged", "resolve"),
            ("normal", "resolve"),
        ] {
            let request = request("https://x/", KEY, &alarm_in(state, Language::En)).expect("an event");
            let expected = json!({"routing_key": KEY, "event_action": action, "dedup_key": DEDUP});
            assert_eq!(request.body, Some(expected));
        }
    }

    #[test]
    fn nobody_is_woken_by_what_people_are_not_to_be_told() {
        let note = Note {
            is_told: false,
            ..alarm(Language::En)
        };
        assert_eq!(request("https://x/", KEY, &note), None);
    }

    #[test]
    fn a_long_summary_is_cut() {
        let mut note = alarm(Language::Zh);
        note.title = "振".repeat(3_000);
        let summary = payload(&note)["summary"].as_str().expect("text").to_owned();
        assert_eq!(summary.chars().count(), 1_024);
        assert!(summary.ends_with('…'));
    }

    #[test]
    fn a_bad_rating_stands_by_itself_and_is_resolved_when_it_is_settled() {
        use super::super::samples::ticket;
        use alerting::ticket::{Actor, FollowUpCause, FollowUpStep, TicketChange};
        let told = |because| TicketChange::FollowUpTold {
            step: FollowUpStep::Agent,
            people: vec!["li".into()],
            because,
            due_at: domain::Timestamp(0),
        };
        let answered = |is_settled| TicketChange::FollowUpAnswered {
            step: FollowUpStep::Agent,
            agreed: "a new seal".into(),
            is_settled,
        };
        for (change, action) in [
            (told(FollowUpCause::BadRating { rating: 1 }), "trigger"),
            (told(FollowUpCause::Late), "trigger"),
            (answered(true), "resolve"),
        ] {
            let event = request("https://pd.example", KEY, &ticket(9, change, Actor::System)).expect("an event");
            let body = event.body.expect("JSON");
            assert_eq!(body["event_action"], action);
            assert_eq!(body["dedup_key"], "ticket/harbour/pump-1/bearing_wear/1/rating");
        }
    }
}
