//! The commands, one file each. What they print on standard output is their result; progress and logs go to standard error.

#![deny(clippy::print_stdout)] // see `output`

mod ages;
mod audit;
mod backtest;
mod backtest_waveform;
mod backup;
mod check;
mod demo;
mod diagnose;
mod drill;
mod from_history;
mod hash_password;
mod history;
mod model;
pub mod npy;
mod output;
mod predict;
mod recording;
mod report;
mod run;
mod score;
mod score_waveform;
mod train;
mod waveform_index;

pub use output::is_reader_gone;

use clap::{Parser, Subcommand};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

const EXAMPLES: &str = "\
Examples:
  forewarn demo                                  everything in one: simulated machines, alarms, tickets, dashboard
  forewarn check --config forewarn.toml          every mistake of a configuration, with file and line
  forewarn run --config forewarn.toml            the gateway
  forewarn history count --data forewarn-data    how many readings are recorded
  forewarn train life --data runs.csv --format csv --out life.model
  forewarn predict life --model life.model --data now.csv --format csv --out left.csv
  forewarn drill --scenario device_fault         a rehearsal with marked machines, timed, nobody is told
  forewarn report --month 2026-11 --output review.html
                                                 how good warnings and service were
  forewarn backup --data forewarn-data --to b    a consistent copy, while the gateway runs
  forewarn audit verify --data forewarn-data     whether the audit trail is as it was written
  forewarn score --input DIR --output SCORED     what the engine says of recorded data
  forewarn backtest --input DIR --labels EVENTS  how often it would have fired, how early, and what it would have missed
  forewarn score --waveform snapshots.npy --sample-rate 25600 --output scores.csv
                                                 when a bearing began to fail
  forewarn diagnose --waveform recording.npy --sample-rate 12000 --rpm 1797 --bearing 6205
                                                 what is wrong with it
  forewarn model shadow pump.toml                what would these limits have done? Beside the ones in force, on live readings
  forewarn model show pump@2-1f0c9a77            the difference in alarms and tickets so far

Any key of the configuration can be set in the environment: FOREWARN__LISTENER__BIND=0.0.0.0:1883
Logs: FOREWARN_LOG=debug, or e.g. FOREWARN_LOG=info,gateway::listener=debug

Exit codes: 0 done; 1 failed, the message says why; 2 the command line is wrong; 3 `check` found mistakes.";

/// Telemetry gateway for predictive maintenance: from the MQTT packet to the repaired machine.
#[derive(Debug, Parser)]
#[command(name = "forewarn", version, after_help = EXAMPLES)]
pub struct CommandLine {
    /// Logs as JSON lines instead of text.
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulated machines, gateway and dashboard in one; nothing to configure, keeps to 127.0.0.1.
    Demo(demo::Arguments),
    /// The gateway.
    Run(run::Arguments),
    /// Checks a configuration and all files it names, and reports every mistake at once.
    Check(check::Arguments),
    /// Counts or exports recorded readings; also while the gateway runs.
    #[command(subcommand)]
    History(history::Command),
    /// What the engine says of recorded data: timestamp, score and alert for each row.
    Score(score::Arguments),
    /// How often would this have fired? Plays recorded history and compares the alarms with what happened.
    Backtest(backtest::Arguments),
    /// Learns a model from recorded data: the time left, fault classes, or how a fleet ages.
    #[command(subcommand)]
    Train(train::Command),
    /// Applies a model that `train` wrote to other data.
    #[command(subcommand)]
    Predict(predict::Command),
    /// Rehearses an event against a running gateway: marked machines, the real path, nobody is told, and what was slow.
    Drill(drill::Arguments),
    /// The review of a month or a span: warnings, service, alarms, each figure with what it means.
    Report(report::Arguments),
    /// Model versions of a running gateway: what judges, what runs in shadow, and how the two differ.
    #[command(subcommand)]
    Model(model::Command),
    /// Copies a data folder, consistent, also while the gateway runs.
    Backup(backup::BackupArguments),
    /// The audit trail: whether it is as it was written, and an export.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Puts a backup into an empty data folder.
    Restore(backup::RestoreArguments),
    /// Names the fault in a recorded vibration, with what the verdict rests on.
    Diagnose(diagnose::Arguments),
    /// Reads a password from standard input and prints its hash for `[[listener.users]]`.
    HashPassword,
}

/// Logs go to standard error.
pub fn set_up_logging(line: &CommandLine) {
    let filter = EnvFilter::try_from_env("FOREWARN_LOG").unwrap_or_else(|_| {
        EnvFilter::new(match line.command {
            Command::Demo(_) | Command::Score(_) | Command::Backtest(_) | Command::Model(_) => "warn",
            Command::Run(_)
            | Command::Check(_)
            | Command::History(_)
            | Command::Train(_)
            | Command::Predict(_)
            | Command::Report(_)
            | Command::Drill(_)
            | Command::Backup(_)
            | Command::Restore(_)
            | Command::Audit(_)
            | Command::Diagnose(_)
            | Command::HashPassword => "info",
        })
    });
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if line.log_json {
        builder.json().init();
    } else {
        builder.with_ansi(std::io::stderr().is_terminal()).init();
    }
}

/// Does what the command line says.
pub fn run(line: CommandLine) -> anyhow::Result<ExitCode> {
    match line.command {
        Command::Demo(arguments) => on_runtime(demo::run(arguments)),
        Command::Run(arguments) => on_runtime(run::run(arguments)),
        Command::Check(arguments) => check::run(&arguments),
        Command::History(command) => history::run(command),
        Command::Score(arguments) => score::run(&arguments),
        Command::Backtest(arguments) => backtest::run(&arguments),
        Command::Train(command) => train::run(command),
        Command::Predict(command) => predict::run(command),
        Command::Drill(arguments) => on_runtime(drill::run(arguments)),
        Command::Report(arguments) => report::run(&arguments),
        Command::Model(command) => on_runtime(model::run(command)),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Audit(command) => audit::run(command),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Diagnose(arguments) => diagnose::run(&arguments),
        Command::HashPassword => hash_password::run(),
    }
}

fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Waits for Ctrl-C or a polite request to end.
async fn until_told_to_stop() -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => Ok(pressed?),
        _ = terminate.recv() => Ok(()),
    }
}

/// The data folder of a command that works on one.
#[derive(Debug, clap::Args)]
struct DataFolder {
    /// The data folder of the gateway.
    #[arg(long, default_value = "forewarn-data", env = "FOREWARN__DATA")]
    data: PathBuf,
}

/// A number above 0.
fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        Ok(_) | Err(_) => Err("a number above 0 is needed".to_owned()),
    }
}
