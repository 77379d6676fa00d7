//! What became of every message: received = stored + duplicate + late + rejected + quarantined + spooled + dropped, always.
//!
//! One lock for each batch, so that whoever looks sees numbers of one moment.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// Numbers of messages by what became of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Balance {
    /// Came in.
    pub received: u64,
    /// On disk.
    pub stored: u64,
    /// Seen before; nothing stored.
    pub duplicate: u64,
    /// On disk, but older than the reorder window: no live alarm.
    pub late: u64,
    /// Refused at the door, by reason; the sender was told.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Not understood, kept for a person, by reason.
    pub quarantined: BTreeMap<&'static str, u64>,
    /// Received and not yet decided or not yet on disk.
    pub spooled: u64,
    /// Given up, by reason: only what nobody was promised (QoS 0 at shutdown).
    pub dropped: BTreeMap<&'static str, u64>,
    /// Samples on disk: each metric of each stored or late message, derived ones too.
    pub points: u64,
}

impl Balance {
    /// Whether every message is accounted for.
    pub fn is_balanced(&self) -> bool {
        let sum = |by_reason: &BTreeMap<&'static str, u64>| by_reason.values().sum::<u64>();
        self.received
            == self.stored
                + self.duplicate
                + self.late
                + sum(&self.rejected)
                + sum(&self.quarantined)
                + self.spooled
                + sum(&self.dropped)
    }
}

/// What became of the messages of one batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// To be stored.
    pub stored: u64,
    /// Seen before.
    pub duplicate: u64,
    /// To be stored as late.
    pub late: u64,
    /// Sent to quarantine, by reason.
    pub quarantined: Vec<&'static str>,
    /// Samples to be stored.
    pub points: u64,
}

impl Outcomes {
    /// Adds those of another piece.
    pub fn add(&mut self, other: &Outcomes) {
        self.stored += other.stored;
        self.duplicate += other.duplicate;
        self.late += other.late;
        self.quarantined.extend_from_slice(&other.quarantined);
        self.points += other.points;
    }

    /// How many messages this settles.
    pub fn messages(&self) -> u64 {
        self.stored + self.duplicate + self.late + self.quarantined.len() as u64
    }
}

/// The balance, shared.
#[derive(Debug, Default)]
pub struct Ledger(Mutex<Balance>);

impl Ledger {
    fn open(&self) -> MutexGuard<'_, Balance> {
        // a panic elsewhere leaves whole numbers behind
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Messages came in; until they are settled they are spooled.
    pub fn receive(&self, messages: u64) {
        let mut balance = self.open();
        balance.received += messages;
        balance.spooled += messages;
    }

    /// Messages of a batch are on disk, or known to be repeats.
    pub fn settle(&self, outcomes: &Outcomes) {
        let mut balance = self.open();
        balance.spooled = balance.spooled.saturating_sub(outcomes.messages());
        balance.stored += outcomes.stored;
        balance.duplicate += outcomes.duplicate;
        balance.late += outcomes.late;
        balance.points += outcomes.points;
        for reason in &outcomes.quarantined {
            *balance.quarantined.entry(reason).or_default() += 1;
        }
    }

    /// Messages will never be settled: their link was lost before the pipeline took them, so nobody was promised them.
    pub fn drop_spooled(&self, messages: u64, reason: &'static str) {
        let mut balance = self.open();
        let dropped = messages.min(balance.spooled);
        balance.spooled -= dropped;
        *balance.dropped.entry(reason).or_default() += dropped;
    }

    /// A message was refused at the door.
    pub fn reject(&self, reason: &'static str) {
        let mut balance = self.open();
        balance.received += 1;
        *balance.rejected.entry(reason).or_default() += 1;
    }

    /// The numbers of this moment.
    pub fn balance(&self) -> Balance {
        self.open().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_balances_at_every_step() {
        let ledger = Ledger::default();
        ledger.receive(5);
        assert!(ledger.balance().is_balanced());
        ledger.reject("packet_too_large");
        assert!(ledger.balance().is_balanced());
        ledger.settle(&Outcomes {
            stored: 2,
            duplicate: 1,
            late: 1,
            quarantined: vec!["not_json"],
            points: 15,
        });
        let balance = ledger.balance();
        assert!(balance.is_balanced());
        assert_eq!((balance.received, balance.spooled, balance.points), (6, 0, 15));
    }
}
