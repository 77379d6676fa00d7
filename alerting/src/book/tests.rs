//! The book as operators and technicians meet it.

use super::*;
use crate::clock::ClockKind;
use crate::effect::{AlarmCommand, HeldBack, Outgoing, TicketDecision};
use crate::policy::AlertingConfig;
use crate::record::{Asset, DeviceFacts};
use crate::ticket::{
    Actor, Finding, Grade, HoldCause, Outcome, Priority, TicketClass, TicketCommand, TicketKind, TicketRefusal,
    WorkStep,
};
use domain::profile::shipped;
use domain::{
    AlarmId, ConditionChange, ConditionState, DeviceIndex, Evidence, EvidenceReason, Health, MetricName, Millis,
    ModeIndex, ModelVersion, Profile, Prognosis, RuleId, Severity,
};

pub(super) const MINUTE: i64 = 60_000;

fn profile(name: &str) -> Profile {
    shipped::all().into_iter().find(|p| p.id == name).expect("shipped")
}

/// A pump whose seal leak endangers people and whose cavitation latches.
pub(crate) fn pump() -> Arc<Profile> {
    let mut pump = profile("pump");
    for mode in &mut pump.modes {
        match mode.id.as_str() {
            "seal_leak" => mode.is_safety = true,
            "cavitation" => mode.policy.is_latched = true,
            _ => {}
        }
    }
    Arc::new(pump)
}

struct World {
    book: Book,
    now: i64,
    device: DeviceFacts,
}

impl World {
    fn new(profile: Arc<Profile>) -> Self {
        World {
            book: Book::new(Arc::new(Policy::default())),
            now: 1_000_000 * MINUTE,
            device: DeviceFacts {
                key: DeviceKey::new("harbour", "pump-1").unwrap(),
                model: ModelVersion::of_file(&profile.id, profile.version),
                profile,
                asset: Asset::default(),
            },
        }
    }

    /// Where only tickets matter: an alarm may stand for ever.
    fn patient(profile: Arc<Profile>) -> Self {
        let mut config = AlertingConfig::default();
        config.alarms.stale_after_min = 0;
        let mut world = World::new(profile);
        world.book = Book::new(Arc::new(config.check().unwrap()));
        world
    }

    fn wait(&mut self, minutes: i64) -> &mut Self {
        self.now += minutes * MINUTE;
        self
    }

    fn step(&mut self, input: Input) -> Result<Vec<Effect>, Refusal> {
        self.book.step(input, Timestamp(self.now))
    }

    fn condition(&mut self, mode: &str, state: ConditionState) -> Vec<Effect> {
        let input = condition(&self.device, mode, state, self.now);
        self.step(input).expect("conditions are never refused")
    }

    fn raise(&mut self, mode: &str, severity: Severity) -> Vec<Effect> {
        self.condition(mode, ConditionState::Active { severity })
    }

    fn clear(&mut self, mode: &str) -> Vec<Effect> {
        self.condition(mode, ConditionState::Clear)
    }

    fn person(&mut self, command: Command) -> Result<Vec<Effect>, Refusal> {
        let actor = Actor::Person { name: "li".into() };
        self.step(Input::Command { actor, command })
    }

    fn ticket(&mut self, ticket: u64, command: TicketCommand) -> Result<Vec<Effect>, Refusal> {
        let ticket = TicketId(ticket);
        self.person(Command::Ticket { ticket, command })
    }

    fn tick(&mut self) -> Vec<Effect> {
        self.step(Input::Tick).expect("a tick is never refused")
    }

    fn alarm_id(&self, mode: &str, episode: u32) -> AlarmId {
        AlarmId::new(&self.device.key, &FailureModeId::new(mode).unwrap(), episode)
    }

    fn record(&self, ticket: u64) -> &TicketRecord {
        self.book.ticket(TicketId(ticket)).expect("in the book")
    }

    fn maintenance(&mut self, occurrence: u32, at_value: f64) -> Vec<Effect> {
        let input = Input::MaintenanceDue {
            device: self.device.clone(),
            plan: FailureModeId::new("lubrication").unwrap(),
            occurrence,
            at_value,
            measured_at: Timestamp(self.now),
        };
        self.step(input).expect("never refused")
    }
}

