//! What recorded TAIFEX days hold that must never fill an order: trial matches, books without a level, ticks written twice.
//! Each is counted in the data-quality block of the run, and a run without those rows trades to the last digit the same.
//!
//! The recordings are not part of the project: they are looked for in `../shared/data` beside the checkout, or in the folder
//! that `BT_DATA_DIR` names, and the tests say so when they skip.

mod source_support;

use arrow_array::{Array, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_schema::DataType;
use arrow_select::filter::filter_record_batch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use source_support::*;
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

fn recordings() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("BT_DATA_DIR").map_or(beside, PathBuf::from);
    let dir = dir.canonicalize().ok()?;
    dir.join("taifex_txfd6_2026-04-08.parquet").is_file().then_some(dir)
}

/// One row of a recording, as far as the quirks go.
struct Seen {
    ms: i64,
    is_tick: bool,
    price: i64,
    qty: i64,
    side: i64,
    levels: usize,
}

impl Seen {
    /// On the venue's clock, in minutes after midnight.
    fn minute(&self) -> i64 {
        (self.ms / 60_000 + 8 * 60).rem_euclid(24 * 60)
    }

    fn is_in_session(&self) -> bool {
        let minute = self.minute();
        (8 * 60 + 45..13 * 60 + 45).contains(&minute) || !(5 * 60..15 * 60).contains(&minute)
    }

    /// Behind the night: it tells that the session is over, and what lapsed then is told as lapsed.
    fn is_behind_the_night(&self) -> bool {
        (5 * 60..8 * 60).contains(&self.minute())
    }
}

fn seen(batch: &RecordBatch) -> Vec<Seen> {
    let column = |name: &str| batch.column_by_name(name).unwrap_or_else(|| panic!("{name}"));
    let int = |name: &str| -> Vec<i64> {
        let column = arrow_cast::cast(column(name), &DataType::Int64).expect("whole numbers");
        column.as_any().downcast_ref::<Int64Array>().expect("cast").values().to_vec()
    };
    let kinds = arrow_cast::cast(column("type"), &DataType::Utf8).expect("texts");
    let kinds = kinds.as_any().downcast_ref::<StringArray>().expect("cast");
    let sides = ["bids_price", "asks_price"]
        .map(|name| column(name).as_any().downcast_ref::<ListArray>().expect("lists"));
    let [ts_ns, price, qty, side] = ["exch_ts", "price_scaled", "volume", "side"].map(int);
    (0..batch.num_rows())
        .map(|row| Seen {
            // The stamps went through a float: they are whole milliseconds.
            ms: (ts_ns[row] + 500_000) / 1_000_000,
            is_tick: kinds.value(row) == "Tick",
            price: price[row],
            qty: qty[row],
            side: side[row],
            levels: sides.iter().map(|side| side.value_length(row) as usize).sum(),
        })
        .collect()
}

/// Writes the rows of a recording that `keep` keeps; returns how many it did not.
fn without(from: &Path, to: &Path, mut keep: impl FnMut(&Seen) -> bool) -> u64 {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(from).expect("it opens"));
    let reader = reader.expect("Parquet").with_batch_size(1 << 20).build().expect("Parquet");
    let mut writer = None;
    let mut left_out = 0;
    for batch in reader {
        let batch = batch.expect("a batch");
        let mask: BooleanArray = seen(&batch).iter().map(|row| Some(keep(row))).collect();
        left_out += (mask.len() - mask.true_count()) as u64;
        let batch = filter_record_batch(&batch, &mask).expect("a mask");
        let writer = writer.get_or_insert_with(|| {
            let file = File::create(to).expect("it can be made");
            ArrowWriter::try_new(file, batch.schema(), None).expect("a writer")
        });
        writer.write(&batch).expect("it is written");
    }
    writer.expect("rows").close().expect("it is closed");
    left_out
}

