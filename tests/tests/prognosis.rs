//! How well the time left is told, against machines of which it is known when they fail: the simulator's faults under their
//! shipped profiles, and wear that changes its pace. Prints a table; the figures of the documentation come from here.

use device_sim::catalogue::{Fault, MachineKind};
use device_sim::fault::{Condition, FaultPlan};
use device_sim::machine::Machine;
use device_sim::noise::{gauss, rng_for};
use domain::profile::{Direction, parse, shipped};
use domain::{MetricIndex, MetricName, Millis, ModeIndex, Prognosis, Quality, Reading, Sample, Timestamp};
use models::{DeviceState, Engine, StepOutput};
use std::sync::Arc;

const START_MS: i64 = 1_767_600_000_000;
const HOUR_MS: i64 = 3_600_000;
const SEEDS: u64 = 4;
/// Places on the way from the first sign to failure at which the time left is asked for.
const LOOKS: [f64; 8] = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

/// One course: what was told at each of [`LOOKS`], with the truth, both in hours.
struct Course {
    name: String,
    /// Of the way from the first sign to failure.
    told: Vec<(f64, Option<[f64; 3]>, f64)>,
}

/// A device under a profile of which one failure mode is asked.
struct Asked {
    engine: Engine,
    state: DeviceState,
    out: StepOutput,
    mode: ModeIndex,
    metrics: Vec<MetricName>,
}

impl Asked {
    fn new(profile: domain::Profile, mode: &str, metrics: &[&str]) -> Asked {
        let mode = profile.mode_index(mode).expect("in the profile");
        let mut names: Vec<MetricName> = metrics.iter().map(|m| MetricName::new(m).expect("a name")).collect();
        let engine = Engine::new(Arc::new(profile), &mut |name| {
            let place = names.iter().position(|n| n == name).unwrap_or_else(|| {
                names.push(name.clone());
                names.len() - 1
            });
            MetricIndex(place as u32)
        });
        Asked {
            state: engine.fresh(),
            engine,
            out: StepOutput::default(),
            mode,
            metrics: names,
        }
    }

    fn read(&mut self, at_ms: i64, values: &[f64]) {
        let sample = |(place, value): (usize, &f64)| Sample {
            metric: MetricIndex(place as u32),
            value: *value,
        };
        let samples: Vec<Sample> = values.iter().enumerate().map(sample).collect();
        assert!(samples.len() <= self.metrics.len());
        let reading = Reading {
            measured_at: Timestamp(at_ms),
            received_at: Timestamp(at_ms),
            quality: Quality::Good,
            samples: &samples,
        };
        self.engine.step(&mut self.state, &reading, false, &mut self.out);
    }

    fn told(&self) -> Option<[f64; 3]> {
        let snapshot = self.engine.snapshot(&self.state);
        match snapshot.modes[usize::from(self.mode.0)].prognosis {
            Prognosis::NotYetKnown => None,
            Prognosis::Known(life) => Some([life.p10, life.p50, life.p90].map(Millis::as_hours)),
        }
    }
}

/// Runs a course of which `values` tells the readings; the truth is when the mean over an hundredth of the way meets the limit.
fn course(
    name: String,
    mut asked: Asked,
    (onset_ms, failure_ms, stop_ms): (i64, i64, i64),
    wear_metric: usize,
    mut values: impl FnMut(i64) -> Vec<f64>,
) -> Option<Course> {
    let wear = asked
        .engine
        .profile()
        .mode(asked.mode)
        .and_then(|m| m.wear.clone())
        .expect("it wears");
    let step_ms = (failure_ms - onset_ms) / 2_000;
    let (mut at_ms, mut looks, mut told, mut mean) = (START_MS, LOOKS.iter().copied().peekable(), Vec::new(), None);
    let mut end_ms = None;
    while at_ms < stop_ms {
        let row = values(at_ms);
        let value = row[wear_metric];
        let level: f64 = mean.map_or(value, |mean: f64| mean + (value - mean) / 20.0);
        mean = Some(level);
        let is_over = match wear.direction {
            Direction::Above => level >= wear.failure_limit,
            Direction::Below => level <= wear.failure_limit,
        };
        if is_over {
            end_ms = Some(at_ms);
            break;
        }
        asked.read(at_ms, &row);
        let way = (at_ms - onset_ms) as f64 / (failure_ms - onset_ms) as f64;
        if looks.next_if(|look| way >= *look).is_some() {
            told.push((at_ms, asked.told()));
        }
        at_ms += step_ms;
    }
    // a machine that fails before its limit is met says nothing about the way to the limit
    let end_ms = end_ms?;
    let finished = |(at_ms, told): (i64, Option<[f64; 3]>)| {
        let way = (at_ms - onset_ms) as f64 / (end_ms - onset_ms) as f64;
        (way, told, (end_ms - at_ms) as f64 / HOUR_MS as f64)
    };
    Some(Course {
        name,
        told: told.into_iter().map(finished).collect(),
    })
}

