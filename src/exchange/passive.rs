//! How resting orders fill: by evidence, in three worlds at once.
//!
//! Invariants: evidence, strongest first: *through*, a print at a price worse than ours for the aggressor; *at*, a
//! print at our price beyond the queue ahead; *crossed*, opposite size displayed at or through our price (inferred).
//! In each world evidence is spent once over all own orders, better prices first (law 6). A resting order trades at its
//! own price, but in an auction, see [`super::auction`]. What happens in the worlds that do not fill is figures, and reaches nobody before the order's end.

use super::config::{CrossedFills, ThroughFills};
use super::queue::{AHEAD_UNKNOWN, LOT, Now, WORLDS};
use super::resting::{NO_SLOT, Resting, Watch};
use super::rules;
use super::taken::{Level, Taken};
use super::{Exchange, Market, Outbox, Trace, Trade, fill};
use crate::book::{Book, LevelState};
use crate::feed::{Change, Places};
use crate::wire::{Event, Evidence, Fault, LEVELS_MAX, Side, TraceWhat, UNDEF_TIME};

/// Lots of one fill in each world.
type Lots = [u32; WORLDS];

/// A valid book, and what is to be known of it for both sides.
struct Shown<'a> {
    book: Book<'a>,
    change: &'a Change,
    now: Now,
    /// What was watched before it.
    watched: Places,
    /// Whether orders may be shown it that watch nothing of what it changes.
    is_for_all: bool,
    /// Levels that the source shows at most.
    depth_max: u8,
}

impl Exchange {
    /// A valid print on the passive sides (buys, sells): fills own orders that it went through, then those at its price beyond their queue.
    pub(super) fn on_trade(
        &mut self,
        market: &Market<'_>,
        event: &Event,
        [buy, sell]: [bool; 2],
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let mut evidence = [i64::from(event.trade_qty) * LOT; WORLDS];
        for (side, is_passive) in [(Side::Sell, sell), (Side::Buy, buy)] {
            let best = self.orders.watch(self.orders.first(event.instrument, side));
            // Worse prices than the print's are none of its business.
            if is_passive && best.is_some_and(|best| !side.is_better(event.trade_price, best.price))
            {
                let now = self.now(market, event);
                self.fill_printed(event, now, side, &mut evidence, out)?;
            }
        }
        Ok(())
    }

    #[inline(never)]
    fn fill_printed(
        &mut self,
        event: &Event,
        now: Now,
        side: Side,
        evidence: &mut [i64; WORLDS],
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let ts_ns = event.ts_exch_ns;
        // Lots of others at the print's price that it has consumed so far, front of the queue first.
        let mut passed = [0; WORLDS];
        let mut slot = self.orders.first(event.instrument, side);
        while slot != NO_SLOT {
            let next = self.orders.after(slot);
            let order = self.orders.at_print_mut(slot);
            if side.is_better(event.trade_price, order.price) {
                break;
            }
            let order_id = order.order_id;
            let is_traced = out.trace.look(order, &self.rules, ts_ns);
            let mut lots: Lots = [0; WORLDS];
            if order.price == event.trade_price {
                let own = order.own_printed.min(event.trade_qty);
                order.own_printed -= own;
                order.queue.note_print(&self.rules, now, event.trade_qty - own);
                for (world, lots) in lots.iter_mut().enumerate() {
                    *lots = meet(order, world, &mut evidence[world], &mut passed[world]);
                }
                order.queue.settle(&self.rules);
                if is_traced {
                    out.trace.saw(order, TraceWhat::PrintAt, event, lots);
                }
                let price = event.trade_price;
                self.fill_resting(slot, lots, price, Evidence::At, ts_ns, out)?;
            } else {
                for (world, lots) in lots.iter_mut().enumerate() {
                    let leaves = order.leaves_in(world);
                    *lots = match self.config.through {
                        ThroughFills::Volume => leaves.min(whole(evidence[world])),
                        ThroughFills::Full => leaves,
                    };
                    spend(&mut evidence[world], *lots);
                }
                if is_traced {
                    out.trace.saw(order, TraceWhat::PrintThrough, event, lots);
                }
                let price = order.price;
                self.fill_resting(slot, lots, price, Evidence::Through, ts_ns, out)?;
            }
            slot = self.orders.behind(next, order_id);
        }
        Ok(())
    }

    /// A valid book: side by side queues take it in, and orders that it crosses trade.
    pub(super) fn on_book(
        &mut self,
        market: &Market<'_>,
        event: &Event,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let change = market.window.change(self.row_applied());
        let shown = self.show(market, event, change);
        for side in [Side::Buy, Side::Sell] {
            let watched = self.look_at(&shown, side, &mut out.trace);
            self.orders.watch_for(event.instrument, watched);
            if change.reaches(self.orders.sides(event.instrument).best)[side.index()] {
                self.fill_crossed(market, &shown.book, side, out)?;
            }
        }
        Ok(())
    }

