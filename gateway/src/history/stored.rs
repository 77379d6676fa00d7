//! A chunk as a row of the history file: written with its checksums, read with them checked.

use super::HistoryError;
use super::chunk::{ColumnStats, Damage, Rows, Scratch, decode_rows, decode_stats, encode_rows, encode_stats};
use super::rollup::{MINUTE_MS, Rollup, bucket_start};
use super::schema::Level;
use domain::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

/// Fewer rows per minute than this, and the minutes are worked out from the rows: they would not be smaller.
const ROWS_PER_MINUTE_MIN: usize = 4;

/// Why a chunk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// SQLite says so.
    #[error("cannot read a chunk")]
    Read(#[from] rusqlite::Error),
    /// Its bytes are not what was written.
    #[error("a chunk is damaged")]
    Damaged(#[from] Damage),
}

impl ChunkError {
    /// Damage is data to the caller, everything else an error.
    pub fn into_damage(self) -> Result<Damage, HistoryError> {
        match self {
            ChunkError::Read(source) => Err(HistoryError::Read(source)),
            ChunkError::Damaged(damage) => Ok(damage),
        }
    }
}

/// All of a chunk but its blobs.
#[derive(Debug, Clone)]
pub struct Head {
    /// Its row.
    pub id: i64,
    /// What is left of it.
    pub level: Level,
    /// Its first instant.
    pub t0: i64,
    /// Its last instant.
    pub t1: i64,
    /// How many rows it holds, or held.
    pub n: usize,
    /// When its first row reached the store.
    pub arrived_at: Timestamp,
    /// Per column.
    pub stats: Vec<ColumnStats>,
}

fn head_sum(stream: i64, level: Level, t0: i64, t1: i64, n: i64, stats: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for number in [stream, level.code(), t0, t1, n] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(stats);
    hasher.finalize()
}

/// Reads and checks a head; `None` if the chunk is gone.
pub fn load_head(connection: &Connection, id: i64, columns: usize) -> Result<Option<Head>, ChunkError> {
    let found = connection
        .prepare_cached("SELECT stream, level, t0, t1, n, arrived_at, head_sum, stats FROM chunk WHERE id = ?1")?
        .query_row([id], |row| {
            let numbers: [i64; 7] = [
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get(6)?,
            ];
            Ok((numbers, row.get::<_, Vec<u8>>(7)?))
        })
        .optional()?;
    let Some(([stream, level, t0, t1, n, arrived_at, sum], stats)) = found else {
        return Ok(None);
    };
    let level = Level::from_code(level).ok_or(Damage::Layout)?;
    if i64::from(head_sum(stream, level, t0, t1, n, &stats)) != sum {
        return Err(Damage::Checksum.into());
    }
    let stats = decode_stats(&stats, columns)?;
    Ok(Some(Head {
        id,
        level,
        t0,
        t1,
        n: n as usize,
        arrived_at: Timestamp(arrived_at),
        stats,
    }))
}

fn load_blob(connection: &Connection, sql: &str, id: i64) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.prepare_cached(sql)?.query_row([id], |row| row.get(0))
}

/// The packed rows of a raw chunk.
pub fn load_body(connection: &Connection, head: &Head) -> Result<Vec<u8>, ChunkError> {
    Ok(load_blob(connection, "SELECT body FROM chunk WHERE id = ?1", head.id)?.ok_or(Damage::Layout)?)
}

/// All rows of a raw chunk.
pub fn load_rows(connection: &Connection, head: &Head) -> Result<Rows, ChunkError> {
    Ok(decode_rows(&load_body(connection, head)?, head.stats.len(), head.n)?)
}

