//! The service desk's part of the book: merged and split tickets, faults that people and devices report, plans that go
//! together, and a model that leaves its first days.

use super::tests::{MINUTE, condition, pump};
use super::*;
use crate::effect::{Outgoing, SplitOff, TicketDecision};
use crate::record::{Asset, DeviceFacts};
use crate::ticket::{
    Actor, Finding, Link, LinkKind, Outcome, ProposedBecause, Report, TicketChange, TicketClass, TicketCommand,
    TicketKind, TicketRefusal, WorkCommand, WorkStep,
};
use domain::profile::{FaultCode, MaintenanceDue, Service};
use domain::text::Text;
use domain::{
    AlarmId, Aspect, ConditionState, Evidence, EvidenceReason, Millis, ModelVersion, Profile, Prognosis, RemainingLife,
    RuleId, Severity,
};

const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

struct Desk {
    book: Book,
    now: i64,
    profile: Arc<Profile>,
}

impl Desk {
    fn new() -> Self {
        Desk::with(pump())
    }

    fn with(profile: Arc<Profile>) -> Self {
        let mut config = crate::policy::AlertingConfig::default();
        config.alarms.stale_after_min = 0;
        Desk {
            book: Book::new(Arc::new(config.check().unwrap())),
            now: 1_000 * DAY,
            profile,
        }
    }

    fn device(&self, name: &str) -> DeviceFacts {
        DeviceFacts {
            key: DeviceKey::new("harbour", name).unwrap(),
            profile: self.profile.clone(),
            model: ModelVersion::default(),
            asset: Asset::default(),
        }
    }

    fn step(&mut self, input: Input) -> Result<Vec<Effect>, Refusal> {
        self.now += MINUTE;
        self.book.step(input, Timestamp(self.now))
    }

    fn change(
        &mut self,
        device: &str,
        mode: &str,
        severity: Option<Severity>,
        with: impl Fn(&mut domain::ConditionChange),
    ) -> Vec<Effect> {
        let state = match severity {
            Some(severity) => ConditionState::Active { severity },
            None => ConditionState::Clear,
        };
        let mut input = condition(&self.device(device), mode, state, self.now);
        if let Input::Condition { change, .. } = &mut input {
            with(change);
        }
        self.step(input).unwrap()
    }

    fn raise(&mut self, device: &str, mode: &str) -> TicketId {
        self.change(device, mode, Some(Severity::Warning), |_| {});
        self.alarm(device, mode).ticket.expect("a ticket")
    }

    fn alarm(&self, device: &str, mode: &str) -> &AlarmRecord {
        let device = DeviceKey::new("harbour", device).unwrap();
        self.book
            .alarm(&device, &FailureModeId::new(mode).unwrap())
            .expect("stands")
    }

    fn person(&mut self, command: Command) -> Result<Vec<Effect>, Refusal> {
        let actor = Actor::Person { name: "li".into() };
        self.step(Input::Command { actor, command })
    }

    fn ticket(&mut self, ticket: TicketId, command: TicketCommand) -> Result<Vec<Effect>, Refusal> {
        self.person(Command::Ticket { ticket, command })
    }

    fn report(&mut self, device: &str, report: Report) -> Result<TicketId, Refusal> {
        let actor = Actor::Person { name: "li".into() };
        let device = self.device(device);
        let effects = self.step(Input::Reported { actor, device, report })?;
        let opened = |effect: &Effect| match effect {
            Effect::TicketChanged {
                record,
                change: TicketChange::Opened { .. },
            } => Some(record.id),
            _ => None,
        };
        Ok(effects.iter().find_map(opened).expect("opened"))
    }

    fn due(&mut self, device: &str, plan: &str) -> TicketId {
        let input = Input::MaintenanceDue {
            device: self.device(device),
            plan: FailureModeId::new(plan).unwrap(),
            occurrence: 1,
            at_value: 1951.0,
            measured_at: Timestamp(self.now),
        };
        self.step(input).unwrap();
        TicketId(self.book.last_ticket)
    }

