//! What the embedded history costs per message and per point, and what a point takes on disk.
//!
//! `cargo bench -p gateway --bench history [-- DEVICES MESSAGES]`: readings of five metrics with 3, 2, 2, 1 and 4 decimals
//! and a score of full precision, one per second and device, fed in entries of 2,000 messages as the journal would.

use domain::{DeviceIndex, DeviceKey, MetricIndex, MetricName, Names, Sample, Timestamp};
use gateway::history::{Committed, CommittedEntry, Embedded, Filter, HistoryConfig, HistorySink};
use std::time::{Duration, Instant};

const MESSAGES_PER_ENTRY: u64 = 2_000;
const DECIMALS: [i32; 5] = [3, 2, 2, 1, 4];

struct Fleet;

impl Names for Fleet {
    fn device(&self, index: DeviceIndex) -> DeviceKey {
        DeviceKey::new("site", &format!("d{}", index.0)).expect("a name")
    }
    fn metric(&self, index: MetricIndex) -> MetricName {
        MetricName::new(&format!("m{}", index.0)).expect("a name")
    }
}

fn splitmix(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Metric value in units of 10^-decimals: noise around a level, or running hours.
fn value(d: u64, k: u64, m: usize) -> i64 {
    let h = splitmix((d << 40) ^ (k << 8) ^ m as u64);
    let g = (h & 0xffff) as i64 + (h >> 16 & 0xffff) as i64 + (h >> 32 & 0xffff) as i64 + (h >> 48) as i64 - 131_070;
    let noise = |sd: i64| g * sd / 37_837;
    match m {
        0 => 1_500 + (d % 7) as i64 * 150 + noise(60),
        1 => 5_500 + (d % 11) as i64 * 100 + noise(60),
        2 => 1_200 + (d % 5) as i64 * 40 + noise(30),
        3 => 14_800 + noise(40),
        _ => 10_000_000 + d as i64 * 30_000 + (k * 10 / 36) as i64,
    }
}

struct Entry(Vec<(DeviceIndex, Timestamp, [Sample; 6])>);

impl CommittedEntry for Entry {
    fn visit(&self, each: &mut dyn FnMut(Committed<'_>)) {
        for (device, measured_at, samples) in &self.0 {
            each(Committed {
                device: *device,
                measured_at: *measured_at,
                samples,
            });
        }
    }
}

fn main() {
    let arguments: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let devices = arguments.first().copied().unwrap_or(1_000);
    let messages = arguments.get(1).copied().unwrap_or(2_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let config = HistoryConfig::new(folder.path().join("history.db"));
    let path = config.path.clone();
    let mut history = Embedded::open(config, Timestamp(0)).expect("a new history");
    let (mut absorbing, mut slowest) = (Duration::ZERO, Duration::ZERO);
    for position in 0..messages / MESSAGES_PER_ENTRY {
        let entry = Entry(
            (position * MESSAGES_PER_ENTRY..(position + 1) * MESSAGES_PER_ENTRY)
                .map(|i| {
                    let (d, k) = (i % devices, i / devices);
                    let samples = std::array::from_fn(|m| Sample {
                        metric: MetricIndex(m as u32),
                        value: match DECIMALS.get(m) {
                            Some(decimals) => value(d, k, m) as f64 / 10f64.powi(*decimals),
                            None => splitmix(i) as f64 / u64::MAX as f64,
                        },
                    });
                    (
                        DeviceIndex(d as u32),
                        Timestamp(1_790_000_000_000 + k as i64 * 1_000),
                        samples,
                    )
                })
                .collect(),
        );
        let start = Instant::now();
        history.absorb(position + 1, &entry, &Fleet).expect("absorbed");
        absorbing += start.elapsed();
        slowest = slowest.max(start.elapsed());
    }
    let start = Instant::now();
    history.seal_all(Timestamp(0)).expect("sealed");
    let total = absorbing + start.elapsed();
    let points = messages * 6;
    let bytes = std::fs::metadata(&path).expect("the file").len();
    println!(
        "devices {devices}, messages {messages}, points {points}, chunks {}",
        history.stats().chunks
    );
    println!(
        "{:.0} ns per message, {:.1} ns per point",
        nanos(total) / messages as f64,
        nanos(total) / points as f64
    );
    println!(
        "slowest entry of {MESSAGES_PER_ENTRY}: {:.1} ms, last seal {:.1} ms",
        nanos(slowest) / 1e6,
        nanos(start.elapsed()) / 1e6
    );
    println!("{:.2} bytes per point", bytes as f64 / points as f64);
    let reader = history.reader();
    let (device, metric) = (Fleet.device(DeviceIndex(1)), Fleet.metric(MetricIndex(0)));
    for (what, max_points) in [("all rows", usize::MAX), ("1,000 buckets", 1_000), ("10 buckets", 10)] {
        let start = Instant::now();
        let series = reader
            .range(&device, &metric, Timestamp(0), Timestamp(i64::MAX), max_points)
            .expect("read");
        println!(
            "{what}: {} points in {:.2} ms",
            series.points.len(),
            nanos(start.elapsed()) / 1e6
        );
    }
    let start = Instant::now();
    let rows: u64 = reader
        .count(&Filter::default())
        .expect("counted")
        .iter()
        .map(|row| row.points)
        .sum();
    println!("count of all series: {:.1} ms", nanos(start.elapsed()) / 1e6);
    assert_eq!(rows, points, "every point is stored once");
}

fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}
