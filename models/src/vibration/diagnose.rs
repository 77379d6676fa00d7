//! Names the fault of one recording, without training. Each class gets a support, 1 being what is believed; the evidence of
//! several demodulations is averaged, because no single one finds every fault (Smith & Randall, Mech. Syst. Signal Process.
//! 64-65 (2015) 100-131). Pure.

use super::bearing::{BearingGeometry, FaultOrders};
use super::comb::{Family, Found, Standing, decoys, median, standing};
use super::envelope::{EnvelopeSpectrum, envelope_spectrum, envelopes};
use super::evidence::Evidence;
use super::features::{ShapeFactors, TimeFeatures, time_features};
use super::severity::LimitSet;
use super::shaft::{GearReading, LINES_PER_ORDER, ShaftReading, read_mesh, read_orders};
use super::spectrum::{Plans, welch};
use super::{Unjudged, comb};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// Nothing that can be seen.
    Healthy,
    /// Of the bearing.
    OuterRace,
    /// Of the bearing.
    InnerRace,
    /// Or roller.
    Ball,
    /// Of the rotor.
    Unbalance,
    /// Of the coupling or of the bearings to each other.
    Misalignment,
    /// Of feet, fits or caps.
    Looseness,
    /// A tooth.
    Gear,
    /// Impacts without a family of lines.
    Unknown,
}

impl fmt::Display for FaultClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::OuterRace => "outer race",
            Self::InnerRace => "inner race",
            Self::Ball => "ball",
            Self::Unbalance => "unbalance",
            Self::Misalignment => "misalignment",
            Self::Looseness => "looseness",
            Self::Gear => "gear",
            Self::Unknown => "unknown fault",
        })
    }
}

/// What is to be judged.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    /// Acceleration in g; several snapshots are joined in their order.
    pub snapshots: &'a [Vec<f32>],
    /// Samples per second.
    pub sample_rate_hz: f64,
    /// Shaft speed, revolutions per minute.
    pub rpm: f64,
    /// The bearing that the sensor sits on.
    pub geometry: BearingGeometry,
    /// Teeth of a gear on this shaft, if there is one.
    pub gear_teeth: Option<u32>,
    /// Limits of velocity for this machine.
    pub limits: &'static LimitSet,
}

/// How much speaks for a class; 1 is believed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Support {
    /// The class.
    pub class: FaultClass,
    /// Its support, from 0.
    pub support: f64,
}

/// A verdict with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The class with the most support; healthy if none reaches 1.
    pub fault_class: FaultClass,
    /// Its share of all support, 0 to 1.
    pub confidence: f64,
    /// All classes, the best supported first.
    pub supports: Vec<Support>,
    /// What was seen, the most important first.
    pub evidence: Vec<Evidence>,
}

/// A bearing fault is believed at this many standard deviations, averaged over all methods …
const MEAN_SIGMA: f64 = 1.5;
/// … together with this many, averaged over the three methods that show it best.
const BEST_SIGMA: f64 = 2.5;
/// A recording must have this many revolutions, or lines cannot be told apart.
pub(super) const LEAST_REVOLUTIONS: f64 = 20.0;
/// Below this many, a line's neighbours are not resolved as they should be.
const ENOUGH_REVOLUTIONS: f64 = 200.0;
/// Samples that are taken at most; the latest of a longer recording.
const MOST_SAMPLES: usize = 1 << 21;
/// Kurtosis that says impacts without doubt, lasting through the recording. Damage is suspected above 4.
const IMPACTS: f64 = 5.0;
/// Pieces for the median of the kurtosis.
const PIECES: usize = 16;
/// A ball that strikes irregularly, as it tumbles, leaves little of its line: so much of it must still be there.
const TRACE_OF_BALL: f64 = 0.3;
/// Lines elsewhere that have so many times the support of the best bearing fault explain what is seen of it.
const FOREIGN_RATIO: f64 = 1.5;
/// Lines elsewhere with this support are a fault, if not of this bearing. Weaker ones may be supply frequency or a neighbour.
const FOREIGN_FAULT: f64 = 2.0;
/// Supports beyond this say no more.
const MOST_SUPPORT: f64 = 5.0;
/// Acceleration outside this range, g rms, is hardly in g, and is not compared with limits.
const PLAUSIBLE_RMS_G: std::ops::RangeInclusive<f64> = 1e-4..=50.0;
/// 10·log₁₀(e): nepers of power to dB.
const DB: f64 = 4.342_944_819;

