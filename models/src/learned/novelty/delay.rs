//! Holds the views back before they enter the ranges, so that a slow change is compared with what was before it began.

use serde::{Deserialize, Serialize};

use super::view::VIEWS;

/// Rows between a reading and its entry into the ranges; after as many rows a new level starts to become normal.
pub(super) const ROWS: usize = 64;

/// A queue of fixed length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Delay {
    ring: Vec<[f32; VIEWS.len()]>,
    at: u16,
    is_full: bool,
}

impl Delay {
    pub(super) fn new() -> Delay {
        Delay {
            ring: vec![[0.0; VIEWS.len()]; ROWS],
            at: 0,
            is_full: false,
        }
    }

    /// Whether a state read from disk has the lengths of this version.
    pub(super) fn fits(&self) -> bool {
        self.ring.len() == ROWS && usize::from(self.at) < ROWS
    }

    /// Puts the views of a row in and, once full, takes out those of [`ROWS`] rows ago.
    pub(super) fn step(&mut self, views: &[f32; VIEWS.len()]) -> Option<[f32; VIEWS.len()]> {
        let slot = &mut self.ring[usize::from(self.at)];
        let old = self.is_full.then_some(*slot);
        *slot = *views;
        self.at += 1;
        if usize::from(self.at) == ROWS {
            self.at = 0;
            self.is_full = true;
        }
        old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_after_the_delay() {
        let mut delay = Delay::new();
        for i in 0..200 {
            let out = delay.step(&[i as f32; VIEWS.len()]);
            assert_eq!(out.map(|views| views[0]), (i >= ROWS).then(|| (i - ROWS) as f32));
        }
    }
}
