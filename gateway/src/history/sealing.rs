//! From waiting rows to chunks, inside a transaction that the caller commits. Small chunks are joined on the way.

use super::HistoryError;
use super::buffers::{Buffers, SmallChunk, Stream};
use super::chunk::{Rows, Scratch};
use super::stored::{ChunkError, delete, insert_rows, load_head, load_rows, set_aside};
use domain::{MetricIndex, Millis, Timestamp};
use rusqlite::{Connection, params};
use std::collections::HashSet;

/// So many small chunks of a stream are joined when the next comes: each row is rewritten about three times at most.
const JOIN_AT: usize = 8;
/// Chunks older than this are left alone, so that retention meets them.
const JOIN_WITHIN: Millis = Millis::days(1);

/// Memory and counts kept from round to round.
#[derive(Debug, Default)]
pub struct Sealer {
    rows: Rows,
    /// For whoever else encodes on this thread.
    pub scratch: Scratch,
    /// Chunks written so far, joined ones again.
    pub chunks_written: u64,
    /// Damaged chunks found so far.
    pub damaged: u64,
    /// Metrics whose names are in the file for certain, or will be with the transaction that is open.
    named: HashSet<MetricIndex>,
}

impl Sealer {
    /// Writes a stream's waiting rows; returns its small chunks as they are after the commit.
    pub fn seal(
        &mut self,
        connection: &Connection,
        buffers: &Buffers,
        stream: &Stream,
        now: Timestamp,
        rows_per_chunk: usize,
    ) -> Result<Vec<SmallChunk>, HistoryError> {
        let mut small = match &stream.small {
            Some(known) => known.clone(),
            None => find_small(connection, stream.id, now, rows_per_chunk).map_err(HistoryError::Store)?,
        };
        small.retain(|chunk| now - chunk.arrived_at < JOIN_WITHIN);
        let mut arrived_at = now;
        self.rows.reset(stream.set.len());
        if small.len() >= JOIN_AT {
            for chunk in small.drain(..) {
                if let Some(mut rows) = self.take_out(connection, chunk.id, stream.set.len(), now)? {
                    arrived_at = arrived_at.min(chunk.arrived_at);
                    self.rows.append(&mut rows);
                }
            }
        }
        self.rows.extend_from_interleaved(&stream.rows);
        self.rows.sort();
        self.store(connection, buffers, stream, arrived_at, rows_per_chunk, &mut small)
            .map_err(HistoryError::Store)?;
        Ok(small)
    }

    fn store(
        &mut self,
        connection: &Connection,
        buffers: &Buffers,
        stream: &Stream,
        arrived_at: Timestamp,
        rows_per_chunk: usize,
        small: &mut Vec<SmallChunk>,
    ) -> rusqlite::Result<()> {
        if !stream.is_stored {
            self.store_stream(connection, buffers, stream)?;
        }
        let count = self.rows.at.len();
        let pieces = (count / rows_per_chunk).max(1);
        for piece in 0..pieces {
            let range = (count * piece / pieces, count * (piece + 1) / pieces);
            let id = insert_rows(connection, stream.id, &self.rows, range, arrived_at, &mut self.scratch)?;
            self.chunks_written += 1;
            if range.1 - range.0 < rows_per_chunk / 2 {
                small.push(SmallChunk { id, arrived_at });
            }
        }
        Ok(())
    }

    fn store_stream(&mut self, connection: &Connection, buffers: &Buffers, stream: &Stream) -> rusqlite::Result<()> {
        let device = buffers
            .device_name(stream.device)
            .expect("a stream's device is named when it is made");
        // Only the same id may be there already: another id with this name means that this file is not of this data folder.
        connection
            .prepare_cached("INSERT INTO device (id, site, device) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING")?
            .execute(params![stream.device.0, device.site.as_str(), device.device.as_str()])?;
        for metric in stream.set.iter() {
            let name = buffers
                .metric_name(*metric)
                .expect("a stream's metrics are named when it is made");
            connection
                .prepare_cached("INSERT INTO metric (id, name) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING")?
                .execute(params![metric.0, name.as_str()])?;
        }
        let metrics: Vec<u8> = stream.set.iter().flat_map(|m| m.0.to_le_bytes()).collect();
        connection
            .prepare_cached("INSERT INTO stream (id, device, metrics, sealed_position) VALUES (?1, ?2, ?3, 0)")?
            .execute(params![stream.id, stream.device.0, metrics])?;
        Ok(())
    }

    /// The open transaction failed: nothing it named is certain.
    pub fn forget_names(&mut self) {
        self.named.clear();
    }

    /// A chunk's rows, which it then no longer holds. Damaged ones are set aside.
    fn take_out(
        &mut self,
        connection: &Connection,
        id: i64,
        columns: usize,
        now: Timestamp,
    ) -> Result<Option<Rows>, HistoryError> {
        let rows = load_head(connection, id, columns)
            .and_then(|head| head.map(|head| load_rows(connection, &head)).transpose());
        match rows {
            Ok(rows) => {
                delete(connection, id).map_err(HistoryError::Store)?;
                Ok(rows)
            }
            Err(ChunkError::Read(source)) => Err(HistoryError::Store(source)),
            Err(ChunkError::Damaged(damage)) => {
                set_aside(connection, id, damage, now).map_err(HistoryError::Store)?;
                self.damaged += 1;
                Ok(None)
            }
        }
    }
}

fn find_small(
    connection: &Connection,
    stream: i64,
    now: Timestamp,
    rows_per_chunk: usize,
) -> rusqlite::Result<Vec<SmallChunk>> {
    // The order of arrival is the order of rows in one instant.
    connection
        .prepare_cached(
            "SELECT id, arrived_at FROM chunk WHERE stream = ?1 AND level = 0 AND n < ?2 AND arrived_at > ?3 ORDER BY id",
        )?
        .query_map(params![stream, (rows_per_chunk / 2) as i64, (now - JOIN_WITHIN).as_millis()], |row| {
            Ok(SmallChunk { id: row.get(0)?, arrived_at: Timestamp(row.get(1)?) })
        })?
        .collect()
}
