//! The data hash: BLAKE3 over the decoded rows of each instrument, in total order.
//!
//! Invariants: a function of the rows alone, so it is equal for every source, chunk size and merge. A row is
//! its little-endian fields: exchange time, receive time, kind, aggressor, and for a trade its price and
//! quantity, for a book the two level counts and then each shown level's price and quantity.

use super::stream::Row;
use crate::wire::{Instrument, LEVELS_MAX, kind};
use alloc::vec::Vec;

/// What is hashed at once: chunks of BLAKE3 enough for the widest vectors it has, from the first byte on, since it hashes
/// several at a time only where they begin at a power of two.
const HASHED_BYTES: usize = 16_384;
const LEVEL_BYTES: usize = 8 + 4;
const ROW_BYTES_MAX: usize = 8 + 8 + 2 + 2 + 2 * LEVELS_MAX * LEVEL_BYTES;

/// A hash in the making for each instrument.
#[derive(Debug)]
pub struct DataHash {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    hasher: blake3::Hasher,
    stage: Vec<u8>,
    rows: u64,
}

impl DataHash {
    /// Nothing hashed yet.
    pub fn new(instruments: usize) -> Self {
        let part = || Part {
            hasher: blake3::Hasher::new(),
            stage: Vec::with_capacity(HASHED_BYTES + ROW_BYTES_MAX),
            rows: 0,
        };
        DataHash { parts: (0..instruments).map(|_| part()).collect() }
    }

    /// Adds a row of an instrument.
    pub fn update(&mut self, row: &Row) {
        let part = &mut self.parts[row.event.instrument as usize];
        part.rows += 1;
        let event = &row.event;
        // Written where they stay, since a copy of what was just written has to wait for it.
        let start = part.stage.len();
        part.stage.resize(start + ROW_BYTES_MAX, 0);
        let mut put = Put { bytes: &mut part.stage[start..], len: 0 };
        put.word(event.ts_exch_ns);
        put.word(event.ts_recv_ns);
        put.byte(event.kind);
        put.byte(event.aggressor as u8);
        if event.kind == kind::TRADE {
            put.word(event.trade_price);
            put.half(event.trade_qty);
        } else {
            let depth = &row.depth;
            put.byte(depth.bid_levels);
            put.byte(depth.ask_levels);
            let touch = (event.bid_price, event.bid_qty);
            put.side(depth.bid_levels, touch, &depth.bid_price, &depth.bid_qty);
            let touch = (event.ask_price, event.ask_qty);
            put.side(depth.ask_levels, touch, &depth.ask_price, &depth.ask_qty);
        }
        let len = put.len;
        part.stage.truncate(start + len);
        if part.stage.len() >= HASHED_BYTES {
            part.hasher.update(&part.stage[..HASHED_BYTES]);
            part.stage.copy_within(HASHED_BYTES.., 0);
            part.stage.truncate(part.stage.len() - HASHED_BYTES);
        }
    }

    /// The hash of everything so far: for each instrument in order its symbol, row count and row hash.
    pub fn finish(&self, instruments: &[Instrument]) -> [u8; 32] {
        let mut all = blake3::Hasher::new();
        for (part, instrument) in self.parts.iter().zip(instruments) {
            let mut hasher = part.hasher.clone();
            hasher.update(&part.stage);
            all.update(&(instrument.symbol.len() as u64).to_le_bytes());
            all.update(instrument.symbol.as_bytes());
            all.update(&part.rows.to_le_bytes());
            all.update(hasher.finalize().as_bytes());
        }
        *all.finalize().as_bytes()
    }
}

/// Bytes of one row in the making; it never has more than there is room for.
struct Put<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl Put<'_> {
    #[inline]
    fn put<const N: usize>(&mut self, value: [u8; N]) {
        self.bytes[self.len..self.len + N].copy_from_slice(&value);
        self.len += N;
    }

    #[inline]
    fn word(&mut self, value: i64) {
        self.put(value.to_le_bytes());
    }

    #[inline]
    fn half(&mut self, value: u32) {
        self.put(value.to_le_bytes());
    }

    #[inline]
    fn byte(&mut self, value: u8) {
        self.put([value]);
    }

    #[inline]
    fn side(
        &mut self,
        levels: u8,
        (price, qty): (i64, u32),
        [a, b, c, d]: &[i64; LEVELS_MAX - 1],
        [e, f, g, h]: &[u32; LEVELS_MAX - 1],
    ) {
        let levels_all = [(price, qty), (*a, *e), (*b, *f), (*c, *g), (*d, *h)];
        let side = &mut self.bytes[self.len..self.len + LEVELS_MAX * LEVEL_BYTES];
        for (place, (price, qty)) in side.chunks_exact_mut(LEVEL_BYTES).zip(levels_all) {
            place[..8].copy_from_slice(&price.to_le_bytes());
            place[8..].copy_from_slice(&qty.to_le_bytes());
        }
        self.len += usize::from(levels).min(LEVELS_MAX) * LEVEL_BYTES;
    }
}
