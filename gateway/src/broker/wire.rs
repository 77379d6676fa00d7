//! rumqttc used packet by packet. It connects (TCP, TLS, CONNECT) and codes packets; its event loop runs no further than that, because it
//! writes and flushes every acknowledgement on its own and makes an event of every packet. Decides nothing.

use futures::FutureExt;
use rumqttc::{ConnectionError, Event, EventLoop, Incoming, MqttOptions, Packet, StateError};

/// rumqttc's own queue of requests, which we do not use.
const NO_REQUESTS: usize = 1;

/// Why there is no link, or no longer.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// The broker cannot be reached or does not let us in.
    #[error("cannot connect")]
    Connect(#[source] Box<ConnectionError>),
    /// The broker began with another packet than CONNACK.
    #[error("broker did not answer CONNECT with CONNACK")]
    NoConnAck,
    /// The link broke, or the broker sent what is not MQTT.
    #[error("link lost")]
    Lost(#[source] StateError),
    /// It was closed before.
    #[error("link is closed")]
    Closed,
}

/// A link to a broker, or the lack of one.
pub(super) struct Wire {
    event_loop: EventLoop,
}

impl Wire {
    /// Not yet connected.
    pub(super) fn new(options: MqttOptions) -> Wire {
        let mut event_loop = EventLoop::new(options, NO_REQUESTS);
        let mut network = event_loop.network_options();
        // we write whole bundles; Nagle's algorithm would hold the last one back
        network.set_tcp_nodelay(true);
        event_loop.set_network_options(network);
        Wire { event_loop }
    }

    /// Connects; returns whether the broker kept our session. Must not be dropped half-way.
    pub(super) async fn connect(&mut self) -> Result<bool, WireError> {
        self.close();
        match self.event_loop.poll().await {
            Ok(Event::Incoming(Incoming::ConnAck(connack))) => Ok(connack.session_present),
            Ok(Event::Incoming(_) | Event::Outgoing(_)) => Err(WireError::NoConnAck),
            Err(error) => Err(WireError::Connect(Box::new(error))),
        }
    }

    /// The next packet. May be dropped: nothing is lost.
    pub(super) async fn read(&mut self) -> Result<Packet, WireError> {
        let network = self.event_loop.network.as_mut().ok_or(WireError::Closed)?;
        network.read().await.map_err(WireError::Lost)
    }

    /// The next packet if it is here already.
    pub(super) fn read_ready(&mut self) -> Option<Result<Packet, WireError>> {
        self.read().now_or_never()
    }

    /// Puts a packet into the buffer, which is written when full or with [`Wire::flush`].
    pub(super) async fn write(&mut self, packet: Packet) -> Result<(), WireError> {
        let network = self.event_loop.network.as_mut().ok_or(WireError::Closed)?;
        network.write(packet).await.map_err(WireError::Lost)
    }

    /// Writes what is in the buffer.
    pub(super) async fn flush(&mut self) -> Result<(), WireError> {
        let network = self.event_loop.network.as_mut().ok_or(WireError::Closed)?;
        network.flush().await.map_err(WireError::Lost)
    }

    /// Size of the largest packet that can be written, in bytes.
    pub(super) fn most_bytes(&self) -> usize {
        self.event_loop.mqtt_options.max_packet_size()
    }

    /// Closes the link without a DISCONNECT: the session stays either way.
    pub(super) fn close(&mut self) {
        self.event_loop.clean();
    }
}
