//! Reviews of past months.

use super::commit::Commit;
use super::reader::Reader;
use super::{Attempt, StoreError};
use domain::Timestamp;
use rusqlite::{OptionalExtension, params};

/// A review of a past month, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// Such as `2026-11`.
    pub month: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// To read and print.
    pub html: String,
    /// For spreadsheets.
    pub csv: String,
}

/// That there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportMade {
    /// Such as `2026-11`.
    pub month: String,
    /// When it was made.
    pub made_at: Timestamp,
}

impl Commit<'_> {
    /// Keeps the review of a month; one that is there stays. Says whether it is new.
    pub fn report(&self, row: &ReportRow) -> Result<bool, StoreError> {
        let sql = "INSERT INTO report (month, made_at, html, csv) VALUES (?, ?, ?, ?) ON CONFLICT (month) DO NOTHING";
        let values = params![row.month, row.made_at.0, row.html, row.csv];
        self.execute(sql, values, "store a report").map(|rows| rows > 0)
    }
}

impl Reader {
    /// Which there are, the newest first.
    pub fn reports(&self) -> Result<Vec<ReportMade>, StoreError> {
        let sql = "SELECT month, made_at FROM report ORDER BY month DESC";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(ReportMade {
                month: row.get(0)?,
                made_at: Timestamp(row.get(1)?),
            })
        };
        self.list(sql, [], read, "list the reports")
    }

    /// One of them.
    pub fn report(&self, month: &str) -> Result<Option<ReportRow>, StoreError> {
        let what = "read a report";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(ReportRow {
                month: row.get(0)?,
                made_at: Timestamp(row.get(1)?),
                html: row.get(2)?,
                csv: row.get(3)?,
            })
        };
        let mut statement = self.prepare("SELECT month, made_at, html, csv FROM report WHERE month = ?", what)?;
        statement.query_row([month], read).optional().attempt(what)
    }

    /// When the first device was heard; none before.
    pub fn first_seen(&self) -> Result<Option<Timestamp>, StoreError> {
        let what = "read when the first device was heard";
        let mut statement = self.prepare("SELECT min(first_seen) FROM device", what)?;
        let at: Option<i64> = statement.query_row([], |row| row.get(0)).attempt(what)?;
        Ok(at.map(Timestamp))
    }
}
