//! What a waveform costs: `cargo bench -p models --bench vibration`. One thread; counts allocations of the steady state too.
#![allow(clippy::disallowed_methods, reason = "a benchmark needs a clock")]
#![allow(unsafe_code, reason = "counting allocations needs an allocator")]

use models::vibration::severity::DEFAULT_LIMITS;
use models::vibration::spectrum::Plans;
use models::vibration::{BearingGeometry, Recording, SnapshotAnalyser, VibrationMonitor, diagnose};
use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn noise(samples: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    (0..samples)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        })
        .collect()
}

fn main() {
    println!("snapshot of   us per snapshot (features, spectrum, monitor)   allocations");
    for samples in [1_024, 2_560, 8_192, 20_480] {
        snapshots(samples);
    }
    println!("recording of  ms per diagnosis");
    for samples in [120_000, 480_000] {
        recordings(samples);
    }
}

fn snapshots(samples: usize) {
    let table: Vec<Vec<f32>> = (0..64).map(|i| noise(samples, i + 1)).collect();
    let (mut analyser, mut monitor) = (SnapshotAnalyser::default(), VibrationMonitor::default());
    let mut one = |row: &[f32]| {
        let (features, _) = analyser.analyse(row).expect("sound");
        black_box(monitor.step(&features));
    };
    for row in table.iter().cycle().take(200) {
        one(row);
    }
    let rounds = 20_000_000 / samples;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let started = Instant::now();
    for row in table.iter().cycle().take(rounds) {
        one(black_box(row));
    }
    let us = started.elapsed().as_secs_f64() * 1e6 / rounds as f64;
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    println!("{samples:>11} {us:>50.1} {allocations:>13}");
}

fn recordings(samples: usize) {
    let snapshots = [noise(samples, 7)];
    let recording = Recording {
        snapshots: &snapshots,
        sample_rate_hz: 12_000.0,
        rpm: 1_797.0,
        geometry: BearingGeometry::parse("9,7.938,39.04,0").expect("sound"),
        gear_teeth: None,
        limits: DEFAULT_LIMITS,
    };
    let mut plans = Plans::default();
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let started = Instant::now();
        black_box(diagnose(&mut plans, &recording).expect("it can be judged"));
        best = best.min(started.elapsed().as_secs_f64() * 1e3);
    }
    println!("{samples:>11} {best:>17.0}");
}
