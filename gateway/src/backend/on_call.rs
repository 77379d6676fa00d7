//! Who is on call, for people: the rotations of the configuration with the overrides of the store.

use super::LiveBackend;
use crate::store::{OverrideRow, Reader, StoreError};
use crate::web::backend::{Answer, BackendError, Order, OverridePlan};
use alerting::effect::Command;
use alerting::on_call::overrides::{OverrideCommand, OverrideId, OverrideRecord, OverrideRefusal};
use alerting::policy::Escalations;
use dashboards::view::{OnCall, OnCallOverride, OverrideState, Shift};
use domain::{Millis, Timestamp};

/// So long an override that is over stays in the list.
const LISTED_FOR: Millis = Millis::days(30);

fn record_of(row: &OverrideRow) -> Result<OverrideRecord, StoreError> {
    serde_json::from_str(&row.record).map_err(|error| StoreError::Damaged {
        what: format!("on-call override {}", OverrideId(row.id)),
        problem: error.to_string(),
    })
}

fn override_view(record: OverrideRecord, now: Timestamp) -> OnCallOverride {
    // the commit that says so follows the instant
    let over_at = record.over_at.or((record.until <= now).then_some(record.until));
    let state = match over_at {
        Some(_) => OverrideState::Over,
        None if record.from <= now => OverrideState::Holds,
        None => OverrideState::Waiting,
    };
    OnCallOverride {
        id: record.id.to_string(),
        rotation: record.rotation,
        person: record.person,
        from: record.from.into(),
        until: record.until.into(),
        reason: record.reason,
        by: record.by,
        created_at: record.created_at.into(),
        state,
        over_at: over_at.map(Into::into),
        ended_by: record.ended_by,
    }
}

fn on_call_view(rotation: &alerting::on_call::OnCall, now: Timestamp, ahead: Millis) -> OnCall {
    let shifts = rotation.shifts(now, now + ahead);
    OnCall {
        name: rotation.name.clone(),
        time_zone: rotation.time_zone.clone(),
        now: rotation.who(now).cloned(),
        shifts: shifts
            .iter()
            .map(|shift| Shift {
                person: shift.person.cloned(),
                is_override: shift.is_override,
                from: shift.from.into(),
                until: shift.until.into(),
                from_local: rotation.local(shift.from),
                until_local: rotation.local(shift.until),
            })
            .collect(),
    }
}

/// The problem of an override that is refused.
pub(super) fn refused(why: &OverrideRefusal) -> BackendError {
    let at = |pointer: &str| BackendError::Invalid {
        pointer: pointer.to_owned(),
        detail: why.to_string(),
    };
    match why {
        OverrideRefusal::UnknownRotation { rotation } => BackendError::NotFound {
            what: format!("rotation {rotation}"),
        },
        OverrideRefusal::Unknown { id } => not_found(*id),
        OverrideRefusal::BeginsInThePast | OverrideRefusal::BeginsTooLate { .. } => at("/from"),
        OverrideRefusal::EndsTooEarly | OverrideRefusal::TooLong { .. } => at("/until"),
        OverrideRefusal::TooMany { .. } => BackendError::Conflict {
            detail: why.to_string(),
        },
    }
}

fn not_found(id: OverrideId) -> BackendError {
    BackendError::NotFound {
        what: format!("on-call override {id} that is not over"),
    }
}

impl LiveBackend {
    /// The rotations with the overrides that stand in the store.
    pub(super) fn rotations_with(&self, reader: &Reader) -> Result<Escalations, StoreError> {
        let mut escalations = self.running.policy.escalations.clone();
        for row in reader.standing_overrides()? {
            escalations.put_override(&record_of(&row)?);
        }
        Ok(escalations)
    }

    pub(super) async fn list_on_call(&self, ahead: Millis) -> Answer<Vec<OnCall>> {
        let (backend, now) = (self.clone(), self.clock().now());
        let ask = move |reader: &Reader| {
            let escalations = backend.rotations_with(reader)?;
            let rotations = escalations.rotations().iter();
            Ok(rotations.map(|rotation| on_call_view(rotation, now, ahead)).collect())
        };
        self.readers.ask(ask).await
    }

    pub(super) async fn list_overrides(&self) -> Answer<Vec<OnCallOverride>> {
        let now = self.clock().now();
        let ask = move |reader: &Reader| {
            let rows = reader.overrides_since(Timestamp(now.0 - LISTED_FOR.0))?;
            let view = |row: &OverrideRow| {
                let mut record = record_of(row)?;
                // who is on call serves every site; what somebody wrote about it may name another's
                if reader.is_limited() {
                    record.reason.clear();
                }
                Ok(override_view(record, now))
            };
            rows.iter().map(view).collect()
        };
        self.readers.ask(ask).await
    }

    async fn read_override(&self, id: OverrideId) -> Answer<OnCallOverride> {
        let now = self.clock().now();
        let ask = move |reader: &Reader| reader.on_call_override(id.0)?.as_ref().map(record_of).transpose();
        let found = self.readers.ask(ask).await?;
        found.map(|r| override_view(r, now)).ok_or_else(|| not_found(id))
    }

    /// Somebody takes the call; answered when it is on disk.
    pub(super) async fn make_an_override(&self, order: Order, plan: OverridePlan) -> Answer<OnCallOverride> {
        let command = OverrideCommand::Make {
            rotation: plan.rotation,
            person: plan.person,
            from: plan.from,
            until: plan.until,
            reason: plan.reason,
        };
        let made = self.command(&order, Command::Override { command }).await?;
        self.read_override(made.on_call_override.unwrap_or(OverrideId(0))).await
    }

    /// The rotation has its turn again.
    pub(super) async fn end_an_override(&self, order: Order, id: u64) -> Answer<OnCallOverride> {
        let id = OverrideId(id);
        let command = OverrideCommand::End { id };
        self.command(&order, Command::Override { command }).await?;
        self.read_override(id).await
    }
}
