//! Operating modes: a machine that cools and heats, or turns at two speeds, has a normal for each. What learned rules know is kept
//! for each mode; that of the present mode stands where the rules look for it, so a reading costs the same, and the others wait
//! here without the windows that only the present one needs: eight modes of a series take less than 16 KiB together.
//!
//! A mode that was never seen is learned like a new machine; limits hold meanwhile. A value that names no mode, or a ninth one,
//! is a mode that is not known: nothing is learned or judged by what was learned, until a known one comes.
//!
//! A stretch that is known to be normal is a reference for all modes together: such a device is not split.

use crate::engine::Engine;
use crate::ewma::Ewma;
use crate::learned::LearnedNormal;
use crate::plan::{Plan, Test};
use crate::state::DeviceState;
use domain::profile::{MAX_OPERATING_MODES, ModeMask, OperatingModes, Telling};
use domain::{MetricIndex, Reading, Timestamp};
use serde::{Deserialize, Serialize};

/// What tells the mode, resolved.
#[derive(Debug, Clone)]
pub(crate) struct OperationPlan {
    pub metric: MetricIndex,
    pub modes: OperatingModes,
}

impl OperationPlan {
    /// How many modes share the memory of a series.
    pub(crate) fn sharers(&self) -> usize {
        match &self.modes.telling {
            Telling::Named(modes) => modes.len(),
            Telling::EachValue => MAX_OPERATING_MODES,
        }
    }

    /// The mode that a value names: its place in the profile, or the value itself.
    fn key(&self, value: f64) -> Option<i64> {
        match &self.modes.telling {
            Telling::Named(modes) => modes.iter().position(|m| m.holds(value)).map(|place| place as i64),
            // whole numbers that a float holds exactly
            Telling::EachValue => (value.abs() < 9e15).then(|| value.round() as i64),
        }
    }

    fn name(&self, key: i64) -> String {
        let named = match &self.modes.telling {
            Telling::Named(modes) => usize::try_from(key).ok().and_then(|place| modes.get(place)),
            Telling::EachValue => None,
        };
        named.map_or_else(|| key.to_string(), |mode| mode.id.clone())
    }
}

/// Where a device stands among its modes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// The present mode, by its place in `kept`; none before the first, and in one that is not known.
    current: Option<u8>,
    /// Since when, device time.
    since: Option<Timestamp>,
    /// The mode whose normal stands in the rules.
    loaded: Option<u8>,
    /// Every mode that was seen, in the order of first sight.
    kept: Vec<Kept>,
}

/// One mode.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Kept {
    key: i64,
    /// Readings in it, those on the way into it not counted.
    rows: u32,
    /// One for each learned rule; empty while loaded.
    learned: Vec<LearnedNormal>,
    /// Empty while loaded.
    ewmas: Vec<Ewma>,
}

impl Kept {
    fn waiting(key: i64, plan: &Plan, loaded: &[LearnedNormal]) -> Kept {
        let learned = plan.learned.iter().zip(loaded);
        Kept {
            key,
            rows: 0,
            learned: learned
                .map(|(plan, loaded)| LearnedNormal::waiting(loaded.columns(), plan.sharers))
                .collect(),
            ewmas: vec![Ewma::default(); plan.sizes.ewmas],
        }
    }
}

/// Whether rules that hold in some modes only are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
    /// The mode is not known: what was said stands.
    NotKnown,
}

/// The mode, for one reading.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presence {
    /// Whether learned rules judge and learn.
    pub is_settled: bool,
    /// The present mode's place in the profile.
    named: Option<usize>,
    /// Readings in this mode so far; as many as can be for a machine with one way of working.
    pub rows: u32,
}

impl Presence {
    #[inline]
    pub(crate) fn holds(&self, in_modes: Option<ModeMask>) -> Holds {
        match (in_modes, self.named) {
            (None, Some(_) | None) => Holds::Yes,
            (Some(_), None) => Holds::NotKnown,
            (Some(mask), Some(place)) if mask.contains(place) => Holds::Yes,
            (Some(_), Some(_)) => Holds::No,
        }
    }
}

