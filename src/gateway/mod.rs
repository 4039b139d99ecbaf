//! The client side of order entry: ids, the orders that are alive, requests under way, and what ends them.
//!
//! Invariants: order ids count from 1 in the order of submission; an order keeps its slot until the strategy
//! has been told its end, so a slot is never reused while a message about it is under way; nothing allocates
//! after construction, and a full table refuses with `FULL`. Cost: O(1) a request and a report.

mod index;
mod timers;

pub use timers::Timers;

use crate::exchange::{Ask, Origin, Request, Terms};
use crate::latency::{ENTRY, Fifo, Leg, Legs, Throttle, draw};
use crate::recorder::{OrderEnd, OrderEnded, OrderRow};
use crate::wire::{
    Fill, OrderReq, OrderType, Reason, Report, ReportKind, Side, Status, Tif, UNDEF_PRICE,
    UNDEF_TIME,
};
use alloc::boxed::Box;
use alloc::vec::Vec;
use index::OrderIndex;

/// An order as its strategy knows it, and whether its slot is in use.
#[derive(Clone, Copy, Debug)]
pub struct ClientOrder {
    /// What will be written when it ends.
    pub row: OrderRow,
    /// Requests sent about it so far.
    requests: u32,
    is_used: bool,
}

const FREE: ClientOrder = ClientOrder {
    row: OrderRow {
        order_id: 0,
        tag: 0,
        ts_submit_ns: UNDEF_TIME,
        ts_accept_ns: UNDEF_TIME,
        ts_end_ns: UNDEF_TIME,
        price: 0,
        qty: 0,
        filled_qty: 0,
        amends: 0,
        instrument: 0,
        strategy: 0,
        side: Side::Buy,
        order_type: 0,
        tif: 0,
        post_only: 0,
        end: OrderEnd::Open,
        reason: Reason::None,
    },
    requests: 0,
    is_used: false,
};

/// The gateway of one lane.
#[derive(Debug)]
pub struct Gateway {
    submit: Leg,
    amend: Leg,
    cancel: Leg,
    seed: u64,
    throttle: Option<Throttle>,
    slots: Box<[ClientOrder]>,
    free: Vec<u32>,
    index: OrderIndex,
    requests: Fifo<Request>,
    /// When the last request sent arrives at the exchange.
    ts_arrive_last_ns: i64,
    order_id_last: u64,
    requests_throttled: u64,
    is_closed: bool,
}

/// A request that was taken, with the terms that the digest wants.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Slot of the order.
    pub slot: u32,
    /// Price asked for.
    pub price: i64,
    /// Quantity asked for.
    pub qty: u32,
    /// When it will have arrived at the exchange, ns; `UNDEF_TIME` where nothing arrives any more.
    pub ts_arrive_ns: i64,
}

impl Gateway {
    /// A gateway without orders. Allocates once.
    pub fn new(legs: &Legs, seed: u64, orders_max: usize, in_flight_max: usize) -> Self {
        Gateway {
            submit: legs.submit.clone(),
            amend: legs.amend.clone(),
            cancel: legs.cancel.clone(),
            seed,
            throttle: legs.throttle.map(Throttle::new),
            slots: alloc::vec![FREE; orders_max].into_boxed_slice(),
            free: (0..orders_max as u32).rev().collect(),
            index: OrderIndex::new(orders_max),
            requests: Fifo::new(in_flight_max),
            ts_arrive_last_ns: i64::MIN,
            order_id_last: 0,
            requests_throttled: 0,
            is_closed: false,
        }
    }

    /// When the first request under way arrives at the exchange.
    #[inline]
    pub fn due_ns(&self) -> i64 {
        self.requests.due_ns()
    }

    /// Requests that the throttle refused or held back.
    pub fn requests_throttled(&self) -> u64 {
        self.requests_throttled
    }

    /// From here on no request arrives any more, neither those under way nor those that are sent.
    pub fn close(&mut self) {
        self.requests.clear();
        self.is_closed = true;
    }

    /// The next request, if it arrives by `now_ns`.
    #[inline]
    pub fn first_due(&self, now_ns: i64) -> Option<&Request> {
        self.requests.first_due(now_ns)
    }

