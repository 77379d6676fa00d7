//! What a step costs: `cargo bench -p models --bench engine`. One thread, many devices in turn, so that their memory is cold
//! as in a fleet; then the learned rule by itself, by number of metrics.
#![allow(clippy::disallowed_methods, reason = "a benchmark needs a clock")]

#[path = "../tests/counting/mod.rs"]
mod counting;

use domain::profile::{parse, shipped};
use domain::{MetricIndex, Profile, Quality, Reading, Sample, Timestamp};
use models::{Engine, StepOutput};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

/// Readings that a device has seen before it is timed: past its warm-up, with every block of its memory in use.
const SEEN: i64 = 4_000;
/// Readings known to be normal, where the reference is timed.
const KNOWN: i64 = 1_000;
/// Rows of values, made beforehand so that only the engine is timed.
const ROWS: usize = 256;
/// Time between readings before the timing, so that the memory of a month fills; in ms.
const SLOW_MS: i64 = 900_000;

fn main() {
    let benchmark = || parse(include_str!("../../docs/benchmark/profile.toml")).expect("sound");
    let shipped = |id: &str| shipped::all().into_iter().find(|p| p.id == id).expect("shipped");
    let head = "ns/reading  ns/sample  checkpoint bytes  RAM bytes/metric  allocations";
    println!("{:<12} {:>7} {:>7}  {head}", "profile", "metrics", "devices");
    for devices in [1, 1_000, 20_000] {
        run("benchmark", benchmark(), 5, devices, 0);
    }
    for devices in [1, 1_000] {
        run("generic", shipped("generic"), 5, devices, 0);
        run("pump", shipped("pump"), 7, devices, 0);
    }
    println!("learned by itself, and against a known stretch:");
    for metrics in [1, 5, 50] {
        run("by itself", shipped("generic"), metrics, 1, 0);
    }
    for metrics in [8, 50, 128] {
        run("reference", shipped("generic"), metrics, 1, KNOWN);
    }
}

fn table(metrics: u32) -> Vec<Vec<Sample>> {
    let centre = [1.7, 57.0, 12.4, 4.0, 50.0, 1480.0, 1000.0];
    let value = |i: u32, m: u32| centre[m as usize % centre.len()] + f64::from((i * 37 + m * 11) % 64) * 0.004;
    let sample = |i, m| Sample {
        metric: MetricIndex(m),
        value: value(i, m),
    };
    (0..ROWS as u32)
        .map(|i| (0..metrics).map(|m| sample(i, m)).collect())
        .collect()
}

fn run(name: &str, profile: Profile, metrics: u32, devices: usize, known: i64) {
    let mut next = 0;
    let engine = Engine::new(Arc::new(profile), &mut |_| {
        next += 1;
        MetricIndex(next - 1)
    });
    let (table, mut out) = (table(metrics), StepOutput::default());
    let reading = |row: i64, at_ms: i64| Reading {
        measured_at: Timestamp(at_ms),
        received_at: Timestamp(at_ms),
        quality: Quality::Good,
        samples: &table[row as usize % ROWS],
    };
    // one device is taught; the others are copies of it, which make room for more trend once
    let bytes_before = counting::live_bytes();
    let mut taught = engine.fresh();
    for row in 0..SEEN {
        if row < known {
            engine.learn(&mut taught, &reading(row, row * SLOW_MS));
        } else {
            engine.step(&mut taught, &reading(row, row * SLOW_MS), false, &mut out);
        }
        if row + 1 == known {
            engine.end_of_normal(&mut taught);
        }
    }
    let ram = counting::live_bytes() - bytes_before + size_of_val(&taught) as i64;
    let mut states = vec![taught; devices];
    let rounds = (6_000_000 / devices / metrics as usize).clamp(20, 600_000) as i64;
    let allocations = counting::allocations();
    let mut active = 0;
    let started = Instant::now();
    for round in 0..rounds {
        let reading = reading(round, SEEN * SLOW_MS + round * 1000);
        for state in &mut states {
            engine.step(state, black_box(&reading), false, &mut out);
            active |= out.active;
        }
    }
    let ns = started.elapsed().as_nanos() as f64 / (rounds as f64 * devices as f64);
    let allocations = counting::allocations() - allocations;
    black_box(active);
    let bytes = postcard::to_allocvec(&states[0]).expect("plain data").len();
    println!(
        "{name:<12} {metrics:>7} {devices:>7}  {ns:>10.0}  {:>9.1}  {bytes:>16}  {:>16}  {allocations:>11}",
        ns / f64::from(metrics),
        ram / i64::from(metrics)
    );
}
