//! Rows of an answer that may be handed on, and those that may not yet.
//!
//! An answer is sorted by (exch_ts, ingest_ts, seq_no), and rows that are equal in all three come in any order. An answer
//! that was cut off can therefore be taken up behind a key, and not within the rows that share one.
//!
//! Invariants: rows are handed on up to the last key that is known to be complete: a greater one has come, or the end is
//! proved. What shares the last key is held back, over as many blocks as it takes. Memory: what is held back keeps
//! its block. Cost: a few comparisons a block.

use crate::source::SourceError;
use crate::source::columns::{self, Keys};
use arrow_array::RecordBatch;
use std::collections::VecDeque;

/// Where a row stands in an answer; `None` for a null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowKey {
    pub exch_ts: Option<i64>,
    pub ingest_ts: Option<i64>,
    pub seq_no: Option<u64>,
}

/// Rows between the server and who takes them.
#[derive(Default)]
pub(super) struct Held {
    /// Complete: rows, and the key of the last of them.
    ready: VecDeque<(RecordBatch, RowKey)>,
    /// All with this key.
    last: Vec<RecordBatch>,
    key: Option<RowKey>,
}

impl Held {
    /// Takes the next rows of the answer.
    ///
    /// # Errors
    /// They have no such columns.
    pub fn push(&mut self, batch: RecordBatch, place: &str) -> Result<(), SourceError> {
        let Some(row_last) = batch.num_rows().checked_sub(1) else { return Ok(()) };
        let keys = columns::keys(&batch, place)?;
        let key = key(&keys, row_last);
        let mut cut = row_last;
        while cut > 0 && self::key(&keys, cut - 1) == key {
            cut -= 1;
        }
        if cut > 0 || self.key != Some(key) {
            self.release();
        }
        if cut > 0 {
            self.ready.push_back((batch.slice(0, cut), self::key(&keys, cut - 1)));
        }
        self.last.push(batch.slice(cut, batch.num_rows() - cut));
        self.key = Some(key);
        Ok(())
    }

    /// Says that the rows held back are complete.
    pub fn release(&mut self) {
        if let Some(key) = self.key.take() {
            self.ready.extend(self.last.drain(..).map(|batch| (batch, key)));
        }
    }

    /// Forgets what was not handed on.
    pub fn forget(&mut self) {
        *self = Held::default();
    }

    /// The next rows that may be handed on, and the key of the last of them.
    pub fn next(&mut self) -> Option<(RecordBatch, RowKey)> {
        self.ready.pop_front()
    }

    /// Rows that were taken and not handed on.
    pub fn rows(&self) -> u64 {
        let ready = self.ready.iter().map(|(batch, _)| batch);
        ready.chain(&self.last).map(|batch| batch.num_rows() as u64).sum()
    }
}

fn key(keys: &Keys, row: usize) -> RowKey {
    use arrow_array::Array;
    RowKey {
        exch_ts: keys.exch_ts.is_valid(row).then(|| keys.exch_ts.value(row)),
        ingest_ts: keys.ingest_ts.is_valid(row).then(|| keys.ingest_ts.value(row)),
        seq_no: keys.seq_no.is_valid(row).then(|| keys.seq_no.value(row)),
    }
}
