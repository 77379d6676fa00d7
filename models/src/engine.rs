//! The pure engine of one device: readings, events and silence in; active failure modes, derived values and reminders out.
//!
//! The same calls give the same answers, on any machine and after any restart: there is no clock, no I/O and no randomness
//! here. In steady state a step does not allocate.

use crate::aging::begin_age;
use crate::bundled::{Bundled, BundledPlan, BundledState};
use crate::learned::drift::Shift;
use crate::limit::{levels_passed, severity_of};
use crate::maintenance::MaintenanceReminder;
use crate::operation::{Holds, Presence};
use crate::plan::{Check, MetricPlan, Plan, Test, mode_bit};
use crate::state::{DeviceState, MAX_CODES, MAX_METRICS, Memory, Slot, StandingCode, Supplement, Watch};
use crate::trees::MAX_DIMENSIONS;
use domain::profile::{Direction, FailureMode, MAX_MODES};
use domain::wire::event::{DeviceEvent, EventState};
use domain::{
    MetricIndex, MetricName, Millis, ModeIndex, ModelVersion, Profile, Quality, Reading, Sample, Severity, Timestamp,
};
use std::sync::Arc;

/// Severity of rules whose profile entry has none: a sensor that cannot be believed, a device that is silent.
const PLAIN_SEVERITY: Severity = Severity::Warning;
/// A rate that speaks is quiet again below this share of its limit.
const RATE_RETURN_SHARE: f64 = 0.8;
/// No quantity is larger in any unit; beyond it, squares would overflow.
const LARGEST_VALUE: f64 = 1e100;
/// Readings in the first bucket of a trend.
const TREND_READINGS: i64 = 10;

/// A profile prepared for judging devices; immutable, one per profile, shared.
#[derive(Debug)]
pub struct Engine {
    profile: Arc<Profile>,
    version: ModelVersion,
    pub(crate) plan: Plan,
    pub(crate) bundled: Option<BundledPlan>,
}

/// What one call had to say. Keep one and hand it in again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutput {
    /// A bit per failure mode ([`ModeIndex`] order) that shows now.
    pub active: u64,
    /// Failure modes that this call had something to say about. Only for these does a reading count towards
    /// `raise_after` and `clear_after`: a message with other metrics is no confirmation.
    pub judged: u64,
    /// Failure modes that began or ceased to show, or changed severity, with this call.
    pub changed: u64,
    severities: [Option<Severity>; MAX_MODES],
    /// Values computed from the reading, to be stored with it (scores under their `record_as`).
    pub derived: Vec<Sample>,
    /// Maintenance that has come due.
    pub maintenance: Vec<MaintenanceReminder>,
    /// What learned rules hold for normal has moved: the how many-th rule, its column, and how.
    pub(crate) shifts: Vec<(usize, usize, Shift)>,
    /// How unusual the device is by its learned rules, 0 to 1, 0.5 where they speak; none while they learn.
    pub score: Option<f64>,
    /// Positions in the reading of samples with quality Bad: outside the physical range, or not a number.
    pub bad: Vec<u16>,
    /// Samples of metrics beyond [`MAX_METRICS`]: not watched.
    pub ignored: u32,
}

impl Default for StepOutput {
    fn default() -> Self {
        StepOutput {
            active: 0,
            judged: 0,
            changed: 0,
            severities: [None; MAX_MODES],
            derived: Vec::new(),
            shifts: Vec::new(),
            score: None,
            maintenance: Vec::new(),
            bad: Vec::new(),
            ignored: 0,
        }
    }
}

impl StepOutput {
    /// Whether this call found that normal has moved; [`Engine::drifts`] says how.
    pub fn has_drift(&self) -> bool {
        !self.shifts.is_empty()
    }

    /// How bad a mode is; none if it does not show.
    pub fn severity(&self, mode: ModeIndex) -> Option<Severity> {
        self.severities.get(usize::from(mode.0)).copied().flatten()
    }

    /// The modes of a word such as [`StepOutput::active`], the lowest first.
    pub fn modes(mut word: u64) -> impl Iterator<Item = ModeIndex> {
        std::iter::from_fn(move || {
            let bit = word.trailing_zeros();
            word &= word.wrapping_sub(1);
            (bit < 64).then_some(ModeIndex(bit as u16))
        })
    }