pub(super) fn condition(device: &DeviceFacts, mode: &str, state: ConditionState, at: i64) -> Input {
    let evidence = Evidence {
        rule: RuleId::new("vibration_zone").unwrap(),
        metric: Some(MetricName::new("vibration_rms_mm_s").unwrap()),
        value: Some(4.91),
        reason: EvidenceReason::AboveLimit {
            limit: 4.5,
            source: "ISO 10816-3:2009 group 2 rigid".into(),
        },
    };
    Input::Condition {
        change: ConditionChange {
            device: DeviceIndex(0),
            mode: device.profile.mode_index(mode).unwrap_or(ModeIndex(63)),
            failure_mode: FailureModeId::new(mode).unwrap(),
            state,
            measured_at: Timestamp(at),
            evidence: match state {
                ConditionState::Clear => vec![],
                ConditionState::Active { .. } => vec![evidence],
            },
            health: Health::new(40.0),
            prognosis: Prognosis::NotYetKnown,
            model: device.model.clone(),
        },
        device: device.clone(),
    }
}

/// Each effect in a word or two.
fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::AlarmChanged { reason, ticket, .. } => Some(format!("alarm {} / {}", reason.as_str(), ticket.as_str())),
        Effect::TicketChanged { change, record } => Some(format!("ticket {} {}", record.id.0, change.as_str())),
        Effect::WindowChanged { .. }
        | Effect::OverrideChanged { .. }
        | Effect::KnowledgeChanged { .. }
        | Effect::EpisodeClosed { .. }
        | Effect::StockChanged { .. }
        | Effect::IncidentChanged { .. }
        | Effect::NoticesChanged { .. }
        | Effect::Audit(_) => None,
        Effect::Publish(message) => match &message.content {
            Outgoing::Alarm(m) if message.notice.is_some() => Some(format!("announce {}", m.state)),
            Outgoing::Alarm(m) => Some(format!("publish {}", m.state)),
            Outgoing::Service(m) => Some(format!("service {}", m.service)),
            Outgoing::Ticket(_) | Outgoing::Incident(_) | Outgoing::Summary(_) | Outgoing::Parts(_) => None,
        },
    };
    effects.iter().filter_map(word).collect()
}

pub(super) fn closed() -> TicketCommand {
    TicketCommand::Close {
        outcome: Outcome::NoFaultFound,
        note: String::new(),
    }
}

#[test]
fn a_warning_opens_one_ticket_whose_reason_has_value_and_limit() {
    let mut world = World::new(pump());
    let effects = world.raise("bearing_wear", Severity::Warning);
    assert_eq!(
        words(&effects),
        [
            "alarm raised / opened",
            "announce unacknowledged",
            "ticket 1 opened",
            "service on_site_inspection"
        ]
    );
    let ticket = world.record(1);
    assert_eq!(ticket.key, "harbour/pump-1/bearing_wear/1");
    assert_eq!(
        ticket.reason.en,
        "vibration_rms_mm_s 4.91 is above 4.5 (ISO 10816-3:2009 group 2 rigid)"
    );
    assert_eq!(ticket.title.zh, "轴承磨损：pump-1");
    assert_eq!(ticket.grade.priority, Priority::P2);
    assert_eq!(ticket.parts, ["bearing 6205-2RS", "grease"]);
    assert_eq!(ticket.due_at, Some(Timestamp(world.now + 72 * 60 * MINUTE)));
    let audit: Vec<_> = effects.iter().filter(|e| matches!(e, Effect::Audit(_))).collect();
    assert_eq!(audit.len(), 2, "each change has its line in the audit trail");
}

#[test]
fn the_same_condition_again_changes_nothing() {
    let mut world = World::new(pump());
    world.raise("bearing_wear", Severity::Warning);
    assert_eq!(world.raise("bearing_wear", Severity::Warning), []);
    assert_eq!(world.wait(1).clear("seal_leak"), []);
}

