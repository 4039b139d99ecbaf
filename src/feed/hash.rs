//! The data hash: BLAKE3 over the decoded rows of each instrument, in total order.
//!
//! Invariants: a function of the rows alone, so it is equal for every source, chunk size and merge. A row is
//! its little-endian fields: exchange time, receive time, kind, aggressor, and for a trade its price and
//! quantity, for a book the two level counts and then each shown level's price and quantity.

use super::stream::Row;
use crate::book::Book;
use crate::wire::{Instrument, Side, kind};
use alloc::vec::Vec;
use arrayvec::ArrayVec;

const STAGE_BYTES: usize = 8_192;
const ROW_BYTES_MAX: usize = 8 + 8 + 2 + 2 + 10 * 12;

/// A hash in the making for each instrument.
#[derive(Debug)]
pub struct DataHash {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    hasher: blake3::Hasher,
    stage: ArrayVec<u8, STAGE_BYTES>,
    rows: u64,
}

impl DataHash {
    /// Nothing hashed yet.
    pub fn new(instruments: usize) -> Self {
        let part = || Part { hasher: blake3::Hasher::new(), stage: ArrayVec::new(), rows: 0 };
        DataHash { parts: (0..instruments).map(|_| part()).collect() }
    }

    /// Adds a row of an instrument.
    pub fn update(&mut self, row: &Row) {
        let part = &mut self.parts[row.event.instrument as usize];
        if part.stage.remaining_capacity() < ROW_BYTES_MAX {
            part.hasher.update(&part.stage);
            part.stage.clear();
        }
        part.rows += 1;
        let event = &row.event;
        let mut put = |bytes: &[u8]| {
            let fits = part.stage.try_extend_from_slice(bytes).is_ok();
            debug_assert!(fits, "Invariant: the stage has room for a whole record");
        };
        put(&event.ts_exch_ns.to_le_bytes());
        put(&event.ts_recv_ns.to_le_bytes());
        put(&[event.kind]);
        put(&event.aggressor.to_le_bytes());
        if event.kind == kind::TRADE {
            put(&event.trade_price.to_le_bytes());
            put(&event.trade_qty.to_le_bytes());
            return;
        }
        let book = Book { event, depth: &row.depth };
        put(&[row.depth.bid_levels, row.depth.ask_levels]);
        for side in [Side::Buy, Side::Sell] {
            for index in 0..book.levels(side) {
                if let Some((price, qty)) = book.level(side, index) {
                    put(&price.to_le_bytes());
                    put(&qty.to_le_bytes());
                }
            }
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
