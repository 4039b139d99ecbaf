//! How requests trade: an arriving order is judged, takes what it reaches, and rests or lapses with what is left.
//!
//! Invariants: the order of judgement is that of the room `rules`, then the own orders that it would meet, then
//! post-only, then the venue's price band. A price change and a larger total lose the place in the queue, a smaller total keeps it.

use super::config::{OwnCross, Unseen};
use super::queue::{AHEAD_UNKNOWN, LOT, Queue, WORLDS};
use super::resting::{NO_SLOT, Resting};
use super::rules::{self, Terms};
use super::{Exchange, Market, Outbox, Request, Trade, fill, note_end, report};
use crate::book::{Book, LevelState};
use crate::feed::order_session;
use crate::wire::{
    Evidence, Fault, Instrument, LEVELS_MAX, OrderType, Reason, ReportKind, Side, Tif, UNDEF_TIME,
};

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
            own_shown: terms.own_shown,
            own_until_ns: terms.own_until_ns,
            fills_in: self.config.estimate as u8,
            ..Resting::of(request)
        };
        let refused = self
            .refusal(market, &order, ts_ns)
            .or_else(|| self.protect(market, &mut order).err())
            .or_else(|| self.meeting(market, &order, ts_ns))
            .or_else(|| self.is_outside_band(market, &order, ts_ns).then_some(Reason::PriceBand));
        let session = order_session(&market.instruments[order.instrument as usize], ts_ns);
        let is_unchecked = session.is_some_and(|session| session.is_limit_unknown);
        self.limits_unknown += u64::from(is_unchecked && order.order_type == OrderType::Limit);
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
        let amended = Resting { price, qty, ..old };
        let refused = if qty <= old.filled() {
            Some(Reason::QtyBelowFilled)
        } else if self.is_frozen(market, &old, ts_ns) {
            Some(Reason::Frozen)
        } else {
            let judged = Resting { post_only: old.post_only && !keeps_place, ..amended };
            // Another price is a new order, and meets what one meets.
            let meets = || {
                let outside = || self.is_outside_band(market, &judged, ts_ns);
                let meeting = self.meeting(market, &judged, ts_ns);
                meeting.or_else(|| outside().then_some(Reason::PriceBand))
            };
            let refused = self.refusal(market, &judged, ts_ns);
            if keeps_place { refused } else { refused.or_else(meets) }
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

    fn refusal(&self, market: &Market<'_>, order: &Resting, ts_ns: i64) -> Option<Reason> {
        let instrument = &market.instruments[order.instrument as usize];
        let terms = Terms {
            price: order.price,
            qty: order.qty,
            order_type: order.order_type,
            tif: order.tif,
            post_only: order.post_only,
            own_shown: order.own_shown,
            own_until_ns: order.own_until_ns,
        };
        rules::refusal(instrument, &terms, ts_ns)
    }

    /// Turns a market order with protection into the limit order that the venue makes of it: so far beyond the best
    /// price of its own side, as a buyer's bid plus the points.
    fn protect(&self, market: &Market<'_>, order: &mut Resting) -> Result<(), Reason> {
        if order.order_type != OrderType::MarketProtected {
            return Ok(());
        }
        let instrument = &market.instruments[order.instrument as usize];
        let book = self.book(market, order.instrument).ok_or(Reason::NoProtectionBase)?;
        let (base, _) = book.level(order.side, 0).ok_or(Reason::NoProtectionBase)?;
        let price = match order.side {
            Side::Buy => base.checked_add(instrument.protection),
            Side::Sell => base.checked_sub(instrument.protection),
        };
        let price = price.ok_or(Reason::OutsideLimits)?;
        // On the ladder, towards the base: never more than the points.
        let off = price.rem_euclid(rules::tick_at(instrument, price));
        let up = rules::tick_at(instrument, price) - off;
        order.price = match order.side {
            Side::Sell if off > 0 => price.saturating_add(up),
            _ => price - off,
        };
        order.order_type = OrderType::Limit;
        Ok(())
    }

    /// Why an order that passed the rules must not enter the book as it stands.
    fn meeting(&self, market: &Market<'_>, order: &Resting, ts_ns: i64) -> Option<Reason> {
        if self.config.own_cross == OwnCross::CancelNew && self.own_met(order) != NO_SLOT {
            return Some(Reason::OwnCross);
        }
        let takes = order.post_only && self.offers(market, order, ts_ns).next().is_some();
        takes.then_some(Reason::PostOnlyWouldTake)
    }

    /// Whether a new order would trade, or wait to trade, beyond the venue's band around the middle of the book. TAIFEX's
    /// rule of 2018; its base price is not public, the mid of the last valid book stands in for it.
    fn is_outside_band(&self, market: &Market<'_>, order: &Resting, ts_ns: i64) -> bool {
        let instrument = &market.instruments[order.instrument as usize];
        let band_ppm = order_session(instrument, ts_ns).map_or(0, |session| session.band_ppm);
        if band_ppm == 0 {
            return false;
        }
        let mid_x2 = self.book(market, order.instrument).and_then(|book| book.mid_x2());
        let Some(mid_x2) = mid_x2 else { return false };
        // Compared at 2e6 times the price, so nothing is rounded.
        let way = i128::from(mid_x2.unsigned_abs()) * i128::from(band_ppm);
        let is_beyond = |price: i64| {
            let (price, mid) = (i128::from(price) * 2_000_000, i128::from(mid_x2) * 1_000_000);
            match order.side {
                Side::Buy => price - mid > way,
                Side::Sell => mid - price > way,
            }
        };
        let mut open = order.qty;
        for offer in self.offers(market, order, ts_ns) {
            if open > 0 && offer.left > 0 && is_beyond(offer.price) {
                return true;
            }
            open = open.saturating_sub(offer.left);
        }
        let waits = !matches!(order.tif, Tif::Ioc | Tif::Fok);
        open > 0 && waits && is_beyond(order.price)
    }

    /// The best own order on the other side that `order` would trade with; ghosts are not there.
    fn own_met(&self, order: &Resting) -> u32 {
        let mut slot = self.orders.first(order.instrument, order.side.opposite());
        while slot != NO_SLOT {
            let other = self.orders.get(slot);
            let is_limit = order.order_type == OrderType::Limit;
            if is_limit && order.side.is_better(other.price, order.price) {
                return NO_SLOT;
            }
            if !self.orders.is_ghost(slot) {
                return slot;
            }
            slot = self.orders.after(slot);
        }
        NO_SLOT
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
        if self.config.own_cross == OwnCross::CancelOld {
            let mut met = self.own_met(&order);
            while met != NO_SLOT {
                self.withdraw(met, ReportKind::Cancelled, Reason::OwnCross, ts_ns, out)?;
                met = self.own_met(&order);
            }
        }
        let immediate = matches!(order.tif, Tif::Ioc | Tif::Fok);
        // A shadow stands for an order that is known to have joined: it takes nothing.
        let is_shadow = order.own_shown > 0;
        let has_book = self.book_to_take(market, order.instrument, ts_ns).is_some();
        let lapse = if !has_book && immediate {
            Reason::NoBook
        } else if order.tif == Tif::Fok && self.available(market, &order, ts_ns) < order.leaves() {
            Reason::FokNotFilled
        } else {
            if !is_shadow {
                self.take(market, slot, &mut order, ts_ns, out)?;
            }
            Reason::IocRest
        };
        if order.leaves() == 0 {
            let rested = order.ts_join_ns != UNDEF_TIME;
            return if rested { note_end(&order, ts_ns, out) } else { Ok(()) };
        }
        if immediate {
            order.qty = order.filled();
            return report(&order, slot, ReportKind::Expired, lapse, ts_ns, out);
        }
        self.note_auction(market, order.instrument, ts_ns);
        let is_traced = out.trace.look(&order, &self.rules, ts_ns);
        order.queue = self.queue_of(market, &order, ts_ns);
        order.ts_join_ns = ts_ns;
        order.ts_first_ns = [UNDEF_TIME; WORLDS];
        if is_traced {
            out.trace.joined(&order);
        }
        self.orders.insert(slot, order);
        Ok(())
    }

    /// The queue that an order joins.
    fn queue_of(&self, market: &Market<'_>, order: &Resting, ts_ns: i64) -> Queue {
        let Some(book) = self.book(market, order.instrument) else {
            let unknown = LevelState::Unknown;
            return Queue::join(unknown, AHEAD_UNKNOWN, ts_ns, ts_ns);
        };
        let instrument = &market.instruments[order.instrument as usize];
        let passed = self.rows.passed(order.instrument);
        let printed = market.window.printed(order.instrument, passed)[order.side.index()];
        let state = book.state(order.side, order.price, instrument.depth_max);
        let left = printed.left(order.side, order.price, state);
        let unseen = match self.config.unseen {
            Unseen::Wait => AHEAD_UNKNOWN,
            Unseen::Nobody => 0,
            Unseen::Mean if printed.reached(order.price) => 0,
            Unseen::Mean => mean_lots(&book, order.side, instrument),
        };
        let mut queue = Queue::join(left, unseen, book.event.ts_exch_ns, ts_ns);
        if self.config.hindsight
            && queue.wants_hindsight()
            && let Some((ts_next_ns, qty)) = self.next_book(market, order, ts_ns)
        {
            queue.foresee(&self.rules, ts_next_ns, qty);
        }
        queue
    }

    fn available(&self, market: &Market<'_>, order: &Resting, ts_ns: i64) -> u32 {
        self.offers(market, order, ts_ns).map(|offer| offer.left).fold(0, u32::saturating_add)
    }

    /// Walks the levels from the best and leaves them used, in every world.
    fn take(
        &mut self,
        market: &Market<'_>,
        slot: u32,
        order: &mut Resting,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let Some(touch) = self.offers(market, order, ts_ns).next().map(|offer| offer.price) else {
            return Ok(());
        };
        let (side, replenish) = (order.side.opposite(), self.config.replenish);
        let mut index = 0;
        while order.leaves() > 0 {
            let Some(offer) = self.offers(market, order, ts_ns).nth(index) else { break };
            index += 1;
            let qty = offer.left.min(order.leaves());
            if qty == 0 {
                continue;
            }
            let is_traced = out.trace.look(order, &self.rules, ts_ns);
            let venue = &mut self.venues[order.instrument as usize];
            venue.has_taken = true;
            for taken in &mut venue.taken {
                taken[side.index()].take(replenish, ts_ns, side, offer.price, offer.shown, qty);
            }
            for world in 0..WORLDS {
                // What is taken is taken in every world; the one that fills counts it in `fill`.
                if world != usize::from(order.fills_in) {
                    order.filled[world] = order.filled[world].saturating_add(qty).min(order.qty);
                }
            }
            let price = self.charged(market, order, touch, offer.price);
            let mut trade = Trade::new(price, qty, Evidence::Taken, ts_ns);
            trade.inferred = offer.is_assumed;
            fill(order, slot, trade, out)?;
            if is_traced {
                out.trace.took(order, price, ts_ns);
            }
        }
        Ok(())
    }
}

/// Mean lots at a price of the ladder, empty ones included, over what `side` shows; in parts of [`LOT`].
fn mean_lots(book: &Book<'_>, side: Side, instrument: &Instrument) -> i64 {
    let levels = (0..LEVELS_MAX).map_while(|index| book.level(side, index));
    let sum: i64 = levels.clone().map(|(_, qty)| i64::from(qty)).sum();
    let (Some((touch, _)), Some((last, _))) = (levels.clone().next(), levels.last()) else {
        return AHEAD_UNKNOWN;
    };
    let steps = (touch.abs_diff(last) / rules::tick_at(instrument, last).unsigned_abs()) as i64 + 1;
    sum * LOT / steps.max(1)
}
