//! A place on the tape: the next row of someone who passes the rows in turn.
//!
//! Invariants: what lies behind it is what it has passed; which row of an instrument was the last of these is found when it
//! is asked for, by going over the rows since the last question, so whoever never asks pays nothing. Rows that have left
//! the window are not needed: it keeps what is left of them. Cost: six instructions a row, once.

use super::Window;
use alloc::boxed::Box;

/// The place.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// The next row.
    pub row: u64,
    synced: u64,
    /// By instrument: number behind the last row of it that was passed; 0 for none.
    passed: Box<[u64]>,
}

impl Cursor {
    /// Before the first row. Allocates once.
    pub fn new(instruments: usize) -> Self {
        let passed = alloc::vec![0; instruments].into_boxed_slice();
        Cursor { row: 0, synced: 0, passed }
    }

    /// Takes in the rows that were passed since the last call.
    #[inline]
    pub fn sync(&mut self, window: &Window) {
        if self.synced < self.row {
            self.sync_rows(window);
        }
    }

    fn sync_rows(&mut self, window: &Window) {
        let from = self.synced.max(window.row_first());
        self.synced = self.row;
        if let [passed] = &mut *self.passed {
            *passed = self.row;
            return;
        }
        let rows = window.events_from(from).iter().zip(from + 1..=self.row);
        for (event, passed) in rows {
            self.passed[event.instrument as usize] = passed;
        }
    }

    /// Number behind the last row of an instrument that was passed before the last [`Cursor::sync`], for the looks of
    /// [`Window`].
    #[inline]
    pub fn passed(&self, instrument: u32) -> u64 {
        self.passed[instrument as usize]
    }
}
