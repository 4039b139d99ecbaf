//! The columns of one record batch: found by name, brought to the one type that the decoder reads.
//!
//! Invariants: order and extra columns do not matter; a missing column, or one of a type that cannot be brought to
//! the wanted one, is an error that names the column, what was found and what is needed. A value that does not fit
//! (an unsigned 64-bit price, bytes that are not UTF-8) becomes a null, so that the row decoder can name its row.
//!
//! `trade_direction` is the aggressor; `side` stands in where that is missing, and is ignored where it is not.
//!
//! Cost: columns of the wanted type are shared, not copied; others are cast once a batch.

use super::SourceError;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use std::sync::Arc;

/// Columns that every source must have, besides the aggressor's.
pub const COLUMNS: [&str; 11] = [
    "symbol",
    "type",
    "exch_ts",
    "ingest_ts",
    "price_scaled",
    "volume",
    "bids_price",
    "bids_vol",
    "asks_price",
    "asks_vol",
    "seq_no",
];

/// Names of the aggressor's column, the first that is there counts.
pub const AGGRESSOR: [&str; 2] = ["trade_direction", "side"];

/// Name of the column that a reader adds where it leaves rows out: each row's number in the file.
pub const ROW_NUMBER: &str = "btcore_row_number";

/// The aggressor's column among those that are there.
pub fn aggressor(has: impl Fn(&str) -> bool) -> Option<&'static str> {
    AGGRESSOR.into_iter().find(|name| has(name))
}

/// All columns to read of those that are there, the aggressor's last.
///
/// # Errors
/// A needed column is missing.
pub fn needed(
    place: &str,
    has: impl Fn(&str) -> bool,
) -> Result<[&'static str; COLUMNS.len() + 1], SourceError> {
    let missing = |column, message: &str| SourceError::Column {
        place: place.into(),
        column,
        message: message.into(),
    };
    let mut names = [""; COLUMNS.len() + 1];
    for (name, column) in names.iter_mut().zip(COLUMNS) {
        if !has(column) {
            return Err(missing(column, "is missing"));
        }
        *name = column;
    }
    names[COLUMNS.len()] =
        aggressor(has).ok_or_else(|| missing(AGGRESSOR[0], "is missing, and so is `side`"))?;
    Ok(names)
}

/// Says whether every needed column of a schema is there and can be read.
///
/// # Errors
/// The first column that is missing or of a wrong type.
pub fn check(schema: &Schema, place: &str) -> Result<(), SourceError> {
    for name in needed(place, |name| schema.column_with_name(name).is_some())? {
        if let Some((_, field)) = schema.column_with_name(name) {
            check_type(place, name, field.data_type())?;
        }
    }
    Ok(())
}

/// Prices and sizes of one side.
pub struct SideColumns {
    /// Prices, best first.
    pub prices: Lists,
    /// Sizes, one for each price.
    pub sizes: Lists,
}

/// A column of lists of integers.
pub struct Lists {
    /// Its name.
    pub name: &'static str,
    /// The lists; their values are `values`.
    pub lists: ListArray,
    /// The values of all lists.
    pub values: Int64Array,
}

/// The columns of one batch.
pub struct Columns {
    /// `symbol`.
    pub symbol: StringArray,
    /// `type`.
    pub kind: StringArray,
    /// `exch_ts`.
    pub exch_ts: Int64Array,
    /// `ingest_ts`.
    pub ingest_ts: Int64Array,
    /// `price_scaled`.
    pub price: Int64Array,
    /// `volume`.
    pub volume: Int64Array,
    /// `bids_price` and `bids_vol`.
    pub bids: SideColumns,
    /// `asks_price` and `asks_vol`.
    pub asks: SideColumns,
    /// `seq_no`.
    pub seq: UInt64Array,
    /// `trade_direction` or `side`.
    pub aggressor: Int64Array,
    /// Which of the two it is.
    pub aggressor_name: &'static str,
    /// Each row's number, where rows were left out before.
    pub row_number: Option<Int64Array>,
}

impl Columns {
    /// Finds the columns of a batch.
    ///
    /// # Errors
    /// A column is missing or of a type that cannot be read.
    pub fn of(batch: &RecordBatch, place: &str) -> Result<Self, SourceError> {
        let needed = needed(place, |name| batch.column_by_name(name).is_some())?;
        let aggressor_name = needed[COLUMNS.len()];
        let get = |name: &'static str| got(batch, place, name);
        let text = |name| Ok::<_, SourceError>(get(name)?.as_string::<i32>().clone());
        let int = |name| Ok::<_, SourceError>(get(name)?.as_primitive::<Int64Type>().clone());
        let list = |name| {
            let lists = get(name)?.as_list::<i32>().clone();
            let values = lists.values().as_primitive::<Int64Type>().clone();
            Ok::<_, SourceError>(Lists { name, lists, values })
        };
        Ok(Columns {
            symbol: text("symbol")?,
            kind: text("type")?,
            exch_ts: int("exch_ts")?,
            ingest_ts: int("ingest_ts")?,
            price: int("price_scaled")?,
            volume: int("volume")?,
            bids: SideColumns { prices: list("bids_price")?, sizes: list("bids_vol")? },
            asks: SideColumns { prices: list("asks_price")?, sizes: list("asks_vol")? },
            seq: get("seq_no")?.as_primitive::<UInt64Type>().clone(),
            aggressor: int(aggressor_name)?,
            aggressor_name,
            row_number: batch
                .column_by_name(ROW_NUMBER)
                .map(|array| array.as_primitive::<Int64Type>().clone()),
        })
    }
}

