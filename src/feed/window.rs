//! The replay window: the rows that lanes may still look at, in one piece of memory.
//!
//! Invariants: rows are numbered from 0 over the whole run and their numbers never change; a row's depth row
//! is in the window as long as the row is. Both arrays are allocated once; when they are full, the rows behind
//! every lane are dropped and the rest moves to the front, so the cost is amortised over at least half a window.

use crate::wire::{Depth, Event};
use alloc::vec::Vec;

/// Rows and depth rows in force.
#[derive(Debug)]
pub struct Window {
    events: Vec<Event>,
    depths: Vec<Depth>,
    rows_max: usize,
    row_first: u64,
    depth_first: u32,
}

impl Window {
    /// An empty window of `rows_max` rows. Allocates `rows_max` x 320 bytes, once.
    pub fn new(rows_max: usize) -> Self {
        Window {
            events: Vec::with_capacity(rows_max),
            depths: Vec::with_capacity(2 * rows_max),
            rows_max,
            row_first: 0,
            depth_first: 0,
        }
    }

    /// Number of the first row held.
    pub fn row_first(&self) -> u64 {
        self.row_first
    }

    /// Number that the next row will have.
    pub fn row_end(&self) -> u64 {
        self.row_first + self.events.len() as u64
    }

    /// Whether another row fits.
    pub fn has_room(&self) -> bool {
        self.events.len() < self.rows_max && self.depths.len() < 2 * self.rows_max
    }

    /// The row of this number, which must be held.
    #[inline]
    pub fn event(&self, row: u64) -> Option<&Event> {
        self.events.get((row.wrapping_sub(self.row_first)) as usize)
    }

    /// The depth row of this index, which must be held.
    #[inline]
    pub fn depth(&self, depth_ix: u32) -> &Depth {
        &self.depths[depth_ix.wrapping_sub(self.depth_first) as usize]
    }

    /// The last row held.
    pub fn last(&self) -> Option<&Event> {
        self.events.last()
    }

    /// Index that the next depth row will have.
    pub fn depth_end(&self) -> u32 {
        self.depth_first.wrapping_add(self.depths.len() as u32)
    }

    /// Whether a new row may point at this depth row: it is held, and not so old that it could be
    /// dropped while the new row is held.
    pub fn is_depth_usable(&self, depth_ix: u32) -> bool {
        let age = self.depth_end().wrapping_sub(depth_ix) as usize;
        age > 0 && age <= self.depths.len() && age <= self.rows_max / 2
    }

    /// Adds a depth row and returns its index.
    pub fn push_depth(&mut self, depth: &Depth) -> u32 {
        let index = self.depth_end();
        self.depths.push(*depth);
        index
    }

    /// Adds a row whose `depth_ix` is in force.
    pub fn push(&mut self, event: Event) {
        debug_assert!(self.events.len() < self.rows_max, "Invariant: the window has room");
        self.events.push(event);
    }

    /// Drops the rows before `row` and moves the rest to the front.
    pub fn free_before(&mut self, row: u64) {
        let count = (row.saturating_sub(self.row_first) as usize).min(self.events.len());
        self.events.copy_within(count.., 0);
        self.events.truncate(self.events.len() - count);
        self.row_first += count as u64;
        let end = self.depth_end();
        let oldest = self.events.iter().map(|e| end.wrapping_sub(e.depth_ix)).max().unwrap_or(0);
        let keep = (oldest as usize).min(self.depths.len());
        let drop = self.depths.len() - keep;
        self.depths.copy_within(drop.., 0);
        self.depths.truncate(keep);
        self.depth_first = self.depth_first.wrapping_add(drop as u32);
    }
}

/// A reference to a row that outlives the window: a number while the row is held, a copy afterwards.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    row: u64,
    event: Event,
    depth: Depth,
}

const ROW_NONE: u64 = u64::MAX;
const ROW_SAVED: u64 = u64::MAX - 1;

impl Kept {
    /// Refers to nothing.
    pub const NONE: Kept = Kept { row: ROW_NONE, event: Event::EMPTY, depth: Depth::EMPTY };

    /// Refers to a row of the window from now on.
    #[inline]
    pub fn set(&mut self, row: u64) {
        self.row = row;
    }

    /// Refers to nothing from now on.
    pub fn clear(&mut self) {
        self.row = ROW_NONE;
    }

    /// The row and its depth row.
    pub fn get<'a>(&'a self, window: &'a Window) -> Option<(&'a Event, &'a Depth)> {
        match self.row {
            ROW_NONE => None,
            ROW_SAVED => Some((&self.event, &self.depth)),
            row => window.event(row).map(|event| (event, window.depth(event.depth_ix))),
        }
    }

    /// Copies the row if it is about to be dropped, being before `row_first`.
    pub fn save(&mut self, window: &Window, row_first: u64) {
        if self.row < row_first
            && let Some(event) = window.event(self.row)
        {
            self.event = *event;
            self.depth = *window.depth(event.depth_ix);
            self.row = ROW_SAVED;
        }
    }
}
