//! Repeats, gaps, lateness and skew of one device. Pure: time comes in, a verdict comes out.
//!
//! With `seq` and `boot` a repeat is known for certain, however late it comes: the numbers seen are kept as ranges, and a
//! steady stream is one range. Without them a message counts as a repeat when its time is not newer than the newest and a
//! message with the same content is among the last [`RECENT`].

use domain::{Boot, Millis, Sample, Sequence, Timestamp};
use serde::{Deserialize, Serialize};

/// Most runs of the firmware remembered.
const BOOTS: usize = 4;
/// Most ranges of sequence numbers remembered for a run; beyond it the oldest gap counts as seen.
const RANGES: usize = 32;
/// Messages without `seq` whose content is remembered.
const RECENT: usize = 128;
/// Late readings in a row, each newer than the one before, after which the device's clock counts as set back.
const CLOCK_SET_BACK_AFTER: u16 = 20;

/// What a message is, next to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// New, and in order: drives models and alarms.
    Live,
    /// New, but not newer than what the models have seen, within the reorder window: history only, counted as stored.
    OutOfOrder,
    /// New, but older than the reorder window: history only.
    Late,
    /// Seen before.
    Duplicate,
}

/// What is remembered of a device's messages.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Repeats {
    newest: Option<Timestamp>,
    boots: Vec<Seen>,
    recent: Vec<u32>,
    recent_at: u8,
    late_in_a_row: u16,
    last_late: Timestamp,
    missing: u64,
    skew_ms: f32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Seen {
    boot: Boot,
    /// Inclusive ranges, ascending, never touching.
    ranges: Vec<(u64, u64)>,
}

impl Repeats {
    /// Judges a message and remembers it unless it is a repeat.
    pub fn admit(
        &mut self,
        measured_at: Timestamp,
        received_at: Timestamp,
        sequence: Option<Sequence>,
        samples: &[Sample],
        reorder_window: Millis,
    ) -> Admission {
        let is_new = match sequence {
            Some(sequence) => self.see(sequence),
            None => self.see_content(measured_at, samples),
        };
        if !is_new {
            return Admission::Duplicate;
        }
        let skew = (received_at - measured_at).0 as f32;
        self.skew_ms = if self.newest.is_none() {
            skew
        } else {
            self.skew_ms + 0.05 * (skew - self.skew_ms)
        };
        match self.newest {
            Some(newest) if measured_at < newest => self.behind(measured_at, newest, reorder_window),
            Some(_) | None => {
                self.newest = Some(measured_at);
                self.late_in_a_row = 0;
                Admission::Live
            }
        }
    }

    fn behind(&mut self, measured_at: Timestamp, newest: Timestamp, reorder_window: Millis) -> Admission {
        if measured_at >= newest - reorder_window {
            return Admission::OutOfOrder;
        }
        let goes_on = self.late_in_a_row > 0 && measured_at > self.last_late;
        self.late_in_a_row = if goes_on { self.late_in_a_row + 1 } else { 1 };
        self.last_late = measured_at;
        if self.late_in_a_row >= CLOCK_SET_BACK_AFTER {
            self.newest = Some(measured_at);
            self.late_in_a_row = 0;
            return Admission::Live;
        }
        Admission::Late
    }

    /// The newest device time seen.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Sequence numbers that never came.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// How far our clock is ahead of the device's, smoothed, network delay included.
    pub fn skew(&self) -> Millis {
        Millis(self.skew_ms as i64)
    }

    fn see(&mut self, sequence: Sequence) -> bool {
        let seen = match self.boots.iter().position(|s| s.boot == sequence.boot) {
            Some(place) => &mut self.boots[place],
            None => {
                if self.boots.len() == BOOTS {
                    self.boots.remove(0);
                }
                self.boots.push(Seen {
                    boot: sequence.boot,
                    ranges: Vec::new(),
                });
                self.boots.last_mut().expect("just pushed")
            }
        };
        seen.insert(sequence.number, &mut self.missing)
    }

    fn see_content(&mut self, measured_at: Timestamp, samples: &[Sample]) -> bool {
        let hash = content_hash(measured_at, samples);
        let may_repeat = self.newest.is_some_and(|newest| measured_at <= newest);
        if may_repeat && self.recent.contains(&hash) {
            return false;
        }
        if self.recent.len() < RECENT {
            self.recent.push(hash);
        } else {
            self.recent[usize::from(self.recent_at)] = hash;
            self.recent_at = (self.recent_at + 1) % RECENT as u8;
        }
        true
    }
}

