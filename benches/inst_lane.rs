//! One lane over a synthetic tape, to be counted by callgrind: `scripts/instructions` runs it with two lengths of tape and
//! with one and two lanes, and takes differences, so that only what a lane does with an event is left.
//!
//! Everything that `bt-host run` does by default is on: digest, marking, time series, three queue estimates, hindsight,
//! validity checks; every leg is above zero. The strategies are C function pointers.
//!
//! Usage: `inst_lane CASE ROWS LANES`, where CASE is noop, quote100, quote10 or taker100. Prints calls, orders and fills.

use bt_host::synth::{Body, Synth, SynthConfig, SynthRow};
use btcore::engine::{Capacity, LaneConfig, Need, Replay, Rows, StrategySlot};
use btcore::exchange::ExchangeConfig;
use btcore::feed::FeedConfig;
use btcore::latency::Latency;
use btcore::recorder::{DayRow, FillRow, OrderRow, SeriesRow, Sink};
use btcore::wire::{
    Depth, Event, Instrument, OrderReq, OrderType, QueueRow, Session, Side, TickStep, Tif, kind,
};
use btcore_ffi::strategy::{BT_WANT_ALL, StrategyDesc};
use btcore_ffi::{CStrategy, Ctx, HOST_API};
use core::ffi::c_void;
use std::process::ExitCode;

/// What a strategy instance remembers.
#[derive(Default)]
struct State {
    calls: u64,
    requests: u64,
    every: u64,
    takes: bool,
    ids: [u64; 2],
}

unsafe extern "C-unwind" fn on_noop(
    user: *mut c_void,
    _: *mut Ctx,
    _: *const Event,
    _: *const Depth,
) -> i32 {
    // SAFETY: `user` is the `State` that this program gave to the strategy.
    unsafe { (*user.cast::<State>()).calls += 1 };
    0
}

/// Every so many events cancels what it sent and sends one order a side at the touch, or takes one lot.
unsafe extern "C-unwind" fn on_quote(
    user: *mut c_void,
    ctx: *mut Ctx,
    event: *const Event,
    _: *const Depth,
) -> i32 {
    // SAFETY: `user` is the `State` that this program gave to the strategy, `event` a row for the time of the call.
    let (state, event) = unsafe { (&mut *user.cast::<State>(), &*event) };
    state.calls += 1;
    if !state.calls.is_multiple_of(state.every) || event.bid_qty == 0 || event.ask_qty == 0 {
        return 0;
    }
    for (n, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
        let price = match (side, state.takes) {
            (Side::Buy, false) | (Side::Sell, true) => event.bid_price,
            _ => event.ask_price,
        };
        let req = OrderReq {
            struct_size: size_of::<OrderReq>() as u32,
            instrument: 0,
            price,
            qty: 1,
            side: side as u8,
            order_type: OrderType::Limit as u8,
            tif: if state.takes { Tif::Ioc as u8 } else { Tif::Rod as u8 },
            post_only: 0,
            tag: 0,
        };
        // SAFETY: the context is that of this callback; the pointers are to locals. An order that is gone already is
        // refused, and that is part of the load.
        unsafe {
            if state.ids[n] != 0 && !state.takes {
                state.requests += u64::from((HOST_API.order_cancel)(ctx, state.ids[n]) == 0);
            }
            state.requests += u64::from((HOST_API.order_submit)(ctx, &req, &mut state.ids[n]) == 0);
        }
    }
    0
}

unsafe extern "C-unwind" fn on_report(
    _: *mut c_void,
    _: *mut Ctx,
    _: *const btcore::wire::Report,
) -> i32 {
    0
}

unsafe extern "C-unwind" fn on_fill(
    _: *mut c_void,
    _: *mut Ctx,
    _: *const btcore::wire::Fill,
) -> i32 {
    0
}

unsafe extern "C-unwind" fn on_timer(_: *mut c_void, _: *mut Ctx, _: u64) -> i32 {
    0
}

struct Discard;

impl Sink for Discard {
    fn order(&mut self, _: &OrderRow) {}
    fn fill(&mut self, _: &FillRow) {}
    fn queue(&mut self, _: &QueueRow) {}
    fn series(&mut self, _: &SeriesRow) {}
    fn day(&mut self, _: &DayRow) {}
    fn log(&mut self, _: i64, _: u32, _: u8, _: &str) {}
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<usize>().ok());
    let every = match words.first().map(String::as_str) {
        Some("noop") => 0,
        Some("quote100" | "taker100") => 100,
        Some("quote10") => 10,
        _ => {
            eprintln!("usage: inst_lane noop|quote100|quote10|taker100 ROWS LANES");
            return ExitCode::from(2);
        }
    };
    let (rows, lanes) = (number(1).unwrap_or(100_000), number(2).unwrap_or(1));
    let config = SynthConfig::default();
    let span = config.sessions[0];
    let tape: Vec<SynthRow> = Synth::new(config).expect("the preset is valid").take(rows).collect();
    let mut states: Vec<State> = (0..lanes)
        .map(|_| State { every, takes: words[0].starts_with("taker"), ..State::default() })
        .collect();
    let mut replay = build(&mut states, span.start_ts_ns, span.end_ts_ns);
    run(&mut replay, &tape);
    for (lane, state) in states.iter().enumerate() {
        let summary = replay.summary(lane).expect("a lane");
        assert_eq!(state.calls, summary.rows_delivered, "it asked for every event");
        assert!(every == 0 || summary.orders > 0 && summary.fills > 0, "it trades");
        println!(
            "calls {} requests {} orders {} fills {}",
            state.calls, state.requests, summary.orders, summary.fills
        );
    }
    ExitCode::SUCCESS
}

