//! The replay window: the rows that lanes may still look at, in one piece of memory.
//!
//! Invariants: rows are numbered from 0 over the whole run and their numbers never change; a row's depth row
//! is in the window as long as the row is. The arrays are allocated once; when they are full, the rows behind
//! every lane are dropped and the rest moves to the front, so the cost is amortised over at least half a window.
//! What an instrument looked like at any row that a lane may stand at is found from its last row there, in or before the
//! window: see [`super::trail`] and [`super::cursor`].

use super::change::{Change, Ladder};
use super::lists::{List, Touch};
use super::printed::Printed;
use super::trail::{Back, Base, Head, Picture, Trail};
use crate::book::{Book, passive_sides};
use crate::wire::{Depth, Event, Instrument, Side};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Rows and depth rows in force.
#[derive(Debug)]
pub struct Window {
    events: Vec<Event>,
    depths: Vec<Depth>,
    trails: Vec<Trail>,
    /// What each row changes; apart from its trail, since lanes with orders read it at every row.
    changes: Vec<Change>,
    rows_max: usize,
    row_first: u64,
    depth_first: u32,
    /// Stamp of the last row that was dropped.
    ts_dropped_ns: Option<i64>,
    /// By instrument: where it is at the end of the window, and what is left of it before the window.
    heads: Box<[Head]>,
    bases: Box<[Base]>,
    ladders: Box<[Ladder]>,
    touches: Box<[Touch]>,
    lists: Vec<List>,
    /// Scratch of `free_before`: number behind an instrument's last row that is dropped.
    dropped: Box<[u64]>,
}

impl Window {
    /// An empty window of `rows_max` rows of `instruments`. Allocates `rows_max` x 372 bytes, once.
    pub fn new(rows_max: usize, instruments: &[Instrument]) -> Self {
        let ladders = instruments.iter().map(Ladder::of).collect();
        let instruments = instruments.len();
        Window {
            ladders,
            events: Vec::with_capacity(rows_max),
            depths: Vec::with_capacity(2 * rows_max),
            trails: Vec::with_capacity(rows_max),
            changes: Vec::with_capacity(rows_max),
            rows_max,
            row_first: 0,
            depth_first: 0,
            ts_dropped_ns: None,
            heads: alloc::vec![Head::START; instruments].into_boxed_slice(),
            bases: alloc::vec![Base::NONE; instruments].into_boxed_slice(),
            touches: alloc::vec![Touch::default(); instruments].into_boxed_slice(),
            lists: Vec::new(),
            dropped: alloc::vec![0; instruments].into_boxed_slice(),
        }
    }

    /// Lists the rows of these classes, of all that will be pushed; returns which list it is.
    pub fn list(&mut self, mask: u8) -> usize {
        debug_assert!(self.row_end() == 0, "Invariant: a list knows every row");
        self.find_list(mask).unwrap_or_else(|| {
            self.lists.push(List::new(mask, self.rows_max));
            self.lists.len() - 1
        })
    }

    /// The list of these very classes, if there is one.
    pub fn find_list(&self, mask: u8) -> Option<usize> {
        self.lists.iter().position(|list| list.mask() == mask)
    }

