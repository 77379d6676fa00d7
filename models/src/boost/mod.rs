//! Gradient-boosted trees on histograms (Friedman 2001; Ke et al., LightGBM, 2017), small enough to be read: squared,
//! quantile and softmax loss, missing values, weights, bags by a seed.
//!
//! Why our own: `docs/decisions/boosted-trees.md`. Training is single-threaded and the same on every machine; whoever wants
//! speed trains several ensembles at once.

mod bins;
mod grow;
mod loss;
mod tree;

pub use bins::Binned;
pub use loss::Loss;
pub use tree::Tree;

use crate::matrix::Matrix;
use crate::seeded::Seeded;
use grow::Grower;
use serde::{Deserialize, Serialize};

/// How trees are grown.
#[derive(Debug, Clone, PartialEq)]
pub struct BoostSettings {
    /// Rounds; a round has a tree for each output.
    pub rounds: usize,
    /// Share of each tree that is added, 0 to 1.
    pub learning_rate: f64,
    /// Most leaves of a tree.
    pub leaves: usize,
    /// Fewest rows of a leaf.
    pub rows_per_leaf: usize,
    /// Share of rows that each tree sees, above 0 to 1.
    pub row_share: f64,
    /// Share of columns that each tree sees, above 0 to 1.
    pub column_share: f64,
    /// Ridge on the values of leaves, in units of the hessian (rows, for squared loss).
    pub ridge: f64,
    /// The only columns to look at; all if missing.
    pub only: Option<Vec<usize>>,
    /// Where the draws of rows and columns start from.
    pub seed: u64,
}

impl Default for BoostSettings {
    fn default() -> BoostSettings {
        BoostSettings {
            rounds: 300,
            learning_rate: 0.05,
            leaves: 16,
            rows_per_leaf: 20,
            row_share: 0.8,
            column_share: 0.5,
            ridge: 1.0,
            only: None,
            seed: 0,
        }
    }
}

/// Trees whose sum is the answer; with softmax, one sum per class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ensemble {
    columns: usize,
    /// Where each output starts.
    base: Vec<f32>,
    /// Round after round, within a round output after output.
    trees: Vec<Tree>,
}

impl Ensemble {
    /// Learns `targets` (for softmax: class numbers) from rows of equal or given weight.
    ///
    /// Rows and targets are equally many, or the surplus is ignored; without any row the answer is 0.
    pub fn train(
        binned: &Binned,
        rows: &[usize],
        targets: &[f32],
        weights: Option<&[f32]>,
        loss: Loss,
        settings: &BoostSettings,
    ) -> Ensemble {
        let outputs = loss.outputs();
        let weight = |i: usize| weights.map_or(1.0, |w| f64::from(w[i]));
        let mut ensemble = Ensemble {
            columns: binned.columns(),
            base: loss.base(targets, weights),
            trees: Vec::with_capacity(settings.rounds * outputs),
        };
        let count = rows.len().min(targets.len());
        if count == 0 {
            return ensemble;
        }
        let mut random = Seeded::new(settings.seed, 0);
        let mut sums: Vec<f32> = ensemble.base.iter().cycle().take(count * outputs).copied().collect();
        let mut gradients = vec![[0.0f32; 2]; count];
        let mut order: Vec<u32> = (0..count as u32).collect();
        let mut columns: Vec<usize> = match &settings.only {
            None => (0..binned.columns()).collect(),
            Some(only) => only
                .iter()
                .copied()
                .filter(|column| *column < binned.columns())
                .collect(),
        };
        if columns.is_empty() {
            return ensemble;
        }
        let bag = ((count as f64 * settings.row_share).ceil() as usize).clamp(1, count);
        let drawn = ((columns.len() as f64 * settings.column_share).ceil() as usize).clamp(1, columns.len());
        let mut grower = Grower::new(binned, rows, settings);
        for _ in 0..settings.rounds {
            random.draw(&mut order, bag);
            // in the order of the table, so that memory is read forwards
            order[..bag].sort_unstable();
            let before = sums.clone();
            for output in 0..outputs {
                loss.gradients(&before, targets, output, &mut gradients);
                if weights.is_some() {
                    for (i, g) in gradients.iter_mut().enumerate() {
                        *g = g.map(|part| (f64::from(part) * weight(i)) as f32);
                    }
                }
                random.draw(&mut columns, drawn);
                let (mut tree, leaf_rows) = grower.grow(&order[..bag], &gradients, &columns[..drawn]);
                if let Some(quantile) = loss.leaf_quantile() {
                    tree.refit(&leaf_rows, |i| targets[i] - before[i], quantile, settings.learning_rate);
                }
                for (i, row) in rows.iter().enumerate().take(count) {
                    sums[i * outputs + output] += tree.value_of_bins(|column| binned.bin(column, *row));
                }
                ensemble.trees.push(tree);
            }
        }
        for tree in &mut ensemble.trees {
            tree.forget_bins();
        }
        ensemble
    }

    /// How many outputs: 1, or the number of classes.
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    /// The sum of the trees of each output; NaN stands for missing values.
    pub fn predict(&self, row: &[f32], sums: &mut Vec<f32>) {
        sums.clear();
        sums.extend_from_slice(&self.base);
        let outputs = self.outputs().max(1);
        for round in self.trees.chunks(outputs) {
            for (sum, tree) in sums.iter_mut().zip(round) {
                *sum += tree.value(row);
            }
        }
    }

    /// The sum of the only output, or of the first.
    pub fn predict_one(&self, row: &[f32]) -> f32 {
        let step = self.outputs().max(1);
        let base = self.base.first().copied().unwrap_or(0.0);
        base + self.trees.iter().step_by(step).map(|tree| tree.value(row)).sum::<f32>()
    }

    /// Whether an ensemble that was read from a file can be walked: every child and column exists, and paths only go on.
    pub fn is_sound(&self, columns: usize, outputs: usize) -> bool {
        self.columns == columns
            && self.base.len() == outputs
            && outputs > 0
            && self.trees.len().is_multiple_of(outputs)
            && self.base.iter().all(|b| b.is_finite())
            && self.trees.iter().all(|tree| tree.is_sound(columns))
    }

    /// How often each column was split on.
    pub fn uses(&self) -> Vec<u32> {
        let mut uses = vec![0; self.columns];
        for tree in &self.trees {
            tree.count_uses(&mut uses);
        }
        uses
    }
}

/// Probabilities from the sums of a softmax ensemble, in place.
pub fn softmax(sums: &mut [f32]) {
    let top = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut total = 0.0;
    for sum in sums.iter_mut() {
        *sum = (*sum - top).exp();
        total += *sum;
    }
    for sum in sums.iter_mut() {
        *sum /= total;
    }
}

/// Rows that a fine bin has at least, where there are enough.
const ROWS_OF_A_FINE_BIN: usize = 10;
/// Bins of a regression: its limits lie where the rows are.
const USUAL_BINS: usize = 127;

/// Bins all of a table, for ensembles on any of its rows.
pub fn bin(matrix: &Matrix) -> Binned {
    Binned::new(matrix, USUAL_BINS)
}

/// Bins all of a table as finely as its rows allow: a rare fault may begin far out in the tail of a column.
pub fn bin_finely(matrix: &Matrix) -> Binned {
    Binned::new(
        matrix,
        (matrix.rows() / ROWS_OF_A_FINE_BIN).clamp(USUAL_BINS / 2, bins::MOST_BINS),
    )
}

#[cfg(test)]
mod tests;
