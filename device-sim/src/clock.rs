//! Machine time at the edge: the only place of this crate that asks for the time of the computer.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Machine time = start + (real time since the clock was made) × speed. Copies run together.
#[derive(Debug, Clone, Copy)]
pub struct SimClock {
    start_ms: i64,
    origin: Instant,
    speed: f64,
}

impl SimClock {
    /// A clock that shows `start_ms` now and runs at `speed` machine seconds per second.
    #[must_use]
    pub fn start(start_ms: i64, speed: f64) -> SimClock {
        SimClock {
            start_ms,
            origin: Instant::now(),
            speed,
        }
    }

    /// Machine time, ms since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.at(self.origin.elapsed())
    }

    /// Machine time after this much real time.
    #[must_use]
    pub fn at(&self, elapsed: Duration) -> i64 {
        self.start_ms + (elapsed.as_secs_f64() * self.speed * 1000.0) as i64
    }

    /// Real time from now until the machine time `at_ms`; zero if it has passed.
    #[must_use]
    pub fn real_until(&self, at_ms: i64) -> Duration {
        let real_s = (at_ms - self.start_ms) as f64 / 1000.0 / self.speed;
        Duration::try_from_secs_f64(real_s)
            .unwrap_or(Duration::ZERO)
            .saturating_sub(self.origin.elapsed())
    }
}

/// The computer's time, ms since 1970.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that may ask")]
pub fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_time_runs_at_its_speed_from_its_start() {
        let clock = SimClock::start(1_000_000, 60.0);
        assert_eq!(clock.at(Duration::from_secs(2)), 1_120_000);
        assert_eq!(clock.real_until(1_000_000), Duration::ZERO);
        let left = clock.real_until(1_000_000 + 600_000);
        assert!(left <= Duration::from_secs(10) && left > Duration::from_secs(8));
    }
}
