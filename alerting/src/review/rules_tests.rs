//! The table of rules and models, counted by hand.

use super::tests::{Month, confirmed, november};
use super::*;
use crate::record::AlarmRecord;
use crate::ticket::{Finding, Outcome, TicketRecord};
use domain::{FailureModeId, RuleId};
use proptest::prelude::*;

const DAY: i64 = 86_400_000;

fn told() -> FailureModeId {
    FailureModeId::new("device_fault").unwrap()
}

fn of(alarms: &[AlarmRecord], tickets: &[TicketRecord], devices: usize) -> Vec<RuleFigures> {
    let first_seen = Timestamp(november().from.0 - 90 * DAY);
    let device = KnownDevice {
        profile: "pump".into(),
        first_seen,
    };
    let devices = vec![device; devices];
    rule_figures(tickets, alarms, &told(), &devices, november(), Millis::days(14))
}

#[test]
fn each_rule_is_judged_by_its_own_tickets_and_by_the_faults_that_it_could_have_warned_of() {
    let mut month = Month::new();
    month.fault("pump-1", "bearing_wear", 10, confirmed("no grease"));
    month.fault("pump-2", "bearing_wear", 20, confirmed("no grease"));
    month.fault("pump-2", "cavitation", 6, Outcome::NoFaultFound);
    let different = Outcome::DifferentFault {
        failure_mode: FailureModeId::new("bearing_wear").unwrap(),
        finding: Finding::default(),
    };
    month.fault("pump-3", "cavitation", 6, different);
    let (alarms, tickets) = month.rows();
    let table = of(&alarms, &tickets, 2);
    let [bearing, cavitation] = &table[..] else {
        panic!("{table:?}")
    };
    assert_eq!(
        (bearing.rule.as_str(), cavitation.rule.as_str()),
        ("bearing_wear_rule", "cavitation_rule")
    );
    assert_eq!((bearing.warnings, cavitation.warnings), (2, 2));
    assert_eq!(bearing.precision, Share { part: 2, of: 2 });
    assert_eq!(cavitation.precision, Share { part: 1, of: 2 });
    assert_eq!(
        cavitation.precision_of_mode,
        Share { part: 0, of: 2 },
        "it was a fault, but another one"
    );
    assert_eq!(
        bearing.recall,
        Share { part: 2, of: 3 },
        "the worn bearing of pump-3 was warned of as something else"
    );
    assert_eq!(cavitation.recall, Share::default(), "no cavitation was found");
    assert_eq!(bearing.lead_time.median, Some(Millis(10 * 3_600_000)));
    assert_eq!((bearing.false_alarms, cavitation.false_alarms), (0, 1));
    assert_eq!(
        cavitation.false_a_device_month,
        Some(0.5),
        "one false alarm of two machines in 30 days"
    );
    assert!(bearing.is_too_few() && cavitation.is_too_few());
}

#[test]
fn versions_of_a_model_have_a_row_each_and_machines_that_tell_by_themselves_none() {
    let mut month = Month::new();
    month.fault("pump-1", "bearing_wear", 10, confirmed("no grease"));
    month.fault("pump-2", "bearing_wear", 10, confirmed("no grease"));
    let (mut alarms, tickets) = month.rows();
    alarms[1].model = domain::ModelVersion::from_text("pump@2");
    let table = of(&alarms, &tickets, 0);
    assert_eq!(table.len(), 2);
    assert_eq!(table[0].false_a_device_month, None, "no machine, no rate");
    alarms.iter_mut().for_each(|alarm| alarm.failure_mode = told());
    assert_eq!(of(&alarms, &tickets, 1), []);
}

#[test]
fn what_a_person_reported_counts_as_missed_unless_the_rule_had_spoken_shortly_before() {
    let mut month = Month::new();
    month.fault("pump-1", "bearing_wear", 10, confirmed("no grease"));
    let (alarms, mut tickets) = month.rows();
    let mut by_hand = tickets[0].clone();
    by_hand.id = domain::TicketId(99);
    by_hand.alarm = None;
    for (days, recalled) in [(13, 2), (15, 1)] {
        by_hand.opened_at = Timestamp(alarms[0].opened_at.0 + days * DAY);
        tickets.truncate(1);
        tickets.push(by_hand.clone());
        assert_eq!(
            of(&alarms, &tickets, 1)[0].recall,
            Share { part: recalled, of: 2 },
            "{days}"
        );
    }
}

#[test]
fn faults_that_become_more_are_told_from_chance() {
    let mut month = Month::new();
    let until = month.now + 30 * DAY;
    for (days_before, faults) in [
        (300, [("bearing_wear", 1), ("cavitation", 8), ("seal_leak", 2)]),
        (20, [("bearing_wear", 8), ("cavitation", 1), ("seal_leak", 3)]),
    ] {
        month.now = until - days_before * DAY;
        for (mode, times) in faults {
            (0..times).for_each(|_| month.fault("pump-1", mode, 2, confirmed("age")));
        }
    }
    let (_, tickets) = month.rows();
    let counts = fault_counts(&tickets, november());
    let trend = |mode: &str| counts.iter().find(|c| c.failure_mode == mode).map(|c| c.trend);
    assert_eq!(trend("bearing_wear"), Some(Trend::Rising));
    assert_eq!(trend("cavitation"), Some(Trend::Falling));
    assert_eq!(trend("seal_leak"), Some(Trend::Steady), "three against two is chance");
    let busiest = counts
        .iter()
        .find(|c| c.failure_mode == "cavitation")
        .and_then(|c| c.busiest.clone());
    assert_eq!(busiest.as_deref(), Some("2026-02"));
}

proptest! {
    // each case plays a month through the book
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The rows of the table add up to what is counted over all: no warning and no verdict is lost or counted twice.
    #[test]
    fn the_rows_add_up_to_the_whole(
        faults in prop::collection::vec((0usize..3, 0usize..3, 0usize..3, 0usize..2), 0..12),
    ) {
        let mut month = Month::new();
        for (machine, mode, outcome, _) in &faults {
            let outcome = match outcome {
                0 => confirmed("age"),
                1 => Outcome::NoFaultFound,
                _ => Outcome::Other { text: "sold".into() },
            };
            let mode = ["bearing_wear", "cavitation", "seal_leak"][*mode];
            month.fault(&format!("pump-{machine}"), mode, 3, outcome);
        }
        let (mut alarms, tickets) = month.rows();
        for (alarm, (.., rule)) in alarms.iter_mut().zip(&faults) {
            alarm.evidence[0].rule = RuleId::new(["a", "b"][*rule]).unwrap();
        }
        let table = of(&alarms, &tickets, 1);
        let whole = warning_figures(&tickets, &alarms, &told(), november(), Millis::days(14));
        let sum = |f: fn(&RuleFigures) -> u64| table.iter().map(f).sum::<u64>();
        prop_assert_eq!(sum(|r| r.precision.part), whole.precision.part);
        prop_assert_eq!(sum(|r| r.precision.of), whole.precision.of);
        prop_assert_eq!(sum(|r| r.false_alarms), whole.precision.of - whole.precision.part);
        prop_assert_eq!(sum(|r| r.lead_time.count), whole.ahead_of_repair.count);
        prop_assert!(table.iter().all(|r| r.recall.part <= r.recall.of));
    }
}
