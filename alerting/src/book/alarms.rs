//! Alarms in the book: conditions and operators' commands become transitions, and transitions become effects.

use super::{Book, ModeKey, name_of};
use crate::alarm::{AlarmEffect, AlarmInput, AlarmLife, AlarmReason, AlarmRules, AlarmTransition};
use crate::effect::{AuditEntry, Command, Effect, HeldBack, Message, Outgoing, Refusal, TicketDecision};
use crate::reason;
use crate::record::{AlarmRecord, DeviceFacts, ModeFacts};
use crate::ticket::{Actor, MAX_TEXT_BYTES, check_text};
use domain::wire::AlarmMessage;
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
            facts,
            asset: device.asset.clone(),
        }
    }

    pub(super) fn command_alarm(
        &mut self,
        command: Command,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let by = name_of(&actor);
        let (alarm, input) = match command {
            Command::Acknowledge { alarm } => (alarm, AlarmInput::Acknowledge { by }),
            Command::Shelve { alarm, reason, until } => {
                check_text("reason", &reason, MAX_TEXT_BYTES).map_err(|why| Refusal::Text { why })?;
                (alarm, AlarmInput::Shelve { by, reason, until })
            }
            Command::Unshelve { alarm } => (alarm, AlarmInput::Unshelve { by }),
            Command::Reset { alarm } => (alarm, AlarmInput::Reset { by }),
            Command::Ticket { ticket, .. } => return Err(Refusal::UnknownTicket { ticket }),
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

fn message(alarm: &AlarmRecord) -> AlarmMessage {
    AlarmMessage {
        alarm_id: alarm.id.clone(),
        site: alarm.device.site.clone(),
        device: alarm.device.device.clone(),
        failure_mode: alarm.failure_mode.clone(),
        severity: alarm.life.severity,
        state: alarm.life.state.as_str().to_owned(),
        is_shelved: alarm.is_shelved(),
        risk: alarm.risk.level,
        measured_at: alarm.measured_at,
        raised_at: alarm.raised_at,
        reason: alarm.reason.en.clone(),
    }
}

fn audit(alarm: &AlarmRecord, reason: &AlarmReason, ticket: TicketDecision, actor: Actor, at: Timestamp) -> AuditEntry {
    let (severity, risk) = (alarm.life.severity.as_str(), alarm.risk.level.as_str());
    let mut detail = match reason {
        AlarmReason::Raised { .. } | AlarmReason::RaisedAgain { .. } => {
            format!("{severity}, risk {risk}: {}", alarm.reason.en)
        }
        AlarmReason::Escalated { from, to } | AlarmReason::Eased { from, to } => {
            format!(
                "from {} to {}, risk {risk}: {}",
                from.as_str(),
                to.as_str(),
                alarm.reason.en
            )
        }
        AlarmReason::Shelved { reason, until, .. } => format!("until {until}: {reason}"),
        AlarmReason::ReturnedToNormal
        | AlarmReason::ReturnedUnseen
        | AlarmReason::StaysLatched
        | AlarmReason::Acknowledged { .. }
        | AlarmReason::Unshelved { .. }
        | AlarmReason::ShelvingExpired
        | AlarmReason::Reset { .. } => format!("now {}", alarm.life.state.as_str()),
    };
    match ticket {
        TicketDecision::NotAssessed => {}
        TicketDecision::Opened { ticket: id }
        | TicketDecision::Merged { ticket: id }
        | TicketDecision::Upgraded { ticket: id }
        | TicketDecision::Reopened { ticket: id }
        | TicketDecision::Covered { ticket: id } => detail.push_str(&format!("; ticket {id} {}", ticket.as_str())),
        TicketDecision::HeldBack { why } => detail.push_str(match why {
            HeldBack::NeverByItself => "; no ticket: this failure mode never opens one by itself",
            HeldBack::BelowThreshold => "; no ticket: neither severity nor risk is high enough",
            HeldBack::Shelved => "; no ticket while shelved",
        }),
    }
    AuditEntry {
        at,
        actor,
        action: format!("alarm.{}", reason.as_str()),
        subject: alarm.id.to_string(),
        detail,
    }
}
