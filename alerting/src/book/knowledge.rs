//! The knowledge base in the book: drafted, born from tickets, edited, released, retired and rated by people.

use super::Book;
use super::alarms::person;
use crate::alarm::PersonName;
use crate::effect::{AuditEntry, Effect, Refusal};
use crate::knowledge::{Born, EntryId, EntryRecord, KnowledgeCommand, KnowledgeRefusal, MAX_ENTRIES};
use crate::ticket::{Actor, TicketChange};
use domain::{TicketId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// The entries, and the highest number ever given.
#[derive(Debug, Clone, Default)]
pub(super) struct Knowledge {
    entries: BTreeMap<EntryId, EntryRecord>,
    last: u64,
}

impl Knowledge {
    pub(super) fn restore(entries: Vec<EntryRecord>, last: u64) -> Self {
        let highest = entries.iter().map(|entry| entry.id.0).max().unwrap_or(0);
        Knowledge {
            last: last.max(highest),
            entries: entries.into_iter().map(|entry| (entry.id, entry)).collect(),
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &EntryRecord> {
        self.entries.values()
    }

    pub(super) fn entry(&self, id: EntryId) -> Option<&EntryRecord> {
        self.entries.get(&id)
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    fn known(&self, entry: EntryId) -> Result<EntryRecord, KnowledgeRefusal> {
        let known = self.entries.get(&entry).cloned();
        known.ok_or(KnowledgeRefusal::UnknownEntry { entry })
    }

    fn next(&self) -> Result<EntryId, KnowledgeRefusal> {
        match self.entries.len() < MAX_ENTRIES {
            true => Ok(EntryId(self.last + 1)),
            false => Err(KnowledgeRefusal::TooManyEntries { limit: MAX_ENTRIES }),
        }
    }

    /// The entry that a ticket is part of or says the same as, as it will be; the oldest of several.
    fn born(
        &self,
        born: Born,
        by: PersonName,
        now: Timestamp,
    ) -> Result<(EntryRecord, &'static str), KnowledgeRefusal> {
        let mut live = self.entries.values().filter(|entry| entry.is_live());
        if let Some(entry) = live.clone().find(|entry| entry.tickets.contains(&born.ticket)) {
            let (ticket, entry) = (born.ticket, entry.id);
            return Err(KnowledgeRefusal::AlreadyThere { ticket, entry });
        }
        if let Some(mut entry) = live.find(|entry| entry.says(&born.same)).cloned() {
            entry.add_ticket(&born, now)?;
            return Ok((entry, "proved"));
        }
        let mut entry = EntryRecord::draft(self.next()?, born.content, by, now)?;
        entry.born_as = Some(born.same);
        entry.tickets.insert(born.ticket);
        Ok((entry, "born"))
    }

    /// What a command comes to: the entry as it will be and what is done with it; none: nothing changes.
    fn decide(
        &self,
        command: KnowledgeCommand,
        by: PersonName,
        now: Timestamp,
    ) -> Result<Option<(EntryRecord, &'static str, String)>, KnowledgeRefusal> {
        let (entry, action, detail) = match command {
            KnowledgeCommand::Draft { content } => {
                let entry = EntryRecord::draft(self.next()?, *content, by, now)?;
                let title = entry.content.title.clone();
                (entry, "drafted", title)
            }
            KnowledgeCommand::FromTicket { born } => {
                let ticket = born.ticket;
                let (entry, action) = self.born(*born, by, now)?;
                (entry, action, ticket.to_string())
            }
            KnowledgeCommand::Edit { entry, content } => {
                let mut entry = self.known(entry)?;
                entry.edit(*content, by, now)?;
                let detail = format!("version {}", entry.version);
                (entry, "edited", detail)
            }
            KnowledgeCommand::Release { entry } => {
                let mut entry = self.known(entry)?;
                entry.release(by, now)?;
                // a ticket that has gone into another one since does not count twice
                let others = self.entries.values().filter(|e| e.is_live() && e.id != entry.id);
                let elsewhere: BTreeSet<_> = others.flat_map(|e| &e.tickets).collect();
                entry.tickets.retain(|ticket| !elsewhere.contains(ticket));
                let detail = format!("version {}", entry.version);
                (entry, "released", detail)
            }
            KnowledgeCommand::Retire { entry, reason } => {
                let mut entry = self.known(entry)?;
                entry.retire(reason.clone(), by, now)?;
                (entry, "retired", reason)
            }
            KnowledgeCommand::Rate {
                entry,
                ticket,
                has_helped,
            } => {
                let mut entry = self.known(entry)?;
                if !entry.rate(ticket, has_helped, by, now)? {
                    return Ok(None);
                }
                let said = if has_helped { "helped" } else { "did not help" };
                (entry, "rated", format!("{said} with {ticket}"))
            }
        };
        Ok(Some((entry, action, detail)))
    }
}

impl Book {
    /// The entries of the knowledge base, by number.
    pub fn entries(&self) -> impl Iterator<Item = &EntryRecord> {
        self.knowledge.entries()
    }

    /// An entry of the knowledge base.
    pub fn entry(&self, id: EntryId) -> Option<&EntryRecord> {
        self.knowledge.entry(id)
    }

    pub(super) fn command_knowledge(
        &mut self,
        mut command: KnowledgeCommand,
        actor: Actor,
        now: Timestamp,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let refused = |why| Refusal::Knowledge { why };
        let by = person(&actor)?;
        // a ticket that is still here may have changed since it was looked at
        if let KnowledgeCommand::FromTicket { born } = &mut command
            && let Some(ticket) = self.tickets.get(&born.ticket)
        {
            **born = Born::of(ticket).map_err(refused)?;
        }
        let Some((entry, action, detail)) = self.knowledge.decide(command, by, now).map_err(refused)? else {
            return Ok(());
        };
        out.push(Effect::KnowledgeChanged {
            record: Box::new(entry.clone()),
        });
        out.push(Effect::Audit(AuditEntry {
            at: now,
            actor,
            action: format!("knowledge.{action}"),
            subject: entry.id.to_string(),
            detail,
        }));
        self.knowledge.last = self.knowledge.last.max(entry.id.0);
        self.knowledge.entries.insert(entry.id, entry);
        Ok(())
    }

    /// Tickets that this step has reopened prove nothing any more; closed again, they can again.
    pub(super) fn withdraw_reopened(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        let reopened: Vec<TicketId> = out.iter().filter_map(reopened).collect();
        for ticket in reopened {
            for entry in self.knowledge.entries.values_mut() {
                if entry.withdraw(ticket, now) {
                    out.push(Effect::KnowledgeChanged {
                        record: Box::new(entry.clone()),
                    });
                    out.push(Effect::Audit(AuditEntry {
                        at: now,
                        actor: Actor::System,
                        action: "knowledge.withdrawn".to_owned(),
                        subject: entry.id.to_string(),
                        detail: format!("{ticket} is open again"),
                    }));
                }
            }
        }
    }
}

fn reopened(effect: &Effect) -> Option<TicketId> {
    match effect {
        Effect::TicketChanged {
            record,
            change: TicketChange::Reopened { .. },
        } => Some(record.id),
        Effect::TicketChanged { .. }
        | Effect::AlarmChanged { .. }
        | Effect::WindowChanged { .. }
        | Effect::OverrideChanged { .. }
        | Effect::StockChanged { .. }
        | Effect::KnowledgeChanged { .. }
        | Effect::EpisodeClosed { .. }
        | Effect::IncidentChanged { .. }
        | Effect::NoticesChanged { .. }
        | Effect::Audit(_)
        | Effect::Publish(_) => None,
    }
}
