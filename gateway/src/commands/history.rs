//! `forewarn history count|export`: reads the files of a data folder, also beside a running gateway. What history has not
//! taken from the journal yet is counted too.

use super::DataFolder;
use crate::backtest::labels;
use crate::history::{Filter, HistoryReader, HistorySink};
use crate::ingest::directory::{DevicesConfig, Directory};
use crate::pipeline::feed::JournalEntry;
use crate::store::{FILE_NAME, Reader};
use anyhow::Context;
use domain::registry::Registry;
use domain::{DeviceName, MetricName, SiteName, Timestamp};
use indicatif::ProgressBar;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// How many readings are recorded, by device and metric.
    Count(CountArguments),
    /// Writes recorded readings as CSV: site,device,metric,timestamp,value.
    Export(ExportArguments),
    /// Writes the faults that technicians found as labels: device,from,to,failure_mode, as `backtest --labels` reads them.
    Labels(LabelArguments),
}

#[derive(Debug, clap::Args)]
struct Selection {
    #[command(flatten)]
    folder: DataFolder,
    /// Only this site.
    #[arg(long)]
    site: Option<SiteName>,
    /// Only this device.
    #[arg(long)]
    device: Option<DeviceName>,
    /// Only this metric.
    #[arg(long)]
    metric: Option<MetricName>,
}

#[derive(Debug, clap::Args)]
pub(super) struct CountArguments {
    #[command(flatten)]
    selection: Selection,
    /// Only the sum, as a bare number.
    #[arg(long)]
    total: bool,
    /// JSON lines: site, device, metric, points, first, last.
    #[arg(long, conflicts_with = "total")]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ExportArguments {
    #[command(flatten)]
    selection: Selection,
    /// From this instant on (RFC 3339).
    #[arg(long, value_parser = instant)]
    from: Option<Timestamp>,
    /// Before this instant (RFC 3339).
    #[arg(long, value_parser = instant)]
    to: Option<Timestamp>,
    /// The file to write; without it standard output.
    #[arg(long)]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct LabelArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// The file to write; without it standard output.
    #[arg(long)]
    output: Option<PathBuf>,
}

pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text).ok_or_else(|| format!("{text:?} is not a time like 2026-01-31T12:00:00Z"))
}

impl Selection {
    fn filter(&self) -> Filter {
        Filter {
            site: self.site.clone(),
            device: self.device.clone(),
            metric: self.metric.clone(),
        }
    }
}

/// History with the tail of the journal that it has not taken.
pub(super) fn open(folder: &Path) -> anyhow::Result<HistoryReader> {
    // the journal first: what is cut from it after this is in the history that is opened next
    let store = Reader::open_at_one_moment(&folder.join(FILE_NAME))?;
    let directory = Directory::new(
        DevicesConfig::default(),
        Registry::default(),
        store.devices()?,
        store.metrics()?,
    );
    let (reader, mut tail) = HistoryReader::open_offline(&folder.join("history.db"))?;
    let mut position = tail.durable_position();
    loop {
        let entries = store.journal_after(position, 8 << 20)?;
        if entries.is_empty() {
            return Ok(reader);
        }
        for (at, bytes) in entries {
            let entry = JournalEntry(&bytes);
            entry
                .check()
                .with_context(|| format!("journal entry {at} of {}", folder.display()))?;
            tail.absorb(at, &entry, &directory)?;
            position = at;
        }
    }
}

pub(super) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Count(arguments) => count(&arguments),
        Command::Export(arguments) => export(&arguments),
        Command::Labels(arguments) => write_labels(&arguments),
    }
}

fn count(arguments: &CountArguments) -> anyhow::Result<ExitCode> {
    let rows = open(&arguments.selection.folder.data)?.count(&arguments.selection.filter())?;
    let total: u64 = rows.iter().map(|r| r.points).sum();
    let mut out = super::output::output();
    if arguments.total {
        writeln!(out, "{total}")?;
    } else if arguments.json {
        for r in &rows {
            let line = serde_json::json!({
                "site": r.device.site, "device": r.device.device, "metric": r.metric,
                "points": r.points, "first": r.first.to_string(), "last": r.last.to_string(),
            });
            writeln!(out, "{line}")?;
        }
    } else {
        writeln!(out, "{:>12}  {:24}  {:24}  device / metric", "points", "first", "last")?;
        for r in &rows {
            let (first, last) = (r.first.to_string(), r.last.to_string());
            writeln!(
                out,
                "{:>12}  {first:24}  {last:24}  {} / {}",
                r.points, r.device, r.metric
            )?;
        }
        writeln!(out, "{total:>12}  in all, {} series", rows.len())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn export(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let reader = open(&arguments.selection.folder.data)?;
    let filter = arguments.selection.filter();
    let (from, to) = (
        arguments.from.unwrap_or(Timestamp(i64::MIN)),
        arguments.to.unwrap_or(Timestamp(i64::MAX)),
    );
    let total: u64 = reader.count(&filter)?.iter().map(|r| r.points).sum();
    let bar = ProgressBar::new(total);
    let summary = match &arguments.output {
        Some(path) => {
            let file = std::fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
            reader.export_csv(&mut std::io::BufWriter::new(file), &filter, from, to, &mut |done| {
                bar.set_position(done)
            })?
        }
        None => {
            let out = super::output::output();
            reader.export_csv(&mut std::io::BufWriter::new(out), &filter, from, to, &mut |done| {
                bar.set_position(done)
            })?
        }
    };
    bar.finish_and_clear();
    eprintln!("{} values written", summary.points);
    if summary.damaged_chunks > 0 {
        eprintln!(
            "{} chunks of history cannot be read and are missing",
            summary.damaged_chunks
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn write_labels(arguments: &LabelArguments) -> anyhow::Result<ExitCode> {
    let mut labels = super::backtest::confirmed(&arguments.folder.data)?;
    labels.sort_by(|(a, x), (b, y)| (a, x.from, x.to).cmp(&(b, y.from, y.to)));
    match &arguments.output {
        Some(path) => {
            let file = std::fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
            labels::write(&labels, std::io::BufWriter::new(file))?;
        }
        None => labels::write(&labels, super::output::output())?,
    }
    eprintln!("{} written", super::output::counted(labels.len(), "label"));
    Ok(ExitCode::SUCCESS)
}
