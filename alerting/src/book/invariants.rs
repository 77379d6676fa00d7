//! What must hold whatever happens, tried on random histories.

use super::tests::{MINUTE, closed, condition, pump};
use super::*;
use crate::clock::ClockKind;
use crate::effect::{AlarmCommand, SplitOff, StockCommand, WindowCommand};
use crate::on_call::overrides::{OverrideCommand, OverrideId, OverrideRecord};
use crate::policy::AlertingConfig;
use crate::record::{Asset, DeviceFacts};
use crate::scope::Scope;
use crate::stock::testing::{check_stock, command as stock_command, parts};
use crate::stock::{Level, Location, PartNumber, StockChange};
use crate::storm::IncidentId;
use crate::ticket::{
    Actor, Finding, HoldCause, Link, LinkKind, Outcome, Report, TicketChange, TicketClass, TicketCommand, WorkCommand,
    WorkStep,
};
use crate::window::{Purpose, Schedule, WindowId};
use domain::{AlarmId, ConditionState, Millis, ModelVersion, Severity};
use proptest::prelude::*;

const DAY: i64 = 24 * 60 * MINUTE;

#[derive(Debug, Clone)]
enum Act {
    Condition {
        device: usize,
        mode: usize,
        severity: Option<Severity>,
    },
    Maintenance {
        device: usize,
        occurrence: u32,
    },
    Alarm {
        pick: usize,
        what: u8,
    },
    Ticket {
        pick: u64,
        command: TicketCommand,
    },
    Window {
        device: Option<usize>,
        what: u8,
    },
    Override {
        is_end: bool,
    },
    Merge {
        pick: u64,
        into: u64,
    },
    Split {
        pick: u64,
        is_alarm: bool,
    },
    Report {
        device: usize,
        mode: Option<usize>,
    },
    Stock {
        command: StockCommand,
    },
    Tick,
}

const MODES: [&str; 5] = [
    "bearing_wear",
    "seal_leak",
    "cavitation",
    "no_data",
    "abnormal_behaviour",
];

