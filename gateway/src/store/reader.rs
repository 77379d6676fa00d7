//! Reading beside the writer: lists for people, the journal for the stores it feeds, everything for a restart.

use super::rows::{AlarmRow, OutboxRow, QuarantineRow, TicketRow, WindowRow};
use super::{Attempt, Checkpoint, Repair, StoreError, StoredDevice, schema};
use crate::access::Sight;
use domain::{DeviceIndex, DeviceKey, FailureModeId, MetricIndex, MetricName, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::Path;

/// Columns as [`alarm_row`] reads them.
pub(super) const ALARM_COLUMNS: &str = "id, site, device, failure_mode, episode, is_open, state, severity, risk, raised_at, changed_at, revision, record, incident";
/// Columns as [`ticket_row`] reads them.
pub(super) const TICKET_COLUMNS: &str =
    "id, site, device, failure_mode, episode, is_open, state, kind, opened_at, due_at, changed_at, revision, record";

/// A read-only connection; sees a consistent state for the length of one call, or of its life.
pub struct Reader {
    pub(super) connection: Connection,
    /// What it sees; none: everything.
    pub(super) sight: Option<Sight>,
}

/// How many rows there are, for pages and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableCounts {
    /// Journal entries kept.
    pub journal: u64,
    /// Bytes of them.
    pub journal_bytes: u64,
    /// Deliveries waiting.
    pub outbox_waiting: u64,
    /// Deliveries given up.
    pub outbox_dead: u64,
    /// Packets in quarantine.
    pub quarantine: u64,
}

/// Which alarms or tickets a list shows; none means all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListFilter {
    /// Only this site.
    pub site: Option<String>,
    /// Only this device.
    pub device: Option<String>,
    /// Only in this state.
    pub state: Option<String>,
    /// Only of this severity (alarms) or kind (tickets).
    pub class: Option<String>,
    /// Only open, or only closed.
    pub is_open: Option<bool>,
}

