//! One device on its way through the models: admission, engine, delays. Pure: the shard drives it, a restart replays it.

#[cfg(test)]
mod drift_tests;
#[cfg(test)]
mod operation_tests;
#[cfg(test)]
mod outlook_tests;
mod swap;

pub use swap::ShadowMemory;

use super::batch::{CodeSaid, Processed, Reminder, ShadowChange, Side};
use super::repeats::{Admission, Repeats};
use crate::store::codec::{BlockWriter, Telemetry};
use alerting::{ConditionTracker, Edge};
use domain::wire::{Connectivity, DeviceEvent, EventState};
use domain::{
    ConditionChange, ConditionOutlook, ConditionState, DeviceIndex, MetricIndex, Millis, ModeIndex, ModelVersion,
    Names, Quality, Reading, Sample, SensorName, Sequence, Severity, Timestamp,
};
use models::learned::prior::Prior;
use models::vibration::Finding;
use models::{DeviceState, Engine, StepOutput, StoredBundled, StoredSupplement};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All that is remembered of a device; what a checkpoint holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceMemory {
    /// What the models have learned.
    pub state: DeviceState,
    /// Delays that run.
    pub tracker: ConditionTracker,
    /// Telemetry seen.
    pub repeats: Repeats,
    /// Waveforms seen; they take their own way, so they may be a little behind the telemetry.
    pub waveforms: Repeats,
    /// There or gone, by its own word.
    pub connectivity: Option<Connectivity>,
    /// What judges it.
    pub model: ModelVersion,
    /// What the model remembers that runs beside it.
    pub shadow: Option<Box<ShadowMemory>>,
}

impl DeviceMemory {
    /// As a checkpoint holds it.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn to_bytes(&self) -> Result<Vec<u8>, postcard::Error> {
        let shadow = self.shadow.as_ref().map(|shadow| shadow.state.supplement());
        let trained = self.shadow.as_ref().map(|shadow| shadow.state.bundled());
        postcard::to_stdvec(&(self, self.state.supplement(), shadow, self.state.bundled(), trained))
    }

    /// From a checkpoint. Those from before models had versions end earlier: an empty name and no shadow stand in. Those
    /// from before there was anything beside a state, or trained models, have nothing there.
    ///
    /// # Errors
    /// The bytes are not a device's memory.
    pub fn from_bytes(bytes: &[u8]) -> Result<DeviceMemory, postcard::Error> {
        let (mut memory, rest) = match postcard::take_from_bytes::<DeviceMemory>(bytes) {
            Err(postcard::Error::DeserializeUnexpectedEnd) => {
                return postcard::from_bytes(&[bytes, &[0, 0]].concat());
            }
            read => read?,
        };
        if !rest.is_empty() {
            let ((supplement, shadow), rest) =
                postcard::take_from_bytes::<(StoredSupplement, Option<StoredSupplement>)>(rest)?;
            if !rest.is_empty() {
                let (bundled, beside) = postcard::from_bytes::<(StoredBundled, Option<StoredBundled>)>(rest)?;
                memory.state.set_bundled(bundled);
                if let (Some(shadow), Some(bundled)) = (&mut memory.shadow, beside) {
                    shadow.state.set_bundled(bundled);
                }
            }
            memory.state.set_supplement(supplement);
            if let (Some(beside), Some(supplement)) = (&mut memory.shadow, shadow) {
                beside.state.set_supplement(supplement);
            }
        }
        Ok(memory)
    }
}

/// A device of a shard.
#[derive(Debug)]
pub struct Device {
    /// Its place in the directory.
    pub index: DeviceIndex,
    /// What judges it.
    pub engine: Arc<Engine>,
    /// What runs beside; there exactly where the memory has something of it.
    shadow: Option<Arc<Engine>>,
    /// What is remembered.
    pub memory: DeviceMemory,
    /// Journal position that its checkpoint holds; records up to it are not replayed.
    pub position: u64,
    /// Whether it changed since its last checkpoint.
    pub is_dirty: bool,
}

/// What every step needs beside the device.
pub struct Surroundings<'a> {
    /// Names for evidence.
    pub names: &'a dyn Names,
    /// How far behind the newest a reading counts as out of order rather than late.
    pub reorder_window: Millis,
}

