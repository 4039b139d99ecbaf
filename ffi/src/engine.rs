//! Embedding: `bt_engine_*`, a replay behind a handle.
//!
//! Invariants: a handle is checked, claimed and released by every call, so a call from inside a callback of the same
//! engine is a status; a panic poisons the handle, a failed run leaves it readable but not runnable; a drop of the
//! handle destroys every strategy once. There is no state outside the handle. Cost: two atomics a call.

use crate::config::{
    EngineConfig, InstrumentConfig, LaneConfigC, ParamC, read_engine, read_instrument, read_lane,
    read_params,
};
use crate::guard::panic_text;
use crate::rows::{FeedStatsC, LaneSummaryC, SinkAdapter, SinkC};
use crate::status::{Status, array, input, output, text, write_sized};
use crate::strategy::{CStrategy, StrategyDesc, params_json};
use btcore::engine::{Fault, LaneConfig, Need, Replay, Rows, StrategySlot};
use btcore::feed::FeedConfig;
use btcore::wire::{Depth, Event, Instrument, kind};
use core::cell::UnsafeCell;
use core::ffi::c_char;
use core::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// `bt_engine_run` is over: every lane has seen every row.
pub const BT_NEED_NOTHING: u32 = 0;
/// `bt_engine_run` needs rows of stream `index`, or its close.
pub const BT_NEED_ROWS: u32 = 1;
/// `bt_engine_run` needs a drain of lane `index`: it has written much, or another lane is next, whose rows go to the same memory.
/// It says so again until that lane is drained.
pub const BT_NEED_DRAIN: u32 = 2;

/// What a run needs before it can go on.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct NeedC {
    /// A BT_NEED_*.
    pub kind: u32,
    /// Stream or lane; 0 for BT_NEED_NOTHING.
    pub index: u32,
}

/// How much of a feed was taken.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Taken {
    /// Events taken; feed the rest after the next run.
    pub events: u64,
    /// Depth rows that go with them.
    pub depths: u64,
}

/// How far a run has come.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Progress {
    /// Rows merged so far, session marks included.
    pub rows: u64,
    /// Exchange time of the last one, ns; 0 before the first.
    pub ts_ns: i64,
}

/// An engine: one replay over lanes. Opaque. Functions that take `bt_engine *` need it to themselves; those that
/// take `const bt_engine *` say how far they may run beside another. An engine may move between threads.
pub struct Engine {
    magic: u64,
    is_busy: AtomicBool,
    rows: AtomicU64,
    ts_ns: AtomicI64,
    inner: UnsafeCell<Inner>,
}

const MAGIC: u64 = u64::from_le_bytes(*b"btengine");

struct Inner {
    feed: FeedConfig,
    streams: usize,
    state: State,
    /// Why the engine will not run again.
    dead: Option<Status>,
    error: Status,
    error_text: CString,
    seqs_none: Vec<u64>,
}

enum State {
    Building(Vec<Instrument>, Vec<(LaneConfig, Vec<StrategySlot<CStrategy>>)>),
    Started(Box<Replay<CStrategy>>),
}

type Outcome<T = ()> = Result<T, Fault>;

fn fault<T>(status: Status, message: impl Into<String>) -> Outcome<T> {
    Err(Fault::new(status, message.into()))
}

fn plain(status: Status) -> Fault {
    Fault::new(status, format!("an argument was refused: {}", status.name()))
}

impl Inner {
    fn replay(&mut self) -> Outcome<&mut Replay<CStrategy>> {
        match &mut self.state {
            State::Started(replay) => Ok(replay),
            State::Building(..) => fault(Status::InvalidState, "the engine was not started"),
        }
    }

    fn runnable(&mut self) -> Outcome<&mut Replay<CStrategy>> {
        if self.dead.is_some() {
            return fault(Status::InvalidState, "the run has failed; the engine cannot go on");
        }
        self.replay()
    }

    #[expect(
        clippy::type_complexity,
        reason = "two lists, named at the only place that makes them"
    )]
    fn building(
        &mut self,
    ) -> Outcome<(&mut Vec<Instrument>, &mut Vec<(LaneConfig, Vec<StrategySlot<CStrategy>>)>)> {
        match &mut self.state {
            State::Building(instruments, lanes) => Ok((instruments, lanes)),
            State::Started(_) => fault(Status::InvalidState, "the engine was started already"),
        }
    }

    fn note(&mut self, status: Status, message: &str) {
        self.error = status;
        self.error_text = CString::new(message.replace('\0', " ")).unwrap_or_default();
    }
}

