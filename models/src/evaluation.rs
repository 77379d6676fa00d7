//! How good warnings were, by episode: what was found, how early, what was missed, what was false. Compares alarms with
//! what is known to have happened. Pure; whoever has alarms and labels calls it, a backtest and a monthly review alike.
//!
//! An alarm is right when it overlaps a known event of its failure mode, or comes no earlier than the horizon before one.
//! An event is found when a right alarm was raised before its end. Lead time runs from the first such alarm to the end of
//! the event, which is the failure or the repair.

use domain::{FailureModeId, Millis, RuleId, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// The month of the false-alarm budget: 30 days.
const MONTH_MS: f64 = 30.0 * 86_400_000.0;

/// An alarm that was raised.
#[derive(Debug, Clone, PartialEq)]
pub struct RaisedAlarm {
    /// What it said was failing.
    pub failure_mode: FailureModeId,
    /// Whether it named no particular failure mode: such an alarm is right for any event.
    pub is_unspecific: bool,
    /// The rule that spoke first in its evidence.
    pub rule: Option<RuleId>,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// When it was cleared; none if it still stood at the end.
    pub cleared_at: Option<Timestamp>,
}

/// Something that is known to have happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownEvent {
    /// What failed; none if that is not known: any alarm is right then.
    pub failure_mode: Option<FailureModeId>,
    /// First sign.
    pub from: Timestamp,
    /// Failure, repair or last sign.
    pub to: Timestamp,
}

/// One device over one stretch of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// For people.
    pub device: String,
    /// First reading that is judged.
    pub from: Timestamp,
    /// Last reading.
    pub to: Timestamp,
    /// Its alarms, in the order in which they were raised.
    pub alarms: Vec<RaisedAlarm>,
    /// What happened, in order of time.
    pub events: Vec<KnownEvent>,
}

/// Counts of one failure mode, one rule, or all.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Tally {
    /// Known events.
    pub events: u64,
    /// Of these, found before their end.
    pub found: u64,
    /// Alarms raised.
    pub alarms: u64,
    /// Of these, right.
    pub right: u64,
    /// For each event found, ms from the first right alarm to the event's end; ascending.
    pub lead_ms: Vec<i64>,
    /// Time watched in which nothing was known to be wrong, ms.
    pub quiet_ms: i64,
}

impl Tally {
    /// Share of the events found; none if there was no event.
    pub fn detection_rate(&self) -> Option<f64> {
        share(self.found, self.events)
    }

    /// Share of the alarms that were right; none if there was no alarm.
    pub fn precision(&self) -> Option<f64> {
        share(self.right, self.alarms)
    }

    /// Harmonic mean of detection rate and precision; none without events.
    pub fn f1(&self) -> Option<f64> {
        let recall = self.detection_rate()?;
        let precision = self.precision().unwrap_or(0.0);
        let sum = precision + recall;
        Some(if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 })
    }

    /// Events that no alarm preceded.
    pub fn missed(&self) -> u64 {
        self.events - self.found
    }

    /// Alarms without an event.
    pub fn false_alarms(&self) -> u64 {
        self.alarms - self.right
    }

    /// False alarms per device and 30 days of quiet; none if there was no quiet time.
    pub fn false_alarms_per_month(&self) -> Option<f64> {
        (self.quiet_ms > 0).then(|| self.false_alarms() as f64 * MONTH_MS / self.quiet_ms as f64)
    }

    /// Lead time that a share `q` of the events found fell short of; none if none was found.
    pub fn lead_quantile(&self, q: f64) -> Option<Millis> {
        let last = self.lead_ms.len().checked_sub(1)?;
        let place = (q.clamp(0.0, 1.0) * last as f64).floor() as usize;
        self.lead_ms.get(place).copied().map(Millis)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// An event that no alarm preceded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Whose.
    pub device: String,
    /// What happened.
    pub event: KnownEvent,
}

/// How good the warnings were.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// Over everything.
    pub all: Tally,
    /// By what the alarm or the event says is failing; events of unknown kind stand under `-`.
    pub by_failure_mode: BTreeMap<String, Tally>,
    /// By the rule that spoke first. An event counts for a rule as soon as the rule had a right alarm for it.
    pub by_rule: BTreeMap<String, Tally>,
    /// What was missed.
    pub missed: Vec<Missed>,
}

