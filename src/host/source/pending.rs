//! The chunk of one stream on its way into the core, and how much of it was taken.

use super::{Chunk, RowSource, SourceError};
use btcore::engine::Replay;
use btcore::feed::{Feed, Rows};
use btcore::strategy::Strategy;
use btcore::wire::{Fault, kind};

/// Who takes rows of streams.
pub trait Taker {
    /// Takes rows of a stream; returns how many.
    ///
    /// # Errors
    /// A row cannot be one.
    fn push(&mut self, stream: usize, rows: Rows<'_>) -> Result<usize, Fault>;
    /// No more rows will come from this stream.
    fn close(&mut self, stream: usize);
}

impl<S: Strategy> Taker for Replay<S> {
    fn push(&mut self, stream: usize, rows: Rows<'_>) -> Result<usize, Fault> {
        Replay::push(self, stream, rows)
    }
    fn close(&mut self, stream: usize) {
        Replay::close(self, stream);
    }
}

impl Taker for Feed {
    fn push(&mut self, stream: usize, rows: Rows<'_>) -> Result<usize, Fault> {
        Feed::push(self, stream, rows)
    }
    fn close(&mut self, stream: usize) {
        Feed::close(self, stream);
    }
}

/// Why a stream could not be fed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The core refused a row.
    #[error("{0}")]
    Fault(Fault),
}

/// The chunk of a stream, and how much of it was taken.
#[derive(Default)]
pub struct Pending {
    chunk: Chunk,
    rows_taken: usize,
    books_taken: usize,
}

impl Pending {
    /// Begins with an empty chunk.
    pub fn of(chunk: Chunk) -> Self {
        Pending { chunk, rows_taken: 0, books_taken: 0 }
    }

    /// Whether all of it was taken.
    pub fn is_taken(&self) -> bool {
        self.rows_taken == self.chunk.events.len()
    }

    /// Takes another chunk in, for the one that it gives back.
    pub fn replace(&mut self, chunk: Chunk) -> Chunk {
        (self.rows_taken, self.books_taken) = (0, 0);
        std::mem::replace(&mut self.chunk, chunk)
    }

    /// Gives rows of `source` to `taker`, or closes the stream. Calls `note` with every new chunk.
    ///
    /// # Errors
    /// The source failed, or a row was refused; both name the place.
    pub fn feed(
        &mut self,
        taker: &mut impl Taker,
        stream: usize,
        source: &mut dyn RowSource,
        note: impl FnOnce(&Chunk),
    ) -> Result<(), FeedError> {
        if self.is_taken() {
            (self.rows_taken, self.books_taken) = (0, 0);
            if !source.next_chunk(&mut self.chunk)? {
                taker.close(stream);
                return Ok(());
            }
            note(&self.chunk);
        }
        self.push(taker, stream, || source.describe())
    }

    /// Gives what is left of the chunk to `taker`, as much as it takes. `place` names the source.
    ///
    /// # Errors
    /// A row was refused.
    pub fn push(
        &mut self,
        taker: &mut impl Taker,
        stream: usize,
        place: impl FnOnce() -> String,
    ) -> Result<(), FeedError> {
        let rest = &self.chunk.events[self.rows_taken..];
        let rows = Rows {
            events: rest,
            depths: &self.chunk.depths[self.books_taken..],
            seqs: &self.chunk.seqs[self.rows_taken..],
        };
        let taken = taker.push(stream, rows).map_err(|fault| {
            let message = format!("{}: {}", place(), fault.message);
            FeedError::Fault(Fault { status: fault.status, message })
        })?;
        self.books_taken += rest[..taken].iter().filter(|e| e.kind == kind::BOOK).count();
        self.rows_taken += taken;
        Ok(())
    }
}
