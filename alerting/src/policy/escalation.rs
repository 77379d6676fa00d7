//! Who is told of a ticket that nobody takes up, level by level, as written in the configuration and checked.

use super::{MOST_MINUTES, too_long};
use crate::alarm::PersonName;
use crate::on_call::overrides::OverrideRecord;
use crate::on_call::{OnCall, OnCallConfig};
use crate::scope::Scope;
use crate::ticket::Priority;
use domain::checked::Problem;
use domain::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Levels of a chain at most.
const MAX_LEVELS: usize = 10;

/// A chain of levels: if nobody answers, the next is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscalationConfig {
    /// Its name; tickets keep it.
    pub name: String,
    /// For which machines. The first chain that covers a ticket holds for it.
    #[serde(default)]
    pub covers: Scope,
    /// For tickets of this priority or a more urgent one.
    #[serde(default = "every_priority")]
    pub from_priority: Priority,
    /// The first is told when the ticket opens.
    pub levels: Vec<LevelConfig>,
    /// How many times the whole chain is gone through while nobody answers.
    #[serde(default = "once")]
    pub rounds: u32,
}

/// One level of a chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LevelConfig {
    /// `owner` (who has the ticket), `on_call:NAME`, `person:NAME`, or `group:NAME` (a receiver that knows its people).
    pub tell: Vec<String>,
    /// How long they have for an answer before the next level is told, minutes.
    pub answer_within_min: u32,
}

impl EscalationConfig {
    /// The chain of a site that says nothing: owner, supervisor, manager, as the service handbooks have it.
    pub(super) fn service() -> Self {
        let level = |tell: &[&str], answer_within_min| LevelConfig {
            tell: tell.iter().map(|t| (*t).to_owned()).collect(),
            answer_within_min,
        };
        EscalationConfig {
            name: "service".into(),
            covers: Scope::default(),
            from_priority: every_priority(),
            levels: vec![
                level(&["owner", "group:service"], 60),
                level(&["group:supervisors"], 60),
                level(&["group:managers"], 60),
            ],
            rounds: 1,
        }
    }
}

fn every_priority() -> Priority {
    Priority::P5
}

fn once() -> u32 {
    1
}

/// Whom a level tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Owner,
    OnCall(String),
    Person(PersonName),
    Group(String),
}

impl Target {
    fn parse(text: &str) -> Option<Target> {
        let named = |name: &str| (!name.trim().is_empty()).then(|| name.to_owned());
        match text.split_once(':') {
            None => (text == "owner").then_some(Target::Owner),
            Some(("on_call", name)) => named(name).map(Target::OnCall),
            Some(("person", name)) => named(name).map(Target::Person),
            Some(("group", name)) => named(name).map(Target::Group),
            Some(_) => None,
        }
    }
}

/// One level, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    tell: Vec<Target>,
    /// How long they have for an answer.
    pub answer_within: Millis,
}

impl Level {
    pub(super) fn new(tell: Vec<Target>, answer_within: Millis) -> Level {
        Level { tell, answer_within }
    }
}

/// A chain, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Escalation {
    /// Its name.
    pub name: String,
    /// For which machines.
    pub covers: Scope,
    /// For tickets at least so urgent.
    pub from_priority: Priority,
    /// At least one.
    pub levels: Vec<Level>,
    /// At least one.
    pub rounds: u32,
}

/// All chains and rotations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Escalations {
    chains: Vec<Escalation>,
    rotations: Vec<OnCall>,
}

impl Escalations {
    /// The chain of this name.
    pub fn named(&self, name: &str) -> Option<&Escalation> {
        self.chains.iter().find(|chain| chain.name == name)
    }

    /// The first chain that a predicate takes.
    pub fn first(&self, fits: impl Fn(&Escalation) -> bool) -> Option<&Escalation> {
        self.chains.iter().find(|chain| fits(chain))
    }

    /// Who is on call at `now`, by the name of the rotation.
    pub fn on_call(&self, now: Timestamp) -> impl Iterator<Item = (&str, Option<&PersonName>)> {
        self.rotations.iter().map(move |r| (r.name.as_str(), r.who(now)))
    }

    /// The rotations of people.
    pub fn rotations(&self) -> &[OnCall] {
        &self.rotations
    }

    /// Takes an override of a rotation, or drops one that is over. One of a rotation that is no more changes nothing.
    pub fn put_override(&mut self, record: &OverrideRecord) {
        let rotation = self.rotations.iter_mut().find(|r| r.name == record.rotation);
        if let Some(rotation) = rotation {
            rotation.put_override(record);
        }
    }

