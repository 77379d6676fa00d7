//! Which model versions there are, which one judges and which one runs in shadow, and the one step that changes it.
//!
//! No clock, no I/O: the commit thread owns it, writes down what it says, and tells the devices after that. Who tunes a model
//! does not let it judge alone: what is promoted has run in shadow, and a named person other than who added it stands for it.

use super::candidate::Candidate;
use crate::store::rows::{ModelRow, ModelState, Promotion};
use domain::{ModelVersion, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Most versions that are kept; the one that ended first makes room.
pub const MOST_MODELS: usize = 50;

/// What somebody wants of a model version.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelOrder {
    /// Keep it; it does nothing yet. The same content twice is the same model.
    Add(Box<Candidate>),
    /// Run it beside the one in force.
    Shadow,
    /// Let it judge.
    Promote {
        /// Who stands for it.
        approved_by: String,
        /// Why; may be empty.
        reason: String,
        /// How it differed from the one in force, in a sentence.
        difference: String,
    },
    /// Let judge again what judged before it.
    Rollback {
        /// Who stands for it.
        approved_by: String,
        /// Why; may be empty.
        reason: String,
    },
    /// Set it aside.
    Discard,
}

/// What has to be written down.
#[derive(Debug, Clone, PartialEq)]
pub enum ReleaseEffect {
    /// A version as it is now.
    Store(Box<ModelRow>),
    /// A version makes room.
    Forget(ModelVersion),
    /// A new comparison begins.
    ForgetComparison(ModelVersion),
    /// The devices of a profile get another model, or another shadow.
    Judged(String),
    /// A line of the audit trail about the version.
    Audit {
        /// Such as `model.promoted`.
        action: &'static str,
        /// In words.
        detail: String,
    },
}

/// Why an order was not followed; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseRefusal {
    /// Nobody added it.
    #[error("there is no model {version} that was added; a profile file is changed by editing it")]
    Unknown {
        /// Which.
        version: ModelVersion,
    },
    /// Its state does not allow it.
    #[error("{version} is {}: {advice}", state.as_str())]
    State {
        /// Which.
        version: ModelVersion,
        /// How it stands.
        state: ModelState,
        /// What to do first.
        advice: &'static str,
    },
    /// Another one runs in shadow for the same profile.
    #[error("{running} runs in shadow already; promote or discard it first")]
    OtherShadow {
        /// Which.
        running: ModelVersion,
    },
    /// Who added a model stands for it.
    #[error("{name} added this model; somebody else has to stand for its promotion")]
    SamePerson {
        /// Who.
        name: String,
    },
    /// Who added a model or let it run in shadow lets it judge.
    #[error("{name} added this model or let it run in shadow; another person has to promote it")]
    OwnModel {
        /// Who.
        name: String,
    },
    /// Too many versions, none of which can make room.
    #[error("{MOST_MODELS} models are kept and none of them can make room; discard one that is not needed")]
    Full,
}

/// All versions that were added.
#[derive(Debug, Default)]
pub struct Releases {
    models: BTreeMap<ModelVersion, ModelRow>,
}

impl Releases {
    /// As the store has them.
    pub fn restore(rows: Vec<ModelRow>) -> Releases {
        let models = rows.into_iter().map(|row| (row.version.clone(), row)).collect();
        Releases { models }
    }

    /// All of them, by name.
    pub fn all(&self) -> impl Iterator<Item = &ModelRow> {
        self.models.values()
    }

    /// One of them.
    pub fn get(&self, version: &ModelVersion) -> Option<&ModelRow> {
        self.models.get(version)
    }

    fn of(&self, profile: &str, state: ModelState) -> Option<&ModelRow> {
        self.models.values().find(|m| m.profile == profile && m.state == state)
    }

    /// What judges a profile's devices; none: the profile file.
    pub fn in_force(&self, profile: &str) -> Option<&ModelRow> {
        self.of(profile, ModelState::InForce)
    }

    /// What runs beside it.
    pub fn shadow(&self, profile: &str) -> Option<&ModelRow> {
        self.of(profile, ModelState::Shadow)
    }

    /// Whether somebody neither added a version nor let it run in shadow.
    ///
    /// # Errors
    /// That they did.
    pub fn is_of_another(&self, version: &ModelVersion, actor: &str) -> Result<(), ReleaseRefusal> {
        let own = |row: &ModelRow| is_same_person(actor, &row.added_by) || is_same_person(actor, &row.shadow_by);
        match self.models.get(version) {
            Some(row) if own(row) => Err(ReleaseRefusal::OwnModel { name: actor.to_owned() }),
            Some(_) | None => Ok(()),
        }
    }

