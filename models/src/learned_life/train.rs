//! Learning from runs to failure: the table of all ages, cross-validation by unit, and the model of all units.

use super::band::{Band, HeldBack};
use super::conditions::Conditions;
use super::features::{PER_METRIC, SMOOTH, UnitState, View, Windows};
use super::slow::{Slow, SlowLearner};
use super::{LifeModel, LifeSettings, Unit};
use crate::boost::{self, Binned, BoostSettings, Ensemble, Loss};
use crate::kernel::{KernelRidge, KernelSettings};
use crate::matrix::Matrix;
use crate::seeded::Seeded;
use crate::workers::Workers;
use thiserror::Error;

/// Fewer units cannot be cross-validated.
const LEAST_UNITS: usize = 4;
/// Most rows that are learned from; ages are then taken evenly.
const MOST_ROWS: usize = 60_000;
/// Share of the life that nine units in ten reach: so nearly every unit shows what healthy is before the horizon begins.
const HORIZON_SHARE: f64 = 0.75;
/// Rows far beyond the horizon all say "healthy" and would drown the rest: time left in horizons, and the weight below it.
const WEIGHTS: [(f64, f32); 2] = [(1.2, 1.0), (1.6, 0.3)];

/// Why there is no model.
#[derive(Debug, Error, PartialEq)]
pub enum TrainLifeError {
    /// Too few runs to failure.
    #[error("{found} units that ran to failure are too few to learn from: at least {LEAST_UNITS} are needed")]
    TooFewUnits {
        /// How many there are.
        found: usize,
    },
    /// No metric says anything.
    #[error("no metric moves: there is nothing to learn from")]
    NothingMoves,
    /// All lives have no length.
    #[error("the time column does not grow within any unit: it must tell the age")]
    NoLife,
}

/// What cross-validation found, on units that were held back, counted where the time left is at most 1.2 horizons.
#[derive(Debug, Clone, PartialEq)]
pub struct LifeReport {
    /// Units and rows learned from.
    pub units: usize,
    /// Rows of all units.
    pub rows: usize,
    /// Operating conditions found.
    pub conditions: usize,
    /// Metrics that move.
    pub metrics: usize,
    /// Beyond this time left a unit counts as healthy.
    pub horizon: f64,
    /// Root of the mean squared error against the truth.
    pub rmse: f64,
    /// The same against the truth cut at the horizon.
    pub rmse_capped: f64,
    /// Mean of the absolute error.
    pub mae: f64,
    /// Share of predictions above the truth.
    pub late_share: f64,
    /// Share of truths between p10 and p90.
    pub band_share: f64,
}

/// All ages of all units.
struct Ages {
    features: Matrix,
    left: Vec<f32>,
    targets: Vec<f32>,
    weights: Vec<f32>,
    unit: Vec<usize>,
    rows: usize,
    /// Columns of the slow directions, and the age.
    slow: Vec<usize>,
}

/// Learns from runs to failure. Equal input and settings give an equal model, with any workers.
///
/// # Errors
/// If there are too few units, or nothing in them moves.
pub fn train(
    units: &[Unit],
    metrics: usize,
    settings: &LifeSettings,
    workers: &impl Workers,
) -> Result<(LifeModel, LifeReport), TrainLifeError> {
    let units: Vec<&Unit> = units.iter().filter(|unit| unit.rows.rows() > 1).collect();
    if units.len() < LEAST_UNITS {
        return Err(TrainLifeError::TooFewUnits { found: units.len() });
    }
    let mut all = Matrix::new(units[0].rows.columns());
    for unit in &units {
        (0..unit.rows.rows()).for_each(|row| all.push(unit.rows.row(row)));
    }
    let conditions = Conditions::find(&all, metrics);
    let moving: Vec<u16> = conditions.moving().into_iter().map(|m| m as u16).collect();
    if moving.is_empty() {
        return Err(TrainLifeError::NothingMoves);
    }
    let horizon = settings.horizon.unwrap_or_else(|| horizon(&units));
    if horizon <= 0.0 || !horizon.is_finite() {
        return Err(TrainLifeError::NoLife);
    }
    let mut lengths: Vec<usize> = units.iter().map(|unit| unit.rows.rows()).collect();
    lengths.sort_unstable();
    let windows = Windows::of_life(lengths[lengths.len() / 2]);
    let slow = slow(&units, &conditions, &moving, windows);
    let view = View {
        conditions,
        metrics: moving,
        slow,
        windows,
    };
    let ages = ages(&units, &view, horizon);
    let mut model = LifeModel {
        view,
        horizon: horizon as f32,
        trees: Vec::new(),
        kernel: None,
        kernel_share: settings.kernel_share.clamp(0.0, 1.0),
        band: Band::learn(&[], settings.point_quantile),
    };
    let parts = fit(&ages, units.len(), settings, workers);
    let folds = fold_of(units.len(), settings);
    let mut held_back = held_back(&ages, &parts, &folds, &model);
    // a healthy unit may last for ever: it would push the upper end of the band to no end
    held_back.retain(|answer| f64::from(answer.truth) < WEIGHTS[0].0 * horizon);
    model.band = Band::learn(&held_back, settings.point_quantile);
    let report = report(&held_back, &ages, &model, units.len());
    if let Some(last) = parts.into_iter().next_back() {
        model.trees = last.trees;
        model.kernel = last.kernel;
    }
    Ok((model, report))
}

