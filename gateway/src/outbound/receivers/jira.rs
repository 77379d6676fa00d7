//! Jira, REST API 2. A ticket is an issue with a label of its own; before anything is written it is looked for by that
//! label, so that a try of unknown outcome gives no second issue, and by the mark in its comments no second comment.

use super::config::ReceiverConfig;
use super::exchange::{Answer, Method, Request, Stage, Verdict, encoded};
use super::note::{Note, Phase};
use super::words;
use alerting::ticket::Priority;
use base64::Engine;
use serde_json::{Value, json};

/// Characters of a summary.
const SUMMARY_CHARS: usize = 255;
/// Characters of a description or comment.
const TEXT_CHARS: usize = 32_000;
/// What labels of ours begin with.
const LABEL: &str = "forewarn:";

/// A project in Jira, with its secrets at hand.
#[derive(Debug, Clone)]
pub struct Jira {
    base: String,
    authorization: String,
    project: String,
    issue_type: String,
    priorities: Vec<String>,
    done_transition: Option<String>,
}

impl Jira {
    /// With a user it is basic authentication (Jira Cloud), without one a personal access token (Data Center).
    pub fn new(config: &ReceiverConfig, url: &str, token: &str) -> Jira {
        let authorization = match &config.user {
            Some(user) => basic(user, token),
            None => format!("Bearer {token}"),
        };
        Jira {
            base: url.trim_end_matches('/').to_owned(),
            authorization,
            project: config.project.clone().unwrap_or_default(),
            issue_type: config.issue_type.clone().unwrap_or_else(|| "Task".to_owned()),
            priorities: config.jira_priorities(),
            done_transition: config.done_transition.clone(),
        }
    }

    fn request(&self, method: Method, path: &str, body: Option<Value>) -> Request {
        Request {
            method,
            url: format!("{}{path}", self.base),
            headers: vec![("authorization", self.authorization.clone())],
            body,
        }
    }

    /// The first question: is there an issue?
    pub fn first(&self, note: &Note) -> (Stage, Request) {
        let jql = format!(
            "project = \"{}\" AND labels = \"{}\" ORDER BY created ASC",
            self.project,
            label(note)
        );
        // the search of Jira Cloud has another path since 2025
        let search = match self.base.contains(".atlassian.net") {
            true => "/rest/api/2/search/jql",
            false => "/rest/api/2/search",
        };
        let path = format!("{search}?jql={}&maxResults=1&fields=status,comment", encoded(&jql));
        (Stage::Find, self.request(Method::Get, &path, None))
    }

    /// What an answer means, and what is asked next.
    pub fn next(&self, note: &Note, stage: &Stage, answer: &Answer) -> Verdict {
        if let Err(verdict) = answer.check() {
            return verdict;
        }
        match stage {
            Stage::Find => self.found(note, &answer.json()),
            Stage::Create => match answer.json()["key"].as_str() {
                Some(key) => Verdict::done(key),
                None => Verdict::refused("the answer names no issue"),
            },
            Stage::Remark { id, moves: None } => Verdict::done(id),
            Stage::Remark {
                id,
                moves: Some(to_done),
            } => self.ways_out(id, *to_done),
            Stage::WaysOut { id, to_done } => self.leave(id, *to_done, &answer.json()),
            Stage::Only | Stage::Last => Verdict::done(answer.status.to_string()),
        }
    }

