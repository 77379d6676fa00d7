//! Opening the file, its tables, and moving from one version of them to the next.

use super::{Attempt, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// One step for each version; a step is never changed once released.
const MIGRATIONS: [&str; 12] = [
    include_str!("schema_1.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
    include_str!("schema_10.sql"),
    include_str!("schema_11.sql"),
    include_str!("schema_12.sql"),
];

/// Opens for writing; migrates if needed.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path).attempt("open the database")?;
    connection
        .execute_batch(
            "PRAGMA page_size = 8192;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 8000;
             PRAGMA journal_size_limit = 134217728;
             PRAGMA cache_size = -16000;
             PRAGMA foreign_keys = ON;",
        )
        .attempt("set up the database")?;
    connection
        .busy_timeout(Duration::from_secs(10))
        .attempt("set up the database")?;
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&connection, path)?;
    super::audit::chain_older_lines(&connection)?;
    Ok(connection)
}

fn version_of(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .attempt("read the schema version")
}

fn migrate(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let found = version_of(connection)?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::TooNew {
            path: path.to_owned(),
            found,
            known,
        });
    }
    if found > 0 && found < known {
        backup(connection, &path.with_extension(format!("before-schema-{known}.db")))?;
    }
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(found as usize) {
        let batch = format!("BEGIN IMMEDIATE; {sql} PRAGMA user_version = {}; COMMIT;", step + 1);
        connection.execute_batch(&batch).attempt("migrate the database")?;
    }
    Ok(())
}

/// Opens for reading only, beside a writer.
pub(super) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    if !path.exists() {
        return Err(StoreError::Missing { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).attempt("open the database for reading")?;
    connection
        .busy_timeout(Duration::from_secs(10))
        .attempt("open the database for reading")?;
    let found = version_of(&connection)?;
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(StoreError::TooNew {
            path: path.to_owned(),
            found,
            known,
        });
    }
    Ok(connection)
}

/// Copies a database, consistent, into a new file.
pub(crate) fn backup(connection: &Connection, target: &Path) -> Result<(), StoreError> {
    let mut copy = Connection::open(target).attempt("create the backup file")?;
    let backup = rusqlite::backup::Backup::new(connection, &mut copy).attempt("begin the backup")?;
    backup
        .run_to_completion(1_000, Duration::ZERO, None)
        .attempt("copy the database")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(connection: &Connection) -> Vec<String> {
        let mut statement = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
            .unwrap();
        let names = statement.query_map([], |row| row.get(0)).unwrap();
        names.collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn a_store_of_any_earlier_version_becomes_the_same_as_a_new_one_keeps_its_rows_and_leaves_a_copy() {
        let folder = tempfile::tempdir().unwrap();
        let fresh = tables(&open(&folder.path().join("new.db")).unwrap());
        for version in 1..MIGRATIONS.len() {
            let path = folder.path().join(format!("at-{version}.db"));
            let old = Connection::open(&path).unwrap();
            for sql in &MIGRATIONS[..version] {
                old.execute_batch(sql).unwrap();
            }
            old.execute("INSERT INTO device VALUES (0, 'plant', 'pump-1', 'pump', 0)", [])
                .unwrap();
            old.execute(
                "INSERT INTO alarm (id, site, device, failure_mode, episode, is_open, state, severity, risk, raised_at, changed_at, \
                 revision, record) VALUES ('plant/pump-1/no_data/1', 'plant', 'pump-1', 'no_data', 1, 1, 'unacknowledged', \
                 'warning', 'low', 0, 0, 1, '{}')",
                [],
            )
            .unwrap();
            old.pragma_update(None, "user_version", version as i64).unwrap();
            let before = tables(&old);
            drop(old);

            let now = open(&path).unwrap();
            assert_eq!(tables(&now), fresh, "from version {version}");
            let kept: i64 = now
                .query_row("SELECT count(*) FROM device WHERE name = 'pump-1'", [], |r| r.get(0))
                .unwrap();
            assert_eq!(kept, 1, "from version {version}");
            let incident: Option<i64> = now.query_row("SELECT incident FROM alarm", [], |r| r.get(0)).unwrap();
            assert_eq!(incident, None, "from version {version}");
            let copy = path.with_extension(format!("before-schema-{}.db", MIGRATIONS.len()));
            assert_eq!(
                tables(&Connection::open(copy).unwrap()),
                before,
                "from version {version}"
            );
        }
    }
}
