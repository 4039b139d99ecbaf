//! The host table: every call that a strategy may make, as one append-only struct of function pointers.
//!
//! Invariants: a call is legal only inside a callback of the strategy whose `bt_ctx` it carries; outside it is
//! `INVALID_STATE`. Outputs are written only on success. A panic of the core is caught here, reported as `PANIC`,
//! and carried on once the callback has returned. Cost: two loads, and what the core does; nothing allocates.

use crate::status::{Status, code, input, output, text, write_sized, write_text};
use crate::version::BT_ABI_VERSION;
use btcore::account::Position;
use btcore::engine::Context;
use btcore::strategy::Param;
use btcore::wire::{Depth, Event, Instrument, OrderReq, UNDEF_TIME};
use core::cell::Cell;
use core::ffi::c_char;
use core::ptr;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The strategy's handle on its lane: valid from `on_start` to `on_end`, usable only inside a callback.
/// Opaque; owned by the host.
pub struct Ctx {
    context: Cell<*mut Context<'static>>,
    panicked: Cell<bool>,
    panic: Cell<Option<Box<dyn Any + Send>>>,
}

impl Ctx {
    pub(crate) fn new() -> Ctx {
        Ctx {
            context: Cell::new(ptr::null_mut()),
            panicked: Cell::new(false),
            panic: Cell::new(None),
        }
    }

    /// Opens the handle for one callback.
    #[inline(always)]
    pub(crate) fn enter(&self, context: &mut Context<'_>) {
        self.context.set(ptr::from_mut(context).cast::<Context<'static>>());
    }

    /// Closes it, and carries on a panic that a call of this callback met.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        self.context.set(ptr::null_mut());
        if self.panicked.get() {
            self.carry_on();
        }
    }

    #[cold]
    fn carry_on(&self) {
        self.panicked.set(false);
        if let Some(payload) = self.panic.take() {
            resume_unwind(payload);
        }
    }
}

/// What a strategy can know about an instrument. Prices 1e-6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct InstrumentInfo {
    /// Value of one lot for one quote unit, 1e-6 (200 is 200000000).
    pub multiplier_e6: i64,
    /// Lowest legal order price, 1e-6; `INT64_MIN` where there is none.
    pub limit_down: i64,
    /// Highest legal order price, 1e-6; `INT64_MAX` where there is none.
    pub limit_up: i64,
    /// Largest quantity of one order, lots; `UINT32_MAX` where there is no cap.
    pub order_qty_max: u32,
    /// Levels a side of this source shows at most, 1 to 5.
    pub depth_max: u8,
    /// 1 where prices of zero and below are prices, else 0.
    pub negative_prices: u8,
    /// Zero.
    pub reserved: [u8; 2],
}

