//! Parquet files as streams of rows, one symbol a stream.
//!
//! Invariants, beside those of all files: row groups and files whose statistics
//! exclude the span or the symbol are not read; of a group that holds other symbols or times too, only the symbol
//! and the stamp of those rows are. Memory is one batch of at most `BATCH_ROWS` rows a stream. The end is proved: as
//! many rows of every group are met as its metadata promises.

use super::cache::Cache;
use super::columns::{self, ROW_NUMBER};
use super::decode::{Batch, span_inner, span_recorded, spans_recorded};
use super::files::{self, Format, OpenFile, Part};
use super::{DecodeConfig, RowSource, SourceError, SourceStats, shape};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};
use parquet::arrow::arrow_reader::{
    ArrowPredicateFn, ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowFilter,
};
use parquet::arrow::{ProjectionMask, RowNumber};
use parquet::basic::{LogicalType, SortOrder};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows decoded at a time, whatever the chunk.
const BATCH_ROWS: usize = 8_192;

/// The format.
struct Parquet;

/// A row group that may hold rows of a stream.
#[derive(Clone, Copy, Debug)]
struct Group {
    index: usize,
    /// Number of its first row in the file.
    row_first: u64,
    rows: u64,
    /// Whether its statistics leave open that it holds other rows too.
    is_mixed: bool,
}

/// The file being read.
struct Open {
    path: PathBuf,
    place: Arc<str>,
    file: File,
    metadata: ArrowReaderMetadata,
    groups: VecDeque<Group>,
    reading: Option<Reading>,
}

/// The group being read.
struct Reading {
    group: Group,
    reader: ParquetRecordBatchReader,
    /// Rows that the filter has met, where there is one.
    rows_filtered: Option<Arc<AtomicU64>>,
    rows_given: u64,
    batch: Option<Batch>,
}

/// Opens the streams of every recipe over `files`, which may come in any order.
///
/// # Errors
/// A file cannot be opened, is not Parquet, or lacks a column.
pub fn open(
    files: &[PathBuf],
    recipes: &[DecodeConfig],
) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    open_cached(files, recipes, None)
}

/// The same through a cache: one segment for each file and symbol.
///
/// # Errors
/// As [`open`].
pub fn open_cached(
    files: &[PathBuf],
    recipes: &[DecodeConfig],
    cache: Option<&Arc<Cache>>,
) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    files::open::<Parquet>(files, recipes, cache)
}

impl Format for Parquet {
    const NAME: &'static str = "Parquet";
    const KEY: &'static str = "parquet";
    type Piece = Group;
    type Open = Open;

    fn parts(
        path: &Path,
        recipes: &[DecodeConfig],
    ) -> Result<Vec<Option<Part<Group>>>, SourceError> {
        let (_, metadata) = load(path)?;
        files::check(metadata.schema(), &path.display().to_string(), recipes)?;
        Ok(recipes.iter().map(|recipe| part(path, metadata.metadata(), recipe)).collect())
    }

    fn rows(group: &Group) -> u64 {
        group.rows
    }

    fn open(part: Part<Group>, _: &DecodeConfig) -> Result<Open, SourceError> {
        Open::new(part)
    }
}

/// What a file holds of a stream, by its statistics; `None` for nothing.
fn part(path: &Path, metadata: &ParquetMetaData, recipe: &DecodeConfig) -> Option<Part<Group>> {
    let mut part = Part::new(path);
    let (inner_from_ns, inner_to_ns) = span_inner(recipe);
    let (span_from_ns, span_to_ns) = span_recorded(recipe);
    let name = recipe.shape.theirs("symbol");
    let mut row_first = 0;
    for (index, group) in metadata.row_groups().iter().enumerate() {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        let (from_ns, to_ns) = times(group, recipe.shape.theirs("exch_ts"));
        part.is_whole &= from_ns >= inner_from_ns && to_ns < inner_to_ns;
        if from_ns < span_to_ns && to_ns >= span_from_ns && may_hold(group, name, &recipe.symbol) {
            let is_mixed = from_ns < span_from_ns
                || to_ns >= span_to_ns
                || !recipe.shape.only.is_empty()
                || recipe.gaps_ns.iter().any(|gap| from_ns < gap.1 && gap.0 <= to_ns)
                || !holds_only(group, name, &recipe.symbol);
            part.pieces.push(Group { index, row_first, rows, is_mixed });
            part.from_ns = part.from_ns.min(from_ns);
            part.to_ns = part.to_ns.max(to_ns);
        }
        row_first += rows;
    }
    (!part.pieces.is_empty()).then_some(part)
}

