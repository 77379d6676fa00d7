//! In which way a metric is unusual, and how much.

/// How a metric is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// Away from what all metrics of the rows before foretold, for some time.
    Departure,
    /// Away from the mean of its past.
    Level,
    /// At a value rarely seen.
    Rarity,
    /// The last values run as they never ran before.
    Shape,
    /// Less predictable than it was.
    Residual,
}

/// What one metric has to do with the score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// Position of the metric in the row.
    pub metric: usize,
    /// How the metric is unusual.
    pub view: View,
    /// Its part, as a share of the alert limit: 1 would alert by itself.
    pub ratio: f64,
    /// What was expected, in the unit of the metric.
    pub expected: f64,
    /// Three standard deviations around `expected`, in the unit of the metric.
    pub margin: f64,
}
