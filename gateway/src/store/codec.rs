//! The bytes of a journal entry. Pure: no file, no clock.
//!
//! An entry is a sequence of records. A telemetry record repeats the metrics of the record before it unless it says
//! otherwise, so that a steady stream costs eight bytes a sample and a few for the rest. The first byte is the version;
//! the last four are the CRC-32 of all before them.

use domain::wire::{Connectivity, EventState};
use domain::{Boot, DeviceIndex, MetricIndex, Quality, Sample, Sequence, Timestamp};
use models::learned::prior::Prior;

/// Version of the format, the first byte of an entry.
const VERSION: u8 = 1;

const KIND_MASK: u8 = 0b0000_0111;
const KIND_TELEMETRY: u8 = 0;
const KIND_EVENT: u8 = 1;
const KIND_STATUS: u8 = 2;
const KIND_REPAIRED: u8 = 3;
const KIND_MODEL: u8 = 4;
const KIND_PRIOR: u8 = 6;
const MODEL_IN_FORCE: u8 = 0;
const MODEL_SHADOW_BEGINS: u8 = 1;
const MODEL_SHADOW_ENDS: u8 = 2;
const KIND_DIAGNOSED: u8 = 5;
const FLAG_SAME_METRICS: u8 = 1 << 3;
const FLAG_LATE: u8 = 1 << 4;
const FLAG_UNCERTAIN: u8 = 1 << 5;
const FLAG_SEQUENCE: u8 = 1 << 6;
const FLAG_BAD: u8 = 1 << 7;

/// Why an entry cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The checksum does not fit.
    #[error("journal entry is damaged: checksum {found:08x}, expected {expected:08x}")]
    Checksum {
        /// What the bytes give.
        found: u32,
        /// What the entry says.
        expected: u32,
    },
    /// Written by another version.
    #[error("journal entry has version {0}, this program reads version {VERSION}")]
    Version(u8),
    /// Ends too early, or says what cannot be.
    #[error("journal entry makes no sense at byte {0}")]
    Malformed(usize),
}

/// A telemetry message to be written.
#[derive(Debug, Clone, Copy)]
pub struct Telemetry<'a> {
    /// Who.
    pub device: DeviceIndex,
    /// Device time.
    pub measured_at: Timestamp,
    /// Our time.
    pub received_at: Timestamp,
    /// Older than the reorder window.
    pub is_late: bool,
    /// Whether it may be believed.
    pub quality: Quality,
    /// The device's count.
    pub sequence: Option<Sequence>,
    /// What was measured.
    pub samples: &'a [Sample],
    /// What our models derived from it.
    pub derived: &'a [Sample],
}

impl Telemetry<'_> {
    fn all(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter().chain(self.derived)
    }
}

/// One record of an entry.
#[derive(Debug, Clone, PartialEq)]
pub enum Record<'a> {
    /// A telemetry message; its samples are lent by the reader.
    Telemetry {
        /// Who.
        device: DeviceIndex,
        /// Device time.
        measured_at: Timestamp,
        /// Our time.
        received_at: Timestamp,
        /// Older than the reorder window.
        is_late: bool,
        /// Whether it may be believed.
        quality: Quality,
        /// The device's count.
        sequence: Option<Sequence>,
        /// Measured samples, then derived ones.
        samples: &'a [Sample],
        /// How many of the samples, at the end, were derived.
        derived: usize,
    },
    /// A fault code.
    Event {
        /// Who.
        device: DeviceIndex,
        /// When.
        measured_at: Timestamp,
        /// Raised or cleared.
        state: EventState,
        /// The code.
        code: &'a str,
        /// The device's words.
        text: &'a str,
    },
    /// There or gone.
    Status {
        /// Who.
        device: DeviceIndex,
        /// Our time.
        received_at: Timestamp,
        /// There or gone.
        state: Connectivity,
    },
    /// A repair was recorded: what was learned before it is void.
    Repaired {
        /// Who.
        device: DeviceIndex,
        /// Our time.
        at: Timestamp,
        /// The failure mode that was repaired.
        failure_mode: &'a str,
    },
    /// Another model judges the device from here on, or watches it beside the one that judges.
    Model {
        /// Who.
        device: DeviceIndex,
        /// Which, and as what.
        change: ModelChange<'a>,
    },
    /// The alarm of a followed sensor was diagnosed. The waveform is not in the journal, so its verdict must be.
    Diagnosed {
        /// Who.
        device: DeviceIndex,
        /// Device time of the last snapshot.
        measured_at: Timestamp,
        /// The sensor.
        sensor: &'a str,
        /// What was named, as JSON.
        finding: &'a str,
    },
    /// What the fleet knew of a metric when the device came.
    Prior {
        /// Who.
        device: DeviceIndex,
        /// Which metric.
        metric: MetricIndex,
        /// What.
        prior: Prior,
    },
}

