//! A reader that sees only some devices. Views of the connection's own stand before the tables, so that every question on it,
//! also one that is written later, finds nothing else. A table that no rule fits is empty: access fails closed.

use super::reader::Reader;
use super::{Attempt, StoreError};
use crate::access::Sight;
use rusqlite::Connection;
use std::collections::BTreeSet;

/// Tables that say nothing of a machine or a customer: whoever may look sees all. Rotations and stock serve every site.
const OPEN: [&str; 6] = ["drill", "meta", "metric", "model", "on_call_override", "stock_level"];
/// Tables that nobody with limits sees anything of: they are about the gateway as a whole, or raw bytes.
const CLOSED: [&str; 14] = [
    "journal",
    "checkpoint",
    "audit",
    "audit_checkpoint",
    "outbox",
    "retained",
    "quarantine",
    "waveform",
    "repair",
    "account",
    "access_token",
    "set_up_link",
    "report",
    "stock_watch",
];

const DEVICE_SEEN: &str = "site IN temp.seen_site OR (site, device) IN temp.seen_device";

/// Which rows of a table are seen, given its columns.
fn rule(table: &str, columns: &BTreeSet<String>) -> Option<&'static str> {
    let has = |name: &str| columns.contains(name);
    match table {
        open if OPEN.contains(&open) => Some("1"),
        closed if CLOSED.contains(&closed) => None,
        "device" => Some("site IN temp.seen_site OR (site, name) IN temp.seen_device"),
        "past_episode" => Some(
            "EXISTS (SELECT 1 FROM main.alarm AS a WHERE a.id = t.alarm AND (a.site IN temp.seen_site OR (a.site, a.device) IN temp.seen_device))",
        ),
        // one that names nothing but what is seen
        "maintenance_window" => Some(
            "json_array_length(record, '$.covers.sites') > 0 AND json_array_length(record, '$.covers.customers') = 0 \
             AND NOT EXISTS (SELECT 1 FROM json_each(t.record, '$.covers.sites') AS s WHERE s.value NOT IN temp.seen_site)",
        ),
        // what an engineer has released is for everybody; another that was born from a ticket has its words, and is for who sees
        // all of its tickets
        "knowledge" => Some(
            "state = 'released' OR json_extract(t.record, '$.born_as') IS NULL \
             OR (json_array_length(t.record, '$.tickets') > 0 AND NOT EXISTS (SELECT 1 FROM json_each(t.record, '$.tickets') AS j \
             JOIN main.ticket AS k ON k.id = j.value WHERE NOT (k.site IN temp.seen_site OR (k.site, k.device) IN temp.seen_device)))",
        ),
        _ if has("site") && has("device") => Some(DEVICE_SEEN),
        _ if has("ticket") => Some(
            "EXISTS (SELECT 1 FROM main.ticket AS k WHERE k.id = t.ticket AND (k.site IN temp.seen_site OR (k.site, k.device) IN temp.seen_device))",
        ),
        _ if has("site") => Some("site IN temp.seen_site"),
        _ => None,
    }
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql = "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<BTreeSet<String>> {
    let sql = "SELECT name FROM pragma_table_info(?, 'main')";
    connection.prepare(sql)?.query_map([table], |row| row.get(0))?.collect()
}

fn close(connection: &Connection) -> rusqlite::Result<()> {
    let mut sql = String::from(
        "PRAGMA temp_store = MEMORY; CREATE TEMP TABLE seen_site (site TEXT PRIMARY KEY) WITHOUT ROWID; \
         CREATE TEMP TABLE seen_device (site TEXT, device TEXT, PRIMARY KEY (site, device)) WITHOUT ROWID;",
    );
    for table in tables(connection)? {
        let rule = rule(&table, &columns(connection, &table)?).unwrap_or("0");
        sql.push_str(&format!(
            "CREATE TEMP VIEW \"{table}\" AS SELECT * FROM main.\"{table}\" AS t WHERE {rule};"
        ));
    }
    connection.execute_batch(&sql)
}

fn fill(connection: &mut Connection, sight: &Sight) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch("DELETE FROM temp.seen_site; DELETE FROM temp.seen_device;")?;
    {
        let mut insert = transaction.prepare_cached("INSERT INTO temp.seen_site VALUES (?)")?;
        for site in sight.sites() {
            insert.execute([site.as_str()])?;
        }
        let mut insert = transaction.prepare_cached("INSERT INTO temp.seen_device VALUES (?, ?)")?;
        for key in sight.devices() {
            insert.execute([key.site.as_str(), key.device.as_str()])?;
        }
    }
    transaction.commit()
}

