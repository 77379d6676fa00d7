//! On-call overrides that people make: those that stand, and the latest that are over.

use super::commit::Commit;
use super::reader::Reader;
use super::{Attempt, StoreError};
use domain::Timestamp;
use rusqlite::{Row, params};

/// Overrides that a list of past ones tells at most.
const MOST_LISTED: u32 = 2_000;

/// An on-call override's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRow {
    /// Its number.
    pub id: u64,
    /// Whether it is not over.
    pub is_open: bool,
    /// When it is over, or will be.
    pub until: Timestamp,
    /// The whole record as JSON.
    pub record: String,
}

fn override_row(row: &Row<'_>) -> rusqlite::Result<OverrideRow> {
    Ok(OverrideRow {
        id: row.get::<_, i64>(0)? as u64,
        is_open: row.get(1)?,
        until: Timestamp(row.get(2)?),
        record: row.get(3)?,
    })
}

impl Commit<'_> {
    /// An on-call override as it is now.
    pub fn on_call_override(&self, row: &OverrideRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO on_call_override (id, is_open, until, record) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
                   is_open = excluded.is_open, until = excluded.until, record = excluded.record";
        let values = params![row.id as i64, row.is_open, row.until.0, row.record];
        self.execute(sql, values, "store an on-call override").map(drop)
    }
}

impl Reader {
    /// On-call overrides that are not over, the oldest first.
    pub fn standing_overrides(&self) -> Result<Vec<OverrideRow>, StoreError> {
        let sql = "SELECT id, is_open, until, record FROM on_call_override WHERE is_open = 1 ORDER BY id";
        self.list(sql, [], override_row, "read the on-call overrides")
    }

    /// On-call overrides that stand, or were over at `since` or later, the newest first; a list has an end.
    pub fn overrides_since(&self, since: Timestamp) -> Result<Vec<OverrideRow>, StoreError> {
        let sql = "SELECT id, is_open, until, record FROM on_call_override WHERE is_open = 1 OR until >= ? ORDER BY id DESC LIMIT ?";
        let values = params![since.0, MOST_LISTED];
        self.list(sql, values, override_row, "list the on-call overrides")
    }

    /// An on-call override, over or not.
    pub fn on_call_override(&self, id: u64) -> Result<Option<OverrideRow>, StoreError> {
        let sql = "SELECT id, is_open, until, record FROM on_call_override WHERE id = ?";
        let found = self.list(sql, [id as i64], override_row, "read an on-call override")?;
        Ok(found.into_iter().next())
    }

    /// The highest number of an on-call override; 0 before the first.
    pub fn last_override_number(&self) -> Result<u64, StoreError> {
        let what = "find the last on-call override";
        let mut statement = self.prepare("SELECT max(id) FROM on_call_override", what)?;
        let last: Option<i64> = statement.query_row([], |row| row.get(0)).attempt(what)?;
        Ok(last.unwrap_or(0) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    #[test]
    fn those_that_stand_are_restored_and_those_that_are_over_are_told_for_a_while() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut store = Store::open(folder.path()).expect("opens");
        let row = |id, is_open, until| OverrideRow {
            id,
            is_open,
            until: Timestamp(until),
            record: "{}".to_owned(),
        };
        let commit = store.begin().expect("begins");
        let rows = [row(1, true, 50), row(2, true, 900), row(3, false, 600)];
        rows.iter()
            .for_each(|row| commit.on_call_override(row).expect("writes"));
        commit.on_call_override(&row(1, false, 40)).expect("writes");
        commit.finish().expect("commits");
        let reader = store.reader().expect("reads");
        assert_eq!(reader.standing_overrides().expect("reads"), [row(2, true, 900)]);
        let since = reader.overrides_since(Timestamp(500)).expect("reads");
        assert_eq!(since, [row(3, false, 600), row(2, true, 900)]);
        assert_eq!(reader.on_call_override(1).expect("reads"), Some(row(1, false, 40)));
        assert_eq!(reader.last_override_number().expect("reads"), 3);
    }
}
