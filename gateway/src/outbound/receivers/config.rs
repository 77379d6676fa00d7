//! Receivers as written in the configuration, and what can be wrong with them. No network; secrets are read from where
//! they are kept when a receiver is set up.

use super::super::{EventKind, ten_seconds};
use crate::outbound::webhook::check_url;
use crate::secret::Secret;
use alerting::policy::CalendarConfig;
use alerting::scope::Scope;
use alerting::ticket::Priority;
use domain::Severity;
use domain::checked::Problem;
use domain::text::Language;
use serde::Deserialize;

/// Where PagerDuty takes events if no other address is given.
pub const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// Priorities as a new Jira has them, for P1 to P5.
const JIRA_PRIORITIES: [&str; 5] = ["Highest", "High", "Medium", "Low", "Lowest"];

/// What speaks at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// PagerDuty, Events API v2.
    Pagerduty,
    /// Prometheus Alertmanager, API v2.
    Alertmanager,
    /// Mail over SMTP.
    Email,
    /// Slack, or what takes its incoming webhooks: Mattermost, Rocket.Chat.
    Slack,
    /// A group robot of WeCom.
    Wecom,
    /// A group robot of DingTalk.
    Dingtalk,
    /// A group robot of Feishu or Lark.
    Feishu,
    /// Jira, REST API 2.
    Jira,
    /// ServiceNow, Table API.
    Servicenow,
}

impl Kind {
    /// The word of the configuration, the API and the audit trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Pagerduty => "pagerduty",
            Kind::Alertmanager => "alertmanager",
            Kind::Email => "email",
            Kind::Slack => "slack",
            Kind::Wecom => "wecom",
            Kind::Dingtalk => "dingtalk",
            Kind::Feishu => "feishu",
            Kind::Jira => "jira",
            Kind::Servicenow => "servicenow",
        }
    }

    /// Whether something stays open there until it is told that it is over: such a receiver hears every change.
    pub fn keeps_state(self) -> bool {
        match self {
            Kind::Pagerduty | Kind::Alertmanager | Kind::Jira | Kind::Servicenow => true,
            Kind::Email | Kind::Slack | Kind::Wecom | Kind::Dingtalk | Kind::Feishu => false,
        }
    }

    /// Whether a change there can become one here.
    pub fn is_two_way(self) -> bool {
        matches!(self, Kind::Jira | Kind::Servicenow)
    }

    fn events(self) -> Vec<EventKind> {
        match self {
            Kind::Pagerduty | Kind::Alertmanager => vec![EventKind::Alarm, EventKind::Incident],
            Kind::Jira | Kind::Servicenow => vec![EventKind::Ticket],
            Kind::Email | Kind::Slack | Kind::Wecom | Kind::Dingtalk | Kind::Feishu => vec![
                EventKind::Alarm,
                EventKind::Ticket,
                EventKind::Incident,
                EventKind::Summary,
                EventKind::Parts,
            ],
        }
    }

    /// Keys of its own: whether each must be there.
    fn keys(self) -> &'static [(&'static str, bool)] {
        match self {
            Kind::Pagerduty => &[("routing_key", true), ("url", false)],
            Kind::Alertmanager => &[("url", true), ("token", false), ("user", false), ("password", false)],
            Kind::Email => &[
                ("host", true),
                ("from", true),
                ("to", true),
                ("port", false),
                ("security", false),
                ("user", false),
                ("password", false),
            ],
            Kind::Slack | Kind::Wecom => &[("url", true)],
            Kind::Dingtalk | Kind::Feishu => &[("url", true), ("sign_secret", false)],
            Kind::Jira => &[
                ("url", true),
                ("token", true),
                ("project", true),
                ("user", false),
                ("issue_type", false),
                ("priorities", false),
                ("done_transition", false),
                ("inbound_secret", false),
            ],
            Kind::Servicenow => &[
                ("url", true),
                ("token", false),
                ("user", false),
                ("password", false),
                ("assignment_group", false),
                ("caller", false),
                ("category", false),
                ("inbound_secret", false),
            ],
        }
    }
}

