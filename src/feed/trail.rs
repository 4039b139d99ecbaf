//! What each row knows of its instrument's past: how far back the book in force lies, the last mark, the row before.
//!
//! It is the same for every lane, so it is found once, when a row enters the window, and no lane keeps a book. Invariants:
//! a session that opens after a pause, or an auction, clears the book in force, not the mark; distances are in rows of the
//! window, and whatever lies before the window is kept as a copy, one for each instrument. Cost: a few comparisons a row;
//! a look is O(1), but for the prints since the last book, which are walked.

use super::printed::Printed;
use crate::wire::{Depth, Event, UNDEF_TIME, flags, kind};

/// Farther than any window reaches.
const FAR: u32 = u32::MAX - 1;

/// Distances back from a row, in rows.
#[derive(Clone, Copy, Debug)]
pub struct Trail {
    /// To the row of the same instrument before it.
    pub previous: Back,
    /// To the last valid book; 0 on one.
    pub book: Back,
    /// To the last valid book of two sides, cleared by nothing; 0 on one.
    pub mark: Back,
    /// Valid books so far, modulo 2^32.
    pub books: u32,
    /// Classes of the row, see [`super::class`].
    pub class: u8,
}

/// A distance back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back(u32);

impl Back {
    /// No such row.
    pub const NONE: Back = Back(u32::MAX);

    fn to(earlier: Option<u64>, row: u64) -> Self {
        let rows = earlier.map(|earlier| u32::try_from(row - earlier).unwrap_or(FAR).min(FAR));
        rows.map_or(Back::NONE, Back)
    }

    /// The row so far behind `row`; `None` where there is none. One before the run stands for one that was dropped.
    pub fn from(self, row: u64) -> Option<u64> {
        (self != Back::NONE).then(|| row.saturating_sub(u64::from(self.0)))
    }

    /// Whether it is the row itself.
    pub fn is_here(self) -> bool {
        self.0 == 0
    }
}

/// Where an instrument is at the end of the window.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    row: Option<u64>,
    book: Option<u64>,
    mark: Option<u64>,
    books: u32,
    ts_close_ns: i64,
}

impl Head {
    /// Before the first row.
    pub const START: Head =
        Head { row: None, book: None, mark: None, books: 0, ts_close_ns: UNDEF_TIME };

    /// The book in force behind the rows so far.
    pub fn book(&self) -> Option<u64> {
        self.book
    }

    /// Takes in row number `row`, of these classes.
    pub fn pass(&mut self, row: u64, event: &Event, class: u8) -> Trail {
        match event.kind {
            kind::BOOK if event.is_book_valid() => {
                self.book = Some(row);
                self.books = self.books.wrapping_add(1);
                if event.is_mark() {
                    self.mark = Some(row);
                }
            }
            kind::SESSION_CLOSE => self.ts_close_ns = event.ts_exch_ns,
            kind::SESSION_OPEN if is_clearing(event, self.ts_close_ns) => self.book = None,
            _ => {}
        }
        let trail = Trail {
            previous: Back::to(self.row, row),
            book: Back::to(self.book, row),
            mark: Back::to(self.mark, row),
            books: self.books,
            class,
        };
        self.row = Some(row);
        trail
    }
}

/// Whether a session that opens finds the venue's book cleared: not one that follows another at once, unless it is a call.
fn is_clearing(event: &Event, ts_close_ns: i64) -> bool {
    ts_close_ns != event.ts_exch_ns || event.flags & flags::AUCTION != 0
}

/// A row with the depth row in force.
pub type Picture<'a> = (&'a Event, &'a Depth);

/// What is left of an instrument's rows before the window.
#[derive(Clone, Copy, Debug)]
pub struct Base {
    /// The last one.
    pub seen: Option<(Event, Depth)>,
    /// The book in force behind it.
    pub book: Option<(Event, Depth)>,
    /// Its mark.
    pub mark: Option<(Event, Depth)>,
    /// Prints since that book, bids (0) and asks (1).
    pub printed: [Printed; 2],
    /// Last valid trade since that book, ns; `i64::MIN`.
    pub ts_trade_ns: i64,
}

impl Base {
    /// Nothing was before the window.
    pub const NONE: Base = Base {
        seen: None,
        book: None,
        mark: None,
        printed: [Printed::NONE; 2],
        ts_trade_ns: i64::MIN,
    };
}
