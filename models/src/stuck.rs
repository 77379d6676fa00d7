//! A sensor that gives the same value for too long although it used to vary.

use domain::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Since when a series has had its present value.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Standstill {
    value: f64,
    since: Option<Timestamp>,
    has_varied: bool,
}

impl Standstill {
    /// Takes one value; says whether it has been the same for too long.
    #[inline]
    pub fn step(&mut self, value: f64, at: Timestamp, after: Millis) -> bool {
        match self.since {
            Some(since) if value == self.value => {
                let since = since.min(at);
                self.since = Some(since);
                self.has_varied && at - since >= after
            }
            Some(_) | None => {
                self.has_varied |= self.since.is_some();
                self.value = value;
                self.since = Some(at);
                false
            }
        }
    }

    /// Since when, device time.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: &[bool]) {
        let mut standstill = Standstill::default();
        let said: Vec<bool> = values
            .iter()
            .enumerate()
            .map(|(s, v)| standstill.step(*v, Timestamp(s as i64 * 1000), Millis::seconds(3)))
            .collect();
        assert_eq!(said, expected, "{values:?}");
    }

    #[test]
    fn it_speaks_after_the_time_and_until_the_value_moves() {
        check(
            &[1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.1],
            &[false, false, false, false, true, true, false],
        );
    }

    #[test]
    fn a_series_that_never_varied_is_not_stuck() {
        check(&[5.0; 10], &[false; 10]);
    }
}
