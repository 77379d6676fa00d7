//! A fleet whose every reading is known: pumps that wear, leak and cavitate, healthy ones, and a machine nobody described.
//! Seeded: the same seed gives the same readings to the last bit.

use crate::outcome::Reading;
use crate::publisher::{Outgoing, publish_paced};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// Device time of the first reading.
const START_MS: i64 = 1_760_000_000_000;
/// Device time between readings.
const INTERVAL_MS: i64 = 2_000;

/// What goes wrong with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Vibration rises to critical, falls back, rises again.
    BearingWear,
    /// Pressure falls while vibration rises.
    Cavitation,
    /// Pressure falls, vibration stays.
    SealLeak,
    /// Running hours pass the mark of the lubrication plan.
    Lubrication,
    /// A device without a profile whose value jumps.
    Jump,
}

const FLEET: [(&str, &str, Fault); 8] = [
    ("north", "pump-1", Fault::BearingWear),
    ("north", "pump-2", Fault::Cavitation),
    ("north", "pump-3", Fault::None),
    ("north", "oven-1", Fault::Jump),
    ("south", "pump-1", Fault::SealLeak),
    ("south", "pump-2", Fault::BearingWear),
    ("south", "pump-3", Fault::Lubrication),
    ("south", "oven-1", Fault::None),
];

/// The messages of each device, and every reading in them.
pub struct Load {
    /// Client id and messages of each device.
    pub devices: Vec<(String, Arc<[Outgoing]>)>,
    /// Every reading, in order.
    pub readings: Vec<Reading>,
}

impl Load {
    /// So many messages of each device.
    pub fn new(seed: u64, messages: usize) -> Load {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (mut devices, mut readings) = (Vec::new(), Vec::new());
        for (site, device, fault) in FLEET {
            let mut outgoing = Vec::with_capacity(messages);
            for i in 0..messages {
                let ts = START_MS + i as i64 * INTERVAL_MS;
                let metrics = metrics(&mut rng, fault, device, i, messages);
                let fields: Vec<String> = metrics
                    .iter()
                    .map(|(name, value)| format!("\"{name}\":{value:?}"))
                    .collect();
                let payload = format!(
                    "{{\"ts\":{ts},\"seq\":{i},\"boot\":\"b1\",\"metrics\":{{{}}}}}",
                    fields.join(",")
                );
                outgoing.push(Outgoing {
                    topic: format!("forewarn/{site}/{device}/telemetry"),
                    payload: payload.into_bytes(),
                });
                readings.extend(metrics.iter().map(|(metric, value)| Reading {
                    series: format!("{site},{device},{metric}"),
                    ts_ms: ts,
                    bits: value.to_bits(),
                }));
            }
            devices.push((format!("{site}-{device}"), outgoing.into()));
        }
        readings.sort();
        Load { devices, readings }
    }

    /// Messages of all devices.
    pub fn messages(&self) -> usize {
        self.devices.iter().map(|(_, messages)| messages.len()).sum()
    }

    /// Writes the registry, and the pump's profile with delays that fit a load of some minutes of device time and with no
    /// alarm for silence, which depends on our clock and so on how long a test takes.
    pub fn write_profiles(folder: &Path) {
        let pump = include_str!("../../domain/profiles/pump.toml");
        let pump = pump.replace("after_ms = 30000\n", "after_ms = 36000000\n");
        let pump = pump.replace("off_delay_ms = 1800000\n", "off_delay_ms = 60000\n");
        std::fs::create_dir_all(folder.join("profiles")).expect("folder made");
        std::fs::write(folder.join("profiles/pump.toml"), pump).expect("profile written");
        let registry = "[[assign]]\ndevice = \"pump-*\"\nprofile = \"pump\"\n";
        std::fs::write(folder.join("registry.toml"), registry).expect("registry written");
    }
}

