//! The knowledge base in the book: entries born, proved, edited and rated through the one step function, against a plain model.

use super::tests::pump;
use super::*;
use crate::effect::Command;
use crate::knowledge::{Born, Content, EntryId, KnowledgeCommand, KnowledgeRefusal, SameFault};
use crate::ticket::{Actor, Finding, Outcome, TicketCommand};
use proptest::prelude::*;

fn born(ticket: u64, cause: u8) -> Born {
    let failure_mode = FailureModeId::new("bearing_wear").unwrap();
    let cause = ["No grease", "Misaligned", "Overload"][usize::from(cause)];
    Born {
        ticket: TicketId(ticket),
        same: SameFault {
            profile: "pump".into(),
            failure_mode: failure_mode.clone(),
            part: "bearing".into(),
            cause: crate::knowledge::normalised(cause),
        },
        content: Content {
            title: format!("bearing: {cause}"),
            profiles: ["pump".to_owned()].into(),
            failure_mode: Some(failure_mode),
            part: "Bearing".into(),
            cause: cause.into(),
            solution: "mend it".into(),
            ..Content::default()
        },
    }
}

fn give(book: &mut Book, command: KnowledgeCommand) -> Result<Vec<Effect>, Refusal> {
    let actor = Actor::Person { name: "li".into() };
    let command = Command::Knowledge { command };
    book.step(Input::Command { actor, command }, Timestamp(7))
}

fn birth(book: &mut Book, ticket: u64, cause: u8) -> Result<Vec<Effect>, Refusal> {
    let born = Box::new(born(ticket, cause));
    give(book, KnowledgeCommand::FromTicket { born })
}

#[test]
fn a_second_ticket_with_the_same_fault_proves_the_entry_and_a_third_with_another_cause_is_another() {
    let mut book = Book::new(Arc::default());
    for (ticket, cause) in [(1, 0), (2, 0), (3, 1)] {
        let effects = birth(&mut book, ticket, cause).unwrap();
        let kinds = effects
            .iter()
            .filter(|e| matches!(e, Effect::KnowledgeChanged { .. } | Effect::Audit(_)));
        assert_eq!(kinds.count(), 2);
    }
    let tickets: Vec<usize> = book.entries().map(|entry| entry.tickets.len()).collect();
    assert_eq!(tickets, [2, 1]);
    let entry = EntryId(1);
    let why = KnowledgeRefusal::AlreadyThere {
        ticket: TicketId(2),
        entry,
    };
    assert_eq!(birth(&mut book, 2, 0), Err(Refusal::Knowledge { why }));
}

#[test]
fn an_engineers_better_words_do_not_make_the_next_ticket_a_second_entry_and_a_retired_one_takes_none() {
    let mut book = Book::new(Arc::default());
    birth(&mut book, 1, 0).unwrap();
    let entry = EntryId(1);
    let mut content = book.entry(entry).unwrap().content.clone();
    content.cause = "Grease gone after two years".into();
    let content = Box::new(content);
    give(&mut book, KnowledgeCommand::Edit { entry, content }).unwrap();
    birth(&mut book, 2, 0).unwrap();
    assert_eq!(book.entries().count(), 1);
    let reason = "wrong".to_owned();
    give(&mut book, KnowledgeCommand::Retire { entry, reason }).unwrap();
    birth(&mut book, 3, 0).unwrap();
    assert_eq!(book.entries().count(), 2);
}

#[test]
fn the_program_answers_for_no_entry_and_unknown_ones_are_refused() {
    let mut book = Book::new(Arc::default());
    let command = Command::Knowledge {
        command: KnowledgeCommand::Release { entry: EntryId(1) },
    };
    let actor = Actor::System;
    let asked = Input::Command {
        actor,
        command: command.clone(),
    };
    assert_eq!(book.step(asked, Timestamp(1)), Err(Refusal::NeedsPerson));
    let why = KnowledgeRefusal::UnknownEntry { entry: EntryId(1) };
    let release = KnowledgeCommand::Release { entry: EntryId(1) };
    assert_eq!(give(&mut book, release), Err(Refusal::Knowledge { why }));
}

#[test]
fn a_ticket_that_was_reopened_meanwhile_teaches_nothing() {
    let mut book = Book::new(Arc::default());
    let device = crate::record::DeviceFacts {
        key: DeviceKey::new("harbour", "p-1").unwrap(),
        profile: pump(),
        model: domain::ModelVersion::default(),
        asset: crate::record::Asset::default(),
    };
    let report = crate::ticket::Report {
        title: "hums".into(),
        ..Default::default()
    };
    let actor = Actor::Person { name: "li".into() };
    book.step(Input::Reported { actor, device, report }, Timestamp(1))
        .unwrap();
    let why = KnowledgeRefusal::NoFault { ticket: TicketId(1) };
    assert_eq!(birth(&mut book, 1, 0), Err(Refusal::Knowledge { why }));
    assert_eq!(book.entries().count(), 0);
}

