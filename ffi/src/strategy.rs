//! The strategy descriptor, and [`CStrategy`]: the adapter that the engine calls and that calls the descriptor.
//!
//! Invariants: a descriptor is checked whole before anything of it is called, and all its faults are told at once;
//! `create` runs once and `destroy` exactly once for whatever `create` made, whether or not a run follows; rows are
//! passed on by pointer, never copied. Cost: one indirect call for each row that is wanted; no allocation.

use crate::guard::foreign;
use crate::host_table::{Ctx, HOST_API, HostApi};
use crate::status::Status;
use crate::version::BT_ABI_VERSION;
use btcore::engine::Context;
use btcore::feed::class;
use btcore::strategy::{Param, Strategy};
use btcore::wire::{Depth, Event, Fill, Report};
use core::ffi::{c_char, c_void};
use core::fmt::{self, Write};
use core::mem::{MaybeUninit, offset_of};
use core::ptr::{self, NonNull};
use std::any::Any;
use std::ffi::CString;
use std::sync::Arc;

/// Capability: rows that show a book.
pub const BT_WANT_BOOK: u64 = 2;
/// Capability: rows that show a book whose best bid or best ask price is not that of the instrument's book before. Contained
/// in BT_WANT_BOOK.
pub const BT_WANT_TOUCH: u64 = 32;
/// Capability: rows that print a trade.
pub const BT_WANT_TRADE: u64 = 4;
/// Capability: session openings and closings.
pub const BT_WANT_SESSION: u64 = 24;
/// Capability: order reports.
pub const BT_WANT_REPORT: u64 = 256;
/// Capability: fills.
pub const BT_WANT_FILL: u64 = 512;
/// Capability: timers.
pub const BT_WANT_TIMER: u64 = 1024;
/// Every row of every kind.
pub const BT_WANT_EVENTS: u64 = 30;
/// Every capability of this ABI version, whole or contained in another; wants `on_event`, `on_report`, `on_fill` and `on_timer`.
pub const BT_WANT_ALL: u64 = 1822;

const _: () = {
    assert!(BT_WANT_BOOK == class::BOOK as u64 && BT_WANT_TRADE == class::TRADE as u64);
    assert!(BT_WANT_SESSION == class::SESSION as u64 && BT_WANT_TOUCH == class::TOUCH as u64);
    assert!(BT_WANT_EVENTS == BT_WANT_BOOK | BT_WANT_TRADE | BT_WANT_SESSION);
    assert!(BT_WANT_ALL == BT_WANT_EVENTS | BT_WANT_REPORT | BT_WANT_FILL | BT_WANT_TIMER);
};

/// Where a strategy writes its state. Opaque. No function of this ABI version makes one.
pub struct Writer {
    _private: [u8; 0],
}

/// Where a strategy reads its state. Opaque. No function of this ABI version makes one.
pub struct Reader {
    _private: [u8; 0],
}

