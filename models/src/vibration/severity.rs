//! Vibration severity: broad-band velocity from acceleration, and the zone it lies in. Pure.

use super::spectrum::{HANN_NOISE_BINS, PowerSpectrum};

pub use domain::vibration::limits::{DEFAULT_LIMITS, LIMIT_SETS, LimitSet, Zone};

/// Standard acceleration of gravity, m/s² (ISO 80000-3).
pub const STANDARD_GRAVITY: f64 = 9.806_65;
/// Below this speed the band of ISO 10816/20816 begins at 2 Hz instead of 10 Hz, r/min.
const SLOW_RPM: f64 = 600.0;
/// Upper end of the band, Hz.
const BAND_END_HZ: f64 = 1_000.0;

/// The band in which velocity is judged at this speed, Hz.
pub fn velocity_band_hz(rpm: f64) -> (f64, f64) {
    (if rpm < SLOW_RPM { 2.0 } else { 10.0 }, BAND_END_HZ)
}

/// Root mean square velocity, mm/s, of what lies from `low_hz` to `high_hz` in a spectrum of acceleration in g:
/// V(f) = A(f)/(2πf), bin by bin.
pub fn band_velocity_mm_s(acceleration_g: &PowerSpectrum, low_hz: f64, high_hz: f64) -> f64 {
    let bins = acceleration_g.bins(low_hz.max(acceleration_g.resolution_hz), high_hz);
    let first = bins.start;
    let square: f64 = acceleration_g.power[bins]
        .iter()
        .enumerate()
        .map(|(i, power)| {
            let omega = std::f64::consts::TAU * (first + i) as f64 * acceleration_g.resolution_hz;
            power / (omega * omega)
        })
        .sum();
    (square / HANN_NOISE_BINS).sqrt() * STANDARD_GRAVITY * 1e3
}

#[cfg(test)]
mod tests {
    use super::super::spectrum::{Plans, welch};
    use super::*;

    #[test]
    fn one_g_rms_at_100_hz_is_15_61_mm_per_second() {
        let signal: Vec<f64> = (0..40_000)
            .map(|i| 2f64.sqrt() * (std::f64::consts::TAU * 100.0 * f64::from(i) / 10_000.0).sin())
            .collect();
        let spectrum = welch(&mut Plans::default(), &signal, 10_000.0, 10_000);
        let velocity = band_velocity_mm_s(&spectrum, 10.0, 1_000.0);
        assert!((velocity - 15.61).abs() < 0.01, "{velocity}");
        assert!(band_velocity_mm_s(&spectrum, 200.0, 1_000.0) < 0.01);
        assert_eq!(band_velocity_mm_s(&spectrum, 10.0, 5.0), 0.0);
    }

    #[test]
    fn slow_machines_are_judged_from_2_hz() {
        assert_eq!(velocity_band_hz(599.0), (2.0, 1_000.0));
        assert_eq!(velocity_band_hz(600.0), (10.0, 1_000.0));
    }
}
