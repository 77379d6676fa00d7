//! How alike two episodes of a failure mode are, by what spoke for them. Pure: no clock, no state.
//!
//! Compared is what a person would compare: which metrics took part, in which way each was unusual, how far and to which side,
//! and how long it went on. Names and units do not matter: an excess is counted in shares of its own limit.

use domain::{Aspect, Evidence, EvidenceReason, MetricName, Millis, RuleId};
use serde::{Deserialize, Serialize};

/// An excess counts as at most this many limits: beyond it, far is far.
const MOST_EXCESS: f64 = 100.0;
/// Share of the distance that the length of the episodes may make.
const SHARE_OF_LENGTH: f64 = 0.2;
/// So many times as long is as unlike as length can be.
const UNLIKE_LENGTHS: f64 = 10.0;
/// Added to both lengths, so that minutes do not look like ages.
const LEAST_LENGTH: Millis = Millis(10 * 60_000);

/// What a piece of evidence is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// A metric.
    Metric(MetricName),
    /// A fault code of the device's own.
    Code(String),
    /// The device as a whole, by a rule.
    Rule(RuleId),
}

/// In which way it is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manner {
    /// Beyond a fixed limit.
    Limit,
    /// Changing too fast.
    Rate,
    /// Not as it was learned.
    Learned(Aspect),
    /// In an unusual combination with others.
    Combination,
    /// Named from a waveform.
    Waveform,
    /// Standing still.
    Stuck,
    /// Beyond what the sensor can measure.
    PhysicalRange,
    /// Silent.
    Silent,
    /// Said by the device.
    Code,
    /// Named by a trained model.
    Class,
}

/// A piece of evidence, as far as likeness goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sign {
    /// What it is about.
    pub about: About,
    /// In which way.
    pub manner: Manner,
    /// How far in shares of its limit, 1 at the limit; negative: too low, or falling.
    pub excess: f64,
}

impl Sign {
    /// From what a rule said.
    pub fn of(evidence: &Evidence) -> Sign {
        let value = evidence.value;
        let beyond = |limit: f64| match value {
            Some(value) if limit != 0.0 => 1.0 + ((value - limit) / limit).abs(),
            Some(value) => 1.0 + (value - limit).abs(),
            None => 1.0,
        };
        let of_score = |score: f64| score / (1.0 - score).max(1e-9);
        let (manner, excess) = match &evidence.reason {
            EvidenceReason::AboveLimit { limit, source: _ } => (Manner::Limit, beyond(*limit)),
            EvidenceReason::BelowLimit { limit, source: _ } => (Manner::Limit, -beyond(*limit)),
            EvidenceReason::TooFast {
                per_hour,
                limit_per_hour,
            } => (Manner::Rate, per_hour / limit_per_hour.abs().max(f64::MIN_POSITIVE)),
            EvidenceReason::OutsideBaseline {
                low,
                high,
                score,
                aspect,
                readings: _,
                operating_mode: _,
            } => {
                let is_low = value.is_some_and(|value| value < low / 2.0 + high / 2.0);
                let side = if is_low { -1.0 } else { 1.0 };
                (Manner::Learned(*aspect), side * of_score(*score))
            }
            EvidenceReason::UnusualCombination { score } => (Manner::Combination, of_score(*score)),
            EvidenceReason::VibrationFault { confidence, .. } => (Manner::Waveform, 1.0 + confidence),
            EvidenceReason::LearnedClass { probability, .. } => (Manner::Class, 1.0 + probability),
            EvidenceReason::Stuck { since: _ } => (Manner::Stuck, 1.0),
            EvidenceReason::OutsidePhysicalRange { min: _, max: _ } => (Manner::PhysicalRange, 1.0),
            EvidenceReason::Silent { last_received_at: _ } => (Manner::Silent, 1.0),
            EvidenceReason::FaultCode { .. } => (Manner::Code, 1.0),
        };
        let about = match (&evidence.reason, &evidence.metric) {
            (EvidenceReason::FaultCode { code, text: _ }, Some(_) | None) => About::Code(code.clone()),
            (EvidenceReason::VibrationFault { fault, .. }, Some(_) | None) => About::Code(fault.clone()),
            (EvidenceReason::LearnedClass { class, .. }, Some(_) | None) => About::Code(class.clone()),
            (
                EvidenceReason::AboveLimit { .. }
                | EvidenceReason::BelowLimit { .. }
                | EvidenceReason::TooFast { .. }
                | EvidenceReason::OutsideBaseline { .. }
                | EvidenceReason::UnusualCombination { .. }
                | EvidenceReason::Stuck { .. }
                | EvidenceReason::OutsidePhysicalRange { .. }
                | EvidenceReason::Silent { .. },
                Some(metric),
            ) => About::Metric(metric.clone()),
            (
                EvidenceReason::AboveLimit { .. }
                | EvidenceReason::BelowLimit { .. }
                | EvidenceReason::TooFast { .. }
                | EvidenceReason::OutsideBaseline { .. }
                | EvidenceReason::UnusualCombination { .. }
                | EvidenceReason::Stuck { .. }
                | EvidenceReason::OutsidePhysicalRange { .. }
                | EvidenceReason::Silent { .. },
                None,
            ) => About::Rule(evidence.rule.clone()),
        };
        let excess = if excess.is_nan() { 1.0 } else { excess };
        Sign {
            about,
            manner,
            excess: excess.clamp(-MOST_EXCESS, MOST_EXCESS),
        }
    }