    /// Numbers of the rows of a list, from number `row` on.
    pub fn listed_from(&self, list: usize, row: u64) -> &[u64] {
        self.lists.get(list).map_or(&[], |list| list.from(row))
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

    /// The rows from this number on, which must be held or be the next.
    #[inline]
    pub fn events_from(&self, row: u64) -> &[Event] {
        self.events.get(row.wrapping_sub(self.row_first) as usize..).unwrap_or_default()
    }

    /// The rows from this number on, which must be held or be the next, with what each one changes.
    #[inline]
    pub fn rows_from(&self, row: u64) -> (&[Event], &[Change]) {
        let from = row.wrapping_sub(self.row_first) as usize;
        match (self.events.get(from..), self.changes.get(from..)) {
            (Some(events), Some(changes)) => (events, changes),
            _ => (&[], &[]),
        }
    }

    /// Number of the first row from `row` on that is stamped `ts_ns` or later; the end, where there is none. Looks in growing
    /// steps: it is near nearly always, and what lies far behind it is out of cache.
    pub fn first_at(&self, row: u64, ts_ns: i64) -> u64 {
        let rows = self.events_from(row);
        let is_before = |event: &Event| event.ts_exch_ns < ts_ns;
        let (mut from, mut step) = (0, 1);
        while rows.get(from + step - 1).is_some_and(is_before) {
            from += step;
            step *= 2;
        }
        let to = (from + step).min(rows.len());
        row + (from + rows[from..to].partition_point(is_before)) as u64
    }

    /// The depth row of this index, which must be held.
    #[inline]
    pub fn depth(&self, depth_ix: u32) -> &Depth {
        &self.depths[depth_ix.wrapping_sub(self.depth_first) as usize]
    }

    /// The same, if it is held.
    pub fn depth_held(&self, depth_ix: u32) -> Option<&Depth> {
        self.depths.get(depth_ix.wrapping_sub(self.depth_first) as usize)
    }

    /// The stamp of a row that is held, or was the last to be dropped, ns.
    pub fn ts_exch_ns(&self, row: u64) -> Option<i64> {
        let dropped = self.ts_dropped_ns.filter(|_| row + 1 == self.row_first);
        self.event(row).map(|event| event.ts_exch_ns).or(dropped)
    }

    /// The last row held.
    pub fn last(&self) -> Option<&Event> {
        self.events.last()
    }

    /// The row of an instrument that ends just before number `passed`, as [`super::Cursor::passed`] tells it.
    pub fn seen(&self, instrument: u32, passed: u64) -> Option<Picture<'_>> {
        self.look(passed, |_| Some(passed.wrapping_sub(1)), &self.bases[instrument as usize].seen)
    }

