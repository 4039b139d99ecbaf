//! Rows of another shape into the platform's: columns by our names, prices at 1e-6, our words for kinds of rows.
//!
//! Invariants: a price is exact or it is none. An integer or a decimal must be a whole number of 1e-6. A float stands for the
//! nearest whole number of 1e-6, and must lie within a thousandth of 1e-6 of it, or within the float's own last place where that is more;
//! a 32-bit float stands for the shortest decimal that reads back as it. What is none (not whole, not finite, too large) becomes a
//! null, so that the row decoder names its row, if its kind reads the column at all. A word for a kind that the config
//! does not name stays, and one of ours that it renames is none. Cost: columns that need nothing are shared; a price is a multiplication and a
//! division, a 32-bit float a text.

use super::SourceError;
use super::columns::{AGGRESSOR, COLUMNS, ROW_NUMBER};
use crate::config::shape::Shape;
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float32Type, Float64Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, ListArray, RecordBatch, StringArray};
use arrow_cast::{CastOptions, cast, cast_with_options};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Units of the core in one unit of price.
const PRICE_SCALE: i64 = 1_000_000;
/// A float this near to a whole number of 1e-6 is it.
const NEAR: f64 = 1e-3;
/// From here on a float does not tell neighbouring prices apart.
const TOO_LARGE: f64 = (1_u64 << 51) as f64;

/// Names the first column that the config names and the source does not have.
///
/// # Errors
/// There is one.
pub fn check(shape: &Shape, place: &str, has: impl Fn(&str) -> bool) -> Result<(), SourceError> {
    let fail = |column, message| SourceError::Column { place: place.into(), column, message };
    if let Some((ours, theirs)) = shape.columns.iter().find(|(_, theirs)| !has(theirs)) {
        let message = format!("is `{theirs}` by the config, and there is no such column");
        return Err(fail(ours, message));
    }
    match shape.only.keys().find(|theirs| !has(theirs)) {
        None => Ok(()),
        Some(theirs) => {
            Err(fail("where", format!("names `{theirs}`, and there is no such column")))
        }
    }
}

/// Says whether the columns that `where` names are of types that are one text everywhere: texts, whole numbers, yes and no.
///
/// # Errors
/// One is not, or is not there.
pub fn check_only(shape: &Shape, theirs: &Schema, place: &str) -> Result<(), SourceError> {
    for name in shape.only.keys() {
        let kind = theirs.column_with_name(name).map(|(_, field)| field.data_type());
        let kind = match kind {
            Some(DataType::Dictionary(_, values)) => Some(values.as_ref()),
            kind => kind,
        };
        let is_text = kind.is_some_and(|kind| {
            use DataType::{Boolean, LargeUtf8, Utf8, Utf8View};
            kind.is_integer() || matches!(kind, Utf8 | LargeUtf8 | Utf8View | Boolean)
        });
        if !is_text {
            let kind = kind.map_or("missing".into(), ToString::to_string);
            return Err(not_a_text(name, &kind, place));
        }
    }
    Ok(())
}

/// The same of a server's types.
///
/// # Errors
/// As [`check_only`].
pub fn check_only_types(
    shape: &Shape,
    types: &BTreeMap<String, String>,
    place: &str,
) -> Result<(), SourceError> {
    for name in shape.only.keys() {
        let told = types.get(name).map_or("missing", String::as_str);
        let bare = told.trim_start_matches("LowCardinality(").trim_start_matches("Nullable(");
        let is_text =
            ["String", "Enum", "Int", "UInt", "Bool"].iter().any(|kind| bare.starts_with(kind));
        if !is_text {
            return Err(not_a_text(name, told, place));
        }
    }
    Ok(())
}

fn not_a_text(name: &str, kind: &str, place: &str) -> SourceError {
    SourceError::Column {
        place: place.into(),
        column: "where",
        message: format!(
            "`{name}` is {kind}, and texts, enums, whole numbers and booleans can be named"
        ),
    }
}

