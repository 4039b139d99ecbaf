//! A market for tests, and an engine over it through the C functions.
//!
//! Invariants: the rows are a function of their number alone; books have five levels a side, one tick apart.
#![allow(dead_code, reason = "each test uses a part")]

use btcore::wire::{Depth, Event, LEVELS_MAX, PRICE_SCALE, kind};
use btcore_ffi::BT_ABI_VERSION;
use btcore_ffi::config::*;
use btcore_ffi::engine::*;
use btcore_ffi::rows::*;
use btcore_ffi::strategy::StrategyDesc;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{null, null_mut};

pub struct Market {
    pub events: Vec<Event>,
    pub depths: Vec<Depth>,
}

/// A walk of `count` rows, 100 ms apart, every fourth a trade that may go through the touch.
pub fn market(count: usize) -> Market {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below
    };
    let mut market = Market { events: Vec::new(), depths: Vec::new() };
    let mut bid = 20_000_i64;
    for row in 0..count {
        let mut event = Event { ts_exch_ns: (row as i64 + 1) * 100_000_000, ..Event::EMPTY };
        if row % 4 == 3 {
            let is_buy = draw(2) == 1;
            let through = draw(3) as i64;
            event.kind = kind::TRADE;
            event.aggressor = if is_buy { 1 } else { -1 };
            event.trade_price =
                if is_buy { bid + 1 + through } else { bid - through } * PRICE_SCALE;
            event.trade_qty = 1 + draw(40) as u32;
        } else {
            bid += draw(3) as i64 - 1;
            event.kind = kind::BOOK;
            event.bid_price = bid * PRICE_SCALE;
            event.ask_price = (bid + 1) * PRICE_SCALE;
            event.bid_qty = 1 + draw(30) as u32;
            event.ask_qty = 1 + draw(10) as u32;
            let mut depth = Depth { bid_levels: 5, ask_levels: 5, ..Depth::EMPTY };
            for level in 0..LEVELS_MAX - 1 {
                depth.bid_price[level] = (bid - 1 - level as i64) * PRICE_SCALE;
                depth.ask_price[level] = (bid + 2 + level as i64) * PRICE_SCALE;
                depth.bid_qty[level] = 1 + draw(50) as u32;
                depth.ask_qty[level] = 1 + draw(50) as u32;
            }
            market.depths.push(depth);
        }
        market.events.push(event);
    }
    market
}

/// What a drained run left.
#[derive(Default)]
pub struct Written {
    pub orders: Vec<OrderRowC>,
    pub fills: Vec<FillRowC>,
    pub logs: Vec<(u8, String)>,
}

unsafe extern "C-unwind" fn on_order(user: *mut c_void, row: *const OrderRowC) {
    // SAFETY: the sink's contract.
    unsafe { (*user.cast::<Written>()).orders.push(*row) }
}
unsafe extern "C-unwind" fn on_fill(user: *mut c_void, row: *const FillRowC) {
    // SAFETY: the sink's contract.
    unsafe { (*user.cast::<Written>()).fills.push(*row) }
}
unsafe extern "C-unwind" fn on_log(
    user: *mut c_void,
    _ts_ns: i64,
    _strategy: u32,
    level: u8,
    text: *const c_char,
    len: u64,
) {
    // SAFETY: the sink's contract.
    let text = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len as usize) };
    let text = String::from_utf8(text.to_vec()).expect("log lines are UTF-8");
    // SAFETY: the sink's contract.
    unsafe { (*user.cast::<Written>()).logs.push((level, text)) }
}

pub const ENGINE: EngineConfig = EngineConfig {
    struct_size: size_of::<EngineConfig>() as u32,
    abi_version: BT_ABI_VERSION,
    streams: 1,
    books_first: 0,
    keep_duplicates: 0,
    reserved: [0; 2],
    reorder_ns: 0,
    reorder_rows_max: 0,
    window_rows: 0,
};
pub static TICK: TickStepC = TickStepC { price_from: PRICE_SCALE, tick: PRICE_SCALE };
pub const INSTRUMENT: InstrumentConfig = InstrumentConfig {
    struct_size: size_of::<InstrumentConfig>() as u32,
    depth_max: 5,
    negative_prices: 0,
    reserved: [0; 2],
    symbol: c"TXF".as_ptr(),
    exchange: c"TAIFEX".as_ptr(),
    ticks: &TICK,
    sessions: null(),
    fees: null(),
    ticks_count: 1,
    sessions_count: 0,
    fees_count: 0,
    order_qty_max: 0,
    multiplier_e6: 200 * PRICE_SCALE,
    limit_down: i64::MIN,
    limit_up: i64::MAX,
    protection: 0,
};
pub const LANE: LaneConfigC = LaneConfigC {
    struct_size: size_of::<LaneConfigC>() as u32,
    reserved: 0,
    name: c"lane".as_ptr(),
    seed: 1,
    capital: 0,
    timeseries_ns: 1_000_000_000,
    feed_ns: 1_000_000,
    submit_ns: 2_000_000,
    amend_ns: 2_000_000,
    cancel_ns: 2_000_000,
    response_ns: 1_000_000,
    orders_live_max: 0,
    in_flight_max: 0,
    timers_max: 0,
    records_max: 0,
};

/// An engine of one instrument and one lane.
pub struct Embedded {
    pub engine: *mut Engine,
    pub written: Box<Written>,
    fed: usize,
    fed_depths: usize,
}

