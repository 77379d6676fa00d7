//! A shard: one thread that owns a share of the devices. Nobody else touches them, so they need no lock and keep order.

use super::analyst::Analyst;
use super::batch::{Batch, Item, Processed, WaveformItem};
use super::catalogue::Catalogue;
use super::commit::{CheckpointSlice, ToCommit};
use super::device::{Arrival, Device, DeviceMemory, Scratch, Surroundings};
use super::fleet::Fleet;
use crate::ingest::directory::Directory;
use crate::store::Repair;
use crate::store::codec::{ModelChange, Record};
use crate::store::rows::WaveformRow;
use domain::Names;
use domain::wire::Connectivity;
use domain::{DeviceIndex, Millis, ModelVersion, Quality, Sample, SensorName, Timestamp};
use models::{DeviceSnapshot, Engine};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Most batches that are made into one piece of a commit.
const MOST_BATCHES: usize = 64;
/// Bytes of journal after which a piece is handed on even if more is waiting.
const MOST_BYTES: usize = 1 << 20;
/// Bytes of checkpoints handed over at a time; small, so that they do not hold up readings.
const CHECKPOINT_BYTES: usize = 256 << 10;

/// What a shard can be told.
#[derive(Debug)]
pub enum ToShard {
    /// Messages.
    Batch(Box<Batch>),
    /// Time passes: look for silent devices.
    Tick(Timestamp),
    /// Hand over the next slice of checkpoints.
    Checkpoint,
    /// A repair was recorded.
    Repaired(Repair),
    /// One device, for a page.
    Snapshot(DeviceIndex, oneshot::Sender<Option<LiveDevice>>),
    /// All devices in short, for the fleet page.
    Summaries(oneshot::Sender<Vec<LiveSummary>>),
    /// A page watches a device, or does so no longer.
    Watch(DeviceIndex, bool),
    /// Hand on what is left and stop.
    Stop,
}

/// A device as a page shows it.
#[derive(Debug, Clone)]
pub struct LiveDevice {
    /// What the models say.
    pub snapshot: DeviceSnapshot,
    /// There or gone, by its own word.
    pub connectivity: Option<Connectivity>,
    /// When it was last heard, our time.
    pub last_received: Option<Timestamp>,
    /// Whether it should send and does not.
    pub is_silent: bool,
    /// Sequence numbers that never came.
    pub missing: u64,
    /// How far our clock is ahead of the device's.
    pub skew: Millis,
    /// Its profile, with its own limits.
    pub engine: Arc<models::Engine>,
}

/// A device in a line.
#[derive(Debug, Clone)]
pub struct LiveSummary {
    /// Which.
    pub device: DeviceIndex,
    /// 0 to 100.
    pub health: domain::Health,
    /// There or gone, by its own word.
    pub connectivity: Option<Connectivity>,
    /// When it was last heard, our time.
    pub last_received: Option<Timestamp>,
    /// Whether it should send and does not.
    pub is_silent: bool,
}

/// New readings of a device that a page watches.
#[derive(Debug, Clone)]
pub struct LiveReading {
    /// Which.
    pub device: DeviceIndex,
    /// Device time.
    pub measured_at: Timestamp,
    /// What was measured.
    pub samples: Vec<Sample>,
}

/// What a shard is given when it starts.
pub struct ShardSetup {
    /// Which of how many.
    pub number: usize,
    /// How many there are.
    pub of: usize,
    /// Names.
    pub directory: Arc<Directory>,
    /// Engines.
    pub catalogue: Arc<Catalogue>,
    /// What devices have learned, for those that are new.
    pub fleet: Arc<Fleet>,
    /// How far behind the newest a reading counts as out of order rather than late.
    pub reorder_window: Millis,
    /// Where its work goes.
    pub commit: mpsc::Sender<ToCommit>,
    /// Where readings of watched devices go.
    pub live: tokio::sync::broadcast::Sender<LiveReading>,
    /// Silence counts from here at the earliest.
    pub started_at: Timestamp,
}

