//! A baseline that learns one series by itself: what is usual, on four time scales, and how far the unusual lies.
//!
//! For each horizon (8 to 4096 readings) an exponentially weighted level follows the series. The largest deviation from
//! it in each block of one horizon is collected, upward and downward apart. Block maxima are close to independent even
//! where readings are not (cycles, daily waves), and extreme value theory says how they are distributed; so a few moments
//! tell the deviation that comes once in the time in which the false-alarm budget allows one (Coles, An Introduction to
//! Statistical Modeling of Extreme Values, 2001, chapter 3).
//!
//! A jump shows on the short horizons, a slow slide on the long ones. What lies outside moves level and spread by a
//! bounded amount only; while an alarm stands nothing is learned, but for at most four horizons, so that a change for
//! good becomes the new normal.
//!
//! Never allocates, never fails; it has no clock and knows nothing of rules or other series.

use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// Readings that each level looks back over. Powers of eight: a fault of any duration lies within a factor of three of one.
const HORIZONS: [u16; 4] = [8, 64, 512, 4096];
/// Blocks before a horizon may speak; and at least the square root of the return period, because what comes once in a
/// million blocks cannot be told from twelve.
const LEAST_BLOCKS: u32 = 12;
/// Blocks before a wild one is learned as a bounded lesson only.
const LEAST_BLOCKS_TO_CLIP: u32 = 4;
/// Readings in a row outside before it speaks: one wild value says nothing.
const PERSISTENCE: u8 = 2;
/// A speaking baseline is quiet again inside this share of the range.
const RETURN_SHARE: f64 = 0.8;
/// A block maximum is learned up to this multiple of the threshold.
const LARGEST_LESSON: f64 = 1.5;
/// Blocks that the spread remembers at least.
const LEAST_MEMORY_BLOCKS: f64 = 200.0;
/// And for how long at least.
const LEAST_MEMORY_MS: f64 = MONTH_MS;
/// The budget's month of 30 days.
const MONTH_MS: f64 = 30.0 * 86_400_000.0;
/// However generous the budget and slow the series, what speaks comes less often than once in so many blocks.
const LEAST_TRIALS: f64 = 100.0;

/// What a profile says about a baseline, and how many series share the budget.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// False alarms allowed per device and 30 days.
    pub per_month: f64,
    /// Series of the device that share it.
    pub series: usize,
    /// Readings before it may speak.
    pub warm_up: u32,
}

impl Budget {
    /// The return period in blocks: every horizon and direction of every series of the device may spend its share.
    fn trials(&self, block_ms: f64) -> f64 {
        let chances = (2 * HORIZONS.len() * self.series.max(1)) as f64;
        (MONTH_MS / block_ms * chances / self.per_month).max(LEAST_TRIALS)
    }
}

fn block_ms(length: u16, interval_ms: f64) -> f64 {
    (f64::from(length) * interval_ms).max(1.0)
}

/// How one value compares with what is usual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Lower edge of the expected range.
    pub low: f64,
    /// Upper edge of the expected range.
    pub high: f64,
    /// Distance from the level in units of the distance allowed: above 1 it is outside.
    pub ratio: f64,
}

impl Comparison {
    /// How unusual, 0 to 1; 0.5 at the edge of the range.
    pub fn score(&self) -> f64 {
        self.ratio / (1.0 + self.ratio)
    }
}

/// What has been learned about one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    last: f64,
    last_at: Timestamp,
    interval_ms: f64,
    /// Smallest step seen: the sensor's resolution.
    resolution: f64,
    compared: Option<Comparison>,
    readings: u32,
    frozen_for: u32,
    falls: u8,
    rises: u8,
    outside_for: u8,
    is_speaking: bool,
    horizons: [Horizon; HORIZONS.len()],
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Horizon {
    level: f64,
    blocks: u32,
    in_block: u16,
    is_ready: bool,
    up: Tail,
    down: Tail,
}

/// Block maxima of the deviation in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Tail {
    largest: f64,
    mean: f64,
    variance: f64,
    /// The deviation that is allowed; infinite until there is a guess.
    threshold: f64,
}

impl Tail {
    const EMPTY: Tail = Tail {
        largest: 0.0,
        mean: 0.0,
        variance: 0.0,
        threshold: f64::INFINITY,
    };

