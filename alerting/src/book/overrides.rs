//! On-call overrides in the book: made and ended by people, over when their time is. The rotations of the book's policy know
//! those that stand, so whoever asks a rotation who is on call is told with them.

use super::alarms::person;
use super::{Book, Subject};
use crate::effect::{AuditEntry, Effect, Refusal};
use crate::on_call::overrides::{
    MAX_STANDING, OverrideCommand, OverrideId, OverrideRecord, OverrideRefusal, check_times,
};
use crate::ticket::{Actor, MAX_NAME_BYTES, MAX_TEXT_BYTES, check_text};
use domain::Timestamp;
use std::sync::Arc;

impl Book {
    pub(super) fn command_override(
        &mut self,
        command: OverrideCommand,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let by = person(&actor)?;
        let refuse = |why| Refusal::Override { why };
        let (record, action) = match command {
            OverrideCommand::Make {
                rotation,
                person,
                from,
                until,
                reason,
            } => {
                let text = |key, text: &str, limit| check_text(key, text, limit).map_err(|why| Refusal::Text { why });
                text("person", &person, MAX_NAME_BYTES)?;
                text("reason", &reason, MAX_TEXT_BYTES)?;
                if !self.policy.escalations.rotations().iter().any(|r| r.name == rotation) {
                    return Err(refuse(OverrideRefusal::UnknownRotation { rotation }));
                }
                let from = check_times(from, until, now).map_err(refuse)?;
                if self.overrides.len() >= MAX_STANDING {
                    return Err(refuse(OverrideRefusal::TooMany { limit: MAX_STANDING }));
                }
                self.last_override += 1;
                let record = OverrideRecord {
                    id: OverrideId(self.last_override),
                    rotation,
                    person,
                    from,
                    until,
                    reason,
                    by,
                    created_at: now,
                    over_at: None,
                    ended_by: None,
                };
                (record, "made")
            }
            OverrideCommand::End { id } => {
                let known = self.overrides.get(&id).cloned();
                let mut record = known.ok_or_else(|| refuse(OverrideRefusal::Unknown { id }))?;
                record.over_at = Some(now);
                record.ended_by = Some(by);
                (record, "ended")
            }
        };
        self.change_override(record, action, actor, now, out);
        Ok(())
    }

    /// The time of an override has passed.
    pub(super) fn wake_override(&mut self, id: OverrideId, now: Timestamp, out: &mut Vec<Effect>) {
        if let Some(mut record) = self.overrides.get(&id).cloned() {
            record.over_at = Some(record.until);
            self.change_override(record, "over", Actor::System, now, out);
        }
    }

    fn change_override(
        &mut self,
        record: OverrideRecord,
        action: &str,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) {
        out.push(Effect::OverrideChanged {
            record: Box::new(record.clone()),
        });
        out.push(Effect::Audit(AuditEntry {
            at: now,
            actor,
            action: format!("on_call.override_{action}"),
            subject: record.id.to_string(),
            detail: format!(
                "{} takes {} from {} until {}: {}",
                record.person, record.rotation, record.from, record.until, record.reason
            ),
        }));
        self.keep_override(record);
    }

    /// Puts an override in its place, or forgets it when it is over, and moves its deadline.
    pub(super) fn keep_override(&mut self, record: OverrideRecord) {
        let standing = record.over_at.is_none();
        self.set_deadline(Subject::Override(record.id), standing.then_some(record.until));
        Arc::make_mut(&mut self.policy).escalations.put_override(&record);
        match standing {
            true => self.overrides.insert(record.id, record),
            false => self.overrides.remove(&record.id),
        };
    }
}

#[cfg(test)]
#[path = "overrides_tests.rs"]
mod tests;
