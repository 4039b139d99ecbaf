//! The feed: streams of raw rows in, one window of finished rows out.
//!
//! Invariants: rows leave in the total order of law 1, whatever the streams and chunks; every row is counted
//! once; an invalid row is kept, flagged and counted, never dropped (exact duplicates are dropped if asked,
//! and counted). A trade row carries the last displayed book of its instrument. Nothing allocates after
//! construction. Cost: some 1,500 instructions a row, of which a fifth is the hash of the data
//! and a fifth what it changes.

mod change;
mod cursor;
mod hash;
mod lists;
mod merge;
mod printed;
mod session;
mod stream;
mod trail;
mod twins;
mod window;

pub use change::{Change, Places};
pub use cursor::Cursor;
pub use lists::class;
pub use session::{order_session, session_at};
pub use window::Window;

use crate::wire::limits::TS_NS_MAX;
use crate::wire::{
    Depth, Event, Fault, Instrument, LEVELS_MAX, Status, UNDEF_PRICE, UNDEF_TIME, flags, kind,
};
use alloc::format;
use alloc::vec::Vec;
use hash::DataHash;
use merge::Merge;
use session::SessionClock;
use stream::Row;
use twins::Twins;

/// Rules of the feed. Part of the effective config but for the two sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    /// At one stamp, trades come before books.
    pub trade_first: bool,
    /// How far back in time a row of a stream may lie behind the newest one, ns; beyond it the row is refused.
    pub reorder_ns: i64,
    /// Rows that a stream may hold back while their order is open.
    pub reorder_rows_max: usize,
    /// Drop rows that equal another in every column, sequence number included (0 is no number).
    pub drop_exact_duplicates: bool,
    /// Drop every second one of equal ticks at one stamp, sequence number apart: the source writes each twice.
    pub drop_second_ticks: bool,
    /// Rows of the replay window; at least twice what arrives within the longest feed latency, and the second that an
    /// exchange with hindsight may look ahead.
    pub window_rows: usize,
}

impl Default for FeedConfig {
    fn default() -> Self {
        FeedConfig {
            trade_first: true,
            reorder_ns: 0,
            reorder_rows_max: 4_096,
            drop_exact_duplicates: true,
            drop_second_ticks: false,
            window_rows: 65_536,
        }
    }
}

/// Raw rows of one stream, in the source's own order.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// BOOK and TRADE rows: times, instrument, kind, touch (books), trade (trades), aggressor, and the flags that
    /// only the source knows (`QTY_SATURATED`, `OFF_GRID`, `SENTINEL`).
    pub events: &'a [Event],
    /// One depth row for each BOOK row of `events`, in the same order.
    pub depths: &'a [Depth],
    /// Sequence number of each row of `events`; 0 where the source has none.
    pub seqs: &'a [u64],
}

/// What happened to the rows of one instrument. Every row is in exactly one of `rows_used`, the `excluded_*` and
/// `dropped_duplicates`; an excluded row is still delivered, with its flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedStats {
    /// Rows in.
    pub rows_in: u64,
    /// Books among them.
    pub books_in: u64,
    /// Trades among them.
    pub trades_in: u64,
    /// Rows that may fill.
    pub rows_used: u64,
    /// Outside every session.
    pub excluded_out_of_session: u64,
    /// In a call auction: indicative books and trial matches.
    pub excluded_auction: u64,
    /// Crossed or locked book.
    pub excluded_crossed: u64,
    /// Book without any level.
    pub excluded_empty_book: u64,
    /// Sentinel price.
    pub excluded_sentinel: u64,
    /// Dropped as an exact duplicate, or as the second of two ticks.
    pub dropped_duplicates: u64,
    /// Trades of unknown aggressor (used; side inferred).
    pub unknown_aggressor: u64,
    /// Rows whose order in time was mended (used).
    pub reordered: u64,
    /// Rows off the declared time grid (used).
    pub off_grid: u64,
    /// Rows with a saturated size (used).
    pub qty_saturated: u64,
    /// Rows without a usable receive clock (used).
    pub no_recv_clock: u64,
    /// One-sided books (used).
    pub one_sided: u64,
    /// Prints of call auctions (used).
    pub auction_prints: u64,
}

