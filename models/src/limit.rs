//! Fixed limits with hysteresis. Pure arithmetic on one value.

use domain::Severity;
use domain::profile::{Direction, Level};

/// How many levels are passed now, given how many were. A limit that was passed stays so until the value has come back
/// past it by the deadband.
#[inline]
pub fn levels_passed(value: f64, direction: Direction, levels: &[Level], deadband: f64, before: u8) -> u8 {
    let mut passed = 0;
    for (place, level) in levels.iter().enumerate() {
        let was = usize::from(before) > place;
        let is = match direction {
            Direction::Above => value > level.limit || (was && value > level.limit - deadband),
            Direction::Below => value < level.limit || (was && value < level.limit + deadband),
        };
        if is {
            passed = place as u8 + 1;
        }
    }
    passed
}

/// The worst level passed.
pub fn severity_of(levels: &[Level], passed: u8) -> Option<Severity> {
    usize::from(passed)
        .checked_sub(1)
        .and_then(|place| levels.get(place))
        .map(|l| l.severity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(direction: Direction, deadband: f64, values: &[f64], expected: &[u8]) {
        let sign = match direction {
            Direction::Above => 1.0,
            Direction::Below => -1.0,
        };
        let level = |severity, limit: f64| Level {
            severity,
            limit: limit * sign,
        };
        let levels = [level(Severity::Warning, 2.8), level(Severity::Critical, 4.5)];
        let mut passed = 0;
        for (value, expected) in values.iter().zip(expected) {
            passed = levels_passed(value * sign, direction, &levels, deadband, passed);
            assert_eq!(passed, *expected, "{values:?} at {value}");
        }
    }

    #[test]
    fn a_value_equal_to_a_limit_has_not_passed_it() {
        for direction in [Direction::Above, Direction::Below] {
            check(direction, 0.0, &[2.8, 2.81, 4.5, 4.51, 4.5, 2.8], &[0, 1, 1, 2, 1, 0]);
        }
    }

    #[test]
    fn inside_the_deadband_the_level_holds() {
        for direction in [Direction::Above, Direction::Below] {
            check(direction, 0.5, &[2.5, 3.0, 2.4, 2.2, 2.4], &[0, 1, 1, 0, 0]);
            check(direction, 0.5, &[5.0, 4.1, 3.9, 2.4, 2.2], &[2, 2, 1, 1, 0]);
        }
    }
}
