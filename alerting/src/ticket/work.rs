//! What was done on a ticket, written down as it is done: labour, parts, checklist, files, links to other tickets, how the
//! fault showed, and the call-back. Pure; every list has a limit. The bytes of files are the gateway's.

use super::{Actor, MAX_NAME_BYTES, MAX_TEXT_BYTES, TicketRefusal, check_length, check_text};
use crate::alarm::PersonName;
use domain::text::Text;
use domain::{TicketId, Timestamp};
use serde::{Deserialize, Serialize};

/// Labour entries of a ticket.
pub const MAX_LABOUR: usize = 200;
/// Entries of parts used.
pub const MAX_PARTS_USED: usize = 200;
/// Points of a checklist.
pub const MAX_CHECKS: usize = 100;
/// Files of a ticket.
pub const MAX_FILES: usize = 20;
/// Links to other tickets.
pub const MAX_LINKS: usize = 50;
/// The longest labour entry: a week.
pub const MAX_LABOUR_SECONDS: u32 = 7 * 86_400;
/// The most of a part in one entry.
pub const MAX_QUANTITY: u32 = 100_000;
/// The highest rating of a call-back; 1 is the lowest.
pub const MAX_RATING: u8 = 5;

/// Somebody's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labour {
    /// Its number in the ticket.
    pub entry: u32,
    /// Whose time.
    pub who: PersonName,
    /// When it began.
    pub start: Timestamp,
    /// How long.
    pub seconds: u32,
    /// What an hour costs, in hundredths of the site's currency; none: nobody has said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_cents_per_hour: Option<u32>,
}

impl Labour {
    /// What it costs, in hundredths of the site's currency, rounded down.
    pub fn cost_cents(&self) -> Option<u64> {
        let rate = self.rate_cents_per_hour?;
        Some(u64::from(rate) * u64::from(self.seconds) / 3_600)
    }
}

/// A part that was built in or used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartUsed {
    /// Its number in the ticket.
    pub entry: u32,
    /// By name or number of the maker.
    pub part: String,
    /// How many.
    pub quantity: u32,
}

/// Something to be done or looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its number in the ticket.
    pub entry: u32,
    /// What.
    pub text: Text,
    /// Who has done it, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<(PersonName, Timestamp)>,
}

/// A file that belongs to the ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNote {
    /// Its number in the ticket.
    pub entry: u32,
    /// What it is called.
    pub name: String,
    /// What it is, such as `image/jpeg`.
    pub content_type: String,
    /// How long.
    pub bytes: u64,
    /// SHA-256 of its content, 64 hexadecimal digits; under this name the gateway keeps it.
    pub sha256: String,
    /// Who brought it.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
}

/// How two tickets belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// They have to do with each other.
    Relates,
    /// The other one is the whole of which this is a part.
    Parent,
    /// The other one is a part of this.
    Child,
}

impl LinkKind {
    /// The same link as the other ticket sees it.
    pub fn mirrored(self) -> LinkKind {
        match self {
            LinkKind::Relates => LinkKind::Relates,
            LinkKind::Parent => LinkKind::Child,
            LinkKind::Child => LinkKind::Parent,
        }
    }

    /// The word of the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkKind::Relates => "relates",
            LinkKind::Parent => "parent",
            LinkKind::Child => "child",
        }
    }
}

/// A link to another ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Which.
    pub to: TicketId,
    /// How.
    pub kind: LinkKind,
}

/// How the fault showed, as a person reports it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Malfunction {
    /// What somebody saw or heard; may be empty.
    pub symptom: String,
    /// The device's own fault code; may be empty.
    pub fault_code: String,
    /// Whether the machine stood still; none: nobody has said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_breakdown: Option<bool>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// What the customer said after the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallBack {
    /// Who called.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
    /// From 1 (bad) to [`MAX_RATING`]; none: the customer gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rating: Option<u8>,
    /// In the customer's words; may be empty.
    #[serde(default)]
    pub text: String,
}

