//! `calibrate`: shadows by hand, and the default model against order-by-order truth.
//!
//! The recordings are not part of the project: they are looked for in `../shared/data` beside the checkout, or in
//! the folder that `BT_DATA_DIR` names, and the test says so when it skips.

mod source_support;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use serde_json::Value;
use source_support::*;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn calibrate(config: &Path, orders: &Path, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bt-host"))
        .args(["calibrate", "--config"])
        .arg(config)
        .arg("--orders")
        .arg(orders)
        .args(words)
        .output()
        .expect("bt-host starts")
}

fn document(output: &Output) -> Value {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn stratum<'a>(document: &'a Value, name: &str) -> (&'a Value, &'a Value) {
    let stratum = &document["strata"][name];
    (stratum, &stratum["models"][0])
}

/// An order: side, price, quantity, joined, ended, filled, first filled; times in ms.
type Order = (i64, i64, i64, i64, i64, i64, i64);

fn orders(list: &[Order]) -> RecordBatch {
    let ns = |ms: i64| if ms == 0 { 0 } else { T0 + ms * MS };
    let column = |of: &dyn Fn(&Order) -> i64| -> ArrayRef {
        Arc::new(list.iter().map(|order| Some(of(order))).collect::<Int64Array>())
    };
    batch(vec![
        ("symbol", Arc::new(list.iter().map(|_| Some("TXF")).collect::<StringArray>())),
        ("side", column(&|o| o.0)),
        ("price_scaled", column(&|o| o.1 * PX)),
        ("qty", column(&|o| o.2)),
        ("add_ts", column(&|o| ns(o.3))),
        ("end_ts", column(&|o| ns(o.4))),
        ("filled_qty", column(&|o| o.5)),
        ("first_fill_ts", column(&|o| ns(o.6))),
    ])
}

fn config(scratch: &Scratch, rows: &[Raw]) -> PathBuf {
    scratch.write("rows.parquet", &batch(columns(rows)), 1_000);
    let path = scratch.0.join("run.yaml");
    let text = "version: 1\nname: shadows\ndata: { parquet: { files: [rows.parquet] }, from: 2026-04-08, to: \
                2026-04-08, duplicates: keep }\ninstruments: [{ symbol: TXF, exchange: TAIFEX, tick: 1, multiplier: \
                1, sessions: { time_zone: Asia/Taipei, list: [{ open: \"08:45\", close: \"13:45\" }, { open: \"15:00\", \
                close: \"05:00+1\", trading_day: next }] } }]\ncapital: 1000\nlatency: { feed: 0, submit: 0, amend: 0, cancel: 0, \
                response: 0 }\nstrategies: [{ name: maker, path: \"builtin:market_maker\" }]\n";
    std::fs::write(&path, text).expect("the config can be written");
    path
}

/// Four lots of others at 99, then an order of two that the books contain from 10 ms on.
fn tape() -> Vec<Raw> {
    let asks = [(101 * PX, 5)];
    vec![
        book(0, &[(99 * PX, 4), (98 * PX, 3)], &asks),
        book(10, &[(99 * PX, 6), (98 * PX, 4)], &asks),
        trade(20, 99 * PX, 4, -1),
        book(21, &[(99 * PX, 2), (98 * PX, 4)], &asks),
        trade(30, 99 * PX, 2, -1),
        book(31, &[(98 * PX, 4)], &asks),
        book(40, &[(98 * PX, 3)], &asks),
        book(50, &[(98 * PX, 3)], &asks),
    ]
}

#[test]
fn a_shadow_stands_where_the_real_order_stood() {
    let scratch = Scratch::new("shadows");
    let config = config(&scratch, &tape());
    let list = [(1, 99, 2, 1, 30, 2, 30), (1, 98, 1, 2, 40, 0, 0)];
    let file = scratch.write("orders.parquet", &orders(&list), 100);
    let document = document(&calibrate(&config, &file, &["--json"]));
    let (all, model) = stratum(&document, "all");
    assert_eq!((all["orders"].as_u64(), all["real_filled_orders"].as_u64()), (Some(2), Some(1)));
    assert_eq!(all["base_rate_brier"], 0.25);
    for model in all["models"].as_array().unwrap() {
        // Its own lots, left in the books, would have put it two lots farther back.
        assert_eq!(model["filled_orders"], 1, "{model}");
        assert_eq!(model["filled_qty"], 2, "{model}");
        assert_eq!((&model["bias"], &model["brier"]), (&0.0.into(), &0.0.into()), "{model}");
        assert_eq!(model["ttf_err_p90_ns"], 0, "{model}");
    }
    assert_eq!(model["name"], "model");
    assert_eq!(all["bracket"]["coverage"], 1.0);
    assert_eq!(document["strata"]["front"]["orders"], 0);
    assert_eq!(document["strata"]["ahead"]["orders"], 2);
}

