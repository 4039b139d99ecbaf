//! The order digest: BLAKE3 over one fixed little-endian record for each order event, in lane order (law 11).
//!
//! A record is 56 bytes: lane time i64, exchange time i64, order id u64, price i64, quantity u32, quantity
//! still open u32, strategy u32, instrument u32, kind u8, side u8, reason or evidence u16, zero u32. Kinds 1 to
//! 7 are the [`crate::wire::ReportKind`]s; 16 submit, 17 amend, 18 cancel (sent: exchange time equals lane
//! time, reason 0); 32 fill (reason is the [`crate::wire::Evidence`]).

use super::OrderRow;
use crate::wire::{Fill, Report};
use alloc::vec::Vec;

const RECORD_BYTES: usize = 56;
/// What is hashed at once: chunks of BLAKE3 enough for the widest vectors it has, from the first byte on, since it hashes
/// several at a time only where they begin at a power of two.
const HASHED_BYTES: usize = 16_384;
const STAGE_BYTES: usize = HASHED_BYTES + RECORD_BYTES;

/// One order event, before it is laid out in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DigestRecord {
    /// Lane time, ns.
    pub ts_local_ns: i64,
    /// Exchange time, ns.
    pub ts_exch_ns: i64,
    /// Order.
    pub order_id: u64,
    /// Price, 1e-6.
    pub price: i64,
    /// Quantity, lots.
    pub qty: u32,
    /// Quantity still open, lots.
    pub leaves_qty: u32,
    /// Strategy.
    pub strategy: u32,
    /// Instrument.
    pub instrument: u32,
    /// See the file's head.
    pub kind: u8,
    /// Side.
    pub side: u8,
    /// Reason or evidence.
    pub reason: u16,
}

impl DigestRecord {
    /// The event of a request about the order of `row` that was sent at `now_ns`; `kind` is 16, 17 or 18, price and
    /// quantity are what was asked for.
    pub fn sent(now_ns: i64, kind: u8, row: &OrderRow, price: i64, qty: u32) -> Self {
        DigestRecord {
            ts_local_ns: now_ns,
            ts_exch_ns: now_ns,
            order_id: row.order_id,
            price,
            qty,
            leaves_qty: row.qty - row.filled_qty,
            strategy: row.strategy,
            instrument: row.instrument,
            kind,
            side: row.side as u8,
            reason: 0,
        }
    }

    fn bytes(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let words = [
            self.ts_local_ns as u64,
            self.ts_exch_ns as u64,
            self.order_id,
            self.price as u64,
            u64::from(self.qty) | u64::from(self.leaves_qty) << 32,
            u64::from(self.strategy) | u64::from(self.instrument) << 32,
            u64::from(self.kind) | u64::from(self.side) << 8 | u64::from(self.reason) << 16,
        ];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// The event of a report that is delivered at `now_ns`.
    pub fn report(now_ns: i64, report: &Report) -> Self {
        DigestRecord {
            ts_local_ns: now_ns,
            ts_exch_ns: report.ts_exch_ns,
            order_id: report.order_id,
            price: report.price,
            qty: report.qty,
            leaves_qty: report.leaves_qty,
            strategy: report.strategy,
            instrument: report.instrument,
            kind: report.kind,
            side: report.side,
            reason: report.reason,
        }
    }

    /// The event of a fill that is delivered at `now_ns`.
    pub fn fill(now_ns: i64, fill: &Fill) -> Self {
        DigestRecord {
            ts_local_ns: now_ns,
            ts_exch_ns: fill.ts_exch_ns,
            order_id: fill.order_id,
            price: fill.price,
            qty: fill.qty,
            leaves_qty: fill.leaves_qty,
            strategy: fill.strategy,
            instrument: fill.instrument,
            kind: 32,
            side: fill.side,
            reason: u16::from(fill.evidence),
        }
    }
}

/// A digest in the making. Allocates once.
#[derive(Debug)]
pub struct OrderDigest {
    hasher: blake3::Hasher,
    stage: Vec<u8>,
}

impl Default for OrderDigest {
    fn default() -> Self {
        OrderDigest { hasher: blake3::Hasher::new(), stage: Vec::with_capacity(STAGE_BYTES) }
    }
}

impl OrderDigest {
    /// Adds an event.
    pub fn update(&mut self, record: &DigestRecord) {
        self.stage.extend_from_slice(&record.bytes());
        if self.stage.len() >= HASHED_BYTES {
            self.hash();
        }
    }

    #[cold]
    fn hash(&mut self) {
        self.hasher.update(&self.stage[..HASHED_BYTES]);
        self.stage.copy_within(HASHED_BYTES.., 0);
        self.stage.truncate(self.stage.len() - HASHED_BYTES);
    }

    /// The digest of everything so far.
    pub fn finish(&self) -> [u8; 32] {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.stage);
        *hasher.finalize().as_bytes()
    }
}