/// The devices of one shard and what is on its way.
pub struct Shard {
    setup: ShardSetup,
    devices: Vec<Option<Box<Device>>>,
    scratch: Scratch,
    analyst: Analyst,
    watched: Vec<DeviceIndex>,
    cursor: usize,
    /// The catalogue's when the devices last followed it; 0 before the shard works.
    generation: u64,
}

/// The shard of a device.
pub fn shard_of(device: DeviceIndex, shards: usize) -> usize {
    device.0 as usize % shards
}

impl Shard {
    /// A shard without devices.
    pub fn new(setup: ShardSetup) -> Self {
        Shard {
            setup,
            devices: Vec::new(),
            scratch: Scratch::default(),
            analyst: Analyst::default(),
            watched: Vec::new(),
            cursor: 0,
            generation: 0,
        }
    }

    /// Takes over a device as its checkpoint knows it, judged by what judged it then: what has changed since is in the
    /// journal, or is made up for when the shard begins to work.
    pub fn restore(&mut self, index: DeviceIndex, memory: DeviceMemory, position: u64) {
        let engine = self
            .engine_named(&memory.model, index)
            .unwrap_or_else(|| self.setup.catalogue.engine_of(index, &self.setup.directory));
        let beside = memory.shadow.as_ref();
        let shadow = beside.and_then(|shadow| self.engine_named(&shadow.model, index));
        *self.place(index) = Some(Box::new(Device::restored(index, engine, shadow, memory, position)));
    }

    fn engine_named(&self, version: &ModelVersion, index: DeviceIndex) -> Option<Arc<Engine>> {
        let setup = &self.setup;
        setup.catalogue.engine_named(version, index, &setup.directory)
    }

    /// Replays one record of the journal, unless the device's checkpoint holds it already.
    pub fn replay(&mut self, position: u64, record: &Record<'_>) {
        let named = match record {
            Record::Model {
                device,
                change: ModelChange::InForce(version) | ModelChange::ShadowBegins(version),
            } => self.engine_named(&ModelVersion::from_text(version), *device),
            Record::Model { .. }
            | Record::Telemetry { .. }
            | Record::Event { .. }
            | Record::Status { .. }
            | Record::Repaired { .. }
            | Record::Diagnosed { .. }
            | Record::Prior { .. } => None,
        };
        let (target, around, scratch) = self.parts(record.device());
        if target.position >= position {
            return;
        }
        match record {
            Record::Telemetry {
                measured_at,
                received_at,
                quality,
                sequence,
                samples,
                derived,
                ..
            } => {
                let is_waveform = *derived == samples.len();
                let measured = if is_waveform {
                    samples
                } else {
                    &samples[..samples.len() - derived]
                };
                let arrival = Arrival {
                    measured_at: *measured_at,
                    received_at: *received_at,
                    quality: *quality,
                    sequence: *sequence,
                    samples: measured,
                };
                if is_waveform {
                    target.features(arrival, &around, scratch);
                } else {
                    target.telemetry(arrival, &around, scratch);
                }
            }
            Record::Event {
                measured_at,
                state,
                code,
                text,
                ..
            } => {
                target.replay_event(*measured_at, *state, code, text, &around, scratch);
            }
            Record::Status { received_at, state, .. } => target.status(*state, *received_at, &around, scratch),
            Record::Repaired { at, failure_mode, .. } => target.repaired(failure_mode, *at, &around, scratch),
            Record::Prior { metric, prior, .. } => target.begin_with(*metric, *prior),
            Record::Model { change, .. } => match (change, named) {
                (ModelChange::InForce(_), Some(engine)) => target.adopt(engine, scratch),
                (ModelChange::ShadowBegins(_), Some(engine)) => target.begin_shadow(engine),
                (ModelChange::ShadowEnds, _) => target.end_shadow(),
                // nobody knows it any more: what is in force now stands in
                (ModelChange::InForce(_) | ModelChange::ShadowBegins(_), None) => {}
            },
            Record::Diagnosed {
                measured_at,
                sensor,
                finding,
                ..
            } => match (SensorName::new(sensor), serde_json::from_str(finding)) {
                (Ok(sensor), Ok(finding)) => target.diagnosed(&sensor, finding, *measured_at, &around, scratch),
                (Ok(_) | Err(_), Ok(_) | Err(_)) => {
                    tracing::warn!(%sensor, "a diagnosis in the journal cannot be read; the next one takes its place")
                }
            },
        }
        // all of it was committed before the restart
        scratch.writer.take();
        scratch.out = Processed::default();
    }

