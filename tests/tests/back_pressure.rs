//! A store that commits once a second, and devices that send as fast as they can: memory stays flat, links stay up, nothing
//! is lost, and in the end everything is acknowledged.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tests::gateway::{GatewaySetup, RunningGateway};
use tests::http::Balance;
use tests::inside;
use tests::outside::{self, Mosquitto, free_port};
use tests::publisher::{publish_all, telemetry};
use tests::raw::{Heard, PING, PONG, PUBACK, RawLink, publish_packet};
use tests::wait::wait_for;

/// One commit a second.
const SLOW_STORE: &str = "[store]\ncommit_interval_ms = 1000\n";
const SENDING: Duration = Duration::from_secs(8);
const LINKS: usize = 4;
/// What each link has on the way at most: three times the gateway's window.
const ON_THE_WAY: u64 = 3_000;
/// A client with a keep-alive of so many seconds gives a server up that does not answer its ping.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How much memory may grow from the second second on. The windows of all links hold 4 × 1,000 messages: far below this.
const GROWTH_LIMIT_BYTES: u64 = 24 << 20;

/// Watches a gateway's memory until told to stop: where it stood after two seconds, and the most after that.
fn watch_memory(gateway: &RunningGateway, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<(u64, u64)> {
    let (pid, http) = (gateway.pid(), gateway.http.expect("it has pages"));
    std::thread::spawn(move || {
        let resident = || {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
            let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("Linux says it");
            line.split_whitespace()
                .nth(1)
                .and_then(|kib| kib.parse::<u64>().ok())
                .expect("a number")
                * 1024
        };
        let began = Instant::now();
        let (mut early, mut most) = (0, 0);
        while !stop.load(Ordering::Acquire) {
            let now = resident();
            // every message is accounted for at any moment
            Balance::scrape(http);
            if began.elapsed() < Duration::from_secs(2) {
                early = now;
            } else {
                most = most.max(now);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        (early, most)
    })
}

fn assert_flat(what: &str, (early, most): (u64, u64)) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    eprintln!(
        "{what}: {:.1} MiB resident after 2 s, at most {:.1} MiB later",
        mib(early),
        mib(most)
    );
    assert!(
        most < early + GROWTH_LIMIT_BYTES,
        "memory grew from {:.1} to {:.1} MiB",
        mib(early),
        mib(most)
    );
}

/// What one link saw.
struct Seen {
    sent: u64,
    acknowledged: u64,
    slowest_ping: Duration,
}

/// Sends as fast as the link takes it, with at most [`ON_THE_WAY`] unacknowledged, for [`SENDING`]; pings every second.
fn flood(port: u16, number: usize) -> Seen {
    let mut link = RawLink::connect(port, &format!("flood-{number}"), KEEP_ALIVE.as_secs() as u16);
    let mut writer = link.writer();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let (pings, answered) = (std::sync::mpsc::channel(), Arc::new(AtomicU64::new(0)));
    let (ping_sent, ping_times) = pings;
    let sending = std::thread::spawn({
        let (acknowledged, topic) = (acknowledged.clone(), format!("forewarn/site/flood-{number}/telemetry"));
        move || {
            let began = Instant::now();
            let (mut sent, mut last_ping) = (0u64, began);
            while began.elapsed() < SENDING {
                if last_ping.elapsed() >= Duration::from_secs(1) {
                    last_ping = Instant::now();
                    ping_sent.send(last_ping).expect("the test runs");
                    writer.write_all(&PING).expect("the link stays up");
                }
                if sent - acknowledged.load(Ordering::Acquire) >= ON_THE_WAY {
                    std::thread::sleep(Duration::from_millis(5));
                    continue;
                }
                let payload = format!(
                    r#"{{"seq":{sent},"boot":"f","metrics":{{"vibration":{}.5,"temperature":40.25}}}}"#,
                    sent % 100
                );
                let id = (sent % 60_000) as u16 + 1;
                writer
                    .write_all(&publish_packet(topic.as_bytes(), payload.as_bytes(), 1, id))
                    .expect("the link stays up");
                sent += 1;
            }
            sent
        }
    });
    let (mut acks, mut slowest) = (0u64, Duration::ZERO);
    let mut sent = None;
    let mut sending = Some(sending);
    loop {
        match link.hear(KEEP_ALIVE) {
            Heard::Packet(PUBACK, id) => {
                let expected = (acks % 60_000) as u16 + 1;
                assert_eq!(id, expected.to_be_bytes(), "acknowledgements come in order");
                acks += 1;
                acknowledged.store(acks, Ordering::Release);
            }
            Heard::Packet(PONG, _) => {
                let asked = ping_times.recv().expect("a ping was sent before");
                slowest = slowest.max(asked.elapsed());
                answered.fetch_add(1, Ordering::Relaxed);
            }
            other => panic!("link {number} after {acks} acknowledgements: {other:?}"),
        }
        if sending.as_ref().is_some_and(std::thread::JoinHandle::is_finished) {
            sent = sending.take().map(|s| s.join().expect("the link stayed up"));
        }
        if sent == Some(acks) {
            break;
        }
    }
    assert!(
        answered.load(Ordering::Relaxed) >= 5,
        "pings were answered all the while"
    );
    Seen {
        sent: sent.expect("joined"),
        acknowledged: acks,
        slowest_ping: slowest,
    }
}

#[test]
fn a_slow_store_holds_back_devices_that_are_fast() {
    let setup = GatewaySetup::new(&format!("[listener]\nbind = \"127.0.0.1:0\"\n{SLOW_STORE}"));
    let gateway = setup.start();
    let port = gateway.mqtt_port();
    let stop = Arc::new(AtomicBool::new(false));
    let memory = watch_memory(&gateway, stop.clone());
    let floods: Vec<_> = (0..LINKS)
        .map(|number| std::thread::spawn(move || flood(port, number)))
        .collect();
    let seen: Vec<Seen> = floods
        .into_iter()
        .map(|f| f.join().expect("a link that stayed up"))
        .collect();
    stop.store(true, Ordering::Release);
    assert_flat("listener", memory.join().expect("watched"));
    let slowest = seen.iter().map(|s| s.slowest_ping).max().expect("links");
    let sent: u64 = seen.iter().map(|s| s.sent).sum();
    let acknowledged: u64 = seen.iter().map(|s| s.acknowledged).sum();
    eprintln!("listener: {sent} sent on {LINKS} links, all acknowledged, slowest ping {slowest:?}");
    assert_eq!(sent, acknowledged);
    assert!(
        sent > 1_000 * LINKS as u64,
        "the store was the limit, not the test: {sent}"
    );
    assert!(slowest < KEEP_ALIVE, "{slowest:?}");
    gateway.kill();
    // a power cut after the last acknowledgement takes nothing
    assert_eq!(
        setup.output(&["history", "count", "--total"]).trim(),
        (2 * sent).to_string()
    );
}

#[tokio::test]
async fn a_slow_store_holds_back_a_broker() {
    if !outside::is_installed("mosquitto") {
        return;
    }
    const MESSAGES: u64 = 20_000;
    let folder = tempfile::tempdir().expect("temporary folder");
    let broker = Mosquitto::start(folder.path(), free_port(), false, "");
    let config = format!("[broker]\nport = {}\nkeep_alive_s = 10\n{SLOW_STORE}", broker.port);
    let setup = GatewaySetup::new(&config);
    let gateway = setup.start();
    wait_for("the gateway to be connected", Duration::from_secs(10), || {
        setup.log().contains("connected to the broker").then_some(())
    });
    let stop = Arc::new(AtomicBool::new(false));
    let memory = watch_memory(&gateway, stop.clone());
    let messages: Vec<_> = (0..MESSAGES)
        .map(|i| {
            telemetry(
                "site",
                "fast",
                1_760_000_000_000 + i as i64 * 1_000,
                i,
                "vibration",
                1.0,
            )
        })
        .collect();
    let began = Instant::now();
    publish_all("fast", &messages, 100, || Some(broker.port), |_| {}).await;
    let published = began.elapsed();
    let stored = || {
        setup
            .output(&["history", "count", "--total"])
            .trim()
            .parse::<u64>()
            .expect("a number")
    };
    wait_for("everything to be stored", Duration::from_secs(60), || {
        (stored() >= MESSAGES).then_some(())
    });
    let commits = inside::number(&setup.data(), "SELECT count(*) FROM journal");
    let largest = inside::number(&setup.data(), "SELECT max(messages) FROM journal");
    eprintln!("broker: {commits} commits, the largest of {largest} messages");
    eprintln!(
        "broker: {MESSAGES} published in {published:?}, stored after {:?}",
        began.elapsed()
    );
    stop.store(true, Ordering::Release);
    assert_flat("broker", memory.join().expect("watched"));
    assert_eq!(stored(), MESSAGES);
    assert!(!setup.log().contains("no link to the broker"), "{}", setup.log());
    gateway.stop();
}