fn act() -> impl Strategy<Value = Act> {
    let severity = prop_oneof![
        Just(None),
        Just(None),
        Just(Some(Severity::Advisory)),
        Just(Some(Severity::Warning)),
        Just(Some(Severity::Critical))
    ];
    let step = prop_oneof![
        Just(WorkStep::Reported),
        Just(WorkStep::Diagnosed),
        Just(WorkStep::InProgress),
        Just(WorkStep::Testing),
        Just(WorkStep::AwaitingConfirmation)
    ];
    let text = || "because".to_owned();
    let command = prop_oneof![
        step.prop_map(|to| TicketCommand::Step {
            to,
            note: String::new()
        }),
        Just(TicketCommand::Hold {
            cause: HoldCause::Customer,
            reason: text()
        }),
        Just(TicketCommand::Reclass {
            class: TicketClass::Ordinary,
            priority: None,
            reason: text()
        }),
        Just(TicketCommand::Reclass {
            class: TicketClass::Emergency,
            priority: None,
            reason: text()
        }),
        Just(TicketCommand::Resume),
        Just(TicketCommand::Assign {
            to: Some(text()),
            dispatched: None
        }),
        Just(TicketCommand::Assign {
            to: None,
            dispatched: None
        }),
        Just(TicketCommand::Work {
            work: WorkCommand::UsePart {
                part: "grease".into(),
                quantity: 2
            }
        }),
        (1..4u32).prop_map(|entry| TicketCommand::Work {
            work: WorkCommand::Remove { entry }
        }),
        Just(TicketCommand::Close {
            outcome: Outcome::FaultConfirmed(Finding {
                parts: vec!["BEARING 6205-2RS".into(), "Grease".into(), "rag".into()],
                ..Finding::default()
            }),
            note: String::new(),
        }),
        Just(TicketCommand::Schedule { at: Timestamp(7) }),
        Just(TicketCommand::Comment { text: text() }),
        Just(closed()),
        Just(closed()),
        Just(TicketCommand::Cancel { reason: text() }),
        Just(TicketCommand::Reopen { reason: text() }),
        Just(TicketCommand::Archive),
        (1..8u64, any::<bool>()).prop_map(|(to, is_parent)| {
            let kind = if is_parent { LinkKind::Parent } else { LinkKind::Relates };
            let work = WorkCommand::Link { to: TicketId(to), kind };
            TicketCommand::Work { work }
        }),
        (1..=5u8).prop_map(move |rating| TicketCommand::Work {
            work: WorkCommand::CallBack {
                rating: Some(rating),
                text: text()
            }
        }),
        any::<bool>().prop_map(move |is_settled| TicketCommand::FollowUp {
            agreed: text(),
            is_settled
        }),
    ];
    prop_oneof![
        6 => (0..2usize, 0..MODES.len(), severity).prop_map(|(device, mode, severity)| Act::Condition { device, mode, severity }),
        1 => (0..2usize, 1..5u32).prop_map(|(device, occurrence)| Act::Maintenance { device, occurrence }),
        4 => (any::<usize>(), 0..6u8).prop_map(|(pick, what)| Act::Alarm { pick, what }),
        2 => (prop::option::of(0..2usize), 0..5u8).prop_map(|(device, what)| Act::Window { device, what }),
        1 => any::<bool>().prop_map(|is_end| Act::Override { is_end }),
        2 => (1..8u64, 1..8u64).prop_map(|(pick, into)| Act::Merge { pick, into }),
        2 => (1..8u64, any::<bool>()).prop_map(|(pick, is_alarm)| Act::Split { pick, is_alarm }),
        1 => (0..2usize, prop::option::of(0..MODES.len())).prop_map(|(device, mode)| Act::Report { device, mode }),
        5 => (1..8u64, command).prop_map(|(pick, command)| Act::Ticket { pick, command }),
        2 => stock_command().prop_map(|command| Act::Stock { command }),
        3 => Just(Act::Tick),
    ]
}

