//! How far each view leaves its range on average. A trend sets a record with every row, and a young season is wrong all
//! day: what is new all the time is no news.

use serde::{Deserialize, Serialize};

use super::view::VIEWS;

/// Means of the excess that an excess must pass to be evidence.
const TIMES: f64 = 1.0;
/// Rows of the mean once full.
const MEMORY_ROWS: f64 = 2000.0;

/// Mean excess of each view, in widths of its range.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Usual {
    means: [f32; VIEWS.len()],
}

impl Usual {
    /// The excess less what is usual for this view; then learns it. Negative excess is inside the range and stays as it is.
    pub(super) fn step(&mut self, index: usize, excess: f64, rows: u32) -> f64 {
        let mean = f64::from(self.means[index]);
        let share = (1.0 / f64::from(rows)).max(1.0 / MEMORY_ROWS);
        self.means[index] = (mean + share * (excess.max(0.0) - mean)) as f32;
        if excess > 0.0 {
            (excess - TIMES * mean).max(0.0)
        } else {
            excess
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_all_the_time_is_no_evidence() {
        let mut usual = Usual::default();
        assert_eq!(usual.step(0, 0.5, 100), 0.5);
        (101..5000).for_each(|rows| {
            usual.step(0, 0.2, rows);
        });
        assert!(usual.step(0, 0.2, 5000) < 0.01);
        assert!(usual.step(0, 0.9, 5001) > 0.6);
        assert_eq!(usual.step(1, -0.3, 5002), -0.3);
    }
}