/// A chunk's buckets at the finest width there is: minutes, or hours at [`Level::Hour`]. With `only`, just that column.
pub fn load_rollup(
    connection: &Connection,
    head: &Head,
    only: Option<usize>,
    scratch: &mut Scratch,
) -> Result<Rollup, ChunkError> {
    let columns = head.stats.len();
    if let Some(stored) = load_blob(connection, "SELECT rollup FROM chunk WHERE id = ?1", head.id)? {
        return Ok(match only {
            Some(column) => Rollup::decode_column(&stored, columns, column)?,
            None => Rollup::decode(&stored, columns)?,
        });
    }
    if head.level != Level::Raw {
        return Err(Damage::Layout.into());
    }
    let start = bucket_start(head.t0, MINUTE_MS);
    if start == bucket_start(head.t1, MINUTE_MS) {
        return Ok(match only {
            Some(column) => Rollup::of_stats(start, head.n as i64, &head.stats[column..=column]),
            None => Rollup::of_stats(start, head.n as i64, &head.stats),
        });
    }
    let mut rows = load_rows(connection, head)?;
    if let Some(column) = only {
        rows.columns = vec![std::mem::take(&mut rows.columns[column])];
    }
    Ok(Rollup::of_rows(&rows, 0, rows.at.len(), MINUTE_MS, scratch))
}

/// Writes sorted rows `[from, to)` as a chunk and returns its row.
pub fn insert_rows(
    connection: &Connection,
    stream: i64,
    rows: &Rows,
    (from, to): (usize, usize),
    arrived_at: Timestamp,
    scratch: &mut Scratch,
) -> rusqlite::Result<i64> {
    let mut stats = Vec::with_capacity(rows.columns.len());
    let body = encode_rows(rows, from, to, scratch, &mut stats);
    let at = &rows.at[from..to];
    let minutes = Rollup::count_buckets(at, MINUTE_MS);
    let rollup = (minutes > 1 && at.len() >= minutes * ROWS_PER_MINUTE_MIN)
        .then(|| Rollup::of_rows(rows, from, to, MINUTE_MS, scratch).encode(scratch));
    insert(
        connection,
        stream,
        Level::Raw,
        (at[0], at[at.len() - 1]),
        at.len(),
        arrived_at,
        &stats,
        rollup,
        Some(body),
    )
}

/// Writes a roll-up, which is all that is left of the rows it counts, as a chunk.
pub fn insert_rollup(
    connection: &Connection,
    stream: i64,
    level: Level,
    (t0, t1): (i64, i64),
    rollup: &Rollup,
    arrived_at: Timestamp,
    scratch: &mut Scratch,
) -> rusqlite::Result<i64> {
    let n = rollup.count.iter().sum::<i64>() as usize;
    let stats: Vec<ColumnStats> = (0..rollup.columns.len())
        .filter_map(|c| {
            rollup
                .column(c)
                .map(|(_, _, stats)| stats)
                .reduce(super::rollup::combine)
        })
        .collect();
    let packed = rollup.encode(scratch);
    insert(
        connection,
        stream,
        level,
        (t0, t1),
        n,
        arrived_at,
        &stats,
        Some(packed),
        None,
    )
}

#[allow(clippy::too_many_arguments, reason = "the columns of the table")]
fn insert(
    connection: &Connection,
    stream: i64,
    level: Level,
    (t0, t1): (i64, i64),
    n: usize,
    arrived_at: Timestamp,
    stats: &[ColumnStats],
    rollup: Option<Vec<u8>>,
    body: Option<Vec<u8>>,
) -> rusqlite::Result<i64> {
    let stats = encode_stats(stats);
    let sum = head_sum(stream, level, t0, t1, n as i64, &stats);
    connection
        .prepare_cached(
            "INSERT INTO chunk (stream, level, t0, t1, n, arrived_at, head_sum, stats, rollup, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .insert(params![
            stream,
            level.code(),
            t0,
            t1,
            n as i64,
            arrived_at.as_millis(),
            sum,
            stats,
            rollup,
            body
        ])
}

/// Removes a chunk whose rows live on in another.
pub fn delete(connection: &Connection, id: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM chunk WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// Moves a chunk that cannot be read to where a person can look at it.
pub fn set_aside(connection: &Connection, id: i64, why: Damage, now: Timestamp) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT OR REPLACE INTO damaged
         SELECT id, stream, level, t0, t1, n, arrived_at, head_sum, stats, rollup, body, ?2, ?3 FROM chunk WHERE id = ?1",
        params![id, now.as_millis(), why.to_string()],
    )?;
    delete(connection, id)
}
