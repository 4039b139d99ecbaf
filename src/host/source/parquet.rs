//! Parquet files as streams of rows, one symbol a stream.
//!
//! Invariants: files whose times do not overlap form one stream and are opened one after the other, so a year of
//! daily files is one open file; overlapping ones form streams of their own. Row groups and files whose statistics
//! exclude the span or the symbol are not read. Memory is one batch of at most `BATCH_ROWS` rows a stream. The end
//! is proved: the rows of every group read are the ones its metadata promises.

use super::decode::{self, COLUMNS};
use super::{Chunk, DecodeConfig, RowSource, SourceError, SourceStats};
use arrow_schema::Schema;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Rows decoded at a time, whatever the chunk.
const BATCH_ROWS: usize = 8_192;

/// A file that holds rows of a stream, as its metadata tells.
#[derive(Clone, Debug)]
struct Part {
    path: PathBuf,
    groups: Vec<usize>,
    /// Number of the first row of each of `groups` in the file.
    rows_first: Vec<u64>,
    rows: u64,
    from_ns: i64,
    to_ns: i64,
}

/// A chain of files.
pub struct ParquetSource {
    config: DecodeConfig,
    parts: VecDeque<Part>,
    names: Vec<String>,
    rows_total: u64,
    open: Option<Open>,
    stats: SourceStats,
}

/// The group being read.
struct Open {
    part: Part,
    next_group: usize,
    reader: Option<ParquetRecordBatchReader>,
    row: u64,
    row_end: u64,
}

/// Opens the streams of every recipe over `files`.
///
/// # Errors
/// A file cannot be opened, is not Parquet, or lacks a column.
pub fn open(
    files: &[PathBuf],
    recipes: &[DecodeConfig],
) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    let mut streams: Vec<Box<dyn RowSource>> = Vec::new();
    let mut parts: Vec<Vec<Part>> = recipes.iter().map(|_| Vec::new()).collect();
    for path in files {
        let builder = builder(path)?;
        check_columns(builder.schema(), path)?;
        for (recipe, parts) in recipes.iter().zip(&mut parts) {
            parts.extend(part(path, builder.metadata(), recipe));
        }
    }
    for (recipe, parts) in recipes.iter().zip(parts) {
        for chain in chains(parts) {
            streams.push(Box::new(ParquetSource::new(recipe.clone(), chain)));
        }
    }
    if streams.is_empty() {
        // Nothing to read is a stream that ends at once; the run then says that it found no rows.
        let recipe = recipes.first().cloned();
        streams.extend(
            recipe.map(|recipe| {
                Box::new(ParquetSource::new(recipe, Vec::new())) as Box<dyn RowSource>
            }),
        );
    }
    Ok(streams)
}

/// Splits files, by time, into as few chains as do not overlap.
fn chains(mut parts: Vec<Part>) -> Vec<Vec<Part>> {
    parts.sort_by(|a, b| (a.from_ns, a.to_ns, &a.path).cmp(&(b.from_ns, b.to_ns, &b.path)));
    let mut chains: Vec<Vec<Part>> = Vec::new();
    for part in parts {
        let fits = |chain: &Vec<Part>| chain.last().is_some_and(|last| last.to_ns < part.from_ns);
        match chains.iter().position(fits) {
            Some(chain) => chains[chain].push(part),
            None => chains.push(vec![part]),
        }
    }
    chains
}

/// What a file holds of a stream, by its statistics; `None` for nothing.
fn part(path: &Path, metadata: &ParquetMetaData, recipe: &DecodeConfig) -> Option<Part> {
    let mut part = Part {
        path: path.into(),
        groups: Vec::new(),
        rows_first: Vec::new(),
        rows: 0,
        from_ns: i64::MAX,
        to_ns: i64::MIN,
    };
    let mut row = 0;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        let (from_ns, to_ns) = times(group);
        if from_ns < recipe.to_ns && to_ns >= recipe.from_ns && may_hold(group, &recipe.symbol) {
            part.groups.push(index);
            part.rows_first.push(row);
            part.rows += rows;
            part.from_ns = part.from_ns.min(from_ns);
            part.to_ns = part.to_ns.max(to_ns);
        }
        row += rows;
    }
    (!part.groups.is_empty()).then_some(part)
}

fn statistics<'a>(group: &'a RowGroupMetaData, name: &str) -> Option<&'a Statistics> {
    group.columns().iter().find(|c| c.column_path().string() == name)?.statistics()
}

/// First and last stamp of a group; everything where the file does not tell.
fn times(group: &RowGroupMetaData) -> (i64, i64) {
    match statistics(group, "exch_ts") {
        Some(Statistics::Int64(stats)) => (
            stats.min_opt().copied().unwrap_or(i64::MIN),
            stats.max_opt().copied().unwrap_or(i64::MAX),
        ),
        _ => (i64::MIN, i64::MAX),
    }
}

