//! One commit: everything that one step of the pipeline changed, on disk together or not at all.

use super::audit::Link;
use super::rows::{AlarmRow, OutboxRow, QuarantineRow, TicketRow, WaveformRow, WindowRow};
use super::{Attempt, Checkpoint, Repair, StoreError, StoredDevice};
use crate::failpoint::{self, Failpoint};
use domain::{DeviceIndex, MetricIndex, MetricName, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};
use std::cell::Cell;

/// A transaction that is being filled.
pub struct Commit<'a> {
    transaction: Transaction<'a>,
    position: u64,
    /// The last line of the audit trail, once it is known.
    pub(super) audit_head: Cell<Option<Link>>,
}

impl<'a> Commit<'a> {
    pub(super) fn new(transaction: Transaction<'a>, position: u64) -> Self {
        Commit {
            transaction,
            position,
            audit_head: Cell::new(None),
        }
    }

    /// The number of the row written last.
    pub(super) fn last_row(&self) -> i64 {
        self.transaction.last_insert_rowid()
    }

    /// The journal position of this commit.
    pub fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn execute(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        what: &'static str,
    ) -> Result<usize, StoreError> {
        self.transaction
            .prepare_cached(sql)
            .and_then(|mut s| s.execute(values))
            .attempt(what)
    }

    pub(super) fn query_one<T>(
        &self,
        sql: &str,
        what: &'static str,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.transaction.prepare_cached(sql).attempt(what)?;
        statement.query_row([], read).optional().attempt(what)
    }

    /// The journal entry of this commit.
    pub fn journal(&self, entry: &[u8], messages: u64, now: Timestamp) -> Result<(), StoreError> {
        let values = params![self.position as i64, now.0, messages as i64, entry];
        self.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", values, "write the journal")
            .map(drop)
    }

    /// Removes entries that are everywhere they must go. At most `limit` a commit, so that no commit takes long.
    pub fn trim_journal(&self, up_to: u64, limit: u32) -> Result<usize, StoreError> {
        let keep =
            "INSERT INTO meta VALUES ('last_position', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.execute(keep, params![self.position as i64], "remember the last position")?;
        let sql = "DELETE FROM journal WHERE position IN (SELECT position FROM journal WHERE position <= ? ORDER BY position LIMIT ?)";
        self.execute(sql, params![up_to as i64, limit], "trim the journal")
    }

