//! The engine from outside: each rule kind, failure modes, silence, fault codes, maintenance, explanation.

use domain::profile::parse;
use domain::wire::event::{DeviceEvent, EventState};
use domain::{
    DeviceIndex, DeviceKey, EvidenceReason, MetricIndex, MetricName, ModeIndex, Names, Prognosis, Quality, Reading,
    Sample, Severity, Timestamp,
};
use models::{DeviceState, Engine, Learning, StepOutput};
use std::cell::RefCell;
use std::sync::Arc;

#[derive(Default)]
struct Dictionary(RefCell<Vec<MetricName>>);

impl Dictionary {
    fn index(&self, name: &MetricName) -> MetricIndex {
        let mut names = self.0.borrow_mut();
        let place = names.iter().position(|n| n == name).unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        });
        MetricIndex(place as u32)
    }
}

impl Names for Dictionary {
    fn device(&self, _index: DeviceIndex) -> DeviceKey {
        DeviceKey::new("site", "device").expect("names")
    }
    fn metric(&self, index: MetricIndex) -> MetricName {
        self.0.borrow()[index.0 as usize].clone()
    }
}

struct Bench {
    engine: Engine,
    names: Dictionary,
    state: DeviceState,
    out: StepOutput,
}

impl Bench {
    fn new(rules: &str) -> Bench {
        let head = "profile = \"fan\"\ntitle = { en = \"Fan\" }\nexpected_interval_ms = 1000\n";
        let profile = parse(&format!("{head}{rules}")).expect("a sound profile");
        let names = Dictionary::default();
        let engine = Engine::new(Arc::new(profile), &mut |name| names.index(name));
        let state = engine.fresh();
        Bench {
            engine,
            names,
            state,
            out: StepOutput::default(),
        }
    }

    /// One reading at a second; the names of the modes that show.
    fn step(&mut self, second: i64, values: &[(&str, f64)]) -> Vec<String> {
        let samples: Vec<Sample> = values
            .iter()
            .map(|(name, value)| Sample {
                metric: self.names.index(&MetricName::new(name).expect("a name")),
                value: *value,
            })
            .collect();
        let at = Timestamp(second * 1000);
        let reading = Reading {
            measured_at: at,
            received_at: at,
            quality: Quality::Good,
            samples: &samples,
        };
        self.engine.step(&mut self.state, &reading, false, &mut self.out);
        self.active()
    }

    fn active(&self) -> Vec<String> {
        let modes = StepOutput::modes(self.out.active);
        modes
            .map(|m| self.engine.profile().mode(m).expect("in the profile").id.to_string())
            .collect()
    }

    fn mode(&self, id: &str) -> ModeIndex {
        self.engine.profile().mode_index(id).expect("in the profile")
    }

    fn explain(&self, id: &str) -> models::Explanation {
        self.engine.explain(&self.state, self.mode(id), &self.names)
    }
}

const TWO_LIMITS: &str = r#"
[metrics.heat]
unit = "C"
physical_min = -40.0
physical_max = 200.0
stuck_after_ms = 60000
[metrics.shake]
unit = "mm/s"
[[limit]]
id = "hot"
metric = "heat"
warning = 80.0
critical = 90.0
deadband = 2.0
source = "maker"
[[limit]]
id = "rough"
metric = "shake"
warning = 4.0
source = "ISO"
[[failure_mode]]
id = "bearing"
title = { en = "Bearing" }
all_of = ["hot", "rough"]
[[failure_mode]]
id = "cooling"
title = { en = "Cooling" }
any_of = ["hot"]
none_of = ["rough"]
[[failure_mode]]
id = "shaking"
title = { en = "Shaking" }
any_of = ["rough", "hot"]
"#;

#[test]
fn failure_modes_combine_their_rules() {
    let mut bench = Bench::new(TWO_LIMITS);
    let cases: [(f64, f64, &[&str]); 4] = [
        (20.0, 1.0, &[]),
        (85.0, 1.0, &["cooling", "shaking"]),
        (85.0, 5.0, &["bearing", "shaking"]),
        (20.0, 5.0, &["shaking"]),
    ];
    for (second, (heat, shake, expected)) in cases.into_iter().enumerate() {
        assert_eq!(
            bench.step(second as i64, &[("heat", heat), ("shake", shake)]),
            expected,
            "{heat} {shake}"
        );
    }
}

