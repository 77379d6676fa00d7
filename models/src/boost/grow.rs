//! Grows one tree, the leaf with the most to gain first, from sums per bin.

use super::BoostSettings;
use super::bins::{Binned, MISSING};
use super::tree::{Node, Tree};

/// Sums of one bin: gradient, hessian, rows.
type Sum = [f64; 3];

/// Splits below this gain are noise of rounding.
const LEAST_GAIN: f64 = 1e-9;

/// The work space of one ensemble.
pub(super) struct Grower<'a> {
    binned: &'a Binned,
    rows: &'a [usize],
    settings: &'a BoostSettings,
    gathered: Vec<[f32; 2]>,
    places: Vec<u32>,
}

struct Leaf {
    /// Numbers of rows within the ensemble's rows.
    members: Vec<u32>,
    sums: Vec<Sum>,
    total: Sum,
    best: Option<Split>,
    /// Where it hangs: the index in the list of parts.
    part: usize,
}

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    /// Place in the list of drawn columns.
    drawn: usize,
    /// Last bin that goes left.
    bin: u8,
    is_missing_left: bool,
}

/// The tree while it grows.
enum Part {
    Leaf {
        value: f32,
        members: Vec<u32>,
    },
    Split {
        column: usize,
        split: Split,
        children: [usize; 2],
    },
    Open,
}

