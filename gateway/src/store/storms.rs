//! Incidents, and what the people of each site were told.

use super::commit::Commit;
use super::reader::Reader;
use super::rows::{IncidentRow, NoticesRow};
use super::{Attempt, StoreError};
use domain::Timestamp;
use rusqlite::{Row, params};

const INCIDENT_COLUMNS: &str = "id, site, is_open, opened_at, record";

/// Which incidents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentList {
    /// Only this site.
    pub site: Option<String>,
    /// Those that last, or those that are over.
    pub is_open: bool,
    /// After the incident with this number.
    pub after: Option<u64>,
}

impl Commit<'_> {
    /// An incident as it is now.
    pub fn incident(&self, row: &IncidentRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO incident (id, site, is_open, opened_at, record) VALUES (?, ?, ?, ?, ?) \
                   ON CONFLICT (id) DO UPDATE SET is_open = excluded.is_open, record = excluded.record";
        let values = params![row.id as i64, row.site, row.is_open, row.opened_at.0, row.record];
        self.execute(sql, values, "store an incident").map(drop)
    }

    /// What the people of a site were told, as it is now.
    pub fn notices(&self, row: &NoticesRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO site_notices (site, record) VALUES (?, ?) ON CONFLICT (site) DO UPDATE SET record = excluded.record";
        self.execute(sql, params![row.site, row.record], "store what a site was told")
            .map(drop)
    }
}

impl Reader {
    /// Every incident that is not over, the oldest first.
    pub fn open_incidents(&self) -> Result<Vec<IncidentRow>, StoreError> {
        let sql = format!("SELECT {INCIDENT_COLUMNS} FROM incident WHERE is_open = 1 ORDER BY id");
        self.list(&sql, [], incident_row, "read the open incidents")
    }

    /// A page of incidents, the newest first.
    pub fn incident_list(&self, list: &IncidentList, limit: usize) -> Result<Vec<IncidentRow>, StoreError> {
        let sql = format!(
            "SELECT {INCIDENT_COLUMNS} FROM incident WHERE is_open = ?1 AND id < ?2 AND (?3 IS NULL OR site = ?3) \
             ORDER BY id DESC LIMIT ?4"
        );
        let before = list.after.and_then(|id| i64::try_from(id).ok()).unwrap_or(i64::MAX);
        let values = params![list.is_open, before, list.site, limit as i64];
        self.list(&sql, values, incident_row, "list the incidents")
    }

    /// An incident, over or not.
    pub fn incident(&self, id: u64) -> Result<Option<IncidentRow>, StoreError> {
        let sql = format!("SELECT {INCIDENT_COLUMNS} FROM incident WHERE id = ?");
        let found = self.list(&sql, [id as i64], incident_row, "read an incident")?;
        Ok(found.into_iter().next())
    }

    /// The highest number of an incident; 0 before the first.
    pub fn last_incident_number(&self) -> Result<u64, StoreError> {
        let what = "find the last incident";
        let mut statement = self.prepare("SELECT coalesce(max(id), 0) FROM incident", what)?;
        let last: i64 = statement.query_row([], |row| row.get(0)).attempt(what)?;
        Ok(last as u64)
    }

    /// What the people of each site were told, by site.
    pub fn site_notices(&self) -> Result<Vec<NoticesRow>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok(NoticesRow {
                site: row.get(0)?,
                record: row.get(1)?,
            })
        };
        let sql = "SELECT site, record FROM site_notices ORDER BY site";
        self.list(sql, [], read, "read what the sites were told")
    }
}

fn incident_row(row: &Row<'_>) -> rusqlite::Result<IncidentRow> {
    Ok(IncidentRow {
        id: row.get::<_, i64>(0)? as u64,
        site: row.get(1)?,
        is_open: row.get(2)?,
        opened_at: Timestamp(row.get(3)?),
        record: row.get(4)?,
    })
}
