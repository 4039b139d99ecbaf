//! What a lane has taken from the displayed book, and what is therefore not there for it any more (law 6).
//!
//! Invariants: an entry stays until the displayed size has fallen by it or the price has left the book. A
//! price that is out of view keeps its entry. A full table forgets the price farthest from the touch, and
//! counts it. Cost: O(entries), at most `TAKEN_PRICES_MAX`; nothing when the lane took nothing.

use crate::book::{Book, LevelState};
use crate::wire::Side;
use crate::wire::limits::TAKEN_PRICES_MAX;
use arrayvec::ArrayVec;

#[derive(Clone, Copy, Debug)]
struct Entry {
    price: i64,
    taken: u32,
    shown: u32,
}

/// The used-up lots of one displayed side of one instrument.
#[derive(Debug, Default)]
pub struct Taken {
    entries: ArrayVec<Entry, TAKEN_PRICES_MAX>,
    forgotten: u64,
}

impl Taken {
    /// Nothing taken.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries lost to a full table.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Forgets everything: the book was cleared by the venue.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// What is left for this lane of `shown` lots displayed at `price`.
    pub fn left(&self, price: i64, shown: u32) -> u32 {
        let taken = self.entries.iter().find(|e| e.price == price).map_or(0, |e| e.taken);
        shown.saturating_sub(taken)
    }

    /// Uses up `qty` of `shown` lots displayed at `price` on `side`.
    pub fn take(&mut self, side: Side, price: i64, shown: u32, qty: u32) {
        if let Some(entry) = self.entries.iter_mut().find(|e| e.price == price) {
            entry.taken = entry.taken.saturating_add(qty);
            entry.shown = shown;
            return;
        }
        if self.entries.is_full() {
            let mut farthest = 0;
            for index in 1..self.entries.len() {
                if side.is_better(self.entries[farthest].price, self.entries[index].price) {
                    farthest = index;
                }
            }
            self.entries.swap_remove(farthest);
            self.forgotten += 1;
        }
        self.entries.push(Entry { price, taken: qty, shown });
    }

    /// Lets a newly displayed book of `side` give lots back.
    pub fn on_book(&mut self, book: &Book<'_>, side: Side, depth_max: u8) {
        self.entries.retain(|entry| match book.state(side, entry.price, depth_max) {
            LevelState::Known(shown) => {
                entry.taken = entry.taken.saturating_sub(entry.shown.saturating_sub(shown));
                entry.shown = shown;
                entry.taken > 0
            }
            LevelState::Empty => false,
            LevelState::Unknown => true,
        });
    }
}