/// One bearing fault as all methods see it.
pub(super) struct Suspicion {
    pub class: FaultClass,
    pub family: Family,
    pub support: f64,
    pub mean_sigma: f64,
    /// σ, lines and index of the method, the clearest first.
    pub views: Vec<(f64, Found, usize)>,
}

/// A family of lines that belongs to no fault of this bearing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Foreign {
    pub frequency_hz: f64,
    pub support: f64,
}

/// All that the envelopes show.
pub(super) struct Suspicions {
    pub bearing: Vec<Suspicion>,
    pub foreign: Option<Foreign>,
    spectra: Vec<EnvelopeSpectrum>,
}

impl Suspicions {
    /// Foreign lines that are so much stronger than those of any fault that they explain what is seen there.
    fn stranger(&self) -> Option<Foreign> {
        let strongest = self.bearing.iter().map(|s| s.support).fold(0.0, f64::max);
        self.foreign.filter(|f| f.support > FOREIGN_RATIO * strongest.max(1.0))
    }
}

/// Judges a recording.
pub fn diagnose(plans: &mut Plans, recording: &Recording) -> Result<Diagnosis, Unjudged> {
    let orders = recording.geometry.orders();
    let (signal, time) = prepare(recording, &orders)?;
    let shape = time.shape.ok_or(Unjudged::Constant)?;
    let shaft_hz = recording.rpm / 60.0;
    let suspicions = suspect(plans, recording, &orders, &signal);
    let length = (recording.sample_rate_hz / shaft_hz * LINES_PER_ORDER) as usize;
    let spectrum = welch(plans, &signal, recording.sample_rate_hz, length);
    let shaft = read_orders(&spectrum, recording.rpm, recording.limits);
    let gear = recording
        .gear_teeth
        .and_then(|teeth| read_mesh(&spectrum, shaft_hz, teeth));
    let impacts = median_kurtosis(&signal);
    let is_in_g = PLAUSIBLE_RMS_G.contains(&time.rms);

    let supports = weigh(&suspicions, is_in_g.then_some(&shaft), gear.as_ref(), impacts);
    let (fault_class, confidence) = decide(&supports);
    let mut evidence = Vec::new();
    evidence.extend(suspicions.stranger().map(|stranger| Evidence::ForeignLines {
        found_hz: stranger.frequency_hz,
        order: stranger.frequency_hz / shaft_hz,
        support: stranger.support,
    }));
    for suspicion in &suspicions.bearing {
        evidence.extend(lines(suspicion, &suspicions.spectra, fault_class));
    }
    evidence.extend(gear.map(|gear| Evidence::GearMesh {
        mesh_hz: gear.mesh_hz,
        mesh_db: gear.height * DB,
        side_band_ratio: gear.side_band_ratio,
    }));
    evidence.extend(circumstances(recording, &time, &shape, impacts, &shaft, is_in_g));
    evidence.extend(remarks(
        recording,
        &signal,
        &suspicions.bearing,
        &supports,
        impacts,
        is_in_g,
    ));
    Ok(Diagnosis {
        fault_class,
        confidence,
        supports,
        evidence,
    })
}

