//! Rows that wait in RAM to become chunks, by device and set of metrics. No I/O, no clock.
//!
//! A row is one message: its instant and its values side by side, so that taking it touches one place in memory. Each
//! buffer knows from which journal position its rows come; that is what makes re-feeding after a crash exact.

use super::Committed;
use domain::{DeviceIndex, DeviceKey, MetricIndex, MetricName, Names, Sample, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Sets of several metrics a device may have streams for; further ones are taken apart, one stream per metric.
pub const STREAMS_PER_DEVICE_MAX: usize = 64;
/// Unsorted orders of metrics remembered, over all devices; messages in further ones are sorted each time.
const LAYOUTS_MAX: usize = 65_536;
const FIRST_ROWS: usize = 8;

/// Index of a stream in [`Buffers`].
pub type Slot = u32;

/// An order in which metrics arrive, and where each value goes in the stream's sorted columns.
#[derive(Debug)]
struct Layout {
    arrival: Box<[MetricIndex]>,
    /// Column of the i-th sample; empty if the arrival order is the column order.
    columns: Box<[u16]>,
}

/// Where a message goes.
enum Place {
    Stream(Slot),
    /// Too many orders are known: come again with the samples sorted by metric.
    Sorted,
    /// Its device has too many sets of metrics: each metric by itself, of which there is a bounded number.
    Apart,
}

/// A small chunk that may be joined with later rows.
#[derive(Debug, Clone, Copy)]
pub struct SmallChunk {
    /// Its row in the file.
    pub id: i64,
    /// When its first row arrived.
    pub arrived_at: Timestamp,
}

/// The rows of one device with one set of metrics.
#[derive(Debug)]
pub struct Stream {
    /// In the file.
    pub id: i64,
    /// Whose.
    pub device: DeviceIndex,
    /// The columns, ascending.
    pub set: Arc<[MetricIndex]>,
    layout: u32,
    /// Instant and values as bits, row after row.
    pub rows: Vec<u64>,
    /// Journal position of the first row in `rows`.
    pub first_position: u64,
    /// When the first row in `rows` arrived.
    pub since: Timestamp,
    /// Rows up to this position are in chunks.
    pub sealed_position: u64,
    /// Whether the file knows this stream.
    pub is_stored: bool,
    /// Chunks to join with later rows; `None` until looked up.
    pub small: Option<Vec<SmallChunk>>,
}

impl Stream {
    /// Words per row: the instant and one for each metric.
    pub fn stride(&self) -> usize {
        self.set.len() + 1
    }

    /// Rows waiting.
    pub fn row_count(&self) -> usize {
        self.rows.len() / self.stride()
    }

    /// The waiting rows' instants and one column's values.
    pub fn column(&self, column: usize) -> impl Iterator<Item = (i64, f64)> + '_ {
        self.rows
            .chunks_exact(self.stride())
            .map(move |row| (row[0] as i64, f64::from_bits(row[column + 1])))
    }
}

/// What one entry added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TakeSummary {
    /// Rows taken into RAM.
    pub rows: u64,
    /// Messages skipped because an earlier run had stored them.
    pub already_stored: u64,
}

/// All streams.
#[derive(Debug, Default)]
pub struct Buffers {
    /// Every stream, known from the file or new.
    pub streams: Vec<Stream>,
    by_device: Vec<Vec<Slot>>,
    layouts: Vec<Layout>,
    layout_of: HashMap<Box<[MetricIndex]>, u32>,
    sets: HashMap<Box<[MetricIndex]>, Arc<[MetricIndex]>>,
    /// Names of the devices that have streams.
    pub devices: BTreeMap<DeviceKey, DeviceIndex>,
    device_names: Vec<Option<DeviceKey>>,
    /// Names of the metrics in streams.
    pub metrics: BTreeMap<MetricName, MetricIndex>,
    metric_names: Vec<Option<MetricName>>,
    next_id: i64,
    rows_target: usize,
    /// Everything up to here is in chunks.
    pub sealed_position: u64,
    /// The last entry taken.
    pub absorbed_position: u64,
    /// Memory held by rows.
    pub bytes: usize,
    /// Streams that reached the target since they were last sealed.
    pub full: Vec<Slot>,
    /// Bytes of the rows in `full`.
    pub full_bytes: usize,
    /// No row waits from before this, if any waits.
    pub oldest_since: Option<Timestamp>,
}

impl Buffers {
    /// Empty; a stream counts as full at `rows_target` rows.
    pub fn new(rows_target: usize, sealed_position: u64) -> Self {
        Buffers {
            rows_target: rows_target.max(1),
            sealed_position,
            absorbed_position: sealed_position,
            next_id: 1,
            ..Self::default()
        }
    }

