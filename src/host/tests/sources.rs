//! Sources: Parquet rows as they are in real recordings and as they should not be.
//!
//! The recordings are not part of the project: they are looked for in `../shared/data` beside the checkout, or in the
//! folder that `BT_DATA_DIR` names, and the test says so when it skips.

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::{ArrayRef, Int8Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use bt_host::source::{Chunk, DecodeConfig, SourceError, SourceStats, parquet};
use btcore::wire::{Event, UNDEF_PRICE, flags, kind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One row as a source has it.
#[derive(Clone)]
struct Line {
    symbol: &'static str,
    kind: &'static str,
    ts: i64,
    ingest: i64,
    price: i64,
    volume: Option<i64>,
    bids: (Vec<i64>, Vec<i64>),
    asks: (Vec<i64>, Vec<i64>),
    side: i8,
}

const TS: i64 = 1_775_612_700_000_000_000;
const E6: i64 = 1_000_000;

fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Line {
    let split = |levels: &[(i64, i64)]| levels.iter().map(|(p, q)| (p * E6, *q)).unzip();
    Line {
        symbol: "A",
        kind: "BidAsk",
        ts: TS,
        ingest: TS,
        price: 0,
        volume: Some(0),
        bids: split(bids),
        asks: split(asks),
        side: 0,
    }
}

fn tick(price: i64, volume: i64, side: i8) -> Line {
    Line { kind: "Tick", price: price * E6, volume: Some(volume), side, ..book(&[], &[]) }
}

fn write(name: &str, lines: &[Line]) -> PathBuf {
    let lists = |of: &dyn Fn(&Line) -> Vec<i64>| {
        let mut builder = ListBuilder::new(Int64Builder::new());
        for line in lines {
            builder.values().append_slice(&of(line));
            builder.append(true);
        }
        Arc::new(builder.finish()) as ArrayRef
    };
    let ints = |of: &dyn Fn(&Line) -> i64| {
        Arc::new(Int64Array::from_iter_values(lines.iter().map(of))) as ArrayRef
    };
    let texts = |of: &dyn Fn(&Line) -> &'static str| {
        Arc::new(StringArray::from_iter_values(lines.iter().map(of))) as ArrayRef
    };
    // An order of columns of its own, and one that nobody asked for.
    let batch = RecordBatch::try_from_iter_with_nullable([
        (
            "side",
            Arc::new(Int8Array::from_iter_values(lines.iter().map(|l| l.side))) as ArrayRef,
            true,
        ),
        (
            "seq_no",
            Arc::new(UInt64Array::from_iter_values(1..=lines.len() as u64)) as ArrayRef,
            true,
        ),
        ("asks_vol", lists(&|l| l.asks.1.clone()), true),
        ("asks_price", lists(&|l| l.asks.0.clone()), true),
        ("bids_vol", lists(&|l| l.bids.1.clone()), true),
        ("bids_price", lists(&|l| l.bids.0.clone()), true),
        (
            "volume",
            Arc::new(Int64Array::from_iter(lines.iter().map(|l| l.volume))) as ArrayRef,
            true,
        ),
        ("price_scaled", ints(&|l| l.price), true),
        ("ingest_ts", ints(&|l| l.ingest), true),
        ("exch_ts", ints(&|l| l.ts), true),
        ("type", texts(&|l| l.kind), true),
        ("note", texts(&|_| "of no interest"), true),
        ("symbol", texts(&|l| l.symbol), true),
    ])
    .expect("the columns fit");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sources");
    std::fs::create_dir_all(&dir).expect("the scratch folder can be made");
    let path = dir.join(format!("{name}.parquet"));
    let file = std::fs::File::create(&path).expect("the file can be made");
    let mut writer =
        ::parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).expect("a writer");
    writer.write(&batch).expect("it can be written");
    writer.close().expect("it can be closed");
    path
}

fn recipe(symbol: &str) -> DecodeConfig {
    DecodeConfig {
        symbol: symbol.into(),
        instrument: 0,
        lot: 1,
        negative_prices: false,
        from_ns: 1,
        to_ns: i64::MAX,
        ts_grid_ns: 1,
        malformed_skip: false,
        chunk_rows: 1_000,
    }
}

/// Every row of every stream, chunk after chunk, with the counts of the streams.
fn read(
    files: &[PathBuf],
    recipe: &DecodeConfig,
) -> Result<(Chunk, Vec<SourceStats>), SourceError> {
    let (mut all, mut chunk) = (Chunk::default(), Chunk::default());
    let mut streams = parquet::open(files, std::slice::from_ref(recipe))?;
    for stream in &mut streams {
        while stream.next_chunk(&mut chunk)? {
            assert!(chunk.events.len() <= recipe.chunk_rows, "a chunk is bounded");
            all.events.append(&mut chunk.events);
            all.depths.append(&mut chunk.depths);
            all.seqs.append(&mut chunk.seqs);
        }
    }
    Ok((all, streams.iter().map(|stream| stream.stats().clone()).collect()))
}

