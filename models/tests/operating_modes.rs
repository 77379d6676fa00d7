//! Machines with several ways of working: a normal for each, and what is said of one that is new.

use domain::profile::parse;
use domain::{
    DeviceIndex, DeviceKey, EvidenceReason, MetricIndex, MetricName, Names, Quality, Reading, Sample, Severity,
    Timestamp,
};
use models::{DeviceState, Engine, Learning, StepOutput};
use std::sync::Arc;

const NAMES: [&str; 3] = ["rpm", "current", "torque"];
const MODE: &str = r#"
[mode]
metric = "rpm"
settle_ms = 120000
bands = [
  { id = "slow", from = 100.0, below = 1200.0 },
  { id = "fast", from = 1200.0, below = 2000.0 },
]
"#;
const EACH_VALUE: &str = "[mode]\nmetric = \"rpm\"\n";
const RULES: &str = r#"
profile = "pump"
title = { en = "Pump" }
expected_interval_ms = 60000
learns_unknown_metrics = true
[metrics.rpm]
unit = "1/min"
role = "context"
physical_max = 3000.0
[metrics.current]
unit = "A"
[[limit]]
id = "hot"
metric = "current"
critical = 100.0
source = "maker"
[[baseline]]
id = "usual"
severity = "warning"
"#;

struct Known;

impl Names for Known {
    fn device(&self, _index: DeviceIndex) -> DeviceKey {
        DeviceKey::new("site", "device").expect("names")
    }
    fn metric(&self, index: MetricIndex) -> MetricName {
        MetricName::new(NAMES[index.0 as usize]).expect("a name")
    }
}

fn index(name: &str) -> MetricIndex {
    MetricIndex(NAMES.iter().position(|n| *n == name).expect("known") as u32)
}

struct Bench {
    engine: Engine,
    state: DeviceState,
    out: StepOutput,
    minute: i64,
    /// How many readings had a learned alarm.
    told: u32,
}

impl Bench {
    fn new(rules: &str) -> Bench {
        let profile = parse(rules).unwrap_or_else(|problems| panic!("{problems:?}"));
        let engine = Engine::new(Arc::new(profile), &mut |name| index(name.as_str()));
        Bench {
            state: engine.fresh(),
            engine,
            out: StepOutput::default(),
            minute: 0,
            told: 0,
        }
    }

    fn read(&mut self, values: &[(&str, f64)]) -> &StepOutput {
        let samples: Vec<Sample> = values
            .iter()
            .map(|(name, value)| Sample {
                metric: index(name),
                value: *value,
            })
            .collect();
        let at = Timestamp(self.minute * 60_000);
        let reading = Reading {
            measured_at: at,
            received_at: at,
            quality: Quality::Good,
            samples: &samples,
        };
        self.minute += 1;
        self.engine.step(&mut self.state, &reading, false, &mut self.out);
        self.told += u32::from(self.out.active != 0);
        &self.out
    }

    /// Readings at a speed with the current around a level; how many had an alarm.
    fn run(&mut self, minutes: i64, rpm: f64, current: f64) -> u32 {
        let before = self.told;
        for _ in 0..minutes {
            let noise = (self.minute * 7919 % 101) as f64 / 101.0;
            self.read(&[
                ("rpm", rpm),
                ("current", current + noise),
                ("torque", 3.0 * current + noise),
            ]);
        }
        self.told - before
    }

    /// Hours at the one or the other speed, as it is needed: not by the clock.
    fn alternate(&mut self, hours: i64) -> u32 {
        (0..hours)
            .map(|hour| {
                let is_slow = (hour * 7 + hour / 24 * 5) % 11 < 6;
                if is_slow {
                    self.run(60, 700.0, 10.0)
                } else {
                    self.run(60, 1480.0, 25.0)
                }
            })
            .sum()
    }

    fn learning(&self, metric: &str) -> Learning {
        let snapshot = self.engine.snapshot(&self.state);
        let of = snapshot.metrics.iter().find(|m| m.metric == index(metric));
        of.expect("seen").learning
    }

    fn evidence(&self) -> Vec<EvidenceReason> {
        let mode = StepOutput::modes(self.out.active).next().expect("one shows");
        let explanation = self.engine.explain(&self.state, mode, &Known);
        explanation.evidence.into_iter().map(|e| e.reason).collect()
    }
}

