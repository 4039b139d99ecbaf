//! What a row changes, as a set of places that whoever rests there has to look at, and what it may fill: found once, for all
//! lanes.
//!
//! A set has 64 bits a side, for prices by their residue: a lane's orders rest at few of them and a book changes few. Invariants: a
//! set may name a price in vain, and never leaves one out. Against the valid book before it a valid book names every price of
//! the ladder where it shows something else: another quantity, a level that comes or goes, or a price that comes into view or
//! leaves it. Cost: some 400 instructions a book, once for all lanes.

use super::trail::Picture;
use crate::book::Book;
use crate::wire::{Instrument, LEVELS_MAX, Side, flags, kind};

/// More prices than these, that come into view or leave it at once, are named by naming all of the side.
const FLIPS_MAX: u64 = 32;

/// A set of places. Two words, not an array of them, which would be handed around in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    bids: u64,
    asks: u64,
}

impl Places {
    /// No place.
    pub const NONE: Places = Places { bids: 0, asks: 0 };
    /// Every place there is.
    pub const ALL: Places = Places { bids: u64::MAX, asks: u64::MAX };
    /// Named by every valid book: for whoever must look at the next one, whatever it changes.
    pub const NEXT_BOOK: Places = Places { bids: 1, asks: 0 };

    /// A price of a side.
    #[inline]
    pub fn of(side: Side, price: i64) -> Places {
        Places { bids: bit(price), asks: bit(price) }.on(side)
    }

    /// Both sets.
    #[inline]
    pub fn and(self, other: Places) -> Places {
        Places { bids: self.bids | other.bids, asks: self.asks | other.asks }
    }

    /// The same with [`Places::NEXT_BOOK`], or without.
    #[inline]
    pub fn for_next_book(self, wants: bool) -> Places {
        Places { bids: self.bids & !1 | u64::from(wants), ..self }
    }

    /// Those of one side.
    #[inline]
    pub fn on(self, side: Side) -> Places {
        match side {
            Side::Buy => Places { asks: 0, ..self },
            Side::Sell => Places { bids: 0, ..self },
        }
    }

    /// Whether the sets share a place.
    #[inline]
    pub fn meets(self, other: Places) -> bool {
        (self.bids & other.bids) | (self.asks & other.asks) != 0
    }
}

/// The bit of a price, from 1 to 63: prices next to each other never share one, but across zero, where the tick, in 1e-6, is a
/// multiple of neither three nor seven, as ticks of decimal prices are.
#[inline]
fn bit(price: i64) -> u64 {
    2 << (price as u64 % 63)
}

/// Which bit it is.
#[inline]
fn place_of(bit: u64) -> usize {
    bit.trailing_zeros() as usize & 63
}

/// What a row means for orders that rest in its instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Places where it shows something else than the valid book in force before it.
    pub places: Places,
    /// It may fill buys at this price or above, 1e-6: best ask of a book, price of a print that met the bid.
    pub buys_from: i64,
    /// It may fill sells at this price or below, 1e-6.
    pub sells_to: i64,
}

impl Change {
    /// Nothing.
    pub const NONE: Change =
        Change { places: Places::NONE, buys_from: i64::MAX, sells_to: i64::MIN };
    /// Whatever it is, everybody has to look.
    const ANY: Change = Change { places: Places::ALL, buys_from: i64::MIN, sells_to: i64::MAX };

    /// Whether it reaches the best buy or the best sell of these prices.
    #[inline]
    pub fn reaches_any(&self, best: [i64; 2]) -> bool {
        let [buys, sells] = self.reaches(best);
        buys || sells
    }

    /// Whether it reaches the best buy, and the best sell, of these prices.
    #[inline]
    pub fn reaches(&self, [buys, sells]: [i64; 2]) -> [bool; 2] {
        [self.buys_from <= buys, self.sells_to >= sells]
    }
}

/// What is to be known of an instrument, and of its last valid book, to tell what its rows change.
#[derive(Clone, Copy, Debug)]
pub struct Ladder {
    /// Orders rest at multiples of it only, 1e-6.
    step: i64,
    /// Levels that a full side shows.
    depth_max: u8,
    /// Of the last valid book, by side, the bit of the price of each level, whether it is there or not.
    bits: [[u64; LEVELS_MAX]; 2],
}

impl Ladder {
    /// The ladder of an instrument.
    pub fn of(instrument: &Instrument) -> Self {
        let step = instrument.ticks.iter().fold(0, |step, next| common(step, next.tick));
        let (step, depth_max) = (step.max(1), instrument.depth_max);
        Ladder { step, depth_max, bits: [[0; LEVELS_MAX]; 2] }
    }

