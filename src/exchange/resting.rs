//! The resting orders of a lane: one slot an order, linked by instrument and side in price-time priority.
//!
//! Invariants: a slot below `orders_max` is the gateway's slot of the same order; the slots above hold ghosts, orders
//! that were filled whole and whose other estimates are still followed. Each side's list runs from the best price to
//! the worst, and at one price in order of arrival. Nothing allocates after construction. Cost: an insertion walks the
//! lane's own orders of that side only.

use super::Request;
use super::queue::{Queue, WORLDS};
use crate::wire::{OrderType, Side, Tif, UNDEF_TIME};
use alloc::boxed::Box;

/// No slot.
pub const NO_SLOT: u32 = u32::MAX;

/// An order at the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Resting {
    /// Order; 0 while the slot is free.
    pub order_id: u64,
    /// The strategy's own mark.
    pub tag: u64,
    /// Limit price, 1e-6.
    pub price: i64,
    /// Total quantity, lots.
    pub qty: u32,
    /// Filled quantity, lots, by world.
    pub filled: [u32; WORLDS],
    /// The world that fills the order; the others are followed for their figures alone.
    pub fills_in: u8,
    /// Lots of the order itself that the displayed books contain: 0 but for shadows of recorded orders.
    pub own_shown: u32,
    /// When those leave without a fill, ns; `i64::MAX` when they never do.
    pub own_until_ns: i64,
    /// Lots of the order itself among the next prints at its price: 0 but for such shadows.
    pub own_printed: u32,
    /// Its queue, while it rests.
    pub queue: Queue,
    /// When it joined the queue, ns; `UNDEF_TIME` until then.
    pub ts_join_ns: i64,
    /// First fill while it rested, ns, by world; `UNDEF_TIME` before.
    pub ts_first_ns: [i64; WORLDS],
    /// Instrument.
    pub instrument: u32,
    /// Strategy within the lane.
    pub strategy: u32,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Time in force.
    pub tif: Tif,
    /// Whether it must not take.
    pub post_only: bool,
    pub(super) next: u32,
    pub(super) previous: u32,
}

impl Resting {
    /// A free slot.
    pub const FREE: Resting = Resting {
        order_id: 0,
        tag: 0,
        price: 0,
        qty: 0,
        filled: [0; WORLDS],
        fills_in: 0,
        own_shown: 0,
        own_until_ns: i64::MAX,
        own_printed: 0,
        queue: Queue::NONE,
        ts_join_ns: UNDEF_TIME,
        ts_first_ns: [UNDEF_TIME; WORLDS],
        instrument: 0,
        strategy: 0,
        side: Side::Buy,
        order_type: OrderType::Limit,
        tif: Tif::Rod,
        post_only: false,
        next: NO_SLOT,
        previous: NO_SLOT,
    };

    /// An order of this id and origin, without terms.
    pub fn of(request: &Request) -> Self {
        Resting {
            order_id: request.order_id,
            tag: request.origin.tag,
            instrument: request.origin.instrument,
            strategy: request.origin.strategy,
            side: request.origin.side,
            ..Resting::FREE
        }
    }

    /// Quantity that is filled, lots.
    pub fn filled(&self) -> u32 {
        self.filled[usize::from(self.fills_in)]
    }

    /// Quantity still open, lots.
    pub fn leaves(&self) -> u32 {
        self.leaves_in(usize::from(self.fills_in))
    }

    /// Quantity still open in a world, lots.
    pub fn leaves_in(&self, world: usize) -> u32 {
        self.qty.saturating_sub(self.filled[world])
    }

    /// Whether it is filled whole in every world.
    pub fn is_done(&self) -> bool {
        self.filled.iter().all(|filled| *filled >= self.qty)
    }
}

/// Every slot of a lane, and the list heads of every (instrument, side).
#[derive(Clone, Debug)]
pub struct RestingOrders {
    slots: Box<[Resting]>,
    best: Box<[[u32; 2]]>,
    orders_max: usize,
}

impl RestingOrders {
    /// No orders. Allocates once.
    pub fn new(orders_max: usize, ghosts_max: usize, instruments: usize) -> Self {
        RestingOrders {
            slots: alloc::vec![Resting::FREE; orders_max + ghosts_max].into_boxed_slice(),
            best: alloc::vec![[NO_SLOT; 2]; instruments].into_boxed_slice(),
            orders_max,
        }
    }

