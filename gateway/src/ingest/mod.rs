//! From packets to batches.
pub mod directory;
