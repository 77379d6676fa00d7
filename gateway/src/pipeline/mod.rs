//! From batches of readings to commits: shards own the devices, one thread owns alarms, tickets and the store.
pub mod repeats;