impl Reader {
    /// Whether what it does not find may be there all the same.
    pub fn is_limited(&self) -> bool {
        self.sight.is_some()
    }

    /// From now on this reader sees what the sight does, and never everything again.
    pub fn limit_to(&mut self, sight: &Sight) -> Result<(), StoreError> {
        let what = "limit a reader";
        if self.sight.is_none() {
            close(&self.connection).attempt(what)?;
        }
        if self.sight.as_ref() != Some(sight) {
            fill(&mut self.connection, sight).attempt(what)?;
            self.sight = Some(sight.clone());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Store;
    use super::*;
    use crate::access::Limits;
    use domain::{DeviceKey, SiteName};
    use std::collections::BTreeMap;

    #[test]
    fn every_table_is_either_open_or_closed_or_has_a_rule() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let connection = Connection::open(store.path()).unwrap();
        for table in tables(&connection).unwrap() {
            let ruled = rule(&table, &columns(&connection, &table).unwrap()).is_some();
            assert!(
                ruled != CLOSED.contains(&table.as_str()),
                "{table}: say in store/seen.rs what of it people with limits see"
            );
        }
    }

    #[test]
    fn a_limited_reader_finds_rows_of_its_devices_only_whatever_it_asks() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let raw = Connection::open(store.path()).unwrap();
        for (site, device) in [("north", "p-1"), ("north", "p-2"), ("south", "p-1")] {
            raw.execute(
                "INSERT INTO device VALUES ((SELECT count(*) FROM device), ?, ?, 'pump', 0)",
                [site, device],
            )
            .unwrap();
            let record = format!(r#"{{"covers":{{"sites":["{site}"],"devices":[],"profiles":[],"customers":[]}}}}"#);
            raw.execute(
                "INSERT INTO maintenance_window (is_open, record) VALUES (1, ?)",
                [record],
            )
            .unwrap();
        }
        let (born, by_hand) = (r#","born_as":{}"#, "");
        for (id, state, tickets, origin) in [
            (1, "draft", "1", born),
            (2, "draft", "2", born),
            (3, "released", "2", born),
            (4, "draft", "", by_hand),
            (5, "draft", "1,2", by_hand),
            (6, "draft", "1,2", born),
            (7, "draft", "", born),
            (8, "retired", "1", born),
            (9, "retired", "2", born),
        ] {
            let record = format!(r#"{{"tickets":[{tickets}]{origin}}}"#);
            raw.execute(
                "INSERT INTO knowledge VALUES (?, ?, ?)",
                rusqlite::params![id, state, record],
            )
            .unwrap();
        }
        for (id, site) in [(1, "north"), (2, "south")] {
            let sql =
                "INSERT INTO ticket VALUES (?, ?, 'p-1', 'wear', 1, 0, 'finished', 'emergency', 0, NULL, 0, 1, '{}')";
            raw.execute(sql, rusqlite::params![id, site]).unwrap();
        }
        raw.execute("INSERT INTO quarantine VALUES (1, 0, 'x', x'00', 0, 'r', 'd')", [])
            .unwrap();
        let key = |site, device| DeviceKey::new(site, device).unwrap();
        let customers = BTreeMap::from([(key("south", "p-1"), "lotus".to_owned())]);
        let north = Limits {
            sites: [SiteName::new("north").unwrap()].into(),
            customers: Default::default(),
        };
        let lotus = Limits {
            sites: Default::default(),
            customers: ["lotus".to_owned()].into(),
        };
        let mut reader = store.reader().unwrap();
        for (limits, devices, windows) in [(&north, 2, 2), (&lotus, 1, 0), (&north, 2, 2)] {
            reader.limit_to(&Sight::of(limits, &customers)).unwrap();
            assert_eq!(reader.devices().unwrap().len(), devices, "{limits:?}");
            assert_eq!(reader.open_windows().unwrap().len(), windows, "{limits:?}");
            assert_eq!(reader.quarantine(None, 10).unwrap(), []);
            // what has words of the other site's ticket is not there; what is released is, and what was written by hand
            let entries: Vec<u64> = reader.entries().unwrap().iter().map(|row| row.id).collect();
            let (own, retired) = if limits == &north { (1, 8) } else { (2, 9) };
            assert_eq!(entries, [own, 3, 4, 5, retired], "{limits:?}");
        }
        reader.limit_to(&Sight::default()).unwrap();
        assert_eq!(reader.devices().unwrap(), []);
        assert_eq!(store.reader().unwrap().devices().unwrap().len(), 3);
    }
}
