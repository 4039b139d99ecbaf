//! Writes tapes, truth and order events as Parquet files (zstd), streaming.
//!
//! Invariants: the market file has the columns of the platform's `market_data` table, one row each;
//! files are the same bytes for the same rows. At most one batch of rows and one encoded row group
//! are in memory. Units: time in ns UTC, price scaled by 1e6, quantity in lots. Cost: some 0.5 us a
//! row, most of it compression.

use std::io::Write;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::{Int64Builder, ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, Int8Array, Int64Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use super::rows::{Body, L3Event, Levels, SynthRow, TruthRow};
use super::{Synth, SynthError};

/// Rows gathered before they are encoded.
const BATCH_ROWS: usize = 8_192;
/// Rows of one row group.
const GROUP_ROWS: usize = 8 * BATCH_ROWS;

/// How many rows went into each file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Books and trades.
    pub market_rows: u64,
    /// Orders that ended, or were open at a session's end.
    pub truth_rows: u64,
    /// Adds, cancels and executions.
    pub l3_rows: u64,
}

/// Runs a tape to its end and writes it. Truth and order events are written only where a file is
/// given and the config records them.
///
/// # Errors
/// `SynthError::Parquet` or `SynthError::Arrow` when a file cannot be written.
pub fn write_tape<W: Write + Send>(
    synth: &mut Synth,
    market: W,
    truth: Option<W>,
    l3: Option<W>,
) -> Result<Written, SynthError> {
    let (symbol, exchange) = (synth.config().symbol.clone(), synth.config().exchange.clone());
    let mut market = TableWriter::market(market, &symbol, &exchange)?;
    let mut truth = truth.map(|w| TableWriter::truth(w, &symbol)).transpose()?;
    let mut l3 = l3.map(|w| TableWriter::l3(w, &symbol)).transpose()?;
    while let Some(row) = synth.next() {
        market.push(row)?;
        drain_into(synth, &mut truth, &mut l3)?;
    }
    drain_into(synth, &mut truth, &mut l3)?;
    Ok(Written {
        market_rows: market.finish()?,
        truth_rows: truth.map_or(Ok(0), TableWriter::finish)?,
        l3_rows: l3.map_or(Ok(0), TableWriter::finish)?,
    })
}

/// Moves what the exchange recorded into its files, or forgets it.
fn drain_into<W: Write + Send>(
    synth: &mut Synth,
    truth: &mut Option<TableWriter<W, TruthRow>>,
    l3: &mut Option<TableWriter<W, L3Event>>,
) -> Result<(), SynthError> {
    match truth {
        Some(writer) => synth.drain_truth().try_for_each(|row| writer.push(row))?,
        None => drop(synth.drain_truth()),
    }
    match l3 {
        Some(writer) => synth.drain_l3().try_for_each(|event| writer.push(event)),
        None => {
            drop(synth.drain_l3());
            Ok(())
        }
    }
}

/// Turns a batch of rows into the columns of the schema: symbol, exchange, rows.
type Columns<T> = fn(&str, &str, &[T]) -> Vec<ArrayRef>;

/// A Parquet file of rows of one kind.
pub struct TableWriter<W: Write + Send, T> {
    file: ArrowWriter<W>,
    schema: SchemaRef,
    symbol: String,
    exchange: String,
    columns: Columns<T>,
    batch: Vec<T>,
    rows: u64,
}

impl<W: Write + Send> TableWriter<W, SynthRow> {
    /// A file with the columns of `market_data`.
    ///
    /// # Errors
    /// `SynthError::Parquet` when the file cannot be begun.
    pub fn market(file: W, symbol: &str, exchange: &str) -> Result<Self, SynthError> {
        Self::new(file, market_schema(), symbol, exchange, market_columns)
    }
}

impl<W: Write + Send> TableWriter<W, TruthRow> {
    /// A file with the truth about every order that rested.
    ///
    /// # Errors
    /// `SynthError::Parquet` when the file cannot be begun.
    pub fn truth(file: W, symbol: &str) -> Result<Self, SynthError> {
        Self::new(file, truth_schema(), symbol, "", truth_columns)
    }
}

