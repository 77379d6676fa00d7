//! Model versions for people: what judges, what runs in shadow, and how the two differ.

use super::readers::unavailable;
use super::{LiveBackend, actor_of};
use crate::pipeline::candidate::{Beside, Candidate};
use crate::pipeline::commit::ToCommit;
use crate::pipeline::compare::{self, compare};
use crate::pipeline::releases::{ModelOrder, ReleaseRefusal};
use crate::store::rows::{ComparedAlarm, ModelRow};
use crate::store::{Reader, StoreError, rows};
use crate::web::backend::{Actor, Answer, BackendError, ModelCommand};
use dashboards::view::{
    Act, Comparison, DifferingAlarm, ModeDifference, Model, ModelDetail, ModelInForce, ModelOrigin, ModelState, Tally,
};
use domain::{ModelVersion, Profile, Timestamp};
use models::bundled::Bundled;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Alarms shown that only one of two models raised.
const MOST_EXAMPLES: usize = 20;

fn state_view(state: rows::ModelState) -> ModelState {
    match state {
        rows::ModelState::Candidate => ModelState::Candidate,
        rows::ModelState::Shadow => ModelState::Shadow,
        rows::ModelState::InForce => ModelState::InForce,
        rows::ModelState::Retired => ModelState::Retired,
    }
}

/// Those that judge first, then by how near they are to it.
fn order_of(model: &Model) -> (u8, String, bool, String) {
    let state = match model.state {
        ModelState::InForce => 0,
        ModelState::Shadow => 1,
        ModelState::Candidate => 2,
        ModelState::Retired => 3,
    };
    let is_added = model.origin == ModelOrigin::Added;
    (state, model.content.profile.clone(), is_added, model.model.clone())
}

fn of_file(version: &ModelVersion, profile: &Profile, state: ModelState, devices: u32) -> Model {
    Model {
        model: version.to_string(),
        state,
        origin: ModelOrigin::File,
        content: ModelInForce::of_profile(profile, devices),
        added: None,
        shadow_since: None,
        promoted: None,
        approved_by: None,
        replaces: None,
        ended_at: None,
    }
}

fn of_row(row: &ModelRow, profile: &Profile, devices: u32) -> Model {
    Model {
        model: row.version.to_string(),
        state: state_view(row.state),
        origin: ModelOrigin::Added,
        content: ModelInForce::of_profile(profile, devices),
        added: Some(Act {
            by: row.added_by.clone(),
            at: row.added_at.into(),
        }),
        shadow_since: row.shadow_since.map(Into::into),
        promoted: row.promoted.as_ref().map(|p| Act {
            by: p.by.clone(),
            at: p.at.into(),
        }),
        approved_by: row.promoted.as_ref().map(|p| p.approved_by.clone()),
        replaces: row.replaces.as_ref().map(ToString::to_string),
        ended_at: row.ended_at.map(Into::into),
    }
}

fn tally(tally: compare::Tally) -> Tally {
    let compare::Tally {
        live,
        shadow,
        both,
        only_live,
        only_shadow,
    } = tally;
    Tally {
        live,
        shadow,
        both,
        only_live,
        only_shadow,
    }
}

fn comparison_view(since: Timestamp, alarms: &[ComparedAlarm], is_cut: bool) -> Comparison {
    let found = compare(alarms);
    let mode = |(mode, difference): (&domain::FailureModeId, &compare::Difference)| ModeDifference {
        failure_mode: mode.clone(),
        alarms: tally(difference.alarms),
        tickets: tally(difference.tickets),
        earlier_ms: difference.earlier.map(|by| by.0),
    };
    let example = |alarm: &ComparedAlarm| DifferingAlarm {
        only: alarm.side.as_str().to_owned(),
        site: alarm.device.site.clone(),
        device: alarm.device.device.clone(),
        failure_mode: alarm.failure_mode.clone(),
        severity: alarm.severity,
        raised_at: alarm.raised_at.into(),
        cleared_at: alarm.cleared_at.map(Into::into),
        would_open_ticket: alarm.would_open_ticket,
        reason: alarm.reason.clone(),
    };
    let newest = found.only_one.iter().rev().take(MOST_EXAMPLES);
    Comparison {
        since: since.into(),
        is_cut,
        alarms: tally(found.all.alarms),
        tickets: tally(found.all.tickets),
        failure_modes: found.by_mode.iter().map(mode).collect(),
        examples: newest.map(|place| example(&alarms[*place])).collect(),
    }
}

fn not_found(version: &ModelVersion) -> BackendError {
    BackendError::NotFound {
        what: format!("model {version}"),
    }
}

fn refused(refusal: ReleaseRefusal) -> BackendError {
    let detail = refusal.to_string();
    match refusal {
        ReleaseRefusal::Unknown { .. }
        | ReleaseRefusal::State { .. }
        | ReleaseRefusal::OtherShadow { .. }
        | ReleaseRefusal::Full => BackendError::Conflict { detail },
        ReleaseRefusal::OwnModel { .. } => BackendError::Forbidden { detail },
        ReleaseRefusal::SamePerson { .. } => BackendError::Invalid {
            pointer: "/approved_by".to_owned(),
            detail,
        },
    }
}

