//! The MQTT server that devices connect to, 3.1.1 and 5 on one port, plain and TLS. A PUBACK from here means "on disk". This file binds,
//! accepts and stops; `connection` drives a link, the rest decides. Speaks MQTT through `mqtt-protocol-core`, which no other folder names.
//!
//! QoS 2 publishes are refused: MQTT 5 clients are told the maximum in CONNACK and cut with 0x9B, 3.1.1 clients are cut. Will delay is 0.

pub mod access;
pub mod config;
mod connect;
mod connection;
pub mod counters;
mod door;
mod fast_path;
mod greeting;
pub mod hub;
mod inbox;
mod outbox;
mod packets;
pub(crate) mod passwords;
mod session;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod throughput;
mod topic_tree;

pub use config::{ClientCertificate, ListenerConfig, ListenerTls, UserConfig};
pub use counters::{ListenerCounters, RefusedReason};
pub use hub::{Hub, HubLimits};

use crate::intake::Intakes;
use crate::tls::{self, ClientCertificates, TlsError};
use access::AccessRules;
use passwords::Passwords;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

/// Clients above the limit that are told so at the same time; beyond, they are cut without a word.
const SURPLUS: u64 = 100;

/// Pause after the operating system gave no connection (out of file descriptors), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the listener cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ListenerError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen for devices on {address}")]
    Bind {
        /// The address configured.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Certificate, key or CA cannot be used.
    #[error("cannot set up TLS of the listener")]
    Tls(#[source] TlsError),
}

/// A bound listener.
pub struct Listener<I: Intakes> {
    server: Arc<Server<I>>,
    plain: (TcpListener, SocketAddr),
    tls: Option<(TcpListener, SocketAddr, TlsAcceptor)>,
}

/// What all links share.
struct Server<I: Intakes> {
    intakes: I,
    hub: Hub,
    counters: Arc<ListenerCounters>,
    config: ListenerConfig,
    access: AccessRules,
    passwords: Passwords,
    refusal_log: LogLimit,
}

/// The other end of a link.
struct Peer {
    address: SocketAddr,
    certificate_name: Option<String>,
    /// One more than allowed: only to be told so.
    is_surplus: bool,
}

impl<I: Intakes> Listener<I> {
    /// Binds the ports. `intakes` gets what comes in; `hub` has what goes out.
    pub async fn bind(
        config: &ListenerConfig,
        intakes: I,
        hub: Hub,
        counters: Arc<ListenerCounters>,
    ) -> Result<Listener<I>, ListenerError> {
        let plain = bind(config.bind).await?;
        let tls = match &config.tls {
            None => None,
            Some(tls) => {
                let clients = match (&tls.client_ca, tls.client_certificate) {
                    (None, _) => ClientCertificates::NotAsked,
                    (Some(ca), ClientCertificate::Optional) => ClientCertificates::Optional(ca),
                    (Some(ca), ClientCertificate::Required) => ClientCertificates::Required(ca),
                };
                let server_config = tls::server_config(&tls.cert, &tls.key, clients).map_err(ListenerError::Tls)?;
                let (listener, address) = bind(tls.bind).await?;
                Some((listener, address, TlsAcceptor::from(server_config)))
            }
        };
        let server = Arc::new(Server {
            intakes,
            hub,
            counters,
            config: config.clone(),
            access: AccessRules::new(config),
            passwords: Passwords::default(),
            refusal_log: LogLimit::default(),
        });
        Ok(Listener { server, plain, tls })
    }

    /// Where plain MQTT is served.
    pub fn local_addr(&self) -> SocketAddr {
        self.plain.1
    }

    /// Where MQTT over TLS is served.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls.as_ref().map(|(_, address, _)| *address)
    }

    /// Serves until `shutdown` becomes true (or its sender is gone) and all links have ended, which is bounded.
    pub async fn run(self, shutdown: watch::Receiver<bool>) {
        let mut stop = shutdown.clone();
        let Listener {
            server,
            plain: (plain, plain_address),
            tls,
        } = self;
        tracing::info!(address = %plain_address, tls = ?tls.as_ref().map(|(_, address, _)| address), "listening for devices");
        let mut links = JoinSet::new();
        loop {
            let accept_tls = async {
                match &tls {
                    Some((listener, _, acceptor)) => (listener.accept().await, acceptor),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = connection::stopped(&mut stop) => break,
                Some(ended) = links.join_next(), if !links.is_empty() => log_panic(ended),
                accepted = plain.accept() => match accepted {
                    Ok((stream, address)) => spawn_link(&mut links, &server, stream, address, None, &shutdown),
                    Err(error) => pause_accepting(&server, &error).await,
                },
                (accepted, acceptor) = accept_tls => match accepted {
                    Ok((stream, address)) => spawn_link(&mut links, &server, stream, address, Some(acceptor), &shutdown),
                    Err(error) => pause_accepting(&server, &error).await,
                },
            }
        }
        drop((plain, tls)); // nobody new
        let all_ended = async {
            while let Some(ended) = links.join_next().await {
                log_panic(ended);
            }
        };
        // Each link bounds itself; this is for one that does not.
        if timeout(server.config.shutdown_grace() + Duration::from_secs(5), all_ended)
            .await
            .is_err()
        {
            links.shutdown().await;
        }
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ListenerError> {
    let failed = |source| ListenerError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

async fn pause_accepting<I: Intakes>(server: &Server<I>, error: &std::io::Error) {
    server.counters.accept_errors.fetch_add(1, Relaxed);
    if let Some(held_back) = server.refusal_log.allow(Instant::now()) {
        tracing::warn!(%error, held_back, "cannot take a connection: check the limit of open files");
    }
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a link ended by a bug; its device will connect again");
    }
}

fn spawn_link<I: Intakes>(
    links: &mut JoinSet<()>,
    server: &Arc<Server<I>>,
    stream: TcpStream,
    address: SocketAddr,
    acceptor: Option<&TlsAcceptor>,
    shutdown: &watch::Receiver<bool>,
) {
    server.counters.connections_accepted.fetch_add(1, Relaxed);
    let open = OpenLink::new(server.counters.clone());
    let limit = server.config.max_connections as u64;
    if open.number > limit + SURPLUS {
        server.counters.count_refused(RefusedReason::ServerBusy);
        return;
    }
    let is_surplus = open.number > limit;
    let (server, acceptor, shutdown) = (server.clone(), acceptor.cloned(), shutdown.clone());
    links.spawn(async move {
        let _open = open;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%address, %error, "cannot switch off Nagle's algorithm");
        }
        let Some(acceptor) = acceptor else {
            let peer = Peer {
                address,
                certificate_name: None,
                is_surplus,
            };
            return connection::serve(server, stream, peer, shutdown).await;
        };
        match timeout(server.config.connect_timeout(), acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let certificate_name = certificate.and_then(|der| tls::subject_common_name(der));
                let peer = Peer {
                    address,
                    certificate_name,
                    is_surplus,
                };
                connection::serve(server, stream, peer, shutdown).await;
            }
            Ok(Err(error)) => {
                server.counters.count_refused(RefusedReason::TlsHandshake);
                if let Some(held_back) = server.refusal_log.allow(Instant::now()) {
                    tracing::warn!(%address, %error, held_back, "TLS handshake failed");
                }
            }
            Err(_) => server.counters.count_refused(RefusedReason::ConnectTimeout),
        }
    });
}

/// Keeps the gauge of open links right however a link ends.
struct OpenLink {
    counters: Arc<ListenerCounters>,
    /// How many links are open with this one.
    number: u64,
}

impl OpenLink {
    fn new(counters: Arc<ListenerCounters>) -> OpenLink {
        let number = counters.connections_open.fetch_add(1, Relaxed) + 1;
        OpenLink { counters, number }
    }
}

impl Drop for OpenLink {
    fn drop(&mut self) {
        self.counters.connections_open.fetch_sub(1, Relaxed);
    }
}

/// Lets one log line through every few seconds, so that a misbehaving fleet does not fill the disk.
#[derive(Default)]
struct LogLimit {
    state: Mutex<(Option<Instant>, u64)>,
}

impl LogLimit {
    const EVERY: Duration = Duration::from_secs(5);

    /// Some(lines held back since the last one) if a line may be written now.
    fn allow(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_some_and(|last| now < last + LogLimit::EVERY) {
            state.1 += 1;
            return None;
        }
        state.0 = Some(now);
        Some(std::mem::take(&mut state.1))
    }
}
