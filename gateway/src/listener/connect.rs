//! CONNECT and CONNACK of both protocol versions, as one kind of request and one kind of answer. Pure: reads and builds packets, decides nothing
//! about who may come in.

use super::config::ListenerConfig;
use super::counters::RefusedReason;
use mqtt_protocol_core::mqtt::Version;
use mqtt_protocol_core::mqtt::connection::GenericConnection;
use mqtt_protocol_core::mqtt::connection::{ConnectionOptions, Event, role};
use mqtt_protocol_core::mqtt::packet::{self as packet, Packet, Property, v3_1_1, v5_0};
use mqtt_protocol_core::mqtt::result_code::{ConnectReasonCode, ConnectReturnCode};
use std::time::Duration;

/// The protocol state of one link.
pub type Protocol = GenericConnection<role::Server, u16>;

/// MQTT 5 topic aliases a client may use.
const TOPIC_ALIASES: u16 = 32;

/// Longest client id, in bytes. The standard asks for 23 at least.
const MAX_CLIENT_ID_BYTES: usize = 256;

/// Protocol state for a new link. It answers pings by itself; PUBACKs are ours to send.
pub fn new_protocol(config: &ListenerConfig) -> Protocol {
    // The receive maximum goes into CONNACK only: as an option it would also bind 3.1.1 clients, who are never told.
    let options = ConnectionOptions::new().maximum_packet_size_recv(config.max_packet_bytes);
    let mut protocol = Protocol::with_options(Version::Undetermined, options);
    protocol.set_auto_ping_response(true);
    protocol
}

/// What the client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectRequest {
    /// True for MQTT 5.
    pub is_v5: bool,
    /// May be empty: we then choose one.
    pub client_id: String,
    /// Forget what an earlier session held.
    pub is_clean: bool,
    /// Seconds; 0 is none.
    pub keep_alive_s: u16,
    /// User name.
    pub user: Option<String>,
    /// Password; empty if none was given.
    pub password: Vec<u8>,
    /// Published for the client if it is lost.
    pub will: Option<Will>,
    /// Seconds to keep the session without a link.
    pub session_expiry_s: u32,
    /// Extended authentication asked for.
    pub has_authentication_method: bool,
}

/// The client's last message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Will {
    /// Topic name, not yet checked.
    pub topic: String,
    /// Application message.
    pub payload: Vec<u8>,
    /// 0 to 2.
    pub qos: u8,
    /// Retain flag.
    pub retain: bool,
}

macro_rules! will_of {
    ($connect:expr) => {
        $connect
            .will_topic()
            .filter(|_| $connect.will_flag())
            .map(|topic| Will {
                topic: topic.to_owned(),
                payload: $connect.will_payload().unwrap_or_default().to_vec(),
                qos: $connect.will_qos() as u8,
                retain: $connect.will_retain(),
            })
    };
}

impl ConnectRequest {
    /// Reads a CONNECT; None for any other packet.
    pub fn read(packet: &Packet) -> Option<ConnectRequest> {
        match packet {
            Packet::V3_1_1Connect(connect) => Some(ConnectRequest {
                is_v5: false,
                client_id: connect.client_id().to_owned(),
                is_clean: connect.clean_session(),
                keep_alive_s: connect.keep_alive(),
                user: connect.user_name().map(str::to_owned),
                password: connect.password().unwrap_or_default().to_vec(),
                will: will_of!(connect),
                session_expiry_s: if connect.clean_session() { 0 } else { u32::MAX },
                has_authentication_method: false,
            }),
            Packet::V5_0Connect(connect) => Some(ConnectRequest {
                is_v5: true,
                client_id: connect.client_id().to_owned(),
                is_clean: connect.clean_start(),
                keep_alive_s: connect.keep_alive(),
                user: connect.user_name().map(str::to_owned),
                password: connect.password().unwrap_or_default().to_vec(),
                will: will_of!(connect),
                session_expiry_s: session_expiry(connect.props()).unwrap_or(0),
                has_authentication_method: connect
                    .props()
                    .iter()
                    .any(|property| matches!(property, Property::AuthenticationMethod(_))),
            }),
            _ => None,
        }
    }

    /// What can be refused without knowing who it is.
    pub fn check(&self) -> Result<(), RefusedReason> {
        if self.has_authentication_method {
            return Err(RefusedReason::AuthenticationMethod);
        }
        let needs_id = !self.is_v5 && !self.is_clean;
        if self.client_id.len() > MAX_CLIENT_ID_BYTES || self.client_id.is_empty() && needs_id {
            return Err(RefusedReason::ClientId);
        }
        if self.is_v5 && self.will.as_ref().is_some_and(|will| will.qos > 1) {
            return Err(RefusedReason::WillQos);
        }
        Ok(())
    }

