//! One entry through its life, and what a closed ticket teaches.

use super::*;
use crate::policy::Policy;
use crate::ticket::{Finding, MAX_TEXT_BYTES, Outcome, TicketEnd, TicketRecord, TicketState};
use proptest::prelude::*;

fn content() -> Content {
    Content {
        title: "bearing without grease".into(),
        profiles: BTreeSet::from(["pump".to_owned()]),
        failure_mode: FailureModeId::new("bearing_wear").ok(),
        part: "bearing".into(),
        cause: "No grease".into(),
        solution: "Grease it".into(),
        ..Content::default()
    }
}

fn entry() -> EntryRecord {
    EntryRecord::draft(EntryId(1), content(), "li".into(), Timestamp(1)).unwrap()
}

fn closed(outcome: Outcome) -> TicketRecord {
    let mut book = crate::Book::new(std::sync::Arc::new(Policy::default()));
    let device = crate::record::DeviceFacts {
        key: domain::DeviceKey::new("harbour", "p-1").unwrap(),
        profile: crate::book::test_pump(),
        model: domain::ModelVersion::default(),
        asset: crate::record::Asset::default(),
    };
    let report = crate::ticket::Report {
        failure_mode: FailureModeId::new("bearing_wear").ok(),
        malfunction: crate::ticket::Malfunction {
            symptom: "grinding".into(),
            fault_code: "E31".into(),
            ..Default::default()
        },
        ..Default::default()
    };
    let actor = crate::ticket::Actor::Person { name: "li".into() };
    let input = crate::Input::Reported { actor, device, report };
    book.step(input, Timestamp(1)).unwrap();
    let mut ticket = book.tickets().next().unwrap().clone();
    let end = TicketEnd::Closed { outcome };
    ticket.state = TicketState::Finished { end, at: Timestamp(2) };
    ticket
}

fn finding() -> Finding {
    Finding {
        part: "drive-end bearing".into(),
        damage: "outer race spalled".into(),
        cause: "No grease!".into(),
        remedy: "new bearing".into(),
        parts: vec!["6205-2RS".into()],
    }
}

#[test]
fn a_confirmed_or_prevented_fault_is_born_with_its_words_and_a_different_one_under_its_own_mode() {
    for outcome in [Outcome::FaultConfirmed(finding()), Outcome::Prevented(finding())] {
        let born = Born::of(&closed(outcome)).unwrap();
        assert_eq!(born.content.title, "drive-end bearing: No grease!");
        assert_eq!(born.content.symptoms, "grinding; outer race spalled");
        assert_eq!(born.content.fault_codes, BTreeSet::from(["E31".to_owned()]));
        assert_eq!(
            (born.content.cause.as_str(), born.content.solution.as_str()),
            ("No grease!", "new bearing")
        );
        assert_eq!(
            (born.same.part.as_str(), born.same.cause.as_str()),
            ("drive end bearing", "no grease")
        );
        assert_eq!(born.same.failure_mode.as_str(), "bearing_wear");
    }
    let failure_mode = FailureModeId::new("cavitation").unwrap();
    let outcome = Outcome::DifferentFault {
        failure_mode,
        finding: finding(),
    };
    let born = Born::of(&closed(outcome)).unwrap();
    assert_eq!(born.same.failure_mode.as_str(), "cavitation");
    assert_eq!(born.content.failure_mode.unwrap().as_str(), "cavitation");
}

#[test]
fn no_fault_no_cause_and_open_work_teach_nothing() {
    let ticket = TicketId(1);
    let other = Outcome::Other { text: "sold".into() };
    for outcome in [Outcome::NoFaultFound, other] {
        assert_eq!(Born::of(&closed(outcome)), Err(KnowledgeRefusal::NoFault { ticket }));
    }
    let without_cause = Finding {
        cause: " ".into(),
        ..finding()
    };
    let field = "cause".to_owned();
    assert_eq!(
        Born::of(&closed(Outcome::Prevented(without_cause))),
        Err(KnowledgeRefusal::NoFinding { ticket, field })
    );
    let mut open = closed(Outcome::NoFaultFound);
    open.state = TicketState::Open {
        step: crate::ticket::WorkStep::Reported,
    };
    assert_eq!(Born::of(&open), Err(KnowledgeRefusal::NoFault { ticket }));
}

#[test]
fn the_longest_finding_of_a_ticket_is_still_an_entry() {
    let long = "x".repeat(MAX_TEXT_BYTES);
    let finding = Finding {
        damage: long.clone(),
        cause: long.clone(),
        remedy: long,
        ..finding()
    };
    let born = Born::of(&closed(Outcome::FaultConfirmed(finding))).unwrap();
    assert_eq!(born.content.check(), Ok(()));
    assert!(born.content.cause.ends_with('…'));
}

#[test]
fn what_is_missing_or_too_long_is_named() {
    let field_of = |change: fn(&mut Content)| {
        let mut content = content();
        change(&mut content);
        content.check().unwrap_err().field().unwrap().to_owned()
    };
    assert_eq!(field_of(|c| c.title.clear()), "title");
    assert_eq!(field_of(|c| c.cause = " ".into()), "cause");
    assert_eq!(field_of(|c| c.solution = "解".repeat(MAX_CHARACTERS + 1)), "solution");
    assert_eq!(field_of(|c| c.parts = vec![String::new()]), "parts");
    assert_eq!(
        field_of(|c| c.fault_codes = (0..=MAX_NAMES).map(|n| n.to_string()).collect()),
        "fault_codes"
    );
    let mut longest = content();
    longest.cause = "因".repeat(MAX_CHARACTERS);
    assert_eq!(longest.check(), Ok(()));
}

