//! Whole numbers packed into as few bits as each block of 64 needs, as they are or as differences. Pure.
//!
//! Chosen over `pco` for what sensors send (numbers with a few decimals): on 512 rows of noise around a level it is within
//! 4 % of its size at a quarter to two thirds of its time (`docs/decisions/history-chunks.md`). It never interprets the numbers.

use super::chunk::Damage;

const BLOCK: usize = 64;
const AS_THEY_ARE: u8 = 0;
const DIFFERENCES: u8 = 1;

/// Appends `values` to `out`, choosing values or differences, whichever is shorter. `scratch` is overwritten.
pub fn encode(values: &[i64], scratch: &mut Vec<i64>, out: &mut Vec<u8>) {
    scratch.clear();
    let mut previous = 0i64;
    scratch.extend(values.iter().map(|&v| {
        let difference = v.wrapping_sub(previous);
        previous = v;
        difference
    }));
    // The first value stands apart, as if it followed one at the usual distance, or it would widen its block.
    let usual = scratch.get(1).copied().unwrap_or(0);
    let before = values.first().copied().unwrap_or(0).wrapping_sub(usual);
    if let Some(first) = scratch.first_mut() {
        *first = usual;
    }
    if packed_bits(scratch) < packed_bits(values) {
        out.push(DIFFERENCES);
        put_varint(out, zigzag(before));
        pack(scratch, out);
    } else {
        out.push(AS_THEY_ARE);
        pack(values, out);
    }
}

/// Reads `count` numbers from the front of `input` and moves it past them.
pub fn decode(input: &mut &[u8], count: usize) -> Result<Vec<i64>, Damage> {
    match take(input, 1)?[0] {
        AS_THEY_ARE => unpack(input, count),
        DIFFERENCES => {
            let mut sum = unzigzag(take_varint(input)?);
            let mut values = unpack(input, count)?;
            for value in &mut values {
                sum = sum.wrapping_add(*value);
                *value = sum;
            }
            Ok(values)
        }
        _ => Err(Damage::Layout),
    }
}

fn range(block: &[i64]) -> (i64, u32) {
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for &v in block {
        low = low.min(v);
        high = high.max(v);
    }
    (low, 64 - (high.wrapping_sub(low) as u64).leading_zeros())
}

fn packed_bits(values: &[i64]) -> usize {
    values
        .chunks(BLOCK)
        .map(|block| range(block).1 as usize * block.len())
        .sum()
}

fn pack(values: &[i64], out: &mut Vec<u8>) {
    let mut base = 0i64;
    for block in values.chunks(BLOCK) {
        let (low, width) = range(block);
        out.push(width as u8);
        put_varint(out, zigzag(low.wrapping_sub(base)));
        base = low;
        if width == 0 {
            continue;
        }
        let (mut word, mut filled) = (0u64, 0u32);
        for &v in block {
            let offset = v.wrapping_sub(low) as u64;
            word |= offset << filled;
            filled += width;
            if filled >= 64 {
                out.extend_from_slice(&word.to_le_bytes());
                filled -= 64;
                // What did not fit: the top `filled` bits of the offset.
                word = if filled == 0 { 0 } else { offset >> (width - filled) };
            }
        }
        out.extend_from_slice(&word.to_le_bytes()[..filled.div_ceil(8) as usize]);
    }
}

fn unpack(input: &mut &[u8], count: usize) -> Result<Vec<i64>, Damage> {
    let mut values = Vec::with_capacity(count);
    let mut base = 0i64;
    while values.len() < count {
        let length = BLOCK.min(count - values.len());
        let width = u32::from(take(input, 1)?[0]);
        if width > 64 {
            return Err(Damage::Layout);
        }
        base = base.wrapping_add(unzigzag(take_varint(input)?));
        if width == 0 {
            values.resize(values.len() + length, base);
            continue;
        }
        let bytes = take(input, (length * width as usize).div_ceil(8))?;
        let mask = u64::MAX >> (64 - width);
        let mut bit = 0usize;
        for _ in 0..length {
            let at = bit / 8;
            let mut window = [0u8; 16];
            let end = (at + 9).min(bytes.len());
            window[..end - at].copy_from_slice(&bytes[at..end]);
            let offset = (u128::from_le_bytes(window) >> (bit % 8)) as u64 & mask;
            values.push(base.wrapping_add(offset as i64));
            bit += width as usize;
        }
    }
    Ok(values)
}

/// Small magnitudes to small unsigned numbers.
fn zigzag(v: i64) -> u64 {
    ((v << 1) ^ (v >> 63)) as u64
}

fn unzigzag(v: u64) -> i64 {
    (v >> 1) as i64 ^ -((v & 1) as i64)
}

fn put_varint(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

fn take_varint(input: &mut &[u8]) -> Result<u64, Damage> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(input, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Damage::Layout)
}

/// The next `count` bytes, or [`Damage::Layout`] where the input ends before.
pub(super) fn take<'a>(input: &mut &'a [u8], count: usize) -> Result<&'a [u8], Damage> {
    let (head, tail) = input.split_at_checked(count).ok_or(Damage::Layout)?;
    *input = tail;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(values: &[i64]) -> usize {
        let mut out = Vec::new();
        encode(values, &mut Vec::new(), &mut out);
        let mut input = out.as_slice();
        assert_eq!(decode(&mut input, values.len()), Ok(values.to_vec()));
        assert!(input.is_empty(), "nothing may be left over");
        out.len()
    }

    #[test]
    fn even_spacing_costs_no_bits() {
        let times: Vec<i64> = (0..512).map(|i| 1_732_250_000_000 + i * 1_000).collect();
        assert!(check(&times) < 40);
    }

    #[test]
    fn the_widest_numbers_survive() {
        check(&[i64::MIN, i64::MAX, 0, -1, 1, i64::MAX, i64::MIN]);
        check(&[]);
        check(&[i64::MIN; 65]);
    }

    proptest! {
        #[test]
        fn any_numbers_come_back(values in proptest::collection::vec(any::<i64>(), 0..200)) {
            check(&values);
        }

        #[test]
        fn small_numbers_come_back(values in proptest::collection::vec(-1000i64..1000, 0..300)) {
            check(&values);
        }

        #[test]
        fn rubbish_is_refused_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0usize..300) {
            drop(decode(&mut bytes.as_slice(), count));
        }
    }
}
