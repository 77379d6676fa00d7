//! Trained models that judge the devices of a profile beside its rules: the time left of failure modes that show, and the class
//! that is told of them as evidence. Raises nothing itself.
//!
//! Values are looked at once a minute of device time. Rows for the time left are means over as long as rows of the training data
//! were apart; the model itself is asked only when somebody wants to know. Pure: the same readings give the same answers.

use crate::bundle::{Bundle, BundleError, BundleKind, LiveUse};
use crate::classes::ClassModel;
use crate::engine::Engine;
use crate::learned_life::{LifeModel, Space, UnitState};
use crate::state::DeviceState;
use domain::checked::Problem;
use domain::{
    Evidence, EvidenceReason, LifeBasis, MetricIndex, MetricName, Millis, ModeIndex, Profile, RemainingLife, RuleId,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Values are looked at once in so long, device time.
const LOOK_MS: i64 = 60_000;
/// A class is told by the last so many looks together.
const MOST_LOOKS: usize = 5;
/// From this share of the horizon on a unit is simply healthy, and no time is told.
const HEALTHY_FROM: f32 = 0.98;
/// Words for the class of machines that nothing is wrong with, lower case.
const HEALTHY: [&str; 5] = ["healthy", "normal", "none", "ok", "0"];
/// Most columns of a model; as many metrics are watched of a device.
const MOST_COLUMNS: usize = crate::state::MAX_METRICS;

/// The trained models of a version, at most one of each kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundled {
    life: Option<Part<LifeModel>>,
    classes: Option<Part<ClassModel>>,
    bundles: Vec<Bundle>,
}

/// A model, and how it is used.
#[derive(Debug, Clone, PartialEq)]
struct Part<M> {
    /// Shared by the engines of all devices.
    model: Arc<M>,
    columns: Vec<String>,
    live: LiveUse,
}

