//! How rarely a value was seen: minus the logarithm of its share in a histogram whose bins double when the range grows.
use serde::{Deserialize, Serialize};

/// Bins within the range; two more hold what lies below and above.
const BINS: usize = 64;
const BELOW: usize = 0;
const ABOVE: usize = BINS + 1;
/// What a bin is worth before anything was seen (Krichevsky and Trofimov: half a count).
const PRIOR: f64 = 0.5;
/// While fewer rows were seen, the range may double as often as a value needs; later once for each value, so that a spike costs one
/// doubling, not the resolution.
const SETTLED: f64 = 64.0;
/// Counts are divided when the weight of a new one passes this.
const RESCALE: f64 = 1e6;

/// Histogram of one metric with fading memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rarity {
    counts: Vec<f32>,
    low: f64,
    width: f64,
    total: f64,
    /// Weight of the next count: grows instead of the old counts fading.
    fresh: f64,
    first: Option<f64>,
}

impl Default for Rarity {
    fn default() -> Self {
        Self {
            counts: vec![0.0; BINS + 2],
            low: 0.0,
            width: 0.0,
            total: 0.0,
            fresh: 1.0,
            first: None,
        }
    }
}

impl Rarity {
    /// Whether its parts fit together.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.counts.len() == BINS + 2
    }

    /// Surprise at `x`, in nats. Neighbouring bins lend half their counts.
    #[must_use]
    pub fn surprise(&self, x: f64) -> f64 {
        let bin = self.bin(x);
        let count = |i: usize| f64::from(self.counts[i]) / self.fresh;
        let mut near = 0.0;
        if bin > 1 && bin <= BINS {
            near += count(bin - 1);
        }
        if (1..BINS).contains(&bin) {
            near += count(bin + 1);
        }
        let every = (BINS + 2) as f64;
        -((count(bin) + 0.5 * near + PRIOR) / (2.0 * self.total + PRIOR * every)).ln()
    }

    /// Learns a value.
    pub fn learn(&mut self, x: f64, memory_rows: f64) {
        let first = *self.first.get_or_insert(x);
        if self.width <= 0.0 && x != first {
            self.open(first, x);
        }
        if self.width > 0.0 {
            for _ in 0..if self.total < SETTLED { 8 } else { 1 } {
                match self.bin(x) {
                    BELOW => self.double(true),
                    1..=BINS => break,
                    ABOVE.. => self.double(false),
                }
            }
        }
        if self.total >= memory_rows {
            self.fresh /= 1.0 - 1.0 / memory_rows;
            self.total *= 1.0 - 1.0 / memory_rows;
            if self.fresh > RESCALE {
                let scale = 1.0 / self.fresh;
                self.counts.iter_mut().for_each(|c| *c = (f64::from(*c) * scale) as f32);
                self.fresh = 1.0;
            }
        }
        let bin = self.bin(x);
        self.counts[bin] += self.fresh as f32;
        self.total += 1.0;
    }

    fn bin(&self, x: f64) -> usize {
        if self.width <= 0.0 {
            return if self.first.is_none_or(|first| first == x) {
                1
            } else {
                ABOVE
            };
        }
        let b = ((x - self.low) / self.width).floor();
        if b < 0.0 {
            BELOW
        } else if b >= BINS as f64 {
            ABOVE
        } else {
            b as usize + 1
        }
    }

    /// The second value ever seen gives the first range: the first in the middle, eight bins between the two.
    fn open(&mut self, first: f64, x: f64) {
        let width = (x - first).abs() / 8.0;
        if !(width.is_finite() && width > 0.0) {
            return;
        }
        self.width = width;
        self.low = first - (BINS / 2) as f64 * width;
        let seen = self.counts[1];
        self.counts[1] = 0.0;
        self.counts[BINS / 2 + 1] = seen;
    }

    /// Doubles the range downwards or upwards by joining bins in pairs.
    fn double(&mut self, downwards: bool) {
        let range = self.width * BINS as f64;
        if !(range * 2.0).is_finite() || !(self.low - range).is_finite() {
            return;
        }
        let inner = &mut self.counts[1..=BINS];
        for i in 0..BINS / 2 {
            inner[i] = inner[2 * i] + inner[2 * i + 1];
        }
        inner[BINS / 2..].fill(0.0);
        if downwards {
            inner.rotate_right(BINS / 2);
            self.low -= range;
        }
        self.width *= 2.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(values: impl Iterator<Item = f64>) -> Rarity {
        let mut rarity = Rarity::default();
        values.for_each(|x| rarity.learn(x, 1e3));
        rarity
    }

    #[test]
    fn a_value_never_seen_surprises_more_than_a_usual_one() {
        let rarity = learned((0..1000).map(|i| f64::from(i % 7)));
        assert!(rarity.surprise(50.0) > rarity.surprise(3.0) + 3.0);
    }

    #[test]
    fn units_do_not_matter() {
        let a = learned((0..1000).map(|i| f64::from(i * i % 17)));
        let b = learned((0..1000).map(|i| 1024.0 * f64::from(i * i % 17) - 4096.0));
        assert_eq!(a.surprise(5.0), b.surprise(1024.0 * 5.0 - 4096.0));
    }

    #[test]
    fn a_new_state_becomes_usual() {
        let mut rarity = learned((0..1000).map(|_| 1.0));
        let at_first = rarity.surprise(2.0);
        (0..500).for_each(|_| rarity.learn(2.0, 1e3));
        assert!(rarity.surprise(2.0) < at_first - 3.0);
    }

    #[test]
    fn enormous_values_leave_it_finite() {
        let rarity = learned([1.0, 1e150, -1e150, 2.0, 1e-300].into_iter());
        assert!(rarity.surprise(1e150).is_finite() && rarity.surprise(0.0).is_finite());
    }
}
