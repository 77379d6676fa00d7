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

/// Revolutions of a window: the fewest in which the diagnosis looks for lines, so that a recording has many windows.
pub const REVOLUTIONS_PER_WINDOW: f64 = 20.0;
/// Windows begin so many times a window's length: neighbours share three quarters.
const WINDOWS_PER_LENGTH: usize = 4;
/// Most windows of one recording, spread over all of it.
pub const MOST_WINDOWS: usize = 60;
/// Equal bands below half the sample rate: a damage excites the resonances of its machine, and those lie at frequencies, not
/// at octaves.
const BANDS: usize = 24;
/// Samples of a segment of the spectrum whose bands are taken.
const SEGMENT: usize = 1_024;
/// Features of level and form.
const PLAIN: usize = 7;
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
    /// With windows of [`REVOLUTIONS_PER_WINDOW`] at this speed; where no speed is known, of eight segments of 1,024 samples.
    pub fn new(sample_rate_hz: f64, rpm: Option<f64>, geometry: Option<BearingGeometry>) -> Windowing {
        let samples = |rpm: f64| (REVOLUTIONS_PER_WINDOW * 60.0 / rpm * sample_rate_hz).ceil();
        Windowing {
            sample_rate_hz,
            window: rpm
                .filter(|rpm| *rpm > 0.0)
                .map_or(8 * SEGMENT, |rpm| samples(rpm) as usize),
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

/// The columns that need neither speed nor bearing: level, form and spectrum. They tell a machine's own sounds apart; what
/// the diagnosis sees scatters from load to load.
pub fn plain_columns() -> Vec<usize> {
    (0..PLAIN + BANDS).collect()
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
    names.extend((1..=BANDS).map(|band| format!("band_{band}")));
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
    let width = rate / 2.0 / BANDS as f64;
    let share = |band: usize| {
        let low = width * band as f64;
        (spectrum.band_rms(low, low + width) / time.rms).max(1e-6).ln()
    };
    row.extend((0..BANDS).map(share));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classes::{ClassSettings, train};
    use crate::seeded::Seeded;
    use crate::workers::InTurn;

    const RATE: f64 = 6_000.0;
    const RPM: f64 = 1_800.0;

    /// A recording whose noise rings at a resonance.
    fn recording(resonance_hz: f64, seed: u64) -> Vec<f32> {
        let mut random = Seeded::new(seed, 0);
        let (mut before, mut last) = (0.0, 0.0);
        let turn = std::f64::consts::TAU * resonance_hz / RATE;
        (0..12_000)
            .map(|_| {
                let x = 1.8 * turn.cos() * last - 0.81 * before + random.unit() - 0.5;
                (before, last) = (last, x);
                x as f32
            })
            .collect()
    }

    fn learned(of: &[(&str, &str, f64)]) -> (Windowing, Vec<LabelledRecording>) {
        let windowing = Windowing::new(RATE, Some(RPM), BearingGeometry::parse("9,7.94,39.04,0").ok());
        let recordings = of
            .iter()
            .zip(1u64..)
            .map(|((label, group, hz), seed)| LabelledRecording {
                label: (*label).to_owned(),
                group: (*group).to_owned(),
                rows: windowing
                    .rows(&mut Plans::default(), &recording(*hz, seed), Some(RPM))
                    .unwrap(),
            });
        (windowing, recordings.collect())
    }

    #[test]
    fn recordings_of_machines_that_sound_differently_are_told_apart() {
        let (windowing, recordings) = learned(&[
            ("good", "a", 700.0),
            ("bad", "b", 1_900.0),
            ("good", "c", 720.0),
            ("bad", "d", 1_870.0),
            ("good", "e", 690.0),
            ("bad", "f", 1_930.0),
        ]);
        let (table, split) = table(&recordings);
        assert_eq!(split, [] as [&str; 0]);
        let settings = ClassSettings {
            rounds: 20,
            bags: 1,
            ..ClassSettings::default()
        };
        let (model, report) = train(&table, &settings, &InTurn).unwrap();
        assert_eq!((report.rows, report.macro_f1), (6, 1.0), "{report:?}");
        let model = VibrationClassModel { windowing, model };
        assert!(model.is_sound());
        let told = |hz: f64, rpm: Option<f64>| {
            let answer = model.predict(&mut Plans::default(), &recording(hz, 99), rpm).unwrap();
            model.model.classes()[answer.class].clone()
        };
        assert_eq!(told(710.0, Some(RPM)), "good");
        assert_eq!(told(1_900.0, Some(RPM)), "bad");
        assert_eq!(told(1_900.0, None), "bad", "a speed that is missing is no end");
        let still = model.predict(&mut Plans::default(), &[0.5; 12_000], None);
        assert_eq!(still, Err(Unjudged::Constant));
        let short = model.predict(&mut Plans::default(), &[0.5; 100], None);
        assert!(matches!(short, Err(Unjudged::TooShort { .. })));
    }

    #[test]
    fn a_class_with_one_recording_is_split_by_time_without_common_samples() {
        let (windowing, recordings) = learned(&[("good", "a", 700.0), ("bad", "b", 1_900.0), ("bad", "c", 1_800.0)]);
        let (table, split) = table(&recordings);
        assert_eq!(split, ["good"]);
        let (groups, voters) = (table.groups.unwrap(), table.voters.unwrap());
        let of_good: Vec<usize> = (0..groups.len()).filter(|row| table.labels[*row] == 1).collect();
        let starts = windowing.starts(12_000);
        let first = of_good.iter().filter(|row| groups[**row] == groups[of_good[0]]).count();
        let left_out = recordings[0].rows.rows() - of_good.len();
        assert!(first > 0 && first < of_good.len());
        assert!(
            starts[first + left_out] >= starts[first - 1] + windowing.window,
            "no sample on both sides"
        );
        assert_ne!(voters[of_good[0]], voters[*of_good.last().unwrap()]);
    }

    #[test]
    fn windows_are_many_but_bounded() {
        let windowing = Windowing::new(RATE, None, None);
        assert_eq!(windowing.window, 8 * SEGMENT);
        assert_eq!(windowing.starts(100), [] as [usize; 0]);
        assert_eq!(windowing.starts(8 * SEGMENT), [0]);
        let many = windowing.starts(100_000_000);
        assert!(many.len() <= MOST_WINDOWS + 1 && many.last().is_some_and(|last| *last > 98_000_000));
    }
}
