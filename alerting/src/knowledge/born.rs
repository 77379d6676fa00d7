//! What a closed ticket teaches. Pure.

use super::{Content, KnowledgeRefusal, MAX_CHARACTERS, MAX_TITLE_CHARACTERS, SameFault, normalised};
use crate::ticket::TicketRecord;
use domain::TicketId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a closed ticket found, as an entry would say it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Born {
    /// Which.
    pub ticket: TicketId,
    /// About what.
    pub same: SameFault,
    /// In the words of its technician.
    pub content: Content,
}

impl Born {
    /// What the ticket found.
    ///
    /// # Errors
    /// It is not closed, no fault was found, or nobody has said why it failed or what was done.
    pub fn of(record: &TicketRecord) -> Result<Born, KnowledgeRefusal> {
        let ticket = record.id;
        let outcome = record.outcome().ok_or(KnowledgeRefusal::NoFault { ticket })?;
        let mended = outcome.mended(&record.failure_mode).zip(outcome.finding());
        let (failure_mode, finding) = mended.ok_or(KnowledgeRefusal::NoFault { ticket })?;
        for (field, text) in [("cause", &finding.cause), ("remedy", &finding.remedy)] {
            if text.trim().is_empty() {
                let field = field.to_owned();
                return Err(KnowledgeRefusal::NoFinding { ticket, field });
            }
        }
        let same = SameFault {
            profile: record.profile.clone(),
            failure_mode: failure_mode.clone(),
            part: normalised(&finding.part),
            cause: normalised(&finding.cause),
        };
        let told = |texts: &[&str]| {
            let said: Vec<&str> = texts.iter().map(|t| t.trim()).filter(|t| !t.is_empty()).collect();
            said.join("; ")
        };
        let title = match finding.part.trim() {
            "" => finding.cause.clone(),
            part => told(&[&format!("{part}: {}", finding.cause.trim())]),
        };
        let malfunction = &record.work.malfunction;
        let code = malfunction.fault_code.trim();
        let content = Content {
            title: cut(first_line(&title), MAX_TITLE_CHARACTERS),
            profiles: BTreeSet::from([record.profile.clone()].map(|p| p.trim().to_owned()))
                .into_iter()
                .filter(|p| !p.is_empty())
                .collect(),
            fault_codes: [code]
                .iter()
                .filter(|c| !c.is_empty())
                .map(|c| (*c).to_owned())
                .collect(),
            symptoms: cut(&told(&[&malfunction.symptom, &finding.damage]), MAX_CHARACTERS),
            failure_mode: Some(failure_mode.clone()),
            part: finding.part.trim().to_owned(),
            cause: cut(&finding.cause, MAX_CHARACTERS),
            solution: cut(&finding.remedy, MAX_CHARACTERS),
            parts: finding.parts.clone(),
            safety_note: cut(&record.safety_note.en, MAX_CHARACTERS),
        };
        Ok(Born { ticket, same, content })
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or(text)
}

/// At most so many characters; what was cut off is shown as such.
fn cut(text: &str, limit: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit - 1).chain(['…']).collect(),
    }
}