/// Buffers reused from reading to reading, and what the steps had to say.
#[derive(Debug, Default)]
pub struct Scratch {
    engine: StepOutput,
    shadow: StepOutput,
    edges: Vec<(ModeIndex, Edge)>,
    is_outlook_due: bool,
    /// The journal block being written.
    pub writer: BlockWriter,
    /// What is to be committed.
    pub out: Processed,
}

impl Scratch {
    /// How unusual the device was in the last reading; see [`StepOutput::score`].
    pub fn score(&self) -> Option<f64> {
        self.engine.score
    }

    /// Before a reading that may turn out to be a repeat, which is judged by nobody.
    pub fn forget_score(&mut self) {
        self.engine.score = None;
    }

    /// Samples of the last reading that nobody watches; see [`StepOutput::ignored`].
    pub fn ignored(&self) -> u32 {
        self.engine.ignored
    }
}

/// A message that asks for admission.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Device time.
    pub measured_at: Timestamp,
    /// Our time.
    pub received_at: Timestamp,
    /// Whether it may be believed.
    pub quality: Quality,
    /// The device's count.
    pub sequence: Option<Sequence>,
    /// What was measured.
    pub samples: &'a [Sample],
}

fn admit(repeats: &mut Repeats, arrival: &Arrival<'_>, around: &Surroundings<'_>) -> Admission {
    repeats.admit(
        arrival.measured_at,
        arrival.received_at,
        arrival.sequence,
        arrival.samples,
        around.reorder_window,
    )
}

impl Device {
    /// A device that has not been seen before.
    pub fn new(index: DeviceIndex, engine: Arc<Engine>) -> Self {
        let memory = DeviceMemory {
            state: engine.fresh(),
            tracker: ConditionTracker::default(),
            repeats: Repeats::default(),
            waveforms: Repeats::default(),
            connectivity: None,
            model: engine.version().clone(),
            shadow: None,
        };
        Device {
            index,
            engine,
            shadow: None,
            memory,
            position: 0,
            is_dirty: false,
        }
    }

    /// A device as its checkpoint knows it. What ran beside goes on if there is `shadow` for it.
    pub fn restored(
        index: DeviceIndex,
        engine: Arc<Engine>,
        shadow: Option<Arc<Engine>>,
        memory: DeviceMemory,
        position: u64,
    ) -> Self {
        let mut kept = memory.shadow;
        let shadow = shadow.filter(|engine| kept.as_ref().is_some_and(|k| k.model == *engine.version()));
        kept = shadow.as_ref().zip(kept).map(|(engine, mut kept)| {
            kept.state = engine.adopt(kept.state);
            kept
        });
        let memory = DeviceMemory {
            state: engine.adopt(memory.state),
            model: engine.version().clone(),
            shadow: kept,
            ..memory
        };
        Device {
            index,
            engine,
            shadow,
            memory,
            position,
            is_dirty: false,
        }
    }

    /// What the fleet knows of a metric, before the device has said anything.
    pub fn begin_with(&mut self, metric: MetricIndex, prior: Prior) {
        self.is_dirty = true;
        self.memory.state.begin_with(metric, prior);
    }

    /// Whether it should send and does not.
    pub fn is_silent(&self) -> bool {
        let no_data = self.engine.profile().built_in.no_data;
        self.memory.tracker.raised() & (1 << no_data.0) != 0
    }

    /// What runs beside the model that judges. Without it this is the one comparison that a reading pays for.
    #[inline]
    fn beside(&mut self) -> Option<(&Engine, &mut ShadowMemory)> {
        self.shadow.as_deref().zip(self.memory.shadow.as_deref_mut())
    }

    /// One telemetry message, live or replayed. A replay throws the scratch's words away.
    pub fn telemetry(&mut self, arrival: Arrival<'_>, around: &Surroundings<'_>, scratch: &mut Scratch) {
        let admission = admit(&mut self.memory.repeats, &arrival, around);
        if self.judge(admission, &arrival, scratch) {
            let Arrival {
                measured_at,
                received_at,
                quality,
                sequence,
                samples,
            } = arrival;
            let derived = &scratch.engine.derived;
            scratch.out.outcomes.points += (samples.len() + derived.len()) as u64;
            let (device, is_late) = (self.index, admission == Admission::Late);
            scratch.writer.telemetry(&Telemetry {
                device,
                measured_at,
                received_at,
                is_late,
                quality,
                sequence,
                samples,
                derived,
            });
            self.conclude(measured_at, around, scratch);
        }
    }

