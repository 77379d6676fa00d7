//! Reading the embedded history, from any number of threads: a running gateway's, rows in RAM included, or a file at rest.
//!
//! It never writes. A chunk that cannot be read is left out, counted in the answer, and reported to the writer.

use super::buffers::Buffers;
use super::chunk::{ColumnStats, Scratch, Sections, decode_column, decode_instants};
use super::embedded::load;
use super::rollup::{HOUR_MS, MINUTE_MS, bucket_start};
use super::schema::{self, Level};
use super::stored::{ChunkError, Head, load_body, load_head, load_rollup};
use super::{CommittedEntry, HistoryError, HistorySink};
use domain::{DeviceKey, DeviceName, MetricName, Millis, Names, SiteName, Timestamp};
use rusqlite::{Connection, params};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A file at rest has nobody who would make chunks.
const NEVER_FULL: usize = 1 << 40;
/// Idle connections kept for the next query.
const IDLE_MAX: usize = 4;
/// Rows that may be read to draw buckets below a minute; beyond, minutes are drawn.
const ROWS_PER_PLOT_MAX: u64 = 500_000;
/// Widths a reader can name, in milliseconds: 100 ms to 30 s, then whole parts of an hour and a day, then days.
const WIDTHS_MS: [i64; 24] = [
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    2_592_000_000,
];

/// Which series are meant; `None` is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this site.
    pub site: Option<SiteName>,
    /// Of devices with this name.
    pub device: Option<DeviceName>,
    /// Of this metric.
    pub metric: Option<MetricName>,
}

/// One instant, or one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The instant, or the bucket's start.
    #[serde(with = "domain::time::rfc3339")]
    pub at: Timestamp,
    /// How many values.
    pub count: u64,
    /// The least.
    pub min: f64,
    /// Their mean.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
}

/// The answer to [`HistoryReader::range`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// What it was read from.
    pub level: Level,
    /// Width of the buckets; 0: each point is one value.
    pub bucket: Millis,
    /// Ascending. At a bucket width the ends are widened to whole buckets.
    pub points: Vec<Point>,
    /// Chunks of the range that could not be read.
    pub damaged_chunks: u64,
}

/// How much of a series is stored row by row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CountRow {
    /// Whose.
    pub device: DeviceKey,
    /// Of what.
    pub metric: MetricName,
    /// Values.
    pub points: u64,
    /// The first instant.
    #[serde(with = "domain::time::rfc3339")]
    pub first: Timestamp,
    /// The last instant.
    #[serde(with = "domain::time::rfc3339")]
    pub last: Timestamp,
}

/// The latest value of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastValue {
    /// Of what.
    pub metric: MetricName,
    /// When.
    #[serde(with = "domain::time::rfc3339")]
    pub at: Timestamp,
    /// The value.
    pub value: f64,
}

/// What the writer and the readers share.
#[derive(Debug)]
pub(super) struct Shared {
    path: PathBuf,
    buffers: RwLock<Buffers>,
    idle: Mutex<Vec<Connection>>,
    suspects: Mutex<BTreeMap<i64, usize>>,
    /// A file at rest is read through this one snapshot, so that it fits the positions read with it.
    is_pinned: bool,
}

// A panic while a lock was held is a bug that has been reported; queries go on with what is there.
impl Shared {
    pub(super) fn live(path: PathBuf, buffers: Buffers) -> Self {
        let (idle, suspects) = (Mutex::default(), Mutex::default());
        Shared {
            path,
            buffers: RwLock::new(buffers),
            idle,
            suspects,
            is_pinned: false,
        }
    }

    pub(super) fn buffers(&self) -> RwLockReadGuard<'_, Buffers> {
        self.buffers.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn buffers_mut(&self) -> RwLockWriteGuard<'_, Buffers> {
        self.buffers.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take_suspects(&self) -> BTreeMap<i64, usize> {
        std::mem::take(&mut *self.suspects.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn suspect(&self, id: i64, columns: usize) {
        self.suspects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, columns);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection inside a read transaction; goes back to the pool.
struct Snapshot<'s> {
    shared: &'s Shared,
    connection: Option<Connection>,
}

impl Snapshot<'_> {
    fn connection(&self) -> &Connection {
        self.connection.as_ref().expect("present until dropped")
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.shared.is_pinned {
            self.shared.idle().push(connection);
        } else if connection.execute_batch("ROLLBACK").is_ok() {
            let mut idle = self.shared.idle();
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
        }
    }
}

/// One stream's share of a series.
struct Source {
    stream: i64,
    columns: usize,
    /// The metric's columns (one, unless a device names it twice in a message).
    wanted: Vec<usize>,
    waiting: Vec<(i64, f64)>,
}

struct Place {
    id: i64,
    t0: i64,
    t1: i64,
    n: u64,
}

/// Queries on the embedded history. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HistoryReader {
    shared: Arc<Shared>,
}