fn build(states: &mut [State], open_ns: i64, close_ns: i64) -> Replay<CStrategy> {
    let instrument = Instrument {
        symbol: "SYNTXF".into(),
        exchange: "SYNTH".into(),
        ticks: vec![TickStep { price_from: 0, tick: 1_000_000 }],
        multiplier_e6: 200_000_000,
        limit_down: i64::MIN,
        limit_up: i64::MAX,
        depth_max: 5,
        order_qty_max: u32::MAX,
        protection: 0,
        negative_prices: false,
        sessions: vec![Session::continuous(open_ns, close_ns, 20_260_408)],
        fees: vec![],
    };
    let latency = Latency {
        feed_ns: 1_000_000,
        submit_ns: 5_000_000,
        amend_ns: 5_000_000,
        cancel_ns: 5_000_000,
        response_ns: 1_000_000,
    };
    let lanes = states.iter_mut().enumerate().map(|(n, state)| {
        let desc = StrategyDesc {
            want: BT_WANT_ALL,
            user: std::ptr::from_mut(state).cast(),
            on_event: Some(if state.every == 0 { on_noop } else { on_quote }),
            on_report: Some(on_report),
            on_fill: Some(on_fill),
            on_timer: Some(on_timer),
            ..StrategyDesc::EMPTY
        };
        // SAFETY: the callbacks are above, and `user` outlives the replay.
        let code = unsafe { CStrategy::from_desc("bench", &desc, "{}") };
        let code = code.unwrap_or_else(|error| panic!("{error}"));
        let config = LaneConfig {
            name: format!("lane {n}"),
            seed: 1,
            latency: latency.into(),
            exchange: ExchangeConfig::default(),
            timeseries_ns: 60_000_000_000,
            capital: 1_000_000_000_000,
            capacity: Capacity::default(),
        };
        (config, vec![StrategySlot { name: "bench".into(), params: vec![], code }])
    });
    let lanes = lanes.collect();
    Replay::new(vec![instrument], FeedConfig::default(), 1, lanes).expect("the config is valid")
}

fn run(replay: &mut Replay<CStrategy>, tape: &[SynthRow]) {
    let mut next = 0;
    let (mut events, mut depths, mut seqs) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        match replay.run().expect("it runs") {
            Need::Nothing => return,
            Need::Drain(lane) => replay.drain(lane, &mut Discard),
            Need::Rows(stream) if next == tape.len() => replay.close(stream),
            Need::Rows(stream) => {
                let chunk = &tape[next..tape.len().min(next + 4_096)];
                events.clear();
                depths.clear();
                seqs.clear();
                for row in chunk {
                    push(row, &mut events, &mut depths, &mut seqs);
                }
                let rows = Rows { events: &events, depths: &depths, seqs: &seqs };
                next += replay.push(stream, rows).expect("the rows are good");
            }
        }
    }
}

fn push(row: &SynthRow, events: &mut Vec<Event>, depths: &mut Vec<Depth>, seqs: &mut Vec<u64>) {
    let ts_ns = row.ts_exch_ns;
    let mut event = Event { ts_exch_ns: ts_ns, ts_recv_ns: ts_ns, ..Event::EMPTY };
    match &row.body {
        Body::Trade { price_e6, qty_lots, side } => {
            (event.kind, event.aggressor) = (kind::TRADE, *side);
            (event.trade_price, event.trade_qty) = (*price_e6, *qty_lots as u32);
        }
        Body::Book { bids, asks } => {
            event.kind = kind::BOOK;
            let mut depth = Depth {
                bid_levels: bids.len() as u8,
                ask_levels: asks.len() as u8,
                ..Depth::EMPTY
            };
            for (n, (price, qty)) in bids.iter().enumerate() {
                match n {
                    0 => (event.bid_price, event.bid_qty) = (*price, *qty as u32),
                    n => (depth.bid_price[n - 1], depth.bid_qty[n - 1]) = (*price, *qty as u32),
                }
            }
            for (n, (price, qty)) in asks.iter().enumerate() {
                match n {
                    0 => (event.ask_price, event.ask_qty) = (*price, *qty as u32),
                    n => (depth.ask_price[n - 1], depth.ask_qty[n - 1]) = (*price, *qty as u32),
                }
            }
            depths.push(depth);
        }
    }
    events.push(event);
    seqs.push(row.seq_no);
}
