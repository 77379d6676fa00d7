//! Is there a family of lines at a frequency, its harmonics and its side bands, and could it be chance? The same search is
//! made at frequencies where no fault of this bearing can lie; their spread in this very spectrum is the measure. Nothing is
//! learned and nothing is fitted. Pure.

use super::envelope::EnvelopeSpectrum;

/// Elements roll, and slide a little: a line may lie so far from its computed place. 1-2 % is usual (Randall & Antoni, Mech.
/// Syst. Signal Process. 25 (2011) 485-520).
pub(super) const SLIP: f64 = 0.015;
/// Steps of the search from -SLIP to SLIP.
const SLIP_STEPS: i32 = 30;
/// Lines of a family: the fault frequency and two harmonics.
pub(super) const HARMONICS: usize = 3;
/// A pair of side bands counts half as much as its line.
const SIDE_WEIGHT: f64 = 0.5;
/// Frequencies tried for comparison.
const DECOYS: u32 = 55;
/// They reach from this share of the lowest fault frequency …
const DECOYS_FROM: f64 = 0.6;
/// … to this multiple of the highest.
const DECOYS_TO: f64 = 1.5;
/// A decoy keeps this distance from every line that a fault may cause, so that a fault is not its own noise.
const DECOY_CLEARANCE: f64 = 0.035;
/// Least spread that is believed, in nepers: half a dozen averaged segments scatter by as much.
const LEAST_SPREAD: f64 = 0.3;
/// 1.4826: MAD to standard deviation, normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;

/// A family of lines as it is looked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Family {
    /// The fault frequency, Hz.
    pub frequency_hz: f64,
    /// Distance of its side bands, Hz: what modulates it. None for a fault that stands still in the load.
    pub side_hz: Option<f64>,
}

/// A family of lines as it was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found {
    /// Sum of the lines' heights over the floor, nepers, side bands at half.
    pub strength: f64,
    /// Found frequency over computed frequency, minus 1.
    pub slip: f64,
    /// Height of each harmonic, nepers.
    pub harmonics: Vec<f64>,
    /// Mean height of the two side bands of each harmonic, nepers; empty without side bands.
    pub sides: Vec<f64>,
}

/// The highest of the line's bin and its neighbours.
fn line(height: &[f64], resolution_hz: f64, hz: f64) -> f64 {
    let bin = (hz / resolution_hz).round() as usize;
    if bin < 2 || bin + 2 >= height.len() {
        return 0.0;
    }
    height[bin - 1..=bin + 1].iter().copied().fold(0.0, f64::max)
}

/// The family at the slip that makes it strongest; all its lines slip together.
pub(super) fn search(spectrum: &EnvelopeSpectrum, family: &Family) -> Found {
    let mut best: Option<Found> = None;
    for step in 0..=SLIP_STEPS {
        let slip = SLIP * (2.0 * f64::from(step) / f64::from(SLIP_STEPS) - 1.0);
        let frequency = family.frequency_hz * (1.0 + slip);
        let at = |hz| line(&spectrum.height, spectrum.resolution_hz, hz);
        let orders = || (1..=HARMONICS).map(|h| h as f64 * frequency);
        let harmonics: Vec<f64> = orders().map(at).collect();
        let sides: Vec<f64> = family
            .side_hz
            .map(|side| orders().map(|hz| 0.5 * (at(hz - side) + at(hz + side))).collect())
            .unwrap_or_default();
        let strength = harmonics.iter().sum::<f64>() + SIDE_WEIGHT * sides.iter().sum::<f64>();
        if best.as_ref().is_none_or(|b| strength > b.strength) {
            best = Some(Found {
                strength,
                slip,
                harmonics,
                sides,
            });
        }
    }
    best.expect("at least one slip was tried")
}

