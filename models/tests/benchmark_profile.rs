//! The benchmark's profile raises and clears exactly what its specification says, over random series with faults; and any
//! sequence at all leaves the engine sane.

use domain::profile::parse;
use domain::{MetricIndex, MetricName, Quality, Reading, Sample, Timestamp, profile::shipped};
use models::{Engine, StepOutput};
use proptest::prelude::*;
use std::sync::Arc;

const PROFILE: &str = include_str!("../../docs/benchmark/profile.toml");
const METRICS: [&str; 5] = [
    "vibration_rms_mm_s",
    "temperature_c",
    "motor_current_a",
    "rpm",
    "runtime_hours",
];

/// The specification in its own words: z-score, threshold with hysteresis, then a count of bad and good readings.
#[derive(Default)]
struct Reference {
    mean: [f64; 5],
    var: [f64; 5],
    readings: u32,
    over: [bool; 5],
    alarm: Debounce,
}

/// 3 bad readings in a row raise, 5 good ones clear.
#[derive(Default)]
struct Debounce {
    bad: u32,
    good: u32,
    is_raised: bool,
}

impl Debounce {
    fn step(&mut self, is_bad: bool) -> bool {
        if is_bad {
            (self.bad, self.good) = (self.bad + 1, 0);
        } else {
            (self.bad, self.good) = (0, self.good + 1);
        }
        self.is_raised = if self.is_raised { self.good < 5 } else { self.bad >= 3 };
        self.is_raised
    }
}

impl Reference {
    fn step(&mut self, x: [f64; 5]) -> (bool, bool) {
        let limits = [(7.1, 4.5), (90.0, 80.0), (30.0, 25.0)];
        let mut is_bad = false;
        for (m, x) in x.into_iter().enumerate() {
            if self.readings == 0 {
                self.mean[m] = x;
            }
            let d = x - self.mean[m];
            let is_anomalous = self.readings >= 30 && (d / (self.var[m] + 1e-12).sqrt()).abs() > 6.0;
            is_bad |= is_anomalous;
            if !is_anomalous {
                let inc = 0.05 * d;
                self.mean[m] += inc;
                self.var[m] = (1.0 - 0.05) * (self.var[m] + d * inc);
            }
            if let Some((raise, clear)) = limits.get(m) {
                self.over[m] = x > *raise || (self.over[m] && x > *clear);
                is_bad |= self.over[m];
            }
        }
        self.readings += 1;
        (is_bad, self.alarm.step(is_bad))
    }
}

fn engine(text: &str) -> Engine {
    let profile = parse(text).expect("a sound profile");
    Engine::new(Arc::new(profile), &mut index_of)
}

fn index_of(name: &MetricName) -> MetricIndex {
    let known = METRICS.iter().position(|m| *m == name.as_str());
    MetricIndex(known.map_or_else(|| name.as_str().bytes().map(u32::from).sum::<u32>() + 100, |p| p as u32))
}

fn samples(values: &[f64]) -> Vec<Sample> {
    let numbered = values.iter().enumerate();
    numbered
        .map(|(m, value)| Sample {
            metric: MetricIndex(m as u32),
            value: *value,
        })
        .collect()
}

fn reading(at: i64, samples: &[Sample]) -> Reading<'_> {
    Reading {
        measured_at: Timestamp(at),
        received_at: Timestamp(at),
        quality: Quality::Good,
        samples,
    }
}

#[derive(Debug, Clone, Copy)]
struct Fault {
    metric: usize,
    from: usize,
    length: usize,
    size: f64,
    drift: f64,
}

