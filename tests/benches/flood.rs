//! How fast readings go from the socket to the disk: `cargo bench -p tests --bench flood [-- DEVICES READINGS]`.
//!
//! Four connections publish at QoS 1 with at most 1,000 unacknowledged messages each; every PUBACK means "on disk". The
//! messages are rendered before the clock starts, so that the generator costs little. In the same run the same bytes go to
//! the listener alone (a pipeline that takes and forgets), and the models and the journal alone: compare the ratios, not
//! the rates, which depend on the machine.

use bytes::Bytes;
use domain::registry::Registry;
use gateway::app::Gateway;
use gateway::clock::Clock;
use gateway::config::{Checked, Config};
use gateway::intake::{Intake, Intakes, Packet, Receipt};
use gateway::listener::{Hub, HubLimits, Listener, ListenerConfig, ListenerCounters};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const CONNECTIONS: usize = 4;
const WINDOW: usize = 1_000;
const PROFILE: &str = include_str!("../../docs/benchmark/profile.toml");

fn main() -> anyhow::Result<()> {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let (devices, readings) = (
        numbers.first().copied().unwrap_or(1_000),
        numbers.get(1).copied().unwrap_or(500),
    );
    println!("{devices} devices × {readings} readings of 5 metrics, {CONNECTIONS} connections, QoS 1");
    let streams: Vec<Vec<Bytes>> = (0..CONNECTIONS).map(|c| render(c, devices, readings)).collect();
    let messages = (devices * readings) as f64;

    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener_only = runtime.block_on(listener_alone())?;
    let alone = flood(listener_only, &streams);
    println!(
        "listener alone, takes and forgets   {:>10.0} messages/s",
        messages / alone.as_secs_f64()
    );

    let folder = tempfile::tempdir()?;
    let gateway = runtime.block_on(Gateway::start(configuration(folder.path())?, Clock::System))?;
    let address = gateway.running().mqtt_address.expect("there is a listener");
    let whole = flood(address, &streams);
    let balance = gateway.running().ingest.ledger.balance();
    assert!(
        balance.is_balanced() && balance.stored == messages as u64,
        "every message is accounted for: {balance:?}"
    );
    println!(
        "gateway, models, on disk            {:>10.0} messages/s",
        messages / whole.as_secs_f64()
    );
    println!(
        "                                    {:>10.0} points/s",
        balance.points as f64 / whole.as_secs_f64()
    );
    println!(
        "ratio gateway / listener alone      {:>10.2}",
        alone.as_secs_f64() / whole.as_secs_f64()
    );
    let began = Instant::now();
    let positions = gateway.running().positions.clone();
    runtime.block_on(gateway.stop())?;
    println!(
        "history caught up in                {:>10.2} s (at position {})",
        began.elapsed().as_secs_f64(),
        positions.history()
    );
    Ok(())
}

fn configuration(data: &std::path::Path) -> anyhow::Result<Checked> {
    let mut config = Config {
        data: data.to_owned(),
        ..Config::default()
    };
    config.listener = Some(local());
    config.devices.new_devices_per_day = 1_000_000;
    config.ingest.messages_per_second = 0.0;
    config.web.bind = "127.0.0.1:0".into();
    let mut checked = Checked::of(config).map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    checked
        .profiles
        .push(domain::profile::parse(PROFILE).map_err(|problems| anyhow::anyhow!("{problems:?}"))?);
    checked.registry =
        Registry::parse("[[assign]]\nprofile = \"benchmark\"\n").map_err(|p| anyhow::anyhow!("{p:?}"))?;
    Ok(checked)
}

fn local() -> ListenerConfig {
    ListenerConfig {
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        ..ListenerConfig::default()
    }
}

