//! The tracer: writes down whatever happens to one order, for who asks why it filled, or why it did not.
//!
//! Invariants: it reads and never changes, so a traced run is the run itself. The slab is made when an order is named, before
//! the run starts, and drained like the recorder's; a full one is a status. Cost: off, one comparison of ids for each own
//! order that a row meets.

use super::queue::QueueRules;
use super::resting::Resting;
use crate::wire::limits::TRACE_ROWS_MAX;
use crate::wire::{Event, Fault, Place, Status, TraceRow, TraceWhat, UNDEF_TIME};
use alloc::format;
use alloc::vec::Vec;

/// The rows of one order.
#[derive(Debug)]
pub struct Trace {
    order_id: u64,
    rows: Vec<TraceRow>,
    lost: u64,
    before: Look,
}

/// The traced order before an event.
#[derive(Clone, Copy, Debug)]
struct Look {
    place: Option<Place>,
    filled: [u32; 3],
    printed: u32,
    dropped: u32,
}

impl Look {
    const NONE: Look = Look { place: None, filled: [0; 3], printed: 0, dropped: 0 };
}

impl Trace {
    /// Traces nothing, and has no memory.
    pub const OFF: Trace = Trace { order_id: 0, rows: Vec::new(), lost: 0, before: Look::NONE };

    /// Traces this order. Allocates once.
    pub fn of(order_id: u64) -> Self {
        Trace { order_id, rows: Vec::with_capacity(TRACE_ROWS_MAX), ..Trace::OFF }
    }

    /// Whether this order is traced.
    #[inline]
    pub fn is_of(&self, order_id: u64) -> bool {
        self.order_id == order_id
    }

    /// Writes down what was sent to the exchange, or told by it.
    #[cold]
    #[inline(never)]
    pub fn note_message(&mut self, ts_ns: i64, what: TraceWhat, price: i64, qty: u32) {
        self.note(TraceRow::plain(ts_ns, what, price, qty));
    }

    #[cold]
    #[inline(never)]
    fn note_still(&mut self, order: &Resting, what: TraceWhat, ts_ns: i64) {
        self.note(TraceRow {
            filled: order.filled,
            before: place(order),
            after: place(order),
            ..TraceRow::plain(ts_ns, what, order.price, order.qty)
        });
    }

    fn note(&mut self, row: TraceRow) {
        if self.rows.len() < TRACE_ROWS_MAX {
            self.rows.push(row);
        } else {
            self.lost += 1;
        }
    }

    /// Whether the caller should drain before the next instant.
    #[inline]
    pub fn wants_drain(&self) -> bool {
        self.rows.len() > TRACE_ROWS_MAX / 2
    }

    /// Takes every row out.
    pub fn drain(&mut self) -> impl Iterator<Item = TraceRow> + '_ {
        self.rows.drain(..)
    }

    /// Whether every row found room.
    ///
    /// # Errors
    /// `FULL` where one instant had more rows than the slab.
    pub fn check(&self) -> Result<(), Fault> {
        if self.lost == 0 {
            return Ok(());
        }
        let message = format!("one instant moved order {} too often to trace it", self.order_id);
        Err(Fault::new(Status::Full, message))
    }

    /// Looks at an order before an event at `now_ns`; says whether it is the traced one.
    #[inline]
    pub(super) fn look(&mut self, order: &Resting, rules: &QueueRules, now_ns: i64) -> bool {
        let is_traced = order.order_id == self.order_id;
        if is_traced {
            self.note_before(order, rules, now_ns);
        }
        is_traced
    }

    #[cold]
    #[inline(never)]
    fn note_before(&mut self, order: &Resting, rules: &QueueRules, now_ns: i64) {
        let (printed, dropped) = order.queue.unmatched(rules, now_ns);
        self.before = Look { place: place(order), filled: order.filled, printed, dropped };
    }

    /// Writes down what an event made of the order that was looked at before it. `lots` are those of its fill that are not
    /// booked yet.
    #[cold]
    #[inline(never)]
    pub(super) fn saw(&mut self, order: &Resting, what: TraceWhat, event: &Event, lots: [u32; 3]) {
        self.note(moved(&self.before, order, what, event, lots));
    }

    /// Writes down what the order took on arrival, at `price`.
    #[cold]
    #[inline(never)]
    pub(super) fn took(&mut self, order: &Resting, price: i64, ts_ns: i64) {
        let row = moved(&self.before, order, TraceWhat::Taken, &Event::EMPTY, [0; 3]);
        self.note(TraceRow { ts_ns, price, ..row });
    }

    /// Writes down the queue that the order joined.
    #[cold]
    #[inline(never)]
    pub(super) fn joined(&mut self, order: &Resting) {
        let row = moved(&self.before, order, TraceWhat::Joined, &Event::EMPTY, [0; 3]);
        self.note(TraceRow { ts_ns: order.ts_join_ns, ..row });
    }

    /// Writes down something that no market row did to an order: nothing but for the traced one.
    #[inline]
    pub(super) fn noted(&mut self, order: &Resting, what: TraceWhat, ts_ns: i64) {
        if order.order_id == self.order_id {
            self.note_still(order, what, ts_ns);
        }
    }
}

/// Where an order stands, once it has joined a queue.
fn place(order: &Resting) -> Option<Place> {
    let rests = order.ts_join_ns != UNDEF_TIME;
    rests.then(|| Place { displayed: order.queue.displayed(), ahead: order.queue.ahead })
}

fn moved(
    before: &Look,
    order: &Resting,
    what: TraceWhat,
    event: &Event,
    lots: [u32; 3],
) -> TraceRow {
    let filled = core::array::from_fn(|world| order.filled[world] + lots[world]);
    let price = if what == TraceWhat::Auction { event.trade_price } else { order.price };
    let after = place(order);
    let netted = match (what, before.place, after) {
        (TraceWhat::PrintAt, ..) => before.dropped.min(event.trade_qty),
        (TraceWhat::Book, Some(old), Some(new)) => before.printed.min(old.drop_to(&new)),
        _ => 0,
    };
    TraceRow {
        event: *event,
        lots: core::array::from_fn(|world| filled[world] - before.filled[world]),
        filled,
        netted,
        before: before.place,
        after,
        ..TraceRow::plain(event.ts_exch_ns, what, price, order.qty)
    }
}
