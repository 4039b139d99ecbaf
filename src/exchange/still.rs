//! Rows that change nothing for the lane: most of them, told apart before anything is touched.
//!
//! Invariants: a row that is called still would leave every order, its queue and the lots that were taken as they are; the
//! other way round a row may be looked at in vain. Cost: a trade, one comparison of prices; a book, one look at its level
//! for each order.

use super::Exchange;
use super::resting::Sides;
use crate::book::Book;
use crate::feed::Window;
use crate::wire::{Event, Side, flags, kind};

impl Exchange {
    /// Whether a row in an instrument where the lane has something changes nothing.
    #[inline(always)]
    pub fn is_still(&self, window: &Window, event: &Event) -> bool {
        let sides = self.orders.sides(event.instrument);
        match event.kind {
            kind::TRADE if event.flags & flags::TRADE_INVALID == 0 => {
                let [buys, sells] = sides.best;
                match event.aggressor {
                    1 => event.trade_price < sells,
                    -1 => event.trade_price > buys,
                    _ => false,
                }
            }
            kind::TRADE => event.flags & flags::AUCTION_PRINT == 0,
            kind::BOOK if event.is_book_valid() => self.is_book_still(sides, window, event),
            kind::BOOK => true,
            _ => false,
        }
    }

    #[inline(always)]
    fn is_book_still(&self, sides: &Sides, window: &Window, event: &Event) -> bool {
        let venue = &self.venues[event.instrument as usize];
        let [buys, sells] = sides.best;
        // An empty side shows the largest price: it reaches no buyer, and a seller is looked at in vain.
        let is_reached = event.ask_price <= buys || event.bid_price >= sells;
        if venue.has_taken || event.ts_exch_ns < venue.match_known_ns || is_reached {
            return false;
        }
        let book = Book { event, depth: window.depth(event.depth_ix) };
        let are_calm = |side: Side| {
            let mut slot = sides.first[side.index()];
            while let Some(watch) = self.orders.watch(slot) {
                if !watch.calm.is_for(book.state(side, watch.price, venue.depth_max)) {
                    return false;
                }
                slot = watch.next;
            }
            true
        };
        are_calm(Side::Buy) && are_calm(Side::Sell)
    }
}
