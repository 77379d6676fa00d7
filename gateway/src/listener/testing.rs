//! Doubles for tests: a pipeline whose durability the test decides, and a client that speaks MQTT byte by byte.

use super::fast_path::{Extent, extent};
use crate::intake::{Intake, Intakes, Packet, Receipt};
use mqtt_protocol_core::mqtt::packet::{Property, Qos, SubEntry, SubOpts, v3_1_1, v5_0};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until `holds`, with a deadline.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Waits for a future, with a deadline.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("takes too long: {what}"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: u8,
    pub retain: bool,
    pub dup: bool,
}

#[derive(Default)]
struct State {
    got: Vec<Got>,
    /// Submitted and not yet durable.
    batches: Vec<(Arc<AtomicBool>, Arc<Notify>, usize)>,
    most_waiting: usize,
    is_instant: bool,
    is_full: bool,
}

/// A pipeline under the test's control.
#[derive(Clone, Default)]
pub struct FakeIntakes {
    state: Arc<Mutex<State>>,
    room: Arc<Notify>,
}

impl FakeIntakes {
    /// Everything is durable at once.
    pub fn instant() -> FakeIntakes {
        let fake = FakeIntakes::default();
        fake.state().is_instant = true;
        fake
    }

    /// Nothing is durable before `commit`.
    pub fn held() -> FakeIntakes {
        FakeIntakes::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Makes everything submitted so far durable.
    pub fn commit(&self) {
        let batches = std::mem::take(&mut self.state().batches);
        for (durable, wake, _) in batches {
            durable.store(true, SeqCst);
            wake.notify_one();
        }
    }

    pub fn set_instant(&self) {
        self.state().is_instant = true;
        self.commit();
    }

    /// While full, submitting waits.
    pub fn set_full(&self, is_full: bool) {
        self.state().is_full = is_full;
        self.room.notify_waiters();
    }

    pub fn got(&self) -> Vec<Got> {
        self.state().got.clone()
    }

    pub fn count(&self) -> usize {
        self.state().got.len()
    }

    /// Most packets that were submitted and not durable at one time.
    pub fn most_waiting(&self) -> usize {
        self.state().most_waiting
    }
}

pub struct FakeIntake {
    fake: FakeIntakes,
    wake: Arc<Notify>,
    open: usize,
}

pub struct FakeReceipt(Arc<AtomicBool>);

impl Receipt for FakeReceipt {
    fn is_durable(&self) -> bool {
        self.0.load(SeqCst)
    }
}

impl Intake for FakeIntake {
    type Receipt = FakeReceipt;

    fn push(&mut self, packet: Packet<'_>) {
        let Packet {
            topic,
            payload,
            qos,
            retain,
            dup,
        } = packet;
        self.fake.state().got.push(Got {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            qos,
            retain,
            dup,
        });
        self.open += 1;
    }

    async fn submit(&mut self) -> Option<FakeReceipt> {
        if self.open == 0 {
            return None;
        }
        loop {
            let room = self.fake.room.notified();
            if !self.fake.state().is_full {
                break;
            }
            room.await;
        }
        let mut state = self.fake.state();
        let durable = Arc::new(AtomicBool::new(state.is_instant));
        if state.is_instant {
            self.wake.notify_one();
        } else {
            state.batches.push((durable.clone(), self.wake.clone(), self.open));
            let waiting = state.batches.iter().map(|(_, _, count)| count).sum();
            state.most_waiting = state.most_waiting.max(waiting);
        }
        self.open = 0;
        Some(FakeReceipt(durable))
    }

    fn throttled_until(&self) -> Option<Instant> {
        None
    }
}

impl Intakes for FakeIntakes {
    type Intake = FakeIntake;

    fn open(&self, wake: Arc<Notify>) -> FakeIntake {
        FakeIntake {
            fake: self.clone(),
            wake,
            open: 0,
        }
    }
}

/// A packet as received: first byte and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub first: u8,
    pub body: Vec<u8>,
}

