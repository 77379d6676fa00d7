//! Demodulation: a band of the spectrum, its squared envelope, and that envelope's spectrum against its local noise floor.
//! Several bands are looked at, because nobody knows beforehand which resonance a defect excites. Pure.

use super::spectrum::{Plans, welch};
use rustfft::num_complex::Complex;
use serde::Serialize;

/// How an envelope was made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Everything above two shaft orders.
    Broadband,
    /// The same after every spectral line was given the same size, so that strong shaft and gear lines hide nothing
    /// (cepstral prewhitening; Borghesani et al., Mech. Syst. Signal Process. 36 (2013) 370-384).
    Prewhitened,
    /// One octave.
    Octave,
    /// The band of the highest spectral kurtosis (after Antoni, Mech. Syst. Signal Process. 21 (2007) 108-124).
    Kurtogram,
}

/// A squared envelope.
pub(super) struct Envelope {
    pub method: Method,
    pub band_hz: (f64, f64),
    pub squared: Vec<f64>,
    pub rate_hz: f64,
}

/// Bands end here, as a share of half the sample rate: above it anti-alias filters leave nothing to see.
const BAND_TOP: f64 = 0.9;
/// A resonance band must be so many times as wide as the highest fault frequency, to carry its first two harmonics.
const BAND_PER_FAULT: f64 = 2.0;
/// Into how many equal bands half the sample rate is cut by turns, as in the 1/3-binary tree of the fast kurtogram.
const KURTOGRAM_CUTS: [u32; 6] = [2, 3, 4, 6, 8, 12];
/// So many revolutions make a segment of the envelope spectrum: lines 1/50 of the shaft frequency apart.
const REVOLUTIONS_PER_SEGMENT: f64 = 50.0;
/// Fewest segments whose average is taken.
const LEAST_SEGMENTS: usize = 4;
/// The noise floor at a line is the median over so many shaft orders around it.
const FLOOR_ORDERS: f64 = 2.0;
/// Lines within so many bins of a multiple of the shaft frequency belong to the shaft.
const SHAFT_BINS: f64 = 1.6;

/// All envelopes of a signal whose mean is 0.
pub(super) fn envelopes(
    plans: &mut Plans,
    signal: &[f64],
    sample_rate_hz: f64,
    shaft_hz: f64,
    highest_fault_hz: f64,
) -> Vec<Envelope> {
    let n = signal.len();
    let bins = plans.transform(signal);
    let half = sample_rate_hz / 2.0;
    let low = 2.0 * shaft_hz;
    let mut cut = |bins: &[Complex<f64>], method, band_hz: (f64, f64)| {
        let (squared, rate_hz) = squared_envelope(plans, bins, n, sample_rate_hz, band_hz);
        Envelope {
            method,
            band_hz,
            squared,
            rate_hz,
        }
    };
    let mut found = vec![cut(&bins, Method::Broadband, (low, half))];
    let white: Vec<Complex<f64>> = bins.iter().map(|bin| bin / bin.norm().max(f64::MIN_POSITIVE)).collect();
    found.push(cut(&white, Method::Prewhitened, (low, half)));
    for share in [0.5, 0.25, 0.125] {
        let band = (half * share, half * share * 2.0);
        if band.1 - band.0 >= BAND_PER_FAULT * highest_fault_hz {
            found.push(cut(&bins, Method::Octave, band));
        }
    }
    let mut sharpest: Option<(f64, Envelope)> = None;
    for pieces in KURTOGRAM_CUTS {
        let width = half / f64::from(pieces);
        if width < BAND_PER_FAULT * highest_fault_hz {
            continue;
        }
        for piece in 0..pieces {
            let band = (
                (f64::from(piece) * width).max(low),
                (f64::from(piece + 1) * width).min(half * BAND_TOP),
            );
            if band.1 - band.0 < 0.5 * width {
                continue;
            }
            let envelope = cut(&bins, Method::Kurtogram, band);
            let kurtosis = spectral_kurtosis(&envelope.squared);
            if sharpest.as_ref().is_none_or(|(k, _)| kurtosis > *k) {
                sharpest = Some((kurtosis, envelope));
            }
        }
    }
    found.extend(sharpest.map(|(_, envelope)| envelope));
    found
}

/// ⟨|x|⁴⟩/⟨|x|²⟩² − 2 of an analytic signal: 0 for Gaussian noise.
fn spectral_kurtosis(squared: &[f64]) -> f64 {
    let n = squared.len() as f64;
    let mean = squared.iter().sum::<f64>() / n;
    let fourth = squared.iter().map(|x| x * x).sum::<f64>() / n;
    if mean > 0.0 { fourth / (mean * mean) - 2.0 } else { 0.0 }
}