/// All that was written down of the work on a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Work {
    /// Whose time, at most [`MAX_LABOUR`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labour: Vec<Labour>,
    /// Parts used, at most [`MAX_PARTS_USED`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartUsed>,
    /// What is to be done, at most [`MAX_CHECKS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<Check>,
    /// Files, at most [`MAX_FILES`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileNote>,
    /// Links to other tickets, at most [`MAX_LINKS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// How the fault showed.
    pub malfunction: Malfunction,
    /// What the customer said afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_back: Option<CallBack>,
    /// The highest number that an entry ever had.
    pub last_entry: u32,
}

/// What a person writes down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "write", deny_unknown_fields)]
#[allow(missing_docs)] // the fields are those of the entries
pub enum WorkCommand {
    /// Somebody's time.
    LogLabour {
        who: PersonName,
        start: Timestamp,
        seconds: u32,
        #[serde(default)]
        rate_cents_per_hour: Option<u32>,
    },
    /// A part was used.
    UsePart { part: String, quantity: u32 },
    /// A further point of the checklist.
    AddCheck { text: Text },
    /// A point is done, or is not done after all.
    TickCheck { entry: u32, is_done: bool },
    /// A file was kept.
    AttachFile {
        name: String,
        content_type: String,
        bytes: u64,
        sha256: String,
    },
    /// An entry of labour, parts, checklist or files was wrong.
    Remove { entry: u32 },
    /// It has to do with another ticket.
    Link { to: TicketId, kind: LinkKind },
    /// It has not, after all.
    Unlink { to: TicketId },
    /// How the fault showed; in place of what was said before.
    Describe { malfunction: Malfunction },
    /// The customer was called after the work.
    CallBack {
        #[serde(default)]
        rating: Option<u8>,
        #[serde(default)]
        text: String,
    },
}

/// What was written down, for the history and the audit trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "wrote")]
#[allow(missing_docs)] // the fields are those of the commands
pub enum WorkChange {
    Labour { labour: Labour },
    Part { part: PartUsed },
    Check { check: Check },
    Ticked { entry: u32, is_done: bool },
    File { file: FileNote },
    Removed { entry: u32 },
    Linked { link: Link },
    Unlinked { to: TicketId },
    Described { malfunction: Malfunction },
    CalledBack { call_back: CallBack },
}

impl WorkChange {
    /// The short name under which it is counted; bounded, fit for a metric label.
    pub fn as_str(&self) -> &'static str {
        match self {
            WorkChange::Labour { .. } => "labour_logged",
            WorkChange::Part { .. } => "part_used",
            WorkChange::Check { .. } => "check_added",
            WorkChange::Ticked { .. } => "check_ticked",
            WorkChange::File { .. } => "file_attached",
            WorkChange::Removed { .. } => "entry_removed",
            WorkChange::Linked { .. } => "linked",
            WorkChange::Unlinked { .. } => "unlinked",
            WorkChange::Described { .. } => "described",
            WorkChange::CalledBack { .. } => "called_back",
        }
    }

    /// In one line, for the audit trail and receivers.
    pub fn line(&self) -> String {
        match self {
            WorkChange::Labour { labour } => {
                format!("{}: {} min from {}", labour.who, labour.seconds / 60, labour.start)
            }
            WorkChange::Part { part } => format!("{} × {}", part.quantity, part.part),
            WorkChange::Check { check } => check.text.en.clone(),
            WorkChange::Ticked { entry, is_done: true } => format!("point {entry} is done"),
            WorkChange::Ticked { entry, is_done: false } => format!("point {entry} is not done"),
            WorkChange::File { file } => format!("{}, {} bytes, sha256 {}", file.name, file.bytes, file.sha256),
            WorkChange::Removed { entry } => format!("entry {entry}"),
            WorkChange::Linked { link } => format!("{} {}", link.kind.as_str(), link.to),
            WorkChange::Unlinked { to } => to.to_string(),
            WorkChange::Described { malfunction } => {
                let still = match malfunction.is_breakdown {
                    Some(true) => "the machine stood still",
                    Some(false) => "the machine ran on",
                    None => "",
                };
                let said = [malfunction.symptom.as_str(), malfunction.fault_code.as_str(), still];
                let told: Vec<&str> = said.into_iter().filter(|t| !t.is_empty()).collect();
                told.join("; ")
            }
            WorkChange::CalledBack { call_back } => {
                let rating = call_back
                    .rating
                    .map_or_else(String::new, |r| format!("rated {r} of {MAX_RATING}; "));
                format!("{rating}{}", call_back.text)
            }
        }
    }
}

