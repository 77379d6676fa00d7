//! All clocks of a ticket against a model that looks at the wall every minute, across clock changes, holds and changes of class.

use super::tests::ticket;
use super::*;
use crate::calendar::Hours;
use crate::calendar::tests::{CHANGES, at};
use crate::clock::ClockState;
use crate::ledger::{BreachEnd, service_levels};
use crate::policy::AlertingConfig;
use domain::Millis;
use domain::checked::{from_tree, tree_of};
use proptest::prelude::*;

const MINUTE: i64 = 60_000;

/// Each class has other hours and lacks other clocks; waiting for parts stops no clock.
const CONFIG: &str = r#"
    [clocks]
    pausing = ["customer", "other"]
    [clocks.emergency]
    diagnosis_min = 240
    [clocks.key]
    hours = "working"
    first_response_min = 120
    on_site_min = 600
    diagnosis_min = 900
    plan_min = 400
    resolution_min = 1800
    [clocks.ordinary]
    hours = "working"
    diagnosis_min = 0
    [calendar]
    time_zone = "Australia/Lord_Howe"
    [[contracts]]
    name = "north"
    covers.sites = ["s"]
    calendar = { time_zone = "Europe/Berlin", from = "01:30", until = "12:00", days = ["friday", "saturday", "sunday", "monday"] }
    clocks.key.on_site_min = 300
    [[contracts]]
    name = "never"
"#;

fn policy() -> Policy {
    let config: AlertingConfig = from_tree(tree_of(CONFIG).unwrap()).unwrap();
    config.check().unwrap()
}

/// Minutes allowed, by the configuration above: contract, class, clock. None: no such clock.
fn budget(contract: bool, class: TicketClass, kind: ClockKind) -> Option<i64> {
    let all = match class {
        TicketClass::Emergency => [30, 120, 240, 2880, 1440],
        TicketClass::Key => [120, if contract { 300 } else { 600 }, 900, 400, 1800],
        TicketClass::Ordinary => [60, 0, 0, 2880, 1440],
        TicketClass::Planned => [0; 5],
    };
    Some(all[kind as usize]).filter(|minutes| *minutes > 0)
}

fn hours(class: TicketClass) -> Hours {
    match class {
        TicketClass::Emergency | TicketClass::Planned => Hours::Always,
        TicketClass::Key | TicketClass::Ordinary => Hours::Working,
    }
}

#[derive(Debug, Clone, Default)]
struct Count {
    used: i64,
    met: Option<Timestamp>,
    late_since: Option<Timestamp>,
}

/// What a patient clerk would write down.
struct Clerk {
    contract: bool,
    class: TicketClass,
    step: WorkStep,
    /// Whether there is work to do, and for what it waits.
    is_open: bool,
    waits_for: Option<HoldCause>,
    counts: BTreeMap<ClockKind, Count>,
    ledger: BTreeSet<(ClockKind, Timestamp)>,
}

impl Clerk {
    fn allowed(&self, kind: ClockKind) -> Option<i64> {
        budget(self.contract, self.class, kind)
    }

    fn pass_minute(&mut self, policy: &Policy, now: Timestamp) {
        let calendar = &policy.terms(self.contract.then_some("north")).calendar;
        let waits = matches!(self.waits_for, Some(HoldCause::Customer | HoldCause::Other));
        if !self.is_open || waits || !calendar.counts_minute(hours(self.class), now) {
            return;
        }
        let (contract, class) = (self.contract, self.class);
        for (kind, count) in &mut self.counts {
            if let Some(budget) = budget(contract, class, *kind)
                && count.met.is_none()
            {
                count.used += 1;
                if count.used >= budget && count.late_since.is_none() {
                    count.late_since = Some(now + Millis(MINUTE));
                }
            }
        }
        self.write_down();
    }

    fn write_down(&mut self) {
        for (kind, count) in &self.counts {
            if self.allowed(*kind).is_some() {
                self.ledger.extend(count.late_since.map(|at| (*kind, at)));
            }
        }
    }

    fn meet(&mut self, kind: ClockKind, now: Timestamp) {
        if let Some(count) = self.counts.get_mut(&kind) {
            count.met = count.met.or(Some(now));
        }
    }

    fn at_step(&mut self, step: WorkStep, now: Timestamp) {
        self.step = step;
        if step == WorkStep::Diagnosed && self.allowed(ClockKind::Plan).is_some() {
            self.counts.entry(ClockKind::Plan).or_default();
        }
        for kind in ClockKind::ALL {
            if self.is_answered(kind) {
                self.meet(kind, now);
            }
        }
        if step < WorkStep::AwaitingConfirmation && self.allowed(ClockKind::Resolution).is_some() {
            self.counts.entry(ClockKind::Resolution).and_modify(|c| c.met = None);
        }
    }

