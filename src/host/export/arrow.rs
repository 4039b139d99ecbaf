//! An Arrow IPC file of rows, each buffer compressed by zstd.
//!
//! Invariants: batches hold `BATCH_ROWS` rows, the last one what is left, however the rows come, so the bytes are a function of the
//! rows; the footer says how many rows there are. Memory: a batch, and those that it is made of.

use crate::output::OutputError;
use crate::source::ipc::ROWS_KEY;
use arrow_array::RecordBatch;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::concat::concat_batches;
use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

/// Rows of one batch: the least that is read, and what a reader holds.
const BATCH_ROWS: usize = 8_192;

/// A file that is being written.
pub struct ArrowFile {
    path: PathBuf,
    schema: SchemaRef,
    writer: FileWriter<BufWriter<File>>,
    /// Rows of the batch that is not full yet.
    rows: Vec<RecordBatch>,
    rows_count: usize,
    rows_total: u64,
}

impl ArrowFile {
    /// Makes the file.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: PathBuf, schema: SchemaRef) -> Result<Self, OutputError> {
        let file = File::create_new(&path).map_err(|e| OutputError::io(&path, e))?;
        let writer =
            IpcWriteOptions::default().try_with_compression(Some(CompressionType::ZSTD)).and_then(
                |options| FileWriter::try_new_with_options(BufWriter::new(file), &schema, options),
            );
        let writer = writer.map_err(|e| OutputError::arrow(&path, e))?;
        Ok(ArrowFile { path, schema, writer, rows: Vec::new(), rows_count: 0, rows_total: 0 })
    }

    /// Adds rows; writes every batch that they fill.
    ///
    /// # Errors
    /// A batch cannot be written.
    pub fn write(&mut self, mut batch: RecordBatch) -> Result<(), OutputError> {
        self.rows_total += batch.num_rows() as u64;
        while batch.num_rows() > 0 {
            let count = batch.num_rows().min(BATCH_ROWS - self.rows_count);
            self.rows.push(batch.slice(0, count));
            self.rows_count += count;
            batch = batch.slice(count, batch.num_rows() - count);
            if self.rows_count == BATCH_ROWS {
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
        self.writer.write_metadata(ROWS_KEY, self.rows_total.to_string());
        self.writer.finish().map_err(|e| OutputError::arrow(&self.path, e))?;
        Ok(self.path)
    }

    fn flush(&mut self) -> Result<(), OutputError> {
        let rows = std::mem::take(&mut self.rows);
        self.rows_count = 0;
        if rows.is_empty() {
            return Ok(());
        }
        let batch = concat_batches(&self.schema, &rows);
        let written = batch.and_then(|batch: RecordBatch| self.writer.write(&batch));
        written.map_err(|e: ArrowError| OutputError::arrow(&self.path, e))
    }
}
