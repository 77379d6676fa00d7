//! Recordings named by a table: a `.npy` file a row, with speed, class and group. Reads them; judging is the models' work.

use super::npy::NpyRows;
use crate::learning::labelled::LabelColumns;
use anyhow::Context;
use domain::vibration::BearingGeometry;
use indicatif::{ProgressBar, ProgressIterator};
use models::vibration::classes::{LabelledRecording, Windowing};
use models::vibration::spectrum::Plans;
use std::path::{Path, PathBuf};

/// Most samples of one recording: 64 MiB.
const MOST_SAMPLES: usize = 1 << 24;

/// Which recordings.
#[derive(Debug, clap::Args)]
pub(super) struct IndexArguments {
    /// A CSV that names the .npy file of each recording, relative to it.
    #[arg(long, value_name = "INDEX.csv")]
    pub waveform_index: Option<PathBuf>,
    /// Its column of files; `.npy` may be left out.
    #[arg(long, value_name = "COL", default_value = "file", requires = "waveform_index")]
    pub file_column: String,
    /// Its column of shaft speeds in revolutions per minute.
    #[arg(long, value_name = "COL", requires = "waveform_index")]
    pub rpm_column: Option<String>,
    /// Shaft speed where the column says nothing.
    #[arg(long, value_name = "RPM", requires = "waveform_index", value_parser = super::positive)]
    pub rpm: Option<f64>,
}

/// One recording of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct IndexEntry {
    /// As the table calls it.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Revolutions per minute, if known.
    pub rpm: Option<f64>,
    /// Its class; empty where none is wanted.
    pub label: String,
    /// What it is held back with; the file itself where there is no such column.
    pub group: String,
}

/// Reads the table.
pub(super) fn read_index(
    arguments: &IndexArguments,
    index: &Path,
    labels: Option<&LabelColumns>,
) -> anyhow::Result<Vec<IndexEntry>> {
    let reading = || format!("cannot read {}", index.display());
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(index)
        .with_context(reading)?;
    let names: Vec<String> = reader
        .headers()
        .with_context(reading)?
        .iter()
        .map(str::to_owned)
        .collect();
    let place = |name: &String| {
        let found = names.iter().position(|n| n == name);
        found.with_context(|| {
            format!(
                "{} has no column `{name}`; it has {}",
                index.display(),
                names.join(", ")
            )
        })
    };
    let file = place(&arguments.file_column)?;
    let rpm = arguments.rpm_column.as_ref().map(place).transpose()?;
    let label = labels.map(|l| place(&l.label)).transpose()?;
    let group = labels.and_then(|l| l.group.as_ref()).map(place).transpose()?;
    let folder = index.parent().unwrap_or(Path::new(""));
    let mut entries = Vec::new();
    for record in reader.records() {
        let record = record.with_context(reading)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let name = cell(file).to_owned();
        let mut path = folder.join(&name);
        if path.extension().is_none_or(|e| e != "npy") && !path.exists() {
            path = folder.join(format!("{name}.npy"));
        }
        let stated =
            match rpm.map(cell).unwrap_or_default() {
                "" => None,
                text => Some(super::positive(text).map_err(|problem| {
                    anyhow::anyhow!("{}:{line}: `{text}` is no speed: {problem}", index.display())
                })?),
            };
        let label = label.map(cell).unwrap_or_default().to_owned();
        if labels.is_some() && label.is_empty() {
            anyhow::bail!("{}:{line}: {name} has no label; leave it out", index.display());
        }
        entries.push(IndexEntry {
            path,
            rpm: stated.or(arguments.rpm),
            label,
            group: group.map_or(&*name, cell).to_owned(),
            name,
        });
    }
    if entries.is_empty() {
        anyhow::bail!("{} names no recordings", index.display());
    }
    Ok(entries)
}

/// All samples of a file, its rows one after the other.
pub(super) fn read_recording(path: &Path) -> anyhow::Result<Vec<f32>> {
    let mut rows = NpyRows::open(path)?;
    let count = rows.rows().saturating_mul(rows.columns());
    if count > MOST_SAMPLES {
        anyhow::bail!(
            "{} has {count} samples, at most {MOST_SAMPLES} are taken",
            path.display()
        );
    }
    let (mut samples, mut row) = (Vec::with_capacity(count), Vec::new());
    while rows.next_row(&mut row)? {
        samples.extend_from_slice(&row);
    }
    Ok(samples)
}

/// The recordings of a table as labelled rows, in windows that fit the middle of their speeds.
pub(super) fn labelled_recordings(
    arguments: &IndexArguments,
    index: &Path,
    columns: &LabelColumns,
    sample_rate_hz: f64,
    geometry: Option<BearingGeometry>,
) -> anyhow::Result<(Windowing, Vec<LabelledRecording>)> {
    let entries = read_index(arguments, index, Some(columns))?;
    let mut speeds: Vec<f64> = entries.iter().filter_map(|e| e.rpm).collect();
    speeds.sort_by(f64::total_cmp);
    let windowing = Windowing::new(sample_rate_hz, speeds.get(speeds.len() / 2).copied(), geometry);
    let unknown = entries.len() - speeds.len();
    if unknown > 0 {
        eprintln!(
            "{unknown} recordings have no speed: neither shaft nor bearing lines are looked for in them (--rpm sets one)"
        );
    }
    let mut plans = Plans::default();
    let mut recordings = Vec::new();
    for entry in entries.iter().progress_with(ProgressBar::new(entries.len() as u64)) {
        let samples = read_recording(&entry.path)?;
        match windowing.rows(&mut plans, &samples, entry.rpm) {
            Ok(rows) => recordings.push(LabelledRecording {
                label: entry.label.clone(),
                group: entry.group.clone(),
                rows,
            }),
            Err(reason) => eprintln!("{} is left out: {reason}", entry.path.display()),
        }
    }
    Ok((windowing, recordings))
}
