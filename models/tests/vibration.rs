//! The diagnosis of machines whose fault is known because they are made up: bursts of a ringing structure at the fault's
//! frequency, with slip, load zone and noise, all from a seed.

use models::vibration::severity::DEFAULT_LIMITS;
use models::vibration::spectrum::Plans;
use models::vibration::{BearingGeometry, Diagnosis, Evidence, FaultClass, Recording, Unjudged, diagnose};
use std::f64::consts::TAU;

const RATE: f64 = 12_000.0;
const RPM: f64 = 1_770.0;
const SHAFT: f64 = RPM / 60.0;
const SECONDS: f64 = 4.0;

fn geometry() -> BearingGeometry {
    BearingGeometry::parse("9,7.938,39.04,0").expect("sound")
}

/// Numbers that look random, from a seed.
struct Noise(u64);

impl Noise {
    /// Evenly from -1 to 1.
    fn even(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// Nearly normal, variance 1.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.even()).sum::<f64>() / 2.0
    }
}

/// A healthy machine: noise and a little unbalance, g.
fn healthy(seed: u64, noise_g: f64) -> Vec<f64> {
    let mut noise = Noise(seed);
    (0..(SECONDS * RATE) as usize)
        .map(|i| noise_g * noise.normal() + 0.02 * (TAU * SHAFT * i as f64 / RATE).sin())
        .collect()
}

/// Adds bursts at `order` times the shaft with `slip`, each after the last with 1 % jitter, ringing at `ring_hz`;
/// `load(turns)` is the share of the load that a burst at that time feels.
fn strike(signal: &mut [f64], seed: u64, order: f64, slip: f64, ring_hz: f64, size_g: f64, load: impl Fn(f64) -> f64) {
    let mut noise = Noise(seed);
    let period = 1.0 / (order * SHAFT * (1.0 + slip));
    let mut at = 0.0;
    while at < SECONDS {
        let size = size_g * load(at) * (1.0 + 0.1 * noise.normal());
        let start = (at * RATE).ceil() as usize;
        for i in start..(start + 120).min(signal.len()) {
            let t = i as f64 / RATE - at;
            signal[i] += size * (-t * 900.0).exp() * (TAU * ring_hz * t).sin();
        }
        at += period * (1.0 + 0.01 * noise.normal());
    }
}

/// The share of the load that a burst feels at a time.
type Load = Box<dyn Fn(f64) -> f64>;

fn judge(signal: &[f64]) -> Diagnosis {
    try_judge(&[signal.iter().map(|x| *x as f32).collect()]).expect("it can be judged")
}

fn try_judge(snapshots: &[Vec<f32>]) -> Result<Diagnosis, Unjudged> {
    let recording = Recording {
        snapshots,
        sample_rate_hz: RATE,
        rpm: RPM,
        geometry: geometry(),
        gear_teeth: None,
        limits: DEFAULT_LIMITS,
    };
    diagnose(&mut Plans::default(), &recording)
}

#[test]
fn healthy_machines_are_healthy() {
    for seed in 1..=3 {
        let diagnosis = judge(&healthy(seed, 0.05));
        assert_eq!(
            diagnosis.fault_class,
            FaultClass::Healthy,
            "{seed} {:?}",
            diagnosis.supports
        );
        assert!(diagnosis.confidence > 0.5, "{diagnosis:?}");
    }
}

#[test]
fn each_bearing_fault_is_named_with_its_frequency_its_slip_and_its_side_bands() {
    let orders = geometry().orders();
    let in_load = |order: f64| move |t: f64| (TAU * order * SHAFT * t).cos().max(0.0).powi(2);
    let cases: [(FaultClass, f64, f64, Load); 3] = [
        (FaultClass::OuterRace, orders.outer_race, 0.004, Box::new(|_| 1.0)),
        (FaultClass::InnerRace, orders.inner_race, -0.006, Box::new(in_load(1.0))),
        (
            FaultClass::Ball,
            2.0 * orders.element_spin,
            0.008,
            Box::new(in_load(orders.cage)),
        ),
    ];
    for (class, order, slip, load) in cases {
        for (seed, ring_hz) in [(1, 3_300.0), (2, 2_100.0)] {
            let mut signal = healthy(seed, 0.05);
            strike(&mut signal, seed + 100, order, slip, ring_hz, 0.6, &load);
            let diagnosis = judge(&signal);
            assert_eq!(diagnosis.fault_class, class, "{ring_hz} {:?}", diagnosis.supports);
            assert!(diagnosis.confidence > 0.5, "{:?}", diagnosis.supports);
            let line = diagnosis.evidence.iter().find_map(|e| match e {
                Evidence::BearingLines {
                    class: of,
                    slip_percent,
                    side_bands_db,
                    ..
                } if *of == class => Some((*slip_percent, side_bands_db.clone())),
                _ => None,
            });
            let (slip_percent, sides) = line.expect("its line is shown");
            assert!((slip_percent - slip * 100.0).abs() < 0.35, "{class}: {slip_percent}");
            assert_eq!(class == FaultClass::OuterRace, sides.is_empty());
            assert!(sides.first().is_none_or(|db| *db > 5.0), "{class}: {sides:?}");
        }
    }
}

