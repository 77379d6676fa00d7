//! From readings to detections, health and prognoses: one pure [`Engine`] per profile, one [`DeviceState`] per device.
//!
//! Follows the blocks of ISO 13374: state detection (limits, rates, baselines, trees), health assessment (failure modes),
//! prognosis (trend to the failure limit); [`vibration`] reads waveforms. No clock, no I/O, no threads, no randomness: time
//! and everything else is an argument, and the same calls give the same answers.

pub mod age;
mod aging;
pub mod boost;
pub mod bundle;
pub mod bundled;
pub mod classes;
pub mod engine;
pub mod evaluation;
pub mod ewma;
pub mod explain;
pub mod fleet_life;
pub mod kernel;
pub mod learned;
pub mod learned_life;
pub mod life;
pub mod limit;
pub mod maintenance;
pub mod matrix;
mod operation;
mod plan;
pub mod rate;
pub mod regime;
pub mod seeded;
pub mod state;
pub mod stuck;
pub mod trees;
pub mod trend;
pub mod vibration;
mod watching;
pub mod waveform;
pub mod weibull;
pub mod workers;

pub use engine::{Engine, StepOutput};
pub use explain::{DeviceSnapshot, Explanation, Learning, MetricSnapshot, ModeSnapshot};
pub use maintenance::MaintenanceReminder;
pub use state::{DeviceState, MAX_METRICS, StoredBundled, StoredSupplement};
pub use waveform::{WaveformFeature, followed_features, strongest_axis, waveform_features};
