//! Distance of the last few values to the nearest of the shapes seen so far: a bounded set that keeps what is far apart.
use serde::{Deserialize, Serialize};

/// Values in a shape.
const WIDTH: usize = 8;
/// Shapes kept: 2 KiB.
const KEPT: usize = 64;
/// A kept shape moves towards its likes as an average of at most this many.
const LIKES: f32 = 50.0;
/// Standard deviations beyond which a value tells nothing more about a shape.
const REACH: f64 = 20.0;

/// Shapes of one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Value `v` of shape `k` at `v * KEPT + k`, so that one pass compares all shapes at once.
    values: Vec<f32>,
    /// Shapes behind each kept one; 0: a free place.
    weight: Vec<f32>,
    kept: usize,
    recent: [f32; WIDTH],
    seen: u8,
    /// Square distance under which two shapes are the same; grows as the set fills.
    apart: f32,
    best: f32,
    best_at: usize,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            values: vec![0.0; WIDTH * KEPT],
            weight: vec![0.0; KEPT],
            kept: 0,
            recent: [0.0; WIDTH],
            seen: 0,
            apart: 0.0,
            best: 0.0,
            best_at: 0,
        }
    }
}

impl Shape {
    /// Whether its parts fit together.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.values.len() == WIDTH * KEPT && self.weight.len() == KEPT && self.kept <= KEPT && self.best_at < KEPT
    }

    /// Takes the standardised value `z` in; root mean square distance to the nearest shape, in standard deviations.
    pub fn judge(&mut self, z: f64) -> f64 {
        self.recent.rotate_left(1);
        self.recent[WIDTH - 1] = z.clamp(-REACH, REACH) as f32;
        self.seen = self.seen.saturating_add(1);
        self.best = 0.0;
        if !self.is_full_width() || self.kept == 0 {
            return 0.0;
        }
        (self.best, self.best_at) = self.nearest(&self.recent, KEPT);
        f64::from((self.best / WIDTH as f32).sqrt())
    }

    /// Learns the shape just judged.
    pub fn learn(&mut self) {
        if !self.is_full_width() {
            return;
        }
        if self.kept > 0 && self.best <= self.apart {
            self.absorb();
        } else if self.kept < KEPT {
            self.put(self.kept, 1.0);
            self.kept += 1;
        } else {
            self.replace();
        }
    }

    fn is_full_width(&self) -> bool {
        usize::from(self.seen) >= WIDTH
    }

    /// Square distance to the nearest kept shape other than `but`, and its place.
    fn nearest(&self, shape: &[f32; WIDTH], but: usize) -> (f32, usize) {
        let mut gaps = [0.0f32; KEPT];
        for (value, row) in shape.iter().zip(self.values.chunks_exact(KEPT)) {
            for (gap, kept) in gaps.iter_mut().zip(row) {
                let d = value - kept;
                *gap += d * d;
            }
        }
        let (mut best, mut best_at) = (f32::MAX, 0);
        for (k, gap) in gaps.iter().enumerate().take(self.kept) {
            if *gap < best && k != but {
                (best, best_at) = (*gap, k);
            }
        }
        (best, best_at)
    }

    fn put(&mut self, place: usize, weight: f32) {
        for (v, value) in self.recent.iter().enumerate() {
            self.values[v * KEPT + place] = *value;
        }
        self.weight[place] = weight;
    }

    fn shape(&self, place: usize) -> [f32; WIDTH] {
        std::array::from_fn(|v| self.values[v * KEPT + place])
    }

    fn absorb(&mut self) {
        let place = self.best_at;
        self.weight[place] += 1.0;
        let share = 1.0 / self.weight[place].min(LIKES);
        for (v, value) in self.recent.iter().enumerate() {
            let kept = &mut self.values[v * KEPT + place];
            *kept += (value - *kept) * share;
        }
    }

    /// Joins the two kept shapes that are most alike and gives the free place to the new one, if that is further from all.
    fn replace(&mut self) {
        let (mut least, mut pair) = (f32::MAX, (0, 1));
        for k in 0..KEPT {
            let (gap, at) = self.nearest(&self.shape(k), k);
            if gap < least {
                (least, pair) = (gap, (k, at));
            }
        }
        if least >= self.best {
            self.absorb();
            return;
        }
        let (freed, into) = pair;
        let (a, b) = (self.weight[freed], self.weight[into]);
        for v in 0..WIDTH {
            let from = self.values[v * KEPT + freed];
            let kept = &mut self.values[v * KEPT + into];
            *kept = (from * a + *kept * b) / (a + b);
        }
        self.weight[into] = a + b;
        self.put(freed, 1.0);
        self.apart = self.apart.max(least);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_never_seen_is_far_and_a_usual_one_near() {
        let mut shape = Shape::default();
        for i in 0..500 {
            shape.judge(f64::from(i % 4));
            shape.learn();
        }
        assert!(shape.judge(0.0) < 1e-3);
        assert!(shape.judge(9.0) > 1.0);
    }

    #[test]
    fn the_set_never_outgrows_its_bound() {
        let mut shape = Shape::default();
        let mut x = 1u64;
        for _ in 0..5000 {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shape.judge((x >> 40) as f64 / 1e6);
            shape.learn();
        }
        assert_eq!((shape.kept, shape.values.len()), (KEPT, KEPT * WIDTH));
    }
}
