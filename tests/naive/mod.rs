//! The exchange once more, slow and obvious: vectors, maps, no lists, no cursors. Written from the laws, not from the
//! code, and held equal to it by a property test.
//!
//! One instrument, prices in whole units. Orders are told by number; fills come out in the order of their happening.

use std::collections::BTreeMap;

/// A buy or a sell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NaiveSide {
    Buy,
    Sell,
}

use NaiveSide::{Buy, Sell};

/// Levels best first, as displayed.
#[derive(Clone, Debug, Default)]
pub struct NaiveBook {
    pub bids: Vec<(i64, u32)>,
    pub asks: Vec<(i64, u32)>,
}

impl NaiveBook {
    fn side(&self, side: NaiveSide) -> &Vec<(i64, u32)> {
        if side == Buy { &self.bids } else { &self.asks }
    }

    /// Law 4: the size at a price, 0 where nothing rests, `None` where nobody knows.
    fn size(&self, side: NaiveSide, price: i64, depth_max: usize) -> Option<u32> {
        let levels = self.side(side);
        if let Some((_, qty)) = levels.iter().find(|(shown, _)| *shown == price) {
            return Some(*qty);
        }
        let worst = levels.last().map(|(shown, _)| *shown);
        let beyond =
            worst.is_some_and(|worst| if side == Buy { price < worst } else { price > worst });
        if beyond && levels.len() == depth_max { None } else { Some(0) }
    }
}

#[derive(Clone, Debug)]
struct Order {
    id: u64,
    side: NaiveSide,
    price: i64,
    leaves: u32,
    /// Lots of others ahead; `None` where nobody knows.
    ahead: Option<u32>,
    /// Rank of arrival at its price.
    arrival: u64,
}

/// Fills of (order, price, lots, why): 1 through, 2 at, 3 crossed, 4 taken.
pub type NaiveFill = (u64, i64, u32, u8);

/// The exchange.
#[derive(Debug, Default)]
pub struct NaiveExchange {
    depth_max: usize,
    book: Option<NaiveBook>,
    orders: Vec<Order>,
    /// What we used of the displayed size: (side, price) to (used, displayed when we last looked).
    used: BTreeMap<(NaiveSide, i64), (u32, u32)>,
    /// What printed since the book: side of the resting orders, price, lots.
    printed: Vec<(NaiveSide, i64, u32)>,
    arrivals: u64,
    pub fills: Vec<NaiveFill>,
}

impl NaiveExchange {
    /// An exchange whose source shows `depth_max` levels.
    pub fn new(depth_max: usize) -> Self {
        NaiveExchange { depth_max, ..NaiveExchange::default() }
    }

    fn left(&self, side: NaiveSide, price: i64, shown: u32) -> u32 {
        shown.saturating_sub(self.used.get(&(side, price)).map_or(0, |(used, _)| *used))
    }

    fn use_up(&mut self, side: NaiveSide, price: i64, shown: u32, qty: u32) {
        let entry = self.used.entry((side, price)).or_insert((0, shown));
        *entry = (entry.0 + qty, shown);
    }

    /// A limit order arrives. `rests` is false for an immediate one.
    pub fn submit(&mut self, id: u64, side: NaiveSide, price: i64, qty: u32, rests: bool) {
        let mut leaves = qty;
        let opposite = if side == Buy { Sell } else { Buy };
        for (level, shown) in self.book.clone().unwrap_or_default().side(opposite).clone() {
            let reaches = if side == Buy { level <= price } else { level >= price };
            let take = self.left(opposite, level, shown).min(leaves);
            if reaches && take > 0 {
                leaves -= take;
                self.use_up(opposite, level, shown, take);
                self.fills.push((id, level, take, 4));
            }
        }
        if leaves > 0 && rests {
            let shown = self.book.as_ref().and_then(|b| b.size(side, price, self.depth_max));
            let ahead = if self.book.is_some() { self.unprinted(side, price, shown) } else { None };
            self.arrivals += 1;
            self.orders.push(Order { id, side, price, leaves, ahead, arrival: self.arrivals });
        }
    }

