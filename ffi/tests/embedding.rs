//! Embedding: the lifecycle of an engine through the C functions, and every misuse of it as a status.
//!
//! Also: two engines interleaved turn by turn are the same as two runs, and the C example links both ways.

#[path = "support/rows.rs"]
mod rows;
mod support;

use btcore::wire::{Depth, Event};
use btcore_ffi::Ctx;
use btcore_ffi::config::*;
use btcore_ffi::engine::*;
use btcore_ffi::rows::*;
use btcore_ffi::strategy::{BT_WANT_BOOK, BT_WANT_EVENTS, BT_WANT_TRADE, StrategyDesc};
use rows::{ENGINE, Embedded, INSTRUMENT, LANE, Market, market};
use std::ffi::{c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, Ordering};

const OK: i32 = 0;
const INVALID_ARGUMENT: i32 = 1;
const NOT_FOUND: i32 = 2;
const INVALID_STATE: i32 = 4;
const ABI_MISMATCH: i32 = 5;
const BAD_DATA: i32 = 7;
const INVALID_CONFIG: i32 = 12;

/// Submits a buy at the touch on every fifth event; counts itself into `user`.
unsafe extern "C-unwind" fn buys(
    user: *mut c_void,
    ctx: *mut Ctx,
    event: *const Event,
    _depth: *const Depth,
) -> i32 {
    // SAFETY: `user` is a counter of the test; the event lives through the call.
    let (count, event) = unsafe { (&*user.cast::<AtomicU64>(), &*event) };
    if count.fetch_add(1, Ordering::Relaxed) % 5 != 4 {
        return 0;
    }
    let req = btcore::wire::OrderReq {
        struct_size: size_of::<btcore::wire::OrderReq>() as u32,
        instrument: 0,
        price: event.bid_price,
        qty: 1,
        side: 1,
        order_type: 1,
        tif: 1,
        post_only: 0,
        tag: 7,
    };
    let mut order_id = 0;
    // SAFETY: the context of this callback.
    unsafe { (btcore_ffi::HOST_API.order_submit)(ctx, &req, &mut order_id) }
}

fn buyer(count: &'static AtomicU64) -> StrategyDesc {
    StrategyDesc {
        want: BT_WANT_EVENTS,
        user: std::ptr::from_ref(count).cast_mut().cast(),
        on_event: Some(buys),
        ..StrategyDesc::EMPTY
    }
}

fn counter() -> &'static AtomicU64 {
    Box::leak(Box::new(AtomicU64::new(0)))
}

fn started() -> Embedded {
    let engine = Embedded::new();
    assert_eq!(engine.add("buyer", &buyer(counter()), &[]), OK);
    assert_eq!(engine.start(), OK);
    engine
}

fn feed(engine: *mut Engine, stream: u32, market: &Market) -> i32 {
    let mut taken = Taken { events: 0, depths: 0 };
    // SAFETY: the arrays are as long as said; the engine is null or lives.
    unsafe {
        bt_engine_feed(
            engine,
            stream,
            market.events.as_ptr(),
            market.events.len() as u64,
            market.depths.as_ptr(),
            market.depths.len() as u64,
            null(),
            &mut taken,
        )
    }
}

#[test]
fn a_run_reports_what_it_did() {
    let market = market(400);
    let mut engine = started();
    assert_eq!(engine.run(&market, 150), OK);
    let summary = engine.summary();
    assert_eq!(summary.rows_delivered, 400);
    assert_eq!(summary.orders, 80);
    assert_eq!(engine.written.orders.len(), 80);
    assert!(summary.fills > 0 && engine.written.orders.iter().all(|order| order.tag == 7));
    let mut stats = FeedStatsC::from(&btcore::feed::FeedStats::default());
    let (mut progress, mut hash) = (Progress { rows: 0, ts_ns: 0 }, [0_u8; 32]);
    // SAFETY: outputs live through the calls.
    unsafe {
        let size = size_of::<FeedStatsC>() as u32;
        assert_eq!(bt_engine_feed_stats(engine.engine, 0, &mut stats, size), OK);
        assert_eq!(bt_engine_feed_stats(engine.engine, 1, &mut stats, size), NOT_FOUND);
        assert_eq!(bt_engine_feed_stats(engine.engine, 0, &mut stats, size - 1), ABI_MISMATCH);
        assert_eq!(bt_engine_progress(engine.engine, &mut progress), OK);
        assert_eq!(bt_engine_data_hash(engine.engine, hash.as_mut_ptr()), OK);
    }
    assert_eq!((stats.rows_in, stats.books_in, stats.trades_in), (400, 300, 100));
    assert_eq!((progress.rows, progress.ts_ns), (400, 40_000_000_000));
    assert_ne!(hash, [0; 32]);
}

