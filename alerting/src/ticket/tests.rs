//! Every sequence of commands up to a length, against a plain model that knows only a few words.

use super::*;
use crate::clock::ClockState;
use crate::risk::RiskMatrix;
use domain::{Impact, Millis, Probability, RiskLevel, Severity};

const HOUR: i64 = 3_600_000;

pub(super) fn ticket(policy: &Policy) -> TicketRecord {
    let class = TicketClass::Key;
    let (impact, rare) = (Impact::new(4).unwrap(), Probability::new(1).unwrap());
    let mut ticket = TicketRecord {
        id: TicketId(1),
        key: "s/d/m/1".into(),
        device: DeviceKey::new("s", "d").unwrap(),
        failure_mode: FailureModeId::new("m").unwrap(),
        episode: 1,
        last_episode: 1,
        alarm: None,
        merged: vec![],
        merged_count: 0,
        linked: BTreeSet::new(),
        grade: Grade {
            kind: TicketKind::OnSiteInspection,
            class,
            priority: Priority::P2,
            severity: Some(Severity::Warning),
            risk: RiskMatrix::default().level(rare, impact),
        },
        impact,
        state: TicketState::Open {
            step: WorkStep::Reported,
        },
        assignee: None,
        scheduled_for: None,
        due_at: None,
        clocks: BTreeMap::new(),
        resting: BTreeMap::new(),
        contract: None,
        breaches: vec![],
        judged: None,
        title: Text::default(),
        reason: Text::default(),
        action: Text::default(),
        safety_note: Text::default(),
        part: String::new(),
        parts: vec![],
        skills: vec![],
        asset: Asset::default(),
        model: ModelVersion::default(),

        profile: "pump".into(),
        chain: None,
        work: Work::default(),
        follow_ups: Vec::new(),
        absorbed: vec![],
        report: None,
        likely_cause: Text::default(),
        visit: None,
        opened_at: Timestamp(0),
        changed_at: Timestamp(0),
        revision: 0,
        history: vec![],
    };
    ticket.start_clocks(None, policy, Timestamp(0));
    ticket
}

fn commands() -> Vec<TicketCommand> {
    let text = || "because".to_owned();
    vec![
        TicketCommand::Step {
            to: WorkStep::Reported,
            note: String::new(),
        },
        TicketCommand::Step {
            to: WorkStep::Diagnosed,
            note: String::new(),
        },
        TicketCommand::Step {
            to: WorkStep::InProgress,
            note: String::new(),
        },
        TicketCommand::Step {
            to: WorkStep::AwaitingConfirmation,
            note: String::new(),
        },
        TicketCommand::Hold {
            cause: HoldCause::Parts,
            reason: text(),
        },
        TicketCommand::Resume,
        TicketCommand::Comment { text: text() },
        TicketCommand::Close {
            outcome: Outcome::NoFaultFound,
            note: String::new(),
        },
        TicketCommand::Cancel { reason: text() },
        TicketCommand::Reopen { reason: text() },
        TicketCommand::Archive,
        TicketCommand::Work {
            work: WorkCommand::UsePart {
                part: text(),
                quantity: 2,
            },
        },
    ]
}

/// What a service desk would say about a ticket.
#[derive(Clone)]
struct Model {
    /// How far the work is.
    step: WorkStep,
    /// `open`, `on_hold`, `closed`, `cancelled` or `archived`.
    word: &'static str,
    /// Hours counted by each clock, and whether it was met.
    clocks: BTreeMap<ClockKind, (i64, bool)>,
}

impl Model {
    fn new() -> Self {
        let kinds = [
            ClockKind::FirstResponse,
            ClockKind::OnSite,
            ClockKind::Diagnosis,
            ClockKind::Resolution,
        ];
        Model {
            step: WorkStep::Reported,
            word: "open",
            clocks: kinds.into_iter().map(|kind| (kind, (0, false))).collect(),
        }
    }

    fn hour_passes(&mut self) {
        let runs = self.word == "open";
        for (hours, is_met) in self.clocks.values_mut() {
            *hours += i64::from(runs && !*is_met);
        }
    }

    fn met(&mut self, kind: ClockKind, is_met: bool) {
        if let Some(clock) = self.clocks.get_mut(&kind) {
            clock.1 = is_met;
        }
    }

    fn at_step(&mut self, step: WorkStep) {
        self.step = step;
        if step != WorkStep::Reported {
            self.met(ClockKind::FirstResponse, true);
            self.met(ClockKind::Diagnosis, true);
        }
        if step == WorkStep::Diagnosed {
            self.clocks.entry(ClockKind::Plan).or_insert((0, false));
        } else {
            self.met(ClockKind::Plan, true);
        }
        if matches!(step, WorkStep::InProgress | WorkStep::AwaitingConfirmation) {
            self.met(ClockKind::OnSite, true);
        }
        self.met(ClockKind::Resolution, step == WorkStep::AwaitingConfirmation);
    }

