//! Kills the gateway where it hurts, again and again, and compares what it knows in the end with a run that nobody disturbed:
//! every acknowledged reading exactly once with its exact value, the same alarms, the same tickets, the same audit trail.
//!
//! `FOREWARN_TEST_SEED` repeats a run, `FOREWARN_KILLS` sets how often it is killed at random moments (default 50 for each way in).

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::load::{Load, Sending};
use tests::outcome::{Outcome, deliveries};
use tests::outside::{Mosquitto, free_port, is_installed};
use tests::receiver::{Answer, Receiver, check_events};
use tests::seed::{number, seed};
use tests::wait::wait_for;

/// How long everything may take to be acknowledged after the last kill.
const DRAIN: Duration = Duration::from_secs(120);
/// A restart must be ready within.
const READY: Duration = Duration::from_secs(5);
/// Messages of each device in the load that is killed at random moments, for each kill.
const MESSAGES_PER_KILL: usize = 80;
/// Messages of each device in the load that is killed at failpoints.
const MESSAGES: usize = 800;
/// Unacknowledged messages of each device.
const WINDOW: usize = 20;

const LISTENER: &str = "[listener]\nbind = \"127.0.0.1:0\"\n";
/// Checkpoints, replay, trimming and sealing all happen within the lives of this test. What people are told at most, and what
/// is a flood, depends on our clock, which differs from run to run.
const COMMON: &str = "[devices]\nregistry = \"registry.toml\"\nprofiles = \"profiles\"\n\
    [store]\ncheckpoint_every_ms = 200\n[history]\nseal_after_s = 1\n\
    [alerting.storms]\nnotices = 0\nflood_above = 1000\n";

fn kills() -> usize {
    number("FOREWARN_KILLS", 50) as usize
}

fn setup(ways_in: &str) -> GatewaySetup {
    let setup = GatewaySetup::new(&format!("{ways_in}{COMMON}"));
    Load::write_profiles(setup.folder());
    setup
}

/// A load and what an unbroken run makes of it.
struct Reference {
    load: Load,
    outcome: Outcome,
}

impl Reference {
    fn new(messages: usize, more_config: &str) -> Reference {
        let load = Load::new(seed(), messages);
        let setup = setup(&format!("{LISTENER}{more_config}"));
        let gateway = setup.start();
        let sending = Sending::start(&load, WINDOW);
        sending.connect_to(gateway.mqtt_port());
        let began = Instant::now();
        sending.finish(DRAIN);
        eprintln!("unbroken: {} messages in {:?}", load.messages(), began.elapsed());
        gateway.stop();
        let outcome = Outcome::read(&setup);
        let modes: BTreeSet<&str> = outcome
            .alarms
            .values()
            .filter_map(|a| a["failure_mode"].as_str())
            .collect();
        for mode in ["bearing_wear", "cavitation", "seal_leak"] {
            assert!(modes.contains(mode), "the load raises no {mode}, only {modes:?}");
        }
        assert!(
            outcome.tickets.keys().any(|key| key.contains("plan.")),
            "no maintenance came due: {:?}",
            outcome.tickets.keys()
        );
        assert!(!modes.contains("no_data"), "silence depends on our clock: {modes:?}");
        outcome.check_against(&load.readings, &outcome);
        Reference { load, outcome }
    }

    /// For kills at random moments.
    fn long() -> &'static Reference {
        static LONG: OnceLock<Reference> = OnceLock::new();
        LONG.get_or_init(|| Reference::new(MESSAGES_PER_KILL * kills(), ""))
    }

    /// For kills at failpoints.
    fn short() -> &'static Reference {
        static SHORT: OnceLock<Reference> = OnceLock::new();
        SHORT.get_or_init(|| Reference::new(MESSAGES, ""))
    }
}

/// The ways in: our listener, or a broker in between.
enum Way {
    Listener,
    Broker(Mosquitto),
}

/// What a run with kills was like.
#[derive(Debug, Default)]
struct Figures {
    kills: usize,
    slowest_start: Duration,
    took: Duration,
}

impl Figures {
    fn started(&mut self, gateway: &RunningGateway) {
        assert!(
            gateway.ready_after < READY,
            "ready only after {:?}",
            gateway.ready_after
        );
        self.slowest_start = self.slowest_start.max(gateway.ready_after);
    }
}

impl Way {
    /// The broker keeps what it acknowledged from the moment the gateway has subscribed: so the gateway once runs alone.
    fn broker(folder: &GatewaySetup, port: u16) -> Way {
        let broker = Mosquitto::start(folder.folder(), port, true, "log_type subscribe\nlog_type error");
        let log = folder.folder().join("mosquitto.log");
        let gateway = folder.start();
        wait_for("the gateway to subscribe", Duration::from_secs(10), || {
            std::fs::read_to_string(&log)
                .is_ok_and(|text| text.contains("forewarn/+/+/telemetry"))
                .then_some(())
        });
        gateway.stop();
        Way::Broker(broker)
    }

