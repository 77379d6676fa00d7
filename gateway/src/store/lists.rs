//! Lists for people: pages of alarms and tickets in the order in which they are looked at. Only what a query asks for
//! stands in its SQL, so that the indices carry it however long the past has become.

use super::reader::{ALARM_COLUMNS, Reader, TICKET_COLUMNS, alarm_row, quarantine_row, ticket_row};
use super::rows::{AlarmRow, QuarantineRow, TicketRow};
use super::{Attempt, StoreError};
use domain::Timestamp;
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params, params_from_iter};

/// Which alarms: newest change first. None means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlarmList {
    /// Only this site.
    pub site: Option<String>,
    /// Only this device name.
    pub device: Option<String>,
    /// Only in this state.
    pub state: Option<&'static str>,
    /// Only this severity.
    pub severity: Option<&'static str>,
    /// Only with the condition standing, or gone.
    pub is_active: Option<bool>,
    /// Only shelved, or not shelved.
    pub is_shelved: Option<bool>,
    /// Also those that are over.
    pub with_normal: bool,
    /// Only those whose latest incident this is.
    pub incident: Option<u64>,
    /// After the alarm with this time of change and id.
    pub after: Option<(Timestamp, String)>,
}

/// Which tickets. None means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketList {
    /// Only this site.
    pub site: Option<String>,
    /// Only this device name.
    pub device: Option<String>,
    /// Only with the work at this step, or `closed` or `cancelled`; holds and archives look through to what is behind.
    pub state: Option<&'static str>,
    /// Only with a bad rating that somebody has to see to, or without.
    pub follow_up: Option<bool>,
}

impl TicketList {
    /// Tickets with a bad rating to see to are few: then their index carries the query, not that of open or finished ones.
    fn work_left(&self, sql: &'static str, without_index: &'static str) -> &'static str {
        match self.follow_up {
            Some(true) => without_index,
            Some(false) | None => sql,
        }
    }
}

/// Where a page of open tickets ended: emergencies first, then by due date, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenTicketPlace {
    /// Whether it was no emergency.
    pub is_ordinary: bool,
    /// When its clock runs out; the end of time if none runs.
    pub due_at: i64,
    /// Its number.
    pub id: u64,
}

impl OpenTicketPlace {
    /// The place of a ticket.
    pub fn of(row: &TicketRow) -> Self {
        OpenTicketPlace {
            is_ordinary: row.kind != "emergency",
            due_at: row.due_at.map_or(i64::MAX, |at| at.0),
            id: row.id,
        }
    }
}

/// What waits, for metrics and health.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WaitingCounts {
    /// Deliveries waiting.
    pub outbox_waiting: u64,
    /// Deliveries given up.
    pub outbox_dead: u64,
    /// Packets in quarantine.
    pub quarantine: u64,
}

/// Conditions of a query and their values, in order.
#[derive(Default)]
struct Conditions {
    sql: Vec<&'static str>,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, sql: &'static str) {
        self.sql.push(sql);
    }

    fn with(&mut self, sql: &'static str, values: impl IntoIterator<Item = Value>) {
        self.sql.push(sql);
        self.values.extend(values);
    }

    fn text(&mut self, sql: &'static str, value: Option<impl Into<String>>) {
        if let Some(value) = value {
            self.with(sql, [Value::Text(value.into())]);
        }
    }

    fn sql(&self) -> String {
        match self.sql.is_empty() {
            true => String::new(),
            false => format!("WHERE {}", self.sql.join(" AND ")),
        }
    }
}

