//! What an ensemble makes small, as first and second derivatives.

/// The loss of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Half the squared difference: the mean.
    Squared,
    /// The pinball loss of this quantile, between 0 and 1.
    Quantile(f64),
    /// Cross-entropy over so many classes; targets are class numbers from 0.
    Softmax(usize),
}

impl Loss {
    /// How many sums an answer has.
    pub(super) fn outputs(self) -> usize {
        match self {
            Loss::Squared | Loss::Quantile(_) => 1,
            Loss::Softmax(classes) => classes.max(1),
        }
    }

    /// The best constant answer.
    pub(super) fn base(self, targets: &[f32], weights: Option<&[f32]>) -> Vec<f32> {
        let weight = |i: usize| weights.map_or(1.0, |w| f64::from(w[i]));
        let total: f64 = (0..targets.len()).map(weight).sum();
        if total <= 0.0 {
            return vec![0.0; self.outputs()];
        }
        match self {
            Loss::Squared => {
                let sum: f64 = targets.iter().enumerate().map(|(i, t)| f64::from(*t) * weight(i)).sum();
                vec![(sum / total) as f32]
            }
            Loss::Quantile(q) => {
                let mut sorted = targets.to_vec();
                sorted.sort_unstable_by(f32::total_cmp);
                vec![quantile_of_sorted(&sorted, q)]
            }
            Loss::Softmax(classes) => {
                let mut shares = vec![0.0; classes.max(1)];
                for (i, target) in targets.iter().enumerate() {
                    if let Some(share) = shares.get_mut(*target as usize) {
                        *share += weight(i) / total;
                    }
                }
                shares.iter().map(|share| share.max(1e-6).ln() as f32).collect()
            }
        }
    }

    /// First and second derivative of each row by the sum of `output`.
    pub(super) fn gradients(self, sums: &[f32], targets: &[f32], output: usize, into: &mut [[f32; 2]]) {
        match self {
            Loss::Squared => {
                for ((into, sum), target) in into.iter_mut().zip(sums).zip(targets) {
                    *into = [sum - target, 1.0];
                }
            }
            Loss::Quantile(q) => {
                for ((into, sum), target) in into.iter_mut().zip(sums).zip(targets) {
                    let slope = if target > sum { -q } else { 1.0 - q };
                    *into = [slope as f32, 1.0];
                }
            }
            Loss::Softmax(classes) => {
                for ((into, sums), target) in into.iter_mut().zip(sums.chunks(classes.max(1))).zip(targets) {
                    let top = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let total: f32 = sums.iter().map(|s| (s - top).exp()).sum();
                    let p = (sums[output] - top).exp() / total;
                    let hit = if *target as usize == output { 1.0 } else { 0.0 };
                    // Friedman's factor K/(K-1) on the diagonal of the hessian keeps steps from overshooting
                    let factor = classes as f32 / (classes.max(2) - 1) as f32;
                    *into = [p - hit, (factor * p * (1.0 - p)).max(1e-6)];
                }
            }
        }
    }

    /// The quantile that leaves are set to after a tree is grown; the pinball loss has no curvature to step by.
    pub(super) fn leaf_quantile(self) -> Option<f64> {
        match self {
            Loss::Quantile(q) => Some(q),
            Loss::Squared | Loss::Softmax(_) => None,
        }
    }
}

/// A quantile of ascending values, between the two nearest; 0 of none.
pub fn quantile_of_sorted(sorted: &[f32], q: f64) -> f32 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let at = q.clamp(0.0, 1.0) * last as f64;
    let (low, share) = (at.floor() as usize, at.fract());
    let high = sorted[(low + 1).min(last)];
    (f64::from(sorted[low]) + share * f64::from(high - sorted[low])) as f32
}
