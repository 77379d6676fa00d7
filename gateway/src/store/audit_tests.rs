//! The chain: whatever is done to a line shows, trimming does not, and a store from before the chain gets one.

use super::super::{FILE_NAME, Store};
use super::*;

fn row(n: u64) -> AuditRow {
    AuditRow {
        id: 0,
        at: Timestamp(n as i64),
        actor: "ann".into(),
        action: "alarm.acknowledge".into(),
        subject: format!("alarm/{n}"),
        detail: "{}".into(),
    }
}

fn write(store: &mut Store, numbers: std::ops::Range<u64>, most: u64) {
    for some in numbers.collect::<Vec<_>>().chunks(7) {
        let commit = store.begin().unwrap();
        for n in some {
            commit.audit_keeping(&row(*n), most).unwrap();
        }
        let position = commit.finish().unwrap();
        store.committed(position);
    }
}

fn check(store: &Store) -> ChainState {
    store.reader().unwrap().verify_audit(|_, _| {}).unwrap()
}

#[test]
fn an_untouched_chain_is_whole_also_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    write(&mut store, 0..20, MOST_LINES);
    drop(store);
    let mut store = Store::open(folder.path()).unwrap();
    write(&mut store, 20..40, MOST_LINES);
    assert!(matches!(check(&store), ChainState::Whole { lines: 40, .. }));
}

#[test]
fn whatever_is_done_to_a_line_shows_at_the_first_line_concerned() {
    for (what, first) in [
        ("UPDATE audit SET actor = 'bob' WHERE id = 12", 12),
        ("UPDATE audit SET at = at + 1 WHERE id = 12", 12),
        ("UPDATE audit SET detail = '' WHERE id = 12", 12),
        (
            "UPDATE audit SET actor = 'an', action = 'nalarm.acknowledge' WHERE id = 12",
            12,
        ),
        ("UPDATE audit SET hash = NULL WHERE id = 12", 12),
        ("UPDATE audit SET hash = x'00' WHERE id = 12", 12),
        ("DELETE FROM audit WHERE id = 12", 13),
        ("DELETE FROM audit WHERE id <= 12", 13),
        (
            "DELETE FROM audit WHERE id = 12; UPDATE audit SET id = id - 1 WHERE id > 12",
            12,
        ),
        (
            "INSERT INTO audit SELECT 41, at, actor, action, subject, detail, hash FROM audit WHERE id = 40",
            41,
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        write(&mut store, 0..40, MOST_LINES);
        Connection::open(folder.path().join(FILE_NAME))
            .unwrap()
            .execute_batch(what)
            .unwrap();
        let found = check(&store);
        assert!(
            matches!(found, ChainState::Broken { line, .. } if line == first),
            "{what}: {found:?}"
        );
    }
}

#[test]
fn after_old_lines_made_room_the_rest_is_still_a_chain() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    write(&mut store, 0..1_100, 100);
    let ChainState::Whole {
        lines,
        begins_after,
        head,
    } = check(&store)
    else {
        panic!("it is whole");
    };
    assert_eq!((begins_after.line, head.line, lines), (924, 1_100, 176));
    let sql = "DELETE FROM audit WHERE id = 925";
    Connection::open(folder.path().join(FILE_NAME))
        .unwrap()
        .execute_batch(sql)
        .unwrap();
    assert!(matches!(check(&store), ChainState::Broken { line: 926, .. }));
}

#[test]
fn lines_from_before_the_chain_become_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    write(&mut store, 0..10, MOST_LINES);
    let raw = Connection::open(folder.path().join(FILE_NAME)).unwrap();
    raw.execute_batch("UPDATE audit SET hash = NULL").unwrap();
    drop((raw, store));
    let mut store = Store::open(folder.path()).unwrap();
    write(&mut store, 10..12, MOST_LINES);
    assert!(matches!(check(&store), ChainState::Whole { lines: 12, .. }));
}

#[test]
fn a_commit_that_is_given_up_leaves_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    write(&mut store, 0..3, MOST_LINES);
    let commit = store.begin().unwrap();
    commit.audit(&row(3)).unwrap();
    drop(commit);
    write(&mut store, 4..6, MOST_LINES);
    assert!(matches!(check(&store), ChainState::Whole { lines: 5, .. }));
}

#[test]
fn lines_are_found_by_time_actor_and_subject_together() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let commit = store.begin().unwrap();
    for (at, actor, subject) in [(1, "li", "T-1"), (2, "wang", "T-1"), (3, "li", "T-2"), (4, "li", "T-1")] {
        let line = AuditRow {
            at: Timestamp(at),
            actor: actor.into(),
            subject: subject.into(),
            ..row(0)
        };
        commit.audit(&line).unwrap();
    }
    commit.finish().unwrap();
    let reader = store.reader().unwrap();
    let found = |from: Option<i64>, to: Option<i64>, actor: Option<&str>, subject: Option<&str>| -> Vec<u64> {
        let filter = AuditFilter {
            from: from.map(Timestamp),
            to: to.map(Timestamp),
            actor: actor.map(str::to_owned),
            subject: subject.map(str::to_owned),
        };
        let rows = reader.audit(&filter, None, 10).unwrap();
        // the export asks each line, and finds the same
        assert!(rows.iter().all(|row| filter.fits(row)));
        let all = reader.audit(&AuditFilter::default(), None, 10).unwrap();
        assert_eq!(all.iter().filter(|row| filter.fits(row)).count(), rows.len());
        rows.iter().map(|row| row.id).collect()
    };
    assert_eq!(found(None, None, Some("li"), None), [4, 3, 1]);
    assert_eq!(found(None, None, Some("li"), Some("T-1")), [4, 1]);
    assert_eq!(found(Some(2), Some(4), None, None), [3, 2]);
    assert_eq!(found(Some(2), Some(4), Some("li"), Some("T-1")), [0; 0]);
}
