//! Fault classes learned from labelled recordings: each is cut into windows, a window becomes a row of features, and the
//! windows of a recording vote. What the training-free diagnosis supports is among the features, so that a model learns
//! where a machine differs from the textbook, not the textbook again. Pure.

use super::bearing::BearingGeometry;
use super::diagnose::{Suspicion, prepare, suspect};
use super::severity::DEFAULT_LIMITS;
use super::shaft::{LINES_PER_ORDER, read_orders};
use super::spectrum::{Plans, welch};
use super::{Recording, Unjudged, time_features};
use crate::classes::{ClassAnswer, ClassModel, Column, Labelled};
use crate::matrix::Matrix;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Revolutions of a window: envelope lines a tenth of the shaft frequency apart in the average of four segments.
pub const REVOLUTIONS_PER_WINDOW: f64 = 40.0;
/// Windows begin so many times a window's length: neighbours share three quarters.
const WINDOWS_PER_LENGTH: usize = 4;
/// Most windows of one recording, spread over all of it.
pub const MOST_WINDOWS: usize = 60;
/// Half octaves below half the sample rate.
const HALF_OCTAVES: usize = 10;
/// Samples of a segment of the spectrum whose half octaves are taken.
const SEGMENT: usize = 2_048;
/// Features of one bearing fault.
const PER_FAULT: usize = 7;

/// How recordings become rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Windowing {
    /// Samples per second.
    pub sample_rate_hz: f64,
    /// Samples of a window.
    pub window: usize,
    /// The bearing; without it nothing is known of fault frequencies.
    pub geometry: Option<BearingGeometry>,
}

/// A trained model with what it needs to make rows of a recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VibrationClassModel {
    /// How.
    pub windowing: Windowing,
    /// Of the rows.
    pub model: ClassModel,
}

impl VibrationClassModel {
    /// The class of a recording.
    ///
    /// # Errors
    /// The recording cannot be judged.
    pub fn predict(&self, plans: &mut Plans, samples: &[f32], rpm: Option<f64>) -> Result<ClassAnswer, Unjudged> {
        let rows = self.windowing.rows(plans, samples, rpm)?;
        let answer = self.model.vote((0..rows.rows()).map(|row| rows.row(row)));
        answer.ok_or(Unjudged::TooShort {
            samples: samples.len(),
            needed: self.windowing.window,
        })
    }

    /// Whether a model that was read from a file hangs together.
    pub fn is_sound(&self) -> bool {
        let is_geometry_sound = self.windowing.geometry.is_none_or(|g| g.check().is_ok());
        let rate = self.windowing.sample_rate_hz;
        self.model.is_sound()
            && self.model.columns().len() == feature_names().len()
            && is_geometry_sound
            && rate.is_finite()
            && rate > 0.0
            && self.windowing.window >= 64
    }
}

impl Windowing {
    /// With windows of [`REVOLUTIONS_PER_WINDOW`] at this speed; where no speed is known, of [`SEGMENT`]·4 samples.
    pub fn new(sample_rate_hz: f64, rpm: Option<f64>, geometry: Option<BearingGeometry>) -> Windowing {
        let samples = |rpm: f64| (REVOLUTIONS_PER_WINDOW * 60.0 / rpm * sample_rate_hz).ceil();
        Windowing {
            sample_rate_hz,
            window: rpm
                .filter(|rpm| *rpm > 0.0)
                .map_or(4 * SEGMENT, |rpm| samples(rpm) as usize),
            geometry,
        }
    }

    /// Where the windows of a recording begin.
    pub fn starts(&self, samples: usize) -> Vec<usize> {
        let Some(room) = samples.checked_sub(self.window) else {
            return Vec::new();
        };
        let step = (self.window / WINDOWS_PER_LENGTH)
            .max(1)
            .max(room.div_ceil(MOST_WINDOWS));
        (0..=room).step_by(step).collect()
    }

    /// A row of features for each window.
    ///
    /// # Errors
    /// The recording is shorter than a window, does not move, or is not finite.
    pub fn rows(&self, plans: &mut Plans, samples: &[f32], rpm: Option<f64>) -> Result<Matrix, Unjudged> {
        let starts = self.starts(samples.len());
        if starts.is_empty() {
            return Err(Unjudged::TooShort {
                samples: samples.len(),
                needed: self.window,
            });
        }
        let mut rows = Matrix::new(feature_names().len());
        for start in starts {
            let window = &samples[start..start + self.window];
            rows.push(&features(plans, window, self, rpm.filter(|rpm| *rpm > 0.0))?);
        }
        Ok(rows)
    }
}

/// A labelled recording as rows.
#[derive(Debug, Clone)]
pub struct LabelledRecording {
    /// Its class.
    pub label: String,
    /// Recordings of one group are held back together.
    pub group: String,
    /// Its windows, by [`Windowing::rows`].
    pub rows: Matrix,
}