impl<W: Write + Send> TableWriter<W, L3Event> {
    /// A file with every add, cancel and execution.
    ///
    /// # Errors
    /// `SynthError::Parquet` when the file cannot be begun.
    pub fn l3(file: W, symbol: &str) -> Result<Self, SynthError> {
        Self::new(file, l3_schema(), symbol, "", l3_columns)
    }
}

impl<W: Write + Send, T> TableWriter<W, T> {
    fn new(
        file: W,
        schema: SchemaRef,
        symbol: &str,
        exchange: &str,
        columns: Columns<T>,
    ) -> Result<Self, SynthError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_created_by("btcore synth".to_owned())
            .build();
        Ok(Self {
            file: ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties))?,
            schema,
            symbol: symbol.to_owned(),
            exchange: exchange.to_owned(),
            columns,
            batch: Vec::with_capacity(BATCH_ROWS),
            rows: 0,
        })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// `SynthError::Parquet` or `SynthError::Arrow` when a full batch cannot be written.
    pub fn push(&mut self, row: T) -> Result<(), SynthError> {
        self.batch.push(row);
        if self.batch.len() < BATCH_ROWS {
            return Ok(());
        }
        self.flush()
    }

    /// Writes what is left and the file's end; says how many rows the file holds.
    ///
    /// # Errors
    /// `SynthError::Parquet` or `SynthError::Arrow` when the file cannot be ended.
    pub fn finish(mut self) -> Result<u64, SynthError> {
        self.flush()?;
        self.file.close()?;
        Ok(self.rows)
    }

    fn flush(&mut self) -> Result<(), SynthError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let columns = (self.columns)(&self.symbol, &self.exchange, &self.batch);
        self.file.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        self.rows += self.batch.len() as u64;
        self.batch.clear();
        Ok(())
    }
}

fn schema(fields: &[(&str, DataType)]) -> SchemaRef {
    let fields: Vec<Field> =
        fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

/// The list's inner field, as Parquet names it.
fn element() -> Field {
    Field::new("element", DataType::Int64, true)
}

fn market_schema() -> SchemaRef {
    let list = DataType::List(Arc::new(element()));
    schema(&[
        ("symbol", DataType::Utf8),
        ("exchange", DataType::Utf8),
        ("type", DataType::Utf8),
        ("exch_ts", DataType::Int64),
        ("ingest_ts", DataType::Int64),
        ("price_scaled", DataType::Int64),
        ("volume", DataType::Int64),
        ("bids_price", list.clone()),
        ("bids_vol", list.clone()),
        ("asks_price", list.clone()),
        ("asks_vol", list),
        ("seq_no", DataType::UInt64),
        ("side", DataType::Int8),
    ])
}

fn truth_schema() -> SchemaRef {
    schema(&[
        ("symbol", DataType::Utf8),
        ("order_id", DataType::Utf8),
        ("side", DataType::Int8),
        ("price_scaled", DataType::Int64),
        ("qty", DataType::Int64),
        ("add_ts", DataType::Int64),
        ("add_after_seq_no", DataType::Int64),
        ("queue_ahead_qty", DataType::Int64),
        ("queue_ahead_orders", DataType::Int64),
        ("level", DataType::Int64),
        ("opp_best", DataType::Int64),
        ("tag", DataType::Int64),
        ("filled_qty", DataType::Int64),
        ("first_fill_ts", DataType::Int64),
        ("last_ts", DataType::Int64),
        ("cancelled_qty", DataType::Int64),
        ("last_after_seq_no", DataType::Int64),
        ("end", DataType::Utf8),
    ])
}

fn l3_schema() -> SchemaRef {
    schema(&[
        ("symbol", DataType::Utf8),
        ("exch_ts", DataType::Int64),
        ("action", DataType::Utf8),
        ("order_id", DataType::Utf8),
        ("side", DataType::Int8),
        ("price_scaled", DataType::Int64),
        ("qty", DataType::Int64),
        ("remaining", DataType::Int64),
        ("after_seq_no", DataType::Int64),
    ])
}

fn int64<T>(rows: &[T], value: impl Fn(&T) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
}

fn int8<T>(rows: &[T], value: impl Fn(&T) -> i8) -> ArrayRef {
    Arc::new(Int8Array::from_iter_values(rows.iter().map(value)))
}

fn text<'a, T>(rows: &'a [T], value: impl Fn(&'a T) -> &'a str) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(rows.iter().map(value)))
}