/// A strategy as a table of callbacks. The host hands it over zeroed; fill in what you have.
///
/// Callbacks run on the thread that runs the engine, one at a time, never nested, and never after `destroy`.
/// Different instances may run on different threads. Pointers handed to a callback are valid until it
/// returns. A callback returns 0, or any other number to stop the run with it. It must not throw and must not
/// longjmp: an exception that leaves a callback ends the process, with a line that names strategy and
/// callback.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct StrategyDesc {
    /// `sizeof(bt_strategy_desc)` as the strategy was compiled.
    pub struct_size: u32,
    /// `BT_ABI_VERSION` as the strategy was compiled.
    pub abi_version: u32,
    /// BT_WANT_* of what is to be delivered; each one wants its callback. Ask for no more than you read: rows that are not
    /// wanted cost nothing, and `book` knows them all the same.
    pub want: u64,
    /// First argument of every callback when `create` is null; ignored otherwise.
    pub user: *mut c_void,
    /// Makes one instance: writes the first argument of its callbacks to `*user_out`. `params_json` is a JSON
    /// object of the parameters, valid during the call; the typed `param_*` calls work from `on_start` on.
    /// On a return other than 0 nothing was made: free what you allocated, `destroy` is not called. May be null.
    pub create: Option<
        unsafe extern "C-unwind" fn(
            host: *const HostApi,
            params_json: *const c_char,
            user_out: *mut *mut c_void,
        ) -> i32,
    >,
    /// Before the first row: read parameters, find instruments. May be null.
    pub on_start: Option<unsafe extern "C-unwind" fn(user: *mut c_void, ctx: *mut Ctx) -> i32>,
    /// A market row reached the strategy; `depth` is the depth row in force. Read levels by `bt_level`.
    pub on_event: Option<
        unsafe extern "C-unwind" fn(
            user: *mut c_void,
            ctx: *mut Ctx,
            event: *const Event,
            depth: *const Depth,
        ) -> i32,
    >,
    /// The exchange answered about an order of this strategy.
    pub on_report: Option<
        unsafe extern "C-unwind" fn(user: *mut c_void, ctx: *mut Ctx, report: *const Report) -> i32,
    >,
    /// An order of this strategy traded.
    pub on_fill: Option<
        unsafe extern "C-unwind" fn(user: *mut c_void, ctx: *mut Ctx, fill: *const Fill) -> i32,
    >,
    /// A timer set by this strategy is due.
    pub on_timer:
        Option<unsafe extern "C-unwind" fn(user: *mut c_void, ctx: *mut Ctx, timer_id: u64) -> i32>,
    /// The run is over; requests are refused here. Not called when a run fails. May be null.
    pub on_end: Option<unsafe extern "C-unwind" fn(user: *mut c_void, ctx: *mut Ctx) -> i32>,
    /// Writes the state for a checkpoint; null says that runs with it cannot be resumed. This ABI version takes
    /// no checkpoints and never calls it.
    pub save: Option<unsafe extern "C-unwind" fn(user: *mut c_void, writer: *mut Writer) -> i32>,
    /// Reads the state of a checkpoint; null exactly when `save` is. Not called by this ABI version.
    pub load: Option<unsafe extern "C-unwind" fn(user: *mut c_void, reader: *mut Reader) -> i32>,
    /// Frees the instance; called exactly once for each successful `create`, whatever happens after it, and once
    /// for `user` when `create` is null, accepted or not (a descriptor of another ABI version is not read, though,
    /// and nothing of it is called). May be null.
    pub destroy: Option<unsafe extern "C-unwind" fn(user: *mut c_void)>,
    /// Zero.
    pub reserved: [u64; 2],
}

/// The one symbol of a plugin, `bt_strategy_entry`. Fills in the descriptor; returns 0 or a status.
pub type StrategyEntryFn =
    unsafe extern "C-unwind" fn(host: *const HostApi, desc_out: *mut StrategyDesc) -> i32;

impl StrategyDesc {
    /// A descriptor as the host hands it over.
    pub const EMPTY: StrategyDesc = StrategyDesc {
        struct_size: size_of::<StrategyDesc>() as u32,
        abi_version: BT_ABI_VERSION,
        want: 0,
        user: ptr::null_mut(),
        create: None,
        on_start: None,
        on_event: None,
        on_report: None,
        on_fill: None,
        on_timer: None,
        on_end: None,
        save: None,
        load: None,
        destroy: None,
        reserved: [0; 2],
    };

    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut must = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_string());
            }
        };
        must(self.want != 0, "want is 0: it asks for nothing (BT_WANT_*)");
        must(
            self.want & !(BT_WANT_ALL | BT_WANT_TOUCH) == 0,
            "want has bits that this ABI version does not know",
        );
        for (bits, is_there, name) in [
            (BT_WANT_EVENTS | BT_WANT_TOUCH, self.on_event.is_some(), "on_event"),
            (BT_WANT_REPORT, self.on_report.is_some(), "on_report"),
            (BT_WANT_FILL, self.on_fill.is_some(), "on_fill"),
            (BT_WANT_TIMER, self.on_timer.is_some(), "on_timer"),
        ] {
            must(self.want & bits == 0 || is_there, &format!("{name} is wanted but null"));
        }
        must(self.save.is_some() == self.load.is_some(), "save and load come together");
        must(self.reserved == [0; 2], "reserved is not zero");
        faults
    }
}

/// Room for descriptors of younger headers; what lies behind our own must be zero.
#[repr(C)]
struct DescRoom {
    desc: StrategyDesc,
    tail: [u64; 64],
}

