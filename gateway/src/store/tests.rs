use super::rows::{AlarmRow, IncidentRow, NoticesRow, OutboxRow, QuarantineRow, TicketRow};
use super::*;
use domain::FailureModeId;

fn ticket(id: u64, episode: u32) -> TicketRow {
    TicketRow {
        id,
        device: DeviceKey::new("north", "pump-1").expect("fine"),
        failure_mode: FailureModeId::new("bearing_wear").expect("fine"),
        episode,
        is_open: true,
        state: "reported".into(),
        kind: "on_site_inspection".into(),
        opened_at: Timestamp(1),
        due_at: None,
        changed_at: Timestamp(1),
        revision: 1,
        record: "{}".into(),
    }
}

#[test]
fn what_is_not_finished_is_not_there() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    drop(store.begin().expect("begins").ticket(&ticket(1, 1)));
    assert_eq!(store.reader().expect("reads").ticket(1).expect("reads"), None);

    let commit = store.begin().expect("begins");
    commit.ticket(&ticket(1, 1)).expect("stores");
    commit.journal(b"entry", 1, Timestamp(5)).expect("writes");
    let position = commit.finish().expect("commits");
    store.committed(position);
    assert_eq!(
        store.reader().expect("reads").ticket(1).expect("reads"),
        Some(ticket(1, 1))
    );
    assert_eq!(
        store.reader().expect("reads").journal_after(0, 1).expect("reads"),
        [(1, b"entry".to_vec())]
    );
}

#[test]
fn a_second_ticket_of_an_episode_cannot_be_written() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    let commit = store.begin().expect("begins");
    commit.ticket(&ticket(1, 1)).expect("stores");
    assert!(commit.ticket(&ticket(2, 1)).is_err());
    commit.ticket(&ticket(2, 2)).expect("another episode is another ticket");
}

#[test]
fn a_reader_of_one_moment_sees_no_entry_whose_device_it_does_not_know() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    let path = folder.path().join(FILE_NAME);
    let moment = Reader::open_at_one_moment(&path).expect("opens");
    let every_call = Reader::open(&path).expect("opens");
    assert_eq!(moment.devices().expect("reads"), []);
    let commit = store.begin().expect("begins");
    let device = StoredDevice {
        index: DeviceIndex(0),
        key: DeviceKey::new("north", "pump-1").expect("fine"),
        profile: "generic".into(),
        first_seen: Timestamp(1),
    };
    commit.device(&device).expect("stores");
    commit.journal(b"its first", 1, Timestamp(5)).expect("writes");
    let position = commit.finish().expect("commits");
    store.committed(position);
    assert_eq!(moment.journal_after(0, 100).expect("reads"), []);
    assert_eq!(moment.devices().expect("reads"), []);
    assert_eq!(every_call.journal_after(0, 100).expect("reads").len(), 1);
    assert_eq!(every_call.devices().expect("reads"), [device]);
}

#[test]
fn positions_go_on_after_the_journal_was_trimmed_and_the_store_reopened() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    for _ in 0..3 {
        let commit = store.begin().expect("begins");
        commit.journal(b"x", 1, Timestamp(5)).expect("writes");
        let position = commit.finish().expect("commits");
        store.committed(position);
    }
    let commit = store.begin().expect("begins");
    assert_eq!(commit.trim_journal(3, 100).expect("trims"), 3);
    let position = commit.finish().expect("commits");
    store.committed(position);
    drop(store);
    assert_eq!(Store::open(folder.path()).expect("opens").last_position(), 4);
}

#[test]
fn a_checkpoint_without_readings_uses_up_its_position_for_good() {
    let folder = tempfile::tempdir().expect("temporary folder");
    for last in [1, 2] {
        let mut store = Store::open(folder.path()).expect("opens");
        let commit = store.begin().expect("begins");
        let position = commit.position();
        if last == 1 {
            commit
                .checkpoint(&Checkpoint {
                    device: DeviceIndex(0),
                    position,
                    state: vec![],
                })
                .expect("writes");
        } else {
            commit.meta("replay_from", position as i64).expect("writes");
        }
        assert_eq!(commit.finish().expect("commits"), last);
        // reopened without having been told of the commit: the power failed
    }
    assert_eq!(Store::open(folder.path()).expect("opens").last_position(), 2);
}