/// Every fault of the simulator whose profile tells by which metric it wears, over its P-F interval and over a half of it.
fn simulated() -> Vec<Course> {
    let mut courses = Vec::new();
    for fault in Fault::ALL {
        let kind: MachineKind = fault.machine();
        let profile = shipped::all().into_iter().find(|p| p.id == kind.id()).expect("shipped");
        let mode = profile
            .mode(profile.mode_index(fault.id()).expect("known"))
            .expect("known")
            .clone();
        let (Some(wear), Some(pf)) = (mode.wear, mode.pf_interval) else {
            continue;
        };
        let metrics: Vec<&str> = kind.metrics().iter().map(|m| m.name).collect();
        let place = metrics
            .iter()
            .position(|m| *m == wear.metric.as_str())
            .expect("simulated");
        for seed in 0..SEEDS {
            let pf_ms = pf.0 / (1 + seed as i64 % 2);
            let (onset_ms, failure_ms) = (START_MS + pf_ms / 2, START_MS + pf_ms / 2 + pf_ms);
            let plan = FaultPlan {
                fault,
                onset_ms,
                failure_ms,
                repaired_ms: None,
            };
            let mut rng = rng_for(seed, fault.id());
            let mut machine = Machine::new(kind, START_MS, &mut rng);
            let dt_s = pf_ms as f64 / 2_000.0 / 1_000.0;
            let values = move |at_ms: i64| {
                let condition = Condition::at(&[plan], at_ms);
                machine.step(at_ms, dt_s, &condition, &mut rng).to_vec()
            };
            let asked = Asked::new(profile.clone(), fault.id(), &metrics);
            courses.extend(course(
                fault.id().to_owned(),
                asked,
                (onset_ms, failure_ms, failure_ms),
                place,
                values,
            ));
        }
    }
    courses
}

const FAN: &str = r#"
profile = "fan"
title = { en = "Fan" }
expected_interval_ms = 60000
[metrics.rms]
unit = "g"
[[limit]]
id = "rough"
metric = "rms"
warning = 4.0
source = "x"
[[failure_mode]]
id = "bearing"
title = { en = "Bearing" }
any_of = ["rough"]
pf_interval_hours = 200.0
wear = { metric = "rms", failure_limit = 8.0 }
"#;

/// Growth that changes its pace on the way, as bearings do on test benches: long nothing or a slow rise, then fast. From 1 to 8.
fn changing(shape: usize, x: f64) -> f64 {
    match shape {
        // flat, then a straight rise
        0 => 1.0 + 7.0 * ((x - 0.5) / 0.5).max(0.0),
        // slow, then four times as fast
        1 => 1.0 + if x < 0.6 { 2.6 * x } else { 2.6 * 0.6 + 13.6 * (x - 0.6) },
        // slow, then exponential over the last third
        2 => {
            let slow = 1.0 + 1.0 * x.min(0.67);
            slow * (4.79f64.ln() * ((x - 0.67) / 0.33).max(0.0)).exp()
        }
        // fast, then slower: run in
        3 => 1.0 + if x < 0.3 { 12.0 * x } else { 3.6 + 4.857 * (x - 0.3) },
        // fast at the very end
        _ => 1.0 + 1.5 * x + 5.5 * x.powi(8),
    }
}

