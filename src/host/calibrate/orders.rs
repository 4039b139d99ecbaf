//! Real orders and what became of them, from a Parquet file.
//!
//! Columns: `symbol`, `side` (1 buy, -1 sell), `price_scaled` (1e-6), `qty` (lots), `add_ts`, `end_ts` (ns; when it was
//! cancelled, filled or lost sight of, 0 or null where it outlived the rows; `last_ts` stands in where it is missing), `filled_qty`, `first_fill_ts` (0 or null
//! for none), and optionally `add_after_seq_no`, the sequence number of the last row before it at its own stamp, and
//! `queue_ahead_qty`, the lots that were really ahead, which decides the order's stratum and nothing else. Where the file has `tag` and `level`, only ordinary orders (0) of the first five levels are taken.

use crate::config::Config;
use crate::run::RunError;
use crate::source::SourceError;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_schema::DataType;
use btcore::wire::Side;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

/// A real order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RealOrder {
    /// Instrument of the run.
    pub instrument: u32,
    /// Side.
    pub side: Side,
    /// Price, 1e-6.
    pub price: i64,
    /// Quantity, lots.
    pub qty: u32,
    /// When it joined, ns.
    pub add_ns: i64,
    /// Rows at its own stamp with at most this sequence number were before it.
    pub add_after_seq: Option<u64>,
    /// When it ended, ns.
    pub end_ns: i64,
    /// Filled quantity, lots.
    pub filled_qty: u32,
    /// First fill, ns.
    pub first_fill_ns: Option<i64>,
    /// Lots that were really ahead, where the file knows.
    pub ahead_qty: Option<u32>,
}

impl RealOrder {
    /// Lots of it that a book of `ts_ns` shows: all until its first fill, then what was never filled, then none.
    pub fn shown_at(&self, ts_ns: i64) -> u32 {
        if ts_ns >= self.end_ns {
            return 0;
        }
        let has_traded = self.first_fill_ns.is_some_and(|first_ns| first_ns <= ts_ns);
        if has_traded { self.qty.saturating_sub(self.filled_qty) } else { self.qty }
    }
}

/// Reads the orders of the config's symbols and span, by time of joining.
///
/// # Errors
/// The file is not there, lacks a column, or holds a value that no order can have; row and column are named.
pub fn read(path: &Path, config: &Config) -> Result<Vec<RealOrder>, RunError> {
    let fail = |message: String| SourceError::File { path: path.into(), message };
    let file = File::open(path).map_err(|e| fail(e.to_string()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.build())
        .map_err(|e| fail(format!("is not a Parquet file that can be read: {e}")))?;
    let mut orders = Vec::new();
    let mut row_first = 0;
    for batch in reader {
        let batch = batch.map_err(|e| fail(format!("behind row {row_first}: {e}")))?;
        read_batch(path, &batch, row_first, config, &mut orders)?;
        row_first += batch.num_rows();
    }
    orders.sort_by_key(|order: &RealOrder| (order.add_ns, order.end_ns));
    Ok(orders)
}

struct Columns<'a> {
    path: &'a Path,
    batch: &'a RecordBatch,
}

impl Columns<'_> {
    fn fault(&self, column: &'static str, message: impl Into<String>) -> SourceError {
        let place = self.path.display().to_string();
        SourceError::Column { place, column, message: message.into() }
    }

    fn cast(&self, column: &'static str, to: &DataType) -> Result<ArrayRef, SourceError> {
        let array =
            self.batch.column_by_name(column).ok_or_else(|| self.fault(column, "is missing"))?;
        arrow_cast::cast(array, to).map_err(|e| self.fault(column, e.to_string()))
    }

    fn int(&self, column: &'static str) -> Result<Int64Array, SourceError> {
        Ok(self.cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
    }

    fn has(&self, column: &str) -> bool {
        self.batch.column_by_name(column).is_some()
    }
}

fn read_batch(
    path: &Path,
    batch: &RecordBatch,
    row_first: usize,
    config: &Config,
    orders: &mut Vec<RealOrder>,
) -> Result<(), RunError> {
    let columns = Columns { path, batch };
    let symbols = columns.cast("symbol", &DataType::Utf8)?;
    let symbols = symbols.as_string::<i32>();
    let end = if columns.has("end_ts") { "end_ts" } else { "last_ts" };
    let [side, price, qty, add, ends, filled, first] =
        ["side", "price_scaled", "qty", "add_ts", end, "filled_qty", "first_fill_ts"];
    let (side, price, qty) = (columns.int(side)?, columns.int(price)?, columns.int(qty)?);
    let (add, ends) = (columns.int(add)?, columns.int(ends)?);
    let (filled, first) = (columns.int(filled)?, columns.int(first)?);
    let optional = |name| if columns.has(name) { columns.int(name).map(Some) } else { Ok(None) };
    let (seq, tag, level) = (optional("add_after_seq_no")?, optional("tag")?, optional("level")?);
    let ahead = optional("queue_ahead_qty")?;
    for row in 0..batch.num_rows() {
        let get = |column: &Int64Array, name: &'static str| {
            if column.is_null(row) {
                return Err(columns.fault(name, format!("row {}: is null", row_first + row)));
            }
            Ok(column.value(row))
        };
        let ordinary = tag.as_ref().is_none_or(|tag| tag.is_valid(row) && tag.value(row) == 0)
            && level.as_ref().is_none_or(|level| level.is_valid(row) && level.value(row) < 5);
        let symbol = if symbols.is_null(row) { "" } else { symbols.value(row) };
        let instrument =
            config.instruments.iter().position(|spec| spec.instrument.symbol == symbol);
        let add_ns = get(&add, "add_ts")?;
        let is_selected = (config.data.from_ns..config.data.to_ns).contains(&add_ns);
        let Some(instrument) = instrument.filter(|_| ordinary && is_selected) else { continue };
        let bad = |name: &'static str, what: &str| {
            columns.fault(name, format!("row {}: {what}", row_first + row))
        };
        let lots = |column: &Int64Array, name: &'static str| {
            u32::try_from(get(column, name)?).map_err(|_| bad(name, "is not a quantity"))
        };
        let order = RealOrder {
            instrument: instrument as u32,
            side: match get(&side, "side")? {
                1 => Side::Buy,
                -1 => Side::Sell,
                other => return Err(bad("side", &format!("is {other}; 1 buys, -1 sells")).into()),
            },
            price: get(&price, "price_scaled")?,
            qty: lots(&qty, "qty")?,
            add_ns,
            add_after_seq: seq
                .as_ref()
                .filter(|seq| seq.is_valid(row))
                .and_then(|seq| u64::try_from(seq.value(row)).ok()),
            end_ns: Some(&ends)
                .filter(|ends| ends.is_valid(row) && ends.value(row) != 0)
                .map_or(config.data.to_ns, |ends| ends.value(row)),
            filled_qty: lots(&filled, "filled_qty")?,
            first_fill_ns: Some(&first)
                .filter(|first| first.is_valid(row) && first.value(row) > 0)
                .map(|first| first.value(row)),
            ahead_qty: ahead
                .as_ref()
                .filter(|ahead| ahead.is_valid(row))
                .and_then(|ahead| u32::try_from(ahead.value(row)).ok()),
        };
        if order.qty == 0 {
            return Err(bad("qty", "is zero").into());
        }
        if order.end_ns < order.add_ns {
            return Err(bad(end, "lies before add_ts").into());
        }
        if (order.filled_qty > 0) != order.first_fill_ns.is_some() {
            return Err(bad("first_fill_ts", "does not go with filled_qty").into());
        }
        orders.push(order);
    }
    Ok(())
}
