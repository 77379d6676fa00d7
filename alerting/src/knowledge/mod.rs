//! The knowledge base: what a fault comes from and what ends it. An entry is written by hand, or born from a closed ticket; an
//! engineer releases it, and whoever used it says whether it helped.
//!
//! Pure: `now` is an argument, and which entries there are is the book's business.

mod born;
mod makers;
mod search;
mod words;

#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;

pub use born::Born;
pub use makers::{MakersEntry, makers_entries};
pub use search::{Candidate, Hit, MOST_HITS, Query, Wanted, search};
pub use words::normalised;

use crate::alarm::PersonName;
use crate::review::Share;
use crate::ticket::MAX_NAME_BYTES;
use domain::{FailureModeId, TicketId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Entries at most, of every state.
pub const MAX_ENTRIES: usize = 10_000;
/// Tickets at most from which one entry is born, and ratings at most of one entry.
pub const MAX_EVIDENCE: usize = 1_000;
/// Characters at most of each text.
pub const MAX_CHARACTERS: usize = 4_000;
/// Characters at most of a title.
pub const MAX_TITLE_CHARACTERS: usize = 256;
/// Profiles, fault codes and parts at most of an entry, each.
pub const MAX_NAMES: usize = 50;

/// The number of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(pub u64);

impl fmt::Display for EntryId {
    /// `K-000042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "K-{:06}", self.0)
    }
}

/// What an entry says, as people write it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Content {
    /// In a few words.
    pub title: String,
    /// Classes of machines: the names of their profiles; empty: any.
    pub profiles: BTreeSet<String>,
    /// Fault codes of the machines.
    pub fault_codes: BTreeSet<String>,
    /// How it shows.
    pub symptoms: String,
    /// How the machine fails; none: not named.
    pub failure_mode: Option<FailureModeId>,
    /// The part that fails; may be empty.
    pub part: String,
    /// What it likely comes from.
    pub cause: String,
    /// What ends it.
    pub solution: String,
    /// Parts to bring.
    pub parts: Vec<String>,
    /// What to mind; may be empty.
    pub safety_note: String,
}

/// Where an entry is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum EntryState {
    /// Written, and shown to nobody who does not look for drafts.
    Draft,
    /// An engineer stands for it; it is shown with tickets.
    Released {
        /// Who.
        by: PersonName,
        /// When.
        at: Timestamp,
    },
    /// It no longer holds.
    Retired {
        /// Who says so.
        by: PersonName,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

impl EntryState {
    /// The word of the wire and the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            EntryState::Draft => "draft",
            EntryState::Released { .. } => "released",
            EntryState::Retired { .. } => "retired",
        }
    }
}

/// Whether an entry helped with a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// It did.
    pub has_helped: bool,
    /// Who says so.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
}

/// An entry, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRecord {
    /// Its number.
    pub id: EntryId,
    /// What it says.
    pub content: Content,
    /// Where it is in its life.
    pub state: EntryState,
    /// What it was born as; none: written by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born_as: Option<SameFault>,
    /// Closed tickets that say the same, at most [`MAX_EVIDENCE`].
    #[serde(default)]
    pub tickets: BTreeSet<TicketId>,
    /// By ticket, whether it helped, at most [`MAX_EVIDENCE`].
    #[serde(default)]
    pub ratings: BTreeMap<TicketId, Rating>,
    /// Who wrote it.
    pub author: PersonName,
    /// Who wrote its latest text.
    pub edited_by: PersonName,
    /// When it was written.
    pub created_at: Timestamp,
    /// Its latest change of any kind.
    pub changed_at: Timestamp,
    /// How many texts it had; from 1.
    pub version: u32,
    /// How many changes of any kind there were; from 1.
    pub revision: u32,
}

/// By what two tickets are about the same: profile, failure mode, and part and cause whatever their case and punctuation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SameFault {
    /// The profile.
    pub profile: String,
    /// How the machine fails.
    pub failure_mode: FailureModeId,
    /// The part, normalised.
    pub part: String,
    /// The cause, normalised.
    pub cause: String,
}

