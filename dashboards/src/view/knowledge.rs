//! The knowledge base: what a fault comes from and what ends it.

use super::{Act, At, schema};
use domain::text::Text;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where an entry is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// Written, and not yet looked at by an engineer.
    Draft,
    /// An engineer stands for it.
    Released,
    /// It no longer holds.
    Retired,
    /// From the profile of the machine's maker; to read only.
    Maker,
}

/// Why an entry no longer holds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Retired {
    /// Who says so.
    pub act: Act,
    /// Why.
    pub reason: String,
}

/// An entry. What people wrote stands under `en`, in whatever language they wrote it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Entry {
    /// Such as `K-000042`; `maker/pump/code/E31` or `maker/pump/mode/bearing_wear` for a maker's.
    pub id: String,
    /// Where it is in its life.
    pub state: EntryState,
    /// In a few words.
    #[schema(value_type = schema::Text)]
    pub title: Text,
    /// Profiles of the machines; empty: any.
    pub profiles: Vec<String>,
    /// Fault codes of the machines.
    pub fault_codes: Vec<String>,
    /// How it shows; may be empty.
    pub symptoms: String,
    /// How the machine fails; none: not named.
    pub failure_mode: Option<String>,
    /// The part that fails; may be empty.
    pub part: String,
    /// What it likely comes from; may be empty for a maker's.
    #[schema(value_type = schema::Text)]
    pub cause: Text,
    /// What ends it.
    #[schema(value_type = schema::Text)]
    pub solution: Text,
    /// Parts to bring.
    pub parts: Vec<String>,
    /// What to mind; may be empty.
    pub safety_note: String,
    /// Whether people may be harmed, as the maker says.
    pub is_safety: bool,
    /// Tickets that it was born from, as far as whoever asks may see them.
    pub tickets: Vec<String>,
    /// How many they are in all.
    pub ticket_count: u64,
    /// Tickets for which somebody said whether it helped.
    pub used: u64,
    /// Of these, those with which it helped.
    pub helped: u64,
    /// Of these, those with which it did not.
    pub did_not_help: u64,
    /// Tickets that it ended: those that it was born from, and those with which it helped.
    pub solved: u64,
    /// The lower end of Wilson's 95 % interval for the share of tickets that it ends; by this entries are ranked. None: no ticket.
    pub solved_share_at_least: Option<f64>,
    /// Whether so many tickets say the same that an engineer should look at the draft.
    pub is_suggested: bool,
    /// Who wrote it first; none for a maker's.
    pub author: Option<String>,
    /// Who wrote its latest text; none for a maker's.
    pub edited_by: Option<String>,
    /// When it was written; none for a maker's.
    pub created_at: Option<At>,
    /// When it changed last in any way; none for a maker's.
    pub changed_at: Option<At>,
    /// Who released it, if it is.
    pub released: Option<Act>,
    /// Who retired it, if it is.
    pub retired: Option<Retired>,
    /// How many texts it had; 0 for a maker's.
    pub version: u32,
    /// Counts changes of any kind; 0 for a maker's.
    pub revision: u64,
}

impl Entry {
    /// Whether it is a person's, which can be changed.
    pub fn is_own(&self) -> bool {
        match self.state {
            EntryState::Draft | EntryState::Released | EntryState::Retired => true,
            EntryState::Maker => false,
        }
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EntryList {
    /// How many fit.
    pub found: u64,
    /// The best of them, at most 50.
    pub entries: Vec<Entry>,
}