/// How the way to a mail server is kept secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// The server is asked for TLS, and without it nothing is sent. Port 587 by default.
    #[default]
    Starttls,
    /// TLS from the first byte. Port 465 by default.
    Tls,
    /// In the clear: for a server on this machine or in a closed network. Port 25 by default.
    None,
}

/// A receiver. Which of the later keys it takes depends on its kind; the others are mistakes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    /// Its name, unique.
    pub name: String,
    /// What speaks there.
    pub kind: Kind,
    /// What it gets; by default what its kind is for.
    #[serde(default)]
    pub events: Option<Vec<EventKind>>,
    /// In which language.
    #[serde(default)]
    pub language: Language,
    /// Only from this severity on.
    #[serde(default)]
    pub from_severity: Option<Severity>,
    /// Only tickets of this priority or a more urgent one.
    #[serde(default)]
    pub from_priority: Option<Priority>,
    /// Only about these machines.
    #[serde(default)]
    pub covers: Scope,
    /// Only tickets of which one of these people was told.
    #[serde(default)]
    pub people: Vec<String>,
    /// Only tickets of which one of these groups was told, such as `supervisors`.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Also what becomes of it: acknowledged, over, closed. Receivers that keep a state always hear it.
    #[serde(default)]
    pub follow_ups: bool,
    /// Whether it is also told of drills.
    #[serde(default)]
    pub drills: bool,
    /// Only in these hours; a receiver that keeps a state hears it when they begin, another one never.
    #[serde(default)]
    pub hours: Option<CalendarConfig>,
    /// Danger to people is told outside the hours too.
    #[serde(default)]
    pub always_emergencies: bool,
    /// How long one request may take.
    #[serde(default = "ten_seconds")]
    pub timeout_ms: u64,

    /// Where to send. A secret, as the addresses of robots are.
    #[serde(default)]
    pub url: Option<Secret>,
    /// The integration key of a PagerDuty service.
    #[serde(default)]
    pub routing_key: Option<Secret>,
    /// An API token.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Who signs in.
    #[serde(default)]
    pub user: Option<String>,
    /// With what.
    #[serde(default)]
    pub password: Option<Secret>,
    /// With what a robot's messages are signed.
    #[serde(default)]
    pub sign_secret: Option<Secret>,
    /// What the other end shows when it tells us of a change.
    #[serde(default)]
    pub inbound_secret: Option<Secret>,
    /// Jira: the project's key, such as `PUMPS`.
    #[serde(default)]
    pub project: Option<String>,
    /// Jira: the type of new issues; `Task` by default.
    #[serde(default)]
    pub issue_type: Option<String>,
    /// Jira: the names of the priorities for P1 to P5; an empty list leaves them out.
    #[serde(default)]
    pub priorities: Option<Vec<String>>,
    /// Jira: the transition that closes; by default the first one to a status of the category `done`.
    #[serde(default)]
    pub done_transition: Option<String>,
    /// ServiceNow: who shall do it.
    #[serde(default)]
    pub assignment_group: Option<String>,
    /// ServiceNow: who asks.
    #[serde(default)]
    pub caller: Option<String>,
    /// ServiceNow: the category.
    #[serde(default)]
    pub category: Option<String>,
    /// Mail: the server.
    #[serde(default)]
    pub host: Option<String>,
    /// Mail: its port.
    #[serde(default)]
    pub port: Option<u16>,
    /// Mail: how the way is kept secret.
    #[serde(default)]
    pub security: Option<Security>,
    /// Mail: the sender.
    #[serde(default)]
    pub from: Option<String>,
    /// Mail: the readers.
    #[serde(default)]
    pub to: Option<Vec<String>>,
}