    /// A device that is new, or has another profile.
    pub fn device(&self, device: &StoredDevice) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO device VALUES (?, ?, ?, ?, ?) ON CONFLICT (idx) DO UPDATE SET profile = excluded.profile";
        let values = params![
            device.index.0,
            device.key.site.as_str(),
            device.key.device.as_str(),
            device.profile,
            device.first_seen.0
        ];
        self.execute(sql, values, "register a device").map(drop)
    }

    /// A metric name that is new.
    pub fn metric(&self, index: MetricIndex, name: &MetricName) -> Result<(), StoreError> {
        self.execute(
            "INSERT OR IGNORE INTO metric VALUES (?, ?)",
            params![index.0, name.as_str()],
            "register a metric",
        )
        .map(drop)
    }

    /// The learned state of a device.
    pub fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let sql = "INSERT INTO checkpoint VALUES (?, ?, ?) \
                   ON CONFLICT (device) DO UPDATE SET position = excluded.position, state = excluded.state";
        let values = params![checkpoint.device.0, checkpoint.position as i64, checkpoint.state];
        self.execute(sql, values, "write a checkpoint").map(drop)
    }

    /// An alarm as it is now.
    pub fn alarm(&self, row: &AlarmRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO alarm VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
                   is_open = excluded.is_open, state = excluded.state, severity = excluded.severity, risk = excluded.risk, \
                   changed_at = excluded.changed_at, revision = excluded.revision, record = excluded.record, \
                   incident = coalesce(excluded.incident, incident)";
        let values = params![
            row.id,
            row.device.site.as_str(),
            row.device.device.as_str(),
            row.failure_mode.as_str(),
            row.episode,
            row.is_open,
            row.state,
            row.severity,
            row.risk,
            row.raised_at.0,
            row.changed_at.0,
            row.revision as i64,
            row.record,
            row.incident.map(|id| id as i64)
        ];
        self.execute(sql, values, "store an alarm").map(drop)
    }

    /// A ticket as it is now.
    pub fn ticket(&self, row: &TicketRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO ticket VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
                   is_open = excluded.is_open, state = excluded.state, kind = excluded.kind, due_at = excluded.due_at, \
                   changed_at = excluded.changed_at, revision = excluded.revision, record = excluded.record";
        let values = params![
            row.id as i64,
            row.device.site.as_str(),
            row.device.device.as_str(),
            row.failure_mode.as_str(),
            row.episode,
            row.is_open,
            row.state,
            row.kind,
            row.opened_at.0,
            row.due_at.map(|t| t.0),
            row.changed_at.0,
            row.revision as i64,
            row.record
        ];
        self.execute(sql, values, "store a ticket")?;
        failpoint::hit(Failpoint::AfterTicketInsert);
        Ok(())
    }

    /// A maintenance window as it is now.
    pub fn window(&self, row: &WindowRow) -> Result<(), StoreError> {
        let sql = "INSERT INTO maintenance_window VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
                   is_open = excluded.is_open, record = excluded.record";
        let values = params![row.id as i64, row.is_open, row.record];
        self.execute(sql, values, "store a maintenance window").map(drop)
    }

    /// An order that must leave; an order that is there already stays as it is. Returns its number if it is new.
    pub fn outbox(&self, row: &OutboxRow) -> Result<Option<u64>, StoreError> {
        let sql = "INSERT OR IGNORE INTO outbox (target, key, kind, subject, payload, created_at, next_attempt_at) \
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let values = params![
            row.target,
            row.key,
            row.kind,
            row.subject,
            row.payload,
            row.created_at.0,
            row.next_attempt_at.0
        ];
        let inserted = self.execute(sql, values, "order a delivery")?;
        Ok((inserted > 0).then(|| self.transaction.last_insert_rowid() as u64))
    }

    /// The order has arrived.
    pub fn outbox_done(&self, id: u64) -> Result<(), StoreError> {
        self.execute(
            "DELETE FROM outbox WHERE id = ?",
            params![id as i64],
            "close a delivery",
        )
        .map(drop)
    }

    /// The order did not arrive; it is tried again at `next_attempt_at`, or never if that is none.
    pub fn outbox_failed(&self, id: u64, next_attempt_at: Option<Timestamp>, error: &str) -> Result<(), StoreError> {
        let sql = "UPDATE outbox SET attempts = attempts + 1, last_error = ?2, next_attempt_at = coalesce(?3, next_attempt_at), \
                   state = CASE WHEN ?3 IS NULL THEN 'dead' ELSE 'waiting' END WHERE id = ?1";
        self.execute(
            sql,
            params![id as i64, error, next_attempt_at.map(|t| t.0)],
            "put off a delivery",
        )
        .map(drop)
    }

    /// The latest message of a retained topic.
    pub fn retained(&self, topic: &str, payload: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO retained VALUES (?, ?) ON CONFLICT (topic) DO UPDATE SET payload = excluded.payload";
        self.execute(sql, params![topic, payload], "retain a message").map(drop)
    }

    /// A packet that was not understood; the oldest make room beyond `limit`.
    pub fn quarantine(&self, row: &QuarantineRow, limit: u64) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO quarantine (received_at, topic, payload, is_cut, reason, detail) VALUES (?, ?, ?, ?, ?, ?)";
        let values = params![
            row.received_at.0,
            row.topic,
            row.payload,
            row.is_cut,
            row.reason,
            row.detail
        ];
        self.execute(sql, values, "quarantine a packet")?;
        let newest = self.transaction.last_insert_rowid();
        let make_room = "DELETE FROM quarantine WHERE id <= ?";
        self.execute(make_room, params![newest - limit as i64], "make room in quarantine")
            .map(drop)
    }

    /// A packet leaves quarantine, replayed or discarded. Whether it was there.
    pub fn release(&self, id: u64) -> Result<bool, StoreError> {
        self.execute(
            "DELETE FROM quarantine WHERE id = ?",
            params![id as i64],
            "release from quarantine",
        )
        .map(|n| n > 0)
    }

    /// A raw waveform; the oldest of the sensor make room beyond `keep`.
    pub fn waveform(&self, row: &WaveformRow, keep: u32) -> Result<(), StoreError> {
        let sql = "INSERT OR IGNORE INTO waveform (device, sensor, measured_at, payload) VALUES (?, ?, ?, ?)";
        self.execute(
            sql,
            params![row.device.0, row.sensor, row.measured_at.0, row.payload],
            "store a waveform",
        )?;
        let make_room = "DELETE FROM waveform WHERE id IN (SELECT id FROM waveform WHERE device = ? AND sensor = ? \
                         ORDER BY measured_at DESC LIMIT -1 OFFSET ?)";
        self.execute(
            make_room,
            params![row.device.0, row.sensor, keep],
            "make room for waveforms",
        )
        .map(drop)
    }

    /// A machine was repaired, and its device has yet to forget what it learned of the old one.
    pub fn repair(&self, repair: &Repair) -> Result<(), StoreError> {
        let sql =
            "INSERT INTO repair VALUES (?, ?, ?) ON CONFLICT (device, failure_mode) DO UPDATE SET at = excluded.at";
        let values = params![repair.device.0, repair.failure_mode, repair.at.0];
        self.execute(sql, values, "remember a repair").map(drop)
    }

    /// The device has forgotten: its journal record is in this commit. A later repair of the same stays.
    pub fn repair_done(&self, repair: &Repair) -> Result<(), StoreError> {
        let sql = "DELETE FROM repair WHERE device = ? AND failure_mode = ? AND at <= ?";
        let values = params![repair.device.0, repair.failure_mode, repair.at.0];
        self.execute(sql, values, "close a repair").map(drop)
    }

    /// A value that is kept across restarts.
    pub fn meta(&self, key: &str, value: i64) -> Result<(), StoreError> {
        let sql = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.execute(sql, params![key, value], "remember a value").map(drop)
    }

    /// Writes everything to disk; returns the position.
    pub fn finish(self) -> Result<u64, StoreError> {
        failpoint::hit(Failpoint::BeforeCommit);
        self.transaction.commit().attempt("commit")?;
        failpoint::hit(Failpoint::AfterCommitBeforeAck);
        Ok(self.position)
    }

    /// The device's checkpoint is dropped, because its state cannot be read.
    pub fn forget_checkpoint(&self, device: DeviceIndex) -> Result<(), StoreError> {
        self.execute(
            "DELETE FROM checkpoint WHERE device = ?",
            params![device.0],
            "drop a checkpoint",
        )
        .map(drop)
    }
}
