//! Result rows as the server takes them: columns by their names there, and a sum that both sides can compute.
//!
//! Invariants: a column of a result file keeps its values; `ts_x_ns` is named `ts_x` and becomes a DateTime64(9), `x_e6` is named
//! `x_scaled`, `lane` is left out. The sum is that of the 64-bit xxHash of each row's columns as text, tabs between them, wrapping: it
//! does not depend on the order of rows, and a row that is missing, twice or altered changes it.

use crate::config::data::is_plain;
use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch, TimestampNanosecondArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};
use std::fmt::Write;
use std::sync::Arc;
use twox_hash::XxHash64;
use uuid::Uuid;

/// Columns that say whose rows they are, in front of every block.
pub const OWNER: [&str; 2] = ["run_id", "attempt"];

/// A block of result rows under a run and an attempt.
///
/// # Errors
/// A column's name is not a plain word, which no result's is.
pub fn staged(batch: &RecordBatch, run: Uuid, attempt: Uuid) -> Result<RecordBatch, ArrowError> {
    let mut fields = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (name, id) in OWNER.iter().zip([run, attempt]) {
        fields.push(Field::new(*name, DataType::FixedSizeBinary(16), false));
        columns.push(ids(id, batch.num_rows())?);
    }
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if field.name() == "lane" {
            continue;
        }
        if !is_plain(field.name()) {
            return Err(ArrowError::SchemaError(format!(
                "`{}` is no column of results",
                field.name()
            )));
        }
        let (name, column) = renamed(field.name(), column)?;
        fields.push(Field::new(name, column.data_type().clone(), field.is_nullable()));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// One id for every row.
pub fn ids(id: Uuid, rows: usize) -> Result<ArrayRef, ArrowError> {
    let values = std::iter::repeat_n(id.as_bytes().as_slice(), rows);
    let array = if rows == 0 {
        FixedSizeBinaryArray::try_from_sparse_iter_with_size(
            std::iter::empty::<Option<&[u8]>>(),
            16,
        )?
    } else {
        FixedSizeBinaryArray::try_from_iter(values)?
    };
    Ok(Arc::new(array))
}

fn renamed(name: &str, column: &ArrayRef) -> Result<(String, ArrayRef), ArrowError> {
    if let Some(stem) = name.strip_suffix("_ns").filter(|stem| stem.starts_with("ts")) {
        let stamps = column.as_primitive_opt::<Int64Type>();
        let stamps =
            stamps.ok_or_else(|| ArrowError::SchemaError(format!("`{name}` holds no stamps")))?;
        let stamps: TimestampNanosecondArray = stamps.reinterpret_cast();
        return Ok((stem.to_owned(), Arc::new(stamps.with_timezone("UTC"))));
    }
    Ok(match name.strip_suffix("_e6") {
        Some(stem) => (format!("{stem}_scaled"), column.clone()),
        None => (name.to_owned(), column.clone()),
    })
}

/// How many rows, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Rows.
    pub rows: u64,
    /// Wrapping sum of their hashes.
    pub hash: u64,
}

impl Sum {
    /// Adds the rows of a block.
    ///
    /// # Errors
    /// A column is of a type that no result has.
    pub fn add(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let columns = &batch.columns()[OWNER.len()..];
        let mut text = String::new();
        for row in 0..batch.num_rows() {
            text.clear();
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    text.push('\t');
                }
                push(&mut text, column, row)?;
            }
            self.hash = self.hash.wrapping_add(XxHash64::oneshot(0, text.as_bytes()));
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// This one and another.
    pub fn plus(self, other: Sum) -> Sum {
        Sum { rows: self.rows + other.rows, hash: self.hash.wrapping_add(other.hash) }
    }

    /// This one without another that is part of it.
    pub fn minus(self, part: Sum) -> Sum {
        Sum { rows: self.rows - part.rows, hash: self.hash.wrapping_sub(part.hash) }
    }

    /// As a message shows it.
    pub fn text(self) -> String {
        format!("{} rows of sum {:016x}", self.rows, self.hash)
    }
}

