//! How orders trade: arrivals walk the displayed book, resting orders are filled by evidence.
//!
//! Invariants: see the room. Evidence, strongest first: *through*, a print at a price worse than ours for the
//! aggressor; *at*, a print at our price beyond the queue ahead; *crossed*, opposite size displayed at or
//! through our price (inferred). A resting order trades at its own price, an arriving one at the level's.

use super::resting::{AHEAD_UNKNOWN, NO_SLOT, Resting};
use super::rules::{self, Terms};
use super::{Exchange, Market, Outbox, Request, fill, report};
use crate::book::{Book, LevelState};
use crate::wire::Fault;
use crate::wire::{Event, Evidence, LEVELS_MAX, OrderType, Reason, ReportKind, Side, Tif};

impl Exchange {
    pub(super) fn submit(
        &mut self,
        market: &Market<'_>,
        request: &Request,
        terms: &Terms,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let slot = request.slot;
        let mut order = Resting {
            price: terms.price,
            qty: terms.qty,
            order_type: terms.order_type,
            tif: terms.tif,
            post_only: terms.post_only,
            ..Resting::of(request)
        };
        let refused = self.refusal(market, &order, ts_ns);
        if let Some(reason) = refused {
            order.qty = 0;
            return report(&order, slot, ReportKind::Rejected, reason, ts_ns, out);
        }
        report(&order, slot, ReportKind::Accepted, Reason::None, ts_ns, out)?;
        self.enter(market, slot, order, ts_ns, out)
    }

    pub(super) fn amend(
        &mut self,
        market: &Market<'_>,
        request: &Request,
        price: i64,
        qty: u32,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let slot = request.slot;
        if !self.orders.is_live(slot, request.order_id) {
            return self.refuse_gone(request, ReportKind::AmendRejected, ts_ns, out);
        }
        let old = *self.orders.get(slot);
        // A smaller total at the same price keeps its place and cannot take, whatever the book shows by now.
        let keeps_place = price == old.price && qty <= old.qty;
        let amended = Resting { price, qty, post_only: old.post_only && !keeps_place, ..old };
        let refused = if qty <= old.filled {
            Some(Reason::QtyBelowFilled)
        } else {
            self.refusal(market, &amended, ts_ns)
        };
        if let Some(reason) = refused {
            return report(&old, slot, ReportKind::AmendRejected, reason, ts_ns, out);
        }
        if keeps_place {
            self.orders.get_mut(slot).qty = qty;
            return report(&amended, slot, ReportKind::Amended, Reason::None, ts_ns, out);
        }
        self.orders.remove(slot);
        report(&amended, slot, ReportKind::Amended, Reason::None, ts_ns, out)?;
        self.enter(market, slot, amended, ts_ns, out)
    }

    /// Why the order is refused on arrival, post-only included, if it is.
    fn refusal(&self, market: &Market<'_>, order: &Resting, ts_ns: i64) -> Option<Reason> {
        let instrument = &market.instruments[order.instrument as usize];
        let terms = Terms {
            price: order.price,
            qty: order.qty,
            order_type: order.order_type,
            tif: order.tif,
            post_only: order.post_only,
        };
        rules::refusal(instrument, &terms, ts_ns).or_else(|| {
            (order.post_only && self.would_take(market, order)).then_some(Reason::PostOnlyWouldTake)
        })
    }

    /// An order that passed the rules takes what it may, and rests or lapses with what is left.
    fn enter(
        &mut self,
        market: &Market<'_>,
        slot: u32,
        mut order: Resting,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let immediate = matches!(order.tif, Tif::Ioc | Tif::Fok);
        let has_book = self.book(market, order.instrument).is_some();
        let lapse = if !has_book && immediate {
            Reason::NoBook
        } else if order.tif == Tif::Fok && self.available(market, &order) < order.leaves() {
            Reason::FokNotFilled
        } else {
            self.take(market, slot, &mut order, ts_ns, out)?;
            Reason::IocRest
        };
        if order.leaves() == 0 {
            return Ok(());
        }
        if immediate {
            order.qty = order.filled;
            return report(&order, slot, ReportKind::Expired, lapse, ts_ns, out);
        }
        order.ahead = self.join(market, &order);
        self.orders.insert(slot, order);
        Ok(())
    }

