//! The simulated exchange of one lane: what recorded rows and the lane's own requests do to its orders.
//!
//! Invariants: there is no shared book; the rows are never changed. Only valid rows fill (law 8), and the last
//! valid book stays in force. A fill spends evidence, and evidence is spent once over all own orders, better
//! prices first (law 6): a print its quantity, a displayed level its lots less what the lane took of it.
//! Answers leave through [`Outbox`] and reach the strategy by the response leg alone.
//!
//! Every resting order carries three estimates of its queue, each a world of its own with its own fills (law 7). One of
//! them fills the order; the other two are figures, and an order that they would fill later lives on as a ghost.

mod advance;
mod ahead;
mod arrive;
mod auction;
mod config;
mod here;
mod hindsight;
mod passive;
mod queue;
mod resting;
mod rules;
mod taken;
mod trace;
mod walk;

pub use config::{
    Advance, Beyond, CrossedFills, Estimate, ExchangeConfig, Join, Netting, OwnCross, QueueModel,
    Replenish, Slippage, ThroughFills, Unseen,
};
pub use hindsight::HINDSIGHT_NS;
pub use queue::{LOT, WORLDS};
pub use rules::{Terms, is_on_tick};
pub use trace::Trace;

use crate::book::{Book, passive_sides};
use crate::feed::{Cursor, Places, Window, session_at};
use crate::latency::{Fifo, Leg, RESPONSE, draw};
use crate::recorder::{Room, Sink, put};
use crate::wire::{
    Event, Evidence, Fault, Fill, Instrument, QueueRow, Reason, Report, ReportKind, Side, Status,
    Tif, TraceWhat, UNDEF_TIME, flags, kind,
};
use ahead::Looked;
use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;
use auction::NO_MATCH;
use queue::QueueRules;
use resting::{NO_SLOT, Resting, RestingOrders};
use taken::Taken;

/// What a strategy asked for, on its way to the exchange.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// Order.
    pub order_id: u64,
    /// Gateway slot of the order.
    pub slot: u32,
    /// What every answer must carry, even when the order is gone by then.
    pub origin: Origin,
    /// The broker has refused it: it never meets the market, and its answer says so.
    pub is_throttled: bool,
    /// What is asked.
    pub ask: Ask,
}

/// Whose order it is.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The strategy's own mark.
    pub tag: u64,
    /// Instrument.
    pub instrument: u32,
    /// Strategy within the lane.
    pub strategy: u32,
    /// Side.
    pub side: Side,
}

/// The three things a strategy can ask.
#[derive(Clone, Copy, Debug)]
pub enum Ask {
    /// Take the order in.
    Submit(Terms),
    /// Change price and total quantity.
    Amend {
        /// New limit price, 1e-6.
        price: i64,
        /// New total quantity, lots.
        qty: u32,
    },
    /// Take the order out.
    Cancel,
}

/// What the exchange answered, on its way to the strategy.
#[derive(Clone, Copy, Debug)]
pub struct Response {
    /// Gateway slot of the order.
    pub slot: u32,
    /// Lots still ahead by each estimate when it traded; 0 but for passive fills.
    pub ahead: [u32; WORLDS],
    /// The message.
    pub message: Message,
}

/// A report or a fill; `ts_local_ns` is set on delivery.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    /// A report.
    Report(Report),
    /// A fill, without its fee.
    Fill(Fill),
}

/// What leaves the exchange: answers by the response leg, and for whoever drains, what it has to say of its orders.
#[derive(Debug)]
pub struct Outbox {
    /// Answers under way.
    pub line: Fifo<Response>,
    /// Latency of the leg.
    pub response: Leg,
    /// Seed of its draws.
    pub seed: u64,
    /// Orders that left in every world. For whoever drains, not for the strategy.
    pub queues: Vec<QueueRow>,
    queues_room: Room,
    /// Filled quantity of those in each world, lots.
    pub qty_estimated: [u64; WORLDS],
    /// What happens to the order that is traced, if one is. For whoever asked.
    pub trace: Trace,
}

impl Outbox {
    /// An empty one, for so many answers under way, and so many rows between two drains. Allocates once; `queues` have the memory
    /// that whoever runs a lane lends them, or grow.
    pub fn new(in_flight: usize, rows_max: usize, response: &Leg, seed: u64) -> Self {
        Outbox {
            line: Fifo::new(in_flight),
            response: response.clone(),
            seed,
            queues: Vec::new(),
            queues_room: Room::new(rows_max),
            qty_estimated: [0; WORLDS],
            trace: Trace::OFF,
        }
    }