fn push(text: &mut String, column: &ArrayRef, row: usize) -> Result<(), ArrowError> {
    if column.is_null(row) {
        text.push_str("\\N");
        return Ok(());
    }
    // Writing to a String cannot fail.
    let _ = match column.data_type() {
        DataType::Utf8 => {
            text.push_str(column.as_string::<i32>().value(row));
            Ok(())
        }
        DataType::Int64 => write!(text, "{}", column.as_primitive::<Int64Type>().value(row)),
        DataType::UInt32 => write!(text, "{}", column.as_primitive::<UInt32Type>().value(row)),
        DataType::UInt64 => write!(text, "{}", column.as_primitive::<UInt64Type>().value(row)),
        DataType::Boolean => write!(text, "{}", u8::from(column.as_boolean().value(row))),
        DataType::Date32 => write!(text, "{}", column.as_primitive::<Date32Type>().value(row)),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            write!(text, "{}", column.as_primitive::<TimestampNanosecondType>().value(row))
        }
        other => return Err(ArrowError::NotYetImplemented(format!("a sum over {other}"))),
    };
    Ok(())
}

/// The same sum as the server computes it, over a table's columns.
pub fn sum_sql(schema: &Schema) -> String {
    let text = |field: &Arc<Field>| {
        let name = field.name();
        let value = match field.data_type() {
            DataType::Boolean => format!("toString(toUInt8({name}))"),
            DataType::Date32 => format!("toString(toInt32({name}))"),
            DataType::Timestamp(..) => format!("toString(toUnixTimestamp64Nano({name}))"),
            _ => format!("toString({name})"),
        };
        if field.is_nullable() { format!("ifNull({value}, '\\\\N')") } else { value }
    };
    let texts: Vec<String> = schema.fields().iter().skip(OWNER.len()).map(text).collect();
    format!("sum(xxHash64(concatWithSeparator('\\t', {})))", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{BooleanArray, Date32Array, Int64Array, StringArray, UInt32Array};

    fn rows(name: &str) -> RecordBatch {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("lane", Arc::new(StringArray::from(vec!["a", "a"]))),
            ("ts_end_ns", Arc::new(Int64Array::from(vec![Some(1), None]))),
            (name, Arc::new(Int64Array::from(vec![-5, 7]))),
            ("is_open", Arc::new(BooleanArray::from(vec![true, false]))),
            ("day", Arc::new(Date32Array::from(vec![2, 3]))),
            ("qty", Arc::new(UInt32Array::from(vec![Some(8), None]))),
        ];
        let columns = columns.into_iter().map(|(name, array)| (name, array, true));
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    #[test]
    fn a_block_has_the_server_s_names() {
        let block = staged(&rows("fee_e6"), Uuid::from_u128(1), Uuid::from_u128(2)).unwrap();
        let names: Vec<&str> =
            block.schema_ref().fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names, ["run_id", "attempt", "ts_end", "fee_scaled", "is_open", "day", "qty"]);
        for name in ["x) SELECT 1 --", "a b", "`x`", "", "1x"] {
            let error = staged(&rows(name), Uuid::nil(), Uuid::nil()).unwrap_err().to_string();
            assert!(error.contains("is no column of results"), "{error}");
        }
    }

    #[test]
    fn a_sum_tells_rows_apart_and_not_their_order() {
        let block = staged(&rows("fee_e6"), Uuid::from_u128(1), Uuid::from_u128(2)).unwrap();
        let sum = |blocks: &[&RecordBatch]| {
            let mut sum = Sum::default();
            blocks.iter().for_each(|block| sum.add(block).unwrap());
            sum
        };
        let hash = |text: &str| XxHash64::oneshot(0, text.as_bytes());
        let by_hand = hash("1\t-5\t1\t2\t8").wrapping_add(hash("\\N\t7\t0\t3\t\\N"));
        assert_eq!(sum(&[&block]), Sum { rows: 2, hash: by_hand });
        let (first, second) = (block.slice(0, 1), block.slice(1, 1));
        assert_eq!(sum(&[&second, &first]), sum(&[&block]));
        assert_ne!(sum(&[&first, &first]), sum(&[&block]));
    }
}