/// The calls that a strategy may make. Append only: check `struct_size` before using an entry that is
/// younger than your header's ABI version. The table lives as long as the process and is the same for all.
///
/// Every call wants the `bt_ctx` of the running callback, and returns BT_STATUS_INVALID_ARGUMENT when it or
/// another pointer is null, BT_STATUS_INVALID_STATE when no callback of that strategy is running, and
/// BT_STATUS_PANIC when the core itself failed. Outputs come last and are written only on success. Requests
/// are queued with their latency: no call here calls a callback. All calls are O(1) unless said otherwise,
/// allocate nothing, and depend on nothing but the run's rows and configuration.
#[repr(C)]
pub struct HostApi {
    /// Size of this struct in the host, bytes.
    pub struct_size: u32,
    /// ABI version of the host.
    pub abi_version: u32,
    /// Sends a new order; `req->struct_size` is `sizeof(bt_order_req)`. Writes its id, counted from 1 in each
    /// lane. BT_STATUS_OK says that it was sent; the exchange's answer comes by `on_report`, a refusal included.
    /// BT_STATUS_INVALID_ARGUMENT: a value that no exchange could read. BT_STATUS_ABI_MISMATCH: wrong
    /// struct_size. BT_STATUS_FULL: too many orders live or messages in flight. BT_STATUS_INVALID_STATE: in
    /// `on_end`. What is sent once the last row was delivered never arrives.
    pub order_submit:
        unsafe extern "C" fn(ctx: *mut Ctx, req: *const OrderReq, order_id_out: *mut u64) -> i32,
    /// Asks for another price (1e-6) and another total quantity (lots, filled ones included) of a live order.
    /// BT_STATUS_NOT_FOUND: this strategy has no such live order. Else as `order_submit`.
    pub order_amend:
        unsafe extern "C" fn(ctx: *mut Ctx, order_id: u64, price: i64, qty: u32) -> i32,
    /// Asks to cancel a live order. Statuses as `order_amend`.
    pub order_cancel: unsafe extern "C" fn(ctx: *mut Ctx, order_id: u64) -> i32,
    /// Asks for `on_timer(timer_id)` at `at_ns` (ns since the epoch, UTC), now at the earliest.
    /// BT_STATUS_INVALID_ARGUMENT: in the past. BT_STATUS_FULL: every timer of the lane is set.
    pub timer_set: unsafe extern "C" fn(ctx: *mut Ctx, at_ns: i64, timer_id: u64) -> i32,
    /// The lane's time, ns since the epoch, UTC; BT_UNDEF_TIME outside a callback.
    pub now_ns: unsafe extern "C" fn(ctx: *const Ctx) -> i64,
    /// Number of this strategy within its lane; `UINT32_MAX` outside a callback.
    pub strategy: unsafe extern "C" fn(ctx: *const Ctx) -> u32,
    /// The last row delivered of an instrument and the depth row in force: pointers into the engine's rows,
    /// valid until the callback returns. BT_STATUS_NOT_FOUND: no row was delivered yet, or no such instrument.
    pub book: unsafe extern "C" fn(
        ctx: *const Ctx,
        instrument: u32,
        event_out: *mut *const Event,
        depth_out: *mut *const Depth,
    ) -> i32,
    /// The position of this strategy in an instrument, marked at the mid of the last valid two-sided book.
    /// BT_STATUS_NOT_FOUND: no such instrument. BT_STATUS_OVERFLOW: money beyond 64 bits.
    pub position:
        unsafe extern "C" fn(ctx: *const Ctx, instrument: u32, position_out: *mut Position) -> i32,
    /// Instruments of the run, numbered from 0 by the rank of their symbol's bytes; 0 outside a callback.
    pub instrument_count: unsafe extern "C" fn(ctx: *const Ctx) -> u32,
    /// Number of the instrument with this symbol (NUL-terminated). O(log n). BT_STATUS_NOT_FOUND: none.
    pub instrument_find: unsafe extern "C" fn(
        ctx: *const Ctx,
        symbol: *const c_char,
        instrument_out: *mut u32,
    ) -> i32,
    /// Copies what is known of an instrument; `info_size` is `sizeof(bt_instrument_info)`.
    /// BT_STATUS_NOT_FOUND: no such instrument. BT_STATUS_ABI_MISMATCH: info_size is too small.
    pub instrument_info: unsafe extern "C" fn(
        ctx: *const Ctx,
        instrument: u32,
        info_out: *mut InstrumentInfo,
        info_size: u32,
    ) -> i32,
    /// Copies an instrument's symbol and a NUL into `buf` of `cap` bytes. `len_out` (may be null) receives the
    /// length without the NUL, also with BT_STATUS_BUFFER_TOO_SMALL. BT_STATUS_NOT_FOUND: no such instrument.
    pub instrument_symbol: unsafe extern "C" fn(
        ctx: *const Ctx,
        instrument: u32,
        buf: *mut c_char,
        cap: u64,
        len_out: *mut u64,
    ) -> i32,
    /// Tick size in force at a price, both 1e-6. O(steps). BT_STATUS_NOT_FOUND: no such instrument, or the
    /// price lies below its ladder.
    pub instrument_tick: unsafe extern "C" fn(
        ctx: *const Ctx,
        instrument: u32,
        price: i64,
        tick_out: *mut i64,
    ) -> i32,
    /// A whole-number parameter of this strategy. O(parameters). BT_STATUS_NOT_FOUND: not given, and the output
    /// keeps the default that you put there. BT_STATUS_INVALID_ARGUMENT: it is not a whole number.
    pub param_int:
        unsafe extern "C" fn(ctx: *const Ctx, name: *const c_char, value_out: *mut i64) -> i32,
    /// A number parameter; a whole number is one too. Statuses as `param_int`.
    pub param_float:
        unsafe extern "C" fn(ctx: *const Ctx, name: *const c_char, value_out: *mut f64) -> i32,
    /// A text parameter, copied as by `instrument_symbol`. Statuses as `param_int`, and
    /// BT_STATUS_BUFFER_TOO_SMALL.
    pub param_text: unsafe extern "C" fn(
        ctx: *const Ctx,
        name: *const c_char,
        buf: *mut c_char,
        cap: u64,
        len_out: *mut u64,
    ) -> i32,
    /// Writes a line to the run's log; level BT_LOG_ERROR to BT_LOG_DEBUG; text is NUL-terminated UTF-8,
    /// copied. BT_STATUS_FULL: this instant has logged too much, and the line is lost.
    pub log: unsafe extern "C" fn(ctx: *mut Ctx, level: u8, text: *const c_char) -> i32,
}

