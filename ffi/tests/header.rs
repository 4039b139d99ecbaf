//! The header is what the sources say: `include/btcore.h` equals what cbindgen and the layouts of rustc give, and
//! the layout snapshot beside it has not moved. `BT_BLESS=1` rewrites both.
//!
//! Also: it compiles alone in every dialect that it promises, may be included twice, and the shared library
//! exports `bt_*` and nothing else. Needs `gcc`, `g++` and `nm`.

mod support;

use btcore::account::Position;
use btcore::wire::{
    Depth, Event, Fill, LEVELS_MAX, Level, MONEY_SCALE, OrderReq, PRICE_SCALE, QueueRow, Report,
};
use btcore_ffi::config::*;
use btcore_ffi::engine::*;
use btcore_ffi::host_table::{HostApi, InstrumentInfo};
use btcore_ffi::rows::*;
use btcore_ffi::strategy::StrategyDesc;
use std::fmt::Write;
use std::mem::{align_of, offset_of, size_of};
use std::path::Path;
use support::{root, run, tool};

/// Rust name, C name. Enumerators take the C name as their prefix.
const TYPES: &[(&str, &str)] = &[
    ("Event", "bt_event"),
    ("Depth", "bt_depth"),
    ("Level", "bt_price_level"),
    ("OrderReq", "bt_order_req"),
    ("Report", "bt_report"),
    ("Fill", "bt_fill"),
    ("Position", "bt_position"),
    ("Side", "bt_side"),
    ("OrderType", "bt_order_type"),
    ("Tif", "bt_tif"),
    ("ReportKind", "bt_report_kind"),
    ("Reason", "bt_reason"),
    ("Evidence", "bt_evidence"),
    ("Aggressor", "bt_aggressor"),
    ("Status", "bt_status"),
    ("Ctx", "bt_ctx"),
    ("Writer", "bt_writer"),
    ("Reader", "bt_reader"),
    ("Engine", "bt_engine"),
    ("HostApi", "bt_host_api"),
    ("InstrumentInfo", "bt_instrument_info"),
    ("StrategyDesc", "bt_strategy_desc"),
    ("StrategyEntryFn", "bt_strategy_entry_fn"),
    ("EngineConfig", "bt_engine_config"),
    ("TickStepC", "bt_tick_step"),
    ("SessionC", "bt_session"),
    ("FeeC", "bt_fee"),
    ("InstrumentConfig", "bt_instrument_config"),
    ("LaneConfigC", "bt_lane_config"),
    ("ParamC", "bt_param"),
    ("OrderRowC", "bt_order_row"),
    ("FillRowC", "bt_fill_row"),
    ("SeriesRowC", "bt_series_row"),
    ("DayRowC", "bt_day_row"),
    ("SinkC", "bt_sink"),
    ("QueueRow", "bt_queue_row"),
    ("LaneSummaryC", "bt_lane_summary"),
    ("FeedStatsC", "bt_feed_stats"),
    ("NeedC", "bt_need"),
    ("Taken", "bt_taken"),
    ("Progress", "bt_progress"),
];

/// Constants of the core, by their C names.
const CONSTANTS: &[(&str, &str)] = &[
    ("BOOK", "BT_KIND_BOOK"),
    ("TRADE", "BT_KIND_TRADE"),
    ("SESSION_OPEN", "BT_KIND_SESSION_OPEN"),
    ("SESSION_CLOSE", "BT_KIND_SESSION_CLOSE"),
    ("OUT_OF_SESSION", "BT_FLAG_OUT_OF_SESSION"),
    ("CROSSED", "BT_FLAG_CROSSED"),
    ("EMPTY_BOOK", "BT_FLAG_EMPTY_BOOK"),
    ("SENTINEL", "BT_FLAG_SENTINEL"),
    ("QTY_SATURATED", "BT_FLAG_QTY_SATURATED"),
    ("NO_BOOK", "BT_FLAG_NO_BOOK"),
    ("NO_RECV_CLOCK", "BT_FLAG_NO_RECV_CLOCK"),
    ("OFF_GRID", "BT_FLAG_OFF_GRID"),
    ("NO_BID", "BT_FLAG_NO_BID"),
    ("NO_ASK", "BT_FLAG_NO_ASK"),
    ("BOOK_INVALID", "BT_FLAG_BOOK_INVALID"),
    ("TRADE_INVALID", "BT_FLAG_TRADE_INVALID"),
    ("LEVELS_MAX", "BT_LEVELS_MAX"),
];

