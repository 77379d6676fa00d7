//! Rules and models in one table: what became of the warnings of each rule, each trained detector and each version of a model.
//!
//! Pure functions of rows. Every row says of how many cases it speaks: of fewer than [`LEAST_JUDGED`] chance speaks.

use super::service::finished_at;
use super::warnings::was_there;
use super::{Durations, Share, Span};
use crate::record::AlarmRecord;
use crate::ticket::TicketRecord;
use domain::{AlarmId, DeviceKey, FailureModeId, Millis, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Judged warnings from which on a precision means something.
pub const LEAST_JUDGED: u64 = 5;
/// A month of a machine, for false alarms.
const MONTH_MS: f64 = 30.0 * 86_400_000.0;

/// What became of the warnings of a rule, judged by one version of a model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuleFigures {
    /// The profile.
    pub profile: String,
    /// The rule or detector that spoke first.
    pub rule: String,
    /// The version of the model that judged.
    pub model: String,
    /// Alarms of the span in which it spoke first.
    pub warnings: u64,
    /// Machines found at fault, of its warnings whose ticket was closed in the span with a verdict.
    pub precision: Share,
    /// The same; a different fault than warned speaks against it.
    pub precision_of_mode: Share,
    /// Confirmed faults of its failure modes that it had warned of, of all of the profile that were closed in the span.
    pub recall: Share,
    /// From its warning until the confirmed fault was repaired.
    pub lead_time: Durations,
    /// Warnings judged as false in the span.
    pub false_alarms: u64,
    /// False alarms in 30 days of one machine of the profile; none: no machine was known.
    pub false_a_device_month: Option<f64>,
}

impl RuleFigures {
    /// Whether so few warnings were judged that their precision may be chance.
    pub fn is_too_few(&self) -> bool {
        self.precision.of < LEAST_JUDGED
    }
}

/// A machine, and since when it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDevice {
    /// Its profile.
    pub profile: String,
    /// When it was first heard.
    pub first_seen: Timestamp,
}

/// Of what a row is.
type Key = (String, String, String);

/// A confirmed fault.
struct Failure<'a> {
    device: &'a DeviceKey,
    mode: &'a FailureModeId,
    /// The alarm that its ticket is from.
    alarm: Option<&'a AlarmId>,
    opened_at: Timestamp,
}

fn key_of(alarm: &AlarmRecord) -> Option<Key> {
    let first = alarm.evidence.first()?;
    Some((alarm.profile.clone(), first.rule.to_string(), alarm.model.to_string()))
}

/// Each rule that spoke or was judged in the span, by profile, rule and model. `tickets`: those closed in the span; `alarms`:
/// theirs, and all raised in the span or up to `warned_within` before. `told`: faults that machines tell by themselves, which no
/// rule found. `devices`: all machines known.
///
/// A fault counts as warned of where the ticket came from an alarm of the rule, or an alarm of the same machine and failure mode
/// in which the rule spoke first was raised within `warned_within` before the ticket was opened.
pub fn rule_figures(
    tickets: &[TicketRecord],
    alarms: &[AlarmRecord],
    told: &FailureModeId,
    devices: &[KnownDevice],
    span: Span,
    warned_within: Millis,
) -> Vec<RuleFigures> {
    let spoken: Vec<(Key, &AlarmRecord)> = alarms
        .iter()
        .filter(|alarm| alarm.failure_mode != *told)
        .filter_map(|alarm| key_of(alarm).map(|key| (key, alarm)))
        .collect();
    let by_id: BTreeMap<&AlarmId, usize> = spoken.iter().enumerate().map(|(i, (_, a))| (&a.id, i)).collect();
    let mut rows: BTreeMap<Key, Row> = BTreeMap::new();
    for (key, alarm) in &spoken {
        let is_in_span = span.contains(alarm.opened_at);
        if is_in_span {
            rows.entry(key.clone()).or_default().warnings += 1;
        }
    }
    let mut failures: BTreeMap<&str, Vec<Failure<'_>>> = BTreeMap::new();
    for ticket in tickets {
        let (Some(at), Some(outcome)) = (finished_at(ticket), ticket.outcome()) else {
            continue;
        };
        if !span.contains(at) {
            continue;
        }
        if let Some(mode) = outcome.mended(&ticket.failure_mode).filter(|mode| *mode != told) {
            failures.entry(ticket.profile.as_str()).or_default().push(Failure {
                device: &ticket.device,
                mode,
                alarm: ticket.alarm.as_ref(),
                opened_at: ticket.opened_at,
            });
        }
        let warned = ticket.alarm.as_ref().and_then(|id| by_id.get(id)).map(|i| &spoken[*i]);
        if let (Some((key, alarm)), Some((is_right, is_right_mode))) = (warned, was_there(outcome)) {
            let row = rows.entry(key.clone()).or_default();
            row.precision.count(is_right);
            row.precision_of_mode.count(is_right_mode);
            match is_right {
                true => row.ahead.push(at - alarm.opened_at),
                false => row.false_alarms += 1,
            }
        }
    }
    let device_months = months_by_profile(devices, span);
    let mut modes: BTreeMap<&Key, BTreeSet<&FailureModeId>> = BTreeMap::new();
    let mut alarms_of: BTreeMap<(&Key, &DeviceKey, &FailureModeId), Vec<&AlarmRecord>> = BTreeMap::new();
    for (key, alarm) in &spoken {
        modes.entry(key).or_default().insert(&alarm.failure_mode);
        alarms_of
            .entry((key, &alarm.device, &alarm.failure_mode))
            .or_default()
            .push(alarm);
    }
    let table = rows.into_iter().map(|(key, row)| {
        let mut recall = Share::default();
        let of_profile = failures.get(key.0.as_str()).into_iter().flatten();
        let own = |mode: &FailureModeId| modes.get(&key).is_some_and(|modes| modes.contains(mode));
        for failure in of_profile.filter(|failure| own(failure.mode)) {
            let its = alarms_of
                .get(&(&key, failure.device, failure.mode))
                .into_iter()
                .flatten();
            let warns = |alarm: &&&AlarmRecord| {
                let is_before =
                    alarm.opened_at <= failure.opened_at && failure.opened_at - alarm.opened_at <= warned_within;
                failure.alarm == Some(&alarm.id) || is_before
            };
            recall.count(its.into_iter().any(|alarm| warns(&alarm)));
        }
        let months = device_months
            .get(key.0.as_str())
            .copied()
            .filter(|months| *months > 0.0);
        let (profile, rule, model) = key;
        RuleFigures {
            warnings: row.warnings,
            precision: row.precision,
            precision_of_mode: row.precision_of_mode,
            recall,
            lead_time: Durations::of(row.ahead),
            false_alarms: row.false_alarms,
            false_a_device_month: months.map(|months| row.false_alarms as f64 / months),
            profile,
            rule,
            model,
        }
    });
    table.collect()
}

#[derive(Default)]
struct Row {
    warnings: u64,
    precision: Share,
    precision_of_mode: Share,
    ahead: Vec<Millis>,
    false_alarms: u64,
}

fn months_by_profile(devices: &[KnownDevice], span: Span) -> BTreeMap<&str, f64> {
    let mut months: BTreeMap<&str, f64> = BTreeMap::new();
    for device in devices {
        let known = span.until - device.first_seen.max(span.from);
        *months.entry(device.profile.as_str()).or_default() += known.0.max(0) as f64 / MONTH_MS;
    }
    months
}