    /// Learns the block that has ended. `blocks` counts those before; `trials` is the return period in blocks.
    fn end_block(&mut self, blocks: u32, weight_min: f64, trials: f64, floor: f64) {
        let lesson = self.largest.min(LARGEST_LESSON * self.threshold);
        self.largest = 0.0;
        let weight = (1.0 / (f64::from(blocks) + 1.0)).max(weight_min);
        let d = lesson - self.mean;
        self.mean += weight * d;
        self.variance = (1.0 - weight) * (self.variance + weight * d * d);
        if blocks + 1 < LEAST_BLOCKS_TO_CLIP {
            return;
        }
        // 1.65: one-sided 95 % bound of a standard deviation estimated from so many blocks (normal approximation)
        let known = (f64::from(blocks) + 1.0).min(1.0 / weight_min);
        let deviation = self.variance.sqrt() * (1.0 + 1.65 / (2.0 * known).sqrt());
        // Gumbel distribution by its moments: deviation = scale * pi / sqrt 6, mean = location + 0.5772 * scale; its quantile
        // for a return period of many blocks is location + scale * ln(period)
        let scale = deviation * 0.7797;
        let location = self.mean - 0.5772 * scale;
        self.threshold = (location + scale * trials.ln()).max(0.0) + floor;
    }
}

impl Default for Baseline {
    fn default() -> Self {
        Baseline {
            last: 0.0,
            last_at: Timestamp(0),
            interval_ms: 0.0,
            resolution: 0.0,
            compared: None,
            readings: 0,
            frozen_for: 0,
            falls: 0,
            rises: 0,
            outside_for: 0,
            is_speaking: false,
            horizons: [Horizon {
                level: 0.0,
                blocks: 0,
                in_block: 0,
                is_ready: false,
                up: Tail::EMPTY,
                down: Tail::EMPTY,
            }; HORIZONS.len()],
        }
    }
}

impl Baseline {
    /// Judges one value, whose square must be finite, and learns from it. Says whether the series is outside what is usual.
    pub fn step(&mut self, value: f64, at: Timestamp, is_alarm_standing: bool, budget: Budget) -> bool {
        if self.readings == 0 {
            self.begin(value, at);
        }
        self.keep_time(at, value);
        let change = value - self.last;
        if change != 0.0 {
            self.learn_change(change);
        }
        self.last = value;
        self.last_at = at;

        let is_judged = self.readings >= budget.warm_up && self.varies();
        self.frozen_for = if is_alarm_standing {
            self.frozen_for.saturating_add(1)
        } else {
            0
        };
        let pace = Pace {
            readings: self.readings,
            interval_ms: self.interval_ms,
            resolution: self.resolution,
        };
        // the horizon that the value lies farthest outside of, compared by products: a division each would be dear
        let (mut worst, mut worst_deviation, mut worst_allowed) = (None, 0.0, 1.0);
        for (horizon, length) in self.horizons.iter_mut().zip(HORIZONS) {
            let deviation = value - horizon.level;
            let allowed = if deviation >= 0.0 {
                horizon.up.threshold
            } else {
                horizon.down.threshold
            };
            if is_judged && horizon.is_ready && deviation.abs() * worst_allowed >= worst_deviation * allowed {
                (worst_deviation, worst_allowed) = (deviation.abs(), allowed);
                worst = Some((
                    horizon.level - horizon.down.threshold,
                    horizon.level + horizon.up.threshold,
                ));
            }
            if self.frozen_for == 0 || self.frozen_for > u32::from(length) {
                horizon.learn(deviation, length, pace, budget);
            }
        }
        self.readings = self.readings.saturating_add(1);
        self.compared = worst.map(|(low, high)| Comparison {
            low,
            high,
            ratio: worst_deviation / worst_allowed,
        });
        self.judge()
    }

    fn judge(&mut self) -> bool {
        let edge = if self.is_speaking { RETURN_SHARE } else { 1.0 };
        let is_outside = self.compared.is_some_and(|c| c.ratio > edge);
        self.outside_for = if is_outside {
            self.outside_for.saturating_add(1)
        } else {
            0
        };
        self.is_speaking = is_outside && (self.is_speaking || self.outside_for >= PERSISTENCE);
        self.is_speaking
    }

