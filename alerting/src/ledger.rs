//! The ledger of breaches: which clock of which ticket was too late, under which contract, since when, and how that ended.
//!
//! Pure. Every ticket carries its own lines, so they are stored with it and cannot be lost apart from it; here is what a line
//! is, and what many tickets come to.

use crate::alarm::PersonName;
use crate::clock::{ClockKind, ClockState};
use crate::policy::Policy;
use crate::ticket::{TicketClass, TicketRecord, TicketState};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line: a clock that was too late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breach {
    /// Which clock.
    pub clock: ClockKind,
    /// Which class the ticket had.
    pub class: TicketClass,
    /// Under which contract; none: the site's terms.
    pub contract: Option<String>,
    /// When time was over.
    pub due_at: Timestamp,
    /// When that was found out.
    pub noted_at: Timestamp,
    /// Who had the ticket then.
    pub assignee: Option<PersonName>,
    /// How it ended; none: it is still not done.
    pub end: Option<BreachEnd>,
}

/// How a breach ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum BreachEnd {
    /// It was done, late.
    Met {
        /// When.
        at: Timestamp,
    },
    /// The ticket got another class, whose time was not over, or which has no such clock.
    Reclassed {
        /// When.
        at: Timestamp,
    },
    /// The ticket was cancelled.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// How many clocks of one kind were in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServiceLevel {
    /// Done in time.
    pub in_time: u64,
    /// Done late, or not done and late.
    pub late: u64,
    /// Not done, with time left.
    pub running: u64,
}

impl ServiceLevel {
    /// In time / due (0 to 1): clocks whose time is not over and that are not met do not count. None if nothing was due.
    pub fn share_in_time(&self) -> Option<f64> {
        let due = self.in_time + self.late;
        (due > 0).then(|| self.in_time as f64 / due as f64)
    }
}

/// What tickets come to at `now`, by class and clock. Cancelled tickets do not count: nobody was to do anything.
pub fn service_levels<'a>(
    tickets: impl IntoIterator<Item = &'a TicketRecord>,
    policy: &Policy,
    now: Timestamp,
) -> BTreeMap<(TicketClass, ClockKind), ServiceLevel> {
    let mut levels: BTreeMap<(TicketClass, ClockKind), ServiceLevel> = BTreeMap::new();
    for ticket in tickets {
        if is_cancelled(&ticket.state) {
            continue;
        }
        let calendar = &ticket.terms(policy).calendar;
        for (kind, clock) in &ticket.clocks {
            let level = levels.entry((ticket.grade.class, *kind)).or_default();
            match clock.state(calendar, now) {
                ClockState::Met { in_time: true, .. } => level.in_time += 1,
                ClockState::Met { in_time: false, .. } | ClockState::Breached { .. } => level.late += 1,
                ClockState::Running { .. } | ClockState::Paused { .. } => level.running += 1,
            }
        }
    }
    levels
}

fn is_cancelled(state: &TicketState) -> bool {
    use crate::ticket::TicketEnd;
    match state {
        TicketState::Open { .. } | TicketState::OnHold { .. } => false,
        TicketState::Finished { end, .. } | TicketState::Archived { end, .. } => match end {
            TicketEnd::Closed { .. } => false,
            TicketEnd::Cancelled { .. } | TicketEnd::Merged { .. } => true,
        },
    }
}
