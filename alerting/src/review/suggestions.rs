//! What verdicts of technicians suggest about the limits of rules: by how much a limit could move without losing a fault that
//! was there, and which rule was never right. Suggestions only; a person changes the profile.

use super::Span;
use super::service::finished_at;
use super::warnings::was_there;
use crate::record::AlarmRecord;
use crate::ticket::TicketRecord;
use domain::condition::{Evidence, EvidenceReason};
use domain::text::Text;
use domain::{AlarmId, FailureModeId};
use serde::Serialize;
use std::collections::BTreeMap;

/// False alarms of a rule from which on something is suggested: with fewer, chance speaks.
pub const LEAST_FALSE: u64 = 5;
/// Digits of a suggested limit.
const DIGITS: i32 = 3;

/// What verdicts say of a rule of a profile.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Suggestion {
    /// The profile.
    pub profile: String,
    /// The rule that spoke first.
    pub rule: String,
    /// Warnings with a fault.
    pub right: u64,
    /// Warnings without one.
    pub false_alarms: u64,
    /// What follows.
    pub advice: Advice,
}

/// What follows from verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Advice {
    /// Another limit would have given fewer false alarms and kept every fault that was there.
    MoveLimit {
        /// The limit that spoke.
        from: f64,
        /// The limit suggested.
        to: f64,
        /// False alarms that would not have been.
        spared: u64,
    },
    /// The rule was never right.
    NeverRight,
    /// Nothing: fewer than [`LEAST_FALSE`] false alarms.
    TooFew,
    /// Nothing: the rule has no limit of one value.
    NoLimit,
    /// Nothing: false alarms were as far beyond the limit as the faults.
    NotApart,
}

impl Suggestion {
    /// In words.
    pub fn text(&self) -> Text {
        let (right, wrong) = (self.right, self.false_alarms);
        let (en, zh) = match self.advice {
            Advice::MoveLimit { from, to, spared } => {
                let share = (spared as f64 / wrong.max(1) as f64 * 100.0).round();
                (
                    format!(
                        "limit {from} → {to} would have had {share} % fewer false alarms ({spared} of {wrong}) and would have kept all {right} confirmed ones"
                    ),
                    format!(
                        "限值 {from} → {to}：误报可减少 {share}%（{wrong} 次中的 {spared} 次），且保留全部 {right} 次已确认故障"
                    ),
                )
            }
            Advice::NeverRight => (
                format!("never right: {wrong} false alarms, no confirmed fault"),
                format!("从未正确：{wrong} 次误报，无已确认故障"),
            ),
            Advice::TooFew => (
                format!("nothing suggested: {wrong} false alarms, at least {LEAST_FALSE} are needed"),
                format!("无建议：误报 {wrong} 次，至少需要 {LEAST_FALSE} 次"),
            ),
            Advice::NoLimit => (
                format!("nothing suggested: {wrong} false alarms, but the rule compares no value with one limit"),
                format!("无建议：误报 {wrong} 次，但该规则不是单一限值规则"),
            ),
            Advice::NotApart => (
                format!("nothing suggested: {wrong} false alarms went as far as the {right} confirmed ones"),
                format!("无建议：{wrong} 次误报与 {right} 次已确认故障的数值无法区分"),
            ),
        };
        Text { en, zh }
    }
}

/// A limit, and on which side of it the rule speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Side {
    bits: u64,
    is_above: bool,
}

/// Values that spoke for one limit, each turned so that more is worse.
#[derive(Debug, Default)]
struct Spoke {
    right: Vec<f64>,
    wrong: Vec<f64>,
    right_count: u64,
    wrong_count: u64,
}

/// What verdicts of the span suggest, by profile, rule and limit; rules that never gave a false alarm are left out.
/// `tickets`: those closed in the span; `alarms`: theirs. `told`: faults that machines tell by themselves, which no rule found.
/// The value that counts is that of the latest change of the alarm's condition.
pub fn suggestions(
    tickets: &[TicketRecord],
    alarms: &[AlarmRecord],
    told: &FailureModeId,
    span: Span,
) -> Vec<Suggestion> {
    let by_id: BTreeMap<&AlarmId, &AlarmRecord> = alarms.iter().map(|alarm| (&alarm.id, alarm)).collect();
    let mut rules: BTreeMap<(String, String, Option<Side>), Spoke> = BTreeMap::new();
    for ticket in tickets {
        let is_in_span = finished_at(ticket).is_some_and(|at| span.contains(at));
        let alarm = ticket.alarm.as_ref().and_then(|id| by_id.get(id));
        let verdict = ticket.outcome().and_then(was_there);
        let (Some(alarm), Some((is_right, _)), true) = (alarm, verdict, is_in_span) else {
            continue;
        };
        let Some(first) = alarm.evidence.first().filter(|_| alarm.failure_mode != *told) else {
            continue;
        };
        let spoken = value_and_side(first);
        let key = (
            alarm.profile.clone(),
            first.rule.to_string(),
            spoken.map(|(_, side)| side),
        );
        let spoke = rules.entry(key).or_default();
        let (values, count) = match is_right {
            true => (&mut spoke.right, &mut spoke.right_count),
            false => (&mut spoke.wrong, &mut spoke.wrong_count),
        };
        values.extend(spoken.map(|(value, _)| value));
        *count += 1;
    }
    let noisy = rules.into_iter().filter(|(_, spoke)| spoke.wrong_count > 0);
    let said = noisy.map(|((profile, rule, side), spoke)| Suggestion {
        profile,
        rule,
        right: spoke.right_count,
        false_alarms: spoke.wrong_count,
        advice: advice(&spoke, side),
    });
    said.collect()
}

