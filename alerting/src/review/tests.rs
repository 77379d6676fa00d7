//! A month of a small site, told by the rows that its book left behind, and counted by hand.

use super::*;
use crate::book::Book;
use crate::effect::{AlarmCommand, Command, Effect, Input};
use crate::policy::{AlertingConfig, Policy, ReviewConfig};
use crate::record::{AlarmRecord, Asset, DeviceFacts};
use crate::ticket::{Actor, Finding, Malfunction, Outcome, TicketCommand, TicketRecord, WorkCommand, WorkStep};
use domain::profile::shipped;
use domain::{
    AlarmId, ConditionChange, ConditionState, DeviceIndex, DeviceKey, Evidence, EvidenceReason, FailureModeId, Health,
    Millis, ModelVersion, Prognosis, RuleId, Severity, TicketId, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 2026-11-01 00:00 UTC.
const NOVEMBER: i64 = 1_793_491_200_000;

pub(super) struct Month {
    book: Book,
    pub(super) now: i64,
    alarms: BTreeMap<AlarmId, AlarmRecord>,
    tickets: BTreeMap<TicketId, TicketRecord>,
}

impl Month {
    pub(super) fn new() -> Month {
        let mut config = AlertingConfig::default();
        config.storms.common_cause_machines = 0;
        Month {
            book: Book::new(Arc::new(config.check().expect("sound"))),
            now: NOVEMBER,
            alarms: BTreeMap::new(),
            tickets: BTreeMap::new(),
        }
    }

    fn step(&mut self, input: Input) {
        for effect in self.book.step(input, Timestamp(self.now)).expect("not refused") {
            match effect {
                Effect::AlarmChanged { record, .. } => drop(self.alarms.insert(record.id.clone(), *record)),
                Effect::TicketChanged { record, .. } => drop(self.tickets.insert(record.id, *record)),
                _ => {}
            }
        }
    }

    fn condition(&mut self, machine: &str, mode: &str, state: ConditionState) {
        let profile = shipped::all().into_iter().find(|p| p.id == "pump").expect("shipped");
        let rule = RuleId::new(&format!("{mode}_rule")).unwrap();
        let evidence = Evidence {
            rule,
            metric: None,
            value: Some(4.9),
            reason: EvidenceReason::AboveLimit {
                limit: 4.5,
                source: "a standard".into(),
            },
        };
        let change = ConditionChange {
            device: DeviceIndex(0),
            mode: profile.mode_index(mode).expect("known"),
            failure_mode: FailureModeId::new(mode).unwrap(),
            state,
            measured_at: Timestamp(self.now),
            evidence: vec![evidence],
            health: Health::new(40.0),
            prognosis: Prognosis::NotYetKnown,
            model: ModelVersion::default(),
        };
        let device = DeviceFacts {
            key: DeviceKey::new("harbour", machine).unwrap(),
            profile: Arc::new(profile),
            asset: Asset::default(),
            model: ModelVersion::default(),
        };
        self.step(Input::Condition { change, device });
    }

    fn person(&mut self, command: Command) {
        let actor = Actor::Person { name: "li".into() };
        self.step(Input::Command { actor, command });
    }

    /// An alarm that is acknowledged after an hour, visited after two and closed after `hours`, when it returns to normal.
    pub(super) fn fault(&mut self, machine: &str, mode: &str, hours: i64, outcome: Outcome) {
        let severity = Severity::Warning;
        self.condition(machine, mode, ConditionState::Active { severity });
        let alarm = self
            .alarms
            .values()
            .max_by_key(|a| a.opened_at)
            .expect("raised")
            .clone();
        let (ticket, begin) = (alarm.ticket.expect("opened"), self.now);
        self.now = begin + HOUR;
        self.person(Command::Alarm {
            alarm: alarm.id,
            command: AlarmCommand::Acknowledge { note: String::new() },
        });
        self.now = begin + 2 * HOUR;
        let (to, note) = (WorkStep::InProgress, String::new());
        self.person(Command::Ticket {
            ticket,
            command: TicketCommand::Step { to, note },
        });
        self.now = begin + hours * HOUR;
        self.condition(machine, mode, ConditionState::Clear);
        let note = String::new();
        self.person(Command::Ticket {
            ticket,
            command: TicketCommand::Close { outcome, note },
        });
        self.now = begin + DAY;
    }

    pub(super) fn rows(&self) -> (Vec<AlarmRecord>, Vec<TicketRecord>) {
        let tickets = self.tickets.values().cloned().collect();
        (self.alarms.values().cloned().collect(), tickets)
    }
}

pub(super) fn confirmed(cause: &str) -> Outcome {
    Outcome::FaultConfirmed(Finding {
        cause: cause.into(),
        remedy: "replaced".into(),
        parts: Vec::new(),
        ..Finding::default()
    })
}

pub(super) fn november() -> Span {
    Span {
        from: Timestamp(NOVEMBER),
        until: Timestamp(NOVEMBER + 30 * DAY),
    }
}

#[test]
fn a_month_of_service_is_counted_as_by_hand() {
    let mut month = Month::new();
    month.fault("pump-1", "bearing_wear", 10, confirmed("no grease"));
    month.fault("pump-1", "bearing_wear", 20, confirmed("no grease"));
    month.fault("pump-2", "cavitation", 6, Outcome::NoFaultFound);
    month.fault("pump-3", "bearing_wear", 30, confirmed("wrong fit"));
    let severity = Severity::Warning;
    month.condition("pump-4", "bearing_wear", ConditionState::Active { severity });
    let (_, tickets) = month.rows();
    let policy = Policy::default();
    let days = |n| Millis::days(n);
    let figures = service_figures(&tickets, &policy, november(), days(30), Timestamp(NOVEMBER + 29 * DAY));
    assert_eq!((figures.opened, figures.closed, figures.backlog), (5, 4, 1));
    assert_eq!(figures.repair.count, 3);
    assert_eq!(
        (figures.repair.mean, figures.repair.median),
        (Some(Millis(20 * HOUR)), Some(Millis(20 * HOUR)))
    );
    assert_eq!(
        figures.first_reaction.mean,
        Some(Millis(HOUR)),
        "acknowledging answers the ticket"
    );
    assert_eq!(figures.repeat_repair, Share { part: 1, of: 3 });
    assert_eq!(figures.first_time_fix, Share { part: 3, of: 3 });
    let late = service_figures(&tickets, &policy, november(), days(0), Timestamp(NOVEMBER + 29 * DAY));
    assert_eq!(
        late.repeat_repair,
        Share { part: 0, of: 3 },
        "the days are the policy's"
    );
}

#[test]
fn proposals_that_were_overridden_are_counted() {
    let mut month = Month::new();
    let severity = Severity::Warning;
    for machine in ["pump-1", "pump-2"] {
        month.condition(machine, "bearing_wear", ConditionState::Active { severity });
    }
    let tickets: Vec<_> = month.tickets.keys().copied().collect();
    for (ticket, why) in tickets.into_iter().zip(["", "knows the house"]) {
        let to = Some(if why.is_empty() { "li" } else { "wang" }.to_owned());
        let dispatched = Some(crate::dispatch::Dispatched {
            proposed: "li".into(),
            rank: None,
            override_reason: why.into(),
        });
        let command = TicketCommand::Assign { to, dispatched };
        month.person(Command::Ticket { ticket, command });
    }
    let (_, tickets) = month.rows();
    let now = Timestamp(NOVEMBER + 29 * DAY);
    let figures = service_figures(&tickets, &Policy::default(), november(), Millis::days(30), now);
    assert_eq!(figures.overrides, Share { part: 1, of: 2 });
}

#[test]
fn warnings_are_judged_by_what_technicians_found() {
    let mut month = Month::new();
    month.fault("pump-1", "bearing_wear", 10, confirmed("no grease"));
    month.fault("pump-2", "cavitation", 6, Outcome::NoFaultFound);
    month.fault("pump-2", "cavitation", 6, confirmed("closed valve"));
    month.fault(
        "pump-3",
        "bearing_wear",
        4,
        Outcome::Other {
            text: "moved away".into(),
        },
    );
    let (alarms, tickets) = month.rows();
    let told = FailureModeId::new("device_fault").unwrap();
    let figures = warning_figures(&tickets, &alarms, &told, november(), Millis::days(14));
    assert_eq!(
        figures.precision,
        Share { part: 2, of: 3 },
        "what is neither does not count"
    );
    assert_eq!(figures.by_mode["cavitation"], Share { part: 1, of: 2 });
    assert_eq!(figures.by_rule["bearing_wear_rule"], Share { part: 1, of: 1 });
    assert_eq!(figures.ahead_of_repair.median, Some(Millis(6 * HOUR)));
    assert_eq!(
        figures.told_failures_warned.value(),
        None,
        "no failure is known: recall is not known, not perfect"
    );
}

#[test]
fn a_failure_that_the_machine_told_and_nobody_warned_of_is_named() {
    let mut month = Month::new();
    let told = shipped::all().into_iter().find(|p| p.id == "pump").map(|p| {
        let modes = &p.modes;
        modes[usize::from(p.built_in.device_fault.0)].id.clone()
    });
    let told = told.expect("shipped");
    let severity = Severity::Warning;
    month.condition("pump-1", "bearing_wear", ConditionState::Active { severity });
    month.now += 3 * DAY;
    month.condition("pump-1", told.as_str(), ConditionState::Active { severity });
    month.condition("pump-2", told.as_str(), ConditionState::Active { severity });
    let (alarms, tickets) = month.rows();
    let figures = warning_figures(&tickets, &alarms, &told, november(), Millis::days(14));
    assert_eq!(figures.told_failures_warned, Share { part: 1, of: 2 });
    let device = DeviceKey::new("harbour", "pump-2").unwrap();
    assert_eq!(figures.without_warning, [AlarmId::new(&device, &told, 1)]);
    let short = warning_figures(&tickets, &alarms, &told, november(), Millis::days(2));
    assert_eq!(
        short.told_failures_warned,
        Share { part: 0, of: 2 },
        "three days before is too early to count"
    );
}

#[test]
fn the_load_of_alarms_is_counted_by_day_by_ten_minutes_and_by_the_most_frequent() {
    let mut month = Month::new();
    month.fault("pump-1", "bearing_wear", 10, confirmed("no grease"));
    let severity = Severity::Warning;
    for i in 0..4 {
        month.now += 2 * 60_000;
        month.condition(&format!("pump-{i}"), "cavitation", ConditionState::Active { severity });
    }
    month.now += 9 * 60_000;
    month.condition("pump-9", "cavitation", ConditionState::Active { severity });
    let (alarms, _) = month.rows();
    let load = alarm_load(&alarms, &[], november(), Timestamp(NOVEMBER + 30 * DAY));
    assert_eq!(
        (load.raised, load.peak),
        (6, 4),
        "the last is ten minutes after all but one of the four"
    );
    assert_eq!(load.each_day, Some(0.2));
    assert_eq!(load.acknowledged_after.median, Some(Millis(HOUR)));
    assert_eq!(load.most_frequent.len(), 6);
    assert_eq!(load.in_flood.value(), None);
}

#[test]
fn faults_are_counted_by_model_of_machine_with_their_causes_and_the_span_before() {
    let mut month = Month::new();
    month.now = NOVEMBER - 5 * DAY;
    month.fault("pump-1", "bearing_wear", 10, confirmed("no grease"));
    month.now = NOVEMBER;
    for cause in ["no grease", "wrong fit", "no grease"] {
        month.fault("pump-2", "bearing_wear", 10, confirmed(cause));
    }
    month.fault("pump-2", "cavitation", 6, Outcome::NoFaultFound);
    let (_, tickets) = month.rows();
    let counts = fault_counts(&tickets, november());
    assert_eq!(counts.len(), 1, "a fault that was not there is none");
    let bearing = &counts[0];
    assert_eq!(
        (bearing.profile.as_str(), bearing.count, bearing.before),
        ("pump", 3, 1)
    );
    assert_eq!(
        bearing.by_month,
        BTreeMap::from([("2026-10".to_owned(), 1), ("2026-11".to_owned(), 3)])
    );
    assert_eq!(
        bearing.causes,
        [("no grease".to_owned(), 2), ("wrong fit".to_owned(), 1)]
    );
}

#[test]
fn a_different_fault_speaks_for_the_warning_of_the_machine_and_against_that_of_the_failure_mode() {
    let found = |cause: &str| Finding {
        part: "suction strainer".into(),
        damage: "clogged".into(),
        cause: cause.into(),
        ..Finding::default()
    };
    let mut month = Month::new();
    let failure_mode = FailureModeId::new("cavitation").unwrap();
    let finding = found("leaves in the basin");
    month.fault(
        "pump-1",
        "bearing_wear",
        10,
        Outcome::DifferentFault { failure_mode, finding },
    );
    month.fault("pump-2", "bearing_wear", 5, Outcome::Prevented(found("wear")));
    let (alarms, tickets) = month.rows();
    let told = FailureModeId::new("device_fault").unwrap();
    let figures = warning_figures(&tickets, &alarms, &told, november(), Millis::days(14));
    assert_eq!(figures.precision, Share { part: 2, of: 2 });
    assert_eq!(figures.by_mode["bearing_wear"], Share { part: 1, of: 2 });
    assert_eq!(figures.by_rule["bearing_wear_rule"], Share { part: 2, of: 2 });
    assert_eq!(figures.ahead_of_repair.count, 2);
    let counts = fault_counts(&tickets, november());
    let mut modes: Vec<_> = counts.iter().map(|c| c.failure_mode.as_str()).collect();
    modes.sort_unstable();
    assert_eq!(
        modes,
        ["bearing_wear", "cavitation"],
        "each is counted under what it was"
    );
}

#[test]
fn customers_are_answered_called_back_in_time_and_satisfied_or_not() {
    let mut month = Month::new();
    for (machine, after_hours, rating) in [("pump-1", 2, Some(5)), ("pump-2", 30, Some(3)), ("pump-3", 3, None)] {
        month.fault(machine, "bearing_wear", 10, confirmed("no grease"));
        let (closed_at, ticket) = (
            month.now - DAY + 10 * HOUR,
            *month.tickets.keys().last().expect("opened"),
        );
        month.now = closed_at + after_hours * HOUR;
        let work = WorkCommand::CallBack {
            rating,
            text: String::new(),
        };
        month.person(Command::Ticket {
            ticket,
            command: TicketCommand::Work { work },
        });
    }
    month.fault("pump-4", "bearing_wear", 10, confirmed("no grease"));
    let severity = Severity::Warning;
    month.condition("pump-5", "bearing_wear", ConditionState::Active { severity });
    let (_, tickets) = month.rows();
    let figures = customer_figures(
        &tickets,
        &ReviewConfig::default(),
        november(),
        Timestamp(NOVEMBER + 30 * DAY),
    );
    let share = |part, of| Share { part, of };
    assert_eq!(figures.answered, share(4, 5), "nobody looked at the fifth");
    assert_eq!(figures.called_back, share(2, 4), "one too late, one not at all");
    assert_eq!(figures.satisfied, share(1, 2), "the third gave no rating");
    let soon = customer_figures(
        &tickets,
        &ReviewConfig::default(),
        november(),
        Timestamp(month.now - DAY + 12 * HOUR),
    );
    assert_eq!(soon.called_back, share(2, 3), "of the fourth there is time left");
}

#[test]
fn breakdowns_give_the_time_between_them_downtime_availability_and_detection() {
    let mut month = Month::new();
    for (machine, is_breakdown, down_hours) in [
        ("pump-1", Some(true), 6),
        ("pump-2", Some(true), 18),
        ("pump-3", Some(false), 5),
    ] {
        let began = month.now;
        month.now = began + HOUR;
        month.fault(machine, "bearing_wear", 10, confirmed("no grease"));
        let ticket = *month.tickets.keys().last().expect("opened");
        let malfunction = Malfunction {
            is_breakdown,
            began_at: Some(Timestamp(began)),
            ended_at: Some(Timestamp(began + down_hours * HOUR)),
            ..Malfunction::default()
        };
        month.person(Command::Ticket {
            ticket,
            command: TicketCommand::Work {
                work: WorkCommand::Describe { malfunction },
            },
        });
    }
    let (alarms, tickets) = month.rows();
    // three machines all month, one since its last day
    let known = [NOVEMBER - DAY, NOVEMBER - DAY, 0, NOVEMBER + 29 * DAY].map(Timestamp);
    let figures = reliability_figures(&tickets, &alarms, &known, november(), Timestamp(NOVEMBER + 40 * DAY));
    assert_eq!(figures.operating, Millis(91 * DAY));
    assert_eq!(
        (figures.breakdowns, figures.between_failures),
        (2, Some(Millis(91 * DAY / 2)))
    );
    assert_eq!(figures.downtime.mean, Some(Millis(12 * HOUR)));
    let available = figures.available.value().expect("machines are known");
    assert!((available - (1.0 - 24.0 / (91.0 * 24.0))).abs() < 1e-9, "{available}");
    assert_eq!(figures.detection.mean, Some(Millis(HOUR)));
    let none = reliability_figures(&[], &[], &known, november(), Timestamp(NOVEMBER + 40 * DAY));
    assert_eq!(none.between_failures, None, "no failure, no time between");
}

#[test]
fn verdicts_of_a_month_suggest_another_limit() {
    let mut month = Month::new();
    for machine in 0..8 {
        let outcome = if machine < 5 {
            Outcome::NoFaultFound
        } else {
            confirmed("no grease")
        };
        month.fault(&format!("pump-{machine}"), "bearing_wear", 5, outcome);
    }
    let (mut alarms, tickets) = month.rows();
    for alarm in &mut alarms {
        let is_right = alarm.device.device.as_str() >= "pump-5";
        alarm.evidence[0].value = Some(if is_right { 6.0 } else { 4.6 });
    }
    let told = FailureModeId::new("device_fault").unwrap();
    let found = suggestions(&tickets, &alarms, &told, november());
    let advice = Advice::MoveLimit {
        from: 4.5,
        to: 5.3,
        spared: 5,
    };
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].rule.as_str(), found[0].advice), ("bearing_wear_rule", advice));
    assert_eq!((found[0].right, found[0].false_alarms), (3, 5));
}
