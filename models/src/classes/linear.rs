//! Linear discriminants with a shrunken covariance (Fisher 1936; Friedman, Regularized Discriminant Analysis, 1989): where
//! many columns tell a little each, as the samples of a cycle do, they find what trees cannot, and they extrapolate.

use crate::matrix::Matrix;
use linfa_linalg::cholesky::SolveCInplace;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// Standardised values beyond this are cut: a spike is not farther than a fault.
const FARTHEST: f32 = 10.0;
/// Most rows that are learned from; evenly taken.
const MOST_ROWS: usize = 20_000;
/// With more columns the equations would take longer than the trees, so the columns that differ most between classes are taken.
const MOST_COLUMNS: usize = 1_000;

/// One linear score for each class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Linear {
    /// Columns of the rows that are looked at.
    columns: Vec<u16>,
    mean: Vec<f32>,
    /// One over the standard deviation.
    scale: Vec<f32>,
    /// Class after class, a weight for each column.
    weights: Vec<f32>,
    base: Vec<f32>,
}

impl Linear {
    /// Learns from these rows, once for each `shrinkage`, 0 to 1: how far the covariance within classes is drawn towards that
    /// of columns that know nothing of each other. Missing values count as average.
    ///
    /// `None` where no column differs, or the equations have no solution.
    pub(super) fn train(
        matrix: &Matrix,
        rows: &[usize],
        labels: &[usize],
        classes: usize,
        shrinkages: &[f64],
    ) -> Vec<Option<Linear>> {
        let step = rows.len().div_ceil(MOST_ROWS).max(1);
        let rows: Vec<usize> = rows.iter().copied().step_by(step).collect();
        let Some(plain) = Linear::scaled(matrix, &rows, labels, classes) else {
            return vec![None; shrinkages.len()];
        };
        let width = plain.columns.len();
        let mut counts = vec![0usize; classes];
        let mut means = Array2::<f64>::zeros((classes, width));
        let mut table = Array2::<f64>::zeros((rows.len(), width));
        let mut space = Vec::with_capacity(width);
        for (mut into, row) in table.rows_mut().into_iter().zip(&rows) {
            plain.standardise(matrix.row(*row), &mut space);
            into.iter_mut()
                .zip(&space)
                .for_each(|(into, value)| *into = f64::from(*value));
            counts[labels[*row]] += 1;
            let mut mean = means.row_mut(labels[*row]);
            mean += &into;
        }
        for (mut mean, count) in means.rows_mut().into_iter().zip(&counts) {
            mean /= (*count).max(1) as f64;
        }
        for (mut values, row) in table.rows_mut().into_iter().zip(&rows) {
            values -= &means.row(labels[*row]);
        }
        let within = table.t().dot(&table) / rows.len() as f64;
        let share = |count: usize| (count as f64 + 0.5) / (rows.len() as f64 + 0.5 * classes as f64);
        let of_shrinkage = |shrinkage: &f64| {
            let round = within.diag().mean().unwrap_or(1.0).max(1e-9);
            let mut shrunken = &within * (1.0 - shrinkage);
            shrunken.diag_mut().mapv_inplace(|d| d + shrinkage * round);
            let solution = shrunken.solvec_into(means.t().to_owned()).ok()?;
            let mut model = plain.clone();
            for ((weights, mean), count) in solution.columns().into_iter().zip(means.rows()).zip(&counts) {
                let weights: Array1<f64> = weights.to_owned();
                model.base.push((share(*count).ln() - 0.5 * weights.dot(&mean)) as f32);
                model.weights.extend(weights.iter().map(|w| *w as f32));
            }
            let is_finite = model.weights.iter().chain(&model.base).all(|v| v.is_finite());
            is_finite.then_some(model)
        };
        shrinkages.iter().map(of_shrinkage).collect()
    }

