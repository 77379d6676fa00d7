//! In steady state a step allocates nothing, and what a device has learned is small.

mod counting;

use domain::profile::{parse, shipped};
use domain::{MetricIndex, Profile, Quality, Reading, Sample, Timestamp};
use models::{Engine, StepOutput};
use std::sync::Arc;

/// What one learned series may take in memory; a device also has buffers of its own, shared by its metrics.
const MOST_BYTES: i64 = 16 * 1024;

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
    let (mut before, bytes) = (0, counting::live_bytes());
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
    let per_metric = (counting::live_bytes() - bytes) / i64::from(metrics);
    assert!(per_metric <= MOST_BYTES, "{per_metric} bytes for a metric");
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

#[test]
fn a_change_between_known_operating_modes_allocates_nothing() {
    let profile = "profile = \"x\"\ntitle = { en = \"X\" }\nexpected_interval_ms = 1000\nlearns_unknown_metrics = true\n\
                   [metrics.mode]\nunit = \"1\"\nrole = \"context\"\n[mode]\nmetric = \"mode\"\n[[baseline]]\nid = \"usual\"\n";
    let engine = Engine::new(Arc::new(parse(profile).expect("sound")), &mut |_| MetricIndex(0));
    let (mut state, mut out) = (engine.fresh(), StepOutput::default());
    let (mut before, bytes) = (0, counting::live_bytes());
    for i in 0..20_000i64 {
        // the mode, then six series
        let samples: [Sample; 7] = std::array::from_fn(|metric| Sample {
            metric: MetricIndex(metric as u32),
            value: if metric == 0 {
                (i / 50 % 8) as f64
            } else {
                (i * 7919 % 101) as f64
            },
        });
        let at = Timestamp(i * 1000);
        let reading = Reading {
            measured_at: at,
            received_at: at,
            quality: Quality::Good,
            samples: &samples,
        };
        engine.step(&mut state, &reading, false, &mut out);
        if i == 9_999 {
            before = counting::allocations();
        }
    }
    assert_eq!(counting::allocations() - before, 0);
    let per_series = (counting::live_bytes() - bytes) / 6;
    assert!(
        per_series <= MOST_BYTES,
        "{per_series} bytes for a series in eight modes"
    );
}
