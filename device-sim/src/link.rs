//! One MQTT connection with its outbox: the only file that knows rumqttc. QoS 1, clean session, and everything
//! unconfirmed is sent again on each new connection. It decides nothing about what is sent.
//!
//! Two habits of rumqttc shape it: it forgets what is in flight when a session is gone, so a broken connection is
//! thrown away whole and the outbox starts over with a fresh client; and its `publish().await` deadlocks when called
//! from the task that polls, so only `try_publish` is used, never beyond the window.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, Incoming, LastWill, MqttOptions, Outgoing as Sent, QoS,
    TlsConfiguration, Transport,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::outbox::Outbox;
use crate::wire::Outgoing;

/// How often a link that does not read its input looks whether the input has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Where and as whom to connect.
#[derive(Clone, Default)]
pub struct MqttTarget {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name; `{site}` and `{device}` in it stand for the device of the connection.
    pub user: Option<String>,
    /// Password.
    pub password: Option<Password>,
    /// TLS, if the broker wants it.
    pub tls: Option<TlsMaterial>,
}

/// A secret that is never printed.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Wraps a password.
    #[must_use]
    pub fn new(secret: String) -> Password {
        Password(secret)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// Contents of PEM files.
#[derive(Clone)]
pub struct TlsMaterial {
    /// Certificates that the broker's certificate may be signed with.
    pub ca_pem: Vec<u8>,
    /// Certificate chain and private key of the client.
    pub client_pem: Option<(Vec<u8>, Vec<u8>)>,
}

/// One connection.
pub struct LinkConfig {
    /// MQTT client id.
    pub client_id: String,
    /// User name with all placeholders filled in.
    pub user: Option<String>,
    /// Topic and payload that the broker publishes, retained, if the connection breaks.
    pub will: Option<(Arc<str>, Bytes)>,
    /// Messages that undo the wills, sent first on each reconnect.
    pub greetings: Vec<Outgoing>,
    /// Unconfirmed messages on the wire.
    pub window: u16,
    /// Messages held while the broker is away; then the input is no longer read.
    pub outbox_limit: usize,
    /// How long the broker may be away before the first connection stands.
    pub patience: Duration,
    /// How long to wait for the last PubAcks after the input has ended.
    pub drain: Duration,
}

/// Figures of all links together, to be watched while they run.
#[derive(Debug, Default)]
pub struct Counters {
    /// Messages that came in to be sent.
    pub accepted: AtomicU64,
    /// Messages confirmed by PubAck.
    pub confirmed: AtomicU64,
    /// Messages sent again after a reconnect.
    pub resent: AtomicU64,
    /// Connections made after the first of each link.
    pub reconnects: AtomicU64,
    /// Links that are connected now.
    pub connected: AtomicU64,
    /// Machine time reached, ms since 1970.
    pub machine_ms: AtomicI64,
}

/// Why a link gave up.
#[derive(Debug, Error)]
pub enum LinkError {
    /// No connection within the patience, or refused by the broker.
    #[error("cannot connect to {host}:{port} as {client_id}: {cause}")]
    Unreachable {
        /// Host.
        host: String,
        /// Port.
        port: u16,
        /// Client id.
        client_id: String,
        /// The last cause, from the client.
        cause: String,
    },
    /// The PEM files cannot be used.
    #[error("cannot use TLS material: {0}")]
    Tls(String),
    /// The client refused a message: a topic that no spec can make.
    #[error("cannot publish to {topic}: {cause}")]
    Refused {
        /// Topic.
        topic: String,
        /// From the client.
        cause: String,
    },
}

/// How a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkEnd {
    /// Messages given up because no PubAck came in time.
    pub unconfirmed: usize,
}

/// Why the connection was left.
enum Broken {
    /// Input ended and everything is confirmed, or the time to drain is over.
    Done,
    /// The connection is gone.
    Lost(ConnectionError),
}

/// A message in the outbox, or a greeting that only belongs to this connection.
struct Item {
    message: Outgoing,
    is_greeting: bool,
}

