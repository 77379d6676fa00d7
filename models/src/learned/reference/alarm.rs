//! Alert with hysteresis: begins at the limit, ends when the statistic stays well below it.
use serde::{Deserialize, Serialize};

/// Share of the limit below which it may end.
const OFF: f64 = 0.7;
/// Rows in a row below that end it.
const OFF_ROWS: u32 = 10;

/// Alert state of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alarm {
    /// Nothing to tell.
    #[default]
    Off,
    /// Standing for `rows` rows, of which the last `quiet_rows` were well below the limit.
    On { rows: u64, quiet_rows: u32 },
}

impl Alarm {
    /// Takes the next `ratio` of statistic to limit.
    #[must_use]
    pub fn step(self, ratio: f64) -> Self {
        match self {
            Self::Off => {
                if ratio >= 1.0 {
                    Self::On { rows: 1, quiet_rows: 0 }
                } else {
                    Self::Off
                }
            }
            Self::On { rows, quiet_rows } => {
                let quiet_rows = if ratio < OFF { quiet_rows + 1 } else { 0 };
                if quiet_rows >= OFF_ROWS {
                    Self::Off
                } else {
                    Self::On {
                        rows: rows.saturating_add(1),
                        quiet_rows,
                    }
                }
            }
        }
    }

    /// Rows it has stood; none while off.
    #[must_use]
    pub fn standing_rows(self) -> Option<u64> {
        match self {
            Self::Off => None,
            Self::On { rows, .. } => Some(rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dip_does_not_end_it_and_quiet_does() {
        let mut alarm = Alarm::default().step(1.0);
        for _ in 0..9 {
            alarm = alarm.step(0.1);
        }
        alarm = alarm.step(0.8);
        assert_eq!(alarm.standing_rows(), Some(11));
        for _ in 0..10 {
            alarm = alarm.step(0.1);
        }
        assert_eq!(alarm, Alarm::Off);
    }
}
