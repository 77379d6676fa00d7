//! What leaves: which receiver gets which message, in which form, and when a failed delivery is tried again. Pure; the
//! driver is in `deliver.rs`.

pub mod deliver;
pub mod receivers;
mod rehearsed;
pub mod send;
pub mod webhook;

use crate::secret::Secret;
use crate::store::rows::OutboxRow;
use alerting::effect::{Message, Outgoing};
use domain::checked::Problem;
use domain::wire::topic::device_topic;
use domain::{Millis, Severity, Timestamp};
use receivers::config::ReceiverConfig;
use receivers::routes::Route;
use serde::Deserialize;
use serde_json::json;

/// First wait after a failed delivery.
const RETRY_FIRST: Millis = Millis::seconds(1);
/// Longest wait between tries.
const RETRY_MAX: Millis = Millis::minutes(5);
/// Tries after which a delivery goes to the dead-letter list: with the waits above about three days.
const RETRY_LIMIT: u32 = 900;

/// The section `outbound` of the configuration.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OutboundConfig {
    /// The `source` of CloudEvents; the same id and source is the same event.
    pub source: Option<String>,
    /// What links to our pages begin with, such as `https://forewarn.example.org`; without it there are none.
    pub link_base: Option<String>,
    /// Receivers of CloudEvents by HTTP.
    pub webhook: Vec<WebhookConfig>,
    /// Receivers that speak a protocol of their own.
    pub receiver: Vec<ReceiverConfig>,
}

/// A receiver by HTTP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its name, unique.
    pub name: String,
    /// Where to POST.
    pub url: String,
    /// Sent as `Authorization: Bearer …`.
    #[serde(default)]
    pub token: Option<Secret>,
    /// What it gets.
    #[serde(default = "all_events")]
    pub events: Vec<EventKind>,
    /// Whether it also gets what is only for those who follow along, such as changes of shelved alarms.
    #[serde(default)]
    pub wants_everything: bool,
    /// Whether it is also told of drills.
    #[serde(default)]
    pub drills: bool,
    /// How long one try may take.
    #[serde(default = "ten_seconds")]
    pub timeout_ms: u64,
}

/// Kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// An alarm changed.
    Alarm,
    /// A proactive service begins.
    Service,
    /// A ticket changed.
    Ticket,
    /// Many alarms have one cause.
    Incident,
    /// What was too much to be told one by one.
    Summary,
    /// Spare parts have become low.
    Parts,
}

fn all_events() -> Vec<EventKind> {
    vec![
        EventKind::Alarm,
        EventKind::Service,
        EventKind::Ticket,
        EventKind::Incident,
        EventKind::Summary,
        EventKind::Parts,
    ]
}

fn ten_seconds() -> u64 {
    10_000
}

impl OutboundConfig {
    /// What is wrong beyond its shape.
    pub fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (i, hook) in self.webhook.iter().enumerate() {
            let path = format!("outbound.webhook[{i}]");
            if let Err(error) = webhook::check_url(&hook.url) {
                problems.push(Problem::at(format!("{path}.url"), error));
            }
            if hook.name.is_empty() || self.webhook[..i].iter().any(|h| h.name == hook.name) {
                problems.push(Problem::at(
                    format!("{path}.name"),
                    "each webhook needs a name of its own",
                ));
            }
            if hook.timeout_ms == 0 {
                problems.push(Problem::at(
                    format!("{path}.timeout_ms"),
                    "must be above 0, such as 10000",
                ));
            }
        }
        if let Some(Err(error)) = self.link_base.as_deref().map(webhook::check_url) {
            problems.push(Problem::at("outbound.link_base", error));
        }
        for (i, receiver) in self.receiver.iter().enumerate() {
            let path = format!("outbound.receiver[{i}]");
            problems.extend(receiver.problems(&path));
            let names = self.receiver[..i].iter().map(|r| &r.name);
            if names
                .chain(self.webhook.iter().map(|w| &w.name))
                .any(|name| *name == receiver.name)
            {
                let message = "another receiver or webhook has this name";
                problems.push(Problem::at(format!("{path}.name"), message));
            }
        }
        problems
    }
}

/// Who gets messages.
#[derive(Debug, Clone, Default)]
pub struct Routing {
    /// Whether there is an MQTT side to publish on.
    pub has_mqtt: bool,
    /// Receivers by HTTP.
    pub outbound: OutboundConfig,
    routes: Vec<Route>,
}

/// A message that stays on its topic for whoever comes later.
#[derive(Debug, Clone, PartialEq)]
pub struct Retained {
    /// The topic.
    pub topic: String,
    /// The latest message.
    pub payload: String,
}

