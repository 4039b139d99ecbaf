//! What the three queue estimates made of an order (law 7).
//!
//! Invariants: arrays of three run from the longest queue to the shortest: pessimistic, model, optimistic. Units:
//! quantity in lots, time in ns.

use core::mem::{offset_of, size_of};

/// What the three estimates made of one order that rested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct QueueRow {
    /// Order.
    pub order_id: u64,
    /// When it joined the queue in which it ended, ns.
    pub ts_join_ns: i64,
    /// When it left the exchange in every world, ns.
    pub ts_end_ns: i64,
    /// First fill while it rested, ns; `UNDEF_TIME` for none: pessimistic, model, optimistic.
    pub ts_first_ns: [i64; 3],
    /// Filled quantity, lots.
    pub filled_qty: [u32; 3],
    /// Lots ahead at the end; `u32::MAX` where it is not known.
    pub ahead_qty: [u32; 3],
}

const _: () = assert!(size_of::<QueueRow>() == 72 && offset_of!(QueueRow, ahead_qty) == 60);