#[test]
fn a_fault_hidden_under_strong_shaft_lines_is_still_found() {
    let mut signal = healthy(5, 0.05);
    strike(
        &mut signal,
        105,
        geometry().orders().outer_race,
        0.0,
        3_300.0,
        0.5,
        |_| 1.0,
    );
    for (i, x) in signal.iter_mut().enumerate() {
        let turn = TAU * SHAFT * i as f64 / RATE;
        *x += 0.1 * (turn * 2.0).sin() + 0.3 * (turn * 40.0).sin() + 0.3 * (turn * 41.0).cos();
    }
    assert_eq!(judge(&signal).fault_class, FaultClass::OuterRace);
}

#[test]
fn strong_once_per_turn_velocity_is_unbalance() {
    let mut signal = healthy(6, 0.02);
    for (i, x) in signal.iter_mut().enumerate() {
        // 0.2 g at 29.5 Hz is 10.6 mm/s, 7.5 mm/s rms
        *x += 0.2 * (TAU * SHAFT * i as f64 / RATE).sin();
    }
    let diagnosis = judge(&signal);
    assert_eq!(diagnosis.fault_class, FaultClass::Unbalance, "{:?}", diagnosis.supports);
}

#[test]
fn impacts_that_fit_nothing_are_an_unknown_fault() {
    let mut signal = healthy(7, 0.05);
    strike(&mut signal, 107, 2.777, 0.0, 3_300.0, 1.5, |_| 1.0);
    let diagnosis = judge(&signal);
    assert_eq!(diagnosis.fault_class, FaultClass::Unknown, "{:?}", diagnosis.supports);
}

#[test]
fn what_cannot_be_judged_is_never_healthy() {
    let fine: Vec<f32> = healthy(8, 0.05).iter().map(|x| *x as f32).collect();
    let mut broken = fine.clone();
    broken[500] = f32::NAN;
    assert_eq!(try_judge(&[broken.clone()]), Err(Unjudged::NotFinite { at: 500 }));
    broken[500] = f32::INFINITY;
    assert_eq!(try_judge(&[broken]), Err(Unjudged::NotFinite { at: 500 }));
    assert_eq!(try_judge(&[vec![0.25; 48_000]]), Err(Unjudged::Constant));
    for empty in [vec![], vec![vec![]], vec![fine[..1_000].to_vec()]] {
        assert!(matches!(try_judge(&empty), Err(Unjudged::TooShort { .. })));
    }
    let snapshots = [fine];
    let recording = |sample_rate_hz, rpm| Recording {
        snapshots: &snapshots,
        sample_rate_hz,
        rpm,
        geometry: geometry(),
        gear_teeth: Some(17),
        limits: DEFAULT_LIMITS,
    };
    let mut plans = Plans::default();
    assert!(matches!(
        diagnose(&mut plans, &recording(600.0, RPM)),
        Err(Unjudged::RateTooLow { .. })
    ));
    for (rate, rpm) in [(0.0, RPM), (f64::NAN, RPM), (RATE, -1.0), (RATE, f64::INFINITY)] {
        assert!(matches!(
            diagnose(&mut plans, &recording(rate, rpm)),
            Err(Unjudged::NotPositive { .. })
        ));
    }
}

#[test]
fn odd_lengths_short_rows_and_slow_machines_do_no_harm() {
    let signal: Vec<f32> = healthy(9, 0.05).iter().map(|x| *x as f32).collect();
    for length in [9_001, 20_021, 47_999] {
        assert!(try_judge(&[signal[..length].to_vec()]).is_ok());
    }
    let rows: Vec<Vec<f32>> = signal.chunks(1_021).map(<[f32]>::to_vec).collect();
    assert_eq!(try_judge(&rows).map(|d| d.fault_class), Ok(FaultClass::Healthy));
}