impl Embedded {
    /// Creates an engine that is not started, with one instrument and one lane.
    pub fn new() -> Embedded {
        let mut engine = null_mut();
        let mut lane = 9;
        // SAFETY: pointers live through the calls.
        unsafe {
            assert_eq!(bt_engine_create(&ENGINE, &mut engine), 0);
            assert_eq!(bt_engine_add_instrument(engine, &INSTRUMENT), 0);
            assert_eq!(bt_engine_add_lane(engine, &LANE, &mut lane), 0);
        }
        assert_eq!(lane, 0);
        Embedded { engine, written: Box::default(), fed: 0, fed_depths: 0 }
    }

    pub fn add(&self, name: &str, desc: &StrategyDesc, params: &[(&CStr, i64)]) -> i32 {
        let name = CString::new(name).unwrap();
        let params: Vec<ParamC> = params
            .iter()
            .map(|(name, value)| ParamC {
                name: name.as_ptr(),
                value_text: null(),
                value_int: *value,
                value_float: 0.0,
                value_type: BT_PARAM_INT,
                reserved: 0,
            })
            .collect();
        let mut strategy = 9;
        // SAFETY: pointers live through the call; descriptors of tests keep their contract.
        unsafe {
            bt_engine_add_strategy(
                self.engine,
                0,
                name.as_ptr(),
                desc,
                params.as_ptr(),
                params.len() as u32,
                &mut strategy,
            )
        }
    }

    /// Adds a strategy with a whole number and a word.
    pub fn add_params(&self, name: &str, desc: &StrategyDesc) -> i32 {
        let name = CString::new(name).unwrap();
        let blank = ParamC {
            name: c"whole".as_ptr(),
            value_text: null(),
            value_int: 3,
            value_float: 0.0,
            value_type: BT_PARAM_INT,
            reserved: 0,
        };
        let word = ParamC {
            name: c"word".as_ptr(),
            value_text: c"text".as_ptr(),
            value_type: BT_PARAM_TEXT,
            ..blank
        };
        let (params, mut strategy) = ([blank, word], 9);
        // SAFETY: pointers live through the call.
        unsafe {
            bt_engine_add_strategy(
                self.engine,
                0,
                name.as_ptr(),
                desc,
                params.as_ptr(),
                2,
                &mut strategy,
            )
        }
    }

    pub fn start(&self) -> i32 {
        // SAFETY: the engine lives.
        unsafe { bt_engine_start(self.engine) }
    }

    pub fn drain(&mut self) {
        let sink = SinkC {
            struct_size: size_of::<SinkC>() as u32,
            reserved: 0,
            user: (&raw mut *self.written).cast(),
            on_order: Some(on_order),
            on_fill: Some(on_fill),
            on_series: None,
            on_queue: None,
            on_day: None,
            on_log: Some(on_log),
        };
        // SAFETY: the sink lives through the call.
        assert_eq!(unsafe { bt_engine_drain(self.engine, 0, &sink) }, 0);
    }

    /// One turn of the caller's loop, feeding at most `chunk` rows; whether the run is over, or its status.
    pub fn turn(&mut self, market: &Market, chunk: usize) -> Result<bool, i32> {
        let mut need = NeedC { kind: 9, index: 9 };
        // SAFETY: the engine lives.
        let status = unsafe { bt_engine_run(self.engine, &mut need) };
        if status != 0 {
            return Err(status);
        }
        match need.kind {
            BT_NEED_NOTHING => return Ok(true),
            BT_NEED_DRAIN => self.drain(),
            BT_NEED_ROWS if self.fed == market.events.len() => {
                // SAFETY: the engine lives.
                assert_eq!(unsafe { bt_engine_stream_close(self.engine, need.index) }, 0);
            }
            BT_NEED_ROWS => {
                let events = &market.events[self.fed..];
                let events = &events[..chunk.min(events.len())];
                let books = events.iter().filter(|event| event.kind == kind::BOOK).count();
                let depths = &market.depths[self.fed_depths..][..books];
                let mut taken = Taken { events: 0, depths: 0 };
                // SAFETY: the arrays are as long as said.
                let status = unsafe {
                    bt_engine_feed(
                        self.engine,
                        need.index,
                        events.as_ptr(),
                        events.len() as u64,
                        depths.as_ptr(),
                        depths.len() as u64,
                        null(),
                        &mut taken,
                    )
                };
                assert_eq!(status, 0, "{}", self.last_error().1);
                assert!(taken.events > 0, "a starving stream takes rows");
                self.fed += taken.events as usize;
                self.fed_depths += taken.depths as usize;
            }
            other => panic!("unknown need {other}"),
        }
        Ok(false)
    }

    /// The whole run; drains at the end, failed or not.
    pub fn run(&mut self, market: &Market, chunk: usize) -> i32 {
        let status = loop {
            match self.turn(market, chunk) {
                Ok(false) => {}
                Ok(true) => break 0,
                Err(status) => break status,
            }
        };
        if status != 8 {
            self.drain();
        }
        status
    }

    pub fn summary(&self) -> LaneSummaryC {
        let mut summary = std::mem::MaybeUninit::<LaneSummaryC>::zeroed();
        let size = size_of::<LaneSummaryC>() as u32;
        // SAFETY: room for the summary; all of it is numbers.
        unsafe {
            assert_eq!(bt_engine_summary(self.engine, 0, summary.as_mut_ptr(), size), 0);
            summary.assume_init()
        }
    }

    pub fn last_error(&self) -> (i32, String) {
        let (mut status, mut message) = (0, null());
        // SAFETY: the message lives until the next call.
        unsafe {
            assert_eq!(bt_engine_last_error(self.engine, &mut status, &mut message), 0);
            (status, CStr::from_ptr(message).to_str().unwrap().into())
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        // SAFETY: the engine lives, or was destroyed through this variable.
        unsafe { bt_engine_destroy(&mut self.engine) };
    }
}
