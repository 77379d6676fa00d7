//! From packets to batches: topic to device, payload to samples, each to its shard. What cannot be read goes to quarantine.

pub mod directory;

use crate::clock::Clock;
use crate::intake::{Intake, Intakes, Packet};
use crate::ledger::Ledger;
use crate::pipeline::batch::{Batch, BatchReceipt, Item, TelemetryItem, WaveformItem};
use crate::pipeline::shard::{ToShard, shard_of};
use crate::store::rows::QuarantineRow;
use directory::{Directory, MetricCache, NewMetrics};
use domain::wire::{Channel, Rejection, TelemetryParser, parse_event, parse_status, parse_topic, parse_waveform};
use domain::{DeviceIndex, Millis, Quality, Sample, SensorName, Sequence, Timestamp};
use serde::Deserialize;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// Most topics remembered for a connection.
const MOST_ROUTES: usize = 200_000;
/// Most bytes of a topic kept in quarantine.
const MOST_TOPIC_BYTES: usize = 1_024;

/// How messages are taken in.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IngestConfig {
    /// Threads that judge readings; 0: one for each processor.
    pub shards: usize,
    /// How far a device's clock may run ahead of ours.
    pub future_tolerance_ms: i64,
    /// How far behind the newest a reading may come and still count as merely out of order.
    pub reorder_window_ms: i64,
    /// Messages a second that a device may send for long; 0: no limit. A device beyond it is read more slowly, nothing is lost.
    pub messages_per_second: f64,
    /// Messages that a device may send at once.
    pub burst: f64,
    /// Packets kept in quarantine; beyond it the oldest make room.
    pub quarantine_packets: u64,
    /// Bytes kept of a packet in quarantine.
    pub quarantine_bytes: usize,
    /// Raw waveforms kept for each sensor.
    pub waveforms_per_sensor: u32,
}

impl Default for IngestConfig {
    fn default() -> Self {
        IngestConfig {
            shards: 0,
            future_tolerance_ms: 600_000,
            reorder_window_ms: 60_000,
            messages_per_second: 5_000.0,
            burst: 20_000.0,
            quarantine_packets: 10_000,
            quarantine_bytes: 65_536,
            waveforms_per_sensor: 100,
        }
    }
}

/// What all connections share.
#[derive(Debug)]
pub struct Ingest {
    /// How messages are taken in.
    pub config: IngestConfig,
    /// Names.
    pub directory: Arc<Directory>,
    /// What became of each message.
    pub ledger: Arc<Ledger>,
    /// Our time.
    pub clock: Clock,
    /// The shards' inboxes.
    pub shards: Vec<mpsc::Sender<ToShard>>,
}

/// Makes an intake for each connection.
#[derive(Debug, Clone)]
pub struct IngestIntakes(pub Arc<Ingest>);

impl Intakes for IngestIntakes {
    type Intake = ConnectionIntake;

    fn open(&self, wake: Arc<Notify>) -> ConnectionIntake {
        ConnectionIntake::new(self.0.clone(), wake)
    }
}

/// The intake of one connection: caches, and the open batch.
#[derive(Debug)]
pub struct ConnectionIntake {
    shared: Arc<Ingest>,
    wake: Arc<Notify>,
    parser: TelemetryParser,
    metrics: MetricCache,
    routes: HashMap<Box<str>, Route, foldhash::fast::RandomState>,
    open: Vec<OpenBatch>,
    received_at: Option<Timestamp>,
    batch_began: Instant,
    messages: u64,
    sending: VecDeque<(usize, Batch)>,
    throttled_until: Option<Instant>,
}

#[derive(Debug)]
struct Route {
    device: DeviceIndex,
    to: RouteTo,
    allowance: Allowance,
}

#[derive(Debug, Clone)]
enum RouteTo {
    Telemetry,
    Waveform(SensorName),
    Event,
    Status,
}

#[derive(Debug, Default)]
struct OpenBatch {
    items: Vec<Item>,
    samples: Vec<Sample>,
}

/// A token bucket: how many messages a device may send now.
#[derive(Debug)]
struct Allowance {
    tokens: f64,
    at: Instant,
}

impl Allowance {
    /// Takes one message at `now`; returns how long to wait when there was none left.
    fn take(&mut self, now: Instant, config: &IngestConfig) -> Option<Duration> {
        let per_second = config.messages_per_second;
        if per_second <= 0.0 {
            return None;
        }
        self.tokens = (self.tokens + now.duration_since(self.at).as_secs_f64() * per_second).min(config.burst);
        self.at = now;
        self.tokens -= 1.0;
        (self.tokens < 0.0).then(|| Duration::from_secs_f64(-self.tokens / per_second))
    }
}