impl Engine {
    /// Follows the reading into its operating mode. Whether a rule changed its mind by that.
    #[inline]
    pub(crate) fn operate(&self, state: &mut DeviceState, reading: &Reading<'_>) -> (Presence, bool) {
        match &self.plan.operation {
            None => {
                let always = Presence {
                    is_settled: true,
                    named: None,
                    rows: u32::MAX,
                };
                (always, false)
            }
            Some(plan) => self.operate_by(plan, state, reading),
        }
    }

    fn operate_by(&self, plan: &OperationPlan, state: &mut DeviceState, reading: &Reading<'_>) -> (Presence, bool) {
        let at = reading.measured_at;
        let told = reading.samples.iter().find(|s| s.metric == plan.metric);
        let told = told.filter(|s| reading.quality != domain::Quality::Bad && self.is_in_range(s.metric, s.value));
        let has_changed = told.is_some_and(|sample| self.enter(plan, state, plan.key(sample.value), at));
        let is_split = !state.learned.iter().any(LearnedNormal::has_reference);
        let operation = &mut state.supplement.operation;
        let is_on_its_way = operation.since.is_some_and(|since| at - since < plan.modes.settle);
        let kept = operation
            .current
            .and_then(|place| operation.kept.get_mut(usize::from(place)));
        let is_settled = kept.is_some() && !is_on_its_way;
        let presence = Presence {
            is_settled: is_settled || !is_split,
            named: match &plan.modes.telling {
                Telling::Named(_) => kept.as_ref().and_then(|k| usize::try_from(k.key).ok()),
                Telling::EachValue => None,
            },
            rows: kept.map_or(0, |kept| {
                kept.rows = kept.rows.saturating_add(u32::from(is_settled));
                kept.rows
            }),
        };
        (presence, has_changed)
    }

    /// Goes into a mode; none: into one that is not known. Whether a rule changed its mind by that.
    fn enter(&self, plan: &OperationPlan, state: &mut DeviceState, key: Option<i64>, at: Timestamp) -> bool {
        let place_of = |operation: &Operation, key| operation.kept.iter().position(|kept| kept.key == key);
        let mut next = key.and_then(|key| place_of(&state.supplement.operation, key));
        if let (Some(key), None) = (key, next)
            && state.supplement.operation.kept.len() < plan.sharers().min(MAX_OPERATING_MODES)
        {
            let new = Kept::waiting(key, &self.plan, &state.learned);
            state.supplement.operation.kept.push(new);
            next = Some(state.supplement.operation.kept.len() - 1);
        }
        let next = next.map(|place| place as u8);
        if state.supplement.operation.current == next {
            return false;
        }
        // the first mode of all is entered from nowhere
        state.supplement.operation.since =
            (state.supplement.operation.current.is_some() || next.is_none()).then_some(at);
        state.supplement.operation.current = next;
        let is_split = !state.learned.iter().any(LearnedNormal::has_reference);
        if is_split && let Some(next) = next {
            load(state, next);
        }
        is_split && self.fall_silent(state)
    }

    /// What learned rules said of the mode before is no word about this one.
    fn fall_silent(&self, state: &mut DeviceState) -> bool {
        let ewmas = self
            .plan
            .metrics
            .iter()
            .flat_map(|m| &m.checks)
            .filter(|check| match check.test {
                Test::Ewma { .. } => true,
                Test::Limit { .. } | Test::Rate { .. } | Test::Stuck { .. } => false,
            });
        let learned = self.plan.learned.iter().map(|l| l.place);
        let trees = self.plan.trees.iter().map(|t| t.place);
        let mut has_changed = false;
        for place in learned.chain(trees).chain(ewmas.map(|check| check.place)) {
            has_changed |= state.speaking[place].take().is_some();
        }
        has_changed
    }

    fn is_in_range(&self, metric: MetricIndex, value: f64) -> bool {
        let range = self
            .plan
            .find(metric)
            .and_then(|place| self.plan.metrics[place].range.as_ref());
        value.is_finite() && range.is_none_or(|range| range.min <= value && value <= range.max)
    }

