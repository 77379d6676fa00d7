//! The state store: journal, alarms, tickets, audit trail, outbox, quarantine, checkpoints, in one SQLite file.
//!
//! One thread writes, in transactions that are on disk when they return (WAL, `synchronous=FULL`). Readers open the file
//! read-only, beside the writer. SQLite is named only in this folder and in the history store.

mod access;
pub mod audit;
pub mod codec;
mod commit;
mod drifts;
mod drills;
mod episodes;
mod knowledge;
mod lists;
mod models;
mod outbox;
mod overrides;
mod reader;
mod reports;
pub mod rows;
mod schema;
mod seen;
mod stock;
mod storms;

pub use commit::Commit;
pub use drills::{DrillRow, NoticeOfDrill};
pub use lists::{AlarmList, OpenTicketPlace, TicketList, WaitingCounts};
pub use outbox::OutboxCount;
pub use overrides::OverrideRow;
pub use reader::{ListFilter, Reader, TableCounts};
pub use reports::{ReportMade, ReportRow};
pub use storms::IncidentList;

use domain::{DeviceIndex, DeviceKey, MetricIndex, MetricName, Timestamp};
use rusqlite::Connection;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The file within the data folder.
pub const FILE_NAME: &str = "forewarn.db";

/// What went wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or entered.
    #[error("cannot use data folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Another gateway works on the folder.
    #[error("data folder {} is in use by another forewarn; stop it or give another --data", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// There is no database where one is expected.
    #[error("there is no database {}; is this the data folder of a gateway?", path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// Written by a later version.
    #[error("{} was written by a later version of forewarn (schema {found}, this program knows {known})", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// SQLite refuses.
    #[error("cannot {attempt}")]
    Sql {
        /// What was attempted.
        attempt: &'static str,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// A stored value cannot be read.
    #[error("{what} in the database cannot be read: {problem}")]
    Damaged {
        /// Which value.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// Names what was attempted when SQLite refuses.
pub(crate) trait Attempt<T> {
    /// Wraps the error.
    fn attempt(self, what: &'static str) -> Result<T, StoreError>;
}

impl<T> Attempt<T> for Result<T, rusqlite::Error> {
    fn attempt(self, attempt: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sql { attempt, source })
    }
}

/// The writer. There is one for each data folder; a lock file keeps a second gateway out.
pub struct Store {
    connection: Connection,
    next_position: u64,
    path: PathBuf,
    _lock: File,
}

/// A device of the registry as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredDevice {
    /// Its place.
    pub index: DeviceIndex,
    /// Its name.
    pub key: DeviceKey,
    /// Its profile when it was last seen.
    pub profile: String,
    /// When it was first heard.
    pub first_seen: Timestamp,
}

/// The learned state of a device as of a journal position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose.
    pub device: DeviceIndex,
    /// Everything up to and including this position is in it.
    pub position: u64,
    /// The bytes; what they mean is the pipeline's affair.
    pub state: Vec<u8>,
}

/// A confirmed repair: what was learned of the machine before it is void.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// Which machine.
    pub device: DeviceIndex,
    /// The failure mode that was repaired.
    pub failure_mode: String,
    /// When the ticket was closed, our time.
    pub at: Timestamp,
}

impl Store {
    /// Opens or creates the store of a data folder; an older schema is backed up, then migrated.
    pub fn open(folder: &Path) -> Result<Store, StoreError> {
        let wrap = |source| StoreError::Folder {
            path: folder.to_owned(),
            source,
        };
        std::fs::create_dir_all(folder).map_err(wrap)?;
        let lock = File::create(folder.join("forewarn.lock")).map_err(wrap)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(StoreError::InUse {
                    path: folder.to_owned(),
                });
            }
            Err(std::fs::TryLockError::Error(source)) => return Err(wrap(source)),
        }
        let path = folder.join(FILE_NAME);
        let connection = schema::open(&path)?;
        // A checkpoint uses up a position even when no reading came with it: were the position given again, a restart would
        // take the readings there for ones that the checkpoint holds.
        let used = "SELECT max(position) FROM ( \
                    SELECT max(position) AS position FROM journal UNION ALL SELECT max(position) FROM checkpoint \
                    UNION ALL SELECT value FROM meta WHERE key IN ('last_position', 'replay_from'))";
        let last: Option<i64> = connection
            .query_row(used, [], |row| row.get(0))
            .attempt("find the last position")?;
        let next_position = last.unwrap_or(0) as u64 + 1;
        Ok(Store {
            connection,
            next_position,
            path,
            _lock: lock,
        })
    }

    /// Begins the next commit.
    pub fn begin(&mut self) -> Result<Commit<'_>, StoreError> {
        let transaction = self
            .connection
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .attempt("begin a transaction")?;
        Ok(Commit::new(transaction, self.next_position))
    }

    /// The commit with this position is on disk.
    pub fn committed(&mut self, position: u64) {
        self.next_position = position + 1;
    }

    /// The position of the last commit; 0 before the first.
    pub fn last_position(&self) -> u64 {
        self.next_position - 1
    }

    /// The next commit comes after this position: a history that was not restored with the store may be further on, and
    /// would take new entries for old ones.
    pub fn skip_to(&mut self, position: u64) {
        self.next_position = self.next_position.max(position + 1);
    }

    /// A reader beside this writer.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.path)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All devices, by index.
    pub fn devices(&self) -> Result<Vec<StoredDevice>, StoreError> {
        self.reader()?.devices()
    }

    /// All metric names, by index.
    pub fn metrics(&self) -> Result<Vec<(MetricIndex, MetricName)>, StoreError> {
        self.reader()?.metrics()
    }

    /// Copies the whole database into a new file, consistent, while the gateway runs.
    pub fn backup_to(&self, target: &Path) -> Result<(), StoreError> {
        schema::backup(&self.connection, target)
    }
}

#[cfg(test)]
mod tests;
