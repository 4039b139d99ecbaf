//! What an embedding application configures: the engine, instruments, lanes and parameters, as C structs, and
//! their way into the core's own types.
//!
//! Invariants: each struct that may grow begins with its size; an unknown value, a null text and a reserved byte
//! that is not zero are faults with a sentence; what the core judges (ranges, ladders, sessions) is left to it.
//! Zero means the default wherever a default exists. Cost: set-up only.

use crate::status::{Status, array, input, text};
use crate::version::BT_ABI_VERSION;
use btcore::engine::{Capacity, Fault, LaneConfig};
use btcore::exchange::ExchangeConfig;
use btcore::feed::FeedConfig;
use btcore::latency::{Latency, Legs};
use btcore::strategy::Param;
use btcore::wire::{Fee, FeeBase, FeeSide, Instrument, Rounding, Session, TickStep};
use core::ffi::c_char;

/// Fee row: buys and sells.
pub const BT_FEE_SIDE_BOTH: u8 = 0;
/// Fee row: buys only.
pub const BT_FEE_SIDE_BUY: u8 = 1;
/// Fee row: sells only.
pub const BT_FEE_SIDE_SELL: u8 = 2;
/// Fee row: `amount` is money for one lot, 1e-6.
pub const BT_FEE_BASE_PER_LOT: u8 = 1;
/// Fee row: `amount` is a rate, 1e-9, of one lot's value, rounded for each lot.
pub const BT_FEE_BASE_VALUE_PER_LOT: u8 = 2;
/// Fee row: `amount` is a rate, 1e-9, of the whole fill's value, rounded once.
pub const BT_FEE_BASE_VALUE_PER_FILL: u8 = 3;
/// Fee row: rounded towards zero.
pub const BT_ROUNDING_DOWN: u8 = 1;
/// Fee row: rounded to the nearest, a half away from zero.
pub const BT_ROUNDING_HALF_UP: u8 = 2;
/// Fee row: rounded away from zero.
pub const BT_ROUNDING_UP: u8 = 3;
/// Parameter: `value_int` holds it.
pub const BT_PARAM_INT: u32 = 1;
/// Parameter: `value_float` holds it.
pub const BT_PARAM_FLOAT: u32 = 2;
/// Parameter: `value_text` holds it.
pub const BT_PARAM_TEXT: u32 = 3;

/// An engine. Zero means the default in every field but the first three.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct EngineConfig {
    /// `sizeof(bt_engine_config)`.
    pub struct_size: u32,
    /// `BT_ABI_VERSION`.
    pub abi_version: u32,
    /// Streams of rows that will be fed, at least 1.
    pub streams: u32,
    /// 1 to put books before trades of the same time; 0 puts trades first.
    pub books_first: u8,
    /// 1 to keep rows that equal another in every column; 0 drops and counts them.
    pub keep_duplicates: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// How far back in time a row may lie behind the newest one of its stream, ns.
    pub reorder_ns: i64,
    /// Rows that a stream may hold back while their order is open; 0 is 4096.
    pub reorder_rows_max: u64,
    /// Rows of the replay window, at least twice what arrives within the longest feed latency and one second more;
    /// 0 is 65536.
    pub window_rows: u64,
}

/// From `price_from` upwards the tick is `tick`, both 1e-6. Closed: never grows.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct TickStepC {
    /// Lowest price of the step, inclusive, 1e-6.
    pub price_from: i64,
    /// Tick size of the step, 1e-6; above zero.
    pub tick: i64,
}

/// One continuous-trading session, from `open_ns` up to but not including `close_ns`. Closed: never grows.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SessionC {
    /// First instant of the session, ns since the epoch, UTC.
    pub open_ns: i64,
    /// First instant after the session, ns.
    pub close_ns: i64,
    /// Trading day, as the decimal number yyyymmdd.
    pub trading_day: u32,
    /// Zero.
    pub reserved: u32,
}

/// One fee or tax row. Closed: never grows.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct FeeC {
    /// Name for tables, NUL-terminated; copied.
    pub name: *const c_char,
    /// Money 1e-6 or a rate of 1e-9, as `base` says.
    pub amount: i64,
    /// Unit it is rounded to, money 1e-6; 1 is the finest.
    pub unit: i64,
    /// A BT_FEE_SIDE_*.
    pub side: u8,
    /// A BT_FEE_BASE_*.
    pub base: u8,
    /// A BT_ROUNDING_*.
    pub rounding: u8,
    /// Zero.
    pub reserved: [u8; 5],
}