impl FeedStats {
    /// Counts a finished row: in exactly one of used and excluded, by the first reason that holds.
    pub fn count(&mut self, event: &Event) {
        let is = |flag: u16| event.flags & flag != 0;
        let is_book = event.kind == kind::BOOK;
        self.books_in += u64::from(is_book);
        self.trades_in += u64::from(!is_book);
        self.unknown_aggressor += u64::from(!is_book && event.aggressor == 0);
        if event.flags == 0 {
            self.rows_used += 1; // most rows
            return;
        }
        self.off_grid += u64::from(is(flags::OFF_GRID));
        self.qty_saturated += u64::from(is(flags::QTY_SATURATED));
        self.no_recv_clock += u64::from(is(flags::NO_RECV_CLOCK));
        self.auction_prints += u64::from(is(flags::AUCTION_PRINT));
        let place = if is(flags::OUT_OF_SESSION) {
            &mut self.excluded_out_of_session
        } else if is(flags::AUCTION) {
            &mut self.excluded_auction
        } else if is(flags::SENTINEL) {
            &mut self.excluded_sentinel
        } else if is_book && is(flags::EMPTY_BOOK) {
            &mut self.excluded_empty_book
        } else if is_book && is(flags::CROSSED) {
            &mut self.excluded_crossed
        } else {
            &mut self.rows_used
        };
        *place += 1;
        self.one_sided += u64::from(is_book && is(flags::NO_BID) != is(flags::NO_ASK));
    }
}

/// The last displayed book of an instrument.
#[derive(Clone, Copy, Debug)]
struct Displayed {
    /// Whether there is one.
    is_there: bool,
    bid: (i64, u32),
    ask: (i64, u32),
    flags: u16,
    depth_ix: u32,
    /// Its depth row, once the window may have dropped it.
    depth: Depth,
}

impl Displayed {
    const NONE: Displayed = Displayed {
        is_there: false,
        bid: (Event::EMPTY.bid_price, Event::EMPTY.bid_qty),
        ask: (Event::EMPTY.ask_price, Event::EMPTY.ask_qty),
        flags: 0,
        depth_ix: 0,
        depth: Depth::EMPTY,
    };
}

/// What only the source can know; every other flag is the feed's own.
const SOURCE_FLAGS: u16 = flags::QTY_SATURATED | flags::OFF_GRID | flags::SENTINEL;

const BOOK_FLAGS: u16 =
    flags::CROSSED | flags::EMPTY_BOOK | flags::NO_BOOK | flags::NO_BID | flags::NO_ASK;

/// The feed.
#[derive(Debug)]
pub struct Feed {
    config: FeedConfig,
    merge: Merge,
    clock: SessionClock,
    displayed: Vec<Displayed>,
    stats: Vec<FeedStats>,
    hash: DataHash,
    window: Window,
    /// The row before, where it can be repeated; without a number it cannot.
    previous: Row,
    twins: Twins,
    started: bool,
}

impl Feed {
    /// An empty feed of `streams` streams over `instruments`, already in the run's order.
    pub fn new(config: FeedConfig, streams: usize, instruments: &[Instrument]) -> Self {
        Feed {
            config,
            merge: Merge::new(
                streams,
                config.reorder_rows_max,
                config.reorder_ns,
                config.trade_first,
            ),
            clock: SessionClock::new(instruments),
            displayed: alloc::vec![Displayed::NONE; instruments.len()],
            stats: alloc::vec![FeedStats::default(); instruments.len()],
            hash: DataHash::new(instruments.len()),
            window: Window::new(config.window_rows, instruments),
            previous: Row::EMPTY,
            twins: Twins::new(),
            started: false,
        }
    }

    /// The rows that lanes look at.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Drops the rows before `row`.
    pub fn free_before(&mut self, row: u64) {
        for displayed in self.displayed.iter_mut().filter(|displayed| displayed.is_there) {
            if let Some(depth) = self.window.depth_held(displayed.depth_ix) {
                displayed.depth = *depth;
            }
        }
        self.window.free_before(row);
    }

    /// Lists the rows of these classes from now on, before the first row; returns which list it is. Allocates.
    pub fn list(&mut self, mask: u8) -> usize {
        self.window.list(mask)
    }

    /// The list of these very classes, if there is one.
    pub fn find_list(&self, mask: u8) -> Option<usize> {
        self.window.find_list(mask)
    }

    /// Counts, one per instrument.
    pub fn stats(&self) -> &[FeedStats] {
        &self.stats
    }

    /// BLAKE3 over the rows of each instrument, see `hash`.
    pub fn data_hash(&self, instruments: &[Instrument]) -> [u8; 32] {
        self.hash.finish(instruments)
    }

