//! Recorded TAIFEX days through the C market maker: one order digest a day, whatever the source, the chunks, the
//! repetition and the lanes beside it.
//!
//! The recordings are not part of the project: they are looked for in `../shared/data` beside the checkout, or in
//! the folder that `BT_DATA_DIR` names, and the tests say so when they skip. The ClickHouse half needs the engine
//! that `scripts/test` installs.

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use chfront::Front;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DAYS: [&str; 2] = ["2026-04-08", "2026-04-09"];

/// A scratch folder of a test, removed when it is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the scratch folder can be made");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left-over files of a test that failed harm nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn recordings() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("BT_DATA_DIR").map_or(beside, PathBuf::from);
    let dir = dir.canonicalize().ok()?;
    dir.join("taifex_txfd6_2026-04-08.parquet").is_file().then_some(dir)
}

fn config(source: &str, lanes: &[(&str, &str)]) -> String {
    let lanes: String = lanes
        .iter()
        .map(|(name, feed)| {
            format!(
                "  - name: {name}\n    capital: 1000000\n    latency: {{ feed: {feed}, submit: 36ms, \
                 amend: 43ms, cancel: 47ms, response: 10ms }}\n    strategies:\n      - {{ name: maker, \
                 path: \"builtin:market_maker\", params: {{ max_position: 3 }} }}\n"
            )
        })
        .collect();
    format!(
        "version: 1\nname: recorded\ndata:\n{source}  from: 2026-04-08\n  to: 2026-04-08\n  ts_grid_ns: \
         1000000\ninstruments:\n  - symbol: TXFD6\n    exchange: TAIFEX\n    tick: 1\n    multiplier: 200\n    \
         {DAY_AND_NIGHT}\n    fees: [{{ name: commission, per_lot: \"20\" }}]\nlanes:\n{lanes}"
    )
}

