//! Whatever a device measures and whenever, the engine goes on: constants, gaps, spikes, values that are no numbers, metrics that
//! are copies of each other, times that repeat or run backwards.

use domain::profile::shipped;
use domain::{MetricIndex, Quality, Reading, Sample, Timestamp};
use models::{DeviceState, Engine, StepOutput};
use proptest::prelude::*;
use std::sync::Arc;

fn generic() -> Engine {
    let profile = shipped::all().into_iter().find(|p| p.id == "generic").expect("shipped");
    let mut next = 1_000;
    Engine::new(Arc::new(profile), &mut |_| {
        next += 1;
        MetricIndex(next)
    })
}

/// How one metric behaves.
#[derive(Debug, Clone)]
enum Course {
    Constant(f64),
    Noise { centre: f64, size: f64 },
    Spikes { every: usize, to: f64 },
    CopyOfTheFirst,
    Gaps { every: usize },
    Rubbish(Vec<f64>),
}

fn course() -> impl Strategy<Value = Course> {
    prop_oneof![
        any::<f64>().prop_map(Course::Constant),
        (-1e6..1e6, 0.0..1e6).prop_map(|(centre, size)| Course::Noise { centre, size }),
        (2usize..200, any::<f64>()).prop_map(|(every, to)| Course::Spikes { every, to }),
        Just(Course::CopyOfTheFirst),
        (2usize..50).prop_map(|every| Course::Gaps { every }),
        prop::collection::vec(any::<f64>(), 1..12).prop_map(Course::Rubbish),
    ]
}

/// Time from one row to the next, ms.
fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => Just(1_000i64),
        2 => Just(60_000),
        1 => Just(0),
        1 => -100_000i64..0,
        1 => prop_oneof![Just(i64::MAX), Just(i64::MIN), any::<i64>()],
    ]
}

impl Course {
    fn value(&self, row: usize, first: f64) -> f64 {
        let noise = ((row * 7_919 + 13) % 101) as f64 / 101.0 - 0.5;
        match self {
            Course::Constant(value) => *value,
            Course::Noise { centre, size } => centre + size * noise,
            Course::Spikes { every, to } => {
                if row % every == 0 {
                    *to
                } else {
                    noise
                }
            }
            Course::CopyOfTheFirst => first,
            Course::Gaps { every } => {
                if row % every == 0 {
                    f64::NAN
                } else {
                    noise
                }
            }
            Course::Rubbish(values) => values[row % values.len()],
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_course_of_values_and_times_breaks_the_engine(
        courses in prop::collection::vec(course(), 1..6),
        pauses in prop::collection::vec(pause(), 1..20),
        rows in 1usize..900,
        known in prop_oneof![Just(0usize), 1usize..500],
    ) {
        let engine = generic();
        let (mut state, mut out) = (engine.fresh(), StepOutput::default());
        let (mut at_ms, mut is_standing) = (1_700_000_000_000i64, false);
        for row in 0..rows {
            let first = courses[0].value(row, 0.0);
            let samples: Vec<Sample> = courses.iter().enumerate()
                .map(|(place, course)| Sample { metric: MetricIndex(place as u32), value: course.value(row, first) })
                .collect();
            at_ms = at_ms.saturating_add(pauses[row % pauses.len()]);
            let reading = Reading { measured_at: Timestamp(at_ms), received_at: Timestamp(at_ms), quality: Quality::Good, samples: &samples };
            if row < known {
                engine.learn(&mut state, &reading);
                if row + 1 == known.min(rows) {
                    engine.end_of_normal(&mut state);
                }
                continue;
            }
            engine.step(&mut state, &reading, is_standing, &mut out);
            is_standing = out.active != 0;
            prop_assert!(out.score.is_none_or(|score| (0.0..=1.0).contains(&score)), "row {row}: {:?}", out.score);
        }
        let bytes = postcard::to_stdvec(&state).expect("plain data");
        let restored: DeviceState = postcard::from_bytes(&bytes).expect("what was written");
        prop_assert!(engine.adopt(restored) == state, "a restart forgets nothing");
        for metric in engine.snapshot(&state).metrics {
            if let Some((low, high)) = metric.expected {
                prop_assert!(low <= high, "{low}..{high}");
            }
        }
    }
}

#[test]
fn copies_of_a_metric_and_constants_do_not_hide_that_one_metric_departs() {
    let engine = generic();
    let (mut state, mut out) = (engine.fresh(), StepOutput::default());
    let mut is_told = false;
    for row in 0..1_400i64 {
        let wave = (row as f64 / 9.0).sin() + ((row * 7_919) % 101) as f64 * 0.002;
        let last = if row < 1_200 { wave * 2.0 } else { 1.5 };
        let samples: Vec<Sample> = [wave, wave, wave, 3.0, last]
            .iter()
            .enumerate()
            .map(|(place, value)| Sample {
                metric: MetricIndex(place as u32),
                value: *value,
            })
            .collect();
        let at = Timestamp(row * 1_000);
        let reading = Reading {
            measured_at: at,
            received_at: at,
            quality: Quality::Good,
            samples: &samples,
        };
        if row < 600 {
            engine.learn(&mut state, &reading);
            if row == 599 {
                engine.end_of_normal(&mut state);
            }
            continue;
        }
        engine.step(&mut state, &reading, is_told, &mut out);
        is_told = out.active != 0;
        assert!(!(is_told && row < 1_200), "nothing is wrong at row {row}");
    }
    assert!(is_told);
}
