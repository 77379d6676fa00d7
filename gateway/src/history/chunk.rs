//! The form of stored rows: one column of instants and one per metric, each packed by itself, under a checksum. Pure.
//!
//! Values come back bit for bit. A column whose values have at most six decimals is stored as whole numbers; any other
//! goes through `pco`. It never drops, merges or reorders rows.

use super::bits::{self, take};
use pco::standalone::{simple_compress, simple_decompress};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

/// Why stored bytes cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The bytes are not those that were written.
    #[error("checksum does not match")]
    Checksum,
    /// The bytes do not follow the layout of this version.
    #[error("layout cannot be read")]
    Layout,
}

/// Count is the chunk's; these are one metric's, over all its rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ColumnStats {
    /// The least value.
    pub min: f64,
    /// The greatest value.
    pub max: f64,
    /// The sum of all values; exact before its one rounding where values have at most six decimals.
    pub sum: f64,
}

const LAYOUT: u8 = 1;
const DECIMAL_LAST: u8 = 6;
const PCO_F64: u8 = 16;
const PCO_F32: u8 = 17;
const PLAIN: u8 = 18;
/// Below this many rows, training `pco` costs more than it saves.
const PCO_ROWS_MIN: usize = 64;
const POWERS: [f64; DECIMAL_LAST as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
/// Adding and subtracting 1.5 · 2⁵² rounds to a whole number where |x| < 2⁵¹; the sum's low bits are that number.
const ROUNDER: f64 = 6_755_399_441_055_744.0;
const ROUNDER_LIMIT: f64 = 2_251_799_813_685_248.0;

/// What encoding needs again and again; keep one and reuse it.
#[derive(Debug, Default)]
pub struct Scratch {
    ints: Vec<i64>,
    differences: Vec<i64>,
}

/// A column as whole numbers of 10^-`decimals`, where every value is exactly one.
#[derive(Debug, Clone, Copy)]
pub struct Decimal<'a> {
    /// The whole numbers.
    pub ints: &'a [i64],
    /// 0 to 6.
    pub decimals: u8,
}

impl Decimal<'_> {
    /// The value that `int` stands for.
    pub fn value(self, int: i64) -> f64 {
        int as f64 / POWERS[usize::from(self.decimals)]
    }

    /// What some of the whole numbers span. The sum is exact before its one rounding.
    pub fn stats(self, ints: &[i64]) -> ColumnStats {
        let (mut low, mut high, mut sum) = (i64::MAX, i64::MIN, 0i128);
        // 4096 · 2⁵¹ stays within 64 bits.
        for block in ints.chunks(4096) {
            let mut part = 0i64;
            for &int in block {
                low = low.min(int);
                high = high.max(int);
                part += int;
            }
            sum += i128::from(part);
        }
        let power = POWERS[usize::from(self.decimals)];
        ColumnStats {
            min: self.value(low),
            max: self.value(high),
            sum: sum as f64 / power,
        }
    }
}

/// Finds the fewest decimals that describe every value exactly, if six are enough.
pub fn as_decimal<'s>(values: &[f64], scratch: &'s mut Scratch) -> Option<Decimal<'s>> {
    let magnitude = values.iter().fold(0.0f64, |m, v| if v.abs() > m { v.abs() } else { m });
    let ints = &mut scratch.ints;
    ints.resize(values.len(), 0);
    let mut decimals = 0;
    while decimals <= DECIMAL_LAST {
        let power = POWERS[usize::from(decimals)];
        if magnitude * power >= ROUNDER_LIMIT {
            return None;
        }
        // A few values first: most columns need more than no decimals.
        if values.iter().take(4).all(|&v| whole(v, power).1 == 0) {
            let mut wrong = 0u64;
            for (slot, &v) in ints.iter_mut().zip(values) {
                let (int, difference) = whole(v, power);
                *slot = int;
                wrong |= difference;
            }
            if wrong == 0 {
                return Some(Decimal {
                    ints: &scratch.ints,
                    decimals,
                });
            }
        }
        decimals += 1;
    }
    None
}

/// The nearest whole number to `v · power`, and non-zero if dividing it again does not give `v`, sign of zero included.
#[inline(always)]
fn whole(v: f64, power: f64) -> (i64, u64) {
    let raised = v * power + ROUNDER;
    let int = (raised.to_bits() as i64).wrapping_sub(ROUNDER.to_bits() as i64);
    (int, ((raised - ROUNDER) / power).to_bits() ^ v.to_bits())
}

