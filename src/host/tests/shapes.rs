//! Tables and files that say the same in another way: other names, other order, other types and units of prices, other words. A
//! run over them is the run over the platform's table.
//!
//! The tests of tables run on the server that CH_URL names, else on the engine that `scripts/test` installs; they say so when they skip.

mod source_support;

use arrow_array::builder::{Float64Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
use arrow_schema::{DataType, TimeUnit};
use bt_host::config::fault::SourceText;
use bt_host::config::{self, Config, LoadOptions, parse};
use bt_host::export::{self, Format::Parquet};
use bt_host::import::{Options, import};
use bt_host::output::result::RunResult;
use bt_host::progress::Mode;
use bt_host::run;
use bt_host::source::{DecodeConfig, parquet};
use source_support::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The server of this program, if there is one.
fn front() -> Option<&'static str> {
    chfront::shared(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

fn execute(url: &str, sql: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = ::clickhouse::Client::default().with_url(url);
    runtime.block_on(client.query(sql).execute()).unwrap_or_else(|e| panic!("{sql}: {e}"));
}

/// Rows whose prices no float holds exactly.
fn rows(count: i64) -> Vec<Raw> {
    let shifted =
        |prices: Vec<Option<i64>>| prices.into_iter().map(|p| Some(p? + 890_000)).collect();
    let row = |n: i64| {
        let row = match n % 8 {
            3 | 7 => trade(n, (95 + n % 9) * PX + 890_000, n % 5 + 1, (n % 3) as i8 - 1),
            5 => Raw { kind: Some("Snapshot".into()), ..plain(n) },
            _ => plain(n),
        };
        let (bids, asks) = (row.bids.0.map(shifted), row.asks.0.map(shifted));
        let ingest_ts = Some(T0 + n * MS + n % 1_000 * 1_000);
        Raw { bids: (bids, row.bids.1), asks: (asks, row.asks.1), ingest_ts, ..row }
    };
    (0..count).map(row).collect()
}

fn text(data: &str, out: &Path) -> String {
    format!(
        "version: 1\nname: shapes\ndata: {{ {data}, from: 2026-04-08, to: 2026-04-08, time_zone: Asia/Taipei }}\n\
         instruments: [{{ symbol: TXF, exchange: X, tick: \"0.01\", multiplier: \"200\", sessions: {{ time_zone: \
         Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}] }} }}]\ncapital: \"1000000\"\n\
         latency: {{ feed: 1ms, submit: 5ms, amend: 5ms, cancel: 5ms, response: 1ms }}\n\
         strategies: [{{ name: m, path: \"builtin:market_maker\" }}]\noutput: {{ dir: {} }}\n",
        out.display()
    )
}

fn parsed(data: &str, out: &Path) -> Result<Config, String> {
    let source = SourceText { name: "shapes.yaml".into(), text: text(data, out) };
    parse(source, Path::new(""), &LoadOptions::default()).0.map_err(|faults| faults.to_string())
}

fn config_of(data: &str, out: &Path) -> Config {
    parsed(data, out).unwrap_or_else(|faults| panic!("{faults}"))
}

fn run_of(config: &Config) -> Result<RunResult, run::RunError> {
    let options = run::Options {
        force: true,
        progress: Mode::Quiet,
        config_path: "test".into(),
        extra: &|_| Ok(()),
    };
    run::run(config, &options).map(|finished| finished.result)
}

fn assert_same_run(found: &RunResult, expected: &RunResult, what: &str) {
    assert!(expected.lanes[0].summary.orders > 100, "{:?}", expected.lanes[0].summary);
    assert_eq!(found.data_hash, expected.data_hash, "{what}");
    assert_eq!(
        (found.config_hash, found.run_id),
        (expected.config_hash, expected.run_id),
        "{what}"
    );
    assert_eq!(found.lanes[0].summary, expected.lanes[0].summary, "{what}");
}

/// Columns of the platform's two servers, and of a table that is no platform's: definitions, what they are made of, and what a
/// config says about them.
const TABLES: [(&str, &str, &str, &str); 7] = [
    (
        "first",
        "symbol String, exchange String, type String, exch_ts Int64, ingest_ts Int64, price_scaled Int64, volume Int64, \
         bids_price Array(Int64), bids_vol Array(Int64), asks_price Array(Int64), asks_vol Array(Int64), seq_no UInt64, \
         trade_direction Int8 DEFAULT 0, instrument_type LowCardinality(String) DEFAULT ''",
        "symbol, 'FUT', type, exch_ts, ingest_ts, price_scaled, volume, bids_price, bids_vol, asks_price, asks_vol, seq_no, \
         trade_direction, 'future'",
        "",
    ),
    (
        "second",
        "symbol String, exchange String, instrument_type LowCardinality(String) DEFAULT '', trade_direction Int8, \
         seq_no UInt64, type String, exch_ts Int64, ingest_ts Int64, asks_vol Array(Int64), asks_price Array(Int64), \
         bids_vol Array(Int64), bids_price Array(Int64), volume Int64, price_scaled Int64",
        "symbol, 'FUT', 'future', trade_direction, seq_no, type, exch_ts, ingest_ts, asks_vol, asks_price, bids_vol, \
         bids_price, volume, price_scaled",
        "",
    ),
    (
        "points",
        "symbol String, type String, exch_ts Int64, ingest_ts Int64, price_scaled Float64, volume Int64, bids_price \
         Array(Float64), bids_vol Array(Int64), asks_price Array(Float64), asks_vol Array(Int64), seq_no UInt64, side Int8",
        "symbol, type, exch_ts, ingest_ts, price_scaled / 1e6, volume, arrayMap(p -> p / 1e6, bids_price), bids_vol, \
         arrayMap(p -> p / 1e6, asks_price), asks_vol, seq_no, trade_direction",
        "",
    ),
    (
        "floats",
        "symbol String, type String, exch_ts Int64, ingest_ts Int64, price Float64, volume Int64, bids_price \
         Array(Float64), bids_vol Array(Int64), asks_price Array(Float64), asks_vol Array(Int64), seq_no UInt64, side Int8",
        "symbol, type, exch_ts, ingest_ts, price_scaled / 1e6, volume, arrayMap(p -> p / 1e6, bids_price), bids_vol, \
         arrayMap(p -> p / 1e6, asks_price), asks_vol, seq_no, trade_direction",
        "columns: { price_scaled: price }",
    ),
    (
        "whole",
        "code LowCardinality(String), kind String, at Int64, price Int32, volume Int64, bids_price Array(Int64), bids_vol \
         Array(Int64), asks_price Array(Int64), asks_vol Array(Int64), seq_no UInt64, got Int64, trade_direction Int8",
        "symbol, type, exch_ts, intDiv(price_scaled, 100), volume, arrayMap(p -> intDiv(p, 100), bids_price), bids_vol, \
         arrayMap(p -> intDiv(p, 100), asks_price), asks_vol, seq_no, ingest_ts, trade_direction",
        "price_scale: 10000, columns: { symbol: code, type: kind, exch_ts: at, ingest_ts: got, price_scaled: price }",
    ),
    (
        "other",
        "n UInt64, code LowCardinality(String), what Enum8('quote' = 1, 'trade' = 2, 'image' = 3), exch_ts String, \
         t DateTime64(9, 'Asia/Taipei'), got DateTime64(6, 'UTC'), px Decimal(18, 4), size UInt32, bp \
         Array(Decimal(18, 4)), bq Array(UInt32), ap Array(Decimal(18, 4)), aq Array(UInt32), taker Int8",
        "seq_no, symbol, multiIf(type = 'Tick', 'trade', type = 'BidAsk', 'quote', 'image'), 'of no use', \
         fromUnixTimestamp64Nano(exch_ts), fromUnixTimestamp64Micro(intDiv(ingest_ts, 1000)), toDecimal64(price_scaled, 4) / \
         1000000, volume, arrayMap(p -> toDecimal64(p, 4) / 1000000, bids_price), bids_vol, arrayMap(p -> toDecimal64(p, \
         4) / 1000000, asks_price), asks_vol, trade_direction",
        "columns: { symbol: code, type: what, exch_ts: t, ingest_ts: got, price_scaled: px, volume: size, bids_price: bp, \
         bids_vol: bq, asks_price: ap, asks_vol: aq, seq_no: n, trade_direction: taker }, types: { BidAsk: quote, Tick: \
         trade, Snapshot: image }",
    ),
    (
        "small",
        "symbol String, type UInt8, exch_ts Int64, ingest_ts Int64, price_scaled Float32, volume Int64, bids_price \
         Array(Float32), bids_vol Array(Int64), asks_price Array(Float32), asks_vol Array(Int64), seq_no UInt64, side Int8",
        "symbol, multiIf(type = 'Tick', 2, type = 'BidAsk', 1, 3), exch_ts, ingest_ts, price_scaled / 1e6, volume, \
         arrayMap(p -> p / 1e6, bids_price), bids_vol, arrayMap(p -> p / 1e6, asks_price), asks_vol, seq_no, \
         trade_direction",
        "price_scale: 1, types: { BidAsk: \"1\", Tick: \"2\", Snapshot: \"3\" }",
    ),
];

#[test]
fn a_run_over_a_table_of_another_shape_is_the_run_over_the_platform_s() {
    let Some(url) = front() else { return };
    let scratch = Scratch::new("shapes");
    let file = scratch.write("rows.parquet", &batch(columns(&rows(20_000))), 6_000);
    let server = config::server([("url", url), ("database", "bt_test_shapes")].into_iter());
    let server = server.unwrap_or_else(|faults| panic!("{faults}"));
    let files = std::slice::from_ref(&file);
    let options = Options { create: true, ..Options::default() };
    import(&server, "market_data", files, &options, |_, _, _| ()).expect("an import");
    let out = scratch.0.join("out");
    let expected = run_of(&config_of(&format!("parquet: {{ files: [{}] }}", file.display()), &out));
    let expected = expected.unwrap_or_else(|error| panic!("{error}"));
    for (name, definition, made_of, shape) in TABLES {
        execute(
            url,
            &format!(
                "CREATE TABLE bt_test_shapes.{name} ({definition}) ENGINE = MergeTree ORDER BY tuple()"
            ),
        );
        execute(
            url,
            &format!(
                "INSERT INTO bt_test_shapes.{name} SELECT {made_of} FROM bt_test_shapes.market_data"
            ),
        );
        let comma = if shape.is_empty() { "" } else { ", " };
        let data = format!(
            "clickhouse: {{ url: \"{url}\", database: bt_test_shapes, table: {name}{comma}{shape} }}"
        );
        let config = config_of(&data, &out);
        let found = run_of(&config).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_same_run(&found, &expected, name);
        // Through the cache as well, and out of it: its key knows the shape.
        let cached = format!("{data}, cache: {{ dir: {} }}", scratch.0.join("cache").display());
        for pass in ["into the cache", "out of the cache"] {
            let found = run_of(&config_of(&cached, &out)).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_same_run(&found, &expected, &format!("{name}, {pass}"));
        }
        if name == "other" {
            let dir = scratch.0.join("tape");
            export::export(&config, Parquet, &dir, false, |_, _, _| ()).expect("an export");
            let data = format!("parquet: {{ files: [\"{}/symbol=*/*.parquet\"] }}", dir.display());
            let found = run_of(&config_of(&data, &out)).expect("a run");
            assert_same_run(&found, &expected, "its export, in the platform's shape");
        }
    }
    // What is no price at 1e-6 has a row and a column, and a wrong unit is not a guess.
    execute(
        url,
        "ALTER TABLE bt_test_shapes.floats UPDATE price = 95.8900005 WHERE seq_no = 4 SETTINGS mutations_sync = 1",
    );
    let of = |more: &str| {
        let data = format!(
            "clickhouse: {{ url: \"{url}\", database: bt_test_shapes, table: floats, columns: {{ price_scaled: price }} }}{more}"
        );
        run_of(&config_of(&data, &out))
    };
    let error = of("").expect_err("no price").to_string();
    assert!(error.contains("row 3, column `price_scaled`: the value is null"), "{error}");
    assert!(error.contains("or is no price at 1e-6"), "{error}");
    of(", malformed: skip").expect("it is skipped and counted");
}

/// The rows as a file of other names, float prices, and stamps in us.
fn other_file(scratch: &Scratch, rows: &[Raw], is_by_our_names: bool) -> PathBuf {
    let float = |price: i64| price as f64 / 1e6;
    let others = columns(rows).into_iter().filter_map(|(name, array)| {
        let stamps = || {
            let us = array.as_primitive::<Int64Type>().iter().map(|ns| Some(ns? / 1_000));
            let us: ArrayRef = Arc::new(us.collect::<Int64Array>());
            arrow_cast::cast(&us, &DataType::Timestamp(TimeUnit::Microsecond, None))
                .expect("a cast")
        };
        let prices = || -> ArrayRef {
            let mut builder = ListBuilder::new(Float64Builder::new());
            for list in array.as_list::<i32>().iter() {
                let list = list.expect("no null");
                for price in list.as_primitive::<Int64Type>().values() {
                    builder.values().append_value(float(*price));
                }
                builder.append(true);
            }
            Arc::new(builder.finish())
        };
        let words = || -> ArrayRef {
            let words = array.as_string::<i32>().iter().map(|word| match word? {
                "Tick" => Some("trade"),
                "BidAsk" => Some("quote"),
                other => Some(other),
            });
            Arc::new(words.collect::<StringArray>())
        };
        if is_by_our_names {
            return Some(match name {
                "exch_ts" | "ingest_ts" => (name, stamps()),
                "price_scaled" => {
                    let prices = array.as_primitive::<Int64Type>().iter().map(|p| p.map(float));
                    (name, Arc::new(prices.collect::<Float64Array>()) as ArrayRef)
                }
                "bids_price" | "asks_price" => (name, prices()),
                _ => (name, array),
            });
        }
        Some(match name {
            "symbol" => ("code", array),
            "type" => ("what", words()),
            "exch_ts" => ("at", stamps()),
            "ingest_ts" => ("got", stamps()),
            "price_scaled" => {
                let prices = array.as_primitive::<Int64Type>().iter().map(|p| p.map(float));
                ("price", Arc::new(prices.collect::<Float64Array>()) as ArrayRef)
            }
            "bids_price" => ("bp", prices()),
            "asks_price" => ("ap", prices()),
            "exchange" => return None,
            other => (other, array),
        })
    });
    scratch.write(
        if is_by_our_names { "ours.parquet" } else { "other.parquet" },
        &batch(others.collect()),
        3_000,
    )
}

const OTHER: &str = "columns: { symbol: code, type: what, exch_ts: at, ingest_ts: got, price_scaled: price, bids_price: bp, \
                     asks_price: ap }, types: { Tick: trade, BidAsk: quote }";

#[test]
fn a_file_of_another_shape_holds_the_same_rows() {
    let scratch = Scratch::new("shapes-file");
    let mut all = rows(10_000);
    for raw in all.iter_mut().skip(5).step_by(11) {
        raw.symbol = Some("MXF".into());
    }
    let (plain, other) = (
        scratch.write("rows.parquet", &batch(columns(&all)), 3_000),
        other_file(&scratch, &all, false),
    );
    let out = scratch.0.join("out");
    let shaped = config_of(&format!("parquet: {{ files: [{}], {OTHER} }}", other.display()), &out);
    let shape = Arc::new(shaped.data.shape.clone());
    for symbol in ["TXF", "MXF", "none"] {
        for span_ns in [(0, i64::MAX), (T0 + 2_000 * MS, T0 + 7_001 * MS)] {
            let base = DecodeConfig { from_ns: span_ns.0, to_ns: span_ns.1, ..config(symbol) };
            let read = |file: &PathBuf, config: &DecodeConfig| {
                let files = std::slice::from_ref(file);
                let mut sources =
                    parquet::open(files, std::slice::from_ref(config)).expect("it opens");
                drain(sources[0].as_mut(), config.chunk_rows).expect("it can be read")
            };
            let expected = read(&plain, &base);
            let found = read(&other, &DecodeConfig { shape: shape.clone(), ..base });
            assert_same(&found, &expected, &format!("{symbol} in {span_ns:?}"));
        }
    }
    let data = format!("parquet: {{ files: [{}] }}", plain.display());
    let expected = run_of(&config_of(&data, &out)).expect("a run");
    assert_same_run(&run_of(&shaped).expect("a run"), &expected, "the file");
    // Under our own names nothing has to be said.
    let ours = other_file(&scratch, &all, true);
    let data = format!("parquet: {{ files: [{}] }}", ours.display());
    assert_same_run(&run_of(&config_of(&data, &out)).expect("a run"), &expected, "our names");
    // And so does the table that it is imported into.
    let Some(url) = front() else { return };
    let server = config::server([("url", url), ("database", "bt_test_shaped")].into_iter());
    let server = server.unwrap_or_else(|faults| panic!("{faults}"));
    let options = Options { create: true, shape: shaped.data.shape.clone(), ..Options::default() };
    import(&server, "market_data", &[other], &options, |_, _, _| ()).expect("an import");
    let data = format!("clickhouse: {{ url: \"{url}\", database: bt_test_shaped }}");
    assert_same_run(&run_of(&config_of(&data, &out)).expect("a run"), &expected, "its import");
}

#[test]
fn a_shape_that_does_not_fit_is_told() {
    let scratch = Scratch::new("shapes-faults");
    let file = other_file(&scratch, &rows(100), false);
    let out = scratch.0.join("out");
    let data = |shape: &str| format!("parquet: {{ files: [{}], {shape} }}", file.display());
    let error =
        |shape: &str| run_of(&config_of(&data(shape), &out)).expect_err("no fit").to_string();
    let missing = error(&OTHER.replace("code", "symbols"));
    assert!(
        missing.contains("column `symbol`: is `symbols` by the config, and there is no such"),
        "{missing}"
    );
    let wrong = error(&OTHER.replace("price_scaled: price", "price_scaled: what"));
    assert!(wrong.contains("column `price_scaled`: is Utf8, and integers, floats or"), "{wrong}");
    let unknown = error(&OTHER.replace("Tick: trade, ", ""));
    assert!(unknown.contains("row 3, column `type`: `trade` is none of"), "{unknown}");
    for (shape, words) in [
        ("columns: { symbol: \"a b\" }", "`a b` is not a plain name"),
        ("columns: { symbol: \"x) OR (1\" }", "is not a plain name"),
        ("columns: { exch_tz: ts }", "unknown key"),
        ("price_scale: 0", "price_scale"),
        ("price_scale: 1.5", "price_scale"),
        ("types: { Tick: x, BidAsk: x }", "`x` is BidAsk already"),
        ("types: { Trade: x }", "unknown key"),
    ] {
        let faults = parsed(&data(shape), &out).map(|_| ()).expect_err("a fault");
        assert!(faults.contains(words), "{shape}: {faults}");
    }
}
