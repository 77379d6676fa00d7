//! Tickets in the book: when one opens, what is merged, linked, upgraded or opened again, and what its clocks tell.

use super::reports::unnamed;
use super::telling::{tell, tell_service};
use super::{Book, Subject};
use crate::alarm::{AlarmReason, IsaState};
use crate::effect::{Effect, HeldBack, Refusal, TicketDecision};
use crate::record::{AlarmRecord, Asset, CodeFacts, ModeFacts};
use crate::ticket::{
    Actor, FollowUp, Grade, Malfunction, Priority, ReopenReason, Reported, TicketChange, TicketClass, TicketCommand,
    TicketEnd, TicketKind, TicketRecord, TicketRefusal, TicketState, Visit, Work, WorkChange, WorkStep,
};
use domain::profile::Service;
use domain::text::Text;
use domain::{AlarmId, DeviceKey, FailureModeId, Impact, ModelVersion, Prognosis, Severity, TicketId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What a new ticket is about.
pub(super) struct NewTicket {
    pub(super) device: DeviceKey,
    pub(super) failure_mode: FailureModeId,
    pub(super) episode: u32,
    pub(super) alarm: Option<AlarmId>,
    pub(super) grade: Grade,
    pub(super) impact: Impact,
    pub(super) due_at: Option<Timestamp>,
    pub(super) title: Text,
    pub(super) reason: Text,
    pub(super) action: Text,
    pub(super) is_safety: bool,
    pub(super) part: String,
    pub(super) parts: Vec<String>,
    pub(super) skills: Vec<String>,
    pub(super) asset: Asset,
    pub(super) profile: String,
    pub(super) model: ModelVersion,
    pub(super) work: Work,
    pub(super) likely_cause: Text,
    pub(super) report: Option<Reported>,
    pub(super) visit: Option<Visit>,
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
        let is_open = |id: &TicketId| self.tickets.get(id).is_some_and(|t| t.state.is_open());
        let serving = alarm.ticket.filter(is_open);
        if let Some(ticket) = serving.or_else(|| self.open_ticket_of(&alarm.device, &alarm.failure_mode)) {
            let is_new = alarm.ticket != Some(ticket);
            alarm.ticket = Some(ticket);
            if is_new {
                let change = TicketChange::Merged {
                    alarm: alarm.id.clone(),
                };
                self.change_ticket(ticket, change, Actor::System, now, out);
            }
            if let Some(code) = &alarm.facts.code {
                self.note_code(ticket, code, now, out);
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
            let was_taken_back = alarm.incident.is_none() && was_taken_back(record);
            return match reopening(cause, &record.state, was_taken_back) {
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
                let ticket = self.open_ticket(about(alarm, grade), Actor::System, now, out);
                alarm.ticket = Some(ticket);
                TicketDecision::Opened { ticket }
            }
        }
    }

    fn holds_back(&self, alarm: &AlarmRecord) -> Option<HeldBack> {
        // A fault code for which the profile names a service always opens one.
        let from = match alarm.facts.code.as_ref().is_some_and(|code| code.service.is_some()) {
            true => Some(Severity::Advisory),
            false => alarm.facts.ticket_from,
        };
        // Only what is normal is known better: for tickets it is the advisory that it was.
        let (severity, risk) = match alarm.is_stage_alone {
            true => {
                let (facts, at) = (&alarm.facts, alarm.measured_at);
                let as_was = Severity::Advisory;
                let risk = self.policy.risk.assess(as_was, &alarm.prognosis, facts.impact, at);
                (as_was, risk.level)
            }
            false => (alarm.life.severity, alarm.risk.level),
        };
        match from {
            None => Some(HeldBack::NeverByItself),
            Some(from) if severity < from && risk < self.policy.opens_from_risk => Some(match alarm.is_stage_alone {
                true => HeldBack::StageAlone,
                false => HeldBack::BelowThreshold,
            }),
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
    pub(super) fn grade(&self, alarm: &AlarmRecord) -> Grade {
        let (severity, risk, is_safety) = (alarm.life.severity, alarm.risk.level, alarm.facts.is_safety);
        let called_for = alarm
            .facts
            .code
            .as_ref()
            .and_then(|code| code.service)
            .map(|service| match service {
                Service::MaintenanceReminder => TicketKind::MaintenanceReminder,
                Service::OnSiteInspection => TicketKind::OnSiteInspection,
                Service::Emergency => TicketKind::Emergency,
            });
        let by_condition = if is_safety {
            TicketKind::Emergency
        } else if severity == Severity::Critical || risk >= self.policy.on_site_from_risk {
            TicketKind::OnSiteInspection
        } else {
            TicketKind::MaintenanceReminder
        };
        let kind = by_condition.max(called_for.unwrap_or(by_condition));
        let is_safety = kind == TicketKind::Emergency;
        Grade {
            kind,
            class: TicketClass::of(kind),
            priority: Priority::of(alarm.facts.impact, Some(severity), is_safety),
            severity: Some(severity),
            risk,
        }
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
                let other = self.open_ticket_of(&ticket.device, &ticket.failure_mode);
                if let Some(ticket) = other.filter(|_| ticket.failure_mode != unnamed()) {
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
            | TicketChange::MergedInto { .. }
            | TicketChange::Absorbed { .. }
            | TicketChange::SplitOff { .. }
            | TicketChange::SplitFrom { .. }
            | TicketChange::Proposed { .. }
            | TicketChange::DueAgain { .. }
            | TicketChange::Linked { .. }
            | TicketChange::Upgraded { .. }
            | TicketChange::Reclassed { .. }
            | TicketChange::Told { .. }
            | TicketChange::Answered { .. }
            | TicketChange::FollowUpTold { .. }
            | TicketChange::FollowUpAnswered { .. }
            | TicketChange::FollowUpLate
            | TicketChange::ClockWarning { .. }
            | TicketChange::ClockBreached { .. } => {}
            TicketChange::Worked { work } => self.mirror_link(&ticket, work, &actor, now, out)?,
        }
        let agreed = if let TicketChange::Scheduled { at } = change {
            Some(at)
        } else {
            None
        };
        tell(&ticket, change, actor, now, out);
        self.follow_up(&mut ticket, now, out);
        self.judge_episodes(&ticket, out);
        self.keep_ticket(ticket.clone());
        if let Some(at) = agreed {
            self.propose_along(&ticket, at, now, out);
        }
        Ok(())
    }

    /// A ticket's deadline has come: its clocks tell, or it is archived.
    pub(super) fn wake_ticket(&mut self, id: TicketId, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(mut ticket) = self.tickets.get(&id).cloned() else {
            self.set_deadline(Subject::Ticket(id), None);
            return;
        };
        self.follow_up(&mut ticket, now, out);
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
            // woken for a bad rating, or archived at its time
            TicketState::Finished { .. } if ticket.open_follow_up().is_some() => {}
            TicketState::Finished { .. } => {
                ticket.apply(TicketChange::Archived, Actor::System, &self.policy, now);
                tell(&ticket, TicketChange::Archived, Actor::System, now, out);
            }
            TicketState::Archived { .. } => {}
        }
        self.keep_ticket(ticket);
    }

    /// Tells the next step of a bad rating, if one is due.
    fn follow_up(&self, ticket: &mut TicketRecord, now: Timestamp, out: &mut Vec<Effect>) {
        while let Some(change) = ticket.tell_follow_up(&self.policy, now) {
            ticket.apply(change.clone(), Actor::System, &self.policy, now);
            tell(ticket, change, Actor::System, now, out);
        }
    }

    pub(super) fn refresh_ticket_deadline(&mut self, id: TicketId) {
        let at = match self.tickets.get(&id) {
            None => None,
            Some(ticket) => match ticket.state {
                TicketState::Open { .. } | TicketState::OnHold { .. } => {
                    let all = [
                        ticket.next_clock_deadline(&self.policy),
                        ticket.next_telling(),
                        ticket.next_follow_up(),
                    ];
                    all.into_iter().flatten().min()
                }
                // It is not archived before a bad rating is settled.
                TicketState::Finished { .. } if ticket.open_follow_up().is_some() => ticket.next_follow_up(),
                // A ticket that was merged waits for the one that it is part of, so that it can be split off again.
                TicketState::Finished { .. } if self.waits_for_other(ticket) => None,
                TicketState::Finished { at, .. } if self.standing_alarm(id).is_none() => {
                    let called_back_at = ticket.work.call_back.as_ref().map_or(at, |c| c.at);
                    let settled_at = ticket.follow_up().and_then(FollowUp::settled_at).unwrap_or(at);
                    Some(at.max(called_back_at).max(settled_at) + self.policy.archive_after)
                }
                TicketState::Finished { .. } | TicketState::Archived { .. } => None,
            },
        };
        self.set_deadline(Subject::Ticket(id), at);
    }

    fn waits_for_other(&self, ticket: &TicketRecord) -> bool {
        let other = ticket.merged_into().and_then(|into| self.tickets.get(&into));
        other.is_some_and(|other| other.state.is_open())
    }

    /// An alarm that a ticket is about, if one is anything but normal.
    fn standing_alarm(&self, id: TicketId) -> Option<&AlarmRecord> {
        let served = self.tickets.get(&id)?.serves();
        let alarms = served.iter().filter_map(|key| self.alarms.get(key));
        alarms
            .into_iter()
            .find(|alarm| alarm.ticket == Some(id) && alarm.stands())
    }

    /// The device's own code is written into the ticket that serves for it, if none is there yet.
    pub(super) fn note_code(&mut self, id: TicketId, code: &CodeFacts, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(ticket) = self.tickets.get_mut(&id) else {
            return;
        };
        if ticket.work.malfunction.fault_code.is_empty() {
            let symptom = match ticket.work.malfunction.symptom.is_empty() {
                true => code.text.clone(),
                false => ticket.work.malfunction.symptom.clone(),
            };
            let malfunction = Malfunction {
                symptom,
                fault_code: code.code.clone(),
                ..ticket.work.malfunction.clone()
            };
            if ticket.likely_cause.en.is_empty() {
                ticket.likely_cause = code.cause.clone();
            }
            let work = WorkChange::Described { malfunction };
            self.change_ticket(id, TicketChange::Worked { work }, Actor::System, now, out);
        }
    }

    pub(super) fn open_ticket(&mut self, new: NewTicket, by: Actor, now: Timestamp, out: &mut Vec<Effect>) -> TicketId {
        self.last_ticket += 1;
        let id = TicketId(self.last_ticket);
        let title = if new.device.site.is_drill() {
            drill(&new.title)
        } else {
            new.title
        };
        let others: BTreeSet<TicketId> = match self.open.get(&new.device) {
            Some(by_mode) => by_mode.values().flatten().copied().collect(),
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
            title,
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
            absorbed: Vec::new(),
            report: new.report,
            likely_cause: new.likely_cause,
            visit: new.visit,
            work: new.work,
            follow_ups: Vec::new(),
            opened_at: now,
            changed_at: now,
            revision: 0,
            history: Vec::new(),
        };
        ticket.start_clocks(new.due_at, &self.policy, now);
        let change = TicketChange::Opened { reason: new.reason };
        ticket.apply(change.clone(), by.clone(), &self.policy, now);
        tell(&ticket, change, by, now, out);
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

/// Whether a ticket was cancelled because another one served its incident: no person decided that there is nothing to do.
fn was_taken_back(ticket: &TicketRecord) -> bool {
    let mut cancelled = ticket.history.iter().rev();
    let last = cancelled.find(|entry| matches!(entry.what, TicketChange::Cancelled { .. }));
    last.is_some_and(|entry| entry.by == Actor::System)
}

/// Whether an alarm's change opens its finished ticket again: worse than what was judged, back after a repair, or alone after an
/// incident for which the ticket was taken back.
fn reopening(cause: &AlarmReason, state: &TicketState, was_taken_back: bool) -> Option<ReopenReason> {
    let end = match state {
        TicketState::Finished { end, .. } => end,
        TicketState::Open { .. } | TicketState::OnHold { .. } | TicketState::Archived { .. } => return None,
    };
    match cause {
        AlarmReason::Escalated { .. } | AlarmReason::Reassessed { is_peak: true, .. } => match end {
            TicketEnd::Closed { .. } | TicketEnd::Cancelled { .. } => Some(ReopenReason::Escalated),
            TicketEnd::Merged { .. } => None,
        },
        AlarmReason::RaisedAgain { .. } => match end {
            TicketEnd::Closed { .. } => Some(ReopenReason::RaisedAgain),
            TicketEnd::Cancelled { .. } if was_taken_back => Some(ReopenReason::LeftIncident),
            // A person decided that there is nothing to do about it, or that it is done elsewhere.
            TicketEnd::Cancelled { .. } | TicketEnd::Merged { .. } => None,
        },
        AlarmReason::Raised { .. }
        | AlarmReason::Eased { .. }
        | AlarmReason::Reassessed { is_peak: false, .. }
        | AlarmReason::ReturnedToNormal
        | AlarmReason::ReturnedUnseen
        | AlarmReason::StaysLatched
        | AlarmReason::Acknowledged { .. }
        | AlarmReason::Shelved { .. }
        | AlarmReason::Unshelved { .. }
        | AlarmReason::ShelvingExpired
        | AlarmReason::Suppressed { .. }
        | AlarmReason::SuppressionEnding { .. }
        | AlarmReason::TakenOutOfService { .. }
        | AlarmReason::ReturnedToService { .. }
        | AlarmReason::ReAlarmed
        | AlarmReason::FoundStale { .. }
        | AlarmReason::FoundChattering { .. }
        | AlarmReason::FoundFleeting { .. }
        | AlarmReason::JoinedIncident { .. }
        | AlarmReason::TicketMoved { .. }
        | AlarmReason::DeviceSaid { .. }
        | AlarmReason::Reset { .. } => None,
        AlarmReason::SuppressionEnded => match end {
            TicketEnd::Cancelled { .. } if was_taken_back => Some(ReopenReason::LeftIncident),
            TicketEnd::Cancelled { .. } | TicketEnd::Closed { .. } | TicketEnd::Merged { .. } => None,
        },
        AlarmReason::LeftIncident { .. } => match end {
            TicketEnd::Cancelled { .. } => Some(ReopenReason::LeftIncident),
            TicketEnd::Closed { .. } | TicketEnd::Merged { .. } => None,
        },
    }
}

pub(super) fn about(alarm: &AlarmRecord, grade: Grade) -> NewTicket {
    let facts = &alarm.facts;
    let code = facts.code.clone().unwrap_or_default();
    let malfunction = Malfunction {
        symptom: code.text,
        fault_code: code.code,
        is_breakdown: None,
        began_at: Some(alarm.raised_at),
        ended_at: None,
    };
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
        work: Work {
            malfunction,
            ..Work::default()
        },
        likely_cause: code.cause,
        report: None,
        visit: None,
    }
}

pub(super) fn title(what: &Text, device: &str) -> Text {
    use domain::text::Language::{En, Zh};
    Text {
        en: format!("{}: {device}", what.get(En)),
        zh: format!("{}：{device}", what.get(Zh)),
    }
}

/// Nobody shall travel for a rehearsal.
fn drill(title: &Text) -> Text {
    use domain::text::Language::{En, Zh};
    Text {
        en: format!("DRILL, {}", title.get(En)),
        zh: format!("【演练】{}", title.get(Zh)),
    }
}

fn safety_note() -> Text {
    Text {
        en: "People may be harmed: secure the machine and lock out its energy before any work".into(),
        zh: "可能危及人身安全：作业前先停机、断能并上锁".into(),
    }
}
