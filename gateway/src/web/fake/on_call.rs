//! Who is on call.

use super::{Fake, not_found};
use crate::web::backend::{Answer, Order, OverridePlan};
use dashboards::view::{At, OnCall, OnCallOverride, OverrideState, Shift};
use domain::{Millis, Timestamp};

/// The one rotation.
const ROTATION: &str = "service";

impl Fake {
    pub(super) fn rotations(&self, ahead: Millis) -> Vec<OnCall> {
        let shift = |person: &str, is_override, from: Timestamp, until: Timestamp| Shift {
            person: Some(person.to_owned()),
            is_override,
            from: from.into(),
            until: until.into(),
            from_local: from.to_string(),
            until_local: until.to_string(),
        };
        let (now, later) = (self.now_on_call(), self.now_on_call() + Millis::hours(40));
        let taken = self.with(|s| s.overrides.iter().rev().find(|o| o.over_at.is_none()).cloned());
        vec![OnCall {
            name: ROTATION.to_owned(),
            time_zone: "UTC".to_owned(),
            now: Some("Li Wei".to_owned()),
            shifts: vec![
                shift("Li Wei", false, now, later),
                match taken {
                    Some(taken) => shift(&taken.person, true, later, now + ahead),
                    None => shift("Zhou Min", false, later, now + ahead),
                },
            ],
        }]
    }

    fn now_on_call(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) fn take_the_call(&self, order: &Order, plan: OverridePlan) -> Answer<OnCallOverride> {
        if plan.rotation != ROTATION {
            return Err(not_found(format!("rotation {}", plan.rotation)));
        }
        let now = self.now_on_call();
        let made = self.with(|s| {
            let made = OnCallOverride {
                id: format!("O-{:06}", s.overrides.len() + 1),
                rotation: plan.rotation,
                person: plan.person,
                from: plan.from.unwrap_or(now).into(),
                until: plan.until.into(),
                reason: plan.reason,
                by: order.actor.name.clone(),
                created_at: now.into(),
                state: OverrideState::Holds,
                over_at: None,
                ended_by: None,
            };
            s.overrides.push(made.clone());
            made
        });
        self.note(&order.actor, "on_call.override_made", &made.id, &made.reason);
        Ok(made)
    }

    pub(super) fn give_the_call_back(&self, order: &Order, id: u64) -> Answer<OnCallOverride> {
        let (id, at): (_, At) = (format!("O-{id:06}"), self.now_on_call().into());
        let ended = self.with(|s| {
            let standing = s.overrides.iter_mut().find(|o| o.id == id && o.over_at.is_none());
            let known = standing.ok_or_else(|| not_found(format!("on-call override {id} that is not over")))?;
            known.over_at = Some(at);
            known.state = OverrideState::Over;
            known.ended_by = Some(order.actor.name.clone());
            Ok(known.clone())
        })?;
        self.note(&order.actor, "on_call.override_ended", &id, &ended.reason);
        Ok(ended)
    }
}