impl ReceiverConfig {
    /// What it gets.
    pub fn events(&self) -> Vec<EventKind> {
        self.events.clone().unwrap_or_else(|| self.kind.events())
    }

    /// Under which its deliveries wait.
    pub fn target(&self) -> String {
        format!("receiver:{}", self.name)
    }

    /// Jira's names for P1 to P5.
    pub fn jira_priorities(&self) -> Vec<String> {
        let usual = || JIRA_PRIORITIES.map(str::to_owned).to_vec();
        self.priorities.clone().unwrap_or_else(usual)
    }

    fn set_keys(&self) -> Vec<&'static str> {
        let keys = [
            ("url", self.url.is_some()),
            ("routing_key", self.routing_key.is_some()),
            ("token", self.token.is_some()),
            ("user", self.user.is_some()),
            ("password", self.password.is_some()),
            ("sign_secret", self.sign_secret.is_some()),
            ("inbound_secret", self.inbound_secret.is_some()),
            ("project", self.project.is_some()),
            ("issue_type", self.issue_type.is_some()),
            ("priorities", self.priorities.is_some()),
            ("done_transition", self.done_transition.is_some()),
            ("assignment_group", self.assignment_group.is_some()),
            ("caller", self.caller.is_some()),
            ("category", self.category.is_some()),
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("security", self.security.is_some()),
            ("from", self.from.is_some()),
            ("to", self.to.is_some()),
        ];
        keys.into_iter()
            .filter(|(_, is_set)| *is_set)
            .map(|(key, _)| key)
            .collect()
    }

    /// What is wrong, below `path`.
    pub fn problems(&self, path: &str) -> Vec<Problem> {
        let mut problems = self.covers.problems(&format!("{path}.covers"));
        if let Some(hours) = &self.hours {
            hours.check(&format!("{path}.hours"), &mut problems);
        }
        let mut at = |key: &str, message: String| problems.push(Problem::at(format!("{path}.{key}"), message));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(is_name) {
            at("name", "1 to 64 letters, digits, `-` and `_` are expected".into());
        }
        if self.timeout_ms == 0 {
            at("timeout_ms", "must be above 0, such as 10000".into());
        }
        let (kind, keys, set) = (self.kind.as_str(), self.kind.keys(), self.set_keys());
        for (key, _) in keys.iter().filter(|(key, is_needed)| *is_needed && !set.contains(key)) {
            at(key, format!("a receiver of the kind {kind} needs it"));
        }
        for key in set.iter().filter(|key| !keys.iter().any(|(known, _)| known == *key)) {
            at(key, format!("a receiver of the kind {kind} does not take it"));
        }
        if let Some(Ok(url)) = self.url.as_ref().map(read_secret)
            && let Err(error) = check_url(url.expose())
        {
            at("url", error);
        }
        for (key, secret) in [
            ("url", &self.url),
            ("routing_key", &self.routing_key),
            ("token", &self.token),
            ("password", &self.password),
            ("sign_secret", &self.sign_secret),
            ("inbound_secret", &self.inbound_secret),
        ] {
            match secret.as_ref().map(read_secret) {
                Some(Err(error)) => at(key, error),
                Some(Ok(secret)) if secret.is_empty() => at(key, "is empty".into()),
                Some(Ok(secret)) if key == "inbound_secret" && secret.expose().len() < 20 => {
                    at(key, "at least 20 characters are expected".into());
                }
                Some(Ok(_)) | None => {}
            }
        }
        if self.kind == Kind::Servicenow && self.token.is_none() && (self.user.is_none() || self.password.is_none()) {
            at("user", "`user` and `password`, or `token`, are expected".into());
        }
        if self.events.as_ref().is_some_and(Vec::is_empty) {
            at("events", "at least one kind of event is expected".into());
        }
        for (i, event) in self.events().iter().enumerate() {
            if self.kind.keeps_state() && matches!(event, EventKind::Summary | EventKind::Service | EventKind::Parts) {
                let message = format!("nothing ends what this begins, so a receiver of the kind {kind} cannot take it");
                at(&format!("events[{i}]"), message);
            }
        }
        if matches!(self.kind, Kind::Jira | Kind::Servicenow) && self.events() != [EventKind::Ticket] {
            at("events", format!("a receiver of the kind {kind} takes only \"ticket\""));
        }
        if let Some(names) = &self.priorities
            && !matches!(names.len(), 0 | 5)
        {
            at(
                "priorities",
                format!("{} names; 5 for P1 to P5, or none, are expected", names.len()),
            );
        }
        if self.to.as_ref().is_some_and(Vec::is_empty) {
            at("to", "at least one address is expected".into());
        }
        let addresses = self
            .to
            .iter()
            .flatten()
            .enumerate()
            .map(|(i, a)| (format!("to[{i}]"), a));
        for (key, address) in addresses.chain(self.from.iter().map(|a| ("from".to_owned(), a))) {
            if let Err(error) = address.parse::<lettre::message::Mailbox>() {
                at(&key, format!("is no mail address: {error}"));
            }
        }
        problems
    }
}

