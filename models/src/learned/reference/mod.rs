//! One device, all its metrics, compared with a stretch that is known to be normal. Two questions, each with its own limit:
//!
//! - *departure* (two metrics or more): have the prediction errors of the joint model leant one way for some time? Its reference
//!   learns slowly and not at all while an alarm stands, so that the alarm stays on through a long fault and ends soon after it.
//!   One that outlasts the reference is taken as the new normal.
//! - *strangeness* (each metric by itself): is the metric at a level, a value or a shape that it never had, or harder to foretell
//!   than it was? It always learns, so a new way of working is told once.
//!
//! A departure counts by itself. A strange metric of several counts together with the departure: where the others vouch for it,
//! it has to be stranger.
//!
//! No clock, no I/O, no randomness; nothing is allocated after [`Reference::new`].

mod alarm;
mod joint;
mod judgement;
mod level;
mod limit;
mod linear;
mod metric;
mod rarity;
mod shape;
mod standing;

pub use judgement::{Contribution, View};

use super::row::Row;
use super::{Budget, Finding};
use alarm::Alarm;
use domain::{Aspect, Timestamp};
use joint::Joint;
use limit::Limit;
use metric::Metric;
use serde::{Deserialize, Serialize};
use standing::Standing;

/// Weight of the past, in rows: older rows fade beyond it.
const MEMORY_ROWS: f64 = 3_000.0;
/// Rows that a device learns as if they were normal where none are known to be.
const COLD_ROWS: f64 = 1_000.0;
/// An alarm that stands longer than the reference was long, and never longer than this many rows, is taken as the new normal.
const ADOPT_AFTER_ROWS: f64 = 1_000.0;
/// The month of the false-alarm budget: 30 days.
const MONTH_MS: f64 = 30.0 * 86_400_000.0;
/// Rows over which prediction errors are averaged.
const DEPARTURE_ROWS: f64 = 30.0;
/// An error counts as at most this many usual errors: a lone spike is no departure, and the average falls back soon after a large one.
const ERROR_MOST: f64 = 4.0;
/// Least limits, in usual errors and standard deviations: less would not matter even where noise is tiny.
const DEPARTURE_LEAST: f64 = 1.0;
const STRANGENESS_LEAST: f64 = 1.0;
/// Length of departure and strangeness together, in their limits, at which they are told. Both have the whole budget of false
/// alarms; above 1 they share it.
const TOGETHER: f64 = 1.2;
/// Rows before the statistics mean anything: no limit is learned from them and no alert raised.
const WARM_ROWS: f64 = 100.0;
/// Weight of a row once the reference is learned: slow enough not to swallow a fault that grows, fast enough for seasons and wear.
const LATE: f64 = 0.3;
/// Share of the loudest part from which a metric is named.
const TELLING_SHARE: f64 = 0.3;
/// A pause of this many usual intervals breaks the run of rows.
const PAUSE: f64 = 10.0;

/// What is known to be normal of one device, and how far from it the device is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    metrics: Vec<Metric>,
    joint: Joint,
    /// Mean error of each jointly predicted metric; none before its first.
    leaning: Vec<Option<f64>>,
    usual_departure: Standing,
    departure_limit: Limit,
    strangeness_limit: Limit,
    departure: f64,
    /// Ratio of the last departure to its limit, and how many metrics took part.
    departure_ratio: f64,
    leaning_count: f64,
    strangeness: f64,
    /// Limit at the last row.
    strangeness_at: Option<f64>,
    alarm: Alarm,
    known_rows: f64,
    rows: f64,
    interval_ms: Standing,
    last_ms: Option<i64>,
    row: Row,
    score: Option<f64>,
}

impl Reference {
    /// For rows of `width` metrics. Beyond [`joint::JOINT_MOST`], the first of them are predicted together and all by themselves.
    #[must_use]
    pub fn new(width: usize) -> Self {
        let joint = Joint::new(width);
        Self {
            metrics: vec![Metric::default(); width],
            leaning: vec![None; joint.width()],
            joint,
            usual_departure: Standing::default(),
            departure_limit: Limit::default(),
            strangeness_limit: Limit::default(),
            departure: 0.0,
            departure_ratio: 0.0,
            leaning_count: 0.0,
            strangeness: 0.0,
            strangeness_at: None,
            alarm: Alarm::default(),
            known_rows: 0.0,
            rows: 0.0,
            interval_ms: Standing::default(),
            last_ms: None,
            row: Row::missing(width),
            score: None,
        }
    }

