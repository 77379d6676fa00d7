//! Products and differences of columns: power is torque times speed, a heat flow goes with a difference of temperatures.
//! A tree that splits one column at a time needs many splits for what one pair says.

use serde::{Deserialize, Serialize};

/// Columns that are paired with each other: those that a first ensemble splits on most.
const PAIRED_COLUMNS: usize = 8;

/// Which columns are paired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pairs(Vec<[u16; 2]>);

impl Pairs {
    /// Every pair of the most used of the `eligible` columns.
    pub(super) fn among(uses: &[u32], eligible: impl Fn(usize) -> bool) -> Pairs {
        let mut columns: Vec<usize> = (0..uses.len()).filter(|c| uses[*c] > 0 && eligible(*c)).collect();
        columns.sort_by_key(|column| (std::cmp::Reverse(uses[*column]), *column));
        columns.truncate(PAIRED_COLUMNS);
        columns.sort_unstable();
        let mut pairs = Vec::new();
        for (place, first) in columns.iter().enumerate() {
            pairs.extend(
                columns[place + 1..]
                    .iter()
                    .map(|second| [*first as u16, *second as u16]),
            );
        }
        Pairs(pairs)
    }

    /// Columns after pairs are added to so many.
    pub(super) fn width(&self, columns: usize) -> usize {
        columns + 2 * self.0.len()
    }

    /// The row and its pairs, into `wide`.
    pub(super) fn extend(&self, row: &[f32], wide: &mut Vec<f32>) {
        wide.clear();
        wide.extend_from_slice(row);
        for [first, second] in &self.0 {
            let (first, second) = (row[usize::from(*first)], row[usize::from(*second)]);
            wide.extend([first * second, first - second].map(|v| if v.is_finite() { v } else { f32::NAN }));
        }
    }

    /// Whether pairs that were read from a file are of columns that there are.
    pub(super) fn are_sound(&self, columns: usize) -> bool {
        self.0.iter().flatten().all(|column| usize::from(*column) < columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_used_columns_are_paired() {
        let pairs = Pairs::among(&[5, 0, 9, 7], |column| column != 3);
        assert_eq!(pairs, Pairs(vec![[0, 2]]));
        let mut wide = Vec::new();
        pairs.extend(&[3.0, 1.0, 4.0, 1.0], &mut wide);
        assert_eq!(wide, [3.0, 1.0, 4.0, 1.0, 12.0, -1.0]);
        assert_eq!(pairs.width(4), 6);
        assert!(pairs.are_sound(3) && !pairs.are_sound(2));
        assert_eq!(Pairs::among(&[1; 50], |_| true).0.len(), 28);
    }
}