#[test]
fn a_model_that_is_late_is_told_from_one_that_is_wrong() {
    let scratch = Scratch::new("late");
    let asks = [(101 * PX, 5)];
    let mut rows = tape();
    // Two more lots of others come and trade three seconds later: the order that really filled at once fills then.
    rows.truncate(2);
    rows.extend([
        trade(20, 99 * PX, 2, -1),
        book(21, &[(99 * PX, 4), (98 * PX, 4)], &asks),
        trade(3_020, 99 * PX, 4, -1),
        book(3_021, &[(98 * PX, 4)], &asks),
    ]);
    let config = config(&scratch, &rows);
    // It cannot have been: four lots were ahead of it. But a real order may have.
    let file = scratch.write("orders.parquet", &orders(&[(1, 99, 2, 1, 20, 2, 20)]), 100);
    let document = document(&calibrate(&config, &file, &["--json"]));
    let (_, model) = stratum(&document, "all");
    assert_eq!((&model["brier"], &model["late"]), (&0.0.into(), &1.0.into()), "{model}");
    assert_eq!(model["ttf_err_p50_ns"], 3_000 * MS);
}

#[test]
fn a_fit_is_saved_and_read_again() {
    let scratch = Scratch::new("fit");
    let config = config(&scratch, &tape());
    let file = scratch.write("orders.parquet", &orders(&[(1, 99, 2, 1, 30, 2, 30)]), 100);
    let model = scratch.0.join("queue.yaml");
    let path = model.display().to_string();
    let fitted = document(&calibrate(&config, &file, &["--json", "--fit", "all", "--save", &path]));
    let again = document(&calibrate(&config, &file, &["--json", "--fit", &path]));
    assert_eq!(fitted["fitted"], again["fitted"]);
    // All models are right about it: the first of the grid is as good as any.
    assert_eq!(fitted["fitted"]["join"], "displayed", "{fitted}");
    let none = calibrate(&config, &file, &["--fit", "firsthalf"]);
    assert_eq!(none.status.code(), Some(3), "{}", String::from_utf8_lossy(&none.stderr));
}

#[test]
fn bad_orders_name_the_place() {
    let scratch = Scratch::new("bad");
    let config = config(&scratch, &tape());
    let cases: [(Order, &str); 4] = [
        ((2, 99, 2, 1, 30, 2, 30), "column `side`: row 0: is 2; 1 buys, -1 sells"),
        ((1, 99, -2, 1, 30, 0, 0), "column `qty`: row 0: is not a quantity"),
        ((1, 99, 2, 30, 1, 0, 0), "column `end_ts`: row 0: lies before add_ts"),
        ((1, 99, 2, 1, 30, 2, 0), "column `first_fill_ts`: row 0: does not go with filled_qty"),
    ];
    for (order, told) in cases {
        let file = scratch.write("orders.parquet", &orders(&[order]), 100);
        let output = calibrate(&config, &file, &[]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(5), "{stderr}");
        assert!(stderr.contains(told), "no `{told}` in: {stderr}");
    }
    let file = scratch.write("orders.parquet", &orders(&[]), 100);
    let output = calibrate(&config, &file, &[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("holds no order of the config's symbols and span"), "{stderr}");
}

#[test]
fn the_default_model_is_near_the_truth_on_full_and_on_throttled_books() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("BT_DATA_DIR").map_or(beside, PathBuf::from);
    let orders = dir.join("oracle/nasdaq_aapl_lobster_20120621_orders.parquet");
    if !orders.is_file() {
        println!("skipped: no recordings in {}", dir.display());
        return;
    }
    // Brier of fate and of ten seconds, bias of both, coverage, undecided.
    let aims = [
        ("", [0.0003, 0.0004, 0.003, 0.003, 0.99, 0.003]),
        ("_thr125", [0.0006, 0.0007, 0.005, 0.005, 0.98, 0.003]),
    ];
    for (tape, [brier, brier_10s, bias, bias_10s, coverage, undecided]) in aims {
        let rows = dir.join(format!("nasdaq_aapl_lobster_20120621{tape}.parquet"));
        let set =
            format!("data.parquet.files=[{}]", rows.canonicalize().expect("it is there").display());
        let config = root().join("configs/aapl.yaml");
        let document = document(&calibrate(&config, &orders, &["--json", "--set", &set]));
        let (all, model) = stratum(&document, "all");
        let figure = |name: &str| model[name].as_f64().expect("a figure").abs();
        println!("books{tape}: {model}\nbracket {}", all["bracket"]);
        assert_eq!(all["orders"], 28_763);
        assert!(figure("brier") <= brier && figure("brier_10s") <= brier_10s, "{model}");
        assert!(figure("bias") <= bias && figure("bias_10s") <= bias_10s, "{model}");
        assert!(all["bracket"]["coverage"].as_f64().unwrap() >= coverage, "{all}");
        assert!(all["bracket"]["undecided"].as_f64().unwrap() <= undecided, "{all}");
    }
}