impl Bundled {
    /// From what [`Bundled::to_bytes`] wrote.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Bundled, BundleError> {
        let unsound = BundleError::Unsound { part: "list of models" };
        let all: Vec<Vec<u8>> = postcard::from_bytes(bytes).map_err(|_| unsound)?;
        let bundles = all.iter().map(|bytes| Bundle::decode(bytes));
        Bundled::of(bundles.collect::<Result<Vec<Bundle>, BundleError>>()?)
    }

    /// As a store or a bundle of a profile holds them.
    ///
    /// # Errors
    /// One is larger than a bundle may be.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BundleError> {
        let all = self.bundles.iter().map(Bundle::encode);
        let all = all.collect::<Result<Vec<Vec<u8>>, BundleError>>()?;
        postcard::to_allocvec(&all).map_err(|_| BundleError::Unsound { part: "list of models" })
    }

    /// From bundles; of two of the same kind the last one counts.
    ///
    /// # Errors
    /// One does not judge live readings, or does not hang together.
    pub fn of(bundles: Vec<Bundle>) -> Result<Bundled, BundleError> {
        let mut kept: Vec<Bundle> = Vec::new();
        for bundle in bundles {
            kept.retain(|other| other.kind() != bundle.kind());
            kept.push(bundle);
        }
        kept.sort_by_key(|bundle| bundle.kind().to_string());
        let mut found = Bundled {
            life: None,
            classes: None,
            bundles: Vec::new(),
        };
        for bundle in &kept {
            let columns = bundle.description().columns.iter().map(|c| c.name.clone()).collect();
            let live = bundle.live().cloned().unwrap_or_default();
            match bundle.kind() {
                BundleKind::Life => {
                    let model = Arc::new(bundle.life()?);
                    found.life = Some(Part { model, columns, live });
                }
                BundleKind::Classes => {
                    let model = Arc::new(bundle.classes()?);
                    found.classes = Some(Part { model, columns, live });
                }
                kind @ (BundleKind::VibrationClasses | BundleKind::Profile | BundleKind::Ages) => {
                    return Err(BundleError::NotLive { found: kind });
                }
            }
        }
        found.bundles = kept;
        Ok(found)
    }

    /// The same with one more, in place of one of its kind.
    ///
    /// # Errors
    /// It does not judge live readings, or does not hang together.
    pub fn with(&self, bundle: Bundle) -> Result<Bundled, BundleError> {
        Bundled::of(self.bundles.iter().cloned().chain([bundle]).collect())
    }

    /// What tells these models from others; when they were made makes no difference.
    pub fn identity(&self) -> String {
        let one = |bundle: &Bundle| format!("{}/{:?}/{:?}\n", bundle.version_id(), bundle.kind(), bundle.live());
        self.bundles.iter().map(one).collect()
    }

    /// Short names of the models, such as `pumps-1a2b3c4d`.
    pub fn names(&self) -> Vec<String> {
        self.bundles.iter().map(Bundle::version_id).collect()
    }

    /// Why they cannot judge devices of a profile.
    pub fn problems(&self, profile: &Profile) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut wrong = |message: String| problems.push(Problem::at("", message));
        for bundle in &self.bundles {
            let (kind, description) = (bundle.kind(), bundle.description());
            if description.profile.as_deref() != Some(profile.id.as_str()) {
                wrong(format!(
                    "the model of {kind} was trained for the profile {}, not {}; train it with --profile {}",
                    description.profile.as_deref().unwrap_or("of nobody"),
                    profile.id,
                    profile.id
                ));
            }
            if bundle.live().is_none_or(|live| !live.is_sound()) {
                wrong(format!(
                    "the model of {kind} does not say how far apart its rows are; train it with --profile"
                ));
            }
            if description.columns.len() > MOST_COLUMNS {
                wrong(format!("the model of {kind} has more than {MOST_COLUMNS} columns"));
            }
            for column in &description.columns {
                let name = MetricName::new(&column.name).ok();
                let is_known = |name: &MetricName| profile.learns_unknown_metrics || profile.metrics.contains_key(name);
                if !name.as_ref().is_some_and(is_known) {
                    wrong(format!(
                        "the model of {kind} looks at {:?}, which is no metric of {}; train it with --ignore {}",
                        column.name, profile.id, column.name
                    ));
                }
            }
        }
        if let Some(words) = self
            .classes
            .as_ref()
            .and_then(|c| c.model.columns().iter().find(|c| !c.words.is_empty()))
        {
            wrong(format!(
                "the model of classes looks at words in {:?}; readings have numbers only",
                words.name
            ));
        }
        let mode = self.life.as_ref().and_then(|life| life.live.failure_mode.as_deref());
        if let Some(mode) = mode.filter(|mode| profile.mode_index(mode).is_none()) {
            wrong(format!(
                "{} has no failure mode {mode:?}, of which the model tells the time left",
                profile.id
            ));
        }
        problems
    }
}

/// [`Bundled`] with the metrics of a gateway.
#[derive(Debug)]
pub(crate) struct BundledPlan {
    identity: u64,
    life: Option<LifePlan>,
    classes: Option<ClassPlan>,
}

#[derive(Debug)]
struct LifePlan {
    model: Arc<LifeModel>,
    metrics: Vec<MetricIndex>,
    mode: Option<ModeIndex>,
    row_ms: i64,
    unit_ms: f64,
}

#[derive(Debug)]
struct ClassPlan {
    model: Arc<ClassModel>,
    metrics: Vec<MetricIndex>,
    rule: RuleId,
    name: String,
}

/// What is remembered of a device for them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct BundledState {
    /// Of which models.
    identity: u64,
    /// The last look, in minutes.
    minute: Option<i64>,
    /// The row that is being gathered: its number, and sum and count of each column.
    row: Option<i64>,
    sums: Vec<(f64, u32)>,
    /// The unit's rows so far, and when the last one ended.
    unit: Option<UnitState>,
    row_at: Option<Timestamp>,
    /// The latest looks, by column of the model of classes.
    looks: VecDeque<Vec<Option<f32>>>,
}

