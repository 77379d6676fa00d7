//! Features of a snapshot in the time domain. Rising kurtosis and crest factor are early signs of a damaged bearing; late
//! damage lowers both again, so they are always given with the rms. Pure sums over samples; no plan, no memory.

use super::Unjudged;
use serde::Serialize;

/// How large a snapshot is, in the unit of its samples, after its mean was taken off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TimeFeatures {
    /// The mean that was taken off.
    pub mean: f64,
    /// √(Σx²/N).
    pub rms: f64,
    /// max |x|.
    pub peak: f64,
    /// Its form; none for a signal that does not move, which has none.
    pub shape: Option<ShapeFactors>,
}

/// Ratios without a unit: the form of a signal, whatever its size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ShapeFactors {
    /// peak / rms; sine 1.414.
    pub crest_factor: f64,
    /// m₄/m₂²; normal distribution 3, sine 1.5.
    pub kurtosis: f64,
    /// m₃/m₂^1.5; 0 for a symmetric signal.
    pub skewness: f64,
    /// rms / mean |x|; sine 1.111.
    pub shape_factor: f64,
    /// peak / mean |x|; sine 1.571.
    pub impulse_factor: f64,
    /// peak / (mean √|x|)²; sine 1.716 or so.
    pub clearance_factor: f64,
}

/// The features of one axis. What is empty or not finite has none.
pub fn time_features(samples: &[f32]) -> Result<TimeFeatures, Unjudged> {
    if samples.is_empty() {
        return Err(Unjudged::TooShort { samples: 0, needed: 1 });
    }
    let n = samples.len() as f64;
    let mean = samples.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    if !mean.is_finite() {
        let at = samples.iter().position(|x| !x.is_finite()).unwrap_or(0);
        return Err(Unjudged::NotFinite { at });
    }
    let (mut square, mut cube, mut fourth, mut size, mut root, mut peak) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0f64);
    for sample in samples {
        let x = f64::from(*sample) - mean;
        let (x2, magnitude) = (x * x, x.abs());
        square += x2;
        cube += x2 * x;
        fourth += x2 * x2;
        size += magnitude;
        root += magnitude.sqrt();
        peak = peak.max(magnitude);
    }
    let variance = square / n;
    let rms = variance.sqrt();
    let moves = rms > CONSTANT * mean.abs() && rms > 0.0;
    let shape = moves.then(|| ShapeFactors {
        crest_factor: peak / rms,
        kurtosis: fourth / n / (variance * variance),
        skewness: cube / n / (variance * rms),
        shape_factor: rms / (size / n),
        impulse_factor: peak / (size / n),
        clearance_factor: peak / (root / n).powi(2),
    });
    let shape = shape.filter(|s| s.kurtosis.is_finite() && s.clearance_factor.is_finite());
    Ok(TimeFeatures { mean, rms, peak, shape })
}

/// An rms below this share of the mean is the rounding of 32-bit samples (2⁻²⁴), not a vibration.
const CONSTANT: f64 = 6e-8;

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: f32, offset: f32) -> Vec<f32> {
        (0..1000)
            .map(|i| offset + amplitude * (i as f32 / 1000.0 * std::f32::consts::TAU * 7.0).sin())
            .collect()
    }

    #[test]
    fn a_sine_has_its_textbook_figures_whatever_its_mean() {
        let features = time_features(&sine(2.0, 9.81)).expect("finite");
        let shape = features.shape.expect("it moves");
        for (name, value, expected) in [
            ("mean", features.mean, 9.81),
            ("rms", features.rms, 2.0 / 2.0_f64.sqrt()),
            ("peak", features.peak, 2.0),
            ("crest", shape.crest_factor, std::f64::consts::SQRT_2),
            ("kurtosis", shape.kurtosis, 1.5),
            ("skewness", shape.skewness, 0.0),
            ("shape", shape.shape_factor, 1.1107),
            ("impulse", shape.impulse_factor, std::f64::consts::FRAC_PI_2),
            // 1 / (mean of √|sin|)² = 1 / 0.76276²
            ("clearance", shape.clearance_factor, 1.7188),
        ] {
            assert!((value - expected).abs() < 0.01, "{name} {value}");
        }
    }

    #[test]
    fn impacts_raise_kurtosis_and_crest() {
        let mut signal = sine(0.1, 0.0);
        signal.iter_mut().step_by(100).for_each(|x| *x += 3.0);
        let shape = time_features(&signal).expect("finite").shape.expect("it moves");
        assert!(shape.kurtosis > 4.0 && shape.crest_factor > 5.0, "{shape:?}");
        assert!(shape.skewness > 1.0, "the impacts point one way: {shape:?}");
    }

    #[test]
    fn a_signal_that_does_not_move_has_no_shape() {
        for constant in [0.0, 9.81, -1e30] {
            let features = time_features(&[constant; 64]).expect("finite");
            assert_eq!(features.shape, None, "{constant}");
        }
    }

    #[test]
    fn what_is_empty_or_not_finite_is_refused_with_its_reason() {
        assert_eq!(time_features(&[]), Err(Unjudged::TooShort { samples: 0, needed: 1 }));
        for bad in [f32::NAN, f32::INFINITY] {
            assert_eq!(time_features(&[1.0, 2.0, bad]), Err(Unjudged::NotFinite { at: 2 }));
        }
    }
}