/// Says for each row of a source whether `where` lets it pass. A null is no value.
///
/// # Errors
/// A column is missing, or has no text.
pub fn passes(shape: &Shape, batch: &RecordBatch) -> Result<BooleanArray, ArrowError> {
    let mut all = vec![true; batch.num_rows()];
    for (theirs, values) in &shape.only {
        let missing = || ArrowError::SchemaError(format!("there is no column `{theirs}`"));
        let column = batch.column_by_name(theirs).ok_or_else(missing)?;
        let texts = cast(column, &DataType::Utf8)?;
        for (is_in, text) in all.iter_mut().zip(texts.as_string::<i32>()) {
            *is_in &= text.is_some_and(|text| values.iter().any(|value| value == text));
        }
    }
    Ok(BooleanArray::from(all))
}

/// The rows of a batch that `where` lets pass, with the number of each, the batch's first one being `row_first`.
///
/// # Errors
/// As [`passes`], in words.
pub fn chosen(shape: &Shape, batch: &RecordBatch, row_first: u64) -> Result<RecordBatch, String> {
    if shape.only.is_empty() {
        return Ok(batch.clone());
    }
    let first = row_first as i64;
    let numbers = Int64Array::from_iter_values(first..first + batch.num_rows() as i64);
    let mut fields = batch.schema().fields().to_vec();
    fields.push(Arc::new(Field::new(ROW_NUMBER, DataType::Int64, false)));
    let mut columns = batch.columns().to_vec();
    columns.push(Arc::new(numbers));
    let numbered = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    let chosen = passes(shape, batch)
        .and_then(|passes| arrow_select::filter::filter_record_batch(&numbered?, &passes));
    chosen.map_err(|e| e.to_string())
}

/// A batch with our columns, those that are there, and the number of each row where it has them.
///
/// # Errors
/// A column is of a type that cannot be brought to ours.
pub fn standard(
    shape: &Shape,
    batch: &RecordBatch,
    place: &str,
) -> Result<RecordBatch, SourceError> {
    if shape.is_plain() && !has_other_types(&batch.schema()) {
        return Ok(batch.clone());
    }
    let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = (Vec::new(), Vec::new());
    for ours in COLUMNS.into_iter().chain(AGGRESSOR).chain([ROW_NUMBER]) {
        let Some(array) = batch.column_by_name(shape.theirs(ours)) else { continue };
        let array = column(shape, ours, array, place)?;
        fields.push(Field::new(ours, array.data_type().clone(), true));
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|e| SourceError::Column {
        place: place.into(),
        column: COLUMNS[0],
        message: e.to_string(),
    })
}

/// Whether a source has prices or stamps that are no counts, under our names. Of each column by itself: of some batches only the
/// stamps are read.
fn has_other_types(theirs: &Schema) -> bool {
    let is_other = |name: &str, is: fn(&DataType) -> bool| {
        theirs.column_with_name(name).is_some_and(|(_, field)| match field.data_type() {
            DataType::List(item) | DataType::LargeList(item) => is(item.data_type()),
            kind => is(kind),
        })
    };
    ["price_scaled", "bids_price", "asks_price"]
        .iter()
        .any(|name| is_other(name, |kind| kind.is_floating() || kind.is_decimal()))
        || ["exch_ts", "ingest_ts"]
            .iter()
            .any(|name| is_other(name, |kind| matches!(kind, DataType::Timestamp(..))))
}

/// The columns that [`standard`] makes of a source's.
///
/// # Errors
/// As [`standard`].
pub fn schema(shape: &Shape, theirs: &Schema, place: &str) -> Result<Schema, SourceError> {
    let empty = RecordBatch::new_empty(Arc::new(theirs.clone()));
    Ok(standard(shape, &empty, place)?.schema().as_ref().clone())
}

