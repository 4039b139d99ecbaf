//! Rows, files and a second decoder for the tests of the sources.
//!
//! Invariants: the twin reads one value at a time through arrow's dynamic accessors and follows the documented rules,
//! not the code; it knows no buffers, no offsets and no fast paths. Random rows are a function of their seed.

#![allow(dead_code, reason = "each test program uses a part of it")]

use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Int8Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use bt_host::source::ipc::ROWS_KEY;
use bt_host::source::{Chunk, DecodeConfig, RowSource, SourceError};
use btcore::wire::{Depth, Event, UNDEF_PRICE, UNDEF_TIME, flags, kind};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// 2026-04-08 00:45 UTC.
pub const T0: i64 = 1_775_609_100_000_000_000;
pub const MS: i64 = 1_000_000;
pub const PX: i64 = 1_000_000;

/// One side of a book, nulls included: prices and sizes.
pub type Levels = (Option<Vec<Option<i64>>>, Option<Vec<Option<i64>>>);

/// A row before it is written.
#[derive(Clone, Debug)]
pub struct Raw {
    pub symbol: Option<String>,
    pub kind: Option<String>,
    pub exch_ts: Option<i64>,
    pub ingest_ts: Option<i64>,
    pub price: Option<i64>,
    pub volume: Option<i64>,
    pub bids: Levels,
    pub asks: Levels,
    pub seq: Option<u64>,
    pub side: Option<i8>,
}

pub fn levels(of: &[(i64, i64)]) -> Levels {
    let prices = of.iter().map(|level| Some(level.0)).collect();
    (Some(prices), Some(of.iter().map(|level| Some(level.1)).collect()))
}

pub fn book(n: i64, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Raw {
    Raw {
        symbol: Some("TXF".into()),
        kind: Some("BidAsk".into()),
        exch_ts: Some(T0 + n * MS),
        ingest_ts: Some(T0 + n * MS),
        price: Some(0),
        volume: Some(0),
        bids: levels(bids),
        asks: levels(asks),
        seq: Some(n as u64 + 1),
        side: Some(0),
    }
}

pub fn trade(n: i64, price: i64, volume: i64, side: i8) -> Raw {
    let kind = Some("Tick".into());
    Raw { kind, price: Some(price), volume: Some(volume), side: Some(side), ..book(n, &[], &[]) }
}

/// A full, ordinary book.
pub fn plain(n: i64) -> Raw {
    let side = |step: i64| -> Vec<(i64, i64)> {
        (0..5).map(|i| ((100 + step * (i + 1)) * PX, i + n % 7 + 1)).collect()
    };
    book(n, &side(-1), &side(1))
}

fn list(rows: &[Raw], of: impl Fn(&Raw) -> Option<Vec<Option<i64>>>) -> ArrayRef {
    let mut builder = ListBuilder::new(Int64Builder::new());
    for row in rows {
        match of(row) {
            Some(values) => {
                values.into_iter().for_each(|value| builder.values().append_option(value));
                builder.append(true);
            }
            None => builder.append(false),
        }
    }
    Arc::new(builder.finish())
}

/// The columns of the schema, by name.
pub fn columns(rows: &[Raw]) -> Vec<(&'static str, ArrayRef)> {
    let int = |of: &dyn Fn(&Raw) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<Int64Array>())
    };
    vec![
        ("symbol", Arc::new(rows.iter().map(|r| r.symbol.clone()).collect::<StringArray>())),
        ("exchange", Arc::new(rows.iter().map(|_| Some("TAIFEX")).collect::<StringArray>())),
        ("type", Arc::new(rows.iter().map(|r| r.kind.clone()).collect::<StringArray>())),
        ("exch_ts", int(&|r| r.exch_ts)),
        ("ingest_ts", int(&|r| r.ingest_ts)),
        ("price_scaled", int(&|r| r.price)),
        ("volume", int(&|r| r.volume)),
        ("bids_price", list(rows, |r| r.bids.0.clone())),
        ("bids_vol", list(rows, |r| r.bids.1.clone())),
        ("asks_price", list(rows, |r| r.asks.0.clone())),
        ("asks_vol", list(rows, |r| r.asks.1.clone())),
        ("seq_no", Arc::new(rows.iter().map(|r| r.seq).collect::<UInt64Array>())),
        ("side", Arc::new(rows.iter().map(|r| r.side).collect::<Int8Array>())),
    ]
}