/// All windows with their classes: those of a recording vote together and are held back together. A class that has but one
/// group could not be held back; its recordings are split by time, and the windows across the middle left out. Gives the
/// names of such classes as well.
pub fn table(recordings: &[LabelledRecording]) -> (Labelled, Vec<String>) {
    let mut groups_of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for recording in recordings {
        groups_of.entry(&recording.label).or_default().insert(&recording.group);
    }
    let is_split = |label: &str| groups_of.get(label).is_some_and(|groups| groups.len() < 2);
    let mut table = Labelled {
        columns: columns(),
        rows: Matrix::new(feature_names().len()),
        classes: groups_of.keys().map(|label| (*label).to_owned()).collect(),
        labels: Vec::new(),
        groups: None,
        voters: None,
    };
    let (mut groups, mut voters) = (Vec::new(), Vec::new());
    let mut numbers: BTreeMap<(&str, usize), usize> = BTreeMap::new();
    for (number, recording) in recordings.iter().enumerate() {
        let parts = if is_split(&recording.label) { 2 } else { 1 };
        let middle = recording.rows.rows() / 2;
        for row in 0..recording.rows.rows() {
            let part = match parts {
                1 => 0,
                _ if row + WINDOWS_PER_LENGTH / 2 < middle => 0,
                _ if row >= middle + WINDOWS_PER_LENGTH / 2 => 1,
                _ => continue,
            };
            let next = numbers.len();
            groups.push(*numbers.entry((&recording.group, part)).or_insert(next));
            voters.push(2 * number + part);
            let class = groups_of.keys().position(|label| *label == recording.label);
            table.labels.push(class.unwrap_or(0));
            table.rows.push(recording.rows.row(row));
        }
    }
    (table.groups, table.voters) = (Some(groups), Some(voters));
    let split = groups_of
        .keys()
        .filter(|label| is_split(label))
        .map(|label| (*label).to_owned());
    (table, split.collect())
}

/// Columns of the rows.
pub fn columns() -> Vec<Column> {
    let column = |name| Column {
        name,
        words: Vec::new(),
    };
    feature_names().into_iter().map(column).collect()
}

/// Names of the features, in the order of a row.
fn feature_names() -> Vec<String> {
    let time = [
        "ln_rms",
        "ln_kurtosis",
        "crest_factor",
        "skewness",
        "shape_factor",
        "impulse_factor",
        "clearance_factor",
    ];
    let mut names: Vec<String> = time.map(str::to_owned).into();
    names.extend((1..=HALF_OCTAVES).map(|band| format!("half_octave_{band}")));
    names.extend(["velocity", "shaft_1", "shaft_2", "shaft_3", "shaft_many"].map(str::to_owned));
    for fault in ["outer_race", "inner_race", "ball"] {
        let of = [
            "support",
            "mean_sigma",
            "best_sigma",
            "line_1",
            "line_2",
            "line_3",
            "side",
        ];
        names.extend(of.map(|what| format!("{fault}_{what}")));
    }
    names.extend(["foreign_support", "foreign_order"].map(str::to_owned));
    names
}

/// The features of a window. What needs a speed or a bearing is NaN without: trees take that for missing.
fn features(plans: &mut Plans, window: &[f32], windowing: &Windowing, rpm: Option<f64>) -> Result<Vec<f32>, Unjudged> {
    let time = time_features(window)?;
    let shape = time.shape.ok_or(Unjudged::Constant)?;
    let mut row = vec![
        time.rms.ln(),
        shape.kurtosis.ln(),
        shape.crest_factor,
        shape.skewness,
        shape.shape_factor,
        shape.impulse_factor,
        shape.clearance_factor,
    ];
    let signal: Vec<f64> = window.iter().map(|x| f64::from(*x) - time.mean).collect();
    let rate = windowing.sample_rate_hz;
    let spectrum = welch(plans, &signal, rate, SEGMENT);
    let octave = |band: usize| {
        let top = rate / 2.0 * 0.5f64.powf((HALF_OCTAVES - 1 - band) as f64 / 2.0);
        let low = if band == 0 {
            0.0
        } else {
            top * std::f64::consts::FRAC_1_SQRT_2
        };
        (spectrum.band_rms(low, top) / time.rms).max(1e-6).ln()
    };
    row.extend((0..HALF_OCTAVES).map(octave));
    row.extend(match rpm {
        None => [f64::NAN; 5],
        Some(rpm) => {
            let length = (rate / (rpm / 60.0) * LINES_PER_ORDER) as usize;
            let orders = read_orders(&welch(plans, &signal, rate, length), rpm, DEFAULT_LIMITS);
            let all = orders.velocity_mm_s.max(1e-9);
            let [one, two, three] = orders.orders_mm_s.map(|v| v / all);
            [all.ln(), one, two, three, orders.many_lines as f64]
        }
    });
    let bearing = rpm.zip(windowing.geometry).and_then(|(rpm, geometry)| {
        let snapshots = [window.to_vec()];
        let recording = Recording {
            snapshots: &snapshots,
            sample_rate_hz: rate,
            rpm,
            geometry,
            gear_teeth: None,
            limits: DEFAULT_LIMITS,
        };
        let orders = geometry.orders();
        let (signal, _) = prepare(&recording, &orders).ok()?;
        Some((suspect(plans, &recording, &orders, &signal), rpm / 60.0))
    });
    match bearing {
        None => row.extend([f64::NAN; 3 * PER_FAULT + 2]),
        Some((suspicions, shaft_hz)) => {
            row.extend(suspicions.bearing.iter().flat_map(of_fault));
            let foreign = suspicions.foreign.map(|f| [f.support, f.frequency_hz / shaft_hz]);
            row.extend(foreign.unwrap_or([0.0, 0.0]));
        }
    }
    Ok(row.into_iter().map(|x| x as f32).collect())
}

fn of_fault(suspicion: &Suspicion) -> [f64; PER_FAULT] {
    let mut row = [suspicion.support, suspicion.mean_sigma, 0.0, 0.0, 0.0, 0.0, 0.0];
    if let Some((sigma, found, _)) = suspicion.views.first() {
        row[2] = *sigma;
        row[3..6]
            .iter_mut()
            .zip(&found.harmonics)
            .for_each(|(into, height)| *into = *height);
        row[6] = found.sides.iter().sum();
    }
    row
}
