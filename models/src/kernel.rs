//! Kernel ridge regression on landmarks (Williams, Seeger: Using the Nyström Method to Speed Up Kernel Machines, 2001):
//! smooth where trees are stepped, so that their average is better than either.

use crate::matrix::Matrix;
use crate::seeded::Seeded;
use linfa_linalg::cholesky::SolveCInplace;
use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};

/// Standardised values beyond this are cut: a spike is not farther than a fault.
const FARTHEST: f32 = 3.0;
/// Most rows that are learned from; evenly taken.
const MOST_ROWS: usize = 30_000;

/// How the regression is made.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelSettings {
    /// Rows that others are compared with.
    pub landmarks: usize,
    /// Squared distance at which likeness falls to 1/e, in units of the number of columns.
    pub reach: f32,
    /// Ridge, in units of rows.
    pub ridge: f64,
    /// Where the draw of landmarks starts from.
    pub seed: u64,
}

impl Default for KernelSettings {
    fn default() -> KernelSettings {
        KernelSettings {
            landmarks: 400,
            reach: 5.0,
            ridge: 0.3,
            seed: 0,
        }
    }
}

/// A regression by likeness to landmarks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KernelRidge {
    /// Columns of the rows that are looked at.
    columns: Vec<u16>,
    mean: Vec<f32>,
    /// One over the standard deviation.
    scale: Vec<f32>,
    /// One over the squared distance of 1/e.
    gamma: f32,
    /// Landmarks, row after row, standardised.
    landmarks: Vec<f32>,
    weights: Vec<f32>,
    base: f32,
}

impl KernelRidge {
    /// Learns from these rows of a table, looking at these columns. Missing values count as average.
    ///
    /// `None` without rows or columns, or where the equations have no solution.
    pub fn train(
        matrix: &Matrix,
        columns: &[usize],
        rows: &[usize],
        targets: &[f32],
        row_weights: &[f32],
        settings: &KernelSettings,
    ) -> Option<KernelRidge> {
        let step = rows.len().div_ceil(MOST_ROWS).max(1);
        let taken: Vec<usize> = (0..rows.len().min(targets.len())).step_by(step).collect();
        if taken.is_empty() || columns.is_empty() {
            return None;
        }
        let mut model = KernelRidge {
            columns: columns.iter().map(|c| *c as u16).collect(),
            mean: Vec::new(),
            scale: Vec::new(),
            gamma: 1.0 / (settings.reach * columns.len() as f32),
            landmarks: Vec::new(),
            weights: Vec::new(),
            base: 0.0,
        };
        for column in columns {
            let values = || {
                let all = taken.iter().map(|i| f64::from(matrix.row(rows[*i])[*column]));
                all.filter(|v| v.is_finite())
            };
            let count = values().count().max(1) as f64;
            let mean = values().sum::<f64>() / count;
            let deviation = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
            model.mean.push(mean as f32);
            let scale = if deviation > 1e-9 * (1.0 + mean.abs()) {
                1.0 / deviation
            } else {
                0.0
            };
            model.scale.push(scale as f32);
        }
        let width = columns.len();
        let mut table = Vec::with_capacity(taken.len() * width);
        for i in &taken {
            model.standardise(matrix.row(rows[*i]), &mut table);
        }
        let table = ArrayView2::from_shape((taken.len(), width), &table).ok()?;
        let mut drawn: Vec<usize> = (0..taken.len()).collect();
        let count = settings.landmarks.min(drawn.len());
        Seeded::new(settings.seed, 0).draw(&mut drawn, count);
        drawn.truncate(count);
        let landmarks = table.select(ndarray::Axis(0), &drawn);

        let weight = |i: usize| row_weights.get(i).copied().unwrap_or(1.0);
        let total: f64 = taken.iter().map(|i| f64::from(weight(*i))).sum();
        let sum: f64 = taken.iter().map(|i| f64::from(weight(*i) * targets[*i])).sum();
        model.base = (sum / total.max(1e-9)) as f32;

        // (KᵀWK + ridge·L) a = KᵀWy, with L the likeness of landmarks among each other
        let mut likeness = likeness(&table, &landmarks.view(), model.gamma);
        let among = self::likeness(&landmarks.view(), &landmarks.view(), model.gamma);
        let mut right = Array2::<f64>::zeros((count, 1));
        for (row, i) in likeness.rows_mut().into_iter().zip(&taken) {
            let (mut row, root) = (row, weight(*i).sqrt());
            row *= root;
            let target = f64::from((targets[*i] - model.base) * root);
            for (sum, k) in right.iter_mut().zip(&row) {
                *sum += f64::from(*k) * target;
            }
        }
        let mut left = likeness.t().dot(&likeness).mapv(f64::from);
        left += &(among.mapv(f64::from) * settings.ridge);
        // likeness of near neighbours is nearly dependent, and sums of f32 have noise: the ridge grows until there is a solution
        let size = left.diag().mean().unwrap_or(1.0);
        let solution = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2].iter().find_map(|jitter| {
            let mut left = left.clone();
            left.diag_mut().mapv_inplace(|d| d + jitter * size);
            left.solvec_into(right.clone()).ok()
        })?;
        model.weights = solution.iter().map(|a| *a as f32).collect();
        model.landmarks = landmarks.iter().copied().collect();
        model.weights.iter().all(|w| w.is_finite()).then_some(model)
    }

    fn standardise(&self, row: &[f32], into: &mut Vec<f32>) {
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

    /// The answer for a row; `space` is overwritten, so that many rows need one allocation.
    pub fn predict(&self, row: &[f32], space: &mut Vec<f32>) -> f32 {
        space.clear();
        self.standardise(row, space);
        let mut answer = self.base;
        for (landmark, weight) in self.landmarks.chunks_exact(space.len().max(1)).zip(&self.weights) {
            answer += weight * (-self.gamma * squared_distance(landmark, space)).exp();
        }
        answer
    }

    /// Whether a regression that was read from a file fits rows with so many columns.
    pub fn is_sound(&self, columns: usize) -> bool {
        let width = self.columns.len();
        width > 0
            && self.mean.len() == width
            && self.scale.len() == width
            && self.landmarks.len() == width * self.weights.len()
            && self.columns.iter().all(|c| usize::from(*c) < columns)
            && self.gamma.is_finite()
            && self.base.is_finite()
            && [&self.mean, &self.scale, &self.landmarks, &self.weights]
                .iter()
                .all(|values| values.iter().all(|v| v.is_finite()))
    }
}