fn input_of(act: &Act, book: &Book, devices: &[DeviceFacts], now: i64) -> Input {
    let actor = Actor::Person { name: "li".into() };
    match act {
        Act::Condition { device, mode, severity } => {
            let state = match severity {
                None => ConditionState::Clear,
                Some(severity) => ConditionState::Active { severity: *severity },
            };
            condition(&devices[*device], MODES[*mode], state, now)
        }
        Act::Maintenance { device, occurrence } => Input::MaintenanceDue {
            device: devices[*device].clone(),
            plan: FailureModeId::new("lubrication").unwrap(),
            occurrence: *occurrence,
            at_value: 1951.0,
            measured_at: Timestamp(now),
        },
        Act::Alarm { pick, what } => {
            let live: Vec<_> = book.alarms().map(|a| a.id.clone()).collect();
            let alarm = match live.len() {
                0 => AlarmId("a/b/c/1".into()),
                n => live[pick % n].clone(),
            };
            let (reason, until) = ("known".to_owned(), Timestamp(now + 300 * MINUTE));
            let command = match what {
                0 => AlarmCommand::Acknowledge { note: String::new() },
                1 => AlarmCommand::Shelve { reason, until },
                2 => AlarmCommand::Unshelve,
                3 => AlarmCommand::TakeOutOfService { reason },
                4 => AlarmCommand::ReturnToService,
                _ => AlarmCommand::Reset,
            };
            let command = Command::Alarm { alarm, command };
            Input::Command { actor, command }
        }
        Act::Ticket { pick, command } => {
            let (ticket, command) = (TicketId(*pick), command.clone());
            let command = Command::Ticket { ticket, command };
            Input::Command { actor, command }
        }
        Act::Window { device, what } => {
            let covers = match device {
                Some(device) => Scope::one(&devices[*device].key),
                None => Scope {
                    profiles: vec!["pump".into()],
                    ..Scope::default()
                },
            };
            let reason = "overhaul".to_owned();
            let plan = |purpose, schedule| WindowCommand::Plan {
                purpose,
                covers,
                schedule,
                reason: reason.clone(),
            };
            let once = Schedule::Once {
                from: Timestamp(now + 50 * MINUTE),
                until: Timestamp(now + 400 * MINUTE),
            };
            let weekly = Schedule::Weekly {
                days: vec![crate::policy::Day::Monday, crate::policy::Day::Thursday],
                from: "22:00".into(),
                minutes: 600,
                time_zone: "Europe/Berlin".into(),
            };
            let command = match what {
                0 => plan(Purpose::Maintenance, once),
                1 => plan(Purpose::Maintenance, weekly),
                2 => plan(Purpose::Commissioning, Schedule::UntilEnded),
                _ => WindowCommand::End {
                    window: book.windows().next().map_or(WindowId(7), |w| w.id),
                    reason: reason.clone(),
                },
            };
            let command = Command::Window { command };
            Input::Command { actor, command }
        }
        Act::Override { is_end } => {
            let command = match is_end {
                false => OverrideCommand::Make {
                    rotation: "service".into(),
                    person: format!("stand-in of {now}"),
                    from: Some(Timestamp(now + 20 * MINUTE)),
                    until: Timestamp(now + 300 * MINUTE),
                    reason: "swap".into(),
                },
                true => OverrideCommand::End {
                    id: book.overrides().next().map_or(OverrideId(7), |o| o.id),
                },
            };
            let command = Command::Override { command };
            Input::Command { actor, command }
        }
        Act::Merge { pick, into } => {
            let (ticket, into) = (TicketId(*pick), TicketId(*into));
            let command = Command::Merge { ticket, into };
            Input::Command { actor, command }
        }
        Act::Split { pick, is_alarm } => {
            let ticket = TicketId(*pick);
            let known = book.ticket(ticket);
            let alarm = known.and_then(|t| t.merged.last().cloned());
            let part = known.and_then(|t| t.absorbed.first()).map(|a| a.ticket);
            let off = match (is_alarm, alarm) {
                (true, Some(alarm)) => SplitOff::Alarm { alarm },
                (true, None) | (false, _) => SplitOff::Ticket {
                    ticket: part.unwrap_or(ticket),
                },
            };
            let command = Command::Split { ticket, off };
            Input::Command { actor, command }
        }
        Act::Report { device, mode } => Input::Reported {
            actor,
            device: devices[*device].clone(),
            report: Report {
                failure_mode: mode.map(|mode| FailureModeId::new(MODES[mode]).unwrap()),
                title: "it hums".into(),
                ..Report::default()
            },
        },
        Act::Stock { command } => {
            let command = Command::Stock {
                command: command.clone(),
            };
            Input::Command { actor, command }
        }
        Act::Tick => Input::Tick,
    }
}

/// Everything that hides alarms, wakes people again or finds bad habits, in one site. One machine hangs on the other, by the
/// tree of the registry or by a rule.
fn policy(by_tree: bool) -> Policy {
    let tree = r#"
        [alarms.topology]
        hides = ["no_data", "cavitation"]
    "#;
    let rule = r#"
        [[alarms.parents]]
        parent = { site = "harbour", device = "pump-1" }
        children = { devices = ["pump-2"] }
        hides = ["no_data", "cavitation"]
    "#;
    let text = r#"
        [alarms]
        re_alarm_min = 240
        stale_after_min = 3000
        chattering_within_s = 300
        [storms]
        common_cause_machines = 2
        common_cause_within_s = 6000
        one_ticket_modes = ["no_data", "cavitation"]
        notices = 3
        notices_kept = 1
        flood_above = 4
        flood_below = 2
        flood_within_min = 300
        [[alarms.first_up]]
        modes = ["bearing_wear", "abnormal*"]
        within_min = 500
        [[on_call]]
        name = "service"
        people = ["zhao", "sun"]
        begins = "2026-01-01"
        [[escalation]]
        name = "service"
        rounds = 2
        levels = [
            { tell = ["on_call:service", "owner"], answer_within_min = 40 },
            { tell = ["group:supervisors"], answer_within_min = 40 },
        ]
        [[contracts]]
        name = "second"
        covers.devices = ["pump-2"]
        clocks.key.hours = "working"
    "#;
    let text = format!("{text}{}", if by_tree { tree } else { rule });
    let config: AlertingConfig = domain::checked::from_tree(domain::checked::tree_of(&text).unwrap()).unwrap();
    let mut policy = config.check().unwrap();
    let device = "[[device]]\nsite=\"harbour\"\ndevice=\"pump-2\"\nprofile=\"pump\"\nparent=\"pump-1\"\n";
    policy.parts = parts();
    match by_tree {
        true => policy.with_topology(domain::Topology::of(
            &domain::registry::Registry::parse(device).unwrap(),
        )),
        false => policy,
    }
}

