//! A tape: the rows of a whole run, merged and finished once, for any number of replays, on any threads.
//!
//! Invariants: it is whole before a replay looks at it, and nobody writes it afterwards; lanes over it come to the same as
//! lanes over streams. Cost: 372 bytes a row and two depth rows for each at most; where that is too much, a
//! replay of streams holds a window of it.

use super::replay::{Need, market_faults};
use crate::feed::{Feed, FeedConfig, Rows, class};
use crate::wire::{Fault, Instrument, Status};
use alloc::format;
use alloc::vec::Vec;

/// Rows of a whole run.
#[derive(Debug)]
pub struct Tape {
    pub(super) instruments: Vec<Instrument>,
    pub(super) config: FeedConfig,
    pub(super) feed: Feed,
}

impl Tape {
    /// An empty tape for `feed.window_rows` rows, marks of sessions included. Allocates, and touches memory as rows come.
    ///
    /// # Errors
    /// `INVALID_CONFIG` with every fault in one text.
    pub fn new(
        mut instruments: Vec<Instrument>,
        config: FeedConfig,
        streams: usize,
    ) -> Result<Self, Fault> {
        instruments.sort_by(|a, b| a.symbol.as_bytes().cmp(b.symbol.as_bytes()));
        let faults = market_faults(&instruments, &config, streams);
        if !faults.is_empty() {
            return Err(Fault::new(Status::InvalidConfig, faults.join("; ")));
        }
        let mut feed = Feed::new(config, streams, &instruments);
        // Whatever a lane may come to want.
        for books in [0, class::BOOK, class::TOUCH] {
            for trades in [0, class::TRADE] {
                feed.list(books | trades | class::SESSION);
            }
        }
        Ok(Tape { instruments, config, feed })
    }

    /// Takes rows of a stream until its buffer is full; returns how many were taken.
    ///
    /// # Errors
    /// As [`super::Replay::push`].
    pub fn push(&mut self, stream: usize, rows: Rows<'_>) -> Result<usize, Fault> {
        self.feed.push(stream, rows)
    }

    /// No more rows will come from this stream.
    pub fn close(&mut self, stream: usize) {
        self.feed.close(stream);
    }

    /// Merges what is at hand, and says what is needed to go on: `Nothing`, when the tape is whole.
    ///
    /// # Errors
    /// `FULL` when there are more rows than the tape holds.
    pub fn load(&mut self) -> Result<Need, Fault> {
        self.feed.pump();
        if self.feed.is_done() {
            return Ok(Need::Nothing);
        }
        match self.feed.starving() {
            Some(stream) if self.feed.window().has_room() => Ok(Need::Rows(stream)),
            _ => {
                let rows_max = self.config.window_rows;
                let message = format!("the tape holds {rows_max} rows, and more come");
                Err(Fault::new(Status::Full, message))
            }
        }
    }

    /// Rows, marks of sessions included.
    pub fn len(&self) -> u64 {
        self.feed.window().row_end()
    }

    /// Whether it holds no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