    pub(crate) fn clear(&mut self) {
        for mode in Self::modes(self.active) {
            self.severities[usize::from(mode.0)] = None;
        }
        (self.active, self.judged, self.changed, self.ignored) = (0, 0, 0, 0);
        self.derived.clear();
        self.shifts.clear();
        self.score = None;
        self.maintenance.clear();
        self.bad.clear();
    }
}

/// Rules over several metrics of which the reading has a value, a bit each.
#[derive(Default)]
struct Touched {
    forests: u64,
    learned: u64,
}

/// What all checks of one reading share.
#[derive(Clone, Copy)]
struct Moment {
    at: Timestamp,
    is_alarm_standing: bool,
    presence: Presence,
}

impl Engine {
    /// Prepares a profile. `intern` gives each metric that the profile names its index.
    pub fn new(profile: Arc<Profile>, intern: &mut dyn FnMut(&MetricName) -> MetricIndex) -> Engine {
        let plan = Plan::new(&profile, intern);
        let version = ModelVersion::of_file(&profile.id, profile.version);
        Engine {
            profile,
            version,
            plan,
            bundled: None,
        }
    }

    /// The same with trained models beside its rules.
    #[must_use]
    pub fn with_bundled(self, bundled: &Bundled, intern: &mut dyn FnMut(&MetricName) -> MetricIndex) -> Engine {
        let bundled = Some(BundledPlan::new(bundled, &self.profile, intern));
        Engine { bundled, ..self }
    }

    /// The same under another name than its profile's file would have.
    #[must_use]
    pub fn named(self, version: ModelVersion) -> Engine {
        Engine { version, ..self }
    }

    /// What everything that it says is told under.
    pub fn version(&self) -> &ModelVersion {
        &self.version
    }

    /// The profile it was made of.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The same, shared.
    pub fn shared_profile(&self) -> Arc<Profile> {
        self.profile.clone()
    }

    /// The memory of a device that has not been seen yet.
    pub fn fresh(&self) -> DeviceState {
        DeviceState {
            bundled: self
                .bundled
                .as_ref()
                .map_or_else(BundledState::default, BundledPlan::fresh),
            ..DeviceState::fresh(&self.plan, self.profile.modes.len(), self.profile.maintenance.len())
        }
    }

    /// Takes over a state read from disk. One that was made under a profile of other rules or metrics cannot be used:
    /// learning starts anew, and only when the device was heard is kept. Limits may have changed. Call it once per load.
    pub fn adopt(&self, mut state: DeviceState) -> DeviceState {
        let is_kept = self.bundled.as_ref().is_some_and(|plan| plan.fits(&state.bundled));
        if !is_kept {
            state.bundled = self.fresh().bundled;
        }
        if state.fits(&self.plan, self.profile.modes.len(), self.profile.maintenance.len()) {
            return state;
        }
        DeviceState {
            last_received: state.last_received,
            last_measured: state.last_measured,
            priors: state.priors.into_iter().take(MAX_METRICS).collect(),
            // what was repaired is as old as it is under any rules
            supplement: Supplement {
                operation: Default::default(),
                ..state.supplement
            },
            ..self.fresh()
        }
    }

