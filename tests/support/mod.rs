//! Test support: rows and instruments in a few words, and strategies that follow a script or a closure.
#![allow(dead_code, reason = "each test binary uses its own part")]

use btcore::engine::{
    Capacity, Context, Fault, LaneConfig, LaneSummary, Need, Replay, Rows, StrategySlot,
};
use btcore::exchange::ExchangeConfig;
use btcore::feed::FeedConfig;
use btcore::latency::Legs;
use btcore::recorder::{DayRow, FillRow, OrderRow, SeriesRow, Sink};
use btcore::strategy::Strategy;
use btcore::wire::{
    Depth, Event, Fill, Instrument, OrderReq, OrderType, QueueRow, Report, Side, TickStep, Tif,
    TraceRow, UNDEF_PRICE, kind,
};

pub const E6: i64 = 1_000_000;
pub const MS: i64 = 1_000_000;
/// A Wednesday, 00:00 UTC.
pub const T0: i64 = 1_775_606_400_000_000_000;

/// A market row before the feed finishes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Raw {
    pub event: Event,
    pub depth: Depth,
    pub seq: u64,
}

/// A book `at_ns` after [`T0`]; prices in whole units, best first.
pub fn book(at_ns: i64, bids: &[(i64, u32)], asks: &[(i64, u32)]) -> Raw {
    let mut event =
        Event { ts_exch_ns: T0 + at_ns, ts_recv_ns: T0 + at_ns, kind: kind::BOOK, ..Event::EMPTY };
    let mut depth =
        Depth { bid_levels: bids.len() as u8, ask_levels: asks.len() as u8, ..Depth::EMPTY };
    for (index, &(price, qty)) in bids.iter().enumerate() {
        match index {
            0 => (event.bid_price, event.bid_qty) = (price * E6, qty),
            n => (depth.bid_price[n - 1], depth.bid_qty[n - 1]) = (price * E6, qty),
        }
    }
    for (index, &(price, qty)) in asks.iter().enumerate() {
        match index {
            0 => (event.ask_price, event.ask_qty) = (price * E6, qty),
            n => (depth.ask_price[n - 1], depth.ask_qty[n - 1]) = (price * E6, qty),
        }
    }
    Raw { event, depth, seq: 0 }
}

/// A trade `at_ns` after [`T0`]; aggressor 1 buy, -1 sell, 0 unknown.
pub fn trade(at_ns: i64, price: i64, qty: u32, aggressor: i8) -> Raw {
    let event = Event {
        ts_exch_ns: T0 + at_ns,
        ts_recv_ns: T0 + at_ns,
        kind: kind::TRADE,
        trade_price: price * E6,
        trade_qty: qty,
        aggressor,
        ..Event::EMPTY
    };
    Raw { event, depth: Depth::EMPTY, seq: 0 }
}

/// An always-open instrument of tick 1, multiplier 1, five levels, no fees.
pub fn instrument(symbol: &str) -> Instrument {
    Instrument {
        symbol: symbol.into(),
        exchange: "TEST".into(),
        ticks: vec![TickStep { price_from: 0, tick: E6 }],
        multiplier_e6: E6,
        limit_down: i64::MIN,
        limit_up: i64::MAX,
        protection: 0,
        depth_max: 5,
        order_qty_max: u32::MAX,
        negative_prices: false,
        sessions: vec![],
        fees: vec![],
    }
}

/// A lane with the given latency and small slabs.
pub fn lane(name: &str, latency: impl Into<Legs>) -> LaneConfig {
    LaneConfig {
        name: name.into(),
        seed: 1,
        latency: latency.into(),
        exchange: ExchangeConfig { ghosts_max: 16, ..ExchangeConfig::RISK_AVERSE },
        timeseries_ns: 1_000 * MS,
        capital: 0,
        capacity: Capacity { orders_live: 64, in_flight: 256, timers: 32, records: 1_024 },
    }
}

/// A limit order of instrument 0; price in whole units.
pub fn limit(side: Side, price: i64, qty: u32, tif: Tif) -> OrderReq {
    OrderReq {
        struct_size: size_of::<OrderReq>() as u32,
        instrument: 0,
        price: price * E6,
        qty,
        side: side as u8,
        order_type: OrderType::Limit as u8,
        tif: tif as u8,
        post_only: 0,
        tag: 0,
    }
}

/// An IOC market order of instrument 0.
pub fn market(side: Side, qty: u32) -> OrderReq {
    OrderReq { price: 0, order_type: OrderType::Market as u8, ..limit(side, 0, qty, Tif::Ioc) }
}

/// What a strategy was told, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    Event { now_ns: i64, event: Event, depth: Depth },
    Report { now_ns: i64, report: Report },
    Fill { now_ns: i64, fill: Fill },
    Timer { now_ns: i64, id: u64 },
    End { now_ns: i64 },
}

