//! Made-up model versions.

use super::conflict;
use crate::web::backend::{Actor, Answer, BackendError, ModelCommand};
use dashboards::view::{Act, Device, Model, ModelDetail, ModelInForce, ModelOrigin, ModelState};
use domain::profile::{parse, shipped};
use domain::{ModelVersion, Timestamp};

/// The shipped profiles, in force.
pub fn shipped_models(devices: &[Device]) -> Vec<Model> {
    let count = |id: &str| devices.iter().filter(|d| d.summary.profile == id).count() as u32;
    let model = |profile: &domain::Profile| Model {
        model: ModelVersion::of_file(&profile.id, profile.version).to_string(),
        state: ModelState::InForce,
        origin: ModelOrigin::File,
        content: ModelInForce::of_profile(profile, count(&profile.id)),
        added: None,
        shadow_since: None,
        promoted: None,
        approved_by: None,
        replaces: None,
        ended_at: None,
    };
    shipped::all().iter().map(model).collect()
}

/// A candidate of somebody.
pub fn added(actor: &Actor, content: &[u8], now: Timestamp) -> Answer<Model> {
    let text = String::from_utf8_lossy(content);
    let profile = parse(&text).map_err(|problems| BackendError::Wrong { problems })?;
    Ok(Model {
        model: ModelVersion::of_candidate(&profile.id, profile.version, content).to_string(),
        state: ModelState::Candidate,
        origin: ModelOrigin::Added,
        content: ModelInForce::of_profile(&profile, 0),
        added: Some(Act {
            by: actor.name.clone(),
            at: now.into(),
        }),
        shadow_since: None,
        promoted: None,
        approved_by: None,
        replaces: None,
        ended_at: None,
    })
}

/// What a command makes of it.
pub fn command(model: &mut Model, actor: &Actor, command: ModelCommand, now: Timestamp) -> Answer<()> {
    if model.origin == ModelOrigin::File {
        return Err(conflict("a profile file is changed by editing it"));
    }
    match command {
        ModelCommand::Shadow => (model.state, model.shadow_since) = (ModelState::Shadow, Some(now.into())),
        ModelCommand::Promote { approved_by, .. } => {
            model.state = ModelState::InForce;
            model.approved_by = Some(approved_by);
            model.promoted = Some(Act {
                by: actor.name.clone(),
                at: now.into(),
            });
        }
        ModelCommand::Rollback { .. } | ModelCommand::Discard => {
            (model.state, model.ended_at) = (ModelState::Retired, Some(now.into()));
        }
    }
    Ok(())
}

/// With nothing compared.
pub fn detail(model: Model) -> ModelDetail {
    ModelDetail {
        model,
        toml: None,
        trained: Vec::new(),
        comparison: None,
    }
}
