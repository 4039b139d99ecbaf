//! What a lane writes down: fixed slabs of rows that the caller drains, and the order digest.
//!
//! Invariants: nothing allocates after construction; a slab that holds `DRAIN_ROWS` rows, or is half full, asks for a drain
//! at the next instant, and one that overflows within an instant is an error that names it. The lanes of a replay use the same
//! slabs in turn, drained in between, so that their memory stays in cache. The digest covers every order
//! event of the lane in lane order, whether or not anybody drains.

mod digest;
mod slabs;

pub use digest::{DigestRecord, OrderDigest};
pub use slabs::{Room, Slabs, put, rows_wanted};

use crate::wire::{Fault, Fill, QueueRow, Reason, Side, Status, TraceRow};
use alloc::vec::Vec;
use slabs::{LOG_BYTES_MAX, LogLine, Rooms};

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrderEnd {
    /// Still open when the run ended.
    Open = 0,
    /// Filled whole.
    Filled = 1,
    /// Cancelled by the strategy.
    Cancelled = 2,
    /// Lapsed: immediate rest, session end.
    Expired = 3,
    /// Refused on arrival.
    Rejected = 4,
}

/// One order, written when its end is known to the strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// Order, counted from 1 per lane.
    pub order_id: u64,
    /// The strategy's own mark.
    pub tag: u64,
    /// When the strategy sent it, ns.
    pub ts_submit_ns: i64,
    /// When the exchange took it in or refused it, ns; `UNDEF_TIME` if it never arrived.
    pub ts_accept_ns: i64,
    /// When it ended at the exchange, ns; `UNDEF_TIME` while open.
    pub ts_end_ns: i64,
    /// Last price in force, 1e-6; 0 for a market order.
    pub price: i64,
    /// Last total quantity in force, lots.
    pub qty: u32,
    /// Filled quantity, lots.
    pub filled_qty: u32,
    /// Amendments that the exchange took and the strategy was told of.
    pub amends: u32,
    /// Instrument.
    pub instrument: u32,
    /// Strategy within the lane.
    pub strategy: u32,
    /// Side.
    pub side: Side,
    /// An [`crate::wire::OrderType`].
    pub order_type: u8,
    /// A [`crate::wire::Tif`].
    pub tif: u8,
    /// 1 if post-only.
    pub post_only: u8,
    /// How it ended.
    pub end: OrderEnd,
    /// Why.
    pub reason: Reason,
}

/// What an order's end makes of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderEnded {
    /// Filled quantity, lots.
    pub filled_qty: u32,
    /// How it ended.
    pub end: OrderEnd,
    /// Why.
    pub reason: Reason,
    /// When it ended at the exchange, ns; `UNDEF_TIME` while open.
    pub ts_end_ns: i64,
}

impl OrderEnded {
    /// The row as it is: still open.
    pub fn of(row: &OrderRow) -> Self {
        let OrderRow { filled_qty, end, reason, ts_end_ns, .. } = *row;
        OrderEnded { filled_qty, end, reason, ts_end_ns }
    }
}

/// One order at the moment it was sent, for whoever keeps the marks of its time; its [`OrderRow`] may come much later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentRow {
    /// Order.
    pub order_id: u64,
    /// When the strategy sent it, ns.
    pub ts_submit_ns: i64,
    /// When it will have arrived at the exchange, if rows go on until then, ns; `UNDEF_TIME` where they are over.
    pub ts_arrive_ns: i64,
    /// Rows that had been delivered to the lane: what the strategy had seen lies before the row of this number.
    pub rows_seen: u64,
    /// Instrument.
    pub instrument: u32,
}

/// One fill with what the account made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillRow {
    /// The fill as the strategy was told.
    pub fill: Fill,
    /// Queue still ahead when it traded, lots, by the pessimistic, the model and the optimistic estimate; `u32::MAX`
    /// where it is not known. 0 for takers.
    pub ahead_qty: [u32; 3],
    /// Position of (strategy, instrument) after the fill, lots.
    pub position_qty: i64,
    /// Profit realised by this fill, before fees, money 1e-6.
    pub pnl_realised: i64,
}

/// One sample of the lane's equity, money 1e-6, all strategies and instruments together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesRow {
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayRow {
    /// Trading day, yyyymmdd.
    pub trading_day: u32,
    /// Change of equity over the day.
    pub pnl: i64,
    /// Fees of the day.
    pub fees: i64,
    /// Fills of the day.
    pub fills: u64,
}

/// Where a lane's rows go when they are drained. One implementor per kind of output.
pub trait Sink {
    /// An order ended, or was open at the end of the run.
    fn order(&mut self, row: &OrderRow);
    /// An order was sent. Only where [`Recorder::keep_sent`] was asked for.
    fn sent(&mut self, _row: &SentRow) {}
    /// A fill was delivered.
    fn fill(&mut self, row: &FillRow);
    /// An order that rested left the exchange in every estimate.
    fn queue(&mut self, row: &QueueRow);
    /// An equity sample was taken.
    fn series(&mut self, row: &SeriesRow);
    /// A trading day ended.
    fn day(&mut self, row: &DayRow);
    /// A strategy logged a line.
    fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str);
    /// Something happened to the order that is traced. Only where one is.
    fn trace(&mut self, _row: &TraceRow) {}
}

/// The recorder of one lane.
#[derive(Debug)]
pub struct Recorder {
    rows_max: usize,
    slabs: Slabs,
    rooms: Rooms,
    keeps_sent: bool,
    /// The instant of the last line, and the lines and bytes logged in it so far.
    log_instant: (i64, usize, usize),
    /// Whether any slab asks for a drain.
    wants_drain: bool,
}

