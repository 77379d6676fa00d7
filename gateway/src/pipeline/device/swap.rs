//! One device gets another model, or one that runs beside. Pure, and exact under replay: every change is written into the
//! journal at its place between the readings.

use super::{Device, Scratch};
use crate::store::codec::ModelChange;
use alerting::ConditionTracker;
use domain::{ConditionChange, ConditionState, ModelVersion, Prognosis, Timestamp};
use models::{DeviceState, Engine, StepOutput};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// All that a model remembers of a device which it watches beside the one that judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowMemory {
    /// Which model.
    pub model: ModelVersion,
    /// What it has learned.
    pub state: DeviceState,
    /// Delays that run.
    pub tracker: ConditionTracker,
}

impl Device {
    /// Is judged by what is in force now, and watched by what runs in shadow now. What changes is written down, so that a
    /// replay changes at the same reading.
    pub fn follow(&mut self, engine: Arc<Engine>, shadow: Option<Arc<Engine>>, scratch: &mut Scratch) {
        if engine.version() != self.engine.version() {
            scratch
                .writer
                .model(self.index, ModelChange::InForce(engine.version().as_str()));
            self.adopt(engine, scratch);
        }
        let running = self.memory.shadow.as_ref().map(|s| &s.model);
        if running == shadow.as_ref().map(|s| s.version()) {
            return;
        }
        if running.is_some() {
            scratch.writer.model(self.index, ModelChange::ShadowEnds);
            self.end_shadow();
        }
        if let Some(shadow) = shadow {
            scratch
                .writer
                .model(self.index, ModelChange::ShadowBegins(shadow.version().as_str()));
            self.begin_shadow(shadow);
        }
    }

    /// Another model judges from here on. If it ran beside, it brings what it has learned; if not, it takes over what fits.
    /// What stands goes on standing until the new model has judged it over; a failure mode that the new one does not have is
    /// over at once, because nobody would ever judge it again.
    pub fn adopt(&mut self, engine: Arc<Engine>, scratch: &mut Scratch) {
        self.is_dirty = true;
        let old = std::mem::replace(&mut self.engine, engine.clone());
        let place = |mode| engine.profile().mode_index(old.profile().mode(mode)?.id.as_str());
        let tracker = self.memory.tracker.moved(place);
        let measured_at = self.memory.state.last_measured().unwrap_or(Timestamp(0));
        for mode in StepOutput::modes(self.memory.tracker.raised()).filter(|mode| place(*mode).is_none()) {
            let Some(gone) = old.profile().mode(mode) else { continue };
            scratch.out.changes.push(ConditionChange {
                device: self.index,
                mode,
                failure_mode: gone.id.clone(),
                state: ConditionState::Clear,
                measured_at,
                evidence: Vec::new(),
                health: old.health(&self.memory.state),
                prognosis: Prognosis::NotYetKnown,
                // whose words about it are the last ones there will be
                model: old.version().clone(),
            });
        }
        self.memory.tracker = tracker;
        self.memory.model = engine.version().clone();
        let ran_beside = self
            .memory
            .shadow
            .as_ref()
            .is_some_and(|s| s.model == *engine.version());
        match self.memory.shadow.take_if(|_| ran_beside) {
            Some(shadow) => {
                self.memory.state = shadow.state;
                self.shadow = None;
            }
            None => {
                let fresh = engine.fresh();
                self.memory.state = engine.adopt(std::mem::replace(&mut self.memory.state, fresh));
            }
        }
    }

    /// A model begins to run beside the one that judges, from what that one knows as far as it fits.
    pub fn begin_shadow(&mut self, engine: Arc<Engine>) {
        self.is_dirty = true;
        let live = self.engine.profile();
        let place = |mode| engine.profile().mode_index(live.mode(mode)?.id.as_str());
        self.memory.shadow = Some(Box::new(ShadowMemory {
            model: engine.version().clone(),
            state: engine.adopt(self.memory.state.clone()),
            tracker: self.memory.tracker.moved(place),
        }));
        self.shadow = Some(engine);
    }

    /// Nothing runs beside any more.
    pub fn end_shadow(&mut self) {
        self.is_dirty = true;
        self.memory.shadow = None;
        self.shadow = None;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Arrival, Surroundings};
    use super::*;
    use crate::ingest::directory::{DevicesConfig, Directory};
    use crate::pipeline::batch::Side;
    use domain::profile::{parse, shipped::TEXTS};
    use domain::registry::Registry;
    use domain::{DeviceIndex, DeviceKey, Millis, Quality, Sample};

    struct World {
        directory: Directory,
        device: Device,
        scratch: Scratch,
        at: i64,
    }

