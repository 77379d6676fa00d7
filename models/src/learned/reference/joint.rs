//! Predicts each metric from the row before and the short average of all metrics: a ridge regression, refitted now and then from running
//! sums, so that nothing winds up and a singular set of metrics does no harm. Its errors tell a departure from a slow drift: a metric
//! that wanders is predicted by its own last value, one that stands still by its mean.
use super::{linear, standing::Standing};
use serde::{Deserialize, Serialize};

/// Metrics predicted together at most: 14 KiB of state for each at this number.
pub const JOINT_MOST: usize = 128;
/// Ridge, in rows of standardised features.
const RIDGE: f64 = 10.0;
/// Share of the newest row in the short average.
const RECENT: f64 = 0.4;
/// Rows before the first fit.
const FIRST_FIT_ROWS: f64 = 16.0;
/// Rows of errors before they can be standardised.
const ERROR_ROWS: f64 = 8.0;
/// A value is learned as if within this many standard deviations of its mean, an error within `ERROR_REACH`.
const VALUE_REACH: f64 = 10.0;
const ERROR_REACH: f64 = 5.0;
/// Standardised errors are told within this.
const MOST: f64 = 8.0;
/// Sums are divided when the weight of a new row passes this.
const RESCALE: f64 = 1e6;

/// The shared predictor of up to [`JOINT_MOST`] metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Joint {
    width: usize,
    features: usize,
    channels: Vec<Channel>,
    /// Features of this row: 1, the row before, the short average before.
    feature: Vec<f64>,
    /// Sums of products of features, packed; and of each metric with the features.
    moments: Vec<f64>,
    cross: Vec<f64>,
    /// Weight of the next row in the sums: grows instead of the sums fading.
    fresh: f64,
    rows: f64,
    unfitted_rows: f64,
    /// Coefficients, one row for each metric; zero before the first fit.
    weights: Vec<f64>,
    centre: Vec<f64>,
    spread: Vec<f64>,
    scratch: Vec<f64>,
    is_fitted: bool,
    is_primed: bool,
}

/// One metric, counted from its first value in units of its first move: units of the device do not matter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Channel {
    origin: Option<f64>,
    unit: f64,
    last: f64,
    recent: f64,
    now: f64,
    guess: f64,
    usual: Standing,
    /// Mean square of the error, and the weight behind it.
    error_square: f64,
    error_rows: f64,
    residual: Option<f64>,
}

impl Channel {
    fn scaled(&mut self, x: f64) -> f64 {
        let origin = *self.origin.get_or_insert(x);
        let move_ = (x - origin).clamp(-1e200, 1e200);
        if self.unit == 0.0 {
            self.unit = move_.abs();
        }
        let v = if self.unit > 0.0 { move_ / self.unit } else { 0.0 };
        if self.usual.rows < 10.0 {
            return v.clamp(-1e6, 1e6);
        }
        let reach = (VALUE_REACH * self.usual.variance.sqrt()).max(1.0);
        v.clamp(self.usual.mean - reach, self.usual.mean + reach)
    }

    fn judge(&mut self, x: f64, is_judged: bool) {
        self.residual = None;
        if !x.is_finite() {
            self.now = self.guess;
            return;
        }
        self.now = self.scaled(x);
        if is_judged && self.error_rows >= ERROR_ROWS {
            let least = 1e-6 * self.usual.variance.sqrt() + 1e-9;
            self.residual = Some(((self.now - self.guess) / (self.error_square.sqrt() + least)).clamp(-MOST, MOST));
        }
    }

    fn learn_error(&mut self, weight: f64, memory_rows: f64) {
        let reach = if self.error_rows > 20.0 && self.error_square > 0.0 {
            ERROR_REACH * self.error_square.sqrt()
        } else {
            f64::INFINITY
        };
        let error = (self.now - self.guess).clamp(-reach, reach);
        self.error_rows = (self.error_rows + weight).min(memory_rows);
        self.error_square += (error * error - self.error_square) * (weight / self.error_rows).min(1.0);
    }
}

