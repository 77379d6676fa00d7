//! What a learned rule knows of a device: the usual course of its metrics, and how far from it the device is now.
//! One [`LearnedNormal`] for each learned rule and device; a column for each metric that the rule watches.
//!
//! Two ways of knowing what is normal:
//!
//! - **by itself** ([`novelty`]): nothing is known of the device, so whatever has been is taken as possible, and what was never
//!   there before is evidence. Each metric by itself; what lasts becomes normal in the end.
//! - **by reference** ([`reference`]): a stretch is known to be normal. All metrics together are compared with it, for as long
//!   as the device differs; the reference is not unlearned while an alarm stands.
//!
//! A device begins by itself, and has a reference from [`LearnedNormal::end_of_normal`] on. Metrics that the reference has
//! never seen go on by themselves.

pub mod drift;
pub mod novelty;
pub mod prior;
pub mod reference;
mod row;

use domain::{Aspect, Timestamp};
use drift::{Drift, Normal, Shift};
use novelty::Novelty;
use prior::Prior;
use reference::Reference;
use row::Row;
use serde::{Deserialize, Serialize};

/// False alarms that are allowed, and among how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// False alarms allowed per device and 30 days.
    pub per_month: f64,
    /// Series of the device that share it.
    pub series: usize,
    /// Readings before the rule may speak.
    pub warm_up: u32,
}

/// How far the learning of a metric has come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Not judged yet; 0 to 1.
    Learning(f64),
    /// Judged, but what is usual is known from less than a day: it may change yet. Such a judgement opens no ticket.
    Provisional,
    /// Judged.
    Active,
}

/// How one metric compares with what is usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Finding {
    /// Lower edge of the expected range.
    pub low: f64,
    /// Upper edge of the expected range.
    pub high: f64,
    /// Distance in units of the distance allowed: above 1 it would be told by itself.
    pub ratio: f64,
    /// How unusual, 0 to 1; 0.5 where a person is told.
    pub score: f64,
    /// In which way it is unusual.
    pub aspect: Aspect,
    /// Over how many readings; 1: the value itself.
    pub readings: u16,
}

/// The learned normal of one device under one rule.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LearnedNormal {
    /// The reading being judged.
    row: Row,
    /// Metrics that the reference does not know: the columns from [`Self::known`] on.
    alone: Vec<Novelty>,
    /// Where normal was, for each metric.
    drift: Vec<Drift>,
    reference: Option<Box<Reference>>,
    /// The reference while it is being learned.
    coming: Option<Box<Reference>>,
}

impl LearnedNormal {
    /// `sharers`: how many operating modes share the memory of a series.
    pub(crate) fn new(columns: usize, sharers: usize) -> LearnedNormal {
        let mut learned = LearnedNormal::default();
        learned.grow(columns, sharers);
        learned
    }

    /// Of an operating mode that is not the present one.
    pub(crate) fn waiting(columns: usize, sharers: usize) -> LearnedNormal {
        let mut learned = LearnedNormal::default();
        learned.grow_waiting(columns, sharers);
        learned
    }

    /// Another operating mode begins: what was learned in it comes in, and what was learned in the present one goes out.
    pub(crate) fn exchange(&mut self, other: &mut LearnedNormal) {
        for (present, next) in self.alone.iter_mut().zip(&mut other.alone) {
            present.give_way(next);
        }
        std::mem::swap(self, other);
    }

    /// Whether a stretch is known to be normal, in all operating modes together.
    pub(crate) fn has_reference(&self) -> bool {
        self.reference.is_some() || self.coming.is_some()
    }

    /// How many metrics it watches.
    pub fn columns(&self) -> usize {
        self.row.columns()
    }

    /// How many metrics the reference knows; 0 without one.
    fn known(&self) -> usize {
        self.reference.as_ref().map_or(0, |r| r.columns())
    }

    /// What is known of a metric that the reference does not know.
    fn by_itself(&self, column: usize) -> Option<&Novelty> {
        self.alone.get(column.checked_sub(self.known())?)
    }

    pub(crate) fn grow(&mut self, columns: usize, sharers: usize) {
        self.grow_with(columns, || Novelty::shared(sharers));
    }

    pub(crate) fn grow_waiting(&mut self, columns: usize, sharers: usize) {
        self.grow_with(columns, || Novelty::waiting(sharers));
    }

    fn grow_with(&mut self, columns: usize, new: impl FnMut() -> Novelty) {
        self.row.grow(columns);
        let alone = columns.saturating_sub(self.known());
        // metrics come one by one, once: room for several that may never come would be most of what a series takes
        self.alone.reserve_exact(alone.saturating_sub(self.alone.len()));
        self.drift.reserve_exact(columns.saturating_sub(self.drift.len()));
        self.alone.resize_with(alone, new);
        self.drift.resize_with(columns, Drift::default);
    }

    /// Takes no notice of the reading.
    pub(crate) fn pass_over(&mut self) {
        self.row.clear();
    }

    /// What the fleet knows of a metric that has not been seen yet.
    pub(crate) fn begin_with(&mut self, column: usize, prior: Prior) {
        if let Some(novelty) = self.alone.get_mut(column) {
            novelty.begin_with(prior);
        }
    }

    /// What a metric has taught by itself; none while it is learning.
    pub(crate) fn normal(&self, column: usize) -> Option<Normal> {
        self.alone.get(column)?.normal()
    }

    /// A value of the reading that is judged or learned next.
    #[inline]
    pub(crate) fn set(&mut self, column: usize, value: f64) {
        self.row.set(column, value);
    }