    impl World {
        fn engine(directory: &Directory, change: impl Fn(&str) -> String) -> Arc<Engine> {
            let text = TEXTS.iter().find(|(name, _)| *name == "pump").expect("shipped").1;
            let text = change(text);
            let profile = parse(&text).expect("sound");
            let version = ModelVersion::of_candidate(&profile.id, profile.version, text.as_bytes());
            let mut intern = |name: &domain::MetricName| directory.metric_or_register(name.as_str()).expect("room");
            Arc::new(Engine::new(Arc::new(profile), &mut intern).named(version))
        }

        fn new() -> World {
            let directory = Directory::new(DevicesConfig::default(), Registry::default(), vec![], vec![]);
            let key = DeviceKey::new("site", "pump").expect("names");
            directory.device_or_register(&key, Timestamp(0)).expect("taken in");
            let engine = World::engine(&directory, str::to_owned);
            World {
                device: Device::new(DeviceIndex(0), engine),
                directory,
                scratch: Scratch::default(),
                at: 1_760_000_000_000,
            }
        }

        fn limit(&self, warning: &str) -> Arc<Engine> {
            World::engine(&self.directory, |text| {
                text.replace("warning = 2.8\n", &format!("warning = {warning}\n"))
            })
        }

        fn follow(&mut self, engine: &Arc<Engine>, shadow: Option<&Arc<Engine>>) {
            self.device.follow(engine.clone(), shadow.cloned(), &mut self.scratch);
        }

        /// Two minutes of readings.
        fn vibrate(&mut self, value: f64) {
            let metric = self.directory.metric_or_register("vibration_rms_mm_s").expect("known");
            for i in 0..60 {
                self.at += 2_000;
                let (measured_at, value) = (Timestamp(self.at), value + f64::from(i % 7) * 0.01);
                let arrival = Arrival {
                    measured_at,
                    received_at: measured_at,
                    quality: Quality::Good,
                    sequence: None,
                    samples: &[Sample { metric, value }],
                };
                let around = Surroundings {
                    names: &self.directory,
                    reorder_window: Millis::ZERO,
                };
                self.device.telemetry(arrival, &around, &mut self.scratch);
            }
        }

        /// What was told since the last time: failure mode and whether it shows.
        fn told(&mut self) -> Vec<(String, bool)> {
            let changes = std::mem::take(&mut self.scratch.out.changes);
            let told = |c: ConditionChange| (c.failure_mode.to_string(), c.state != ConditionState::Clear);
            changes.into_iter().map(told).collect()
        }
    }

    fn wear(shows: bool) -> (String, bool) {
        ("bearing_wear".to_owned(), shows)
    }

    #[test]
    fn a_shadow_is_compared_and_tells_nobody_until_it_judges() {
        let mut world = World::new();
        let (file, lower) = (world.device.engine.clone(), world.limit("2.3"));
        world.follow(&file, Some(&lower));
        world.vibrate(2.5);
        assert_eq!(world.told(), []);
        let compared = std::mem::take(&mut world.scratch.out.shadow);
        assert_eq!(compared.len(), 1);
        assert_eq!(
            (compared[0].side, &compared[0].change.model),
            (Side::Shadow, lower.version())
        );

        world.follow(&lower, None);
        assert!(world.device.memory.shadow.is_none());
        world.vibrate(2.5);
        assert_eq!(world.told(), [wear(true)]);
    }

    #[test]
    fn what_stands_goes_on_until_the_new_model_has_judged_it_over() {
        let mut world = World::new();
        let higher = world.limit("4.0");
        world.vibrate(3.5);
        assert_eq!(world.told(), [wear(true)]);
        world.follow(&higher, None);
        assert_ne!(world.device.memory.tracker.raised(), 0);
        assert_eq!(world.told(), []);
        // the off-delay of the profile is half an hour
        (0..16).for_each(|_| world.vibrate(3.5));
        assert_eq!(world.told(), [wear(false)]);
    }

    #[test]
    fn a_failure_mode_that_the_new_model_does_not_know_is_over_at_once() {
        let mut world = World::new();
        let old = world.device.engine.version().clone();
        let other = World::engine(&world.directory, |text| {
            text.replace("\"bearing_wear\"", "\"wear_of_bearing\"")
        });
        world.vibrate(3.5);
        assert_eq!(world.told(), [wear(true)]);
        world.follow(&other, None);
        assert_eq!(
            world.scratch.out.changes[0].model, old,
            "its words come from who knew it"
        );
        assert_eq!(world.told(), [wear(false)]);
        world.vibrate(3.5);
        assert_eq!(world.told(), [("wear_of_bearing".to_owned(), true)]);
    }

    #[test]
    fn without_a_change_nothing_is_written() {
        let mut world = World::new();
        let (file, lower) = (world.device.engine.clone(), world.limit("2.3"));
        world.follow(&file, None);
        assert!(world.scratch.writer.is_empty());
        world.follow(&file, Some(&lower));
        let begun = world.scratch.writer.len();
        world.follow(&file, Some(&lower));
        assert_eq!(world.scratch.writer.len(), begun);
    }
}
