//! `forewarn backtest`: how often would this have fired, how early, and what would it have missed?

use super::backtest_waveform::{self, WaveformArguments};
use super::recording::{RecordingArguments, on_all};
use crate::backtest::labels::{self, LabelColumn, Labels};
use crate::backtest::{PlayedRecording, Playing, json, page, text};
use crate::history::{Filter, HistoryReader};
use crate::recorded::{InputFile, Inputs, write_whole};
use crate::store::{FILE_NAME, ListFilter, Reader};
use anyhow::Context;
use device_sim::table::Row;
use domain::{DeviceKey, DeviceName, MetricName, Millis, Profile, SiteName, Timestamp};
use models::evaluation::{KnownEvent, evaluate};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Tickets read at a time.
const PAGE: u32 = 500;

const EXAMPLES: &str = "\
Examples:
  forewarn backtest --input recordings --label-column fault
  forewarn backtest --input pump.csv --labels events.csv --profile pump.toml --html report.html
  forewarn backtest --data forewarn-data --site plant --profile pump --horizon 72h
  forewarn backtest --waveform bearings --interval 600 --labels events.csv

Plays recorded history through the engine and the delays that judge live telemetry, much faster than time, and compares
the alarms with what is known to have happened: a column of the recording, a file of labels, or, for the history of a
data folder, the tickets that were closed with a confirmed fault. Without labels it says how often it would have fired.

A file of labels is CSV with the columns device,from,to and, where known, failure_mode; or JSON, an object from the
recording's path to a list of [from, to].";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// A .csv or .csv.gz file, or a folder with such files in it.
    #[arg(long, required_unless_present_any = ["data", "waveform"], conflicts_with = "data")]
    input: Option<PathBuf>,
    /// The data folder of a gateway: its recorded history is played, also while it runs.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Of the data folder, only this site.
    #[arg(long, requires = "data")]
    site: Option<SiteName>,
    /// Of the data folder, only this device.
    #[arg(long, requires = "data")]
    device: Option<DeviceName>,
    /// A file that says what happened.
    #[arg(long)]
    labels: Option<PathBuf>,
    /// A column that is not 0 while something is wrong; it is not a metric.
    #[arg(long, requires = "input")]
    label_column: Option<String>,
    /// How long before an event's first sign an alarm still counts as right, such as 30min, 12h, 3d.
    #[arg(long, default_value = "0s", value_parser = span)]
    horizon: Millis,
    /// The result as JSON.
    #[arg(long)]
    json: bool,
    /// The result with plots, as one HTML file.
    #[arg(long)]
    html: Option<PathBuf>,
    #[command(flatten)]
    waveform: WaveformArguments,
    #[command(flatten)]
    recording: RecordingArguments,
}