    /// Devices with a failure mode that the book has standing must know it, so that its end is noticed.
    pub fn adopt_standing(&mut self, device: DeviceIndex, failure_mode: &str, severity: domain::Severity) {
        let (target, _, _) = self.parts(device);
        if let Some(mode) = target.engine.profile().mode_index(failure_mode) {
            target.memory.tracker.adopt_raised(mode, severity);
        }
    }

    /// The same by the model that runs in shadow, if it is this one.
    pub fn adopt_standing_in_shadow(
        &mut self,
        device: DeviceIndex,
        version: &ModelVersion,
        failure_mode: &str,
        severity: domain::Severity,
    ) {
        let mode = self
            .engine_named(version, device)
            .and_then(|engine| engine.profile().mode_index(failure_mode));
        let (target, _, _) = self.parts(device);
        let shadow = target.memory.shadow.as_mut().filter(|shadow| shadow.model == *version);
        if let Some((shadow, mode)) = shadow.zip(mode) {
            shadow.tracker.adopt_raised(mode, severity);
        }
    }

    /// Devices are judged by what is in force now. A message asks for it if anything has changed, so that a model is in
    /// force from the first reading after its commit; a restart asks for all.
    fn follow_models(&mut self) {
        let generation = self.setup.catalogue.generation();
        if generation == self.generation {
            return;
        }
        self.generation = generation;
        let (catalogue, directory) = (&self.setup.catalogue, &self.setup.directory);
        for device in self.devices.iter_mut().flatten() {
            let engine = catalogue.engine_of(device.index, directory);
            let shadow = catalogue.shadow_of(device.index, directory);
            device.follow(engine, shadow, &mut self.scratch);
        }
    }

    /// Works until told to stop or everybody else is gone.
    pub fn run(mut self, mut inbox: mpsc::Receiver<ToShard>) {
        while let Some(first) = inbox.blocking_recv() {
            let mut next = Some(first);
            let mut batches = 0;
            while let Some(message) = next {
                batches += 1;
                if self.take(message).is_break() {
                    return;
                }
                let is_full = batches >= MOST_BATCHES || self.scratch.writer.len() >= MOST_BYTES;
                next = if is_full { None } else { inbox.try_recv().ok() };
            }
            if self.hand_on().is_break() {
                return;
            }
        }
    }

    fn take(&mut self, message: ToShard) -> std::ops::ControlFlow<()> {
        self.follow_models();
        match message {
            ToShard::Batch(batch) => self.batch(*batch),
            ToShard::Tick(now) => self.tick(now),
            ToShard::Repaired(repair) => {
                let (target, around, scratch) = self.parts(repair.device);
                target.repaired(&repair.failure_mode, repair.at, &around, scratch);
                scratch.out.repairs.push(repair);
            }
            ToShard::Snapshot(device, reply) => {
                reply.send(self.snapshot(device)).ok();
            }
            ToShard::Summaries(reply) => {
                reply.send(self.summaries()).ok();
            }
            ToShard::Watch(device, true) => self.watched.push(device),
            ToShard::Watch(device, false) => {
                if let Some(place) = self.watched.iter().position(|d| *d == device) {
                    self.watched.swap_remove(place);
                }
            }
            ToShard::Checkpoint => {
                // what came before must reach the commit before the checkpoint that contains it
                self.hand_on()?;
                return self.checkpoint();
            }
            ToShard::Stop => {
                self.hand_on()?;
                self.setup.commit.blocking_send(ToCommit::ShardStopped).ok();
                return std::ops::ControlFlow::Break(());
            }
        }
        std::ops::ControlFlow::Continue(())
    }

    fn hand_on(&mut self) -> std::ops::ControlFlow<()> {
        self.scratch.out.block = self.scratch.writer.take();
        if self.scratch.out.is_empty() {
            return std::ops::ControlFlow::Continue(());
        }
        let processed = std::mem::take(&mut self.scratch.out);
        self.send(ToCommit::Processed(Box::new(processed)))
    }

