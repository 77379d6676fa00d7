//! Count, minimum, maximum and sum per minute or hour of the rows of a chunk. Pure.
//!
//! A roll-up is *partial*: late rows and chunk borders give two entries for one bucket, and adding them up gives the
//! truth. So nothing here has to be found and corrected when old rows arrive. It never sees which device it serves.

use super::bits;
use super::chunk::{ColumnStats, Damage, Rows, Scratch, Sections, decode_values, encode_sections, encode_values};

/// One minute, the width of the finer level, in milliseconds.
pub const MINUTE_MS: i64 = 60_000;
/// One hour, the width of the coarser level, in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;

/// The start of the bucket of this width that `at` falls into (UTC).
pub fn bucket_start(at: i64, width_ms: i64) -> i64 {
    at.div_euclid(width_ms).saturating_mul(width_ms)
}

/// Partial buckets of a stream, ascending by start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rollup {
    /// Start of each bucket, milliseconds.
    pub start: Vec<i64>,
    /// Rows in each bucket.
    pub count: Vec<i64>,
    /// Per metric, per bucket.
    pub columns: Vec<RollupColumn>,
}

/// One metric's values in each bucket.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RollupColumn {
    /// Least value of each bucket.
    pub min: Vec<f64>,
    /// Greatest value of each bucket.
    pub max: Vec<f64>,
    /// Sum of each bucket's values.
    pub sum: Vec<f64>,
}

impl RollupColumn {
    fn push(&mut self, stats: ColumnStats) {
        self.min.push(stats.min);
        self.max.push(stats.max);
        self.sum.push(stats.sum);
    }

    fn stats(&self, index: usize) -> ColumnStats {
        ColumnStats {
            min: self.min[index],
            max: self.max[index],
            sum: self.sum[index],
        }
    }
}

/// Two parts of one bucket as one.
pub fn combine(a: ColumnStats, b: ColumnStats) -> ColumnStats {
    ColumnStats {
        min: if b.min < a.min { b.min } else { a.min },
        max: if b.max > a.max { b.max } else { a.max },
        sum: a.sum + b.sum,
    }
}

impl Rollup {
    /// Empty, for `columns` metrics.
    pub fn with_columns(columns: usize) -> Self {
        Rollup {
            columns: vec![RollupColumn::default(); columns],
            ..Self::default()
        }
    }

    /// How many buckets of this width the sorted instants touch.
    pub fn count_buckets(at: &[i64], width_ms: i64) -> usize {
        runs(at, width_ms).count()
    }

    /// Rolls up sorted rows `[from, to)`.
    pub fn of_rows(rows: &Rows, from: usize, to: usize, width_ms: i64, scratch: &mut Scratch) -> Self {
        let at = &rows.at[from..to];
        let mut rollup = Rollup::with_columns(rows.columns.len());
        for run in runs(at, width_ms) {
            rollup.start.push(bucket_start(at[run.start], width_ms));
            rollup.count.push(run.len() as i64);
        }
        for (out, values) in rollup.columns.iter_mut().zip(&rows.columns) {
            let values = &values[from..to];
            match super::chunk::as_decimal(values, scratch) {
                Some(decimal) => runs(at, width_ms).for_each(|run| out.push(decimal.stats(&decimal.ints[run]))),
                None => runs(at, width_ms).for_each(|run| out.push(super::chunk::float_stats(&values[run]))),
            }
        }
        rollup
    }

    /// A whole chunk that lies in one bucket, from its statistics.
    pub fn of_stats(start: i64, count: i64, stats: &[ColumnStats]) -> Self {
        let mut rollup = Rollup::with_columns(stats.len());
        rollup.start.push(start);
        rollup.count.push(count);
        for (out, stats) in rollup.columns.iter_mut().zip(stats) {
            out.push(*stats);
        }
        rollup
    }

    /// Joins partial roll-ups of one stream into buckets of `width_ms` (not finer than theirs), each start once.
    pub fn join(parts: &[Rollup], columns: usize, width_ms: i64) -> Self {
        let mut entries: Vec<(i64, usize, usize)> = Vec::new();
        for (part, rollup) in parts.iter().enumerate() {
            entries.extend(
                rollup
                    .start
                    .iter()
                    .enumerate()
                    .map(|(i, &s)| (bucket_start(s, width_ms), part, i)),
            );
        }
        entries.sort_unstable();
        let mut joined = Rollup::with_columns(columns);
        for (start, part, index) in entries {
            let source = &parts[part];
            match (joined.start.last(), joined.count.last_mut()) {
                (Some(last), Some(count)) if *last == start => {
                    *count += source.count[index];
                    for (out, column) in joined.columns.iter_mut().zip(&source.columns) {
                        let bucket = out.min.len() - 1;
                        let both = combine(out.stats(bucket), column.stats(index));
                        (out.min[bucket], out.max[bucket], out.sum[bucket]) = (both.min, both.max, both.sum);
                    }
                }
                _ => {
                    joined.start.push(start);
                    joined.count.push(source.count[index]);
                    for (out, column) in joined.columns.iter_mut().zip(&source.columns) {
                        out.push(column.stats(index));
                    }
                }
            }
        }
        joined
    }

