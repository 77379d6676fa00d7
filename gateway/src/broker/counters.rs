//! What the broker client counts. Plain atomics, read for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What the broker client counts.
#[derive(Debug, Default)]
pub struct BrokerCounters {
    /// 1 while connected.
    pub connected: AtomicU64,
    /// Times the broker let us in.
    pub connects: AtomicU64,
    /// Times the link went down or could not be made.
    pub disconnects: AtomicU64,
    /// Times the broker had not kept our session.
    pub possible_gaps: AtomicU64,
    /// Publishes received with QoS 0.
    pub publishes_qos0: AtomicU64,
    /// Publishes received with QoS 1.
    pub publishes_qos1: AtomicU64,
    /// Acknowledgements given.
    pub acks_sent: AtomicU64,
    /// Acknowledgements thrown away because their connection was gone.
    pub stale_acks: AtomicU64,
    /// QoS 0 publishes dropped because the pipeline was behind.
    pub qos0_dropped: AtomicU64,
    /// Times the link was read no further because the broker sent more than the window.
    pub window_overflows: AtomicU64,
    /// Publishes above the size limit, refused.
    pub packet_too_large: AtomicU64,
    /// Publishes with a topic no publish may have, refused.
    pub topic_invalid: AtomicU64,
    /// Subscriptions the broker refused.
    pub subscriptions_refused: AtomicU64,
    /// Our publishes that the broker confirmed.
    pub published: AtomicU64,
    /// Our publishes that were not confirmed.
    pub publish_failed: AtomicU64,
}

impl BrokerCounters {
    /// Every count as (metric name, labels, value).
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Vec<(&'static str, &'static str)>, u64)> + '_ {
        let qos = |level| vec![("qos", level)];
        [
            ("forewarn_broker_connected", vec![], &self.connected),
            ("forewarn_broker_connects_total", vec![], &self.connects),
            ("forewarn_broker_disconnects_total", vec![], &self.disconnects),
            ("forewarn_broker_possible_gaps_total", vec![], &self.possible_gaps),
            ("forewarn_broker_publishes_total", qos("0"), &self.publishes_qos0),
            ("forewarn_broker_publishes_total", qos("1"), &self.publishes_qos1),
            ("forewarn_broker_acks_sent_total", vec![], &self.acks_sent),
            ("forewarn_broker_stale_acks_total", vec![], &self.stale_acks),
            ("forewarn_broker_qos0_dropped_total", vec![], &self.qos0_dropped),
            ("forewarn_broker_window_overflows_total", vec![], &self.window_overflows),
            ("forewarn_broker_packet_too_large_total", vec![], &self.packet_too_large),
            ("forewarn_broker_topic_invalid_total", vec![], &self.topic_invalid),
            (
                "forewarn_broker_subscriptions_refused_total",
                vec![],
                &self.subscriptions_refused,
            ),
            ("forewarn_broker_published_total", vec![], &self.published),
            ("forewarn_broker_publish_failed_total", vec![], &self.publish_failed),
        ]
        .into_iter()
        .map(|(name, labels, count)| (name, labels, count.load(Relaxed)))
    }
}
