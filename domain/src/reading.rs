//! What a device said at one instant, after it was checked.

use crate::{Boot, MetricIndex, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether a value may be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Measured, timed and in range.
    Good,
    /// Usable with care: the time is ours, the clock is off, the reading is late.
    Uncertain,
    /// Not to be used by a model.
    Bad,
}

/// One value of one metric. Always finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Which metric.
    pub metric: MetricIndex,
    /// The value in the metric's unit; `true` is 1, `false` is 0.
    pub value: f64,
}

/// A device's own count of its messages, by which repeats and gaps are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// The run of the firmware that counts.
    pub boot: Boot,
    /// The count.
    pub number: u64,
}

/// All samples of one instant of one device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading<'a> {
    /// The device's time.
    pub measured_at: Timestamp,
    /// Our time when the packet arrived.
    pub received_at: Timestamp,
    /// Whether the samples may be believed.
    pub quality: Quality,
    /// The samples, each metric once, in the order of the message.
    pub samples: &'a [Sample],
}