/// Why a strategy was not taken: every fault that could be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginError {
    /// Name of the strategy.
    pub strategy: String,
    /// Kind.
    pub status: Status,
    /// Sentences, at least one.
    pub faults: Vec<String>,
}

impl fmt::Display for PluginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "strategy '{}': {}", self.strategy, self.faults.join("; "))
    }
}

impl std::error::Error for PluginError {}

type OnEvent =
    unsafe extern "C-unwind" fn(*mut c_void, *mut Ctx, *const Event, *const Depth) -> i32;

/// A strategy behind a C descriptor. Freed by dropping it.
pub struct CStrategy {
    want: u64,
    on_event: OnEvent,
    user: *mut c_void,
    ctx: NonNull<Ctx>,
    desc: StrategyDesc,
    name: Box<str>,
    keep: Option<Arc<dyn Any + Send + Sync>>,
}

// SAFETY: the descriptor's contract lets an instance move between threads as long as one at a time runs it, and
// says so in the header; `ctx` is owned, and `keep` is Send by its type.
unsafe impl Send for CStrategy {}

impl CStrategy {
    /// Takes a strategy from its entry function, the resolved `bt_strategy_entry` of a plugin.
    ///
    /// # Safety
    /// `entry` must be a function of that contract, and its code must stay loaded until the strategy is dropped
    /// (see [`CStrategy::keep_alive`]).
    ///
    /// # Errors
    /// Every fault of the descriptor, or the status that the entry or `create` returned.
    pub unsafe fn from_entry(
        name: &str,
        entry: StrategyEntryFn,
        params_json: &str,
    ) -> Result<CStrategy, PluginError> {
        let mut room = DescRoom { desc: StrategyDesc::EMPTY, tail: [0; 64] };
        let status = foreign(name, "bt_strategy_entry", || {
            // SAFETY: the caller's promise; the room is larger than any descriptor of this ABI version.
            unsafe { entry(&raw const HOST_API, (&raw mut room).cast()) }
        });
        if status != 0 {
            return Err(refused(name, "bt_strategy_entry", status));
        }
        // SAFETY: the room is a whole descriptor, zeroed before it was filled in.
        unsafe { CStrategy::from_desc(name, (&raw const room).cast(), params_json) }
    }

    /// Takes a strategy from a descriptor.
    ///
    /// # Safety
    /// `desc` must be null or valid for reads of its first eight bytes and of the `struct_size` that they hold;
    /// its callbacks must keep the contract of [`StrategyDesc`] and stay loaded until the strategy is dropped.
    ///
    /// # Errors
    /// As [`CStrategy::from_entry`].
    pub unsafe fn from_desc(
        name: &str,
        desc: *const StrategyDesc,
        params_json: &str,
    ) -> Result<CStrategy, PluginError> {
        let fail = |status, faults| PluginError { strategy: name.into(), status, faults };
        // SAFETY: as promised.
        let desc = unsafe { read_desc(desc) }.map_err(|(status, faults)| fail(status, faults))?;
        let mut faults = desc.faults();
        let json = CString::new(params_json);
        if json.is_err() {
            faults.push("the parameters hold a NUL".into());
        }
        let (Ok(json), true) = (json, faults.is_empty()) else {
            if desc.create.is_none() {
                destroy(name, &desc, desc.user);
            }
            return Err(fail(Status::InvalidArgument, faults));
        };
        let user = match desc.create {
            None => desc.user,
            Some(create) => {
                let mut user = ptr::null_mut();
                let status = foreign(name, "create", || {
                    // SAFETY: the caller's promise; the text and the output live through the call.
                    unsafe { create(&raw const HOST_API, json.as_ptr(), &raw mut user) }
                });
                if status != 0 {
                    return Err(refused(name, "create", status));
                }
                user
            }
        };
        Ok(CStrategy {
            want: desc.want,
            on_event: desc.on_event.unwrap_or(no_event),
            user,
            ctx: NonNull::from(Box::leak(Box::new(Ctx::new()))),
            desc,
            name: name.into(),
            keep: None,
        })
    }

