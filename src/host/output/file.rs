//! A Parquet file of result rows, written in row groups of a fixed size, one column after the other.
//!
//! Invariants: groups hold `GROUP_ROWS` rows, the last one what is left, however the rows come; the bytes are those of
//! [`ArrowWriter`]. Memory: one column of one group, and its encoder; where rows come in batches, those of one group too.
//! `ArrowWriter` encodes all columns of a group side by side, each with compression contexts of its own, which is several
//! times as much as the rows.

use super::OutputError;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{FieldRef, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowWriterOptions, compute_leaves};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of one row group.
pub const GROUP_ROWS: usize = 8_192;

/// A file that is being written.
pub struct TableFile {
    path: PathBuf,
    schema: SchemaRef,
    writer: SerializedFileWriter<BufWriter<File>>,
    /// Rows of the group that is not full yet.
    rows: Vec<RecordBatch>,
    rows_count: usize,
}

impl TableFile {
    /// Makes the file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: PathBuf, schema: SchemaRef) -> Result<Self, OutputError> {
        let file = File::create(&path).map_err(|e| OutputError::io(&path, e))?;
        let options = ArrowWriterOptions::new().with_properties(properties());
        let writer =
            ArrowWriter::try_new_with_options(BufWriter::new(file), schema.clone(), options)
                .and_then(ArrowWriter::into_serialized_writer);
        let (writer, _) = writer.map_err(|e| OutputError::parquet(&path, e))?;
        Ok(TableFile { path, schema, writer, rows: Vec::new(), rows_count: 0 })
    }

    /// Adds rows; writes every group that they fill.
    ///
    /// # Errors
    /// A group cannot be written.
    pub fn write(&mut self, mut batch: RecordBatch) -> Result<(), OutputError> {
        while batch.num_rows() > 0 {
            let count = batch.num_rows().min(GROUP_ROWS - self.rows_count);
            self.rows.push(batch.slice(0, count));
            self.rows_count += count;
            batch = batch.slice(count, batch.num_rows() - count);
            if self.rows_count == GROUP_ROWS {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and ends the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn close(mut self) -> Result<PathBuf, OutputError> {
        self.flush()?;
        let mut file = self.writer.into_inner().map_err(|e| OutputError::parquet(&self.path, e))?;
        file.flush().map_err(|e| OutputError::io(&self.path, e))?;
        Ok(self.path)
    }

    /// Writes a group of rows whose columns are made one at a time, by number, behind groups that are full.
    ///
    /// # Errors
    /// A column cannot be made or written.
    pub fn write_group(
        &mut self,
        column: impl Fn(usize) -> Result<Vec<ArrayRef>, OutputError>,
    ) -> Result<(), OutputError> {
        debug_assert!(
            self.rows_count == 0,
            "Invariant: a group begins where the one before is full"
        );
        let fail = |e| OutputError::parquet(&self.path, e);
        let mut group = self.writer.next_row_group().map_err(fail)?;
        for (index, field) in self.schema.fields().iter().enumerate() {
            let column = encode(field, &column(index)?).map_err(fail)?;
            column.append_to_row_group(&mut group).map_err(fail)?;
        }
        group.close().map_err(fail)?;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        let rows = std::mem::take(&mut self.rows);
        self.rows_count = 0;
        if rows.is_empty() {
            return Ok(());
        }
        self.write_group(|index| Ok(rows.iter().map(|rows| rows.column(index).clone()).collect()))
    }
}

fn properties() -> WriterProperties {
    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build()
}

/// One column of a group, encoded.
fn encode(field: &FieldRef, parts: &[ArrayRef]) -> Result<ArrowColumnChunk, ParquetError> {
    // Encoders are made for all columns of a file at once: this is the file of one column, of which nothing is kept.
    let alone = Arc::new(Schema::new(vec![field.clone()]));
    let options =
        ArrowWriterOptions::new().with_properties(properties()).with_skip_arrow_metadata(true);
    let (_, encoders) = ArrowWriter::try_new_with_options(std::io::sink(), alone, options)?
        .into_serialized_writer()?;
    let mut encoders = encoders.create_column_writers(0)?;
    let mut encoder = encoders
        .pop()
        .ok_or_else(|| ParquetError::General("a column without an encoder".into()))?;
    for part in parts {
        for leaf in compute_leaves(field, part)? {
            encoder.write(&leaf)?;
        }
    }
    encoder.close()
}