#[test]
fn a_fault_that_comes_back_withdraws_its_proof_until_it_is_mended_again() {
    let mut book = Book::new(Arc::default());
    let device = crate::record::DeviceFacts {
        key: DeviceKey::new("harbour", "p-1").unwrap(),
        profile: pump(),
        model: domain::ModelVersion::default(),
        asset: crate::record::Asset::default(),
    };
    let report = crate::ticket::Report {
        failure_mode: FailureModeId::new("bearing_wear").ok(),
        ..Default::default()
    };
    let actor = Actor::Person { name: "li".into() };
    let reported = Input::Reported {
        actor: actor.clone(),
        device,
        report,
    };
    book.step(reported, Timestamp(1)).unwrap();
    let ticket = TicketId(1);
    let on_ticket = |book: &mut Book, command: TicketCommand| {
        let (actor, command) = (actor.clone(), Command::Ticket { ticket, command });
        book.step(Input::Command { actor, command }, Timestamp(5)).unwrap()
    };
    let close = || TicketCommand::Close {
        outcome: Outcome::FaultConfirmed(Finding {
            part: "bearing".into(),
            cause: "No grease".into(),
            remedy: "mend it".into(),
            ..Finding::default()
        }),
        note: String::new(),
    };
    on_ticket(&mut book, close());
    birth(&mut book, 1, 0).unwrap();
    assert_eq!(book.entry(EntryId(1)).unwrap().solved().part, 1);
    let reason = "it hums again".to_owned();
    let effects = on_ticket(&mut book, TicketCommand::Reopen { reason });
    let stored = effects
        .iter()
        .any(|e| matches!(e, Effect::KnowledgeChanged { record } if record.tickets.is_empty()));
    assert!(stored, "{effects:?}");
    assert_eq!(book.entry(EntryId(1)).unwrap().solved().of, 0);
    on_ticket(&mut book, close());
    birth(&mut book, 1, 0).unwrap();
    assert_eq!(book.entry(EntryId(1)).unwrap().solved().part, 1);
    assert_eq!(book.entries().count(), 1);
}

#[derive(Debug, Clone)]
enum Step {
    Birth(u64, u8),
    Rate(u64, u64, bool),
    Release(u64),
    Retire(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1u64..12, 0u8..3).prop_map(|(ticket, cause)| Step::Birth(ticket, cause)),
        (1u64..5, 1u64..6, any::<bool>()).prop_map(|(entry, ticket, helped)| Step::Rate(entry, ticket, helped)),
        (1u64..5).prop_map(Step::Release),
        (1u64..5).prop_map(Step::Retire),
        Just(Step::Restart),
    ]
}

proptest! {
    /// The rows that the effects leave behind are the book's, whatever was asked and however often it started anew; no ticket is in
    /// two entries that hold; numbers are never given twice.
    #[test]
    fn rows_and_book_agree_and_no_ticket_counts_twice(steps in prop::collection::vec(step(), 0..80)) {
        let mut book = Book::new(Arc::default());
        let mut rows: BTreeMap<EntryId, EntryRecord> = BTreeMap::new();
        for step in steps {
            let (before, drafts) = (book.snapshot(), rows.len());
            let is_birth = matches!(step, Step::Birth(..));
            let answer = match step {
                Step::Birth(ticket, cause) => birth(&mut book, ticket, cause),
                Step::Rate(entry, ticket, has_helped) => {
                    let (entry, ticket) = (EntryId(entry), TicketId(ticket));
                    give(&mut book, KnowledgeCommand::Rate { entry, ticket, has_helped })
                }
                Step::Release(entry) => give(&mut book, KnowledgeCommand::Release { entry: EntryId(entry) }),
                Step::Retire(entry) => {
                    let (entry, reason) = (EntryId(entry), "no".to_owned());
                    give(&mut book, KnowledgeCommand::Retire { entry, reason })
                }
                Step::Restart => {
                    let knowledge = rows.values().cloned().collect();
                    book = Book::restore(Arc::default(), Snapshot { knowledge, ..Snapshot::default() });
                    Ok(Vec::new())
                }
            };
            match answer {
                Ok(effects) => for effect in effects {
                    if let Effect::KnowledgeChanged { record } = effect {
                        let known = rows.insert(record.id, (*record).clone());
                        prop_assert!(known.is_none_or(|known| known.revision + 1 == record.revision));
                    }
                },
                Err(_) => prop_assert_eq!(before, book.snapshot()),
            }
            prop_assert!(is_birth || rows.len() == drafts);
            prop_assert!(book.entries().eq(rows.values()));
            let live: Vec<&EntryRecord> = rows.values().filter(|entry| entry.is_live()).collect();
            for (number, entry) in live.iter().enumerate() {
                let doubled = live[number + 1..].iter().any(|other| !other.tickets.is_disjoint(&entry.tickets));
                prop_assert!(!doubled);
            }
        }
    }
}
