//! What hides alarms, what wakes people again, and which bad habits are found: as operators meet it.

use super::tests::{MINUTE, condition, pump};
use super::*;
use crate::effect::{AlarmCommand, HeldBack, TicketDecision, WindowCommand};
use crate::policy::{AlertingConfig, Day};
use crate::record::{Asset, DeviceFacts};
use crate::scope::Scope;
use crate::ticket::Actor;
use crate::window::{Purpose, Schedule};
use domain::checked::{from_tree, tree_of};
use domain::{AlarmId, ConditionState, ModelVersion, Severity};

struct Site {
    book: Book,
    now: i64,
}

/// Machines are known by name; all are pumps whose seal leak endangers people.
fn device(name: &str) -> DeviceFacts {
    let profile = pump();
    DeviceFacts {
        key: DeviceKey::new("harbour", name).unwrap(),
        model: ModelVersion::of_file(&profile.id, profile.version),
        profile,
        asset: Asset::default(),
    }
}

fn id(device_name: &str, mode: &str, episode: u32) -> AlarmId {
    AlarmId::new(&device(device_name).key, &FailureModeId::new(mode).unwrap(), episode)
}

/// What changed and whom it woke: `pump-2 no_data raised`, with a `!` if somebody was told.
fn told(effects: &[Effect]) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for effect in effects {
        match effect {
            Effect::AlarmChanged { record, reason, .. } => {
                let what = (record.device.device.clone(), record.failure_mode.clone());
                said.push(format!("{} {} {}", what.0, what.1, reason.as_str()));
            }
            Effect::Publish(message) if message.notice.is_some() && message.key.starts_with("harbour") => {
                said.last_mut().expect("a change comes first").push('!');
            }
            Effect::WindowChanged { .. }
            | Effect::OverrideChanged { .. }
            | Effect::KnowledgeChanged { .. }
            | Effect::EpisodeClosed { .. }
            | Effect::StockChanged { .. }
            | Effect::TicketChanged { .. }
            | Effect::IncidentChanged { .. }
            | Effect::NoticesChanged { .. }
            | Effect::Audit(_)
            | Effect::Publish(_) => {}
        }
    }
    said
}

impl Site {
    fn new(config: &str) -> Self {
        let config: AlertingConfig = from_tree(tree_of(config).unwrap()).unwrap();
        Site {
            book: Book::new(Arc::new(config.check().unwrap())),
            now: 29_000_000 * MINUTE,
        }
    }

    fn wait(&mut self, minutes: i64) -> &mut Self {
        self.now += minutes * MINUTE;
        self
    }

    fn step(&mut self, input: Input) -> Result<Vec<Effect>, Refusal> {
        self.book.step(input, Timestamp(self.now))
    }

    fn raise(&mut self, name: &str, mode: &str, severity: Severity) -> Vec<Effect> {
        let state = ConditionState::Active { severity };
        let input = condition(&device(name), mode, state, self.now);
        self.step(input).unwrap()
    }

    fn clear(&mut self, name: &str, mode: &str) -> Vec<Effect> {
        let input = condition(&device(name), mode, ConditionState::Clear, self.now);
        self.step(input).unwrap()
    }

    fn tick(&mut self) -> Vec<String> {
        told(&self.step(Input::Tick).unwrap())
    }

    fn person(&mut self, command: Command) -> Result<Vec<Effect>, Refusal> {
        let actor = Actor::Person { name: "li".into() };
        self.step(Input::Command { actor, command })
    }

    fn alarm(&mut self, alarm: AlarmId, command: AlarmCommand) -> Result<Vec<Effect>, Refusal> {
        self.person(Command::Alarm { alarm, command })
    }

    fn plan(&mut self, purpose: Purpose, name: &str, schedule: Schedule) -> Vec<Effect> {
        let covers = Scope::one(&device(name).key);
        let reason = "overhaul".to_owned();
        let command = WindowCommand::Plan {
            purpose,
            covers,
            schedule,
            reason,
        };
        self.person(Command::Window { command }).unwrap()
    }