/// All snapshots as one signal whose mean is 0, and its features.
pub(super) fn prepare(recording: &Recording, orders: &FaultOrders) -> Result<(Vec<f64>, TimeFeatures), Unjudged> {
    for (what, value) in [
        ("the sample rate", recording.sample_rate_hz),
        ("the speed", recording.rpm),
    ] {
        if !(value.is_finite() && value > 0.0) {
            return Err(Unjudged::NotPositive { what });
        }
    }
    let joined: Vec<f32> = recording.snapshots.iter().flatten().copied().collect();
    let latest = &joined[joined.len().saturating_sub(MOST_SAMPLES)..];
    let shaft_hz = recording.rpm / 60.0;
    let needed = (LEAST_REVOLUTIONS / shaft_hz * recording.sample_rate_hz).ceil() as usize;
    if latest.len() < needed.max(64) {
        return Err(Unjudged::TooShort {
            samples: latest.len(),
            needed: needed.max(64),
        });
    }
    // an envelope must carry the fault's line and its first harmonic above two shaft orders
    let highest = orders.inner_race.max(2.0 * orders.element_spin) * shaft_hz;
    let needed_hz = 2.0 * (2.0 * highest + 2.0 * shaft_hz);
    if recording.sample_rate_hz < needed_hz {
        return Err(Unjudged::RateTooLow {
            sample_rate_hz: recording.sample_rate_hz,
            needed_hz,
        });
    }
    let time = time_features(latest)?;
    let mut signal = Vec::with_capacity(latest.len());
    let mut taken = latest.len();
    for snapshot in recording.snapshots.iter().rev() {
        let part = &snapshot[snapshot.len().saturating_sub(taken)..];
        taken -= part.len();
        // each by its own mean: a drifting offset would be a step at every seam
        let mean = part.iter().map(|x| f64::from(*x)).sum::<f64>() / part.len().max(1) as f64;
        signal.extend(part.iter().rev().map(|x| f64::from(*x) - mean));
    }
    signal.reverse();
    Ok((signal, time))
}

/// How far each bearing fault stands out, over all methods.
pub(super) fn suspect(plans: &mut Plans, recording: &Recording, orders: &FaultOrders, signal: &[f64]) -> Suspicions {
    let shaft_hz = recording.rpm / 60.0;
    // the inner race turns through the load zone, a ball with the cage; the outer race stands still in it
    let families = [
        (FaultClass::OuterRace, orders.outer_race, None),
        (FaultClass::InnerRace, orders.inner_race, Some(1.0)),
        (FaultClass::Ball, 2.0 * orders.element_spin, Some(orders.cage)),
    ]
    .map(|(class, order, side)| {
        let family = Family {
            frequency_hz: order * shaft_hz,
            side_hz: side.map(|s| s * shaft_hz),
        };
        (class, family)
    });
    let faults: Vec<f64> = families.iter().map(|(_, f)| f.frequency_hz).collect();
    let highest = faults.iter().copied().fold(0.0, f64::max);
    let decoys = decoys(&faults);
    let top = (comb::HARMONICS as f64 * 1.5 * highest + 2.0 * shaft_hz) * (1.0 + comb::SLIP);
    let fault_width = orders.inner_race * shaft_hz;
    let spectra: Vec<EnvelopeSpectrum> = envelopes(plans, signal, recording.sample_rate_hz, shaft_hz, fault_width)
        .iter()
        .map(|envelope| envelope_spectrum(plans, envelope, shaft_hz, top))
        .collect();
    let mut foreign = None;
    let suspicions = families.map(|(class, family)| {
        let standings: Vec<Standing> = spectra.iter().map(|s| standing(s, &family, &decoys)).collect();
        if family.side_hz.is_none() {
            foreign = strongest_decoy(&standings);
        }
        let (support, mean_sigma) = support(standings.iter().map(|s| s.sigma).collect());
        let mut views: Vec<(f64, Found, usize)> = standings
            .into_iter()
            .enumerate()
            .map(|(i, s)| (s.sigma, s.found, i))
            .collect();
        views.sort_by(|a, b| b.0.total_cmp(&a.0));
        Suspicion {
            class,
            family,
            support,
            mean_sigma,
            views,
        }
    });
    Suspicions {
        bearing: suspicions.into(),
        foreign,
        spectra,
    }
}

/// What the methods' standard deviations support together, and their mean.
fn support(mut sigmas: Vec<f64>) -> (f64, f64) {
    sigmas.sort_by(|a, b| b.total_cmp(a));
    let mean = |sigmas: &[f64]| sigmas.iter().sum::<f64>() / sigmas.len().max(1) as f64;
    let (all, best) = (mean(&sigmas), mean(&sigmas[..sigmas.len().min(3)]));
    let support = 0.5 * (all / MEAN_SIGMA + best / BEST_SIGMA);
    (support.clamp(0.0, MOST_SUPPORT), all)
}

