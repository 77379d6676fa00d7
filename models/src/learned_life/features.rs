//! What one unit has shown so far, as numbers of equal length at any age: levels on several scales, their drift from the
//! unit's own beginning, slopes, spread, age.

use super::conditions::Conditions;
use super::slow::Slow;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Most rows of a window, so that a unit's memory has a limit.
const LONGEST_WINDOW: usize = 512;
/// Features of each metric, in the order of [`UnitState::features`].
pub const PER_METRIC: usize = 12;
/// Of these, those that are smooth enough for likeness: all but the last value and the mean of the short window.
pub const SMOOTH: [usize; 8] = [2, 3, 4, 5, 6, 7, 8, 10];

/// Lengths of windows, in rows. Shares of the usual life, so that they fit a machine that reports hourly for years as well as
/// one that reports each flight for months.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    short: u16,
    mid: u16,
    long: u16,
}

impl Windows {
    /// 5 %, 15 % and 30 % of the usual life in rows.
    pub fn of_life(rows: usize) -> Windows {
        let share = |percent: usize, least: usize| (rows * percent).div_ceil(100).clamp(least, LONGEST_WINDOW) as u16;
        Windows {
            short: share(5, 3),
            mid: share(15, 5),
            long: share(30, 8),
        }
    }

    /// The short window, in rows.
    pub(super) fn short(self) -> usize {
        usize::from(self.short)
    }

    /// Whether windows that were read from a file are possible.
    pub fn is_sound(self) -> bool {
        let [short, mid, long] = [self.short, self.mid, self.long].map(usize::from);
        0 < short && short <= mid && mid <= long && long <= LONGEST_WINDOW
    }
}

/// How a row becomes numbers of equal meaning: what is looked at, against which condition, and along which directions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct View {
    pub(super) conditions: Conditions,
    /// Metrics that move.
    pub(super) metrics: Vec<u16>,
    pub(super) slow: Slow,
    pub(super) windows: Windows,
}

impl View {
    /// Metrics and directions.
    pub(super) fn width(&self) -> usize {
        self.metrics.len() + self.slow.count()
    }

    /// Numbers of [`UnitState::features`].
    pub(super) fn features(&self) -> usize {
        self.width() * PER_METRIC + 1
    }

    /// Whether a view that was read from a file hangs together.
    pub(super) fn is_sound(&self) -> bool {
        self.conditions.is_sound()
            && self.windows.is_sound()
            && !self.metrics.is_empty()
            && self.metrics.iter().all(|m| usize::from(*m) < self.conditions.metrics())
            && self.slow.is_sound(self.metrics.len())
    }
}

/// The recent past of one unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitState {
    windows: Windows,
    began: Option<f64>,
    rows: usize,
    age: f64,
    recent: VecDeque<Vec<f32>>,
    /// Exponential means over short, mid and twice the long window, and what weight they have gathered.
    levels: [Vec<f64>; 3],
    gathered: [f64; 3],
    /// Means of the first short and mid windows, and of all rows.
    beginnings: [Vec<f64>; 2],
    all: Vec<f64>,
    last: Vec<f32>,
}

impl UnitState {
    /// A unit that has not been seen.
    pub fn new(view: &View) -> UnitState {
        let zeros = || vec![0.0; view.width()];
        UnitState {
            windows: view.windows,
            began: None,
            rows: 0,
            age: 0.0,
            recent: VecDeque::new(),
            levels: [zeros(), zeros(), zeros()],
            gathered: [0.0; 3],
            beginnings: [zeros(), zeros()],
            all: zeros(),
            last: vec![0.0; view.width()],
        }
    }

    /// Takes the next row in: raw metrics and settings, and the time in the unit of the training data.
    pub fn take(&mut self, time: f64, row: &[f32], view: &View) {
        self.age = time - *self.began.get_or_insert(time);
        let mut values = Vec::with_capacity(view.width());
        view.conditions.standardise(row, &view.metrics, &mut values);
        for (value, last) in values.iter_mut().zip(&self.last) {
            // a metric that is missing stays where it was
            if !value.is_finite() {
                *value = *last;
            }
        }
        view.slow.extend(&mut values);
        self.last.copy_from_slice(&values);
        self.rows += 1;
        let [short, mid, long] = [self.windows.short, self.windows.mid, self.windows.long].map(usize::from);
        for ((level, gathered), window) in self
            .levels
            .iter_mut()
            .zip(&mut self.gathered)
            .zip([short, mid, 2 * long])
        {
            // the exponential mean with the same centre of gravity as a window
            let share = 2.0 / (window as f64 + 1.0);
            *gathered += share * (1.0 - *gathered);
            let step = share / *gathered;
            level
                .iter_mut()
                .zip(&values)
                .for_each(|(level, value)| *level += step * (f64::from(*value) - *level));
        }
        let mean = |sums: &mut Vec<f64>, count: usize| {
            sums.iter_mut()
                .zip(&values)
                .for_each(|(mean, value)| *mean += (f64::from(*value) - *mean) / count as f64);
        };
        for (beginning, window) in self.beginnings.iter_mut().zip([short, mid]) {
            if self.rows <= window {
                mean(beginning, self.rows);
            }
        }
        mean(&mut self.all, self.rows);
        if self.recent.len() == long {
            self.recent.pop_front();
        }
        self.recent.push_back(values);
    }

