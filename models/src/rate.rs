//! Change too fast: the least-squares slope over a window, from a few averaged points.

use domain::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// Points that a full window has.
const POINTS: i64 = 24;
/// A slope over fewer points is not judged.
const LEAST_POINTS: usize = 6;
const HOUR_MS: f64 = 3_600_000.0;

/// The recent course of one series: at most 25 points.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Course {
    points: Vec<(Timestamp, f64)>,
    bucket_start: Option<Timestamp>,
    sum: f64,
    count: u32,
    slope_per_hour: Option<f64>,
}

impl Course {
    /// Takes one value. The slope is renewed whenever a 24th of the window has passed.
    pub fn push(&mut self, value: f64, at: Timestamp, window: Millis) {
        let width = Millis((window.0 / POINTS).max(1));
        match self.bucket_start {
            // from before what we have: a clock that jumped back; start anew where it stays back
            Some(start) if at < start - window => *self = Course::default(),
            Some(start) if at < start => return,
            Some(start) if at >= start + width => self.end_bucket(start, width, at, window),
            Some(_) | None => {}
        }
        self.bucket_start.get_or_insert(at);
        self.sum += value;
        self.count += 1;
    }

    fn end_bucket(&mut self, start: Timestamp, width: Millis, now: Timestamp, window: Millis) {
        if self.points.len() > POINTS as usize {
            self.points.remove(0);
        }
        if self.points.capacity() == 0 {
            self.points.reserve_exact(POINTS as usize + 1);
        }
        self.points
            .push((start + Millis(width.0 / 2), self.sum / f64::from(self.count.max(1))));
        (self.sum, self.count, self.bucket_start) = (0.0, 0, Some(now));
        let oldest = now - window;
        self.points.retain(|(at, _)| *at >= oldest);
        self.slope_per_hour = self.slope(window);
    }

    /// Least squares over the points; none while they cover less than half of the window.
    fn slope(&self, window: Millis) -> Option<f64> {
        let (first, last) = (self.points.first()?.0, self.points.last()?.0);
        if self.points.len() < LEAST_POINTS || (last - first).0 < window.0 / 2 {
            return None;
        }
        let n = self.points.len() as f64;
        let hours = |at: Timestamp| (at - first).0 as f64 / HOUR_MS;
        let mean_t = self.points.iter().map(|(t, _)| hours(*t)).sum::<f64>() / n;
        let mean_v = self.points.iter().map(|(_, v)| v / n).sum::<f64>();
        let (mut txv, mut txt) = (0.0, 0.0);
        for (t, v) in &self.points {
            let d = hours(*t) - mean_t;
            txv += d * (v - mean_v);
            txt += d * d;
        }
        Some(txv / txt).filter(|slope| slope.is_finite())
    }

    /// In units per hour; none while the window has not been seen.
    pub fn slope_per_hour(&self) -> Option<f64> {
        self.slope_per_hour
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(values: impl Iterator<Item = (i64, f64)>) -> Course {
        let mut course = Course::default();
        for (second, value) in values {
            course.push(value, Timestamp(second * 1000), Millis::minutes(10));
        }
        course
    }

    #[test]
    fn a_ramp_has_its_slope_and_a_spike_hardly_changes_it() {
        let ramp = |s: i64| s as f64 / 3600.0 * 12.0;
        let slope = course((0..1200).map(|s| (s, ramp(s)))).slope_per_hour().expect("known");
        assert!((slope - 12.0).abs() < 0.1, "{slope}");
        let spiked = course((0..1200).map(|s| (s, ramp(s) + if s == 900 { 5.0 } else { 0.0 })));
        assert!((spiked.slope_per_hour().expect("known") - 12.0).abs() < 3.0);
    }

    #[test]
    fn less_than_half_a_window_has_no_slope() {
        assert_eq!(course((0..280).map(|s| (s, s as f64))).slope_per_hour(), None);
    }

    #[test]
    fn points_stay_bounded_whatever_the_clock_does() {
        let wild = (0..100_000i64).map(|i| ((i * 7919) % 50_000 - 20_000, i as f64));
        assert!(course(wild).points.len() <= POINTS as usize + 1);
    }
}