    fn end(&mut self, window: u64) -> Result<Vec<Effect>, Refusal> {
        let (window, reason) = (WindowId(window), "done".to_owned());
        let command = WindowCommand::End { window, reason };
        self.person(Command::Window { command })
    }

    /// A restart: the book from its rows.
    fn restart(&mut self) {
        let text = serde_json::to_string(&self.book.snapshot()).unwrap();
        self.book = Book::restore(self.book.policy.clone(), serde_json::from_str(&text).unwrap());
    }

    fn isa(&self, name: &str, mode: &str) -> &'static str {
        let alarm = self.book.alarm(&device(name).key, &FailureModeId::new(mode).unwrap());
        alarm.map_or("normal", |a| a.life.isa_state().as_str())
    }
}

const PARENT: &str = r#"
    [[alarms.parents]]
    parent = { site = "harbour", device = "switch" }
    children = { devices = ["pump-*"] }
    release_after_s = 300
"#;

#[test]
fn a_parent_that_is_down_hides_its_children_and_they_get_time_to_come_back() {
    let (mut site, warning) = (Site::new(PARENT), Severity::Warning);
    assert_eq!(
        told(&site.raise("pump-1", "no_data", warning)),
        ["pump-1 no_data raised!"]
    );
    assert_eq!(
        told(&site.wait(1).raise("switch", "no_data", warning)),
        ["switch no_data raised!", "pump-1 no_data suppressed"]
    );
    assert_eq!(
        told(&site.raise("pump-2", "no_data", warning)),
        ["pump-2 no_data raised"]
    );
    assert_eq!(site.isa("pump-2", "no_data"), "suppressed_by_design");
    // Something else than silence is told all the same.
    assert_eq!(
        told(&site.raise("pump-2", "cavitation", warning)),
        ["pump-2 cavitation raised!"]
    );
    site.restart();
    assert_eq!(site.tick(), [""; 0], "a restart tells nothing again");
    assert_eq!(
        told(&site.wait(60).clear("switch", "no_data")),
        [
            "switch no_data returned_unseen",
            "pump-1 no_data suppression_ending",
            "pump-2 no_data suppression_ending"
        ]
    );
    assert_eq!(
        told(&site.wait(1).clear("pump-1", "no_data")),
        ["pump-1 no_data returned_unseen", "pump-1 no_data suppression_ended"]
    );
    // The other one does not come back by itself: that is told, when its time is over.
    assert_eq!(site.wait(3).tick(), [""; 0]);
    assert_eq!(site.wait(1).tick(), ["pump-2 no_data suppression_ended!"]);
    assert_eq!(
        (site.isa("pump-1", "no_data"), site.isa("pump-2", "no_data")),
        ("normal", "unacknowledged")
    );
}

#[test]
fn a_parent_that_flaps_does_not_bring_its_children_up() {
    let (mut site, warning) = (Site::new(PARENT), Severity::Warning);
    site.raise("switch", "no_data", warning);
    site.raise("pump-1", "no_data", warning);
    for _ in 0..5 {
        assert!(!told(&site.wait(2).clear("switch", "no_data")).concat().contains('!'));
        assert_eq!(site.tick(), [""; 0]);
        let told = told(&site.wait(2).raise("switch", "no_data", warning));
        assert_eq!(told, ["switch no_data raised_again!", "pump-1 no_data suppressed"]);
    }
}

