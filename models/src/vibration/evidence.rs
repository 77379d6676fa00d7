//! What a verdict rests on, in the words and numbers of a vibration analyst.

use super::diagnose::FaultClass;
use super::envelope::Method;
use super::severity::Zone;
use serde::Serialize;
use std::fmt;

/// One observation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// Lines of a bearing fault in an envelope spectrum.
    BearingLines {
        /// The fault that makes such lines.
        class: FaultClass,
        /// How the envelope was made.
        method: Method,
        /// The demodulated band, Hz.
        band_hz: (f64, f64),
        /// Where the line should lie without slip, Hz.
        expected_hz: f64,
        /// Where it lies, Hz.
        found_hz: f64,
        /// Found over expected, minus 1, percent.
        slip_percent: f64,
        /// Height of the line and its harmonics over the local noise floor, dB.
        harmonics_db: Vec<f64>,
        /// Distance of the side bands, Hz: shaft for the inner race, cage for a ball.
        side_band_spacing_hz: Option<f64>,
        /// Mean height of each pair of side bands over the floor, dB.
        side_bands_db: Vec<f64>,
        /// Standard deviations above what this spectrum shows where no fault can lie.
        sigma: f64,
        /// Mean of `sigma` over all methods.
        mean_sigma: f64,
    },
    /// Lines of something else, stronger than those of any fault of this bearing.
    ForeignLines {
        /// Where the first lies, Hz.
        found_hz: f64,
        /// The same as a multiple of the shaft frequency.
        order: f64,
        /// Its support, as that of a fault.
        support: f64,
    },
    /// How impulsive the signal is.
    Impacts {
        /// m₄/m₂² of the whole recording; 3 for a normal distribution.
        kurtosis: f64,
        /// Median over pieces of the recording, which one knock cannot raise.
        median_kurtosis: f64,
        /// peak/rms.
        crest_factor: f64,
    },
    /// How strong the vibration is.
    Level {
        /// Acceleration, g rms, mean removed.
        rms_g: f64,
        /// Highest magnitude, g.
        peak_g: f64,
    },
    /// Velocity and its zone.
    Velocity {
        /// mm/s rms.
        velocity_mm_s: f64,
        /// The band, Hz.
        band_hz: (f64, f64),
        /// The zone.
        zone: Zone,
        /// Where the limits come from.
        limits: String,
    },
    /// Orders of the shaft.
    ShaftOrders {
        /// The shaft frequency, Hz.
        shaft_hz: f64,
        /// Velocity at 1×, 2×, 3×, mm/s rms; 0 where no line stands out.
        orders_mm_s: [f64; 3],
        /// Lines at order 3 and above or at half orders.
        many_lines: usize,
    },
    /// The tooth mesh.
    GearMesh {
        /// Teeth × shaft frequency, Hz.
        mesh_hz: f64,
        /// Height of its line over the floor, dB.
        mesh_db: f64,
        /// Side bands over mesh line; above 1 damage.
        side_band_ratio: f64,
    },
    /// Something a reader must know before believing the rest.
    Remark {
        /// In words.
        text: String,
    },
}

fn list(values: &[f64]) -> String {
    let shown: Vec<String> = values.iter().map(|v| format!("{v:.0}")).collect();
    shown.join(", ")
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BearingLines {
                class,
                method,
                band_hz,
                expected_hz,
                found_hz,
                slip_percent,
                harmonics_db,
                side_band_spacing_hz,
                side_bands_db,
                sigma,
                mean_sigma,
            } => {
                let method = match method {
                    Method::Broadband => "broadband envelope",
                    Method::Prewhitened => "prewhitened envelope",
                    Method::Octave => "envelope of the octave",
                    Method::Kurtogram => "envelope of the band with the highest spectral kurtosis",
                };
                write!(
                    f,
                    "{class}: line at {found_hz:.2} Hz, expected {expected_hz:.2} Hz, slip {slip_percent:+.1} %; it and its harmonics stand {} dB over the floor",
                    list(harmonics_db)
                )?;
                if let Some(spacing) = side_band_spacing_hz {
                    write!(f, ", side bands at ±{spacing:.2} Hz {} dB", list(side_bands_db))?;
                }
                write!(
                    f,
                    "; {sigma:.1} σ above frequencies where no fault lies, {mean_sigma:.1} σ over all methods ({method}, {:.0}-{:.0} Hz)",
                    band_hz.0, band_hz.1
                )
            }
            Self::ForeignLines {
                found_hz,
                order,
                support,
            } => write!(
                f,
                "lines near {found_hz:.1} Hz and its harmonics, {order:.2} times the shaft (support {support:.1}), that fit no fault of this bearing: check speed and geometry, then look for another bearing, gear or belt"
            ),
            Self::Impacts {
                kurtosis,
                median_kurtosis,
                crest_factor,
            } => write!(
                f,
                "impacts: kurtosis {kurtosis:.1} (median of pieces {median_kurtosis:.1}; 3 without impacts), crest factor {crest_factor:.1}"
            ),
            Self::Level { rms_g, peak_g } => write!(f, "acceleration: {rms_g:.3} g rms, peak {peak_g:.2} g"),
            Self::Velocity {
                velocity_mm_s,
                band_hz,
                zone,
                limits,
            } => write!(
                f,
                "velocity: {velocity_mm_s:.2} mm/s rms from {:.0} to {:.0} Hz, zone {zone:?} of {limits}",
                band_hz.0, band_hz.1
            ),
            Self::ShaftOrders {
                shaft_hz,
                orders_mm_s: [one, two, three],
                many_lines,
            } => write!(
                f,
                "shaft at {shaft_hz:.2} Hz: 1× {one:.2}, 2× {two:.2}, 3× {three:.2} mm/s rms, {many_lines} lines at higher or half orders"
            ),
            Self::GearMesh {
                mesh_hz,
                mesh_db,
                side_band_ratio,
            } => write!(
                f,
                "gear: mesh at {mesh_hz:.1} Hz stands {mesh_db:.0} dB over the floor, side bands to mesh {side_band_ratio:.2} (damage above 1)"
            ),
            Self::Remark { text } => f.write_str(text),
        }
    }
}