/// A share of the life that nine units in ten reach.
fn horizon(units: &[&Unit]) -> f64 {
    let life = |unit: &&Unit| unit.times.last().unwrap_or(&0.0) - unit.times.first().unwrap_or(&0.0);
    let mut lives: Vec<f64> = units.iter().map(life).collect();
    lives.sort_unstable_by(f64::total_cmp);
    HORIZON_SHARE * lives[lives.len() / 10]
}

/// Directions of wear, from all rows of all units.
fn slow(units: &[&Unit], conditions: &Conditions, metrics: &[u16], windows: Windows) -> Slow {
    let mut learner = SlowLearner::new(metrics.len(), 2 * windows.short());
    let mut values = Vec::new();
    for unit in units {
        learner.next_unit();
        for row in 0..unit.rows.rows() {
            conditions.standardise(unit.rows.row(row), metrics, &mut values);
            // the mean of its condition says least about a missing value
            values.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = 0.0);
            learner.take(&values);
        }
    }
    learner.finish()
}

fn ages(units: &[&Unit], view: &View, horizon: f64) -> Ages {
    let rows: usize = units.iter().map(|unit| unit.rows.rows()).sum();
    let step = rows.div_ceil(MOST_ROWS).max(1);
    let mut ages = Ages {
        features: Matrix::new(view.features()),
        left: Vec::new(),
        targets: Vec::new(),
        weights: Vec::new(),
        unit: Vec::new(),
        rows,
        slow: match view.slow.count() {
            0 => (0..view.features()).collect(),
            _ => (view.metrics.len() * PER_METRIC..view.features()).collect(),
        },
    };
    let mut features = Vec::new();
    for (number, unit) in units.iter().enumerate() {
        let mut state = UnitState::new(view);
        let end = unit.times.last().copied().unwrap_or(0.0);
        for (row, time) in unit.times.iter().enumerate() {
            state.take(*time, unit.rows.row(row), view);
            let left = end - time;
            let weight = WEIGHTS.iter().find(|(within, _)| left < within * horizon);
            let Some((_, weight)) = weight.filter(|_| (unit.times.len() - 1 - row) % step == 0) else {
                continue;
            };
            state.features(&mut features);
            ages.features.push(&features);
            ages.left.push(left as f32);
            ages.targets.push(left.min(horizon) as f32);
            ages.weights.push(*weight);
            ages.unit.push(number);
        }
    }
    ages
}

/// The fold that holds each unit back.
fn fold_of(units: usize, settings: &LifeSettings) -> Vec<usize> {
    let mut order: Vec<usize> = (0..units).collect();
    Seeded::new(settings.seed, u64::MAX).shuffle(&mut order);
    let count = settings.folds.clamp(2, units);
    let mut folds = vec![0; units];
    order.iter().enumerate().for_each(|(i, unit)| folds[*unit] = i % count);
    folds
}

/// Trees and kernel of one set of units.
struct Parts {
    trees: Vec<Ensemble>,
    kernel: Option<KernelRidge>,
}

enum Part {
    Trees(Ensemble),
    Kernel(Option<KernelRidge>),
}