    /// The features of a waveform, live or replayed: a reading of which nothing was measured and all was derived. Whether
    /// it was new.
    pub fn features(&mut self, arrival: Arrival<'_>, around: &Surroundings<'_>, scratch: &mut Scratch) -> bool {
        let admission = admit(&mut self.memory.waveforms, &arrival, around);
        if !self.judge(admission, &arrival, scratch) {
            return false;
        }
        let Arrival {
            measured_at,
            received_at,
            quality,
            sequence,
            samples,
        } = arrival;
        scratch.out.outcomes.points += samples.len() as u64;
        let (device, is_late) = (self.index, admission == Admission::Late);
        let record = Telemetry {
            device,
            measured_at,
            received_at,
            is_late,
            quality,
            sequence,
            samples: &[],
            derived: samples,
        };
        scratch.writer.telemetry(&record);
        self.conclude(measured_at, around, scratch);
        true
    }

    /// What the waveform of a standing alarm shows, live or replayed.
    pub fn diagnosed(
        &mut self,
        sensor: &SensorName,
        finding: Finding,
        measured_at: Timestamp,
        around: &Surroundings<'_>,
        scratch: &mut Scratch,
    ) {
        let Some(watch) = self.engine.followed(sensor) else {
            return;
        };
        let text = serde_json::to_string(&finding).expect("findings serialise");
        scratch
            .writer
            .diagnosed(self.index, measured_at, sensor.as_str(), &text);
        self.engine
            .diagnosed(&mut self.memory.state, watch, finding, &mut scratch.engine);
        self.is_dirty = true;
        self.conclude(measured_at, around, scratch);
    }

    /// Whether the message is new; if so the models have seen it.
    fn judge(&mut self, admission: Admission, arrival: &Arrival<'_>, scratch: &mut Scratch) -> bool {
        let Arrival {
            measured_at,
            received_at,
            quality,
            samples,
            ..
        } = *arrival;
        let reading = Reading {
            measured_at,
            received_at,
            quality,
            samples,
        };
        let last_measured = self.memory.state.last_measured();
        let is_standing = self.memory.tracker.raised() != 0;
        let is_live = admission == Admission::Live;
        scratch.is_outlook_due = is_standing && is_live && begins_hour(last_measured, measured_at);
        let outcomes = &mut scratch.out.outcomes;
        let (state, out) = (&mut self.memory.state, &mut scratch.engine);
        match admission {
            Admission::Duplicate => {
                outcomes.duplicate += 1;
                return false;
            }
            Admission::Late => {
                outcomes.late += 1;
                self.engine.late(state, &reading, out);
            }
            Admission::OutOfOrder => {
                outcomes.stored += 1;
                self.engine.late(state, &reading, out);
            }
            Admission::Live => {
                outcomes.stored += 1;
                // who speaks is there, whatever its will said before
                self.memory.connectivity = self.memory.connectivity.map(|_| Connectivity::Online);
                self.engine.step(state, &reading, is_standing, out);
            }
        }
        if let Some((engine, beside)) = self.beside() {
            let (state, out) = (&mut beside.state, &mut scratch.shadow);
            match admission {
                Admission::Duplicate => {}
                Admission::Late | Admission::OutOfOrder => engine.late(state, &reading, out),
                Admission::Live => engine.step(state, &reading, beside.tracker.raised() != 0, out),
            }
        }
        self.is_dirty = true;
        true
    }

    /// A fault code of the device.
    pub fn event(
        &mut self,
        event: &DeviceEvent,
        received_at: Timestamp,
        around: &Surroundings<'_>,
        scratch: &mut Scratch,
    ) {
        let at = event.ts.unwrap_or(received_at);
        self.is_dirty = true;
        self.engine
            .device_event(&mut self.memory.state, event, at, &mut scratch.engine);
        if let Some((engine, beside)) = self.beside() {
            engine.device_event(&mut beside.state, event, at, &mut scratch.shadow);
        }
        scratch
            .writer
            .event(self.index, at, event.state, &event.code, &event.text);
        scratch.out.outcomes.stored += 1;
        let is_known = self.engine.profile().fault_codes.contains_key(&event.code);
        if is_known && event.state == EventState::Raised {
            scratch.out.codes.push(CodeSaid {
                device: self.index,
                model: self.engine.version().clone(),
                code: event.code.clone(),
                text: event.text.clone(),
            });
        }
        self.conclude(at, around, scratch);
    }