    /// Lets the next request go: it has arrived.
    pub fn pop(&mut self) {
        self.requests.pop();
    }

    /// Sends a new order. Refuses what no exchange could read; the exchange judges the rest.
    pub fn submit(
        &mut self,
        now_ns: i64,
        strategy: u32,
        instruments: usize,
        req: &OrderReq,
    ) -> Result<Sent, Status> {
        let (side, terms) = read(req, instruments).ok_or(Status::InvalidArgument)?;
        if self.requests.room() == 0 {
            return Err(Status::Full);
        }
        let slot = self.free.pop().ok_or(Status::Full)?;
        self.order_id_last += 1;
        let order_id = self.order_id_last;
        let order = &mut self.slots[slot as usize];
        (order.requests, order.is_used) = (0, true);
        order.row = OrderRow {
            order_id,
            tag: req.tag,
            ts_submit_ns: now_ns,
            price: req.price,
            qty: req.qty,
            instrument: req.instrument,
            strategy,
            side,
            order_type: req.order_type,
            tif: req.tif,
            post_only: req.post_only,
            ..FREE.row
        };
        self.index.insert(order_id, slot);
        let ts_arrive_ns = self.send(now_ns, slot, Ask::Submit(terms))?;
        Ok(Sent { slot, price: req.price, qty: req.qty, ts_arrive_ns })
    }

    /// An order as its strategy knows it.
    #[inline]
    pub fn row(&self, slot: u32) -> &OrderRow {
        &self.slots[slot as usize].row
    }

    /// Asks to change price and total quantity of an order of this strategy.
    pub fn amend(
        &mut self,
        now_ns: i64,
        strategy: u32,
        order_id: u64,
        price: i64,
        qty: u32,
    ) -> Result<Sent, Status> {
        let slot = self.find(strategy, order_id)?;
        if qty == 0 || price == UNDEF_PRICE || price == i64::MIN {
            return Err(Status::InvalidArgument);
        }
        let ts_arrive_ns = self.send(now_ns, slot, Ask::Amend { price, qty })?;
        Ok(Sent { slot, price, qty, ts_arrive_ns })
    }

    /// Asks to take an order of this strategy out.
    pub fn cancel(&mut self, now_ns: i64, strategy: u32, order_id: u64) -> Result<Sent, Status> {
        let slot = self.find(strategy, order_id)?;
        let ts_arrive_ns = self.send(now_ns, slot, Ask::Cancel)?;
        let row = self.row(slot);
        Ok(Sent { slot, price: row.price, qty: row.qty - row.filled_qty, ts_arrive_ns })
    }

    /// Takes a report in. Says how this ended the order, if it did; not about an order whose end the client knows already.
    pub fn on_report(&mut self, slot: u32, report: &Report) -> Option<OrderEnded> {
        let order = self.slots.get_mut(slot as usize)?;
        if !order.is_used || order.row.order_id != report.order_id {
            return None;
        }
        let row = &mut order.row;
        let end = match report.kind {
            k if k == ReportKind::Accepted as u8 => {
                row.ts_accept_ns = report.ts_exch_ns;
                return None;
            }
            k if k == ReportKind::Amended as u8 => {
                (row.price, row.qty) = (report.price, report.qty);
                row.amends += 1;
                return None;
            }
            k if k == ReportKind::Rejected as u8 => {
                row.ts_accept_ns = report.ts_exch_ns;
                OrderEnd::Rejected
            }
            k if k == ReportKind::Cancelled as u8 => OrderEnd::Cancelled,
            k if k == ReportKind::Expired as u8 => OrderEnd::Expired,
            _ => return None,
        };
        let filled_qty = row.filled_qty;
        Some(OrderEnded { filled_qty, end, reason: report.reason(), ts_end_ns: report.ts_exch_ns })
    }