    /// One reading, in order of device time. While an alarm of the device stands (`is_alarm_standing`) that anything but a
    /// learned rule has a part in, learned rules take nothing as usual, for a bounded time.
    pub fn step(&self, state: &mut DeviceState, reading: &Reading<'_>, is_alarm_standing: bool, out: &mut StepOutput) {
        out.clear();
        let mut has_changed = self.is_heard(state, reading.received_at);
        out.judged = self.plan.absence_modes;
        let (presence, is_another_mode) = self.operate(state, reading);
        has_changed |= is_another_mode;
        let moment = Moment {
            at: reading.measured_at,
            is_alarm_standing,
            presence,
        };
        state.last_measured = state.last_measured.max(Some(reading.measured_at));
        if usize::from(state.cursor) >= state.slots.len() {
            state.cursor = 0;
        }
        let mut touched = Touched::default();
        for (position, sample) in reading.samples.iter().enumerate() {
            let Some(place) = self.slot(state, sample.metric) else {
                out.ignored += 1;
                continue;
            };
            has_changed |= self.sample(
                state,
                place,
                sample.value,
                reading.quality,
                moment,
                position,
                out,
                &mut touched,
            );
        }
        has_changed |= self.trees(state, touched.forests, moment, out);
        has_changed |= self.learned(state, touched.learned, moment, out);
        has_changed |= self.watch(state, reading, out);
        self.look(state, reading.measured_at);
        for (plan, every, lead) in &self.plan.calendars {
            if let Some((occurrence, days)) = state.plans[*plan].pass(reading.measured_at, *every, *lead) {
                out.maintenance.push(MaintenanceReminder {
                    plan: *plan,
                    occurrence,
                    at_value: days,
                });
            }
        }
        self.report(state, has_changed, out);
    }

    /// A reading that is known to be normal: its values go into the reference of the learned rules, and nothing is judged.
    pub fn learn(&self, state: &mut DeviceState, reading: &Reading<'_>) {
        let mut touched = 0u64;
        for sample in reading.samples {
            let Some(place) = self.slot(state, sample.metric) else {
                continue;
            };
            let columns: &[(usize, usize)] = match state.slots[place].watch {
                Watch::Declared(declared) => &self.plan.metrics[usize::from(declared)].columns,
                Watch::Unknown(_) | Watch::Not => &[],
            };
            for (learned, column) in columns {
                state.learned[*learned].set(*column, sample.value);
                touched |= 1u64.checked_shl(*learned as u32).unwrap_or(0);
            }
            if let Watch::Unknown(number) = state.slots[place].watch {
                for (learned, plan) in self.plan.learned.iter().enumerate().filter(|(_, l)| l.watches_unknown) {
                    state.learned[learned].set(plan.declared.len() + usize::from(number), sample.value);
                    touched |= 1u64.checked_shl(learned as u32).unwrap_or(0);
                }
            }
        }
        for (number, learned) in state.learned.iter_mut().enumerate() {
            if touched & 1u64.checked_shl(number as u32).unwrap_or(0) != 0 {
                learned.learn(reading.measured_at);
            }
        }
    }

    /// What is known to be normal ends here: from now on the device is compared with it.
    pub fn end_of_normal(&self, state: &mut DeviceState) {
        state
            .learned
            .iter_mut()
            .for_each(crate::learned::LearnedNormal::end_of_normal);
    }

    /// A late reading, from before what has been judged. It belongs to the history; the learned state follows device time
    /// forward only, so nothing is learned from it and it raises nothing. It does show that the device is alive.
    pub fn late(&self, state: &mut DeviceState, reading: &Reading<'_>, out: &mut StepOutput) {
        self.heard(state, reading.received_at, out);
    }

    /// Anything at all was received from the device.
    pub fn heard(&self, state: &mut DeviceState, received_at: Timestamp, out: &mut StepOutput) {
        out.clear();
        out.judged = self.plan.absence_modes;
        let has_changed = self.is_heard(state, received_at);
        self.report(state, has_changed, out);
    }

    fn is_heard(&self, state: &mut DeviceState, received_at: Timestamp) -> bool {
        state.last_received = state.last_received.max(Some(received_at));
        let mut has_changed = false;
        for absence in &self.plan.absences {
            has_changed |= state.speaking[absence.place].take().is_some();
        }
        has_changed
    }

    /// Looks whether the device has fallen silent, by our clock. Silence counts from `not_before` at the earliest, so that
    /// a gateway that was away does not call every device silent.
    pub fn silence(&self, state: &mut DeviceState, now: Timestamp, not_before: Timestamp, out: &mut StepOutput) {
        out.clear();
        let Some(last) = state.last_received else {
            return self.report(state, false, out);
        };
        out.judged = self.plan.absence_modes;
        let mut has_changed = false;
        for absence in &self.plan.absences {
            if now - last.max(not_before) > absence.after {
                has_changed |= state.speaking[absence.place].replace(PLAIN_SEVERITY).is_none();
            }
        }
        self.report(state, has_changed, out);
    }