impl<'a> Grower<'a> {
    pub(super) fn new(binned: &'a Binned, rows: &'a [usize], settings: &'a BoostSettings) -> Grower<'a> {
        Grower {
            binned,
            rows,
            settings,
            gathered: Vec::new(),
            places: Vec::new(),
        }
    }

    /// A tree on the `bag`, and for each leaf its node and rows.
    pub(super) fn grow(
        &mut self,
        bag: &[u32],
        gradients: &[[f32; 2]],
        columns: &[usize],
    ) -> (Tree, Vec<(usize, Vec<u32>)>) {
        let mut parts = vec![Part::Open];
        let root = bag.to_vec();
        let sums = self.sums(&root, gradients, columns);
        let mut open = vec![self.leaf(root, sums, 0)];
        let mut leaves = 1;
        while leaves < self.settings.leaves.min(usize::from(u16::MAX) / 2) {
            let gain = |leaf: &Leaf| leaf.best.map_or(0.0, |split| split.gain);
            let Some(next) = (0..open.len()).max_by(|a, b| gain(&open[*a]).total_cmp(&gain(&open[*b]))) else {
                break;
            };
            let Some(split) = open[next].best else { break };
            let mut parent = open.swap_remove(next);
            let children = [parts.len(), parts.len() + 1];
            parts.extend([Part::Open, Part::Open]);
            let column = columns[split.drawn];
            let [left, right] = self.divide(&parent.members, column, split);
            // the smaller side is counted, the larger is what remains
            let is_left_smaller = left.len() <= right.len();
            let smaller = self.sums(if is_left_smaller { &left } else { &right }, gradients, columns);
            for (rest, part) in parent.sums.iter_mut().zip(&smaller) {
                for (rest, part) in rest.iter_mut().zip(part) {
                    *rest -= part;
                }
            }
            let (left_sums, right_sums) = match is_left_smaller {
                true => (smaller, parent.sums),
                false => (parent.sums, smaller),
            };
            open.push(self.leaf(left, left_sums, children[0]));
            open.push(self.leaf(right, right_sums, children[1]));
            parts[parent.part] = Part::Split {
                column,
                split,
                children,
            };
            leaves += 1;
        }
        for leaf in open {
            let value = -leaf.total[0] / (leaf.total[1] + self.settings.ridge) * self.settings.learning_rate;
            parts[leaf.part] = Part::Leaf {
                value: value as f32,
                members: leaf.members,
            };
        }
        self.flatten(&mut parts)
    }

    fn leaf(&self, members: Vec<u32>, sums: Vec<Sum>, part: usize) -> Leaf {
        // any column has all rows
        let mut total = [0.0; 3];
        for sum in &sums[..self.binned.slots()] {
            for (total, part) in total.iter_mut().zip(sum) {
                *total += part;
            }
        }
        let best = self.best_split(&sums, total);
        Leaf {
            members,
            sums,
            total,
            best,
            part,
        }
    }

    fn sums(&mut self, members: &[u32], gradients: &[[f32; 2]], columns: &[usize]) -> Vec<Sum> {
        self.gathered.clear();
        self.gathered.extend(members.iter().map(|i| gradients[*i as usize]));
        self.places.clear();
        self.places
            .extend(members.iter().map(|i| self.rows[*i as usize] as u32));
        let slots = self.binned.slots();
        let mut sums = vec![[0.0; 3]; columns.len() * slots];
        for (sums, column) in sums.chunks_exact_mut(slots).zip(columns) {
            let bins = self.binned.bins(*column);
            for (place, [gradient, hessian]) in self.places.iter().zip(&self.gathered) {
                let sum = &mut sums[usize::from(bins[*place as usize]).min(slots - 1)];
                sum[0] += f64::from(*gradient);
                sum[1] += f64::from(*hessian);
                sum[2] += 1.0;
            }
        }
        sums
    }

    fn best_split(&self, sums: &[Sum], total: Sum) -> Option<Split> {
        let least = self.settings.rows_per_leaf.max(1) as f64;
        if total[2] < 2.0 * least {
            return None;
        }
        let ridge = self.settings.ridge;
        let worth = |sum: Sum| sum[0] * sum[0] / (sum[1] + ridge);
        let of_parent = worth(total);
        let slots = self.binned.slots();
        let mut best: Option<Split> = None;
        for (drawn, sums) in sums.chunks_exact(slots).enumerate() {
            let missing = sums[slots - 1];
            let has_missing = missing[2] > 0.5;
            for is_missing_left in [false, true] {
                if is_missing_left && !has_missing {
                    continue;
                }
                let mut left = if is_missing_left { missing } else { [0.0; 3] };
                for (bin, sum) in sums[..slots - 1].iter().enumerate() {
                    if sum[2] < 0.5 {
                        continue;
                    }
                    left = [left[0] + sum[0], left[1] + sum[1], left[2] + sum[2]];
                    let right = [total[0] - left[0], total[1] - left[1], total[2] - left[2]];
                    if left[2] < least {
                        continue;
                    }
                    if right[2] < least {
                        break;
                    }
                    let gain = worth(left) + worth(right) - of_parent;
                    if gain > best.map_or(LEAST_GAIN, |b| b.gain) {
                        best = Some(Split {
                            gain,
                            drawn,
                            bin: bin as u8,
                            is_missing_left,
                        });
                    }
                }
            }
        }
        best
    }

    fn divide(&self, members: &[u32], column: usize, split: Split) -> [Vec<u32>; 2] {
        let bins = self.binned.bins(column);
        let goes_left = |i: &u32| match bins[self.rows[*i as usize]] {
            MISSING => split.is_missing_left,
            bin => bin <= split.bin,
        };
        let (left, right) = members.iter().partition(|i| goes_left(i));
        [left, right]
    }

    fn flatten(&self, parts: &mut [Part]) -> (Tree, Vec<(usize, Vec<u32>)>) {
        let (mut nodes, mut bins, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
        // parts still to be written, with the split whose right child they are
        let mut stack = vec![(0, None)];
        while let Some((part, right_of)) = stack.pop() {
            if let Some(parent) = right_of {
                let here = nodes.len() as u16;
                if let Some(Node::Split { right, .. }) = nodes.get_mut::<usize>(parent) {
                    *right = here;
                }
            }
            match std::mem::replace(&mut parts[part], Part::Open) {
                Part::Open => {}
                Part::Leaf { value, members } => {
                    leaves.push((nodes.len(), members));
                    nodes.push(Node::Leaf(value));
                    bins.push(0);
                }
                Part::Split {
                    column,
                    split,
                    children,
                } => {
                    let ends = self.binned.ends(column);
                    stack.push((children[1], Some(nodes.len())));
                    stack.push((children[0], None));
                    nodes.push(Node::Split {
                        column: column as u16,
                        // above the last end there is only the last bin: then all present values go left
                        end: ends.get(usize::from(split.bin)).copied().unwrap_or(f32::MAX),
                        right: 0,
                        is_missing_left: split.is_missing_left,
                    });
                    bins.push(split.bin);
                }
            }
        }
        (Tree::new(nodes, bins), leaves)
    }
}
