//! Operating modes: a machine that cools and heats, or turns at two speeds, has a normal for each.

use crate::{MetricName, Millis, text::Text};

/// Most operating modes of one machine, so that what is learned of a series stays small.
pub const MAX_OPERATING_MODES: usize = 8;

/// What tells the operating mode of a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatingModes {
    /// The metric that tells it; its last value holds until the next.
    pub metric: MetricName,
    /// How the value names a mode.
    pub telling: Telling,
    /// For so long after a change the machine is on its way, device time: learned rules neither judge nor learn.
    pub settle: Millis,
}

/// How a value names a mode.
#[derive(Debug, Clone, PartialEq)]
pub enum Telling {
    /// Modes with a name each; a value in none of them is a mode that is not known.
    Named(Vec<OperatingMode>),
    /// Each whole number is a mode, the first [`MAX_OPERATING_MODES`] that are seen.
    EachValue,
}

/// A mode that the profile names.
#[derive(Debug, Clone, PartialEq)]
pub struct OperatingMode {
    /// Its name, such as `cooling`.
    pub id: String,
    /// For people; empty if the name says it.
    pub title: Text,
    /// The lowest value.
    pub from: f64,
    /// The end of its values, not in it; equal to `from` for a single value.
    pub below: f64,
}

impl OperatingMode {
    /// Whether a value names this mode.
    pub fn holds(&self, value: f64) -> bool {
        value == self.from || (self.from <= value && value < self.below)
    }
}

/// Named modes as bits, in the order of the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModeMask(pub u8);

impl ModeMask {
    /// Whether the how many-th named mode is among them.
    pub fn contains(self, place: usize) -> bool {
        u32::try_from(place).is_ok_and(|place| self.0.checked_shr(place).unwrap_or(0) & 1 == 1)
    }
}