    /// Who stands behind a level at `now`: people without repeats, and groups as `group:NAME`.
    pub fn people(&self, level: &Level, owner: Option<&PersonName>, now: Timestamp) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for target in &level.tell {
            let person = match target {
                Target::Owner => owner.cloned(),
                Target::OnCall(name) => {
                    let rotation = self.rotations.iter().find(|r| r.name == *name);
                    rotation.and_then(|r| r.who(now)).cloned()
                }
                Target::Person(name) => Some(name.clone()),
                Target::Group(name) => Some(format!("group:{name}")),
            };
            found.extend(person.filter(|p| !found.contains(p)));
        }
        found
    }
}

/// Makes the chains; what is wrong goes to `problems`.
pub(super) fn check(chains: &[EscalationConfig], on_call: &[OnCallConfig], problems: &mut Vec<Problem>) -> Escalations {
    let mut names = BTreeSet::new();
    let mut rotations = Vec::new();
    for (i, rotation) in on_call.iter().enumerate() {
        let path = format!("on_call[{i}]");
        if !names.insert(rotation.name.as_str()) {
            let message = format!("{:?} stands twice", rotation.name);
            problems.push(Problem::at(format!("{path}.name"), message));
        }
        rotations.extend(rotation.check(&path, problems));
    }
    let mut checked: Vec<Escalation> = Vec::new();
    for (i, chain) in chains.iter().enumerate() {
        let path = format!("escalation[{i}]");
        if chain.name.trim().is_empty() {
            problems.push(Problem::at(format!("{path}.name"), "a name is expected"));
        } else if checked.iter().any(|c| c.name == chain.name) {
            let message = format!("{:?} stands twice", chain.name);
            problems.push(Problem::at(format!("{path}.name"), message));
        }
        problems.extend(chain.covers.problems(&format!("{path}.covers")));
        if chain.levels.is_empty() || chain.levels.len() > MAX_LEVELS {
            let message = format!("{} levels; 1 to {MAX_LEVELS} are expected", chain.levels.len());
            problems.push(Problem::at(format!("{path}.levels"), message));
        }
        if chain.rounds == 0 {
            problems.push(Problem::at(
                format!("{path}.rounds"),
                "0 rounds; at least 1 is expected",
            ));
        }
        let levels = chain.levels.iter().enumerate();
        let levels = levels.map(|(l, level)| level.check(&format!("{path}.levels[{l}]"), &names, problems));
        checked.push(Escalation {
            name: chain.name.clone(),
            covers: chain.covers.clone(),
            from_priority: chain.from_priority,
            levels: levels.collect(),
            rounds: chain.rounds,
        });
    }
    let chains = checked;
    Escalations { chains, rotations }
}

impl LevelConfig {
    pub(super) fn check(&self, path: &str, rotations: &BTreeSet<&str>, problems: &mut Vec<Problem>) -> Level {
        if self.tell.is_empty() {
            problems.push(Problem::at(format!("{path}.tell"), "somebody to tell is expected"));
        }
        if self.answer_within_min == 0 {
            let message = "0 minutes; at least 1 is expected, or nobody can answer";
            problems.push(Problem::at(format!("{path}.answer_within_min"), message));
        }
        if self.answer_within_min > MOST_MINUTES {
            problems.push(too_long(format!("{path}.answer_within_min"), self.answer_within_min));
        }
        let tell = LevelConfig::targets(&self.tell, &format!("{path}.tell"), rotations, problems);
        Level::new(tell, Millis::minutes(i64::from(self.answer_within_min)))
    }

    /// Whom texts mean.
    pub(super) fn targets(
        tell: &[String],
        path: &str,
        rotations: &BTreeSet<&str>,
        problems: &mut Vec<Problem>,
    ) -> Vec<Target> {
        let mut targets = Vec::new();
        for (t, text) in tell.iter().enumerate() {
            let path = format!("{path}[{t}]");
            match Target::parse(text) {
                Some(Target::OnCall(name)) if !rotations.contains(name.as_str()) => {
                    let known: Vec<_> = rotations.iter().copied().collect();
                    let message = format!("there is no rotation {name:?}; known are: {}", known.join(", "));
                    problems.push(Problem::at(path, message));
                }
                Some(target) => targets.push(target),
                None => {
                    let message = format!("{text:?}; owner, on_call:NAME, person:NAME or group:NAME is expected");
                    problems.push(Problem::at(path, message));
                }
            }
        }
        targets
    }
}