/// What a person does with the knowledge base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum KnowledgeCommand {
    /// A new draft.
    Draft {
        /// What it says.
        content: Box<Content>,
    },
    /// What a closed ticket found becomes a draft, or a further proof of the entry that says the same.
    FromTicket {
        /// What the ticket found.
        born: Box<Born>,
    },
    /// Another text.
    Edit {
        /// Which.
        entry: EntryId,
        /// What it says from now on.
        content: Box<Content>,
    },
    /// An engineer stands for it.
    Release {
        /// Which.
        entry: EntryId,
    },
    /// It no longer holds.
    Retire {
        /// Which.
        entry: EntryId,
        /// Why.
        reason: String,
    },
    /// It was used for a ticket. Counts once for each ticket; who rates again corrects what was said.
    Rate {
        /// Which.
        entry: EntryId,
        /// For which.
        ticket: TicketId,
        /// Whether it did help.
        has_helped: bool,
    },
}

/// Why a command about the knowledge base was not followed; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)] // the texts say it
pub enum KnowledgeRefusal {
    #[error("there is no entry {entry}")]
    UnknownEntry { entry: EntryId },
    #[error("there are {limit} entries")]
    TooManyEntries { limit: usize },
    #[error("{entry} has {limit} tickets; further ones would say nothing new")]
    TooMuchEvidence { entry: EntryId, limit: usize },
    #[error("{ticket} has gone into {entry} already")]
    AlreadyThere { ticket: TicketId, entry: EntryId },
    #[error("the entry is {state} already")]
    NoChange { state: String },
    #[error("{field} is missing")]
    Missing { field: String },
    #[error("{field} has {characters} characters, at most {limit} are taken")]
    TooLong {
        field: String,
        characters: usize,
        limit: usize,
    },
    #[error("{field} has {count} names, at most {limit} are taken")]
    TooMany { field: String, count: usize, limit: usize },
    #[error("{field} has a name that is empty, or has more than {limit} bytes")]
    Name { field: String, limit: usize },
    #[error("{ticket} is not closed with a fault that was found, prevented or another one")]
    NoFault { ticket: TicketId },
    #[error("{ticket} says no {field}; an entry needs cause and remedy")]
    NoFinding { ticket: TicketId, field: String },
}

impl KnowledgeCommand {
    /// The entry that it is about; none: a new one, or one that is to be found.
    pub fn entry(&self) -> Option<EntryId> {
        match self {
            KnowledgeCommand::Draft { .. } | KnowledgeCommand::FromTicket { .. } => None,
            KnowledgeCommand::Edit { entry, .. }
            | KnowledgeCommand::Release { entry }
            | KnowledgeCommand::Retire { entry, .. }
            | KnowledgeCommand::Rate { entry, .. } => Some(*entry),
        }
    }
}

impl KnowledgeRefusal {
    /// The field of the content that is wrong; none: it is not about one.
    pub fn field(&self) -> Option<&str> {
        match self {
            KnowledgeRefusal::Missing { field }
            | KnowledgeRefusal::TooLong { field, .. }
            | KnowledgeRefusal::TooMany { field, .. }
            | KnowledgeRefusal::Name { field, .. } => Some(field),
            KnowledgeRefusal::UnknownEntry { .. }
            | KnowledgeRefusal::TooManyEntries { .. }
            | KnowledgeRefusal::TooMuchEvidence { .. }
            | KnowledgeRefusal::AlreadyThere { .. }
            | KnowledgeRefusal::NoChange { .. }
            | KnowledgeRefusal::NoFault { .. }
            | KnowledgeRefusal::NoFinding { .. } => None,
        }
    }
}

/// When drafts are proposed to engineers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnowledgeConfig {
    /// Tickets from which a draft is suggested for release.
    pub suggest_from_tickets: u32,
}

impl Default for KnowledgeConfig {
    fn default() -> Self {
        KnowledgeConfig {
            suggest_from_tickets: 3,
        }
    }
}

