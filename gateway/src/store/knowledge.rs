//! The knowledge base's rows.

use super::commit::Commit;
use super::reader::Reader;
use super::rows::EntryRow;
use super::{Attempt, StoreError};
use rusqlite::{OptionalExtension, Row, params};

impl Commit<'_> {
    /// An entry as it is now.
    pub fn entry(&self, row: &EntryRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO knowledge VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
                   state = excluded.state, record = excluded.record";
        let values = params![row.id as i64, row.state, row.record];
        self.execute(sql, values, "store an entry of the knowledge base")
            .map(drop)
    }
}

fn entry_row(row: &Row<'_>) -> rusqlite::Result<EntryRow> {
    Ok(EntryRow {
        id: row.get::<_, i64>(0)? as u64,
        state: row.get(1)?,
        record: row.get(2)?,
    })
}

impl Reader {
    /// Every entry, by number.
    pub fn entries(&self) -> Result<Vec<EntryRow>, StoreError> {
        let sql = "SELECT id, state, record FROM knowledge ORDER BY id";
        self.list(sql, [], entry_row, "read the knowledge base")
    }

    /// Released entries that may fit a ticket: of the failure mode, or with one of the codes as a JSON list in upper case.
    pub fn entries_for(&self, failure_mode: &str, codes: &str) -> Result<Vec<EntryRow>, StoreError> {
        let sql = "SELECT id, state, record FROM knowledge WHERE state = 'released' AND \
                   (json_extract(record, '$.content.failure_mode') = ?1 OR EXISTS (SELECT 1 FROM \
                   json_each(record, '$.content.fault_codes') AS c WHERE upper(c.value) IN (SELECT value FROM json_each(?2)))) \
                   ORDER BY id";
        self.list(sql, params![failure_mode, codes], entry_row, "read the knowledge base")
    }

    /// One entry.
    pub fn entry(&self, id: u64) -> Result<Option<EntryRow>, StoreError> {
        let sql = "SELECT id, state, record FROM knowledge WHERE id = ?";
        let found = self.list(sql, [id as i64], entry_row, "read an entry of the knowledge base")?;
        Ok(found.into_iter().next())
    }

    /// The entry that a ticket has gone into, unless that is retired.
    pub fn entry_of_ticket(&self, ticket: u64) -> Result<Option<EntryRow>, StoreError> {
        let sql = "SELECT id, state, record FROM knowledge WHERE state <> 'retired' AND \
                   EXISTS (SELECT 1 FROM json_each(record, '$.tickets') AS k WHERE k.value = ?) ORDER BY id LIMIT 1";
        let found = self.list(sql, [ticket as i64], entry_row, "find the entry of a ticket")?;
        Ok(found.into_iter().next())
    }

    /// The highest number of an entry; 0 before the first.
    pub fn last_entry_number(&self) -> Result<u64, StoreError> {
        let last: Option<i64> = self
            .connection
            .query_row("SELECT max(id) FROM knowledge", [], |row| row.get(0))
            .attempt("find the last entry of the knowledge base")?;
        Ok(last.unwrap_or(0) as u64)
    }

    /// Whether there is a ticket with this number, as far as this reader sees.
    pub fn has_ticket(&self, id: u64) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM ticket WHERE id = ?";
        let found = self.connection.query_row(sql, [id as i64], |_| Ok(())).optional();
        Ok(found.attempt("look for a ticket")?.is_some())
    }
}
