//! How much is needed at most, with a given certainty: the distribution of the demand for a part.

/// The demand within the lead time is covered with this probability: the usual cycle service level of spare parts.
pub const CERTAINTY: f64 = 0.9;
/// Up to so many uncertain repairs the distribution is computed; beyond, the normal distribution stands in.
const MOST_EXACT: usize = 400;
/// The greatest demand whose probability is computed.
const MOST_DEMAND: usize = 4_096;
/// 90 % quantile of the standard normal distribution.
const Z_90: f64 = 1.281_551_565_5;

/// The smallest demand that is not exceeded with [`CERTAINTY`]. `repairs`: of each the probability that it comes, and how many it
/// takes; they come independently, so their sum is Poisson-binomial, each weighted by its quantity. `background`: the mean of a
/// Poisson distribution that comes on top.
///
/// The distribution is the direct convolution of its parts (Y. Hong, "On computing the distribution function for the Poisson binomial
/// distribution", Computational Statistics & Data Analysis 59, 2013, section 2.5). Where it is too wide, its normal approximation
/// with the same mean and variance.
pub fn demand_quantile(repairs: &[(f64, u32)], background: f64) -> u32 {
    let background = if background.is_finite() {
        background.max(0.0)
    } else {
        0.0
    };
    let clean = |p: f64| if p.is_finite() { p.clamp(0.0, 1.0) } else { 0.0 };
    let mean: f64 = repairs.iter().map(|(p, n)| clean(*p) * f64::from(*n)).sum::<f64>() + background;
    let spread = |(p, n): &(f64, u32)| clean(*p) * (1.0 - clean(*p)) * f64::from(*n).powi(2);
    let variance = repairs.iter().map(spread).sum::<f64>() + background;
    let most: usize = repairs.iter().map(|(_, n)| *n as usize).sum();
    let wide = (mean + 10.0 * variance.sqrt()).ceil() as usize + 10;
    if repairs.len() > MOST_EXACT || most.max(wide) > MOST_DEMAND {
        return (mean + Z_90 * variance.sqrt()).ceil() as u32;
    }
    let mut chance = poisson(background, wide);
    for (p, n) in repairs {
        let (p, n) = (clean(*p), *n as usize);
        let mut next = vec![0.0; chance.len() + n];
        for (demand, own) in chance.iter().enumerate() {
            next[demand] += own * (1.0 - p);
            next[demand + n] += own * p;
        }
        chance = next;
    }
    let mut sum = 0.0;
    for (demand, own) in chance.iter().enumerate() {
        sum += own;
        // the sum of the rounded parts may stay a little below 1
        if sum >= CERTAINTY - 1e-12 {
            return demand as u32;
        }
    }
    chance.len() as u32
}

/// Probabilities of 0 to `most` by Poisson's distribution, in logarithms, so that none underflows on the way.
fn poisson(mean: f64, most: usize) -> Vec<f64> {
    if mean <= 0.0 {
        return vec![1.0];
    }
    let mut log_factorial = 0.0;
    let mut chance = Vec::with_capacity(most + 1);
    for demand in 0..=most {
        log_factorial += if demand > 0 { (demand as f64).ln() } else { 0.0 };
        chance.push((demand as f64 * mean.ln() - mean - log_factorial).exp());
    }
    chance
}