    /// When [`Engine::silence`] should be asked next; none if the device was never heard or silence was said already.
    pub fn silence_deadline(&self, state: &DeviceState, not_before: Timestamp) -> Option<Timestamp> {
        let last = state.last_received?;
        let quiet = self.plan.absences.iter().filter(|a| state.speaking[a.place].is_none());
        quiet.map(|a| last.max(not_before) + a.after + Millis(1)).min()
    }

    /// The device raised or cleared a fault code of its own.
    pub fn device_event(&self, state: &mut DeviceState, event: &DeviceEvent, at: Timestamp, out: &mut StepOutput) {
        out.clear();
        let known = self.profile.fault_codes.get(&event.code);
        let mode = known.map_or(self.profile.built_in.device_fault, |k| k.mode);
        out.judged = mode_bit(mode);
        state.codes.retain(|standing| standing.code != event.code);
        match event.state {
            EventState::Cleared => {}
            EventState::Raised => {
                if state.codes.len() == MAX_CODES {
                    out.judged |= mode_bit(state.codes.remove(0).mode);
                }
                state.codes.push(StandingCode {
                    code: event.code.clone(),
                    text: event.text.clone(),
                    severity: known.map_or(PLAIN_SEVERITY, |k| k.severity),
                    mode,
                    raised_at: event.ts.unwrap_or(at),
                });
            }
        }
        self.report(state, true, out);
    }

    /// After a recorded repair: what was learned about the machine is forgotten, for all metrics or for those of one
    /// failure mode. Counters, calendar and fault codes stay.
    pub fn reset_baseline(&self, state: &mut DeviceState, mode: Option<ModeIndex>, out: &mut StepOutput) {
        out.clear();
        let concerns = |rule: usize| mode.is_none_or(|m| self.profile.rules[rule].modes.contains(&m));
        for check in self
            .plan
            .metrics
            .iter()
            .flat_map(|m| &m.checks)
            .filter(|c| concerns(c.rule))
        {
            forget(&mut state.memory, check);
            state.speaking[check.place] = None;
        }
        let learned = self.plan.learned.iter().zip(&mut state.learned);
        for (plan, learned) in learned.filter(|(plan, _)| concerns(plan.rule)) {
            learned.forget(plan.sharers);
            state.speaking[plan.place] = None;
        }
        self.forget_waiting(state, concerns);
        self.forget_watched(state, concerns);
        for (place, trend) in state.trends.iter_mut().enumerate() {
            let is_of_mode = |m: ModeIndex| self.plan.trend_of_mode.get(usize::from(m.0)) == Some(&Some(place));
            if mode.is_none_or(is_of_mode) {
                *trend = Default::default();
            }
        }
        self.renew(state, mode);
        self.forget_bundled(state, mode);
        out.judged = mode.map_or(u64::MAX, mode_bit);
        self.report(state, true, out);
    }

    /// The slot of a metric, made if there is room. Messages repeat their order, so the next slot mostly is the right one.
    #[inline]
    fn slot(&self, state: &mut DeviceState, metric: MetricIndex) -> Option<usize> {
        let guess = usize::from(state.cursor);
        let place = match state.slots.get(guess) {
            Some(slot) if slot.metric == metric => guess,
            Some(_) | None => self.search_slot(state, metric)?,
        };
        state.cursor = (place + 1) as u16;
        Some(place)
    }

    #[cold]
    fn search_slot(&self, state: &mut DeviceState, metric: MetricIndex) -> Option<usize> {
        if let Some(place) = state.slots.iter().position(|s| s.metric == metric) {
            return Some(place);
        }
        if state.slots.len() >= MAX_METRICS {
            return None;
        }
        let watch = match self.plan.find(metric) {
            Some(place) => Watch::Declared(place as u16),
            None if !self.plan.watches_unknown || self.plan.is_followed(metric) => Watch::Not,
            None => {
                state.unknown += 1;
                for (rule, plan) in self.plan.learned.iter().enumerate().filter(|(_, l)| l.watches_unknown) {
                    let columns = plan.declared.len() + usize::from(state.unknown);
                    state.learned[rule].grow(columns, plan.sharers);
                    self.grow_waiting(state, rule, columns);
                }
                Watch::Unknown(state.unknown - 1)
            }
        };
        state.slots.push(Slot {
            metric,
            watch,
            quality: Quality::Bad,
            value: 0.0,
            measured_at: Timestamp(0),
            has_value: false,
        });
        self.begin_with_prior(state, metric, watch);
        Some(state.slots.len() - 1)
    }