/// The parts without each fold, and last those of all units.
fn fit(ages: &Ages, units: usize, settings: &LifeSettings, workers: &impl Workers) -> Vec<Parts> {
    let folds = fold_of(units, settings);
    let sets = folds.iter().max().map_or(1, |last| last + 2);
    let bags = settings.bags.max(1);
    let each = bags + usize::from(settings.kernel_share > 0.0);
    let binned = boost::bin(&ages.features);
    let job = |number: usize| {
        let (set, part) = (number / each, number % each);
        let rows: Vec<usize> = (0..ages.unit.len())
            .filter(|row| folds[ages.unit[*row]] != set)
            .collect();
        let targets: Vec<f32> = rows.iter().map(|row| ages.targets[*row]).collect();
        let weights: Vec<f32> = rows.iter().map(|row| ages.weights[*row]).collect();
        match part < bags {
            true => Part::Trees(trees(&binned, ages, &rows, &targets, &weights, settings, part)),
            false => Part::Kernel(kernel(ages, &rows, &targets, &weights, settings)),
        }
    };
    let mut done = workers.run(sets * each, &job).into_iter();
    let gather = |_| {
        let mut parts = Parts {
            trees: Vec::new(),
            kernel: None,
        };
        for part in done.by_ref().take(each) {
            match part {
                Part::Trees(trees) => parts.trees.push(trees),
                Part::Kernel(kernel) => parts.kernel = kernel,
            }
        }
        parts
    };
    (0..sets).map(gather).collect()
}

fn trees(
    binned: &Binned,
    ages: &Ages,
    rows: &[usize],
    targets: &[f32],
    weights: &[f32],
    settings: &LifeSettings,
    bag: usize,
) -> Ensemble {
    let boost = BoostSettings {
        rounds: settings.rounds,
        learning_rate: settings.learning_rate,
        leaves: 16,
        rows_per_leaf: 50.min(rows.len() / 20).max(2),
        row_share: 0.8,
        column_share: 0.3,
        ridge: 1.0,
        // every other ensemble sees the slow directions only: fewer columns to be misled by
        only: bag.is_multiple_of(2).then(|| ages.slow.clone()),
        seed: settings.seed.wrapping_add(bag as u64),
    };
    Ensemble::train(binned, rows, targets, Some(weights), Loss::Squared, &boost)
}

fn kernel(
    ages: &Ages,
    rows: &[usize],
    targets: &[f32],
    weights: &[f32],
    settings: &LifeSettings,
) -> Option<KernelRidge> {
    let age = ages.features.columns() - 1;
    let is_smooth = |column: &usize| *column == age || SMOOTH.contains(&(column % PER_METRIC));
    let columns: Vec<usize> = ages.slow.iter().copied().filter(is_smooth).collect();
    let kernel = KernelSettings {
        seed: settings.seed,
        ..KernelSettings::default()
    };
    KernelRidge::train(&ages.features, &columns, rows, targets, weights, &kernel)
}

/// What is said about each age by the parts that did not see its unit.
fn held_back(ages: &Ages, parts: &[Parts], folds: &[usize], model: &LifeModel) -> Vec<HeldBack> {
    let mut space = Vec::new();
    let mut answer = |row: usize| {
        let Parts { trees, kernel } = &parts[folds[ages.unit[row]]];
        let features = ages.features.row(row);
        let of_trees = trees.iter().map(|e| e.predict_one(features)).sum::<f32>() / trees.len().max(1) as f32;
        let mixed = match kernel {
            None => of_trees,
            Some(kernel) => {
                let smooth = kernel.predict(features, &mut space).clamp(0.0, model.horizon);
                of_trees + model.kernel_share * (smooth - of_trees)
            }
        };
        HeldBack {
            predicted: mixed.clamp(0.0, model.horizon),
            truth: ages.left[row],
            capped: ages.targets[row],
            weight: ages.weights[row],
        }
    };
    (0..ages.left.len()).map(&mut answer).collect()
}

fn report(held_back: &[HeldBack], ages: &Ages, model: &LifeModel, units: usize) -> LifeReport {
    let (mut count, mut squares, mut capped, mut absolute, mut late, mut within) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for answer in held_back {
        let (p10, point, p90) = model.band.residuals(answer.predicted);
        let told = f64::from((answer.predicted + point).max(0.0));
        let truth = f64::from(answer.truth);
        count += 1.0;
        squares += (told - truth).powi(2);
        capped += (told - truth.min(f64::from(model.horizon))).powi(2);
        absolute += (told - truth).abs();
        late += f64::from(u8::from(told > truth));
        let residual = answer.truth - answer.predicted;
        within += f64::from(u8::from(residual >= p10 && residual <= p90));
    }
    let count: f64 = f64::max(count, 1.0);
    LifeReport {
        units,
        rows: ages.rows,
        conditions: model.view.conditions.count(),
        metrics: model.view.metrics.len(),
        horizon: f64::from(model.horizon),
        rmse: (squares / count).sqrt(),
        rmse_capped: (capped / count).sqrt(),
        mae: absolute / count,
        late_share: late / count,
        band_share: within / count,
    }
}