    fn book<'a>(&'a self, market: &Market<'a>, instrument: u32) -> Option<Book<'a>> {
        let (event, depth) = self.venues[instrument as usize].book.get(market.window)?;
        Some(Book { event, depth })
    }

    /// Lots ahead of an order that joins now.
    fn join(&self, market: &Market<'_>, order: &Resting) -> u32 {
        let depth_max = market.instruments[order.instrument as usize].depth_max;
        match self.book(market, order.instrument) {
            None => AHEAD_UNKNOWN,
            Some(book) => match book.state(order.side, order.price, depth_max) {
                LevelState::Known(qty) => qty,
                LevelState::Empty => 0,
                LevelState::Unknown => AHEAD_UNKNOWN,
            },
        }
    }

    /// Level `index` of the side that `order` would take from, if its price reaches it: price, shown, left.
    fn reachable(
        &self,
        market: &Market<'_>,
        order: &Resting,
        index: usize,
    ) -> Option<(i64, u32, u32)> {
        let side = order.side.opposite();
        let (price, shown) = self.book(market, order.instrument)?.level(side, index)?;
        if order.order_type == OrderType::Limit && order.side.is_better(price, order.price) {
            return None;
        }
        let taken = &self.venues[order.instrument as usize].taken[side.index()];
        Some((price, shown, taken.left(price, shown)))
    }

    fn available(&self, market: &Market<'_>, order: &Resting) -> u32 {
        let left = |index| self.reachable(market, order, index).map(|(_, _, left)| left);
        (0..LEVELS_MAX).map_while(left).fold(0, u32::saturating_add)
    }

    fn would_take(&self, market: &Market<'_>, order: &Resting) -> bool {
        self.reachable(market, order, 0).is_some()
    }

    /// Walks the displayed levels from the best and leaves them used.
    fn take(
        &mut self,
        market: &Market<'_>,
        slot: u32,
        order: &mut Resting,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        for index in 0..LEVELS_MAX {
            let Some((price, shown, left)) = self.reachable(market, order, index) else { break };
            let qty = left.min(order.leaves());
            if qty > 0 {
                self.use_up(order.instrument, order.side.opposite(), price, shown, qty);
                fill(order, slot, price, qty, Evidence::Taken, ts_ns, out)?;
            }
        }
        Ok(())
    }

    fn use_up(&mut self, instrument: u32, side: Side, price: i64, shown: u32, qty: u32) {
        self.venues[instrument as usize].taken[side.index()].take(side, price, shown, qty);
    }

    /// A valid book: used-up lots may come back, queues shorten, and orders that it crosses trade.
    pub(super) fn on_book(
        &mut self,
        market: &Market<'_>,
        event: &Event,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let depth_max = market.instruments[event.instrument as usize].depth_max;
        let book = Book { event, depth: market.window.depth(event.depth_ix) };
        for side in [Side::Buy, Side::Sell] {
            let venue = &mut self.venues[event.instrument as usize];
            venue.taken[side.index()].on_book(&book, side, depth_max);
        }
        for side in [Side::Buy, Side::Sell] {
            self.shorten_queues(&book, side, depth_max);
            self.fill_crossed(&book, side, out)?;
        }
        Ok(())
    }

    fn shorten_queues(&mut self, book: &Book<'_>, side: Side, depth_max: u8) {
        let mut slot = self.orders.first(book.event.instrument, side);
        while slot != NO_SLOT {
            let order = self.orders.get_mut(slot);
            order.ahead = match book.state(side, order.price, depth_max) {
                LevelState::Known(qty) => order.ahead.min(qty),
                LevelState::Empty => 0,
                LevelState::Unknown => order.ahead,
            };
            slot = self.orders.after(slot);
        }
    }

