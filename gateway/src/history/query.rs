//! Reading the embedded history, from any number of threads: a running gateway's, rows in RAM included, or a file at rest.
//!
//! It never writes. A chunk that cannot be read is left out, counted in the answer, and reported to the writer.

use super::HistoryError;
use super::chunk::{ColumnStats, Scratch};
use super::rollup::{HOUR_MS, MINUTE_MS, bucket_start, combine};
use super::scan::{Source, bucket_width, places, rolled_up, scan, sources, survey};
use super::schema::Level;
use super::snapshot::Shared;
use super::stored::{load_head, load_rows};
use domain::{DeviceKey, DeviceName, MetricName, Millis, SiteName, Timestamp};
use rusqlite::Connection;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows that may be read to draw buckets below a minute; beyond, minutes are drawn.
const ROWS_PER_PLOT_MAX: u64 = 500_000;

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
/// Queries on the embedded history. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HistoryReader {
    pub(super) shared: Arc<Shared>,
}

/// Buckets of one width that cover a range.
struct Buckets {
    from: i64,
    to: i64,
    width: i64,
    by_start: BTreeMap<i64, (u64, ColumnStats)>,
}

impl Buckets {
    /// Widens `[from, to)` to whole buckets.
    fn new(from: i64, to: i64, width: i64) -> Self {
        let to = bucket_start(to - 1, width).saturating_add(width);
        Buckets {
            from: bucket_start(from, width),
            to,
            width,
            by_start: BTreeMap::new(),
        }
    }

    fn add(&mut self, at: i64, count: i64, stats: ColumnStats) {
        let start = bucket_start(at, self.width);
        if (self.from..self.to).contains(&start) {
            let both =
                |(n, before): &mut (u64, ColumnStats)| (*n, *before) = (*n + count as u64, combine(*before, stats));
            self.by_start
                .entry(start)
                .and_modify(both)
                .or_insert((count as u64, stats));
        }
    }

    fn add_value(&mut self, at: i64, value: f64) {
        self.add(
            at,
            1,
            ColumnStats {
                min: value,
                max: value,
                sum: value,
            },
        );
    }

    fn points(self) -> Vec<Point> {
        let point = |(at, (count, s)): (i64, (u64, ColumnStats))| {
            // Rounding may put the mean of equal values beside them.
            let mean = (s.sum / count as f64).clamp(s.min, s.max);
            Point {
                at: Timestamp(at),
                count,
                min: s.min,
                mean,
                max: s.max,
            }
        };
        self.by_start.into_iter().map(point).collect()
    }
}

impl HistoryReader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        HistoryReader { shared }
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
        let (from, to, max_points) = (from.as_millis(), to.as_millis(), max_points.max(1));
        // Of the rows in RAM all: buckets may reach beyond the range, and these rows are few.
        let (snapshot, sources) = self.snapshot(|buffers| sources(buffers, device, metric, i64::MIN, i64::MAX))?;
        let connection = snapshot.connection();
        let mut series = Series {
            level: Level::Raw,
            bucket: Millis::ZERO,
            points: Vec::new(),
            damaged_chunks: 0,
        };
        let Some(survey) = survey(connection, &sources, from, to)? else {
            return Ok(series);
        };
        // Buckets as narrow as what is there allows, not as what was asked for.
        let (from, to) = (from.max(survey.first), to.min(survey.last.saturating_add(1)));
        let is_few = survey.estimate <= max_points as u64 + max_points as u64 / 4;
        if survey.coarsest == Level::Raw
            && is_few
            && self.single_values(connection, &sources, from, to, max_points, &mut series)?
        {
            return Ok(series);
        }
        let finest = match survey.coarsest {
            Level::Raw if survey.estimate <= ROWS_PER_PLOT_MAX => 0,
            Level::Raw | Level::Minute => MINUTE_MS,
            Level::Hour => HOUR_MS,
        };
        let width = bucket_width(from, to, max_points, finest);
        series.bucket = Millis(width);
        series.level = match width {
            ..MINUTE_MS => Level::Raw,
            MINUTE_MS..HOUR_MS => Level::Minute,
            _ => Level::Hour,
        };
        let mut buckets = Buckets::new(from, to, width);
        if width < MINUTE_MS {
            let (from, to) = (buckets.from, buckets.to);
            scan(
                connection,
                &self.shared,
                &sources,
                from,
                to,
                &mut series.damaged_chunks,
                &mut |at, value| {
                    buckets.add_value(at, value);
                    ControlFlow::Continue(())
                },
            )?;
        } else {
            self.add_rolled_up(connection, &sources, &mut buckets, &mut series.damaged_chunks)?;
        }
        series.points = buckets.points();
        Ok(series)
    }

    /// Every value of the range by itself, if they are no more than `max_points`.
    fn single_values(
        &self,
        connection: &Connection,
        sources: &[Source],
        from: i64,
        to: i64,
        max_points: usize,
        series: &mut Series,
    ) -> Result<bool, HistoryError> {
        let (mut points, mut damaged) = (Vec::new(), 0);
        scan(
            connection,
            &self.shared,
            sources,
            from,
            to,
            &mut damaged,
            &mut |at, value| {
                points.push(Point {
                    at: Timestamp(at),
                    count: 1,
                    min: value,
                    mean: value,
                    max: value,
                });
                if points.len() > max_points {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        )?;
        if points.len() > max_points {
            return Ok(false);
        }
        (series.points, series.damaged_chunks) = (points, damaged);
        Ok(true)
    }

    /// Adds rows in RAM, and of chunks their statistics or roll-ups.
    fn add_rolled_up(
        &self,
        connection: &Connection,
        sources: &[Source],
        buckets: &mut Buckets,
        damaged: &mut u64,
    ) -> Result<(), HistoryError> {
        let mut scratch = Scratch::default();
        let (from, to, width) = (buckets.from, buckets.to, buckets.width);
        for source in sources {
            source
                .waiting
                .iter()
                .for_each(|(at, value)| buckets.add_value(*at, *value));
            for level in [Level::Raw, Level::Minute, Level::Hour] {
                for place in places(connection, source.stream, level, from, to)? {
                    let mut add = |at, count, stats| buckets.add(at, count, stats);
                    let part = load_head(connection, place.id, source.columns).and_then(|head| match head {
                        Some(head) => rolled_up(connection, &head, source, width, &mut scratch, &mut add),
                        None => Ok(()),
                    });
                    if let Err(error) = part {
                        error.into_damage()?;
                        self.shared.suspect(place.id, source.columns);
                        *damaged += 1;
                    }
                }
            }
        }
        Ok(())
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
                    .and_then(|head| head.map(|head| load_rows(connection, &head)).transpose());
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