/// What models do with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelChange<'a> {
    /// This version judges.
    InForce(&'a str),
    /// This version begins to run beside.
    ShadowBegins(&'a str),
    /// None runs beside any more.
    ShadowEnds,
}

impl Record<'_> {
    /// Whom it is about.
    pub fn device(&self) -> DeviceIndex {
        match self {
            Record::Telemetry { device, .. }
            | Record::Event { device, .. }
            | Record::Status { device, .. }
            | Record::Repaired { device, .. }
            | Record::Model { device, .. }
            | Record::Diagnosed { device, .. }
            | Record::Prior { device, .. } => *device,
        }
    }
}

/// Writes records into an entry. Each shard writes a block; blocks are joined by [`seal`].
#[derive(Debug, Default)]
pub struct BlockWriter {
    bytes: Vec<u8>,
    metrics: Vec<MetricIndex>,
    last_measured: i64,
    last_received: i64,
}

impl BlockWriter {
    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes written.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Ends the block and begins the next.
    pub fn take(&mut self) -> Vec<u8> {
        self.metrics.clear();
        self.last_measured = 0;
        self.last_received = 0;
        let capacity = self.bytes.len();
        std::mem::replace(&mut self.bytes, Vec::with_capacity(capacity))
    }

    /// Adds a telemetry message.
    pub fn telemetry(&mut self, message: &Telemetry<'_>) {
        let count = message.samples.len() + message.derived.len();
        let is_same =
            self.metrics.len() == count && self.metrics.iter().zip(message.all()).all(|(m, s)| *m == s.metric);
        let mut flags = KIND_TELEMETRY;
        flags |= if is_same { FLAG_SAME_METRICS } else { 0 };
        flags |= if message.is_late { FLAG_LATE } else { 0 };
        flags |= match message.quality {
            Quality::Good => 0,
            Quality::Uncertain => FLAG_UNCERTAIN,
            Quality::Bad => FLAG_BAD,
        };
        flags |= if message.sequence.is_some() { FLAG_SEQUENCE } else { 0 };
        self.bytes.push(flags);
        self.varint(u64::from(message.device.0));
        self.times(message.measured_at, message.received_at);
        if let Some(sequence) = message.sequence {
            self.varint(sequence.number);
            self.bytes.extend_from_slice(&sequence.boot.0.to_le_bytes());
        }
        self.varint(message.derived.len() as u64);
        if !is_same {
            self.varint(count as u64);
            self.metrics.clear();
            for sample in message.all() {
                self.varint(u64::from(sample.metric.0));
                self.metrics.push(sample.metric);
            }
        }
        for sample in message.all() {
            self.bytes.extend_from_slice(&sample.value.to_le_bytes());
        }
    }

    /// Adds a fault code.
    pub fn event(&mut self, device: DeviceIndex, measured_at: Timestamp, state: EventState, code: &str, text: &str) {
        let raised = match state {
            EventState::Raised => 1,
            EventState::Cleared => 0,
        };
        self.bytes.push(KIND_EVENT);
        self.varint(u64::from(device.0));
        self.times(measured_at, measured_at);
        self.bytes.push(raised);
        self.text(code);
        self.text(text);
    }

    /// Adds a status.
    pub fn status(&mut self, device: DeviceIndex, received_at: Timestamp, state: Connectivity) {
        let online = match state {
            Connectivity::Online => 1,
            Connectivity::Offline => 0,
        };
        self.bytes.push(KIND_STATUS);
        self.varint(u64::from(device.0));
        self.times(received_at, received_at);
        self.bytes.push(online);
    }

    /// Adds a repair.
    pub fn repaired(&mut self, device: DeviceIndex, at: Timestamp, failure_mode: &str) {
        self.bytes.push(KIND_REPAIRED);
        self.varint(u64::from(device.0));
        self.times(at, at);
        self.text(failure_mode);
    }

    /// Adds a change of model.
    pub fn model(&mut self, device: DeviceIndex, change: ModelChange<'_>) {
        let (role, version) = match change {
            ModelChange::InForce(version) => (MODEL_IN_FORCE, version),
            ModelChange::ShadowBegins(version) => (MODEL_SHADOW_BEGINS, version),
            ModelChange::ShadowEnds => (MODEL_SHADOW_ENDS, ""),
        };
        self.bytes.push(KIND_MODEL);
        self.varint(u64::from(device.0));
        // it has no time of its own
        self.times(Timestamp(self.last_measured), Timestamp(self.last_received));
        self.bytes.push(role);
        self.text(version);
    }

