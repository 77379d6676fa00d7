//! Sentences for people, in each language: what was measured, what it was compared with, and where the limit comes from.
//!
//! A sentence always has the value and the limit where there are any. Pure text; no decision is taken here.

use domain::profile::MaintenanceDue;
use domain::text::{Language, Text};
use domain::{Aspect, Evidence, EvidenceReason, FailureModeId};

/// One sentence about one piece of evidence, without a full stop:
/// `vibration_rms_mm_s 4.91 is above 4.5 (ISO 10816-3:2009 group 2 rigid)`.
pub fn sentence(evidence: &Evidence, language: Language) -> String {
    let who = evidence.metric.as_ref().map_or(evidence.rule.as_str(), |m| m.as_str());
    let subject = match evidence.value {
        Some(value) => format!("{who} {}", number(value)),
        None => who.to_owned(),
    };
    match language {
        Language::En => english(&subject, &evidence.reason),
        Language::Zh => chinese(&subject, &evidence.reason),
    }
}

/// All evidence of one condition in both languages, the strongest first; says so where there is none.
pub fn text(evidence: &[Evidence], mode: &FailureModeId) -> Text {
    if evidence.is_empty() {
        return Text {
            en: format!("{mode} shows; no value was recorded with it"),
            zh: format!("出现 {mode}；未记录相关数值"),
        };
    }
    let all = |language, separator| {
        let sentences: Vec<String> = evidence.iter().map(|e| sentence(e, language)).collect();
        sentences.join(separator)
    };
    Text {
        en: all(Language::En, "; "),
        zh: all(Language::Zh, "；"),
    }
}

/// Why maintenance is due.
pub fn maintenance(due: &MaintenanceDue, occurrence: u32, at_value: f64) -> Text {
    match due {
        MaintenanceDue::Counter { metric, every, lead } => {
            let (value, limit, lead) = (number(at_value), number(every * f64::from(occurrence)), number(*lead));
            Text {
                en: format!("{metric} {value} is within {lead} of {limit}, when maintenance {occurrence} is due"),
                zh: format!("{metric} {value} 距第 {occurrence} 次保养的 {limit} 不足 {lead}"),
            }
        }
        MaintenanceDue::Calendar { every, lead } => {
            let (every, lead) = (number(every.as_hours() / 24.0), number(lead.as_hours() / 24.0));
            Text {
                en: format!("maintenance {occurrence} of a plan of every {every} days is due within {lead} days"),
                zh: format!("每 {every} 天一次的第 {occurrence} 次保养将在 {lead} 天内到期"),
            }
        }
    }
}

fn english(subject: &str, reason: &EvidenceReason) -> String {
    match reason {
        EvidenceReason::AboveLimit { limit, source } => format!("{subject} is above {}{}", number(*limit), of(source)),
        EvidenceReason::BelowLimit { limit, source } => format!("{subject} is below {}{}", number(*limit), of(source)),
        EvidenceReason::TooFast {
            per_hour,
            limit_per_hour,
        } => format!(
            "{subject} changes by {} per hour, more than {} per hour",
            number(*per_hour),
            number(*limit_per_hour)
        ),
        EvidenceReason::OutsideBaseline {
            low,
            high,
            score,
            aspect,
            readings,
            operating_mode,
        } => {
            let range = format!("{} to {}", number(*low), number(*high));
            let over = match readings {
                0 | 1 => String::new(),
                n => format!(" over the last {n} readings"),
            };
            let clause = match aspect {
                Aspect::Level => format!("is outside its learned range {range}{over}"),
                Aspect::TimeOfDay => format!("is unusual for this time of day{over}, {range} is usual"),
                Aspect::Restlessness => format!("moves as it never did{over}"),
                Aspect::Prediction => format!("is not where the other values foretell{over}, {range} is expected"),
                Aspect::Rarity => format!("is where it rarely was{over}, {range} is usual"),
                Aspect::Shape => format!("runs as it never did{over}, {range} is usual"),
                Aspect::Predictability => format!("is harder to foretell than it was{over}, {range} is usual"),
            };
            let mode = operating_mode
                .as_ref()
                .map_or(String::new(), |mode| format!(" in mode {mode}"));
            format!("{subject} {clause}{mode} (unusual to {})", number(*score))
        }
        EvidenceReason::UnusualCombination { score } => {
            format!("{subject}: the values together are unusual to {}", number(*score))
        }
        EvidenceReason::VibrationFault {
            fault,
            confidence,
            says,
        } if fault.is_empty() => format!(
            "the waveform shows no fault that can be named (certain to {}): {}",
            number(*confidence),
            says.join("; ")
        ),
        EvidenceReason::VibrationFault {
            fault,
            confidence,
            says,
        } => format!(
            "the waveform shows {fault} (certain to {}): {}",
            number(*confidence),
            says.join("; ")
        ),
        EvidenceReason::LearnedClass {
            class,
            probability,
            model,
        } => format!(
            "by the learned model {model} this is {class} (probable to {})",
            number(*probability)
        ),
        EvidenceReason::Stuck { since } => format!("{subject} has not changed since {since}"),
        EvidenceReason::OutsidePhysicalRange { min, max } => format!(
            "{subject} is outside what the sensor can measure, {} to {}",
            number(*min),
            number(*max)
        ),
        EvidenceReason::Silent { last_received_at } => format!("the device has been silent since {last_received_at}"),
        EvidenceReason::FaultCode { code, text } if text.is_empty() => format!("the device reports fault {code}"),
        EvidenceReason::FaultCode { code, text } => format!("the device reports fault {code}: {text}"),
    }
}

