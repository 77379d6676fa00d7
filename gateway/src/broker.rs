//! The way in and out for sites that have a broker: a rumqttc client (MQTT 3.1.1) with a persistent session. The only file that names rumqttc.
//!
//! Two tasks: one polls and never waits for anything else, the other hands publishes to the pipeline and acknowledges them in the order in
//! which they came, after they are on disk. Back-pressure is withheld acknowledgements: the broker then stops at its own in-flight window.
//! A broker that sends on beyond it (Mosquitto 2.0.11 does once some were acknowledged) is read no further for a while: TCP holds it back.
//! Acknowledgements of an earlier connection are thrown away, because the broker may have given their packet ids to other messages.

mod config;
mod counters;
#[cfg(test)]
mod tests;

pub use config::BrokerConfig;
pub use counters::BrokerCounters;

use crate::intake::{Intake, Intakes, Packet, Receipt};
use crate::tls::{self, TlsError};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rumqttc::{
    AsyncClient, Event, EventLoop, Incoming, MqttOptions, Outgoing, PubAck, Publish, QoS, SubscribeFilter,
    SubscribeReasonCode, TlsConfiguration, Transport,
};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Publishes handed to the pipeline as one batch.
const BATCH: usize = 512;

/// Our own publishes that may wait for a PUBACK. Below rumqttc's in-flight limit, since at that limit it stops sending our PUBACKs too.
const PUBLISHES_IN_FLIGHT: usize = 64;
const RUMQTTC_IN_FLIGHT: u16 = 100;

/// A packet above the configured size but below this many times it is refused without losing the link.
const TOLERATED_SIZE_FACTOR: usize = 16;

/// How long the link is read no further, at most, while the window is full.
const LONGEST_HOLD: Duration = Duration::from_secs(5);

/// A link that lived this long was a good one: the next attempt starts with the shortest pause again.
const GOOD_LINK: Duration = Duration::from_secs(10);

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
    client: AsyncClient,
    shared: Arc<Shared>,
}

impl BrokerPublisher {
    /// Publishes at QoS 1 and waits for the broker's PUBACK. Fails when the link goes down before; the caller then publishes again.
    pub async fn publish(&self, topic: &str, payload: Bytes, retain: bool) -> Result<(), PublishError> {
        let result = self.publish_once(topic, payload, retain).await;
        let count = if result.is_ok() {
            &self.shared.counters.published
        } else {
            &self.shared.counters.publish_failed
        };
        count.fetch_add(1, Relaxed);
        result
    }

    async fn publish_once(&self, topic: &str, payload: Bytes, retain: bool) -> Result<(), PublishError> {
        let _permit = self
            .shared
            .publishes
            .acquire()
            .await
            .map_err(|_| PublishError::NotConnected)?;
        let confirmed = {
            let mut link = self.shared.link();
            if !link.is_up {
                return Err(PublishError::NotConnected);
            }
            // Under the lock, so that requests and waiters have the same order.
            let sent = self.client.try_publish(topic, QoS::AtLeastOnce, retain, payload);
            sent.map_err(|_| PublishError::Unsendable)?;
            let (confirm, confirmed) = oneshot::channel();
            link.unsent.push_back(confirm);
            confirmed
        };
        confirmed.await.map_err(|_| PublishError::LinkLost)
    }
}

/// What the two tasks and the publishers share.
struct Shared {
    counters: Arc<BrokerCounters>,
    publishes: Semaphore,
    link: Mutex<LinkState>,
}

#[derive(Default)]
struct LinkState {
    is_up: bool,
    /// Counts connections; acknowledgements belong to one.
    epoch: u64,
    /// Publishes given to rumqttc that have no packet id yet, in order.
    unsent: VecDeque<oneshot::Sender<()>>,
    /// Publishes on the wire, by packet id.
    unconfirmed: HashMap<u16, oneshot::Sender<()>>,
    /// Acknowledgements that may leave, in order. The poller writes them before it polls: from rumqttc's request channel only
    /// one would leave for every ten packets read, and a broker with much to send would never see the rest.
    due: VecDeque<u16>,
    /// The poller waits inside rumqttc and looks at `due` only when that returns.
    is_polling: bool,
    /// An acknowledgement was put into the request channel to make it return; those in `due` leave after that one.
    is_nudged: bool,
}

impl Shared {
    fn link(&self) -> MutexGuard<'_, LinkState> {
        self.link.lock().expect("no code panics while it holds the link state")
    }
}

/// A publish on its way to the pipeline.
struct Arrived {
    publish: Publish,
    epoch: u64,
}

