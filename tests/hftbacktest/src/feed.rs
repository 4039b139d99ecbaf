//! Our rows as theirs: a picture of five levels becomes deletions and restated levels.
//!
//! Their book is a map of prices that only rows change, so every level that a picture disproves is deleted, every level
//! that it shows is restated (a level that is not would keep the trades of before in its netting), and a level pushed out
//! of view is left alone, as it may well be there still.

use crate::Row;
use btcore::book::Book;
use btcore::wire::{Event, Side, kind};
use hftbacktest::types::{
    EXCH_ASK_DEPTH_EVENT, EXCH_BID_DEPTH_EVENT, EXCH_BUY_TRADE_EVENT, EXCH_SELL_TRADE_EVENT,
    Event as TheirEvent,
};
use std::collections::BTreeSet;

/// Rows left out, by reason: each is a difference of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Crossed, locked, empty, sentinel or out-of-session books, which they would fill from.
    pub books_invalid: u64,
    /// Prints out of session or with a sentinel price, which they would fill from.
    pub trades_invalid: u64,
    /// Prints of unknown aggressor inside the spread, which they cannot express.
    pub trades_unsided: u64,
}

/// A feed for both.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    pub theirs: Vec<TheirEvent>,
    /// The rows that theirs were made of, every print with its aggressor.
    pub clean: Vec<Row>,
    /// When prints came that have none, and their prices.
    pub unsided: Vec<(i64, i64)>,
    pub left_out: LeftOut,
}

/// Translates rows of one instrument of a constant `tick`.
pub fn encode(rows: &[Row], tick: i64, depth_max: usize) -> Feed {
    let mut feed = Feed::default();
    let mut alive = [BTreeSet::new(), BTreeSet::new()];
    let mut last: Option<Row> = None;
    for row in rows {
        let (event, depth) = row;
        match event.kind {
            kind::TRADE if event.is_trade_valid() => {
                let Some(side) = aggressor(event, last.as_ref()) else {
                    feed.left_out.trades_unsided += 1;
                    feed.unsided.push((event.ts_exch_ns, event.trade_price));
                    continue;
                };
                let ev =
                    if side == Side::Buy { EXCH_BUY_TRADE_EVENT } else { EXCH_SELL_TRADE_EVENT };
                feed.theirs.push(their_row(ev, event, event.trade_price / tick, event.trade_qty));
                let aggressor = if side == Side::Buy { 1 } else { -1 };
                feed.clean.push((Event { aggressor, ..*event }, *depth));
            }
            kind::BOOK if event.is_book_valid() => {
                let book = Book { event, depth };
                for side in [Side::Buy, Side::Sell] {
                    picture(
                        &mut feed.theirs,
                        &mut alive[side.index()],
                        &book,
                        side,
                        tick,
                        depth_max,
                    );
                }
                feed.clean.push(*row);
                last = Some(*row);
            }
            kind::TRADE => feed.left_out.trades_invalid += 1,
            kind::BOOK => feed.left_out.books_invalid += 1,
            _ => {}
        }
    }
    feed
}

/// Who came last; an unknown one is inferred from the last valid book.
fn aggressor(event: &Event, last: Option<&Row>) -> Option<Side> {
    match event.aggressor {
        1 => return Some(Side::Buy),
        -1 => return Some(Side::Sell),
        _ => {}
    }
    let (event_last, depth_last) = last?;
    let book = Book { event: event_last, depth: depth_last };
    let touch = |side| book.level(side, 0).map(|(price, _)| price);
    if touch(Side::Sell).is_some_and(|ask| event.trade_price >= ask) {
        return Some(Side::Buy);
    }
    touch(Side::Buy).is_some_and(|bid| event.trade_price <= bid).then_some(Side::Sell)
}

fn picture(
    out: &mut Vec<TheirEvent>,
    alive: &mut BTreeSet<i64>,
    book: &Book<'_>,
    side: Side,
    tick: i64,
    depth_max: usize,
) {
    let ev = if side == Side::Buy { EXCH_BID_DEPTH_EVENT } else { EXCH_ASK_DEPTH_EVENT };
    let levels: Vec<(i64, u32)> = (0..depth_max).map_while(|n| book.level(side, n)).collect();
    let shown: BTreeSet<i64> = levels.iter().map(|(price, _)| *price).collect();
    let worst = levels.last().map(|(price, _)| *price);
    let is_full = levels.len() == depth_max;
    let disproved = |price: i64| {
        let inside = worst.is_some_and(|worst| side.is_better(price, worst));
        !shown.contains(&price) && (inside || !is_full)
    };
    let gone: Vec<i64> = alive.iter().copied().filter(|price| disproved(*price)).collect();
    for price in gone {
        alive.remove(&price);
        out.push(their_row(ev, book.event, price / tick, 0));
    }
    for (price, qty) in levels {
        alive.insert(price);
        out.push(their_row(ev, book.event, price / tick, qty));
    }
}

fn their_row(ev: u64, event: &Event, tick: i64, qty: u32) -> TheirEvent {
    TheirEvent {
        ev,
        exch_ts: event.ts_exch_ns,
        local_ts: event.ts_exch_ns,
        px: tick as f64,
        qty: f64::from(qty),
        order_id: 0,
        ival: 0,
        fval: 0.0,
    }
}
