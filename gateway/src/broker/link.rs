//! The task that owns the link to the broker: connects, reads, writes acknowledgements, publishes and pings, connects again. It waits for
//! nothing but the broker, and what it writes leaves in bundles.

use super::heartbeat::{Beat, Heartbeat};
use super::pace::Pace;
use super::window::Shared;
use super::wire::{Wire, WireError};
use super::{BrokerConfig, BrokerEvent, PublishError};
use bytes::Bytes;
use rand::Rng;
use rand::rngs::StdRng;
use rumqttc::{Packet, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeFilter, SubscribeReasonCode};
use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Packets read before anything else is done.
const BURST: usize = 1_024;

/// How long the broker may take none of what we write.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A link that lived this long was a good one: the next attempt starts with the shortest pause again.
const GOOD_LINK: Duration = Duration::from_secs(10);

/// Longest topic that fits its length field of two bytes (MQTT 3.1.1, 1.5.3).
const MOST_TOPIC_BYTES: usize = u16::MAX as usize;

/// Why a link is given up.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    /// It broke.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The broker takes nothing.
    #[error("broker does not take what we write")]
    NotTaken,
    /// The broker says nothing.
    #[error("broker has answered no ping for {0:?}")]
    Silent(Duration),
}

/// A publish of ours.
pub(super) struct Request {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) retain: bool,
    /// Told when the broker has it, or why not; dropped when the link is lost.
    pub(super) confirm: oneshot::Sender<Result<(), PublishError>>,
}

impl Request {
    fn refuse(self, error: PublishError) {
        answer(self.confirm, Err(error));
    }
}

fn answer(confirm: oneshot::Sender<Result<(), PublishError>>, result: Result<(), PublishError>) {
    if confirm.send(result).is_err() {
        tracing::debug!("nobody waits for this confirmation any more");
    }
}

/// The task that owns the link.
pub(super) struct Link {
    config: BrokerConfig,
    wire: Wire,
    shared: Arc<Shared>,
    requests: mpsc::Receiver<Request>,
    events: mpsc::Sender<BrokerEvent>,
    rng: StdRng,
    has_subscribed: bool,
    last_packet_id: u16,
    /// Our publishes on the wire, by packet id.
    unconfirmed: HashMap<u16, oneshot::Sender<Result<(), PublishError>>>,
    /// Empty between two bursts.
    burst: Vec<Publish>,
    /// Empty between two bundles of acknowledgements.
    due: Vec<u16>,
}

impl Link {
    /// Not yet connected.
    pub(super) fn new(
        config: BrokerConfig,
        wire: Wire,
        shared: Arc<Shared>,
        requests: mpsc::Receiver<Request>,
        events: mpsc::Sender<BrokerEvent>,
        rng: StdRng,
    ) -> Link {
        Link {
            config,
            wire,
            shared,
            requests,
            events,
            rng,
            has_subscribed: false,
            last_packet_id: 0,
            unconfirmed: HashMap::new(),
            burst: Vec::new(),
            due: Vec::new(),
        }
    }

