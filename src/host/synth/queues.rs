//! Price-time queues: every resting order, in a ring of price levels around the fair price.
//!
//! Invariants: all resting orders lie inside a window of ticks no longer than the ring, so a tick
//! maps to one slot; bids lie strictly below asks, so a level holds one side; a level's quantity and
//! count are those of its list. Units: ticks, lots. Cost: add, reduce and remove are O(1), plus a
//! walk over empty ticks when the best level empties. The slab grows to the most orders that ever
//! rested together and no further.

use super::rows::{Levels, TruthRow};

/// "No order" in a link.
const NONE: u32 = u32::MAX;

/// Buy or sell, as an index and as a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Bid = 0,
    Ask = 1,
}

impl Side {
    /// 1 for buy, -1 for sell.
    pub(super) const fn sign(self) -> i8 {
        match self {
            Self::Bid => 1,
            Self::Ask => -1,
        }
    }

    pub(super) const fn opposite(self) -> Self {
        match self {
            Self::Bid => Self::Ask,
            Self::Ask => Self::Bid,
        }
    }

    /// How many ticks `tick` is behind `best` on this side; negative when it is ahead.
    pub(super) const fn behind(self, best: i64, tick: i64) -> i64 {
        (best - tick) * self.sign() as i64
    }
}

/// A resting order: its queue links and the truth that is told when it ends.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) tick: i64,
    pub(super) side: Side,
    pub(super) qty_lots: i64,
    pub(super) truth: TruthRow,
    prev: u32,
    next: u32,
    /// Position in `Queues::live`.
    live_at: u32,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    head: u32,
    tail: u32,
    orders: u32,
    qty_lots: i64,
}

const EMPTY: Level = Level { head: NONE, tail: NONE, orders: 0, qty_lots: 0 };

/// Both sides of the book.
#[derive(Clone, Debug)]
pub(super) struct Queues {
    slab: Vec<Order>,
    free: Vec<u32>,
    /// Slots in use, in no order: a uniform draw from the resting orders is O(1).
    live: Vec<u32>,
    ring: Vec<Level>,
    best: [Option<i64>; 2],
    /// Lowest and highest tick at which orders may rest.
    window: (i64, i64),
}

impl Queues {
    /// Empty queues for orders at most `reach_ticks` from `center_tick`.
    pub(super) fn new(center_tick: i64, reach_ticks: i64) -> Self {
        let slots = (2 * reach_ticks + 2).unsigned_abs().next_power_of_two();
        Self {
            slab: Vec::new(),
            free: Vec::new(),
            live: Vec::new(),
            ring: vec![EMPTY; slots as usize],
            best: [None, None],
            window: (center_tick - reach_ticks, center_tick + reach_ticks),
        }
    }

    fn at(&self, tick: i64) -> usize {
        tick as u64 as usize & (self.ring.len() - 1)
    }

