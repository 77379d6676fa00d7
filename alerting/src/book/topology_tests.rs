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
