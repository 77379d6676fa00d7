//! From which rating on somebody sees to it, and who, as written in the configuration and checked.

use super::escalation::{Level, LevelConfig};
use crate::ticket::{FollowUpStep, MAX_RATING};
use domain::checked::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A step for each of [`FollowUpStep`].
const STEPS: usize = FollowUpStep::ALL.len();

/// What follows a bad rating.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FollowUpConfig {
    /// A rating of so many of five, or fewer, is followed up; 0: none is.
    pub rating_at_most: u8,
    /// Agent, supervisor, management: whom to tell, and how long they have to settle it.
    pub steps: Vec<LevelConfig>,
}

impl Default for FollowUpConfig {
    fn default() -> Self {
        let step = |tell: &[&str], hours: u32| LevelConfig {
            tell: tell.iter().map(|t| (*t).to_owned()).collect(),
            answer_within_min: hours * 60,
        };
        FollowUpConfig {
            rating_at_most: 2,
            steps: vec![
                step(&["owner", "group:service"], 24),
                step(&["group:supervisors"], 48),
                step(&["group:managers"], 72),
            ],
        }
    }
}

/// The same, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct FollowUpRules {
    rating_at_most: u8,
    steps: [Level; STEPS],
}

impl FollowUpRules {
    /// Whether somebody sees to a rating.
    pub fn follows(&self, rating: u8) -> bool {
        rating <= self.rating_at_most
    }

    /// Whom a step tells and how long they have.
    pub fn rule(&self, step: FollowUpStep) -> &Level {
        let [agent, supervisor, management] = &self.steps;
        match step {
            FollowUpStep::Agent => agent,
            FollowUpStep::Supervisor => supervisor,
            FollowUpStep::Management => management,
        }
    }
}

impl FollowUpConfig {
    /// Makes the rules; what is wrong goes to `problems`.
    pub(super) fn check(&self, rotations: &BTreeSet<&str>, problems: &mut Vec<Problem>) -> Option<FollowUpRules> {
        if self.rating_at_most >= MAX_RATING {
            let message = format!(
                "{}; 0 to {} of {MAX_RATING} are expected",
                self.rating_at_most,
                MAX_RATING - 1
            );
            problems.push(Problem::at("follow_up.rating_at_most", message));
        }
        if self.steps.len() != STEPS {
            let message = format!(
                "{} steps; {STEPS} are expected: agent, supervisor, management",
                self.steps.len()
            );
            problems.push(Problem::at("follow_up.steps", message));
        }
        let steps = self.steps.iter().enumerate();
        let steps: Vec<Level> = steps
            .map(|(i, step)| step.check(&format!("follow_up.steps[{i}]"), rotations, problems))
            .collect();
        Some(FollowUpRules {
            rating_at_most: self.rating_at_most,
            steps: steps.try_into().ok()?,
        })
    }
}
