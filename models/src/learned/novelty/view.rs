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
pub(super) const LENSES: usize = 5;

const fn view(lens: Lens, rows: u16) -> View {
    View { lens, rows }
}

/// Where a lens stands in a row through all of them.
pub(super) const fn column(lens: Lens) -> usize {
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
    fn the_named_views_are_where_their_names_say() {
        assert_eq!(VIEWS[PLAIN_OF_ONE_ROW], view(Lens::Plain, 1));
        assert_eq!(VIEWS[SEASON_OF_ONE_ROW], view(Lens::Season, 1));
    }
}