fn chinese(subject: &str, reason: &EvidenceReason) -> String {
    match reason {
        EvidenceReason::AboveLimit { limit, source } => {
            format!("{subject} 高于限值 {}{}", number(*limit), zh_of(source))
        }
        EvidenceReason::BelowLimit { limit, source } => {
            format!("{subject} 低于限值 {}{}", number(*limit), zh_of(source))
        }
        EvidenceReason::TooFast {
            per_hour,
            limit_per_hour,
        } => format!(
            "{subject} 每小时变化 {}，超过每小时 {}",
            number(*per_hour),
            number(*limit_per_hour)
        ),
        EvidenceReason::OutsideBaseline {
            low,
            high,
            score,
            aspect,
            readings,
            operating_mode,
        } => {
            let range = format!("{} 至 {}", number(*low), number(*high));
            let over = match readings {
                0 | 1 => String::new(),
                n => format!("最近 {n} 次读数中"),
            };
            let clause = match aspect {
                Aspect::Level => format!("{over}超出学习到的范围 {range}"),
                Aspect::TimeOfDay => format!("{over}在此时段异常，通常为 {range}"),
                Aspect::Restlessness => format!("{over}波动前所未有"),
                Aspect::Prediction => format!("{over}与其他测量值的预期不符，预期 {range}"),
                Aspect::Rarity => format!("{over}处于罕见的数值，通常为 {range}"),
                Aspect::Shape => format!("{over}走势前所未有，通常为 {range}"),
                Aspect::Predictability => format!("{over}比以往更难预测，通常为 {range}"),
            };
            let mode = operating_mode
                .as_ref()
                .map_or(String::new(), |mode| format!("运行模式 {mode} 下"));
            format!("{subject} {mode}{clause}（异常度 {}）", number(*score))
        }
        EvidenceReason::UnusualCombination { score } => {
            format!("{subject}：各测量值的组合异常，异常度 {}", number(*score))
        }
        EvidenceReason::VibrationFault {
            fault,
            confidence,
            says,
        } if fault.is_empty() => format!(
            "振动波形无法判定故障类型（置信度 {}）：{}",
            number(*confidence),
            says.join("；")
        ),
        EvidenceReason::VibrationFault {
            fault,
            confidence,
            says,
        } => format!(
            "振动波形显示 {fault}（置信度 {}）：{}",
            number(*confidence),
            says.join("；")
        ),
        EvidenceReason::LearnedClass {
            class,
            probability,
            model,
        } => format!("学习模型 {model} 判定为 {class}（概率 {}）", number(*probability)),
        EvidenceReason::Stuck { since } => format!("{subject} 自 {since} 起没有变化"),
        EvidenceReason::OutsidePhysicalRange { min, max } => {
            format!("{subject} 超出传感器量程 {} 至 {}", number(*min), number(*max))
        }
        EvidenceReason::Silent { last_received_at } => format!("设备自 {last_received_at} 起没有数据"),
        EvidenceReason::FaultCode { code, text } if text.is_empty() => format!("设备报告故障 {code}"),
        EvidenceReason::FaultCode { code, text } => format!("设备报告故障 {code}：{text}"),
    }
}

