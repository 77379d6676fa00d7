//! All that one device has learned, and where its rules stand. Plain data: serialised with the checkpoint, bounded.

use crate::bundled::BundledState;
use crate::ewma::Ewma;
use crate::learned::LearnedNormal;
use crate::learned::prior::Prior;
use crate::maintenance::PlanProgress;
use crate::operation::Operation;
use crate::plan::{LearnedPlan, Plan};
use crate::rate::Course;
use crate::stuck::Standstill;
use crate::trees::Masses;
use crate::trend::Trend;
use crate::watching::Watched;
use domain::profile::MAX_MODES;
use domain::{FailureModeId, MetricIndex, MetricName, ModeIndex, Quality, Severity, Timestamp};
use serde::{Deserialize, Serialize};

/// Most metrics of one device; further ones are stored by others but not watched.
pub const MAX_METRICS: usize = 200;
/// Most fault codes of one device that stand at the same time; the oldest gives way.
pub const MAX_CODES: usize = 32;

/// All that one device has learned and where its rules stand. Made by [`crate::Engine::fresh`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceState {
    pub(crate) shape: u64,
    pub(crate) slots: Vec<Slot>,
    /// Where the next sample's slot is looked for first.
    pub(crate) cursor: u16,
    pub(crate) memory: Memory,
    /// How badly each check speaks now.
    pub(crate) speaking: Vec<Option<Severity>>,
    pub(crate) modes: Vec<Option<Severity>>,
    pub(crate) trees: Vec<Masses>,
    /// One for each learned rule.
    pub(crate) learned: Vec<LearnedNormal>,
    /// Metrics seen that the profile does not declare and a rule learns.
    pub(crate) unknown: u16,
    pub(crate) trends: Vec<Trend>,
    pub(crate) plans: Vec<PlanProgress>,
    pub(crate) codes: Vec<StandingCode>,
    /// One for each followed sensor.
    pub(crate) watched: Vec<Watched>,
    pub(crate) last_received: Option<Timestamp>,
    pub(crate) last_measured: Option<Timestamp>,
    /// What the fleet knew of metrics when the device came; each is used when the metric is first seen.
    pub(crate) priors: Vec<(MetricIndex, Prior)>,
    /// What came later. Stands beside the state where it is stored ([`DeviceState::supplement`]), so that states from before can be
    /// read.
    #[serde(skip)]
    pub(crate) supplement: Supplement,
    /// Of trained models; stands beside the state where it is stored ([`DeviceState::bundled`]).
    #[serde(skip)]
    pub(crate) bundled: BundledState,
}

/// What is remembered of a device beside its state.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Supplement {
    /// Its operating modes.
    pub operation: Operation,
    /// When counters of running hours were first heard, and where they stood.
    pub began: Vec<(MetricName, Timestamp, f64)>,
    /// Where the counter stood when a failure mode was last repaired.
    pub renewed: Vec<(FailureModeId, f64)>,
}

/// [`DeviceState::supplement`] as it is read; nothing by default.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(transparent)]
pub struct StoredSupplement(Supplement);

/// [`DeviceState::bundled`] as it is read; nothing by default.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(transparent)]
pub struct StoredBundled(BundledState);

/// What the checks remember, each sort together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Memory {
    pub limits: Vec<u8>,
    pub rates: Vec<Course>,
    pub stucks: Vec<Standstill>,
    pub ewmas: Vec<Ewma>,
}

/// One metric of the device.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub metric: MetricIndex,
    pub watch: Watch,
    pub quality: Quality,
    /// The last value that was not Bad; meaningless before there was one.
    pub value: f64,
    pub measured_at: Timestamp,
    pub has_value: bool,
}

/// How a metric is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Watch {
    /// Declared in the profile; the place in the plan.
    Declared(u16),
    /// Unknown to the profile but learned: the how many-th.
    Unknown(u16),
    /// Only its last value is kept.
    Not,
}

/// A fault code that the device reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StandingCode {
    pub code: String,
    pub text: String,
    pub severity: Severity,
    pub mode: ModeIndex,
    pub raised_at: Timestamp,
}

