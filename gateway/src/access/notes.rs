//! What is noted in the audit trail of reads, log-ins and refusals: each once a minute for who and what, collected until the next
//! flush. Bounded, so that nobody can slow telemetry by asking.

use domain::{Millis, Timestamp};
use std::collections::BTreeMap;

/// Within this time the same is noted once.
const ONCE_IN: Millis = Millis::minutes(1);
/// Pairs of who and what that are remembered; beyond that nothing new is noted until some are forgotten.
const MOST: usize = 10_000;
/// Notes that may wait for the next flush.
const MOST_WAITING: usize = 1_000;

/// A line for the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Did what, such as `read`.
    pub action: String,
    /// To what.
    pub subject: String,
    /// In words.
    pub detail: String,
}

/// Notes that wait, and what was noted a moment ago.
#[derive(Debug, Default)]
pub struct Notes {
    noted: BTreeMap<(String, String, String), Timestamp>,
    waiting: Vec<Note>,
    omitted: u64,
}

impl Notes {
    /// Notes it, unless the same was noted within a minute.
    pub fn add(&mut self, note: Note) {
        let key = (note.actor.clone(), note.action.clone(), note.subject.clone());
        if self
            .noted
            .get(&key)
            .is_some_and(|at| note.at - *at < ONCE_IN && note.at >= *at)
        {
            return;
        }
        if self.noted.len() >= MOST {
            let now = note.at;
            self.noted.retain(|_, at| now - *at < ONCE_IN);
        }
        if self.noted.len() >= MOST || self.waiting.len() >= MOST_WAITING {
            self.omitted += 1;
            return;
        }
        self.noted.insert(key, note.at);
        self.waiting.push(note);
    }

    /// What waits, the oldest first; and a line that says so if some could not be kept.
    pub fn take(&mut self, now: Timestamp) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.waiting);
        if self.omitted > 0 {
            notes.push(Note {
                at: now,
                actor: "forewarn".to_owned(),
                action: "audit.omitted".to_owned(),
                subject: "reads".to_owned(),
                detail: format!("{} reads or refusals more than can be noted", self.omitted),
            });
            self.omitted = 0;
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(at: i64, actor: &str, subject: &str) -> Note {
        Note {
            at: Timestamp(at),
            actor: actor.into(),
            action: "read".into(),
            subject: subject.into(),
            detail: String::new(),
        }
    }

    #[test]
    fn the_same_is_noted_once_a_minute() {
        let mut notes = Notes::default();
        for at in [0, 10, 59_999, 60_000, 60_001] {
            notes.add(note(at, "ann", "/tickets/T-000001"));
        }
        notes.add(note(70_000, "bob", "/tickets/T-000001"));
        let taken: Vec<i64> = notes.take(Timestamp(70_000)).iter().map(|n| n.at.0).collect();
        assert_eq!(taken, [0, 60_000, 70_000]);
        assert_eq!(notes.take(Timestamp(70_000)), []);
    }

    #[test]
    fn too_many_are_counted_not_kept() {
        let mut notes = Notes::default();
        for n in 0..(MOST_WAITING + 7) {
            notes.add(note(0, "ann", &format!("/devices/a/{n}")));
        }
        let taken = notes.take(Timestamp(1));
        assert_eq!(taken.len(), MOST_WAITING + 1);
        assert!(taken.last().is_some_and(|n| n.detail.starts_with("7 reads")));
        for n in 0..(2 * MOST as i64) {
            notes.add(note(n, "ann", &format!("/tickets/{n}")));
            notes.take(Timestamp(n));
        }
        assert!(notes.noted.len() <= MOST);
    }
}
