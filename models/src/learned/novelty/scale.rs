//! Makes a series free of its unit: a fixed origin and scale, and a squashed copy in which a spike is only a little further
//! out. Both are pure arithmetic on running values.

use serde::{Deserialize, Serialize};

/// Largest distance from the origin, in scales: keeps sums of windows exact enough in f64 after a spike of 1e300.
const FARTHEST: f64 = 1e9;
/// Mean absolute deviations at which a reading's pull on centre and spread ends (Huber's clipping).
const CLIP: f64 = 3.0;
/// Rows before clipping starts.
const UNCLIPPED_ROWS: u32 = 10;
/// Memory of centre and spread once full.
const MEMORY_MS: f64 = 30.0 * 86_400_000.0;

/// The fixed origin and scale of a series: its first value, and the first distance from it that is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Unit {
    origin: Option<f64>,
    scale: Option<f64>,
}

impl Unit {
    /// The reading in scales from the origin.
    pub(super) fn step(&mut self, value: f64) -> f64 {
        let origin = *self.origin.get_or_insert(value);
        // halves, so that the difference of two huge values stays finite
        let half = value / 2.0 - origin / 2.0;
        if half == 0.0 {
            return 0.0;
        }
        let scale = *self.scale.get_or_insert(half.abs());
        (half / scale).clamp(-FARTHEST, FARTHEST)
    }

    /// A length in scales, in the unit of the series.
    pub(super) fn length(&self, z: f64) -> f64 {
        2.0 * z * self.scale.unwrap_or(0.0)
    }

    /// A distance in scales as a value of the series.
    pub(super) fn value(&self, z: f64) -> f64 {
        self.origin.unwrap_or(0.0) + 2.0 * z * self.scale.unwrap_or(0.0)
    }
}

/// Robust running centre and spread, and the inverse hyperbolic sine of the distance in spreads.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Squash {
    rows: u32,
    centre: f64,
    spread: f64,
    age_ms: f64,
}

impl Squash {
    /// Centre and mean absolute deviation from it, in scales.
    pub(super) fn usual(&self) -> (f64, f64) {
        (self.centre, self.spread)
    }

    /// Learns a reading and returns it squashed; 0 while all readings were equal.
    pub(super) fn step(&mut self, z: f64, elapsed_ms: i64) -> f64 {
        self.rows = self.rows.saturating_add(1);
        self.age_ms += elapsed_ms as f64;
        if self.rows == 1 {
            self.centre = z;
        }
        // plain means at first; later each reading weighs what its time weighs in the memory
        let share = (1.0 / f64::from(self.rows)).max((elapsed_ms as f64 / MEMORY_MS).min(0.01));
        let mut away = z - self.centre;
        if self.rows > UNCLIPPED_ROWS && self.spread > 0.0 {
            away = away.clamp(-CLIP * self.spread, CLIP * self.spread);
        }
        self.centre += share * away;
        self.spread += share * (away.abs() - self.spread);
        if self.spread > 0.0 {
            ((z - self.centre) / self.spread).asinh()
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_huge_value_stays_finite_and_comes_back() {
        let mut unit = Unit::default();
        unit.step(-1e308);
        assert!(unit.step(1e308).is_finite());
        assert_eq!(unit.value(0.0), -1e308);
    }

    #[test]
    fn equal_readings_are_squashed_to_zero() {
        let mut squash = Squash::default();
        assert!((0..50).all(|_| squash.step(0.0, 1000) == 0.0));
    }

    #[test]
    fn a_spike_hardly_moves_the_spread() {
        let mut squash = Squash::default();
        (0..100).for_each(|i| {
            squash.step(f64::from(i % 2), 1000);
        });
        let before = squash.spread;
        squash.step(1e9, 1000);
        assert!(squash.spread < before * 1.1);
    }
}