    /// Follows an order about a version, or says why not.
    ///
    /// # Errors
    /// Why nothing has changed.
    pub fn step(
        &mut self,
        version: &ModelVersion,
        order: ModelOrder,
        actor: &str,
        now: Timestamp,
    ) -> Result<Vec<ReleaseEffect>, ReleaseRefusal> {
        let known = self.models.get(version).cloned();
        let unknown = || ReleaseRefusal::Unknown {
            version: version.clone(),
        };
        match order {
            ModelOrder::Add(candidate) => match known {
                Some(_) => Ok(Vec::new()),
                None => self.add(*candidate, actor, now),
            },
            ModelOrder::Shadow => self.shadow_begins(known.ok_or_else(unknown)?, actor, now),
            ModelOrder::Promote {
                approved_by,
                reason,
                difference,
            } => {
                let promotion = Promotion {
                    at: now,
                    by: actor.to_owned(),
                    approved_by,
                };
                self.promote(known.ok_or_else(unknown)?, promotion, &reason, &difference)
            }
            ModelOrder::Rollback { approved_by, reason } => {
                let promotion = Promotion {
                    at: now,
                    by: actor.to_owned(),
                    approved_by,
                };
                self.roll_back(known.ok_or_else(unknown)?, promotion, &reason)
            }
            ModelOrder::Discard => self.discard(known.ok_or_else(unknown)?, now),
        }
    }

    fn add(&mut self, candidate: Candidate, actor: &str, now: Timestamp) -> Result<Vec<ReleaseEffect>, ReleaseRefusal> {
        let mut effects = Vec::new();
        if self.models.len() >= MOST_MODELS {
            let oldest = self.first_to_go().ok_or(ReleaseRefusal::Full)?;
            self.models.remove(&oldest);
            effects.push(ReleaseEffect::Forget(oldest));
        }
        let row = ModelRow {
            version: candidate.version.clone(),
            profile: candidate.profile.id.clone(),
            state: ModelState::Candidate,
            toml: candidate.toml,
            learned: candidate.learned,
            added_at: now,
            added_by: actor.to_owned(),
            shadow_since: None,
            shadow_by: String::new(),
            promoted: None,
            replaces: None,
            ended_at: None,
        };
        effects.push(audit("model.added", format!("profile {}", row.profile)));
        self.keep(row, &mut effects);
        Ok(effects)
    }

    /// The retired version that ended first and to which no rollback leads.
    fn first_to_go(&self) -> Option<ModelVersion> {
        let mut needed: BTreeSet<&ModelVersion> = BTreeSet::new();
        for row in self.models.values().filter(|m| m.state == ModelState::InForce) {
            let mut next = row.replaces.as_ref();
            while let Some(version) = next.filter(|version| needed.insert(version)) {
                next = self.models.get(version).and_then(|m| m.replaces.as_ref());
            }
        }
        let may_go = |m: &&ModelRow| m.state == ModelState::Retired && !needed.contains(&m.version);
        let oldest = self
            .models
            .values()
            .filter(may_go)
            .min_by_key(|m| (m.ended_at, m.added_at));
        oldest.map(|m| m.version.clone())
    }

    fn shadow_begins(
        &mut self,
        row: ModelRow,
        actor: &str,
        now: Timestamp,
    ) -> Result<Vec<ReleaseEffect>, ReleaseRefusal> {
        match row.state {
            ModelState::Candidate | ModelState::Retired => {}
            ModelState::Shadow => return Ok(Vec::new()),
            ModelState::InForce => return Err(refused(&row, "it judges already")),
        }
        if let Some(other) = self.shadow(&row.profile) {
            let running = other.version.clone();
            return Err(ReleaseRefusal::OtherShadow { running });
        }
        let beside = self.in_force(&row.profile).map(|m| m.version.to_string());
        let beside = beside.unwrap_or_else(|| format!("the profile file of {}", row.profile));
        let mut effects = vec![
            ReleaseEffect::ForgetComparison(row.version.clone()),
            ReleaseEffect::Judged(row.profile.clone()),
            audit("model.shadow", format!("beside {beside}")),
        ];
        let row = ModelRow {
            state: ModelState::Shadow,
            shadow_since: Some(now),
            shadow_by: actor.to_owned(),
            ended_at: None,
            ..row
        };
        self.keep(row, &mut effects);
        Ok(effects)
    }