/// A column as ours.
///
/// # Errors
/// It is of a type that cannot be brought to ours.
pub fn column(
    shape: &Shape,
    ours: &'static str,
    array: &ArrayRef,
    place: &str,
) -> Result<ArrayRef, SourceError> {
    let fail = |message: String| SourceError::Column { place: place.into(), column: ours, message };
    let cast = |array: &ArrayRef, to: &DataType| {
        let options = CastOptions { safe: true, ..Default::default() };
        cast_with_options(array, to, &options).map_err(|e| fail(e.to_string()))
    };
    match ours {
        "type" if !shape.kinds.is_empty() => {
            let texts = cast(array, &DataType::Utf8)?;
            Ok(Arc::new(kinds(shape, texts.as_string::<i32>())))
        }
        "exch_ts" | "ingest_ts" => match array.data_type() {
            DataType::Timestamp(_, zone) => {
                let ns = DataType::Timestamp(TimeUnit::Nanosecond, zone.clone());
                cast(&cast(array, &ns)?, &DataType::Int64)
            }
            _ => Ok(array.clone()),
        },
        "price_scaled" => {
            prices(shape, array).map(|prices| Arc::new(prices) as ArrayRef).ok_or_else(|| {
                fail(format!(
                    "is {}, and integers, floats or decimals are needed",
                    array.data_type()
                ))
            })
        }
        "bids_price" | "asks_price" => {
            let not = || fail(format!("is {}, and a list of prices is needed", array.data_type()));
            let array = match array.data_type() {
                DataType::LargeList(item) => &cast(array, &DataType::List(item.clone()))?,
                DataType::List(_) => array,
                _ => return Err(not()),
            };
            let lists = array.as_list::<i32>();
            let values = prices(shape, lists.values()).ok_or_else(not)?;
            let item = Arc::new(Field::new("item", DataType::Int64, true));
            let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
            let lists = ListArray::try_new(item, offsets, Arc::new(values), nulls);
            Ok(Arc::new(lists.map_err(|e| fail(e.to_string()))?))
        }
        _ => Ok(array.clone()),
    }
}

fn kinds(shape: &Shape, texts: &StringArray) -> StringArray {
    let word = |text: Option<&str>| {
        let text = text?;
        match shape.kinds.get(text) {
            Some(ours) => Some((*ours).to_owned()),
            // A word of ours that has another one there says nothing there.
            None if shape.kinds.values().any(|ours| *ours == text) => {
                Some(format!("{text} (renamed)"))
            }
            None => Some(text.to_owned()),
        }
    };
    texts.iter().map(word).collect()
}