    /// Keeps a link until `shutdown` becomes true.
    pub(super) async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        tokio::select! {
            biased;
            _ = shutdown.wait_for(|stop| *stop) => {}
            never = self.keep_linked() => match never {},
        }
        // Publishes that were acknowledged are stored, the others come again: the session stays.
        self.take_down();
        self.shared.window().stop();
        self.shared.feeder_wake.notify_one();
    }

    async fn keep_linked(&mut self) -> Infallible {
        let mut attempt = 0;
        loop {
            let error = match refusing(&mut self.requests, self.wire.connect()).await {
                Ok(session_present) => {
                    let connected_at = Instant::now();
                    let Err(error) = self.serve(session_present).await;
                    if connected_at.elapsed() >= GOOD_LINK {
                        attempt = 0;
                    }
                    error
                }
                Err(error) => error.into(),
            };
            self.disconnected(chain(&error));
            let pause = pause(
                attempt,
                self.config.reconnect_min_ms,
                self.config.reconnect_max_ms,
                &mut self.rng,
            );
            attempt += 1;
            refusing(&mut self.requests, tokio::time::sleep(pause)).await;
        }
    }

    /// Serves the link until it is lost.
    async fn serve(&mut self, session_present: bool) -> Result<Infallible, LinkError> {
        self.connected(session_present).await?;
        let keep_alive = Duration::from_secs(u64::from(self.config.keep_alive_s));
        let mut heartbeat = Heartbeat::new(keep_alive, Instant::now());
        let mut sleep = pin!(tokio::time::sleep_until(heartbeat.deadline()));
        let mut was_reading = true;
        let mut pace = Pace::default();
        let mut is_resting = false;
        let mut rest = pin!(tokio::time::sleep(Duration::ZERO));
        loop {
            self.write_acks().await?;
            let is_reading = self.shared.window().room() > 0;
            if is_reading != was_reading {
                heartbeat.listen(is_reading, Instant::now());
                was_reading = is_reading;
                if !is_reading {
                    self.shared.counters.window_overflows.fetch_add(1, Relaxed);
                }
            }
            tokio::select! {
                biased;
                () = self.shared.link_wake.notified() => {}
                Some(request) = self.requests.recv() => self.publish(request).await?,
                () = &mut sleep => {
                    match heartbeat.step(Instant::now()) {
                        Beat::Wait => {}
                        Beat::Ping => self.write(vec![Packet::PingReq]).await?,
                        Beat::Silent => return Err(LinkError::Silent(keep_alive * 3 / 2)),
                    }
                    sleep.as_mut().reset(heartbeat.deadline());
                }
                () = &mut rest, if is_resting => is_resting = false,
                packet = self.wire.read(), if is_reading && !is_resting => {
                    let now = Instant::now();
                    heartbeat.heard(now);
                    let count = self.read_burst(packet?)?;
                    let unacknowledged = self.shared.window().unacknowledged();
                    if let Some(until) = pace.pause_after(count, unacknowledged, now) {
                        rest.as_mut().reset(until);
                        is_resting = true;
                    }
                }
            }
        }
    }

    /// Takes a packet and what else is here, and wakes the feeder once for all of it. Returns how many publishes it was.
    fn read_burst(&mut self, first: Packet) -> Result<usize, LinkError> {
        let most = self.shared.window().room().min(BURST);
        let mut next: Option<Result<Packet, WireError>> = Some(Ok(first));
        let mut result = Ok(());
        while let Some(packet) = next {
            match packet {
                Ok(Packet::Publish(publish)) => self.burst.push(publish),
                Ok(packet) => self.received(packet),
                Err(error) => {
                    // what came before it counts
                    result = Err(error.into());
                    break;
                }
            }
            next = if self.burst.len() < most {
                self.wire.read_ready()
            } else {
                None
            };
        }
        let count = self.burst.len();
        if count > 0 {
            self.arrived();
        }
        result.map(|()| count)
    }

    fn arrived(&mut self) {
        let (mut qos0, mut qos1, mut dropped) = (0, 0, 0);
        {
            let mut window = self.shared.window();
            for publish in self.burst.drain(..) {
                if publish.qos == QoS::AtMostOnce {
                    qos0 += 1;
                } else {
                    qos1 += 1;
                }
                dropped += u64::from(!window.arrive(publish));
            }
        }
        let counters = &self.shared.counters;
        counters.publishes_qos0.fetch_add(qos0, Relaxed);
        counters.publishes_qos1.fetch_add(qos1, Relaxed);
        counters.qos0_dropped.fetch_add(dropped, Relaxed);
        self.shared.feeder_wake.notify_one();
    }

    fn received(&mut self, packet: Packet) {
        match packet {
            Packet::PubAck(ack) => {
                if let Some(confirm) = self.unconfirmed.remove(&ack.pkid) {
                    answer(confirm, Ok(()));
                }
            }
            Packet::SubAck(ack) => self.subscribed(&ack),
            // an answer to a ping; or what a broker never sends to a client that subscribes and publishes at QoS 1
            Packet::PingResp
            | Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::Publish(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::UnsubAck(_)
            | Packet::PingReq
            | Packet::Disconnect => {}
        }
    }

    fn subscribed(&self, ack: &SubAck) {
        let is_refused = |code: &&SubscribeReasonCode| **code == SubscribeReasonCode::Failure;
        let refused = ack.return_codes.iter().filter(is_refused).count() as u64;
        if refused > 0 {
            self.shared.counters.subscriptions_refused.fetch_add(refused, Relaxed);
            tracing::error!(refused, "the broker refused subscriptions: check our rights there");
        }
    }

    /// Writes all acknowledgements that are due, as one bundle.
    async fn write_acks(&mut self) -> Result<(), LinkError> {
        self.shared.window().swap_due(&mut self.due);
        if self.due.is_empty() {
            return Ok(());
        }
        let due = &mut self.due;
        let wire = &mut self.wire;
        in_time(async {
            for packet_id in due.drain(..) {
                wire.write(Packet::PubAck(PubAck::new(packet_id))).await?;
            }
            wire.flush().await
        })
        .await
    }

    /// Publishes what is asked for, as one bundle.
    async fn publish(&mut self, first: Request) -> Result<(), LinkError> {
        let mut bundle = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            bundle.extend(self.sendable(request));
            next = self.requests.try_recv().ok();
        }
        self.write(bundle).await
    }

    /// The packet for a request; from now on its PUBACK is awaited.
    fn sendable(&mut self, request: Request) -> Option<Packet> {
        let mut publish = Publish::from_bytes(request.topic, QoS::AtLeastOnce, request.payload);
        publish.retain = request.retain;
        let is_topic = rumqttc::valid_topic(&publish.topic) && publish.topic.len() <= MOST_TOPIC_BYTES;
        if !is_topic || publish.size() > self.wire.most_bytes() {
            answer(request.confirm, Err(PublishError::Unsendable));
            return None;
        }
        publish.pkid = self.next_packet_id();
        self.unconfirmed.insert(publish.pkid, request.confirm);
        Some(Packet::Publish(publish))
    }

    /// A packet id that no publish of ours on the wire has.
    fn next_packet_id(&mut self) -> u16 {
        loop {
            self.last_packet_id = self.last_packet_id.checked_add(1).unwrap_or(1);
            if !self.unconfirmed.contains_key(&self.last_packet_id) {
                return self.last_packet_id;
            }
        }
    }

    async fn write(&mut self, packets: Vec<Packet>) -> Result<(), LinkError> {
        in_time(async {
            for packet in packets {
                self.wire.write(packet).await?;
            }
            self.wire.flush().await
        })
        .await
    }

    async fn connected(&mut self, session_present: bool) -> Result<(), LinkError> {
        let counters = &self.shared.counters;
        counters.connects.fetch_add(1, Relaxed);
        counters.connected.store(1, Relaxed);
        tracing::info!(host = self.config.host, session_present, "connected to the broker");
        self.report(BrokerEvent::Connected { session_present });
        // A kept session still has the subscriptions, unless the configuration changed since the last run.
        if session_present && self.has_subscribed {
            return Ok(());
        }
        let filter = |topic: &String| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce);
        let mut subscribe = Subscribe::new_many(self.config.topics.iter().map(filter));
        subscribe.pkid = self.next_packet_id();
        self.write(vec![Packet::Subscribe(subscribe)]).await?;
        self.has_subscribed = true;
        if !session_present {
            self.shared.counters.possible_gaps.fetch_add(1, Relaxed);
            tracing::warn!(
                "the broker has kept no session for us: if we were connected before, messages may be missing"
            );
            self.report(BrokerEvent::PossibleGap);
        }
        Ok(())
    }

    fn disconnected(&mut self, reason: String) {
        self.take_down();
        self.shared.counters.disconnects.fetch_add(1, Relaxed);
        tracing::warn!(host = self.config.host, reason, "no link to the broker");
        self.report(BrokerEvent::Disconnected { reason });
    }

    /// Forgets everything of this link: packet ids mean something else on the next.
    fn take_down(&mut self) {
        self.shared.window().link_lost();
        self.unconfirmed.clear();
        self.wire.close();
        self.shared.counters.connected.store(0, Relaxed);
    }

    fn report(&self, event: BrokerEvent) {
        if self.events.try_send(event).is_err() {
            tracing::debug!("nobody reads the broker's events");
        }
    }
}

/// Does `work` and meanwhile refuses what is to be published, because there is no link.
async fn refusing<T>(requests: &mut mpsc::Receiver<Request>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            Some(request) = requests.recv() => request.refuse(PublishError::NotConnected),
        }
    }
}

/// Writes, but not for ever.
async fn in_time(writing: impl Future<Output = Result<(), WireError>>) -> Result<(), LinkError> {
    match tokio::time::timeout(WRITE_TIMEOUT, writing).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(LinkError::NotTaken),
    }
}

/// The pause before attempt number `attempt` (from 0): doubles up to the longest, of which a random half is taken off, so that many
/// gateways do not come back at the same moment.
pub(super) fn pause(attempt: u32, min_ms: u64, max_ms: u64, rng: &mut impl Rng) -> Duration {
    let full = min_ms.max(1).saturating_mul(1 << attempt.min(20)).min(max_ms.max(1));
    Duration::from_millis(rng.random_range(full.div_ceil(2)..=full))
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