/// Log level: the run is wrong.
pub const BT_LOG_ERROR: u8 = 0;
/// Log level: the run may be wrong.
pub const BT_LOG_WARNING: u8 = 1;
/// Log level: worth a line.
pub const BT_LOG_INFO: u8 = 2;
/// Log level: for the strategy's author.
pub const BT_LOG_DEBUG: u8 = 3;

/// The one host table.
pub static HOST_API: HostApi = HostApi {
    struct_size: size_of::<HostApi>() as u32,
    abi_version: BT_ABI_VERSION,
    order_submit,
    order_amend,
    order_cancel,
    timer_set,
    now_ns,
    strategy,
    book,
    position,
    instrument_count,
    instrument_find,
    instrument_info,
    instrument_symbol,
    instrument_tick,
    param_int,
    param_float,
    param_text,
    log,
};

/// The host table, for an application that registers strategies without an entry function. Lives forever.
/// Any thread. Cannot fail.
#[unsafe(no_mangle)]
pub extern "C" fn bt_host_table() -> *const HostApi {
    &raw const HOST_API
}

/// Runs one call of the table against the context of the callback that is running.
///
/// # Safety
/// `ctx` must be null or a `bt_ctx` whose strategy is alive.
#[inline(always)]
unsafe fn call(
    ctx: *const Ctx,
    act: impl FnOnce(&mut Context<'_>) -> Result<(), Status>,
) -> Result<(), Status> {
    // SAFETY: as promised; a handle is a heap object that lives as long as its strategy.
    let ctx = unsafe { input(ctx) }?;
    let context = ctx.context.get();
    if context.is_null() {
        return Err(Status::InvalidState);
    }
    let act = || {
        // SAFETY: the pointer is set for the length of one callback, on the thread that runs it, while the engine's
        // own reference is lent to that callback; no call of the table runs another.
        act(unsafe { &mut *context })
    };
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(result) => result,
        Err(payload) => {
            ctx.panic.set(Some(payload));
            ctx.panicked.set(true);
            Err(Status::Panic)
        }
    }
}

unsafe extern "C" fn order_submit(ctx: *mut Ctx, req: *const OrderReq, id_out: *mut u64) -> i32 {
    // SAFETY: `ctx` and `req` are the strategy's promise.
    code(unsafe {
        call(ctx, |context| {
            let req = input(req)?;
            let id_out = output(id_out)?;
            if req.struct_size as usize != size_of::<OrderReq>() {
                return Err(Status::AbiMismatch);
            }
            *id_out = context.order_submit(req)?;
            Ok(())
        })
    })
}

unsafe extern "C" fn order_amend(ctx: *mut Ctx, order_id: u64, price: i64, qty: u32) -> i32 {
    // SAFETY: `ctx` is the strategy's promise.
    code(unsafe { call(ctx, |context| context.order_amend(order_id, price, qty)) })
}

unsafe extern "C" fn order_cancel(ctx: *mut Ctx, order_id: u64) -> i32 {
    // SAFETY: `ctx` is the strategy's promise.
    code(unsafe { call(ctx, |context| context.order_cancel(order_id)) })
}

unsafe extern "C" fn timer_set(ctx: *mut Ctx, at_ns: i64, timer_id: u64) -> i32 {
    // SAFETY: `ctx` is the strategy's promise.
    code(unsafe { call(ctx, |context| context.timer_set(at_ns, timer_id)) })
}

unsafe extern "C" fn now_ns(ctx: *const Ctx) -> i64 {
    let mut now_ns = UNDEF_TIME;
    // SAFETY: `ctx` is the strategy's promise. A failure leaves the sentinel.
    let _ = unsafe {
        call(ctx, |context| {
            now_ns = context.now_ns();
            Ok(())
        })
    };
    now_ns
}

unsafe extern "C" fn strategy(ctx: *const Ctx) -> u32 {
    let mut strategy = u32::MAX;
    // SAFETY: `ctx` is the strategy's promise. A failure leaves the sentinel.
    let _ = unsafe {
        call(ctx, |context| {
            strategy = context.strategy();
            Ok(())
        })
    };
    strategy
}

