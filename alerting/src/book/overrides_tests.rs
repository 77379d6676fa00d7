use super::*;
use crate::effect::{Command, Input};
use crate::on_call::overrides::{MOST_DAYS, MOST_DAYS_AHEAD};
use crate::policy::AlertingConfig;
use domain::Millis;

/// 2026-11-02 08:00 UTC, a Monday.
const START: Timestamp = Timestamp(1_793_606_400_000);

fn policy() -> crate::policy::Policy {
    let text = r#"
        [[on_call]]
        name = "service"
        people = ["li", "wang"]
        begins = "2026-11-01"
        handover = "08:30"
        shift_days = 1
        overrides = [{ person = "zhao", from = "2026-11-03T00:00:00Z", until = "2026-11-04T00:00:00Z" }]
    "#;
    let tree = domain::checked::tree_of(text).expect("TOML");
    let config: AlertingConfig = domain::checked::from_tree(tree).expect("known keys");
    config.check().expect("sound")
}

fn book() -> Book {
    Book::new(Arc::new(policy()))
}

fn make(rotation: &str, from: Option<Timestamp>, until: Timestamp) -> OverrideCommand {
    OverrideCommand::Make {
        rotation: rotation.into(),
        person: "sun".into(),
        from,
        until,
        reason: "swap with li".into(),
    }
}

fn give(book: &mut Book, command: OverrideCommand, now: Timestamp) -> Result<Vec<Effect>, Refusal> {
    let actor = Actor::Person { name: "boss".into() };
    let command = Command::Override { command };
    book.step(Input::Command { actor, command }, now)
}

fn who(book: &Book, now: Timestamp) -> String {
    let mut all = book.policy().escalations.on_call(now);
    let (_, person) = all.next().expect("one rotation");
    person.cloned().unwrap_or_default()
}

fn refusal(command: OverrideCommand) -> OverrideRefusal {
    let mut book = book();
    let before = book.snapshot();
    let refused = give(&mut book, command, START).expect_err("refused");
    assert_eq!(book.snapshot(), before);
    match refused {
        Refusal::Override { why } => why,
        other => panic!("{other:?}"),
    }
}

const fn hours(n: i64) -> Timestamp {
    Timestamp(START.0 + n * 3_600_000)
}

#[test]
fn an_override_takes_the_call_over_rotation_and_configuration_until_its_time_is_over() {
    let mut book = book();
    give(&mut book, make("service", Some(hours(1)), hours(20)), START).unwrap();
    // 00:00 on the third: zhao by the configuration, but sun took it until 04:00
    let seen: Vec<String> = [0, 1, 17, 19, 20].map(|h| who(&book, hours(h))).into();
    assert_eq!(seen, ["li", "sun", "sun", "sun", "zhao"]);
    assert_eq!(book.next_deadline(), Some(hours(20)));
    let effects = book.step(Input::Tick, hours(20)).unwrap();
    let over = effects.iter().find_map(|effect| match effect {
        Effect::OverrideChanged { record } => record.over_at,
        _ => None,
    });
    assert_eq!((over, book.snapshot().overrides), (Some(hours(20)), Vec::new()));
}

#[test]
fn of_two_overrides_the_later_made_counts_and_what_is_ended_gives_the_call_back() {
    let mut book = book();
    give(&mut book, make("service", None, hours(10)), START).unwrap();
    let other = OverrideCommand::Make {
        rotation: "service".into(),
        person: "qian".into(),
        from: Some(hours(2)),
        until: hours(4),
        reason: "doctor".into(),
    };
    give(&mut book, other, START).unwrap();
    // as if the gateway were killed here
    let mut book = Book::restore(Arc::new(policy()), book.snapshot());
    assert_eq!([0, 2, 4].map(|h| who(&book, hours(h))), ["sun", "qian", "sun"]);
    let effects = give(&mut book, OverrideCommand::End { id: OverrideId(1) }, hours(3)).unwrap();
    let audited = effects
        .iter()
        .any(|e| matches!(e, Effect::Audit(line) if line.action == "on_call.override_ended"));
    assert!(audited, "{effects:?}");
    assert_eq!([3, 4].map(|h| who(&book, hours(h))), ["qian", "wang"]);
    let again = give(&mut book, OverrideCommand::End { id: OverrideId(1) }, hours(3));
    let why = OverrideRefusal::Unknown { id: OverrideId(1) };
    assert_eq!(again, Err(Refusal::Override { why }));
    assert_eq!(book.snapshot().last_override, 2);
}

#[test]
fn an_override_in_the_past_or_too_long_or_of_nobodys_rotation_is_refused() {
    let rotation = "night".to_owned();
    let unknown = refusal(make("night", None, hours(1)));
    assert_eq!(unknown, OverrideRefusal::UnknownRotation { rotation });
    let past = refusal(make("service", Some(hours(-1)), hours(1)));
    assert_eq!(past, OverrideRefusal::BeginsInThePast);
    assert_eq!(refusal(make("service", None, START)), OverrideRefusal::EndsTooEarly);
    let long = refusal(make("service", None, hours(24 * 62) + Millis(1)));
    assert_eq!(long, OverrideRefusal::TooLong { limit_days: MOST_DAYS });
    let begins = hours(24 * 367);
    let late = refusal(make("service", Some(begins), begins + Millis(1)));
    let limit_days = MOST_DAYS_AHEAD;
    assert_eq!(late, OverrideRefusal::BeginsTooLate { limit_days });
    let mut book = book();
    give(&mut book, make("service", None, hours(24 * 62)), START).expect("62 days are allowed");
}

#[test]
fn no_more_than_a_thousand_overrides_stand() {
    let mut book = book();
    for _ in 0..MAX_STANDING {
        give(&mut book, make("service", None, hours(10)), START).unwrap();
    }
    let why = OverrideRefusal::TooMany { limit: MAX_STANDING };
    let refused = give(&mut book, make("service", None, hours(10)), START);
    assert_eq!(refused, Err(Refusal::Override { why }));
    give(&mut book, OverrideCommand::End { id: OverrideId(7) }, START).unwrap();
    give(&mut book, make("service", None, hours(10)), START).expect("there is room again");
}

#[test]
fn the_program_itself_takes_no_call() {
    let command = Command::Override {
        command: make("service", None, hours(1)),
    };
    let actor = Actor::System;
    let refused = book().step(Input::Command { actor, command }, START);
    assert_eq!(refused, Err(Refusal::NeedsPerson));
}
