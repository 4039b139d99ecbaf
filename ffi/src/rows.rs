//! What an embedding application is handed back: output rows, summaries and counts, as closed C structs.
//!
//! Invariants: field by field what the core wrote, nothing computed. Units: price 1e-6, quantity in lots, time in
//! ns since the epoch UTC, money 1e-6. Cost: one copy a row, at a drain.

use crate::guard::foreign;
use btcore::engine::LaneSummary;
use btcore::feed::FeedStats;
use btcore::recorder::{DayRow, FillRow, OrderRow, SeriesRow, Sink};
use btcore::wire::{Fill, QueueRow};
use core::ffi::{c_char, c_void};

/// An order was still open when the run ended.
pub const BT_ORDER_END_OPEN: u8 = 0;
/// An order was filled whole.
pub const BT_ORDER_END_FILLED: u8 = 1;
/// An order was cancelled by the strategy.
pub const BT_ORDER_END_CANCELLED: u8 = 2;
/// An order lapsed: immediate rest, session end.
pub const BT_ORDER_END_EXPIRED: u8 = 3;
/// An order was refused on arrival.
pub const BT_ORDER_END_REJECTED: u8 = 4;

const _: () = {
    use btcore::recorder::OrderEnd;
    assert!(BT_ORDER_END_OPEN == OrderEnd::Open as u8);
    assert!(BT_ORDER_END_FILLED == OrderEnd::Filled as u8);
    assert!(BT_ORDER_END_CANCELLED == OrderEnd::Cancelled as u8);
    assert!(BT_ORDER_END_EXPIRED == OrderEnd::Expired as u8);
    assert!(BT_ORDER_END_REJECTED == OrderEnd::Rejected as u8);
};

/// One order, handed over when its end is known to the strategy.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct OrderRowC {
    /// Order, counted from 1 per lane.
    pub order_id: u64,
    /// The strategy's own mark.
    pub tag: u64,
    /// When the strategy sent it, ns.
    pub ts_submit_ns: i64,
    /// When the exchange took it in or refused it, ns; BT_UNDEF_TIME if it never arrived.
    pub ts_accept_ns: i64,
    /// When it ended at the exchange, ns; BT_UNDEF_TIME while open.
    pub ts_end_ns: i64,
    /// Last price in force, 1e-6; 0 for a market order.
    pub price: i64,
    /// Last total quantity in force, lots.
    pub qty: u32,
    /// Filled quantity, lots.
    pub filled_qty: u32,
    /// Instrument.
    pub instrument: u32,
    /// Strategy within the lane.
    pub strategy: u32,
    /// A BT_SIDE_*.
    pub side: u8,
    /// A BT_ORDER_TYPE_*.
    pub order_type: u8,
    /// A BT_TIF_*.
    pub tif: u8,
    /// 1 if post-only, else 0.
    pub post_only: u8,
    /// A BT_ORDER_END_*.
    pub end: u8,
    /// Zero.
    pub reserved: u8,
    /// A BT_REASON_*.
    pub reason: u16,
}

/// One fill with what the account made of it.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct FillRowC {
    /// The fill as the strategy was told.
    pub fill: Fill,
    /// Position of (strategy, instrument) after the fill, lots.
    pub position_qty: i64,
    /// Profit realised by this fill, before fees, money 1e-6.
    pub pnl_realised: i64,
    /// Queue still ahead when it traded, lots, by the pessimistic, the model and the optimistic estimate; UINT32_MAX
    /// where it is not known. 0 for takers.
    pub ahead_qty: [u32; 3],
    /// Zero.
    pub reserved: u32,
}

/// One sample of a lane's equity, money 1e-6, all strategies and instruments together.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SeriesRowC {
    /// Grid point, ns.
    pub ts_ns: i64,
    /// Capital + realised + unrealised - fees.
    pub equity: i64,
    /// Realised, before fees.
    pub pnl_realised: i64,
    /// Unrealised at the mark.
    pub pnl_unrealised: i64,
    /// Fees paid so far.
    pub fees: i64,
    /// Sum of absolute position values.
    pub exposure_gross: i64,
    /// Sum of signed position values.
    pub exposure_net: i64,
    /// Fall of equity from its highest sample, as a positive amount.
    pub drawdown: i64,
}

/// Profit of one trading day of a lane, money 1e-6, fees taken off.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct DayRowC {
    /// Change of equity over the day.
    pub pnl: i64,
    /// Fees of the day.
    pub fees: i64,
    /// Fills of the day.
    pub fills: u64,
    /// Trading day, as the decimal number yyyymmdd.
    pub trading_day: u32,
    /// Zero.
    pub reserved: u32,
}

