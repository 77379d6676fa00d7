//! What the listener counts. Plain atomics, read for `/metrics`; labels are enums, so their number is fixed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a client was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusedReason {
    /// As many links open as allowed.
    ServerBusy,
    /// No CONNECT within the time allowed, or it could not be served within it.
    ConnectTimeout,
    /// The TLS handshake failed.
    TlsHandshake,
    /// The first packet was no valid CONNECT.
    Malformed,
    /// Neither MQTT 3.1.1 nor 5.
    ProtocolVersion,
    /// Client id missing where needed, or too long.
    ClientId,
    /// Unknown user or wrong password.
    BadCredentials,
    /// No user, no certificate, and not from this machine.
    AnonymousRefused,
    /// A certificate whose name gives no right, or a will outside the client's own topics.
    NotAuthorized,
    /// A will with QoS 2 (MQTT 5 clients are told the maximum).
    WillQos,
    /// MQTT 5 extended authentication, which we do not have.
    AuthenticationMethod,
}

impl RefusedReason {
    const ALL: [RefusedReason; 11] = [
        RefusedReason::ServerBusy,
        RefusedReason::ConnectTimeout,
        RefusedReason::TlsHandshake,
        RefusedReason::Malformed,
        RefusedReason::ProtocolVersion,
        RefusedReason::ClientId,
        RefusedReason::BadCredentials,
        RefusedReason::AnonymousRefused,
        RefusedReason::NotAuthorized,
        RefusedReason::WillQos,
        RefusedReason::AuthenticationMethod,
    ];

    /// The label value.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusedReason::ServerBusy => "server_busy",
            RefusedReason::ConnectTimeout => "connect_timeout",
            RefusedReason::TlsHandshake => "tls_handshake",
            RefusedReason::Malformed => "malformed",
            RefusedReason::ProtocolVersion => "protocol_version",
            RefusedReason::ClientId => "client_id",
            RefusedReason::BadCredentials => "bad_credentials",
            RefusedReason::AnonymousRefused => "anonymous_refused",
            RefusedReason::NotAuthorized => "not_authorized",
            RefusedReason::WillQos => "will_qos",
            RefusedReason::AuthenticationMethod => "authentication_method",
        }
    }
}

/// All counts of one listener since the process started.
#[derive(Debug, Default)]
pub struct ListenerCounters {
    /// TCP connections taken, before anything was read.
    pub connections_accepted: AtomicU64,
    refused: [AtomicU64; RefusedReason::ALL.len()],
    /// Links open now.
    pub connections_open: AtomicU64,
    /// PUBLISH packets handed to the pipeline, QoS 0.
    pub publishes_qos0: AtomicU64,
    /// PUBLISH packets handed to the pipeline, QoS 1.
    pub publishes_qos1: AtomicU64,
    /// PUBACKs sent for durable publishes.
    pub acks_sent: AtomicU64,
    /// Links closed because the same client connected again.
    pub takeovers: AtomicU64,
    /// Wills handed to the pipeline.
    pub wills_published: AtomicU64,
    /// Wills that could not be handed on in time.
    pub wills_dropped: AtomicU64,
    /// Publishes and subscriptions outside the client's own topics.
    pub acl_denied: AtomicU64,
    /// Publishes outside the client's own topics, which never reach the pipeline; in `acl_denied` too.
    pub publishes_denied: AtomicU64,
    /// Publishes with QoS 2, refused.
    pub qos2_refused: AtomicU64,
    /// Topics that are empty or hold a wildcard or NUL, refused.
    pub topic_invalid: AtomicU64,
    /// Packets above the size limit; each closed its link.
    pub packet_too_large: AtomicU64,
    /// Links closed because the client broke the protocol.
    pub protocol_errors: AtomicU64,
    /// Links closed because the client was silent for 1.5 times its keep-alive.
    pub keep_alive_expired: AtomicU64,
    /// Links closed because the client did not take what we sent.
    pub slow_subscribers: AtomicU64,
    /// Messages for subscribers that were away, dropped because their queue was full.
    pub offline_dropped: AtomicU64,
    /// Messages larger than a subscriber takes.
    pub outgoing_too_large: AtomicU64,
    /// Messages written to subscribers.
    pub outgoing_sent: AtomicU64,
    /// Failed attempts to take a connection from the operating system (out of file descriptors, for example).
    pub accept_errors: AtomicU64,
}

impl ListenerCounters {
    /// Counts a client not let in.
    pub fn count_refused(&self, reason: RefusedReason) {
        self.refused[reason as usize].fetch_add(1, Relaxed);
    }

    /// How many clients were not let in for `reason`.
    pub fn refused(&self, reason: RefusedReason) -> u64 {
        self.refused[reason as usize].load(Relaxed)
    }

    /// Every count as (metric name, labels, value).
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Vec<(&'static str, &'static str)>, u64)> + '_ {
        let plain = [
            (
                "forewarn_listener_connections_accepted_total",
                &self.connections_accepted,
            ),
            ("forewarn_listener_connections_open", &self.connections_open),
            ("forewarn_listener_acks_sent_total", &self.acks_sent),
            ("forewarn_listener_takeovers_total", &self.takeovers),
            ("forewarn_listener_wills_published_total", &self.wills_published),
            ("forewarn_listener_wills_dropped_total", &self.wills_dropped),
            ("forewarn_listener_acl_denied_total", &self.acl_denied),
            ("forewarn_listener_publishes_denied_total", &self.publishes_denied),
            ("forewarn_listener_qos2_refused_total", &self.qos2_refused),
            ("forewarn_listener_topic_invalid_total", &self.topic_invalid),
            ("forewarn_listener_packet_too_large_total", &self.packet_too_large),
            ("forewarn_listener_protocol_errors_total", &self.protocol_errors),
            ("forewarn_listener_keep_alive_expired_total", &self.keep_alive_expired),
            ("forewarn_listener_slow_subscribers_total", &self.slow_subscribers),
            ("forewarn_listener_offline_dropped_total", &self.offline_dropped),
            ("forewarn_listener_outgoing_too_large_total", &self.outgoing_too_large),
            ("forewarn_listener_outgoing_sent_total", &self.outgoing_sent),
            ("forewarn_listener_accept_errors_total", &self.accept_errors),
        ];
        let publishes = [("0", &self.publishes_qos0), ("1", &self.publishes_qos1)];
        plain
            .into_iter()
            .map(|(name, count)| (name, vec![], count.load(Relaxed)))
            .chain(publishes.into_iter().map(|(qos, count)| {
                (
                    "forewarn_listener_publishes_total",
                    vec![("qos", qos)],
                    count.load(Relaxed),
                )
            }))
            .chain(RefusedReason::ALL.into_iter().map(|reason| {
                (
                    "forewarn_listener_connections_refused_total",
                    vec![("reason", reason.as_str())],
                    self.refused(reason),
                )
            }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_count() {
        let counters = ListenerCounters::default();
        for (index, reason) in RefusedReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index);
            counters.count_refused(reason);
        }
        let refused: Vec<_> = counters
            .iter()
            .filter(|(name, _, _)| name.contains("refused_total") && !name.contains("qos2"))
            .collect();
        assert_eq!(refused.len(), RefusedReason::ALL.len());
        assert!(refused.iter().all(|(_, _, count)| *count == 1));
    }
}
