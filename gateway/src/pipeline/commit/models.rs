//! What the commit thread does about model versions: orders are followed, what two models say is compared, and once that is on
//! disk the devices get what judges them now.

use super::{Committer, Group};
use crate::pipeline::batch::ShadowChange;
use crate::pipeline::catalogue::put_in_force;
use crate::pipeline::releases::{ModelOrder, ReleaseEffect, ReleaseRefusal};
use crate::store::rows::{AuditRow, ComparedRow, ModelState};
use crate::store::{Commit, StoreError};
use alerting::ticket::Actor;
use domain::{ConditionState, ModelVersion};

/// Versions first: what is compared belongs to one that is there.
pub(super) fn write(
    commit: &Commit<'_>,
    releases: &[ReleaseEffect],
    compared: &[ComparedRow],
) -> Result<(), StoreError> {
    for effect in releases {
        match effect {
            ReleaseEffect::Store(row) => commit.model(row)?,
            ReleaseEffect::Forget(version) => commit.forget_model(version)?,
            ReleaseEffect::ForgetComparison(version) => commit.forget_comparison(version)?,
            ReleaseEffect::Judged(_) | ReleaseEffect::Audit { .. } => {}
        }
    }
    compared.iter().try_for_each(|row| commit.compared(row))
}

impl Committer {
    /// Follows an order about a model version; what it means is in the group.
    pub(super) fn release(
        &mut self,
        version: ModelVersion,
        order: ModelOrder,
        actor: &Actor,
        group: &mut Group,
    ) -> Result<(), ReleaseRefusal> {
        let at = self.setup.clock.now();
        // four eyes, where there are four
        if matches!(order, ModelOrder::Promote { .. }) && self.setup.accounts.releasers() > 1 {
            self.setup.releases.is_of_another(&version, actor.name())?;
        }
        for effect in self.setup.releases.step(&version, order, actor.name(), at)? {
            match effect {
                ReleaseEffect::Audit { action, detail } => group.audits.push(AuditRow {
                    id: 0,
                    at,
                    actor: actor.name().to_owned(),
                    action: action.to_owned(),
                    subject: format!("model/{version}"),
                    detail,
                }),
                ReleaseEffect::Store(_)
                | ReleaseEffect::Forget(_)
                | ReleaseEffect::ForgetComparison(_)
                | ReleaseEffect::Judged(_) => group.releases.push(effect),
            }
        }
        Ok(())
    }

    /// On disk: what a shard takes from now on is judged by what is in force now.
    pub(super) fn swap(&self, releases: &[ReleaseEffect]) {
        for effect in releases {
            match effect {
                ReleaseEffect::Judged(profile) => {
                    let setup = &self.setup;
                    put_in_force(&setup.catalogue, &setup.releases, profile, &setup.directory);
                }
                ReleaseEffect::Store(_)
                | ReleaseEffect::Forget(_)
                | ReleaseEffect::ForgetComparison(_)
                | ReleaseEffect::Audit { .. } => {}
            }
        }
    }

    /// What two models say of the same device, for the comparison; what comes after one of them has ended is left out.
    pub(super) fn compare(&self, said: &[ShadowChange], group: &mut Group) {
        for ShadowChange { shadow, side, change } in said {
            let runs = self
                .setup
                .releases
                .get(shadow)
                .is_some_and(|m| m.state == ModelState::Shadow);
            if !runs {
                continue;
            }
            let device = self.facts(change.device, &change.model);
            let facts = self.setup.book.mode_facts(&change.failure_mode, &device);
            let would_open_ticket = match change.state {
                ConditionState::Clear => false,
                ConditionState::Active { severity } => {
                    let at = change.measured_at;
                    self.setup
                        .book
                        .would_open_ticket(&facts, severity, &change.prognosis, at)
                }
            };
            group.compared.push(ComparedRow {
                shadow: shadow.clone(),
                side: *side,
                device: device.key,
                failure_mode: change.failure_mode.clone(),
                state: change.state,
                measured_at: change.measured_at,
                would_open_ticket,
                reason: alerting::reason::text(&change.evidence, &change.failure_mode).en,
            });
        }
    }
}