    fn record(&self, id: TicketId) -> &TicketRecord {
        self.book.ticket(id).expect("in the book")
    }
}

fn comments(ticket: &TicketRecord) -> Vec<(&str, Option<TicketId>)> {
    let said = ticket.history.iter().filter_map(|entry| match &entry.what {
        TicketChange::Commented { text, from } => Some((text.as_str(), *from)),
        _ => None,
    });
    said.collect()
}

#[test]
fn a_merged_ticket_leaves_its_alarm_and_comments_to_the_other_and_comes_back_when_split_off() {
    let mut desk = Desk::new();
    let (bearing, leak) = (desk.raise("pump-1", "bearing_wear"), desk.raise("pump-1", "looseness"));
    let text = "it shakes".to_owned();
    desk.ticket(leak, TicketCommand::Comment { text }).unwrap();
    let step = TicketCommand::Step {
        to: WorkStep::Diagnosed,
        note: String::new(),
    };
    desk.ticket(leak, step).unwrap();
    let merge = Command::Merge {
        ticket: leak,
        into: bearing,
    };
    desk.person(merge.clone()).unwrap();
    assert_eq!(desk.record(leak).state.as_str(), "merged");
    assert_eq!(desk.alarm("pump-1", "looseness").ticket, Some(bearing));
    assert_eq!(comments(desk.record(bearing)), [("it shakes", Some(leak))]);
    assert!(desk.record(leak).next_clock_deadline(desk.book.policy()).is_none());
    assert!(desk.person(merge).is_err(), "it is merged already");
    // the same fault again is work for the ticket that serves it
    desk.change("pump-1", "looseness", Some(Severity::Critical), |_| {});
    assert_eq!(desk.alarm("pump-1", "looseness").ticket, Some(bearing));
    // however late, it can be split off while the other is open
    desk.now += 90 * DAY;
    desk.step(Input::Tick).unwrap();
    let split = Command::Split {
        ticket: bearing,
        off: SplitOff::Ticket { ticket: leak },
    };
    desk.person(split).unwrap();
    assert_eq!(desk.record(leak).state.as_str(), "diagnosed", "where it was");
    assert_eq!(desk.alarm("pump-1", "looseness").ticket, Some(leak));
    assert_eq!(desk.alarm("pump-1", "bearing_wear").ticket, Some(bearing));
    assert!(desk.record(bearing).absorbed.is_empty());
}

#[test]
fn an_alarm_that_was_merged_gets_a_ticket_of_its_own_and_no_episode_has_two() {
    let mut desk = Desk::new();
    let first = desk.raise("pump-1", "bearing_wear");
    let alarm = desk.alarm("pump-1", "bearing_wear").id.clone();
    let acknowledge = crate::effect::AlarmCommand::Acknowledge { note: String::new() };
    desk.person(Command::Alarm {
        alarm,
        command: acknowledge,
    })
    .unwrap();
    desk.change("pump-1", "bearing_wear", None, |_| {});
    let again = desk.raise("pump-1", "bearing_wear");
    assert_eq!(again, first, "the second episode joins the open ticket");
    let alarm = desk.alarm("pump-1", "bearing_wear").id.clone();
    let off = SplitOff::Alarm { alarm: alarm.clone() };
    let split = Command::Split { ticket: first, off };
    desk.person(split.clone()).unwrap();
    let own = desk.alarm("pump-1", "bearing_wear").ticket.unwrap();
    assert_ne!(own, first);
    assert_eq!(desk.record(own).key, "harbour/pump-1/bearing_wear/2");
    assert!(desk.record(first).merged.is_empty());
    let why = TicketRefusal::NotItsAlarm { alarm };
    let refused = Refusal::Ticket { ticket: first, why };
    assert_eq!(desk.person(split), Err(refused));
}