impl Frame {
    pub fn kind(&self) -> u8 {
        self.first >> 4
    }
}

pub const CONNACK: u8 = 2;
pub const PUBLISH: u8 = 3;
pub const PUBACK: u8 = 4;
pub const SUBACK: u8 = 9;
pub const PINGRESP: u8 = 13;
pub const DISCONNECT: u8 = 14;

pub trait Link: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Link for T {}

/// A client under the test's control.
pub struct Client {
    pub stream: Box<dyn Link>,
    is_v5: bool,
    buffer: Vec<u8>,
}

/// What a client connects with.
#[derive(Clone, Default)]
pub struct Hello<'a> {
    pub is_v5: bool,
    pub client_id: &'a str,
    pub keeps_session: bool,
    pub keep_alive_s: u16,
    pub login: Option<(&'a str, &'a str)>,
    pub will: Option<(&'a str, &'a str)>,
    pub receive_maximum: Option<u16>,
}

impl Client {
    pub async fn tcp(address: std::net::SocketAddr, is_v5: bool) -> Client {
        Client::on(tokio::net::TcpStream::connect(address).await.unwrap(), is_v5)
    }

    pub fn on(stream: impl Link + 'static, is_v5: bool) -> Client {
        Client {
            stream: Box::new(stream),
            is_v5,
            buffer: Vec::new(),
        }
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        soon("sending", self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next packet; None if the link was closed.
    pub async fn next(&mut self) -> Option<Frame> {
        loop {
            if let Extent::Whole { first, body, total } = extent(&self.buffer) {
                let frame = Frame {
                    first,
                    body: self.buffer[body..total].to_vec(),
                };
                self.buffer.drain(..total);
                return Some(frame);
            }
            let read = soon("a packet", self.stream.read_buf(&mut self.buffer)).await;
            if matches!(read, Ok(0) | Err(_)) {
                return None;
            }
        }
    }

    /// Sends CONNECT and returns CONNACK's (session present, code).
    pub async fn hello(&mut self, hello: Hello<'_>) -> Option<(bool, u8)> {
        self.send(&connect(&Hello {
            is_v5: self.is_v5,
            ..hello
        }))
        .await;
        let frame = self.next().await?;
        assert_eq!(frame.kind(), CONNACK);
        Some((frame.body[0] == 1, frame.body[1]))
    }

    pub async fn connected(address: std::net::SocketAddr, hello: Hello<'_>) -> Client {
        let mut client = Client::tcp(address, hello.is_v5).await;
        assert_eq!(client.hello(hello).await.map(|(_, code)| code), Some(0));
        client
    }

    pub async fn publish(&mut self, topic: &str, qos: u8, packet_id: u16, payload: &[u8]) {
        let bytes = publish(self.is_v5, topic, qos, packet_id, payload);
        self.send(&bytes).await;
    }

    pub async fn ping(&mut self) {
        self.send(&[0xc0, 0]).await;
    }

    /// Sends a ping and returns what came before its answer. Shows what was *not* sent, without waiting a fixed time.
    pub async fn before_pong(&mut self) -> Vec<Frame> {
        self.ping().await;
        let mut before = Vec::new();
        loop {
            let frame = self.next().await.expect("the link is open");
            if frame.kind() == PINGRESP {
                return before;
            }
            before.push(frame);
        }
    }

    /// Subscribes at QoS 1 and returns the answer code. What came before the SUBACK is a fault.
    pub async fn subscribe(&mut self, filter: &str) -> u8 {
        let entry = SubEntry::new(filter, SubOpts::new().set_qos(Qos::AtLeastOnce)).unwrap();
        let bytes = if self.is_v5 {
            v5_0::Subscribe::builder()
                .packet_id(77u16)
                .entries(vec![entry])
                .build()
                .unwrap()
                .to_continuous_buffer()
        } else {
            v3_1_1::Subscribe::builder()
                .packet_id(77u16)
                .entries(vec![entry])
                .build()
                .unwrap()
                .to_continuous_buffer()
        };
        self.send(&bytes).await;
        let frame = self.next().await.unwrap();
        assert_eq!(frame.kind(), SUBACK);
        *frame.body.last().unwrap()
    }

    /// The next PUBLISH as (first byte, topic, packet id, payload) of QoS 1, acknowledged if wanted.
    pub async fn delivered(&mut self, acknowledge: bool) -> (u8, String, u16, String) {
        let frame = self.next().await.expect("the link is open");
        assert_eq!(frame.kind(), PUBLISH, "{frame:?}");
        let length = usize::from(u16::from_be_bytes([frame.body[0], frame.body[1]]));
        let topic = String::from_utf8(frame.body[2..2 + length].to_vec()).unwrap();
        let rest = &frame.body[2 + length..];
        let packet_id = u16::from_be_bytes([rest[0], rest[1]]);
        let payload = &rest[2 + usize::from(self.is_v5)..];
        if acknowledge {
            self.send(&[0x40, 2, rest[0], rest[1]]).await;
        }
        (
            frame.first,
            topic,
            packet_id,
            String::from_utf8(payload.to_vec()).unwrap(),
        )
    }

    /// True once the server has closed the link; what comes before is thrown away.
    pub async fn is_closed(&mut self) -> bool {
        while self.next().await.is_some() {}
        true
    }
}

pub fn connect(hello: &Hello<'_>) -> Vec<u8> {
    if hello.is_v5 {
        let mut properties: Vec<Property> = Vec::new();
        if hello.keeps_session {
            properties.push(
                mqtt_protocol_core::mqtt::packet::SessionExpiryInterval::new(3600)
                    .unwrap()
                    .into(),
            );
        }
        if let Some(maximum) = hello.receive_maximum {
            properties.push(
                mqtt_protocol_core::mqtt::packet::ReceiveMaximum::new(maximum)
                    .unwrap()
                    .into(),
            );
        }
        let mut builder = v5_0::Connect::builder().client_id(hello.client_id).unwrap();
        builder = builder
            .clean_start(!hello.keeps_session)
            .keep_alive(hello.keep_alive_s)
            .props(properties);
        if let Some((user, password)) = hello.login {
            builder = builder
                .user_name(user)
                .unwrap()
                .password(password.as_bytes().to_vec())
                .unwrap();
        }
        if let Some((topic, payload)) = hello.will {
            builder = builder
                .will_message(topic, payload.as_bytes().to_vec(), Qos::AtLeastOnce, true)
                .unwrap();
        }
        return builder.build().unwrap().to_continuous_buffer();
    }
    let mut builder = v3_1_1::Connect::builder().client_id(hello.client_id).unwrap();
    builder = builder
        .clean_session(!hello.keeps_session)
        .keep_alive(hello.keep_alive_s);
    if let Some((user, password)) = hello.login {
        builder = builder
            .user_name(user)
            .unwrap()
            .password(password.as_bytes().to_vec())
            .unwrap();
    }
    if let Some((topic, payload)) = hello.will {
        builder = builder
            .will_message(topic, payload.as_bytes().to_vec(), Qos::AtLeastOnce, true)
            .unwrap();
    }
    builder.build().unwrap().to_continuous_buffer()
}

/// A PUBLISH by hand, since the crate's builder refuses what some tests send.
pub fn publish(is_v5: bool, topic: &str, qos: u8, packet_id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend((topic.len() as u16).to_be_bytes());
    body.extend(topic.as_bytes());
    if qos > 0 {
        body.extend(packet_id.to_be_bytes());
    }
    if is_v5 {
        body.push(0);
    }
    body.extend(payload);
    let mut bytes = vec![0x30 | qos << 1];
    let mut length = body.len();
    loop {
        let byte = (length % 128) as u8;
        length /= 128;
        bytes.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}
