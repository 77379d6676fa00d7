//! Features of a waveform snapshot as metrics of its device. The formulas are in [`crate::vibration::features`].

use crate::vibration::snapshot::BANDS;
use crate::vibration::{SnapshotAnalyser, time_features};
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
    for features in waveform.axes.iter().filter_map(|axis| time_features(axis).ok()) {
        let (crest, kurtosis) = features
            .shape
            .map_or((f64::NEG_INFINITY, f64::NEG_INFINITY), |s| (s.crest_factor, s.kurtosis));
        for (largest, value) in largest.iter_mut().zip([features.rms, features.peak, crest, kurtosis]) {
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

/// Names of the octaves' features, the lowest first.
pub(crate) const OCTAVES: [&str; BANDS] = ["octave_1_g", "octave_2_g", "octave_3_g", "octave_4_g", "octave_5_g"];

/// [`waveform_features`] and the rms of each octave below half the sample rate, which a followed sensor is judged by; of several axes the
/// largest. Without the octaves if no axis can be judged: a snapshot that does not move changes no judgement.
pub fn followed_features(analyser: &mut SnapshotAnalyser, waveform: &Waveform) -> Vec<WaveformFeature> {
    let mut features = waveform_features(waveform);
    let mut largest: Option<[f64; BANDS]> = None;
    for measured in waveform.axes.iter().filter_map(|axis| analyser.measure(axis).ok()) {
        let before = largest.unwrap_or([f64::NEG_INFINITY; BANDS]);
        largest = Some(std::array::from_fn(|i| before[i].max(measured.octaves[i])));
    }
    let octaves = OCTAVES.into_iter().zip(largest.into_iter().flatten());
    features.extend(octaves.map(|(suffix, value)| WaveformFeature { suffix, value }));
    features
}

/// The axis that vibrates most: the one to diagnose.
pub fn strongest_axis(waveform: &Waveform) -> Option<&[f32]> {
    let rms = |axis: &Vec<f32>| time_features(axis).map_or(f64::NEG_INFINITY, |f| f.rms);
    let strongest = waveform.axes.iter().max_by(|a, b| rms(a).total_cmp(&rms(b)));
    strongest.map(Vec::as_slice)
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

    #[test]
    fn of_several_axes_the_largest_counts() {
        let sine = |amplitude: f32| -> Vec<f32> {
            (0..1000)
                .map(|i| 9.81 + amplitude * (i as f32 / 1000.0 * std::f32::consts::TAU * 50.0).sin())
                .collect()
        };
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
    fn a_signal_that_does_not_move_has_no_shape() {
        assert_eq!(features(vec![vec![0.0; 64]]), [("rms_g", 0.0), ("peak_g", 0.0)]);
    }
}
