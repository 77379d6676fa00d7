//! Running averages: the mean and variance of a number's past, and a short exponential average.
use serde::{Deserialize, Serialize};

/// Mean and variance with a bounded memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// Weight of what was learned, in rows.
    pub rows: f64,
    /// Mean, in the unit of the number.
    pub mean: f64,
    /// Variance, in the square of that unit.
    pub variance: f64,
}

impl Standing {
    /// Learns `x` as `weight` of a row; the past never weighs more than `memory_rows`.
    pub fn learn(&mut self, x: f64, weight: f64, memory_rows: f64) {
        self.rows = (self.rows + weight).min(memory_rows);
        self.blend(x, weight / self.rows);
    }

    /// Moves a `share` (0 to 1) of the way to `x`.
    pub fn blend(&mut self, x: f64, share: f64) {
        let share = share.min(1.0);
        let step = x - self.mean;
        self.mean += share * step;
        self.variance = (1.0 - share) * (self.variance + share * step * step);
    }

    /// Standard deviations above the mean. A twentieth of the mean is the least deviation, so that a number that hardly ever moved does
    /// not make a mountain of nothing.
    #[must_use]
    pub fn z(&self, x: f64) -> f64 {
        let least = 0.05 * self.mean;
        (x - self.mean) / (self.variance + least * least + 1e-9).sqrt()
    }
}

/// Exponential average over about `rows` rows; starts at the first number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Smooth {
    value: f64,
    is_started: bool,
}

impl Smooth {
    /// Takes `x` in and returns the average.
    pub fn step(&mut self, x: f64, rows: f64) -> f64 {
        if self.is_started {
            self.value += (x - self.value) / rows;
        } else {
            self.value = x;
            self.is_started = true;
        }
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_variance_of_a_short_past_are_exact() {
        let mut past = Standing::default();
        for x in [1.0, 2.0, 3.0, 4.0] {
            past.learn(x, 1.0, 1e9);
        }
        assert!((past.mean - 2.5).abs() < 1e-12 && (past.variance - 1.25).abs() < 1e-12);
    }

    #[test]
    fn a_bounded_memory_follows_a_new_level() {
        let mut past = Standing::default();
        for _ in 0..1000 {
            past.learn(0.0, 1.0, 50.0);
        }
        for _ in 0..500 {
            past.learn(1.0, 1.0, 50.0);
        }
        assert!(past.mean > 0.99);
    }
}
