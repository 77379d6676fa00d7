//! One reading of all metrics that a learned rule watches.

use serde::{Deserialize, Serialize};

/// Values by column; not a number where a metric is missing. Two rows are equal if they are so bit by bit.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Row(Vec<f64>);

impl PartialEq for Row {
    fn eq(&self, other: &Row) -> bool {
        let bits = |row: &Row| row.0.iter().map(|v| v.to_bits()).collect::<Vec<u64>>();
        bits(self) == bits(other)
    }
}

impl Row {
    /// A row without values.
    pub fn missing(columns: usize) -> Row {
        Row(vec![f64::NAN; columns])
    }

    /// The values.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.0.len()
    }

    /// Adds columns without values.
    pub fn grow(&mut self, columns: usize) {
        self.0.resize(columns, f64::NAN);
    }

    /// Sets a value.
    #[inline]
    pub fn set(&mut self, column: usize, value: f64) {
        self.0[column] = value;
    }

    /// Takes over as many values as there are, and misses the others.
    pub fn copy(&mut self, values: &[f64]) {
        let shared = values.len().min(self.0.len());
        self.0[..shared].copy_from_slice(&values[..shared]);
        self.0[shared..].fill(f64::NAN);
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.0.fill(f64::NAN);
    }
}
