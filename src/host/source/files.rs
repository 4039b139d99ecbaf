//! Files as streams of rows, one symbol a stream, whatever their format.
//!
//! Invariants: files whose times do not overlap form one stream and are opened one after the other, so a year of
//! daily files is one open file; overlapping ones form streams of their own. Parts of a file that cannot hold rows of the span and the
//! symbol are not read. The end is proved: each part read holds as many rows as the file said when it was opened.

use super::cache::{self, Cache, CachedSource, Origin, file::Key, identity};
use super::decode::{Batch, SNAP_NS};
use super::{Chunk, DecodeConfig, RowSource, SourceError, SourceStats, columns, shape, share};
use arrow_schema::Schema;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A format of files.
pub(super) trait Format: 'static {
    /// Its name.
    const NAME: &'static str;
    /// By which a cache knows it; never changed.
    const KEY: &'static str;
    /// The least that is read or not read.
    type Piece: Clone + Send;
    /// A file that is being read.
    type Open: OpenFile + Send;

    /// What a file holds of each recipe's stream; `None` for nothing.
    fn parts(
        path: &Path,
        recipes: &[DecodeConfig],
    ) -> Result<Vec<Option<Part<Self::Piece>>>, SourceError>;
    /// Rows of a piece.
    fn rows(piece: &Self::Piece) -> u64;
    /// Opens a file to read these pieces of it.
    fn open(part: Part<Self::Piece>, config: &DecodeConfig) -> Result<Self::Open, SourceError>;
}

/// A file that is being read.
pub(super) trait OpenFile {
    /// The batch to decode on; `None` when the file is read.
    fn batch(
        &mut self,
        config: &DecodeConfig,
        stats: &mut SourceStats,
    ) -> Result<Option<&mut Batch>, SourceError>;
}

/// A file that holds rows of a stream.
#[derive(Clone, Debug)]
pub(super) struct Part<P> {
    pub path: PathBuf,
    pub pieces: Vec<P>,
    pub from_ns: i64,
    pub to_ns: i64,
    /// Whether the span leaves nothing of the file out.
    pub is_whole: bool,
}

impl<P> Part<P> {
    /// A file of which nothing is known yet.
    pub fn new(path: &Path) -> Self {
        let pieces = Vec::new();
        Part { path: path.into(), pieces, from_ns: i64::MAX, to_ns: i64::MIN, is_whole: true }
    }
}

/// A chain of files.
struct FileSource<F: Format> {
    config: DecodeConfig,
    parts: VecDeque<Part<F::Piece>>,
    names: Vec<String>,
    rows_total: u64,
    open: Option<F::Open>,
    stats: SourceStats,
}

/// Opens the streams of every recipe over `files`, which may come in any order; through a cache, if there is one, with one segment for
/// each file and symbol.
pub(super) fn open<F: Format>(
    files: &[PathBuf],
    recipes: &[DecodeConfig],
    cache: Option<&Arc<Cache>>,
) -> Result<Vec<Box<dyn RowSource>>, SourceError> {
    let mut parts: Vec<Vec<Part<F::Piece>>> = recipes.iter().map(|_| Vec::new()).collect();
    for path in files {
        for (part, parts) in F::parts(path, recipes)?.into_iter().zip(&mut parts) {
            parts.extend(part);
        }
    }
    let mut streams: Vec<(&DecodeConfig, Vec<Part<F::Piece>>)> = Vec::new();
    for (recipe, parts) in recipes.iter().zip(parts) {
        streams.extend(chains(parts).into_iter().map(|chain| (recipe, chain)));
    }
    if streams.is_empty() {
        // Nothing to read is a stream that ends at once; the run then says that it found no rows.
        streams.extend(recipes.first().map(|recipe| (recipe, Vec::new())));
    }
    let count = streams.len();
    let stream = |(recipe, chain): (&DecodeConfig, Vec<Part<F::Piece>>)| {
        let chunk_rows = share(recipe.chunk_rows, count);
        let recipe = DecodeConfig { chunk_rows, ..recipe.clone() };
        match cache {
            Some(cache) => through::<F>(cache, recipe, chain),
            None => Box::new(FileSource::<F>::new(recipe, chain)) as Box<dyn RowSource>,
        }
    };
    Ok(streams.into_iter().map(stream).collect())
}

