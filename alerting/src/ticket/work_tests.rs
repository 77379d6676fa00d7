//! What is written down of the work, and how tickets end.

use super::tests::ticket;
use super::*;
use crate::policy::Policy;

const NOW: Timestamp = Timestamp(3_600_000);

fn write(ticket: &mut TicketRecord, work: WorkCommand) -> Result<TicketChange, TicketRefusal> {
    let by = Actor::Person { name: "li".into() };
    ticket.command(TicketCommand::Work { work }, by, &Policy::default(), NOW)
}

fn labour(who: &str, seconds: u32, rate_cents_per_hour: Option<u32>) -> WorkCommand {
    WorkCommand::LogLabour {
        who: who.into(),
        start: Timestamp(0),
        seconds,
        rate_cents_per_hour,
    }
}

#[test]
fn labour_and_parts_add_up_and_a_wrong_entry_is_taken_back() {
    let mut ticket = ticket(&Policy::default());
    write(&mut ticket, labour("li", 5_400, Some(6_000))).unwrap();
    write(&mut ticket, labour("wang", 1_800, None)).unwrap();
    let (part, quantity) = ("6205-2RS".to_owned(), 2);
    write(&mut ticket, WorkCommand::UsePart { part, quantity }).unwrap();
    assert_eq!(
        (ticket.work.labour_seconds(), ticket.work.labour_cents()),
        (7_200, Some(9_000))
    );
    write(&mut ticket, WorkCommand::Remove { entry: 1 }).unwrap();
    assert_eq!(
        (ticket.work.labour_seconds(), ticket.work.labour_cents()),
        (1_800, None),
        "nobody has said what an hour of the other costs"
    );
    write(&mut ticket, labour("li", 60, None)).unwrap();
    assert_eq!(
        ticket.work.labour.last().map(|l| l.entry),
        Some(4),
        "a number is not given twice"
    );
    let gone = write(&mut ticket, WorkCommand::Remove { entry: 1 });
    assert_eq!(gone, Err(TicketRefusal::NoEntry { entry: 1 }));
}

#[test]
fn a_point_of_the_checklist_says_who_has_done_it_and_when() {
    let mut ticket = ticket(&Policy::default());
    let text = Text {
        en: "isolate the pump".into(),
        zh: "隔离水泵".into(),
    };
    write(&mut ticket, WorkCommand::AddCheck { text }).unwrap();
    let tick = |is_done| WorkCommand::TickCheck { entry: 1, is_done };
    write(&mut ticket, tick(true)).unwrap();
    assert_eq!(ticket.work.checklist[0].done, Some(("li".into(), NOW)));
    assert_eq!(write(&mut ticket, tick(true)), Err(TicketRefusal::NoChange));
    write(&mut ticket, tick(false)).unwrap();
    assert_eq!(ticket.work.checklist[0].done, None);
}

#[test]
fn every_list_has_an_end_and_every_number_a_range() {
    let mut ticket = ticket(&Policy::default());
    for _ in 0..MAX_LABOUR {
        write(&mut ticket, labour("li", 60, None)).unwrap();
    }
    let (what, limit) = ("labour".to_owned(), MAX_LABOUR);
    assert_eq!(
        write(&mut ticket, labour("li", 60, None)),
        Err(TicketRefusal::ListFull { what, limit })
    );
    for i in 0..MAX_FILES as u8 {
        let file = WorkCommand::AttachFile {
            name: format!("{i}.jpg"),
            content_type: "image/jpeg".into(),
            bytes: 5,
            sha256: "00".repeat(32),
        };
        write(&mut ticket, file.clone()).unwrap();
        assert_eq!(
            write(&mut ticket, file),
            Err(if i + 1 < MAX_FILES as u8 {
                TicketRefusal::NoChange
            } else {
                let (what, limit) = ("files".to_owned(), MAX_FILES);
                TicketRefusal::ListFull { what, limit }
            })
        );
    }
    for wrong in [
        labour("li", 0, None),
        labour("li", MAX_LABOUR_SECONDS + 1, None),
        labour(" ", 60, None),
        WorkCommand::UsePart {
            part: "x".into(),
            quantity: 0,
        },
        WorkCommand::CallBack {
            rating: Some(6),
            text: String::new(),
        },
        WorkCommand::Link {
            to: TicketId(1),
            kind: LinkKind::Relates,
        },
        WorkCommand::Describe {
            malfunction: Malfunction {
                began_at: Some(Timestamp(5)),
                ended_at: Some(Timestamp(4)),
                ..Malfunction::default()
            },
        },
    ] {
        let before = ticket.clone();
        assert!(write(&mut ticket, wrong.clone()).is_err(), "{wrong:?}");
        assert_eq!(ticket, before);
    }
}

#[test]
fn outcomes_that_were_stored_before_there_were_part_and_damage_are_read() {
    let stored = r#"{"is":"fault_confirmed","cause":"no grease","remedy":"new bearing","parts":["6205-2RS"]}"#;
    let outcome: Outcome = serde_json::from_str(stored).unwrap();
    let finding = Finding {
        cause: "no grease".into(),
        remedy: "new bearing".into(),
        parts: vec!["6205-2RS".into()],
        ..Finding::default()
    };
    assert_eq!(outcome, Outcome::FaultConfirmed(finding.clone()));
    assert_eq!(serde_json::to_string(&outcome).unwrap(), stored);
    let failure_mode = FailureModeId::new("cavitation").unwrap();
    let different = Outcome::DifferentFault { failure_mode, finding };
    let text = serde_json::to_string(&different).unwrap();
    assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), different, "{text}");
}

#[test]
fn a_different_fault_is_another_than_that_of_the_ticket() {
    let policy = Policy::default();
    let mut ticket = ticket(&policy);
    let failure_mode = ticket.failure_mode.clone();
    let close = TicketCommand::Close {
        outcome: Outcome::DifferentFault {
            failure_mode: failure_mode.clone(),
            finding: Finding::default(),
        },
        note: String::new(),
    };
    let refused = ticket.command(close, Actor::System, &policy, NOW);
    assert_eq!(refused, Err(TicketRefusal::SameFault { failure_mode }));
    assert!(ticket.state.is_open());
}

#[test]
fn somebody_other_than_the_first_proposed_needs_a_reason_which_stays_in_the_history() {
    let mut ticket = ticket(&Policy::default());
    let mut assign = |to: &str, override_reason: &str| {
        let dispatched = Some(crate::dispatch::Dispatched {
            proposed: "li".into(),
            rank: None,
            override_reason: override_reason.into(),
        });
        let to = Some(to.to_owned());
        let by = Actor::Person { name: "chen".into() };
        ticket.command(TicketCommand::Assign { to, dispatched }, by, &Policy::default(), NOW)
    };
    let proposed = "li".to_owned();
    assert_eq!(
        assign("wang", "  "),
        Err(TicketRefusal::OverrideWithoutReason { proposed })
    );
    assert!(assign("li", "").is_ok());
    assert!(assign("wang", "knows the house").is_ok());
    let last = &ticket.history.last().expect("a step").what;
    assert!(
        matches!(last, TicketChange::Assigned { dispatched: Some(told), .. } if told.override_reason == "knows the house")
    );
}

#[test]
fn a_row_written_before_there_were_proposals_still_opens() {
    let written = serde_json::to_value(TicketChange::Assigned {
        from: None,
        to: Some("li".into()),
        dispatched: None,
    });
    let written = written.expect("written");
    assert_eq!(written.get("dispatched"), None, "nothing new in it: {written}");
    assert!(serde_json::from_value::<TicketChange>(written).is_ok());
}
