//! Tickets in the book: when one opens, what is merged, linked, upgraded or opened again, and what its clocks tell.

use super::telling::{tell, tell_service};
use super::{Book, ModeKey, Subject};
use crate::alarm::{AlarmReason, IsaState};
use crate::effect::{Effect, HeldBack, Refusal, TicketDecision};
use crate::habit::Habit;
use crate::reason;
use crate::record::{AlarmRecord, Asset, DeviceFacts, ModeFacts};
use crate::ticket::{
    Actor, Grade, Priority, ReopenReason, TicketChange, TicketClass, TicketCommand, TicketEnd, TicketKind,
    TicketRecord, TicketRefusal, TicketState, Work, WorkStep,
};
use domain::profile::{MaintenanceDue, MaintenancePlan};
use domain::text::Text;
use domain::{
    AlarmId, DeviceKey, FailureModeId, Impact, Millis, ModelVersion, Probability, Prognosis, Severity, TicketId,
    Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// What a new ticket is about.
struct NewTicket {
    device: DeviceKey,
    failure_mode: FailureModeId,
    episode: u32,
    alarm: Option<AlarmId>,
    grade: Grade,
    impact: Impact,
    due_at: Option<Timestamp>,
    title: Text,
    reason: Text,
    action: Text,
    is_safety: bool,
    part: String,
    parts: Vec<String>,
    skills: Vec<String>,
    asset: Asset,
    profile: String,
    model: ModelVersion,
    work: Work,
}

impl Book {
    /// Decides what an alarm means for tickets. Called when it was raised, got worse, or came back from the shelf.
    pub(super) fn assess_ticket(
        &mut self,
        alarm: &mut AlarmRecord,
        cause: &AlarmReason,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> TicketDecision {
        let grade = self.grade(alarm);
        if let Some(ticket) = self.open_ticket_of(&alarm.device, &alarm.failure_mode) {
            let is_new = alarm.ticket != Some(ticket);
            alarm.ticket = Some(ticket);
            if is_new {
                let change = TicketChange::Merged {
                    alarm: alarm.id.clone(),
                };
                self.change_ticket(ticket, change, Actor::System, now, out);
            }
            let is_upgraded = self.upgrade(ticket, grade, alarm, now, out);
            return if is_upgraded {
                TicketDecision::Upgraded { ticket }
            } else if is_new {
                TicketDecision::Merged { ticket }
            } else {
                TicketDecision::Covered { ticket }
            };
        }
        if let Some(ticket) = alarm.ticket
            && let Some(record) = self.tickets.get(&ticket)
        {
            return match reopening(cause, &record.state) {
                None => TicketDecision::Covered { ticket },
                Some(reason) => {
                    self.change_ticket(ticket, TicketChange::Reopened { reason }, Actor::System, now, out);
                    self.upgrade(ticket, grade, alarm, now, out);
                    TicketDecision::Reopened { ticket }
                }
            };
        }
        match self.holds_back(alarm) {
            Some(why) => TicketDecision::HeldBack { why },
            None => {
                let ticket = self.open_ticket(about(alarm, grade), now, out);
                alarm.ticket = Some(ticket);
                TicketDecision::Opened { ticket }
            }
        }
    }

    fn holds_back(&self, alarm: &AlarmRecord) -> Option<HeldBack> {
        match alarm.facts.ticket_from {
            None => Some(HeldBack::NeverByItself),
            Some(from) if alarm.life.severity < from && alarm.risk.level < self.policy.opens_from_risk => {
                Some(HeldBack::BelowThreshold)
            }
            Some(_) if alarm.facts.is_safety => None,
            Some(_) if alarm.incident.is_some() && self.policy.storms.is_one_ticket(&alarm.failure_mode) => {
                Some(HeldBack::PartOfIncident)
            }
            Some(_) => match alarm.life.isa_state() {
                IsaState::Shelved => Some(HeldBack::Shelved),
                IsaState::SuppressedByDesign => Some(HeldBack::SuppressedByDesign),
                IsaState::OutOfService => Some(HeldBack::OutOfService),
                IsaState::Normal
                | IsaState::Unacknowledged
                | IsaState::Acknowledged
                | IsaState::ReturnedUnacknowledged
                | IsaState::Latched => None,
            },
        }
    }

    /// Whether a condition would open a ticket were there none yet; nothing is changed. What [`Self::holds_back`] says, without
    /// what a person did.
    pub fn would_open_ticket(
        &self,
        facts: &ModeFacts,
        severity: Severity,
        prognosis: &Prognosis,
        at: Timestamp,
    ) -> bool {
        let is_risky =
            || self.policy.risk.assess(severity, prognosis, facts.impact, at).level >= self.policy.opens_from_risk;
        facts.ticket_from.is_some_and(|from| severity >= from || is_risky())
    }

    /// Danger to people is an emergency; a high risk or a critical condition needs somebody on site; the rest is reminded of.
    fn grade(&self, alarm: &AlarmRecord) -> Grade {
        let (severity, risk, is_safety) = (alarm.life.severity, alarm.risk.level, alarm.facts.is_safety);
        let kind = if is_safety {
            TicketKind::Emergency
        } else if severity == Severity::Critical || risk >= self.policy.on_site_from_risk {
            TicketKind::OnSiteInspection
        } else {
            TicketKind::MaintenanceReminder
        };
        Grade {
            kind,
            class: TicketClass::of(kind),
            priority: Priority::of(alarm.facts.impact, Some(severity), is_safety),
            severity: Some(severity),
            risk,
        }
    }

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
        let impact = device.profile.impact;
        let kind = TicketKind::MaintenanceReminder;
        let rare = Probability::new(1).expect("1 is a class");
        let (device_name, due_at) = (
            device.key.device.as_str(),
            due_at(plan, self.policy.planned_within, now),
        );
        let new = NewTicket {
            failure_mode: key.1,
            episode: occurrence,
            alarm: None,
            grade: Grade {
                kind,
                class: TicketClass::Planned,
                priority: Priority::of(impact, None, false),
                severity: None,
                risk: self.policy.risk.matrix.level(rare, impact),
            },
            impact,
            due_at: Some(due_at),
            title: title(&plan.title, device_name),
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
        };
        self.open_ticket(new, now, out);
    }

    pub(super) fn command_ticket(
        &mut self,
        id: TicketId,
        command: TicketCommand,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let refuse = |why| Refusal::Ticket { ticket: id, why };
        let Some(mut ticket) = self.tickets.get(&id).cloned() else {
            return Err(Refusal::UnknownTicket { ticket: id });
        };
        let change = ticket
            .command(command, actor.clone(), &self.policy, now)
            .map_err(refuse)?;
        match &change {
            TicketChange::Archived => {
                if let Some(alarm) = self.standing_alarm(id) {
                    let alarm = alarm.id.clone();
                    return Err(refuse(TicketRefusal::AlarmStands { alarm }));
                }
            }
            TicketChange::Reopened { .. } => {
                // A newer episode may have a ticket of its own: then the work goes on there.
                if let Some(ticket) = self.open_ticket_of(&ticket.device, &ticket.failure_mode) {
                    return Err(refuse(TicketRefusal::OtherOpen { ticket }));
                }
            }
            TicketChange::Opened { .. }
            | TicketChange::Stepped { .. }
            | TicketChange::Held { .. }
            | TicketChange::Resumed
            | TicketChange::Assigned { .. }
            | TicketChange::Scheduled { .. }
            | TicketChange::Commented { .. }
            | TicketChange::Closed { .. }
            | TicketChange::Cancelled { .. }
            | TicketChange::Merged { .. }
            | TicketChange::DueAgain { .. }
            | TicketChange::Linked { .. }
            | TicketChange::Upgraded { .. }
            | TicketChange::Reclassed { .. }
            | TicketChange::Told { .. }
            | TicketChange::Answered { .. }
            | TicketChange::ClockWarning { .. }
            | TicketChange::ClockBreached { .. } => {}
            TicketChange::Worked { work } => self.mirror_link(&ticket, work, &actor, now, out)?,
        }
        tell(&ticket, change, actor, now, out);
        self.judge_episodes(&ticket, out);
        self.keep_ticket(ticket);
        Ok(())
    }

    /// A ticket's deadline has come: its clocks tell, or it is archived.
    pub(super) fn wake_ticket(&mut self, id: TicketId, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(mut ticket) = self.tickets.get(&id).cloned() else {
            self.set_deadline(Subject::Ticket(id), None);
            return;
        };
        match ticket.state {
            TicketState::Open { .. } | TicketState::OnHold { .. } => {
                for change in ticket.tell_clocks(&self.policy, now) {
                    let breached = match &change {
                        TicketChange::ClockBreached { clock, .. } => ticket.tell_breach(*clock, &self.policy, now),
                        _ => None,
                    };
                    for change in [Some(change), breached].into_iter().flatten() {
                        ticket.apply(change.clone(), Actor::System, &self.policy, now);
                        tell(&ticket, change, Actor::System, now, out);
                    }
                }
                if let Some(change) = ticket.tell_chain(&self.policy, now) {
                    ticket.apply(change.clone(), Actor::System, &self.policy, now);
                    tell(&ticket, change, Actor::System, now, out);
                }
            }
            TicketState::Finished { .. } => {
                ticket.apply(TicketChange::Archived, Actor::System, &self.policy, now);
                tell(&ticket, TicketChange::Archived, Actor::System, now, out);
            }
            TicketState::Archived { .. } => {}
        }
        self.keep_ticket(ticket);
    }

    pub(super) fn refresh_ticket_deadline(&mut self, id: TicketId) {
        let at = match self.tickets.get(&id) {
            None => None,
            Some(ticket) => match ticket.state {
                TicketState::Open { .. } | TicketState::OnHold { .. } => {
                    let both = [ticket.next_clock_deadline(&self.policy), ticket.next_telling()];
                    both.into_iter().flatten().min()
                }
                TicketState::Finished { at, .. } if self.standing_alarm(id).is_none() => {
                    Some(at + self.policy.archive_after)
                }
                TicketState::Finished { .. } | TicketState::Archived { .. } => None,
            },
        };
        self.set_deadline(Subject::Ticket(id), at);
    }

    /// The alarm that a ticket is about, if it is anything but normal.
    fn standing_alarm(&self, id: TicketId) -> Option<&AlarmRecord> {
        let ticket = self.tickets.get(&id)?;
        let alarm = self.alarms.get(&(ticket.device.clone(), ticket.failure_mode.clone()))?;
        (alarm.ticket == Some(id) && alarm.stands()).then_some(alarm)
    }

    fn open_ticket(&mut self, new: NewTicket, now: Timestamp, out: &mut Vec<Effect>) -> TicketId {
        self.last_ticket += 1;
        let id = TicketId(self.last_ticket);
        let others: BTreeSet<TicketId> = match self.open.get(&new.device) {
            Some(by_mode) => by_mode.values().copied().collect(),
            None => BTreeSet::new(),
        };
        let contract = self.policy.contract_of(&new.device, &new.profile, &new.asset);
        let mut ticket = TicketRecord {
            id,
            key: AlarmId::new(&new.device, &new.failure_mode, new.episode).to_string(),
            device: new.device,
            failure_mode: new.failure_mode,
            episode: new.episode,
            last_episode: new.episode,
            alarm: new.alarm,
            merged: Vec::new(),
            merged_count: 0,
            linked: others.clone(),
            grade: new.grade,
            impact: new.impact,
            state: TicketState::Open {
                step: WorkStep::Reported,
            },
            assignee: None,
            scheduled_for: None,
            due_at: None,
            clocks: BTreeMap::new(),
            resting: BTreeMap::new(),
            contract: contract.map(str::to_owned),
            breaches: Vec::new(),
            judged: None,
            title: new.title,
            reason: new.reason.clone(),
            action: new.action,
            safety_note: if new.is_safety { safety_note() } else { Text::default() },
            part: new.part,
            parts: new.parts,
            skills: new.skills,
            asset: new.asset,
            model: new.model,
            profile: new.profile,
            chain: None,
            work: new.work,
            opened_at: now,
            changed_at: now,
            revision: 0,
            history: Vec::new(),
        };
        ticket.start_clocks(new.due_at, &self.policy, now);
        let change = TicketChange::Opened { reason: new.reason };
        ticket.apply(change.clone(), Actor::System, &self.policy, now);
        tell(&ticket, change, Actor::System, now, out);
        tell_service(&ticket, out);
        self.keep_ticket(ticket);
        for other in others {
            self.change_ticket(other, TicketChange::Linked { ticket: id }, Actor::System, now, out);
        }
        id
    }

    /// Makes the ticket more urgent if the alarm is; says whether it did.
    fn upgrade(
        &mut self,
        id: TicketId,
        grade: Grade,
        alarm: &AlarmRecord,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(ticket) = self.tickets.get_mut(&id) else {
            return false;
        };
        let is_judged = ticket
            .judged
            .is_some_and(|judged| grade.severity <= judged.severity && grade.risk <= judged.risk);
        let (from, to) = (ticket.grade, ticket.grade.worst(grade));
        if from == to || is_judged {
            return false;
        }
        ticket.reason = alarm.reason.clone();
        self.change_ticket(id, TicketChange::Upgraded { from, to }, Actor::System, now, out);
        if from.kind != to.kind
            && let Some(ticket) = self.tickets.get(&id)
        {
            tell_service(ticket, out);
        }
        true
    }

    pub(super) fn change_ticket(
        &mut self,
        id: TicketId,
        change: TicketChange,
        by: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        if let Some(mut ticket) = self.tickets.get(&id).cloned() {
            ticket.apply(change.clone(), by.clone(), &self.policy, now);
            tell(&ticket, change, by, now, out);
            self.judge_episodes(&ticket, out);
            self.keep_ticket(ticket);
        }
    }
}

/// Whether an alarm's change opens its finished ticket again: worse than what was judged, or back after a repair.
fn reopening(cause: &AlarmReason, state: &TicketState) -> Option<ReopenReason> {
    let end = match state {
        TicketState::Finished { end, .. } => end,
        TicketState::Open { .. } | TicketState::OnHold { .. } | TicketState::Archived { .. } => return None,
    };
    match cause {
        AlarmReason::Escalated { .. } => Some(ReopenReason::Escalated),
        AlarmReason::RaisedAgain { .. } => match end {
            TicketEnd::Closed { .. } => Some(ReopenReason::RaisedAgain),
            // A person decided that there is nothing to do about it.
            TicketEnd::Cancelled { .. } => None,
        },
        AlarmReason::Raised { .. }
        | AlarmReason::Eased { .. }
        | AlarmReason::ReturnedToNormal
        | AlarmReason::ReturnedUnseen
        | AlarmReason::StaysLatched
        | AlarmReason::Acknowledged { .. }
        | AlarmReason::Shelved { .. }
        | AlarmReason::Unshelved { .. }
        | AlarmReason::ShelvingExpired
        | AlarmReason::Suppressed { .. }
        | AlarmReason::SuppressionEnding { .. }
        | AlarmReason::SuppressionEnded
        | AlarmReason::TakenOutOfService { .. }
        | AlarmReason::ReturnedToService { .. }
        | AlarmReason::ReAlarmed
        | AlarmReason::FoundStale { .. }
        | AlarmReason::FoundChattering { .. }
        | AlarmReason::FoundFleeting { .. }
        | AlarmReason::JoinedIncident { .. }
        | AlarmReason::Reset { .. } => None,
        AlarmReason::LeftIncident { .. } => match end {
            TicketEnd::Cancelled { .. } => Some(ReopenReason::LeftIncident),
            TicketEnd::Closed { .. } => None,
        },
    }
}

fn about(alarm: &AlarmRecord, grade: Grade) -> NewTicket {
    let facts = &alarm.facts;
    NewTicket {
        device: alarm.device.clone(),
        failure_mode: alarm.failure_mode.clone(),
        episode: alarm.life.episode,
        alarm: Some(alarm.id.clone()),
        grade,
        impact: facts.impact,
        due_at: None,
        title: title(&facts.title, alarm.device.device.as_str()),
        reason: alarm.reason.clone(),
        action: facts.action.clone(),
        is_safety: facts.is_safety,
        part: facts.part.clone(),
        parts: facts.parts.clone(),
        skills: facts.skills.clone(),
        asset: alarm.asset.clone(),
        profile: alarm.profile.clone(),
        model: alarm.model.clone(),
        work: Work::default(),
    }
}

fn title(what: &Text, device: &str) -> Text {
    use domain::text::Language::{En, Zh};
    Text {
        en: format!("{}: {device}", what.get(En)),
        zh: format!("{}：{device}", what.get(Zh)),
    }
}

fn safety_note() -> Text {
    Text {
        en: "People may be harmed: secure the machine and lock out its energy before any work".into(),
        zh: "可能危及人身安全：作业前先停机、断能并上锁".into(),
    }
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