#[test]
fn a_replay_of_old_changes_neither_clears_nor_raises() {
    let mut world = World::new(pump());
    let start = world.now;
    world.raise("bearing_wear", Severity::Warning);
    world.wait(1).clear("bearing_wear");
    world.wait(1).raise("bearing_wear", Severity::Critical);
    for (at, state) in [
        (
            start,
            ConditionState::Active {
                severity: Severity::Warning,
            },
        ),
        (start + MINUTE, ConditionState::Clear),
        (
            start + 2 * MINUTE,
            ConditionState::Active {
                severity: Severity::Critical,
            },
        ),
    ] {
        let input = condition(&world.device, "bearing_wear", state, at);
        assert_eq!(world.step(input), Ok(vec![]));
    }
}

#[test]
fn a_silent_device_comes_back_though_its_clock_is_behind() {
    let mut world = World::new(pump());
    world.raise("no_data", Severity::Warning);
    let input = condition(&world.device, "no_data", ConditionState::Clear, world.now - 5 * MINUTE);
    assert_eq!(
        words(&world.step(input).unwrap()),
        [
            "alarm returned_unseen / not_assessed",
            "publish returned_unacknowledged",
            "alarm found_fleeting / not_assessed"
        ]
    );
}

#[test]
fn silence_never_opens_a_ticket() {
    let mut world = World::new(pump());
    let effects = world.raise("no_data", Severity::Critical);
    assert_eq!(
        words(&effects),
        ["alarm raised / never_by_itself", "announce unacknowledged"]
    );
}

#[test]
fn a_mild_condition_of_small_risk_waits_until_it_gets_worse() {
    let mut world = World::new(Arc::new(profile("generic")));
    let effects = world.raise("abnormal_behaviour", Severity::Advisory);
    assert_eq!(
        words(&effects),
        ["alarm raised / below_threshold", "announce unacknowledged"]
    );
    let effects = world.wait(1).raise("abnormal_behaviour", Severity::Warning);
    assert_eq!(
        words(&effects),
        [
            "alarm escalated / opened",
            "announce unacknowledged",
            "ticket 1 opened",
            "service maintenance_reminder"
        ]
    );
}

#[test]
fn danger_to_people_is_an_emergency_with_half_an_hour_to_answer() {
    let mut world = World::new(pump());
    world.raise("seal_leak", Severity::Warning);
    let ticket = world.record(1);
    assert_eq!(
        (ticket.grade.kind, ticket.grade.priority),
        (TicketKind::Emergency, Priority::P1)
    );
    assert!(!ticket.safety_note.en.is_empty() && !ticket.safety_note.zh.is_empty());
    let due = |kind| ticket.clocks[&kind].due_at(&world.book.policy().terms(None).calendar);
    assert_eq!(due(ClockKind::FirstResponse), Some(Timestamp(world.now + 30 * MINUTE)));
    assert_eq!(due(ClockKind::OnSite), Some(Timestamp(world.now + 120 * MINUTE)));
}

#[test]
fn the_same_fault_again_is_merged_and_another_fault_is_linked() {
    let mut world = World::new(pump());
    world.raise("bearing_wear", Severity::Warning);
    world.wait(1).clear("bearing_wear");
    let alarm = world.alarm_id("bearing_wear", 1);
    world
        .person(Command::Alarm {
            alarm,
            command: AlarmCommand::Acknowledge { note: String::new() },
        })
        .unwrap();
    let effects = world.wait(1).raise("bearing_wear", Severity::Warning);
    assert_eq!(
        words(&effects),
        ["alarm raised / merged", "announce unacknowledged", "ticket 1 merged"]
    );
    let effects = world.raise("cavitation", Severity::Critical);
    assert!(
        words(&effects).contains(&"ticket 1 linked".to_owned()),
        "{:?}",
        words(&effects)
    );
    assert_eq!(world.record(1).merged, [world.alarm_id("bearing_wear", 2)]);
    assert_eq!(world.record(1).linked, BTreeSet::from([TicketId(2)]));
    assert_eq!(world.record(2).linked, BTreeSet::from([TicketId(1)]));
}