#[test]
fn the_first_alarm_is_told_and_what_follows_from_it_is_hidden_unless_it_is_worse_or_dangerous() {
    let config = "[[alarms.first_up]]\nmodes = [\"*\"]\nwithin_min = 30";
    let (mut site, warning, critical) = (Site::new(config), Severity::Warning, Severity::Critical);
    assert_eq!(
        told(&site.raise("pump-1", "bearing_wear", warning)),
        ["pump-1 bearing_wear raised!"]
    );
    assert_eq!(
        told(&site.wait(5).raise("pump-1", "cavitation", warning)),
        ["pump-1 cavitation raised"]
    );
    assert_eq!(
        told(&site.raise("pump-2", "cavitation", warning)),
        ["pump-2 cavitation raised!"],
        "another machine"
    );
    assert_eq!(
        told(&site.raise("pump-1", "seal_leak", warning)),
        ["pump-1 seal_leak raised!"],
        "danger to people"
    );
    assert_eq!(
        told(&site.wait(40).raise("pump-1", "sensor_fault", warning)),
        ["pump-1 sensor_fault raised!"],
        "much later"
    );
    // It gets worse than what it was taken to follow from.
    assert_eq!(
        told(&site.raise("pump-1", "cavitation", critical)),
        ["pump-1 cavitation escalated", "pump-1 cavitation suppression_ended!"]
    );
}

#[test]
fn what_followed_comes_up_when_the_first_is_gone_or_put_aside() {
    let config = "[[alarms.first_up]]\nmodes = [\"*\"]\nwithin_min = 30";
    let (mut site, warning) = (Site::new(config), Severity::Warning);
    site.raise("pump-1", "bearing_wear", warning);
    site.raise("pump-1", "cavitation", warning);
    let told_of = told(&site.wait(5).clear("pump-1", "bearing_wear"));
    assert_eq!(
        told_of,
        [
            "pump-1 bearing_wear returned_unseen",
            "pump-1 cavitation suppression_ended!"
        ]
    );
    site.raise("pump-2", "bearing_wear", warning);
    site.raise("pump-2", "cavitation", warning);
    let (reason, until) = ("known".to_owned(), Timestamp(site.now + 60 * MINUTE));
    let effects = site
        .alarm(id("pump-2", "bearing_wear", 1), AlarmCommand::Shelve { reason, until })
        .unwrap();
    assert_eq!(
        told(&effects),
        ["pump-2 bearing_wear shelved", "pump-2 cavitation suppression_ended!"]
    );
}

#[test]
fn work_on_a_machine_is_out_of_service_under_a_name_and_opens_no_ticket_but_for_danger() {
    let (mut site, warning) = (Site::new(""), Severity::Warning);
    site.raise("pump-1", "cavitation", warning);
    let effects = site.plan(Purpose::Maintenance, "pump-1", Schedule::UntilEnded);
    assert_eq!(told(&effects), ["pump-1 cavitation taken_out_of_service"]);
    let effects = site.wait(5).raise("pump-1", "bearing_wear", warning);
    assert_eq!(told(&effects), ["pump-1 bearing_wear raised"]);
    let held = |effects: &[Effect]| match &effects[0] {
        Effect::AlarmChanged { ticket, .. } => *ticket,
        Effect::TicketChanged { .. }
        | Effect::KnowledgeChanged { .. }
        | Effect::EpisodeClosed { .. }
        | Effect::StockChanged { .. }
        | Effect::WindowChanged { .. }
        | Effect::OverrideChanged { .. }
        | Effect::IncidentChanged { .. }
        | Effect::NoticesChanged { .. }
        | Effect::Audit(_)
        | Effect::Publish(_) => panic!(),
    };
    let why = HeldBack::OutOfService;
    assert_eq!(held(&effects), TicketDecision::HeldBack { why });
    let effects = site.raise("pump-1", "seal_leak", warning);
    assert!(matches!(held(&effects), TicketDecision::Opened { .. }));
    // The condition is tracked underneath: what is gone by then is normal, what stands is told.
    site.wait(5).clear("pump-1", "bearing_wear");
    site.restart();
    let effects = site.wait(60).end(1).unwrap();
    assert_eq!(
        told(&effects),
        [
            "pump-1 bearing_wear returned_to_service",
            "pump-1 cavitation returned_to_service!",
            "pump-1 seal_leak returned_to_service!"
        ]
    );
    assert_eq!(site.isa("pump-1", "bearing_wear"), "normal");
    assert_eq!(site.end(1), Err(Refusal::UnknownWindow { window: WindowId(1) }));
}