/// Order ids are text in the files.
fn ids<T>(rows: &[T], value: impl Fn(&T) -> u64) -> ArrayRef {
    let mut ids = StringBuilder::new();
    for row in rows {
        ids.append_value(value(row).to_string());
    }
    Arc::new(ids.finish())
}

/// Sequence numbers stay far below 2^63: a tape has fewer rows than ns.
fn seq(seq_no: u64) -> i64 {
    i64::try_from(seq_no).unwrap_or(i64::MAX)
}

fn market_columns(symbol: &str, exchange: &str, rows: &[SynthRow]) -> Vec<ArrayRef> {
    let trade = |row: &SynthRow| match row.body {
        Body::Book { .. } => (0, 0, 0),
        Body::Trade { price_e6, qty_lots, side } => (price_e6, qty_lots, side),
    };
    vec![
        text(rows, |_| symbol),
        text(rows, |_| exchange),
        text(rows, |r| if matches!(r.body, Body::Book { .. }) { "BidAsk" } else { "Tick" }),
        int64(rows, |r| r.ts_exch_ns),
        int64(rows, |r| r.ts_exch_ns),
        int64(rows, |r| trade(r).0),
        int64(rows, |r| trade(r).1),
        levels(rows, |bids, _| bids, |level| level.0),
        levels(rows, |bids, _| bids, |level| level.1),
        levels(rows, |_, asks| asks, |level| level.0),
        levels(rows, |_, asks| asks, |level| level.1),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|r| r.seq_no))),
        int8(rows, |r| trade(r).2),
    ]
}

/// One list column: a side's prices or quantities, empty on trades.
fn levels(
    rows: &[SynthRow],
    side: for<'a> fn(&'a Levels, &'a Levels) -> &'a Levels,
    value: fn(&(i64, i64)) -> i64,
) -> ArrayRef {
    let mut list = ListBuilder::new(Int64Builder::new()).with_field(element());
    for row in rows {
        if let Body::Book { bids, asks } = &row.body {
            for level in side(bids, asks) {
                list.values().append_value(value(level));
            }
        }
        list.append(true);
    }
    Arc::new(list.finish())
}

fn truth_columns(symbol: &str, _: &str, rows: &[TruthRow]) -> Vec<ArrayRef> {
    vec![
        text(rows, |_| symbol),
        ids(rows, |r| r.order_id),
        int8(rows, |r| r.side),
        int64(rows, |r| r.price_e6),
        int64(rows, |r| r.qty_lots),
        int64(rows, |r| r.add_ts_ns),
        int64(rows, |r| seq(r.add_after_seq_no)),
        int64(rows, |r| r.queue_ahead_lots),
        int64(rows, |r| r.queue_ahead_orders),
        int64(rows, |r| r.level),
        int64(rows, |r| r.opp_best_e6),
        int64(rows, |r| r.tag),
        int64(rows, |r| r.filled_lots),
        int64(rows, |r| r.first_fill_ts_ns),
        int64(rows, |r| r.last_ts_ns),
        int64(rows, |r| r.cancelled_lots),
        int64(rows, |r| seq(r.last_after_seq_no)),
        text(rows, |r| r.end.as_str()),
    ]
}

fn l3_columns(symbol: &str, _: &str, rows: &[L3Event]) -> Vec<ArrayRef> {
    vec![
        text(rows, |_| symbol),
        int64(rows, |r| r.ts_exch_ns),
        text(rows, |r| r.action.as_str()),
        ids(rows, |r| r.order_id),
        int8(rows, |r| r.side),
        int64(rows, |r| r.price_e6),
        int64(rows, |r| r.qty_lots),
        int64(rows, |r| r.remaining_lots),
        int64(rows, |r| seq(r.after_seq_no)),
    ]
}