    /// What a row changes, behind the valid book in force `before` it: the last that was seen here, or none.
    pub fn change(&mut self, before: Option<Picture<'_>>, (event, depth): Picture<'_>) -> Change {
        match event.kind {
            kind::BOOK if !event.is_book_valid() => Change::NONE,
            kind::BOOK => {
                let book = Book { event, depth };
                Change {
                    places: self.places(before, (event, depth)),
                    buys_from: book.level(Side::Sell, 0).map_or(i64::MAX, |(ask, _)| ask),
                    sells_to: book.level(Side::Buy, 0).map_or(i64::MIN, |(bid, _)| bid),
                }
            }
            kind::TRADE if event.is_trade_valid() => {
                let (is_at_bid, is_at_ask) = (event.aggressor <= 0, event.aggressor >= 0);
                Change {
                    buys_from: if is_at_bid { event.trade_price } else { i64::MAX },
                    sells_to: if is_at_ask { event.trade_price } else { i64::MIN },
                    ..Change::NONE
                }
            }
            kind::TRADE if event.flags & flags::AUCTION_PRINT == 0 => Change::NONE,
            _ => Change::ANY,
        }
    }

    fn places(&mut self, before: Option<Picture<'_>>, new: Picture<'_>) -> Places {
        let (bids, asks) = (View::of(Side::Buy, new), View::of(Side::Sell, new));
        let Some(old) = before else {
            self.bits = [&bids, &asks].map(|view| view.levels().0.map(bit));
            return Places::ALL;
        };
        let bids = self.changed(Side::Buy, &View::of(Side::Buy, old), &bids);
        let asks = self.changed(Side::Sell, &View::of(Side::Sell, old), &asks);
        Places::NEXT_BOOK.and(Places { bids, asks })
    }

    /// Levels are compared price by price: a side that has moved by a tick shows most of them as before.
    #[inline(always)] // so that it is compiled for each side
    fn changed(&mut self, side: Side, old: &View<'_>, new: &View<'_>) -> u64 {
        let below = old.prices.iter().zip(new.prices);
        let moved = below.fold(old.touch ^ new.touch, |moved, (was, is)| moved | (was ^ is));
        if moved != 0 {
            return self.changed_prices(side, old, new);
        }
        let [touch, bits @ ..] = &self.bits[side.index()];
        let named = |was: u32, is: u32, bit| bit & u64::from(was != is).wrapping_neg();
        let below = old.qtys.iter().zip(new.qtys).zip(bits);
        below.fold(named(old.qty, new.qty, *touch), |all, ((was, is), bit)| {
            all | named(*was, *is, *bit)
        })
    }

    fn changed_prices(&mut self, side: Side, old: &View<'_>, new: &View<'_>) -> u64 {
        let (old_prices, old_qtys) = old.levels();
        let (new_prices, new_qtys) = new.levels();
        let old_bits = self.bits[side.index()];
        let new_bits = new_prices.map(bit);
        self.bits[side.index()] = new_bits;
        // Where each price was, by its place: whoever finds another price there is as good as not found.
        let mut level_of = [0_u8; 64];
        for (level, bit) in (0..).zip(old_bits) {
            level_of[place_of(bit)] = level;
        }
        let mut named = self.flipped(old.edge(self.depth_max), new.edge(self.depth_max));
        let mut stayed = 0_u8;
        for ((price, qty), bit) in new_prices.iter().zip(&new_qtys).zip(new_bits) {
            let was = usize::from(level_of[place_of(bit)]);
            let is_same = old_prices[was] == *price && old_qtys[was] == *qty;
            stayed |= u8::from(is_same) << was;
            named |= bit & u64::from(!is_same).wrapping_neg();
        }
        for (level, bit) in old_bits.into_iter().enumerate() {
            named |= bit & u64::from(stayed >> level & 1 == 0).wrapping_neg();
        }
        named
    }

    /// The prices between two edges of the view, `None` where all is in view.
    #[inline]
    fn flipped(&self, old: Option<i64>, new: Option<i64>) -> u64 {
        let (low, high) = match (old, new) {
            (None, None) => return 0,
            (Some(old), Some(new)) => (old.min(new), old.max(new)),
            _ => return u64::MAX,
        };
        if high.abs_diff(low) > FLIPS_MAX * self.step.unsigned_abs() {
            return u64::MAX;
        }
        let mut flipped = 0;
        let mut price = low - low.rem_euclid(self.step) + self.step;
        while price < high {
            flipped |= bit(price);
            price += self.step;
        }
        flipped
    }
}

/// The largest step that both `a` and `b` are multiples of.
fn common(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common(b, a % b) }
}

/// One side of a book; what lies beyond the last level is as the feed has filled it.
struct View<'a> {
    touch: i64,
    qty: u32,
    /// Levels 2 to 5.
    prices: &'a [i64; LEVELS_MAX - 1],
    qtys: &'a [u32; LEVELS_MAX - 1],
    count: u8,
}

