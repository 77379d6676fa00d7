//! Alarms in the book: conditions and operators' commands become transitions, and transitions become effects.

use super::telling::{audit, message};
use super::{Book, ModeKey};
use crate::alarm::{AlarmEffect, AlarmInput, AlarmLife, AlarmRules, AlarmTransition};
use crate::effect::{AlarmCommand, Effect, Message, Outgoing, Refusal, TicketDecision};
use crate::reason;
use crate::record::{AlarmRecord, DeviceFacts, ModeFacts};
use crate::ticket::{Actor, MAX_TEXT_BYTES, check_length, check_text};
use domain::{AlarmId, ConditionChange, ConditionState, Timestamp};

impl Book {
    pub(super) fn take_condition(
        &mut self,
        change: ConditionChange,
        device: &DeviceFacts,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let key = (device.key.clone(), change.failure_mode.clone());
        let last = self.last.get(&key).copied();
        // A change from before the latest one is a repeat after a restart. Silence is told by our clock and its end by the
        // device's, so there the two cannot be compared.
        let is_silence = device
            .profile
            .mode(device.profile.built_in.no_data)
            .is_some_and(|m| m.id == key.1);
        if !is_silence && last.is_some_and(|last| change.measured_at < last.measured_at) {
            return;
        }
        let known = self.alarms.get(&key).cloned();
        let mut life = match &known {
            Some(alarm) => alarm.life.clone(),
            None => AlarmLife::before_episode(last.map_or(0, |last| last.episode)),
        };
        let facts = match device.profile.modes.iter().find(|m| m.id == key.1) {
            Some(mode) => ModeFacts::from(mode),
            None => ModeFacts::unknown(&key.1, device.profile.impact),
        };
        let input = match change.state {
            ConditionState::Clear => AlarmInput::ConditionCleared,
            ConditionState::Active { severity } => AlarmInput::ConditionRaised { severity },
        };
        let Ok(transition) = life.step(input, self.rules(facts.is_latched), now) else {
            return;
        };
        let begins = transition.effects.contains(&AlarmEffect::BeginEpisode);
        let mut alarm = match known.filter(|_| !begins) {
            Some(alarm) => alarm,
            None => self.new_alarm(&change, device, &life, facts.clone(), now),
        };
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
                if !change.evidence.is_empty() {
                    alarm.reason = reason::text(&change.evidence, &alarm.failure_mode);
                    alarm.evidence = change.evidence;
                }
            }
        }
        self.finish(alarm, transition, Actor::System, now, out);
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
            evidence: Vec::new(),
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
            AlarmCommand::Reset => AlarmInput::Reset { by },
        };
        let Some(mut record) = self.alarm_by_id(&alarm).cloned() else {
            return Err(Refusal::UnknownAlarm { alarm });
        };
        let rules = self.rules(record.facts.is_latched);
        let transition = record
            .life
            .step(input, rules, now)
            .map_err(|why| Refusal::Alarm { alarm, why })?;
        self.finish(record, transition, actor, now, out);
        Ok(())
    }

    pub(super) fn expire_shelving(&mut self, key: &ModeKey, now: Timestamp, out: &mut Vec<Effect>) {
        let Some(mut record) = self.alarms.get(key).cloned() else {
            return;
        };
        let rules = self.rules(record.facts.is_latched);
        if let Ok(transition) = record.life.step(AlarmInput::ShelvingExpired, rules, now) {
            self.finish(record, transition, Actor::System, now, out);
        }
    }

    fn rules(&self, is_latched: bool) -> AlarmRules {
        AlarmRules {
            is_latched,
            shelving_limit: self.policy.shelving_limit,
        }
    }

    /// An id is `site/device/failure_mode/episode`; names have no slash.
    fn alarm_by_id(&self, id: &AlarmId) -> Option<&AlarmRecord> {
        let mut parts = id.0.split('/');
        let device = domain::DeviceKey::new(parts.next()?, parts.next()?).ok()?;
        let mode = domain::FailureModeId::new(parts.next()?).ok()?;
        self.alarms.get(&(device, mode)).filter(|alarm| alarm.id == *id)
    }

    /// The one way out of a change: number it, decide about a ticket, say what follows, keep it.
    fn finish(
        &mut self,
        mut alarm: AlarmRecord,
        transition: AlarmTransition,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        let AlarmTransition { reason, effects } = transition;
        alarm.changed_at = now;
        alarm.transitions = alarm.transitions.saturating_add(1);
        let key = (alarm.device.clone(), alarm.failure_mode.clone());
        self.remember_episode(key, alarm.life.episode, alarm.measured_at);
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
        out.push(Effect::Audit(audit(&alarm, &reason, ticket, actor, now)));
        if effects.contains(&AlarmEffect::Publish) {
            out.push(Effect::Publish(Box::new(Message {
                key: format!("{}/{}", alarm.id, alarm.transitions),
                device: alarm.device.clone(),
                is_notice: effects.contains(&AlarmEffect::Announce),
                content: Outgoing::Alarm(message(&alarm)),
            })));
        }
        out.append(&mut ticket_effects);
        self.keep_alarm(alarm);
    }
}
