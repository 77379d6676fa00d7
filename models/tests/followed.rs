//! A followed sensor in the rule engine: features of snapshots in, an alarm, its diagnosis, and the failure mode that it names.

use domain::profile::parse;
use domain::{
    DeviceIndex, DeviceKey, EvidenceReason, MetricIndex, MetricName, ModeIndex, Names, Quality, Reading, Sample,
    SensorName, Severity, Timestamp,
};
use models::vibration::{FaultClass, Finding};
use models::{DeviceState, Engine, Learning, StepOutput};
use std::sync::Arc;

const PROFILE: &str = r#"
profile = "fan"
title = { en = "Fan" }
expected_interval_ms = 1000
learns_unknown_metrics = true

[[baseline]]
id = "baseline"

[[vibration]]
id = "drive_end"
sensor = "bearing"
bearing = "6205"

[[failure_mode]]
id = "bearing_wear"
title = { en = "Bearing wear" }
any_of = ["drive_end.bearing"]

[[failure_mode]]
id = "unbalance"
title = { en = "Unbalance" }
any_of = ["drive_end.unbalance"]
"#;

const METRICS: [&str; 7] = [
    "bearing.rms_g",
    "bearing.kurtosis",
    "bearing.octave_1_g",
    "bearing.octave_2_g",
    "bearing.octave_3_g",
    "bearing.octave_4_g",
    "bearing.octave_5_g",
];

/// Metrics by their place in [`METRICS`].
struct Dictionary;

impl Names for Dictionary {
    fn device(&self, _index: DeviceIndex) -> DeviceKey {
        DeviceKey::new("site", "device").expect("a name of the test")
    }
    fn metric(&self, index: MetricIndex) -> MetricName {
        MetricName::new(METRICS[index.0 as usize]).expect("a name of the test")
    }
}

struct Bench {
    engine: Engine,
    state: DeviceState,
    out: StepOutput,
    second: i64,
}

impl Bench {
    fn new() -> Bench {
        let place = |name: &MetricName| METRICS.iter().position(|m| *m == name.as_str()).unwrap_or(99);
        let profile = parse(PROFILE).expect("a sound profile");
        let engine = Engine::new(Arc::new(profile), &mut |name| MetricIndex(place(name) as u32));
        let state = engine.fresh();
        Bench {
            engine,
            state,
            out: StepOutput::default(),
            second: 0,
        }
    }

    /// A snapshot this many times as strong as usual; the failure modes that show.
    fn snapshot(&mut self, times: f64) -> Vec<String> {
        self.second += 1;
        let spread = 1.0 + 0.05 * ((self.second * 37 % 17) as f64 - 8.0) / 8.0;
        let of = |place: usize| if place == 1 { 3.0 } else { 0.1 * times * spread };
        let samples: Vec<Sample> = (0..METRICS.len())
            .map(|place| Sample {
                metric: MetricIndex(place as u32),
                value: of(place),
            })
            .collect();
        let at = Timestamp(self.second * 1000);
        let reading = Reading {
            measured_at: at,
            received_at: at,
            quality: Quality::Good,
            samples: &samples,
        };
        self.engine.step(&mut self.state, &reading, false, &mut self.out);
        self.active()
    }

    fn diagnosed(&mut self, class: FaultClass) -> Vec<String> {
        let finding = Finding {
            class: Some(class),
            confidence_percent: 80,
            says: vec!["line at 107 Hz".to_owned()],
        };
        self.engine.diagnosed(&mut self.state, 0, finding, &mut self.out);
        self.active()
    }

    fn active(&self) -> Vec<String> {
        let modes = StepOutput::modes(self.out.active);
        let name = |mode: ModeIndex| {
            self.engine
                .profile()
                .mode(mode)
                .expect("a name of the test")
                .id
                .to_string()
        };
        modes.map(name).collect()
    }

    /// Learns, then doubles until the alarm stands.
    fn alarmed(&mut self) {
        for _ in 0..80 {
            assert_eq!(self.snapshot(1.0), [] as [&str; 0]);
        }
        while !self.engine.wants_diagnosis(&self.state, 0) {
            assert_eq!(
                self.snapshot(2.0),
                [] as [&str; 0],
                "without a diagnosis there is no name"
            );
            assert!(self.second < 120, "it alarms");
        }
    }
}

#[test]
fn what_the_diagnosis_names_is_the_failure_mode_that_shows() {
    let mut bench = Bench::new();
    bench.alarmed();
    assert!(bench.engine.is_conspicuous(&bench.state, 0));
    assert_eq!(bench.diagnosed(FaultClass::OuterRace), ["bearing_wear"]);
    assert!(!bench.engine.wants_diagnosis(&bench.state, 0), "one is enough for now");
    let asked = (0..20).filter(|_| {
        bench.snapshot(2.0);
        bench.engine.wants_diagnosis(&bench.state, 0)
    });
    assert_eq!(asked.count(), 1, "again after 20 snapshots");
    assert_eq!(bench.diagnosed(FaultClass::Unbalance), ["unbalance"]);
    while bench.active() == ["unbalance"] {
        bench.snapshot(1.0);
        assert!(bench.second < 200, "it ends");
    }
    assert_eq!(bench.active(), [] as [&str; 0]);
}