    /// Takes a fill in. Says whether it was the order's first, and how it ended the order, if it did; `None` about an order whose
    /// end the client knows already.
    pub fn on_fill(&mut self, slot: u32, fill: &Fill) -> Option<(bool, Option<OrderEnded>)> {
        let order = self.slots.get_mut(slot as usize)?;
        if !order.is_used || order.row.order_id != fill.order_id {
            return None;
        }
        let filled_qty = order.row.filled_qty + fill.qty;
        let is_first = filled_qty == fill.qty;
        if fill.leaves_qty > 0 {
            order.row.filled_qty = filled_qty;
            return Some((is_first, None));
        }
        let (end, reason, ts_end_ns) = (OrderEnd::Filled, Reason::None, fill.ts_exch_ns);
        Some((is_first, Some(OrderEnded { filled_qty, end, reason, ts_end_ns })))
    }

    /// Frees the slot of an order whose end was told.
    pub fn release(&mut self, slot: u32) {
        let order = &mut self.slots[slot as usize];
        self.index.remove(order.row.order_id);
        order.is_used = false;
        self.free.push(slot);
    }

    /// The oldest order that is still open, removed. For the end of a run.
    pub fn take_open(&mut self) -> Option<OrderRow> {
        let used = self.slots.iter().enumerate().filter(|(_, order)| order.is_used);
        let (slot, order) = used.min_by_key(|(_, order)| order.row.order_id)?;
        let row = order.row;
        self.release(slot as u32);
        Some(row)
    }

    fn find(&self, strategy: u32, order_id: u64) -> Result<u32, Status> {
        let slot = self.index.get(order_id).ok_or(Status::NotFound)?;
        let row = self.row(slot);
        let is_own = row.order_id == order_id && row.strategy == strategy;
        if is_own { Ok(slot) } else { Err(Status::NotFound) }
    }

    /// Puts a request on its way; says when it arrives. Inlined, so that the request is built where it waits.
    #[inline(always)]
    fn send(&mut self, now_ns: i64, slot: u32, ask: Ask) -> Result<i64, Status> {
        if self.is_closed {
            return Ok(UNDEF_TIME);
        }
        if self.requests.room() == 0 {
            return Err(Status::Full);
        }
        let ClientOrder { row, requests, .. } = &mut self.slots[slot as usize];
        let number = *requests;
        *requests = number.wrapping_add(1);
        let leg = match ask {
            Ask::Submit(_) => &self.submit,
            Ask::Amend { .. } => &self.amend,
            Ask::Cancel => &self.cancel,
        };
        let leg_ns = leg.ns(now_ns, || draw([self.seed, ENTRY, row.order_id, number.into()]));
        let depart_ns =
            self.throttle.as_mut().map_or(Some(now_ns), |limit| limit.depart_ns(now_ns));
        // What the broker refuses is answered when the exchange's own answer would have come.
        let is_throttled = depart_ns.is_none();
        self.requests_throttled += u64::from(depart_ns != Some(now_ns));
        let arrival_ns = depart_ns.unwrap_or(now_ns).checked_add(leg_ns).ok_or(Status::Overflow)?;
        let origin = Origin {
            tag: row.tag,
            instrument: row.instrument,
            strategy: row.strategy,
            side: row.side,
        };
        let request = Request { order_id: row.order_id, slot, origin, is_throttled, ask };
        self.requests.push(arrival_ns, request).map_err(|_| Status::Full)?;
        // It does not overtake the one before it.
        self.ts_arrive_last_ns = self.ts_arrive_last_ns.max(arrival_ns);
        Ok(self.ts_arrive_last_ns)
    }
}

/// Side and terms that a raw request asks for, if every value is known.
fn read(req: &OrderReq, instruments: usize) -> Option<(Side, Terms)> {
    let terms = Terms {
        price: req.price,
        qty: req.qty,
        order_type: OrderType::from_u8(req.order_type)?,
        tif: Tif::from_u8(req.tif)?,
        post_only: req.post_only == 1,
        own_shown: 0,
        own_until_ns: i64::MAX,
    };
    let price_ok = match terms.order_type {
        OrderType::Limit => req.price != UNDEF_PRICE && req.price != i64::MIN,
        OrderType::Market | OrderType::MarketProtected => req.price == 0,
    };
    let ok = (req.instrument as usize) < instruments && req.qty > 0 && req.post_only <= 1;
    Some((Side::from_u8(req.side)?, (ok && price_ok).then_some(terms)?))
}