    fn promote(
        &mut self,
        row: ModelRow,
        promotion: Promotion,
        reason: &str,
        difference: &str,
    ) -> Result<Vec<ReleaseEffect>, ReleaseRefusal> {
        match row.state {
            ModelState::Shadow => {}
            ModelState::Candidate | ModelState::Retired => {
                return Err(refused(&row, "run it in shadow first and look at the difference"));
            }
            ModelState::InForce => return Err(refused(&row, "it judges already")),
        }
        if is_same_person(&promotion.approved_by, &row.added_by) {
            let name = row.added_by.clone();
            return Err(ReleaseRefusal::SamePerson { name });
        }
        let mut effects = Vec::new();
        let replaces = self.retire_in_force(&row.profile, promotion.at, &mut effects);
        let before = replaces
            .as_ref()
            .map_or_else(|| "the profile file".to_owned(), ToString::to_string);
        let detail = format!(
            "approved by {}; replaces {before}; {difference}{}",
            promotion.approved_by,
            remark(reason)
        );
        effects.push(audit("model.promoted", detail));
        effects.push(ReleaseEffect::Judged(row.profile.clone()));
        let row = ModelRow {
            state: ModelState::InForce,
            promoted: Some(promotion),
            replaces,
            ended_at: None,
            ..row
        };
        self.keep(row, &mut effects);
        Ok(effects)
    }

    fn roll_back(
        &mut self,
        row: ModelRow,
        promotion: Promotion,
        reason: &str,
    ) -> Result<Vec<ReleaseEffect>, ReleaseRefusal> {
        match row.state {
            ModelState::InForce => {}
            ModelState::Candidate | ModelState::Shadow | ModelState::Retired => {
                return Err(refused(&row, "only what judges can be rolled back"));
            }
        }
        let mut effects = Vec::new();
        self.retire_in_force(&row.profile, promotion.at, &mut effects);
        let before = row
            .replaces
            .as_ref()
            .and_then(|version| self.models.get(version))
            .cloned();
        let name = before
            .as_ref()
            .map_or_else(|| "the profile file".to_owned(), |m| m.version.to_string());
        let detail = format!(
            "approved by {}; back to {name}{}",
            promotion.approved_by,
            remark(reason)
        );
        effects.push(audit("model.rolled_back", detail));
        effects.push(ReleaseEffect::Judged(row.profile));
        if let Some(before) = before {
            let before = ModelRow {
                state: ModelState::InForce,
                promoted: Some(promotion),
                ended_at: None,
                ..before
            };
            self.keep(before, &mut effects);
        }
        Ok(effects)
    }

    fn discard(&mut self, row: ModelRow, now: Timestamp) -> Result<Vec<ReleaseEffect>, ReleaseRefusal> {
        let mut effects = Vec::new();
        match row.state {
            ModelState::Candidate => {}
            ModelState::Shadow => effects.push(ReleaseEffect::Judged(row.profile.clone())),
            ModelState::InForce => return Err(refused(&row, "roll it back first")),
            ModelState::Retired => return Ok(effects),
        }
        effects.push(audit("model.discarded", format!("was {}", row.state.as_str())));
        let row = ModelRow {
            state: ModelState::Retired,
            ended_at: Some(now),
            ..row
        };
        self.keep(row, &mut effects);
        Ok(effects)
    }

    /// Before its successor is written: only one can be in force.
    fn retire_in_force(&mut self, profile: &str, now: Timestamp, out: &mut Vec<ReleaseEffect>) -> Option<ModelVersion> {
        let row = self.in_force(profile)?.clone();
        let version = row.version.clone();
        let row = ModelRow {
            state: ModelState::Retired,
            ended_at: Some(now),
            ..row
        };
        self.keep(row, out);
        Some(version)
    }

    fn keep(&mut self, row: ModelRow, out: &mut Vec<ReleaseEffect>) {
        out.push(ReleaseEffect::Store(Box::new(row.clone())));
        self.models.insert(row.version.clone(), row);
    }
}

fn audit(action: &'static str, detail: String) -> ReleaseEffect {
    ReleaseEffect::Audit { action, detail }
}

fn refused(row: &ModelRow, advice: &'static str) -> ReleaseRefusal {
    ReleaseRefusal::State {
        version: row.version.clone(),
        state: row.state,
        advice,
    }
}

fn is_same_person(a: &str, b: &str) -> bool {
    a.trim().to_lowercase() == b.trim().to_lowercase()
}