    fn found(&self, note: &Note, answer: &Value) -> Verdict {
        let Some(issues) = answer["issues"].as_array() else {
            return Verdict::refused("the answer to the search has no issues");
        };
        let Some(issue) = issues.first() else {
            return match note.phase {
                // somebody who asks for what is there only finds that all is well
                Phase::Over => Verdict::done("there is no issue"),
                _ if !note.is_told => Verdict::done("there is no issue"),
                Phase::Open | Phase::Acknowledged | Phase::Changed | Phase::Reopened | Phase::Hidden => Verdict::Next(
                    Stage::Create,
                    self.request(Method::Post, "/rest/api/2/issue", Some(self.issue(note))),
                ),
            };
        };
        let Some(key) = issue["key"].as_str() else {
            return Verdict::refused("the issue that was found has no key");
        };
        let is_done = issue["fields"]["status"]["statusCategory"]["key"] == "done";
        let moves = match note.phase {
            Phase::Over => (!is_done).then_some(true),
            Phase::Reopened => is_done.then_some(false),
            Phase::Open | Phase::Acknowledged | Phase::Changed | Phase::Hidden => None,
        };
        let was_said = issue["fields"]["comment"]["comments"]
            .as_array()
            .is_some_and(|comments| {
                comments
                    .iter()
                    .any(|c| c["body"].as_str().is_some_and(|b| b.contains(&mark(note))))
            });
        match (note.phase, was_said, moves) {
            // made by an earlier try
            (Phase::Open, _, _) => Verdict::done(key),
            (_, true, None) => Verdict::done(key),
            (_, true, Some(to_done)) => self.ways_out(key, to_done),
            (_, false, moves) => {
                let text = words::cut(&words::plain(note), TEXT_CHARS);
                let body = json!({"body": format!("{text}\n{}", mark(note))});
                let path = format!("/rest/api/2/issue/{}/comment", encoded(key));
                let stage = Stage::Remark {
                    id: key.to_owned(),
                    moves,
                };
                Verdict::Next(stage, self.request(Method::Post, &path, Some(body)))
            }
        }
    }

    fn issue(&self, note: &Note) -> Value {
        let mut fields = json!({
            "project": {"key": self.project},
            "issuetype": {"name": self.issue_type},
            "summary": words::cut(&words::headline(note).replace(['\r', '\n'], " "), SUMMARY_CHARS),
            "description": words::cut(&words::plain(note), TEXT_CHARS),
            "labels": ["forewarn", label(note)],
        });
        if let Some(name) = note.priority.and_then(|p| self.priorities.get(place(p))) {
            fields["priority"] = json!({"name": name});
        }
        json!({"fields": fields})
    }

    fn ways_out(&self, id: &str, to_done: bool) -> Verdict {
        let path = format!("/rest/api/2/issue/{}/transitions", encoded(id));
        let stage = Stage::WaysOut {
            id: id.to_owned(),
            to_done,
        };
        Verdict::Next(stage, self.request(Method::Get, &path, None))
    }

    fn leave(&self, id: &str, to_done: bool, answer: &Value) -> Verdict {
        let fits = |way: &&Value| match (&self.done_transition, to_done) {
            (Some(name), true) => way["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)),
            (_, to_done) => (way["to"]["statusCategory"]["key"] == "done") == to_done,
        };
        let ways = answer["transitions"].as_array();
        let way = ways.and_then(|ways| ways.iter().find(fits));
        match way.and_then(|way| way["id"].as_str()) {
            Some(way) => {
                let path = format!("/rest/api/2/issue/{}/transitions", encoded(id));
                let body = json!({"transition": {"id": way}});
                Verdict::Next(Stage::Last, self.request(Method::Post, &path, Some(body)))
            }
            None => Verdict::refused(format!("no transition of {id} leads where it should")),
        }
    }
}

/// The label by which a ticket is found again.
pub fn label(note: &Note) -> String {
    let key = note.thread.strip_prefix("ticket/").unwrap_or(&note.thread);
    format!("{LABEL}{}", key.replace(['"', '\\', ' '], "_"))
}

/// The ticket's key in one of an issue's labels, if it is ours.
pub fn key_of_label(label: &str) -> Option<&str> {
    label.strip_prefix(LABEL)
}

/// The mark of our own comments.
fn mark(note: &Note) -> String {
    format!("{OWN_MARK}{}]", note.key)
}

/// What the mark of our own comments begins with.
pub const OWN_MARK: &str = "[forewarn ";

/// Basic authentication.
pub fn basic(user: &str, password: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {pair}")
}

fn place(priority: Priority) -> usize {
    match priority {
        Priority::P1 => 0,
        Priority::P2 => 1,
        Priority::P3 => 2,
        Priority::P4 => 3,
        Priority::P5 => 4,
    }
}

#[cfg(test)]
#[path = "jira_tests.rs"]
mod tests;
