//! Drives one link from its CONNECT to its end: reads, hands publishes to the pipeline, sends the PUBACKs of what became durable, delivers
//! to subscribers, keeps time. Every wait is bounded and none stands in the way of acknowledgements. Never acknowledges what is not durable.

use super::connect::{Protocol, Will};
use super::counters::{ListenerCounters, RefusedReason};
use super::door::Door;
use super::fast_path::{self, Extent};
use super::greeting::Greeting;
use super::hub::{HubLink, Kick, Outgoing};
use super::inbox::{self, Inbox};
use super::outbox::Outbox;
use super::session::{Ack, AckQueue, Answer, KeepAlive};
use super::{Peer, Server};
use crate::intake::{Intake, Intakes, Packet as Incoming, Receipt};
use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{DisconnectReasonCode, MqttError, PubackReasonCode};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// Reading pauses while more than this waits to be written.
pub(super) const OUTBOX_LIMIT: usize = 256 * 1024;

/// How long an ending link may take to hand on its last batch and will, and a new link waits for the one it takes over.
pub(super) const END_GRACE: Duration = Duration::from_secs(5);

/// How long we wait for the client to close after we did, so that it still gets our last bytes.
const LINGER: Duration = Duration::from_millis(500);

/// Why a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The client said DISCONNECT.
    Disconnected { with_will: bool },
    /// The connection broke, or the client closed it without a word.
    Lost,
    /// Nothing heard for 1.5 keep-alives.
    KeepAliveExpired,
    /// It took nothing for too long.
    WriteTimeout,
    /// The hub ended it.
    Kicked(Kick),
    /// It did what it may not.
    Violation(DisconnectReasonCode),
    /// It broke the protocol; the crate has said so already where it can.
    ProtocolError,
    /// We stop.
    Shutdown,
}

impl End {
    /// Whether the client's will is published. Not when we stop: that says nothing about the device.
    fn publishes_will(self) -> bool {
        match self {
            End::Disconnected { with_will } => with_will,
            End::Lost | End::KeepAliveExpired | End::WriteTimeout => true,
            End::Kicked(_) | End::Violation(_) | End::ProtocolError => true,
            End::Shutdown => false,
        }
    }

    /// What an MQTT 5 client is told.
    fn reason(self) -> Option<DisconnectReasonCode> {
        match self {
            End::Disconnected { .. } | End::Lost | End::ProtocolError | End::WriteTimeout => None,
            End::KeepAliveExpired => Some(DisconnectReasonCode::KeepAliveTimeout),
            End::Kicked(Kick::TakenOver) => Some(DisconnectReasonCode::SessionTakenOver),
            End::Kicked(Kick::SlowSubscriber) => Some(DisconnectReasonCode::QuotaExceeded),
            End::Violation(reason) => Some(reason),
            End::Shutdown => Some(DisconnectReasonCode::ServerShuttingDown),
        }
    }
}

/// Serves one connection to its end.
pub(super) async fn serve<S, I>(server: Arc<Server<I>>, stream: S, peer: Peer, mut shutdown: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
    I: Intakes,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut greeting = Greeting::new(&server.config);
    let deadline = Instant::now() + server.config.connect_timeout();
    let admitted = {
        let admit = async {
            let request = greeting.receive(&mut reader).await?;
            greeting.admit(&server, &peer, request).await
        };
        tokio::select! {
            biased;
            _ = stopped(&mut shutdown) => Err(RefusedReason::ServerBusy),
            admitted = timeout_at(deadline, admit) => admitted.unwrap_or(Err(RefusedReason::ConnectTimeout)),
        }
    };
    let (mut link, mut kick) = match admitted {
        Ok(admitted) => greeting.into_link(server, admitted),
        Err(reason) => {
            server.counters.count_refused(reason);
            greeting.refuse(&server, &peer, reason);
            drop(timeout(END_GRACE, greeting.outbox.flush(&mut writer)).await);
            return linger(&mut reader, &mut writer).await;
        }
    };
    let end = link.run(&mut reader, &mut writer, &mut kick, &mut shutdown).await;
    tracing::debug!(address = %peer.address, client_id = link.client_id, ?end, "link ended");
    link.finish(end, &mut writer).await;
    drop(link); // the session is free for the next link before we linger
    if end != End::Lost {
        linger(&mut reader, &mut writer).await;
    }
}