#[test]
fn what_is_usual_at_full_speed_is_an_alarm_at_low_speed_and_names_the_mode() {
    let mut bench = Bench::new(&format!("{RULES}{MODE}"));
    assert_eq!(bench.alternate(24 * 8), 0);
    assert!(
        bench.run(60, 700.0, 25.0) > 30,
        "the current of full speed at low speed"
    );
    let names_mode = |reason: &EvidenceReason| match reason {
        EvidenceReason::OutsideBaseline {
            operating_mode, high, ..
        } => operating_mode.as_deref() == Some("slow") && *high < 90.0,
        _ => false,
    };
    assert!(bench.evidence().iter().any(names_mode), "{:?}", bench.evidence());
    assert_eq!(bench.run(60, 1480.0, 25.0), 0, "at full speed it is as ever");

    let mut blind = Bench::new(RULES);
    blind.alternate(24 * 8);
    assert_eq!(blind.run(60, 700.0, 25.0), 0, "nobody sees it without modes");
}

#[test]
fn a_mode_that_was_never_seen_is_learned_and_only_limits_speak() {
    let mut bench = Bench::new(&format!("{RULES}{MODE}"));
    bench.run(60 * 24 * 4, 700.0, 10.0);
    assert_eq!(bench.learning("current"), Learning::Active);
    assert_eq!(bench.run(60, 1480.0, 60.0), 0, "as new as can be");
    assert!(matches!(bench.learning("current"), Learning::Learning { .. }));
    assert!(matches!(bench.learning("torque"), Learning::Learning { .. }));
    bench.read(&[("rpm", 1480.0), ("current", 120.0)]);
    assert_eq!(
        bench
            .out
            .severity(StepOutput::modes(bench.out.active).next().expect("the limit")),
        Some(Severity::Critical)
    );
    bench.run(10, 700.0, 10.0);
    assert_eq!(
        bench.learning("current"),
        Learning::Active,
        "what was learned before is there again"
    );
    assert_eq!(
        bench.engine.snapshot(&bench.state).operating_mode.as_deref(),
        Some("slow")
    );
}

#[test]
fn time_in_another_mode_is_no_time_of_learning() {
    let mut bench = Bench::new(&format!("{RULES}{MODE}"));
    bench.run(30, 1480.0, 25.0);
    bench.run(60 * 24 * 5, 700.0, 10.0);
    bench.run(30, 1480.0, 25.0);
    assert!(matches!(bench.learning("current"), Learning::Learning { share } if share < 0.1));
}

#[test]
fn a_speed_in_no_mode_is_neither_learned_nor_judged() {
    let mut bench = Bench::new(&format!("{RULES}{MODE}"));
    bench.run(60 * 24 * 4, 700.0, 10.0);
    assert_eq!(bench.run(120, 50.0, 90.0), 0);
    assert!(matches!(bench.learning("current"), Learning::Learning { share } if share == 0.0));
    assert_eq!(bench.engine.operating_mode(&bench.state), None);
    assert!(bench.run(60, 700.0, 60.0) > 30, "and it has not widened what is usual");
}

#[test]
fn the_way_into_a_mode_is_neither_learned_nor_judged() {
    let mut bench = Bench::new(&format!("{RULES}{MODE}"));
    bench.alternate(24 * 8);
    for _ in 0..20 {
        assert_eq!(bench.run(1, 700.0, 70.0), 0, "the first minute after a change");
        assert_eq!(bench.run(59, 700.0, 10.0), 0);
        assert_eq!(bench.run(60, 1480.0, 25.0), 0);
    }
    assert!(bench.run(60, 700.0, 70.0) > 30, "and it has not become usual");
}

#[test]
fn a_limit_holds_in_its_modes_and_what_it_said_stands_while_the_mode_is_not_known() {
    let limit = "[[limit]]\nid = \"slow_only\"\nmetric = \"torque\"\nwarning = 50.0\nsource = \"x\"\nin_modes = [\"slow\"]\n\
                 [[failure_mode]]\nid = \"stiff\"\ntitle = { en = \"Stiff\" }\nany_of = [\"slow_only\"]\n\
                 [metrics.torque]\nunit = \"Nm\"\n";
    let mut bench = Bench::new(&format!("{RULES}{MODE}{limit}"));
    let stiff = 1 << bench.engine.profile().mode_index("stiff").expect("there").0;
    let mut shows = |rpm: f64, torque: f64| bench.read(&[("torque", torque), ("rpm", rpm)]).active & stiff != 0;
    assert!(!shows(1480.0, 60.0));
    assert!(shows(700.0, 60.0));
    assert!(shows(20.0, 10.0), "nobody knows");
    assert!(!shows(1480.0, 60.0));
    assert!(shows(700.0, 60.0));
    assert!(!shows(700.0, 40.0));
}

