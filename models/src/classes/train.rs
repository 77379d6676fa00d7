//! Learning classes: cross-validation, by groups where rows are near copies of each other, then the model of all rows.

use super::columns::Column;
use super::decision::{Decision, Opinions};
use super::linear::Linear;
use super::pairs::Pairs;
use super::report::ClassReport;
use super::{ClassModel, folds, opinions};
use crate::boost::{self, BoostSettings, Ensemble, Loss};
use crate::matrix::Matrix;
use crate::workers::Workers;
use std::collections::BTreeSet;
use thiserror::Error;

/// More classes than people can act upon; a label with more is a number or a name.
const MOST_CLASSES: usize = 100;
/// Rounds of the small ensemble that finds the columns worth pairing.
const ROUNDS_BEFORE_PAIRS: usize = 30;
/// With very many columns a tree sees so many of them, which is as good and much faster.
const MOST_COLUMNS_OF_A_TREE: f64 = 80.0;
/// Shrinkages that are tried for the linear discriminants.
const SHRINKAGES: [f64; 4] = [0.1, 0.01, 1e-3, 1e-4];

/// How to learn.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassSettings {
    /// Parts of the rows that are held back in turn.
    pub folds: usize,
    /// Ensembles that are averaged.
    pub bags: usize,
    /// Rounds of each.
    pub rounds: usize,
    /// Where every draw starts from.
    pub seed: u64,
}

impl Default for ClassSettings {
    fn default() -> ClassSettings {
        ClassSettings {
            folds: 5,
            bags: 2,
            rounds: 150,
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
    /// The group of each row, where there are groups: rows of one are held back together. Without, neighbouring rows are.
    pub groups: Option<Vec<usize>>,
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
    let stretches;
    let groups = match &table.groups {
        Some(groups) => groups,
        None => {
            stretches = folds::stretches(&table.labels, classes);
            &stretches
        }
    };
    let folds = folds::fold_of(&table.labels, groups, classes, settings.folds, settings.seed);
    let pairs = pairs(table, settings, workers);
    let wide = widened(&table.rows, &pairs);
    // each set of rows leaves one fold out; the last leaves out none
    let sets = folds.iter().max().map_or(1, |last| last + 2);
    let all = |set: usize| -> Vec<usize> { (0..folds.len()).filter(|row| folds[*row] != set).collect() };
    let binned = boost::bin_finely(&wide);
    let bags = settings.bags.max(1);
    let grown = workers.run(sets * bags, &|number| {
        let (set, bag) = (number / bags, number % bags);
        let boost = boost_settings(settings, all(set).len(), wide.columns(), bag as u64);
        grow(&binned, &all(set), table, &boost)
    });
    let linear = workers.run(sets, &|set| {
        Linear::train(&table.rows, &all(set), &table.labels, classes, &SHRINKAGES)
    });

    let held_back = |shrinkage: usize| -> Vec<Opinions> {
        let of_row = |(row, fold): (usize, &usize)| {
            let bags = &grown[fold * bags..(fold + 1) * bags];
            let linear = linear[*fold][shrinkage].as_ref();
            opinions(bags, linear, table.rows.row(row), wide.row(row), classes)
        };
        folds.iter().enumerate().map(of_row).collect()
    };
    let held_back: Vec<Vec<Opinions>> = (0..SHRINKAGES.len()).map(held_back).collect();
    // each fold is judged by a decision that was made on the others; the last one is made on all
    let mut decisions = workers.run(sets, &|set| decide(&held_back, &table.labels, &all(set), classes));
    let last = decisions.pop();
    let mut told = Vec::with_capacity(folds.len());
    let mut probabilities = Vec::with_capacity(classes);
    for (row, fold) in folds.iter().enumerate() {
        let (shrinkage, decision) = &decisions[*fold];
        decision.probabilities(&held_back[*shrinkage][row], &mut probabilities);
        let class = decision.choose(&probabilities);
        told.push((table.labels[row], class, probabilities[class]));
    }
    let (shrinkage, decision) = last.ok_or(TrainClassesError::NoColumns)?;
    let mut linear = linear;
    let linear = linear.pop().and_then(|mut of_all| of_all.swap_remove(shrinkage));
    let mut grown = grown;
    let groups = groups.iter().collect::<BTreeSet<_>>().len();
    let report = ClassReport::of(&table.classes, &told, groups as u64);
    let model = ClassModel {
        columns: table.columns.clone(),
        classes: table.classes.clone(),
        pairs,
        bags: grown.split_off((sets - 1) * bags),
        linear: linear.filter(|_| decision.hears_linear()),
        decision,
    };
    Ok((model, report))
}

/// The shrinkage whose opinions are likeliest on these rows, and the decision.
fn decide(held_back: &[Vec<Opinions>], labels: &[usize], rows: &[usize], classes: usize) -> (usize, Decision) {
    let labels: Vec<usize> = rows.iter().map(|row| labels[*row]).collect();
    let of = |shrinkage: usize| -> Vec<&Opinions> { rows.iter().map(|row| &held_back[shrinkage][*row]).collect() };
    let weighed = (0..held_back.len()).map(|shrinkage| (shrinkage, Decision::weigh(&of(shrinkage), &labels, classes)));
    let best = weighed.min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
    let (shrinkage, mut decision) = best.map_or_else(
        || (0, Decision::weigh(&[], &[], classes).0),
        |(shrinkage, (decision, _))| (shrinkage, decision),
    );
    decision.take_lead(&of(shrinkage), &labels);
    (shrinkage, decision)
}

fn boost_settings(settings: &ClassSettings, rows: usize, columns: usize, bag: u64) -> BoostSettings {
    BoostSettings {
        rounds: settings.rounds,
        learning_rate: 0.08,
        leaves: 12,
        rows_per_leaf: (rows / 1000).clamp(1, 20),
        row_share: 0.8,
        column_share: (MOST_COLUMNS_OF_A_TREE / columns.max(1) as f64).min(0.8),
        ridge: 0.1,
        only: None,
        seed: settings.seed.wrapping_add(bag),
    }
}

fn grow(binned: &boost::Binned, rows: &[usize], table: &Labelled, boost: &BoostSettings) -> Ensemble {
    let targets: Vec<f32> = rows.iter().map(|row| table.labels[*row] as f32).collect();
    Ensemble::train(binned, rows, &targets, None, Loss::Softmax(table.classes.len()), boost)
}

/// Pairs of the numeric columns that a small ensemble of all rows splits on most.
fn pairs(table: &Labelled, settings: &ClassSettings, workers: &impl Workers) -> Pairs {
    let rows: Vec<usize> = (0..table.labels.len()).collect();
    let boost = BoostSettings {
        rounds: settings.rounds.min(ROUNDS_BEFORE_PAIRS),
        ..boost_settings(settings, rows.len(), table.rows.columns(), 0)
    };
    let binned = boost::bin(&table.rows);
    let first = workers.run(1, &|_| grow(&binned, &rows, table, &boost));
    let uses = first.first().map(Ensemble::uses).unwrap_or_default();
    Pairs::among(&uses, |column| table.columns[column].words.is_empty())
}

fn widened(rows: &Matrix, pairs: &Pairs) -> Matrix {
    let mut wide = Matrix::new(pairs.width(rows.columns()));
    let mut row = Vec::with_capacity(wide.columns());
    for number in 0..rows.rows() {
        pairs.extend(rows.row(number), &mut row);
        wide.push(&row);
    }
    wide
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