impl BundledPlan {
    pub(crate) fn new(
        bundled: &Bundled,
        profile: &Profile,
        intern: &mut dyn FnMut(&MetricName) -> MetricIndex,
    ) -> BundledPlan {
        let mut metrics = |columns: &[String]| -> Vec<MetricIndex> {
            let index = |name: &String| MetricName::new(name).map_or(MetricIndex(u32::MAX), |name| intern(&name));
            columns.iter().map(index).collect()
        };
        BundledPlan {
            identity: crate::bundle::fingerprint([bundled.identity()]),
            life: bundled.life.as_ref().map(|part| LifePlan {
                model: part.model.clone(),
                metrics: metrics(&part.columns),
                mode: part
                    .live
                    .failure_mode
                    .as_deref()
                    .and_then(|mode| profile.mode_index(mode)),
                row_ms: part.live.row_every.0.max(LOOK_MS),
                unit_ms: part.live.time_unit.0.max(1) as f64,
            }),
            classes: bundled.classes.as_ref().map(|part| ClassPlan {
                model: part.model.clone(),
                metrics: metrics(&part.columns),
                rule: RuleId::new("learned_class").expect("a rule name"),
                name: bundled
                    .bundles
                    .iter()
                    .find(|bundle| bundle.kind() == BundleKind::Classes)
                    .map_or_else(String::new, Bundle::version_id),
            }),
        }
    }

    /// Whether a memory is of these models and can be used; another one is begun anew.
    pub(crate) fn fits(&self, state: &BundledState) -> bool {
        let (life, classes) = (self.life.as_ref(), self.classes.as_ref());
        let columns = life.map_or(0, |life| life.metrics.len());
        state.identity == self.identity
            && (state.sums.is_empty() || state.sums.len() == columns)
            && state
                .unit
                .as_ref()
                .is_none_or(|unit| life.is_some_and(|life| life.model.fits(unit)))
            && state.looks.len() <= MOST_LOOKS
            && state
                .looks
                .iter()
                .all(|look| classes.is_some_and(|c| c.metrics.len() == look.len()))
    }

    pub(crate) fn fresh(&self) -> BundledState {
        BundledState {
            identity: self.identity,
            ..BundledState::default()
        }
    }
}

impl LifePlan {
    /// A look at the latest values. The row that it ends, if it ends one, is taken in.
    fn look(&self, state: &mut BundledState, at: Timestamp, value_of: impl Fn(MetricIndex) -> Option<f64>) {
        let row = at.0.div_euclid(self.row_ms);
        if state.row != Some(row) {
            self.end_row(state);
            state.row = Some(row);
            state.sums.clear();
            state.sums.resize(self.metrics.len(), (0.0, 0));
        }
        for (sum, metric) in state.sums.iter_mut().zip(&self.metrics) {
            if let Some(value) = value_of(*metric) {
                *sum = (sum.0 + value, sum.1 + 1);
            }
        }
    }

    fn end_row(&self, state: &mut BundledState) {
        let Some(row) = state.row.filter(|_| state.sums.iter().any(|(_, count)| *count > 0)) else {
            return;
        };
        let mean = |(sum, count): &(f64, u32)| match count {
            0 => f32::NAN,
            _ => (sum / f64::from(*count)) as f32,
        };
        let values: Vec<f32> = state.sums.iter().map(mean).collect();
        let middle = row.saturating_mul(self.row_ms).saturating_add(self.row_ms / 2);
        let unit = state.unit.get_or_insert_with(|| self.model.fresh());
        self.model.take(unit, middle as f64 / self.unit_ms, &values);
        state.row_at = Some(Timestamp(middle));
    }

    fn time_left(&self, state: &BundledState, now: Timestamp) -> Option<RemainingLife> {
        let (unit, row_at) = (state.unit.as_ref()?, state.row_at?);
        if unit.rows() < self.model.least_rows() {
            return None;
        }
        let told = self.model.predict(unit, &mut Space::default());
        if told.point >= HEALTHY_FROM * self.model.horizon() {
            return None;
        }
        let since = (now - row_at).0.max(0) as f64;
        let left = |units: f32| Millis((f64::from(units) * self.unit_ms - since).max(0.0) as i64);
        Some(RemainingLife {
            made_at: now,
            p10: left(told.p10),
            p50: left(told.point),
            p90: left(told.p90),
            basis: LifeBasis::Learned,
        })
    }
}