/// Prices at 1e-6; null for what is none. `None` if the type holds no prices.
fn prices(shape: &Shape, array: &ArrayRef) -> Option<Int64Array> {
    let cast = |to: &DataType| {
        cast_with_options(array, to, &CastOptions { safe: true, ..Default::default() }).ok()
    };
    Some(match array.data_type() {
        kind if kind.is_integer() => {
            let scale = i128::from(shape.price_scale.unwrap_or(PRICE_SCALE));
            let values = cast(&DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>();
            if scale == i128::from(PRICE_SCALE) {
                return Some(values.clone());
            }
            values.iter().map(|value| whole(value?.into(), scale)).collect()
        }
        DataType::Float64 => {
            let scale = shape.price_scale.unwrap_or(1) as f64;
            let values = array.as_primitive::<Float64Type>().iter();
            values.map(|value| nearest(value?, scale)).collect()
        }
        DataType::Float32 => {
            let scale = shape.price_scale.unwrap_or(1) as f64;
            let values = array.as_primitive::<Float32Type>().iter();
            values.map(|value| nearest(value?.to_string().parse().ok()?, scale)).collect()
        }
        DataType::Decimal32(_, places)
        | DataType::Decimal64(_, places)
        | DataType::Decimal128(_, places) => {
            let units = 10_i128.checked_pow(u32::try_from(*places).ok()?)?;
            let scale = units.checked_mul(shape.price_scale.unwrap_or(1).into())?;
            let values = cast(&DataType::Decimal128(38, *places))?;
            let values = values.as_primitive::<Decimal128Type>();
            values.iter().map(|value| whole(value?, scale)).collect()
        }
        _ => return None,
    })
}

/// A count of `1 / scale` as a count of 1e-6, if it is one.
fn whole(value: i128, scale: i128) -> Option<i64> {
    let scaled = value.checked_mul(PRICE_SCALE.into())?;
    (scaled % scale == 0).then_some(scaled / scale).and_then(|price| i64::try_from(price).ok())
}

/// A float count of `1 / scale` as the count of 1e-6 that it stands for.
fn nearest(value: f64, scale: f64) -> Option<i64> {
    let exact = value * PRICE_SCALE as f64 / scale;
    let price = exact.round();
    let near = NEAR.max(exact.abs() * f64::EPSILON);
    // Not a number is near to nothing.
    (exact.abs() < TOO_LARGE && (exact - price).abs() <= near).then_some(price as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Decimal128Array, Float32Array, Float64Array, Int32Array};

    fn brought(price_scale: Option<i64>, array: impl Array + 'static) -> Vec<Option<i64>> {
        let shape = Shape { price_scale, ..Shape::default() };
        prices(&shape, &(Arc::new(array) as ArrayRef)).expect("a type of prices").iter().collect()
    }

    #[test]
    fn integers_and_decimals_are_whole_or_none() {
        let ints = |scale, values: Vec<i64>| brought(Some(scale), Int64Array::from(values));
        assert_eq!(
            ints(10_000, vec![345_678_900, -5, 0]),
            [Some(34_567_890_000), Some(-500), Some(0)]
        );
        assert_eq!(ints(100_000_000, vec![100, 150, i64::MAX]), [Some(1), None, None]);
        assert_eq!(ints(3, vec![3, 1]), [Some(1_000_000), None]);
        assert_eq!(ints(1, vec![i64::MAX, 7]), [None, Some(7_000_000)]);
        assert_eq!(brought(None, Int32Array::from(vec![Some(7), None])), [Some(7), None]);
        let decimals = Decimal128Array::from(vec![Some(12_345_678_900), Some(5), None]);
        let decimals = decimals.with_precision_and_scale(20, 8).expect("it fits");
        assert_eq!(brought(None, decimals), [Some(123_456_789), None, None]);
    }

    #[test]
    fn a_float_is_the_nearest_price_or_none() {
        let floats = |values: Vec<f64>| brought(None, Float64Array::from(values));
        // Each lies a little beside what it stands for.
        assert_eq!(
            floats(vec![34_567.89, 0.1 + 0.2, 1.000_001, -8.3, 100.1 + 0.2, 12_345_678.9]),
            [34_567_890_000, 300_000, 1_000_001, -8_300_000, 100_300_000, 12_345_678_900_000]
                .map(Some)
        );
        assert_eq!(floats(vec![999_999_999.0, 0.0]), [Some(999_999_999_000_000), Some(0)]);
        let none = vec![f64::NAN, f64::INFINITY, 1.000_000_5, 1.000_000_01, 1e18, f64::MIN];
        assert_eq!(floats(none), [None; 6]);
        let small = Float32Array::from(vec![100.05_f32, 34_567.25, 0.1, f32::NAN, 1.234_567_8]);
        let expected = [Some(100_050_000), Some(34_567_250_000), Some(100_000), None, None];
        assert_eq!(brought(None, small), expected);
        let cents = Float64Array::from(vec![10_005.0, 0.1]);
        assert_eq!(brought(Some(100), cents), [Some(100_050_000), Some(1_000)]);
        let every: Vec<f64> = (0..200_000).map(|tick| f64::from(tick) * 0.01).collect();
        let expected: Vec<_> = (0..200_000).map(|tick| Some(tick * 10_000)).collect();
        assert_eq!(floats(every), expected);
    }
}