/// Takes the journal's tail for a file at rest, so that its reader counts and exports what was committed but not yet
/// stored. Only RAM; it holds what the journal holds.
#[derive(Debug)]
pub struct TailCollector {
    shared: Arc<Shared>,
    durable: u64,
}

impl HistorySink for TailCollector {
    fn durable_position(&self) -> u64 {
        self.durable
    }

    fn absorb(&mut self, position: u64, entry: &dyn CommittedEntry, names: &dyn Names) -> Result<(), HistoryError> {
        self.shared.buffers_mut().take(position, entry, names, Timestamp(0));
        Ok(())
    }

    fn tick(&mut self, _now: Timestamp) -> Result<(), HistoryError> {
        Ok(())
    }

    fn seal_all(&mut self, _now: Timestamp) -> Result<(), HistoryError> {
        Ok(())
    }
}

impl HistoryReader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        HistoryReader { shared }
    }

    /// Opens a file without a writer of our own (a file that is not there is an empty history). Feed the journal from
    /// `durable_position() + 1` to the collector; the reader then sees those rows too. Both keep to the file as it was
    /// when opened: open the journal first if a gateway may be running.
    pub fn open_offline(path: &Path) -> Result<(Self, TailCollector), HistoryError> {
        let connection = if path.exists() {
            schema::open_reader(path)?
        } else {
            schema::open_empty()?
        };
        begin(&connection)?;
        let buffers = load(&connection, NEVER_FULL)?;
        let durable = buffers.sealed_position;
        let shared = Shared {
            is_pinned: true,
            ..Shared::live(path.to_owned(), buffers)
        };
        shared.idle().push(connection);
        let shared = Arc::new(shared);
        Ok((
            HistoryReader {
                shared: Arc::clone(&shared),
            },
            TailCollector { shared, durable },
        ))
    }

    /// A view of the file, and with it what `extract` takes from the rows in RAM at that moment.
    fn snapshot<T>(&self, extract: impl FnOnce(&Buffers) -> T) -> Result<(Snapshot<'_>, T), HistoryError> {
        if self.shared.is_pinned {
            // One connection, one query at a time.
            loop {
                if let Some(connection) = self.shared.idle().pop() {
                    let extracted = extract(&self.shared.buffers());
                    return Ok((
                        Snapshot {
                            shared: &self.shared,
                            connection: Some(connection),
                        },
                        extracted,
                    ));
                }
                std::thread::yield_now();
            }
        }
        let idle = self.shared.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.shared.path)?,
        };
        // The writer commits only while nobody holds this lock: file and RAM are of one moment.
        let buffers = self.shared.buffers();
        begin(&connection)?;
        let extracted = extract(&buffers);
        drop(buffers);
        Ok((
            Snapshot {
                shared: &self.shared,
                connection: Some(connection),
            },
            extracted,
        ))
    }

    /// The values of a metric in `[from, to)`, as finely as `max_points` allows.
    pub fn range(
        &self,
        device: &DeviceKey,
        metric: &MetricName,
        from: Timestamp,
        to: Timestamp,
        max_points: usize,
    ) -> Result<Series, HistoryError> {
        let (mut from, mut to, max_points) = (from.as_millis(), to.as_millis(), max_points.max(1));
        let mut series = Series {
            level: Level::Raw,
            bucket: Millis::ZERO,
            points: Vec::new(),
            damaged_chunks: 0,
        };
        if from >= to {
            return Ok(series);
        }
        // The widest a bucket can become is known only later; rows in RAM are few.
        let (snapshot, sources) = self.snapshot(|buffers| sources(buffers, device, metric, i64::MIN, i64::MAX))?;
        let connection = snapshot.connection();
        let mut estimate = 0u64;
        let mut coarsest = Level::Raw;
        let mut extent: Option<(i64, i64)> = None;
        let mut widen = |t0: i64, t1: i64| extent = Some(extent.map_or((t0, t1), |(a, b)| (a.min(t0), b.max(t1))));
        for source in &sources {
            for (at, _) in source.waiting.iter().filter(|(at, _)| (from..to).contains(at)) {
                estimate += 1;
                widen(*at, *at);
            }
            for level in [Level::Raw, Level::Minute, Level::Hour] {
                for place in places(connection, source.stream, level, from, to)? {
                    coarsest = coarsest.max(level);
                    estimate += share_inside(&place, from, to) * source.wanted.len() as u64;
                    widen(place.t0, place.t1);
                }
            }
        }
        // Buckets as narrow as what is there allows, not as what was asked for.
        let Some((first, last)) = extent else { return Ok(series) };
        (from, to) = (from.max(first), to.min(last.saturating_add(1)));
        if coarsest == Level::Raw && estimate <= max_points as u64 + max_points as u64 / 4 {
            let mut damaged = 0;
            scan(
                connection,
                &self.shared,
                &sources,
                from,
                to,
                &mut damaged,
                &mut |at, value| {
                    series.points.push(Point {
                        at: Timestamp(at),
                        count: 1,
                        min: value,
                        mean: value,
                        max: value,
                    });
                    if series.points.len() > max_points {
                        ControlFlow::Break(())
                    } else {
                        ControlFlow::Continue(())
                    }
                },
            )?;
            if series.points.len() <= max_points {
                series.damaged_chunks = damaged;
                return Ok(series);
            }
            series.points.clear();
        }
        let finest = match coarsest {
            Level::Raw if estimate <= ROWS_PER_PLOT_MAX => 0,
            Level::Raw | Level::Minute => MINUTE_MS,
            Level::Hour => HOUR_MS,
        };
        let width = bucket_width(from, to, max_points, finest);
        series.bucket = Millis(width);
        let (from, to) = (
            bucket_start(from, width),
            bucket_start(to - 1, width).saturating_add(width),
        );
        let mut buckets: BTreeMap<i64, (u64, ColumnStats)> = BTreeMap::new();
        let mut add = |at: i64, count: i64, stats: ColumnStats| {
            let start = bucket_start(at, width);
            if start >= from && start < to {
                let entry = buckets.entry(start).or_insert((0, stats));
                if entry.0 > 0 {
                    entry.1 = super::rollup::combine(entry.1, stats);
                }
                entry.0 += count as u64;
            }
        };
        if width < MINUTE_MS {
            let damaged = &mut series.damaged_chunks;
            scan(
                connection,
                &self.shared,
                &sources,
                from,
                to,
                damaged,
                &mut |at, value| {
                    add(
                        at,
                        1,
                        ColumnStats {
                            min: value,
                            max: value,
                            sum: value,
                        },
                    );
                    ControlFlow::Continue(())
                },
            )?;
        } else {
            series.level = if width < HOUR_MS { Level::Minute } else { Level::Hour };
            let mut scratch = Scratch::default();
            for source in &sources {
                for (at, value) in &source.waiting {
                    add(
                        *at,
                        1,
                        ColumnStats {
                            min: *value,
                            max: *value,
                            sum: *value,
                        },
                    );
                }
                for level in [Level::Raw, Level::Minute, Level::Hour] {
                    for place in places(connection, source.stream, level, from, to)? {
                        let part = load_head(connection, place.id, source.columns).and_then(|head| match head {
                            Some(head) => rolled_up(connection, &head, source, width, &mut scratch, &mut add),
                            None => Ok(()),
                        });
                        if let Err(error) = part {
                            error.into_damage()?;
                            self.shared.suspect(place.id, source.columns);
                            series.damaged_chunks += 1;
                        }
                    }
                }
            }
        }
        series.points = buckets
            .into_iter()
            .map(|(at, (count, s))| Point {
                at: Timestamp(at),
                count,
                min: s.min,
                mean: (s.sum / count as f64).clamp(s.min, s.max),
                max: s.max,
            })
            .collect();
        Ok(series)
    }

    /// The first `limit` values of a metric in `[from, to)`, by time; of one instant all values, in any order.
    pub fn raw(
        &self,
        device: &DeviceKey,
        metric: &MetricName,
        from: Timestamp,
        to: Timestamp,
        limit: usize,
    ) -> Result<Vec<(Timestamp, f64)>, HistoryError> {
        let mut values = Vec::new();
        if limit > 0 {
            self.each_value(device, metric, from, to, &mut |at, value| {
                values.push((at, value));
                if values.len() < limit {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })?;
        }
        Ok(values)
    }

    /// Calls `each` for every value of a metric in `[from, to)`, by time, until it breaks. Returns how many chunks could
    /// not be read.
    pub fn each_value(
        &self,
        device: &DeviceKey,
        metric: &MetricName,
        from: Timestamp,
        to: Timestamp,
        each: &mut dyn FnMut(Timestamp, f64) -> ControlFlow<()>,
    ) -> Result<u64, HistoryError> {
        let (from, to) = (from.as_millis(), to.as_millis());
        let (snapshot, sources) = self.snapshot(|buffers| sources(buffers, device, metric, from, to))?;
        let mut damaged = 0;
        scan(
            snapshot.connection(),
            &self.shared,
            &sources,
            from,
            to,
            &mut damaged,
            &mut |at, value| each(Timestamp(at), value),
        )?;
        Ok(damaged)
    }

    /// The series that are kept, by name.
    pub fn series(&self, filter: &Filter) -> Vec<(DeviceKey, MetricName)> {
        let buffers = self.shared.buffers();
        let mut found: Vec<_> = (buffers.devices.iter())
            .filter(|(key, _)| filter.site.as_ref().is_none_or(|site| *site == key.site))
            .filter(|(key, _)| filter.device.as_ref().is_none_or(|device| *device == key.device))
            .flat_map(|(key, index)| {
                let metrics = buffers.streams_of(*index).flat_map(|s| s.set.iter());
                metrics
                    .filter_map(|m| buffers.metric_name(*m))
                    .map(|m| (key.clone(), m.clone()))
                    .collect::<Vec<_>>()
            })
            .filter(|(_, metric)| filter.metric.as_ref().is_none_or(|wanted| wanted == metric))
            .collect();
        found.sort();
        found.dedup();
        found
    }

    /// How many values are stored row by row, per series, by name. Reads no chunk.
    pub fn count(&self, filter: &Filter) -> Result<Vec<CountRow>, HistoryError> {
        let (snapshot, streams) = self.snapshot(|buffers| {
            let mut streams = Vec::new();
            for (key, index) in &buffers.devices {
                if filter.site.as_ref().is_some_and(|site| *site != key.site)
                    || filter.device.as_ref().is_some_and(|device| *device != key.device)
                {
                    continue;
                }
                for stream in buffers.streams_of(*index) {
                    let metrics: Vec<MetricName> = (stream.set.iter())
                        .filter_map(|m| buffers.metric_name(*m))
                        .filter(|m| filter.metric.as_ref().is_none_or(|wanted| wanted == *m))
                        .cloned()
                        .collect();
                    let instants = || stream.rows.chunks_exact(stream.stride()).map(|row| row[0] as i64);
                    let waiting = instants().min().zip(instants().max());
                    streams.push((stream.id, key.clone(), metrics, stream.row_count() as u64, waiting));
                }
            }
            streams
        })?;
        let mut rows: BTreeMap<(DeviceKey, MetricName), (u64, i64, i64)> = BTreeMap::new();
        let mut query = snapshot
            .connection()
            .prepare_cached("SELECT sum(n), min(t0), max(t1) FROM chunk WHERE stream = ?1 AND level = 0")
            .map_err(HistoryError::Read)?;
        for (id, key, metrics, waiting_count, waiting) in streams {
            let stored: (Option<i64>, Option<i64>, Option<i64>) = query
                .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .map_err(HistoryError::Read)?;
            let stored = stored.0.zip(stored.1.zip(stored.2)).map(|(n, span)| (n as u64, span));
            for (n, (first, last)) in stored.into_iter().chain(waiting.map(|span| (waiting_count, span))) {
                for metric in &metrics {
                    let row = rows
                        .entry((key.clone(), metric.clone()))
                        .or_insert((0, i64::MAX, i64::MIN));
                    *row = (row.0 + n, row.1.min(first), row.2.max(last));
                }
            }
        }
        Ok(rows
            .into_iter()
            .map(|((device, metric), (points, first, last))| CountRow {
                device,
                metric,
                points,
                first: Timestamp(first),
                last: Timestamp(last),
            })
            .collect())
    }

    /// The latest value of each of a device's metrics, by name.
    pub fn last(&self, device: &DeviceKey) -> Result<Vec<LastValue>, HistoryError> {
        let (snapshot, streams) = self.snapshot(|buffers| {
            let streams = buffers
                .devices
                .get(device)
                .into_iter()
                .flat_map(|index| buffers.streams_of(*index));
            streams
                .map(|stream| {
                    let names: Vec<_> = stream.set.iter().map(|m| buffers.metric_name(*m).cloned()).collect();
                    let latest = (0..names.len())
                        .map(|c| stream.column(c).max_by_key(|(at, _)| *at))
                        .collect();
                    (stream.id, names, latest)
                })
                .collect::<Vec<(i64, Vec<Option<MetricName>>, Vec<Option<(i64, f64)>>)>>()
        })?;
        let connection = snapshot.connection();
        let mut latest: BTreeMap<MetricName, (i64, f64)> = BTreeMap::new();
        let mut offer = |metric: &Option<MetricName>, at: i64, value: f64| {
            if let Some(metric) = metric {
                let entry = latest.entry(metric.clone()).or_insert((at, value));
                if at >= entry.0 {
                    *entry = (at, value);
                }
            }
        };
        for (stream, names, waiting) in streams {
            let newest: Option<i64> = connection
                .prepare_cached(
                    "SELECT id FROM chunk WHERE stream = ?1 AND level = 0 ORDER BY t1 DESC, id DESC LIMIT 1",
                )
                .and_then(|mut query| query.query_map([stream], |row| row.get(0))?.next().transpose())
                .map_err(HistoryError::Read)?;
            if let Some(id) = newest {
                let rows = load_head(connection, id, names.len())
                    .and_then(|head| head.map(|head| super::stored::load_rows(connection, &head)).transpose());
                match rows {
                    Ok(Some(rows)) => {
                        for (metric, column) in names.iter().zip(&rows.columns) {
                            if let (Some(at), Some(value)) = (rows.at.last(), column.last()) {
                                offer(metric, *at, *value);
                            }
                        }
                    }
                    Ok(None) => {}
                    Err(error) => {
                        error.into_damage()?;
                        self.shared.suspect(id, names.len());
                    }
                }
            }
            for (metric, value) in names.iter().zip(waiting) {
                if let Some((at, value)) = value {
                    offer(metric, at, value);
                }
            }
        }
        Ok(latest
            .into_iter()
            .map(|(metric, (at, value))| LastValue {
                metric,
                at: Timestamp(at),
                value,
            })
            .collect())
    }
}

