//! Where the last regime of a course begins: wear that changes its pace is told by the line since the change, not by one through
//! all of the past. Two lines instead of one, at the place where they leave the least; taken if that is more than chance (F test
//! of a change of both level and slope; Chow, Econometrica 28, 1960, with the residuals' likeness to their neighbours taken into
//! account), again and again until the rest is one line. Pure; a few thousand additions for 64 points.

/// Fewest points of a line.
pub const LEAST_POINTS: usize = 6;
/// F of the best place above which a change is taken. The best of many places is above the tabled limits by chance (Andrews,
/// Econometrica 61, 1993: 5.9 at 5 % for two parameters and every place but the outer 15 %); twice that.
const LEAST_F: f64 = 12.0;
/// Residuals are not believed to hang together more than this.
const MOST_LIKENESS: f64 = 0.8;

/// The place of the first point of the last regime; 0 if it is all one line. Times ascend, and all values are finite.
pub fn last_regime(times: &[f64], values: &[f64]) -> usize {
    let mut start = 0;
    while let Some(place) = split(&times[start..], &values[start..]) {
        start += place;
    }
    start
}

/// Sums from which the residual of a line through any part is found.
struct Sums(Vec<[f64; 5]>);

impl Sums {
    fn new(times: &[f64], values: &[f64]) -> Sums {
        let (t0, v0) = (times[0], values[0]);
        let mut sums = vec![[0.0; 5]];
        for (t, v) in times.iter().map(|t| t - t0).zip(values.iter().map(|v| v - v0)) {
            let last = sums[sums.len() - 1];
            let new = [t, v, t * t, t * v, v * v];
            sums.push(std::array::from_fn(|i| last[i] + new[i]));
        }
        Sums(sums)
    }

    /// Slope, intercept (from the first time and value of all) and sum of squared residuals of the line through a part.
    fn line(&self, from: usize, to: usize) -> (f64, f64, f64) {
        let [t, v, tt, tv, vv]: [f64; 5] = std::array::from_fn(|i| self.0[to][i] - self.0[from][i]);
        let n = (to - from) as f64;
        let (spread, shared) = (tt - t * t / n, tv - t * v / n);
        let slope = if spread > 0.0 { shared / spread } else { 0.0 };
        let rest = (vv - v * v / n - slope * shared).max(0.0);
        (slope, (v - slope * t) / n, rest)
    }
}

/// The best place for a change, if it is more than chance.
fn split(times: &[f64], values: &[f64]) -> Option<usize> {
    let n = times.len();
    if n < 2 * LEAST_POINTS {
        return None;
    }
    let sums = Sums::new(times, values);
    let rest = |place: usize| sums.line(0, place).2 + sums.line(place, n).2;
    let place = (LEAST_POINTS..=n - LEAST_POINTS).min_by(|a, b| rest(*a).total_cmp(&rest(*b)))?;
    let (whole, parts) = (sums.line(0, n).2, rest(place));
    let residual = |i: usize| {
        let (slope, intercept, _) = if i < place {
            sums.line(0, place)
        } else {
            sums.line(place, n)
        };
        values[i] - values[0] - intercept - slope * (times[i] - times[0])
    };
    let lagged: f64 = (1..n).map(|i| residual(i - 1) * residual(i)).sum();
    let likeness = (lagged / parts.max(f64::MIN_POSITIVE)).clamp(0.0, MOST_LIKENESS);
    let f = (whole - parts) / 2.0 / (parts / (n as f64 - 4.0)).max(f64::MIN_POSITIVE);
    // what is left of one line within rounding is one line
    let is_more = whole > 1e-12 * sums.line(0, n).0.powi(2).max(1e-12) && f.is_finite();
    (is_more && f * (1.0 - likeness) / (1.0 + likeness) > LEAST_F).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::Seeded;

    fn noise(random: &mut Seeded) -> f64 {
        (0..12).map(|_| random.unit()).sum::<f64>() - 6.0
    }

    fn course(points: usize, seed: u64, value: impl Fn(f64) -> f64) -> (Vec<f64>, Vec<f64>) {
        let mut random = Seeded::new(seed, 0);
        let times: Vec<f64> = (0..points).map(|i| i as f64).collect();
        let values = times.iter().map(|t| value(*t) + noise(&mut random)).collect();
        (times, values)
    }

    #[test]
    fn one_line_is_seldom_taken_for_two() {
        let is_split = |seed: &u64| {
            let (times, values) = course(64, *seed, |t| 0.3 * t);
            last_regime(&times, &values) > 0
        };
        let split = (0..400).filter(is_split).count();
        assert!(split <= 12, "{split} of 400");
    }

    #[test]
    fn a_change_of_slope_is_found_near_its_place_and_the_last_of_several_is_taken() {
        for seed in 0..50 {
            let (times, values) = course(64, seed, |t| 0.2 * t + 2.0 * (t - 40.0).max(0.0));
            let found = last_regime(&times, &values);
            assert!((36..=48).contains(&found), "{found}");
            let thrice = |t: f64| 0.2 * t + 2.0 * (t - 20.0).max(0.0) + 6.0 * (t - 48.0).max(0.0);
            let (times, values) = course(64, seed, thrice);
            let found = last_regime(&times, &values);
            assert!((44..=55).contains(&found), "{found}");
        }
    }

    #[test]
    fn few_points_constants_and_exact_lines_are_one_regime() {
        let times: Vec<f64> = (0..64).map(f64::from).collect();
        for values in [vec![7.0; 64], times.iter().map(|t| 3.0 * t + 0.1).collect()] {
            assert_eq!(last_regime(&times, &values), 0);
        }
        assert_eq!(last_regime(&times[..11], &times[..11]), 0);
        assert_eq!(last_regime(&[], &[]), 0);
    }
}