#[test]
fn a_fault_that_a_person_reports_has_one_ticket_and_serves_the_alarm_that_stands() {
    let mut desk = Desk::new();
    let mode = Some(FailureModeId::new("bearing_wear").unwrap());
    desk.change("pump-1", "bearing_wear", Some(Severity::Advisory), |_| {});
    assert_eq!(desk.alarm("pump-1", "bearing_wear").ticket, None);
    let report = Report {
        failure_mode: mode.clone(),
        class: Some(TicketClass::Key),
        description: "grinding noise".into(),
        reporter: "Ms Chen, Waterworks".into(),
        ..Report::default()
    };
    let id = desk.report("pump-1", report.clone()).unwrap();
    let ticket = desk.record(id);
    assert_eq!(
        (ticket.grade.kind, ticket.grade.class),
        (TicketKind::OnSiteInspection, TicketClass::Key)
    );
    assert_eq!(
        ticket.report.as_ref().map(|r| r.by.as_str()),
        Some("Ms Chen, Waterworks")
    );
    assert_eq!(ticket.parts, ["bearing 6205-2RS", "grease"]);
    assert_eq!(desk.alarm("pump-1", "bearing_wear").ticket, Some(id));
    let again = desk.report("pump-1", report);
    assert_eq!(again, Err(Refusal::AlreadyOpen { ticket: id }));
    // two faults without a name are two, unless they are called the same
    let unnamed = |title: &str| Report {
        title: title.into(),
        ..Report::default()
    };
    let light = desk.report("pump-1", unnamed("The light is out")).unwrap();
    let door = desk.report("pump-1", unnamed("The door sticks")).unwrap();
    assert_ne!(light, door);
    let again = desk.report("pump-1", unnamed("the light is out"));
    assert_eq!(again, Err(Refusal::AlreadyOpen { ticket: light }));
    let nothing = desk.report("pump-1", unnamed(" "));
    assert!(matches!(nothing, Err(Refusal::Text { .. })));
}

#[test]
fn after_a_report_the_next_episode_of_the_alarm_is_a_new_one_and_joins_it() {
    let mut desk = Desk::new();
    let failure_mode = Some(FailureModeId::new("bearing_wear").unwrap());
    let report = Report {
        failure_mode,
        ..Report::default()
    };
    let id = desk.report("pump-1", report).unwrap();
    assert_eq!(desk.raise("pump-1", "bearing_wear"), id);
    assert_eq!(desk.alarm("pump-1", "bearing_wear").life.episode, 1);
    assert_eq!(desk.record(id).merged.len(), 1);
}

fn with_codes() -> Arc<Profile> {
    let mut profile = (*pump()).clone();
    let mode = profile.mode_index("bearing_wear").unwrap();
    let code = FaultCode {
        mode,
        severity: Severity::Advisory,
        text: Text::default(),
        service: Some(Service::OnSiteInspection),
        cause: Text {
            en: "the grease has aged".into(),
            zh: "润滑脂老化".into(),
        },
    };
    profile.fault_codes.insert("E40".into(), code);
    Arc::new(profile)
}

fn says_code(change: &mut domain::ConditionChange) {
    change.evidence = vec![Evidence {
        rule: RuleId::new("fault_code").unwrap(),
        metric: None,
        value: None,
        reason: EvidenceReason::FaultCode {
            code: "E40".into(),
            text: "lubrication".into(),
        },
    }];
}

#[test]
fn a_fault_code_for_which_the_profile_names_a_service_opens_a_ticket_of_that_kind_with_its_cause() {
    let mut desk = Desk::with(with_codes());
    desk.change("pump-1", "bearing_wear", Some(Severity::Advisory), says_code);
    let id = desk
        .alarm("pump-1", "bearing_wear")
        .ticket
        .expect("although it is only an advisory");
    let ticket = desk.record(id);
    assert_eq!(ticket.grade.kind, TicketKind::OnSiteInspection);
    assert_eq!(ticket.work.malfunction.fault_code, "E40");
    assert_eq!(ticket.likely_cause.en, "the grease has aged");
}