    /// Adds the diagnosis of an alarm.
    pub fn diagnosed(&mut self, device: DeviceIndex, measured_at: Timestamp, sensor: &str, finding: &str) {
        self.bytes.push(KIND_DIAGNOSED);
        self.varint(u64::from(device.0));
        self.times(measured_at, measured_at);
        self.text(sensor);
        self.text(finding);
    }

    /// Adds what the fleet knows of a metric.
    pub fn prior(&mut self, device: DeviceIndex, metric: MetricIndex, prior: &Prior) {
        self.bytes.push(KIND_PRIOR);
        self.varint(u64::from(device.0));
        // it has no time of its own
        self.times(Timestamp(self.last_measured), Timestamp(self.last_received));
        self.varint(u64::from(metric.0));
        for number in [prior.level, prior.spread, prior.width] {
            self.bytes.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn times(&mut self, measured_at: Timestamp, received_at: Timestamp) {
        self.varint(zigzag(measured_at.0.wrapping_sub(self.last_measured)));
        self.varint(zigzag(received_at.0.wrapping_sub(self.last_received)));
        self.last_measured = measured_at.0;
        self.last_received = received_at.0;
    }

    fn text(&mut self, text: &str) {
        self.varint(text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Joins blocks into an entry with version, lengths and checksum.
pub fn seal<'a>(blocks: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut entry = vec![VERSION];
    for block in blocks.into_iter().filter(|b| !b.is_empty()) {
        entry.extend_from_slice(&(block.len() as u32).to_le_bytes());
        entry.extend_from_slice(block);
    }
    let checksum = crc32fast::hash(&entry);
    entry.extend_from_slice(&checksum.to_le_bytes());
    entry
}

/// Reads the records of an entry one after the other.
#[derive(Debug)]
pub struct EntryReader<'a> {
    bytes: &'a [u8],
    at: usize,
    block_end: usize,
    samples: Vec<Sample>,
    last_measured: i64,
    last_received: i64,
}

impl<'a> EntryReader<'a> {
    /// Checks version and checksum.
    pub fn new(entry: &'a [u8]) -> Result<Self, CodecError> {
        let Some((body, checksum)) = entry.split_last_chunk::<4>() else {
            return Err(CodecError::Malformed(0));
        };
        let (found, expected) = (crc32fast::hash(body), u32::from_le_bytes(*checksum));
        if found != expected {
            return Err(CodecError::Checksum { found, expected });
        }
        match body.first() {
            Some(&VERSION) => Ok(EntryReader {
                bytes: body,
                at: 1,
                block_end: 1,
                samples: Vec::new(),
                last_measured: 0,
                last_received: 0,
            }),
            Some(version) => Err(CodecError::Version(*version)),
            None => Err(CodecError::Malformed(0)),
        }
    }

    /// The next record; none at the end.
    #[allow(clippy::should_implement_trait)] // a lending iterator
    pub fn next(&mut self) -> Result<Option<Record<'_>>, CodecError> {
        if self.at == self.block_end {
            if self.at == self.bytes.len() {
                return Ok(None);
            }
            let length = u32::from_le_bytes(self.take::<4>()?) as usize;
            self.block_end = self.at + length;
            if length == 0 || self.block_end > self.bytes.len() {
                return Err(CodecError::Malformed(self.at));
            }
            self.samples.clear();
            (self.last_measured, self.last_received) = (0, 0);
        }
        let [flags] = self.take::<1>()?;
        let device = DeviceIndex(self.varint()? as u32);
        let measured_at = Timestamp(self.last_measured.wrapping_add(unzigzag(self.varint()?)));
        let received_at = Timestamp(self.last_received.wrapping_add(unzigzag(self.varint()?)));
        (self.last_measured, self.last_received) = (measured_at.0, received_at.0);
        match flags & KIND_MASK {
            KIND_TELEMETRY => self.telemetry(flags, device, measured_at, received_at).map(Some),
            KIND_EVENT => {
                let state = if self.take::<1>()? == [1] {
                    EventState::Raised
                } else {
                    EventState::Cleared
                };
                let code = self.text()?;
                let text = self.text()?;
                Ok(Some(Record::Event {
                    device,
                    measured_at,
                    state,
                    code,
                    text,
                }))
            }
            KIND_STATUS => {
                let state = if self.take::<1>()? == [1] {
                    Connectivity::Online
                } else {
                    Connectivity::Offline
                };
                Ok(Some(Record::Status {
                    device,
                    received_at,
                    state,
                }))
            }
            KIND_REPAIRED => Ok(Some(Record::Repaired {
                device,
                at: received_at,
                failure_mode: self.text()?,
            })),
            KIND_MODEL => {
                let [role] = self.take::<1>()?;
                let version = self.text()?;
                let change = match role {
                    MODEL_IN_FORCE => ModelChange::InForce(version),
                    MODEL_SHADOW_BEGINS => ModelChange::ShadowBegins(version),
                    MODEL_SHADOW_ENDS => ModelChange::ShadowEnds,
                    _ => return Err(CodecError::Malformed(self.at)),
                };
                Ok(Some(Record::Model { device, change }))
            }
            KIND_DIAGNOSED => {
                let sensor = self.text()?;
                let finding = self.text()?;
                Ok(Some(Record::Diagnosed {
                    device,
                    measured_at,
                    sensor,
                    finding,
                }))
            }
            KIND_PRIOR => {
                let metric = u32::try_from(self.varint()?).map_err(|_| CodecError::Malformed(self.at))?;
                let mut number = || Ok::<f64, CodecError>(f64::from_le_bytes(self.take::<8>()?));
                let (level, spread, width) = (number()?, number()?, number()?);
                Ok(Some(Record::Prior {
                    device,
                    metric: MetricIndex(metric),
                    prior: Prior { level, spread, width },
                }))
            }
            _ => Err(CodecError::Malformed(self.at)),
        }
    }

    fn telemetry(
        &mut self,
        flags: u8,
        device: DeviceIndex,
        measured_at: Timestamp,
        received_at: Timestamp,
    ) -> Result<Record<'_>, CodecError> {
        let sequence = if flags & FLAG_SEQUENCE != 0 {
            let number = self.varint()?;
            Some(Sequence {
                number,
                boot: Boot(u64::from_le_bytes(self.take::<8>()?)),
            })
        } else {
            None
        };
        let derived = self.varint()? as usize;
        if flags & FLAG_SAME_METRICS == 0 {
            let count = self.varint()? as usize;
            if count > self.block_end - self.at {
                return Err(CodecError::Malformed(self.at));
            }
            self.samples.clear();
            for _ in 0..count {
                let metric = MetricIndex(self.varint()? as u32);
                self.samples.push(Sample { metric, value: 0.0 });
            }
        }
        for i in 0..self.samples.len() {
            self.samples[i].value = f64::from_le_bytes(self.take::<8>()?);
        }
        if derived > self.samples.len() {
            return Err(CodecError::Malformed(self.at));
        }
        let quality = match (flags & FLAG_BAD != 0, flags & FLAG_UNCERTAIN != 0) {
            (true, _) => Quality::Bad,
            (false, true) => Quality::Uncertain,
            (false, false) => Quality::Good,
        };
        let is_late = flags & FLAG_LATE != 0;
        Ok(Record::Telemetry {
            device,
            measured_at,
            received_at,
            is_late,
            quality,
            sequence,
            samples: &self.samples,
            derived,
        })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        let found = self
            .bytes
            .get(self.at..self.at + N)
            .and_then(|b| <[u8; N]>::try_from(b).ok());
        self.at += N;
        found.ok_or(CodecError::Malformed(self.at))
    }

    fn text(&mut self) -> Result<&'a str, CodecError> {
        let length = self.varint()? as usize;
        let text = self
            .bytes
            .get(self.at..self.at.saturating_add(length))
            .and_then(|b| std::str::from_utf8(b).ok());
        self.at = self.at.saturating_add(length);
        text.ok_or(CodecError::Malformed(self.at))
    }