#[test]
fn a_recurring_window_takes_alarms_out_of_service_each_time() {
    let (mut site, warning) = (Site::new(""), Severity::Warning);
    // A Monday noon.
    site.now = Timestamp::parse_rfc3339("2026-11-23T12:00:00Z").unwrap().0;
    site.raise("pump-1", "cavitation", warning);
    let schedule = Schedule::Weekly {
        days: vec![Day::Monday],
        from: "22:00".into(),
        minutes: 120,
        time_zone: "UTC".into(),
    };
    assert_eq!(told(&site.plan(Purpose::Maintenance, "pump-1", schedule)), [""; 0]);
    for _ in 0..3 {
        assert_eq!(
            site.wait(10 * 60).tick().last().unwrap(),
            "pump-1 cavitation taken_out_of_service"
        );
        assert_eq!(site.wait(119).tick(), [""; 0]);
        assert_eq!(site.wait(1).tick(), ["pump-1 cavitation returned_to_service!"]);
        site.wait((7 * 24 - 12) * 60);
    }
}

#[test]
fn a_machine_that_is_set_up_is_suppressed_by_design_until_a_person_ends_it() {
    let (mut site, warning) = (Site::new(""), Severity::Warning);
    site.plan(Purpose::Commissioning, "pump-1", Schedule::UntilEnded);
    assert_eq!(
        told(&site.raise("pump-1", "cavitation", warning)),
        ["pump-1 cavitation raised"]
    );
    assert_eq!(site.isa("pump-1", "cavitation"), "suppressed_by_design");
    assert_eq!(
        told(&site.raise("pump-1", "seal_leak", warning)),
        ["pump-1 seal_leak raised!"]
    );
    // Maintenance begins while it is being set up; nothing comes up between the two.
    let effects = site.plan(Purpose::Maintenance, "pump-1", Schedule::UntilEnded);
    assert!(!told(&effects).concat().contains('!'));
    assert!(!told(&site.end(1).unwrap()).concat().contains('!'));
    assert_eq!(site.isa("pump-1", "cavitation"), "out_of_service");
    assert_eq!(
        told(&site.end(2).unwrap()),
        [
            "pump-1 cavitation returned_to_service!",
            "pump-1 seal_leak returned_to_service!"
        ]
    );
}

#[test]
fn a_person_brings_back_what_a_person_took_and_a_window_what_a_window_took() {
    let (mut site, warning) = (Site::new(""), Severity::Warning);
    site.raise("pump-1", "bearing_wear", warning);
    let alarm = || id("pump-1", "bearing_wear", 1);
    let reason = "sensor is being changed".to_owned();
    let take = AlarmCommand::TakeOutOfService { reason };
    let system = Command::Alarm {
        alarm: alarm(),
        command: take.clone(),
    };
    let (actor, command) = (Actor::System, system);
    assert_eq!(site.step(Input::Command { actor, command }), Err(Refusal::NeedsPerson));
    site.alarm(alarm(), take).unwrap();
    site.clear("pump-1", "bearing_wear");
    site.plan(Purpose::Maintenance, "pump-1", Schedule::UntilEnded);
    assert!(!told(&site.end(1).unwrap()).concat().contains("returned_to_service"));
    site.plan(Purpose::Maintenance, "pump-1", Schedule::UntilEnded);
    site.raise("pump-1", "bearing_wear", warning);
    // The person is done, but the window is still open.
    let effects = site.alarm(alarm(), AlarmCommand::ReturnToService).unwrap();
    assert_eq!(site.isa("pump-1", "bearing_wear"), "out_of_service");
    assert_eq!(told(&effects).len(), 2, "{effects:?}");
    assert!(site.alarm(alarm(), AlarmCommand::ReturnToService).is_err());
    assert!(told(&site.end(2).unwrap()).concat().ends_with("returned_to_service!"));
}

