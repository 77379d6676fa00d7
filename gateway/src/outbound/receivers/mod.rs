//! Receivers that speak a protocol of their own. Each file here turns a [`note::Note`] into requests and says what the
//! answers mean, without network, clock or store; `send.rs` beside this folder carries them out.

pub mod alertmanager;
pub mod config;
pub mod dingtalk;
pub mod email;
pub mod exchange;
pub mod feishu;
pub mod inbound;
pub mod jira;
pub mod note;
pub mod pagerduty;
#[cfg(test)]
mod parts_tests;
pub mod robots;
pub mod routes;
#[cfg(test)]
pub mod samples;
pub mod servicenow;
pub mod slack;
pub mod wecom;
pub mod words;

use crate::secret::Secret;
use config::{Kind, PAGERDUTY_URL, ReceiverConfig, read_secret};
use domain::Timestamp;
use exchange::{Answer, Request, Stage, Verdict};
use note::{About, Note, Phase};

/// A receiver by HTTP with its secrets at hand.
#[derive(Clone)]
pub struct HttpReceiver {
    name: String,
    kind: Kind,
    url: String,
    key: String,
    sign_secret: Option<Secret>,
    authorization: Vec<(&'static str, String)>,
    jira: Option<jira::Jira>,
    servicenow: Option<servicenow::Servicenow>,
}

impl std::fmt::Debug for HttpReceiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HttpReceiver({})", self.kind.as_str())
    }
}

impl HttpReceiver {
    /// Reads the secrets.
    ///
    /// # Errors
    /// One is not where it should be.
    pub fn new(config: &ReceiverConfig) -> Result<HttpReceiver, String> {
        let read = |secret: &Option<Secret>| secret.as_ref().map(read_secret).transpose();
        let url = match (read(&config.url)?, config.kind) {
            (Some(url), _) => url.expose().to_owned(),
            (None, Kind::Pagerduty) => PAGERDUTY_URL.to_owned(),
            (None, _) => return Err("the url is missing".to_owned()),
        };
        let (token, password) = (read(&config.token)?, read(&config.password)?);
        let header = match (&token, &config.user, &password) {
            (_, Some(user), Some(password)) => Some(jira::basic(user, password.expose())),
            (Some(token), _, _) => Some(format!("Bearer {}", token.expose())),
            (None, _, _) => None,
        };
        let token = token.unwrap_or_default();
        let is = |kind| config.kind == kind;
        Ok(HttpReceiver {
            name: config.name.clone(),
            kind: config.kind,
            key: read(&config.routing_key)?.unwrap_or_default().expose().to_owned(),
            sign_secret: read(&config.sign_secret)?,
            jira: is(Kind::Jira).then(|| jira::Jira::new(config, &url, token.expose())),
            servicenow: is(Kind::Servicenow)
                .then(|| servicenow::Servicenow::new(config, &url, header.clone().unwrap_or_default())),
            authorization: header.into_iter().map(|value| ("authorization", value)).collect(),
            url,
        })
    }

    /// The first request for a message; none if the receiver need not know.
    pub fn first(&self, note: &Note, now: Timestamp) -> Option<(Stage, Request)> {
        // what came from there need not go back
        if self.kind.is_two_way() && note.by == self.name {
            return None;
        }
        let note = &match (note.about, self.kind.is_two_way()) {
            // an issue tracker is tried by its search alone: a trial leaves no issue behind
            (About::Trial, true) => Note {
                phase: Phase::Over,
                ..note.clone()
            },
            (_, _) => note.clone(),
        };
        let secret = self.sign_secret.as_ref().map(Secret::expose);
        let only = |request| Some((Stage::Only, request));
        match self.kind {
            Kind::Pagerduty => pagerduty::request(&self.url, &self.key, note).and_then(only),
            Kind::Alertmanager => alertmanager::request(&self.url, self.authorization.clone(), note).and_then(only),
            Kind::Slack => only(slack::request(&self.url, note)),
            Kind::Wecom => only(wecom::request(&self.url, note)),
            Kind::Dingtalk => only(dingtalk::request(&self.url, secret, note, now)),
            Kind::Feishu => only(feishu::request(&self.url, secret, note, now)),
            Kind::Jira => self.jira.as_ref().map(|jira| jira.first(note)),
            Kind::Servicenow => self.servicenow.as_ref().map(|desk| desk.first(note)),
            Kind::Email => None,
        }
    }

    /// What an answer means.
    pub fn next(&self, note: &Note, stage: &Stage, answer: &Answer) -> Verdict {
        match self.kind {
            Kind::Pagerduty => match (pagerduty::judge(answer), stage, note.about) {
                // a trial leaves nothing open
                (Verdict::Done { .. }, Stage::Only, About::Trial) => {
                    Verdict::Next(Stage::Last, pagerduty::end_of_trial(&self.url, &self.key, note))
                }
                (verdict, _, _) => verdict,
            },
            Kind::Alertmanager => alertmanager::judge(answer),
            Kind::Slack => slack::judge(answer),
            Kind::Wecom => wecom::judge(answer),
            Kind::Dingtalk => dingtalk::judge(answer),
            Kind::Feishu => feishu::judge(answer),
            Kind::Jira => match &self.jira {
                Some(jira) => jira.next(note, stage, answer),
                None => Verdict::refused("this receiver was not set up"),
            },
            Kind::Servicenow => match &self.servicenow {
                Some(desk) => desk.next(note, stage, answer),
                None => Verdict::refused("this receiver was not set up"),
            },
            Kind::Email => Verdict::refused("mail does not go by HTTP"),
        }
    }
}
