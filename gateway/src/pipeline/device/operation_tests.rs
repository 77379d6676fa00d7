//! Operating modes over a checkpoint, and checkpoints from before there were any.

use super::*;
use crate::ingest::directory::{DevicesConfig, Directory};
use domain::profile::parse;
use domain::registry::Registry;
use domain::{DeviceKey, MetricName};

const PROFILE: &str = "profile = \"fan\"\ntitle = { en = \"Fan\" }\nexpected_interval_ms = 60000\n[metrics.heating]\nunit = \"1\"\n\
                       role = \"context\"\n[metrics.current]\nunit = \"A\"\n[[baseline]]\nid = \"usual\"\n";
const MODE: &str =
    "[mode]\nmetric = \"heating\"\nvalues = [ { id = \"heating\", is = true }, { id = \"cooling\", is = false } ]\n";

fn site(profile: &str) -> (Directory, Arc<Engine>) {
    let directory = Directory::new(DevicesConfig::default(), Registry::default(), vec![], vec![]);
    let key = DeviceKey::new("site", "machine").expect("names");
    directory.device_or_register(&key, Timestamp(0)).expect("taken in");
    let mut intern = |name: &MetricName| directory.metric_or_register(name.as_str()).expect("room");
    let engine = Engine::new(Arc::new(parse(profile).expect("sound")), &mut intern);
    (directory, Arc::new(engine))
}

/// Hours of heating and cooling, a reading a minute.
fn live(directory: &Directory, device: &mut Device, hours: std::ops::Range<i64>) {
    let metric = |name: &str| directory.metric_or_register(name).expect("room");
    let around = Surroundings {
        names: directory,
        reorder_window: Millis::ZERO,
    };
    for minute in hours.start * 60..hours.end * 60 {
        let is_heating = minute / 60 % 3 == 0;
        let noise = (minute * 7919 % 101) as f64 / 101.0;
        let measured_at = Timestamp(1_700_000_000_000 + minute * 60_000);
        let samples = [
            ("heating", f64::from(u8::from(is_heating))),
            ("current", noise + if is_heating { 5.0 } else { 9.0 }),
        ];
        let arrival = Arrival {
            measured_at,
            received_at: measured_at,
            quality: Quality::Good,
            sequence: None,
            samples: &samples.map(|(name, value)| Sample {
                metric: metric(name),
                value,
            }),
        };
        device.telemetry(arrival, &around, &mut Scratch::default());
    }
}

#[test]
fn what_was_learned_in_every_mode_is_the_same_over_a_checkpoint_also_beside_the_model_in_force() {
    let (directory, engine) = site(&format!("{PROFILE}{MODE}"));
    let mut unbroken = Device::new(DeviceIndex(0), engine.clone());
    unbroken.begin_shadow(engine.clone());
    live(&directory, &mut unbroken, 0..50);
    let bytes = unbroken.memory.to_bytes().expect("writes");
    let memory = DeviceMemory::from_bytes(&bytes).expect("reads");
    assert_eq!(memory, unbroken.memory);
    let mut after = Device::restored(DeviceIndex(0), engine.clone(), Some(engine), memory, 1);
    live(&directory, &mut unbroken, 50..60);
    live(&directory, &mut after, 50..60);
    assert_eq!(after.memory, unbroken.memory);
}

#[test]
fn a_checkpoint_from_before_operating_modes_is_read_and_nothing_is_forgotten() {
    let (directory, engine) = site(PROFILE);
    let mut device = Device::new(DeviceIndex(0), engine.clone());
    live(&directory, &mut device, 0..50);
    let before = postcard::to_stdvec(&device.memory).expect("writes");
    let read = DeviceMemory::from_bytes(&before).expect("reads");
    assert_eq!(read, device.memory);
    assert_eq!(
        Device::restored(DeviceIndex(0), engine, None, read, 1).memory,
        device.memory
    );
    assert!(DeviceMemory::from_bytes(&before[..before.len() / 2]).is_err());
}
