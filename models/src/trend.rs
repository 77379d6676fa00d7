//! The long course of a metric that wears: at most 64 medians over buckets of device time.
//!
//! Buckets start narrow and double whenever all 64 are full, up to a width that still shows a failure's growth; from then
//! on the oldest is dropped. A median keeps single wild values out.

use domain::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Most points kept.
pub const MAX_POINTS: usize = 64;
/// Values of the present bucket kept for its median; beyond that every second one is dropped.
const MAX_VALUES: usize = 32;
/// Points that make up the level at the beginning.
const REFERENCE_POINTS: usize = 8;
/// Points that make up the level now.
const PRESENT_POINTS: usize = 3;

/// The median of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrendPoint {
    /// The middle of the bucket.
    pub at: Timestamp,
    /// Its median.
    pub value: f64,
}

/// Medians so far, and the bucket being filled.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trend {
    width_ms: i64,
    start: Option<Timestamp>,
    values: Vec<f64>,
    stride: u32,
    skip: u32,
    points: Vec<TrendPoint>,
    reference: Option<f64>,
}

impl Trend {
    /// Takes one value. `first_width` is the width of a bucket to begin with, `max_width` the widest.
    pub fn push(&mut self, value: f64, at: Timestamp, first_width: Millis, max_width: Millis) {
        let Some(start) = self.start else {
            self.width_ms = first_width.0.max(1);
            self.stride = 1;
            self.values.reserve_exact(MAX_VALUES);
            self.points.reserve_exact(MAX_POINTS);
            self.values.push(value);
            self.start = Some(at);
            return;
        };
        if at < start {
            return;
        }
        if (at - start).0 >= self.width_ms {
            self.end_bucket(start, max_width);
            (self.stride, self.skip, self.start) = (1, 0, Some(at));
        }
        if self.skip > 0 {
            self.skip -= 1;
            return;
        }
        if self.values.len() == MAX_VALUES {
            let mut place = 0;
            self.values.retain(|_| {
                place += 1;
                place % 2 == 1
            });
            self.stride = self.stride.saturating_mul(2);
        }
        self.values.push(value);
        self.skip = self.stride - 1;
    }

    fn end_bucket(&mut self, start: Timestamp, max_width: Millis) {
        if self.points.len() == MAX_POINTS {
            if self.width_ms.saturating_mul(2) <= max_width.0 {
                self.halve();
            } else {
                self.points.remove(0);
            }
        }
        if let Some(value) = median(&mut self.values) {
            let at = start + Millis(self.width_ms / 2);
            self.points.push(TrendPoint { at, value });
        }
        self.values.clear();
        if self.reference.is_none() && self.points.len() == REFERENCE_POINTS {
            self.reference = self.median_of(&self.points);
        }
    }

    /// Two neighbours become one, and buckets twice as wide.
    fn halve(&mut self) {
        for i in 0..MAX_POINTS / 2 {
            let (a, b) = (self.points[2 * i], self.points[2 * i + 1]);
            self.points[i] = TrendPoint {
                at: a.at + Millis((b.at - a.at).0 / 2),
                value: a.value / 2.0 + b.value / 2.0,
            };
        }
        self.points.truncate(MAX_POINTS / 2);
        self.width_ms = self.width_ms.saturating_mul(2);
    }

    fn median_of(&self, points: &[TrendPoint]) -> Option<f64> {
        let mut values = [0.0; MAX_POINTS];
        let values = &mut values[..points.len()];
        for (value, point) in values.iter_mut().zip(points) {
            *value = point.value;
        }
        median(values)
    }

    /// The medians, the oldest first.
    pub fn points(&self) -> &[TrendPoint] {
        &self.points
    }

    /// The level at the beginning of what is known; none until it is.
    pub fn reference(&self) -> Option<f64> {
        self.reference
    }

    /// The level now: the median of the last three points.
    pub fn present(&self) -> Option<f64> {
        self.median_of(&self.points[self.points.len().saturating_sub(PRESENT_POINTS)..])
    }
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(values[middle - 1] / 2.0 + values[middle] / 2.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(readings: i64, max_width: Millis, value: impl Fn(i64) -> f64) -> Trend {
        let mut trend = Trend::default();
        for s in 0..readings {
            trend.push(value(s), Timestamp(s * 1000), Millis::seconds(10), max_width);
        }
        trend
    }

    #[test]
    fn points_follow_the_series_and_spikes_leave_no_trace() {
        let trend = trend(600, Millis::days(1), |s| if s % 13 == 0 { 1e6 } else { s as f64 });
        assert!(trend.points().len() >= 50);
        for point in trend.points() {
            assert!((point.value - point.at.0 as f64 / 1000.0).abs() < 3.0, "{point:?}");
        }
    }

    #[test]
    fn a_long_series_keeps_64_points_over_its_whole_span_or_over_the_widest_buckets() {
        let whole = trend(100_000, Millis::days(1), |s| s as f64);
        assert!(whole.points().len() <= MAX_POINTS && whole.points()[0].value < 2000.0);
        let recent = trend(100_000, Millis::seconds(100), |s| s as f64);
        assert!(recent.points().len() == MAX_POINTS && recent.points()[0].value > 90_000.0);
        assert!(recent.reference().expect("known") < 100.0);
        assert!(recent.present().expect("known") > 99_000.0);
    }
}