fn may_hold(group: &RowGroupMetaData, symbol: &str) -> bool {
    let Some(Statistics::ByteArray(stats)) = statistics(group, "symbol") else { return true };
    let bytes = symbol.as_bytes();
    stats.min_opt().is_none_or(|min| min.data() <= bytes)
        && stats.max_opt().is_none_or(|max| bytes <= max.data())
}

fn builder(path: &Path) -> Result<ParquetRecordBatchReaderBuilder<File>, SourceError> {
    let fail = |message: String| SourceError::File { path: path.into(), message };
    let file = File::open(path).map_err(|e| fail(e.to_string()))?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .map_err(|e| fail(format!("is not a Parquet file that can be read: {e}")))
}

fn check_columns(schema: &Schema, path: &Path) -> Result<(), SourceError> {
    let place = path.display().to_string();
    let missing = COLUMNS.into_iter().find(|name| schema.column_with_name(name).is_none());
    if let Some(column) = missing {
        return Err(SourceError::Column { place, column, message: "is missing".into() });
    }
    match decode::aggressor(schema) {
        Some(_) => Ok(()),
        None => Err(SourceError::Column {
            place,
            column: decode::AGGRESSOR[0],
            message: "is missing, and so is `side`".into(),
        }),
    }
}

impl ParquetSource {
    fn new(config: DecodeConfig, parts: Vec<Part>) -> Self {
        ParquetSource {
            config,
            names: parts.iter().map(|part| part.path.display().to_string()).collect(),
            rows_total: parts.iter().map(|part| part.rows).sum(),
            parts: parts.into(),
            open: None,
            stats: SourceStats::default(),
        }
    }

    /// Decodes one more batch into `out`; false when every file is read.
    fn read(&mut self, batch_rows: usize, out: &mut Chunk) -> Result<bool, SourceError> {
        loop {
            let Some(open) = &mut self.open else {
                let Some(part) = self.parts.pop_front() else { return Ok(false) };
                let open = Open { part, next_group: 0, reader: None, row: 0, row_end: 0 };
                self.open = Some(open);
                continue;
            };
            let fail = |message| SourceError::File { path: open.part.path.clone(), message };
            let Some(reader) = &mut open.reader else {
                if !open.next_group(batch_rows)? {
                    self.open = None;
                }
                continue;
            };
            match reader.next() {
                Some(batch) => {
                    let batch = batch.map_err(|e| fail(format!("behind row {}: {e}", open.row)))?;
                    let place = open.part.path.display().to_string();
                    let (config, stats) = (&self.config, &mut self.stats);
                    decode::decode(&batch, &place, open.row, config, out, stats)?;
                    open.row += batch.num_rows() as u64;
                    return Ok(true);
                }
                None if open.row != open.row_end => {
                    let (row, end) = (open.row, open.row_end);
                    return Err(fail(format!("ends at row {row}, its metadata says {end}")));
                }
                None => open.reader = None,
            }
        }
    }
}

impl Open {
    /// Begins the next row group; false when the file is read.
    fn next_group(&mut self, batch_rows: usize) -> Result<bool, SourceError> {
        let Some(&group) = self.part.groups.get(self.next_group) else { return Ok(false) };
        let builder = builder(&self.part.path)?;
        let rows = builder.metadata().row_group(group).num_rows();
        let columns = COLUMNS.into_iter().chain(decode::aggressor(builder.schema()));
        let columns: Vec<&str> = columns.collect();
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns);
        let reader = builder
            .with_projection(mask)
            .with_row_groups(vec![group])
            .with_batch_size(batch_rows)
            .build();
        let path = self.part.path.clone();
        let message = |e: parquet::errors::ParquetError| e.to_string();
        self.reader = Some(reader.map_err(|e| SourceError::File { path, message: message(e) })?);
        self.row = self.part.rows_first[self.next_group];
        self.row_end = self.row + u64::try_from(rows).unwrap_or(0);
        self.next_group += 1;
        Ok(true)
    }
}

impl RowSource for ParquetSource {
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError> {
        out.clear();
        let batch_rows = self.config.chunk_rows.min(BATCH_ROWS);
        while out.events.len() + batch_rows <= self.config.chunk_rows || out.events.is_empty() {
            if !self.read(batch_rows, out)? {
                break;
            }
        }
        Ok(!out.events.is_empty())
    }

    fn stats(&self) -> &SourceStats {
        &self.stats
    }

    fn describe(&self) -> String {
        match self.names.as_slice() {
            [] => "Parquet files".into(),
            [one] => one.clone(),
            [first, .., last] => format!("{first} to {last} ({} files)", self.names.len()),
        }
    }

    fn rows_total_hint(&self) -> Option<u64> {
        Some(self.rows_total)
    }
}