impl ConnectionIntake {
    fn new(shared: Arc<Ingest>, wake: Arc<Notify>) -> Self {
        let open = shared.shards.iter().map(|_| OpenBatch::default()).collect();
        ConnectionIntake {
            metrics: MetricCache::new(shared.directory.clone()),
            shared,
            wake,
            parser: TelemetryParser::default(),
            routes: HashMap::default(),
            batch_began: Instant::now(),
            open,
            received_at: None,
            messages: 0,
            sending: VecDeque::new(),
            throttled_until: None,
        }
    }

    fn take(&mut self, packet: Packet<'_>, now: Timestamp) -> Result<(), Rejection> {
        let (device, to) = match self.routes.get_mut(packet.topic) {
            Some(route) => {
                if let Some(wait) = route.allowance.take(self.batch_began, &self.shared.config) {
                    self.throttled_until = Some(self.batch_began + wait);
                }
                (route.device, route.to.clone())
            }
            None => {
                let route = self.new_route(packet.topic, now)?;
                let known = (route.device, route.to.clone());
                if self.routes.len() >= MOST_ROUTES {
                    self.routes.clear();
                }
                self.routes.insert(packet.topic.into(), route);
                known
            }
        };
        match to {
            RouteTo::Telemetry => self.telemetry(device, packet.payload, now),
            RouteTo::Waveform(sensor) => self.waveform(device, sensor, packet.payload, now),
            RouteTo::Event => {
                let event = parse_event(packet.payload)?;
                self.check_future(event.ts, now)?;
                self.put(device, Item::Event(Box::new((device, event))));
                Ok(())
            }
            RouteTo::Status => {
                let status = parse_status(packet.payload)?;
                self.put(device, Item::Status(device, status.state));
                Ok(())
            }
        }
    }

    /// Whether a packet would be understood now; nothing is taken in.
    ///
    /// # Errors
    /// Why not.
    pub fn would_take(&mut self, packet: Packet<'_>) -> Result<(), Rejection> {
        let now = self.shared.clock.now();
        let topic = parse_topic(packet.topic)?;
        match topic.channel {
            Channel::Telemetry => drop(self.read_telemetry(packet.payload, now)?),
            Channel::Waveform(_) => self.check_future(parse_waveform(packet.payload)?.measured_at, now)?,
            Channel::Event => self.check_future(parse_event(packet.payload)?.ts, now)?,
            Channel::Status => drop(parse_status(packet.payload)?),
        }
        // last, because it takes a new device in
        self.shared.directory.device_or_register(&topic.device, now).map(drop)
    }

    fn new_route(&self, topic: &str, now: Timestamp) -> Result<Route, Rejection> {
        let topic = parse_topic(topic)?;
        let device = self.shared.directory.device_or_register(&topic.device, now)?;
        let to = match topic.channel {
            Channel::Telemetry => RouteTo::Telemetry,
            Channel::Waveform(sensor) => RouteTo::Waveform(sensor),
            Channel::Event => RouteTo::Event,
            Channel::Status => RouteTo::Status,
        };
        Ok(Route {
            device,
            to,
            allowance: Allowance {
                tokens: self.shared.config.burst,
                at: self.batch_began,
            },
        })
    }

