//! Arrow IPC files as streams of rows, one symbol a stream.
//!
//! Such a file has no statistics, so every batch's symbols and stamps are read when it is opened, and every batch that may hold rows of a
//! stream is read whole later; a batch is the least that is read. Invariants: a file has as many batches as its footer names, and as many
//! rows as an export says there; a batch has as many rows as it had when the file was opened. Memory: a batch a stream.

use super::cache::Cache;
use super::columns::{self, Places};
use super::decode::{Batch, span_inner, span_recorded};
use super::files::{self, Format, OpenFile, Part};
use super::ipc::IpcFile;
use super::{DecodeConfig, RowSource, SourceError, SourceStats, shape};
use arrow_array::Array;
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Opens the streams of every recipe over `files`, which may come in any order; through a cache, if there is one, with one segment for
/// each file and symbol.
///
/// # Errors
/// A file cannot be opened, is not Arrow, is damaged, or lacks a column.
pub fn open(
    files: &[PathBuf],
    recipes: &[DecodeConfig],
    cache: Option<&Arc<Cache>>,
) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    files::open::<Arrow>(files, recipes, cache)
}

/// The format.
struct Arrow;

/// A batch that holds rows of a stream.
#[derive(Clone, Copy, Debug)]
struct Piece {
    index: usize,
    /// Number of its first row in the file.
    row_first: u64,
    rows: u64,
}

/// The file being read.
struct Open {
    path: PathBuf,
    place: Arc<str>,
    file: IpcFile,
    pieces: VecDeque<Piece>,
    batch: Option<Batch>,
}

impl Format for Arrow {
    const NAME: &'static str = "Arrow";
    const KEY: &'static str = "arrow";
    type Piece = Piece;
    type Open = Open;

    fn parts(
        path: &Path,
        recipes: &[DecodeConfig],
    ) -> Result<Vec<Option<Part<Piece>>>, SourceError> {
        let fail = |message: String| SourceError::File { path: path.into(), message };
        let place = path.display().to_string();
        let Some(shape) = recipes.first().map(|recipe| recipe.shape.clone()) else {
            return Ok(Vec::new());
        };
        let names = ["symbol", "exch_ts"].map(|ours| shape.theirs(ours));
        let mut file = IpcFile::open(path).map_err(fail)?.only(&names);
        files::check(file.schema(), &place, recipes)?;
        let mut parts: Vec<Part<Piece>> = recipes.iter().map(|_| Part::new(path)).collect();
        let mut row_first = 0;
        for index in 0..file.batches() {
            let batch = file.batch(index);
            let batch = batch.map_err(|e| fail(format!("behind row {row_first}: {e}")))?;
            let places = columns::places(&shape::standard(&shape, &batch, &place)?, &place)?;
            let rows = batch.num_rows() as u64;
            look(&places, Piece { index, row_first, rows }, recipes, &mut parts);
            row_first += rows;
        }
        if let Some(told) = file.rows_told().filter(|told| *told != row_first) {
            return Err(fail(format!("holds {row_first} rows, its footer says {told}")));
        }
        let part = |mut part: Part<Piece>| {
            if part.from_ns > part.to_ns {
                // Nothing but rows to complain about, whenever they are.
                (part.from_ns, part.to_ns) = (i64::MIN, i64::MAX);
            }
            (!part.pieces.is_empty()).then_some(part)
        };
        Ok(parts.into_iter().map(part).collect())
    }

    fn rows(piece: &Piece) -> u64 {
        piece.rows
    }

    fn open(part: Part<Piece>, config: &DecodeConfig) -> Result<Open, SourceError> {
        let fail = |message: String| SourceError::File { path: part.path.clone(), message };
        let place: Arc<str> = part.path.display().to_string().into();
        let file = IpcFile::open(&part.path).map_err(fail)?;
        let has = |name: &str| file.schema().column_with_name(config.shape.theirs(name)).is_some();
        let needed =
            columns::needed(&place, has)?.map(|name| config.shape.theirs(name)).into_iter();
        let needed: Vec<&str> =
            needed.chain(config.shape.only.keys().map(String::as_str)).collect();
        let file = file.only(&needed);
        Ok(Open { path: part.path, place, file, pieces: part.pieces.into(), batch: None })
    }
}

/// Adds a batch to the parts of those whose rows are in it.
fn look(places: &Places, piece: Piece, recipes: &[DecodeConfig], parts: &mut [Part<Piece>]) {
    let numbers: BTreeMap<&str, usize> = recipes
        .iter()
        .enumerate()
        .map(|(number, recipe)| (recipe.symbol.as_str(), number))
        .collect();
    let mut is_wanted = vec![false; recipes.len()];
    let mut last: (&str, Option<usize>) = ("", None);
    for row in 0..places.symbol.len() {
        if places.symbol.is_null(row) {
            // Whoever reads it complains about it.
            is_wanted.fill(true);
            continue;
        }
        let symbol = places.symbol.value(row);
        if symbol != last.0 {
            last = (symbol, numbers.get(symbol).copied());
        }
        let Some(number) = last.1 else { continue };
        let (recipe, part) = (&recipes[number], &mut parts[number]);
        let ts_ns = places.exch_ts.value(row);
        if places.exch_ts.is_null(row) || ts_ns <= 0 {
            is_wanted[number] = true;
            continue;
        }
        let within = |(from_ns, to_ns): (i64, i64)| (from_ns..to_ns).contains(&ts_ns);
        part.is_whole &= within(span_inner(recipe));
        if within(span_recorded(recipe)) {
            is_wanted[number] = true;
            (part.from_ns, part.to_ns) = (part.from_ns.min(ts_ns), part.to_ns.max(ts_ns));
        }
    }
    for (part, _) in parts.iter_mut().zip(is_wanted).filter(|(_, is_wanted)| *is_wanted) {
        part.pieces.push(piece);
    }
}

impl OpenFile for Open {
    fn batch(
        &mut self,
        config: &DecodeConfig,
        stats: &mut SourceStats,
    ) -> Result<Option<&mut Batch>, SourceError> {
        while self.batch.as_ref().is_none_or(Batch::is_done) {
            let Some(piece) = self.pieces.pop_front() else { return Ok(None) };
            let fail = |message: String| SourceError::File { path: self.path.clone(), message };
            let behind = |e| fail(format!("behind row {}: {e}", piece.row_first));
            let gone = || behind("the file is another one than when it was opened".into());
            if piece.index >= self.file.batches() {
                return Err(gone());
            }
            let batch = self.file.batch(piece.index).map_err(behind)?;
            if batch.num_rows() as u64 != piece.rows {
                return Err(gone());
            }
            let batch = shape::chosen(&config.shape, &batch, piece.row_first).map_err(behind)?;
            stats.rows_read += piece.rows - batch.num_rows() as u64;
            let batch = shape::standard(&config.shape, &batch, &self.place)?;
            self.batch = Some(Batch::new(&batch, &self.place, piece.row_first)?);
        }
        Ok(self.batch.as_mut())
    }
}