    /// Whether a state that was read from a checkpoint is one of a unit under this view.
    pub(super) fn fits(&self, view: &View) -> bool {
        let width = view.width();
        self.windows == view.windows
            && self.recent.len() <= usize::from(self.windows.long)
            && self.recent.iter().all(|row| row.len() == width)
            && self.levels.iter().chain(&self.beginnings).all(|row| row.len() == width)
            && self.all.len() == width
            && self.last.len() == width
    }

    /// Rows taken.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Writes [`PER_METRIC`] numbers for each metric, then the age.
    pub fn features(&self, into: &mut Vec<f32>) {
        into.clear();
        let [short, mid, long] = [self.windows.short, self.windows.mid, self.windows.long].map(usize::from);
        for metric in 0..self.last.len() {
            let levels = [0, 1, 2].map(|i| self.levels[i][metric]);
            let (of_short, _, _) = self.window(metric, short);
            let (_, spread, slope_mid) = self.window(metric, mid);
            let (_, _, slope_long) = self.window(metric, long);
            into.extend(
                [
                    f64::from(self.last[metric]),
                    of_short,
                    levels[0],
                    levels[1],
                    levels[2],
                    levels[0] - levels[2],
                    spread,
                    slope_mid,
                    slope_long,
                    of_short - self.beginnings[0][metric],
                    levels[1] - self.beginnings[1][metric],
                    self.all[metric],
                ]
                .map(|v| v as f32),
            );
        }
        into.push(self.age as f32);
    }

    /// Mean, standard deviation and slope (per window) of the last rows of a metric.
    fn window(&self, metric: usize, length: usize) -> (f64, f64, f64) {
        let count = length.min(self.recent.len());
        if count == 0 {
            return (0.0, 0.0, 0.0);
        }
        let n = count as f64;
        let (mut sum, mut squares, mut moments) = (0.0, 0.0, 0.0);
        for (place, values) in self.recent.range(self.recent.len() - count..).enumerate() {
            let value = f64::from(values[metric]);
            sum += value;
            squares += value * value;
            moments += value * (place as f64 - (n - 1.0) / 2.0);
        }
        let mean = sum / n;
        let spread = (squares / n - mean * mean).max(0.0).sqrt();
        // two rows have a slope of noise
        let slope = if count > 2 {
            moments * 12.0 / (n * (n * n - 1.0)) * length as f64
        } else {
            0.0
        };
        (mean, spread, slope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::Matrix;

    fn ramp() -> (View, Matrix) {
        let mut matrix = Matrix::new(1);
        (0..100).for_each(|i| matrix.push(&[i as f32]));
        let view = View {
            conditions: Conditions::find(&matrix, 1),
            metrics: vec![0],
            slow: Slow::default(),
            windows: Windows::of_life(100),
        };
        (view, matrix)
    }

    fn features(state: &UnitState) -> Vec<f32> {
        let mut out = Vec::new();
        state.features(&mut out);
        out
    }

    #[test]
    fn a_ramp_has_its_slope_and_a_level_behind_it() {
        let (view, matrix) = ramp();
        let mut state = UnitState::new(&view);
        (0..100).for_each(|i| state.take(10.0 + i as f64, matrix.row(i), &view));
        let found = features(&state);
        assert_eq!(found.len(), PER_METRIC + 1);
        // one standard deviation of 0..100 is 28.87
        let step = 1.0 / 28.866;
        assert!(
            (found[7] - 15.0 * step).abs() < 1e-3 && (found[8] - 30.0 * step).abs() < 1e-3,
            "{found:?}"
        );
        assert!(
            (found[1] - found[0] + 2.0 * step).abs() < 1e-3,
            "the mean of five lags by two"
        );
        assert!(found[4] < found[3] && found[3] < found[2] && found[2] < found[0]);
        assert_eq!(found[PER_METRIC], 99.0);
    }

    #[test]
    fn a_missing_value_stays_where_it_was_and_one_row_is_enough() {
        let (view, matrix) = ramp();
        let mut state = UnitState::new(&view);
        assert!(features(&state).iter().all(|v| *v == 0.0));
        state.take(5.0, matrix.row(60), &view);
        let one = features(&state);
        state.take(6.0, &[f32::NAN], &view);
        let two = features(&state);
        assert!(two.iter().all(|v| v.is_finite()));
        assert_eq!((one[0], two[0]), (two[0], one[0]));
    }
}
