//! `forewarn train life|classes|ages`: learns a model from recorded data and writes it as one file. What cross-validation found
//! goes to standard output, progress to standard error.

use super::ages;
use super::from_history::{HistoryArguments, Recorded, is_history};
use super::waveform_index::{IndexArguments, labelled_recordings};
use crate::clock::Clock;
use crate::learning::fingerprint_of;
use crate::learning::labelled::{LabelColumns, read_labelled};
use crate::learning::model_file::{save_bundle, unusable};
use crate::learning::runs::{RunColumns, RunFormat, read_runs};
use crate::learning::threads::{Threads, guarded};
use anyhow::Context;
use domain::Millis;
use domain::vibration::WatchedBearing;
use models::bundle::{Bundle, BundleColumn, Description, LiveUse};
use models::classes::{ClassReport, ClassSettings};
use models::learned_life::{LifeReport, LifeSettings, Unit};
use models::vibration::classes::VibrationClassModel;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const LIFE_HELP: &str = "\
The file holds units that ran to failure: the last row of each is the failure. `cmapss` is NASA's format (26 columns without a
header); `csv` has a header, a column that names the unit, a column of time (numbers, or dates, which become hours), and
metrics. Answers come in the unit of the time column. Either may be gzipped.

Examples:
  forewarn train life --data train_FD001.txt.gz --format cmapss --out engines.model
  forewarn train life --data pumps.csv --format csv --unit pump --time hours --settings load,speed --out pumps.model
  forewarn train life --data forewarn-data --failure-mode bearing_wear --devices pump- --out pumps.model";

const CLASSES_HELP: &str = "\
The file has a header. Every numeric column and every text column with few different words is learned from, except the label,
the group, and what --ignore names. Name there what is not known when a prediction is wanted, above all other labels.

What is reported was told of rows that were held back. Rows are often near copies of their neighbours (cycles of one test run),
so stretches of neighbouring rows are held back together; if near copies are scattered over the file, or whole runs or machines
are to be new, name a --group, or the report is too good to be true.

Examples:
  forewarn train classes --data milling.csv --label failure --ignore cause_a,cause_b --out milling.model
  forewarn train classes --data cycles.csv --label valve --group test_run --out valve.model --json
  forewarn train classes --data forewarn-data --devices pump- --out pumps.model

Waveforms: --waveform-index is a CSV with a column of .npy files (paths relative to it) and their label, and perhaps speed and
group. Each recording is cut into windows of 20 revolutions; their features are the level, form and spectrum, and with --bearing
what the diagnosis sees of each bearing fault. The windows of a recording vote, and no recording is on both sides of a test.

  forewarn train classes --waveform-index index.csv --label class --sample-rate 12000 --rpm-column rpm --bearing 6205 \\
      --out bearing.model";

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Learns how much time is left, from units that ran to failure.
    #[command(after_help = LIFE_HELP)]
    Life(LifeArguments),
    /// Learns fault classes from labelled rows.
    #[command(after_help = CLASSES_HELP)]
    Classes(ClassArguments),
    /// Learns how a fleet ages, from the ages of units that failed and units that still run.
    #[command(after_help = ages::TRAIN_HELP)]
    Ages(ages::TrainArguments),
}

#[derive(Debug, clap::Args)]
pub(super) struct RunArguments {
    /// The file with the units; may be gzipped.
    #[arg(long)]
    pub(super) data: PathBuf,
    /// How it is laid out.
    #[arg(long, default_value = "csv")]
    pub(super) format: RunFormat,
    /// Column that names the unit (csv); without it `unit`, `machine`, `device` and the like.
    #[arg(long)]
    pub(super) unit: Option<String>,
    /// Column that tells time or age (csv); without it `cycle`, `time`, `hours` and the like.
    #[arg(long)]
    pub(super) time: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct LifeArguments {
    #[command(flatten)]
    runs: RunArguments,
    /// Columns that set the operating condition, such as load or speed (csv); separated by commas.
    #[arg(long, value_delimiter = ',')]
    settings: Vec<String>,
    /// Columns to leave out (csv); separated by commas.
    #[arg(long, value_delimiter = ',')]
    ignore: Vec<String>,
    /// Beyond this time left a unit counts as simply healthy; without it found from the lives.
    #[arg(long)]
    horizon: Option<f64>,
    /// What 1 is in the column of time, for judging live readings.
    #[arg(long, value_enum, default_value_t = TimeUnit::Hours)]
    time_unit: TimeUnit,
    #[command(flatten)]
    history: HistoryArguments,
    #[command(flatten)]
    output: Output,
}

/// Units of time columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum TimeUnit {
    Seconds,
    Minutes,
    Hours,
    Days,
}