#[test]
fn a_strategy_is_called_for_what_it_wants() {
    let market = market(400);
    for (want, calls) in [(BT_WANT_EVENTS, 400), (BT_WANT_BOOK, 300), (BT_WANT_TRADE, 100)] {
        let count = counter();
        let mut engine = Embedded::new();
        assert_eq!(engine.add("buyer", &StrategyDesc { want, ..buyer(count) }, &[]), OK);
        assert_eq!(engine.start(), OK);
        assert_eq!(engine.run(&market, 400), OK);
        assert_eq!(count.load(Ordering::Relaxed), calls);
    }
}

#[test]
fn a_reader_of_more_or_fewer_bytes_is_served_or_refused() {
    let mut engine = started();
    assert_eq!(engine.run(&market(8), 8), OK);
    const EXTRA: usize = 16;
    let mut room = [0xAA_u8; size_of::<LaneSummaryC>() + EXTRA];
    let mut room_aligned = std::mem::MaybeUninit::<[LaneSummaryC; 2]>::uninit();
    let out = room_aligned.as_mut_ptr().cast::<LaneSummaryC>();
    let size = size_of::<LaneSummaryC>() as u32;
    // SAFETY: there is room for twice the size.
    unsafe {
        out.cast::<u8>().write_bytes(0xAA, 2 * size as usize);
        assert_eq!(bt_engine_summary(engine.engine, 0, out, size - 8), ABI_MISMATCH);
        assert_eq!(*out.cast::<u8>(), 0xAA, "nothing is written on failure");
        assert_eq!(bt_engine_summary(engine.engine, 0, out, size + EXTRA as u32), OK);
        let len = room.len();
        room.copy_from_slice(std::slice::from_raw_parts(out.cast(), len));
        assert_eq!(*out.cast::<u8>().add(room.len()), 0xAA, "no more than asked for is written");
    }
    assert_eq!(room[size as usize..], [0; EXTRA], "an unknown tail is zero");
}

#[test]
fn engines_interleaved_are_the_same_as_engines_apart() {
    let (one, two) = (market(1_000), market(700));
    let alone = |market: &Market| {
        let mut engine = started();
        assert_eq!(engine.run(market, 64), OK);
        (engine.summary().order_digest, engine.summary().pnl)
    };
    let expected = (alone(&one), alone(&two));
    let (mut a, mut b) = (started(), started());
    let (mut a_over, mut b_over) = (false, false);
    while !a_over || !b_over {
        a_over = a_over || a.turn(&one, 1).unwrap();
        b_over = b_over || b.turn(&two, 3).unwrap();
    }
    let result = |engine: &Embedded| (engine.summary().order_digest, engine.summary().pnl);
    assert_eq!((result(&a), result(&b)), expected);
    assert_ne!(expected.0, expected.1, "the two runs differ");
}

