//! The views of a series: what is looked at, and over how many rows it is averaged.

use serde::{Deserialize, Serialize};

/// What a view looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lens {
    /// The reading.
    Plain,
    /// The reading, squashed so that spikes do not hide shifts of the bulk.
    Squashed,
    /// The reading less what is usual at this time of day.
    Season,
    /// Size of the steps between readings.
    Restless,
    /// Size of the steps between squashed readings.
    SquashedRestless,
}

/// One way of looking at the series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// What is looked at.
    pub lens: Lens,
    /// Over how many rows it is averaged.
    pub rows: u16,
}

/// All views. A lens at one row finds spikes, at 64 rows slow shifts.
pub const VIEWS: [View; 15] = [
    view(Lens::Plain, 1),
    view(Lens::Plain, 4),
    view(Lens::Plain, 16),
    view(Lens::Plain, 64),
    view(Lens::Squashed, 1),
    view(Lens::Squashed, 8),
    view(Lens::Squashed, 32),
    view(Lens::Squashed, 64),
    view(Lens::Season, 1),
    view(Lens::Season, 4),
    view(Lens::Season, 16),
    view(Lens::Season, 64),
    view(Lens::SquashedRestless, 32),
    view(Lens::Restless, 32),
    view(Lens::Restless, 64),
];
/// Where the plain reading stands in [`VIEWS`].
pub(super) const PLAIN_OF_ONE_ROW: usize = 0;
/// Where the reading less its season stands in [`VIEWS`].
pub(super) const SEASON_OF_ONE_ROW: usize = 8;

/// Number of lenses.
const LENSES: usize = 5;
/// Rows kept of each lens: the longest window.
const KEPT: usize = 64;

const fn view(lens: Lens, rows: u16) -> View {
    View { lens, rows }
}

/// The last rows through each lens, and the running sums of the windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Views {
    /// Row after row, all lenses of one row together.
    ring: Vec<[f32; LENSES]>,
    at: u16,
    filled: u16,
    sums: [f64; VIEWS.len()],
    last: [f64; 2],
}

impl Views {
    pub(super) fn new() -> Views {
        Views {
            ring: vec![[0.0; LENSES]; KEPT],
            at: 0,
            filled: 0,
            sums: [0.0; VIEWS.len()],
            last: [0.0; 2],
        }
    }

    /// Takes the plain and squashed reading and what the season leaves of it; returns the value of each view.
    pub(super) fn step(&mut self, z: f64, q: f64, season: f64) -> [f32; VIEWS.len()] {
        let (step_z, step_q) = if self.filled == 0 {
            (0.0, 0.0)
        } else {
            ((z - self.last[0]).abs(), (q - self.last[1]).abs())
        };
        self.last = [z, q];
        let row = [z as f32, q as f32, season as f32, step_z as f32, step_q as f32];
        let at = usize::from(self.at);
        let mut values = [0.0; VIEWS.len()];
        for ((value, sum), view) in values.iter_mut().zip(&mut self.sums).zip(&VIEWS) {
            let lens = column(view.lens);
            *sum += f64::from(row[lens]);
            if self.filled >= view.rows {
                *sum -= f64::from(self.ring[(at + KEPT - usize::from(view.rows)) % KEPT][lens]);
            }
            *value = (*sum / f64::from(view.rows.min(self.filled + 1))) as f32;
        }
        self.ring[at] = row;
        self.filled = (self.filled + 1).min(KEPT as u16);
        self.at = ((at + 1) % KEPT) as u16;
        if self.at == 0 {
            self.add_up_again();
        }
        values
    }

    /// Whether a state read from disk has the lengths of this version.
    pub(super) fn fits(&self) -> bool {
        self.ring.len() == KEPT && usize::from(self.at) < KEPT && usize::from(self.filled) <= KEPT
    }

    /// Sums the windows anew, once per turn of the ring, so that rounding never builds up.
    fn add_up_again(&mut self) {
        for (sum, view) in self.sums.iter_mut().zip(&VIEWS) {
            let lens = column(view.lens);
            *sum = self.ring[KEPT - usize::from(view.rows)..]
                .iter()
                .map(|row| f64::from(row[lens]))
                .sum();
        }
    }
}

fn column(lens: Lens) -> usize {
    match lens {
        Lens::Plain => 0,
        Lens::Squashed => 1,
        Lens::Season => 2,
        Lens::Restless => 3,
        Lens::SquashedRestless => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_the_mean_of_its_rows() {
        let mut views = Views::new();
        let mut values = [0.0; VIEWS.len()];
        for i in 0..1000 {
            values = views.step(f64::from(i), 0.0, 0.0);
        }
        assert_eq!(values[PLAIN_OF_ONE_ROW], 999.0);
        assert_eq!(values[1], 997.5);
        assert_eq!(values[3], 967.5);
        assert_eq!(values[VIEWS.len() - 1], 1.0);
    }

    #[test]
    fn the_named_views_are_where_their_names_say() {
        assert_eq!(VIEWS[PLAIN_OF_ONE_ROW], view(Lens::Plain, 1));
        assert_eq!(VIEWS[SEASON_OF_ONE_ROW], view(Lens::Season, 1));
    }
}
