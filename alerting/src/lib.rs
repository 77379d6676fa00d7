//! From conditions to alarms, risk and tickets with their clocks.
//!
//! Everything here is a pure function of (state, input, now): no clock, no I/O, no global, no randomness. The same input
//! gives the same alarms and tickets, byte for byte, live, in a replay and after a restart.

pub mod condition;

pub use condition::{ConditionTracker, Edge};
pub mod calendar;
pub mod clock;
pub mod risk;
