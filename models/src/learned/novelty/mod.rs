//! The default detector of one series: has anything about it ever been like this before?
//!
//! Fifteen [`view`]s look at the series at once: as measured, squashed against spikes, against its own time of day, and how
//! restless it is, each over one to 64 rows. For each view a [`range`] remembers the lowest and highest value of the last
//! month. A reading that leaves such a range is evidence, in shares of the range's width: less where the range is young, and
//! none where this view leaves its range all the time ([`usual`]). The evidence of all views adds up, none may decide alone,
//! and an [`alarm`] rule turns the sum into alert runs under a false-alarm budget. Nothing is trained, no label is read, and
//! any a·x + b of a series gives the same answers.
//!
//! No clock, no I/O, no randomness; nothing is allocated after [`Novelty::new`].

mod alarm;
mod range;
mod scale;
mod season;
mod usual;
mod view;
mod windows;

pub use view::{Lens, VIEWS, View};

use super::drift::Normal;
use super::prior::Prior;
use super::{Finding, Stage};
use alarm::{Alarm, LIMIT};
use domain::{Aspect, Timestamp};
use range::Ranges;
use scale::{Squash, Unit};
use season::Season;
use serde::{Deserialize, Serialize};
use usual::Usual;
use windows::Views;

/// Rows that a view must have seen before it is judged: those that [`windows`] holds back, and 50 in its range.
const WARM_UP_ROWS: u32 = 50 + windows::ROWS as u32;
/// No view alone brings more evidence than this share of the alarm limit, so that two have to agree.
const MOST_OF_ONE_VIEW: f64 = 0.6;
/// Rows after which a range of single readings is trusted by half; see [`trust`].
const HALF_TRUST_ROWS: f64 = 300.0;
/// Windows after which a range of windows is trusted by half, on top of [`HALF_TRUST_ROWS`].
const HALF_TRUST_WINDOWS: f64 = 16.0;
/// Age at which a series is trusted by half: people and weather repeat by the day.
const HALF_TRUST_MS: f64 = 86_400_000.0;
/// A series raises no alert before it is a day old,
const LEARNING_MS: i64 = 86_400_000;
/// or has this many rows, for devices that send every second and are watched for an hour.
const LEARNING_ROWS: u32 = 2000;

/// A series that works at a level that others of its kind have is judged from this age on: a shift of a day. What is usual for
/// the kind stands in for what is not known yet of the day.
const LEARNING_LIKE_OTHERS_MS: i64 = LEARNING_MS / 4;
/// A series younger than this is judged with reserve: what is usual is known from few days.
const PROVISIONAL_MS: i64 = 3 * LEARNING_MS;
/// Rows for which an alarm of something else keeps readings from being learned; what lasts longer becomes normal.
const FROZEN_ROWS: u32 = 150;

/// What the series was expected to do, and whether it did.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Judgement {
    /// How unusual this reading is for this series, 0..1, with one meaning on all series: up to 0.25 every view is inside what
    /// was seen, nearer to the edge the higher; beyond it is outside, and at 0.5 by the limit that raises an alert. None
    /// before the warm-up ends.
    score: Option<f64>,
    /// Lowest and highest value that would not have been new, in the unit of the series; none before the warm-up ends.
    expected: Option<(f64, f64)>,
    /// The view with the most evidence, if there is any.
    reason: Option<Reason>,
}

/// Why a reading is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The view that left its range furthest: its place in [`VIEWS`].
    pub view: u8,
    /// Whether it is above or below all that was seen.
    pub side: Side,
    /// How far outside, in widths of the range, less what is usual for this view.
    pub excess: f64,
}

/// Which end of a range was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    /// Higher than all in the memory.
    Above,
    /// Lower than all in the memory.
    Below,
}

