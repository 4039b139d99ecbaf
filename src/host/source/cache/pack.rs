//! Columns of integers in few bits: each value less the column's least, divided by what divides all, in as many
//! bits as the largest needs.
//!
//! Invariants: what was put in comes out, whatever it is: all arithmetic is modulo 2^64. A constant column takes no bits.
//! Prices on a tick and stamps on a grid lose both to the divisor. A reader given bytes that are no column says so and
//! never reads beyond them.
//!
//! Cost: some 0.5 ns a value out, 3 ns in.

/// Widest packed value; wider ones are whole words. A value of up to 57 bits begins and ends within eight bytes.
const WIDTH_MAX: u32 = 57;
/// Bytes before a column's bits: least, divisor, width.
const HEAD_BYTES: usize = 17;
/// Bytes behind the last column, so that every value can be read as eight.
pub(super) const PAD_BYTES: usize = 8;

/// Appends a column.
pub(super) fn put(out: &mut Vec<u8>, values: &[i64]) {
    let least = values.iter().copied().min().unwrap_or(0);
    let (mut divisor, mut widest) = (0, 0);
    for value in values {
        let over = value.wrapping_sub(least).cast_unsigned();
        widest = widest.max(over);
        if divisor != 1 {
            divisor = gcd(over, divisor);
        }
    }
    let divisor = divisor.max(1);
    let bits = 64 - (widest / divisor).leading_zeros();
    let width = if bits > WIDTH_MAX { 64 } else { bits };
    out.extend_from_slice(&least.to_le_bytes());
    out.extend_from_slice(&divisor.to_le_bytes());
    out.push(width as u8);
    let (mut word, mut used) = (0_u128, 0);
    if width == 0 {
        return;
    }
    for value in values {
        let over = value.wrapping_sub(least).cast_unsigned();
        // Most columns have no divisor, and a division costs more than all the rest.
        let over = if divisor == 1 { over } else { over / divisor };
        word |= u128::from(over) << used;
        used += width;
        if used >= 64 {
            out.extend_from_slice(&(word as u64).to_le_bytes());
            word >>= 64;
            used -= 64;
        }
    }
    out.extend_from_slice(&(word as u64).to_le_bytes()[..used.div_ceil(8) as usize]);
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The columns of a block, one after the other.
pub(super) struct Columns<'a> {
    bytes: &'a [u8],
}

impl<'a> Columns<'a> {
    /// Columns out of bytes that end in `PAD_BYTES` of padding.
    pub fn of(bytes: &'a [u8]) -> Self {
        Columns { bytes }
    }

    /// Gives the next column of `count` values to `take`, value by value; `None` if the bytes do not hold one.
    #[inline]
    pub fn take(&mut self, count: usize, mut take: impl FnMut(usize, i64)) -> Option<()> {
        let (head, rest) = self.bytes.split_at_checked(HEAD_BYTES)?;
        let least = i64::from_le_bytes(head[..8].try_into().ok()?);
        let divisor = i64::from_le_bytes(head[8..16].try_into().ok()?);
        let width = usize::from(head[16]);
        if width != 64 && width > WIDTH_MAX as usize {
            return None;
        }
        let len = count.checked_mul(width)?.div_ceil(8);
        if rest.len() < len + PAD_BYTES {
            return None;
        }
        self.bytes = &rest[len..];
        match width {
            0 => (0..count).for_each(|index| take(index, least)),
            64 => {
                for (index, bytes) in rest[..len].chunks_exact(8).enumerate() {
                    let over = i64::from_le_bytes(bytes.try_into().ok()?);
                    take(index, least.wrapping_add(over.wrapping_mul(divisor)));
                }
            }
            _ => {
                let mask = (1_u64 << width) - 1;
                let bits = &rest[..len + PAD_BYTES];
                let mut at = 0;
                for index in 0..count {
                    // Within bounds by the check above; the slice of eight makes it one load.
                    let bytes = bits.get(at >> 3..(at >> 3) + 8)?;
                    let word = u64::from_le_bytes(bytes.try_into().ok()?);
                    let over = ((word >> (at & 7)) & mask).cast_signed();
                    take(index, least.wrapping_add(over.wrapping_mul(divisor)));
                    at += width;
                }
            }
        }
        Some(())
    }

    /// A whole word that stands before a column.
    pub fn word(&mut self) -> Option<i64> {
        let (word, rest) = self.bytes.split_at_checked(8)?;
        self.bytes = rest;
        Some(i64::from_le_bytes(word.try_into().ok()?))
    }

    /// Whether nothing but the padding is left.
    pub fn is_done(&self) -> bool {
        self.bytes.len() == PAD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(values: &[i64]) -> usize {
        let mut bytes = Vec::new();
        put(&mut bytes, values);
        let len = bytes.len();
        put(&mut bytes, &[7]);
        bytes.extend_from_slice(&[0; PAD_BYTES]);
        let mut columns = Columns::of(&bytes);
        let mut out = Vec::new();
        columns.take(values.len(), |_, value| out.push(value)).unwrap();
        assert_eq!(out, values);
        columns.take(1, |_, value| assert_eq!(value, 7)).unwrap();
        assert!(columns.is_done());
        len - HEAD_BYTES
    }

    #[test]
    fn every_integer_comes_back() {
        assert_eq!(there_and_back(&[]), 0);
        assert_eq!(there_and_back(&[i64::MAX; 9]), 0);
        assert_eq!(there_and_back(&[i64::MIN, i64::MAX, 0, -1]), 32);
        // 0, 1, 2 and 3 ticks: two bits each.
        assert_eq!(there_and_back(&[100_000_000, 103_000_000, 101_000_000, 102_000_000]), 1);
        let mut x = 1_u64;
        for bits in 0..64 {
            let values: Vec<i64> = (0..77)
                .map(|_| {
                    x = x
                        .wrapping_mul(0x5851_F42D_4C95_7F2D)
                        .wrapping_add(1_442_695_040_888_963_407);
                    ((x >> 1) >> (63 - bits)).cast_signed()
                })
                .collect();
            there_and_back(&values);
        }
    }

    #[test]
    fn bytes_that_are_no_column_are_refused() {
        let mut bytes = Vec::new();
        put(&mut bytes, &[1, 2, 300]);
        bytes.extend_from_slice(&[0; PAD_BYTES]);
        for len in 0..bytes.len() {
            assert!(Columns::of(&bytes[..len]).take(3, |_, _| {}).is_none(), "{len} bytes");
        }
        bytes[16] = 60;
        assert!(Columns::of(&bytes).take(3, |_, _| {}).is_none(), "a width that is none");
        bytes[16] = 64;
        assert!(Columns::of(&bytes).take(usize::MAX / 2, |_, _| {}).is_none());
    }
}
