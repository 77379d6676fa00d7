//! Sentences, spans and numbers for people, in every language.

use domain::text::{Language, Text};
use domain::{Aspect, Evidence, EvidenceReason, Millis, Timestamp};

/// A number with about four significant digits and no trailing zeros.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let magnitude = value.abs();
    if magnitude >= 1e7 || (magnitude > 0.0 && magnitude < 1e-4) {
        return format!("{value:.2e}");
    }
    let decimals = match magnitude {
        m if m >= 1000.0 => 0,
        m if m >= 100.0 => 1,
        m if m >= 1.0 => 2,
        m if m >= 0.01 => 3,
        _ => 5,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// A number with its unit.
pub fn quantity(value: f64, unit: &str) -> String {
    match unit {
        "" => number(value),
        "%" => format!("{} %", number(value)),
        unit => format!("{} {unit}", number(value)),
    }
}

/// A span in its two largest units: `6 d 4 h`. The sign is left out.
pub fn span(language: Language, span: Millis) -> String {
    let seconds = span.0.unsigned_abs() / 1000;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    let [d, h, m, s] = match language {
        Language::En => ["d", "h", "min", "s"],
        Language::Zh => ["天", "小时", "分钟", "秒"],
    };
    let pair = |a: u64, au: &str, b: u64, bu: &str| match b {
        0 => format!("{a} {au}"),
        b => format!("{a} {au} {b} {bu}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) if span.0 != 0 && seconds == 0 => format!("{} ms", span.0.unsigned_abs()),
        (0, 0, 0) => format!("{seconds} {s}"),
        (0, 0, minutes) => format!("{minutes} {m}"),
        (0, hours, minutes) => pair(hours, h, minutes, m),
        (days, hours, _) if days < 10 => pair(days, d, hours, h),
        (days, _, _) => format!("{days} {d}"),
    }
}

/// A span given in hours.
pub fn hours(language: Language, hours: f64) -> String {
    span(language, Millis::from_hours(hours))
}

/// How long ago, or how far ahead.
pub fn ago(language: Language, now: Timestamp, at: Timestamp) -> String {
    let passed = now - at;
    if passed.0.abs() < 5_000 {
        return match language {
            Language::En => "now".to_owned(),
            Language::Zh => "刚刚".to_owned(),
        };
    }
    let span = span(language, passed);
    match (language, passed.0 > 0) {
        (Language::En, true) => format!("{span} ago"),
        (Language::En, false) => format!("in {span}"),
        (Language::Zh, true) => format!("{span}前"),
        (Language::Zh, false) => format!("{span}后"),
    }
}

/// How many of how many.
pub fn part_of(language: Language, part: u32, all: u32) -> String {
    match language {
        Language::En => format!("{part} of {all}"),
        Language::Zh => format!("{part}（共{all}）"),
    }
}

/// How many machines hang on one, and how many of them are silent or offline.
pub fn below(language: Language, all: u32, away: u32) -> String {
    match (language, away) {
        (Language::En, 0) => format!("{all}"),
        (Language::En, away) => format!("{all}, {away} not there"),
        (Language::Zh, 0) => format!("{all}台"),
        (Language::Zh, away) => format!("{all}台，{away}台失联"),
    }
}

/// `2026-01-31 12:00 UTC`.
pub fn clock_time(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16), text.get(10..11)) {
        (Some(day), Some(minute), Some("T")) => format!("{day} {minute} UTC"),
        (_, _, _) => text,
    }
}

