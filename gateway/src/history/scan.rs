//! Walking a series through its chunks and the rows in RAM. It reads, and reports what it cannot read.

use super::HistoryError;
use super::buffers::Buffers;
use super::chunk::{ColumnStats, Scratch, Sections, decode_column, decode_instants};
use super::rollup::bucket_start;
use super::schema::Level;
use super::snapshot::Shared;
use super::stored::{ChunkError, Head, load_body, load_head, load_rollup};
use domain::{DeviceKey, MetricName};
use rusqlite::{Connection, params};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::ControlFlow;

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

/// One stream's share of a series.
pub(super) struct Source {
    pub(super) stream: i64,
    pub(super) columns: usize,
    /// The metric's columns (one, unless a device names it twice in a message).
    pub(super) wanted: Vec<usize>,
    pub(super) waiting: Vec<(i64, f64)>,
}

pub(super) struct Place {
    pub(super) id: i64,
    pub(super) t0: i64,
    pub(super) t1: i64,
    pub(super) n: u64,
}

pub(super) fn sources(buffers: &Buffers, device: &DeviceKey, metric: &MetricName, from: i64, to: i64) -> Vec<Source> {
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
pub(super) fn places(
    connection: &Connection,
    stream: i64,
    level: Level,
    from: i64,
    to: i64,
) -> Result<Vec<Place>, HistoryError> {
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

/// What there is of a range, by the index alone.
pub(super) struct Survey {
    /// About how many values, where rows are left.
    pub(super) estimate: u64,
    /// The coarsest level met.
    pub(super) coarsest: Level,
    /// No value of the range is before this.
    pub(super) first: i64,
    /// No value of the range is after this.
    pub(super) last: i64,
}

/// Looks at `[from, to)`; `None` if nothing is there.
pub(super) fn survey(
    connection: &Connection,
    sources: &[Source],
    from: i64,
    to: i64,
) -> Result<Option<Survey>, HistoryError> {
    let mut survey = Survey {
        estimate: 0,
        coarsest: Level::Raw,
        first: i64::MAX,
        last: i64::MIN,
    };
    for source in sources {
        for (at, _) in source.waiting.iter().filter(|(at, _)| (from..to).contains(at)) {
            survey.estimate += 1;
            (survey.first, survey.last) = (survey.first.min(*at), survey.last.max(*at));
        }
        for level in [Level::Raw, Level::Minute, Level::Hour] {
            for place in places(connection, source.stream, level, from, to)? {
                survey.coarsest = survey.coarsest.max(level);
                survey.estimate += share_inside(&place, from, to) * source.wanted.len() as u64;
                (survey.first, survey.last) = (survey.first.min(place.t0), survey.last.max(place.t1));
            }
        }
    }
    // Chunks may touch the range without a value in it.
    Ok((survey.first <= survey.last && from < to).then_some(survey))
}

/// About how many of a chunk's rows lie in `[from, to)`.
fn share_inside(place: &Place, from: i64, to: i64) -> u64 {
    let span = (place.t1 as f64 - place.t0 as f64) + 1.0;
    let inside = (place.t1.saturating_add(1).min(to) as f64 - place.t0.max(from) as f64).clamp(0.0, span);
    (place.n as f64 * inside / span).ceil() as u64
}

/// The narrowest width that needs at most `max_points` buckets and is no finer than `finest`.
pub(super) fn bucket_width(from: i64, to: i64, max_points: usize, finest: i64) -> i64 {
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

pub(super) fn rolled_up(
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
pub(super) fn scan(
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
