//! `forewarn score`: what the live engine would have said of recorded data, row by row.

use crate::pipeline::catalogue::load_profiles;
use crate::recorded::{InputFile, Inputs, Player, output_for, write_whole};
use anyhow::Context;
use device_sim::table::{Row, Table, TableOptions, TimeColumn};
use domain::{DeviceKey, Profile};
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::Mutex;

/// Most columns of a recording.
const MAX_COLUMNS: usize = 20_001;

const EXAMPLES: &str = "\
Examples:
  forewarn score --input machine.csv --output scored.csv
  forewarn score --input recordings --output scored --ignore label --train-rows 400
  forewarn score --input test.csv --train normal.csv --output scored.csv

Reads CSV (.csv, .csv.gz, also a folder of them): a header, one time column (found, or --time; without one rows are a
second apart), every other numeric column is a metric of one device. Each row goes through the engine that judges live
telemetry. Writes timestamp,score,alert, one row for each row read:
  score  how unusual the device is, 0 to 1; 0.5 where a person would be told
  alert  1 while an alarm stands
Row i depends on rows up to i only. Without --train it starts cold and learns; with it, that part is taken as normal.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A .csv or .csv.gz file, or a folder with such files in it.
    #[arg(long)]
    input: PathBuf,
    /// Where the result goes: a file, or for a folder the same paths below this one.
    #[arg(long)]
    output: PathBuf,
    /// Name of the time column; without it the column is found by its name or its values.
    #[arg(long)]
    time: Option<String>,
    /// Columns that are not metrics, such as labels.
    #[arg(long, value_delimiter = ',')]
    ignore: Vec<String>,
    /// What separates the columns, one character, or `tab`; without it it is found.
    #[arg(long, value_parser = delimiter)]
    delimiter: Option<u8>,
    /// A recording that is known to be normal, learned before.
    #[arg(long, conflicts_with = "train_rows")]
    train: Option<PathBuf>,
    /// The first so many rows of each file are known to be normal.
    #[arg(long, default_value_t = 0)]
    train_rows: u64,
    /// Profile of the machine: a TOML file, or the name of a shipped one.
    #[arg(long, default_value = "generic")]
    profile: String,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [one] => Ok(*one),
        _ => Err("one character, or `tab`, is needed".to_owned()),
    }
}

/// A profile by name or file.
pub(super) fn profile(name: &str) -> anyhow::Result<Arc<Profile>> {
    let path = Path::new(name);
    if path.extension().is_some_and(|e| e == "toml") {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the profile {name}"))?;
        return match domain::profile::parse(&text) {
            Ok(profile) => Ok(Arc::new(profile)),
            Err(problems) => {
                let list: Vec<String> = problems.iter().map(|p| format!("  {name}: {p}")).collect();
                anyhow::bail!("the profile has mistakes:\n{}", list.join("\n"))
            }
        };
    }
    let shipped = load_profiles(None).unwrap_or_default();
    let known: Vec<String> = shipped.iter().map(|p| p.id.clone()).collect();
    let found = shipped.into_iter().find(|p| p.id == name);
    let found = found.with_context(|| format!("there is no profile {name:?}; shipped are {}", known.join(", ")))?;
    Ok(Arc::new(found))
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let profile = profile(&arguments.profile)?;
    let inputs = Inputs::find(&arguments.input)?;
    let bar = progress(inputs.files.len());
    let waiting = Mutex::new(inputs.files.iter());
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting.lock().unwrap_or_else(|p| p.into_inner()).next();
            let Some(file) = next else { return };
            let output = output_for(&arguments.output, &inputs, file);
            let scored = score_file(arguments, &profile, file, &output);
            let scored = scored.with_context(|| format!("cannot score {}", file.path.display()));
            match scored {
                Ok(notes) => notes
                    .iter()
                    .for_each(|note| bar.println(format!("{}: {note}", file.path.display()))),
                Err(error) => failures.lock().unwrap_or_else(|p| p.into_inner()).push(error),
            }
            bar.inc(1);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(inputs.files.len()) {
            scope.spawn(work);
        }
    });
    bar.finish_and_clear();
    let failures = failures.into_inner().unwrap_or_else(|p| p.into_inner());
    for failure in &failures {
        eprintln!("{failure:#}");
    }
    let done = inputs.files.len() - failures.len();
    eprintln!("{done} of {} recordings scored", inputs.files.len());
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn progress(files: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} recordings, {elapsed}");
    ProgressBar::new(files as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn open(arguments: &Arguments, path: &Path) -> anyhow::Result<Table> {
    let time = match &arguments.time {
        Some(name) => TimeColumn::Named(name.clone()),
        None => TimeColumn::Find,
    };
    let options = TableOptions {
        delimiter: arguments.delimiter,
        time,
        ignore: arguments.ignore.clone(),
        max_columns: MAX_COLUMNS,
        keeps_every_row: true,
        ..TableOptions::default()
    };
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    Ok(Table::open(file, options)?)
}

/// Scores one recording; returns what a person should know of it.
fn score_file(
    arguments: &Arguments,
    profile: &Arc<Profile>,
    file: &InputFile,
    output: &Path,
) -> anyhow::Result<Vec<String>> {
    let mut player = Player::new(profile.clone(), &DeviceKey::new("recorded", "device")?)?;
    if let Some(normal) = &arguments.train {
        let table = open(arguments, normal).with_context(|| format!("cannot read {}", normal.display()))?;
        for row in table {
            player.learn(&row?)?;
        }
        player.end_of_normal();
    }
    let mut table = open(arguments, &file.path)?;
    let mut failure = None;
    write_whole(output, |out| {
        out.write_all(b"timestamp,score,alert\n")?;
        for row in table.by_ref() {
            let line = match row
                .map_err(anyhow::Error::from)
                .and_then(|row| step(arguments, &mut player, &row))
            {
                Ok(line) => line,
                Err(error) => {
                    failure = Some(error);
                    return Err(std::io::Error::other("the recording cannot be read"));
                }
            };
            out.write_all(line.as_bytes())?;
        }
        Ok(())
    })
    .or_else(|error| Err(failure.take().unwrap_or_else(|| error.into())))
    .with_context(|| format!("nothing is written to {}", output.display()))?;
    Ok(notes(&player, &table))
}

fn step(arguments: &Arguments, player: &mut Player, row: &Row) -> anyhow::Result<String> {
    let time = quoted(&row.time);
    if row.number < arguments.train_rows {
        player.learn(row)?;
        if row.number + 1 == arguments.train_rows {
            player.end_of_normal();
        }
        return Ok(format!("{time},0,0\n"));
    }
    let played = player.play(row)?;
    Ok(format!("{time},{:.6},{}\n", played.score, u8::from(played.is_alerting)))
}

/// A cell as CSV writes it.
fn quoted(cell: &str) -> std::borrow::Cow<'_, str> {
    if cell.contains([',', '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\"")).into()
    } else {
        cell.into()
    }
}

fn notes(player: &Player, table: &Table) -> Vec<String> {
    let mut notes = Vec::new();
    if table.rows() == 0 {
        notes.push("there is no row in it".to_owned());
    }
    if player.ignored() > 0 {
        notes.push(format!(
            "a device may have {} metrics; the others were not watched",
            models::MAX_METRICS
        ));
    }
    if table.skipped() > 0 {
        notes.push(format!(
            "{} rows have no number and keep the score before",
            table.skipped()
        ));
    }
    if table.unreadable_times() > 0 {
        notes.push(format!(
            "{} times cannot be read; those rows count as one interval after the row before",
            table.unreadable_times()
        ));
    }
    notes
}
