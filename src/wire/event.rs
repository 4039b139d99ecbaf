//! The market event: one 64-byte row, a complete five-level picture together with its 128-byte depth row.
//!
//! Invariants: [`Event`] is one cache line and closed (no spare byte); [`Depth`] is two. A row is never
//! written after it was finished by the feed. On a trade row the touch is the last displayed book, not a
//! guess of the book after the trade. Units: price 1e-6, quantity in lots, time in ns since the epoch, UTC.

use super::{LEVELS_MAX, UNDEF_PRICE};
use core::mem::{align_of, offset_of, size_of};

/// What a row says. Values are part of the ABI.
pub mod kind {
    /// A displayed book.
    pub const BOOK: u8 = 1;
    /// A trade print.
    pub const TRADE: u8 = 2;
    /// A session opens; made by the feed from the session calendar, not by the source.
    pub const SESSION_OPEN: u8 = 3;
    /// A session closes; made by the feed.
    pub const SESSION_CLOSE: u8 = 4;
}

/// What is special about a row. Values are part of the ABI.
pub mod flags {
    /// Outside every session of the instrument (trial matching included): kept from fills.
    pub const OUT_OF_SESSION: u16 = 1 << 0;
    /// The book in force is crossed or locked: kept from fills.
    pub const CROSSED: u16 = 1 << 1;
    /// The book in force shows no level on either side: kept from fills.
    pub const EMPTY_BOOK: u16 = 1 << 2;
    /// A price of the row is a sentinel ("market"), not a price: kept from fills.
    pub const SENTINEL: u16 = 1 << 3;
    /// A displayed size was larger than `u32` and is shown as `u32::MAX`.
    pub const QTY_SATURATED: u16 = 1 << 4;
    /// No book was displayed before this row.
    pub const NO_BOOK: u16 = 1 << 5;
    /// The receive clock is absent, or behind the exchange's.
    pub const NO_RECV_CLOCK: u16 = 1 << 6;
    /// The exchange time lies off the source's declared grid.
    pub const OFF_GRID: u16 = 1 << 7;
    /// The bid side shows no level.
    pub const NO_BID: u16 = 1 << 8;
    /// The ask side shows no level.
    pub const NO_ASK: u16 = 1 << 9;

    /// In a call auction: an indicative book, a trial match, or the mark of an auction's session. Kept from fills.
    pub const AUCTION: u16 = 1 << 10;
    /// The print of a call auction: fills the orders that took part in it, and no others.
    pub const AUCTION_PRINT: u16 = 1 << 11;

    /// A book that must not fill anything.
    pub const BOOK_INVALID: u16 =
        OUT_OF_SESSION | CROSSED | EMPTY_BOOK | SENTINEL | NO_BOOK | AUCTION;
    /// A trade that must not fill an order in continuous trading.
    pub const TRADE_INVALID: u16 = OUT_OF_SESSION | SENTINEL | AUCTION | AUCTION_PRINT;
}

/// Who took liquidity. Values are part of the ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Aggressor {
    /// The seller hit the bid.
    Sell = -1,
    /// The source does not say.
    Unknown = 0,
    /// The buyer lifted the offer.
    Buy = 1,
}

/// One market row, 64 bytes, one cache line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Event {
    /// Exchange time, ns, UTC.
    pub ts_exch_ns: i64,
    /// Recorded receive time, ns, UTC; `UNDEF_TIME` where the source has none.
    pub ts_recv_ns: i64,
    /// Best bid price, 1e-6; `UNDEF_PRICE` where the side is empty.
    pub bid_price: i64,
    /// Best ask price, 1e-6; `UNDEF_PRICE` where the side is empty.
    pub ask_price: i64,
    /// Quantity at the best bid, lots; 0 where the side is empty.
    pub bid_qty: u32,
    /// Quantity at the best ask, lots; 0 where the side is empty.
    pub ask_qty: u32,
    /// Trade price, 1e-6; `UNDEF_PRICE` unless the row is a trade.
    pub trade_price: i64,
    /// Trade quantity, lots; 0 unless the row is a trade.
    pub trade_qty: u32,
    /// Index of the depth row in force.
    pub depth_ix: u32,
    /// Instrument, as numbered by the run: the rank of the symbol's bytes.
    pub instrument: u32,
    /// What the row says, see [`kind`].
    pub kind: u8,
    /// Aggressor of a trade: 1 buy, -1 sell, 0 unknown or not a trade.
    pub aggressor: i8,
    /// What is special about the row, see [`flags`].
    pub flags: u16,
}

