//! The simulated exchange of one lane: what recorded rows and the lane's own requests do to its orders.
//!
//! Invariants: there is no shared book; the rows are never changed. Only valid rows fill (law 8), and the last
//! valid book stays in force. A fill spends evidence, and evidence is spent once over all own orders, better
//! prices first (law 6): a print its quantity, a displayed level its lots less what the lane took of it.
//! Answers leave through [`Outbox`] and reach the strategy by the response leg alone.
//!
//! The queue model is risk-averse: the displayed size at arrival is ahead; prints at the price and smaller
//! displayed sizes shorten it; cancels are behind. Source: Rigtorp 2013, and hftbacktest's `RiskAdverse`.

mod matching;
mod resting;
mod rules;
mod taken;

pub use resting::AHEAD_UNKNOWN;
pub use rules::Terms;

use crate::feed::{Kept, Window};
use crate::latency::Fifo;
use crate::wire::Fault;
use crate::wire::{
    Event, Evidence, Fill, Instrument, Reason, Report, ReportKind, Side, Status, Tif, UNDEF_TIME,
    kind,
};
use alloc::boxed::Box;
use alloc::format;
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
    /// Lots ahead when the evidence came; 0 but for passive fills.
    pub ahead: u32,
    /// The message.
    pub message: Message,
}

impl Response {
    /// Nothing, to fill unused slots.
    pub const BLANK: Response = Response {
        slot: 0,
        ahead: 0,
        message: Message::Report(Report {
            ts_exch_ns: 0,
            ts_local_ns: 0,
            order_id: 0,
            tag: 0,
            price: 0,
            qty: 0,
            leaves_qty: 0,
            instrument: 0,
            strategy: 0,
            kind: 0,
            side: 0,
            reason: 0,
            reserved: 0,
        }),
    };
}

/// A report or a fill; `ts_local_ns` is set on delivery.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    /// A report.
    Report(Report),
    /// A fill, without its fee.
    Fill(Fill),
}

/// The response leg.
#[derive(Debug)]
pub struct Outbox {
    /// Answers under way.
    pub line: Fifo<Response>,
    /// Latency of the leg, ns.
    pub response_ns: i64,
}

impl Outbox {
    fn send(&mut self, ts_ns: i64, response: Response) -> Result<(), Fault> {
        let arrival_ns = ts_ns.saturating_add(self.response_ns);
        self.line.push(arrival_ns, response).map_err(|_| {
            Fault::new(
                Status::Full,
                format!(
                    "the exchange's answers at {ts_ns} do not fit the lane's response line; \
                     raise capacity.in_flight"
                ),
            )
        })
    }
}

/// One instrument as this lane's exchange sees it.
#[derive(Debug)]
struct Venue {
    /// The last valid book.
    book: Kept,
    /// Lots of the displayed bid (0) and ask (1) side that the lane used up.
    taken: [Taken; 2],
    /// When the last session closed; orders find the book cleared unless the next one opens at once.
    ts_close_ns: i64,
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
#[derive(Debug)]
pub struct Exchange {
    venues: Box<[Venue]>,
    orders: RestingOrders,
}

impl Exchange {
    /// An exchange without orders. Allocates once.
    pub fn new(orders_max: usize, instruments: usize) -> Self {
        let venue =
            || Venue { book: Kept::NONE, taken: Default::default(), ts_close_ns: UNDEF_TIME };
        Exchange {
            venues: (0..instruments).map(|_| venue()).collect(),
            orders: RestingOrders::new(orders_max, instruments),
        }
    }

    /// Copies the books that are about to leave the window.
    pub fn save(&mut self, window: &Window, row_first: u64) {
        for venue in &mut self.venues {
            venue.book.save(window, row_first);
        }
    }

    /// Entries of used-up liquidity lost to full tables.
    pub fn taken_forgotten(&self) -> u64 {
        self.venues.iter().flat_map(|v| &v.taken).map(Taken::forgotten).sum()
    }

    /// Applies row number `row` of the window.
    #[inline]
    pub fn on_row(
        &mut self,
        market: &Market<'_>,
        row: u64,
        event: &Event,
        out: &mut Outbox,
    ) -> Result<(), Fault> {
        match event.kind {
            kind::BOOK if event.is_book_valid() => {
                let venue = &mut self.venues[event.instrument as usize];
                venue.book.set(row);
                let idle = venue.taken[0].is_empty() && venue.taken[1].is_empty();
                if idle && !self.orders.has_any(event.instrument) {
                    return Ok(());
                }
                self.on_book(market, event, out)
            }
            kind::TRADE if event.is_trade_valid() && self.orders.has_any(event.instrument) => {
                self.on_trade(market, event, out)
            }
            kind::SESSION_OPEN | kind::SESSION_CLOSE => self.on_session(event, out),
            _ => Ok(()),
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
        match request.ask {
            Ask::Submit(terms) => self.submit(market, request, &terms, ts_ns, out),
            Ask::Amend { price, qty } => self.amend(market, request, price, qty, ts_ns, out),
            Ask::Cancel => self.cancel(request, ts_ns, out),
        }
    }

    fn cancel(&mut self, request: &Request, ts_ns: i64, out: &mut Outbox) -> Result<(), Fault> {
        if !self.orders.is_live(request.slot, request.order_id) {
            return self.refuse_gone(request, ReportKind::CancelRejected, ts_ns, out);
        }
        let mut order = self.orders.remove(request.slot);
        order.qty = order.filled;
        report(&order, request.slot, ReportKind::Cancelled, Reason::None, ts_ns, out)
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

    /// At a close, rest-of-day orders lapse; at an open after a pause, the book starts anew.
    fn on_session(&mut self, event: &Event, out: &mut Outbox) -> Result<(), Fault> {
        let ts_ns = event.ts_exch_ns;
        let venue = &mut self.venues[event.instrument as usize];
        if event.kind == kind::SESSION_OPEN {
            if venue.ts_close_ns != ts_ns {
                venue.book.clear();
                venue.taken.iter_mut().for_each(Taken::clear);
            }
            return Ok(());
        }
        venue.ts_close_ns = ts_ns;
        for side in [Side::Buy, Side::Sell] {
            let mut slot = self.orders.first(event.instrument, side);
            while slot != NO_SLOT {
                let next = self.orders.after(slot);
                if self.orders.get(slot).tif == Tif::Rod {
                    let mut order = self.orders.remove(slot);
                    order.qty = order.filled;
                    report(&order, slot, ReportKind::Expired, Reason::SessionEnd, ts_ns, out)?;
                }
                slot = next;
            }
        }
        Ok(())
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
    out.send(ts_ns, Response { slot, ahead: 0, message: Message::Report(report) })
}

/// Fills `qty` of an order, whether it rests or has just arrived, and sends the fill.
fn fill(
    order: &mut Resting,
    slot: u32,
    price: i64,
    qty: u32,
    evidence: Evidence,
    ts_ns: i64,
    out: &mut Outbox,
) -> Result<(), Fault> {
    order.filled += qty;
    let fill = Fill {
        ts_exch_ns: ts_ns,
        ts_local_ns: UNDEF_TIME,
        order_id: order.order_id,
        tag: order.tag,
        price,
        fee: 0,
        qty,
        leaves_qty: order.leaves(),
        instrument: order.instrument,
        strategy: order.strategy,
        side: order.side as u8,
        evidence: evidence as u8,
        inferred: u8::from(evidence == Evidence::Crossed),
        reserved: [0; 5],
    };
    let ahead = if evidence == Evidence::Taken { 0 } else { order.ahead };
    out.send(ts_ns, Response { slot, ahead, message: Message::Fill(fill) })
}