#[test]
fn a_mode_is_as_bad_as_its_worst_rule_and_says_why_the_worst_first() {
    let mut bench = Bench::new(TWO_LIMITS);
    bench.step(0, &[("heat", 95.0), ("shake", 5.0)]);
    assert_eq!(bench.out.severity(bench.mode("bearing")), Some(Severity::Critical));
    let explanation = bench.explain("bearing");
    let reasons: Vec<_> = explanation
        .evidence
        .iter()
        .map(|e| (e.value, e.reason.clone()))
        .collect();
    let above = |limit, source: &str| EvidenceReason::AboveLimit {
        limit,
        source: source.to_owned(),
    };
    assert_eq!(
        reasons,
        [(Some(95.0), above(90.0, "maker")), (Some(5.0), above(4.0, "ISO"))]
    );
    assert!(explanation.health.percent() < 50.0);
}

#[test]
fn a_message_with_other_metrics_judges_only_the_modes_of_its_own() {
    let mut bench = Bench::new(TWO_LIMITS);
    bench.step(0, &[("shake", 5.0)]);
    bench.step(1, &[("unheard_of", 1.0)]);
    assert_eq!(bench.active(), ["shaking"], "what stood still stands");
    let word = |ids: &[&str]| ids.iter().fold(0u64, |w, id| w | 1 << bench.mode(id).0);
    assert_eq!(bench.out.judged, word(&["no_data"]));
}

#[test]
fn impossible_values_speak_as_sensor_fault_and_reach_no_other_rule() {
    let mut bench = Bench::new(TWO_LIMITS);
    for (second, heat) in [999.0, f64::NAN, f64::INFINITY].into_iter().enumerate() {
        assert_eq!(bench.step(second as i64, &[("heat", heat)]), ["sensor_fault"]);
        assert_eq!(bench.out.bad, [0]);
    }
    let reason = bench.explain("sensor_fault").evidence[0].reason.clone();
    assert_eq!(reason, EvidenceReason::OutsidePhysicalRange { min: -40.0, max: 200.0 });
    assert_eq!(bench.step(9, &[("heat", 20.0)]), [""; 0]);
}

#[test]
fn a_stuck_sensor_is_told_with_its_since() {
    let mut bench = Bench::new(TWO_LIMITS);
    bench.step(0, &[("heat", 19.0)]);
    let shown: Vec<i64> = (1..100)
        .filter(|s| !bench.step(*s, &[("heat", 20.0)]).is_empty())
        .collect();
    assert_eq!(shown, (61..100).collect::<Vec<_>>());
    let reason = bench.explain("sensor_fault").evidence[0].reason.clone();
    assert_eq!(reason, EvidenceReason::Stuck { since: Timestamp(1000) });
}

#[test]
fn a_rate_speaks_while_the_slope_is_steep() {
    let mut bench = Bench::new(
        "[metrics.heat]\nunit = \"C\"\n[[rate]]\nid = \"rising\"\nmetric = \"heat\"\nlimit_per_hour = 30.0\nwindow_ms = 600000\n",
    );
    let heat = |s: i64| 20.0 + (s - 1000).clamp(0, 600) as f64 / 60.0;
    let shown: Vec<i64> = (0..3000)
        .filter(|s| !bench.step(*s, &[("heat", heat(*s))]).is_empty())
        .collect();
    let (first, last) = (shown[0], shown[shown.len() - 1]);
    assert!(
        (1200..1700).contains(&first) && (1700..2400).contains(&last),
        "{first} {last}"
    );
}

#[test]
fn silence_is_by_our_clock_and_not_before_we_were_there() {
    let mut bench = Bench::new("[absence]\nafter_ms = 10000\n");
    let start = Timestamp(0);
    bench.step(0, &[("heat", 1.0)]);
    assert_eq!(
        bench.engine.silence_deadline(&bench.state, start),
        Some(Timestamp(10_001))
    );
    let mut ask = |now: i64, not_before: i64| {
        bench
            .engine
            .silence(&mut bench.state, Timestamp(now), Timestamp(not_before), &mut bench.out);
        bench.active()
    };
    assert_eq!(ask(10_000, 0), [""; 0]);
    assert_eq!(ask(60_000, 55_000), [""; 0]);
    assert_eq!(ask(60_000, 0), ["no_data"]);
    assert_eq!(bench.engine.silence_deadline(&bench.state, start), None);
    let reason = bench.explain("no_data").evidence[0].reason.clone();
    assert_eq!(
        reason,
        EvidenceReason::Silent {
            last_received_at: Timestamp(0)
        }
    );
    assert_eq!(bench.step(61, &[("heat", 1.0)]), [""; 0]);
}

