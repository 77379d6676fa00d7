//! Escalation as people on call meet it.

use crate::book::Book;
use crate::effect::{AlarmCommand, Command, Effect, Input};
use crate::policy::AlertingConfig;
use crate::record::{Asset, DeviceFacts};
use crate::ticket::{Actor, TicketChange, TicketCommand, TicketRecord, WorkStep};
use domain::profile::shipped;
use domain::{
    AlarmId, ConditionChange, ConditionState, DeviceIndex, DeviceKey, FailureModeId, Health, Millis, ModelVersion,
    Prognosis, Severity, TicketId, Timestamp,
};
use std::sync::Arc;

const MINUTE: i64 = 60_000;
/// 2026-11-02 08:00 UTC, a Monday.
const START: i64 = 1_793_606_400_000;

struct Desk {
    book: Book,
    now: i64,
    device: DeviceFacts,
    told: Vec<String>,
}

impl Desk {
    fn new(more: &str) -> Desk {
        let text = format!(
            r#"
            [[on_call]]
            name = "service"
            people = ["li", "wang"]
            begins = "2026-11-01"
            handover = "08:30"
            shift_days = 1
            [[escalation]]
            name = "urgent"
            from_priority = "P3"
            rounds = 2
            levels = [
                {{ tell = ["on_call:service"], answer_within_min = 15 }},
                {{ tell = ["owner"], answer_within_min = 15 }},
                {{ tell = ["person:zhao", "group:supervisors"], answer_within_min = 30 }},
            ]
            {more}
        "#
        );
        let tree = domain::checked::tree_of(&text).expect("TOML");
        let config: AlertingConfig = domain::checked::from_tree(tree).expect("known keys");
        let profile = shipped::all().into_iter().find(|p| p.id == "pump").expect("shipped");
        Desk {
            book: Book::new(Arc::new(config.check().expect("sound"))),
            now: START,
            device: DeviceFacts {
                key: DeviceKey::new("harbour", "pump-1").unwrap(),
                profile: Arc::new(profile),
                asset: Asset::default(),
                model: Default::default(),
            },
            told: Vec::new(),
        }
    }

    fn step(&mut self, input: Input) {
        // As if the gateway were killed and started again between any two steps.
        self.book = Book::restore(Arc::new(self.book.policy().clone()), self.book.snapshot());
        let effects = self.book.step(input, Timestamp(self.now)).expect("not refused");
        let minute = (self.now - START) / MINUTE;
        for effect in &effects {
            if let Effect::TicketChanged { record, change } = effect {
                match change {
                    TicketChange::Opened { .. } => self.told.push(format!("{minute} {}", people(record))),
                    TicketChange::Told { level, people, .. } => {
                        self.told.push(format!("{minute} level {level} {}", people.join(" ")));
                    }
                    TicketChange::Answered { .. } => self.told.push(format!("{minute} answered")),
                    _ => {}
                }
            }
        }
    }

    fn raise(&mut self, severity: Severity) {
        let mode = FailureModeId::new("bearing_wear").unwrap();
        let change = ConditionChange {
            device: DeviceIndex(0),
            mode: self.device.profile.mode_index("bearing_wear").expect("known"),
            failure_mode: mode,
            state: ConditionState::Active { severity },
            measured_at: Timestamp(self.now),
            evidence: Vec::new(),
            health: Health::new(40.0),
            prognosis: Prognosis::NotYetKnown,
            model: ModelVersion::default(),
        };
        let device = self.device.clone();
        self.step(Input::Condition { change, device });
    }

    fn wait(&mut self, minutes: i64) {
        let until = self.now + minutes * MINUTE;
        while let Some(at) = self.book.next_deadline().filter(|at| at.0 <= until) {
            self.now = at.0;
            self.step(Input::Tick);
        }
        self.now = until;
    }

    fn ticket(&mut self, command: TicketCommand) {
        let ticket = TicketId(1);
        self.command(Command::Ticket { ticket, command });
    }

    fn command(&mut self, command: Command) {
        let actor = Actor::Person { name: "li".into() };
        self.step(Input::Command { actor, command });
    }
}

fn people(ticket: &TicketRecord) -> String {
    ticket
        .chain
        .as_ref()
        .map_or_else(String::new, |chain| chain.people.join(" "))
}

#[test]
fn if_nobody_answers_each_level_is_told_in_turn_and_then_the_chain_again() {
    let mut desk = Desk::new("");
    desk.raise(Severity::Warning);
    desk.wait(50);
    // Nobody owns the ticket, so level 2 is passed over.
    assert_eq!(
        desk.told,
        ["0 li", "15 level 3 zhao group:supervisors", "45 level 1 wang"]
    );
}