    fn begin(&mut self, value: f64, at: Timestamp) {
        self.last = value;
        self.last_at = at;
        for horizon in &mut self.horizons {
            horizon.level = value;
        }
    }

    /// After a gap, levels that look back less far than the gap say nothing any more.
    fn keep_time(&mut self, at: Timestamp, value: f64) {
        let passed = (at - self.last_at).0 as f64;
        if passed <= 0.0 {
            return;
        }
        if self.interval_ms == 0.0 {
            self.interval_ms = passed;
        }
        if passed > 2.0 * f64::from(HORIZONS[0]) * self.interval_ms {
            self.forget_levels(passed, value);
        }
        self.interval_ms += 0.02 * (passed.min(10.0 * self.interval_ms) - self.interval_ms);
    }

    #[cold]
    fn forget_levels(&mut self, passed: f64, value: f64) {
        for (horizon, length) in self.horizons.iter_mut().zip(HORIZONS) {
            if passed > 2.0 * f64::from(length) * self.interval_ms {
                horizon.level = value;
            }
        }
    }

    fn learn_change(&mut self, change: f64) {
        let size = change.abs();
        self.resolution = if self.resolution == 0.0 {
            size
        } else {
            self.resolution.min(size)
        };
        let count = if change < 0.0 { &mut self.falls } else { &mut self.rises };
        *count = count.saturating_add(1);
    }

    /// A constant has no spread to compare with, and what only ever rises is a counter.
    fn varies(&self) -> bool {
        self.falls >= 3 && self.rises >= 3
    }

    /// How the last value compares with the expected range; none while it is being learned.
    pub fn compared(&self) -> Option<Comparison> {
        self.compared
    }

    /// How much of the learning before the first judgement is done, 0 to 1.
    pub fn learned_share(&self, budget: Budget) -> f64 {
        let shortest = HORIZONS[0];
        let blocks = f64::from(LEAST_BLOCKS).max(budget.trials(block_ms(shortest, self.interval_ms)).sqrt());
        let needed = f64::from(budget.warm_up).max((blocks + 1.0) * f64::from(shortest));
        (f64::from(self.readings) / needed).min(1.0)
    }
}

/// What the horizons share.
#[derive(Clone, Copy)]
struct Pace {
    readings: u32,
    interval_ms: f64,
    resolution: f64,
}

impl Horizon {
    #[inline]
    fn learn(&mut self, deviation: f64, length: u16, pace: Pace, budget: Budget) {
        if pace.readings < u32::from(length) {
            // not yet one horizon long: a plain mean, and no blocks
            self.level += deviation / (f64::from(pace.readings) + 1.0);
            return;
        }
        self.up.largest = self.up.largest.max(deviation);
        self.down.largest = self.down.largest.max(-deviation);
        // lengths are powers of two, so their inverse is exact
        self.level += deviation.clamp(-self.down.threshold, self.up.threshold) * (1.0 / f64::from(length));
        self.in_block += 1;
        if self.in_block == length {
            self.end_block(length, pace, budget);
        }
    }