    /// Takes rows of a stream until its buffer is full; returns how many.
    pub fn push(&mut self, stream: usize, rows: Rows<'_>) -> Result<usize, Fault> {
        if stream >= self.merge.len() {
            return Err(Fault::new(Status::NotFound, format!("stream {stream} does not exist")));
        }
        if rows.seqs.len() != rows.events.len() {
            return Err(Fault::new(
                Status::InvalidArgument,
                format!(
                    "{} sequence numbers for {} rows of stream {stream}",
                    rows.seqs.len(),
                    rows.events.len()
                ),
            ));
        }
        let mut depths = rows.depths.iter();
        for (taken, (event, &seq)) in rows.events.iter().zip(rows.seqs).enumerate() {
            if !self.merge.has_room(stream) {
                return if taken == 0 && !self.merge.is_settled(stream) {
                    Err(self.stuck(stream))
                } else {
                    Ok(taken)
                };
            }
            let depth = match event.kind {
                kind::BOOK => depths.next().ok_or("has no depth row"),
                kind::TRADE => Ok(&Depth::EMPTY),
                _ => Err("is neither a book nor a trade"),
            };
            let depth = depth
                .and_then(|depth| check(event, depth, self.displayed.len()).map(|()| depth))
                .map_err(|what| {
                    let message = format!(
                        "row {} of stream {stream} (stamp {}) {what}",
                        self.merge.rows_taken(stream),
                        event.ts_exch_ns
                    );
                    Fault::new(Status::BadData, message)
                })?;
            let is_mended = self.merge.push(stream, event, depth, seq)?;
            self.stats[event.instrument as usize].reordered += u64::from(is_mended);
        }
        let left = depths.len();
        if left > 0 {
            return Err(Fault::new(
                Status::BadData,
                format!(
                    "{left} of {} depth rows of stream {stream} belong to no book among its {} rows; \
                     a book has one depth row, a trade has none",
                    rows.depths.len(),
                    rows.events.len()
                ),
            ));
        }
        Ok(rows.events.len())
    }

    /// A full stream whose first row may still be preceded would ask for rows without end, and take none.
    #[cold]
    fn stuck(&self, stream: usize) -> Fault {
        Fault::new(
            Status::Full,
            format!(
                "stream {stream}: more than {} rows lie within the reorder window of {} ns; raise \
                 data.reorder_rows_max",
                self.config.reorder_rows_max, self.config.reorder_ns
            ),
        )
    }

    /// Closes a stream.
    pub fn close(&mut self, stream: usize) {
        self.merge.close(stream);
    }

    /// The stream that must be fed before the feed can go on.
    pub fn starving(&self) -> Option<usize> {
        self.merge.starving()
    }

    /// Whether every row has reached the window.
    pub fn is_done(&self) -> bool {
        self.merge.is_done()
    }

    /// Moves rows from the streams into the window until it is full or a stream starves.
    pub fn pump(&mut self) {
        let Feed { config, merge, clock, displayed, stats, hash, window, previous, twins, started } =
            self;
        while merge.all_settled() {
            let Some(row) = merge.peek() else { return };
            let (ts_ns, instrument) = (row.event.ts_exch_ns, row.event.instrument as usize);
            if !core::mem::replace(started, true) {
                clock.start_at(ts_ns);
            }
            // The boundaries before it come first.
            while window.has_room()
                && let Some(boundary) = clock.next_until(ts_ns)
            {
                let displayed = &mut displayed[boundary.instrument as usize];
                let mark = with_displayed(window, displayed, boundary);
                window.push(mark);
            }
            if !window.has_room() {
                return;
            }
            let stats = &mut stats[instrument];
            stats.rows_in += 1;
            let repeats = config.drop_exact_duplicates && repeats(previous, row)
                || config.drop_second_ticks
                    && row.event.kind == kind::TRADE
                    && twins.is_second(&row.event);
            if repeats {
                stats.dropped_duplicates += 1;
                merge.pop();
                continue;
            }
            hash.update(row);
            if config.drop_exact_duplicates && row.seq != 0 {
                *previous = *row;
            } else {
                previous.seq = 0;
            }
            let displayed = &mut displayed[instrument];
            let finished = match row.event.kind {
                kind::BOOK => finish_book(window, clock, displayed, row),
                _ => finish_trade(window, clock, displayed, row),
            };
            stats.count(&finished);
            window.push(finished);
            merge.pop();
        }
    }
}

/// Whether a row equals the one before it in every column, its sequence number included.
fn repeats(previous: &Row, row: &Row) -> bool {
    row.seq != 0
        && previous.seq == row.seq
        && previous.event == row.event
        && previous.depth == row.depth
}