/// Says whether every needed column of a file is there and can be read.
pub(super) fn check(
    schema: &Schema,
    place: &str,
    recipes: &[DecodeConfig],
) -> Result<(), SourceError> {
    // Every recipe is of the same source.
    let Some(recipe) = recipes.first() else { return columns::check(schema, place) };
    shape::check(&recipe.shape, place, |name| schema.column_with_name(name).is_some())?;
    shape::check_only(&recipe.shape, schema, place)?;
    columns::check(&shape::schema(&recipe.shape, schema, place)?, place)
}

/// A chain of files through a cache.
fn through<F: Format>(
    cache: &Arc<Cache>,
    recipe: DecodeConfig,
    chain: Vec<Part<F::Piece>>,
) -> Box<dyn RowSource> {
    let plain = FileSource::<F>::new(recipe.clone(), chain.clone());
    let origin = |part| {
        Box::new(FileOrigin::<F> { cache: cache.clone(), recipe: recipe.clone(), part })
            as Box<dyn Origin>
    };
    Box::new(CachedSource::new(
        cache.clone(),
        &recipe,
        chain.into_iter().map(origin).collect(),
        plain.describe(),
        plain.rows_total_hint(),
    ))
}

/// The rows of one symbol in one file.
struct FileOrigin<F: Format> {
    cache: Arc<Cache>,
    recipe: DecodeConfig,
    part: Part<F::Piece>,
}

impl<F: Format> Origin for FileOrigin<F> {
    fn key(&self) -> Result<Key, String> {
        let path = &self.part.path;
        let content = identity::content(self.cache.dir(), path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let mut recipe = self.recipe.clone();
        if self.part.is_whole {
            // Every span that holds the file whole gives the same rows, but for the gaps among them.
            // What is stamped within snapping of one may lie in it.
            let (from_ns, to_ns) = (self.part.from_ns, self.part.to_ns);
            recipe =
                recipe.over(from_ns.saturating_sub(SNAP_NS), to_ns.saturating_add(1 + SNAP_NS));
            (recipe.from_ns, recipe.to_ns) = (i64::MIN, i64::MAX);
        }
        let mut hasher = cache::begin_key(&recipe);
        cache::add_text(&mut hasher, F::KEY);
        // A row that is left out is told of by the file's name.
        cache::add_text(&mut hasher, &path.display().to_string());
        hasher.update(&content);
        Ok(hasher.finalize().into())
    }

    fn open(&self) -> Result<Box<dyn RowSource>, SourceError> {
        Ok(Box::new(FileSource::<F>::new(self.recipe.clone(), vec![self.part.clone()])))
    }
}

/// Splits files, by time, into as few chains as do not overlap.
fn chains<P>(mut parts: Vec<Part<P>>) -> Vec<Vec<Part<P>>> {
    parts.sort_by(|a, b| (a.from_ns, a.to_ns, &a.path).cmp(&(b.from_ns, b.to_ns, &b.path)));
    let mut chains: Vec<Vec<Part<P>>> = Vec::new();
    for part in parts {
        let fits =
            |chain: &Vec<Part<P>>| chain.last().is_some_and(|last| last.to_ns < part.from_ns);
        match chains.iter().position(fits) {
            Some(chain) => chains[chain].push(part),
            None => chains.push(vec![part]),
        }
    }
    chains
}

impl<F: Format> FileSource<F> {
    fn new(config: DecodeConfig, parts: Vec<Part<F::Piece>>) -> Self {
        FileSource {
            config,
            names: parts.iter().map(|part| part.path.display().to_string()).collect(),
            rows_total: parts.iter().flat_map(|part| &part.pieces).map(F::rows).sum(),
            parts: parts.into(),
            open: None,
            stats: SourceStats::default(),
        }
    }
}

impl<F: Format> RowSource for FileSource<F> {
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError> {
        out.clear();
        while out.events.len() < self.config.chunk_rows {
            let Some(open) = &mut self.open else {
                let Some(part) = self.parts.pop_front() else { break };
                self.open = Some(F::open(part, &self.config)?);
                continue;
            };
            match open.batch(&self.config, &mut self.stats)? {
                Some(batch) => {
                    batch.decode(self.config.chunk_rows, &self.config, out, &mut self.stats)?;
                }
                None => self.open = None,
            }
        }
        Ok(!out.events.is_empty())
    }

    fn stats(&self) -> &SourceStats {
        &self.stats
    }

    fn describe(&self) -> String {
        match self.names.as_slice() {
            [] => format!("{} files", F::NAME),
            [one] => one.clone(),
            [first, .., last] => format!("{first} to {last} ({} files)", self.names.len()),
        }
    }

    fn rows_total_hint(&self) -> Option<u64> {
        Some(self.rows_total)
    }
}
