//! Rounds of checkpoints: when a shard hands over the next slice of its learned states, and from where a restart replays.
//! No clock, no I/O: the commit thread drives it.
//!
//! A round is written at a pace, not at once: a device of five metrics has learned some 36 kB, and a thousand of them that send
//! all the time would otherwise cost the disk more than their readings do. The price is a longer tail of the journal to replay,
//! at most two rounds.

use super::commit::CheckpointSlice;
use std::time::{Duration, Instant};

/// Bytes of learned state that all shards together write in a second,
const BYTES_PER_SECOND: f64 = 524_288.0;
/// but a round never takes longer than this, however many devices there are: a restart has to be over soon.
const LONGEST_ROUND: Duration = Duration::from_secs(120);

/// What a shard is doing about its checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The next round begins then.
    Resting { until: Instant },
    /// It was asked for a slice.
    Asked,
    /// Within a round; the next slice is asked for then.
    Pausing { until: Instant },
}

#[derive(Debug, Clone, Copy)]
struct Round {
    phase: Phase,
    began: Instant,
    /// Position of the commit with the first slice.
    began_at: u64,
    replay_from: u64,
    /// Bytes in this round so far, and in the one before.
    bytes: usize,
    last_bytes: usize,
}

/// The rounds of all shards.
#[derive(Debug)]
pub struct Rounds {
    every: Duration,
    rounds: Vec<Round>,
}

impl Rounds {
    /// For so many shards; a round begins `every` so often, or when the one before has ended. After a restart records from
    /// `replay_from` on were replayed.
    pub fn new(shards: usize, replay_from: u64, every: Duration, now: Instant) -> Rounds {
        let round = Round {
            phase: Phase::Resting { until: now + every },
            began: now,
            began_at: 0,
            replay_from,
            bytes: 0,
            last_bytes: 0,
        };
        Rounds {
            every,
            rounds: vec![round; shards],
        }
    }

    /// The shards to ask for a slice now. Each is asked once, until it has answered.
    pub fn due(&mut self, now: Instant) -> Vec<usize> {
        let mut due = Vec::new();
        for (shard, round) in self.rounds.iter_mut().enumerate() {
            let is_due = match round.phase {
                Phase::Resting { until } | Phase::Pausing { until } => now >= until,
                Phase::Asked => false,
            };
            if is_due {
                if matches!(round.phase, Phase::Resting { .. }) {
                    round.began = now;
                }
                round.phase = Phase::Asked;
                due.push(shard);
            }
        }
        due
    }

    /// Nothing has changed in the shard: all that it handed over up to `position` is in its checkpoints.
    pub fn nothing_to_write(&mut self, shard: usize, position: u64, now: Instant) {
        let every = self.every;
        let round = &mut self.rounds[shard];
        round.replay_from = position;
        round.phase = Phase::Resting { until: now + every };
    }

    /// From where a restart replays.
    pub fn replay_from(&self) -> u64 {
        self.rounds.iter().map(|r| r.replay_from).min().unwrap_or(0)
    }

    /// The same, once the slice is on disk at `position`.
    pub fn replay_from_with(&self, slice: Option<&CheckpointSlice>, position: u64) -> u64 {
        let of = |(shard, round): (usize, &Round)| match slice {
            Some(slice) if slice.shard == shard && slice.is_last && slice.is_first => position,
            // the round that ends here began at `began_at`: older records are in every checkpoint of the shard
            Some(slice) if slice.shard == shard && slice.is_last => round.began_at,
            Some(_) | None => round.replay_from,
        };
        self.rounds.iter().enumerate().map(of).min().unwrap_or(0)
    }

    /// The slice is on disk at `position`.
    pub fn written(&mut self, slice: &CheckpointSlice, position: u64, now: Instant) {
        let shards = self.rounds.len();
        let every = self.every;
        let round = &mut self.rounds[slice.shard];
        if slice.is_first {
            (round.began_at, round.bytes) = (position, 0);
        }
        let bytes: usize = slice.states.iter().map(|(_, state)| state.len()).sum();
        round.bytes += bytes;
        if slice.is_last {
            round.replay_from = round.began_at;
            round.last_bytes = round.bytes;
            let until = (round.began + every).max(now);
            round.phase = Phase::Resting { until };
        } else {
            let until = now + pause(bytes, round.bytes.max(round.last_bytes), shards);
            round.phase = Phase::Pausing { until };
        }
    }
}