fn metrics(rng: &mut ChaCha8Rng, fault: Fault, device: &str, i: usize, of: usize) -> Vec<(&'static str, f64)> {
    let part = i as f64 / of as f64;
    let mut noise = |size: f64| size * (rng.random::<f64>() - 0.5);
    if device.starts_with("oven") {
        let jump = if fault == Fault::Jump && part > 0.7 { 60.0 } else { 0.0 };
        return vec![
            ("chamber_c", 180.0 + jump + noise(2.0)),
            ("door_open", f64::from(i.is_multiple_of(50))),
        ];
    }
    // from 0 to 1 and back within a stretch of the load
    let wave = |from: f64, to: f64| {
        if part < from || part > to {
            0.0
        } else {
            (1.0 - (2.0 * (part - from) / (to - from) - 1.0).abs()) * 2.0
        }
    };
    let wear = match fault {
        Fault::BearingWear => 4.5 * wave(0.25, 0.55).min(1.0) + 3.0 * wave(0.65, 0.95).min(1.0),
        Fault::Cavitation => 1.2 * wave(0.3, 0.8).min(1.0),
        Fault::None | Fault::SealLeak | Fault::Lubrication | Fault::Jump => 0.0,
    };
    let pressure_loss = match fault {
        Fault::Cavitation => 1.0 * wave(0.3, 0.8).min(1.0),
        Fault::SealLeak => 1.6 * wave(0.35, 0.9).min(1.0),
        Fault::None | Fault::BearingWear | Fault::Lubrication | Fault::Jump => 0.0,
    };
    let hours = if fault == Fault::Lubrication {
        1_900.0 + 120.0 * part
    } else {
        100.0 + i as f64 / 1_800.0
    };
    vec![
        ("vibration_rms_mm_s", 1.1 + wear + noise(0.1)),
        ("bearing_temperature_c", 52.0 + wear * 3.0 + noise(0.5)),
        ("motor_current_a", 31.0 + noise(0.4)),
        ("discharge_pressure_bar", 4.0 - pressure_loss + noise(0.05)),
        ("runtime_hours", hours),
    ]
}

/// All devices of a load publishing at once, each over a link of its own, at the pace that the test sets.
pub struct Sending {
    runtime: tokio::runtime::Runtime,
    tasks: Vec<tokio::task::JoinHandle<()>>,
    allowed: watch::Sender<usize>,
    port: Arc<AtomicU16>,
    acknowledged: Arc<AtomicUsize>,
}

impl Sending {
    /// Starts the links; nothing is sent before [`Sending::allow`] and [`Sending::connect_to`].
    pub fn start(load: &Load, window: usize) -> Sending {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let (allowed, _) = watch::channel(0);
        let (port, acknowledged) = (Arc::new(AtomicU16::new(0)), Arc::new(AtomicUsize::new(0)));
        let task = |(client, messages): &(String, Arc<[Outgoing]>)| {
            let (client, messages, allowed) = (client.clone(), messages.clone(), allowed.subscribe());
            let (port, acknowledged) = (port.clone(), acknowledged.clone());
            runtime.spawn(async move {
                let port = || Some(port.load(Ordering::Acquire)).filter(|p| *p != 0);
                let count = |_| {
                    acknowledged.fetch_add(1, Ordering::AcqRel);
                };
                publish_paced(&client, &messages, window, port, allowed, count).await;
            })
        };
        let tasks = load.devices.iter().map(task).collect();
        Sending {
            runtime,
            tasks,
            allowed,
            port,
            acknowledged,
        }
    }

    /// Where to connect now; 0: nowhere.
    pub fn connect_to(&self, port: u16) {
        self.port.store(port, Ordering::Release);
    }

    /// Each device may have sent so many messages by now.
    pub fn allow(&self, messages: usize) {
        self.allowed.send_replace(messages);
    }

    /// Messages acknowledged so far, of all devices.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Acquire)
    }

    /// Whether every message is acknowledged.
    pub fn is_done(&self) -> bool {
        self.tasks.iter().all(|t| t.is_finished())
    }

    /// Waits until every message is acknowledged.
    ///
    /// # Panics
    /// If that takes longer than the deadline.
    pub fn finish(self, deadline: Duration) {
        self.allow(usize::MAX);
        let Sending {
            runtime,
            tasks,
            acknowledged,
            ..
        } = self;
        runtime.block_on(async {
            for task in tasks {
                let ended = tokio::time::timeout(deadline, task).await;
                let sofar = acknowledged.load(Ordering::Acquire);
                ended
                    .unwrap_or_else(|_| panic!("after {deadline:?} only {sofar} are acknowledged"))
                    .expect("no publisher panics");
            }
        });
    }
}