    /// Judges the reading. Whether the device is outside what is usual. `is_frozen`: something else says that the device is at
    /// fault, so what it does now is not taken as usual, for a bounded time. Metrics whose normal has itself moved are told, by
    /// column.
    pub(crate) fn step(
        &mut self,
        at: Timestamp,
        is_frozen: bool,
        budget: Budget,
        moved: &mut dyn FnMut(usize, Shift),
    ) -> bool {
        let known = self.known();
        let mut is_outside = false;
        if let Some(reference) = &mut self.reference {
            is_outside |= reference.step(self.row.values(), at, budget);
        }
        let per_month = budget.per_month / (budget.series.max(1) as f64);
        for (value, novelty) in self.row.values().iter().skip(known).zip(&mut self.alone) {
            if value.is_finite() {
                novelty.step(*value, at, per_month, is_frozen);
            }
            is_outside |= novelty.is_alerting();
        }
        self.follow_drift(at, is_frozen || is_outside, moved);
        self.row.clear();
        is_outside
    }

    fn follow_drift(&mut self, at: Timestamp, is_episode: bool, moved: &mut dyn FnMut(usize, Shift)) {
        let known = self.known();
        let adopting = self.reference.as_deref().filter(|r| r.is_adopting());
        for (column, (value, drift)) in self.row.values().iter().zip(&mut self.drift).enumerate() {
            let alone = column.checked_sub(known).and_then(|place| self.alone.get(place));
            let moment = drift::Moment {
                value: *value,
                at,
                is_episode,
                is_adopting: match alone {
                    Some(novelty) => novelty.is_adopting(),
                    None => adopting.is_some_and(|r| r.findings().any(|(of, _)| of == column)),
                },
                by_itself: alone.and_then(Novelty::normal),
            };
            if let Some(shift) = drift.step(&moment) {
                moved(column, shift);
            }
        }
    }

    /// Learns a reading that is known to be normal.
    pub(crate) fn learn(&mut self, at: Timestamp) {
        let columns = self.columns();
        let coming = self.coming.get_or_insert_with(|| Box::new(Reference::new(columns)));
        if coming.columns() != columns {
            // a metric that comes late begins the reference anew: what came before lacks it
            **coming = Reference::new(columns);
        }
        coming.learn(self.row.values(), at);
        for (value, drift) in self.row.values().iter().zip(&mut self.drift) {
            drift.learn(*value, at);
        }
        self.row.clear();
    }

    /// What is known to be normal ends here: from now on the device is compared with it.
    pub(crate) fn end_of_normal(&mut self) {
        if let Some(coming) = self.coming.take() {
            let newly_known = coming.columns().saturating_sub(self.known());
            self.alone.drain(..newly_known.min(self.alone.len()));
            self.reference = Some(coming);
            self.drift.iter_mut().for_each(Drift::end_of_normal);
        }
    }

    /// How unusual the device is, 0 to 1, 0.5 where a person is told; none while nothing is judged yet.
    pub fn score(&self) -> Option<f64> {
        let alone = self.alone.iter().filter_map(Novelty::score);
        let together = self.reference.as_ref().and_then(|r| r.score());
        alone.chain(together).reduce(f64::max)
    }

    /// The metrics that have a part in the device being outside what is usual.
    pub fn findings(&self) -> impl Iterator<Item = (usize, Finding)> {
        let known = self.known();
        let together = self.reference.iter().flat_map(|r| r.findings());
        let alone = self.alone.iter().enumerate();
        together.chain(alone.filter_map(move |(place, n)| Some((known + place, n.finding()?))))
    }

    /// The range that is usual for a metric; none while it is being learned.
    pub fn expected(&self, column: usize) -> Option<(f64, f64)> {
        match &self.reference {
            Some(reference) if column < reference.columns() => reference.expected(column),
            Some(_) | None => self.by_itself(column)?.expected(),
        }
    }

    /// How far the learning of a metric has come.
    pub fn stage(&self, column: usize) -> Stage {
        match &self.reference {
            Some(reference) if column < reference.columns() => {
                let readiness = reference.readiness();
                if readiness < 1.0 {
                    Stage::Learning(readiness)
                } else {
                    Stage::Active
                }
            }
            Some(_) | None => self.by_itself(column).map_or(Stage::Learning(0.0), Novelty::stage),
        }
    }

    /// Whether all that speaks now is provisional.
    pub(crate) fn is_provisional(&self) -> bool {
        let is_sure = |column: usize| match self.stage(column) {
            Stage::Active => true,
            Stage::Learning(_) | Stage::Provisional => false,
        };
        !self.findings().any(|(column, _)| is_sure(column))
    }

    /// After a repair: begins anew, with what the fleet knew when the device came.
    pub(crate) fn forget(&mut self, sharers: usize) {
        let priors: Vec<Option<Prior>> = self.alone.iter().map(Novelty::prior).collect();
        *self = LearnedNormal::new(self.columns(), sharers);
        for (novelty, prior) in self.alone.iter_mut().zip(priors) {
            prior.into_iter().for_each(|prior| novelty.begin_with(prior));
        }
    }

    /// The same of an operating mode that is not the present one.
    pub(crate) fn is_sound_waiting(&self) -> bool {
        !self.has_reference()
            && self.alone.len() == self.columns()
            && self.drift.len() == self.columns()
            && self.alone.iter().all(Novelty::fits_waiting)
    }

    pub(crate) fn is_sound(&self) -> bool {
        let is_whole = |r: &Reference| r.columns() <= self.columns() && r.is_sound();
        self.known() + self.alone.len() == self.columns()
            && self.drift.len() == self.columns()
            && self.alone.iter().all(Novelty::fits)
            && self.reference.as_deref().is_none_or(is_whole)
            && self.coming.as_deref().is_none_or(is_whole)
    }
}
