//! What the operator may set for the broker client. Semantic checks report every problem with its path; nothing here opens a file or a socket.

use crate::secret::Secret;
use serde::Deserialize;
use std::path::PathBuf;

/// Section `[broker]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrokerConfig {
    /// Host name or address.
    pub host: String,
    /// Usually 1883, or 8883 with TLS.
    pub port: u16,
    /// Names our session at the broker: must stay the same and be ours alone.
    pub client_id: String,
    /// User name, if the broker wants one.
    pub user: Option<String>,
    /// Its password.
    pub password: Secret,
    /// Whether to use TLS.
    pub tls: bool,
    /// CA that signed the broker's certificate, PEM. Without it the system's.
    pub ca: Option<PathBuf>,
    /// Our client certificate chain, PEM.
    pub cert: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// Topic filters to subscribe to.
    pub topics: Vec<String>,
    /// Publishes that may wait unacknowledged. At least the broker's own window (Mosquitto: `max_inflight_messages`).
    pub window: usize,
    /// Largest packet taken, in bytes. A bigger one is refused and counted.
    pub max_packet_bytes: usize,
    /// Seconds without a word from us after which the broker may give us up, by half as many more; we ping twice as often. A broker silent for
    /// two of them is given up.
    pub keep_alive_s: u16,
    /// Shortest pause before connecting again, in milliseconds.
    pub reconnect_min_ms: u64,
    /// Longest pause.
    pub reconnect_max_ms: u64,
}

impl Default for BrokerConfig {
    fn default() -> BrokerConfig {
        BrokerConfig {
            host: "127.0.0.1".to_owned(),
            port: 1883,
            client_id: "forewarn".to_owned(),
            user: None,
            password: Secret::default(),
            tls: false,
            ca: None,
            cert: None,
            key: None,
            topics: ["telemetry", "waveform/+", "event", "status"]
                .map(|kind| format!("forewarn/+/+/{kind}"))
                .to_vec(),
            window: 4_096,
            max_packet_bytes: 1024 * 1024,
            keep_alive_s: 30,
            reconnect_min_ms: 200,
            reconnect_max_ms: 30_000,
        }
    }
}

impl BrokerConfig {
    /// Everything wrong with the values, each with its path below `broker` and what would be right.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut problem = |is_wrong: bool, path: &str, text: String| {
            if is_wrong {
                problems.push((path.to_owned(), text));
            }
        };
        problem(self.host.is_empty(), "host", "is empty".to_owned());
        problem(self.port == 0, "port", "is 0, must be the broker's port".to_owned());
        let needs_id = "is empty: a session kept by the broker needs a name".to_owned();
        problem(self.client_id.is_empty(), "client_id", needs_id);
        problem(
            self.topics.is_empty(),
            "topics",
            "is empty: nothing would come in".to_owned(),
        );
        for (index, filter) in self.topics.iter().enumerate() {
            let is_bad = !crate::listener::access::is_filter(filter);
            problem(
                is_bad,
                &format!("topics[{index}]"),
                format!("\"{filter}\" is not a topic filter"),
            );
        }
        problem(self.window == 0, "window", "is 0, must be at least 1".to_owned());
        problem(
            self.max_packet_bytes < 1_024,
            "max_packet_bytes",
            "must be at least 1024".to_owned(),
        );
        problem(
            self.keep_alive_s == 0,
            "keep_alive_s",
            "is 0: a dead link would never be noticed".to_owned(),
        );
        let range = format!("is above reconnect_max_ms ({})", self.reconnect_max_ms);
        problem(self.reconnect_min_ms > self.reconnect_max_ms, "reconnect_min_ms", range);
        let pair = "give cert and key together".to_owned();
        problem(
            self.cert.is_some() != self.key.is_some(),
            if self.cert.is_some() { "key" } else { "cert" },
            pair,
        );
        let unused = !self.tls && (self.ca.is_some() || self.cert.is_some());
        problem(unused, "tls", "is false, but ca or cert is given".to_owned());
        problems
    }
}