#[test]
fn a_worse_condition_upgrades_the_ticket_and_keeps_the_time_used() {
    let mut world = World::new(Arc::new(profile("generic")));
    world.raise("abnormal_behaviour", Severity::Warning);
    let effects = world.wait(40).raise("abnormal_behaviour", Severity::Critical);
    assert_eq!(
        words(&effects),
        [
            "alarm escalated / upgraded",
            "announce unacknowledged",
            "ticket 1 upgraded",
            "service on_site_inspection"
        ]
    );
    let (ticket, policy) = (world.record(1), world.book.policy());
    let elapsed = ticket.clocks[&ClockKind::FirstResponse].elapsed(&policy.terms(None).calendar, Timestamp(world.now));
    assert_eq!(elapsed, Millis::minutes(40));
}

#[test]
fn a_shelved_alarm_is_silent_opens_no_ticket_and_is_announced_when_the_time_is_over() {
    let mut world = World::new(pump());
    world.raise("bearing_wear", Severity::Advisory);
    let alarm = world.alarm_id("bearing_wear", 1);
    let shelve = Command::Alarm {
        alarm: alarm.clone(),
        command: AlarmCommand::Shelve {
            reason: "sensor cable is being changed".into(),
            until: Timestamp(world.now + 60 * MINUTE),
        },
    };
    assert_eq!(
        words(&world.person(shelve).unwrap()),
        ["alarm shelved / not_assessed", "publish unacknowledged"]
    );
    let effects = world.wait(1).raise("bearing_wear", Severity::Warning);
    assert_eq!(words(&effects), ["alarm escalated / shelved"]);
    assert_eq!(world.book.next_deadline(), Some(Timestamp(world.now + 59 * MINUTE)));
    let effects = world.wait(59).tick();
    assert_eq!(
        words(&effects),
        [
            "alarm shelving_expired / opened",
            "announce unacknowledged",
            "ticket 1 opened",
            "service on_site_inspection"
        ]
    );
}

#[test]
fn shelving_goes_over_to_the_next_episode_but_does_not_hide_danger_to_people() {
    let mut world = World::new(pump());
    world.raise("seal_leak", Severity::Warning);
    let alarm = world.alarm_id("seal_leak", 1);
    let until = Timestamp(world.now + 600 * MINUTE);
    let reason = "known".to_owned();
    world
        .person(Command::Alarm {
            alarm: alarm.clone(),
            command: AlarmCommand::Shelve { reason, until },
        })
        .unwrap();
    world
        .person(Command::Alarm {
            alarm,
            command: AlarmCommand::Acknowledge { note: String::new() },
        })
        .unwrap();
    world.wait(1).clear("seal_leak");
    world.ticket(1, closed()).unwrap();
    let effects = world.wait(1).raise("seal_leak", Severity::Warning);
    assert_eq!(
        words(&effects),
        ["alarm raised / opened", "ticket 2 opened", "service emergency"]
    );
    assert_eq!(world.record(2).key, "harbour/pump-1/seal_leak/2");
}

#[test]
fn a_latched_alarm_stays_until_a_person_resets_it() {
    let mut world = World::new(pump());
    world.raise("cavitation", Severity::Warning);
    let alarm = world.alarm_id("cavitation", 1);
    world
        .person(Command::Alarm {
            alarm: alarm.clone(),
            command: AlarmCommand::Acknowledge { note: String::new() },
        })
        .unwrap();
    assert_eq!(
        words(&world.wait(1).clear("cavitation")),
        ["alarm stays_latched / not_assessed", "publish latched"]
    );
    let effects = world
        .person(Command::Alarm {
            alarm: alarm.clone(),
            command: AlarmCommand::Reset,
        })
        .unwrap();
    assert_eq!(words(&effects), ["alarm reset / not_assessed", "publish normal"]);
    let again = world.person(Command::Alarm {
        alarm: alarm.clone(),
        command: AlarmCommand::Reset,
    });
    assert_eq!(again, Err(Refusal::UnknownAlarm { alarm }));
}

