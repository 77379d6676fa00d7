//! What people complain of in other systems and must not meet here. Each test is one complaint as a sentence that holds here,
//! told as it would happen in a hall of presses: a press is overloaded above 10 A, badly above 14 A, and called dead after
//! three seconds of silence.

use alerting::clock::ClockKind;
use alerting::policy::AlertingConfig;
use alerting::ticket::HoldCause;
use alerting::ticket::TicketClass;
use alerting::{Actor, Asset, Book, Command, DeviceFacts, Input, TicketCommand};
use domain::checked::{from_tree, tree_of};
use domain::profile::shipped;
use domain::{
    ConditionChange, ConditionState, DeviceIndex, DeviceKey, FailureModeId, Health, Millis, ModelVersion, Prognosis,
    Severity, TicketId, Timestamp,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tests::hall::Hall;
use tests::outcome::deliveries;
use tests::served::{Asked, Reply, Served};
use tests::wait::wait_for;

const NOON: i64 = 1_760_000_000_000;
const SECOND: i64 = 1_000;

/// Complaint: duplicate alarms from messages that come milliseconds apart.
#[tokio::test]
async fn twenty_messages_within_sixty_milliseconds_are_one_alarm_one_ticket_and_one_ring() {
    let hall = Hall::open("");
    let burst: Vec<(i64, f64)> = (0..20).map(|i| (NOON + i * 3, 12.0)).collect();
    hall.press_says("press-1", &burst).await;
    assert_eq!(hall.list("alarms").await.len(), 1);
    assert_eq!(hall.list("tickets").await.len(), 1);
    assert_eq!(hall.rings(), 1);
    hall.close();
}

/// Complaint: an alarm that flaps rings all night.
#[tokio::test]
async fn a_value_that_flutters_around_its_limit_rings_once_and_one_that_swings_is_found_chattering() {
    let hall = Hall::open("");
    // a hair above and below the limit, for ten minutes: never half an ampere below it, so it stands
    let flutter: Vec<(i64, f64)> = (0..600)
        .map(|i| (NOON + i * SECOND, if i % 2 == 0 { 10.1 } else { 9.8 }))
        .collect();
    hall.press_says("press-1", &flutter).await;
    assert_eq!(hall.rings(), 1);
    // far above and far below, for ten minutes: 300 times overloaded
    let swing: Vec<(i64, f64)> = (0..600)
        .map(|i| (NOON + i * SECOND, if i % 2 == 0 { 12.0 } else { 5.0 }))
        .collect();
    hall.press_says("press-2", &swing).await;
    assert!(hall.rings() <= 4, "rang {} times", hall.rings());
    let of_press_2 = hall.list("alarms?device=press-2").await;
    assert!(
        of_press_2[0]["findings"].to_string().contains("chattering"),
        "{of_press_2:?}"
    );
    assert_eq!(hall.list("tickets").await.len(), 2, "one for each press");
    hall.close();
}

/// Complaint: the gateway was away, and every device is reported dead.
#[tokio::test]
async fn when_the_gateway_itself_was_away_its_devices_are_not_called_dead() {
    let mut hall = Hall::open("");
    let presses: Vec<String> = (1..=20).map(|i| format!("press-{i}")).collect();
    for press in &presses {
        hall.press_says(press, &[(NOON, 5.0)]).await;
    }
    hall.power_cut();
    // longer than a press may be silent
    tokio::time::sleep(Duration::from_secs(4)).await;
    hall.power_back();
    let began = Instant::now();
    let mut second = 10;
    while began.elapsed() < Duration::from_secs(5) {
        for press in &presses[..19] {
            hall.press_says(press, &[(NOON + second * SECOND, 5.0)]).await;
        }
        second += 1;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    // only the press that really stays silent
    let dead = hall.list("alarms").await;
    let names: Vec<&str> = dead.iter().filter_map(|alarm| alarm["device"].as_str()).collect();
    assert_eq!(names, ["press-20"], "{dead:?}");
    hall.close();
}

/// Complaint: how long something took is told by two clocks, the machine's and the server's.
#[tokio::test]
async fn a_machine_whose_clock_is_three_hours_behind_makes_nobody_look_slow() {
    let hall = Hall::open("");
    let now = gateway::clock::Clock::System.now().0;
    hall.press_says("press-1", &[(now - 3 * 3_600 * SECOND, 12.0)]).await;
    let api = hall.api();
    let alarm = hall.list("alarms").await.remove(0);
    let path = format!("alarms/{}/acknowledge", alarm["id"].as_str().expect("an id"));
    api.post(&path, json!({})).await.ok();
    let review = api.get("review").await.ok();
    let figure = |key: &str| {
        let mut all = review["figures"].as_array().expect("figures").iter();
        all.find(|f| f["key"] == key).expect("it is there")["value"].as_f64()
    };
    let hours = figure("acknowledged_median").expect("one was acknowledged");
    assert!(hours < 0.1, "{hours} h");
    let ticket = hall.list("tickets").await.remove(0);
    let first_response = &ticket["clocks"][0];
    let left_min = first_response["remaining_ms"].as_f64().expect("it runs") / 60_000.0;
    assert!((55.0..=60.0).contains(&left_min), "{ticket}");
    hall.close();
}

/// Complaint: after a restart everything fires again.
#[tokio::test]
async fn after_a_power_cut_nothing_rings_again_and_what_was_acknowledged_stays_so() {
    let mut hall = Hall::open("");
    hall.press_says("press-1", &[(NOON, 12.0)]).await;
    hall.press_says("press-2", &[(NOON, 12.0)]).await;
    let api = hall.api();
    api.post("alarms/hall/press-1/overload/1/acknowledge", json!({}))
        .await
        .ok();
    assert_eq!(hall.rings(), 2);
    hall.power_cut();
    hall.power_back();
    // the devices say again what they may not have been heard saying, and go on
    for press in ["press-1", "press-2"] {
        hall.press_says(press, &[(NOON, 12.0), (NOON + SECOND, 12.0), (NOON + 2 * SECOND, 12.1)])
            .await;
    }
    assert_eq!(hall.rings(), 2);
    let alarms = hall.list("alarms").await;
    let state = |press: &str| alarms.iter().find(|a| a["device"] == press).expect("it stands")["state"].clone();
    assert_eq!(
        (state("press-1"), state("press-2")),
        (json!("acknowledged"), json!("unacknowledged"))
    );
    assert_eq!(hall.list("tickets").await.len(), 2);
    hall.close();
}

/// Complaint: a changed priority forgets the time that a ticket was paused.
#[test]
fn a_ticket_that_is_made_an_emergency_while_it_waits_keeps_the_time_it_used_and_the_time_it_waited() {
    let mut desk = Desk::with_key_ticket("", "2026-03-02T08:00:00Z");
    desk.at("2026-03-02T08:10:00Z", waits_for_customer());
    let reason = "water on the floor".to_owned();
    let class = TicketClass::Emergency;
    desk.at(
        "2026-03-02T08:40:00Z",
        TicketCommand::Reclass {
            class,
            priority: None,
            reason,
        },
    );
    desk.at("2026-03-02T09:00:00Z", TicketCommand::Resume);
    // an emergency has somebody on site within two hours; ten minutes were used before it waited
    assert_eq!(desk.on_site_due(), "2026-03-02T10:50:00.000Z");
}

/// Complaint: a hold over the night is taken off twice, as hold and as night.
#[test]
fn a_ticket_that_waits_over_night_is_given_the_night_once() {
    let hours =
        "[calendar]\nfrom = \"09:00\"\nuntil = \"18:00\"\n[clocks.key]\nhours = \"working\"\non_site_min = 60\n";
    let mut desk = Desk::with_key_ticket(hours, "2026-03-02T17:40:00Z");
    desk.at("2026-03-02T17:50:00Z", waits_for_customer());
    desk.at("2026-03-03T09:30:00Z", TicketCommand::Resume);
    // 60 working minutes; 10 were used before, 50 are left
    assert_eq!(desk.on_site_due(), "2026-03-03T10:20:00.000Z");
    let mut desk = Desk::with_key_ticket(hours, "2026-03-02T17:40:00Z");
    desk.at("2026-03-02T17:50:00Z", waits_for_customer());
    desk.at("2026-03-02T22:00:00Z", TicketCommand::Resume);
    // resumed in the night: it goes on in the morning
    assert_eq!(desk.on_site_due(), "2026-03-03T09:50:00.000Z");
}

/// Complaint: two issues in Jira after Jira was away.
#[tokio::test]
async fn jira_was_away_and_lost_an_answer_and_the_gateway_lost_power_and_there_is_one_issue() {
    let jira: Arc<Mutex<Jira>> = Arc::default();
    let behind = jira.clone();
    let served = Served::start(move |asked, _| behind.lock().expect("not poisoned").answer(asked));
    let mut hall = Hall::open(&format!(
        "[[outbound.receiver]]\nname = \"jira\"\nkind = \"jira\"\nurl = \"{}\"\ntoken = \"t\"\nproject = \"HALL\"\n",
        served.url()
    ));
    jira.lock().expect("not poisoned").is_away = true;
    hall.press_says("press-1", &[(NOON, 12.0)]).await;
    wait_for("Jira to be asked in vain", Duration::from_secs(20), || {
        (jira.lock().expect("not poisoned").refused > 0).then_some(())
    });
    hall.power_cut();
    jira.lock().expect("not poisoned").is_away = false;
    hall.power_back();
    wait_for("Jira to be told", Duration::from_secs(60), || {
        deliveries(&hall.setup, "waiting").is_empty().then_some(())
    });
    assert_eq!(deliveries(&hall.setup, "dead"), []);
    let issues = jira.lock().expect("not poisoned").issues.clone();
    assert_eq!(issues.len(), 1, "{issues:#?}");
    assert!(issues[0].to_string().contains("forewarn:hall/press-1/overload/1"));
    hall.close();
}

/// Complaint: after a restart nobody is told any more that a ticket is left lying.
#[tokio::test]
async fn a_ticket_that_nobody_takes_up_goes_up_level_by_level_though_the_gateway_lost_power_meanwhile() {
    let now = gateway::clock::Clock::System.now();
    let mut hall = Hall::open_at(
        "[[alerting.escalation]]\nname = \"service\"\nlevels = [\n\
         { tell = [\"person:zhao\"], answer_within_min = 2 },\n\
         { tell = [\"person:wang\"], answer_within_min = 2 },\n\
         { tell = [\"person:li\"], answer_within_min = 2 },\n]\n",
        // a minute passes in a second
        Some(&format!("{now}*60")),
    );
    hall.press_says("press-1", &[(now.0, 12.0)]).await;
    wait_for("the first level", Duration::from_secs(20), || {
        (!people_told(&hall).is_empty()).then_some(())
    });
    assert_eq!(people_told(&hall)[0], "zhao");
    hall.power_cut();
    // wang's turn comes while it is dark
    tokio::time::sleep(Duration::from_secs(3)).await;
    hall.power_back();
    wait_for("the last level", Duration::from_secs(20), || {
        people_told(&hall).contains(&"li".to_owned()).then_some(())
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(people_told(&hall), ["zhao", "wang", "li"], "each once, in their order");
    hall.close();
}

/// Complaint: they had swapped, and who had the night off was called all the same; the one asked for a swap after a power cut.
#[tokio::test]
async fn who_took_the_call_is_told_and_not_who_is_in_the_plan_though_the_gateway_lost_power_meanwhile() {
    let now = gateway::clock::Clock::System.now();
    let mut hall = Hall::open_at(
        "[[alerting.on_call]]\nname = \"night\"\npeople = [\"wang\"]\nbegins = \"2025-01-01\"\n\
         [[alerting.escalation]]\nname = \"service\"\nlevels = [\n\
         { tell = [\"person:zhao\"], answer_within_min = 4 },\n\
         { tell = [\"on_call:night\"], answer_within_min = 4 },\n\
         { tell = [\"on_call:night\", \"person:li\"], answer_within_min = 4 },\n]\n",
        // a minute passes in a second
        Some(&format!("{now}*60")),
    );
    let swap =
        |person: &str| json!({"person": person, "until": (now + Millis::days(20)).to_string(), "reason": "swap"});
    let api = hall.api();
    let taken = api.post("on-call/night/overrides", swap("sun")).await.ok();
    assert_eq!((&taken["id"], &taken["state"]), (&json!("O-000001"), &json!("holds")));
    assert_eq!(api.get("on-call").await.ok()[0]["now"], "sun");
    hall.press_says("press-1", &[(now.0, 12.0)]).await;
    wait_for("the first level", Duration::from_secs(20), || {
        (!people_told(&hall).is_empty()).then_some(())
    });
    hall.power_cut();
    hall.power_back();
    wait_for("the second level", Duration::from_secs(20), || {
        (people_told(&hall).len() > 1).then_some(())
    });
    // the swap is called off before the third level
    let ended = hall.api().delete("on-call/overrides/O-000001").await.ok();
    assert_eq!(
        (&ended["state"], &ended["ended_by"]),
        (&json!("over"), &json!("local operator"))
    );
    assert_eq!(hall.api().delete("on-call/overrides/O-000001").await.status, 404);
    wait_for("the last level", Duration::from_secs(20), || {
        people_told(&hall).contains(&"li".to_owned()).then_some(())
    });
    assert_eq!(people_told(&hall), ["zhao", "sun", "wang", "li"]);
    let api = hall.api();
    assert_eq!(
        api.get("on-call/overrides").await.ok()[0]["state"],
        "over",
        "it stays in the list"
    );
    let audit = api.get("audit?limit=100").await.ok()["items"].to_string();
    assert!(
        audit.contains("on_call.override_made") && audit.contains("on_call.override_ended"),
        "{audit}"
    );
    let late =
        json!({"person": "sun", "from": now.to_string(), "until": (now + Millis::days(70)).to_string(), "reason": "x"});
    let refused = api.post("on-call/night/overrides", late).await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["pointer"]),
        (422, &json!("/from"))
    );
    hall.close();
}

/// Complaint: I gave one star and said why, and nobody called.
#[tokio::test]
async fn one_star_goes_from_the_agent_to_the_management_though_the_gateway_lost_power_meanwhile() {
    let now = gateway::clock::Clock::System.now();
    let mut hall = Hall::open_at(
        "[alerting.follow_up]\nsteps = [\n\
         { tell = [\"person:zhao\"], answer_within_min = 5 },\n\
         { tell = [\"person:wang\"], answer_within_min = 600 },\n\
         { tell = [\"person:li\"], answer_within_min = 600 },\n]\n",
        // a minute passes in a second
        Some(&format!("{now}*60")),
    );
    hall.press_says("press-1", &[(now.0, 12.0)]).await;
    let api = hall.api();
    api.wait_for("tickets", |list| list["items"][0]["id"] == "T-000001")
        .await;
    api.post("tickets/1/close", json!({"outcome": "no_fault_found"}))
        .await
        .ok();
    let call = json!({"write": "call_back", "rating": 1, "text": "it stands still again"});
    let rated = api.post("tickets/1/work", call).await.ok();
    assert_eq!(rated["follow_up"]["step"], "agent", "{rated}");
    hall.power_cut();
    // zhao's time runs out while it is dark
    tokio::time::sleep(Duration::from_secs(6)).await;
    hall.power_back();
    let api = hall.api();
    let listed = api
        .wait_for("tickets?follow_up=true", |list| {
            list["items"][0]["follow_up"]["step"] == "supervisor"
        })
        .await;
    assert_eq!(listed["items"][0]["follow_up"]["is_late"], true);
    let not_yet = api.post("tickets/1/archive", json!({})).await;
    assert_eq!(not_yet.status, 409, "{not_yet:?}");
    let answer = |settled: bool| json!({"agreed": "a technician stays for a day", "settled": settled});
    let higher = api.post("tickets/1/follow-up", answer(false)).await.ok();
    assert_eq!(higher["follow_up"]["step"], "management");
    hall.power_cut();
    hall.power_back();
    let api = hall.api();
    let settled = api.post("tickets/1/follow-up", answer(true)).await.ok();
    assert_eq!(settled["follow_up"], Value::Null);
    assert_eq!(settled["follow_ups"][0]["told"].as_array().map(Vec::len), Some(3));
    assert_eq!(api.get("tickets?follow_up=true").await.ok()["items"], json!([]));
    wait_for("the messages", Duration::from_secs(10), || {
        (steps_told(&hall).len() == 3).then_some(())
    });
    assert_eq!(steps_told(&hall), ["zhao", "wang", "li"], "each once, in their order");
    let review = api.get("review").await.ok();
    let figures = review["figures"].as_array().expect("figures");
    let figure = figures
        .iter()
        .find(|f| f["key"] == "complaints_in_time")
        .expect("the figure");
    assert_eq!((&figure["part"], &figure["of"]), (&json!(0), &json!(1)), "{figure}");
    hall.close();
}

/// Whom bad ratings were told to, in order.
fn steps_told(hall: &Hall) -> Vec<String> {
    let events = hall.told("ticket").into_iter();
    let told = events.filter(|event| event["event"] == "follow_up_told");
    let people = told.flat_map(|event| event["people"].as_array().cloned().unwrap_or_default());
    people.map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// Complaint: the message says that there is an alarm, and not what was measured.
#[tokio::test]
async fn every_notification_has_the_value_and_the_limit() {
    let slack = Served::start(|_, _| Reply::Text(200, "ok"));
    let hall = Hall::open(&format!(
        "[[outbound.receiver]]\nname = \"chat\"\nkind = \"slack\"\nurl = \"{}/x\"\n",
        slack.url()
    ));
    hall.press_says("press-1", &[(NOON, 12.25)]).await;
    let said = "load_a 12.25 is above 10 (the maker's handbook)";
    for kind in ["alarm", "ticket"] {
        let told = hall.told(kind);
        assert!(!told.is_empty(), "{kind}");
        assert!(told.iter().all(|event| event["reason"] == said), "{told:#?}");
    }
    let texts: Vec<Value> = slack.asked().into_iter().map(|asked| asked.body).collect();
    assert!(!texts.is_empty());
    assert!(
        texts.iter().all(|text| text.to_string().contains("12.25")),
        "{texts:#?}"
    );
    hall.close();
}

/// Whom tickets were told to, in order.
fn people_told(hall: &Hall) -> Vec<String> {
    let mut told = Vec::new();
    for event in hall.told("ticket") {
        let is_telling = event["event"] == "told" || event["event"] == "opened";
        for person in event["people"].as_array().into_iter().flatten().filter(|_| is_telling) {
            told.push(person.as_str().expect("a name").to_owned());
        }
    }
    told
}

/// A Jira that is away at times, and once makes an issue and its answer is lost.
#[derive(Default)]
struct Jira {
    is_away: bool,
    refused: u32,
    issues: Vec<Value>,
}

impl Jira {
    fn answer(&mut self, asked: &Asked) -> Reply {
        if self.is_away {
            self.refused += 1;
            return Reply::Later(1);
        }
        let path = asked.path.split('?').next().unwrap_or_default();
        match (asked.method.as_str(), path) {
            ("GET", "/rest/api/2/search") => {
                let fields = json!({"status": {"statusCategory": {"key": "new"}}, "comment": {"comments": []}});
                let found = (1..=self.issues.len()).map(|i| json!({"key": format!("HALL-{i}"), "fields": fields}));
                Reply::Json(200, json!({"issues": found.collect::<Vec<_>>()}))
            }
            ("POST", "/rest/api/2/issue") => {
                self.issues.push(asked.body.clone());
                Reply::Lost
            }
            (_, _) => Reply::Json(201, json!({"id": "1"})),
        }
    }
}

/// A service desk with one ticket of class key.
struct Desk {
    book: Book,
}

impl Desk {
    fn with_key_ticket(config: &str, opened_at: &str) -> Desk {
        let config: AlertingConfig = from_tree(tree_of(config).expect("TOML")).expect("sound");
        let mut book = Book::new(Arc::new(config.check().expect("sound")));
        let profile = Arc::new(shipped::all().into_iter().find(|p| p.id == "pump").expect("shipped"));
        let (now, mode) = (instant(opened_at), FailureModeId::new("bearing_wear").expect("a name"));
        let device = DeviceFacts {
            key: DeviceKey::new("hall", "pump-1").expect("names"),
            model: ModelVersion::of_file(&profile.id, profile.version),
            profile: profile.clone(),
            asset: Asset::default(),
        };
        let change = ConditionChange {
            device: DeviceIndex(0),
            mode: profile.mode_index(mode.as_str()).expect("it has it"),
            failure_mode: mode,
            state: ConditionState::Active {
                severity: Severity::Critical,
            },
            measured_at: now,
            evidence: Vec::new(),
            health: Health::new(30.0),
            prognosis: Prognosis::NotYetKnown,
            model: device.model.clone(),
        };
        book.step(Input::Condition { change, device }, now)
            .expect("never refused");
        let desk = Desk { book };
        assert_eq!(desk.ticket().grade.class, TicketClass::Key);
        desk
    }

    fn ticket(&self) -> &alerting::TicketRecord {
        self.book.ticket(TicketId(1)).expect("it is open")
    }

    fn at(&mut self, when: &str, command: TicketCommand) {
        let (actor, ticket) = (Actor::Person { name: "li".into() }, TicketId(1));
        let input = Input::Command {
            actor,
            command: Command::Ticket { ticket, command },
        };
        self.book.step(input, instant(when)).expect("allowed");
    }

    fn on_site_due(&self) -> String {
        let (ticket, policy) = (self.ticket(), self.book.policy());
        let clock = &ticket.clocks[&ClockKind::OnSite];
        clock
            .due_at(&ticket.terms(policy).calendar)
            .expect("it runs")
            .to_string()
    }
}

fn waits_for_customer() -> TicketCommand {
    TicketCommand::Hold {
        cause: HoldCause::Customer,
        reason: "the line cannot be stopped".into(),
    }
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).expect("an instant")
}
