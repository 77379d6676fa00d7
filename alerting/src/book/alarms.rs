//! Alarms in the book: conditions and operators' commands become transitions, and transitions become effects.

use super::hiding::AlarmAbout;
use super::telling::{about_alarm, audit, message};
use super::{Book, ModeKey};
use crate::alarm::{AlarmEffect, AlarmInput, AlarmLife, AlarmReason, AlarmTransition, PersonName};
use crate::effect::{AlarmCommand, Effect, Message, Outgoing, Refusal, TicketDecision};
use crate::habit::Habit;
use crate::reason;
use crate::record::{AlarmRecord, CodeFacts, DeviceFacts, ModeFacts, is_stage_alone};
use crate::storm::NoticeWeight;
use crate::ticket::{Actor, MAX_TEXT_BYTES, TicketChange, check_length, check_text};
use domain::{
    AlarmId, ConditionChange, ConditionOutlook, ConditionState, DeviceKey, FailureModeId, Severity, TicketId, Timestamp,
};

impl Book {
    pub(super) fn take_condition(
        &mut self,
        change: ConditionChange,
        device: &DeviceFacts,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let key = (device.key.clone(), change.failure_mode.clone());
        let last = self.last.get(&key).cloned();
        // A change from before the latest one is a repeat after a restart. Silence is told by our clock and its end by the
        // device's, so there the two cannot be compared.
        let is_silence = device
            .profile
            .mode(device.profile.built_in.no_data)
            .is_some_and(|m| m.id == key.1);
        if !is_silence && last.as_ref().is_some_and(|last| change.measured_at < last.measured_at) {
            return;
        }
        let known = self.alarms.get(&key).cloned();
        let mut life = match &known {
            Some(alarm) => alarm.life.clone(),
            None => AlarmLife::before_episode(last.as_ref().map_or(0, |last| last.episode)),
        };
        let mut facts = self.mode_facts(&key.1, device);
        let said_before = known.as_ref().and_then(|alarm| alarm.facts.code.clone());
        facts.code = CodeFacts::of(&change.evidence, &device.profile).or(said_before);
        facts.rationale = self.policy.alarms.rationale(&device.profile.id, &key.1).cloned();
        let input = match change.state {
            ConditionState::Clear => AlarmInput::ConditionCleared,
            ConditionState::Active { severity } => {
                if !life.state.is_active() {
                    let new = AlarmAbout {
                        key: &key,
                        profile: &device.profile.id,
                        asset: &device.asset,
                        is_safety: facts.is_safety,
                        severity,
                    };
                    self.hide_from_the_start(&mut life, &new, now);
                }
                AlarmInput::ConditionRaised { severity }
            }
        };
        let mut asked = match &known {
            Some(alarm) => alarm.clone(),
            None => self.new_alarm(&change, device, &life, facts.clone(), now),
        };
        asked.facts = facts.clone();
        let Ok(transition) = life.step(input, self.policy.alarms.rules(&asked), now) else {
            return;
        };
        let begins = transition.effects.contains(&AlarmEffect::BeginEpisode);
        let mut alarm = match known.filter(|_| !begins) {
            Some(alarm) => alarm,
            None => self.new_alarm(&change, device, &life, facts.clone(), now),
        };
        if begins {
            alarm.habit = last.map_or_else(Habit::default, |last| last.habit.of_next_episode());
        }
        alarm.is_stage_alone = match &transition.reason {
            AlarmReason::Escalated {
                from: Severity::Advisory,
                ..
            } => is_stage_alone(&alarm.evidence, &change.evidence),
            AlarmReason::Escalated { .. } | AlarmReason::Raised { .. } | AlarmReason::RaisedAgain { .. } => false,
            AlarmReason::Eased { .. }
            | AlarmReason::Reassessed { .. }
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
            | AlarmReason::LeftIncident { .. }
            | AlarmReason::TicketMoved { .. }
            | AlarmReason::DeviceSaid { .. }
            | AlarmReason::Reset { .. } => alarm.is_stage_alone,
        };
        let was_chattering = alarm.habit.is_chattering;
        // One clock for how often and how briefly: the machine's, and ours for silence.
        let judged_at = if is_silence { now } else { change.measured_at };
        let found = match &transition.reason {
            AlarmReason::Raised { .. } | AlarmReason::RaisedAgain { .. } => {
                alarm.active_since = Some(now);
                alarm.showed_at = judged_at;
                alarm.habit.raised(judged_at, &self.policy.alarms.habits)
            }
            AlarmReason::ReturnedToNormal | AlarmReason::ReturnedUnseen | AlarmReason::StaysLatched => {
                alarm.habit.cleared(judged_at, &self.policy.alarms.habits)
            }
            AlarmReason::Escalated { .. }
            | AlarmReason::Eased { .. }
            | AlarmReason::Reassessed { .. }
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
            | AlarmReason::LeftIncident { .. }
            | AlarmReason::TicketMoved { .. }
            | AlarmReason::DeviceSaid { .. }
            | AlarmReason::Reset { .. } => None,
        };
        // A chattering alarm was announced, and found chattering; until it is quiet nobody is told of each raise.
        let is_muted = was_chattering && alarm.habit.is_chattering;
        alarm.life = life;
        alarm.facts = facts;
        alarm.measured_at = change.measured_at;
        alarm.health = change.health;
        alarm.prognosis = change.prognosis;
        alarm.model = change.model;
        match change.state {
            ConditionState::Clear => {}
            ConditionState::Active { severity } => {
                let (impact, at) = (alarm.facts.impact, change.measured_at);
                alarm.risk = self.policy.risk.assess(severity, &change.prognosis, impact, at);
                alarm.peak_risk = alarm.peak_risk.max(Some(alarm.risk.level));
                if !change.evidence.is_empty() {
                    alarm.reason = reason::text(&change.evidence, &alarm.failure_mode);
                    alarm.evidence = change.evidence;
                    alarm.similar = self.similar(&alarm);
                }
            }
        }
        let telling = Telling {
            actor: Actor::System,
            is_muted,
        };
        self.join_incident(&mut alarm, &transition.reason, now, out);
        let ends = change.state == ConditionState::Clear;
        let alarm = self.write_down(alarm, transition, telling, now, out);
        if ends {
            self.close_episode(&alarm, now, out);
        } else {
            self.advance_plans(&alarm, now, out);
        }
        if let Some(reason) = found {
            self.note(alarm.clone(), reason, now, out);
        }
        self.settle_around(&alarm, now, out);
    }