/// The state of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Novelty {
    rows: u32,
    /// Rows at a time of day that had been seen before.
    season_rows: u32,
    age_ms: i64,
    last_at_ms: Option<i64>,
    is_trained: bool,
    unit: Unit,
    squash: Squash,
    season: Season,
    views: Views,
    ranges: Ranges,
    usual: Usual,
    alarm: Alarm,
    is_alerting: bool,
    judged: Judgement,
    /// Rows for which something else has said that the device is at fault.
    frozen_rows: u32,
    /// What others of its kind are like.
    prior: Option<Prior>,
}

impl Default for Novelty {
    fn default() -> Novelty {
        Novelty::shared(1)
    }
}

impl Novelty {
    /// One of so many operating modes of a series, which share its memory.
    pub fn shared(sharers: usize) -> Novelty {
        Novelty {
            rows: 0,
            season_rows: 0,
            age_ms: 0,
            last_at_ms: None,
            is_trained: false,
            unit: Unit::default(),
            squash: Squash::default(),
            season: Season::new(),
            views: Views::new(),
            ranges: Ranges::new(sharers),
            usual: Usual::default(),
            alarm: Alarm::default(),
            is_alerting: false,
            judged: Judgement::default(),
            frozen_rows: 0,
            prior: None,
        }
    }

    /// The same while its mode is not the present one: it has no windows, see [`Self::leave`].
    pub fn waiting(sharers: usize) -> Novelty {
        Novelty {
            views: Views::lent(),
            ..Novelty::shared(sharers)
        }
    }

    /// Its operating mode ends and that of another one begins, which takes over the windows. What was held back is learned, as
    /// the stay in the mode is over, unless something was wrong at its end.
    pub fn give_way(&mut self, to: &mut Novelty) {
        if !self.is_alerting && self.frozen_rows == 0 {
            let (ranges, at_ms) = (&mut self.ranges, self.last_at_ms.unwrap_or(0));
            self.views.release(|values| ranges.learn(values, at_ms));
        }
        self.is_alerting = false;
        self.views.clear();
        std::mem::swap(&mut self.views, &mut to.views);
        // the time between is no time in this mode
        to.last_at_ms = None;
    }

    /// Whether a state read from disk belongs to this version of the detector; if not, start anew.
    pub fn fits(&self) -> bool {
        self.season.fits() && self.views.fits() && self.ranges.fits()
    }

    /// The same of one whose mode is not the present one.
    pub fn fits_waiting(&self) -> bool {
        self.season.fits() && self.views.is_lent() && self.ranges.fits()
    }

    /// What others of its kind are like: while it is young its ranges are not narrower than theirs.
    pub fn begin_with(&mut self, prior: Prior) {
        self.prior = Some(prior).filter(Prior::is_sound);
    }

    /// What it began with.
    pub fn prior(&self) -> Option<Prior> {
        self.prior
    }

    /// Declares all readings so far normal and enough: the age of the series no longer lowers its evidence.
    pub fn finish_learning(&mut self) {
        self.is_trained = true;
        self.alarm.clear();
    }

    /// Judges one reading by all earlier ones, then learns it. `at` is device time. A value that is no number is not judged and
    /// not learned; time that runs backwards counts as standing still. `per_month`: false alarms allowed on this series in 30
    /// days. While something else says that the device is at fault (`is_frozen`) nothing enters what is known, for a bounded
    /// time. Its own alerts do not freeze it: a range that does not follow tells the same thing again and again.
    pub fn step(&mut self, value: f64, at: Timestamp, per_month: f64, is_frozen: bool) {
        let last_at_ms = self.last_at_ms.unwrap_or(at.0);
        let at_ms = at.0.max(last_at_ms);
        let elapsed_ms = at_ms.saturating_sub(last_at_ms);
        self.last_at_ms = Some(at_ms);
        self.age_ms = self.age_ms.saturating_add(elapsed_ms);
        if !value.is_finite() {
            self.is_alerting = self.alarm.step(0.0, elapsed_ms, per_month);
            return;
        }
        self.rows = self.rows.saturating_add(1);
        let z = self.unit.step(value);
        let q = self.squash.step(z, elapsed_ms);
        let expected = self.season.step(z, at_ms);
        self.season_rows = self.season_rows.saturating_add(u32::from(expected.is_known));
        let (views, held_back) = self.views.step(z, q, z - expected.z);
        if self.rows > WARM_UP_ROWS {
            let is_usual_in_fleet = self.is_usual_in_fleet(value);
            let evidence = self.judge(&views, expected.z, is_usual_in_fleet);
            let evidence = if self.is_learning() { 0.0 } else { evidence };
            self.is_alerting = self.alarm.step(evidence, elapsed_ms, per_month);
        }
        self.frozen_rows = if is_frozen {
            self.frozen_rows.saturating_add(1)
        } else {
            0
        };
        let is_held_back = (1..=FROZEN_ROWS).contains(&self.frozen_rows);
        if let Some(old) = held_back
            && !is_held_back
        {
            self.ranges.learn(old, at_ms);
        }
    }