    /// Adds a stream the file knows.
    pub fn load_stream(&mut self, id: i64, device: DeviceIndex, set: Vec<MetricIndex>, sealed_position: u64) {
        let layout = self.layout(&set);
        let set = self.intern(&set);
        self.next_id = self.next_id.max(id + 1);
        self.push_stream(Stream {
            id,
            device,
            set,
            layout,
            rows: Vec::new(),
            first_position: 0,
            since: Timestamp(0),
            sealed_position,
            is_stored: true,
            small: None,
        });
    }

    /// Adds a device's name.
    pub fn load_device(&mut self, index: DeviceIndex, key: DeviceKey) {
        let place = index.0 as usize;
        if self.device_names.len() <= place {
            self.device_names.resize(place + 1, None);
        }
        self.device_names[place] = Some(key.clone());
        self.devices.insert(key, index);
    }

    /// Adds a metric's name.
    pub fn load_metric(&mut self, index: MetricIndex, name: MetricName) {
        let place = index.0 as usize;
        if self.metric_names.len() <= place {
            self.metric_names.resize(place + 1, None);
        }
        self.metric_names[place] = Some(name.clone());
        self.metrics.insert(name, index);
    }

    /// A metric's name, if a stream has it.
    pub fn metric_name(&self, metric: MetricIndex) -> Option<&MetricName> {
        self.metric_names.get(metric.0 as usize)?.as_ref()
    }

    /// The streams of a device.
    pub fn streams_of(&self, device: DeviceIndex) -> impl Iterator<Item = &Stream> {
        self.by_device
            .get(device.0 as usize)
            .into_iter()
            .flatten()
            .map(|&slot| &self.streams[slot as usize])
    }

    /// A device's name, if it has streams.
    pub fn device_name(&self, device: DeviceIndex) -> Option<&DeviceKey> {
        self.device_names.get(device.0 as usize)?.as_ref()
    }

    /// Takes the messages of one entry. `now` marks how old the rows are in RAM.
    pub fn take(
        &mut self,
        position: u64,
        entry: &dyn super::CommittedEntry,
        names: &dyn Names,
        now: Timestamp,
    ) -> TakeSummary {
        let mut summary = TakeSummary::default();
        if position <= self.absorbed_position {
            return summary;
        }
        entry.visit(&mut |message| {
            if !message.samples.is_empty() {
                self.take_message(position, message, names, now, &mut summary);
            }
        });
        self.absorbed_position = position;
        summary
    }

    fn take_message(
        &mut self,
        position: u64,
        message: Committed<'_>,
        names: &dyn Names,
        now: Timestamp,
        summary: &mut TakeSummary,
    ) {
        let (device, at) = (message.device, message.measured_at);
        match self.find_or_add(device, message.samples, names) {
            Place::Stream(slot) => self.put(slot, position, at, message.samples, now, summary),
            Place::Sorted => {
                let mut sorted = message.samples.to_vec();
                sorted.sort_by_key(|s| s.metric);
                if let Place::Stream(slot) = self.find_or_add(device, &sorted, names) {
                    self.put(slot, position, at, &sorted, now, summary);
                }
            }
            Place::Apart => {
                for sample in message.samples {
                    let alone = std::slice::from_ref(sample);
                    if let Place::Stream(slot) = self.find_or_add(device, alone, names) {
                        self.put(slot, position, at, alone, now, summary);
                    }
                }
            }
        }
    }

    fn put(
        &mut self,
        slot: Slot,
        position: u64,
        at: Timestamp,
        samples: &[Sample],
        now: Timestamp,
        summary: &mut TakeSummary,
    ) {
        let stream = &mut self.streams[slot as usize];
        if position <= stream.sealed_position {
            summary.already_stored += 1;
            return;
        }
        let stride = samples.len() + 1;
        if stream.rows.is_empty() {
            stream.first_position = position;
            stream.since = now;
            self.oldest_since.get_or_insert(now);
        }
        if stream.rows.len() + stride > stream.rows.capacity() {
            let before = stream.rows.capacity();
            let full = self.rows_target * stride;
            let step = if stream.rows.len() >= full {
                full / 4
            } else {
                stream.rows.len()
            };
            stream.rows.reserve_exact(step.max(FIRST_ROWS * stride));
            self.bytes += (stream.rows.capacity() - before) * 8;
        }
        stream.rows.push(at.as_millis() as u64);
        let layout = &self.layouts[stream.layout as usize];
        if layout.columns.is_empty() {
            stream.rows.extend(samples.iter().map(|s| s.value.to_bits()));
        } else {
            let start = stream.rows.len();
            stream.rows.resize(start + samples.len(), 0);
            for (sample, &column) in samples.iter().zip(&layout.columns) {
                stream.rows[start + usize::from(column)] = sample.value.to_bits();
            }
        }
        summary.rows += 1;
        if stream.rows.len() == self.rows_target * stride {
            self.full.push(slot);
            self.full_bytes += stream.rows.len() * 8;
        }
    }

