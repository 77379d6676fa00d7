//! Faults of the shaft and of gears, read from the orders of the shaft. Without phase and without a second direction this is
//! only a first reading, so it speaks up only where the standard says that the machine vibrates too much. Pure.

use super::envelope::over_floor;
use super::severity::{LimitSet, Zone, band_velocity_mm_s, velocity_band_hz};
use super::spectrum::PowerSpectrum;

/// Lines per shaft order in the spectrum that [`read_orders`] wants.
pub(super) const LINES_PER_ORDER: f64 = 16.0;
/// A line spreads over so many bins to each side (Hann).
const LINE_BINS: f64 = 2.0;
/// The floor is this quantile over two orders: where every half order has a line, half of the bins are lines.
const FLOOR_QUANTILE: f64 = 0.25;
/// A line counts if it stands so high over the floor, nepers of power: 10 dB.
const STANDS_OUT: f64 = 2.303;
/// Highest order looked at.
const ORDERS: usize = 10;
/// A shaft fault is named only if shaft lines carry this share of the velocity's mean square.
const SHARE_OF_SHAFT: f64 = 0.5;
/// Unbalance: once-per-turn carries this share of the shaft lines' mean square.
const UNBALANCE_SHARE: f64 = 0.7;
/// Misalignment: twice-per-turn is at least half of once-per-turn (Technical Associates of Charlotte, diagnostic chart).
const MISALIGNMENT_RATIO: f64 = 0.5;
/// Looseness: so many lines at order 3 and above or at half orders …
const LOOSE_LINES: usize = 4;
/// … of at least this share of once-per-turn.
const LOOSE_RATIO: f64 = 0.1;
/// Side bands to each side that the side-band energy ratio sums (Hanna, Hatch et al., CM/MFPT 2011).
const GEAR_SIDE_BANDS: i32 = 6;

/// What the orders of the shaft say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ShaftReading {
    /// Velocity in the band of the standard, mm/s rms.
    pub velocity_mm_s: f64,
    pub band_hz: (f64, f64),
    pub zone: Zone,
    /// Velocity at one, two and three times the shaft frequency, mm/s rms; 0 where no line stands out.
    pub orders_mm_s: [f64; 3],
    /// How many lines at order 3 and above or at half orders stand out.
    pub many_lines: usize,
    /// Support of each fault, 1 where the limit B/C is reached by shaft lines alone.
    pub unbalance: f64,
    pub misalignment: f64,
    pub looseness: f64,
}

/// Reads a spectrum of acceleration in g with [`LINES_PER_ORDER`].
pub(super) fn read_orders(spectrum: &PowerSpectrum, rpm: f64, limits: &LimitSet) -> ShaftReading {
    let shaft_hz = rpm / 60.0;
    let band_hz = velocity_band_hz(rpm);
    let velocity = band_velocity_mm_s(spectrum, band_hz.0, band_hz.1);
    let heights = over_floor(&spectrum.power, LINES_PER_ORDER as usize, FLOOR_QUANTILE);
    let line = |order: f64| {
        let hz = order * shaft_hz;
        let half_width = LINE_BINS * spectrum.resolution_hz;
        let stands = peak(&heights, spectrum.resolution_hz, hz) > STANDS_OUT;
        // below the band of the standard there is no velocity to speak of
        if stands && hz >= band_hz.0 * 0.5 {
            band_velocity_mm_s(spectrum, hz - half_width, hz + half_width)
        } else {
            0.0
        }
    };
    let whole: Vec<f64> = (1..=ORDERS).map(|order| line(order as f64)).collect();
    let halves = [0.5, 1.5, 2.5, 3.5].map(line);
    let square: f64 = whole.iter().chain(&halves).map(|v| v * v).sum();
    let (one, two) = (whole[0], whole[1]);
    let is_many = |v: &&f64| **v > 0.0 && **v >= LOOSE_RATIO * one;
    let many_lines = whole[2..].iter().chain(&halves).filter(is_many).count();
    let severity = if square >= SHARE_OF_SHAFT * velocity * velocity {
        square.sqrt() / limits.limits_mm_s[1]
    } else {
        0.0
    };
    let is_loose = many_lines >= LOOSE_LINES;
    let is_misaligned = !is_loose && two >= MISALIGNMENT_RATIO * one && two > 0.0;
    let is_unbalanced = !is_loose && !is_misaligned && one * one >= UNBALANCE_SHARE * square;
    let support = |is: bool| if is { severity } else { 0.0 };
    ShaftReading {
        velocity_mm_s: velocity,
        band_hz,
        zone: limits.zone(velocity),
        orders_mm_s: [one, two, whole[2]],
        many_lines,
        unbalance: support(is_unbalanced),
        misalignment: support(is_misaligned),
        looseness: support(is_loose),
    }
}

/// What the tooth mesh says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct GearReading {
    pub mesh_hz: f64,
    /// Height of the mesh line over the floor, nepers.
    pub height: f64,
    /// Sum of six side bands to each side over the mesh line: below 1 healthy, above it damage.
    pub side_band_ratio: f64,
}