impl Malfunction {
    /// Whether its texts are not endless, and its times in order.
    ///
    /// # Errors
    /// What is not so.
    pub(super) fn check(&self) -> Result<(), TicketRefusal> {
        check_length("symptom", &self.symptom, MAX_TEXT_BYTES)?;
        check_length("fault_code", &self.fault_code, MAX_NAME_BYTES)?;
        match (self.began_at, self.ended_at) {
            (Some(began), Some(ended)) if ended < began => Err(TicketRefusal::EndsBeforeItBegins),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }
}

impl Work {
    /// What a command comes to.
    ///
    /// # Errors
    /// Why it is not followed.
    pub(super) fn decide(
        &self,
        own: TicketId,
        command: WorkCommand,
        by: &Actor,
        now: Timestamp,
    ) -> Result<WorkChange, TicketRefusal> {
        let entry = self.last_entry + 1;
        Ok(match command {
            WorkCommand::LogLabour {
                who,
                start,
                seconds,
                rate_cents_per_hour,
            } => {
                check_text("who", &who, MAX_NAME_BYTES)?;
                in_range("seconds", u64::from(seconds), 1, u64::from(MAX_LABOUR_SECONDS))?;
                room("labour", self.labour.len(), MAX_LABOUR)?;
                let labour = Labour {
                    entry,
                    who,
                    start,
                    seconds,
                    rate_cents_per_hour,
                };
                WorkChange::Labour { labour }
            }
            WorkCommand::UsePart { part, quantity } => {
                check_text("part", &part, MAX_NAME_BYTES)?;
                in_range("quantity", u64::from(quantity), 1, u64::from(MAX_QUANTITY))?;
                room("parts", self.parts.len(), MAX_PARTS_USED)?;
                let part = PartUsed { entry, part, quantity };
                WorkChange::Part { part }
            }
            WorkCommand::AddCheck { text } => {
                check_text("text", &text.en, MAX_TEXT_BYTES)?;
                check_length("text", &text.zh, MAX_TEXT_BYTES)?;
                room("checklist", self.checklist.len(), MAX_CHECKS)?;
                let check = Check {
                    entry,
                    text,
                    done: None,
                };
                WorkChange::Check { check }
            }
            WorkCommand::TickCheck { entry, is_done } => {
                let check = self.checklist.iter().find(|c| c.entry == entry);
                match check.ok_or(TicketRefusal::NoEntry { entry })?.done.is_some() == is_done {
                    true => return Err(TicketRefusal::NoChange),
                    false => WorkChange::Ticked { entry, is_done },
                }
            }
            WorkCommand::AttachFile {
                name,
                content_type,
                bytes,
                sha256,
            } => {
                check_text("name", &name, MAX_NAME_BYTES)?;
                check_text("content_type", &content_type, MAX_NAME_BYTES)?;
                room("files", self.files.len(), MAX_FILES)?;
                if self.files.iter().any(|f| f.sha256 == sha256 && f.name == name) {
                    return Err(TicketRefusal::NoChange);
                }
                let (by, at) = (by.name().to_owned(), now);
                let file = FileNote {
                    entry,
                    name,
                    content_type,
                    bytes,
                    sha256,
                    by,
                    at,
                };
                WorkChange::File { file }
            }
            WorkCommand::Remove { entry } => match self.has(entry) {
                true => WorkChange::Removed { entry },
                false => return Err(TicketRefusal::NoEntry { entry }),
            },
            WorkCommand::Link { to, kind } => {
                let has_parent = self.links.iter().any(|l| l.kind == LinkKind::Parent && l.to != to);
                if to == own {
                    return Err(TicketRefusal::LinkToItself);
                } else if kind == LinkKind::Parent && has_parent {
                    return Err(TicketRefusal::HasParent);
                } else if self.links.contains(&Link { to, kind }) {
                    return Err(TicketRefusal::NoChange);
                }
                room("links", self.links.len(), MAX_LINKS)?;
                let link = Link { to, kind };
                WorkChange::Linked { link }
            }
            WorkCommand::Unlink { to } => match self.links.iter().any(|l| l.to == to) {
                true => WorkChange::Unlinked { to },
                false => return Err(TicketRefusal::NoChange),
            },
            WorkCommand::Describe { malfunction } => {
                malfunction.check()?;
                if malfunction == self.malfunction {
                    return Err(TicketRefusal::NoChange);
                }
                WorkChange::Described { malfunction }
            }
            WorkCommand::CallBack { rating, text } => {
                check_length("text", &text, MAX_TEXT_BYTES)?;
                if let Some(rating) = rating {
                    in_range("rating", u64::from(rating), 1, u64::from(MAX_RATING))?;
                }
                let (by, at) = (by.name().to_owned(), now);
                let call_back = CallBack { by, at, rating, text };
                WorkChange::CalledBack { call_back }
            }
        })
    }