/// A book as it goes into the window: flagged, with its depth row there, and displayed from now on.
fn finish_book(
    window: &mut Window,
    clock: &mut SessionClock,
    displayed: &mut Displayed,
    row: &Row,
) -> Event {
    let mut event = row.event;
    event.flags |= match (row.depth.bid_levels > 0, row.depth.ask_levels > 0) {
        (false, false) => flags::EMPTY_BOOK | flags::NO_BID | flags::NO_ASK,
        (false, true) => flags::NO_BID,
        (true, false) => flags::NO_ASK,
        (true, true) if event.bid_price >= event.ask_price => flags::CROSSED,
        (true, true) => 0,
    };
    event.flags |= clock_flags(clock, &event);
    if event.is_book_valid() {
        clock.end_call(event.instrument, event.ts_exch_ns);
    }
    event.depth_ix = window.push_depth(&row.depth);
    // Field by field: whoever reads a row wider than it was just written waits for the writes.
    displayed.is_there = true;
    displayed.bid = (event.bid_price, event.bid_qty);
    displayed.ask = (event.ask_price, event.ask_qty);
    (displayed.flags, displayed.depth_ix) = (event.flags, event.depth_ix);
    event
}

fn finish_trade(
    window: &mut Window,
    clock: &mut SessionClock,
    displayed: &mut Displayed,
    row: &Row,
) -> Event {
    let mut event = with_displayed(window, displayed, row.event);
    event.flags |= clock_flags(clock, &event);
    event
}

/// The row with the touch, depth and book flags of the last displayed book of its instrument.
fn with_displayed(window: &mut Window, displayed: &mut Displayed, mut event: Event) -> Event {
    if !window.is_depth_usable(displayed.depth_ix) || !displayed.is_there {
        let depth = window.depth_held(displayed.depth_ix).filter(|_| displayed.is_there);
        let depth = *depth.unwrap_or(&displayed.depth);
        displayed.depth_ix = window.push_depth(&depth);
    }
    event.depth_ix = displayed.depth_ix;
    (event.bid_price, event.bid_qty) = displayed.bid;
    (event.ask_price, event.ask_qty) = displayed.ask;
    event.flags |= displayed.flags & BOOK_FLAGS;
    if !displayed.is_there || displayed.flags & flags::SENTINEL != 0 {
        event.flags |= flags::NO_BOOK;
    }
    event
}

fn clock_flags(clock: &mut SessionClock, event: &Event) -> u16 {
    let no_clock = event.ts_recv_ns == UNDEF_TIME || event.ts_recv_ns < event.ts_exch_ns;
    clock.flags(event) | if no_clock { flags::NO_RECV_CLOCK } else { 0 }
}

/// What a raw row must keep for the exchange to read it safely. Sources check more, and name columns.
fn check(event: &Event, depth: &Depth, instruments: usize) -> Result<(), &'static str> {
    if event.instrument as usize >= instruments {
        return Err("names an instrument that the run does not have");
    }
    if !(-TS_NS_MAX..=TS_NS_MAX).contains(&event.ts_exch_ns) {
        return Err("has a stamp outside the years that the core can add to");
    }
    if event.flags & !SOURCE_FLAGS != 0 {
        return Err("carries a flag that the feed alone may set");
    }
    if event.kind == kind::TRADE {
        if event.trade_qty == 0 || event.trade_price == UNDEF_PRICE {
            return Err("is a trade without price or quantity");
        }
        if !(-1..=1).contains(&event.aggressor) {
            return Err("has an aggressor other than -1, 0, 1");
        }
        return Ok(());
    }
    if usize::from(depth.bid_levels.max(depth.ask_levels)) > LEVELS_MAX {
        return Err("shows more than five levels");
    }
    let bid = (event.bid_price, event.bid_qty);
    check_side(depth.bid_levels, bid, &depth.bid_price, &depth.bid_qty, |better, worse| {
        better > worse
    })?;
    let ask = (event.ask_price, event.ask_qty);
    check_side(depth.ask_levels, ask, &depth.ask_price, &depth.ask_qty, |better, worse| {
        better < worse
    })
}

#[inline(always)]
fn check_side(
    levels: u8,
    (mut price, mut qty): (i64, u32),
    prices: &[i64; LEVELS_MAX - 1],
    qtys: &[u32; LEVELS_MAX - 1],
    is_better: impl Fn(i64, i64) -> bool,
) -> Result<(), &'static str> {
    if levels == 0 {
        return Ok(());
    }
    let (mut is_whole, mut is_sorted) = (qty != 0 && price != UNDEF_PRICE, true);
    for (&next, &next_qty) in prices.iter().zip(qtys).take(usize::from(levels) - 1) {
        is_sorted &= is_better(price, next);
        (price, qty) = (next, next_qty);
        is_whole &= qty != 0 && price != UNDEF_PRICE;
    }
    match (is_whole, is_sorted) {
        (false, _) => Err("shows a level without price or quantity"),
        (true, false) => Err("has levels that are not sorted from best to worst"),
        (true, true) => Ok(()),
    }
}
