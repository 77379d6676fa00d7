//! A connection up to its CONNACK: reads CONNECT, decides, claims the session, answers. Runs under the caller's time limit and may be dropped at
//! any point; nothing is held but the claim, which then lets go.

use super::access::{Credentials, Decision, Grant, check_topic};
use super::config::ListenerConfig;
use super::connect::{self, ConnectRequest, Protocol};
use super::connection::{END_GRACE, Link};
use super::counters::RefusedReason;
use super::door::Door;
use super::hub::{HubLink, Kick, SessionKey};
use super::inbox::Inbox;
use super::outbox::Outbox;
use super::session::KeepAlive;
use super::{Peer, Server};
use crate::intake::Intakes;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::GenericPacketTrait;
use mqtt_protocol_core::mqtt::result_code::MqttError;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// The part before CONNACK.
pub(super) struct Greeting {
    protocol: Protocol,
    inbox: Inbox,
    pub(super) outbox: Outbox,
}

/// A client that may come in.
pub(super) struct Admitted {
    request: ConnectRequest,
    grant: Grant,
    claim_link: HubLink,
    kick: oneshot::Receiver<Kick>,
    client_id: String,
}

impl Greeting {
    /// For a new connection.
    pub(super) fn new(config: &ListenerConfig) -> Greeting {
        Greeting {
            protocol: connect::new_protocol(config),
            inbox: Inbox::default(),
            outbox: Outbox::default(),
        }
    }

    /// Reads up to and with CONNECT; what came behind it stays in the inbox.
    pub(super) async fn receive(
        &mut self,
        reader: &mut (impl AsyncRead + Unpin),
    ) -> Result<ConnectRequest, RefusedReason> {
        loop {
            self.inbox.make_room();
            let count = reader
                .read(self.inbox.room())
                .await
                .map_err(|_| RefusedReason::Malformed)?;
            if count == 0 {
                return Err(RefusedReason::Malformed);
            }
            self.inbox.filled(count);
            let mut cursor = Cursor::new(self.inbox.unread());
            let events = self.protocol.recv(&mut cursor);
            let parsed = cursor.position() as usize;
            self.inbox.consume(parsed);
            let mut request = None;
            for event in events {
                match event {
                    Event::NotifyPacketReceived(packet) => request = ConnectRequest::read(&packet),
                    Event::RequestSendPacket { packet, .. } => {
                        self.outbox.bytes().extend(packet.to_continuous_buffer());
                    }
                    Event::NotifyError(MqttError::UnsupportedProtocolVersion) => {
                        return Err(RefusedReason::ProtocolVersion);
                    }
                    Event::NotifyError(_) | Event::RequestClose => return Err(RefusedReason::Malformed),
                    _ => {}
                }
            }
            if let Some(request) = request {
                return Ok(request);
            }
        }
    }

    /// Decides whether the client may come in, and claims its session.
    pub(super) async fn admit<I: Intakes>(
        &mut self,
        server: &Server<I>,
        peer: &Peer,
        request: ConnectRequest,
    ) -> Result<Admitted, RefusedReason> {
        request.check()?;
        if peer.is_surplus {
            return Err(RefusedReason::ServerBusy);
        }
        let credentials = Credentials {
            from: peer.address.ip(),
            certificate_name: peer.certificate_name.as_deref(),
            user: request.user.as_deref(),
        };
        let grant = match server.access.decide(credentials) {
            Decision::Granted(grant) => grant,
            Decision::VerifyPassword { hash, grant } => {
                let user = request.user.as_deref().unwrap_or_default();
                let is_right = server
                    .passwords
                    .verify(user, &request.password, hash, grant.is_some())
                    .await;
                grant.filter(|_| is_right).ok_or(RefusedReason::BadCredentials)?
            }
            Decision::Refused(reason) => return Err(reason),
        };
        if let Some(will) = &request.will
            && (check_topic(&will.topic).is_err() || !grant.may_publish(&will.topic))
        {
            return Err(RefusedReason::NotAuthorized);
        }
        let client_id = match request.client_id.as_str() {
            "" => format!("auto-{:016x}", rand::random::<u64>()),
            given => given.to_owned(),
        };
        let key = SessionKey {
            principal: grant.principal.clone(),
            client_id: client_id.clone(),
        };
        let mut claim = server.hub.claim(key);
        if let Some(previous) = claim.previous.take() {
            drop(timeout(END_GRACE, previous).await); // resolves with an error when the other link is gone
        }
        if claim.kick.try_recv().is_ok() {
            return Err(RefusedReason::ServerBusy); // taken over while waiting
        }
        Ok(Admitted {
            request,
            grant,
            claim_link: claim.link,
            kick: claim.kick,
            client_id,
        })
    }

