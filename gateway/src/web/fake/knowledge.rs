//! The knowledge base of the fake: as much as pages and API need to be tried.

use super::*;
use crate::web::backend::{EntryText, KnowledgeOrder, KnowledgeQuery};
use dashboards::view::{Entry, EntryList, EntryState, Retired};

fn plain(said: &str) -> Text {
    text(said, "")
}

fn entry_of(id: &str, state: EntryState, said: EntryText, by: &str, at: At) -> Entry {
    Entry {
        id: id.to_owned(),
        state,
        title: plain(&said.title),
        profiles: said.profiles,
        fault_codes: said.fault_codes,
        symptoms: said.symptoms,
        failure_mode: said.failure_mode.map(|mode| mode.to_string()),
        part: said.part,
        cause: plain(&said.cause),
        solution: plain(&said.solution),
        parts: said.parts,
        safety_note: said.safety_note,
        is_safety: false,
        tickets: Vec::new(),
        ticket_count: 0,
        used: 0,
        helped: 0,
        did_not_help: 0,
        solved: 0,
        solved_share_at_least: None,
        is_suggested: false,
        author: Some(by.to_owned()),
        edited_by: Some(by.to_owned()),
        created_at: Some(at),
        changed_at: Some(at),
        released: None,
        retired: None,
        version: 1,
        revision: 1,
    }
}

/// One that an engineer stands for, and one of a maker.
pub(super) fn some_entries(now: Timestamp) -> Vec<Entry> {
    let said = EntryText {
        title: "drive-end bearing: no grease".into(),
        profiles: vec!["pump".into()],
        fault_codes: vec!["E31".into()],
        symptoms: "grinding noise 异响".into(),
        failure_mode: FailureModeId::new("bearing_wear").ok(),
        part: "drive-end bearing".into(),
        cause: "no grease for two years".into(),
        solution: "new bearing, grease every 180 days".into(),
        parts: vec!["6205-2RS".into()],
        safety_note: "lock out the drive".into(),
    };
    let at: At = (now - Millis::days(3)).into();
    let mut own = entry_of("K-000001", EntryState::Released, said.clone(), "Li Wei", at);
    own.released = Some(Act {
        by: "Chen Yu".into(),
        at,
    });
    (own.tickets, own.ticket_count) = (vec!["T-000017".into()], 1);
    (own.used, own.helped, own.did_not_help, own.solved) = (2, 1, 1, 2);
    own.solved_share_at_least = Some(0.2077);
    let mut maker = entry_of("maker/pump/code/E31", EntryState::Maker, said, "", at);
    maker.title = text("Bearing seized", "轴承卡死");
    (maker.author, maker.edited_by, maker.created_at, maker.changed_at) = (None, None, None, None);
    (maker.version, maker.revision) = (0, 0);
    vec![own, maker]
}

impl Fake {
    pub(super) fn find_entries(&self, query: &KnowledgeQuery) -> EntryList {
        let fits = |entry: &&Entry| {
            let said = [
                entry.title.en.as_str(),
                &entry.symptoms,
                &entry.cause.en,
                &entry.solution.en,
            ];
            let has_text = said.iter().any(|text| text.contains(query.text.as_str()));
            let is_code = |code: &String| entry.fault_codes.contains(code);
            has_text
                && query.fault_code.as_ref().is_none_or(is_code)
                && query.state.is_none_or(|state| state == entry.state)
        };
        let entries: Vec<Entry> = self.with(|s| s.entries.iter().filter(fits).cloned().collect());
        EntryList {
            found: entries.len() as u64,
            entries,
        }
    }

    pub(super) fn find_entry(&self, id: u64) -> Answer<Entry> {
        let id = format!("K-{id:06}");
        let found = self.with(|s| s.entries.iter().find(|entry| entry.id == id).cloned());
        found.ok_or_else(|| not_found(format!("entry {id}")))
    }

    pub(super) fn write_knowledge(&self, order: &Order, wish: KnowledgeOrder) -> Answer<Entry> {
        let (now, by): (At, _) = (self.now().into(), order.actor.name.clone());
        let act = Act {
            by: by.clone(),
            at: now,
        };
        let id = match &wish {
            KnowledgeOrder::Draft(_) | KnowledgeOrder::FromTicket(_) => None,
            KnowledgeOrder::Edit(id, _)
            | KnowledgeOrder::Release(id)
            | KnowledgeOrder::Retire(id, _)
            | KnowledgeOrder::Rate(id, ..) => Some(format!("K-{id:06}")),
        };
        let changed = self.with(|s| {
            let Some(id) = id else {
                let said = match wish {
                    KnowledgeOrder::Draft(said) => *said,
                    _ => EntryText {
                        title: "from a ticket".into(),
                        profiles: Vec::new(),
                        fault_codes: Vec::new(),
                        symptoms: String::new(),
                        failure_mode: None,
                        part: String::new(),
                        cause: "cause".into(),
                        solution: "remedy".into(),
                        parts: Vec::new(),
                        safety_note: String::new(),
                    },
                };
                let id = format!("K-{:06}", s.entries.len() + 1);
                let entry = entry_of(&id, EntryState::Draft, said, &by, now);
                s.entries.push(entry.clone());
                return Ok(entry);
            };
            let found = s.entries.iter_mut().find(|entry| entry.id == id);
            let entry = found.ok_or_else(|| not_found(format!("entry {id}")))?;
            let revision = entry.revision;
            if order.if_revision.is_some_and(|seen| seen != revision) {
                return Err(BackendError::Changed { revision });
            }
            match wish {
                KnowledgeOrder::Edit(_, said) => {
                    (entry.title, entry.cause, entry.solution) =
                        (plain(&said.title), plain(&said.cause), plain(&said.solution));
                    entry.version += 1;
                }
                KnowledgeOrder::Release(_) => (entry.state, entry.released) = (EntryState::Released, Some(act)),
                KnowledgeOrder::Retire(_, reason) => {
                    (entry.state, entry.released) = (EntryState::Retired, None);
                    entry.retired = Some(Retired { act, reason });
                }
                KnowledgeOrder::Rate(_, _, helped) => {
                    entry.used += 1;
                    *(if helped {
                        &mut entry.helped
                    } else {
                        &mut entry.did_not_help
                    }) += 1;
                }
                KnowledgeOrder::Draft(_) | KnowledgeOrder::FromTicket(_) => {}
            }
            entry.revision += 1;
            Ok(entry.clone())
        })?;
        self.note(&order.actor, "knowledge.change", &changed.id, "");
        Ok(changed)
    }
}