    /// The keep-alive in force: what the client asks for, up to the longest allowed.
    pub fn effective_keep_alive_s(&self, config: &ListenerConfig) -> u16 {
        match self.keep_alive_s {
            0 => config.max_keep_alive_s,
            asked => asked.min(config.max_keep_alive_s),
        }
    }

    /// The session expiry in force.
    pub fn effective_expiry(&self, config: &ListenerConfig) -> Duration {
        Duration::from_secs(u64::from(self.session_expiry_s.min(config.max_session_expiry_s)))
    }

    /// Accepts the client. `assigned_id` is the client id we chose for it, if we did.
    pub fn accept(
        &self,
        protocol: &mut Protocol,
        config: &ListenerConfig,
        session_present: bool,
        assigned_id: Option<&str>,
    ) -> Vec<Event> {
        if !self.is_v5 {
            let connack = v3_1_1::Connack::builder()
                .session_present(session_present)
                .return_code(ConnectReturnCode::Accepted)
                .build()
                .expect("both fields are given");
            return protocol.checked_send(connack);
        }
        let connack = v5_0::Connack::builder()
            .session_present(session_present)
            .reason_code(ConnectReasonCode::Success)
            .props(self.connack_properties(config, assigned_id))
            .build()
            .expect("the properties belong into a CONNACK, each once");
        protocol.checked_send(connack)
    }

    fn connack_properties(&self, config: &ListenerConfig, assigned_id: Option<&str>) -> Vec<Property> {
        const VALID: &str = "the value is in the property's range";
        let mut properties: Vec<Property> = vec![
            packet::ReceiveMaximum::new(config.window.max(1)).expect(VALID).into(),
            packet::MaximumQos::new(1).expect(VALID).into(),
            packet::TopicAliasMaximum::new(TOPIC_ALIASES).expect(VALID).into(),
            packet::SubscriptionIdentifierAvailable::new(0).expect(VALID).into(),
            packet::SharedSubscriptionAvailable::new(0).expect(VALID).into(),
        ];
        if let Some(id) = assigned_id {
            properties.push(packet::AssignedClientIdentifier::new(id).expect(VALID).into());
        }
        let keep_alive_s = self.effective_keep_alive_s(config);
        if keep_alive_s != self.keep_alive_s {
            properties.push(packet::ServerKeepAlive::new(keep_alive_s).expect(VALID).into());
        }
        if self.session_expiry_s > config.max_session_expiry_s {
            properties.push(
                packet::SessionExpiryInterval::new(config.max_session_expiry_s)
                    .expect(VALID)
                    .into(),
            );
        }
        properties
    }
}

/// The session expiry in seconds, if the properties have one.
pub fn session_expiry(properties: &[Property]) -> Option<u32> {
    properties.iter().find_map(|property| match property {
        Property::SessionExpiryInterval(seconds) => Some(seconds.val()),
        _ => None,
    })
}

/// Refuses the client, if the reason is one that CONNACK can tell.
pub fn refuse(protocol: &mut Protocol, reason: RefusedReason) -> Vec<Event> {
    let (v3, v5) = match reason {
        RefusedReason::ServerBusy => (ConnectReturnCode::ServerUnavailable, ConnectReasonCode::ServerBusy),
        RefusedReason::ConnectTimeout | RefusedReason::TlsHandshake | RefusedReason::Malformed => return Vec::new(),
        RefusedReason::ProtocolVersion => (
            ConnectReturnCode::UnacceptableProtocolVersion,
            ConnectReasonCode::UnsupportedProtocolVersion,
        ),
        RefusedReason::ClientId => (
            ConnectReturnCode::IdentifierRejected,
            ConnectReasonCode::ClientIdentifierNotValid,
        ),
        RefusedReason::BadCredentials => (
            ConnectReturnCode::BadUserNameOrPassword,
            ConnectReasonCode::BadUserNameOrPassword,
        ),
        RefusedReason::AnonymousRefused | RefusedReason::NotAuthorized => {
            (ConnectReturnCode::NotAuthorized, ConnectReasonCode::NotAuthorized)
        }
        RefusedReason::WillQos => (ConnectReturnCode::NotAuthorized, ConnectReasonCode::QosNotSupported),
        RefusedReason::AuthenticationMethod => (
            ConnectReturnCode::NotAuthorized,
            ConnectReasonCode::BadAuthenticationMethod,
        ),
    };
    const GIVEN: &str = "both fields are given";
    match protocol.get_protocol_version() {
        Version::V3_1_1 => protocol.checked_send(
            v3_1_1::Connack::builder()
                .session_present(false)
                .return_code(v3)
                .build()
                .expect(GIVEN),
        ),
        Version::V5_0 => protocol.checked_send(
            v5_0::Connack::builder()
                .session_present(false)
                .reason_code(v5)
                .build()
                .expect(GIVEN),
        ),
        Version::Undetermined => Vec::new(),
    }
}
