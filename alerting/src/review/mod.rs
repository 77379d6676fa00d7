//! The periodic review: what warnings, tickets and alarms of a span came to, each figure with what it means.
//!
//! Pure functions of rows. A figure whose denominator is nothing is "not known", never 0 or 100 %.

mod alarms;
mod customers;
mod faults;
mod month;
mod reliability;
mod rules;
mod service;
mod suggestions;
mod warnings;

#[cfg(test)]
mod rules_tests;
#[cfg(test)]
mod tests;

pub use alarms::{AlarmLoad, alarm_load};
pub use customers::{CustomerFigures, customer_figures};
pub use faults::{FaultCount, Trend, fault_counts};
pub use month::{Month, due};
pub use reliability::{ReliabilityFigures, reliability_figures};
pub use rules::{KnownDevice, LEAST_JUDGED, RuleFigures, rule_figures};
pub use service::{ServiceFigures, service_figures};
pub use suggestions::{Advice, LEAST_FALSE, Suggestion, suggestions};
pub use warnings::{WarningFigures, warning_figures};

use domain::{Millis, Timestamp};
use serde::Serialize;

/// From when until when, our time; the end does not belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

impl Span {
    /// Whether an instant belongs to it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// How long it is.
    pub fn length(&self) -> Millis {
        self.until - self.from
    }
}

/// The 97.5 % point of the normal distribution, for intervals of 95 %.
const Z95: f64 = 1.959_963_984_540_054;

/// Some of many: a share with its counts, so that nobody takes one of two for a habit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Share {
    /// How many were so.
    pub part: u64,
    /// How many there were.
    pub of: u64,
}

impl Share {
    /// 0 to 1; none of nothing.
    pub fn value(&self) -> Option<f64> {
        (self.of > 0).then(|| self.part as f64 / self.of as f64)
    }

    /// Where the true share lies with 95 % certainty, from 0 to 1; none of nothing. Unlike the share itself it does not take one of
    /// one for always. E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    /// American Statistical Association 22 (1927), 209–212.
    pub fn wilson(&self) -> Option<(f64, f64)> {
        let p = self.value()?;
        let n = self.of as f64;
        let z2 = Z95 * Z95;
        let middle = p + z2 / (2.0 * n);
        let half = Z95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        let whole = 1.0 + z2 / n;
        // rounding must not leave the range of a share
        Some((
            ((middle - half) / whole).clamp(0.0, 1.0),
            ((middle + half) / whole).clamp(0.0, 1.0),
        ))
    }

    pub(crate) fn count(&mut self, is_part: bool) {
        self.of += 1;
        self.part += u64::from(is_part);
    }
}

/// Spans of time of which the mean and the median are told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Durations {
    /// How many.
    pub count: u64,
    /// Their mean; none of nothing.
    pub mean: Option<Millis>,
    /// Their median, the lower one of two; none of nothing.
    pub median: Option<Millis>,
}

impl Durations {
    pub(crate) fn of(mut all: Vec<Millis>) -> Self {
        all.sort_unstable();
        let count = all.len() as u64;
        let sum: i128 = all.iter().map(|d| i128::from(d.0)).sum();
        let mean = (count > 0).then(|| Millis((sum / i128::from(count.max(1))) as i64));
        let median = all.get(all.len().saturating_sub(1) / 2).copied();
        Durations { count, mean, median }
    }
}