/// Frequencies for comparison: over the range of the fault frequencies, away from them, their first harmonics and their half.
pub(super) fn decoys(faults_hz: &[f64]) -> Vec<f64> {
    let lowest = faults_hz.iter().copied().fold(f64::INFINITY, f64::min) * DECOYS_FROM;
    let highest = faults_hz.iter().copied().fold(0.0, f64::max) * DECOYS_TO;
    (0..DECOYS)
        .map(|i| lowest + (highest - lowest) * f64::from(i) / f64::from(DECOYS - 1))
        .filter(|hz| {
            let is_near = |line: f64| (hz / line - 1.0).abs() < DECOY_CLEARANCE;
            !faults_hz
                .iter()
                .any(|fault| [0.5, 1.0, 2.0, 3.0].iter().any(|h| is_near(h * fault)))
        })
        .collect()
}

/// How a family stands against the decoys of its spectrum.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Standing {
    /// By how many standard deviations of the decoys it stands out.
    pub sigma: f64,
    /// Its lines.
    pub found: Found,
    /// The same for each decoy: where it lies after slipping, Hz, and how far it stands out.
    pub decoys: Vec<(f64, f64)>,
}

/// Compares a family with families like it at the decoys.
pub(super) fn standing(spectrum: &EnvelopeSpectrum, family: &Family, decoys_hz: &[f64]) -> Standing {
    let found = search(spectrum, family);
    let others: Vec<(f64, f64)> = decoys_hz
        .iter()
        .map(|hz| {
            let other = search(
                spectrum,
                &Family {
                    frequency_hz: *hz,
                    ..*family
                },
            );
            (hz * (1.0 + other.slip), other.strength)
        })
        .collect();
    let middle = median(&mut others.iter().map(|o| o.1).collect::<Vec<_>>());
    let mut deviations: Vec<f64> = others.iter().map(|o| (o.1 - middle).abs()).collect();
    let spread = MAD_TO_SIGMA * median(&mut deviations) + LEAST_SPREAD;
    Standing {
        sigma: (found.strength - middle) / spread,
        found,
        decoys: others
            .iter()
            .map(|(hz, strength)| (*hz, (strength - middle) / spread))
            .collect(),
    }
}

/// The middle value; 0 of none.
pub(super) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::super::envelope::Method;
    use super::*;

    fn spectrum(lines: &[(f64, f64)]) -> EnvelopeSpectrum {
        let mut height = vec![0.2; 2_000];
        for (hz, value) in lines {
            height[(hz / 0.5).round() as usize] = *value;
        }
        EnvelopeSpectrum {
            method: Method::Broadband,
            band_hz: (0.0, 6_000.0),
            resolution_hz: 0.5,
            height,
        }
    }

    #[test]
    fn a_family_is_found_with_its_slip_and_stands_out() {
        let spectrum = spectrum(&[(108.0, 5.0), (216.0, 4.0), (324.0, 3.0), (78.0, 2.0), (138.0, 2.0)]);
        let family = Family {
            frequency_hz: 107.0,
            side_hz: Some(30.0),
        };
        let Standing { sigma, found, .. } = standing(&spectrum, &family, &decoys(&[107.0, 162.0, 141.0]));
        assert!(sigma > 5.0, "{sigma}");
        assert!((found.slip - 1.0 / 107.0).abs() < 0.003, "{}", found.slip);
        assert_eq!(found.harmonics, [5.0, 4.0, 3.0]);
        assert_eq!(found.sides[0], 2.0);
    }

    #[test]
    fn where_all_lines_are_alike_no_family_stands_out() {
        let family = Family {
            frequency_hz: 107.0,
            side_hz: None,
        };
        let standing = standing(&spectrum(&[]), &family, &decoys(&[107.0, 162.0, 141.0]));
        assert_eq!(standing.sigma, 0.0);
    }

    #[test]
    fn decoys_keep_away_from_faults_and_lines_beyond_the_spectrum_are_none() {
        let faults = [107.0, 162.0, 141.0];
        let decoys = decoys(&faults);
        assert!(decoys.len() > 25, "{}", decoys.len());
        for (decoy, fault) in decoys.iter().flat_map(|d| faults.iter().map(move |f| (d, f))) {
            assert!((decoy / fault - 1.0).abs() >= 0.035);
        }
        let family = Family {
            frequency_hz: 5_000.0,
            side_hz: Some(6_000.0),
        };
        assert_eq!(search(&spectrum(&[]), &family).strength, 0.0);
    }
}