    /// Whether a person is told.
    pub fn is_alerting(&self) -> bool {
        self.is_alerting
    }

    /// How unusual the last reading was, 0 to 1, 0.5 at the alert limit; none before the warm-up ends.
    pub fn score(&self) -> Option<f64> {
        self.judged.score
    }

    /// Lowest and highest value that would not have been new; none before the warm-up ends.
    pub fn expected(&self) -> Option<(f64, f64)> {
        self.judged.expected
    }

    /// In which way the series is unusual, while it is told.
    pub fn finding(&self) -> Option<Finding> {
        let (low, high) = self.judged.expected?;
        let score = self.judged.score?;
        let view = self.judged.reason.and_then(|r| VIEWS.get(usize::from(r.view)))?;
        let aspect = match view.lens {
            Lens::Plain | Lens::Squashed => Aspect::Level,
            Lens::Season => Aspect::TimeOfDay,
            Lens::Restless | Lens::SquashedRestless => Aspect::Restlessness,
        };
        let finding = Finding {
            low,
            high,
            ratio: score / (1.0 - score).max(1e-9),
            score,
            aspect,
            readings: view.rows,
        };
        self.is_alerting.then_some(finding)
    }

    /// How far learning has come.
    pub fn stage(&self) -> Stage {
        let by_rows = f64::from(self.rows) / f64::from(LEARNING_ROWS);
        let by_age = self.age_ms as f64 / self.enough_ms() as f64;
        let warm_up = f64::from(self.rows) / f64::from(WARM_UP_ROWS + 1);
        if self.rows <= WARM_UP_ROWS || self.is_learning() {
            Stage::Learning(by_rows.max(by_age).min(warm_up).min(1.0))
        } else if !self.is_trained && self.age_ms < PROVISIONAL_MS {
            Stage::Provisional
        } else {
            Stage::Active
        }
    }

    /// What is normal of the series; none while that is being learned.
    pub fn normal(&self) -> Option<Normal> {
        let is_settled = match self.stage() {
            Stage::Active => true,
            Stage::Learning(_) | Stage::Provisional => false,
        };
        is_settled.then(|| {
            let (low, high) = self.ranges.of(view::PLAIN_OF_ONE_ROW, 0.0);
            let (centre, spread) = self.squash.usual();
            Normal {
                low: self.unit.value(low),
                high: self.unit.value(high),
                centre: self.unit.value(centre),
                spread: self.unit.length(spread),
            }
        })
    }

    /// Whether an alarm has stood for so long that what is told as new becomes normal.
    pub fn is_adopting(&self) -> bool {
        self.is_alerting && self.frozen_rows > FROZEN_ROWS
    }

    fn is_learning(&self) -> bool {
        !self.is_trained && self.age_ms < self.enough_ms() && self.rows < LEARNING_ROWS
    }

