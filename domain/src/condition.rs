//! How a failure mode shows itself: its condition, how bad it is, and the evidence a person can check.
//!
//! `models` produces [`ConditionChange`]s, `alerting` consumes them; neither knows the other.

use crate::{DeviceIndex, FailureModeId, Health, MetricName, ModeIndex, ModelVersion, Prognosis, RuleId, Timestamp};
use serde::{Deserialize, Serialize};

/// How bad a condition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Unusual; look when convenient.
    Advisory,
    /// Degrading; plan work.
    Warning,
    /// Damage likely or a hard limit passed; act now.
    Critical,
}

impl Severity {
    /// The word of the wire and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Advisory => "advisory",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Whether a failure mode shows, judged on one reading, before any delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum ConditionState {
    /// No sign.
    Clear,
    /// It shows.
    Active {
        /// How badly.
        severity: Severity,
    },
}

/// Why a rule spoke: enough for a person to check it on the plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The rule of the profile.
    pub rule: RuleId,
    /// The metric judged; none for device-wide rules such as absence.
    pub metric: Option<MetricName>,
    /// The value that spoke; none where there is no value (absence).
    pub value: Option<f64>,
    /// What was compared with what.
    pub reason: EvidenceReason,
}

/// What a rule compared. Values are in the metric's unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum EvidenceReason {
    /// Above a limit.
    AboveLimit {
        /// The limit passed.
        limit: f64,
        /// Where the limit comes from, e.g. `ISO 10816-3:2009 group 2 rigid, zone C`.
        source: String,
    },
    /// Below a limit.
    BelowLimit {
        /// The limit passed.
        limit: f64,
        /// Where the limit comes from.
        source: String,
    },
    /// Changes faster than allowed.
    TooFast {
        /// Change per hour seen.
        per_hour: f64,
        /// Change per hour allowed.
        limit_per_hour: f64,
    },
    /// Outside what this series has learned about itself.
    OutsideBaseline {
        /// Lower edge of the expected range.
        low: f64,
        /// Upper edge of the expected range.
        high: f64,
        /// How unusual, 0 to 1.
        score: f64,
        /// In which way.
        #[serde(default)]
        aspect: Aspect,
        /// Over how many readings; 1: the value itself.
        #[serde(default = "one")]
        readings: u16,
        /// The operating mode whose normal it is; none for a machine with one way of working.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        operating_mode: Option<String>,
    },
    /// The combination of metrics is unusual.
    UnusualCombination {
        /// How unusual, 0 to 1.
        score: f64,
    },
    /// What the waveform of a sensor shows, named by its diagnosis.
    VibrationFault {
        /// In words, such as `outer race`; empty if the diagnosis could name nothing.
        fault: String,
        /// Share of all that speaks for any fault, 0 to 1.
        confidence: f64,
        /// What it rests on, each a sentence with numbers and units, the most important first.
        says: Vec<String>,
    },
    /// The same value for too long.
    Stuck {
        /// Since when, device time.
        since: Timestamp,
    },
    /// Outside what the sensor can physically measure.
    OutsidePhysicalRange {
        /// Lower end of the physical range.
        min: f64,
        /// Upper end of the physical range.
        max: f64,
    },
    /// The device has fallen silent.
    Silent {
        /// When it was last heard, our time.
        last_received_at: Timestamp,
    },
    /// The device itself reported a fault code.
    FaultCode {
        /// The code.
        code: String,
        /// The device's text, if it sent one.
        text: String,
    },
    /// What a model that was trained with labelled data makes of the values.
    LearnedClass {
        /// The class, as the training data call it.
        class: String,
        /// How probable, 0 to 1. A rare class may be named below one half.
        probability: f64,
        /// The model, by name and content.
        model: String,
    },
}

fn one() -> u16 {
    1
}

/// In which way a metric differs from what was learned of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// Higher or lower than ever.
    #[default]
    Level,
    /// Higher or lower than ever at this time of day.
    TimeOfDay,
    /// It moves more, or less, than it ever did.
    Restlessness,
    /// It is not where the rows before and the other metrics foretell.
    Prediction,
    /// At a value that it rarely had.
    Rarity,
    /// It runs in a way that it never did.
    Shape,
    /// Harder to foretell than it was.
    Predictability,
}

/// A failure mode began to show, ceased to show, or changed in severity, after its delays.
///
/// Produced once per change, never per reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionChange {
    /// The device.
    pub device: DeviceIndex,
    /// Which failure mode of the device's profile.
    pub mode: ModeIndex,
    /// The same by name, so that a record stays readable when profiles change.
    pub failure_mode: FailureModeId,
    /// What it is now.
    pub state: ConditionState,
    /// Device time of the reading that decided; our time for absence.
    pub measured_at: Timestamp,
    /// What speaks for it, the strongest first; at most four. Empty when it cleared.
    pub evidence: Vec<Evidence>,
    /// 0 (failed) to 100 (as new).
    pub health: Health,
    /// Time left, if it can be told.
    pub prognosis: Prognosis,
    /// What judged.
    pub model: ModelVersion,
}

/// What is expected of a failure mode that goes on showing: told from time to time while it stands, never per reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionOutlook {
    /// Which failure mode.
    pub failure_mode: FailureModeId,
    /// Device time of the reading at which it was made.
    pub measured_at: Timestamp,
    /// 0 (failed) to 100 (as new).
    pub health: Health,
    /// Time left, if it can be told.
    pub prognosis: Prognosis,
    /// What judged.
    pub model: ModelVersion,
}
