//! What a request finds where it arrives: instrument, session and books, looked up once.

use super::{Exchange, Market};
use crate::book::Book;
use crate::feed::order_session;
use crate::wire::{Instrument, Session};

/// The place and time of an arrival.
#[derive(Clone, Copy, Debug)]
pub(super) struct Here<'a> {
    /// Now, ns.
    pub ts_ns: i64,
    /// Instrument.
    pub instrument: &'a Instrument,
    /// The session that takes orders, if one does.
    pub session: Option<&'a Session>,
    /// The last valid book.
    pub book: Option<Book<'a>>,
    /// The same, if orders may take from it: one that trades have left behind for too long is stale (law 8).
    pub book_to_take: Option<Book<'a>>,
}

impl Exchange {
    /// Looks up what an order in `instrument` finds at `ts_ns`.
    pub(super) fn here<'a>(&self, market: &Market<'a>, instrument: u32, ts_ns: i64) -> Here<'a> {
        let known = &market.instruments[instrument as usize];
        let book = self.book(market, instrument);
        let is_fresh = |book: &Book<'_>| {
            let ts_book_ns = book.event.ts_exch_ns;
            let is_old = ts_ns.saturating_sub(ts_book_ns) > self.config.stale_ns;
            let passed = self.rows.passed(instrument);
            !(is_old && market.window.ts_trade_ns(instrument, passed) > ts_book_ns)
        };
        Here {
            ts_ns,
            instrument: known,
            session: order_session(known, ts_ns),
            book,
            book_to_take: book.filter(is_fresh),
        }
    }
}