pub fn batch(columns: Vec<(&'static str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .expect("the columns fit together")
}

/// A scratch folder of a test, removed when it is over.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        let name = format!("source-{name}-{}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("the scratch folder can be made");
        Scratch(path)
    }

    pub fn write(&self, name: &str, batch: &RecordBatch, group_rows: usize) -> PathBuf {
        let path = self.0.join(name);
        let properties =
            WriterProperties::builder().set_max_row_group_row_count(Some(group_rows)).build();
        let file = File::create(&path).expect("the file can be made");
        let mut writer =
            ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
        writer.write(batch).expect("the batch can be written");
        writer.close().expect("the file can be finished");
        path
    }

    /// Writes batches of so many rows; `rows_told` is what the footer says.
    pub fn write_arrow(
        &self,
        name: &str,
        all: &RecordBatch,
        rows: usize,
        rows_told: Option<u64>,
    ) -> PathBuf {
        let path = self.0.join(name);
        let options = IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD));
        let file = File::create(&path).expect("the file can be made");
        let mut writer =
            FileWriter::try_new_with_options(file, &all.schema(), options.expect("zstd is there"))
                .expect("a writer");
        let mut from = 0;
        while from < all.num_rows() {
            let count = rows.min(all.num_rows() - from);
            writer.write(&all.slice(from, count)).expect("the batch can be written");
            from += count;
        }
        if let Some(told) = rows_told {
            writer.write_metadata(ROWS_KEY, told.to_string());
        }
        writer.finish().expect("the file can be finished");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left-over files of a test that failed harm nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub fn config(symbol: &str) -> DecodeConfig {
    DecodeConfig {
        symbol: symbol.into(),
        instrument: 3,
        lot: 1,
        negative_prices: false,
        from_ns: 0,
        to_ns: i64::MAX,
        gaps_ns: [].into(),
        expired_ns: i64::MAX,
        ts_grid_ns: 1,
        malformed_skip: false,
        shape: Default::default(),
        chunk_rows: 65_536,
    }
}

/// Reads a source to its end, holding every chunk to its size.
pub fn drain(source: &mut dyn RowSource, chunk_rows: usize) -> Result<Chunk, SourceError> {
    let (mut all, mut chunk) = (Chunk::default(), Chunk::default());
    while source.next_chunk(&mut chunk)? {
        assert!(!chunk.events.is_empty() && chunk.events.len() <= chunk_rows);
        let books = chunk.events.iter().filter(|event| event.kind == kind::BOOK).count();
        assert_eq!((chunk.depths.len(), chunk.seqs.len()), (books, chunk.events.len()));
        all.events.append(&mut chunk.events);
        all.depths.append(&mut chunk.depths);
        all.seqs.append(&mut chunk.seqs);
    }
    assert!(!source.next_chunk(&mut chunk)?, "the end stays the end");
    Ok(all)
}

pub fn assert_same(a: &Chunk, b: &Chunk, what: &str) {
    assert_eq!((a.events.len(), a.depths.len()), (b.events.len(), b.depths.len()), "{what}");
    for (row, (a, b)) in a.events.iter().zip(&b.events).enumerate() {
        assert_eq!(a, b, "{what}: event {row}");
    }
    assert!(a.depths == b.depths, "{what}: depths");
    assert!(a.seqs == b.seqs, "{what}: sequence numbers");
}

/// A generator of test rows: splitmix64.
pub struct Draws(pub u64);