/// Publishes what comes in until the input ends and all is confirmed or `drain` has passed.
///
/// # Errors
/// If the first connection does not stand within the patience, or the broker refuses it.
pub async fn run_link(
    target: &MqttTarget,
    config: LinkConfig,
    mut input: mpsc::Receiver<Outgoing>,
    counters: &Counters,
) -> Result<LinkEnd, LinkError> {
    let options = mqtt_options(target, &config)?;
    let give_up = Instant::now() + config.patience;
    let mut link = Link {
        outbox: Outbox::new(config.outbox_limit),
        config,
        drain_until: None,
        has_input_ended: false,
        has_connected: false,
    };
    let mut pause = Duration::from_millis(100);
    loop {
        let (client, mut events) = AsyncClient::new(options.clone(), usize::from(link.config.window) + 8);
        events.network_options.set_tcp_nodelay(true);
        let was_connected = link.has_connected;
        let broken = link.serve(&client, &mut events, &mut input, counters).await?;
        let cause = match broken {
            Broken::Done => {
                disconnect(&client, &mut events).await;
                return Ok(LinkEnd {
                    unconfirmed: link.outbox.len() + input.len(),
                });
            }
            Broken::Lost(cause) => cause,
        };
        let is_refused = matches!(cause, ConnectionError::ConnectionRefused(_));
        if !link.has_connected && (is_refused || Instant::now() >= give_up) {
            return Err(LinkError::Unreachable {
                host: target.host.clone(),
                port: target.port,
                client_id: link.config.client_id.clone(),
                cause: cause.to_string(),
            });
        }
        if link.has_connected {
            tracing::warn!(client_id = %link.config.client_id, error = %cause, "link lost");
        } else {
            tracing::info!(client_id = %link.config.client_id, error = %cause, "no link yet");
        }
        if link.has_connected && !was_connected {
            pause = Duration::from_millis(100);
        }
        if link.is_over(&input) {
            return Ok(LinkEnd {
                unconfirmed: link.outbox.len() + input.len(),
            });
        }
        // Up to half of it is chance, so that a fleet does not come back in one moment.
        sleep(pause.mul_f64(0.5 + 0.5 * rand::random::<f64>())).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}

struct Link {
    config: LinkConfig,
    outbox: Outbox<Item>,
    drain_until: Option<Instant>,
    has_input_ended: bool,
    has_connected: bool,
}

impl Link {
    /// Serves one connection until it breaks or the work is done.
    async fn serve(
        &mut self,
        client: &AsyncClient,
        events: &mut EventLoop,
        input: &mut mpsc::Receiver<Outgoing>,
        counters: &Counters,
    ) -> Result<Broken, LinkError> {
        let mut is_connected = false;
        let broken = loop {
            // Polled to its end and never dropped half-way: a dropped poll may be a dropped connection attempt.
            let mut poll = pin!(events.poll());
            let polled = loop {
                if self.is_over(input) {
                    break None;
                }
                tokio::select! {
                    polled = &mut poll => break Some(polled),
                    message = input.recv(), if !self.has_input_ended && !self.outbox.is_full() => match message {
                        Some(message) => {
                            counters.accepted.fetch_add(1, Ordering::Relaxed);
                            let pushed = self.outbox.push(Item { message, is_greeting: false });
                            debug_assert!(pushed.is_ok(), "room was checked before");
                            if is_connected {
                                self.hand_out(client)?;
                            }
                        }
                        None => self.has_input_ended = true,
                    },
                    // While the input is not read, its end is found by looking.
                    () = sleep(LOOK_AGAIN), if self.has_input_ended || self.outbox.is_full() => {}
                }
            };
            match polled {
                None => break Ok(Broken::Done),
                Some(Err(cause)) => break Ok(Broken::Lost(cause)),
                Some(Ok(Event::Incoming(Incoming::ConnAck(_)))) => {
                    is_connected = true;
                    counters.connected.fetch_add(1, Ordering::Relaxed);
                    self.start_over(counters);
                    self.hand_out(client)?;
                }
                Some(Ok(Event::Incoming(Incoming::PubAck(ack)))) => {
                    if self.outbox.confirm(ack.pkid).is_some_and(|item| !item.is_greeting) {
                        counters.confirmed.fetch_add(1, Ordering::Relaxed);
                    }
                    self.hand_out(client)?;
                }
                Some(Ok(Event::Outgoing(Sent::Publish(packet_id)))) => {
                    let is_known = self.outbox.identify(packet_id);
                    debug_assert!(is_known, "the client writes only what was handed to it");
                }
                // The other packets of the protocol carry nothing for the outbox.
                Some(Ok(Event::Incoming(_) | Event::Outgoing(_))) => {}
            }
        };
        if is_connected {
            counters.connected.fetch_sub(1, Ordering::Relaxed);
        }
        broken
    }

    /// Whether everything is confirmed after the input has ended, or the time for that is over.
    fn is_over(&mut self, input: &mpsc::Receiver<Outgoing>) -> bool {
        if !input.is_closed() {
            return false;
        }
        let until = *self
            .drain_until
            .get_or_insert_with(|| Instant::now() + self.config.drain);
        (self.outbox.is_empty() && input.is_empty()) || Instant::now() >= until
    }

    /// A new connection stands: what was in flight on the old one is sent again, after the greetings.
    fn start_over(&mut self, counters: &Counters) {
        let again = self.outbox.reconnect() as u64;
        if self.has_connected {
            counters.reconnects.fetch_add(1, Ordering::Relaxed);
            counters.resent.fetch_add(again, Ordering::Relaxed);
            let greetings = self.config.greetings.iter();
            let greetings = greetings
                .map(|message| Item {
                    message: message.clone(),
                    is_greeting: true,
                })
                .collect();
            self.outbox.greet(|item| item.is_greeting, greetings);
        }
        self.has_connected = true;
    }

    fn hand_out(&mut self, client: &AsyncClient) -> Result<(), LinkError> {
        while let Some(item) = self.outbox.hand_next(usize::from(self.config.window)) {
            let Outgoing {
                topic, payload, retain, ..
            } = &item.message;
            client
                .try_publish(&**topic, QoS::AtLeastOnce, *retain, payload.clone())
                .map_err(|cause| LinkError::Refused {
                    topic: topic.to_string(),
                    cause: cause.to_string(),
                })?;
        }
        Ok(())
    }
}

/// Says goodbye so that the broker does not publish the will.
async fn disconnect(client: &AsyncClient, events: &mut EventLoop) {
    if client.try_disconnect().is_err() {
        return;
    }
    let goodbye = async {
        while let Ok(event) = events.poll().await {
            if matches!(event, Event::Outgoing(Sent::Disconnect)) {
                break;
            }
        }
    };
    if tokio::time::timeout(Duration::from_secs(2), goodbye).await.is_err() {
        tracing::debug!("the broker did not take the disconnect in time");
    }
}

fn mqtt_options(target: &MqttTarget, config: &LinkConfig) -> Result<MqttOptions, LinkError> {
    let mut options = MqttOptions::new(config.client_id.clone(), target.host.clone(), target.port);
    options
        .set_keep_alive(Duration::from_secs(20))
        .set_clean_session(true)
        .set_inflight(config.window)
        // Incoming is only acks; outgoing must fit waveforms and wide CSV rows.
        .set_max_packet_size(64 * 1024, 1024 * 1024);
    if let Some(user) = &config.user {
        let password = target.password.as_ref().map_or("", |Password(secret)| secret.as_str());
        options.set_credentials(user.clone(), password);
    }
    if let Some((topic, payload)) = &config.will {
        options.set_last_will(LastWill::new(
            topic.to_string(),
            payload.to_vec(),
            QoS::AtLeastOnce,
            true,
        ));
    }
    if let Some(tls) = &target.tls {
        options.set_transport(Transport::Tls(TlsConfiguration::Rustls(Arc::new(tls_config(tls)?))));
    }
    Ok(options)
}

fn tls_config(material: &TlsMaterial) -> Result<rustls::ClientConfig, LinkError> {
    let wrong = |what: &str, cause: &dyn std::fmt::Display| LinkError::Tls(format!("{what}: {cause}"));
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&material.ca_pem) {
        let certificate = certificate.map_err(|cause| wrong("CA file", &cause))?;
        roots
            .add(certificate)
            .map_err(|cause| wrong("CA certificate", &cause))?;
    }
    if roots.is_empty() {
        return Err(LinkError::Tls("CA file: has no certificate".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| wrong("TLS versions", &cause))?
        .with_root_certificates(roots);
    match &material.client_pem {
        None => Ok(builder.with_no_client_auth()),
        Some((chain_pem, key_pem)) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain_pem).collect();
            let chain = chain.map_err(|cause| wrong("client certificate", &cause))?;
            let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|cause| wrong("client key", &cause))?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|cause| wrong("client certificate", &cause))
        }
    }
}
