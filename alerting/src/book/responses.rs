//! What is done about incidents: their level of event, who is told by its plan, and what people do.

use super::Book;
use crate::effect::{AuditEntry, Background, Effect, IncidentNotice, Message, Outgoing, Refusal};
use crate::policy::EventLevel;
use crate::storm::{IncidentCommand, IncidentEvent, IncidentId, IncidentRecord, NoticeWeight, Response, Stage};
use crate::ticket::Actor;
use domain::Timestamp;

impl Book {
    /// The level of event that an incident has reached; it only rises.
    pub(super) fn grade_event(&self, incident: &mut IncidentRecord) {
        let Some(level) = self.policy.events.of(incident) else {
            return;
        };
        match &mut incident.response {
            None => {
                // nobody was asked for an answer before
                let since = if incident.told.is_some() {
                    incident.changed_at
                } else {
                    incident.opened_at
                };
                incident.response = Some(Response::begin(level, since));
            }
            Some(response) if self.policy.events.is_graver(&level.name, &response.level) => response.rise(level),
            Some(_) => {}
        }
    }

    fn level_of(&self, incident: &IncidentRecord) -> Option<&EventLevel> {
        self.policy.events.named(&incident.response.as_ref()?.level)
    }

    /// A notice of an incident, to whom its plan names.
    pub(super) fn incident_notice(&self, incident: &IncidentRecord, event: IncidentEvent, now: Timestamp) -> Effect {
        let mut people = Vec::new();
        if let Some(level) = self.level_of(incident) {
            // where nobody stands behind one, the other is told
            let order = match event {
                IncidentEvent::ResponseLate | IncidentEvent::HandlingLate => [&level.handle, &level.respond],
                IncidentEvent::Opened | IncidentEvent::Grew | IncidentEvent::Lasts | IncidentEvent::Over => {
                    [&level.respond, &level.handle]
                }
            };
            let found = order.map(|level| self.policy.escalations.people(level, None, now));
            people = found.into_iter().find(|people| !people.is_empty()).unwrap_or_default();
        }
        Effect::Publish(Box::new(notice(incident, event, people, now)))
    }

    /// Tells what is late, each once.
    pub(super) fn tell_late(&self, incident: &mut IncidentRecord, now: Timestamp, out: &mut Vec<Effect>) {
        let late = incident.response.as_mut().map(|response| response.tell_late(now));
        for stage in late.unwrap_or_default() {
            let event = match stage {
                Stage::Respond => IncidentEvent::ResponseLate,
                Stage::Handle => IncidentEvent::HandlingLate,
            };
            out.push(self.incident_notice(incident, event, now));
            let action = format!("incident.{}", event.as_str());
            out.push(line(
                incident.id,
                &action,
                incident.title.en.clone(),
                Actor::System,
                now,
            ));
        }
    }

    /// A person answers for an incident, or has dealt with it.
    pub(super) fn command_incident(
        &mut self,
        id: IncidentId,
        command: IncidentCommand,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Actor::Person { name } = &actor else {
            return Err(Refusal::NeedsPerson);
        };
        let found = self.storms.incidents().find(|incident| incident.id == id).cloned();
        let mut incident = found.ok_or(Refusal::UnknownIncident { incident: id })?;
        let response = incident.response.as_mut().ok_or(Refusal::Response {
            why: crate::storm::ResponseRefusal::NoLevel,
        })?;
        let (action, note) = match &command {
            IncidentCommand::Respond { note } => ("incident.responded", note.clone()),
            IncidentCommand::Handle { note } => ("incident.handled", note.clone()),
        };
        let taken = response.take(command, name.clone(), now);
        taken.map_err(|why| Refusal::Response { why })?;
        out.push(line(id, action, note, actor, now));
        self.change_incident(incident, now, out);
        Ok(())
    }
}

fn line(incident: IncidentId, action: &str, detail: String, actor: Actor, at: Timestamp) -> Effect {
    Effect::Audit(AuditEntry {
        at,
        actor,
        action: action.to_owned(),
        subject: incident.to_string(),
        detail,
    })
}

fn notice(incident: &IncidentRecord, event: IncidentEvent, people: Vec<String>, now: Timestamp) -> Message {
    Message {
        key: match event {
            // may come with another notice of the same revision
            IncidentEvent::ResponseLate | IncidentEvent::HandlingLate => {
                format!("incident/{}/{}/{}", incident.id, incident.revision, event.as_str())
            }
            IncidentEvent::Opened | IncidentEvent::Grew | IncidentEvent::Lasts | IncidentEvent::Over => {
                format!("incident/{}/{}", incident.id, incident.revision)
            }
        },
        site: incident.site.clone(),
        device: None,
        notice: Some(NoticeWeight::Summary),
        about: Background {
            title: incident.headline(),
            severity: Some(incident.severity),
            ticket: incident.ticket,
            ..Background::default()
        },
        content: Outgoing::Incident(IncidentNotice {
            level: incident.response.as_ref().map(|response| response.level.clone()),
            people,
            incident: incident.id,
            site: incident.site.clone(),
            event,
            cause: incident.cause.clone(),
            title: incident.headline().en,
            suspect: incident.suspect().cloned(),
            members: incident.members,
            standing: incident.standing,
            first: incident.first.clone(),
            severity: incident.severity,
            risk: incident.risk,
            ticket: incident.ticket,
            opened_at: incident.opened_at,
            at: now,
        }),
    }
}
