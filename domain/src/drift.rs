//! What a model holds for normal has itself moved: a fact about the model, never an alarm or a ticket.
//!
//! `models` produces [`ModelDrift`]s, `gateway` records them; `alerting` never hears of them.

use crate::{FailureModeId, MetricName, ModelVersion, RuleId, Timestamp};
use serde::{Deserialize, Serialize};

/// How normal came to be something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftCause {
    /// An alarm stood for so long that what it shows is taken as normal from now on.
    Adopted,
    /// The average has left all that the metric ever was when learning ended.
    Moved,
    /// Many readings are outside the stretch that is known to be normal, and no alarm stands.
    Outside,
}

impl DriftCause {
    /// Each of them.
    pub const ALL: [DriftCause; 3] = [DriftCause::Adopted, DriftCause::Moved, DriftCause::Outside];

    /// The word of the API, the database and the metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            DriftCause::Adopted => "adopted",
            DriftCause::Moved => "moved",
            DriftCause::Outside => "outside",
        }
    }
}

/// What one rule of a device's model holds for normal of one metric has moved. Values are in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelDrift {
    /// The learned rule of the profile.
    pub rule: RuleId,
    /// The failure modes that the rule speaks for.
    pub failure_modes: Vec<FailureModeId>,
    /// The metric.
    pub metric: MetricName,
    /// How it came.
    pub cause: DriftCause,
    /// Lower edge of what was normal.
    pub low: f64,
    /// Upper edge of it.
    pub high: f64,
    /// The level within it.
    pub from: f64,
    /// The level now.
    pub to: f64,
    /// Since when the old normal was in force, device time.
    pub since: Timestamp,
    /// Device time of the reading that decided.
    pub measured_at: Timestamp,
    /// What judged.
    pub model: ModelVersion,
}
