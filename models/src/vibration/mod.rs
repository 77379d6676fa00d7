//! Vibration of rotating machines: what an analyst reads from an accelerometer, computed. [`diagnose`] names the fault of one
//! recording without having learned anything; [`VibrationMonitor`] learns the first snapshots of one bearing and says when
//! later ones are worse. Pure: samples in, judgement out. No clock, no file, no randomness; sample rate and speed are arguments.
//!
//! What cannot be judged says so ([`Unjudged`]): a snapshot that is empty, still or not finite is never "healthy".

pub mod classes;
mod comb;
pub mod diagnose;
mod envelope;
pub mod evidence;
pub mod features;
pub mod finding;
pub mod monitor;
mod recent;
pub mod severity;
mod shaft;
pub mod snapshot;
pub mod spectrum;

pub use diagnose::{Diagnosis, FaultClass, Recording, diagnose};
pub use domain::vibration::bearing::{self, BearingGeometry, FaultOrders};
pub use domain::vibration::catalogue;
pub use evidence::Evidence;
pub use features::{ShapeFactors, TimeFeatures, time_features};
pub use finding::Finding;
pub use monitor::{Assessment, MonitorSettings, VibrationMonitor};
pub use recent::Recent;
pub use snapshot::{SnapshotAnalyser, SnapshotFeatures};

/// Why a snapshot or a recording cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Unjudged {
    /// Fewer samples than the analysis needs.
    #[error("{samples} samples are too few, {needed} are needed")]
    TooShort {
        /// How many there are.
        samples: usize,
        /// How many there must be.
        needed: usize,
    },
    /// A sample is NaN or infinite.
    #[error("sample {at} is not finite")]
    NotFinite {
        /// Index of the first such sample.
        at: usize,
    },
    /// All samples are the same: a dead or disconnected sensor, not a quiet machine.
    #[error("the signal does not move: a dead or disconnected sensor, not a quiet machine")]
    Constant,
    /// The sample rate does not reach the lines that must be seen.
    #[error("a sample rate of {sample_rate_hz} Hz is too low, at least {needed_hz:.0} Hz are needed")]
    RateTooLow {
        /// The rate.
        sample_rate_hz: f64,
        /// The least rate.
        needed_hz: f64,
    },
    /// Rate or speed is not a number above 0.
    #[error("{what} must be above 0")]
    NotPositive {
        /// Which quantity.
        what: &'static str,
    },
}
