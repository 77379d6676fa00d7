//! What the ages of a fleet tell: a Weibull distribution for each kind of unit, and how sure it is.
//!
//! Intervals hold the truth in nine of ten fleets (large-sample theory: observed information in ln β and ln η, delta method;
//! Meeker, Escobar: Statistical Methods for Reliability Data, 1998, ch. 8). With fewer than about ten failures they are too short.

use crate::weibull::{Life, Weibull, WeibullError};
use serde::{Deserialize, Serialize};

/// Standard deviations to either side that hold nine tenths of a normal distribution.
const NINE_TENTHS: f64 = 1.645;

/// A value with the interval that holds the truth in nine of ten fleets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The likeliest value.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The life distribution of one kind of unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FleetLife {
    shape: f64,
    scale: f64,
    /// Variance of ln β, covariance, variance of ln η.
    covariance: [f64; 3],
    failures: u64,
    running: u64,
}

/// The life distributions of a fleet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FleetModel {
    /// The column that tells kinds apart; none if all units are of one kind.
    pub by: Option<String>,
    /// Each kind by name, ascending; one without a name if all are of one kind.
    pub kinds: Vec<(String, FleetLife)>,
}

impl FleetModel {
    /// The distribution of a kind.
    pub fn kind(&self, name: &str) -> Option<&FleetLife> {
        self.kinds.iter().find(|(kind, _)| kind == name).map(|(_, life)| life)
    }

    /// Whether a model that was read from a file can be used.
    pub fn is_sound(&self) -> bool {
        !self.kinds.is_empty() && self.kinds.iter().all(|(_, life)| life.is_sound())
    }
}

impl FleetLife {
    /// Fits units that failed and units that still run.
    ///
    /// # Errors
    /// As [`Weibull::fit`].
    pub fn fit(lives: &[Life]) -> Result<FleetLife, WeibullError> {
        let weibull = Weibull::fit(lives)?;
        let (shape, scale) = (weibull.shape(), weibull.scale());
        // second derivatives of the likelihood by ln β and ln η, sign turned
        let mut information = [0.0; 3];
        let mut failures = 0;
        for life in lives {
            let (age, failed) = match *life {
                Life::Failed(age) => (age, 1.0),
                Life::Running(age) => (age, 0.0),
            };
            failures += u64::from(failed > 0.5);
            let z = shape * (age / scale).ln();
            let passed = z.exp();
            information[0] += passed * z * (1.0 + z) - failed * z;
            information[1] += shape * (failed - passed * (1.0 + z));
            information[2] += shape * shape * passed;
        }
        let [of_shape, both, of_scale] = information;
        let determinant = of_shape * of_scale - both * both;
        let life = FleetLife {
            shape,
            scale,
            covariance: [of_scale, -both, of_shape].map(|part| part / determinant),
            failures,
            running: lives.len() as u64 - failures,
        };
        if life.is_sound() {
            Ok(life)
        } else {
            Err(WeibullError::NoPeak)
        }
    }

    fn is_sound(&self) -> bool {
        let [of_shape, both, of_scale] = self.covariance;
        Weibull::new(self.shape, self.scale).is_some()
            && self.covariance.iter().all(|c| c.is_finite())
            && of_shape >= 0.0
            && of_scale >= 0.0
            && both * both <= of_shape * of_scale * (1.0 + 1e-9)
    }

    fn moved(&self, shape: f64, scale: f64) -> Weibull {
        let moved = Weibull::new(self.shape * shape.exp(), self.scale * scale.exp());
        // factors near 1 keep a sound distribution sound
        moved.unwrap_or_else(|| self.weibull())
    }

    /// The distribution itself.
    pub fn weibull(&self) -> Weibull {
        let exponential = Weibull::new(1.0, 1.0);
        let sound = Weibull::new(self.shape, self.scale).or(exponential);
        sound.expect("an exponential distribution with mean 1 is a Weibull distribution")
    }

    /// Units that failed.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Units that still run.
    pub fn running(&self) -> u64 {
        self.running
    }

