//! The knowledge base for people: rows to views, searches over people's and makers' entries, what people write.

use super::alarms::record_of as alarm_record_of;
use super::tickets::record_of as ticket_record_of;
use super::{LiveBackend, revision_fits};
use crate::store::rows::EntryRow;
use crate::store::{Reader, StoreError};
use crate::web::backend::{Answer, BackendError, EntryText, KnowledgeOrder, KnowledgeQuery, Order, Right};
use alerting::effect::Command;
use alerting::knowledge::{
    Born, Candidate, Content, EntryId, EntryRecord, EntryState, KnowledgeCommand, KnowledgeConfig, KnowledgeRefusal,
    MOST_HITS, MakersEntry, Query, Wanted, makers_entries, search,
};
use alerting::record::AlarmRecord;
use alerting::ticket::{REPORTED, TicketRecord};
use dashboards::view::{self, Act, Entry, EntryList, Retired};
use domain::text::Text;
use domain::{AlarmId, TicketId};
use std::collections::BTreeSet;

/// Entries shown with a ticket or an alarm.
const MOST_SHOWN: usize = 5;

/// Why the book did not follow, for whoever asked.
pub(super) fn refused(why: &KnowledgeRefusal) -> BackendError {
    let detail = why.to_string();
    match why {
        KnowledgeRefusal::UnknownEntry { entry } => not_found(*entry),
        KnowledgeRefusal::TooManyEntries { .. }
        | KnowledgeRefusal::TooMuchEvidence { .. }
        | KnowledgeRefusal::AlreadyThere { .. }
        | KnowledgeRefusal::NoChange { .. }
        | KnowledgeRefusal::NoFault { .. }
        | KnowledgeRefusal::NoFinding { .. } => BackendError::Conflict { detail },
        KnowledgeRefusal::Missing { field }
        | KnowledgeRefusal::TooLong { field, .. }
        | KnowledgeRefusal::TooMany { field, .. }
        | KnowledgeRefusal::Name { field, .. } => BackendError::Invalid {
            pointer: format!("/{field}"),
            detail,
        },
    }
}

fn not_found(id: EntryId) -> BackendError {
    BackendError::NotFound {
        what: format!("entry {id} of the knowledge base"),
    }
}

fn no_ticket(id: TicketId) -> BackendError {
    BackendError::NotFound {
        what: format!("ticket {id}"),
    }
}

/// The record of a row.
fn record_of(row: &EntryRow) -> Result<EntryRecord, StoreError> {
    serde_json::from_str(&row.record).map_err(|error| StoreError::Damaged {
        what: format!("entry {} of the knowledge base", EntryId(row.id)),
        problem: error.to_string(),
    })
}

fn content_of(text: EntryText) -> Content {
    Content {
        title: text.title,
        profiles: text.profiles.into_iter().collect(),
        fault_codes: text.fault_codes.into_iter().collect(),
        symptoms: text.symptoms,
        failure_mode: text.failure_mode,
        part: text.part,
        cause: text.cause,
        solution: text.solution,
        parts: text.parts,
        safety_note: text.safety_note,
    }
}

fn plain(text: &str) -> Text {
    Text {
        en: text.to_owned(),
        zh: String::new(),
    }
}