/// Resolves when we are told to stop.
pub(super) async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone: a stop as well.
    if shutdown.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("nobody is left to stop the listener: it stops");
    }
}

/// Closes our side and waits a little for the other, because closing with unread bytes would throw away what we sent last.
async fn linger(reader: &mut (impl AsyncRead + Unpin), writer: &mut (impl AsyncWrite + Unpin)) {
    let close = async {
        if writer.shutdown().await.is_ok() {
            let mut ignored = [0; 1024];
            while matches!(reader.read(&mut ignored).await, Ok(count) if count > 0) {}
        }
    };
    drop(timeout(LINGER, close).await);
}

/// A link after CONNACK.
pub(super) struct Link<I: Intakes> {
    pub(super) server: Arc<Server<I>>,
    pub(super) protocol: Protocol,
    pub(super) inbox: Inbox,
    /// Bytes of a frame too large for the inbox that the protocol crate still waits for.
    pub(super) owed: usize,
    pub(super) outbox: Outbox,
    pub(super) door: Door<I::Intake>,
    pub(super) hub: HubLink,
    /// What an earlier link sent and nobody acknowledged.
    pub(super) resend: VecDeque<(u16, Outgoing)>,
    /// Our publishes on this link that wait for a PUBACK.
    pub(super) in_flight: usize,
    pub(super) will: Option<Will>,
    pub(super) keep_alive: KeepAlive,
    pub(super) client_id: String,
}

impl<I: Intakes> Link<I> {
    async fn run(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
        kick: &mut oneshot::Receiver<Kick>,
        shutdown: &mut watch::Receiver<bool>,
    ) -> End {
        let wake = self.hub.signal.wake.clone();
        let mut stop = pin!(stopped(shutdown));
        let mut sleep = pin!(tokio::time::sleep(Duration::from_secs(3600)));
        // What came along with CONNECT.
        if let Err(end) = self.digest(writer, kick).await {
            return end;
        }
        loop {
            self.send_acks();
            self.deliver();
            let now = Instant::now();
            let throttled = self.door.intake.throttled_until().filter(|until| *until > now);
            let is_reading = throttled.is_none() && self.has_window();
            self.keep_alive.listen(is_reading, now);
            let stuck = self.outbox.deadline(self.server.config.write_timeout(), now);
            let deadlines = [self.keep_alive.deadline(), throttled, stuck];
            if let Some(next) = deadlines.into_iter().flatten().min()
                && (next < sleep.deadline() || sleep.is_elapsed())
            {
                sleep.as_mut().reset(next); // otherwise it wakes us early, which is cheaper than setting it anew for every packet
            }
            tokio::select! {
                biased;
                kicked = &mut *kick => return End::Kicked(kicked.unwrap_or(Kick::TakenOver)),
                () = &mut stop => return End::Shutdown,
                flushed = self.outbox.flush(writer), if !self.outbox.is_empty() => {
                    if flushed.is_err() {
                        return End::Lost;
                    }
                }
                () = wake.notified() => {}
                read = reader.read(self.inbox.room()), if is_reading => match read {
                    Ok(count) if count > 0 => {
                        self.inbox.filled(count);
                        self.keep_alive.heard(Instant::now());
                        if let Err(end) = self.digest(writer, kick).await {
                            return end;
                        }
                    }
                    Ok(_) | Err(_) => return End::Lost,
                },
                () = &mut sleep => {
                    let now = Instant::now();
                    let is_over = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
                    if is_over(self.keep_alive.deadline()) {
                        self.counters().keep_alive_expired.fetch_add(1, Relaxed);
                        return End::KeepAliveExpired;
                    }
                    if is_over(stuck) && is_over(self.outbox.deadline(self.server.config.write_timeout(), now)) {
                        self.counters().slow_subscribers.fetch_add(1, Relaxed);
                        return End::WriteTimeout;
                    }
                    sleep.as_mut().reset(now + Duration::from_secs(3600));
                }
            }
        }
    }

    pub(super) fn counters(&self) -> &ListenerCounters {
        &self.server.counters
    }

    fn has_window(&self) -> bool {
        let config = &self.server.config;
        let acks = &self.door.acks;
        acks.unacknowledged() < usize::from(config.window)
            && acks.bytes() < config.window_bytes
            && self.outbox.len() < OUTBOX_LIMIT
    }

