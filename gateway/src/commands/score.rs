//! `forewarn score`: how unusual recorded measurements are, by the models that judge live ones.

use super::score_waveform::{self, WaveformArguments};
use anyhow::Context;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    waveform: WaveformArguments,
    /// Where the scores go: CSV with `timestamp,score,alert`.
    #[arg(long)]
    output: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let waveform = arguments
        .waveform
        .waveform
        .as_deref()
        .context("nothing to score: give --waveform FILE.npy")?;
    score_waveform::run(waveform, &arguments.waveform, &arguments.output)
}
