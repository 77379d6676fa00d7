//! When to read the link again. No clock, no I/O.
//!
//! Each burst of publishes costs the same round through shards, commit and acknowledgements, however large it is. At a high rate a burst read
//! at once holds little, and the rounds take processor time from the broker. So a broker that sends much, but less than its window allows,
//! is read a little later, when more has come. One whose window is full is read at once, since it sends nothing before it is acknowledged.

use std::time::Duration;
use tokio::time::Instant;

/// A burst below this is read at once: at such rates rounds are cheap, and a reading should not wait.
const FEW: usize = 32;

/// From one burst to the next at a high rate. What a reading may wait longer, well below what a commit on a slow disk takes.
const PAUSE: Duration = Duration::from_millis(4);

/// How one link sends.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Most publishes that were unacknowledged at a time: what the broker's window is at least.
    most_unacknowledged: usize,
}

impl Pace {
    /// A burst of `count` publishes was read at `now`, after which `unacknowledged` wait; returns until when to let more come.
    pub(super) fn pause_after(&mut self, count: usize, unacknowledged: usize, now: Instant) -> Option<Instant> {
        self.most_unacknowledged = self.most_unacknowledged.max(unacknowledged);
        let is_window_full = unacknowledged * 4 >= self.most_unacknowledged * 3;
        (count >= FEW && !is_window_full).then(|| now + PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the link rests after each of these bursts, everything being acknowledged in between.
    fn rests(pace: &mut Pace, bursts: &[usize]) -> Vec<bool> {
        let now = Instant::now();
        let pause = |count: &usize| pace.pause_after(*count, *count, now).is_some();
        bursts.iter().map(pause).collect()
    }

    #[test]
    fn a_slow_broker_is_read_at_once() {
        let mut pace = Pace::default();
        assert_eq!(rests(&mut pace, &[1, 20, 3, 1, FEW - 1, 1]), [false; 6]);
    }

    #[test]
    fn a_broker_held_back_by_its_window_is_read_at_once() {
        let mut pace = Pace::default();
        assert_eq!(rests(&mut pace, &[100, 100, 99, 80, 100]), [false; 5]);
    }

    #[test]
    fn a_fast_broker_with_room_in_its_window_is_read_in_larger_bursts() {
        let mut pace = Pace::default();
        assert_eq!(
            rests(&mut pace, &[1_000, 70, 140, 700, 800]),
            [false, true, true, true, false]
        );
    }

    #[test]
    fn what_waits_for_the_disk_counts_as_unacknowledged() {
        let mut pace = Pace::default();
        let now = Instant::now();
        assert_eq!(pace.pause_after(100, 1_000, now), None);
        assert_eq!(pace.pause_after(100, 900, now), None);
        assert_eq!(pace.pause_after(100, 200, now), Some(now + PAUSE));
    }
}
