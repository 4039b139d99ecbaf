//! Small tables in Parquet: columns by name, read as integers or texts, every fault with its column and row.

use super::SourceError;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::DataType;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

/// Reads a file and gives each batch of rows to `take`.
///
/// # Errors
/// The file cannot be read, or `take` refuses a row.
pub fn read(
    path: &Path,
    mut take: impl FnMut(&FlatRows<'_>) -> Result<(), SourceError>,
) -> Result<(), SourceError> {
    let fail = |message: String| SourceError::File { path: path.into(), message };
    let file = File::open(path).map_err(|e| fail(e.to_string()))?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.build())
        .map_err(|e| fail(format!("is not a Parquet file that can be read: {e}")))?;
    let mut row_first = 0;
    for batch in reader {
        let batch = batch.map_err(|e| fail(format!("behind row {row_first}: {e}")))?;
        take(&FlatRows { path, batch: &batch, row_first })?;
        row_first += batch.num_rows();
    }
    Ok(())
}

/// Some rows of a table.
#[derive(Clone, Copy, Debug)]
pub struct FlatRows<'a> {
    path: &'a Path,
    batch: &'a RecordBatch,
    row_first: usize,
}

impl FlatRows<'_> {
    /// How many.
    pub fn count(&self) -> usize {
        self.batch.num_rows()
    }

    /// A fault of a column.
    pub fn fault(&self, column: &'static str, message: impl Into<String>) -> SourceError {
        let place = self.path.display().to_string();
        SourceError::Column { place, column, message: message.into() }
    }

    /// A fault of a value.
    pub fn bad(&self, row: usize, column: &'static str, message: &str) -> SourceError {
        self.fault(column, format!("row {}: {message}", self.row_first + row))
    }

    /// Names of the columns.
    pub fn columns(&self) -> Vec<String> {
        self.batch.schema().fields().iter().map(|field| field.name().clone()).collect()
    }

    /// A column as texts that say exactly what it holds: floats are refused.
    ///
    /// # Errors
    /// It is not there, or holds floats or what is no plain value.
    pub fn exact_text(&self, column: &'static str) -> Result<TextColumn, SourceError> {
        let held = self.batch.column_by_name(column).map(|array| array.data_type().clone());
        if held.is_some_and(|held| held.is_floating()) {
            return Err(self.fault(
                column,
                "holds floats; prices are exact: texts, decimals, or integers at 1e-6",
            ));
        }
        Ok(TextColumn(self.text(column)?))
    }

    /// Whether the table has such a column.
    pub fn has(&self, column: &str) -> bool {
        self.batch.column_by_name(column).is_some()
    }

    fn cast(&self, column: &'static str, to: &DataType) -> Result<ArrayRef, SourceError> {
        let array =
            self.batch.column_by_name(column).ok_or_else(|| self.fault(column, "is missing"))?;
        arrow_cast::cast(array, to).map_err(|e| self.fault(column, e.to_string()))
    }

    /// A column of integers.
    ///
    /// # Errors
    /// It is not there, or holds something else.
    pub fn int(&self, column: &'static str) -> Result<IntColumn<'_>, SourceError> {
        let values = self.cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().clone();
        Ok(IntColumn { rows: self, column, values })
    }

    /// A column of integers, if the table has it.
    ///
    /// # Errors
    /// It holds something else.
    pub fn int_if_any(&self, column: &'static str) -> Result<Option<IntColumn<'_>>, SourceError> {
        if self.has(column) { self.int(column).map(Some) } else { Ok(None) }
    }

    /// A column of texts.
    ///
    /// # Errors
    /// It is not there, or holds something else.
    pub fn text(&self, column: &'static str) -> Result<StringArray, SourceError> {
        Ok(self.cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
    }
}

/// A column of texts.
#[derive(Clone, Debug)]
pub struct TextColumn(StringArray);

impl TextColumn {
    /// The text of a row, empty where there is none.
    pub fn get(&self, row: usize) -> String {
        if self.0.is_valid(row) { self.0.value(row).to_owned() } else { String::new() }
    }
}

/// A column of integers.
#[derive(Clone, Debug)]
pub struct IntColumn<'a> {
    rows: &'a FlatRows<'a>,
    column: &'static str,
    values: Int64Array,
}

impl IntColumn<'_> {
    /// The value of a row, `None` where there is none.
    pub fn get(&self, row: usize) -> Option<i64> {
        self.values.is_valid(row).then(|| self.values.value(row))
    }

    /// The value of a row that must have one.
    ///
    /// # Errors
    /// There is none.
    pub fn need(&self, row: usize) -> Result<i64, SourceError> {
        self.get(row).ok_or_else(|| self.rows.bad(row, self.column, "is null"))
    }

    /// A quantity.
    ///
    /// # Errors
    /// There is none, or it is none.
    pub fn lots(&self, row: usize) -> Result<u32, SourceError> {
        u32::try_from(self.need(row)?)
            .map_err(|_| self.rows.bad(row, self.column, "is not a quantity"))
    }
}