    /// A metric that is seen for the first time begins with what the fleet knew of it.
    fn begin_with_prior(&self, state: &mut DeviceState, metric: MetricIndex, watch: Watch) {
        let Some((_, prior)) = state.priors.iter().find(|(of, _)| *of == metric) else {
            return;
        };
        match watch {
            Watch::Declared(place) => {
                for (learned, column) in &self.plan.metrics[usize::from(place)].columns {
                    state.learned[*learned].begin_with(*column, *prior);
                }
            }
            Watch::Unknown(number) => {
                let learned = self.plan.learned.iter().zip(&mut state.learned);
                for (plan, learned) in learned.filter(|(plan, _)| plan.watches_unknown) {
                    learned.begin_with(plan.declared.len() + usize::from(number), *prior);
                }
            }
            Watch::Not => {}
        }
    }

    /// Judges one sample; says whether any check changed its mind.
    #[inline]
    #[allow(clippy::too_many_arguments)] // the innermost loop: one call site
    fn sample(
        &self,
        state: &mut DeviceState,
        place: usize,
        value: f64,
        quality: Quality,
        moment: Moment,
        position: usize,
        out: &mut StepOutput,
        touched: &mut Touched,
    ) -> bool {
        let slot = &mut state.slots[place];
        let declared = match slot.watch {
            Watch::Declared(place) => Some(&self.plan.metrics[usize::from(place)]),
            Watch::Unknown(_) | Watch::Not => None,
        };
        let range = declared.and_then(|plan| plan.range.as_ref());
        let is_in_range = value.abs() <= LARGEST_VALUE && range.is_none_or(|r| r.min <= value && value <= r.max);
        let mut has_changed = false;
        if let Some(range) = range {
            let says = (!is_in_range).then_some(PLAIN_SEVERITY);
            has_changed |= replace(&mut state.speaking[range.place], says);
        }
        if !is_in_range || quality == Quality::Bad {
            slot.quality = Quality::Bad;
            out.bad.push(position as u16);
            if let Some(range) = range {
                out.judged |= self.modes_of_rule(range.rule);
            }
            return has_changed;
        }
        (slot.value, slot.measured_at, slot.quality, slot.has_value) = (value, moment.at, quality, true);
        match slot.watch {
            Watch::Declared(_) => {
                let plan = declared.expect("found above");
                out.judged |= plan.modes;
                for check in &plan.checks {
                    let before = state.speaking[check.place];
                    let says = match moment.presence.holds(check.in_modes) {
                        Holds::Yes => run(&check.test, &mut state.memory, value, moment, before.is_some()),
                        Holds::NotKnown => before,
                        Holds::No => {
                            forget(&mut state.memory, check);
                            None
                        }
                    };
                    has_changed |= replace(&mut state.speaking[check.place], says);
                }
                self.follow(state, plan, value, moment, out);
                for (forest, _) in &plan.dimensions {
                    touched.forests |= 1u64.checked_shl(*forest as u32).unwrap_or(0);
                }
                for (learned, column) in &plan.columns {
                    state.learned[*learned].set(*column, value);
                    touched.learned |= 1u64.checked_shl(*learned as u32).unwrap_or(0);
                }
            }
            Watch::Unknown(number) => {
                for (place, learned) in self.plan.learned.iter().enumerate().filter(|(_, l)| l.watches_unknown) {
                    state.learned[place].set(learned.declared.len() + usize::from(number), value);
                    touched.learned |= 1u64.checked_shl(place as u32).unwrap_or(0);
                }
            }
            Watch::Not => {}
        }
        has_changed
    }

