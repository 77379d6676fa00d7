//! Lives of a fleet as a Weibull distribution, from failures and from units that still run (right-censored).
//!
//! Formulas: F(t) = 1 − exp(−(t/η)^β); β below 1 is early failure, about 1 chance, above 1 wear-out. Times are in any one unit.

use thiserror::Error;

/// Fewer failures do not tell a shape.
const LEAST_FAILURES: usize = 2;
/// Shapes that are looked for; outside, the lives are all but equal, or no lives.
const SHAPES: (f64, f64) = (0.05, 200.0);

/// Shape β and scale η.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weibull {
    shape: f64,
    scale: f64,
}

/// One unit's life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Life {
    /// It failed at this age.
    Failed(f64),
    /// It has reached this age and still runs.
    Running(f64),
}

/// Why there is no fit.
#[derive(Debug, Error, PartialEq)]
pub enum WeibullError {
    /// Too few failures.
    #[error("{found} failures are too few for a life distribution: at least {LEAST_FAILURES} are needed")]
    TooFewFailures {
        /// How many there are.
        found: usize,
    },
    /// An age that is none.
    #[error("{age} is no age: it must be above 0")]
    Age {
        /// The value.
        age: f64,
    },
    /// The likelihood has no peak, for example where all lives are equal.
    #[error("the lives do not have the spread of a life distribution: they are all but equal")]
    NoPeak,
}

impl Weibull {
    /// A distribution with this shape and scale; `None` unless both are above 0 and finite.
    pub fn new(shape: f64, scale: f64) -> Option<Weibull> {
        let is_sound = |v: f64| v.is_finite() && v > 0.0;
        (is_sound(shape) && is_sound(scale)).then_some(Weibull { shape, scale })
    }

    /// Maximum likelihood. Units that still run count too: leaving them out would make the fleet look short-lived.
    ///
    /// # Errors
    /// If there are too few failures, an age is not above 0, or all lives are equal.
    pub fn fit(lives: &[Life]) -> Result<Weibull, WeibullError> {
        let mut logs = Vec::with_capacity(lives.len());
        let mut failed = Vec::new();
        for life in lives {
            let (age, has_failed) = match *life {
                Life::Failed(age) => (age, true),
                Life::Running(age) => (age, false),
            };
            if !(age > 0.0 && age.is_finite()) {
                return Err(WeibullError::Age { age });
            }
            logs.push(age.ln());
            if has_failed {
                failed.push(age.ln());
            }
        }
        if failed.len() < LEAST_FAILURES {
            return Err(WeibullError::TooFewFailures { found: failed.len() });
        }
        // against the largest age, so that no power overflows
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean_failed = failed.iter().sum::<f64>() / failed.len() as f64;
        let powers = |shape: f64| {
            let power = |log: &f64| (shape * (log - top)).exp();
            let sum: f64 = logs.iter().map(power).sum();
            let weighted: f64 = logs.iter().map(|log| power(log) * log).sum();
            (sum, weighted)
        };
        // the slope of the likelihood falls strictly, so halving the interval finds its only zero
        let slope = |shape: f64| {
            let (sum, weighted) = powers(shape);
            1.0 / shape + mean_failed - weighted / sum
        };
        let (mut low, mut high) = SHAPES;
        if slope(low) <= 0.0 || slope(high) >= 0.0 {
            return Err(WeibullError::NoPeak);
        }
        for _ in 0..200 {
            let middle = (low * high).sqrt();
            match slope(middle) > 0.0 {
                true => low = middle,
                false => high = middle,
            }
        }
        let shape = (low * high).sqrt();
        let scale = (top + (powers(shape).0 / failed.len() as f64).ln() / shape).exp();
        Weibull::new(shape, scale).ok_or(WeibullError::NoPeak)
    }

    /// β.
    pub fn shape(&self) -> f64 {
        self.shape
    }

    /// η: by this age 63.2 % have failed.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Mean time to failure, η·Γ(1 + 1/β).
    pub fn mean(&self) -> f64 {
        self.scale * gamma(1.0 + 1.0 / self.shape)
    }

    /// The age by which this share has failed; 0.1 gives B10. The share is cut to 0..1.
    pub fn age_by_which(&self, share: f64) -> f64 {
        self.scale * (-(-share.clamp(0.0, 1.0)).ln_1p()).powf(1.0 / self.shape)
    }

