//! Fault classes learned from labelled rows: boosted trees with softmax beside linear discriminants, weighed against each other
//! on rows that were held back, and a decision that does not forget the rare class.
//!
//! Where the rows come from does not matter here: columns of a table or features of a waveform.

mod columns;
mod decision;
mod folds;
mod linear;
mod pairs;
mod report;
mod train;

pub use columns::{Column, ColumnLearner};
pub use report::{ClassFigures, ClassReport};
pub use train::{ClassSettings, Labelled, TrainClassesError, train};

use crate::boost::Ensemble;
use decision::{Decision, Opinions};
use linear::Linear;
use pairs::Pairs;
use serde::{Deserialize, Serialize};

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassModel {
    columns: Vec<Column>,
    classes: Vec<String>,
    pairs: Pairs,
    bags: Vec<Ensemble>,
    /// Missing where the trees are better alone.
    linear: Option<Linear>,
    decision: Decision,
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

    /// Probabilities of all classes into `probabilities`, and the class that is told. A row has a number for each column; what
    /// is missing at its end counts as missing.
    pub fn predict(&self, row: &[f32], probabilities: &mut Vec<f32>) -> ClassAnswer {
        self.decision.probabilities(&self.opinions_of(row), probabilities);
        let class = self.decision.choose(probabilities);
        ClassAnswer {
            class,
            confidence: probabilities[class],
        }
    }

    /// The class that rows tell together, as the windows of a recording do; none of no rows.
    pub fn vote<'a>(&self, rows: impl Iterator<Item = &'a [f32]>) -> Option<ClassAnswer> {
        let of_rows: Vec<Opinions> = rows.map(|row| self.opinions_of(row)).collect();
        if of_rows.is_empty() {
            return None;
        }
        let mut probabilities = Vec::with_capacity(self.classes.len());
        self.decision
            .probabilities(&Opinions::mean(of_rows.iter()), &mut probabilities);
        let class = self.decision.choose(&probabilities);
        Some(ClassAnswer {
            class,
            confidence: probabilities[class],
        })
    }

    fn opinions_of(&self, row: &[f32]) -> Opinions {
        let mut narrow = row.to_vec();
        narrow.resize(self.columns.len(), f32::NAN);
        let mut wide = Vec::with_capacity(self.pairs.width(narrow.len()));
        self.pairs.extend(&narrow, &mut wide);
        opinions(&self.bags, self.linear.as_ref(), &narrow, &wide, self.classes.len())
    }

    /// Whether a model that was read from a file hangs together, so that predicting cannot fail.
    pub fn is_sound(&self) -> bool {
        let (columns, classes) = (self.columns.len(), self.classes.len());
        let wide = self.pairs.width(columns);
        classes >= 2
            && columns > 0
            && self.pairs.are_sound(columns)
            && !self.bags.is_empty()
            && self.bags.iter().all(|bag| bag.is_sound(wide, classes))
            && self
                .linear
                .as_ref()
                .is_none_or(|linear| linear.is_sound(columns, classes))
            && self.decision.is_sound(classes)
    }
}

/// What the mean of the bags and the linear discriminants say.
fn opinions(bags: &[Ensemble], linear: Option<&Linear>, row: &[f32], wide: &[f32], classes: usize) -> Opinions {
    let mut opinions = Opinions {
        trees: vec![0.0; classes],
        linear: Vec::new(),
    };
    let mut of_bag = Vec::with_capacity(classes);
    for bag in bags {
        bag.predict(wide, &mut of_bag);
        let pairs = opinions.trees.iter_mut().zip(&of_bag);
        pairs.for_each(|(sum, part)| *sum += part / bags.len() as f32);
    }
    if let Some(linear) = linear {
        linear.predict(row, &mut opinions.linear);
    }
    opinions.normalise();
    opinions
}

#[cfg(test)]
mod tests;
