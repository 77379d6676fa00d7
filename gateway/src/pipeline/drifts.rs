//! How often what models hold for normal has moved, since the start, for `/metrics`.

use domain::DriftCause;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A count for each cause.
#[derive(Debug, Default)]
pub struct DriftCounts([AtomicU64; DriftCause::ALL.len()]);

impl DriftCounts {
    /// One more, on disk.
    pub fn count(&self, cause: DriftCause) {
        self.0[cause as usize].fetch_add(1, Relaxed);
    }

    /// How many of each cause, in the order of [`DriftCause::ALL`].
    pub fn now(&self) -> [u64; DriftCause::ALL.len()] {
        DriftCause::ALL.map(|cause| self.0[cause as usize].load(Relaxed))
    }
}
