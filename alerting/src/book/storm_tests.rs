//! Storms as operators meet them: many machines, one cause; many machines, many causes; and what people are told.

use super::tests::{MINUTE, condition, pump};
use super::*;
use crate::alarm::AlarmReason;
use crate::effect::{Command, Refusal};
use crate::effect::{Outgoing, TicketDecision};
use crate::policy::{AlertingConfig, ParentConfig, Policy};
use crate::record::{Asset, DeviceFacts};
use crate::scope::Scope;
use crate::storm::{IncidentCause, IncidentCommand, IncidentEvent, IncidentState};
use crate::ticket::Actor;
use domain::{ConditionState, ModelVersion, Severity};

pub(super) struct Site {
    pub(super) book: Book,
    now: i64,
    pub(super) devices: Vec<DeviceFacts>,
    effects: Vec<Effect>,
}

impl Site {
    fn new(machines: usize, config: &AlertingConfig) -> Site {
        Site::with(machines, config.check().expect("sound"))
    }

    pub(super) fn with(machines: usize, policy: Policy) -> Site {
        let mut profile = (*pump()).clone();
        for mode in profile.modes.iter_mut().filter(|m| m.id.as_str() == "no_data") {
            mode.ticket_from = Some(Severity::Warning);
        }
        let profile = Arc::new(profile);
        let device = |i: usize| DeviceFacts {
            key: DeviceKey::new("harbour", &format!("pump-{i}")).unwrap(),
            profile: profile.clone(),
            model: ModelVersion::of_file(&profile.id, profile.version),
            asset: Asset::default(),
        };
        Site {
            book: Book::new(Arc::new(policy)),
            now: 1_000_000 * MINUTE,
            devices: (0..machines).map(device).collect(),
            effects: Vec::new(),
        }
    }

    fn step(&mut self, input: Input) {
        let effects = self.book.step(input, Timestamp(self.now)).expect("never refused");
        self.effects.extend(effects);
        let restored = Book::restore(self.book.policy.clone(), self.book.snapshot());
        assert_eq!(restored.snapshot(), self.book.snapshot(), "a restart changes nothing");
    }

    pub(super) fn raise(&mut self, machine: usize, mode: &str) {
        let state = ConditionState::Active {
            severity: Severity::Warning,
        };
        self.step(condition(&self.devices[machine].clone(), mode, state, self.now));
    }

    pub(super) fn clear(&mut self, machine: usize, mode: &str) {
        self.step(condition(
            &self.devices[machine].clone(),
            mode,
            ConditionState::Clear,
            self.now,
        ));
    }

    /// Lets time pass, waking the book whenever it wants.
    pub(super) fn wait(&mut self, minutes: i64) {
        let until = self.now + minutes * MINUTE;
        while let Some(at) = self.book.next_deadline().filter(|at| at.0 <= until) {
            self.now = self.now.max(at.0);
            self.step(Input::Tick);
        }
        self.now = until;
    }

    /// Our times of what people were told, and of what.
    pub(super) fn told(&self) -> Vec<String> {
        let word = |effect: &Effect| match effect {
            Effect::Publish(message) if message.notice.is_some() => match &message.content {
                Outgoing::Alarm(alarm) => Some(format!("alarm {}", alarm.device)),
                Outgoing::Incident(i) => Some(format!("{} {} of {}", i.event.as_str(), i.standing, i.members)),
                Outgoing::Summary(summary) => Some(format!("summary of {}", summary.held.count)),
                Outgoing::Service(_) | Outgoing::Ticket(_) | Outgoing::Parts(_) => None,
            },
            _ => None,
        };
        self.effects.iter().filter_map(word).collect()
    }

    pub(super) fn open_tickets(&self) -> usize {
        self.book.tickets().filter(|t| t.state.is_open()).count()
    }
}