#[test]
fn a_fault_code_that_comes_while_a_ticket_is_open_is_written_into_it() {
    let mut desk = Desk::with(with_codes());
    let id = desk.raise("pump-1", "bearing_wear");
    desk.change("pump-1", "bearing_wear", Some(Severity::Critical), says_code);
    assert_eq!(desk.alarm("pump-1", "bearing_wear").ticket, Some(id));
    assert_eq!(desk.record(id).work.malfunction.fault_code, "E40");
    assert_eq!(desk.book.tickets().count(), 1);
}

/// A plan by the calendar that is due in 20 days and may be done 10 days before and 3 after.
fn with_plan() -> Arc<Profile> {
    let mut profile = (*pump()).clone();
    let mut plan = profile.maintenance[0].clone();
    plan.due = MaintenanceDue::Calendar {
        every: Millis::days(365),
        lead: Millis::days(20),
    };
    (plan.grace_before, plan.grace_after) = (Millis::days(10), Millis::days(3));
    plan.checklist = vec![Text {
        en: "grease both bearings".into(),
        zh: String::new(),
    }];
    let mut other = plan.clone();
    other.id = FailureModeId::new("coupling").unwrap();
    other.due = MaintenanceDue::Calendar {
        every: Millis::days(365),
        lead: Millis::days(16),
    };
    profile.maintenance = vec![plan, other];
    Arc::new(profile)
}

#[test]
fn a_plan_is_late_only_after_its_grace_and_brings_its_checklist() {
    let mut desk = Desk::with(with_plan());
    let id = desk.due("pump-1", "lubrication");
    let opened = desk.now;
    assert_eq!(desk.record(id).due_at, Some(Timestamp(opened + 23 * DAY)));
    assert_eq!(desk.record(id).work.checklist.len(), 1);
    desk.now = opened + 22 * DAY;
    desk.step(Input::Tick).unwrap();
    assert!(desk.record(id).breaches.is_empty());
    desk.now = opened + 24 * DAY;
    desk.step(Input::Tick).unwrap();
    assert_eq!(desk.record(id).breaches.len(), 1);
}

#[test]
fn plans_of_one_machine_that_are_near_go_along_with_one_visit() {
    let mut desk = Desk::with(with_plan());
    let late = desk.due("pump-1", "lubrication");
    let early = desk.due("pump-1", "coupling");
    let at = Timestamp(desk.now + 16 * DAY);
    for id in [late, early] {
        assert_eq!(desk.record(id).visit_at(), Some(at), "{id}: the earlier of both");
        assert_eq!(desk.record(id).linked.len(), 1);
    }
    let agreed = Timestamp(desk.now + 15 * DAY);
    desk.ticket(early, TicketCommand::Schedule { at: agreed }).unwrap();
    assert_eq!(
        desk.record(late).visit_at(),
        Some(agreed),
        "it goes along with what was agreed"
    );
}

#[test]
fn plans_that_are_far_apart_or_of_another_site_are_not_joined() {
    let mut desk = Desk::with(with_plan());
    let one = desk.due("pump-1", "lubrication");
    desk.now += 12 * DAY;
    let other = desk.due("pump-2", "lubrication");
    for id in [one, other] {
        assert_eq!(desk.record(id).visit.and_then(|v| v.proposed), None);
        assert!(desk.record(id).linked.is_empty());
    }
}

