//! The way in and out for sites that have a broker: a rumqttc client (MQTT 3.1.1) with a persistent session. rumqttc is named here and below only.
//!
//! Two tasks. One owns the link and never waits for the pipeline; the other hands publishes to the pipeline and says which are on disk, in the
//! order in which they came; those are acknowledged. Back-pressure is withheld acknowledgements: the broker then stops at its own in-flight
//! window. A broker that sends on beyond it (Mosquitto 2.0.11 does once some were acknowledged) is read no further for a while: TCP holds it
//! back, and pings go on. Acknowledgements of an earlier link are thrown away: the broker may have given their packet ids to other messages.

mod config;
mod counters;
mod feeder;
mod heartbeat;
mod link;
mod pace;
#[cfg(test)]
mod tests;
mod window;
mod wire;

pub use config::BrokerConfig;
pub use counters::BrokerCounters;

use crate::intake::Intakes;
use crate::tls::{self, TlsError};
use bytes::Bytes;
use feeder::Feeder;
use link::{Link, Request};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rumqttc::{MqttOptions, TlsConfiguration, Transport};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use window::Shared;
use wire::Wire;

/// Our own publishes that may wait for a PUBACK.
const PUBLISHES_IN_FLIGHT: usize = 64;

/// A packet above the configured size but below this many times it is refused without losing the link.
const TOLERATED_SIZE_FACTOR: usize = 16;

/// What happened to the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BrokerEvent {
    /// The broker let us in.
    Connected {
        /// Whether it kept our session.
        session_present: bool,
    },
    /// The broker had kept nothing for us since we were last connected: messages may be missing.
    PossibleGap,
    /// The link is down; we try again.
    Disconnected {
        /// Why.
        reason: String,
    },
}

/// Why the client cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// Certificate, key or CA cannot be used.
    #[error("cannot set up TLS to the broker")]
    Tls(#[source] TlsError),
}

/// Why a publish was not confirmed. It may have reached the broker all the same: publish it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// There is no link at the moment.
    #[error("not connected to the broker")]
    NotConnected,
    /// The link went down before the broker confirmed.
    #[error("link to the broker lost before it confirmed")]
    LinkLost,
    /// Topic or size that cannot be sent.
    #[error("cannot be published")]
    Unsendable,
}

/// The running client.
pub struct BrokerHandle {
    publisher: BrokerPublisher,
    /// What happens to the link. Bounded: events are dropped when nobody reads them (the counters go on).
    pub events: mpsc::Receiver<BrokerEvent>,
    tasks: [JoinHandle<()>; 2],
}

impl BrokerHandle {
    /// A door for publishing that may be cloned and moved.
    pub fn publisher(&self) -> BrokerPublisher {
        self.publisher.clone()
    }

    /// Publishes at QoS 1; see [`BrokerPublisher::publish`].
    pub async fn publish(&self, topic: &str, payload: Bytes, retain: bool) -> Result<(), PublishError> {
        self.publisher.publish(topic, payload, retain).await
    }

    /// Waits until both tasks have ended after the shutdown.
    pub async fn stopped(self) {
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the broker client ended by a bug");
            }
        }
    }
}

/// Publishes to the broker.
#[derive(Clone)]
pub struct BrokerPublisher {
    requests: mpsc::Sender<Request>,
    /// As many as the broker may have to confirm at a time.
    permits: Arc<Semaphore>,
    counters: Arc<BrokerCounters>,
}

impl BrokerPublisher {
    /// Publishes at QoS 1 and waits for the broker's PUBACK. Fails when the link goes down before; the caller then publishes again.
    pub async fn publish(&self, topic: &str, payload: Bytes, retain: bool) -> Result<(), PublishError> {
        let result = self.publish_once(topic, payload, retain).await;
        let count = if result.is_ok() {
            &self.counters.published
        } else {
            &self.counters.publish_failed
        };
        count.fetch_add(1, Relaxed);
        result
    }

    async fn publish_once(&self, topic: &str, payload: Bytes, retain: bool) -> Result<(), PublishError> {
        let _permit = self.permits.acquire().await.map_err(|_| PublishError::NotConnected)?;
        let (confirm, confirmed) = oneshot::channel();
        let request = Request {
            topic: topic.to_owned(),
            payload,
            retain,
            confirm,
        };
        self.requests
            .send(request)
            .await
            .map_err(|_| PublishError::NotConnected)?;
        confirmed.await.unwrap_or(Err(PublishError::LinkLost))
    }
}

/// Starts the client. It runs until `shutdown` becomes true; `seed` is for the jitter of the pauses between attempts.
pub fn run<I: Intakes>(
    config: &BrokerConfig,
    intakes: &I,
    counters: Arc<BrokerCounters>,
    seed: u64,
    shutdown: watch::Receiver<bool>,
) -> Result<BrokerHandle, BrokerError> {
    let wire = Wire::new(options(config)?);
    let shared = Arc::new(Shared::new(config.window, counters.clone()));
    let (requests_sender, requests) = mpsc::channel(PUBLISHES_IN_FLIGHT);
    let (events_sender, events) = mpsc::channel(64);
    let link = Link::new(
        config.clone(),
        wire,
        shared.clone(),
        requests,
        events_sender,
        StdRng::seed_from_u64(seed),
    );
    let wake = Arc::new(Notify::new());
    let feeder = Feeder::new(intakes.open(wake.clone()), wake, shared, config.max_packet_bytes);
    let tasks = [tokio::spawn(link.run(shutdown)), tokio::spawn(feeder.run())];
    let publisher = BrokerPublisher {
        requests: requests_sender,
        permits: Arc::new(Semaphore::new(PUBLISHES_IN_FLIGHT)),
        counters,
    };
    Ok(BrokerHandle {
        publisher,
        events,
        tasks,
    })
}

fn options(config: &BrokerConfig) -> Result<MqttOptions, BrokerError> {
    let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
    let tolerated = config.max_packet_bytes.saturating_mul(TOLERATED_SIZE_FACTOR);
    options
        .set_keep_alive(Duration::from_secs(u64::from(config.keep_alive_s)))
        .set_clean_session(false)
        .set_manual_acks(true)
        .set_max_packet_size(tolerated, tolerated);
    if let Some(user) = &config.user {
        options.set_credentials(user, config.password.expose());
    }
    if config.tls {
        let identity = config.cert.as_deref().zip(config.key.as_deref());
        let client_config = tls::client_config(config.ca.as_deref(), identity).map_err(BrokerError::Tls)?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(client_config)));
    }
    Ok(options)
}