impl Engine {
    /// A look at the latest values, once a minute of device time.
    #[inline]
    pub(crate) fn look(&self, state: &mut DeviceState, at: Timestamp) {
        if let Some(plan) = &self.bundled {
            let minute = at.0.div_euclid(LOOK_MS);
            if state.bundled.minute.is_none_or(|last| minute > last) {
                state.bundled.minute = Some(minute);
                self.look_now(plan, state, at);
            }
        }
    }

    #[cold]
    fn look_now(&self, plan: &BundledPlan, state: &mut DeviceState, at: Timestamp) {
        let mut memory = std::mem::take(&mut state.bundled);
        let slots = &state.slots;
        let value_of = |metric: MetricIndex, within: i64| {
            let slot = slots.iter().find(|slot| slot.metric == metric && slot.has_value)?;
            ((at - slot.measured_at).0 <= within).then_some(slot.value)
        };
        if let Some(life) = &plan.life {
            life.look(&mut memory, at, |metric| value_of(metric, life.row_ms));
        }
        if let Some(classes) = &plan.classes {
            if memory.looks.len() >= MOST_LOOKS {
                memory.looks.pop_front();
            }
            let look = classes
                .metrics
                .iter()
                .map(|metric| value_of(*metric, MOST_LOOKS as i64 * LOOK_MS));
            memory
                .looks
                .push_back(look.map(|value| value.map(|v| v as f32)).collect());
        }
        state.bundled = memory;
    }

    /// The time left by a trained model, of a failure mode that shows.
    pub(crate) fn time_left_by_model(&self, state: &DeviceState, mode: ModeIndex) -> Option<RemainingLife> {
        let life = self.bundled.as_ref()?.life.as_ref()?;
        let shows = state.modes.get(usize::from(mode.0)).copied().flatten().is_some();
        let is_meant = match life.mode {
            Some(of) => of == mode,
            None => !self.profile().built_in.is_of_data(mode),
        };
        life.time_left(&state.bundled, state.last_measured?)
            .filter(|_| shows && is_meant)
    }

    /// The class that a trained model names, as evidence of a failure mode that shows; none where it says that nothing is wrong.
    pub(crate) fn evidence_of_class(&self, state: &DeviceState, mode: ModeIndex) -> Option<Evidence> {
        let classes = self.bundled.as_ref()?.classes.as_ref()?;
        if self.profile().built_in.is_of_data(mode) || state.modes.get(usize::from(mode.0)).copied().flatten().is_none()
        {
            return None;
        }
        let number = |value: &Option<f32>| value.unwrap_or(f32::NAN);
        let looks: Vec<Vec<f32>> = state
            .bundled
            .looks
            .iter()
            .map(|look| look.iter().map(number).collect())
            .collect();
        let answer = classes.model.vote(looks.iter().map(Vec::as_slice))?;
        let class = classes.model.classes().get(answer.class)?;
        let is_healthy = HEALTHY.contains(&class.to_lowercase().as_str());
        (!is_healthy).then(|| Evidence {
            rule: classes.rule.clone(),
            metric: None,
            value: None,
            reason: EvidenceReason::LearnedClass {
                class: class.clone(),
                // hundredths: what is told does not hang on the last digit
                probability: (f64::from(answer.confidence) * 100.0).round() / 100.0,
                model: classes.name.clone(),
            },
        })
    }

    /// After a repair of a failure mode, or of all: the unit begins anew, its class is told by what comes.
    pub(crate) fn forget_bundled(&self, state: &mut DeviceState, mode: Option<ModeIndex>) {
        let Some(plan) = &self.bundled else { return };
        let of_life = plan.life.as_ref().and_then(|life| life.mode);
        let is_meant = mode.is_none() || of_life.is_none() || mode == of_life;
        let kept = std::mem::replace(&mut state.bundled, plan.fresh());
        state.bundled.minute = kept.minute;
        if !is_meant {
            state.bundled = BundledState {
                looks: VecDeque::new(),
                ..kept
            };
        }
    }
}