    /// Trends and counters of a declared metric.
    #[inline]
    fn follow(&self, state: &mut DeviceState, plan: &MetricPlan, value: f64, moment: Moment, out: &mut StepOutput) {
        for trend in &plan.trends {
            match moment.presence.holds(self.plan.trends[*trend].in_modes) {
                Holds::Yes => {}
                Holds::No | Holds::NotKnown => continue,
            }
            let first_width = Millis((self.profile.expected_interval.0.saturating_mul(TREND_READINGS)).max(1_000));
            let max_width = self.plan.trends[*trend].max_width;
            state.trends[*trend].push(value, moment.at, first_width.min(max_width), max_width);
        }
        if plan.tells_age {
            begin_age(state, &plan.name, value, moment.at);
        }
        for (place, every, lead) in &plan.counters {
            if let Some(occurrence) = state.plans[*place].count(value, *every, *lead) {
                out.maintenance.push(MaintenanceReminder {
                    plan: *place,
                    occurrence,
                    at_value: value,
                });
            }
        }
    }

    /// Forests that got a new value for one of their metrics, as soon as all of them are known.
    fn trees(&self, state: &mut DeviceState, forests: u64, moment: Moment, out: &mut StepOutput) -> bool {
        let mut has_changed = false;
        for (number, trees) in self.plan.trees.iter().enumerate() {
            if forests & 1u64.checked_shl(number as u32).unwrap_or(0) == 0 {
                continue;
            }
            let mut values = [0.0; MAX_DIMENSIONS];
            let mut missing = trees.forest.dimensions();
            for slot in state.slots.iter().filter(|s| s.has_value) {
                if let Watch::Declared(place) = slot.watch {
                    let dimensions = &self.plan.metrics[usize::from(place)].dimensions;
                    for (_, dimension) in dimensions.iter().filter(|(forest, _)| *forest == number) {
                        values[*dimension] = slot.value;
                        missing = missing.saturating_sub(1);
                    }
                }
            }
            if missing > 0 {
                continue;
            }
            let score = trees.forest.step(&mut state.trees[number], &values);
            out.judged |= trees.modes;
            out.derived
                .extend(trees.record_as.map(|metric| Sample { metric, value: score }));
            // combinations of a mode that is new are not unusual yet
            let is_known = moment.presence.rows > trees.forest.window();
            let says = trees
                .threshold
                .filter(|t| is_known && score > *t)
                .map(|_| trees.severity);
            has_changed |= replace(&mut state.speaking[trees.place], says);
        }
        has_changed
    }

    /// Learned rules that got a value of one of their metrics.
    #[inline]
    fn learned(&self, state: &mut DeviceState, touched: u64, moment: Moment, out: &mut StepOutput) -> bool {
        let mut has_changed = false;
        let is_frozen = touched != 0 && moment.is_alarm_standing && self.is_at_fault_otherwise(state);
        for (number, plan) in self.plan.learned.iter().enumerate() {
            if touched & 1u64.checked_shl(number as u32).unwrap_or(0) == 0 {
                continue;
            }
            out.judged |= plan.modes;
            let learned = &mut state.learned[number];
            if !moment.presence.is_settled {
                learned.pass_over();
                continue;
            }
            let budget = plan.budget(learned.columns());
            let shifts = &mut out.shifts;
            let mut moved = |column, shift| shifts.push((number, column, shift));
            let is_outside = learned.step(moment.at, is_frozen, budget, &mut moved);
            let severity = if is_outside && learned.is_provisional() {
                Severity::Advisory.min(plan.severity)
            } else {
                plan.severity
            };
            let says = is_outside.then_some(severity);
            has_changed |= replace(&mut state.speaking[plan.place], says);
            out.score = match (out.score, learned.score()) {
                (Some(a), Some(b)) => Some(a.max(b)),
                (a, b) => a.or(b),
            };
        }
        has_changed
    }

    /// Whether anything but a learned rule says that the device is at fault: a limit, say, or its own fault code.
    #[cold]
    fn is_at_fault_otherwise(&self, state: &DeviceState) -> bool {
        let is_learned = |rule: usize| self.plan.learned.iter().any(|l| l.rule == rule);
        let mut places = self.plan.rule_of_place.iter().zip(&state.speaking);
        !state.codes.is_empty() || places.any(|(rule, says)| says.is_some() && !is_learned(*rule))
    }