/// An instrument. Arrays and texts are copied during the call.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct InstrumentConfig {
    /// `sizeof(bt_instrument_config)`.
    pub struct_size: u32,
    /// Levels a side of this source shows at most, 1 to 5: beyond a full side the book is unknown.
    pub depth_max: u8,
    /// 1 where prices of zero and below are prices (calendar spreads), else 0.
    pub negative_prices: u8,
    /// Zero.
    pub reserved: [u8; 2],
    /// Symbol, NUL-terminated; its bytes decide the instrument's number.
    pub symbol: *const c_char,
    /// Exchange, for tables, NUL-terminated.
    pub exchange: *const c_char,
    /// Tick ladder, rising; the first step starts at the lowest legal price.
    pub ticks: *const TickStepC,
    /// Sessions, sorted and disjoint; none means always open.
    pub sessions: *const SessionC,
    /// Fees and taxes.
    pub fees: *const FeeC,
    /// Steps of `ticks`, at least 1.
    pub ticks_count: u32,
    /// Sessions of `sessions`.
    pub sessions_count: u32,
    /// Rows of `fees`.
    pub fees_count: u32,
    /// Largest quantity of one order, lots; 0 or UINT32_MAX for no cap.
    pub order_qty_max: u32,
    /// Value of one lot for one quote unit, 1e-6 (200 is 200000000).
    pub multiplier_e6: i64,
    /// Lowest legal order price, 1e-6; INT64_MIN where there is none.
    pub limit_down: i64,
    /// Highest legal order price, 1e-6; INT64_MAX where there is none.
    pub limit_up: i64,
    /// Points of protection of BT_ORDER_MARKET_PROTECTED, 1e-6; 0 where the venue has no such order.
    pub protection: i64,
}

/// A lane: one simulated trader. Latencies are ns, 0 to one hour; capacities of 0 are the defaults.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct LaneConfigC {
    /// `sizeof(bt_lane_config)`.
    pub struct_size: u32,
    /// Zero.
    pub reserved: u32,
    /// Name for messages, NUL-terminated; copied.
    pub name: *const c_char,
    /// Seed of the lane's own draws.
    pub seed: u64,
    /// Capital at the start, money 1e-6.
    pub capital: i64,
    /// Equity is sampled on this grid, ns; above zero.
    pub timeseries_ns: i64,
    /// Exchange to strategy, market rows.
    pub feed_ns: i64,
    /// Strategy to exchange, new orders.
    pub submit_ns: i64,
    /// Strategy to exchange, amends.
    pub amend_ns: i64,
    /// Strategy to exchange, cancels.
    pub cancel_ns: i64,
    /// Exchange to strategy, reports and fills.
    pub response_ns: i64,
    /// Orders alive at once, requests in flight included; 0 is 1024.
    pub orders_live_max: u32,
    /// Requests, and separately reports, in flight; 0 is 4096.
    pub in_flight_max: u32,
    /// Timers set at once; 0 is 256.
    pub timers_max: u32,
    /// Output rows of each kind between two drains; 0 is 16384.
    pub records_max: u32,
}

/// A parameter of a strategy. Closed: never grows.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ParamC {
    /// Name, NUL-terminated; copied.
    pub name: *const c_char,
    /// The text of a BT_PARAM_TEXT, NUL-terminated; copied. Else ignored.
    pub value_text: *const c_char,
    /// The value of a BT_PARAM_INT, else ignored.
    pub value_int: i64,
    /// The value of a BT_PARAM_FLOAT, else ignored.
    pub value_float: f64,
    /// A BT_PARAM_*.
    pub value_type: u32,
    /// Zero.
    pub reserved: u32,
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(Status::InvalidArgument, message.into())
}

fn check_size(what: &str, given: u32, known: usize) -> Result<(), Fault> {
    if given as usize == known {
        return Ok(());
    }
    let message = format!("{what}: struct_size is {given}, this library knows {known}");
    Err(Fault::new(Status::AbiMismatch, message))
}