unsafe extern "C" fn book(
    ctx: *const Ctx,
    instrument: u32,
    event_out: *mut *const Event,
    depth_out: *mut *const Depth,
) -> i32 {
    // SAFETY: `ctx` and the outputs are the strategy's promise.
    code(unsafe {
        call(ctx, |context| {
            let (event_out, depth_out) = (output(event_out)?, output(depth_out)?);
            let (event, depth) = context.book(instrument).ok_or(Status::NotFound)?;
            *event_out = event;
            *depth_out = depth;
            Ok(())
        })
    })
}

unsafe extern "C" fn position(ctx: *const Ctx, instrument: u32, out: *mut Position) -> i32 {
    // SAFETY: `ctx` and the output are the strategy's promise.
    code(unsafe {
        call(ctx, |context| {
            let out = output(out)?;
            *out = context.position(instrument)?;
            Ok(())
        })
    })
}

unsafe extern "C" fn instrument_count(ctx: *const Ctx) -> u32 {
    let mut count = 0;
    // SAFETY: `ctx` is the strategy's promise. A failure leaves 0.
    let _ = unsafe {
        call(ctx, |context| {
            count = context.instruments().len() as u32;
            Ok(())
        })
    };
    count
}

unsafe extern "C" fn instrument_find(
    ctx: *const Ctx,
    symbol: *const c_char,
    instrument_out: *mut u32,
) -> i32 {
    // SAFETY: `ctx`, the text and the output are the strategy's promise.
    code(unsafe {
        call(ctx, |context| {
            let symbol = text(symbol)?;
            let instrument_out = output(instrument_out)?;
            *instrument_out = context.instrument_find(symbol).ok_or(Status::NotFound)?;
            Ok(())
        })
    })
}

fn instrument<'a>(context: &'a Context<'_>, instrument: u32) -> Result<&'a Instrument, Status> {
    context.instruments().get(instrument as usize).ok_or(Status::NotFound)
}

unsafe extern "C" fn instrument_info(
    ctx: *const Ctx,
    number: u32,
    info_out: *mut InstrumentInfo,
    info_size: u32,
) -> i32 {
    // SAFETY: `ctx` and the output of that size are the strategy's promise.
    code(unsafe {
        call(ctx, |context| {
            let known = instrument(context, number)?;
            let info = InstrumentInfo {
                multiplier_e6: known.multiplier_e6,
                limit_down: known.limit_down,
                limit_up: known.limit_up,
                order_qty_max: known.order_qty_max,
                depth_max: known.depth_max,
                negative_prices: u8::from(known.negative_prices),
                reserved: [0; 2],
            };
            write_sized(info_out, info_size, &info)
        })
    })
}

unsafe extern "C" fn instrument_symbol(
    ctx: *const Ctx,
    number: u32,
    buf: *mut c_char,
    cap: u64,
    len_out: *mut u64,
) -> i32 {
    // SAFETY: `ctx` and the buffer of `cap` bytes are the strategy's promise.
    code(unsafe {
        call(ctx, |context| write_text(&instrument(context, number)?.symbol, buf, cap, len_out))
    })
}

unsafe extern "C" fn instrument_tick(
    ctx: *const Ctx,
    number: u32,
    price: i64,
    tick_out: *mut i64,
) -> i32 {
    // SAFETY: `ctx` and the output are the strategy's promise.
    code(unsafe {
        call(ctx, |context| {
            let tick_out = output(tick_out)?;
            let steps = &instrument(context, number)?.ticks;
            let step = steps.iter().rev().find(|step| step.price_from <= price);
            *tick_out = step.ok_or(Status::NotFound)?.tick;
            Ok(())
        })
    })
}

/// # Safety
/// `name` must be null or NUL-terminated.
unsafe fn param<'a>(context: &'a Context<'_>, name: *const c_char) -> Result<&'a Param, Status> {
    // SAFETY: as promised.
    let name = unsafe { text(name) }?;
    context.param(name).ok_or(Status::NotFound)
}

unsafe extern "C" fn param_int(ctx: *const Ctx, name: *const c_char, value_out: *mut i64) -> i32 {
    // SAFETY: `ctx`, the text and the output are the strategy's promise.
    code(unsafe {
        call(ctx, |context| {
            let value_out = output(value_out)?;
            let Param::Int(value) = param(context, name)? else {
                return Err(Status::InvalidArgument);
            };
            *value_out = *value;
            Ok(())
        })
    })
}