impl Joint {
    /// For rows of `width` metrics, at most [`JOINT_MOST`].
    #[must_use]
    pub fn new(width: usize) -> Self {
        let width = width.min(JOINT_MOST);
        let features = 2 * width + 1;
        Self {
            width,
            features,
            channels: vec![Channel::default(); width],
            feature: vec![0.0; features],
            moments: vec![0.0; linear::row(features)],
            cross: vec![0.0; width * features],
            fresh: 1.0,
            rows: 0.0,
            unfitted_rows: 0.0,
            weights: vec![0.0; width * features],
            centre: vec![0.0; features],
            spread: vec![0.0; features],
            scratch: vec![0.0; linear::row(features)],
            is_fitted: false,
            is_primed: false,
        }
    }

    /// Metrics predicted.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether its parts fit together.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let features = 2 * self.width + 1;
        let (packed, full) = (linear::row(features), self.width * features);
        let square = self.moments.len() == packed && self.scratch.len() == packed;
        let lines = self.cross.len() == full && self.weights.len() == full;
        let vectors = [&self.feature, &self.centre, &self.spread];
        self.width <= JOINT_MOST
            && self.features == features
            && self.channels.len() == self.width
            && square
            && lines
            && vectors.iter().all(|v| v.len() == features)
    }

    /// Whether a prediction exists.
    #[must_use]
    pub fn is_fitted(&self) -> bool {
        self.is_fitted
    }

    /// Judges a row (NaN: missing).
    pub fn judge(&mut self, row: &[f64]) {
        self.feature[0] = 1.0;
        for (j, channel) in self.channels.iter().enumerate() {
            self.feature[1 + j] = channel.last;
            self.feature[1 + self.width + j] = channel.recent;
        }
        let is_judged = self.is_fitted && self.is_primed;
        for (j, (channel, x)) in self.channels.iter_mut().zip(row).enumerate() {
            let weights = &self.weights[j * self.features..(j + 1) * self.features];
            channel.guess = if self.is_fitted {
                linear::product(weights, &self.feature)
            } else {
                channel.usual.mean
            };
            channel.judge(*x, is_judged);
        }
    }

    /// Prediction error of metric `j` in the last row, in its usual errors; none when missing or not yet known.
    #[must_use]
    pub fn residual(&self, j: usize) -> Option<f64> {
        self.channels.get(j).and_then(|channel| channel.residual)
    }

    /// Prediction of metric `j` for the last row and its usual error, in the unit of the metric.
    #[must_use]
    pub fn expected(&self, j: usize) -> Option<(f64, f64)> {
        let channel = self.channels.get(j)?;
        Some((
            channel.origin? + channel.unit * channel.guess,
            channel.unit * channel.error_square.sqrt(),
        ))
    }

    /// Takes the row just judged in, and learns it as `weight` of a row.
    pub fn accept(&mut self, weight: f64, memory_rows: f64) {
        if weight > 0.0 && self.is_primed {
            self.learn(weight, memory_rows);
        }
        let share = if self.is_primed { RECENT } else { 1.0 };
        for channel in &mut self.channels {
            channel.last = channel.now;
            channel.recent += share * (channel.now - channel.recent);
        }
        self.is_primed = true;
    }

    /// Forgets the row before, after a gap in time, but nothing that was learned.
    pub fn interrupt(&mut self) {
        self.is_primed = false;
    }

    fn learn(&mut self, weight: f64, memory_rows: f64) {
        if self.rows >= memory_rows {
            self.fade(1.0 - weight / memory_rows);
        }
        let fresh = weight * self.fresh;
        for i in 0..self.features {
            let scaled = self.feature[i] * fresh;
            let sums = &mut self.moments[linear::row(i)..linear::row(i) + i + 1];
            for (sum, feature) in sums.iter_mut().zip(&self.feature) {
                *sum += scaled * feature;
            }
        }
        for (channel, sums) in self.channels.iter_mut().zip(self.cross.chunks_exact_mut(self.features)) {
            let scaled = channel.now * fresh;
            for (sum, feature) in sums.iter_mut().zip(&self.feature) {
                *sum += scaled * feature;
            }
            channel.usual.learn(channel.now, weight, memory_rows);
            if self.is_fitted {
                channel.learn_error(weight, memory_rows);
            }
        }
        self.rows += weight;
        self.unfitted_rows += weight;
        // Half a row of work for each row: fits are rarer the wider the row and the longer the past.
        let due = (self.rows / 8.0).clamp(8.0, 512.0).max(self.width as f64 / 2.0);
        if self.unfitted_rows >= due && self.rows >= FIRST_FIT_ROWS {
            self.unfitted_rows = 0.0;
            self.fit();
        }
    }

    fn fade(&mut self, keep: f64) {
        self.fresh /= keep;
        self.rows *= keep;
        if self.fresh > RESCALE {
            let scale = 1.0 / self.fresh;
            self.moments
                .iter_mut()
                .chain(&mut self.cross)
                .for_each(|sum| *sum *= scale);
            self.fresh = 1.0;
        }
    }

    /// Ridge regression on standardised features; one without spread takes no part.
    fn fit(&mut self) {
        let total = self.moments[0];
        for i in 0..self.features {
            let mean = self.moments[linear::row(i)] / total;
            let variance = self.moments[linear::row(i) + i] / total - mean * mean;
            self.centre[i] = mean;
            self.spread[i] = if variance > 1e-10 * (1.0 + mean * mean) {
                variance.sqrt()
            } else {
                0.0
            };
        }
        let n = self.features - 1;
        let ridge = RIDGE * self.fresh / total;
        for i in 0..n {
            for j in 0..=i {
                let spread = self.spread[i + 1] * self.spread[j + 1];
                let covariance =
                    self.moments[linear::row(i + 1) + j + 1] / total - self.centre[i + 1] * self.centre[j + 1];
                let correlation = if spread > 0.0 { covariance / spread } else { 0.0 };
                self.scratch[linear::row(i) + j] = match (i == j, spread > 0.0) {
                    (true, true) => correlation + ridge,
                    (true, false) => 1.0,
                    (false, true | false) => correlation,
                };
            }
        }
        if !linear::factor(&mut self.scratch, n) {
            return;
        }
        for (weights, sums) in self
            .weights
            .chunks_exact_mut(self.features)
            .zip(self.cross.chunks_exact(self.features))
        {
            let mean = sums[0] / total;
            for i in 1..self.features {
                weights[i] = if self.spread[i] > 0.0 {
                    (sums[i] / total - mean * self.centre[i]) / self.spread[i]
                } else {
                    0.0
                };
            }
            linear::solve(&self.scratch, n, &mut weights[1..]);
            let mut constant = mean;
            for ((weight, spread), centre) in weights.iter_mut().zip(&self.spread).zip(&self.centre).skip(1) {
                *weight = if *spread > 0.0 { *weight / spread } else { 0.0 };
                constant -= *weight * centre;
            }
            weights[0] = constant;
        }
        self.is_fitted = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(joint: &mut Joint, rows: usize, make: impl Fn(usize) -> Vec<f64>) {
        for i in 0..rows {
            joint.judge(&make(i));
            joint.accept(1.0, 1e4);
        }
    }

    /// A triangle wave, and twice its last value.
    fn follows(i: usize) -> Vec<f64> {
        let wave = |i: usize| ((i * 7) % 23) as f64;
        vec![wave(i), 2.0 * wave(i.saturating_sub(1))]
    }

    #[test]
    fn a_metric_that_follows_another_is_foretold() {
        let mut joint = Joint::new(2);
        run(&mut joint, 1000, follows);
        joint.judge(&follows(1000));
        let (expected, _) = joint.expected(1).unwrap();
        assert!((expected - follows(1000)[1]).abs() < 0.5, "{expected}");
        let mut broken = follows(1000);
        broken[1] += 20.0;
        joint.judge(&broken);
        assert!(joint.residual(1).unwrap() > 5.0);
    }

    #[test]
    fn copies_constants_and_missing_values_do_no_harm() {
        let mut joint = Joint::new(4);
        run(&mut joint, 500, |i| {
            let x = follows(i)[0];
            vec![x, x, 3.0, if i % 3 == 0 { f64::NAN } else { x }]
        });
        joint.judge(&[1.0, 1.0, 3.0, 1.0]);
        assert!((0..4).all(|j| joint.residual(j).is_some_and(f64::is_finite)));
        joint.judge(&[1.0, 1.0, 4.0, 1.0]);
        assert_eq!(joint.residual(2), Some(MOST));
    }

    #[test]
    fn after_a_gap_the_next_row_is_not_judged() {
        let mut joint = Joint::new(2);
        run(&mut joint, 500, follows);
        joint.interrupt();
        joint.judge(&follows(900));
        assert_eq!(joint.residual(0), None);
    }
}