/// A column's bounds, if they are of the order that they are asked about: old writers bounded strings as signed
/// bytes, and an unsigned stamp's bounds read as signed would exclude a group that holds rows.
fn statistics<'a>(
    group: &'a RowGroupMetaData,
    name: &str,
    order: SortOrder,
) -> Option<&'a Statistics> {
    let column = group.columns().iter().find(|c| c.column_path().string() == name)?;
    let statistics = column.statistics()?;
    // A timestamp's unit need not be ns.
    let is_stamp =
        matches!(column.column_descr().logical_type_ref(), Some(LogicalType::Timestamp { .. }));
    let is_usable = column.column_descr().sort_order() == order
        && !is_stamp
        && !statistics.is_min_max_deprecated();
    is_usable.then_some(statistics)
}

/// First and last stamp of a group; everything where the file does not tell.
fn times(group: &RowGroupMetaData, name: &str) -> (i64, i64) {
    match statistics(group, name, SortOrder::SIGNED) {
        Some(Statistics::Int64(stats)) => (
            stats.min_opt().copied().unwrap_or(i64::MIN),
            stats.max_opt().copied().unwrap_or(i64::MAX),
        ),
        _ => (i64::MIN, i64::MAX),
    }
}

fn may_hold(group: &RowGroupMetaData, name: &str, symbol: &str) -> bool {
    let Some(Statistics::ByteArray(stats)) = statistics(group, name, SortOrder::UNSIGNED) else {
        return true;
    };
    let bytes = symbol.as_bytes();
    stats.min_opt().is_none_or(|min| min.data() <= bytes)
        && stats.max_opt().is_none_or(|max| bytes <= max.data())
}

/// Whether a group holds nothing but this symbol and, possibly, rows without any. Bounds that are not exact prove
/// nothing.
fn holds_only(group: &RowGroupMetaData, name: &str, symbol: &str) -> bool {
    let Some(Statistics::ByteArray(stats)) = statistics(group, name, SortOrder::UNSIGNED) else {
        return false;
    };
    let is = |bound: Option<&parquet::data_type::ByteArray>| {
        bound.is_some_and(|bound| bound.data() == symbol.as_bytes())
    };
    stats.min_is_exact() && stats.max_is_exact() && is(stats.min_opt()) && is(stats.max_opt())
}

/// Opens a file and reads its metadata. Rows are numbered, since a filter leaves some out.
fn load(path: &Path) -> Result<(File, ArrowReaderMetadata), SourceError> {
    let fail = |message: String| SourceError::File { path: path.into(), message };
    let unreadable = |e| fail(format!("is not a Parquet file that can be read: {e}"));
    let file = File::open(path).map_err(|e| fail(e.to_string()))?;
    let number = Field::new(ROW_NUMBER, DataType::Int64, false).with_extension_type(RowNumber);
    let options = ArrowReaderOptions::new()
        .with_virtual_columns(vec![FieldRef::new(number)])
        .map_err(unreadable)?;
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(unreadable)?;
    Ok((file, metadata))
}

impl Open {
    fn new(part: Part<Group>) -> Result<Self, SourceError> {
        let (file, metadata) = load(&part.path)?;
        let place = part.path.display().to_string().into();
        let groups = part.pieces.into();
        Ok(Open { path: part.path, place, file, metadata, groups, reading: None })
    }

    fn fail(&self, message: String) -> SourceError {
        SourceError::File { path: self.path.clone(), message }
    }

    /// Holds the rows met in the group against its metadata.
    fn check_end(&self, stats: &mut SourceStats) -> Result<(), SourceError> {
        let Some(reading) = &self.reading else { return Ok(()) };
        let met = match &reading.rows_filtered {
            Some(filtered) => {
                let met = filtered.load(Ordering::Relaxed);
                // Rows that the filter left out were looked at, too.
                stats.rows_read += met.saturating_sub(reading.rows_given);
                met
            }
            None => reading.rows_given,
        };
        let Group { index, rows, .. } = reading.group;
        if met == rows {
            return Ok(());
        }
        Err(self.fail(format!("row group {index} ends after {met} rows, its metadata says {rows}")))
    }