/// Where a lane's rows go when they are drained. Null callbacks discard. Rows are valid during the call;
/// a callback must not throw, nor call the engine that it is drained from.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SinkC {
    /// `sizeof(bt_sink)`.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// First argument of every callback.
    pub user: *mut c_void,
    /// An order ended, or was open at the end of the run.
    pub on_order: Option<unsafe extern "C-unwind" fn(user: *mut c_void, row: *const OrderRowC)>,
    /// A fill was delivered.
    pub on_fill: Option<unsafe extern "C-unwind" fn(user: *mut c_void, row: *const FillRowC)>,
    /// An equity sample was taken.
    pub on_series: Option<unsafe extern "C-unwind" fn(user: *mut c_void, row: *const SeriesRowC)>,
    /// An order that rested left the exchange in every estimate.
    pub on_queue: Option<unsafe extern "C-unwind" fn(user: *mut c_void, row: *const QueueRow)>,
    /// A trading day ended.
    pub on_day: Option<unsafe extern "C-unwind" fn(user: *mut c_void, row: *const DayRowC)>,
    /// A strategy logged a line at lane time `ts_ns`: `len` bytes of UTF-8, not NUL-terminated.
    pub on_log: Option<
        unsafe extern "C-unwind" fn(
            user: *mut c_void,
            ts_ns: i64,
            strategy: u32,
            level: u8,
            text: *const c_char,
            len: u64,
        ),
    >,
}

/// What a lane came to; final once `bt_engine_run` said BT_NEED_NOTHING.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct LaneSummaryC {
    /// BLAKE3 over the order records of the lane: equal runs have equal digests.
    pub order_digest: [u8; 32],
    /// Rows delivered to the lane.
    pub rows_delivered: u64,
    /// Orders sent.
    pub orders: u64,
    /// Orders accepted.
    pub orders_accepted: u64,
    /// Orders rejected.
    pub orders_rejected: u64,
    /// Orders with at least one fill.
    pub orders_filled: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Amends sent.
    pub amends: u64,
    /// Fills.
    pub fills: u64,
    /// Fills inferred from displayed size.
    pub fills_inferred: u64,
    /// Quantity accepted, lots.
    pub qty_accepted: u64,
    /// Quantity filled, lots.
    pub qty_filled: u64,
    /// Value traded, both sides, money 1e-6.
    pub turnover: i64,
    /// Realised profit before fees, money 1e-6.
    pub pnl_realised: i64,
    /// Unrealised profit at the last mark, money 1e-6.
    pub pnl_unrealised: i64,
    /// Fees and taxes, money 1e-6.
    pub fees: i64,
    /// Realised + unrealised - fees, money 1e-6.
    pub pnl: i64,
    /// Largest fall of sampled equity, money 1e-6.
    pub drawdown_max: i64,
    /// Round trips (flat to flat, or through a flip) that made money before fees.
    pub trips_won: u64,
    /// Round trips that lost money before fees.
    pub trips_lost: u64,
    /// Round trips of zero profit.
    pub trips_even: u64,
    /// Absolute open quantity at the end, lots.
    pub open_qty: u64,
    /// Time of the first row delivered, ns.
    pub ts_first_ns: i64,
    /// Time of the last row delivered, ns.
    pub ts_last_ns: i64,
}

/// What happened to the rows of one instrument. Every row is in exactly one of `rows_used`, the `excluded_*` and
/// `dropped_duplicates`; an excluded row is still delivered, with its flag.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct FeedStatsC {
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
    /// Crossed or locked book.
    pub excluded_crossed: u64,
    /// Book without any level.
    pub excluded_empty_book: u64,
    /// Sentinel price.
    pub excluded_sentinel: u64,
    /// Dropped as an exact duplicate.
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
}

impl From<&LaneSummary> for LaneSummaryC {
    fn from(s: &LaneSummary) -> Self {
        LaneSummaryC {
            order_digest: s.order_digest,
            rows_delivered: s.rows_delivered,
            orders: s.orders,
            orders_accepted: s.orders_accepted,
            orders_rejected: s.orders_rejected,
            orders_filled: s.orders_filled,
            cancels: s.cancels,
            amends: s.amends,
            fills: s.fills,
            fills_inferred: s.fills_inferred,
            qty_accepted: s.qty_accepted,
            qty_filled: s.qty_filled,
            turnover: s.turnover,
            pnl_realised: s.pnl_realised,
            pnl_unrealised: s.pnl_unrealised,
            fees: s.fees,
            pnl: s.pnl,
            drawdown_max: s.drawdown_max,
            trips_won: s.trips_won,
            trips_lost: s.trips_lost,
            trips_even: s.trips_even,
            open_qty: s.open_qty,
            ts_first_ns: s.ts_first_ns,
            ts_last_ns: s.ts_last_ns,
        }
    }
}

