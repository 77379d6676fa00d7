//! From the journal to the stores that it feeds: the embedded history on a thread of its own, InfluxDB on its task.
//! Both may lag; what they have not taken stays in the journal.

use super::positions::Positions;
use crate::clock::Clock;
use crate::history::influx::SourceError;
use crate::history::{
    Committed, CommittedEntry, Embedded, HistoryError, HistorySink, InfluxStatus, JournalSource, OwnedMessage,
};
use crate::ingest::directory::Directory;
use crate::store::codec::{CodecError, EntryReader, Record};
use crate::store::{Reader, StoreError};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Bytes of journal taken at a time.
const TAKE_BYTES: usize = 4 << 20;
/// Pause when there is nothing to take, or taking failed.
const PAUSE: Duration = Duration::from_millis(250);

/// A journal entry as histories see it: device, time and samples of every message; other records are passed over.
#[derive(Debug, Clone, Copy)]
pub struct JournalEntry<'a>(pub &'a [u8]);

impl JournalEntry<'_> {
    /// Whether it can be read; visiting an entry that cannot ends early.
    ///
    /// # Errors
    /// It is damaged.
    pub fn check(&self) -> Result<(), CodecError> {
        let mut records = EntryReader::new(self.0)?;
        while records.next()?.is_some() {}
        Ok(())
    }
}

impl CommittedEntry for JournalEntry<'_> {
    fn visit(&self, each: &mut dyn FnMut(Committed<'_>)) {
        let Ok(mut records) = EntryReader::new(self.0) else {
            return;
        };
        while let Ok(Some(record)) = records.next() {
            match record {
                Record::Telemetry {
                    device,
                    measured_at,
                    samples,
                    ..
                } => each(Committed {
                    device,
                    measured_at,
                    samples,
                }),
                Record::Event { .. }
                | Record::Status { .. }
                | Record::Repaired { .. }
                | Record::Model { .. }
                | Record::Diagnosed { .. }
                | Record::Prior { .. } => {}
            }
        }
    }
}

/// What the history feeder works with.
pub struct HistoryFeed {
    /// The history.
    pub history: Embedded,
    /// The journal.
    pub reader: Reader,
    /// Names.
    pub directory: Arc<Directory>,
    /// How far everybody is.
    pub positions: Arc<Positions>,
    /// Our time.
    pub clock: Clock,
    /// Bytes taken since the last seal from which everything is sealed, so that the journal can be cut.
    pub seal_after_bytes: u64,
}

#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("the journal cannot be read")]
    Store(#[from] StoreError),
    #[error("history cannot take what the journal has")]
    History(#[from] HistoryError),
    #[error("journal entry {position}")]
    Entry {
        position: u64,
        #[source]
        source: CodecError,
    },
}

impl HistoryFeed {
    /// Works until told to stop and everything committed is in history.
    pub fn run(mut self, stop: &AtomicBool) {
        let mut taken = self.history.durable_position();
        let mut unsealed = 0u64;
        loop {
            let is_stopping = stop.load(Ordering::Acquire);
            match self.round(&mut taken, &mut unsealed) {
                Ok(true) => {}
                Ok(false) if is_stopping => break,
                Ok(false) => std::thread::sleep(PAUSE),
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::error!(%error, source, "history waits; the journal keeps what it has not taken");
                    if is_stopping {
                        break;
                    }
                    std::thread::sleep(PAUSE * 4);
                }
            }
        }
        if let Err(error) = self.history.seal_all(self.clock.now()) {
            tracing::error!(%error, "history is not sealed; the journal keeps what is missing");
        }
        self.positions.history_is_at(self.history.durable_position());
    }

    /// Takes one bite; whether there was one.
    fn round(&mut self, taken: &mut u64, unsealed: &mut u64) -> Result<bool, FeedError> {
        let entries = if self.positions.last() > *taken {
            self.reader.journal_after(*taken, TAKE_BYTES)?
        } else {
            Vec::new()
        };
        for (position, bytes) in &entries {
            let entry = JournalEntry(bytes);
            entry.check().map_err(|source| FeedError::Entry {
                position: *position,
                source,
            })?;
            self.history.absorb(*position, &entry, &*self.directory)?;
            *taken = *position;
            *unsealed += bytes.len() as u64;
        }
        let now = self.clock.now();
        if *unsealed >= self.seal_after_bytes {
            self.history.seal_all(now)?;
            *unsealed = 0;
        } else {
            self.history.tick(now)?;
        }
        self.positions.history_is_at(self.history.durable_position());
        self.positions.history_has_taken(*taken);
        Ok(!entries.is_empty())
    }
}

/// The journal for InfluxDB's writer.
pub struct InfluxSource {
    reader: Arc<Mutex<Reader>>,
    positions: watch::Receiver<u64>,
}

impl InfluxSource {
    /// With a reader of its own.
    pub fn new(reader: Reader, positions: &Positions) -> Self {
        InfluxSource {
            reader: Arc::new(Mutex::new(reader)),
            positions: positions.watch(),
        }
    }
}

impl JournalSource for InfluxSource {
    async fn read_after(&self, position: u64, max_bytes: usize) -> Result<Vec<(u64, Vec<OwnedMessage>)>, SourceError> {
        let reader = self.reader.clone();
        let read = move || {
            let reader = reader.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let entries = reader.journal_after(position, max_bytes)?;
            let decode = |(position, bytes): (u64, Vec<u8>)| {
                let entry = JournalEntry(&bytes);
                entry.check()?;
                let mut messages = Vec::new();
                entry.visit(&mut |m| {
                    let samples = m.samples.to_vec();
                    messages.push(OwnedMessage {
                        device: m.device,
                        measured_at: m.measured_at,
                        samples,
                    });
                });
                Ok((position, messages))
            };
            entries.into_iter().map(decode).collect::<Result<Vec<_>, SourceError>>()
        };
        tokio::task::spawn_blocking(read).await.map_err(SourceError::from)?
    }

    async fn wait_newer(&self, position: u64) {
        let mut positions = self.positions.clone();
        // the sender lives as long as the gateway
        positions.wait_for(|last| *last > position).await.ok();
    }
}

/// Follows the writer, so that the journal keeps what InfluxDB has not taken.
pub async fn follow_influx(mut status: watch::Receiver<InfluxStatus>, positions: Arc<Positions>) {
    loop {
        positions.influx_is_at(status.borrow_and_update().position);
        if status.changed().await.is_err() {
            return;
        }
    }
}
