//! The embedded history's writer: one SQLite file, fed by one thread, read by many through [`HistoryReader`].
//!
//! Exactly once: a stream's rows go to chunks together with the journal position up to which they are there, so a crash
//! between two commits leaves a file that says precisely what to skip when the journal is fed again.

use super::buffers::{Buffers, Slot};
use super::query::HistoryReader;
use super::schema::{self, Level};
use super::sealing::Sealer;
use super::snapshot::Shared;
use super::{CommittedEntry, HistoryError, HistorySink, retention, stored};
use domain::{DeviceIndex, DeviceKey, MetricIndex, MetricName, Millis, Names, Timestamp};
use rusqlite::{Connection, TransactionBehavior, params};
use std::path::PathBuf;
use std::sync::Arc;

/// How the embedded history keeps readings.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryConfig {
    /// The file; its folder must exist.
    pub path: PathBuf,
    /// Rows that make a chunk. 256 to 1024 are sensible.
    pub rows_per_chunk: usize,
    /// RAM for rows that wait.
    pub buffer_bytes: usize,
    /// No row waits longer than this.
    pub seal_after: Millis,
    /// How long every row is kept, from its arrival.
    pub keep_raw: Millis,
    /// How long minutes are kept, from arrival.
    pub keep_minutes: Millis,
    /// How long hours are kept, from arrival.
    pub keep_hours: Millis,
}

impl HistoryConfig {
    /// 512 rows, 64 MiB, 10 minutes; rows for 30 days, minutes for a year, hours for ten.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        HistoryConfig {
            path: path.into(),
            rows_per_chunk: 512,
            buffer_bytes: 64 << 20,
            seal_after: Millis::minutes(10),
            keep_raw: Millis::days(30),
            keep_minutes: Millis::days(365),
            keep_hours: Millis::days(3_650),
        }
    }
}

/// What the store did in this run, and holds in RAM now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HistoryStats {
    /// Rows taken.
    pub rows: u64,
    /// Messages fed again that were stored before.
    pub already_stored: u64,
    /// Chunks written.
    pub chunks: u64,
    /// Damaged chunks set aside, in this run and all before.
    pub damaged_chunks: u64,
    /// RAM held by waiting rows.
    pub buffer_bytes: usize,
    /// Streams known.
    pub streams: usize,
}

/// The writer.
#[derive(Debug)]
pub struct Embedded {
    config: HistoryConfig,
    connection: Connection,
    shared: Arc<Shared>,
    sealer: Sealer,
    now: Timestamp,
    durable: u64,
    next_retention: Timestamp,
    stats: HistoryStats,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Full,
    WaitingSince(Timestamp),
    All,
}

/// Between two looks at what has become too old.
const RETENTION_EVERY: Millis = Millis::minutes(1);

impl Embedded {
    /// Opens or makes the file. Afterwards feed the journal from `durable_position() + 1`.
    pub fn open(config: HistoryConfig, now: Timestamp) -> Result<Self, HistoryError> {
        let connection = schema::open_writer(&config.path)?;
        let buffers = load(&connection, config.rows_per_chunk)?;
        let damaged_chunks = connection
            .query_row("SELECT count(*) FROM damaged", [], |row| row.get::<_, i64>(0))
            .map_err(HistoryError::Read)? as u64;
        let durable = buffers.sealed_position;
        let shared = Arc::new(Shared::live(config.path.clone(), buffers));
        let stats = HistoryStats {
            damaged_chunks,
            ..HistoryStats::default()
        };
        let sealer = Sealer::default();
        Ok(Embedded {
            config,
            connection,
            shared,
            sealer,
            now,
            durable,
            next_retention: now,
            stats,
        })
    }

    /// A handle for queries; cheap to clone, for any thread. It sees waiting rows too.
    pub fn reader(&self) -> HistoryReader {
        HistoryReader::new(Arc::clone(&self.shared))
    }

    /// Counts for the metrics page.
    pub fn stats(&self) -> HistoryStats {
        let buffers = self.shared.buffers();
        HistoryStats {
            chunks: self.sealer.chunks_written,
            damaged_chunks: self.stats.damaged_chunks + self.sealer.damaged,
            buffer_bytes: buffers.bytes,
            streams: buffers.streams.len(),
            ..self.stats
        }
    }

    fn seal(&mut self, which: Which) -> Result<(), HistoryError> {
        self.seal_in_one_transaction(which)
            .inspect_err(|_| self.sealer.forget_names())
    }