#[test]
fn an_alarm_that_stands_is_shown_once_more_and_found_stale_once() {
    let config = "alarms.rules = [{ modes = [\"cav*\"], re_alarm_min = 60 }]";
    let (mut site, warning) = (Site::new(config), Severity::Warning);
    site.raise("pump-1", "cavitation", warning);
    let note = String::new();
    site.wait(10)
        .alarm(id("pump-1", "cavitation", 1), AlarmCommand::Acknowledge { note })
        .unwrap();
    site.raise("pump-1", "bearing_wear", warning);
    assert_eq!(site.wait(49).tick(), [""; 0]);
    assert_eq!(site.wait(1).tick(), ["pump-1 cavitation re_alarmed!"]);
    assert_eq!(site.isa("pump-1", "cavitation"), "unacknowledged");
    site.restart();
    let mut stale = Vec::new();
    for _ in 0..40 {
        stale.extend(
            site.wait(60)
                .tick()
                .into_iter()
                .filter(|said| !said.contains("re_alarmed")),
        );
    }
    assert_eq!(
        stale,
        ["pump-1 cavitation found_stale", "pump-1 bearing_wear found_stale"]
    );
}

#[test]
fn an_alarm_that_comes_and_goes_is_found_chattering_and_then_wakes_nobody_until_it_is_quiet() {
    let (mut site, advisory) = (Site::new("alarms.chattering_within_s = 600"), Severity::Advisory);
    let blink = |site: &mut Site| {
        let mut said = told(&site.wait(2).raise("pump-1", "abnormal_behaviour", advisory));
        let cleared = site.clear("pump-1", "abnormal_behaviour");
        said.extend(told(&cleared));
        said.join(", ").replace("pump-1 abnormal_behaviour ", "")
    };
    let said: Vec<String> = (0..5).map(|_| blink(&mut site)).collect();
    let expected = [
        "raised!, returned_unseen, found_fleeting",
        "raised_again!, returned_unseen, found_fleeting",
        "raised_again!, found_chattering, returned_unseen, found_fleeting",
        "raised_again, returned_unseen, found_fleeting",
        "raised_again, returned_unseen, found_fleeting",
    ];
    assert_eq!(said, expected);
    site.restart();
    site.wait(60);
    assert_eq!(blink(&mut site), "raised_again!, returned_unseen, found_fleeting");
}

#[test]
fn a_backlog_sent_at_once_is_judged_by_the_machines_clock() {
    let (mut site, advisory) = (Site::new(""), Severity::Advisory);
    let day = 24 * 60 * MINUTE;
    let mut said = Vec::new();
    for hour in 0..6 {
        let at = site.now - day + hour * 60 * MINUTE;
        let state = ConditionState::Active { severity: advisory };
        for (state, at) in [(state, at), (ConditionState::Clear, at + 30 * MINUTE)] {
            let input = condition(&device("pump-1"), "abnormal_behaviour", state, at);
            said.extend(told(&site.step(input).unwrap()));
        }
    }
    assert!(said.iter().all(|s| !s.contains("found")), "{said:?}");
}

#[test]
fn an_alarm_carries_its_rationalisation_and_a_profile_without_one_is_not_released() {
    let config = r#"
        [alarms]
        needs_rationalisation = true
        [[alarms.rationalisation]]
        profile = "pump"
        mode = "cavitation"
        cause = "suction pressure too low"
        consequence = "impeller is eaten away within days"
        response = "open the inlet valve, clean the strainer"
        time_to_respond_min = 60
    "#;
    let mut site = Site::new(config);
    site.raise("pump-1", "cavitation", Severity::Warning);
    let alarm = site.book.alarms().next().unwrap();
    assert_eq!(alarm.facts.rationale.as_ref().map(|r| r.time_to_respond_min), Some(60));
    let missing = site.book.policy().alarms.unreleased(&pump());
    assert_eq!(missing.len(), pump().modes.len() - 1);
    assert_eq!(
        Policy::default().alarms.unreleased(&pump()),
        [],
        "only where the site wants it"
    );
    let gap: AlertingConfig = from_tree(tree_of(&config.replace("= 60", "= 0")).unwrap()).unwrap();
    let paths: Vec<_> = gap.problems().into_iter().map(|p| p.path).collect();
    assert_eq!(paths, ["alarms.rationalisation[0].time_to_respond_min"]);
}