#[test]
fn a_technician_may_go_straight_to_work_and_close() {
    let mut world = World::new(pump());
    world.raise("bearing_wear", Severity::Warning);
    let to = WorkStep::InProgress;
    assert_eq!(
        words(
            &world
                .wait(5)
                .ticket(
                    1,
                    TicketCommand::Step {
                        to,
                        note: String::new()
                    }
                )
                .unwrap()
        ),
        ["ticket 1 stepped"]
    );
    let outcome = Outcome::FaultConfirmed(Finding {
        cause: "outer ring pitted".into(),
        remedy: "bearing replaced".into(),
        parts: vec!["bearing 6205-2RS".into()],
        ..Finding::default()
    });
    assert_eq!(
        words(
            &world
                .wait(90)
                .ticket(
                    1,
                    TicketCommand::Close {
                        outcome,
                        note: String::new()
                    }
                )
                .unwrap()
        ),
        ["ticket 1 closed"]
    );
    let history: Vec<_> = world
        .record(1)
        .history
        .iter()
        .map(|h| (h.by.name(), h.what.as_str()))
        .collect();
    assert_eq!(history, [("system", "opened"), ("li", "stepped"), ("li", "closed")]);
    let refused = world.ticket(
        1,
        TicketCommand::Hold {
            cause: HoldCause::Other,
            reason: "x".into(),
        },
    );
    let (ticket, state) = (TicketId(1), "closed".to_owned());
    assert_eq!(
        refused,
        Err(Refusal::Ticket {
            ticket,
            why: TicketRefusal::NotOpen { state }
        })
    );
}

#[test]
fn a_fault_that_gets_worse_after_closing_opens_its_own_ticket_again() {
    let mut world = World::new(pump());
    world.raise("bearing_wear", Severity::Warning);
    world.wait(5).ticket(1, closed()).unwrap();
    assert_eq!(
        words(&world.wait(5).raise("bearing_wear", Severity::Warning)),
        [] as [&str; 0]
    );
    let effects = world.wait(5).raise("bearing_wear", Severity::Critical);
    assert_eq!(
        words(&effects),
        [
            "alarm escalated / reopened",
            "announce unacknowledged",
            "ticket 1 reopened",
            "ticket 1 upgraded"
        ]
    );
}

#[test]
fn a_new_episode_after_closing_opens_a_new_ticket() {
    let mut world = World::new(pump());
    world.raise("bearing_wear", Severity::Warning);
    let alarm = world.alarm_id("bearing_wear", 1);
    world
        .person(Command::Alarm {
            alarm,
            command: AlarmCommand::Acknowledge { note: String::new() },
        })
        .unwrap();
    world.ticket(1, closed()).unwrap();
    world.wait(5).clear("bearing_wear");
    world.wait(5).raise("bearing_wear", Severity::Warning);
    assert_eq!(world.record(2).key, "harbour/pump-1/bearing_wear/2");
    let refused = world.ticket(
        1,
        TicketCommand::Reopen {
            reason: "not mended".into(),
        },
    );
    let why = TicketRefusal::OtherOpen { ticket: TicketId(2) };
    assert_eq!(
        refused,
        Err(Refusal::Ticket {
            ticket: TicketId(1),
            why
        })
    );
}

#[test]
fn a_ticket_is_archived_only_when_its_alarm_is_normal_again() {
    let mut world = World::patient(pump());
    world.raise("bearing_wear", Severity::Warning);
    let alarm = world.alarm_id("bearing_wear", 1);
    world.ticket(1, closed()).unwrap();
    let refused = world.ticket(1, TicketCommand::Archive);
    let why = TicketRefusal::AlarmStands { alarm: alarm.clone() };
    assert_eq!(
        refused,
        Err(Refusal::Ticket {
            ticket: TicketId(1),
            why
        })
    );
    world.wait(30 * 24 * 60);
    assert_eq!(world.tick(), []);
    world.clear("bearing_wear");
    world
        .person(Command::Alarm {
            alarm,
            command: AlarmCommand::Acknowledge { note: String::new() },
        })
        .unwrap();
    assert_eq!(words(&world.tick()), ["ticket 1 archived"]);
    assert_eq!(world.book.snapshot().tickets, []);
    assert_eq!(world.book.next_deadline(), None);
}