fn begin(connection: &Connection) -> Result<(), HistoryError> {
    // The first read fixes what the transaction sees.
    connection
        .execute_batch("BEGIN")
        .and_then(|()| connection.query_row("SELECT value FROM meta", [], |row| row.get::<_, i64>(0)))
        .map(|_| ())
        .map_err(HistoryError::Read)
}

fn sources(buffers: &Buffers, device: &DeviceKey, metric: &MetricName, from: i64, to: i64) -> Vec<Source> {
    let (Some(device), Some(metric)) = (buffers.devices.get(device), buffers.metrics.get(metric)) else {
        return Vec::new();
    };
    let mut sources = Vec::new();
    for stream in buffers.streams_of(*device) {
        let wanted: Vec<usize> = (0..stream.set.len()).filter(|&c| stream.set[c] == *metric).collect();
        if wanted.is_empty() {
            continue;
        }
        let columns = wanted.iter().flat_map(|&c| stream.column(c));
        let waiting = columns.filter(|(at, _)| (from..to).contains(at)).collect();
        sources.push(Source {
            stream: stream.id,
            columns: stream.set.len(),
            wanted,
            waiting,
        });
    }
    sources
}

/// A stream's chunks of a level that touch `[from, to)`, by their first instant.
fn places(connection: &Connection, stream: i64, level: Level, from: i64, to: i64) -> Result<Vec<Place>, HistoryError> {
    let read = || -> rusqlite::Result<Vec<Place>> {
        connection
            .prepare_cached(
                "SELECT id, t0, t1, n FROM chunk WHERE stream = ?1 AND level = ?2 AND t1 >= ?3 AND t0 < ?4 ORDER BY t0, id",
            )?
            .query_map(params![stream, level.code(), from, to], |row| {
                Ok(Place { id: row.get(0)?, t0: row.get(1)?, t1: row.get(2)?, n: row.get::<_, i64>(3)? as u64 })
            })?
            .collect()
    };
    read().map_err(HistoryError::Read)
}