/// |analytic signal|² of a band. Only the band's bins are transformed back, moved to 0 Hz, which changes no magnitude; twice
/// as many points as bins keep the square free of aliases.
fn squared_envelope(
    plans: &mut Plans,
    bins: &[Complex<f64>],
    n: usize,
    sample_rate_hz: f64,
    (low_hz, high_hz): (f64, f64),
) -> (Vec<f64>, f64) {
    let index = |hz: f64| (hz / sample_rate_hz * n as f64) as usize;
    let low = (index(low_hz) + 1).min(bins.len() - 1);
    let high = index(high_hz).clamp(low, bins.len() - 1);
    let length = convenient(2 * (high - low).max(4));
    let mut band = vec![Complex::default(); length];
    band[..high - low].copy_from_slice(&bins[low..high]);
    plans.inverse(length).process(&mut band);
    let squared = band.iter().map(Complex::norm_sqr).collect();
    (squared, sample_rate_hz * length as f64 / n as f64)
}

/// The next length whose transform is quick: a product of 2, 3 and 5.
pub(super) fn convenient(least: usize) -> usize {
    let is_smooth = |mut n: usize| {
        for prime in [2, 3, 5] {
            while n.is_multiple_of(prime) {
                n /= prime;
            }
        }
        n == 1
    };
    (least.max(1)..)
        .find(|n| is_smooth(*n))
        .expect("powers of two have no end")
}

/// An envelope's spectrum as natural logarithms of power over the local noise floor; what is below the floor is 0.
pub(super) struct EnvelopeSpectrum {
    pub method: Method,
    pub band_hz: (f64, f64),
    pub resolution_hz: f64,
    /// Height of each line; the shaft's own lines are 0, so that they prove nothing about the bearing.
    pub height: Vec<f64>,
}

/// The spectrum of an envelope up to `highest_hz`.
pub(super) fn envelope_spectrum(
    plans: &mut Plans,
    envelope: &Envelope,
    shaft_hz: f64,
    highest_hz: f64,
) -> EnvelopeSpectrum {
    let wanted = (envelope.rate_hz / shaft_hz * REVOLUTIONS_PER_SEGMENT).round() as usize;
    let length = convenient(wanted.min(envelope.squared.len() / LEAST_SEGMENTS).max(16));
    let mut spectrum = welch(plans, &envelope.squared, envelope.rate_hz, length);
    let resolution = spectrum.resolution_hz;
    let around = (FLOOR_ORDERS * shaft_hz / resolution / 2.0) as usize;
    spectrum.power.truncate((highest_hz / resolution) as usize + around + 2);
    let heights = over_floor(&spectrum.power, around, 0.5);
    let height = heights
        .iter()
        .enumerate()
        .map(|(i, height)| {
            let order = i as f64 * resolution / shaft_hz;
            let is_shaft = (order - order.round()).abs() * shaft_hz < SHAFT_BINS * resolution || order < 0.25;
            if is_shaft { 0.0 } else { *height }
        })
        .collect();
    EnvelopeSpectrum {
        method: envelope.method,
        band_hz: envelope.band_hz,
        resolution_hz: resolution,
        height,
    }
}

/// ln(power / quantile of the neighbourhood), at least 0.
pub(super) fn over_floor(power: &[f64], around: usize, quantile: f64) -> Vec<f64> {
    let mut window: Vec<f64> = Vec::with_capacity(2 * around + 1);
    (0..power.len())
        .map(|i| {
            window.clear();
            window.extend(&power[i.saturating_sub(around)..(i + around + 1).min(power.len())]);
            let at = (window.len() as f64 * quantile) as usize;
            let floor = *window.select_nth_unstable_by(at, f64::total_cmp).1;
            (power[i] / floor.max(f64::MIN_POSITIVE)).max(1.0).ln()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn convenient_lengths_are_products_of_small_primes() {
        for (least, expected) in [(0, 1), (7, 8), (11, 12), (121, 125), (1000, 1000), (1001, 1024)] {
            assert_eq!(convenient(least), expected);
        }
    }

    #[test]
    fn a_modulated_carrier_shows_its_modulation_in_the_envelope_of_its_band() {
        let rate = 12_000.0;
        let signal: Vec<f64> = (0..48_000)
            .map(|i| {
                let t = f64::from(i) / rate;
                let turn = std::f64::consts::TAU * t;
                (1.0 + 0.5 * (107.0 * turn).cos()) * (4_000.0 * turn).cos() + 0.01 * f64::from(i * 7_919 % 997) / 997.0
            })
            .collect();
        let mut plans = Plans::default();
        let all = envelopes(&mut plans, &signal, rate, 30.0, 160.0);
        let octave = all
            .iter()
            .find(|e| e.method == Method::Octave && e.band_hz.0 == 3_000.0)
            .expect("the octave of the carrier");
        let spectrum = envelope_spectrum(&mut plans, octave, 30.0, 400.0);
        let (at, height) = spectrum
            .height
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .expect("not empty");
        assert!(
            (at as f64 * spectrum.resolution_hz - 107.0).abs() <= spectrum.resolution_hz,
            "{at}"
        );
        assert!(*height > 6.0, "{height}");
    }

    #[test]
    fn bands_too_narrow_for_the_fault_are_left_out() {
        let signal: Vec<f64> = (0..4_000).map(|i| f64::from(i * 7_919 % 997)).collect();
        let methods: Vec<_> = envelopes(&mut Plans::default(), &signal, 2_000.0, 30.0, 400.0)
            .iter()
            .map(|e| e.method)
            .collect();
        assert_eq!(methods, [Method::Broadband, Method::Prewhitened]);
    }
}
