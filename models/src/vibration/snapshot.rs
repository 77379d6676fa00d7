//! Features of one snapshot for the monitor: level, form and energy by octaves. Buffers and plan are kept, so a stream of
//! snapshots of one length allocates nothing. Pure.

use super::Unjudged;
use super::features::{TimeFeatures, time_features};
use super::spectrum::hann;
use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Bands of energy: the octaves below half the sample rate, the lowest down to 0 Hz.
pub const BANDS: usize = 5;
/// Fewest samples: with fewer the lowest band has no line.
pub const LEAST_SAMPLES: usize = 128;
/// Power below this share of the whole is rounding.
const LEAST_SHARE: f64 = 1e-12;

/// What a snapshot looks like, as natural logarithms, so that a difference is a ratio whatever the unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SnapshotFeatures {
    /// ln(rms).
    pub log_rms: f64,
    /// ln(kurtosis); ln 3 without impacts.
    pub log_kurtosis: f64,
    /// ln(rms) of each band, lowest first.
    pub log_bands: [f64; BANDS],
}

impl SnapshotFeatures {
    /// From the quantities themselves, so that what was recorded gives the very features that were computed: rms and the rms
    /// of each octave in the unit of the samples, and the kurtosis.
    pub fn of(rms: f64, kurtosis: f64, octaves: [f64; BANDS]) -> Self {
        Self {
            log_rms: rms.ln(),
            log_kurtosis: kurtosis.ln(),
            log_bands: octaves.map(f64::ln),
        }
    }

    /// Whether all of it are numbers.
    pub(super) fn is_finite(&self) -> bool {
        self.log_rms.is_finite() && self.log_kurtosis.is_finite() && self.log_bands.iter().all(|b| b.is_finite())
    }
}

/// A snapshot in plain quantities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Its size and form.
    pub time: TimeFeatures,
    /// m₄/m₂².
    pub kurtosis: f64,
    /// Root mean square of each octave, in the unit of the samples, the lowest first.
    pub octaves: [f64; BANDS],
}

impl Measured {
    /// The same as the monitor looks at it.
    pub fn features(&self) -> SnapshotFeatures {
        SnapshotFeatures::of(self.time.rms, self.kurtosis, self.octaves)
    }
}

/// Computes [`SnapshotFeatures`].
pub struct SnapshotAnalyser {
    planner: RealFftPlanner<f64>,
    prepared: Option<Prepared>,
}

struct Prepared {
    plan: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
    input: Vec<f64>,
    output: Vec<Complex<f64>>,
    scratch: Vec<Complex<f64>>,
}

impl Default for SnapshotAnalyser {
    fn default() -> Self {
        Self {
            planner: RealFftPlanner::new(),
            prepared: None,
        }
    }
}

impl SnapshotAnalyser {
    /// The features of a snapshot, with those of the time domain they were made from.
    pub fn analyse(&mut self, samples: &[f32]) -> Result<(SnapshotFeatures, TimeFeatures), Unjudged> {
        let measured = self.measure(samples)?;
        Ok((measured.features(), measured.time))
    }

    /// The quantities that [`SnapshotFeatures`] are made of.
    pub fn measure(&mut self, samples: &[f32]) -> Result<Measured, Unjudged> {
        let n = samples.len();
        if n < LEAST_SAMPLES {
            return Err(Unjudged::TooShort {
                samples: n,
                needed: LEAST_SAMPLES,
            });
        }
        let time = time_features(samples)?;
        let shape = time.shape.ok_or(Unjudged::Constant)?;
        let measured = Measured {
            time,
            kurtosis: shape.kurtosis,
            octaves: self.octaves(samples, time.mean),
        };
        if measured.features().is_finite() {
            Ok(measured)
        } else {
            Err(Unjudged::Constant)
        }
    }

