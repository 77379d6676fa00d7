//! Files, threads and progress around the learned models of `models`: reads training data, carries out jobs on threads, keeps
//! models in files.

pub mod ages;
pub mod labelled;
pub mod lives;
pub mod model_file;
pub mod runs;
pub mod threads;

use std::path::{Path, PathBuf};
use thiserror::Error;

/// What is wrong with a data file.
#[derive(Debug, Error)]
pub enum DataError {
    /// It cannot be opened or read.
    #[error("cannot read {file}")]
    Read {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It is not a table: unequal number of fields, bad UTF-8, broken gzip.
    #[error("{file} is not a table of equally long rows")]
    Table {
        /// Which file.
        file: PathBuf,
        /// Where and why.
        #[source]
        cause: csv::Error,
    },
    /// A column that is asked for is not there.
    #[error("{file} has no column `{column}`; it has {columns}")]
    NoColumn {
        /// Which file.
        file: PathBuf,
        /// The name.
        column: String,
        /// Names that there are.
        columns: String,
    },
    /// A cell cannot be understood.
    #[error("{file}:{line}: column `{column}`: `{text}` {problem}")]
    Cell {
        /// Which file.
        file: PathBuf,
        /// Line in it, from 1.
        line: u64,
        /// Name of the column.
        column: String,
        /// The cell.
        text: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A row has the wrong number of fields.
    #[error("{file}:{line}: {found} columns, {expected} are expected")]
    Width {
        /// Which file.
        file: PathBuf,
        /// Line in it, from 1.
        line: u64,
        /// Fields found.
        found: usize,
        /// Fields expected.
        expected: usize,
    },
    /// No rows.
    #[error("{file} has no rows of data")]
    Empty {
        /// Which file.
        file: PathBuf,
    },
    /// A column that lists rows of the model is no number in this file.
    #[error("{file}: the model was trained with other columns: {problem}")]
    OtherColumns {
        /// Which file.
        file: PathBuf,
        /// What differs.
        problem: String,
    },
}

fn open(file: &Path) -> Result<std::fs::File, DataError> {
    std::fs::File::open(file).map_err(|cause| DataError::Read {
        file: file.to_owned(),
        cause,
    })
}

/// The rows of a file, as text.
type Records = csv::StringRecordsIntoIter<Box<dyn std::io::Read + Send>>;

/// The header and the records of a CSV file, perhaps gzipped.
fn table(file: &Path, delimiter: Option<u8>) -> Result<(Vec<String>, Records), DataError> {
    let mut reader = device_sim::table::records(open(file)?, delimiter, false).map_err(|cause| DataError::Read {
        file: file.to_owned(),
        cause,
    })?;
    let header = reader.headers().map_err(|cause| DataError::Table {
        file: file.to_owned(),
        cause,
    })?;
    let names = header.iter().map(str::to_owned).collect();
    Ok((names, reader.into_records()))
}

/// Where a column is.
fn column(file: &Path, names: &[String], name: &str) -> Result<usize, DataError> {
    let no_column = || DataError::NoColumn {
        file: file.to_owned(),
        column: name.to_owned(),
        columns: names.join(", "),
    };
    names.iter().position(|n| n == name).ok_or_else(no_column)
}

/// A hash of what a file holds, for the description of a model.
///
/// # Errors
/// If it cannot be read.
pub fn fingerprint_of(file: &Path) -> Result<u64, DataError> {
    let read = |cause| DataError::Read {
        file: file.to_owned(),
        cause,
    };
    let mut text = device_sim::table::text(open(file)?).map_err(read)?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut text, &mut bytes).map_err(read)?;
    Ok(models::bundle::fingerprint([bytes]))
}