#[test]
fn a_folder_in_use_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let _first = Store::open(folder.path()).expect("opens");
    assert!(matches!(Store::open(folder.path()), Err(StoreError::InUse { .. })));
}

#[test]
fn an_order_given_twice_leaves_once_and_quarantine_keeps_the_newest() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    let order = OutboxRow {
        id: 0,
        target: "webhook:desk".into(),
        key: "alarm/1".into(),
        kind: "alarm".into(),
        subject: "a".into(),
        payload: "{}".into(),
        created_at: Timestamp(1),
        attempts: 0,
        next_attempt_at: Timestamp(1),
        last_error: String::new(),
    };
    let commit = store.begin().expect("begins");
    assert!(commit.outbox(&order).expect("orders").is_some());
    assert!(commit.outbox(&order).expect("orders").is_none());
    for i in 0..5 {
        let row = QuarantineRow {
            id: 0,
            received_at: Timestamp(i),
            topic: "t".into(),
            payload: vec![],
            is_cut: false,
            reason: "not_json".into(),
            detail: String::new(),
        };
        commit.quarantine(&row, 3).expect("quarantines");
    }
    let position = commit.finish().expect("commits");
    store.committed(position);
    let reader = store.reader().expect("reads");
    let kept: Vec<i64> = reader
        .quarantine(None, 10)
        .expect("lists")
        .iter()
        .map(|r| r.received_at.0)
        .collect();
    assert_eq!(kept, [4, 3, 2]);
    assert_eq!(
        reader.outbox_due("webhook:desk", Timestamp(1), 10).expect("due").len(),
        1
    );
    assert_eq!(reader.outbox_targets().expect("reads"), ["webhook:desk"]);
}

#[test]
fn a_repair_waits_until_its_device_has_followed_and_a_later_one_goes_on_waiting() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    let repair = |at| Repair {
        device: DeviceIndex(3),
        failure_mode: "bearing_wear".into(),
        at: Timestamp(at),
    };
    let mut write = |what: &dyn Fn(&Commit<'_>)| {
        let commit = store.begin().expect("begins");
        what(&commit);
        let position = commit.finish().expect("commits");
        store.committed(position);
        store.reader().expect("reads").repairs().expect("reads")
    };
    assert_eq!(write(&|c| c.repair(&repair(5)).expect("stores")), [repair(5)]);
    assert_eq!(write(&|c| c.repair(&repair(9)).expect("stores")), [repair(9)]);
    assert_eq!(write(&|c| c.repair_done(&repair(5)).expect("closes")), [repair(9)]);
    assert_eq!(write(&|c| c.repair_done(&repair(9)).expect("closes")), []);
}

fn incident(id: u64, is_open: bool) -> IncidentRow {
    IncidentRow {
        id,
        site: "north".into(),
        is_open,
        opened_at: Timestamp(id as i64),
        record: "{}".into(),
    }
}

#[test]
fn incidents_are_listed_open_or_past_and_the_last_number_counts_both() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    let commit = store.begin().expect("begins");
    for id in 1..=5 {
        commit.incident(&incident(id, true)).expect("stores");
    }
    for id in [2, 4, 5] {
        commit.incident(&incident(id, false)).expect("stores");
    }
    let told = |record: &str| NoticesRow {
        site: "north".into(),
        record: record.into(),
    };
    commit.notices(&told("1")).expect("stores");
    commit.notices(&told("2")).expect("stores");
    let position = commit.finish().expect("commits");
    store.committed(position);
    let reader = store.reader().expect("reads");
    let ids = |rows: Vec<IncidentRow>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(reader.open_incidents().expect("reads")), [1, 3]);
    let past = |after| {
        let list = IncidentList {
            site: Some("north".into()),
            is_open: false,
            after,
        };
        ids(reader.incident_list(&list, 2).expect("lists"))
    };
    assert_eq!(past(None), [5, 4]);
    assert_eq!(past(Some(4)), [2]);
    assert_eq!(reader.last_incident_number().expect("reads"), 5);
    assert_eq!(reader.incident(4).expect("reads"), Some(incident(4, false)));
    assert_eq!(reader.site_notices().expect("reads"), [told("2")]);
}

