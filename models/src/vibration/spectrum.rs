//! Spectra: Welch's method with Hann windows at 50 % overlap, scaled so that a line shows its mean square. One planner keeps
//! the plans, so that each length is prepared once. Pure: buffers in, numbers out.

use realfft::{RealFftPlanner, RealToComplex};
use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use std::sync::Arc;

/// Plans of all lengths used so far.
pub struct Plans {
    real: RealFftPlanner<f64>,
    complex: FftPlanner<f64>,
}

impl Default for Plans {
    fn default() -> Self {
        Self {
            real: RealFftPlanner::new(),
            complex: FftPlanner::new(),
        }
    }
}

impl Plans {
    /// The transform of a real signal of this length.
    pub(super) fn forward(&mut self, length: usize) -> Arc<dyn RealToComplex<f64>> {
        self.real.plan_fft_forward(length)
    }

    /// The inverse transform of this length, not scaled by it.
    pub(super) fn inverse(&mut self, length: usize) -> Arc<dyn Fft<f64>> {
        self.complex.plan_fft_inverse(length)
    }

    /// All bins of a real signal, from 0 Hz to half the sample rate.
    pub(super) fn transform(&mut self, signal: &[f64]) -> Vec<Complex<f64>> {
        let plan = self.forward(signal.len());
        let mut input = signal.to_vec();
        let mut output = plan.make_output_vec();
        // lengths come from the plan, and a real input has no imaginary part to complain about
        plan.process(&mut input, &mut output)
            .expect("buffers have the plan's lengths");
        output
    }
}

/// A one-sided power spectrum in (unit of the signal)² per bin: the mean square of a stationary line is the sum over its
/// bins divided by [`HANN_NOISE_BINS`].
#[derive(Debug, Clone, PartialEq)]
pub struct PowerSpectrum {
    /// Distance of two bins, Hz.
    pub resolution_hz: f64,
    /// Mean square per bin, from 0 Hz on.
    pub power: Vec<f64>,
    /// How many segments were averaged.
    pub segments: usize,
}

/// Noise bandwidth of the Hann window in bins (Harris, Proc. IEEE 66 (1978) 51-83).
pub const HANN_NOISE_BINS: f64 = 1.5;

/// Hann window, periodic.
pub(super) fn hann(length: usize) -> impl Iterator<Item = f64> {
    (0..length).map(move |i| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / length as f64).cos())
}

/// Welch's spectrum with segments of `length` samples (at most all of them); the mean of each segment is taken off first.
pub fn welch(plans: &mut Plans, signal: &[f64], sample_rate_hz: f64, length: usize) -> PowerSpectrum {
    let length = length.clamp(2, signal.len().max(2));
    let window: Vec<f64> = hann(length).collect();
    let plan = plans.forward(length);
    let (mut input, mut output, mut scratch) = (plan.make_input_vec(), plan.make_output_vec(), plan.make_scratch_vec());
    let mut power = vec![0.0; output.len()];
    let mut segments = 0;
    for segment in signal.windows(length).step_by((length / 2).max(1)) {
        let mean = segment.iter().sum::<f64>() / length as f64;
        for ((input, x), w) in input.iter_mut().zip(segment).zip(&window) {
            *input = (x - mean) * w;
        }
        plan.process_with_scratch(&mut input, &mut output, &mut scratch)
            .expect("buffers have the plan's lengths");
        for (power, bin) in power.iter_mut().zip(&output) {
            *power += bin.norm_sqr();
        }
        segments += 1;
    }
    // a sine of amplitude A has A²/2 at its peak: |X|² = (A/2 · Σw)², Σw = N/2, both sides
    let scale = 2.0 / ((length as f64 / 2.0).powi(2) * segments.max(1) as f64);
    let last = power.len() - 1;
    for (i, power) in power.iter_mut().enumerate() {
        *power *= if i == 0 || (i == last && length.is_multiple_of(2)) {
            scale / 2.0
        } else {
            scale
        };
    }
    PowerSpectrum {
        resolution_hz: sample_rate_hz / length as f64,
        power,
        segments,
    }
}

impl PowerSpectrum {
    /// Root mean square of what lies from `low_hz` to `high_hz`.
    pub fn band_rms(&self, low_hz: f64, high_hz: f64) -> f64 {
        let bins = self.bins(low_hz, high_hz);
        (self.power[bins].iter().sum::<f64>() / HANN_NOISE_BINS).sqrt()
    }

    /// Indices of the bins from `low_hz` to `high_hz`.
    pub fn bins(&self, low_hz: f64, high_hz: f64) -> std::ops::Range<usize> {
        let index = |hz: f64| ((hz / self.resolution_hz).max(0.0) as usize).min(self.power.len());
        let low = index((low_hz / self.resolution_hz).ceil() * self.resolution_hz + self.resolution_hz * 1e-6);
        low..index(high_hz + self.resolution_hz * (1.0 + 1e-6)).max(low)
    }

    /// Centre of gravity Σf·P/ΣP, Hz; none without power.
    pub fn centroid_hz(&self) -> Option<f64> {
        let sum: f64 = self.power.iter().skip(1).sum();
        let moment: f64 = self.power.iter().enumerate().skip(1).map(|(i, p)| i as f64 * p).sum();
        (sum > 0.0).then(|| moment / sum * self.resolution_hz)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: f64, hz: f64, rate: f64, n: usize) -> Vec<f64> {
        (0..n)
            .map(|i| amplitude * (std::f64::consts::TAU * hz * i as f64 / rate).sin())
            .collect()
    }

    #[test]
    fn a_sine_shows_its_rms_wherever_it_lies_between_bins_and_for_odd_lengths() {
        for length in [500, 501, 1024] {
            for hz in [50.0, 50.7, 123.4] {
                let spectrum = welch(&mut Plans::default(), &sine(2.0, hz, 1000.0, 5000), 1000.0, length);
                let rms = spectrum.band_rms(hz - 20.0, hz + 20.0);
                assert!((rms - 2f64.sqrt()).abs() < 0.01, "{length} {hz}: {rms}");
                assert!(spectrum.band_rms(300.0, 500.0) < 0.01);
                let centroid = spectrum.centroid_hz().expect("it moves");
                assert!((centroid - hz).abs() < 2.0, "{centroid}");
            }
        }
    }

    #[test]
    fn a_segment_longer_than_the_signal_takes_the_signal() {
        let spectrum = welch(&mut Plans::default(), &sine(1.0, 100.0, 1000.0, 100), 1000.0, 4096);
        assert_eq!((spectrum.segments, spectrum.power.len()), (1, 51));
        let nothing = welch(&mut Plans::default(), &[], 1000.0, 64);
        assert_eq!(nothing.segments, 0);
        assert_eq!(nothing.centroid_hz(), None);
    }
}