    /// A value of the distribution, normal after `to`, from which `from` leads back.
    fn estimate(&self, of: impl Fn(&Weibull) -> f64, to: fn(f64) -> f64, from: fn(f64) -> f64) -> Estimate {
        const STEP: f64 = 1e-4;
        let at = |shape: f64, scale: f64| to(of(&self.moved(shape, scale)));
        let by_shape = (at(STEP, 0.0) - at(-STEP, 0.0)) / (2.0 * STEP);
        let by_scale = (at(0.0, STEP) - at(0.0, -STEP)) / (2.0 * STEP);
        let [of_shape, both, of_scale] = self.covariance;
        let variance =
            by_shape * by_shape * of_shape + 2.0 * by_shape * by_scale * both + by_scale * by_scale * of_scale;
        let reach = NINE_TENTHS * variance.max(0.0).sqrt();
        let value = of(&self.weibull());
        let middle = to(value);
        match middle.is_finite() && reach.is_finite() {
            true => Estimate {
                value,
                low: from(middle - reach),
                high: from(middle + reach),
            },
            false => Estimate {
                value,
                low: value,
                high: value,
            },
        }
    }

    /// β: below 1 early failures, about 1 chance, above 1 wear.
    pub fn shape(&self) -> Estimate {
        self.estimate(Weibull::shape, f64::ln, f64::exp)
    }

    /// η: the age by which 63.2 % have failed.
    pub fn scale(&self) -> Estimate {
        self.estimate(Weibull::scale, f64::ln, f64::exp)
    }

    /// Mean time to failure.
    pub fn mean(&self) -> Estimate {
        self.estimate(Weibull::mean, f64::ln, f64::exp)
    }

    /// The age by which one unit in ten has failed.
    pub fn b10(&self) -> Estimate {
        self.estimate(|w| w.age_by_which(0.1), f64::ln, f64::exp)
    }

    /// How probable it is that a unit of this age fails within `horizon`.
    pub fn fails_within(&self, age: f64, horizon: f64) -> Estimate {
        let odds = |p: f64| (p / (1.0 - p)).ln();
        self.estimate(|w| w.fails_within(age, horizon), odds, |x| 1.0 / (1.0 + (-x).exp()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::Seeded;

    /// Units from a wear-out distribution with β 2.5 and η 1000, a third still running.
    fn fleet(count: usize, seed: u64) -> Vec<Life> {
        let truth = Weibull::new(2.5, 1000.0).unwrap();
        let mut random = Seeded::new(seed, 0);
        let mut one = |_| {
            let (age, seen) = (
                truth.age_by_which(random.unit()).max(1.0),
                600.0 + 900.0 * random.unit(),
            );
            if age > seen {
                Life::Running(seen)
            } else {
                Life::Failed(age)
            }
        };
        (0..count).map(&mut one).collect()
    }

    #[test]
    fn intervals_hold_the_truth_in_about_nine_of_ten_fleets() {
        let truth = Weibull::new(2.5, 1000.0).unwrap();
        let mut held = [0; 5];
        for seed in 0..300 {
            let life = FleetLife::fit(&fleet(60, seed)).unwrap();
            let found = [
                life.shape(),
                life.scale(),
                life.mean(),
                life.b10(),
                life.fails_within(500.0, 200.0),
            ];
            let true_values = [
                2.5,
                1000.0,
                truth.mean(),
                truth.age_by_which(0.1),
                truth.fails_within(500.0, 200.0),
            ];
            for ((held, found), value) in held.iter_mut().zip(found).zip(true_values) {
                assert!(found.low <= found.value && found.value <= found.high);
                *held += u32::from(found.low <= value && value <= found.high);
            }
        }
        assert!(held.iter().all(|held| (250..=288).contains(held)), "{held:?}");
    }

    #[test]
    fn more_units_make_it_surer_and_counts_are_kept() {
        let width = |count| {
            let life = FleetLife::fit(&fleet(count, 3)).unwrap();
            assert_eq!(life.failures() + life.running(), count as u64);
            life.b10().high / life.b10().low
        };
        assert!(width(2000) < 1.15 && width(50) > 1.2, "{} {}", width(2000), width(50));
        let never = FleetLife::fit(&fleet(50, 3)).unwrap().fails_within(10.0, 0.0);
        assert_eq!((never.low, never.value, never.high), (0.0, 0.0, 0.0));
    }
}
