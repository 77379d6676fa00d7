//! Streaming half-space trees (Tan, Ting, Liu: Fast Anomaly Detection for Streaming Data, IJCAI 2011).
//!
//! The random splits are drawn once per rule and shared by all devices; a device holds only the masses: how many readings
//! of the present and of the reference window fell into each node.

use serde::{Deserialize, Serialize};

/// Most metrics of one forest; the profile's parser keeps to it.
pub const MAX_DIMENSIONS: usize = 16;

/// The splits of all trees of one rule.
#[derive(Debug, Clone)]
pub struct Forest {
    trees: usize,
    height: usize,
    nodes: usize,
    window: u16,
    /// Low end and width of the range of each dimension.
    ranges: Vec<(f64, f64)>,
    /// Dimension and place of the split of each node, tree after tree; those of the leaves are not used.
    splits: Vec<(u8, f32)>,
}

/// The masses of one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Masses {
    seen: u16,
    has_reference: bool,
    score: f64,
    counts: Counts,
}

/// Pairs of (present, reference) per node; one byte each where the window allows it, because a fleet has many of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Counts {
    Narrow(Vec<[u8; 2]>),
    Wide(Vec<[u16; 2]>),
}

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
fn splitmix(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Masses {
    /// The last score.
    pub fn score(&self) -> f64 {
        self.score
    }
}

impl Forest {
    /// Draws the splits. `ranges` are (min, max) per dimension, at most [`MAX_DIMENSIONS`].
    pub fn new(ranges: &[(f64, f64)], trees: u16, height: u8, window: u16, mut seed: u64) -> Forest {
        let (trees, height) = (usize::from(trees), usize::from(height));
        let nodes = (1 << (height + 1)) - 1;
        let dimensions = ranges.len();
        let mut uniform = move || (splitmix(&mut seed) >> 11) as f64 / (1u64 << 53) as f64;
        let mut splits = vec![(0u8, 0f32); trees * nodes];
        for tree in splits.chunks_exact_mut(nodes) {
            let mut spaces = vec![[(0.0f64, 1.0f64); MAX_DIMENSIONS]; nodes];
            for node in 0..nodes / 2 {
                let dimension = ((uniform() * dimensions as f64) as usize).min(dimensions - 1);
                let (low, high) = spaces[node][dimension];
                // not too near the edges, so that both halves can be visited
                let at = low + (high - low) * (0.15 + 0.7 * uniform());
                tree[node] = (dimension as u8, at as f32);
                for (child, half) in [(2 * node + 1, (low, at)), (2 * node + 2, (at, high))] {
                    spaces[child] = spaces[node];
                    spaces[child][dimension] = half;
                }
            }
        }
        Forest {
            trees,
            height,
            nodes,
            window,
            ranges: ranges.iter().map(|(min, max)| (*min, max - min)).collect(),
            splits,
        }
    }

    /// Number of metrics it looks at.
    pub fn dimensions(&self) -> usize {
        self.ranges.len()
    }

    /// Masses of a device that has not been seen yet.
    pub fn fresh(&self) -> Masses {
        let count = self.trees * self.nodes;
        Masses {
            seen: 0,
            has_reference: false,
            score: 0.0,
            counts: if self.window <= u16::from(u8::MAX) {
                Counts::Narrow(vec![[0; 2]; count])
            } else {
                Counts::Wide(vec![[0; 2]; count])
            },
        }
    }

    /// Readings before any combination can be unusual.
    pub fn window(&self) -> u32 {
        u32::from(self.window)
    }

    /// Scores one reading, 0 (where most were) to 1 (where none were), and learns it. 0 throughout the first window.
    #[inline]
    pub fn step(&self, masses: &mut Masses, values: &[f64; MAX_DIMENSIONS]) -> f64 {
        let mut scaled = [0f32; MAX_DIMENSIONS];
        for ((scaled, value), (low, width)) in scaled.iter_mut().zip(values).zip(&self.ranges) {
            *scaled = ((value - low) / width).clamp(0.0, 1.0) as f32;
        }
        let sum = match &mut masses.counts {
            Counts::Narrow(counts) => self.walk(counts, &scaled),
            Counts::Wide(counts) => self.walk(counts, &scaled),
        };
        let most = self.trees as f64 * f64::from(self.window) * self.nodes as f64;
        let score = if masses.has_reference {
            (1.0 - sum as f64 / most).clamp(0.0, 1.0)
        } else {
            0.0
        };
        masses.score = score;
        masses.seen += 1;
        if masses.seen >= self.window {
            masses.seen = 0;
            masses.has_reference = true;
            match &mut masses.counts {
                Counts::Narrow(counts) => counts.iter_mut().for_each(|c| *c = [0, c[0]]),
                Counts::Wide(counts) => counts.iter_mut().for_each(|c| *c = [0, c[0]]),
            }
        }
        score
    }

    #[inline]
    fn walk<C>(&self, counts: &mut [[C; 2]], scaled: &[f32; MAX_DIMENSIONS]) -> u64
    where
        C: Copy + Into<u64> + std::ops::AddAssign + From<u8>,
    {
        // a node lighter than a tenth of the window ends the path (the paper's size limit)
        let light = u64::from(self.window / 10);
        let mut sum = 0;
        for (splits, counts) in self
            .splits
            .chunks_exact(self.nodes)
            .zip(counts.chunks_exact_mut(self.nodes))
        {
            let (mut node, mut is_open) = (0, true);
            for depth in 0..=self.height {
                let count = &mut counts[node];
                count[0] += C::from(1);
                let reference: u64 = count[1].into();
                sum += if is_open { reference << depth } else { 0 };
                is_open &= reference > light;
                if depth < self.height {
                    let (dimension, at) = splits[node];
                    let is_right = scaled[usize::from(dimension) % MAX_DIMENSIONS] >= at;
                    node = 2 * node + 1 + usize::from(is_right);
                }
            }
        }
        sum
    }

    /// Whether masses read from disk belong to this forest.
    pub fn fits(&self, masses: &Masses) -> bool {
        let count = self.trees * self.nodes;
        match &masses.counts {
            Counts::Narrow(counts) => self.window <= u16::from(u8::MAX) && counts.len() == count,
            Counts::Wide(counts) => self.window > u16::from(u8::MAX) && counts.len() == count,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64) -> [f64; MAX_DIMENSIONS] {
        let mut values = [0.0; MAX_DIMENSIONS];
        values[..2].copy_from_slice(&[x, y]);
        values
    }

    #[test]
    fn a_place_where_nobody_was_scores_higher() {
        for window in [64, 400] {
            let forest = Forest::new(&[(0.0, 10.0), (0.0, 10.0)], 25, 8, window, 7);
            let mut masses = forest.fresh();
            for i in 0..usize::from(window) * 3 {
                let wobble = (i % 7) as f64 * 0.05;
                forest.step(&mut masses, &at(2.0 + wobble, 3.0 - wobble));
            }
            let usual = forest.step(&mut masses, &at(2.1, 2.9));
            let unusual = forest.step(&mut masses, &at(8.0, 9.0));
            assert!(unusual > usual + 0.1, "{usual} {unusual}");
        }
    }

    #[test]
    fn the_first_window_scores_nothing() {
        let forest = Forest::new(&[(0.0, 1.0)], 3, 3, 16, 1);
        let mut masses = forest.fresh();
        let scores: Vec<f64> = (0..17).map(|_| forest.step(&mut masses, &at(0.5, 0.0))).collect();
        assert!(scores[..16].iter().all(|s| *s == 0.0) && scores[16] < 1.0);
    }
}