#[test]
fn a_power_loss_is_one_incident_with_one_ticket_and_no_machine_is_missing_from_the_list() {
    let mut site = Site::new(200, &AlertingConfig::default());
    for machine in 0..200 {
        site.now += 100;
        site.raise(machine, "no_data");
    }
    site.wait(2);
    assert_eq!(site.book.alarms().filter(|a| a.life.state.is_active()).count(), 200);
    let incident = site.book.incidents().next().expect("found").clone();
    let expected = IncidentCause::CommonMode {
        site: SiteName::new("harbour").unwrap(),
        mode: FailureModeId::new("no_data").unwrap(),
    };
    assert_eq!(
        (incident.cause, incident.members, incident.standing),
        (expected, 200, 200)
    );
    assert!(site.book.alarms().all(|a| a.incident == Some(incident.id)));
    assert_eq!(site.open_tickets(), 1, "one look serves all");
    assert_eq!(
        site.told(),
        [
            "alarm pump-0",
            "alarm pump-1",
            "alarm pump-2",
            "alarm pump-3",
            "opened 200 of 200"
        ]
    );
}

#[test]
fn when_the_power_is_back_who_stays_silent_has_a_trouble_of_its_own() {
    let mut site = Site::new(20, &AlertingConfig::default());
    (0..20).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(1);
    (0..19).for_each(|machine| site.clear(machine, "no_data"));
    let state = site.book.incidents().next().map(|i| i.state);
    assert!(matches!(state, Some(IncidentState::Easing { .. })), "{state:?}");
    site.wait(6);
    assert_eq!(site.book.incidents().count(), 0);
    let left = site.effects.iter().find_map(|effect| match effect {
        Effect::AlarmChanged {
            record,
            reason: AlarmReason::LeftIncident { .. },
            ticket,
        } => Some((record.device.device.to_string(), *ticket)),
        _ => None,
    });
    let (device, ticket) = left.expect("the one that is still silent");
    assert_eq!(device, "pump-19");
    assert!(matches!(ticket, TicketDecision::Opened { .. }), "{ticket:?}");
    let told = site.told();
    assert_eq!(told[told.len() - 2..], ["over 1 of 20", "alarm pump-19"]);
}

#[test]
fn a_blip_that_is_over_before_anybody_is_told_wakes_nobody() {
    let mut site = Site::new(20, &AlertingConfig::default());
    (0..20).for_each(|machine| site.raise(machine, "no_data"));
    site.now += 10_000;
    (0..20).for_each(|machine| site.clear(machine, "no_data"));
    site.wait(10);
    assert_eq!(
        site.told(),
        ["alarm pump-0", "alarm pump-1", "alarm pump-2", "alarm pump-3"]
    );
}

#[test]
fn the_same_fault_on_machines_far_apart_in_time_is_no_incident() {
    let mut site = Site::new(10, &AlertingConfig::default());
    for machine in 0..10 {
        site.raise(machine, "bearing_wear");
        site.wait(1);
    }
    assert_eq!(site.book.incidents().count(), 0);
    assert_eq!(site.open_tickets(), 10);
}

#[test]
fn a_common_fault_that_needs_work_on_each_machine_keeps_a_ticket_for_each() {
    let mut site = Site::new(10, &AlertingConfig::default());
    (0..10).for_each(|machine| site.raise(machine, "bearing_wear"));
    assert_eq!(site.book.incidents().count(), 1);
    assert_eq!(site.open_tickets(), 10);
}

#[test]
fn danger_to_people_is_never_hidden_in_an_incident() {
    let mut site = Site::new(10, &AlertingConfig::default());
    (0..10).for_each(|machine| site.raise(machine, "seal_leak"));
    assert_eq!(site.book.incidents().count(), 0);
    assert_eq!(site.told().len(), 10, "and all ten notices may be used for it");
}

