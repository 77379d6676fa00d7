//! Operating conditions, found from the setting columns: a machine at another load is not a worn one, so each condition has
//! its own mean and spread of every metric.

use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};

/// Most conditions that are looked for.
const MOST: usize = 12;
/// Settings fall into separate conditions only if so little of their variance remains within them: less than cutting an even
/// spread into [`MOST`] pieces would leave (1/144).
const LEAST_LEFT: f64 = 0.002;
/// Rows that clusters are found on.
const MOST_ROWS: usize = 5_000;
const ROUNDS: usize = 30;
/// Fewer rows of a condition do not tell its spread; it is then taken from all rows.
const LEAST_ROWS: usize = 20;
/// A metric that moves less than this share of its size stands still.
const LEAST_SPREAD: f64 = 1e-6;

/// Mean and one over the standard deviation of each metric; the scale is 0 where it stands still.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Norm {
    mean: Vec<f32>,
    scale: Vec<f32>,
}

/// The conditions of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Mean and one over the standard deviation of each setting column.
    settings: Norm,
    /// Centres, in standardised settings; none if there is one condition only.
    centres: Vec<Vec<f32>>,
    norms: Vec<Norm>,
}

fn norm(matrix: &Matrix, rows: &[usize], columns: std::ops::Range<usize>) -> Norm {
    let (mut means, mut scales) = (Vec::new(), Vec::new());
    for column in columns {
        let values = || {
            let all = rows.iter().map(|row| f64::from(matrix.row(*row)[column]));
            all.filter(|v| v.is_finite())
        };
        let count = values().count().max(1) as f64;
        let mean = values().sum::<f64>() / count;
        let deviation = (values().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
        means.push(mean as f32);
        let is_still = deviation <= LEAST_SPREAD * mean.abs().max(1.0);
        scales.push(if is_still { 0.0 } else { (1.0 / deviation) as f32 });
    }
    Norm {
        mean: means,
        scale: scales,
    }
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn nearest(point: &[f32], centres: &[Vec<f32>]) -> (usize, f32) {
    let distances = centres.iter().map(|centre| distance(point, centre)).enumerate();
    distances.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
}

/// Lloyd's k-means from farthest points, which finds clusters that lie apart without a draw. Returns what is left within.
fn improve(points: &[Vec<f32>], centres: &mut [Vec<f32>]) -> f64 {
    for _ in 0..ROUNDS {
        let mut sums: Vec<(Vec<f64>, f64)> = centres.iter().map(|c| (vec![0.0; c.len()], 0.0)).collect();
        for point in points {
            let (sum, count) = &mut sums[nearest(point, centres).0];
            *count += 1.0;
            sum.iter_mut().zip(point).for_each(|(s, p)| *s += f64::from(*p));
        }
        for (centre, (sum, count)) in centres.iter_mut().zip(sums) {
            if count > 0.0 {
                *centre = sum.iter().map(|s| (s / count) as f32).collect();
            }
        }
    }
    points.iter().map(|p| f64::from(nearest(p, centres).1)).sum()
}

fn clusters(points: &[Vec<f32>]) -> Vec<Vec<f32>> {
    let Some(first) = points.first() else {
        return Vec::new();
    };
    let mut centres = vec![vec![0.0; first.len()]];
    let all = improve(points, &mut centres);
    while centres.len() < MOST && all > 0.0 {
        let reach = |point: &Vec<f32>| nearest(point, &centres).1;
        let Some(farthest) = points.iter().max_by(|a, b| reach(a).total_cmp(&reach(b))) else {
            break;
        };
        centres.push(farthest.clone());
        if improve(points, &mut centres) <= LEAST_LEFT * all {
            return centres;
        }
    }
    // a cloud, not clusters
    Vec::new()
}

impl Conditions {
    /// Finds them in rows of `metrics` metric columns followed by setting columns.
    pub fn find(matrix: &Matrix, metrics: usize) -> Conditions {
        let rows: Vec<usize> = (0..matrix.rows()).collect();
        let mut found = Conditions {
            settings: norm(matrix, &rows, metrics..matrix.columns()),
            centres: Vec::new(),
            norms: vec![norm(matrix, &rows, 0..metrics)],
        };
        let step = rows.len().div_ceil(MOST_ROWS).max(1);
        let points: Vec<Vec<f32>> = rows
            .iter()
            .step_by(step)
            .map(|r| found.place(&matrix.row(*r)[metrics..]))
            .collect();
        let centres = match found.settings.scale.iter().any(|s| *s > 0.0) {
            true => clusters(&points),
            false => Vec::new(),
        };
        if centres.len() > 1 {
            let mut members = vec![Vec::new(); centres.len()];
            for row in rows {
                let point = found.place(&matrix.row(row)[metrics..]);
                members[nearest(&point, &centres).0].push(row);
            }
            let of_all = found.norms.swap_remove(0);
            let each = members.iter().map(|rows| match rows.len() < LEAST_ROWS {
                true => of_all.clone(),
                false => norm(matrix, rows, 0..metrics),
            });
            found.norms = each.collect();
            found.centres = centres;
        }
        found
    }

    fn place(&self, settings: &[f32]) -> Vec<f32> {
        let parts = settings.iter().zip(&self.settings.mean).zip(&self.settings.scale);
        let standardised = parts.map(|((v, mean), scale)| (v - mean) * scale);
        standardised.map(|v| if v.is_finite() { v } else { 0.0 }).collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.norms.len()
    }

    /// How many metrics.
    pub fn metrics(&self) -> usize {
        self.norms.first().map_or(0, |norm| norm.mean.len())
    }

    /// How many setting columns.
    pub fn settings(&self) -> usize {
        self.settings.mean.len()
    }

    /// Metrics that move in any condition.
    pub fn moving(&self) -> Vec<usize> {
        let moves = |metric: &usize| self.norms.iter().any(|norm| norm.scale[*metric] > 0.0);
        (0..self.metrics()).filter(moves).collect()
    }

    /// One metric of a row against its condition: 0 is the mean, 1 a standard deviation above; NaN stays NaN.
    pub fn standardise(&self, row: &[f32], metrics: &[u16], into: &mut Vec<f32>) {
        let condition = match self.centres.is_empty() {
            true => 0,
            false => nearest(&self.place(&row[self.metrics()..]), &self.centres).0,
        };
        let norm = &self.norms[condition];
        into.clear();
        into.extend(metrics.iter().map(|metric| {
            let metric = usize::from(*metric);
            (row[metric] - norm.mean[metric]) * norm.scale[metric]
        }));
    }

    /// Whether conditions that were read from a file hang together.
    pub fn is_sound(&self) -> bool {
        let (metrics, settings) = (self.metrics(), self.settings());
        let is_norm_sound = |norm: &Norm, width: usize| {
            norm.mean.len() == width
                && norm.scale.len() == width
                && norm.mean.iter().chain(&norm.scale).all(|v| v.is_finite())
        };
        is_norm_sound(&self.settings, settings)
            && self.norms.len() == self.centres.len().max(1)
            && self.norms.iter().all(|norm| is_norm_sound(norm, metrics))
            && self
                .centres
                .iter()
                .all(|c| c.len() == settings && c.iter().all(|v| v.is_finite()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::Seeded;

    /// One metric, two settings that stand at so many places.
    fn fleet(places: usize, jitter: f32) -> Matrix {
        let mut random = Seeded::new(2, 0);
        let mut matrix = Matrix::new(3);
        for _ in 0..2000 {
            let place = random.below(places) as f32;
            let noise = (random.unit() as f32 - 0.5) * jitter;
            let metric = place * 100.0 + random.unit() as f32;
            matrix.push(&[metric, place * 10.0 + noise, 0.25 * (place % 3.0)]);
        }
        matrix
    }

    #[test]
    fn settings_that_stand_apart_are_conditions() {
        let matrix = fleet(6, 0.02);
        let conditions = Conditions::find(&matrix, 1);
        assert_eq!(conditions.count(), 6);
        let mut out = Vec::new();
        for row in 0..100 {
            conditions.standardise(matrix.row(row), &[0], &mut out);
            assert!(out[0].abs() < 2.0, "{out:?}");
        }
        assert!(conditions.is_sound());
    }

    #[test]
    fn noise_around_one_setting_is_one_condition() {
        assert_eq!(Conditions::find(&fleet(1, 1.0), 1).count(), 1);
        assert_eq!(Conditions::find(&Matrix::new(2), 1).count(), 1);
    }

    #[test]
    fn a_metric_that_stands_still_is_left_out() {
        let mut matrix = Matrix::new(2);
        (0..50).for_each(|i| matrix.push(&[518.67, i as f32]));
        assert_eq!(Conditions::find(&matrix, 2).moving(), [1]);
    }
}