    /// Root mean square of each octave, by Parseval: 2·Σ|X|² / (N·Σw²), where Σw² of a Hann window is 3N/8.
    fn octaves(&mut self, samples: &[f32], mean: f64) -> [f64; BANDS] {
        let n = samples.len();
        let prepared = match self.prepared.take() {
            Some(prepared) if prepared.input.len() == n => prepared,
            Some(_) | None => {
                let plan = self.planner.plan_fft_forward(n);
                Prepared {
                    window: hann(n).collect(),
                    input: plan.make_input_vec(),
                    output: plan.make_output_vec(),
                    scratch: plan.make_scratch_vec(),
                    plan,
                }
            }
        };
        let prepared = self.prepared.insert(prepared);
        for ((input, x), w) in prepared.input.iter_mut().zip(samples).zip(&prepared.window) {
            *input = (f64::from(*x) - mean) * w;
        }
        prepared
            .plan
            .process_with_scratch(&mut prepared.input, &mut prepared.output, &mut prepared.scratch)
            .expect("buffers have the plan's lengths");
        let bins = &prepared.output[1..];
        let mut powers = [0.0; BANDS];
        let mut end = bins.len();
        for (band, power) in powers.iter_mut().enumerate().rev() {
            let start = if band == 0 { 0 } else { end / 2 };
            *power = bins[start..end].iter().map(Complex::norm_sqr).sum();
            end = start;
        }
        let least = powers.iter().sum::<f64>() * LEAST_SHARE;
        let scale = 16.0 / 3.0 / (n as f64 * n as f64);
        powers.map(|power| (scale * power.max(least)).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(n: usize, cycles_per_sample: f32, amplitude: f32) -> Vec<f32> {
        (0..n)
            .map(|i| amplitude * (std::f32::consts::TAU * cycles_per_sample * i as f32).sin() + 1.0)
            .collect()
    }

    #[test]
    fn energy_is_found_in_its_octave_whatever_the_length() {
        let mut analyser = SnapshotAnalyser::default();
        for n in [128, 129, 1_000, 2_560, 4_097] {
            for (band, frequency) in [(0, 0.02), (1, 0.045), (2, 0.09), (3, 0.19), (4, 0.4)] {
                let (features, _) = analyser.analyse(&tone(n, frequency, 1.0)).expect("sound");
                let loudest = (0..BANDS).max_by(|a, b| features.log_bands[*a].total_cmp(&features.log_bands[*b]));
                assert_eq!(loudest, Some(band), "{n} {frequency}");
            }
        }
    }

    #[test]
    fn twice_the_amplitude_is_ln_2_more_everywhere() {
        let mut analyser = SnapshotAnalyser::default();
        let (one, _) = analyser.analyse(&tone(2_560, 0.09, 1.0)).expect("sound");
        let (two, _) = analyser.analyse(&tone(2_560, 0.09, 2.0)).expect("sound");
        let ln2 = std::f64::consts::LN_2;
        assert!((two.log_rms - one.log_rms - ln2).abs() < 1e-6);
        assert!((two.log_bands[2] - one.log_bands[2] - ln2).abs() < 1e-6);
        assert!((two.log_kurtosis - one.log_kurtosis).abs() < 1e-6);
    }

    #[test]
    fn the_octaves_together_carry_what_the_snapshot_carries() {
        let mut analyser = SnapshotAnalyser::default();
        for n in [1_000, 2_560] {
            let measured = analyser.measure(&tone(n, 0.09, 2.0)).expect("sound");
            let all = measured.octaves.iter().map(|o| o * o).sum::<f64>().sqrt();
            assert!((all - 2f64.sqrt()).abs() < 0.02, "{all}");
        }
    }

    #[test]
    fn what_cannot_be_judged_says_why() {
        let mut analyser = SnapshotAnalyser::default();
        assert_eq!(
            analyser.analyse(&[]),
            Err(Unjudged::TooShort {
                samples: 0,
                needed: 128
            })
        );
        assert_eq!(analyser.analyse(&[0.5; 200]), Err(Unjudged::Constant));
        let mut broken = tone(200, 0.1, 1.0);
        broken[7] = f32::NAN;
        assert_eq!(analyser.analyse(&broken), Err(Unjudged::NotFinite { at: 7 }));
    }
}
