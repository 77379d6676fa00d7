//! From batches of readings to commits: shards own the devices, one thread owns alarms, tickets and the store.

mod analyst;
pub mod batch;
pub mod candidate;
pub mod catalogue;
pub mod commit;
pub mod compare;
pub mod device;
pub mod drifts;
pub mod feed;
pub mod fleet;
pub mod positions;
pub mod records;
pub mod recovery;
pub mod releases;
pub mod repeats;
pub mod rounds;
pub mod shard;

#[cfg(test)]
mod replay_tests;
