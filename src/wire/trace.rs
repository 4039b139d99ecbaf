//! The life of one order, event by event: what moved it, and where it stood before and after.
//!
//! Invariants: made for an order that a caller asked to trace, and for no other; never part of a result. Arrays of three
//! run from the longest queue to the shortest: pessimistic, model, optimistic. Units: quantity in lots, queues in 2^-20
//! lots, time in ns. These rows do not cross the C ABI, so they are plain Rust.

use super::{Event, Fill, Reason, Report, ReportKind};

/// A queue whose length nobody knows, in place of 2^-20 lots.
pub const AHEAD_UNKNOWN: i64 = i64::MAX;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceWhat {
    /// The strategy sent the order.
    SentSubmit,
    /// The strategy asked for the row's price and total quantity.
    SentAmend,
    /// The strategy asked to cancel it.
    SentCancel,
    /// The exchange, or the broker before it, answered a request, or took the order out by itself.
    Answered(ReportKind, Reason),
    /// It took displayed size on arrival, at the row's price.
    Taken,
    /// It joined the queue at its price.
    Joined,
    /// A trade printed at its price.
    PrintAt,
    /// A trade printed at a price worse for the aggressor.
    PrintThrough,
    /// A valid book came.
    Book,
    /// The opposite side of that book reaches its price.
    Crossed,
    /// An auction printed at its price or at a better one for it.
    Auction,
    /// The venue cleared its book.
    SightLost,
    /// It is filled whole; another estimate has not filled it yet and is followed on.
    Haunts,
    /// It left in every estimate.
    Gone,
    /// The strategy was told this report.
    ToldReport(Report),
    /// The strategy was told this fill.
    ToldFill(Fill),
}

/// What is displayed at an order's price, lots of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Displayed {
    /// The price is out of view.
    Unknown,
    /// Nothing.
    Empty,
    /// So many lots.
    Lots(u32),
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What was displayed at its price when that was last in view, and whether it is.
    pub displayed: Displayed,
    /// The queue ahead, 2^-20 lots; [`AHEAD_UNKNOWN`].
    pub ahead: [i64; 3],
}

/// One event of the traced order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRow {
    /// When, ns: the strategy's time where it sent or was told something, else the exchange's.
    pub ts_ns: i64,
    /// What.
    pub what: TraceWhat,
    /// The market row that did it; of kind 0 where none did.
    pub event: Event,
    /// Limit price in force, 1e-6; for fills, the price of the trade.
    pub price: i64,
    /// Total quantity in force, lots.
    pub qty: u32,
    /// Filled by this event, lots.
    pub lots: [u32; 3],
    /// Filled so far, lots.
    pub filled: [u32; 3],
    /// Lots of this print that had left the displayed queue before, or of this drop that had printed before: counted
    /// once (law 5).
    pub netted: u32,
    /// Where it stood before; `None` where it was in no queue.
    pub before: Option<Place>,
    /// Where it stands now; `None` where it is in no queue.
    pub after: Option<Place>,
}

impl Place {
    /// Lots that left the displayed queue between two books that show the price.
    pub fn drop_to(&self, later: &Place) -> u32 {
        match (self.displayed, later.displayed) {
            (Displayed::Lots(before), Displayed::Lots(after)) => before.saturating_sub(after),
            (Displayed::Lots(before), Displayed::Empty) => before,
            _ => 0,
        }
    }
}

impl TraceRow {
    /// A row of something that moves no queue.
    pub fn plain(ts_ns: i64, what: TraceWhat, price: i64, qty: u32) -> Self {
        TraceRow {
            ts_ns,
            what,
            event: Event::EMPTY,
            price,
            qty,
            lots: [0; 3],
            filled: [0; 3],
            netted: 0,
            before: None,
            after: None,
        }
    }

    /// Whether the order is not as it was before: it moved, traded, was asked about, answered, or a print and its drop
    /// met. What is left are rows that were looked at and came to nothing.
    pub fn is_change(&self) -> bool {
        let is_market = self.event.kind != 0;
        !is_market || self.before != self.after || self.lots != [0; 3] || self.netted > 0
    }
}
