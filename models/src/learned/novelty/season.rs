//! What is usual at this time of day: one mean per half hour, learned day by day.

use serde::{Deserialize, Serialize};

const DAY_MS: i64 = 86_400_000;
/// Half hours of a day.
const BINS: i64 = 48;
/// Days after which old days fade from a bin's mean.
const MEMORY_VISITS: f32 = 8.0;

/// The means of one half hour.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Bin {
    visits: u16,
    z: f32,
    q: f32,
}

/// The readings since this half hour began.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Visit {
    /// Half hours since the epoch.
    number: i64,
    rows: u32,
    z: f64,
    q: f64,
}

/// The expectation for one reading.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Expected {
    /// Of the plain reading.
    pub(super) z: f64,
    /// Of the squashed reading.
    pub(super) q: f64,
    /// Whether this half hour was seen on an earlier day; if not, the reading itself is expected.
    pub(super) is_known: bool,
}

/// Time-of-day profile of a series, plain and squashed.
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
    pub(super) fn step(&mut self, z: f64, q: f64, at_ms: i64) -> Expected {
        let number = at_ms.div_euclid(DAY_MS / BINS);
        if number != self.visit.number {
            self.end_visit();
            self.visit = Visit {
                number,
                ..Visit::default()
            };
        }
        let bin = self.bins[number.rem_euclid(BINS) as usize];
        let expected = if bin.visits > 0 {
            Expected {
                z: f64::from(bin.z),
                q: f64::from(bin.q),
                is_known: true,
            }
        } else {
            Expected { z, q, is_known: false }
        };
        self.visit.rows = self.visit.rows.saturating_add(1);
        self.visit.z += (z - self.visit.z) / f64::from(self.visit.rows);
        self.visit.q += (q - self.visit.q) / f64::from(self.visit.rows);
        expected
    }

    fn end_visit(&mut self) {
        if self.visit.rows == 0 {
            return;
        }
        let bin = &mut self.bins[self.visit.number.rem_euclid(BINS) as usize];
        bin.visits = bin.visits.saturating_add(1);
        let share = (1.0 / f32::from(bin.visits)).max(1.0 / MEMORY_VISITS);
        bin.z += share * (self.visit.z as f32 - bin.z);
        bin.q += share * (self.visit.q as f32 - bin.q);
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
            season.step(value(hour), 0.0, hour * 3_600_000);
        });
        assert!(!season.step(9.0, 0.0, 24 * 3_600_000 + 1_800_000).is_known);
        assert_eq!(season.step(9.0, 0.0, 27 * 3_600_000).z, 0.0);
        assert_eq!(season.step(9.0, 0.0, 40 * 3_600_000).z, 5.0);
    }
}
