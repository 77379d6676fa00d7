//! Which rows are held back together.
//!
//! Recordings come in order, and a row is often a near copy of the one before it. If one is learned from and the other held
//! back, every model looks perfect, and whoever chooses by that chooses the model that remembers best. So whole groups are
//! held back, and where no groups are named, stretches of neighbouring rows.

use crate::seeded::Seeded;
use std::collections::BTreeMap;

/// Stretches that a class is cut into at least, if it has so many rows.
const STRETCHES_OF_A_CLASS: usize = 15;

/// Stretches of rows that follow each other with the same label, long ones cut.
pub(super) fn stretches(labels: &[usize], classes: usize) -> Vec<usize> {
    let mut rows_of = vec![0usize; classes];
    labels.iter().for_each(|label| rows_of[*label] += 1);
    let mut stretch = 0;
    let mut length = 0;
    let mut of_row = Vec::with_capacity(labels.len());
    for (row, label) in labels.iter().enumerate() {
        let longest = (rows_of[*label] / STRETCHES_OF_A_CLASS).max(1);
        if row > 0 && (labels[row - 1] != *label || length >= longest) {
            stretch += 1;
            length = 0;
        }
        length += 1;
        of_row.push(stretch);
    }
    of_row
}

/// The fold of each row: groups stay whole, and every class is spread as evenly as that allows.
pub(super) fn fold_of(labels: &[usize], groups: &[usize], classes: usize, folds: usize, seed: u64) -> Vec<usize> {
    let mut counts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut totals = vec![0usize; classes];
    for (label, group) in labels.iter().zip(groups) {
        counts.entry(*group).or_insert_with(|| vec![0; classes])[*label] += 1;
        totals[*label] += 1;
    }
    let mut order: Vec<(usize, Vec<usize>)> = counts.into_iter().collect();
    Seeded::new(seed, u64::MAX).shuffle(&mut order);
    order.sort_by_key(|(_, of_class)| std::cmp::Reverse(of_class.iter().sum::<usize>()));
    let mut loads = vec![vec![0usize; classes]; folds.clamp(2, order.len().max(2))];
    let mut fold_of_group = BTreeMap::new();
    for (group, of_class) in order {
        // the fold that has least of the classes in this group
        let load = |fold: &Vec<usize>| -> f64 {
            let parts = fold.iter().zip(&of_class).zip(&totals);
            let shares = parts.map(|((load, here), total)| (load * here) as f64 / (*total).max(1) as f64);
            shares.sum()
        };
        let rows = |fold: &Vec<usize>| fold.iter().sum::<usize>();
        let compared = |a: &usize, b: &usize| {
            let by_class = load(&loads[*a]).total_cmp(&load(&loads[*b]));
            by_class.then(rows(&loads[*a]).cmp(&rows(&loads[*b])))
        };
        let lightest = (0..loads.len()).min_by(compared).unwrap_or(0);
        loads[lightest]
            .iter_mut()
            .zip(&of_class)
            .for_each(|(load, here)| *load += here);
        fold_of_group.insert(group, lightest);
    }
    groups.iter().map(|group| fold_of_group[group]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_end_with_the_label_and_are_not_too_long() {
        assert_eq!(stretches(&[0, 0, 1, 1, 0], 2), [0, 1, 2, 3, 4]);
        let long = [vec![0; 90], vec![1; 30], vec![0; 60]].concat();
        let stretches = stretches(&long, 2);
        assert_eq!(
            (stretches[9], stretches[10], stretches[90], stretches[92]),
            (0, 1, 9, 10)
        );
    }

    #[test]
    fn groups_stay_whole_and_classes_are_spread() {
        let labels: Vec<usize> = (0..400).map(|row| usize::from(row % 40 < 4)).collect();
        let groups: Vec<usize> = (0..400).map(|row| row / 4).collect();
        let folds = fold_of(&labels, &groups, 2, 5, 1);
        assert!((0..400).all(|row| folds[row] == folds[row / 4 * 4]));
        for fold in 0..5 {
            let rare = (0..400).filter(|row| folds[*row] == fold && labels[*row] == 1).count();
            assert_eq!(rare, 8, "fold {fold}");
        }
        assert_eq!(folds, fold_of(&labels, &groups, 2, 5, 1));
    }
}
