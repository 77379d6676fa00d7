//! Looks at what the learned baseline makes of a recorded series: `cargo run --release -p models --example judge -- FILE.csv`.
//!
//! Prints the rows at which an alarm is raised (3 readings in a row) and cleared (5). The first column that reads as a time
//! is the time, else rows are 250 ms apart; every numeric column is a metric. With a second path, `timestamp,score,alert`
//! is written there, one row per input row.
#![allow(
    clippy::disallowed_methods,
    reason = "a tool for people, which reads the file it is told to"
)]

use domain::{MetricIndex, MetricName, Quality, Reading, Sample, Timestamp, profile::shipped};
use models::{Engine, StepOutput};
use std::fmt::Write as _;
use std::sync::Arc;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let input = arguments.next().expect("a path of a CSV file");
    let output = arguments.next();
    let text = std::fs::read_to_string(&input).expect("a readable file");
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    let separator = if header.contains(';') { ';' } else { ',' };

    let generic = shipped::all().into_iter().find(|p| p.id == "generic").expect("shipped");
    let mut metrics: Vec<MetricName> = Vec::new();
    let engine = Engine::new(Arc::new(generic), &mut |name| {
        metrics.push(name.clone());
        MetricIndex(metrics.len() as u32 - 1)
    });
    let mut state = engine.fresh();
    let mut out = StepOutput::default();
    let (mut run, mut calm, mut is_raised, mut raised) = (0, 0, false, 0);
    let mut written = String::from("timestamp,score,alert\n");
    for (row, line) in lines.enumerate() {
        let mut at = Timestamp(row as i64 * 250);
        let mut stamp = row.to_string();
        let mut samples = Vec::new();
        for (column, field) in line.split(separator).enumerate() {
            if let Some(time) = Timestamp::parse_rfc3339(&format!("{}Z", field.replace(' ', "T"))) {
                at = time;
                stamp = field.to_owned();
            } else if let Ok(value) = field.parse::<f64>() {
                let metric = MetricIndex(1000 + column as u32);
                samples.push(Sample { metric, value });
            }
        }
        let reading = Reading {
            measured_at: at,
            received_at: at,
            quality: Quality::Good,
            samples: &samples,
        };
        engine.step(&mut state, &reading, is_raised, &mut out);
        if out.active != 0 {
            (run, calm) = (run + 1, 0);
        } else {
            (run, calm) = (0, calm + 1);
        }
        if run >= 3 && !is_raised {
            is_raised = true;
            raised += 1;
            let metrics = engine.snapshot(&state).metrics;
            println!("raised  {stamp} row {row} {line}");
            for metric in metrics {
                println!(
                    "        {:?} {:?} expected {:?}",
                    metric.metric, metric.value, metric.expected
                );
            }
        }
        if calm >= 5 && is_raised {
            is_raised = false;
            println!("cleared {stamp} row {row} {line}");
        }
        writeln!(written, "{stamp},{},{}", u8::from(out.active != 0), u8::from(is_raised)).expect("text");
    }
    println!("{input}: {raised} raised");
    if let Some(path) = output {
        std::fs::write(path, written).expect("a writable path");
    }
}