/// The rows that a store would have after the effects.
#[derive(Default)]
struct Rows {
    alarms: BTreeMap<AlarmId, String>,
    tickets: BTreeMap<TicketId, String>,
    windows: BTreeMap<WindowId, String>,
    overrides: BTreeMap<OverrideId, String>,
    episodes: BTreeMap<AlarmId, String>,
    incidents: BTreeMap<IncidentId, String>,
    notices: BTreeMap<SiteName, String>,
    levels: BTreeMap<(PartNumber, Location), Level>,
    ticket_parts: BTreeMap<TicketId, String>,
    watch: String,
}

impl Rows {
    fn store(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::AlarmChanged { record, .. } => {
                    self.alarms
                        .insert(record.id.clone(), serde_json::to_string(record).unwrap());
                }
                Effect::TicketChanged { record, .. } => {
                    self.tickets.insert(record.id, serde_json::to_string(record).unwrap());
                }
                Effect::StockChanged { change } => match change {
                    StockChange::Level(level) => {
                        let place = (level.part.clone(), level.location.clone());
                        self.levels.insert(place, level.clone());
                    }
                    StockChange::Watch(watch) => self.watch = serde_json::to_string(watch).unwrap(),
                    StockChange::Ticket(own) => {
                        self.ticket_parts
                            .insert(own.ticket, serde_json::to_string(own).unwrap());
                    }
                },
                Effect::WindowChanged { record } => {
                    self.windows.insert(record.id, serde_json::to_string(record).unwrap());
                }
                Effect::OverrideChanged { record } => {
                    self.overrides.insert(record.id, serde_json::to_string(record).unwrap());
                }
                Effect::EpisodeClosed { episode } => {
                    self.episodes
                        .insert(episode.alarm.clone(), serde_json::to_string(episode).unwrap());
                }
                Effect::IncidentChanged { record } => {
                    self.incidents.insert(record.id, serde_json::to_string(record).unwrap());
                }
                Effect::NoticesChanged { record } => {
                    let row = serde_json::to_string(record).unwrap();
                    self.notices.insert(record.site.clone(), row);
                }
                Effect::KnowledgeChanged { .. } | Effect::Audit(_) | Effect::Publish(_) => {}
            }
        }
    }

    /// In an order of the store's own: an earlier episode may come after a later one.
    fn read(&self) -> Snapshot {
        Snapshot {
            alarms: self
                .alarms
                .values()
                .rev()
                .map(|row| serde_json::from_str(row).unwrap())
                .collect(),
            tickets: self
                .tickets
                .values()
                .map(|row| serde_json::from_str(row).unwrap())
                .collect(),
            windows: self
                .windows
                .values()
                .map(|row| serde_json::from_str(row).unwrap())
                .collect(),
            // the store knows those that stand, and the highest number
            overrides: self
                .overrides
                .values()
                .map(|row| serde_json::from_str(row).unwrap())
                .filter(|record: &OverrideRecord| record.over_at.is_none())
                .collect(),
            last_override: self.overrides.len() as u64,
            episodes: self
                .episodes
                .values()
                .map(|row| serde_json::from_str(row).unwrap())
                .collect(),
            incidents: self
                .incidents
                .values()
                .map(|row| serde_json::from_str(row).unwrap())
                .collect(),
            notices: self
                .notices
                .values()
                .map(|row| serde_json::from_str(row).unwrap())
                .collect(),
            stock: self.levels.values().cloned().collect(),
            ticket_parts: self.parts_of_live_tickets(),
            stock_watch: serde_json::from_str(&self.watch).unwrap_or_default(),
            ..Snapshot::default()
        }
    }
}