fn entry_view(record: &EntryRecord, config: &KnowledgeConfig, reader: &Reader) -> Result<Entry, StoreError> {
    let act = |by: &str, at: domain::Timestamp| Act {
        by: by.to_owned(),
        at: at.into(),
    };
    let (state, released, retired) = match &record.state {
        EntryState::Draft => (view::EntryState::Draft, None, None),
        EntryState::Released { by, at } => (view::EntryState::Released, Some(act(by, *at)), None),
        EntryState::Retired { by, at, reason } => {
            let retired = Retired {
                act: act(by, *at),
                reason: reason.clone(),
            };
            (view::EntryState::Retired, None, Some(retired))
        }
    };
    let mut tickets = Vec::new();
    for ticket in &record.tickets {
        // numbers of tickets that are not seen are not told
        if !reader.is_limited() || reader.has_ticket(ticket.0)? {
            tickets.push(ticket.to_string());
        }
    }
    let (content, solved, helped) = (&record.content, record.solved(), record.helped());
    Ok(Entry {
        id: record.id.to_string(),
        state,
        title: plain(&content.title),
        profiles: content.profiles.iter().cloned().collect(),
        fault_codes: content.fault_codes.iter().cloned().collect(),
        symptoms: content.symptoms.clone(),
        failure_mode: content.failure_mode.as_ref().map(ToString::to_string),
        part: content.part.clone(),
        cause: plain(&content.cause),
        solution: plain(&content.solution),
        parts: content.parts.clone(),
        safety_note: content.safety_note.clone(),
        is_safety: false,
        tickets,
        ticket_count: record.tickets.len() as u64,
        used: helped.of,
        helped: helped.part,
        did_not_help: helped.of - helped.part,
        solved: solved.part,
        solved_share_at_least: solved.wilson().map(|(low, _)| low),
        is_suggested: record.is_suggested(config),
        author: Some(record.author.clone()),
        edited_by: Some(record.edited_by.clone()),
        created_at: Some(record.created_at.into()),
        changed_at: Some(record.changed_at.into()),
        released,
        retired,
        version: record.version,
        revision: u64::from(record.revision),
    })
}

fn maker_view(maker: &MakersEntry) -> Entry {
    Entry {
        id: maker.key(),
        state: view::EntryState::Maker,
        title: maker.title.clone(),
        profiles: vec![maker.profile.clone()],
        fault_codes: maker.fault_code.iter().cloned().collect(),
        symptoms: String::new(),
        failure_mode: Some(maker.failure_mode.to_string()),
        part: maker.part.clone(),
        cause: maker.cause.clone(),
        solution: maker.solution.clone(),
        parts: maker.parts.clone(),
        safety_note: String::new(),
        is_safety: maker.is_safety,
        tickets: Vec::new(),
        ticket_count: 0,
        used: 0,
        helped: 0,
        did_not_help: 0,
        solved: 0,
        solved_share_at_least: None,
        is_suggested: false,
        author: None,
        edited_by: None,
        created_at: None,
        changed_at: None,
        released: None,
        retired: None,
        version: 0,
        revision: 0,
    }
}

/// What a ticket asks of the knowledge base: its fault codes and failure mode; its words, where nobody has named the fault.
fn query_of_ticket(record: &TicketRecord, alarm: Option<&AlarmRecord>) -> Query {
    let malfunction = &record.work.malfunction;
    let mode = record.different_fault().unwrap_or(&record.failure_mode);
    let is_named = mode.as_str() != REPORTED;
    let said = alarm.and_then(|alarm| alarm.facts.code.as_ref());
    let codes = said.map(|code| code.code.as_str()).into_iter();
    let codes = codes
        .chain([malfunction.fault_code.as_str()])
        .filter(|code| !code.is_empty());
    let fault_codes: BTreeSet<String> = codes.map(str::to_owned).collect();
    let by_words = !is_named && fault_codes.is_empty();
    Query {
        text: match by_words {
            true => format!("{} {}", record.title.en, malfunction.symptom),
            false => String::new(),
        },
        profile: Some(record.profile.clone()),
        failure_mode: is_named.then(|| mode.clone()),
        fault_codes,
        wanted: match by_words {
            true => Wanted::All,
            false => Wanted::Either,
        },
    }
}

fn query_of_alarm(record: &AlarmRecord) -> Query {
    Query {
        text: String::new(),
        profile: Some(record.profile.clone()),
        failure_mode: Some(record.failure_mode.clone()),
        fault_codes: record.facts.code.iter().map(|code| code.code.clone()).collect(),
        wanted: Wanted::Either,
    }
}

impl LiveBackend {
    /// What the makers say, by the profiles of the files.
    fn makers(&self) -> Vec<MakersEntry> {
        let files = self.running.catalogue.files();
        files.flat_map(|release| makers_entries(&release.profile())).collect()
    }

