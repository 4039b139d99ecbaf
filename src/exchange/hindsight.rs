//! What the exchange knows of the queue that an order joins: the one look ahead that law 3 allows.
//!
//! The real exchange knew its queues when ours has only a book up to an interval old. The first valid book after an arrival,
//! with the prints until then, says how much came up at the price since. It decides where the order stands, and reaches the
//! strategy as fills alone. Invariants: never beyond that one book, never beyond [`HINDSIGHT_NS`], never across an open or a
//! close; the engine runs an instant only when the rows of that time are known, so chunks do not show. Cost: the rows until
//! that book, of other instruments too, once an arrival.

use super::resting::Resting;
use super::{Exchange, Market};
use crate::book::{Book, LevelState, passive_sides};
use crate::wire::kind;

/// How far ahead the next book may be, ns.
pub const HINDSIGHT_NS: i64 = 1_000_000_000;

impl Exchange {
    /// How far ahead of an instant rows must be known before it is run, ns.
    pub fn hindsight_ns(&self) -> i64 {
        if self.config.hindsight { HINDSIGHT_NS } else { 0 }
    }

    /// The stamp of the first valid book after an arrival at `now_ns`, and how many lots of others it and the prints until
    /// then account for at the order's price. `None` where there is no such book, or it does not show the price.
    pub(super) fn next_book(
        &self,
        market: &Market<'_>,
        order: &Resting,
        now_ns: i64,
    ) -> Option<(i64, u32)> {
        let depth_max = market.instruments[order.instrument as usize].depth_max;
        let until_ns = now_ns.saturating_add(HINDSIGHT_NS);
        let mut printed: u32 = 0;
        for event in market.window.events_from(self.rows.row) {
            if event.ts_exch_ns > until_ns {
                return None;
            }
            if event.instrument != order.instrument {
                continue;
            }
            match event.kind {
                kind::BOOK if event.is_book_valid() => {
                    let book = Book { event, depth: market.window.depth(event.depth_ix) };
                    let shown = match book.state(order.side, order.price, depth_max) {
                        LevelState::Known(qty) => qty,
                        LevelState::Empty => 0,
                        LevelState::Unknown => return None,
                    };
                    let is_own = event.ts_exch_ns < order.own_until_ns;
                    let own = if is_own { order.own_shown } else { 0 };
                    let qty = shown.saturating_add(printed).saturating_sub(own);
                    return Some((event.ts_exch_ns, qty));
                }
                kind::TRADE if event.is_trade_valid() && event.trade_price == order.price => {
                    let sides = passive_sides(event, self.book(market, order.instrument));
                    if sides[order.side.index()] {
                        printed = printed.saturating_add(event.trade_qty);
                    }
                }
                kind::SESSION_OPEN | kind::SESSION_CLOSE => return None,
                _ => {}
            }
        }
        None
    }
}