#[test]
fn null_and_wrong_arguments_are_statuses() {
    let mut engine = null_mut();
    let mut number = 0;
    let embedded = Embedded::new();
    // SAFETY: every pointer is null or lives through its call.
    unsafe {
        assert_eq!(bt_engine_create(null(), &mut engine), INVALID_ARGUMENT);
        assert_eq!(bt_engine_create(&ENGINE, null_mut()), INVALID_ARGUMENT);
        for (config, status) in [
            (EngineConfig { struct_size: 8, ..ENGINE }, ABI_MISMATCH),
            (EngineConfig { abi_version: 9, ..ENGINE }, ABI_MISMATCH),
            (EngineConfig { streams: 0, ..ENGINE }, INVALID_ARGUMENT),
            (EngineConfig { books_first: 2, ..ENGINE }, INVALID_ARGUMENT),
            (EngineConfig { keep_duplicates: 2, ..ENGINE }, INVALID_ARGUMENT),
            (EngineConfig { reserved: [0, 1], ..ENGINE }, INVALID_ARGUMENT),
        ] {
            assert_eq!(bt_engine_create(&config, &mut engine), status);
            assert!(engine.is_null(), "nothing is written on failure");
        }
        let engine = embedded.engine;
        let fee = FeeC {
            name: c"tax".as_ptr(),
            amount: 1,
            unit: 1,
            side: BT_FEE_SIDE_SELL,
            base: BT_FEE_BASE_PER_LOT,
            rounding: BT_ROUNDING_UP,
            reserved: [0; 5],
        };
        let with_fee = |fee: &FeeC| {
            let config = InstrumentConfig { fees: fee, fees_count: 1, ..INSTRUMENT };
            bt_engine_add_instrument(engine, &config)
        };
        assert_eq!(with_fee(&FeeC { side: 3, ..fee }), INVALID_ARGUMENT);
        assert!(embedded.last_error().1.contains("unknown side 3"));
        assert_eq!(with_fee(&FeeC { base: 0, ..fee }), INVALID_ARGUMENT);
        assert_eq!(with_fee(&FeeC { rounding: 4, ..fee }), INVALID_ARGUMENT);
        assert_eq!(with_fee(&FeeC { name: null(), ..fee }), INVALID_ARGUMENT);
        assert_eq!(with_fee(&FeeC { reserved: [1; 5], ..fee }), INVALID_ARGUMENT);
        for (config, status) in [
            (InstrumentConfig { struct_size: 1, ..INSTRUMENT }, ABI_MISMATCH),
            (InstrumentConfig { symbol: null(), ..INSTRUMENT }, INVALID_ARGUMENT),
            (InstrumentConfig { negative_prices: 2, ..INSTRUMENT }, INVALID_ARGUMENT),
            (InstrumentConfig { sessions_count: 1, ..INSTRUMENT }, INVALID_ARGUMENT),
            (InstrumentConfig { reserved: [1, 0], ..INSTRUMENT }, INVALID_ARGUMENT),
        ] {
            assert_eq!(bt_engine_add_instrument(engine, &config), status);
        }
        assert_eq!(bt_engine_add_instrument(engine, null()), INVALID_ARGUMENT);
        assert_eq!(bt_engine_add_instrument(null_mut(), &INSTRUMENT), INVALID_ARGUMENT);
        assert_eq!(bt_engine_add_lane(engine, &LANE, null_mut()), INVALID_ARGUMENT);
        let lane = LaneConfigC { struct_size: 4, ..LANE };
        assert_eq!(bt_engine_add_lane(engine, &lane, &mut number), ABI_MISMATCH);
        let lane = LaneConfigC { reserved: 1, ..LANE };
        assert_eq!(bt_engine_add_lane(engine, &lane, &mut number), INVALID_ARGUMENT);
        let add = |lane, name: *const c_char, desc: *const StrategyDesc, params: *const ParamC| {
            let mut number = 0;
            bt_engine_add_strategy(engine, lane, name, desc, params, 1, &mut number)
        };
        let param = ParamC {
            name: c"x".as_ptr(),
            value_text: null(),
            value_int: 0,
            value_float: 0.0,
            value_type: 4,
            reserved: 0,
        };
        let desc = buyer(counter());
        assert_eq!(add(5, c"s".as_ptr(), &desc, &param), NOT_FOUND);
        assert_eq!(add(0, null(), &desc, &param), INVALID_ARGUMENT);
        assert_eq!(add(0, c"s".as_ptr(), &desc, null()), INVALID_ARGUMENT);
        assert_eq!(add(0, c"s".as_ptr(), &desc, &param), INVALID_ARGUMENT);
        assert!(embedded.last_error().1.contains("unknown type 4"));
        let param = ParamC { value_type: BT_PARAM_TEXT, ..param };
        assert_eq!(add(0, c"s".as_ptr(), &desc, &param), INVALID_ARGUMENT, "a text that is null");
        let param = ParamC { value_type: BT_PARAM_INT, ..param };
        assert_eq!(add(0, c"s".as_ptr(), null(), &param), INVALID_ARGUMENT);
        let wanting = StrategyDesc { want: BT_WANT_EVENTS | 256, ..desc };
        assert_eq!(add(0, c"s".as_ptr(), &wanting, &param), INVALID_ARGUMENT);
        assert!(embedded.last_error().1.contains("on_report is wanted but null"));
        assert_eq!(bt_engine_run(engine, null_mut()), INVALID_ARGUMENT);
        assert_eq!(bt_engine_drain(null_mut(), 0, null()), INVALID_ARGUMENT);
        assert_eq!(bt_engine_progress(null(), null_mut()), INVALID_ARGUMENT);
        assert_eq!(bt_engine_last_error(engine, null_mut(), null_mut()), INVALID_ARGUMENT);
    }
}

