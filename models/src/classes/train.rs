//! Learning classes: cross-validation, by groups where rows are near copies of each other, then the model of all rows.

use super::columns::Column;
use super::report::{self, ClassReport};
use super::{ClassModel, Decision, mean_of, sums};
use crate::boost::{self, BoostSettings, Ensemble, Loss};
use crate::matrix::Matrix;
use crate::seeded::Seeded;
use crate::workers::Workers;
use std::collections::BTreeMap;
use thiserror::Error;

/// More classes than people can act upon; a label with more is a number or a name.
const MOST_CLASSES: usize = 100;
/// Rounds over the classes while the decision is tuned.
const DECISION_ROUNDS: usize = 3;
/// Most that a class may get ahead, in logarithms: a factor of 50.
const MOST_AHEAD: f32 = 3.9;

/// How to learn.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassSettings {
    /// Parts of the rows that are held back in turn.
    pub folds: usize,
    /// Ensembles that are averaged.
    pub bags: usize,
    /// Rounds of each.
    pub rounds: usize,
    /// The only columns that the first ensemble and every other one after it looks at; all if missing. Where some columns
    /// carry what holds for one machine and others what holds for many, neither can then drown the other.
    pub first_only: Option<Vec<usize>>,
    /// Where every draw starts from.
    pub seed: u64,
}

impl Default for ClassSettings {
    fn default() -> ClassSettings {
        ClassSettings {
            folds: 5,
            bags: 2,
            rounds: 150,
            first_only: None,
            seed: 1,
        }
    }
}

/// Rows with their labels.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// What each column is.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Matrix,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The class of each row.
    pub labels: Vec<usize>,
    /// The group of each row, where there are groups: rows of one are held back together.
    pub groups: Option<Vec<usize>>,
    /// The voter of each row, where several rows make one answer, as the windows of a recording do: from 0, all rows of a
    /// voter of one class and one group. What is reported and how sure the model is then counts voters, not rows.
    pub voters: Option<Vec<usize>>,
}

/// Why there is no model.
#[derive(Debug, Error, PartialEq)]
pub enum TrainClassesError {
    /// One class only, or too many.
    #[error("the label has {found} different values; 2 to {MOST_CLASSES} are needed")]
    Classes {
        /// How many there are.
        found: usize,
    },
    /// A class that cannot be learned and tested.
    #[error("class `{class}` has {rows} row only; at least 2 are needed to learn it and to test it")]
    TooFew {
        /// Which.
        class: String,
        /// How many rows.
        rows: usize,
    },
    /// No usable column.
    #[error("no column holds anything to learn from")]
    NoColumns,
    /// All rows are of one group.
    #[error("all rows are of one group: nothing could be held back")]
    OneGroup,
}

/// Learns classes from labelled rows. Equal input and settings give an equal model, with any workers.
///
/// # Errors
/// If labels or columns cannot be learned from.
pub fn train(
    table: &Labelled,
    settings: &ClassSettings,
    workers: &impl Workers,
) -> Result<(ClassModel, ClassReport), TrainClassesError> {
    check(table)?;
    let classes = table.classes.len();
    let folds = fold_of(table, settings);
    let sets = folds.iter().max().map_or(1, |last| last + 2);
    let binned = boost::bin(&table.rows);
    let bags = settings.bags.max(1);
    let job = |number: usize| {
        let (set, bag) = (number / bags, number % bags);
        let rows: Vec<usize> = (0..table.labels.len()).filter(|row| folds[*row] != set).collect();
        let targets: Vec<f32> = rows.iter().map(|row| table.labels[*row] as f32).collect();
        let boost = BoostSettings {
            rounds: settings.rounds,
            learning_rate: 0.08,
            leaves: 12,
            rows_per_leaf: (rows.len() / 200).clamp(1, 20),
            row_share: 0.8,
            column_share: 0.6,
            ridge: 1.0,
            only: settings.first_only.clone().filter(|_| bag.is_multiple_of(2)),
            seed: settings.seed.wrapping_add(bag as u64),
        };
        Ensemble::train(&binned, &rows, &targets, None, Loss::Softmax(classes), &boost)
    };
    let mut trained = workers.run(sets * bags, &job);
    let last = trained.split_off((sets - 1) * bags);

    let mut held_back: Vec<Vec<f32>> = Vec::with_capacity(folds.len());
    for (row, fold) in folds.iter().enumerate() {
        let mut of_row = Vec::new();
        sums(
            &trained[fold * bags..(fold + 1) * bags],
            table.rows.row(row),
            classes,
            &mut of_row,
        );
        held_back.push(of_row);
    }
    // from here on a row is what gets an answer: the row itself, or a voter
    let (held_back, labels, folds) = match &table.voters {
        None => (held_back, table.labels.clone(), folds),
        Some(voters) => votes(&held_back, &table.labels, &folds, voters),
    };
    // few recordings do not tell how far a rare class should be preferred: it would be fitted to single ones
    let most_ahead = if table.voters.is_some() { 0.0 } else { MOST_AHEAD };
    let rows_of = |keep: &dyn Fn(usize) -> bool| -> Vec<usize> { (0..folds.len()).filter(|row| keep(*row)).collect() };
    // each fold is judged by a decision that was tuned on the others
    let mut told = Vec::with_capacity(folds.len());
    for fold in 0..sets - 1 {
        let others = rows_of(&|row| folds[row] != fold);
        let decision = tune(&held_back, &labels, &others, classes, most_ahead);
        for row in rows_of(&|row| folds[row] == fold) {
            let mut probabilities = held_back[row].clone();
            decision.probabilities(&mut probabilities);
            let class = decision.choose(&probabilities);
            told.push((labels[row], class, probabilities[class]));
        }
    }
    let groups = table.groups.as_ref().map_or(folds.len(), |groups| {
        groups.iter().collect::<std::collections::BTreeSet<_>>().len()
    });
    let report = ClassReport::of(&table.classes, &told, groups as u64);
    let model = ClassModel {
        columns: table.columns.clone(),
        classes: table.classes.clone(),
        bags: last,
        decision: tune(&held_back, &labels, &rows_of(&|_| true), classes, most_ahead),
    };
    Ok((model, report))
}