    /// Columns with their means and scales, and no weights yet.
    fn scaled(matrix: &Matrix, rows: &[usize], labels: &[usize], classes: usize) -> Option<Linear> {
        // of each column: how much of its variance is between classes, mean, deviation
        let mut found: Vec<(usize, f64, f64, f64)> = Vec::new();
        for column in 0..matrix.columns().min(usize::from(u16::MAX)) {
            let values = || {
                let all = rows
                    .iter()
                    .map(|row| (f64::from(matrix.row(*row)[column]), labels[*row]));
                all.filter(|(value, _)| value.is_finite())
            };
            let count = values().count().max(1) as f64;
            let mean = values().map(|(value, _)| value).sum::<f64>() / count;
            let mut sums = vec![(0.0, 0.0); classes];
            let mut square = 0.0;
            for (value, label) in values() {
                square += (value - mean).powi(2);
                sums[label].0 += value - mean;
                sums[label].1 += 1.0;
            }
            let deviation = (square / count).sqrt();
            if deviation > 1e-7 * (1e-9 + mean.abs()) && deviation > 1e-30 {
                let between: f64 = sums.iter().map(|(sum, rows)| sum * sum / f64::max(*rows, 1.0)).sum();
                found.push((column, between / square, mean, deviation));
            }
        }
        if found.len() > MOST_COLUMNS {
            found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            found.truncate(MOST_COLUMNS);
            found.sort_by_key(|column| column.0);
        }
        (!found.is_empty()).then(|| Linear {
            columns: found.iter().map(|f| f.0 as u16).collect(),
            mean: found.iter().map(|f| f.2 as f32).collect(),
            scale: found.iter().map(|f| (1.0 / f.3) as f32).collect(),
            weights: Vec::new(),
            base: Vec::new(),
        })
    }

    fn standardise(&self, row: &[f32], into: &mut Vec<f32>) {
        into.clear();
        let parts = self.columns.iter().zip(&self.mean).zip(&self.scale);
        into.extend(parts.map(|((column, mean), scale)| {
            let value = (row[usize::from(*column)] - mean) * scale;
            if value.is_nan() {
                0.0
            } else {
                value.clamp(-FARTHEST, FARTHEST)
            }
        }));
    }

    /// The score of each class, into `scores`.
    pub(super) fn predict(&self, row: &[f32], scores: &mut Vec<f32>) {
        let mut values = Vec::with_capacity(self.columns.len());
        self.standardise(row, &mut values);
        scores.clear();
        let of_classes = self.weights.chunks_exact(values.len().max(1));
        scores.extend(of_classes.zip(&self.base).map(|(weights, base)| {
            let sum: f64 = weights
                .iter()
                .zip(&values)
                .map(|(w, v)| f64::from(*w) * f64::from(*v))
                .sum();
            base + sum as f32
        }));
    }

    /// Whether discriminants that were read from a file fit rows with so many columns.
    pub(super) fn is_sound(&self, columns: usize, classes: usize) -> bool {
        let width = self.columns.len();
        width > 0
            && self.mean.len() == width
            && self.scale.len() == width
            && self.base.len() == classes
            && self.weights.len() == width * classes
            && self.columns.iter().all(|c| usize::from(*c) < columns)
            && [&self.mean, &self.scale, &self.weights, &self.base]
                .iter()
                .all(|values| values.iter().all(|v| v.is_finite()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::Seeded;

    /// Two columns that move together; the class is in their small difference. A third never moves.
    fn difference() -> (Matrix, Vec<usize>) {
        let mut random = Seeded::new(3, 0);
        let (mut matrix, mut labels) = (Matrix::new(3), Vec::new());
        for i in 0..400 {
            let together = random.unit() as f32 * 100.0;
            matrix.push(&[together, together + (i % 2) as f32 + 0.3 * random.unit() as f32, 7.0]);
            labels.push(i % 2);
        }
        (matrix, labels)
    }

    #[test]
    fn what_two_columns_say_together_is_found() {
        let (matrix, labels) = difference();
        let rows: Vec<usize> = (0..300).collect();
        let models = Linear::train(&matrix, &rows, &labels, 2, &[1.0, 1e-6]);
        let share = |model: &Linear| {
            let mut scores = Vec::new();
            let told = |row: usize| {
                model.predict(matrix.row(row), &mut scores);
                usize::from(scores[1] > scores[0]) == labels[row]
            };
            (300..400).map(told).filter(|is_right| *is_right).count()
        };
        let shares: Vec<usize> = models.iter().flatten().map(share).collect();
        assert!(shares[0] < 70 && shares[1] == 100, "{shares:?}");
        let model = models[1].clone().unwrap();
        let mut scores = Vec::new();
        model.predict(&[f32::NAN, 1e30, 7.0], &mut scores);
        assert!(scores.iter().all(|s| s.is_finite()));
        assert!(model.is_sound(2, 2) && !model.is_sound(1, 2) && !model.is_sound(2, 3));
    }

    #[test]
    fn columns_that_never_move_are_no_model() {
        let mut matrix = Matrix::new(1);
        (0..10).for_each(|_| matrix.push(&[4.0]));
        assert_eq!(Linear::train(&matrix, &[0, 1, 2, 3], &[0, 1, 0, 1], 2, &[0.1]), [None]);
    }
}
