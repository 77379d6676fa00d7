//! The result of a backtest as one HTML file that needs nothing else: tables, and for each recording its course with known
//! events and alarms.

use super::{PlayedRecording, Trace, report};
use domain::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use models::evaluation::{Evaluation, Observed};
use std::fmt::Write;

const WIDTH: f64 = 1_000.0;
const HEIGHT: f64 = 70.0;
/// Recordings that are plotted; the tables have them all.
const MAX_PLOTS: usize = 300;

const STYLE: &str = "
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1080px; padding: 0 1rem; color: #1c2733; }
pre { overflow-x: auto; background: #f4f6f8; padding: 1rem; border-radius: 6px; font-size: 13px; }
h2 { font-size: 1rem; margin: 1.6rem 0 .3rem; } svg { width: 100%; height: auto; display: block; }
.key span { display: inline-block; width: .9em; height: .9em; margin: 0 .3em 0 1em; vertical-align: -1px; }
.event { fill: #f2b134; opacity: .35; } .alarm { fill: #c8321e; } .line { fill: none; stroke: #24588f; stroke-width: 1; }
.score { fill: none; stroke: #6b7785; stroke-width: 1; } .edge { stroke: #c8321e; stroke-width: .6; stroke-dasharray: 4 4; }
.name { font-size: 11px; fill: #56616d; }";

/// The page.
pub fn page(evaluation: &Evaluation, played: &[PlayedRecording]) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Backtest" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Backtest" }
                pre { (report::text(evaluation, played)) }
                p.key {
                    span style="background:#f2b134;opacity:.5" {} "known event"
                    span style="background:#c8321e" {} "alarm stands"
                    span style="background:#24588f" {} "metric"
                    span style="background:#6b7785" {} "score, dashed where a person is told"
                }
                @for recording in played.iter().take(MAX_PLOTS) {
                    h2 { (recording.observed.device) }
                    (plot(&recording.observed, &recording.trace))
                }
                @if played.len() > MAX_PLOTS {
                    p { "The first " (MAX_PLOTS) " of " (played.len()) " recordings are plotted." }
                }
            }
        }
    }
    .into_string()
}

fn plot(observed: &Observed, trace: &Trace) -> Markup {
    let length = ((observed.to - observed.from).0 as f64).max(1.0);
    let x = |at: Timestamp| ((at - observed.from).0 as f64 / length * WIDTH).clamp(0.0, WIDTH);
    let rows = trace.metrics().len() + 1;
    let height = rows as f64 * (HEIGHT + 8.0) + 8.0;
    let box_of = format!("0 0 {WIDTH} {height}");
    html! {
        svg viewBox=(box_of) role="img" aria-label=(observed.device) {
            @for event in &observed.events {
                rect.event x=(x(event.from)) y="0" height=(height) width=((x(event.to) - x(event.from)).max(2.0)) {}
            }
            @for (place, name) in trace.metrics().iter().enumerate() {
                @let top = place as f64 * (HEIGHT + 8.0);
                path.line d=(metric_path(trace, place, top, &x)) {}
                text.name x="4" y=(top + 12.0) { (name) }
            }
            @let top = trace.metrics().len() as f64 * (HEIGHT + 8.0);
            path.score d=(score_path(trace, top, &x)) {}
            line.edge x1="0" x2=(WIDTH) y1=(top + HEIGHT / 2.0) y2=(top + HEIGHT / 2.0) {}
            text.name x="4" y=(top + 12.0) { "score" }
            @for alarm in &observed.alarms {
                @let end = alarm.cleared_at.unwrap_or(observed.to);
                rect.alarm x=(x(alarm.raised_at)) y=(height - 7.0) height="6" width=((x(end) - x(alarm.raised_at)).max(2.0)) {
                    title { (alarm.failure_mode) " " (alarm.raised_at) }
                }
            }
        }
    }
}

/// A vertical stroke from the least to the largest value of each span, joined.
fn metric_path(trace: &Trace, metric: usize, top: f64, x: &impl Fn(Timestamp) -> f64) -> String {
    let spans = trace.spans().iter().filter(|s| s.low[metric] <= s.high[metric]);
    let low = spans.clone().map(|s| s.low[metric]).fold(f64::INFINITY, f64::min);
    let high = spans.clone().map(|s| s.high[metric]).fold(f64::NEG_INFINITY, f64::max);
    let scale = if high > low { HEIGHT / (high - low) } else { 0.0 };
    let y = |value: f64| top + HEIGHT - (value - low) * scale;
    let mut path = String::new();
    for span in spans {
        let (start, at) = (if path.is_empty() { 'M' } else { 'L' }, x(span.at));
        let stroke = format!(
            "{start}{at:.1} {:.1}L{at:.1} {:.1}",
            y(span.low[metric]),
            y(span.high[metric])
        );
        path.write_str(&stroke).expect("a string takes everything");
    }
    path
}

fn score_path(trace: &Trace, top: f64, x: &impl Fn(Timestamp) -> f64) -> String {
    let mut path = String::new();
    for span in trace.spans() {
        let start = if path.is_empty() { 'M' } else { 'L' };
        let y = top + HEIGHT * (1.0 - span.score.clamp(0.0, 1.0));
        write!(path, "{start}{:.1} {y:.1}", x(span.at)).expect("a string takes everything");
    }
    path
}