impl<'a> View<'a> {
    #[inline(always)] // so that it is compiled for each side
    fn of(side: Side, (event, depth): Picture<'a>) -> Self {
        let (touch, qty, prices, qtys, count) = match side {
            Side::Buy => {
                (event.bid_price, event.bid_qty, &depth.bid_price, &depth.bid_qty, depth.bid_levels)
            }
            Side::Sell => {
                (event.ask_price, event.ask_qty, &depth.ask_price, &depth.ask_qty, depth.ask_levels)
            }
        };
        View { touch, qty, prices, qtys, count }
    }

    /// All levels, best first.
    fn levels(&self) -> ([i64; LEVELS_MAX], [u32; LEVELS_MAX]) {
        let ([a, b, c, d], [e, f, g, h]) = (*self.prices, *self.qtys);
        ([self.touch, a, b, c, d], [self.qty, e, f, g, h])
    }

    /// The last price in view; `None` where the side is complete.
    fn edge(&self, depth_max: u8) -> Option<i64> {
        let is_full = self.count > 0 && self.count >= depth_max;
        is_full.then(|| match usize::from(self.count) {
            1 => self.touch,
            count => self.prices[(count - 2).min(LEVELS_MAX - 2)],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Depth, Event};

    struct Draw(u64);

    impl Draw {
        fn below(&mut self, count: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.0 >> 33) % count
        }
    }

    /// A book of up to five levels on each side around `mid` steps, at few prices, so that levels often meet.
    fn random_book(draw: &mut Draw, mid: i64, step: i64) -> (Event, Depth) {
        let mut event = Event { kind: kind::BOOK, ..Event::EMPTY };
        let mut depth = Depth::EMPTY;
        let (mut bid, mut ask) = (mid, mid + 1);
        for level in 0..draw.below(6) as usize {
            bid -= 1 + draw.below(2) as i64;
            let qty = 1 + draw.below(2) as u32;
            depth.bid_levels += 1;
            match level.checked_sub(1) {
                None => (event.bid_price, event.bid_qty) = (bid * step, qty),
                Some(below) => (depth.bid_price[below], depth.bid_qty[below]) = (bid * step, qty),
            }
        }
        for level in 0..draw.below(6) as usize {
            ask += 1 + draw.below(2) as i64;
            let qty = 1 + draw.below(2) as u32;
            depth.ask_levels += 1;
            match level.checked_sub(1) {
                None => (event.ask_price, event.ask_qty) = (ask * step, qty),
                Some(below) => (depth.ask_price[below], depth.ask_qty[below]) = (ask * step, qty),
            }
        }
        (event, depth)
    }

    /// One ladder over many books, here and there behind none, across zero; steps of 21 and 63 give many prices one place. What is
    /// named in vain shares the place of a level that is not there.
    #[test]
    fn a_price_whose_state_changes_is_always_watched_and_hardly_another() {
        for step in [1, 1_000_000, 21, 63] {
            let mut draw = Draw(7);
            let (mut changed_count, mut still_count, mut in_vain) = (0_u32, 0_u32, 0_u32);
            for depth_max in 3..=5 {
                let mut ladder = Ladder { step, depth_max, bits: [[0; LEVELS_MAX]; 2] };
                let (mut old, mut mid) = (None, 10);
                for _ in 0..8_000 {
                    mid += draw.below(3) as i64 - 1;
                    if draw.below(40) == 0 {
                        (old, mid) = (None, draw.below(40) as i64 - 10);
                    }
                    let (event, depth) = random_book(&mut draw, mid, step);
                    let before: Option<(Event, Depth)> = old.replace((event, depth));
                    let before = before.as_ref().map(|(event, depth)| (event, depth));
                    let changed = ladder.places(before, (&event, &depth));
                    let Some((old_event, old_depth)) = before else {
                        assert_eq!(changed, Places::ALL);
                        continue;
                    };
                    let before = Book { event: old_event, depth: old_depth };
                    let after = Book { event: &event, depth: &depth };
                    for (side, named) in [(Side::Buy, changed.bids), (Side::Sell, changed.asks)] {
                        for price in (mid - 15..mid + 17).map(|steps| steps * step) {
                            let state = before.state(side, price, depth_max);
                            let is_named = changed.meets(Places::of(side, price));
                            if state != after.state(side, price, depth_max) {
                                changed_count += 1;
                                assert!(is_named, "{side:?} {price}: {before:?} {after:?}");
                            } else if named != u64::MAX {
                                still_count += 1;
                                in_vain += u32::from(is_named);
                            }
                        }
                    }
                }
            }
            assert!(changed_count > 100_000 && still_count > 100_000);
            if step.rem_euclid(21) != 0 {
                assert!(in_vain * 12 < still_count, "{in_vain} of {still_count} named in vain");
            }
        }
    }
}
