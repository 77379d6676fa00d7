//! The `device-sim` program: reads arguments and files, asks the clock, runs the library, prints. Decides nothing.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod cli;

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use device_sim::clock::{SimClock, wall_ms};
use device_sim::drive::{Pace, RunOptions, run};
use device_sim::fleet::Fleet;
use device_sim::link::{Counters, MqttTarget, Password, TlsMaterial};
use device_sim::replay::{ReplayOptions, boot_of, replay};
use device_sim::spec::{FleetSpec, SpecError};
use device_sim::table::{DEFAULT_START_MS, Table, TableOptions, TimeColumn};
use device_sim::{describe, link};
use domain::DeviceKey;

use crate::cli::{Cli, Command, MqttArgs, ReplayArgs, RunArgs, Speed};

/// See the end of `device-sim --help`.
const EXIT_FAILED: u8 = 1;
const EXIT_WRONG_INPUT: u8 = 2;
const EXIT_UNCONFIRMED: u8 = 3;

const PATIENCE: Duration = Duration::from_secs(15);
const DRAIN: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .with_writer(std::io::stderr)
        .init();
    let outcome = match cli.command {
        Command::List => print(&describe::list()),
        Command::Describe { machine } => print(&describe::describe(machine)),
        Command::Run(args) => with_runtime(run_fleet(args)),
        Command::Replay(args) => with_runtime(replay_csv(args)),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("device-sim: {error:#}");
            let is_wrong_input =
                error.downcast_ref::<SpecError>().is_some() || error.downcast_ref::<domain::IdError>().is_some();
            ExitCode::from(if is_wrong_input { EXIT_WRONG_INPUT } else { EXIT_FAILED })
        }
    }
}

fn with_runtime(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new()
        .context("cannot start the async runtime")?
        .block_on(work)
}

/// A reader that has seen enough, such as `head`, is no failure.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(cause) if cause.kind() != std::io::ErrorKind::BrokenPipe => Err(cause).context("cannot print"),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}

async fn run_fleet(args: RunArgs) -> anyhow::Result<ExitCode> {
    let mut spec = match &args.spec {
        None => args.fleet_spec(wall_ms()),
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            FleetSpec::from_toml(&text).with_context(|| path.display().to_string())?
        }
    };
    spec.seed = args.seed.unwrap_or(spec.seed);
    spec.start_ms = args.start.or(spec.start_ms).or_else(|| Some(wall_ms()));
    if let Some(Speed::Factor(factor)) = args.speed {
        spec.speed = factor;
    }
    let fleet = Fleet::new(&spec).context(
        args.spec
            .as_ref()
            .map_or("arguments".to_owned(), |path| path.display().to_string()),
    )?;
    if let Some(path) = &args.truth {
        let text = fleet.truth().to_json() + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let target = target(args.mqtt)?;
    let counters = Arc::new(Counters::default());
    let options = RunOptions {
        duration_ms: args.duration.map(|duration| duration.as_millis() as i64),
        connections: args.connections,
        patience: PATIENCE,
        drain: DRAIN,
        counters: counters.clone(),
        ..RunOptions::default()
    };
    eprintln!(
        "{} devices, {} faults, seed {}, to {}:{}; Ctrl-C ends it",
        fleet.devices().len(),
        fleet.truth().faults.len(),
        spec.seed,
        target.host,
        target.port
    );
    let pace = match args.speed {
        Some(Speed::Max) => Pace::Max,
        Some(Speed::Factor(_)) | None => Pace::Clock(SimClock::start(fleet.start_ms(), spec.speed)),
    };
    let report = with_progress(&counters, run(fleet, pace, &target, options, interrupted())).await?;
    if args.json {
        print(&(serde_json::to_string(&report)? + "\n"))?;
    } else {
        eprintln!(
            "published {} messages in {:.1} s, confirmed {}, sent again {}, reconnects {}",
            report.published, report.seconds, report.confirmed, report.resent, report.reconnects
        );
    }
    Ok(exit_code(report.unconfirmed))
}