/// Why a rule spoke, in one sentence with value and limit.
pub fn evidence(evidence: &Evidence, metric_title: &Text, unit: &str) -> Text {
    let name = |language| match (metric_title.get(language), &evidence.metric) {
        ("", Some(metric)) => metric.to_string(),
        ("", None) => String::new(),
        (title, _) => title.to_owned(),
    };
    let (en, zh) = (name(Language::En), name(Language::Zh));
    let value = evidence.value.map(|v| quantity(v, unit)).unwrap_or_default();
    let q = |v: &f64| quantity(*v, unit);
    let percent = |score: &f64| number((score * 100.0).round());
    let (en, zh) = match &evidence.reason {
        EvidenceReason::AboveLimit { limit, source } => (
            format!("{en} {value} is above the limit {}{}", q(limit), from(source)),
            format!("{zh} {value}，高于限值 {}{}", q(limit), from_zh(source)),
        ),
        EvidenceReason::BelowLimit { limit, source } => (
            format!("{en} {value} is below the limit {}{}", q(limit), from(source)),
            format!("{zh} {value}，低于限值 {}{}", q(limit), from_zh(source)),
        ),
        EvidenceReason::TooFast {
            per_hour,
            limit_per_hour,
        } => (
            format!(
                "{en} changes by {} per hour; {} per hour is allowed",
                q(per_hour),
                q(limit_per_hour)
            ),
            format!("{zh} 每小时变化 {}，允许 {}", q(per_hour), q(limit_per_hour)),
        ),
        EvidenceReason::OutsideBaseline {
            low,
            high,
            score,
            aspect,
            readings,
            operating_mode,
        } => {
            let (range, range_zh) = (
                format!("{} to {}", number(*low), q(high)),
                format!("{} 至 {}", number(*low), q(high)),
            );
            let (over, over_zh) = match readings {
                0 | 1 => (String::new(), String::new()),
                n => (format!(" over the last {n} readings"), format!("最近 {n} 次读数中")),
            };
            let (clause, clause_zh) = match aspect {
                Aspect::Level => (
                    format!("is outside the learned range {range}{over}"),
                    format!("{over_zh}超出学习到的范围 {range_zh}"),
                ),
                Aspect::TimeOfDay => (
                    format!("is unusual for this time of day{over}, {range} is usual"),
                    format!("{over_zh}在此时段异常，通常为 {range_zh}"),
                ),
                Aspect::Restlessness => (format!("moves as it never did{over}"), format!("{over_zh}波动前所未有")),
                Aspect::Prediction => (
                    format!("is not where the other values foretell{over}, {range} is expected"),
                    format!("{over_zh}与其他测量值的预期不符，预期 {range_zh}"),
                ),
                Aspect::Rarity => (
                    format!("is where it rarely was{over}, {range} is usual"),
                    format!("{over_zh}处于罕见的数值，通常为 {range_zh}"),
                ),
                Aspect::Shape => (
                    format!("runs as it never did{over}, {range} is usual"),
                    format!("{over_zh}走势前所未有，通常为 {range_zh}"),
                ),
                Aspect::Predictability => (
                    format!("is harder to foretell than it was{over}, {range} is usual"),
                    format!("{over_zh}比以往更难预测，通常为 {range_zh}"),
                ),
            };
            let (mode, mode_zh) = match operating_mode {
                Some(mode) => (format!(" in mode {mode}"), format!("运行模式 {mode} 下")),
                None => (String::new(), String::new()),
            };
            (
                format!("{en} {value} {clause}{mode} ({} % unusual)", percent(score)),
                format!("{zh} {value}，{mode_zh}{clause_zh}（异常度 {}%）", percent(score)),
            )
        }
        EvidenceReason::UnusualCombination { score } => (
            format!("The combination of measurements is {} % unusual", percent(score)),
            format!("各测量值的组合异常，异常度 {}%", percent(score)),
        ),
        EvidenceReason::VibrationFault {
            fault,
            confidence,
            says,
        } if fault.is_empty() => (
            format!("The waveform shows no fault that can be named: {}", says.join("; ")),
            format!(
                "振动波形无法判定故障类型（置信度 {}%）：{}",
                percent(confidence),
                says.join("；")
            ),
        ),
        EvidenceReason::VibrationFault {
            fault,
            confidence,
            says,
        } => (
            format!(
                "The waveform shows {fault}, {} % certain: {}",
                percent(confidence),
                says.join("; ")
            ),
            format!(
                "振动波形显示 {fault}，置信度 {}%：{}",
                percent(confidence),
                says.join("；")
            ),
        ),
        EvidenceReason::LearnedClass {
            class,
            probability,
            model,
        } => (
            format!(
                "By the learned model {model} this is {class}, {} % probable",
                percent(probability)
            ),
            format!("学习模型 {model} 判定为 {class}，概率 {}%", percent(probability)),
        ),
        EvidenceReason::Stuck { since } => (
            format!("{en} has shown {value} without any change since {}", clock_time(*since)),
            format!("{zh} 自 {} 起一直为 {value}，毫无变化", clock_time(*since)),
        ),
        EvidenceReason::OutsidePhysicalRange { min, max } => (
            format!(
                "{en} {value} is outside what the sensor can measure ({} to {})",
                number(*min),
                q(max)
            ),
            format!("{zh} {value}，超出传感器可测范围（{} 至 {}）", number(*min), q(max)),
        ),
        EvidenceReason::Silent { last_received_at } => (
            format!("Nothing heard since {}", clock_time(*last_received_at)),
            format!("自 {} 起未收到任何数据", clock_time(*last_received_at)),
        ),
        EvidenceReason::FaultCode { code, text } if text.is_empty() => (
            format!("The device reported fault code {code}"),
            format!("设备报告故障码 {code}"),
        ),
        EvidenceReason::FaultCode { code, text } => (
            format!("The device reported fault code {code}: {text}"),
            format!("设备报告故障码 {code}：{text}"),
        ),
    };
    Text { en, zh }
}

