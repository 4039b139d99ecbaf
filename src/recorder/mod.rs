//! What a lane writes down: fixed slabs of rows that the caller drains, and the order digest.

use crate::wire::{Fill, Reason, Side};
use alloc::string::String;

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

/// One fill with what the account made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FillRow {
    /// The fill as the strategy was told.
    pub fill: Fill,
    /// Queue ahead when the evidence came, lots; `u32::MAX` where it is not known. 0 for takers.
    pub ahead_qty: u32,
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

/// A line that a strategy logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRow {
    /// Lane time, ns.
    pub ts_ns: i64,
    /// Strategy.
    pub strategy: u32,
    /// 0 error, 1 warning, 2 info, 3 debug.
    pub level: u8,
    /// Text.
    pub text: String,
}

/// Where a lane's rows go when they are drained. One implementor per kind of output.
pub trait Sink {
    /// An order ended, or was open at the end of the run.
    fn order(&mut self, row: &OrderRow);
    /// A fill was delivered.
    fn fill(&mut self, row: &FillRow);
    /// An equity sample was taken.
    fn series(&mut self, row: &SeriesRow);
    /// A trading day ended.
    fn day(&mut self, row: &DayRow);
    /// A strategy logged a line.
    fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str);
}
