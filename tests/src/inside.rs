//! A look into the data folder of a gateway, read-only, also while it runs.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// A packet in quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its topic.
    pub topic: String,
    /// Its bytes, as many as are kept.
    pub payload: Vec<u8>,
    /// Whether there were more.
    pub is_cut: bool,
    /// Why, in a word.
    pub reason: String,
}

fn open(data: &Path) -> Connection {
    Connection::open_with_flags(data.join("forewarn.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the store opens")
}

/// All packets in quarantine, oldest first.
pub fn quarantine(data: &Path) -> Vec<Quarantined> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Quarantined {
            topic: row.get(0)?,
            payload: row.get(1)?,
            is_cut: row.get(2)?,
            reason: row.get(3)?,
        })
    };
    open(data)
        .prepare("SELECT topic, payload, is_cut, reason FROM quarantine ORDER BY id")
        .and_then(|mut s| s.query_map([], read)?.collect())
        .expect("the store reads")
}

/// A number that a query gives.
pub fn number(data: &Path, sql: &str) -> i64 {
    open(data)
        .query_row(sql, [], |row| row.get(0))
        .expect("the store reads")
}

/// Tickets as (site, device, failure mode, episode), by number.
pub fn tickets(data: &Path) -> Vec<(String, String, String, i64)> {
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    open(data)
        .prepare("SELECT site, device, failure_mode, episode FROM ticket ORDER BY id")
        .and_then(|mut s| s.query_map([], read)?.collect())
        .expect("the store reads")
}
