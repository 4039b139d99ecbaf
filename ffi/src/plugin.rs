//! Strategies written in Rust and loaded as plugins, through the same C descriptor.
//!
//! Invariants: a panic is caught inside the plugin, where its own standard library can, logged with its text, and
//! returned as `BT_STATUS_PANIC`; it never unwinds into the host. Write `export_strategy!(Mine)` in a `cdylib`, and load
//! it as any other. Cost: one `catch_unwind` a callback, under a nanosecond.

use crate::guard::panic_text;
use crate::host_table::{BT_LOG_ERROR, Ctx, HostApi};
use crate::status::Status;
use crate::strategy::{BT_WANT_ALL, StrategyDesc};
use crate::version::BT_ABI_VERSION;
use btcore::account::Position;
use btcore::wire::{Depth, Event, Fill, OrderReq, Report};
use core::ffi::{CStr, c_char, c_void};
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A strategy of a plugin. Statuses are returned as numbers, 0 to go on.
pub trait Plugin: Sized {
    /// Capabilities, `BT_WANT_*`.
    const WANT: u64 = BT_WANT_ALL;
    /// Makes one instance from the JSON object of its parameters.
    ///
    /// # Errors
    /// A status that the host reports.
    fn create(params_json: &str) -> Result<Self, i32>;
    /// Before the first row.
    fn on_start(&mut self, _host: &mut Host<'_>) -> i32 {
        0
    }
    /// A market row.
    fn on_event(&mut self, host: &mut Host<'_>, event: &Event, depth: &Depth) -> i32;
    /// An answer about an order.
    fn on_report(&mut self, _host: &mut Host<'_>, _report: &Report) -> i32 {
        0
    }
    /// An order traded.
    fn on_fill(&mut self, _host: &mut Host<'_>, _fill: &Fill) -> i32 {
        0
    }
    /// A timer is due.
    fn on_timer(&mut self, _host: &mut Host<'_>, _timer_id: u64) -> i32 {
        0
    }
    /// The run is over; requests are refused here.
    fn on_end(&mut self, _host: &mut Host<'_>) -> i32 {
        0
    }
}

/// The host during one callback.
pub struct Host<'a> {
    api: &'a HostApi,
    ctx: *mut Ctx,
}

fn done(status: i32) -> Result<(), i32> {
    if status == 0 { Ok(()) } else { Err(status) }
}

/// Each call returns the status of the host table's entry of the same name as its error.
#[allow(clippy::missing_errors_doc, reason = "said once, above")]
impl Host<'_> {
    /// The lane's time, ns.
    pub fn now_ns(&self) -> i64 {
        // SAFETY: the handle of the callback that is running.
        unsafe { (self.api.now_ns)(self.ctx) }
    }

    /// Sends a new order and returns its id.
    pub fn order_submit(&mut self, req: &OrderReq) -> Result<u64, i32> {
        let mut order_id = 0;
        // SAFETY: as above; the outputs live through the call. So below.
        done(unsafe { (self.api.order_submit)(self.ctx, req, &raw mut order_id) })?;
        Ok(order_id)
    }

    /// Asks for another price and total quantity.
    pub fn order_amend(&mut self, order_id: u64, price: i64, qty: u32) -> Result<(), i32> {
        // SAFETY: as above.
        done(unsafe { (self.api.order_amend)(self.ctx, order_id, price, qty) })
    }

    /// Asks to cancel.
    pub fn order_cancel(&mut self, order_id: u64) -> Result<(), i32> {
        // SAFETY: as above.
        done(unsafe { (self.api.order_cancel)(self.ctx, order_id) })
    }

    /// Asks for `on_timer`.
    pub fn timer_set(&mut self, at_ns: i64, timer_id: u64) -> Result<(), i32> {
        // SAFETY: as above.
        done(unsafe { (self.api.timer_set)(self.ctx, at_ns, timer_id) })
    }

    /// The position in an instrument.
    pub fn position(&self, instrument: u32) -> Result<Position, i32> {
        let mut position = Position::default();
        // SAFETY: as above.
        done(unsafe { (self.api.position)(self.ctx, instrument, &raw mut position) })?;
        Ok(position)
    }

    /// A whole-number parameter, or `default` when it was not given.
    pub fn param_int(&self, name: &CStr, default: i64) -> Result<i64, i32> {
        let mut value = default;
        // SAFETY: as above.
        match unsafe { (self.api.param_int)(self.ctx, name.as_ptr(), &raw mut value) } {
            status if status == Status::NotFound as i32 => Ok(default),
            status => done(status).map(|()| value),
        }
    }

    /// Writes a line to the run's log.
    pub fn log(&mut self, level: u8, text: &str) -> Result<(), i32> {
        let text = CString::new(text.replace('\0', " ")).unwrap_or_default();
        // SAFETY: as above.
        done(unsafe { (self.api.log)(self.ctx, level, text.as_ptr()) })
    }
}

struct Instance<T> {
    api: *const HostApi,
    code: T,
}

