//! Lowest and highest value of each view over the last month, in blocks of a day that expire one by one.

use serde::{Deserialize, Serialize};

use super::Side;
use super::view::{Lens, VIEWS};

/// Blocks of the memory.
const BLOCKS: usize = 32;
/// Fewest blocks, for a series whose memory is shared by operating modes.
const LEAST_BLOCKS: usize = 2;
/// All blocks together: 30 days, the period of the false-alarm budget.
const MEMORY_MS: i64 = 30 * 86_400_000;
/// Excess that is reported at most, in widths: what leaves a range of no width has no size.
const MOST: f64 = 10.0;

/// A lowest and a highest value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Range {
    low: f32,
    high: f32,
}

const EMPTY: Range = Range {
    low: f32::INFINITY,
    high: f32::NEG_INFINITY,
};

impl Range {
    fn with(self, other: Range) -> Range {
        Range {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }
}

/// The ranges of all views of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ranges {
    blocks: Vec<[Range; VIEWS.len()]>,
    /// Over all blocks.
    whole: [Range; VIEWS.len()],
    at: u16,
    began_ms: i64,
    is_empty: bool,
}

impl Ranges {
    /// `sharers`: how many operating modes of the series have ranges; together they take about as much memory as one, in longer
    /// blocks.
    pub(super) fn new(sharers: usize) -> Ranges {
        // half of them make room for what else each mode knows
        let blocks = match sharers {
            0 | 1 => BLOCKS,
            _ => (BLOCKS / 2 / sharers).max(LEAST_BLOCKS),
        };
        Ranges {
            blocks: vec![[EMPTY; VIEWS.len()]; blocks],
            whole: [EMPTY; VIEWS.len()],
            at: 0,
            began_ms: 0,
            is_empty: true,
        }
    }

    /// Whether a state read from disk has the lengths of this version.
    pub(super) fn fits(&self) -> bool {
        (LEAST_BLOCKS..=BLOCKS).contains(&self.blocks.len()) && usize::from(self.at) < self.blocks.len()
    }

    /// Widens the ranges by the views of one row, and drops the oldest block when the present one is full.
    pub(super) fn learn(&mut self, views: [f32; VIEWS.len()], at_ms: i64) {
        if self.is_empty {
            self.is_empty = false;
            self.began_ms = at_ms;
        }
        if at_ms.saturating_sub(self.began_ms) >= MEMORY_MS / self.blocks.len() as i64 {
            self.began_ms = at_ms;
            self.at = (self.at + 1) % self.blocks.len() as u16;
            self.blocks[usize::from(self.at)] = [EMPTY; VIEWS.len()];
            self.whole = self.blocks.iter().fold([EMPTY; VIEWS.len()], |mut whole, block| {
                whole
                    .iter_mut()
                    .zip(block)
                    .for_each(|(whole, range)| *whole = whole.with(*range));
                whole
            });
        }
        let block = &mut self.blocks[usize::from(self.at)];
        for ((range, whole), value) in block.iter_mut().zip(&mut self.whole).zip(views) {
            let one = Range {
                low: value,
                high: value,
            };
            *range = range.with(one);
            *whole = whole.with(one);
        }
    }

    /// How far a value is outside its range, in widths; negative inside, -0.5 in the middle.
    pub(super) fn excess(&self, index: usize, value: f32) -> (f64, Side) {
        let range = self.whole[index];
        let width = f64::from(range.high) - f64::from(range.low);
        let over = f64::from(value) - f64::from(range.high);
        let under = f64::from(range.low) - f64::from(value);
        let is_one_sided = match VIEWS[index].lens {
            // fewer steps than usual in a long window is how quiet nights look
            Lens::Restless => true,
            Lens::Plain | Lens::Squashed | Lens::Season | Lens::SquashedRestless => false,
        };
        let (distance, side) = if is_one_sided || over >= under {
            (over, Side::Above)
        } else {
            (under, Side::Below)
        };
        if width > 0.0 {
            ((distance / width).clamp(-1.0, MOST), side)
        } else if distance > 0.0 {
            (MOST, side)
        } else {
            (-1.0, side)
        }
    }

    /// The range of a view around a centre.
    pub(super) fn of(&self, index: usize, centre: f64) -> (f64, f64) {
        (
            centre + f64::from(self.whole[index].low),
            centre + f64::from(self.whole[index].high),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_forgotten_after_the_memory() {
        const BLOCK_MS: i64 = MEMORY_MS / BLOCKS as i64;
        let mut ranges = Ranges::new(1);
        ranges.learn([9.0; VIEWS.len()], 0);
        for day in 1..=31 {
            ranges.learn([(day % 2) as f32; VIEWS.len()], day * BLOCK_MS);
            assert_eq!(ranges.excess(0, 8.0).0 < 0.0, day < 31 + 1, "day {day}");
        }
        ranges.learn([1.0; VIEWS.len()], 32 * BLOCK_MS);
        assert_eq!(ranges.excess(0, 2.0), (1.0, Side::Above));
        assert_eq!(ranges.excess(0, -2.0), (2.0, Side::Below));
    }

    #[test]
    fn ranges_that_share_their_memory_have_fewer_blocks_and_remember_for_as_long() {
        for sharers in 1..=8 {
            let mut ranges = Ranges::new(sharers);
            let blocks = ranges.blocks.len();
            assert!(
                ranges.fits() && blocks * sharers <= BLOCKS.max(LEAST_BLOCKS * sharers),
                "{blocks}"
            );
            ranges.learn([9.0; VIEWS.len()], 0);
            (1..29).for_each(|day| ranges.learn([0.0; VIEWS.len()], day * 86_400_000));
            assert!(ranges.excess(0, 8.0).0 < 0.0, "{sharers}");
            (29..70).for_each(|day| ranges.learn([0.0; VIEWS.len()], day * 86_400_000));
            assert!(ranges.excess(0, 8.0).0 > 0.0, "{sharers}");
        }
    }

    #[test]
    fn leaving_a_range_of_no_width_counts_the_most() {
        let mut ranges = Ranges::new(1);
        ranges.learn([1.0; VIEWS.len()], 0);
        assert_eq!(ranges.excess(0, 1.5).0, MOST);
        assert_eq!(ranges.excess(0, 1.0).0, -1.0);
    }
}
