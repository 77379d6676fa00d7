//! One tree: a flat list of nodes, children after their parents.

use super::bins::MISSING;
use super::loss::quantile_of_sorted;
use serde::{Deserialize, Serialize};

/// A regression tree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    nodes: Vec<Node>,
    /// For walks over bins while training: the last bin that goes left at each node. Not kept.
    #[serde(skip)]
    bins: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) enum Node {
    /// What the tree says here.
    Leaf(f32),
    /// Up to `end` goes to the next node, above it to `right`; a missing value as `is_missing_left` says.
    Split {
        column: u16,
        end: f32,
        right: u16,
        is_missing_left: bool,
    },
}

impl Tree {
    pub(super) fn new(nodes: Vec<Node>, bins: Vec<u8>) -> Tree {
        Tree { nodes, bins }
    }

    /// What it says to a row; NaN stands for missing.
    #[inline]
    pub fn value(&self, row: &[f32]) -> f32 {
        let mut at = 0;
        loop {
            match self.nodes[at] {
                Node::Leaf(value) => return value,
                Node::Split {
                    column,
                    end,
                    right,
                    is_missing_left,
                } => {
                    let value = row[usize::from(column)];
                    let goes_left = value <= end || (is_missing_left && value.is_nan());
                    at = if goes_left { at + 1 } else { usize::from(right) };
                }
            }
        }
    }

    /// What it says to a row of bins.
    #[inline]
    pub(super) fn value_of_bins(&self, bin: impl Fn(usize) -> u8) -> f32 {
        let mut at = 0;
        loop {
            match self.nodes[at] {
                Node::Leaf(value) => return value,
                Node::Split {
                    column,
                    end: _,
                    right,
                    is_missing_left,
                } => {
                    let bin = bin(usize::from(column));
                    let goes_left = if bin == MISSING {
                        is_missing_left
                    } else {
                        bin <= self.bins[at]
                    };
                    at = if goes_left { at + 1 } else { usize::from(right) };
                }
            }
        }
    }

    /// Sets each leaf to a quantile of the residuals of its rows.
    pub(super) fn refit(
        &mut self,
        leaves: &[(usize, Vec<u32>)],
        residual: impl Fn(usize) -> f32,
        quantile: f64,
        rate: f64,
    ) {
        for (node, rows) in leaves {
            let mut residuals: Vec<f32> = rows.iter().map(|row| residual(*row as usize)).collect();
            residuals.sort_unstable_by(f32::total_cmp);
            let value = f64::from(quantile_of_sorted(&residuals, quantile)) * rate;
            self.nodes[*node] = Node::Leaf(value as f32);
        }
    }

    pub(super) fn forget_bins(&mut self) {
        self.bins = Vec::new();
        self.nodes.shrink_to_fit();
    }

    pub(super) fn is_sound(&self, columns: usize) -> bool {
        let len = self.nodes.len();
        let is_node_sound = |(at, node): (usize, &Node)| match *node {
            Node::Leaf(value) => value.is_finite(),
            Node::Split { column, right, .. } => {
                usize::from(column) < columns && usize::from(right) > at + 1 && usize::from(right) < len
            }
        };
        // the last node has no next one, so it can only be a leaf: a split there fails on `right`
        len > 0 && self.nodes.iter().enumerate().all(is_node_sound)
    }

    pub(super) fn count_uses(&self, uses: &mut [u32]) {
        for node in &self.nodes {
            match node {
                Node::Leaf(_) => {}
                Node::Split { column, .. } => uses[usize::from(*column)] += 1,
            }
        }
    }
}