#[test]
fn a_plan_is_due_before_the_failure_that_is_foretold_as_far_as_its_grace_allows() {
    let foretold = |days: i64| {
        let mut desk = Desk::with(with_plan());
        let id = desk.due("pump-1", "lubrication");
        let opened = desk.now;
        desk.change("pump-1", "bearing_wear", Some(Severity::Advisory), |change| {
            change.prognosis = Prognosis::Known(RemainingLife {
                basis: domain::LifeBasis::Trend,
                made_at: Timestamp(opened),
                p10: Millis::days(days),
                p50: Millis::days(days + 10),
                p90: Millis::days(days + 40),
            });
        });
        let ticket = desk.record(id);
        let told = ticket.history.iter().any(|e| {
            matches!(
                e.what,
                TicketChange::Proposed {
                    because: ProposedBecause::Foretold { .. },
                    ..
                }
            )
        });
        (ticket.due_at.map(|at| (at.0 - opened) / DAY), told)
    };
    assert_eq!(foretold(14), (Some(14), true));
    assert_eq!(foretold(4), (Some(10), true), "not before its grace begins");
    assert_eq!(foretold(40), (Some(23), false), "the plan's own date is early enough");
}

fn learned(rule: &str) -> Evidence {
    Evidence {
        rule: RuleId::new(rule).unwrap(),
        metric: None,
        value: Some(4.9),
        reason: EvidenceReason::OutsideBaseline {
            operating_mode: None,
            low: 1.0,
            high: 2.0,
            score: 0.9,
            aspect: Aspect::Level,
            readings: 1,
        },
    }
}

#[test]
fn a_model_that_leaves_its_first_days_while_an_advisory_stands_opens_no_ticket() {
    let mut desk = Desk::new();
    let mode = "abnormal_behaviour";
    desk.change("pump-1", mode, Some(Severity::Advisory), |c| {
        c.evidence = vec![learned("baseline")]
    });
    let effects = desk.change("pump-1", mode, Some(Severity::Warning), |c| {
        c.evidence = vec![learned("baseline")]
    });
    assert_eq!(desk.alarm("pump-1", mode).ticket, None);
    let why = effects.iter().find_map(|effect| match effect {
        Effect::AlarmChanged { ticket, .. } => Some(ticket.as_str()),
        _ => None,
    });
    assert_eq!(why, Some("stage_alone"));
    // another rule speaks as well: that is worse
    desk.change("pump-1", mode, Some(Severity::Critical), |c| {
        c.evidence = vec![learned("baseline"), learned("other")]
    });
    assert!(desk.alarm("pump-1", mode).ticket.is_some());
}

#[test]
fn an_advisory_that_passes_a_limit_gets_its_ticket_at_once() {
    let mut desk = Desk::new();
    desk.change("pump-1", "bearing_wear", Some(Severity::Advisory), |c| {
        c.evidence = vec![learned("vibration_zone")]
    });
    let effects = desk.change("pump-1", "bearing_wear", Some(Severity::Warning), |_| {});
    let opened = effects.iter().any(|effect| {
        matches!(
            effect,
            Effect::AlarmChanged {
                ticket: TicketDecision::Opened { .. },
                ..
            }
        )
    });
    assert!(opened);
}

#[test]
fn links_stand_in_both_tickets_and_never_in_a_circle() {
    let mut desk = Desk::new();
    let (whole, part) = (
        desk.raise("pump-1", "bearing_wear"),
        desk.raise("pump-2", "bearing_wear"),
    );
    let link = |to, kind| TicketCommand::Work {
        work: WorkCommand::Link { to, kind },
    };
    desk.ticket(part, link(whole, LinkKind::Parent)).unwrap();
    let kind = LinkKind::Child;
    assert_eq!(desk.record(whole).work.links, [Link { to: part, kind }]);
    let refused = desk.ticket(whole, link(part, LinkKind::Parent));
    let why = TicketRefusal::LinkInCircle;
    assert_eq!(refused, Err(Refusal::Ticket { ticket: whole, why }));
    let work = WorkCommand::Unlink { to: part };
    desk.ticket(whole, TicketCommand::Work { work }).unwrap();
    assert!(desk.record(part).work.links.is_empty());
}

