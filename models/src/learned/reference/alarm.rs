//! Alert with hysteresis: begins when the statistic stays at the limit, ends when it stays well below it.
use serde::{Deserialize, Serialize};

/// Rows in a row at the limit that begin it. The statistics are averages over 30 rows and more: what only touches the limit is noise.
const ON_ROWS: u32 = 3;
/// Share of the limit below which it may end.
const OFF: f64 = 0.7;
/// Rows in a row below that end it.
const OFF_ROWS: u32 = 15;

/// Alert state of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Alarm {
    /// Nothing to tell: for `rows` rows at the limit, fewer than begin it.
    Off { rows: u32 },
    /// Standing for `rows` rows, of which the last `quiet_rows` were well below the limit.
    On { rows: u64, quiet_rows: u32 },
}

impl Default for Alarm {
    fn default() -> Self {
        Self::Off { rows: 0 }
    }
}

impl Alarm {
    /// Takes the next `ratio` of statistic to limit.
    #[must_use]
    pub fn step(self, ratio: f64) -> Self {
        match self {
            Self::Off { rows } => {
                let rows = if ratio >= 1.0 { rows + 1 } else { 0 };
                if rows >= ON_ROWS {
                    Self::On { rows: 1, quiet_rows: 0 }
                } else {
                    Self::Off { rows }
                }
            }
            Self::On { rows, quiet_rows } => {
                let quiet_rows = if ratio < OFF { quiet_rows + 1 } else { 0 };
                if quiet_rows >= OFF_ROWS {
                    Self::default()
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
            Self::Off { .. } => None,
            Self::On { rows, .. } => Some(rows),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(alarm: Alarm, ratios: &[f64]) -> Alarm {
        ratios.iter().fold(alarm, |alarm, ratio| alarm.step(*ratio))
    }

    #[test]
    fn what_touches_the_limit_is_not_told() {
        let alarm = after(Alarm::default(), &[1.2, 1.2, 0.9, 1.2, 1.2]);
        assert_eq!(alarm.standing_rows(), None);
        assert_eq!(alarm.step(1.0).standing_rows(), Some(1));
    }

    #[test]
    fn a_dip_does_not_end_it_and_quiet_does() {
        let begun = after(Alarm::default(), &[1.0; ON_ROWS as usize]);
        let alarm = after(begun, &[0.1; OFF_ROWS as usize - 1]).step(0.8);
        assert_eq!(alarm.standing_rows(), Some(u64::from(OFF_ROWS) + 1));
        assert_eq!(after(alarm, &[0.1; OFF_ROWS as usize]), Alarm::default());
    }
}
