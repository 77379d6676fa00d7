//! In steady state a step allocates nothing.
#![allow(
    unsafe_code,
    reason = "a global allocator that counts can only be written with unsafe"
)]

use domain::profile::{parse, shipped};
use domain::{MetricIndex, Profile, Quality, Reading, Sample, Timestamp};
use models::{Engine, StepOutput};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands every call on to the system's allocator; counting touches a const-initialised thread local only.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: it came from the system's allocator above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

fn allocations_of_10_000_steps(profile: Profile, metrics: u32) -> u64 {
    let mut next = 0;
    let engine = Engine::new(Arc::new(profile), &mut |_| {
        next += 1;
        MetricIndex(next - 1)
    });
    let (mut state, mut out) = (engine.fresh(), StepOutput::default());
    let mut samples: Vec<Sample> = (0..metrics)
        .map(|m| Sample {
            metric: MetricIndex(m),
            value: 0.0,
        })
        .collect();
    let mut before = 0;
    for i in 0..20_000i64 {
        for (m, sample) in samples.iter_mut().enumerate() {
            sample.value = 10.0 + ((i * 7919 + m as i64 * 13) % 101) as f64 * 0.01;
        }
        let at = Timestamp(i * 1000);
        let reading = Reading {
            measured_at: at,
            received_at: at,
            quality: Quality::Good,
            samples: &samples,
        };
        engine.step(&mut state, &reading, false, &mut out);
        if i == 9_999 {
            before = ALLOCATIONS.with(Cell::get);
        }
    }
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn steps_in_steady_state_allocate_nothing() {
    let benchmark = parse(include_str!("../../docs/benchmark/profile.toml")).expect("sound");
    let profiles = shipped::all().into_iter().chain([benchmark]);
    for profile in profiles {
        let id = profile.id.clone();
        assert_eq!(allocations_of_10_000_steps(profile, 6), 0, "{id}");
    }
}