fn of(source: &str) -> String {
    if source.is_empty() {
        String::new()
    } else {
        format!(" ({source})")
    }
}

fn zh_of(source: &str) -> String {
    if source.is_empty() {
        String::new()
    } else {
        format!("（{source}）")
    }
}

/// Five significant digits at least, integers whole, without trailing zeros.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() || !(1e-9..1e15).contains(&magnitude) {
        return format!("{value}");
    }
    let decimals = (4 - magnitude.log10().floor() as i32).clamp(0, 12) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{MetricName, RuleId, Timestamp};

    fn evidence(metric: Option<&str>, value: Option<f64>, reason: EvidenceReason) -> Evidence {
        Evidence {
            rule: RuleId::new("rule").unwrap(),
            metric: metric.map(|m| MetricName::new(m).unwrap()),
            value,
            reason,
        }
    }

    #[test]
    fn a_limit_is_told_with_value_limit_and_source() {
        let source = "ISO 10816-3:2009 group 2 rigid".to_owned();
        let found = evidence(
            Some("vibration_rms_mm_s"),
            Some(4.91),
            EvidenceReason::AboveLimit { limit: 4.5, source },
        );
        assert_eq!(
            sentence(&found, Language::En),
            "vibration_rms_mm_s 4.91 is above 4.5 (ISO 10816-3:2009 group 2 rigid)"
        );
        assert_eq!(
            sentence(&found, Language::Zh),
            "vibration_rms_mm_s 4.91 高于限值 4.5（ISO 10816-3:2009 group 2 rigid）"
        );
    }

    #[test]
    fn every_kind_of_evidence_tells_its_numbers_in_both_languages() {
        let check = |reason: EvidenceReason, numbers: &[&str]| {
            let found = evidence(Some("m"), Some(12.0), reason);
            for language in [Language::En, Language::Zh] {
                let text = sentence(&found, language);
                assert!(numbers.iter().all(|n| text.contains(n)), "{text}");
            }
        };
        let source = String::new();
        check(EvidenceReason::BelowLimit { limit: 13.5, source }, &["m 12", "13.5"]);
        let (per_hour, limit_per_hour) = (2.5, 1.25);
        check(
            EvidenceReason::TooFast {
                per_hour,
                limit_per_hour,
            },
            &["m 12", "2.5", "1.25"],
        );
        let (low, high, score) = (1.0, 2.000_000_4, 0.97);
        check(
            EvidenceReason::OutsideBaseline {
                low,
                high,
                score,
                aspect: Aspect::Level,
                readings: 64,
                operating_mode: Some("heating".to_owned()),
            },
            &["m 12", "1", "2", "64", "heating", "0.97"],
        );
        check(EvidenceReason::UnusualCombination { score }, &["m 12", "0.97"]);
        for fault in ["outer race", ""] {
            check(
                EvidenceReason::VibrationFault {
                    fault: fault.to_owned(),
                    confidence: 0.97,
                    says: vec!["line at 107 Hz".to_owned()],
                },
                &[fault, "0.97", "line at 107 Hz"],
            );
        }
        check(
            EvidenceReason::LearnedClass {
                class: "bearing_wear".to_owned(),
                probability: 0.97,
                model: "pumps-1a2b3c4d".to_owned(),
            },
            &["bearing_wear", "0.97", "pumps-1a2b3c4d"],
        );
        check(
            EvidenceReason::OutsidePhysicalRange { min: -40.0, max: 200.0 },
            &["m 12", "-40", "200"],
        );
        let since = Timestamp(1_732_250_000_000);
        check(EvidenceReason::Stuck { since }, &["m 12", "2024-11-22T04:33:20.000Z"]);
        let last_received_at = since;
        check(
            EvidenceReason::Silent { last_received_at },
            &["2024-11-22T04:33:20.000Z"],
        );
        let (code, text) = ("E47".to_owned(), "door".to_owned());
        check(EvidenceReason::FaultCode { code, text }, &["E47", "door"]);
    }

    #[test]
    fn numbers_are_short() {
        let found: Vec<String> = [0.0, 4.5, 2000.0, 123_456.7, 0.000_123_456, -1.0 / 3.0]
            .map(number)
            .into();
        assert_eq!(found, ["0", "4.5", "2000", "123457", "0.00012346", "-0.33333"]);
    }
}