/// About how many of a chunk's rows lie in `[from, to)`.
fn share_inside(place: &Place, from: i64, to: i64) -> u64 {
    let span = (place.t1 as f64 - place.t0 as f64) + 1.0;
    let inside = (place.t1.saturating_add(1).min(to) as f64 - place.t0.max(from) as f64).clamp(0.0, span);
    (place.n as f64 * inside / span).ceil() as u64
}

/// The narrowest width that needs at most `max_points` buckets and is no finer than `finest`.
fn bucket_width(from: i64, to: i64, max_points: usize, finest: i64) -> i64 {
    let buckets = |width: i64| {
        let (first, last) = (from.div_euclid(width) as i128, (to - 1).div_euclid(width) as i128);
        last - first + 1
    };
    let mut width = WIDTHS_MS
        .into_iter()
        .find(|w| *w >= finest && buckets(*w) <= max_points as i128);
    let mut days = WIDTHS_MS[WIDTHS_MS.len() - 1];
    while width.is_none() {
        days = days.saturating_mul(2);
        width = (days == i64::MAX || buckets(days) <= max_points as i128).then_some(days);
    }
    width.expect("the loop ends with one")
}

fn rolled_up(
    connection: &Connection,
    head: &Head,
    source: &Source,
    width: i64,
    scratch: &mut Scratch,
    add: &mut dyn FnMut(i64, i64, ColumnStats),
) -> Result<(), ChunkError> {
    if bucket_start(head.t0, width) == bucket_start(head.t1, width) {
        source
            .wanted
            .iter()
            .for_each(|&column| add(head.t0, head.n as i64, head.stats[column]));
        return Ok(());
    }
    for &column in &source.wanted {
        let rollup = load_rollup(connection, head, Some(column), scratch)?;
        rollup
            .column(0)
            .for_each(|(start, count, stats)| add(start, count, stats));
    }
    Ok(())
}

