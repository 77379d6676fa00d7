use super::*;
use crate::book::Book;
use crate::effect::{Command, Effect, Input};
use crate::policy::AlertingConfig;
use crate::record::{Asset, DeviceFacts};
use crate::ticket::{Actor, Outcome, Report, TicketCommand, WorkCommand};
use domain::profile::shipped;
use domain::{DeviceKey, Millis, TicketId};
use std::sync::Arc;

const HOUR: i64 = 3_600_000;
/// How long each step has in the tests of the machine alone.
const STEP: [i64; 3] = [24, 48, 72];

fn within(step: FollowUpStep) -> i64 {
    STEP[FollowUpStep::ALL.iter().position(|s| *s == step).expect("one of three")]
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Act {
    Settle,
    Leave,
    Hours(i64),
}

const ACTS: [Act; 5] = [Act::Settle, Act::Leave, Act::Hours(1), Act::Hours(30), Act::Hours(200)];

/// Carries out whatever is due; the steps told, and whether the last was found late.
fn settle_due(follow_up: &mut FollowUp, now: Timestamp, told: &mut Vec<FollowUpStep>, late: &mut u32) {
    for _ in 0..5 {
        let Some(next) = follow_up.due(now) else { return };
        let due_at = match next {
            FollowUpMove::Tell { step, .. } => {
                told.push(step);
                now + Millis(within(step) * HOUR)
            }
            FollowUpMove::LastIsLate => {
                *late += 1;
                now
            }
        };
        follow_up.carry_out(next, Vec::new(), due_at, now);
    }
    panic!("it goes on for ever: {follow_up:?}");
}

/// The same in the plainest words: which step has it since when.
struct Model {
    step: usize,
    since: i64,
    is_settled: bool,
    is_late: bool,
    is_last_late: bool,
    told: usize,
}

impl Model {
    fn pass(&mut self, now: i64) {
        // every clock is looked at when it runs out
        if self.is_settled || now - self.since < STEP[self.step] {
            return;
        }
        self.is_late = true;
        if self.step < 2 {
            self.step += 1;
            self.told += 1;
            self.since = now;
        } else {
            self.is_last_late = true;
        }
    }

    fn answer(&mut self, settles: bool, now: i64) {
        if self.is_settled {
            return;
        }
        if settles {
            self.is_settled = true;
        } else if self.step < 2 {
            self.step += 1;
            self.told += 1;
            self.since = now;
        }
    }
}

/// All sequences of six acts: each step is told once, none is skipped, nothing after it is settled.
#[test]
fn every_course_of_six_acts_is_told_as_a_plain_model_says_though_the_state_is_stored_between_any_two() {
    let most = ACTS.len().pow(6);
    for number in 0..most {
        let course: Vec<Act> = (0..6u32)
            .map(|i| ACTS[number / ACTS.len().pow(i) % ACTS.len()])
            .collect();
        let mut now = Timestamp(0);
        let mut follow_up = FollowUp::open(1, now);
        let (mut told, mut late) = (Vec::new(), 0);
        settle_due(&mut follow_up, now, &mut told, &mut late);
        let mut model = Model {
            step: 0,
            since: 0,
            is_settled: false,
            is_late: false,
            is_last_late: false,
            told: 1,
        };
        for act in &course {
            let stored = serde_json::to_string(&follow_up).unwrap();
            follow_up = serde_json::from_str(&stored).unwrap();
            match act {
                Act::Hours(hours) => {
                    now = now + Millis(hours * HOUR);
                    settle_due(&mut follow_up, now, &mut told, &mut late);
                    model.pass(now.0 / HOUR);
                }
                Act::Settle | Act::Leave => {
                    let is_settled = *act == Act::Settle;
                    let taken = follow_up.check_answer(is_settled);
                    assert_eq!(taken.is_err(), model.is_settled, "{course:?}");
                    if let Ok(step) = taken {
                        follow_up.answer(FollowUpAnswer {
                            step,
                            by: "li".into(),
                            at: now,
                            agreed: "a new seal".into(),
                            is_settled,
                        });
                        model.answer(is_settled, now.0 / HOUR);
                    }
                    settle_due(&mut follow_up, now, &mut told, &mut late);
                }
            }
            let expected = &FollowUpStep::ALL[..model.told];
            assert_eq!(told, expected, "{course:?}");
            assert_eq!(follow_up.is_open(), !model.is_settled, "{course:?}");
            assert_eq!(follow_up.is_late, model.is_late, "{course:?}");
            assert_eq!(late, u32::from(model.is_last_late), "{course:?}");
        }
    }
}

#[test]
fn no_more_than_twenty_answers_that_settle_nothing_are_taken_and_one_that_settles_is() {
    let mut follow_up = FollowUp::open(2, Timestamp(0));
    settle_due(&mut follow_up, Timestamp(0), &mut Vec::new(), &mut 0);
    let answer = |step, is_settled| FollowUpAnswer {
        step,
        by: "li".into(),
        at: Timestamp(1),
        agreed: "we wait for a part".into(),
        is_settled,
    };
    for _ in 0..MAX_FOLLOW_UP_ANSWERS {
        let step = follow_up.check_answer(false).expect("room");
        follow_up.answer(answer(step, false));
        settle_due(&mut follow_up, Timestamp(1), &mut Vec::new(), &mut 0);
    }
    assert!(matches!(
        follow_up.check_answer(false),
        Err(TicketRefusal::ListFull { .. })
    ));
    let step = follow_up.check_answer(true).expect("the end is always taken");
    follow_up.answer(answer(step, true));
    assert_eq!(follow_up.check_answer(true), Err(TicketRefusal::NoFollowUp));
}

/// 2026-11-06 15:00 UTC, a Friday.
const FRIDAY: i64 = 1_793_977_200_000;

struct Desk {
    book: Book,
    now: i64,
    told: Vec<String>,
}

impl Desk {
    fn new(more: &str) -> Desk {
        let tree = domain::checked::tree_of(more).expect("TOML");
        let config: AlertingConfig = domain::checked::from_tree(tree).expect("known keys");
        let profile = shipped::all().into_iter().find(|p| p.id == "pump").expect("shipped");
        let mut desk = Desk {
            book: Book::new(Arc::new(config.check().expect("sound"))),
            now: FRIDAY,
            told: Vec::new(),
        };
        desk.step(Input::Reported {
            actor: Actor::Person { name: "chen".into() },
            device: DeviceFacts {
                key: DeviceKey::new("harbour", "pump-1").unwrap(),
                profile: Arc::new(profile),
                asset: Asset::default(),
                model: Default::default(),
            },
            report: Report {
                title: "drips".into(),
                ..Report::default()
            },
        });
        desk.give(TicketCommand::Assign {
            to: Some("li".into()),
            dispatched: None,
        });
        desk.give(TicketCommand::Close {
            outcome: Outcome::NoFaultFound,
            note: String::new(),
        });
        desk
    }

    fn step(&mut self, input: Input) {
        // As if the gateway were killed and started again between any two steps.
        self.book = Book::restore(Arc::new(self.book.policy().clone()), self.book.snapshot());
        let effects = self.book.step(input, Timestamp(self.now)).expect("not refused");
        for effect in &effects {
            match effect {
                Effect::TicketChanged { change, .. } => {
                    let hours = (self.now - FRIDAY) / HOUR;
                    match change {
                        TicketChange::FollowUpTold { step, people, .. } => {
                            self.told
                                .push(format!("{hours} {} {}", step.as_str(), people.join(" ")));
                        }
                        TicketChange::FollowUpLate => self.told.push(format!("{hours} late")),
                        TicketChange::Archived => self.told.push(format!("{hours} archived")),
                        _ => {}
                    }
                }
                Effect::Publish(message) if message.notice.is_some() => {
                    if let crate::Outgoing::Ticket(event) = &message.content
                        && let TicketChange::FollowUpTold { people, .. } = &event.change
                    {
                        assert_eq!(
                            &event.people, people,
                            "those of the step are told, not those of the chain"
                        );
                    }
                }
                _ => {}
            }
        }
    }

    fn give(&mut self, command: TicketCommand) {
        let (ticket, actor) = (TicketId(1), Actor::Person { name: "wang".into() });
        let command = Command::Ticket { ticket, command };
        self.step(Input::Command { actor, command });
    }

    fn rated(&mut self, rating: u8) {
        let (rating, text) = (Some(rating), "it drips again".to_owned());
        self.give(TicketCommand::Work {
            work: WorkCommand::CallBack { rating, text },
        });
    }

    fn answered(&mut self, is_settled: bool) {
        let agreed = "somebody comes tomorrow".to_owned();
        self.give(TicketCommand::FollowUp { agreed, is_settled });
    }

    fn wait(&mut self, hours: i64) {
        let until = self.now + hours * HOUR;
        while let Some(at) = self.book.next_deadline().filter(|at| at.0 <= until) {
            self.now = at.0;
            self.step(Input::Tick);
        }
        self.now = until;
    }

    fn refused(&mut self, command: TicketCommand) -> TicketRefusal {
        let (ticket, actor) = (TicketId(1), Actor::Person { name: "wang".into() });
        let command = Command::Ticket { ticket, command };
        match self.book.step(Input::Command { actor, command }, Timestamp(self.now)) {
            Err(crate::Refusal::Ticket { why, .. }) => why,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_bad_rating_goes_from_the_agent_to_the_supervisor_and_the_management_and_keeps_the_ticket_from_the_archive() {
    let mut desk = Desk::new("");
    desk.rated(2);
    desk.wait(30 * 24);
    let expected = [
        "0 agent li group:service",
        "24 supervisor group:supervisors",
        "72 management group:managers",
        "144 late",
    ];
    assert_eq!(desk.told, expected);
    assert_eq!(desk.refused(TicketCommand::Archive), TicketRefusal::FollowUpOpen);
    desk.answered(false);
    desk.answered(true);
    let ticket = desk.book.ticket(TicketId(1)).expect("it is there").clone();
    let follow_up = ticket.follow_up().expect("one");
    assert!(!follow_up.is_open() && follow_up.is_late && follow_up.answers.len() == 2);
    let settled = desk.refused(TicketCommand::FollowUp {
        agreed: "again".into(),
        is_settled: true,
    });
    assert_eq!(settled, TicketRefusal::NoFollowUp);
    desk.wait(49);
    assert_eq!(desk.told.last().map(String::as_str), Some("768 archived"));
}

#[test]
fn what_is_not_settled_goes_up_at_once_and_what_is_settled_is_told_nobody_any_more() {
    let mut desk = Desk::new("");
    desk.rated(1);
    desk.wait(2);
    desk.answered(false);
    desk.wait(1);
    desk.answered(true);
    desk.wait(40);
    assert_eq!(
        desk.told,
        ["0 agent li group:service", "2 supervisor group:supervisors"]
    );
    // another bad rating is another complaint; the one before stays written down
    desk.rated(2);
    assert_eq!(desk.told.last().map(String::as_str), Some("43 agent li group:service"));
    let ticket = desk.book.ticket(TicketId(1)).expect("it is there");
    assert!(!ticket.follow_ups[0].is_late && ticket.follow_ups.len() == 2);
}

#[test]
fn only_ratings_up_to_the_limit_are_followed_up_and_a_second_bad_one_begins_nothing_new() {
    let mut desk = Desk::new("");
    desk.rated(3);
    assert_eq!(desk.told, [""; 0]);
    desk.rated(2);
    desk.rated(1);
    assert_eq!(desk.told.len(), 1);
    let mut never = Desk::new("[follow_up]\nrating_at_most = 0\n");
    never.rated(1);
    assert_eq!(never.told, [""; 0]);
}

#[test]
fn the_clocks_of_a_follow_up_count_the_hours_of_the_contract_and_on_call_people_are_asked_for_then() {
    let mut desk = Desk::new(
        r#"
        [clocks.ordinary]
        hours = "working"
        [[on_call]]
        name = "heads"
        people = ["qian", "sun"]
        begins = "2026-11-02"
        shift_days = 7
        [follow_up]
        rating_at_most = 3
        steps = [
            { tell = ["owner"], answer_within_min = 240 },
            { tell = ["on_call:heads"], answer_within_min = 240 },
            { tell = ["person:zhao"], answer_within_min = 240 },
        ]
        "#,
    );
    desk.rated(3);
    desk.wait(7 * 24);
    // three hours are left of Friday (UTC, until 18:00); the fourth is from 9 to 10 on Monday, when sun has it; management has until 18:00
    assert_eq!(
        desk.told,
        ["0 agent li", "67 supervisor sun", "71 management zhao", "75 late"]
    );
}

#[test]
fn every_mistake_of_the_section_is_told_with_its_path() {
    let text = "[follow_up]\nrating_at_most = 5\nsteps = [{ tell = [], answer_within_min = 0 }, { tell = [\"on_call:x\"], answer_within_min = 1 }]\n";
    let tree = domain::checked::tree_of(text).expect("TOML");
    let config: AlertingConfig = domain::checked::from_tree(tree).expect("known keys");
    let problems = config.check().expect_err("mistakes");
    let paths: Vec<&str> = problems.iter().map(|p| p.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "follow_up.rating_at_most",
            "follow_up.steps",
            "follow_up.steps[0].tell",
            "follow_up.steps[0].answer_within_min",
            "follow_up.steps[1].tell[0]"
        ]
    );
}