/// In eight sums, so that the compiler may add eight at once.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (whole_a, rest_a) = a.as_chunks::<8>();
    let (whole_b, rest_b) = b.as_chunks::<8>();
    for (a, b) in whole_a.iter().zip(whole_b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += (a - b) * (a - b);
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f32>() + rest
}

fn likeness(rows: &ArrayView2<f32>, landmarks: &ArrayView2<f32>, gamma: f32) -> Array2<f32> {
    let lengths = |table: &ArrayView2<f32>| -> Vec<f32> { table.rows().into_iter().map(|r| r.dot(&r)).collect() };
    let (of_rows, of_landmarks) = (lengths(rows), lengths(landmarks));
    let mut products = rows.dot(&landmarks.t());
    for (mut row, length) in products.rows_mut().into_iter().zip(of_rows) {
        for (value, other) in row.iter_mut().zip(&of_landmarks) {
            *value = (-gamma * (length + other - 2.0 * *value).max(0.0)).exp();
        }
    }
    products
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smooth_surface_is_learned_and_survives_writing() {
        let mut random = Seeded::new(1, 0);
        let truth = |x: f32, y: f32| x.sin() * 3.0 + y * y;
        let mut matrix = Matrix::new(3);
        let mut targets = Vec::new();
        for _ in 0..1500 {
            let (x, y) = (random.unit() as f32 * 4.0, random.unit() as f32 * 2.0);
            matrix.push(&[x, f32::NAN, y]);
            targets.push(truth(x, y));
        }
        let rows: Vec<usize> = (0..1500).collect();
        let settings = KernelSettings {
            landmarks: 150,
            reach: 0.5,
            ..KernelSettings::default()
        };
        let weights = vec![1.0; rows.len()];
        let model = KernelRidge::train(&matrix, &[0, 2], &rows, &targets, &weights, &settings).unwrap();
        let mut space = Vec::new();
        for (x, y) in [(1.0, 1.0), (2.0, 0.5), (3.0, 1.5)] {
            let told = model.predict(&[x, 0.0, y], &mut space);
            assert!((told - truth(x, y)).abs() < 0.2, "{x} {y}: {told}");
        }
        assert!(model.predict(&[f32::NAN; 3], &mut space).is_finite());
        let read: KernelRidge = postcard::from_bytes(&postcard::to_allocvec(&model).unwrap()).unwrap();
        assert!(read == model && read.is_sound(3) && !read.is_sound(2));
    }

    #[test]
    fn nothing_to_learn_from_is_no_model() {
        let matrix = Matrix::new(2);
        let settings = KernelSettings::default();
        assert!(KernelRidge::train(&matrix, &[0], &[], &[], &[], &settings).is_none());
    }
}
