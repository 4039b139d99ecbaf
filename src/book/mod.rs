//! The five-level view: what a row shows at a price, and what it says about prices it does not show.
//!
//! Invariants: nothing is rebuilt and nothing is kept; a view is two references into the window. A side
//! that shows fewer levels than the source can show is complete. Cost: six comparisons a lookup.

use crate::wire::{Depth, Event, LEVELS_MAX, Side};

/// What is known of the displayed size at one price of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LevelState {
    /// Displayed, with this many lots (above zero).
    Known(u32),
    /// Nothing rests there: the price lies within what the side shows, or the side is complete.
    Empty,
    /// The price lies beyond the last displayed level of a full side: anything may rest there.
    Unknown,
}

impl LevelState {
    /// The same without `own` lots of an order that the data contain themselves.
    pub fn without(self, own: u32) -> Self {
        match self {
            LevelState::Known(qty) if qty > own => LevelState::Known(qty - own),
            LevelState::Known(_) => LevelState::Empty,
            other => other,
        }
    }
}

/// A complete five-level picture.
#[derive(Clone, Copy, Debug)]
pub struct Book<'a> {
    /// The row that carries the touch.
    pub event: &'a Event,
    /// The depth row in force.
    pub depth: &'a Depth,
}

impl Book<'_> {
    /// Levels that `side` shows, the touch included.
    pub fn levels(&self, side: Side) -> usize {
        let shown = match side {
            Side::Buy => self.depth.bid_levels,
            Side::Sell => self.depth.ask_levels,
        };
        usize::from(shown).min(LEVELS_MAX)
    }

    /// Price and quantity of level `index` (0 is the touch) of `side`; `None` beyond the last.
    pub fn level(&self, side: Side, index: usize) -> Option<(i64, u32)> {
        if index >= self.levels(side) {
            return None;
        }
        Some(match (side, index) {
            (Side::Buy, 0) => (self.event.bid_price, self.event.bid_qty),
            (Side::Sell, 0) => (self.event.ask_price, self.event.ask_qty),
            (Side::Buy, n) => (self.depth.bid_price[n - 1], self.depth.bid_qty[n - 1]),
            (Side::Sell, n) => (self.depth.ask_price[n - 1], self.depth.ask_qty[n - 1]),
        })
    }

    /// What is known of `price` on `side`, when the source shows `depth_max` levels at most (law 4). No price is that of a level
    /// that is not shown.
    #[inline]
    pub fn state(&self, side: Side, price: i64, depth_max: u8) -> LevelState {
        let Book { event, depth } = self;
        let (levels, touch, qty, prices, qtys) = match side {
            Side::Buy => {
                (depth.bid_levels, event.bid_price, event.bid_qty, &depth.bid_price, &depth.bid_qty)
            }
            Side::Sell => {
                (depth.ask_levels, event.ask_price, event.ask_qty, &depth.ask_price, &depth.ask_qty)
            }
        };
        // All of them, since where to stop is what no processor can foresee: beyond the last one shown no price is a price.
        let mut shown = if price == touch { qty } else { 0 };
        for (level, qty) in prices.iter().zip(qtys) {
            shown = if price == *level { *qty } else { shown };
        }
        if shown > 0 {
            return LevelState::Known(shown);
        }
        let below = usize::from(levels).min(LEVELS_MAX).checked_sub(2);
        let last = below.map_or(touch, |below| prices[below]);
        let is_beyond = levels >= depth_max && side.is_better(last, price);
        if is_beyond { LevelState::Unknown } else { LevelState::Empty }
    }

    /// Best bid plus best ask, twice the mid price; `None` unless both sides show a level.
    pub fn mid_x2(&self) -> Option<i64> {
        let (bid, _) = self.level(Side::Buy, 0)?;
        let (ask, _) = self.level(Side::Sell, 0)?;
        bid.checked_add(ask)
    }
}