fn span(text: &str) -> Result<Millis, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "s" => 1e3,
        "min" => 60e3,
        "h" => 3_600e3,
        "d" => 86_400e3,
        _ => return Err("a number and s, min, h or d are needed, such as 12h".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number"))?;
    Ok(Millis((number * unit_ms) as i64))
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let profile = arguments.recording.profile()?;
    let labels = match &arguments.labels {
        Some(path) => labels::read(path)?,
        None => Labels::new(),
    };
    let waveform = &arguments.waveform;
    let played = match (&arguments.input, &arguments.data, &waveform.waveform) {
        (Some(input), _, _) => play_files(arguments, &profile, &labels, input)?,
        (None, Some(data), _) => play_history(arguments, &profile, labels, data)?,
        (None, None, Some(path)) => backtest_waveform::play(path, waveform.interval, &labels)?,
        (None, None, None) => anyhow::bail!("--input, --data or --waveform is needed"),
    };
    let evaluation = evaluate(
        &played.iter().map(|p| p.observed.clone()).collect::<Vec<_>>(),
        arguments.horizon,
    );
    if let Some(path) = &arguments.html {
        write_whole(path, |out| out.write_all(page(&evaluation, &played).as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let model = arguments.recording.version(&profile)?;
    let mut out = super::output::output();
    if arguments.json {
        let mut found = json(&evaluation, &played);
        found["model"] = model.as_str().into();
        writeln!(out, "{found}")?;
    } else {
        writeln!(out, "judged by {model}\n")?;
        write!(out, "{}", text(&evaluation, &played))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn play_files(
    arguments: &Arguments,
    profile: &Arc<Profile>,
    labels: &Labels,
    input: &Path,
) -> anyhow::Result<Vec<PlayedRecording>> {
    let inputs = Inputs::find(input)?;
    let unknown: Vec<&String> = labels
        .keys()
        .filter(|name| !inputs.files.iter().any(|f| f.relative.to_string_lossy() == **name))
        .collect();
    if !unknown.is_empty() {
        eprintln!("labels of recordings that are not in {}: {unknown:?}", input.display());
    }
    let played = on_all(&inputs.files, |file, _| {
        play_file(arguments, profile, labels, file).with_context(|| format!("cannot play {}", file.path.display()))
    });
    played.into_iter().collect()
}

fn play_file(
    arguments: &Arguments,
    profile: &Arc<Profile>,
    labels: &Labels,
    file: &InputFile,
) -> anyhow::Result<PlayedRecording> {
    let name = file.relative.to_string_lossy().into_owned();
    let mut playing = Playing::new(arguments.recording.player(profile)?, profile.clone());
    let mut events: Vec<KnownEvent> = labels.get(&name).cloned().unwrap_or_default();
    let table = arguments.recording.open(&file.path)?;
    let label = match &arguments.label_column {
        Some(column) => {
            let place = table.header().iter().position(|c| c == column);
            let place = place.with_context(|| format!("there is no column {column:?}"))?;
            Some(table.columns()[place].clone())
        }
        None => None,
    };
    let mut column = LabelColumn::default();
    for row in table {
        let mut row: Row = row?;
        if let Some(label) = &label
            && let Some(place) = row.metrics.iter().position(|(metric, _)| metric == label)
        {
            column.add(Timestamp(row.ts_ms), row.metrics.remove(place).1);
        }
        if row.number < arguments.recording.train_rows {
            playing.learn(&row)?;
            if row.number + 1 == arguments.recording.train_rows {
                playing.end_of_normal();
            }
        } else {
            playing.row(&row)?;
        }
    }
    events.extend(column.finish());
    Ok(playing.finish(name, events))
}

fn play_history(
    arguments: &Arguments,
    profile: &Arc<Profile>,
    mut labels: Labels,
    data: &Path,
) -> anyhow::Result<Vec<PlayedRecording>> {
    let history = super::history::open(data)?;
    let filter = Filter {
        site: arguments.site.clone(),
        device: arguments.device.clone(),
        metric: None,
    };
    let mut devices: Vec<(DeviceKey, Vec<MetricName>)> = Vec::new();
    for (device, metric) in history.series(&filter) {
        match devices.last_mut() {
            Some((last, metrics)) if *last == device => metrics.push(metric),
            Some(_) | None => devices.push((device, vec![metric])),
        }
    }
    anyhow::ensure!(
        !devices.is_empty(),
        "there is no history of such devices in {}",
        data.display()
    );
    let tickets = confirmed(data)?;
    for (device, event) in tickets {
        labels.entry(device.to_string()).or_default().push(event);
    }
    let mut played = Vec::new();
    // one after the other: the history has one reader, and a device's rows may take much memory
    for (device, metrics) in devices {
        let mut playing = Playing::new(arguments.recording.player(profile)?, profile.clone());
        for row in rows_of(&history, &device, &metrics)? {
            playing.row(&row)?;
        }
        let name = device.to_string();
        let events = labels.remove(&name).unwrap_or_default();
        played.push(playing.finish(name, events));
    }
    Ok(played)
}

/// A device's values as rows: those of one instant together.
fn rows_of(history: &HistoryReader, device: &DeviceKey, metrics: &[MetricName]) -> anyhow::Result<Vec<Row>> {
    let mut values: Vec<(i64, usize, f64)> = Vec::new();
    let (from, to) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
    for (place, metric) in metrics.iter().enumerate() {
        history.each_value(device, metric, from, to, &mut |at, value| {
            values.push((at.0, place, value));
            ControlFlow::Continue(())
        })?;
    }
    values.sort_unstable_by_key(|(at, place, _)| (*at, *place));
    let names: Vec<Arc<str>> = metrics.iter().map(|m| Arc::from(m.as_str())).collect();
    let mut rows: Vec<Row> = Vec::new();
    for (at, place, value) in values {
        let metric = (names[place].clone(), value);
        match rows.last_mut() {
            Some(row) if row.ts_ms == at => row.metrics.push(metric),
            Some(_) | None => rows.push(Row {
                number: rows.len() as u64,
                time: String::new(),
                ts_ms: at,
                metrics: vec![metric],
            }),
        }
    }
    Ok(rows)
}

/// What technicians confirmed: from the reading that raised the alarm, or the ticket's opening if that was earlier, to its closing.
pub(super) fn confirmed(data: &Path) -> anyhow::Result<Vec<(DeviceKey, KnownEvent)>> {
    let store = Reader::open(&data.join(FILE_NAME))?;
    let mut events = Vec::new();
    let mut before = None;
    loop {
        let page = store.tickets(&ListFilter::default(), before, PAGE)?;
        let Some(last) = page.last() else { break };
        before = Some((last.opened_at.0, last.id as i64));
        for row in &page {
            let ticket: alerting::ticket::TicketRecord =
                serde_json::from_str(&row.record).with_context(|| format!("ticket {}", row.id))?;
            // a rehearsal broke nothing
            let is_real = !ticket.device.site.is_drill();
            if let Some((fault, closed_at)) = ticket.mended().filter(|_| is_real) {
                let alarm = match &ticket.alarm {
                    Some(id) => store.alarm(&id.to_string())?,
                    None => None,
                };
                let raised_at = alarm.map_or(ticket.opened_at, |alarm| alarm.raised_at);
                let event = KnownEvent {
                    failure_mode: Some(fault.clone()),
                    from: ticket.opened_at.min(raised_at),
                    to: closed_at,
                };
                events.push((ticket.device.clone(), event));
            }
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_with_its_unit() {
        assert_eq!(span("90s"), Ok(Millis(90_000)));
        assert_eq!(span("1.5h"), Ok(Millis(5_400_000)));
        assert!(span("12").is_err_and(|e| e.contains("s, min, h or d")));
        assert!(span("d").is_err());
    }
}