/// A secret from where it is kept: `env:NAME` in the environment, `file:/path` in a file (its line ends are left out),
/// anything else is the secret itself.
///
/// # Errors
/// It is not there.
pub fn read_secret(written: &Secret) -> Result<Secret, String> {
    let text = written.expose();
    if let Some(name) = text.strip_prefix("env:") {
        let value = std::env::var(name).map_err(|error| format!("cannot read {name} from the environment: {error}"))?;
        return Ok(Secret::new(value));
    }
    if let Some(file) = text.strip_prefix("file:") {
        let value = std::fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?;
        return Ok(Secret::new(value.trim_end_matches(['\r', '\n'])));
    }
    Ok(written.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(toml: &str) -> Vec<String> {
        let config: ReceiverConfig = toml::from_str(toml).expect("has the shape");
        config.problems("r").into_iter().map(|p| p.path).collect()
    }

    #[test]
    fn each_kind_takes_its_own_keys_and_needs_some() {
        assert_eq!(
            paths("name = 'a'\nkind = 'slack'\nurl = 'https://hooks.example/T/B/x'"),
            [""; 0]
        );
        assert_eq!(
            paths("name = 'a'\nkind = 'slack'\nproject = 'P'"),
            ["r.url", "r.project"]
        );
        assert_eq!(
            paths("name = 'a b'\nkind = 'pagerduty'\nrouting_key = 'env:NO_SUCH_NAME_HERE'\nevents = ['summary']"),
            ["r.name", "r.routing_key", "r.events[0]"]
        );
        assert_eq!(
            paths("name = 'a'\nkind = 'email'\nhost = 'mail'\nfrom = 'nobody'\nto = []"),
            ["r.to", "r.from"]
        );
        assert_eq!(
            paths(
                "name = 'a'\nkind = 'jira'\nurl = 'ftp://x'\ntoken = 't'\nproject = 'P'\ninbound_secret = 'short'\npriorities = ['a']"
            ),
            ["r.url", "r.inbound_secret", "r.priorities"]
        );
        assert_eq!(
            paths(
                "name = 'a'\nkind = 'slack'\nurl = 'http://x/'\ntimeout_ms = 0\n[hours]\ntime_zone = 'Mars'\n[covers]\nsites = ['']"
            ),
            ["r.covers.sites[0]", "r.hours.time_zone", "r.timeout_ms"]
        );
    }

    #[test]
    fn a_secret_can_stand_in_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("key");
        std::fs::write(&file, "R0UT1NG\n").expect("written");
        let secret = read_secret(&Secret::new(format!("file:{}", file.display()))).expect("is there");
        assert_eq!(secret.expose(), "R0UT1NG");
    }
}
