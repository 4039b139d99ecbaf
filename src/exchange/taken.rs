//! What a lane has taken from the displayed book, and what is therefore not there for it any more (law 6).
//!
//! Invariants: an entry stays until the displayed size has fallen by it, the price has left the book, or its
//! half-lives have passed. A price that is out of view keeps its entry. A full table forgets the price farthest from
//! the touch, and counts it. Cost: O(entries), at most `TAKEN_PRICES_MAX`; nothing when the lane took nothing.

use super::config::Replenish;
use crate::book::{Book, LevelState};
use crate::wire::Side;
use crate::wire::limits::TAKEN_PRICES_MAX;
use alloc::vec::Vec;

#[derive(Clone, Copy, Debug)]
struct Entry {
    price: i64,
    taken: u32,
    shown: u32,
    /// When `taken` was right, ns.
    ts_ns: i64,
}

impl Entry {
    /// What of the entry is still gone at `now_ns`: half of it after every half-life, on a straight line in between.
    fn left_at(&self, replenish: Replenish, now_ns: i64) -> u32 {
        let Replenish::HalfLife(half_life_ns) = replenish else { return self.taken };
        let passed_ns = now_ns.saturating_sub(self.ts_ns).max(0);
        let Ok(halvings) = u32::try_from(passed_ns / half_life_ns) else { return 0 };
        let whole = u64::from(self.taken.checked_shr(halvings).unwrap_or(0));
        let part = u128::from(whole) * (passed_ns % half_life_ns) as u128;
        (whole - (part / (2 * half_life_ns as u128)) as u64) as u32
    }
}

/// The used-up lots of one displayed side of one instrument.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Apart from the venue, so that venues lie close together: most lanes take little.
    entries: Vec<Entry>,
    forgotten: u64,
}

impl Taken {
    /// Nothing taken. Allocates once.
    pub fn new() -> Self {
        Taken { entries: Vec::with_capacity(TAKEN_PRICES_MAX), forgotten: 0 }
    }

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
    pub fn left(&self, replenish: Replenish, now_ns: i64, price: i64, shown: u32) -> u32 {
        let entry = self.entries.iter().find(|e| e.price == price);
        shown.saturating_sub(entry.map_or(0, |e| e.left_at(replenish, now_ns)))
    }

    /// Uses up `qty` of `shown` lots displayed at `price` on `side`.
    pub fn take(
        &mut self,
        replenish: Replenish,
        now_ns: i64,
        side: Side,
        price: i64,
        shown: u32,
        qty: u32,
    ) {
        if let Some(entry) = self.entries.iter_mut().find(|e| e.price == price) {
            entry.taken = entry.left_at(replenish, now_ns).saturating_add(qty);
            (entry.shown, entry.ts_ns) = (shown, now_ns);
            return;
        }
        if self.entries.len() == TAKEN_PRICES_MAX {
            let mut farthest = 0;
            for index in 1..self.entries.len() {
                if side.is_better(self.entries[farthest].price, self.entries[index].price) {
                    farthest = index;
                }
            }
            self.entries.swap_remove(farthest);
            self.forgotten += 1;
        }
        self.entries.push(Entry { price, taken: qty, shown, ts_ns: now_ns });
    }

    /// Lets a newly displayed book of `side` give lots back.
    pub fn on_book(&mut self, replenish: Replenish, book: &Book<'_>, side: Side, depth_max: u8) {
        if self.entries.is_empty() {
            return;
        }
        if replenish == Replenish::NextBook {
            return self.clear();
        }
        let now_ns = book.event.ts_exch_ns;
        self.entries.retain_mut(|entry| match book.state(side, entry.price, depth_max) {
            LevelState::Known(shown) => {
                let fallen = entry.shown.saturating_sub(shown);
                entry.taken = entry.left_at(replenish, now_ns).saturating_sub(fallen);
                (entry.shown, entry.ts_ns) = (shown, now_ns);
                entry.taken > 0
            }
            LevelState::Empty => false,
            LevelState::Unknown => entry.left_at(replenish, now_ns) > 0,
        });
    }
}
