//! Whom to send in the made-up content.

use dashboards::view::Proposal;
use domain::text::Text;

/// Two engineers for one ticket, nobody for the others.
pub(super) fn proposed(ticket: &str) -> Vec<Proposal> {
    if ticket != "T-000041" {
        return Vec::new();
    }
    let told = [
        (
            "Li Wei",
            83,
            ("has the skills: refrigeration", "具备技能：refrigeration"),
        ),
        (
            "Zhou Min",
            41,
            ("lacks the skills: refrigeration", "缺少技能：refrigeration"),
        ),
    ];
    let proposals = (1..).zip(told).map(|(rank, (engineer, score, (en, zh)))| Proposal {
        rank,
        engineer: engineer.into(),
        is_fit: rank == 1,
        score,
        reasons: vec![Text {
            en: en.into(),
            zh: zh.into(),
        }],
    });
    proposals.collect()
}
