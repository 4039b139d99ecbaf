//! All recordings in one table, merged by the client out of one stream a symbol: the order is that of a sort of all rows by the
//! total order's own words, whatever the server's parts.
//!
//! Needs the recordings, and the server that CH_URL names or the engine that `scripts/test` installs; says so when it skips.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use bt_host::config::fault::SourceText;
use bt_host::config::{self, LoadOptions, parse};
use bt_host::import::{Options, import};
use bt_host::source;
use bt_host::source::pending::Pending;
use btcore::feed::Feed;
use btcore::wire::kind;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The recordings; of AAPL the one with every book.
const FILES: [&str; 11] = [
    "binance_usdm_202408",
    "cffex_if_l1",
    "nasdaq_aapl_lobster_20120621",
    "nasdaq_arl_20250717",
    "szse_snap_20220601",
    "taifex_txfd6_2026-04-08",
    "taifex_txfd6_2026-04-09",
    "taifex_txo35000q6_2026-04-17",
    "taifex_txo35000q6_2026-04-28",
    "twse_2330_l1",
    "twse_dsp_sample",
];

/// A row by the words of law 1, and what can be told of it behind the merge: a trade's price and quantity.
type Key = (i64, u8, String, u64, i64, i64, i64);

fn recordings() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("BT_DATA_DIR").map_or(beside, PathBuf::from);
    let dir = dir.canonicalize().ok()?;
    FILES.iter().all(|name| dir.join(format!("{name}.parquet")).is_file()).then_some(dir)
}

fn read(path: &Path) -> Vec<RecordBatch> {
    let file = File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

/// Every row that the merge must give, by the naive way: all of them, sorted.
fn naive(dir: &Path) -> Vec<Key> {
    let mut keys = Vec::new();
    for name in FILES {
        for batch in read(&dir.join(format!("{name}.parquet"))) {
            let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().clone();
            let int = |name: &str| {
                batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().clone()
            };
            let (symbol, word) = (text("symbol"), text("type"));
            let (ts, recv, price, volume) =
                (int("exch_ts"), int("ingest_ts"), int("price_scaled"), int("volume"));
            let seq = batch.column_by_name("seq_no").unwrap().as_primitive::<UInt64Type>().clone();
            for row in 0..batch.num_rows() {
                let is_trade = word.value(row) == "Tick";
                let of_trade = |value: i64| if is_trade { value } else { 0 };
                keys.push((
                    ts.value(row),
                    u8::from(!is_trade),
                    symbol.value(row).to_owned(),
                    seq.value(row),
                    recv.value(row),
                    of_trade(price.value(row)),
                    of_trade(volume.value(row)),
                ));
            }
        }
    }
    keys.sort();
    keys
}

#[test]
fn all_recordings_merge_into_the_order_of_a_sort() {
    let Some(dir) = recordings() else {
        println!("skipped: the recordings are not there");
        return;
    };
    let Some(url) = chfront::shared(Path::new(env!("CARGO_TARGET_TMPDIR"))) else { return };
    let server = config::server([("url", url), ("database", "bt_test_merged")].into_iter());
    let server = server.unwrap_or_else(|faults| panic!("{faults}"));
    let files: Vec<PathBuf> =
        FILES.iter().map(|name| dir.join(format!("{name}.parquet"))).collect();
    // A part of the table for each UTC day of receipt.
    let options = Options { create: true, ..Options::default() };
    import(&server, "market_data", &files, &options, |_, _, _| ()).expect("an import");
    let wanted = naive(&dir);
    let symbols: BTreeSet<&str> = wanted.iter().map(|key| key.2.as_str()).collect();
    assert!(symbols.len() >= 13, "{symbols:?}");
    let instruments: String = symbols
        .iter()
        .map(|symbol| {
            format!(
                "  - {{ symbol: \"{symbol}\", exchange: X, tick: 0.000001, multiplier: 1, sessions: always }}\n"
            )
        })
        .collect();
    let text = format!(
        "version: 1\nname: merged\ndata:\n  clickhouse: {{ url: \"{url}\", database: bt_test_merged }}\n  from: 2012-06-01\n  to: \
         2026-06-01\n  duplicates: keep\ninstruments:\n{instruments}capital: 1\nlatency: {{ feed: 0, submit: 1ms, amend: \
         1ms, cancel: 1ms, response: 1ms }}\nstrategies: [{{ name: a, path: \"builtin:market_maker\" }}]\n"
    );
    let source = SourceText { name: "merged.yaml".into(), text };
    let config = parse(source, Path::new(""), &LoadOptions::default()).0;
    let config = config.unwrap_or_else(|faults| panic!("{faults}"));
    let mut sources = source::open(&config).unwrap();
    assert_eq!(sources.len(), symbols.len(), "a stream a symbol");
    let instruments: Vec<_> =
        config.instruments.iter().map(|spec| spec.instrument.clone()).collect();
    let mut feed = Feed::new(config.data.feed, sources.len(), &instruments);
    let mut pending: Vec<Pending> = sources.iter().map(|_| Pending::default()).collect();
    let (mut seen, mut at) = (0, 0);
    loop {
        feed.pump();
        for event in feed.window().events_from(seen) {
            if !matches!(event.kind, kind::BOOK | kind::TRADE) {
                continue;
            }
            let (ts, kind_rank, symbol, _, _, price, qty) = &wanted[at];
            let is_trade = event.kind == kind::TRADE;
            let found = (
                event.ts_exch_ns,
                u8::from(!is_trade),
                instruments[event.instrument as usize].symbol.as_str(),
                if is_trade { event.trade_price } else { 0 },
                if is_trade { i64::from(event.trade_qty) } else { 0 },
            );
            assert_eq!(found, (*ts, *kind_rank, symbol.as_str(), *price, *qty), "row {at}");
            at += 1;
        }
        seen = feed.window().row_end();
        feed.free_before(seen);
        if feed.is_done() {
            break;
        }
        if let Some(stream) = feed.starving() {
            pending[stream].feed(&mut feed, stream, sources[stream].as_mut(), |_| ()).unwrap();
        }
    }
    assert_eq!(at, wanted.len(), "every row of the recordings, once");
    println!("{at} rows of {} symbols in the order of a sort", symbols.len());
    drop(sources);
}
