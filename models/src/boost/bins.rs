//! Numbers as bins: each column becomes one byte a row, so that trees are grown from counts.

use crate::matrix::Matrix;

/// Most bins of present values.
const MOST_BINS: usize = 127;
/// Values that quantiles are taken from; more would not move them.
const MOST_SAMPLED: usize = 100_000;
/// The bin of a missing value.
pub const MISSING: u8 = u8::MAX;

/// A table in bins.
#[derive(Debug, Clone)]
pub struct Binned {
    rows: usize,
    columns: Vec<Column>,
}

#[derive(Debug, Clone)]
struct Column {
    /// Upper ends of all bins but the last, ascending: a value is in the first bin whose end is not below it.
    ends: Vec<f32>,
    bins: Vec<u8>,
}

impl Binned {
    /// Bins of about equally many rows; each distinct value its own where there are few.
    pub fn new(matrix: &Matrix) -> Binned {
        let columns = (0..matrix.columns())
            .map(|index| {
                let ends = ends(matrix, index);
                let bin = |value: f32| match value.is_nan() {
                    true => MISSING,
                    false => ends.partition_point(|end| *end < value) as u8,
                };
                let bins = matrix.column(index).map(bin).collect();
                Column { ends, bins }
            })
            .collect();
        Binned {
            rows: matrix.rows(),
            columns,
        }
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns.
    pub fn columns(&self) -> usize {
        self.columns.len()
    }

    /// The bin of one value; [`MISSING`] if there is none.
    pub(super) fn bin(&self, column: usize, row: usize) -> u8 {
        self.columns[column].bins[row]
    }

    /// The bins of a column.
    pub(super) fn bins(&self, column: usize) -> &[u8] {
        &self.columns[column].bins
    }

    /// Upper ends of all bins but the last.
    pub(super) fn ends(&self, column: usize) -> &[f32] {
        &self.columns[column].ends
    }
}

/// Ends in the middle between neighbouring values, so that a new value between them goes to the nearer one.
fn ends(matrix: &Matrix, column: usize) -> Vec<f32> {
    let step = matrix.rows().div_ceil(MOST_SAMPLED).max(1);
    let mut values: Vec<f32> = matrix.column(column).step_by(step).filter(|v| !v.is_nan()).collect();
    values.sort_unstable_by(f32::total_cmp);
    let between = |low: f32, high: f32| {
        let middle = low + (high - low) / 2.0;
        // rounding may reach the upper value, which belongs to the next bin
        if middle < high { middle } else { low }
    };
    let mut distinct = values.clone();
    distinct.dedup();
    if distinct.len() <= MOST_BINS {
        return distinct.windows(2).map(|pair| between(pair[0], pair[1])).collect();
    }
    let mut ends: Vec<f32> = (1..MOST_BINS)
        .filter_map(|k| {
            let at = k * values.len() / MOST_BINS;
            let low = values[at - 1];
            let next = distinct.get(distinct.partition_point(|v| *v <= low))?;
            Some(between(low, *next))
        })
        .collect();
    ends.dedup();
    ends
}
