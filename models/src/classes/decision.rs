//! From what trees and linear discriminants say to a class and how sure that is; what weighs how much is found on rows that
//! were held back.

use super::report;
use serde::{Deserialize, Serialize};

/// Weights that are tried for the trees: below 1 they were too sure.
const OF_TREES: [f32; 7] = [0.0, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4];
/// Weights that are tried for the linear discriminants, which are always too sure.
const OF_LINEAR: [f32; 10] = [0.0, 0.03, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0];
/// Most rows that weights are tried on; evenly taken.
const MOST_ROWS: usize = 5_000;
/// Rounds over the classes while the lead is tuned.
const LEAD_ROUNDS: usize = 3;
/// Most that a class may get ahead, in logarithms: a factor of 50.
const MOST_AHEAD: f32 = 3.9;
/// A lead must raise the mean F1 by as much; less is fitted to the rows that were held back, and lost on others.
const LEAST_GAIN: f64 = 0.02;
/// No class is less probable than this to one of the two, in logarithms: a mistake of one must not outweigh the other.
const LEAST: f32 = -40.0;

/// What the two say of one row: logarithms of probabilities.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Opinions {
    /// Of the trees.
    pub(super) trees: Vec<f32>,
    /// Of the linear discriminants; nothing where there are none.
    pub(super) linear: Vec<f32>,
}

impl Opinions {
    /// Makes sums into logarithms of probabilities.
    pub(super) fn normalise(&mut self) {
        for scores in [&mut self.trees, &mut self.linear] {
            let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total: f32 = scores.iter().map(|score| (score - top).exp()).sum();
            scores
                .iter_mut()
                .for_each(|score| *score = (*score - top - total.ln()).max(LEAST));
        }
    }
}

impl Opinions {
    /// What several rows say together.
    pub(super) fn mean<'a>(rows: impl Iterator<Item = &'a Opinions>) -> Opinions {
        let (mut mean, mut count) = (Opinions::default(), 0u32);
        for row in rows {
            for (sums, scores) in [(&mut mean.trees, &row.trees), (&mut mean.linear, &row.linear)] {
                sums.resize(scores.len(), 0.0);
                sums.iter_mut().zip(scores).for_each(|(sum, score)| *sum += score);
            }
            count += 1;
        }
        let all = mean.trees.iter_mut().chain(&mut mean.linear);
        all.for_each(|sum| *sum /= count.max(1) as f32);
        mean
    }
}

/// How opinions become a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Decision {
    /// Weight of the trees.
    of_trees: f32,
    /// Weight of the linear discriminants.
    of_linear: f32,
    /// How many answers the weights were found on: who has seen few is never quite sure.
    answers: f32,
    /// What each class gets ahead, in logarithms of its probability, so that the mean F1 over classes is best.
    ahead: Vec<f32>,
}

impl Decision {
    fn plain(classes: usize, of_trees: f32, of_linear: f32, answers: usize) -> Decision {
        Decision {
            of_trees,
            of_linear,
            answers: answers as f32,
            ahead: vec![0.0; classes],
        }
    }

    /// Whether the linear discriminants are heard at all.
    pub(super) fn hears_linear(&self) -> bool {
        self.of_linear > 0.0
    }

    /// Probabilities of the classes, into `probabilities`.
    pub(super) fn probabilities(&self, opinions: &Opinions, probabilities: &mut Vec<f32>) {
        probabilities.clear();
        probabilities.extend(opinions.trees.iter().map(|score| self.of_trees * score));
        let pairs = probabilities.iter_mut().zip(&opinions.linear);
        pairs.for_each(|(sum, score)| *sum += self.of_linear * score);
        crate::boost::softmax(probabilities);
        // Laplace's rule of succession: one more answer of each class, unseen
        let all = self.answers + probabilities.len() as f32;
        for probability in probabilities.iter_mut() {
            *probability = (*probability * self.answers + 1.0) / all;
        }
    }

    /// The class that is told.
    pub(super) fn choose(&self, probabilities: &[f32]) -> usize {
        let score = |class: usize| probabilities[class].max(1e-9).ln() + self.ahead[class];
        let best = (0..probabilities.len()).max_by(|a, b| score(*a).total_cmp(&score(*b)));
        best.unwrap_or(0)
    }

    /// Whether a decision that was read from a file fits so many classes.
    pub(super) fn is_sound(&self, classes: usize) -> bool {
        [self.of_trees, self.of_linear, self.answers]
            .iter()
            .all(|w| w.is_finite() && *w >= 0.0)
            && self.of_trees + self.of_linear > 0.0
            && self.ahead.len() == classes
            && self.ahead.iter().all(|a| a.is_finite())
    }

    /// Weights by likelihood, and the mean surprise that remains, in nats.
    pub(super) fn weigh(opinions: &[&Opinions], labels: &[usize], classes: usize) -> (Decision, f64) {
        let step = opinions.len().div_ceil(MOST_ROWS).max(1);
        let has_linear = opinions.iter().any(|o| !o.linear.is_empty());
        let mut space = Vec::with_capacity(classes);
        let mut surprise = |decision: &Decision| -> f64 {
            let mut total = 0.0;
            let mut rows = 0;
            for (opinion, label) in opinions.iter().zip(labels).step_by(step) {
                decision.probabilities(opinion, &mut space);
                total -= f64::from(space[*label].max(1e-12)).ln();
                rows += 1;
            }
            total / f64::from(rows.max(1))
        };
        let answers = opinions.len();
        let mut best = (Decision::plain(classes, 1.0, 0.0, answers), f64::INFINITY);
        for of_trees in OF_TREES {
            for of_linear in OF_LINEAR {
                if of_trees + of_linear <= 0.0 || (of_linear > 0.0 && !has_linear) {
                    continue;
                }
                let tried = Decision::plain(classes, of_trees, of_linear, answers);
                let found = surprise(&tried);
                if found < best.1 {
                    best = (tried, found);
                }
            }
        }
        best
    }

    /// What each class gets ahead, by the mean F1.
    pub(super) fn take_lead(&mut self, opinions: &[&Opinions], labels: &[usize]) {
        let classes = self.ahead.len();
        let of_row = |opinion: &&Opinions| {
            let mut probabilities = Vec::with_capacity(classes);
            self.probabilities(opinion, &mut probabilities);
            probabilities
        };
        let probabilities: Vec<Vec<f32>> = opinions.iter().map(of_row).collect();
        let quality = |decision: &Decision| {
            let pairs = labels
                .iter()
                .zip(&probabilities)
                .map(|(label, p)| (*label, decision.choose(p)));
            report::macro_f1(&report::counts(classes, pairs))
        };
        let without = self.clone();
        let at_first = quality(self);
        let mut reached = at_first;
        for _ in 0..LEAD_ROUNDS {
            let before = reached;
            for class in 0..classes {
                for step in -26i16..=26 {
                    let mut tried = self.clone();
                    tried.ahead[class] = f32::from(step) * MOST_AHEAD / 26.0;
                    let found = quality(&tried);
                    // of equals the smallest push: it is the least fitted
                    let is_smaller = found == reached && tried.ahead[class].abs() < self.ahead[class].abs();
                    if found > reached || is_smaller {
                        (*self, reached) = (tried, found);
                    }
                }
            }
            if reached <= before {
                break;
            }
        }
        if reached < at_first + LEAST_GAIN {
            *self = without;
        }
    }
}
