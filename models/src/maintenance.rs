//! Maintenance that is due by a counter or by the calendar: reminded once per multiple.

use domain::Timestamp;
use domain::profile::MaintenanceDue;
use serde::{Deserialize, Serialize};

/// A plan of the profile has come due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaintenanceReminder {
    /// Place in [`domain::Profile::maintenance`].
    pub plan: usize,
    /// Which multiple of the interval is due; with device and plan it names the ticket's episode.
    pub occurrence: u32,
    /// The counter's value, or the days since the device was first seen.
    pub at_value: f64,
}

/// How far one plan has been reminded.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanProgress {
    reminded: Option<u32>,
    first_seen: Option<Timestamp>,
}

impl PlanProgress {
    /// Takes a counter's value. What was due before the device was first seen is not reminded: somebody did it, or it is
    /// on another list. A counter that starts anew (new controller) is followed in silence.
    pub fn count(&mut self, value: f64, every: f64, lead: f64) -> Option<u32> {
        // the cast saturates: a wild counter cannot wrap round
        let due = ((value + lead) / every).floor().max(0.0) as u32;
        let before = self.reminded.replace(due);
        before.is_some_and(|before| due > before).then_some(due)
    }

    /// Takes a device time; returns the occurrence and the days since the device was first seen.
    pub fn pass(&mut self, at: Timestamp, every_ms: i64, lead_ms: i64) -> Option<(u32, f64)> {
        let first = *self.first_seen.get_or_insert(at);
        let passed = (at - first).0;
        if passed < 0 {
            return None;
        }
        let due = u32::try_from(passed.saturating_add(lead_ms) / every_ms.max(1)).unwrap_or(u32::MAX);
        let before = self.reminded.unwrap_or(0);
        self.reminded = Some(due.max(before));
        (due > before).then_some((due, passed as f64 / 86_400_000.0))
    }
}

/// Whether a plan runs by the calendar.
pub(crate) fn calendar_of(due: &MaintenanceDue) -> Option<(i64, i64)> {
    match due {
        MaintenanceDue::Counter { .. } => None,
        MaintenanceDue::Calendar { every, lead } => Some((every.0, lead.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: &[Option<u32>]) {
        let mut progress = PlanProgress::default();
        let seen: Vec<Option<u32>> = values.iter().map(|v| progress.count(*v, 100.0, 10.0)).collect();
        assert_eq!(seen, expected, "{values:?}");
    }

    #[test]
    fn each_multiple_is_reminded_once_ahead_of_time() {
        check(
            &[812.0, 889.9, 890.0, 890.1, 950.0, 991.0],
            &[None, None, Some(9), None, None, Some(10)],
        );
    }

    #[test]
    fn a_counter_that_starts_anew_is_followed_in_silence() {
        check(&[812.0, 3.0, 50.0, 95.0], &[None, None, None, Some(1)]);
    }

    #[test]
    fn the_calendar_counts_from_the_first_reading() {
        let mut progress = PlanProgress::default();
        let seen: Vec<_> = [0, 5, 8, 9, 18, 19, 40]
            .map(|t| progress.pass(Timestamp(1000 + t), 10, 1).map(|d| d.0))
            .to_vec();
        assert_eq!(seen, [None, None, None, Some(1), None, Some(2), Some(4)]);
    }
}
