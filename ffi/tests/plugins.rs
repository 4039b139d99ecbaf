//! Strategies behind the C border: the examples trade, and every way of being wrong is a status or a clear message.
//!
//! Needs `gcc` and `g++`: each plugin is compiled here with all warnings as errors, and opened as a host opens it.

#[path = "support/rows.rs"]
mod rows;
mod support;

use btcore::wire::{Depth, Event};
use btcore_ffi::engine::bt_engine_destroy;
use btcore_ffi::plugin::{Host, Plugin, describe};
use btcore_ffi::strategy::{BT_WANT_EVENTS, StrategyDesc, StrategyEntryFn};
use btcore_ffi::{CStrategy, Ctx, HOST_API, PluginError};
use libloading::Library;
use rows::{Embedded, market};
use std::ffi::{CStr, c_void};
use std::sync::Arc;

/// Opens a plugin as a host does. The library stays open as long as the test.
fn open(source: &str) -> &'static Library {
    // SAFETY: our own plugin, whose initialisers do nothing.
    let library = unsafe { Library::new(support::plugin(source)) };
    Box::leak(Box::new(library.unwrap_or_else(|e| panic!("{source}: {e}"))))
}

fn entry(library: &Library) -> StrategyEntryFn {
    // SAFETY: the symbol has this type by the header.
    *unsafe { library.get::<StrategyEntryFn>(b"bt_strategy_entry\0") }.expect("it has an entry")
}

fn describe_plugin(source: &str) -> StrategyDesc {
    let mut desc = StrategyDesc::EMPTY;
    // SAFETY: the entry's contract.
    assert_eq!(unsafe { entry(open(source))(&raw const HOST_API, &raw mut desc) }, 0);
    desc
}

/// Takes a plugin the way the host does.
fn take(source: &str) -> Result<CStrategy, PluginError> {
    // SAFETY: the library stays open.
    unsafe { CStrategy::from_entry("mine", entry(open(source)), "{}") }
}

fn run_example(source: &str, params: &[(&CStr, i64)], chunk: usize) -> Embedded {
    let market = market(4_000);
    let mut engine = Embedded::new();
    assert_eq!(engine.add("example", &describe_plugin(source), params), 0);
    assert_eq!(engine.start(), 0);
    let status = engine.run(&market, chunk);
    assert_eq!(status, 0, "{source}: {}", engine.last_error().1);
    engine
}

#[test]
fn the_market_makers_quote_trade_and_keep_their_limit() {
    let params = [(c"qty", 2), (c"max_position", 4), (c"requote_ticks", 2)];
    let c = run_example("examples/c/market_maker.c", &params, 4_000);
    let summary = c.summary();
    assert!(summary.orders > 20 && summary.amends > 20, "{} {}", summary.orders, summary.amends);
    assert!(summary.fills > 20 && summary.orders_rejected == 0);
    let positions: Vec<i64> = c.written.fills.iter().map(|row| row.position_qty).collect();
    assert!(positions.iter().all(|qty| qty.abs() <= 4), "{positions:?}");
    assert!(positions.contains(&4) || positions.contains(&-4), "the limit was never reached");
    assert_eq!(summary.fills, c.written.fills.len() as u64);
    assert_eq!(summary.orders, c.written.orders.len() as u64);
    let cpp = run_example("examples/cpp/market_maker.cpp", &params, 4_000);
    assert_eq!(summary.order_digest, cpp.summary().order_digest, "C and C++ trade alike");
    let other = run_example("examples/cpp/market_maker.cpp", &[(c"qty", 1)], 4_000);
    assert_ne!(summary.order_digest, other.summary().order_digest, "parameters arrive");
}

#[test]
fn the_takers_buy_hold_and_sell() {
    let params = [(c"qty", 3), (c"enter_percent", 60), (c"hold_ns", 700_000_000)];
    let c = run_example("examples/c/taker.c", &params, 4_000);
    let summary = c.summary();
    assert!(summary.fills > 20 && summary.trips_won + summary.trips_lost + summary.trips_even > 10);
    assert!(c.written.fills.iter().all(|row| (0..=3).contains(&row.position_qty)));
    let cpp = run_example("examples/cpp/taker.cpp", &params, 4_000);
    assert_eq!(summary.order_digest, cpp.summary().order_digest, "C and C++ trade alike");
}

#[test]
fn a_run_may_end_with_any_row() {
    let desc = describe_plugin("examples/c/taker.c");
    for rows in 1..120 {
        let mut engine = Embedded::new();
        let params = [(c"enter_percent", 50), (c"hold_ns", 1_500_000)];
        assert_eq!(engine.add("taker", &desc, &params), 0);
        assert_eq!(engine.start(), 0);
        assert_eq!(engine.run(&market(rows), rows), 0, "{rows} rows: {}", engine.last_error().1);
    }
}

#[test]
fn feeds_of_one_row_give_the_same_run_as_one_feed() {
    let whole = run_example("examples/c/market_maker.c", &[(c"qty", 2)], 4_000);
    let single = run_example("examples/c/market_maker.c", &[(c"qty", 2)], 1);
    assert_eq!(whole.summary().order_digest, single.summary().order_digest);
    assert_eq!(whole.summary().pnl, single.summary().pnl);
}