type Act = Box<dyn FnMut(&mut Context<'_>, &Told)>;

/// A strategy that notes what it is told, and acts by a closure on each.
pub struct Scripted {
    pub told: std::rc::Rc<std::cell::RefCell<Vec<Told>>>,
    pub act: Act,
}

impl Scripted {
    pub fn new(act: impl FnMut(&mut Context<'_>, &Told) + 'static) -> Self {
        Scripted { told: Default::default(), act: Box::new(act) }
    }

    fn tell(&mut self, context: &mut Context<'_>, told: Told) -> i32 {
        (self.act)(context, &told);
        self.told.borrow_mut().push(told);
        0
    }
}

impl Strategy for Scripted {
    fn on_event(&mut self, context: &mut Context<'_>, event: &Event, depth: &Depth) -> i32 {
        let now_ns = context.now_ns();
        self.tell(context, Told::Event { now_ns, event: *event, depth: *depth })
    }
    fn on_report(&mut self, context: &mut Context<'_>, report: &Report) -> i32 {
        let now_ns = context.now_ns();
        self.tell(context, Told::Report { now_ns, report: *report })
    }
    fn on_fill(&mut self, context: &mut Context<'_>, fill: &Fill) -> i32 {
        let now_ns = context.now_ns();
        self.tell(context, Told::Fill { now_ns, fill: *fill })
    }
    fn on_timer(&mut self, context: &mut Context<'_>, id: u64) -> i32 {
        let now_ns = context.now_ns();
        self.tell(context, Told::Timer { now_ns, id })
    }
    fn on_end(&mut self, context: &mut Context<'_>) -> i32 {
        let now_ns = context.now_ns();
        self.tell(context, Told::End { now_ns })
    }
}

/// Everything that a lane wrote.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    pub orders: Vec<OrderRow>,
    pub fills: Vec<FillRow>,
    pub queues: Vec<QueueRow>,
    pub series: Vec<SeriesRow>,
    pub days: Vec<DayRow>,
    pub logs: Vec<(i64, u32, u8, String)>,
    pub trace: Vec<TraceRow>,
}

impl Sink for Written {
    fn order(&mut self, row: &OrderRow) {
        self.orders.push(*row);
    }
    fn fill(&mut self, row: &FillRow) {
        self.fills.push(*row);
    }
    fn queue(&mut self, row: &QueueRow) {
        self.queues.push(*row);
    }
    fn series(&mut self, row: &SeriesRow) {
        self.series.push(*row);
    }
    fn day(&mut self, row: &DayRow) {
        self.days.push(*row);
    }
    fn log(&mut self, ts_ns: i64, strategy: u32, level: u8, text: &str) {
        self.logs.push((ts_ns, strategy, level, text.into()));
    }
    fn trace(&mut self, row: &TraceRow) {
        self.trace.push(*row);
    }
}

/// What a run of several lanes came to.
#[derive(Debug)]
pub struct Outcome {
    pub lanes: Vec<(LaneSummary, Written)>,
    pub stats: Vec<btcore::feed::FeedStats>,
    pub data_hash: [u8; 32],
}

/// Runs one stream of rows, in chunks of `chunk_rows`, through the lanes.
pub fn run_lanes<S: Strategy>(
    instruments: Vec<Instrument>,
    feed: FeedConfig,
    streams: &[Vec<Raw>],
    chunk_rows: usize,
    lanes: Vec<(LaneConfig, S)>,
) -> Result<Outcome, Fault> {
    run_traced(instruments, feed, streams, chunk_rows, lanes, None)
}

/// The same with one order of the first lane traced.
pub fn run_traced<S: Strategy>(
    instruments: Vec<Instrument>,
    feed: FeedConfig,
    streams: &[Vec<Raw>],
    chunk_rows: usize,
    lanes: Vec<(LaneConfig, S)>,
    traced: Option<u64>,
) -> Result<Outcome, Fault> {
    let count = lanes.len();
    let lanes = lanes
        .into_iter()
        .map(|(config, code)| {
            let slot = StrategySlot { name: format!("{}-s", config.name), params: vec![], code };
            (config, vec![slot])
        })
        .collect();
    let mut replay = Replay::new(instruments, feed, streams.len(), lanes)?;
    if let Some(order_id) = traced {
        replay.trace(0, order_id)?;
    }
    let mut written = vec![Written::default(); count];
    let mut next = vec![0; streams.len()];
    loop {
        match replay.run()? {
            Need::Nothing => break,
            Need::Drain(lane) => replay.drain(lane, &mut written[lane]),
            Need::Rows(stream) => {
                let rest = &streams[stream][next[stream]..];
                let chunk = &rest[..rest.len().min(chunk_rows)];
                if chunk.is_empty() {
                    replay.close(stream);
                    continue;
                }
                let events: Vec<_> = chunk.iter().map(|raw| raw.event).collect();
                let books = chunk.iter().filter(|raw| raw.event.kind == kind::BOOK);
                let depths: Vec<_> = books.map(|raw| raw.depth).collect();
                let seqs: Vec<_> = chunk.iter().map(|raw| raw.seq).collect();
                let rows = Rows { events: &events, depths: &depths, seqs: &seqs };
                next[stream] += replay.push(stream, rows)?;
            }
        }
    }
    let mut lanes = Vec::new();
    for (lane, mut rows) in written.into_iter().enumerate() {
        replay.drain(lane, &mut rows);
        lanes.push((replay.summary(lane)?, rows));
    }
    Ok(Outcome { lanes, stats: replay.feed_stats().to_vec(), data_hash: replay.data_hash() })
}

/// Runs rows of one instrument through one scripted lane; returns what it was told as well.
pub fn run_one(
    instrument: Instrument,
    latency: impl Into<Legs>,
    rows: &[Raw],
    act: impl FnMut(&mut Context<'_>, &Told) + 'static,
) -> (LaneSummary, Written, Vec<Told>) {
    let scripted = Scripted::new(act);
    let told = scripted.told.clone();
    let outcome = run_lanes(
        vec![instrument],
        FeedConfig::default(),
        &[rows.to_vec()],
        usize::MAX,
        vec![(lane("lane", latency), scripted)],
    );
    let mut lanes = outcome.expect("the run succeeds").lanes;
    let (summary, written) = lanes.remove(0);
    (summary, written, told.take())
}

/// The touch of a raw row is empty.
pub fn is_empty(event: &Event) -> bool {
    event.bid_price == UNDEF_PRICE && event.ask_price == UNDEF_PRICE
}

/// Seeded draws for tests: splitmix64.
#[derive(Clone)]
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// The next draw below `end`, which is small against 2^64.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % end
    }
}