    /// The same of a valid book, `event`, that crosses nothing.
    pub(super) fn take_in(
        &mut self,
        market: &Market<'_>,
        event: &Event,
        change: &Change,
        trace: &mut Trace,
    ) {
        let shown = self.show(market, event, change);
        let buys = self.look_at(&shown, Side::Buy, trace);
        let sells = self.look_at(&shown, Side::Sell, trace);
        self.orders.watch_for(event.instrument, buys.and(sells));
    }

    /// What comes before the sides: used-up lots may come back, and what was watched is forgotten, since what is to be watched
    /// from here on comes from what is there then.
    #[inline(always)]
    fn show<'a>(&mut self, market: &Market<'a>, event: &'a Event, change: &'a Change) -> Shown<'a> {
        let instrument = event.instrument;
        let book = Book { event, depth: market.window.depth(event.depth_ix) };
        let venue = &mut self.venues[instrument as usize];
        venue.match_known_ns = venue.match_known_ns.min(event.ts_exch_ns);
        let (depth_max, has_taken) = (venue.depth_max, venue.has_taken);
        let watched = self.orders.sides(instrument).watched;
        let is_for_all = has_taken || watched.meets(Places::NEXT_BOOK);
        self.orders.watch_only(instrument, Places::NONE);
        if has_taken {
            self.give_back(market, &book);
        }
        Shown { book, change, now: self.now(market, event), watched, is_for_all, depth_max }
    }

    /// Shows a book to the orders of one side; says what they watch from here on. Most books change nothing for most orders.
    #[inline(always)] // so that it is compiled for each side
    fn look_at(&mut self, shown: &Shown<'_>, side: Side, trace: &mut Trace) -> Places {
        let Shown { book, change, now, depth_max, .. } = shown;
        let mut slot = self.orders.first(book.event.instrument, side);
        let on_side = shown.watched.on(side);
        if slot != NO_SLOT && !shown.is_for_all && !change.places.meets(on_side) {
            return on_side;
        }
        let mut watched = Places::NONE;
        while let Some(watch) = self.orders.watch(slot) {
            let Watch { price, mut place, next } = *watch;
            if change.places.meets(place) {
                let state = book.state(side, price, *depth_max);
                place = self.move_queue(slot, book.event, *now, state, trace);
            }
            watched = watched.and(place);
            slot = next;
        }
        watched
    }

    /// Number of the row that is applied.
    fn row_applied(&self) -> u64 {
        self.rows.row.wrapping_sub(1)
    }

    /// What it is to a queue.
    pub(super) fn now(&self, market: &Market<'_>, event: &Event) -> Now {
        Now { ts_ns: event.ts_exch_ns, books: market.window.books(self.row_applied()) }
    }

    #[inline(never)]
    fn give_back(&mut self, market: &Market<'_>, book: &Book<'_>) {
        let depth_max = market.instruments[book.event.instrument as usize].depth_max;
        let changed = market.window.change(self.row_applied()).places;
        let venue = &mut self.venues[book.event.instrument as usize];
        for side in [Side::Buy, Side::Sell] {
            let taken = &mut venue.taken[side.index()];
            taken.on_book(self.config.replenish, book, changed, side, depth_max);
            self.orders.watch_for(book.event.instrument, taken.watched(self.config.replenish));
        }
        venue.has_taken = !venue.taken.iter().all(Taken::is_empty);
        self.note_live(book.event.instrument);
    }

    /// Shows a book to one queue. Says what the next one must change to be shown to it.
    #[inline(never)]
    fn move_queue(
        &mut self,
        slot: u32,
        event: &Event,
        now: Now,
        state: LevelState,
        trace: &mut Trace,
    ) -> Places {
        let (order, place) = self.orders.at_book_mut(slot);
        let is_traced = trace.look(order, &self.rules, now.ts_ns);
        order.queue.on_book(&self.rules, now, state.without(order.own_shown));
        if is_traced {
            trace.saw(order, TraceWhat::Book, event, [0; WORLDS]);
        }
        // What a queue has to learn from the first book that shows its price, it learns when that comes into view.
        let watched = place.for_next_book(is_traced || order.own_shown > 0);
        *place = watched;
        watched
    }

    /// Own orders of `side` that the opposite side reaches trade with what it shows and was not used.
    #[inline(never)]
    fn fill_crossed(
        &mut self,
        market: &Market<'_>,
        book: &Book<'_>,
        side: Side,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let (instrument, ts_ns) = (book.event.instrument, book.event.ts_exch_ns);
        let opposite = side.opposite();
        let Some((touch, _)) = book.level(opposite, 0) else { return Ok(()) };
        if self.config.crossed == CrossedFills::Never {
            return Ok(());
        }
        let mut slot = self.orders.first(instrument, side);
        while slot != NO_SLOT {
            let next = self.orders.after(slot);
            if side.is_better(touch, self.orders.get(slot).price) {
                return Ok(());
            }
            let order = *self.orders.get(slot);
            let mut lots: Lots = [0; WORLDS];
            for (world, lots) in lots.iter_mut().enumerate() {
                let leaves = order.leaves_in(world);
                if self.config.crossed == CrossedFills::Full {
                    *lots = leaves;
                    continue;
                }
                let venue = &mut self.venues[instrument as usize];
                let taken = &mut venue.taken[opposite.index()];
                for index in 0..LEVELS_MAX {
                    let Some((price, shown)) = book.level(opposite, index) else { break };
                    if side.is_better(price, order.price) || *lots == leaves {
                        break;
                    }
                    let replenish = self.config.replenish;
                    let left = taken.left(replenish, world, ts_ns, price, shown);
                    let qty = left.min(leaves - *lots);
                    if qty > 0 {
                        let mut used = [0; WORLDS];
                        used[world] = qty;
                        let known = &market.instruments[instrument as usize];
                        let is_on_ladder = rules::is_on_tick(known, price);
                        let level = Level { side: opposite, price, shown, is_on_ladder };
                        taken.take(replenish, ts_ns, level, used);
                        venue.has_taken = true;
                        self.orders.watch_for(instrument, Places::NEXT_BOOK);
                        *lots += qty;
                    }
                }
            }
            let is_traced = out.trace.look(&order, &self.rules, ts_ns);
            if is_traced {
                out.trace.saw(&order, TraceWhat::Crossed, book.event, lots);
            }
            self.fill_resting(slot, lots, order.price, Evidence::Crossed, ts_ns, out)?;
            slot = self.orders.behind(next, order.order_id);
        }
        Ok(())
    }

    /// Fills a resting order at `price` by `lots` in each world; one that is filled whole leaves, or stays as a ghost for as long as
    /// another world has not filled it.
    pub(super) fn fill_resting(
        &mut self,
        slot: u32,
        lots: Lots,
        price: i64,
        evidence: Evidence,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        if lots.iter().fold(0, |any, lots| any | lots) == 0 {
            return Ok(());
        }
        let order = self.orders.get_mut(slot);
        let fills_in = usize::from(order.fills_in);
        for (world, qty) in lots.into_iter().enumerate() {
            if qty > 0 && order.ts_first_ns[world] == UNDEF_TIME {
                order.ts_first_ns[world] = ts_ns;
            }
            if world != fills_in {
                order.filled[world] += qty;
            }
        }
        if lots[fills_in] > 0 {
            let trade = Trade::new(price, lots[fills_in], evidence, ts_ns);
            fill(order, slot, trade, out)?;
        }
        if order.is_done() {
            self.retire(slot, ts_ns, out)
        } else if order.leaves() == 0 && !self.orders.is_ghost(slot) {
            self.haunt(slot, ts_ns, out)
        } else {
            Ok(())
        }
    }

    /// Keeps a filled order as a ghost; where all places are taken, the oldest one is given up.
    fn haunt(&mut self, slot: u32, now_ns: i64, out: &mut Outbox) -> Result<(), Fault> {
        let Some((ghost, is_used)) = self.orders.ghost_slot() else {
            return self.retire(slot, now_ns, out);
        };
        if is_used {
            self.ghosts_cut += 1;
            self.retire(ghost, now_ns, out)?;
        }
        self.orders.relocate(slot, ghost);
        out.trace.noted(self.orders.get(ghost), TraceWhat::Haunts, now_ns);
        Ok(())
    }
}

/// What a print at the order's price means for it in one world: the queue ahead trades first, then the order.
fn meet(order: &mut Resting, world: usize, evidence: &mut i64, passed: &mut i64) -> u32 {
    let leaves = order.leaves_in(world);
    let ahead = &mut order.queue.ahead[world];
    if leaves == 0 {
        return 0;
    }
    if *ahead == AHEAD_UNKNOWN {
        *passed += *evidence;
        *evidence = 0;
        return 0;
    }
    let consumed = (*ahead - *passed).clamp(0, *evidence);
    *evidence -= consumed;
    *passed += consumed;
    *ahead = (*ahead - *passed).max(0);
    let lots = leaves.min(nearest(*evidence));
    spend(evidence, lots);
    lots
}

fn spend(evidence: &mut i64, lots: u32) {
    *evidence = (*evidence - i64::from(lots) * LOT).max(0);
}

/// Whole lots in `parts`.
fn whole(parts: i64) -> u32 {
    u32::try_from(parts / LOT).unwrap_or(0)
}

/// The nearest number of lots; a half goes up.
fn nearest(parts: i64) -> u32 {
    u32::try_from((parts + LOT / 2).div_euclid(LOT)).unwrap_or(0)
}