fn flag(what: &str, value: u8) -> Result<bool, Fault> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(invalid(format!("{what} is {value}; 0 and 1 are possible"))),
    }
}

fn or(value: u64, default: usize) -> usize {
    if value == 0 { default } else { usize::try_from(value).unwrap_or(usize::MAX) }
}

/// # Safety
/// `pointer` must be null or NUL-terminated.
unsafe fn named(what: &str, pointer: *const c_char) -> Result<String, Fault> {
    // SAFETY: as promised.
    let text = unsafe { text(pointer) };
    text.map(str::to_string).map_err(|_| invalid(format!("{what} is null or not UTF-8")))
}

/// # Safety
/// `pointer` must be null or valid for reads of `count` items.
unsafe fn listed<'a, T>(what: &str, pointer: *const T, count: u32) -> Result<&'a [T], Fault> {
    // SAFETY: as promised.
    let items = unsafe { array(pointer, u64::from(count)) };
    items.map_err(|_| invalid(format!("{what} is null or misaligned with a count of {count}")))
}

/// Reads the feed's part of an engine's configuration and the number of streams.
///
/// # Safety
/// `config` must be null or valid for reads.
pub(crate) unsafe fn read_engine(
    config: *const EngineConfig,
) -> Result<(FeedConfig, usize), Status> {
    // SAFETY: as promised.
    let config = unsafe { input(config) }?;
    if config.struct_size as usize != size_of::<EngineConfig>()
        || config.abi_version != BT_ABI_VERSION
    {
        return Err(Status::AbiMismatch);
    }
    if config.streams == 0
        || config.books_first > 1
        || config.keep_duplicates > 1
        || config.reserved != [0; 2]
    {
        return Err(Status::InvalidArgument);
    }
    let default = FeedConfig::default();
    let feed = FeedConfig {
        trade_first: config.books_first == 0,
        reorder_ns: config.reorder_ns,
        reorder_rows_max: or(config.reorder_rows_max, default.reorder_rows_max),
        drop_exact_duplicates: config.keep_duplicates == 0,
        drop_second_ticks: false,
        window_rows: or(config.window_rows, default.window_rows),
    };
    Ok((feed, config.streams as usize))
}

/// Reads an instrument.
///
/// # Safety
/// Pointers must be null or valid, with the counts that stand beside them.
pub(crate) unsafe fn read_instrument(config: *const InstrumentConfig) -> Result<Instrument, Fault> {
    // SAFETY: as promised.
    let config =
        unsafe { input(config) }.map_err(|_| invalid("the instrument is a null pointer"))?;
    check_size("bt_instrument_config", config.struct_size, size_of::<InstrumentConfig>())?;
    // SAFETY: as promised.
    let symbol = unsafe { named("symbol", config.symbol) }?;
    // SAFETY: as promised.
    let exchange = unsafe { named("exchange", config.exchange) }?;
    // SAFETY: as promised.
    let ticks = unsafe { listed("ticks", config.ticks, config.ticks_count) }?;
    // SAFETY: as promised.
    let sessions = unsafe { listed("sessions", config.sessions, config.sessions_count) }?;
    // SAFETY: as promised.
    let fees = unsafe { listed("fees", config.fees, config.fees_count) }?;
    if config.reserved != [0; 2] || sessions.iter().any(|session| session.reserved != 0) {
        return Err(invalid(format!("{symbol}: a reserved field is not zero")));
    }
    let fees = fees.iter().map(|fee| {
        // SAFETY: as promised.
        unsafe { read_fee(&symbol, fee) }
    });
    Ok(Instrument {
        exchange,
        ticks: ticks
            .iter()
            .map(|step| TickStep { price_from: step.price_from, tick: step.tick })
            .collect(),
        multiplier_e6: config.multiplier_e6,
        limit_down: config.limit_down,
        limit_up: config.limit_up,
        protection: config.protection,
        depth_max: config.depth_max,
        order_qty_max: if config.order_qty_max == 0 { u32::MAX } else { config.order_qty_max },
        negative_prices: flag("negative_prices", config.negative_prices)?,
        sessions: sessions
            .iter()
            .map(|session| {
                Session::continuous(session.open_ns, session.close_ns, session.trading_day)
            })
            .collect(),
        fees: fees.collect::<Result<_, _>>()?,
        symbol,
    })
}