#[test]
fn every_step_of_an_entrys_life_is_allowed_once_or_refused() {
    let steps: [fn(&mut EntryRecord) -> bool; 3] = [
        |e| e.release("wang".into(), Timestamp(5)).is_ok(),
        |e| e.retire("wrong".into(), "wang".into(), Timestamp(5)).is_ok(),
        |e| e.rate(TicketId(1), true, "li".into(), Timestamp(5)).unwrap(),
    ];
    // every sequence of up to five steps, against the words of the state alone
    let mut before = vec![(entry(), "draft", false)];
    for _ in 0..5 {
        let mut after = Vec::new();
        for (entry, state, is_rated) in &before {
            for (number, step) in steps.iter().enumerate() {
                let (mut next, revision) = (entry.clone(), entry.revision);
                let is_done = step(&mut next);
                let (said, rated) = match (number, *state) {
                    (0, "released") | (1, "retired") => (None, *is_rated),
                    (0, _) => (Some("released"), *is_rated),
                    (1, _) => (Some("retired"), *is_rated),
                    (_, _) if *is_rated => (None, true),
                    (_, state) => (Some(state), true),
                };
                assert_eq!(is_done, said.is_some(), "{state} {number}");
                assert_eq!(next.revision, revision + u32::from(is_done));
                assert_eq!(next.state.as_str(), said.unwrap_or(state));
                assert_eq!(next.helped().of, u64::from(rated));
                after.push((next, said.unwrap_or(state), rated));
            }
        }
        before = after;
    }
    assert_eq!(before.len(), 243);
}

#[test]
fn an_edit_is_a_new_version_and_the_same_text_is_none() {
    let mut entry = entry();
    assert!(entry.edit(content(), "wang".into(), Timestamp(9)).is_err());
    let better = Content {
        solution: "Grease it every half year".into(),
        ..content()
    };
    entry.edit(better, "wang".into(), Timestamp(9)).unwrap();
    assert_eq!((entry.version, entry.revision), (2, 2));
    assert_eq!((entry.author.as_str(), entry.edited_by.as_str()), ("li", "wang"));
    assert!(entry.retire(String::new(), "wang".into(), Timestamp(9)).is_err());
}

#[test]
fn drafts_with_enough_tickets_are_suggested_and_released_ones_are_not() {
    let mut entry = entry();
    let config = KnowledgeConfig::default();
    entry.tickets = BTreeSet::from([TicketId(1), TicketId(2)]);
    assert!(!entry.is_suggested(&config));
    entry.tickets.insert(TicketId(3));
    assert!(entry.is_suggested(&config));
    entry.release("wang".into(), Timestamp(5)).unwrap();
    assert!(!entry.is_suggested(&config));
}

proptest! {
    #[test]
    fn a_ticket_counts_once_however_often_it_is_rated_and_the_last_word_holds(
        ratings in prop::collection::vec((1u64..20, any::<bool>()), 0..200), born in prop::collection::btree_set(1u64..20, 0..10),
    ) {
        let mut entry = entry();
        entry.tickets = born.iter().map(|n| TicketId(*n)).collect();
        let mut last = BTreeMap::new();
        for (ticket, has_helped) in ratings {
            let is_new = last.insert(ticket, has_helped) != Some(has_helped);
            prop_assert_eq!(entry.rate(TicketId(ticket), has_helped, "li".into(), Timestamp(2)).unwrap(), is_new);
        }
        let helped = last.values().filter(|h| **h).count() as u64;
        prop_assert_eq!((entry.helped().part, entry.helped().of), (helped, last.len() as u64));
        let unrated = born.iter().filter(|t| !last.contains_key(t)).count() as u64;
        prop_assert_eq!((entry.solved().part, entry.solved().of), (helped + unrated, last.len() as u64 + unrated));
    }
}

#[test]
fn ratings_and_tickets_have_a_limit_that_says_itself() {
    let mut entry = entry();
    for ticket in 0..MAX_EVIDENCE as u64 {
        entry.rate(TicketId(ticket), true, "li".into(), Timestamp(2)).unwrap();
    }
    let (limit, id) = (MAX_EVIDENCE, entry.id);
    let full = KnowledgeRefusal::TooMuchEvidence { entry: id, limit };
    assert_eq!(
        entry.rate(TicketId(5_000), true, "li".into(), Timestamp(2)),
        Err(full.clone())
    );
    assert_eq!(entry.rate(TicketId(1), false, "li".into(), Timestamp(2)), Ok(true));
    entry.tickets = (0..MAX_EVIDENCE as u64).map(TicketId).collect();
    let mut born = Born::of(&closed(Outcome::FaultConfirmed(finding()))).unwrap();
    born.ticket = TicketId(5_000);
    assert_eq!(entry.add_ticket(&born, Timestamp(3)), Err(full));
}