#[test]
fn fault_codes_stand_until_cleared_and_are_bounded() {
    let mut bench = Bench::new(&format!(
        "{TWO_LIMITS}[[fault_code]]\ncode = \"E7\"\nfailure_mode = \"bearing\"\nseverity = \"critical\"\ntext = {{ en = \"seized\" }}\n"
    ));
    let mut send = |code: &str, state| {
        let event = DeviceEvent {
            ts: None,
            code: code.to_owned(),
            state,
            text: String::new(),
        };
        bench
            .engine
            .device_event(&mut bench.state, &event, Timestamp(5), &mut bench.out);
        bench.active()
    };
    assert_eq!(send("E7", EventState::Raised), ["bearing"]);
    assert_eq!(send("X1", EventState::Raised), ["bearing", "device_fault"]);
    assert_eq!(send("E7", EventState::Cleared), ["device_fault"]);
    for i in 0..1000 {
        send(&format!("Y{i}"), EventState::Raised);
    }
    assert_eq!(send("E7", EventState::Raised), ["bearing", "device_fault"]);
    assert!(postcard::to_allocvec(&bench.state).expect("plain data").len() < 2_000);
    let reason = bench.explain("bearing").evidence[0].reason.clone();
    let (code, text) = ("E7".to_owned(), "seized".to_owned());
    assert_eq!(reason, EvidenceReason::FaultCode { code, text });
}

#[test]
fn maintenance_is_reminded_by_counter_and_by_calendar() {
    let mut bench = Bench::new(
        r#"
[metrics.hours]
unit = "h"
role = "counter"
[[maintenance]]
id = "oil"
title = { en = "Oil" }
metric = "hours"
every = 1000.0
lead = 50.0
[[maintenance]]
id = "yearly"
title = { en = "Yearly" }
every_days = 1.0
"#,
    );
    let mut seen = Vec::new();
    for (second, hours) in [(0, 940.0), (10, 949.0), (20, 951.0), (30, 999.0), (86_400, 1000.0)] {
        bench.step(second, &[("hours", hours)]);
        seen.extend(
            bench
                .out
                .maintenance
                .iter()
                .map(|m| (second, m.plan, m.occurrence, m.at_value)),
        );
    }
    assert_eq!(seen, [(20, 0, 1, 951.0), (86_400, 1, 1, 1.0)]);
}

#[test]
fn wear_lowers_health_and_tells_the_time_left_until_a_repair_is_recorded() {
    let mut bench = Bench::new(
        r#"
[metrics.shake]
unit = "mm/s"
[[limit]]
id = "rough"
metric = "shake"
warning = 4.0
source = "ISO"
[[failure_mode]]
id = "bearing"
title = { en = "Bearing" }
any_of = ["rough"]
pf_interval_hours = 24.0
wear = { metric = "shake", failure_limit = 8.0 }
"#,
    );
    let shake = |s: i64| 1.0 + (s - 10_000).max(0) as f64 / 10_000.0 + 0.05 * (s % 7) as f64;
    for s in 0..10_000 {
        bench.step(s, &[("shake", shake(s))]);
    }
    assert!(bench.explain("bearing").health.percent() > 95.0);
    assert_eq!(bench.explain("bearing").prognosis, Prognosis::NotYetKnown);
    for s in 10_000..60_000 {
        bench.step(s, &[("shake", shake(s))]);
    }
    let explanation = bench.explain("bearing");
    assert!(
        (20.0..40.0).contains(&explanation.health.percent()),
        "{:?}",
        explanation.health
    );
    match explanation.prognosis {
        Prognosis::Known(life) => {
            let seconds = life.p50.0 as f64 / 1000.0;
            assert!((14_000.0..24_000.0).contains(&seconds), "{seconds}");
        }
        Prognosis::NotYetKnown => panic!("not known"),
    }
    let bearing = bench.mode("bearing");
    bench
        .engine
        .reset_baseline(&mut bench.state, Some(bearing), &mut bench.out);
    assert_eq!(bench.active(), [""; 0]);
    assert_eq!(bench.explain("bearing").prognosis, Prognosis::NotYetKnown);
    assert_eq!(bench.engine.health(&bench.state).percent(), 100.0);
}

const GENERIC: &str = "learns_unknown_metrics = true\n[[baseline]]\nid = \"baseline\"\n";