/// Runs a config and gives its summary and the largest memory that it took, in KiB.
fn run(scratch: &Scratch, config: &str, day: [&str; 2], chunk_rows: usize) -> (Value, u64) {
    let file = scratch.0.join("run.yaml");
    std::fs::write(&file, config).expect("the config can be written");
    let out = scratch.0.join("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_bt-host"))
        .args(["run", "-q", "--json", "--force", "--config"])
        .arg(&file)
        .arg("--out")
        .arg(&out)
        .args(["--set", &format!("data.from={}", day[0])])
        .args(["--set", &format!("data.to={}", day[1])])
        .args(["--set", &format!("data.chunk_rows={chunk_rows}")])
        .stdout(Stdio::null())
        .spawn()
        .expect("bt-host starts");
    let mut peak_kib = 0;
    let status = loop {
        let status = format!("/proc/{}/status", child.id());
        let text = std::fs::read_to_string(status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
        peak_kib = peak_kib.max(kib.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    assert!(status.success(), "bt-host failed on {day:?} in chunks of {chunk_rows}");
    let text = std::fs::read_to_string(out.join("summary.json")).expect("there is a summary");
    (serde_json::from_str(&text).expect("the summary is JSON"), peak_kib)
}

fn digest(summary: &Value, lane: usize) -> String {
    assert!(summary["lanes"][lane]["fills"].as_u64() > Some(1_000), "the maker trades");
    summary["lanes"][lane]["order_digest"].as_str().expect("a digest").to_owned()
}

fn parquet(dir: &Path) -> String {
    format!("  parquet: {{ files: [\"{}/taifex_txfd6_*.parquet\"] }}\n", dir.display())
}

#[test]
fn a_day_has_one_digest_from_parquet_and_clickhouse() {
    let Some(dir) = recordings() else {
        println!("skipped: no recordings in ../shared/data");
        return;
    };
    let scratch = Scratch::new("recorded-digest");
    let engine = chfront::library().map(|library| {
        let front = Front::start(&library, &scratch.0.join("engine")).expect("the engine starts");
        import(front.url(), &dir);
        front
    });
    if engine.is_none() {
        println!("skipped: the ClickHouse half; scripts/test installs the engine");
    }
    let mut sources = vec![parquet(&dir)];
    sources.extend(engine.as_ref().map(|front| {
        format!(
            "  clickhouse: {{ url: \"{}\", database: recorded, table: market_data }}\n",
            front.url()
        )
    }));
    for day in DAYS {
        let mut digests = [Vec::new(), Vec::new()];
        let mut hashes = Vec::new();
        for source in &sources {
            for chunk_rows in [1, 1_000, 1_000_000] {
                let alone = config(source, &[("near", "0")]);
                let beside = config(source, &[("near", "0"), ("far", "400ms")]);
                // That a run is repeatable does not depend on its chunks; that it is the same does not depend on repeating it.
                let times = if chunk_rows == 1_000 { 2 } else { 1 };
                for config in
                    [&alone, &beside].iter().flat_map(|one| std::iter::repeat_n(one, times))
                {
                    let (summary, _) = run(&scratch, config, [day, day], chunk_rows);
                    digests[0].push(digest(&summary, 0));
                    if summary["lanes"][1].is_object() {
                        digests[1].push(digest(&summary, 1));
                    }
                    hashes.push(summary["data_hash"].clone());
                }
            }
        }
        println!("{day}: {} runs, digest {}", digests[0].len(), digests[0][0]);
        assert!(digests[0].iter().all(|d| *d == digests[0][0]), "{day}: near: {:#?}", digests[0]);
        assert!(digests[1].iter().all(|d| *d == digests[1][0]), "{day}: far: {:#?}", digests[1]);
        assert_ne!(digests[0][0], digests[1][0], "{day}: 400 ms of feed latency change the orders");
        assert!(hashes.iter().all(|h| *h == hashes[0]), "{day}: the rows are the same rows");
    }
}

/// Puts both days into a table with the platform's columns.
fn import(url: &str, dir: &Path) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("tokio");
    runtime.block_on(async {
        let client = clickhouse::Client::default().with_url(url);
        let execute = async |sql: String| {
            client.query(&sql).execute().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        };
        execute("CREATE DATABASE recorded".into()).await;
        execute(
            "CREATE TABLE recorded.market_data (symbol String, exchange String, type String, exch_ts Int64, \
             ingest_ts Int64, price_scaled Int64, volume Int64, bids_price Array(Int64), bids_vol \
             Array(Int64), asks_price Array(Int64), asks_vol Array(Int64), seq_no UInt64, trade_direction \
             Int8 DEFAULT 0) ENGINE = MergeTree ORDER BY (symbol, exch_ts, ingest_ts)"
                .into(),
        )
        .await;
        for day in DAYS {
            let file = dir.join(format!("taifex_txfd6_{day}.parquet"));
            execute(format!(
                "INSERT INTO recorded.market_data SELECT symbol, exchange, type, exch_ts, ingest_ts, \
                 price_scaled, volume, bids_price, bids_vol, asks_price, asks_vol, seq_no, side FROM \
                 file('{}', 'Parquet')",
                file.display()
            ))
            .await;
        }
    });
}

#[test]
fn memory_does_not_grow_on_a_tape_ten_times_as_long() {
    let scratch = Scratch::new("synthetic-memory");
    let synth = "  synth: { preset: txf, seed: 3 }\n";
    let config = config(synth, &[("near", "1ms")]).replace(DAY_AND_NIGHT, DAY_SESSION);
    // The shorter one is long enough to fill every slab and row group once.
    let (short, one) = run(&scratch, &config, ["2026-04-06", "2026-04-07"], 65_536);
    let (long, ten) = run(&scratch, &config, ["2026-04-06", "2026-05-01"], 65_536);
    let rows = |summary: &Value| summary["lanes"][0]["rows_delivered"].as_u64().unwrap_or(0);
    println!("peak memory: {} rows {one} KiB, {} rows {ten} KiB", rows(&short), rows(&long));
    assert!(rows(&long) > 9 * rows(&short), "the long tape is long");
    assert!(ten * 10 <= one * 11, "twenty days take {ten} KiB, two {one} KiB");
    // The window is 65,536 rows of 64 bytes and as many pairs of depth rows of 128.
    assert!(ten < (128 << 10) + (20 << 10), "{ten} KiB is more than 128 MiB beside the window");
}

/// Money of the summary, which is a decimal, in 1e-6.
fn e6(value: &Value) -> i64 {
    let text = value.as_str().expect("money is text");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{part:0<6}").parse().expect("money is a decimal")
}

/// Sums of a file's columns by lane, and the rows themselves.
fn sums(path: &Path, names: &[&str]) -> BTreeMap<String, (Vec<i64>, Vec<Vec<i64>>)> {
    let mut sums = BTreeMap::new();
    let file = std::fs::File::open(path).expect("the file is there");
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build());
    for batch in batches.expect("it is Parquet") {
        let batch = batch.expect("it can be read");
        let lanes = batch.column_by_name("lane").expect("lanes").as_string::<i32>();
        let columns: Vec<_> = names
            .iter()
            .map(|name| batch.column_by_name(name).expect("a column").as_primitive::<Int64Type>())
            .collect();
        for index in 0..batch.num_rows() {
            let row: Vec<i64> = columns.iter().map(|column| column.value(index)).collect();
            let (sum, rows) = sums
                .entry(lanes.value(index).to_owned())
                .or_insert_with(|| (vec![0; names.len()], Vec::new()));
            sum.iter_mut().zip(&row).for_each(|(sum, value)| *sum += value);
            rows.push(row);
        }
    }
    sums
}

