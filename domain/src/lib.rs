//! The words everybody in Forewarn shares: ids, time, readings, units, conditions, severities, profiles and the wire format.
//! No clock, no I/O, no global: everything here is a value or a pure function.

pub mod checked;
pub mod condition;
pub mod drift;
pub mod ids;
pub mod place;
pub mod profile;
pub mod prognosis;
pub mod reading;
pub mod registry;
pub mod risk;
pub mod text;
pub mod time;
pub mod topology;
pub mod vibration;
pub mod wire;

pub use condition::{Aspect, ConditionChange, ConditionOutlook, ConditionState, Evidence, EvidenceReason, Severity};
pub use drift::{DriftCause, ModelDrift};
pub use ids::{
    AlarmId, Boot, DeviceIndex, DeviceKey, DeviceName, FailureModeId, IdError, MetricIndex, MetricName, ModeIndex,
    ModelVersion, Names, RuleId, SensorName, SiteName, TicketId,
};
pub use profile::Profile;
pub use prognosis::{Health, LifeBasis, Prognosis, RemainingLife};
pub use reading::{Quality, Reading, Sample, Sequence};
pub use risk::{Impact, Probability, RiskLevel};
pub use time::{Millis, Timestamp};
pub use topology::Topology;
