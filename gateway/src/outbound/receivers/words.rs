//! The one place of texts for receivers, in English and Chinese. Pure.

use super::note::{About, Note, Phase};
use domain::text::Language::{En, Zh};
use domain::{RiskLevel, Severity, Timestamp};

/// The first line: how bad, what, where.
pub fn headline(note: &Note) -> String {
    let (sign, place) = (sign(note), place(note));
    match note.language {
        En => format!("[{sign}] {} — {place}", note.title),
        Zh => format!("【{sign}】{} — {place}", note.title),
    }
}

/// Where: site and machine, or the site alone.
pub fn place(note: &Note) -> String {
    match &note.device {
        Some(device) => format!("{}/{}", device.site, device.device),
        None => note.site.to_string(),
    }
}

/// How it stands, in a word or two, for the beginning of a line.
fn sign(note: &Note) -> String {
    let (en, zh) = match (note.phase, note.about) {
        (_, About::Trial) => ("Test", "测试"),
        (Phase::Over, About::Ticket) => ("Closed", "工单关闭"),
        (Phase::Over, _) => ("Over", "已恢复"),
        (Phase::Acknowledged, About::Ticket) => ("In work", "处理中"),
        (Phase::Acknowledged, _) => ("Acknowledged", "已确认"),
        (Phase::Reopened, _) => ("Reopened", "重新打开"),
        (Phase::Hidden, _) => ("Put aside", "已搁置"),
        (Phase::Open | Phase::Changed, _) if note.is_emergency => ("Emergency", "紧急"),
        (Phase::Open | Phase::Changed, _) => match note.severity {
            Some(severity) => return severity_word(note, severity).to_owned(),
            None => ("Notice", "通知"),
        },
    };
    pick(note, en, zh).to_owned()
}

/// The facts, each with its label: machine, reason with value and limit, risk, ticket, and what else is known.
pub fn facts(note: &Note) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut add = |en: &'static str, zh: &'static str, value: String| {
        if !value.is_empty() {
            facts.push((pick(note, en, zh), value));
        }
    };
    add("Site", "站点", note.site.to_string());
    let device = note.device.as_ref().map(|d| d.device.to_string()).unwrap_or_default();
    add("Machine", "设备", bracketed(note, device, &note.place));
    add("Customer", "客户", note.customer.clone());
    add("Reason", "原因", note.reason.clone());
    add(
        "Severity",
        "严重程度",
        note.severity
            .map(|s| severity_word(note, s).to_owned())
            .unwrap_or_default(),
    );
    add(
        "Risk",
        "风险",
        note.risk.map(|r| risk_word(note, r).to_owned()).unwrap_or_default(),
    );
    let priority = note.priority.map(|p| format!("{p:?}")).unwrap_or_default();
    match note.ticket {
        Some(ticket) => add("Ticket", "工单", bracketed(note, ticket.to_string(), &priority)),
        None => add("Priority", "优先级", priority),
    }
    add("Due", "期限", note.due_at.map(minute).unwrap_or_default());
    add("To do", "建议措施", note.action.clone());
    add("News", "进展", note.news.clone());
    let by = if note.by == "system" {
        String::new()
    } else {
        note.by.clone()
    };
    add("By", "操作人", by);
    add("Time", "时间", minute(note.at));
    facts
}

/// The name of the link to the page.
pub fn link_name(note: &Note) -> &'static str {
    pick(note, "Open in Forewarn", "在 Forewarn 中查看")
}

/// All of it as plain lines, the link last.
pub fn plain(note: &Note) -> String {
    let mut text = headline(note);
    for (label, value) in facts(note) {
        text.push_str(&format!("\n{label}{}{value}", pick(note, ": ", "：")));
    }
    if let Some(link) = &note.link {
        text.push_str(&format!("\n{}{}{link}", link_name(note), pick(note, ": ", "：")));
    }
    text
}

/// What follows a label.
pub fn colon(note: &Note) -> &'static str {
    pick(note, ": ", "：")
}

fn bracketed(note: &Note, value: String, more: &str) -> String {
    match (value.is_empty() || more.is_empty(), note.language) {
        (true, _) => value,
        (false, En) => format!("{value} ({more})"),
        (false, Zh) => format!("{value}（{more}）"),
    }
}

fn pick(note: &Note, en: &'static str, zh: &'static str) -> &'static str {
    match note.language {
        En => en,
        Zh => zh,
    }
}

fn severity_word(note: &Note, severity: Severity) -> &'static str {
    match severity {
        Severity::Advisory => pick(note, "Advisory", "提示"),
        Severity::Warning => pick(note, "Warning", "警告"),
        Severity::Critical => pick(note, "Critical", "严重"),
    }
}

fn risk_word(note: &Note, risk: RiskLevel) -> &'static str {
    match risk {
        RiskLevel::VeryLow => pick(note, "very low", "很低"),
        RiskLevel::Low => pick(note, "low", "低"),
        RiskLevel::Medium => pick(note, "medium", "中"),
        RiskLevel::High => pick(note, "high", "高"),
        RiskLevel::VeryHigh => pick(note, "very high", "很高"),
    }
}

/// `2026-10-01 09:30 UTC`.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) if text.ends_with('Z') => format!("{day} {time} UTC"),
        (_, _) => text,
    }
}

/// At most so many characters, the last one an ellipsis where something was cut.
pub fn cut(text: &str, most_chars: usize) -> String {
    match text.char_indices().nth(most_chars) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most_chars.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// At most so many bytes of UTF-8, ending with an ellipsis where something was cut.
pub fn cut_bytes(text: &str, most_bytes: usize) -> String {
    if text.len() <= most_bytes {
        return text.to_owned();
    }
    let mut end = most_bytes.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::super::samples::alarm;
    use super::*;

    #[test]
    fn both_languages_have_machine_reason_risk_ticket_and_link() {
        assert_eq!(
            plain(&alarm(En)),
            "[Critical] Bearing wear — harbour/pump-1\nSite: harbour\nMachine: pump-1 (Hall 3, SN-77)\nCustomer: Waterworks\n\
             Reason: vibration 9.2 mm/s is above the limit 7.1 mm/s\nSeverity: Critical\nRisk: high\nTicket: T-000007\n\
             To do: Replace the bearing\nTime: 2026-10-01 08:00 UTC\n\
             Open in Forewarn: https://fw.example/alarms/harbour/pump-1/bearing_wear/1"
        );
        assert_eq!(
            plain(&alarm(Zh)),
            "【严重】轴承磨损 — harbour/pump-1\n站点：harbour\n设备：pump-1（Hall 3, SN-77）\n客户：Waterworks\n\
             原因：振动 9.2 mm/s 超过限值 7.1 mm/s\n严重程度：严重\n风险：高\n工单：T-000007\n\
             建议措施：更换轴承\n时间：2026-10-01 08:00 UTC\n\
             在 Forewarn 中查看：https://fw.example/alarms/harbour/pump-1/bearing_wear/1"
        );
    }

    #[test]
    fn what_is_too_long_ends_with_an_ellipsis() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut_bytes("振动振动", 8), "振…");
        assert_eq!(cut_bytes("振动", 6), "振动");
    }
}
