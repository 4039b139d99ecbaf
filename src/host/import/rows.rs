//! The rows of a file, whatever it is, in batches of one size.
//!
//! Invariants: a file is known by its first bytes, not by its name; batches hold `BATCH_ROWS` rows, the last one what is left, so equal rows
//! make equal batches in either format. Memory: a batch, and those that it is made of.

use crate::source::SourceError;
use crate::source::ipc::{self, IpcFile};
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};

/// Rows of a batch. Blocks of another size would have other tokens.
const BATCH_ROWS: usize = 65_536;

/// A file that is open, and its columns.
pub struct Rows {
    path: PathBuf,
    file: Kind,
}

enum Kind {
    Parquet(Box<ParquetRecordBatchReaderBuilder<File>>),
    Arrow(IpcFile),
}

/// The batches of a file.
pub type Batches = Box<dyn Iterator<Item = Result<RecordBatch, SourceError>>>;

impl Rows {
    /// Opens a file.
    ///
    /// # Errors
    /// It is of no format that can be read.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let fail = |message: String| SourceError::File { path: path.into(), message };
        let mut file = File::open(path).map_err(|e| fail(e.to_string()))?;
        let mut magic = Vec::new();
        let read = file.by_ref().take(ipc::MAGIC.len() as u64).read_to_end(&mut magic);
        read.and_then(|_| file.rewind()).map_err(|e| fail(e.to_string()))?;
        let file = if magic == ipc::MAGIC {
            Kind::Arrow(IpcFile::open(path).map_err(fail)?)
        } else {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file);
            let builder = builder.map_err(|e| {
                fail(format!("is not a Parquet or Arrow file that can be read: {e}"))
            })?;
            Kind::Parquet(Box::new(builder))
        };
        Ok(Rows { path: path.into(), file })
    }

    /// All columns of the file.
    pub fn schema(&self) -> &Schema {
        match &self.file {
            Kind::Parquet(builder) => builder.schema(),
            Kind::Arrow(file) => file.schema(),
        }
    }

    /// Reads the file, of its columns only these.
    ///
    /// # Errors
    /// It cannot be begun.
    pub fn batches(self, names: &[&str]) -> Result<Batches, SourceError> {
        let fail = move |message: String| SourceError::File { path: self.path.clone(), message };
        let behind = |row: u64, e: &dyn std::fmt::Display| format!("behind row {row}: {e}");
        let mut row = 0;
        match self.file {
            Kind::Parquet(builder) => {
                let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
                let reader = builder.with_projection(mask).with_batch_size(BATCH_ROWS).build();
                let reader = reader.map_err(|e| fail(e.to_string()))?;
                Ok(Box::new(reader.map(move |batch| {
                    let batch = batch.map_err(|e| fail(behind(row, &e)))?;
                    row += batch.num_rows() as u64;
                    Ok(batch)
                })))
            }
            Kind::Arrow(file) => {
                let mut parts = Parts { file: file.only(names), next: 0, held: VecDeque::new() };
                Ok(Box::new(std::iter::from_fn(move || match parts.batch() {
                    Ok(batch) => {
                        row += batch.as_ref().map_or(0, RecordBatch::num_rows) as u64;
                        batch.map(Ok)
                    }
                    Err(e) => Some(Err(fail(behind(row, &e)))),
                })))
            }
        }
    }
}

/// Batches as they are in a file, cut and joined.
struct Parts {
    file: IpcFile,
    next: usize,
    held: VecDeque<RecordBatch>,
}

impl Parts {
    fn batch(&mut self) -> Result<Option<RecordBatch>, String> {
        let rows =
            |held: &VecDeque<RecordBatch>| held.iter().map(RecordBatch::num_rows).sum::<usize>();
        while rows(&self.held) < BATCH_ROWS && self.next < self.file.batches() {
            self.held.push_back(self.file.batch(self.next)?);
            self.next += 1;
        }
        let mut taken: Vec<RecordBatch> = Vec::new();
        let mut wanted = BATCH_ROWS;
        while let Some(first) = self.held.pop_front() {
            let count = first.num_rows().min(wanted);
            taken.push(first.slice(0, count));
            wanted -= count;
            if count < first.num_rows() {
                self.held.push_front(first.slice(count, first.num_rows() - count));
                break;
            }
        }
        let Some(first) = taken.first() else { return Ok(None) };
        let schema: SchemaRef = first.schema();
        let batch = concat_batches(&schema, &taken).map_err(|e| e.to_string())?;
        Ok((batch.num_rows() > 0).then_some(batch))
    }
}
