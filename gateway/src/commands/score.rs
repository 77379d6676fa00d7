//! `forewarn score`: what the live engine would have said of recorded data, row by row.

use super::output::output;
use super::recording::{RecordingArguments, on_all};
use super::score_waveform::{self, WaveformArguments};
use crate::backtest::drifts_json;
use crate::recorded::{DriftCounts, InputFile, Inputs, Player, output_for, write_whole};
use anyhow::Context;
use device_sim::table::{Row, Table};
use domain::Profile;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  forewarn score --input machine.csv --output scored.csv
  forewarn score --input recordings --output scored --ignore label --train-rows 400
  forewarn score --input test.csv --train normal.csv --output scored.csv
  forewarn score --waveform snapshots.npy --sample-rate 25600 --output scored.csv

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
    #[arg(long, required_unless_present = "waveform", conflicts_with = "waveform")]
    input: Option<PathBuf>,
    /// Where the result goes: a file, or for a folder the same paths below this one.
    #[arg(long)]
    output: PathBuf,
    /// What came of each recording as a JSON line on standard output: rows, alarms, how often normal has moved, what is to know.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    recording: RecordingArguments,
    #[command(flatten)]
    waveform: WaveformArguments,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if let Some(waveform) = &arguments.waveform.waveform {
        return score_waveform::run(waveform, &arguments.waveform, &arguments.output);
    }
    let input = arguments
        .input
        .as_deref()
        .context("nothing to score: give --input or --waveform")?;
    let profile = arguments.recording.profile()?;
    let inputs = Inputs::find(input)?;
    let scored = on_all(&inputs.files, |file, bar| {
        let place = output_for(&arguments.output, &inputs, file);
        let notes = score_file(&arguments.recording, &profile, file, &place);
        let notes = notes.with_context(|| format!("cannot score {}", file.path.display()))?;
        for note in &notes.notes {
            bar.suspend(|| eprintln!("{}: {note}", file.path.display()));
        }
        anyhow::Ok(notes.as_json(file))
    });
    let (lines, failures): (Vec<_>, Vec<_>) = scored.into_iter().partition(Result::is_ok);
    if arguments.json {
        for line in lines.into_iter().flatten() {
            writeln!(output(), "{line}")?;
        }
    }
    let failures: Vec<anyhow::Error> = failures.into_iter().filter_map(Result::err).collect();
    for failure in &failures {
        eprintln!("{failure:#}");
    }
    let done = inputs.files.len() - failures.len();
    let model = arguments.recording.version(&profile)?;
    eprintln!("{done} of {} recordings scored by {model}", inputs.files.len());
    Ok(if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What came of a recording.
struct Summary {
    rows: u64,
    judged: u64,
    alarms: u64,
    drifts: DriftCounts,
    notes: Vec<String>,
}

impl Summary {
    fn as_json(&self, file: &InputFile) -> serde_json::Value {
        serde_json::json!({
            "file": file.relative, "rows": self.rows, "judged": self.judged, "alarms": self.alarms,
            "drifts": drifts_json(&self.drifts), "notes": self.notes,
        })
    }
}

/// Scores one recording; returns what came of it.
fn score_file(
    arguments: &RecordingArguments,
    profile: &Arc<Profile>,
    file: &InputFile,
    output: &Path,
) -> anyhow::Result<Summary> {
    let mut player = arguments.player(profile)?;
    let mut table = arguments.open(&file.path)?;
    let mut failure = None;
    let mut alarms = Rises::default();
    let written = write_whole(output, |out| {
        out.write_all(b"timestamp,score,alert\n")?;
        for row in table.by_ref() {
            let line = row.map_err(anyhow::Error::from);
            match line.and_then(|row| step(arguments, &mut player, &row, &mut alarms)) {
                Ok(line) => out.write_all(line.as_bytes())?,
                Err(error) => {
                    failure = Some(error);
                    return Err(std::io::Error::other("the recording cannot be read"));
                }
            }
        }
        Ok(())
    });
    match (written, failure) {
        (Ok(()), _) => {}
        (Err(_), Some(failure)) => return Err(failure),
        (Err(error), None) => return Err(error).with_context(|| format!("cannot write {}", output.display())),
    }
    let mut notes = notes(&player, &table);
    for (cause, count) in player.drifts() {
        let cause = cause.as_str();
        notes.push(format!(
            "what is held for normal has itself moved {count} times ({cause})"
        ));
    }
    Ok(Summary {
        rows: table.rows(),
        judged: player.judged(),
        alarms: alarms.count,
        drifts: player.drifts().clone(),
        notes,
    })
}

/// Counts how often an alarm begins.
#[derive(Default)]
struct Rises {
    count: u64,
    is_up: bool,
}

impl Rises {
    fn see(&mut self, is_up: bool) {
        self.count += u64::from(is_up && !self.is_up);
        self.is_up = is_up;
    }
}

fn step(arguments: &RecordingArguments, player: &mut Player, row: &Row, alarms: &mut Rises) -> anyhow::Result<String> {
    let time = quoted(&row.time);
    if row.number < arguments.train_rows {
        player.learn(row)?;
        if row.number + 1 == arguments.train_rows {
            player.end_of_normal();
        }
        return Ok(format!("{time},0,0\n"));
    }
    let played = player.play(row)?;
    alarms.see(played.is_alerting);
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

/// A row without an alarm may be a row that nobody could judge; then it is said.
fn not_judged(player: &Player) -> Vec<String> {
    let mut notes = Vec::new();
    let (learning, metrics) = player.learning();
    if player.judged() == 0 {
        notes.push("no row was judged: there are too few to know what is normal".to_owned());
    } else if learning == metrics {
        notes.push("no alarm could be raised: what is normal was still being learned at the end".to_owned());
    } else if learning > 0 {
        notes.push(format!(
            "of {learning} of {metrics} metrics what is normal was still being learned at the end"
        ));
    }
    if learning > 0 {
        notes.push(
            "a day or 2,000 readings of a metric are needed, or with --train or --train-rows 200 that are normal"
                .to_owned(),
        );
    }
    if player.passed_over() > 0 {
        notes.push(format!(
            "{} rows repeat a row or are older than one before; they were not judged and keep the score before",
            player.passed_over()
        ));
    }
    notes
}

fn notes(player: &Player, table: &Table) -> Vec<String> {
    let mut notes = Vec::new();
    if table.rows() == 0 {
        notes.push("there is no row in it".to_owned());
    } else {
        notes.extend(not_judged(player));
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
