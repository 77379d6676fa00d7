//! What is dropped when: rows become minutes, minutes become hours, hours go.
//!
//! Age is counted from arrival in the store, not from the instant measured: a series of 2013 that is replayed today is kept
//! as long as one measured today.

use super::chunk::Scratch;
use super::rollup::{HOUR_MS, MINUTE_MS, Rollup};
use super::schema::Level;
use super::stored::{ChunkError, delete, insert_rollup, load_head, load_rollup, set_aside};
use domain::{Millis, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// Chunks handled in one transaction, so that storing never waits long.
const CHUNKS_PER_PASS: usize = 512;
/// A roll-up chunk grows to about this many buckets: a day of minutes, two months of hours.
const BUCKETS_PER_CHUNK: usize = 1_440;
/// Chunks that arrived further apart are not joined.
const JOIN_WITHIN: Millis = Millis::days(1);
/// Free pages given back to the file system in one pass.
const VACUUM_PAGES: u32 = 2_000;

/// What one pass did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pass {
    /// Chunks reduced or dropped.
    pub handled: usize,
    /// Chunks that could not be read.
    pub damaged: u64,
}

/// Reduces or drops chunks of `level` that arrived before `before`; call again while `handled` is not 0.
pub fn reduce(
    connection: &Connection,
    level: Level,
    before: Timestamp,
    columns_of: &dyn Fn(i64) -> usize,
    now: Timestamp,
    scratch: &mut Scratch,
) -> rusqlite::Result<Pass> {
    let expired: Vec<(i64, i64)> = connection
        .prepare_cached(
            "SELECT stream, id FROM chunk WHERE level = ?1 AND arrived_at < ?2 ORDER BY arrived_at LIMIT ?3",
        )?
        .query_map(
            params![level.code(), before.as_millis(), CHUNKS_PER_PASS as i64],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<Result<_, _>>()?;
    let mut pass = Pass {
        handled: expired.len(),
        damaged: 0,
    };
    if expired.is_empty() {
        return Ok(pass);
    }
    let transaction = connection.unchecked_transaction()?;
    let (next, width_ms) = match level {
        Level::Raw => (Level::Minute, MINUTE_MS),
        Level::Minute => (Level::Hour, HOUR_MS),
        Level::Hour => {
            for (_, id) in expired {
                delete(&transaction, id)?;
            }
            transaction.commit()?;
            give_back_pages(connection)?;
            return Ok(pass);
        }
    };
    let mut by_stream: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for (stream, id) in expired {
        by_stream.entry(stream).or_default().push(id);
    }
    for (stream, mut ids) in by_stream {
        let columns = columns_of(stream);
        ids.extend(open_neighbour(&transaction, stream, next, &ids)?);
        let mut parts = Vec::with_capacity(ids.len());
        let mut span: Option<(i64, i64, Timestamp)> = None;
        for id in ids {
            let part = load_head(&transaction, id, columns).and_then(|head| {
                head.map(|head| Ok((load_rollup(&transaction, &head, None, scratch)?, head)))
                    .transpose()
            });
            match part {
                Ok(None) => {}
                Ok(Some((rollup, head))) => {
                    span = Some(match span {
                        None => (head.t0, head.t1, head.arrived_at),
                        Some((t0, t1, at)) => (t0.min(head.t0), t1.max(head.t1), at.min(head.arrived_at)),
                    });
                    parts.push(rollup);
                    delete(&transaction, id)?;
                }
                Err(ChunkError::Read(source)) => return Err(source),
                Err(ChunkError::Damaged(damage)) => {
                    set_aside(&transaction, id, damage, now)?;
                    pass.damaged += 1;
                }
            }
        }
        if let Some((t0, t1, arrived_at)) = span {
            let joined = Rollup::join(&parts, columns, width_ms);
            insert_rollup(&transaction, stream, next, (t0, t1), &joined, arrived_at, scratch)?;
        }
    }
    transaction.commit()?;
    give_back_pages(connection)?;
    Ok(pass)
}

/// The stream's newest chunk of the coarser level, if it may still grow.
fn open_neighbour(connection: &Connection, stream: i64, next: Level, ids: &[i64]) -> rusqlite::Result<Option<i64>> {
    let Some(first) = ids.first() else { return Ok(None) };
    let arrived_at: i64 = connection
        .prepare_cached("SELECT arrived_at FROM chunk WHERE id = ?1")?
        .query_row([first], |row| row.get(0))?;
    let bytes_max = BUCKETS_PER_CHUNK * 16;
    connection
        .prepare_cached(
            "SELECT id FROM (SELECT id, arrived_at, length(rollup) AS bytes FROM chunk
               WHERE stream = ?1 AND level = ?2 ORDER BY t1 DESC LIMIT 1)
             WHERE abs(arrived_at - ?3) < ?4 AND bytes < ?5",
        )?
        .query_row(
            params![stream, next.code(), arrived_at, JOIN_WITHIN.0, bytes_max as i64],
            |row| row.get(0),
        )
        .optional()
}

fn give_back_pages(connection: &Connection) -> rusqlite::Result<()> {
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    // A little free space is used again at once.
    if pragma("freelist_count")? * 5 < pragma("page_count")? {
        return Ok(());
    }
    let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}