    /// The device, or its will, says whether it is there.
    pub fn status(
        &mut self,
        state: Connectivity,
        received_at: Timestamp,
        around: &Surroundings<'_>,
        scratch: &mut Scratch,
    ) {
        self.is_dirty = true;
        self.memory.connectivity = Some(state);
        scratch.writer.status(self.index, received_at, state);
        scratch.out.outcomes.stored += 1;
        match state {
            Connectivity::Online => {
                self.engine
                    .heard(&mut self.memory.state, received_at, &mut scratch.engine);
                if let Some((engine, beside)) = self.beside() {
                    engine.heard(&mut beside.state, received_at, &mut scratch.shadow);
                }
                self.conclude(received_at, around, scratch);
            }
            Connectivity::Offline => {}
        }
    }

    /// Whether the device has fallen silent, looked at by our clock.
    pub fn look_for_silence(
        &mut self,
        now: Timestamp,
        not_before: Timestamp,
        around: &Surroundings<'_>,
        scratch: &mut Scratch,
    ) {
        let is_due = |engine: &Engine, state: &DeviceState| {
            let deadline = engine.silence_deadline(state, not_before);
            deadline.is_some_and(|deadline| now >= deadline)
        };
        if is_due(&self.engine, &self.memory.state) {
            self.engine
                .silence(&mut self.memory.state, now, not_before, &mut scratch.engine);
            self.is_dirty = true;
            self.conclude_live(now, around, scratch);
        }
        if let Some((engine, beside)) = self.beside()
            && is_due(engine, &beside.state)
        {
            engine.silence(&mut beside.state, now, not_before, &mut scratch.shadow);
            self.is_dirty = true;
            self.conclude_shadow(now, around, scratch);
        }
    }

    /// A repair was recorded: the part is new, so is its normal range.
    pub fn repaired(&mut self, failure_mode: &str, at: Timestamp, around: &Surroundings<'_>, scratch: &mut Scratch) {
        self.is_dirty = true;
        let mode = self.engine.profile().mode_index(failure_mode);
        self.engine
            .reset_baseline(&mut self.memory.state, mode, &mut scratch.engine);
        if let Some((engine, beside)) = self.beside() {
            let mode = engine.profile().mode_index(failure_mode);
            engine.reset_baseline(&mut beside.state, mode, &mut scratch.shadow);
        }
        scratch.writer.repaired(self.index, at, failure_mode);
        // delays are told on the device's own clock, which may go otherwise than ours
        let measured_at = self.memory.state.last_measured().unwrap_or(at);
        self.conclude(measured_at, around, scratch);
    }

    /// Delays, and what is new because of this call.
    fn conclude(&mut self, measured_at: Timestamp, around: &Surroundings<'_>, scratch: &mut Scratch) {
        self.conclude_live(measured_at, around, scratch);
        if self.shadow.is_some() {
            self.conclude_shadow(measured_at, around, scratch);
        }
    }

    fn conclude_live(&mut self, measured_at: Timestamp, around: &Surroundings<'_>, scratch: &mut Scratch) {
        let out = &mut scratch.out;
        for reminder in &scratch.engine.maintenance {
            out.reminders.push(Reminder {
                device: self.index,
                model: self.engine.version().clone(),
                plan: reminder.plan,
                occurrence: reminder.occurrence,
                at_value: reminder.at_value,
                measured_at,
            });
        }
        if scratch.engine.has_drift() {
            let (engine, state) = (&self.engine, &self.memory.state);
            let drifts = engine.drifts(state, &scratch.engine, measured_at, around.names);
            out.drifts.extend(drifts.into_iter().map(|drift| (self.index, drift)));
        }
        let first = out.changes.len();
        let memory = &mut self.memory;
        let judged = Judged {
            device: self.index,
            engine: &self.engine,
            state: &memory.state,
            out: &scratch.engine,
            measured_at,
        };
        judged.pass_delays(&mut memory.tracker, &mut scratch.edges, around, &mut |change| {
            out.changes.push(change);
        });
        if std::mem::take(&mut scratch.is_outlook_due) {
            let new = &out.changes[first..];
            let standing = memory.tracker.standing();
            let standing = standing.filter(|(mode, _)| !new.iter().any(|change| change.mode == *mode));
            let outlooks = standing.filter_map(|(mode, _)| judged.outlook(mode, around));
            out.outlooks.extend(outlooks.map(|outlook| (self.index, outlook)));
        }
        if let Some(shadow) = &memory.shadow {
            let both = out.changes[first..].iter().map(|change| ShadowChange {
                shadow: shadow.model.clone(),
                side: Side::Live,
                change: change.clone(),
            });
            out.shadow.extend(both);
        }
    }

