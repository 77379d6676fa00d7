//! Time left until a wear trend meets its failure limit: a straight line and an exponential, fitted by least squares to the
//! part of the trend that they explain, each with the spread of its crossing.
//!
//! Allocates (small matrices); called when something has changed or a page is drawn, never per reading.

use crate::regime::{LEAST_POINTS, last_regime};
use crate::trend::TrendPoint;
use domain::profile::{Direction, Wear};
use domain::{Millis, Prognosis, RemainingLife, Timestamp};
use linfa::prelude::{DatasetBase, Fit};
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

/// Fewer points altogether are no course: a machine that warms up is no trend.
const LEAST_COURSE: usize = 12;
/// Slope over its standard error below which a trend may be chance.
const LEAST_SIGNIFICANCE: f64 = 4.0;
/// With few points more is chance: about as much as for many where the limit is raised by this over the degrees of freedom
/// (Student's t at 6e-5: 13 with 4, 6.2 with 10, 4.4 with 40).
const FEW_POINTS: f64 = 6.0;
/// Share of the variance that the fit must explain.
const LEAST_EXPLAINED: f64 = 0.6;
/// Models that leave at most so many times the least residual variance are as good as the best.
const TOLERATED_VARIANCE: f64 = 2.0;
/// Life beyond so many times the span of the points is not told.
const LONGEST_LOOK: f64 = 10.0;
/// 0.9 quantile of the normal distribution.
/// Growth from a level is told from it once it has gone this share of the way to the limit.
const LEAST_EXCESS: f64 = 0.1;
const Z90: f64 = 1.2816;
const HOUR_MS: f64 = 3_600_000.0;

/// Tells the time left, counted from `now`, or that it is not yet known.
pub fn time_left(points: &[TrendPoint], reference: Option<f64>, wear: &Wear, now: Timestamp) -> Prognosis {
    let Some(last) = points.last() else {
        return Prognosis::NotYetKnown;
    };
    if points.len() < LEAST_COURSE {
        return Prognosis::NotYetKnown;
    }
    let excess = reference.map(|base| [Scale::RootOfExcess(base), Scale::LogarithmOfExcess(base)]);
    let scales = [Scale::Linear, Scale::Logarithmic]
        .into_iter()
        .chain(excess.into_iter().flatten());
    let models = scales.map(|scale| Line::best(points, last.at, wear, scale));
    let since_last = (now - last.at).0.max(0) as f64 / HOUR_MS;
    let lives: Vec<Crossing> = models.flatten().filter_map(|line| line.crossing()).collect();
    let Some(best) = lives.iter().min_by(|a, b| a.variance.total_cmp(&b.variance)) else {
        return Prognosis::NotYetKnown;
    };
    // models that explain the points nearly as well widen the spread: nobody knows the law of growth
    let rivals = || {
        lives
            .iter()
            .filter(|l| l.variance <= best.variance * TOLERATED_VARIANCE)
    };
    let p10 = rivals().map(|l| l.p10).fold(best.p10, f64::min);
    let p90 = rivals().map(|l| l.p90).fold(best.p90, f64::max);
    let left = |hours: f64| Millis::from_hours((hours - since_last).max(0.0));
    Prognosis::Known(RemainingLife {
        made_at: now,
        p10: left(p10),
        p50: left(best.p50),
        p90: left(p90),
        basis: domain::LifeBasis::Trend,
    })
}

#[derive(Debug, Clone, Copy)]
enum Scale {
    /// The value itself, turned so that more is worse.
    Linear,
    /// Its logarithm: exponential growth.
    Logarithmic,
    /// The square root of what has been added to this level: growth that gets faster steadily.
    RootOfExcess(f64),
    /// The logarithm of what has been added to this level: exponential growth on top of what does not grow.
    LogarithmOfExcess(f64),
}

impl Scale {
    fn of(self, value: f64, direction: Direction) -> Option<f64> {
        let sign = match direction {
            Direction::Above => 1.0,
            Direction::Below => -1.0,
        };
        let scaled = match self {
            Scale::Linear => value,
            Scale::Logarithmic if value > 0.0 => value.ln(),
            Scale::Logarithmic => return None,
            Scale::RootOfExcess(base) if sign * (value - base) > 0.0 => {
                return Some((sign * (value - base)).sqrt()).filter(|v| v.is_finite());
            }
            Scale::LogarithmOfExcess(base) if sign * (value - base) > 0.0 => {
                return Some((sign * (value - base)).ln()).filter(|v| v.is_finite());
            }
            Scale::RootOfExcess(_) | Scale::LogarithmOfExcess(_) => return None,
        };
        Some(sign * scaled).filter(|v| v.is_finite())
    }
}

