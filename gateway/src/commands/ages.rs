//! `forewarn train ages` and `forewarn predict ages`: what the ages of a fleet tell, where nothing is measured.

use super::from_history::{HistoryArguments, Recorded, is_history};
use super::positive;
use super::train::Output;
use crate::learning::ages::{AgeColumns, read_ages, read_running};
use crate::learning::model_file::{load_bundle, save, save_bundle, unusable};
use anyhow::Context;
use domain::MetricName;
use models::bundle::{Bundle, Description};
use models::fleet_life::{Estimate, FleetLife, FleetModel};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

pub(super) const TRAIN_HELP: &str = "\
One row for each unit, failed or still running. Leave the running ones in: without them the fleet looks short-lived. The age may be
running hours, days or cycles; answers come in the same. A unit that was repaired as good as new starts again as a row of its own.

beta below 1: early failures, replacing old units does not help. About 1: chance. Above 1: wear, and age tells.
Each figure comes with the interval that holds the truth in nine of ten fleets; under ten failures it is too short.

Examples:
  forewarn train ages --data pumps.csv --age hours --failed failed --out pumps.model
  forewarn train ages --data pumps.csv --age hours --failed failed --by make --out pumps.model --json
  forewarn train ages --data forewarn-data --failure-mode bearing_wear --devices pump- --out pumps.model";

pub(super) const PREDICT_HELP: &str = "\
How probable it is that a unit which has reached this age fails within the horizon, and how much life it has left: half of such units
fail before `left_p50`, one in ten before `left_p10`.

Examples:
  forewarn predict ages --model pumps.model --age 5200 --horizon 720
  forewarn predict ages --model pumps.model --data running.csv --age hours --horizon 720 --out next_month.csv";

#[derive(Debug, clap::Args)]
pub(super) struct TrainArguments {
    /// The table of units; may be gzipped.
    #[arg(long)]
    data: PathBuf,
    /// Column of the age at failure, or so far; with a gateway's folder as --data the counter that tells it [runtime_hours].
    #[arg(long)]
    age: Option<String>,
    /// Column that tells whether the unit failed at that age: 1 or 0, yes or no, failed or running.
    #[arg(long)]
    failed: Option<String>,
    /// Column of the kind of unit; each gets a distribution of its own.
    #[arg(long)]
    by: Option<String>,
    #[command(flatten)]
    history: HistoryArguments,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Args)]
pub(super) struct PredictArguments {
    /// The model that `train ages` wrote.
    #[arg(long)]
    model: PathBuf,
    /// An age, or with --data the column of the age.
    #[arg(long)]
    age: String,
    /// Within which time a failure is asked for, in the unit of the ages.
    #[arg(long, value_parser = positive)]
    horizon: f64,
    /// A table of running units; may be gzipped.
    #[arg(long, requires = "out")]
    data: Option<PathBuf>,
    /// The CSV to write, with --data: unit,age,probability,low,high,left_p10,left_p50.
    #[arg(long, requires = "data")]
    out: Option<PathBuf>,
}

impl TrainArguments {
    /// The table of units with its columns; one is made of a gateway's folder.
    fn table(&self) -> anyhow::Result<(PathBuf, AgeColumns)> {
        if is_history(&self.data) {
            let mode = self.history.failure_mode.as_deref();
            let mode = mode.context("give --failure-mode: whose confirmed tickets end a life?")?;
            let counter = self.age.as_deref().unwrap_or("runtime_hours");
            let counter = MetricName::new(counter).with_context(|| format!("{counter:?} is no metric"))?;
            let table = Recorded::open(&self.data, &self.history)?.ages(mode, &counter, &self.output.out)?;
            let columns = AgeColumns {
                age: "age".to_owned(),
                failed: "failed".to_owned(),
                by: None,
            };
            return Ok((table, columns));
        }
        let columns = AgeColumns {
            age: self.age.clone().context("give --age, the column of the age")?,
            failed: self
                .failed
                .clone()
                .context("give --failed, the column that tells whether it failed")?,
            by: self.by.clone(),
        };
        Ok((self.data.clone(), columns))
    }
}

