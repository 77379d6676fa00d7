//! Recorded history as the tables that training reads: lives that ended with a confirmed fault, and stretches with what was found.
//! Pure: values and events in, rows out.

use domain::Timestamp;
use std::collections::BTreeMap;

/// Rows of one life or stretch: enough to see it grow, few enough for years.
pub const MOST_ROWS: i64 = 500;
/// No row is shorter.
const LEAST_WIDTH_MS: i64 = 60_000;

/// From one repair to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Its first instant.
    pub from: Timestamp,
    /// The instant after its last one.
    pub to: Timestamp,
    /// Whether it ended with a fault that was confirmed; else it goes on.
    pub has_failed: bool,
}

/// Cuts what was recorded in `[first, last]` at each repair of a confirmed fault, ascending.
pub fn lives(first: Timestamp, last: Timestamp, repairs: &[Timestamp]) -> Vec<Life> {
    let mut lives = Vec::new();
    let mut from = first;
    for repair in repairs.iter().filter(|at| **at > first) {
        lives.push(Life {
            from,
            to: *repair,
            has_failed: true,
        });
        from = *repair;
    }
    if from <= last {
        lives.push(Life {
            from,
            to: Timestamp(last.0 + 1),
            has_failed: false,
        });
    }
    lives
}

/// Means of several metrics over equal parts of a stretch.
#[derive(Debug)]
pub struct Means {
    from: Timestamp,
    width_ms: i64,
    columns: usize,
    rows: BTreeMap<i64, Vec<(f64, u32)>>,
}

impl Means {
    /// Of a stretch, with so many metrics.
    pub fn new(from: Timestamp, to: Timestamp, columns: usize) -> Means {
        Means {
            from,
            width_ms: ((to - from).0 / MOST_ROWS + 1).max(LEAST_WIDTH_MS),
            columns,
            rows: BTreeMap::new(),
        }
    }

    /// Takes a value of a metric.
    pub fn add(&mut self, at: Timestamp, column: usize, value: f64) {
        let row = self.rows.entry((at - self.from).0.div_euclid(self.width_ms));
        let row = row.or_insert_with(|| vec![(0.0, 0); self.columns]);
        if let Some((sum, count)) = row.get_mut(column) {
            *sum += value;
            *count += 1;
        }
    }

    /// The rows by time: the middle of each, and the mean of each metric that has one.
    pub fn rows(&self) -> impl Iterator<Item = (Timestamp, Vec<Option<f64>>)> + '_ {
        self.rows.iter().map(|(number, row)| {
            let middle = Timestamp(self.from.0 + number * self.width_ms + self.width_ms / 2);
            let mean = |(sum, count): &(f64, u32)| (*count > 0).then(|| sum / f64::from(*count));
            (middle, row.iter().map(mean).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_repair_ends_a_life_and_the_last_goes_on() {
        let at = Timestamp;
        let life = |from, to, has_failed| Life {
            from: at(from),
            to: at(to),
            has_failed,
        };
        assert_eq!(
            lives(at(10), at(100), &[at(40), at(70)]),
            [life(10, 40, true), life(40, 70, true), life(70, 101, false)]
        );
        assert_eq!(lives(at(10), at(100), &[at(5)]), [life(10, 101, false)]);
        assert_eq!(lives(at(10), at(100), &[at(200)]), [life(10, 200, true)]);
    }

    #[test]
    fn a_stretch_has_few_rows_and_keeps_gaps() {
        let mut means = Means::new(Timestamp(0), Timestamp(1_000 * 60_000), 2);
        for minute in (0..1_000).filter(|minute| !(400..600).contains(minute)) {
            means.add(Timestamp(minute * 60_000), 0, minute as f64);
        }
        means.add(Timestamp(30_000), 1, 7.0);
        let rows: Vec<_> = means.rows().collect();
        assert!(rows.len() <= 402 && rows.len() > 300, "{}", rows.len());
        assert_eq!(
            rows[0].1,
            [Some(1.0), Some(7.0)],
            "three minutes of which the last begins just within"
        );
        assert!(rows[1].1[0] > Some(2.0) && rows[1].1[1].is_none());
    }
}
