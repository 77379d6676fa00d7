//! The only place of the gateway that asks what time it is.

use domain::Timestamp;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall time, or a demo's time that runs faster.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The system's clock.
    System,
    /// Starts at `start` and runs `speed` times as fast as real time.
    Scaled {
        /// Its time when it began.
        start: Timestamp,
        /// When it began.
        began: Instant,
        /// How much faster than real time.
        speed: f64,
    },
}

impl Clock {
    /// A clock that shows `start` now and runs `speed` times as fast as real time.
    pub fn scaled(start: Timestamp, speed: f64) -> Self {
        Clock::Scaled {
            start,
            began: Instant::now(),
            speed,
        }
    }

    /// The time.
    #[expect(clippy::disallowed_methods, reason = "the one place that may ask")]
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Clock::Scaled { start, began, speed } => {
                Timestamp(start.0 + (began.elapsed().as_secs_f64() * speed * 1_000.0) as i64)
            }
        }
    }

    /// How much faster than real time it runs.
    pub fn speed(&self) -> f64 {
        match self {
            Clock::System => 1.0,
            Clock::Scaled { speed, .. } => *speed,
        }
    }
}