#[test]
fn an_alarm_without_a_name_is_an_advisory_of_unusual_behaviour() {
    let mut bench = Bench::new();
    bench.alarmed();
    let mut waited = 0;
    while bench.snapshot(2.0).is_empty() {
        waited += 1;
    }
    assert_eq!((waited, bench.active()), (9, vec!["abnormal_behaviour".to_owned()]));
    let mode = bench.engine.profile().built_in.abnormal_behaviour;
    assert_eq!(bench.out.severity(mode), Some(Severity::Advisory));
    assert_eq!(bench.diagnosed(FaultClass::Healthy), ["abnormal_behaviour"]);
    assert_eq!(bench.diagnosed(FaultClass::Ball), ["bearing_wear"]);
}

#[test]
fn the_explanation_names_the_fault_and_what_rose_beyond_which_range() {
    let mut bench = Bench::new();
    bench.alarmed();
    bench.diagnosed(FaultClass::InnerRace);
    let mode = bench
        .engine
        .profile()
        .mode_index("bearing_wear")
        .expect("a name of the test");
    let explained = bench.engine.explain(&bench.state, mode, &Dictionary);
    assert_eq!(explained.severity, Some(Severity::Warning));
    let [diagnosis, level, octave] = explained.evidence.as_slice() else {
        panic!("{:?}", explained.evidence);
    };
    assert_eq!(diagnosis.rule.as_str(), "drive_end.bearing");
    assert_eq!(
        diagnosis.reason,
        EvidenceReason::VibrationFault {
            fault: "inner race".to_owned(),
            confidence: 0.8,
            says: vec!["line at 107 Hz".to_owned()],
        }
    );
    let metric = |e: &domain::Evidence| {
        e.metric
            .as_ref()
            .map(|m| m.as_str().to_owned())
            .expect("a name of the test")
    };
    let mut metrics = [metric(level), metric(octave)];
    metrics.sort();
    assert!(
        metrics[0].starts_with("bearing.octave_") && metrics[1] == "bearing.rms_g",
        "{metrics:?}"
    );
    let EvidenceReason::OutsideBaseline { low, high, .. } = level.reason else {
        panic!("{level:?}");
    };
    assert!(0.06 < low && low < 0.1 && 0.1 < high && high < 0.16, "{low} {high}");
    assert!(level.value.is_some_and(|value| value > high));
}

#[test]
fn learned_rules_leave_the_features_of_a_followed_sensor_to_its_monitor() {
    let mut bench = Bench::new();
    bench.snapshot(1.0);
    let snapshot = bench.engine.snapshot(&bench.state);
    assert!(
        snapshot
            .metrics
            .iter()
            .all(|m| matches!(m.learning, Learning::Learning { share } if share < 0.02))
    );
    bench.alarmed();
    let learned = bench.engine.snapshot(&bench.state).metrics[0].clone();
    let (low, high) = learned.expected.expect("learned");
    assert!(low < 0.1 && 0.1 < high, "{low} {high}");
    assert_eq!(learned.learning, Learning::Provisional, "still running in");
}

#[test]
fn a_repair_makes_the_sensor_learn_anew() {
    let mut bench = Bench::new();
    bench.alarmed();
    bench.diagnosed(FaultClass::OuterRace);
    let mode = bench.engine.profile().mode_index("bearing_wear");
    bench.engine.reset_baseline(&mut bench.state, mode, &mut bench.out);
    assert_eq!(bench.active(), [] as [&str; 0]);
    assert!(!bench.engine.wants_diagnosis(&bench.state, 0));
    for _ in 0..100 {
        assert_eq!(bench.snapshot(2.0), [] as [&str; 0], "what is usual now");
    }
}

#[test]
fn a_profile_with_a_bearing_that_nobody_knows_is_refused_with_names_that_are_near() {
    for (wrong, right, part) in [
        ("\"6205\"", "\"6215\"", "near ones are 6205"),
        ("\"6205\"", "\"9,39,7.9,0\"", "below the pitch diameter"),
        (
            "sensor = \"bearing\"",
            "sensor = \"bearing\"\nlimits = \"none\"",
            "10816-3-group-2-rigid",
        ),
        ("sensor = \"bearing\"", "sensor = \"bearing\"\nrpm = 0.0", "above 0"),
        ("sensor = \"bearing\"", "sensor = \"bearing\"\nteeth = 1", "4 to 1000"),
    ] {
        let problems = parse(&PROFILE.replace(wrong, right)).expect_err(right);
        assert!(problems.iter().any(|p| p.to_string().contains(part)), "{problems:?}");
    }
    assert!(SensorName::new("bearing").is_ok());
}