fn from(source: &str) -> String {
    match source {
        "" => String::new(),
        source => format!(" ({source})"),
    }
}

fn from_zh(source: &str) -> String {
    match source {
        "" => String::new(),
        source => format!("（{source}）"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{MetricName, RuleId};

    #[test]
    fn numbers_keep_what_matters() {
        let cases = [
            (0.0, "0"),
            (4.5, "4.5"),
            (4.568, "4.57"),
            (123.456, "123.5"),
            (12_345.6, "12346"),
            (0.0123, "0.012"),
            (-3.0, "-3"),
            (1e9, "1.00e9"),
            (f64::NAN, "–"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let cases = [
            (Millis::ZERO, "0 s", "0 秒"),
            (Millis(420), "420 ms", "420 ms"),
            (Millis::seconds(40), "40 s", "40 秒"),
            (Millis::minutes(-3), "3 min", "3 分钟"),
            (Millis::minutes(125), "2 h 5 min", "2 小时 5 分钟"),
            (Millis::hours(148), "6 d 4 h", "6 天 4 小时"),
            (Millis::days(40), "40 d", "40 天"),
        ];
        for (millis, en, zh) in cases {
            assert_eq!(span(Language::En, millis), en);
            assert_eq!(span(Language::Zh, millis), zh);
        }
    }

    #[test]
    fn a_reason_names_value_and_limit_in_both_languages() {
        let said = Evidence {
            rule: RuleId::new("vibration_zone").expect("name"),
            metric: Some(MetricName::new("vibration_rms_mm_s").expect("name")),
            value: Some(4.83),
            reason: EvidenceReason::AboveLimit {
                limit: 4.5,
                source: "ISO 10816-3".into(),
            },
        };
        let title = Text {
            en: "Vibration".into(),
            zh: "振动".into(),
        };
        let text = evidence(&said, &title, "mm/s");
        assert_eq!(text.en, "Vibration 4.83 mm/s is above the limit 4.5 mm/s (ISO 10816-3)");
        assert_eq!(text.zh, "振动 4.83 mm/s，高于限值 4.5 mm/s（ISO 10816-3）");
        let nameless = evidence(&said, &Text::default(), "");
        assert!(nameless.en.starts_with("vibration_rms_mm_s 4.83 is"));
    }
}