/// A request: action, sent at ms, there and back in us.
type Request = (&'static str, i64, i64, i64);

fn stamps(list: &[Request]) -> RecordBatch {
    let column = |of: &dyn Fn(&Request) -> i64| -> ArrayRef {
        Arc::new(list.iter().map(|row| Some(of(row))).collect::<Int64Array>())
    };
    let sent = |row: &Request| T0 + row.1 * MS;
    batch(vec![
        ("action", Arc::new(list.iter().map(|row| Some(row.0)).collect::<StringArray>())),
        ("request_ts", column(&sent)),
        ("exchange_ts", column(&|row| sent(row) + row.2 * 1_000)),
        ("response_ts", column(&|row| sent(row) + (row.2 + row.3) * 1_000)),
    ])
}

#[test]
fn latencies_are_fitted_by_action_and_the_profile_is_a_config() {
    let scratch = Scratch::new("latency");
    let dir = &scratch.0;
    // 100 submits of 1 to 100 ms, 10 cancels of 2 ms, no amend; back in 300 us always.
    let mut list: Vec<Request> =
        (0..100).map(|n| ("submit", n, (n * 37 % 100 + 1) * 1_000, 300)).collect();
    list.extend((0..10).map(|n| ("cancel", 200 + n, 2_000, 300)));
    let file = dir.join("stamps.parquet");
    scratch.write("stamps.parquet", &stamps(&list), 1_000);
    let profile = dir.join("profile.yaml");
    let run = |words: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_bt-host"))
            .args(["calibrate", "--latency"])
            .arg(&file)
            .args(words)
            .output()
            .expect("bt-host starts")
    };
    let told = document(&run(&["--json", "--save", profile.to_str().unwrap()]));
    assert_eq!(told["requests"], 110);
    let submit = &told["legs"]["submit"];
    assert_eq!(submit["count"], 100);
    let points = submit["quantiles_percent_ns"].as_array().unwrap();
    let at = |percent: f64| points.iter().find(|p| p[0] == percent).unwrap()[1].as_i64().unwrap();
    assert_eq!(
        [0.0, 50.0, 95.0, 99.0, 99.9, 100.0].map(at),
        [1, 50, 95, 99, 100, 100].map(|ms| ms * MS)
    );
    assert_eq!(told["legs"]["amend"]["count"], 0);
    let table = String::from_utf8(run(&[]).stdout).unwrap();
    assert!(table.contains("no amend was recorded"), "{table}");

    // The profile, and the stamps themselves, are legs of a config.
    let text = std::fs::read_to_string(root().join("configs/demo.yaml")).unwrap();
    let latency = text.lines().find(|line| line.trim_start().starts_with("latency:")).unwrap();
    for legs in [
        "latency: { profile: profile.yaml, feed: 5ms, amend: 1ms }",
        "latency: { feed: 5ms, submit: { replay: stamps.parquet }, amend: 1ms, cancel: { replay: stamps.parquet }, \
         response: { replay: stamps.parquet } }",
    ] {
        let config = dir.join("run.yaml");
        std::fs::write(&config, text.replace(latency, legs)).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_bt-host"))
            .args(["run", "--json", "--config"])
            .arg(&config)
            .arg("--out")
            .arg(dir.join("out"))
            .arg("--force")
            .output()
            .expect("bt-host starts");
        let told = document(&output);
        assert!(told["lanes"][0]["fills"].as_u64().unwrap() > 0, "{told:#}");
    }

    list.push(("submit", 300, -1, 5));
    scratch.write("stamps.parquet", &stamps(&list), 1_000);
    let output = run(&[]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.contains("row 110") && stderr.contains("exchange_ts"), "{stderr}");
}
