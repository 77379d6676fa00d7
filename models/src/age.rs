//! Time left by age: at which age parts of a kind fail (a Weibull distribution over running hours), given that this one has come so
//! far; by itself where nothing is seen of this machine, and together with its trend where there is one.
//!
//! Together: the distribution of the age is what is known before, the trend's quantiles are what is seen of this machine, and their
//! product is what is known after (Bayes). The trend's quantiles stand for a density that is log-normal to either side of the
//! median. A trend that is sure of itself overrules the age; one with a wide spread is drawn towards it.
//!
//! Pure. Running hours become hours of the clock by the share of the time that the machine ran since it was first heard.

use crate::weibull::Weibull;
use domain::{LifeBasis, Millis, RemainingLife, Timestamp};

/// 0.9 quantile of the normal distribution.
const Z90: f64 = 1.2816;
/// Places at which the product is summed up, evenly in the logarithm of the time left.
const PLACES: usize = 400;
/// The trend's quantiles lie at least so far apart, in nepers: nothing is known to the minute.
const LEAST_SPREAD: f64 = 0.02;
/// Shorter is now.
const LEAST_HOURS: f64 = 0.01;

/// How old a part is, and how such parts age.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Age {
    /// Lives of its kind, in running hours.
    pub lives: Weibull,
    /// Running hours since it was new.
    pub hours: f64,
    /// Running hours in an hour of the clock, above 0 and at most 1.
    pub duty: f64,
}

impl Age {
    /// The time left by age alone: η[(t/η)^β − ln(1−q)]^{1/β} − t for each quantile.
    pub fn time_left(&self, now: Timestamp) -> RemainingLife {
        let left = |quantile: f64| Millis::from_hours(self.lives.time_left(self.hours, quantile) / self.duty);
        RemainingLife {
            made_at: now,
            p10: left(0.1),
            p50: left(0.5),
            p90: left(0.9),
            basis: LifeBasis::Age,
        }
    }

    /// Together with what the trend tells.
    pub fn together(&self, trend: RemainingLife) -> RemainingLife {
        let [p10, p50, p90] = [trend.p10, trend.p50, trend.p90].map(Millis::as_hours);
        if p50 <= LEAST_HOURS {
            // past the limit, age has nothing to add
            return trend;
        }
        let middle = p50.ln();
        let below = ((middle - p10.max(LEAST_HOURS).ln()) / Z90).max(LEAST_SPREAD);
        let above = ((p90.ln() - middle) / Z90).max(LEAST_SPREAD);
        let (low, high) = (middle - 5.0 * below, middle + 5.0 * above);
        let step = (high - low) / PLACES as f64;
        let place = |i: usize| low + step * (i as f64 + 0.5);
        let logs: [f64; PLACES] = std::array::from_fn(|i| {
            let log = place(i);
            let spread = if log < middle { below } else { above };
            // the density of the logarithm of the trend, times that of the age at this time left
            -((log - middle) / spread).powi(2) / 2.0 + self.log_density(log.exp())
        });
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if !most.is_finite() {
            return trend;
        }
        let total: f64 = logs.iter().map(|log| (log - most).exp()).sum();
        let (mut passed, mut found, mut wanted) = (0.0, [high.exp(); 3], 0);
        for (i, log) in logs.iter().enumerate() {
            let next = passed + (log - most).exp() / total;
            while wanted < 3 && next >= [0.1, 0.5, 0.9][wanted] {
                let share = ([0.1, 0.5, 0.9][wanted] - passed) / (next - passed).max(f64::MIN_POSITIVE);
                found[wanted] = (place(i) + step * (share - 0.5)).exp();
                wanted += 1;
            }
            passed = next;
        }
        let [p10, p50, p90] = found.map(Millis::from_hours);
        RemainingLife {
            p10,
            p50,
            p90,
            basis: LifeBasis::TrendAndAge,
            ..trend
        }
    }