const _: () = assert!(size_of::<Event>() == 64 && align_of::<Event>() == 64);
const _: () = assert!(offset_of!(Event, trade_price) == 40 && offset_of!(Event, flags) == 62);

impl Event {
    /// A row of nothing, to be filled in.
    pub const EMPTY: Event = Event {
        ts_exch_ns: 0,
        ts_recv_ns: super::UNDEF_TIME,
        bid_price: UNDEF_PRICE,
        ask_price: UNDEF_PRICE,
        bid_qty: 0,
        ask_qty: 0,
        trade_price: UNDEF_PRICE,
        trade_qty: 0,
        depth_ix: 0,
        instrument: 0,
        kind: 0,
        aggressor: 0,
        flags: 0,
    };

    /// Whether the row may fill an order by the book it shows.
    pub fn is_book_valid(&self) -> bool {
        self.flags & flags::BOOK_INVALID == 0
    }

    /// Whether the row is a mark: a valid book of two sides, at whose mid positions are valued.
    #[inline]
    pub fn is_mark(&self) -> bool {
        const UNFIT: u16 = flags::BOOK_INVALID | flags::NO_BID | flags::NO_ASK;
        self.kind == kind::BOOK && self.flags & UNFIT == 0
    }

    /// Whether the row may fill an order by the trade it prints.
    pub fn is_trade_valid(&self) -> bool {
        self.kind == kind::TRADE && self.flags & flags::TRADE_INVALID == 0
    }
}

/// Levels two to five of both sides, 128 bytes. Only rows that carry a book own one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Depth {
    /// Bid prices of levels 2 to 5, 1e-6; `UNDEF_PRICE` beyond the last.
    pub bid_price: [i64; LEVELS_MAX - 1],
    /// Ask prices of levels 2 to 5, 1e-6; `UNDEF_PRICE` beyond the last.
    pub ask_price: [i64; LEVELS_MAX - 1],
    /// Bid quantities of levels 2 to 5, lots.
    pub bid_qty: [u32; LEVELS_MAX - 1],
    /// Ask quantities of levels 2 to 5, lots.
    pub ask_qty: [u32; LEVELS_MAX - 1],
    /// Levels the bid side shows, the touch included: 0 to 5.
    pub bid_levels: u8,
    /// Levels the ask side shows, the touch included: 0 to 5.
    pub ask_levels: u8,
    /// Zero. Kept for order counts per level.
    pub reserved: [u8; 30],
}

const _: () = assert!(size_of::<Depth>() == 128 && align_of::<Depth>() == 64);
const _: () = assert!(offset_of!(Depth, bid_qty) == 64 && offset_of!(Depth, bid_levels) == 96);

impl Depth {
    /// A picture of two empty sides.
    pub const EMPTY: Depth = Depth {
        bid_price: [UNDEF_PRICE; LEVELS_MAX - 1],
        ask_price: [UNDEF_PRICE; LEVELS_MAX - 1],
        bid_qty: [0; LEVELS_MAX - 1],
        ask_qty: [0; LEVELS_MAX - 1],
        bid_levels: 0,
        ask_levels: 0,
        reserved: [0; 30],
    };
}

/// One price level of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(C)]
pub struct Level {
    /// Price, 1e-6.
    pub price: i64,
    /// Quantity, lots.
    pub qty: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = assert!(size_of::<Level>() == 16);
