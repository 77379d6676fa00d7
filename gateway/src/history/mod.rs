//! Every committed reading, kept for years: the embedded store, and the way to InfluxDB.
//!
//! Histories are fed from the journal in its order. They may lag; they never lose and never double what the journal gave
//! them. Nothing here decides what is committed, and nothing here asks a clock: `now` is an argument.
//!
//! The embedded store ([`Embedded`], read through [`HistoryReader`]) keeps rows in RAM ([`buffers`]) until a few hundred of
//! one device and metric set make a chunk ([`chunk`]), which goes to one SQLite file ([`schema`]) with its roll-ups
//! ([`rollup`]). A chunk counts as safe after its transaction; until then the journal still has its rows.

pub mod bits;
pub mod buffers;
pub mod chunk;
pub mod embedded;
pub mod export;
pub mod influx;
pub mod line;
pub mod query;
mod retention;
pub mod rollup;
mod scan;
pub mod schema;
mod sealing;
mod snapshot;
mod stored;
#[cfg(test)]
mod tests;

pub use buffers::TakeSummary;
pub use embedded::{Embedded, HistoryConfig, HistoryStats};
pub use influx::{
    InfluxConfig, InfluxPort, InfluxState, InfluxStatus, InfluxWriter, JournalSource, PositionFiles, PositionStore,
};
pub use query::{CountRow, Filter, HistoryReader, LastValue, Point, Series};
pub use schema::Level;
pub use snapshot::TailCollector;

use domain::{DeviceIndex, Names, Sample, Timestamp};
use std::path::PathBuf;

/// One committed message as the journal gives it.
#[derive(Debug, Clone, Copy)]
pub struct Committed<'a> {
    /// Who measured.
    pub device: DeviceIndex,
    /// The device's time.
    pub measured_at: Timestamp,
    /// The samples, each metric once.
    pub samples: &'a [Sample],
}

/// All messages of one journal entry, in their order. A visitor rather than an iterator, so that a decoder can lend the
/// same sample buffer again and again.
pub trait CommittedEntry {
    /// Calls `each` for every message.
    fn visit(&self, each: &mut dyn FnMut(Committed<'_>));
}

/// A message that owns its samples, for whoever has no buffer to lend.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedMessage {
    /// Who measured.
    pub device: DeviceIndex,
    /// The device's time.
    pub measured_at: Timestamp,
    /// The samples, each metric once.
    pub samples: Vec<Sample>,
}

impl CommittedEntry for [OwnedMessage] {
    fn visit(&self, each: &mut dyn FnMut(Committed<'_>)) {
        for message in self {
            each(Committed {
                device: message.device,
                measured_at: message.measured_at,
                samples: &message.samples,
            });
        }
    }
}

impl CommittedEntry for Vec<OwnedMessage> {
    fn visit(&self, each: &mut dyn FnMut(Committed<'_>)) {
        self.as_slice().visit(each);
    }
}

/// A place that takes what was committed, in journal order.
pub trait HistorySink {
    /// The journal position up to and including which everything is safely in this store (0: nothing).
    fn durable_position(&self) -> u64;

    /// Takes one journal entry. Positions ascend from 1; one that was taken before, in this run or (as far as it reached
    /// the disk) an earlier one, is ignored. After an error nothing of the entry was taken: call again.
    fn absorb(&mut self, position: u64, entry: &dyn CommittedEntry, names: &dyn Names) -> Result<(), HistoryError>;

    /// Time passes: stores by age, drops what is past its retention. Call about once a second.
    fn tick(&mut self, now: Timestamp) -> Result<(), HistoryError>;

    /// Stores everything (shutdown, or the journal grew past its limit). Afterwards `durable_position` is the last
    /// position absorbed.
    fn seal_all(&mut self, now: Timestamp) -> Result<(), HistoryError>;
}

/// Why a history could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The file cannot be opened.
    #[error("cannot open history {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file cannot be brought to this program's version.
    #[error("cannot migrate history {}", path.display())]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is of a version this program does not know, or must be migrated by `run` first.
    #[error("history {} has version {found}, this program knows {known}", path.display())]
    Version {
        /// Which file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest we know.
        known: i64,
    },
    /// Rows could not be stored; they are still in RAM and in the journal.
    #[error("cannot store history")]
    Store(#[source] rusqlite::Error),
    /// A query failed.
    #[error("cannot read history")]
    Read(#[source] rusqlite::Error),
    /// A stored name is not a name: the file was changed by somebody else.
    #[error("the history file names something {text:?}")]
    StoredName {
        /// What it says.
        text: String,
    },
    /// The export could not be written.
    #[error("cannot write the export")]
    Write(#[source] std::io::Error),
}

/// Copies a history file into a new one, consistent, while a gateway writes to it.
///
/// # Errors
/// One of the files cannot be opened or written.
pub fn backup(from: &std::path::Path, to: &std::path::Path) -> Result<(), HistoryError> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let open = |source| HistoryError::Open {
        path: from.to_owned(),
        source,
    };
    let source = rusqlite::Connection::open_with_flags(from, flags).map_err(open)?;
    let mut target = rusqlite::Connection::open(to).map_err(|source| HistoryError::Open {
        path: to.to_owned(),
        source,
    })?;
    let backup = rusqlite::backup::Backup::new(&source, &mut target).map_err(HistoryError::Store)?;
    backup
        .run_to_completion(1_000, std::time::Duration::ZERO, None)
        .map_err(HistoryError::Store)
}