    /// How many orders rest.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// How many order slots were ever needed at once.
    pub(super) fn slots(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn order(&self, slot: u32) -> &Order {
        &self.slab[slot as usize]
    }

    pub(super) fn order_mut(&mut self, slot: u32) -> &mut Order {
        &mut self.slab[slot as usize]
    }

    /// The `index`-th resting order, in no particular order.
    pub(super) fn live_slot(&self, index: usize) -> u32 {
        self.live[index]
    }

    pub(super) fn best(&self, side: Side) -> Option<i64> {
        self.best[side as usize]
    }

    pub(super) fn in_window(&self, tick: i64) -> bool {
        self.window.0 <= tick && tick <= self.window.1
    }

    /// The window's (lowest, highest) tick.
    pub(super) fn window(&self) -> (i64, i64) {
        self.window
    }

    /// Moves the window. The ticks that leave it must be empty.
    pub(super) fn set_window(&mut self, lowest: i64, highest: i64) {
        debug_assert!(
            self.best(Side::Bid).is_none_or(|t| t <= highest)
                && self.best(Side::Ask).is_none_or(|t| t >= lowest),
            "Invariant: no order rests outside the window"
        );
        self.window = (lowest, highest);
    }

    /// Lots and orders that rest at a tick inside the window.
    pub(super) fn queue(&self, tick: i64) -> (i64, u32) {
        let level = &self.ring[self.at(tick)];
        (level.qty_lots, level.orders)
    }

    pub(super) fn head(&self, tick: i64) -> Option<u32> {
        Some(self.ring[self.at(tick)].head).filter(|s| *s != NONE)
    }

    pub(super) fn tail(&self, tick: i64) -> Option<u32> {
        Some(self.ring[self.at(tick)].tail).filter(|s| *s != NONE)
    }

    pub(super) fn next(&self, slot: u32) -> Option<u32> {
        Some(self.slab[slot as usize].next).filter(|s| *s != NONE)
    }

    pub(super) fn prev(&self, slot: u32) -> Option<u32> {
        Some(self.slab[slot as usize].prev).filter(|s| *s != NONE)
    }

    /// Occupied levels of `side` with a better price than `tick`.
    pub(super) fn levels_better(&self, side: Side, tick: i64) -> i64 {
        let Some(mut at) = self.best(side) else { return 0 };
        let mut levels = 0;
        while side.behind(at, tick) > 0 {
            levels += i64::from(self.ring[self.at(at)].orders > 0);
            at -= i64::from(side.sign());
        }
        levels
    }

    /// Puts an order at the end of its queue.
    pub(super) fn push(&mut self, side: Side, tick: i64, truth: TruthRow) -> u32 {
        debug_assert!(self.in_window(tick), "Invariant: orders rest inside the window");
        debug_assert!(
            self.best(side.opposite()).is_none_or(|opp| side.behind(opp, tick) > 0),
            "Invariant: a resting order neither crosses nor locks"
        );
        let at = self.at(tick);
        let tail = self.ring[at].tail;
        let live_at = self.live.len() as u32;
        let qty_lots = truth.qty_lots;
        let order = Order { tick, side, qty_lots, truth, prev: tail, next: NONE, live_at };
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slab[slot as usize] = order;
                slot
            }
            None => {
                self.slab.push(order);
                (self.slab.len() - 1) as u32
            }
        };
        self.live.push(slot);
        match tail {
            NONE => self.ring[at].head = slot,
            _ => self.slab[tail as usize].next = slot,
        }
        let level = &mut self.ring[at];
        level.tail = slot;
        level.orders += 1;
        level.qty_lots += qty_lots;
        if self.best(side).is_none_or(|best| side.behind(best, tick) < 0) {
            self.best[side as usize] = Some(tick);
        }
        slot
    }

    /// Takes lots off an order; the order leaves when none is left. Says whether it left.
    pub(super) fn reduce(&mut self, slot: u32, qty_lots: i64) -> bool {
        let order = &mut self.slab[slot as usize];
        debug_assert!(
            0 < qty_lots && qty_lots <= order.qty_lots,
            "Invariant: only what rests can be taken"
        );
        order.qty_lots -= qty_lots;
        let (left, tick) = (order.qty_lots, order.tick);
        let at = self.at(tick);
        self.ring[at].qty_lots -= qty_lots;
        if left == 0 {
            self.unlink(slot);
        }
        left == 0
    }

    /// Removes an empty order from its queue. Its slot's content stays readable until the next push.
    fn unlink(&mut self, slot: u32) {
        let Order { tick, side, prev, next, live_at, .. } = self.slab[slot as usize];
        let at = self.at(tick);
        match prev {
            NONE => self.ring[at].head = next,
            _ => self.slab[prev as usize].next = next,
        }
        match next {
            NONE => self.ring[at].tail = prev,
            _ => self.slab[next as usize].prev = prev,
        }
        self.ring[at].orders -= 1;
        self.live.swap_remove(live_at as usize);
        if let Some(&moved) = self.live.get(live_at as usize) {
            self.slab[moved as usize].live_at = live_at;
        }
        self.free.push(slot);
        if self.ring[at].orders == 0 && self.best(side) == Some(tick) {
            self.best[side as usize] = self.next_occupied(side, tick);
        }
    }

    /// The nearest occupied tick behind `tick`, within the window.
    fn next_occupied(&self, side: Side, tick: i64) -> Option<i64> {
        let mut at = tick - i64::from(side.sign());
        while self.in_window(at) {
            if self.ring[self.at(at)].orders > 0 {
                return Some(at);
            }
            at -= i64::from(side.sign());
        }
        None
    }

    /// The best levels of a side, as published.
    pub(super) fn top(&self, side: Side, tick_e6: i64) -> Levels {
        let mut levels = Levels::new();
        let mut at = self.best(side);
        while let Some(tick) = at {
            levels.push((tick * tick_e6, self.queue(tick).0));
            if levels.is_full() {
                break;
            }
            at = self.next_occupied(side, tick);
        }
        levels
    }

    /// Forgets every order, and stands around another tick.
    pub(super) fn reset(&mut self, center_tick: i64, reach_ticks: i64) {
        self.slab.clear();
        self.free.clear();
        self.live.clear();
        self.ring.fill(EMPTY);
        self.best = [None, None];
        self.window = (center_tick - reach_ticks, center_tick + reach_ticks);
    }
}
