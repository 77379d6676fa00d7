//! Alertmanager API v2. An alert there is its set of labels, so an alarm whose severity changes ends under its other
//! severities in the same request. A standing alert is given an end far ahead; it needs no repetition.

use super::exchange::{Answer, Request, Verdict};
use super::note::{About, Note, Phase};
use super::words;
use domain::{Millis, Severity};
use serde_json::{Value, json};

/// How long Alertmanager keeps a standing alert of which it hears nothing more.
const LASTS: Millis = Millis::days(30);

/// The alerts; none for what stands and people are not to be told.
pub fn request(url: &str, headers: Vec<(&'static str, String)>, note: &Note) -> Option<Request> {
    let note = &note.apart();
    if !note.is_told && !matches!(note.phase, Phase::Over | Phase::Hidden) {
        return None;
    }
    let url = format!("{}/api/v2/alerts", url.trim_end_matches('/'));
    Some(Request {
        headers,
        ..Request::post(url, alerts(note))
    })
}

fn alerts(note: &Note) -> Value {
    let is_over = matches!(note.phase, Phase::Over | Phase::Hidden);
    let current = note.severity.unwrap_or(Severity::Advisory);
    let began = note.began_at.min(note.at);
    let all = [Severity::Advisory, Severity::Warning, Severity::Critical];
    let alerts = all.into_iter().map(|severity| {
        let stands = severity == current && !is_over;
        let mut alert = json!({
            "labels": labels(note, severity),
            "startsAt": began.to_string(),
            "endsAt": if stands { note.at + LASTS } else { note.at }.to_string(),
        });
        if severity == current {
            alert["annotations"] = json!({
                "summary": words::headline(note),
                "description": words::plain(note),
                "risk": note.risk.map(|r| r.as_str()).unwrap_or_default(),
                "ticket": note.ticket.map(|t| t.to_string()).unwrap_or_default(),
            });
        }
        if let Some(link) = &note.link {
            alert["generatorURL"] = json!(link);
        }
        alert
    });
    match note.about {
        // nothing has been before it
        About::Trial => {
            let mut alert: Vec<Value> = alerts.filter(|a| a["annotations"].is_object()).collect();
            for one in &mut alert {
                one["endsAt"] = json!((note.at + Millis::minutes(1)).to_string());
            }
            Value::Array(alert)
        }
        About::Alarm | About::Ticket | About::Incident | About::Service | About::Summary => alerts.collect(),
    }
}

fn labels(note: &Note, severity: Severity) -> Value {
    let name = match note.about {
        About::Incident => "ForewarnIncident",
        About::Trial => "ForewarnTest",
        About::Alarm | About::Ticket | About::Service | About::Summary => note.failure_mode.as_str(),
    };
    let mut labels = json!({
        "alertname": name,
        "forewarn_id": note.thread,
        "site": note.site,
        "severity": severity.as_str(),
    });
    if let Some(device) = &note.device {
        labels["device"] = json!(device.device);
    }
    labels
}

/// 200 is taken over.
pub fn judge(answer: &Answer) -> Verdict {
    match answer.check() {
        Ok(()) => Verdict::done(answer.status.to_string()),
        Err(verdict) => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{alarm, alarm_in};
    use super::*;
    use domain::text::Language;

    #[test]
    fn a_standing_alarm_is_one_alert_and_ends_its_other_severities() {
        let request = request("http://am:9093/", vec![], &alarm(Language::En)).expect("alerts");
        assert_eq!(request.url, "http://am:9093/api/v2/alerts");
        let body = request.body.expect("alerts");
        let labels = |severity: &str| {
            json!({"alertname": "bearing_wear", "forewarn_id": "harbour/pump-1/bearing_wear/1", "site": "harbour",
                   "device": "pump-1", "severity": severity})
        };
        let link = "https://fw.example/alarms/harbour/pump-1/bearing_wear/1";
        assert_eq!(
            body[0],
            json!({"labels": labels("advisory"), "startsAt": "2026-10-01T08:00:00.000Z",
                   "endsAt": "2026-10-01T08:00:00.000Z", "generatorURL": link})
        );
        assert_eq!(
            body[2],
            json!({"labels": labels("critical"), "startsAt": "2026-10-01T08:00:00.000Z",
                   "endsAt": "2026-10-31T08:00:00.000Z", "generatorURL": link,
                   "annotations": {"summary": "[Critical] Bearing wear — harbour/pump-1",
                                   "description": words::plain(&alarm(Language::En)), "risk": "high", "ticket": "T-000007"}})
        );
        assert_eq!(body.as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn what_people_are_not_to_be_told_begins_no_alert() {
        let note = Note {
            is_told: false,
            ..alarm(Language::En)
        };
        assert_eq!(request("http://am:9093", vec![], &note), None);
    }

    #[test]
    fn what_is_over_ends_now() {
        let body = alerts(&alarm_in("normal", Language::En));
        let ends: Vec<&Value> = body.as_array().expect("alerts").iter().map(|a| &a["endsAt"]).collect();
        assert_eq!(ends, ["2026-10-01T08:00:00.000Z"; 3]);
    }
}
