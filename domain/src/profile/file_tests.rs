//! Profiles as a person writes them: what is taken, and which mistakes are told.

use super::*;
use crate::profile::Service;

const SMALL: &str = r#"
profile = "fan"
title = { en = "Fan", zh = "风机" }
expected_interval_ms = 1000

[metrics.vibration_rms_mm_s]
unit = "mm/s"
physical_min = 0.0
physical_max = 100.0

[[limit]]
id = "vibration_zone"
metric = "vibration_rms_mm_s"
warning = 2.8
critical = 4.5
source = "ISO 10816-3:2009 group 2 rigid"

[[failure_mode]]
id = "imbalance"
title = { en = "Imbalance" }
any_of = ["vibration_zone"]
"#;

#[test]
fn built_in_modes_take_the_rules_nobody_names() {
    let profile = parse(SMALL).expect("fine");
    let sensor = profile.mode(profile.built_in.sensor_fault).expect("built in");
    assert_eq!(sensor.any_of.len(), 1);
    assert_eq!(profile.mode_index("imbalance"), Some(ModeIndex(0)));
    assert_eq!(
        profile
            .mode(profile.built_in.abnormal_behaviour)
            .expect("built in")
            .any_of,
        Vec::<usize>::new()
    );
    let zone = profile
        .rules
        .iter()
        .find(|r| r.id.as_str() == "vibration_zone")
        .expect("there");
    assert_eq!(zone.modes, [ModeIndex(0)]);
}

#[test]
fn mistakes_name_line_and_path() {
    let broken = SMALL
        .replace("critical = 4.5", "critical = 1.5")
        .replace("any_of = [\"vibration_zone\"]", "any_of = [\"vibration\"]")
        .replace("expected_interval_ms = 1000", "expected_interval_ms = 0");
    let problems = parse(&broken).expect_err("three mistakes");
    let seen: Vec<_> = problems.iter().map(|p| (p.line, p.path.as_str())).collect();
    assert_eq!(
        seen,
        [
            (Some(4), "expected_interval_ms"),
            (Some(11), "limit[0]"),
            (Some(21), "failure_mode[0].any_of")
        ],
        "{problems:?}"
    );
}

#[test]
fn a_fault_code_may_call_for_a_service_and_a_plan_may_have_grace_and_a_checklist() {
    let more = r#"
[[fault_code]]
code = "E1"
failure_mode = "imbalance"
service = "emergency"
cause = { en = "a blade is broken" }
[[maintenance]]
id = "yearly"
title = { en = "Yearly" }
every_days = 365.0
checklist = [{ en = "look" }, { en = "listen" }]
grace_before_days = 10.0
grace_after_days = 3.5
"#;
    let profile = parse(&format!("{SMALL}{more}")).expect("fine");
    let code = &profile.fault_codes["E1"];
    assert_eq!(
        (code.service, code.cause.en.as_str()),
        (Some(Service::Emergency), "a blade is broken")
    );
    let plan = &profile.maintenance[0];
    assert_eq!((plan.checklist.len(), plan.grace_before), (2, Millis::days(10)));
    assert_eq!(plan.grace_after, Millis::hours(84));
    let wrong = more.replace("grace_before_days = 10.0", "grace_before_days = -1.0");
    let problems = parse(&format!("{SMALL}{wrong}")).expect_err("one mistake");
    assert_eq!(problems[0].path, "maintenance[0].grace_before_days");
}