    /// The condition stands as before: the row follows the time left when that changes the risk.
    pub(super) fn take_outlook(
        &mut self,
        device: &DeviceKey,
        outlook: ConditionOutlook,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let key = (device.clone(), outlook.failure_mode);
        let Some(mut alarm) = self.alarms.get(&key).cloned() else {
            return;
        };
        // An older one is a repeat after a restart.
        if !alarm.life.state.is_active() || outlook.measured_at < alarm.measured_at {
            return;
        }
        let (from, impact, at) = (alarm.risk.level, alarm.facts.impact, outlook.measured_at);
        let rules = &self.policy.risk;
        let Some(risk) = rules.reassess(from, alarm.life.severity, &outlook.prognosis, impact, at) else {
            return;
        };
        alarm.measured_at = outlook.measured_at;
        alarm.health = outlook.health;
        alarm.prognosis = outlook.prognosis;
        alarm.model = outlook.model;
        alarm.risk = risk;
        let (peak, to) = (alarm.peak_risk.unwrap_or(from), risk.level);
        alarm.peak_risk = Some(peak.max(to));
        let is_peak = to > peak;
        let reason = AlarmReason::Reassessed { from, to, is_peak };
        let effects = alarm.life.effects(&reason, alarm.life.is_hidden());
        self.finish(alarm, AlarmTransition { reason, effects }, Actor::System, now, out);
    }

    /// What the profile says of a failure mode, and what a failure of this machine costs.
    pub fn mode_facts(&self, mode: &FailureModeId, device: &DeviceFacts) -> ModeFacts {
        let mut facts = match device.profile.modes.iter().find(|m| m.id == *mode) {
            Some(mode) => ModeFacts::from(mode),
            None => ModeFacts::unknown(mode, device.profile.impact),
        };
        (facts.impact, facts.impact_reason) = self.policy.impact_of(facts.impact, facts.is_safety, device);
        facts
    }

    /// A finding: the row has it and the audit trail, nobody is woken.
    pub(super) fn note(&mut self, alarm: AlarmRecord, reason: AlarmReason, now: Timestamp, out: &mut Vec<Effect>) {
        let effects = Vec::new();
        let telling = Telling {
            actor: Actor::System,
            is_muted: false,
        };
        self.write_down(alarm, AlarmTransition { reason, effects }, telling, now, out);
    }