/// Starts the client. It runs until `shutdown` becomes true; `seed` is for the jitter of the pauses between attempts.
pub fn run<I: Intakes>(
    config: &BrokerConfig,
    intakes: &I,
    counters: Arc<BrokerCounters>,
    seed: u64,
    shutdown: watch::Receiver<bool>,
) -> Result<BrokerHandle, BrokerError> {
    let options = options(config)?;
    // Acknowledgements, publishes and subscriptions that can be under way at once (there are no
    // more packet ids): a `try_` on it never fails for lack of room.
    let capacity = usize::from(u16::MAX) + PUBLISHES_IN_FLIGHT + 16;
    let (client, mut event_loop) = AsyncClient::new(options, capacity);
    let mut network = event_loop.network_options();
    network.set_tcp_nodelay(true);
    event_loop.set_network_options(network);
    let shared = Arc::new(Shared {
        counters,
        publishes: Semaphore::new(PUBLISHES_IN_FLIGHT),
        link: Mutex::new(LinkState::default()),
    });
    let (arrived_sender, arrived) = mpsc::channel(config.window);
    let (events_sender, events) = mpsc::channel(64);
    let poller = Poller {
        config: config.clone(),
        client: client.clone(),
        event_loop,
        shared: shared.clone(),
        arrived: arrived_sender,
        events: events_sender,
        rng: StdRng::seed_from_u64(seed),
        has_subscribed: false,
    };
    let wake = Arc::new(Notify::new());
    let feeder = Feeder {
        intake: intakes.open(wake.clone()),
        wake,
        client: client.clone(),
        shared: shared.clone(),
        arrived,
        pending: VecDeque::new(),
        window: config.window,
        max_packet_bytes: config.max_packet_bytes,
    };
    let tasks = [tokio::spawn(poller.run(shutdown)), tokio::spawn(feeder.run())];
    Ok(BrokerHandle {
        publisher: BrokerPublisher { client, shared },
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
        .set_max_packet_size(tolerated, tolerated)
        .set_inflight(RUMQTTC_IN_FLIGHT);
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

/// The pause before attempt number `attempt` (from 0): doubles up to the longest, of which a random half is taken off, so that many
/// gateways do not come back at the same moment.
fn pause(attempt: u32, min_ms: u64, max_ms: u64, rng: &mut impl Rng) -> Duration {
    let full = min_ms.max(1).saturating_mul(1 << attempt.min(20)).min(max_ms.max(1));
    Duration::from_millis(rng.random_range(full.div_ceil(2)..=full))
}

/// The task that polls. It waits for nothing but the broker.
struct Poller {
    config: BrokerConfig,
    client: AsyncClient,
    event_loop: EventLoop,
    shared: Arc<Shared>,
    arrived: mpsc::Sender<Arrived>,
    events: mpsc::Sender<BrokerEvent>,
    rng: StdRng,
    has_subscribed: bool,
}

impl Poller {
    async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut attempt = 0;
        let mut connected_at = None;
        let mut stop = std::pin::pin!(async move { shutdown.wait_for(|stop| *stop).await.is_ok() });
        loop {
            let polled = match self.write_due_acks().await {
                Err(reason) => Err(reason),
                Ok(()) => tokio::select! {
                    biased;
                    _ = &mut stop => break,
                    polled = self.event_loop.poll() => polled.map_err(|error| chain(&error)),
                },
            };
            self.shared.link().is_polling = false;
            let problem = match polled {
                Ok(Event::Incoming(Incoming::ConnAck(connack))) => {
                    connected_at = Some(Instant::now());
                    self.connected(connack.session_present);
                    None
                }
                Ok(Event::Incoming(Incoming::Publish(publish))) => self.arrived(publish).await,
                Ok(Event::Incoming(incoming)) => {
                    self.received(incoming);
                    None
                }
                Ok(Event::Outgoing(Outgoing::Publish(packet_id))) => {
                    let mut link = self.shared.link();
                    if let Some(confirm) = link.unsent.pop_front() {
                        link.unconfirmed.insert(packet_id, confirm);
                    }
                    None
                }
                Ok(Event::Outgoing(Outgoing::PubAck(_))) => {
                    self.shared.link().is_nudged = false;
                    None
                }
                Ok(Event::Outgoing(_)) => None,
                Err(reason) => Some(reason),
            };
            let Some(reason) = problem else { continue };
            self.disconnected(reason);
            if connected_at.take().is_some_and(|at| at.elapsed() >= GOOD_LINK) {
                attempt = 0;
            }
            let pause = pause(
                attempt,
                self.config.reconnect_min_ms,
                self.config.reconnect_max_ms,
                &mut self.rng,
            );
            attempt += 1;
            tokio::select! {
                biased;
                _ = &mut stop => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        // Publishes that were acknowledged are stored, the others come again: the session stays.
        self.take_down();
    }

    /// Writes the acknowledgements that are due, and notes that the poller goes to wait.
    async fn write_due_acks(&mut self) -> Result<(), String> {
        loop {
            let due = {
                let mut link = self.shared.link();
                if link.due.is_empty() || link.is_nudged {
                    link.is_polling = true;
                    return Ok(());
                }
                std::mem::take(&mut link.due)
            };
            let Some(network) = self.event_loop.network.as_mut() else {
                continue;
            };
            let writing = async {
                for packet_id in due {
                    network.write(rumqttc::Packet::PubAck(PubAck::new(packet_id))).await?;
                }
                network.flush().await
            };
            match tokio::time::timeout(LONGEST_HOLD, writing).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(chain(&error)),
                Err(_) => return Err("broker does not take our acknowledgements".to_owned()),
            }
        }
    }

    fn connected(&mut self, session_present: bool) {
        let counters = &self.shared.counters;
        counters.connects.fetch_add(1, Relaxed);
        counters.connected.store(1, Relaxed);
        {
            let mut link = self.shared.link();
            link.epoch += 1;
            link.is_up = true;
        }
        tracing::info!(host = self.config.host, session_present, "connected to the broker");
        self.report(BrokerEvent::Connected { session_present });
        // A kept session still has the subscriptions, unless the configuration changed since the last run.
        if session_present && self.has_subscribed {
            return;
        }
        let filters = self
            .config
            .topics
            .iter()
            .map(|topic| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce));
        if let Err(error) = self.client.try_subscribe_many(filters) {
            tracing::error!(%error, "cannot subscribe: check broker.topics");
        }
        self.has_subscribed = true;
        if !session_present {
            self.shared.counters.possible_gaps.fetch_add(1, Relaxed);
            tracing::warn!(
                "the broker has kept no session for us: if we were connected before, messages may be missing"
            );
            self.report(BrokerEvent::PossibleGap);
        }
    }

    fn received(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::PubAck(ack) => {
                if let Some(confirm) = self.shared.link().unconfirmed.remove(&ack.pkid)
                    && confirm.send(()).is_err()
                {
                    tracing::debug!("nobody waits for this confirmation any more");
                }
            }
            Incoming::SubAck(ack) => {
                let is_refused = |code: &&SubscribeReasonCode| **code == SubscribeReasonCode::Failure;
                let refused = ack.return_codes.iter().filter(is_refused).count() as u64;
                if refused > 0 {
                    self.shared.counters.subscriptions_refused.fetch_add(refused, Relaxed);
                    tracing::error!(refused, "the broker refused subscriptions: check our rights there");
                }
            }
            _ => {}
        }
    }

    /// Some(reason) if the link has to be given up.
    async fn arrived(&mut self, publish: Publish) -> Option<String> {
        let counters = &self.shared.counters;
        let is_qos0 = publish.qos == QoS::AtMostOnce;
        let count = if is_qos0 {
            &counters.publishes_qos0
        } else {
            &counters.publishes_qos1
        };
        count.fetch_add(1, Relaxed);
        // Half of the room is for what has a promise.
        if is_qos0 && self.arrived.capacity() <= self.config.window / 2 {
            counters.qos0_dropped.fetch_add(1, Relaxed);
            return None;
        }
        let epoch = self.shared.link().epoch;
        // No ping leaves while we wait here, so this must end well before the broker gives us up (at 1.5 keep-alives).
        let longest = Duration::from_secs(u64::from(self.config.keep_alive_s)) / 2;
        match self
            .arrived
            .send_timeout(Arrived { publish, epoch }, longest.min(LONGEST_HOLD))
            .await
        {
            Ok(()) => None,
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                counters.window_overflows.fetch_add(1, Relaxed);
                Some(format!(
                    "broker sends more than {} messages ahead, and the store is too slow for them",
                    self.config.window
                ))
            }
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Some("pipeline is gone".to_owned()),
        }
    }

    fn disconnected(&mut self, reason: String) {
        self.take_down();
        self.shared.counters.disconnects.fetch_add(1, Relaxed);
        tracing::warn!(host = self.config.host, reason, "no link to the broker");
        self.report(BrokerEvent::Disconnected { reason });
    }

    /// Forgets everything of this link. rumqttc would send our unconfirmed publishes again and yield packets read before; both would be taken
    /// for the next link's.
    fn take_down(&mut self) {
        let mut link = self.shared.link();
        link.is_up = false;
        link.unsent.clear();
        link.unconfirmed.clear();
        link.due.clear();
        link.is_polling = false;
        link.is_nudged = false;
        self.event_loop.clean();
        self.event_loop.pending.clear();
        self.event_loop.state.events.clear();
        self.event_loop.state.collision = None;
        drop(link);
        self.shared.counters.connected.store(0, Relaxed);
    }

    fn report(&self, event: BrokerEvent) {
        if self.events.try_send(event).is_err() {
            tracing::debug!("nobody reads the broker's events");
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// The task between the poller and the pipeline.
struct Feeder<I: Intake> {
    intake: I,
    wake: Arc<Notify>,
    client: AsyncClient,
    shared: Arc<Shared>,
    arrived: mpsc::Receiver<Arrived>,
    /// Batches not yet durable, in order, each with what to acknowledge then.
    pending: VecDeque<(Option<I::Receipt>, Vec<Arrived>)>,
    /// Publishes that may be in `pending` before no more are taken.
    window: usize,
    max_packet_bytes: usize,
}

impl<I: Intake> Feeder<I> {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            let throttled = self.intake.throttled_until();
            let is_throttled = throttled.is_some_and(|until| until > Instant::now());
            let room = self
                .window
                .saturating_sub(self.pending.iter().map(|(_, acks)| acks.len()).sum());
            tokio::select! {
                biased;
                () = self.wake.notified(), if !self.pending.is_empty() => self.acknowledge(),
                count = self.arrived.recv_many(&mut batch, BATCH.min(room)), if !is_throttled && room > 0 => {
                    if count == 0 {
                        return; // the poller has stopped
                    }
                    self.feed(&mut batch).await;
                    self.acknowledge();
                }
                () = tokio::time::sleep_until(throttled.unwrap_or_else(Instant::now)), if is_throttled => {}
            }
        }
    }

    async fn feed(&mut self, batch: &mut Vec<Arrived>) {
        let counters = &self.shared.counters;
        for Arrived { publish, .. } in batch.iter() {
            if publish.topic.len() + publish.payload.len() > self.max_packet_bytes {
                // Refused for good: withholding the acknowledgement would only bring it back for ever.
                counters.packet_too_large.fetch_add(1, Relaxed);
                tracing::warn!(
                    topic = publish.topic,
                    bytes = publish.payload.len(),
                    "message refused: too large"
                );
                continue;
            }
            if crate::listener::access::check_topic(&publish.topic).is_err() {
                counters.topic_invalid.fetch_add(1, Relaxed);
                continue;
            }
            self.intake.push(Packet {
                topic: &publish.topic,
                payload: &publish.payload,
                qos: publish.qos as u8,
                retain: publish.retain,
                dup: publish.dup,
            });
        }
        let receipt = {
            let mut submitting = std::pin::pin!(self.intake.submit());
            loop {
                tokio::select! {
                    biased;
                    receipt = &mut submitting => break receipt,
                    () = self.wake.notified() => acknowledge(&mut self.pending, &self.client, &self.shared),
                }
            }
        };
        // Only what wants a PUBACK is kept, without its payload.
        let mut acks: Vec<Arrived> = batch
            .drain(..)
            .filter(|arrived| arrived.publish.qos == QoS::AtLeastOnce)
            .collect();
        acks.iter_mut()
            .for_each(|arrived| arrived.publish.payload = Bytes::new());
        self.pending.push_back((receipt, acks));
    }

    fn acknowledge(&mut self) {
        acknowledge(&mut self.pending, &self.client, &self.shared);
    }
}

/// Acknowledges, in order, what has become durable.
fn acknowledge<R: Receipt>(pending: &mut VecDeque<(Option<R>, Vec<Arrived>)>, client: &AsyncClient, shared: &Shared) {
    while pending
        .front()
        .is_some_and(|(receipt, _)| receipt.as_ref().is_none_or(Receipt::is_durable))
    {
        let Some((_, acks)) = pending.pop_front() else { break };
        // Under the lock, so that none slips into the next connection.
        let mut link = shared.link();
        for Arrived { publish, epoch } in acks {
            if !link.is_up || epoch != link.epoch {
                shared.counters.stale_acks.fetch_add(1, Relaxed);
                continue;
            }
            link.due.push_back(publish.pkid);
            shared.counters.acks_sent.fetch_add(1, Relaxed);
        }
        nudge(&mut link, client);
    }
}

/// Wakes a poller that waits inside rumqttc, by the first acknowledgement that is due.
fn nudge(link: &mut LinkState, client: &AsyncClient) {
    if !link.is_polling || link.is_nudged {
        return;
    }
    if let Some(packet_id) = link.due.pop_front() {
        let mut first = Publish::new("", QoS::AtLeastOnce, Vec::new());
        first.pkid = packet_id;
        match client.try_ack(&first) {
            Ok(()) => link.is_nudged = true,
            // no room in the channel: then the poller is about to return anyway
            Err(_) => link.due.push_front(packet_id),
        }
    }
}
