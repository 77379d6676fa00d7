//! Configurations as people write them.

use super::*;
use crate::calendar::Hours;
use crate::clock::{ClockKind, Target};
use crate::ticket::{HoldCause, TicketClass};
use domain::Timestamp;
use domain::checked::{from_tree, tree_of};

fn paths(text: &str) -> Vec<String> {
    let config: AlertingConfig = from_tree(tree_of(text).unwrap()).unwrap();
    config.problems().into_iter().map(|p| p.path).collect()
}

#[test]
fn the_defaults_are_sound() {
    assert_eq!(AlertingConfig::default().problems(), []);
}

#[test]
fn a_parent_that_hangs_on_its_own_child_by_the_registry_is_told() {
    let rule = |children: &str| {
        let text = format!(
            "[[alarms.parents]]\nparent = {{ site = \"hall\", device = \"ups\" }}\nchildren = {{ {children} }}\n"
        );
        let config: AlertingConfig = from_tree(tree_of(&text).unwrap()).unwrap();
        let registry = "[[device]]\nsite=\"hall\"\ndevice=\"ups\"\nprofile=\"p\"\nparent=\"gateway\"\n";
        let registry = domain::registry::Registry::parse(registry).unwrap();
        let policy = config.check().unwrap().with_topology(domain::Topology::of(&registry));
        policy.contradictions().into_iter().map(|p| p.path).collect::<Vec<_>>()
    };
    assert_eq!(rule("devices = [\"gateway\"]"), ["alarms.parents[0].children"]);
    assert_eq!(rule("devices = [\"pump-*\"]"), Vec::<String>::new());
}

#[test]
fn all_mistakes_come_at_once() {
    let text = r#"
        [risk]
        horizon_days = 0
        [clocks]
        warn_at_share = 2
        [clocks.key]
        on_site_min = 4000000000
        [calendar]
        time_zone = "Mars"
        from = "9"
        days = []
        holidays = ["2026-02-30"]
        [alarms]
        shelving_limit_min = 0
    "#;
    let expected = [
        "risk.horizon_days",
        "clocks.warn_at_share",
        "clocks.key.on_site_min",
        "alarms.shelving_limit_min",
        "calendar.time_zone",
        "calendar.from",
        "calendar.days",
        "calendar.holidays[0]",
    ];
    assert_eq!(paths(text), expected);
}

#[test]
fn a_class_keeps_the_clocks_that_a_site_does_not_name() {
    let text = "[clocks.emergency]\nfirst_response_min = 15\non_site_min = 0\nhours = \"working\"";
    let config: AlertingConfig = from_tree(tree_of(text).unwrap()).unwrap();
    let policy = config.check().unwrap();
    let found: Vec<_> = policy
        .terms(None)
        .clocks
        .targets(TicketClass::Emergency, None, Timestamp(0))
        .into_iter()
        .map(|(kind, target)| match target {
            Target::Within { budget, hours, .. } => (kind, budget, hours),
            Target::By { .. } => panic!("no due date was given"),
        })
        .collect();
    assert_eq!(
        found,
        [
            (ClockKind::FirstResponse, Millis::minutes(15), Hours::Working),
            (ClockKind::Diagnosis, Millis::hours(72), Hours::Working),
            (ClockKind::Plan, Millis::hours(48), Hours::Working),
            (ClockKind::Resolution, Millis::hours(24), Hours::Working)
        ]
    );
}

#[test]
fn a_matrix_comes_from_toml() {
    let text = r#"
        risk.matrix = [
            ["very_low", "very_low", "low", "low", "medium"],
            ["very_low", "low", "medium", "medium", "high"],
            ["low", "medium", "medium", "high", "high"],
            ["low", "medium", "high", "high", "very_high"],
            ["medium", "high", "high", "very_high", "high"],
        ]"#;
    assert_eq!(paths(text), ["risk.matrix[4][4]"]);
}

#[test]
fn mistakes_of_calendars_and_contracts_have_their_paths() {
    let text = r#"
        [calendar]
        further = [{ days = [], from = "13:00", until = "12:00" }]
        holidays = ["2026-10-01"]
        workdays = ["2026-10-01"]
        [[contracts]]
        name = "gold"
        covers.sites = [""]
        calendar = { time_zone = "Atlantis" }
        clocks.warn_at_share = 7
        [[contracts]]
        name = "gold"
    "#;
    let expected = [
        "calendar.further[0].days",
        "calendar.further[0].until",
        "calendar.holidays[0]",
        "contracts[0].covers.sites[0]",
        "contracts[0].clocks.warn_at_share",
        "contracts[0].calendar.time_zone",
        "contracts[1].name",
    ];
    assert_eq!(paths(text), expected);
}

#[test]
fn a_contract_says_only_what_differs_and_the_first_that_fits_holds() {
    let text = r#"
        clocks.key.on_site_min = 600
        clocks.pausing = ["parts"]
        [[contracts]]
        name = "night"
        covers.sites = ["north"]
        clocks.key.first_response_min = 10
        [[contracts]]
        name = "rest"
        clocks.pausing = []
    "#;
    let config: AlertingConfig = from_tree(tree_of(text).unwrap()).unwrap();
    let policy = config.check().unwrap();
    let of = |site: &str| {
        let device = domain::DeviceKey::new(site, "pump-1").unwrap();
        policy.contract_of(&device, "pump", &crate::record::Asset::default())
    };
    assert_eq!((of("north"), of("south")), (Some("night"), Some("rest")));
    let minutes = |contract, kind| {
        let targets = policy
            .terms(contract)
            .clocks
            .targets(TicketClass::Key, None, Timestamp(0));
        targets
            .into_iter()
            .find(|(k, _)| *k == kind)
            .map(|(_, target)| match target {
                Target::Within { budget, .. } => budget,
                Target::By { .. } => panic!("no due date was given"),
            })
    };
    assert_eq!(
        minutes(Some("night"), ClockKind::FirstResponse),
        Some(Millis::minutes(10))
    );
    assert_eq!(minutes(Some("night"), ClockKind::OnSite), Some(Millis::minutes(600)));
    assert_eq!(minutes(Some("gone"), ClockKind::FirstResponse), Some(Millis::hours(1)));
    let pauses = |contract| policy.terms(contract).clocks.pauses_for(HoldCause::Parts);
    assert_eq!((pauses(Some("night")), pauses(Some("rest"))), (true, false));
}