fn remark(reason: &str) -> String {
    if reason.is_empty() {
        String::new()
    } else {
        format!("; {reason}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::profile::shipped::TEXTS;

    struct World {
        releases: Releases,
        now: i64,
    }

    impl World {
        fn new() -> World {
            World {
                releases: Releases::default(),
                now: 0,
            }
        }

        fn candidate(comment: &str) -> Candidate {
            let text = TEXTS.iter().find(|(name, _)| *name == "pump").expect("shipped").1;
            Candidate::of_toml(format!("{text}\n# {comment}\n").as_bytes()).expect("sound")
        }

        fn add(&mut self, comment: &str) -> ModelVersion {
            let candidate = World::candidate(comment);
            let version = candidate.version.clone();
            self.order(&version, ModelOrder::Add(Box::new(candidate)))
                .expect("added");
            version
        }

        fn order(&mut self, version: &ModelVersion, order: ModelOrder) -> Result<Vec<ReleaseEffect>, ReleaseRefusal> {
            self.now += 1;
            self.releases.step(version, order, "ann", Timestamp(self.now))
        }

        fn promote(&mut self, version: &ModelVersion, by: &str) -> Result<Vec<ReleaseEffect>, ReleaseRefusal> {
            let (reason, difference) = (String::new(), "alarms +1".to_owned());
            let approved_by = by.to_owned();
            self.order(
                version,
                ModelOrder::Promote {
                    approved_by,
                    reason,
                    difference,
                },
            )
        }

        fn roll_back(&mut self, version: &ModelVersion) -> Result<Vec<ReleaseEffect>, ReleaseRefusal> {
            let (approved_by, reason) = ("bob".to_owned(), "floods".to_owned());
            self.order(version, ModelOrder::Rollback { approved_by, reason })
        }

        fn state(&self, version: &ModelVersion) -> &'static str {
            self.releases.get(version).map_or("gone", |m| m.state.as_str())
        }
    }

    #[test]
    fn what_is_promoted_has_run_in_shadow_and_somebody_else_stands_for_it() {
        let mut world = World::new();
        let a = world.add("a");
        assert!(matches!(world.promote(&a, "bob"), Err(ReleaseRefusal::State { .. })));
        world.order(&a, ModelOrder::Shadow).expect("runs");
        assert!(matches!(
            world.promote(&a, " Ann "),
            Err(ReleaseRefusal::SamePerson { .. })
        ));
        world.promote(&a, "bob").expect("judges");
        assert_eq!(world.state(&a), "in_force");
    }

    #[test]
    fn a_rollback_leads_back_step_by_step_to_the_profile_file() {
        let mut world = World::new();
        let (a, b) = (world.add("a"), world.add("b"));
        for version in [&a, &b] {
            world.order(version, ModelOrder::Shadow).expect("runs");
            world.promote(version, "bob").expect("judges");
        }
        assert_eq!((world.state(&a), world.state(&b)), ("retired", "in_force"));
        world.roll_back(&b).expect("goes back");
        assert_eq!((world.state(&a), world.state(&b)), ("in_force", "retired"));
        world.roll_back(&a).expect("goes back");
        assert!(world.releases.in_force("pump").is_none());
        assert!(matches!(world.roll_back(&a), Err(ReleaseRefusal::State { .. })));
    }

    #[test]
    fn one_runs_in_shadow_at_a_time_and_what_judges_cannot_be_set_aside() {
        let mut world = World::new();
        let (a, b) = (world.add("a"), world.add("b"));
        world.order(&a, ModelOrder::Shadow).expect("runs");
        let refusal = world.order(&b, ModelOrder::Shadow).expect_err("one at a time");
        assert_eq!(refusal, ReleaseRefusal::OtherShadow { running: a.clone() });
        world.order(&a, ModelOrder::Discard).expect("set aside");
        world.order(&b, ModelOrder::Shadow).expect("runs");
        world.promote(&b, "bob").expect("judges");
        assert!(world.order(&b, ModelOrder::Discard).is_err());
        assert!(matches!(
            world.order(&ModelVersion::from_text("pump@9"), ModelOrder::Shadow),
            Err(ReleaseRefusal::Unknown { .. })
        ));
    }

    #[test]
    fn the_one_that_ended_first_makes_room_but_none_to_which_a_rollback_leads() {
        let mut world = World::new();
        let (first, second) = (world.add("first"), world.add("second"));
        for version in [&first, &second] {
            world.order(version, ModelOrder::Shadow).expect("runs");
            world.promote(version, "bob").expect("judges");
        }
        for i in 2..MOST_MODELS {
            world.add(&i.to_string());
        }
        let candidate = World::candidate("one more");
        let version = candidate.version.clone();
        let add = ModelOrder::Add(Box::new(candidate));
        assert_eq!(
            world.order(&version, add.clone()).expect_err("full"),
            ReleaseRefusal::Full
        );
        let other = World::candidate("2").version;
        world.order(&other, ModelOrder::Discard).expect("set aside");
        let effects = world.order(&version, add).expect("added");
        assert_eq!(effects[0], ReleaseEffect::Forget(other));
        assert_eq!(world.state(&first), "retired");
    }
}