/// # Safety
/// The name must be null or NUL-terminated.
unsafe fn read_fee(symbol: &str, fee: &FeeC) -> Result<Fee, Fault> {
    // SAFETY: as promised.
    let name = unsafe { named("fee name", fee.name) }?;
    let unknown = |field: &str, value: u8| {
        invalid(format!("{symbol}: fee '{name}' has the unknown {field} {value}"))
    };
    let side = match fee.side {
        BT_FEE_SIDE_BOTH => FeeSide::Both,
        BT_FEE_SIDE_BUY => FeeSide::Buy,
        BT_FEE_SIDE_SELL => FeeSide::Sell,
        value => return Err(unknown("side", value)),
    };
    let base = match fee.base {
        BT_FEE_BASE_PER_LOT => FeeBase::PerLot { amount: fee.amount },
        BT_FEE_BASE_VALUE_PER_LOT => FeeBase::ValuePerLot { rate_e9: fee.amount },
        BT_FEE_BASE_VALUE_PER_FILL => FeeBase::ValuePerFill { rate_e9: fee.amount },
        value => return Err(unknown("base", value)),
    };
    let rounding = match fee.rounding {
        BT_ROUNDING_DOWN => Rounding::Down,
        BT_ROUNDING_HALF_UP => Rounding::HalfUp,
        BT_ROUNDING_UP => Rounding::Up,
        value => return Err(unknown("rounding", value)),
    };
    if fee.reserved != [0; 5] {
        return Err(invalid(format!(
            "{symbol}: fee '{name}' has a reserved byte that is not zero"
        )));
    }
    Ok(Fee { name, side, base, unit: fee.unit, rounding })
}

/// Reads a lane.
///
/// # Safety
/// Pointers must be null or valid.
pub(crate) unsafe fn read_lane(config: *const LaneConfigC) -> Result<LaneConfig, Fault> {
    // SAFETY: as promised.
    let config = unsafe { input(config) }.map_err(|_| invalid("the lane is a null pointer"))?;
    check_size("bt_lane_config", config.struct_size, size_of::<LaneConfigC>())?;
    if config.reserved != 0 {
        return Err(invalid("the lane's reserved field is not zero"));
    }
    let default = Capacity::default();
    Ok(LaneConfig {
        // SAFETY: as promised.
        name: unsafe { named("lane name", config.name) }?,
        seed: config.seed,
        latency: Legs::from(Latency {
            feed_ns: config.feed_ns,
            submit_ns: config.submit_ns,
            amend_ns: config.amend_ns,
            cancel_ns: config.cancel_ns,
            response_ns: config.response_ns,
        }),
        exchange: ExchangeConfig::default(),
        timeseries_ns: config.timeseries_ns,
        capital: config.capital,
        capacity: Capacity {
            orders_live: or(config.orders_live_max.into(), default.orders_live),
            in_flight: or(config.in_flight_max.into(), default.in_flight),
            timers: or(config.timers_max.into(), default.timers),
            records: or(config.records_max.into(), default.records),
        },
    })
}

/// Reads the name of a strategy and its parameters.
///
/// # Safety
/// Pointers must be null or valid, `params` for `count` items.
pub(crate) unsafe fn read_params(
    name: *const c_char,
    params: *const ParamC,
    count: u32,
) -> Result<(String, Vec<(String, Param)>), Fault> {
    // SAFETY: as promised.
    let name = unsafe { named("strategy name", name) }?;
    // SAFETY: as promised.
    let params = unsafe { listed("params", params, count) }?;
    let params = params.iter().map(|param| {
        // SAFETY: as promised.
        let param_name = unsafe { named("parameter name", param.name) }?;
        let value = match param.value_type {
            BT_PARAM_INT => Param::Int(param.value_int),
            BT_PARAM_FLOAT => Param::Float(param.value_float),
            // SAFETY: as promised.
            BT_PARAM_TEXT => Param::Text(unsafe { named(&param_name, param.value_text) }?),
            value => {
                return Err(invalid(format!(
                    "parameter '{param_name}' has the unknown type {value}"
                )));
            }
        };
        Ok((param_name, value))
    });
    let params = params.collect::<Result<_, _>>()?;
    Ok((name, params))
}
