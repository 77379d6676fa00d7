//! What travels from a connection to a shard, and from a shard to the commit.

use crate::intake::Receipt;
use crate::ledger::Outcomes;
use crate::store::Repair;
use crate::store::rows::{QuarantineRow, WaveformRow};
use domain::wire::{Connectivity, DeviceEvent, Waveform};
use domain::{
    ConditionChange, ConditionOutlook, DeviceIndex, ModelDrift, ModelVersion, Quality, Sample, SensorName, Sequence,
    Timestamp,
};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Notify;

/// Tells a connection that all parts of a batch, wherever they went, are on disk.
#[derive(Debug)]
pub struct BatchReceipt {
    parts: AtomicU32,
    wake: Arc<Notify>,
}

impl BatchReceipt {
    /// For a batch of so many parts.
    pub fn new(parts: u32, wake: Arc<Notify>) -> Arc<Self> {
        Arc::new(BatchReceipt {
            parts: AtomicU32::new(parts),
            wake,
        })
    }

    /// One part is on disk.
    pub fn part_is_durable(&self) {
        if self.parts.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake.notify_one();
        }
    }
}

impl Receipt for Arc<BatchReceipt> {
    fn is_durable(&self) -> bool {
        self.parts.load(Ordering::Acquire) == 0
    }
}

/// What one read of a connection holds for one shard.
#[derive(Debug)]
pub struct Batch {
    /// When it arrived.
    pub received_at: Timestamp,
    /// In the order of arrival.
    pub items: Vec<Item>,
    /// The samples of all its messages.
    pub samples: Vec<Sample>,
    /// Whom to tell.
    pub receipt: Arc<BatchReceipt>,
}

/// One message.
#[derive(Debug)]
pub enum Item {
    /// Readings of one instant.
    Telemetry(TelemetryItem),
    /// A snapshot of fast samples, with the bytes it came in.
    Waveform(Box<WaveformItem>),
    /// A fault code.
    Event(Box<(DeviceIndex, DeviceEvent)>),
    /// There or gone.
    Status(DeviceIndex, Connectivity),
    /// Not understood, and the reason's short name.
    Quarantine(Box<(QuarantineRow, &'static str)>),
}

/// Readings of one instant; the samples stand in the batch.
#[derive(Debug)]
pub struct TelemetryItem {
    /// Who.
    pub device: DeviceIndex,
    /// Device time, or ours if it said none.
    pub measured_at: Timestamp,
    /// Uncertain if the time is ours.
    pub quality: Quality,
    /// The device's count.
    pub sequence: Option<Sequence>,
    /// Where its samples stand.
    pub samples: Range<u32>,
}

/// A snapshot of fast samples.
#[derive(Debug)]
pub struct WaveformItem {
    /// Who.
    pub device: DeviceIndex,
    /// Which sensor.
    pub sensor: SensorName,
    /// Device time, or ours if it said none.
    pub measured_at: Timestamp,
    /// What it says.
    pub waveform: Waveform,
    /// As it came.
    pub payload: Vec<u8>,
}

/// A device raised a fault code that its profile knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSaid {
    /// Who.
    pub device: DeviceIndex,
    /// What judges the device.
    pub model: ModelVersion,
    /// The code.
    pub code: String,
    /// The maker's words; may be empty.
    pub text: String,
}

/// What a shard made of batches, to be committed together.
#[derive(Debug, Default)]
pub struct Processed {
    /// A block of the journal entry.
    pub block: Vec<u8>,
    /// What became of the messages.
    pub outcomes: Outcomes,
    /// Failure modes that began or ceased to show.
    pub changes: Vec<ConditionChange>,
    /// What is expected of those that go on showing.
    pub outlooks: Vec<(DeviceIndex, ConditionOutlook)>,
    /// What both models said of devices on which one runs in shadow.
    pub shadow: Vec<ShadowChange>,
    /// Devices of which the model's normal has itself moved.
    pub drifts: Vec<(DeviceIndex, ModelDrift)>,
    /// Maintenance that has come due.
    pub reminders: Vec<Reminder>,
    /// Fault codes that the profiles know.
    pub codes: Vec<CodeSaid>,
    /// Repairs after which devices have forgotten the old machine.
    pub repairs: Vec<Repair>,
    /// Packets not understood.
    pub quarantine: Vec<QuarantineRow>,
    /// Raw waveforms.
    pub waveforms: Vec<WaveformRow>,
    /// Whom to tell.
    pub receipts: Vec<Arc<BatchReceipt>>,
}

impl Processed {
    /// Whether there is anything to write.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
            && self.receipts.is_empty()
            && self.changes.is_empty()
            && self.outlooks.is_empty()
            && self.shadow.is_empty()
            && self.drifts.is_empty()
            && self.reminders.is_empty()
            && self.codes.is_empty()
            && self.repairs.is_empty()
            && self.outcomes.messages() == 0
    }
}

/// Which of the two models spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The one that judges.
    Live,
    /// The one that runs beside it, of which nobody is told.
    Shadow,
}

impl Side {
    /// Its word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Live => "live",
            Side::Shadow => "shadow",
        }
    }
}

/// A failure mode that began or ceased to show, by one of two models that are compared.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowChange {
    /// The version that runs in shadow.
    pub shadow: ModelVersion,
    /// Who says so.
    pub side: Side,
    /// What.
    pub change: ConditionChange,
}

/// Maintenance of a device that has come due.
#[derive(Debug, Clone, PartialEq)]
pub struct Reminder {
    /// Whose.
    pub device: DeviceIndex,
    /// By which model.
    pub model: ModelVersion,
    /// Place of the plan in the model's profile.
    pub plan: usize,
    /// Which multiple of the interval.
    pub occurrence: u32,
    /// The counter's value.
    pub at_value: f64,
    /// Device time.
    pub measured_at: Timestamp,
}