unsafe extern "C" fn param_float(ctx: *const Ctx, name: *const c_char, value_out: *mut f64) -> i32 {
    // SAFETY: `ctx`, the text and the output are the strategy's promise.
    code(unsafe {
        call(ctx, |context| {
            let value_out = output(value_out)?;
            *value_out = match param(context, name)? {
                Param::Int(value) => *value as f64,
                Param::Float(value) => *value,
                Param::Text(_) => return Err(Status::InvalidArgument),
            };
            Ok(())
        })
    })
}

unsafe extern "C" fn param_text(
    ctx: *const Ctx,
    name: *const c_char,
    buf: *mut c_char,
    cap: u64,
    len_out: *mut u64,
) -> i32 {
    // SAFETY: `ctx`, the text and the buffer of `cap` bytes are the strategy's promise.
    code(unsafe {
        call(ctx, |context| {
            let Param::Text(value) = param(context, name)? else {
                return Err(Status::InvalidArgument);
            };
            write_text(value, buf, cap, len_out)
        })
    })
}

unsafe extern "C" fn log(ctx: *mut Ctx, level: u8, line: *const c_char) -> i32 {
    // SAFETY: `ctx` and the text are the strategy's promise.
    code(unsafe { call(ctx, |context| context.log(level, text(line)?)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::{BT_WANT_BOOK, CStrategy, StrategyDesc};
    use btcore::engine::{Capacity, LaneConfig, Replay, Rows, StrategySlot};
    use btcore::exchange::ExchangeConfig;
    use btcore::feed::FeedConfig;
    use btcore::latency::Latency;
    use btcore::wire::{PRICE_SCALE, TickStep, kind};
    use core::ffi::c_void;
    use core::sync::atomic::{AtomicI32, Ordering};

    static SEEN: AtomicI32 = AtomicI32::new(-1);

    unsafe extern "C-unwind" fn meets_a_panic(
        _user: *mut c_void,
        ctx: *mut Ctx,
        _event: *const Event,
        _depth: *const Depth,
    ) -> i32 {
        // SAFETY: the handle of this callback.
        let result = unsafe { call(ctx, |_| panic!("inside the core")) };
        SEEN.store(code(result), Ordering::Relaxed);
        0
    }

    #[test]
    fn a_panic_under_a_call_is_a_status_there_and_goes_on_after_the_callback() {
        let instrument = Instrument {
            symbol: "TXF".into(),
            exchange: "TAIFEX".into(),
            ticks: vec![TickStep { price_from: PRICE_SCALE, tick: PRICE_SCALE }],
            multiplier_e6: PRICE_SCALE,
            limit_down: i64::MIN,
            limit_up: i64::MAX,
            protection: 0,
            depth_max: 5,
            order_qty_max: u32::MAX,
            negative_prices: false,
            sessions: vec![],
            fees: vec![],
        };
        let desc = StrategyDesc {
            want: BT_WANT_BOOK,
            on_event: Some(meets_a_panic),
            ..StrategyDesc::EMPTY
        };
        // SAFETY: the descriptor keeps its contract.
        let code = unsafe { CStrategy::from_desc("panics", &desc, "{}") }.unwrap();
        let lane = LaneConfig {
            name: "lane".into(),
            seed: 1,
            latency: Latency::default().into(),
            exchange: ExchangeConfig::default(),
            timeseries_ns: 1_000_000_000,
            capital: 0,
            capacity: Capacity::default(),
        };
        let slot = StrategySlot { name: "panics".into(), params: vec![], code };
        let lanes = vec![(lane, vec![slot])];
        let mut replay = Replay::new(vec![instrument], FeedConfig::default(), 1, lanes).unwrap();
        let event = Event {
            kind: kind::BOOK,
            bid_price: 10 * PRICE_SCALE,
            bid_qty: 1,
            ask_price: 11 * PRICE_SCALE,
            ask_qty: 1,
            ..Event::EMPTY
        };
        let depth = Depth { bid_levels: 1, ask_levels: 1, ..Depth::EMPTY };
        let rows = Rows { events: &[event], depths: &[depth], seqs: &[0] };
        replay.push(0, rows).unwrap();
        replay.close(0);
        let payload = catch_unwind(AssertUnwindSafe(|| replay.run())).expect_err("it goes on");
        assert_eq!(crate::guard::panic_text(&*payload), "inside the core");
        assert_eq!(SEEN.load(Ordering::Relaxed), Status::Panic as i32);
    }
}