#[test]
fn machines_behind_a_parent_that_is_down_are_its_incident() {
    let mut config = AlertingConfig::default();
    config.alarms.parents.push(ParentConfig {
        parent: DeviceKey::new("harbour", "pump-0").unwrap(),
        modes: vec![FailureModeId::new("no_data").unwrap()],
        children: Scope {
            devices: vec!["pump-*".into()],
            ..Scope::default()
        },
        hides: vec!["no_data".into()],
        release_after_s: 300,
    });
    let mut site = Site::new(50, &config);
    (0..50).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(1);
    let incident = site.book.incidents().next().expect("found").clone();
    assert!(matches!(incident.cause, IncidentCause::ParentDown { .. }));
    assert_eq!((incident.members, incident.ticket), (49, Some(TicketId(1))));
    assert_eq!(site.open_tickets(), 1, "the parent's");
    assert_eq!(site.told(), ["alarm pump-0", "opened 49 of 49"]);
    // The parent is back, and one child is not.
    (0..49).for_each(|machine| site.clear(machine, "no_data"));
    site.wait(20);
    assert_eq!(site.book.incidents().count(), 0);
    let child = site
        .book
        .alarm(&site.devices[49].key, &FailureModeId::new("no_data").unwrap());
    let child = child.expect("still silent");
    assert_eq!((child.incident, child.life.is_hidden()), (None, false));
    assert!(child.ticket.is_some(), "now it is a trouble of its own");
}

