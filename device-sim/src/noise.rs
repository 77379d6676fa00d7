//! Seeded randomness and the slow movements that all machines share: drift, thermal lag, the hours of the day.
//! Every number comes from the generator that is passed in. No clock.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// FNV-1a over bytes, 64 bit: stable across versions and platforms, which the standard library's hashers do not promise.
#[must_use]
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A generator of its own for each name under one seed, so that adding a device changes no other device.
#[must_use]
pub fn rng_for(seed: u64, name: &str) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed ^ fnv1a(name.as_bytes()))
}

/// Normal deviate with this standard deviation, mean 0.
pub fn gauss<R: Rng>(rng: &mut R, sd: f64) -> f64 {
    rng.sample::<f64, _>(StandardNormal) * sd
}

/// Hour of the day 0..24, UTC, fractional.
#[must_use]
pub fn hour_of_day(now_ms: i64) -> f64 {
    now_ms.rem_euclid(86_400_000) as f64 / 3_600_000.0
}

/// Wave of one day, -1..1, highest at `peak_hour`.
#[must_use]
pub fn daily_wave(now_ms: i64, peak_hour: f64) -> f64 {
    ((hour_of_day(now_ms) - peak_hour) / 24.0 * std::f64::consts::TAU).cos()
}

/// A random value that wanders around 0 (Ornstein-Uhlenbeck): weather, demand, a valve that somebody turns.
#[derive(Debug, Clone)]
pub struct Drift {
    value: f64,
    sd: f64,
    tau_s: f64,
}

impl Drift {
    /// Starts at a random place. `sd` is its spread in the long run, `tau_s` how long it remembers.
    pub fn new<R: Rng>(rng: &mut R, sd: f64, tau_s: f64) -> Drift {
        Drift {
            value: gauss(rng, sd),
            sd,
            tau_s,
        }
    }

    /// Value after `dt_s` more seconds; exact for any step. Kept within three standard deviations.
    pub fn step<R: Rng>(&mut self, rng: &mut R, dt_s: f64) -> f64 {
        let keep = (-dt_s / self.tau_s).exp();
        let next = self.value * keep + gauss(rng, self.sd * (1.0 - keep * keep).sqrt());
        self.value = next.clamp(-3.0 * self.sd, 3.0 * self.sd);
        self.value
    }
}

/// A first-order lag: temperatures and pressures follow their cause with a time constant.
#[derive(Debug, Clone)]
pub struct Lag {
    value: Option<f64>,
    tau_s: f64,
}

impl Lag {
    /// Takes its first target at once: the machine has been running before we look.
    #[must_use]
    pub fn new(tau_s: f64) -> Lag {
        Lag { value: None, tau_s }
    }

    /// Value after `dt_s` more seconds towards `target`.
    pub fn step(&mut self, target: f64, dt_s: f64) -> f64 {
        let value = match self.value {
            None => target,
            Some(value) => target + (value - target) * (-dt_s / self.tau_s).exp(),
        };
        self.value = Some(value);
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_name_give_the_same_numbers_and_another_name_does_not() {
        let draw = |seed, name| gauss(&mut rng_for(seed, name), 1.0);
        assert_eq!(draw(1, "a/pump-001"), draw(1, "a/pump-001"));
        assert_ne!(draw(1, "a/pump-001"), draw(1, "a/pump-002"));
        assert_ne!(draw(1, "a/pump-001"), draw(2, "a/pump-001"));
    }

    #[test]
    fn a_lag_covers_63_percent_of_the_way_in_one_time_constant() {
        let mut lag = Lag::new(60.0);
        assert_eq!(lag.step(0.0, 1.0), 0.0);
        let mut value = 0.0;
        for _ in 0..60 {
            value = lag.step(1.0, 1.0);
        }
        assert!((value - 0.632).abs() < 0.001, "{value}");
    }

    #[test]
    fn the_day_is_warmest_at_its_peak_hour() {
        assert!((daily_wave(15 * 3_600_000, 15.0) - 1.0).abs() < 1e-9);
        assert!((daily_wave(3 * 3_600_000, 15.0) + 1.0).abs() < 1e-9);
    }
}
