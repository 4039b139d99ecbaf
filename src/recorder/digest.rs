//! The order digest: BLAKE3 over one fixed little-endian record for each order event, in lane order (law 11).
//!
//! A record is 56 bytes: lane time i64, exchange time i64, order id u64, price i64, quantity u32, quantity
//! still open u32, strategy u32, instrument u32, kind u8, side u8, reason or evidence u16, zero u32. Kinds 1 to
//! 7 are the [`crate::wire::ReportKind`]s; 16 submit, 17 amend, 18 cancel (sent: exchange time equals lane
//! time, reason 0); 32 fill (reason is the [`crate::wire::Evidence`]).

use super::OrderRow;
use crate::wire::{Fill, Report};
use arrayvec::ArrayVec;

const RECORD_BYTES: usize = 56;
const STAGE_BYTES: usize = RECORD_BYTES * 64;

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

    /// The event of a delivered report.
    pub fn report(report: &Report) -> Self {
        DigestRecord {
            ts_local_ns: report.ts_local_ns,
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

    /// The event of a delivered fill.
    pub fn fill(fill: &Fill) -> Self {
        DigestRecord {
            ts_local_ns: fill.ts_local_ns,
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

/// A digest in the making.
#[derive(Debug, Default)]
pub struct OrderDigest {
    hasher: blake3::Hasher,
    stage: ArrayVec<u8, STAGE_BYTES>,
}

impl OrderDigest {
    /// Adds an event.
    pub fn update(&mut self, record: &DigestRecord) {
        if self.stage.remaining_capacity() < RECORD_BYTES {
            self.hasher.update(&self.stage);
            self.stage.clear();
        }
        let mut put = |bytes: &[u8]| {
            let fits = self.stage.try_extend_from_slice(bytes).is_ok();
            debug_assert!(fits, "Invariant: the stage has room for a whole record");
        };
        put(&record.ts_local_ns.to_le_bytes());
        put(&record.ts_exch_ns.to_le_bytes());
        put(&record.order_id.to_le_bytes());
        put(&record.price.to_le_bytes());
        put(&record.qty.to_le_bytes());
        put(&record.leaves_qty.to_le_bytes());
        put(&record.strategy.to_le_bytes());
        put(&record.instrument.to_le_bytes());
        put(&[record.kind, record.side]);
        put(&record.reason.to_le_bytes());
        put(&[0; 4]);
    }

    /// The digest of everything so far.
    pub fn finish(&self) -> [u8; 32] {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.stage);
        *hasher.finalize().as_bytes()
    }
}