    /// Released and makers' entries that fit, the best first.
    pub(super) fn best_entries(&self, reader: &Reader, query: &Query) -> Result<Vec<Entry>, StoreError> {
        let rows = match query.wanted {
            Wanted::Either => {
                let codes: Vec<String> = query.fault_codes.iter().map(|c| c.trim().to_uppercase()).collect();
                let codes = serde_json::to_string(&codes).expect("texts serialise");
                reader.entries_for(query.failure_mode.as_ref().map_or("", |m| m.as_str()), &codes)?
            }
            Wanted::All => reader.entries()?,
        };
        let records: Vec<EntryRecord> = rows.iter().map(record_of).collect::<Result<_, _>>()?;
        let released = records.iter().filter(|record| record.is_released());
        // what the maker of another machine says is no help here
        let is_its = |maker: &MakersEntry| query.profile.as_ref().is_none_or(|profile| maker.profile == *profile);
        let mut makers = self.makers();
        makers.retain(is_its);
        let all = released
            .map(Candidate::Entry)
            .chain(makers.iter().map(Candidate::Maker));
        let (hits, _) = search(all, query, MOST_SHOWN);
        let views = hits.iter().map(|hit| self.view_of(&hit.candidate, reader));
        views.collect()
    }

    fn view_of(&self, candidate: &Candidate<'_>, reader: &Reader) -> Result<Entry, StoreError> {
        match candidate {
            Candidate::Entry(record) => entry_view(record, &self.running.policy.knowledge, reader),
            Candidate::Maker(maker) => Ok(maker_view(maker)),
        }
    }

    /// The best entries for a ticket whose alarm is as given.
    pub(super) fn entries_for_ticket(
        &self,
        reader: &Reader,
        record: &TicketRecord,
        alarm: Option<&AlarmRecord>,
    ) -> Result<Vec<Entry>, StoreError> {
        self.best_entries(reader, &query_of_ticket(record, alarm))
    }

    pub(super) async fn list_entries_of_ticket(&self, id: TicketId) -> Answer<Vec<Entry>> {
        let backend = self.clone();
        let ask = move |reader: &Reader| {
            let Some(row) = reader.ticket(id.0)? else {
                return Ok(None);
            };
            let record = ticket_record_of(&row)?;
            let row = match &record.alarm {
                Some(alarm) => reader.alarm(&alarm.to_string())?,
                None => None,
            };
            let alarm = row.as_ref().map(alarm_record_of).transpose()?;
            backend.entries_for_ticket(reader, &record, alarm.as_ref()).map(Some)
        };
        self.readers.ask(ask).await?.ok_or_else(|| no_ticket(id))
    }

    pub(super) async fn list_entries_of_alarm(&self, id: AlarmId) -> Answer<Vec<Entry>> {
        let (backend, wanted) = (self.clone(), id.to_string());
        let ask = move |reader: &Reader| {
            let Some(row) = reader.alarm(&wanted)? else {
                return Ok(None);
            };
            let record = alarm_record_of(&row)?;
            backend.best_entries(reader, &query_of_alarm(&record)).map(Some)
        };
        self.readers.ask(ask).await?.ok_or_else(|| BackendError::NotFound {
            what: format!("alarm {id}"),
        })
    }