    /// Whether the caller should drain before the next instant.
    #[inline]
    pub fn wants_drain(&self) -> bool {
        self.queues_room.is_over(self.queues.len()) || self.trace.wants_drain()
    }

    /// Hands the rows of the traced order to `sink`; `queues` are drained with the recorder, because the lane asked, or not.
    pub fn drain(&mut self, sink: &mut dyn Sink) {
        self.trace.drain().for_each(|row| sink.trace(&row));
    }

    /// That is about to happen.
    pub fn note_drained(&mut self, is_asked: bool) {
        self.queues_room.drained(self.queues.len(), is_asked);
    }

    /// Puts an answer on its way. Inlined, so that it is built where it waits: see [`put`].
    #[inline(always)]
    fn send(&mut self, ts_ns: i64, response: Response) -> Result<(), Fault> {
        let leg_ns = self.response.ns(ts_ns, || {
            let (order_id, what) = match &response.message {
                Message::Report(report) => (report.order_id, u64::from(report.kind)),
                Message::Fill(fill) => (fill.order_id, u64::from(fill.leaves_qty) << 8),
            };
            draw([self.seed, RESPONSE, order_id, draw([ts_ns as u64, what, 0, 0])])
        });
        let arrival_ns = ts_ns.saturating_add(leg_ns);
        self.line.push(arrival_ns, response).map_err(|_| line_full(ts_ns))
    }
}

#[cold]
fn line_full(ts_ns: i64) -> Fault {
    let message = format!(
        "the exchange's answers at {ts_ns} do not fit the lane's response line; raise capacity.in_flight"
    );
    Fault::new(Status::Full, message)
}

/// What this lane has at the exchange in one instrument, besides its orders.
#[derive(Clone, Debug)]
struct Venue {
    /// Whether an order rests, or taken lots are remembered: without, rows mean nothing here and are passed by.
    is_live: bool,
    /// Whether any of `taken` remembers lots.
    has_taken: bool,
    /// Levels that the source shows at most, once an order has come.
    depth_max: u8,
    /// Lots of the displayed bid (0) and ask (1) side that the lane used up.
    taken: [Taken; 2],
    /// When the last session closed, ns: the book is cleared unless the next one opens at once.
    ts_close_ns: i64,
    /// Match of the last auction that orders could take part in, ns; [`NO_MATCH`].
    match_ns: i64,
    /// Until then nobody knows what it matched, ns: its print or a valid book says so.
    match_known_ns: i64,
}

/// The rows and rules that the exchange reads.
#[derive(Clone, Copy, Debug)]
pub struct Market<'a> {
    /// The window.
    pub window: &'a Window,
    /// Instruments in the run's order.
    pub instruments: &'a [Instrument],
}

/// The exchange of one lane.
#[derive(Clone, Debug)]
pub struct Exchange {
    config: ExchangeConfig,
    rules: QueueRules,
    venues: Box<[Venue]>,
    orders: RestingOrders,
    /// Rows that were applied, or passed by.
    rows: Cursor,
    /// Rows that were looked at.
    looked: Looked,
    /// Whether every row that changes a queue is applied at once.
    is_close: bool,
    /// Instruments that are live.
    live: u32,
    ghosts_cut: u64,
    limits_unknown: u64,
}

impl Exchange {
    /// An exchange without orders. Allocates once.
    pub fn new(config: &ExchangeConfig, orders_max: usize, instruments: usize) -> Self {
        let venue = || Venue {
            is_live: false,
            has_taken: false,
            depth_max: 0,
            taken: [Taken::new(), Taken::new()],
            ts_close_ns: UNDEF_TIME,
            match_ns: NO_MATCH,
            match_known_ns: i64::MIN,
        };
        Exchange {
            config: *config,
            rules: QueueRules::new(config),
            venues: (0..instruments).map(|_| venue()).collect(),
            orders: RestingOrders::new(orders_max, config.ghosts_max, instruments),
            rows: Cursor::new(instruments),
            looked: Looked::default(),
            is_close: false,
            live: 0,
            ghosts_cut: 0,
            limits_unknown: 0,
        }
    }

