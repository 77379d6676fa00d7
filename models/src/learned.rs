//! What a learned rule knows of a device: the usual course of its metrics, and how far from it the device is now.
//! One for each learned rule; a column for each metric that the rule watches.

use crate::baseline::{Baseline, Budget};
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// How one metric compares with what is usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// Lower edge of the expected range.
    pub low: f64,
    /// Upper edge of the expected range.
    pub high: f64,
    /// Distance in units of the distance allowed: above 1 it is outside.
    pub ratio: f64,
    /// How unusual, 0 to 1.
    pub score: f64,
}

/// The learned normal of one device under one rule.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LearnedNormal {
    /// The reading being judged; none where a metric is missing.
    row: Vec<Option<f64>>,
    series: Vec<Baseline>,
    is_speaking: Vec<bool>,
}

impl LearnedNormal {
    pub(crate) fn new(columns: usize) -> LearnedNormal {
        let mut learned = LearnedNormal::default();
        learned.grow(columns);
        learned
    }

    /// How many metrics it watches.
    pub fn columns(&self) -> usize {
        self.series.len()
    }

    pub(crate) fn grow(&mut self, columns: usize) {
        self.row.resize(columns, None);
        self.series.resize_with(columns, Baseline::default);
        self.is_speaking.resize(columns, false);
    }

    /// A value of the reading that [`Self::step`] judges next.
    #[inline]
    pub(crate) fn set(&mut self, column: usize, value: f64) {
        self.row[column] = Some(value);
    }

    /// Judges the reading. Whether the device is outside what is usual.
    pub(crate) fn step(&mut self, at: Timestamp, is_alarm_standing: bool, budget: Budget) -> bool {
        for ((value, series), speaks) in self.row.iter_mut().zip(&mut self.series).zip(&mut self.is_speaking) {
            if let Some(value) = value.take() {
                *speaks = series.step(value, at, is_alarm_standing, budget);
            }
        }
        self.is_speaking.iter().any(|speaks| *speaks)
    }

    /// How unusual the device is, 0 to 1; none while it is being learned.
    pub fn score(&self) -> Option<f64> {
        let scores = self.series.iter().filter_map(|s| Some(s.compared()?.score()));
        scores.reduce(f64::max)
    }

    /// The metrics that are outside what is usual.
    pub fn findings(&self) -> impl Iterator<Item = (usize, Finding)> {
        let speaking = self.is_speaking.iter().enumerate().filter(|(_, speaks)| **speaks);
        speaking.filter_map(|(column, _)| {
            let compared = self.series[column].compared()?;
            let finding = Finding {
                low: compared.low,
                high: compared.high,
                ratio: compared.ratio,
                score: compared.score(),
            };
            Some((column, finding))
        })
    }

    /// The range that is usual for a metric; none while it is being learned.
    pub fn expected(&self, column: usize) -> Option<(f64, f64)> {
        self.series.get(column)?.compared().map(|c| (c.low, c.high))
    }

    /// How much of the learning before the first judgement of a metric is done, 0 to 1.
    pub fn learned_share(&self, column: usize, budget: Budget) -> f64 {
        self.series.get(column).map_or(0.0, |s| s.learned_share(budget))
    }

    /// After a repair: begins anew.
    pub(crate) fn forget(&mut self) {
        *self = LearnedNormal::new(self.columns());
    }

    pub(crate) fn is_sound(&self) -> bool {
        self.row.len() == self.series.len() && self.is_speaking.len() == self.series.len()
    }
}
