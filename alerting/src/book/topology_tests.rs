//! Machines behind gateways behind a router, and what people are told when one of those dies.

use super::storm_tests::Site;
use super::*;
use crate::policy::AlertingConfig;
use crate::storm::{IncidentCause, IncidentRecord};
use domain::Topology;
use domain::registry::Registry;

/// `pump-0` is the router; `pump-1` and `pump-2` hang on it; of the others the odd ones hang on `pump-1`, the even on `pump-2`.
fn site(machines: usize) -> Site {
    let entry = |i: usize| {
        let parent = match i {
            0 => None,
            1 | 2 => Some(0),
            _ => Some(2 - i % 2),
        };
        let parent = parent.map_or(String::new(), |p| format!("parent=\"pump-{p}\"\n"));
        format!("[[device]]\nsite=\"harbour\"\ndevice=\"pump-{i}\"\nprofile=\"pump\"\n{parent}")
    };
    let text: String = (0..machines).map(entry).collect();
    let registry = Registry::parse(&text).expect("sound");
    let policy = AlertingConfig::default().check().expect("sound");
    Site::with(machines, policy.with_topology(Topology::of(&registry)))
}

fn behind(gateway: usize, machines: usize) -> impl Iterator<Item = usize> {
    (3..machines).filter(move |i| 2 - i % 2 == gateway)
}

fn incidents(site: &Site) -> Vec<IncidentRecord> {
    site.book.incidents().cloned().collect()
}

fn parent_of(incident: &IncidentRecord) -> Option<String> {
    match &incident.cause {
        IncidentCause::ParentDown { parent } => Some(parent.device.to_string()),
        IncidentCause::CommonMode { .. } => None,
    }
}

#[test]
fn when_a_gateway_dies_first_people_are_told_of_the_gateway() {
    let mut site = site(23);
    site.raise(1, "no_data");
    behind(1, 23).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(1);
    let found = incidents(&site);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (parent_of(&found[0]).as_deref(), found[0].members),
        (Some("pump-1"), 10)
    );
    assert_eq!(site.told(), ["alarm pump-1", "opened 10 of 10"]);
    assert_eq!(site.open_tickets(), 1, "the gateway's");
}

#[test]
fn when_the_machines_are_missed_before_their_gateway_it_is_one_incident_all_the_same() {
    let mut site = site(23);
    behind(1, 23).for_each(|machine| site.raise(machine, "no_data"));
    let found = incidents(&site);
    assert_eq!(found.len(), 1);
    assert_eq!(parent_of(&found[0]), None);
    let suspect = found[0].suspect().map(|s| s.device.to_string());
    assert_eq!(suspect.as_deref(), Some("pump-1"), "all of them are behind it");
    assert!(
        found[0].headline().en.ends_with("all behind pump-1"),
        "{}",
        found[0].headline().en
    );
    site.raise(1, "no_data");
    site.wait(1);
    let after = incidents(&site);
    assert_eq!(after.len(), 1, "the same one");
    assert_eq!(
        (after[0].id, parent_of(&after[0]).as_deref()),
        (found[0].id, Some("pump-1"))
    );
    assert_eq!(after[0].members, 11);
    assert_eq!(site.open_tickets(), 1);
}

#[test]
fn when_the_router_dies_gateways_and_machines_are_one_incident_of_the_router() {
    let mut site = site(23);
    // each gateway is missed, then what hangs on it, and the router last
    for gateway in [1, 2] {
        site.raise(gateway, "no_data");
        behind(gateway, 23).for_each(|machine| site.raise(machine, "no_data"));
    }
    site.raise(0, "no_data");
    site.wait(1);
    let found = incidents(&site);
    let causes: Vec<_> = found.iter().map(parent_of).collect();
    assert_eq!(causes, [Some("pump-0".to_owned())], "{found:#?}");
    let hidden = site.book.alarms().filter(|a| a.life.is_hidden()).count();
    assert_eq!(hidden, 22, "all but the router's own");
    assert_eq!(found[0].standing, 22);
}

#[test]
fn machines_elsewhere_are_no_part_of_it() {
    let mut site = site(23);
    site.raise(1, "no_data");
    behind(1, 23).for_each(|machine| site.raise(machine, "no_data"));
    site.raise(4, "no_data");
    let elsewhere = site
        .book
        .alarm(&site.devices[4].key, &FailureModeId::new("no_data").unwrap());
    let elsewhere = elsewhere.expect("raised");
    assert!(
        !elsewhere.life.is_hidden() && elsewhere.incident.is_none(),
        "it hangs on another gateway"
    );
    assert_eq!(site.told(), ["alarm pump-1", "alarm pump-4"]);
}