    /// Keeps something (the loaded library) until the strategy was destroyed.
    pub fn keep_alive(mut self, keep: Arc<dyn Any + Send + Sync>) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Name for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the strategy can be resumed from a checkpoint.
    pub fn is_resumable(&self) -> bool {
        self.desc.save.is_some()
    }

    #[inline(always)]
    fn call(
        &mut self,
        callback: &'static str,
        context: &mut Context<'_>,
        call: impl FnOnce(*mut c_void, *mut Ctx) -> i32,
    ) -> i32 {
        // SAFETY: the handle is owned by this strategy and freed when it is dropped; it is only ever shared.
        let ctx = unsafe { self.ctx.as_ref() };
        ctx.enter(context);
        let status = foreign(&self.name, callback, || call(self.user, self.ctx.as_ptr()));
        ctx.leave();
        status
    }
}

/// Asks for the row that comes in a while, as far ahead as a tape out of cache wants it: the processor's own prefetching ends
/// at every page. Rows lie one behind the other, and where there is none it costs nothing.
#[inline(always)]
fn prefetch(event: &Event) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let ahead = ptr::from_ref(event).wrapping_add(ROWS_AHEAD).cast::<i8>();
        // SAFETY: a prefetch reads nothing: an address that is not mapped is passed over without a fault.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ahead) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = event;
}

#[cfg(target_arch = "x86_64")]
const ROWS_AHEAD: usize = 16;

impl Strategy for CStrategy {
    fn on_start(&mut self, context: &mut Context<'_>) -> i32 {
        let Some(on_start) = self.desc.on_start else { return 0 };
        // SAFETY: the descriptor's contract.
        self.call("on_start", context, |user, ctx| unsafe { on_start(user, ctx) })
    }

    fn wants(&self) -> u8 {
        (self.want & (BT_WANT_EVENTS | BT_WANT_TOUCH)) as u8
    }

    #[inline]
    fn on_event(&mut self, context: &mut Context<'_>, event: &Event, depth: &Depth) -> i32 {
        let on_event = self.on_event;
        prefetch(event);
        // SAFETY: the descriptor's contract; the rows outlive the call.
        self.call("on_event", context, |user, ctx| unsafe { on_event(user, ctx, event, depth) })
    }

    fn on_report(&mut self, context: &mut Context<'_>, report: &Report) -> i32 {
        match self.desc.on_report {
            Some(on_report) if self.want & BT_WANT_REPORT != 0 => {
                // SAFETY: the descriptor's contract; the report outlives the call.
                self.call("on_report", context, |user, ctx| unsafe { on_report(user, ctx, report) })
            }
            _ => 0,
        }
    }

    fn on_fill(&mut self, context: &mut Context<'_>, fill: &Fill) -> i32 {
        match self.desc.on_fill {
            Some(on_fill) if self.want & BT_WANT_FILL != 0 => {
                // SAFETY: the descriptor's contract; the fill outlives the call.
                self.call("on_fill", context, |user, ctx| unsafe { on_fill(user, ctx, fill) })
            }
            _ => 0,
        }
    }

    fn on_timer(&mut self, context: &mut Context<'_>, timer_id: u64) -> i32 {
        match self.desc.on_timer {
            Some(on_timer) if self.want & BT_WANT_TIMER != 0 => {
                // SAFETY: the descriptor's contract.
                self.call("on_timer", context, |user, ctx| unsafe { on_timer(user, ctx, timer_id) })
            }
            _ => 0,
        }
    }

    fn on_end(&mut self, context: &mut Context<'_>) -> i32 {
        let Some(on_end) = self.desc.on_end else { return 0 };
        // SAFETY: the descriptor's contract.
        self.call("on_end", context, |user, ctx| unsafe { on_end(user, ctx) })
    }
}

impl Drop for CStrategy {
    fn drop(&mut self) {
        destroy(&self.name, &self.desc, self.user);
        // SAFETY: made by `Box::leak` in `from_desc`, freed only here; no callback can run any more.
        drop(unsafe { Box::from_raw(self.ctx.as_ptr()) });
    }
}

fn destroy(name: &str, desc: &StrategyDesc, user: *mut c_void) {
    if let Some(destroy) = desc.destroy {
        // SAFETY: the descriptor's contract; the callers see to it that this happens once.
        foreign(name, "destroy", || unsafe { destroy(user) });
    }
}

