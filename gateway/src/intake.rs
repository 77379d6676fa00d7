//! The seam between the ways in (our listener, a broker) and the one path that all packets take.
//!
//! A way in knows MQTT and nothing of readings; what is behind this seam knows readings and nothing of MQTT.

use std::future::Future;
use std::sync::Arc;
use tokio::sync::Notify;

/// One PUBLISH as it came.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// The topic, checked to be UTF-8 without wildcards.
    pub topic: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// Quality of service, 0 or 1.
    pub qos: u8,
    /// A retained message is the last known value, not news.
    pub retain: bool,
    /// The sender says that it may have sent it before.
    pub dup: bool,
}

/// Takes packets of one connection. One for each connection, not shared.
pub trait Intake: Send + 'static {
    /// What tells when a batch is on disk.
    type Receipt: Receipt;

    /// Takes one packet into the open batch. Never fails: what cannot be read is quarantined and counted, and is as
    /// durable as the rest once the receipt says so.
    fn push(&mut self, packet: Packet<'_>);

    /// Hands the open batch on; waits while the pipeline is full. None if nothing was pushed.
    fn submit(&mut self) -> impl Future<Output = Option<Self::Receipt>> + Send;

    /// Until when this connection must not be read, because its device sends faster than its limit.
    fn throttled_until(&self) -> Option<tokio::time::Instant>;
}

/// Tells when a batch is on disk.
pub trait Receipt: Send {
    /// Whether everything in the batch is on disk.
    fn is_durable(&self) -> bool;
}

/// Makes an intake for each connection.
pub trait Intakes: Clone + Send + Sync + 'static {
    /// The kind of intake it makes.
    type Intake: Intake;

    /// Opens an intake; `wake` is notified whenever one of its receipts became durable.
    fn open(&self, wake: Arc<Notify>) -> Self::Intake;
}
