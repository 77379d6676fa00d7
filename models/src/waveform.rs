//! Time-domain features of a waveform snapshot. Rising kurtosis and crest factor are early signs of a damaged bearing;
//! late damage lowers both again, so they are always given with the rms.

use domain::wire::waveform::Waveform;

/// One feature: the metric is named `{sensor}.{suffix}`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaveformFeature {
    /// End of the metric's name, with its unit.
    pub suffix: &'static str,
    /// Its value.
    pub value: f64,
}

/// `rms_g`, `peak_g`, `crest_factor` (sine 1.414) and `kurtosis` (normal 3, sine 1.5) after removing the mean; of several
/// axes the largest of each. A signal that does not move has no crest factor and no kurtosis.
pub fn waveform_features(waveform: &Waveform) -> Vec<WaveformFeature> {
    let mut largest = [f64::NEG_INFINITY; 4];
    for axis in &waveform.axes {
        for (largest, value) in largest.iter_mut().zip(axis_features(axis)) {
            *largest = largest.max(value);
        }
    }
    ["rms_g", "peak_g", "crest_factor", "kurtosis"]
        .into_iter()
        .zip(largest)
        .filter(|(_, value)| value.is_finite())
        .map(|(suffix, value)| WaveformFeature { suffix, value })
        .collect()
}

fn axis_features(samples: &[f32]) -> [f64; 4] {
    let n = samples.len() as f64;
    let mean = samples.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    let (mut square, mut fourth, mut peak) = (0.0, 0.0, 0.0f64);
    for sample in samples {
        let x = f64::from(*sample) - mean;
        square += x * x;
        fourth += x * x * x * x;
        peak = peak.max(x.abs());
    }
    let variance = square / n;
    let rms = variance.sqrt();
    [rms, peak, peak / rms, fourth / n / (variance * variance)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(axes: Vec<Vec<f32>>) -> Vec<(&'static str, f64)> {
        let waveform = Waveform {
            measured_at: None,
            sample_rate_hz: 1000.0,
            rpm: None,
            axes,
        };
        waveform_features(&waveform)
            .iter()
            .map(|f| (f.suffix, f.value))
            .collect()
    }

    fn sine(amplitude: f32) -> Vec<f32> {
        (0..1000)
            .map(|i| 9.81 + amplitude * (i as f32 / 1000.0 * std::f32::consts::TAU * 50.0).sin())
            .collect()
    }

    #[test]
    fn a_sine_has_its_textbook_figures_whatever_its_mean() {
        let expected = [
            ("rms_g", 2.0 / 2.0_f64.sqrt()),
            ("peak_g", 2.0),
            ("crest_factor", std::f64::consts::SQRT_2),
            ("kurtosis", 1.5),
        ];
        for ((name, value), (expected_name, expected)) in features(vec![sine(1.0), sine(2.0)]).into_iter().zip(expected)
        {
            assert_eq!(name, expected_name);
            assert!((value - expected).abs() < 1e-3, "{name} {value}");
        }
    }

    #[test]
    fn impacts_raise_the_kurtosis() {
        let mut signal = sine(0.1);
        signal.iter_mut().step_by(100).for_each(|x| *x += 3.0);
        let kurtosis = features(vec![signal])[3].1;
        assert!(kurtosis > 4.0, "{kurtosis}");
    }

    #[test]
    fn a_signal_that_does_not_move_has_no_shape() {
        assert_eq!(features(vec![vec![0.0; 64]]), [("rms_g", 0.0), ("peak_g", 0.0)]);
    }
}
