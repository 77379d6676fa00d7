//! ServiceNow, Table API. A ticket is an incident with our key as its `correlation_id`; `correlation_display` holds the
//! key of the last change that is in it, so that a second try writes nothing twice.

use super::config::ReceiverConfig;
use super::exchange::{Answer, Method, Request, Stage, Verdict, encoded};
use super::note::{Note, Phase};
use super::words;
use alerting::ticket::Priority;
use serde_json::{Value, json};

/// Characters of `short_description`.
const SHORT_CHARS: usize = 160;
/// Characters of a longer text.
const TEXT_CHARS: usize = 4_000;
/// The states of an incident as ServiceNow ships them.
const IN_PROGRESS: &str = "2";
const RESOLVED: &str = "6";

/// A table of incidents, with its secrets at hand.
#[derive(Debug, Clone)]
pub struct Servicenow {
    base: String,
    authorization: String,
    fields: Vec<(&'static str, String)>,
}

impl Servicenow {
    /// `authorization` is the whole header.
    pub fn new(config: &ReceiverConfig, url: &str, authorization: String) -> Servicenow {
        let fields = [
            ("assignment_group", &config.assignment_group),
            ("caller_id", &config.caller),
            ("category", &config.category),
        ];
        Servicenow {
            base: format!("{}/api/now/table/incident", url.trim_end_matches('/')),
            authorization,
            fields: fields
                .into_iter()
                .filter_map(|(key, value)| Some((key, value.clone()?)))
                .collect(),
        }
    }

    fn request(&self, method: Method, path: &str, body: Option<Value>) -> Request {
        Request {
            method,
            url: format!("{}{path}", self.base),
            headers: vec![
                ("authorization", self.authorization.clone()),
                ("accept", "application/json".to_owned()),
            ],
            body,
        }
    }

    /// The first question: is there an incident?
    pub fn first(&self, note: &Note) -> (Stage, Request) {
        let query = encoded(&format!("correlation_id={}^ORDERBYsys_created_on", correlation(note)));
        let path = format!(
            "?sysparm_query={query}&sysparm_fields=sys_id,number,state,correlation_display&sysparm_limit=1\
             &sysparm_exclude_reference_link=true"
        );
        (Stage::Find, self.request(Method::Get, &path, None))
    }

    /// What an answer means, and what is asked next.
    pub fn next(&self, note: &Note, stage: &Stage, answer: &Answer) -> Verdict {
        if let Err(verdict) = answer.check() {
            return verdict;
        }
        match stage {
            Stage::Find => self.found(note, &answer.json()),
            Stage::Create | Stage::Last | Stage::Only | Stage::Remark { .. } | Stage::WaysOut { .. } => {
                match answer.json()["result"]["number"].as_str() {
                    Some(number) => Verdict::done(number),
                    None => Verdict::refused("the answer names no incident"),
                }
            }
        }
    }

    fn found(&self, note: &Note, answer: &Value) -> Verdict {
        let Some(incidents) = answer["result"].as_array() else {
            return Verdict::refused("the answer to the search has no result");
        };
        let Some(incident) = incidents.first() else {
            return match note.phase {
                Phase::Over => Verdict::done("there is no incident"),
                _ if !note.is_told => Verdict::done("there is no incident"),
                Phase::Open | Phase::Acknowledged | Phase::Changed | Phase::Reopened | Phase::Hidden => {
                    Verdict::Next(Stage::Create, self.request(Method::Post, "", Some(self.incident(note))))
                }
            };
        };
        let (Some(id), Some(number)) = (incident["sys_id"].as_str(), incident["number"].as_str()) else {
            return Verdict::refused("the incident that was found has no sys_id");
        };
        let is_closed = incident["state"]
            .as_str()
            .is_some_and(|s| matches!(s, RESOLVED | "7" | "8"));
        if incident["correlation_display"] == note.key || (note.phase == Phase::Over && is_closed) {
            return Verdict::done(number);
        }
        let mut change = json!({
            "work_notes": words::cut(&words::plain(note), TEXT_CHARS),
            "correlation_display": note.key,
        });
        match note.phase {
            Phase::Open => return Verdict::done(number),
            Phase::Over => {
                change["state"] = json!(RESOLVED);
                change["close_code"] = json!("Solved (Permanently)");
                change["close_notes"] = json!(words::cut(&words::plain(note), TEXT_CHARS));
            }
            Phase::Reopened => change["state"] = json!(IN_PROGRESS),
            Phase::Acknowledged | Phase::Changed | Phase::Hidden => {}
        }
        let path = format!("/{}", encoded(id));
        Verdict::Next(Stage::Last, self.request(Method::Patch, &path, Some(change)))
    }

