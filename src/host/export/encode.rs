//! Our rows as hftbacktest's: a picture of five levels becomes deletions and restated levels, a print a trade.
//!
//! Their book is a map of prices that only rows change, so every level that a picture disproves is deleted, every level
//! that it shows is restated (a level that is not would keep the trades of before in its netting), and a level pushed out
//! of view is left alone, as it may well be there still. What they would fill from and must not is left out, and counted.
//! Units: price 1e-6, quantity in lots. Memory: a price for each level ever left alive.

use btcore::book::Book;
use btcore::wire::{Depth, Event, LEVELS_MAX, Side, kind};
use std::collections::BTreeSet;

/// Their bits of a row: what it is, whose it is, and which clocks it is for.
pub mod ev {
    /// A level's quantity.
    pub const DEPTH: u64 = 1;
    /// A print.
    pub const TRADE: u64 = 2;
    /// An ask, or a seller who took.
    pub const SELL: u64 = 1 << 28;
    /// A bid, or a buyer who took.
    pub const BUY: u64 = 1 << 29;
    /// Heard at its time of receipt.
    pub const LOCAL: u64 = 1 << 30;
    /// Happens at its time at the exchange.
    pub const EXCH: u64 = 1 << 31;
}

/// What one of their rows says, without its times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// [`ev`], but for the clocks.
    pub ev: u64,
    /// Price, 1e-6.
    pub price: i64,
    /// Lots that are there from now on, or that traded.
    pub qty: u32,
}

/// Rows left out, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Crossed, locked, empty, sentinel, indicative or out-of-session books, which they would fill from.
    pub books_invalid: u64,
    /// Prints out of session, of an auction or with a sentinel price, which they would fill from.
    pub trades_invalid: u64,
    /// Prints of unknown aggressor inside the spread, which they cannot express.
    pub trades_unsided: u64,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A trade, and who took.
    Trade(Side),
    /// A book.
    Book,
    /// A print that has no side.
    Unsided,
    /// Left out, or no row of the market.
    LeftOut,
}

/// Translates the finished rows of one instrument, in their order.
#[derive(Clone, Debug)]
pub struct Encoder {
    depth_max: usize,
    /// Prices of bids and of asks that were not deleted.
    alive: [BTreeSet<i64>; 2],
    last: Option<(Event, Depth)>,
    left_out: LeftOut,
}

impl Encoder {
    /// An encoder of books that show `depth_max` levels where there are as many.
    pub fn new(depth_max: usize) -> Self {
        let depth_max = depth_max.min(LEVELS_MAX);
        Encoder { depth_max, alive: Default::default(), last: None, left_out: LeftOut::default() }
    }

    /// What was left out so far.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// Appends what a row says.
    pub fn encode(&mut self, event: &Event, depth: &Depth, out: &mut Vec<Change>) -> Fate {
        match event.kind {
            kind::TRADE if event.is_trade_valid() => {
                let Some(side) = self.aggressor(event) else {
                    self.left_out.trades_unsided += 1;
                    return Fate::Unsided;
                };
                let (price, qty) = (event.trade_price, event.trade_qty);
                out.push(Change { ev: ev::TRADE | bit(side), price, qty });
                return Fate::Trade(side);
            }
            kind::BOOK if event.is_book_valid() => {
                let book = Book { event, depth };
                self.picture(&book, Side::Buy, out);
                self.picture(&book, Side::Sell, out);
                self.last = Some((*event, *depth));
                return Fate::Book;
            }
            kind::TRADE => self.left_out.trades_invalid += 1,
            kind::BOOK => self.left_out.books_invalid += 1,
            _ => {}
        }
        Fate::LeftOut
    }

    /// Who took; one that the source does not name is inferred from the last valid book.
    fn aggressor(&self, event: &Event) -> Option<Side> {
        match event.aggressor {
            1 => return Some(Side::Buy),
            -1 => return Some(Side::Sell),
            _ => {}
        }
        let (event_last, depth_last) = self.last.as_ref()?;
        let book = Book { event: event_last, depth: depth_last };
        let touch = |side| book.level(side, 0).map(|(price, _)| price);
        if touch(Side::Sell).is_some_and(|ask| event.trade_price >= ask) {
            return Some(Side::Buy);
        }
        touch(Side::Buy).is_some_and(|bid| event.trade_price <= bid).then_some(Side::Sell)
    }

    fn picture(&mut self, book: &Book<'_>, side: Side, out: &mut Vec<Change>) {
        let alive = &mut self.alive[side.index()];
        let levels = || (0..self.depth_max).map_while(|n| book.level(side, n));
        let worst = levels().last().map(|(price, _)| price);
        let is_full = levels().count() == self.depth_max;
        let disproved = |price: i64| {
            let inside = worst.is_some_and(|worst| side.is_better(price, worst));
            (inside || !is_full) && levels().all(|(shown, _)| shown != price)
        };
        let ev = ev::DEPTH | bit(side);
        alive.retain(|&price| {
            let is_gone = disproved(price);
            if is_gone {
                out.push(Change { ev, price, qty: 0 });
            }
            !is_gone
        });
        for (price, qty) in levels() {
            alive.insert(price);
            out.push(Change { ev, price, qty });
        }
    }
}

fn bit(side: Side) -> u64 {
    if side == Side::Buy { ev::BUY } else { ev::SELL }
}