unsafe extern "C-unwind" fn no_event(
    _user: *mut c_void,
    _ctx: *mut Ctx,
    _event: *const Event,
    _depth: *const Depth,
) -> i32 {
    0
}

fn refused(name: &str, callback: &str, status: i32) -> PluginError {
    let fault = format!("{callback} returned {status} ({})", status_name(status));
    PluginError { strategy: name.into(), status: Status::StrategyStopped, faults: vec![fault] }
}

fn status_name(status: i32) -> &'static str {
    // SAFETY: the function returns a constant C string.
    let name = unsafe { core::ffi::CStr::from_ptr(crate::version::bt_status_name(status)) };
    name.to_str().unwrap_or("UNKNOWN")
}

/// Copies a descriptor of any size of this ABI version.
///
/// # Safety
/// As [`CStrategy::from_desc`].
unsafe fn read_desc(desc: *const StrategyDesc) -> Result<StrategyDesc, (Status, Vec<String>)> {
    const HEAD: usize = offset_of!(StrategyDesc, want);
    if desc.is_null() || !desc.is_aligned() {
        let fault = "the descriptor is a null or misaligned pointer";
        return Err((Status::InvalidArgument, vec![fault.into()]));
    }
    // SAFETY: the first eight bytes are readable by promise.
    let [struct_size, abi_version] = unsafe { desc.cast::<[u32; 2]>().read() };
    let size = struct_size as usize;
    let mut faults = Vec::new();
    if abi_version != BT_ABI_VERSION {
        faults.push(format!(
            "it was compiled for ABI version {abi_version}; this host speaks version {BT_ABI_VERSION}"
        ));
    }
    // The descriptor of the first version is the least there is; the room bounds what a younger one may have.
    if size < size_of::<StrategyDesc>() || size > size_of::<DescRoom>() || size & 7 != 0 {
        faults.push(format!(
            "struct_size is {size}; {} to {} are possible",
            size_of::<StrategyDesc>(),
            size_of::<DescRoom>()
        ));
    }
    if !faults.is_empty() {
        return Err((Status::AbiMismatch, faults));
    }
    debug_assert!(size > HEAD, "Invariant: a descriptor is larger than its head");
    let mut room = MaybeUninit::<DescRoom>::zeroed();
    // SAFETY: `size` bytes are readable by promise, and fit by the check above.
    unsafe { ptr::copy_nonoverlapping(desc.cast::<u8>(), room.as_mut_ptr().cast::<u8>(), size) };
    // SAFETY: every field is a number, a pointer or a nullable function pointer: zeroes and what C wrote are values.
    let room = unsafe { room.assume_init() };
    if room.tail != [0; 64] {
        let fault = "it has callbacks that this host does not know: its header is younger";
        return Err((Status::AbiMismatch, vec![fault.into()]));
    }
    Ok(room.desc)
}

/// The parameters as the JSON object that `create` is given. Not finite numbers become `null`.
pub fn params_json(params: &[(String, Param)]) -> String {
    let mut json = String::from("{");
    for (index, (name, param)) in params.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        quote(&mut json, name);
        json.push(':');
        let written = match param {
            Param::Int(value) => write!(json, "{value}"),
            Param::Float(value) if value.is_finite() => write!(json, "{value:?}"),
            Param::Float(_) => write!(json, "null"),
            Param::Text(value) => {
                quote(&mut json, value);
                Ok(())
            }
        };
        debug_assert!(written.is_ok(), "Invariant: writing to a string does not fail");
    }
    json.push('}');
    json
}

fn quote(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            c if (c as u32) < 0x20 => {
                let _ = write!(json, "\\u{:04x}", c as u32);
            }
            c => json.push(c),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_one_json_object() {
        let params = [
            ("qty".to_string(), Param::Int(-3)),
            ("edge".to_string(), Param::Float(0.5)),
            ("sym\"bol".to_string(), Param::Text("a\\b\n".into())),
        ];
        assert_eq!(params_json(&params), r#"{"qty":-3,"edge":0.5,"sym\"bol":"a\\b\u000a"}"#);
        assert_eq!(params_json(&[]), "{}");
    }
}