    /// The order of a slot.
    pub fn get(&self, slot: u32) -> &Resting {
        &self.slots[slot as usize]
    }

    /// The order of a slot, to be changed in anything but its place.
    pub fn get_mut(&mut self, slot: u32) -> &mut Resting {
        &mut self.slots[slot as usize]
    }

    /// Whether the slot holds this very order.
    pub fn is_live(&self, slot: u32, order_id: u64) -> bool {
        self.slots.get(slot as usize).is_some_and(|order| order.order_id == order_id)
    }

    /// The slot of an order, live or ghost. O(slots).
    pub fn find(&self, order_id: u64) -> Option<u32> {
        self.slots.iter().position(|order| order.order_id == order_id).map(|slot| slot as u32)
    }

    /// Whether the slot is a ghost's.
    pub fn is_ghost(&self, slot: u32) -> bool {
        slot as usize >= self.orders_max
    }

    /// First slot of a side: best price, earliest arrival.
    pub fn first(&self, instrument: u32, side: Side) -> u32 {
        self.best[instrument as usize][side.index()]
    }

    /// The slot behind `slot` on its side.
    pub fn after(&self, slot: u32) -> u32 {
        self.slots[slot as usize].next
    }

    /// `next`, the slot behind the order that was just handled; or the one behind that, where the order has itself moved
    /// there as a ghost.
    pub fn behind(&self, next: u32, handled_id: u64) -> u32 {
        match self.slots.get(next as usize) {
            Some(order) if order.order_id == handled_id => order.next,
            _ => next,
        }
    }

    /// Whether the lane has an order resting in the instrument.
    pub fn has_any(&self, instrument: u32) -> bool {
        self.best[instrument as usize] != [NO_SLOT; 2]
    }

    /// Puts an order behind all of its price and better.
    pub fn insert(&mut self, slot: u32, order: Resting) {
        let heads = &mut self.best[order.instrument as usize];
        let (mut previous, mut next) = (NO_SLOT, heads[order.side.index()]);
        while next != NO_SLOT && !order.side.is_better(order.price, self.slots[next as usize].price)
        {
            previous = next;
            next = self.slots[next as usize].next;
        }
        self.slots[slot as usize] = Resting { next, previous, ..order };
        self.link(slot);
    }

    /// Makes the neighbours of a slot, and the head, point at it.
    fn link(&mut self, slot: u32) {
        let Resting { instrument, side, next, previous, .. } = self.slots[slot as usize];
        if previous == NO_SLOT {
            self.best[instrument as usize][side.index()] = slot;
        } else {
            self.slots[previous as usize].next = slot;
        }
        if next != NO_SLOT {
            self.slots[next as usize].previous = slot;
        }
    }

    /// Takes an order out and frees its slot.
    pub fn remove(&mut self, slot: u32) -> Resting {
        let order = self.slots[slot as usize];
        if order.previous == NO_SLOT {
            self.best[order.instrument as usize][order.side.index()] = order.next;
        } else {
            self.slots[order.previous as usize].next = order.next;
        }
        if order.next != NO_SLOT {
            self.slots[order.next as usize].previous = order.previous;
        }
        self.slots[slot as usize] = Resting::FREE;
        order
    }

    /// The slot for the next ghost, and whether it must be vacated first; `None` where none are kept.
    pub fn ghost_slot(&self) -> Option<(u32, bool)> {
        let ghosts = self.slots.iter().enumerate().skip(self.orders_max);
        // Free slots have order 0, so they come before the oldest ghost.
        let (slot, order) = ghosts.min_by_key(|(_, order)| order.order_id)?;
        Some((slot as u32, order.order_id != 0))
    }

    /// Moves an order to a free slot; its place in the queue stays.
    pub fn relocate(&mut self, from: u32, to: u32) {
        self.slots[to as usize] = self.slots[from as usize];
        self.slots[from as usize] = Resting::FREE;
        self.link(to);
    }

    /// Slots, used or free.
    pub fn slot_count(&self) -> u32 {
        self.slots.len() as u32
    }
}
