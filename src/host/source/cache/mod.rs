//! The tape cache: decoded rows of a source, kept in files for later runs.
//!
//! A segment is the rows of one symbol in one Parquet file, or in one trading day of a ClickHouse table. The first pass
//! over it decodes, gives the rows on and writes them; later passes read what was written.
//!
//! Invariants: a run over the cache is the run without it: the same rows in the same order, the same counts. A
//! segment's key covers everything that its rows depend on: the source's content, symbol, span, settings of the
//! decoder, and the sources that this program was built from. What is stale, torn, damaged or foreign is never used: it
//! has another key, or is found out by its checksums, and is made again, in the middle of a run too. A cache that cannot be
//! read or written costs a warning and time, never a run.
//!
//! What guards against stale rows: see `identity` for Parquet, `crate::source::clickhouse` for a table. Both are asked
//! again before a segment gets its name, so that a source that was written to meanwhile leaves none.
//!
//! Cost: `benches/wall_cache.rs` has the figures, and those of the formats that were not chosen.

pub mod block;
pub mod file;
pub mod identity;
mod pack;
mod store;
#[cfg(test)]
mod tests;

use super::{Chunk, DecodeConfig, RowSource, SourceError, SourceStats};
use crate::provenance::BUILD;
use crate::server::Talk;
use crate::server::talk::Retries;
use block::BLOCK_ROWS;
use btcore::wire::{Depth, Event, kind};
use file::{Key, Reader, Writer};
use std::collections::VecDeque;
use std::sync::Arc;
pub use store::Cache;

/// What a segment is made from.
pub trait Origin: Send {
    /// The key of the rows as they are now.
    ///
    /// # Errors
    /// A sentence; the segment is not cached then.
    fn key(&self) -> Result<Key, String>;
    /// Begins to decode the rows.
    ///
    /// # Errors
    /// The source cannot be opened.
    fn open(&self) -> Result<Box<dyn RowSource>, SourceError>;
}

/// Begins a key: format, program, and how rows are decoded. The instrument's number is not part of it.
pub fn begin_key(config: &DecodeConfig) -> blake3::Hasher {
    // Taken apart, so that a new field cannot be forgotten here.
    let DecodeConfig {
        symbol,
        instrument: _,
        lot,
        negative_prices,
        from_ns,
        to_ns,
        gaps_ns,
        expired_ns,
        ts_grid_ns,
        malformed_skip,
        shape,
        chunk_rows: _,
    } = config;
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"btcore tape\0");
    hasher.update(&file::VERSION.to_le_bytes());
    add_text(&mut hasher, BUILD.source_hash);
    for size in [size_of::<Event>(), size_of::<Depth>()] {
        hasher.update(&(size as u64).to_le_bytes());
    }
    add_text(&mut hasher, symbol);
    hasher.update(&lot.to_le_bytes());
    hasher.update(&[u8::from(*negative_prices), u8::from(*malformed_skip)]);
    add_text(&mut hasher, &shape.text());
    let gaps = gaps_ns.iter().flat_map(|(from_ns, to_ns)| [from_ns, to_ns]);
    for ns in [from_ns, to_ns, expired_ns, ts_grid_ns].into_iter().chain(gaps) {
        hasher.update(&ns.to_le_bytes());
    }
    hasher
}

/// Adds a text that cannot run into the next one.
pub fn add_text(hasher: &mut blake3::Hasher, text: &str) {
    hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
}

/// One stream of rows over the cache.
pub struct CachedSource {
    cache: Arc<Cache>,
    instrument: u32,
    chunk_rows: usize,
    origins: VecDeque<Box<dyn Origin>>,
    segment: Option<Segment>,
    /// A block, or a source's chunk, of which not everything was given on yet.
    spare: Chunk,
    taken: (usize, usize),
    name: String,
    rows_total: Option<u64>,
    stats: SourceStats,
    talk: Option<Talk>,
}

/// The segment being read.
struct Segment {
    origin: Box<dyn Origin>,
    rows_given: u64,
    from: From,
}

enum From {
    Cache(Reader),
    Source { source: Box<dyn RowSource>, writer: Option<(Key, Writer)>, rows_known: u64 },
}

impl CachedSource {
    /// A stream of segments, one after the other; `name` and `rows_total` are the source's own.
    pub fn new(
        cache: Arc<Cache>,
        config: &DecodeConfig,
        origins: Vec<Box<dyn Origin>>,
        name: String,
        rows_total: Option<u64>,
    ) -> Self {
        CachedSource {
            cache,
            instrument: config.instrument,
            chunk_rows: config.chunk_rows,
            origins: origins.into(),
            segment: None,
            spare: Chunk::default(),
            taken: (0, 0),
            name,
            rows_total,
            stats: SourceStats::default(),
            talk: None,
        }
    }

    /// With the conversation that its origins have with a server.
    #[must_use]
    pub fn with_talk(self, talk: Talk) -> Self {
        CachedSource { talk: Some(talk), ..self }
    }