    /// What is left of `shown` after the prints since the book: a print takes everything better than its price first.
    fn unprinted(&self, side: NaiveSide, price: i64, shown: Option<u32>) -> Option<u32> {
        let mine = || self.printed.iter().filter(|(hit, _, _)| *hit == side);
        let worse = |at: i64| if side == Buy { at < price } else { at > price };
        if mine().any(|(_, at, _)| worse(*at)) {
            return Some(0);
        }
        let here: u32 = mine().filter(|(_, at, _)| *at == price).map(|(_, _, qty)| qty).sum();
        shown.map(|shown| shown.saturating_sub(here))
    }

    /// A cancel arrives.
    pub fn cancel(&mut self, id: u64) {
        self.orders.retain(|order| order.id != id);
    }

    /// Numbers of a side's orders, best price first, then by arrival.
    fn ranked(&self, side: NaiveSide) -> Vec<u64> {
        let mut orders: Vec<&Order> = self.orders.iter().filter(|o| o.side == side).collect();
        orders.sort_by_key(|o| (if side == Buy { -o.price } else { o.price }, o.arrival));
        orders.iter().map(|o| o.id).collect()
    }

    fn get(&mut self, id: u64) -> &mut Order {
        self.orders.iter_mut().find(|o| o.id == id).expect("the order is live")
    }

    fn fill(&mut self, id: u64, qty: u32, why: u8) {
        let order = self.get(id);
        order.leaves -= qty;
        let (price, done) = (order.price, order.leaves == 0);
        self.fills.push((id, price, qty, why));
        if done {
            self.cancel(id);
        }
    }

    /// A valid book is displayed.
    pub fn book(&mut self, book: NaiveBook) {
        let depth_max = self.depth_max;
        self.printed.clear();
        self.used.retain(|(side, price), (used, seen)| match book.size(*side, *price, depth_max) {
            None => true,
            Some(0) => false,
            Some(shown) => {
                *used -= (*used).min(seen.saturating_sub(shown));
                *seen = shown;
                *used > 0
            }
        });
        for side in [Buy, Sell] {
            for id in self.ranked(side) {
                let order = self.get(id);
                if let Some(shown) = book.size(side, order.price, depth_max) {
                    order.ahead = Some(order.ahead.unwrap_or(u32::MAX).min(shown));
                }
            }
            let opposite = if side == Buy { Sell } else { Buy };
            for id in self.ranked(side) {
                let order = self.get(id).clone();
                let mut lots = 0;
                for &(level, shown) in book.side(opposite) {
                    let reaches =
                        if side == Buy { level <= order.price } else { level >= order.price };
                    let qty = self.left(opposite, level, shown).min(order.leaves - lots);
                    if reaches && qty > 0 {
                        self.use_up(opposite, level, shown, qty);
                        lots += qty;
                    }
                }
                if lots > 0 {
                    self.fill(id, lots, 3);
                }
            }
        }
        self.book = Some(book);
    }

    /// A valid print. `aggressor` is 1 or -1.
    pub fn trade(&mut self, price: i64, qty: u32, aggressor: i8) {
        let side = if aggressor == 1 { Sell } else { Buy };
        self.printed.push((side, price, qty));
        let mut volume = qty;
        let mut gone = 0;
        for id in self.ranked(side) {
            let order = self.get(id);
            let (own, leaves, ahead) = (order.price, order.leaves, order.ahead);
            let through = if side == Buy { own > price } else { own < price };
            if through && volume > 0 {
                let filled = leaves.min(volume);
                volume -= filled;
                self.fill(id, filled, 1);
            } else if own == price {
                // Others ahead of us trade first; those that an earlier own order saw go are gone for us too.
                let standing = ahead.unwrap_or(u32::MAX).saturating_sub(gone);
                let others = standing.min(volume);
                volume -= others;
                gone += others;
                if let Some(ahead) = ahead {
                    self.get(id).ahead = Some(ahead.saturating_sub(gone));
                }
                let filled = leaves.min(volume);
                volume -= filled;
                if filled > 0 {
                    self.fill(id, filled, 2);
                }
            }
        }
    }
}
