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
use std::collections::{BTreeMap, BTreeSet};
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
    /// The group of each row, where there are groups: rows of one are held back together. Without, neighbouring rows are.
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
        let boost = BoostSettings {
            only: settings.first_only.clone().filter(|_| bag.is_multiple_of(2)),
            ..boost_settings(settings, all(set).len(), wide.columns(), bag as u64)
        };
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
    // from here on a row is what gets an answer: the row itself, or a voter
    let answers = match &table.voters {
        None => Answers {
            opinions: held_back,
            labels: table.labels.clone(),
            folds: folds.clone(),
            takes_lead: true,
        },
        Some(voters) => Answers::of_voters(&held_back, &table.labels, &folds, voters),
    };
    // each fold is judged by a decision that was made on the others; the last one is made on all
    let mut decisions = workers.run(sets, &|set| answers.decide(set, classes));
    let last = decisions.pop();
    let mut told = Vec::with_capacity(folds.len());
    let mut probabilities = Vec::with_capacity(classes);
    for (row, fold) in answers.folds.iter().enumerate() {
        let (shrinkage, decision) = &decisions[*fold];
        decision.probabilities(&answers.opinions[*shrinkage][row], &mut probabilities);
        let class = decision.choose(&probabilities);
        told.push((answers.labels[row], class, probabilities[class]));
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

/// What was held back, answer by answer: what was said of it, the truth, and the fold that it was held back in.
struct Answers {
    /// For each shrinkage, of each answer.
    opinions: Vec<Vec<Opinions>>,
    labels: Vec<usize>,
    folds: Vec<usize>,
    /// Whether classes may get ahead. Few recordings do not tell how far a rare class should be preferred: it would be fitted
    /// to single ones.
    takes_lead: bool,
}

impl Answers {
    /// The mean of what was said of each voter's rows.
    fn of_voters(held_back: &[Vec<Opinions>], labels: &[usize], folds: &[usize], voters: &[usize]) -> Self {
        let mut of_voter: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, voter) in voters.iter().enumerate() {
            of_voter.entry(*voter).or_default().push(row);
        }
        let voted = |opinions: &Vec<Opinions>| -> Vec<Opinions> {
            let of = |rows: &Vec<usize>| Opinions::mean(rows.iter().map(|row| &opinions[*row]));
            of_voter.values().map(of).collect()
        };
        let first = |of: &[usize]| -> Vec<usize> { of_voter.values().map(|rows| of[rows[0]]).collect() };
        Answers {
            opinions: held_back.iter().map(voted).collect(),
            labels: first(labels),
            folds: first(folds),
            takes_lead: false,
        }
    }

    /// The shrinkage whose opinions are likeliest outside fold `set`, and the decision.
    fn decide(&self, set: usize, classes: usize) -> (usize, Decision) {
        let rows: Vec<usize> = (0..self.folds.len()).filter(|row| self.folds[*row] != set).collect();
        let labels: Vec<usize> = rows.iter().map(|row| self.labels[*row]).collect();
        let of =
            |shrinkage: usize| -> Vec<&Opinions> { rows.iter().map(|row| &self.opinions[shrinkage][*row]).collect() };
        let weighed =
            (0..self.opinions.len()).map(|shrinkage| (shrinkage, Decision::weigh(&of(shrinkage), &labels, classes)));
        let best = weighed.min_by(|(_, a), (_, b)| a.1.total_cmp(&b.1));
        let (shrinkage, mut decision) = best.map_or_else(
            || (0, Decision::weigh(&[], &[], classes).0),
            |(shrinkage, (decision, _))| (shrinkage, decision),
        );
        if self.takes_lead {
            decision.take_lead(&of(shrinkage), &labels);
        }
        (shrinkage, decision)
    }
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
