//! The three ways in which an alarm is out of sight: shelved by a person, suppressed by design, out of service.
//!
//! They vary independently of each other and of the state: the condition is tracked underneath in each of them.

use super::PersonName;
use crate::window::WindowId;
use domain::{AlarmId, DeviceKey, Timestamp};
use serde::{Deserialize, Serialize};

/// Taken out of the operator's sight by a person, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelving {
    /// Who.
    pub by: PersonName,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub until: Timestamp,
}

/// Out of sight by logic, as long as its cause lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// By what.
    pub cause: SuppressionCause,
    /// Since when.
    pub at: Timestamp,
    /// The cause is gone, and the alarm comes back then if its condition still stands; none: the cause lasts.
    #[serde(default)]
    pub release_at: Option<Timestamp>,
}

/// Which logic hides an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum SuppressionCause {
    /// What the machine hangs on is down, so nothing else can be expected of it.
    ParentDown {
        /// Which machine it hangs on.
        parent: DeviceKey,
    },
    /// Another alarm of the machine came first, and this one is likely to follow from it.
    FirstUp {
        /// Which.
        first: AlarmId,
    },
    /// The machine is being commissioned.
    Commissioning {
        /// By which window.
        window: WindowId,
    },
}

impl SuppressionCause {
    /// The short name under which it is counted; bounded, fit for a metric label.
    pub fn as_str(&self) -> &'static str {
        match self {
            SuppressionCause::ParentDown { .. } => "parent_down",
            SuppressionCause::FirstUp { .. } => "first_up",
            SuppressionCause::Commissioning { .. } => "commissioning",
        }
    }
}

/// Out of sight because of work on the machine, until a person brings it back or the maintenance window ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutOfService {
    /// Who answers for it.
    pub by: PersonName,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
    /// By which maintenance window; none: a person took this alarm alone.
    #[serde(default)]
    pub window: Option<WindowId>,
}
