//! The resting orders of a lane: one slot an order, linked by instrument and side in price-time priority.
//!
//! Invariants: a slot below `orders_max` is the gateway's slot of the same order; the slots above hold ghosts, orders
//! that were filled whole and whose other estimates are still followed. Each side's list runs from the best price to
//! the worst, and at one price in order of arrival. What a book asks of every order lies apart from the rest of it; whoever
//! takes the rest to change it, books and prints apart, makes the next book count. Nothing allocates after construction. Cost:
//! an insertion walks the lane's own orders of that side only.

use super::Request;
use super::queue::{Queue, WORLDS};
use crate::feed::{Change, Places};
use crate::wire::{Event, OrderType, Side, Tif, UNDEF_TIME};
use alloc::boxed::Box;

/// No slot.
pub const NO_SLOT: u32 = u32::MAX;

/// An order at the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Resting {
    /// Order; 0 while the slot is free, whatever else it holds then.
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
    pub(super) previous: u32,
}

/// What a book asks of every order of a side.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    /// Limit price, 1e-6.
    pub price: i64,
    /// What a book must change to be shown to it.
    pub place: Places,
    /// The slot behind it on its side.
    pub next: u32,
}

/// The best order of each side, buys (0) and sells (1), of one instrument.
#[derive(Clone, Copy, Debug)]
pub struct Sides {
    /// Their slots; [`NO_SLOT`].
    pub first: [u32; 2],
    /// Their prices, 1e-6; where there is none, one that nothing reaches.
    pub best: [i64; 2],
    /// What rows must change for the lane to look at them; nothing while it has nothing here, something while it has.
    pub watched: Places,
}

impl Sides {
    const NONE: Sides =
        Sides { first: [NO_SLOT; 2], best: [i64::MIN, i64::MAX], watched: Places::NONE };
}

const NO_WATCH: Watch = Watch { price: 0, place: Places::NONE, next: NO_SLOT };

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
    watches: Box<[Watch]>,
    slots: Box<[Resting]>,
    sides: Box<[Sides]>,
    orders_max: usize,
    /// A bit for each ghost's slot that is free, lowest first.
    ghosts_free: Box<[u64]>,
}

impl RestingOrders {
    /// No orders. Allocates once.
    pub fn new(orders_max: usize, ghosts_max: usize, instruments: usize) -> Self {
        let slots = orders_max + ghosts_max;
        let mut ghosts_free = alloc::vec![0; ghosts_max.div_ceil(64)].into_boxed_slice();
        (0..ghosts_max).for_each(|ghost| ghosts_free[ghost / 64] |= 1 << (ghost % 64));
        RestingOrders {
            ghosts_free,
            watches: alloc::vec![NO_WATCH; slots].into_boxed_slice(),
            slots: alloc::vec![Resting::FREE; slots].into_boxed_slice(),
            sides: alloc::vec![Sides::NONE; instruments].into_boxed_slice(),
            orders_max,
        }
    }

    /// The order of a slot.
    pub fn get(&self, slot: u32) -> &Resting {
        &self.slots[slot as usize]
    }

    /// The order of a slot, to be changed in anything but its place. The next book counts for it.
    pub fn get_mut(&mut self, slot: u32) -> &mut Resting {
        let (order, place) = self.at_book_mut(slot);
        *place = place.for_next_book(true);
        let instrument = order.instrument;
        self.watch_for(instrument, Places::NEXT_BOOK);
        &mut self.slots[slot as usize]
    }

    /// The same with what a book must change for it, for whoever sees to it himself that the next one counts if it must.
    pub fn at_book_mut(&mut self, slot: u32) -> (&mut Resting, &mut Places) {
        (&mut self.slots[slot as usize], &mut self.watches[slot as usize].place)
    }

    /// The same for a print, after which the next book counts only if it did before.
    pub fn at_print_mut(&mut self, slot: u32) -> &mut Resting {
        &mut self.slots[slot as usize]
    }

    /// Looks at rows that change these places, too.
    pub fn watch_for(&mut self, instrument: u32, places: Places) {
        let watched = &mut self.sides[instrument as usize].watched;
        *watched = watched.and(places);
    }

    /// Looks at rows that change these places, and at no others.
    pub fn watch_only(&mut self, instrument: u32, places: Places) {
        self.sides[instrument as usize].watched = places;
    }