#[test]
fn clocks_warn_and_breach_once_and_stand_still_on_hold() {
    let mut world = World::patient(Arc::new(profile("generic")));
    world.raise("abnormal_behaviour", Severity::Warning);
    assert_eq!(world.book.next_deadline(), Some(Timestamp(world.now + 45 * MINUTE)));
    assert_eq!(words(&world.wait(45).tick()), ["ticket 1 clock_warning"]);
    assert_eq!(
        words(&world.wait(15).tick()),
        ["ticket 1 clock_breached", "ticket 1 told"],
        "a breach goes one level up"
    );
    let (cause, reason) = (HoldCause::Parts, "waiting for the part".to_owned());
    world.ticket(1, TicketCommand::Hold { cause, reason }).unwrap();
    assert_eq!(world.book.next_deadline(), None);
    world.wait(10 * 24 * 60).ticket(1, TicketCommand::Resume).unwrap();
    // 60 min of the 24 h for the resolution were used before the hold; the warning comes at 18 h.
    assert_eq!(
        world.book.next_deadline(),
        Some(Timestamp(world.now + 17 * 60 * MINUTE))
    );
    assert_eq!(
        words(&world.wait(23 * 60).tick()),
        ["ticket 1 clock_breached", "ticket 1 told"]
    );
    assert_eq!(world.tick(), []);
}

#[test]
fn maintenance_opens_one_ticket_for_each_occurrence_and_merges_while_it_is_open() {
    let mut world = World::new(pump());
    assert_eq!(
        words(&world.maintenance(1, 1951.0)),
        ["ticket 1 opened", "service maintenance_reminder"]
    );
    assert_eq!(
        world.record(1).reason.en,
        "runtime_hours 1951 is within 50 of 2000, when maintenance 1 is due"
    );
    assert_eq!(world.record(1).due_at, Some(Timestamp(world.now + 50 * 60 * MINUTE)));
    assert_eq!(world.maintenance(1, 1960.0), []);
    assert_eq!(words(&world.maintenance(2, 3951.0)), ["ticket 1 due_again"]);
    world.ticket(1, closed()).unwrap();
    assert_eq!(world.maintenance(2, 3960.0), []);
    assert_eq!(
        words(&world.maintenance(3, 5951.0)),
        ["ticket 2 opened", "service maintenance_reminder"]
    );
    assert_eq!(world.record(2).key, "harbour/pump-1/plan.lubrication/3");
}

#[test]
fn an_endless_or_empty_text_is_refused() {
    let mut world = World::new(pump());
    world.raise("bearing_wear", Severity::Warning);
    for text in [String::new(), " ".into(), "x".repeat(5000)] {
        assert!(world.ticket(1, TicketCommand::Comment { text }).is_err());
    }
}

#[test]
fn a_full_history_still_lets_the_ticket_end() {
    let mut world = World::new(pump());
    world.raise("bearing_wear", Severity::Warning);
    let comment = || TicketCommand::Comment {
        text: "still waiting".into(),
    };
    let taken = (0..600).take_while(|_| world.ticket(1, comment()).is_ok()).count();
    assert_eq!(taken, crate::ticket::MAX_HISTORY - 1);
    assert!(world.ticket(1, closed()).is_ok());
}

#[test]
fn a_site_may_count_working_hours_only() {
    let mut config = AlertingConfig::default();
    config.clocks.ordinary.hours = Some(crate::calendar::Hours::Working);
    config.calendar.time_zone = "+08:00".into();
    let mut world = World::new(Arc::new(profile("generic")));
    world.book = Book::new(Arc::new(config.check().unwrap()));
    // A Friday, 17:30 in Shanghai.
    world.now = Timestamp::parse_rfc3339("2026-11-20T17:30:00+08:00").unwrap().0;
    world.raise("abnormal_behaviour", Severity::Warning);
    let due = world.record(1).clocks[&ClockKind::FirstResponse].due_at(&world.book.policy().terms(None).calendar);
    assert_eq!(due, Timestamp::parse_rfc3339("2026-11-23T09:30:00+08:00"));
}

#[test]
fn the_more_urgent_of_two_grades_is_taken_part_by_part() {
    let grade = |kind, priority, severity| Grade {
        kind,
        class: crate::ticket::TicketClass::of(kind),
        priority,
        severity,
        risk: domain::RiskLevel::Medium,
    };
    let mild = grade(TicketKind::MaintenanceReminder, Priority::P2, None);
    let bad = grade(TicketKind::OnSiteInspection, Priority::P3, Some(Severity::Critical));
    let both = mild.worst(bad);
    assert_eq!(
        (both.kind, both.priority, both.severity),
        (TicketKind::OnSiteInspection, Priority::P2, bad.severity)
    );
}