    fn new_alarm(
        &self,
        change: &ConditionChange,
        device: &DeviceFacts,
        life: &AlarmLife,
        facts: ModeFacts,
        now: Timestamp,
    ) -> AlarmRecord {
        let (impact, at) = (facts.impact, change.measured_at);
        AlarmRecord {
            id: AlarmId::new(&device.key, &change.failure_mode, life.episode),
            device: device.key.clone(),
            failure_mode: change.failure_mode.clone(),
            life: life.clone(),
            risk: self.policy.risk.assess(life.severity, &change.prognosis, impact, at),
            peak_risk: None,
            evidence: Vec::new(),
            similar: Vec::new(),
            reason: reason::text(&change.evidence, &change.failure_mode),
            health: change.health,
            prognosis: change.prognosis,
            raised_at: change.measured_at,
            measured_at: change.measured_at,
            opened_at: now,
            changed_at: now,
            transitions: 0,
            ticket: None,
            profile: device.profile.id.clone(),
            profile_version: device.profile.version,
            model: change.model.clone(),
            facts,
            asset: device.asset.clone(),
            active_since: None,
            is_stage_alone: false,
            acknowledged_at: None,
            announced_at: None,
            habit: Habit::default(),
            incident: None,
            showed_at: change.measured_at,
        }
    }

    pub(super) fn command_alarm(
        &mut self,
        alarm: AlarmId,
        command: AlarmCommand,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let by = actor.name().to_owned();
        let input = match command {
            AlarmCommand::Acknowledge { note } => {
                check_length("note", &note, MAX_TEXT_BYTES).map_err(|why| Refusal::Text { why })?;
                AlarmInput::Acknowledge { by, note }
            }
            AlarmCommand::Shelve { reason, until } => {
                check_text("reason", &reason, MAX_TEXT_BYTES).map_err(|why| Refusal::Text { why })?;
                AlarmInput::Shelve { by, reason, until }
            }
            AlarmCommand::Unshelve => AlarmInput::Unshelve { by },
            AlarmCommand::TakeOutOfService { reason } => {
                check_text("reason", &reason, MAX_TEXT_BYTES).map_err(|why| Refusal::Text { why })?;
                let by = person(&actor)?;
                let window = None;
                AlarmInput::TakeOutOfService { by, reason, window }
            }
            AlarmCommand::ReturnToService => AlarmInput::ReturnToService {
                by: person(&actor)?,
                by_window: false,
            },
            AlarmCommand::Reset => AlarmInput::Reset { by },
        };
        let Some(mut record) = self.alarm_by_id(&alarm).cloned() else {
            return Err(Refusal::UnknownAlarm { alarm });
        };
        let is_seen = matches!(input, AlarmInput::Acknowledge { .. });
        let rules = self.policy.alarms.rules(&record);
        let transition = record
            .life
            .step(input, rules, now)
            .map_err(|why| Refusal::Alarm { alarm, why })?;
        let ticket = record.ticket.filter(|_| is_seen);
        let alarm = record.id.clone();
        self.finish(record, transition, actor.clone(), now, out);
        let waits = |id: &TicketId| self.tickets.get(id).is_some_and(|t| t.next_telling().is_some());
        if let Some(ticket) = ticket.filter(waits) {
            self.change_ticket(ticket, TicketChange::Answered { alarm }, actor, now, out);
        }
        Ok(())
    }

    /// Whatever of an alarm has come due: the end of a shelving or suppression, a re-alarm, that it is stale.
    pub(super) fn wake_alarm(&mut self, key: &ModeKey, now: Timestamp, out: &mut Vec<Effect>) {
        let due = |alarm: &AlarmRecord| {
            let shelving = alarm.life.shelving.as_ref().map(|s| s.until);
            let release = alarm.life.suppression.as_ref().and_then(|s| s.release_at);
            let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
            (is_due(shelving), is_due(release))
        };
        let Some((is_shelving_over, is_released)) = self.alarms.get(key).map(due) else {
            return;
        };
        if is_shelving_over {
            self.step_alarm(key, AlarmInput::ShelvingExpired, now, out);
        }
        if is_released {
            self.step_alarm(key, AlarmInput::EndSuppression, now, out);
        }
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        if let Some(alarm) = self.alarms.get(key)
            && is_due(self.stale_at(alarm))
        {
            let (mut alarm, since) = (alarm.clone(), alarm.standing_since());
            alarm.habit.is_stale = true;
            self.note(alarm, AlarmReason::FoundStale { since }, now, out);
        }
        if let Some(alarm) = self.alarms.get(key)
            && is_due(self.re_alarm_at(alarm))
        {
            self.step_alarm(key, AlarmInput::ReAlarm, now, out);
        }
    }

    /// When an alarm must be looked at next.
    pub(super) fn alarm_deadline(&self, alarm: &AlarmRecord) -> Option<Timestamp> {
        let shelving = alarm.life.shelving.as_ref().map(|s| s.until);
        let release = alarm.life.suppression.as_ref().and_then(|s| s.release_at);
        let all = [shelving, release, self.stale_at(alarm), self.re_alarm_at(alarm)];
        all.into_iter().flatten().min()
    }

