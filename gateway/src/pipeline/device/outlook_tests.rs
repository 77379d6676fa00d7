//! What is expected of a failure mode that goes on showing: told once an hour of the machine's clock, and the same over a
//! checkpoint.

use super::*;
use crate::ingest::directory::{DevicesConfig, Directory};
use domain::registry::Registry;
use domain::{ConditionOutlook, DeviceKey, MetricName, Prognosis};

const ROWS_AN_HOUR: i64 = 6;

/// A pump whose vibration grows from zone B through zone C in two days, a reading every ten minutes.
fn live(device: &mut Device, directory: &Directory, rows: std::ops::Range<i64>) -> Vec<ConditionOutlook> {
    let metric = directory.metric_or_register("vibration_rms_mm_s").expect("room");
    let around = Surroundings {
        names: directory,
        reorder_window: Millis::ZERO,
    };
    let mut scratch = Scratch::default();
    for row in rows {
        let noise = (row * 7919 % 101) as f64 / 1_000.0;
        let measured_at = Timestamp(1_700_000_000_000 + row * 600_000);
        let arrival = Arrival {
            measured_at,
            received_at: measured_at,
            quality: Quality::Good,
            sequence: None,
            samples: &[Sample {
                metric,
                value: 2.0 + noise + 2.4 * row as f64 / (48 * ROWS_AN_HOUR) as f64,
            }],
        };
        device.telemetry(arrival, &around, &mut scratch);
    }
    let outlooks = std::mem::take(&mut scratch.out.outlooks);
    let of_mode = outlooks
        .into_iter()
        .filter(|(_, o)| o.failure_mode.as_str() == "bearing_wear");
    of_mode.map(|(_, outlook)| outlook).collect()
}

#[test]
fn what_stands_is_looked_at_anew_each_hour_and_the_time_left_shrinks() {
    let directory = Directory::new(DevicesConfig::default(), Registry::default(), vec![], vec![]);
    let key = DeviceKey::new("site", "machine").expect("names");
    directory.device_or_register(&key, Timestamp(0)).expect("taken in");
    let pump = domain::profile::shipped::all().into_iter().find(|p| p.id == "pump");
    let mut intern = |name: &MetricName| directory.metric_or_register(name.as_str()).expect("room");
    let engine = Arc::new(Engine::new(Arc::new(pump.expect("shipped")), &mut intern));
    let rows = 47 * ROWS_AN_HOUR;

    let mut unbroken = Device::new(DeviceIndex(0), engine.clone());
    let told = live(&mut unbroken, &directory, 0..rows);
    // it shows from 2.8 mm/s on, a third of the way
    assert!((25..=32).contains(&told.len()), "{}", told.len());
    let gaps = told.windows(2).map(|pair| pair[1].measured_at - pair[0].measured_at);
    assert!(gaps.into_iter().all(|gap| gap == Millis::hours(1)));
    let left: Vec<Millis> = told.iter().filter_map(|outlook| p50(&outlook.prognosis)).collect();
    assert!(left.len() > 10 && left[0] > left[left.len() - 1], "{left:?}");

    let mut before = Device::new(DeviceIndex(0), engine.clone());
    let half = rows / 2;
    let mut over = live(&mut before, &directory, 0..half);
    let bytes = before.memory.to_bytes().expect("writes");
    let memory = DeviceMemory::from_bytes(&bytes).expect("reads");
    let mut after = Device::restored(DeviceIndex(0), engine, None, memory, 1);
    over.extend(live(&mut after, &directory, half..rows));
    assert_eq!(over, told);
}

fn p50(prognosis: &Prognosis) -> Option<Millis> {
    match prognosis {
        Prognosis::NotYetKnown => None,
        Prognosis::Known(life) => Some(life.p50),
    }
}