#[test]
fn calls_out_of_their_time_are_statuses() {
    let rows = market(8);
    let mut need = NeedC { kind: 0, index: 0 };
    let engine = Embedded::new();
    let mut number = 0;
    // SAFETY: every pointer lives through its call.
    unsafe {
        assert_eq!(bt_engine_run(engine.engine, &mut need), INVALID_STATE);
        assert_eq!(feed(engine.engine, 0, &rows), INVALID_STATE);
        assert_eq!(bt_engine_stream_close(engine.engine, 0), INVALID_STATE);
        assert_eq!(bt_engine_drain(engine.engine, 0, null()), INVALID_STATE);
        assert_eq!(
            bt_engine_instrument_find(engine.engine, c"TXF".as_ptr(), &mut number),
            INVALID_STATE
        );
        assert_eq!(engine.start(), INVALID_CONFIG, "a lane without a strategy");
        assert!(engine.last_error().1.contains("lane 'lane': 1 to 64 strategies"));
        assert_eq!(engine.start(), INVALID_STATE);
    }
    let mut engine = started();
    // SAFETY: as above.
    unsafe {
        assert_eq!(engine.start(), INVALID_STATE);
        assert_eq!(bt_engine_add_instrument(engine.engine, &INSTRUMENT), INVALID_STATE);
        assert_eq!(bt_engine_add_lane(engine.engine, &LANE, &mut number), INVALID_STATE);
        let find =
            |symbol: *const c_char, out| bt_engine_instrument_find(engine.engine, symbol, out);
        assert_eq!(find(c"TXF".as_ptr(), &mut number), OK);
        assert_eq!(number, 0);
        assert_eq!(find(c"MXF".as_ptr(), &mut number), NOT_FOUND);
        assert_eq!(find(null(), &mut number), INVALID_ARGUMENT);
        assert_eq!(feed(engine.engine, 1, &rows), NOT_FOUND);
        let mut taken = Taken { events: 0, depths: 0 };
        let odd = rows.events.as_ptr().cast::<u8>().add(8).cast::<Event>();
        let fed = bt_engine_feed(engine.engine, 0, odd, 1, null(), 0, null(), &mut taken);
        assert_eq!(fed, INVALID_ARGUMENT, "a misaligned row");
        let fed = bt_engine_feed(engine.engine, 0, null(), 1, null(), 0, null(), &mut taken);
        assert_eq!(fed, INVALID_ARGUMENT);
        assert_eq!(bt_engine_stream_close(engine.engine, 9), NOT_FOUND);
        assert_eq!(feed(engine.engine, 0, &rows), OK);
        assert_eq!(bt_engine_stream_close(engine.engine, 0), OK);
        assert_eq!(bt_engine_stream_close(engine.engine, 0), OK, "closing twice is a no-op");
        assert_eq!(feed(engine.engine, 0, &rows), INVALID_STATE, "after the close");
        assert_eq!(bt_engine_run(engine.engine, &mut need), OK);
        assert_eq!(need.kind, BT_NEED_NOTHING);
        assert_eq!(bt_engine_drain(engine.engine, 1, null()), NOT_FOUND);
        assert_eq!(bt_engine_drain(engine.engine, 0, null()), OK, "a null sink discards");
        assert_eq!(bt_engine_destroy(&mut engine.engine), OK);
        assert!(engine.engine.is_null());
        assert_eq!(bt_engine_destroy(&mut engine.engine), OK, "destroying twice is a no-op");
        assert_eq!(bt_engine_destroy(null_mut()), OK);
        assert_eq!(bt_engine_run(engine.engine, &mut need), INVALID_ARGUMENT);
    }
}

