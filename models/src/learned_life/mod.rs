//! Time left, learned from units that ran to failure: boosted trees and a kernel regression on what a unit has shown so far,
//! with a band from units that were held back.
//!
//! Nothing is fitted to one fleet: windows and the horizon are shares of the lives seen, conditions are found, and the
//! spread comes from cross-validation by unit.

mod band;
mod conditions;
mod features;
mod slow;
mod train;

pub use band::{Band, HeldBack};
pub use conditions::Conditions;
pub use features::{UnitState, Windows};
pub use train::{LifeReport, TrainLifeError, train};

use crate::boost::Ensemble;
use crate::kernel::KernelRidge;
use crate::matrix::Matrix;
use features::View;
use serde::{Deserialize, Serialize};

/// One unit from its first row to its failure (the last row), or so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// Time of each row, ascending; its unit is the unit of all answers.
    pub times: Vec<f64>,
    /// Metrics, then settings.
    pub rows: Matrix,
}

/// How to learn.
#[derive(Debug, Clone, PartialEq)]
pub struct LifeSettings {
    /// Beyond this time left a unit counts as simply healthy, in the unit of time; found from the lives if missing.
    pub horizon: Option<f64>,
    /// Groups of units for cross-validation.
    pub folds: usize,
    /// Ensembles of trees that are averaged.
    pub bags: usize,
    /// Rounds of each.
    pub rounds: usize,
    /// Share of each tree that is added.
    pub learning_rate: f64,
    /// Share of the kernel regression in the average, 0 to 1.
    pub kernel_share: f32,
    /// Which quantile of the truth the point estimate is; below one half is cautious.
    pub point_quantile: f32,
    /// Where every draw starts from.
    pub seed: u64,
}

impl Default for LifeSettings {
    fn default() -> LifeSettings {
        LifeSettings {
            horizon: None,
            folds: 5,
            bags: 4,
            rounds: 400,
            learning_rate: 0.05,
            kernel_share: 0.2,
            point_quantile: 0.5,
            seed: 1,
        }
    }
}

/// A trained model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LifeModel {
    view: View,
    horizon: f32,
    trees: Vec<Ensemble>,
    kernel: Option<KernelRidge>,
    kernel_share: f32,
    band: Band,
}

/// Time left, in the unit of time of the training data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimeLeft {
    /// The best single number, slightly cautious.
    pub point: f32,
    /// One unit in ten fails before this.
    pub p10: f32,
    /// One unit in ten lasts longer than this, of those with at most 1.2 horizons left: beyond, a unit is simply healthy.
    pub p90: f32,
}

/// Buffers of a prediction, so that many need no allocation.
#[derive(Debug, Clone, Default)]
pub struct Space {
    features: Vec<f32>,
    kernel: Vec<f32>,
}

impl LifeModel {
    /// A unit that has not been seen.
    pub fn fresh(&self) -> UnitState {
        UnitState::new(&self.view)
    }

    /// Takes the next row of a unit in: metrics and settings in the order of training.
    pub fn take(&self, state: &mut UnitState, time: f64, row: &[f32]) {
        state.take(time, row, &self.view);
    }

    /// Whether a unit's state that was read from a checkpoint is one of this model.
    pub fn fits(&self, state: &UnitState) -> bool {
        state.fits(&self.view)
    }

    /// Of how many rows a unit should be known before its time left is told: the shortest window.
    pub fn least_rows(&self) -> usize {
        self.view.windows.short()
    }

    /// The time left after the last row.
    pub fn predict(&self, state: &UnitState, space: &mut Space) -> TimeLeft {
        let raw = self.raw(state, space);
        let (p10, point, p90) = self.band.residuals(raw);
        let point = (raw + point).max(0.0);
        TimeLeft {
            point,
            p10: (raw + p10).clamp(0.0, point),
            p90: (raw + p90).max(point),
        }
    }

    /// The average of the parts, before the band.
    fn raw(&self, state: &UnitState, space: &mut Space) -> f32 {
        state.features(&mut space.features);
        let features = &space.features;
        let trees: f32 = self.trees.iter().map(|e| e.predict_one(features)).sum();
        let trees = trees / self.trees.len().max(1) as f32;
        let mixed = match &self.kernel {
            None => trees,
            Some(kernel) => {
                let smooth = kernel.predict(features, &mut space.kernel).clamp(0.0, self.horizon);
                trees + self.kernel_share * (smooth - trees)
            }
        };
        mixed.clamp(0.0, self.horizon)
    }

    /// Metrics and settings that a row must have.
    pub fn columns(&self) -> (usize, usize) {
        (self.view.conditions.metrics(), self.view.conditions.settings())
    }

    /// The same for a model that was read from a file, if it hangs together.
    pub fn columns_if_sound(&self) -> Option<(usize, usize)> {
        self.is_sound().then(|| self.columns())
    }

    /// Operating conditions found.
    pub fn conditions(&self) -> usize {
        self.view.conditions.count()
    }

    /// Beyond this time left a unit is simply healthy.
    pub fn horizon(&self) -> f32 {
        self.horizon
    }

    /// Whether a model that was read from a file hangs together, so that predicting cannot fail.
    pub fn is_sound(&self) -> bool {
        let columns = self.view.features();
        self.view.is_sound()
            && self.horizon.is_finite()
            && self.horizon > 0.0
            && !self.trees.is_empty()
            && self.trees.iter().all(|trees| trees.is_sound(columns, 1))
            && self.kernel.as_ref().is_none_or(|kernel| kernel.is_sound(columns))
            && (0.0..=1.0).contains(&self.kernel_share)
            && self.band.is_sound()
    }
}