    /// Devices can connect again.
    fn open(&self, sending: &Sending, gateway: &RunningGateway) {
        match self {
            Way::Listener => sending.connect_to(gateway.mqtt_port()),
            Way::Broker(broker) => sending.connect_to(broker.port),
        }
    }

    /// The gateway is about to be gone.
    fn close(&self, sending: &Sending) {
        match self {
            Way::Listener => sending.connect_to(0),
            Way::Broker(_) => {}
        }
    }

    /// The last life: everything is acknowledged, a broker's queue is empty, and whatever else the test waits for is there.
    fn drain(
        &self,
        setup: &GatewaySetup,
        sending: Sending,
        mut gateway: RunningGateway,
        points: usize,
        also: &dyn Fn() -> bool,
    ) {
        self.open(&sending, &gateway);
        sending.finish(DRAIN);
        let count = || {
            setup
                .output(&["history", "count", "--total"])
                .trim()
                .parse::<usize>()
                .expect("a number")
        };
        let began = Instant::now();
        // a wrong count is left to the comparison, which can say what differs
        while (count() < points || !also()) && began.elapsed() < DRAIN / 4 {
            assert!(
                !gateway.has_ended(),
                "the gateway ended by itself; see its log:\n{}",
                setup.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        gateway.stop();
    }
}

/// Lives of 50 to 600 ms, each ended by SIGKILL while devices send.
fn kill_at_random_moments(setup: &mut GatewaySetup, way: &Way, shards: impl Fn(usize) -> usize) {
    let (reference, kills) = (Reference::long(), kills());
    let mut rng = ChaCha8Rng::seed_from_u64(seed() ^ 0x6b69_6c6c);
    let sending = Sending::start(&reference.load, WINDOW);
    let (mut figures, began) = (Figures::default(), Instant::now());
    let mut start = |life: usize, figures: &mut Figures| {
        setup.set("FOREWARN__INGEST__SHARDS", &shards(life).to_string());
        let gateway = setup.start();
        figures.started(&gateway);
        gateway
    };
    for life in 0..kills {
        let gateway = start(life, &mut figures);
        way.open(&sending, &gateway);
        let (life_ms, born) = (rng.random_range(50..=600u64), Instant::now());
        loop {
            // the share of this life in the load, evenly over the life, so that it is killed while devices send
            let elapsed = (born.elapsed().as_millis() as u64).min(life_ms);
            let share = MESSAGES_PER_KILL as u64 * elapsed / life_ms;
            sending.allow(life * MESSAGES_PER_KILL + share as usize);
            if elapsed == life_ms {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        way.close(&sending);
        gateway.kill();
        figures.kills += 1;
    }
    let gateway = start(kills, &mut figures);
    way.drain(setup, sending, gateway, reference.outcome.readings.len(), &|| true);
    figures.took = began.elapsed();
    eprintln!("{figures:?}, {} readings", reference.load.readings.len());
    Outcome::read(setup).check_against(&reference.load.readings, &reference.outcome);
    // the audit trail is a chain without a gap
    setup.output(&["audit", "verify"]);
}

/// Lives that end by themselves: the first when it comes by the failpoint once, the second at the second time, and so on.
/// `also` is waited for in the last life, in which no failpoint is armed.
fn kill_at_failpoint(
    setup: &mut GatewaySetup,
    way: &Way,
    failpoint: &str,
    lives: usize,
    also: impl Fn(&GatewaySetup) -> bool,
) {
    let reference = Reference::short();
    let sending = Sending::start(&reference.load, WINDOW);
    let (mut figures, began) = (Figures::default(), Instant::now());
    for count in 1..=lives {
        setup.set("FOREWARN_FAILPOINT", &format!("{failpoint}:{count}"));
        let Some(mut gateway) = setup.try_start() else {
            figures.kills += 1;
            continue;
        };
        figures.started(&gateway);
        way.open(&sending, &gateway);
        sending.allow(usize::MAX);
        let born = Instant::now();
        while !gateway.has_ended() && born.elapsed() < Duration::from_secs(3) {
            std::thread::sleep(Duration::from_millis(5));
        }
        way.close(&sending);
        figures.kills += usize::from(gateway.has_ended());
        gateway.kill();
    }
    assert!(
        figures.kills > lives / 2,
        "{failpoint} was reached only {} times:\n{}",
        figures.kills,
        setup.log()
    );
    setup.unset("FOREWARN_FAILPOINT");
    let gateway = setup.start();
    figures.started(&gateway);
    let also = || also(setup);
    way.drain(setup, sending, gateway, reference.outcome.readings.len(), &also);
    figures.took = began.elapsed();
    eprintln!("{failpoint}: {figures:?}, {} readings", reference.load.readings.len());
    Outcome::read(setup).check_against(&reference.load.readings, &reference.outcome);
    // the audit trail is a chain without a gap
    setup.output(&["audit", "verify"]);
}

fn with_broker() -> Option<(GatewaySetup, Way)> {
    if !is_installed("mosquitto") {
        return None;
    }
    let port = free_port();
    let setup = setup(&format!("[broker]\nport = {port}\n"));
    let way = Way::broker(&setup, port);
    Some((setup, way))
}

#[test]
fn killed_at_any_moment_the_listener_keeps_what_it_acknowledged() {
    // with another number of threads in each life
    kill_at_random_moments(&mut setup(LISTENER), &Way::Listener, |life| 1 + life % 4);
}

#[test]
fn killed_at_any_moment_the_client_of_a_broker_keeps_what_the_broker_acknowledged() {
    let Some((mut setup, way)) = with_broker() else { return };
    kill_at_random_moments(&mut setup, &way, |_| 2);
}

#[test]
fn killed_before_a_commit_nothing_is_half_there() {
    kill_at_failpoint(&mut setup(LISTENER), &Way::Listener, "before_commit", 12, |_| true);
}

#[test]
fn killed_between_commit_and_acknowledgement_nothing_is_doubled() {
    kill_at_failpoint(
        &mut setup(LISTENER),
        &Way::Listener,
        "after_commit_before_ack",
        12,
        |_| true,
    );
}

#[test]
fn killed_after_a_ticket_was_inserted_no_ticket_is_doubled() {
    kill_at_failpoint(&mut setup(LISTENER), &Way::Listener, "after_ticket_insert", 4, |_| true);
}

#[test]
fn killed_at_failpoints_behind_a_broker_nothing_is_lost_or_doubled() {
    for (failpoint, lives) in [
        ("before_commit", 8),
        ("after_commit_before_ack", 8),
        ("after_ticket_insert", 4),
    ] {
        let Some((mut setup, way)) = with_broker() else { return };
        kill_at_failpoint(&mut setup, &way, failpoint, lives, |_| true);
    }
}

#[test]
fn killed_after_a_webhook_was_sent_every_event_arrives_and_repeats_keep_their_id() {
    let receiver = Receiver::start(0, |_, _| Answer::Status(204));
    let hook = format!(
        "[[outbound.webhook]]\nname = \"desk\"\nurl = \"{}\"\nwants_everything = true\n",
        receiver.url()
    );
    let mut setup = setup(&format!("{LISTENER}{hook}"));
    kill_at_failpoint(&mut setup, &Way::Listener, "after_webhook_send", 8, |setup| {
        deliveries(setup, "waiting").is_empty()
    });
    let received = receiver.received();
    check_events(&received);
    let ids: BTreeSet<String> = received.iter().map(|r| r.id().to_owned()).collect();
    eprintln!("{} events in {} requests", ids.len(), received.len());
    assert!(received.len() > ids.len(), "a kill after sending must give a repeat");
    let outcome = Outcome::read(&setup);
    let (services, changes): (BTreeSet<String>, BTreeSet<String>) =
        ids.into_iter().partition(|id| id.ends_with("/service"));
    assert_eq!(changes, outcome.event_ids());
    assert!(
        services.len() >= outcome.tickets.len(),
        "each ticket begins a service: {services:?}"
    );
}

#[test]
fn one_thread_and_four_come_to_the_same_alarms() {
    let reference = Reference::short();
    for shards in ["1", "4"] {
        let mut setup = setup(LISTENER);
        setup.set("FOREWARN__INGEST__SHARDS", shards);
        let gateway = setup.start();
        let sending = Sending::start(&reference.load, WINDOW);
        sending.connect_to(gateway.mqtt_port());
        sending.finish(DRAIN);
        gateway.stop();
        Outcome::read(&setup).check_against(&reference.load.readings, &reference.outcome);
    }
}

#[test]
fn devices_that_are_silent_do_not_keep_the_journal_of_the_others() {
    let mut setup = setup(LISTENER);
    setup.set("FOREWARN__INGEST__SHARDS", "4");
    let gateway = setup.start();
    let mut load = Load::new(1, 20_000);
    load.devices.truncate(1);
    let sending = Sending::start(&load, WINDOW);
    sending.connect_to(gateway.mqtt_port());
    let database = rusqlite::Connection::open(setup.data().join("forewarn.db")).expect("opens");
    let mut allowed = 0;
    wait_for("the journal to be cut", Duration::from_secs(20), || {
        allowed += 10;
        sending.allow(allowed);
        let span = "SELECT count(*), coalesce(max(position), 0) FROM journal";
        let (kept, last): (i64, i64) = database
            .query_row(span, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("reads");
        (last > 200 && kept < last / 2).then_some(())
    });
}