impl Reader {
    /// Opens a database for reading.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        let connection = schema::open_read_only(path)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(Reader {
            connection,
            sight: None,
        })
    }

    /// Opens a database that a gateway may be writing to, and keeps to this moment in every call that follows: names and
    /// journal entries fit each other. The writer cannot shorten its write-ahead log meanwhile, so drop it soon.
    pub fn open_at_one_moment(path: &Path) -> Result<Reader, StoreError> {
        let reader = Reader::open(path)?;
        // a transaction's view begins with its first read
        reader
            .connection
            .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")
            .attempt("read the database at one moment")?;
        Ok(reader)
    }

    pub(super) fn prepare(&self, sql: &str, what: &'static str) -> Result<rusqlite::CachedStatement<'_>, StoreError> {
        self.connection.prepare_cached(sql).attempt(what)
    }

    pub(super) fn list<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
        what: &'static str,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.prepare(sql, what)?;
        let rows = statement.query_map(values, read).attempt(what)?;
        rows.collect::<Result<Vec<T>, _>>().attempt(what)
    }

    /// All devices, by index.
    pub fn devices(&self) -> Result<Vec<StoredDevice>, StoreError> {
        let read = |row: &Row<'_>| {
            let key = device_key(row, 1, 2)?;
            Ok(StoredDevice {
                index: DeviceIndex(row.get(0)?),
                key,
                profile: row.get(3)?,
                first_seen: Timestamp(row.get(4)?),
            })
        };
        self.list(
            "SELECT idx, site, name, profile, first_seen FROM device ORDER BY idx",
            [],
            read,
            "read the devices",
        )
    }

    /// Repairs that their devices have not followed yet.
    pub fn repairs(&self) -> Result<Vec<Repair>, StoreError> {
        let read = |row: &Row<'_>| {
            Ok(Repair {
                device: DeviceIndex(row.get(0)?),
                failure_mode: row.get(1)?,
                at: Timestamp(row.get(2)?),
            })
        };
        let sql = "SELECT device, failure_mode, at FROM repair ORDER BY at, device, failure_mode";
        self.list(sql, [], read, "read the repairs")
    }

    /// All metric names, by index.
    pub fn metrics(&self) -> Result<Vec<(MetricIndex, MetricName)>, StoreError> {
        let read = |row: &Row<'_>| Ok((MetricIndex(row.get(0)?), name(row, 1, MetricName::new)?));
        self.list(
            "SELECT idx, name FROM metric ORDER BY idx",
            [],
            read,
            "read the metric names",
        )
    }

    /// Journal entries after a position, oldest first, until `max_bytes` are reached (at least one if there is one).
    pub fn journal_after(&self, position: u64, max_bytes: usize) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let what = "read the journal";
        let mut statement = self
            .connection
            .prepare_cached("SELECT position, entry FROM journal WHERE position > ? ORDER BY position")
            .attempt(what)?;
        let mut rows = statement.query(params![position as i64]).attempt(what)?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next().attempt(what)? {
            let entry: Vec<u8> = row.get(1).attempt(what)?;
            bytes += entry.len();
            entries.push((row.get::<_, i64>(0).attempt(what)? as u64, entry));
            if bytes >= max_bytes {
                break;
            }
        }
        Ok(entries)
    }

    /// The first and last position in the journal; none if it is empty.
    pub fn journal_span(&self) -> Result<Option<(u64, u64)>, StoreError> {
        self.connection
            .query_row("SELECT min(position), max(position) FROM journal", [], |row| {
                Ok(row.get::<_, Option<i64>>(0)?.zip(row.get::<_, Option<i64>>(1)?))
            })
            .attempt("find the ends of the journal")
            .map(|span| span.map(|(first, last)| (first as u64, last as u64)))
    }

    /// The state of every device that has one.
    pub fn checkpoints(&self, mut each: impl FnMut(Checkpoint)) -> Result<(), StoreError> {
        let read = |row: &Row<'_>| {
            each(Checkpoint {
                device: DeviceIndex(row.get(0)?),
                position: row.get::<_, i64>(1)? as u64,
                state: row.get(2)?,
            });
            Ok(())
        };
        self.list(
            "SELECT device, position, state FROM checkpoint",
            [],
            read,
            "read the checkpoints",
        )
        .map(drop)
    }

    /// A value that is kept across restarts.
    pub fn meta(&self, key: &str) -> Result<Option<i64>, StoreError> {
        self.connection
            .query_row("SELECT value FROM meta WHERE key = ?", params![key], |row| row.get(0))
            .optional()
            .attempt("read a remembered value")
    }

    /// Alarms, newest first, before a cursor (raised_at, id).
    pub fn alarms(
        &self,
        filter: &ListFilter,
        before: Option<(i64, &str)>,
        limit: u32,
    ) -> Result<Vec<AlarmRow>, StoreError> {
        let sql = "SELECT id, site, device, failure_mode, episode, is_open, state, severity, risk, raised_at, changed_at, revision, record, incident \
                   FROM alarm WHERE (?1 IS NULL OR site = ?1) AND (?2 IS NULL OR device = ?2) AND (?3 IS NULL OR state = ?3) \
                   AND (?4 IS NULL OR severity = ?4) AND (?5 IS NULL OR is_open = ?5) \
                   AND (?6 IS NULL OR (raised_at, id) < (?6, ?7)) ORDER BY raised_at DESC, id DESC LIMIT ?8";
        let (at, id) = (before.map(|b| b.0), before.map(|b| b.1));
        let values = params![
            filter.site,
            filter.device,
            filter.state,
            filter.class,
            filter.is_open,
            at,
            id,
            limit
        ];
        self.list(sql, values, alarm_row, "list alarms")
    }

    /// One alarm.
    pub fn alarm(&self, id: &str) -> Result<Option<AlarmRow>, StoreError> {
        let sql = "SELECT id, site, device, failure_mode, episode, is_open, state, severity, risk, raised_at, changed_at, revision, record, incident \
                   FROM alarm WHERE id = ?";
        self.list(sql, params![id], alarm_row, "read an alarm")
            .map(|mut rows| rows.pop())
    }

    /// The last episode of every (device, failure mode), open or not.
    pub fn last_alarms(&self) -> Result<Vec<AlarmRow>, StoreError> {
        let sql = "SELECT id, site, device, failure_mode, max(episode), is_open, state, severity, risk, raised_at, changed_at, revision, record, incident \
                   FROM alarm GROUP BY site, device, failure_mode";
        self.list(sql, [], alarm_row, "read the alarms")
    }

    /// Tickets, newest first, before a cursor (opened_at, id).
    pub fn tickets(
        &self,
        filter: &ListFilter,
        before: Option<(i64, i64)>,
        limit: u32,
    ) -> Result<Vec<TicketRow>, StoreError> {
        let sql = "SELECT id, site, device, failure_mode, episode, is_open, state, kind, opened_at, due_at, changed_at, revision, record \
                   FROM ticket WHERE (?1 IS NULL OR site = ?1) AND (?2 IS NULL OR device = ?2) AND (?3 IS NULL OR state = ?3) \
                   AND (?4 IS NULL OR kind = ?4) AND (?5 IS NULL OR is_open = ?5) \
                   AND (?6 IS NULL OR (opened_at, id) < (?6, ?7)) ORDER BY opened_at DESC, id DESC LIMIT ?8";
        let (at, id) = (before.map(|b| b.0), before.map(|b| b.1));
        let values = params![
            filter.site,
            filter.device,
            filter.state,
            filter.class,
            filter.is_open,
            at,
            id,
            limit
        ];
        self.list(sql, values, ticket_row, "list tickets")
    }

    /// Tickets that can still change, and those of maintenance plans, which tell what was reminded.
    pub fn tickets_to_restore(&self) -> Result<Vec<TicketRow>, StoreError> {
        let sql = "SELECT id, site, device, failure_mode, episode, is_open, state, kind, opened_at, due_at, changed_at, revision, record \
                   FROM ticket WHERE state <> 'archived' OR failure_mode LIKE 'plan.%' ORDER BY id";
        self.list(sql, [], ticket_row, "read the tickets")
    }

    /// One ticket.
    pub fn ticket(&self, id: u64) -> Result<Option<TicketRow>, StoreError> {
        let sql = "SELECT id, site, device, failure_mode, episode, is_open, state, kind, opened_at, due_at, changed_at, revision, record \
                   FROM ticket WHERE id = ?";
        self.list(sql, params![id as i64], ticket_row, "read a ticket")
            .map(|mut rows| rows.pop())
    }

    /// Maintenance windows that are not over, the oldest first.
    pub fn open_windows(&self) -> Result<Vec<WindowRow>, StoreError> {
        let sql = "SELECT id, is_open, record FROM maintenance_window WHERE is_open = 1 ORDER BY id";
        self.list(sql, [], window_row, "read the maintenance windows")
    }

    /// A maintenance window, over or not.
    pub fn window(&self, id: u64) -> Result<Option<WindowRow>, StoreError> {
        let sql = "SELECT id, is_open, record FROM maintenance_window WHERE id = ?";
        let found = self.list(sql, [id as i64], window_row, "read a maintenance window")?;
        Ok(found.into_iter().next())
    }

    /// The highest number of a maintenance window; 0 before the first.
    pub fn last_window_number(&self) -> Result<u64, StoreError> {
        let last: Option<i64> = self
            .connection
            .query_row("SELECT max(id) FROM maintenance_window", [], |row| row.get(0))
            .attempt("find the last maintenance window")?;
        Ok(last.unwrap_or(0) as u64)
    }

    /// The highest ticket number given; 0 before the first.
    pub fn last_ticket_number(&self) -> Result<u64, StoreError> {
        let what = "find the last ticket number";
        let last: Option<i64> = self
            .connection
            .query_row("SELECT max(id) FROM ticket", [], |row| row.get(0))
            .attempt(what)?;
        Ok(last.unwrap_or(0) as u64)
    }

    /// Receivers for which deliveries wait, due or not.
    pub fn outbox_targets(&self) -> Result<Vec<String>, StoreError> {
        // from one target to the next along the index, however many deliveries there are
        let sql = "WITH RECURSIVE found (target) AS ( \
                   SELECT min(target) FROM outbox WHERE state = 'waiting' \
                   UNION ALL SELECT (SELECT min(target) FROM outbox WHERE state = 'waiting' AND target > found.target) \
                   FROM found WHERE target IS NOT NULL) SELECT target FROM found WHERE target IS NOT NULL";
        self.list(sql, [], |row| row.get(0), "read the outbox")
    }

    /// Deliveries to a receiver that are due, the longest due first, in the order in which they were ordered.
    pub fn outbox_due(&self, target: &str, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = "SELECT id, target, key, kind, subject, payload, created_at, attempts, next_attempt_at, last_error FROM outbox \
                   WHERE state = 'waiting' AND target = ? AND next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ?";
        self.list(sql, params![target, now.0, limit], outbox_row, "read the outbox")
    }

    /// The same, but of several deliveries about one subject only the first that waits, due or not.
    pub fn outbox_due_in_order(&self, target: &str, now: Timestamp, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let sql = "SELECT id, target, key, kind, subject, payload, created_at, attempts, next_attempt_at, last_error FROM outbox \
                   WHERE id IN (SELECT min(id) FROM outbox WHERE state = 'waiting' AND target = ?1 GROUP BY subject) \
                   AND next_attempt_at <= ?2 ORDER BY next_attempt_at, id LIMIT ?3";
        self.list(sql, params![target, now.0, limit], outbox_row, "read the outbox")
    }

    /// When the next waiting delivery is due.
    pub fn outbox_next(&self) -> Result<Option<Timestamp>, StoreError> {
        let sql = "SELECT min(next_attempt_at) FROM outbox WHERE state = 'waiting'";
        let next: Option<i64> = self
            .connection
            .query_row(sql, [], |row| row.get(0))
            .attempt("read the outbox")?;
        Ok(next.map(Timestamp))
    }

    /// Retained messages.
    pub fn retained(&self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        self.list(
            "SELECT topic, payload FROM retained",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
            "read retained messages",
        )
    }

    /// Packets in quarantine, newest first, before a cursor.
    pub fn quarantine(&self, before: Option<u64>, limit: u32) -> Result<Vec<QuarantineRow>, StoreError> {
        let sql = "SELECT id, received_at, topic, payload, is_cut, reason, detail FROM quarantine \
                   WHERE ?1 IS NULL OR id < ?1 ORDER BY id DESC LIMIT ?2";
        self.list(
            sql,
            params![before.map(|b| b as i64), limit],
            quarantine_row,
            "list the quarantine",
        )
    }

    /// One packet in quarantine.
    pub fn quarantined(&self, id: u64) -> Result<Option<QuarantineRow>, StoreError> {
        let sql = "SELECT id, received_at, topic, payload, is_cut, reason, detail FROM quarantine WHERE id = ?";
        self.list(sql, params![id as i64], quarantine_row, "read the quarantine")
            .map(|mut rows| rows.pop())
    }

    /// How many open alarms and tickets each device has: site, device, alarms, tickets.
    pub fn open_by_device(&self) -> Result<Vec<(DeviceKey, u32, u32)>, StoreError> {
        let sql = "SELECT site, device, sum(alarms), sum(tickets) FROM ( \
                   SELECT site, device, 1 AS alarms, 0 AS tickets FROM alarm WHERE is_open \
                   UNION ALL SELECT site, device, 0, 1 FROM ticket WHERE is_open) GROUP BY site, device";
        self.list(
            sql,
            [],
            |row| Ok((device_key(row, 0, 1)?, row.get(2)?, row.get(3)?)),
            "count open alarms and tickets",
        )
    }

    /// How many rows there are.
    pub fn counts(&self) -> Result<TableCounts, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM journal), (SELECT coalesce(sum(length(entry)), 0) FROM journal), \
                   (SELECT count(*) FROM outbox WHERE state = 'waiting'), (SELECT count(*) FROM outbox WHERE state = 'dead'), \
                   (SELECT count(*) FROM quarantine)";
        let get = |row: &Row<'_>, i: usize| row.get::<_, i64>(i).map(|n| n as u64);
        self.connection
            .query_row(sql, [], |row| {
                Ok(TableCounts {
                    journal: get(row, 0)?,
                    journal_bytes: get(row, 1)?,
                    outbox_waiting: get(row, 2)?,
                    outbox_dead: get(row, 3)?,
                    quarantine: get(row, 4)?,
                })
            })
            .attempt("count rows")
    }

    /// Copies the whole database into a new file, consistent, while a gateway runs.
    pub fn backup_to(&self, target: &Path) -> Result<(), StoreError> {
        schema::backup(&self.connection, target)
    }
}

