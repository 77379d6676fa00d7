//! What a vibration analyst knows before anything is measured: bearings and their fault frequencies, limits of velocity, and
//! what a profile says about a sensor whose waveforms are followed.

pub mod bearing;
pub mod catalogue;
pub mod limits;
mod watch;

pub use bearing::{BearingGeometry, FaultOrders};
pub use watch::{MOST_WATCHES, VibrationFault, VibrationWatch, WatchedBearing};
