//! The views of the newest row, and those of the row that is [`ROWS`] older: what enters the ranges is held back, so that a slow
//! change is compared with what was before it began.
//!
//! The older views are computed a second time, from the rows that leave the first windows: a row through five lenses is a third
//! of its fifteen views, so a series remembers less and its state is sooner on disk.

use super::view::{LENSES, VIEWS, column};
use serde::{Deserialize, Serialize};

/// Rows in the longest window. Also the rows between a reading and its entry into the ranges: after as many a new level starts to
/// become normal.
pub(super) const ROWS: usize = 64;

/// A row through all lenses.
type Row = [f32; LENSES];
/// A value of each view.
pub(super) type Values = [f32; VIEWS.len()];

/// The views of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Views {
    newest: Windows,
    held_back: Windows,
    /// The plain and the squashed reading before; for the size of steps.
    last: Option<[f64; 2]>,
}

impl Views {
    pub(super) fn new() -> Views {
        Views {
            newest: Windows::new(),
            held_back: Windows::new(),
            last: None,
        }
    }

    /// Takes the plain and squashed reading and what the season leaves of it; returns the views of this row, and those of
    /// [`ROWS`] rows ago once there are any.
    pub(super) fn step(&mut self, z: f64, q: f64, season: f64) -> (Values, Option<Values>) {
        let [last_z, last_q] = self.last.replace([z, q]).unwrap_or([z, q]);
        let (step_z, step_q) = ((z - last_z).abs(), (q - last_q).abs());
        let row = [z as f32, q as f32, season as f32, step_z as f32, step_q as f32];
        let left = self.newest.leaving();
        let newest = self.newest.step(row);
        (newest, left.map(|row| self.held_back.step(row)))
    }

    /// Of a series whose operating mode is not the present one: it borrows the windows of the present one when it becomes so.
    pub(super) fn lent() -> Views {
        let lent = Windows {
            ring: Vec::new(),
            at: 0,
            filled: 0,
            sums: [0.0; VIEWS.len()],
        };
        Views {
            newest: lent.clone(),
            held_back: lent,
            last: None,
        }
    }

    /// Hands out what is held back, the oldest first.
    pub(super) fn release(&mut self, mut learn: impl FnMut(Values)) {
        let (at, rows) = (usize::from(self.newest.at), usize::from(self.newest.filled));
        for place in 0..rows {
            learn(self.held_back.step(self.newest.ring[(at + ROWS - rows + place) % ROWS]));
        }
        self.newest.filled = 0;
    }

    /// Whether so many rows have come since the mode began; windows that are not full are rougher than those that are.
    pub(super) fn has(&self, rows: u16) -> bool {
        self.newest.filled >= rows
    }

    /// Forgets all rows; nothing is allocated.
    pub(super) fn clear(&mut self) {
        for windows in [&mut self.newest, &mut self.held_back] {
            windows.ring.fill([0.0; LENSES]);
            (windows.at, windows.filled, windows.sums) = (0, 0, [0.0; VIEWS.len()]);
        }
        self.last = None;
    }

    /// Whether a state read from disk has the lengths of this version.
    pub(super) fn fits(&self) -> bool {
        self.newest.fits() && self.held_back.fits()
    }

    /// Whether they are those of a mode that is not the present one.
    pub(super) fn is_lent(&self) -> bool {
        self.newest.ring.is_empty() && self.held_back.ring.is_empty()
    }
}

/// The last rows through each lens, and the running sums of the windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Windows {
    /// Row after row, all lenses of one row together.
    ring: Vec<Row>,
    at: u16,
    filled: u16,
    sums: [f64; VIEWS.len()],
}

impl Windows {
    fn new() -> Windows {
        Windows {
            ring: vec![[0.0; LENSES]; ROWS],
            at: 0,
            filled: 0,
            sums: [0.0; VIEWS.len()],
        }
    }

    /// The row that the next one replaces; none until as many are there.
    fn leaving(&self) -> Option<Row> {
        (usize::from(self.filled) == ROWS).then(|| self.ring[usize::from(self.at)])
    }

    fn step(&mut self, row: Row) -> Values {
        let at = usize::from(self.at);
        let mut values = [0.0; VIEWS.len()];
        for ((value, sum), view) in values.iter_mut().zip(&mut self.sums).zip(&VIEWS) {
            let lens = column(view.lens);
            *sum += f64::from(row[lens]);
            if self.filled >= view.rows {
                *sum -= f64::from(self.ring[(at + ROWS - usize::from(view.rows)) % ROWS][lens]);
            }
            *value = (*sum / f64::from(view.rows.min(self.filled + 1))) as f32;
        }
        self.ring[at] = row;
        self.filled = (self.filled + 1).min(ROWS as u16);
        self.at = ((at + 1) % ROWS) as u16;
        if self.at == 0 {
            self.add_up_again();
        }
        values
    }

    fn fits(&self) -> bool {
        self.ring.len() == ROWS && usize::from(self.at) < ROWS && usize::from(self.filled) <= ROWS
    }

    /// Sums the windows anew, once per turn of the ring, so that rounding never builds up.
    fn add_up_again(&mut self) {
        for (sum, view) in self.sums.iter_mut().zip(&VIEWS) {
            let lens = column(view.lens);
            *sum = self.ring[ROWS - usize::from(view.rows)..]
                .iter()
                .map(|row| f64::from(row[lens]))
                .sum();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::PLAIN_OF_ONE_ROW;
    use super::*;

    #[test]
    fn a_window_is_the_mean_of_its_rows() {
        let mut views = Views::new();
        let mut values = [0.0; VIEWS.len()];
        for i in 0..1000 {
            values = views.step(f64::from(i), 0.0, 0.0).0;
        }
        assert_eq!(values[PLAIN_OF_ONE_ROW], 999.0);
        assert_eq!(values[1], 997.5);
        assert_eq!(values[3], 967.5);
        assert_eq!(values[VIEWS.len() - 1], 1.0);
    }

    #[test]
    fn what_is_released_is_what_would_have_been_learned_later() {
        let rows = 150u32;
        let step = |views: &mut Views, i: u32| views.step(f64::from(i * 7919 % 101), f64::from(i % 5), 0.0);
        let (mut views, mut released, mut expected) = (Views::new(), Vec::new(), Vec::new());
        (0..rows).for_each(|i| expected.push(step(&mut views, i).0));
        views.release(|values| released.push(values));
        assert_eq!(released, expected[expected.len() - ROWS..]);
        views.clear();
        assert_eq!(views, Views::new());
    }

    #[test]
    fn what_is_held_back_is_what_was_seen_bit_by_bit() {
        let mut views = Views::new();
        let mut seen = Vec::new();
        for i in 0..500u32 {
            let value = f64::from(i * 7919 % 101) * 0.37;
            let (newest, held_back) = views.step(value, value.sqrt(), value - 3.0);
            seen.push(newest);
            let place = (i as usize).checked_sub(ROWS);
            assert_eq!(held_back, place.map(|place| seen[place]));
        }
    }
}
