//! What is unusual about one metric by itself: four views, each standing against its own past. These views never stop learning, so
//! that what is new alerts once and then becomes usual.
use super::{
    judgement::View,
    level::Level,
    rarity::Rarity,
    shape::Shape,
    standing::{Smooth, Standing},
};
use serde::{Deserialize, Serialize};

/// Rows of smoothing of each view. Predictability varies most from row to row.
pub(super) const SMOOTHING_ROWS: [f64; VIEWS.len()] = [30.0, 30.0, 30.0, 60.0];
const VIEWS: [View; 4] = [View::Level, View::Rarity, View::Shape, View::Residual];
/// Standard deviations beyond which a view has nothing more to say; and how far below usual it may pull the others down.
const MOST: f64 = 20.0;
const LEAST: f64 = -1.0;
/// Values are cut to this, so that squares stay finite.
const FINITE: f64 = 1e150;

/// One metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    level: Level,
    rarity: Rarity,
    shape: Shape,
    smooth: [Smooth; VIEWS.len()],
    past: [Standing; VIEWS.len()],
    value: [f64; VIEWS.len()],
    z: [f64; VIEWS.len()],
    x: f64,
    is_present: bool,
}

impl Metric {
    /// Judges `x` (NaN: missing, keeps its word) and its prediction error, in standard deviations: mean deviation of the views.
    pub fn judge(&mut self, x: f64, residual: Option<f64>) -> f64 {
        self.is_present = x.is_finite();
        if self.is_present {
            self.x = x.clamp(-FINITE, FINITE);
            let deviation = self.level.deviation(self.x);
            let raw = [
                deviation.abs(),
                self.rarity.surprise(self.x),
                self.shape.judge(deviation),
                residual.map_or(0.0, f64::abs),
            ];
            for i in 0..VIEWS.len() {
                self.value[i] = self.smooth[i].step(raw[i], SMOOTHING_ROWS[i]);
                self.z[i] = if self.past[i].rows < 2.0 {
                    0.0
                } else {
                    self.past[i].z(self.value[i]).clamp(LEAST, MOST)
                };
            }
        }
        self.unusual()
    }

    /// Mean deviation of the views, as of the last row judged.
    #[must_use]
    pub fn unusual(&self) -> f64 {
        self.z.iter().sum::<f64>() / VIEWS.len() as f64
    }

    /// The view that deviates most.
    #[must_use]
    pub fn loudest(&self) -> View {
        let mut loudest = 0;
        for i in 1..VIEWS.len() {
            if self.z[i] > self.z[loudest] {
                loudest = i;
            }
        }
        VIEWS[loudest]
    }

    /// Whether its parts fit together.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.rarity.is_sound() && self.shape.is_sound()
    }

    /// Learns the row just judged.
    pub fn learn(&mut self, memory_rows: f64) {
        if !self.is_present {
            return;
        }
        self.level.learn(self.x, memory_rows);
        self.rarity.learn(self.x, memory_rows);
        self.shape.learn();
        for i in 0..VIEWS.len() {
            self.past[i].learn(self.value[i], 1.0, memory_rows);
        }
    }

    /// Mean and standard deviation of the past, in the unit of the metric.
    #[must_use]
    pub fn usual(&self) -> (f64, f64) {
        (self.level.mean(), self.level.spread())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_changes_nothing() {
        let mut metric = Metric::default();
        for i in 0..300 {
            metric.judge(f64::from(i % 5), None);
            metric.learn(1e3);
        }
        let (before, word) = (metric.clone(), metric.unusual());
        assert_eq!(metric.judge(f64::NAN, None), word);
        metric.learn(1e3);
        assert_eq!(
            Metric {
                is_present: true,
                ..metric
            },
            before
        );
    }

    #[test]
    fn a_jump_is_told_as_unusual() {
        let mut metric = Metric::default();
        for i in 0..500 {
            metric.judge(f64::from(i % 5), None);
            metric.learn(1e3);
        }
        (0..30).for_each(|_| {
            metric.judge(40.0, None);
        });
        assert!(metric.unusual() > 5.0);
    }
}