impl Routing {
    /// By the configuration.
    pub fn new(has_mqtt: bool, outbound: OutboundConfig) -> Routing {
        Routing {
            has_mqtt,
            routes: outbound.receiver.iter().cloned().map(Route::new).collect(),
            outbound,
        }
    }

    /// The deliveries that a message gives, and what stays on its topic.
    pub fn orders(&self, message: &Message, now: Timestamp) -> (Vec<OutboxRow>, Option<Retained>) {
        let subject = subject_of(message);
        let row = |target: String, kind: String, payload: String| OutboxRow {
            id: 0,
            target,
            key: message.key.clone(),
            kind,
            subject: subject.clone(),
            payload,
            created_at: now,
            attempts: 0,
            next_attempt_at: now,
            last_error: String::new(),
        };
        let mut rows = Vec::new();
        let mut retained = None;
        if self.has_mqtt
            && let Some((topic, payload, stays)) = mqtt_message(message)
        {
            if stays {
                retained = Some(Retained {
                    topic: topic.clone(),
                    payload: payload.clone(),
                });
            }
            rows.push(row("mqtt".into(), topic, payload));
        }
        let kind = kind_of(&message.content);
        for hook in &self.outbound.webhook {
            let is_meant = hook.drills || !message.site.is_drill();
            if is_meant && hook.events.contains(&kind) && (message.notice.is_some() || hook.wants_everything) {
                let source = self.outbound.source.as_deref().unwrap_or("forewarn");
                rows.push(row(
                    format!("webhook:{}", hook.name),
                    event_type(kind).into(),
                    cloud_event(message, &subject, source),
                ));
            }
        }
        for route in &self.routes {
            if let Some(at) = route.send_at(message, now) {
                // rendered when it is sent: no secret stands in the store
                let payload = serde_json::to_string(message).expect("messages serialise");
                let target = route.config.target();
                rows.push(OutboxRow {
                    next_attempt_at: at,
                    ..row(target, event_type(kind).into(), payload)
                });
            }
        }
        (rows, retained)
    }
}

fn kind_of(content: &Outgoing) -> EventKind {
    match content {
        Outgoing::Alarm(_) => EventKind::Alarm,
        Outgoing::Service(_) => EventKind::Service,
        Outgoing::Ticket(_) => EventKind::Ticket,
        Outgoing::Incident(_) => EventKind::Incident,
        Outgoing::Summary(_) => EventKind::Summary,
        Outgoing::Parts(_) => EventKind::Parts,
    }
}

fn event_type(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Alarm => "io.forewarn.alarm.changed.v1",
        EventKind::Service => "io.forewarn.service.offered.v1",
        EventKind::Ticket => "io.forewarn.ticket.changed.v1",
        EventKind::Incident => "io.forewarn.incident.changed.v1",
        EventKind::Summary => "io.forewarn.summary.v1",
        EventKind::Parts => "io.forewarn.parts.low.v1",
    }
}

fn subject_of(message: &Message) -> String {
    match &message.content {
        Outgoing::Alarm(alarm) => alarm.alarm_id.to_string(),
        Outgoing::Service(service) => service.ticket.to_string(),
        Outgoing::Ticket(ticket) => ticket.ticket.to_string(),
        Outgoing::Incident(incident) => incident.incident.to_string(),
        Outgoing::Summary(summary) => format!("{}/{}", summary.site, summary.number),
        Outgoing::Parts(_) => "parts".to_owned(),
    }
}

/// Topic, payload, and whether it is retained. What is not about one machine does not go to devices, and tickets do not.
fn mqtt_message(message: &Message) -> Option<(String, String, bool)> {
    let text = |value: serde_json::Result<String>| value.expect("wire types serialise");
    let device = message.device.as_ref()?;
    match &message.content {
        Outgoing::Alarm(alarm) => Some((device_topic(device, "alarm"), text(serde_json::to_string(alarm)), true)),
        Outgoing::Service(service) => Some((
            device_topic(device, "service"),
            text(serde_json::to_string(service)),
            false,
        )),
        Outgoing::Ticket(_) | Outgoing::Incident(_) | Outgoing::Summary(_) | Outgoing::Parts(_) => None,
    }
}