#[test]
fn a_plugin_without_an_entry_is_found_out() {
    let library = open("ffi/tests/plugins/no_entry.c");
    // SAFETY: the symbol is not called.
    let symbol = unsafe { library.get::<StrategyEntryFn>(b"bt_strategy_entry\0") };
    assert!(symbol.is_err());
}

#[test]
fn a_plugin_of_another_version_is_refused_with_every_fault() {
    let error = take("ffi/tests/plugins/wrong_version.c").err().expect("it is refused");
    let text = error.to_string();
    assert_eq!(error.faults.len(), 2, "{text}");
    assert!(text.contains("'mine'") && text.contains("ABI version 2"), "{text}");
    assert!(text.contains("struct_size is 12"), "{text}");
}

#[test]
fn a_create_that_refuses_is_told_with_its_status() {
    let error = take("ffi/tests/plugins/create_fails.c").err().expect("it is refused");
    assert_eq!(error.to_string(), "strategy 'mine': create returned 2 (NOT_FOUND)");
}

#[test]
fn a_number_of_a_callback_stops_the_run_and_is_told() {
    let mut engine = Embedded::new();
    assert_eq!(engine.add("seven", &describe_plugin("ffi/tests/plugins/returns_seven.c"), &[]), 0);
    assert_eq!(engine.start(), 0);
    assert_eq!(engine.run(&market(8), 8), 9);
    let (status, text) = engine.last_error();
    assert_eq!(status, 9);
    assert!(
        text.contains("'seven'") && text.contains(" 7 ") && text.contains("on_event"),
        "{text}"
    );
}

#[test]
fn an_exception_through_the_wrapper_is_a_status_and_a_log_line() {
    let mut engine = Embedded::new();
    let desc = describe_plugin("ffi/tests/plugins/throws_wrapped.cpp");
    assert_eq!(engine.add("thrower", &desc, &[]), 0);
    assert_eq!(engine.start(), 0);
    assert_eq!(engine.run(&market(8), 8), 9);
    let (_, text) = engine.last_error();
    assert!(text.contains("'thrower'") && text.contains(" 13 "), "{text}");
    assert_eq!(
        engine.written.logs,
        [(0, "exception in on_event: the third wheel came off".to_string())]
    );
}

#[test]
fn a_bare_throw_ends_the_process_with_a_line_that_names_it() {
    if std::env::var_os("BT_TEST_THROW").is_some() {
        let mut engine = Embedded::new();
        let desc = describe_plugin("ffi/tests/plugins/throws_bare.cpp");
        assert_eq!(engine.add("wild one", &desc, &[]), 0);
        assert_eq!(engine.start(), 0);
        engine.run(&market(8), 8);
        return;
    }
    let output = support::tool(std::env::current_exe().unwrap().to_str().unwrap())
        .args(["--exact", "a_bare_throw_ends_the_process_with_a_line_that_names_it", "--nocapture"])
        .env("BT_TEST_THROW", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "the process went on: {said}");
    assert!(said.contains("strategy 'wild one' let an exception out of on_event"), "{said}");
}

struct Panics;

impl Plugin for Panics {
    fn create(params_json: &str) -> Result<Self, i32> {
        if params_json == "{}" { Ok(Panics) } else { Err(2) }
    }
    fn on_event(&mut self, host: &mut Host<'_>, event: &Event, _depth: &Depth) -> i32 {
        assert_eq!(host.now_ns(), event.ts_exch_ns, "the feed leg was forgotten");
        0
    }
}

btcore_ffi::export_strategy!(Panics);

#[test]
fn a_rust_plugin_that_panics_is_a_status_and_a_log_line() {
    let mut engine = Embedded::new();
    let mut desc = StrategyDesc::EMPTY;
    // SAFETY: the entry's contract.
    assert_eq!(unsafe { bt_strategy_entry(&raw const HOST_API, &raw mut desc) }, 0);
    assert_eq!(engine.add("panics", &desc, &[(c"unexpected", 1)]), 9, "create refused");
    assert_eq!(engine.add("panics", &desc, &[]), 0);
    assert_eq!(engine.start(), 0);
    assert_eq!(engine.run(&market(8), 8), 9);
    let (_, text) = engine.last_error();
    assert!(text.contains("'panics'") && text.contains(" 8 "), "{text}");
    let (level, line) = &engine.written.logs[0];
    assert!(*level == 0 && line.starts_with("panic in on_event: "), "{line}");
    assert!(line.contains("the feed leg was forgotten"), "{line}");
}

#[test]
fn a_host_of_another_version_is_refused_by_a_rust_plugin() {
    let mut desc = StrategyDesc::EMPTY;
    let mut header = [size_of::<btcore_ffi::HostApi>() as u32, 9];
    let host = header.as_mut_ptr().cast::<btcore_ffi::HostApi>();
    let mut room = vec![0_u64; size_of::<btcore_ffi::HostApi>() / 8];
    // SAFETY: the head of a table, in a room as large as one.
    let status = unsafe {
        room.as_mut_ptr().cast::<[u32; 2]>().write(host.cast::<[u32; 2]>().read());
        describe::<Panics>(room.as_ptr().cast(), &raw mut desc)
    };
    assert_eq!(status, 5);
}