impl Scale {
    /// The end part of the points that can be told from the level it counts from.
    fn usable<'a>(self, points: &'a [TrendPoint], wear: &Wear) -> &'a [TrendPoint] {
        match self {
            Scale::Linear | Scale::Logarithmic => points,
            Scale::RootOfExcess(base) | Scale::LogarithmOfExcess(base) => {
                let is_clear = |p: &&TrendPoint| (p.value - base) / (wear.failure_limit - base) >= LEAST_EXCESS;
                let clear = points.iter().rev().take_while(is_clear).count();
                &points[points.len() - clear..]
            }
        }
    }

    /// Back to the metric's unit.
    fn in_unit(self, v: f64, direction: Direction) -> f64 {
        let sign = match direction {
            Direction::Above => 1.0,
            Direction::Below => -1.0,
        };
        match self {
            Scale::Linear => sign * v,
            Scale::Logarithmic => (sign * v).exp(),
            Scale::RootOfExcess(base) => base + sign * v * v,
            Scale::LogarithmOfExcess(base) => base + sign * v.exp(),
        }
    }
}

/// A line through points; hours count from the last point.
struct Line {
    slope: f64,
    intercept: f64,
    limit: f64,
    points: f64,
    span: f64,
    mean_t: f64,
    spread_t: f64,
    /// Residual variance on the line's scale, widened where residuals hang together.
    variance: f64,
    /// Residual variance in the metric's unit, by which models are compared.
    variance_of_metric: f64,
}

/// When the line meets the limit, in hours after the last point.
struct Crossing {
    p10: f64,
    p50: f64,
    p90: f64,
    variance: f64,
}

impl Line {
    /// The fit to the last regime of the points.
    fn best(points: &[TrendPoint], origin: Timestamp, wear: &Wear, scale: Scale) -> Option<Line> {
        let points = scale.usable(points, wear);
        let times: Vec<f64> = points.iter().map(|p| (p.at - origin).0 as f64 / HOUR_MS).collect();
        let values = points
            .iter()
            .map(|p| scale.of(p.value, wear.direction))
            .collect::<Option<Vec<f64>>>()?;
        let start = last_regime(&times, &values);
        let line = Line::fit(&points[start..], origin, wear, scale)?;
        (line.slope > 0.0).then_some(line)
    }

    fn fit(points: &[TrendPoint], origin: Timestamp, wear: &Wear, scale: Scale) -> Option<Line> {
        if points.len() < LEAST_POINTS {
            return None;
        }
        let limit = scale.of(wear.failure_limit, wear.direction)?;
        let times: Vec<f64> = points.iter().map(|p| (p.at - origin).0 as f64 / HOUR_MS).collect();
        let values = points
            .iter()
            .map(|p| scale.of(p.value, wear.direction))
            .collect::<Option<Vec<f64>>>()?;
        let n = points.len() as f64;
        let mean_t = times.iter().sum::<f64>() / n;
        let spread_t = times.iter().map(|t| (t - mean_t).powi(2)).sum::<f64>();
        if spread_t.is_nan() || spread_t <= 0.0 {
            return None;
        }
        let features = Array2::from_shape_vec((times.len(), 1), times.clone()).expect("one column of n rows");
        let fitted = LinearRegression::new()
            .fit(&DatasetBase::new(features, Array1::from(values.clone())))
            .ok()?;
        let (slope, intercept) = (fitted.params()[0], fitted.intercept());
        let residuals: Vec<f64> = times
            .iter()
            .zip(&values)
            .map(|(t, v)| v - intercept - slope * t)
            .collect();
        let sum_of_squares = residuals.iter().map(|r| r * r).sum::<f64>();
        let mean_v = values.iter().sum::<f64>() / n;
        let total = values.iter().map(|v| (v - mean_v).powi(2)).sum::<f64>();
        let lagged = residuals.windows(2).map(|w| w[0] * w[1]).sum::<f64>();
        let likeness = (lagged / sum_of_squares.max(f64::MIN_POSITIVE)).clamp(0.0, 0.8);
        // variance of a mean of values that hang together (first-order autoregression)
        let variance = sum_of_squares / (n - 2.0) * (1.0 + likeness) / (1.0 - likeness);
        let explained = 1.0 - sum_of_squares / total;
        let significance = slope / (variance / spread_t).sqrt().max(f64::MIN_POSITIVE);
        let is_trend =
            explained >= LEAST_EXPLAINED && significance >= LEAST_SIGNIFICANCE * (1.0 + FEW_POINTS / (n - 2.0));
        let in_unit = |v: f64| scale.in_unit(v, wear.direction);
        let variance_of_metric = times
            .iter()
            .zip(&values)
            .map(|(t, v)| (in_unit(*v) - in_unit(intercept + slope * t)).powi(2))
            .sum::<f64>()
            / (n - 2.0);
        let is_usable = [slope, intercept, variance, variance_of_metric]
            .iter()
            .all(|x| x.is_finite());
        is_usable.then(|| Line {
            // what may be chance competes for the longest part, but tells no time
            slope: if is_trend { slope } else { 0.0 },
            intercept,
            limit,
            points: n,
            span: times[times.len() - 1] - times[0],
            mean_t,
            spread_t,
            variance,
            variance_of_metric,
        })
    }

