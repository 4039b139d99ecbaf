//! Parquet files to rows: every quirk and every fault of a row, columns in every legal form, files in chains, and the
//! recordings against a second, slow decoder.
//!
//! The recordings are not part of the project: they are looked for in `../shared/data` beside the checkout, or in
//! the folder that `BT_DATA_DIR` names, and the test says so when it skips.

mod source_support;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow_array::builder::{Int32Builder, LargeListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{
    ArrayRef, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::DataType;
use bt_host::source::{Chunk, DecodeConfig, RowSource, SourceError, SourceStats, parquet};
use btcore::wire::{UNDEF_PRICE, UNDEF_TIME, flags, kind};
use source_support::*;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn open_one(files: &[PathBuf], config: &DecodeConfig) -> Result<Box<dyn RowSource>, SourceError> {
    let mut streams = parquet::open(files, std::slice::from_ref(config))?;
    assert_eq!(streams.len(), 1, "one stream");
    Ok(streams.remove(0))
}

fn read(files: &[PathBuf], config: &DecodeConfig) -> Result<(Chunk, SourceStats), SourceError> {
    let mut source = open_one(files, config)?;
    let rows = drain(source.as_mut(), config.chunk_rows)?;
    Ok((rows, source.stats().clone()))
}

/// Writes rows, reads them back.
fn round(rows: &[Raw], config: &DecodeConfig) -> Result<(Chunk, SourceStats), SourceError> {
    let name = std::thread::current().name().unwrap_or("row").replace("::", "-");
    let scratch = Scratch::new(&name);
    read(&[scratch.write("rows.parquet", &batch(columns(rows)), 100)], config)
}

#[test]
fn books_and_trades_come_back_as_they_were() {
    let rows =
        [plain(0), trade(1, 101 * PX, 7, 1), trade(2, 99 * PX, 1, -1), trade(3, 99 * PX, 1, 0)];
    let (rows, stats) = round(&rows, &config("TXF")).unwrap();
    let [book, buy, sell, unknown] = rows.events.as_slice() else { panic!("four rows") };
    assert_eq!((book.kind, book.instrument, book.flags), (kind::BOOK, 3, 0));
    assert_eq!((book.ts_exch_ns, book.ts_recv_ns), (T0, T0));
    assert_eq!((book.bid_price, book.bid_qty, book.ask_price), (99 * PX, 1, 101 * PX));
    assert_eq!((book.trade_price, book.trade_qty), (UNDEF_PRICE, 0));
    let depth = rows.depths[0];
    assert_eq!((depth.bid_levels, depth.ask_levels), (5, 5));
    assert_eq!(depth.bid_price, [98 * PX, 97 * PX, 96 * PX, 95 * PX]);
    assert_eq!(depth.ask_qty, [2, 3, 4, 5]);
    assert_eq!((buy.trade_price, buy.trade_qty, buy.aggressor), (101 * PX, 7, 1));
    assert_eq!((buy.bid_price, buy.bid_qty), (UNDEF_PRICE, 0));
    assert_eq!((sell.aggressor, unknown.aggressor), (-1, 0));
    assert_eq!(rows.seqs, [1, 2, 3, 4]);
    assert_eq!((stats.rows_read, stats.rows_selected), (4, 4));
    assert_eq!((stats.skipped.len(), stats.books_cut), (0, 0));
}

#[test]
fn empty_sides_are_empty_lists_or_zeros() {
    let zeros = [(0, 0), (0, 0), (0, 0), (0, 0), (0, 0)];
    let one = [(99 * PX, 3), (0, 0), (0, 0), (0, 0), (0, 0)];
    let rows = [
        book(0, &[], &[]),
        book(1, &zeros, &zeros),
        book(2, &one, &[]),
        book(3, &[], &[(9 * PX, 1)]),
    ];
    let (rows, _) = round(&rows, &config("TXF")).unwrap();
    for n in 0..2 {
        let event = rows.events[n];
        assert_eq!((event.bid_price, event.ask_price), (UNDEF_PRICE, UNDEF_PRICE));
        assert_eq!((event.bid_qty, event.ask_qty, event.flags), (0, 0, 0));
        assert_eq!(rows.depths[n], btcore::wire::Depth::EMPTY);
    }
    assert_eq!((rows.events[2].bid_price, rows.events[2].ask_price), (99 * PX, UNDEF_PRICE));
    assert_eq!((rows.depths[2].bid_levels, rows.depths[2].ask_levels), (1, 0));
    assert_eq!((rows.depths[3].bid_levels, rows.depths[3].ask_levels), (0, 1));
    assert!(rows.events.iter().all(|event| event.flags == 0), "the feed sets the other flags");
}

#[test]
fn sentinels_are_flagged_unless_prices_can_be_negative() {
    let rows = [
        book(0, &[(999_999_999 * PX, 4), (99 * PX, 1)], &[(101 * PX, 1)]),
        book(1, &[(0, 4), (99 * PX, 1)], &[(-999_999_999 * PX, 2), (101 * PX, 1)]),
        book(2, &[(-2 * PX, 1), (-3 * PX, 1)], &[(0, 2), (PX, 1)]),
        trade(3, -PX, 1, 1),
    ];
    let (all, _) = round(&rows, &config("TXF")).unwrap();
    assert!(all.events.iter().all(|event| event.flags == flags::SENTINEL));
    assert_eq!((all.events[0].bid_price, all.depths[0].bid_levels), (99 * PX, 1));
    assert_eq!((all.events[3].trade_price, all.events[3].trade_qty), (-PX, 1));
    let spread = DecodeConfig { negative_prices: true, ..config("TXF") };
    let (all, _) = round(&rows[2..], &spread).unwrap();
    assert!(all.events.iter().all(|event| event.flags == 0));
    assert_eq!((all.events[0].bid_price, all.events[0].ask_price), (-2 * PX, 0));
}

#[test]
fn rows_behind_the_last_trading_day_are_named() {
    let rows = [plain(0), plain(1), plain(2)];
    let expired = DecodeConfig { expired_ns: T0 + 2 * MS, ..config("TXF") };
    assert_eq!(round(&rows[..2], &expired).unwrap().0.events.len(), 2);
    let error = round(&rows, &expired).expect_err("it trades no more").to_string();
    assert!(
        error.contains(
            "row 2, column `exch_ts`: the row lies behind the contract's last trading day"
        ),
        "{error}"
    );
    let skip = DecodeConfig { malformed_skip: true, ..expired };
    let (all, stats) = round(&rows, &skip).unwrap();
    assert_eq!((all.events.len(), stats.skipped["after the last trading day"]), (2, 1));
}

#[test]
fn sizes_saturate_where_shown_and_fail_where_traded() {
    let rows = [book(0, &[(99 * PX, 1 << 32)], &[(101 * PX, u32::MAX.into())])];
    let (all, _) = round(&rows, &config("TXF")).unwrap();
    assert_eq!((all.events[0].bid_qty, all.events[0].flags), (u32::MAX, flags::QTY_SATURATED));
    for malformed_skip in [false, true] {
        let rows = [plain(0), trade(1, 99 * PX, 1 << 32, 1)];
        let config = DecodeConfig { malformed_skip, ..config("TXF") };
        let error = round(&rows, &config).expect_err("an error under every policy").to_string();
        assert!(error.contains("row 1, column `volume`: a trade of 4294967296 lots"), "{error}");
    }
}

#[test]
fn books_beyond_five_levels_are_cut_and_counted() {
    let side: Vec<(i64, i64)> = (0..8).map(|n| ((101 + n) * PX, n + 1)).collect();
    let (all, stats) = round(&[book(0, &[], &side), plain(1)], &config("TXF")).unwrap();
    assert_eq!((all.depths[0].ask_levels, all.depths[0].ask_qty), (5, [2, 3, 4, 5]));
    assert_eq!((stats.books_cut, stats.rows_selected), (1, 2));
}

#[test]
fn quantities_are_rescaled_to_whole_lots() {
    let thousand = DecodeConfig { lot: 1_000, ..config("TXF") };
    let rows = [book(0, &[(99 * PX, 5_000)], &[]), trade(1, 99 * PX, 1 << 12 << 10 << 3, 0)];
    let error = round(&rows, &thousand).expect_err("not a whole number").to_string();
    assert!(error.contains("not a whole number of lots of 1000"), "{error}");
    let (all, _) = round(&rows[..1], &thousand).unwrap();
    assert_eq!(all.events[0].bid_qty, 5);
}

#[test]
fn stamps_snap_to_the_grid_and_the_span_asks_the_snapped_one() {
    let stamps =
        [T0 - 150, T0 + MS + 1_000, T0 + 2 * MS + 1_001, T0 + 3 * MS - 192, T0 + 4 * MS - 150];
    let row = |(n, &ts): (usize, &i64)| Raw {
        exch_ts: Some(ts),
        ingest_ts: Some(ts + i64::from(n == 3)),
        ..plain(n as i64)
    };
    let rows: Vec<Raw> = stamps.iter().enumerate().map(row).collect();
    let on_grid = DecodeConfig { ts_grid_ns: MS, from_ns: T0, to_ns: T0 + 4 * MS, ..config("TXF") };
    let (all, _) = round(&rows, &on_grid).unwrap();
    let found: Vec<i64> = all.events.iter().map(|event| event.ts_exch_ns - T0).collect();
    assert_eq!(found, [0, MS, 2 * MS + 1_001, 3 * MS], "the last one is at the span's end");
    let off: Vec<bool> = all.events.iter().map(|e| e.flags & flags::OFF_GRID != 0).collect();
    assert_eq!(off, [false, false, true, false]);
    assert_eq!(all.events[0].ts_recv_ns, T0, "a repeated stamp is snapped alike");
    assert_eq!(all.events[3].ts_recv_ns, T0 + 3 * MS - 191, "a clock of its own is not");
    assert_eq!(all.events[3].flags, 0, "that it lies behind is for the feed to say");
    let (all, _) = round(&rows, &config("TXF")).unwrap();
    assert_eq!(all.events[0].ts_exch_ns, T0 - 150, "without a grid stamps are exact");
}

#[test]
fn a_receive_clock_may_be_absent() {
    let rows = [Some(0), None, Some(T0 - 5), Some(T0 + 5)];
    let rows = rows.map(|ingest_ts| Raw { ingest_ts, ..plain(0) });
    let (all, _) = round(&rows, &config("TXF")).unwrap();
    let found: Vec<_> = all.events.iter().map(|e| (e.ts_recv_ns, e.flags)).collect();
    // The feed flags NO_RECV_CLOCK, and refuses a source that does.
    let expected = [(UNDEF_TIME, 0), (UNDEF_TIME, 0), (T0 - 5, 0), (T0 + 5, 0)];
    assert_eq!(found, expected);
}

/// Every fault of a row: what it is counted as, the column that is named, the row.
fn faults() -> Vec<(&'static str, &'static str, Raw)> {
    let nulls = |side: Levels| Raw { bids: side, ..plain(1) };
    let tick = || trade(1, 99 * PX, 1, 0);
    let asks = |levels: &[(i64, i64)]| book(1, &[], levels);
    let bids = |levels: &[(i64, i64)]| book(1, levels, &[]);
    vec![
        ("null", "symbol", Raw { symbol: None, ..plain(1) }),
        ("null", "type", Raw { kind: None, ..plain(1) }),
        ("null", "exch_ts", Raw { exch_ts: None, ..plain(1) }),
        ("null", "seq_no", Raw { seq: None, ..plain(1) }),
        ("null", "price_scaled", Raw { price: None, ..tick() }),
        ("null", "volume", Raw { volume: None, ..tick() }),
        ("null", "side", Raw { side: None, ..tick() }),
        ("null", "bids_price", nulls((None, Some(vec![])))),
        ("null", "bids_vol", nulls((Some(vec![]), None))),
        ("null", "bids_price", nulls((Some(vec![None]), Some(vec![Some(1)])))),
        ("null", "bids_vol", nulls((Some(vec![Some(PX)]), Some(vec![None])))),
        ("unequal arrays", "bids_vol", nulls((Some(vec![Some(PX)]), Some(vec![])))),
        ("negative size", "bids_vol", bids(&[(99 * PX, -1)])),
        ("negative size", "asks_vol", asks(&[(99 * PX, 1), (101 * PX, i64::MIN)])),
        ("unsorted levels", "bids_price", bids(&[(99 * PX, 1), (100 * PX, 1)])),
        ("unsorted levels", "asks_price", asks(&[(99 * PX, 1), (98 * PX, 1)])),
        ("unsorted levels", "bids_price", bids(&[(99 * PX, 1), (99 * PX, 1)])),
        ("unsorted levels", "asks_price", asks(&[(99 * PX, 1), (99 * PX, 1)])),
        ("trade quantity not above zero", "volume", trade(1, 99 * PX, 0, 0)),
        ("trade quantity not above zero", "volume", trade(1, 99 * PX, -4, 0)),
        ("no trade price", "price_scaled", trade(1, i64::MAX, 4, 0)),
        ("unknown aggressor", "side", trade(1, 99 * PX, 1, 2)),
        ("unknown type", "type", Raw { kind: Some("Trade".into()), ..plain(1) }),
        ("stamp not above zero", "exch_ts", Raw { exch_ts: Some(0), ..plain(1) }),
        ("stamp not above zero", "exch_ts", Raw { exch_ts: Some(-T0), ..plain(1) }),
    ]
}

#[test]
fn every_fault_names_its_place_or_is_skipped_and_counted() {
    for (reason, column, fault) in faults() {
        let rows = [plain(0), plain(1), fault.clone(), trade(3, 99 * PX, 1, 1)];
        let error = round(&rows, &config("TXF")).err().unwrap_or_else(|| panic!("{fault:?}"));
        assert_eq!(error.exit_code(), 5);
        let text = error.to_string();
        let place = format!("rows.parquet, row 2, column `{column}`: ");
        assert!(text.contains(&place), "{reason}: {text}");
        let skip = DecodeConfig { malformed_skip: true, ..config("TXF") };
        let (all, stats) = round(&[rows.as_slice(), &[fault]].concat(), &skip).unwrap();
        assert_eq!((all.events.len(), all.depths.len()), (3, 2), "{reason}");
        assert_eq!((stats.rows_read, stats.rows_selected), (5, 3), "{reason}");
        assert_eq!(stats.skipped, BTreeMap::from([(reason.to_owned(), 2)]));
        assert!(stats.skipped_first[reason].contains(&place), "{:?}", stats.skipped_first);
    }
}

#[test]
fn a_fault_keeps_its_row_number_where_others_are_filtered_out() {
    let mut rows: Vec<Raw> = (0..250).map(plain).collect();
    for (n, row) in rows.iter_mut().enumerate() {
        if n % 3 != 0 {
            row.symbol = Some("MXF".into());
        }
    }
    rows[240].volume = Some(0);
    rows[240].kind = Some("Tick".into());
    let error = round(&rows, &config("TXF")).expect_err("a fault").to_string();
    assert!(error.contains("row 240, column `volume`"), "{error}");
    let (all, stats) = round(&rows, &config("MXF")).unwrap();
    assert_eq!((all.events.len(), stats.rows_read), (166, 250));
    let narrow = DecodeConfig { from_ns: T0 + 90 * MS, to_ns: T0 + 120 * MS, ..config("TXF") };
    let (all, stats) = round(&rows, &narrow).unwrap();
    assert_eq!((all.events.len(), all.events[0].ts_exch_ns), (10, T0 + 90 * MS));
    assert_eq!(stats.rows_read, 200, "the third group's statistics exclude it");
}

fn replaced(name: &'static str, array: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let mut all = columns(&[plain(0), plain(1)]);
    all.iter_mut().filter(|column| column.0 == name).for_each(|column| column.1 = array.clone());
    all
}

#[test]
fn a_missing_or_wrong_column_is_named() {
    let scratch = Scratch::new("columns");
    let names = columns(&[]).into_iter().map(|(name, _)| name).filter(|name| *name != "exchange");
    for name in names {
        let mut without = columns(&[plain(0)]);
        without.retain(|column| column.0 != name);
        let file = scratch.write("lacks.parquet", &batch(without), 100);
        let error = parquet::open(&[file], &[config("TXF")]).err().expect("a fault").to_string();
        let named = if name == "side" { "trade_direction" } else { name };
        assert!(error.contains(&format!("lacks.parquet: column `{named}`: is missing")), "{error}");

        let wrong: ArrayRef = match name {
            "symbol" | "type" => Arc::new(Int64Array::from(vec![1, 2])),
            _ => Arc::new(StringArray::from(vec!["1", "2"])),
        };
        let file = scratch.write("wrong.parquet", &batch(replaced(name, wrong)), 100);
        let error = parquet::open(&[file], &[config("TXF")]).err().expect("a fault").to_string();
        let place = format!("wrong.parquet: column `{name}`: is ");
        assert!(error.contains(&place) && error.contains("is needed"), "{error}");
    }
}

#[test]
fn columns_come_in_many_forms() {
    let scratch = Scratch::new("forms");
    let rows = [plain(0), trade(1, 99 * PX, 2, -1)];
    let (plain, _) =
        read(&[scratch.write("plain.parquet", &batch(columns(&rows)), 100)], &config("TXF"))
            .unwrap();
    let texts = [
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::LargeBinary,
        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
    ];
    for text in texts {
        let mut other = columns(&rows);
        // In another order, and with a column that nobody asks for.
        other.reverse();
        other.push(("strike_scaled", Arc::new(Int64Array::from(vec![5, 6]))));
        for (name, array) in &mut other {
            let wanted = match *name {
                "symbol" | "type" => text.clone(),
                "volume" => DataType::Int32,
                "side" => DataType::Int64,
                "seq_no" => DataType::Int64,
                "ingest_ts" => DataType::UInt64,
                _ => continue,
            };
            *array = arrow_cast::cast(array, &wanted).unwrap();
        }
        let mut sizes = LargeListBuilder::new(Int32Builder::new());
        let bids = columns(&rows).remove(8).1;
        for row in 0..2 {
            let values = bids.as_list::<i32>().value(row);
            let values = values.as_primitive::<Int64Type>().values().to_vec();
            values.iter().for_each(|&v| sizes.values().append_value(v as i32));
            sizes.append(true);
        }
        let sizes: ArrayRef = Arc::new(sizes.finish());
        other.iter_mut().filter(|c| c.0 == "bids_vol").for_each(|c| c.1 = sizes.clone());
        let file = scratch.write("other.parquet", &batch(other), 100);
        let (found, _) = read(&[file], &config("TXF")).unwrap();
        assert_same(&found, &plain, &format!("{text}"));
    }
}

#[test]
fn trade_direction_counts_before_side() {
    let scratch = Scratch::new("direction");
    let mut all = columns(&[trade(0, 99 * PX, 1, 1)]);
    all.push(("trade_direction", Arc::new(Int16Array::from(vec![-1]))));
    let file = scratch.write("both.parquet", &batch(all), 100);
    assert_eq!(read(&[file], &config("TXF")).unwrap().0.events[0].aggressor, -1);
    let mut all = columns(&[trade(0, 99 * PX, 1, 1)]);
    all.retain(|column| column.0 != "side");
    all.push(("trade_direction", Arc::new(Int32Array::from(vec![300]))));
    let file = scratch.write("direction.parquet", &batch(all), 100);
    let error = read(&[file], &config("TXF")).expect_err("a fault").to_string();
    assert!(error.contains("row 0, column `trade_direction`: 300 is none of"), "{error}");
}

#[test]
fn a_value_that_does_not_fit_names_its_row() {
    let scratch = Scratch::new("fit");
    let stamps: ArrayRef = Arc::new(UInt64Array::from(vec![T0 as u64, u64::MAX]));
    let file = scratch.write("rows.parquet", &batch(replaced("exch_ts", stamps)), 100);
    let error = read(std::slice::from_ref(&file), &config("TXF")).expect_err("a fault").to_string();
    assert!(error.contains("row 1, column `exch_ts`"), "{error}");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let scratch = Scratch::new("files");
    let missing = scratch.0.join("missing.parquet");
    let text = scratch.0.join("text.parquet");
    std::fs::write(&text, "symbol,exchange").unwrap();
    let whole = scratch.write("whole.parquet", &batch(columns(&[plain(0), plain(1)])), 100);
    let bytes = std::fs::read(&whole).unwrap();
    let cut = scratch.0.join("cut.parquet");
    std::fs::write(&cut, &bytes[..bytes.len() - 100]).unwrap();
    let empty = scratch.0.join("empty.parquet");
    std::fs::write(&empty, "").unwrap();
    for path in [missing, text, cut, empty] {
        let error = parquet::open(std::slice::from_ref(&path), &[config("TXF")]).err();
        let error = error.expect("an error");
        assert_eq!(error.exit_code(), 74);
        let error = error.to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
    }
    // The footer promises pages that are damaged.
    let mut damaged = bytes;
    let half = damaged.len() / 4;
    damaged[4..half].fill(0xFF);
    let path = scratch.0.join("damaged.parquet");
    std::fs::write(&path, damaged).unwrap();
    let error = read(std::slice::from_ref(&path), &config("TXF")).expect_err("an error");
    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
}

#[test]
fn daily_files_are_one_stream_and_overlapping_ones_are_more() {
    let scratch = Scratch::new("chains");
    let day = |name: &str, from: i64| {
        let rows: Vec<Raw> = (from..from + 100).map(plain).collect();
        scratch.write(name, &batch(columns(&rows)), 30)
    };
    let files = [day("c.parquet", 200), day("a.parquet", 0), day("b.parquet", 100)];
    let whole = open_one(&files, &config("TXF")).unwrap();
    assert_eq!(whole.rows_total_hint(), Some(300));
    let (all, _) = read(&files, &config("TXF")).unwrap();
    assert!(all.seqs.is_sorted() && all.seqs.len() == 300);
    // A removed file of a chain is missed when its turn comes, not before.
    let mut chain = open_one(&files, &config("TXF")).unwrap();
    std::fs::remove_file(&files[2]).unwrap();
    let mut chunk = Chunk::default();
    let error = loop {
        match chain.next_chunk(&mut chunk) {
            Ok(true) => {}
            Ok(false) => panic!("the end is not proved"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("b.parquet"), "{error}");
    let overlap = [files[1].clone(), day("d.parquet", 99)];
    assert_eq!(parquet::open(&overlap, &[config("TXF")]).unwrap().len(), 2);
    let two = [config("TXF"), config("MXF")];
    let streams = parquet::open(&overlap[..1], &two).unwrap();
    assert_eq!(streams.len(), 1, "statistics exclude the other symbol");
    let narrow = DecodeConfig { from_ns: T0 + 65 * MS, to_ns: T0 + 70 * MS, ..config("TXF") };
    let (all, stats) = read(&overlap[..1], &narrow).unwrap();
    assert_eq!((all.events.len(), stats.rows_read), (5, 30), "three groups of four are not read");
    let never = DecodeConfig { from_ns: 1, to_ns: 2, ..config("TXF") };
    assert_eq!(read(&overlap, &never).unwrap().0.events.len(), 0);
}

#[test]
fn random_rows_agree_with_the_twin_in_every_chunk_size() {
    let scratch = Scratch::new("random");
    for seed in 0..12 {
        let mut draws = Draws(seed);
        let rows: Vec<Raw> = (0..4_000).map(|n| draws.row(n)).collect();
        let all = batch(columns(&rows));
        let file = scratch.write("random.parquet", &all, 700);
        for (symbol, grid) in [("TXF", 1), ("TXF", MS), ("MXF", MS)] {
            let base = DecodeConfig {
                ts_grid_ns: grid,
                malformed_skip: true,
                from_ns: T0 + 100 * MS,
                to_ns: T0 + 1_200 * MS,
                negative_prices: seed % 2 == 0,
                ..config(symbol)
            };
            let mut skipped = BTreeMap::new();
            let expected = twin(&all, &base, &mut skipped);
            assert!(expected.events.len() > 300 && skipped.len() > 5, "seed {seed}: {skipped:?}");
            for chunk_rows in [1, 7, 1_000, 1_000_000] {
                let config = DecodeConfig { chunk_rows, ..base.clone() };
                let what = format!("seed {seed}, {symbol}, grid {grid}, chunks of {chunk_rows}");
                let (found, stats) = read(std::slice::from_ref(&file), &config).unwrap();
                assert_same(&found, &expected, &what);
                assert_eq!(stats.skipped, skipped, "{what}");
                assert_eq!(stats.rows_selected, expected.events.len() as u64, "{what}");
            }
        }
    }
}

/// Books and trades of every recording at the top level, as its own description counts them.
const RECORDINGS: [(&str, usize, usize); 12] = [
    ("binance_usdm_202408", 11_826, 35_389),
    ("cffex_if_l1", 84_347, 65_337),
    ("nasdaq_aapl_lobster_20120621", 58_062, 6_268),
    ("nasdaq_aapl_lobster_20120621_thr125", 13_073, 6_268),
    ("nasdaq_arl_20250717", 2_399, 46),
    ("szse_snap_20220601", 20_980, 16_846),
    ("taifex_txfd6_2026-04-08", 169_388, 65_076),
    ("taifex_txfd6_2026-04-09", 226_619, 62_369),
    ("taifex_txo35000q6_2026-04-17", 22_110, 315),
    ("taifex_txo35000q6_2026-04-28", 16_268, 440),
    ("twse_2330_l1", 129_042, 0),
    ("twse_dsp_sample", 40, 1),
];

fn recordings() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let dir = std::env::var_os("BT_DATA_DIR").map_or(beside, PathBuf::from);
    dir.join("twse_dsp_sample.parquet").is_file().then_some(dir)
}

fn batches(file: &Path) -> Vec<RecordBatch> {
    let file = File::open(file).expect("the recording opens");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("it is Parquet");
    reader.build().expect("it can be read").map(|batch| batch.expect("a batch")).collect()
}

#[test]
fn recordings_have_their_counts_and_agree_with_the_twin() {
    let Some(dir) = recordings() else {
        println!("skipped: recordings not found in ../shared/data");
        return;
    };
    for (name, books, trades) in RECORDINGS {
        let file = dir.join(format!("{name}.parquet"));
        let batches = batches(&file);
        let symbols: std::collections::BTreeSet<String> = batches
            .iter()
            .flat_map(|batch| batch.column_by_name("symbol").unwrap().as_string::<i32>().iter())
            .map(|symbol| symbol.expect("a symbol").to_owned())
            .collect();
        let (mut found_books, mut found_trades) = (0, 0);
        for symbol in &symbols {
            let grid = if name.starts_with("taifex") { MS } else { 1 };
            let base = DecodeConfig { ts_grid_ns: grid, ..config(symbol) };
            let mut skipped = BTreeMap::new();
            let mut expected = Chunk::default();
            for batch in &batches {
                let mut part = twin(batch, &base, &mut skipped);
                expected.events.append(&mut part.events);
                expected.depths.append(&mut part.depths);
                expected.seqs.append(&mut part.seqs);
            }
            for chunk_rows in [1_000, 65_536] {
                let config = DecodeConfig { chunk_rows, ..base.clone() };
                let (all, stats) = read(std::slice::from_ref(&file), &config).unwrap();
                assert_same(&all, &expected, name);
                assert_eq!((&stats.skipped, stats.books_cut), (&skipped, 0), "{name}");
                assert_eq!(stats.rows_read, (books + trades) as u64, "{name}");
            }
            let off = expected.events.iter().filter(|e| e.flags & flags::OFF_GRID != 0).count();
            assert_eq!(off, 0, "{name}: TAIFEX stamps lie on the millisecond after rounding");
            found_books += expected.depths.len();
            found_trades += expected.events.len() - expected.depths.len();
        }
        assert_eq!((found_books, found_trades), (books, trades), "{name}");
    }
}
