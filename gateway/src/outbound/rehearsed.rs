//! Whom a notice of a drill would tell were its site a real one. Nothing is sent for it.

use super::{Routing, kind_of};
use crate::store::NoticeOfDrill;
use alerting::effect::{Message, Outgoing};
use domain::Timestamp;

impl Routing {
    /// The notice of a drill, for the store; none: the message is no notice, or of a real site.
    pub fn rehearsed(&self, message: &Message, now: Timestamp) -> Option<NoticeOfDrill> {
        if !message.site.is_drill() || message.notice.is_none() {
            return None;
        }
        let kind = kind_of(&message.content);
        let hooks = self.outbound.webhook.iter().filter(|hook| hook.events.contains(&kind));
        let hooks = hooks.map(|hook| format!("webhook:{}", hook.name));
        let routes = self.routes.iter().filter(|route| route.would_tell(message));
        let receivers: Vec<String> = hooks.chain(routes.map(|route| route.config.target())).collect();
        Some(NoticeOfDrill {
            at: now,
            site: message.site.to_string(),
            subject: subject(message),
            receivers: receivers.join(","),
        })
    }
}

/// Under which name people find it.
fn subject(message: &Message) -> String {
    match &message.content {
        Outgoing::Alarm(alarm) => alarm.alarm_id.to_string(),
        Outgoing::Service(service) => service.ticket.to_string(),
        Outgoing::Ticket(ticket) => ticket.ticket.to_string(),
        Outgoing::Incident(incident) => incident.incident.to_string(),
        Outgoing::Summary(_) | Outgoing::Parts(_) => message.key.clone(),
    }
}
