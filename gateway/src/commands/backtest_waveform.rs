//! `forewarn backtest --waveform`: snapshots of bearings, one file each, through the monitor of `score --waveform`.

use super::npy::NpyRows;
use super::recording::on_all;
use crate::backtest::{PlayedRecording, Trace, labels::Labels};
use crate::recorded::{DriftCounts, InputFile, Inputs};
use anyhow::Context;
use device_sim::table::Row;
use domain::{FailureModeId, Timestamp};
use models::evaluation::{Observed, RaisedAlarm};
use models::vibration::{SnapshotAnalyser, VibrationMonitor};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the monitor tells of is not named before it is diagnosed.
const UNNAMED: &str = "abnormal_behaviour";

/// Which waveforms are played.
#[derive(Debug, clap::Args)]
pub(super) struct WaveformArguments {
    /// Snapshots of bearings: a .npy file, one snapshot a row, or a folder with such files in it, a bearing each.
    #[arg(long, value_name = "FILE.npy|DIR", conflicts_with_all = ["input", "data", "label_column"])]
    pub waveform: Option<PathBuf>,
    /// Seconds from one snapshot to the next; the first is at 1970-01-01T00:00:00Z, which labels count from.
    #[arg(long, value_name = "S", default_value = "1", requires = "waveform", value_parser = super::positive)]
    pub interval: f64,
}

/// Plays all of them.
pub(super) fn play(path: &Path, interval_s: f64, labels: &Labels) -> anyhow::Result<Vec<PlayedRecording>> {
    let inputs = Inputs::find_ending(path, &[".npy"])?;
    let played = on_all(&inputs.files, |file, _| {
        play_file(file, interval_s, labels).with_context(|| format!("cannot play {}", file.path.display()))
    });
    played.into_iter().collect()
}

fn play_file(file: &InputFile, interval_s: f64, labels: &Labels) -> anyhow::Result<PlayedRecording> {
    let name = file.relative.to_string_lossy().into_owned();
    let mut rows = NpyRows::open(&file.path)?;
    let (mut analyser, mut monitor) = (SnapshotAnalyser::default(), VibrationMonitor::default());
    let (mut alarms, mut trace): (Vec<RaisedAlarm>, Trace) = (Vec::new(), Trace::default());
    let level: Arc<str> = Arc::from("rms");
    let (mut row, mut number, mut was_alerting, mut at) = (Vec::new(), 0u64, false, Timestamp(0));
    while rows.next_row(&mut row)? {
        at = Timestamp((number as f64 * interval_s * 1_000.0).round() as i64);
        let (assessment, rms) = match analyser.analyse(&row) {
            Ok((features, _)) => (monitor.step(&features), Some(features.log_rms.exp())),
            Err(_) => (monitor.standing(), None),
        };
        match (was_alerting, assessment.is_alerting) {
            (false, true) => alarms.push(RaisedAlarm {
                failure_mode: FailureModeId::new(UNNAMED).context("a failure mode")?,
                is_unspecific: true,
                rule: None,
                raised_at: at,
                cleared_at: None,
            }),
            (true, false) => alarms.iter_mut().for_each(|alarm| {
                alarm.cleared_at.get_or_insert(at);
            }),
            (true, true) | (false, false) => {}
        }
        was_alerting = assessment.is_alerting;
        let told = Row {
            number,
            time: String::new(),
            ts_ms: at.0,
            metrics: rms.map(|rms| (level.clone(), rms)).into_iter().collect(),
        };
        trace.add(&told, assessment.score);
        number += 1;
    }
    let mut events = labels.get(&name).cloned().unwrap_or_default();
    events.sort_by_key(|event| (event.from, event.to));
    Ok(PlayedRecording {
        observed: Observed {
            device: name,
            from: Timestamp(0),
            to: at,
            alarms,
            events,
        },
        trace,
        rows: number,
        drifts: DriftCounts::default(),
    })
}
