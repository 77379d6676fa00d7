//! Tickets that are one and the same trouble: one is merged into the other, and split off again.

use super::Book;
use super::telling::tell;
use super::tickets::{NewTicket, about};
use crate::alarm::{AlarmReason, AlarmTransition};
use crate::book::alarms::Telling;
use crate::effect::{Effect, Refusal, SplitOff};
use crate::record::AlarmRecord;
use crate::ticket::{
    Absorbed, Actor, Grade, MAX_ABSORBED, MAX_HISTORY, TicketChange, TicketRecord, TicketRefusal, Work,
};
use domain::{AlarmId, DeviceKey, FailureModeId, TicketId, Timestamp};

impl Book {
    /// `id` ends as part of `into`, which takes over its alarms, comments and urgency. Both must be open and of one site.
    pub(super) fn merge_tickets(
        &mut self,
        id: TicketId,
        into: TicketId,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let mut absorbed = self.open_or_refuse(id)?;
        let mut kept = self.open_or_refuse(into)?;
        let refuse = |why| Err(Refusal::Ticket { ticket: id, why });
        if id == into {
            return refuse(TicketRefusal::MergedWithItself);
        } else if absorbed.device.site != kept.device.site {
            return refuse(TicketRefusal::OtherSite);
        } else if kept.absorbed.len() >= MAX_ABSORBED {
            let (what, limit) = ("merged tickets".to_owned(), MAX_ABSORBED);
            return refuse(TicketRefusal::ListFull { what, limit });
        } else if kept.history.len() >= MAX_HISTORY || absorbed.history.len() >= MAX_HISTORY {
            return refuse(TicketRefusal::HistoryFull);
        }
        let ticket = Absorbed {
            ticket: id,
            modes: absorbed.serves(),
            alarms: absorbed.alarm.iter().chain(&absorbed.merged).cloned().collect(),
        };
        kept.take_comments(&absorbed);
        let grade = absorbed.grade;
        for (ticket, change) in [
            (&mut absorbed, TicketChange::MergedInto { ticket: into }),
            (
                &mut kept,
                TicketChange::Absorbed {
                    absorbed: ticket.clone(),
                },
            ),
        ] {
            ticket.apply(change.clone(), actor.clone(), &self.policy, now);
            tell(ticket, change, actor.clone(), now, out);
            self.keep_ticket(ticket.clone());
        }
        self.raise_grade(into, grade, now, out);
        let standing: Vec<_> = self.alarms.values().filter(|a| a.ticket == Some(id)).cloned().collect();
        self.move_alarms(standing, into, &actor, now, out);
        Ok(())
    }

    /// A ticket that was merged goes on by itself, or an alarm gets a ticket of its own.
    pub(super) fn split_ticket(
        &mut self,
        id: TicketId,
        off: SplitOff,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Some(kept) = self.tickets.get(&id).cloned() else {
            return Err(Refusal::UnknownTicket { ticket: id });
        };
        if kept.history.len() >= MAX_HISTORY {
            let why = TicketRefusal::HistoryFull;
            return Err(Refusal::Ticket { ticket: id, why });
        }
        match off {
            SplitOff::Ticket { ticket } => self.split_merged(kept, ticket, actor, now, out),
            SplitOff::Alarm { alarm } => self.split_alarm(kept, alarm, actor, now, out),
        }
    }

    fn split_merged(
        &mut self,
        mut kept: TicketRecord,
        off: TicketId,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let not_part = |ticket| {
            let why = TicketRefusal::NotMerged { ticket: off };
            Err(Refusal::Ticket { ticket, why })
        };
        let Some(absorbed) = kept.absorbed.iter().find(|a| a.ticket == off).cloned() else {
            return not_part(kept.id);
        };
        let Some(mut again) = self.tickets.get(&off).cloned() else {
            return Err(Refusal::UnknownTicket { ticket: off });
        };
        let from = kept.id;
        for (ticket, change) in [
            (
                &mut kept,
                TicketChange::SplitOff {
                    ticket: off,
                    alarm: None,
                },
            ),
            (&mut again, TicketChange::SplitFrom { ticket: from }),
        ] {
            ticket.apply(change.clone(), actor.clone(), &self.policy, now);
            tell(ticket, change, actor.clone(), now, out);
            self.keep_ticket(ticket.clone());
        }
        let goes = |alarm: &AlarmRecord| {
            let key = (alarm.device.clone(), alarm.failure_mode.clone());
            let is_its = absorbed.alarms.contains(&alarm.id);
            alarm.ticket == Some(kept.id) && (is_its || absorbed.modes.contains(&key) && !kept.is_about(&key))
        };
        let standing: Vec<_> = self.alarms.values().filter(|a| goes(a)).cloned().collect();
        self.move_alarms(standing, off, &actor, now, out);
        Ok(())
    }