fn fault() -> impl Strategy<Value = Fault> {
    (0..5usize, 20..400usize, 1..60usize, -15.0..15.0f64, -2.0..2.0f64).prop_map(
        |(metric, from, length, size, drift)| Fault {
            metric,
            from,
            length,
            size,
            drift,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn it_raises_and_clears_exactly_as_specified(
        noise in proptest::collection::vec(prop::array::uniform5(-1.0..1.0f64), 500),
        faults in proptest::collection::vec(fault(), 0..6),
    ) {
        let engine = engine(PROFILE);
        let mode = engine.profile().mode_index("abnormal").expect("declared");
        let (mut state, mut out) = (engine.fresh(), StepOutput::default());
        let (mut reference, mut debounce) = (Reference::default(), Debounce::default());
        let mut scores = Vec::new();
        for (i, noise) in noise.iter().enumerate() {
            let centre = [1.7, 57.0, 12.4, 1480.0, 1000.0 + i as f64 * 0.0003];
            let spread = [0.1, 0.5, 0.3, 2.0, 0.0];
            let mut x: [f64; 5] = std::array::from_fn(|m| centre[m] + spread[m] * noise[m]);
            for f in faults.iter().filter(|f| (f.from..f.from + f.length).contains(&i)) {
                x[f.metric] += f.size + f.drift * (i - f.from) as f64;
            }
            engine.step(&mut state, &reading(i as i64 * 1000, &samples(&x)), debounce.is_raised, &mut out);
            let is_bad = out.active & (1 << mode.0) != 0;
            prop_assert_eq!((is_bad, debounce.step(is_bad)), reference.step(x), "reading {}", i);
            prop_assert_eq!(out.derived.len(), 1);
            scores.push(out.derived[0].value);
        }
        prop_assert!(scores[..64].iter().all(|s| *s == 0.0) && scores[64..].iter().any(|s| *s > 0.0));
    }

    /// Finite, huge, tiny, not a number; clocks that stand, jump and run back; metrics that come and go.
    #[test]
    fn any_sequence_leaves_the_engine_sane_and_restarts_leave_no_trace(
        steps in proptest::collection::vec(
            (-100_000i64..10_000_000, proptest::collection::vec((0u32..12, any_value()), 0..8), any::<bool>()), 1..120),
        restart_at in 0usize..120,
        which in 0usize..7,
    ) {
        let profile = shipped::all().into_iter().nth(which).map(Arc::new);
        let engine = profile.map_or_else(|| engine(PROFILE), |p| Engine::new(p, &mut index_of_shipped()));
        let (mut state, mut out) = (engine.fresh(), StepOutput::default());
        let (mut other, mut other_out) = (engine.fresh(), StepOutput::default());
        let mut at = 0i64;
        for (i, (passed, values, is_standing)) in steps.iter().enumerate() {
            at += passed;
            let samples: Vec<Sample> = values.iter().map(|(m, value)| Sample { metric: MetricIndex(*m), value: *value }).collect();
            engine.step(&mut state, &reading(at, &samples), *is_standing, &mut out);
            if i == restart_at {
                let bytes = postcard::to_allocvec(&other).expect("plain data");
                other = engine.adopt(postcard::from_bytes(&bytes).expect("what was written"));
            }
            engine.step(&mut other, &reading(at, &samples), *is_standing, &mut other_out);
            prop_assert_eq!(&out, &other_out);
            prop_assert!(out.derived.iter().all(|s| (0.0..=1.0).contains(&s.value)));
        }
        prop_assert_eq!(&state, &other, "nothing that is learned is ever not a number");
        let snapshot = engine.snapshot(&state);
        prop_assert!((0.0..=100.0).contains(&snapshot.health.percent()));
        prop_assert!(snapshot.metrics.len() <= 12);
        // at most 16 KiB for each metric
        prop_assert!(postcard::to_allocvec(&state).expect("plain data").len() < 16 * 1024 * 12);
    }
}

fn index_of_shipped() -> impl FnMut(&MetricName) -> MetricIndex {
    let mut seen: Vec<MetricName> = Vec::new();
    move |name| {
        let place = seen.iter().position(|n| n == name).unwrap_or_else(|| {
            seen.push(name.clone());
            seen.len() - 1
        });
        MetricIndex(place as u32)
    }
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -10.0..100.0f64,
        1 => any::<f64>(),
        1 => prop::sample::select(vec![0.0, -0.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE]),
    ]
}