    /// What a book asks of the order of a slot; nothing of [`NO_SLOT`].
    #[inline]
    pub fn watch(&self, slot: u32) -> Option<&Watch> {
        self.watches.get(slot as usize)
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
    #[inline]
    pub fn first(&self, instrument: u32, side: Side) -> u32 {
        self.sides(instrument).first[side.index()]
    }

    /// The best orders of an instrument.
    #[inline]
    pub fn sides(&self, instrument: u32) -> &Sides {
        &self.sides[instrument as usize]
    }

    /// The best orders of the instrument, where there is but one.
    #[inline]
    pub fn only_sides(&self) -> Option<&Sides> {
        if let [sides] = &*self.sides { Some(sides) } else { None }
    }

    /// The first of some rows that changes a place that is watched.
    #[inline]
    pub fn first_met(&self, events: &[Event], changes: &[Change]) -> Option<usize> {
        if let Some(sides) = self.only_sides() {
            let watched = sides.watched;
            return changes.iter().position(|change| change.places.meets(watched));
        }
        let mut rows = events.iter().zip(changes);
        rows.position(|(event, change)| change.places.meets(self.sides(event.instrument).watched))
    }

    /// Makes a slot, or none, the first of a side.
    fn set_first(&mut self, instrument: u32, side: Side, slot: u32) {
        let price = self.watch(slot).map(|watch| watch.price);
        let sides = &mut self.sides[instrument as usize];
        sides.first[side.index()] = slot;
        sides.best[side.index()] = price.unwrap_or(Sides::NONE.best[side.index()]);
    }

    /// The slot behind `slot` on its side.
    pub fn after(&self, slot: u32) -> u32 {
        self.watches[slot as usize].next
    }

    /// `next`, the slot behind the order that was just handled; or the one behind that, where the order has itself moved
    /// there as a ghost.
    pub fn behind(&self, next: u32, handled_id: u64) -> u32 {
        match self.slots.get(next as usize) {
            Some(order) if order.order_id == handled_id => self.after(next),
            _ => next,
        }
    }

    /// Whether the lane has an order resting in the instrument.
    pub fn has_any(&self, instrument: u32) -> bool {
        // One by one: both at once would have to wait for the one that was just written.
        let [buys, sells] = self.sides(instrument).first;
        buys & sells != NO_SLOT
    }

    /// Puts an order behind all of its price and better. Returns it, to be given its queue.
    pub fn insert(&mut self, slot: u32, order: &Resting) -> &mut Resting {
        let (mut previous, mut next) = (NO_SLOT, self.first(order.instrument, order.side));
        while let Some(watch) = self.watches.get(next as usize)
            && !order.side.is_better(order.price, watch.price)
        {
            (previous, next) = (next, watch.next);
        }
        self.slots[slot as usize] = *order;
        self.slots[slot as usize].previous = previous;
        let place = Places::of(order.side, order.price).for_next_book(true);
        self.watches[slot as usize] = Watch { price: order.price, place, next };
        self.watch_for(order.instrument, Places::NEXT_BOOK);
        self.link(slot);
        &mut self.slots[slot as usize]
    }

    /// Makes the neighbours of a slot, and the head, point at it.
    fn link(&mut self, slot: u32) {
        let Resting { instrument, side, previous, .. } = self.slots[slot as usize];
        if previous == NO_SLOT {
            self.set_first(instrument, side, slot);
        } else {
            self.watches[previous as usize].next = slot;
        }
        if let Some(behind) = self.slots.get_mut(self.watches[slot as usize].next as usize) {
            behind.previous = slot;
        }
    }

    /// Takes an order out and frees its slot.
    pub fn remove(&mut self, slot: u32) {
        let next = self.watches[slot as usize].next;
        let order = &mut self.slots[slot as usize];
        order.order_id = 0;
        let Resting { instrument, side, previous, .. } = *order;
        if previous == NO_SLOT {
            self.set_first(instrument, side, next);
        } else {
            self.watches[previous as usize].next = next;
        }
        if let Some(behind) = self.slots.get_mut(next as usize) {
            behind.previous = previous;
        }
        self.set_ghost_free(slot, true);
    }

    /// Marks a ghost's slot; no other.
    fn set_ghost_free(&mut self, slot: u32, is_free: bool) {
        if let Some(ghost) = (slot as usize).checked_sub(self.orders_max) {
            let (word, bit) = (&mut self.ghosts_free[ghost / 64], 1 << (ghost % 64));
            *word = if is_free { *word | bit } else { *word & !bit };
        }
    }

    /// The slot for the next ghost: the first free one, or the oldest ghost's, which must be vacated first, and that it must;
    /// `None` where none are kept.
    pub fn ghost_slot(&self) -> Option<(u32, bool)> {
        if let Some(word) = self.ghosts_free.iter().position(|word| *word != 0) {
            let ghost = word * 64 + self.ghosts_free[word].trailing_zeros() as usize;
            return Some(((self.orders_max + ghost) as u32, false));
        }
        let ghosts = self.slots.iter().enumerate().skip(self.orders_max);
        let (slot, _) = ghosts.min_by_key(|(_, order)| order.order_id)?;
        Some((slot as u32, true))
    }

    /// Moves an order to a free slot; its place in the queue stays.
    pub fn relocate(&mut self, from: u32, to: u32) {
        self.slots[to as usize] = self.slots[from as usize];
        self.watches[to as usize] = self.watches[from as usize];
        self.slots[from as usize].order_id = 0;
        self.set_ghost_free(to, false);
        self.link(to);
    }

    /// Slots, used or free.
    pub fn slot_count(&self) -> u32 {
        self.slots.len() as u32
    }
}