    fn stale_at(&self, alarm: &AlarmRecord) -> Option<Timestamp> {
        let after = self.policy.alarms.rules(alarm).stale_after?;
        let may_be = alarm.life.state.is_active() && !alarm.habit.is_stale;
        may_be.then(|| alarm.standing_since() + after)
    }

    fn re_alarm_at(&self, alarm: &AlarmRecord) -> Option<Timestamp> {
        let after = self.policy.alarms.rules(alarm).re_alarm_after?;
        let may_be = alarm.life.state.is_active() && !alarm.life.is_hidden();
        may_be.then(|| alarm.announced_at.unwrap_or(alarm.opened_at) + after)
    }

    /// One input of ours; refused ones change nothing.
    pub(super) fn step_alarm(&mut self, key: &ModeKey, input: AlarmInput, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(mut record) = self.alarms.get(key).cloned() else {
            return;
        };
        let rules = self.policy.alarms.rules(&record);
        if let Ok(transition) = record.life.step(input, rules, now) {
            self.finish(record, transition, Actor::System, now, out);
        }
    }

    /// An id is `site/device/failure_mode/episode`; names have no slash.
    pub(super) fn alarm_by_id(&self, id: &AlarmId) -> Option<&AlarmRecord> {
        let mut parts = id.0.split('/');
        let device = domain::DeviceKey::new(parts.next()?, parts.next()?).ok()?;
        let mode = domain::FailureModeId::new(parts.next()?).ok()?;
        self.alarms.get(&(device, mode)).filter(|alarm| alarm.id == *id)
    }

    /// The way out of a change: written down, and what hangs on it follows.
    fn finish(
        &mut self,
        mut alarm: AlarmRecord,
        transition: AlarmTransition,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let is_muted = false;
        self.join_incident(&mut alarm, &transition.reason, now, out);
        let alarm = self.write_down(alarm, transition, Telling { actor, is_muted }, now, out);
        self.settle_around(&alarm, now, out);
    }

    /// Numbers a change, decides about a ticket, says what follows, keeps it.
    pub(super) fn write_down(
        &mut self,
        mut alarm: AlarmRecord,
        transition: AlarmTransition,
        telling: Telling,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> AlarmRecord {
        let AlarmTransition { reason, effects } = transition;
        alarm.changed_at = now;
        alarm.transitions = alarm.transitions.saturating_add(1);
        if matches!(reason, AlarmReason::Acknowledged { .. }) {
            alarm.acknowledged_at.get_or_insert(now);
        }
        let is_announced = effects.contains(&AlarmEffect::Announce);
        if is_announced {
            alarm.announced_at = Some(now);
        }
        let key = (alarm.device.clone(), alarm.failure_mode.clone());
        self.remember_episode(key, alarm.life.episode, alarm.measured_at, &alarm.habit);
        let mut ticket_effects = Vec::new();
        let ticket = if effects.contains(&AlarmEffect::AssessTicket) {
            self.assess_ticket(&mut alarm, &reason, now, &mut ticket_effects)
        } else {
            TicketDecision::NotAssessed
        };
        out.push(Effect::AlarmChanged {
            record: Box::new(alarm.clone()),
            reason: reason.clone(),
            ticket,
        });
        out.push(Effect::Audit(audit(&alarm, &reason, ticket, telling.actor, now)));
        // A chattering alarm was told often enough, and of members of an incident people are told together.
        let is_told = is_announced && !telling.is_muted && (alarm.incident.is_none() || alarm.facts.is_safety);
        let weight = if alarm.facts.is_safety {
            NoticeWeight::Emergency
        } else {
            NoticeWeight::Ordinary
        };
        if is_announced {
            self.count_announced(&alarm.device.site, now, out);
        }
        if effects.contains(&AlarmEffect::Publish) {
            out.push(Effect::Publish(Box::new(Message {
                key: format!("{}/{}", alarm.id, alarm.transitions),
                site: alarm.device.site.clone(),
                device: Some(alarm.device.clone()),
                notice: is_told.then_some(weight),
                about: about_alarm(&alarm),
                content: Outgoing::Alarm(message(&alarm)),
            })));
        }
        out.append(&mut ticket_effects);
        self.keep_alarm(alarm.clone());
        alarm
    }
}

/// Who did it, and whether people have heard enough of it.
pub(super) struct Telling {
    pub(super) actor: Actor,
    pub(super) is_muted: bool,
}

/// The name of who answers for something.
pub(super) fn person(actor: &Actor) -> Result<PersonName, Refusal> {
    match actor {
        Actor::Person { name } => Ok(name.clone()),
        Actor::System => Err(Refusal::NeedsPerson),
    }
}