/// The columns that an answer is sorted by.
pub struct Keys {
    /// `exch_ts`.
    pub exch_ts: Int64Array,
    /// `ingest_ts`.
    pub ingest_ts: Int64Array,
    /// `seq_no`.
    pub seq_no: UInt64Array,
}

/// The columns that an answer is sorted by.
///
/// # Errors
/// One is missing or of a type that cannot be read.
pub fn keys(batch: &RecordBatch, place: &str) -> Result<Keys, SourceError> {
    let int =
        |name| Ok::<_, SourceError>(got(batch, place, name)?.as_primitive::<Int64Type>().clone());
    Ok(Keys {
        exch_ts: int("exch_ts")?,
        ingest_ts: int("ingest_ts")?,
        seq_no: got(batch, place, "seq_no")?.as_primitive::<UInt64Type>().clone(),
    })
}

/// The columns that say whose a row is.
pub struct Places {
    /// `symbol`.
    pub symbol: StringArray,
    /// `exch_ts`.
    pub exch_ts: Int64Array,
}

/// The columns that say whose a row is.
///
/// # Errors
/// One is missing or of a type that cannot be read.
pub fn places(batch: &RecordBatch, place: &str) -> Result<Places, SourceError> {
    Ok(Places {
        symbol: got(batch, place, "symbol")?.as_string::<i32>().clone(),
        exch_ts: got(batch, place, "exch_ts")?.as_primitive::<Int64Type>().clone(),
    })
}

/// A column of a batch as the wanted type.
fn got(batch: &RecordBatch, place: &str, name: &'static str) -> Result<ArrayRef, SourceError> {
    let array = batch.column_by_name(name).ok_or_else(|| SourceError::Column {
        place: place.into(),
        column: name,
        message: "is missing".into(),
    })?;
    brought(array, place, name)
}

/// The type that a column is read as.
fn wanted(name: &str) -> DataType {
    match name {
        "symbol" | "type" => DataType::Utf8,
        "seq_no" => DataType::UInt64,
        "bids_price" | "bids_vol" | "asks_price" | "asks_vol" => {
            DataType::List(Arc::new(Field::new("item", DataType::Int64, true)))
        }
        _ => DataType::Int64,
    }
}

/// The column as the wanted type.
fn brought(array: &ArrayRef, place: &str, name: &'static str) -> Result<ArrayRef, SourceError> {
    check_type(place, name, array.data_type())?;
    let wanted = wanted(name);
    if is_same(array.data_type(), &wanted) {
        return Ok(array.clone());
    }
    // `safe`: a value that does not fit becomes a null, and the row decoder names its row.
    let options = arrow_cast::CastOptions { safe: true, ..Default::default() };
    arrow_cast::cast_with_options(array, &wanted, &options).map_err(|e| SourceError::Column {
        place: place.into(),
        column: name,
        message: e.to_string(),
    })
}

fn check_type(place: &str, name: &'static str, found: &DataType) -> Result<(), SourceError> {
    let wanted = wanted(name);
    if fits(found, &wanted) {
        return Ok(());
    }
    let wanted = match wanted {
        DataType::List(_) => "a list of 64-bit integers".into(),
        DataType::Utf8 => "a string".into(),
        other => format!("{other}"),
    };
    let message = format!("is {found}, and {wanted} is needed");
    Err(SourceError::Column { place: place.into(), column: name, message })
}

fn is_same(found: &DataType, wanted: &DataType) -> bool {
    match (found, wanted) {
        // The name of the item does not matter.
        (DataType::List(item), DataType::List(_)) => item.data_type() == &DataType::Int64,
        _ => found == wanted,
    }
}

fn fits(found: &DataType, wanted: &DataType) -> bool {
    use DataType::{Binary, Dictionary, LargeBinary, LargeList, LargeUtf8, List, Utf8, Utf8View};
    match (found, wanted) {
        (Dictionary(_, values), _) => fits(values, wanted),
        (Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | DataType::BinaryView, Utf8) => true,
        (List(item) | LargeList(item), List(_)) => item.data_type().is_integer(),
        (_, DataType::Int64 | DataType::UInt64) => found.is_integer(),
        _ => false,
    }
}