struct Claim<'a>(&'a AtomicBool);

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Claims an engine, or says why it cannot be.
///
/// # Safety
/// `engine` must be null or a handle from `bt_engine_create` that was not destroyed.
unsafe fn claim<'a>(engine: *const Engine) -> Result<(&'a Engine, Claim<'a>), Status> {
    // SAFETY: as promised.
    let engine = unsafe { input(engine) }?;
    if engine.magic != MAGIC || engine.is_busy.swap(true, Ordering::Acquire) {
        return Err(Status::InvalidState);
    }
    Ok((engine, Claim(&engine.is_busy)))
}

/// Runs one call: claims the engine, keeps the message of a fault, catches a panic and poisons.
///
/// # Safety
/// As [`claim`].
unsafe fn with(engine: *mut Engine, act: impl FnOnce(&mut Inner, &Engine) -> Outcome) -> i32 {
    // SAFETY: as promised.
    let (engine, _claim) = match unsafe { claim(engine) } {
        Ok(claimed) => claimed,
        Err(status) => return status as i32,
    };
    // SAFETY: the claim makes this the only reference.
    let inner = unsafe { &mut *engine.inner.get() };
    if inner.dead == Some(Status::Panic) {
        return Status::Panic as i32;
    }
    match catch_unwind(AssertUnwindSafe(|| act(inner, engine))) {
        Ok(Ok(())) => Status::Ok as i32,
        Ok(Err(fault)) => {
            inner.note(fault.status, &fault.message);
            fault.status as i32
        }
        Err(payload) => {
            inner.note(Status::Panic, &format!("panic: {}", panic_text(&*payload)));
            inner.dead = Some(Status::Panic);
            Status::Panic as i32
        }
    }
}

/// Creates an engine. Then: add instruments, lanes and strategies, start, and loop over run and what it needs.
///
/// Ownership: destroy `*engine_out` by `bt_engine_destroy`. Any thread. BT_STATUS_INVALID_ARGUMENT: a null pointer,
/// no stream, a flag above 1, a reserved byte. BT_STATUS_ABI_MISMATCH: wrong struct_size or abi_version.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_create(
    config: *const EngineConfig,
    engine_out: *mut *mut Engine,
) -> i32 {
    let create = || {
        let engine_out = output(engine_out)?;
        // SAFETY: the caller's promise.
        let (feed, streams) = unsafe { read_engine(config) }?;
        let engine = Box::new(Engine {
            magic: MAGIC,
            is_busy: AtomicBool::new(false),
            rows: AtomicU64::new(0),
            ts_ns: AtomicI64::new(0),
            inner: UnsafeCell::new(Inner {
                feed,
                streams,
                state: State::Building(Vec::new(), Vec::new()),
                dead: None,
                error: Status::Ok,
                error_text: CString::default(),
                seqs_none: Vec::new(),
            }),
        });
        // SAFETY: checked, and valid by the caller's promise.
        unsafe { *engine_out = Box::into_raw(engine) };
        Ok(())
    };
    match catch_unwind(AssertUnwindSafe(create)) {
        Ok(result) => crate::status::code(result),
        Err(_) => Status::Panic as i32,
    }
}

/// Destroys an engine and its strategies, and writes null to `*engine`. Null, and a pointer to null, are no-ops.
///
/// BT_STATUS_INVALID_STATE: called from a callback of this engine, or while another thread uses it; nothing was
/// destroyed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_destroy(engine: *mut *mut Engine) -> i32 {
    // SAFETY: null or valid by the caller's promise.
    let Ok(handle) = (unsafe { input(engine) }) else { return Status::Ok as i32 };
    let pointer = *handle;
    if pointer.is_null() {
        return Status::Ok as i32;
    }
    // SAFETY: the caller's promise.
    match unsafe { claim(pointer) } {
        // The claim is never given back: whoever still holds the pointer finds it busy.
        Ok((_, claim)) => core::mem::forget(claim),
        Err(status) => return status as i32,
    }
    // SAFETY: the caller's variable.
    unsafe { *engine = core::ptr::null_mut() };
    let destroy = || {
        // SAFETY: made by `Box::into_raw` in `bt_engine_create`, claimed for good, and unlinked from its variable.
        let mut engine = unsafe { Box::from_raw(pointer) };
        engine.magic = 0;
        drop(engine);
    };
    match catch_unwind(AssertUnwindSafe(destroy)) {
        Ok(()) => Status::Ok as i32,
        Err(_) => Status::Panic as i32,
    }
}

