//! Health and time left, always with their spread; "not yet known" is a value.

use crate::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Health index: 100 as new, 0 failed.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Health(f64);

impl Health {
    /// As new.
    pub const FULL: Health = Health(100.0);

    /// Clamps to 0..=100; not a number counts as 0, because what is not understood is not fine.
    pub fn new(percent: f64) -> Self {
        Health(if percent.is_nan() {
            0.0
        } else {
            percent.clamp(0.0, 100.0)
        })
    }

    /// 0 to 100.
    pub fn percent(self) -> f64 {
        self.0
    }
}

/// Remaining useful life as quantiles: with probability 0.1 it is shorter than `p10`, and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemainingLife {
    /// When the estimate was made, device time.
    pub made_at: Timestamp,
    /// Pessimistic: one in ten fails earlier.
    pub p10: Millis,
    /// As likely earlier as later.
    pub p50: Millis,
    /// Optimistic: nine in ten fail earlier.
    pub p90: Millis,
    /// What it rests on.
    #[serde(default)]
    pub basis: LifeBasis,
}

/// What an estimate of the time left rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeBasis {
    /// How the wear of this machine grows.
    #[default]
    Trend,
    /// At which age machines of its kind fail; nothing of this one but its running hours.
    Age,
    /// Both together.
    TrendAndAge,
    /// What a model has learned from machines that ran to failure.
    Learned,
}

impl LifeBasis {
    /// The word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            LifeBasis::Trend => "trend",
            LifeBasis::Age => "age",
            LifeBasis::TrendAndAge => "trend_and_age",
            LifeBasis::Learned => "learned",
        }
    }
}

/// Time left until failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Prognosis {
    /// There is not enough evidence for a number.
    NotYetKnown,
    /// An estimate with its spread.
    Known(RemainingLife),
}

impl Prognosis {
    /// Probability (0 to 1) that the failure comes within `horizon` of `now`, read off the quantiles by straight lines
    /// through (0, 0), (p10, 0.1), (p50, 0.5), (p90, 0.9); beyond p90 it approaches 1 at the slope of the last piece.
    /// `None` while nothing is known.
    pub fn failure_probability(&self, now: Timestamp, horizon: Millis) -> Option<f64> {
        match self {
            Prognosis::NotYetKnown => None,
            Prognosis::Known(life) => {
                let until = ((now + horizon) - life.made_at).0 as f64;
                let knots = [
                    (0.0, 0.0),
                    (life.p10.0 as f64, 0.1),
                    (life.p50.0 as f64, 0.5),
                    (life.p90.0 as f64, 0.9),
                ];
                if until <= 0.0 {
                    return Some(0.0);
                }
                for pair in knots.windows(2) {
                    let ((t0, p0), (t1, p1)) = (pair[0], pair[1]);
                    if until <= t1 {
                        let share = if t1 > t0 { (until - t0) / (t1 - t0) } else { 1.0 };
                        return Some(p0 + (p1 - p0) * share);
                    }
                }
                let (t1, t2) = (knots[2].0, knots[3].0);
                let slope = if t2 > t1 { 0.4 / (t2 - t1) } else { f64::INFINITY };
                Some((0.9 + (until - t2) * slope).min(1.0))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probability_meets_the_quantiles_and_never_falls() {
        let life = RemainingLife {
            made_at: Timestamp(0),
            p10: Millis(100),
            p50: Millis(200),
            p90: Millis(400),
            basis: LifeBasis::Trend,
        };
        let p = |h| {
            Prognosis::Known(life)
                .failure_probability(Timestamp(0), Millis(h))
                .expect("known")
        };
        assert_eq!((p(0), p(100), p(200), p(400)), (0.0, 0.1, 0.5, 0.9));
        let all: Vec<f64> = (0..1000).map(p).collect();
        assert!(all.windows(2).all(|w| w[0] <= w[1]) && all.iter().all(|x| (0.0..=1.0).contains(x)));
        assert_eq!(
            Prognosis::NotYetKnown.failure_probability(Timestamp(0), Millis(5)),
            None
        );
    }

    #[test]
    fn an_unknown_health_is_not_a_good_one() {
        assert_eq!(Health::new(f64::NAN).percent(), 0.0);
        assert_eq!(Health::new(140.0), Health::FULL);
    }
}