    /// Failures per unit of time at this age, of those that reach it.
    pub fn hazard(&self, age: f64) -> f64 {
        self.shape / self.scale * (age / self.scale).powf(self.shape - 1.0)
    }

    /// The quantile of the time left of a unit that has reached `age`: η[(t/η)^β − ln(1−q)]^{1/β} − t.
    pub fn time_left(&self, age: f64, quantile: f64) -> f64 {
        let age = age.max(0.0);
        let passed = (age / self.scale).powf(self.shape) - (-quantile.clamp(0.0, 1.0)).ln_1p();
        (self.scale * passed.powf(1.0 / self.shape) - age).max(0.0)
    }

    /// How probable it is that a unit of this age fails within `horizon`.
    pub fn fails_within(&self, age: f64, horizon: f64) -> f64 {
        let passed = |t: f64| (t.max(0.0) / self.scale).powf(self.shape);
        -(passed(age) - passed(age + horizon.max(0.0))).exp_m1()
    }
}

/// Γ(x) for x ≥ 1: Lanczos' approximation with g = 7 and nine terms (error below 1e-14).
fn gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum: f64 = TERMS
        .iter()
        .enumerate()
        .map(|(i, term)| term / (x + i as f64 + 1.0))
        .sum();
    let t = x + 7.5;
    (2.0 * std::f64::consts::PI).sqrt() * t.powf(x + 0.5) * (-t).exp() * (0.999_999_999_999_809_9 + sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::Seeded;

    fn near(found: f64, expected: f64, tolerance: f64) {
        assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
    }

    #[test]
    fn the_figures_of_the_textbook_come_out() {
        let fleet = Weibull::new(2.0, 1000.0).unwrap();
        near(fleet.mean(), 886.23, 0.005);
        near(fleet.age_by_which(0.1), 324.59, 0.005);
        for (quantile, expected) in [(0.1, 96.12), (0.5, 471.16), (0.9, 1097.68)] {
            near(fleet.time_left(500.0, quantile), expected, 0.005);
        }
        near(fleet.fails_within(500.0, 471.16), 0.5, 1e-4);
        near(fleet.hazard(500.0), 0.001, 1e-9);
        near(gamma(5.0), 24.0, 1e-10);
    }

    #[test]
    fn chance_has_no_memory() {
        let fleet = Weibull::new(1.0, 300.0).unwrap();
        near(fleet.time_left(0.0, 0.5), fleet.time_left(5000.0, 0.5), 1e-6);
        near(fleet.mean(), 300.0, 1e-9);
    }

    #[test]
    fn the_fit_finds_what_samples_were_drawn_from_with_and_without_running_units() {
        for (shape, scale, ends) in [
            (2.0, 1000.0, f64::MAX),
            (2.0, 1000.0, 900.0),
            (0.7, 40.0, 60.0),
            (4.0, 8e5, 7e5),
        ] {
            let truth = Weibull::new(shape, scale).unwrap();
            let mut random = Seeded::new(17, 0);
            let lives: Vec<Life> = (0..4000)
                .map(|_| truth.age_by_which(random.unit()).max(1e-6))
                .map(|age| {
                    if age > ends {
                        Life::Running(ends)
                    } else {
                        Life::Failed(age)
                    }
                })
                .collect();
            let fit = Weibull::fit(&lives).unwrap();
            near(fit.shape() / shape, 1.0, 0.05);
            near(fit.scale() / scale, 1.0, 0.05);
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_said() {
        let failed = |ages: &[f64]| -> Vec<Life> { ages.iter().map(|age| Life::Failed(*age)).collect() };
        assert_eq!(
            Weibull::fit(&failed(&[5.0])).unwrap_err(),
            WeibullError::TooFewFailures { found: 1 }
        );
        assert_eq!(
            Weibull::fit(&failed(&[5.0, 0.0])).unwrap_err(),
            WeibullError::Age { age: 0.0 }
        );
        assert_eq!(Weibull::fit(&failed(&[5.0; 9])).unwrap_err(), WeibullError::NoPeak);
        let running = vec![Life::Running(10.0); 50];
        assert!(Weibull::fit(&running).is_err());
        assert!(Weibull::new(0.0, 1.0).is_none() && Weibull::new(1.0, f64::NAN).is_none());
    }
}
