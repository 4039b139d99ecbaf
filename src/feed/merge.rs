//! The k-way merge of streams into one total order.
//!
//! Invariants: `heap` holds the streams whose head is settled, smallest head on top; a row is given out only
//! when every open stream has a settled head, so that chunking cannot change the order. Cost: O(log k) a row.

use super::stream::{Row, Stream, order};
use crate::wire::{Depth, Event, Fault};
use alloc::vec::Vec;

/// The merge.
#[derive(Debug)]
pub struct Merge {
    streams: Vec<Stream>,
    heap: Vec<usize>,
    in_heap: Vec<bool>,
    trade_first: bool,
}

impl Merge {
    /// A merge of `count` streams. Allocates once.
    pub fn new(count: usize, rows_max: usize, reorder_ns: i64, trade_first: bool) -> Self {
        Merge {
            streams: (0..count).map(|_| Stream::new(rows_max, reorder_ns, trade_first)).collect(),
            heap: Vec::with_capacity(count),
            in_heap: alloc::vec![false; count],
            trade_first,
        }
    }

    /// Streams of the merge.
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether `stream` can take another row.
    pub fn has_room(&self, stream: usize) -> bool {
        self.streams[stream].has_room()
    }

    /// Whether the first row of `stream` is certain to be its next.
    pub fn is_settled(&self, stream: usize) -> bool {
        self.streams[stream].head().is_some()
    }

    /// Rows that `stream` took so far.
    pub fn rows_taken(&self, stream: usize) -> u64 {
        self.streams[stream].rows_taken()
    }

    /// Takes a row of a stream. See [`Stream::push`]. A settled head stays the head: later rows lie behind it.
    pub fn push(
        &mut self,
        stream: usize,
        event: &Event,
        depth: &Depth,
        seq: u64,
    ) -> Result<bool, Fault> {
        let moved = self.streams[stream].push(event, depth, seq)?;
        self.settle(stream);
        Ok(moved)
    }

    /// Closes a stream.
    pub fn close(&mut self, stream: usize) {
        self.streams[stream].close();
        self.settle(stream);
    }

    /// The first open stream whose head is not settled: it must be fed before the merge can go on.
    pub fn starving(&self) -> Option<usize> {
        (0..self.streams.len()).find(|&s| !self.in_heap[s] && !self.streams[s].is_done())
    }

    /// Whether every stream is closed and empty.
    pub fn is_done(&self) -> bool {
        self.streams.iter().all(Stream::is_done)
    }

    /// The next row of the total order. Call only when nothing is starving.
    #[inline]
    pub fn peek(&self) -> Option<&Row> {
        self.streams[*self.heap.first()?].head()
    }

    /// Takes that row away.
    #[inline]
    pub fn pop(&mut self) {
        let Some(&stream) = self.heap.first() else { return };
        self.streams[stream].pop();
        if self.streams[stream].head().is_none() {
            self.in_heap[stream] = false;
            self.heap.swap_remove(0);
        }
        if self.heap.len() > 1 {
            self.sift_down(0);
        }
    }

    /// Whether the stream that gave the last row has another settled one: the cheap test between two pops.
    pub fn all_settled(&self) -> bool {
        self.heap.len() == self.streams.len() || self.starving().is_none()
    }

    fn settle(&mut self, stream: usize) {
        if !self.in_heap[stream] && self.streams[stream].head().is_some() {
            self.in_heap[stream] = true;
            self.heap.push(stream);
            self.sift_up(self.heap.len() - 1);
        }
    }

    fn less(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.heap[a], self.heap[b]);
        match (self.streams[a].head(), self.streams[b].head()) {
            (Some(x), Some(y)) => order(x, y, self.trade_first).is_lt(),
            _ => false,
        }
    }

    fn sift_up(&mut self, mut place: usize) {
        while place > 0 && self.less(place, (place - 1) / 2) {
            self.heap.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }

    fn sift_down(&mut self, mut place: usize) {
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let mut least = place;
            if left < self.heap.len() && self.less(left, least) {
                least = left;
            }
            if right < self.heap.len() && self.less(right, least) {
                least = right;
            }
            if least == place {
                return;
            }
            self.heap.swap(place, least);
            place = least;
        }
    }
}
