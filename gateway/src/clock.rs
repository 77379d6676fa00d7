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

    /// That of a rehearsal: `2026-11-30T20:00:00Z*60` runs 60 times as fast as real time and showed what real time did at
    /// the instant named. So it goes on over a restart. None if it is not an instant, `*` and a speed above 0.
    pub fn of_rehearsal(setting: &str) -> Option<Self> {
        let (anchor, speed) = setting.split_once('*')?;
        let (anchor, speed): (_, f64) = (Timestamp::parse_rfc3339(anchor)?, speed.parse().ok()?);
        if !(speed > 0.0 && speed <= 10_000_000.0) {
            return None;
        }
        let passed = (Clock::System.now() - anchor).0 as f64 * speed;
        Some(Clock::scaled(Timestamp(anchor.0 + passed as i64), speed))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rehearsal_is_an_instant_and_a_speed_and_goes_on_over_a_restart() {
        let anchor = Clock::System.now() - domain::Millis::minutes(1);
        let clock = Clock::of_rehearsal(&format!("{anchor}*60")).expect("sound");
        assert_eq!(clock.speed(), 60.0);
        let shown = (clock.now() - anchor).as_hours();
        assert!(
            (1.0..1.1).contains(&shown),
            "a minute of ours is an hour of its: {shown}"
        );
        for wrong in [
            "",
            "60",
            "2026-11-30T20:00:00Z",
            "yesterday*60",
            "2026-11-30T20:00:00Z*0",
            "2026-11-30T20:00:00Z*-1",
        ] {
            assert!(Clock::of_rehearsal(wrong).is_none(), "{wrong}");
        }
    }
}
