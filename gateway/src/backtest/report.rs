//! The result of a backtest as text and as JSON. Every figure stands beside its definition.

use super::PlayedRecording;
use crate::recorded::DriftCounts;
use domain::{DriftCause, Millis};
use models::evaluation::{Evaluation, Tally};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

const DEFINITIONS: &str = "\
detected   known events with a right alarm before their end / known events
precision  right alarms / alarms; right: overlaps an event of its failure mode, or comes within the horizon before one
lead       from the first right alarm to the end of the event: half of the events found had more than the median, nine in ten more than p10
false/mo   alarms without an event / time without an event, per device and 30 days
missed     events that no alarm preceded
drift      what a rule holds for normal has itself moved: a fact about the model, no alarm";

/// A span for people: the two largest units.
fn span(ms: Millis) -> String {
    let seconds = ms.0 / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, m) => format!("{m} min"),
        (0, h, m) => format!("{h} h {m} min"),
        (d, h, _) => format!("{d} d {h} h"),
    }
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |s| format!("{:.1} %", 100.0 * s))
}

fn line(name: &str, tally: &Tally) -> String {
    let lead = |q| tally.lead_quantile(q).map_or("-".to_owned(), span);
    let false_alarms = tally
        .false_alarms_per_month()
        .map_or("-".to_owned(), |f| format!("{f:.2}"));
    format!(
        "{name:28} {:>6} {:>9} {:>7} {:>9} {:>13} {:>13} {false_alarms:>9} {:>7}",
        tally.events,
        percent(tally.detection_rate()),
        tally.alarms,
        percent(tally.precision()),
        lead(0.5),
        lead(0.1),
        tally.missed(),
    )
}

/// As text.
pub fn text(evaluation: &Evaluation, played: &[PlayedRecording]) -> String {
    let mut out = String::new();
    let head = format!(
        "{:28} {:>6} {:>9} {:>7} {:>9} {:>13} {:>13} {:>9} {:>7}",
        "", "events", "detected", "alarms", "precision", "lead median", "lead p10", "false/mo", "missed"
    );
    let mut add = |text: &str| writeln!(out, "{text}").expect("a string takes everything");
    add(&head);
    add(&line("all", &evaluation.all));
    let sections = [
        ("by failure mode", &evaluation.by_failure_mode),
        ("by rule", &evaluation.by_rule),
    ];
    for (title, tallies) in sections {
        add(&format!("\n{title}"));
        tallies.iter().for_each(|(name, tally)| add(&line(name, tally)));
    }
    if !evaluation.missed.is_empty() {
        add("\nmissed");
    }
    for missed in &evaluation.missed {
        let mode = missed.event.failure_mode.as_ref().map_or("-", |m| m.as_str());
        add(&format!(
            "{}  {mode}  {} to {}",
            missed.device, missed.event.from, missed.event.to
        ));
    }
    let (rows, devices) = (played.iter().map(|p| p.rows).sum::<u64>(), played.len());
    let watched: i64 = played.iter().map(|p| (p.observed.to - p.observed.from).0).sum();
    add(&format!(
        "\n{devices} recordings, {rows} rows, {} of machine time",
        span(Millis(watched))
    ));
    for cause in DriftCause::ALL {
        let count: u64 = played.iter().filter_map(|p| p.drifts.get(&cause)).sum();
        if count > 0 {
            add(&format!("drift {}: {count} times", cause.as_str()));
        }
    }
    add(&format!("\n{DEFINITIONS}"));
    out
}

fn tally_json(tally: &Tally) -> Value {
    json!({
        "events": tally.events, "found": tally.found, "missed": tally.missed(), "detection_rate": tally.detection_rate(),
        "alarms": tally.alarms, "right": tally.right, "false_alarms": tally.false_alarms(), "precision": tally.precision(),
        "f1": tally.f1(), "lead_ms_median": tally.lead_quantile(0.5).map(|m| m.0), "lead_ms_p10": tally.lead_quantile(0.1).map(|m| m.0),
        "false_alarms_per_device_month": tally.false_alarms_per_month(), "quiet_ms": tally.quiet_ms,
    })
}

fn tallies_json(tallies: &BTreeMap<String, Tally>) -> Value {
    tallies
        .iter()
        .map(|(name, tally)| (name.clone(), tally_json(tally)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// How often normal has moved, each way by its word.
pub fn drifts_json(drifts: &DriftCounts) -> Value {
    let count = |cause: DriftCause| drifts.get(&cause).copied().unwrap_or(0);
    let counts = DriftCause::ALL.map(|cause| (cause.as_str().to_owned(), count(cause).into()));
    counts.into_iter().collect::<serde_json::Map<_, _>>().into()
}

/// As one JSON object; times in ms since 1970.
pub fn json(evaluation: &Evaluation, played: &[PlayedRecording]) -> Value {
    let recordings: Vec<Value> = played
        .iter()
        .map(|p| {
            let alarms = p.observed.alarms.iter().map(|a| {
                json!({"failure_mode": a.failure_mode, "rule": a.rule, "raised_at": a.raised_at.0, "cleared_at": a.cleared_at.map(|t| t.0)})
            });
            let events = p.observed.events.iter().map(|e| {
                json!({"failure_mode": e.failure_mode, "from": e.from.0, "to": e.to.0})
            });
            json!({
                "device": p.observed.device, "rows": p.rows, "from": p.observed.from.0, "to": p.observed.to.0,
                "drifts": drifts_json(&p.drifts),
                "alarms": alarms.collect::<Vec<_>>(), "events": events.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "all": tally_json(&evaluation.all),
        "by_failure_mode": tallies_json(&evaluation.by_failure_mode),
        "by_rule": tallies_json(&evaluation.by_rule),
        "recordings": recordings,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_say_them() {
        let texts = [5_000, 120_000, 3_660_000, 90_000_000].map(|ms| span(Millis(ms)));
        assert_eq!(texts, ["5 s", "2 min", "1 h 1 min", "1 d 1 h"]);
    }
}
