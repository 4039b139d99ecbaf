//! What the synthetic exchange says: published rows, order-level truth, and the event stream.
//!
//! Invariants: `seq_no` counts published rows from 1 without a hole; levels are best first, at most
//! five, never of zero size; bids lie below asks. Units: time in ns since the Unix epoch (UTC),
//! price 1e-6 of the quote unit, quantity in lots. Plain data, no cost.

use arrayvec::ArrayVec;

/// How many price levels of each side a published book shows at most.
pub const DEPTH_MAX: usize = 5;

/// The shown levels of one side as (`price_e6`, `qty_lots`), best first.
pub type Levels = ArrayVec<(i64, i64), DEPTH_MAX>;

/// One published row: a book or a trade.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynthRow {
    /// Exchange time, ns UTC, on the configured grid.
    pub ts_exch_ns: i64,
    /// Position among the published rows, from 1.
    pub seq_no: u64,
    /// What the row says.
    pub body: Body,
}

/// The content of a published row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The five best levels of both sides.
    Book {
        /// Buy levels, highest price first.
        bids: Levels,
        /// Sell levels, lowest price first.
        asks: Levels,
    },
    /// All that one incoming order took at one price.
    Trade {
        /// Price in 1e-6 of the quote unit.
        price_e6: i64,
        /// Traded quantity, lots.
        qty_lots: i64,
        /// The aggressor: 1 bought, -1 sold.
        side: i8,
    },
}

/// How an order's life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its last lot was traded.
    Filled,
    /// Its last lot was withdrawn.
    Cancelled,
    /// It still rested when the session closed.
    Open,
}

impl End {
    /// The word that truth files use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filled => "filled",
            Self::Cancelled => "cancelled",
            Self::Open => "open",
        }
    }
}

/// What really happened to one order that rested. Absent times and sequences are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TruthRow {
    /// Unique over the tape, rising with arrival.
    pub order_id: u64,
    /// 1 buy, -1 sell.
    pub side: i8,
    /// Limit price, 1e-6.
    pub price_e6: i64,
    /// Quantity that came to rest, lots: what was left of it after any immediate trade.
    pub qty_lots: i64,
    /// When it joined, ns UTC.
    pub add_ts_ns: i64,
    /// Last row published before it joined; 0 when none was.
    pub add_after_seq_no: u64,
    /// Lots before it in its queue when it joined.
    pub queue_ahead_lots: i64,
    /// Orders before it in its queue when it joined.
    pub queue_ahead_orders: i64,
    /// Occupied levels of its own side with a better price when it joined.
    pub level: i64,
    /// Best price of the other side when it joined, 1e-6; 0 when that side was empty.
    pub opp_best_e6: i64,
    /// 0 an ordinary order, 1 resting since before the session.
    pub tag: i64,
    /// Lots traded.
    pub filled_lots: i64,
    /// First trade, ns UTC; 0 when none.
    pub first_fill_ts_ns: i64,
    /// Last trade or cancel, in part or whole, ns UTC; 0 for an open order that saw neither.
    pub last_ts_ns: i64,
    /// Lots withdrawn.
    pub cancelled_lots: i64,
    /// Last row published at `last_ts_ns`: the trade's own row after a fill, else the row before.
    pub last_after_seq_no: u64,
    /// How it ended.
    pub end: End,
}

/// What an order-level event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum L3Action {
    /// An order came to rest.
    Add,
    /// Some or all of an order was withdrawn.
    Cancel,
    /// Some or all of a resting order traded.
    Exec,
}

impl L3Action {
    /// The letter that event files use: A, C or X.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "A",
            Self::Cancel => "C",
            Self::Exec => "X",
        }
    }
}

/// One change of one resting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct L3Event {
    /// Exchange time, ns UTC.
    pub ts_exch_ns: i64,
    /// What happened.
    pub action: L3Action,
    /// The resting order.
    pub order_id: u64,
    /// The resting order's side: 1 buy, -1 sell.
    pub side: i8,
    /// The resting order's price, 1e-6.
    pub price_e6: i64,
    /// Lots added, withdrawn or traded.
    pub qty_lots: i64,
    /// Lots that rest after the event.
    pub remaining_lots: i64,
    /// Last published row; for an execution, the row of the trade itself.
    pub after_seq_no: u64,
}
