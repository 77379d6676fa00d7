//! One recorded device on the live path. Time is the recording's.

use crate::ingest::IngestConfig;
use crate::ingest::directory::{DevicesConfig, Directory};
use crate::pipeline::device::{Arrival, Device, Scratch, Surroundings};
use device_sim::table::Row;
use domain::registry::Registry;
use domain::{
    ConditionChange, DeviceKey, DriftCause, MetricIndex, MetricName, Millis, Profile, Quality, Reading, Sample,
    Timestamp,
};
use models::bundled::Bundled;
use models::{Engine, Learning};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The journal that nobody writes is thrown away from this size on.
const JOURNAL_BYTES: usize = 1 << 16;

/// A recording that cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlayerError {
    /// A metric has no usable name, or there are too many.
    #[error("metric {name:?} cannot be watched: its name is not usable, or there are too many metrics")]
    Metric {
        /// Its name.
        name: String,
    },
}

/// What a row was answered with.
#[derive(Debug)]
pub struct Played<'a> {
    /// How unusual the device is, 0 to 1; 0.5 where a person would be told. Of the last row that was judged.
    pub score: f64,
    /// Whether an alarm stands.
    pub is_alerting: bool,
    /// Failure modes that began or ceased to show, after their delays.
    pub changes: &'a [ConditionChange],
}

/// How often normal has moved, by how that came.
pub type DriftCounts = BTreeMap<DriftCause, u64>;

/// A recorded device.
pub struct Player {
    directory: Directory,
    device: Device,
    scratch: Scratch,
    columns: BTreeMap<Arc<str>, MetricIndex>,
    samples: Vec<Sample>,
    score: f64,
    reorder_window: Millis,
    /// Samples of metrics beyond those that one device may have.
    ignored: u64,
    /// Rows that got a score, and rows after the first of them that got none.
    judged: u64,
    passed_over: u64,
    drifts: DriftCounts,
}

impl Player {
    /// A device of the given kind that has not been seen before, with trained models beside the rules.
    ///
    /// # Errors
    /// A metric of the profile has no usable name.
    pub fn new(profile: Arc<Profile>, bundled: Option<&Bundled>, name: &DeviceKey) -> Result<Player, PlayerError> {
        let reorder_window = Millis(IngestConfig::default().reorder_window_ms);
        let directory = Directory::new(DevicesConfig::default(), Registry::default(), Vec::new(), Vec::new());
        let mut unusable = None;
        let mut intern = |metric: &MetricName| {
            directory.metric_or_register(metric.as_str()).unwrap_or_else(|| {
                unusable = Some(metric.to_string());
                MetricIndex(u32::MAX)
            })
        };
        let engine = Engine::new(profile, &mut intern);
        let engine = match bundled {
            Some(bundled) => engine.with_bundled(bundled, &mut intern),
            None => engine,
        };
        if let Some(name) = unusable {
            return Err(PlayerError::Metric { name });
        }
        let index = directory
            .device_or_register(name, Timestamp(0))
            .map_err(|_| PlayerError::Metric { name: name.to_string() })?;
        Ok(Player {
            device: Device::new(index, Arc::new(engine)),
            directory,
            scratch: Scratch::default(),
            columns: BTreeMap::new(),
            samples: Vec::new(),
            score: 0.0,
            reorder_window,
            ignored: 0,
            judged: 0,
            passed_over: 0,
            drifts: DriftCounts::default(),
        })
    }

    /// Samples so far of metrics that nobody watches, because a device may have only so many.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// Rows that were compared with what is normal.
    pub fn judged(&self) -> u64 {
        self.judged
    }

    /// Rows that were not, though rows before them were: they repeat a row, or are older than one before.
    pub fn passed_over(&self) -> u64 {
        self.passed_over
    }

    /// How often what is held for normal has itself moved, by how that came.
    pub fn drifts(&self) -> &DriftCounts {
        &self.drifts
    }

    /// Metrics of which it is still being learned what is normal, and all that are watched: of the former no alarm can be told.
    pub fn learning(&self) -> (usize, usize) {
        let snapshot = self.device.engine.snapshot(&self.device.memory.state);
        let is_learning = |learning: &Learning| match learning {
            Learning::Learning { .. } => true,
            Learning::Provisional | Learning::Active | Learning::NotLearned => false,
        };
        let metrics = &snapshot.metrics;
        (
            metrics.iter().filter(|m| is_learning(&m.learning)).count(),
            metrics.len(),
        )
    }

    /// The device with all it has learned.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Names behind the indices.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    fn fill(&mut self, row: &Row) -> Result<(), PlayerError> {
        self.samples.clear();
        for (name, value) in &row.metrics {
            let metric = match self.columns.get(name) {
                Some(metric) => *metric,
                None => {
                    let unusable = || PlayerError::Metric { name: name.to_string() };
                    let checked = MetricName::new(name).map_err(|_| unusable())?;
                    let metric = self
                        .directory
                        .metric_or_register(checked.as_str())
                        .ok_or_else(unusable)?;
                    self.columns.insert(name.clone(), metric);
                    metric
                }
            };
            self.samples.push(Sample { metric, value: *value });
        }
        Ok(())
    }

    /// A row that is known to be normal: learned, judged by nobody.
    ///
    /// # Errors
    /// A metric has no usable name, or there are too many.
    pub fn learn(&mut self, row: &Row) -> Result<(), PlayerError> {
        self.fill(row)?;
        let at = Timestamp(row.ts_ms);
        let reading = Reading {
            measured_at: at,
            received_at: at,
            quality: Quality::Good,
            samples: &self.samples,
        };
        self.device.engine.learn(&mut self.device.memory.state, &reading);
        Ok(())
    }

    /// What is known to be normal ends here.
    pub fn end_of_normal(&mut self) {
        self.device.engine.end_of_normal(&mut self.device.memory.state);
    }

    /// Plays a row.
    ///
    /// # Errors
    /// A metric has no usable name, or there are too many.
    pub fn play(&mut self, row: &Row) -> Result<Played<'_>, PlayerError> {
        self.fill(row)?;
        self.scratch.out.changes.clear();
        self.scratch.out.reminders.clear();
        self.scratch.out.drifts.clear();
        if self.scratch.writer.len() > JOURNAL_BYTES {
            self.scratch.writer.take();
        }
        if !self.samples.is_empty() {
            let at = Timestamp(row.ts_ms);
            let arrival = Arrival {
                measured_at: at,
                received_at: at,
                quality: Quality::Good,
                sequence: None,
                samples: &self.samples,
            };
            let around = Surroundings {
                names: &self.directory,
                reorder_window: self.reorder_window,
            };
            self.scratch.forget_score();
            self.device.telemetry(arrival, &around, &mut self.scratch);
            self.ignored += u64::from(self.scratch.ignored());
            match self.scratch.score() {
                Some(score) => {
                    self.score = score;
                    self.judged += 1;
                }
                None => self.passed_over += u64::from(self.judged > 0),
            }
            for (_, drift) in &self.scratch.out.drifts {
                *self.drifts.entry(drift.cause).or_default() += 1;
            }
        }
        Ok(Played {
            score: self.score,
            is_alerting: self.device.memory.tracker.raised() != 0,
            changes: &self.scratch.out.changes,
        })
    }
}