    #[cold]
    fn end_block(&mut self, length: u16, pace: Pace, budget: Budget) {
        self.in_block = 0;
        if self.up.largest.max(self.down.largest) < 0.5 * pace.resolution || pace.resolution == 0.0 {
            // nothing moved: an idle machine says nothing about how it runs
            return;
        }
        let block_ms = block_ms(length, pace.interval_ms);
        let trials = budget.trials(block_ms);
        let weight_min = (1.0 / LEAST_MEMORY_BLOCKS).min(block_ms / LEAST_MEMORY_MS);
        self.up.end_block(self.blocks, weight_min, trials, pace.resolution);
        self.down.end_block(self.blocks, weight_min, trials, pace.resolution);
        self.blocks = self.blocks.saturating_add(1);
        self.is_ready = self.blocks >= LEAST_BLOCKS && f64::from(self.blocks) >= trials.sqrt();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;
    const NEVER: [i64; 0] = [];
    const BUDGET: Budget = Budget {
        per_month: 1.0,
        series: 1,
        warm_up: 300,
    };

    /// A little noise that is the same each time, about normal with standard deviation 1.
    fn noise(i: i64) -> f64 {
        let bits = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let bits = (bits ^ (bits >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let halves = [0, 16, 32, 48].map(|shift| ((bits >> shift) & 0xFFFF) as f64 / 65_535.0 - 0.5);
        halves.iter().sum::<f64>() * 1.732
    }

    /// Minutes at which it spoke.
    fn spoken(minutes: i64, value: impl Fn(i64) -> Option<f64>) -> Vec<i64> {
        let mut baseline = Baseline::default();
        (0..minutes)
            .filter(|m| value(*m).is_some_and(|v| baseline.step(v, Timestamp(m * MINUTE_MS), false, BUDGET)))
            .collect()
    }

    #[test]
    fn a_state_is_small() {
        assert!(size_of::<Baseline>() <= 400, "{}", size_of::<Baseline>());
    }

    #[test]
    fn steady_noise_for_two_months_says_nothing() {
        assert_eq!(spoken(60 * 1440, |m| Some(50.0 + noise(m))), NEVER);
    }

    #[test]
    fn a_daily_wave_is_usual() {
        let wave = |m: i64| 20.0 + 5.0 * (m as f64 / 1440.0 * std::f64::consts::TAU).sin() + 0.1 * noise(m);
        assert!(spoken(30 * 1440, |m| Some(wave(m))).len() < 30);
    }

    #[test]
    fn a_step_is_seen_at_once_and_becomes_usual_in_the_end() {
        let at = 10 * 1440;
        let seen = spoken(30 * 1440, |m| Some(50.0 + noise(m) + if m >= at { 25.0 } else { 0.0 }));
        assert_eq!(seen.first(), Some(&(at + 1)), "on the second reading outside");
        assert!(*seen.last().expect("some") < 20 * 1440, "{:?}", seen.last());
    }

    #[test]
    fn a_drift_over_hours_is_seen() {
        let at = 20 * 1440;
        let seen = spoken(22 * 1440, |m| Some(50.0 + noise(m) + (m - at).max(0) as f64 * 0.05));
        assert!(
            seen.first().is_some_and(|m| (at..at + 1440).contains(m)),
            "{:?}",
            seen.first()
        );
    }

    #[test]
    fn a_single_spike_says_nothing() {
        assert_eq!(
            spoken(20 * 1440, |m| Some(if m % 7000 == 6999 {
                1e4
            } else {
                50.0 + noise(m)
            })),
            NEVER
        );
    }

    #[test]
    fn constants_and_counters_say_nothing_even_when_they_jump() {
        assert_eq!(spoken(10_000, |m| Some(if m < 9_000 { 3.0 } else { 4.0 })), NEVER);
        assert_eq!(
            spoken(20_000, |m| Some(m as f64 + if m < 15_000 { 0.0 } else { 500.0 })),
            NEVER
        );
    }

    #[test]
    fn a_machine_that_starts_after_a_long_idle_time_is_not_unusual() {
        let value = |m: i64| if m < 20_000 { 0.0 } else { 50.0 + noise(m) };
        assert_eq!(spoken(40_000, |m| Some(value(m))), NEVER);
    }

    #[test]
    fn after_a_day_without_data_another_level_is_not_a_jump() {
        let value = |m: i64| match m {
            20_000..21_440 => None,
            0..20_000 => Some(50.0 + noise(m)),
            _ => Some(53.0 + noise(m)),
        };
        assert_eq!(spoken(30_000, value), NEVER);
    }

    #[test]
    fn while_an_alarm_stands_a_horizon_waits_its_own_length_before_it_learns() {
        let run = |is_standing: bool| {
            let mut baseline = Baseline::default();
            let at = |m: i64| Timestamp(m * MINUTE_MS);
            (0..15_000).for_each(|m| {
                baseline.step(50.0 + noise(m), at(m), false, BUDGET);
            });
            let shifted = 15_000..25_000;
            shifted
                .filter(|m| baseline.step(75.0 + noise(*m), at(*m), is_standing, BUDGET))
                .count()
        };
        let (free, frozen) = (run(false), run(true));
        assert!(free < frozen && frozen < 9_000, "{free} {frozen}");
    }
}