/// Appends one column of values to `out` and says what they span.
pub fn encode_values(values: &[f64], scratch: &mut Scratch, out: &mut Vec<u8>) -> ColumnStats {
    let stats;
    if let Some(decimal) = as_decimal(values, scratch) {
        stats = decimal.stats(decimal.ints);
        out.push(decimal.decimals);
        let mut differences = std::mem::take(&mut scratch.differences);
        bits::encode(&scratch.ints, &mut differences, out);
        scratch.differences = differences;
        return stats;
    }
    stats = float_stats(values);
    let start = out.len();
    if values.len() >= PCO_ROWS_MIN {
        // Level 2 with the mode given: a fifth of the automatic choice's time, within a few percent of its size.
        let config = ChunkConfig::default()
            .with_compression_level(2)
            .with_mode_spec(ModeSpec::Classic)
            .with_delta_spec(DeltaSpec::NoOp);
        let narrow: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        let is_narrow = narrow
            .iter()
            .zip(values)
            .all(|(n, v)| f64::from(*n).to_bits() == v.to_bits());
        let packed = if is_narrow {
            simple_compress(&narrow, &config)
        } else {
            simple_compress(values, &config)
        };
        if let Ok(packed) = packed
            && packed.len() < values.len() * 8
        {
            out.push(if is_narrow { PCO_F32 } else { PCO_F64 });
            out.extend_from_slice(&packed);
            return stats;
        }
    }
    out.truncate(start);
    out.push(PLAIN);
    out.extend(values.iter().flat_map(|v| v.to_bits().to_le_bytes()));
    stats
}

/// Reads back what [`encode_values`] wrote.
pub fn decode_values(mut input: &[u8], count: usize) -> Result<Vec<f64>, Damage> {
    let exact = |values: Vec<f64>| {
        if values.len() == count {
            Ok(values)
        } else {
            Err(Damage::Layout)
        }
    };
    match take(&mut input, 1)?[0] {
        decimals @ 0..=DECIMAL_LAST => {
            let power = POWERS[usize::from(decimals)];
            Ok(bits::decode(&mut input, count)?
                .into_iter()
                .map(|int| int as f64 / power)
                .collect())
        }
        PCO_F64 => exact(simple_decompress(input).map_err(|_| Damage::Layout)?),
        PCO_F32 => {
            let narrow: Vec<f32> = simple_decompress(input).map_err(|_| Damage::Layout)?;
            exact(narrow.into_iter().map(f64::from).collect())
        }
        PLAIN => {
            let bytes = take(&mut input, count.checked_mul(8).ok_or(Damage::Layout)?)?;
            let word = |b: &[u8]| f64::from_bits(b.iter().rev().fold(0, |w, byte| w << 8 | u64::from(*byte)));
            Ok(bytes.chunks_exact(8).map(word).collect())
        }
        _ => Err(Damage::Layout),
    }
}

/// What the values span, added up in their order.
pub fn float_stats(values: &[f64]) -> ColumnStats {
    let first = values.first().copied().unwrap_or(0.0);
    let mut stats = ColumnStats {
        min: first,
        max: first,
        sum: 0.0,
    };
    for &v in values {
        if v < stats.min {
            stats.min = v;
        }
        if v > stats.max {
            stats.max = v;
        }
        stats.sum += v;
    }
    stats
}