/// The strongest family of lines where no fault of this bearing lies.
fn strongest_decoy(standings: &[Standing]) -> Option<Foreign> {
    let count = standings.first().map_or(0, |s| s.decoys.len());
    let of = |decoy: usize| {
        let seen: Vec<(f64, f64)> = standings.iter().map(|s| s.decoys[decoy]).collect();
        let (support, _) = support(seen.iter().map(|(_, sigma)| *sigma).collect());
        let clearest = seen.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        Foreign {
            frequency_hz: clearest.map_or(0.0, |(hz, _)| *hz),
            support,
        }
    };
    (0..count).map(of).max_by(|a, b| a.support.total_cmp(&b.support))
}

/// Median of the kurtosis of pieces.
fn median_kurtosis(signal: &[f64]) -> f64 {
    let piece = (signal.len() / PIECES).max(1);
    let mut all: Vec<f64> = signal
        .chunks_exact(piece)
        .map(|piece| {
            let n = piece.len() as f64;
            let square = piece.iter().map(|x| x * x).sum::<f64>() / n;
            piece.iter().map(|x| x.powi(4)).sum::<f64>() / n / (square * square)
        })
        .filter(|k| k.is_finite())
        .collect();
    median(&mut all)
}

/// The support of every class, the best first.
fn weigh(
    suspicions: &Suspicions,
    shaft: Option<&ShaftReading>,
    gear: Option<&GearReading>,
    impacts: f64,
) -> Vec<Support> {
    let stranger = suspicions.stranger();
    let of = |class: FaultClass| {
        let own = suspicions
            .bearing
            .iter()
            .find(|s| s.class == class)
            .map_or(0.0, |s| s.support);
        // what a stronger family leaves over
        stranger.map_or(own, |s| own * own / s.support)
    };
    let (outer, inner, ball) = (
        of(FaultClass::OuterRace),
        of(FaultClass::InnerRace),
        of(FaultClass::Ball),
    );
    let shaft_supports = shaft.map_or([0.0; 3], |s| [s.unbalance, s.misalignment, s.looseness]);
    let gear = gear.map_or(0.0, |g| g.side_band_ratio);
    let strongest = [outer, inner, ball, gear]
        .into_iter()
        .chain(shaft_supports)
        .fold(0.0, f64::max);
    let are_unexplained = impacts > IMPACTS && strongest < 1.0;
    let is_ball = are_unexplained && stranger.is_none() && ball > TRACE_OF_BALL && ball >= outer && ball >= inner;
    let unknown = match stranger {
        Some(stranger) if stranger.support >= FOREIGN_FAULT => stranger.support,
        Some(_) | None if are_unexplained && !is_ball => 1.0,
        Some(_) | None => 0.0,
    };
    let mut supports: Vec<Support> = [
        (FaultClass::OuterRace, outer),
        (FaultClass::InnerRace, inner),
        (FaultClass::Ball, if is_ball { 1.0 } else { ball }),
        (FaultClass::Unbalance, shaft_supports[0]),
        (FaultClass::Misalignment, shaft_supports[1]),
        (FaultClass::Looseness, shaft_supports[2]),
        (FaultClass::Gear, gear),
        (FaultClass::Unknown, unknown),
    ]
    .map(|(class, support)| Support {
        class,
        support: support.clamp(0.0, MOST_SUPPORT),
    })
    .into();
    // stable: of equals the bearing, which was asked about, comes first
    supports.sort_by(|a, b| b.support.total_cmp(&a.support));
    supports
}

/// The verdict and its share of all support; being healthy has the support 1 that a fault must reach.
fn decide(supports: &[Support]) -> (FaultClass, f64) {
    let all: f64 = 1.0 + supports.iter().map(|s| s.support * s.support).sum::<f64>();
    match supports.first() {
        Some(best) if best.support >= 1.0 => (best.class, best.support * best.support / all),
        Some(_) | None => (FaultClass::Healthy, 1.0 / all),
    }
}