impl Content {
    /// Whether it can be kept.
    ///
    /// # Errors
    /// The first field that is missing or too long.
    pub fn check(&self) -> Result<(), KnowledgeRefusal> {
        needed("title", &self.title, MAX_TITLE_CHARACTERS)?;
        needed("cause", &self.cause, MAX_CHARACTERS)?;
        needed("solution", &self.solution, MAX_CHARACTERS)?;
        short("symptoms", &self.symptoms, MAX_CHARACTERS)?;
        short("safety_note", &self.safety_note, MAX_CHARACTERS)?;
        short("part", &self.part, MAX_NAME_BYTES)?;
        names("profiles", self.profiles.iter(), self.profiles.len())?;
        names("fault_codes", self.fault_codes.iter(), self.fault_codes.len())?;
        names("parts", self.parts.iter(), self.parts.len())
    }

    fn says(&self, same: &SameFault) -> bool {
        self.failure_mode.as_ref() == Some(&same.failure_mode)
            && self.profiles.contains(&same.profile)
            && normalised(&self.part) == same.part
            && normalised(&self.cause) == same.cause
    }
}

impl EntryRecord {
    /// Whether it may still hold.
    pub fn is_live(&self) -> bool {
        match self.state {
            EntryState::Draft | EntryState::Released { .. } => true,
            EntryState::Retired { .. } => false,
        }
    }

    /// Whether an engineer stands for it.
    pub fn is_released(&self) -> bool {
        match self.state {
            EntryState::Released { .. } => true,
            EntryState::Draft | EntryState::Retired { .. } => false,
        }
    }

    /// Whether enough tickets say the same that an engineer should look at it.
    pub fn is_suggested(&self, config: &KnowledgeConfig) -> bool {
        let is_draft = match self.state {
            EntryState::Draft => true,
            EntryState::Released { .. } | EntryState::Retired { .. } => false,
        };
        is_draft && self.tickets.len() as u64 >= u64::from(config.suggest_from_tickets)
    }

    /// Tickets that it ended, of those that it was born from or used for. One that it was born from counts as ended by it,
    /// unless somebody says that it did not help.
    pub fn solved(&self) -> Share {
        let mut share = Share::default();
        self.ratings.values().for_each(|rating| share.count(rating.has_helped));
        let unrated = self.tickets.iter().filter(|ticket| !self.ratings.contains_key(ticket));
        unrated.for_each(|_| share.count(true));
        share
    }

    /// How many people said that it helped, of those who used it for a ticket.
    pub fn helped(&self) -> Share {
        let mut share = Share::default();
        self.ratings.values().for_each(|rating| share.count(rating.has_helped));
        share
    }

    /// Whether a ticket about this says the same.
    pub fn says(&self, same: &SameFault) -> bool {
        self.born_as.as_ref() == Some(same) || self.content.says(same)
    }

    /// A first draft.
    ///
    /// # Errors
    /// Why it cannot be kept.
    pub fn draft(id: EntryId, content: Content, by: PersonName, now: Timestamp) -> Result<Self, KnowledgeRefusal> {
        content.check()?;
        Ok(EntryRecord {
            id,
            content,
            state: EntryState::Draft,
            born_as: None,
            tickets: BTreeSet::new(),
            ratings: BTreeMap::new(),
            author: by.clone(),
            edited_by: by,
            created_at: now,
            changed_at: now,
            version: 1,
            revision: 1,
        })
    }

    /// Another text.
    ///
    /// # Errors
    /// Why not; the entry is as before.
    pub fn edit(&mut self, content: Content, by: PersonName, now: Timestamp) -> Result<(), KnowledgeRefusal> {
        content.check()?;
        if content == self.content {
            return Err(self.no_change());
        }
        self.content = content;
        self.edited_by = by;
        self.version = self.version.saturating_add(1);
        self.changed(now);
        Ok(())
    }

    /// An engineer stands for it; also for one that was retired.
    ///
    /// # Errors
    /// It is released.
    pub fn release(&mut self, by: PersonName, now: Timestamp) -> Result<(), KnowledgeRefusal> {
        match self.state {
            EntryState::Draft | EntryState::Retired { .. } => {
                self.state = EntryState::Released { by, at: now };
                self.changed(now);
                Ok(())
            }
            EntryState::Released { .. } => Err(self.no_change()),
        }
    }