    /// Begins a segment: from the cache if it is there, else from the source.
    fn begin(&self, origin: Box<dyn Origin>) -> Result<Segment, SourceError> {
        let key = match origin.key() {
            Ok(key) => key,
            Err(error) => {
                self.cache.warn(&format!("{}: is not cached: {error}", self.name));
                let from = From::Source { source: origin.open()?, writer: None, rows_known: 0 };
                return Ok(Segment { origin, rows_given: 0, from });
            }
        };
        match self.cache.reader(&key, self.instrument) {
            Some(reader) => Ok(Segment { origin, rows_given: 0, from: From::Cache(reader) }),
            None => {
                let from = self.decode(origin.as_ref(), key, 0)?;
                Ok(Segment { origin, rows_given: 0, from })
            }
        }
    }

    /// Begins to decode a segment of which `rows_known` rows were given on already.
    fn decode(&self, origin: &dyn Origin, key: Key, rows_known: u64) -> Result<From, SourceError> {
        let writer = self.cache.writer(&key).map(|writer| (key, writer));
        Ok(From::Source { source: origin.open()?, writer, rows_known })
    }

    /// Adds the next rows of the segment to `out`, if whole blocks of the cache fit there, or puts them into `spare`, which
    /// is empty; false at the end of the segment.
    fn refill(&mut self, segment: &mut Segment, out: &mut Chunk) -> Result<bool, SourceError> {
        self.spare.clear();
        self.taken = (0, 0);
        if let From::Cache(reader) = &mut segment.from {
            let fits = out.events.len() + BLOCK_ROWS <= self.chunk_rows;
            let into = if fits { out } else { &mut self.spare };
            let before = into.events.len();
            match reader.next(into) {
                Ok(true) => {
                    segment.rows_given += (into.events.len() - before) as u64;
                    return Ok(true);
                }
                Ok(false) => {
                    add(&mut self.stats, reader.stats());
                    return Ok(false);
                }
                Err(refusal) => {
                    let key = reader.key();
                    self.cache.refuse(&key, &refusal);
                    segment.from = self.decode(segment.origin.as_ref(), key, segment.rows_given)?;
                }
            }
        }
        let From::Source { source, writer, rows_known } = &mut segment.from else {
            return Ok(false);
        };
        loop {
            if !source.next_chunk(&mut self.spare)? {
                let stats = source.stats();
                add(&mut self.stats, stats);
                if let Some((key, writer)) = writer.take() {
                    // A source that was written to meanwhile has another key by now.
                    match segment.origin.key() {
                        Ok(now) if now == key => self.cache.publish(writer, stats),
                        _ => self.cache.warn(&format!("{}: changed while it was read", self.name)),
                    }
                }
                return Ok(false);
            }
            if let Some((_, open)) = writer
                && let Err(error) = open.push(&self.spare)
            {
                self.cache.warn(&format!("{}: is not cached: {error}", self.name));
                *writer = None;
            }
            // Rows that came from the cache before it turned out to be damaged.
            let known = (*rows_known).min(self.spare.events.len() as u64) as usize;
            *rows_known -= known as u64;
            let books = self.spare.events[..known].iter().filter(|e| e.kind == kind::BOOK).count();
            self.taken = (known, books);
            if known < self.spare.events.len() {
                return Ok(true);
            }
        }
    }

    /// Moves rows of `spare` to `out` until the one is empty or the other is full.
    fn give(&mut self, out: &mut Chunk) {
        let (row, book) = self.taken;
        let (rest, room) = (self.spare.events.len() - row, self.chunk_rows - out.events.len());
        if room >= rest && out.events.is_empty() && row == 0 {
            std::mem::swap(out, &mut self.spare);
            return;
        }
        let events = &self.spare.events[row..row + rest.min(room)];
        let books = events.iter().filter(|event| event.kind == kind::BOOK).count();
        out.events.extend_from_slice(events);
        out.depths.extend_from_slice(&self.spare.depths[book..book + books]);
        out.seqs.extend_from_slice(&self.spare.seqs[row..row + events.len()]);
        self.taken = (row + events.len(), book + books);
    }
}

/// Adds the counts of a segment to those of the stream.
fn add(to: &mut SourceStats, of: &SourceStats) {
    let SourceStats { rows_read, rows_selected, skipped, skipped_first, books_cut } = of;
    to.rows_read += rows_read;
    to.rows_selected += rows_selected;
    to.books_cut += books_cut;
    for (reason, count) in skipped {
        *to.skipped.entry(reason.clone()).or_default() += count;
    }
    for (reason, place) in skipped_first {
        to.skipped_first.entry(reason.clone()).or_insert_with(|| place.clone());
    }
}

impl RowSource for CachedSource {
    fn next_chunk(&mut self, out: &mut Chunk) -> Result<bool, SourceError> {
        out.clear();
        while out.events.len() < self.chunk_rows {
            if self.taken.0 < self.spare.events.len() {
                self.give(out);
                continue;
            }
            let mut segment = match self.segment.take() {
                Some(segment) => segment,
                None => match self.origins.pop_front() {
                    Some(origin) => self.begin(origin)?,
                    None => break,
                },
            };
            if self.refill(&mut segment, out)? {
                self.segment = Some(segment);
            }
        }
        Ok(!out.events.is_empty())
    }

    fn stats(&self) -> &SourceStats {
        &self.stats
    }

    fn describe(&self) -> String {
        self.name.clone()
    }

    fn rows_total_hint(&self) -> Option<u64> {
        self.rows_total
    }

    fn retries(&self) -> Retries {
        self.talk.as_ref().map(Talk::retries).unwrap_or_default()
    }
}