    pub(super) async fn find_entries(&self, asked: KnowledgeQuery) -> Answer<EntryList> {
        let backend = self.clone();
        let ask = move |reader: &Reader| {
            let config = &backend.running.policy.knowledge;
            let records: Vec<EntryRecord> = reader.entries()?.iter().map(record_of).collect::<Result<_, _>>()?;
            let is_wanted = |record: &&EntryRecord| {
                let fits = match asked.state {
                    None => record.is_live(),
                    Some(view::EntryState::Draft) => record.is_live() && !record.is_released(),
                    Some(view::EntryState::Released) => record.is_released(),
                    Some(view::EntryState::Retired) => !record.is_live(),
                    Some(view::EntryState::Maker) => false,
                };
                fits && (!asked.only_suggested || record.is_suggested(config))
            };
            let makers = match asked.state {
                None | Some(view::EntryState::Maker) if !asked.only_suggested => backend.makers(),
                None | Some(_) => Vec::new(),
            };
            let entries = records.iter().filter(is_wanted).map(Candidate::Entry);
            let query = Query {
                text: asked.text,
                profile: asked.profile,
                failure_mode: asked.failure_mode,
                fault_codes: asked.fault_code.into_iter().collect(),
                wanted: Wanted::All,
            };
            let (hits, found) = search(entries.chain(makers.iter().map(Candidate::Maker)), &query, MOST_HITS);
            let views = hits.iter().map(|hit| backend.view_of(&hit.candidate, reader));
            Ok(EntryList {
                found: found as u64,
                entries: views.collect::<Result<_, _>>()?,
            })
        };
        self.readers.ask(ask).await
    }

    pub(super) async fn read_entry(&self, id: u64) -> Answer<Entry> {
        let config = self.running.policy.knowledge.clone();
        let ask = move |reader: &Reader| {
            let row = reader.entry(id)?;
            let record = row.as_ref().map(record_of).transpose()?;
            record.map(|record| entry_view(&record, &config, reader)).transpose()
        };
        self.readers.ask(ask).await?.ok_or_else(|| not_found(EntryId(id)))
    }

    /// Changes the knowledge base; answered when it is on disk.
    pub(super) async fn order_knowledge(&self, order: Order, wish: KnowledgeOrder) -> Answer<Entry> {
        let command = match wish {
            KnowledgeOrder::Draft(text) => KnowledgeCommand::Draft {
                content: Box::new(content_of(*text)),
            },
            KnowledgeOrder::FromTicket(ticket) => {
                let ask = move |reader: &Reader| {
                    let row = reader.ticket(ticket.0)?;
                    let record = row.as_ref().map(ticket_record_of).transpose()?;
                    Ok((record, reader.entry_of_ticket(ticket.0)?))
                };
                let (record, known) = self.readers.ask(ask).await?;
                let record = record.ok_or_else(|| no_ticket(ticket))?;
                if let Some(known) = known {
                    return self.read_entry(known.id).await;
                }
                KnowledgeCommand::FromTicket {
                    born: Box::new(Born::of(&record).map_err(|why| refused(&why))?),
                }
            }
            KnowledgeOrder::Edit(id, text) => KnowledgeCommand::Edit {
                entry: EntryId(id),
                content: Box::new(content_of(*text)),
            },
            KnowledgeOrder::Release(id) => KnowledgeCommand::Release { entry: EntryId(id) },
            KnowledgeOrder::Retire(id, reason) => KnowledgeCommand::Retire {
                entry: EntryId(id),
                reason,
            },
            KnowledgeOrder::Rate(id, ticket, has_helped) => {
                let has_ticket = self.readers.ask(move |reader| reader.has_ticket(ticket.0)).await?;
                if !has_ticket {
                    let detail = format!("there is no ticket {ticket}");
                    let pointer = "/ticket".to_owned();
                    return Err(BackendError::Invalid { pointer, detail });
                }
                KnowledgeCommand::Rate {
                    entry: EntryId(id),
                    ticket,
                    has_helped,
                }
            }
        };
        let mut order = order;
        if let Some(id) = command.entry() {
            let now = self.read_entry(id.0).await?;
            revision_fits(&order, now.revision)?;
            let is_edit = matches!(command, KnowledgeCommand::Edit { .. });
            if is_edit && now.state != view::EntryState::Draft && !order.actor.may(Right::ReleaseKnowledge) {
                let detail = "the entry is no draft any more; an engineer can change it".to_owned();
                return Err(BackendError::Forbidden { detail });
            }
            // whoever releases it meanwhile has read another text
            if is_edit {
                order.if_revision = Some(now.revision);
            }
        }
        let about = command.entry();
        let made = self.command(&order, Command::Knowledge { command }).await?;
        let id = made.entry.or(about).map_or(0, |id| id.0);
        self.read_entry(id).await
    }
}