    /// The age from which it is judged.
    fn enough_ms(&self) -> i64 {
        match self.prior {
            Some(prior) if prior.is_like_others(self.level()) => LEARNING_LIKE_OTHERS_MS,
            Some(_) | None => LEARNING_MS,
        }
    }

    /// Its robust mean, in its unit.
    fn level(&self) -> f64 {
        self.unit.value(self.squash.usual().0)
    }

    /// Whether a young series is no further from its own level than is usual for its kind.
    fn is_usual_in_fleet(&self, value: f64) -> bool {
        let is_young = !self.is_trained && self.age_ms < PROVISIONAL_MS;
        is_young
            && self
                .prior
                .is_some_and(|prior| prior.is_usual_distance(value, self.level()))
    }

    /// Writes down how unusual the row is; returns the evidence. What is usual for the kind is none.
    fn judge(&mut self, views: &[f32; VIEWS.len()], expected_z: f64, is_usual_in_fleet: bool) -> f64 {
        let (mut evidence, mut nearest) = (0.0, -1.0f64);
        let mut reason: Option<Reason> = None;
        let trust_of_age = self.trust_of_age();
        for (index, view) in VIEWS.iter().enumerate() {
            if !self.views.has(view.rows) {
                continue;
            }
            let (excess, side) = self.ranges.excess(index, views[index]);
            let excess = self.usual.step(index, excess, self.rows);
            let rows = self.rows_of(view.lens);
            if rows <= WARM_UP_ROWS {
                continue;
            }
            nearest = nearest.max(if is_usual_in_fleet { excess.min(0.0) } else { excess });
            if excess > 0.0 && !is_usual_in_fleet {
                evidence += (excess * trust(rows, view.rows) * trust_of_age).min(LIMIT * MOST_OF_ONE_VIEW);
                if reason.is_none_or(|best| excess > best.excess) {
                    reason = Some(Reason {
                        view: index as u8,
                        side,
                        excess,
                    });
                }
            }
        }
        let lens = reason.and_then(|r| VIEWS.get(usize::from(r.view))).map(|v| v.lens);
        let (low, high) = match lens {
            Some(Lens::Season) => self.ranges.of(view::SEASON_OF_ONE_ROW, expected_z),
            Some(Lens::Plain | Lens::Squashed | Lens::Restless | Lens::SquashedRestless) | None => {
                self.ranges.of(view::PLAIN_OF_ONE_ROW, 0.0)
            }
        };
        self.judged = Judgement {
            score: Some(score(evidence, nearest)),
            expected: Some((self.unit.value(low), self.unit.value(high))),
            reason,
        };
        evidence
    }

    /// Rows from which the range of a view through this lens is made.
    fn rows_of(&self, lens: Lens) -> u32 {
        match lens {
            Lens::Season => self.season_rows,
            Lens::Plain | Lens::Squashed | Lens::Restless | Lens::SquashedRestless => self.rows,
        }
    }

    fn trust_of_age(&self) -> f64 {
        let age_ms = self.age_ms as f64;
        if self.is_trained {
            1.0
        } else {
            age_ms / (age_ms + HALF_TRUST_MS)
        }
    }
}

/// How much an excess over a range counts, 0..1. A range from few independent values is left by chance: the expected step of
/// a record shrinks with their number, and readings averaged over a window are fewer by the window.
fn trust(rows: u32, window_rows: u16) -> f64 {
    let rows = f64::from(rows);
    rows / (rows + HALF_TRUST_ROWS + HALF_TRUST_WINDOWS * f64::from(window_rows))
}

/// From the evidence, or without any from the nearest edge: -1 for far inside, 0 for on the edge. One half at the limit.
fn score(evidence: f64, nearest: f64) -> f64 {
    if evidence > 0.0 {
        0.25 + 0.75 * evidence / (evidence + 2.0 * LIMIT)
    } else {
        0.25 * (1.0 + nearest).clamp(0.0, 1.0).powi(4)
    }
}

#[cfg(test)]
mod tests;
