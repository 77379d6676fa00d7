//! How far a value is from the mean of the past, in standard deviations of the past.
use super::standing::Standing;
use serde::{Deserialize, Serialize};

/// Most standard deviations told: beyond them there is nothing left to say.
const MOST: f64 = 1e3;
/// A value further out is learned as if it were here, so that one spike cannot widen the past beyond use.
const LEARNED: f64 = 30.0;

/// Mean and spread of one metric.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Level {
    past: Standing,
}

impl Level {
    /// Signed deviation of `x` in standard deviations, within +-1000; a first move off a constant is 1000.
    #[must_use]
    pub fn deviation(&self, x: f64) -> f64 {
        let step = x - self.past.mean;
        if self.past.rows < 1.0 || step == 0.0 {
            return 0.0;
        }
        let spread = self.past.variance.sqrt().max(1e-12 * self.past.mean.abs());
        if spread > 0.0 {
            (step / spread).clamp(-MOST, MOST)
        } else {
            MOST.copysign(step)
        }
    }

    /// Learns a value.
    pub fn learn(&mut self, x: f64, memory_rows: f64) {
        let reach = LEARNED * self.past.variance.sqrt();
        let x = if reach > 0.0 && self.past.rows > 10.0 {
            x.clamp(self.past.mean - reach, self.past.mean + reach)
        } else {
            x
        };
        self.past.learn(x, 1.0, memory_rows);
    }

    /// Mean of the past, in the unit of the metric.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.past.mean
    }

    /// Standard deviation of the past, in the unit of the metric.
    #[must_use]
    pub fn spread(&self) -> f64 {
        self.past.variance.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_off_a_constant_is_as_far_as_can_be_told() {
        let mut level = Level::default();
        for _ in 0..100 {
            level.learn(5.0, 1e3);
        }
        assert_eq!(level.deviation(5.0), 0.0);
        assert_eq!(level.deviation(4.9), -MOST);
    }

    #[test]
    fn a_spike_does_not_blind_it() {
        let mut level = Level::default();
        for i in 0..1000 {
            level.learn(f64::from(i % 10), 1e3);
        }
        level.learn(1e300, 1e3);
        assert!(level.deviation(40.0) > 5.0);
    }
}
