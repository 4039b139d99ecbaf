//! Rows as the platform's table takes them: its columns, its types, no nulls; and a sum that both sides can compute.
//!
//! Invariants: a null in a column that the row's kind reads is an error that names the row; elsewhere it becomes what the table has for
//! nothing (0, an empty list, an empty text), which reads the same: a stamp of receipt of 0 is none. Values are kept as they are.
//! The sum is that of the 64-bit xxHash of each row's columns as text, tabs between them, wrapping.

use crate::config::shape::Shape;
use crate::source::SourceError;
use crate::source::columns::{COLUMNS, Columns, Lists};
use crate::store::Sum;
use arrow_array::builder::{Int64Builder, ListBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int8Type, Int64Type, UInt64Type};
use arrow_array::{
    Array, ArrayRef, Date32Array, Int8Array, Int64Array, ListArray, RecordBatch, StringArray,
    UInt64Array,
};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use twox_hash::XxHash64;

/// Columns of the platform that no run reads, and what they hold. A file's values are kept where the table has the column.
pub const EXTRAS: [(&str, DataType); 6] = [
    ("exchange", DataType::Utf8),
    ("instrument_type", DataType::Utf8),
    ("underlying", DataType::Utf8),
    ("option_right", DataType::Utf8),
    ("strike_scaled", DataType::Int64),
    ("expiry", DataType::Date32),
];

/// Columns of the table that are written.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What the table calls the aggressor.
    pub aggressor: &'static str,
    /// How the files say it.
    pub shape: Shape,
    /// Those of [`EXTRAS`] that it has.
    pub extras: Vec<(&'static str, DataType)>,
}

impl Layout {
    /// The sum of the written columns as the server computes it.
    pub fn sum_sql(&self) -> String {
        let text = |name: &str| match name {
            "expiry" => "toString(toInt32(`expiry`))".to_owned(),
            name => format!("toString(`{name}`)"),
        };
        let texts: Vec<String> = self.names().map(text).collect();
        format!("sum(xxHash64(concatWithSeparator('\\t', {})))", texts.join(", "))
    }

    /// Names of the columns, in the order in which they are written.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        let extras = self.extras.iter().map(|extra| extra.0);
        COLUMNS.into_iter().chain([self.aggressor]).chain(extras)
    }
}

/// Which columns a row's kind reads.
enum Reads {
    Trade,
    Book,
}

/// Where nulls may be, and how a fault names them.
struct Place<'a> {
    name: &'a str,
    row_first: u64,
}

impl Place<'_> {
    fn bad(&self, row: usize, column: &'static str, message: &str) -> SourceError {
        let row = self.row_first + row as u64;
        SourceError::Row { place: self.name.into(), row, column, message: message.into() }
    }
}

const NULL: &str = "the value is null, does not fit the column's type, or is no price at 1e-6";

