//! `forewarn run`.

use super::output::{announce, counted};
use super::until_told_to_stop;
use crate::app::Gateway;
use crate::clock::Clock;
use crate::config;
use anyhow::Context;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration; without it the defaults: devices on 127.0.0.1:1883, pages on 127.0.0.1:8080.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// The configuration of a file, or the defaults; in both cases with the environment laid over it.
pub(super) fn load(file: Option<&PathBuf>) -> Result<config::Checked, Vec<crate::pipeline::catalogue::FileProblem>> {
    match file {
        Some(file) => config::load(file, std::env::vars()),
        None => config::of_environment(std::env::vars()),
    }
}

/// The system's clock, or with `FOREWARN_REHEARSAL` that of a rehearsal, in which timers of hours pass in minutes.
fn clock() -> anyhow::Result<Clock> {
    let Ok(setting) = std::env::var("FOREWARN_REHEARSAL") else {
        return Ok(Clock::System);
    };
    let clock = Clock::of_rehearsal(&setting).with_context(|| {
        format!("FOREWARN_REHEARSAL={setting:?} is not an instant, `*` and a speed, like 2026-11-30T20:00:00Z*60")
    })?;
    tracing::warn!(setting, "a rehearsal: our clock does not show the time");
    Ok(clock)
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let checked = match load(arguments.config.as_ref()) {
        Ok(checked) => checked,
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            let mistakes = counted(problems.len(), "mistake");
            anyhow::bail!("the configuration has {mistakes}; nothing was started");
        }
    };
    let gateway = Gateway::start(checked, clock()?).await?;
    let running = gateway.running();
    if let Some(address) = running.mqtt_address {
        announce(format_args!("mqtt: {address}"));
    }
    if let Some(address) = running.mqtts_address {
        announce(format_args!("mqtts: {address}"));
    }
    if let Some(address) = gateway.http_address() {
        announce(format_args!("dashboard: http://{address}"));
    }
    announce(format_args!("ready"));
    if let Some(link) = gateway.set_up_link() {
        announce(format_args!("set-up: {link}"));
        eprintln!(
            "nobody can come in yet: open the link above within 24 hours and set the name and password of the first administrator"
        );
    }
    until_told_to_stop().await?;
    gateway.stop().await?;
    Ok(ExitCode::SUCCESS)
}