#[test]
fn who_takes_the_ticket_up_ends_the_chain_and_so_does_who_acknowledges_the_alarm() {
    let step = TicketCommand::Step {
        to: WorkStep::Diagnosed,
        note: String::new(),
    };
    let mut desk = Desk::new("");
    desk.raise(Severity::Warning);
    desk.wait(10);
    desk.ticket(step);
    desk.wait(40);
    assert_eq!(desk.told, ["0 li"]);

    let mut desk = Desk::new("");
    desk.raise(Severity::Warning);
    desk.wait(10);
    let alarm = AlarmId::new(&desk.device.key, &FailureModeId::new("bearing_wear").unwrap(), 1);
    let command = AlarmCommand::Acknowledge { note: String::new() };
    desk.command(Command::Alarm { alarm, command });
    desk.wait(40);
    assert_eq!(desk.told, ["0 li", "10 answered"]);
    let chain = desk
        .book
        .ticket(TicketId(1))
        .and_then(|t| t.chain.clone())
        .expect("kept");
    assert_eq!(chain.answered, Some(("li".into(), Timestamp(START + 10 * MINUTE))));
}

#[test]
fn a_breach_is_told_one_level_higher_although_somebody_answered() {
    let mut desk = Desk::new("");
    desk.raise(Severity::Critical);
    desk.wait(5);
    let to = Some("li".to_owned());
    desk.ticket(TicketCommand::Assign { to, dispatched: None });
    desk.wait(70);
    // First response within an hour: nobody has begun.
    assert_eq!(desk.told, ["0 li", "60 level 2 li"]);
    desk.wait(24 * 60);
    assert_eq!(
        desk.told[2..],
        ["1440 level 3 zhao group:supervisors"],
        "on site within a day"
    );
}

#[test]
fn a_ticket_that_gets_worse_is_told_anew() {
    let mut desk = Desk::new("");
    desk.raise(Severity::Warning);
    let to = Some("li".to_owned());
    desk.ticket(TicketCommand::Assign { to, dispatched: None });
    desk.wait(40);
    desk.raise(Severity::Critical);
    desk.wait(16);
    assert_eq!(
        desk.told,
        ["0 li", "55 level 2 li"],
        "the upgrade itself went to who is on call"
    );
    let chain = desk
        .book
        .ticket(TicketId(1))
        .and_then(|t| t.chain.clone())
        .expect("kept");
    assert_eq!(chain.highest, 2);
}

#[test]
fn answers_wait_for_the_morning_where_the_contract_counts_working_hours() {
    let more = r#"
        [clocks.key]
        hours = "working"
        [clocks.ordinary]
        hours = "working"
        [calendar]
        from = "09:00"
        until = "18:00"
    "#;
    let mut desk = Desk::new(more);
    desk.now = START + Millis::hours(9).0; // Monday 17:00 UTC
    desk.raise(Severity::Warning);
    desk.wait(15 * 60);
    let minutes: Vec<_> = desk
        .told
        .iter()
        .map(|t| t.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    // 15 and 30 minutes in the hour left of Monday, and the second round begins with its end.
    assert_eq!(minutes, ["540", "555", "585", "600"]);
    let mut desk = Desk::new(more);
    desk.now = START + Millis::hours(10).0; // Monday 18:00 UTC
    desk.raise(Severity::Warning);
    desk.wait(15 * 60 + 20);
    let minutes: Vec<_> = desk
        .told
        .iter()
        .map(|t| t.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(minutes, ["600", "1515"], "a quarter of an hour after nine on Tuesday");
}

#[test]
fn a_site_that_says_nothing_has_owner_supervisor_manager() {
    let policy = crate::policy::Policy::default();
    let chain = policy.escalations.named("service").expect("by default");
    assert_eq!(chain.levels.len(), 3);
    let groups: Vec<_> = chain
        .levels
        .iter()
        .flat_map(|level| policy.escalations.people(level, None, Timestamp(0)))
        .collect();
    assert_eq!(groups, ["group:service", "group:supervisors", "group:managers"]);
}

#[test]
fn a_chain_that_tells_nobody_is_refused_with_its_path() {
    let text = r#"
        [[escalation]]
        name = "a"
        levels = [{ tell = ["on_call:night", "boss", "person:"], answer_within_min = 0 }]
        rounds = 0
        [[escalation]]
        name = "a"
        levels = []
    "#;
    let config: AlertingConfig = domain::checked::from_tree(domain::checked::tree_of(text).unwrap()).unwrap();
    let paths: Vec<_> = config.problems().into_iter().map(|p| p.path).collect();
    let expected = [
        "escalation[0].rounds",
        "escalation[0].levels[0].answer_within_min",
        "escalation[0].levels[0].tell[0]",
        "escalation[0].levels[0].tell[1]",
        "escalation[0].levels[0].tell[2]",
        "escalation[1].name",
        "escalation[1].levels",
    ];
    assert_eq!(paths, expected);
}
