//! Acceleration of a pump bearing (6205) as a sensor would sample it: shaft harmonics, noise, and with wear the
//! impacts of a spalled outer race that ring at a structural resonance. Pure.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::noise::gauss;

/// Ball-pass frequency of the outer race in orders of shaft speed, 6205: n/2·(1 − d/D) with n 9, d 7.938 mm, D 39.04 mm.
pub const BPFO_ORDER: f64 = 9.0 / 2.0 * (1.0 - 7.938 / 39.04);

/// Resonance of housing and sensor that the impacts excite, and how fast it dies away.
const RESONANCE_HZ: f64 = 3_200.0;
const DECAY_PER_S: f64 = 900.0;
const STANDARD_GRAVITY_M_S2: f64 = 9.806_65;

/// How a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// Samples per snapshot.
    pub samples: usize,
    /// Sample rate.
    pub sample_rate_hz: f64,
}

/// One snapshot in g. `wear` is the damage 0..1 of the outer race; a standing shaft (`rpm` 0) gives noise only.
pub fn bearing_snapshot(
    rng: &mut ChaCha8Rng,
    sampling: Sampling,
    rpm: f64,
    vibration_rms_mm_s: f64,
    wear: f64,
) -> Vec<f64> {
    let Sampling {
        samples,
        sample_rate_hz,
    } = sampling;
    // Damage that has spread roughens the whole track: the noise rises and hides the impacts again.
    let noise_g = if rpm > 0.0 { 0.04 + 0.3 * wear * wear } else { 0.004 };
    let mut signal: Vec<f64> = (0..samples).map(|_| gauss(rng, noise_g)).collect();
    if rpm <= 0.0 {
        return signal;
    }
    let shaft_hz = rpm / 60.0;
    // Shares of the velocity at 1x, 2x, 3x; their squares add up to 1.
    for (order, share) in [(1.0, 0.85), (2.0, 0.45), (3.0, 0.274)] {
        let omega = std::f64::consts::TAU * shaft_hz * order;
        let peak_g = vibration_rms_mm_s * share * std::f64::consts::SQRT_2 * omega / 1000.0 / STANDARD_GRAVITY_M_S2;
        let phase = rng.random_range(0.0..std::f64::consts::TAU);
        for (index, value) in signal.iter_mut().enumerate() {
            *value += peak_g * (omega * index as f64 / sample_rate_hz + phase).sin();
        }
    }
    if wear > 0.0 {
        add_impacts(
            rng,
            &mut signal,
            sample_rate_hz,
            shaft_hz * BPFO_ORDER,
            2.5 * wear.sqrt(),
        );
    }
    signal
}

fn add_impacts(rng: &mut ChaCha8Rng, signal: &mut [f64], sample_rate_hz: f64, rate_hz: f64, peak_g: f64) {
    let period_s = 1.0 / rate_hz;
    let end_s = signal.len() as f64 / sample_rate_hz;
    let mut hit_s = -rng.random_range(0.0..period_s);
    while hit_s < end_s {
        let strength_g = peak_g * (1.0 + gauss(rng, 0.1));
        // After 8 time constants 0.03 % is left.
        let first = (hit_s.max(0.0) * sample_rate_hz).ceil() as usize;
        let last = (((hit_s + 8.0 / DECAY_PER_S) * sample_rate_hz) as usize).min(signal.len());
        for (index, value) in signal.iter_mut().enumerate().take(last).skip(first) {
            let since_s = index as f64 / sample_rate_hz - hit_s;
            *value +=
                strength_g * (-DECAY_PER_S * since_s).exp() * (std::f64::consts::TAU * RESONANCE_HZ * since_s).sin();
        }
        // Rolling elements slip a little: about 1 % of jitter.
        hit_s += period_s * (1.0 + gauss(rng, 0.01));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::rng_for;

    const SAMPLING: Sampling = Sampling {
        samples: 8192,
        sample_rate_hz: 12_800.0,
    };
    const RPM: f64 = 1480.0;

    fn snapshot(wear: f64) -> Vec<f64> {
        bearing_snapshot(&mut rng_for(4, "w"), SAMPLING, RPM, 1.0, wear)
    }

    fn kurtosis(signal: &[f64]) -> f64 {
        let n = signal.len() as f64;
        let mean = signal.iter().sum::<f64>() / n;
        let moment = |power: i32| signal.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
        moment(4) / moment(2).powi(2)
    }

    /// Amplitude of the rectified signal at one frequency (Goertzel by definition).
    fn envelope_line(signal: &[f64], hz: f64) -> f64 {
        let mean = signal.iter().map(|x| x.abs()).sum::<f64>() / signal.len() as f64;
        let (mut re, mut im) = (0.0, 0.0);
        for (index, x) in signal.iter().enumerate() {
            let angle = std::f64::consts::TAU * hz * index as f64 / SAMPLING.sample_rate_hz;
            re += (x.abs() - mean) * angle.cos();
            im += (x.abs() - mean) * angle.sin();
        }
        2.0 * (re * re + im * im).sqrt() / signal.len() as f64
    }

    #[test]
    fn the_order_of_bpfo_is_the_published_one() {
        assert!((BPFO_ORDER - 3.5850).abs() < 1e-4);
    }

    #[test]
    fn a_healthy_bearing_is_nearly_gaussian_and_a_worn_one_is_impulsive() {
        let (healthy, early, late) = (
            kurtosis(&snapshot(0.0)),
            kurtosis(&snapshot(0.1)),
            kurtosis(&snapshot(0.95)),
        );
        assert!((2.5..3.3).contains(&healthy), "{healthy}");
        assert!(early > 6.0, "{early}");
        assert!(late < early, "late damage hides its impacts: {early} -> {late}");
    }

    #[test]
    fn wear_puts_energy_at_bpfo_into_the_envelope() {
        let bpfo_hz = RPM / 60.0 * BPFO_ORDER;
        let (healthy, worn) = (snapshot(0.0), snapshot(0.2));
        assert!(envelope_line(&worn, bpfo_hz) > 10.0 * envelope_line(&healthy, bpfo_hz));
        assert!(envelope_line(&worn, bpfo_hz) > 5.0 * envelope_line(&worn, bpfo_hz * 1.37));
    }

    #[test]
    fn a_standing_pump_is_silent() {
        let signal = bearing_snapshot(&mut rng_for(4, "w"), SAMPLING, 0.0, 0.03, 1.0);
        assert!(signal.iter().all(|x| x.abs() < 0.03));
    }
}