/// Which sides a print may fill: buys, sells. An unknown aggressor is inferred from the last valid book, not from
/// whatever is displayed, and inside the spread either side may have been hit; the print's quantity is spent once
/// all the same.
pub fn passive_sides(event: &Event, book: Option<Book<'_>>) -> [bool; 2] {
    let touch = |side| book.and_then(|book| book.level(side, 0)).map(|(price, _)| price);
    match event.aggressor {
        1 => [false, true],
        -1 => [true, false],
        _ if touch(Side::Sell).is_some_and(|ask| event.trade_price >= ask) => [false, true],
        _ if touch(Side::Buy).is_some_and(|bid| event.trade_price <= bid) => [true, false],
        _ => [true, true],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> (Event, Depth) {
        let event =
            Event { bid_price: 100, bid_qty: 3, ask_price: 102, ask_qty: 4, ..Event::EMPTY };
        let mut depth = Depth { bid_levels: 3, ask_levels: 2, ..Depth::EMPTY };
        (depth.bid_price[0], depth.bid_qty[0]) = (99, 5);
        (depth.bid_price[1], depth.bid_qty[1]) = (96, 6);
        (depth.ask_price[0], depth.ask_qty[0]) = (103, 7);
        (event, depth)
    }

    #[test]
    fn a_price_between_shown_levels_is_empty_and_beyond_a_full_side_unknown() {
        let (event, depth) = picture();
        let book = Book { event: &event, depth: &depth };
        assert_eq!(book.state(Side::Buy, 99, 3), LevelState::Known(5));
        assert_eq!(book.state(Side::Buy, 97, 3), LevelState::Empty);
        assert_eq!(book.state(Side::Buy, 101, 3), LevelState::Empty, "better than the touch");
        assert_eq!(book.state(Side::Buy, 95, 3), LevelState::Unknown, "the side is full");
        assert_eq!(book.state(Side::Buy, 95, 5), LevelState::Empty, "the side is complete");
        assert_eq!(book.state(Side::Sell, 104, 5), LevelState::Empty);
        assert_eq!(book.state(Side::Sell, 104, 2), LevelState::Unknown);
        assert_eq!(book.mid_x2(), Some(202));
    }

    /// Law 4 word by word, level by level.
    fn walk(book: &Book<'_>, side: Side, price: i64, depth_max: u8) -> LevelState {
        for index in 0..book.levels(side) {
            match book.level(side, index) {
                Some((shown, qty)) if shown == price => return LevelState::Known(qty),
                Some((shown, _)) if side.is_better(price, shown) => return LevelState::Empty,
                _ => {}
            }
        }
        let is_full = book.levels(side) >= usize::from(depth_max);
        if is_full { LevelState::Unknown } else { LevelState::Empty }
    }

    #[test]
    fn every_price_of_random_books_is_what_a_walk_down_the_levels_says() {
        let mut state = 7_u64;
        let mut below = |bound: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            (state >> 33) % bound
        };
        let mut counts = [0; 3];
        for _ in 0..2_000 {
            let (mut event, mut depth) = (Event::EMPTY, Depth::EMPTY);
            for side in [Side::Buy, Side::Sell] {
                let levels = below(1 + LEVELS_MAX as u64) as usize;
                let away = if side == Side::Buy { -1 } else { 1 };
                let mut price = 100 + away;
                for level in 0..levels {
                    price += away * below(3) as i64;
                    let qty = 1 + below(9) as u32;
                    let (prices, qtys) = match side {
                        Side::Buy => (&mut depth.bid_price, &mut depth.bid_qty),
                        Side::Sell => (&mut depth.ask_price, &mut depth.ask_qty),
                    };
                    match (side, level) {
                        (Side::Buy, 0) => (event.bid_price, event.bid_qty) = (price, qty),
                        (Side::Sell, 0) => (event.ask_price, event.ask_qty) = (price, qty),
                        _ => (prices[level - 1], qtys[level - 1]) = (price, qty),
                    }
                    price += away;
                }
                match side {
                    Side::Buy => depth.bid_levels = levels as u8,
                    Side::Sell => depth.ask_levels = levels as u8,
                }
            }
            let book = Book { event: &event, depth: &depth };
            for (side, depth_max) in
                [(Side::Buy, 5), (Side::Sell, 5), (Side::Buy, 3), (Side::Sell, 1)]
            {
                for price in 80..120 {
                    let found = book.state(side, price, depth_max);
                    assert_eq!(
                        found,
                        walk(&book, side, price, depth_max),
                        "{side:?} {price} {book:?}"
                    );
                    counts[match found {
                        LevelState::Known(_) => 0,
                        LevelState::Empty => 1,
                        LevelState::Unknown => 2,
                    }] += 1;
                }
            }
        }
        assert!(counts.into_iter().all(|count| count > 10_000), "{counts:?}");
    }
}
