//! The engine: lanes over one window of rows.

use crate::account::Position;
use crate::feed::{FeedConfig, FeedStats};
use crate::latency::Latency;
use crate::recorder::Sink;
use crate::strategy::{Param, Strategy};
use crate::wire::{Depth, Event, Instrument, OrderReq, Status};
use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;

/// What went wrong, with the place named in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Kind.
    pub status: Status,
    /// A sentence that names the row, event or field.
    pub message: String,
}

/// Sizes of a lane's fixed slabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Orders alive at once, requests in flight included.
    pub orders_live: usize,
    /// Requests, and separately reports, in flight.
    pub in_flight: usize,
    /// Timers set at once.
    pub timers: usize,
    /// Output rows of each kind between two drains.
    pub records: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Capacity { orders_live: 1_024, in_flight: 4_096, timers: 256, records: 16_384 }
    }
}

/// One simulated trader.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneConfig {
    /// Name for tables.
    pub name: String,
    /// Seed of the lane's own draws.
    pub seed: u64,
    /// Latency of each leg.
    pub latency: Latency,
    /// Equity is sampled on this grid, ns.
    pub timeseries_ns: i64,
    /// Capital at the start, money 1e-6.
    pub capital: i64,
    /// Slab sizes. Not part of the effective config.
    pub capacity: Capacity,
}

/// A strategy of a lane.
pub struct StrategySlot<S> {
    /// Name for tables.
    pub name: String,
    /// Parameters.
    pub params: Vec<(String, Param)>,
    /// Code.
    pub code: S,
}

/// What a run needs before it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Rows of this stream, or its close.
    Rows(usize),
    /// A drain of this lane's recorder.
    Drain(usize),
    /// Nothing: the run is over.
    Nothing,
}

/// Raw rows of one stream, in the source's own order.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// BOOK and TRADE rows: times, instrument, kind, touch (books), trade (trades), aggressor, QTY_SATURATED and OFF_GRID flags.
    pub events: &'a [Event],
    /// One depth row for each BOOK row of `events`, in the same order.
    pub depths: &'a [Depth],
    /// Sequence number of each row of `events`; 0 where the source has none.
    pub seqs: &'a [u64],
}

/// What a lane came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LaneSummary {
    /// BLAKE3 over the order records, see `recorder`.
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
    /// Time of the first and of the last row delivered, ns.
    pub ts_first_ns: i64,
    /// See `ts_first_ns`.
    pub ts_last_ns: i64,
}

/// The lane's side of a callback: everything a strategy can see and do.
pub struct Context<'a> {
    _p: PhantomData<&'a ()>,
}

#[allow(unused_variables, missing_docs)]
impl Context<'_> {
    pub fn now_ns(&self) -> i64 {
        unimplemented!()
    }
    pub fn strategy(&self) -> u32 {
        unimplemented!()
    }
    pub fn instruments(&self) -> &[Instrument] {
        unimplemented!()
    }
    pub fn instrument_find(&self, symbol: &str) -> Option<u32> {
        unimplemented!()
    }
    pub fn param(&self, name: &str) -> Option<&Param> {
        unimplemented!()
    }
    pub fn order_submit(&mut self, req: &OrderReq) -> Result<u64, Status> {
        unimplemented!()
    }
    /// `qty` is the new total quantity.
    pub fn order_amend(&mut self, order_id: u64, price: i64, qty: u32) -> Result<(), Status> {
        unimplemented!()
    }
    pub fn order_cancel(&mut self, order_id: u64) -> Result<(), Status> {
        unimplemented!()
    }
    pub fn timer_set(&mut self, at_ns: i64, timer_id: u64) -> Result<(), Status> {
        unimplemented!()
    }
    pub fn book(&self, instrument: u32) -> Option<(&Event, &Depth)> {
        unimplemented!()
    }
    pub fn position(&self, instrument: u32) -> Result<Position, Status> {
        unimplemented!()
    }
    pub fn log(&mut self, level: u8, text: &str) -> Result<(), Status> {
        unimplemented!()
    }
}

/// A replay: streams of rows in, lanes over them.
pub struct Replay<S> {
    _p: PhantomData<S>,
}

#[allow(unused_variables, missing_docs)]
impl<S: Strategy> Replay<S> {
    /// Instruments may come in any order; they are numbered by the rank of their symbol's bytes.
    pub fn new(
        instruments: Vec<Instrument>,
        feed: FeedConfig,
        streams: usize,
        lanes: Vec<(LaneConfig, Vec<StrategySlot<S>>)>,
    ) -> Result<Self, Fault> {
        unimplemented!()
    }
    /// Instruments in the run's order: index = `Event::instrument`.
    pub fn instruments(&self) -> &[Instrument] {
        unimplemented!()
    }
    /// Takes rows of a stream; returns how many rows were taken (fewer when the stream's buffer is full).
    pub fn push(&mut self, stream: usize, rows: Rows<'_>) -> Result<usize, Fault> {
        unimplemented!()
    }
    /// No more rows will come from this stream.
    pub fn close(&mut self, stream: usize) {
        unimplemented!()
    }
    /// Runs every lane as far as the rows at hand allow. The first call runs `on_start`, the last one `on_end`.
    pub fn run(&mut self) -> Result<Need, Fault> {
        unimplemented!()
    }
    /// Empties a lane's recorder into `sink`.
    pub fn drain(&mut self, lane: usize, sink: &mut dyn Sink) {
        unimplemented!()
    }
    pub fn lane_count(&self) -> usize {
        unimplemented!()
    }
    pub fn summary(&self, lane: usize) -> Result<LaneSummary, Fault> {
        unimplemented!()
    }
    /// One per instrument.
    pub fn feed_stats(&self) -> &[FeedStats] {
        unimplemented!()
    }
    /// BLAKE3 over the decoded rows, instrument by instrument.
    pub fn data_hash(&self) -> [u8; 32] {
        unimplemented!()
    }
    /// Rows merged so far and the exchange time of the last one.
    pub fn progress(&self) -> (u64, i64) {
        unimplemented!()
    }
}