    /// The name of the mode whose normal learned rules compare with; none for a machine with one way of working, and while its
    /// mode is not known.
    pub fn operating_mode(&self, state: &DeviceState) -> Option<String> {
        let (plan, operation) = (self.plan.operation.as_ref()?, &state.supplement.operation);
        let kept = operation.kept.get(usize::from(operation.current?))?;
        Some(plan.name(kept.key))
    }

    /// Whether the device works in a mode that nothing is learned in.
    pub(crate) fn is_in_unknown_mode(&self, state: &DeviceState) -> bool {
        self.plan.operation.is_some()
            && state.supplement.operation.current.is_none()
            && !state.learned.iter().any(LearnedNormal::has_reference)
    }

    /// A metric that was never seen gets a column in every mode.
    pub(crate) fn grow_waiting(&self, state: &mut DeviceState, rule: usize, columns: usize) {
        let sharers = self.plan.learned[rule].sharers;
        for kept in &mut state.supplement.operation.kept {
            if let Some(learned) = kept.learned.get_mut(rule) {
                learned.grow_waiting(columns, sharers);
            }
        }
    }

    /// After a repair: what waits is forgotten like what is loaded.
    pub(crate) fn forget_waiting(&self, state: &mut DeviceState, concerns: impl Fn(usize) -> bool) {
        let checks = || self.plan.metrics.iter().flat_map(|m| &m.checks);
        for kept in &mut state.supplement.operation.kept {
            for (plan, learned) in self.plan.learned.iter().zip(&mut kept.learned) {
                if concerns(plan.rule) {
                    *learned = LearnedNormal::waiting(learned.columns(), plan.sharers);
                }
            }
            for check in checks().filter(|check| concerns(check.rule)) {
                match check.test {
                    Test::Ewma { at, .. } => kept.ewmas.get_mut(at).into_iter().for_each(|e| *e = Ewma::default()),
                    Test::Limit { .. } | Test::Rate { .. } | Test::Stuck { .. } => {}
                }
            }
        }
    }
}

/// Puts what was learned in a mode where the rules look for it.
fn load(state: &mut DeviceState, next: u8) {
    let DeviceState {
        supplement,
        learned,
        memory,
        ..
    } = state;
    let operation = &mut supplement.operation;
    if operation.loaded == Some(next) {
        return;
    }
    let mut coming = std::mem::take(&mut operation.kept[usize::from(next)]);
    let before = operation.loaded.replace(next);
    if before.is_some() {
        for (present, coming) in learned.iter_mut().zip(&mut coming.learned) {
            present.exchange(coming);
        }
        std::mem::swap(&mut memory.ewmas, &mut coming.ewmas);
    }
    // of the first mode what stands there already is fresh: what waited goes
    let going = (std::mem::take(&mut coming.learned), std::mem::take(&mut coming.ewmas));
    operation.kept[usize::from(next)] = coming;
    if let Some(before) = before {
        let kept = &mut operation.kept[usize::from(before)];
        (kept.learned, kept.ewmas) = going;
    }
}

impl Operation {
    /// Whether this can be the memory of a device under this plan.
    pub(crate) fn fits(&self, plan: &Plan, loaded: &[LearnedNormal]) -> bool {
        let most = plan.operation.as_ref().map_or(0, OperationPlan::sharers);
        let is_place = |place: Option<u8>| place.is_none_or(|place| usize::from(place) < self.kept.len());
        let is_whole = |(place, kept): (usize, &Kept)| {
            if self.loaded.map(usize::from) == Some(place) {
                return kept.learned.is_empty() && kept.ewmas.is_empty();
            }
            let mut learned = kept.learned.iter().zip(loaded);
            kept.learned.len() == loaded.len()
                && kept.ewmas.len() == plan.sizes.ewmas
                && learned.all(|(kept, loaded)| kept.is_sound_waiting() && kept.columns() == loaded.columns())
        };
        self.kept.len() <= most
            && is_place(self.current)
            && is_place(self.loaded)
            && self.kept.iter().enumerate().all(is_whole)
    }
}