    fn varint(&mut self) -> Result<u64, CodecError> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take::<1>()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError::Malformed(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    struct Owned {
        device: u32,
        measured_at: i64,
        received_at: i64,
        is_late: bool,
        sequence: Option<(u64, u64)>,
        samples: Vec<(u32, u64)>,
    }

    fn owned() -> impl Strategy<Value = Owned> {
        let samples = proptest::collection::vec((0u32..300, any::<u64>()), 1..6);
        (
            any::<u32>(),
            any::<i64>(),
            any::<i64>(),
            any::<bool>(),
            any::<Option<(u64, u64)>>(),
            samples,
        )
            .prop_map(|(device, measured_at, received_at, is_late, sequence, samples)| Owned {
                device,
                measured_at,
                received_at,
                is_late,
                sequence,
                samples,
            })
    }

    fn write(writer: &mut BlockWriter, m: &Owned) {
        let samples: Vec<Sample> = m
            .samples
            .iter()
            .map(|(metric, bits)| Sample {
                metric: MetricIndex(*metric),
                value: f64::from_bits(*bits),
            })
            .collect();
        writer.telemetry(&Telemetry {
            device: DeviceIndex(m.device),
            measured_at: Timestamp(m.measured_at),
            received_at: Timestamp(m.received_at),
            is_late: m.is_late,
            quality: Quality::Uncertain,
            sequence: m.sequence.map(|(number, boot)| Sequence {
                number,
                boot: Boot(boot),
            }),
            samples: &samples[..samples.len() - 1],
            derived: &samples[samples.len() - 1..],
        });
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(blocks in proptest::collection::vec(proptest::collection::vec(owned(), 0..8), 1..4)) {
            let mut writer = BlockWriter::default();
            let written: Vec<Vec<u8>> = blocks.iter().map(|block| { block.iter().for_each(|m| write(&mut writer, m)); writer.take() }).collect();
            let entry = seal(written.iter().map(Vec::as_slice));
            let mut reader = EntryReader::new(&entry).expect("sound");
            for m in blocks.iter().flatten() {
                let Some(Record::Telemetry { device, measured_at, received_at, is_late, quality, sequence, samples, derived }) = reader.next().expect("sound") else { panic!("one more") };
                prop_assert_eq!((device.0, measured_at.0, received_at.0, is_late, quality, derived), (m.device, m.measured_at, m.received_at, m.is_late, Quality::Uncertain, 1));
                prop_assert_eq!(sequence.map(|s| (s.number, s.boot.0)), m.sequence);
                prop_assert_eq!(samples.iter().map(|s| (s.metric.0, s.value.to_bits())).collect::<Vec<_>>(), m.samples.clone());
            }
            prop_assert!(reader.next().expect("sound").is_none());
        }

        #[test]
        fn one_flipped_bit_is_found(message in owned(), at in any::<proptest::sample::Index>(), bit in 0u8..8) {
            let mut writer = BlockWriter::default();
            write(&mut writer, &message);
            let mut entry = seal([writer.take().as_slice()]);
            let place = at.index(entry.len());
            entry[place] ^= 1 << bit;
            prop_assert!(EntryReader::new(&entry).is_err());
        }

        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..100)) {
            let mut entry = vec![VERSION];
            entry.extend_from_slice(&body);
            entry.extend_from_slice(&crc32fast::hash(&entry).to_le_bytes());
            let mut reader = EntryReader::new(&entry).expect("checksum fits");
            while let Ok(Some(_)) = reader.next() {}
        }
    }

    #[test]
    fn events_statuses_and_diagnoses_stand_between_readings() {
        let mut writer = BlockWriter::default();
        writer.event(DeviceIndex(3), Timestamp(1_000), EventState::Raised, "E47", "door");
        writer.model(DeviceIndex(3), ModelChange::InForce("pump@2-1f0c9a77"));
        let prior = Prior {
            level: 50.0,
            spread: 0.5,
            width: 2.0,
        };
        writer.prior(DeviceIndex(3), MetricIndex(300), &prior);
        writer.status(DeviceIndex(3), Timestamp(2_000), Connectivity::Offline);
        writer.diagnosed(DeviceIndex(4), Timestamp(3_000), "bearing", "{}");
        let entry = seal([writer.take().as_slice()]);
        let mut reader = EntryReader::new(&entry).expect("sound");
        let event = Record::Event {
            device: DeviceIndex(3),
            measured_at: Timestamp(1_000),
            state: EventState::Raised,
            code: "E47",
            text: "door",
        };
        assert_eq!(reader.next().expect("sound"), Some(event));
        let model = Record::Model {
            device: DeviceIndex(3),
            change: ModelChange::InForce("pump@2-1f0c9a77"),
        };
        assert_eq!(reader.next().expect("sound"), Some(model));
        let known = Record::Prior {
            device: DeviceIndex(3),
            metric: MetricIndex(300),
            prior,
        };
        assert_eq!(reader.next().expect("sound"), Some(known));
        let status = Record::Status {
            device: DeviceIndex(3),
            received_at: Timestamp(2_000),
            state: Connectivity::Offline,
        };
        assert_eq!(reader.next().expect("sound"), Some(status));
        let diagnosed = Record::Diagnosed {
            device: DeviceIndex(4),
            measured_at: Timestamp(3_000),
            sensor: "bearing",
            finding: "{}",
        };
        assert_eq!(reader.next().expect("sound"), Some(diagnosed));
    }
}