    /// Begins a row group.
    fn begin(&self, group: Group, config: &DecodeConfig) -> Result<Reading, SourceError> {
        let file = self.file.try_clone().map_err(|e| self.fail(e.to_string()))?;
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let schema = self.metadata.parquet_schema();
        let theirs = |name: &'static str| config.shape.theirs(name);
        let has =
            |name: &str| builder.schema().column_with_name(config.shape.theirs(name)).is_some();
        let needed = columns::needed(&self.place, has)?;
        let mask = ProjectionMask::columns(schema, needed.map(theirs));
        let mut rows_filtered = None;
        if group.is_mixed {
            let met = Arc::new(AtomicU64::new(0));
            rows_filtered = Some(met.clone());
            let seen = ["symbol", "exch_ts"].map(theirs).into_iter();
            let seen = seen.chain(config.shape.only.keys().map(String::as_str));
            let mask = ProjectionMask::columns(schema, seen);
            let shape = config.shape.clone();
            let symbol = config.symbol.clone();
            let spans_ns = spans_recorded(config);
            let predicate = ArrowPredicateFn::new(mask, move |batch: RecordBatch| {
                met.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
                let passes = shape::passes(&shape, &batch)?;
                let batch = shape::standard(&shape, &batch, "");
                let batch = batch.map_err(|e| ArrowError::SchemaError(e.to_string()))?;
                may_select(&batch, &symbol, &spans_ns, &passes)
            });
            builder = builder.with_row_filter(RowFilter::new(vec![Box::new(predicate)]));
        }
        let reader = builder
            .with_projection(mask)
            .with_row_groups(vec![group.index])
            .with_batch_size(BATCH_ROWS)
            .build()
            .map_err(|e| self.fail(format!("row group {}: {e}", group.index)))?;
        Ok(Reading { group, reader, rows_filtered, rows_given: 0, batch: None })
    }
}

impl OpenFile for Open {
    fn batch(
        &mut self,
        config: &DecodeConfig,
        stats: &mut SourceStats,
    ) -> Result<Option<&mut Batch>, SourceError> {
        loop {
            let Some(reading) = &mut self.reading else {
                let Some(group) = self.groups.pop_front() else { return Ok(None) };
                self.reading = Some(self.begin(group, config)?);
                continue;
            };
            if reading.batch.as_ref().is_some_and(|batch| !batch.is_done()) {
                break;
            }
            let (row_first, given) = (reading.group.row_first, reading.rows_given);
            match reading.reader.next().transpose() {
                Err(error) => {
                    return Err(self.fail(format!("behind row {}: {error}", row_first + given)));
                }
                Ok(Some(batch)) => {
                    reading.rows_given += batch.num_rows() as u64;
                    let batch = shape::standard(&config.shape, &batch, &self.place)?;
                    reading.batch = Some(Batch::new(&batch, &self.place, row_first + given)?);
                }
                Ok(None) => {
                    self.check_end(stats)?;
                    self.reading = None;
                }
            }
        }
        Ok(self.reading.as_mut().and_then(|reading| reading.batch.as_mut()))
    }
}

/// Rows that the decoder must see: those of the symbol and the spans, and those that it must complain about, of those that pass.
fn may_select(
    batch: &RecordBatch,
    symbol: &str,
    spans_ns: &[(i64, i64)],
    passes: &BooleanArray,
) -> Result<BooleanArray, ArrowError> {
    let column = |name: &str, wanted: &DataType| {
        let array = batch.column_by_name(name).ok_or_else(|| {
            ArrowError::SchemaError(format!("the filter does not see column `{name}`"))
        })?;
        arrow_cast::cast(array, wanted)
    };
    let symbols = column("symbol", &DataType::Utf8)?;
    let symbols = symbols.as_string::<i32>();
    let stamps = column("exch_ts", &DataType::Int64)?;
    let stamps = stamps.as_primitive::<Int64Type>();
    Ok((0..batch.num_rows())
        .map(|row| {
            if !passes.value(row) {
                return Some(false);
            }
            if symbols.is_null(row) {
                return Some(true);
            }
            let ts_ns = stamps.value(row);
            let is_odd = stamps.is_null(row) || ts_ns <= 0;
            let after = spans_ns.partition_point(|span| span.0 <= ts_ns);
            let is_within = after > 0 && ts_ns < spans_ns[after - 1].1;
            Some(symbols.value(row) == symbol && (is_odd || is_within))
        })
        .collect())
}
