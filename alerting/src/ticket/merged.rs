//! What a ticket says of others that were merged into it, and for which failure modes it stands.

use super::{HistoryEntry, MAX_HISTORY, MAX_MERGED, TicketChange, TicketRecord};
use domain::{AlarmId, DeviceKey, FailureModeId, TicketId};
use serde::{Deserialize, Serialize};

/// Tickets that can be merged into one.
pub const MAX_ABSORBED: usize = 20;

/// A ticket that was merged into this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absorbed {
    /// Which.
    pub ticket: TicketId,
    /// For which failure modes of which machines it stood.
    pub modes: Vec<(DeviceKey, FailureModeId)>,
    /// Its alarms.
    pub alarms: Vec<AlarmId>,
}

impl TicketRecord {
    /// Whether it was opened for this failure mode of this machine.
    pub(crate) fn is_about(&self, key: &(DeviceKey, FailureModeId)) -> bool {
        self.device == key.0 && self.failure_mode == key.1
    }

    /// The failure modes of machines for which it stands: its own first, then those of tickets that were merged into it.
    pub(crate) fn serves(&self) -> Vec<(DeviceKey, FailureModeId)> {
        let own = (self.device.clone(), self.failure_mode.clone());
        let others = self.absorbed.iter().flat_map(|a| &a.modes).cloned();
        std::iter::once(own).chain(others).collect()
    }

    /// Takes the comments over, each with who wrote it, when, and in which ticket.
    pub(crate) fn take_comments(&mut self, other: &TicketRecord) {
        for entry in &other.history {
            if let TicketChange::Commented { text, from } = &entry.what
                && self.history.len() < MAX_HISTORY
            {
                self.history.push(HistoryEntry {
                    what: TicketChange::Commented {
                        text: text.clone(),
                        from: Some(from.unwrap_or(other.id)),
                    },
                    ..entry.clone()
                });
            }
        }
    }

    pub(super) fn absorb(&mut self, absorbed: &Absorbed) {
        self.merged_count = self.merged_count.saturating_add(absorbed.alarms.len() as u32);
        let room = MAX_MERGED.saturating_sub(self.merged.len());
        self.merged.extend(absorbed.alarms.iter().take(room).cloned());
        self.absorbed.push(absorbed.clone());
    }

    pub(super) fn let_go(&mut self, ticket: TicketId, alarm: Option<&AlarmId>) {
        let mut gone: Vec<AlarmId> = alarm.into_iter().cloned().collect();
        if let Some(place) = self.absorbed.iter().position(|a| a.ticket == ticket) {
            gone.extend(self.absorbed.remove(place).alarms);
        }
        self.merged.retain(|alarm| !gone.contains(alarm));
        self.merged_count = self.merged_count.saturating_sub(gone.len() as u32);
    }
}
