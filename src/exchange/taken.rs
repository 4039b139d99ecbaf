//! What a lane has taken from the displayed book, and what is therefore not there for it any more (law 6).
//!
//! Invariants: an entry stays until the displayed size has fallen by it, the price has left the book, or its
//! half-lives have passed, in every world. A price that is out of view keeps its entry. A full table forgets the price
//! farthest from the touch, and counts it. Cost: O(entries), at most `TAKEN_PRICES_MAX`; nothing when the lane took nothing.

use super::config::Replenish;
use super::queue::WORLDS;
use crate::book::{Book, LevelState};
use crate::feed::Places;
use crate::wire::Side;
use crate::wire::limits::TAKEN_PRICES_MAX;
use alloc::vec::Vec;

/// A displayed level that a lane takes from.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// Its side.
    pub side: Side,
    /// Its price, 1e-6.
    pub price: i64,
    /// Its lots.
    pub shown: u32,
    /// Whether orders can rest at the price. Rows do not name others among the prices that come into view.
    pub is_on_ladder: bool,
}

/// One price; lots taken, and when that was right, by world.
#[derive(Clone, Copy, Debug)]
struct Entry {
    price: i64,
    /// What a book must change to give some back.
    place: Places,
    shown: u32,
    taken: [u32; WORLDS],
    ts_ns: [i64; WORLDS],
}

impl Entry {
    /// What of the entry is still gone in a world at `now_ns`: half of it after every half-life, on a straight line in
    /// between.
    fn left_at(&self, replenish: Replenish, world: usize, now_ns: i64) -> u32 {
        let Replenish::HalfLife(half_life_ns) = replenish else { return self.taken[world] };
        let passed_ns = now_ns.saturating_sub(self.ts_ns[world]).max(0);
        let Ok(halvings) = u32::try_from(passed_ns / half_life_ns) else { return 0 };
        let whole = u64::from(self.taken[world].checked_shr(halvings).unwrap_or(0));
        let part = u128::from(whole) * (passed_ns % half_life_ns) as u128;
        (whole - (part / (2 * half_life_ns as u128)) as u64) as u32
    }

    /// Lets a book that shows `shown` lots give some back; says whether anything is still gone.
    fn on_shown(&mut self, replenish: Replenish, shown: u32, now_ns: i64) -> bool {
        let fallen = self.shown.saturating_sub(shown);
        self.shown = shown;
        if fallen == 0 && replenish == Replenish::UntilReplenished {
            return true;
        }
        for world in 0..WORLDS {
            self.taken[world] = self.left_at(replenish, world, now_ns).saturating_sub(fallen);
            self.ts_ns[world] = now_ns;
        }
        self.taken != [0; WORLDS]
    }
}

/// The used-up lots of one displayed side of one instrument.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Apart from the venue, so that venues lie close together: most lanes take little.
    entries: Vec<Entry>,
    /// Those of their prices, at least.
    places: Places,
    forgotten: [u64; WORLDS],
}

impl Taken {
    /// Nothing taken. Allocates once.
    pub fn new() -> Self {
        let entries = Vec::with_capacity(TAKEN_PRICES_MAX);
        Taken { entries, places: Places::NONE, forgotten: [0; WORLDS] }
    }

    /// Nothing taken.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries of a world lost to a full table.
    pub fn forgotten(&self, world: usize) -> u64 {
        self.forgotten[world]
    }

    /// Forgets everything: the book was cleared by the venue.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.places = Places::NONE;
    }

    /// What is left in a world of `shown` lots displayed at `price`.
    pub fn left(
        &self,
        replenish: Replenish,
        world: usize,
        now_ns: i64,
        price: i64,
        shown: u32,
    ) -> u32 {
        let entry = self.entries.iter().find(|e| e.price == price);
        shown.saturating_sub(entry.map_or(0, |e| e.left_at(replenish, world, now_ns)))
    }

    /// Uses up `lots`, by world, of those displayed at a level.
    pub fn take(&mut self, replenish: Replenish, now_ns: i64, level: Level, lots: [u32; WORLDS]) {
        let index = self.index_of(level);
        let entry = &mut self.entries[index];
        entry.shown = level.shown;
        for (world, lots) in lots.into_iter().enumerate().filter(|(_, lots)| *lots > 0) {
            let left = entry.left_at(replenish, world, now_ns);
            (entry.taken[world], entry.ts_ns[world]) = (left.saturating_add(lots), now_ns);
        }
    }

    /// Where the entry of a level is; a new one where there was none.
    fn index_of(&mut self, Level { side, price, is_on_ladder, .. }: Level) -> usize {
        if let Some(place) = self.entries.iter().position(|e| e.price == price) {
            return place;
        }
        if self.entries.len() == TAKEN_PRICES_MAX {
            let mut farthest = 0;
            for index in 1..self.entries.len() {
                if side.is_better(self.entries[farthest].price, self.entries[index].price) {
                    farthest = index;
                }
            }
            let lost = self.entries.swap_remove(farthest);
            for (forgotten, taken) in self.forgotten.iter_mut().zip(lost.taken) {
                *forgotten += u64::from(taken > 0);
            }
        }
        let place = Places::of(side, price).for_next_book(!is_on_ladder);
        self.places = self.places.and(place);
        self.entries.push(Entry { price, place, shown: 0, taken: [0; WORLDS], ts_ns: [0; WORLDS] });
        self.entries.len() - 1
    }

    /// What a book must change to give lots back.
    pub fn watched(&self, replenish: Replenish) -> Places {
        match replenish {
            Replenish::UntilReplenished => self.places,
            _ if self.is_empty() => Places::NONE,
            _ => Places::NEXT_BOOK, // Time gives them back, too.
        }
    }

    /// Lets a newly displayed book of `side`, which changes these places, give lots back.
    pub fn on_book(
        &mut self,
        replenish: Replenish,
        book: &Book<'_>,
        changed: Places,
        side: Side,
        depth_max: u8,
    ) {
        match replenish {
            Replenish::NextBook => return self.clear(),
            Replenish::UntilReplenished if !changed.meets(self.places) => return,
            _ => {}
        }
        let now_ns = book.event.ts_exch_ns;
        let mut index = 0;
        while let Some(entry) = self.entries.get_mut(index) {
            let is_left = match book.state(side, entry.price, depth_max) {
                LevelState::Known(shown) => entry.on_shown(replenish, shown, now_ns),
                LevelState::Empty => false,
                LevelState::Unknown => {
                    (0..WORLDS).any(|world| entry.left_at(replenish, world, now_ns) > 0)
                }
            };
            if is_left {
                index += 1;
            } else {
                self.entries.swap_remove(index);
            }
        }
        self.places = self.entries.iter().map(|e| e.place).fold(Places::NONE, Places::and);
    }
}
