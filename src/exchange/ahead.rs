//! What the exchange does ahead of time, and what it puts off: rows are looked at for those that may fill before anything is
//! due, and what they do to queues is taken in when somebody asks for it.
//!
//! Invariants: there are two cursors. Rows up to the first, `looked`, fill nothing of the lane as it stands; an order that comes
//! makes the rows behind its arrival be looked at again. Rows up to the second, `rows`, have been applied: queues and what was
//! taken are as of there. It follows when an order may fill, when a request arrives and when the lane has done all before its
//! limit, so nothing that a strategy or a result sees depends on how far apart they are. A row that is looked at or taken in in
//! vain costs time alone; what rows change and may fill is known, see [`crate::feed::Change`]. Cost: some ten instructions a row
//! to look at it, ten to pass it.

use super::resting::Sides;
use super::{Exchange, Market, Outbox, Trace};
use crate::feed::Window;
use crate::wire::{Event, Fault};

/// Rows that are looked at before somebody asks what they were looked at for: an order that comes in between makes them be
/// looked at again.
const ROWS_AHEAD: usize = 32;

/// How far rows were looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Looked {
    /// The next row.
    pub row: u64,
    /// Whether that one may fill, or is more than a print or a book; watched closely, also whether it changes a queue.
    pub is_felt: bool,
}

impl Exchange {
    /// Looks at some of the next rows that are stamped before `until_ns`, up to one that may fill. Returns that one, or the
    /// first that was not looked at; `None` where no more are held. [`Exchange::is_felt`] says which.
    #[inline]
    pub fn look_ahead<'a>(&mut self, window: &'a Window, until_ns: i64) -> Option<&'a Event> {
        if self.looked.is_felt {
            return window.event(self.looked.row);
        }
        let (events, changes) = window.rows_from(self.looked.row);
        let count = count_before(events, until_ns);
        let found = match self.orders.only_sides() {
            Some(sides) if !self.is_close => {
                let best = sides.best; // Where it is the same for every row, it stays in registers.
                changes[..count].iter().position(|change| change.reaches_any(best))
            }
            _ => events[..count].iter().zip(changes).position(|(event, change)| {
                let Sides { best, watched, .. } = self.orders.sides(event.instrument);
                change.reaches_any(*best) || self.is_close && change.places.meets(*watched)
            }),
        };
        let passed = found.unwrap_or(count);
        self.looked = Looked { row: self.looked.row + passed as u64, is_felt: found.is_some() };
        events.get(passed)
    }

    /// Whether the row that [`Exchange::look_ahead`] found may fill.
    #[inline]
    pub fn is_felt(&self) -> bool {
        self.looked.is_felt
    }

    /// An order has come: what lies behind those that were applied may fill it.
    pub(super) fn look_again(&mut self) {
        self.looked = Looked { row: self.rows.row, is_felt: false };
    }

    /// Applies that row, `event`, behind those before it.
    #[inline(never)]
    pub fn apply_found(
        &mut self,
        market: &Market<'_>,
        event: &Event,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        self.catch_up(market, self.looked.row, &mut out.trace);
        self.on_row(market, self.looked.row, event, out)
    }

    /// Takes in what the rows before number `row`, all of them looked at, did to queues and to what was taken.
    #[inline(never)]
    pub fn catch_up(&mut self, market: &Market<'_>, row: u64, trace: &mut Trace) {
        let (from, to) = (self.rows.row, row.max(self.rows.row));
        let (events, changes) = market.window.rows_from(from);
        let count = ((to - from) as usize).min(changes.len());
        let (events, changes) = (&events[..count], &changes[..count]);
        let mut index = 0;
        while let Some(passed) = self.orders.first_met(&events[index..], &changes[index..]) {
            index += passed;
            self.rows.row = from + index as u64 + 1;
            self.take_in(market, &events[index], &changes[index], trace);
            index += 1;
        }
        self.rows.row = to;
    }

    /// The same for all rows stamped before `ts_ns`, which must be looked at.
    pub fn catch_up_to(&mut self, market: &Market<'_>, ts_ns: i64, trace: &mut Trace) {
        self.catch_up(market, market.window.first_at(self.rows.row, ts_ns), trace);
    }

    /// The same where nothing of the lane is there, for whom number `seen` is the next row to be delivered.
    pub fn pass_idle(&mut self, window: &Window, seen: u64, ts_ns: i64) {
        self.pass_to(window.first_at(self.rows.row.max(seen), ts_ns));
    }
}

/// How many of the next rows are looked at: those stamped before `until_ns`, at most [`ROWS_AHEAD`].
#[inline]
fn count_before(events: &[Event], until_ns: i64) -> usize {
    let events = &events[..ROWS_AHEAD.min(events.len())];
    match events.last() {
        Some(last) if last.ts_exch_ns >= until_ns => {
            events.iter().position(|event| event.ts_exch_ns >= until_ns).unwrap_or(0)
        }
        _ => events.len(),
    }
}
