//! What the review counts by, and what is aimed at: the numbers of the service handbooks.

use domain::Millis;
use domain::checked::Problem;
use serde::{Deserialize, Serialize};

/// What the review counts by, as written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewConfig {
    /// Another repair of the same fault of a machine within so many days is a repeat.
    pub repeat_repair_within_days: u32,
    /// Customers are called back within so many hours of the end of the work.
    pub call_back_within_hours: u32,
    /// A rating from here on is a good one, of five.
    pub good_rating_from: u8,
    /// A drill each so many months, the kinds of event in turn: 1, 2, 3, 4, 6 or 12.
    pub drill_every_months: u8,
    /// Shown beside the figures.
    pub aims: AimsConfig,
}

/// What is aimed at, as shares, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AimsConfig {
    /// Customers who gave a good rating, at least.
    pub satisfied: f64,
    /// Repairs that were repeats, at most.
    pub repeat_repair: f64,
    /// Requests that somebody answered, at least.
    pub answered: f64,
    /// Customers called back in time, at least.
    pub called_back: f64,
    /// Clocks met in time, at least.
    pub in_time: f64,
    /// Bad ratings settled in time, at least.
    pub complaints: f64,
}

impl Default for ReviewConfig {
    fn default() -> Self {
        ReviewConfig {
            repeat_repair_within_days: 30,
            call_back_within_hours: 24,
            good_rating_from: 4,
            drill_every_months: 3,
            aims: AimsConfig::default(),
        }
    }
}

impl Default for AimsConfig {
    fn default() -> Self {
        AimsConfig {
            satisfied: 0.90,
            repeat_repair: 0.05,
            answered: 1.0,
            called_back: 1.0,
            in_time: 1.0,
            complaints: 1.0,
        }
    }
}

impl ReviewConfig {
    /// Within this a repair of the same fault is a repeat.
    pub fn repeat_within(&self) -> Millis {
        Millis::days(i64::from(self.repeat_repair_within_days))
    }

    /// Within this of the end of the work customers are called back.
    pub fn call_back_within(&self) -> Millis {
        Millis::hours(i64::from(self.call_back_within_hours))
    }

    /// What is wrong goes to `problems`.
    pub(super) fn check(&self, problems: &mut Vec<Problem>) {
        let mut wrong = |key: &str, message: String| problems.push(Problem::at(format!("review.{key}"), message));
        if !(1..=3_660).contains(&self.repeat_repair_within_days) {
            wrong("repeat_repair_within_days", "1 to 3660 days are expected".into());
        }
        if !(1..=8_784).contains(&self.call_back_within_hours) {
            wrong("call_back_within_hours", "1 to 8784 hours are expected".into());
        }
        if !(1..=5).contains(&self.good_rating_from) {
            wrong("good_rating_from", "a rating from 1 to 5 is expected".into());
        }
        if self.drill_every_months == 0 || 12 % self.drill_every_months != 0 {
            wrong("drill_every_months", "1, 2, 3, 4, 6 or 12 months are expected".into());
        }
        let aims = &self.aims;
        for (key, share) in [
            ("satisfied", aims.satisfied),
            ("repeat_repair", aims.repeat_repair),
            ("answered", aims.answered),
            ("called_back", aims.called_back),
            ("in_time", aims.in_time),
            ("complaints", aims.complaints),
        ] {
            if !(0.0..=1.0).contains(&share) {
                wrong(
                    &format!("aims.{key}"),
                    format!("{share}; a share from 0 to 1 is expected"),
                );
            }
        }
    }
}