fn of_changing_pace() -> Vec<Course> {
    let mut courses = Vec::new();
    let names = [
        "flat_then_rise",
        "slow_then_fast",
        "slow_then_exponential",
        "fast_then_slow",
        "late_power",
    ];
    for (shape, name) in names.into_iter().enumerate() {
        for seed in 0..SEEDS {
            let asked = Asked::new(parse(FAN).expect("sound"), "bearing", &["rms"]);
            let pf_ms = 200 * HOUR_MS / (1 + seed as i64 % 2);
            let (onset_ms, failure_ms) = (START_MS + pf_ms / 2, START_MS + pf_ms / 2 + pf_ms);
            let mut rng = rng_for(seed, name);
            let mut slow = 0.0;
            let values = move |at_ms: i64| {
                let x = ((at_ms - onset_ms) as f64 / pf_ms as f64).max(0.0);
                slow = 0.98 * slow + 0.2 * gauss(&mut rng, 0.03);
                vec![changing(shape, x) * (1.0 + slow + gauss(&mut rng, 0.04))]
            };
            courses.extend(course(
                name.to_owned(),
                asked,
                (onset_ms, failure_ms, failure_ms + pf_ms / 4),
                0,
                values,
            ));
        }
    }
    courses
}

/// Of all that was told: how often, the median error as a share of the truth, how often the truth lay between p10 and p90.
#[derive(Debug, Default)]
struct Figures {
    looks: usize,
    errors: Vec<f64>,
    within: usize,
}

impl Figures {
    fn add(&mut self, told: Option<[f64; 3]>, truth: f64) {
        self.looks += 1;
        if let Some([p10, p50, p90]) = told {
            self.errors.push((p50 - truth).abs() / truth);
            self.within += usize::from(p10 <= truth && truth <= p90);
        }
    }

    fn median(&mut self) -> f64 {
        self.errors.sort_by(f64::total_cmp);
        self.errors.get(self.errors.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn told(&self) -> f64 {
        self.errors.len() as f64 / self.looks.max(1) as f64
    }

    fn coverage(&self) -> f64 {
        self.within as f64 / self.errors.len().max(1) as f64
    }
}

/// Prints what came of each fault; returns the figures of the first and of the second half of the way, of all courses.
fn table(title: &str, courses: &[Course]) -> [Figures; 2] {
    let mut all = [Figures::default(), Figures::default()];
    println!(
        "\n{title}\n{:<24} {:>26} {:>26} {:>14}",
        "", "before the middle", "after the middle", "right from"
    );
    println!(
        "{:<24} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>14}",
        "", "told", "error", "within", "told", "error", "within", "share of life"
    );
    let mut names: Vec<&str> = courses.iter().map(|c| c.name.as_str()).collect();
    names.dedup();
    for name in names {
        let (mut halves, mut right_from) = ([Figures::default(), Figures::default()], Vec::new());
        for course in courses.iter().filter(|c| c.name == name) {
            for (way, told, truth) in &course.told {
                let half = usize::from(*way >= 0.5);
                halves[half].add(*told, *truth);
                all[half].add(*told, *truth);
            }
            // the prognostic horizon: from where on the error stays within a third of the truth
            let is_right = |(_, told, truth): &&(f64, Option<[f64; 3]>, f64)| {
                told.is_some_and(|t| (t[1] - truth).abs() <= truth / 3.0)
            };
            let from = course.told.iter().rev().take_while(is_right).last();
            right_from.push(from.map_or(1.0, |(way, _, _)| *way));
        }
        right_from.sort_by(f64::total_cmp);
        let [mut a, mut b] = halves;
        let (ea, eb) = (a.median(), b.median());
        println!(
            "{name:<24} {:>8.2} {ea:>8.2} {:>8.2} {:>8.2} {eb:>8.2} {:>8.2} {:>14.2}",
            a.told(),
            a.coverage(),
            b.told(),
            b.coverage(),
            right_from[right_from.len() / 2]
        );
    }
    let [a, b] = &mut all;
    let (ea, eb) = (a.median(), b.median());
    println!(
        "{:<24} {:>8.2} {ea:>8.2} {:>8.2} {:>8.2} {eb:>8.2} {:>8.2}",
        "all",
        a.told(),
        a.coverage(),
        b.told(),
        b.coverage()
    );
    all
}

#[test]
fn time_left_follows_wear_also_where_it_changes_its_pace() {
    let [_, mut late] = table("simulated faults", &simulated());
    assert!(
        late.told() > 0.9 && late.median() < 0.22 && late.coverage() > 0.8,
        "{late:?}"
    );
    let [_, mut late] = table("wear of changing pace", &of_changing_pace());
    assert!(late.told() > 0.9 && late.median() < 0.6, "{late:?}");
}
