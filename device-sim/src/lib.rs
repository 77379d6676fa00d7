//! Simulated machines that wear out.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod catalogue;
pub mod fault;
pub mod fleet;
pub mod machine;
pub mod noise;
pub mod spec;
pub mod truth;
pub mod waveform;
pub mod wire;