#[test]
fn odd_but_real_rows_are_survived() {
    let lines = [
        book(&[(100, 3), (99, 4)], &[(101, 5)]),
        book(&[], &[]),
        book(&[(100, 3)], &[]),
        book(&[(0, 0), (0, 0)], &[(0, 0)]),
        book(&[(100, 5_000_000_000)], &[(101, 1)]),
        book(&[(999_999_999, 7), (100, 1)], &[(101, 1)]),
        tick(100, 2, 0),
        Line { ts: TS + 192, ingest: TS + 192, ..tick(100, 1, 1) },
        Line { ts: TS - 64, ingest: 0, ..tick(100, 1, -1) },
        Line { ts: TS + 400_000, ingest: TS - 5, ..tick(100, 1, -1) },
        Line { symbol: "B", ..tick(7, 1, 1) },
    ];
    let path = write("odd", &lines);
    let (rows, stats) =
        read(&[path], &DecodeConfig { ts_grid_ns: 1_000_000, ..recipe("A") }).expect("read");
    let event = |index: usize| -> &Event { &rows.events[index] };
    assert_eq!((rows.events.len(), rows.depths.len(), stats[0].rows_read), (10, 6, 11));
    assert_eq!((event(0).bid_price, event(0).bid_qty, event(0).ask_qty), (100 * E6, 3, 5));
    assert_eq!(
        (rows.depths[0].bid_levels, rows.depths[0].bid_price[0], rows.depths[0].bid_qty[0]),
        (2, 99 * E6, 4)
    );
    for index in [1, 3] {
        assert_eq!(
            (event(index).bid_price, rows.depths[index].bid_levels),
            (UNDEF_PRICE, 0),
            "row {index} is empty"
        );
    }
    assert_eq!((rows.depths[2].bid_levels, rows.depths[2].ask_levels), (1, 0), "one-sided");
    assert_eq!(
        (event(4).bid_qty, event(4).flags & flags::QTY_SATURATED),
        (u32::MAX, flags::QTY_SATURATED)
    );
    assert_eq!(
        (event(5).bid_price, event(5).flags),
        (100 * E6, flags::SENTINEL),
        "a word is not a price"
    );
    assert_eq!((event(6).kind, event(6).aggressor, event(6).trade_qty), (kind::TRADE, 0, 2));
    assert_eq!(
        (event(7).ts_exch_ns, event(7).ts_recv_ns, event(7).flags),
        (TS, TS, 0),
        "a float's error is mended"
    );
    assert_eq!(
        (event(8).ts_exch_ns, event(8).ts_recv_ns),
        (TS, btcore::wire::UNDEF_TIME),
        "no receive clock"
    );
    assert_eq!(
        (event(9).ts_exch_ns, event(9).flags),
        (TS + 400_000, flags::OFF_GRID),
        "its own stamp"
    );
    assert_eq!(rows.seqs, (1..=10).collect::<Vec<u64>>());
}

#[test]
fn malformed_rows_fail_by_name_or_are_skipped_and_counted() {
    let good = tick(100, 1, 1);
    let levels = |prices: &[i64], qtys: &[i64]| {
        (prices.iter().map(|p| p * E6).collect::<Vec<_>>(), qtys.to_vec())
    };
    let cases = [
        ("unequal arrays", "bids_vol", Line { bids: levels(&[100, 99], &[1]), ..book(&[], &[]) }),
        ("negative size", "asks_vol", Line { asks: levels(&[100], &[-1]), ..book(&[], &[]) }),
        (
            "unsorted levels",
            "bids_price",
            Line { bids: levels(&[99, 100], &[1, 1]), ..book(&[], &[]) },
        ),
        (
            "unsorted levels",
            "asks_price",
            Line { asks: levels(&[100, 100], &[1, 1]), ..book(&[], &[]) },
        ),
        ("trade quantity not above zero", "volume", tick(100, 0, 1)),
        ("trade beyond 32 bits", "volume", tick(100, 1 << 33, 1)),
        ("null", "volume", Line { volume: None, ..tick(100, 1, 1) }),
        ("unknown type", "type", Line { kind: "Quote", ..tick(100, 1, 1) }),
        ("unknown aggressor", "side", tick(100, 1, 2)),
        ("stamp not above zero", "exch_ts", Line { ts: 0, ..tick(100, 1, 1) }),
    ];
    for (index, (reason, column, line)) in cases.into_iter().enumerate() {
        let path = write(&format!("bad{index}"), &[good.clone(), good.clone(), line, good.clone()]);
        let error = read(std::slice::from_ref(&path), &recipe("A")).expect_err(reason).to_string();
        let place = format!("bad{index}.parquet, row 2, column `{column}`");
        assert!(error.contains(&place), "{reason}: no `{place}` in: {error}");
        let skip = DecodeConfig { malformed_skip: true, ..recipe("A") };
        let (rows, stats) = read(&[path], &skip).expect("it is skipped");
        assert_eq!(
            (rows.events.len(), stats[0].skipped.get(reason)),
            (3, Some(&1)),
            "{reason}: {stats:?}"
        );
        assert!(
            stats[0].skipped_first.as_ref().is_some_and(|first| first.contains(&place)),
            "{stats:?}"
        );
    }
    // Quantities in shares, lots of a thousand.
    let path = write("lots", &[tick(100, 3_000, 1), tick(100, 2_500, 1)]);
    let lots = DecodeConfig { lot: 1_000, ..recipe("A") };
    let error = read(std::slice::from_ref(&path), &lots).expect_err("half a lot").to_string();
    assert!(error.contains("2500 is not a whole number of lots of 1000"), "{error}");
}