unsafe extern "C-unwind" fn panics_through(
    _user: *mut c_void,
    _ctx: *mut Ctx,
    _event: *const Event,
    _depth: *const Depth,
) -> i32 {
    panic!("through the border");
}

#[test]
fn a_panic_inside_a_run_is_a_status_and_poisons_the_engine() {
    let desc = StrategyDesc {
        want: BT_WANT_EVENTS,
        on_event: Some(panics_through),
        ..StrategyDesc::EMPTY
    };
    let mut engine = Embedded::new();
    assert_eq!(engine.add("poison", &desc, &[]), 0);
    assert_eq!(engine.start(), 0);
    assert_eq!(engine.run(&market(8), 8), 8);
    assert_eq!(engine.run(&market(8), 8), 8, "poisoned");
    assert_eq!(engine.last_error(), (8, "panic: through the border".into()));
    // SAFETY: the engine lives.
    assert_eq!(unsafe { bt_engine_destroy(&mut engine.engine) }, 0);
}

#[test]
fn misuse_of_the_host_table_is_a_status_each_time() {
    let library = open("ffi/tests/plugins/misuse.c");
    let number = |name: &[u8]| {
        // SAFETY: both functions take nothing and return a number.
        unsafe { library.get::<unsafe extern "C" fn() -> i32>(name).unwrap()() }
    };
    let mut desc = StrategyDesc::EMPTY;
    // SAFETY: the entry's contract.
    assert_eq!(unsafe { entry(library)(&raw const HOST_API, &raw mut desc) }, 0);
    let mut engine = Embedded::new();
    assert_eq!(engine.add_params("misuse", &desc), 0);
    assert_eq!(engine.start(), 0);
    assert_eq!(engine.run(&market(8), 8), 0, "{}", engine.last_error().1);
    let said: Vec<&str> = engine.written.logs.iter().map(|(_, line)| line.as_str()).collect();
    let expected = [
        "submit-null-ctx INVALID_ARGUMENT",
        "submit-null-req INVALID_ARGUMENT",
        "submit-null-out INVALID_ARGUMENT",
        "submit-size ABI_MISMATCH",
        "submit-side INVALID_ARGUMENT",
        "submit-type INVALID_ARGUMENT",
        "submit-tif INVALID_ARGUMENT",
        "submit-qty INVALID_ARGUMENT",
        "submit-instrument INVALID_ARGUMENT",
        "submit-post-only INVALID_ARGUMENT",
        "untouched OK",
        "amend-unknown NOT_FOUND",
        "cancel-unknown NOT_FOUND",
        "timer-past INVALID_ARGUMENT",
        "book-none NOT_FOUND",
        "book-unknown NOT_FOUND",
        "book-null INVALID_ARGUMENT",
        "position-unknown NOT_FOUND",
        "position-null INVALID_ARGUMENT",
        "info-unknown NOT_FOUND",
        "info-size ABI_MISMATCH",
        "info OK",
        "symbol-short BUFFER_TOO_SMALL",
        "symbol-len-3 OK",
        "tick-below NOT_FOUND",
        "param-none NOT_FOUND",
        "default-stands OK",
        "param-of-text INVALID_ARGUMENT",
        "param-int-as-float OK",
        "real-3 OK",
        "param-null INVALID_ARGUMENT",
        "log-level INVALID_ARGUMENT",
        "log-null INVALID_ARGUMENT",
        "submit OK",
        "first-id-1 OK",
        "submit-after-end INVALID_STATE",
    ];
    assert_eq!(said, expected);
    assert_eq!(number(b"bt_test_outside\0"), 4, "a call outside a callback is INVALID_STATE");
    assert_eq!(number(b"bt_test_destroyed\0"), 0);
    drop(engine);
    assert_eq!(number(b"bt_test_destroyed\0"), 1, "destroy runs exactly once");

    let refused = StrategyDesc { reserved: [1, 0], want: 1 << 40, ..desc };
    // SAFETY: the descriptor keeps its contract.
    let error = unsafe { CStrategy::from_desc("odd", &refused, "{}") }.err().expect("refused");
    assert_eq!(error.faults.len(), 2, "{error}");
    assert_eq!(number(b"bt_test_destroyed\0"), 2, "also when the registration fails");
}

#[test]
fn a_library_is_kept_until_its_strategy_is_gone() {
    // SAFETY: our own plugin.
    let library = unsafe { Library::new(support::plugin("examples/c/taker.c")) }.unwrap();
    let entry = entry(&library);
    let library = Arc::new(library);
    // SAFETY: the strategy keeps the library.
    let strategy = unsafe { CStrategy::from_entry("kept", entry, "{}") }.unwrap();
    let strategy = strategy.keep_alive(library.clone());
    assert_eq!(Arc::strong_count(&library), 2);
    drop(strategy);
    assert_eq!(Arc::strong_count(&library), 1);
}