#[test]
fn an_alarm_that_left_its_incident_is_still_listed_with_it() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    let alarm = |number: u32, incident: Option<u64>| AlarmRow {
        id: format!("north/pump-{number}/no_data/1"),
        device: DeviceKey::new("north", &format!("pump-{number}")).expect("fine"),
        failure_mode: FailureModeId::new("no_data").expect("fine"),
        episode: 1,
        is_open: false,
        state: "normal".into(),
        severity: "warning".into(),
        risk: "low".into(),
        raised_at: Timestamp(1),
        changed_at: Timestamp(i64::from(number)),
        revision: 1,
        record: "{}".into(),
        incident,
    };
    let commit = store.begin().expect("begins");
    for row in [
        alarm(1, None),
        alarm(1, Some(7)),
        alarm(1, None),
        alarm(2, Some(7)),
        alarm(2, Some(8)),
        alarm(3, Some(7)),
    ] {
        commit.alarm(&row).expect("stores");
    }
    let position = commit.finish().expect("commits");
    store.committed(position);
    let members = |incident| {
        let list = AlarmList {
            with_normal: true,
            incident: Some(incident),
            ..AlarmList::default()
        };
        let rows = store.reader().expect("reads").alarm_list(&list, 10).expect("lists");
        rows.iter().map(|row| row.changed_at.0).collect::<Vec<_>>()
    };
    assert_eq!(members(7), [3, 1]);
    assert_eq!(members(8), [2]);
}

#[test]
fn the_review_of_a_month_stays_as_it_was_first_made() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    let report = |html: &str| ReportRow {
        month: "2026-11".into(),
        made_at: Timestamp(7),
        html: html.into(),
        csv: String::new(),
    };
    let commit = store.begin().expect("begins");
    assert!(commit.report(&report("first")).expect("stores"));
    assert!(!commit.report(&report("second")).expect("stores"));
    let position = commit.finish().expect("commits");
    store.committed(position);
    let reader = store.reader().expect("reads");
    assert_eq!(reader.report("2026-11").expect("reads"), Some(report("first")));
    assert_eq!(reader.report("2026-10").expect("reads"), None);
    assert_eq!(reader.reports().expect("reads").len(), 1);
    assert_eq!(reader.first_seen().expect("reads"), None);
}

#[test]
fn tickets_with_a_bad_rating_to_see_to_are_found_by_an_index_of_their_own() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut store = Store::open(folder.path()).expect("opens");
    let commit = store.begin().expect("begins");
    let rated =
        |state: &str| format!(r#"{{"follow_ups":[{{"state":{{"is":"settled"}}}},{{"state":{{"is":"{state}"}}}}]}}"#);
    for (id, is_open, record) in [
        (1, true, "{}".to_owned()),
        (2, true, rated("open")),
        (3, false, rated("settled")),
        (4, false, rated("open")),
    ] {
        let row = TicketRow {
            is_open,
            record,
            ..ticket(id, id as u32)
        };
        commit.ticket(&row).expect("stores");
    }
    commit.finish().expect("commits");
    let reader = store.reader().expect("reads");
    let found = |follow_up: Option<bool>| -> Vec<u64> {
        let list = TicketList {
            follow_up,
            ..TicketList::default()
        };
        let open = reader.open_tickets(&list, None, 10).expect("reads");
        let finished = reader.final_tickets(&list, None, 10).expect("reads");
        open.iter().chain(&finished).map(|row| row.id).collect()
    };
    assert_eq!(found(Some(true)), [2, 4]);
    assert_eq!(found(Some(false)), [1, 3]);
    assert_eq!(found(None), [1, 2, 4, 3]);
    let plan = "EXPLAIN QUERY PLAN SELECT id FROM ticket WHERE +is_open = 0 \
                AND json_extract(record, '$.follow_ups[#-1].state.is') = 'open'";
    let told: String = Connection::open(store.path())
        .expect("opens")
        .query_row(plan, [], |row| row.get(3))
        .expect("a plan");
    assert!(told.contains("ticket_follow_up"), "{told}");
}