    /// The last valid book, as of the rows that [`Cursor::sync`] took in last.
    fn book<'a>(&self, market: &Market<'a>, instrument: u32) -> Option<Book<'a>> {
        let (event, depth) = market.window.book(instrument, self.rows.passed(instrument))?;
        Some(Book { event, depth })
    }

    /// What the estimates have made of an order so far; `None` once it has left in every world. O(slots).
    pub fn estimates(&self, order_id: u64) -> Option<QueueRow> {
        self.orders.find(order_id).map(|slot| queue_row(self.orders.get(slot), UNDEF_TIME))
    }

    /// Says how many lots of a shadow the displayed books contain from now on, and how many of its lots are among the
    /// prints that come next, and caused no drop of others. O(slots).
    pub fn show_own(&mut self, order_id: u64, shown_qty: u32, printed_qty: u32) {
        if let Some(slot) = self.orders.find(order_id) {
            let order = self.orders.get_mut(slot);
            (order.own_shown, order.own_printed) = (shown_qty, printed_qty);
        }
    }

    /// Filled orders whose other estimates were given up because too many were followed at once.
    pub fn ghosts_cut(&self) -> u64 {
        self.ghosts_cut
    }

    /// Limit orders on days whose price limits nobody knows: not checked against them.
    pub fn limits_unknown(&self) -> u64 {
        self.limits_unknown
    }

    /// Ends every order that is left: the run is over.
    pub fn finish(&mut self, now_ns: i64, out: &mut Outbox) -> Result<(), Fault> {
        (0..self.orders.slot_count()).try_for_each(|slot| {
            let is_used = self.orders.get(slot).order_id != 0;
            if is_used { self.retire(slot, now_ns, out) } else { Ok(()) }
        })
    }

    /// Whether nothing of the lane is at the exchange: rows mean nothing to it until a request arrives.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.live == 0
    }

    /// The next row to be looked at.
    #[inline]
    pub fn row_next(&self) -> u64 {
        self.looked.row
    }

    /// Passes the rows before number `row`: they mean nothing here.
    #[inline]
    fn pass_to(&mut self, row: u64) {
        self.rows.row = self.rows.row.max(row);
        self.looked = Looked { row: self.looked.row.max(row), is_felt: false };
    }

    /// Lets every row that changes a queue be applied at once, from now on: for the tracer, so that what it writes down is in
    /// the order of time.
    pub fn watch_closely(&mut self) {
        self.is_close = true;
    }

    /// Entries of used-up liquidity lost to full tables.
    pub fn taken_forgotten(&self) -> u64 {
        let filling = self.config.estimate as usize;
        self.venues
            .iter()
            .flat_map(|venue| &venue.taken)
            .map(|taken| taken.forgotten(filling))
            .sum()
    }

    /// Passes the rows up to number `row`, `event`, and applies that one if the lane has anything in its instrument, whether it
    /// means something there or not.
    pub fn on_row(
        &mut self,
        market: &Market<'_>,
        row: u64,
        event: &Event,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        self.pass_to(row.wrapping_add(1));
        let is_live = self.venues[event.instrument as usize].is_live;
        if is_live { self.apply(market, event, out) } else { Ok(()) }
    }

    /// Applies the row that was passed last.
    fn apply(&mut self, market: &Market<'_>, event: &Event, out: &mut Outbox) -> Result<(), Fault> {
        match event.kind {
            kind::BOOK if event.is_book_valid() => self.on_book(market, event, out)?,
            kind::TRADE if event.is_trade_valid() => {
                let book = if event.aggressor == 0 {
                    self.rows.sync(market.window);
                    self.book(market, event.instrument)
                } else {
                    None // It is not asked for.
                };
                self.on_trade(market, event, passive_sides(event, book), out)?;
            }
            kind::TRADE if event.flags & flags::AUCTION_PRINT != 0 => {
                self.on_auction_print(event, out)?;
            }
            kind::SESSION_OPEN | kind::SESSION_CLOSE => self.on_session(market, event, out)?,
            _ => {}
        }
        Ok(())
    }

    /// Finds out whether an instrument is live: after an order has come or gone, or lots were taken or given back.
    fn note_live(&mut self, instrument: u32) {
        let venue = &mut self.venues[instrument as usize];
        let is_live = venue.has_taken || self.orders.has_any(instrument);
        if is_live != venue.is_live {
            venue.is_live = is_live;
            self.live = if is_live { self.live + 1 } else { self.live - 1 };
        }
        if !is_live {
            self.orders.watch_only(instrument, Places::NONE);
        }
    }

    /// Handles a request that arrives at `ts_ns`.
    pub fn on_request(
        &mut self,
        market: &Market<'_>,
        request: &Request,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        if request.is_throttled {
            return self.refuse_throttled(request, ts_ns, out);
        }
        self.rows.sync(market.window);
        match request.ask {
            Ask::Submit(terms) => self.submit(market, request, &terms, ts_ns, out),
            Ask::Amend { price, qty } => self.amend(market, request, price, qty, ts_ns, out),
            Ask::Cancel => self.cancel(market, request, ts_ns, out),
        }
    }

    /// Answers for the broker.
    #[cold]
    fn refuse_throttled(
        &self,
        request: &Request,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let (kind, order) = match request.ask {
            Ask::Submit(terms) => {
                (ReportKind::Rejected, Resting { price: terms.price, ..Resting::of(request) })
            }
            Ask::Amend { .. } => (ReportKind::AmendRejected, self.as_it_stands(request)),
            Ask::Cancel => (ReportKind::CancelRejected, self.as_it_stands(request)),
        };
        report(&order, request.slot, kind, Reason::Throttled, ts_ns, out)
    }

    /// The order of a request; without terms if it is not live.
    fn as_it_stands(&self, request: &Request) -> Resting {
        let is_live = self.orders.is_live(request.slot, request.order_id);
        if is_live { *self.orders.get(request.slot) } else { Resting::of(request) }
    }

    fn cancel(
        &mut self,
        market: &Market<'_>,
        request: &Request,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        if !self.orders.is_live(request.slot, request.order_id) {
            return self.refuse_gone(request, ReportKind::CancelRejected, ts_ns, out);
        }
        let order = self.orders.get(request.slot);
        if self.is_frozen(market, order, ts_ns) {
            let kind = ReportKind::CancelRejected;
            return report(order, request.slot, kind, Reason::Frozen, ts_ns, out);
        }
        self.withdraw(request.slot, ReportKind::Cancelled, Reason::None, ts_ns, out)
    }

    /// Whether a resting order cannot be changed at `ts_ns`: a match is near, or has been and is not yet known.
    fn is_frozen(&self, market: &Market<'_>, order: &Resting, ts_ns: i64) -> bool {
        let Venue { match_ns, match_known_ns, .. } = self.venues[order.instrument as usize];
        let session = session_at(&market.instruments[order.instrument as usize], ts_ns);
        let is_late = session.is_some_and(|session| ts_ns >= session.frozen_from_ns);
        let is_matched = (match_ns..match_known_ns).contains(&ts_ns);
        is_late || is_matched && order.ts_join_ns < match_ns
    }

    /// Takes an order out in every world and reports it.
    fn withdraw(
        &mut self,
        slot: u32,
        kind: ReportKind,
        reason: Reason,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        note_end(self.orders.get(slot), ts_ns, out)?;
        let order = self.orders.get_mut(slot);
        order.qty = order.filled();
        report(order, slot, kind, reason, ts_ns, out)?;
        self.forget(slot);
        Ok(())
    }

    /// Takes an order out in every world.
    fn retire(&mut self, slot: u32, ts_ns: i64, out: &mut Outbox) -> Result<(), Fault> {
        note_end(self.orders.get(slot), ts_ns, out)?;
        self.forget(slot);
        Ok(())
    }

    /// Frees the slot of an order.
    fn forget(&mut self, slot: u32) {
        let instrument = self.orders.get(slot).instrument;
        self.orders.remove(slot);
        self.note_live(instrument);
    }

    /// Answers a request about an order that is not live.
    fn refuse_gone(
        &self,
        request: &Request,
        kind: ReportKind,
        ts_ns: i64,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let gone = Resting::of(request);
        report(&gone, request.slot, kind, Reason::OrderGone, ts_ns, out)
    }

    /// At a close, rest-of-day orders lapse; at an open after a pause, or of an auction, the book starts anew.
    #[cold]
    fn on_session(
        &mut self,
        market: &Market<'_>,
        event: &Event,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        let ts_ns = event.ts_exch_ns;
        let is_auction = event.flags & flags::AUCTION != 0;
        if event.kind == kind::SESSION_OPEN && is_auction {
            let session = session_at(&market.instruments[event.instrument as usize], ts_ns);
            self.note_auction(event.instrument, session);
        }
        let now = self.now(market, event);
        let venue = &mut self.venues[event.instrument as usize];
        if event.kind == kind::SESSION_OPEN {
            if venue.ts_close_ns != ts_ns || is_auction {
                venue.taken.iter_mut().for_each(Taken::clear);
                venue.has_taken = false;
                self.note_live(event.instrument);
                for side in [Side::Buy, Side::Sell] {
                    let mut slot = self.orders.first(event.instrument, side);
                    while slot != NO_SLOT {
                        let order = self.orders.get_mut(slot);
                        let is_traced = out.trace.look(order, &self.rules, ts_ns);
                        order.queue.lose_sight(&self.rules, now);
                        if is_traced {
                            out.trace.saw(order, TraceWhat::SightLost, event, [0; WORLDS]);
                        }
                        slot = self.orders.after(slot);
                    }
                }
            }
            return Ok(());
        }
        (venue.ts_close_ns, venue.match_ns) = (ts_ns, NO_MATCH);
        for side in [Side::Buy, Side::Sell] {
            let mut slot = self.orders.first(event.instrument, side);
            while slot != NO_SLOT {
                let next = self.orders.after(slot);
                if self.orders.get(slot).tif == Tif::Rod {
                    if self.orders.is_ghost(slot) {
                        self.retire(slot, ts_ns, out)?;
                    } else {
                        let reason = Reason::SessionEnd;
                        self.withdraw(slot, ReportKind::Expired, reason, ts_ns, out)?;
                    }
                }
                slot = next;
            }
        }
        Ok(())
    }
}