#[test]
fn spans_chunks_and_chains_of_files_give_the_same_rows() {
    let at = |n: i64| Line { ts: TS + n, ingest: TS + n, ..tick(100, 1 + n, 1) };
    let first = write("first", &(0..500).map(at).collect::<Vec<_>>());
    let second = write("second", &(500..900).map(at).collect::<Vec<_>>());
    let overlapping = write("third", &(700..701).map(at).collect::<Vec<_>>());
    let whole = read(&[second.clone(), first.clone()], &recipe("A")).expect("read");
    assert_eq!(
        (whole.0.events.len(), whole.1.len()),
        (900, 1),
        "two days are one stream, in order of time"
    );
    assert!(whole.0.events.is_sorted_by_key(|e| e.ts_exch_ns));
    for chunk_rows in [1, 7, 1_000_000] {
        let config = DecodeConfig { chunk_rows, ..recipe("A") };
        let rows = read(&[first.clone(), second.clone()], &config).expect("read").0;
        assert!(
            rows.events == whole.0.events && rows.seqs == whole.0.seqs,
            "chunks of {chunk_rows}"
        );
    }
    let span = DecodeConfig { from_ns: TS + 10, to_ns: TS + 510, ..recipe("A") };
    assert_eq!(
        read(&[first.clone(), second.clone()], &span).expect("read").0.events.len(),
        500,
        "half-open"
    );
    assert_eq!(
        read(&[first, second, overlapping], &recipe("A")).expect("read").1.len(),
        2,
        "streams of their own"
    );
    assert!(
        read(&[write("other", &[tick(1, 1, 1)])], &recipe("Z")).expect("read").0.events.is_empty()
    );
}

#[test]
fn every_recording_is_read_whole() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("BT_DATA_DIR").map_or(beside, PathBuf::from);
    // File, its symbols, books and trades as its own documentation counts them.
    let sets: [(&str, &[&str], u64, u64); 12] = [
        ("taifex_txfd6_2026-04-08", &["TXFD6"], 169_388, 65_076),
        ("taifex_txfd6_2026-04-09", &["TXFD6"], 226_619, 62_369),
        ("taifex_txo35000q6_2026-04-17", &["TXO35000Q6"], 22_110, 315),
        ("taifex_txo35000q6_2026-04-28", &["TXO35000Q6"], 16_268, 440),
        ("twse_2330_l1", &["2330"], 129_042, 0),
        ("twse_dsp_sample", &["0050", "9958"], 40, 1),
        ("nasdaq_aapl_lobster_20120621", &["AAPL"], 58_062, 6_268),
        ("nasdaq_aapl_lobster_20120621_thr125", &["AAPL"], 13_073, 6_268),
        ("nasdaq_arl_20250717", &["ARL"], 2_399, 46),
        (
            "szse_snap_20220601",
            &["000400.SZ", "300122.SZ", "300288.SZ", "300274.SZ", "300918.SZ"],
            20_980,
            16_846,
        ),
        ("cffex_if_l1", &["IF2101"], 84_347, 65_337),
        ("binance_usdm_202408", &["BTCUSDT", "ETHUSDT"], 11_826, 35_389),
    ];
    if !dir.join("taifex_txfd6_2026-04-08.parquet").is_file() {
        println!("skipped: no recordings in ../shared/data");
        return;
    }
    for (name, symbols, books, trades) in sets {
        let path = dir.join(name).with_extension("parquet");
        let (mut found_books, mut found_trades) = (0, 0);
        for symbol in symbols {
            let (rows, _) = read(std::slice::from_ref(&path), &recipe(symbol)).expect(name);
            found_books += rows.events.iter().filter(|e| e.kind == kind::BOOK).count() as u64;
            found_trades += rows.events.iter().filter(|e| e.kind == kind::TRADE).count() as u64;
        }
        assert_eq!((found_books, found_trades), (books, trades), "{name}");
    }
}