impl Draws {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % n
    }

    fn side(&mut self, step: i64) -> Levels {
        let odd = |d: &mut Self| d.below(150) == 0;
        let mut price = (100 + step) * PX;
        let mut side = (Vec::new(), Vec::new());
        for _ in 0..self.below(7) {
            price += if odd(self) { 0 } else { step * PX * (1 + self.below(3) as i64) };
            let special = [0, -5 * PX, 999_999_999 * PX, -999_999_999 * PX, i64::MAX, i64::MIN];
            let shown = if odd(self) { special[self.below(6) as usize] } else { price };
            let sizes = [0, -1, 1 << 33, i64::MIN, i64::MAX, u32::MAX.into()];
            let size =
                if odd(self) { sizes[self.below(6) as usize] } else { self.below(50) as i64 + 1 };
            side.0.push((!odd(self)).then_some(shown));
            side.1.push((!odd(self)).then_some(size));
        }
        if odd(self) {
            side.1.pop();
        }
        let (no_price, no_size) = (odd(self) && odd(self), odd(self) && odd(self));
        ((!no_price).then_some(side.0), (!no_size).then_some(side.1))
    }

    /// A row with the oddities that recordings have, and some that they had better not have.
    pub fn row(&mut self, n: i64) -> Raw {
        let odd = |d: &mut Self| d.below(60) == 0;
        let ts = T0 + n / 3 * MS + [0, 120, -150, 999, 1_000, 1_001][self.below(6) as usize];
        let mut row = match self.below(4) {
            0 => trade(n, (90 + self.below(20) as i64) * PX, 1 + self.below(9) as i64, 0),
            _ => Raw { bids: self.side(-1), asks: self.side(1), ..book(n, &[], &[]) },
        };
        let words = ["BidAsk", "Snapshot", "Tick", "Trade", ""];
        if odd(self) {
            row.kind = Some(words[self.below(5) as usize].into());
        }
        row.exch_ts = Some(if odd(self) { [0, -1, i64::MAX][self.below(3) as usize] } else { ts });
        row.ingest_ts =
            [Some(ts), Some(ts + 777), Some(ts - 5), Some(0), None][self.below(5) as usize];
        row.side = Some(if odd(self) { 2 } else { self.below(3) as i8 - 1 });
        if odd(self) {
            row.volume = Some([0, -3, 10, u32::MAX.into()][self.below(4) as usize]);
            row.price = Some([0, -PX, 999_999_999 * PX, i64::MAX][self.below(4) as usize]);
        }
        match self.below(400) {
            0 => row.symbol = None,
            1 => row.kind = None,
            2 => row.exch_ts = None,
            3 => row.price = None,
            4 => row.volume = None,
            5 => row.seq = None,
            6 => row.side = None,
            _ => {}
        }
        if self.below(5) == 0 {
            row.symbol = Some("MXF".into());
        }
        row
    }
}