/// Whether the alarm is right for the event.
fn answers(alarm: &RaisedAlarm, event: &KnownEvent, horizon: Millis) -> bool {
    let is_of_mode = match &event.failure_mode {
        None => true,
        Some(mode) => alarm.is_unspecific || alarm.failure_mode == *mode,
    };
    is_of_mode && alarm.raised_at <= event.to && alarm.cleared_at.is_none_or(|end| end >= event.from - horizon)
}

/// Compares alarms with events. `horizon`: how long before an event's first sign an alarm still counts as right.
pub fn evaluate(observed: &[Observed], horizon: Millis) -> Evaluation {
    let mut evaluation = Evaluation::default();
    for device in observed {
        let quiet_ms = quiet_time(device, horizon);
        evaluation.all.quiet_ms += quiet_ms;
        for event in &device.events {
            count_event(&mut evaluation, device, event, horizon);
        }
        for alarm in &device.alarms {
            let is_right = device.events.iter().any(|event| answers(alarm, event, horizon));
            let rule = alarm.rule.as_ref().map_or_else(|| "-".to_owned(), |r| r.to_string());
            let mode = evaluation.by_failure_mode.entry(alarm.failure_mode.to_string());
            let tallies = [mode.or_default(), evaluation.by_rule.entry(rule).or_default()];
            for tally in tallies.into_iter().chain([&mut evaluation.all]) {
                tally.alarms += 1;
                tally.right += u64::from(is_right);
            }
        }
    }
    let quiet_ms = evaluation.all.quiet_ms;
    let parts = evaluation
        .by_failure_mode
        .values_mut()
        .chain(evaluation.by_rule.values_mut());
    for tally in parts.chain([&mut evaluation.all]) {
        tally.quiet_ms = quiet_ms;
        tally.lead_ms.sort_unstable();
    }
    evaluation
}

fn count_event(evaluation: &mut Evaluation, device: &Observed, event: &KnownEvent, horizon: Millis) {
    let right: Vec<&RaisedAlarm> = device.alarms.iter().filter(|a| answers(a, event, horizon)).collect();
    let lead = |alarms: &[&RaisedAlarm]| {
        let first = alarms.iter().map(|a| a.raised_at).min()?;
        // an alarm that stood already when the fault began warned of it from the beginning of the horizon
        Some((event.to - first.max(event.from - horizon)).0)
    };
    let name = event
        .failure_mode
        .as_ref()
        .map_or_else(|| "-".to_owned(), ToString::to_string);
    for tally in [evaluation.by_failure_mode.entry(name).or_default(), &mut evaluation.all] {
        tally.events += 1;
        if let Some(lead) = lead(&right) {
            tally.found += 1;
            tally.lead_ms.push(lead);
        }
    }
    let mut by_rule: BTreeMap<String, Vec<&RaisedAlarm>> = BTreeMap::new();
    for alarm in &right {
        let rule = alarm.rule.as_ref().map_or_else(|| "-".to_owned(), |r| r.to_string());
        by_rule.entry(rule).or_default().push(alarm);
    }
    for (rule, alarms) in by_rule {
        let tally = evaluation.by_rule.entry(rule).or_default();
        tally.events += 1;
        tally.found += 1;
        tally.lead_ms.extend(lead(&alarms));
    }
    if right.is_empty() {
        evaluation.missed.push(Missed {
            device: device.device.clone(),
            event: event.clone(),
        });
    }
}