/// Packs sections (each written by a callback) behind a directory and in front of a checksum.
pub fn encode_sections(count: usize, mut section: impl FnMut(usize, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.push(LAYOUT);
    out.extend_from_slice(&(count as u16).to_le_bytes());
    let directory = out.len();
    out.resize(directory + 4 * count, 0);
    for index in 0..count {
        section(index, &mut out);
        let end = (out.len() as u32).to_le_bytes();
        out[directory + 4 * index..directory + 4 * index + 4].copy_from_slice(&end);
    }
    let sum = crc32fast::hash(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    out
}

/// Checked bytes of [`encode_sections`], with access to each section by itself.
#[derive(Debug, Clone, Copy)]
pub struct Sections<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> Sections<'a> {
    /// Checks the checksum and that there are `count` sections.
    pub fn open(stored: &'a [u8], count: usize) -> Result<Self, Damage> {
        let (bytes, sum) = stored.split_last_chunk::<4>().ok_or(Damage::Layout)?;
        if crc32fast::hash(bytes) != u32::from_le_bytes(*sum) {
            return Err(Damage::Checksum);
        }
        let header = bytes.get(..3).ok_or(Damage::Layout)?;
        if header[0] != LAYOUT || usize::from(u16::from_le_bytes([header[1], header[2]])) != count {
            return Err(Damage::Layout);
        }
        Ok(Sections { bytes, count })
    }

    /// One section's bytes.
    pub fn section(&self, index: usize) -> Result<&'a [u8], Damage> {
        if index >= self.count {
            return Err(Damage::Layout);
        }
        let start = if index == 0 {
            3 + 4 * self.count
        } else {
            self.end(index - 1)?
        };
        self.bytes.get(start..self.end(index)?).ok_or(Damage::Layout)
    }

    fn end(&self, index: usize) -> Result<usize, Damage> {
        let entry = self
            .bytes
            .get(3 + 4 * index..)
            .and_then(|b| b.first_chunk::<4>())
            .ok_or(Damage::Layout)?;
        Ok(u32::from_le_bytes(*entry) as usize)
    }
}

/// Rows in columns, sorted by time; rows of one instant in their order of arrival.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// Instants in milliseconds, ascending.
    pub at: Vec<i64>,
    /// One vector per metric, each as long as `at`.
    pub columns: Vec<Vec<f64>>,
}

impl Rows {
    /// Empty, with `columns` columns.
    pub fn with_columns(columns: usize) -> Self {
        Rows {
            at: Vec::new(),
            columns: vec![Vec::new(); columns],
        }
    }

    /// Forgets the rows, keeps the memory.
    pub fn reset(&mut self, columns: usize) {
        self.at.clear();
        self.columns.resize(columns, Vec::new());
        for column in &mut self.columns {
            column.clear();
        }
    }

    /// Appends rows that lie as instant, value, value, … (as bits), one after another.
    pub fn extend_from_interleaved(&mut self, rows: &[u64]) {
        let stride = self.columns.len() + 1;
        self.at.extend(rows.chunks_exact(stride).map(|row| row[0] as i64));
        for (index, column) in self.columns.iter_mut().enumerate() {
            column.extend(rows.chunks_exact(stride).map(|row| f64::from_bits(row[index + 1])));
        }
    }

    /// Appends other rows of the same columns.
    pub fn append(&mut self, other: &mut Rows) {
        self.at.append(&mut other.at);
        for (mine, theirs) in self.columns.iter_mut().zip(&mut other.columns) {
            mine.append(theirs);
        }
    }

    /// Sorts by time; rows of one instant keep their order.
    pub fn sort(&mut self) {
        if self.at.is_sorted() {
            return;
        }
        let mut order: Vec<u32> = (0..self.at.len() as u32).collect();
        order.sort_by_key(|&i| self.at[i as usize]);
        self.at = order.iter().map(|&i| self.at[i as usize]).collect();
        for column in &mut self.columns {
            *column = order.iter().map(|&i| column[i as usize]).collect();
        }
    }
}

/// Packs sorted rows `[from, to)`; the statistics of each column go to `stats`.
pub fn encode_rows(
    rows: &Rows,
    from: usize,
    to: usize,
    scratch: &mut Scratch,
    stats: &mut Vec<ColumnStats>,
) -> Vec<u8> {
    stats.clear();
    encode_sections(rows.columns.len() + 1, |index, out| match index.checked_sub(1) {
        None => bits::encode(&rows.at[from..to], &mut scratch.differences, out),
        Some(column) => stats.push(encode_values(&rows.columns[column][from..to], scratch, out)),
    })
}

/// The instants of a packed chunk.
pub fn decode_instants(sections: Sections<'_>, count: usize) -> Result<Vec<i64>, Damage> {
    bits::decode(&mut sections.section(0)?, count)
}

/// One metric's values of a packed chunk.
pub fn decode_column(sections: Sections<'_>, column: usize, count: usize) -> Result<Vec<f64>, Damage> {
    decode_values(sections.section(column + 1)?, count)
}