/// Rows of a file as rows of the table.
///
/// # Errors
/// A row that the table cannot hold.
pub fn block(
    batch: &RecordBatch,
    columns: &Columns,
    layout: &Layout,
    place: &str,
    row_first: u64,
) -> Result<RecordBatch, SourceError> {
    let at = Place { name: place, row_first };
    let kind = &columns.kind;
    let reads = |row: usize| match kind.value(row) {
        "Tick" => Some(Reads::Trade),
        "BidAsk" | "Snapshot" => Some(Reads::Book),
        _ => None,
    };
    let always = |array: &dyn Array, name| match (0..array.len()).find(|row| array.is_null(*row)) {
        Some(row) if array.null_count() > 0 => Err(at.bad(row, name, NULL)),
        _ => Ok(()),
    };
    always(&columns.symbol, "symbol")?;
    always(kind, "type")?;
    always(&columns.exch_ts, "exch_ts")?;
    always(&columns.seq, "seq_no")?;
    if let Some(row) = (0..kind.len()).find(|row| reads(*row).is_none()) {
        let message = format!("`{}` is none of BidAsk, Snapshot, Tick", kind.value(row));
        return Err(at.bad(row, "type", &message));
    }
    let of_trade = |array: &Int64Array, name| {
        filled(array, |row| matches!(reads(row), Some(Reads::Trade)), name, &at)
    };
    let list = |lists: &Lists| whole(lists, |row| matches!(reads(row), Some(Reads::Book)), &at);
    let aggressor = of_trade(&columns.aggressor, columns.aggressor_name)?;
    let aggressor = small(&aggressor, columns.aggressor_name, &at)?;
    let arrays: [ArrayRef; 12] = [
        Arc::new(columns.symbol.clone()),
        Arc::new(kind.clone()),
        Arc::new(columns.exch_ts.clone()),
        Arc::new(filled(&columns.ingest_ts, |_| false, "ingest_ts", &at)?),
        Arc::new(of_trade(&columns.price, "price_scaled")?),
        Arc::new(of_trade(&columns.volume, "volume")?),
        Arc::new(list(&columns.bids.prices)?),
        Arc::new(list(&columns.bids.sizes)?),
        Arc::new(list(&columns.asks.prices)?),
        Arc::new(list(&columns.asks.sizes)?),
        Arc::new(columns.seq.clone()),
        Arc::new(aggressor),
    ];
    let mut all = arrays.to_vec();
    for (name, kind) in &layout.extras {
        all.push(extra(batch, name, kind, place)?);
    }
    let field =
        |(name, array): (&str, &ArrayRef)| Field::new(name, array.data_type().clone(), false);
    let schema = Schema::new(layout.names().zip(&all).map(field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), all).map_err(|e| unlike(place, &e))
}

fn unlike(place: &str, error: &ArrowError) -> SourceError {
    let message = format!("the rows make no block: {error}");
    SourceError::Column { place: place.into(), column: "symbol", message }
}

fn filled(
    array: &Int64Array,
    is_needed: impl Fn(usize) -> bool,
    name: &'static str,
    at: &Place<'_>,
) -> Result<Int64Array, SourceError> {
    if array.null_count() == 0 {
        return Ok(array.clone());
    }
    if let Some(row) = (0..array.len()).find(|row| array.is_null(*row) && is_needed(*row)) {
        return Err(at.bad(row, name, NULL));
    }
    Ok(array.iter().map(|value| Some(value.unwrap_or(0))).collect())
}

fn small(array: &Int64Array, name: &'static str, at: &Place<'_>) -> Result<Int8Array, SourceError> {
    let one = |(row, value): (usize, i64)| {
        i8::try_from(value).map_err(|_| at.bad(row, name, &format!("{value} does not fit 8 bits")))
    };
    let values = array.values().iter().copied().enumerate().map(one);
    Ok(Int8Array::from(values.collect::<Result<Vec<i8>, _>>()?))
}

fn whole(
    lists: &Lists,
    is_needed: impl Fn(usize) -> bool,
    at: &Place<'_>,
) -> Result<ListArray, SourceError> {
    let mut builder = ListBuilder::new(Int64Builder::with_capacity(lists.values.len()))
        .with_field(Field::new("item", DataType::Int64, false));
    let offsets = lists.lists.value_offsets();
    for row in 0..lists.lists.len() {
        if lists.lists.is_null(row) {
            if is_needed(row) {
                return Err(at.bad(row, lists.name, NULL));
            }
            builder.append(true);
            continue;
        }
        for value in offsets[row] as usize..offsets[row + 1] as usize {
            if lists.values.is_null(value) {
                return Err(at.bad(
                    row,
                    lists.name,
                    "a level is null, does not fit 64 bits, or is no price at 1e-6",
                ));
            }
            builder.values().append_value(lists.values.value(value));
        }
        builder.append(true);
    }
    Ok(builder.finish())
}