    fn batch(&mut self, batch: Batch) {
        for item in batch.items {
            match item {
                Item::Telemetry(item) => {
                    let samples = &batch.samples[item.samples.start as usize..item.samples.end as usize];
                    let (device, around, scratch) = self.parts(item.device);
                    let arrival = Arrival {
                        measured_at: item.measured_at,
                        received_at: batch.received_at,
                        quality: item.quality,
                        sequence: item.sequence,
                        samples,
                    };
                    device.telemetry(arrival, &around, scratch);
                    if !self.watched.is_empty() && self.watched.contains(&item.device) {
                        let reading = LiveReading {
                            device: item.device,
                            measured_at: item.measured_at,
                            samples: samples.to_vec(),
                        };
                        self.setup.live.send(reading).ok();
                    }
                }
                Item::Waveform(item) => self.waveform(*item, batch.received_at),
                Item::Event(event) => {
                    let (device, around, scratch) = self.parts(event.0);
                    device.event(&event.1, batch.received_at, &around, scratch);
                }
                Item::Status(device, state) => {
                    let (device, around, scratch) = self.parts(device);
                    device.status(state, batch.received_at, &around, scratch);
                }
                Item::Quarantine(packet) => {
                    self.scratch.out.outcomes.quarantined.push(packet.1);
                    self.scratch.out.quarantine.push(packet.0);
                }
            }
        }
        self.scratch.out.receipts.push(batch.receipt);
    }

    /// The features of a snapshot are a reading like any other; the snapshot itself is kept for a person to look at. Where it
    /// makes a followed sensor alarm, it is diagnosed, and the verdict is an input of its own.
    fn waveform(&mut self, item: WaveformItem, received_at: Timestamp) {
        let directory = self.setup.directory.clone();
        let (device, _, _) = self.parts(item.device);
        let is_followed = device.engine.followed(&item.sensor).is_some();
        let features = self.analyst.features(is_followed, &item.waveform);
        let named = features.iter().filter_map(|feature| {
            let metric = directory.metric_or_register(&format!("{}.{}", item.sensor, feature.suffix))?;
            Some(Sample {
                metric,
                value: feature.value,
            })
        });
        let samples: Vec<Sample> = named.collect();
        let (is_working, scratch) = (self.generation != 0, &mut self.scratch);
        let (device, around) = device_of(&mut self.devices, &self.setup, scratch, is_working, item.device);
        let (measured_at, quality) = (item.measured_at, Quality::Good);
        if device.features(
            Arrival {
                measured_at,
                received_at,
                quality,
                sequence: None,
                samples: &samples,
            },
            &around,
            scratch,
        ) {
            let sensor = item.sensor.as_str().to_owned();
            scratch.out.waveforms.push(WaveformRow {
                device: item.device,
                sensor,
                measured_at,
                payload: item.payload,
            });
            if let Some(finding) = self.analyst.diagnose(device, &item.sensor, &item.waveform) {
                device.diagnosed(&item.sensor, finding, measured_at, &around, scratch);
            }
        }
    }

    fn tick(&mut self, now: Timestamp) {
        let around = Surroundings {
            names: &*self.setup.directory,
            reorder_window: self.setup.reorder_window,
        };
        for device in self.devices.iter_mut().flatten() {
            device.look_for_silence(now, self.setup.started_at, &around, &mut self.scratch);
        }
    }