impl Rows {
    fn parts_of_live_tickets(&self) -> Vec<crate::stock::TicketParts> {
        let is_live = |id: &TicketId| {
            let row = self.tickets.get(id).expect("a ticket before its parts");
            serde_json::from_str::<TicketRecord>(row).unwrap().is_live()
        };
        let live = self.ticket_parts.iter().filter(|(id, _)| is_live(id));
        live.map(|(_, row)| serde_json::from_str(row).unwrap()).collect()
    }
}

/// What decides what happens next.
fn essence(book: &Book) -> (Snapshot, Option<Timestamp>) {
    let decisive = Snapshot {
        last: Vec::new(),
        last_window: 0,
        ..book.snapshot()
    };
    (decisive, book.next_deadline())
}

fn check_invariants(book: &Book, effects: &[Effect], keys: &mut BTreeSet<String>, opened: &mut BTreeSet<String>) {
    let mut open = BTreeSet::new();
    for ticket in book.tickets().filter(|t| t.state.is_open()) {
        open.extend(
            ticket
                .serves()
                .into_iter()
                .map(|(device, mode)| (device, mode, ticket.id)),
        );
        let mode = (&ticket.device, &ticket.failure_mode, ticket.episode);
        let is_same = |t: &&TicketRecord| mode == (&t.device, &t.failure_mode, t.episode);
        assert_eq!(book.tickets().filter(is_same).count(), 1, "{}", ticket.key);
    }
    let listed = book.open.iter().flat_map(|(device, by_mode)| {
        let by_ticket = by_mode
            .iter()
            .flat_map(|(mode, all)| all.iter().map(move |id| (mode, *id)));
        by_ticket.map(|(mode, id)| (device.clone(), mode.clone(), id))
    });
    assert_eq!(listed.collect::<BTreeSet<_>>(), open);
    for ticket in book.tickets() {
        if let Some(into) = ticket.merged_into().and_then(|into| book.ticket(into)) {
            assert!(
                into.absorbed.iter().any(|a| a.ticket == ticket.id),
                "{} is in no ticket",
                ticket.id
            );
        }
        for link in &ticket.work.links {
            let mirrored = Link {
                to: ticket.id,
                kind: link.kind.mirrored(),
            };
            let is_told = |other: &TicketRecord| other.work.links.contains(&mirrored);
            assert!(
                book.ticket(link.to).is_none_or(is_told),
                "{} and {}",
                ticket.id,
                link.to
            );
        }
    }
    for alarm in book.alarms() {
        let serving = alarm.ticket.and_then(|id| book.ticket(id));
        assert!(
            serving.is_none_or(|t| t.merged_into().is_none()),
            "{} hangs on a merged ticket",
            alarm.id
        );
    }
    assert!(book.episodes.values().all(|group| group.len() <= MOST_EPISODES));
    for incident in book.incidents() {
        let standing = book
            .alarms()
            .filter(|a| storms::membership(a) == Some(incident.id))
            .count();
        assert_eq!(incident.standing as usize, standing, "{}", incident.id);
        assert!(incident.is_open() && incident.standing > 0 && incident.standing <= incident.members);
    }
    for effect in effects {
        match effect {
            Effect::Publish(message) => {
                let key = &message.key;
                assert!(keys.insert(key.clone()), "{key} was published before");
            }
            Effect::TicketChanged {
                record,
                change: TicketChange::Opened { .. },
            } => {
                assert!(opened.insert(record.key.clone()), "{} was opened before", record.key);
            }
            Effect::TicketChanged { .. }
            | Effect::AlarmChanged { .. }
            | Effect::WindowChanged { .. }
            | Effect::OverrideChanged { .. }
            | Effect::EpisodeClosed { .. }
            | Effect::StockChanged { .. }
            | Effect::IncidentChanged { .. }
            | Effect::NoticesChanged { .. }
            | Effect::KnowledgeChanged { .. }
            | Effect::Audit(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn invariants_hold_and_a_restored_book_goes_on_as_the_old_one(
        acts in prop::collection::vec((prop_oneof![Just(1i64), 1..90i64, Just(400), Just(3000)], act()), 1..60),
        restart in 0..60usize,
        by_tree in any::<bool>(),
    ) {
        let policy = Arc::new(policy(by_tree));
        let device = |name| DeviceFacts {
            key: DeviceKey::new("harbour", name).unwrap(),
            profile: pump(),
            model: ModelVersion::default(),
            asset: Asset::default(),
        };
        let devices = [device("pump-1"), device("pump-2")];
        let mut book = Book::new(policy.clone());
        let mut twins: Vec<Book> = vec![];
        let (mut rows, mut keys, mut opened) = (Rows::default(), BTreeSet::new(), BTreeSet::new());
        let mut elapsed: BTreeMap<(TicketId, ClockKind), Millis> = BTreeMap::new();
        let mut conditions = vec![];
        let mut now = 1_000 * DAY;
        for (i, (wait, act)) in acts.iter().enumerate() {
            if i == restart {
                // Once from a stored snapshot, once from the rows that the effects left behind.
                let text = serde_json::to_string(&book.snapshot()).unwrap();
                twins = vec![
                    Book::restore(policy.clone(), serde_json::from_str(&text).unwrap()),
                    Book::restore(policy.clone(), rows.read()),
                ];
                for twin in &twins {
                    prop_assert_eq!(essence(twin), essence(&book));
                }
            }
            now += wait * MINUTE;
            // A tick before the deadline does nothing.
            if book.next_deadline().is_none_or(|at| at.0 > now) {
                prop_assert_eq!(book.clone().step(Input::Tick, Timestamp(now)), Ok(vec![]));
            }
            let input = input_of(act, &book, &devices, now);
            if let Input::Condition { change, .. } = &input
                && change.failure_mode.as_str() != "no_data"
            {
                conditions.push(input.clone());
            }
            let before = book.snapshot();
            let found = book.step(input.clone(), Timestamp(now));
            for twin in &mut twins {
                prop_assert_eq!(&twin.step(input.clone(), Timestamp(now)), &found);
            }
            let effects = found.unwrap_or_default();
            // that a count is right is noted too
            let is_noted = matches!(act, Act::Stock { .. }) && !effects.is_empty();
            prop_assert_eq!(effects.is_empty(), book.snapshot() == before && !is_noted, "an effect for each change, a change for each effect");
            rows.store(&effects);
            check_invariants(&book, &effects, &mut keys, &mut opened);
            check_stock(&book);
            if matches!(act, Act::Tick) {
                prop_assert!(book.next_deadline().is_none_or(|at| at.0 > now), "a tick leaves nothing due");
            }
            for ticket in book.tickets() {
                for (kind, clock) in &ticket.clocks {
                    let new = clock.elapsed(&ticket.terms(&policy).calendar, Timestamp(now));
                    let old = elapsed.insert((ticket.id, *kind), new);
                    prop_assert!(old.is_none_or(|old| old <= new), "a clock ran backwards");
                }
            }
        }
        for old in conditions {
            prop_assert_eq!(book.step(old, Timestamp(now)), Ok(vec![]), "a replay changes nothing");
        }
    }
}