#[test]
fn a_row_that_is_none_ends_the_run_with_its_number() {
    let mut rows = market(8);
    rows.events[5].kind = 77;
    let engine = started();
    assert_eq!(feed(engine.engine, 0, &rows), BAD_DATA);
    assert!(engine.last_error().1.contains("row 5"), "{}", engine.last_error().1);
    let mut need = NeedC { kind: 0, index: 0 };
    // SAFETY: the engine lives.
    assert_eq!(unsafe { bt_engine_run(engine.engine, &mut need) }, INVALID_STATE);
    assert_eq!(feed(engine.engine, 0, &rows), INVALID_STATE);
    assert_eq!(engine.summary().orders, 0, "the summary still answers");
}

static OWN: AtomicPtr<Engine> = AtomicPtr::new(null_mut());
static SAID: [AtomicI32; 3] = [const { AtomicI32::new(-1) }; 3];

unsafe extern "C-unwind" fn calls_its_own_engine(
    _user: *mut c_void,
    _ctx: *mut Ctx,
    _event: *const Event,
    _depth: *const Depth,
) -> i32 {
    let mut own = OWN.load(Ordering::Relaxed);
    let mut need = NeedC { kind: 0, index: 0 };
    let (mut status, mut message) = (0, null());
    // SAFETY: the engine lives; that it is busy is the point.
    unsafe {
        SAID[0].store(bt_engine_run(own, &mut need), Ordering::Relaxed);
        SAID[1].store(bt_engine_destroy(&mut own), Ordering::Relaxed);
        SAID[2].store(bt_engine_last_error(own, &mut status, &mut message), Ordering::Relaxed);
    }
    0
}

#[test]
fn a_strategy_that_calls_its_own_engine_is_told_so() {
    let desc = StrategyDesc {
        want: BT_WANT_EVENTS,
        on_event: Some(calls_its_own_engine),
        ..StrategyDesc::EMPTY
    };
    let mut engine = Embedded::new();
    OWN.store(engine.engine, Ordering::Relaxed);
    assert_eq!(engine.add("reentrant", &desc, &[]), OK);
    assert_eq!(engine.start(), OK);
    assert_eq!(engine.run(&market(8), 8), OK);
    let said: Vec<i32> = SAID.iter().map(|said| said.load(Ordering::Relaxed)).collect();
    assert_eq!(said, [INVALID_STATE; 3]);
}

#[test]
fn the_engine_moves_to_another_thread() {
    struct Moved(Embedded);
    // SAFETY: what the header promises, and this test holds: one thread at a time.
    unsafe impl Send for Moved {}
    let rows = market(400);
    let mut here = started();
    assert_eq!(here.run(&rows, 400), OK);
    let mut moved = Moved(started());
    assert!(!moved.0.turn(&rows, 100).unwrap());
    let digest = std::thread::spawn(move || {
        let mut moved = moved;
        assert_eq!(moved.0.run(&rows, 100), OK);
        let Moved(engine) = &moved;
        engine.summary().order_digest
    });
    assert_eq!(digest.join().unwrap(), here.summary().order_digest);
}

#[test]
fn the_c_example_links_both_ways_and_says_the_same() {
    let dir = support::scratch("embed");
    let root = support::root();
    let sources = [root.join("examples/c/embed.c"), root.join("examples/c/market_maker.c")];
    let archive = support::library("libbtcore_ffi.a");
    let shared = support::library("libbtcore_ffi.so");
    let compile = |name: &str, link: &[std::ffi::OsString]| {
        let out = dir.join(name);
        let mut gcc = support::tool("gcc");
        gcc.arg("-std=c99").args(support::WARNINGS).arg("-I").arg(root.join("include"));
        support::run(gcc.args(&sources).args(link).arg("-o").arg(&out));
        out
    };
    let system = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];
    let mut link = vec![archive.into_os_string()];
    link.extend(system.iter().map(|flag| (*flag).into()));
    let fixed = compile("embed_static", &link);
    let linked = compile("embed_dynamic", &[shared.clone().into_os_string()]);
    let said = support::run(&mut support::tool(fixed.to_str().unwrap()));
    assert!(said.starts_with("rows 6 orders "), "{said}");
    assert!(!said.contains("orders 0"), "{said}");
    let mut linked = support::tool(linked.to_str().unwrap());
    linked.env("LD_LIBRARY_PATH", shared.parent().unwrap());
    assert_eq!(support::run(&mut linked), said);
}
