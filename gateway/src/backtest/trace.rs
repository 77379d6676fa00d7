//! What a plot of a recording needs, in bounded memory however long the recording is.

use device_sim::table::Row;
use domain::Timestamp;
use std::sync::Arc;

/// Metrics that are plotted.
const MAX_METRICS: usize = 6;
/// Spans that a recording is divided into at most.
const MAX_SPANS: usize = 800;

/// The extremes of one span of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Its first row.
    pub at: Timestamp,
    /// Least value of each plotted metric; infinite where there was none.
    pub low: [f64; MAX_METRICS],
    /// Largest value of each plotted metric.
    pub high: [f64; MAX_METRICS],
    /// Largest score.
    pub score: f64,
}

impl Span {
    fn empty(at: Timestamp) -> Span {
        Span {
            at,
            low: [f64::INFINITY; MAX_METRICS],
            high: [f64::NEG_INFINITY; MAX_METRICS],
            score: 0.0,
        }
    }

    fn absorb(&mut self, other: &Span) {
        for metric in 0..MAX_METRICS {
            self.low[metric] = self.low[metric].min(other.low[metric]);
            self.high[metric] = self.high[metric].max(other.high[metric]);
        }
        self.score = self.score.max(other.score);
    }
}

/// The course of a recording: spans of equally many rows, which grow twofold when there are too many.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    metrics: Vec<Arc<str>>,
    spans: Vec<Span>,
    rows_per_span: usize,
    rows_in_last: usize,
}

impl Default for Trace {
    fn default() -> Self {
        Trace {
            metrics: Vec::new(),
            spans: Vec::new(),
            rows_per_span: 1,
            rows_in_last: 0,
        }
    }
}

impl Trace {
    /// The metrics plotted: the first that were seen.
    pub fn metrics(&self) -> &[Arc<str>] {
        &self.metrics
    }

    /// The spans, by time.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Takes the next row with its score.
    pub fn add(&mut self, row: &Row, score: f64) {
        let mut span = Span::empty(Timestamp(row.ts_ms));
        span.score = score;
        for (name, value) in &row.metrics {
            let known = self.metrics.iter().position(|m| m == name);
            let place = known.or_else(|| {
                (self.metrics.len() < MAX_METRICS).then(|| {
                    self.metrics.push(name.clone());
                    self.metrics.len() - 1
                })
            });
            if let Some(place) = place {
                (span.low[place], span.high[place]) = (*value, *value);
            }
        }
        match self.spans.last_mut() {
            Some(last) if self.rows_in_last < self.rows_per_span => {
                last.absorb(&span);
                self.rows_in_last += 1;
            }
            Some(_) | None => {
                if self.spans.len() == MAX_SPANS {
                    self.halve();
                }
                self.spans.push(span);
                self.rows_in_last = 1;
            }
        }
    }

    fn halve(&mut self) {
        for place in 0..self.spans.len() / 2 {
            let mut joined = self.spans[2 * place];
            joined.absorb(&self.spans[2 * place + 1]);
            self.spans[place] = joined;
        }
        self.spans.truncate(self.spans.len() / 2);
        self.rows_per_span *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_recording_keeps_its_extremes_in_few_spans() {
        let mut trace = Trace::default();
        for number in 0..100_000u64 {
            let value = if number == 77_777 { 9.0 } else { 1.0 };
            let row = Row {
                number,
                time: String::new(),
                ts_ms: number as i64,
                metrics: vec![(Arc::from("a"), value)],
            };
            trace.add(&row, value / 10.0);
        }
        assert!(trace.spans().len() <= MAX_SPANS, "{}", trace.spans().len());
        let highest = trace.spans().iter().map(|s| s.high[0]).fold(0.0, f64::max);
        let score = trace.spans().iter().map(|s| s.score).fold(0.0, f64::max);
        assert_eq!((highest, score), (9.0, 0.9));
    }
}