/// All values of a series in `[from, to)`, by time, until `each` breaks.
fn scan(
    connection: &Connection,
    shared: &Shared,
    sources: &[Source],
    from: i64,
    to: i64,
    damaged: &mut u64,
    each: &mut dyn FnMut(i64, f64) -> ControlFlow<()>,
) -> Result<(), HistoryError> {
    let mut order: Vec<(i64, i64, usize)> = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let places = places(connection, source.stream, Level::Raw, from, to)?;
        order.extend(places.into_iter().map(|place| (place.t0, place.id, index)));
    }
    order.sort_unstable();
    // Chunks may overlap: a value waits until no later chunk can begin before it.
    let mut pending: BinaryHeap<Reverse<(i64, i64, usize, u64)>> = BinaryHeap::new();
    for source in sources {
        let waiting = source
            .waiting
            .iter()
            .enumerate()
            .filter(|(_, (at, _))| (from..to).contains(at));
        pending.extend(waiting.map(|(i, (at, value))| Reverse((*at, i64::MAX, i, value.to_bits()))));
    }
    for (t0, id, index) in order {
        while pending.peek().is_some_and(|Reverse((at, ..))| *at < t0) {
            let Some(Reverse((at, _, _, bits))) = pending.pop() else {
                break;
            };
            if each(at, f64::from_bits(bits)).is_break() {
                return Ok(());
            }
        }
        let source = &sources[index];
        match series_of_chunk(connection, id, source) {
            Ok(values) => {
                let inside = values
                    .into_iter()
                    .enumerate()
                    .filter(|(_, (at, _))| (from..to).contains(at));
                pending.extend(inside.map(|(i, (at, value))| Reverse((at, id, i, value.to_bits()))));
            }
            Err(error) => {
                error.into_damage()?;
                shared.suspect(id, source.columns);
                *damaged += 1;
            }
        }
    }
    while let Some(Reverse((at, _, _, bits))) = pending.pop() {
        if each(at, f64::from_bits(bits)).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

fn series_of_chunk(connection: &Connection, id: i64, source: &Source) -> Result<Vec<(i64, f64)>, ChunkError> {
    let Some(head) = load_head(connection, id, source.columns)? else {
        return Ok(Vec::new());
    };
    let body = load_body(connection, &head)?;
    let sections = Sections::open(&body, source.columns + 1)?;
    let at = decode_instants(sections, head.n)?;
    let mut values = Vec::with_capacity(head.n * source.wanted.len());
    for &column in &source.wanted {
        values.extend(at.iter().copied().zip(decode_column(sections, column, head.n)?));
    }
    Ok(values)
}
