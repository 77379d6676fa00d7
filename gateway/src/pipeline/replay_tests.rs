//! Journal replay against an unbroken run: whatever was checkpointed when, a restart knows exactly what the devices knew.

use super::candidate::{Beside, Candidate};
use super::catalogue::{Catalogue, Release};
use super::device::{Arrival, Device, DeviceMemory, Scratch, Surroundings};
use super::shard::{Shard, ShardSetup};
use crate::ingest::directory::{DevicesConfig, Directory};
use crate::store::codec::{EntryReader, seal};
use domain::registry::Registry;
use domain::wire::{Connectivity, DeviceEvent, EventState};
use domain::{Boot, DeviceIndex, DeviceKey, Millis, ModelVersion, Quality, Sample, Sequence, Timestamp};
use models::bundle::{Bundle, BundleColumn, Description, LiveUse};
use models::bundled::Bundled;
use models::learned::prior::Prior;
use models::learned_life::{LifeSettings, Unit, train};
use models::matrix::Matrix;
use models::workers::InTurn;
use proptest::prelude::*;
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc};

const START: i64 = 1_760_000_000_000;

#[derive(Debug, Clone)]
enum Step {
    Telemetry {
        device: u32,
        at: i64,
        seq: Option<u64>,
        value: f64,
    },
    Features {
        device: u32,
        at: i64,
        value: f64,
    },
    Event {
        device: u32,
        is_raised: bool,
    },
    Status {
        device: u32,
        is_online: bool,
    },
    Repaired {
        device: u32,
    },
    /// What the fleet knows of the metric.
    Prior {
        device: u32,
        level: f64,
    },
    Commit,
    Checkpoint {
        device: u32,
    },
    /// Another model judges, and another or none runs beside it.
    Models {
        in_force: usize,
        shadow: Option<usize>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let device = || 0u32..3;
    prop_oneof![
        12 => (device(), 0i64..400, proptest::option::of(0u64..200), 0.5f64..9.0)
            .prop_map(|(device, at, seq, value)| Step::Telemetry { device, at, seq, value }),
        1 => (device(), 0i64..400, 1.0f64..9.0).prop_map(|(device, at, value)| Step::Features { device, at, value }),
        1 => (device(), any::<bool>()).prop_map(|(device, is_raised)| Step::Event { device, is_raised }),
        1 => (device(), any::<bool>()).prop_map(|(device, is_online)| Step::Status { device, is_online }),
        1 => device().prop_map(|device| Step::Repaired { device }),
        1 => (device(), 1.0f64..9.0).prop_map(|(device, level)| Step::Prior { device, level }),
        3 => Just(Step::Commit),
        2 => device().prop_map(|device| Step::Checkpoint { device }),
        2 => (0usize..4, proptest::option::of(0usize..4)).prop_map(|(in_force, shadow)| Step::Models { in_force, shadow }),
    ]
}

/// A model of pumps that vibrate more and more, by the minute.
fn trained(catalogue: &Catalogue) -> Candidate {
    let unit = |life: i32| {
        let mut rows = Matrix::new(1);
        (0..=life).for_each(|age| rows.push(&[9.0 - (life - age).min(20) as f32 * 0.4]));
        Unit {
            name: life.to_string(),
            times: (0..=life).map(f64::from).collect(),
            rows,
        }
    };
    let units: Vec<Unit> = [30, 34, 38, 42, 46].into_iter().map(unit).collect();
    let settings = LifeSettings {
        folds: 2,
        bags: 1,
        rounds: 5,
        ..LifeSettings::default()
    };
    let (model, _) = train(&units, 1, &settings, &InTurn).expect("enough units");
    let description = Description {
        name: "pumps".to_owned(),
        columns: vec![BundleColumn {
            name: "vibration_rms_mm_s".to_owned(),
            unit: None,
        }],
        profile: Some("pump".to_owned()),
        span: None,
        rows: 0,
        units: 5,
        data_fingerprint: 0,
        figures: Vec::new(),
        made_at: Timestamp(0),
    };
    let live = LiveUse {
        row_every: Millis::seconds(60),
        time_unit: Millis::seconds(60),
        failure_mode: None,
    };
    let bundle = Bundle::of_life(&model, description).expect("small").for_live(live);
    let in_force = |profile: &str| {
        let release = catalogue.in_force(profile)?;
        Some(Beside {
            profile: release.profile(),
            bundled: release.bundled(),
        })
    };
    Candidate::read(&bundle.encode().expect("small"), &in_force).expect("fits the pump")
}

struct World {
    directory: Arc<Directory>,
    catalogue: Arc<Catalogue>,
    /// The profile file, one with another limit, one with other rules, whose memory is of another shape, and the file with a trained
    /// model of the time left.
    versions: [ModelVersion; 4],
}

impl World {
    fn new() -> Self {
        let registry = Registry::parse("[[assign]]\nprofile = \"pump\"\n").expect("fine");
        let directory = Arc::new(Directory::new(DevicesConfig::default(), registry, vec![], vec![]));
        for name in ["a", "b", "c"] {
            let key = DeviceKey::new("site", name).expect("fine");
            directory.device_or_register(&key, Timestamp(START)).expect("taken in");
        }
        let catalogue = Arc::new(Catalogue::new(domain::profile::shipped::all(), &directory));
        let text = domain::profile::shipped::TEXTS.iter().find(|(name, _)| *name == "pump");
        let text = text.expect("shipped").1;
        let other_limit = text.replace("warning = 2.8\n", "warning = 2.3\n");
        let other_rules = text.replace("id = \"bearing_hot\"", "id = \"bearing_warm\"");
        let other_rules = other_rules.replace("\"bearing_hot\"", "\"bearing_warm\"");
        let added = [other_limit, other_rules].map(|text| {
            let candidate = Candidate::of_toml(text.as_bytes()).expect("sound");
            let release = Release::new(candidate.version.clone(), candidate.profile, None, &directory);
            catalogue.know(Arc::new(release));
            candidate.version
        });
        let trained = trained(&catalogue);
        let release = Release::new(
            trained.version.clone(),
            trained.profile,
            Some(Arc::new(
                Bundled::from_bytes(trained.learned.as_deref().expect("trained")).expect("sound"),
            )),
            &directory,
        );
        catalogue.know(Arc::new(release));
        let [limit, rules] = added;
        let file = catalogue.engine_of(DeviceIndex(0), &directory).version().clone();
        World {
            directory,
            catalogue,
            versions: [file, limit, rules, trained.version],
        }
    }