pub(super) fn name<T>(
    row: &Row<'_>,
    column: usize,
    make: fn(&str) -> Result<T, domain::IdError>,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    let wrap = |e| rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(e));
    make(&text).map_err(wrap)
}

pub(super) fn device_key(row: &Row<'_>, site: usize, device: usize) -> rusqlite::Result<DeviceKey> {
    Ok(DeviceKey {
        site: name(row, site, domain::SiteName::new)?,
        device: name(row, device, domain::DeviceName::new)?,
    })
}

pub(super) fn alarm_row(row: &Row<'_>) -> rusqlite::Result<AlarmRow> {
    Ok(AlarmRow {
        id: row.get(0)?,
        device: device_key(row, 1, 2)?,
        failure_mode: name(row, 3, FailureModeId::new)?,
        episode: row.get(4)?,
        is_open: row.get(5)?,
        state: row.get(6)?,
        severity: row.get(7)?,
        risk: row.get(8)?,
        raised_at: Timestamp(row.get(9)?),
        changed_at: Timestamp(row.get(10)?),
        revision: row.get::<_, i64>(11)? as u64,
        record: row.get(12)?,
        incident: row.get::<_, Option<i64>>(13)?.map(|id| id as u64),
    })
}

fn window_row(row: &Row<'_>) -> rusqlite::Result<WindowRow> {
    Ok(WindowRow {
        id: row.get::<_, i64>(0)? as u64,
        is_open: row.get(1)?,
        record: row.get(2)?,
    })
}

