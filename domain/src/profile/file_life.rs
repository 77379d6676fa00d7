//! The part of a failure mode's TOML form that says how long parts of its kind live, and its check.

use super::{Checker, File};
use crate::MetricName;
use crate::profile::{KindLife, Role};
use serde::Deserialize;

/// The counter where none is named.
const RUNNING_HOURS: &str = "runtime_hours";
/// Shapes that lives of machines have; outside it is a mistake in units.
const SHAPES: std::ops::RangeInclusive<f64> = 0.2..=20.0;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LifeFile {
    beta: f64,
    eta_hours: f64,
    source: String,
    metric: Option<MetricName>,
}

impl Checker {
    /// How long parts of the kind live.
    pub(super) fn life(&mut self, file: &File, path: &str, life: Option<&LifeFile>) -> Option<KindLife> {
        let life = life?;
        if !SHAPES.contains(&life.beta) {
            self.wrong(format!("{path}.life.beta"), "a shape of 0.2 to 20 is expected");
        }
        self.positive(format!("{path}.life.eta_hours"), life.eta_hours);
        let default = || MetricName::new(RUNNING_HOURS).expect("a metric name");
        let metric = life.metric.clone().unwrap_or_else(default);
        self.known(file, format!("{path}.life.metric"), &metric);
        if file.metrics.get(&metric).is_some_and(|spec| spec.role != Role::Counter) {
            let message = format!("{metric} must have the role counter: it tells running hours");
            self.wrong(format!("{path}.life.metric"), message);
        }
        Some(KindLife {
            metric,
            beta: life.beta,
            eta_hours: life.eta_hours,
            source: life.source.clone(),
        })
    }
}