impl Reader {
    /// A page of alarms, newest change first.
    pub fn alarm_list(&self, list: &AlarmList, limit: usize) -> Result<Vec<AlarmRow>, StoreError> {
        let mut conditions = Conditions::default();
        match list.state {
            Some("normal") => conditions.add("state = 'normal'"),
            Some(state) => {
                conditions.add("is_open = 1");
                conditions.text("state = ?", Some(state));
            }
            None if !list.with_normal => {
                conditions.add("is_open = 1");
                conditions.add("state <> 'normal'");
            }
            None => {}
        }
        conditions.text("site = ?", list.site.as_deref());
        conditions.text("device = ?", list.device.as_deref());
        conditions.text("severity = ?", list.severity);
        if let Some(incident) = list.incident {
            // an integer that no number fits is no incident's
            let incident = i64::try_from(incident).unwrap_or(-1);
            conditions.with("incident = ?", [Value::Integer(incident)]);
        }
        match list.is_active {
            Some(true) => conditions.add("state IN ('unacknowledged', 'acknowledged')"),
            Some(false) => conditions.add("state NOT IN ('unacknowledged', 'acknowledged')"),
            None => {}
        }
        match list.is_shelved {
            Some(true) => conditions.add("json_extract(record, '$.life.shelving') IS NOT NULL"),
            Some(false) => conditions.add("json_extract(record, '$.life.shelving') IS NULL"),
            None => {}
        }
        if let Some((at, id)) = &list.after {
            conditions.with(
                "(changed_at, id) < (?, ?)",
                [Value::Integer(at.0), Value::Text(id.clone())],
            );
        }
        let sql = format!(
            "SELECT {ALARM_COLUMNS} FROM alarm {} ORDER BY changed_at DESC, id DESC LIMIT {limit}",
            conditions.sql()
        );
        self.list(&sql, params_from_iter(conditions.values), alarm_row, "list alarms")
    }

    /// Alarms of a device that were raised before `until` (device time), newest first.
    pub fn alarms_of_device(
        &self,
        site: &str,
        device: &str,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<AlarmRow>, StoreError> {
        let sql = format!(
            "SELECT {ALARM_COLUMNS} FROM alarm WHERE site = ? AND device = ? AND raised_at < ? \
             ORDER BY raised_at DESC LIMIT ?"
        );
        self.list(
            &sql,
            params![site, device, until.0, limit],
            alarm_row,
            "list the alarms of a device",
        )
    }

    /// Alarms that changed at `since` (our time) or later, the newest change first.
    pub fn alarms_changed_since(&self, since: Timestamp, limit: usize) -> Result<Vec<AlarmRow>, StoreError> {
        let sql =
            format!("SELECT {ALARM_COLUMNS} FROM alarm WHERE changed_at >= ? ORDER BY changed_at DESC LIMIT {limit}");
        self.list(&sql, params![since.0], alarm_row, "list the alarms of a span")
    }

    /// Tickets that changed at `since` (our time) or later, or have work left, the newest change first.
    pub fn tickets_changed_since(&self, since: Timestamp, limit: usize) -> Result<Vec<TicketRow>, StoreError> {
        let sql = format!(
            "SELECT {TICKET_COLUMNS} FROM ticket WHERE changed_at >= ? OR is_open = 1 ORDER BY changed_at DESC LIMIT {limit}"
        );
        self.list(&sql, params![since.0], ticket_row, "list the tickets of a span")
    }

    /// Every alarm that is not normal, or shelved.
    pub fn open_alarms(&self) -> Result<Vec<AlarmRow>, StoreError> {
        let sql = format!("SELECT {ALARM_COLUMNS} FROM alarm WHERE is_open = 1");
        self.list(&sql, [], alarm_row, "read the open alarms")
    }

    /// Every ticket with work left.
    pub fn all_open_tickets(&self) -> Result<Vec<TicketRow>, StoreError> {
        let sql = format!("SELECT {TICKET_COLUMNS} FROM ticket WHERE is_open = 1");
        self.list(&sql, [], ticket_row, "read the open tickets")
    }

    /// Tickets with work left: emergencies first, then the one whose clock runs out first.
    pub fn open_tickets(
        &self,
        list: &TicketList,
        after: Option<OpenTicketPlace>,
        limit: usize,
    ) -> Result<Vec<TicketRow>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.add(list.work_left("is_open = 1", "+is_open = 1"));
        of_tickets(list, &mut conditions);
        // NULL stands last: no clock runs
        const ORDER: &str = "kind <> 'emergency', coalesce(due_at, 9223372036854775807), id";
        if let Some(place) = after {
            conditions.with(
                "(kind <> 'emergency', coalesce(due_at, 9223372036854775807), id) > (?, ?, ?)",
                [
                    Value::Integer(i64::from(place.is_ordinary)),
                    Value::Integer(place.due_at),
                    Value::Integer(place.id as i64),
                ],
            );
        }
        let sql = format!(
            "SELECT {TICKET_COLUMNS} FROM ticket {} ORDER BY {ORDER} LIMIT {limit}",
            conditions.sql()
        );
        self.list(
            &sql,
            params_from_iter(conditions.values),
            ticket_row,
            "list open tickets",
        )
    }

