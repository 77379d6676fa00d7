//! What a person books, and why it is not booked.

use super::place::{Location, PartNumber};
use domain::TicketId;
use serde::{Deserialize, Serialize};

/// What a person books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Movement {
    /// They were counted, and there are so many.
    Count {
        /// Which part.
        part: String,
        /// Where.
        location: Location,
        /// So many are there, those that are kept back included.
        on_hand: u32,
    },
    /// They came in.
    Receive {
        /// Which part.
        part: String,
        /// Where.
        location: Location,
        /// How many; from 1.
        quantity: u32,
    },
    /// They went from one place to another.
    Move {
        /// Which part.
        part: String,
        /// From where.
        from: Location,
        /// To where.
        to: Location,
        /// How many; from 1.
        quantity: u32,
    },
    /// They left the stock for something else than a ticket.
    Issue {
        /// Which part.
        part: String,
        /// From where.
        location: Location,
        /// How many; from 1.
        quantity: u32,
    },
}

impl Movement {
    /// Its short name; bounded, fit for the audit trail.
    pub fn as_str(&self) -> &'static str {
        match self {
            Movement::Count { .. } => "counted",
            Movement::Receive { .. } => "received",
            Movement::Move { .. } => "moved",
            Movement::Issue { .. } => "issued",
        }
    }

    /// The part that it names.
    pub fn part(&self) -> &str {
        match self {
            Movement::Count { part, .. }
            | Movement::Receive { part, .. }
            | Movement::Move { part, .. }
            | Movement::Issue { part, .. } => part,
        }
    }

    /// In one line, for the audit trail.
    pub fn line(&self) -> String {
        match self {
            Movement::Count { location, on_hand, .. } => format!("{on_hand} at {location}"),
            Movement::Receive { location, quantity, .. } => format!("{quantity} at {location}"),
            Movement::Move { from, to, quantity, .. } => format!("{quantity} from {from} to {to}"),
            Movement::Issue { location, quantity, .. } => format!("{quantity} from {location}"),
        }
    }
}

/// Why nothing was booked; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[allow(missing_docs)] // the texts say it
pub enum StockRefusal {
    #[error("no part {part:?} is kept in stock; see the file of parts")]
    UnknownPart { part: String },
    #[error("there is no place of stock {location}; see the files of parts and engineers")]
    UnknownLocation { location: Location },
    #[error("a quantity from 1 to {limit} is expected")]
    WrongQuantity { limit: u32 },
    #[error("only {free} of {part} are free at {location}")]
    NotFree {
        part: PartNumber,
        location: Location,
        free: u32,
    },
    #[error("{reserved} of {part} at {location} are kept back for tickets; release these first")]
    IsReserved {
        part: PartNumber,
        location: Location,
        reserved: u32,
    },
    #[error("the place is the same")]
    SamePlace,
    #[error("there would be more than {limit} of {part} at {location}")]
    TooMany {
        part: PartNumber,
        location: Location,
        limit: u32,
    },
    #[error("there are counts for {limit} parts and places already")]
    TooManyLevels { limit: usize },
    #[error("{limit} tickets keep parts back or have used some; archive finished tickets first")]
    TooManyTickets { limit: usize },
    #[error("the ticket keeps {limit} parts and places back already")]
    TooManyLines { limit: usize },
    #[error("{ticket} keeps no {part} back at {location}")]
    NotReserved {
        ticket: TicketId,
        part: PartNumber,
        location: Location,
    },
    #[error("{ticket} is not open; parts are kept back for open tickets")]
    TicketNotOpen { ticket: TicketId },
    #[error("{ticket} is a drill; nothing real is kept back for it")]
    IsDrill { ticket: TicketId },
}
