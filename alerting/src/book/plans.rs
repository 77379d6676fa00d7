//! Planned maintenance: when it falls due, which visits go together, and what a failure that is foretold means for its date.

use super::telling::tell;
use super::tickets::{NewTicket, title};
use super::{Book, ModeKey};
use crate::effect::Effect;
use crate::habit::Habit;
use crate::reason;
use crate::record::{AlarmRecord, DeviceFacts};
use crate::ticket::{
    Actor, Grade, Priority, ProposedBecause, TicketChange, TicketClass, TicketKind, TicketRecord, Visit, Work,
};
use domain::profile::{MaintenanceDue, MaintenancePlan};
use domain::text::Text;
use domain::{FailureModeId, Millis, Probability, Prognosis, TicketId, Timestamp};

impl Book {
    #[allow(clippy::too_many_arguments)] // the fields of the input
    pub(super) fn take_maintenance(
        &mut self,
        device: &DeviceFacts,
        plan: &FailureModeId,
        occurrence: u32,
        at_value: f64,
        measured_at: Timestamp,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let Some(plan) = device.profile.maintenance.iter().find(|p| p.id == *plan) else {
            return;
        };
        let key: ModeKey = (device.key.clone(), plan_mode(&plan.id));
        if self.last.get(&key).is_some_and(|last| last.episode >= occurrence) {
            return;
        }
        self.remember_episode(key.clone(), occurrence, measured_at, &Habit::default());
        if let Some(ticket) = self.open_ticket_of(&key.0, &key.1) {
            self.change_ticket(ticket, TicketChange::DueAgain { occurrence }, Actor::System, now, out);
            return;
        }
        let (impact, _) = self.policy.impact_of(device.profile.impact, false, device);
        let rare = Probability::new(1).expect("1 is a class");
        let due = due_at(plan, self.policy.planned_within, now);
        let visit = Visit {
            from: now.max(due - plan.grace_before),
            due,
            until: due + plan.grace_after,
            proposed: None,
        };
        let new = NewTicket {
            failure_mode: key.1,
            episode: occurrence,
            alarm: None,
            grade: Grade {
                kind: TicketKind::MaintenanceReminder,
                class: TicketClass::Planned,
                priority: Priority::of(impact, None, false),
                severity: None,
                risk: self.policy.risk.matrix.level(rare, impact),
            },
            impact,
            due_at: Some(visit.until),
            title: title(&plan.title, device.key.device.as_str()),
            reason: reason::maintenance(&plan.due, occurrence, at_value),
            action: plan.action.clone(),
            is_safety: false,
            part: String::new(),
            parts: plan.parts.clone(),
            skills: Vec::new(),
            asset: device.asset.clone(),
            profile: device.profile.id.clone(),
            model: device.model.clone(),
            device: key.0,
            work: Work::with_checklist(&plan.checklist),
            likely_cause: Text::default(),
            report: None,
            visit: Some(visit),
        };
        let id = self.open_ticket(new, Actor::System, now, out);
        let foretelling: Vec<_> = self
            .alarms
            .values()
            .filter(|a| a.device == device.key)
            .cloned()
            .collect();
        for alarm in foretelling {
            self.foretell(id, &alarm, now, out);
        }
        self.bundle(id, now, out);
    }

    /// An alarm tells when its machine will fail: planned work that can be done before shall be done before.
    pub(super) fn advance_plans(&mut self, alarm: &AlarmRecord, now: Timestamp, out: &mut Vec<Effect>) {
        let of_machine = self
            .open
            .get(&alarm.device)
            .into_iter()
            .flat_map(|by_mode| by_mode.values());
        let planned: Vec<TicketId> = of_machine.flatten().copied().collect();
        for ticket in planned {
            self.foretell(ticket, alarm, now, out);
        }
    }

    /// Moves the date of planned work before the time by which one in ten of such machines has failed, as far as its grace
    /// allows.
    fn foretell(&mut self, id: TicketId, alarm: &AlarmRecord, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(ticket) = self.tickets.get(&id).filter(|t| t.may_be_moved()) else {
            return;
        };
        let (Some(visit), Prognosis::Known(life), true) = (ticket.visit, alarm.prognosis, alarm.life.state.is_active())
        else {
            return;
        };
        let at = (life.made_at + life.p10).max(visit.from).max(now);
        if at < visit.due {
            let because = ProposedBecause::Foretold {
                alarm: alarm.id.clone(),
            };
            self.change_ticket(id, TicketChange::Proposed { at, because }, Actor::System, now, out);
        }
    }

