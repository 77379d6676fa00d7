//! Normal that moves, on the way that readings take: told once, told as itself, and the same over a checkpoint.

use super::*;
use crate::ingest::directory::{DevicesConfig, Directory};
use domain::registry::Registry;
use domain::{DeviceKey, DriftCause, MetricName, ModelDrift};

const DAY_ROWS: i64 = 144;

struct Site {
    directory: Directory,
    engine: Arc<Engine>,
}

impl Site {
    fn new() -> Site {
        let directory = Directory::new(DevicesConfig::default(), Registry::default(), vec![], vec![]);
        let key = DeviceKey::new("site", "machine").expect("names");
        directory.device_or_register(&key, Timestamp(0)).expect("taken in");
        let profiles = domain::profile::shipped::all();
        let generic = profiles.into_iter().find(|p| p.id == "generic").expect("shipped");
        let mut intern = |name: &MetricName| directory.metric_or_register(name.as_str()).expect("room");
        let engine = Arc::new(Engine::new(Arc::new(generic), &mut intern));
        Site { directory, engine }
    }

    /// Four steady days, then a creep of a twentieth of the noise's width a day, a reading every ten minutes.
    fn live(&self, device: &mut Device, rows: std::ops::Range<i64>) -> Vec<ModelDrift> {
        let metric = self.directory.metric_or_register("oil_level_mm").expect("room");
        let around = Surroundings {
            names: &self.directory,
            reorder_window: Millis::ZERO,
        };
        let mut scratch = Scratch::default();
        for row in rows {
            let noise = (row * 7919 % 101) as f64 / 101.0;
            let creep = (row - 4 * DAY_ROWS).max(0) as f64 / DAY_ROWS as f64 * 0.05;
            let measured_at = Timestamp(1_700_000_000_000 + row * 600_000);
            let arrival = Arrival {
                measured_at,
                received_at: measured_at,
                quality: Quality::Good,
                sequence: None,
                samples: &[Sample {
                    metric,
                    value: 50.0 + noise + creep,
                }],
            };
            device.telemetry(arrival, &around, &mut scratch);
        }
        let drifts = std::mem::take(&mut scratch.out.drifts);
        assert!(drifts.iter().all(|(device, _)| *device == DeviceIndex(0)));
        drifts.into_iter().map(|(_, drift)| drift).collect()
    }
}

#[test]
fn normal_that_moves_is_told_now_and_then_with_its_model_and_the_same_over_a_checkpoint() {
    let site = Site::new();
    let rows = 90 * DAY_ROWS;
    let mut unbroken = Device::new(DeviceIndex(0), site.engine.clone());
    let told = site.live(&mut unbroken, 0..rows);
    assert!((1..=4).contains(&told.len()), "{told:?}");
    let first = told
        .iter()
        .find(|d| d.cause == DriftCause::Moved)
        .expect("the average moves");
    assert_eq!(first.metric.as_str(), "oil_level_mm");
    assert_eq!(&first.model, site.engine.version());
    assert!(first.to > first.high && first.from < first.high, "{first:?}");

    let mut before = Device::new(DeviceIndex(0), site.engine.clone());
    let mut over = site.live(&mut before, 0..rows / 3);
    let bytes = before.memory.to_bytes().expect("writes");
    let memory = DeviceMemory::from_bytes(&bytes).expect("reads");
    let mut after = Device::restored(DeviceIndex(0), site.engine.clone(), None, memory, 1);
    over.extend(site.live(&mut after, rows / 3..rows));
    assert_eq!(over, told);
}