/// Reads the same spectrum at the mesh of a gear on this shaft; none beyond the spectrum or without a mesh line.
pub(super) fn read_mesh(spectrum: &PowerSpectrum, shaft_hz: f64, teeth: u32) -> Option<GearReading> {
    let mesh_hz = shaft_hz * f64::from(teeth);
    let reach = f64::from(GEAR_SIDE_BANDS + 1) * shaft_hz;
    if mesh_hz + reach > spectrum.resolution_hz * spectrum.power.len() as f64 || mesh_hz < reach {
        return None;
    }
    let heights = over_floor(&spectrum.power, LINES_PER_ORDER as usize, FLOOR_QUANTILE);
    let amplitude = |hz: f64| peak(&spectrum.power, spectrum.resolution_hz, hz).sqrt();
    let height = peak(&heights, spectrum.resolution_hz, mesh_hz);
    let sides: f64 = (-GEAR_SIDE_BANDS..=GEAR_SIDE_BANDS)
        .filter(|k| *k != 0)
        .map(|k| mesh_hz + f64::from(k) * shaft_hz)
        .filter(|hz| peak(&heights, spectrum.resolution_hz, *hz) > STANDS_OUT)
        .map(amplitude)
        .sum();
    (height > STANDS_OUT).then(|| GearReading {
        mesh_hz,
        height,
        side_band_ratio: sides / amplitude(mesh_hz),
    })
}

/// The highest of the bin at `hz` and its neighbours.
fn peak(values: &[f64], resolution_hz: f64, hz: f64) -> f64 {
    let bin = (hz / resolution_hz).round() as usize;
    let around = bin.saturating_sub(1)..(bin + 2).min(values.len());
    values.get(around).unwrap_or(&[]).iter().copied().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::super::severity::DEFAULT_LIMITS;
    use super::super::spectrum::{Plans, welch};
    use super::*;

    const RATE: f64 = 5_120.0;
    const RPM: f64 = 1_500.0;

    /// Lines given as (order, velocity in mm/s rms) over a little noise.
    fn spectrum(lines: &[(f64, f64)]) -> PowerSpectrum {
        let shaft = RPM / 60.0;
        let mut noise = 1u32;
        let signal: Vec<f64> = (0..40_960)
            .map(|i| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let t = f64::from(i) / RATE;
                let sum: f64 = lines
                    .iter()
                    .map(|(order, velocity)| {
                        let omega = std::f64::consts::TAU * order * shaft;
                        2f64.sqrt() * velocity * 1e-3 * omega / 9.806_65 * (omega * t + order).sin()
                    })
                    .sum();
                sum + 1e-3 * (f64::from(noise >> 8) / f64::from(1 << 24) - 0.5)
            })
            .collect();
        welch(
            &mut Plans::default(),
            &signal,
            RATE,
            (RATE / shaft * LINES_PER_ORDER) as usize,
        )
    }

    fn supports(lines: &[(f64, f64)]) -> [bool; 3] {
        let reading = read_orders(&spectrum(lines), RPM, DEFAULT_LIMITS);
        [reading.unbalance, reading.misalignment, reading.looseness].map(|s| s >= 1.0)
    }

    #[test]
    fn each_shaft_fault_shows_in_its_own_orders() {
        assert_eq!(supports(&[(1.0, 5.0), (2.0, 0.5)]), [true, false, false]);
        assert_eq!(supports(&[(1.0, 3.0), (2.0, 4.0)]), [false, true, false]);
        let loose = [
            (0.5, 1.0),
            (1.0, 3.0),
            (1.5, 1.0),
            (2.0, 2.0),
            (3.0, 2.0),
            (4.0, 1.5),
            (5.0, 1.0),
        ];
        assert_eq!(supports(&loose), [false, false, true]);
        assert_eq!(supports(&[(1.0, 1.0)]), [false, false, false], "below the limit B/C");
        assert_eq!(supports(&[]), [false, false, false]);
    }

    #[test]
    fn orders_and_zone_are_read_in_mm_per_second() {
        let reading = read_orders(&spectrum(&[(1.0, 3.0), (2.0, 1.0)]), RPM, DEFAULT_LIMITS);
        assert!((reading.orders_mm_s[0] - 3.0).abs() < 0.05, "{reading:?}");
        assert!((reading.orders_mm_s[1] - 1.0).abs() < 0.05, "{reading:?}");
        assert!((reading.velocity_mm_s - 10f64.sqrt()).abs() < 0.05, "{reading:?}");
        assert_eq!(reading.zone, Zone::C);
    }

    #[test]
    fn a_damaged_gear_has_side_bands_that_outweigh_its_mesh() {
        let gear = |side: f64| {
            let mut lines = vec![(20.0, 1.0)];
            lines.extend(
                [1.0, 2.0, 3.0]
                    .iter()
                    .flat_map(|k| [(20.0 - k, side), (20.0 + k, side)]),
            );
            read_mesh(&spectrum(&lines), RPM / 60.0, 20)
                .expect("a mesh line")
                .side_band_ratio
        };
        assert!(gear(0.05) < 0.5, "{}", gear(0.05));
        assert!(gear(0.5) > 1.0, "{}", gear(0.5));
        assert_eq!(read_mesh(&spectrum(&[]), RPM / 60.0, 20), None, "no mesh line");
        assert_eq!(
            read_mesh(&spectrum(&[]), RPM / 60.0, 2_000),
            None,
            "beyond the spectrum"
        );
    }
}