    /// Parses what was read and hands it to the pipeline, also if the link ends with it.
    async fn digest(
        &mut self,
        writer: &mut (impl AsyncWrite + Unpin),
        kick: &mut oneshot::Receiver<Kick>,
    ) -> Result<(), End> {
        let parsed = self.parse();
        self.door.count(&self.server.counters);
        if self.door.is_open {
            self.door.is_open = false;
            self.submit(writer, kick).await?;
        }
        parsed
    }

    fn parse(&mut self) -> Result<(), End> {
        while !self.inbox.unread().is_empty() {
            let there = self.inbox.unread().len();
            if self.door.is_v5 {
                self.feed(there)?;
                continue;
            }
            if self.owed > 0 {
                let count = self.owed.min(there);
                self.feed(count)?;
                self.owed -= count;
                continue;
            }
            let limit = self.server.config.max_packet_bytes as usize;
            match fast_path::extent(self.inbox.unread()) {
                Extent::Whole { first, body, total } => {
                    let frame = fast_path::publish(first, &self.inbox.unread()[body..total]);
                    match frame.filter(|_| total <= limit) {
                        Some(frame) => {
                            let taken = self.door.publish(frame, false, &self.server.counters);
                            self.inbox.consume(total);
                            taken.or_else(|refusal| self.refused(refusal))?;
                        }
                        None => self.feed(total)?,
                    }
                }
                Extent::Partial { total } if total <= inbox::CAPACITY && total <= limit => break,
                Extent::Partial { total } => {
                    self.feed(there)?;
                    self.owed = total - there;
                }
                Extent::Unknown => break,
                Extent::Malformed => self.feed(there)?,
            }
        }
        self.inbox.make_room();
        Ok(())
    }

    /// Gives the first `count` bytes to the protocol crate.
    fn feed(&mut self, count: usize) -> Result<(), End> {
        let mut fed = 0;
        while fed < count {
            let mut cursor = Cursor::new(&self.inbox.unread()[fed..count]);
            let events = self.protocol.recv(&mut cursor);
            fed += cursor.position() as usize;
            self.handle(events)?;
        }
        self.inbox.consume(count);
        Ok(())
    }