impl Seen {
    /// Whether the number is new; counts numbers that are skipped, and takes them back when they come after all.
    fn insert(&mut self, number: u64, missing: &mut u64) -> bool {
        match self.ranges.last_mut() {
            None => {
                self.ranges.push((number, number));
                return true;
            }
            Some((_, last)) if number.checked_sub(1) == Some(*last) => {
                *last = number;
                return true;
            }
            Some((_, last)) if number > *last => {
                *missing = missing.saturating_add(number - *last - 1);
                self.ranges.push((number, number));
                if self.ranges.len() > RANGES {
                    self.ranges[1].0 = self.ranges[0].0;
                    self.ranges.remove(0);
                }
                return true;
            }
            Some(_) => {}
        }
        let after = self.ranges.partition_point(|(_, last)| *last < number);
        if self.ranges[after].0 <= number {
            return false;
        }
        let joins_before = after > 0 && self.ranges[after - 1].1 + 1 == number;
        let joins_after = self.ranges[after].0 == number + 1;
        if after > 0 {
            *missing = missing.saturating_sub(1);
        }
        match (joins_before, joins_after) {
            (true, true) => {
                self.ranges[after - 1].1 = self.ranges[after].1;
                self.ranges.remove(after);
            }
            (true, false) => self.ranges[after - 1].1 = number,
            (false, true) => self.ranges[after].0 = number,
            (false, false) if self.ranges.len() < RANGES => self.ranges.insert(after, (number, number)),
            // no room for one more range: it is taken as new and not remembered, so its repeat would be stored again
            (false, false) => {}
        }
        true
    }
}

/// FNV-1a over time and samples, folded to 32 bits.
fn content_hash(measured_at: Timestamp, samples: &[Sample]) -> u32 {
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(17);
    let start = step(0xcbf2_9ce4_8422_2325, measured_at.0 as u64);
    let hash = samples
        .iter()
        .fold(start, |h, s| step(step(h, u64::from(s.metric.0)), s.value.to_bits()));
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::MetricIndex;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const WINDOW: Millis = Millis::seconds(60);

    fn samples(value: f64) -> [Sample; 1] {
        [Sample {
            metric: MetricIndex(0),
            value,
        }]
    }

    fn numbered(repeats: &mut Repeats, at: i64, number: u64) -> Admission {
        let sequence = Some(Sequence { boot: Boot(1), number });
        repeats.admit(Timestamp(at), Timestamp(at), sequence, &samples(1.0), WINDOW)
    }

    #[test]
    fn a_numbered_repeat_is_known_however_late_it_comes() {
        let mut repeats = Repeats::default();
        for i in 0..10_000 {
            assert_eq!(numbered(&mut repeats, i * 1_000, i as u64), Admission::Live);
        }
        for i in 0..10_000 {
            assert_eq!(numbered(&mut repeats, i * 1_000, i as u64), Admission::Duplicate);
        }
        assert_eq!(repeats.missing(), 0);
    }

    #[test]
    fn equal_times_with_other_values_are_two_readings_and_with_equal_values_one() {
        let mut repeats = Repeats::default();
        let mut admit = |at, value| repeats.admit(Timestamp(at), Timestamp(at), None, &samples(value), WINDOW);
        assert_eq!(admit(1_000, 1.0), Admission::Live);
        assert_eq!(admit(1_000, 2.0), Admission::Live);
        assert_eq!(admit(1_000, 1.0), Admission::Duplicate);
        assert_eq!(admit(2_000, 1.0), Admission::Live);
        assert_eq!(admit(1_500, 5.0), Admission::OutOfOrder);
    }

    #[test]
    fn gaps_are_counted_until_they_are_filled() {
        let mut repeats = Repeats::default();
        for number in [0, 1, 5] {
            numbered(&mut repeats, number as i64 * 1_000, number);
        }
        assert_eq!(repeats.missing(), 3);
        assert_eq!(numbered(&mut repeats, 3_000, 3), Admission::OutOfOrder);
        assert_eq!(repeats.missing(), 2);
    }

    #[test]
    fn a_clock_that_was_set_back_is_believed_after_a_while() {
        let mut repeats = Repeats::default();
        numbered(&mut repeats, 10_000_000, 0);
        let verdicts: Vec<_> = (1..=25)
            .map(|i| numbered(&mut repeats, 1_000_000 + i * 1_000, i as u64))
            .collect();
        assert_eq!(verdicts.iter().filter(|v| **v == Admission::Late).count(), 19);
        assert_eq!(verdicts.last(), Some(&Admission::Live));
    }

    #[test]
    fn numbers_at_the_end_of_their_range_are_numbers_like_others() {
        let mut repeats = Repeats::default();
        let mut at = 0;
        for boot in 0..3 {
            for number in [0, u64::MAX, u64::MAX - 1, 1, 5, 3] {
                at += 1_000;
                let sequence = Some(Sequence {
                    boot: Boot(boot),
                    number,
                });
                let admitted = repeats.admit(Timestamp(at), Timestamp(at), sequence, &samples(1.0), WINDOW);
                assert_eq!(admitted, Admission::Live, "{boot} {number}");
            }
        }
    }

    proptest! {
        #[test]
        fn against_a_plain_set_nothing_new_is_dropped(numbers in proptest::collection::vec(0u64..60, 1..200)) {
            let (mut repeats, mut plain) = (Repeats::default(), BTreeSet::new());
            for number in numbers {
                let is_duplicate = numbered(&mut repeats, number as i64 * 1_000, number) == Admission::Duplicate;
                prop_assert_eq!(is_duplicate, !plain.insert(number), "{}", number);
            }
        }
    }
}