    fn is_answered(&self, kind: ClockKind) -> bool {
        let held = self.waits_for.is_some() && kind == ClockKind::FirstResponse;
        held || match kind {
            ClockKind::FirstResponse | ClockKind::Diagnosis => self.step != WorkStep::Reported,
            ClockKind::OnSite => self.step >= WorkStep::InProgress,
            ClockKind::Plan => self.step > WorkStep::Diagnosed,
            ClockKind::Resolution => self.step == WorkStep::AwaitingConfirmation,
        }
    }

    fn reclass(&mut self, class: TicketClass, now: Timestamp) {
        self.class = class;
        for kind in ClockKind::ALL {
            let Some(budget) = self.allowed(kind) else { continue };
            if kind != ClockKind::Plan || self.step == WorkStep::Diagnosed {
                self.counts.entry(kind).or_default();
            }
            if let Some(count) = self.counts.get_mut(&kind)
                && count.met.is_none()
            {
                count.late_since = count.late_since.or(Some(now)).filter(|_| count.used >= budget);
            }
            if self.is_answered(kind) {
                self.meet(kind, now);
            }
        }
    }

    fn follow(&mut self, command: &TicketCommand, now: Timestamp) {
        match command {
            TicketCommand::Step { to, .. } => self.at_step(*to, now),
            TicketCommand::Hold { cause, .. } => {
                self.waits_for = Some(*cause);
                self.meet(ClockKind::FirstResponse, now);
            }
            TicketCommand::Resume => {
                self.waits_for = None;
                self.at_step(self.step, now);
            }
            TicketCommand::Reclass { class, .. } => self.reclass(*class, now),
            TicketCommand::Close { .. } => {
                (self.is_open, self.waits_for) = (false, None);
                ClockKind::ALL.into_iter().for_each(|kind| self.meet(kind, now));
            }
            TicketCommand::Cancel { .. } => (self.is_open, self.waits_for) = (false, None),
            TicketCommand::Reopen { .. } => {
                (self.is_open, self.step) = (true, WorkStep::Reported);
                if self.allowed(ClockKind::Resolution).is_some() {
                    self.counts.entry(ClockKind::Resolution).and_modify(|c| c.met = None);
                }
            }
            TicketCommand::Assign { .. }
            | TicketCommand::Schedule { .. }
            | TicketCommand::Comment { .. }
            | TicketCommand::Work { .. }
            | TicketCommand::FollowUp { .. }
            | TicketCommand::Archive => {}
        }
        self.write_down();
    }
}