/// What the twin says about one row: not of this stream, given on, or malformed for a reason.
pub enum Verdict {
    Other,
    Row(Box<Done>),
    Bad(&'static str),
}

fn at<T: arrow_array::types::ArrowPrimitiveType>(
    batch: &RecordBatch,
    name: &str,
    row: usize,
) -> Option<T::Native> {
    let array = batch.column_by_name(name).expect("the column is there");
    array.is_valid(row).then(|| array.as_primitive::<T>().value(row))
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> Option<String> {
    let array = batch.column_by_name(name).expect("the column is there");
    array.is_valid(row).then(|| array.as_string::<i32>().value(row).to_owned())
}

fn cells(batch: &RecordBatch, name: &str, row: usize) -> Option<Vec<Option<i64>>> {
    let array = batch.column_by_name(name).expect("the column is there");
    let list = array.as_list::<i32>();
    list.is_valid(row).then(|| list.value(row).as_primitive::<Int64Type>().iter().collect())
}

fn is_word(price: i64, config: &DecodeConfig) -> bool {
    !(-999_999_999 * PX + 1..999_999_999 * PX).contains(&price)
        || (!config.negative_prices && price <= 0)
}

/// The shown levels of a side, whether one is a sentinel's, and whether a size was too large.
type Shown = (Vec<(i64, u32)>, bool, bool);

fn twin_side(
    batch: &RecordBatch,
    names: [&str; 2],
    row: usize,
    sign: i128,
    config: &DecodeConfig,
) -> Result<Shown, &'static str> {
    let prices = cells(batch, names[0], row).ok_or("null")?;
    let sizes = cells(batch, names[1], row).ok_or("null")?;
    let prices: Vec<i64> = prices.into_iter().collect::<Option<_>>().ok_or("null")?;
    let sizes: Vec<i64> = sizes.into_iter().collect::<Option<_>>().ok_or("null")?;
    if prices.len() != sizes.len() {
        return Err("unequal arrays");
    }
    let (mut shown, mut has_word, mut is_large) = (Vec::new(), false, false);
    for (&price, &size) in prices.iter().zip(&sizes) {
        if size < 0 {
            return Err("negative size");
        }
        if size == 0 {
            continue;
        }
        if is_word(price, config) {
            has_word = true;
            continue;
        }
        if let Some(&(better, _)) = shown.last()
            && (i128::from(price) - i128::from(better)) * sign <= 0
        {
            return Err("unsorted levels");
        }
        if size % config.lot as i64 != 0 {
            return Err("broken lot");
        }
        let size = size / config.lot as i64;
        is_large |= shown.len() < 5 && size > u32::MAX.into();
        shown.push((price, u32::try_from(size).unwrap_or(u32::MAX)));
    }
    Ok((shown, has_word, is_large))
}

/// The rules of the sources, read row by row.
pub fn twin_row(batch: &RecordBatch, row: usize, config: &DecodeConfig) -> Verdict {
    match twin_checked(batch, row, config) {
        Ok(Some(done)) => Verdict::Row(Box::new(done)),
        Ok(None) => Verdict::Other,
        Err(reason) => Verdict::Bad(reason),
    }
}

/// A row, its depth if it is a book, and its sequence number.
type Done = (Event, Option<Depth>, u64);

fn twin_checked(
    batch: &RecordBatch,
    row: usize,
    config: &DecodeConfig,
) -> Result<Option<Done>, &'static str> {
    if text(batch, "symbol", row).ok_or("null")? != config.symbol {
        return Ok(None);
    }
    let recorded = at::<Int64Type>(batch, "exch_ts", row).ok_or("null")?;
    if recorded <= 0 {
        return Err("stamp not above zero");
    }
    let mut event = Event { instrument: config.instrument, ts_exch_ns: recorded, ..Event::EMPTY };
    let grid = i128::from(config.ts_grid_ns);
    if grid > 1 {
        // The nearest grid point, a half going down.
        let nearest = (2 * i128::from(recorded) + grid - 1).div_euclid(2 * grid) * grid;
        match i64::try_from(nearest) {
            Ok(near) if near.abs_diff(recorded) <= 1_000 => event.ts_exch_ns = near,
            _ => event.flags |= flags::OFF_GRID,
        }
    }
    if event.ts_exch_ns < config.from_ns || event.ts_exch_ns >= config.to_ns {
        return Ok(None);
    }
    let ingest = at::<Int64Type>(batch, "ingest_ts", row).filter(|&ts| ts != 0);
    event.ts_recv_ns =
        ingest.map_or(UNDEF_TIME, |ts| if ts == recorded { event.ts_exch_ns } else { ts });
    let kind = text(batch, "type", row).ok_or("null")?;
    let seq = at::<UInt64Type>(batch, "seq_no", row).ok_or("null")?;
    if kind == "Tick" {
        event.kind = kind::TRADE;
        event.trade_price = at::<Int64Type>(batch, "price_scaled", row).ok_or("null")?;
        if event.trade_price == i64::MAX {
            return Err("no trade price");
        }
        if is_word(event.trade_price, config) {
            event.flags |= flags::SENTINEL;
        }
        let volume = at::<Int64Type>(batch, "volume", row).ok_or("null")?;
        if volume <= 0 {
            return Err("trade quantity not above zero");
        }
        if volume % config.lot as i64 != 0 {
            return Err("broken lot");
        }
        event.trade_qty = u32::try_from(volume / config.lot as i64).map_err(|_| "too large")?;
        event.aggressor = at::<Int8Type>(batch, "side", row).ok_or("null")?;
        if ![-1, 0, 1].contains(&event.aggressor) {
            return Err("unknown aggressor");
        }
        return Ok(Some((event, None, seq)));
    }
    if kind != "BidAsk" && kind != "Snapshot" {
        return Err("unknown type");
    }
    event.kind = kind::BOOK;
    let bids = twin_side(batch, ["bids_price", "bids_vol"], row, -1, config)?;
    let asks = twin_side(batch, ["asks_price", "asks_vol"], row, 1, config)?;
    event.flags |= if bids.1 || asks.1 { flags::SENTINEL } else { 0 };
    event.flags |= if bids.2 || asks.2 { flags::QTY_SATURATED } else { 0 };
    let level = |side: &Shown, n: usize| side.0.get(n).copied().unwrap_or((UNDEF_PRICE, 0));
    (event.bid_price, event.bid_qty) = level(&bids, 0);
    (event.ask_price, event.ask_qty) = level(&asks, 0);
    let mut depth = Depth::EMPTY;
    depth.bid_levels = bids.0.len().min(5) as u8;
    depth.ask_levels = asks.0.len().min(5) as u8;
    for n in 1..5 {
        (depth.bid_price[n - 1], depth.bid_qty[n - 1]) = level(&bids, n);
        (depth.ask_price[n - 1], depth.ask_qty[n - 1]) = level(&asks, n);
    }
    Ok(Some((event, Some(depth), seq)))
}

/// Decodes a batch by the twin; counts malformed rows by reason.
pub fn twin(
    batch: &RecordBatch,
    config: &DecodeConfig,
    skipped: &mut std::collections::BTreeMap<String, u64>,
) -> Chunk {
    let mut out = Chunk::default();
    for row in 0..batch.num_rows() {
        match twin_row(batch, row, config) {
            Verdict::Other => {}
            Verdict::Bad(reason) => *skipped.entry(reason.into()).or_default() += 1,
            Verdict::Row(done) => {
                let (event, depth, seq) = *done;
                out.events.push(event);
                out.depths.extend(depth);
                out.seqs.push(seq);
            }
        }
    }
    out
}