pub(super) fn train(arguments: &TrainArguments) -> anyhow::Result<ExitCode> {
    let output = &arguments.output;
    let (data, columns) = arguments.table()?;
    let read = read_ages(&data, &columns)?;
    let units: usize = read.values().map(Vec::len).sum();
    let mut kinds = Vec::new();
    for (kind, lives) in &read {
        match FleetLife::fit(lives) {
            Ok(life) => kinds.push((kind.clone(), life)),
            // the other kinds can still be told about
            Err(error) if read.len() > 1 => tracing::warn!(%kind, "left out: {error}"),
            Err(error) => return Err(error).with_context(|| format!("cannot learn from {}", data.display())),
        }
    }
    anyhow::ensure!(!kinds.is_empty(), "no kind of unit has enough failures to learn from");
    let model = FleetModel {
        by: columns.by.clone(),
        kinds,
    };
    let names = [Some(&columns.age), Some(&columns.failed), columns.by.as_ref()];
    let description = Description {
        rows: units as u64,
        units: units as u64,
        ..output.description(&data, names.into_iter().flatten().cloned())?
    };
    let bundle = Bundle::of_ages(&model, description).map_err(unusable(&output.out))?;
    save_bundle(&bundle, &output.out)?;
    tell(&model, &bundle, output)
}

fn tell(model: &FleetModel, bundle: &Bundle, output: &Output) -> anyhow::Result<ExitCode> {
    let figures = |life: &FleetLife| {
        let named = [
            ("beta", life.shape()),
            ("eta", life.scale()),
            ("mttf", life.mean()),
            ("b10", life.b10()),
        ];
        named.map(|(name, e)| (name, e))
    };
    let mut out = super::output::output();
    if output.json {
        let of_kind = |(kind, life): &(String, FleetLife)| {
            let mut told = serde_json::json!({"kind": kind, "failures": life.failures(), "running": life.running()});
            for (name, e) in figures(life) {
                told[name] = serde_json::json!({"value": e.value, "low": e.low, "high": e.high});
            }
            told
        };
        let kinds: Vec<_> = model.kinds.iter().map(of_kind).collect();
        writeln!(
            out,
            "{}",
            serde_json::json!({"model": bundle.version_id(), "kind": "ages", "kinds": kinds})
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(
        out,
        "model {} of {} units",
        bundle.version_id(),
        bundle.description().units
    )?;
    for (kind, life) in &model.kinds {
        let name = if kind.is_empty() { "all units" } else { kind };
        writeln!(out, "{name}: {} failed, {} running", life.failures(), life.running())?;
        for (figure, Estimate { value, low, high }) in figures(life) {
            writeln!(out, "  {figure:<5} {value:>12.3}   {low:.3} to {high:.3}")?;
        }
        let (beta, eta) = (life.weibull().shape(), life.weibull().scale());
        let count = life.failures() + life.running();
        // as a failure mode of a profile takes it, where ages are in hours
        writeln!(
            out,
            "  life = {{ beta = {beta:.3}, eta_hours = {eta:.1}, source = \"{count} units, {}\" }}",
            bundle.version_id()
        )?;
    }
    writeln!(out, "written to {}", output.out.display())?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn predict(arguments: &PredictArguments) -> anyhow::Result<ExitCode> {
    let PredictArguments {
        model: file,
        age,
        horizon,
        data,
        out,
    } = arguments;
    let bundle = load_bundle(file)?;
    let model = bundle.ages().map_err(unusable(file))?;
    let (Some(data), Some(out)) = (data, out) else {
        let age: f64 = age
            .parse()
            .ok()
            .filter(|age: &f64| age.is_finite() && *age >= 0.0)
            .with_context(|| {
                format!("--age {age} is no age: give a number from 0 on, or --data with the table that has this column")
            })?;
        let mut stdout = super::output::output();
        writeln!(stdout, "kind,probability,low,high,left_p10,left_p50")?;
        for (kind, life) in &model.kinds {
            let name = if kind.is_empty() { "all units" } else { kind };
            writeln!(stdout, "{name},{}", answer(life, age, *horizon).join(","))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let units = read_running(data, age, model.by.as_deref())?;
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["unit", "age", "probability", "low", "high", "left_p10", "left_p50"])?;
    for (unit, kind, age) in &units {
        let life = model.kind(kind).with_context(|| {
            let known: Vec<&str> = model.kinds.iter().map(|(kind, _)| kind.as_str()).collect();
            format!(
                "unit {unit} is of kind `{kind}`, which the model has not learned; it knows {}",
                known.join(", ")
            )
        })?;
        let mut record = vec![unit.clone(), age.to_string()];
        record.extend(answer(life, *age, *horizon));
        csv.write_record(&record)?;
    }
    save(out, &csv.into_inner().context("cannot gather the rows")?)?;
    eprintln!("{} units, written to {}", units.len(), out.display());
    Ok(ExitCode::SUCCESS)
}

/// Probability with its interval, and the time left that nine of ten, and half of such units outlast.
fn answer(life: &FleetLife, age: f64, horizon: f64) -> [String; 5] {
    let Estimate { value, low, high } = life.fails_within(age, horizon);
    let left = |quantile: f64| format!("{:.2}", life.weibull().time_left(age, quantile));
    let share = |p: f64| format!("{p:.5}");
    [share(value), share(low), share(high), left(0.1), left(0.5)]
}
