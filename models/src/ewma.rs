//! Exponentially weighted mean and variance with a fixed z limit; values that it calls unusual are not learned.

use serde::{Deserialize, Serialize};

/// Keeps a constant series from dividing by nothing.
const VARIANCE_FLOOR: f64 = 1e-12;

/// What the profile says.
#[derive(Debug, Clone, Copy)]
pub struct EwmaSettings {
    /// Weight of the newest value.
    pub alpha: f64,
    /// Standard deviations.
    pub z_limit: f64,
    /// Readings before it may speak.
    pub warm_up: u32,
}

/// Mean and variance of one series.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Ewma {
    mean: f64,
    variance: f64,
    readings: u32,
}

impl Ewma {
    /// Judges one value and learns it unless it is unusual. Says whether it is.
    #[inline]
    pub fn step(&mut self, value: f64, settings: EwmaSettings) -> bool {
        if self.readings == 0 {
            self.mean = value;
        }
        let is_unusual = self.readings >= settings.warm_up && self.z(value).abs() > settings.z_limit;
        if !is_unusual {
            let d = value - self.mean;
            let step = settings.alpha * d;
            self.mean += step;
            self.variance = (1.0 - settings.alpha) * (self.variance + d * step);
        }
        self.readings = self.readings.saturating_add(1);
        is_unusual
    }

    #[inline]
    fn z(&self, value: f64) -> f64 {
        (value - self.mean) / (self.variance + VARIANCE_FLOOR).sqrt()
    }

    /// The expected range.
    pub fn expected(&self, z_limit: f64) -> (f64, f64) {
        let reach = z_limit * (self.variance + VARIANCE_FLOOR).sqrt();
        (self.mean - reach, self.mean + reach)
    }

    /// How unusual a value is, 0 to 1; 0.5 at the limit.
    pub fn score(&self, value: f64, z_limit: f64) -> f64 {
        let z = self.z(value).abs();
        if z.is_finite() { z / (z + z_limit) } else { 1.0 }
    }

    /// How much of the learning before the first judgement is done, 0 to 1.
    pub fn learned_share(&self, warm_up: u32) -> f64 {
        (f64::from(self.readings) / f64::from(warm_up.max(1))).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: EwmaSettings = EwmaSettings {
        alpha: 0.05,
        z_limit: 6.0,
        warm_up: 30,
    };

    #[test]
    fn a_jump_speaks_until_it_goes_and_is_not_learned() {
        let mut ewma = Ewma::default();
        for i in 0..100 {
            assert!(!ewma.step(10.0 + f64::from(i % 3) * 0.1, SETTINGS));
        }
        let before = ewma;
        for _ in 0..1000 {
            assert!(ewma.step(18.0, SETTINGS));
        }
        assert_eq!(
            (ewma.mean, ewma.variance, ewma.readings),
            (before.mean, before.variance, 1100)
        );
        assert!(!ewma.step(10.1, SETTINGS));
    }

    #[test]
    fn nothing_is_said_before_the_warm_up_is_over() {
        let mut ewma = Ewma::default();
        let spoken: Vec<bool> = (0..32)
            .map(|i| ewma.step(if i == 29 || i == 31 { 1e6 } else { 1.0 }, SETTINGS))
            .collect();
        assert!(!spoken[29]);
    }
}