/// Chunks of about 64 KiB with whole PUBLISH packets; connection `c` has every fourth device.
fn render(c: usize, devices: usize, readings: usize) -> Vec<Bytes> {
    let start = 1_790_000_000_000_i64;
    let (mut chunks, mut chunk, mut id) = (Vec::new(), Vec::with_capacity(1 << 17), 0u16);
    for k in 0..readings {
        for d in (c..devices).step_by(CONNECTIONS) {
            let noise = |m: u64| (splitmix((d as u64) << 40 ^ (k as u64) << 8 ^ m) % 1_000) as f64 / 1_000.0 - 0.5;
            let topic = format!("forewarn/bench/dev-{d:06}/telemetry");
            let payload = format!(
                r#"{{"ts":{},"metrics":{{"vibration_rms_mm_s":{:.3},"temperature_c":{:.2},"motor_current_a":{:.2},"rpm":{:.1},"runtime_hours":{:.4}}}}}"#,
                start + k as i64 * 1_000,
                1.7 + 0.2 * noise(0),
                57.0 + noise(1),
                12.4 + 0.5 * noise(2),
                1_480.0 + 5.0 * noise(3),
                1_000.0 + k as f64 / 3_600.0
            );
            id = id.checked_add(1).unwrap_or(1);
            let length = 2 + topic.len() + 2 + payload.len();
            chunk.extend_from_slice(&[0x32, (length % 128) as u8 | 0x80, (length / 128) as u8]);
            chunk.extend_from_slice(&(topic.len() as u16).to_be_bytes());
            chunk.extend_from_slice(topic.as_bytes());
            chunk.extend_from_slice(&id.to_be_bytes());
            chunk.extend_from_slice(payload.as_bytes());
            if chunk.len() > 1 << 16 {
                chunks.push(Bytes::from(std::mem::replace(&mut chunk, Vec::with_capacity(1 << 17))));
            }
        }
    }
    chunks.push(Bytes::from(chunk));
    chunks
}

fn splitmix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Sends everything; returns when the last PUBACK came.
fn flood(address: SocketAddr, streams: &[Vec<Bytes>]) -> Duration {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (c, chunks) in streams.iter().enumerate() {
            scope.spawn(move || publish(address, c, chunks));
        }
    });
    began.elapsed()
}

fn publish(address: SocketAddr, c: usize, chunks: &[Bytes]) {
    let mut socket = TcpStream::connect(address).expect("connects");
    socket.set_nodelay(true).expect("a socket option");
    let id = format!("bench-{c}");
    let mut connect = vec![0x10, (12 + id.len()) as u8, 0, 4];
    connect.extend_from_slice(b"MQTT\x04\x02\x00\x3c");
    connect.extend_from_slice(&(id.len() as u16).to_be_bytes());
    connect.extend_from_slice(id.as_bytes());
    socket.write_all(&connect).expect("writes");
    let mut connack = [0u8; 4];
    socket.read_exact(&mut connack).expect("CONNACK");
    assert_eq!(connack, [0x20, 2, 0, 0]);

    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut reading = socket.try_clone().expect("a second handle");
    let expected: u64 = chunks.iter().map(|chunk| packets(chunk)).sum();
    let counter = acknowledged.clone();
    let writer = std::thread::current();
    let reader = std::thread::spawn(move || {
        let (mut buffer, mut bytes) = (vec![0u8; 1 << 16], 0u64);
        while bytes < expected * 4 {
            bytes += reading.read(&mut buffer).expect("PUBACKs") as u64;
            counter.store(bytes / 4, Ordering::Release);
            writer.unpark();
        }
    });
    let mut sent = 0;
    for chunk in chunks {
        sent += packets(chunk);
        socket.write_all(chunk).expect("writes");
        while sent - acknowledged.load(Ordering::Acquire).min(sent) > (WINDOW / 2) as u64 {
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }
    reader.join().expect("every PUBACK came");
}

fn packets(chunk: &[u8]) -> u64 {
    let (mut at, mut count) = (0, 0);
    while at < chunk.len() {
        at += 3 + usize::from(chunk[at + 1] & 0x7f) + usize::from(chunk[at + 2]) * 128;
        count += 1;
    }
    count
}

/// An intake that takes and forgets.
#[derive(Clone)]
struct Forget;

struct Forgotten;

impl Receipt for Forgotten {
    fn is_durable(&self) -> bool {
        true
    }
}

impl Intake for Forget {
    type Receipt = Forgotten;
    fn push(&mut self, packet: Packet<'_>) {
        std::hint::black_box(packet.payload.len());
    }
    async fn submit(&mut self) -> Option<Forgotten> {
        Some(Forgotten)
    }
    fn throttled_until(&self) -> Option<tokio::time::Instant> {
        None
    }
}

impl Intakes for Forget {
    type Intake = Forget;
    fn open(&self, _wake: Arc<tokio::sync::Notify>) -> Forget {
        Forget
    }
}

async fn listener_alone() -> anyhow::Result<SocketAddr> {
    let counters = Arc::new(ListenerCounters::default());
    let hub = Hub::new(Vec::new(), HubLimits::default(), counters.clone());
    let listener = Listener::bind(&local(), Forget, hub, counters).await?;
    let address = listener.local_addr();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        listener.run(stopped).await;
        drop(stop);
    });
    Ok(address)
}
