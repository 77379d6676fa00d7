//! MQTT 3.1.1 by hand over a plain socket: for what no proper client would send, and for seeing exactly what comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// What came within the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A whole packet: its first byte and its body.
    Packet(u8, Vec<u8>),
    /// The other side closed the link.
    Closed,
    /// Nothing.
    Silence,
}

/// A link whose bytes the test chooses.
pub struct RawLink {
    stream: TcpStream,
    unread: Vec<u8>,
}

/// A packet from its first byte and its body.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    loop {
        let low = (rest % 128) as u8;
        rest /= 128;
        bytes.push(if rest > 0 { low | 0x80 } else { low });
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

fn text(bytes: &[u8]) -> Vec<u8> {
    let mut out = (bytes.len() as u16).to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}

/// CONNECT with a clean session.
pub fn connect_packet(client_id: &str, keep_alive_s: u16) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x04\x02".to_vec();
    body.extend_from_slice(&keep_alive_s.to_be_bytes());
    body.extend_from_slice(&text(client_id.as_bytes()));
    packet(0x10, &body)
}

/// PUBLISH; the topic need not be one.
pub fn publish_packet(topic: &[u8], payload: &[u8], qos: u8, packet_id: u16) -> Vec<u8> {
    let mut body = text(topic);
    if qos > 0 {
        body.extend_from_slice(&packet_id.to_be_bytes());
    }
    body.extend_from_slice(payload);
    packet(0x30 | qos << 1, &body)
}

/// PINGREQ.
pub const PING: [u8; 2] = [0xC0, 0];
/// First byte of PINGRESP.
pub const PONG: u8 = 0xD0;
/// First byte of PUBACK.
pub const PUBACK: u8 = 0x40;

impl RawLink {
    /// Opens the socket and says nothing.
    pub fn open(port: u16) -> RawLink {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
        stream.set_nodelay(true).expect("a socket option");
        RawLink {
            stream,
            unread: Vec::new(),
        }
    }

    /// Opens the socket and is let in.
    pub fn connect(port: u16, client_id: &str, keep_alive_s: u16) -> RawLink {
        let mut link = RawLink::open(port);
        link.send(&connect_packet(client_id, keep_alive_s));
        assert_eq!(
            link.hear(Duration::from_secs(10)),
            Heard::Packet(0x20, vec![0, 0]),
            "{client_id} is let in"
        );
        link
    }

    /// Sends bytes; whether the other side still took them.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a PUBLISH with QoS 1; whether the other side still took it.
    pub fn publish(&mut self, topic: &[u8], payload: &[u8], packet_id: u16) -> bool {
        self.send(&publish_packet(topic, payload, 1, packet_id))
    }

    /// Waits for the next packet.
    pub fn hear(&mut self, within: Duration) -> Heard {
        let until = Instant::now() + within;
        loop {
            if let Some((total, header)) = extent(&self.unread)
                && self.unread.len() >= total
            {
                let bytes: Vec<u8> = self.unread.drain(..total).collect();
                return Heard::Packet(bytes[0], bytes[header..].to_vec());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Heard::Silence;
            }
            self.stream.set_read_timeout(Some(left)).expect("a socket option");
            let mut buffer = [0; 16_384];
            match self.stream.read(&mut buffer) {
                Ok(0) => return Heard::Closed,
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Heard::Closed,
            }
        }
    }

    /// A second handle on the same socket, for a thread that only writes; what is heard belongs to this one.
    pub fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("a second handle")
    }

    /// Says no more, and listens on.
    pub fn finish_sending(&self) {
        self.stream.shutdown(Shutdown::Write).ok();
    }
}

/// Length of the packet at the start of the bytes and of its header; none while that is not known.
fn extent(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0;
    for (place, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((2 + place + length, 2 + place));
        }
    }
    None
}