    fn allows(&self, command: &TicketCommand) -> bool {
        match command {
            TicketCommand::Step { to, .. } => self.word == "open" && *to != WorkStep::Reported && *to != self.step,
            TicketCommand::Hold { .. } => self.word == "open",
            TicketCommand::Resume => self.word == "on_hold",
            TicketCommand::Comment { .. } | TicketCommand::Work { .. } => self.word != "archived",
            TicketCommand::Close { .. } | TicketCommand::Cancel { .. } => ["open", "on_hold"].contains(&self.word),
            TicketCommand::Reopen { .. } | TicketCommand::Archive => ["closed", "cancelled"].contains(&self.word),
            TicketCommand::Assign { .. } | TicketCommand::Schedule { .. } => ["open", "on_hold"].contains(&self.word),
            TicketCommand::Reclass { .. } => ["open", "on_hold"].contains(&self.word),
            // nobody has rated anything here
            TicketCommand::FollowUp { .. } => false,
        }
    }

    fn follow(&mut self, command: &TicketCommand) {
        match command {
            TicketCommand::Step { to, .. } => self.at_step(*to),
            TicketCommand::Hold { .. } => {
                self.word = "on_hold";
                self.met(ClockKind::FirstResponse, true);
            }
            TicketCommand::Resume => self.word = "open",
            TicketCommand::Close { .. } => {
                self.word = "closed";
                self.clocks.values_mut().for_each(|clock| clock.1 = true);
            }
            TicketCommand::Cancel { .. } => self.word = "cancelled",
            TicketCommand::Reopen { .. } => {
                self.word = "open";
                self.step = WorkStep::Reported;
                self.met(ClockKind::Resolution, false);
            }
            TicketCommand::Archive => self.word = "archived",
            TicketCommand::Comment { .. }
            | TicketCommand::Assign { .. }
            | TicketCommand::Schedule { .. }
            | TicketCommand::Work { .. }
            | TicketCommand::FollowUp { .. }
            | TicketCommand::Reclass { .. } => {}
        }
    }

    fn state(&self) -> &'static str {
        if self.word == "open" {
            self.step.as_str()
        } else {
            self.word
        }
    }
}

fn explore(before: &TicketRecord, model: &Model, policy: &Policy, hour: i64, left: usize) {
    if left == 0 {
        return;
    }
    let now = Timestamp(hour * HOUR);
    for command in commands() {
        let (mut ticket, mut model) = (before.clone(), model.clone());
        let found = ticket.command(command.clone(), Actor::System, policy, now);
        assert_eq!(found.is_ok(), model.allows(&command), "{:?} {command:?}", before.state);
        if found.is_err() {
            assert_eq!(ticket, *before, "a refused command changes nothing");
            continue;
        }
        model.follow(&command);
        assert_eq!(ticket.state.as_str(), model.state(), "{:?} {command:?}", before.state);
        let calendar = &policy.terms(None).calendar;
        assert_eq!(ticket.clocks.len(), model.clocks.len());
        for (kind, (hours, is_met)) in &model.clocks {
            let clock = &ticket.clocks[kind];
            assert_eq!(
                clock.elapsed(calendar, now),
                Millis::hours(*hours),
                "{kind:?} after {command:?}"
            );
            let shown = matches!(clock.state(calendar, now), ClockState::Met { .. });
            assert_eq!(shown, *is_met, "{kind:?} of {:?} after {command:?}", before.state);
        }
        assert_eq!(ticket.history.len(), before.history.len() + 1);
        model.hour_passes();
        explore(&ticket, &model, policy, hour + 1, left - 1);
    }
}

#[test]
fn equals_a_plain_model_on_every_sequence_of_five_commands() {
    let policy = Policy::default();
    let mut model = Model::new();
    model.hour_passes();
    explore(&ticket(&policy), &model, &policy, 1, 5);
}

#[test]
fn priorities_are_those_of_the_table() {
    let check = |impact: u8, severity, is_safety, expected| {
        assert_eq!(
            Priority::of(Impact::new(impact).unwrap(), severity, is_safety),
            expected
        );
    };
    check(5, Some(Severity::Critical), false, Priority::P1);
    check(4, Some(Severity::Warning), false, Priority::P2);
    check(3, Some(Severity::Critical), false, Priority::P2);
    check(3, Some(Severity::Warning), false, Priority::P3);
    check(1, Some(Severity::Warning), false, Priority::P4);
    check(2, None, false, Priority::P5);
    check(1, None, true, Priority::P1);
}

#[test]
fn the_first_breach_of_an_upgraded_ticket_counts_from_its_opening() {
    let policy = Policy::default();
    let mut ticket = ticket(&policy);
    let from = ticket.grade;
    let to = Grade {
        kind: TicketKind::Emergency,
        class: TicketClass::Emergency,
        priority: Priority::P1,
        severity: Some(Severity::Critical),
        risk: RiskLevel::VeryHigh,
    };
    // 20 of the 30 minutes of an emergency are gone, under the clock of a key problem.
    let now = Timestamp(HOUR / 3);
    ticket.apply(TicketChange::Upgraded { from, to }, Actor::System, &policy, now);
    let due = ticket.clocks[&ClockKind::FirstResponse].due_at(&policy.terms(None).calendar);
    assert_eq!(due, Some(Timestamp(HOUR / 2)));
}
