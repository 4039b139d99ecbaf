//! An execution, with its evidence: why the simulator believes that the order traded.
//!
//! Invariants: numbers are part of the ABI and never reused. Units: price 1e-6, quantity in lots, fee in
//! money units of 1e-6.

use core::mem::{offset_of, size_of};

/// Why a fill is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Evidence {
    /// A trade printed at a price worse than ours for the aggressor: it went through us.
    Through = 1,
    /// A trade printed at our price after the queue ahead was gone.
    At = 2,
    /// The opposite side displayed size at or through our price. Inferred, not printed.
    Crossed = 3,
    /// The order took displayed size on arrival.
    Taken = 4,
    /// A call auction that the order took part in printed, at the order's price or a better one for it.
    Auction = 5,
}

impl Evidence {
    /// A word for tables and files; stable.
    pub fn name(self) -> &'static str {
        match self {
            Evidence::Through => "through",
            Evidence::At => "at",
            Evidence::Crossed => "crossed",
            Evidence::Taken => "taken",
            Evidence::Auction => "auction",
        }
    }
}

/// One execution of one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Fill {
    /// When it traded, ns.
    pub ts_exch_ns: i64,
    /// When the strategy is told, ns.
    pub ts_local_ns: i64,
    /// Order.
    pub order_id: u64,
    /// The strategy's own mark on the order.
    pub tag: u64,
    /// Price, 1e-6.
    pub price: i64,
    /// Fees and taxes, money 1e-6.
    pub fee: i64,
    /// Quantity, lots.
    pub qty: u32,
    /// Quantity still open after this fill, lots; 0 when the order is gone.
    pub leaves_qty: u32,
    /// Instrument.
    pub instrument: u32,
    /// Strategy within the lane.
    pub strategy: u32,
    /// A [`super::Side`].
    pub side: u8,
    /// An [`Evidence`].
    pub evidence: u8,
    /// 1 where the fill rests on displayed size rather than on a print.
    pub inferred: u8,
    /// Zero.
    pub reserved: [u8; 5],
}

const _: () = assert!(size_of::<Fill>() == 72 && offset_of!(Fill, side) == 64);
