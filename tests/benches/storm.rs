//! How a storm is stood: `cargo bench -p tests --bench storm [-- DEVICES SECONDS]`, by default 10,000 devices that alarm within
//! 10 s; 0 s is as fast as they can send.
//!
//! Two storms, each with a gateway of its own, in this process: (a) one site loses its supply; (b) faults that have nothing to
//! do with each other, five failure modes over 500 sites. For each: alarms in the list, incidents, what people are told by
//! webhook, how long from the reading sent until the alarm is on disk (and readable) and until its MQTT message is with a
//! subscriber, memory, and how long a restart takes with all that standing. Nothing is asserted by time.

use domain::registry::Registry;
use gateway::app::Gateway;
use gateway::clock::Clock;
use gateway::config::{Checked, Config};
use gateway::pipeline::commit::Changed;
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tests::api::Api;
use tests::raw::publish_packet;
use tests::receiver::{Answer, Receiver};
use tokio::sync::broadcast::error::RecvError;

const CONNECTIONS: usize = 4;
/// Unacknowledged messages of a connection.
const WINDOW: u64 = 500;
/// Readings of each device before its fault.
const CALM: usize = 3;
const MODES: usize = 5;
const SITES: usize = 500;
const START_MS: i64 = 1_790_000_000_000;
/// How long until the last alarm is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Storm {
    /// Every machine of one site loses its supply.
    Supply,
    /// Each machine has a fault of its own.
    Independent,
}

impl Storm {
    fn key(self, device: usize) -> String {
        match self {
            Storm::Supply => format!("harbour/dev-{device:05}"),
            Storm::Independent => format!("site-{:03}/dev-{device:05}", device % SITES),
        }
    }

    /// Five values, one of which is bad in a fault.
    fn payload(self, device: usize, step: usize, is_faulty: bool) -> String {
        let bad = match self {
            Storm::Supply => 0,
            // every mode on four machines of a site: one fewer than what looks like one cause
            Storm::Independent => device / SITES % MODES,
        };
        let values: Vec<String> = (0..MODES)
            .map(|m| {
                let value = if is_faulty && m == bad { 9.0 } else { 1.0 };
                format!("\"m{m}\":{:.3}", value + (device * 7 + step) as f64 % 10.0 / 100.0)
            })
            .collect();
        let at = START_MS + step as i64 * 1_000 + (device % 1_000) as i64;
        format!("{{\"ts\":{at},\"metrics\":{{{}}}}}", values.join(","))
    }
}

fn profile() -> String {
    let mut text = String::from(
        "profile = \"storm\"\ntitle = { en = \"Machine\", zh = \"设备\" }\nexpected_interval_ms = 1000\n\
         [absence]\nafter_ms = 86400000\n[alarm]\nraise_after = 1\nclear_after = 1\non_delay_ms = 0\noff_delay_ms = 0\n",
    );
    for m in 0..MODES {
        text += &format!("[metrics.m{m}]\nunit = \"V\"\n");
    }
    for m in 0..MODES {
        text += &format!(
            "[[limit]]\nid = \"m{m}_high\"\nmetric = \"m{m}\"\nwarning = 5.0\ndeadband = 0.5\nsource = \"benchmark\"\n\
             [[failure_mode]]\nid = \"fault_{m}\"\ntitle = {{ en = \"Fault {m}\", zh = \"故障{m}\" }}\nany_of = [\"m{m}_high\"]\n\
             ticket_from = \"warning\"\naction = {{ en = \"Inspect the machine\", zh = \"检查设备\" }}\n"
        );
    }
    text
}

fn configuration(data: &Path, webhook: &str) -> anyhow::Result<Checked> {
    let mut config: Config = toml::from_str(&format!(
        "[listener]\nbind = \"127.0.0.1:0\"\n[web]\nbind = \"127.0.0.1:0\"\n\
         [alerting.storms]\none_ticket_modes = [\"fault_0\"]\nwait_s = 5\n\
         [[outbound.webhook]]\nname = \"desk\"\nurl = \"{webhook}\"\n"
    ))?;
    config.data = data.to_owned();
    config.devices.new_devices_per_day = 1_000_000;
    config.ingest.messages_per_second = 0.0;
    let mut checked = Checked::of(config).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    checked
        .profiles
        .push(domain::profile::parse(&profile()).map_err(|problems| anyhow::anyhow!("{problems:?}"))?);
    checked.registry = Registry::parse("[[assign]]\nprofile = \"storm\"\n").map_err(|p| anyhow::anyhow!("{p:?}"))?;
    Ok(checked)
}

fn main() -> anyhow::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let devices = numbers.first().copied().unwrap_or(10_000);
    let seconds = numbers.get(1).copied().unwrap_or(10);
    let pace = Duration::from_secs(seconds as u64);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for (storm, name) in [
        (Storm::Supply, "(a) one site loses its supply"),
        (Storm::Independent, "(b) independent faults, five modes over 500 sites"),
    ] {
        println!("{name}: {devices} devices within {seconds} s");
        run(&runtime, storm, devices, pace)?;
    }
    Ok(())
}