/// A struct's layout as rustc lays it out.
struct Layout {
    name: &'static str,
    size: usize,
    align: usize,
    fields: Vec<(&'static str, usize)>,
}

/// Lists every field of each struct; a missing one does not compile.
macro_rules! layouts {
    ($($rust:ident $c:literal { $($field:ident),* $(,)? })*) => {
        vec![$({
            #[allow(dead_code)]
            fn is_whole($rust { $($field: _),* }: $rust) {}
            Layout {
                name: $c,
                size: size_of::<$rust>(),
                align: align_of::<$rust>(),
                fields: vec![$((stringify!($field), offset_of!($rust, $field))),*],
            }
        }),*]
    };
}

fn layouts() -> Vec<Layout> {
    layouts! {
        Event "bt_event" { ts_exch_ns, ts_recv_ns, bid_price, ask_price, bid_qty, ask_qty, trade_price,
            trade_qty, depth_ix, instrument, kind, aggressor, flags }
        Depth "bt_depth" { bid_price, ask_price, bid_qty, ask_qty, bid_levels, ask_levels, reserved }
        Level "bt_price_level" { price, qty, reserved }
        OrderReq "bt_order_req" { struct_size, instrument, price, qty, side, order_type, tif, post_only,
            tag }
        Report "bt_report" { ts_exch_ns, ts_local_ns, order_id, tag, price, qty, leaves_qty, instrument,
            strategy, kind, side, reason, reserved }
        Fill "bt_fill" { ts_exch_ns, ts_local_ns, order_id, tag, price, fee, qty, leaves_qty, instrument,
            strategy, side, evidence, inferred, reserved }
        Position "bt_position" { qty, open_cost, price_avg, pnl_realised, pnl_unrealised, fees }
        HostApi "bt_host_api" { struct_size, abi_version, order_submit, order_amend, order_cancel,
            timer_set, now_ns, strategy, book, position, instrument_count, instrument_find,
            instrument_info, instrument_symbol, instrument_tick, param_int, param_float, param_text, log }
        InstrumentInfo "bt_instrument_info" { multiplier_e6, limit_down, limit_up, order_qty_max,
            depth_max, negative_prices, reserved }
        StrategyDesc "bt_strategy_desc" { struct_size, abi_version, want, user, create, on_start, on_event,
            on_report, on_fill, on_timer, on_end, save, load, destroy, reserved }
        EngineConfig "bt_engine_config" { struct_size, abi_version, streams, books_first, keep_duplicates,
            reserved, reorder_ns, reorder_rows_max, window_rows }
        TickStepC "bt_tick_step" { price_from, tick }
        SessionC "bt_session" { open_ns, close_ns, trading_day, reserved }
        FeeC "bt_fee" { name, amount, unit, side, base, rounding, reserved }
        InstrumentConfig "bt_instrument_config" { struct_size, depth_max, negative_prices, reserved, symbol,
            exchange, ticks, sessions, fees, ticks_count, sessions_count, fees_count, order_qty_max,
            multiplier_e6, limit_down, limit_up, protection }
        QueueRow "bt_queue_row" { order_id, ts_join_ns, ts_end_ns, ts_first_ns, filled_qty, ahead_qty }
        LaneConfigC "bt_lane_config" { struct_size, reserved, name, seed, capital, timeseries_ns, feed_ns,
            submit_ns, amend_ns, cancel_ns, response_ns, orders_live_max, in_flight_max, timers_max,
            records_max }
        ParamC "bt_param" { name, value_text, value_int, value_float, value_type, reserved }
        OrderRowC "bt_order_row" { order_id, tag, ts_submit_ns, ts_accept_ns, ts_end_ns, price, qty,
            filled_qty, instrument, strategy, side, order_type, tif, post_only, end, reserved, reason }
        FillRowC "bt_fill_row" { fill, position_qty, pnl_realised, ahead_qty, reserved }
        SeriesRowC "bt_series_row" { ts_ns, equity, pnl_realised, pnl_unrealised, fees, exposure_gross,
            exposure_net, drawdown }
        DayRowC "bt_day_row" { pnl, fees, fills, trading_day, reserved }
        SinkC "bt_sink" { struct_size, reserved, user, on_order, on_fill, on_series, on_queue, on_day, on_log }
        LaneSummaryC "bt_lane_summary" { order_digest, rows_delivered, orders, orders_accepted,
            orders_rejected, orders_filled, cancels, amends, fills, fills_inferred, qty_accepted, qty_filled,
            turnover, pnl_realised, pnl_unrealised, fees, pnl, drawdown_max, trips_won, trips_lost,
            trips_even, open_qty, ts_first_ns, ts_last_ns }
        FeedStatsC "bt_feed_stats" { rows_in, books_in, trades_in, rows_used, excluded_out_of_session,
            excluded_crossed, excluded_empty_book, excluded_sentinel, dropped_duplicates,
            unknown_aggressor, reordered, off_grid, qty_saturated, no_recv_clock, one_sided }
        NeedC "bt_need" { kind, index }
        Taken "bt_taken" { events, depths }
        Progress "bt_progress" { rows, ts_ns }
    }
}

/// What cbindgen makes of the sources.
fn declarations() -> String {
    let mut config = cbindgen::Config {
        language: cbindgen::Language::C,
        cpp_compat: true,
        documentation_style: cbindgen::DocumentationStyle::Doxy,
        style: cbindgen::Style::Both,
        no_includes: true,
        line_length: 100,
        usize_is_size_t: false,
        ..Default::default()
    };
    config.enumeration.rename_variants = cbindgen::RenameRule::QualifiedScreamingSnakeCase;
    config.layout.aligned_n = Some("BT_ALIGN".into());
    config.function.prefix = Some("BT_API".into());
    config.export.include = TYPES.iter().map(|(rust, _)| rust.to_string()).collect();
    config.export.exclude = [
        "UNDEF_PRICE",
        "UNDEF_TIME",
        "PRICE_SCALE",
        "MONEY_SCALE",
        "BUILD_INFO",
        "VERSION",
        "HOST_API",
    ]
    .map(String::from)
    .to_vec();
    config.export.rename =
        TYPES.iter().chain(CONSTANTS).map(|(rust, c)| (rust.to_string(), c.to_string())).collect();
    let dir = support::scratch("header_sources");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for path in [
        "src/wire/mod.rs",
        "src/wire/status.rs",
        "src/wire/event.rs",
        "src/wire/order.rs",
        "src/wire/report.rs",
        "src/wire/fill.rs",
        "src/wire/queue.rs",
        "src/account/mod.rs",
        "ffi/src/version.rs",
        "ffi/src/host_table.rs",
        "ffi/src/strategy.rs",
        "ffi/src/config.rs",
        "ffi/src/rows.rs",
        "ffi/src/engine.rs",
    ] {
        // cbindgen does not work out array lengths: it reads a copy with the number in place.
        let text = std::fs::read_to_string(root().join(path)).expect("the sources are there");
        let copy = dir.join(path.replace('/', "_"));
        let depth_levels = format!("{}]", LEVELS_MAX - 1);
        std::fs::write(&copy, text.replace("LEVELS_MAX - 1]", &depth_levels)).unwrap();
        builder = builder.with_src(copy);
    }
    let mut bytes = Vec::new();
    builder.generate().expect("cbindgen reads the sources").write(&mut bytes);
    plain_comments(&String::from_utf8(bytes).expect("a header is UTF-8"))
}

/// Comments for a reader of C: no links of rustdoc, and one line where one line is enough.
fn plain_comments(text: &str) -> String {
    let text = text.replace("[`super::", "`").replace("[`crate::wire::", "`");
    let mut text = text.replace("[`", "`").replace("`]", "`");
    for (rust, c) in [
        ("`UNDEF_PRICE`", "BT_UNDEF_PRICE"),
        ("`UNDEF_TIME`", "BT_UNDEF_TIME"),
        ("A `Side`", "A BT_SIDE_*"),
        ("An `OrderType`", "A BT_ORDER_TYPE_*"),
        ("A `Tif`", "A BT_TIF_*"),
        ("A `ReportKind`", "A BT_REPORT_KIND_*"),
        ("A `Reason`", "A BT_REASON_*"),
        ("An `Evidence`", "A BT_EVIDENCE_*"),
        ("see `kind`", "a BT_KIND_*"),
        ("see `flags`", "BT_FLAG_* bits"),
        ("`u32::MAX`", "UINT32_MAX"),
        ("`u32`", "uint32_t"),
    ] {
        text = text.replace(rust, c);
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut plain = String::new();
    let mut at = 0;
    while at < lines.len() {
        if at + 2 < lines.len() && lines[at].trim() == "/**" && lines[at + 2].trim() == "*/" {
            let indent = &lines[at][..lines[at].len() - 3];
            let body = lines[at + 1].trim().trim_start_matches('*').trim();
            writeln!(plain, "{indent}/** {body} */").unwrap();
            at += 3;
            if at < lines.len() && lines[at].starts_with("#define bt_") {
                // An associated constant of Rust: it means nothing in C.
                plain.truncate(plain.trim_end().rfind('\n').expect("it has lines before it") + 1);
                at += 1;
                continue;
            }
            // Runs of constants stand together.
            let is_constant = at + 1 < lines.len() && lines[at].starts_with("#define");
            if is_constant
                && lines[at + 1].is_empty()
                && lines[at + 4..].iter().take(2).any(|l| l.starts_with("#define"))
            {
                writeln!(plain, "{}", lines[at]).unwrap();
                at += 2;
            }
        } else {
            writeln!(plain, "{}", lines[at]).unwrap();
            at += 1;
        }
    }
    plain
}

fn header() -> String {
    let [major, minor, patch] = ["MAJOR", "MINOR", "PATCH"].map(|part| match part {
        "MAJOR" => env!("CARGO_PKG_VERSION_MAJOR"),
        "MINOR" => env!("CARGO_PKG_VERSION_MINOR"),
        _ => env!("CARGO_PKG_VERSION_PATCH"),
    });
    let mut asserts = String::new();
    for layout in layouts() {
        let Layout { name, size, .. } = layout;
        writeln!(asserts, "BT_STATIC_ASSERT(sizeof({name}) == {size}, \"size of {name}\");")
            .unwrap();
        for (field, offset) in layout.fields {
            writeln!(
                asserts,
                "BT_STATIC_ASSERT(offsetof({name}, {field}) == {offset}, \"{name}.{field}\");"
            )
            .unwrap();
        }
    }
    include_str!("header.in")
        .replace("@MAJOR@", major)
        .replace("@MINOR@", minor)
        .replace("@PATCH@", patch)
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"))
        .replace("@PRICE_SCALE@", &PRICE_SCALE.to_string())
        .replace("@MONEY_SCALE@", &MONEY_SCALE.to_string())
        .replace("@DECLARATIONS@", declarations().trim())
        .replace("@ASSERTS@", asserts.trim())
}

/// Every size, offset and constant, one a line.
fn snapshot(header: &str) -> String {
    let mut text =
        String::from("# Layouts and values of the ABI. Lines are added, never changed.\n");
    for Layout { name, size, align, fields } in layouts() {
        writeln!(text, "struct {name} size {size} align {align}").unwrap();
        for (field, offset) in fields {
            writeln!(text, "  {field} @{offset}").unwrap();
        }
    }
    let declared = header.split("/* declarations */").nth(1).expect("the template marks them");
    for line in declared.lines().map(str::trim) {
        let is_constant = line.starts_with("#define BT_") && line.split(' ').count() > 2;
        let is_enumerator = line.starts_with("BT_") && line.contains(" = ");
        if is_constant || is_enumerator {
            writeln!(text, "{}", line.trim_end_matches(',')).unwrap();
        }
    }
    for line in declared.split(';').filter(|text| text.contains("BT_API")) {
        let words: Vec<&str> = line.split("BT_API").last().unwrap().split_whitespace().collect();
        writeln!(text, "{}", words.join(" ")).unwrap();
    }
    text
}

fn check(path: &Path, now: &str) {
    if std::env::var_os("BT_BLESS").is_some() {
        std::fs::write(path, now).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let differs = committed.lines().zip(now.lines()).position(|(a, b)| a != b);
    assert!(
        committed == now,
        "{} is not what the sources say (line {:?}); BT_BLESS=1 rewrites it",
        path.display(),
        differs.map(|line| line + 1)
    );
}

#[test]
fn the_header_and_the_layouts_are_what_the_sources_say() {
    let header = header();
    check(&root().join("include/btcore.h"), &header);
    check(&root().join("ffi/tests/abi_snapshot.txt"), &snapshot(&header));
}

#[test]
fn the_header_compiles_alone_and_twice_in_every_dialect() {
    let dir = support::scratch("header");
    for (compiler, suffix, dialects) in [
        ("gcc", "c", &["c99", "c11", "c17", "c2x"][..]),
        ("g++", "cpp", &["c++11", "c++17", "c++20"][..]),
    ] {
        let source = dir.join(format!("alone.{suffix}"));
        std::fs::write(&source, "#include <btcore.h>\n#include <btcore.h>\nint bt_unused_here;\n")
            .unwrap();
        for dialect in dialects {
            let mut compiler = tool(compiler);
            compiler.arg(format!("-std={dialect}")).args(support::WARNINGS).arg("-fsyntax-only");
            run(compiler.arg("-I").arg(root().join("include")).arg(&source));
        }
    }
}

#[test]
fn the_inline_functions_do_what_they_say() {
    let program = support::scratch("header").join("levels");
    let source = root().join("ffi/tests/plugins/levels.c");
    let mut compiler = tool("gcc");
    compiler.arg("-std=c99").args(support::WARNINGS).arg("-I").arg(root().join("include"));
    run(compiler.arg(source).arg("-o").arg(&program));
    run(&mut tool(program.to_str().unwrap()));
}

#[test]
fn the_wrapper_compiles_with_and_without_exceptions() {
    let source = support::scratch("header").join("wrapper.cpp");
    let text = "#include <btcore.hpp>\n#include <btcore.hpp>\n\
                struct Idle final : bt::Strategy {};\nBT_STRATEGY(Idle);\n\
                int main() { bt::Engine a, b(std::move(a)); b = bt::Engine(); \
                return bt::Context(nullptr, nullptr).raw() != nullptr || b.get(); }\n";
    std::fs::write(&source, text).unwrap();
    for flags in [&["-std=c++17"][..], &["-std=c++20"], &["-std=c++17", "-fno-exceptions"]] {
        let mut compiler = tool("g++");
        compiler.args(flags).args(support::WARNINGS).arg("-fsyntax-only");
        run(compiler.arg("-I").arg(root().join("include")).arg(&source));
    }
    let wrapper = std::fs::read_to_string(root().join("include/btcore.hpp")).unwrap();
    assert!(wrapper.lines().count() < 250, "the wrapper stays thin");
}

#[test]
fn the_examples_stay_short() {
    for path in
        ["c/market_maker.c", "c/taker.c", "c/embed.c", "cpp/market_maker.cpp", "cpp/taker.cpp"]
    {
        let text = std::fs::read_to_string(root().join("examples").join(path)).unwrap();
        assert!(text.lines().count() < 60, "{path} has {} lines", text.lines().count());
    }
}

#[test]
fn the_shared_library_exports_only_our_names() {
    let library = support::library("libbtcore_ffi.so");
    let listed = run(tool("nm").args(["-D", "--defined-only"]).arg(library));
    let names: Vec<&str> = listed.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let strangers: Vec<&&str> = names.iter().filter(|name| !name.starts_with("bt_")).collect();
    assert!(strangers.is_empty(), "exported besides bt_*: {strangers:?}");
    let declared = header();
    let declared = declared.lines().filter(|line| line.starts_with("BT_API")).count();
    assert_eq!(names.len(), declared, "exported: {names:?}");
}