impl TimeUnit {
    fn millis(self) -> Millis {
        match self {
            TimeUnit::Seconds => Millis::seconds(1),
            TimeUnit::Minutes => Millis::seconds(60),
            TimeUnit::Hours => Millis::hours(1),
            TimeUnit::Days => Millis::hours(24),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct ClassArguments {
    /// The table of labelled rows; may be gzipped.
    #[arg(long, required_unless_present = "waveform_index", conflicts_with = "waveform_index")]
    data: Option<PathBuf>,
    #[command(flatten)]
    waveforms: IndexArguments,
    /// Samples per second of the waveforms.
    #[arg(long, value_name = "HZ", requires = "waveform_index", value_parser = super::positive)]
    sample_rate: Option<f64>,
    /// The bearing, by name or as number of elements, their diameter, pitch diameter and contact angle in degrees; without it
    /// nothing is known of fault frequencies.
    #[arg(long, value_name = "NAME|n,d,D,phi", requires = "waveform_index", value_parser = WatchedBearing::parse)]
    bearing: Option<WatchedBearing>,
    /// Column that holds the class; needed but with a gateway's folder as --data, where confirmed tickets tell it.
    #[arg(long)]
    label: Option<String>,
    /// Column whose equal values belong together: such rows are held back together.
    #[arg(long)]
    group: Option<String>,
    /// Columns to leave out; separated by commas.
    #[arg(long, value_delimiter = ',')]
    ignore: Vec<String>,
    #[command(flatten)]
    history: HistoryArguments,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
pub(super) struct Output {
    /// The model file to write; one that stands there is replaced.
    #[arg(long)]
    pub(super) out: PathBuf,
    /// What the model is called; without it the name of the file.
    #[arg(long)]
    name: Option<String>,
    /// The profile of the machines: with it the model can judge live readings of its devices (`forewarn model shadow FILE`).
    #[arg(long)]
    profile: Option<String>,
    /// Where random draws start from; equal seeds give equal models.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The report as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

impl Output {
    fn name(&self) -> String {
        let of_file = || self.out.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        self.name.clone().or_else(of_file).unwrap_or_else(|| "model".to_owned())
    }

    /// A model of a profile's machines may judge them.
    fn for_live(&self, bundle: Bundle, live: LiveUse) -> Bundle {
        match self.profile {
            Some(_) => bundle.for_live(live),
            None => bundle,
        }
    }

    pub(super) fn description(
        &self,
        data: &Path,
        columns: impl Iterator<Item = String>,
    ) -> anyhow::Result<Description> {
        let column = |name| BundleColumn { name, unit: None };
        Ok(Description {
            name: self.name(),
            columns: columns.map(column).collect(),
            profile: self.profile.clone(),
            span: None,
            rows: 0,
            units: 0,
            data_fingerprint: fingerprint_of(data)?,
            figures: Vec::new(),
            made_at: Clock::System.now(),
        })
    }
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Life(arguments) => life(&arguments),
        Command::Classes(arguments) => classes(&arguments),
        Command::Ages(arguments) => ages::train(&arguments),
    }
}

fn life(arguments: &LifeArguments) -> anyhow::Result<ExitCode> {
    let LifeArguments { runs, output, .. } = arguments;
    let is_history = is_history(&runs.data);
    let data = match is_history {
        true => {
            let mode = arguments.history.failure_mode.as_deref();
            let mode = mode.context("give --failure-mode: whose confirmed tickets end a life?")?;
            Recorded::open(&runs.data, &arguments.history)?.runs(mode, &output.out)?
        }
        false => runs.data.clone(),
    };
    let named = |name: &str| is_history.then(|| name.to_owned());
    let columns = RunColumns {
        unit: named("unit").or_else(|| runs.unit.clone()),
        time: named("hours").or_else(|| runs.time.clone()),
        settings: arguments.settings.clone(),
        ignore: arguments.ignore.clone(),
    };
    let read = read_runs(&data, runs.format, &columns, None)?;
    let settings = LifeSettings {
        horizon: arguments.horizon,
        seed: output.seed,
        ..LifeSettings::default()
    };
    let workers = Threads {
        what: "learning the time left",
    };
    let (model, report) = guarded(|| models::learned_life::train(&read.units, read.metrics, &settings, &workers))??;
    let description = Description {
        rows: report.rows as u64,
        units: report.units as u64,
        figures: figures_of_life(&report),
        ..output.description(&data, read.columns.into_iter())?
    };
    let bundle = Bundle::of_life(&model, description).map_err(unusable(&output.out))?;
    let time_unit = arguments.time_unit.millis();
    let apart = median_step(&read.units) * time_unit.0 as f64;
    let bundle = output.for_live(
        bundle,
        LiveUse {
            row_every: Millis((apart as i64).max(LiveUse::default().row_every.0)),
            time_unit,
            failure_mode: arguments.history.failure_mode.clone(),
        },
    );
    save_bundle(&bundle, &output.out)?;
    tell(output, &bundle, &[])
}

/// How far apart rows mostly are, in the unit of the time column.
fn median_step(units: &[Unit]) -> f64 {
    let steps = units
        .iter()
        .flat_map(|unit| unit.times.windows(2).map(|pair| pair[1] - pair[0]));
    let mut steps: Vec<f64> = steps.filter(|step| *step > 0.0).collect();
    steps.sort_unstable_by(f64::total_cmp);
    steps.get(steps.len() / 2).copied().unwrap_or(0.0)
}

fn figures_of_life(report: &LifeReport) -> Vec<(String, f64)> {
    let figures = [
        ("conditions", report.conditions as f64),
        ("metrics", report.metrics as f64),
        ("horizon", report.horizon),
        ("rmse", report.rmse),
        ("rmse_capped", report.rmse_capped),
        ("mae", report.mae),
        ("late_share", report.late_share),
        ("band_share", report.band_share),
    ];
    figures.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

impl ClassArguments {
    fn label(&self) -> anyhow::Result<String> {
        self.label
            .clone()
            .context("give --label, the column that holds the class")
    }
}

fn classes(arguments: &ClassArguments) -> anyhow::Result<ExitCode> {
    let output = &arguments.output;
    let data = match (&arguments.data, &arguments.waveforms.waveform_index) {
        (Some(data), _) => data,
        (None, Some(index)) => return waveform_classes(arguments, index),
        (None, None) => anyhow::bail!("give --data or --waveform-index"),
    };
    let (data, label, group) = match is_history(data) {
        true => {
            let table = Recorded::open(data, &arguments.history)?.classes(&output.out)?;
            (table, "label".to_owned(), Some("device".to_owned()))
        }
        false => (data.clone(), arguments.label()?, arguments.group.clone()),
    };
    let columns = LabelColumns {
        label,
        group,
        ignore: arguments.ignore.clone(),
    };
    let table = read_labelled(&data, &columns)?;
    let settings = ClassSettings {
        seed: output.seed,
        ..ClassSettings::default()
    };
    let workers = Threads {
        what: "learning classes",
    };
    let (model, report) = guarded(|| models::classes::train(&table, &settings, &workers))??;
    let description = Description {
        rows: report.rows,
        units: report.groups,
        figures: figures_of_classes(&report),
        ..output.description(&data, table.columns.iter().map(|c| c.name.clone()))?
    };
    let bundle = Bundle::of_classes(&model, description).map_err(unusable(&output.out))?;
    let bundle = output.for_live(bundle, LiveUse::default());
    save_bundle(&bundle, &output.out)?;
    tell(output, &bundle, &report.classes)
}

fn waveform_classes(arguments: &ClassArguments, index: &Path) -> anyhow::Result<ExitCode> {
    let output = &arguments.output;
    let rate = arguments
        .sample_rate
        .context("give --sample-rate, the samples per second")?;
    let columns = LabelColumns {
        label: arguments.label()?,
        group: arguments.group.clone(),
        ignore: Vec::new(),
    };
    let geometry = arguments.bearing.map(|bearing| bearing.geometry);
    let (windowing, recordings) = labelled_recordings(&arguments.waveforms, index, &columns, rate, geometry)?;
    let (table, split) = models::vibration::classes::table(&recordings);
    for class in &split {
        eprintln!(
            "class `{class}` has one recording or group only: it is split by time, so that one half is tested on what was \
             learned from the other; that is easier than a recording of another day"
        );
    }
    let settings = ClassSettings {
        seed: output.seed,
        folds: MOST_RECORDING_FOLDS,
        // two of three listen to the spectrum alone
        bags: 3,
        first_only: Some(models::vibration::classes::plain_columns()),
        ..ClassSettings::default()
    };
    let workers = Threads {
        what: "learning classes",
    };
    let (model, report) = guarded(|| models::classes::train(&table, &settings, &workers))??;
    let description = Description {
        rows: report.rows,
        units: report.groups,
        figures: figures_of_classes(&report),
        ..output.description(index, table.columns.iter().map(|c| c.name.clone()))?
    };
    let model = VibrationClassModel { windowing, model };
    let bundle = Bundle::of_vibration_classes(&model, description).map_err(unusable(&output.out))?;
    save_bundle(&bundle, &output.out)?;
    tell(output, &bundle, &report.classes)
}

/// Recordings are few: with more folds each model learns from nearly all of them.
const MOST_RECORDING_FOLDS: usize = 10;

fn figures_of_classes(report: &ClassReport) -> Vec<(String, f64)> {
    let figures = [
        ("accuracy", report.accuracy),
        ("macro_f1", report.macro_f1),
        ("calibration_error", report.calibration_error),
    ];
    figures.map(|(name, value)| (name.to_owned(), value)).to_vec()
}

/// Prints what was learned and how well it did on rows that were held back.
fn tell(output: &Output, bundle: &Bundle, classes: &[models::classes::ClassFigures]) -> anyhow::Result<ExitCode> {
    let description = bundle.description();
    let mut out = super::output::output();
    if output.json {
        let figures: serde_json::Map<String, serde_json::Value> = description
            .figures
            .iter()
            .map(|(name, value)| (name.clone(), (*value).into()))
            .collect();
        let of_class = |c: &models::classes::ClassFigures| {
            serde_json::json!({
                "class": c.class, "rows": c.rows, "precision": c.precision, "recall": c.recall, "f1": c.f1,
            })
        };
        let report = serde_json::json!({
            "model": bundle.version_id(), "kind": bundle.kind().to_string(), "rows": description.rows,
            "units": description.units, "data_fingerprint": format!("{:016x}", description.data_fingerprint),
            "columns": description.columns.iter().map(|c| &c.name).collect::<Vec<_>>(),
            "cross_validated": figures, "classes": classes.iter().map(of_class).collect::<Vec<_>>(),
        });
        writeln!(out, "{report}")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        out,
        "model {} of {} rows, {} units",
        bundle.version_id(),
        description.rows,
        description.units
    )?;
    writeln!(out, "held back in cross-validation:")?;
    for (name, value) in &description.figures {
        writeln!(out, "  {name:<18} {value:>10.3}")?;
    }
    if !classes.is_empty() {
        writeln!(
            out,
            "  {:<18} {:>10} {:>10} {:>10} {:>10}",
            "class", "rows", "precision", "recall", "f1"
        )?;
    }
    for c in classes {
        let name: String = c.class.chars().take(18).collect();
        writeln!(
            out,
            "  {name:<18} {:>10} {:>10.3} {:>10.3} {:>10.3}",
            c.rows, c.precision, c.recall, c.f1
        )?;
    }
    writeln!(out, "written to {}", output.out.display())?;
    Ok(ExitCode::SUCCESS)
}