impl DeviceState {
    pub(crate) fn fresh(plan: &Plan, modes: usize, plans: usize) -> DeviceState {
        let sizes = plan.sizes;
        DeviceState {
            shape: plan.shape,
            slots: Vec::with_capacity(plan.metrics.len()),
            cursor: 0,
            memory: Memory {
                limits: vec![0; sizes.limits],
                rates: vec![Course::default(); sizes.rates],
                stucks: vec![Standstill::default(); sizes.stucks],
                ewmas: vec![Ewma::default(); sizes.ewmas],
            },
            speaking: vec![None; sizes.places],
            modes: vec![None; modes],
            trees: plan.trees.iter().map(|t| t.forest.fresh()).collect(),
            learned: plan
                .learned
                .iter()
                .map(|l| LearnedNormal::new(l.declared.len(), l.sharers))
                .collect(),
            unknown: 0,
            trends: vec![Trend::default(); plan.trends.len()],
            plans: vec![PlanProgress::default(); plans],
            codes: Vec::new(),
            watched: vec![Watched::default(); plan.watches.len()],
            last_received: None,
            last_measured: None,
            priors: Vec::new(),
            supplement: Supplement::default(),
            bundled: BundledState::default(),
        }
    }

    /// What is to be stored beside it.
    pub fn supplement(&self) -> impl Serialize + '_ {
        &self.supplement
    }

    /// Takes back what was stored beside it.
    pub fn set_supplement(&mut self, supplement: StoredSupplement) {
        self.supplement = supplement.0;
    }

    /// What trained models remember, to be stored beside it.
    pub fn bundled(&self) -> impl Serialize + '_ {
        &self.bundled
    }

    /// Takes back what trained models remembered.
    pub fn set_bundled(&mut self, bundled: StoredBundled) {
        self.bundled = bundled.0;
    }

    /// Whether this can be the memory of a device under this plan: a checkpoint of another version must not lead astray.
    pub(crate) fn fits(&self, plan: &Plan, modes: usize, plans: usize) -> bool {
        let (sizes, memory) = (plan.sizes, &self.memory);
        let unknown = usize::from(self.unknown);
        let is_whole = |plan: &LearnedPlan, learned: &LearnedNormal| {
            let added = if plan.watches_unknown { unknown } else { 0 };
            learned.is_sound() && learned.columns() == plan.declared.len() + added
        };
        self.shape == plan.shape
            && self.slots.len() <= MAX_METRICS
            && self.priors.len() <= MAX_METRICS
            && memory.limits.len() == sizes.limits
            && memory.rates.len() == sizes.rates
            && memory.stucks.len() == sizes.stucks
            && memory.ewmas.len() == sizes.ewmas
            && self.learned.len() == plan.learned.len()
            && plan.learned.iter().zip(&self.learned).all(|(p, l)| is_whole(p, l))
            && self.speaking.len() == sizes.places
            && self.modes.len() == modes
            && self.watched.len() == plan.watches.len()
            && self.plans.len() == plans
            && self.supplement.operation.fits(plan, &self.learned)
            && self.supplement.began.len() <= MAX_METRICS
            && self.supplement.renewed.len() <= MAX_MODES
            && self.trends.len() == plan.trends.len()
            && self.trees.len() == plan.trees.len()
            && plan.trees.iter().zip(&self.trees).all(|(p, m)| p.forest.fits(m))
            && self.slots.iter().all(|slot| match slot.watch {
                Watch::Declared(place) => usize::from(place) < plan.metrics.len(),
                Watch::Unknown(number) => number < self.unknown,
                Watch::Not => true,
            })
    }

    /// What the fleet knows of a metric, before the device has said anything of it; at most [`MAX_METRICS`] are used.
    pub fn begin_with(&mut self, metric: MetricIndex, prior: Prior) {
        if self.priors.len() < MAX_METRICS {
            self.priors.push((metric, prior));
        }
    }

    /// When the device was last heard, our time.
    pub fn last_received(&self) -> Option<Timestamp> {
        self.last_received
    }

    /// The newest device time seen.
    pub fn last_measured(&self) -> Option<Timestamp> {
        self.last_measured
    }
}
