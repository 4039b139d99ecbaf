//! One stream of rows, put into the total order within a bounded window of time.
//!
//! Invariants: `rows` is sorted by [`order`]; a row leaves only when no row that could precede it can still
//! come, that is when its time lies more than `reorder_ns` behind the newest row, or the stream is closed.
//! Never longer than its capacity, which is set at construction. Cost: one comparison a row when sorted.

use crate::wire::Fault;
use crate::wire::{Depth, Event, LEVELS_MAX, Status, UNDEF_PRICE, kind};
use alloc::collections::VecDeque;
use alloc::format;
use core::cmp::Ordering;

/// A row with all that decides its place.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The market row.
    pub event: Event,
    /// Its depth row; `Depth::EMPTY` for a trade.
    pub depth: Depth,
    /// The source's own sequence number; 0 where it has none.
    pub seq: u64,
}

impl Row {
    /// No row.
    pub const EMPTY: Row = Row { event: Event::EMPTY, depth: Depth::EMPTY, seq: 0 };

    /// Becomes a row without what its kind does not have: a touch on a trade, a print on a book, levels beyond the last one
    /// shown. Such bytes are no data (the data hash leaves them out), so neither order nor strategy may depend on them.
    fn set(&mut self, event: &Event, depth: &Depth, seq: u64) {
        let none = Event::EMPTY;
        (self.event, self.seq) = (*event, seq);
        let row = &mut self.event;
        row.depth_ix = none.depth_ix;
        if event.kind == kind::TRADE {
            (row.bid_price, row.bid_qty) = (none.bid_price, none.bid_qty);
            (row.ask_price, row.ask_qty) = (none.ask_price, none.ask_qty);
            self.depth = Depth::EMPTY;
            return;
        }
        (row.trade_price, row.trade_qty) = (none.trade_price, none.trade_qty);
        row.aggressor = none.aggressor;
        self.depth = *depth;
        self.depth.reserved = Depth::EMPTY.reserved;
        let (bids, asks) = (usize::from(depth.bid_levels), usize::from(depth.ask_levels));
        if bids < LEVELS_MAX {
            if bids == 0 {
                (row.bid_price, row.bid_qty) = (none.bid_price, none.bid_qty);
            }
            let below = bids.saturating_sub(1);
            self.depth.bid_price[below..].fill(UNDEF_PRICE);
            self.depth.bid_qty[below..].fill(0);
        }
        if asks < LEVELS_MAX {
            if asks == 0 {
                (row.ask_price, row.ask_qty) = (none.ask_price, none.ask_qty);
            }
            let below = asks.saturating_sub(1);
            self.depth.ask_price[below..].fill(UNDEF_PRICE);
            self.depth.ask_qty[below..].fill(0);
        }
    }
}

/// The total order of rows (law 1): time, trade before book, symbol, sequence, receive time, content.
///
/// The content is compared itself, not a hash of it: the same purpose, and no collisions. Rows equal in
/// all are interchangeable. Neither row number nor config order takes part.
pub fn order(a: &Row, b: &Row, trade_first: bool) -> Ordering {
    let rank = |row: &Row| (row.event.kind == kind::BOOK) == trade_first;
    (a.event.ts_exch_ns.cmp(&b.event.ts_exch_ns))
        .then_with(|| rank(a).cmp(&rank(b)))
        .then_with(|| a.event.instrument.cmp(&b.event.instrument))
        .then_with(|| a.seq.cmp(&b.seq))
        .then_with(|| a.event.ts_recv_ns.cmp(&b.event.ts_recv_ns))
        .then_with(|| order_content(a, b))
}

#[cold]
fn order_content(a: &Row, b: &Row) -> Ordering {
    let key = |row: &Row| {
        let e = &row.event;
        (
            (e.kind, e.trade_price, e.trade_qty, e.aggressor, e.flags),
            (e.bid_price, e.bid_qty, e.ask_price, e.ask_qty),
            (row.depth.bid_levels, row.depth.bid_price, row.depth.bid_qty),
            (row.depth.ask_levels, row.depth.ask_price, row.depth.ask_qty),
        )
    };
    key(a).cmp(&key(b))
}

/// A stream of rows in the making.
#[derive(Debug)]
pub struct Stream {
    rows: VecDeque<Row>,
    rows_max: usize,
    reorder_ns: i64,
    trade_first: bool,
    ts_newest_ns: i64,
    rows_taken: u64,
    closed: bool,
}

impl Stream {
    /// An empty, open stream. Allocates once.
    pub fn new(rows_max: usize, reorder_ns: i64, trade_first: bool) -> Self {
        Stream {
            rows: VecDeque::with_capacity(rows_max),
            rows_max,
            reorder_ns,
            trade_first,
            ts_newest_ns: i64::MIN,
            rows_taken: 0,
            closed: false,
        }
    }

    /// Rows taken so far: the number of the next one.
    pub fn rows_taken(&self) -> u64 {
        self.rows_taken
    }

    /// Whether another row can be taken.
    pub fn has_room(&self) -> bool {
        self.rows.len() < self.rows_max
    }

    /// Takes a raw row to its place in the order. Returns whether it had to be moved before another.
    ///
    /// A row further back in time than the window is refused, by its number within the stream.
    pub fn push(&mut self, event: &Event, depth: &Depth, seq: u64) -> Result<bool, Fault> {
        let ts_ns = event.ts_exch_ns;
        if self.closed {
            return Err(Fault::new(
                Status::InvalidState,
                "rows pushed into a closed stream".into(),
            ));
        }
        if ts_ns < self.horizon_ns() {
            return Err(Fault::new(
                Status::BadData,
                format!(
                    "row {} of the stream is stamped {ts_ns}, {} ns behind the newest row before it; \
                     the reorder window is {} ns (data.reorder)",
                    self.rows_taken,
                    self.ts_newest_ns - ts_ns,
                    self.reorder_ns
                ),
            ));
        }
        self.rows_taken += 1;
        let ts_newest_before_ns = self.ts_newest_ns;
        self.ts_newest_ns = ts_newest_before_ns.max(ts_ns);
        let mut place = self.rows.len();
        if self.rows.back().is_none_or(|last| last.event.ts_exch_ns < ts_ns) {
            // Most rows. Written where they stay, since a copy of what was just written has to wait for it.
            self.rows.push_back(Row::EMPTY);
            self.rows.back_mut().into_iter().for_each(|row| row.set(event, depth, seq));
            return Ok(ts_ns < ts_newest_before_ns);
        }
        let mut row = Row::EMPTY;
        row.set(event, depth, seq);
        while place > 0 && order(&row, &self.rows[place - 1], self.trade_first).is_lt() {
            place -= 1;
        }
        self.rows.insert(place, row);
        Ok(ts_ns < ts_newest_before_ns)
    }

    /// No more rows will come.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// Whether the stream was closed and every row has left.
    pub fn is_done(&self) -> bool {
        self.closed && self.rows.is_empty()
    }

    /// The first row, if nothing that may still come can precede it.
    #[inline]
    pub fn head(&self) -> Option<&Row> {
        let row = self.rows.front()?;
        (self.closed || row.event.ts_exch_ns < self.horizon_ns()).then_some(row)
    }

    /// Takes the first row away.
    #[inline]
    pub fn pop(&mut self) {
        self.rows.pop_front();
    }

    fn horizon_ns(&self) -> i64 {
        self.ts_newest_ns.saturating_sub(self.reorder_ns)
    }
}
