//! Faults that people and machines report by themselves.

use super::Book;
use super::alarms::Telling;
use super::tickets::{NewTicket, title};
use crate::alarm::{AlarmEffect, AlarmReason, AlarmTransition};
use crate::effect::{Effect, Refusal};
use crate::record::{CodeFacts, DeviceFacts};
use crate::ticket::{
    Actor, BY_HAND, Grade, Priority, REPORTED, Report, Reported, TicketChange, TicketClass, TicketKind, Work,
};
use domain::text::Text;
use domain::{FailureModeId, Probability, Severity, TicketId, Timestamp};

impl Book {
    /// A machine raised a fault code. Where its alarm stands already, it is written into it and its ticket is thought about
    /// once more; where only a ticket is open, into that. Where nothing stands, the condition tells when its delay is over.
    pub(super) fn take_code(
        &mut self,
        device: &DeviceFacts,
        code: &str,
        text: &str,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let known = device.profile.fault_codes.get(code);
        let Some(mode) = known.and_then(|known| device.profile.mode(known.mode)) else {
            return;
        };
        let said = CodeFacts::said(code, text, &device.profile);
        let key = (device.key.clone(), mode.id.clone());
        let standing = self.alarms.get(&key).filter(|alarm| alarm.life.state.is_active());
        let Some(mut alarm) = standing.cloned() else {
            if let Some(ticket) = self.open_ticket_of(&key.0, &key.1) {
                self.note_code(ticket, &said, now, out);
            }
            return;
        };
        if alarm.facts.code.is_none() {
            alarm.facts.code = Some(said);
            let reason = AlarmReason::DeviceSaid { code: code.to_owned() };
            let effects = match alarm.life.is_hidden() {
                true => vec![],
                false => vec![AlarmEffect::Publish, AlarmEffect::AssessTicket],
            };
            let telling = Telling {
                actor: Actor::System,
                is_muted: false,
            };
            self.write_down(alarm, AlarmTransition { reason, effects }, telling, now, out);
        }
    }

    /// Opens a ticket for a fault that a person reports, unless one is about it already. An alarm of the same failure mode
    /// that stands without a ticket is served by it.
    pub(super) fn take_report(
        &mut self,
        device: &DeviceFacts,
        report: Report,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        report.check().map_err(|why| Refusal::Text { why })?;
        let mode = report.failure_mode.clone().unwrap_or_else(unnamed);
        if let Some(ticket) = self.ticket_about(device, &mode, &report) {
            return Err(Refusal::AlreadyOpen { ticket });
        }
        let facts = self.mode_facts(&mode, device);
        let class = report.class.unwrap_or(TicketClass::Ordinary);
        let kind = report.kind.unwrap_or(match class {
            TicketClass::Emergency => TicketKind::Emergency,
            TicketClass::Key | TicketClass::Ordinary => TicketKind::OnSiteInspection,
            TicketClass::Planned => TicketKind::MaintenanceReminder,
        });
        let urgency = match class {
            TicketClass::Emergency | TicketClass::Key => Some(Severity::Critical),
            TicketClass::Ordinary => Some(Severity::Warning),
            TicketClass::Planned => None,
        };
        let is_safety = facts.is_safety || class == TicketClass::Emergency;
        let rare = Probability::new(1).expect("1 is a class");
        let said = match report.title.is_empty() {
            true => facts.title.clone(),
            false => plain(&report.title),
        };
        let reporter = match report.reporter.is_empty() {
            true => actor.name().to_owned(),
            false => report.reporter.clone(),
        };
        let known = device.profile.fault_codes.get(&report.malfunction.fault_code);
        let new = NewTicket {
            device: device.key.clone(),
            failure_mode: mode.clone(),
            episode: BY_HAND | u32::try_from(self.last_ticket + 1).unwrap_or(u32::MAX),
            alarm: None,
            grade: Grade {
                kind,
                class,
                priority: Priority::of(facts.impact, urgency, is_safety),
                severity: None,
                risk: self.policy.risk.matrix.level(rare, facts.impact),
            },
            impact: facts.impact,
            due_at: None,
            title: title(&said, device.key.device.as_str()),
            reason: Text {
                en: format!("reported by {reporter}"),
                zh: format!("由 {reporter} 报修"),
            },
            action: facts.action,
            is_safety,
            part: facts.part,
            parts: facts.parts,
            skills: facts.skills,
            asset: device.asset.clone(),
            profile: device.profile.id.clone(),
            model: device.model.clone(),
            work: Work {
                malfunction: report.malfunction,
                ..Work::default()
            },
            likely_cause: known.map(|code| code.cause.clone()).unwrap_or_default(),
            report: Some(Reported {
                by: reporter,
                description: report.description,
            }),
            visit: None,
        };
        let id = self.open_ticket(new, actor.clone(), now, out);
        let standing = self.alarms.get(&(device.key.clone(), mode));
        if let Some(alarm) = standing.filter(|a| a.ticket.is_none() && a.stands()).cloned() {
            let change = TicketChange::Merged {
                alarm: alarm.id.clone(),
            };
            self.change_ticket(id, change, actor.clone(), now, out);
            self.move_alarms(vec![alarm], id, &actor, now, out);
        }
        Ok(())
    }

    /// The ticket that is about this fault: open, or finished while its alarm stands. Faults without a name are the same if
    /// their titles are.
    fn ticket_about(&self, device: &DeviceFacts, mode: &FailureModeId, report: &Report) -> Option<TicketId> {
        if *mode == unnamed() {
            let all = self.open.get(&device.key)?.get(mode)?;
            let asked = title(&plain(&report.title), device.key.device.as_str())
                .en
                .to_lowercase();
            let is_same = |id: &&TicketId| self.tickets.get(id).is_some_and(|t| t.title.en.to_lowercase() == asked);
            return all.iter().find(is_same).copied();
        }
        let served = || {
            let alarm = self.alarms.get(&(device.key.clone(), mode.clone()))?;
            alarm
                .ticket
                .filter(|id| alarm.stands() && self.tickets.contains_key(id))
        };
        self.open_ticket_of(&device.key, mode).or_else(served)
    }
}

/// The failure mode of faults that nobody has named.
pub(super) fn unnamed() -> FailureModeId {
    FailureModeId::new(REPORTED).expect("a name")
}

fn plain(text: &str) -> Text {
    Text {
        en: text.to_owned(),
        zh: String::new(),
    }
}