/// Adds an instrument; texts and arrays are copied. Before the start.
///
/// BT_STATUS_INVALID_ARGUMENT, BT_STATUS_ABI_MISMATCH, BT_STATUS_INVALID_STATE after the start; the message says
/// what. Ranges are checked by `bt_engine_start`, all at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_add_instrument(
    engine: *mut Engine,
    config: *const InstrumentConfig,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            let (instruments, _) = inner.building()?;
            instruments.push(read_instrument(config)?);
            Ok(())
        })
    }
}

/// Adds a lane and writes its number, counted from 0. Before the start. Statuses as `bt_engine_add_instrument`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_add_lane(
    engine: *mut Engine,
    config: *const LaneConfigC,
    lane_out: *mut u32,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            let lane_out = output(lane_out).map_err(plain)?;
            let (_, lanes) = inner.building()?;
            lanes.push((read_lane(config)?, Vec::new()));
            *lane_out = lanes.len() as u32 - 1;
            Ok(())
        })
    }
}

/// Adds a strategy to a lane: checks the descriptor, runs its `create`, and writes the strategy's number within
/// the lane. The descriptor is copied; its `destroy` runs once, at the latest when the engine is destroyed.
///
/// BT_STATUS_NOT_FOUND: no such lane. BT_STATUS_ABI_MISMATCH: the descriptor's size or version.
/// BT_STATUS_INVALID_ARGUMENT: other faults of the descriptor, all told at once by `bt_engine_last_error`.
/// BT_STATUS_STRATEGY_STOPPED: `create` refused. BT_STATUS_INVALID_STATE: after the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_add_strategy(
    engine: *mut Engine,
    lane: u32,
    name: *const c_char,
    desc: *const StrategyDesc,
    params: *const ParamC,
    params_count: u32,
    strategy_out: *mut u32,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            let strategy_out = output(strategy_out).map_err(plain)?;
            let (_, lanes) = inner.building()?;
            let Some((_, slots)) = lanes.get_mut(lane as usize) else {
                return fault(Status::NotFound, format!("lane {lane} does not exist"));
            };
            let (name, params) = read_params(name, params, params_count)?;
            let code = CStrategy::from_desc(&name, desc, &params_json(&params))
                .map_err(|error| Fault::new(error.status, error.to_string()))?;
            slots.push(StrategySlot { name, params, code });
            *strategy_out = slots.len() as u32 - 1;
            Ok(())
        })
    }
}

/// Builds every lane; afterwards nothing is allocated but by feeds without sequence numbers.
///
/// BT_STATUS_INVALID_CONFIG: the message lists every fault, the strategies were destroyed, and the engine can only
/// be destroyed too. BT_STATUS_INVALID_STATE: started already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_start(engine: *mut Engine) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            if inner.dead.is_some() {
                return fault(Status::InvalidState, "the configuration was refused before");
            }
            let (instruments, lanes) = inner.building()?;
            let (instruments, lanes) = (core::mem::take(instruments), core::mem::take(lanes));
            match Replay::new(instruments, inner.feed, inner.streams, lanes) {
                Ok(replay) => inner.state = State::Started(Box::new(replay)),
                Err(fault) => {
                    inner.dead = Some(fault.status);
                    return Err(fault);
                }
            }
            Ok(())
        })
    }
}

/// Writes the number that rows of this symbol (NUL-terminated) carry in `bt_event.instrument`. After the start.
///
/// BT_STATUS_NOT_FOUND: none. BT_STATUS_INVALID_STATE: before the start. BT_STATUS_INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_instrument_find(
    engine: *mut Engine,
    symbol: *const c_char,
    instrument_out: *mut u32,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            let symbol = text(symbol).map_err(plain)?;
            let instrument_out = output(instrument_out).map_err(plain)?;
            let known = inner.replay()?.instruments();
            match known.binary_search_by(|instrument| instrument.symbol.as_str().cmp(symbol)) {
                Ok(index) => *instrument_out = index as u32,
                Err(_) => return fault(Status::NotFound, format!("no instrument '{symbol}'")),
            }
            Ok(())
        })
    }
}