#[test]
fn other_failures_of_a_machine_are_told_though_its_gateway_is_down() {
    let mut site = site(23);
    site.raise(1, "no_data");
    site.raise(3, "bearing_wear");
    let bearing = site
        .book
        .alarm(&site.devices[3].key, &FailureModeId::new("bearing_wear").unwrap());
    assert!(!bearing.expect("raised").life.is_hidden());
}

#[test]
fn a_machine_that_stays_silent_after_its_gateway_is_back_has_a_trouble_of_its_own() {
    let mut site = site(23);
    site.raise(1, "no_data");
    behind(1, 23).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(1);
    site.clear(1, "no_data");
    behind(1, 23).skip(1).for_each(|machine| site.clear(machine, "no_data"));
    site.wait(20);
    let left = site
        .book
        .alarm(&site.devices[3].key, &FailureModeId::new("no_data").unwrap());
    let left = left.expect("still silent");
    assert_eq!((left.incident, left.life.is_hidden()), (None, false));
    assert_eq!(incidents(&site).len(), 0);
}

#[test]
fn a_machine_whose_ticket_was_taken_back_for_the_incident_gets_it_again_when_it_stays_silent() {
    let mut site = site(23);
    behind(1, 23).for_each(|machine| site.raise(machine, "no_data"));
    site.raise(1, "no_data");
    site.wait(1);
    assert_eq!(site.open_tickets(), 1);
    site.clear(1, "no_data");
    behind(1, 23)
        .filter(|machine| *machine != 5)
        .for_each(|machine| site.clear(machine, "no_data"));
    site.wait(30);
    let left = alarm(&site, 5);
    let ticket = left.ticket.and_then(|id| site.book.ticket(id)).expect("it has one");
    assert!(!left.life.is_hidden() && ticket.state.is_open(), "{:?}", ticket.state);
}

#[test]
fn machines_that_turn_out_to_hang_on_a_dead_gateway_are_not_well_again() {
    let mut site = site(43);
    (3..43).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(2);
    assert_eq!(site.told().last().map(String::as_str), Some("opened 40 of 40"));
    site.raise(1, "no_data");
    site.wait(20);
    let standing: Vec<_> = incidents(&site).iter().map(|i| (parent_of(i), i.standing)).collect();
    // the gateway itself is missed too, and joined what was there
    assert_eq!(standing, [(None, 21), (Some("pump-1".to_owned()), 20)]);
    assert!(
        site.told().iter().all(|told| !told.starts_with("over")),
        "{:?}",
        site.told()
    );
}

#[test]
fn an_incident_lasts_as_long_as_its_gateway_is_down_though_half_of_the_machines_are_heard_again() {
    let mut site = site(23);
    [1, 3, 5].into_iter().for_each(|machine| site.raise(machine, "no_data"));
    site.wait(1);
    site.clear(3, "no_data");
    site.wait(60);
    let found = incidents(&site);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].standing, alarm(&site, 5).incident), (1, Some(found[0].id)));
}

#[test]
fn after_the_registry_has_changed_nothing_stays_hidden_behind_what_it_no_longer_hangs_on() {
    let mut site = site(23);
    [1, 3].into_iter().for_each(|machine| site.raise(machine, "no_data"));
    assert!(alarm(&site, 3).life.is_hidden());
    let flat = AlertingConfig::default().check().expect("sound");
    let mut book = Book::restore(Arc::new(flat), site.book.snapshot());
    let at = Timestamp(1_000_001 * super::tests::MINUTE);
    assert!(
        book.next_deadline().is_some_and(|due| due <= at),
        "it is looked at without delay"
    );
    let effects = book.step(Input::Tick, at).expect("never refused");
    assert!(!effects.is_empty(), "and stored");
    let mode = FailureModeId::new("no_data").unwrap();
    let left = book.alarm(&site.devices[3].key, &mode).expect("still silent");
    let is_ending = left.life.suppression.as_ref().is_some_and(|s| s.release_at.is_some());
    assert!(!left.life.is_hidden() || is_ending);
    assert!(book.step(Input::Tick, at).expect("never refused").is_empty(), "once");
}

fn alarm(site: &Site, machine: usize) -> crate::record::AlarmRecord {
    let mode = FailureModeId::new("no_data").unwrap();
    let alarm = site.book.alarm(&site.devices[machine].key, &mode);
    alarm.expect("it stands").clone()
}