#[test]
fn every_effect_survives_storage() {
    let mut world = World::new(pump());
    let effects = world.raise("bearing_wear", Severity::Warning);
    let text = serde_json::to_string(&effects).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Effect>>(&text).unwrap(), effects);
    let held = TicketDecision::HeldBack { why: HeldBack::Shelved };
    assert_eq!(
        serde_json::to_string(&held).unwrap(),
        r#"{"is":"held_back","why":"shelved"}"#
    );
}

#[test]
fn rows_of_the_first_version_are_still_read_and_go_on() {
    let alarm: AlarmRecord = serde_json::from_str(include_str!("old_rows/alarm.json")).unwrap();
    let ticket: TicketRecord = serde_json::from_str(include_str!("old_rows/ticket.json")).unwrap();
    let mut world = World::new(pump());
    let policy = Arc::new(Policy::default());
    world.book = Book::restore(
        policy,
        Snapshot {
            alarms: vec![alarm],
            tickets: vec![ticket],
            ..Snapshot::default()
        },
    );
    world.now = 60_002_160_000 + 60 * MINUTE;
    assert_eq!(
        words(&world.tick()),
        ["alarm shelving_expired / covered", "announce unacknowledged"]
    );
    world.ticket(1, TicketCommand::Resume).unwrap();
    let kinds: Vec<_> = world.record(1).clocks.keys().copied().collect();
    let old = [ClockKind::FirstResponse, ClockKind::OnSite, ClockKind::Resolution];
    assert!(old.iter().all(|kind| kinds.contains(kind)));
    // 36 of the 72 hours' minutes were used before the hold; the hold of an hour does not count.
    assert_eq!(
        world.record(1).due_at,
        Some(Timestamp(world.now + (72 * 60 - 36) * MINUTE))
    );
}

#[test]
fn what_a_person_judged_mild_becomes_urgent_again_only_when_the_alarm_gets_worse() {
    let mut world = World::new(pump());
    world.raise("bearing_wear", Severity::Warning);
    let command = TicketCommand::Reclass {
        class: TicketClass::Ordinary,
        priority: Some(Priority::P4),
        reason: "stand-by pump, not in use".into(),
    };
    assert_eq!(words(&world.ticket(1, command).unwrap()), ["ticket 1 reclassed"]);
    world.clear("bearing_wear");
    world.wait(5).raise("bearing_wear", Severity::Warning);
    assert_eq!(world.record(1).grade.class, TicketClass::Ordinary);
    world.wait(5).raise("bearing_wear", Severity::Critical);
    assert_eq!(world.record(1).grade.class, TicketClass::Key);
}

#[test]
fn a_contract_gives_its_machines_their_own_clocks_and_hours() {
    let text = r#"
        [[contracts]]
        name = "gold"
        covers.customers = ["Waterworks*"]
        calendar = { time_zone = "Asia/Shanghai" }
        clocks.key = { first_response_min = 15, hours = "working" }
    "#;
    let config: AlertingConfig = domain::checked::from_tree(domain::checked::tree_of(text).unwrap()).unwrap();
    let mut world = World::new(pump());
    world.book = Book::new(Arc::new(config.check().unwrap()));
    world.now = Timestamp::parse_rfc3339("2026-11-20T17:50:00+08:00").unwrap().0;
    world.device.asset.customer = "Waterworks North".into();
    world.raise("bearing_wear", Severity::Warning);
    assert_eq!(world.record(1).contract.as_deref(), Some("gold"));
    assert_eq!(world.tick(), []);
    // Ten minutes on Friday evening, five on Monday morning.
    let due_at = world.record(1).clocks[&ClockKind::FirstResponse];
    let due_at = due_at.due_at(&world.record(1).terms(world.book.policy()).calendar);
    assert_eq!(due_at, Timestamp::parse_rfc3339("2026-11-23T09:05:00+08:00"));
}
