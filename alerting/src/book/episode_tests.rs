//! Forerunners of an alarm, as a technician reads them beside it.

use super::tests::{MINUTE, condition, pump};
use super::*;
use crate::effect::Effect;
use crate::episode::{SimilarEpisode, Verdict};
use crate::record::{Asset, DeviceFacts};
use crate::ticket::{Actor, Finding, Outcome, TicketCommand};
use domain::{ConditionState, DeviceKey, Evidence, EvidenceReason, MetricName, ModelVersion, RuleId, Severity};

const MODE: &str = "bearing_wear";

struct Plant {
    book: Book,
    now: i64,
}

fn device(name: &str) -> DeviceFacts {
    let profile = pump();
    DeviceFacts {
        key: DeviceKey::new("harbour", name).unwrap(),
        model: ModelVersion::of_file(&profile.id, profile.version),
        profile,
        asset: Asset::default(),
    }
}

fn too_high(metric: &str, value: f64) -> Evidence {
    Evidence {
        rule: RuleId::new("zone").unwrap(),
        metric: Some(MetricName::new(metric).unwrap()),
        value: Some(value),
        reason: EvidenceReason::AboveLimit {
            limit: 1.0,
            source: String::new(),
        },
    }
}

impl Plant {
    fn new() -> Plant {
        Plant {
            book: Book::new(Arc::new(Policy::default())),
            now: 1_000_000 * MINUTE,
        }
    }

    fn step(&mut self, input: Input) -> Vec<Effect> {
        self.now += 60 * MINUTE;
        self.book.step(input, Timestamp(self.now)).expect("not refused")
    }

    fn raise(&mut self, name: &str, evidence: Vec<Evidence>) -> AlarmRecord {
        let severity = Severity::Warning;
        let mut input = condition(&device(name), MODE, ConditionState::Active { severity }, self.now);
        if let Input::Condition { change, .. } = &mut input {
            change.evidence = evidence;
        }
        self.step(input);
        let (device, mode) = (device(name).key, FailureModeId::new(MODE).unwrap());
        self.book.alarm(&device, &mode).expect("stands").clone()
    }

    /// Raised, seen and over.
    fn episode(&mut self, name: &str, evidence: Vec<Evidence>) -> AlarmRecord {
        let alarm = self.raise(name, evidence);
        self.step(condition(&device(name), MODE, ConditionState::Clear, self.now));
        let (alarm_id, command) = (
            alarm.id.clone(),
            crate::AlarmCommand::Acknowledge { note: String::new() },
        );
        self.person(Command::Alarm {
            alarm: alarm_id,
            command,
        });
        alarm
    }

    fn person(&mut self, command: Command) -> Vec<Effect> {
        let actor = Actor::Person { name: "li".into() };
        self.step(Input::Command { actor, command })
    }

    fn close(&mut self, alarm: &AlarmRecord, outcome: Outcome) -> Vec<Effect> {
        let note = String::new();
        self.person(Command::Ticket {
            ticket: alarm.ticket.expect("opened one"),
            command: TicketCommand::Close { outcome, note },
        })
    }
}

fn names(similar: &[SimilarEpisode]) -> Vec<(&str, Verdict)> {
    let name = |s: &SimilarEpisode| s.verdict;
    similar.iter().map(|s| (s.device.device.as_str(), name(s))).collect()
}

fn confirmed() -> Outcome {
    Outcome::FaultConfirmed(Finding {
        cause: "inner race".into(),
        remedy: "bearing changed".into(),
        parts: vec![],
        ..Finding::default()
    })
}

#[test]
fn an_alarm_names_its_forerunners_with_their_verdicts_its_own_machine_first() {
    let mut plant = Plant::new();
    assert_eq!(plant.raise("pump-9", vec![too_high("vibration", 2.0)]).similar, []);
    let far = plant.episode("pump-1", vec![too_high("vibration", 40.0)]);
    plant.close(&far, Outcome::NoFaultFound);
    let near = plant.episode("pump-2", vec![too_high("vibration", 2.0)]);
    plant.close(&near, confirmed());
    let nearer_yet_open = plant.episode("pump-3", vec![too_high("vibration", 2.1)]);
    plant.episode("pump-4", vec![too_high("temperature", 2.0)]);
    plant.episode("pump-5", vec![too_high("vibration", 9.0)]);

    let alarm = plant.raise("pump-1", vec![too_high("vibration", 2.1)]);
    let expected = [
        ("pump-1", Verdict::NoFaultFound),
        ("pump-3", Verdict::Open),
        ("pump-2", Verdict::FaultConfirmed),
    ];
    assert_eq!(names(&alarm.similar), expected);
    assert_eq!(alarm.similar[1].ticket, nearer_yet_open.ticket);
    assert!(alarm.similar[1].likeness > alarm.similar[2].likeness && alarm.similar[1].likeness > 0.99);
}

#[test]
fn a_verdict_that_comes_after_the_episode_or_is_taken_back_is_told_to_the_next_alarm() {
    let mut plant = Plant::new();
    let first = plant.episode("pump-1", vec![too_high("vibration", 2.0)]);
    let verdict =
        |plant: &mut Plant, name: &str| plant.raise(name, vec![too_high("vibration", 2.0)]).similar[0].verdict;
    assert_eq!(verdict(&mut plant, "pump-2"), Verdict::Open);
    let effects = plant.close(&first, confirmed());
    let told = effects
        .iter()
        .any(|e| matches!(e, Effect::EpisodeClosed { episode } if episode.alarm == first.id));
    assert!(told, "its row is written anew");
    assert_eq!(verdict(&mut plant, "pump-3"), Verdict::FaultConfirmed);
    plant.person(Command::Ticket {
        ticket: first.ticket.unwrap(),
        command: TicketCommand::Reopen {
            reason: "it hums".into(),
        },
    });
    assert_eq!(verdict(&mut plant, "pump-4"), Verdict::Open);
}

#[test]
fn another_failure_mode_or_profile_is_no_forerunner() {
    let mut plant = Plant::new();
    plant.episode("pump-1", vec![too_high("vibration", 2.0)]);
    let severity = Severity::Warning;
    let mut other = device("fan-1");
    let mut profile = (*other.profile).clone();
    profile.id = "fan".into();
    other.profile = Arc::new(profile);
    let mut input = condition(&other, MODE, ConditionState::Active { severity }, plant.now);
    if let Input::Condition { change, .. } = &mut input {
        change.evidence = vec![too_high("vibration", 2.0)];
    }
    plant.step(input);
    let alarm = plant
        .book
        .alarm(&other.key, &FailureModeId::new(MODE).unwrap())
        .unwrap();
    assert_eq!(alarm.similar, []);
}

#[test]
fn only_the_newest_are_remembered_and_a_restored_book_remembers_the_same() {
    let mut plant = Plant::new();
    for round in 0..MOST_EPISODES + 20 {
        plant.episode(
            &format!("pump-{}", round % 7),
            vec![too_high("vibration", 2.0 + round as f64)],
        );
    }
    let remembered: Vec<PastEpisode> = plant.book.episodes().cloned().collect();
    assert_eq!(remembered.len(), MOST_EPISODES);
    assert!(
        remembered.iter().all(|e| e.signs[0].excess > 20.0),
        "the oldest made room"
    );
    let restored = Book::restore(Arc::new(Policy::default()), plant.book.snapshot());
    assert!(restored.episodes().eq(remembered.iter()));
}