    /// What runs beside is told to nobody: it is only compared.
    fn conclude_shadow(&mut self, measured_at: Timestamp, around: &Surroundings<'_>, scratch: &mut Scratch) {
        let Some((engine, beside)) = self.shadow.as_deref().zip(self.memory.shadow.as_deref_mut()) else {
            return;
        };
        let judged = Judged {
            device: self.index,
            engine,
            state: &beside.state,
            out: &scratch.shadow,
            measured_at,
        };
        let shadow = &mut scratch.out.shadow;
        judged.pass_delays(&mut beside.tracker, &mut scratch.edges, around, &mut |change| {
            shadow.push(ShadowChange {
                shadow: engine.version().clone(),
                side: Side::Shadow,
                change,
            });
        });
    }

    /// Replays an event record of the journal.
    pub fn replay_event(
        &mut self,
        at: Timestamp,
        state: EventState,
        code: &str,
        text: &str,
        around: &Surroundings<'_>,
        scratch: &mut Scratch,
    ) {
        let event = DeviceEvent {
            ts: Some(at),
            code: code.to_owned(),
            state,
            text: text.to_owned(),
        };
        self.event(&event, at, around, scratch);
    }
}

/// Whether this reading is the first of an hour of the device's clock: then the outlook of what stands is told anew.
fn begins_hour(last: Option<Timestamp>, now: Timestamp) -> bool {
    let hour = |at: Timestamp| at.0.div_euclid(Millis::hours(1).0);
    last.is_some_and(|last| hour(now) > hour(last))
}

/// What a model made of one call, before the delays.
struct Judged<'a> {
    device: DeviceIndex,
    engine: &'a Engine,
    state: &'a DeviceState,
    out: &'a StepOutput,
    measured_at: Timestamp,
}

impl Judged<'_> {
    fn outlook(&self, mode: ModeIndex, around: &Surroundings<'_>) -> Option<ConditionOutlook> {
        let explained = self.engine.explain(self.state, mode, around.names);
        Some(ConditionOutlook {
            failure_mode: self.engine.profile().mode(mode)?.id.clone(),
            measured_at: self.measured_at,
            health: explained.health,
            prognosis: explained.prognosis,
            model: self.engine.version().clone(),
        })
    }

    fn pass_delays(
        &self,
        tracker: &mut ConditionTracker,
        edges: &mut Vec<(ModeIndex, Edge)>,
        around: &Surroundings<'_>,
        tell: &mut dyn FnMut(ConditionChange),
    ) {
        if self.out.active == 0 && !tracker.is_busy() {
            return;
        }
        edges.clear();
        let severity = |mode| self.out.severity(mode).unwrap_or(Severity::Warning);
        let modes = &self.engine.profile().modes;
        let mut emit = |mode, edge| edges.push((mode, edge));
        let (judged, active) = (self.out.judged, self.out.active);
        tracker.step(modes, judged, active, severity, self.measured_at, &mut emit);
        for (mode, edge) in edges.drain(..) {
            let explained = self.engine.explain(self.state, mode, around.names);
            let Some(failure_mode) = self.engine.profile().mode(mode).map(|m| m.id.clone()) else {
                continue;
            };
            let state = match edge {
                Edge::Raised { severity } | Edge::Severity { to: severity, .. } => ConditionState::Active { severity },
                Edge::Cleared => ConditionState::Clear,
            };
            tell(ConditionChange {
                device: self.device,
                mode,
                failure_mode,
                state,
                measured_at: self.measured_at,
                evidence: explained.evidence,
                health: explained.health,
                prognosis: explained.prognosis,
                model: self.engine.version().clone(),
            });
        }
    }
}