impl Recorder {
    /// One without memory, that will write at most `rows_max` rows of each kind between two drains.
    pub fn new(rows_max: usize) -> Self {
        let room = Room::new(rows_max);
        Recorder {
            rows_max,
            slabs: Slabs::default(),
            rooms: Rooms {
                orders: room,
                sents: room,
                fills: room,
                series: room,
                days: room,
                logs: room,
                text: Room::of(rows_max * LOG_BYTES_MAX, rows_wanted(rows_max) * LOG_BYTES_MAX),
            },
            keeps_sent: false,
            log_instant: (i64::MIN, 0, 0),
            wants_drain: false,
        }
    }

    /// Whether the caller should drain before the next instant.
    #[inline]
    pub fn wants_drain(&self) -> bool {
        self.wants_drain
    }

    /// Takes slabs to write into, which have room for as many rows, and gives back those it had: all, or none.
    pub fn swap(&mut self, slabs: &mut Slabs) {
        core::mem::swap(&mut self.slabs, slabs);
    }

    /// Whether no row waits for a drain.
    pub fn is_empty(&self) -> bool {
        self.slabs.is_empty()
    }

    /// Keeps orders as they are sent, from now on: in slabs that have room for them.
    pub fn keep_sent(&mut self) {
        self.keeps_sent = true;
    }

    /// Whether orders are kept as they are sent.
    #[inline]
    pub fn keeps_sent(&self) -> bool {
        self.keeps_sent
    }

    /// Writes an order that was sent, which is to be kept.
    #[inline]
    pub fn sent(&mut self, row: SentRow) {
        self.slabs.sents.push(row);
        self.wants_drain |= self.rooms.sents.is_over(self.slabs.sents.len());
    }

    /// Whether a row waits here that marks belong to: an order sent, or a fill.
    pub fn holds_marked(&self) -> bool {
        !self.slabs.fills.is_empty() || !self.slabs.sents.is_empty()
    }

    /// Writes an order that ended so, or is open at the end of the run.
    pub fn order(&mut self, row: &OrderRow, ended: OrderEnded) -> Result<(), Fault> {
        let OrderEnded { filled_qty, end, reason, ts_end_ns } = ended;
        let row = OrderRow { filled_qty, end, reason, ts_end_ns, ..*row };
        self.wants_drain |= put(&mut self.slabs.orders, row, &self.rooms.orders, "orders")?;
        Ok(())
    }

    /// Writes a fill.
    #[inline]
    pub fn fill(&mut self, row: FillRow) -> Result<(), Fault> {
        self.wants_drain |= put(&mut self.slabs.fills, row, &self.rooms.fills, "fills")?;
        Ok(())
    }

    /// Writes an equity sample.
    pub fn series(&mut self, row: SeriesRow) -> Result<(), Fault> {
        self.wants_drain |= put(&mut self.slabs.series, row, &self.rooms.series, "timeseries")?;
        Ok(())
    }

    /// Writes a trading day.
    pub fn day(&mut self, row: DayRow) -> Result<(), Fault> {
        self.wants_drain |= put(&mut self.slabs.days, row, &self.rooms.days, "days")?;
        Ok(())
    }

    /// Writes a strategy's line. `FULL` when this instant has logged more than half a slab: what is left free at
    /// the start of every instant, so that the answer never depends on when the caller drained.
    pub fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str) -> Result<(), Status> {
        let half = self.rows_max / 2;
        let (_, lines, bytes) =
            if self.log_instant.0 == ts_ns { self.log_instant } else { (ts_ns, 0, 0) };
        if lines == half || text.len() > half * LOG_BYTES_MAX - bytes {
            return Err(Status::Full);
        }
        self.log_instant = (ts_ns, lines + 1, bytes + text.len());
        let Slabs { logs, text: lines, .. } = &mut self.slabs;
        let start = lines.len();
        lines.extend_from_slice(text.as_bytes());
        logs.push(LogLine { ts_ns, strategy, level, start, len: text.len() });
        self.wants_drain |=
            self.rooms.logs.is_over(logs.len()) || self.rooms.text.is_over(lines.len());
        Ok(())
    }

    /// Hands every row to `sink`, those of `queues` with them, and empties the slabs; because the lane asked, or not.
    pub fn drain(&mut self, queues: &mut Vec<QueueRow>, sink: &mut dyn Sink, is_asked: bool) {
        let Slabs { orders, sents, fills, series, days, logs, text } = &mut self.slabs;
        self.rooms.orders.drained(orders.len(), is_asked);
        self.rooms.sents.drained(sents.len(), is_asked);
        self.rooms.fills.drained(fills.len(), is_asked);
        self.rooms.series.drained(series.len(), is_asked);
        self.rooms.days.drained(days.len(), is_asked);
        self.rooms.logs.drained(logs.len(), is_asked);
        self.rooms.text.drained(text.len(), is_asked);
        sents.drain(..).for_each(|row| sink.sent(&row));
        orders.drain(..).for_each(|row| sink.order(&row));
        fills.drain(..).for_each(|row| sink.fill(&row));
        queues.drain(..).for_each(|row| sink.queue(&row));
        series.drain(..).for_each(|row| sink.series(&row));
        days.drain(..).for_each(|row| sink.day(&row));
        for line in logs.drain(..) {
            let bytes = &text[line.start..line.start + line.len];
            let text = core::str::from_utf8(bytes).unwrap_or("(not UTF-8)");
            sink.log(line.ts_ns, line.strategy, line.level, text);
        }
        text.clear();
        self.wants_drain = false;
    }
}
