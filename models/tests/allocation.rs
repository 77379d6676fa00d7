//! In steady state a step allocates nothing.

mod counting;

use domain::profile::{parse, shipped};
use domain::{MetricIndex, Profile, Quality, Reading, Sample, Timestamp};
use models::{Engine, StepOutput};
use std::sync::Arc;

/// Of a device of which the first `known` readings are known to be normal.
fn allocations_of_10_000_steps(profile: Profile, metrics: u32, known: i64) -> u64 {
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
        if i < known {
            engine.learn(&mut state, &reading);
        } else {
            engine.step(&mut state, &reading, false, &mut out);
        }
        if i + 1 == known {
            engine.end_of_normal(&mut state);
        }
        if i == 9_999 {
            before = counting::allocations();
        }
    }
    counting::allocations() - before
}

#[test]
fn steps_in_steady_state_allocate_nothing() {
    let benchmark = parse(include_str!("../../docs/benchmark/profile.toml")).expect("sound");
    let profiles = shipped::all().into_iter().chain([benchmark]);
    for profile in profiles {
        let id = profile.id.clone();
        assert_eq!(allocations_of_10_000_steps(profile, 6, 0), 0, "{id}");
    }
}

#[test]
fn comparing_with_a_known_stretch_allocates_nothing() {
    let generic = shipped::all().into_iter().find(|p| p.id == "generic").expect("shipped");
    assert_eq!(allocations_of_10_000_steps(generic, 8, 1_000), 0);
}