    /// The stream whose columns are these samples' metrics, its layout set to their order.
    ///
    /// Where a message goes must depend on the journal alone, or re-feeding would look for its rows in another stream:
    /// a device's first sets in journal order get streams, whatever this run has seen.
    fn find_or_add(&mut self, device: DeviceIndex, samples: &[Sample], names: &dyn Names) -> Place {
        let slots = self.by_device.get(device.0 as usize).map_or(&[][..], Vec::as_slice);
        let matches = |slot: &Slot| {
            let arrival = &self.layouts[self.streams[*slot as usize].layout as usize].arrival;
            arrival.len() == samples.len() && arrival.iter().zip(samples).all(|(m, s)| *m == s.metric)
        };
        if let Some(slot) = slots.iter().find(|slot| matches(slot)) {
            return Place::Stream(*slot);
        }
        let arrival: Vec<MetricIndex> = samples.iter().map(|s| s.metric).collect();
        let mut sorted = arrival.clone();
        sorted.sort();
        let found = slots
            .iter()
            .copied()
            .find(|slot| *self.streams[*slot as usize].set == *sorted);
        let is_crowded = || {
            let sets = slots.iter().filter(|slot| self.streams[**slot as usize].set.len() > 1);
            sets.count() >= STREAMS_PER_DEVICE_MAX
        };
        if found.is_none() && sorted.len() > 1 && is_crowded() {
            return Place::Apart;
        }
        let is_room = self.layouts.len() < LAYOUTS_MAX || sorted == arrival;
        if !is_room && !self.layout_of.contains_key(arrival.as_slice()) {
            return Place::Sorted;
        }
        let layout = self.layout(&arrival);
        if let Some(slot) = found {
            self.streams[slot as usize].layout = layout;
            return Place::Stream(slot);
        }
        if self.device_name(device).is_none() {
            self.load_device(device, names.device(device));
        }
        for &metric in &sorted {
            if self.metric_name(metric).is_none() {
                self.load_metric(metric, names.metric(metric));
            }
        }
        let id = self.next_id;
        self.next_id += 1;
        let set = self.intern(&sorted);
        Place::Stream(self.push_stream(Stream {
            id,
            device,
            set,
            layout,
            rows: Vec::new(),
            first_position: 0,
            since: Timestamp(0),
            sealed_position: 0,
            is_stored: false,
            small: Some(Vec::new()),
        }))
    }

    fn push_stream(&mut self, stream: Stream) -> Slot {
        let slot = self.streams.len() as Slot;
        let place = stream.device.0 as usize;
        if self.by_device.len() <= place {
            self.by_device.resize(place + 1, Vec::new());
        }
        self.by_device[place].push(slot);
        self.streams.push(stream);
        slot
    }

    fn intern(&mut self, set: &[MetricIndex]) -> Arc<[MetricIndex]> {
        if let Some(known) = self.sets.get(set) {
            return Arc::clone(known);
        }
        let shared: Arc<[MetricIndex]> = set.into();
        self.sets.insert(set.into(), Arc::clone(&shared));
        shared
    }

    fn layout(&mut self, arrival: &[MetricIndex]) -> u32 {
        if let Some(&known) = self.layout_of.get(arrival) {
            return known;
        }
        let mut order: Vec<u16> = (0..arrival.len() as u16).collect();
        order.sort_by_key(|&i| arrival[usize::from(i)]);
        let mut columns = vec![0u16; arrival.len()];
        for (column, &sample) in order.iter().enumerate() {
            columns[usize::from(sample)] = column as u16;
        }
        if arrival.is_sorted() {
            columns.clear();
        }
        let index = self.layouts.len() as u32;
        self.layouts.push(Layout {
            arrival: arrival.into(),
            columns: columns.into(),
        });
        self.layout_of.insert(arrival.into(), index);
        index
    }

    /// Marks these streams' rows as stored. `keep_memory`: they will soon be full again.
    pub fn forget_rows(&mut self, slots: &[Slot], keep_memory: bool) {
        for &slot in slots {
            let stream = &mut self.streams[slot as usize];
            stream.sealed_position = self.absorbed_position;
            if keep_memory && stream.rows.capacity() <= 2 * self.rows_target * stream.stride() {
                stream.rows.clear();
            } else {
                self.bytes -= stream.rows.capacity() * 8;
                stream.rows = Vec::new();
            }
        }
        let target = self.rows_target;
        let streams = &self.streams;
        self.full.retain(|&slot| streams[slot as usize].row_count() >= target);
        self.full_bytes = self
            .full
            .iter()
            .map(|&slot| streams[slot as usize].rows.len() * 8)
            .sum();
        self.oldest_since = self.waiting().map(|s| s.since).min();
    }

    /// Gives back the memory of streams that were full once and have no rows now.
    pub fn release_idle(&mut self) {
        for stream in self.streams.iter_mut().filter(|s| s.rows.is_empty()) {
            self.bytes -= stream.rows.capacity() * 8;
            stream.rows = Vec::new();
        }
    }

    /// Streams with rows in RAM.
    pub fn waiting(&self) -> impl Iterator<Item = &Stream> {
        self.streams.iter().filter(|s| !s.rows.is_empty())
    }
}