impl LiveBackend {
    /// All versions, those in force first.
    fn all_models(&self, rows: &[ModelRow], devices: &HashMap<String, u32>) -> Vec<Model> {
        let catalogue = &self.running.catalogue;
        let devices_of = |profile: &str, state| match state {
            ModelState::InForce | ModelState::Shadow => devices.get(profile).copied().unwrap_or(0),
            ModelState::Candidate | ModelState::Retired => 0,
        };
        let replaced: BTreeSet<&str> = rows
            .iter()
            .filter(|row| row.state == rows::ModelState::InForce)
            .map(|row| row.profile.as_str())
            .collect();
        let files = catalogue.files().map(|release| {
            let profile = release.profile();
            let state = match replaced.contains(profile.id.as_str()) {
                true => ModelState::Retired,
                false => ModelState::InForce,
            };
            of_file(release.version(), &profile, state, devices_of(&profile.id, state))
        });
        let added = rows.iter().filter_map(|row| {
            let known = catalogue.known(&row.version).map(|release| release.profile());
            let profile = known.or_else(|| domain::profile::parse(&row.toml).ok().map(Arc::new))?;
            Some(of_row(row, &profile, devices_of(&row.profile, state_view(row.state))))
        });
        let mut models: Vec<Model> = files.chain(added).collect();
        models.sort_by_cached_key(order_of);
        models
    }

    pub(super) async fn list_models(&self) -> Answer<Vec<Model>> {
        let backend = self.clone();
        let ask = move |reader: &Reader| Ok(backend.all_models(&reader.models()?, &backend.devices_by_profile()));
        self.readers.ask(ask).await
    }

    pub(super) async fn read_model(&self, version: ModelVersion) -> Answer<ModelDetail> {
        let (backend, wanted) = (self.clone(), version.clone());
        let ask = move |reader: &Reader| {
            let rows = reader.models()?;
            let models = backend.all_models(&rows, &backend.devices_by_profile());
            let Some(model) = models.into_iter().find(|m| m.model == wanted.as_str()) else {
                return Ok(None);
            };
            let row = rows.iter().find(|row| row.version == wanted);
            let comparison = match row.and_then(|row| row.shadow_since) {
                Some(since) => {
                    let (alarms, is_cut) = reader.comparison(&wanted)?;
                    Some(comparison_view(since, &alarms, is_cut))
                }
                None => None,
            };
            let known = backend.running.catalogue.known(&wanted);
            let trained = match known.and_then(|release| release.bundled()) {
                Some(bundled) => bundled.names(),
                None => row
                    .and_then(|row| Bundled::from_bytes(row.learned.as_deref()?).ok())
                    .map_or_else(Vec::new, |bundled| bundled.names()),
            };
            Ok::<_, StoreError>(Some(ModelDetail {
                model,
                toml: row.map(|row| row.toml.to_string()),
                trained,
                comparison,
            }))
        };
        self.readers.ask(ask).await?.ok_or_else(|| not_found(&version))
    }

    /// Checked whole before anything is kept: whatever is wrong leaves everything as it is.
    pub(super) async fn keep_model(&self, actor: Actor, content: Vec<u8>) -> Answer<ModelDetail> {
        let profiles: Vec<String> = self.running.catalogue.files().map(|r| r.profile().id.clone()).collect();
        let in_force = |profile: &str| {
            let release = self.running.catalogue.in_force(profile)?;
            Some(Beside {
                profile: release.profile(),
                bundled: release.bundled(),
            })
        };
        let candidate = Candidate::read(&content, &in_force)
            .and_then(|candidate| candidate.fits(&profiles, self.directory()).map(|()| candidate))
            .map_err(|problems| BackendError::Wrong { problems })?;
        let version = candidate.version.clone();
        self.order_model(actor, version.clone(), ModelOrder::Add(Box::new(candidate)))
            .await?;
        self.read_model(version).await
    }

    pub(super) async fn change_model(
        &self,
        actor: Actor,
        version: ModelVersion,
        command: ModelCommand,
    ) -> Answer<ModelDetail> {
        self.read_model(version.clone()).await?;
        let order = match command {
            ModelCommand::Shadow => ModelOrder::Shadow,
            ModelCommand::Discard => ModelOrder::Discard,
            ModelCommand::Rollback { approved_by, reason } => ModelOrder::Rollback { approved_by, reason },
            ModelCommand::Promote { approved_by, reason } => {
                let wanted = version.clone();
                let compared = self.readers.ask(move |reader| reader.comparison(&wanted)).await?;
                let difference = compare(&compared.0).sentence();
                ModelOrder::Promote {
                    approved_by,
                    reason,
                    difference,
                }
            }
        };
        self.order_model(actor, version.clone(), order).await?;
        self.read_model(version).await
    }

    async fn order_model(&self, actor: Actor, version: ModelVersion, order: ModelOrder) -> Answer<()> {
        let (reply, answer) = oneshot::channel();
        let message = ToCommit::Model {
            version,
            order,
            actor: actor_of(&actor),
            reply,
        };
        let gone = || unavailable("the gateway stops");
        self.running.commit.send(message).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?.map_err(refused)
    }
}