/// The lines of one bearing fault: where they are clearest, and for the verdict a second view.
fn lines(suspicion: &Suspicion, spectra: &[EnvelopeSpectrum], verdict: FaultClass) -> Vec<Evidence> {
    let views = if suspicion.class == verdict { 2 } else { 1 };
    let to_db = |nepers: &[f64]| nepers.iter().map(|h| h * DB).collect();
    suspicion.views[..suspicion.views.len().min(views)]
        .iter()
        .map(|(sigma, found, method)| Evidence::BearingLines {
            class: suspicion.class,
            method: spectra[*method].method,
            band_hz: spectra[*method].band_hz,
            expected_hz: suspicion.family.frequency_hz,
            found_hz: suspicion.family.frequency_hz * (1.0 + found.slip),
            slip_percent: found.slip * 100.0,
            harmonics_db: to_db(&found.harmonics),
            side_band_spacing_hz: suspicion.family.side_hz,
            side_bands_db: to_db(&found.sides),
            sigma: *sigma,
            mean_sigma: suspicion.mean_sigma,
        })
        .collect()
}

/// Impacts, level, velocity and shaft.
fn circumstances(
    recording: &Recording,
    time: &TimeFeatures,
    shape: &ShapeFactors,
    impacts: f64,
    shaft: &ShaftReading,
    is_in_g: bool,
) -> Vec<Evidence> {
    let mut evidence = vec![
        Evidence::Impacts {
            kurtosis: shape.kurtosis,
            median_kurtosis: impacts,
            crest_factor: shape.crest_factor,
        },
        Evidence::Level {
            rms_g: time.rms,
            peak_g: time.peak,
        },
    ];
    if is_in_g {
        let limits = recording.limits;
        evidence.push(Evidence::Velocity {
            velocity_mm_s: shaft.velocity_mm_s,
            band_hz: shaft.band_hz,
            zone: shaft.zone,
            limits: format!(
                "{}:{}, {}, support {}",
                limits.standard, limits.edition, limits.group, limits.support
            ),
        });
        evidence.push(Evidence::ShaftOrders {
            shaft_hz: recording.rpm / 60.0,
            orders_mm_s: shaft.orders_mm_s,
            many_lines: shaft.many_lines,
        });
    }
    evidence
}

/// What a reader must know.
fn remarks(
    recording: &Recording,
    signal: &[f64],
    suspicions: &[Suspicion],
    supports: &[Support],
    impacts: f64,
    is_in_g: bool,
) -> Vec<Evidence> {
    let mut texts = Vec::new();
    let best = supports.first();
    if best.is_some_and(|b| b.class == FaultClass::Ball)
        && suspicions.iter().all(|s| s.support < 1.0)
        && impacts > IMPACTS
    {
        texts.push(
            "impacts without a steady period: a ball strikes irregularly as it tumbles, a race would strike regularly"
                .to_owned(),
        );
    }
    if best.is_some_and(|b| b.class == FaultClass::Unknown) {
        texts.push("impacts that fit no fault frequency of this bearing: check speed and geometry, then look beyond the bearing".to_owned());
    }
    if let [first, second, ..] = supports
        && second.support >= 1.0
    {
        texts.push(format!(
            "{} is supported too ({:.1} against {:.1})",
            second.class, second.support, first.support
        ));
    }
    let revolutions = signal.len() as f64 / recording.sample_rate_hz * recording.rpm / 60.0;
    if revolutions < ENOUGH_REVOLUTIONS {
        texts.push(format!(
            "only {revolutions:.0} revolutions: with {ENOUGH_REVOLUTIONS:.0} or more weak faults are seen better"
        ));
    }
    if recording.snapshots.len() > 1 {
        texts.push(format!("{} snapshots were joined", recording.snapshots.len()));
    }
    if !is_in_g {
        texts.push("the level is not plausible in g: neither velocity nor shaft faults were judged".to_owned());
    }
    texts.into_iter().map(|text| Evidence::Remark { text }).collect()
}
