//! Rows of numbers for learning, whatever they came from: windows of a run to failure, columns of a table, features of a
//! waveform. A missing value is NaN.

/// A table of `f32`, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    columns: usize,
    values: Vec<f32>,
}

impl Matrix {
    /// An empty table with so many columns.
    pub fn new(columns: usize) -> Matrix {
        Matrix {
            columns,
            values: Vec::new(),
        }
    }

    /// Adds a row; infinite values become missing. A row of another length is cut or filled with missing values.
    pub fn push(&mut self, row: &[f32]) {
        let start = self.values.len();
        self.values.resize(start + self.columns, f32::NAN);
        for (to, from) in self.values[start..].iter_mut().zip(row) {
            *to = if from.is_finite() { *from } else { f32::NAN };
        }
    }

    /// How many columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or(0)
    }

    /// One row.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.columns..(index + 1) * self.columns]
    }

    /// The values of one column, from the first row on.
    pub fn column(&self, index: usize) -> impl Iterator<Item = f32> {
        self.values.iter().skip(index).step_by(self.columns.max(1)).copied()
    }

    /// The rows with these numbers, in this order.
    pub fn select(&self, rows: &[usize]) -> Matrix {
        let mut values = Vec::with_capacity(rows.len() * self.columns);
        for row in rows {
            values.extend_from_slice(self.row(*row));
        }
        Matrix {
            columns: self.columns,
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_come_back_and_what_is_not_finite_is_missing() {
        let mut matrix = Matrix::new(3);
        matrix.push(&[1.0, 2.0, 3.0]);
        matrix.push(&[4.0, f32::INFINITY]);
        assert_eq!((matrix.rows(), matrix.columns()), (2, 3));
        assert_eq!(matrix.row(0), &[1.0, 2.0, 3.0]);
        assert_eq!(matrix.column(0).collect::<Vec<_>>(), [1.0, 4.0]);
        assert!(matrix.column(1).nth(1).is_some_and(f32::is_nan) && matrix.row(1)[2].is_nan());
        assert_eq!(matrix.select(&[1, 0]).row(1), matrix.row(0));
        assert_eq!(Matrix::new(0).rows(), 0);
    }
}
