//! `forewarn score --waveform`: snapshots of one bearing through the monitor, row by row. Causal: a row's score depends on no
//! later row.

use super::npy::NpyRows;
use anyhow::Context;
use models::vibration::monitor::Stage;
use models::vibration::severity::{DEFAULT_LIMITS, band_velocity_mm_s, velocity_band_hz};
use models::vibration::spectrum::{Plans, welch};
use models::vibration::{SnapshotAnalyser, Unjudged, VibrationMonitor};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options for waveforms.
#[derive(Debug, clap::Args)]
pub(super) struct WaveformArguments {
    /// Snapshots of one bearing: a .npy file, one snapshot a row, oldest first.
    #[arg(long, value_name = "FILE.npy", requires = "sample_rate")]
    pub waveform: Option<PathBuf>,
    /// Samples per second.
    #[arg(long, value_name = "HZ", requires = "waveform", value_parser = super::positive)]
    pub sample_rate: Option<f64>,
    /// Shaft speed in revolutions per minute, for the velocity in the closing words.
    #[arg(long, value_name = "RPM", requires = "waveform", value_parser = super::positive)]
    pub rpm: Option<f64>,
    /// Seconds from one snapshot to the next.
    #[arg(long, value_name = "S", default_value = "1", requires = "waveform", value_parser = super::positive)]
    pub interval: f64,
}

/// Scores every snapshot of a file.
pub(super) fn run(waveform: &Path, arguments: &WaveformArguments, output: &Path) -> anyhow::Result<ExitCode> {
    let mut rows = NpyRows::open(waveform)?;
    let writing = || format!("cannot write {}", output.display());
    let mut out = BufWriter::new(File::create(output).with_context(writing)?);
    writeln!(out, "timestamp,score,alert").with_context(writing)?;
    let (mut analyser, mut monitor) = (SnapshotAnalyser::default(), VibrationMonitor::default());
    let mut story = Story::default();
    let mut row = Vec::with_capacity(rows.columns());
    let mut number = 0;
    while rows.next_row(&mut row)? {
        let assessment = match analyser.analyse(&row) {
            Ok((features, _)) => monitor.step(&features),
            Err(reason) => {
                story.unjudged += 1;
                story.first_unjudged.get_or_insert((number, reason));
                monitor.standing()
            }
        };
        if assessment.is_alerting {
            story.alerts += 1;
            story.first_alert.get_or_insert(number);
        }
        let seconds = number as f64 * arguments.interval;
        let alert = u8::from(assessment.is_alerting);
        writeln!(out, "{seconds},{:.6},{alert}", assessment.score).with_context(writing)?;
        number += 1;
    }
    out.flush().with_context(writing)?;
    story.tell(number, arguments.interval, &monitor);
    if let (Some(rate), Some(rpm)) = (arguments.sample_rate, arguments.rpm) {
        tell_velocity(&row, rate, rpm);
    }
    Ok(if story.unjudged == number {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What happened, for the closing words.
#[derive(Default)]
struct Story {
    alerts: usize,
    first_alert: Option<usize>,
    unjudged: usize,
    first_unjudged: Option<(usize, Unjudged)>,
}

impl Story {
    fn tell(&self, snapshots: usize, interval_s: f64, monitor: &VibrationMonitor) {
        match self.first_alert {
            Some(row) => eprintln!(
                "{snapshots} snapshots, {} with an alert, the first in row {row} at {} s",
                self.alerts,
                row as f64 * interval_s
            ),
            None => eprintln!("{snapshots} snapshots, no alert"),
        }
        if let Some((row, reason)) = self.first_unjudged {
            eprintln!(
                "{} snapshots cannot be judged and carry the score before them; the first is row {row}: {reason}",
                self.unjudged
            );
        }
        if let Stage::Learning { seen, needed } = monitor.standing().stage {
            eprintln!("the bearing was not judged: {seen} snapshots seen, {needed} are needed to learn what is normal");
        }
    }
}

fn tell_velocity(last_row: &[f32], rate: f64, rpm: f64) {
    let signal: Vec<f64> = last_row.iter().map(|x| f64::from(*x)).collect();
    let spectrum = welch(&mut Plans::default(), &signal, rate, signal.len());
    let (low, high) = velocity_band_hz(rpm);
    let velocity = band_velocity_mm_s(&spectrum, low, high);
    if velocity.is_finite() {
        eprintln!(
            "last snapshot, if it is in g: {velocity:.2} mm/s rms from {low:.0} to {high:.0} Hz, zone {:?} of {}:{}, {}",
            DEFAULT_LIMITS.zone(velocity),
            DEFAULT_LIMITS.standard,
            DEFAULT_LIMITS.edition,
            DEFAULT_LIMITS.group
        );
    }
}
