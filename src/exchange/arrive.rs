//! How requests trade: an arriving order is judged, takes what it reaches, and rests or lapses with what is left.
//!
//! Invariants: the order of judgement is that of the room `rules`, then the own orders that it would meet, then
//! post-only, then the venue's price band. A price change and a larger total lose the place in the queue, a smaller total keeps it.

use super::config::{OwnCross, Unseen};
use super::here::Here;
use super::queue::{AHEAD_UNKNOWN, LOT, WORLDS};
use super::resting::{NO_SLOT, Resting};
use super::rules::{self, Terms};
use super::taken::Level;
use super::walk::Offer;
use super::{Exchange, Market, Outbox, Request, Trade, fill, note_end, report};
use crate::book::{Book, LevelState};
use crate::feed::Places;
use crate::wire::{
    Evidence, Fault, Instrument, LEVELS_MAX, OrderType, Reason, ReportKind, Side, Tif, UNDEF_TIME,
};

/// What an order finds at its price when it joins the queue there.
struct Found {
    /// Lots of others, as prints have left them.
    left: LevelState,
    /// What the model assumes where they are out of view, in parts of [`LOT`]; or [`AHEAD_UNKNOWN`].
    unseen: i64,
    /// Book in force, ns.
    ts_book_ns: i64,
    /// What hindsight says: stamp of the next book, ns, and lots of others that it accounts for.
    next: Option<(i64, u32)>,
}

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
        let here = self.here(market, order.instrument, ts_ns);
        let refused = refusal(&here, &order)
            .or_else(|| protect(&here, &mut order).err())
            .or_else(|| self.meeting(&here, &order))
            .or_else(|| self.is_outside_band(&here, &order).then_some(Reason::PriceBand));
        let is_unchecked = here.session.is_some_and(|session| session.is_limit_unknown);
        self.limits_unknown += u64::from(is_unchecked && order.order_type == OrderType::Limit);
        if let Some(reason) = refused {
            order.qty = 0;
            return report(&order, slot, ReportKind::Rejected, reason, ts_ns, out);
        }
        report(&order, slot, ReportKind::Accepted, Reason::None, ts_ns, out)?;
        self.enter(market, &here, slot, &mut order, out)
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
        let old = self.orders.get(slot);
        // A smaller total at the same price keeps its place and cannot take, whatever the book shows by now.
        let keeps_place = price == old.price && qty <= old.qty;
        let instrument = old.instrument;
        let post_only = old.post_only && !keeps_place;
        let mut amended = Resting { price, qty, post_only, ..*old };
        let here = self.here(market, instrument, ts_ns);
        let refused = if qty <= amended.filled() {
            Some(Reason::QtyBelowFilled)
        } else if self.is_frozen(market, &amended, ts_ns) {
            Some(Reason::Frozen)
        } else {
            // Another price is a new order, and meets what one meets.
            let meets = || {
                let outside = || self.is_outside_band(&here, &amended);
                let meeting = self.meeting(&here, &amended);
                meeting.or_else(|| outside().then_some(Reason::PriceBand))
            };
            let refused = refusal(&here, &amended);
            if keeps_place { refused } else { refused.or_else(meets) }
        };
        if let Some(reason) = refused {
            let old = self.orders.get(slot);
            return report(old, slot, ReportKind::AmendRejected, reason, ts_ns, out);
        }
        if keeps_place {
            self.orders.get_mut(slot).qty = qty;
            return report(&amended, slot, ReportKind::Amended, Reason::None, ts_ns, out);
        }
        self.orders.remove(slot);
        self.note_live(instrument);
        report(&amended, slot, ReportKind::Amended, Reason::None, ts_ns, out)?;
        self.enter(market, &here, slot, &mut amended, out)
    }

    /// Why an order that passed the rules must not enter the book as it stands.
    fn meeting(&self, here: &Here<'_>, order: &Resting) -> Option<Reason> {
        if self.config.own_cross == OwnCross::CancelNew && self.own_met(order) != NO_SLOT {
            return Some(Reason::OwnCross);
        }
        let takes = order.post_only && self.offers(here, order).next().is_some();
        takes.then_some(Reason::PostOnlyWouldTake)
    }

    /// Whether a new order would trade, or wait to trade, beyond the venue's band around the middle of the book. TAIFEX's
    /// rule of 2018; its base price is not public, the mid of the last valid book stands in for it.
    fn is_outside_band(&self, here: &Here<'_>, order: &Resting) -> bool {
        let band_ppm = here.session.map_or(0, |session| session.band_ppm);
        if band_ppm == 0 {
            return false;
        }
        let mid_x2 = here.book.and_then(|book| book.mid_x2());
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
        for offer in self.offers(here, order) {
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
        here: &Here<'_>,
        slot: u32,
        order: &mut Resting,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let ts_ns = here.ts_ns;
        self.venues[order.instrument as usize].depth_max = here.instrument.depth_max;
        if self.config.own_cross == OwnCross::CancelOld {
            let mut met = self.own_met(order);
            while met != NO_SLOT {
                self.withdraw(met, ReportKind::Cancelled, Reason::OwnCross, ts_ns, out)?;
                met = self.own_met(order);
            }
        }
        let immediate = matches!(order.tif, Tif::Ioc | Tif::Fok);
        // A shadow stands for an order that is known to have joined: it takes nothing.
        let is_shadow = order.own_shown > 0;
        let lapse = if here.book_to_take.is_none() && immediate {
            Reason::NoBook
        } else if order.tif == Tif::Fok && self.available(here, order) < order.leaves() {
            Reason::FokNotFilled
        } else {
            if !is_shadow {
                self.take(here, slot, order, out)?;
            }
            Reason::IocRest
        };
        if order.leaves() == 0 {
            let rested = order.ts_join_ns != UNDEF_TIME;
            return if rested { note_end(order, ts_ns, out) } else { Ok(()) };
        }
        if immediate {
            order.qty = order.filled();
            return report(order, slot, ReportKind::Expired, lapse, ts_ns, out);
        }
        self.note_auction(order.instrument, here.session);
        let is_traced = out.trace.look(order, &self.rules, ts_ns);
        let found = self.found(market, here, order);
        let instrument = order.instrument;
        order.ts_join_ns = ts_ns;
        order.ts_first_ns = [UNDEF_TIME; WORLDS];
        // Where it stays: a copy of a queue would have to wait until every piece of it is written.
        let order = self.orders.insert(slot, order);
        order.queue.join(found.left, found.unseen, found.ts_book_ns, ts_ns);
        if let Some((ts_next_ns, qty)) = found.next {
            order.queue.foresee(&self.rules, ts_next_ns, qty);
        }
        if is_traced {
            out.trace.joined(order);
        }
        self.look_again();
        self.note_live(instrument);
        Ok(())
    }

    /// What an order finds at its price.
    fn found(&self, market: &Market<'_>, here: &Here<'_>, order: &Resting) -> Found {
        let ts_ns = here.ts_ns;
        let Some(book) = here.book else {
            let (left, unseen) = (LevelState::Unknown, AHEAD_UNKNOWN);
            return Found { left, unseen, ts_book_ns: ts_ns, next: None };
        };
        let passed = self.rows.passed(order.instrument);
        let printed = market.window.printed(order.instrument, passed)[order.side.index()];
        let state = book.state(order.side, order.price, here.instrument.depth_max);
        let left = printed.left(order.side, order.price, state);
        let unseen = match self.config.unseen {
            _ if left != LevelState::Unknown => 0, // It is not asked for.
            Unseen::Wait => AHEAD_UNKNOWN,
            Unseen::Nobody => 0,
            Unseen::Mean if printed.reached(order.price) => 0,
            Unseen::Mean => mean_lots(&book, order.side, here.instrument),
        };
        // Out of view, the first book after the arrival says no more.
        let has_hindsight = self.config.hindsight && left != LevelState::Unknown;
        let next = if has_hindsight { self.next_book(market, order, ts_ns) } else { None };
        Found { left, unseen, ts_book_ns: book.event.ts_exch_ns, next }
    }

    fn available(&self, here: &Here<'_>, order: &Resting) -> u32 {
        self.offers(here, order).map(|offer| offer.left).fold(0, u32::saturating_add)
    }

    /// Walks the levels from the best and leaves them used, in every world.
    fn take(
        &mut self,
        here: &Here<'_>,
        slot: u32,
        order: &mut Resting,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let ts_ns = here.ts_ns;
        let Some(touch) = self.offers(here, order).next().map(|offer| offer.price) else {
            return Ok(());
        };
        let (side, replenish) = (order.side.opposite(), self.config.replenish);
        let mut index = 0;
        while order.leaves() > 0 {
            let Some(offer) = self.offers(here, order).nth(index) else { break };
            index += 1;
            let qty = offer.left.min(order.leaves());
            if qty == 0 {
                continue;
            }
            let is_traced = out.trace.look(order, &self.rules, ts_ns);
            let venue = &mut self.venues[order.instrument as usize];
            venue.has_taken = true;
            let taken = &mut venue.taken[side.index()];
            let Offer { price, shown, .. } = offer;
            let is_on_ladder = rules::is_on_tick(here.instrument, price);
            let level = Level { side, price, shown, is_on_ladder };
            taken.take(replenish, ts_ns, level, [qty; WORLDS]);
            self.orders.watch_for(order.instrument, Places::NEXT_BOOK);
            self.note_live(order.instrument);
            for world in 0..WORLDS {
                // What is taken is taken in every world; the one that fills counts it in `fill`.
                if world != usize::from(order.fills_in) {
                    order.filled[world] = order.filled[world].saturating_add(qty).min(order.qty);
                }
            }
            let price = self.charged(here, order, touch, offer.price);
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

/// Why the rules refuse an order, if they do.
fn refusal(here: &Here<'_>, order: &Resting) -> Option<Reason> {
    let terms = Terms {
        price: order.price,
        qty: order.qty,
        order_type: order.order_type,
        tif: order.tif,
        post_only: order.post_only,
        own_shown: order.own_shown,
        own_until_ns: order.own_until_ns,
    };
    rules::refusal(here.instrument, here.session, &terms)
}

/// Turns a market order with protection into the limit order that the venue makes of it: so far beyond the best
/// price of its own side, as a buyer's bid plus the points.
fn protect(here: &Here<'_>, order: &mut Resting) -> Result<(), Reason> {
    if order.order_type != OrderType::MarketProtected {
        return Ok(());
    }
    let instrument = here.instrument;
    let book = here.book.ok_or(Reason::NoProtectionBase)?;
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