    pub(super) fn handle(&mut self, events: Vec<Event>) -> Result<(), End> {
        let mut end = Ok(());
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    self.outbox.bytes().extend(packet.to_continuous_buffer());
                }
                Event::NotifyPacketReceived(packet) => self.receive(packet)?,
                Event::NotifyError(MqttError::PacketTooLarge) => {
                    self.counters().packet_too_large.fetch_add(1, Relaxed);
                    end = Err(End::ProtocolError);
                }
                Event::NotifyError(error) => {
                    self.counters().protocol_errors.fetch_add(1, Relaxed);
                    tracing::debug!(client_id = self.client_id, %error, "client broke the protocol");
                    end = Err(End::ProtocolError);
                }
                Event::RequestClose => end = end.and(Err(End::ProtocolError)),
                // Our own timers do this, and packet ids are looked up where they are needed.
                Event::RequestTimerReset { .. } | Event::RequestTimerCancel(_) | Event::NotifyPacketIdReleased(_) => {}
            }
        }
        end
    }

    /// Hands the open batch on. While the pipeline is full, acknowledgements still leave.
    async fn submit(
        &mut self,
        writer: &mut (impl AsyncWrite + Unpin),
        kick: &mut oneshot::Receiver<Kick>,
    ) -> Result<(), End> {
        let wake = self.hub.signal.wake.clone();
        let mut end = Ok(());
        let receipt = {
            let mut submitting = pin!(self.door.intake.submit());
            let mut give_up: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(std::future::pending());
            loop {
                tokio::select! {
                    biased;
                    receipt = &mut submitting => break receipt,
                    kicked = &mut *kick, if end.is_ok() => {
                        end = Err(End::Kicked(kicked.unwrap_or(Kick::TakenOver)));
                        give_up = Box::pin(tokio::time::sleep(END_GRACE));
                    }
                    flushed = self.outbox.flush(writer), if end.is_ok() && !self.outbox.is_empty() => {
                        if flushed.is_err() {
                            end = Err(End::Lost);
                            give_up = Box::pin(tokio::time::sleep(END_GRACE));
                        }
                    }
                    () = wake.notified(), if end.is_ok() => {
                        self.hub.signal.mail_again();
                        let counters = &self.server.counters;
                        send_acks(&mut self.door.acks, &mut self.protocol, &mut self.outbox, counters);
                    }
                    // Nothing of the batch was acknowledged: the device sends it again.
                    () = &mut give_up => return end,
                }
            }
        };
        self.door.acks.close(receipt);
        end
    }

    fn send_acks(&mut self) {
        send_acks(
            &mut self.door.acks,
            &mut self.protocol,
            &mut self.outbox,
            &self.server.counters,
        );
    }

    /// Does what is still owed: pending acknowledgements when we stop, the will, the last word.
    async fn finish(&mut self, end: End, writer: &mut (impl AsyncWrite + Unpin)) {
        if end == End::Shutdown {
            let (wake, grace) = (self.hub.signal.wake.clone(), self.server.config.shutdown_grace());
            let drain = async {
                loop {
                    self.send_acks();
                    if self.outbox.flush(writer).await.is_err() || !self.door.acks.is_waiting() {
                        return;
                    }
                    wake.notified().await;
                }
            };
            if timeout(grace, drain).await.is_err() {
                tracing::warn!(
                    client_id = self.client_id,
                    "stopping without all acknowledgements: the device will send again"
                );
            }
        }
        if end.publishes_will()
            && let Some(will) = self.will.take()
        {
            let qos = will.qos.min(1);
            self.door.intake.push(Incoming {
                topic: &will.topic,
                payload: &will.payload,
                qos,
                retain: will.retain,
                dup: false,
            });
            match timeout(END_GRACE, self.door.intake.submit()).await {
                Ok(_) => self.counters().wills_published.fetch_add(1, Relaxed),
                Err(_) => self.counters().wills_dropped.fetch_add(1, Relaxed),
            };
        }
        if let Some(reason) = end
            .reason()
            .filter(|_| self.protocol.get_protocol_version() == Version::V5_0)
        {
            let disconnect = v5_0::Disconnect::builder()
                .reason_code(reason)
                .build()
                .expect("the reason is one for DISCONNECT");
            self.say_last(disconnect);
        }
        if end != End::Lost && end != End::WriteTimeout {
            drop(timeout(LINGER, self.outbox.flush(writer)).await);
        }
    }

    fn say_last(&mut self, disconnect: v5_0::Disconnect) {
        for event in self.protocol.checked_send(disconnect) {
            if let Event::RequestSendPacket { packet, .. } = event {
                self.outbox.bytes().extend(packet.to_continuous_buffer());
            }
        }
    }
}

/// Writes the PUBACKs that are due.
fn send_acks<R: Receipt>(
    acks: &mut AckQueue<R>,
    protocol: &mut Protocol,
    outbox: &mut Outbox,
    counters: &ListenerCounters,
) {
    if !acks.is_waiting() {
        return;
    }
    let is_v5 = protocol.get_protocol_version() == Version::V5_0;
    let sent = acks.release(
        |Ack {
             packet_id,
             answer,
             is_tracked,
         }| {
            let events = match (is_v5, answer, is_tracked) {
                (false, _, false) => return fast_path::write_puback(outbox.bytes(), packet_id),
                (false, _, true) => v3_1_1::Puback::builder()
                    .packet_id(packet_id)
                    .build()
                    .map(|ack| protocol.checked_send(ack)),
                (true, Answer::Stored, _) => v5_0::Puback::builder()
                    .packet_id(packet_id)
                    .build()
                    .map(|ack| protocol.checked_send(ack)),
                (true, Answer::NotAuthorized, _) => v5_0::Puback::builder()
                    .packet_id(packet_id)
                    .reason_code(PubackReasonCode::NotAuthorized)
                    .build()
                    .map(|ack| protocol.checked_send(ack)),
            };
            for event in events.unwrap_or_default() {
                if let Event::RequestSendPacket { packet, .. } = event {
                    outbox.bytes().extend(packet.to_continuous_buffer());
                }
            }
        },
    );
    if sent > 0 {
        counters.acks_sent.fetch_add(sent as u64, Relaxed);
    }
}