fn value_and_side(evidence: &Evidence) -> Option<(f64, Side)> {
    let value = evidence.value.filter(|v| v.is_finite())?;
    let side = |limit: f64, is_above| Side {
        bits: limit.to_bits(),
        is_above,
    };
    match evidence.reason {
        EvidenceReason::AboveLimit { limit, .. } => Some((value, side(limit, true))),
        EvidenceReason::BelowLimit { limit, .. } => Some((-value, side(limit, false))),
        _ => None,
    }
}

fn advice(spoke: &Spoke, side: Option<Side>) -> Advice {
    if spoke.wrong_count < LEAST_FALSE {
        return Advice::TooFew;
    }
    if spoke.right_count == 0 {
        return Advice::NeverRight;
    }
    let Some(side) = side else {
        return Advice::NoLimit;
    };
    let least_right = spoke.right.iter().copied().fold(f64::INFINITY, f64::min);
    let below = spoke.wrong.iter().copied().filter(|value| *value < least_right);
    let highest = below.clone().fold(f64::NEG_INFINITY, f64::max);
    if highest == f64::NEG_INFINITY {
        return Advice::NotApart;
    }
    // in the middle of the gap, as round as the gap allows
    let middle = highest + (least_right - highest) / 2.0;
    let rounded = round(middle);
    let turned = if highest < rounded && rounded < least_right {
        rounded
    } else {
        middle
    };
    let (from, to) = (f64::from_bits(side.bits), if side.is_above { turned } else { -turned });
    Advice::MoveLimit {
        from,
        to,
        spared: below.count() as u64,
    }
}

/// To [`DIGITS`] significant digits.
fn round(value: f64) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let places = DIGITS - 1 - value.abs().log10().floor() as i32;
    // by a power of ten that is exact, so that 1.8 stays 1.8
    match places {
        0.. => (value * 10f64.powi(places)).round() / 10f64.powi(places),
        _ => (value / 10f64.powi(-places)).round() * 10f64.powi(-places),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(limit: f64, is_above: bool, right: &[f64], wrong: &[f64]) -> Advice {
        let turn = |values: &[f64]| {
            values
                .iter()
                .map(|v| if is_above { *v } else { -*v })
                .collect::<Vec<_>>()
        };
        let spoke = Spoke {
            right: turn(right),
            wrong: turn(wrong),
            right_count: right.len() as u64,
            wrong_count: wrong.len() as u64,
        };
        let bits = limit.to_bits();
        advice(&spoke, Some(Side { bits, is_above }))
    }

    #[test]
    fn a_limit_moves_between_the_false_alarms_and_the_faults_and_says_how_many_it_spares() {
        let wrong = [1.7, 1.75, 2.4, 2.6, 3.0];
        let advice = of(1.6, true, &[1.85, 2.5, 3.0], &wrong);
        let (from, to, spared) = (1.6, 1.8, 2);
        assert_eq!(advice, Advice::MoveLimit { from, to, spared });
        let said = Suggestion {
            profile: "pump".into(),
            rule: "vibration".into(),
            right: 3,
            false_alarms: 5,
            advice,
        };
        assert_eq!(
            said.text().en,
            "limit 1.6 → 1.8 would have had 40 % fewer false alarms (2 of 5) and would have kept all 3 confirmed ones"
        );
    }

    #[test]
    fn below_a_limit_the_sides_are_turned() {
        let advice = of(2.0, false, &[1.0, 0.5], &[1.9, 1.8, 1.7, 1.6, 1.5]);
        let (from, to, spared) = (2.0, 1.25, 5);
        assert_eq!(advice, Advice::MoveLimit { from, to, spared });
    }

    #[test]
    fn where_nothing_is_suggested_it_is_said_why() {
        assert_eq!(of(1.0, true, &[3.0], &[2.0; 4]), Advice::TooFew);
        assert_eq!(of(1.0, true, &[], &[2.0; 5]), Advice::NeverRight);
        assert_eq!(of(1.0, true, &[2.0], &[2.0; 5]), Advice::NotApart);
        let spoke = Spoke {
            right_count: 1,
            wrong_count: 5,
            ..Spoke::default()
        };
        assert_eq!(advice(&spoke, None), Advice::NoLimit);
    }

    proptest! {
        #[test]
        fn a_suggested_limit_keeps_every_fault_and_spares_as_many_as_it_says(
            right in prop::collection::vec(1.0f64..100.0, 1..20), wrong in prop::collection::vec(1.0f64..100.0, 5..30), is_above: bool,
        ) {
            let limit = if is_above { 1.0 } else { 100.0 };
            if let Advice::MoveLimit { to, spared, .. } = of(limit, is_above, &right, &wrong) {
                let speaks = |value: &f64| if is_above { *value > to } else { *value < to };
                prop_assert!(right.iter().all(speaks));
                prop_assert_eq!(wrong.iter().filter(|v| !speaks(v)).count() as u64, spared);
                prop_assert!(spared > 0);
            }
        }
    }
}