    /// One transaction: the rows of some streams become chunks, and the positions say so.
    fn seal_in_one_transaction(&mut self, which: Which) -> Result<(), HistoryError> {
        let buffers = self.shared.buffers();
        let slots: Vec<Slot> = match which {
            Which::Full => buffers.full.clone(),
            Which::WaitingSince(_) | Which::All => (0..buffers.streams.len() as Slot)
                .filter(|&slot| {
                    let stream = &buffers.streams[slot as usize];
                    !stream.rows.is_empty()
                        && match which {
                            Which::WaitingSince(since) => stream.since <= since,
                            Which::All | Which::Full => true,
                        }
                })
                .collect(),
        };
        let position = buffers.absorbed_position;
        if slots.is_empty() && (position == self.durable || buffers.waiting().next().is_some()) {
            return Ok(());
        }
        let mut is_sealed = vec![false; buffers.streams.len()];
        slots.iter().for_each(|&slot| is_sealed[slot as usize] = true);
        let waiting_from = (buffers.streams.iter().zip(&is_sealed))
            .filter(|(stream, is_sealed)| !**is_sealed && !stream.rows.is_empty())
            .map(|(stream, _)| stream.first_position)
            .min();
        let durable = waiting_from.map_or(position, |first| first - 1).max(self.durable);

        let transaction = rusqlite::Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)
            .map_err(HistoryError::Store)?;
        let mut small = Vec::with_capacity(slots.len());
        for &slot in &slots {
            let stream = &buffers.streams[slot as usize];
            small.push(
                self.sealer
                    .seal(&transaction, &buffers, stream, self.now, self.config.rows_per_chunk)?,
            );
            // Where all is sealed, the one position of the file says it for every stream.
            if durable < position {
                transaction
                    .prepare_cached("UPDATE stream SET sealed_position = ?2 WHERE id = ?1")
                    .and_then(|mut update| update.execute(params![stream.id, position as i64]))
                    .map_err(HistoryError::Store)?;
            }
        }
        transaction
            .execute(
                "UPDATE meta SET value = ?1 WHERE name = 'durable_position'",
                [durable as i64],
            )
            .map_err(HistoryError::Store)?;
        drop(buffers);
        // Readers see the rows in RAM until the commit, in the file after it, and never in both.
        let mut buffers = self.shared.buffers_mut();
        transaction.commit().map_err(HistoryError::Store)?;
        for (&slot, small) in slots.iter().zip(small) {
            let stream = &mut buffers.streams[slot as usize];
            stream.small = Some(small);
            stream.is_stored = true;
        }
        buffers.forget_rows(&slots, which == Which::Full);
        buffers.sealed_position = durable;
        self.durable = durable;
        Ok(())
    }

    fn apply_retention(&mut self) -> Result<(), HistoryError> {
        let buffers = self.shared.buffers();
        let columns: std::collections::HashMap<i64, usize> =
            buffers.streams.iter().map(|s| (s.id, s.set.len())).collect();
        drop(buffers);
        let columns_of = |stream: i64| columns.get(&stream).copied().unwrap_or(0);
        let levels = [
            (Level::Hour, self.config.keep_hours),
            (Level::Minute, self.config.keep_minutes),
            (Level::Raw, self.config.keep_raw),
        ];
        let mut is_done = true;
        for (level, keep) in levels {
            let scratch = &mut self.sealer.scratch;
            let pass = retention::reduce(&self.connection, level, self.now - keep, &columns_of, self.now, scratch)
                .map_err(HistoryError::Store)?;
            self.stats.damaged_chunks += pass.damaged;
            is_done &= pass.handled == 0;
        }
        if is_done {
            self.next_retention = self.now + RETENTION_EVERY;
        }
        Ok(())
    }

    /// What readers could not read is looked at again, and set aside if that is so.
    fn set_suspects_aside(&mut self) -> Result<(), HistoryError> {
        for (id, columns) in self.shared.take_suspects() {
            let again = stored::load_head(&self.connection, id, columns).and_then(|head| match head {
                None => Ok(()),
                Some(head) => {
                    stored::load_rollup(&self.connection, &head, None, &mut self.sealer.scratch)?;
                    match head.level {
                        Level::Raw => stored::load_rows(&self.connection, &head).map(|_| ()),
                        Level::Minute | Level::Hour => Ok(()),
                    }
                }
            });
            if let Err(error) = again {
                let damage = error.into_damage()?;
                stored::set_aside(&self.connection, id, damage, self.now).map_err(HistoryError::Store)?;
                self.stats.damaged_chunks += 1;
                tracing::error!(chunk = id, reason = %damage, "history chunk damaged, set aside");
            }
        }
        Ok(())
    }
}