#[test]
fn an_unknown_metric_is_learned_and_its_jump_is_told_with_the_expected_range() {
    let mut bench = Bench::new(GENERIC);
    let wobble = |i: i64| ((i * 7919) % 101) as f64 / 100.0;
    bench.step(0, &[("level", 5.0), ("flow", 1.0)]);
    let snapshot = bench.engine.snapshot(&bench.state);
    assert!(matches!(snapshot.metrics[0].learning, Learning::Learning { .. }));
    for i in 1..20_000 {
        let shown = bench.step(i * 60, &[("level", 5.0 + wobble(i)), ("flow", 1.0 + wobble(i + 3))]);
        assert_eq!(shown, [""; 0], "at {i}");
    }
    let snapshot = bench.engine.snapshot(&bench.state);
    assert_eq!(snapshot.metrics[0].learning, Learning::Active);
    for i in 20_000..20_002 {
        bench.step(i * 60, &[("level", 50.0), ("flow", 1.5)]);
    }
    assert_eq!(bench.active(), ["abnormal_behaviour"]);
    let evidence = bench.explain("abnormal_behaviour").evidence;
    assert_eq!(evidence[0].metric, Some(MetricName::new("level").expect("a name")));
    match evidence[0].reason {
        EvidenceReason::OutsideBaseline {
            low,
            high,
            score,
            aspect: _,
            readings: _,
            operating_mode: None,
        } => {
            assert!(
                low < 5.5 && 5.5 < high && high < 50.0 && score > 0.5,
                "{low} {high} {score}"
            );
        }
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_fault_that_a_limit_tells_is_not_taken_as_usual_and_one_only_learned_is() {
    const HOT: &str = "[metrics.heat]\nunit = \"C\"\n[[limit]]\nid = \"hot\"\nmetric = \"heat\"\nwarning = 80.0\nsource = \"maker\"\n";
    let score_at_the_second_time = |heat: f64| {
        let mut bench = Bench::new(&format!("{GENERIC}{HOT}"));
        let mut is_standing = false;
        let mut row = |i: i64, level: f64, heat: f64| {
            let metric = |name: &str| bench.names.index(&MetricName::new(name).expect("a name"));
            let samples = [("level", level), ("heat", heat)].map(|(name, value)| Sample {
                metric: metric(name),
                value,
            });
            let at = Timestamp(i * 60_000);
            let reading = Reading {
                measured_at: at,
                received_at: at,
                quality: Quality::Good,
                samples: &samples,
            };
            let (state, out) = (&mut bench.state, &mut bench.out);
            bench.engine.step(state, &reading, is_standing, out);
            is_standing = out.active != 0;
            out.score
        };
        let wobble = |i: i64| ((i * 7919) % 101) as f64 / 100.0;
        for i in 0..6_000 {
            let is_faulty = (4_000..4_040).contains(&i);
            // the limit speaks for as long as readings of the fault wait to be learned
            let heat = if (4_000..4_140).contains(&i) { heat } else { 20.0 };
            row(i, if is_faulty { 9.0 } else { 5.0 + wobble(i) }, heat + wobble(i));
        }
        row(6_000, 9.0, 20.0).expect("is judged")
    };
    let (told_by_limit, only_learned) = (score_at_the_second_time(90.0), score_at_the_second_time(20.0));
    assert!(
        told_by_limit > 0.25 && only_learned <= 0.25,
        "{told_by_limit} {only_learned}"
    );
}

#[test]
fn more_than_200_metrics_are_counted_and_not_watched() {
    let mut bench = Bench::new(GENERIC);
    let names: Vec<String> = (0..250).map(|i| format!("m{i}")).collect();
    let values: Vec<(&str, f64)> = names.iter().map(|n| (n.as_str(), 1.0)).collect();
    bench.step(0, &values);
    assert_eq!(bench.out.ignored, 50);
    assert_eq!(bench.engine.snapshot(&bench.state).metrics.len(), models::MAX_METRICS);
}

#[test]
fn tuned_limits_keep_what_was_learned_and_other_rules_do_not() {
    let mut bench = Bench::new(TWO_LIMITS);
    bench.step(0, &[("heat", 85.0)]);
    let tuned = Bench::new(&TWO_LIMITS.replace("80.0", "82.0"));
    assert_eq!(tuned.engine.adopt(bench.state.clone()), bench.state);
    let other = Bench::new(
        &TWO_LIMITS
            .replace("id = \"rough\"", "id = \"coarse\"")
            .replace("\"rough\"", "\"coarse\""),
    );
    let adopted = other.engine.adopt(bench.state.clone());
    assert_ne!(adopted, bench.state);
    assert_eq!(adopted.last_received(), bench.state.last_received());
}

#[test]
fn a_late_reading_raises_nothing_but_shows_life() {
    let mut bench = Bench::new(TWO_LIMITS);
    bench.step(100, &[("heat", 20.0)]);
    let samples = [Sample {
        metric: bench.names.index(&MetricName::new("heat").expect("a name")),
        value: 95.0,
    }];
    let late = Reading {
        measured_at: Timestamp(50_000),
        received_at: Timestamp(120_000),
        quality: Quality::Uncertain,
        samples: &samples,
    };
    bench.engine.late(&mut bench.state, &late, &mut bench.out);
    assert_eq!(
        (bench.out.active, bench.state.last_received()),
        (0, Some(Timestamp(120_000)))
    );
}

const AGING: &str = r#"
[metrics.shake]
unit = "mm/s"
[metrics.runtime_hours]
unit = "h"
role = "counter"
[[limit]]
id = "rough"
metric = "shake"
warning = 4.0
source = "ISO"
[[failure_mode]]
id = "bearing"
title = { en = "Bearing" }
any_of = ["rough"]
pf_interval_hours = 100.0
wear = { metric = "shake", failure_limit = 8.0 }
life = { beta = 2.0, eta_hours = 1000.0, source = "fleet of 40" }
"#;

/// Hours of the clock; the machine runs in half of them.
fn age(bench: &mut Bench, hours: std::ops::Range<i64>, shake: impl Fn(f64) -> f64) -> Option<domain::RemainingLife> {
    for hour in hours {
        let noise = 0.1 * (hour * 7919 % 13) as f64 / 13.0;
        let values = [
            ("shake", shake(hour as f64) + noise),
            ("runtime_hours", 400.0 + hour as f64 / 2.0),
        ];
        bench.step(hour * 3_600, &values);
    }
    match bench.explain("bearing").prognosis {
        Prognosis::NotYetKnown => None,
        Prognosis::Known(life) => Some(life),
    }
}

#[test]
fn without_a_trend_time_left_is_told_by_the_age_of_its_kind_and_with_one_by_both() {
    let mut bench = Bench::new(AGING);
    let alone = age(&mut bench, 0..201, |_| 1.0).expect("by age");
    assert_eq!(alone.basis, domain::LifeBasis::Age);
    // at 500 running hours: 96.12, 471.16 and 1097.68 more, in twice as many hours of the clock
    for (told, expected) in [(alone.p10, 96.12), (alone.p50, 471.16), (alone.p90, 1097.68)] {
        assert!((told.as_hours() / (2.0 * expected) - 1.0).abs() < 0.001, "{alone:?}");
    }
    let both = age(&mut bench, 201..260, |hour| 1.0 + (hour - 200.0) / 20.0).expect("by both");
    assert_eq!(both.basis, domain::LifeBasis::TrendAndAge);
    assert!((40.0..140.0).contains(&both.p50.as_hours()), "{both:?}");
}

#[test]
fn a_repair_makes_new_also_by_age_and_a_model_with_other_rules_still_knows_it() {
    let mut bench = Bench::new(AGING);
    let worn = age(&mut bench, 0..2_000, |_| 1.0).expect("by age");
    let mode = bench.mode("bearing");
    bench
        .engine
        .reset_baseline(&mut bench.state, Some(mode), &mut bench.out);
    let new = age(&mut bench, 2_000..2_002, |_| 1.0).expect("by age");
    // MTTF 886 and median 833 running hours
    assert!(new.p50.as_hours() > 1.9 * worn.p50.as_hours(), "{new:?} {worn:?}");
    assert!((new.p50.as_hours() / (2.0 * 832.6) - 1.0).abs() < 0.01, "{new:?}");
    let other = Bench::new(
        &AGING
            .replace("id = \"rough\"", "id = \"rougher\"")
            .replace("[\"rough\"]", "[\"rougher\"]"),
    );
    bench.state = other.engine.adopt(bench.state);
    bench.engine = other.engine;
    let still = age(&mut bench, 2_002..2_004, |_| 1.0).expect("by age");
    assert!(
        (still.p50.as_hours() / new.p50.as_hours() - 1.0).abs() < 0.01,
        "{still:?} {new:?}"
    );
}

#[test]
fn a_life_needs_a_counter_and_a_sound_shape() {
    let wrong = AGING
        .replace("role = \"counter\"", "role = \"context\"")
        .replace("beta = 2.0", "beta = 0.0");
    let head = "profile = \"fan\"\ntitle = { en = \"Fan\" }\nexpected_interval_ms = 1000\n";
    let problems = format!("{:?}", parse(&format!("{head}{wrong}")).expect_err("wrong"));
    assert!(
        problems.contains("role counter") && problems.contains("a shape of 0.2 to 20"),
        "{problems}"
    );
}