/// Writes down what the estimates made of an order that leaves for good.
fn note_end(order: &Resting, ts_ns: i64, out: &mut Outbox) -> Result<(), Fault> {
    put(&mut out.queues, queue_row(order, ts_ns), &out.queues_room, "queues")?;
    for (sum, qty) in out.qty_estimated.iter_mut().zip(order.filled) {
        *sum += u64::from(qty);
    }
    out.trace.noted(order, TraceWhat::Gone, ts_ns);
    Ok(())
}

fn queue_row(order: &Resting, ts_end_ns: i64) -> QueueRow {
    QueueRow {
        order_id: order.order_id,
        ts_join_ns: order.ts_join_ns,
        ts_end_ns,
        filled_qty: order.filled,
        ts_first_ns: order.ts_first_ns,
        ahead_qty: order.queue.ahead_lots(),
    }
}

/// Sends a report about an order in its present state.
fn report(
    order: &Resting,
    slot: u32,
    kind: ReportKind,
    reason: Reason,
    ts_ns: i64,
    out: &mut Outbox,
) -> Result<(), Fault> {
    let report = Report {
        ts_exch_ns: ts_ns,
        ts_local_ns: UNDEF_TIME,
        order_id: order.order_id,
        tag: order.tag,
        price: order.price,
        qty: order.qty,
        leaves_qty: order.leaves(),
        instrument: order.instrument,
        strategy: order.strategy,
        kind: kind as u8,
        side: order.side as u8,
        reason: reason as u16,
        reserved: 0,
    };
    out.trace.noted(order, TraceWhat::Answered(kind, reason), ts_ns);
    out.send(ts_ns, Response { slot, ahead: [0; WORLDS], message: Message::Report(report) })
}

