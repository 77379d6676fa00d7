//! From a point to a band: how far predictions on units that were held back lay from the truth, around each predicted value
//! (split conformal prediction with the residuals' neighbourhood; Papadopoulos 2002, Lei et al. 2018).

use serde::{Deserialize, Serialize};

/// Places at which the point is found.
const POINTS: usize = 13;
/// Share of the residuals that speak at each of them.
const SHARE: f64 = 0.15;
/// Most bins of predicted values, each with an 80 % band of its own. With 30 held-back units were within the band of the others in
/// each region of the predicted life alike; with 13 the band was too wide at both ends.
const BINS: usize = 30;
/// Fewer residuals tell no tenth: bins are fewer then.
const LEAST_RESIDUALS: usize = 200;
/// Places are at least so far apart.
const LEAST_APART: f32 = 1e-3;

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

/// The middle of a neighbourhood of predictions, by weight.
fn middle(near: &[HeldBack]) -> f32 {
    let total: f32 = near.iter().map(|h| h.weight).sum();
    near.iter().map(|h| h.predicted * h.weight).sum::<f32>() / total.max(1e-9)
}

/// Residuals of the truth, by weight, ascending.
fn residuals(near: &[HeldBack], truth: impl Fn(&HeldBack) -> f32) -> Vec<(f32, f32)> {
    let mut residuals: Vec<(f32, f32)> = near.iter().map(|h| (truth(h) - h.predicted, h.weight)).collect();
    residuals.sort_by(|a, b| a.0.total_cmp(&b.0));
    residuals
}

/// Where the point lies, around places that as many predictions lie between.
fn points(sorted: &[HeldBack], quantile: f32) -> Vec<(f32, f32)> {
    let around = ((sorted.len() as f64 * SHARE) as usize).clamp(1, sorted.len());
    let point = |k: usize| {
        let place = k * (sorted.len() - 1) / (POINTS - 1);
        let start = place.saturating_sub(around / 2).min(sorted.len() - around);
        let near = &sorted[start..start + around];
        (
            middle(near),
            weighted_quantile(&residuals(near, |h| h.capped), quantile),
        )
    };
    let mut points: Vec<(f32, f32)> = (0..POINTS).map(point).collect();
    points.dedup_by(|b, a| b.0 - a.0 < LEAST_APART);
    points
}

/// A bin of predictions and its residuals' tenths.
struct Bin {
    at: f32,
    p10: f32,
    p90: f32,
}

/// The band by bins of the prediction (Mondrian conformal prediction; Vovk et al. 2005, section 4.5), smoothed over neighbours;
/// who is predicted to last longer has neither end of the band earlier.
fn bins(sorted: &[HeldBack]) -> Vec<Bin> {
    let count = (sorted.len() / LEAST_RESIDUALS).clamp(1, BINS);
    let of_bin = |k: usize| {
        let near = &sorted[k * sorted.len() / count..(k + 1) * sorted.len() / count];
        let residuals = residuals(near, |h| h.truth);
        Bin {
            at: middle(near),
            p10: weighted_quantile(&residuals, 0.1),
            p90: weighted_quantile(&residuals, 0.9),
        }
    };
    let mut bins: Vec<Bin> = (0..count).map(of_bin).collect();
    let at: Vec<f32> = bins.iter().map(|bin| bin.at).collect();
    let p10 = growing(&at, &bins.iter().map(|bin| bin.p10).collect::<Vec<f32>>());
    let p90 = growing(&at, &bins.iter().map(|bin| bin.p90).collect::<Vec<f32>>());
    for ((bin, p10), p90) in bins.iter_mut().zip(p10).zip(p90) {
        (bin.p10, bin.p90) = (p10, p90);
    }
    bins.dedup_by(|b, a| b.at - a.at < LEAST_APART);
    bins
}

/// Residuals smoothed with weights 1, 2, 1, such that prediction and residual together never fall (pooled adjacent violators).
fn growing(at: &[f32], residuals: &[f32]) -> Vec<f32> {
    let last = residuals.len() - 1;
    let mut blocks: Vec<(f32, usize)> = Vec::new();
    for (i, at) in at.iter().enumerate() {
        let smooth = (residuals[i.saturating_sub(1)] + 2.0 * residuals[i] + residuals[(i + 1).min(last)]) / 4.0;
        let mut block = (at + smooth, 1);
        while let Some(before) = blocks.pop_if(|before| before.0 > block.0) {
            let count = before.1 + block.1;
            block = (
                (before.0 * before.1 as f32 + block.0 * block.1 as f32) / count as f32,
                count,
            );
        }
        blocks.push(block);
    }
    let ends = blocks.iter().flat_map(|(end, count)| std::iter::repeat_n(*end, *count));
    ends.zip(at).map(|(end, at)| end - at).collect()
}

/// A course through places, straight between them and level beyond.
fn course(places: impl Iterator<Item = (f32, f32)>, at: f32) -> f32 {
    let mut before: Option<(f32, f32)> = None;
    for (place, value) in places {
        if at <= place {
            return match before {
                Some((from, of)) if place > from => of + (at - from) / (place - from) * (value - of),
                Some(_) | None => value,
            };
        }
        before = Some((place, value));
    }
    before.map_or(0.0, |(_, value)| value)
}

impl Band {
    /// Learns the spread. `point` is the quantile of the truth that the point estimate is to be: below one half is cautious.
    pub fn learn(held_back: &[HeldBack], point: f32) -> Band {
        let mut sorted: Vec<HeldBack> = held_back.iter().copied().filter(|h| h.weight > 0.0).collect();
        sorted.sort_by(|a, b| a.predicted.total_cmp(&b.predicted));
        if sorted.is_empty() {
            return Band(Vec::new());
        }
        let points = points(&sorted, point);
        let bins = bins(&sorted);
        let mut places: Vec<f32> = points.iter().map(|p| p.0).chain(bins.iter().map(|b| b.at)).collect();
        places.sort_by(f32::total_cmp);
        places.dedup_by(|b, a| *b - *a < LEAST_APART);
        // both courses are straight between their own places, so all places together lose nothing of either
        let knot = |at: f32| Knot {
            at,
            p10: course(bins.iter().map(|b| (b.at, b.p10)), at),
            point: course(points.iter().copied(), at),
            p90: course(bins.iter().map(|b| (b.at, b.p90)), at),
        };
        Band(places.into_iter().map(knot).collect())
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
        self.0.len() <= POINTS + BINS
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
