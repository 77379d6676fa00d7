//! Configurations as people write them.

use super::*;
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