/// One execution, before it is told.
#[derive(Clone, Copy, Debug)]
struct Trade {
    price: i64,
    qty: u32,
    evidence: Evidence,
    inferred: bool,
    ts_ns: i64,
}

impl Trade {
    fn new(price: i64, qty: u32, evidence: Evidence, ts_ns: i64) -> Self {
        let inferred = evidence == Evidence::Crossed;
        Trade { price, qty, evidence, inferred, ts_ns }
    }
}

/// Fills an order, whether it rests or has just arrived, and sends the fill.
fn fill(order: &mut Resting, slot: u32, trade: Trade, out: &mut Outbox) -> Result<(), Fault> {
    order.filled[usize::from(order.fills_in)] += trade.qty;
    let fill = Fill {
        ts_exch_ns: trade.ts_ns,
        ts_local_ns: UNDEF_TIME,
        order_id: order.order_id,
        tag: order.tag,
        price: trade.price,
        fee: 0,
        qty: trade.qty,
        leaves_qty: order.leaves(),
        instrument: order.instrument,
        strategy: order.strategy,
        side: order.side as u8,
        evidence: trade.evidence as u8,
        inferred: u8::from(trade.inferred),
        reserved: [0; 5],
    };
    let is_taken = trade.evidence == Evidence::Taken;
    let ahead = if is_taken { [0; WORLDS] } else { order.queue.ahead_lots() };
    out.send(trade.ts_ns, Response { slot, ahead, message: Message::Fill(fill) })
}
