//! What a step costs: `cargo bench -p models`. One thread, many devices in turn, so that their memory is cold as in a fleet.
#![allow(clippy::disallowed_methods, reason = "a benchmark needs a clock")]

use domain::profile::{parse, shipped};
use domain::{MetricIndex, Profile, Quality, Reading, Sample, Timestamp};
use models::{Engine, StepOutput};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

fn main() {
    let benchmark = || parse(include_str!("../../docs/benchmark/profile.toml")).expect("sound");
    let shipped = |id: &str| shipped::all().into_iter().find(|p| p.id == id).expect("shipped");
    println!("profile            devices  ns per reading  ns per sample  state bytes");
    for devices in [1, 1_000, 20_000] {
        run(benchmark(), 5, devices);
    }
    for devices in [1, 1_000] {
        run(shipped("generic"), 5, devices);
        run(shipped("pump"), 7, devices);
    }
}

fn run(profile: Profile, metrics: u32, devices: usize) {
    let id = profile.id.clone();
    let mut next = 0;
    let engine = Engine::new(Arc::new(profile), &mut |_| {
        next += 1;
        MetricIndex(next - 1)
    });
    let mut states: Vec<_> = (0..devices).map(|_| engine.fresh()).collect();
    let mut out = StepOutput::default();
    let rounds = (3_000_000 / devices).max(100) as i64;
    // values are made beforehand, so that only the engine is timed
    let table: Vec<Vec<Sample>> = (0..256u32)
        .map(|i| {
            let value = |m: u32| {
                [1.7, 57.0, 12.4, 4.0, 50.0, 1480.0, 1000.0][m as usize] + f64::from((i * 37 + m * 11) % 64) * 0.004
            };
            let sample = |m| Sample {
                metric: MetricIndex(m),
                value: value(m),
            };
            (0..metrics).map(sample).collect()
        })
        .collect();
    let mut active = 0;
    let started = Instant::now();
    for round in 0..rounds {
        let at = Timestamp(round * 1000);
        let reading = Reading {
            measured_at: at,
            received_at: at,
            quality: Quality::Good,
            samples: &table[(round % 256) as usize],
        };
        for state in &mut states {
            engine.step(state, black_box(&reading), false, &mut out);
            active |= out.active;
        }
    }
    let ns = started.elapsed().as_nanos() as f64 / (rounds as f64 * devices as f64);
    black_box(active);
    let bytes = postcard::to_allocvec(&states[0]).expect("plain data").len();
    println!(
        "{id:<18} {devices:>7} {ns:>15.0} {:>14.1} {bytes:>12}",
        ns / f64::from(metrics)
    );
}