/// When something about an alarm was first seen, by `site/device`.
type Seen = Arc<Mutex<BTreeMap<String, Instant>>>;

fn see(seen: &Seen, key: String) {
    seen.lock()
        .expect("no thread panics with it")
        .entry(key)
        .or_insert_with(Instant::now);
}

fn run(runtime: &tokio::runtime::Runtime, storm: Storm, devices: usize, pace: Duration) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let desk = Receiver::start(0, |_, _| Answer::Status(204));
    let gateway = runtime.block_on(Gateway::start(
        configuration(folder.path(), &desk.url())?,
        Clock::System,
    ))?;
    let address = gateway.running().mqtt_address.expect("there is a listener");
    let api = Api::new(gateway.http_address().expect("there are pages"));
    send(address, storm, devices, 0..CALM, false, Duration::ZERO);
    let before = runtime.block_on(api.metrics())["process_resident_memory_bytes"];

    let (on_disk, by_mqtt) = (Seen::default(), Seen::default());
    follow_disk(runtime, &gateway, on_disk.clone());
    follow_mqtt(address, by_mqtt.clone());
    let sent = send(address, storm, devices, CALM..CALM + 1, true, pace);
    let began = *sent.values().min().expect("devices");
    for seen in [&on_disk, &by_mqtt] {
        while seen.lock().expect("no thread panics with it").len() < devices && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    // the incident's wait, and what is held
    std::thread::sleep(Duration::from_secs(8));
    let after = runtime.block_on(api.metrics())["process_resident_memory_bytes"];
    print_latency("reading sent to alarm on disk", &sent, &on_disk);
    print_latency("reading sent to its MQTT message", &sent, &by_mqtt);
    runtime.block_on(print_lists(&api));
    print_told(&desk);
    println!(
        "  memory, this program with all   {:>8.0} MiB before, {:.0} after",
        before / 1048576.0,
        after / 1048576.0
    );

    runtime.block_on(gateway.stop())?;
    let began = Instant::now();
    let gateway = runtime.block_on(Gateway::start(
        configuration(folder.path(), &desk.url())?,
        Clock::System,
    ))?;
    println!(
        "  ready after a restart           {:>8.2} s",
        began.elapsed().as_secs_f64()
    );
    runtime.block_on(gateway.stop())?;
    Ok(())
}

/// Sends readings over all connections; when each device's last one was.
fn send(
    address: SocketAddr,
    storm: Storm,
    devices: usize,
    steps: std::ops::Range<usize>,
    is_faulty: bool,
    pace: Duration,
) -> BTreeMap<String, Instant> {
    let began = Instant::now();
    let mut sent = BTreeMap::new();
    std::thread::scope(|scope| {
        let of = |c: usize| {
            let steps = steps.clone();
            scope.spawn(move || {
                let mut link = Link::open(address, &format!("storm-{c}-{}", steps.start));
                let mut sent = Vec::new();
                for step in steps {
                    for device in (c..devices).step_by(CONNECTIONS) {
                        let due = pace.mul_f64(device as f64 / devices as f64);
                        std::thread::sleep(due.saturating_sub(began.elapsed()));
                        let key = storm.key(device);
                        sent.push((key.clone(), Instant::now()));
                        link.publish(&key, &storm.payload(device, step, is_faulty));
                    }
                }
                link.finish();
                sent
            })
        };
        let links: Vec<_> = (0..CONNECTIONS).map(of).collect();
        for link in links {
            sent.extend(link.join().expect("a publisher does not panic"));
        }
    });
    sent
}

/// A publisher that waits for room in its window.
struct Link {
    socket: TcpStream,
    sent: u64,
    acknowledged: Arc<AtomicU64>,
}

impl Link {
    fn open(address: SocketAddr, id: &str) -> Link {
        let mut socket = TcpStream::connect(address).expect("connects");
        socket.set_nodelay(true).expect("a socket option");
        socket.write_all(&tests::raw::connect_packet(id, 600)).expect("writes");
        let mut connack = [0u8; 4];
        socket.read_exact(&mut connack).expect("CONNACK");
        assert_eq!(connack, [0x20, 2, 0, 0]);
        let acknowledged = Arc::new(AtomicU64::new(0));
        let (mut reading, counter) = (socket.try_clone().expect("a second handle"), acknowledged.clone());
        std::thread::spawn(move || {
            let (mut buffer, mut bytes) = (vec![0u8; 1 << 14], 0);
            while let Ok(read @ 1..) = reading.read(&mut buffer) {
                // a PUBACK has four bytes
                bytes += read as u64;
                counter.store(bytes / 4, Ordering::Release);
            }
        });
        Link {
            socket,
            sent: 0,
            acknowledged,
        }
    }