    /// One metric of the buckets, as (start, count, statistics).
    pub fn column(&self, column: usize) -> impl Iterator<Item = (i64, i64, ColumnStats)> + '_ {
        (0..self.start.len()).map(move |i| (self.start[i], self.count[i], self.columns[column].stats(i)))
    }

    /// As bytes under a checksum.
    pub fn encode(&self, scratch: &mut Scratch) -> Vec<u8> {
        encode_sections(3 + 3 * self.columns.len(), |index, out| match index {
            0 => out.extend_from_slice(&(self.start.len() as u32).to_le_bytes()),
            1 => bits::encode(&self.start, &mut Vec::new(), out),
            2 => bits::encode(&self.count, &mut Vec::new(), out),
            other => {
                let column = &self.columns[(other - 3) / 3];
                let values = match (other - 3) % 3 {
                    0 => &column.min,
                    1 => &column.max,
                    _ => &column.sum,
                };
                encode_values(values, scratch, out);
            }
        })
    }

    /// Reads back one metric of [`Rollup::encode`]'s bytes.
    pub fn decode_column(stored: &[u8], columns: usize, column: usize) -> Result<Self, Damage> {
        Self::decode_some(stored, columns, column..column + 1)
    }

    /// Reads back all of [`Rollup::encode`]'s bytes.
    pub fn decode(stored: &[u8], columns: usize) -> Result<Self, Damage> {
        Self::decode_some(stored, columns, 0..columns)
    }

    fn decode_some(stored: &[u8], columns: usize, wanted: std::ops::Range<usize>) -> Result<Self, Damage> {
        let sections = Sections::open(stored, 3 + 3 * columns)?;
        let count = *sections.section(0)?.first_chunk::<4>().ok_or(Damage::Layout)?;
        let buckets = u32::from_le_bytes(count) as usize;
        let values = |section: usize| decode_values(sections.section(section)?, buckets);
        Ok(Rollup {
            start: bits::decode(&mut sections.section(1)?, buckets)?,
            count: bits::decode(&mut sections.section(2)?, buckets)?,
            columns: wanted
                .map(|c| {
                    Ok(RollupColumn {
                        min: values(3 + 3 * c)?,
                        max: values(4 + 3 * c)?,
                        sum: values(5 + 3 * c)?,
                    })
                })
                .collect::<Result<_, Damage>>()?,
        })
    }
}

/// Index ranges of sorted instants that share a bucket.
fn runs(at: &[i64], width_ms: i64) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = bucket_start(*at.get(from)?, width_ms);
        let end = start.saturating_add(width_ms);
        let length = at[from..]
            .iter()
            .position(|&t| t >= end)
            .unwrap_or(at.len() - from)
            .max(1);
        from += length;
        Some(from - length..from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn brute_force(rows: &[(i64, f64)], width_ms: i64) -> BTreeMap<i64, (i64, f64, f64, f64)> {
        let mut buckets = BTreeMap::new();
        for &(at, v) in rows {
            let b = buckets
                .entry(at.div_euclid(width_ms) * width_ms)
                .or_insert((0, f64::MAX, f64::MIN, 0.0));
            *b = (b.0 + 1, b.1.min(v), b.2.max(v), b.3 + v);
        }
        buckets
    }

    fn rows(mut points: Vec<(i64, f64)>) -> Rows {
        points.sort_by_key(|p| p.0);
        Rows {
            at: points.iter().map(|p| p.0).collect(),
            columns: vec![points.iter().map(|p| p.1).collect()],
        }
    }

    fn points() -> impl Strategy<Value = Vec<(i64, f64)>> {
        proptest::collection::vec(
            (
                -10_000_000i64..10_000_000,
                (-5000i64..5000).prop_map(|v| v as f64 / 100.0),
            ),
            1..200,
        )
    }

    proptest! {
        #[test]
        fn parts_in_any_split_add_up_to_the_whole(early in points(), late in points(), hours in any::<bool>()) {
            let width = if hours { HOUR_MS } else { MINUTE_MS };
            let mut scratch = Scratch::default();
            let parts: Vec<Rollup> = [early.clone(), late.clone()].into_iter().map(|p| {
                let rows = rows(p);
                let rollup = Rollup::of_rows(&rows, 0, rows.at.len(), MINUTE_MS, &mut scratch);
                let stored = rollup.encode(&mut scratch);
                assert_eq!(Rollup::decode(&stored, 1), Ok(rollup.clone()));
                rollup
            }).collect();
            let joined = Rollup::join(&parts, 1, width);
            let all: Vec<_> = early.into_iter().chain(late).collect();
            let expected = brute_force(&all, width);
            prop_assert_eq!(joined.start.len(), expected.len());
            for (start, count, stats) in joined.column(0) {
                let want = expected[&start];
                prop_assert_eq!((count, stats.min, stats.max), (want.0, want.1, want.2));
                prop_assert!((stats.sum - want.3).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn one_bucket_from_statistics_equals_one_from_rows() {
        let rows = rows(vec![(60_000, 1.5), (60_500, 2.25), (119_999, -1.0)]);
        let rollup = Rollup::of_rows(&rows, 0, 3, MINUTE_MS, &mut Scratch::default());
        let stats = super::super::chunk::float_stats(&rows.columns[0]);
        assert_eq!(rollup, Rollup::of_stats(60_000, 3, &[stats]));
    }
}