    /// How many metrics it knows.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.metrics.len()
    }

    /// Learns a row that is known to be normal (not a number: missing).
    pub fn learn(&mut self, row: &[f64], at: Timestamp) {
        self.take(row, at, None);
    }

    /// Judges a row (not a number: missing) and learns from it as far as it seems normal. Rows come in order of time. Whether
    /// a person is told.
    pub fn step(&mut self, row: &[f64], at: Timestamp, budget: Budget) -> bool {
        self.take(row, at, Some(budget));
        self.alarm.standing_rows().is_some()
    }

    /// How unusual the device is, 0 to 1, 0.5 at the limit; none before the first judgement.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        self.score
    }

    /// Whether an alarm has stood for so long that what it shows is taken as the new normal.
    #[must_use]
    pub fn is_adopting(&self) -> bool {
        let adopt_after = self.reference_rows().clamp(WARM_ROWS, ADOPT_AFTER_ROWS);
        self.alarm.standing_rows().is_some_and(|rows| rows as f64 > adopt_after)
    }

    /// Rows of the stretch that is known to be normal, or of all that was taken for it.
    fn reference_rows(&self) -> f64 {
        if self.known_rows > 0.0 {
            self.known_rows
        } else {
            self.rows
        }
    }

    /// How far the stretch known to be normal is from being long enough for limits, 0 to 1; 1 is enough.
    #[must_use]
    pub fn readiness(&self) -> f64 {
        if self.strangeness_at.is_some() {
            1.0
        } else {
            (self.rows / (WARM_ROWS + limit::LEAST_ROWS)).min(0.99)
        }
    }

    /// The metrics that have a part in an alarm that stands, in the order of the row.
    pub fn findings(&self) -> impl Iterator<Item = (usize, Finding)> + '_ {
        let is_alerting = self.alarm.standing_rows().is_some();
        let parts = self.contributions().filter(move |_| is_alerting);
        let loudest = self.contributions().map(|c| c.ratio).fold(0.0, f64::max);
        parts
            .filter(move |c| c.ratio > 0.0 && c.ratio >= TELLING_SHARE * loudest)
            .map(|c| (c.metric, finding(&c)))
    }

    /// The range that is expected of a metric; none while it is being learned.
    #[must_use]
    pub fn expected(&self, column: usize) -> Option<(f64, f64)> {
        let contribution = (column < self.columns()).then(|| self.contribution(column))?;
        let (centre, margin) = (contribution.expected, contribution.margin);
        (self.score.is_some() && centre.is_finite()).then_some((centre - margin, centre + margin))
    }

    /// Whether its parts fit together: it may come from a file.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.row.columns() == self.metrics.len()
            && self.leaning.len() == self.joint.width()
            && self.joint.width() <= self.metrics.len()
            && self.joint.is_sound()
            && self.metrics.iter().all(Metric::is_sound)
    }

    /// What each metric has to do with the last judgement, in the order of the row.
    pub fn contributions(&self) -> impl Iterator<Item = Contribution> + '_ {
        (0..self.metrics.len()).map(|j| self.contribution(j))
    }

    /// Without a budget the row is known to be normal.
    fn take(&mut self, row: &[f64], at: Timestamp, budget: Option<Budget>) {
        self.row.copy(row);
        self.keep_time(at.0);
        self.joint.judge(self.row.values());
        self.departure = self.departure_now();
        self.strangeness = f64::NEG_INFINITY;
        for (j, (metric, value)) in self.metrics.iter_mut().zip(self.row.values()).enumerate() {
            self.strangeness = self.strangeness.max(metric.judge(*value, self.joint.residual(j)));
        }
        let Some(budget) = budget else {
            return self.learn_row(true, 0.0);
        };
        let budget_rows = MONTH_MS / budget.per_month.max(1e-6) / self.interval_ms.mean.max(1.0);
        self.departure_ratio = self.departure_ratio_now(budget_rows);
        self.strangeness_at = self.strangeness_limit.value(budget_rows, STRANGENESS_LEAST);
        let ratio = self.ratio(self.departure_ratio, self.strangeness_ratio(self.strangeness));
        if self.rows >= WARM_ROWS {
            self.alarm = self.alarm.step(ratio);
        }
        self.learn_row(false, ratio);
        // without a limit nothing was compared with anything: that is not the same as normal
        self.score = self.strangeness_at.map(|_| ratio / (1.0 + ratio));
    }

    fn keep_time(&mut self, at_ms: i64) {
        if let Some(last_ms) = self.last_ms {
            let pause_ms = at_ms.saturating_sub(last_ms).max(0) as f64;
            if self.interval_ms.rows >= 10.0 && pause_ms > PAUSE * self.interval_ms.mean {
                self.joint.interrupt();
            }
            let usual_ms = if self.interval_ms.rows >= 10.0 {
                pause_ms.min(PAUSE * self.interval_ms.mean)
            } else {
                pause_ms
            };
            self.interval_ms.learn(usual_ms, 1.0, MEMORY_ROWS);
        }
        self.last_ms = Some(at_ms);
    }

    /// Root mean square over the metrics of their mean prediction errors, in usual errors.
    fn departure_now(&mut self) -> f64 {
        let (mut squares, mut known) = (0.0, 0.0);
        for (j, leaning) in self.leaning.iter_mut().enumerate() {
            if let Some(residual) = self.joint.residual(j) {
                let mean = leaning.unwrap_or(0.0);
                *leaning = Some(mean + (residual.clamp(-ERROR_MOST, ERROR_MOST) - mean) / DEPARTURE_ROWS);
            }
            if let Some(mean) = *leaning {
                squares += mean * mean;
                known += 1.0;
            }
        }
        self.leaning_count = known;
        if known > 0.0 { (squares / known).sqrt() } else { 0.0 }
    }

    /// 0 at the usual departure, 1 at the limit.
    fn departure_ratio_now(&self, budget_rows: f64) -> f64 {
        // A single metric has no others to depart from; its prediction error is one of its views.
        if self.metrics.len() < 2 {
            return 0.0;
        }
        let usual = self.usual_departure.mean;
        self.departure_limit
            .value(budget_rows, DEPARTURE_LEAST)
            .map_or(0.0, |limit| {
                let span = limit - usual;
                if span > 0.0 {
                    ((self.departure - usual) / span).max(0.0)
                } else {
                    0.0
                }
            })
    }

    /// Both answers as one, 1 where it is told. A lone metric has no departure.
    fn ratio(&self, departure: f64, strangeness: f64) -> f64 {
        if self.metrics.len() < 2 {
            strangeness
        } else {
            departure.max(departure.hypot(strangeness) / TOGETHER)
        }
    }

    /// 0 when nothing is unusual, 1 at the limit.
    fn strangeness_ratio(&self, unusual: f64) -> f64 {
        self.strangeness_at.map_or(0.0, |limit| (unusual / limit).max(0.0))
    }

    fn learn_row(&mut self, is_known_normal: bool, ratio: f64) {
        if is_known_normal {
            self.known_rows += 1.0;
        }
        let is_adopted = self.is_adopting();
        let is_quiet = self.alarm.standing_rows().is_none() && ratio < 1.0;
        let is_normal = is_known_normal || is_quiet || is_adopted || self.rows < WARM_ROWS;
        let is_first = self.known_rows == 0.0 && self.rows < COLD_ROWS;
        let weight = match (is_normal, is_known_normal || is_first) {
            (false, true | false) => 0.0,
            (true, true) => 1.0,
            (true, false) => LATE,
        };
        self.joint.accept(weight, MEMORY_ROWS);
        for metric in &mut self.metrics {
            metric.learn(MEMORY_ROWS);
        }
        if weight == 0.0 {
            return;
        }
        self.usual_departure.learn(self.departure, weight, MEMORY_ROWS);
        self.rows += 1.0;
        if self.rows > WARM_ROWS {
            if self.joint.is_fitted() {
                self.departure_limit.learn(self.departure, weight, MEMORY_ROWS);
            }
            self.strangeness_limit.learn(self.strangeness, weight, MEMORY_ROWS);
        }
    }

    fn contribution(&self, metric: usize) -> Contribution {
        let alone = self.ratio(0.0, self.strangeness_ratio(self.metrics[metric].unusual()));
        let leaning = self.leaning.get(metric).copied().flatten().unwrap_or(0.0);
        let share = if self.departure > 0.0 {
            leaning * leaning / (self.leaning_count * self.departure * self.departure)
        } else {
            0.0
        };
        let joint = self.departure_ratio * share;
        let (mean, spread) = self.metrics[metric].usual();
        let (view, ratio, expected, margin) = match self.joint.expected(metric) {
            Some((expected, error)) if joint > alone => (View::Departure, joint, expected, 3.0 * error),
            Some((_, _)) | None => (self.metrics[metric].loudest(), alone, mean, 3.0 * spread),
        };
        Contribution {
            metric,
            view,
            ratio,
            expected,
            margin,
        }
    }
}

fn finding(c: &Contribution) -> Finding {
    let (aspect, readings) = match c.view {
        View::Departure => (Aspect::Prediction, DEPARTURE_ROWS as u16),
        View::Level => (Aspect::Level, metric::SMOOTHING_ROWS[0] as u16),
        View::Rarity => (Aspect::Rarity, metric::SMOOTHING_ROWS[1] as u16),
        View::Shape => (Aspect::Shape, metric::SMOOTHING_ROWS[2] as u16),
        View::Residual => (Aspect::Predictability, metric::SMOOTHING_ROWS[3] as u16),
    };
    Finding {
        low: c.expected - c.margin,
        high: c.expected + c.margin,
        ratio: c.ratio,
        score: c.ratio / (1.0 + c.ratio),
        aspect,
        readings,
    }
}

#[cfg(test)]
mod tests;