impl HistorySink for Embedded {
    fn durable_position(&self) -> u64 {
        self.durable
    }

    fn absorb(&mut self, position: u64, entry: &dyn CommittedEntry, names: &dyn Names) -> Result<(), HistoryError> {
        let (bytes, full_bytes) = {
            let buffers = self.shared.buffers();
            (buffers.bytes, buffers.full_bytes)
        };
        // Before, not after: an error must leave the entry untaken.
        if full_bytes >= self.config.buffer_bytes / 8 {
            self.seal(Which::Full)?;
        }
        if bytes >= self.config.buffer_bytes {
            self.shared.buffers_mut().release_idle();
            if self.shared.buffers().bytes >= self.config.buffer_bytes {
                self.seal(Which::All)?;
            }
        }
        let taken = self.shared.buffers_mut().take(position, entry, names, self.now);
        self.stats.rows += taken.rows;
        self.stats.already_stored += taken.already_stored;
        Ok(())
    }

    fn tick(&mut self, now: Timestamp) -> Result<(), HistoryError> {
        self.now = now;
        let (oldest, is_behind) = {
            let buffers = self.shared.buffers();
            (buffers.oldest_since, buffers.absorbed_position > self.durable)
        };
        match oldest {
            // With the oldest go all that would follow within half the time: fewer transactions.
            Some(since) if now - since >= self.config.seal_after => {
                self.seal(Which::WaitingSince(now - Millis(self.config.seal_after.0 / 2)))?;
            }
            Some(_) => {}
            None if is_behind => self.seal(Which::All)?,
            None => {}
        }
        self.set_suspects_aside()?;
        if now >= self.next_retention {
            self.apply_retention()?;
        }
        Ok(())
    }

    fn seal_all(&mut self, now: Timestamp) -> Result<(), HistoryError> {
        self.now = now;
        self.seal(Which::All)
    }
}

/// The streams, names and positions of a file.
pub(super) fn load(connection: &Connection, rows_per_chunk: usize) -> Result<Buffers, HistoryError> {
    let durable = connection
        .query_row("SELECT value FROM meta WHERE name = 'durable_position'", [], |row| {
            row.get::<_, i64>(0)
        })
        .map_err(HistoryError::Read)?;
    let mut buffers = Buffers::new(rows_per_chunk, durable as u64);
    each(connection, "SELECT id, site, device FROM device", |row| {
        let (site, device): (String, String) = (row.get(1)?, row.get(2)?);
        let key = DeviceKey::new(&site, &device);
        let index = DeviceIndex(row.get(0)?);
        Ok(key
            .map(|key| buffers.load_device(index, key))
            .map_err(|_| format!("{site}/{device}")))
    })?;
    each(connection, "SELECT id, name FROM metric", |row| {
        let name: String = row.get(1)?;
        let index = MetricIndex(row.get(0)?);
        Ok(MetricName::new(&name)
            .map(|metric| buffers.load_metric(index, metric))
            .map_err(|_| name))
    })?;
    each(
        connection,
        "SELECT id, device, metrics, sealed_position FROM stream ORDER BY id",
        |row| {
            let metrics: Vec<u8> = row.get(2)?;
            let set = metrics
                .chunks_exact(4)
                .map(|b| MetricIndex(u32::from_le_bytes([b[0], b[1], b[2], b[3]])))
                .collect();
            buffers.load_stream(row.get(0)?, DeviceIndex(row.get(1)?), set, row.get::<_, i64>(3)? as u64);
            Ok(Ok(()))
        },
    )?;
    Ok(buffers)
}

/// Runs a query; the inner error is a stored text that is not a name.
fn each(
    connection: &Connection,
    sql: &str,
    mut take: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<Result<(), String>>,
) -> Result<(), HistoryError> {
    let mut statement = connection.prepare(sql).map_err(HistoryError::Read)?;
    let mut rows = statement.query([]).map_err(HistoryError::Read)?;
    while let Some(row) = rows.next().map_err(HistoryError::Read)? {
        take(row)
            .map_err(HistoryError::Read)?
            .map_err(|text| HistoryError::StoredName { text })?;
    }
    Ok(())
}