fn command() -> impl Strategy<Value = TicketCommand> {
    let text = || "because".to_owned();
    let steps = [
        WorkStep::Diagnosed,
        WorkStep::Planned,
        WorkStep::InProgress,
        WorkStep::AwaitingConfirmation,
    ];
    let classes = [
        TicketClass::Planned,
        TicketClass::Ordinary,
        TicketClass::Key,
        TicketClass::Emergency,
    ];
    let note = String::new;
    prop_oneof![
        3 => prop::sample::select(steps.to_vec()).prop_map(move |to| TicketCommand::Step { to, note: note() }),
        4 => prop::sample::select(HoldCause::ALL.to_vec()).prop_map(move |cause| TicketCommand::Hold { cause, reason: text() }),
        4 => Just(TicketCommand::Resume),
        5 => prop::sample::select(classes.to_vec()).prop_map(move |class| TicketCommand::Reclass { class, priority: None, reason: text() }),
        1 => Just(TicketCommand::Close { outcome: Outcome::NoFaultFound, note: note() }),
        1 => Just(TicketCommand::Cancel { reason: text() }),
        2 => Just(TicketCommand::Reopen { reason: text() }),
        3 => Just(TicketCommand::Comment { text: text() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn all_clocks_of_a_ticket_equal_a_clerk_who_looks_at_the_wall_every_minute(
        contract in any::<bool>(),
        change in prop::sample::select(&CHANGES[..]),
        commands in prop::collection::vec((0..900i64, command()), 1..12),
    ) {
        let policy = policy();
        let mut now = at(change) + Millis::hours(7);
        let mut ticket = ticket(&policy);
        ticket.contract = policy.contract_of(&ticket.device, "pump", &ticket.asset).filter(|_| contract).map(str::to_owned);
        prop_assert_eq!(ticket.contract.is_some(), contract);
        ticket.start_clocks(None, &policy, now);
        let begun = [ClockKind::FirstResponse, ClockKind::OnSite, ClockKind::Diagnosis, ClockKind::Resolution];
        let mut clerk = Clerk {
            contract,
            class: ticket.grade.class,
            step: WorkStep::Reported,
            is_open: true,
            waits_for: None,
            counts: begun.map(|kind| (kind, Count::default())).into(),
            ledger: BTreeSet::new(),
        };
        for (wait, command) in commands {
            for _ in 0..wait {
                clerk.pass_minute(&policy, now);
                now = now + Millis(MINUTE);
                // The book wakes a ticket when its next deadline has come.
                if ticket.next_clock_deadline(&policy).is_some_and(|deadline| deadline <= now) {
                    let changes = ticket.tell_clocks(&policy, now);
                    prop_assert!(!changes.is_empty(), "a deadline tells something");
                    for change in changes {
                        ticket.apply(change, Actor::System, &policy, now);
                    }
                }
            }
            if ticket.command(command.clone(), Actor::System, &policy, now).is_ok() {
                clerk.follow(&command, now);
            }
            for (kind, count) in &clerk.counts {
                let Some(budget) = clerk.allowed(*kind) else {
                    prop_assert!(!ticket.clocks.contains_key(kind), "{kind:?} is none of {:?}", clerk.class);
                    continue;
                };
                let clock = ticket.clocks[kind];
                let used = Millis::minutes(count.used);
                prop_assert_eq!(clock.elapsed(&ticket.terms(&policy).calendar, now), used, "{:?} after {:?}", kind, command);
                let left = Millis::minutes(budget) - used;
                match ticket.clock_state(*kind, &policy, now).unwrap() {
                    ClockState::Met { at, in_time } => {
                        prop_assert_eq!((Some(at), in_time), (count.met, count.late_since.is_none()), "{:?}", kind);
                    }
                    ClockState::Breached { due_at } => {
                        prop_assert_eq!((Some(due_at), count.met), (count.late_since, None), "{:?} {:?}", kind, command);
                    }
                    ClockState::Running { remaining, .. } | ClockState::Paused { remaining } => {
                        prop_assert_eq!((remaining, count.late_since, count.met), (left, None, None), "{:?}", kind);
                    }
                }
            }
            let known = ticket.clocks.len();
            let expected = clerk.counts.keys().filter(|kind| clerk.allowed(**kind).is_some()).count();
            prop_assert_eq!(known, expected);
            let lines: BTreeSet<_> = ticket.breaches.iter().map(|line| (line.clock, line.due_at)).collect();
            prop_assert_eq!(lines.len(), ticket.breaches.len(), "a breach has one line");
            prop_assert_eq!(&lines, &clerk.ledger);
            for line in &ticket.breaches {
                let count = &clerk.counts[&line.clock];
                let is_present = clerk.allowed(line.clock).is_some() && count.late_since == Some(line.due_at);
                match line.end {
                    Some(BreachEnd::Met { at }) => prop_assert!(!is_present || count.met == Some(at)),
                    Some(BreachEnd::Reclassed { .. }) => prop_assert!(!is_present),
                    Some(BreachEnd::Cancelled { .. }) => prop_assert!(!ticket.state.is_open()),
                    None => prop_assert!(is_present && count.met.is_none()),
                }
            }
        }
    }
}

fn opened(text: &str) -> (Policy, TicketRecord, Timestamp) {
    let config: AlertingConfig = from_tree(tree_of(text).unwrap()).unwrap();
    let (policy, now) = (config.check().unwrap(), at("2026-11-23T08:00:00Z"));
    let mut ticket = ticket(&policy);
    ticket.start_clocks(None, &policy, now);
    (policy, ticket, now)
}

fn reclass(class: TicketClass) -> TicketCommand {
    TicketCommand::Reclass {
        class,
        priority: None,
        reason: "looked at by phone".into(),
    }
}

fn hold(cause: HoldCause) -> TicketCommand {
    let reason = "we wait".into();
    TicketCommand::Hold { cause, reason }
}

#[test]
fn the_plan_is_due_two_days_after_the_diagnosis_and_not_before() {
    let (policy, mut ticket, now) = opened("");
    let mut go = |to, hours| {
        let (now, note) = (now + Millis::hours(hours), String::new());
        ticket
            .command(TicketCommand::Step { to, note }, Actor::System, &policy, now)
            .unwrap();
        ticket.clock_state(ClockKind::Plan, &policy, now)
    };
    let due_at = now + Millis::hours(70 + 48);
    let remaining = Millis::hours(48);
    assert_eq!(
        go(WorkStep::Diagnosed, 70),
        Some(ClockState::Running { due_at, remaining })
    );
    let at = now + Millis::hours(100);
    assert_eq!(go(WorkStep::Planned, 100), Some(ClockState::Met { at, in_time: true }));
    let (_, mut straight, now) = opened("");
    let (to, note) = (WorkStep::InProgress, String::new());
    straight
        .command(TicketCommand::Step { to, note }, Actor::System, &policy, now)
        .unwrap();
    assert_eq!(
        straight.clock_state(ClockKind::Plan, &policy, now),
        None,
        "nobody needed a plan"
    );
}

#[test]
fn a_class_changed_there_and_back_forgets_neither_the_time_used_nor_the_pause() {
    let (policy, mut ticket, now) = opened("");
    let hour = |n| now + Millis::hours(n);
    let mut person = |command, at| ticket.command(command, Actor::System, &policy, at).map(|_| ()).unwrap();
    person(hold(HoldCause::Customer), hour(2));
    person(reclass(TicketClass::Ordinary), hour(5));
    person(TicketCommand::Resume, hour(10));
    person(reclass(TicketClass::Key), hour(11));
    // On site within 24 h: 2 h before the hold; an ordinary fault has no such clock.
    let on_site = ticket.clock_state(ClockKind::OnSite, &policy, hour(11));
    let (due_at, remaining) = (hour(11 + 22), Millis::hours(22));
    assert_eq!(on_site, Some(ClockState::Running { due_at, remaining }));
    // Resolution within 72 h: 2 h before the hold, 1 h after it.
    let resolution = ticket.clock_state(ClockKind::Resolution, &policy, hour(11));
    let (due_at, remaining) = (hour(11 + 69), Millis::hours(69));
    assert_eq!(resolution, Some(ClockState::Running { due_at, remaining }));
}

#[test]
fn a_hold_stops_the_clocks_only_for_the_causes_that_the_terms_name() {
    let (policy, mut ticket, now) = opened("clocks.pausing = [\"customer\"]");
    let later = now + Millis::hours(5);
    ticket
        .command(hold(HoldCause::Parts), Actor::System, &policy, now)
        .unwrap();
    assert_eq!(
        ticket.clocks[&ClockKind::OnSite].elapsed(&ticket.terms(&policy).calendar, later),
        Millis::hours(5)
    );
    assert_eq!(
        ticket.next_clock_deadline(&policy),
        Some(now + Millis::hours(18)),
        "and they warn"
    );
    ticket
        .command(TicketCommand::Resume, Actor::System, &policy, later)
        .unwrap();
    ticket
        .command(hold(HoldCause::Customer), Actor::System, &policy, later)
        .unwrap();
    assert_eq!(ticket.next_clock_deadline(&policy), None);
}

#[test]
fn the_ledger_says_who_had_the_ticket_and_how_late_it_was_met() {
    let (policy, mut ticket, now) = opened("");
    let hour = |n| now + Millis::hours(n);
    let to = Some("wang".to_owned());
    ticket
        .command(
            TicketCommand::Assign {
                to: to.clone(),
                dispatched: None,
            },
            Actor::System,
            &policy,
            now,
        )
        .unwrap();
    let (step, note) = (WorkStep::InProgress, String::new());
    // Nobody looked at the clocks in between: the breach is noted all the same.
    ticket
        .command(TicketCommand::Step { to: step, note }, Actor::System, &policy, hour(30))
        .unwrap();
    let lines: Vec<_> = ticket.breaches.iter().map(|l| (l.clock, l.due_at, l.end)).collect();
    let end = Some(BreachEnd::Met { at: hour(30) });
    assert_eq!(
        lines,
        [
            (ClockKind::FirstResponse, hour(1), end),
            (ClockKind::OnSite, hour(24), end)
        ]
    );
    assert!(
        ticket
            .breaches
            .iter()
            .all(|line| line.assignee == to && line.class == TicketClass::Key)
    );
    let levels = service_levels([&ticket], &policy, hour(30));
    let of = |kind| levels[&(TicketClass::Key, kind)];
    assert_eq!(
        (
            of(ClockKind::OnSite).late,
            of(ClockKind::Diagnosis).in_time,
            of(ClockKind::Resolution).running
        ),
        (1, 1, 1)
    );
    assert_eq!(of(ClockKind::OnSite).share_in_time(), Some(0.0));
    assert_eq!(of(ClockKind::Resolution).share_in_time(), None, "nothing was due");
}
