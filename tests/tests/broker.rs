//! A site's own broker, and all that happens to it: restarts with and without memory, absence, a link that is half open,
//! somebody else with our name. We come back, subscribe again, lose nothing that was promised, and say where there may be a gap.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::outside::{self, Mosquitto, free_port};
use tests::publisher::{Outgoing, publish_all, telemetry};
use tests::raw::RawLink;
use tests::wait::wait_for;

const SOON: Duration = Duration::from_secs(20);
const START_MS: i64 = 1_760_000_000_000;

struct Site {
    folder: tempfile::TempDir,
    port: u16,
    setup: GatewaySetup,
}

impl Site {
    /// None if Mosquitto is not installed. Our client reaches the broker at `through`, or directly.
    fn new(through: Option<u16>, extra: &str) -> Option<Site> {
        if !outside::is_installed("mosquitto") {
            return None;
        }
        let port = free_port();
        let config = format!(
            "[broker]\nport = {}\nreconnect_max_ms = 500\n{extra}",
            through.unwrap_or(port)
        );
        let folder = tempfile::tempdir().expect("temporary folder");
        Some(Site {
            folder,
            port,
            setup: GatewaySetup::new(&config),
        })
    }

    fn broker(&self, persistence: bool) -> Mosquitto {
        Mosquitto::start(self.folder.path(), self.port, persistence, "")
    }

    fn gateway(&self) -> RunningGateway {
        let gateway = self.setup.start();
        self.wait_for_log("connected to the broker", 1);
        gateway
    }

    fn times_logged(&self, words: &str) -> usize {
        self.setup.log().matches(words).count()
    }

    fn wait_for_log(&self, words: &str, times: usize) {
        wait_for(&format!("{words:?} in the log {times} times"), SOON, || {
            (self.times_logged(words) >= times).then_some(())
        });
    }

    async fn publish(&self, messages: &[Outgoing]) {
        publish_all("device", messages, 20, || Some(self.port), |_| {}).await;
    }

    fn stored(&self) -> usize {
        self.setup
            .output(&["history", "count", "--total"])
            .trim()
            .parse()
            .expect("a number")
    }

    fn wait_for_stored(&self, count: usize) {
        wait_for(&format!("{count} readings to be stored"), SOON, || {
            (self.stored() >= count).then_some(())
        });
        assert_eq!(self.stored(), count, "each once");
    }
}

