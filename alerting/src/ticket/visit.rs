//! When a visit for planned work counts, and when one is proposed.

use super::{TicketRecord, TicketState};
use crate::clock::ClockKind;
use crate::policy::Policy;
use domain::{AlarmId, TicketId, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The visit for planned work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visit {
    /// From when on the work counts for its plan.
    pub from: Timestamp,
    /// Its date by the plan.
    pub due: Timestamp,
    /// Until when it is in time.
    pub until: Timestamp,
    /// When somebody should go; none: nothing speaks for another time than its date.
    pub proposed: Option<Timestamp>,
}

/// Why a visit is proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum ProposedBecause {
    /// Somebody goes there anyway.
    With {
        /// For which ticket.
        ticket: TicketId,
    },
    /// By then one in ten of such machines has failed: the plan's date would be too late.
    Foretold {
        /// Which alarm foretells it.
        alarm: AlarmId,
    },
}

impl fmt::Display for ProposedBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProposedBecause::With { ticket } => write!(f, "together with {ticket}"),
            ProposedBecause::Foretold { alarm } => write!(f, "before the failure that {alarm} foretells"),
        }
    }
}

impl TicketRecord {
    /// When the visit shall be: as agreed, else as proposed, else by the plan's date; none for other work.
    pub fn visit_at(&self) -> Option<Timestamp> {
        let visit = self.visit?;
        Some(self.scheduled_for.or(visit.proposed).unwrap_or(visit.due))
    }

    /// Whether its visit can still be moved: planned work that nobody has begun.
    pub(crate) fn may_be_moved(&self) -> bool {
        let is_open = match self.state {
            TicketState::Open { .. } | TicketState::OnHold { .. } => true,
            TicketState::Finished { .. } | TicketState::Archived { .. } => false,
        };
        is_open && self.visit.is_some() && self.scheduled_for.is_none()
    }

    /// Takes a proposal; ahead of a failure that is foretold the clock of resolution ends with it.
    pub(super) fn propose(&mut self, at: Timestamp, because: &ProposedBecause, policy: &Policy, now: Timestamp) {
        let Some(visit) = self.visit.as_mut() else { return };
        match because {
            ProposedBecause::With { .. } => visit.proposed = Some(at),
            ProposedBecause::Foretold { .. } => {
                // an earlier visit that was proposed is early enough
                visit.proposed = Some(visit.proposed.map_or(at, |proposed| proposed.min(at)));
                (visit.due, visit.until) = (at, at);
                let terms = policy.terms(self.contract.as_deref());
                let targets = terms.clocks.targets(self.grade.class, Some(at), now);
                let target = targets.into_iter().find(|(kind, _)| *kind == ClockKind::Resolution);
                if let (Some((_, target)), Some(clock)) = (target, self.clocks.get_mut(&ClockKind::Resolution)) {
                    clock.retarget(target, &terms.calendar, now);
                }
            }
        }
    }
}