    fn incident(&self, note: &Note) -> Value {
        let (impact, urgency) = weights(note.priority);
        let mut incident = json!({
            "short_description": words::cut(&words::headline(note), SHORT_CHARS),
            "description": words::cut(&words::plain(note), TEXT_CHARS),
            "impact": impact,
            "urgency": urgency,
            "correlation_id": correlation(note),
            "correlation_display": note.key,
        });
        if let Some(device) = &note.device {
            incident["cmdb_ci"] = json!(device.device);
        }
        for (key, value) in &self.fields {
            incident[*key] = json!(value);
        }
        incident
    }
}

/// Our key there, at most 100 characters long: a longer one is shortened by what does not tell tickets apart.
pub fn correlation(note: &Note) -> String {
    let key = note.thread.strip_prefix("ticket/").unwrap_or(&note.thread);
    let key = key.replace('^', "_");
    match note.ticket {
        Some(ticket) if key.chars().count() > 100 => format!("forewarn {ticket}"),
        Some(_) | None => key,
    }
}

/// Impact and urgency that give the priority there: 1/1 P1, 1/2 P2, 2/2 P3, 2/3 P4, 3/3 P5.
fn weights(priority: Option<Priority>) -> (&'static str, &'static str) {
    match priority {
        Some(Priority::P1) => ("1", "1"),
        Some(Priority::P2) => ("1", "2"),
        Some(Priority::P3) => ("2", "2"),
        Some(Priority::P4) => ("2", "3"),
        Some(Priority::P5) | None => ("3", "3"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{config, opened, ticket};
    use super::*;
    use alerting::ticket::{Actor, TicketChange};

    const TABLE: &str = "https://desk.example/api/now/table/incident";

    fn desk() -> Servicenow {
        let toml =
            "name = 'desk'\nkind = 'servicenow'\nurl = 'https://desk.example'\ntoken = 't'\nassignment_group = 'Pumps'";
        Servicenow::new(&config(toml), "https://desk.example", "Bearer t".into())
    }

    fn ok(body: Value) -> Answer {
        Answer {
            status: 200,
            retry_after: None,
            body: body.to_string(),
        }
    }

    fn found(state: &str, last: &str) -> Answer {
        ok(
            json!({"result": [{"sys_id": "9d385017c611228701d22104cc95c371", "number": "INC0010023", "state": state,
                              "correlation_display": last}]}),
        )
    }

    #[test]
    fn it_is_looked_for_before_it_is_made() {
        let (desk, note) = (desk(), opened());
        let (stage, request) = desk.first(&note);
        assert_eq!(
            request.url,
            format!(
                "{TABLE}?sysparm_query=correlation_id%3Dharbour%2Fpump-1%2Fbearing_wear%2F1%5EORDERBYsys_created_on\
                     &sysparm_fields=sys_id,number,state,correlation_display&sysparm_limit=1&sysparm_exclude_reference_link=true"
            )
        );
        let Verdict::Next(stage, request) = desk.next(&note, &stage, &ok(json!({"result": []}))) else {
            panic!("it is made");
        };
        assert_eq!((request.method, request.url.as_str()), (Method::Post, TABLE));
        assert_eq!(
            request.body,
            Some(json!({
                "short_description": "[Critical] Bearing wear — harbour/pump-1",
                "description": words::plain(&note),
                "impact": "1", "urgency": "2",
                "correlation_id": "harbour/pump-1/bearing_wear/1",
                "correlation_display": "ticket/T-000007/1",
                "cmdb_ci": "pump-1",
                "assignment_group": "Pumps",
            }))
        );
        let made = ok(json!({"result": {"sys_id": "x", "number": "INC0010023"}}));
        assert_eq!(desk.next(&note, &stage, &made), Verdict::done("INC0010023"));
    }

    #[test]
    fn a_change_is_written_once_and_closing_resolves() {
        let desk = desk();
        let change = TicketChange::Cancelled {
            reason: "replaced".into(),
        };
        let note = ticket(4, change, Actor::Person { name: "li".into() });
        let Verdict::Next(_, request) = desk.next(&note, &Stage::Find, &found("2", "ticket/T-000007/1")) else {
            panic!("it is resolved");
        };
        assert_eq!(request.method, Method::Patch);
        let body = request.body.expect("a body");
        assert_eq!(
            (&body["state"], &body["correlation_display"]),
            (&json!("6"), &json!("ticket/T-000007/4"))
        );
        for answer in [found("2", "ticket/T-000007/4"), found("7", "")] {
            assert_eq!(desk.next(&note, &Stage::Find, &answer), Verdict::done("INC0010023"));
        }
    }
}