    /// Logarithm of the density of failing after so many more hours of the clock, but for what is the same for all.
    fn log_density(&self, left_hours: f64) -> f64 {
        let (shape, scale) = (self.lives.shape(), self.lives.scale());
        let age = ((self.hours + left_hours * self.duty) / scale).max(f64::MIN_POSITIVE);
        let now = (self.hours / scale).powf(shape);
        (shape - 1.0) * age.ln() - (age.powf(shape) - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::Seeded;

    fn age(hours: f64) -> Age {
        Age {
            lives: Weibull::new(2.0, 1000.0).expect("sound"),
            hours,
            duty: 1.0,
        }
    }

    fn hours(life: &RemainingLife) -> [f64; 3] {
        [life.p10, life.p50, life.p90].map(Millis::as_hours)
    }

    fn trend(p10: f64, p50: f64, p90: f64) -> RemainingLife {
        RemainingLife {
            made_at: Timestamp(7),
            p10: Millis::from_hours(p10),
            p50: Millis::from_hours(p50),
            p90: Millis::from_hours(p90),
            basis: LifeBasis::Trend,
        }
    }

    #[test]
    fn the_figures_of_the_textbook_come_out_and_half_the_duty_takes_twice_as_long() {
        let told = hours(&age(500.0).time_left(Timestamp(0)));
        for (told, expected) in told.iter().zip([96.12, 471.16, 1097.68]) {
            assert!((told - expected).abs() < 0.01, "{told} {expected}");
        }
        let half = Age {
            duty: 0.5,
            ..age(500.0)
        };
        assert!((hours(&half.time_left(Timestamp(0)))[1] - 2.0 * 471.16).abs() < 0.02);
    }

    #[test]
    fn a_sure_trend_overrules_the_age_and_a_vague_one_is_drawn_towards_it() {
        let sure = hours(&age(500.0).together(trend(48.0, 50.0, 52.0)));
        assert!((sure[1] / 50.0 - 1.0).abs() < 0.02, "{sure:?}");
        let alone = hours(&age(500.0).time_left(Timestamp(0)));
        let vague = age(500.0).together(trend(100.0, 3_000.0, 60_000.0));
        assert_eq!((vague.basis, vague.made_at), (LifeBasis::TrendAndAge, Timestamp(7)));
        let vague = hours(&vague);
        assert!(vague[1] < 1_500.0 && vague[2] < 2.5 * alone[2], "{vague:?} {alone:?}");
        assert!(vague[0] < vague[1] && vague[1] < vague[2]);
    }

    #[test]
    fn past_the_limit_no_time_is_left_whatever_the_age() {
        let over = trend(0.0, 0.0, 1.0);
        assert_eq!(age(1.0).together(over), over);
    }

    #[test]
    fn eight_of_ten_lives_end_between_p10_and_p90_together_as_well_as_by_age() {
        let mut random = Seeded::new(11, 0);
        let normal = |random: &mut Seeded| (0..12).map(|_| random.unit()).sum::<f64>() - 6.0;
        let (mut by_age, mut both, mut error, mut of_trend, rounds) = (0, 0, 0.0, 0.0, 3_000);
        for _ in 0..rounds {
            let life = age(0.0).lives.age_by_which(random.unit());
            let now = age(life * random.unit());
            let left = life - now.hours;
            // a trend that is right on average, with a spread of 0.8 nepers
            let seen = left * (0.8 * normal(&mut random)).exp();
            let spread = (0.8 * Z90).exp();
            let told = hours(&now.together(trend(seen / spread, seen, seen * spread)));
            both += i32::from(told[0] <= left && left <= told[2]);
            error += (told[1] - left).abs();
            of_trend += (seen - left).abs();
            let told = hours(&now.time_left(Timestamp(0)));
            by_age += i32::from(told[0] <= left && left <= told[2]);
        }
        let share = |count: i32| f64::from(count) / f64::from(rounds);
        assert!((0.72..0.88).contains(&share(both)), "{}", share(both));
        assert!((0.70..0.90).contains(&share(by_age)), "{}", share(by_age));
        assert!(
            error < 0.7 * of_trend,
            "nearer than the trend alone: {error} {of_trend}"
        );
    }
}