/// CloudEvents 1.0, structured JSON. The id is the same on every try.
fn cloud_event(message: &Message, subject: &str, source: &str) -> String {
    let (time, severity, data) = match &message.content {
        Outgoing::Alarm(alarm) => (
            alarm.measured_at,
            Some(alarm.severity.as_str()),
            serde_json::to_value(alarm),
        ),
        Outgoing::Service(service) => (service.opened_at, None, serde_json::to_value(service)),
        Outgoing::Ticket(ticket) => (ticket.at, None, serde_json::to_value(ticket)),
        Outgoing::Incident(incident) => (
            incident.at,
            Some(incident.severity.as_str()),
            serde_json::to_value(incident),
        ),
        Outgoing::Parts(low) => (low.at, None, serde_json::to_value(low)),
        Outgoing::Summary(summary) => (
            summary.at,
            summary.held.worst.map(Severity::as_str),
            serde_json::to_value(summary),
        ),
    };
    let mut event = json!({
        "specversion": "1.0",
        "id": message.key,
        "source": source,
        "type": event_type(kind_of(&message.content)),
        "subject": subject,
        "time": time.to_string(),
        "datacontenttype": "application/json",
        "data": data.expect("wire types serialise"),
    });
    if let Some(severity) = severity {
        event["severitytext"] = json!(severity.to_uppercase());
    }
    event.to_string()
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It arrived.
    Done,
    /// Worth another try, not before the receiver's own wish if it has one.
    Retry {
        /// Why it failed.
        error: String,
        /// What the receiver asks for (`Retry-After`).
        after: Option<Millis>,
    },
    /// Trying again would not help: a person must look.
    Refused {
        /// Why.
        error: String,
    },
}

/// When to try again: the wait doubles up to five minutes, spread by up to a quarter so that receivers are not stormed.
/// `None` after the last try. The spread comes from the delivery's number, so that the same input gives the same answer.
pub fn next_attempt(id: u64, attempts: u32, now: Timestamp, after: Option<Millis>) -> Option<Timestamp> {
    if attempts >= RETRY_LIMIT {
        return None;
    }
    let doubled = RETRY_FIRST.0.saturating_mul(1 << attempts.min(20)).min(RETRY_MAX.0);
    let spread = (id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as i64 % (doubled / 4).max(1);
    let wait = Millis(doubled - spread).max(after.unwrap_or(Millis::ZERO).min(RETRY_MAX));
    Some(now + wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alerting::effect::Background;
    use alerting::storm::{Held, NoticeWeight, Summary};
    use domain::SiteName;

    #[test]
    fn a_summary_goes_to_webhooks_and_to_no_device() {
        let site = SiteName::new("harbour").expect("fine");
        let message = Message {
            key: "summary/harbour/3".into(),
            site: site.clone(),
            device: None,
            notice: Some(NoticeWeight::Summary),
            about: Background::default(),
            content: Outgoing::Summary(Summary {
                site,
                number: 3,
                held: Held {
                    since: Timestamp(1),
                    count: 40,
                    worst: Some(Severity::Critical),
                    named: vec!["harbour/crane-1/no_data/1".into()],
                },
                at: Timestamp(2),
            }),
        };
        let hook: WebhookConfig = toml::from_str("name = \"desk\"\nurl = \"http://127.0.0.1:9/\"").expect("fine");
        let alarms_only = WebhookConfig {
            name: "pager".into(),
            events: vec![EventKind::Alarm],
            ..hook.clone()
        };
        let outbound = OutboundConfig {
            webhook: vec![hook, alarms_only],
            ..OutboundConfig::default()
        };
        let routing = Routing::new(true, outbound);
        let (rows, retained) = routing.orders(&message, Timestamp(2));
        assert_eq!((rows.len(), retained), (1, None));
        let event: serde_json::Value = serde_json::from_str(&rows[0].payload).expect("JSON");
        assert_eq!(rows[0].target, "webhook:desk");
        assert_eq!(event["type"], "io.forewarn.summary.v1");
        assert_eq!(event["subject"], "harbour/3");
        assert_eq!(event["severitytext"], "CRITICAL");
        assert_eq!(event["data"]["held"]["count"], 40);
    }

    #[test]
    fn waits_grow_to_five_minutes_and_end() {
        let wait = |attempts| next_attempt(7, attempts, Timestamp(0), None).map(|t| t.0);
        assert!(wait(0).expect("first") <= 1_000);
        let waits: Vec<i64> = (0..12).filter_map(wait).collect();
        assert!(
            waits.windows(2).all(|w| w[0] <= w[1]) && waits.iter().all(|w| *w <= 300_000),
            "{waits:?}"
        );
        assert_eq!(wait(RETRY_LIMIT), None);
        assert_eq!(
            next_attempt(7, 0, Timestamp(0), Some(Millis::seconds(30))),
            Some(Timestamp(30_000))
        );
    }
}