/// All rows of a packed chunk.
pub fn decode_rows(stored: &[u8], columns: usize, count: usize) -> Result<Rows, Damage> {
    let sections = Sections::open(stored, columns + 1)?;
    Ok(Rows {
        at: decode_instants(sections, count)?,
        columns: (0..columns)
            .map(|c| decode_column(sections, c, count))
            .collect::<Result<_, _>>()?,
    })
}

/// Statistics of a chunk's columns as bytes.
pub fn encode_stats(stats: &[ColumnStats]) -> Vec<u8> {
    stats
        .iter()
        .flat_map(|s| [s.min, s.max, s.sum])
        .flat_map(|v| v.to_bits().to_le_bytes())
        .collect()
}

/// Reads back what [`encode_stats`] wrote.
pub fn decode_stats(stored: &[u8], columns: usize) -> Result<Vec<ColumnStats>, Damage> {
    if stored.len() != columns * 24 {
        return Err(Damage::Layout);
    }
    let word = |b: &[u8]| f64::from_bits(b.iter().rev().fold(0, |w, byte| w << 8 | u64::from(*byte)));
    Ok(stored
        .chunks_exact(24)
        .map(|s| ColumnStats {
            min: word(&s[..8]),
            max: word(&s[8..16]),
            sum: word(&s[16..]),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[f64]) -> usize {
        let rows = Rows {
            at: (0..values.len() as i64).collect(),
            columns: vec![values.to_vec()],
        };
        let mut stats = Vec::new();
        let stored = encode_rows(&rows, 0, values.len(), &mut Scratch::default(), &mut stats);
        let back = decode_rows(&stored, 1, values.len()).expect("just written");
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back.columns[0]), bits(values));
        assert_eq!(decode_stats(&encode_stats(&stats), 1), Ok(stats.clone()));
        stored.len()
    }

    #[test]
    fn decimals_take_about_a_byte() {
        let values: Vec<f64> = (0..512u64)
            .map(|i| (1_500 + (i * 7_919) % 211) as f64 / 1_000.0)
            .collect();
        assert!(round_trip(&values) < 640);
    }

    #[test]
    fn awkward_numbers_survive_bit_for_bit() {
        let awkward = [
            0.0,
            -0.0,
            0.1 + 0.2,
            1e300,
            -1e-300,
            f64::MIN_POSITIVE,
            f64::MAX,
            2f64.powi(53),
            2f64.powi(51),
            1.5,
        ];
        round_trip(&awkward);
        for value in awkward {
            round_trip(&[value; 100]);
        }
        let narrow: Vec<f64> = (0..200).map(|i| f64::from(1.1f32 * i as f32)).collect();
        assert!(
            round_trip(&narrow) < 200 * 5 + 100,
            "values that fit 32 bits are kept in 32"
        );
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let rows = Rows {
            at: vec![1, 2, 3],
            columns: vec![vec![1.5, 2.5, 0.1 + 0.2]],
        };
        let stored = encode_rows(&rows, 0, 3, &mut Scratch::default(), &mut Vec::new());
        for index in 0..stored.len() {
            let mut changed = stored.clone();
            changed[index] ^= 0x40;
            assert!(decode_rows(&changed, 1, 3).is_err(), "byte {index}");
        }
        assert!(decode_rows(&stored[..stored.len() - 1], 1, 3).is_err());
    }

    proptest! {
        #[test]
        fn any_values_survive(bits in proptest::collection::vec(any::<u64>(), 1..200)) {
            let values: Vec<f64> = bits.into_iter().map(f64::from_bits).filter(|v| v.is_finite()).collect();
            round_trip(&values);
        }

        #[test]
        fn any_decimals_survive(ints in proptest::collection::vec(-100_000_000i64..100_000_000, 1..200), decimals in 0i32..8) {
            let values: Vec<f64> = ints.into_iter().map(|i| i as f64 / 10f64.powi(decimals)).collect();
            round_trip(&values);
            let (stats, plain) = (encode_values(&values, &mut Scratch::default(), &mut Vec::new()), float_stats(&values));
            prop_assert_eq!((stats.min, stats.max), (plain.min, plain.max));
            prop_assert!((stats.sum - plain.sum).abs() <= 1e-9 * (1.0 + plain.sum.abs().max(1e8)));
        }

        #[test]
        fn rubbish_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0usize..100) {
            drop(decode_values(&bytes, count));
            drop(decode_rows(&bytes, 2, count));
        }
    }
}
