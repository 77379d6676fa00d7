//! From a point to a band: how far predictions on units that were held back lay from the truth, around each predicted value
//! (split conformal prediction with the residuals' neighbourhood; Papadopoulos 2002, Lei et al. 2018).

use serde::{Deserialize, Serialize};

/// Places at which the residuals are summed up.
const KNOTS: usize = 13;
/// Share of the residuals that speak at each of them.
const SHARE: f64 = 0.15;

/// Residuals, truth minus prediction, around a predicted value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Knot {
    at: f32,
    p10: f32,
    point: f32,
    p90: f32,
}

/// The spread of the truth by predicted value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band(Vec<Knot>);

/// One held-back prediction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldBack {
    /// What was predicted.
    pub predicted: f32,
    /// What came.
    pub truth: f32,
    /// The same, cut where a unit counts as simply healthy; the point estimate goes by this.
    pub capped: f32,
    /// How much it counts.
    pub weight: f32,
}

/// The quantile of weighted values, which are ascending.
fn weighted_quantile(sorted: &[(f32, f32)], q: f32) -> f32 {
    let total: f32 = sorted.iter().map(|(_, weight)| weight).sum();
    let mut passed = 0.0;
    for (value, weight) in sorted {
        passed += weight;
        if passed >= q * total {
            return *value;
        }
    }
    sorted.last().map_or(0.0, |(value, _)| *value)
}

impl Band {
    /// Learns the spread. `point` is the quantile of the truth that the point estimate is to be: below one half is cautious.
    pub fn learn(held_back: &[HeldBack], point: f32) -> Band {
        let mut sorted: Vec<HeldBack> = held_back.iter().copied().filter(|h| h.weight > 0.0).collect();
        sorted.sort_by(|a, b| a.predicted.total_cmp(&b.predicted));
        if sorted.is_empty() {
            return Band(Vec::new());
        }
        let around = ((sorted.len() as f64 * SHARE) as usize).clamp(1, sorted.len());
        let knot = |k: usize| {
            let middle = k * (sorted.len() - 1) / (KNOTS - 1);
            let start = middle.saturating_sub(around / 2).min(sorted.len() - around);
            let near = &sorted[start..start + around];
            let mut residuals: Vec<(f32, f32)> = near.iter().map(|h| (h.truth - h.predicted, h.weight)).collect();
            residuals.sort_by(|a, b| a.0.total_cmp(&b.0));
            let mut capped: Vec<(f32, f32)> = near.iter().map(|h| (h.capped - h.predicted, h.weight)).collect();
            capped.sort_by(|a, b| a.0.total_cmp(&b.0));
            let total: f32 = near.iter().map(|h| h.weight).sum();
            let at = near.iter().map(|h| h.predicted * h.weight).sum::<f32>() / total.max(1e-9);
            Knot {
                at,
                p10: weighted_quantile(&residuals, 0.1),
                point: weighted_quantile(&capped, point),
                p90: weighted_quantile(&residuals, 0.9),
            }
        };
        let mut knots: Vec<Knot> = (0..KNOTS).map(knot).collect();
        knots.dedup_by(|b, a| b.at - a.at < 1e-3);
        Band(knots)
    }

    /// The residuals at a predicted value: p10, point, p90.
    pub fn residuals(&self, predicted: f32) -> (f32, f32, f32) {
        let (Some(first), Some(last)) = (self.0.first(), self.0.last()) else {
            return (0.0, 0.0, 0.0);
        };
        let next = self.0.partition_point(|knot| knot.at < predicted);
        let (low, high) = match (next.checked_sub(1).and_then(|i| self.0.get(i)), self.0.get(next)) {
            (Some(low), Some(high)) => (low, high),
            (None, _) => (first, first),
            (_, None) => (last, last),
        };
        let span = high.at - low.at;
        let share = if span > 0.0 { (predicted - low.at) / span } else { 0.0 };
        let mix = |a: f32, b: f32| a + share * (b - a);
        (
            mix(low.p10, high.p10),
            mix(low.point, high.point),
            mix(low.p90, high.p90),
        )
    }

    /// Whether a band that was read from a file can be used.
    pub fn is_sound(&self) -> bool {
        self.0.len() <= KNOTS
            && self
                .0
                .iter()
                .all(|k| [k.at, k.p10, k.point, k.p90].iter().all(|v| v.is_finite()))
            && self.0.windows(2).all(|pair| pair[0].at < pair[1].at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::Seeded;

    #[test]
    fn the_band_holds_eight_tenths_wherever_the_spread_differs() {
        let mut random = Seeded::new(4, 0);
        let mut draw = |count: usize| -> Vec<HeldBack> {
            let mut one = || {
                let predicted = random.unit() as f32 * 100.0;
                let noise = (random.unit() + random.unit() + random.unit() - 1.5) as f32;
                let truth = predicted + 2.0 + noise * predicted * 0.3;
                HeldBack {
                    predicted,
                    truth,
                    capped: truth,
                    weight: 1.0,
                }
            };
            (0..count).map(|_| one()).collect()
        };
        let band = Band::learn(&draw(5000), 0.5);
        assert!(band.is_sound());
        for (from, to) in [(15.0, 40.0), (40.0, 70.0), (70.0, 100.0)] {
            let fresh: Vec<HeldBack> = draw(9000)
                .into_iter()
                .filter(|h| h.predicted >= from && h.predicted < to)
                .collect();
            let held = fresh.iter().filter(|h| {
                let (low, _, high) = band.residuals(h.predicted);
                h.truth >= h.predicted + low && h.truth <= h.predicted + high
            });
            let share = held.count() as f64 / fresh.len() as f64;
            assert!((0.74..0.86).contains(&share), "{from}: {share}");
        }
        let (_, point, _) = band.residuals(50.0);
        assert!((point - 2.0).abs() < 1.5, "{point}");
    }

    #[test]
    fn without_held_back_units_there_is_no_spread() {
        assert_eq!(Band::learn(&[], 0.5).residuals(3.0), (0.0, 0.0, 0.0));
    }
}