    fn engine(&self, version: usize) -> Arc<models::Engine> {
        let named = self
            .catalogue
            .engine_named(&self.versions[version], DeviceIndex(0), &self.directory);
        named.expect("known")
    }

    fn fresh(&self, index: u32) -> Device {
        let index = DeviceIndex(index);
        Device::new(index, self.catalogue.engine_of(index, &self.directory))
    }
}

/// What the devices know, the journal's entries, and the last checkpoint of each device with its position.
type Lived = (Vec<DeviceMemory>, Vec<Vec<u8>>, Vec<Option<(u64, Vec<u8>)>>);

/// Runs the steps, committing where they say.
fn live(world: &World, steps: &[Step]) -> Lived {
    let around = Surroundings {
        names: &*world.directory,
        reorder_window: Millis::seconds(60),
    };
    let metric = |name| world.directory.metric_or_register(name).expect("a name");
    let (vibration, kurtosis) = (metric("vibration_rms_mm_s"), metric("bearing.kurtosis"));
    let mut devices: Vec<Device> = (0..3).map(|d| world.fresh(d)).collect();
    let (mut scratch, mut entries, mut checkpoints) = (Scratch::default(), Vec::new(), vec![None; 3]);
    let mut commit = |scratch: &mut Scratch| {
        let block = scratch.writer.take();
        scratch.out = Default::default();
        entries.push(seal([block.as_slice()]));
        entries.len() as u64
    };
    for (i, step) in steps.iter().enumerate() {
        let received_at = Timestamp(START + i as i64 * 1_000);
        let arrival = |at: i64, sequence, samples| {
            let measured_at = Timestamp(START + at * 1_000);
            Arrival {
                measured_at,
                received_at,
                quality: Quality::Good,
                sequence,
                samples,
            }
        };
        match step {
            Step::Telemetry { device, at, seq, value } => {
                let samples = [Sample {
                    metric: vibration,
                    value: *value,
                }];
                let sequence = seq.map(|number| Sequence { boot: Boot(1), number });
                devices[*device as usize].telemetry(arrival(*at, sequence, &samples), &around, &mut scratch);
            }
            Step::Features { device, at, value } => {
                let samples = [Sample {
                    metric: kurtosis,
                    value: *value,
                }];
                devices[*device as usize].features(arrival(*at, None, &samples), &around, &mut scratch);
            }
            Step::Event { device, is_raised } => {
                let state = if *is_raised {
                    EventState::Raised
                } else {
                    EventState::Cleared
                };
                let event = DeviceEvent {
                    ts: None,
                    code: "E31".into(),
                    state,
                    text: "hot".into(),
                };
                devices[*device as usize].event(&event, received_at, &around, &mut scratch);
            }
            Step::Status { device, is_online } => {
                let state = if *is_online {
                    Connectivity::Online
                } else {
                    Connectivity::Offline
                };
                devices[*device as usize].status(state, received_at, &around, &mut scratch);
            }
            Step::Repaired { device } => {
                devices[*device as usize].repaired("bearing_wear", received_at, &around, &mut scratch);
            }
            Step::Prior { device, level } => {
                let (spread, width) = (0.1, 1.0);
                let level = *level;
                let prior = Prior { level, spread, width };
                for metric in [vibration, kurtosis] {
                    scratch.writer.prior(DeviceIndex(*device), metric, &prior);
                    devices[*device as usize].begin_with(metric, prior);
                }
            }
            Step::Commit => {
                commit(&mut scratch);
            }
            Step::Models { in_force, shadow } => {
                for device in &mut devices {
                    let shadow = shadow.map(|shadow| world.engine(shadow));
                    device.follow(world.engine(*in_force), shadow, &mut scratch);
                }
            }
            Step::Checkpoint { device } => {
                // a checkpoint is in the commit that holds everything before it
                let position = commit(&mut scratch);
                let state = devices[*device as usize].memory.to_bytes().expect("serialises");
                checkpoints[*device as usize] = Some((position, state));
            }
        }
    }
    commit(&mut scratch);
    (devices.into_iter().map(|d| d.memory).collect(), entries, checkpoints)
}

/// The clock of the machine is an hour behind ours. What is repaired at our time returns to normal by the machine's.
#[test]
fn after_a_repair_an_alarm_returns_by_the_clock_of_the_machine() {
    let world = World::new();
    let around = Surroundings {
        names: &*world.directory,
        reorder_window: Millis::seconds(60),
    };
    let vibration = world
        .directory
        .metric_or_register("vibration_rms_mm_s")
        .expect("a name");
    let (mut device, mut scratch) = (world.fresh(0), Scratch::default());
    let minute = |m: i64| Timestamp(START + m * 60_000);
    let read = |device: &mut Device, scratch: &mut Scratch, m: i64, value: f64| {
        let samples = [Sample {
            metric: vibration,
            value: value + 0.01 * (m % 7) as f64,
        }];
        let (measured_at, received_at) = (minute(m), minute(m + 60));
        let (quality, sequence) = (Quality::Good, None);
        let arrival = Arrival {
            measured_at,
            received_at,
            quality,
            sequence,
            samples: &samples,
        };
        device.telemetry(arrival, &around, scratch);
    };
    (0..30).for_each(|m| read(&mut device, &mut scratch, m, 5.0));
    device.repaired("bearing_wear", minute(91), &around, &mut scratch);
    (31..70).for_each(|m| read(&mut device, &mut scratch, m, 0.9));
    let of_bearing = scratch
        .out
        .changes
        .iter()
        .filter(|c| c.failure_mode.as_str() == "bearing_wear");
    let states: Vec<bool> = of_bearing.map(|c| c.state == domain::ConditionState::Clear).collect();
    assert_eq!(
        states.last(),
        Some(&true),
        "half an hour of calm after the repair: {states:?}"
    );
}

/// Snapshots of a bearing that becomes twice as loud, the first alarm diagnosed, and what a restart from the journal alone
/// makes of it: waveforms are not in the journal, but all that was concluded from them is.
#[test]
fn a_diagnosis_is_replayed_from_the_journal() {
    let world = World::new();
    let around = Surroundings {
        names: &*world.directory,
        reorder_window: Millis::seconds(60),
    };
    let names = [
        "rms_g",
        "kurtosis",
        "octave_1_g",
        "octave_2_g",
        "octave_3_g",
        "octave_4_g",
        "octave_5_g",
    ];
    let metrics = names.map(|name| {
        world
            .directory
            .metric_or_register(&format!("bearing.{name}"))
            .expect("a name")
    });
    let sensor = domain::SensorName::new("bearing").expect("a name");
    let (mut device, mut scratch) = (world.fresh(0), Scratch::default());
    let mut diagnoses = 0;
    for i in 0..150i64 {
        let size = if i < 90 { 0.1 } else { 0.2 } * (1.0 + 0.01 * (i * 37 % 11) as f64);
        let samples: Vec<Sample> = metrics
            .iter()
            .map(|metric| Sample {
                metric: *metric,
                value: size,
            })
            .collect();
        let measured_at = Timestamp(START + i * 60_000);
        let arrival = Arrival {
            measured_at,
            received_at: measured_at,
            quality: Quality::Good,
            sequence: None,
            samples: &samples,
        };
        assert!(device.features(arrival, &around, &mut scratch));
        if device.engine.wants_diagnosis(&device.memory.state, 0) {
            let finding = models::vibration::Finding {
                class: Some(models::vibration::FaultClass::OuterRace),
                confidence_percent: 77,
                says: vec!["line at 107 Hz".into()],
            };
            device.diagnosed(&sensor, finding, measured_at, &around, &mut scratch);
            diagnoses += 1;
        }
    }
    assert!((2..=4).contains(&diagnoses), "{diagnoses}");
    let raised = scratch
        .out
        .changes
        .iter()
        .find(|c| c.failure_mode.as_str() == "bearing_wear")
        .expect("raised");
    let text = format!("{:?}", raised.evidence);
    assert!(text.contains("outer race") && text.contains("line at 107 Hz"), "{text}");

    let entry = seal([scratch.writer.take().as_slice()]);
    let (commit, _kept) = mpsc::channel(1);
    let mut shard = Shard::new(ShardSetup {
        number: 0,
        of: 1,
        directory: world.directory.clone(),
        catalogue: world.catalogue.clone(),
        fleet: Arc::default(),
        reorder_window: Millis::seconds(60),
        commit,
        live: broadcast::channel(1).0,
        started_at: Timestamp(START),
    });
    let mut records = EntryReader::new(&entry).expect("sound");
    while let Some(record) = records.next().expect("sound") {
        shard.replay(1, &record);
    }
    assert_eq!(shard.memory(DeviceIndex(0)), Some(&device.memory));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn checkpoints_and_replay_equal_an_unbroken_run(steps in proptest::collection::vec(step(), 1..150)) {
        let world = World::new();
        let (expected, entries, checkpoints) = live(&world, &steps);
        let (commit, _kept) = mpsc::channel(1);
        let mut shard = Shard::new(ShardSetup {
            number: 0,
            of: 1,
            directory: world.directory.clone(),
            catalogue: world.catalogue.clone(),
            fleet: Arc::default(),
            reorder_window: Millis::seconds(60),
            commit,
            live: broadcast::channel(1).0,
            started_at: Timestamp(START),
        });
        for (device, checkpoint) in checkpoints.iter().enumerate() {
            if let Some((position, state)) = checkpoint {
                shard.restore(DeviceIndex(device as u32), DeviceMemory::from_bytes(state).expect("reads"), *position);
            }
        }
        for (i, entry) in entries.iter().enumerate() {
            let mut records = EntryReader::new(entry).expect("sound");
            while let Some(record) = records.next().expect("sound") {
                shard.replay(i as u64 + 1, &record);
            }
        }
        for (device, memory) in expected.iter().enumerate() {
            let fresh = world.fresh(device as u32).memory;
            let found = shard.memory(DeviceIndex(device as u32)).unwrap_or(&fresh);
            prop_assert_eq!(found, memory, "device {}", device);
        }
    }
}

#[test]
fn a_checkpoint_from_before_models_had_names_is_read() {
    let world = World::new();
    let mut memory = world.fresh(0).memory;
    memory.model = ModelVersion::default();
    // nothing stood beside it then
    let bytes = postcard::to_stdvec(&memory).expect("serialises");
    // an empty name and no shadow are a byte each, the last two
    let before = DeviceMemory::from_bytes(&bytes[..bytes.len() - 2]).expect("reads");
    assert_eq!(before, memory);
    assert!(DeviceMemory::from_bytes(&bytes[..bytes.len() - 9]).is_err());
}
