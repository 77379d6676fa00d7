//! `forewarn predict life|classes|ages`: applies a model to a file and writes a CSV.

use super::ages;
use super::train::RunArguments;
use super::waveform_index::{IndexArguments, read_index, read_recording};
use crate::learning::labelled::read_unlabelled;
use crate::learning::model_file::{load_bundle, save, unusable};
use crate::learning::runs::{RunColumns, read_runs};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressIterator};
use models::bundle::Bundle;
use models::learned_life::Space;
use models::vibration::spectrum::Plans;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Time left at the last row of each unit: unit,rul,rul_p10,rul_p90, in the unit of time of the training data.
    #[command(after_help = "\
One unit in ten fails before rul_p10, one lasts longer than rul_p90. `rul` lies in the middle or a little below it: a failure
that comes before it is told costs more than a part replaced early. Far from failure every unit is simply healthy, so `rul` does
not go beyond the horizon that training printed.

Example:
  forewarn predict life --model engines.model --data test_FD001.txt.gz --format cmapss --out left.csv")]
    Life(LifeArguments),
    /// The class of each row: id,class,confidence.
    #[command(after_help = "\
`id` is the first column where that is a name or is called id, otherwise the number of the row from 0. `confidence` is how
probable the class is. Columns that the model does not know are ignored; a cell that is missing or not understood counts as
missing.

Example:
  forewarn predict classes --model milling.model --data new.csv --out told.csv

A model of waveforms takes --waveform-index as in training: a row for each file. One that cannot be judged has no class.

  forewarn predict classes --model bearing.model --waveform-index new.csv --rpm-column rpm --out told.csv")]
    Classes(ClassArguments),
    /// How probable a failure within a time is, by age alone.
    #[command(after_help = ages::PREDICT_HELP)]
    Ages(ages::PredictArguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct LifeArguments {
    /// The model that `train life` wrote.
    #[arg(long)]
    model: PathBuf,
    #[command(flatten)]
    runs: RunArguments,
    /// The CSV to write.
    #[arg(long)]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct ClassArguments {
    /// The model that `train classes` wrote.
    #[arg(long)]
    model: PathBuf,
    /// The table; may be gzipped.
    #[arg(long, required_unless_present = "waveform_index", conflicts_with = "waveform_index")]
    data: Option<PathBuf>,
    #[command(flatten)]
    waveforms: IndexArguments,
    /// The CSV to write.
    #[arg(long)]
    out: PathBuf,
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Life(arguments) => life(&arguments),
        Command::Classes(arguments) => classes(&arguments),
        Command::Ages(arguments) => ages::predict(&arguments),
    }
}

fn life(arguments: &LifeArguments) -> anyhow::Result<ExitCode> {
    let LifeArguments { model: file, runs, out } = arguments;
    let bundle = load_bundle(file)?;
    let model = bundle.life().map_err(unusable(file))?;
    let wanted: Vec<String> = bundle.description().columns.iter().map(|c| c.name.clone()).collect();
    let columns = RunColumns {
        unit: runs.unit.clone(),
        time: runs.time.clone(),
        ..RunColumns::default()
    };
    let read = read_runs(&runs.data, runs.format, &columns, Some(&wanted))?;
    anyhow::ensure!(
        read.columns == wanted,
        "the model {} was trained on other columns ({}) than {} has ({})",
        file.display(),
        wanted.join(", "),
        runs.data.display(),
        read.columns.join(", ")
    );
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["unit", "rul", "rul_p10", "rul_p90"])?;
    let mut space = Space::default();
    for unit in read
        .units
        .iter()
        .progress_with(ProgressBar::new(read.units.len() as u64))
    {
        let mut state = model.fresh();
        for (row, time) in unit.times.iter().enumerate() {
            model.take(&mut state, *time, unit.rows.row(row));
        }
        let left = model.predict(&state, &mut space);
        let number = |value: f32| format!("{value:.2}");
        csv.write_record([&unit.name, &number(left.point), &number(left.p10), &number(left.p90)])?;
    }
    save(out, &csv.into_inner().context("cannot gather the rows")?)?;
    eprintln!("{} units, written to {}", read.units.len(), out.display());
    Ok(ExitCode::SUCCESS)
}

fn classes(arguments: &ClassArguments) -> anyhow::Result<ExitCode> {
    let ClassArguments {
        model: file, data, out, ..
    } = arguments;
    let bundle = load_bundle(file)?;
    let data = match (data, &arguments.waveforms.waveform_index) {
        (Some(data), _) => data,
        (None, Some(index)) => return waveform_classes(arguments, &bundle, index),
        (None, None) => anyhow::bail!("give --data or --waveform-index"),
    };
    let model = bundle.classes().map_err(unusable(file))?;
    let read = read_unlabelled(data, model.columns())?;
    for (column, count, first) in &read.strange {
        tracing::warn!(%column, count, %first, "cells that the model has not learned count as missing");
    }
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["id", "class", "confidence"])?;
    let mut probabilities = Vec::new();
    for (row, id) in read
        .ids
        .iter()
        .enumerate()
        .progress_with(ProgressBar::new(read.ids.len() as u64))
    {
        let answer = model.predict(read.rows.row(row), &mut probabilities);
        let confidence = format!("{:.4}", answer.confidence);
        csv.write_record([id, &model.classes()[answer.class], &confidence])?;
    }
    save(out, &csv.into_inner().context("cannot gather the rows")?)?;
    eprintln!("{} rows, written to {}", read.ids.len(), out.display());
    Ok(ExitCode::SUCCESS)
}

fn waveform_classes(arguments: &ClassArguments, bundle: &Bundle, index: &Path) -> anyhow::Result<ExitCode> {
    let ClassArguments { model: file, out, .. } = arguments;
    let model = bundle.vibration_classes().map_err(unusable(file))?;
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["id", "class", "confidence"])?;
    let mut plans = Plans::default();
    let entries = read_index(&arguments.waveforms, index, None)?;
    for entry in entries.iter().progress_with(ProgressBar::new(entries.len() as u64)) {
        let samples = read_recording(&entry.path)?;
        match model.predict(&mut plans, &samples, entry.rpm) {
            Ok(answer) => {
                let confidence = format!("{:.4}", answer.confidence);
                csv.write_record([&entry.name, &model.model.classes()[answer.class], &confidence])?;
            }
            Err(reason) => {
                eprintln!("{} cannot be judged: {reason}", entry.path.display());
                csv.write_record([&entry.name, "", "0"])?;
            }
        }
    }
    save(out, &csv.into_inner().context("cannot gather the rows")?)?;
    eprintln!("{} recordings, written to {}", entries.len(), out.display());
    Ok(ExitCode::SUCCESS)
}
