//! The age of a device's parts in the rule engine: from its counter of running hours, since it was new or last repaired.

use crate::age::Age;
use crate::engine::Engine;
use crate::state::{DeviceState, MAX_METRICS};
use crate::weibull::Weibull;
use domain::profile::{KindLife, MAX_MODES};
use domain::{MetricName, Millis, ModeIndex, Prognosis, Timestamp};

/// Heard for less, a machine is taken to run all the time: its time left is told shorter rather than longer.
const LEAST_HEARD: Millis = Millis::days(1);
/// Least share of the time that a machine is taken to run.
const LEAST_DUTY: f64 = 0.01;

/// The counter is heard. One that falls back was replaced, and counts anew.
#[inline]
pub(crate) fn begin_age(state: &mut DeviceState, metric: &MetricName, value: f64, at: Timestamp) {
    let began = &mut state.supplement.began;
    match began.iter().position(|(of, _, _)| of == metric) {
        Some(place) if value < began[place].2 => (began[place].1, began[place].2) = (at, value),
        Some(_) => {}
        None if began.len() < MAX_METRICS => began.push((metric.clone(), at, value)),
        None => {}
    }
}

impl Engine {
    /// What a repair has made new is as old as nothing from here on.
    pub(crate) fn renew(&self, state: &mut DeviceState, mode: Option<ModeIndex>) {
        for (place, failure_mode) in self.profile().modes.iter().enumerate() {
            let is_meant = mode.is_none_or(|mode| usize::from(mode.0) == place);
            let counter = failure_mode.life.as_ref().and_then(|life| self.counter(state, life));
            if let (true, Some(hours)) = (is_meant, counter) {
                let renewed = &mut state.supplement.renewed;
                renewed.retain(|(of, _)| *of != failure_mode.id);
                if renewed.len() < MAX_MODES {
                    renewed.push((failure_mode.id.clone(), hours));
                }
            }
        }
    }

    /// The time left of a failure mode: by its trend, by the age of its kind, or by both.
    pub(crate) fn with_age(&self, state: &DeviceState, mode: ModeIndex, trend: Prognosis) -> Prognosis {
        match (trend, self.age(state, mode), state.last_measured) {
            (Prognosis::Known(trend), Some(age), Some(_)) => Prognosis::Known(age.together(trend)),
            (Prognosis::NotYetKnown, Some(age), Some(now)) => Prognosis::Known(age.time_left(now)),
            (trend, Some(_) | None, Some(_) | None) => trend,
        }
    }

    fn age(&self, state: &DeviceState, mode: ModeIndex) -> Option<Age> {
        let failure_mode = self.profile().mode(mode)?;
        let life = failure_mode.life.as_ref()?;
        let hours = self.counter(state, life)?;
        let renewed = state.supplement.renewed.iter().find(|(of, _)| *of == failure_mode.id);
        let began = state.supplement.began.iter().find(|(of, _, _)| *of == life.metric);
        let heard = began
            .zip(state.last_measured)
            .map(|((_, since, first), now)| (now - *since, hours - first));
        let duty = match heard {
            Some((heard, ran)) if heard >= LEAST_HEARD => (ran / heard.as_hours()).clamp(LEAST_DUTY, 1.0),
            Some(_) | None => 1.0,
        };
        Some(Age {
            lives: Weibull::new(life.beta, life.eta_hours)?,
            // a counter that was replaced since the repair tells at least what it has counted itself
            hours: renewed
                .map_or(hours, |(_, at)| if *at <= hours { hours - at } else { hours })
                .max(0.0),
            duty,
        })
    }

    fn counter(&self, state: &DeviceState, life: &KindLife) -> Option<f64> {
        let plan = self.plan.metrics.iter().find(|m| m.name == life.metric)?;
        let slot = state.slots.iter().find(|slot| slot.metric == plan.metric)?;
        slot.has_value.then_some(slot.value)
    }
}