    /// It no longer holds.
    ///
    /// # Errors
    /// It is retired, or the reason is missing or too long.
    pub fn retire(&mut self, reason: String, by: PersonName, now: Timestamp) -> Result<(), KnowledgeRefusal> {
        needed("reason", &reason, MAX_TITLE_CHARACTERS)?;
        match self.state {
            EntryState::Draft | EntryState::Released { .. } => {
                self.state = EntryState::Retired { by, at: now, reason };
                self.changed(now);
                Ok(())
            }
            EntryState::Retired { .. } => Err(self.no_change()),
        }
    }

    /// It was used for a ticket. Says whether that is new or other than what was said before.
    ///
    /// # Errors
    /// It has as many ratings as are kept.
    pub fn rate(
        &mut self,
        ticket: TicketId,
        has_helped: bool,
        by: PersonName,
        now: Timestamp,
    ) -> Result<bool, KnowledgeRefusal> {
        let known = self.ratings.get(&ticket);
        if known.is_some_and(|rating| rating.has_helped == has_helped) {
            return Ok(false);
        }
        if known.is_none() && self.ratings.len() >= MAX_EVIDENCE {
            let (entry, limit) = (self.id, MAX_EVIDENCE);
            return Err(KnowledgeRefusal::TooMuchEvidence { entry, limit });
        }
        let at = now;
        self.ratings.insert(ticket, Rating { has_helped, by, at });
        self.changed(now);
        Ok(true)
    }

    /// A further ticket says the same. A draft takes over its fault codes; a released text stays as it was released.
    ///
    /// # Errors
    /// The ticket is there, or there are as many as are kept.
    pub fn add_ticket(&mut self, born: &Born, now: Timestamp) -> Result<(), KnowledgeRefusal> {
        let entry = self.id;
        if self.tickets.contains(&born.ticket) {
            let ticket = born.ticket;
            return Err(KnowledgeRefusal::AlreadyThere { ticket, entry });
        }
        if self.tickets.len() >= MAX_EVIDENCE {
            let limit = MAX_EVIDENCE;
            return Err(KnowledgeRefusal::TooMuchEvidence { entry, limit });
        }
        self.tickets.insert(born.ticket);
        match self.state {
            EntryState::Draft => {
                let codes = born.content.fault_codes.iter().take(MAX_NAMES);
                let room = MAX_NAMES.saturating_sub(self.content.fault_codes.len());
                self.content.fault_codes.extend(codes.take(room).cloned());
            }
            EntryState::Released { .. } | EntryState::Retired { .. } => {}
        }
        self.changed(now);
        Ok(())
    }

    /// The fault of a ticket was not over after all: it proves nothing any more. Says whether it did.
    pub fn withdraw(&mut self, ticket: TicketId, now: Timestamp) -> bool {
        let did_prove = self.tickets.remove(&ticket);
        if did_prove {
            self.changed(now);
        }
        did_prove
    }

    fn no_change(&self) -> KnowledgeRefusal {
        let state = self.state.as_str().to_owned();
        KnowledgeRefusal::NoChange { state }
    }

    fn changed(&mut self, now: Timestamp) {
        self.changed_at = now;
        self.revision = self.revision.saturating_add(1);
    }
}

fn needed(field: &str, text: &str, limit: usize) -> Result<(), KnowledgeRefusal> {
    if text.trim().is_empty() {
        let field = field.to_owned();
        return Err(KnowledgeRefusal::Missing { field });
    }
    short(field, text, limit)
}

fn short(field: &str, text: &str, limit: usize) -> Result<(), KnowledgeRefusal> {
    let characters = text.chars().count();
    if characters > limit {
        let field = field.to_owned();
        return Err(KnowledgeRefusal::TooLong {
            field,
            characters,
            limit,
        });
    }
    Ok(())
}

fn names<'a>(field: &str, mut all: impl Iterator<Item = &'a String>, count: usize) -> Result<(), KnowledgeRefusal> {
    let field = field.to_owned();
    if count > MAX_NAMES {
        let limit = MAX_NAMES;
        return Err(KnowledgeRefusal::TooMany { field, count, limit });
    }
    match all.all(|name| !name.trim().is_empty() && name.len() <= MAX_NAME_BYTES) {
        true => Ok(()),
        false => Err(KnowledgeRefusal::Name {
            field,
            limit: MAX_NAME_BYTES,
        }),
    }
}