#[test]
fn spread_and_inventory_less_fees_are_the_profit_of_recorded_days() {
    let Some(dir) = recordings() else {
        println!("skipped: no recordings in ../shared/data");
        return;
    };
    let scratch = Scratch::new("recorded-hours");
    let config = config(&parquet(&dir), &[("near", "1ms"), ("far", "400ms")]);
    let (summary, _) = run(&scratch, &config, DAYS, 65_536);
    let names = ["spread_e6", "inventory_e6", "fees_e6", "pnl_e6"];
    let hours = sums(&scratch.0.join("out/hours.parquet"), &names);
    let fills = sums(&scratch.0.join("out/fills.parquet"), &["spread_e6", "fee_e6"]);
    let lanes = summary["lanes"].as_array().expect("lanes");
    assert_eq!(lanes.len(), 2);
    for lane in lanes {
        let (sum, rows) = &hours[lane["name"].as_str().expect("a name")];
        println!("{}: {} hours, {names:?} {sum:?}", lane["name"], rows.len());
        assert!(rows.len() > 10, "two days and the night between them have more hours");
        assert!(rows.iter().all(|row| row[0] + row[1] - row[2] == row[3]), "{rows:?}");
        assert_eq!(sum[3], e6(&lane["pnl"]));
        assert_eq!(sum[2], e6(&lane["fees"]));
        assert_eq!(vec![sum[0], sum[2]], fills[lane["name"].as_str().expect("a name")].0);
    }
}

const DAY_AND_NIGHT: &str = "sessions: { time_zone: Asia/Taipei, list: [{ open: \"08:45\", close: \"13:45\" }, \
                             { open: \"15:00\", close: \"05:00+1\", trading_day: next }] }";
const DAY_SESSION: &str =
    "sessions: { time_zone: Asia/Taipei, list: [{ open: \"08:45\", close: \"13:45\" }] }";

#[test]
fn memory_does_not_grow_with_the_run() {
    let Some(dir) = recordings() else {
        println!("skipped: no recordings in ../shared/data");
        return;
    };
    let scratch = Scratch::new("recorded-memory");
    let config = config(&parquet(&dir), &[("near", "1ms")]);
    let (_, one) = run(&scratch, &config, [DAYS[1], DAYS[1]], 65_536);
    let (_, two) = run(&scratch, &config, DAYS, 65_536);
    println!("peak memory: one day {one} KiB, two days {two} KiB");
    // A day's rows are 38 MB.
    assert!(two * 10 <= one * 11, "two days take {two} KiB, one {one} KiB");
    assert!(two < (128 << 10) + (20 << 10), "{two} KiB is more than 128 MiB beside the window");
}