    /// Twice as far is a step, however far it is already.
    fn weight(&self) -> f64 {
        self.excess.abs().ln_1p().copysign(self.excess)
    }

    /// 0: the same; 1: another side, or another way and another size. Of the same metric.
    fn distance(&self, other: &Sign) -> f64 {
        let (a, b) = (self.weight(), other.weight());
        let size = a.abs().max(b.abs());
        let amount = if size > 0.0 {
            ((a - b).abs() / size).min(1.0)
        } else {
            0.0
        };
        let manner = if self.manner == other.manner { 0.0 } else { 1.0 };
        (amount + manner) / 2.0
    }
}

/// An episode as far as likeness goes.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// What spoke for it.
    pub signs: &'a [Sign],
    /// How long it went on, or has gone on so far.
    pub length: Millis,
}

/// How unlike an episode that goes on is to one that is over: 0, the same, to below 1; none where they have nothing in common.
/// A sign weighs what it exceeds; one that only one of them has is entirely unlike. An episode that has not yet gone on for
/// as long as the other was is not unlike it for that.
pub fn distance(now: Course<'_>, past: Course<'_>) -> Option<f64> {
    let find = |signs: &'_ [Sign], about: &About| signs.iter().position(|sign| sign.about == *about);
    let (mut sum, mut weight, mut has_common) = (0.0, 0.0, false);
    for sign in now.signs {
        let (size, unlike) = match find(past.signs, &sign.about).map(|place| &past.signs[place]) {
            Some(other) => {
                has_common = true;
                (sign.weight().abs().max(other.weight().abs()), sign.distance(other))
            }
            None => (sign.weight().abs(), 1.0),
        };
        sum += size * unlike;
        weight += size;
    }
    for sign in past.signs.iter().filter(|sign| find(now.signs, &sign.about).is_none()) {
        sum += sign.weight().abs();
        weight += sign.weight().abs();
    }
    if !has_common || weight <= 0.0 {
        return None;
    }
    let longer = (now.length + LEAST_LENGTH).0 as f64 / (past.length + LEAST_LENGTH).0.max(1) as f64;
    let by_length = (longer.max(1.0).ln() / UNLIKE_LENGTHS.ln()).min(1.0);
    Some((1.0 - SHARE_OF_LENGTH) * sum / weight + SHARE_OF_LENGTH * by_length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn above(metric: &str, value: f64, limit: f64) -> Sign {
        Sign::of(&Evidence {
            rule: RuleId::new("r").unwrap(),
            metric: Some(MetricName::new(metric).unwrap()),
            value: Some(value),
            reason: EvidenceReason::AboveLimit {
                limit,
                source: String::new(),
            },
        })
    }

    fn learned(metric: &str, value: f64, aspect: Aspect) -> Sign {
        Sign::of(&Evidence {
            rule: RuleId::new("r").unwrap(),
            metric: Some(MetricName::new(metric).unwrap()),
            value: Some(value),
            reason: EvidenceReason::OutsideBaseline {
                low: 1.0,
                high: 2.0,
                score: 0.8,
                aspect,
                readings: 1,
                operating_mode: None,
            },
        })
    }

    fn between(now: &[Sign], past: &[Sign]) -> Option<f64> {
        let of = |signs| Course {
            signs,
            length: Millis::hours(2),
        };
        distance(of(now), of(past))
    }

    #[test]
    fn the_same_evidence_is_no_distance_and_units_do_not_matter() {
        let millimetres = [above("vibration", 4.0, 2.0), above("temperature", 80.0, 70.0)];
        assert_eq!(between(&millimetres, &millimetres), Some(0.0));
        let metres = [above("vibration", 0.004, 0.002), above("temperature", 80.0, 70.0)];
        assert!(between(&millimetres, &metres).unwrap() < 1e-9);
    }

    #[test]
    fn nothing_in_common_is_no_likeness_at_all() {
        assert_eq!(
            between(&[above("vibration", 4.0, 2.0)], &[above("temperature", 80.0, 70.0)]),
            None
        );
        assert_eq!(between(&[], &[above("vibration", 4.0, 2.0)]), None);
        assert_eq!(between(&[], &[]), None);
    }

    #[test]
    fn what_differs_more_is_further() {
        let now = [
            learned("vibration", 3.0, Aspect::Level),
            above("temperature", 80.0, 70.0),
        ];
        let other_amount = [
            learned("vibration", 3.0, Aspect::Level),
            above("temperature", 120.0, 70.0),
        ];
        let other_aspect = [
            learned("vibration", 3.0, Aspect::Shape),
            above("temperature", 120.0, 70.0),
        ];
        let one_missing = [above("temperature", 120.0, 70.0)];
        let ordered = [&now[..], &other_amount, &other_aspect, &one_missing].map(|past| between(&now, past).unwrap());
        assert!(ordered.is_sorted_by(|a, b| a < b), "{ordered:?}");
    }

    #[test]
    fn too_high_is_unlike_too_low() {
        let high = [learned("vibration", 3.0, Aspect::Level)];
        let low = [learned("vibration", 0.2, Aspect::Level)];
        assert!(between(&high, &low).unwrap() >= 0.4);
    }

    #[test]
    fn only_what_has_gone_on_longer_is_unlike_for_its_length() {
        let signs = [above("vibration", 4.0, 2.0)];
        let lasting = |hours| Course {
            signs: &signs,
            length: Millis::hours(hours),
        };
        assert_eq!(distance(lasting(0), lasting(48)), Some(0.0));
        let longer = distance(lasting(48), lasting(12)).unwrap();
        let much_longer = distance(lasting(480), lasting(1)).unwrap();
        assert!(longer > 0.0 && longer < much_longer && much_longer <= SHARE_OF_LENGTH);
    }

    #[test]
    fn values_beyond_all_measure_stay_comparable() {
        let now = [
            above("vibration", f64::MAX, f64::MIN_POSITIVE),
            above("temperature", 1.0, 0.0),
        ];
        let found = between(&now, &[above("vibration", f64::INFINITY, 1.0)]).unwrap();
        assert!((0.0..=1.0).contains(&found), "{found}");
    }
}