/// Fills in the descriptor of `T`. Use `export_strategy!` rather than this.
///
/// # Safety
/// As `bt_strategy_entry`: both pointers are null or valid.
pub unsafe fn describe<T: Plugin>(host: *const HostApi, desc_out: *mut StrategyDesc) -> i32 {
    if desc_out.is_null() {
        return Status::InvalidArgument as i32;
    }
    // SAFETY: the caller's promise; every host has room for the first version of its table.
    let fits = unsafe { host.as_ref() }.is_some_and(|host| {
        host.abi_version == BT_ABI_VERSION && host.struct_size as usize >= size_of::<HostApi>()
    });
    if !fits {
        return Status::AbiMismatch as i32;
    }
    let desc = StrategyDesc {
        want: T::WANT,
        create: Some(create::<T>),
        on_start: Some(on_start::<T>),
        on_event: Some(on_event::<T>),
        on_report: Some(on_report::<T>),
        on_fill: Some(on_fill::<T>),
        on_timer: Some(on_timer::<T>),
        on_end: Some(on_end::<T>),
        destroy: Some(destroy::<T>),
        ..StrategyDesc::EMPTY
    };
    // SAFETY: checked, and valid by the caller's promise.
    unsafe { *desc_out = desc };
    Status::Ok as i32
}

/// Runs one callback; a panic becomes a log line and a status.
///
/// # Safety
/// `user` must come from `create::<T>`, `ctx` from the host.
unsafe fn call<T: Plugin>(
    callback: &str,
    user: *mut c_void,
    ctx: *mut Ctx,
    act: impl FnOnce(&mut T, &mut Host<'_>) -> i32,
) -> i32 {
    // SAFETY: as promised; callbacks of one instance never overlap.
    let instance = unsafe { &mut *user.cast::<Instance<T>>() };
    // SAFETY: the host table lives as long as the host.
    let mut host = Host { api: unsafe { &*instance.api }, ctx };
    match catch_unwind(AssertUnwindSafe(|| act(&mut instance.code, &mut host))) {
        Ok(status) => status,
        Err(payload) => {
            let text = format!("panic in {callback}: {}", panic_text(&*payload));
            let _ = host.log(BT_LOG_ERROR, &text);
            Status::Panic as i32
        }
    }
}

unsafe extern "C-unwind" fn create<T: Plugin>(
    host: *const HostApi,
    params_json: *const c_char,
    user_out: *mut *mut c_void,
) -> i32 {
    let create = || {
        // SAFETY: the host passes NUL-terminated text.
        let params_json = unsafe { CStr::from_ptr(params_json) };
        let params_json = params_json.to_str().map_err(|_| Status::InvalidArgument as i32)?;
        T::create(params_json)
    };
    match catch_unwind(AssertUnwindSafe(create)) {
        Ok(Ok(code)) => {
            let instance = Box::new(Instance { api: host, code });
            // SAFETY: the host's output.
            unsafe { *user_out = Box::into_raw(instance).cast() };
            0
        }
        Ok(Err(status)) => status,
        Err(_) => Status::Panic as i32,
    }
}

unsafe extern "C-unwind" fn on_start<T: Plugin>(user: *mut c_void, ctx: *mut Ctx) -> i32 {
    // SAFETY: the host's contract. So below.
    unsafe { call::<T>("on_start", user, ctx, |code, host| code.on_start(host)) }
}

unsafe extern "C-unwind" fn on_event<T: Plugin>(
    user: *mut c_void,
    ctx: *mut Ctx,
    event: *const Event,
    depth: *const Depth,
) -> i32 {
    // SAFETY: as above.
    unsafe { call::<T>("on_event", user, ctx, |code, host| code.on_event(host, &*event, &*depth)) }
}

unsafe extern "C-unwind" fn on_report<T: Plugin>(
    user: *mut c_void,
    ctx: *mut Ctx,
    report: *const Report,
) -> i32 {
    // SAFETY: as above.
    unsafe { call::<T>("on_report", user, ctx, |code, host| code.on_report(host, &*report)) }
}

unsafe extern "C-unwind" fn on_fill<T: Plugin>(
    user: *mut c_void,
    ctx: *mut Ctx,
    fill: *const Fill,
) -> i32 {
    // SAFETY: as above.
    unsafe { call::<T>("on_fill", user, ctx, |code, host| code.on_fill(host, &*fill)) }
}

unsafe extern "C-unwind" fn on_timer<T: Plugin>(
    user: *mut c_void,
    ctx: *mut Ctx,
    timer_id: u64,
) -> i32 {
    // SAFETY: as above.
    unsafe { call::<T>("on_timer", user, ctx, |code, host| code.on_timer(host, timer_id)) }
}

unsafe extern "C-unwind" fn on_end<T: Plugin>(user: *mut c_void, ctx: *mut Ctx) -> i32 {
    // SAFETY: as above.
    unsafe { call::<T>("on_end", user, ctx, |code, host| code.on_end(host)) }
}

unsafe extern "C-unwind" fn destroy<T: Plugin>(user: *mut c_void) {
    // SAFETY: made by `create::<T>`, destroyed once by the host's contract. A panic of a destructor ends here.
    let _ = catch_unwind(|| drop(unsafe { Box::from_raw(user.cast::<Instance<T>>()) }));
}

/// Exports a [`Plugin`](crate::plugin::Plugin) as the one symbol of a plugin library.
#[macro_export]
macro_rules! export_strategy {
    ($strategy:ty) => {
        /// The one symbol of this plugin.
        ///
        /// # Safety
        /// Called by a host with its table and a descriptor to fill in.
        #[unsafe(no_mangle)]
        pub unsafe extern "C-unwind" fn bt_strategy_entry(
            host: *const $crate::HostApi,
            desc_out: *mut $crate::StrategyDesc,
        ) -> i32 {
            // SAFETY: the host's contract.
            unsafe { $crate::plugin::describe::<$strategy>(host, desc_out) }
        }
    };
}
