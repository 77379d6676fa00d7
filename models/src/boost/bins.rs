//! Numbers as bins: each column becomes one byte a row, so that trees are grown from counts.

use crate::matrix::Matrix;

/// Most bins of present values that a byte can tell apart beside [`MISSING`].
pub const MOST_BINS: usize = 254;
/// Values that quantiles are taken from; more would not move them.
const MOST_SAMPLED: usize = 100_000;
/// The bin of a missing value.
pub const MISSING: u8 = u8::MAX;

/// A table in bins.
#[derive(Debug, Clone)]
pub struct Binned {
    rows: usize,
    most_bins: usize,
    columns: Vec<Column>,
}

#[derive(Debug, Clone)]
struct Column {
    /// Upper ends of all bins but the last, ascending: a value is in the first bin whose end is not below it.
    ends: Vec<f32>,
    bins: Vec<u8>,
}

impl Binned {
    /// At most so many bins of about equally many rows; each distinct value its own where there are few. More bins find
    /// limits in the tails more exactly and take longer.
    pub fn new(matrix: &Matrix, most_bins: usize) -> Binned {
        let most_bins = most_bins.clamp(2, MOST_BINS);
        let columns = (0..matrix.columns())
            .map(|index| {
                let ends = ends(matrix, index, most_bins);
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
            most_bins,
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

    /// Places for sums of a column: one for each bin, the missing one last.
    pub(super) fn slots(&self) -> usize {
        self.most_bins + 1
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
fn ends(matrix: &Matrix, column: usize, most_bins: usize) -> Vec<f32> {
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
    if distinct.len() <= most_bins {
        return distinct.windows(2).map(|pair| between(pair[0], pair[1])).collect();
    }
    let mut ends: Vec<f32> = (1..most_bins)
        .filter_map(|k| {
            let at = k * values.len() / most_bins;
            let low = values[at - 1];
            let next = distinct.get(distinct.partition_point(|v| *v <= low))?;
            Some(between(low, *next))
        })
        .collect();
    ends.dedup();
    ends
}