#[test]
fn independent_faults_on_many_machines_are_ten_notices_in_ten_minutes_and_the_rest_in_summaries() {
    let mut config = AlertingConfig::default();
    config.storms.common_cause_machines = 0;
    let mut site = Site::new(120, &config);
    for machine in 0..120 {
        site.now += 500;
        site.raise(machine, "bearing_wear");
    }
    site.wait(8);
    let told = site.told();
    let (alarms, summaries): (Vec<_>, Vec<_>) = told.iter().partition(|t| t.starts_with("alarm"));
    assert_eq!(alarms.len(), 7);
    assert!(told.len() <= 10, "{told:?}");
    let count: usize = summaries
        .iter()
        .map(|s| s.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(alarms.len() + count, 120, "none is missing: {told:?}");
    assert_eq!(site.book.alarms().count(), 120);
    let notices = site.book.notices().next().expect("one site");
    assert_eq!(notices.floods.len(), 1, "and the flood is recorded");
}

#[test]
fn an_incident_that_grows_and_lasts_is_told_again_at_intervals() {
    let mut config = AlertingConfig::default();
    config.events.clear();
    config.storms.notices = 0;
    let mut site = Site::new(12, &config);
    (0..6).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(1);
    (6..12).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(6);
    site.wait(9 * 60);
    let told = site.told();
    assert_eq!(
        told[5..],
        ["grew 12 of 12", "lasts 12 of 12", "lasts 12 of 12"],
        "{told:?}"
    );
    assert_eq!(told[4], "opened 6 of 6");
    let events = site.effects.iter().filter_map(|effect| match effect {
        Effect::Publish(message) => match &message.content {
            Outgoing::Incident(incident) => Some(incident.event),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(events.filter(|e| *e == IncidentEvent::Lasts).count(), 2);
}

/// What people were told of incidents, to whom, and of which level of event.
fn told_to(site: &Site) -> Vec<(&'static str, Vec<String>, Option<String>)> {
    let notice = |effect: &Effect| match effect {
        Effect::Publish(message) => match &message.content {
            Outgoing::Incident(i) => Some((i.event.as_str(), i.people.clone(), i.level.clone())),
            Outgoing::Alarm(_)
            | Outgoing::Service(_)
            | Outgoing::Ticket(_)
            | Outgoing::Parts(_)
            | Outgoing::Summary(_) => None,
        },
        _ => None,
    };
    site.effects.iter().filter_map(notice).collect()
}

fn answer(site: &mut Site, command: IncidentCommand) -> Result<(), Refusal> {
    let incident = site.book.incidents().next().expect("one lasts").id;
    let actor = Actor::Person { name: "li".into() };
    let command = Command::Incident { incident, command };
    let effects = site.book.step(Input::Command { actor, command }, Timestamp(site.now))?;
    site.effects.extend(effects);
    Ok(())
}

#[test]
fn an_incident_that_nobody_answers_is_told_one_level_up_once_and_so_is_one_that_nobody_deals_with() {
    let mut site = Site::new(30, &AlertingConfig::default());
    (0..30).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(25 * 60);
    let major = || Some("major".to_owned());
    let (supervisors, managers) = (vec!["group:supervisors".to_owned()], vec!["group:managers".to_owned()]);
    let mut told = told_to(&site);
    told.retain(|(event, ..)| *event != "lasts");
    let expected = [
        ("opened", supervisors, major()),
        ("response_late", managers.clone(), major()),
        ("handling_late", managers, major()),
    ];
    assert_eq!(told, expected);
}

#[test]
fn who_takes_charge_in_time_stops_the_next_level_from_being_told() {
    let mut site = Site::new(30, &AlertingConfig::default());
    (0..30).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(60);
    answer(&mut site, IncidentCommand::Respond { note: String::new() }).expect("taken");
    let again = answer(&mut site, IncidentCommand::Respond { note: String::new() });
    assert!(again.is_err(), "one person is in charge");
    site.wait(12 * 60);
    let note = "feeder switched on".to_owned();
    answer(&mut site, IncidentCommand::Handle { note }).expect("taken");
    site.wait(20 * 60);
    assert!(told_to(&site).iter().all(|(event, ..)| !event.ends_with("late")));
    let lines: Vec<_> = site
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Audit(line) if line.actor.name() == "li" => Some(line.action.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(lines, ["incident.responded", "incident.handled"]);
}

#[test]
fn an_incident_that_grows_rises_to_the_level_above_and_gets_no_more_time() {
    let mut site = Site::new(30, &AlertingConfig::default());
    (0..6).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(1);
    let level = |site: &Site| {
        let incident = site.book.incidents().next().expect("one lasts");
        incident.response.clone().expect("graded")
    };
    let before = level(&site);
    assert_eq!(before.level, "minor");
    (6..30).for_each(|machine| site.raise(machine, "no_data"));
    let after = level(&site);
    assert_eq!((after.level.as_str(), after.respond_by), ("major", before.respond_by));
}

#[test]
fn where_nobody_stands_behind_a_level_the_next_one_is_told() {
    let mut config = AlertingConfig::default();
    for level in &mut config.events {
        level.tell.clear();
    }
    let mut site = Site::new(30, &config);
    (0..30).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(1);
    let people: Vec<_> = told_to(&site).into_iter().map(|(_, people, _)| people).collect();
    assert_eq!(people, [["group:managers"]]);
}

#[test]
fn an_incident_that_was_told_before_there_were_levels_is_not_late_at_once() {
    let mut before = AlertingConfig::default();
    before.events.clear();
    let mut site = Site::new(30, &before);
    (0..25).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(5 * 60);
    let after = AlertingConfig::default().check().expect("sound");
    site.book = Book::restore(Arc::new(after), site.book.snapshot());
    site.clear(0, "no_data");
    let incident = site.book.incidents().next().expect("it lasts");
    let response = incident.response.clone().expect("graded");
    assert_eq!((response.since, response.told_late), (Timestamp(site.now), vec![]));
}

#[test]
fn of_two_incidents_of_a_cause_the_newer_takes_in_what_shows_now_whatever_happens_to_the_older() {
    let mut site = Site::new(20, &AlertingConfig::default());
    (0..6).for_each(|machine| site.raise(machine, "no_data"));
    site.wait(30);
    (6..12).for_each(|machine| site.raise(machine, "no_data"));
    let ids: Vec<_> = site.book.incidents().map(|i| (i.id.0, i.members)).collect();
    assert_eq!(ids, [(1, 6), (2, 6)]);
    site.clear(0, "no_data");
    site.raise(13, "no_data");
    let members: Vec<_> = site.book.incidents().map(|i| i.members).collect();
    assert_eq!(members, [6, 7]);
}
