//! Wear is what many metrics do together and slowly: directions in which a fleet moves far over its lives and little from row
//! to row (slow feature analysis; Wiskott, Sejnowski 2002). Learned without looking at the time left.
//!
//! A direction adds up metrics, so noise of the single ones cancels, which a tree that splits on one of them cannot do.

use linfa_linalg::eigh::{EigSort, Eigh};
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// Most directions; failure modes of one kind of machine that show differently are few.
const MOST: usize = 3;
/// A direction counts if the variance of its slow movement is at least this share of that of its noise.
const LEAST_STRENGTH: f64 = 0.1;
/// Ridge on the noise, as a share of its mean, so that a metric without noise is not infinitely sure.
const RIDGE: f64 = 0.01;

/// Directions in the space of standardised metrics, each scaled to noise of 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Slow(Vec<Vec<f32>>);

/// Sums for the covariance of smoothed rows and of steps between rows.
pub(super) struct SlowLearner {
    width: usize,
    smooth: Vec<f64>,
    count: f64,
    steps: f64,
    sum: Array1<f64>,
    levels: Array2<f64>,
    noise: Array2<f64>,
    last: Option<Vec<f32>>,
    share: f64,
}

impl SlowLearner {
    /// For so many metrics, smoothed over so many rows.
    pub(super) fn new(width: usize, window: usize) -> SlowLearner {
        SlowLearner {
            width,
            smooth: Vec::new(),
            count: 0.0,
            steps: 0.0,
            sum: Array1::zeros(width),
            levels: Array2::zeros((width, width)),
            noise: Array2::zeros((width, width)),
            last: None,
            share: 2.0 / (window as f64 + 1.0),
        }
    }

    /// The next rows belong to another unit.
    pub(super) fn next_unit(&mut self) {
        self.last = None;
    }

    /// Takes a row of standardised metrics without missing values.
    pub(super) fn take(&mut self, row: &[f32]) {
        match &self.last {
            None => self.smooth = row.iter().map(|v| f64::from(*v)).collect(),
            Some(last) => {
                let step: Vec<f64> = row.iter().zip(last).map(|(a, b)| f64::from(a - b)).collect();
                add_products(&mut self.noise, &step);
                self.steps += 1.0;
                for (smooth, value) in self.smooth.iter_mut().zip(row) {
                    *smooth += self.share * (f64::from(*value) - *smooth);
                }
            }
        }
        self.count += 1.0;
        self.sum.iter_mut().zip(&self.smooth).for_each(|(s, v)| *s += v);
        add_products(&mut self.levels, &self.smooth);
        self.last = Some(row.to_vec());
    }

    /// The directions; none where the equations have no solution.
    pub(super) fn finish(self) -> Slow {
        self.solve().unwrap_or_default()
    }

    fn solve(self) -> Option<Slow> {
        if self.width < 2 || self.steps < 2.0 {
            return None;
        }
        let mean = &self.sum / self.count;
        let mut levels = &self.levels / self.count;
        // a step has the noise of two rows
        let mut noise = &self.noise / (2.0 * self.steps);
        let ridge = RIDGE * noise.diag().sum() / self.width as f64;
        if !ridge.is_finite() || ridge <= 0.0 {
            return None;
        }
        for i in 0..self.width {
            for j in 0..self.width {
                levels[(i, j)] -= mean[i] * mean[j];
            }
            noise[(i, i)] += ridge;
        }
        let (sizes, turns) = noise.eigh().ok()?;
        if sizes.iter().any(|size| *size <= 0.0) {
            return None;
        }
        let whiten = &turns / &sizes.mapv(f64::sqrt);
        let (mut strengths, turns) = whiten.t().dot(&levels).dot(&whiten).eigh().ok()?.sort_eig_desc();
        strengths.mapv_inplace(|s| s.max(0.0));
        let directions = whiten.dot(&turns);
        let kept = strengths.iter().take(MOST).filter(|s| **s >= LEAST_STRENGTH).count();
        let direction = |i: usize| {
            let column = directions.column(i);
            // the sign of an eigenvector is chance: the largest part is made positive
            let largest = column
                .iter()
                .copied()
                .max_by(|a, b| a.abs().total_cmp(&b.abs()))
                .unwrap_or(1.0);
            column.iter().map(|v| (v * largest.signum()) as f32).collect()
        };
        Some(Slow((0..kept).map(direction).collect()))
    }
}

fn add_products(sums: &mut Array2<f64>, values: &[f64]) {
    for (mut row, a) in sums.rows_mut().into_iter().zip(values) {
        row.iter_mut().zip(values).for_each(|(sum, b)| *sum += a * b);
    }
}

impl Slow {
    /// How many directions.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Adds the value along each direction after the metrics.
    pub fn extend(&self, values: &mut Vec<f32>) {
        let width = values.len();
        for direction in &self.0 {
            let value = direction.iter().zip(&values[..width]).map(|(d, v)| d * v).sum();
            values.push(value);
        }
    }

    /// Whether directions that were read from a file fit so many metrics.
    pub fn is_sound(&self, metrics: usize) -> bool {
        self.0.len() <= MOST
            && self
                .0
                .iter()
                .all(|d| d.len() == metrics && d.iter().all(|v| v.is_finite()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;
    use crate::seeded::Seeded;

    /// Learns directions from units in one table; `starts` tells the first row of each.
    fn learn(table: &Matrix, starts: &[usize]) -> Slow {
        let mut learner = SlowLearner::new(table.columns(), 10);
        for row in 0..table.rows() {
            if starts.contains(&row) {
                learner.next_unit();
            }
            learner.take(table.row(row));
        }
        learner.finish()
    }

    #[test]
    fn what_grows_in_all_metrics_together_is_found_under_their_noise() {
        let mut random = Seeded::new(9, 0);
        let mut table = Matrix::new(4);
        for i in 0..2000 {
            let wear = (i % 200) as f32 / 200.0;
            let mut noise = || (random.unit() + random.unit() - 1.0) as f32;
            table.push(&[wear + noise(), wear + noise(), -wear + noise(), noise() * 3.0]);
        }
        let starts: Vec<usize> = (0..10).map(|unit| unit * 200).collect();
        let slow = learn(&table, &starts);
        assert!(slow.count() >= 1 && slow.is_sound(4));
        let direction = &slow.0[0];
        let size = direction[0].abs();
        assert!((direction[1] / direction[0] - 1.0).abs() < 0.3, "{direction:?}");
        assert!((direction[2] / direction[0] + 1.0).abs() < 0.3, "{direction:?}");
        assert!(direction[3].abs() < 0.2 * size, "{direction:?}");
    }

    #[test]
    fn one_metric_or_no_movement_has_no_direction() {
        let mut table = Matrix::new(1);
        (0..50).for_each(|i| table.push(&[i as f32]));
        assert_eq!(learn(&table, &[0]).count(), 0);
        let mut still = Matrix::new(3);
        (0..50).for_each(|_| still.push(&[1.0, 2.0, 3.0]));
        assert_eq!(learn(&still, &[0]).count(), 0);
    }
}