    /// Tickets without work left, newest change first.
    pub fn final_tickets(
        &self,
        list: &TicketList,
        after: Option<(Timestamp, u64)>,
        limit: usize,
    ) -> Result<Vec<TicketRow>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.add(list.work_left("is_open = 0", "+is_open = 0"));
        of_tickets(list, &mut conditions);
        if let Some((at, id)) = after {
            conditions.with(
                "(changed_at, id) < (?, ?)",
                [Value::Integer(at.0), Value::Integer(id as i64)],
            );
        }
        let sql = format!(
            "SELECT {TICKET_COLUMNS} FROM ticket {} ORDER BY changed_at DESC, id DESC LIMIT {limit}",
            conditions.sql()
        );
        self.list(
            &sql,
            params_from_iter(conditions.values),
            ticket_row,
            "list finished tickets",
        )
    }

    /// The newest tickets of a device, open ones first.
    pub fn tickets_of_device(&self, site: &str, device: &str, limit: u32) -> Result<Vec<TicketRow>, StoreError> {
        let sql = format!(
            "SELECT {TICKET_COLUMNS} FROM ticket WHERE site = ? AND device = ? \
             ORDER BY is_open DESC, opened_at DESC, id DESC LIMIT ?"
        );
        self.list(
            &sql,
            params![site, device, limit],
            ticket_row,
            "list the tickets of a device",
        )
    }

    /// Packets in quarantine, oldest first, after a number and up to another.
    pub fn quarantine_span(&self, after: u64, up_to: u64, limit: u32) -> Result<Vec<QuarantineRow>, StoreError> {
        let sql = "SELECT id, received_at, topic, payload, is_cut, reason, detail FROM quarantine \
                   WHERE id > ? AND id <= ? ORDER BY id LIMIT ?";
        self.list(
            sql,
            params![after as i64, up_to as i64, limit],
            quarantine_row,
            "list the quarantine",
        )
    }

    /// What waits; answered from indices.
    pub fn waiting_counts(&self) -> Result<WaitingCounts, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM outbox WHERE state = 'waiting'), (SELECT count(*) FROM outbox WHERE state = 'dead'), \
                   (SELECT count(*) FROM quarantine)";
        let attempt = "count what waits";
        let mut statement = self.prepare(sql, attempt)?;
        let count = |row: &rusqlite::Row<'_>, i: usize| row.get::<_, i64>(i).map(|n| n as u64);
        let read = |row: &rusqlite::Row<'_>| {
            Ok(WaitingCounts {
                outbox_waiting: count(row, 0)?,
                outbox_dead: count(row, 1)?,
                quarantine: count(row, 2)?,
            })
        };
        statement.query_row([], read).attempt(attempt)
    }

    /// When the first journal entry after a position was committed.
    pub fn committed_after(&self, position: u64) -> Result<Option<Timestamp>, StoreError> {
        let attempt = "find a commit";
        let sql = "SELECT committed_at FROM journal WHERE position > ? ORDER BY position LIMIT 1";
        let mut statement = self.prepare(sql, attempt)?;
        let found = statement
            .query_row(params![position as i64], |row| row.get(0))
            .optional();
        found.attempt(attempt).map(|at| at.map(Timestamp))
    }
}

fn of_tickets(list: &TicketList, conditions: &mut Conditions) {
    conditions.text("site = ?", list.site.as_deref());
    conditions.text("device = ?", list.device.as_deref());
    conditions.text(
        "CASE state WHEN 'on_hold' THEN json_extract(record, '$.state.step') \
         WHEN 'archived' THEN json_extract(record, '$.state.end.how') ELSE state END = ?",
        list.state,
    );
    // as in the index of schema_10
    match list.follow_up {
        Some(true) => conditions.add("json_extract(record, '$.follow_ups[#-1].state.is') = 'open'"),
        Some(false) => conditions.add("json_extract(record, '$.follow_ups[#-1].state.is') IS NOT 'open'"),
        None => {}
    }
}