    /// Own orders of `side` that the opposite side reaches trade with what it shows and was not used.
    fn fill_crossed(&mut self, book: &Book<'_>, side: Side, out: &mut Outbox) -> Result<(), Fault> {
        let instrument = book.event.instrument;
        let opposite = side.opposite();
        let mut slot = self.orders.first(instrument, side);
        while slot != NO_SLOT {
            let next = self.orders.after(slot);
            let Some((touch, _)) = book.level(opposite, 0) else { return Ok(()) };
            if side.is_better(touch, self.orders.get(slot).price) {
                return Ok(());
            }
            for index in 0..LEVELS_MAX {
                let Some((price, shown)) = book.level(opposite, index) else { break };
                let order = *self.orders.get(slot);
                if side.is_better(price, order.price) {
                    break;
                }
                let taken = &self.venues[instrument as usize].taken[opposite.index()];
                let qty = taken.left(price, shown).min(order.leaves());
                if qty > 0 {
                    self.use_up(instrument, opposite, price, shown, qty);
                    self.fill_resting(slot, qty, Evidence::Crossed, book.event.ts_exch_ns, out)?;
                    if qty == order.leaves() {
                        break;
                    }
                }
            }
            slot = next;
        }
        Ok(())
    }

    /// A valid print: fills own orders that it went through, then those at its price beyond their queue.
    pub(super) fn on_trade(
        &mut self,
        market: &Market<'_>,
        event: &Event,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let mut evidence = event.trade_qty;
        let (buy, sell) = passive_sides(event, self.book(market, event.instrument));
        if sell {
            self.fill_printed(event, Side::Sell, &mut evidence, out)?;
        }
        if buy {
            self.fill_printed(event, Side::Buy, &mut evidence, out)?;
        }
        Ok(())
    }

    fn fill_printed(
        &mut self,
        event: &Event,
        side: Side,
        evidence: &mut u32,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let ts_ns = event.ts_exch_ns;
        // Lots of others at the print's price that this print has consumed so far, front of the queue first.
        let mut passed = 0;
        let mut slot = self.orders.first(event.instrument, side);
        while slot != NO_SLOT && *evidence > 0 {
            let next = self.orders.after(slot);
            let order = *self.orders.get(slot);
            if side.is_better(event.trade_price, order.price) {
                break;
            }
            if order.price == event.trade_price {
                let standing = order.ahead.saturating_sub(passed);
                let consumed = standing.min(*evidence);
                *evidence -= consumed;
                passed += consumed;
                if order.ahead != AHEAD_UNKNOWN {
                    self.orders.get_mut(slot).ahead = order.ahead.saturating_sub(passed);
                }
                let qty = order.leaves().min(*evidence);
                if qty > 0 {
                    *evidence -= qty;
                    self.fill_resting(slot, qty, Evidence::At, ts_ns, out)?;
                }
            } else {
                let qty = order.leaves().min(*evidence);
                *evidence -= qty;
                self.fill_resting(slot, qty, Evidence::Through, ts_ns, out)?;
            }
            slot = next;
        }
        // Orders further back at this price saw the same lots of others go.
        while slot != NO_SLOT && passed > 0 {
            let order = self.orders.get_mut(slot);
            if order.price != event.trade_price {
                break;
            }
            if order.ahead != AHEAD_UNKNOWN {
                order.ahead = order.ahead.saturating_sub(passed);
            }
            slot = self.orders.after(slot);
        }
        Ok(())
    }

    fn fill_resting(
        &mut self,
        slot: u32,
        qty: u32,
        evidence: Evidence,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let order = self.orders.get_mut(slot);
        let price = order.price;
        fill(order, slot, price, qty, evidence, ts_ns, out)?;
        if order.leaves() == 0 {
            self.orders.remove(slot);
        }
        Ok(())
    }
}

/// Which sides a print may fill: (buys, sells). An unknown aggressor is inferred from the last valid book, not from
/// whatever is displayed, and inside the spread either side may have been hit; the print's quantity is spent once
/// all the same.
fn passive_sides(event: &Event, book: Option<Book<'_>>) -> (bool, bool) {
    let touch = |side| book.and_then(|book| book.level(side, 0)).map(|(price, _)| price);
    match event.aggressor {
        1 => (false, true),
        -1 => (true, false),
        _ if touch(Side::Sell).is_some_and(|ask| event.trade_price >= ask) => (false, true),
        _ if touch(Side::Buy).is_some_and(|bid| event.trade_price <= bid) => (true, false),
        _ => (true, true),
    }
}