impl From<&FeedStats> for FeedStatsC {
    fn from(s: &FeedStats) -> Self {
        FeedStatsC {
            rows_in: s.rows_in,
            books_in: s.books_in,
            trades_in: s.trades_in,
            rows_used: s.rows_used,
            excluded_out_of_session: s.excluded_out_of_session,
            excluded_crossed: s.excluded_crossed,
            excluded_empty_book: s.excluded_empty_book,
            excluded_sentinel: s.excluded_sentinel,
            dropped_duplicates: s.dropped_duplicates,
            unknown_aggressor: s.unknown_aggressor,
            reordered: s.reordered,
            off_grid: s.off_grid,
            qty_saturated: s.qty_saturated,
            no_recv_clock: s.no_recv_clock,
            one_sided: s.one_sided,
        }
    }
}

/// The core's sink over a C one.
pub(crate) struct SinkAdapter<'a>(pub &'a SinkC);

const DRAIN: &str = "(drain)";

impl Sink for SinkAdapter<'_> {
    fn order(&mut self, row: &OrderRow) {
        let Some(on_order) = self.0.on_order else { return };
        let row = OrderRowC {
            order_id: row.order_id,
            tag: row.tag,
            ts_submit_ns: row.ts_submit_ns,
            ts_accept_ns: row.ts_accept_ns,
            ts_end_ns: row.ts_end_ns,
            price: row.price,
            qty: row.qty,
            filled_qty: row.filled_qty,
            instrument: row.instrument,
            strategy: row.strategy,
            side: row.side as u8,
            order_type: row.order_type,
            tif: row.tif,
            post_only: row.post_only,
            end: row.end as u8,
            reserved: 0,
            reason: row.reason as u16,
        };
        // SAFETY: the sink's contract; the row outlives the call. So below.
        foreign(DRAIN, "on_order", || unsafe { on_order(self.0.user, &raw const row) });
    }

    fn fill(&mut self, row: &FillRow) {
        let Some(on_fill) = self.0.on_fill else { return };
        let row = FillRowC {
            fill: row.fill,
            position_qty: row.position_qty,
            pnl_realised: row.pnl_realised,
            ahead_qty: row.ahead_qty,
            reserved: 0,
        };
        // SAFETY: as above.
        foreign(DRAIN, "on_fill", || unsafe { on_fill(self.0.user, &raw const row) });
    }

    fn queue(&mut self, row: &QueueRow) {
        let Some(on_queue) = self.0.on_queue else { return };
        // SAFETY: as above.
        foreign(DRAIN, "on_queue", || unsafe { on_queue(self.0.user, &raw const *row) });
    }

    fn series(&mut self, row: &SeriesRow) {
        let Some(on_series) = self.0.on_series else { return };
        let row = SeriesRowC {
            ts_ns: row.ts_ns,
            equity: row.equity,
            pnl_realised: row.pnl_realised,
            pnl_unrealised: row.pnl_unrealised,
            fees: row.fees,
            exposure_gross: row.exposure_gross,
            exposure_net: row.exposure_net,
            drawdown: row.drawdown,
        };
        // SAFETY: as above.
        foreign(DRAIN, "on_series", || unsafe { on_series(self.0.user, &raw const row) });
    }

    fn day(&mut self, row: &DayRow) {
        let Some(on_day) = self.0.on_day else { return };
        let row = DayRowC {
            pnl: row.pnl,
            fees: row.fees,
            fills: row.fills,
            trading_day: row.trading_day,
            reserved: 0,
        };
        // SAFETY: as above.
        foreign(DRAIN, "on_day", || unsafe { on_day(self.0.user, &raw const row) });
    }

    fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str) {
        let Some(on_log) = self.0.on_log else { return };
        let (start, len) = (text.as_ptr().cast(), text.len() as u64);
        foreign(DRAIN, "on_log", || {
            // SAFETY: as above.
            unsafe { on_log(self.0.user, ts_ns, strategy, level, start, len) }
        });
    }
}
