//! The history file: its tables and their versions. Every other file here speaks to these tables.
//!
//! A file is migrated step by step, after a copy of it was put beside it; a file of a later version is refused.

use super::HistoryError;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};

/// How much of a chunk is left. Stored; each level holds less than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Every row.
    Raw,
    /// Per minute: count, minimum, maximum, sum.
    Minute,
    /// Per hour: count, minimum, maximum, sum.
    Hour,
}

impl Level {
    /// As the file has it.
    pub fn code(self) -> i64 {
        match self {
            Level::Raw => 0,
            Level::Minute => 1,
            Level::Hour => 2,
        }
    }

    /// From the file.
    pub fn from_code(code: i64) -> Option<Self> {
        match code {
            0 => Some(Level::Raw),
            1 => Some(Level::Minute),
            2 => Some(Level::Hour),
            _ => None,
        }
    }
}

// A stream is the rows of one device that carry one set of metrics; `metrics` has their indices as u32, ascending.
// `sealed_position`: rows of this stream up to this journal position are in chunks (as are all up to the one in `meta`).
// `rollup` is null where `stats` (all in one minute) or `body` (few rows per minute) serves as well.
// `damaged` keeps what could not be read, for a person to look at.
const MIGRATIONS: [&str; 1] = ["
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('durable_position', 0);
CREATE TABLE device (id INTEGER PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, UNIQUE (site, device));
CREATE TABLE metric (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE stream (id INTEGER PRIMARY KEY, device INTEGER NOT NULL, metrics BLOB NOT NULL, sealed_position INTEGER NOT NULL);
CREATE TABLE chunk (
  id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, level INTEGER NOT NULL, t0 INTEGER NOT NULL, t1 INTEGER NOT NULL,
  n INTEGER NOT NULL, arrived_at INTEGER NOT NULL, head_sum INTEGER NOT NULL, stats BLOB NOT NULL, rollup BLOB, body BLOB);
CREATE INDEX chunk_by_time ON chunk (stream, level, t1, t0, n);
CREATE INDEX chunk_by_age ON chunk (level, arrived_at);
CREATE TABLE damaged (
  id INTEGER PRIMARY KEY, stream INTEGER, level INTEGER, t0 INTEGER, t1 INTEGER, n INTEGER, arrived_at INTEGER,
  head_sum INTEGER, stats BLOB, rollup BLOB, body BLOB, found_at INTEGER NOT NULL, reason TEXT NOT NULL);
"];

/// The version this program writes.
pub const VERSION: i64 = MIGRATIONS.len() as i64;

/// Opens for writing; makes or migrates the file.
pub fn open_writer(path: &Path) -> Result<Connection, HistoryError> {
    let fail = |source| HistoryError::Open {
        path: path.to_owned(),
        source,
    };
    let connection = Connection::open(path).map_err(fail)?;
    connection
        .busy_timeout(std::time::Duration::from_secs(10))
        .map_err(fail)?;
    // Must come before the first table.
    connection
        .pragma_update(None, "auto_vacuum", "INCREMENTAL")
        .map_err(fail)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(fail)?;
    // FULL: the journal forgets what we call durable.
    connection.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
    connection.pragma_update(None, "cache_size", -8_000).map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(32);
    migrate(&connection, path)?;
    Ok(connection)
}

/// Opens for reading only; the file must be of this version.
pub fn open_reader(path: &Path) -> Result<Connection, HistoryError> {
    let fail = |source| HistoryError::Open {
        path: path.to_owned(),
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(fail)?;
    connection
        .busy_timeout(std::time::Duration::from_secs(10))
        .map_err(fail)?;
    connection.pragma_update(None, "cache_size", -2_000).map_err(fail)?;
    connection.set_prepared_statement_cache_capacity(32);
    match version(&connection).map_err(fail)? {
        VERSION => Ok(connection),
        found => Err(HistoryError::Version {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
    }
}

/// An empty history that is nowhere on disk.
pub fn open_empty() -> Result<Connection, HistoryError> {
    let path = PathBuf::from(":memory:");
    let connection = Connection::open_in_memory().map_err(|source| HistoryError::Open {
        path: path.clone(),
        source,
    })?;
    migrate(&connection, &path)?;
    Ok(connection)
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), HistoryError> {
    let fail = |source| HistoryError::Migrate {
        path: path.to_owned(),
        source,
    };
    let found = version(connection).map_err(fail)?;
    if !(0..=VERSION).contains(&found) {
        return Err(HistoryError::Version {
            path: path.to_owned(),
            found,
            known: VERSION,
        });
    }
    if 0 < found && found < VERSION {
        let copy = path.with_extension(format!("v{found}.bak"));
        connection
            .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
            .map_err(fail)?;
    }
    for (index, step) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; {step} PRAGMA user_version = {}; COMMIT;",
                index + 1
            ))
            .map_err(fail)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_later_version_is_refused_by_name() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("history.db");
        drop(open_writer(&path).expect("new"));
        drop(open_reader(&path).expect("readable"));
        Connection::open(&path)
            .expect("open")
            .pragma_update(None, "user_version", VERSION + 1)
            .expect("set");
        for error in [
            open_writer(&path).expect_err("later"),
            open_reader(&path).expect_err("later"),
        ] {
            assert!(error.to_string().contains("history.db"), "{error}");
        }
    }
}
