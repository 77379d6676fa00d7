//! What a link does with each packet of its client, and with each message for it. Answers go into the outbox; a packet that ends the link
//! says so. Never waits.

use super::access::is_filter;
use super::connect;
use super::connection::{End, Link, OUTBOX_LIMIT};
use super::door::Refusal;
use super::fast_path::PublishFrame;
use super::hub::Outgoing;
use super::topic_tree::Delivery;
use crate::intake::Intakes;
use mqtt_protocol_core::mqtt::connection::Event;
use mqtt_protocol_core::mqtt::packet::{
    GenericPacketTrait, Packet, Property, Qos, RetainHandling, SubEntry, v3_1_1, v5_0,
};
use mqtt_protocol_core::mqtt::result_code::{
    DisconnectReasonCode, MqttError, SubackReasonCode, SubackReturnCode, UnsubackReasonCode,
};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::Instant;

impl<I: Intakes> Link<I> {
    /// Takes one packet that the protocol crate found sound.
    pub(super) fn receive(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::V3_1_1Publish(publish) => {
                let payload = publish.payload().as_slice();
                let (topic, packet_id) = (publish.topic_name(), publish.packet_id());
                let (qos, retain, dup) = (publish.qos(), publish.retain(), publish.dup());
                self.published(
                    qos,
                    PublishFrame {
                        topic,
                        payload,
                        packet_id,
                        retain,
                        dup,
                    },
                )
            }
            Packet::V5_0Publish(publish) => {
                let payload = publish.payload().as_slice();
                let (topic, packet_id) = (publish.topic_name(), publish.packet_id());
                let (qos, retain, dup) = (publish.qos(), publish.retain(), publish.dup());
                self.published(
                    qos,
                    PublishFrame {
                        topic,
                        payload,
                        packet_id,
                        retain,
                        dup,
                    },
                )
            }
            Packet::V3_1_1Puback(ack) => self.acknowledged(ack.packet_id()),
            Packet::V5_0Puback(ack) => self.acknowledged(ack.packet_id()),
            Packet::V3_1_1Subscribe(subscribe) => {
                let answers = subscribe.entries().iter().map(|entry| match self.subscribe(entry) {
                    SubackReasonCode::GrantedQos0 => SubackReturnCode::SuccessMaximumQos0,
                    SubackReasonCode::GrantedQos1 => SubackReturnCode::SuccessMaximumQos1,
                    _ => SubackReturnCode::Failure,
                });
                let answers = answers.collect();
                let suback = v3_1_1::Suback::builder()
                    .packet_id(subscribe.packet_id())
                    .return_codes(answers)
                    .build();
                let suback = suback.map_err(|error| self.broken(error))?;
                let events = self.protocol.checked_send(suback);
                self.handle(events)
            }
            Packet::V5_0Subscribe(subscribe) => {
                if subscribe
                    .props()
                    .iter()
                    .any(|property| matches!(property, Property::SubscriptionIdentifier(_)))
                {
                    return Err(End::Violation(
                        DisconnectReasonCode::SubscriptionIdentifiersNotSupported,
                    ));
                }
                let answers = subscribe.entries().iter().map(|entry| self.subscribe(entry)).collect();
                let suback = v5_0::Suback::builder()
                    .packet_id(subscribe.packet_id())
                    .reason_codes(answers)
                    .build();
                let suback = suback.map_err(|error| self.broken(error))?;
                let events = self.protocol.checked_send(suback);
                self.handle(events)
            }
            Packet::V3_1_1Unsubscribe(unsubscribe) => {
                for filter in unsubscribe.entries() {
                    self.hub.unsubscribe(filter.as_str());
                }
                let unsuback = v3_1_1::Unsuback::builder().packet_id(unsubscribe.packet_id()).build();
                let unsuback = unsuback.map_err(|error| self.broken(error))?;
                let events = self.protocol.checked_send(unsuback);
                self.handle(events)
            }
            Packet::V5_0Unsubscribe(unsubscribe) => {
                let answers = unsubscribe
                    .entries()
                    .iter()
                    .map(|filter| match self.hub.unsubscribe(filter.as_str()) {
                        true => UnsubackReasonCode::Success,
                        false => UnsubackReasonCode::NoSubscriptionExisted,
                    });
                let answers = answers.collect();
                let unsuback = v5_0::Unsuback::builder()
                    .packet_id(unsubscribe.packet_id())
                    .reason_codes(answers)
                    .build();
                let unsuback = unsuback.map_err(|error| self.broken(error))?;
                let events = self.protocol.checked_send(unsuback);
                self.handle(events)
            }
            Packet::V3_1_1Pingreq(_) | Packet::V5_0Pingreq(_) => Ok(()), // answered by the crate
            Packet::V3_1_1Disconnect(_) => Err(End::Disconnected { with_will: false }),
            Packet::V5_0Disconnect(disconnect) => {
                let expiry = disconnect
                    .props()
                    .as_ref()
                    .and_then(|properties| connect::session_expiry(properties));
                if let Some(expiry_s) = expiry {
                    let expiry_s = expiry_s.min(self.server.config.max_session_expiry_s);
                    self.hub.set_expiry(Duration::from_secs(u64::from(expiry_s)));
                }
                let with_will = disconnect.reason_code() == Some(DisconnectReasonCode::DisconnectWithWillMessage);
                Err(End::Disconnected { with_will })
            }
            // QoS 2 never begins here, a client does not send the rest, and extended authentication was refused.
            _ => {
                self.counters().protocol_errors.fetch_add(1, Relaxed);
                Err(End::Violation(DisconnectReasonCode::ProtocolError))
            }
        }
    }

    fn broken(&self, error: MqttError) -> End {
        self.counters().protocol_errors.fetch_add(1, Relaxed);
        tracing::debug!(client_id = self.client_id, %error, "client asked for what cannot be answered");
        End::Violation(DisconnectReasonCode::ProtocolError)
    }

    /// A publish that came through the protocol crate.
    fn published(&mut self, qos: Qos, frame: PublishFrame<'_>) -> Result<(), End> {
        if qos == Qos::ExactlyOnce {
            self.counters().qos2_refused.fetch_add(1, Relaxed);
            return Err(End::Violation(DisconnectReasonCode::QosNotSupported));
        }
        if frame.packet_id == Some(0) {
            self.counters().protocol_errors.fetch_add(1, Relaxed);
            return Err(End::Violation(DisconnectReasonCode::ProtocolError));
        }
        let taken = self.door.publish(frame, true, &self.server.counters);
        taken.or_else(|refusal| self.refused(refusal))
    }

    pub(super) fn refused(&self, refusal: Refusal) -> Result<(), End> {
        let reason = match refusal {
            Refusal::BadTopic => DisconnectReasonCode::TopicNameInvalid,
            Refusal::NotAuthorized => DisconnectReasonCode::NotAuthorized,
        };
        if let Some(held_back) = self.server.refusal_log.allow(Instant::now()) {
            let (principal, client_id) = (&self.door.grant.principal, &self.client_id);
            tracing::warn!(
                principal,
                client_id,
                ?refusal,
                held_back,
                "publish refused: link closed"
            );
        }
        Err(End::Violation(reason))
    }

    fn subscribe(&self, entry: &SubEntry) -> SubackReasonCode {
        let (filter, options) = (entry.topic_filter(), entry.sub_opts());
        if filter.starts_with("$share/") {
            return SubackReasonCode::SharedSubscriptionsNotSupported;
        }
        if !is_filter(filter) {
            return SubackReasonCode::TopicFilterInvalid;
        }
        if !self.door.grant.may_subscribe(filter) {
            self.counters().acl_denied.fetch_add(1, Relaxed);
            return SubackReasonCode::NotAuthorized;
        }
        let qos = (options.qos() as u8).min(1);
        let delivery = Delivery {
            qos,
            retain_as_published: options.rap(),
        };
        let send_retained = |is_new| match options.rh() {
            RetainHandling::SendRetained => true,
            RetainHandling::SendRetainedIfNotExists => is_new,
            RetainHandling::DoNotSendRetained => false,
        };
        match (self.hub.subscribe(filter, delivery, send_retained), qos) {
            (None, _) => SubackReasonCode::QuotaExceeded,
            (Some(_), 0) => SubackReasonCode::GrantedQos0,
            (Some(_), _) => SubackReasonCode::GrantedQos1,
        }
    }

    fn acknowledged(&mut self, packet_id: u16) -> Result<(), End> {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.hub.acknowledged(packet_id);
        self.hub.signal.mail(); // there may be more that had no room
        Ok(())
    }

    /// Sends what the hub has for this subscriber, as far as its window allows.
    pub(super) fn deliver(&mut self) {
        if !self.hub.signal.take_mail() {
            return;
        }
        loop {
            let vacancy = self
                .protocol
                .get_receive_maximum_vacancy_for_send()
                .map_or(usize::MAX, usize::from);
            let is_full = self.in_flight >= usize::from(self.server.config.outgoing_window) || vacancy == 0;
            if is_full || self.outbox.len() >= OUTBOX_LIMIT {
                // A PUBACK or the emptied outbox looks again.
                self.hub.signal.mail_again();
                return;
            }
            if let Some((packet_id, outgoing)) = self.resend.pop_front() {
                self.send(&outgoing, Some(packet_id), true);
                continue;
            }
            let Some(outgoing) = self.hub.take() else {
                return;
            };
            let packet_id = match outgoing.qos {
                0 => None,
                _ => match self.protocol.acquire_packet_id() {
                    Ok(id) => Some(id),
                    Err(_) => return, // cannot be: far fewer are in flight than there are ids
                },
            };
            if let Some(id) = packet_id {
                self.hub.sent(id, outgoing.clone());
            }
            self.send(&outgoing, packet_id, false);
        }
    }

    fn send(&mut self, outgoing: &Outgoing, packet_id: Option<u16>, dup: bool) {
        let Outgoing { message, retain, .. } = outgoing;
        let qos = if packet_id.is_some() {
            Qos::AtLeastOnce
        } else {
            Qos::AtMostOnce
        };
        macro_rules! publish {
            ($version:ident) => {
                $version::Publish::builder()
                    .topic_name(&*message.topic)
                    .and_then(|builder| {
                        let builder = builder
                            .qos(qos)
                            .retain(*retain)
                            .dup(dup)
                            .payload(&message.payload[..]);
                        match packet_id {
                            Some(id) => builder.packet_id(id).build(),
                            None => builder.build(),
                        }
                    })
                    .map(|publish| self.protocol.checked_send(publish))
            };
        }
        let sent = if self.door.is_v5 {
            publish!(v5_0)
        } else {
            publish!(v3_1_1)
        };
        let mut is_sent = false;
        for event in sent.unwrap_or_default() {
            if let Event::RequestSendPacket { packet, .. } = event {
                self.outbox.bytes().extend(packet.to_continuous_buffer());
                is_sent = true;
            }
        }
        match (is_sent, packet_id) {
            (true, id) => {
                self.in_flight += usize::from(id.is_some());
                self.counters().outgoing_sent.fetch_add(1, Relaxed);
            }
            (false, id) => {
                // Larger than this client takes: to it, the message counts as delivered (MQTT 5, 3.1.2.11.4).
                self.counters().outgoing_too_large.fetch_add(1, Relaxed);
                if let Some(id) = id {
                    self.hub.acknowledged(id);
                    drop(self.protocol.release_packet_id(id));
                }
            }
        }
    }
}
