//! Has what a rule holds for normal itself moved? A learned rule follows its machine: slowly, so that seasons and wear raise no
//! alarm, and after a long fault, so that an alarm does not stand for ever. Both are right, and both can hide a fault that grows
//! slowly enough. So whenever it has happened it is said, once: no alarm, no ticket, a fact about the model.
//!
//! One [`Drift`] for each metric of a learned rule; a few comparisons for each reading.
//!
//! - [`DriftCause::Adopted`]: an alarm stood for so long that the rule takes what it shows as normal.
//! - [`DriftCause::Moved`]: a rule that learns by itself; what the metric is on average has left all that it ever was when
//!   learning ended.
//! - [`DriftCause::Outside`]: a rule with a stretch that is known to be normal; many readings are outside all that the stretch
//!   held, and no alarm stands.

use domain::{DriftCause, Timestamp};
use serde::{Deserialize, Serialize};

/// Rows of the average that is told as the present level.
const RECENT_ROWS: f64 = 30.0;
/// Share of the readings that may lie outside the known stretch before it is told. Of a stretch of n readings of a steady
/// machine the next one lies outside with probability 2 / (n + 1): 2 in 100 for the shortest.
const OUTSIDE_SHARE: f64 = 0.25;
/// Readings over which that share is taken: as many as the known stretch had, within these.
const LEAST_ROWS: f64 = 100.0;
const MOST_ROWS: f64 = 1_000.0;

/// What a rule that learns by itself holds for normal, in the unit of the metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normal {
    /// Lowest of the memory.
    pub low: f64,
    /// Highest of the memory.
    pub high: f64,
    /// Robust mean over the memory.
    pub centre: f64,
    /// Mean absolute deviation from it.
    pub spread: f64,
}

/// One reading, and how its metric stands with its rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// The reading; not a number: missing.
    pub value: f64,
    /// Device time.
    pub at: Timestamp,
    /// Whether an alarm of the device stands, or the rule speaks.
    pub is_episode: bool,
    /// Whether the rule begins to take as normal what it told as unusual.
    pub is_adopting: bool,
    /// What is normal by itself; none while it is being learned, or where a known stretch says what is normal.
    pub by_itself: Option<Normal>,
}

/// Normal is no longer what it was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// How that came.
    pub cause: DriftCause,
    /// Lower edge of what was normal, in the unit of the metric.
    pub low: f64,
    /// Upper edge of it.
    pub high: f64,
    /// The level within it.
    pub from: f64,
    /// The level now.
    pub to: f64,
    /// Since when the old normal was in force, device time.
    pub since: Timestamp,
}

/// The normal that later readings are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Anchor {
    low: f64,
    high: f64,
    centre: f64,
    since: Timestamp,
    /// Readings of the stretch that is known to be normal; none where the rule learned by itself.
    known_rows: Option<f64>,
}

/// A stretch that is known to be normal, while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Stretch {
    low: f64,
    high: f64,
    mean: f64,
    rows: f64,
    last_at: Timestamp,
}

/// What is remembered of one metric under one rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    anchor: Option<Anchor>,
    coming: Option<Stretch>,
    recent: Option<f64>,
    /// Share of recent readings outside the anchor while nothing was told.
    outside: f64,
    is_adoption_told: bool,
}

impl Drift {
    /// A reading that is known to be normal.
    pub fn learn(&mut self, value: f64, at: Timestamp) {
        if !value.is_finite() {
            return;
        }
        let stretch = self.coming.get_or_insert(Stretch {
            low: value,
            high: value,
            mean: value,
            rows: 0.0,
            last_at: at,
        });
        stretch.rows += 1.0;
        stretch.low = stretch.low.min(value);
        stretch.high = stretch.high.max(value);
        stretch.mean += (value - stretch.mean) / stretch.rows;
        stretch.last_at = at;
    }

    /// What is known to be normal ends here.
    pub fn end_of_normal(&mut self) {
        if let Some(stretch) = self.coming.take() {
            let anchor = Anchor {
                low: stretch.low,
                high: stretch.high,
                centre: stretch.mean,
                since: stretch.last_at,
                known_rows: Some(stretch.rows),
            };
            *self = Drift {
                anchor: Some(anchor),
                ..Drift::default()
            };
        }
    }