#[test]
fn the_archive_waits_for_as_long_after_the_call_back_as_after_the_closing() {
    let mut desk = Desk::new();
    let id = desk.report(
        "pump-1",
        Report {
            title: "hums".into(),
            ..Report::default()
        },
    );
    let id = id.unwrap();
    desk.ticket(id, super::tests::closed()).unwrap();
    desk.now += 40 * HOUR;
    let work = WorkCommand::CallBack {
        rating: Some(3),
        text: "still hums a little".into(),
    };
    desk.ticket(id, TicketCommand::Work { work }).unwrap();
    desk.now += 40 * HOUR;
    desk.step(Input::Tick).unwrap();
    assert_eq!(desk.record(id).state.as_str(), "closed");
    desk.now += 9 * HOUR;
    let effects = desk.step(Input::Tick).unwrap();
    assert!(desk.book.ticket(id).is_none());
    let told = effects.iter().any(|effect| match effect {
        Effect::Publish(message) => matches!(message.content, Outgoing::Ticket(_)),
        _ => false,
    });
    assert!(told);
    let alarm = AlarmId("harbour/pump-1/reported/1".into());
    let split = Command::Split {
        ticket: id,
        off: SplitOff::Alarm { alarm },
    };
    assert_eq!(desk.person(split), Err(Refusal::UnknownTicket { ticket: id }));
}

#[test]
fn a_code_that_changes_no_severity_still_finds_its_way_into_the_alarm_and_its_ticket() {
    let said = |desk: &mut Desk| {
        let device = desk.device("pump-1");
        let (code, text) = ("E40".to_owned(), "lubrication".to_owned());
        desk.step(Input::FaultCode { device, code, text }).unwrap()
    };
    let mut desk = Desk::with(with_codes());
    assert!(said(&mut desk).is_empty(), "the condition tells when its delay is over");
    let id = desk.raise("pump-1", "bearing_wear");
    said(&mut desk);
    let malfunction = &desk.record(id).work.malfunction;
    assert_eq!(
        (malfunction.fault_code.as_str(), malfunction.symptom.as_str()),
        ("E40", "lubrication")
    );
    assert_eq!(desk.record(id).likely_cause.en, "the grease has aged");
    assert!(said(&mut desk).is_empty(), "once is enough");
    // an advisory that had no ticket gets one: the profile calls for a service
    let mut desk = Desk::with(with_codes());
    desk.change("pump-1", "bearing_wear", Some(Severity::Advisory), |_| {});
    assert_eq!(desk.alarm("pump-1", "bearing_wear").ticket, None);
    said(&mut desk);
    let id = desk.alarm("pump-1", "bearing_wear").ticket.expect("opened");
    assert_eq!(desk.record(id).grade.kind, TicketKind::OnSiteInspection);
}

#[test]
fn a_forerunner_that_was_a_different_fault_says_which() {
    let mut desk = Desk::new();
    let id = desk.raise("pump-1", "bearing_wear");
    let failure_mode = FailureModeId::new("cavitation").unwrap();
    let outcome = Outcome::DifferentFault {
        failure_mode: failure_mode.clone(),
        finding: Finding::default(),
    };
    let note = String::new();
    desk.ticket(id, TicketCommand::Close { outcome, note }).unwrap();
    let alarm = desk.alarm("pump-1", "bearing_wear").id.clone();
    let command = crate::effect::AlarmCommand::Acknowledge { note: String::new() };
    desk.person(Command::Alarm { alarm, command }).unwrap();
    desk.change("pump-1", "bearing_wear", None, |_| {});
    desk.raise("pump-2", "bearing_wear");
    let similar = &desk.alarm("pump-2", "bearing_wear").similar;
    assert_eq!(similar[0].verdict, crate::episode::Verdict::DifferentFault);
    assert_eq!(similar[0].found, Some(failure_mode));
}
