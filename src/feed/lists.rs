//! Rows of some kinds, by number: what a strategy that does not want every row is called for, found once for all lanes that
//! want the same.
//!
//! Invariants: a list holds the rows of the window whose class meets its mask, in order; it is as large as the window, so it
//! never spills. Cost: a comparison a row and list; going through a list touches none of the rows between.

use crate::wire::{Event, kind};
use alloc::vec::Vec;

/// Classes of rows, as bits: the kinds by their number, and books that show other best prices than the one before.
pub mod class {
    use super::kind;
    /// Books.
    pub const BOOK: u8 = 1 << kind::BOOK;
    /// Trades.
    pub const TRADE: u8 = 1 << kind::TRADE;
    /// Openings and closings of sessions.
    pub const SESSION: u8 = 1 << kind::SESSION_OPEN | 1 << kind::SESSION_CLOSE;
    /// Books whose best bid or best ask price is not that of the instrument's book before; its first book is one.
    pub const TOUCH: u8 = 1 << 5;
    /// Every row.
    pub const ALL: u8 = BOOK | TRADE | SESSION;
}

/// The rows of one mask.
#[derive(Debug)]
pub struct List {
    mask: u8,
    rows: Vec<u64>,
}

impl List {
    /// No rows yet. Allocates once.
    pub fn new(mask: u8, rows_max: usize) -> Self {
        List { mask, rows: Vec::with_capacity(rows_max) }
    }

    /// Classes of its rows.
    pub fn mask(&self) -> u8 {
        self.mask
    }

    /// The rows from number `row` on.
    pub fn from(&self, row: u64) -> &[u64] {
        &self.rows[self.rows.partition_point(|listed| *listed < row)..]
    }

    /// Takes in the next row, if it is one of its classes.
    #[inline]
    pub fn pass(&mut self, row: u64, class: u8) {
        if class & self.mask != 0 {
            self.rows.push(row);
        }
    }

    /// Drops the rows before number `row`.
    pub fn free_before(&mut self, row: u64) {
        let count = self.rows.partition_point(|listed| *listed < row);
        self.rows.copy_within(count.., 0);
        self.rows.truncate(self.rows.len() - count);
    }
}

/// The best prices that an instrument's last book showed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Touch(Option<(i64, i64)>);

impl Touch {
    /// The classes of a row, which is taken in.
    #[inline]
    pub fn class(&mut self, event: &Event) -> u8 {
        let own = 1 << (event.kind & 7);
        if event.kind != kind::BOOK {
            return own;
        }
        let now = Some((event.bid_price, event.ask_price));
        let is_other = core::mem::replace(&mut self.0, now) != now;
        own | if is_other { class::TOUCH } else { 0 }
    }
}