/// Time watched outside all events and their horizons, ms.
fn quiet_time(device: &Observed, horizon: Millis) -> i64 {
    let (mut quiet, mut since) = (0, device.from);
    let mut events: Vec<&KnownEvent> = device.events.iter().collect();
    events.sort_by_key(|e| e.from);
    for event in events {
        let begins = (event.from - horizon).max(since).min(device.to);
        quiet += (begins - since).0.max(0);
        since = since.max(event.to.min(device.to));
    }
    quiet + (device.to - since).0.max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn alarm(mode: &str, rule: &str, raised: i64, cleared: Option<i64>) -> RaisedAlarm {
        RaisedAlarm {
            failure_mode: FailureModeId::new(mode).expect("fine"),
            is_unspecific: mode == "abnormal_behaviour",
            rule: Some(RuleId::new(rule).expect("fine")),
            raised_at: Timestamp(raised * HOUR),
            cleared_at: cleared.map(|c| Timestamp(c * HOUR)),
        }
    }

    fn event(mode: Option<&str>, from: i64, to: i64) -> KnownEvent {
        KnownEvent {
            failure_mode: mode.map(|m| FailureModeId::new(m).expect("fine")),
            from: Timestamp(from * HOUR),
            to: Timestamp(to * HOUR),
        }
    }

    fn observed(alarms: Vec<RaisedAlarm>, events: Vec<KnownEvent>) -> Vec<Observed> {
        vec![Observed {
            device: "plant/pump-1".to_owned(),
            from: Timestamp(0),
            to: Timestamp(720 * HOUR),
            alarms,
            events,
        }]
    }

    #[test]
    fn a_found_event_has_its_lead_and_a_false_alarm_its_rate() {
        let alarms = vec![
            alarm("bearing_wear", "zone", 10, Some(12)),
            alarm("bearing_wear", "zone", 110, Some(130)),
            alarm("abnormal_behaviour", "baseline", 120, Some(130)),
        ];
        let found = evaluate(
            &observed(alarms, vec![event(Some("bearing_wear"), 100, 160)]),
            Millis(0),
        );
        assert_eq!(
            (found.all.events, found.all.found, found.all.alarms, found.all.right),
            (1, 1, 3, 2)
        );
        assert_eq!(found.all.lead_quantile(0.5), Some(Millis(50 * HOUR)));
        assert_eq!(found.all.quiet_ms, 660 * HOUR);
        let per_month = found.all.false_alarms_per_month().expect("quiet time");
        assert!((per_month - 720.0 / 660.0).abs() < 1e-9, "{per_month}");
        assert_eq!(found.by_rule["baseline"].lead_quantile(0.5), Some(Millis(40 * HOUR)));
        assert_eq!(found.by_failure_mode["bearing_wear"].precision(), Some(0.5));
        assert!(found.missed.is_empty());
    }

    #[test]
    fn an_alarm_for_something_else_finds_nothing() {
        let alarms = vec![alarm("cavitation", "noise", 110, Some(130))];
        let found = evaluate(
            &observed(alarms, vec![event(Some("bearing_wear"), 100, 160)]),
            Millis(0),
        );
        assert_eq!((found.all.found, found.all.right, found.all.missed()), (0, 0, 1));
        assert_eq!(found.missed[0].event.from, Timestamp(100 * HOUR));
    }

    #[test]
    fn the_horizon_makes_an_early_warning_right_and_a_late_alarm_never_is() {
        let early = vec![alarm("bearing_wear", "zone", 80, Some(81))];
        let of = |alarms: Vec<RaisedAlarm>, horizon: i64| {
            let found = evaluate(&observed(alarms, vec![event(None, 100, 160)]), Millis(horizon * HOUR));
            (found.all.found, found.all.lead_quantile(0.5))
        };
        assert_eq!(of(early.clone(), 0), (0, None));
        assert_eq!(of(early, 24), (1, Some(Millis(80 * HOUR))));
        assert_eq!(of(vec![alarm("bearing_wear", "zone", 161, None)], 24), (0, None));
    }

    #[test]
    fn an_alarm_that_stood_before_leads_from_the_beginning_of_the_event() {
        let found = evaluate(
            &observed(
                vec![alarm("bearing_wear", "zone", 1, None)],
                vec![event(None, 100, 160)],
            ),
            Millis(0),
        );
        assert_eq!(found.all.lead_quantile(0.1), Some(Millis(60 * HOUR)));
    }

    #[test]
    fn without_alarms_and_events_there_is_no_rate() {
        let found = evaluate(&observed(Vec::new(), Vec::new()), Millis(0));
        assert_eq!(
            (found.all.precision(), found.all.detection_rate(), found.all.f1()),
            (None, None, None)
        );
        assert_eq!(found.all.false_alarms_per_month(), Some(0.0));
    }
}
