//! The outbox for people: what waits for each receiver, what was given up, and trying it again.

use super::StoreError;
use super::commit::Commit;
use super::reader::{Reader, TICKET_COLUMNS, outbox_row, ticket_row};
use super::rows::{OutboxRow, TicketRow};
use domain::Timestamp;
use rusqlite::params;

/// What is in the outbox for one receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxCount {
    /// `mqtt`, `webhook:NAME` or `receiver:NAME`.
    pub target: String,
    /// Deliveries that wait.
    pub waiting: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Why the one that was tried last failed; empty if none did.
    pub last_error: String,
}

const COLUMNS: &str = "id, target, key, kind, subject, payload, created_at, attempts, next_attempt_at, last_error";

impl Reader {
    /// What is in the outbox, by receiver.
    pub fn outbox_counts(&self) -> Result<Vec<OutboxCount>, StoreError> {
        let sql = "SELECT target, sum(state = 'waiting'), sum(state = 'dead'), \
                   coalesce(max(CASE WHEN last_error <> '' THEN printf('%020d', id) || last_error END), '') \
                   FROM outbox GROUP BY target";
        let read = |row: &rusqlite::Row<'_>| {
            let error: String = row.get(3)?;
            Ok(OutboxCount {
                target: row.get(0)?,
                waiting: row.get::<_, i64>(1)? as u64,
                dead: row.get::<_, i64>(2)? as u64,
                last_error: error.get(20..).unwrap_or_default().to_owned(),
            })
        };
        self.list(sql, [], read, "count the outbox")
    }

    /// Deliveries that were given up, newest first.
    pub fn dead_letters(&self, before: Option<u64>, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let before = before.map_or(i64::MAX, |id| id as i64);
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE state = 'dead' AND id < ? ORDER BY id DESC LIMIT ?");
        self.list(&sql, params![before, limit], outbox_row, "list what was given up")
    }

    /// One of them.
    pub fn dead_letter(&self, id: u64) -> Result<Option<OutboxRow>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM outbox WHERE state = 'dead' AND id = ?");
        let rows = self.list(&sql, params![id as i64], outbox_row, "read what was given up");
        rows.map(|mut rows| rows.pop())
    }

    /// The ticket with a key such as `harbour/pump-1/bearing_wear/1`.
    pub fn ticket_by_key(&self, key: &str) -> Result<Option<TicketRow>, StoreError> {
        let parts: Vec<&str> = key.split('/').collect();
        let [site, device, mode, episode] = parts.as_slice() else {
            return Ok(None);
        };
        let Ok(episode) = episode.parse::<u32>() else {
            return Ok(None);
        };
        let sql = format!(
            "SELECT {TICKET_COLUMNS} FROM ticket WHERE site = ? AND device = ? AND failure_mode = ? AND episode = ?"
        );
        let rows = self.list(&sql, params![site, device, mode, episode], ticket_row, "find a ticket");
        rows.map(|mut rows| rows.pop())
    }
}

impl Commit<'_> {
    /// A delivery that was given up waits again, as if it were new. Whether there was one.
    pub fn outbox_again(&self, id: u64, now: Timestamp) -> Result<bool, StoreError> {
        let sql =
            "UPDATE outbox SET state = 'waiting', attempts = 0, next_attempt_at = ?2 WHERE id = ?1 AND state = 'dead'";
        let changed = self.execute(sql, params![id as i64, now.0], "try a delivery again")?;
        Ok(changed > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;

    fn order(store: &mut Store, key: &str, subject: &str) -> u64 {
        let row = OutboxRow {
            id: 0,
            target: "receiver:desk".into(),
            key: key.into(),
            kind: "k".into(),
            subject: subject.into(),
            payload: "{}".into(),
            created_at: Timestamp(0),
            attempts: 0,
            next_attempt_at: Timestamp(0),
            last_error: String::new(),
        };
        let commit = store.begin().expect("begins");
        let id = commit.outbox(&row).expect("orders").expect("new");
        commit.finish().expect("commits");
        id
    }

    fn due(store: &Store, now: i64) -> Vec<u64> {
        let reader = store.reader().expect("opens");
        let rows = reader
            .outbox_due_in_order("receiver:desk", Timestamp(now), 10)
            .expect("reads");
        rows.iter().map(|row| row.id).collect()
    }

    #[test]
    fn what_waits_holds_up_what_came_later_about_the_same_and_what_was_given_up_does_not() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let mut store = Store::open(folder.path()).expect("opens");
        let (first, other) = (order(&mut store, "a/1", "a"), order(&mut store, "b/1", "b"));
        let second = order(&mut store, "a/2", "a");
        assert_eq!(due(&store, 1), [first, other]);
        let commit = store.begin().expect("begins");
        commit
            .outbox_failed(first, Some(Timestamp(100)), "503")
            .expect("put off");
        commit.finish().expect("commits");
        assert_eq!(due(&store, 1), [other], "the second waits for the first");
        let commit = store.begin().expect("begins");
        commit.outbox_failed(first, None, "400").expect("given up");
        commit.finish().expect("commits");
        assert_eq!(due(&store, 1), [other, second]);

        let reader = store.reader().expect("opens");
        let count = OutboxCount {
            target: "receiver:desk".into(),
            waiting: 2,
            dead: 1,
            last_error: "400".into(),
        };
        assert_eq!(reader.outbox_counts().expect("reads"), [count]);
        assert_eq!(reader.dead_letters(None, 10).expect("reads").len(), 1);
        let commit = store.begin().expect("begins");
        assert!(commit.outbox_again(first, Timestamp(5)).expect("again"));
        assert!(!commit.outbox_again(first, Timestamp(5)).expect("it waits already"));
        commit.finish().expect("commits");
        assert_eq!(due(&store, 5), [other, first]);
    }
}