/// The mean of each voter's sums, with its label and fold.
fn votes(
    sums: &[Vec<f32>],
    labels: &[usize],
    folds: &[usize],
    voters: &[usize],
) -> (Vec<Vec<f32>>, Vec<usize>, Vec<usize>) {
    let mut of_voter: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (row, voter) in voters.iter().enumerate() {
        of_voter.entry(*voter).or_default().push(row);
    }
    let mut found = (Vec::new(), Vec::new(), Vec::new());
    for rows in of_voter.values() {
        found.0.push(mean_of(rows.iter().map(|row| sums[*row].as_slice())));
        found.1.push(labels[rows[0]]);
        found.2.push(folds[rows[0]]);
    }
    found
}

fn check(table: &Labelled) -> Result<(), TrainClassesError> {
    let found = table.classes.len();
    if !(2..=MOST_CLASSES).contains(&found) {
        return Err(TrainClassesError::Classes { found });
    }
    if table.columns.is_empty() {
        return Err(TrainClassesError::NoColumns);
    }
    for (number, class) in table.classes.iter().enumerate() {
        let rows = table.labels.iter().filter(|label| **label == number).count();
        if rows < 2 {
            let class = class.clone();
            return Err(TrainClassesError::TooFew { class, rows });
        }
    }
    match &table.groups {
        Some(groups) if groups.iter().all(|group| *group == groups[0]) => Err(TrainClassesError::OneGroup),
        Some(_) | None => Ok(()),
    }
}

/// The fold of each row: every class, or every group, spread over all.
fn fold_of(table: &Labelled, settings: &ClassSettings) -> Vec<usize> {
    let rows = table.labels.len();
    let mut random = Seeded::new(settings.seed, u64::MAX);
    let mut order: Vec<usize> = (0..rows).collect();
    random.shuffle(&mut order);
    let mut folds = vec![0; rows];
    match &table.groups {
        None => {
            // stable: classes one after the other, random within
            order.sort_by_key(|row| table.labels[*row]);
            let count = settings.folds.clamp(2, rows.max(2));
            order.iter().enumerate().for_each(|(i, row)| folds[*row] = i % count);
        }
        Some(groups) => {
            let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
            groups.iter().for_each(|group| *sizes.entry(*group).or_default() += 1);
            let mut by_size: Vec<(usize, usize)> = sizes.into_iter().collect();
            random.shuffle(&mut by_size);
            by_size.sort_by_key(|(_, size)| std::cmp::Reverse(*size));
            let mut loads = vec![0; settings.folds.clamp(2, by_size.len().max(2))];
            let mut fold_of_group = BTreeMap::new();
            for (group, size) in by_size {
                let lightest = (0..loads.len()).min_by_key(|fold| loads[*fold]).unwrap_or(0);
                loads[lightest] += size;
                fold_of_group.insert(group, lightest);
            }
            folds
                .iter_mut()
                .zip(groups)
                .for_each(|(fold, group)| *fold = fold_of_group[group]);
        }
    }
    folds
}

/// Temperature by likelihood, then what each class gets ahead by the mean F1, up to `most_ahead`.
fn tune(sums: &[Vec<f32>], labels: &[usize], rows: &[usize], classes: usize, most_ahead: f32) -> Decision {
    let with = |temperature: f32| Decision {
        temperature,
        ..Decision::plain(classes)
    };
    let surprise = |temperature: f32| -> f64 {
        let of_row = |row: &usize| {
            let mut probabilities = sums[*row].clone();
            with(temperature).probabilities(&mut probabilities);
            -f64::from(probabilities[labels[*row]].max(1e-9)).ln()
        };
        rows.iter().map(of_row).sum()
    };
    let candidates = (0..=24).map(|step| 0.5 * 1.1f32.powi(step));
    let best = candidates.map(|t| (t, surprise(t))).min_by(|a, b| a.1.total_cmp(&b.1));
    let mut decision = with(best.map_or(1.0, |(temperature, _)| temperature));
    if most_ahead <= 0.0 {
        return decision;
    }
    let probabilities: Vec<Vec<f32>> = rows
        .iter()
        .map(|row| {
            let mut of_row = sums[*row].clone();
            decision.probabilities(&mut of_row);
            of_row
        })
        .collect();
    let quality = |decision: &Decision| {
        let pairs = rows
            .iter()
            .zip(&probabilities)
            .map(|(row, p)| (labels[*row], decision.choose(p)));
        report::macro_f1(&report::counts(classes, pairs))
    };
    let mut reached = quality(&decision);
    for _ in 0..DECISION_ROUNDS {
        let before = reached;
        for class in 0..classes {
            let standing = decision.ahead[class];
            for step in -26i16..=26 {
                let mut tried = decision.clone();
                tried.ahead[class] = f32::from(step) * most_ahead / 26.0;
                let found = quality(&tried);
                // of equals the smallest push: it is the least fitted
                let is_smaller = found == reached && tried.ahead[class].abs() < decision.ahead[class].abs();
                if found > reached || is_smaller {
                    (decision, reached) = (tried, found);
                }
            }
            if (decision.ahead[class] - standing).abs() < f32::EPSILON && classes == 2 {
                break;
            }
        }
        if reached <= before {
            break;
        }
    }
    decision
}