    /// The last valid book of an instrument at such a row, if the venue has not cleared it.
    pub fn book(&self, instrument: u32, passed: u64) -> Option<Picture<'_>> {
        let base = &self.bases[instrument as usize].book;
        self.look(passed, |trail| trail.book.from(passed - 1), base)
    }

    /// The last valid two-sided book of an instrument at such a row.
    pub fn mark(&self, instrument: u32, passed: u64) -> Option<Picture<'_>> {
        let base = &self.bases[instrument as usize].mark;
        self.look(passed, |trail| trail.mark.from(passed - 1), base)
    }

    #[inline]
    fn look<'a>(
        &'a self,
        passed: u64,
        find: impl FnOnce(&Trail) -> Option<u64>,
        base: &'a Option<(Event, Depth)>,
    ) -> Option<Picture<'a>> {
        if passed > self.row_first {
            let row = find(self.trail(passed - 1))?;
            if row >= self.row_first {
                return self.event(row).map(|event| (event, self.depth(event.depth_ix)));
            }
        }
        base.as_ref().map(|(event, depth)| (event, depth))
    }

    /// The classes of a row that is held.
    #[inline]
    pub fn class(&self, row: u64) -> u8 {
        self.trail(row).class
    }

    /// What a row that is held changes.
    #[inline]
    pub fn change(&self, row: u64) -> &Change {
        &self.changes[row.wrapping_sub(self.row_first) as usize]
    }

    /// How many valid books of its instrument there were up to a row that is held, modulo 2^32.
    #[inline]
    pub fn books(&self, row: u64) -> u32 {
        self.trail(row).books
    }

    #[inline]
    fn trail(&self, row: u64) -> &Trail {
        &self.trails[row.wrapping_sub(self.row_first) as usize]
    }

    /// What has printed on the bid (0) and the ask (1) side of an instrument since its book in force at such a row. Walks
    /// those prints.
    pub fn printed(&self, instrument: u32, passed: u64) -> [Printed; 2] {
        if passed > self.row_first && self.trail(passed - 1).book.is_here() {
            return [Printed::NONE; 2];
        }
        let base = &self.bases[instrument as usize];
        let book = self.book(instrument, passed).map(|(event, depth)| Book { event, depth });
        let mut printed = [Printed::NONE; 2];
        let reaches_base = self.walk(passed, |event| {
            if event.is_trade_valid() {
                let sides = passive_sides(event, book);
                for side in [Side::Buy, Side::Sell] {
                    if sides[side.index()] {
                        printed[side.index()].note(side, event.trade_price, event.trade_qty);
                    }
                }
            }
            true
        });
        if reaches_base {
            for side in [Side::Buy, Side::Sell] {
                printed[side.index()].join(side, base.printed[side.index()]);
            }
        }
        printed
    }

    /// Stamp of the last valid trade of an instrument since its book in force at such a row, ns; `i64::MIN` for none.
    pub fn ts_trade_ns(&self, instrument: u32, passed: u64) -> i64 {
        let mut ts_trade_ns = i64::MIN;
        let reaches_base = self.walk(passed, |event| {
            if event.is_trade_valid() {
                ts_trade_ns = event.ts_exch_ns;
            }
            ts_trade_ns == i64::MIN
        });
        if reaches_base { self.bases[instrument as usize].ts_trade_ns } else { ts_trade_ns }
    }

    /// Calls `on_row` with the rows of an instrument from the one before number `passed` back to its book in force, that one
    /// left out, as long as it says so. True where that book lies before the window.
    fn walk(&self, passed: u64, mut on_row: impl FnMut(&Event) -> bool) -> bool {
        let mut row = passed.checked_sub(1);
        while let Some(at) = row.filter(|at| *at >= self.row_first) {
            let trail = self.trail(at);
            let Some(event) = self.event(at) else { return false };
            if trail.book.is_here() || trail.book == Back::NONE || !on_row(event) {
                return false;
            }
            row = trail.previous.from(at);
        }
        true
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
        let (row, instrument) = (self.row_end(), event.instrument as usize);
        // Field by field, since the ladder is changed beside them.
        let depth =
            |event: &Event| &self.depths[event.depth_ix.wrapping_sub(self.depth_first) as usize];
        let before = self.heads[instrument].book().and_then(|book| {
            match self.events.get(book.wrapping_sub(self.row_first) as usize) {
                Some(held) => Some((held, depth(held))),
                None => self.bases[instrument].book.as_ref().map(|(event, depth)| (event, depth)),
            }
        });
        let change = self.ladders[instrument].change(before, (&event, depth(&event)));
        self.changes.push(change);
        let class = self.touches[instrument].class(&event);
        self.lists.iter_mut().for_each(|list| list.pass(row, class));
        self.trails.push(self.heads[instrument].pass(row, &event, class));
        self.events.push(event);
    }

    /// Drops the rows before `row` and moves the rest to the front.
    pub fn free_before(&mut self, row: u64) {
        let count = (row.saturating_sub(self.row_first) as usize).min(self.events.len());
        self.keep_bases(count);
        self.ts_dropped_ns =
            self.events[..count].last().map_or(self.ts_dropped_ns, |event| Some(event.ts_exch_ns));
        self.events.copy_within(count.., 0);
        self.events.truncate(self.events.len() - count);
        self.trails.copy_within(count.., 0);
        self.trails.truncate(self.events.len());
        self.changes.copy_within(count.., 0);
        self.changes.truncate(self.events.len());
        self.row_first += count as u64;
        let row_first = self.row_first;
        self.lists.iter_mut().for_each(|list| list.free_before(row_first));
        let end = self.depth_end();
        let oldest = self.events.iter().map(|e| end.wrapping_sub(e.depth_ix)).max().unwrap_or(0);
        let keep = (oldest as usize).min(self.depths.len());
        let drop = self.depths.len() - keep;
        self.depths.copy_within(drop.., 0);
        self.depths.truncate(keep);
        self.depth_first = self.depth_first.wrapping_add(drop as u32);
    }

    /// Copies what the instruments of the first `count` rows look like behind them.
    fn keep_bases(&mut self, count: usize) {
        for (event, passed) in self.events[..count].iter().zip(self.row_first + 1..) {
            self.dropped[event.instrument as usize] = passed;
        }
        for instrument in 0..self.bases.len() {
            let passed = self.dropped[instrument];
            if passed > self.row_first {
                self.bases[instrument] = self.base(instrument as u32, passed);
            }
        }
    }

    fn base(&self, instrument: u32, passed: u64) -> Base {
        let copy = |(event, depth): Picture<'_>| (*event, *depth);
        Base {
            seen: self.seen(instrument, passed).map(copy),
            book: self.book(instrument, passed).map(copy),
            mark: self.mark(instrument, passed).map(copy),
            printed: self.printed(instrument, passed),
            ts_trade_ns: self.ts_trade_ns(instrument, passed),
        }
    }
}