    fn split_alarm(
        &mut self,
        kept: TicketRecord,
        id: AlarmId,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let ticket = kept.id;
        let refuse = |why| Err(Refusal::Ticket { ticket, why });
        if let Some(absorbed) = kept.absorbed.iter().find(|a| a.alarms.contains(&id)) {
            let ticket = absorbed.ticket;
            return refuse(TicketRefusal::CameWith { ticket });
        }
        if !kept.merged.contains(&id) {
            return refuse(TicketRefusal::NotItsAlarm { alarm: id });
        }
        let standing = self.alarm_by_id(&id).cloned();
        let new = match (&standing, parts_of(&id)) {
            (Some(alarm), _) => about(alarm, self.grade(alarm)),
            (None, Some((device, failure_mode, episode))) => NewTicket {
                device,
                failure_mode,
                episode,
                alarm: Some(id.clone()),
                ..like(&kept)
            },
            (None, None) => return refuse(TicketRefusal::NotItsAlarm { alarm: id }),
        };
        let off = self.open_ticket(new, actor.clone(), now, out);
        let alarm = Some(id);
        let change = TicketChange::SplitOff { ticket: off, alarm };
        self.change_ticket(kept.id, change, actor.clone(), now, out);
        self.move_alarms(standing.into_iter().collect(), off, &actor, now, out);
        Ok(())
    }

    /// Alarms are served by another ticket from now on.
    pub(super) fn move_alarms(
        &mut self,
        alarms: Vec<AlarmRecord>,
        to: TicketId,
        actor: &Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        for mut alarm in alarms {
            alarm.ticket = Some(to);
            let telling = Telling {
                actor: actor.clone(),
                is_muted: false,
            };
            let reason = AlarmReason::TicketMoved { to };
            let effects = Vec::new();
            self.write_down(alarm, AlarmTransition { reason, effects }, telling, now, out);
        }
    }

    fn raise_grade(&mut self, id: TicketId, grade: Grade, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(ticket) = self.tickets.get(&id) else { return };
        let (from, to) = (ticket.grade, ticket.grade.worst(grade));
        if from != to && ticket.judged.is_none() {
            self.change_ticket(id, TicketChange::Upgraded { from, to }, Actor::System, now, out);
        }
    }

    fn open_or_refuse(&self, ticket: TicketId) -> Result<TicketRecord, Refusal> {
        let Some(record) = self.tickets.get(&ticket) else {
            return Err(Refusal::UnknownTicket { ticket });
        };
        if !record.state.is_open() {
            let state = record.state.as_str().to_owned();
            let why = TicketRefusal::NotOpen { state };
            return Err(Refusal::Ticket { ticket, why });
        }
        Ok(record.clone())
    }
}

/// An id is `site/device/failure_mode/episode`.
fn parts_of(id: &AlarmId) -> Option<(DeviceKey, FailureModeId, u32)> {
    let parts: Vec<&str> = id.0.split('/').collect();
    let [site, device, mode, episode] = parts.as_slice() else {
        return None;
    };
    let device = DeviceKey::new(site, device).ok()?;
    Some((device, FailureModeId::new(mode).ok()?, episode.parse().ok()?))
}

/// A ticket about the same as another one.
fn like(ticket: &TicketRecord) -> NewTicket {
    NewTicket {
        device: ticket.device.clone(),
        failure_mode: ticket.failure_mode.clone(),
        episode: ticket.episode,
        alarm: None,
        grade: ticket.grade,
        impact: ticket.impact,
        due_at: None,
        title: ticket.title.clone(),
        reason: ticket.reason.clone(),
        action: ticket.action.clone(),
        is_safety: !ticket.safety_note.en.is_empty(),
        part: ticket.part.clone(),
        parts: ticket.parts.clone(),
        skills: ticket.skills.clone(),
        asset: ticket.asset.clone(),
        profile: ticket.profile.clone(),
        model: ticket.model.clone(),
        work: Work::default(),
        likely_cause: ticket.likely_cause.clone(),
        report: None,
        visit: None,
    }
}