    /// Joins the visit of planned work to one that is near: on the same machine if there is one, else on the same site.
    fn bundle(&mut self, id: TicketId, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(ticket) = self.tickets.get(&id) else { return };
        let (Some(own), Some(visit)) = (ticket.visit_at(), ticket.visit) else {
            return;
        };
        let within = self.policy.bundle_within;
        let candidate = |other: &TicketRecord| {
            let at = other.visit_at().filter(|_| other.id != id && other.state.is_open())?;
            let is_near = other.device.site == ticket.device.site && gap(at, own) <= within;
            // an agreed visit is not moved, and one that comes too late does not help
            let fits = at <= visit.until || other.scheduled_for.is_none();
            (is_near && fits).then_some((other.device != ticket.device, gap(at, own), other.id, at))
        };
        let nearest = self.tickets.values().filter_map(candidate).min();
        let Some((_, _, other, theirs)) = nearest.filter(|_| within > Millis::ZERO) else {
            return;
        };
        let is_agreed = self.tickets.get(&other).is_some_and(|t| t.scheduled_for.is_some());
        let at = if is_agreed { theirs } else { theirs.min(own) };
        for (one, two, time) in [(id, other, own), (other, id, theirs)] {
            let is_linked = self.tickets.get(&one).is_some_and(|t| t.linked.contains(&two));
            if !is_linked {
                self.change_ticket(one, TicketChange::Linked { ticket: two }, Actor::System, now, out);
            }
            if at != time || one == id {
                self.propose_with(one, two, at, now, out);
            }
        }
    }

    /// A visit was agreed: planned work that goes along is proposed for the same time.
    pub(super) fn propose_along(
        &mut self,
        scheduled: &TicketRecord,
        at: Timestamp,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        if scheduled.visit.is_none() {
            return;
        }
        let near = |id: &TicketId| {
            let other = self.tickets.get(id).filter(|t| t.may_be_moved())?;
            let visit = other.visit?;
            let is_near = gap(other.visit_at()?, at) <= self.policy.bundle_within && at <= visit.until;
            is_near.then_some(*id)
        };
        let along: Vec<TicketId> = scheduled.linked.iter().filter_map(near).collect();
        for other in along {
            self.propose_with(other, scheduled.id, at, now, out);
        }
    }

    fn propose_with(&mut self, id: TicketId, with: TicketId, at: Timestamp, now: Timestamp, out: &mut Vec<Effect>) {
        let may_be =
            |ticket: &&TicketRecord| ticket.may_be_moved() && ticket.visit.is_some_and(|v| v.proposed != Some(at));
        let Some(mut ticket) = self.tickets.get(&id).filter(may_be).cloned() else {
            return;
        };
        let because = ProposedBecause::With { ticket: with };
        let change = TicketChange::Proposed { at, because };
        ticket.apply(change.clone(), Actor::System, &self.policy, now);
        tell(&ticket, change, Actor::System, now, out);
        self.keep_ticket(ticket);
    }
}

fn gap(one: Timestamp, other: Timestamp) -> Millis {
    Millis((one - other).0.saturating_abs())
}

/// `plan.` and the plan's name; the bare name where that would be too long for a name.
fn plan_mode(plan: &FailureModeId) -> FailureModeId {
    FailureModeId::new(&format!("plan.{plan}")).unwrap_or_else(|_| plan.clone())
}

/// A plan by the calendar tells its date. Running hours left cannot be used up faster than hours pass; other counters tell
/// nothing about time, so the site's default counts.
fn due_at(plan: &MaintenancePlan, default: Millis, now: Timestamp) -> Timestamp {
    match &plan.due {
        MaintenanceDue::Calendar { lead, .. } => now + *lead,
        MaintenanceDue::Counter { metric, lead, .. } if metric.as_str().ends_with("_hours") && *lead > 0.0 => {
            now + Millis::from_hours(*lead)
        }
        MaintenanceDue::Counter { .. } => now + default,
    }
}