/// Readings with these numbers.
fn readings(numbers: std::ops::Range<u64>) -> Vec<Outgoing> {
    numbers
        .map(|i| {
            telemetry(
                "site",
                "device",
                START_MS + i as i64 * 1_000,
                i,
                "vibration",
                1.0 + (i % 7) as f64,
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_remembers_loses_nothing_over_its_restart() {
    let Some(site) = Site::new(None, "") else { return };
    let broker = site.broker(true);
    let gateway = site.gateway();
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let port = site.port;
    let publishing = tokio::spawn({
        let acknowledged = acknowledged.clone();
        async move {
            let count = |_| {
                acknowledged.fetch_add(1, Ordering::Relaxed);
            };
            publish_all("device", &readings(0..3_000), 20, || Some(port), count).await;
        }
    });
    let reached = |count: usize| {
        let acknowledged = acknowledged.clone();
        move || (acknowledged.load(Ordering::Relaxed) >= count).then_some(())
    };
    wait_for("the broker to be busy", SOON, reached(300));
    broker.stop();
    let broker = site.broker(true);
    publishing.await.expect("published");
    site.wait_for_stored(3_000);
    site.wait_for_log("connected to the broker", 2);
    assert!(
        site.setup.log().contains("session_present=true"),
        "the session was kept"
    );
    assert_eq!(
        site.times_logged("messages may be missing"),
        1,
        "only the first connection had no session"
    );
    gateway.stop();
    drop(broker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_forgets_is_subscribed_to_again_and_a_gap_is_told() {
    let Some(site) = Site::new(None, "") else { return };
    let broker = site.broker(false);
    let gateway = site.gateway();
    site.publish(&readings(0..500)).await;
    // what the broker had not delivered when it died is lost by the broker; here all was delivered
    site.wait_for_stored(500);
    broker.kill();
    site.wait_for_log("no link to the broker", 1);
    let _broker = site.broker(false);
    site.wait_for_log("connected to the broker", 2);
    site.wait_for_log("messages may be missing", 2);
    // its acknowledgement comes after ours, so the subscription is there by then
    tokio::time::sleep(Duration::from_millis(300)).await;
    site.publish(&readings(500..1_000)).await;
    site.wait_for_stored(1_000);
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_absent_at_the_start_is_waited_for() {
    let Some(site) = Site::new(None, "") else { return };
    let gateway = site.setup.start();
    site.wait_for_log("no link to the broker", 2);
    let _broker = site.broker(true);
    site.wait_for_log("connected to the broker", 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    site.publish(&readings(0..200)).await;
    site.wait_for_stored(200);
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_was_away_gets_what_came_meanwhile() {
    let Some(site) = Site::new(None, "") else { return };
    let _broker = site.broker(true);
    site.gateway().kill();
    site.publish(&readings(0..2_000)).await;
    let gateway = site.setup.start();
    site.wait_for_stored(2_000);
    gateway.stop();
}

/// Passes bytes both ways until it is told to forward nothing more on the links it has; their sockets stay open.
struct Proxy {
    port: u16,
    frozen: Arc<AtomicUsize>,
    opened: Arc<AtomicUsize>,
}

impl Proxy {
    fn start(target: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (frozen, opened) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let shared = (frozen.clone(), opened.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let number = shared.1.fetch_add(1, Ordering::AcqRel) + 1;
                let Ok(server) = TcpStream::connect(("127.0.0.1", target)) else {
                    continue;
                };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
                    let frozen = shared.0.clone();
                    std::thread::spawn(move || pass(from, to, number, &frozen));
                }
            }
        });
        Proxy { port, frozen, opened }
    }

    /// From now on nothing is heard on the links there are.
    fn freeze(&self) {
        self.frozen
            .store(self.opened.load(Ordering::Acquire), Ordering::Release);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, number: usize, frozen: &AtomicUsize) {
    let mut buffer = [0; 16_384];
    while let Ok(count) = from.read(&mut buffer) {
        if frozen.load(Ordering::Acquire) >= number {
            // the sockets stay open as long as this thread: the other sides are told nothing
            std::thread::sleep(Duration::from_secs(60));
            return;
        }
        if count == 0 || to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    to.shutdown(std::net::Shutdown::Both).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_is_half_open_is_noticed_and_made_anew() {
    if !outside::is_installed("mosquitto") {
        return;
    }
    let target = free_port();
    let proxy = Proxy::start(target);
    let Some(mut site) = Site::new(Some(proxy.port), "keep_alive_s = 1\n") else {
        return;
    };
    site.port = target;
    let _broker = site.broker(true);
    let gateway = site.gateway();
    site.publish(&readings(0..100)).await;
    site.wait_for_stored(100);
    proxy.freeze();
    let frozen_at = std::time::Instant::now();
    site.publish(&readings(100..300)).await;
    site.wait_for_log("connected to the broker", 2);
    eprintln!(
        "half-open link noticed and replaced after {:?} at a keep-alive of 1 s",
        frozen_at.elapsed()
    );
    site.wait_for_stored(300);
    assert_eq!(
        site.times_logged("messages may be missing"),
        1,
        "the broker kept the session"
    );
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_with_our_name_is_survived_and_the_gap_is_told() {
    let Some(site) = Site::new(None, "client_id = \"forewarn-1\"\n") else {
        return;
    };
    let _broker = site.broker(true);
    let gateway = site.gateway();
    site.publish(&readings(0..100)).await;
    site.wait_for_stored(100);
    // with a clean session it also wipes out ours at the broker
    let intruder = RawLink::connect(site.port, "forewarn-1", 30);
    site.wait_for_log("no link to the broker", 1);
    drop(intruder);
    site.wait_for_log("connected to the broker", 2);
    site.wait_for_log("messages may be missing", 2);
    tokio::time::sleep(Duration::from_millis(300)).await;
    site.publish(&readings(100..300)).await;
    site.wait_for_stored(300);
    gateway.stop();
}

#[test]
fn a_device_that_connects_twice_keeps_one_link_and_loses_nothing() {
    let setup = GatewaySetup::new("[listener]\nbind = \"127.0.0.1:0\"\n");
    let gateway = setup.start();
    let mut first = RawLink::connect(gateway.mqtt_port(), "twin", 30);
    for i in 0..50u16 {
        let message = &readings(u64::from(i)..u64::from(i) + 1)[0];
        assert!(first.publish(message.topic.as_bytes(), &message.payload, i + 1));
    }
    let mut acknowledged = 0;
    while acknowledged < 25 {
        acknowledged += usize::from(matches!(
            first.hear(SOON),
            tests::raw::Heard::Packet(tests::raw::PUBACK, _)
        ));
    }
    let mut second = RawLink::connect(gateway.mqtt_port(), "twin", 30);
    let closed = AtomicBool::new(false);
    while !closed.load(Ordering::Relaxed) {
        match first.hear(SOON) {
            tests::raw::Heard::Packet(_, _) => acknowledged += 1,
            tests::raw::Heard::Closed => closed.store(true, Ordering::Relaxed),
            tests::raw::Heard::Silence => panic!("the first link is closed"),
        }
    }
    let message = &readings(50..51)[0];
    assert!(second.publish(message.topic.as_bytes(), &message.payload, 1));
    assert!(matches!(
        second.hear(SOON),
        tests::raw::Heard::Packet(tests::raw::PUBACK, _)
    ));
    gateway.stop();
    let stored: usize = setup
        .output(&["history", "count", "--total"])
        .trim()
        .parse()
        .expect("a number");
    assert!(
        (acknowledged + 1..=51).contains(&stored),
        "{acknowledged} acknowledged, {stored} stored"
    );
}