/// Feeds rows of a stream, in the source's own order, until its buffer is full. Rows are copied.
///
/// `events` are BT_KIND_BOOK and BT_KIND_TRADE rows; `depths` has one row for each book among them, in the same
/// order; `seqs` one sequence number for each event, or is null where the source has none. Arrays are aligned as
/// their types are (64 bytes: use aligned_alloc). What was taken is written to `*taken_out`; when it is less than
/// what was given, run, and feed the rest.
///
/// BT_STATUS_BAD_DATA: a row that cannot be one, named in the message; the run has failed.
/// BT_STATUS_NOT_FOUND: no such stream. BT_STATUS_INVALID_STATE: before the start, after the stream's close, after a
/// failed run. BT_STATUS_INVALID_ARGUMENT: a null or misaligned pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_feed(
    engine: *mut Engine,
    stream: u32,
    events: *const Event,
    events_count: u64,
    depths: *const Depth,
    depths_count: u64,
    seqs: *const u64,
    taken_out: *mut Taken,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            let taken_out = output(taken_out).map_err(plain)?;
            let misplaced = |_| {
                Fault::new(Status::InvalidArgument, "rows are null or not 64-byte aligned".into())
            };
            let events = array(events, events_count).map_err(misplaced)?;
            let depths = array(depths, depths_count).map_err(misplaced)?;
            inner.runnable()?;
            if seqs.is_null() && inner.seqs_none.len() < events.len() {
                inner.seqs_none.resize(events.len(), 0);
            }
            let State::Started(replay) = &mut inner.state else {
                return fault(Status::InvalidState, "the engine was not started");
            };
            let seqs = match seqs.is_null() {
                true => &inner.seqs_none[..events.len()],
                false => array(seqs, events_count).map_err(plain)?,
            };
            match replay.push(stream as usize, Rows { events, depths, seqs }) {
                Ok(taken) => {
                    let books = events[..taken].iter().filter(|event| event.kind == kind::BOOK);
                    *taken_out = Taken { events: taken as u64, depths: books.count() as u64 };
                    Ok(())
                }
                Err(fault) => {
                    if fault.status == Status::BadData {
                        inner.dead = Some(fault.status);
                    }
                    Err(fault)
                }
            }
        })
    }
}

/// Says that no more rows will come from this stream. Closing twice is a no-op.
///
/// BT_STATUS_NOT_FOUND: no such stream. BT_STATUS_INVALID_STATE: before the start, after a failed run.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_stream_close(engine: *mut Engine, stream: u32) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            if stream as usize >= inner.streams {
                return fault(Status::NotFound, format!("stream {stream} does not exist"));
            }
            inner.runnable()?.close(stream as usize);
            Ok(())
        })
    }
}

/// Runs every lane as far as the rows at hand allow, and writes what it needs to go on: rows of a stream (or its
/// close), a drain of a lane, or nothing, which is the end. Callbacks run on this thread, within this call.
///
/// The result depends on rows and configuration alone, not on how the rows were cut into feeds. Allocates nothing.
/// BT_STATUS_STRATEGY_STOPPED: a callback returned a number other than 0; the message names strategy, callback and
/// number. BT_STATUS_FULL, BT_STATUS_OVERFLOW, BT_STATUS_ROUNDS_EXCEEDED: as the message says. After any of these the
/// run has failed: drain and summary still answer, run and feed say BT_STATUS_INVALID_STATE. BT_STATUS_PANIC: every
/// later call but `bt_engine_last_error` and `bt_engine_destroy` says so again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_run(engine: *mut Engine, need_out: *mut NeedC) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, shared| {
            let need_out = output(need_out).map_err(plain)?;
            let replay = inner.runnable()?;
            let need = replay.run();
            let (rows, ts_ns) = replay.progress();
            shared.rows.store(rows, Ordering::Relaxed);
            shared.ts_ns.store(ts_ns, Ordering::Relaxed);
            let (kind, index) = match need {
                Ok(Need::Nothing) => (BT_NEED_NOTHING, 0),
                Ok(Need::Rows(stream)) => (BT_NEED_ROWS, stream),
                Ok(Need::Drain(lane)) => (BT_NEED_DRAIN, lane),
                Err(fault) => {
                    inner.dead = Some(fault.status);
                    return Err(fault);
                }
            };
            *need_out = NeedC { kind, index: index as u32 };
            Ok(())
        })
    }
}

/// Hands a lane's output rows to `sink` and empties its slabs; a null sink discards them. Callbacks run within
/// this call, in the order orders, fills, queues, series, days, log lines.
///
/// BT_STATUS_NOT_FOUND: no such lane. BT_STATUS_ABI_MISMATCH: the sink's size. BT_STATUS_INVALID_ARGUMENT: its reserved
/// field. BT_STATUS_INVALID_STATE: before the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_drain(
    engine: *mut Engine,
    lane: u32,
    sink: *const SinkC,
) -> i32 {
    const DISCARD: SinkC = SinkC {
        struct_size: size_of::<SinkC>() as u32,
        reserved: 0,
        user: core::ptr::null_mut(),
        on_order: None,
        on_fill: None,
        on_series: None,
        on_queue: None,
        on_day: None,
        on_log: None,
    };
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            let sink = if sink.is_null() { &DISCARD } else { input(sink).map_err(plain)? };
            if sink.struct_size as usize != size_of::<SinkC>() {
                return fault(Status::AbiMismatch, "the sink's struct_size is not this library's");
            }
            if sink.reserved != 0 {
                return fault(Status::InvalidArgument, "the sink's reserved field is not zero");
            }
            let replay = inner.replay()?;
            if lane as usize >= replay.lane_count() {
                return fault(Status::NotFound, format!("lane {lane} does not exist"));
            }
            replay.drain(lane as usize, &mut SinkAdapter(sink));
            Ok(())
        })
    }
}

