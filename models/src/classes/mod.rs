//! Fault classes learned from labelled rows: boosted trees with softmax, probabilities that are calibrated on rows that were
//! held back, and a decision that does not forget the rare class.
//!
//! Where the rows come from does not matter here: columns of a table or features of a waveform.

mod columns;
mod report;
mod train;

pub use columns::{Column, ColumnLearner};
pub use report::{ClassFigures, ClassReport};
pub use train::{ClassSettings, Labelled, TrainClassesError, train};

use crate::boost::Ensemble;
use serde::{Deserialize, Serialize};

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassModel {
    columns: Vec<Column>,
    classes: Vec<String>,
    bags: Vec<Ensemble>,
    decision: Decision,
}

/// From sums of trees to a class and how sure that is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Decision {
    /// Sums are divided by this before they become probabilities: above 1 where the trees were too sure.
    temperature: f32,
    /// What each class gets ahead, in logarithms of its probability, so that the mean F1 over classes is best.
    ahead: Vec<f32>,
}

impl Decision {
    fn plain(classes: usize) -> Decision {
        Decision {
            temperature: 1.0,
            ahead: vec![0.0; classes],
        }
    }

    /// Makes probabilities of sums, in place.
    fn probabilities(&self, sums: &mut [f32]) {
        sums.iter_mut().for_each(|sum| *sum /= self.temperature);
        crate::boost::softmax(sums);
    }

    /// The class that is told.
    fn choose(&self, probabilities: &[f32]) -> usize {
        let score = |class: usize| probabilities[class].max(1e-9).ln() + self.ahead[class];
        let best = (0..probabilities.len()).max_by(|a, b| score(*a).total_cmp(&score(*b)));
        best.unwrap_or(0)
    }
}

/// What the model says about a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassAnswer {
    /// Number of the class in [`ClassModel::classes`].
    pub class: usize,
    /// How probable this class is, 0 to 1. A rare fault may be told well below one half.
    pub confidence: f32,
}

impl ClassModel {
    /// Columns in the order that rows must have.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Probabilities of all classes into `probabilities`, and the class that is told.
    pub fn predict(&self, row: &[f32], probabilities: &mut Vec<f32>) -> ClassAnswer {
        sums(&self.bags, row, self.classes.len(), probabilities);
        self.decision.probabilities(probabilities);
        let class = self.decision.choose(probabilities);
        ClassAnswer {
            class,
            confidence: probabilities[class],
        }
    }

    /// The class that rows tell together, as the windows of a recording do; none of no rows.
    pub fn vote<'a>(&self, rows: impl Iterator<Item = &'a [f32]>) -> Option<ClassAnswer> {
        let of_rows: Vec<Vec<f32>> = rows
            .map(|row| {
                let mut of_row = Vec::new();
                sums(&self.bags, row, self.classes.len(), &mut of_row);
                of_row
            })
            .collect();
        if of_rows.is_empty() {
            return None;
        }
        let mut probabilities = mean_of(of_rows.iter().map(Vec::as_slice));
        self.decision.probabilities(&mut probabilities);
        let class = self.decision.choose(&probabilities);
        Some(ClassAnswer {
            class,
            confidence: probabilities[class],
        })
    }

    /// Whether a model that was read from a file hangs together, so that predicting cannot fail.
    pub fn is_sound(&self) -> bool {
        let classes = self.classes.len();
        classes >= 2
            && !self.columns.is_empty()
            && !self.bags.is_empty()
            && self.bags.iter().all(|bag| bag.is_sound(self.columns.len(), classes))
            && self.decision.temperature.is_finite()
            && self.decision.temperature > 0.0
            && self.decision.ahead.len() == classes
            && self.decision.ahead.iter().all(|a| a.is_finite())
    }
}

/// The mean of the bags' sums.
fn sums(bags: &[Ensemble], row: &[f32], classes: usize, into: &mut Vec<f32>) {
    into.clear();
    into.resize(classes, 0.0);
    let mut of_bag = Vec::with_capacity(classes);
    for bag in bags {
        bag.predict(row, &mut of_bag);
        into.iter_mut()
            .zip(&of_bag)
            .for_each(|(sum, part)| *sum += part / bags.len() as f32);
    }
}

/// The mean of equally long rows; empty of none.
fn mean_of<'a>(rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let (mut mean, mut count) = (Vec::new(), 0u32);
    for row in rows {
        mean.resize(row.len(), 0.0);
        mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
        count += 1;
    }
    mean.iter_mut().for_each(|sum| *sum /= count as f32);
    mean
}

#[cfg(test)]
mod tests;
