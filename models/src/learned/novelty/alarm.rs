//! From evidence to alert runs, under a budget of false alarms.

use serde::{Deserialize, Serialize};

/// Evidence that raises an alert where no alert weighs on it, in widths of the ranges that were left.
pub(super) const LIMIT: f64 = 0.08;
/// A run lasts while the evidence is above this share of the limit: the field's deadband.
const STAY_SHARE: f64 = 0.5;
/// Rows below that share until a run ends: the off-delay.
const OFF_DELAY_ROWS: u16 = 12;
/// Rows after which a run ends though the deviation lasts: by then it is the new normal, and a new run needs new evidence.
const LONGEST_ROWS: u16 = 150;
/// Time in which an alert's weight on the limit falls to 1/e: half of the budget's month.
const LOAD_MEMORY_MS: f64 = 15.0 * 86_400_000.0;
/// How much one alert raises the limit, at a budget of one a month.
const RAISE: f64 = 0.25;
/// Alerts that weigh on a new series: the less is known, the more it must show.
const FIRST_LOAD: f64 = 1.0;
/// Most alerts that weigh on the limit.
const MOST_LOAD: f64 = 16.0;

/// What the rule is doing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Phase {
    Quiet,
    Alerting { rows: u16, quiet_rows: u16 },
}

/// The rule of one series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Alarm {
    phase: Phase,
    /// Alerts of late, each fading: a series that alerts often has to show more.
    load: f64,
}

impl Default for Alarm {
    fn default() -> Alarm {
        Alarm {
            phase: Phase::Quiet,
            load: FIRST_LOAD,
        }
    }
}

impl Alarm {
    /// Forgets alerts that were raised while learning.
    pub(super) fn clear(&mut self) {
        self.phase = Phase::Quiet;
        self.load = FIRST_LOAD;
    }

    /// Takes the evidence of one row. `per_month`: false alarms that the series may raise in 30 days. Tells whether the row is part of an alert run.
    pub(super) fn step(&mut self, evidence: f64, elapsed_ms: i64, per_month: f64) -> bool {
        self.load *= (-(elapsed_ms as f64) / LOAD_MEMORY_MS).exp();
        self.phase = match self.phase {
            Phase::Quiet => self.raise(evidence, per_month),
            Phase::Alerting { rows, quiet_rows } => {
                let rows = rows.saturating_add(1);
                let is_lasting = rows < LONGEST_ROWS && evidence >= LIMIT * STAY_SHARE;
                let quiet_rows = if is_lasting { 0 } else { quiet_rows + 1 };
                if quiet_rows > OFF_DELAY_ROWS {
                    self.raise(evidence, per_month)
                } else {
                    Phase::Alerting { rows, quiet_rows }
                }
            }
        };
        match self.phase {
            Phase::Quiet => false,
            Phase::Alerting { .. } => true,
        }
    }

    fn raise(&mut self, evidence: f64, per_month: f64) -> Phase {
        let limit = LIMIT * (1.0 + RAISE * self.load / per_month.max(1e-3));
        if evidence < limit {
            return Phase::Quiet;
        }
        self.load = (self.load + 1.0).min(MOST_LOAD);
        Phase::Alerting { rows: 0, quiet_rows: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn alarm() -> Alarm {
        Alarm::default()
    }

    #[test]
    fn less_than_the_limit_raises_nothing() {
        let mut alarm = alarm();
        assert!((0..100).all(|_| !alarm.step(LIMIT, MINUTE_MS, 1.0)));
        assert!(alarm.step(LIMIT * (1.0 + RAISE), MINUTE_MS, 1.0));
    }

    #[test]
    fn a_run_ends_after_the_off_delay() {
        let mut alarm = alarm();
        alarm.step(1.0, MINUTE_MS, 1.0);
        let rows = (0..100).take_while(|_| alarm.step(0.0, MINUTE_MS, 1.0)).count();
        assert_eq!(rows, usize::from(OFF_DELAY_ROWS));
    }

    #[test]
    fn a_lasting_deviation_keeps_one_run_until_it_is_normal() {
        let mut alarm = alarm();
        let rows = (0..1000)
            .take_while(|_| alarm.step(LIMIT * 0.9, MINUTE_MS, 1.0) || alarm.step(1.0, MINUTE_MS, 1.0))
            .count();
        assert!(rows == 1000);
        let mut alarm = Alarm::default();
        alarm.step(1.0, MINUTE_MS, 1.0);
        let rows = (0..1000)
            .take_while(|_| alarm.step(LIMIT * 0.9, MINUTE_MS, 1.0))
            .count();
        assert_eq!(rows, usize::from(LONGEST_ROWS - 1 + OFF_DELAY_ROWS));
    }

    #[test]
    fn each_alert_raises_the_limit_for_a_while() {
        let mut alarm = alarm();
        let strong = LIMIT * (1.0 + 1.5 * RAISE);
        assert!(alarm.step(strong, MINUTE_MS, 1.0));
        while alarm.step(0.0, MINUTE_MS, 1.0) {}
        assert!(!alarm.step(strong, MINUTE_MS, 1.0));
        assert!(alarm.step(strong, 60 * 24 * 60 * MINUTE_MS, 1.0));
    }
}