    fn modes_of_rule(&self, rule: usize) -> u64 {
        self.profile.rules[rule]
            .modes
            .iter()
            .fold(0, |mask, mode| mask | mode_bit(*mode))
    }

    /// Judges the failure modes anew if a check changed its mind, and writes down where they stand.
    #[inline]
    pub(crate) fn report(&self, state: &mut DeviceState, has_changed: bool, out: &mut StepOutput) {
        if has_changed {
            self.judge_modes(state, out);
        }
        for (place, severity) in state.modes.iter().enumerate() {
            if let Some(severity) = severity {
                out.active |= 1 << place;
                out.severities[place] = Some(*severity);
            }
        }
    }

    #[cold]
    fn judge_modes(&self, state: &mut DeviceState, out: &mut StepOutput) {
        for (place, mode) in self.profile.modes.iter().enumerate() {
            let severity = self.mode_severity(state, ModeIndex(place as u16), mode);
            if state.modes[place] != severity {
                state.modes[place] = severity;
                out.changed |= 1 << place;
            }
        }
    }

    fn mode_severity(&self, state: &DeviceState, index: ModeIndex, mode: &FailureMode) -> Option<Severity> {
        let of_code = state.codes.iter().filter(|c| c.mode == index).map(|c| c.severity).max();
        let says = |rule: &usize| self.rule_severity(state, *rule);
        let any = mode.any_of.iter().filter_map(says).max();
        let is_shown = (!mode.any_of.is_empty() || !mode.all_of.is_empty())
            && (mode.any_of.is_empty() || any.is_some())
            && mode.all_of.iter().all(|rule| says(rule).is_some())
            && mode.none_of.iter().all(|rule| says(rule).is_none());
        let of_rules = any.max(mode.all_of.iter().filter_map(says).max());
        of_code.max(of_rules.filter(|_| is_shown))
    }

    /// How badly a rule speaks, the worst of its metrics.
    pub(crate) fn rule_severity(&self, state: &DeviceState, rule: usize) -> Option<Severity> {
        let places = self.plan.rule_of_place.iter().zip(&state.speaking);
        places
            .filter(|(of, _)| **of == rule)
            .filter_map(|(_, says)| *says)
            .max()
    }
}

/// Stores what a check says now; whether it is something else than before.
#[inline]
fn replace(place: &mut Option<Severity>, says: Option<Severity>) -> bool {
    let is_new = *place != says;
    *place = says;
    is_new
}

/// One check of one value. `value` is finite and within the sensor's range.
#[inline]
fn run(test: &Test, memory: &mut Memory, value: f64, moment: Moment, was_speaking: bool) -> Option<Severity> {
    match test {
        Test::Limit {
            direction,
            levels,
            deadband,
            at,
        } => {
            let passed = &mut memory.limits[*at];
            *passed = levels_passed(value, *direction, levels, *deadband, *passed);
            severity_of(levels, *passed)
        }
        Test::Rate {
            direction,
            limit_per_hour,
            window,
            severity,
            at,
        } => {
            let course = &mut memory.rates[*at];
            course.push(value, moment.at, *window);
            let steepness = course.slope_per_hour().map(|slope| match direction {
                Direction::Above => slope,
                Direction::Below => -slope,
            });
            let edge = if was_speaking { RATE_RETURN_SHARE } else { 1.0 } * limit_per_hour;
            steepness.filter(|s| *s > edge).map(|_| *severity)
        }
        Test::Stuck { after, at } => memory.stucks[*at]
            .step(value, moment.at, *after)
            .then_some(PLAIN_SEVERITY),
        Test::Ewma { .. } if !moment.presence.is_settled => None,
        Test::Ewma { settings, severity, at } => memory.ewmas[*at].step(value, *settings).then_some(*severity),
    }
}

fn forget(memory: &mut Memory, check: &Check) {
    match &check.test {
        Test::Limit { at, .. } => memory.limits[*at] = 0,
        Test::Rate { at, .. } => memory.rates[*at] = Default::default(),
        Test::Stuck { at, .. } => memory.stucks[*at] = Default::default(),
        Test::Ewma { at, .. } => memory.ewmas[*at] = Default::default(),
    }
}