    /// Takes the next reading. Says it if normal has moved.
    pub fn step(&mut self, now: &Moment) -> Option<Shift> {
        if !now.value.is_finite() {
            return None;
        }
        let recent = self.recent.unwrap_or(now.value);
        let recent = recent + (now.value - recent) / RECENT_ROWS;
        self.recent = Some(recent);
        self.is_adoption_told &= now.is_episode;
        let Some(anchor) = self.anchor else {
            let normal = now.by_itself.filter(|_| !now.is_episode);
            self.anchor = normal.map(|normal| anchor_of(normal, now.at));
            return None;
        };
        if now.is_episode {
            let is_first = now.is_adopting && !self.is_adoption_told;
            self.is_adoption_told |= now.is_adopting;
            let is_known = anchor.known_rows.is_some();
            return is_first.then(|| {
                if is_known {
                    self.anchor_around(anchor, recent, now.at);
                }
                shift(anchor, DriftCause::Adopted, recent)
            });
        }
        match (anchor.known_rows, now.by_itself) {
            (Some(rows), Some(_) | None) => {
                let is_outside = now.value < anchor.low || now.value > anchor.high;
                let share = f64::from(u8::from(is_outside));
                self.outside += (share - self.outside) / rows.clamp(LEAST_ROWS, MOST_ROWS);
                (self.outside > OUTSIDE_SHARE).then(|| {
                    self.anchor_around(anchor, recent, now.at);
                    shift(anchor, DriftCause::Outside, recent)
                })
            }
            (None, Some(normal)) => {
                // by more than usual deviations: the mean of a constant moves a little with every spike
                let is_above = normal.centre > anchor.high + normal.spread && recent > anchor.high;
                let is_below = normal.centre < anchor.low - normal.spread && recent < anchor.low;
                (is_above || is_below).then(|| {
                    self.anchor = Some(anchor_of(normal, now.at));
                    shift(anchor, DriftCause::Moved, normal.centre)
                })
            }
            (None, None) => None,
        }
    }

    /// From now on normal is as wide as it was, around the present level.
    fn anchor_around(&mut self, old: Anchor, level: f64, at: Timestamp) {
        let half = old.high / 2.0 - old.low / 2.0;
        self.outside = 0.0;
        self.anchor = Some(Anchor {
            low: level - half,
            high: level + half,
            centre: level,
            since: at,
            ..old
        });
    }
}

fn anchor_of(normal: Normal, since: Timestamp) -> Anchor {
    Anchor {
        // the mean remembers fading for longer than the range, which forgets at once
        low: normal.low.min(normal.centre),
        high: normal.high.max(normal.centre),
        centre: normal.centre,
        since,
        known_rows: None,
    }
}