    fn checkpoint(&mut self) -> std::ops::ControlFlow<()> {
        let is_first = self.cursor == 0;
        if is_first && !self.devices.iter().flatten().any(|d| d.is_dirty) {
            // an idle gateway does not write
            let shard = self.setup.number;
            return self.send(ToCommit::NothingToCheckpoint { shard });
        }
        let (mut states, mut bytes) = (Vec::new(), 0);
        while self.cursor < self.devices.len() && bytes < CHECKPOINT_BYTES {
            if let Some(device) = self.devices[self.cursor].as_mut().filter(|d| d.is_dirty) {
                match device.memory.to_bytes() {
                    Ok(state) => {
                        bytes += state.len();
                        states.push((device.index, state));
                        device.is_dirty = false;
                        let (engine, memory) = (&device.engine, &device.memory);
                        let normals = engine.normals(&memory.state);
                        if !self.setup.directory.device(device.index).site.is_drill() {
                            self.setup.fleet.report(&engine.profile().id, device.index, normals);
                        }
                    }
                    Err(error) => {
                        tracing::error!(device = device.index.0, %error, "cannot write the state of a device")
                    }
                }
            }
            self.cursor += 1;
        }
        let is_last = self.cursor >= self.devices.len();
        if is_last {
            self.cursor = 0;
        }
        let slice = CheckpointSlice {
            shard: self.setup.number,
            states,
            is_first,
            is_last,
        };
        self.send(ToCommit::Checkpoints(slice))
    }

    /// Breaks when the commit thread has gone.
    fn send(&self, message: ToCommit) -> std::ops::ControlFlow<()> {
        match self.setup.commit.blocking_send(message) {
            Ok(()) => std::ops::ControlFlow::Continue(()),
            Err(_) => std::ops::ControlFlow::Break(()),
        }
    }

    fn snapshot(&mut self, index: DeviceIndex) -> Option<LiveDevice> {
        let device = self.place(index).as_deref()?;
        let memory = &device.memory;
        Some(LiveDevice {
            snapshot: device.engine.snapshot(&memory.state),
            connectivity: memory.connectivity,
            last_received: memory.state.last_received(),
            is_silent: device.is_silent(),
            missing: memory.repeats.missing(),
            skew: memory.repeats.skew(),
            engine: device.engine.clone(),
        })
    }

    fn summaries(&self) -> Vec<LiveSummary> {
        let summary = |device: &Device| LiveSummary {
            device: device.index,
            health: device.engine.health(&device.memory.state),
            connectivity: device.memory.connectivity,
            last_received: device.memory.state.last_received(),
            is_silent: device.is_silent(),
        };
        self.devices.iter().flatten().map(|d| summary(d)).collect()
    }

    #[cfg(test)]
    pub(super) fn memory(&self, index: DeviceIndex) -> Option<&DeviceMemory> {
        self.devices
            .get(index.0 as usize / self.setup.of)?
            .as_deref()
            .map(|d| &d.memory)
    }

    fn place(&mut self, index: DeviceIndex) -> &mut Option<Box<Device>> {
        let place = index.0 as usize / self.setup.of;
        if place >= self.devices.len() {
            self.devices.resize_with(place + 1, || None);
        }
        &mut self.devices[place]
    }

    /// The device, made if it is new, beside what its steps need.
    fn parts(&mut self, index: DeviceIndex) -> (&mut Device, Surroundings<'_>, &mut Scratch) {
        let is_working = self.generation != 0;
        let (device, around) = device_of(&mut self.devices, &self.setup, &mut self.scratch, is_working, index);
        (device, around, &mut self.scratch)
    }
}

/// The device, made if it is new.
fn device_of<'a>(
    devices: &'a mut Vec<Option<Box<Device>>>,
    setup: &'a ShardSetup,
    scratch: &mut Scratch,
    is_working: bool,
    index: DeviceIndex,
) -> (&'a mut Device, Surroundings<'a>) {
    let place = index.0 as usize / setup.of;
    if place >= devices.len() {
        devices.resize_with(place + 1, || None);
    }
    let device = devices[place].get_or_insert_with(|| {
        let engine = setup.catalogue.engine_of(index, &setup.directory);
        // so that a replay knows by what its first reading was judged
        scratch
            .writer
            .model(index, ModelChange::InForce(engine.version().as_str()));
        let mut device = Box::new(Device::new(index, engine.clone()));
        if is_working {
            for (metric, prior) in setup.fleet.priors(&engine.profile().id) {
                scratch.writer.prior(index, metric, &prior);
                device.begin_with(metric, prior);
            }
            device.follow(engine, setup.catalogue.shadow_of(index, &setup.directory), scratch);
        }
        device
    });
    let around = Surroundings {
        names: &*setup.directory,
        reorder_window: setup.reorder_window,
    };
    (device, around)
}
