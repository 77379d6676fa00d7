//! What is usual at this time of day: one mean per half hour, learned day by day.

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
/// Half hours of a day.
const BINS: i64 = 48;
/// Days after which old days fade from a bin's mean.
const MEMORY_VISITS: f32 = 8.0;

/// The mean of one half hour.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Bin {
    visits: u16,
    mean: f32,
}

/// The readings since this half hour began.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Visit {
    /// Half hours since the epoch.
    number: i64,
    rows: u32,
    mean: f64,
}

/// The expectation for one reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Expected {
    /// The reading that is usual now.
    pub(super) z: f64,
    /// Whether this half hour was seen on an earlier day; if not, the reading itself is expected.
    pub(super) is_known: bool,
}

/// Time-of-day profile of a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    bins: Vec<Bin>,
    visit: Visit,
}

impl Season {
    pub(super) fn new() -> Season {
        Season {
            bins: vec![Bin::default(); BINS as usize],
            visit: Visit::default(),
        }
    }

    /// Whether a state read from disk has the lengths of this version.
    pub(super) fn fits(&self) -> bool {
        self.bins.len() == BINS as usize
    }

    /// What was to be expected of this reading; then learns it.
    pub(super) fn step(&mut self, z: f64, at_ms: i64) -> Expected {
        let number = at_ms.div_euclid(DAY_MS / BINS);
        if number != self.visit.number {
            self.end_visit();
            self.visit = Visit {
                number,
                ..Visit::default()
            };
        }
        let bin = self.bins[number.rem_euclid(BINS) as usize];
        self.visit.rows = self.visit.rows.saturating_add(1);
        self.visit.mean += (z - self.visit.mean) / f64::from(self.visit.rows);
        let is_known = bin.visits > 0;
        Expected {
            z: if is_known { f64::from(bin.mean) } else { z },
            is_known,
        }
    }

    fn end_visit(&mut self) {
        if self.visit.rows == 0 {
            return;
        }
        let bin = &mut self.bins[self.visit.number.rem_euclid(BINS) as usize];
        bin.visits = bin.visits.saturating_add(1);
        let share = (1.0 / f32::from(bin.visits)).max(1.0 / MEMORY_VISITS);
        bin.mean += share * (self.visit.mean as f32 - bin.mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_day_is_expected_to_be_like_the_first() {
        let mut season = Season::new();
        let value = |hour: i64| if hour % 24 < 8 { 0.0 } else { 5.0 };
        (0..24).for_each(|hour| {
            season.step(value(hour), hour * 3_600_000);
        });
        assert!(!season.step(9.0, 24 * 3_600_000 + 1_800_000).is_known);
        assert_eq!(season.step(9.0, 27 * 3_600_000).z, 0.0);
        assert_eq!(season.step(9.0, 40 * 3_600_000).z, 5.0);
    }
}