    fn crossing(&self) -> Option<Crossing> {
        let far = self.span * LONGEST_LOOK;
        let p50 = self.first_at(0.0, far)?;
        Some(Crossing {
            p10: self.first_at(Z90, far).unwrap_or(p50),
            p50,
            p90: self.first_at(-Z90, far * LONGEST_LOOK).unwrap_or(far * LONGEST_LOOK),
            variance: self.variance_of_metric,
        })
    }

    /// The first time at which the prediction, `z` standard errors off, has met the limit.
    fn first_at(&self, z: f64, far: f64) -> Option<f64> {
        let is_met = |t: f64| {
            let spread = self.variance * (1.0 + 1.0 / self.points + (t - self.mean_t).powi(2) / self.spread_t);
            self.intercept + self.slope * t + z * spread.sqrt() >= self.limit
        };
        if is_met(0.0) {
            return Some(0.0);
        }
        if !is_met(far) {
            return None;
        }
        let (mut before, mut after) = (0.0, far);
        for _ in 0..60 {
            let middle = f64::midpoint(before, after);
            if is_met(middle) {
                after = middle;
            } else {
                before = middle;
            }
        }
        Some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::MetricName;

    fn wear(direction: Direction, failure_limit: f64) -> Wear {
        Wear {
            metric: MetricName::new("m").expect("a name"),
            direction,
            failure_limit,
            in_modes: None,
        }
    }

    /// Hourly points of a course with a little noise that is the same each time.
    fn course(hours: i64, value: impl Fn(f64) -> f64) -> Vec<TrendPoint> {
        (0..hours)
            .map(|h| TrendPoint {
                at: Timestamp(h * 3_600_000),
                value: value(h as f64) * (1.0 + 0.01 * ((h * 7919 % 13) as f64 / 6.0 - 1.0)),
            })
            .collect()
    }

    fn check(points: &[TrendPoint], wear: &Wear, true_hours: f64) {
        let now = points.last().expect("points").at;
        match time_left(points, None, wear, now) {
            Prognosis::NotYetKnown => panic!("not known"),
            Prognosis::Known(life) => {
                let hours = [life.p10, life.p50, life.p90].map(Millis::as_hours);
                assert!(hours[0] <= hours[1] && hours[1] <= hours[2], "{hours:?}");
                assert!((hours[1] / true_hours - 1.0).abs() < 0.2, "{hours:?} of {true_hours}");
                assert!(
                    hours[0] <= true_hours * 1.02 && true_hours * 0.98 <= hours[2],
                    "{hours:?} of {true_hours}"
                );
            }
        }
    }

    #[test]
    fn linear_wear_is_told_in_time() {
        check(&course(50, |h| 1.0 + 0.05 * h), &wear(Direction::Above, 6.0), 51.0);
        check(&course(50, |h| 4.0 - 0.02 * h), &wear(Direction::Below, 2.0), 51.0);
    }

    #[test]
    fn exponential_wear_is_told_in_time() {
        check(
            &course(60, |h| (0.03 * h).exp()),
            &wear(Direction::Above, 9.0),
            9.0_f64.ln() / 0.03 - 59.0,
        );
    }

    #[test]
    fn a_flat_past_does_not_hide_the_growth_at_its_end() {
        let grows = |h: f64| 1.0 + 0.1 * (h - 40.0).max(0.0);
        check(&course(60, grows), &wear(Direction::Above, 6.0), 31.0);
    }

    #[test]
    fn without_a_trend_nothing_is_told() {
        let limit = wear(Direction::Above, 7.1);
        for points in [
            course(60, |_| 1.0),
            course(8, |h| 1.0 + h),
            course(60, |h| 5.0 - 0.05 * h),
            course(60, |h| 1.0 + 0.0005 * h),
            Vec::new(),
        ] {
            assert_eq!(time_left(&points, None, &limit, Timestamp(0)), Prognosis::NotYetKnown);
        }
    }

    #[test]
    fn past_the_limit_no_time_is_left() {
        let points = course(60, |h| 1.0 + 0.2 * h);
        let now = Timestamp(59 * 3_600_000);
        match time_left(&points, None, &wear(Direction::Above, 7.1), now) {
            Prognosis::Known(life) => assert_eq!((life.p10, life.p50), (Millis(0), Millis(0))),
            Prognosis::NotYetKnown => panic!("not known"),
        }
    }
}
