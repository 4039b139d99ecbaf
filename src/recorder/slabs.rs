//! Slabs: memory for rows, lent to one recorder at a time, and how far it may fill them.
//!
//! Invariants: nothing allocates after construction. When a lane asks for a drain, and what it may write in an instant, follows
//! from its own rows alone, whenever else the slabs are drained: for another lane, or since somebody wants to know.

use super::{DayRow, FillRow, OrderRow, SentRow, SeriesRow};
use crate::wire::limits::DRAIN_ROWS;
use crate::wire::{Fault, Status};
use alloc::format;
use alloc::vec::Vec;

/// Bytes of a strategy's line that there is room for, on average.
pub(super) const LOG_BYTES_MAX: usize = 64;

/// Memory for rows, lent to one recorder at a time.
#[derive(Debug, Default)]
pub struct Slabs {
    pub(super) orders: Vec<OrderRow>,
    pub(super) sents: Vec<SentRow>,
    pub(super) fills: Vec<FillRow>,
    pub(super) series: Vec<SeriesRow>,
    pub(super) days: Vec<DayRow>,
    pub(super) logs: Vec<LogLine>,
    pub(super) text: Vec<u8>,
}

impl Slabs {
    /// Room for `rows_max` rows of each kind, but for orders sent. Allocates once.
    pub fn new(rows_max: usize) -> Self {
        Slabs {
            orders: Vec::with_capacity(rows_max),
            sents: Vec::new(),
            fills: Vec::with_capacity(rows_max),
            series: Vec::with_capacity(rows_max),
            days: Vec::with_capacity(rows_max),
            logs: Vec::with_capacity(rows_max),
            text: Vec::with_capacity(rows_max * LOG_BYTES_MAX),
        }
    }

    /// Makes room for orders as they are sent, where `rows_max` rows of each kind have room. Allocates.
    ///
    /// A slab begins an instant half full at most. Of the orders sent within one, as many as a slab holds may end in it, or the
    /// slab of orders is full; the rest are alive, and half a slab holds more than those: twice a slab is always enough.
    pub fn keep_sent(&mut self, rows_max: usize) {
        self.sents = Vec::with_capacity(2 * rows_max);
    }

    /// Whether no row waits for a drain.
    pub fn is_empty(&self) -> bool {
        let Slabs { orders, sents, fills, series, days, logs, text: _ } = self;
        orders.len() + sents.len() + fills.len() + series.len() + days.len() + logs.len() == 0
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct LogLine {
    pub(super) ts_ns: i64,
    pub(super) strategy: u32,
    pub(super) level: u8,
    pub(super) start: usize,
    pub(super) len: usize,
}

/// How far a slab may fill until the lane that writes into it asks for a drain: where others are drained in between, on their own
/// account, by as much less, so that an instant that writes too much is the same whoever else there is.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// What the slab may hold, and above what it asks for a drain.
    max: usize,
    wanted: usize,
    /// The same behind a drain that was asked for.
    at_first: [usize; 2],
}

impl Room {
    /// For at most `rows_max` rows.
    pub fn new(rows_max: usize) -> Self {
        Room::of(rows_max, rows_wanted(rows_max))
    }

    pub(super) fn of(max: usize, wanted: usize) -> Self {
        Room { max, wanted, at_first: [max, wanted] }
    }

    /// The slab, of so many rows, is drained: because its lane asked, or not.
    pub fn drained(&mut self, rows: usize, is_asked: bool) {
        if is_asked {
            [self.max, self.wanted] = self.at_first;
        } else {
            self.max = self.max.saturating_sub(rows);
            self.wanted = self.wanted.saturating_sub(rows);
        }
    }

    /// Whether a slab of so many rows asks for a drain.
    #[inline]
    pub fn is_over(&self, rows: usize) -> bool {
        rows > self.wanted
    }
}

/// [`Room`] in each slab.
#[derive(Debug)]
pub(super) struct Rooms {
    pub(super) orders: Room,
    pub(super) sents: Room,
    pub(super) fills: Room,
    pub(super) series: Room,
    pub(super) days: Room,
    pub(super) logs: Room,
    /// In bytes.
    pub(super) text: Room,
}

/// Rows of a slab of `rows_max` above which it asks for a drain.
pub fn rows_wanted(rows_max: usize) -> usize {
    DRAIN_ROWS.min(rows_max / 2)
}

/// Writes a row; says whether the slab asks for a drain then. The row is built where it stays: to copy what was written a moment
/// before, in pieces, is to wait until all of it has left the core's store queue.
#[inline(always)]
pub fn put<T: Copy>(
    slab: &mut Vec<T>,
    row: T,
    room: &Room,
    name: &'static str,
) -> Result<bool, Fault> {
    if slab.len() >= room.max {
        return Err(overfull(room.at_first[0], name));
    }
    slab.push(row);
    Ok(room.is_over(slab.len()))
}

#[cold]
fn overfull(rows_max: usize, name: &str) -> Fault {
    let message =
        format!("one instant wrote more than {rows_max} rows of {name}; raise capacity.records");
    Fault::new(Status::Full, message)
}