fn run(scratch: &Scratch, file: &Path, symbol: &str, day: &str, duplicates: &str) -> Value {
    // The night runs into the next day.
    let to = day.parse::<jiff::civil::Date>().and_then(|day| day.tomorrow()).expect("a day");
    let text = format!(
        "version: 1\nname: quirks\ndata: {{ parquet: {{ files: [\"{}\"] }}, time_zone: Asia/Taipei, from: {day}, to: {to}, \
         ts_grid_ns: 1000000, duplicates: {duplicates} }}\ninstruments: [{{ symbol: {symbol}, exchange: TAIFEX, tick: \"0.1\", \
         multiplier: 200, sessions: {{ time_zone: Asia/Taipei, list: [{{ open: \"08:45\", close: \"13:45\" }}, {{ open: \
         \"15:00\", close: \"05:00+1\", trading_day: next }}] }} }}]\ncapital: 1000000\nlatency: {{ feed: 1ms, submit: 36ms, \
         amend: 43ms, cancel: 47ms, response: 10ms }}\nstrategies: [{{ name: maker, path: \"builtin:market_maker\", params: {{ \
         max_position: 3 }} }}]\n",
        file.display()
    );
    let config = scratch.0.join("run.yaml");
    std::fs::write(&config, text).expect("the config can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_bt-host"))
        .args(["run", "-q", "--json", "--force", "--config"])
        .arg(&config)
        .arg("--out")
        .arg(scratch.0.join("out"))
        .output()
        .expect("bt-host starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn lane(summary: &Value) -> (String, u64) {
    let lane = &summary["lanes"][0];
    let digest = lane["order_digest"].as_str().expect("a digest").to_owned();
    (digest, lane["fills"].as_u64().expect("fills"))
}

#[test]
fn trial_matches_and_empty_books_are_counted_and_fill_nothing() {
    let Some(dir) = recordings() else {
        return println!("skipped: no recordings beside the checkout; set BT_DATA_DIR");
    };
    for (day, trial_ticks) in [("2026-04-08", Some(275)), ("2026-04-09", None)] {
        let scratch = Scratch::new(&format!("quirks-{day}"));
        let file = dir.join(format!("taifex_txfd6_{day}.parquet"));
        let clean = scratch.0.join("clean.parquet");
        let (mut outside, mut ticks, mut lots, mut lots_all, mut empty) = (0, 0, 0, 0, 0);
        let left_out = without(&file, &clean, |row| {
            let is_outside = !row.is_in_session();
            let is_empty = !is_outside && !row.is_tick && row.levels == 0;
            outside += u64::from(is_outside);
            empty += u64::from(is_empty);
            lots_all += row.qty;
            if is_outside && row.is_tick {
                ticks += 1;
                lots += row.qty;
            }
            row.is_behind_the_night() || !is_outside && !is_empty
        });
        let whole = run(&scratch, &file, "TXFD6", day, "drop_exact");
        let counts = &whole["data"]["symbols"]["TXFD6"];
        println!(
            "{day}: {outside} rows outside the sessions, {ticks} trial ticks with {lots} of {lots_all} lots, {empty} empty books"
        );
        assert!(trial_ticks.is_none_or(|known| known == ticks), "{ticks}");
        assert_eq!(counts["excluded_out_of_session"], outside, "{counts}");
        assert_eq!(counts["excluded_empty_book"], empty, "{counts}");
        assert!(empty > 0 && ticks > 100 && left_out > 500, "{left_out}");
        let (digest, fills) = lane(&whole);
        assert!(fills > 1_000, "{fills}");
        assert_eq!(lane(&run(&scratch, &clean, "TXFD6", day, "drop_exact")), (digest, fills));
    }
}

#[test]
fn ticks_written_twice_are_counted_and_fill_once() {
    let Some(dir) = recordings() else {
        return println!("skipped: no recordings beside the checkout; set BT_DATA_DIR");
    };
    let scratch = Scratch::new("quirks-twice");
    let file = dir.join("taifex_txo35000q6_2026-04-28.parquet");
    let once = scratch.0.join("once.parquet");
    let mut odd = HashSet::new();
    let twins = without(&file, &once, |row| {
        let content = (row.ms, row.price, row.qty, row.side);
        !row.is_tick || odd.insert(content) || !odd.remove(&content)
    });
    let symbol = "TXO35000Q6";
    let run = |file: &Path, duplicates| run(&scratch, file, symbol, "2026-04-28", duplicates);
    let dropped =
        |summary: &Value| summary["data"]["symbols"][symbol]["dropped_duplicates"].clone();
    let whole = run(&file, "drop_second_tick");
    let left = run(&once, "drop_exact");
    println!("{twins} second ticks; {} fills", lane(&whole).1);
    assert!(twins > 200, "{twins}");
    assert_eq!((dropped(&whole), dropped(&left)), (twins.into(), 0.into()));
    assert_eq!(lane(&whole), lane(&left));
    assert_ne!(lane(&run(&file, "drop_exact")), lane(&left), "the second ones would fill");
}
