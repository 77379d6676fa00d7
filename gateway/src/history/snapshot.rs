//! One moment of the history, file and RAM together, for the length of a query; and a file at rest with the journal's tail.

use super::buffers::Buffers;
use super::embedded::load;
use super::query::HistoryReader;
use super::{CommittedEntry, HistoryError, HistorySink, schema};
use domain::{Names, Timestamp};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A file at rest has nobody who would make chunks.
const NEVER_FULL: usize = 1 << 40;
/// Idle connections kept for the next query.
const IDLE_MAX: usize = 4;

/// What the writer and the readers share.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    buffers: RwLock<Buffers>,
    idle: Mutex<Vec<Connection>>,
    suspects: Mutex<BTreeMap<i64, usize>>,
    /// A file at rest is read through this one snapshot, so that it fits the positions read with it.
    is_pinned: bool,
}

// A panic while a lock was held is a bug that has been reported; queries go on with what is there.
impl Shared {
    pub(super) fn live(path: PathBuf, buffers: Buffers) -> Self {
        let (idle, suspects) = (Mutex::default(), Mutex::default());
        Shared {
            path,
            buffers: RwLock::new(buffers),
            idle,
            suspects,
            is_pinned: false,
        }
    }

    pub(super) fn buffers(&self) -> RwLockReadGuard<'_, Buffers> {
        self.buffers.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn buffers_mut(&self) -> RwLockWriteGuard<'_, Buffers> {
        self.buffers.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_suspects(&self) -> BTreeMap<i64, usize> {
        std::mem::take(&mut *self.suspects.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn suspect(&self, id: i64, columns: usize) {
        self.suspects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, columns);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection inside a read transaction; goes back to the pool.
pub(super) struct Snapshot<'s> {
    shared: &'s Shared,
    connection: Option<Connection>,
}

impl Snapshot<'_> {
    pub(super) fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("present until dropped")
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.shared.is_pinned {
            self.shared.idle().push(connection);
        } else if connection.execute_batch("ROLLBACK").is_ok() {
            let mut idle = self.shared.idle();
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
        }
    }
}

/// Takes the journal's tail for a file at rest, so that its reader counts and exports what was committed but not yet
/// stored. Only RAM; it holds what the journal holds.
#[derive(Debug)]
pub struct TailCollector {
    shared: Arc<Shared>,
    durable: u64,
}

impl HistorySink for TailCollector {
    fn durable_position(&self) -> u64 {
        self.durable
    }

    fn absorb(&mut self, position: u64, entry: &dyn CommittedEntry, names: &dyn Names) -> Result<(), HistoryError> {
        self.shared.buffers_mut().take(position, entry, names, Timestamp(0));
        Ok(())
    }

    fn tick(&mut self, _now: Timestamp) -> Result<(), HistoryError> {
        Ok(())
    }

    fn seal_all(&mut self, _now: Timestamp) -> Result<(), HistoryError> {
        Ok(())
    }
}

impl HistoryReader {
    /// Opens a file without a writer of our own (a file that is not there is an empty history). Feed the journal from
    /// `durable_position() + 1` to the collector; the reader then sees those rows too. Both keep to the file as it was
    /// when opened: open the journal first if a gateway may be running.
    pub fn open_offline(path: &Path) -> Result<(Self, TailCollector), HistoryError> {
        let connection = if path.exists() {
            schema::open_reader(path)?
        } else {
            schema::open_empty()?
        };
        begin(&connection)?;
        let buffers = load(&connection, NEVER_FULL)?;
        let durable = buffers.sealed_position;
        let shared = Shared {
            is_pinned: true,
            ..Shared::live(path.to_owned(), buffers)
        };
        shared.idle().push(connection);
        let shared = Arc::new(shared);
        Ok((
            HistoryReader {
                shared: Arc::clone(&shared),
            },
            TailCollector { shared, durable },
        ))
    }

    /// A view of the file, and with it what `extract` takes from the rows in RAM at that moment.
    pub(super) fn snapshot<T>(&self, extract: impl FnOnce(&Buffers) -> T) -> Result<(Snapshot<'_>, T), HistoryError> {
        if self.shared.is_pinned {
            // One connection, one query at a time.
            loop {
                if let Some(connection) = self.shared.idle().pop() {
                    let extracted = extract(&self.shared.buffers());
                    return Ok((
                        Snapshot {
                            shared: &self.shared,
                            connection: Some(connection),
                        },
                        extracted,
                    ));
                }
                std::thread::yield_now();
            }
        }
        let idle = self.shared.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.shared.path)?,
        };
        // The writer commits only while nobody holds this lock: file and RAM are of one moment.
        let buffers = self.shared.buffers();
        begin(&connection)?;
        let extracted = extract(&buffers);
        drop(buffers);
        Ok((
            Snapshot {
                shared: &self.shared,
                connection: Some(connection),
            },
            extracted,
        ))
    }
}

fn begin(connection: &Connection) -> Result<(), HistoryError> {
    // The first read fixes what the transaction sees.
    connection
        .execute_batch("BEGIN")
        .and_then(|()| connection.query_row("SELECT value FROM meta", [], |row| row.get::<_, i64>(0)))
        .map(|_| ())
        .map_err(HistoryError::Read)
}
