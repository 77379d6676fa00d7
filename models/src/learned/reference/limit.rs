//! The alert limit of a statistic from its past: the maxima of blocks of rows follow a Gumbel distribution, whose tail is followed as far
//! as the false-alarm budget asks and as far as the length of the past can tell.
use super::standing::Standing;
use serde::{Deserialize, Serialize};

/// Rows in a block: about the smoothing of the statistics, so that the maxima of neighbouring blocks are nearly independent.
const BLOCK_ROWS: f64 = 32.0;
/// Blocks before there is a limit.
const LEAST_BLOCKS: f64 = 3.0;
/// Rows before there is a limit.
pub(super) const LEAST_ROWS: f64 = LEAST_BLOCKS * BLOCK_ROWS;
/// The tail is followed to this many times the length of the past. Beyond, the past tells nothing, and a longer budget only makes it deaf.
const HORIZON: f64 = 2.0;
/// Standard errors of the spread added to it: a spread from few blocks is easily too small.
const CAUTION: f64 = 2.0;
/// A maximum further out than this many deviations is learned as if it were there.
const HUBER: f64 = 3.0;
/// The later blocks count more, as if their number grew to this power: the model was better by then.
const GROWTH: f64 = 2.0;
/// Standard deviation of a Gumbel distribution to its scale: sqrt(6) / pi.
const SCALE: f64 = 0.779_697;
/// Euler and Mascheroni: mean of the Gumbel distribution, in scales above its mode.
const EULER: f64 = 0.577_216;

/// Block maxima of one statistic in normal operation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    maxima: Standing,
    blocks: f64,
    block_max: f64,
    block_rows: f64,
    rows: f64,
}

impl Limit {
    /// Learns a normal value as `weight` of a row.
    pub fn learn(&mut self, value: f64, weight: f64, memory_rows: f64) {
        self.block_max = if self.block_rows == 0.0 {
            value
        } else {
            self.block_max.max(value)
        };
        self.block_rows += 1.0;
        self.rows += weight;
        if self.block_rows < BLOCK_ROWS {
            return;
        }
        self.block_rows = 0.0;
        let reach = if self.maxima.rows >= 4.0 {
            self.maxima.mean + HUBER * self.maxima.variance.sqrt()
        } else {
            f64::INFINITY
        };
        let least = BLOCK_ROWS / memory_rows;
        let share = weight * (GROWTH / (self.blocks + GROWTH)).max(least);
        self.maxima.blend(self.block_max.min(reach), share);
        self.maxima.rows += weight;
        self.blocks += 1.0;
    }

    /// The limit that normal operation passes once in `budget_rows`, at least `least`; none while too little is known.
    #[must_use]
    pub fn value(&self, budget_rows: f64, least: f64) -> Option<f64> {
        let blocks = self.maxima.rows;
        if blocks < LEAST_BLOCKS {
            return None;
        }
        let scale = SCALE * (self.maxima.variance * blocks / (blocks - 1.0)).sqrt();
        let mode = self.maxima.mean - EULER * scale;
        let horizon = (self.rows * HORIZON).min(budget_rows) / BLOCK_ROWS;
        Some((mode + scale * (1.0 + CAUTION / blocks.sqrt()) * horizon.max(1.0).ln()).max(least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Uniform 0..1 from a linear congruence (Knuth).
    fn uniform(seed: &mut u64) -> f64 {
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 11) as f64 / (1u64 << 53) as f64
    }

    #[test]
    fn exponential_noise_passes_it_about_as_rarely_as_asked() {
        let (mut limit, mut seed) = (Limit::default(), 7);
        for _ in 0..20_000 {
            limit.learn(-uniform(&mut seed).max(1e-12).ln(), 1.0, 1e6);
        }
        let at = limit.value(10_000.0, 0.0).unwrap();
        // ln(10,000) = 9.2
        assert!((8.2..10.7).contains(&at), "{at}");
    }

    #[test]
    fn there_is_none_before_three_blocks() {
        let mut limit = Limit::default();
        (0..64).for_each(|_| limit.learn(1.0, 1.0, 1e3));
        assert_eq!(limit.value(1e6, 0.0), None);
    }
}