    /// Accepts the client.
    pub(super) fn into_link<I: Intakes>(
        mut self,
        server: Arc<Server<I>>,
        admitted: Admitted,
    ) -> (Link<I>, oneshot::Receiver<Kick>) {
        let Admitted {
            request,
            grant,
            claim_link: hub,
            kick,
            client_id,
        } = admitted;
        let now = Instant::now();
        let session_present = hub.open(request.is_clean, request.effective_expiry(&server.config), now);
        let resend = hub.unacknowledged();
        for (packet_id, _) in &resend {
            let registered = self.protocol.register_packet_id(*packet_id);
            debug_assert!(
                registered.is_ok(),
                "nothing else has taken an id on this new link, and ours are distinct"
            );
        }
        let assigned = request.client_id.is_empty().then_some(client_id.as_str());
        let events = request.accept(&mut self.protocol, &server.config, session_present, assigned);
        for event in events {
            if let Event::RequestSendPacket { packet, .. } = event {
                self.outbox.bytes().extend(packet.to_continuous_buffer());
            }
        }
        if !resend.is_empty() {
            hub.signal.mail();
        }
        let keep_alive = KeepAlive::new(request.effective_keep_alive_s(&server.config), now);
        let door = Door::new(server.intakes.open(hub.signal.wake.clone()), grant, request.is_v5);
        let link = Link {
            server,
            protocol: self.protocol,
            inbox: self.inbox,
            owed: 0,
            outbox: self.outbox,
            door,
            hub,
            resend,
            in_flight: 0,
            will: request.will,
            keep_alive,
            client_id,
        };
        (link, kick)
    }

    /// Tells the client, as far as it can be told, and the log, with what to do about it.
    pub(super) fn refuse<I: Intakes>(&mut self, server: &Server<I>, peer: &Peer, reason: RefusedReason) {
        let address = peer.address;
        if let Some(held_back) = server.refusal_log.allow(Instant::now()) {
            let advice = match reason {
                RefusedReason::AnonymousRefused => {
                    "clients from other machines need a name: add [[listener.users]] or a client certificate"
                }
                RefusedReason::BadCredentials => "check user and password against [[listener.users]]",
                RefusedReason::NotAuthorized => {
                    "a certificate's common name must be site/device, and a will must be on the client's own topics"
                }
                RefusedReason::ServerBusy => "raise listener.max_connections if this many devices are meant to connect",
                RefusedReason::ConnectTimeout
                | RefusedReason::TlsHandshake
                | RefusedReason::Malformed
                | RefusedReason::ProtocolVersion
                | RefusedReason::ClientId
                | RefusedReason::WillQos
                | RefusedReason::AuthenticationMethod => "see the client's settings",
            };
            tracing::warn!(%address, reason = reason.as_str(), advice, held_back, "client not let in");
        }
        if reason == RefusedReason::ProtocolVersion && self.outbox.is_empty() {
            // The crate does not answer versions it does not know; 3.1.1 says what to say (MQTT-3.1.2-2).
            self.outbox.bytes().extend_from_slice(&[0x20, 2, 0, 1]);
        }
        for event in connect::refuse(&mut self.protocol, reason) {
            if let Event::RequestSendPacket { packet, .. } = event {
                self.outbox.bytes().extend(packet.to_continuous_buffer());
            }
        }
    }
}