    fn check_future(&self, measured_at: Option<Timestamp>, now: Timestamp) -> Result<(), Rejection> {
        let limit = Millis(self.shared.config.future_tolerance_ms);
        match measured_at {
            Some(at) if at > now + limit => Err(Rejection::Future {
                ts: at.0,
                ahead_ms: (at - now).0,
                limit_ms: limit.0,
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Reads a payload into the parser; names that are new enter the directory if all of it is sound.
    fn read_telemetry(&mut self, payload: &[u8], now: Timestamp) -> Result<NewMetrics, Rejection> {
        let metrics = &mut self.metrics;
        let parsed = self
            .parser
            .parse(payload, &mut |name, position| metrics.resolve(name, position));
        let heads = self.parser.heads().iter();
        let ahead = || {
            heads
                .map(|h| self.check_future(h.measured_at, now))
                .find_map(Result::err)
        };
        match parsed.err().or_else(ahead) {
            Some(rejection) => {
                self.metrics.forget_new();
                Err(rejection)
            }
            None => self.metrics.admit_new(),
        }
    }

    fn telemetry(&mut self, device: DeviceIndex, payload: &[u8], now: Timestamp) -> Result<(), Rejection> {
        let new_metrics = self.read_telemetry(payload, now)?;
        let shard = shard_of(device, self.open.len());
        let open = &mut self.open[shard];
        for head in self.parser.heads() {
            let start = open.samples.len() as u32;
            open.samples.extend_from_slice(self.parser.samples(head));
            new_metrics.settle(&mut open.samples[start as usize..]);
            let (measured_at, quality) = match head.measured_at {
                Some(at) => (at, Quality::Good),
                None => (now, Quality::Uncertain),
            };
            open.items.push(Item::Telemetry(TelemetryItem {
                device,
                measured_at,
                quality,
                sequence: head.seq.map(|number| Sequence {
                    boot: head.boot,
                    number,
                }),
                samples: start..open.samples.len() as u32,
            }));
        }
        self.messages += self.parser.heads().len() as u64;
        Ok(())
    }

    fn waveform(
        &mut self,
        device: DeviceIndex,
        sensor: SensorName,
        payload: &[u8],
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let waveform = parse_waveform(payload)?;
        self.check_future(waveform.measured_at, now)?;
        let measured_at = waveform.measured_at.unwrap_or(now);
        let item = WaveformItem {
            device,
            sensor,
            measured_at,
            waveform,
            payload: payload.to_vec(),
        };
        self.put(device, Item::Waveform(Box::new(item)));
        Ok(())
    }

    fn put(&mut self, device: DeviceIndex, item: Item) {
        let shard = shard_of(device, self.open.len());
        self.open[shard].items.push(item);
        self.messages += 1;
    }

    /// Hands batches to their shards. May be dropped half-way: what was not sent goes with the next call.
    async fn send(&mut self) {
        while let Some((shard, _)) = self.sending.front() {
            let Ok(permit) = self.shared.shards[*shard].reserve().await else {
                // the pipeline has stopped: the receipts never come, so nothing is acknowledged
                return;
            };
            if let Some((_, batch)) = self.sending.pop_front() {
                permit.send(ToShard::Batch(Box::new(batch)));
            }
        }
    }

    fn quarantine(&mut self, packet: Packet<'_>, rejection: &Rejection, now: Timestamp) {
        tracing::debug!(topic = packet.topic, reason = rejection.reason(), "packet quarantined");
        let limit = self.shared.config.quarantine_bytes;
        let row = QuarantineRow {
            id: 0,
            received_at: now,
            topic: packet.topic.chars().take(MOST_TOPIC_BYTES / 4).collect(),
            payload: packet.payload[..packet.payload.len().min(limit)].to_vec(),
            is_cut: packet.payload.len() > limit || packet.topic.chars().count() > MOST_TOPIC_BYTES / 4,
            reason: rejection.reason().to_owned(),
            detail: rejection.to_string(),
        };
        self.put(DeviceIndex(0), Item::Quarantine(Box::new((row, rejection.reason()))));
    }
}

impl Drop for ConnectionIntake {
    /// What was never handed on was never acknowledged: its sender will send it again.
    fn drop(&mut self) {
        let unsent: usize = self.sending.iter().map(|(_, batch)| batch.items.len()).sum();
        self.shared.ledger.drop_spooled(unsent as u64, "connection_lost");
    }
}

impl Intake for ConnectionIntake {
    type Receipt = Arc<BatchReceipt>;

    fn push(&mut self, packet: Packet<'_>) {
        let now = match self.received_at {
            Some(now) => now,
            None => {
                self.batch_began = Instant::now();
                *self.received_at.insert(self.shared.clock.now())
            }
        };
        if let Err(rejection) = self.take(packet, now) {
            self.quarantine(packet, &rejection, now);
        }
    }

    async fn submit(&mut self) -> Option<Arc<BatchReceipt>> {
        let received_at = self.received_at.take()?;
        self.shared.ledger.receive(std::mem::take(&mut self.messages));
        let parts = self.open.iter().filter(|o| !o.items.is_empty()).count() as u32;
        let receipt = BatchReceipt::new(parts, self.wake.clone());
        for (shard, open) in self.open.iter_mut().enumerate().filter(|(_, o)| !o.items.is_empty()) {
            let OpenBatch { items, samples } = std::mem::take(open);
            // the next read is likely as large as this one
            *open = OpenBatch {
                items: Vec::with_capacity(items.len()),
                samples: Vec::with_capacity(samples.len()),
            };
            self.sending.push_back((
                shard,
                Batch {
                    received_at,
                    items,
                    samples,
                    receipt: receipt.clone(),
                },
            ));
        }
        self.send().await;
        Some(receipt)
    }

    fn throttled_until(&self) -> Option<tokio::time::Instant> {
        self.throttled_until
            .filter(|until| *until > Instant::now())
            .map(tokio::time::Instant::from_std)
    }
}