    /// Carries out what was decided.
    pub(super) fn apply(&mut self, change: &WorkChange, by: &Actor, now: Timestamp) {
        match change {
            WorkChange::Labour { labour } => {
                self.last_entry = labour.entry;
                self.labour.push(labour.clone());
            }
            WorkChange::Part { part } => {
                self.last_entry = part.entry;
                self.parts.push(part.clone());
            }
            WorkChange::Check { check } => {
                self.last_entry = check.entry;
                self.checklist.push(check.clone());
            }
            WorkChange::Ticked { entry, is_done } => {
                let done = is_done.then(|| (by.name().to_owned(), now));
                if let Some(check) = self.checklist.iter_mut().find(|c| c.entry == *entry) {
                    check.done = done;
                }
            }
            WorkChange::File { file } => {
                self.last_entry = file.entry;
                self.files.push(file.clone());
            }
            WorkChange::Removed { entry } => {
                self.labour.retain(|l| l.entry != *entry);
                self.parts.retain(|p| p.entry != *entry);
                self.checklist.retain(|c| c.entry != *entry);
                self.files.retain(|f| f.entry != *entry);
            }
            WorkChange::Linked { link } => {
                self.links.retain(|l| l.to != link.to);
                self.links.push(*link);
            }
            WorkChange::Unlinked { to } => self.links.retain(|l| l.to != *to),
            WorkChange::Described { malfunction } => self.malfunction = malfunction.clone(),
            WorkChange::CalledBack { call_back } => self.call_back = Some(call_back.clone()),
        }
    }

    /// A checklist that the ticket has from the start.
    pub(crate) fn with_checklist(points: &[Text]) -> Work {
        let mut work = Work::default();
        for text in points.iter().take(MAX_CHECKS) {
            work.last_entry += 1;
            work.checklist.push(Check {
                entry: work.last_entry,
                text: text.clone(),
                done: None,
            });
        }
        work
    }

    /// The whole labour in seconds.
    pub fn labour_seconds(&self) -> u64 {
        self.labour.iter().map(|l| u64::from(l.seconds)).sum()
    }

    /// What the labour costs, in hundredths of the site's currency; entries without a rate count nothing. None: no entry has one.
    pub fn labour_cents(&self) -> Option<u64> {
        let costs: Vec<u64> = self.labour.iter().filter_map(Labour::cost_cents).collect();
        (!costs.is_empty()).then(|| costs.iter().sum())
    }

    fn has(&self, entry: u32) -> bool {
        self.labour.iter().any(|l| l.entry == entry)
            || self.parts.iter().any(|p| p.entry == entry)
            || self.checklist.iter().any(|c| c.entry == entry)
            || self.files.iter().any(|f| f.entry == entry)
    }
}

fn room(what: &str, count: usize, limit: usize) -> Result<(), TicketRefusal> {
    let what = what.to_owned();
    match count < limit {
        true => Ok(()),
        false => Err(TicketRefusal::ListFull { what, limit }),
    }
}

fn in_range(field: &str, value: u64, from: u64, to: u64) -> Result<(), TicketRefusal> {
    let field = field.to_owned();
    match (from..=to).contains(&value) {
        true => Ok(()),
        false => Err(TicketRefusal::OutOfRange { field, from, to }),
    }
}