/// Copies what a lane came to; `summary_size` is `sizeof(bt_lane_summary)`.
///
/// BT_STATUS_NOT_FOUND: no such lane. BT_STATUS_OVERFLOW: a sum leaves 64 bits. BT_STATUS_ABI_MISMATCH: the size.
/// BT_STATUS_INVALID_STATE: before the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_summary(
    engine: *mut Engine,
    lane: u32,
    summary_out: *mut LaneSummaryC,
    summary_size: u32,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            let summary = inner.replay()?.summary(lane as usize)?;
            write_sized(summary_out, summary_size, &LaneSummaryC::from(&summary)).map_err(plain)
        })
    }
}

/// Copies what happened to the rows of an instrument; `stats_size` is `sizeof(bt_feed_stats)`.
///
/// BT_STATUS_NOT_FOUND: no such instrument. BT_STATUS_ABI_MISMATCH: the size. BT_STATUS_INVALID_STATE: before the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_feed_stats(
    engine: *mut Engine,
    instrument: u32,
    stats_out: *mut FeedStatsC,
    stats_size: u32,
) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            let Some(stats) = inner.replay()?.feed_stats().get(instrument as usize) else {
                return fault(Status::NotFound, format!("instrument {instrument} does not exist"));
            };
            write_sized(stats_out, stats_size, &FeedStatsC::from(stats)).map_err(plain)
        })
    }
}

/// Writes 32 bytes: BLAKE3 over the decoded rows, equal for equal rows whatever they were fed from.
///
/// BT_STATUS_INVALID_ARGUMENT: null. BT_STATUS_INVALID_STATE: before the start.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_data_hash(engine: *mut Engine, hash_out: *mut u8) -> i32 {
    // SAFETY: the caller's promise.
    unsafe {
        with(engine, |inner, _| {
            let hash_out = output(hash_out).map_err(plain)?;
            let hash = inner.replay()?.data_hash();
            core::ptr::copy_nonoverlapping(hash.as_ptr(), hash_out, hash.len());
            Ok(())
        })
    }
}

/// Writes how far the run had come when `bt_engine_run` last returned. Wait-free and async-signal-safe: may run
/// beside any other call on the same engine, in any thread, but not beside or after its destroy.
///
/// BT_STATUS_INVALID_ARGUMENT: null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_progress(
    engine: *const Engine,
    progress_out: *mut Progress,
) -> i32 {
    let progress = || {
        let progress_out = output(progress_out)?;
        // SAFETY: the caller's promise; only atomics are read.
        let engine = unsafe { input(engine) }?;
        let rows = engine.rows.load(Ordering::Relaxed);
        let ts_ns = engine.ts_ns.load(Ordering::Relaxed);
        // SAFETY: checked, and valid by the caller's promise.
        unsafe { *progress_out = Progress { rows, ts_ns } };
        Ok(())
    };
    crate::status::code(progress())
}

/// Writes the status and the message of the last call that failed with a message: BT_STATUS_OK and "" when none has.
/// The message is NUL-terminated UTF-8, valid until the next call on this engine. Works on a poisoned engine.
///
/// BT_STATUS_INVALID_ARGUMENT: null. BT_STATUS_INVALID_STATE: while another call runs, callbacks included.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bt_engine_last_error(
    engine: *const Engine,
    status_out: *mut i32,
    message_out: *mut *const c_char,
) -> i32 {
    let last_error = || {
        let (status_out, message_out) = (output(status_out)?, output(message_out)?);
        // SAFETY: the caller's promise.
        let (engine, _claim) = unsafe { claim(engine) }?;
        // SAFETY: the claim makes this the only reference.
        let inner = unsafe { &*engine.inner.get() };
        // SAFETY: checked, and valid by the caller's promise.
        unsafe { *status_out = inner.error as i32 };
        // SAFETY: as above.
        unsafe { *message_out = inner.error_text.as_ptr() };
        Ok(())
    };
    crate::status::code(last_error())
}