#[test]
fn each_value_is_a_mode_and_a_ninth_is_not_learned() {
    let mut bench = Bench::new(&format!("{RULES}{EACH_VALUE}"));
    for round in 0..300 {
        for mode in 0..8 {
            assert_eq!(
                bench.run(20, f64::from(mode), 10.0 + f64::from(mode)),
                0,
                "round {round}"
            );
        }
    }
    assert_eq!(bench.engine.operating_mode(&bench.state).as_deref(), Some("7"));
    bench.run(20, 8.0, 50.0);
    assert_eq!(bench.engine.operating_mode(&bench.state), None);
    assert!(bench.run(60, 2.0, 17.0) > 20, "17 A is usual in another mode");
    // a series in eight modes, with its windows, in bytes that are stored; a float takes at most as much in memory
    let operation = postcard::to_allocvec(&bench.state.supplement())
        .expect("plain data")
        .len();
    let loaded = postcard::to_allocvec(&bench.state).expect("plain data").len();
    assert!((operation + loaded) / 2 <= 16 * 1024, "{operation} {loaded}");
}

#[test]
fn a_stored_device_goes_on_in_the_mode_it_was_in() {
    let mut bench = Bench::new(&format!("{RULES}{MODE}"));
    bench.alternate(24 * 6 + 1);
    let bytes = postcard::to_allocvec(&(&bench.state, bench.state.supplement())).expect("plain data");
    let (mut state, operation): (DeviceState, models::StoredSupplement) = postcard::from_bytes(&bytes).expect("reads");
    state.set_supplement(operation);
    assert_eq!(bench.engine.adopt(state.clone()), bench.state);
    bench.state = bench.engine.adopt(state);
    assert_eq!(bench.alternate(6), 0);
    assert!(bench.run(60, 700.0, 25.0) > 30);
}

#[test]
fn a_repair_is_forgotten_in_every_mode() {
    let mut bench = Bench::new(&format!("{RULES}{MODE}"));
    bench.alternate(24 * 8);
    let mut out = StepOutput::default();
    bench.engine.reset_baseline(&mut bench.state, None, &mut out);
    for rpm in [700.0, 1480.0] {
        bench.run(5, rpm, 40.0);
        assert!(matches!(bench.learning("current"), Learning::Learning { .. }), "{rpm}");
    }
}

#[test]
fn mistakes_in_modes_are_told() {
    let wrong = r#"
[mode]
metric = "speed"
values = [ { id = "on", is = true }, { id = "one", is = 1 } ]
bands = [ { id = "on", from = 5.0, below = 4.0 } ]
[[limit]]
id = "x"
metric = "current"
warning = 1.0
source = "x"
in_modes = ["off"]
"#;
    let problems = parse(&format!("{RULES}{wrong}")).expect_err("wrong");
    let text = format!("{problems:?}");
    for part in [
        "metric speed is not declared",
        "on and one share values",
        "two modes are called on",
        "must be a number above from",
        "there is no mode \\\"off\\\"; known are on, one, on",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

proptest::proptest! {
    /// Any order of modes, values and restarts: nothing is lost by a restart, and the state always fits its own plan.
    #[test]
    fn any_course_is_the_same_over_restarts(
        steps in proptest::collection::vec((-1i64..11, 1i64..90, 0.0f64..30.0, proptest::bool::ANY), 1..30),
        is_named in proptest::bool::ANY,
    ) {
        let mode = if is_named { MODE } else { EACH_VALUE };
        let (mut unbroken, mut restarted) = (Bench::new(&format!("{RULES}{mode}")), Bench::new(&format!("{RULES}{mode}")));
        for (mode, minutes, level, restarts) in steps {
            let rpm = if is_named { mode as f64 * 200.0 } else { mode as f64 };
            let told = unbroken.run(minutes, rpm, level);
            proptest::prop_assert_eq!(restarted.run(minutes, rpm, level), told);
            if restarts {
                let bytes = postcard::to_allocvec(&(&restarted.state, restarted.state.supplement())).expect("plain data");
                let read: (DeviceState, models::StoredSupplement) = postcard::from_bytes(&bytes).expect("reads");
                let (mut state, supplement) = read;
                state.set_supplement(supplement);
                restarted.state = restarted.engine.adopt(state);
            }
            proptest::prop_assert_eq!(&restarted.state, &unbroken.state);
        }
    }
}