pub(super) fn ticket_row(row: &Row<'_>) -> rusqlite::Result<TicketRow> {
    Ok(TicketRow {
        id: row.get::<_, i64>(0)? as u64,
        device: device_key(row, 1, 2)?,
        failure_mode: name(row, 3, FailureModeId::new)?,
        episode: row.get(4)?,
        is_open: row.get(5)?,
        state: row.get(6)?,
        kind: row.get(7)?,
        opened_at: Timestamp(row.get(8)?),
        due_at: row.get::<_, Option<i64>>(9)?.map(Timestamp),
        changed_at: Timestamp(row.get(10)?),
        revision: row.get::<_, i64>(11)? as u64,
        record: row.get(12)?,
    })
}

pub(super) fn outbox_row(row: &Row<'_>) -> rusqlite::Result<OutboxRow> {
    Ok(OutboxRow {
        id: row.get::<_, i64>(0)? as u64,
        target: row.get(1)?,
        key: row.get(2)?,
        kind: row.get(3)?,
        subject: row.get(4)?,
        payload: row.get(5)?,
        created_at: Timestamp(row.get(6)?),
        attempts: row.get(7)?,
        next_attempt_at: Timestamp(row.get(8)?),
        last_error: row.get(9)?,
    })
}

pub(super) fn quarantine_row(row: &Row<'_>) -> rusqlite::Result<QuarantineRow> {
    Ok(QuarantineRow {
        id: row.get::<_, i64>(0)? as u64,
        received_at: Timestamp(row.get(1)?),
        topic: row.get(2)?,
        payload: row.get(3)?,
        is_cut: row.get(4)?,
        reason: row.get(5)?,
        detail: row.get(6)?,
    })
}