fn shift(anchor: Anchor, cause: DriftCause, to: f64) -> Shift {
    Shift {
        cause,
        low: anchor.low,
        high: anchor.high,
        from: anchor.centre,
        to,
        since: anchor.since,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Budget, LearnedNormal};
    use super::*;

    fn quiet(value: f64, row: i64) -> Moment {
        Moment {
            value,
            at: Timestamp(row),
            is_episode: false,
            is_adopting: false,
            by_itself: None,
        }
    }

    /// A stretch between 0 and 4.
    fn known() -> Drift {
        let mut drift = Drift::default();
        (0..200).for_each(|i| drift.learn((i % 5) as f64, Timestamp(i)));
        drift.end_of_normal();
        drift
    }

    fn told(drift: &mut Drift, rows: impl Iterator<Item = Moment>) -> Vec<Shift> {
        rows.filter_map(|moment| drift.step(&moment)).collect()
    }

    #[test]
    fn readings_like_the_known_stretch_are_no_drift() {
        assert_eq!(told(&mut known(), (0..5_000).map(|i| quiet((i % 5) as f64, i))), []);
    }

    #[test]
    fn a_creep_out_of_the_known_stretch_without_an_alarm_is_told_once() {
        let creep = (0..2_000).map(|i| quiet((i % 5) as f64 + (i as f64 / 100.0).min(2.0), 1_000 + i));
        let told = told(&mut known(), creep);
        assert_eq!(told.len(), 1, "{told:?}");
        let shift = told[0];
        assert_eq!(
            (shift.cause, shift.low, shift.high, shift.from),
            (DriftCause::Outside, 0.0, 4.0, 2.0)
        );
        assert!(shift.to > 3.5 && shift.since == Timestamp(199));
    }

    #[test]
    fn a_few_spikes_are_no_drift() {
        let spikes = (0..5_000).map(|i| quiet(if i % 10 == 0 { 1e9 } else { 2.0 }, i));
        assert_eq!(told(&mut known(), spikes), []);
    }

    #[test]
    fn an_alarm_that_is_adopted_is_told_once_however_long_it_stands_and_again_the_next_time() {
        let mut drift = known();
        let episode = |i: i64| Moment {
            is_episode: true,
            is_adopting: i > 100,
            ..quiet(20.0, i)
        };
        let first = told(&mut drift, (0..500).map(episode));
        assert_eq!(first.len(), 1);
        assert_eq!((first[0].cause, first[0].to.round()), (DriftCause::Adopted, 20.0));
        // what was adopted is normal now
        assert_eq!(told(&mut drift, (0..500).map(|i| quiet(20.0, i))), []);
        assert_eq!(told(&mut drift, (0..500).map(episode)).len(), 1);
    }

    fn by_itself(value: f64, centre: f64, spread: f64, row: i64) -> Moment {
        Moment {
            by_itself: Some(Normal {
                low: 0.0,
                high: value.max(4.0),
                centre,
                spread,
            }),
            ..quiet(value, row)
        }
    }

    #[test]
    fn an_average_that_leaves_the_first_range_is_told_once() {
        let creep = (0..1_000).map(|i| by_itself(2.0 + i as f64 / 100.0, (2.0 + i as f64 / 200.0).min(5.5), 0.5, i));
        let told = told(&mut Drift::default(), creep);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].cause, told[0].since), (DriftCause::Moved, Timestamp(0)));
        assert!(told[0].to > 4.5 && told[0].to < 4.6);
    }

    #[test]
    fn an_average_that_is_drawn_out_for_a_while_by_readings_long_gone_is_no_drift() {
        let back = (0..1_000).map(|i| by_itself(2.0, if i < 5 { 2.0 } else { 5.0 }, 0.5, i));
        assert_eq!(told(&mut Drift::default(), back), []);
    }

    #[test]
    fn values_that_are_missing_change_nothing() {
        let mut drift = known();
        let before = drift;
        assert_eq!(drift.step(&quiet(f64::NAN, 7)), None);
        assert_eq!(drift, before);
    }

    const MINUTE: i64 = 60_000;
    const BUDGET: Budget = Budget {
        per_month: 1.0,
        series: 1,
        warm_up: 0,
    };

    /// Readings of one metric, every ten minutes, through the whole rule: how many alarms, and what was told to have moved.
    fn live(rule: &mut LearnedNormal, rows: std::ops::Range<i64>, value: impl Fn(i64) -> f64) -> (u32, Vec<Shift>) {
        let (mut alarms, mut was_outside, mut shifts) = (0, false, Vec::new());
        for row in rows {
            rule.set(0, value(row));
            let mut moved = |_: usize, shift: Shift| shifts.push(shift);
            let is_outside = rule.step(Timestamp(row * 10 * MINUTE), was_outside, BUDGET, &mut moved);
            alarms += u32::from(is_outside && !was_outside);
            was_outside = is_outside;
        }
        (alarms, shifts)
    }

    /// Noise between -1 and 1 that is the same on every machine.
    fn noise(row: i64) -> f64 {
        let mixed = (row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as f64 / f64::from(1 << 23) - 1.0
    }

    const DAYS: i64 = 144;

    #[test]
    fn a_machine_that_stays_as_it_is_does_not_drift_in_a_quarter_of_a_year() {
        let mut rule = LearnedNormal::new(1, 1);
        let daily = |row: i64| 50.0 + noise(row) + 3.0 * (row as f64 / DAYS as f64 * std::f64::consts::TAU).sin();
        assert_eq!(live(&mut rule, 0..90 * DAYS, daily).1, []);
    }

    #[test]
    fn a_creep_too_slow_for_the_rule_is_told_as_drift_of_the_rule() {
        let mut rule = LearnedNormal::new(1, 1);
        let creep = |row: i64| 50.0 + noise(row) + (row - 4 * DAYS).max(0) as f64 / DAYS as f64 * 0.05;
        let (_, shifts) = live(&mut rule, 0..120 * DAYS, creep);
        let causes: Vec<DriftCause> = shifts.iter().map(|s| s.cause).collect();
        assert!(causes.contains(&DriftCause::Moved), "{causes:?}");
        assert!(shifts.len() <= 4, "told now and then, not all the time: {shifts:?}");
        let first = shifts[0];
        assert!(first.low < 49.5 && first.high > 50.5 && first.to > 51.0, "{first:?}");
    }

    #[test]
    fn a_fault_that_outlasts_its_reference_is_told_when_it_is_taken_as_normal() {
        let mut rule = LearnedNormal::new(1, 1);
        for row in 0..300 {
            rule.set(0, 50.0 + noise(row));
            rule.learn(Timestamp(row * 10 * MINUTE));
        }
        rule.end_of_normal();
        let (alarms, shifts) = live(&mut rule, 300..2_000, |row| {
            noise(row) + if row < 400 { 50.0 } else { 65.0 }
        });
        assert!(alarms >= 1);
        let causes: Vec<DriftCause> = shifts.iter().map(|s| s.cause).collect();
        assert!(!causes.is_empty() && causes.len() <= 2, "{shifts:?}");
        assert!(
            (shifts[0].from - 50.0).abs() < 1.0 && (shifts[0].to - 65.0).abs() < 1.0,
            "{shifts:?}"
        );
    }
}