    fn publish(&mut self, key: &str, payload: &str) {
        self.wait_below(WINDOW);
        self.sent += 1;
        let id = (self.sent % 65_535) as u16 + 1;
        let topic = format!("forewarn/{key}/telemetry");
        let packet = publish_packet(topic.as_bytes(), payload.as_bytes(), 1, id);
        self.socket.write_all(&packet).expect("writes");
    }

    fn wait_below(&self, window: u64) {
        while self.sent - self.acknowledged.load(Ordering::Acquire) >= window {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn finish(self) {
        self.wait_below(1);
        self.socket.shutdown(std::net::Shutdown::Both).ok();
    }
}

/// An alarm that is announced here is on disk, and the next reader sees it.
fn follow_disk(runtime: &tokio::runtime::Runtime, gateway: &Gateway, seen: Seen) {
    let mut changed = gateway.running().changed.subscribe();
    runtime.spawn(async move {
        loop {
            match changed.recv().await {
                Ok(Changed::Alarm(id)) => see(&seen, device_of(&id)),
                Ok(Changed::Ticket(_) | Changed::Incident(_)) => {}
                Err(RecvError::Lagged(missed)) => println!("  {missed} changes were not seen here"),
                Err(RecvError::Closed) => return,
            }
        }
    });
}

fn device_of(alarm: &str) -> String {
    alarm.splitn(3, '/').take(2).collect::<Vec<_>>().join("/")
}

fn follow_mqtt(address: SocketAddr, seen: Seen) {
    let mut options = MqttOptions::new("watcher", "127.0.0.1", address.port());
    options.set_keep_alive(Duration::from_secs(60)).set_inflight(1_000);
    let (client, mut link) = Client::new(options, 16);
    client
        .subscribe("forewarn/+/+/alarm", QoS::AtLeastOnce)
        .expect("the client runs");
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _alive = client;
        for event in link.iter() {
            match event {
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let key = publish.topic.trim_start_matches("forewarn/").trim_end_matches("/alarm");
                    see(&seen, key.to_owned());
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => ready.send(()).unwrap_or_default(),
                Ok(Event::Incoming(_) | Event::Outgoing(_)) => {}
                Err(_) => return,
            }
        }
    });
    is_ready.recv().expect("it subscribes");
}

fn print_latency(what: &str, sent: &BTreeMap<String, Instant>, seen: &Seen) {
    let seen = seen.lock().expect("no thread panics with it");
    let mut took: Vec<f64> = sent
        .iter()
        .filter_map(|(key, at)| Some(seen.get(key)?.saturating_duration_since(*at).as_secs_f64()))
        .collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| {
        took.get(((took.len() - 1) as f64 * share) as usize)
            .copied()
            .unwrap_or(f64::NAN)
    };
    if took.is_empty() {
        println!("  {what}: none");
        return;
    }
    println!(
        "  {what:<32}{:>8.3} s p50, {:.3} s p99, {:.3} s the last; {} of {}",
        at(0.5),
        at(0.99),
        at(1.0),
        took.len(),
        sent.len()
    );
}

async fn print_lists(api: &Api) {
    let (mut ids, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let page = api
            .get(&format!("alarms?active=true&limit=1000&cursor={cursor}"))
            .await
            .ok();
        let items = page["items"].as_array().cloned().unwrap_or_default();
        ids.extend(items.iter().filter_map(|a| a["id"].as_str().map(str::to_owned)));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    let incidents = api.get("incidents?limit=1000").await.ok();
    let incidents = incidents["items"].as_array().cloned().unwrap_or_default();
    let sum = |name: &str| incidents.iter().filter_map(|i| i[name].as_u64()).sum::<u64>();
    let floods = api.get("floods").await.ok();
    let floods = floods.as_array().cloned().unwrap_or_default();
    let given: u64 = floods.iter().filter_map(|s| s["notices"]["given"].as_u64()).sum();
    let most = floods
        .iter()
        .filter_map(|s| s["notices"]["given"].as_u64())
        .max()
        .unwrap_or(0);
    let flooded = floods.iter().filter(|s| s["is_flooded"] == Value::Bool(true)).count();
    println!("  alarms that stand in the list   {:>8}", ids.len());
    println!(
        "  incidents                       {:>8} with {} alarms",
        incidents.len(),
        sum("members")
    );
    println!(
        "  notices given                   {given:>8}; at most {most} for a site; {flooded} of {} sites flooded",
        floods.len()
    );
}

fn print_told(desk: &Receiver) {
    let mut by_type: BTreeMap<String, usize> = BTreeMap::new();
    for one in desk.received() {
        *by_type
            .entry(one.event["type"].as_str().unwrap_or_default().to_owned())
            .or_default() += 1;
    }
    let all: usize = by_type.values().sum();
    println!("  webhooks received so far        {all:>8}: {by_type:?}");
}