fn extra(
    batch: &RecordBatch,
    name: &'static str,
    kind: &DataType,
    place: &str,
) -> Result<ArrayRef, SourceError> {
    let rows = batch.num_rows();
    let Some(array) = batch.column_by_name(name) else {
        return Ok(match kind {
            DataType::Int64 => Arc::new(Int64Array::from(vec![0; rows])),
            DataType::Date32 => Arc::new(Date32Array::from(vec![0; rows])),
            _ => Arc::new(StringArray::from(vec![""; rows])),
        });
    };
    let fail = |message: String| SourceError::Column { place: place.into(), column: name, message };
    let options = arrow_cast::CastOptions { safe: false, ..Default::default() };
    let array = arrow_cast::cast_with_options(array, kind, &options);
    let array = array.map_err(|e| fail(e.to_string()))?;
    if array.null_count() == 0 {
        return Ok(array);
    }
    Ok(match kind {
        DataType::Int64 => {
            let values = array.as_primitive::<Int64Type>().iter();
            Arc::new(values.map(|value| Some(value.unwrap_or(0))).collect::<Int64Array>())
        }
        DataType::Date32 => {
            let values = array.as_primitive::<Date32Type>().iter();
            Arc::new(values.map(|value| Some(value.unwrap_or(0))).collect::<Date32Array>())
        }
        _ => {
            let values = array.as_string::<i32>().iter();
            Arc::new(values.map(|value| Some(value.unwrap_or(""))).collect::<StringArray>())
        }
    })
}

const DAY_NS: i64 = 86_400_000_000_000;

/// A block by the UTC days of receipt of its rows, which are the table's partitions; the order of rows within a day is kept.
///
/// # Errors
/// Not where the block is one.
pub fn by_day(block: &RecordBatch, place: &str) -> Result<Vec<RecordBatch>, SourceError> {
    let stamps = block.column(3).as_primitive::<Int64Type>().values();
    let day = |stamp: &i64| stamp.div_euclid(DAY_NS);
    if stamps.windows(2).all(|pair| day(&pair[0]) == day(&pair[1])) {
        return Ok(vec![block.clone()]);
    }
    let mut days: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
    for (row, stamp) in stamps.iter().enumerate() {
        days.entry(day(stamp)).or_default().push(row as u64);
    }
    let part = |rows: Vec<u64>| {
        arrow_select::take::take_record_batch(block, &UInt64Array::from(rows))
            .map_err(|e| unlike(place, &e))
    };
    days.into_values().map(part).collect()
}

/// Adds the rows of a block to a sum.
pub fn add(sum: &mut Sum, block: &RecordBatch) {
    let mut text = String::new();
    for row in 0..block.num_rows() {
        row_text(block, row, &mut text);
        sum.hash = sum.hash.wrapping_add(XxHash64::oneshot(0, text.as_bytes()));
    }
    sum.rows += block.num_rows() as u64;
}

/// Adds the rows of a block, in their order, to a hash.
pub fn hash(block: &RecordBatch, hasher: &mut blake3::Hasher) {
    let mut text = String::new();
    for row in 0..block.num_rows() {
        row_text(block, row, &mut text);
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
}

/// A row's columns as the server writes them.
fn row_text(block: &RecordBatch, row: usize, text: &mut String) {
    text.clear();
    for (index, column) in block.columns().iter().enumerate() {
        if index > 0 {
            text.push('\t');
        }
        // Writing to a string does not fail; the types are those that `block` makes.
        let _ = match column.data_type() {
            DataType::Int8 => write!(text, "{}", column.as_primitive::<Int8Type>().value(row)),
            DataType::Int64 => write!(text, "{}", column.as_primitive::<Int64Type>().value(row)),
            DataType::UInt64 => write!(text, "{}", column.as_primitive::<UInt64Type>().value(row)),
            DataType::Date32 => write!(text, "{}", column.as_primitive::<Date32Type>().value(row)),
            DataType::List(_) => {
                list_text(column.as_list::<i32>(), row, text);
                Ok(())
            }
            _ => {
                text.push_str(column.as_string::<i32>().value(row));
                Ok(())
            }
        };
    }
}

fn list_text(lists: &ListArray, row: usize, text: &mut String) {
    let offsets = lists.value_offsets();
    let values = &lists.values().as_primitive::<Int64Type>().values()
        [offsets[row] as usize..offsets[row + 1] as usize];
    text.push('[');
    for (index, value) in values.iter().enumerate() {
        let _ = write!(text, "{}{value}", if index > 0 { "," } else { "" });
    }
    text.push(']');
}