async fn replay_csv(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    DeviceKey::new(&args.site, &args.device).context("--site or --device")?;
    let name = args.csv.display().to_string();
    let file = File::open(&args.csv).with_context(|| format!("cannot open {name}"))?;
    let size = file.metadata().with_context(|| format!("cannot read {name}"))?.len();
    let options = TableOptions {
        delimiter: args.delimiter,
        time: match args.time.as_deref() {
            None => TimeColumn::Find,
            Some("none") => TimeColumn::RowNumber,
            Some(column) => TimeColumn::Named(column.to_owned()),
        },
        interval_s: args.interval,
        start_ms: args.start.unwrap_or(DEFAULT_START_MS),
        ..TableOptions::default()
    };
    let table = Table::open(file, options).with_context(|| name.clone())?;
    match table.time_column() {
        Some(column) => eprintln!("{name}: time from column `{column}`"),
        None => eprintln!("{name}: no time column, a row each {} s", args.interval),
    }
    let counters = Arc::new(Counters::default());
    let options = ReplayOptions {
        site: args.site,
        device: args.device,
        speed: match args.speed {
            Speed::Max => None,
            Speed::Factor(factor) => Some(factor),
        },
        boot: boot_of(Path::new(&args.csv), size),
        window: args.window,
        patience: PATIENCE,
        drain: DRAIN,
        counters: counters.clone(),
    };
    let target = target(args.mqtt)?;
    let report = with_progress(&counters, replay(table, &target, options, interrupted()))
        .await
        .with_context(|| name.clone())?;
    if args.json {
        print(&(serde_json::to_string(&report)? + "\n"))?;
    } else {
        eprintln!(
            "{name}: {} rows, published {}, confirmed {}, skipped {} without a number, {:.1} s",
            report.rows, report.published, report.confirmed, report.skipped, report.seconds
        );
    }
    Ok(exit_code(report.published - report.confirmed))
}

fn exit_code(unconfirmed: u64) -> ExitCode {
    if unconfirmed == 0 {
        return ExitCode::SUCCESS;
    }
    eprintln!("device-sim: {unconfirmed} messages are not confirmed");
    ExitCode::from(EXIT_UNCONFIRMED)
}

fn target(args: MqttArgs) -> anyhow::Result<MqttTarget> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let client_pem = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => Some((read(cert)?, read(key)?)),
        (Some(_), None) | (None, Some(_)) | (None, None) => None,
    };
    let tls = match &args.ca {
        None => None,
        Some(ca) => Some(TlsMaterial {
            ca_pem: read(ca)?,
            client_pem,
        }),
    };
    let (host, port) = args.mqtt;
    Ok(link::MqttTarget {
        host,
        port,
        user: args.user,
        password: args.password.map(Password::new),
        tls,
    })
}

/// Resolves at Ctrl-C or SIGTERM.
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        result = tokio::signal::ctrl_c() => if result.is_err() {
            tracing::warn!("cannot listen for Ctrl-C");
            std::future::pending::<()>().await;
        },
        _ = terminated => {}
    }
}

/// Does the work and shows on a terminal how it goes.
async fn with_progress<T>(counters: &Counters, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let mut beat = tokio::time::interval(Duration::from_millis(500));
    let started = std::time::Instant::now();
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            _ = beat.tick() => {
                let confirmed = counters.confirmed.load(Ordering::Relaxed);
                let rate = confirmed as f64 / started.elapsed().as_secs_f64().max(0.001);
                let machine_ms = counters.machine_ms.load(Ordering::Relaxed);
                let at = jiff::Timestamp::from_second(machine_ms / 1000).unwrap_or_default();
                let connected = counters.connected.load(Ordering::Relaxed);
                eprint!("\r\x1b[K{at}  confirmed {confirmed} ({rate:.0}/s)  links {connected}");
            }
        }
    };
    eprint!("\r\x1b[K");
    result
}