/// How long a shard waits after so many bytes, of about `in_round` in its round.
fn pause(bytes: usize, in_round: usize, shards: usize) -> Duration {
    let fair = BYTES_PER_SECOND / shards.max(1) as f64;
    let needed = in_round as f64 / LONGEST_ROUND.as_secs_f64();
    Duration::from_secs_f64(bytes as f64 / fair.max(needed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::DeviceIndex;

    const EVERY: Duration = Duration::from_secs(10);

    fn slice(shard: usize, bytes: usize, is_first: bool, is_last: bool) -> CheckpointSlice {
        CheckpointSlice {
            shard,
            states: vec![(DeviceIndex(0), vec![0; bytes])],
            is_first,
            is_last,
        }
    }

    /// Seconds that a round of this many slices takes, with a look at the rounds each quarter of a second.
    fn seconds_of(rounds: &mut Rounds, start: Instant, slices: usize, bytes: usize) -> f64 {
        let (mut told, mut now, mut began) = (0, start, None);
        while told < slices {
            now += Duration::from_millis(250);
            for shard in rounds.due(now) {
                began.get_or_insert(now);
                rounds.written(
                    &slice(shard, bytes, told == 0, told + 1 == slices),
                    told as u64 + 1,
                    now,
                );
                told += 1;
            }
        }
        (now - began.expect("it began")).as_secs_f64()
    }

    #[test]
    fn a_round_is_written_at_the_pace_of_half_a_mebibyte_a_second() {
        let start = Instant::now();
        let mut rounds = Rounds::new(1, 0, EVERY, start);
        let seconds = seconds_of(&mut rounds, start, 40, 1 << 18);
        assert!((19.0..22.0).contains(&seconds), "{seconds} s for 10 MiB");
    }

    #[test]
    fn a_large_fleet_is_written_within_two_minutes_from_its_second_round_on() {
        let start = Instant::now();
        let mut rounds = Rounds::new(1, 0, EVERY, start);
        seconds_of(&mut rounds, start, 480, 1 << 20);
        let later = start + Duration::from_secs(3_600);
        let seconds = seconds_of(&mut rounds, later, 480, 1 << 20);
        assert!((110.0..150.0).contains(&seconds), "{seconds} s for 480 MiB");
    }

    #[test]
    fn no_round_begins_before_the_one_before_has_ended() {
        let start = Instant::now();
        let mut rounds = Rounds::new(2, 0, EVERY, start);
        let mut now = start + EVERY;
        assert_eq!(rounds.due(now), [0, 1]);
        assert_eq!(rounds.due(now + EVERY * 10), [0usize; 0], "both were asked");
        rounds.written(&slice(0, 10_000_000, true, false), 5, now);
        now += EVERY;
        assert_eq!(rounds.due(now), [0usize; 0], "it pauses");
        now += EVERY * 10;
        assert_eq!(rounds.due(now), [0]);
        rounds.written(&slice(0, 10, false, true), 9, now);
        assert_eq!(rounds.due(now), [0], "it is late for its next round");
    }

    #[test]
    fn a_restart_replays_from_where_the_oldest_round_that_ended_began() {
        let now = Instant::now();
        let mut rounds = Rounds::new(2, 3, EVERY, now);
        rounds.due(now + EVERY);
        rounds.written(&slice(0, 10, true, false), 5, now);
        assert_eq!(rounds.replay_from(), 3);
        let last = slice(0, 10, false, true);
        assert_eq!(rounds.replay_from_with(Some(&last), 8), 3, "the other shard has none");
        rounds.written(&last, 8, now);
        rounds.nothing_to_write(1, 7, now);
        assert_eq!(rounds.replay_from(), 5);
        assert_eq!(rounds.replay_from_with(Some(&slice(0, 10, true, true)), 11), 7);
    }
}
