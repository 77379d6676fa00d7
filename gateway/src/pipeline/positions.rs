//! How far everybody is in the journal: the commit, the checkpoints, the stores it feeds. What all have, can go.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::watch;

/// Positions, shared by the commit thread and the stores that the journal feeds.
#[derive(Debug)]
pub struct Positions {
    committed: watch::Sender<u64>,
    checkpointed: AtomicU64,
    history: AtomicU64,
    history_taken: AtomicU64,
    influx: AtomicU64,
    trimmed: AtomicU64,
    is_failing: AtomicBool,
}

impl Positions {
    /// After a restart: the last commit, from where a restart replays, how far history is, and InfluxDB if there is one.
    pub fn new(committed: u64, replay_from: u64, history: u64, influx: Option<u64>) -> Self {
        Positions {
            committed: watch::Sender::new(committed),
            checkpointed: AtomicU64::new(replay_from),
            history: AtomicU64::new(history),
            history_taken: AtomicU64::new(history),
            influx: AtomicU64::new(influx.unwrap_or(u64::MAX)),
            trimmed: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
        }
    }

    /// A commit with a journal entry is on disk.
    pub fn committed(&self, position: u64) {
        self.committed.send_replace(position);
    }

    /// Follows the last commit.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.committed.subscribe()
    }

    /// The last commit.
    pub fn last(&self) -> u64 {
        *self.committed.borrow()
    }

    /// From where a restart replays.
    pub fn replay_from(&self) -> u64 {
        self.checkpointed.load(Ordering::Relaxed)
    }

    /// Checkpoints hold everything up to here.
    pub fn checkpointed(&self, position: u64) {
        self.checkpointed.store(position, Ordering::Relaxed);
    }

    /// History holds everything up to here.
    pub fn history_is_at(&self, position: u64) {
        self.history.store(position, Ordering::Relaxed);
    }

    /// How far history is.
    pub fn history(&self) -> u64 {
        self.history.load(Ordering::Relaxed)
    }

    /// Queries on history see everything up to here, though the newest of it is not sealed yet.
    pub fn history_has_taken(&self, position: u64) {
        self.history_taken.store(position, Ordering::Relaxed);
    }

    /// Up to where queries on history see everything.
    pub fn history_taken(&self) -> u64 {
        self.history_taken.load(Ordering::Relaxed)
    }

    /// InfluxDB holds everything up to here.
    pub fn influx_is_at(&self, position: u64) {
        self.influx.store(position, Ordering::Relaxed);
    }

    /// What nobody needs any more.
    pub fn trim_to(&self) -> u64 {
        let all = [&self.checkpointed, &self.history, &self.influx];
        all.into_iter().map(|p| p.load(Ordering::Relaxed)).min().unwrap_or(0)
    }

    /// What is gone already.
    pub fn trimmed(&self) -> u64 {
        self.trimmed.load(Ordering::Relaxed)
    }

    /// Everything up to here is gone.
    pub fn trimmed_to(&self, position: u64) {
        self.trimmed.store(position, Ordering::Relaxed);
    }

    /// Whether commits fail now.
    pub fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Commits fail, or work again.
    pub fn commit_failing(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::Relaxed);
    }
}
